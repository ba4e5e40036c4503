// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's side of PCI: configuration mechanism 1 at 0xcf8/0xcfc and the
 * root bus (PCI 3.0 section 3.2.2.3). ECAM is the memory controller's (mch.c).
 */
#include "dev/isa.h"
#include "dev/q35.h"

#define CONFIG_ENABLE 0x80000000U

struct pcihost {
	struct device dev;
	u32 address;
	struct pci_bus bus;
	struct isa_io addr_io, data_io;
};

struct pci_bus *q35_host_bus(struct device *host)
{
	return &((struct pcihost *)host)->bus;
}

static u64 addr_read(void *opaque, u64 off, unsigned size)
{
	struct pcihost *h = opaque;

	/* Only dwords reach the register; the rest goes to the bus, where nobody answers. */
	return off == 0 && size == 4 ? h->address : ~0ULL;
}

static void addr_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct pcihost *h = opaque;

	if (off == 0 && size == 4)
		__atomic_store_n(&h->address, (u32)val, __ATOMIC_RELAXED);
}

static u64 data_read(void *opaque, u64 off, unsigned size)
{
	struct pcihost *h = opaque;
	u32 a = __atomic_load_n(&h->address, __ATOMIC_RELAXED);

	if (!(a & CONFIG_ENABLE))
		return ~0ULL;
	return pci_host_read(&h->bus, (u8)(a >> 16), (u8)(a >> 8), (a & 0xfc) | (u32)off, size);
}

static void data_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct pcihost *h = opaque;
	u32 a = __atomic_load_n(&h->address, __ATOMIC_RELAXED);

	if (a & CONFIG_ENABLE)
		pci_host_write(&h->bus, (u8)(a >> 16), (u8)(a >> 8), (a & 0xfc) | (u32)off, (u32)val, size);
}

static const struct mem_ops addr_ops = { .read = addr_read, .write = addr_write, .max = 4 };
static const struct mem_ops data_ops = { .read = data_read, .write = data_write, .max = 4 };

static void pcihost_reset(struct device *dev)
{
	((struct pcihost *)dev)->address = 0;
}

static int pcihost_realize(struct device *dev, struct err *err)
{
	struct pcihost *h = (struct pcihost *)dev;

	(void)err;
	pci_bus_init(&h->bus, dev->machine, dev, "pcie.0", NULL);
	h->bus.express = true;
	isa_io_add(dev, &h->addr_io, "pci-conf-idx", 0xcf8, 4, &addr_ops);
	isa_io_add(dev, &h->data_io, "pci-conf-data", 0xcfc, 4, &data_ops);
	return 0;
}

static void pcihost_unrealize(struct device *dev)
{
	struct pcihost *h = (struct pcihost *)dev;

	isa_io_del(&h->addr_io);
	isa_io_del(&h->data_io);
}

static const struct state_field pcihost_fields[] = {
	STATE(struct pcihost, address, U32),
	STATE_END
};
static const struct state_table pcihost_state = { .version = 1, .fields = pcihost_fields };

/* LOCK_NONE: the register is atomic and configuration accesses take their device's lock. */
static const struct device_class pcihost_class = {
	.name = "q35-pcihost", .desc = "PCI Express host bridge", .category = "Bridge",
	.size = sizeof(struct pcihost), .locking = LOCK_NONE, .internal = true,
	.realize = pcihost_realize, .unrealize = pcihost_unrealize, .reset = pcihost_reset, .state = &pcihost_state,
};
REGISTER(device, pcihost_class);
