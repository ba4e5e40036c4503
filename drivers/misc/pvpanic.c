// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Panic notifier at an I/O port (-device pvpanic; QEMU's docs/specs/pvpanic):
 * a read tells which events are understood, a write reports one.
 */
#include "dev/isa.h"

#define PANICKED	1
#define CRASHLOADED	2

struct pvpanic {
	struct device dev;
	u16 ioport;
	u8  events;
	struct isa_io io;
};

static u64 pvpanic_read(void *opaque, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct pvpanic *)opaque)->events;
}

static void pvpanic_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct pvpanic *s = opaque;

	(void)off;
	(void)size;
	val &= s->events;
	if (val & PANICKED)
		machine_request(s->dev.machine, REQ_PANIC);
	else if (val & CRASHLOADED)
		machine_event(s->dev.machine, "GUEST_CRASHLOADED", "{\"action\": \"run\"}");
}

static const struct mem_ops pvpanic_ops = { .read = pvpanic_read, .write = pvpanic_write, .max = 1 };

static int pvpanic_realize(struct device *dev, struct err *err)
{
	struct pvpanic *s = (struct pvpanic *)dev;

	(void)err;
	isa_io_add(dev, &s->io, "pvpanic", s->ioport, 1, &pvpanic_ops);
	return 0;
}

static void pvpanic_unrealize(struct device *dev)
{
	isa_io_del(&((struct pvpanic *)dev)->io);
}

static const struct state_field pvpanic_fields[] = { STATE_END };
static const struct state_table pvpanic_state = { .version = 1, .fields = pvpanic_fields };

static const struct prop pvpanic_props[] = {
	PROP(struct pvpanic, ioport, "ioport", U16, 0x505, "I/O port"),
	PROP(struct pvpanic, events, "events", U8, PANICKED | CRASHLOADED, "events understood: 1 panic, 2 crash kernel loaded"),
	PROP_END
};

static const struct device_class pvpanic_class = {
	.name = "pvpanic", .desc = "panic notifier", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct pvpanic), .locking = LOCK_DEVICE, .props = pvpanic_props,
	.realize = pvpanic_realize, .unrealize = pvpanic_unrealize, .state = &pvpanic_state,
};
REGISTER(device, pvpanic_class);
