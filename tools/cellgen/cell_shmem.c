/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared memory of a new cell: it joins a link that the system has already, or
 * makes one, for which the root cell's side is added to the system.
 */
#include <errno.h>
#include <string.h>
#include "cell.h"
#include "cellgen.h"
#include "create.h"
#include "mem.h"

#define PEERS_MAX 12
#define ROOT_ID 0

struct link {
	u64 id, peers, size;
	u16 protocol, root_protocol;
	u64 at;			/* of the table of states */
	u64 common, output;	/* sizes of sections */
	u16 bdf, domain, vectors;
};

static int no_memory(struct maker *k)
{
	return err_set(k->err, ENOMEM, "out of memory");
}

static const struct { const char *name; u16 protocol; } protocols[] = {
	{ "undefined", 0 }, { "veth", 1 }, { "virtio-net", 0x8001 }, { "virtio-blk", 0x8002 }, { "virtio-console", 0x8003 },
};

static bool parse_protocol(const char *s, u16 *protocol)
{
	u64 v;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (str_eq(s, protocols[i].name)) {
			*protocol = protocols[i].protocol;
			return true;
		}
	if (str_to_u64_range(s, 0, 0xffff, &v))
		return false;
	*protocol = v;
	return true;
}

/* ID:PEERS:SIZE[:PROTOCOL] */
static int parse(struct maker *k, const char *text, struct link *l)
{
	char *copy = str_dup(text), *f[4] = { copy, NULL, NULL, NULL };
	int n = 1, ret = 0;

	if (!copy)
		return no_memory(k);
	for (char *p = copy; *p; p++)
		if (*p == ':' && n < 4) {
			*p = '\0';
			f[n++] = p + 1;
		}
	memset(l, 0, sizeof(*l));
	if (n < 3 || str_to_u64(f[0], 0, &l->id) || str_to_u64_range(f[1], 2, PEERS_MAX, &l->peers) ||
	    str_to_size(f[2], 'b', &l->size) || !l->size || l->size % JH_PAGE || l->size > 16 * GiB ||
	    l->id >= l->peers || (f[3] && !parse_protocol(f[3], &l->protocol)))
		ret = err_set(k->err, EINVAL, "--ivshmem: '%s' is no ID:PEERS:SIZE[:PROTOCOL]; the id is below the peers (2 to 12), the "
			      "size whole pages, the protocol a number, veth, virtio-net, virtio-blk or virtio-console", text);
	mem_free(copy);
	/* the ends of a virtio link: front 0x8000 and more, back 0xc000 and more */
	l->root_protocol = l->protocol >= 0xc000 ? l->protocol - 0x4000 : l->protocol >= 0x8000 ? l->protocol + 0x4000 : l->protocol;
	/* network: an output section for each; others: one section that all write */
	l->common = l->protocol == 1 ? 0 : l->size;
	l->output = l->protocol == 1 ? l->size : 0;
	l->vectors = k->sys.arch != JH_X86 ? 0 : l->protocol == 1 || l->protocol >= 0x8000 ? 3 : 16;
	return ret;
}

static bool bdf_used(const struct jh_config *c, u16 bdf, bool functions)
{
	for (u32 i = 0; i < c->cell.n[JH_PCI]; i++)
		if (functions ? jh_pcis(&c->cell)[i].bdf >> 3 == bdf >> 3 : jh_pcis(&c->cell)[i].bdf == bdf)
			return true;
	return false;
}

static bool peer_used(const struct maker *k, u16 bdf, u64 id)
{
	for (unsigned o = 0; o < k->n_other + 1; o++) {
		const struct jh_config *c = o ? &k->other[o - 1] : &k->sys;

		for (u32 i = 0; i < c->cell.n[JH_PCI]; i++) {
			const struct jh_pci *d = &jh_pcis(&c->cell)[i];

			if (d->type == JH_PCI_IVSHMEM && d->bdf == bdf && d->shmem_id == id)
				return true;
		}
	}
	return false;
}

/* A link of the system that fits: peers, protocol, sizes; and the id is free, and the cell not on it yet. */
static bool join(const struct maker *k, struct link *l)
{
	const struct jh_cell *r = &k->sys.cell;

	for (u32 i = 0; i < r->n[JH_PCI]; i++) {
		const struct jh_pci *d = &jh_pcis(r)[i];
		const struct jh_mem *m = &jh_mems(r)[d->shmem_start];

		if (d->type != JH_PCI_IVSHMEM || d->shmem_peers != l->peers || d->shmem_protocol != l->root_protocol ||
		    (u64)d->shmem_start + 2 + l->peers > r->n[JH_MEM] || m[1].size != l->common || m[2].size != l->output ||
		    peer_used(k, d->bdf, l->id) || bdf_used(&k->cell, d->bdf, false))
			continue;
		l->at = m[0].phys;
		l->bdf = d->bdf;
		l->domain = d->domain;
		l->vectors = d->num_msix;
		return true;
	}
	return false;
}

