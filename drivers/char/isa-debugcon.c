// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Debug console (-device isa-debugcon, -debugcon): bytes written to the port
 * go to a character backend; a read gives 0xe9, by which firmware finds it.
 */
#include <errno.h>
#include "dev/char.h"
#include "dev/isa.h"

struct debugcon {
	struct device dev;
	struct chardev *chr;
	struct char_fe fe;
	u32 iobase, readback;
	struct isa_io io;
};

static u64 debugcon_read(void *opaque, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct debugcon *)opaque)->readback;
}

static void debugcon_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct debugcon *s = opaque;
	u8 c = (u8)val;

	(void)off;
	(void)size;
	chardev_write(&s->fe, &c, 1);
}

static const struct mem_ops debugcon_ops = { .read = debugcon_read, .write = debugcon_write, .max = 1 };

static int debugcon_realize(struct device *dev, struct err *err)
{
	struct debugcon *s = (struct debugcon *)dev;
	int ret;

	if (!s->chr)
		return err_set(err, EINVAL, "Can't create debugcon device, empty char device");
	if (s->iobase > 0xffff)
		return err_set(err, EINVAL, "iobase 0x%x is beyond the I/O ports", s->iobase);
	s->fe = (struct char_fe){ .dev = dev, .label = dev->path, .opaque = s };
	ret = chardev_attach(s->chr, &s->fe, err);
	if (ret < 0)
		return ret;
	isa_io_add(dev, &s->io, "isa-debugcon", (u16)s->iobase, 1, &debugcon_ops);
	return 0;
}

static void debugcon_unrealize(struct device *dev)
{
	isa_io_del(&((struct debugcon *)dev)->io);
	chardev_detach(&((struct debugcon *)dev)->fe);
}

static const struct state_field debugcon_fields[] = { STATE_END };
static const struct state_table debugcon_state = { .version = 1, .fields = debugcon_fields };

static const struct prop debugcon_props[] = {
	PROP(struct debugcon, chr, "chardev", CHARDEV, 0, "character backend"),
	PROP(struct debugcon, iobase, "iobase", U32, 0xe9, "I/O port"),
	PROP(struct debugcon, readback, "readback", U32, 0xe9, "what a read gives"),
	PROP_END
};

static const struct device_class isa_debugcon_class = {
	.name = "isa-debugcon", .desc = "debug console", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct debugcon), .locking = LOCK_DEVICE, .props = debugcon_props,
	.realize = debugcon_realize, .unrealize = debugcon_unrealize, .state = &debugcon_state,
};
REGISTER(device, isa_debugcon_class);
