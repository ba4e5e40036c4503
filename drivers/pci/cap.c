// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capabilities: the linked list in configuration space (PCI 3.0 section 6.7),
 * power management (PCI PM 1.2, state D0 and D3 only as registers) and the
 * PCI Express capability, version 2 (PCIe 3.0 section 7.8).
 */
#include <errno.h>
#include "bytes.h"
#include "dev/pci.h"

#define PM_CTRL			4
#define  PM_NO_SOFT_RESET	0x0008

#define EXP_FLAGS		2
#define EXP_DEVCAP		4
#define EXP_DEVCTL		8
#define EXP_DEVSTA		10
#define EXP_LNKCAP		12
#define EXP_LNKCTL		16
#define EXP_LNKSTA		18
#define EXP_DEVCAP2		36
#define EXP_DEVCTL2		40
#define EXP_LNKCAP2		44
#define EXP_LNKCTL2		48
#define EXP_LENGTH		0x3c

u8 pci_add_cap(struct pci_dev *pci, u8 id, u8 len)
{
	u8 off = ALIGN_UP(pci->cap_end, 4), *c = pci->config;

	if (off + len > PCI_CONFIG_SIZE)
		return 0;
	pci->cap_end = (u8)MIN(off + len, 255);
	c[off] = id;
	c[off + 1] = c[PCI_CAPABILITY_LIST];
	c[PCI_CAPABILITY_LIST] = off;
	c[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return off;
}

int pci_add_ext_cap(struct pci_dev *pci, u16 id, u8 version, u16 off, u16 len)
{
	u32 at = 0x100, next;

	if (pci->config_size != PCIE_CONFIG_SIZE || off < 0x100 || off + len > PCIE_CONFIG_SIZE)
		return -ENOSPC;
	put_le32(pci->config + off, id | (u32)version << 16);
	if (off == 0x100)
		return 0;
	while ((next = get_le32(pci->config + at) >> 20))
		at = next;
	put_le32(pci->config + at, get_le32(pci->config + at) | (u32)off << 20);
	return 0;
}

void pci_add_pm(struct pci_dev *pci)
{
	u8 cap = pci_add_cap(pci, PCI_CAP_ID_PM, 8);

	if (!cap)
		return;
	put_le16(pci->config + cap + 2, 3);
	put_le16(pci->config + cap + PM_CTRL, PM_NO_SOFT_RESET);
	put_le16(pci->wmask + cap + PM_CTRL, 3);
}

/* Slot and root registers are the ports' own business. */
void pci_add_pcie(struct pci_dev *pci, u8 port_type)
{
	u8 cap, *c, *w;

	if (pci->config_size != PCIE_CONFIG_SIZE)
		return;
	cap = pci_add_cap(pci, PCI_CAP_ID_EXP, EXP_LENGTH);
	if (!cap)
		return;
	pci->pcie_cap = cap;
	c = pci->config + cap;
	w = pci->wmask + cap;
	put_le16(c + EXP_FLAGS, 2 | (u16)port_type << 4);
	put_le32(c + EXP_DEVCAP, 0x8000);		/* role-based errors, 128-byte payload */
	put_le16(w + EXP_DEVCTL, 0x78ff & ~0x8000);
	put_le16(pci->w1cmask + cap + EXP_DEVSTA, 0x000f);
	if (port_type != 9) {	/* integrated end points have no link */
		put_le32(c + EXP_LNKCAP, 0x0011 | 1 << 10);	/* 2.5 GT/s, x1, L0s */
		put_le16(c + EXP_LNKSTA, 0x0011);
		put_le16(w + EXP_LNKCTL, 0x00c3);
		put_le32(c + EXP_LNKCAP2, 1 << 1);
	}
	put_le32(c + EXP_DEVCAP2, 0x20);		/* ARI forwarding: none; LTR none; timeout disable no */
	put_le16(w + EXP_DEVCTL2, 0);
}
