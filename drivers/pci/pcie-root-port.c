// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI Express root port: a PCI-to-PCI bridge (specification 1.2) with the
 * express capability of a port. Link and slot are reported as up and filled
 * when a device sits behind it.
 */
#include "bytes.h"
#include <errno.h>
#include "dev/pci.h"

#define EXP_LNKCAP	12
#define EXP_LNKSTA	18
#define  LNKSTA_ACTIVE	0x2000
#define  LNKCAP_ACTIVE_REPORT	(1U << 20)
#define EXP_SLTCAP	20
#define  SLTCAP_BUTTON	0x01
#define  SLTCAP_POWER	0x02
#define  SLTCAP_ATTN_LED 0x08
#define  SLTCAP_POWER_LED 0x10
#define  SLTCAP_SURPRISE 0x20
#define  SLTCAP_HOTPLUG	0x40
#define  SLTCAP_NO_CC	(1U << 18)	/* commands are done at once */
#define EXP_SLTCTL	24
#define  SLTCTL_EVENTS	0x000f		/* enables, in the places of the status bits */
#define  SLTCTL_HPIE	0x0020
#define  SLTCTL_ATTN_OFF 0x00c0
#define  SLTCTL_LED	0x0300
#define  SLTCTL_LED_ON	0x0100
#define  SLTCTL_POWER_OFF 0x0400
#define  SLTCTL_DLLSCE	0x1000
#define EXP_SLTSTA	26
#define  SLTSTA_BUTTON	0x0001
#define  SLTSTA_PRESENCE_CHANGED 0x0008
#define  SLTSTA_PRESENT	0x0040
#define  SLTSTA_LINK_CHANGED 0x0100
#define  SLTSTA_EVENTS	0x011f
#define EXP_RTCTL	28
#define PORT_ROOT	4
#define FLAGS_SLOT	0x0100

struct root_port {
	struct pci_dev pci;
	struct pci_bus bus;
	u8  chassis, port;
	u16 slot;
	bool hotplug;
	u16 sltctl;		/* as the last write left it */
	bool irq;		/* an event that is enabled stands */
	void (*core_unplug)(struct device_bus *bus, struct device *dev);
};

/* ---- the slot (PCI Express 2.0, 6.7) ---- */

static u8 *express(struct root_port *p) { return p->pci.config + p->pci.pcie_cap; }

static void update_irq(struct root_port *p)
{
	u16 sta = get_le16(express(p) + EXP_SLTSTA), ctl = get_le16(express(p) + EXP_SLTCTL);
	bool on = (ctl & SLTCTL_HPIE) && ((sta & ctl & SLTCTL_EVENTS) || ((sta & SLTSTA_LINK_CHANGED) && (ctl & SLTCTL_DLLSCE)));

	if (on == p->irq)
		return;
	p->irq = on;
	pci_irq_or_msi(&p->pci, 0, on);
}

/* Presence and link as they are now; events are or-ed to those that stand. */
static void port_state(struct root_port *p, u16 events)
{
	bool present = p->bus.bus.first != NULL;
	u8 *c = express(p);

	if (!p->pci.pcie_cap)
		return;
	put_le16(c + EXP_SLTSTA, (get_le16(c + EXP_SLTSTA) & SLTSTA_EVENTS) | events | (present ? SLTSTA_PRESENT : 0));
	put_le16(c + EXP_LNKSTA, present ? 0x0011 | LNKSTA_ACTIVE : 0x0011);
	update_irq(p);
}

static bool slot_is_off(u16 ctl)
{
	return (ctl & SLTCTL_POWER_OFF) && (ctl & SLTCTL_LED) == SLTCTL_LED;
}

/* The guest has switched power and light off: what is in the slot may be drawn. */
static void slot_written(struct root_port *p)
{
	u16 now = get_le16(express(p) + EXP_SLTCTL), old = p->sltctl;
	struct device *dev;

	p->sltctl = now;
	if (p->hotplug && slot_is_off(now) && !slot_is_off(old))
		for (dev = p->bus.bus.first; dev; dev = dev->next)
			machine_unplug(p->pci.dev.machine, dev);
}

static void slot_reset(struct root_port *p)
{
	bool present = p->bus.bus.first != NULL;

	if (!p->pci.pcie_cap)
		return;
	p->sltctl = SLTCTL_ATTN_OFF | (!p->hotplug ? 0 : present ? SLTCTL_LED_ON : SLTCTL_LED | SLTCTL_POWER_OFF);
	put_le16(express(p) + EXP_SLTCTL, p->hotplug ? p->sltctl : 0);
	put_le16(express(p) + EXP_SLTSTA, 0);
	p->irq = false;
}

