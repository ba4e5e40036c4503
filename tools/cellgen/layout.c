/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of layout.h, and how they are walked. */
#include <string.h>
#include "layout.h"
#include "str.h"

const char *const jh_arch_names[] = { "x86", "arm", "arm64", NULL };

#define NAMES(ident, pre, ...) \
	static const struct jh_name ident##_v[] = { __VA_ARGS__, { 0, NULL } }; \
	static const struct jh_names ident = { pre, ident##_v }

NAMES(names_mem, "JAILHOUSE_MEM_",
	{ JH_MEM_READ, "READ" }, { JH_MEM_WRITE, "WRITE" }, { JH_MEM_EXECUTE, "EXECUTE" },
	{ JH_MEM_DMA, "DMA" }, { JH_MEM_IO, "IO" }, { JH_MEM_COMM, "COMM_REGION" },
	{ JH_MEM_LOADABLE, "LOADABLE" }, { JH_MEM_ROOTSHARED, "ROOTSHARED" },
	{ JH_MEM_NO_HUGEPAGES, "NO_HUGEPAGES" }, { JH_MEM_IO_UNALIGNED, "IO_UNALIGNED" },
	{ JH_MEM_IO_8, "IO_8" }, { JH_MEM_IO_16, "IO_16" }, { JH_MEM_IO_32, "IO_32" },
	{ JH_MEM_IO_64, "IO_64" });
NAMES(names_mem10, "JAILHOUSE_MEM_",
	{ JH_MEM_READ, "READ" }, { JH_MEM_WRITE, "WRITE" }, { JH_MEM_EXECUTE, "EXECUTE" },
	{ JH_MEM_DMA, "DMA" }, { JH_MEM_IO, "IO" }, { JH_MEM_COMM, "COMM_REGION" },
	{ JH_MEM_LOADABLE, "LOADABLE" }, { JH_MEM_ROOTSHARED, "ROOTSHARED" },
	{ JH_MEM_NO_HUGEPAGES, "IO_UNALIGNED" }, { JH_MEM_IO_8, "IO_8" }, { JH_MEM_IO_16, "IO_16" },
	{ JH_MEM_IO_32, "IO_32" }, { JH_MEM_IO_64, "IO_64" });
NAMES(names_con_type, "JAILHOUSE_CON_TYPE_",
	{ 0, "NONE" }, { 1, "EFIFB" }, { 2, "8250" }, { 3, "PL011" }, { 4, "XUARTPS" }, { 5, "MVEBU" },
	{ 6, "HSCIF" }, { 7, "SCIFA" }, { 8, "IMX" });
NAMES(names_con_type14, "JAILHOUSE_CON_TYPE_",
	{ 0, "NONE" }, { 1, "EFIFB" }, { 2, "8250" }, { 3, "PL011" }, { 4, "XUARTPS" }, { 5, "MVEBU" },
	{ 6, "HSCIF" }, { 7, "SCIFA" }, { 8, "IMX" }, { 9, "IMX_LPUART" }, { 10, "SCIF" });
NAMES(names_con_type13, "JAILHOUSE_CON_TYPE_",
	{ 0, "NONE" }, { 1, "EFIFB" }, { 2, "8250" }, { 3, "PL011" }, { 4, "XUARTPS" }, { 5, "MVEBU" },
	{ 6, "HSCIF" }, { 7, "SCIFA" }, { 8, "IMX" }, { 9, "IMX_LPUART" });
NAMES(names_con_flags, "JAILHOUSE_CON_",
	{ 1, "ACCESS_MMIO" }, { 2, "REGDIST_4" }, { 4, "FB_1920x1080" }, { 0x1000, "INVERTED_GATE" });
NAMES(names_con_flags12, "JAILHOUSE_CON_",
	{ 1, "ACCESS_MMIO" }, { 2, "REGDIST_4" }, { 4, "FB_1920x1080" }, { 0x1000, "INVERTED_GATE" },
	{ 0x2000, "MDR_QUIRK" });
NAMES(names_cell10, "JAILHOUSE_CELL_",
	{ JH_CELL_PASSIVE_COMMREG, "PASSIVE_COMMREG" }, { JH_CELL_TEST_DEVICE, "TEST_DEVICE" },
	{ JH_CELL_VCON_PERMITTED, "VIRTUAL_CONSOLE_PERMITTED" },
	{ JH_CELL_VCON_ACTIVE, "VIRTUAL_CONSOLE_ACTIVE" });
NAMES(names_cell, "JAILHOUSE_CELL_",
	{ JH_CELL_PASSIVE_COMMREG, "PASSIVE_COMMREG" }, { JH_CELL_TEST_DEVICE, "TEST_DEVICE" },
	{ JH_CELL_AARCH32, "AARCH32" }, { JH_CELL_VCON_PERMITTED, "VIRTUAL_CONSOLE_PERMITTED" },
	{ JH_CELL_VCON_ACTIVE, "VIRTUAL_CONSOLE_ACTIVE" });
NAMES(names_sys, "JAILHOUSE_SYS_", { JH_SYS_VCON, "VIRTUAL_DEBUG_CONSOLE" });
NAMES(names_iommu12, "JAILHOUSE_IOMMU_",
	{ 1, "AMD" }, { 2, "INTEL" }, { 3, "SMMUV3" }, { 4, "PVU" });
NAMES(names_iommu, "JAILHOUSE_IOMMU_",
	{ 1, "AMD" }, { 2, "INTEL" }, { 3, "SMMUV3" }, { 4, "PVU" }, { 5, "ARM_MMU500" });
NAMES(names_pci_type, "JAILHOUSE_PCI_TYPE_", { 1, "DEVICE" }, { 2, "BRIDGE" }, { 3, "IVSHMEM" });
NAMES(names_cap_flags, "JAILHOUSE_PCICAPS_", { JH_CAP_WRITE, "WRITE" });
NAMES(names_cache_type, "JAILHOUSE_CACHE_", { 1, "L3_CODE" }, { 2, "L3_DATA" }, { 3, "L3" });
NAMES(names_cache_flags, "JAILHOUSE_CACHE_", { JH_CACHE_ROOTSHARED, "ROOTSHARED" });
NAMES(names_apic, "JAILHOUSE_APIC_MODE_", { 0, "AUTO" }, { 1, "XAPIC" }, { 2, "X2APIC" });
NAMES(names_arch, "JAILHOUSE_", { 0, "X86" }, { 1, "ARM" }, { 2, "ARM64" });

#define SIZE_OF(T, m)	sizeof(((T *)0)->m)
#define F(T, m, label, k, ...) { .name = (label), .kind = JH_K_##k, .width = SIZE_OF(T, m), \
	.off = offsetof(T, m), ##__VA_ARGS__ }
#define FN(T, m, label, k, count, w, ...) { .name = (label), .kind = JH_K_##k, .width = (w), \
	.off = offsetof(T, m), .n = (count), ##__VA_ARGS__ }
#define PAD(bytes, ...) { .kind = JH_K_PAD, .width = 1, .n = (bytes), ##__VA_ARGS__ }
#define COUNT(label, sect, ...) { .name = (label), .kind = JH_K_COUNT, .width = 4, \
	.off = offsetof(struct jh_cell, n[sect]), .section = (sect), ##__VA_ARGS__ }
#define END { .kind = JH_K_END }
#define X86 .arch = 1 << JH_X86
#define ARMS .arch = 1 << JH_ARM | 1 << JH_ARM64
#define SINCE(r) .since = (r)
#define UNTIL(r) .until = (r)

const struct jh_field jh_layout_console[] = {
	F(struct jh_console, address, "address", HEX),
	F(struct jh_console, size, "size", HEX),
	F(struct jh_console, type, "type", ENUM, UNTIL(12), .names = &names_con_type),
	F(struct jh_console, type, "type", ENUM, SINCE(13), UNTIL(13), .names = &names_con_type13),
	F(struct jh_console, type, "type", ENUM, SINCE(14), .names = &names_con_type14),
	F(struct jh_console, flags, "flags", FLAGS, UNTIL(11), .names = &names_con_flags),
	F(struct jh_console, flags, "flags", FLAGS, SINCE(12), .names = &names_con_flags12),
	F(struct jh_console, divider, "divider", HEX),
	F(struct jh_console, gate_nr, "gate_nr", HEX),
	F(struct jh_console, clock_reg, "clock_reg", HEX),
	END
};

static const struct jh_field mem[] = {
	F(struct jh_mem, phys, "phys_start", HEX),
	F(struct jh_mem, virt, "virt_start", HEX),
	F(struct jh_mem, size, "size", HEX),
	F(struct jh_mem, flags, "flags", FLAGS, UNTIL(11), .names = &names_mem10),
	F(struct jh_mem, flags, "flags", FLAGS, SINCE(12), .names = &names_mem),
	END
};

static const struct jh_field cpu[] = {
	F(struct jh_cpu, phys_id, "phys_id", HEX),
	PAD(8),
	END
};

static const struct jh_field cache[] = {
	F(struct jh_cache, start, "start", DEC),
	F(struct jh_cache, size, "size", DEC),
	F(struct jh_cache, type, "type", ENUM, .names = &names_cache_type),
	F(struct jh_cache, padding, "padding", HEX),
	F(struct jh_cache, flags, "flags", FLAGS, .names = &names_cache_flags),
	END
};

static const struct jh_field chip[] = {
	F(struct jh_chip, address, "address", HEX),
	F(struct jh_chip, id, "id", HEX),
	F(struct jh_chip, pin_base, "pin_base", DEC),
	FN(struct jh_chip, pins, "pin_bitmap", HEX, 4, 4),
	END
};

static const struct jh_field pio[] = {
	F(struct jh_pio, base, "base", HEX),
	F(struct jh_pio, length, "length", HEX),
	END
};

static const struct jh_field pci[] = {
	F(struct jh_pci, type, "type", ENUM, .names = &names_pci_type),
	F(struct jh_pci, iommu, "iommu", DEC),
	F(struct jh_pci, domain, "domain", HEX),
	F(struct jh_pci, bdf, "bdf", HEX),
	FN(struct jh_pci, bar_mask, "bar_mask", HEX, 6, 4),
	F(struct jh_pci, caps_start, "caps_start", DEC),
	F(struct jh_pci, num_caps, "num_caps", DEC),
	F(struct jh_pci, num_msi, "num_msi_vectors", DEC),
	F(struct jh_pci, msi_64bits, "msi_64bits", DEC, UNTIL(11)),
	F(struct jh_pci, msi_64bits, "msi", MSI, SINCE(12)),
	F(struct jh_pci, num_msix, "num_msix_vectors", DEC),
	F(struct jh_pci, msix_region_size, "msix_region_size", HEX),
	F(struct jh_pci, msix_address, "msix_address", HEX),
	F(struct jh_pci, shmem_start, "shmem_region", DEC, UNTIL(11)),
	F(struct jh_pci, shmem_start, "shmem_regions_start", DEC, SINCE(12)),
	F(struct jh_pci, shmem_id, "shmem_dev_id", DEC, SINCE(12)),
	F(struct jh_pci, shmem_peers, "shmem_peers", DEC, SINCE(12)),
	F(struct jh_pci, shmem_protocol, "shmem_protocol", HEX),
	PAD(2, UNTIL(11)),
	END
};

static const struct jh_field cap[] = {
	F(struct jh_cap, id, "id", HEX),
	F(struct jh_cap, start, "start", HEX),
	F(struct jh_cap, len, "len", HEX),
	F(struct jh_cap, flags, "flags", FLAGS, .names = &names_cap_flags),
	END
};

static const struct jh_field stream[] = {
	F(struct jh_stream, id, "id", HEX),
	END
};

static const struct jh_field iommu[] = {
	F(struct jh_iommu, type, "type", ENUM, SINCE(12), UNTIL(12), .names = &names_iommu12),
	F(struct jh_iommu, type, "type", ENUM, SINCE(13), .names = &names_iommu),
	F(struct jh_iommu, base, "base", HEX),
	F(struct jh_iommu, size, "size", HEX),
	F(struct jh_iommu, amd_bdf, "amd_bdf", HEX, UNTIL(11)),
	F(struct jh_iommu, amd_base_cap, "amd_base_cap", HEX, UNTIL(11)),
	F(struct jh_iommu, amd_msi_cap, "amd_msi_cap", HEX, UNTIL(11)),
	F(struct jh_iommu, amd_features, "amd_features", HEX, UNTIL(11)),
	F(struct jh_iommu, amd_bdf, "amd.bdf", HEX, SINCE(12), .variant = VARIANT_AMD),
	F(struct jh_iommu, amd_base_cap, "amd.base_cap", HEX, SINCE(12), .variant = VARIANT_AMD),
	F(struct jh_iommu, amd_msi_cap, "amd.msi_cap", HEX, SINCE(12), .variant = VARIANT_AMD),
	F(struct jh_iommu, amd_features, "amd.features", HEX, SINCE(12), .variant = VARIANT_AMD),
	PAD(4, SINCE(12), .variant = VARIANT_AMD),
	F(struct jh_iommu, pvu_tlb_base, "tipvu.tlb_base", HEX, SINCE(12), .variant = VARIANT_PVU),
	F(struct jh_iommu, pvu_tlb_size, "tipvu.tlb_size", HEX, SINCE(12), .variant = VARIANT_PVU),
	PAD(12, SINCE(12), .variant = VARIANT_OTHER),
	END
};

#define CON(T, label) { .name = (label), .kind = JH_K_SUB, .off = offsetof(T, console), \
	.step = sizeof(struct jh_console), .sub = jh_layout_console }
