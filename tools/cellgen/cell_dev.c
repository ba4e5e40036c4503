/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices of a new cell: PCI, ports, interrupts, console. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "cell.h"
#include "cellgen.h"
#include "create.h"

static int no_memory(struct maker *k)
{
	return err_set(k->err, ENOMEM, "out of memory");
}

int cell_ports(struct maker *k, u64 base, u64 length)
{
	struct jh_pio *p;

	if (!length || base + length > 0x10000 || k->sys.arch != JH_X86)
		return err_set(k->err, EINVAL, "ports 0x%llx+0x%llx do not exist", base, length);
	for (unsigned o = 0; o < k->n_other; o++)
		for (u32 i = 0; i < k->other[o].cell.n[JH_PIO]; i++) {
			p = &jh_pios(&k->other[o].cell)[i];
			if (p->base < base + length && (u64)p->base + p->length > base)
				return err_set(k->err, EBUSY, "ports 0x%llx+0x%llx belong to cell %s", base, length, k->other[o].cell.name);
		}
	p = jh_add(&k->cell.cell, JH_PIO);
	if (!p)
		return no_memory(k);
	p->base = base;
	p->length = length;
	return 0;
}

/* ---- interrupts ---- */

/* The root cell's chip: by its address, or its place in the list. */
static const struct jh_chip *root_chip(const struct maker *k, u64 chip, u32 pin)
{
	const struct jh_cell *r = &k->sys.cell;

	for (u32 i = 0; i < r->n[JH_CHIP]; i++) {
		const struct jh_chip *p = &jh_chips(r)[i];

		if ((p->address == chip || (chip < r->n[JH_CHIP] && p->address == jh_chips(r)[chip].address)) &&
		    pin >= p->pin_base && pin - p->pin_base < 128)
			return p;
	}
	return NULL;
}

static bool has_pin(const struct jh_config *c, const struct jh_chip *chip, u32 k)
{
	for (u32 i = 0; i < c->cell.n[JH_CHIP]; i++) {
		const struct jh_chip *p = &jh_chips(&c->cell)[i];
		u32 bit = chip->pin_base + k - p->pin_base;

		if (p->address == chip->address && chip->pin_base + k >= p->pin_base && bit < 128 && p->pins[bit / 32] >> bit % 32 & 1)
			return true;
	}
	return false;
}

int cell_irq(struct maker *k, u64 chip, u32 pin)
{
	const struct jh_chip *r = root_chip(k, chip, pin);
	struct jh_chip *p = NULL;
	u32 bit;

	if (!r)
		return err_set(k->err, EINVAL, "the root cell has no interrupt chip 0x%llx with pin %u", chip, pin);
	bit = pin - r->pin_base;
	if (!(r->pins[bit / 32] >> bit % 32 & 1))
		return err_set(k->err, EINVAL, "pin %u of chip 0x%llx is not the root cell's", pin, r->address);
	for (unsigned o = 0; o < k->n_other; o++)
		if (has_pin(&k->other[o], r, bit))
			return err_set(k->err, EBUSY, "pin %u of chip 0x%llx belongs to cell %s", pin, r->address, k->other[o].cell.name);
	for (u32 i = 0; i < k->cell.cell.n[JH_CHIP] && !p; i++)
		if (jh_chips(&k->cell.cell)[i].address == r->address && jh_chips(&k->cell.cell)[i].pin_base == r->pin_base)
			p = &jh_chips(&k->cell.cell)[i];
	if (!p) {
		p = jh_add(&k->cell.cell, JH_CHIP);
		if (!p)
			return no_memory(k);
		p->address = r->address;
		p->id = r->id;
		p->pin_base = r->pin_base;
	}
	p->pins[bit / 32] |= 1U << bit % 32;
	return 0;
}

/* ---- console ---- */

static int uart_x86(struct maker *k)
{
	const struct jh_console *hv = &k->sys.sys.console;
	u16 port = hv->type && !(hv->flags & JH_CON_MMIO) && hv->address == 0x3f8 ? 0x2f8 : 0x3f8;
	int ret = cell_ports(k, port, 8);

	k->cell.cell.console = (struct jh_console){ .address = port, .type = JH_CON_8250 };
	if (!ret && k->sys.cell.n[JH_CHIP])
		ret = cell_irq(k, 0, port == 0x2f8 ? 3 : 4);
	return ret;
}

