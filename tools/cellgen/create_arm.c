/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System configurations of arm and arm64: from the device tree, or ACPI, and /proc/iomem. */
#include <errno.h>
#include <string.h>
#include "create.h"
#include "layout.h"
#include "str.h"

#define VPCI_IRQS 4		/* INTA to INTD of the virtual host bridge */
#define SPI_FIRST 32

static int add_memory(struct jh_config *c, const struct machine *m)
{
	u64 io = JH_MEM_READ | JH_MEM_WRITE | JH_MEM_IO;
	int ret = 0;

	for (size_t i = 0; i < m->iomem.n && !ret; i++) {
		const struct io_range *r = &m->iomem.v[i];

		if (r->level == 0 && str_eq(r->name, "System RAM"))
			ret = create_mem(c, r->start, r->end + 1, JH_MEM_RAM);
	}
	for (size_t i = 0; i < m->devices.n && !ret; i++)
		ret = create_mem(c, m->devices.v[i].start, m->devices.v[i].end + 1, io);
	/* what drivers claimed: windows and BARs of PCI, and all there is without a device tree */
	for (size_t i = 0; i < m->iomem.n && !ret; i++) {
		const struct io_range *r = &m->iomem.v[i];

		if (r->level == 0 && !str_eq(r->name, "System RAM") &&
		    !str_starts(r->name, "Reserved", NULL) && !str_starts(r->name, "reserved", NULL))
			ret = create_mem(c, r->start, r->end + 1, io);
	}
	for (unsigned i = 0; i < m->n_mcfg && !ret; i++)
		ret = create_mem(c, m->mcfg[i].base + m->mcfg[i].start_bus * MiB,
				 m->mcfg[i].base + (m->mcfg[i].end_bus + 1ULL) * MiB, io);
	return ret;
}

static int cut_all(struct jh_config *c, const struct machine *m, const struct create_opts *o)
{
	u64 cpus = MAX(m->n_cpus, (size_t)1);
	const struct { u64 at, size; } gic2[] = { { m->gicd, 0x1000 }, { m->gicc, 0x2000 }, { m->gich, 0x2000 }, { m->gicv, 0x2000 } },
		gic3[] = { { m->gicd, 0x10000 }, { m->gicr, 0x20000 * cpus } };
	int ret = create_cut(c, o->hv_at, ALIGN_UP(o->hv_size + o->inmates, JH_PAGE));

	for (size_t i = 0; m->gic_version == 2 && i < ARRAY_SIZE(gic2) && !ret; i++)
		ret = gic2[i].at ? create_cut(c, gic2[i].at, gic2[i].size) : 0;
	for (size_t i = 0; m->gic_version != 2 && i < ARRAY_SIZE(gic3) && !ret; i++)
		ret = gic3[i].at ? create_cut(c, gic3[i].at, gic3[i].size) : 0;
	for (unsigned i = 0; i < m->n_iommu && !ret; i++)
		ret = create_cut(c, m->iommu[i].base & ~(JH_PAGE - 1), ALIGN_UP(m->iommu[i].size, JH_PAGE));
	return ret;
}

static bool touches(const struct io_list *l, u64 start, u64 size)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].start < start + size && l->v[i].end >= start)
			return true;
	return false;
}

static bool is_hole(const struct jh_config *c, const struct machine *m, u64 at, u64 size)
{
	for (u32 i = 0; i < c->cell.n[JH_MEM]; i++) {
		const struct jh_mem *r = &jh_mems(&c->cell)[i];

		if (r->phys < at + size && jh_end(r) > at)
			return false;
	}
	for (unsigned i = 0; i < m->n_iommu; i++)
		if (m->iommu[i].base < at + size && m->iommu[i].base + m->iommu[i].size > at)
			return false;
	if (m->gicd < at + size && m->gicd + 0x10000 > at)
		return false;
	if (m->gicr && m->gicr < at + size && m->gicr + 0x20000 * m->n_cpus > at)
		return false;
	return !touches(&m->iomem, at, size) && !touches(&m->reserved, at, size);
}

