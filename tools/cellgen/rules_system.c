/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules on the system: hypervisor memory, platform, IOMMUs, and on consoles. */
#include "layout.h"
#include "str.h"
#include "validate.h"

#define SYS(v) (&(v)->cells[0]->sys)
#define X86 (1 << JH_X86)
#define ARMS (1 << JH_ARM | 1 << JH_ARM64)

static void sys_flags(struct vctx *v)
{
	if (SYS(v)->flags & ~JH_SYS_VCON)
		jh_report(v, "flags 0x%x have bits that mean nothing", SYS(v)->flags);
}

static void hv_unaligned(struct vctx *v)
{
	const struct jh_mem *m = &SYS(v)->hv;

	if ((m->phys | m->size) & (JH_PAGE - 1))
		jh_report(v, "0x%llx, size 0x%llx", m->phys, m->size);
}

static void hv_2m(struct vctx *v)
{
	const struct jh_mem *m = &SYS(v)->hv;

	if (!(m->phys & (JH_PAGE - 1)) && m->phys & (2 * MiB - 1))
		jh_report(v, "it begins at 0x%llx", m->phys);
}

static void hv_small(struct vctx *v)
{
	if (SYS(v)->hv.size < 1 * MiB)
		jh_report(v, "size 0x%llx", SYS(v)->hv.size);
}

static void hv_wraps(struct vctx *v)
{
	u64 end;

	if (add_overflows(SYS(v)->hv.phys, SYS(v)->hv.size, &end))
		jh_report(v, "0x%llx, size 0x%llx", SYS(v)->hv.phys, SYS(v)->hv.size);
}

static void hv_extra(struct vctx *v)
{
	const struct jh_mem *m = &SYS(v)->hv;

	if (m->virt || m->flags)
		jh_report(v, "virt_start 0x%llx, flags 0x%llx", m->virt, m->flags);
}

static void vtd_limit(struct vctx *v)
{
	u32 limit = SYS(v)->vtd_limit;

	if (SYS(v)->iommu[0].type == JH_IOMMU_INTEL && (!limit || limit > 32768))
		jh_report(v, "vtd_interrupt_limit is 0x%x", limit);
}

/* Entries are reserved for each device's vectors; those of the IOAPICs (at least 24) come on top. */
static void vtd_few(struct vctx *v)
{
	const struct jh_cell *root = &v->c->cell;
	u32 limit = SYS(v)->vtd_limit;
	u64 sum = 24ULL * root->n[JH_CHIP];

	for (u32 i = 0; i < root->n[JH_PCI]; i++)
		sum += MAX((u32)jh_pcis(root)[i].num_msi, (u32)jh_pcis(root)[i].num_msix);
	if (SYS(v)->iommu[0].type == JH_IOMMU_INTEL && limit && limit <= 32768 && sum > limit)
		jh_report(v, "vtd_interrupt_limit is 0x%x, devices and chips of the root cell need 0x%llx", limit, sum);
}

static void no_pm_timer(struct vctx *v)
{
	if (!SYS(v)->pm_timer)
		jh_report(v, "pm_timer_address is 0x0");
}

static void apic_mode(struct vctx *v)
{
	if (SYS(v)->apic_mode > 2)
		jh_report(v, "apic_mode is 0x%x", SYS(v)->apic_mode);
}

static void mmcfg_unaligned(struct vctx *v)
{
	u64 base = SYS(v)->mmcfg_base, end;
	u64 align = SYS(v)->pci_virtual ? JH_PAGE : 1 * MiB;

	if (base & (align - 1) || add_overflows(base, (SYS(v)->mmcfg_end_bus + 1) * MiB, &end))
		jh_report(v, "pci_mmconfig_base is 0x%llx, for 0x%x buses", base, SYS(v)->mmcfg_end_bus + 1);
}

static void pci_virtual(struct vctx *v)
{
	if (SYS(v)->pci_virtual > 1)
		jh_report(v, "pci_is_virtual is 0x%x", SYS(v)->pci_virtual);
}

static void gic_version(struct vctx *v)
{
	if (SYS(v)->gic_version != 2 && SYS(v)->gic_version != 3)
		jh_report(v, "gic_version is 0x%x", SYS(v)->gic_version);
}

static void gic_address(struct vctx *v)
{
	const struct jh_system *s = SYS(v);

	if (!s->gicd)
		jh_report(v, "gicd_base is 0x0");
	if (s->gic_version == 2 && (!s->gicc || !s->gich || !s->gicv))
		jh_report(v, "gicc_base 0x%llx, gich_base 0x%llx, gicv_base 0x%llx", s->gicc, s->gich, s->gicv);
	if (s->gic_version == 3 && !s->gicr)
		jh_report(v, "gicr_base is 0x0");
}

