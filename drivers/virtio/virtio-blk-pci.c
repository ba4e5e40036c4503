// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Block device (virtio 1.2 section 5.2). A worker thread takes requests from
 * the queues and does them through the block layer, several descriptors by
 * one vectored call, so that no processor waits for the disk.
 */
#include <errno.h>
#include <string.h>
#include "block/block.h"
#include "bytes.h"
#include "dev/sglist.h"
#include "dev/drive.h"
#include "dev/object.h"
#include "dev/virtio.h"
#include "loop.h"
#include "mem.h"
#include "thread.h"

#define F_SEG_MAX	BIT(2)
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
#define MAX_SECTORS	0x3fffffU	/* of one discard: 2 GiB */
#define RANGE_FLAG_UNMAP 1

struct virtio_blk {
	struct virtio_dev v;
	char *drive_id, *serial, *iothread_id;	/* properties */
	u32 num_queues, logical, physical;
	struct drive *drive;
	struct blk_node *node;
	bool read_only;
	struct object *iothread;	/* does the work; NULL: a thread of our own */
	struct loop_bh bh;
	struct thread thread;
	struct thread_event wake;
	pthread_cond_t idle;
	bool quit, busy;		/* busy: a request is outside of the lock */
	bool paused;			/* the machine stands: requests stay in the ring */
	u32 resets;
};

struct request {
	struct virtq_elem *e;
	u32 type;
	u64 sector;
	u64 in_len;			/* without the status byte */
};

/* ---- requests; no lock ---- */

static bool in_range(const struct virtio_blk *s, u64 sector, u64 bytes)
{
	u64 size = blk_length(s->node), at;

	return bytes % SECTOR == 0 && !mul_overflows(sector, SECTOR, &at) && at <= size && bytes <= size - at;
}

static u8 transfer(struct virtio_blk *s, const struct request *r, bool write)
{
	const struct virtq_elem *e = r->e;
	u64 len = write ? e->out_len - 16 : r->in_len;
	unsigned n = write ? e->out_n : e->in_n;
	struct iovec *iov;
	unsigned k;
	int ret;

	if (!in_range(s, r->sector, len) || (write && s->read_only))
		return S_IOERR;
	if (!len)
		return S_OK;
	iov = mem_array(n, sizeof(*iov));
	if (!iov)
		return S_IOERR;
	k = iov_slice(write ? e->out : e->in, n, write ? 16 : 0, len, iov);
	ret = write ? blk_pwritev(s->node, r->sector * SECTOR, iov, (int)k, 0) : blk_preadv(s->node, r->sector * SECTOR, iov, (int)k);
	mem_free(iov);
	return ret < 0 ? S_IOERR : S_OK;
}

/* One range: sector le64, count le32, flags le32. */
static u8 discard_or_zero(struct virtio_blk *s, const struct request *r)
{
	u8 raw[16];
	u64 sector;
	u32 count, flags;
	int ret;

	if (r->e->out_len != 32 || virtq_read(r->e, 16, raw, 16) != 16)
		return S_UNSUPP;
	sector = get_le64(raw);
	count = get_le32(raw + 8);
	flags = get_le32(raw + 12);
	if (flags & ~(u32)RANGE_FLAG_UNMAP || (r->type == T_DISCARD && flags))
		return S_UNSUPP;
	if (count > MAX_SECTORS || !in_range(s, sector, (u64)count * SECTOR) || s->read_only)
		return S_IOERR;
	if (r->type == T_DISCARD)
		ret = blk_discard(s->node, sector * SECTOR, (u64)count * SECTOR);
	else
		ret = blk_zero(s->node, sector * SECTOR, (u64)count * SECTOR, flags ? BLK_MAY_UNMAP : 0);
	return ret < 0 ? S_IOERR : S_OK;
}

static u8 get_id(const struct virtio_blk *s, const struct request *r)
{
	char id[ID_LEN] = "";

	if (s->serial)
		memcpy(id, s->serial, MIN(strlen(s->serial), (size_t)ID_LEN));
	virtq_write(r->e, 0, id, (size_t)MIN((u64)ID_LEN, r->in_len));
	return S_OK;
}

