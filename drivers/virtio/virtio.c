// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What all virtio devices have in common, whatever bus they are on (virtio
 * 1.2 chapter 2): status, features, configuration, reset, saved state.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "log.h"
#include "str.h"
#include "transport.h"

#define STATUS_FEATURES_OK	8

const struct prop virtio_bus_props[] = {
	PROP(struct virtio_dev, pci.bootindex, "bootindex", S32, (u64)-1, "place in the boot order, of no effect without firmware"),
	PROP(struct virtio_dev, packed, "packed", BOOL, 0, "offer packed rings"),
	PROP_BIT(struct virtio_dev, want, "event_idx", 29, 1, "offer event suppression by index"),
	PROP_BIT(struct virtio_dev, want, "indirect_desc", 28, 1, "offer indirect descriptors"),
	PROP_BIT(struct virtio_dev, want, "any_layout", 27, 1, "legacy: framing is free"),
	PROP_END
};

/* ---- status and features ---- */

static void reset_queues(struct virtio_dev *v)
{
	unsigned i;

	for (i = 0; i < v->queues; i++)
		v->vq[i] = (struct virtq){ .size = v->ops->queue_size, .vector = VIRTQ_NO_VECTOR,
					   .avail_wrap = true, .used_wrap = true };
}

void virtio_device_reset(struct virtio_dev *v)
{
	v->status = 0;
	if (v->ops->reset)
		v->ops->reset(v);
	v->features = 0;
	v->host_sel = v->guest_sel = 0;
	v->isr = 0;
	v->config_vector = VIRTQ_NO_VECTOR;
	v->queue_sel = 0;
	reset_queues(v);
	v->transport->lower(v);
}

static void interrupt_config(struct virtio_dev *v)
{
	v->transport->interrupt(v, v->config_vector, VIRTIO_ISR_CONFIG);
}

void virtio_config_changed(struct virtio_dev *v)
{
	v->generation++;
	if (v->status & VIRTIO_STATUS_DRIVER_OK)
		interrupt_config(v);
}

void virtio_error(struct virtio_dev *v, const char *what)
{
	log_item(LOG_GUEST_ERROR, "%s: %s", v->dev.path, what);
	v->status |= VIRTIO_STATUS_NEEDS_RESET;
	if (virtio_has(v, VIRTIO_F_VERSION_1))
		interrupt_config(v);
}

void virtio_set_status(struct virtio_dev *v, u8 val)
{
	u8 was;

	if (!val) {
		virtio_device_reset(v);
		return;
	}
	/* FEATURES_OK sticks only if the driver took what it must (modern: VERSION_1). */
	if ((val & ~v->status & STATUS_FEATURES_OK) && !virtio_has(v, VIRTIO_F_VERSION_1) && !v->legacy)
		val &= ~STATUS_FEATURES_OK;
	was = v->status;
	v->status = val | (was & VIRTIO_STATUS_NEEDS_RESET);
	if ((val & ~was & VIRTIO_STATUS_DRIVER_OK) && v->ops->ready)
		v->ops->ready(v);
}

void virtio_set_feature_word(struct virtio_dev *v, u32 val)
{
	u64 f = v->features;

	if (v->guest_sel > 1 || (v->status & STATUS_FEATURES_OK))
		return;
	f = v->guest_sel ? (u32)f | (u64)val << 32 : (f & ~0xffffffffULL) | val;
	v->features = f & v->host_features & ~VIRTIO_LEGACY_ONLY;
}

struct virtq *virtio_selected(struct virtio_dev *v)
{
	return v->queue_sel < v->queues ? &v->vq[v->queue_sel] : NULL;
}

void virtio_set_queue_size(struct virtio_dev *v, struct virtq *q, u64 val)
{
	if (!q->ready && val && val <= v->ops->queue_size && (virtio_has(v, VIRTIO_F_RING_PACKED) || !(val & (val - 1))))
		q->size = (u16)val;
}

void virtio_ring(struct virtio_dev *v, u64 q)
{
	if (q < v->queues && v->vq[q].ready && (v->status & VIRTIO_STATUS_DRIVER_OK) && v->ops->notify)
		v->ops->notify(v, (unsigned)q);
}

