// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio over memory mapped registers (virtio 1.2 section 4.2), version 2 of
 * the layout: a window of 512 bytes and one interrupt line. The board makes
 * as many as it likes; each is a bus for one device, and shows device number
 * 0 while it is empty. Of one that is plugged in the registers lie above
 * that, under the lock of the device.
 */
#include <stdio.h>
#include "bytes.h"
#include "dev/virtio_mmio.h"
#include "transport.h"

#define R_MAGIC			0x000
#define R_VERSION		0x004
#define R_DEVICE_ID		0x008
#define R_VENDOR_ID		0x00c
#define R_DEVICE_FEATURES	0x010
#define R_DEVICE_SEL		0x014
#define R_DRIVER_FEATURES	0x020
#define R_DRIVER_SEL		0x024
#define R_QUEUE_SEL		0x030
#define R_QUEUE_NUM_MAX		0x034
#define R_QUEUE_NUM		0x038
#define R_QUEUE_READY		0x044
#define R_QUEUE_NOTIFY		0x050
#define R_ISR			0x060
#define R_ISR_ACK		0x064
#define R_STATUS		0x070
#define R_QUEUE_DESC		0x080
#define R_QUEUE_DRIVER		0x090
#define R_QUEUE_DEVICE		0x0a0
#define R_SHM_LEN		0x0b0
#define R_SHM_BASE		0x0b8
#define R_GENERATION		0x0fc
#define R_CONFIG		0x100

#define MAGIC			0x74726976	/* "virt" */
#define VERSION			2
#define VENDOR			0x554d4551	/* that of the machine type */

struct virtio_mmio {
	struct device dev;
	struct virtio_bus bus;
	struct mem_region empty;
	struct mem_map map;
	u64 base;
	const struct irq *irq;
};

static struct virtio_mmio *slot_of(struct virtio_dev *v)
{
	return (struct virtio_mmio *)v->dev.bus->parent;
}

/* ---- registers ---- */

static u64 half(u64 val, u64 off)
{
	return (u32)(val >> (8 * (off & 4)));
}

static u64 queue_read(const struct virtq *q, const struct virtio_dev *v, u64 off)
{
	switch (off) {
	case R_QUEUE_NUM_MAX:				return v->ops->queue_size;
	case R_QUEUE_READY:				return q->ready;
	case R_QUEUE_DESC: case R_QUEUE_DESC + 4:	return half(q->desc, off);
	case R_QUEUE_DRIVER: case R_QUEUE_DRIVER + 4:	return half(q->driver, off);
	case R_QUEUE_DEVICE: case R_QUEUE_DEVICE + 4:	return half(q->device, off);
	default:					return 0;
	}
}

static u64 reg_read(void *opaque, u64 off, unsigned size)
{
	struct virtio_dev *v = opaque;
	struct virtq *q = virtio_selected(v);

	if (off >= R_CONFIG)
		return virtio_config_read(v, off - R_CONFIG, size);
	if (size != 4)
		return 0;
	switch (off) {
	case R_MAGIC:		return MAGIC;
	case R_VERSION:		return VERSION;
	case R_DEVICE_ID:	return v->ops->id;
	case R_VENDOR_ID:	return VENDOR;
	case R_DEVICE_FEATURES:	return virtio_feature_word(v->host_features, v->host_sel);
	case R_ISR:		return v->isr;
	case R_STATUS:		return v->status;
	case R_GENERATION:	return v->generation;
	case R_SHM_LEN: case R_SHM_LEN + 4: case R_SHM_BASE: case R_SHM_BASE + 4:
		return 0xffffffff;	/* no shared memory */
	default:
		return q ? queue_read(q, v, off) : 0;
	}
}

static void set_half(u64 *reg, u64 off, u32 val)
{
	*reg = off & 4 ? (u32)*reg | (u64)val << 32 : (*reg & ~0xffffffffULL) | val;
}

static void set_ready(struct virtq *q, bool ready)
{
	if (ready && !q->ready) {	/* a new ring begins at its begin */
		q->next_avail = q->next_used = q->signalled = 0;
		q->avail_wrap = q->used_wrap = true;
		q->signalled_valid = false;
	}
	q->ready = ready;
}

static void queue_write(struct virtio_dev *v, struct virtq *q, u64 off, u32 val)
{
	switch (off) {
	case R_QUEUE_NUM:				virtio_set_queue_size(v, q, val); break;
	case R_QUEUE_READY:				set_ready(q, val & 1); break;
	case R_QUEUE_DESC: case R_QUEUE_DESC + 4:	set_half(&q->desc, off, val); break;
	case R_QUEUE_DRIVER: case R_QUEUE_DRIVER + 4:	set_half(&q->driver, off, val); break;
	case R_QUEUE_DEVICE: case R_QUEUE_DEVICE + 4:	set_half(&q->device, off, val); break;
	}
}

