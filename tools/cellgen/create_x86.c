/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System configurations of x86: from /proc/iomem, /proc/ioports, PCI and ACPI. */
#include <errno.h>
#include <string.h>
#include "create.h"
#include "layout.h"
#include "str.h"

#define LEGACY_ROMS	0xc0000ULL
#define LEGACY_ROMS_END	0xe0000ULL
#define IOAPIC_PINS	120	/* the most that one has; how many there are stands in the chip alone */

static int add_ram(struct jh_config *c, const struct machine *m)
{
	int ret = 0;

	for (size_t i = 0; i < m->iomem.n && !ret; i++) {
		const struct io_range *r = &m->iomem.v[i];

		if (r->level == 0 && str_eq(r->name, "System RAM"))
			/* the first page is reserved since Linux 5.13, but CPUs start through it */
			ret = create_mem(c, r->start == 0x1000 ? 0 : r->start, r->end + 1, JH_MEM_RAM);
	}
	for (size_t i = 0; i < m->rmrr.n && !ret; i++)
		ret = create_mem(c, m->rmrr.v[i].start, m->rmrr.v[i].end + 1, JH_MEM_RAM);
	return ret;
}

/* What no cell may map, or what stands for nothing by itself. */
static bool is_skipped(const struct io_range *r)
{
	static const char *const names[] = { "System RAM", "Reserved", "reserved", "RAM buffer", "PCI Bus", "Jailhouse", "Kernel",
		"Crash kernel", "dmar", "amd_iommu", NULL };

	for (int i = 0; names[i]; i++)
		if (str_starts(r->name, names[i], NULL))
			return !(r->start == 0xa0000 && str_starts(r->name, "PCI Bus", NULL));
	return strstr(r->name, "MMCONFIG") || strstr(r->name, "ECAM") || strstr(r->name, "APIC") || strstr(r->name, "dmar");
}

static bool is_pci_name(const char *s)
{
	return strlen(s) >= 12 && s[4] == ':' && s[7] == ':' && s[10] == '.';
}

static int add_devices(struct jh_config *c, const struct machine *m)
{
	bool roms = false;
	int ret = 0;

	for (size_t i = 0; i < m->iomem.n && !ret; i++) {
		const struct io_range *r = &m->iomem.v[i];

		if (is_skipped(r) || !(r->leaf || is_pci_name(r->name)))
			continue;
		if (r->start >= LEGACY_ROMS && r->end < LEGACY_ROMS_END)
			roms = true;
		else
			ret = create_mem(c, r->start, r->end + 1, JH_MEM_READ | JH_MEM_WRITE);
	}
	return ret || !roms ? ret : create_mem(c, LEGACY_ROMS, LEGACY_ROMS_END, JH_MEM_READ | JH_MEM_WRITE);
}

/* Takes out what the hypervisor must see accesses to, and its own memory. */
static int cut_all(struct jh_config *c, const struct create_opts *o)
{
	const struct jh_system *s = &c->sys;
	int ret = create_cut(c, o->hv_at, ALIGN_UP(o->hv_size + o->inmates, JH_PAGE));

	if (!ret && s->mmcfg_base)
		ret = create_cut(c, s->mmcfg_base, (s->mmcfg_end_bus + 1ULL) * MiB);
	for (int i = 0; i < JH_IOMMUS && !ret; i++)
		ret = create_cut(c, s->iommu[i].base, s->iommu[i].size);
	if (!ret)
		ret = create_cut(c, 0xfee00000, JH_PAGE);
	for (u32 i = 0; i < c->cell.n[JH_CHIP] && !ret; i++)
		ret = create_cut(c, jh_chips(&c->cell)[i].address & ~(JH_PAGE - 1), JH_PAGE);
	for (u32 i = 0; i < c->cell.n[JH_PCI] && !ret; i++)
		if (jh_pcis(&c->cell)[i].msix_address)
			ret = create_cut(c, jh_pcis(&c->cell)[i].msix_address, jh_pcis(&c->cell)[i].msix_region_size);
	return ret;
}

/* Ports of devices that Linux drives; those that could reach another device's config space stay out. */
static bool is_port_allowed(const struct io_range *r)
{
	static const struct { u16 first, last; } legacy[] = {
		{ 0x40, 0x43 },		/* timer */
		{ 0x60, 0x61 }, { 0x64, 0x64 },	/* keyboard, NMI status */
		{ 0x70, 0x77 },		/* clock */
		{ 0x2f8, 0x2ff }, { 0x3f8, 0x3ff }, { 0x3b0, 0x3df },
	};

	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++)
		if (r->start >= legacy[i].first && r->end <= legacy[i].last)
			return true;
	return r->start >= 0xd00 && is_pci_name(r->name);
}

