/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules on memory regions: each by itself, against others of its cell, against
 * other cells, and against what the hypervisor keeps for itself. Shared memory
 * of ivshmem devices is judged in rules_shmem.c.
 */
#include <string.h>
#include "layout.h"
#include "validate.h"

#define PAGE_BITS (JH_PAGE - 1)

static const struct jh_mem *mem_of(const struct vctx *v)
{
	return &jh_mems(&v->c->cell)[v->i];
}

static bool is_ram(const struct jh_mem *m)
{
	return m->flags & (JH_MEM_EXECUTE | JH_MEM_DMA | JH_MEM_LOADABLE) && !(m->flags & JH_MEM_IO);
}

static bool is_empty(const struct jh_mem *m)
{
	return !(m->phys | m->virt | m->size | m->flags);
}

static bool wraps(const struct jh_mem *m)
{
	u64 end;

	return m->size && (add_overflows(m->phys, m->size - 1, &end) || add_overflows(m->virt, m->size - 1, &end));
}

static void ram_unaligned(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);

	if (is_ram(m) && (m->phys | m->virt | m->size) & PAGE_BITS)
		jh_report(v, "phys 0x%llx, virt 0x%llx, size 0x%llx", m->phys, m->virt, m->size);
}

static void phys_unaligned(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);

	if (!is_ram(m) && !(m->flags & JH_MEM_COMM) && (m->phys ^ m->virt) & PAGE_BITS)
		jh_report(v, "phys 0x%llx and virt 0x%llx have different offsets in their pages", m->phys, m->virt);
}

static void no_width(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);

	if (!is_ram(m) && !(m->flags & JH_MEM_COMM) && m->size && jh_is_subpage(m) && !(m->flags & JH_MEM_WIDTHS))
		jh_report(v, "virt 0x%llx, size 0x%llx, flags 0x%llx", m->virt, m->size, m->flags);
}

static void wrapping(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);

	if (wraps(m))
		jh_report(v, "phys 0x%llx, virt 0x%llx, size 0x%llx", m->phys, m->virt, m->size);
}

static void too_high(struct vctx *v)
{
	static const u8 bits[JH_ARCHES] = { 52, 40, 48 };
	const struct jh_mem *m = mem_of(v);
	u64 limit = 1ULL << bits[v->c->arch];

	if (m->size && !wraps(m) && (m->phys + m->size > limit || m->virt + m->size > limit))
		jh_report(v, "phys 0x%llx, virt 0x%llx, size 0x%llx; the limit is 0x%llx", m->phys, m->virt, m->size, limit);
}

static void no_size(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);

	if (!m->size && !is_empty(m))
		jh_report(v, "phys 0x%llx, virt 0x%llx, flags 0x%llx, size 0x0", m->phys, m->virt, m->flags);
}

static void unknown_flags(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);
	u64 known = 0xff | JH_MEM_NO_HUGEPAGES | JH_MEM_WIDTHS | (v->c->revision >= 12 ? JH_MEM_IO_UNALIGNED : 0);

	if (m->flags & ~known)
		jh_report(v, "flags 0x%llx have bits that mean nothing: 0x%llx", m->flags, m->flags & ~known);
}

static void no_access(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);

	if (m->size && !(m->flags & (JH_MEM_RWX | JH_MEM_COMM)))
		jh_report(v, "0x%llx, size 0x%llx, flags 0x%llx", m->phys, m->size, m->flags);
}

static void odd_flags(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);

	if (m->flags & JH_MEM_LOADABLE && m->flags & (JH_MEM_IO | JH_MEM_ROOTSHARED))
		jh_report(v, "flags 0x%llx: LOADABLE with IO or ROOTSHARED", m->flags);
	if (m->flags & JH_MEM_LOADABLE && !(m->flags & JH_MEM_WRITE))
		jh_report(v, "flags 0x%llx: LOADABLE without WRITE; the loader refuses it", m->flags);
}

