/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules on what a machine has (--root): /proc/iomem, /proc/ioports, PCI, ACPI tables or device tree. */
#include <string.h>
#include "machine.h"
#include "str.h"
#include "validate.h"

#define X86 .arch = 1 << JH_X86
#define ARMS .arch = 1 << JH_ARM | 1 << JH_ARM64

/* Calls fn with v->c, v->who and v->i set for every record of the section, of all cells. */
static void each(struct vctx *v, enum jh_section s, void (*fn)(struct vctx *v))
{
	for (v->who = 0; v->who < v->n_cells; v->who++) {
		v->c = v->cells[v->who];
		for (v->i = 0; v->i < v->c->cell.n[s]; v->i++)
			fn(v);
	}
	v->who = 0;
	v->c = v->cells[0];
}

static void wrong_arch(struct vctx *v)
{
	if (v->machine->arch != v->c->arch)
		jh_report(v, "the machine is %s, the configuration for %s", jh_arch_names[v->machine->arch], jh_arch_names[v->c->arch]);
}

static bool is_shmem(const struct jh_config *c, u32 region)
{
	for (u32 i = 0; i < c->cell.n[JH_PCI] && i < 256; i++) {
		const struct jh_pci *d = &jh_pcis(&c->cell)[i];

		if (d->type == JH_PCI_IVSHMEM && region >= d->shmem_start && region - d->shmem_start < 2U + d->shmem_peers)
			return true;
	}
	return false;
}

/* Is anything of the machine in the range, RAM, reserved or a device? */
static bool known(const struct machine *m, u64 start, u64 size)
{
	const struct io_list *lists[] = { &m->iomem, &m->devices, &m->reserved, &m->rmrr };

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			if (lists[l]->v[i].start <= start + (size - 1) && lists[l]->v[i].end >= start)
				return true;
	for (unsigned i = 0; i < m->n_mcfg; i++)
		if (m->mcfg[i].base <= start + (size - 1) && m->mcfg[i].base + (m->mcfg[i].end_bus + 1ULL) * MiB > start)
			return true;
	return false;
}

static bool is_ram(const struct jh_mem *m)
{
	return m->flags & (JH_MEM_EXECUTE | JH_MEM_DMA | JH_MEM_LOADABLE) && !(m->flags & JH_MEM_IO);
}

static bool checkable(const struct jh_mem *m)
{
	u64 end;

	return m->size && !(m->flags & JH_MEM_COMM) && !add_overflows(m->phys, m->size, &end);
}

static void no_ram1(struct vctx *v)
{
	const struct jh_mem *m = &jh_mems(&v->c->cell)[v->i];

	if (checkable(m) && is_ram(m) && !known(v->machine, m->phys, m->size))
		jh_report_at(v, v->c, "mem_regions", v->i, "0x%llx-0x%llx", m->phys, jh_end(m) - 1);
}

static void no_device1(struct vctx *v)
{
	const struct jh_mem *m = &jh_mems(&v->c->cell)[v->i];

	if (checkable(m) && !is_ram(m) && !is_shmem(v->c, v->i) && !known(v->machine, m->phys, m->size))
		jh_report_at(v, v->c, "mem_regions", v->i, "0x%llx-0x%llx", m->phys, jh_end(m) - 1);
}

static void ram_in_use1(struct vctx *v)
{
	const struct jh_mem *m = &jh_mems(&v->c->cell)[v->i];

	if (v->who && checkable(m) && (m->flags & JH_MEM_LOADABLE || is_shmem(v->c, v->i)) && machine_ram_touches(v->machine, m->phys, m->size))
		jh_report_at(v, v->c, "mem_regions", v->i, "0x%llx-0x%llx", m->phys, jh_end(m) - 1);
}

static void no_ram(struct vctx *v) { each(v, JH_MEM, no_ram1); }
static void no_device(struct vctx *v) { each(v, JH_MEM, no_device1); }
static void ram_in_use(struct vctx *v) { each(v, JH_MEM, ram_in_use1); }

