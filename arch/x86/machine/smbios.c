// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SMBIOS tables (DMTF DSP0134 2.8): what systemd, dmidecode and installers
 * learn about the machine: system, chassis, processors, memory.
 */
#include <string.h>
#include "bytes.h"
#include "dev/pci.h"
#include "machine/smbios.h"
#include "mem.h"
#include "pc.h"
#include "smbios.h"
#include "str.h"

#define DIMM_MAX	(16 * GiB)	/* a memory device */
#define FOUR_GIB	0x100000000ULL
#define MAKER		"QEMU"	/* what guests know virtual machines by */
#define PRODUCT		"Standard PC (Q35 + ICH9, 2009)"

struct table {
	struct smbios *s;
	struct strbuf out;
	size_t start;		/* of the structure under way */
	unsigned strings;
	const struct smbios_conf *conf;
};

static void put(struct table *t, const void *p, size_t len)
{
	if (len)
		strbuf_add(&t->out, p, len);
}

/* Begins a structure with len bytes in its formatted part, head included. */
static void begin(struct table *t, u8 type, u16 handle, const u8 *body, u8 len)
{
	u8 head[4] = { type, len };

	put_le16(head + 2, handle);
	t->start = t->out.len;
	t->strings = 0;
	put(t, head, 4);
	put(t, body, len - 4U);
}

/* The next string of the structure, its number at that offset of it; an empty one has none. */
static void add_string(struct table *t, size_t at, const char *text)
{
	if (!text || !*text || strbuf_failed(&t->out))
		return;
	t->out.s[t->start + at] = (char)++t->strings;
	put(t, text, strlen(text) + 1);
}

/* What the user said, or else this. */
static void add_text(struct table *t, size_t at, enum smbios_text which, const char *other)
{
	const char *said = t->conf->text[which];

	add_string(t, at, said ? said : other);
}

static void end(struct table *t)
{
	put(t, "\0\0", t->strings ? 1 : 2);
	t->s->largest = MAX(t->s->largest, (u16)(t->out.len - t->start));
	t->s->count++;
}

/* A structure of the user's file stands in for ours. */
static bool ours(const struct table *t, unsigned type)
{
	return !t->conf->loaded[type];
}

static const char *board_name(const struct pc *pc)
{
	return pc->microvm ? "microvm" : "pc-q35";
}

static void bios_info(struct table *t)
{
	const struct smbios_conf *c = t->conf;
	u8 b[20] = { 0, 0, 0x00, 0xe8 };	/* begins at 0xe8000, size 0: 64 KiB */

	put_le64(b + 6, BIT(3));		/* characteristics: not supported */
	b[15] = (u8)(BIT(2) | BIT(4) | (c->uefi ? BIT(3) : 0));	/* content distribution, a virtual machine, UEFI */
	b[16] = c->release_major;
	b[17] = c->release_minor;
	b[18] = b[19] = 0xff;			/* embedded controller: none */
	begin(t, 0, 0, b, 24);
	add_text(t, 4, SMBIOS_BIOS_VENDOR, NULL);
	add_text(t, 5, SMBIOS_BIOS_VERSION, NULL);
	add_text(t, 8, SMBIOS_BIOS_DATE, NULL);
	end(t);
}

static void system_info(struct table *t, const struct pc *pc)
{
	u8 b[23] = { 0 };

	/* The first three fields are little endian from 2.6 on. */
	if (pc->cfg.has_uuid) {
		put_le32(b + 4, get_be32(pc->cfg.uuid));
		put_le16(b + 8, get_be16(pc->cfg.uuid + 4));
		put_le16(b + 10, get_be16(pc->cfg.uuid + 6));
		memcpy(b + 12, pc->cfg.uuid + 8, 8);
	}
	b[20] = 6;		/* woken by the power switch */
	begin(t, 1, 0x100, b, 27);
	add_text(t, 4, SMBIOS_SYSTEM_MANUFACTURER, MAKER);
	add_text(t, 5, SMBIOS_SYSTEM_PRODUCT, PRODUCT);
	add_text(t, 6, SMBIOS_SYSTEM_VERSION, "vmbox");
	add_text(t, 7, SMBIOS_SYSTEM_SERIAL, NULL);
	add_text(t, 25, SMBIOS_SYSTEM_SKU, NULL);
	add_text(t, 26, SMBIOS_SYSTEM_FAMILY, NULL);
	end(t);
}

