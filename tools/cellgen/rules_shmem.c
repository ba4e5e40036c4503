/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules on shared memory devices (ivshmem, version 2 of its specification in
 * Jailhouse's Documentation). Since revision 12 a device has a table of
 * regions: the states, what all write, and an output section for each peer.
 */
#include "layout.h"
#include "validate.h"

#define PEERS_MAX 12		/* of a link */
#define VECTORS_MAX 16

static const struct jh_pci *dev_of(const struct vctx *v)
{
	const struct jh_pci *d = &jh_pcis(&v->c->cell)[v->i];

	return d->type == JH_PCI_IVSHMEM ? d : NULL;
}

static bool complete(const struct jh_config *c, const struct jh_pci *d)
{
	return c->revision >= 12 && (u64)d->shmem_start + 2 + d->shmem_peers <= c->cell.n[JH_MEM] &&
		d->shmem_peers <= PEERS_MAX;
}

/* The device when its table can be looked at. */
static const struct jh_pci *table_of(const struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	return d && complete(v->c, d) ? d : NULL;
}

static void beyond(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);
	u64 n = d && v->c->revision >= 12 ? 2ULL + d->shmem_peers : 1;

	if (d && d->shmem_start + n > v->c->cell.n[JH_MEM])
		jh_report(v, "regions 0x%x-0x%llx of 0x%x", d->shmem_start, d->shmem_start + n - 1, v->c->cell.n[JH_MEM]);
}

static void peers(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d && v->c->revision >= 12 && (d->shmem_peers < 2 || d->shmem_peers > PEERS_MAX))
		jh_report(v, "shmem_peers 0x%x", d->shmem_peers);
}

static void id(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d && v->c->revision >= 12 && d->shmem_id >= d->shmem_peers)
		jh_report(v, "shmem_dev_id 0x%x of 0x%x peers", d->shmem_id, d->shmem_peers);
}

static void high_id(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d && v->c->revision >= 12 && d->shmem_id >= PEERS_MAX)
		jh_report(v, "shmem_dev_id 0x%x", d->shmem_id);
}

static void vectors(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d && d->num_msix > VECTORS_MAX)
		jh_report(v, "num_msix_vectors 0x%x", d->num_msix);
}

static void physical_fields(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d && (d->num_caps || d->num_msi || d->msix_address || d->msix_region_size))
		jh_report(v, "num_caps 0x%x, num_msi_vectors 0x%x, msix_address 0x%llx", d->num_caps, d->num_msi, d->msix_address);
}

static void bars(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d && v->c->revision >= 12 && (!d->bar_mask[0] || d->bar_mask[0] & 0xfff || (d->num_msix && !d->bar_mask[1])))
		jh_report(v, "bar_mask 0x%x, 0x%x; 0x%x MSI-X vectors", d->bar_mask[0], d->bar_mask[1], d->num_msix);
}

static void no_msix(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d && !d->num_msix && v->c->revision >= 12)
		jh_report(v, "num_msix_vectors 0x0");
}

static void state_size(struct vctx *v)
{
	const struct jh_pci *d = table_of(v);
	const struct jh_mem *m = d ? &jh_mems(&v->c->cell)[d->shmem_start] : NULL;

	if (m && (m->size < 4ULL * d->shmem_peers || !(m->flags & JH_MEM_READ)))
		jh_report(v, "mem_regions[%u]: 0x%llx, size 0x%llx, flags 0x%llx", d->shmem_start, m->phys, m->size, m->flags);
}

static void unaligned(struct vctx *v)
{
	const struct jh_pci *d = table_of(v);

	for (u32 k = 0; d && k < 2U + d->shmem_peers; k++) {
		const struct jh_mem *m = &jh_mems(&v->c->cell)[d->shmem_start + k];

		if ((m->phys | m->virt | m->size) & (JH_PAGE - 1))
			jh_report(v, "mem_regions[%u]: phys 0x%llx, virt 0x%llx, size 0x%llx", d->shmem_start + k, m->phys, m->virt, m->size);
	}
}

static void rights(struct vctx *v)
{
	const struct jh_pci *d = table_of(v);

	for (u32 k = 0; d && k < 2U + d->shmem_peers; k++) {
		const struct jh_mem *m = &jh_mems(&v->c->cell)[d->shmem_start + k];
		bool may = k == 1 || k == 2U + d->shmem_id, does = m->flags & JH_MEM_WRITE;

		if (m->size && does != may)
			jh_report(v, "mem_regions[%u] at 0x%llx, flags 0x%llx: peer %u %s write it", d->shmem_start + k, m->phys,
				  m->flags, d->shmem_id, may ? "must" : "must not");
	}
}

static void sections(struct vctx *v)
{
	const struct jh_pci *d = table_of(v);
	const struct jh_mem *m = d ? &jh_mems(&v->c->cell)[d->shmem_start] : NULL;

	for (u32 k = 3; d && k < 2U + d->shmem_peers; k++)
		if (m[k].size != m[2].size)
			jh_report(v, "mem_regions[%u] has size 0x%llx, mem_regions[%u] 0x%llx", d->shmem_start + k, m[k].size,
				  d->shmem_start + 2, m[2].size);
}