static void hv_in_use(struct vctx *v)
{
	const struct jh_mem *m = &v->c->sys.hv;

	if (checkable(m) && machine_ram_touches(v->machine, m->phys, m->size))
		jh_report_at(v, v->c, "hypervisor_memory", 0, "0x%llx-0x%llx", m->phys, jh_end(m) - 1);
}

static void hv_nowhere(struct vctx *v)
{
	const struct jh_mem *m = &v->c->sys.hv;

	if (checkable(m) && v->c->arch == JH_X86 && !known(v->machine, m->phys, m->size))
		jh_report_at(v, v->c, "hypervisor_memory", 0, "0x%llx-0x%llx", m->phys, jh_end(m) - 1);
}

static void no_port1(struct vctx *v)
{
	const struct jh_pio *p = &jh_pios(&v->c->cell)[v->i];

	for (size_t i = 0; i < v->machine->ioports.n; i++) {
		const struct io_range *r = &v->machine->ioports.v[i];

		if (r->leaf && !str_starts(r->name, "PCI Bus", NULL) && r->start < (u64)p->base + p->length && r->end >= p->base)
			return;
	}
	if (p->length)
		jh_report_at(v, v->c, "pio_regions", v->i, "0x%x-0x%x", p->base, p->base + p->length - 1);
}

static void no_port(struct vctx *v)
{
	if (v->machine->ioports.n)
		each(v, JH_PIO, no_port1);
}

static void no_cpu(struct vctx *v)
{
	u32 iter = 0;
	u64 cpu;

	while ((cpu = jh_cpu_next(v->c, &iter)) != ~0ULL) {
		bool found = false;

		for (size_t i = 0; i < v->machine->n_cpus && !found; i++)
			found = cpu == (v->c->revision < 15 ? v->machine->cpus[i].nr : v->machine->cpus[i].phys_id);
		if (!found)
			jh_report_at(v, v->c, "cpus", 0, "CPU 0x%llx (%llu)", cpu, cpu);
	}
}

static void cpu_left_out(struct vctx *v)
{
	for (size_t i = 0; i < v->machine->n_cpus; i++) {
		const struct m_cpu *cpu = &v->machine->cpus[i];

		if (!jh_cpu_has(v->c, v->c->revision < 15 ? cpu->nr : cpu->phys_id))
			jh_report_at(v, v->c, "cpus", 0, "CPU 0x%x (%u)", cpu->nr, cpu->nr);
	}
}

/* ---- PCI ---- */

static const struct m_pci *device(const struct vctx *v, const struct jh_pci *d)
{
	return d->type == JH_PCI_IVSHMEM ? NULL : machine_pci(v->machine, d->domain, d->bdf);
}

#define BDF "%04x:%02x:%02x.%x (bdf 0x%x)"
#define BDF_ARGS(d) (d)->domain, (d)->bdf >> 8, (d)->bdf >> 3 & 31, (d)->bdf & 7, (d)->bdf

static void absent1(struct vctx *v)
{
	const struct jh_pci *d = &jh_pcis(&v->c->cell)[v->i];

	if ((d->type == JH_PCI_DEVICE || d->type == JH_PCI_BRIDGE) && !device(v, d))
		jh_report_at(v, v->c, "pci_devices", v->i, BDF, BDF_ARGS(d));
}

static void differs1(struct vctx *v)
{
	const struct jh_pci *d = &jh_pcis(&v->c->cell)[v->i];
	const struct m_pci *md = device(v, d);
	struct jh_pci rec = { .type = 0 };
	struct jh_cap caps[128];

	if (!md || md->cfg_len < 256)
		return;
	pci_describe(md, caps, pci_capabilities(md, caps, ARRAY_SIZE(caps)), &rec);
	if (rec.type != d->type)
		jh_report_at(v, v->c, "pci_devices", v->i, BDF ": type 0x%x, the machine has 0x%x", BDF_ARGS(d), d->type, rec.type);
	if (rec.num_msi != d->num_msi || rec.num_msix != d->num_msix || rec.msix_address != d->msix_address)
		jh_report_at(v, v->c, "pci_devices", v->i, BDF ": %u MSIs, %u MSI-Xs at 0x%llx; the machine has %u, %u at 0x%llx", BDF_ARGS(d),
			     d->num_msi, d->num_msix, d->msix_address, rec.num_msi, rec.num_msix, rec.msix_address);
	for (int i = 0; i < 6; i++)
		if (rec.bar_mask[i] != d->bar_mask[i] && d->type == JH_PCI_DEVICE)
			jh_report_at(v, v->c, "pci_devices", v->i, BDF ": bar_mask[%d] 0x%x, the machine has 0x%x", BDF_ARGS(d), i,
				     d->bar_mask[i], rec.bar_mask[i]);
}

