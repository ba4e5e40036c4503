/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices from /sys/bus/pci/devices: config space and BARs. Lengths of
 * capabilities by the PCI Local Bus Specification 3.0, PCI Express 4.0 and
 * their ECNs; what has no fixed length is given with its header alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bytes.h"
#include "machine.h"
#include "mem.h"
#include "str.h"

#define DEVICES_MAX 4096

/* "0000:00:1f.2" */
static bool parse_name(const char *s, u16 *domain, u16 *bdf)
{
	u64 dom, bus, dev, fn;
	const char *p;

	if (str_scan_u64(s, 16, &p, &dom) || *p != ':' || str_scan_u64(p + 1, 16, &p, &bus) || *p != ':' ||
	    str_scan_u64(p + 1, 16, &p, &dev) || *p != '.' || str_scan_u64(p + 1, 16, &p, &fn) || *p)
		return false;
	if (dom > 0xffff || bus > 255 || dev > 31 || fn > 7)
		return false;
	*domain = dom;
	*bdf = bus << 8 | dev << 3 | fn;
	return true;
}

static void read_bars(struct machine *m, struct m_pci *d, const char *dir)
{
	char path[128];
	const char *p;
	size_t len;
	u8 *text;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/resource", dir);
	if (mtree_read(m->tree, path, &text, &len))
		return;
	p = (const char *)text;
	for (int i = 0; i < 6 && *p; i++) {
		u64 v[3] = { 0, 0, 0 };

		for (int k = 0; k < 3; k++) {
			p += strspn(p, " ");
			if (str_starts(p, "0x", &p) && str_scan_u64(p, 16, &p, &v[k]))
				break;
		}
		d->bar[i] = (struct m_bar){ v[0], v[1], v[2] };
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	mem_free(text);
}

static int read_device(struct machine *m, const char *name)
{
	struct m_pci d = { .iommu = 0xff };
	char path[128];
	int ret;

	if (!parse_name(name, &d.domain, &d.bdf) || m->n_pci >= DEVICES_MAX)
		return 0;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/config", name);
	ret = mtree_read(m->tree, path, &d.cfg, &d.cfg_len);
	if (ret == -ENOMEM)
		return ret;
	if (ret || d.cfg_len < 64 || get_le32(d.cfg) == 0xffffffff) {
		machine_note(m, "PCI device %s has no config space and is left out", name);
		if (!ret)
			mem_free(d.cfg);
		return 0;
	}
	d.cfg_len = MIN(d.cfg_len, (size_t)4096);
	read_bars(m, &d, name);
	if (mem_grow(&m->pci, &m->cap_pci, m->n_pci + 1, sizeof(d))) {
		mem_free(d.cfg);
		return -ENOMEM;
	}
	m->pci[m->n_pci++] = d;
	return 0;
}

int machine_read_pci(struct machine *m)
{
	size_t n;
	char **names = mtree_names(m->tree, "sys/bus/pci/devices", &n);
	bool cut = false;
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = read_device(m, names[i]);
	mtree_names_free(names, n);
	for (size_t i = 0; i < m->n_pci; i++)
		cut |= m->pci[i].cfg_len < 256;
	if (cut)
		machine_note(m, "config spaces end after 64 bytes, without capabilities; they must be collected as root");
	return ret;
}

static unsigned vendor_length(const struct m_pci *d, unsigned at)
{
	return d->cfg[at + 2] >= 3 ? d->cfg[at + 2] : 3;
}

/* Bytes of a capability, and whether a cell may write it: the hypervisor moderates MSI and MSI-X. */
static void describe(const struct m_pci *d, struct jh_cap *c)
{
	unsigned at = c->start, ctl = at + 4 <= d->cfg_len ? get_le16(d->cfg + at + 2) : 0;

	c->len = 2;
	switch (c->id) {
	case 0x01:	/* power management */
		c->len = 8;
		c->flags = JH_CAP_WRITE;
		break;
	case JH_CAP_MSI:
		c->len = 10 + (ctl & 0x80 ? 4 : 0) + (ctl & 0x100 ? 10 : 0);
		c->flags = JH_CAP_WRITE;
		break;
	case 0x09:	/* vendor */
		c->len = vendor_length(d, at);
		break;
	case 0x10:	/* PCI Express: 20 bytes in version 1, 60 since 2 */
		c->len = (ctl & 15) >= 2 ? 60 : 20;
		break;
	case JH_CAP_MSIX:
		c->len = 12;
		c->flags = JH_CAP_WRITE;
		break;
	case 0x03: case 0x0d: case 0x12:	/* VPD, subsystem, SATA */
		c->len = 8;
		break;
	case 0x13:	/* advanced features */
		c->len = 6;
	}
	if (c->len > 0x100 - at)
		c->len = 0x100 - at;
}

static void describe_ext(const struct m_pci *d, struct jh_cap *c)
{
	static const struct { u8 id; u8 len; } known[] = {
		{ 0x01, 64 }, { 0x02, 16 }, { 0x03, 12 }, { 0x04, 16 }, { 0x09, 16 }, { 0x0d, 8 }, { 0x0e, 8 },
		{ 0x0f, 8 }, { 0x10, 64 }, { 0x12, 48 }, { 0x18, 8 }, { 0x19, 16 }, { 0x1b, 8 }, { 0x1e, 16 }, { 0x1f, 12 },
	};
	u16 id = c->id & ~JH_CAP_EXT;
	unsigned at = c->start;

	c->len = 4;
	if (id == 0x0b && at + 8 <= d->cfg_len)	/* vendor: says its length */
		c->len = MAX(get_le32(d->cfg + at + 4) >> 20, 8U);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].id == id)
			c->len = known[i].len;
	if (c->len > 0x1000 - at)
		c->len = 0x1000 - at;
}

