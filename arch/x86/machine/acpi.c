// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACPI tables of the PC boards: RSDP, XSDT, FADT, FACS, MADT, HPET, MCFG,
 * WAET, SRAT, SLIT (ACPI 6.4 chapter 5; HPET 1.0a; PCI firmware 3.2 for MCFG; WAET is
 * Microsoft's). The DSDT is written by dsdt.c.
 */
#include <errno.h>
#include <string.h>
#include "acpi.h"
#include "bytes.h"
#include "dsdt.h"
#include "machine/pc.h"
#include "mem.h"

struct header {
	char signature[4];
	__le32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	__le32 oem_revision;
	char creator[4];
	__le32 creator_revision;
} __packed;
_Static_assert(sizeof(struct header) == 36, "ACPI table header");

struct gas {
	u8 space, bits, offset, access;
	__le64 addr;
} __packed;

struct fadt {
	struct header h;
	__le32 facs, dsdt;
	u8 reserved1, pm_profile;
	__le16 sci_int;
	__le32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	__le32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	__le16 p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, mon_alarm, century;
	__le16 boot_arch;
	u8 reserved2;
	__le32 flags;
	struct gas reset;
	u8 reset_value;
	__le16 arm_boot_arch;
	u8 minor;
	__le64 x_facs, x_dsdt;
	struct gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr, x_gpe0, x_gpe1;
	struct gas sleep_control, sleep_status;
} __packed;
_Static_assert(sizeof(struct fadt) == 268, "FADT of ACPI 5");

#define BOOT_LEGACY		0x0001
#define BOOT_8042		0x0002
#define BOOT_NO_VGA		0x0004
#define BOOT_NO_RTC		0x0020
#define FADT_WBINVD		0x00000001
#define FADT_PROC_C1		0x00000004
#define FADT_SLP_BUTTON		0x00000020

#define FADT_RESET_REG		0x00000400
#define SPACE_IO		1

/* ---- the blob ---- */

struct builder {
	struct acpi_tables *t;
	struct aml out;		/* only its buffer is used */
};

static void add_pointer(struct acpi_tables *t, bool in_rsdp, u32 offset, u8 size)
{
	BUG_ON(t->pointers == ACPI_FIXUPS);
	t->pointer[t->pointers].in_rsdp = in_rsdp;
	t->pointer[t->pointers].offset = offset;
	t->pointer[t->pointers++].size = size;
}

static u32 align_blob(struct builder *b)
{
	static const u8 zero[64];
	size_t pad = ALIGN_UP(b->out.len, 64) - b->out.len;

	aml_raw(&b->out, zero, pad);
	return (u32)b->out.len;
}

static void fill_header(struct header *h, const char *sig, u32 len, u8 revision)
{
	memcpy(h->signature, sig, 4);
	h->length = cpu_to_le32(len);
	h->revision = revision;
	memcpy(h->oem, "VMBOX ", 6);
	memcpy(h->oem_table, "VMBOXPC ", 8);
	h->oem_revision = cpu_to_le32(1);
	memcpy(h->creator, "VMBX", 4);
	h->creator_revision = cpu_to_le32(1);
}

/* Appends a finished table (header included in p); its checksum is due later. */
static u32 add_table(struct builder *b, const char *sig, u8 revision, void *p, u32 len)
{
	u32 at = align_blob(b);

	fill_header(p, sig, len, revision);
	aml_raw(&b->out, p, len);
	BUG_ON(b->t->sums == ACPI_FIXUPS);
	b->t->sum[b->t->sums].offset = at + 9;
	b->t->sum[b->t->sums].start = at;
	b->t->sum[b->t->sums++].len = len;
	return at;
}

static u32 add_facs(struct builder *b)
{
	u8 facs[64] = "FACS";
	u32 at = align_blob(b);

	put_le32(facs + 4, sizeof(facs));
	facs[32] = 2;
	aml_raw(&b->out, facs, sizeof(facs));
	return at;
}

static u32 add_dsdt(struct builder *b, const struct acpi_config *cfg)
{
	struct aml a = { 0 };
	struct header h = { 0 };
	u32 at;

	aml_raw(&a, &h, sizeof(h));
	dsdt_write(&a, cfg);
	if (aml_failed(&a)) {
		b->out.failed = true;
		at = 0;
	} else {
		at = add_table(b, "DSDT", 2, a.buf, (u32)a.len);
	}
	aml_free(&a);
	return at;
}

static struct gas io_gas(u64 addr, u8 bits)
{
	return (struct gas){ SPACE_IO, bits, 0, bits == 32 ? 3 : bits == 16 ? 2 : 1, cpu_to_le64(addr) };
}

static u32 add_fadt(struct builder *b, const struct acpi_config *cfg, u32 facs, u32 dsdt)
{
	u16 pm = cfg->pmbase;
	struct fadt f = {
		.facs = cpu_to_le32(facs), .dsdt = cpu_to_le32(dsdt), .sci_int = cpu_to_le16(cfg->sci),
		.smi_cmd = cpu_to_le32(cfg->always_on ? 0 : 0xb2), .acpi_enable = cfg->always_on ? 0 : 2, .acpi_disable = cfg->always_on ? 0 : 3,
		.pm1a_evt = cpu_to_le32(pm), .pm1a_cnt = cpu_to_le32(pm + 4U), .pm_tmr = cpu_to_le32(pm + 8U),
		.gpe0 = cpu_to_le32(pm + 0x20U), .pm1_evt_len = 4, .pm1_cnt_len = 2, .pm_tmr_len = 4, .gpe0_len = 16,
		.p_lvl2_lat = cpu_to_le16(0xfff), .p_lvl3_lat = cpu_to_le16(0xfff), .century = cfg->rtc ? 0x32 : 0,
		.boot_arch = cpu_to_le16(BOOT_LEGACY | (cfg->rtc ? 0 : BOOT_NO_RTC) | (cfg->i8042 ? BOOT_8042 : 0) | (cfg->vga ? 0 : BOOT_NO_VGA)),
		.flags = cpu_to_le32(FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RESET_REG),
		.reset = io_gas(0xcf9, 8), .reset_value = 0x0f,
		.x_dsdt = cpu_to_le64(dsdt),
		.x_pm1a_evt = io_gas(pm, 32), .x_pm1a_cnt = io_gas(pm + 4U, 16), .x_pm_tmr = io_gas(pm + 8U, 32),
		.x_gpe0 = io_gas(pm + 0x20U, 128),
	};
	u32 at = add_table(b, "FACP", 5, &f, sizeof(f));

	add_pointer(b->t, false, at + offsetof(struct fadt, facs), 4);
	add_pointer(b->t, false, at + offsetof(struct fadt, dsdt), 4);
	add_pointer(b->t, false, at + offsetof(struct fadt, x_dsdt), 8);
	return at;
}

static void madt_override(struct aml *a, u8 irq, u8 gsi, u16 flags)
{
	u8 e[10] = { 2, 10, 0, irq };

	put_le32(e + 4, gsi);
	put_le16(e + 8, flags);
	aml_raw(a, e, sizeof(e));
}

static void madt_cpu(struct aml *a, unsigned n, u32 apic_id)
{
	u8 e[8] = { 0, 8, (u8)n, (u8)apic_id };

	put_le32(e + 4, 1);
	aml_raw(a, e, sizeof(e));
}

static u32 add_madt(struct builder *b, const struct acpi_config *cfg)
{
	static const u8 level[] = { 5, 9, 10, 11 };
	struct aml a = { 0 };
	u8 head[44] = { 0 }, ioapic[12] = { 1, 12, 0, 0 }, nmi[6] = { 4, 6, 0xff, 0, 0, 1 };
	unsigned i;
	u32 at = 0;

	put_le32(head + 36, 0xfee00000);
	put_le32(head + 40, cfg->pit ? 1 : 0);		/* PCAT_COMPAT: 8259s present */
	aml_raw(&a, head, sizeof(head));
	for (i = 0; i < cfg->cpus; i++)
		madt_cpu(&a, i, x86_topology_apic_id(cfg->topology, i));
	put_le32(ioapic + 4, 0xfec00000);
	aml_raw(&a, ioapic, sizeof(ioapic));
	madt_override(&a, 0, 2, 0);
	for (i = 0; i < ARRAY_SIZE(level); i++)
		madt_override(&a, level[i], level[i], 0x000d);	/* level, active high */
	aml_raw(&a, nmi, sizeof(nmi));
	if (a.failed)
		b->out.failed = true;
	else
		at = add_table(b, "APIC", 3, a.buf, (u32)a.len);
	aml_free(&a);
	return at;
}

static u32 add_hpet(struct builder *b)
{
	u8 t[56] = { 0 };

	put_le32(t + 36, 0x8086a201);
	t[41] = 64;			/* memory space, register width */
	put_le64(t + 44, 0xfed00000);
	return add_table(b, "HPET", 1, t, sizeof(t));
}

static u32 add_mcfg(struct builder *b, const struct acpi_config *cfg)
{
	u8 t[60] = { 0 };

	put_le64(t + 44, cfg->ecam);
	t[55] = 255;			/* busses 0 to 255 of segment 0 */
	return add_table(b, "MCFG", 1, t, sizeof(t));
}

static u32 add_waet(struct builder *b)
{
	u8 t[40] = { 0 };

	put_le32(t + 36, 2);		/* the PM timer needs one read only */
	return add_table(b, "WAET", 1, t, sizeof(t));
}

/* ---- nodes ---- */

static void srat_cpu(struct aml *a, u32 apic_id, u8 node)
{
	u8 e[16] = { 0, sizeof(e), node, (u8)apic_id };

	e[4] = 1;			/* enabled */
	aml_raw(a, e, sizeof(e));
}

static void srat_range(struct aml *a, u64 first, u64 end, u8 node)
{
	u8 e[40] = { 1, sizeof(e), node };

	if (first >= end)
		return;
	put_le64(e + 8, first);
	put_le64(e + 16, end - first);
	e[28] = 1;			/* enabled */
	aml_raw(a, e, sizeof(e));
}

/* RAM from first to end, counted without holes: what lies below the video memory, below the PCI window, above 4 GiB. */
static void srat_memory(struct aml *a, u64 first, u64 end, u64 below_4g, u8 node)
{
	const u64 hole = 640 * KiB;

	srat_range(a, first, MIN(end, hole), node);
	srat_range(a, MAX(first, MiB), MIN(end, below_4g), node);
	if (end > below_4g)
		srat_range(a, MAX(first, below_4g) - below_4g + 4 * GiB, end - below_4g + 4 * GiB, node);
}

static u32 add_srat(struct builder *b, const struct acpi_config *cfg)
{
	const struct pc_numa *numa = cfg->numa;
	struct aml a = { 0 };
	u8 head[48] = { 0 };
	u64 first = 0;
	unsigned i;
	u32 at = 0;

	head[36] = 1;
	aml_raw(&a, head, sizeof(head));
	for (i = 0; i < cfg->cpus; i++)
		srat_cpu(&a, x86_topology_apic_id(cfg->topology, i), numa->cpu_node[i]);
	for (i = 0; i < numa->nodes; i++) {
		srat_memory(&a, first, first + numa->mem[i], cfg->below_4g, (u8)i);
		first += numa->mem[i];
	}
	if (a.failed)
		b->out.failed = true;
	else
		at = add_table(b, "SRAT", 1, a.buf, (u32)a.len);
	aml_free(&a);
	return at;
}

static u32 add_slit(struct builder *b, const struct pc_numa *numa)
{
	u8 t[44 + PC_NODES * PC_NODES] = { 0 };
	unsigned i;

	put_le64(t + 36, numa->nodes);
	for (i = 0; i < numa->nodes; i++)
		memcpy(t + 44 + i * numa->nodes, numa->distance[i], numa->nodes);
	return add_table(b, "SLIT", 1, t, 44 + numa->nodes * numa->nodes);
}

static void build_rsdp(struct acpi_tables *t, u32 xsdt)
{
	memcpy(t->rsdp, "RSD PTR ", 8);
	memcpy(t->rsdp + 9, "VMBOX ", 6);
	t->rsdp[15] = 2;
	put_le32(t->rsdp + 20, sizeof(t->rsdp));
	put_le64(t->rsdp + 24, xsdt);
	add_pointer(t, true, 24, 8);
}

int acpi_build(struct acpi_tables *t, const struct acpi_config *cfg, struct err *err)
{
	struct builder b = { .t = t };
	u8 xsdt[36 + 8 * 8] = { 0 };
	u32 list[8], n = 0, i, at, facs;

	memset(t, 0, sizeof(*t));
	facs = add_facs(&b);
	list[n++] = add_fadt(&b, cfg, facs, add_dsdt(&b, cfg));
	list[n++] = add_madt(&b, cfg);
	if (cfg->hpet)
		list[n++] = add_hpet(&b);
	if (cfg->ecam)
		list[n++] = add_mcfg(&b, cfg);
	if (cfg->numa)
		list[n++] = add_srat(&b, cfg);
	if (cfg->numa && cfg->numa->has_distance)
		list[n++] = add_slit(&b, cfg->numa);
	list[n++] = add_waet(&b);
	for (i = 0; i < n; i++)
		put_le64(xsdt + 36 + 8 * i, list[i]);
	at = add_table(&b, "XSDT", 1, xsdt, 36 + 8 * n);
	for (i = 0; i < n; i++)
		add_pointer(t, false, at + 36 + 8 * i, 8);
	build_rsdp(t, at);
	if (b.out.failed) {
		aml_free(&b.out);
		return err_set(err, ENOMEM, "out of memory");
	}
	t->blob = b.out.buf;
	t->len = b.out.len;
	return 0;
}

void acpi_free(struct acpi_tables *t)
{
	mem_free(t->blob);
	t->blob = NULL;
}

static u8 sum_of(const u8 *p, u32 len)
{
	u8 s = 0;

	while (len--)
		s += *p++;
	return s;
}

void acpi_place(struct acpi_tables *t, u64 blob_at)
{
	unsigned i;

	for (i = 0; i < t->pointers; i++) {
		u8 *p = (t->pointer[i].in_rsdp ? t->rsdp : t->blob) + t->pointer[i].offset;

		if (t->pointer[i].size == 8)
			put_le64(p, get_le64(p) + blob_at);
		else
			put_le32(p, get_le32(p) + (u32)blob_at);
	}
	for (i = 0; i < t->sums; i++)
		t->blob[t->sum[i].offset] -= sum_of(t->blob + t->sum[i].start, t->sum[i].len);
	t->rsdp[8] -= sum_of(t->rsdp, 20);
	t->rsdp[32] -= sum_of(t->rsdp, 36);
}