static void virt_hit(struct vctx *v, const struct jh_span *a, const struct jh_span *b)
{
	jh_report_at(v, v->c, "mem_regions", MAX(a->rec, b->rec), "virt 0x%llx-0x%llx overlaps region %u at 0x%llx-0x%llx",
		     a->rec > b->rec ? a->start : b->start, (a->rec > b->rec ? a->end : b->end) - 1,
		     MIN(a->rec, b->rec), a->rec > b->rec ? b->start : a->start, (a->rec > b->rec ? b->end : a->end) - 1);
}

static void virt_overlap(struct vctx *v)
{
	struct jh_spans s = { NULL, 0, 0 };

	for (u32 i = 0; i < v->c->cell.n[JH_MEM]; i++)
		jh_span_add(v, &s, jh_mems(&v->c->cell)[i].virt, jh_mems(&v->c->cell)[i].size, 0, i, 0);
	jh_span_sweep(v, &s, virt_hit);
}

static void phys_hit(struct vctx *v, const struct jh_span *a, const struct jh_span *b)
{
	const struct jh_mem *m = jh_mems(&v->c->cell), *x = &m[a->rec], *y = &m[b->rec];

	/* where the virtual addresses overlap as well, JH-MEM-011 says so */
	if (x->virt < y->virt + y->size && y->virt < x->virt + x->size)
		return;
	jh_report_at(v, v->c, "mem_regions", MAX(a->rec, b->rec), "phys 0x%llx-0x%llx is also in region %u",
		     b->start, MIN(a->end, b->end) - 1, MIN(a->rec, b->rec));
}

static void phys_overlap(struct vctx *v)
{
	struct jh_spans s = { NULL, 0, 0 };

	for (u32 i = 0; i < v->c->cell.n[JH_MEM]; i++) {
		const struct jh_mem *m = &jh_mems(&v->c->cell)[i];

		if (!(m->flags & JH_MEM_COMM))
			jh_span_add(v, &s, m->phys, m->size, 0, i, 0);
	}
	jh_span_sweep(v, &s, phys_hit);
}

static void root_not_identity(struct vctx *v)
{
	for (u32 i = 0; i < v->c->cell.n[JH_MEM]; i++) {
		const struct jh_mem *m = &jh_mems(&v->c->cell)[i];

		if (m->size && m->virt != m->phys)
			jh_report_at(v, v->c, "mem_regions", i, "phys 0x%llx, virt 0x%llx", m->phys, m->virt);
	}
}

static void root_loadable(struct vctx *v)
{
	for (u32 i = 0; i < v->c->cell.n[JH_MEM]; i++)
		if (jh_mems(&v->c->cell)[i].flags & JH_MEM_LOADABLE)
			jh_report_at(v, v->c, "mem_regions", i, "flags 0x%llx", jh_mems(&v->c->cell)[i].flags);
}

static void not_loadable(struct vctx *v)
{
	for (u32 i = 0; i < v->c->cell.n[JH_MEM]; i++)
		if (jh_mems(&v->c->cell)[i].flags & JH_MEM_LOADABLE)
			return;
	jh_report(v, "none of 0x%x regions has LOADABLE", v->c->cell.n[JH_MEM]);
}

static void reset_vector(struct vctx *v)
{
	u64 at = v->c->cell.reset_address;

	for (u32 i = 0; i < v->c->cell.n[JH_MEM]; i++) {
		const struct jh_mem *m = &jh_mems(&v->c->cell)[i];

		if (m->flags & JH_MEM_EXECUTE && at >= m->virt && at - m->virt < m->size)
			return;
	}
	jh_report(v, "no region with EXECUTE holds virtual address 0x%llx", at);
}

/* ---- what nobody may have ---- */

static void against(struct vctx *v, u64 start, u64 size, const char *what)
{
	const struct jh_mem *m = mem_of(v);

	if (m->size && size && !(m->flags & JH_MEM_COMM) && start < jh_end(m) && start + size > m->phys)
		jh_report(v, "0x%llx-0x%llx overlaps %s at 0x%llx-0x%llx", m->phys, jh_end(m) - 1, what, start, start + size - 1);
}

