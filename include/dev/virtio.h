/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio devices (OASIS virtio 1.2) on PCI, modern and legacy, and on memory
 * mapped registers, with split and packed rings. A device file embeds struct virtio_dev first,
 * fills a struct virtio_ops and uses the queue functions; rings, features,
 * interrupts and configuration registers are the core's.
 *
 * Threads: callbacks and all functions here under the device's lock. A
 * worker of the device takes that lock around virtq_pop() and virtq_push();
 * the buffers of an element are guest RAM and may be used without it.
 */
#ifndef VMBOX_DEV_VIRTIO_H
#define VMBOX_DEV_VIRTIO_H

#include <sys/uio.h>
#include "dev/pci.h"

/* Device numbers (section 5). */
#define VIRTIO_ID_NET		1
#define VIRTIO_ID_BLOCK		2
#define VIRTIO_ID_CONSOLE	3
#define VIRTIO_ID_RNG		4
#define VIRTIO_ID_BALLOON	5
#define VIRTIO_ID_SCSI		8
#define VIRTIO_ID_VSOCK		19

#define VIRTIO_F_NOTIFY_ON_EMPTY	BIT(24)
#define VIRTIO_F_ANY_LAYOUT		BIT(27)
#define VIRTIO_F_INDIRECT_DESC		BIT(28)
#define VIRTIO_F_EVENT_IDX		BIT(29)
#define VIRTIO_F_VERSION_1		BIT(32)
#define VIRTIO_F_RING_PACKED		BIT(34)

#define VIRTIO_STATUS_DRIVER_OK		4
#define VIRTIO_STATUS_NEEDS_RESET	64

#define VIRTQ_MAX		1024	/* entries of a ring */
#define VIRTIO_QUEUES_MAX	64
#define VIRTQ_NO_VECTOR		0xffff

struct virtio_dev;
struct virtio_transport;	/* drivers/virtio/transport.h */

struct virtq {
	u16 size;		/* what the driver chose */
	bool ready;
	u64 desc, driver, device;	/* guest addresses of the three areas */
	u16 vector;
	u16 next_avail;		/* split: index; packed: position */
	u16 next_used;
	bool avail_wrap, used_wrap;	/* packed */
	u16 signalled;		/* split, event idx: next_used at the last interrupt */
	bool signalled_valid;
	u16 in_use;		/* elements popped and not pushed */
};

/* One buffer chain. out: device reads; in: device writes. Lives until virtq_push() or virtq_drop(). */
struct virtq_elem {
	u16 id;			/* head (split) or buffer id (packed) */
	u16 ndescs;		/* ring entries it took (packed) */
	unsigned out_n, in_n;
	struct iovec *out, *in;
	u64 *in_addr;		/* guest addresses of in[] */
	u64 out_len, in_len;	/* bytes */
};

struct virtio_ops {
	u16 id;			/* VIRTIO_ID_* */
	u32 class_code;		/* PCI class */
	u64 features;		/* device-specific ones that are always offered */
	unsigned queues;	/* at most; see virtio_dev.queues */
	u16 queue_size;		/* default size, a power of two */
	u32 config_len;
	/* Fills or takes the device-specific configuration; either may be NULL. */
	void (*get_config)(struct virtio_dev *v, u8 *cfg);
	void (*set_config)(struct virtio_dev *v, const u8 *cfg);
	/* The driver has rung queue q. */
	void (*notify)(struct virtio_dev *v, unsigned q);
	/* The driver has become ready (DRIVER_OK); features are final. May be NULL. */
	void (*ready)(struct virtio_dev *v);
	/* Status went to 0: forget all that is under way. May be NULL. */
	void (*reset)(struct virtio_dev *v);
};

struct virtio_dev {
	union {
		struct device dev;
		struct pci_dev pci;		/* when it is on a PCI bus */
	};
	const struct virtio_ops *ops;
	const struct virtio_transport *transport;
	/* Properties. */
	u8   disable_legacy;		/* OnOffAuto */
	bool disable_modern, packed;
	u64  want;			/* feature bits the user left on */
	u32  vectors;			/* ~0: queues + 1 */
	/* Negotiation. */
	bool modern, legacy;
	u64  host_features, features;
	u32  host_sel, guest_sel;
	u8   status, isr, generation;
	u16  config_vector, queue_sel;
	unsigned queues;
	struct virtq vq[VIRTIO_QUEUES_MAX];
	struct mem_region io, mmio;
	struct mem_map mmio_map;	/* not on PCI */
	u8   config_shadow[256];
	u8   cfg_cap;			/* offset of the PCI configuration access capability */
};

/* .bus_props of the devices on PCI and of those on "virtio-bus". */
extern const struct prop virtio_props[], virtio_bus_props[];

/* Called by realize / unrealize / reset of each device. queues: 1..ops->queues; features: besides ops->features. */
int  virtio_init(struct virtio_dev *v, const struct virtio_ops *ops, unsigned queues, u64 features, struct err *err);
void virtio_exit(struct virtio_dev *v);
void virtio_reset(struct virtio_dev *v);
/* Configuration has changed: interrupt the driver. */
void virtio_config_changed(struct virtio_dev *v);
/* The driver broke the rules: the device stops until it is reset. */
void virtio_error(struct virtio_dev *v, const char *what);
static inline bool virtio_has(const struct virtio_dev *v, u64 feature)
{
	return v->features & feature;
}
static inline struct virtio_dev *to_virtio(struct device *dev)
{
	return (struct virtio_dev *)dev;
}

/* The next chain, or NULL: none, or the ring is broken (virtio_error() was called). */
struct virtq_elem *virtq_pop(struct virtio_dev *v, unsigned q);
/* Gives it back with `written` bytes in its in part; frees it. virtq_interrupt() afterwards, once a batch. */
void virtq_push(struct virtio_dev *v, unsigned q, struct virtq_elem *e, u32 written);
/* Several at once: the driver sees all of them or none (a packet in merged buffers). */
void virtq_push_n(struct virtio_dev *v, unsigned q, struct virtq_elem *const *e, const u32 *written, unsigned count);
/* Takes back a virtq_pop(), the newest first; frees it. */
void virtq_unpop(struct virtio_dev *v, unsigned q, struct virtq_elem *e);
void virtq_interrupt(struct virtio_dev *v, unsigned q);
/* Frees without giving back (reset under way). */
void virtq_drop(struct virtq_elem *e);
bool virtq_has_work(struct virtio_dev *v, unsigned q);

/* Copy from the out part / to the in part, at an offset; the bytes copied. */
size_t virtq_read(const struct virtq_elem *e, u64 off, void *buf, size_t len);
size_t virtq_write(const struct virtq_elem *e, u64 off, const void *buf, size_t len);

/* For struct pci_ops of each device. */
u32  virtio_pci_config_read(struct pci_dev *pci, u32 addr, unsigned len);
void virtio_pci_config_write(struct pci_dev *pci, u32 addr, u32 val, unsigned len);
#define VIRTIO_PCI_OPS { .vendor = 0x1af4, .express = true, \
	.config_read = virtio_pci_config_read, .config_write = virtio_pci_config_write }

/* Saved state of the common part. */
extern const struct state_field virtio_state_fields[];
#define STATE_VIRTIO(s, m) STATE_SUB(s, m, virtio_state_fields)
int virtio_post_load(struct virtio_dev *v, struct err *err);

#endif
