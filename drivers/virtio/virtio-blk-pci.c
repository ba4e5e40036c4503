// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Block device (virtio 1.2 section 5.2). All that lies in the rings is given
 * to the disk's workers at once, several descriptors as one vectored request,
 * and ends in whatever order it is done; no processor waits for the disk.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "dev/geometry.h"
#include "dev/object.h"
#include "dev/sglist.h"
#include "dev/virtio.h"
#include "loop.h"
#include "mem.h"

#define F_SEG_MAX	BIT(2)
#define F_GEOMETRY	BIT(4)
#define F_RO		BIT(5)
#define F_BLK_SIZE	BIT(6)
#define F_FLUSH		BIT(9)
#define F_TOPOLOGY	BIT(10)
#define F_MQ		BIT(12)
#define F_DISCARD	BIT(13)
#define F_WRITE_ZEROES	BIT(14)

#define T_IN		0
#define T_OUT		1
#define T_FLUSH		4
#define T_GET_ID	8
#define T_DISCARD	11
#define T_WRITE_ZEROES	13
#define S_OK		0
#define S_IOERR		1
#define S_UNSUPP	2

#define SECTOR		512ULL
#define QUEUE_SIZE	256
#define QUEUES_MAX	16
#define ID_LEN		20
#define HEAD_LEN	16
#define MAX_SECTORS	0x3fffffU	/* of one discard: 2 GiB */
#define RANGE_FLAG_UNMAP 1

struct virtio_blk {
	struct virtio_dev v;
	char *drive_id, *serial, *iothread_id;	/* properties */
	u32 num_queues, logical, physical;
	struct disk_geometry geometry;
	struct blkdev blk;
	struct object *iothread;	/* takes requests from the rings; NULL: whoever rings the bell does */
	struct loop_bh bh;
	bool paused;			/* the machine stands: requests stay in the ring */
	u32 resets;
};

struct request {
	struct blkdev_req io;
	struct virtio_blk *s;
	struct virtq_elem *e;
	unsigned q;
	u32 type, resets;
	u64 sector;
	u64 in_len;			/* without the status byte */
	struct iovec iov[];
};

/* ---- requests; under the lock ---- */

/* Gives the request back to the driver, unless that has forgotten it. */
static void finish(struct request *r, u8 status)
{
	struct virtio_blk *s = r->s;
	bool fills = r->type == T_IN || r->type == T_GET_ID;

	if (r->resets != s->resets) {
		virtq_drop(r->e);
	} else {
		virtq_write(r->e, r->in_len, &status, 1);
		virtq_push(&s->v, r->q, r->e, fills ? (u32)r->e->in_len : 1);
		virtq_interrupt(&s->v, r->q);
	}
	mem_free(r);
}

static void on_done(struct blkdev_req *q, int ret)
{
	finish(container_of(q, struct request, io), ret < 0 ? S_IOERR : S_OK);
}

static void submit(struct request *r, enum blk_op op, u64 sector, u64 len, u32 flags)
{
	r->io.r.op = op;
	r->io.r.off = sector * SECTOR;
	r->io.r.len = len;
	r->io.r.flags = flags;
	r->io.done = on_done;
	blkdev_submit(&r->s->blk, &r->io);
}

static bool in_range(const struct virtio_blk *s, u64 sector, u64 bytes)
{
	u64 size = blkdev_bytes(&s->blk), at;

	return bytes % SECTOR == 0 && !mul_overflows(sector, SECTOR, &at) && at <= size && bytes <= size - at;
}

static void transfer(struct request *r, bool write)
{
	const struct virtq_elem *e = r->e;
	u64 len = write ? e->out_len - HEAD_LEN : r->in_len;

	if (!in_range(r->s, r->sector, len) || (write && r->s->blk.read_only)) {
		finish(r, S_IOERR);
	} else if (!len) {
		finish(r, S_OK);
	} else {
		r->io.r.niov = (int)iov_slice(write ? e->out : e->in, write ? e->out_n : e->in_n, write ? HEAD_LEN : 0, len, r->iov);
		r->io.r.iov = r->iov;
		submit(r, write ? BLK_OP_WRITE : BLK_OP_READ, r->sector, len, 0);
	}
}

/* One range: sector le64, count le32, flags le32. */
static void discard_or_zero(struct request *r)
{
	u8 raw[16];
	u64 sector, len;
	u32 count, flags;

	if (r->e->out_len != HEAD_LEN + 16 || virtq_read(r->e, HEAD_LEN, raw, 16) != 16) {
		finish(r, S_UNSUPP);
		return;
	}
	sector = get_le64(raw);
	count = get_le32(raw + 8);
	flags = get_le32(raw + 12);
	len = (u64)count * SECTOR;
	if (flags & ~(u32)RANGE_FLAG_UNMAP || (r->type == T_DISCARD && flags))
		finish(r, S_UNSUPP);
	else if (count > MAX_SECTORS || !in_range(r->s, sector, len) || r->s->blk.read_only)
		finish(r, S_IOERR);
	else
		submit(r, r->type == T_DISCARD ? BLK_OP_DISCARD : BLK_OP_ZERO, sector, len, flags ? BLK_MAY_UNMAP : 0);
}

