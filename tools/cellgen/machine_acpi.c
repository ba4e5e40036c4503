/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables: MCFG (PCI Firmware 3.2, 4.1.2), MADT, FADT and SPCR (ACPI 6.4,
 * 5.2.12 and 5.2.9), DMAR (Intel VT-d 3.3, chapter 8), IVRS (AMD 48882, chapter
 * 5). Entries say their own length; none is believed beyond the table's end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "machine.h"
#include "mem.h"

struct table {
	u8 *data;
	size_t len;
};

/* 0, also when it is absent (t->data NULL then), or -ENOMEM. */
static int get_table(struct machine *m, const char *sig, struct table *t)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "sys/firmware/acpi/tables/%s", sig);
	ret = mtree_read(m->tree, path, &t->data, &t->len);
	if (ret) {
		t->data = NULL;
		return ret == -ENOMEM ? ret : 0;
	}
	if (t->len < 36 || memcmp(t->data, sig, 4) || get_le32(t->data + 4) < 36 || get_le32(t->data + 4) > t->len) {
		machine_note(m, "ACPI table %s is damaged", sig);
		mem_free(t->data);
		t->data = NULL;
		return 0;
	}
	t->len = get_le32(t->data + 4);
	return 0;
}

static void read_mcfg(struct machine *m, const struct table *t)
{
	for (size_t at = 44; at + 16 <= t->len; at += 16) {
		if (m->n_mcfg == M_MCFGS) {
			machine_note(m, "MCFG has more than %u regions", M_MCFGS);
			return;
		}
		m->mcfg[m->n_mcfg++] = (struct m_mcfg){ get_le64(t->data + at), get_le16(t->data + at + 8),
							t->data[at + 10], t->data[at + 11] };
	}
}

static void madt_gicc(struct machine *m, const u8 *p, size_t len, unsigned *nth)
{
	if (len < 76)
		return;
	if (get_le32(p + 12) & 1) {
		if (*nth < m->n_cpus) {
			m->cpus[*nth].phys_id = get_le64(p + 68);
			m->cpus[*nth].has_phys = true;
		}
		++*nth;
	}
	if (m->has_dt)
		return;
	if (!m->gicc)
		m->gicc = get_le64(p + 32);
	if (!m->gicv)
		m->gicv = get_le64(p + 40);
	if (!m->gich)
		m->gich = get_le64(p + 48);
	if (!m->maintenance_irq && get_le32(p + 56) < 32)
		m->maintenance_irq = get_le32(p + 56);
	if (len >= 68 && !m->gicr)
		m->gicr = get_le64(p + 60);
}

static void read_madt(struct machine *m, const struct table *t)
{
	unsigned cpu = 0;

	for (size_t at = 44; at + 2 <= t->len; at += t->data[at + 1]) {
		const u8 *p = t->data + at;
		u8 len = p[1];

		if (len < 2 || len > t->len - at) {
			machine_note(m, "ACPI table APIC is damaged");
			return;
		}
		if (p[0] == 1 && len >= 12 && m->n_ioapic < M_CHIPS)
			m->ioapic[m->n_ioapic++] = (struct m_ioapic){ p[2], get_le32(p + 4), get_le32(p + 8), 0, 0, false };
		else if (p[0] == 0x0b)
			madt_gicc(m, p, len, &cpu);
		else if (p[0] == 0x0c && len >= 24 && !m->has_dt) {
			m->gicd = get_le64(p + 8);
			m->gic_version = p[20];
		} else if (p[0] == 0x0e && len >= 16 && !m->has_dt && !m->gicr)
			m->gicr = get_le64(p + 4);
	}
	if (m->gicd && !m->gic_version)	/* 0: look at the hardware */
		m->gic_version = m->gicr ? 3 : 2;
}

static void read_fadt(struct machine *m, const struct table *t)
{
	if (m->pm_timer || t->len < 80)
		return;
	m->pm_timer = get_le32(t->data + 76);
	if (t->len >= 220 && t->data[208] == 1 && get_le64(t->data + 212) <= 0xffff && get_le64(t->data + 212))
		m->pm_timer = get_le64(t->data + 212);
}