/* The device tells one address and the sizes: the guest counts up from there. */
static void gap(struct vctx *v)
{
	const struct jh_pci *d = table_of(v);
	const struct jh_mem *m = d ? &jh_mems(&v->c->cell)[d->shmem_start] : NULL;
	u64 at = m ? m[0].virt + m[0].size : 0;

	for (u32 k = 1; d && k < 2U + d->shmem_peers; k++) {
		if (m[k].size && m[k].virt != at) {
			jh_report(v, "mem_regions[%u] is at 0x%llx, the guest looks for it at 0x%llx", d->shmem_start + k, m[k].virt, at);
			return;
		}
		at += m[k].size;
	}
}

static void collides(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	for (u32 k = 0; d && k < v->cells[0]->cell.n[JH_PCI] && k < 2048; k++) {
		const struct jh_pci *r = &jh_pcis(&v->cells[0]->cell)[k];

		if ((r->type == JH_PCI_DEVICE || r->type == JH_PCI_BRIDGE) && r->bdf == d->bdf)
			jh_report(v, "bdf 0x%x is the physical device pci_devices[%u] of the root cell", d->bdf, k);
	}
}

/* Calls fn for every device of an earlier cell on the same link: links are told apart by bdf alone. */
static void each_peer(struct vctx *v, void (*fn)(struct vctx *v, const struct jh_pci *d, const struct jh_config *oc,
						  const struct jh_pci *o))
{
	const struct jh_pci *d = dev_of(v);

	for (unsigned other = 0; d && v->c->revision >= 12 && other < v->who; other++)
		for (u32 k = 0; k < v->cells[other]->cell.n[JH_PCI] && k < 256; k++) {
			const struct jh_pci *o = &jh_pcis(&v->cells[other]->cell)[k];

			if (o->type == JH_PCI_IVSHMEM && o->bdf == d->bdf)
				fn(v, d, v->cells[other], o);
		}
}

static void same_id1(struct vctx *v, const struct jh_pci *d, const struct jh_config *oc, const struct jh_pci *o)
{
	if (o->shmem_id == d->shmem_id)
		jh_report(v, "bdf 0x%x: peer 0x%x is cell \"%.32s\" already", d->bdf, d->shmem_id, oc->cell.name);
}

static void other_peers1(struct vctx *v, const struct jh_pci *d, const struct jh_config *oc, const struct jh_pci *o)
{
	if (o->shmem_peers != d->shmem_peers)
		jh_report(v, "bdf 0x%x: 0x%x peers, cell \"%.32s\" says 0x%x", d->bdf, d->shmem_peers, oc->cell.name, o->shmem_peers);
}

/* A virtio link has a front (0x8000...) and a back (0xc000...) end of one device number; others are equal. */
static bool protocols_fit(u16 a, u16 b)
{
	if (a >= 0x8000 && b >= 0x8000)
		return (a & 0x3fff) == (b & 0x3fff);
	return a == b;
}

static void other_protocol1(struct vctx *v, const struct jh_pci *d, const struct jh_config *oc, const struct jh_pci *o)
{
	if (!protocols_fit(d->shmem_protocol, o->shmem_protocol))
		jh_report(v, "bdf 0x%x: protocol 0x%x, cell \"%.32s\" says 0x%x", d->bdf, d->shmem_protocol, oc->cell.name, o->shmem_protocol);
}

static void other_vectors1(struct vctx *v, const struct jh_pci *d, const struct jh_config *oc, const struct jh_pci *o)
{
	if (o->num_msix != d->num_msix)
		jh_report(v, "bdf 0x%x: 0x%x MSI-X vectors, cell \"%.32s\" has 0x%x", d->bdf, d->num_msix, oc->cell.name, o->num_msix);
}

static void other_memory1(struct vctx *v, const struct jh_pci *d, const struct jh_config *oc, const struct jh_pci *o)
{
	if (!complete(v->c, d) || !complete(oc, o) || d->shmem_peers != o->shmem_peers)
		return;
	for (u32 k = 0; k < 2U + d->shmem_peers; k++) {
		const struct jh_mem *m = &jh_mems(&v->c->cell)[d->shmem_start + k];
		const struct jh_mem *r = &jh_mems(&oc->cell)[o->shmem_start + k];

		if (m->size != r->size || (m->size && m->phys != r->phys)) {
			jh_report(v, "bdf 0x%x: mem_regions[%u] is 0x%llx, size 0x%llx; in cell \"%.32s\" 0x%llx, size 0x%llx",
				  d->bdf, d->shmem_start + k, m->phys, m->size, oc->cell.name, r->phys, r->size);
			return;
		}
	}
}

