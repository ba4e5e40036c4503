// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSI and MSI-X (PCI 3.0 sections 6.8.1 and 6.8.2). Messages go through the
 * machine's msi(); a masked vector sets its pending bit and is sent when it
 * is unmasked. MSI-X table and PBA live in one buffer, so that they are saved
 * as one.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "dev/pci.h"
#include "mem.h"

#define MSI_FLAGS		2
#define  MSI_ENABLE		0x0001
#define  MSI_QSIZE_SHIFT	4
#define  MSI_64BIT		0x0080
#define  MSI_MASKBIT		0x0100
#define MSI_ADDR_LO		4
#define MSI_ADDR_HI		8
#define MSI_DATA		12
#define MSI_MASK		16
#define MSI_PENDING		20

#define MSIX_FLAGS		2
#define  MSIX_MASKALL		0x4000
#define  MSIX_ENABLE		0x8000
#define MSIX_TABLE		4
#define MSIX_PBA		8
#define ENTRY_SIZE		16
#define ENTRY_CTRL		12
#define  CTRL_MASKED		1

static void send(struct pci_dev *pci, u64 addr, u32 data)
{
	const struct machine_ops *ops = pci->dev.machine->ops;
	u8 raw[4];

	if (!pci_is_master(pci))
		return;
	if ((addr >> 20) == 0xfee) {
		if (ops && ops->msi)
			ops->msi(pci->dev.machine->ctx, (struct msi_msg){ addr, data });
		return;
	}
	/* Not the interrupt window: it is a plain write to memory, which drivers and tests may use. */
	put_le32(raw, data);
	pci_dma_write(pci, addr, raw, 4);
}

/* ---- MSI ---- */

bool pci_msi_enabled(const struct pci_dev *pci)
{
	return pci->msi_cap && (get_le16(pci->config + pci->msi_cap + MSI_FLAGS) & MSI_ENABLE);
}

int pci_add_msi(struct pci_dev *pci, unsigned vectors, bool mask_bits, struct err *err)
{
	unsigned log2 = 0;
	u8 *c, *w;

	pci->msi_cap = pci_add_cap(pci, PCI_CAP_ID_MSI, mask_bits ? 24 : 14);
	if (!pci->msi_cap)
		return err_set(err, ENOSPC, "no room for the MSI capability");
	while (1U << log2 < vectors)
		log2++;
	c = pci->config + pci->msi_cap;
	w = pci->wmask + pci->msi_cap;
	put_le16(c + MSI_FLAGS, (u16)(log2 << 1) | MSI_64BIT | (mask_bits ? MSI_MASKBIT : 0));
	put_le16(w + MSI_FLAGS, MSI_ENABLE | (log2 ? 7 << MSI_QSIZE_SHIFT : 0));
	put_le32(w + MSI_ADDR_LO, 0xfffffffc);
	put_le32(w + MSI_ADDR_HI, 0xffffffff);
	put_le16(w + MSI_DATA, 0xffff);
	if (mask_bits)
		put_le32(w + MSI_MASK, (u32)((1ULL << vectors) - 1));
	return 0;
}

static bool msi_masked(const struct pci_dev *pci, unsigned v)
{
	const u8 *c = pci->config + pci->msi_cap;

	return (get_le16(c + MSI_FLAGS) & MSI_MASKBIT) && (get_le32(c + MSI_MASK) >> v & 1);
}

void pci_msi_notify(struct pci_dev *pci, unsigned vector)
{
	u8 *c = pci->config + pci->msi_cap;
	unsigned log2;

	if (!pci_msi_enabled(pci))
		return;
	log2 = get_le16(c + MSI_FLAGS) >> MSI_QSIZE_SHIFT & 7;
	vector &= (1U << MIN(log2, 5U)) - 1;
	if (msi_masked(pci, vector)) {
		put_le32(c + MSI_PENDING, get_le32(c + MSI_PENDING) | 1U << vector);
		return;
	}
	send(pci, get_le32(c + MSI_ADDR_LO) | (u64)get_le32(c + MSI_ADDR_HI) << 32,
	     (get_le16(c + MSI_DATA) & ~((1U << MIN(log2, 5U)) - 1)) | vector);
}