static void acknowledge(struct virtio_dev *v, u8 bits)
{
	v->isr &= ~bits;
	if (!v->isr)
		irq_lower(slot_of(v)->irq);
}

static void reg_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct virtio_dev *v = opaque;
	struct virtq *q = virtio_selected(v);

	if (off >= R_CONFIG) {
		virtio_config_write(v, off - R_CONFIG, val, size);
		return;
	}
	if (size != 4)
		return;
	switch (off) {
	case R_DEVICE_SEL:	v->host_sel = (u32)val; break;
	case R_DRIVER_SEL:	v->guest_sel = (u32)val; break;
	case R_DRIVER_FEATURES:	virtio_set_feature_word(v, (u32)val); break;
	case R_QUEUE_SEL:	v->queue_sel = (u16)MIN(val, 0xffffULL); break;
	case R_QUEUE_NOTIFY:	virtio_ring(v, val & 0xffff); break;
	case R_ISR_ACK:		acknowledge(v, (u8)val); break;
	case R_STATUS:		virtio_set_status(v, (u8)val); break;
	default:
		if (q)
			queue_write(v, q, off, (u32)val);
	}
}

static const struct mem_ops reg_ops = { .read = reg_read, .write = reg_write };

static u64 empty_read(void *opaque, u64 off, unsigned size)
{
	(void)opaque;
	if (size != 4)
		return 0;
	return off == R_MAGIC ? MAGIC : off == R_VERSION ? VERSION : off == R_VENDOR_ID ? VENDOR : 0;
}

static void empty_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)val;
	(void)size;
}

static const struct mem_ops empty_ops = { .read = empty_read, .write = empty_write };

/* ---- the transport of a device ---- */

static int mmio_init(struct virtio_dev *v, struct err *err)
{
	struct virtio_mmio *s = slot_of(v);

	(void)err;
	v->modern = true;
	mem_region_init_io(&v->mmio, &v->dev, "virtio-mmio-device", VIRTIO_MMIO_SIZE, &reg_ops, v);
	mem_map_add(&v->dev.machine->mem, &v->mmio_map, &v->mmio, s->base, 1);
	return 0;
}

static void mmio_exit(struct virtio_dev *v)
{
	mem_map_del(&v->mmio_map);
	irq_lower(slot_of(v)->irq);
}

static void mmio_interrupt(struct virtio_dev *v, u16 vector, u8 isr)
{
	(void)vector;
	v->isr |= isr;
	irq_raise(slot_of(v)->irq);
}

static void mmio_lower(struct virtio_dev *v)
{
	irq_lower(slot_of(v)->irq);
}

static int mmio_post_load(struct virtio_dev *v, struct err *err)
{
	(void)err;
	v->isr &= VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG;
	irq_set(slot_of(v)->irq, v->isr != 0);
	return 0;
}

static const struct virtio_transport mmio_transport = {
	.init = mmio_init, .exit = mmio_exit, .interrupt = mmio_interrupt, .lower = mmio_lower, .post_load = mmio_post_load,
};

/* ---- the slot ---- */

struct device *virtio_mmio_create(struct machine *m, unsigned n, u64 base, const struct irq *irq, struct err *err)
{
	struct device *dev = device_create(m, NULL, "virtio-mmio", err, NULL);
	struct virtio_mmio *s = (struct virtio_mmio *)dev;
	char name[32];

	if (!dev)
		return NULL;
	s->base = base;
	s->irq = irq;
	s->bus.transport = &mmio_transport;
	snprintf(name, sizeof(name), "virtio-mmio-bus.%u", n);
	device_bus_init(&s->bus.bus, "virtio-bus", name, dev);
	s->bus.bus.max = 1;
	mem_region_init_io(&s->empty, NULL, "virtio-mmio", VIRTIO_MMIO_SIZE, &empty_ops, s);
	mem_map_add(&m->mem, &s->map, &s->empty, base, 0);
	device_irqs_out(dev, NULL, &s->irq, 1);
	return dev;
}

bool virtio_mmio_used(const struct device *slot)
{
	return ((const struct virtio_mmio *)slot)->bus.bus.first;
}

static void slot_unrealize(struct device *dev)
{
	struct virtio_mmio *s = (struct virtio_mmio *)dev;

	mem_map_del(&s->map);
}

static const struct device_class virtio_mmio_class = {
	.name = "virtio-mmio", .desc = "place for a virtio device", .category = "Bridge", .size = sizeof(struct virtio_mmio),
	.locking = LOCK_NONE, .internal = true, .unrealize = slot_unrealize,
};
REGISTER(device, virtio_mmio_class);