#define IOMMU_UNITS(label, ...) { .name = (label), .kind = JH_K_SUB, .n = JH_IOMMUS, \
	.off = offsetof(struct jh_system, iommu), .step = sizeof(struct jh_iommu), .sub = iommu, ##__VA_ARGS__ }
#define HEAD(T) \
	FN(T, signature, "signature", SIGNATURE, 6, 1, UNTIL(13)), \
	FN(T, signature, "signature", SIGNATURE, 5, 1, SINCE(14)), \
	F(T, arch, "architecture", ENUM, SINCE(14), .names = &names_arch), \
	F(T, revision, "revision", DEC)

#define S struct jh_system
const struct jh_field jh_layout_system[] = {
	HEAD(S),
	F(S, flags, "flags", FLAGS, .names = &names_sys),
	{ .name = "hypervisor_memory", .kind = JH_K_SUB, .off = offsetof(S, hv), .step = sizeof(struct jh_mem), .sub = mem },
	{ .name = "debug_console", .kind = JH_K_SUB, .off = offsetof(S, console), .step = sizeof(struct jh_console), .sub = jh_layout_console },
	F(S, mmcfg_base, "platform_info.pci_mmconfig_base", HEX),
	F(S, mmcfg_end_bus, "platform_info.pci_mmconfig_end_bus", HEX),
	F(S, pci_virtual, "platform_info.pci_is_virtual", DEC),
	F(S, pci_domain, "platform_info.pci_domain", DEC),
	IOMMU_UNITS("platform_info.iommu_units", SINCE(13)),
	/* x86: until 12 in an order of its own, with the IOMMUs inside */
	F(S, pm_timer, "platform_info.x86.pm_timer_address", HEX, X86),
	F(S, apic_mode, "platform_info.x86.apic_mode", ENUM, X86, SINCE(13), .names = &names_apic),
	PAD(1, X86, SINCE(13)),
	F(S, vtd_limit, "platform_info.x86.vtd_interrupt_limit", DEC, X86),
	F(S, apic_mode, "platform_info.x86.apic_mode", ENUM, X86, UNTIL(12), .names = &names_apic),
	PAD(3, X86, UNTIL(12)),
	F(S, tsc_khz, "platform_info.x86.tsc_khz", DEC, X86),
	F(S, apic_khz, "platform_info.x86.apic_khz", DEC, X86),
	IOMMU_UNITS("platform_info.x86.iommu_units", X86, UNTIL(12)),
	PAD(24, X86, SINCE(12), UNTIL(12)),	/* up to the size of the union, which is arm's */
	PAD(28, X86, SINCE(13)),
	F(S, maintenance_irq, "platform_info.arm.maintenance_irq", DEC, ARMS),
	F(S, gic_version, "platform_info.arm.gic_version", DEC, ARMS),
	PAD(2, ARMS, SINCE(13)),
	F(S, gicd, "platform_info.arm.gicd_base", HEX, ARMS),
	F(S, gicc, "platform_info.arm.gicc_base", HEX, ARMS),
	F(S, gich, "platform_info.arm.gich_base", HEX, ARMS),
	F(S, gicv, "platform_info.arm.gicv_base", HEX, ARMS),
	F(S, gicr, "platform_info.arm.gicr_base", HEX, ARMS),
	PAD(136, ARMS, UNTIL(11)),		/* up to the size of the union, which is x86's */
	IOMMU_UNITS("platform_info.arm.iommu_units", ARMS, SINCE(12), UNTIL(12)),
	END
};
#undef S