static void get_id(struct request *r)
{
	const char *serial = r->s->serial;
	char id[ID_LEN] = "";

	if (serial)
		memcpy(id, serial, MIN(strlen(serial), (size_t)ID_LEN));
	virtq_write(r->e, 0, id, (size_t)MIN((u64)ID_LEN, r->in_len));
	finish(r, S_OK);
}

static void start(struct request *r)
{
	switch (r->type) {
	case T_IN:	transfer(r, false); break;
	case T_OUT:	transfer(r, true); break;
	case T_FLUSH:	submit(r, BLK_OP_FLUSH, 0, 0, 0); break;
	case T_GET_ID:	get_id(r); break;
	case T_DISCARD:
	case T_WRITE_ZEROES: discard_or_zero(r); break;
	default:	finish(r, S_UNSUPP);
	}
}

/* The next request of queue q; NULL: none, or a chain without room for header or status: the device stops. */
static struct request *take(struct virtio_blk *s, unsigned q)
{
	struct virtq_elem *e = virtq_pop(&s->v, q);
	u8 head[HEAD_LEN];
	struct request *r;

	if (!e)
		return NULL;
	if (virtq_read(e, 0, head, sizeof(head)) != sizeof(head) || !e->in_len) {
		virtio_error(&s->v, "request without header or status");
		virtq_drop(e);
		return NULL;
	}
	r = mem_alloc(sizeof(*r) + MAX(e->in_n, e->out_n) * sizeof(r->iov[0]));
	if (!r) {
		virtq_unpop(&s->v, q, e);
		return NULL;
	}
	*r = (struct request){ .s = s, .e = e, .q = q, .type = get_le32(head), .resets = s->resets,
			       .sector = get_le64(head + 8), .in_len = e->in_len - 1 };
	return r;
}

static void serve_queue(struct virtio_blk *s, unsigned q)
{
	struct request *r;

	while (!s->paused && (r = take(s, q)))
		start(r);
}

static void serve(struct virtio_blk *s)
{
	unsigned q;

	for (q = 0; q < s->v.queues; q++)
		serve_queue(s, q);
}

/* ---- who takes them ---- */

static void on_bh(struct loop_bh *bh)
{
	struct virtio_blk *s = bh->opaque;

	device_lock(&s->v.dev);
	serve(s);
	device_unlock(&s->v.dev);
}

static void blk_notify(struct virtio_dev *v, unsigned q)
{
	struct virtio_blk *s = (struct virtio_blk *)v;

	if (s->iothread)
		loop_bh_schedule(&s->bh);
	else
		serve_queue(s, q);
}

/* On the iothread: its loop's handlers are its own. */
static void bh_begin(void *arg)
{
	struct virtio_blk *s = arg;

	loop_bh_init(iothread_loop(s->iothread), &s->bh, on_bh, s, "requests", s->v.dev.path);
}

static void bh_end(void *arg)
{
	loop_bh_del(&((struct virtio_blk *)arg)->bh);
}

/* The guest's memory is its own again only when the requests under way are done. */
static void blk_reset(struct virtio_dev *v)
{
	struct virtio_blk *s = (struct virtio_blk *)v;

	s->resets++;
	blkdev_drain(&s->blk);
}

static void blk_set_running(struct device *dev, bool running)
{
	struct virtio_blk *s = (struct virtio_blk *)dev;

	device_lock(dev);
	s->paused = !running;
	if (s->paused)
		blkdev_drain(&s->blk);
	else if (s->iothread)
		loop_bh_schedule(&s->bh);
	else
		serve(s);
	device_unlock(dev);
}

/* ---- configuration ---- */

static void blk_get_config(struct virtio_dev *v, u8 *cfg)
{
	struct virtio_blk *s = (struct virtio_blk *)v;
	u64 sectors = blkdev_bytes(&s->blk) / SECTOR;

	memset(cfg, 0, 60);
	put_le64(cfg, sectors);
	put_le32(cfg + 12, QUEUE_SIZE - 2);
	put_le16(cfg + 16, (u16)s->geometry.cyls);
	cfg[18] = (u8)s->geometry.heads;
	cfg[19] = (u8)s->geometry.secs;
	put_le32(cfg + 20, s->logical);
	cfg[24] = (u8)__builtin_ctz(MAX(s->physical / s->logical, 1U));
	put_le16(cfg + 26, 1);			/* minimum I/O size in blocks */
	cfg[32] = 1;				/* write back */
	put_le16(cfg + 34, (u16)s->num_queues);
	put_le32(cfg + 36, MAX_SECTORS);
	put_le32(cfg + 40, 1);
	put_le32(cfg + 44, s->logical / (u32)SECTOR);
	put_le32(cfg + 48, MAX_SECTORS);
	put_le32(cfg + 52, 1);
	cfg[56] = 1;
}