/* Serial port console redirection: what ARM machines without a device tree have. */
static void read_spcr(struct machine *m, const struct table *t)
{
	u8 type = t->len >= 52 ? t->data[36] : 0;
	u64 address = t->len >= 52 ? get_le64(t->data + 44) : 0;

	if (t->len < 52 || m->console.address || !address || t->data[40] != 0)
		return;
	if (type == 3 || type == 0x0d || type == 0x0e)
		m->console = (struct jh_console){ .address = address, .size = JH_PAGE, .type = JH_CON_PL011,
						  .flags = JH_CON_MMIO | JH_CON_REGDIST_4 };
	else if (type == 0 || type == 1 || type == 0x12)
		m->console = (struct jh_console){ .address = address, .size = JH_PAGE, .type = JH_CON_8250,
						  .flags = JH_CON_MMIO | (t->data[41] == 32 ? JH_CON_REGDIST_4 : 0) };
}

static struct jh_iommu *new_iommu(struct machine *m, u32 type, u16 segment, u64 base)
{
	struct jh_iommu *u;

	if (m->n_iommu == JH_IOMMUS) {
		machine_note(m, "more than %u IOMMUs; the one at 0x%llx is left out", JH_IOMMUS, base);
		return NULL;
	}
	u = &m->iommu[m->n_iommu];
	m->iommu_segment[m->n_iommu++] = segment;
	*u = (struct jh_iommu){ .type = type, .base = base };
	return u;
}

/* ---- DMAR ---- */

/* Follows the path of a device scope through bridges. 0xffff: it leads nowhere. */
static u16 scope_bdf(const struct machine *m, u16 segment, const u8 *p, size_t len)
{
	unsigned bus = p[5];

	for (size_t at = 6; at + 2 <= len; at += 2) {
		u16 bdf = bus << 8 | (p[at] & 31) << 3 | (p[at + 1] & 7);
		const struct m_pci *bridge;

		if (at + 4 > len)
			return bdf;
		bridge = machine_pci(m, segment, bdf);
		if (!bridge)
			return 0xffff;
		bus = bridge->cfg[0x19];
	}
	return 0xffff;
}

static void assign_buses(struct machine *m, u16 segment, unsigned first, unsigned last, u8 unit)
{
	for (size_t i = 0; i < m->n_pci; i++)
		if (m->pci[i].domain == segment && m->pci[i].bdf >> 8 >= first && m->pci[i].bdf >> 8 <= last)
			m->pci[i].iommu = unit;
}

static void dmar_scope(struct machine *m, u16 segment, const u8 *p, size_t len, u8 unit)
{
	u16 bdf = scope_bdf(m, segment, p, len);
	struct m_pci *d = machine_pci(m, segment, bdf);

	if (p[0] == 3) {		/* IOAPIC, by its id */
		for (unsigned i = 0; i < m->n_ioapic; i++)
			if (m->ioapic[i].id == p[4] && bdf != 0xffff) {
				m->ioapic[i].bdf = bdf;
				m->ioapic[i].iommu = unit;
				m->ioapic[i].has_bdf = true;
			}
	} else if ((p[0] == 1 || p[0] == 2) && d) {
		d->iommu = unit;
		if (p[0] == 2)		/* a bridge and all behind it */
			assign_buses(m, segment, d->cfg[0x19], d->cfg[0x1a], unit);
	} else if (p[0] == 1 || p[0] == 2) {
		machine_note(m, "DMAR: no device for scope %02x:%02x.%x", p[5], p[6], p[7]);
	}
}

static u32 dmar_size(const struct machine *m, u64 base, const u8 *p)
{
	for (size_t i = 0; i < m->iomem.n; i++)
		if (m->iomem.v[i].start == base && strstr(m->iomem.v[i].name, "dmar"))
			return ALIGN_UP(m->iomem.v[i].end - base + 1, JH_PAGE);
	/* the size byte (2^n pages) is newer than most firmware, where it is 0: one page, and register files fit into it */
	return JH_PAGE << (p[5] & 15);
}

static void dmar_unit(struct machine *m, const u8 *p, size_t len)
{
	u16 segment = get_le16(p + 6);
	u64 base = get_le64(p + 8);
	struct jh_iommu *u = new_iommu(m, JH_IOMMU_INTEL, segment, base);
	u8 unit = m->n_iommu - 1;

	if (!u)
		return;
	u->size = dmar_size(m, base, p);
	for (size_t at = 16; at + 8 <= len && p[at + 1] >= 8 && p[at + 1] <= len - at; at += p[at + 1])
		dmar_scope(m, segment, p + at, p[at + 1], unit);
}

static int dmar_reserved(struct machine *m, const u8 *p, size_t len)
{
	u64 first = get_le64(p + 8), last = get_le64(p + 16);

	return len >= 24 && last > first ? io_list_add(&m->rmrr, first, last, 0, "ACPI DMAR RMRR") : 0;
}