#define C struct jh_cell
const struct jh_field jh_layout_cell[] = {
	HEAD(C),
	FN(C, name, "name", TEXT, JH_NAME_SIZE, 1),
	F(C, id, "id", DEC),
	F(C, flags, "flags", FLAGS, UNTIL(12), .names = &names_cell10),
	F(C, flags, "flags", FLAGS, SINCE(13), .names = &names_cell),
	COUNT("cpu_set_size", JH_CPUSET, UNTIL(14)),
	COUNT("num_cpus", JH_CPUS, SINCE(15)),
	COUNT("num_memory_regions", JH_MEM),
	COUNT("num_cache_regions", JH_CACHE),
	COUNT("num_irqchips", JH_CHIP),
	COUNT("pio_bitmap_size", JH_PIOMAP, UNTIL(11)),
	COUNT("num_pio_regions", JH_PIO, SINCE(12)),
	COUNT("num_pci_devices", JH_PCI),
	COUNT("num_pci_caps", JH_CAP),
	COUNT("num_stream_ids", JH_STREAM, SINCE(12)),
	F(C, vpci_irq_base, "vpci_irq_base", DEC),
	F(C, reset_address, "cpu_reset_address", HEX),
	F(C, msg_timeout, "msg_reply_timeout", DEC),
	CON(C, "console"),
	END
};
#undef C