/* The hypervisor's console is shared with the cell, as it is with the root cell. */
static int uart_arm(struct maker *k)
{
	struct jh_console con = k->sys.sys.console;
	u64 size = MAX((u64)con.size, JH_PAGE), at = con.address & ~(JH_PAGE - 1);

	if (!con.type || !(con.flags & JH_CON_MMIO))
		return err_set(k->err, ENODEV, "--uart: the system has no console to share");
	con.size = 0;
	con.clock_reg = con.gate_nr = 0;
	k->cell.cell.console = con;
	return cell_region(k, at, at, ALIGN_UP(size, JH_PAGE), JH_MEM_READ | JH_MEM_WRITE | JH_MEM_IO | JH_MEM_ROOTSHARED);
}

int cell_uart(struct maker *k)
{
	return k->sys.arch == JH_X86 ? uart_x86(k) : uart_arm(k);
}

/* ---- PCI ---- */

struct pci_spec {
	u16 domain, bdf;
	bool nomsi, nobar;
};

/* "0000:00:1f.2", "00:1f.2" or "0x00fa", then ",nomsi" and ",nobar" */
static int parse_spec(struct maker *k, const char *text, struct pci_spec *s)
{
	u64 v[4] = { 0, 0, 0, 0 };
	const char *p = text, *colon = strchr(text, ':');
	bool domain = colon && strchr(colon + 1, ':'), bad = false;

	memset(s, 0, sizeof(*s));
	if (str_starts(text, "0x", NULL)) {
		bad = str_scan_u64(text, 0, &p, &v[1]) || v[1] > 0xffff;
		s->bdf = v[1];
	} else {
		bad = domain && (str_scan_u64(p, 16, &p, &v[0]) || *p++ != ':');
		bad = bad || str_scan_u64(p, 16, &p, &v[1]) || *p++ != ':' || str_scan_u64(p, 16, &p, &v[2]) || *p++ != '.' ||
			str_scan_u64(p, 16, &p, &v[3]) || v[0] > 0xffff || v[1] > 255 || v[2] > 31 || v[3] > 7;
		s->domain = v[0];
		s->bdf = v[1] << 8 | v[2] << 3 | v[3];
	}
	while (!bad && *p == ',') {
		size_t n = strcspn(++p, ",");

		if (n == 5 && !memcmp(p, "nomsi", 5))
			s->nomsi = true;
		else if (n == 5 && !memcmp(p, "nobar", 5))
			s->nobar = true;
		else
			bad = true;
		p += n;
	}
	return bad || *p ? err_set(k->err, EINVAL, "-p: '%s' is no device, such as 00:1f.2, 0000:00:1f.2,nomsi or 0xfa", text) : 0;
}

static struct jh_pci *find(const struct jh_config *c, const struct pci_spec *s)
{
	for (u32 i = 0; i < c->cell.n[JH_PCI]; i++) {
		struct jh_pci *d = &jh_pcis(&c->cell)[i];

		if (d->type != JH_PCI_IVSHMEM && d->bdf == s->bdf && d->domain == s->domain)
			return d;
	}
	return NULL;
}

/* A region of registers, without what stands there already. Identity: cells see devices where they are. */
static int add_registers(struct maker *k, u64 at, u64 size, const struct jh_pci *d)
{
	u64 flags = JH_MEM_READ | JH_MEM_WRITE | (k->sys.arch == JH_X86 ? 0 : JH_MEM_IO);
	u64 end = ALIGN_UP(at + size, JH_PAGE), table = d->msix_address, table_end = table + d->msix_region_size;
	int ret = 0;

	at &= ~(JH_PAGE - 1);
	/* accesses to the MSI-X table go through the hypervisor */
	if (table && table < end && table_end > at) {
		if (table > at)
			ret = cell_region(k, at, at, table - at, flags);
		at = table_end;
	}
	return ret || at >= end ? ret : cell_region(k, at, at, end - at, flags);
}

/* BARs as the machine has them. */
static int bars_of_machine(struct maker *k, const struct m_pci *md, const struct jh_pci *d)
{
	int ret = 0;

	for (int i = 0; i < 6 && !ret; i++) {
		const struct m_bar *b = &md->bar[i];

		if (b->end <= b->start || !b->start)
			continue;
		if (b->flags & BAR_MEM)
			ret = add_registers(k, b->start, b->end - b->start + 1, d);
		else if (b->flags & BAR_IO && k->sys.arch == JH_X86)
			ret = cell_ports(k, b->start, b->end - b->start + 1);
	}
	return ret;
}

static bool is_registers(const struct jh_mem *m)
{
	return m->size && !(m->flags & JH_MEM_EXECUTE) && m->flags & JH_MEM_READ;
}

