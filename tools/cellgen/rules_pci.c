/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules on PCI devices and their capabilities; layouts by the PCI Local Bus Specification 3.0, 6.8, and PCI Express 7. */
#include <string.h>
#include "layout.h"
#include "validate.h"

static const struct jh_pci *dev_of(const struct vctx *v)
{
	return &jh_pcis(&v->c->cell)[v->i];
}

static bool physical(const struct jh_pci *d)
{
	return d->type == JH_PCI_DEVICE || d->type == JH_PCI_BRIDGE;
}

#define BDF "%04x:%02x:%02x.%x (bdf 0x%x)"
#define BDF_ARGS(d) (d)->domain, (d)->bdf >> 8, (d)->bdf >> 3 & 31, (d)->bdf & 7, (d)->bdf

static void type(struct vctx *v)
{
	if (!dev_of(v)->type || dev_of(v)->type > JH_PCI_IVSHMEM)
		jh_report(v, BDF ": type 0x%x", BDF_ARGS(dev_of(v)), dev_of(v)->type);
}

static void twice(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	for (u32 k = 0; k < v->i && k < 2048; k++)
		if (jh_pcis(&v->c->cell)[k].bdf == d->bdf)
			jh_report(v, BDF " is also pci_devices[%u]%s", BDF_ARGS(d), k,
				  jh_pcis(&v->c->cell)[k].domain == d->domain ? "" : "; domains do not tell devices apart");
}

static const struct jh_pci *find(const struct jh_config *c, const struct jh_pci *d)
{
	for (u32 k = 0; k < c->cell.n[JH_PCI] && k < 2048; k++)
		if (physical(&jh_pcis(&c->cell)[k]) && jh_pcis(&c->cell)[k].bdf == d->bdf &&
		    jh_pcis(&c->cell)[k].domain == d->domain)
			return &jh_pcis(&c->cell)[k];
	return NULL;
}

static void shared(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	for (unsigned other = 1; physical(d) && other < v->who; other++)
		if (find(v->cells[other], d))
			jh_report(v, BDF " is cell \"%.32s\"'s too", BDF_ARGS(d), v->cells[other]->cell.name);
}

static void foreign(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (v->who && physical(d) && !find(v->cells[0], d))
		jh_report(v, BDF, BDF_ARGS(d));
}

static void differs(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v), *r = v->who && physical(d) ? find(v->cells[0], d) : NULL;

	if (!r)
		return;
	if (d->msix_address != r->msix_address || d->num_msix != r->num_msix || d->num_msi != r->num_msi)
		jh_report(v, BDF ": %u MSIs, %u MSI-Xs at 0x%llx; the root cell says %u, %u at 0x%llx", BDF_ARGS(d),
			  d->num_msi, d->num_msix, d->msix_address, r->num_msi, r->num_msix, r->msix_address);
	else if (d->iommu != r->iommu)
		jh_report(v, BDF ": IOMMU %u, the root cell says %u", BDF_ARGS(d), d->iommu, r->iommu);
	else if (memcmp(d->bar_mask, r->bar_mask, sizeof(d->bar_mask)))
		jh_report(v, BDF ": bar_mask 0x%08x... differs from the root cell's 0x%08x...", BDF_ARGS(d), d->bar_mask[0], r->bar_mask[0]);
}

static void caps_range(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d->num_caps && (u32)d->caps_start + d->num_caps > v->c->cell.n[JH_CAP])
		jh_report(v, BDF ": capabilities 0x%x-0x%x of 0x%x", BDF_ARGS(d), d->caps_start,
			  d->caps_start + d->num_caps - 1, v->c->cell.n[JH_CAP]);
}

static void iommu(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (physical(d) && v->cells[0]->sys.iommu[0].base &&
	    (d->iommu >= JH_IOMMUS || !v->cells[0]->sys.iommu[d->iommu].base))
		jh_report(v, BDF ": IOMMU 0x%x", BDF_ARGS(d), d->iommu);
}

/* The device's nth capability, NULL beyond the last or outside of the table. */
static const struct jh_cap *cap_of(const struct vctx *v, const struct jh_pci *d, u32 n)
{
	u32 i = (u32)d->caps_start + n;

	return n < d->num_caps && i < v->c->cell.n[JH_CAP] ? &jh_caps(&v->c->cell)[i] : NULL;
}