static u8 perform(struct virtio_blk *s, const struct request *r)
{
	switch (r->type) {
	case T_IN:	return transfer(s, r, false);
	case T_OUT:	return transfer(s, r, true);
	case T_FLUSH:	return blk_flush(s->node) < 0 ? S_IOERR : S_OK;
	case T_GET_ID:	return get_id(s, r);
	case T_DISCARD:
	case T_WRITE_ZEROES: return discard_or_zero(s, r);
	default:	return S_UNSUPP;
	}
}

/* ---- the worker ---- */

/* Under the lock. False: a chain without room for header or status, the device stops. */
static bool parse(struct virtio_blk *s, struct virtq_elem *e, struct request *r)
{
	u8 head[16];

	if (virtq_read(e, 0, head, sizeof(head)) != sizeof(head) || !e->in_len) {
		virtio_error(&s->v, "request without header or status");
		virtq_drop(e);
		return false;
	}
	*r = (struct request){ .e = e, .type = get_le32(head), .sector = get_le64(head + 8), .in_len = e->in_len - 1 };
	return true;
}

/* One request of queue q; false: none there. Called and left under the lock. */
static bool work(struct virtio_blk *s, unsigned q)
{
	struct virtq_elem *e = virtq_pop(&s->v, q);
	struct request r;
	u32 resets = s->resets;
	u8 status;

	if (!e || !parse(s, e, &r))
		return false;
	s->busy = true;
	device_unlock(&s->v.pci.dev);
	status = perform(s, &r);
	virtq_write(e, r.in_len, &status, 1);
	device_lock(&s->v.pci.dev);
	s->busy = false;
	pthread_cond_broadcast(&s->idle);
	if (resets != s->resets) {
		virtq_drop(e);
		return true;
	}
	virtq_push(&s->v, q, e, r.type == T_IN || r.type == T_GET_ID ? (u32)e->in_len : 1);
	virtq_interrupt(&s->v, q);
	return true;
}

static void serve(struct virtio_blk *s)
{
	unsigned q;

	device_lock(&s->v.pci.dev);
	for (q = 0; q < s->v.queues && !s->quit; q++)
		while (!s->quit && !s->paused && work(s, q))
			;
	device_unlock(&s->v.pci.dev);
}

static void *worker(void *arg)
{
	struct virtio_blk *s = arg;

	for (;;) {
		thread_event_wait(&s->wake);
		thread_event_reset(&s->wake);
		serve(s);
		if (s->quit)
			return NULL;
	}
}

static void on_bh(struct loop_bh *bh)
{
	serve(bh->opaque);
}

static void wake(struct virtio_blk *s)
{
	if (s->iothread)
		loop_bh_schedule(&s->bh);
	else
		thread_event_set(&s->wake);
}

static void blk_notify(struct virtio_dev *v, unsigned q)
{
	(void)q;
	wake((struct virtio_blk *)v);
}

/* On the iothread: its loop's handlers are its own. */
static void bh_begin(void *arg)
{
	struct virtio_blk *s = arg;

	loop_bh_init(iothread_loop(s->iothread), &s->bh, on_bh, s, "requests", s->v.pci.dev.path);
}

static void bh_end(void *arg)
{
	loop_bh_del(&((struct virtio_blk *)arg)->bh);
}

static int start_worker(struct virtio_blk *s, struct err *err)
{
	if (!s->iothread)
		return thread_create(&s->thread, "virtio-blk", THREAD_STACK_BIG, worker, s, err);
	s->iothread->users++;
	iothread_call(s->iothread, bh_begin, s);
	return 0;
}

static void stop_worker(struct virtio_blk *s)
{
	device_lock(&s->v.pci.dev);
	s->quit = true;
	device_unlock(&s->v.pci.dev);
	if (s->iothread) {
		iothread_call(s->iothread, bh_end, s);
		s->iothread->users--;
	} else {
		thread_event_set(&s->wake);
		thread_join(&s->thread);
	}
}

/* The guest's memory is its own again only when the request under way is done. */
static void blk_reset(struct virtio_dev *v)
{
	struct virtio_blk *s = (struct virtio_blk *)v;

	s->resets++;
	while (s->busy)
		pthread_cond_wait(&s->idle, &v->pci.dev.lock);
}

