/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the core of virtio devices (virtio.c) and its transports
 * (virtio-pci.c, virtio-mmio.c). All under the device's lock.
 */
#ifndef VMBOX_VIRTIO_TRANSPORT_H
#define VMBOX_VIRTIO_TRANSPORT_H

#include "dev/virtio.h"

#define VIRTIO_ISR_QUEUE	1
#define VIRTIO_ISR_CONFIG	2
/* Features of the legacy interface, which the modern one does not offer (6.3). */
#define VIRTIO_LEGACY_ONLY	(VIRTIO_F_NOTIFY_ON_EMPTY | VIRTIO_F_ANY_LAYOUT)

struct virtio_transport {
	/* ops and queues are known; sets modern and legacy and maps the registers. */
	int  (*init)(struct virtio_dev *v, struct err *err);
	void (*exit)(struct virtio_dev *v);
	/* The machine's reset, after that of the device. May be NULL. */
	void (*reset)(struct virtio_dev *v);
	/* Tells the driver: isr is VIRTIO_ISR_*. */
	void (*interrupt)(struct virtio_dev *v, u16 vector, u8 isr);
	/* The ISR is 0. */
	void (*lower)(struct virtio_dev *v);
	/* May be NULL: always. */
	bool (*may_dma)(const struct virtio_dev *v);
	int  (*post_load)(struct virtio_dev *v, struct err *err);
};

extern const struct virtio_transport virtio_pci_transport;

/* A bus of type "virtio-bus": a place for one device. */
struct virtio_bus {
	struct device_bus bus;
	const struct virtio_transport *transport;
};

/* Status went to 0. */
void virtio_device_reset(struct virtio_dev *v);
void virtio_set_status(struct virtio_dev *v, u8 val);
/* The 32 bits that guest_sel points to. */
void virtio_set_feature_word(struct virtio_dev *v, u32 val);
/* Of a queue that is not in use; what is no size for a ring is ignored. */
void virtio_set_queue_size(struct virtio_dev *v, struct virtq *q, u64 val);
/* The queue that queue_sel points to; NULL: there is none. */
struct virtq *virtio_selected(struct virtio_dev *v);
/* The driver rings queue q, whatever number that is. */
void virtio_ring(struct virtio_dev *v, u64 q);
/* Reading takes it back, and the interrupt with it. */
u8   virtio_read_isr(struct virtio_dev *v);
/* Device configuration; outside of it reads give ones. */
u64  virtio_config_read(struct virtio_dev *v, u64 off, unsigned size);
void virtio_config_write(struct virtio_dev *v, u64 off, u64 val, unsigned size);

static inline u32 virtio_feature_word(u64 features, u32 sel)
{
	return sel < 2 ? (u32)(features >> (32 * sel)) : 0;
}

#endif