static void baseboard(struct table *t, const struct pc *pc)
{
	u8 b[11] = { [5] = 1, [9] = 10 };	/* a hosting board; a motherboard */

	put_le16(b + 7, 0x300);			/* in that chassis */
	begin(t, 2, 0x200, b, 15);
	add_text(t, 4, SMBIOS_BOARD_MANUFACTURER, MAKER);
	add_text(t, 5, SMBIOS_BOARD_PRODUCT, PRODUCT);
	add_text(t, 6, SMBIOS_BOARD_VERSION, board_name(pc));
	add_text(t, 7, SMBIOS_BOARD_SERIAL, NULL);
	add_text(t, 8, SMBIOS_BOARD_ASSET, NULL);
	add_text(t, 10, SMBIOS_BOARD_LOCATION, NULL);
	end(t);
}

static void chassis(struct table *t, const struct pc *pc)
{
	u8 b[18] = { 0, 1, 0, 0, 0, 3, 3, 3, 2 };

	begin(t, 3, 0x300, b, 22);
	add_text(t, 4, SMBIOS_CHASSIS_MANUFACTURER, MAKER);
	add_text(t, 6, SMBIOS_CHASSIS_VERSION, board_name(pc));
	add_text(t, 7, SMBIOS_CHASSIS_SERIAL, NULL);
	add_text(t, 8, SMBIOS_CHASSIS_ASSET, NULL);
	add_text(t, 21, SMBIOS_CHASSIS_SKU, NULL);
	end(t);
}

/* What CPUID leaf 1 says of the first processor. */
static u64 processor_id(const struct table *t, const struct pc *pc)
{
	u32 r[4];

	if (t->conf->processor_id || !pc->vcpus)
		return t->conf->processor_id;
	x86_cpu_cpuid(pc->vcpus[0].cpu, 1, 0, r);
	return r[0] | (u64)r[3] << 32;
}

static void processor(struct table *t, const struct pc *pc, unsigned n)
{
	const struct x86_topology *topo = &pc->cfg.topology;
	const struct smbios_conf *c = t->conf;
	unsigned cores = MAX(topo->dies, 1U) * topo->cores;
	u8 b[38] = { 0, 3, 1 };			/* central processor; family: other */
	char *socket = str_printf("%s %u", c->text[SMBIOS_CPU_SOCKET] ? c->text[SMBIOS_CPU_SOCKET] : "CPU", n);

	put_le64(b + 4, processor_id(t, pc));
	put_le16(b + 16, c->max_mhz ? c->max_mhz : 2000);
	put_le16(b + 18, c->current_mhz ? c->current_mhz : 2000);
	b[20] = 0x41;				/* populated, enabled */
	b[21] = 1;				/* upgrade: other */
	put_le16(b + 22, 0xffff);		/* caches: not told */
	put_le16(b + 24, 0xffff);
	put_le16(b + 26, 0xffff);
	b[31] = b[32] = (u8)MIN(cores, 255U);	/* and as many enabled */
	b[33] = (u8)MIN(cores * topo->threads, 255U);
	put_le16(b + 34, 2);			/* characteristics unknown */
	put_le16(b + 36, 1);			/* the family again */
	begin(t, 4, (u16)(0x400 + n), b, 42);
	add_string(t, 4, socket);
	add_text(t, 7, SMBIOS_CPU_MANUFACTURER, MAKER);
	add_text(t, 16, SMBIOS_CPU_VERSION, "vmbox");
	add_text(t, 32, SMBIOS_CPU_SERIAL, NULL);
	add_text(t, 33, SMBIOS_CPU_ASSET, NULL);
	add_text(t, 34, SMBIOS_CPU_PART, NULL);
	end(t);
	mem_free(socket);
}