static void hv_overlap(struct vctx *v)
{
	const struct jh_mem *hv = &v->cells[0]->sys.hv;

	against(v, hv->phys, jh_end(hv) - hv->phys, "the hypervisor");
}

static void mmcfg_overlap(struct vctx *v)
{
	const struct jh_system *s = &v->cells[0]->sys;

	if (s->mmcfg_base)
		against(v, s->mmcfg_base, (s->mmcfg_end_bus + 1ULL) * MiB, "MMCONFIG");
}

static void iommu_overlap(struct vctx *v)
{
	for (int i = 0; i < JH_IOMMUS; i++)
		if (v->cells[0]->sys.iommu[i].base)
			against(v, v->cells[0]->sys.iommu[i].base, v->cells[0]->sys.iommu[i].size, "an IOMMU");
}

static void apic_overlap(struct vctx *v)
{
	const struct jh_cell *root = &v->cells[0]->cell;

	against(v, 0xfee00000, JH_PAGE, "the local APIC");
	for (u32 i = 0; i < root->n[JH_CHIP] && i < 64; i++)
		against(v, jh_chips(root)[i].address, JH_PAGE, "an IOAPIC");
}

static void gic_overlap(struct vctx *v)
{
	const struct jh_system *s = &v->cells[0]->sys;

	if (s->gic_version == 2) {
		against(v, s->gicd, 0x1000, "the GIC's distributor");
		if (s->gicc != s->gicv)
			against(v, s->gicc, 0x2000, "the GIC's CPU interface");
		against(v, s->gich, 0x2000, "the GIC's hypervisor interface");
		against(v, s->gicv, 0x2000, "the GIC's virtual interface");
	} else {
		against(v, s->gicd, 0x10000, "the GIC's distributor");
		against(v, s->gicr, 0x20000ULL * MAX(jh_cpu_count(v->cells[0]), 1U), "the GIC's redistributors");
	}
}

static void msix_overlap(struct vctx *v)
{
	const struct jh_cell *root = &v->cells[0]->cell;

	for (u32 i = 0; i < root->n[JH_PCI] && i < 1024; i++) {
		const struct jh_pci *d = &jh_pcis(root)[i];

		if (d->type != JH_PCI_IVSHMEM && d->msix_address)
			against(v, d->msix_address, d->msix_region_size, "an MSI-X table");
	}
}

/* ---- other cells ---- */

static bool is_shmem(const struct jh_config *c, u32 region)
{
	for (u32 i = 0; i < c->cell.n[JH_PCI] && i < 256; i++) {
		const struct jh_pci *d = &jh_pcis(&c->cell)[i];
		u64 n = c->revision < 12 ? 1 : 2ULL + d->shmem_peers;

		if (d->type == JH_PCI_IVSHMEM && region >= d->shmem_start && region < d->shmem_start + n)
			return true;
	}
	return false;
}

static void span_cells(struct vctx *v, struct jh_spans *s)
{
	for (unsigned who = 1; who < v->n_cells; who++)
		for (u32 i = 0; i < v->cells[who]->cell.n[JH_MEM]; i++) {
			const struct jh_mem *m = &jh_mems(&v->cells[who]->cell)[i];

			if (!(m->flags & JH_MEM_COMM))
				jh_span_add(v, s, m->phys, m->size, who, i, m->flags);
		}
}

static void stolen_hit(struct vctx *v, const struct jh_span *a, const struct jh_span *b)
{
	const struct jh_config *c = v->cells[MAX(a->who, b->who)], *other = v->cells[MIN(a->who, b->who)];
	u32 rec = a->who > b->who ? a->rec : b->rec, rec2 = a->who > b->who ? b->rec : a->rec;

	if (a->who == b->who || (a->flags & b->flags & JH_MEM_ROOTSHARED))
		return;
	jh_report_at(v, c, "mem_regions", rec, "0x%llx-0x%llx is also in region %u of cell \"%.32s\"",
		     b->start, MIN(a->end, b->end) - 1, rec2, other->cell.name);
}

