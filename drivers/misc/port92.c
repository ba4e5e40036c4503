// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System control port A (0x92) of the PS/2 and of all chipsets since: fast
 * A20 gate and fast reset.
 */
#include "dev/isa.h"

#define RESET	0x01
#define A20	0x02

struct port92 {
	struct device dev;
	u8 value;
	struct isa_io io;
};

static void set_value(struct port92 *s, u8 v)
{
	struct machine *m = s->dev.machine;

	if (((s->value ^ v) & A20) && m->ops && m->ops->a20)
		m->ops->a20(m->ctx, v & A20 ? 1 : 0);
	if ((v & RESET) && !(s->value & RESET))
		machine_request(m, REQ_RESET);
	s->value = v;
}

static u64 port92_read(void *opaque, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct port92 *)opaque)->value;
}

static void port92_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)off;
	(void)size;
	set_value(opaque, (u8)val);
}

static const struct mem_ops port92_ops = { .read = port92_read, .write = port92_write, .max = 1 };

static void port92_reset(struct device *dev)
{
	set_value((struct port92 *)dev, A20);
}

static int port92_realize(struct device *dev, struct err *err)
{
	struct port92 *s = (struct port92 *)dev;

	(void)err;
	s->value = A20;
	isa_io_add(dev, &s->io, "port92", 0x92, 1, &port92_ops);
	return 0;
}

static void port92_unrealize(struct device *dev)
{
	isa_io_del(&((struct port92 *)dev)->io);
}

static const struct state_field port92_fields[] = {
	STATE(struct port92, value, U8),
	STATE_END
};
static const struct state_table port92_state = { .version = 1, .fields = port92_fields };

static const struct device_class port92_class = {
	.name = "port92", .desc = "system control port A", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct port92), .locking = LOCK_DEVICE, .internal = true,
	.realize = port92_realize, .unrealize = port92_unrealize, .reset = port92_reset, .state = &port92_state,
};
REGISTER(device, port92_class);