static unsigned sockets(const struct pc *pc)
{
	const struct x86_topology *topo = &pc->cfg.topology;
	unsigned each = MAX(topo->dies, 1U) * topo->cores * topo->threads;

	return (pc->cfg.cpus + each - 1) / each;
}

static void oem_strings(struct table *t)
{
	u8 n = (u8)t->conf->noem;

	begin(t, 11, 0xe00, &n, 5);
	for (unsigned i = 0; i < t->conf->noem; i++) {
		put(t, t->conf->oem[i], strlen(t->conf->oem[i]) + 1);
		t->strings++;
	}
	end(t);
}

static unsigned dimms(const struct pc *pc)
{
	return (unsigned)((pc->m.ram_size + DIMM_MAX - 1) / DIMM_MAX);
}

static void memory_array(struct table *t, const struct pc *pc)
{
	u8 b[19] = { 1, 3, 6 };			/* other place, system memory, multi-bit ECC */
	u64 kib = pc->m.ram_size / 1024;

	put_le32(b + 3, kib < 0x80000000 ? (u32)kib : 0x80000000);
	put_le16(b + 7, 0xfffe);
	put_le16(b + 9, (u16)dimms(pc));
	if (kib >= 0x80000000)
		put_le64(b + 11, pc->m.ram_size);
	begin(t, 16, 0x1000, b, 23);
	end(t);
}

static void memory_device(struct table *t, const struct pc *pc, unsigned n)
{
	u64 mib = MIN(pc->m.ram_size - n * DIMM_MAX, DIMM_MAX) / MiB;
	const struct smbios_conf *c = t->conf;
	u8 b[36] = { 0 };
	char *name = str_printf("%s %u", c->text[SMBIOS_MEMORY_LOCATOR] ? c->text[SMBIOS_MEMORY_LOCATOR] : "DIMM", n);

	put_le16(b, 0x1000);
	put_le16(b + 2, 0xfffe);
	put_le16(b + 4, 0xffff);
	put_le16(b + 6, 0xffff);
	put_le16(b + 8, (u16)MIN(mib, 0x7fffULL));
	b[10] = 9;				/* DIMM */
	b[14] = 7;				/* RAM */
	put_le16(b + 15, 2);
	put_le16(b + 17, c->memory_mts);
	put_le16(b + 28, c->memory_mts);	/* configured to it */
	begin(t, 17, (u16)(0x1100 + n), b, 40);
	add_string(t, 16, name);
	add_text(t, 17, SMBIOS_MEMORY_BANK, NULL);
	add_text(t, 23, SMBIOS_MEMORY_MANUFACTURER, MAKER);
	add_text(t, 24, SMBIOS_MEMORY_SERIAL, NULL);
	add_text(t, 25, SMBIOS_MEMORY_ASSET, NULL);
	add_text(t, 26, SMBIOS_MEMORY_PART, NULL);
	end(t);
	mem_free(name);
}

static void mapped(struct table *t, u16 handle, u64 first, u64 last)
{
	bool in_bytes = last / 1024 >= 0xffffffff;	/* then the wide fields say so */
	u8 b[27] = { 0 };

	put_le32(b, in_bytes ? 0xffffffff : (u32)(first / 1024));
	put_le32(b + 4, in_bytes ? 0xffffffff : (u32)(last / 1024));
	put_le16(b + 8, 0x1000);
	b[10] = 1;
	put_le64(b + 11, in_bytes ? first : 0);
	put_le64(b + 19, in_bytes ? last : 0);
	begin(t, 19, handle, b, 31);
	end(t);
}

static u8 sum_of(const u8 *p, size_t len)
{
	u8 s = 0;

	while (len--)
		s += *p++;
	return s;
}

/* The entry point structure, 5.2.1. */
static void fill_anchor(struct smbios *s)
{
	u8 *a = s->anchor;

	memcpy(a, "_SM_", 4);
	a[5] = SMBIOS_ANCHOR;
	a[6] = 2;
	a[7] = 8;
	put_le16(a + 8, s->largest);
	memcpy(a + 16, "_DMI_", 5);
	put_le16(a + 22, (u16)s->len);
	put_le16(a + 28, s->count);
	a[30] = 0x28;
	smbios_place(s, 0);
}