u8 virtio_read_isr(struct virtio_dev *v)
{
	u8 isr = v->isr;

	v->isr = 0;
	v->transport->lower(v);
	return isr;
}

/* ---- device configuration ---- */

u64 virtio_config_read(struct virtio_dev *v, u64 off, unsigned size)
{
	u64 val = 0;

	if (off + size > v->ops->config_len || !v->ops->get_config)
		return off + size > v->ops->config_len ? ~0ULL : 0;
	v->ops->get_config(v, v->config_shadow);
	memcpy(&val, v->config_shadow + off, size);
	return BYTES_LE(64, val);
}

void virtio_config_write(struct virtio_dev *v, u64 off, u64 val, unsigned size)
{
	u8 raw[8];

	if (off + size > v->ops->config_len || !v->ops->set_config)
		return;
	v->ops->get_config(v, v->config_shadow);
	put_le64(raw, val);
	memcpy(v->config_shadow + off, raw, size);
	v->ops->set_config(v, v->config_shadow);
}

/* ---- life ---- */

int virtio_init(struct virtio_dev *v, const struct virtio_ops *ops, unsigned queues, u64 features, struct err *err)
{
	int ret;

	v->ops = ops;
	v->queues = queues;
	v->transport = str_eq(v->dev.bus->type, "virtio-bus") ? ((struct virtio_bus *)v->dev.bus)->transport : &virtio_pci_transport;
	ret = v->transport->init(v, err);
	if (ret < 0)
		return ret;
	v->host_features = ops->features | features | (v->want & (VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC));
	if (v->legacy)
		v->host_features |= (v->want & VIRTIO_F_ANY_LAYOUT) | VIRTIO_F_NOTIFY_ON_EMPTY;
	if (v->modern)
		v->host_features |= VIRTIO_F_VERSION_1 | (v->packed ? VIRTIO_F_RING_PACKED : 0);
	virtio_device_reset(v);
	return 0;
}

void virtio_exit(struct virtio_dev *v)
{
	v->transport->exit(v);
}

void virtio_reset(struct virtio_dev *v)
{
	virtio_device_reset(v);
	if (v->transport->reset)
		v->transport->reset(v);
}

static const struct state_field virtq_fields[] = {
	STATE(struct virtq, size, U16), STATE(struct virtq, ready, BOOL), STATE(struct virtq, desc, U64),
	STATE(struct virtq, driver, U64), STATE(struct virtq, device, U64), STATE(struct virtq, vector, U16),
	STATE(struct virtq, next_avail, U16), STATE(struct virtq, next_used, U16),
	STATE(struct virtq, avail_wrap, BOOL), STATE(struct virtq, used_wrap, BOOL),
	STATE(struct virtq, signalled, U16), STATE(struct virtq, signalled_valid, BOOL),
	STATE_END
};

const struct state_field virtio_state_fields[] = {
	STATE_PCI(struct virtio_dev, pci),
	STATE(struct virtio_dev, features, U64), STATE(struct virtio_dev, host_sel, U32),
	STATE(struct virtio_dev, guest_sel, U32), STATE(struct virtio_dev, status, U8), STATE(struct virtio_dev, isr, U8),
	STATE(struct virtio_dev, generation, U8), STATE(struct virtio_dev, config_vector, U16),
	STATE(struct virtio_dev, queue_sel, U16),
	STATE_SUB_ARRAY(struct virtio_dev, vq, virtq_fields),
	STATE_END
};

int virtio_post_load(struct virtio_dev *v, struct err *err)
{
	unsigned i;

	v->features &= v->host_features;
	for (i = 0; i < v->queues; i++) {
		struct virtq *q = &v->vq[i];

		if (q->size > v->ops->queue_size || (virtio_has(v, VIRTIO_F_RING_PACKED) &&
						     (q->next_avail >= MAX(q->size, (u16)1) || q->next_used >= MAX(q->size, (u16)1))))
			return err_set(err, EINVAL, "queue %u: size or position out of range", i);
	}
	return v->transport->post_load(v, err);
}