static void stolen(struct vctx *v)
{
	struct jh_spans s = { NULL, 0, 0 };

	span_cells(v, &s);
	jh_span_sweep(v, &s, stolen_hit);
}

static void shared_hit(struct vctx *v, const struct jh_span *a, const struct jh_span *b)
{
	const struct jh_config *c = v->cells[MAX(a->who, b->who)], *other = v->cells[MIN(a->who, b->who)];
	u32 rec = a->who > b->who ? a->rec : b->rec, rec2 = a->who > b->who ? b->rec : a->rec;

	if (a->who == b->who || !(a->flags & b->flags & JH_MEM_ROOTSHARED) || !((a->flags | b->flags) & JH_MEM_WRITE))
		return;
	if (is_shmem(c, rec) && is_shmem(other, rec2))
		return;
	jh_report_at(v, c, "mem_regions", rec, "0x%llx-0x%llx is shared with region %u of cell \"%.32s\"",
		     b->start, MIN(a->end, b->end) - 1, rec2, other->cell.name);
}

static void shared(struct vctx *v)
{
	struct jh_spans s = { NULL, 0, 0 };

	span_cells(v, &s);
	jh_span_sweep(v, &s, shared_hit);
}

static void foreign(struct vctx *v, bool want, u64 flags, u64 not_flags)
{
	const struct jh_mem *m = mem_of(v);

	if (!v->who || !m->size || m->flags & JH_MEM_COMM || (m->flags & flags) == 0 || m->flags & not_flags || wraps(m))
		return;
	if (is_ram(m) == want && !jh_root_covers(v, m->phys, m->size))
		jh_report(v, "the root cell has %s 0x%llx-0x%llx", jh_root_touches(v, m->phys, m->size) ?
			  "only a part of" : "nothing of", m->phys, jh_end(m) - 1);
}

static void foreign_loadable(struct vctx *v)
{
	foreign(v, true, JH_MEM_LOADABLE, 0);
}

static void foreign_ram(struct vctx *v)
{
	foreign(v, true, ~0ULL, JH_MEM_LOADABLE);
}

static void foreign_io(struct vctx *v)
{
	foreign(v, false, ~0ULL, JH_MEM_ROOTSHARED);
}

static void foreign_shared(struct vctx *v)
{
	foreign(v, false, JH_MEM_ROOTSHARED, 0);
}

static void foreign_to_ivshmem(struct vctx *v)
{
	const struct jh_mem *m = mem_of(v);

	if (v->who && m->size && !(m->flags & (JH_MEM_COMM | JH_MEM_ROOTSHARED)) && is_shmem(v->c, v->i) &&
	    jh_root_touches(v, m->phys, m->size))
		jh_report(v, "0x%llx-0x%llx, flags 0x%llx", m->phys, jh_end(m) - 1, m->flags);
}

#define R(c, sev, scp, ref, chk, ttl, hnt, ...) { .code = (c), .severity = (sev), .scope = (scp), \
	.refusal = (ref), .check = (chk), .title = (ttl), .hint = (hnt), ##__VA_ARGS__ }
#define X86 .arch = 1 << JH_X86
#define ARMS .arch = 1 << JH_ARM | 1 << JH_ARM64