static void same_id(struct vctx *v) { each_peer(v, same_id1); }
static void other_peers(struct vctx *v) { each_peer(v, other_peers1); }
static void other_protocol(struct vctx *v) { each_peer(v, other_protocol1); }
static void other_vectors(struct vctx *v) { each_peer(v, other_vectors1); }
static void other_memory(struct vctx *v) { each_peer(v, other_memory1); }

static void lonely(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (!d || v->n_cells < 2)
		return;
	for (unsigned other = 0; other < v->n_cells; other++)
		for (u32 k = 0; other != v->who && k < v->cells[other]->cell.n[JH_PCI] && k < 256; k++)
			if (jh_pcis(&v->cells[other]->cell)[k].type == JH_PCI_IVSHMEM && jh_pcis(&v->cells[other]->cell)[k].bdf == d->bdf)
				return;
	if (v->who)
		jh_report(v, "bdf 0x%x", d->bdf);
}

static void intx(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);
	u32 irq = d ? 32 + v->c->cell.vpci_irq_base + (d->bdf >> 3 & 3) : 0;

	if (!d || d->num_msix)
		return;
	for (u32 i = 0; i < v->c->cell.n[JH_CHIP] && i < 64; i++) {
		const struct jh_chip *p = &jh_chips(&v->c->cell)[i];
		u32 k = irq - p->pin_base;

		if (irq >= p->pin_base && k < 128 && p->pins[k / 32] >> k % 32 & 1)
			return;
	}
	jh_report(v, "bdf 0x%x interrupts by 0x%x (%u), which is in none of the cell's irqchips", d->bdf, irq, irq);
}

#define R(c, sev, ref, chk, ttl, hnt, ...) { .code = (c), .severity = (sev), .scope = JH_PCI, \
	.refusal = (ref), .check = (chk), .title = (ttl), .hint = (hnt), ##__VA_ARGS__ }

const struct jh_rule jh_rules_shmem[] = {
	R("JH-SHM-001", JH_ERROR, "EINVAL", beyond, "the table of shared memory goes beyond the memory regions",
	  "2 regions and one for each peer, from shmem_regions_start on"),
	R("JH-SHM-002", JH_ERROR, NULL, peers, "a number of peers that cannot be", "2 to 12"),
	R("JH-SHM-003", JH_ERROR, NULL, id, "the peer's id is not below the number of peers",
	  "the hypervisor writes its state behind the table"),
	R("JH-SHM-021", JH_ERROR, "EINVAL", high_id, "the peer's id is not below 12", NULL),
	R("JH-SHM-004", JH_ERROR, "EINVAL", vectors, "more than 16 MSI-X vectors", NULL),
	R("JH-SHM-005", JH_WARNING, NULL, physical_fields, "fields that only physical devices have", NULL),
	R("JH-SHM-006", JH_ERROR, NULL, bars, "BAR masks that the device cannot have",
	  "BAR 0 is a page of registers, BAR 1 the MSI-X table where there are vectors"),
	R("JH-SHM-007", JH_ERROR, NULL, no_msix, "no MSI-X vectors, and x86 has no INTx for it", NULL, .arch = 1 << JH_X86),
	R("JH-SHM-008", JH_ERROR, NULL, state_size, "the table of states is too small or cannot be read", "4 bytes for each peer, in whole pages"),
	R("JH-SHM-009", JH_ERROR, NULL, unaligned, "shared memory is not aligned to pages", NULL),
	R("JH-SHM-010", JH_ERROR, NULL, rights, "wrong rights to a section of shared memory",
	  "a peer writes the common section and its own output section; nobody the states"),
	R("JH-SHM-011", JH_ERROR, NULL, sections, "output sections of different size", "the device tells one size for all"),
	R("JH-SHM-012", JH_ERROR, NULL, gap, "sections of shared memory do not follow each other",
	  "the device tells one address and the sizes"),
	R("JH-SHM-013", JH_ERROR, NULL, collides, "a virtual device in the place of a physical one", "take a bus that the machine does not have"),
	R("JH-SHM-014", JH_ERROR, "EBUSY", same_id, "two peers of a link have the same id", NULL),
	R("JH-SHM-015", JH_ERROR, NULL, other_peers, "peers of a link differ in the number of peers", NULL),
	R("JH-SHM-016", JH_ERROR, NULL, other_protocol, "peers of a link differ in the protocol", NULL),
	R("JH-SHM-017", JH_WARNING, NULL, other_vectors, "peers of a link differ in MSI-X vectors", "all peers have the same number"),
	R("JH-SHM-018", JH_ERROR, NULL, other_memory, "peers of a link have different memory", NULL),
	R("JH-SHM-019", JH_NOTE, NULL, lonely, "a shared memory device without a peer in this set", NULL),
	R("JH-SHM-020", JH_ERROR, NULL, intx, "the device's interrupt is not the cell's",
	  "32 + vpci_irq_base + (device & 3) must be among the cell's pins", .arch = 1 << JH_ARM | 1 << JH_ARM64),
	{ .code = NULL }
};