static void caps1(struct vctx *v)
{
	const struct jh_pci *d = &jh_pcis(&v->c->cell)[v->i];
	const struct m_pci *md = device(v, d);
	struct jh_cap caps[128];
	unsigned n = md && md->cfg_len >= 256 ? pci_capabilities(md, caps, ARRAY_SIZE(caps)) : 0;

	for (u32 k = 0; md && md->cfg_len >= 256 && k < d->num_caps && (u64)d->caps_start + k < v->c->cell.n[JH_CAP]; k++) {
		const struct jh_cap *c = &jh_caps(&v->c->cell)[d->caps_start + k];
		bool found = c->id == 0 || (c->id & JH_CAP_EXT && md->cfg_len < 4096);

		for (unsigned i = 0; i < n && !found; i++)
			found = caps[i].id == c->id && caps[i].start == c->start;
		if (!found)
			jh_report_at(v, v->c, "pci_caps", d->caps_start + k, BDF ": capability 0x%x at 0x%x", BDF_ARGS(d), c->id, c->start);
	}
}

static void absent(struct vctx *v) { each(v, JH_PCI, absent1); }
static void differs(struct vctx *v) { each(v, JH_PCI, differs1); }
static void caps(struct vctx *v) { each(v, JH_PCI, caps1); }

static void left_out(struct vctx *v)
{
	for (size_t i = 0; i < v->machine->n_pci; i++) {
		const struct m_pci *md = &v->machine->pci[i];
		bool found = md->hidden || md->domain != v->c->sys.pci_domain || v->c->sys.pci_virtual;

		for (u32 k = 0; k < v->c->cell.n[JH_PCI] && !found; k++)
			found = jh_pcis(&v->c->cell)[k].bdf == md->bdf;
		if (!found)
			jh_report_at(v, v->c, "pci_devices", 0, BDF, BDF_ARGS(md));
	}
}

/* ---- platform ---- */

static void mmcfg(struct vctx *v)
{
	const struct jh_system *s = &v->c->sys;

	if (!s->mmcfg_base || s->pci_virtual || !v->machine->n_mcfg)
		return;
	for (unsigned i = 0; i < v->machine->n_mcfg; i++)
		if (v->machine->mcfg[i].base == s->mmcfg_base && v->machine->mcfg[i].end_bus >= s->mmcfg_end_bus)
			return;
	jh_report(v, "0x%llx up to bus 0x%x; MCFG has 0x%llx up to bus 0x%x", s->mmcfg_base, s->mmcfg_end_bus,
		  v->machine->mcfg[0].base, v->machine->mcfg[0].end_bus);
}

static void iommu(struct vctx *v)
{
	for (int i = 0; i < JH_IOMMUS && v->c->sys.iommu[i].base; i++) {
		bool found = false;

		for (unsigned k = 0; k < v->machine->n_iommu && !found; k++)
			found = v->machine->iommu[k].base == v->c->sys.iommu[i].base;
		if (!found)
			jh_report_at(v, v->c, "iommu_units", i, "base 0x%llx", v->c->sys.iommu[i].base);
	}
}

static void iommu_left_out(struct vctx *v)
{
	for (unsigned k = 0; k < v->machine->n_iommu; k++) {
		bool found = v->machine->iommu_segment[k] != 0;

		for (int i = 0; i < JH_IOMMUS && !found; i++)
			found = v->machine->iommu[k].base == v->c->sys.iommu[i].base;
		if (!found)
			jh_report_at(v, v->c, "iommu_units", k, "base 0x%llx", v->machine->iommu[k].base);
	}
}