static const struct jh_cap *cap_find(const struct vctx *v, const struct jh_pci *d, u16 id)
{
	const struct jh_cap *c;

	for (u32 n = 0; (c = cap_of(v, d, n)); n++)
		if (c->id == id)
			return c;
	return NULL;
}

static void msi_number(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (d->num_msi > 32 || d->num_msi & (d->num_msi - 1))
		jh_report(v, BDF ": num_msi_vectors 0x%x", BDF_ARGS(d), d->num_msi);
}

static void msi_cap(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (physical(d) && d->num_msi && !cap_find(v, d, JH_CAP_MSI))
		jh_report(v, BDF ": 0x%x vectors", BDF_ARGS(d), d->num_msi);
}

static void msi_vectors(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (physical(d) && !d->num_msi && cap_find(v, d, JH_CAP_MSI))
		jh_report(v, BDF ": num_msi_vectors 0x0", BDF_ARGS(d));
}

static void msi_length(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);
	const struct jh_cap *c = physical(d) ? cap_find(v, d, JH_CAP_MSI) : NULL;
	u16 want = 10 + (d->msi_64bits ? 4 : 0), masked = want + 10;

	if (c && d->num_msi && c->len != want && c->len != masked)
		jh_report(v, BDF ": 0x%x bytes, with%s 64-bit addresses it has 0x%x, with masks 0x%x", BDF_ARGS(d), c->len,
			  d->msi_64bits ? "" : "out", want, masked);
}

static void msix_cap(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (physical(d) && d->num_msix && !cap_find(v, d, JH_CAP_MSIX))
		jh_report(v, BDF ": 0x%x vectors", BDF_ARGS(d), d->num_msix);
}

static void msix_vectors(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (physical(d) && !d->num_msix && cap_find(v, d, JH_CAP_MSIX))
		jh_report(v, BDF ": num_msix_vectors 0x0", BDF_ARGS(d));
}

static void msix_region(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);
	u32 need = d->num_msix * 16U;

	if (!physical(d))
		return;
	if (d->num_msix > 2048 || (d->num_msix && (!d->msix_address || d->msix_region_size < need)) ||
	    (!d->num_msix && d->msix_address) || (d->msix_address | d->msix_region_size) & (JH_PAGE - 1))
		jh_report(v, BDF ": 0x%x vectors at 0x%llx, size 0x%x", BDF_ARGS(d), d->num_msix, d->msix_address, d->msix_region_size);
}

static void msix_length(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);
	const struct jh_cap *c = physical(d) ? cap_find(v, d, JH_CAP_MSIX) : NULL;

	if (c && c->len != 12)
		jh_report(v, BDF ": 0x%x bytes", BDF_ARGS(d), c->len);
}

static void msi_readonly(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);
	const struct jh_cap *c;

	for (u32 n = 0; physical(d) && (c = cap_of(v, d, n)); n++)
		if ((c->id == JH_CAP_MSI || c->id == JH_CAP_MSIX) && !(c->flags & JH_CAP_WRITE))
			jh_report(v, BDF ": capability 0x%x at 0x%x", BDF_ARGS(d), c->id, c->start);
}

static void cap_place(struct vctx *v)
{
	const struct jh_cap *c = &jh_caps(&v->c->cell)[v->i];
	bool ext = c->id & JH_CAP_EXT;
	u32 first = ext ? 0x100 : 0x40, end = ext ? 0x1000 : 0x100;

	if (c->start < first || (u32)c->start + c->len > end || (c->id && c->start & 3))
		jh_report(v, "capability 0x%x at 0x%x, length 0x%x", c->id, c->start, c->len);
}

static void cap_length(struct vctx *v)
{
	const struct jh_cap *c = &jh_caps(&v->c->cell)[v->i];

	if (c->len < 2)
		jh_report(v, "capability 0x%x at 0x%x, length 0x%x", c->id, c->start, c->len);
}

static void cap_id(struct vctx *v)
{
	const struct jh_cap *c = &jh_caps(&v->c->cell)[v->i];
	u16 id = c->id & ~JH_CAP_EXT;

	/* id 0 marks registers outside of all capabilities */
	if (id > 0xff || (!(c->id & JH_CAP_EXT) && id > 0x15))
		jh_report(v, "capability 0x%x at 0x%x", c->id, c->start);
}