static void msi_flush_pending(struct pci_dev *pci)
{
	u8 *c = pci->config + pci->msi_cap;
	u32 ready;
	unsigned v;

	if (!pci_msi_enabled(pci) || !(get_le16(c + MSI_FLAGS) & MSI_MASKBIT))
		return;
	ready = get_le32(c + MSI_PENDING) & ~get_le32(c + MSI_MASK);
	put_le32(c + MSI_PENDING, get_le32(c + MSI_PENDING) & ~ready);
	for (v = 0; v < 32; v++)
		if (ready >> v & 1)
			pci_msi_notify(pci, v);
}

/* ---- MSI-X ---- */

bool pci_msix_enabled(const struct pci_dev *pci)
{
	return pci->msix.cap && (get_le16(pci->config + pci->msix.cap + MSIX_FLAGS) & MSIX_ENABLE);
}

static bool msix_masked(const struct pci_dev *pci, unsigned v)
{
	return (get_le16(pci->config + pci->msix.cap + MSIX_FLAGS) & MSIX_MASKALL) ||
	       (get_le32(pci->msix.table + v * ENTRY_SIZE + ENTRY_CTRL) & CTRL_MASKED);
}

void pci_msix_notify(struct pci_dev *pci, unsigned vector)
{
	const u8 *e;

	if (!pci_msix_enabled(pci) || vector >= pci->msix.n)
		return;
	if (msix_masked(pci, vector)) {
		pci->msix.pba[vector / 8] |= 1 << (vector % 8);
		return;
	}
	e = pci->msix.table + vector * ENTRY_SIZE;
	send(pci, get_le64(e), get_le32(e + 8));
}

static void msix_flush(struct pci_dev *pci, unsigned v)
{
	u8 bit = 1 << (v % 8);

	if (!(pci->msix.pba[v / 8] & bit) || !pci_msix_enabled(pci) || msix_masked(pci, v))
		return;
	pci->msix.pba[v / 8] &= ~bit;
	pci_msix_notify(pci, v);
}

static u32 pba_bytes(const struct pci_dev *pci)
{
	return DIV_ROUND_UP(pci->msix.n, 64U) * 8;
}

/* Where off lies: the table, the PBA, or NULL. */
static u8 *msix_at(struct pci_dev *pci, u64 off, unsigned size, bool *is_table)
{
	struct pci_msix *x = &pci->msix;
	u64 t = off - x->table_off, p = off - x->pba_off;

	if (!x->cap)
		return NULL;
	if (t < (u64)x->n * ENTRY_SIZE && t + size <= (u64)x->n * ENTRY_SIZE) {
		*is_table = true;
		return x->table + t;
	}
	*is_table = false;
	return p < pba_bytes(pci) && p + size <= pba_bytes(pci) ? x->pba + p : NULL;
}

bool pci_msix_read(struct pci_dev *pci, u64 off, unsigned size, u64 *val)
{
	bool is_table;
	u8 *p = msix_at(pci, off, size, &is_table);

	if (!p)
		return false;
	*val = 0;
	memcpy(val, p, size);
	*val = BYTES_LE(64, *val);
	return true;
}

bool pci_msix_write(struct pci_dev *pci, u64 off, unsigned size, u64 val)
{
	bool is_table;
	u8 *p = msix_at(pci, off, size, &is_table);
	u8 raw[8];

	if (!p)
		return false;
	if (is_table && size >= 4) {
		put_le64(raw, val);
		memcpy(p, raw, size);
		msix_flush(pci, (unsigned)((off - pci->msix.table_off) / ENTRY_SIZE));
	}
	return true;
}

static u64 msix_bar_read(void *opaque, u64 off, unsigned size)
{
	u64 v = 0;

	pci_msix_read(opaque, off, size, &v);
	return v;
}

static void msix_bar_write(void *opaque, u64 off, u64 val, unsigned size)
{
	pci_msix_write(opaque, off, size, val);
}