const struct jh_section_info jh_sections[JH_SECTIONS] = {
	[JH_CPUSET] = { "cpus", NULL, NULL, 1, 0, 14 },
	[JH_CPUS] = { "cpus", "struct jailhouse_cpu", cpu, sizeof(struct jh_cpu), 15, 0 },
	[JH_MEM] = { "mem_regions", "struct jailhouse_memory", mem, sizeof(struct jh_mem), 0, 0 },
	[JH_CACHE] = { "cache_regions", "struct jailhouse_cache", cache, sizeof(struct jh_cache), 0, 0 },
	[JH_CHIP] = { "irqchips", "struct jailhouse_irqchip", chip, sizeof(struct jh_chip), 0, 0 },
	[JH_PIOMAP] = { "pio_bitmap", NULL, NULL, 1, 0, 11 },
	[JH_PIO] = { "pio_regions", "struct jailhouse_pio", pio, sizeof(struct jh_pio), 12, 0 },
	[JH_PCI] = { "pci_devices", "struct jailhouse_pci_device", pci, sizeof(struct jh_pci), 0, 0 },
	[JH_CAP] = { "pci_caps", "struct jailhouse_pci_capability", cap, sizeof(struct jh_cap), 0, 0 },
	[JH_TAIL] = { "uncounted", NULL, NULL, 1, 0, 0 },
	[JH_STREAM] = { "stream_ids", "union jailhouse_stream_id", stream, sizeof(struct jh_stream), 12, 0 },
};