static void cap_flags(struct vctx *v)
{
	const struct jh_cap *c = &jh_caps(&v->c->cell)[v->i];

	if (c->flags & ~JH_CAP_WRITE)
		jh_report(v, "capability 0x%x, flags 0x%x", c->id, c->flags);
}

static void cap_overlap(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);
	const struct jh_cap *a, *b;

	for (u32 n = 0; n < 256 && (a = cap_of(v, d, n)); n++)
		for (u32 k = 0; k < n && (b = cap_of(v, d, k)); k++)
			if (a->start < b->start + b->len && b->start < a->start + a->len)
				jh_report(v, BDF ": capability 0x%x at 0x%x overlaps 0x%x at 0x%x", BDF_ARGS(d), a->id, a->start,
					  b->id, b->start);
}

static void unused_caps(struct vctx *v)
{
	u32 n = v->c->cell.n[JH_CAP], free_n = 0, first = 0;

	for (u32 i = 0; i < n && n <= 4096; i++) {
		bool used = false;

		for (u32 k = 0; k < v->c->cell.n[JH_PCI] && k < 256 && !used; k++) {
			const struct jh_pci *d = &jh_pcis(&v->c->cell)[k];

			used = i >= d->caps_start && i < (u32)d->caps_start + d->num_caps;
		}
		if (!used && !free_n++)
			first = i;
	}
	if (free_n)
		jh_report(v, "0x%x records, the first is pci_caps[%u]", free_n, first);
}

/* Size bits are ones from the top down: the complement plus one is a power of two. */
static bool bad_mask(u64 mask, u64 width)
{
	u64 size = (~mask & width) + 1;

	return mask && size & (size - 1);
}

static void bar_mask(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	for (int i = 0; i < 6; i++) {
		u64 wide = i < 5 ? (u64)d->bar_mask[i + 1] << 32 | d->bar_mask[i] : 0;

		if (i < 5 && d->bar_mask[i + 1] == 0xffffffff) {
			if (bad_mask(wide, ~0ULL))
				jh_report(v, BDF ": bar_mask[%d] 0x%llx", BDF_ARGS(d), i, wide);
			i++;
		} else if (bad_mask(d->bar_mask[i] | 0xffffffff00000000ULL, ~0ULL) && d->bar_mask[i]) {
			/* the upper half of a large 64-bit mask stands in the next one */
			if (i < 5 && !d->bar_mask[i] && d->bar_mask[i + 1])
				continue;
			jh_report(v, BDF ": bar_mask[%d] 0x%x", BDF_ARGS(d), i, d->bar_mask[i]);
		}
	}
}

static void bus(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);
	const struct jh_system *s = &v->cells[0]->sys;

	if (s->mmcfg_base && d->bdf >> 8 > s->mmcfg_end_bus)
		jh_report(v, BDF ": MMCONFIG ends with bus 0x%x", BDF_ARGS(d), s->mmcfg_end_bus);
}

static void domain(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (physical(d) && d->domain != v->cells[0]->sys.pci_domain && !v->cells[0]->sys.pci_virtual)
		jh_report(v, BDF ": the hypervisor's domain is 0x%x", BDF_ARGS(d), v->cells[0]->sys.pci_domain);
}

static void bridge(struct vctx *v)
{
	if (v->who && dev_of(v)->type == JH_PCI_BRIDGE)
		jh_report(v, BDF, BDF_ARGS(dev_of(v)));
}

static void bit_fields(struct vctx *v)
{
	const struct jh_pci *d = dev_of(v);

	if (v->c->revision < 12 && d->msi_64bits > 1)
		jh_report(v, BDF ": msi_64bits 0x%x", BDF_ARGS(d), d->msi_64bits);
}

#define R(c, sev, scp, ref, chk, ttl, hnt, ...) { .code = (c), .severity = (sev), .scope = (scp), \
	.refusal = (ref), .check = (chk), .title = (ttl), .hint = (hnt), ##__VA_ARGS__ }

