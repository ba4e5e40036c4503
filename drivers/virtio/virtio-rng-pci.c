// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entropy device (virtio 1.2 section 5.4): fills buffers with random bytes
 * of the host.
 */
#include "dev/object.h"
#include "dev/virtio.h"

#define AT_ONCE 65536	/* bytes for one request; the driver asks again for more */

struct virtio_rng {
	struct virtio_dev v;
	char *rng_id;			/* property */
	struct object *source;		/* NULL: the host's kernel */
};

static u32 fill(struct object *source, const struct virtq_elem *e)
{
	u32 done = 0;
	unsigned i;

	for (i = 0; i < e->in_n && done < AT_ONCE; i++) {
		size_t n = MIN(e->in[i].iov_len, (size_t)(AT_ONCE - done)), got = rng_read(source, e->in[i].iov_base, n);

		done += (u32)got;
		if (got < n)
			break;
	}
	return done;
}

static void rng_notify(struct virtio_dev *v, unsigned q)
{
	struct virtq_elem *e;

	while ((e = virtq_pop(v, q)))
		virtq_push(v, q, e, fill(((struct virtio_rng *)v)->source, e));
	virtq_interrupt(v, q);
}

static const struct virtio_ops rng_ops = {
	.id = VIRTIO_ID_RNG, .class_code = 0x00ff00, .queues = 1, .queue_size = 8, .notify = rng_notify,
};

static int rng_realize(struct device *dev, struct err *err)
{
	struct virtio_rng *s = (struct virtio_rng *)dev;
	int ret;

	if (s->rng_id && !(s->source = object_find(dev->machine, s->rng_id, "rng-", err)))
		return -err->code;
	ret = virtio_init(&s->v, &rng_ops, 1, 0, err);
	if (ret == 0 && s->source)
		s->source->users++;
	return ret;
}

static void rng_unrealize(struct device *dev)
{
	struct virtio_rng *s = (struct virtio_rng *)dev;

	if (s->source)
		s->source->users--;
	virtio_exit(&s->v);
}

static void rng_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }

static const struct state_field rng_fields[] = { STATE_VIRTIO(struct virtio_rng, v), STATE_END };

static int rng_post_load(void *dev, u8 version, struct err *err)
{
	(void)version;
	return virtio_post_load(dev, err);
}

static const struct state_table rng_state = { .version = 1, .fields = rng_fields, .post_load = rng_post_load };
static const struct pci_ops rng_pci_ops = VIRTIO_PCI_OPS;

static const struct prop rng_props[] = {
	PROP(struct virtio_rng, rng_id, "rng", LINK, 0, "object that gives the random bytes"),
	PROP_END
};

/* What it is on either transport. */
#define VIRTIO_RNG_COMMON \
	.category = "Misc", .size = sizeof(struct virtio_rng), .locking = LOCK_DEVICE, .props = rng_props, \
	.realize = rng_realize, .unrealize = rng_unrealize, .reset = rng_reset, .state = &rng_state

static const struct device_class virtio_rng_class = {
	.name = "virtio-rng-pci", .alias = "virtio-rng", .desc = "random number generator", .bus = "PCI",
	.bus_props = virtio_props, .type_ops = &rng_pci_ops, VIRTIO_RNG_COMMON,
};
REGISTER(device, virtio_rng_class);

static const struct device_class virtio_rng_device_class = {
	.name = "virtio-rng-device", .desc = "random number generator", .bus = "virtio-bus",
	.bus_props = virtio_bus_props, VIRTIO_RNG_COMMON,
};
REGISTER(device, virtio_rng_device_class);