bool jh_revision_known(u64 revision)
{
	return revision == 10 || (revision >= 12 && revision <= 15);
}

static bool in_range(u16 revision, u8 since, u8 until)
{
	return revision >= since && (!until || revision <= until);
}

bool jh_section_in(enum jh_section s, u16 revision)
{
	return in_range(revision, jh_sections[s].since, jh_sections[s].until);
}

static u8 variant_of(const struct jh_iommu *u)
{
	return u->type == JH_IOMMU_AMD ? VARIANT_AMD : u->type == JH_IOMMU_PVU ? VARIANT_PVU : VARIANT_OTHER;
}

static bool has_field(const struct jh_field *f, const struct jh_ctx *ctx, const void *rec)
{
	if (!in_range(ctx->revision, f->since, f->until) || (f->arch && !(f->arch >> ctx->arch & 1)))
		return false;
	return !f->variant || (rec ? variant_of(rec) : VARIANT_OTHER) & f->variant;
}

const struct jh_field *jh_field_next(const struct jh_field *f, const struct jh_ctx *ctx, const void *rec)
{
	while (f->kind != JH_K_END && !has_field(f, ctx, rec))
		f++;
	return f->kind == JH_K_END ? NULL : f;
}

size_t jh_field_bytes(const struct jh_field *f, const struct jh_ctx *ctx)
{
	size_t each = f->kind == JH_K_SUB ? jh_record_bytes(f->sub, ctx) : f->width;

	return each * (f->n ? f->n : 1);
}