static void gic_unaligned(struct vctx *v)
{
	const struct jh_system *s = SYS(v);
	u64 all = s->gicd | s->gicc | s->gich | s->gicv | s->gicr;

	if (all & (JH_PAGE - 1) || (s->gic_version == 3 && (s->gicd | s->gicr) & 0xffff))
		jh_report(v, "D 0x%llx, C 0x%llx, H 0x%llx, V 0x%llx, R 0x%llx", s->gicd, s->gicc, s->gich, s->gicv, s->gicr);
}

static void maintenance(struct vctx *v)
{
	if (SYS(v)->maintenance_irq < 16 || SYS(v)->maintenance_irq > 31)
		jh_report(v, "maintenance_irq is 0x%x (%u)", SYS(v)->maintenance_irq, SYS(v)->maintenance_irq);
}

/* Units as the hypervisor counts them: up to the first without a base. */
static int units(const struct vctx *v)
{
	int n = 0;

	while (n < JH_IOMMUS && SYS(v)->iommu[n].base)
		n++;
	return n;
}

static void iommu_type(struct vctx *v)
{
	for (int i = 0; i < JH_IOMMUS; i++) {
		const struct jh_iommu *u = &SYS(v)->iommu[i];
		bool x86 = u->type == JH_IOMMU_AMD || u->type == JH_IOMMU_INTEL;

		if (v->c->revision < 12 ? false : u->type > JH_IOMMU_MMU500 || (u->type && x86 != (v->c->arch == JH_X86)))
			jh_report_at(v, v->c, "iommu_units", i, "type 0x%x", u->type);
		else if (v->c->revision >= 12 && u->base && !u->type)
			jh_report_at(v, v->c, "iommu_units", i, "base 0x%llx, but type 0x0", u->base);
	}
}

static void iommu_mixed(struct vctx *v)
{
	for (int i = 1; i < JH_IOMMUS; i++)
		if (SYS(v)->iommu[i].type && SYS(v)->iommu[i].type != SYS(v)->iommu[0].type)
			jh_report_at(v, v->c, "iommu_units", i, "type 0x%x, unit 0 has 0x%x", SYS(v)->iommu[i].type,
				     SYS(v)->iommu[0].type);
}

static void iommu_gap(struct vctx *v)
{
	int n = units(v);

	for (int i = n; i < JH_IOMMUS; i++)
		if (SYS(v)->iommu[i].base || SYS(v)->iommu[i].size || SYS(v)->iommu[i].type)
			jh_report_at(v, v->c, "iommu_units", i, "base 0x%llx, size 0x%x; unit %d has none",
				     SYS(v)->iommu[i].base, SYS(v)->iommu[i].size, n);
}

static void iommu_size(struct vctx *v)
{
	for (int i = 0; i < units(v); i++) {
		const struct jh_iommu *u = &SYS(v)->iommu[i];
		bool odd = u->type == JH_IOMMU_AMD && u->size & (u->size - 1);

		if (!u->size || (u->base | u->size) & (JH_PAGE - 1) || odd)
			jh_report_at(v, v->c, "iommu_units", i, "base 0x%llx, size 0x%x", u->base, u->size);
	}
}

static void iommu_overlap_hit(struct vctx *v, const struct jh_span *a, const struct jh_span *b)
{
	jh_report_at(v, v->c, "iommu_units", b->rec, "0x%llx-0x%llx overlaps unit %u at 0x%llx", b->start, b->end - 1,
		     a->rec, a->start);
}

static void iommu_overlap(struct vctx *v)
{
	struct jh_spans s = { NULL, 0, 0 };

	for (int i = 0; i < units(v); i++)
		jh_span_add(v, &s, SYS(v)->iommu[i].base, SYS(v)->iommu[i].size, 0, i, 0);
	jh_span_sweep(v, &s, iommu_overlap_hit);
}

static void amd_caps(struct vctx *v)
{
	for (int i = 0; i < units(v); i++) {
		const struct jh_iommu *u = &SYS(v)->iommu[i];

		if (u->type == JH_IOMMU_AMD && (u->amd_base_cap < 0x40 || u->amd_msi_cap < 0x40 || !u->amd_bdf))
			jh_report_at(v, v->c, "iommu_units", i, "bdf 0x%x, base_cap 0x%x, msi_cap 0x%x", u->amd_bdf,
				     u->amd_base_cap, u->amd_msi_cap);
	}
}

static void amd_given(struct vctx *v)
{
	const struct jh_pci *d = &jh_pcis(&v->c->cell)[v->i];

	for (int i = 0; i < units(v); i++)
		if (SYS(v)->iommu[i].type == JH_IOMMU_AMD && SYS(v)->iommu[i].amd_bdf == d->bdf && d->type != JH_PCI_IVSHMEM)
			jh_report(v, "bdf 0x%x is IOMMU %d", d->bdf, i);
}