/* A unit for all that no other has comes last in the table, as the specification wants; we do not rely on it. */
static void dmar_rest(struct machine *m, const struct table *t)
{
	u8 unit = 0;

	for (size_t at = 48; at + 4 <= t->len && get_le16(t->data + at + 2) >= 4; at += get_le16(t->data + at + 2)) {
		const u8 *p = t->data + at;

		if (get_le16(p) != 0 || at + 16 > t->len || unit >= m->n_iommu)
			continue;
		for (size_t i = 0; p[4] & 1 && i < m->n_pci; i++)
			if (m->pci[i].iommu == 0xff && m->pci[i].domain == get_le16(p + 6))
				m->pci[i].iommu = unit;
		unit++;
	}
}

static int read_dmar(struct machine *m, const struct table *t)
{
	int ret = 0;

	for (size_t at = 48; at + 4 <= t->len && !ret;) {
		const u8 *p = t->data + at;
		u16 len = get_le16(p + 2);

		if (len < 4 || len > t->len - at) {
			machine_note(m, "ACPI table DMAR is damaged");
			break;
		}
		if (get_le16(p) == 0 && len >= 16)
			dmar_unit(m, p, len);
		else if (get_le16(p) == 1 && len >= 24)
			ret = dmar_reserved(m, p, len);
		at += len;
	}
	dmar_rest(m, t);
	return ret;
}

/* ---- IVRS ---- */

static void ivrs_assign(struct machine *m, u16 segment, u16 first, u16 last, u8 unit)
{
	for (size_t i = 0; i < m->n_pci; i++)
		if (m->pci[i].domain == segment && m->pci[i].bdf >= first && m->pci[i].bdf <= last)
			m->pci[i].iommu = unit;
}

static void ivrs_special(struct machine *m, const u8 *p, u8 unit)
{
	for (unsigned i = 0; p[7] == 1 && i < m->n_ioapic; i++)
		if (m->ioapic[i].id == p[4]) {
			m->ioapic[i].bdf = get_le16(p + 5);
			m->ioapic[i].iommu = unit;
			m->ioapic[i].has_bdf = true;
		}
}

static size_t ivrs_entry_size(const u8 *p, size_t left)
{
	if (p[0] < 0x40)
		return 4;
	if (p[0] < 0x80)
		return 8;
	if (p[0] == 0xf0)		/* by ACPI name: says how long its unique id is */
		return left >= 22 ? 22U + p[21] : left;
	return p[0] < 0xc0 ? 16 : 32;
}

static void ivrs_entries(struct machine *m, u16 segment, const u8 *p, size_t len, u8 unit)
{
	u16 range = 0;

	while (len >= 4) {
		size_t size = ivrs_entry_size(p, len);
		u16 bdf = get_le16(p + 1);

		if (size > len)
			return;
		switch (p[0]) {
		case 0x01:
			ivrs_assign(m, segment, 0, 0xffff, unit);
			break;
		case 0x02: case 0x46:		/* one device, plain or extended */
			ivrs_assign(m, segment, bdf, bdf, unit);
			break;
		case 0x03: case 0x43: case 0x47:	/* start of a range, plain, alias, extended */
			range = bdf;
			break;
		case 0x04:
			ivrs_assign(m, segment, range, bdf, unit);
			break;
		case 0x42:			/* a device that shows itself as another */
			ivrs_assign(m, segment, bdf, bdf, unit);
			ivrs_assign(m, segment, get_le16(p + 5), get_le16(p + 5), unit);
			break;
		case 0x48:
			ivrs_special(m, p, unit);
		}
		p += size;
		len -= size;
	}
}

static u8 msi_capability(const struct m_pci *d)
{
	struct jh_cap caps[64];
	unsigned n = d ? pci_capabilities(d, caps, ARRAY_SIZE(caps)) : 0;

	for (unsigned i = 0; i < n; i++)
		if (caps[i].id == JH_CAP_MSI)
			return caps[i].start;
	return 0;
}

/*
 * The same unit may be described by up to three blocks, the newer ones for
 * newer software: 0x10, 0x11, 0x40. The newest counts.
 */
static bool ivrs_newer(const struct table *t, size_t at)
{
	const u8 *p = t->data + at;

	for (size_t i = 48; i + 24 <= t->len && get_le16(t->data + i + 2) >= 4; i += get_le16(t->data + i + 2)) {
		const u8 *q = t->data + i;

		if ((q[0] == 0x11 || q[0] == 0x40) && q[0] > p[0] && get_le16(q + 4) == get_le16(p + 4) &&
		    get_le16(q + 16) == get_le16(p + 16))
			return true;
	}
	return false;
}