static void blk_set_running(struct device *dev, bool running)
{
	struct virtio_blk *s = (struct virtio_blk *)dev;

	device_lock(dev);
	s->paused = !running;
	while (s->paused && s->busy)
		pthread_cond_wait(&s->idle, &dev->lock);
	device_unlock(dev);
	if (running)
		wake(s);
}

/* ---- configuration ---- */

static void blk_get_config(struct virtio_dev *v, u8 *cfg)
{
	struct virtio_blk *s = (struct virtio_blk *)v;
	u64 sectors = blk_length(s->node) / SECTOR;

	memset(cfg, 0, 60);
	put_le64(cfg, sectors);
	put_le32(cfg + 12, QUEUE_SIZE - 2);
	put_le16(cfg + 16, (u16)MIN(sectors / (16 * 63), 16383ULL));
	cfg[18] = 16;
	cfg[19] = 63;
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

static const struct virtio_ops blk_ops = {
	.id = VIRTIO_ID_BLOCK, .class_code = 0x010000, .features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY,
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
	s->drive = drive_take(dev->machine, s->drive_id, err);
	if (!s->drive)
		return -err->code;
	s->node = s->drive->node;
	if (!s->node) {
		s->drive->in_use = false;
		return err_set(err, EINVAL, "drive '%s' is empty: a disk needs a medium", s->drive_id);
	}
	s->read_only = s->drive->read_only;
	features = (s->read_only ? F_RO : F_DISCARD | F_WRITE_ZEROES) | (s->num_queues > 1 ? F_MQ : 0);
	pthread_cond_init(&s->idle, NULL);
	s->paused = !dev->machine->running;
	if (virtio_init(&s->v, &blk_ops, s->num_queues, features, err) < 0)
		goto give_back;
	if (start_worker(s, err) < 0)
		goto exit;
	return 0;

exit:
	virtio_exit(&s->v);
give_back:
	pthread_cond_destroy(&s->idle);
	s->drive->in_use = false;
	return -err->code;
}

static void blk_unrealize(struct device *dev)
{
	struct virtio_blk *s = (struct virtio_blk *)dev;

	stop_worker(s);
	virtio_exit(&s->v);
	blk_flush(s->node);
	pthread_cond_destroy(&s->idle);
	s->drive->in_use = false;
}

static void blk_dev_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }

static const struct state_field blk_fields[] = { STATE_VIRTIO(struct virtio_blk, v), STATE_END };

static int blk_post_load(void *dev, u8 version, struct err *err)
{
	(void)version;
	if (virtio_post_load(dev, err) < 0)
		return -err->code;
	blk_notify(dev, 0);
	return 0;
}

static const struct state_table blk_state = { .version = 1, .fields = blk_fields, .post_load = blk_post_load };
static const struct pci_ops blk_pci_ops = VIRTIO_PCI_OPS;

static const struct prop blk_props[] = {
	PROP(struct virtio_blk, drive_id, "drive", DRIVE, 0, "drive or block node"),
	PROP(struct virtio_blk, iothread_id, "iothread", LINK, 0, "object iothread whose thread does the I/O"),
	PROP(struct virtio_blk, serial, "serial", STR, 0, "serial number, 20 bytes at most"),
	PROP(struct virtio_blk, num_queues, "num-queues", U32, 1, "request queues"),
	PROP(struct virtio_blk, logical, "logical_block_size", U32, 512, "logical block size in bytes"),
	PROP(struct virtio_blk, physical, "physical_block_size", U32, 0, "physical block size in bytes"),
	PROP_END
};

static const struct device_class virtio_blk_class = {
	.name = "virtio-blk-pci", .alias = "virtio-blk", .desc = "virtio disk", .bus = "PCI", .category = "Storage",
	.size = sizeof(struct virtio_blk), .locking = LOCK_DEVICE, .props = blk_props, .bus_props = virtio_props,
	.type_ops = &blk_pci_ops,
	.realize = blk_realize, .unrealize = blk_unrealize, .reset = blk_dev_reset, .set_running = blk_set_running, .state = &blk_state,
};
REGISTER(device, virtio_blk_class);