static void no_iommu(struct vctx *v)
{
	if (!units(v))
		jh_report(v, "iommu_units[0].base is 0x0");
}

/* Calls fn for the system's console and the cell's. */
static void each_console(struct vctx *v, void (*fn)(struct vctx *v, const struct jh_console *c, const char *name))
{
	if (v->who == 0)
		fn(v, &SYS(v)->console, "debug_console");
	fn(v, &v->c->cell.console, "console");
}

static void con_type1(struct vctx *v, const struct jh_console *c, const char *name)
{
	if (c->type > (v->c->revision < 13 ? 8 : v->c->revision == 13 ? 9 : JH_CON_LAST))
		jh_report_at(v, v->c, name, 0, "type 0x%x", c->type);
}

static void con_flags1(struct vctx *v, const struct jh_console *c, const char *name)
{
	if (c->flags & ~(v->c->revision < 12 ? 0x1007 : 0x3007))
		jh_report_at(v, v->c, name, 0, "flags 0x%x", c->flags);
}

static void con_address1(struct vctx *v, const struct jh_console *c, const char *name)
{
	if (c->type && !c->address)
		jh_report_at(v, v->c, name, 0, "type 0x%x at address 0x0", c->type);
}

static void con_pio1(struct vctx *v, const struct jh_console *c, const char *name)
{
	if (c->type && !(c->flags & JH_CON_MMIO) && c->type != JH_CON_EFIFB && (c->address > 0xffff || v->c->arch != JH_X86))
		jh_report_at(v, v->c, name, 0, "port 0x%llx, flags 0x%x", c->address, c->flags);
}

static void con_size1(struct vctx *v, const struct jh_console *c, const char *name)
{
	if (name[0] == 'd' && c->type && c->flags & JH_CON_MMIO && !c->size)
		jh_report_at(v, v->c, name, 0, "address 0x%llx, size 0x0", c->address);
}

static void con_type(struct vctx *v) { each_console(v, con_type1); }
static void con_flags(struct vctx *v) { each_console(v, con_flags1); }
static void con_address(struct vctx *v) { each_console(v, con_address1); }
static void con_pio(struct vctx *v) { each_console(v, con_pio1); }
static void con_size(struct vctx *v) { each_console(v, con_size1); }

static bool has_port(const struct jh_config *c, u64 port)
{
	for (u32 i = 0; i < c->cell.n[JH_PIO]; i++)
		if (port >= jh_pios(&c->cell)[i].base && port < (u64)jh_pios(&c->cell)[i].base + jh_pios(&c->cell)[i].length)
			return true;
	return false;
}

static void con_unmapped(struct vctx *v)
{
	const struct jh_console *con = &v->c->cell.console;
	bool there = false;

	if (!con->type || !con->address)
		return;
	for (u32 i = 0; i < v->c->cell.n[JH_MEM] && !there; i++) {
		const struct jh_mem *m = &jh_mems(&v->c->cell)[i];

		there = con->address >= m->virt && con->address - m->virt < m->size;
	}
	if (con->flags & JH_CON_MMIO ? !there : !has_port(v->c, con->address))
		jh_report_at(v, v->c, "console", 0, "the cell may not reach %s 0x%llx",
			     con->flags & JH_CON_MMIO ? "address" : "port", con->address);
}

#define R(c, sev, scp, a, ref, chk, ttl, hnt) { .code = (c), .severity = (sev), .scope = (scp), .arch = (a), \
	.refusal = (ref), .check = (chk), .title = (ttl), .hint = (hnt) }

