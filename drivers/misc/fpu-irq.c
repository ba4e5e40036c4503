// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IRQ 13 (PC/AT technical reference, coprocessor): the latch that an x87
 * error sets while CR0.NE is clear, and port 0xf0, which clears it. IGNNE# is
 * not modelled: an x87 instruction that waits while the error stands raises
 * the line again.
 */
#include "dev/fpu_irq.h"
#include "dev/isa.h"

#define PORT	0xf0
#define LINE	13

struct fpu_irq {
	struct device dev;
	bool raised;
	const struct irq *irq;
	struct isa_io io;
};

void fpu_irq_raise(struct device *dev)
{
	struct fpu_irq *s = (struct fpu_irq *)dev;

	device_lock(dev);
	s->raised = true;
	irq_raise(s->irq);
	device_unlock(dev);
}

static u64 port_read(void *opaque, u64 off, unsigned size)
{
	(void)opaque, (void)off, (void)size;
	return 0xff;
}

static void port_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct fpu_irq *s = opaque;

	(void)off, (void)val, (void)size;
	s->raised = false;
	irq_lower(s->irq);
}

static const struct mem_ops port_ops = { .read = port_read, .write = port_write, .max = 1 };

static void fpu_irq_reset(struct device *dev)
{
	port_write(dev, 0, 0, 1);
}

static int fpu_irq_realize(struct device *dev, struct err *err)
{
	struct fpu_irq *s = (struct fpu_irq *)dev;

	(void)err;
	s->irq = isa_irq(dev, LINE);
	isa_io_add(dev, &s->io, "ioportF0", PORT, 1, &port_ops);
	return 0;
}

static void fpu_irq_unrealize(struct device *dev)
{
	isa_io_del(&((struct fpu_irq *)dev)->io);
}

static const struct state_field fpu_irq_fields[] = {
	STATE(struct fpu_irq, raised, BOOL),
	STATE_END
};

static int fpu_irq_post_load(void *dev, u8 version, struct err *err)
{
	struct fpu_irq *s = dev;

	(void)version, (void)err;
	irq_set(s->irq, s->raised);
	return 0;
}

static const struct state_table fpu_irq_state = { .version = 1, .fields = fpu_irq_fields, .post_load = fpu_irq_post_load };

static const struct device_class fpu_irq_class = {
	.name = "fpu-irq", .desc = "coprocessor error line", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct fpu_irq), .locking = LOCK_DEVICE, .internal = true,
	.realize = fpu_irq_realize, .unrealize = fpu_irq_unrealize, .reset = fpu_irq_reset, .state = &fpu_irq_state,
};
REGISTER(device, fpu_irq_class);