void smbios_place(struct smbios *s, u32 table_at)
{
	u8 *a = s->anchor;

	put_le32(a + 24, table_at);
	a[21] = a[4] = 0;
	a[21] = (u8)-sum_of(a + 16, 15);
	a[4] = (u8)-sum_of(a, SMBIOS_ANCHOR);
}

/* An onboard device is told where it is when it is on a PCI bus. */
static int onboard_device(struct table *t, struct pc *pc, unsigned n, struct err *err)
{
	const struct smbios_onboard *o = &t->conf->onboard[n];
	struct device *dev = o->pcidev ? device_find(&pc->m, o->pcidev) : NULL;
	u8 b[7] = { 0, o->kind | 0x80 };	/* enabled */

	if (o->pcidev && (!dev || !dev->bus || !str_eq(dev->bus->type, "PCI")))
		return err_set(err, ENOENT, "No PCI device %s for SMBIOS type 41 entry %s", o->pcidev, o->designation);
	put_le16(b + 2, o->instance);
	if (dev) {
		const struct pci_dev *pci = container_of(dev, struct pci_dev, dev);

		/* firmware has not numbered the busses behind bridges yet */
		b[5] = pci->bus->bridge ? pci->bus->bridge->config[PCI_SECONDARY_BUS] : pci->bus->root_nr;
		b[6] = (u8)pci->devfn;
	}
	begin(t, 41, (u16)(0x2900 + n), b, 11);
	add_string(t, 4, o->designation);
	end(t);
	return 0;
}

static void memory_structures(struct table *t, const struct pc *pc)
{
	if (ours(t, 16))
		memory_array(t, pc);
	for (unsigned i = 0; ours(t, 17) && i < dimms(pc); i++)
		memory_device(t, pc, i);
	if (!ours(t, 19))
		return;
	mapped(t, 0x1300, 0, pc->m.below_4g - 1);
	if (pc->m.above_4g)
		mapped(t, 0x1301, FOUR_GIB, FOUR_GIB + pc->m.above_4g - 1);
}

static void add_files(struct table *t)
{
	put(t, t->conf->files.s, t->conf->files.len);
	t->s->count = t->conf->file_count;
	t->s->largest = t->conf->file_largest;
}

int smbios_build(struct smbios *s, struct pc *pc, struct err *err)
{
	static const struct smbios_conf nothing;
	static const u8 boot_status[7];
	struct table t = { .s = s, .out = STRBUF_INIT, .conf = pc->cfg.smbios ? pc->cfg.smbios : &nothing };
	unsigned i;

	memset(s, 0, sizeof(*s));
	add_files(&t);
	if (t.conf->asked[0])
		bios_info(&t);
	if (ours(&t, 1))
		system_info(&t, pc);
	if (t.conf->asked[2])
		baseboard(&t, pc);
	if (ours(&t, 3))
		chassis(&t, pc);
	for (i = 0; ours(&t, 4) && i < sockets(pc); i++)
		processor(&t, pc, i);
	if (t.conf->noem)
		oem_strings(&t);
	memory_structures(&t, pc);
	if (ours(&t, 32)) {
		begin(&t, 32, 0x2000, boot_status, 11);
		end(&t);
	}
	for (i = 0; i < t.conf->nonboard; i++)
		if (onboard_device(&t, pc, i, err) < 0)
			goto out;
	if (ours(&t, 127)) {
		begin(&t, 127, 0x7f00, NULL, 4);
		end(&t);
	}
	if (t.out.len > SMBIOS_MAX) {
		err_set(err, E2BIG, "the SMBIOS tables are larger than %u bytes", SMBIOS_MAX);
		goto out;
	}
	s->len = t.out.len;
	s->data = strbuf_failed(&t.out) ? NULL : mem_dup(t.out.s, t.out.len);
	if (s->data)
		fill_anchor(s);
	else
		err_set(err, ENOMEM, "out of memory");
out:
	strbuf_free(&t.out);
	return err_is_set(err) ? -err->code : 0;
}