static void ivrs_unit(struct machine *m, const u8 *p, size_t len)
{
	u16 bdf = get_le16(p + 4), segment = get_le16(p + 16), head = p[0] == 0x10 ? 24 : 40;
	u32 info = get_le32(p + 20);
	struct m_pci *fn = machine_pci(m, segment, bdf);
	struct jh_iommu *u;

	if (len < head)
		return;
	u = new_iommu(m, JH_IOMMU_AMD, segment, get_le64(p + 8));
	if (!u)
		return;
	u->amd_bdf = bdf;
	u->amd_base_cap = get_le16(p + 6);
	u->amd_msi_cap = msi_capability(fn);
	/* with performance counters the registers are 512 KiB, else 16 */
	u->size = info >> 13 & 15 && info >> 17 & 63 ? 512 * KiB : 16 * KiB;
	/* the old block may correct what the hardware says; bit 0 tells that it counts */
	u->amd_features = p[0] == 0x10 ? info | 1 : 0;
	if (fn)
		fn->hidden = true;
	if (!u->amd_msi_cap)
		machine_note(m, "IOMMU %02x:%02x.%x has no MSI capability", bdf >> 8, bdf >> 3 & 31, bdf & 7);
	ivrs_entries(m, segment, p + head, len - head, m->n_iommu - 1);
}

static int ivrs_memory(struct machine *m, const u8 *p)
{
	u64 start = get_le64(p + 16), size = get_le64(p + 24);

	return size && start + (size - 1) >= start ? io_list_add(&m->rmrr, start, start + (size - 1), 0, "ACPI IVRS") : 0;
}

static int read_ivrs(struct machine *m, const struct table *t)
{
	int ret = 0;

	for (size_t at = 48; at + 4 <= t->len && !ret;) {
		const u8 *p = t->data + at;
		u16 len = get_le16(p + 2);

		if (len < 4 || len > t->len - at) {
			machine_note(m, "ACPI table IVRS is damaged");
			break;
		}
		if ((p[0] == 0x10 || p[0] == 0x11 || p[0] == 0x40) && len >= 24) {
			if (!ivrs_newer(t, at))
				ivrs_unit(m, p, len);
		} else if (p[0] >= 0x20 && p[0] <= 0x22 && len >= 32) {
			ret = ivrs_memory(m, p);
		}
		at += len;
	}
	return ret;
}

/* ---- IORT ---- */

static void read_iort(struct machine *m, const struct table *t)
{
	size_t at = t->len >= 44 ? get_le32(t->data + 40) : 0;
	u32 nodes = t->len >= 44 ? get_le32(t->data + 36) : 0;

	for (u32 i = 0; i < nodes && at >= 36 && at + 24 <= t->len && !m->has_dt; i++) {
		const u8 *p = t->data + at;
		u16 len = get_le16(p + 1);
		struct jh_iommu *u = NULL;

		if (len < 16 || len > t->len - at)
			break;
		if (p[0] == 4 && len >= 24)
			u = new_iommu(m, JH_IOMMU_SMMUV3, 0, get_le64(p + 16));
		else if (p[0] == 3 && len >= 32)
			u = new_iommu(m, JH_IOMMU_MMU500, 0, get_le64(p + 16));
		if (u)
			u->size = u->type == JH_IOMMU_SMMUV3 ? 0x20000 : MAX(get_le64(p + 24), 0x10000ULL);
		at += len;
	}
}

int machine_read_acpi(struct machine *m)
{
	static const struct {
		const char *sig;
		void (*read)(struct machine *m, const struct table *t);
		int (*read2)(struct machine *m, const struct table *t);
	} tables[] = {		/* MADT before those that name its chips */
		{ "MCFG", read_mcfg, NULL }, { "APIC", read_madt, NULL }, { "FACP", read_fadt, NULL },
		{ "DMAR", NULL, read_dmar }, { "IVRS", NULL, read_ivrs }, { "IORT", read_iort, NULL },
		{ "SPCR", read_spcr, NULL },
	};
	const struct io_range *timer = io_find(&m->ioports, "ACPI PM_TMR");

	if (timer)
		m->pm_timer = timer->start;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		struct table t;
		int ret = get_table(m, tables[i].sig, &t);

		if (!ret && t.data) {
			if (tables[i].read)
				tables[i].read(m, &t);
			else
				ret = tables[i].read2(m, &t);
			mem_free(t.data);
		}
		if (ret)
			return ret;
	}
	return 0;
}