const struct jh_rule jh_rules_pci[] = {
	R("JH-PCI-001", JH_ERROR, JH_PCI, NULL, type, "the device's type is not known", "1 device, 2 bridge, 3 ivshmem"),
	R("JH-PCI-002", JH_ERROR, JH_PCI, "EBUSY", twice, "a device twice in one cell", NULL),
	R("JH-PCI-003", JH_ERROR, JH_PCI, NULL, shared, "a device in two cells", "the cell that is created later takes it"),
	R("JH-PCI-004", JH_ERROR, JH_PCI, NULL, foreign, "a device that the root cell does not have",
	  "is it in the system? The root cell must list every device that is given away"),
	R("JH-PCI-005", JH_ERROR, JH_PCI, NULL, differs, "a device is another one in the root cell's list", NULL),
	R("JH-PCI-006", JH_ERROR, JH_PCI, NULL, caps_range, "capabilities beyond the table", "the hypervisor reads on behind it"),
	R("JH-PCI-007", JH_ERROR, JH_PCI, "ERANGE", iommu, "the device's IOMMU is not there", NULL),
	R("JH-PCI-008", JH_ERROR, JH_PCI, NULL, msi_number, "a number of MSI vectors that does not exist", "1, 2, 4, 8, 16 or 32"),
	R("JH-PCI-009", JH_WARNING, JH_PCI, NULL, msi_cap, "MSI vectors, but no MSI capability", NULL),
	R("JH-PCI-010", JH_WARNING, JH_PCI, NULL, msi_vectors, "an MSI capability, but no MSI vectors",
	  "without vectors no interrupt is remapped for it"),
	R("JH-PCI-011", JH_ERROR, JH_PCI, NULL, msi_length, "an MSI capability of the wrong length", NULL),
	R("JH-PCI-012", JH_WARNING, JH_PCI, NULL, msix_cap, "MSI-X vectors, but no MSI-X capability", NULL),
	R("JH-PCI-013", JH_WARNING, JH_PCI, NULL, msix_vectors, "an MSI-X capability, but no MSI-X vectors", NULL),
	R("JH-PCI-014", JH_ERROR, JH_PCI, "ENOMEM", msix_region, "an MSI-X table that cannot be",
	  "16 bytes a vector, at most 2048, in whole aligned pages"),
	R("JH-PCI-015", JH_ERROR, JH_PCI, NULL, msix_length, "an MSI-X capability of the wrong length", "it has 12 bytes"),
	R("JH-PCI-016", JH_WARNING, JH_PCI, NULL, msi_readonly, "an MSI or MSI-X capability that the cell cannot write",
	  "add PCICAPS_WRITE; the hypervisor moderates what is written"),
	R("JH-PCI-017", JH_ERROR, JH_CAP, NULL, cap_place, "a capability outside of its part of config space",
	  "0x40 to 0xff, extended ones 0x100 to 0xfff, aligned to 4"),
	R("JH-PCI-018", JH_ERROR, JH_CAP, NULL, cap_length, "a capability of less than 2 bytes", NULL),
	R("JH-PCI-019", JH_WARNING, JH_CAP, NULL, cap_id, "a capability with an unknown id", NULL),
	R("JH-PCI-020", JH_ERROR, JH_CAP, NULL, cap_flags, "capability flags that are not known", NULL),
	R("JH-PCI-021", JH_ERROR, JH_PCI, NULL, cap_overlap, "capabilities of a device overlap", NULL),
	R("JH-PCI-022", JH_NOTE, SC_CELL, NULL, unused_caps, "capabilities of no device", NULL),
	R("JH-PCI-023", JH_ERROR, JH_PCI, NULL, bar_mask, "a BAR mask that no BAR has", "ones from the top down to the size"),
	R("JH-PCI-024", JH_WARNING, JH_PCI, NULL, bus, "a bus beyond MMCONFIG", NULL),
	R("JH-PCI-025", JH_WARNING, JH_PCI, NULL, domain, "a device of another domain", "the hypervisor configures one domain"),
	R("JH-PCI-026", JH_WARNING, JH_PCI, NULL, bridge, "a bridge in a cell other than the root cell", NULL),
	R("JH-PCI-027", JH_ERROR, JH_PCI, NULL, bit_fields, "msi_64bits is neither 0 nor 1", NULL),
	{ .code = NULL }
};