/* Is [at, at + size) registers of the root cell, but for the device's MSI-X table? */
static bool is_bar(const struct maker *k, const struct jh_pci *d, u64 at, u64 size)
{
	u64 pos = at;

	for (bool moved = true; moved && pos < at + size;) {
		moved = false;
		if (d->msix_address && pos >= d->msix_address && pos < d->msix_address + d->msix_region_size) {
			pos = d->msix_address + d->msix_region_size;
			moved = true;
		}
		for (u32 i = 0; i < k->sys.cell.n[JH_MEM]; i++) {
			const struct jh_mem *m = &jh_mems(&k->sys.cell)[i];

			if (is_registers(m) && m->phys <= pos && jh_end(m) > pos && m->phys >= at && jh_end(m) <= at + size) {
				pos = jh_end(m);
				moved = true;
			}
		}
	}
	return pos >= at + size;
}

static bool is_behind_ram(const struct maker *k, u64 at)
{
	for (u32 i = 0; i < k->sys.cell.n[JH_MEM]; i++)
		if (jh_mems(&k->sys.cell)[i].flags & JH_MEM_EXECUTE && jh_end(&jh_mems(&k->sys.cell)[i]) == at)
			return true;
	return false;
}

/* Another device that has a BAR of this size may own the same region. */
static bool size_is_common(const struct maker *k, const struct jh_pci *d, u64 size)
{
	u32 n = 0;

	for (u32 i = 0; i < k->sys.cell.n[JH_PCI]; i++)
		for (int b = 0; b < 6; b++) {
			const struct jh_pci *o = &jh_pcis(&k->sys.cell)[i];
			u64 mask = o->bar_mask[b];
			bool wide = b < 5 && o->bar_mask[b + 1] == 0xffffffff;

			n += o->type != JH_PCI_IVSHMEM && mask && (u32)~mask + 1ULL == size;
			b += wide;
		}
	(void)d;
	return n > 1;
}

/*
 * BARs from the system's records alone: the masks say the sizes, the root
 * cell's regions where registers are. The BAR of the MSI-X table is known by
 * its address, others when one region alone can be it.
 */
static int bar_of_records(struct maker *k, const struct jh_pci *d, int bar, u64 size)
{
	u64 at = ALIGN_DOWN(d->msix_address, size), found = 0;
	u32 n = 0;

	if (d->msix_address && d->msix_region_size <= size && is_bar(k, d, at, size))
		return add_registers(k, at, size, d);
	for (u32 i = 0; i < k->sys.cell.n[JH_MEM]; i++) {
		const struct jh_mem *m = &jh_mems(&k->sys.cell)[i];

		/* below 1 MiB and right behind RAM are no BARs, but ROMs and ACPI tables */
		if (is_registers(m) && m->size == ALIGN_UP(size, JH_PAGE) && !(m->phys & (size - 1)) && m->phys >= 1 * MiB &&
		    !is_behind_ram(k, m->phys)) {
			found = m->phys;
			n++;
		}
	}
	if (n == 1 && !size_is_common(k, d, size))
		return add_registers(k, found, size, d);
	return err_set(k->err, ENOENT, "-p %02x:%02x.%x: where its BAR %d of 0x%llx bytes is cannot be told from the system's "
		       "configuration; give --root, or ,nobar and --mmio", d->bdf >> 8, d->bdf >> 3 & 31, d->bdf & 7, bar, size);
}

/* A BAR of ports: the one range of the root cell that is as long and aligned. */
static bool ports_of_records(const struct maker *k, u64 size, u16 *base)
{
	u32 n = 0;

	for (u32 i = 0; i < k->sys.cell.n[JH_PIO]; i++) {
		const struct jh_pio *p = &jh_pios(&k->sys.cell)[i];

		if (p->length == size && !(p->base & (size - 1)) && p->base >= 0xd00) {
			*base = p->base;
			n++;
		}
	}
	return n == 1;
}

static int bars_of_records(struct maker *k, const struct jh_pci *d)
{
	u16 base = 0;
	int ret = 0;

	for (int i = 0; i < 6 && !ret; i++) {
		u64 mask = d->bar_mask[i] | 0xffffffff00000000ULL;
		/* the upper half is all ones below 4 GiB; above the lower one is 0, and the upper no mask of a BAR by itself */
		bool wide = i < 5 && (d->bar_mask[i] ? d->bar_mask[i + 1] == 0xffffffff : d->bar_mask[i + 1] > 0xfffffff0);

		if (!d->bar_mask[i] && !wide)
			continue;
		if (wide)
			mask = (u64)d->bar_mask[i + 1] << 32 | d->bar_mask[i];
		/* BARs of ports have 256 of them at most */
		if (~mask + 1 <= 256 && ports_of_records(k, ~mask + 1, &base) && !size_is_common(k, d, ~mask + 1))
			ret = cell_ports(k, base, ~mask + 1);
		else
			ret = bar_of_records(k, d, i, ~mask + 1);
		i += wide;
	}
	return ret;
}