static void slot_hotplug(struct device_bus *bus, struct device *dev)
{
	struct root_port *p = (struct root_port *)bus->parent;

	/* The guest looks at the slot when function 0 is there. */
	device_lock(bus->parent);
	if (PCI_FUNC(to_pci_dev(dev)->devfn) == 0)
		port_state(p, SLTSTA_PRESENCE_CHANGED | SLTSTA_LINK_CHANGED | SLTSTA_BUTTON);
	device_unlock(bus->parent);
}

static int slot_unplug_request(struct device_bus *bus, struct device *dev, struct err *err)
{
	struct root_port *p = (struct root_port *)bus->parent;
	struct device *d;
	int ret = 0;

	device_lock(bus->parent);
	if (get_le16(express(p) + EXP_SLTSTA) & SLTSTA_BUTTON)
		ret = err_set(err, EBUSY, "Device %s is already in the process of unplug", dev->id ? dev->id : dev->path);
	else if (slot_is_off(p->sltctl))
		for (d = bus->first; d; d = d->next)
			machine_unplug(dev->machine, d);
	else
		port_state(p, SLTSTA_BUTTON);
	device_unlock(bus->parent);
	return ret;
}

static void slot_unplug(struct device_bus *bus, struct device *dev)
{
	struct root_port *p = (struct root_port *)bus->parent;

	p->core_unplug(bus, dev);
	device_lock(bus->parent);
	port_state(p, SLTSTA_PRESENCE_CHANGED | SLTSTA_LINK_CHANGED);
	device_unlock(bus->parent);
}

static void slot_init(struct root_port *p)
{
	u8 *c = express(p), *w = p->pci.wmask + p->pci.pcie_cap;
	u32 cap = (u32)p->slot << 19;

	put_le16(c + 2, get_le16(c + 2) | FLAGS_SLOT);
	put_le32(c + EXP_LNKCAP, get_le32(c + EXP_LNKCAP) | (u32)p->port << 24 | LNKCAP_ACTIVE_REPORT);
	if (p->hotplug) {
		cap |= SLTCAP_BUTTON | SLTCAP_POWER | SLTCAP_ATTN_LED | SLTCAP_POWER_LED | SLTCAP_SURPRISE | SLTCAP_HOTPLUG | SLTCAP_NO_CC;
		put_le16(w + EXP_SLTCTL, 0x17ff);
		put_le16(p->pci.w1cmask + p->pci.pcie_cap + EXP_SLTSTA, SLTSTA_EVENTS);
	}
	put_le32(c + EXP_SLTCAP, cap);
	put_le16(w + EXP_RTCTL, 0x001f);
}

/* ---- the bridge ---- */

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
	slot_reset(p);
	port_state(p, 0);
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
	if (p->pci.pcie_cap)
		slot_written(p);
	port_state(p, 0);
}

static int root_port_realize(struct device *dev, struct err *err)
{
	struct root_port *p = (struct root_port *)dev;
	int ret = pci_init(&p->pci, err);

	if (ret < 0)
		return ret;
	init_bridge_header(&p->pci);
	pci_add_pcie(&p->pci, PORT_ROOT);
	if (p->pci.pcie_cap)
		slot_init(p);
	pci_add_pm(&p->pci);
	if (pci_add_msi(&p->pci, 1, true, err) < 0) {
		pci_exit(&p->pci);
		return -err->code;
	}
	p->pci.config[PCI_INTERRUPT_PIN] = 1;
	pci_bus_init(&p->bus, dev->machine, dev, dev->id ? dev->id : dev->path, &p->pci);
	p->bus.express = true;
	p->bus.bus.max = 8;
	p->core_unplug = p->bus.bus.unplug;
	if (p->pci.pcie_cap && p->hotplug) {
		p->bus.bus.unplug = slot_unplug;
		p->bus.bus.hotplug = slot_hotplug;
		p->bus.bus.unplug_request = slot_unplug_request;
	}
	return 0;
}

static void root_port_unrealize(struct device *dev)
{
	pci_exit(to_pci_dev(dev));
}

static const struct state_field root_port_fields[] = {
	STATE_PCI(struct root_port, pci),
	STATE_SINCE(struct root_port, irq, BOOL, 2),
	STATE_END
};

static int root_port_post_load(void *dev, u8 version, struct err *err)
{
	struct root_port *p = dev;

	(void)version;
	if (p->pci.pcie_cap)
		p->sltctl = get_le16(express(p) + EXP_SLTCTL);
	return pci_post_load(dev, err);
}

static const struct state_table root_port_state = { .version = 2, .fields = root_port_fields, .post_load = root_port_post_load };

static const struct prop root_port_props[] = {
	PROP(struct root_port, chassis, "chassis", U8, 0, "chassis number"),
	PROP(struct root_port, slot, "slot", U16, 0, "slot number"),
	PROP(struct root_port, port, "port", U8, 0, "port number"),
	PROP(struct root_port, hotplug, "hotplug", BOOL, 1, "the slot takes and gives devices while the guest runs"),
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
