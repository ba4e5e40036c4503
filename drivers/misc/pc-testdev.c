// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Device for processor tests (-device pc-testdev, as QEMU has it for
 * kvm-unit-tests): ports that keep what was written, interrupt lines driven
 * by writes, memory that is a device's.
 */
#include <string.h>
#include "dev/isa.h"

#define PORT_WORD	0xe0
#define PORT_FLUSH	0xe4
#define PORT_BYTE	0xe8
#define PORT_IRQ	0x2000
#define IRQS		24
#define MEM_BASE	0xff000000ULL
#define MEM_SIZE	0x10000
#define MEM_PRIO	1

struct pc_testdev {
	struct device dev;
	u32 word;
	u8  mem[MEM_SIZE];
	const struct irq *irq[IRQS];
	struct isa_io ports, bytes, flush, irqs;
	struct mem_region region;
	struct mem_map map;
};

/* One register; narrower accesses are cut out of it. */
static u64 word_read(void *opaque, u64 off, unsigned size)
{
	struct pc_testdev *s = opaque;

	return (s->word >> (8 * off)) & (~0ULL >> (64 - 8 * size));
}

static void word_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct pc_testdev *s = opaque;
	u32 mask = (u32)(~0ULL >> (64 - 8 * size)) << (8 * off);

	s->word = (s->word & ~mask) | ((u32)val << (8 * off) & mask);
}

/* The host's mapping of a page is not the guest's business here. */
static u64 flush_read(void *opaque, u64 off, unsigned size)
{
	(void)opaque, (void)off, (void)size;
	return 0;
}

static void flush_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)opaque, (void)off, (void)val, (void)size;
}

static void irq_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct pc_testdev *s = opaque;

	(void)size;
	irq_set(s->irq[off], val != 0);
}

static u64 mem_read8(void *opaque, u64 off, unsigned size)
{
	struct pc_testdev *s = opaque;
	u64 v = 0;

	memcpy(&v, s->mem + off, size);
	return v;
}

static void mem_write8(void *opaque, u64 off, u64 val, unsigned size)
{
	struct pc_testdev *s = opaque;

	memcpy(s->mem + off, &val, size);
}

static const struct mem_ops word_ops = { .read = word_read, .write = word_write, .max = 4 };
static const struct mem_ops byte_ops = { .read = word_read, .write = word_write, .max = 1 };
static const struct mem_ops flush_ops = { .read = flush_read, .write = flush_write, .max = 4 };
static const struct mem_ops irq_ops = { .read = flush_read, .write = irq_write, .max = 1 };
static const struct mem_ops memory_ops = { .read = mem_read8, .write = mem_write8 };

static int testdev_realize(struct device *dev, struct err *err)
{
	struct pc_testdev *s = (struct pc_testdev *)dev;
	const struct irq *const *gsi = machine_service(dev->machine, "gsi");
	unsigned i;

	(void)err;
	for (i = 0; i < IRQS; i++)
		s->irq[i] = gsi ? gsi[i] : isa_irq(dev, i);
	isa_io_add(dev, &s->ports, "pc-testdev-ioport", PORT_WORD, 4, &word_ops);
	isa_io_add(dev, &s->flush, "pc-testdev-flush-page", PORT_FLUSH, 4, &flush_ops);
	isa_io_add(dev, &s->bytes, "pc-testdev-ioport-byte", PORT_BYTE, 4, &byte_ops);
	isa_io_add(dev, &s->irqs, "pc-testdev-irq-line", PORT_IRQ, IRQS, &irq_ops);
	mem_region_init_io(&s->region, dev, "pc-testdev-iomem", MEM_SIZE, &memory_ops, s);
	mem_map_add(&dev->machine->mem, &s->map, &s->region, MEM_BASE, MEM_PRIO);
	return 0;
}

static void testdev_unrealize(struct device *dev)
{
	struct pc_testdev *s = (struct pc_testdev *)dev;

	isa_io_del(&s->ports);
	isa_io_del(&s->flush);
	isa_io_del(&s->bytes);
	isa_io_del(&s->irqs);
	mem_map_del(&s->map);
}

static const struct state_field testdev_fields[] = {
	STATE(struct pc_testdev, word, U32), STATE_ARRAY(struct pc_testdev, mem, U8),
	STATE_END
};
static const struct state_table testdev_state = { .version = 1, .fields = testdev_fields };

static const struct device_class pc_testdev_class = {
	.name = "pc-testdev", .desc = "ports, lines and memory for processor tests", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct pc_testdev), .locking = LOCK_DEVICE,
	.realize = testdev_realize, .unrealize = testdev_unrealize, .state = &testdev_state,
};
REGISTER(device, pc_testdev_class);