/* A bus of virtual devices: config space where nothing is, a domain and interrupts that nobody has. */
static void set_virtual_pci(struct jh_config *c, struct machine *m)
{
	u16 domain = 0;

	for (size_t i = 0; i < m->n_pci; i++)
		domain = MAX(domain, (u16)(m->pci[i].domain + 1));
	for (unsigned i = 0; i < m->n_mcfg; i++)
		domain = MAX(domain, (u16)(m->mcfg[i].segment + 1));
	for (u64 at = 0x01000000; at < 0xf0000000; at += 0x00100000) {
		if (!is_hole(c, m, at - 0x00100000, 3 * MiB))
			continue;
		c->sys.mmcfg_base = at;
		c->sys.pci_virtual = 1;
		c->sys.pci_domain = domain;
		return;
	}
	machine_note(m, "no free 1 MiB of addresses below 4 GiB for virtual PCI: no ivshmem");
}

static bool spi_used(const struct machine *m, u32 irq)
{
	return m->spis[irq / 32] >> irq % 32 & 1;
}

static int set_irqs(struct jh_config *c, struct machine *m)
{
	u32 top = SPI_FIRST, end = SPI_FIRST, run = 0, irq;

	for (irq = SPI_FIRST; irq < 1020; irq++)
		if (spi_used(m, irq))
			top = irq + 1;
	/* without a device tree nothing is known of what is in use: all */
	top = MAX(top + VPCI_IRQS, m->has_dt ? 160U : 1020U);
	for (u32 base = SPI_FIRST; base < top && base + 128 <= 1024; base += 128) {
		struct jh_chip *p = jh_add(&c->cell, JH_CHIP);

		if (!p)
			return -ENOMEM;
		p->address = m->gicd;
		p->pin_base = base;
		memset(p->pins, 0xff, sizeof(p->pins));
		end = base + 128;
	}
	for (irq = end - 1; irq >= SPI_FIRST && run < VPCI_IRQS; irq--)
		run = spi_used(m, irq) ? 0 : run + 1;
	if (run == VPCI_IRQS)
		c->cell.vpci_irq_base = irq + 1 - SPI_FIRST;
	else
		machine_note(m, "no 4 free interrupts in a row for virtual PCI");
	if (!m->has_dt)
		machine_note(m, "no device tree: whether interrupts %u to %u are free for virtual PCI is not known",
			     c->cell.vpci_irq_base + SPI_FIRST, c->cell.vpci_irq_base + SPI_FIRST + VPCI_IRQS - 1);
	return 0;
}

int create_arm(struct jh_config *c, struct machine *m, const struct create_opts *o, struct err *err)
{
	int ret;

	if (!m->gicd || (m->gic_version != 2 && m->gic_version != 3))
		return err_set(err, ENOENT, "no interrupt controller (GIC, version 2 or 3) in device tree or ACPI");
	c->sys.gic_version = m->gic_version;
	c->sys.maintenance_irq = m->maintenance_irq;
	c->sys.gicd = m->gicd;
	c->sys.gicc = m->gicc;
	c->sys.gich = m->gich;
	c->sys.gicv = m->gicv;
	c->sys.gicr = m->gic_version == 3 ? m->gicr : 0;
	if (!m->maintenance_irq) {
		c->sys.maintenance_irq = 25;
		machine_note(m, "the GIC does not say its maintenance interrupt; 25 is usual");
	}
	memcpy(c->sys.iommu, m->iommu, sizeof(c->sys.iommu));
	ret = add_memory(c, m);
	if (!ret)
		ret = cut_all(c, m, o);
	if (!ret && o->inmates) {
		struct jh_mem *pool = jh_add(&c->cell, JH_MEM);
		u64 at = o->hv_at + o->hv_size;

		if (!pool)
			return -ENOMEM;
		*pool = (struct jh_mem){ at, at, o->inmates, JH_MEM_RAM };
	}
	if (!ret)
		ret = set_irqs(c, m);
	set_virtual_pci(c, m);
	return ret;
}