/* The length ends where the next capability begins, whatever the specification says. */
static void trim(struct jh_cap *caps, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n; k++)
			if (caps[k].start > caps[i].start && caps[k].start < caps[i].start + caps[i].len)
				caps[i].len = caps[k].start - caps[i].start;
}

unsigned pci_capabilities(const struct m_pci *d, struct jh_cap *caps, unsigned max)
{
	unsigned at = d->cfg[0x34] & ~3U, n = 0;
	bool express = false, seen[256] = { false };

	if (!(get_le16(d->cfg + 6) & 0x10))
		return 0;
	while (at >= 0x40 && at + 4 <= MIN(d->cfg_len, (size_t)256) && !seen[at] && n < max) {
		struct jh_cap *c = &caps[n++];

		*c = (struct jh_cap){ .id = d->cfg[at], .start = at };
		describe(d, c);
		express |= c->id == 0x10;
		seen[at] = true;
		at = d->cfg[at + 1] & ~3U;
	}
	for (at = 0x100; express && at >= 0x100 && at + 4 <= d->cfg_len && n < max;) {
		u32 head = get_le32(d->cfg + at);
		struct jh_cap *c = &caps[n];

		if (!head || head == 0xffffffff || (n && caps[n - 1].id & JH_CAP_EXT && caps[n - 1].start >= at))
			break;		/* extended lists go upwards, so they end */
		*c = (struct jh_cap){ .id = (head & 0x7fff) | JH_CAP_EXT, .start = at };
		describe_ext(d, c);
		n++;
		at = head >> 20 & ~3U;
	}
	trim(caps, n);
	return n;
}

static void bar_masks(const struct m_pci *d, struct jh_pci *rec)
{
	for (int i = 0; i < 6; i++) {
		const struct m_bar *b = &d->bar[i];
		u64 mask = ~(b->end - b->start);

		if (!(b->flags & (BAR_IO | BAR_MEM)) || b->end <= b->start)
			continue;
		rec->bar_mask[i] = mask;
		if (b->flags & BAR_MEM && b->flags & BAR_64 && i < 5)
			rec->bar_mask[++i] = mask >> 32;
	}
}

static void msix(const struct m_pci *d, const struct jh_cap *c, struct jh_pci *rec)
{
	u32 table = get_le32(d->cfg + c->start + 4);
	u64 base = (table & 7) < 6 ? d->bar[table & 7].start : 0;

	if (!base || !(d->bar[table & 7].flags & BAR_MEM))
		return;
	rec->num_msix = (get_le16(d->cfg + c->start + 2) & 0x7ff) + 1;
	rec->msix_address = (base + (table & ~7U)) & ~(JH_PAGE - 1);
	rec->msix_region_size = ALIGN_UP((base + (table & ~7U)) % JH_PAGE + rec->num_msix * 16ULL, JH_PAGE);
}

void pci_describe(const struct m_pci *d, const struct jh_cap *caps, unsigned n, struct jh_pci *rec)
{
	rec->type = get_le16(d->cfg + 10) == 0x0604 ? JH_PCI_BRIDGE : JH_PCI_DEVICE;
	rec->domain = d->domain;
	rec->bdf = d->bdf;
	rec->iommu = d->iommu == 0xff ? 0 : d->iommu;
	bar_masks(d, rec);
	for (unsigned i = 0; i < n; i++) {
		u16 ctl = caps[i].start + 12U <= d->cfg_len ? get_le16(d->cfg + caps[i].start + 2) : 0;

		if (caps[i].id == JH_CAP_MSI) {
			rec->num_msi = 1 << MIN(ctl >> 1 & 7, 5);
			rec->msi_64bits = ctl >> 7 & 1;
			rec->msi_maskable = ctl >> 8 & 1;
		} else if (caps[i].id == JH_CAP_MSIX && caps[i].start + 12U <= d->cfg_len) {
			msix(d, &caps[i], rec);
		}
	}
}
