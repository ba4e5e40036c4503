// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI Express root port: a PCI-to-PCI bridge (specification 1.2) with the
 * express capability of a port. Link and slot are reported as up and filled
 * when a device sits behind it.
 */
#include "bytes.h"
#include "dev/pci.h"

#define EXP_LNKCAP	12
#define EXP_LNKSTA	18
#define  LNKSTA_ACTIVE	0x2000
#define EXP_SLTCAP	20
#define EXP_SLTCTL	24
#define EXP_SLTSTA	26
#define  SLTSTA_PRESENT	0x0040
#define EXP_RTCTL	28
#define PORT_ROOT	4
#define FLAGS_SLOT	0x0100

struct root_port {
	struct pci_dev pci;
	struct pci_bus bus;
	u8  chassis, port;
	u16 slot;
};

static void port_state(struct root_port *p)
{
	u8 *c = p->pci.config + p->pci.pcie_cap;
	bool present = p->bus.bus.first != NULL;

	if (!p->pci.pcie_cap)
		return;
	put_le16(c + EXP_SLTSTA, present ? SLTSTA_PRESENT : 0);
	put_le16(c + EXP_LNKSTA, present ? 0x0011 | LNKSTA_ACTIVE : 0x0011);
}

static void root_port_reset(struct device *dev)
{
	struct root_port *p = (struct root_port *)dev;
	u8 *c = p->pci.config;

	pci_reset(&p->pci);
	memset(c + PCI_PRIMARY_BUS, 0, 4);
	c[PCI_IO_BASE] = c[PCI_IO_LIMIT] = 0x01;
	put_le16(c + PCI_MEMORY_BASE, 0);
	put_le16(c + PCI_MEMORY_LIMIT, 0);
	put_le16(c + PCI_PREF_MEMORY_BASE, 1);
	put_le16(c + PCI_PREF_MEMORY_LIMIT, 1);
	memset(c + PCI_PREF_BASE_UPPER32, 0, 12);
	put_le16(c + PCI_BRIDGE_CONTROL, 0);
	port_state(p);
	pci_remap_bus(&p->bus);
}

static void init_bridge_header(struct pci_dev *pci)
{
	u8 *w = pci->wmask;

	memset(w + PCI_PRIMARY_BUS, 0xff, 4);
	w[PCI_IO_BASE] = w[PCI_IO_LIMIT] = 0xf0;
	put_le16(w + PCI_MEMORY_BASE, 0xfff0);
	put_le16(w + PCI_MEMORY_LIMIT, 0xfff0);
	put_le16(w + PCI_PREF_MEMORY_BASE, 0xfff0);
	put_le16(w + PCI_PREF_MEMORY_LIMIT, 0xfff0);
	memset(w + PCI_PREF_BASE_UPPER32, 0xff, 12);
	put_le16(w + PCI_BRIDGE_CONTROL, 0x0fff & ~0x0400);
	put_le16(pci->w1cmask + PCI_SEC_STATUS, 0xf900);
}

static void root_port_config_write(struct pci_dev *pci, u32 addr, u32 val, unsigned len)
{
	struct root_port *p = (struct root_port *)pci;

	(void)val;
	/* Secondary bus reset: bit 6 of the bridge control register. */
	if (addr <= PCI_BRIDGE_CONTROL && addr + len > PCI_BRIDGE_CONTROL && (pci->config[PCI_BRIDGE_CONTROL] & 0x40))
		device_reset_bus(&p->bus.bus);
	port_state(p);
}

static int root_port_realize(struct device *dev, struct err *err)
{
	struct root_port *p = (struct root_port *)dev;
	u8 *c;
	int ret = pci_init(&p->pci, err);

	if (ret < 0)
		return ret;
	init_bridge_header(&p->pci);
	pci_add_pcie(&p->pci, PORT_ROOT);
	if (p->pci.pcie_cap) {
		c = p->pci.config + p->pci.pcie_cap;
		put_le16(c + 2, get_le16(c + 2) | FLAGS_SLOT);
		put_le32(c + EXP_LNKCAP, get_le32(c + EXP_LNKCAP) | (u32)p->port << 24 | 1 << 20);
		put_le32(c + EXP_SLTCAP, (u32)p->slot << 19);
		put_le16(p->pci.wmask + p->pci.pcie_cap + EXP_RTCTL, 0x001f);
	}
	pci_add_pm(&p->pci);
	if (pci_add_msi(&p->pci, 1, true, err) < 0) {
		pci_exit(&p->pci);
		return -err->code;
	}
	p->pci.config[PCI_INTERRUPT_PIN] = 1;
	pci_bus_init(&p->bus, dev->machine, dev, dev->id ? dev->id : dev->path, &p->pci);
	p->bus.express = true;
	p->bus.bus.max = 8;
	return 0;
}

static void root_port_unrealize(struct device *dev)
{
	pci_exit(to_pci_dev(dev));
}

static const struct state_field root_port_fields[] = {
	STATE_PCI(struct root_port, pci),
	STATE_END
};

static int root_port_post_load(void *dev, u8 version, struct err *err)
{
	(void)version;
	return pci_post_load(dev, err);
}

static const struct state_table root_port_state = { .version = 1, .fields = root_port_fields, .post_load = root_port_post_load };

static const struct prop root_port_props[] = {
	PROP(struct root_port, chassis, "chassis", U8, 0, "chassis number"),
	PROP(struct root_port, slot, "slot", U16, 0, "slot number"),
	PROP(struct root_port, port, "port", U8, 0, "port number"),
	PROP_END
};

static const struct pci_ops root_port_ops = {
	.vendor = 0x1b36, .device = 0x000c, .class_code = 0x060400, .express = true, .is_bridge = true,
	.config_write = root_port_config_write,
};

static const struct device_class root_port_class = {
	.name = "pcie-root-port", .desc = "PCI Express root port", .bus = "PCI", .category = "Bridge",
	.size = sizeof(struct root_port), .locking = LOCK_DEVICE, .props = root_port_props,
	.bus_props = pci_props, .type_ops = &root_port_ops,
	.realize = root_port_realize, .unrealize = root_port_unrealize, .reset = root_port_reset, .state = &root_port_state,
};
REGISTER(device, root_port_class);