static void blk_resized(struct blkdev *b)
{
	virtio_config_changed(to_virtio(b->dev));
}

static const struct virtio_ops blk_ops = {
	.id = VIRTIO_ID_BLOCK, .class_code = 0x010000, .features = F_SEG_MAX | F_GEOMETRY | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY,
	.queues = QUEUES_MAX, .queue_size = QUEUE_SIZE, .config_len = 60,
	.get_config = blk_get_config, .notify = blk_notify, .reset = blk_reset,
};

/* ---- life ---- */

static int blk_realize(struct device *dev, struct err *err)
{
	struct virtio_blk *s = (struct virtio_blk *)dev;
	u64 features;

	if (!s->num_queues || s->num_queues > QUEUES_MAX)
		return err_set(err, EINVAL, "num-queues must lie between 1 and %u", QUEUES_MAX);
	if (s->logical < 512 || s->logical > 32768 || (s->logical & (s->logical - 1)))
		return err_set(err, EINVAL, "logical_block_size must be a power of two from 512 to 32768");
	if (s->iothread_id && !(s->iothread = object_find(dev->machine, s->iothread_id, "iothread", err)))
		return -err->code;
	if (blkdev_open(&s->blk, dev, s->drive_id, false, err) < 0)
		return -err->code;
	if (!s->blk.node) {
		err_set(err, EINVAL, "drive '%s' is empty: a disk needs a medium", s->drive_id);
		goto close;
	}
	if (disk_geometry_init(&s->geometry, &s->blk, 255, 255, err) < 0)
		goto close;
	features = (s->blk.read_only ? F_RO : F_DISCARD | F_WRITE_ZEROES) | (s->num_queues > 1 ? F_MQ : 0);
	s->paused = !dev->machine->running;
	if (virtio_init(&s->v, &blk_ops, s->num_queues, features, err) < 0)
		goto close;
	s->blk.resized = blk_resized;
	if (s->iothread) {
		s->iothread->users++;
		iothread_call(s->iothread, bh_begin, s);
	}
	return 0;

close:
	blkdev_close(&s->blk);
	return -err->code;
}

static void blk_unrealize(struct device *dev)
{
	struct virtio_blk *s = (struct virtio_blk *)dev;

	device_lock(dev);
	s->paused = true;
	device_unlock(dev);
	if (s->iothread) {
		iothread_call(s->iothread, bh_end, s);
		s->iothread->users--;
	}
	blkdev_close(&s->blk);
	virtio_exit(&s->v);
}

static void blk_dev_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }

static const struct state_field blk_fields[] = { STATE_VIRTIO(struct virtio_blk, v), STATE_END };

static int blk_post_load(void *dev, u8 version, struct err *err)
{
	(void)version;
	return virtio_post_load(dev, err) < 0 ? -err->code : 0;
}

static const struct state_table blk_state = { .version = 1, .fields = blk_fields, .post_load = blk_post_load };
static const struct pci_ops blk_pci_ops = VIRTIO_PCI_OPS;

static const struct prop blk_props[] = {
	PROP(struct virtio_blk, drive_id, "drive", DRIVE, 0, "drive or block node"),
	PROP(struct virtio_blk, iothread_id, "iothread", LINK, 0, "object iothread whose thread takes the requests from the rings"),
	PROP(struct virtio_blk, serial, "serial", STR, 0, "serial number, 20 bytes at most"),
	PROP(struct virtio_blk, num_queues, "num-queues", U32, 1, "request queues"),
	PROP(struct virtio_blk, logical, "logical_block_size", U32, 512, "logical block size in bytes"),
	PROP(struct virtio_blk, physical, "physical_block_size", U32, 0, "physical block size in bytes"),
	PROPS_GEOMETRY(struct virtio_blk, geometry),
	PROP_END
};

/* What it is on either transport. */
#define VIRTIO_BLK_COMMON \
	.category = "Storage", .size = sizeof(struct virtio_blk), .locking = LOCK_DEVICE, .props = blk_props, \
	.realize = blk_realize, .unrealize = blk_unrealize, .reset = blk_dev_reset, .set_running = blk_set_running, \
	.state = &blk_state

static const struct device_class virtio_blk_class = {
	.name = "virtio-blk-pci", .alias = "virtio-blk", .desc = "virtio disk", .bus = "PCI",
	.bus_props = virtio_props, .type_ops = &blk_pci_ops, VIRTIO_BLK_COMMON,
};
REGISTER(device, virtio_blk_class);

static const struct device_class virtio_blk_device_class = {
	.name = "virtio-blk-device", .desc = "virtio disk", .bus = "virtio-bus",
	.bus_props = virtio_bus_props, VIRTIO_BLK_COMMON,
};
REGISTER(device, virtio_blk_device_class);