const struct jh_rule jh_rules_system[] = {
	R("JH-SYS-001", JH_ERROR, SC_SYSTEM, 0, NULL, sys_flags, "system flags that are not known", NULL),
	R("JH-HV-001", JH_ERROR, SC_SYSTEM, 0, "EINVAL", hv_unaligned, "hypervisor memory is not aligned to pages", NULL),
	R("JH-HV-002", JH_WARNING, SC_SYSTEM, 0, NULL, hv_2m, "hypervisor memory is not aligned to 2 MiB",
	  "arm64 maps it in blocks of 2 MiB while it starts; elsewhere it costs page tables"),
	R("JH-HV-003", JH_ERROR, SC_SYSTEM, 0, "EINVAL", hv_small, "hypervisor memory is too small",
	  "image, per-CPU data, configuration and page pool must fit; 6 MiB are usual"),
	R("JH-HV-004", JH_ERROR, SC_SYSTEM, 0, "EBUSY", hv_wraps, "hypervisor memory wraps around the address space", NULL),
	R("JH-HV-005", JH_NOTE, SC_SYSTEM, 0, NULL, hv_extra, "virtual address or flags of hypervisor memory are ignored", NULL),
	R("JH-SYS-002", JH_ERROR, SC_SYSTEM, X86, "EINVAL", vtd_limit, "vtd_interrupt_limit is out of range",
	  "1 to 32768; it sizes the interrupt remapping table"),
	R("JH-SYS-003", JH_ERROR, SC_SYSTEM, X86, "E2BIG", vtd_few, "vtd_interrupt_limit is too small for the devices",
	  "the next power of two above what they need"),
	R("JH-SYS-004", JH_WARNING, SC_SYSTEM, X86, NULL, no_pm_timer, "no PM timer", "cells use it to calibrate; see ACPI PM_TMR in /proc/ioports"),
	R("JH-SYS-005", JH_ERROR, SC_SYSTEM, X86, NULL, apic_mode, "the APIC mode is not known", "0 auto, 1 xAPIC, 2 x2APIC"),
	R("JH-SYS-006", JH_ERROR, SC_SYSTEM, 0, NULL, mmcfg_unaligned, "MMCONFIG is misaligned or wraps", NULL),
	R("JH-SYS-007", JH_ERROR, SC_SYSTEM, 0, NULL, pci_virtual, "pci_is_virtual is neither 0 nor 1", NULL),
	R("JH-SYS-008", JH_ERROR, SC_SYSTEM, ARMS, "EINVAL", gic_version, "the GIC's version is not 2 or 3", NULL),
	R("JH-SYS-009", JH_ERROR, SC_SYSTEM, ARMS, "ENODEV", gic_address, "an address of the GIC is missing",
	  "version 2 needs D, C, H and V; version 3 D and R"),
	R("JH-SYS-010", JH_ERROR, SC_SYSTEM, ARMS, "EINVAL", gic_unaligned, "an address of the GIC is misaligned", NULL),
	R("JH-SYS-011", JH_ERROR, SC_SYSTEM, ARMS, NULL, maintenance, "the GIC's maintenance interrupt is no PPI",
	  "PPIs are 16 to 31; 25 is usual"),
	R("JH-IOM-001", JH_ERROR, SC_SYSTEM, 0, "EINVAL", iommu_type, "the IOMMU's type is unknown or of another architecture", NULL),
	R("JH-IOM-002", JH_ERROR, SC_SYSTEM, X86, "EINVAL", iommu_mixed, "IOMMUs of different types", NULL),
	R("JH-IOM-003", JH_ERROR, SC_SYSTEM, 0, NULL, iommu_gap, "an IOMMU behind the first unit without a base",
	  "the hypervisor stops counting there"),
	R("JH-IOM-004", JH_ERROR, SC_SYSTEM, 0, "EINVAL", iommu_size, "an IOMMU's registers are misaligned or have no size",
	  "whole pages; a power of two for AMD's"),
	R("JH-IOM-005", JH_ERROR, SC_SYSTEM, 0, NULL, iommu_overlap, "two IOMMUs have the same registers", NULL),
	R("JH-IOM-006", JH_ERROR, SC_SYSTEM, X86, "EIO", amd_caps, "an AMD IOMMU without its function or capabilities",
	  "bdf, base_cap and msi_cap come from IVRS and its config space"),
	R("JH-IOM-007", JH_ERROR, JH_PCI, X86, NULL, amd_given, "an AMD IOMMU is given to a cell", "the hypervisor programs it; no cell may have it"),
	R("JH-IOM-008", JH_WARNING, SC_SYSTEM, X86, NULL, no_iommu, "no IOMMU",
	  "Intel's machines need one (EINVAL); without one devices of a cell reach all memory"),
	R("JH-CON-001", JH_ERROR, SC_CELL, 0, NULL, con_type, "the console's type is not known", NULL),
	R("JH-CON-002", JH_ERROR, SC_CELL, 0, NULL, con_flags, "console flags that are not known", NULL),
	R("JH-CON-003", JH_ERROR, SC_CELL, 0, NULL, con_address, "a console without an address", NULL),
	R("JH-CON-004", JH_ERROR, SC_CELL, 0, NULL, con_pio, "a console at a port that does not exist", "ports are x86's, and go up to 0xffff"),
	R("JH-CON-005", JH_ERROR, SC_CELL, 0, "EINVAL", con_size, "a console in memory without a size", NULL),
	R("JH-CON-006", JH_WARNING, SC_INMATE, 0, NULL, con_unmapped, "the cell's console is out of its reach",
	  "give it the ports or the registers, or take the virtual console"),
	{ .code = NULL }
};