const struct jh_rule jh_rules_mem[] = {
	R("JH-MEM-001", JH_ERROR, JH_MEM, "EINVAL", ram_unaligned, "RAM is not aligned to pages", "RAM is mapped in whole pages"),
	R("JH-MEM-002", JH_ERROR, JH_MEM, NULL, phys_unaligned, "physical and virtual address differ within the page",
	  "the mapping drops the low 12 bits: the cell reaches other registers than meant"),
	R("JH-MEM-003", JH_ERROR, JH_MEM, NULL, no_width, "part of a page without access widths",
	  "parts of pages are emulated, for the widths of IO_8 to IO_64 that are given; without one every access stops the cell"),
	R("JH-MEM-004", JH_ERROR, JH_MEM, "E2BIG", wrapping, "the region wraps around the address space", NULL),
	R("JH-MEM-005", JH_ERROR, JH_MEM, "E2BIG", too_high, "the region is above what the architecture can address", NULL),
	R("JH-MEM-006", JH_WARNING, JH_MEM, NULL, no_size, "a region with an address or flags, but no size", NULL),
	R("JH-MEM-007", JH_ERROR, JH_MEM, NULL, unknown_flags, "memory flags that are not known", NULL),
	R("JH-MEM-008", JH_WARNING, JH_MEM, NULL, no_access, "a region that cannot be read, written or executed", NULL),
	R("JH-MEM-009", JH_ERROR, JH_MEM, "EINVAL", odd_flags, "memory flags that contradict each other", NULL),
	R("JH-MEM-011", JH_ERROR, SC_CELL, NULL, virt_overlap, "two regions of a cell at the same virtual address",
	  "the later one wins"),
	R("JH-MEM-012", JH_WARNING, SC_CELL, NULL, phys_overlap, "the same memory twice in a cell", NULL),
	R("JH-MEM-013", JH_ERROR, SC_SYSTEM, NULL, root_not_identity, "memory of the root cell is moved",
	  "Linux runs on it already: virt_start must be phys_start"),
	R("JH-MEM-014", JH_NOTE, SC_SYSTEM, NULL, root_loadable, "LOADABLE in the root cell", "nothing loads the root cell"),
	R("JH-MEM-015", JH_WARNING, SC_INMATE, NULL, not_loadable, "nothing of the cell can be loaded",
	  "give LOADABLE to the memory that takes its image"),
	R("JH-MEM-016", JH_ERROR, SC_INMATE, NULL, reset_vector, "there is no code where the CPUs start",
	  "cpu_reset_address must be in memory with EXECUTE"),
	R("JH-MEM-020", JH_ERROR, JH_MEM, NULL, hv_overlap, "a cell has memory of the hypervisor",
	  "whoever writes it controls all cells"),
	R("JH-MEM-021", JH_ERROR, JH_MEM, NULL, mmcfg_overlap, "a cell has MMCONFIG", "the hypervisor does not see what the cell configures"),
	R("JH-MEM-022", JH_ERROR, JH_MEM, NULL, iommu_overlap, "a cell has registers of an IOMMU", "leave a hole"),
	R("JH-MEM-023", JH_ERROR, JH_MEM, NULL, apic_overlap, "a cell has registers of an APIC", "leave a hole", X86),
	R("JH-MEM-024", JH_ERROR, JH_MEM, NULL, gic_overlap, "a cell has registers of the GIC", "leave a hole", ARMS),
	R("JH-MEM-025", JH_ERROR, JH_MEM, NULL, msix_overlap, "a cell has the MSI-X table of a device",
	  "the hypervisor must see what is written there: leave a hole"),
	R("JH-MEM-030", JH_ERROR, SC_SET, NULL, stolen, "memory in two cells", "the cell that is created later takes it"),
	R("JH-MEM-031", JH_NOTE, SC_SET, NULL, shared, "two cells share memory that is no ivshmem's", NULL),
	R("JH-MEM-032", JH_ERROR, JH_MEM, NULL, foreign_loadable, "LOADABLE memory that the root cell does not have",
	  "the root cell writes the image there, and is stopped for it"),
	R("JH-MEM-033", JH_WARNING, JH_MEM, NULL, foreign_ram, "RAM that the root cell does not have",
	  "is it there at all, and used by nobody?"),
	R("JH-MEM-034", JH_NOTE, JH_MEM, NULL, foreign_io, "registers that the root cell does not have",
	  "is the device there, and given to nobody else?"),
	R("JH-MEM-035", JH_NOTE, JH_MEM, NULL, foreign_shared, "ROOTSHARED, but the root cell does not have it", NULL),
	R("JH-MEM-036", JH_WARNING, JH_MEM, NULL, foreign_to_ivshmem, "shared memory is taken from the root cell",
	  "add ROOTSHARED, or the root cell's side of the link is cut"),
	{ .code = NULL }
};