static int add_sections(struct maker *k, struct jh_config *c, const struct link *l, u64 id, bool root)
{
	u64 at = l->at, shared = root ? 0 : JH_MEM_ROOTSHARED;

	for (u64 i = 0; i < 2 + l->peers; i++) {
		u64 size = i == 0 ? JH_PAGE : i == 1 ? l->common : l->output;
		struct jh_mem *m = jh_add(&c->cell, JH_MEM);

		if (!m)
			return no_memory(k);
		if (size)
			*m = (struct jh_mem){ at, at, size, JH_MEM_READ | shared | (i == 1 || i == 2 + id ? JH_MEM_WRITE : 0) };
		at += size;
	}
	return 0;
}

static int add_device(struct maker *k, struct jh_config *c, const struct link *l, u64 id, u16 protocol, bool root)
{
	u32 start = c->cell.n[JH_MEM];
	int ret = add_sections(k, c, l, id, root);
	struct jh_pci *d = ret ? NULL : jh_add(&c->cell, JH_PCI);

	if (!d)
		return ret ? ret : no_memory(k);
	*d = (struct jh_pci){ .type = JH_PCI_IVSHMEM, .domain = l->domain, .bdf = l->bdf, .num_msix = l->vectors, .shmem_start = start,
			      .shmem_id = id, .shmem_peers = l->peers, .shmem_protocol = protocol };
	d->bar_mask[0] = 0xfffff000;
	/* BAR 1 became a whole page in revision 13 */
	d->bar_mask[1] = !l->vectors ? 0 : c->revision < 13 ? 0xfffffe00 : 0xfffff000;
	return 0;
}

/* A place on the bus that the root cell looks at, where no device is. */
static int find_place(struct maker *k, struct link *l)
{
	for (u16 dev = k->sys.sys.pci_virtual ? 0 : 12; dev < 32; dev++) {
		l->bdf = dev << 3;
		if (bdf_used(&k->sys, l->bdf, true) || bdf_used(&k->cell, l->bdf, true))
			continue;
		for (unsigned o = 0; o < k->n_other; o++)
			if (bdf_used(&k->other[o], l->bdf, true))
				goto next;
		l->domain = k->sys.sys.pci_domain;
		return 0;
next:		;
	}
	return err_set(k->err, ENOSPC, "--ivshmem: no free device number on bus 0");
}

static int make_link(struct maker *k, struct link *l)
{
	u64 all = JH_PAGE + l->common + l->output * l->peers;
	int ret;

	if (!k->a->amend)
		return err_set(k->err, EINVAL, "--ivshmem: the system has no such link yet; --amend-system FILE writes one that has");
	if (l->id == ROOT_ID)
		return err_set(k->err, EBUSY, "--ivshmem: id 0 of a new link is the root cell's");
	ret = find_place(k, l);
	if (!ret)
		ret = cell_take(k, all, JH_PAGE, true, &l->at);
	/* the root cell has it as RAM so far */
	if (!ret && create_cut(&k->sys, l->at, all))
		ret = no_memory(k);
	if (!ret)
		ret = add_device(k, &k->sys, l, ROOT_ID, l->root_protocol, true);
	k->amended = true;
	return ret;
}

/* Four lines of the virtual host bridge, away from the root cell's and other cells'. */
static int set_intx(struct maker *k, const struct link *l)
{
	u32 line = l->bdf >> 3 & 3;

	if (k->cell.cell.vpci_irq_base)
		return cell_irq(k, k->sys.sys.gicd, 32 + k->cell.cell.vpci_irq_base + line);
	for (u32 step = 1; step < 64; step++) {
		u32 base = k->sys.cell.vpci_irq_base - 4 * step;
		struct err quiet = ERR_INIT, *err = k->err;
		bool used = base > 900;
		int ret;

		for (unsigned o = 0; o < k->n_other; o++)
			used |= k->other[o].cell.vpci_irq_base == base;
		if (used)
			continue;
		k->err = &quiet;
		ret = cell_irq(k, k->sys.sys.gicd, 32 + base + line);
		k->err = err;
		if (ret)
			continue;
		k->cell.cell.vpci_irq_base = base;
		strbuf_printf(k->notes, "interrupts %u to %u are taken for virtual PCI; is nothing wired to them?\n", 32 + base, 35 + base);
		return 0;
	}
	return err_set(k->err, ENOSPC, "--ivshmem: no free interrupts for virtual PCI");
}

int cell_shmem(struct maker *k, const char *spec)
{
	struct link l;
	int ret = parse(k, spec, &l);

	if (ret)
		return ret;
	if (k->sys.revision < 12)
		return err_set(k->err, EINVAL, "--ivshmem: revision 10 has another kind of shared memory; convert the system first");
	if (!join(k, &l))
		ret = make_link(k, &l);
	if (!ret)
		ret = add_device(k, &k->cell, &l, l.id, l.protocol, false);
	return ret || l.vectors ? ret : set_intx(k, &l);
}
