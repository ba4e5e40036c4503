// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exit port for test programs (-device isa-debug-exit): writing V ends the
 * emulator with status (V << 1) | 1.
 */
#include <errno.h>
#include "dev/isa.h"

struct debug_exit {
	struct device dev;
	u32 iobase, iosize;
	struct isa_io io;
};

static u64 exit_read(void *opaque, u64 off, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)size;
	return 0;
}

static void exit_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)off;
	(void)size;
	machine_exit(((struct debug_exit *)opaque)->dev.machine, (int)((val << 1) | 1) & 0xff);
}

static const struct mem_ops exit_ops = { .read = exit_read, .write = exit_write, .max = 4, .unaligned = true };

static int exit_realize(struct device *dev, struct err *err)
{
	struct debug_exit *s = (struct debug_exit *)dev;

	if (!s->iosize || s->iobase > 0xffff || s->iosize > 0x10000 - s->iobase)
		return err_set(err, EINVAL, "iobase and iosize lie beyond the I/O ports");
	isa_io_add(dev, &s->io, "isa-debug-exit", (u16)s->iobase, (u16)s->iosize, &exit_ops);
	return 0;
}

static void exit_unrealize(struct device *dev)
{
	isa_io_del(&((struct debug_exit *)dev)->io);
}

static const struct state_field exit_fields[] = { STATE_END };
static const struct state_table exit_state = { .version = 1, .fields = exit_fields };

static const struct prop exit_props[] = {
	PROP(struct debug_exit, iobase, "iobase", U32, 0x501, "first I/O port"),
	PROP(struct debug_exit, iosize, "iosize", U32, 0x02, "number of ports"),
	PROP_END
};

static const struct device_class isa_debug_exit_class = {
	.name = "isa-debug-exit", .desc = "ends the emulator with a status", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct debug_exit), .locking = LOCK_DEVICE, .props = exit_props,
	.realize = exit_realize, .unrealize = exit_unrealize, .state = &exit_state,
};
REGISTER(device, isa_debug_exit_class);