static int add_ports(struct jh_config *c, const struct machine *m)
{
	u64 done = 0;

	for (size_t i = 0; i < m->ioports.n; i++) {
		const struct io_range *r = &m->ioports.v[i];
		struct jh_pio *p;
		u64 start = MAX(r->start, done);

		if (!is_port_allowed(r) || start > r->end || r->end > 0xffff)
			continue;
		done = r->end + 1;
		p = jh_add(&c->cell, JH_PIO);
		if (!p)
			return -ENOMEM;
		p->base = start;
		p->length = done - start;
	}
	return 0;
}

static int add_ioapics(struct jh_config *c, struct machine *m)
{
	for (unsigned i = 0; i < m->n_ioapic; i++) {
		const struct m_ioapic *a = &m->ioapic[i];
		struct jh_chip *p = jh_add(&c->cell, JH_CHIP);

		if (!p)
			return -ENOMEM;
		p->address = a->address;
		p->id = (u32)a->iommu << 16 | a->bdf;
		memset(p->pins, 0xff, sizeof(p->pins));
		if (m->n_iommu && !a->has_bdf)
			machine_note(m, "IOAPIC %u is in the scope of no IOMMU; its interrupts cannot be remapped", a->id);
	}
	return 0;
}

/* Segment 0 is what the hypervisor configures; a segment may be described in pieces with the same base. */
static void set_mmcfg(struct jh_config *c, struct machine *m)
{
	unsigned others = 0;

	for (unsigned i = 0; i < m->n_mcfg; i++) {
		const struct m_mcfg *g = &m->mcfg[i];

		if (g->segment || (c->sys.mmcfg_base && c->sys.mmcfg_base != g->base)) {
			others++;
			continue;
		}
		c->sys.mmcfg_base = g->base;
		c->sys.mmcfg_end_bus = MAX(c->sys.mmcfg_end_bus, g->end_bus);
	}
	if (!m->n_mcfg)
		machine_note(m, "no ACPI table MCFG: extended config space cannot be reached");
	if (others)
		machine_note(m, "%u more MMCONFIG regions are left out; the hypervisor knows one, for segment 0", others);
}

static void set_iommus(struct jh_config *c, struct machine *m)
{
	unsigned n = 0;
	u8 to[JH_IOMMUS] = { 0 };

	/* units of other segments are left out, so the rest move up */
	for (unsigned i = 0; i < m->n_iommu; i++) {
		if (m->iommu_segment[i]) {
			machine_note(m, "the IOMMU at 0x%llx is of segment %u and is left out", m->iommu[i].base, m->iommu_segment[i]);
			continue;
		}
		to[i] = n;
		c->sys.iommu[n++] = m->iommu[i];
	}
	for (size_t i = 0; i < m->n_pci; i++)
		if (m->pci[i].iommu < JH_IOMMUS)
			m->pci[i].iommu = to[m->pci[i].iommu];
	for (unsigned i = 0; i < m->n_ioapic; i++)
		m->ioapic[i].iommu = to[m->ioapic[i].iommu & (JH_IOMMUS - 1)];
	if (!n)
		machine_note(m, "no IOMMU in the ACPI tables: devices of a cell reach all memory; Intel's machines cannot be started so");
}

static void set_vtd_limit(struct jh_config *c)
{
	u32 need = IOAPIC_PINS * MAX(c->cell.n[JH_CHIP], 1U), limit = 256;

	for (u32 i = 0; i < c->cell.n[JH_PCI]; i++)
		need += MAX((u32)jh_pcis(&c->cell)[i].num_msi, (u32)jh_pcis(&c->cell)[i].num_msix);
	while (limit < need && limit < 32768)
		limit *= 2;
	if (c->sys.iommu[0].type == JH_IOMMU_INTEL)
		c->sys.vtd_limit = limit;
}

int create_x86(struct jh_config *c, struct machine *m, const struct create_opts *o, struct err *err)
{
	int ret;

	(void)err;
	set_mmcfg(c, m);
	set_iommus(c, m);
	c->sys.pm_timer = m->pm_timer;
	if (!m->pm_timer)
		machine_note(m, "no PM timer in /proc/ioports or FADT");
	ret = add_ioapics(c, m);
	if (!ret)
		ret = create_pci(c, m);
	set_vtd_limit(c);
	if (!ret)
		ret = add_ram(c, m);
	if (!ret)
		ret = add_devices(c, m);
	if (!ret)
		ret = cut_all(c, o);
	if (!ret && o->inmates) {
		struct jh_mem *pool = jh_add(&c->cell, JH_MEM);
		u64 at = o->hv_at + o->hv_size;

		if (!pool)
			return -ENOMEM;
		*pool = (struct jh_mem){ at, at, o->inmates, JH_MEM_RAM };
	}
	return ret ? ret : add_ports(c, m);
}