int pci_add_msix(struct pci_dev *pci, unsigned vectors, int bar, u32 table_off, u32 pba_off, struct err *err)
{
	struct pci_msix *x = &pci->msix;
	u8 cap, *c;
	u32 i;

	if (!vectors || vectors > 2048)
		return err_set(err, EINVAL, "%u MSI-X vectors: 1 to 2048 are possible", vectors);
	cap = pci_add_cap(pci, PCI_CAP_ID_MSIX, 12);
	if (!cap)
		return err_set(err, ENOSPC, "no room for the MSI-X capability");
	x->n = (u16)vectors;
	x->bytes = vectors * ENTRY_SIZE + pba_bytes(pci);
	x->table = mem_zalloc(x->bytes);
	if (!x->table)
		return err_set(err, ENOMEM, "out of memory");
	x->cap = cap;
	x->pba = x->table + vectors * ENTRY_SIZE;
	x->table_off = table_off;
	x->pba_off = pba_off;
	for (i = 0; i < vectors; i++)
		put_le32(x->table + i * ENTRY_SIZE + ENTRY_CTRL, CTRL_MASKED);
	c = pci->config + cap;
	put_le16(c + MSIX_FLAGS, (u16)(vectors - 1));
	put_le32(c + MSIX_TABLE, table_off | (u32)bar);
	put_le32(c + MSIX_PBA, pba_off | (u32)bar);
	put_le16(pci->wmask + cap + MSIX_FLAGS, MSIX_ENABLE | MSIX_MASKALL);
	return 0;
}

int pci_add_msix_bar(struct pci_dev *pci, unsigned vectors, int bar, struct err *err)
{
	/* Table first, PBA in the second half, as many devices have it. */
	u32 half = 2048;
	int ret;

	while (half < vectors * ENTRY_SIZE)
		half *= 2;
	ret = pci_add_msix(pci, vectors, bar, 0, half, err);
	if (ret < 0)
		return ret;
	pci->msix.ops = (struct mem_ops){ .read = msix_bar_read, .write = msix_bar_write, .min = 4, .max = 8 };
	mem_region_init_io(&pci->msix.region, &pci->dev, "msix", 2 * (u64)half, &pci->msix.ops, pci);
	pci_add_bar(pci, bar, 0, &pci->msix.region);
	return 0;
}

/* ---- both ---- */

void pci_msi_config_written(struct pci_dev *pci, u32 addr, unsigned len)
{
	unsigned v;

	if (pci->msi_cap && addr < pci->msi_cap + 24U && addr + len > pci->msi_cap)
		msi_flush_pending(pci);
	if (pci->msix.cap && addr < pci->msix.cap + 4U && addr + len > pci->msix.cap)
		for (v = 0; v < pci->msix.n; v++)
			msix_flush(pci, v);
}

void pci_msi_reset(struct pci_dev *pci)
{
	u32 i;

	if (pci->msi_cap) {
		u8 *c = pci->config + pci->msi_cap;
		u16 flags = get_le16(c + MSI_FLAGS);

		put_le16(c + MSI_FLAGS, flags & ~(MSI_ENABLE | 7 << MSI_QSIZE_SHIFT));
		memset(c + MSI_ADDR_LO, 0, flags & MSI_MASKBIT ? 20 : 10);
	}
	if (pci->msix.cap) {
		u8 *c = pci->config + pci->msix.cap + MSIX_FLAGS;

		put_le16(c, get_le16(c) & ~(MSIX_ENABLE | MSIX_MASKALL));
		memset(pci->msix.table, 0, pci->msix.bytes);
		for (i = 0; i < pci->msix.n; i++)
			put_le32(pci->msix.table + i * ENTRY_SIZE + ENTRY_CTRL, CTRL_MASKED);
	}
}

void pci_irq_or_msi(struct pci_dev *pci, unsigned vector, int level)
{
	if (pci_msix_enabled(pci)) {
		if (level)
			pci_msix_notify(pci, vector);
	} else if (pci_msi_enabled(pci)) {
		if (level)
			pci_msi_notify(pci, vector);
	} else {
		pci_set_irq(pci, level);
	}
}