/* Does the machine at hand have the device of the record? Else it is another machine. */
static const struct m_pci *same_device(const struct maker *k, const struct jh_pci *d)
{
	const struct m_pci *md = k->m ? machine_pci(k->m, d->domain, d->bdf) : NULL;
	struct jh_cap caps[128];
	struct jh_pci rec = { .type = 0 };

	if (!md)
		return NULL;
	pci_describe(md, caps, pci_capabilities(md, caps, ARRAY_SIZE(caps)), &rec);
	return memcmp(rec.bar_mask, d->bar_mask, sizeof(rec.bar_mask)) || rec.msix_address != d->msix_address ? NULL : md;
}

static int add_record(struct maker *k, const struct jh_pci *d, const struct pci_spec *s)
{
	struct jh_pci *p = jh_add(&k->cell.cell, JH_PCI);

	if (!p)
		return no_memory(k);
	*p = *d;
	p->caps_start = d->num_caps ? k->cell.cell.n[JH_CAP] : 0;
	if ((u32)d->caps_start + d->num_caps > k->sys.cell.n[JH_CAP])
		return err_set(k->err, EINVAL, "the system's record of the device is broken; validate it");
	for (u32 i = 0; i < d->num_caps; i++) {
		struct jh_cap *c = jh_add(&k->cell.cell, JH_CAP);

		if (!c)
			return no_memory(k);
		*c = jh_caps(&k->sys.cell)[d->caps_start + i];
		if (s->nomsi && (c->id == JH_CAP_MSI || c->id == JH_CAP_MSIX))
			c->flags &= ~JH_CAP_WRITE;
	}
	return 0;
}

static int take_device(struct maker *k, const struct pci_spec *s, unsigned depth);

/* What is behind a bridge goes with it, as far as the machine shows it. */
static int take_behind(struct maker *k, const struct m_pci *bridge, const struct pci_spec *s, unsigned depth)
{
	int ret = 0;

	for (u32 i = 0; i < k->sys.cell.n[JH_PCI] && !ret && depth < 8; i++) {
		const struct jh_pci *d = &jh_pcis(&k->sys.cell)[i];
		struct pci_spec b = { d->domain, d->bdf, s->nomsi, s->nobar };

		if (d->domain == s->domain && d->bdf >> 8 == bridge->cfg[0x19] && bridge->cfg[0x19] && !find(&k->cell, &b) && find(&k->sys, &b))
			ret = take_device(k, &b, depth + 1);
	}
	return ret;
}

static int take_device(struct maker *k, const struct pci_spec *s, unsigned depth)
{
	const struct jh_pci *d = find(&k->sys, s);
	const struct m_pci *md;
	int ret;

	if (!d)
		return err_set(k->err, ENODEV, "-p: the system has no device %04x:%02x:%02x.%x", s->domain, s->bdf >> 8, s->bdf >> 3 & 31, s->bdf & 7);
	if (find(&k->cell, s))
		return err_set(k->err, EINVAL, "-p: %02x:%02x.%x is named twice", s->bdf >> 8, s->bdf >> 3 & 31, s->bdf & 7);
	for (unsigned o = 0; o < k->n_other; o++)
		if (find(&k->other[o], s))
			return err_set(k->err, EBUSY, "-p: %02x:%02x.%x belongs to cell %s", s->bdf >> 8, s->bdf >> 3 & 31, s->bdf & 7,
				       k->other[o].cell.name);
	md = same_device(k, d);
	if (k->m && k->a->root && !md)
		return err_set(k->err, ENODEV, "-p: %02x:%02x.%x is not there in --root as the system's configuration has it",
			       s->bdf >> 8, s->bdf >> 3 & 31, s->bdf & 7);
	ret = add_record(k, d, s);
	if (!ret && !s->nobar && d->type == JH_PCI_DEVICE)
		ret = md ? bars_of_machine(k, md, d) : bars_of_records(k, d);
	return ret || d->type != JH_PCI_BRIDGE || !md ? ret : take_behind(k, md, s, depth);
}

int cell_pci(struct maker *k, const char *text)
{
	struct pci_spec s;
	int ret = parse_spec(k, text, &s);

	return ret ? ret : take_device(k, &s, 0);
}