static void ioapic1(struct vctx *v)
{
	const struct jh_chip *p = &jh_chips(&v->c->cell)[v->i];

	for (unsigned k = 0; k < v->machine->n_ioapic; k++)
		if (v->machine->ioapic[k].address == p->address)
			return;
	if (v->machine->n_ioapic)
		jh_report_at(v, v->c, "irqchips", v->i, "address 0x%llx", p->address);
}

static void ioapic(struct vctx *v) { each(v, JH_CHIP, ioapic1); }

static void pm_timer(struct vctx *v)
{
	if (v->machine->pm_timer && v->c->sys.pm_timer != v->machine->pm_timer)
		jh_report(v, "0x%x, the machine has it at 0x%x", v->c->sys.pm_timer, v->machine->pm_timer);
}

static void gic(struct vctx *v)
{
	const struct machine *m = v->machine;
	const struct jh_system *s = &v->c->sys;

	if (m->gicd && (m->gicd != s->gicd || m->gic_version != s->gic_version || (m->gic_version == 3 && m->gicr && m->gicr != s->gicr)))
		jh_report(v, "version 0x%x at 0x%llx, 0x%llx; the machine has 0x%x at 0x%llx, 0x%llx", s->gic_version, s->gicd, s->gicr,
			  m->gic_version, m->gicd, m->gicr);
}

#define R(c, sev, ref, chk, ttl, hnt, ...) { .code = (c), .severity = (sev), .scope = SC_MACHINE, \
	.refusal = (ref), .check = (chk), .title = (ttl), .hint = (hnt), ##__VA_ARGS__ }

const struct jh_rule jh_rules_machine[] = {
	R("JH-EXS-001", JH_ERROR, "EINVAL", wrong_arch, "the machine is of another architecture", NULL),
	R("JH-EXS-002", JH_ERROR, NULL, no_ram, "RAM that the machine does not have", NULL),
	R("JH-EXS-003", JH_WARNING, NULL, no_device, "registers where the machine has nothing", NULL),
	R("JH-EXS-004", JH_WARNING, NULL, ram_in_use, "memory of a cell that the machine's kernel uses", "`cellgen kernel-args` says how to reserve it"),
	R("JH-EXS-005", JH_WARNING, "EBUSY", hv_in_use, "the machine's kernel uses the hypervisor's memory", "`cellgen kernel-args` says how to reserve it"),
	R("JH-EXS-006", JH_ERROR, NULL, hv_nowhere, "the hypervisor's memory is none of the machine's", NULL),
	R("JH-EXS-007", JH_WARNING, NULL, no_port, "ports where the machine has nothing", NULL),
	R("JH-EXS-008", JH_ERROR, "EINVAL", no_cpu, "a CPU that the machine does not have", NULL),
	R("JH-EXS-009", JH_ERROR, "EINVAL", cpu_left_out, "an online CPU that the system does not list", "the hypervisor waits for all CPUs that are online"),
	R("JH-EXS-010", JH_ERROR, NULL, absent, "a PCI device that the machine does not have", NULL),
	R("JH-EXS-011", JH_ERROR, NULL, differs, "a PCI device is another one in the machine", NULL),
	R("JH-EXS-012", JH_ERROR, NULL, caps, "a capability that the machine's device does not have there", NULL),
	R("JH-EXS-013", JH_NOTE, NULL, left_out, "a PCI device of the machine that the system does not list", "no cell, the root cell too, sees it", X86),
	R("JH-EXS-014", JH_ERROR, NULL, mmcfg, "MMCONFIG is elsewhere in the machine", NULL, X86),
	R("JH-EXS-015", JH_ERROR, "EIO", iommu, "an IOMMU that the machine does not have", NULL),
	R("JH-EXS-016", JH_WARNING, NULL, iommu_left_out, "an IOMMU of the machine that the system does not list", "devices behind it reach all memory"),
	R("JH-EXS-017", JH_ERROR, NULL, ioapic, "an IOAPIC that the machine does not have", NULL, X86),
	R("JH-EXS-018", JH_ERROR, NULL, pm_timer, "the PM timer is elsewhere in the machine", NULL, X86),
	R("JH-EXS-019", JH_ERROR, "ENODEV", gic, "the GIC is elsewhere in the machine", NULL, ARMS),
	{ .code = NULL }
};
