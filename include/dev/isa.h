/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers for devices on the ISA bus (and the chipset functions that sit at
 * fixed ports). An ISA device is a plain struct device whose class says
 * bus = "ISA". Main thread, at realize.
 */
#ifndef VMBOX_DEV_ISA_H
#define VMBOX_DEV_ISA_H

#include "dev/device.h"
#include "dev/machine.h"
#include "dev/memory.h"

/* A port range of a device: region and its place. */
struct isa_io {
	struct mem_region region;
	struct mem_map map;
};

/* Maps len ports at port; callbacks get offsets from there and dev as opaque. */
static inline void isa_io_add(struct device *dev, struct isa_io *io, const char *name, u16 port, u16 len,
			      const struct mem_ops *ops)
{
	mem_region_init_io(&io->region, dev, name, len, ops, dev);
	mem_map_add(&dev->machine->io, &io->map, &io->region, port, 0);
}

static inline void isa_io_del(struct isa_io *io)
{
	if (io->map.space)
		mem_map_del(&io->map);
}

/* The ISA line with this number, NULL when the board has none. */
static inline const struct irq *isa_irq(struct device *dev, unsigned n)
{
	return n < 16 ? dev->machine->isa_irq[n] : NULL;
}

#endif