size_t jh_record_bytes(const struct jh_field *fields, const struct jh_ctx *ctx)
{
	size_t sum = 0;

	for (const struct jh_field *f = fields; (f = jh_field_next(f, ctx, NULL)); f++)
		sum += jh_field_bytes(f, ctx);
	return sum;
}

size_t jh_section_element(enum jh_section s, const struct jh_ctx *ctx)
{
	return jh_sections[s].fields ? jh_record_bytes(jh_sections[s].fields, ctx) : 1;
}

u64 jh_config_bytes(const struct jh_config *c)
{
	struct jh_ctx ctx = { c->revision, c->arch };
	u64 sum = jh_record_bytes(jh_layout_cell, &ctx);

	if (c->is_system)
		sum += jh_record_bytes(jh_layout_system, &ctx);
	for (int s = 0; s < JH_TAIL; s++)
		if (jh_section_in(s, c->revision))
			sum += (u64)c->cell.n[s] * jh_section_element(s, &ctx);
	return sum;
}

u64 jh_field_get(const struct jh_field *f, const void *rec, unsigned i)
{
	const u8 *p = (const u8 *)rec + f->off + (size_t)i * f->width;
	u64 v64;
	u32 v32;
	u16 v16;

	switch (f->width) {
	case 1:
		return *p;
	case 2:
		memcpy(&v16, p, 2);
		return v16;
	case 4:
		memcpy(&v32, p, 4);
		return v32;
	default:
		memcpy(&v64, p, 8);
		return v64;
	}
}

void jh_field_set(const struct jh_field *f, void *rec, unsigned i, u64 val)
{
	u8 *p = (u8 *)rec + f->off + (size_t)i * f->width;
	u32 v32 = val;
	u16 v16 = val;

	switch (f->width) {
	case 1:
		*p = val;
		break;
	case 2:
		memcpy(p, &v16, 2);
		break;
	case 4:
		memcpy(p, &v32, 4);
		break;
	default:
		memcpy(p, &val, 8);
	}
}

const struct jh_names *jh_field_names(const struct jh_field *f, const char *name, u16 revision)
{
	struct jh_ctx ctx = { revision, JH_X86 };

	for (; (f = jh_field_next(f, &ctx, NULL)); f++)
		if (f->name && str_eq(f->name, name))
			return f->names;
	return NULL;
}

const char *jh_enum_name(const struct jh_names *names, u64 val)
{
	for (const struct jh_name *n = names->v; n->name; n++)
		if (n->value == val)
			return n->name;
	return NULL;
}
