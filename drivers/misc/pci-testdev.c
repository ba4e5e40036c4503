// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI device that counts writes (-device pci-testdev; QEMU's
 * docs/specs/pci-testdev): a byte selects a test, a header describes it, and
 * writes of its width and data to its offset are counted there.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "dev/pci.h"

#define MEM_HALF	2048U
#define IO_HALF		128U
#define TESTS		3	/* of each BAR */
#define DATA		0xfa

/* Header as the guest reads it. */
#define HDR_TEST	0
#define HDR_WIDTH	1
#define HDR_OFFSET	4
#define HDR_DATA	8
#define HDR_COUNT	12
#define HDR_NAME	16
#define HDR_SIZE	64

struct pci_testdev {
	struct pci_dev pci;
	u64 membar;			/* property: size of BAR 2 */
	s32 current;			/* test, BAR 1's behind BAR 0's; -1: none */
	u32 count;
	struct mem_region mmio, ports, memory;
};

static void fill_header(const struct pci_testdev *s, u8 *h)
{
	static const char *const names[] = { "no-eventfd", "wildcard-eventfd", "datamatch-eventfd" };
	bool io = s->current >= TESTS;

	memset(h, 0, HDR_SIZE);
	h[HDR_TEST] = (u8)s->current;
	h[HDR_WIDTH] = 1;
	put_le32(h + HDR_OFFSET, (io ? IO_HALF : MEM_HALF) + (u32)s->current);
	h[HDR_DATA] = DATA;
	put_le32(h + HDR_COUNT, s->count);
	strcpy((char *)h + HDR_NAME, io ? "portio-" : "mmio-");
	strcat((char *)h + HDR_NAME, names[s->current % TESTS]);
}

static u64 testdev_read(void *opaque, u64 off, unsigned size)
{
	struct pci_testdev *s = opaque;
	u8 h[HDR_SIZE];

	(void)size;
	if (s->current < 0 || off >= HDR_SIZE)
		return 0;
	fill_header(s, h);
	return off < HDR_NAME + strlen((char *)h + HDR_NAME) ? h[off] : 0;
}

static void select_test(struct pci_testdev *s, u64 val, bool io)
{
	s->current = val < TESTS ? (s32)val + (io ? TESTS : 0) : -1;
	s->count = 0;
}

static void count_write(struct pci_testdev *s, u64 off, u64 val, bool io)
{
	bool wildcard = s->current % TESTS == 1;

	if (off == HDR_TEST)
		select_test(s, val, io);
	else if (s->current >= 0 && off == (s->current >= TESTS ? IO_HALF : MEM_HALF) + (u32)s->current && (wildcard || val == DATA))
		s->count++;
}

static void mmio_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)size;
	count_write(opaque, off, val, false);
}

static void ports_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)size;
	count_write(opaque, off, val, true);
}

static const struct mem_ops mmio_ops = { .read = testdev_read, .write = mmio_write, .max = 1 };
static const struct mem_ops ports_ops = { .read = testdev_read, .write = ports_write, .max = 1 };

static void testdev_reset(struct device *dev)
{
	struct pci_testdev *s = (struct pci_testdev *)dev;

	s->current = -1;
	s->count = 0;
	pci_reset(&s->pci);
}

static int testdev_realize(struct device *dev, struct err *err)
{
	struct pci_testdev *s = (struct pci_testdev *)dev;

	s->memory.fd = -1;
	if (s->membar > 64 * GiB || (s->membar & (s->membar - 1)))
		return err_set(err, EINVAL, "membar must be a power of two up to 64G");
	if (s->membar && mem_region_init_ram(&s->memory, "pci-testdev-membar", s->membar, err) < 0)
		return -err->code;
	if (pci_init(&s->pci, err) < 0) {
		mem_region_free(&s->memory);
		return -err->code;
	}
	mem_region_init_io(&s->mmio, dev, "pci-testdev-mmio", 2 * MEM_HALF, &mmio_ops, s);
	mem_region_init_io(&s->ports, dev, "pci-testdev-portio", 2 * IO_HALF, &ports_ops, s);
	pci_add_bar(&s->pci, 0, 0, &s->mmio);
	pci_add_bar(&s->pci, 1, PCI_BAR_IO, &s->ports);
	if (s->membar)
		pci_add_bar(&s->pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &s->memory);
	s->current = -1;
	return 0;
}

static void testdev_unrealize(struct device *dev)
{
	pci_exit(to_pci_dev(dev));
	mem_region_free(&((struct pci_testdev *)dev)->memory);
}

static const struct state_field testdev_fields[] = {
	STATE_PCI(struct pci_testdev, pci),
	STATE(struct pci_testdev, current, U32), STATE(struct pci_testdev, count, U32),
	STATE_END
};

static int testdev_post_load(void *dev, u8 version, struct err *err)
{
	struct pci_testdev *s = dev;

	(void)version;
	if (s->current < -1 || s->current >= 2 * TESTS)
		return err_set(err, EINVAL, "pci-testdev: no such test");
	return pci_post_load(&s->pci, err);
}

static const struct state_table testdev_state = { .version = 1, .fields = testdev_fields, .post_load = testdev_post_load };

static const struct prop testdev_props[] = {
	PROP(struct pci_testdev, membar, "membar", SIZE, 0, "size of a memory BAR, 0: none"),
	PROP_END
};

static const struct pci_ops testdev_ops = { .vendor = 0x1b36, .device = 0x0005, .class_code = 0x00ff00 };

static const struct device_class pci_testdev_class = {
	.name = "pci-testdev", .desc = "counts writes, for tests", .bus = "PCI", .category = "Misc",
	.size = sizeof(struct pci_testdev), .locking = LOCK_DEVICE, .props = testdev_props, .bus_props = pci_props,
	.type_ops = &testdev_ops,
	.realize = testdev_realize, .unrealize = testdev_unrealize, .reset = testdev_reset, .state = &testdev_state,
};
REGISTER(device, pci_testdev_class);
