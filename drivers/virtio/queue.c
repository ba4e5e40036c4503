// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtqueues: split rings (virtio 1.2 section 2.7) and packed rings (2.8),
 * indirect descriptors and event suppression in both. All that the driver
 * wrote is read once into locals and checked; a chain is at most the ring's
 * size long, so a loop in it ends.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "dev/sglist.h"
#include "mem.h"
#include "transport.h"

#define DESC_NEXT	1
#define DESC_WRITE	2
#define DESC_INDIRECT	4
#define PACKED_AVAIL	0x80
#define PACKED_USED	0x8000
#define AVAIL_NO_INTERRUPT 1
#define EVENT_ENABLE	0
#define EVENT_DISABLE	1
#define EVENT_DESC	2

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;	/* packed: next holds the buffer id */
};

static struct mem_space *mem_of(struct virtio_dev *v)
{
	return &v->dev.machine->mem;
}

static u16 load16(struct virtio_dev *v, u64 addr)
{
	u8 raw[2];

	return dma_read(mem_of(v), addr, raw, 2) < 0 ? 0 : get_le16(raw);
}

static void store16(struct virtio_dev *v, u64 addr, u16 val)
{
	u8 raw[2];

	put_le16(raw, val);
	dma_write(mem_of(v), addr, raw, 2);
}

/* The last two words are flags and next in a split ring, id and flags in a packed one. */
static bool load_desc(struct virtio_dev *v, u64 addr, struct desc *d, bool packed)
{
	u8 raw[16];

	if (dma_read(mem_of(v), addr, raw, 16) < 0)
		return false;
	d->addr = get_le64(raw);
	d->len = get_le32(raw + 8);
	d->flags = get_le16(raw + (packed ? 14 : 12));
	d->next = get_le16(raw + (packed ? 12 : 14));
	return true;
}

static bool is_packed(const struct virtio_dev *v)
{
	return virtio_has(v, VIRTIO_F_RING_PACKED);
}

static bool usable(const struct virtio_dev *v, const struct virtq *q)
{
	return q->ready && q->size && !(v->status & VIRTIO_STATUS_NEEDS_RESET) && (v->status & VIRTIO_STATUS_DRIVER_OK) &&
	       (!v->transport->may_dma || v->transport->may_dma(v));
}

/* ---- building an element ---- */

struct builder {
	struct virtio_dev *v;
	struct iovec out[VIRTQ_MAX], in[VIRTQ_MAX];
	u64 in_addr[VIRTQ_MAX];
	unsigned out_n, in_n;
	u64 out_len, in_len;
};

/* Maps one descriptor; it may need several pieces of host memory. */
static bool add_buffer(struct builder *b, const struct desc *d)
{
	u64 addr = d->addr, left = d->len;
	bool write = d->flags & DESC_WRITE;

	if (!write && b->in_n)		/* readable parts come first */
		return false;
	while (left) {
		u64 n = left;
		void *host = dma_map(mem_of(b->v), addr, &n, write);

		if (!host || (write ? b->in_n : b->out_n) == VIRTQ_MAX)
			return false;
		if (write) {
			b->in_addr[b->in_n] = addr;
			b->in[b->in_n++] = (struct iovec){ host, n };
			b->in_len += n;
		} else {
			b->out[b->out_n++] = (struct iovec){ host, n };
			b->out_len += n;
		}
		addr += n;
		left -= n;
	}
	return true;
}

static struct virtq_elem *finish(const struct builder *b, u16 id, u16 ndescs)
{
	size_t iov = (b->out_n + b->in_n) * sizeof(struct iovec);
	struct virtq_elem *e = mem_alloc(sizeof(*e) + iov + b->in_n * sizeof(u64));

	if (!e)
		return NULL;
	*e = (struct virtq_elem){ .id = id, .ndescs = ndescs, .out_n = b->out_n, .in_n = b->in_n,
				  .out_len = b->out_len, .in_len = b->in_len };
	e->out = (struct iovec *)(e + 1);
	e->in = e->out + b->out_n;
	e->in_addr = (u64 *)(e->in + b->in_n);
	memcpy(e->out, b->out, b->out_n * sizeof(struct iovec));
	memcpy(e->in, b->in, b->in_n * sizeof(struct iovec));
	memcpy(e->in_addr, b->in_addr, b->in_n * sizeof(u64));
	return e;
}

/* An indirect table: split follows next, packed takes all in order. */
static bool add_indirect(struct builder *b, const struct desc *table, bool packed)
{
	unsigned n = table->len / 16, i = 0, seen;
	struct desc d;

	if (!n || table->len % 16 || n > 65536)
		return false;
	for (seen = 0; seen < n && seen < VIRTQ_MAX; seen++) {
		if (!load_desc(b->v, table->addr + 16ULL * i, &d, packed) || (d.flags & DESC_INDIRECT) || !add_buffer(b, &d))
			return false;
		if (packed) {
			if (++i == n)
				return true;
		} else {
			if (!(d.flags & DESC_NEXT))
				return true;
			i = d.next;
			if (i >= n)
				return false;
		}
	}
	return false;
}

/* ---- split ---- */

static struct virtq_elem *pop_split(struct virtio_dev *v, struct virtq *q, struct builder *b)
{
	u16 head, at, i;
	struct desc d;

	if (load16(v, q->driver + 2) == q->next_avail)
		return NULL;
	if ((u16)(load16(v, q->driver + 2) - q->next_avail) > q->size) {
		virtio_error(v, "more buffers are available than the ring holds");
		return NULL;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	head = at = load16(v, q->driver + 4 + 2ULL * (q->next_avail % q->size));
	for (i = 0; i < q->size; i++) {
		bool good = at < q->size && load_desc(v, q->desc + 16ULL * at, &d, false);

		if (good && (d.flags & DESC_INDIRECT))
			good = virtio_has(v, VIRTIO_F_INDIRECT_DESC) && !(d.flags & DESC_NEXT) && add_indirect(b, &d, false);
		else if (good)
			good = add_buffer(b, &d);
		if (!good)
			break;
		if (!(d.flags & DESC_NEXT) || (d.flags & DESC_INDIRECT)) {
			q->next_avail++;
			if (virtio_has(v, VIRTIO_F_EVENT_IDX))
				store16(v, q->device + 4 + 8ULL * q->size, q->next_avail);
			return finish(b, head, 1);
		}
		at = d.next;
	}
	virtio_error(v, "bad descriptor chain");
	return NULL;
}

static void push_split(struct virtio_dev *v, struct virtq *q, const struct virtq_elem *const *e, const u32 *written, unsigned n)
{
	unsigned i;
	u8 raw[8];

	for (i = 0; i < n; i++) {
		put_le32(raw, e[i]->id);
		put_le32(raw + 4, written[i]);
		dma_write(mem_of(v), q->device + 4 + 8ULL * ((u16)(q->next_used + i) % q->size), raw, 8);
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	q->next_used = (u16)(q->next_used + n);
	store16(v, q->device + 2, q->next_used);
}

static bool wants_split(struct virtio_dev *v, struct virtq *q)
{
	u16 event, old = q->signalled;
	bool valid = q->signalled_valid;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (virtio_has(v, VIRTIO_F_NOTIFY_ON_EMPTY) && !q->in_use && load16(v, q->driver + 2) == q->next_avail)
		return true;
	if (!virtio_has(v, VIRTIO_F_EVENT_IDX))
		return !(load16(v, q->driver) & AVAIL_NO_INTERRUPT);
	q->signalled = q->next_used;
	q->signalled_valid = true;
	event = load16(v, q->driver + 4 + 2ULL * q->size);
	return !valid || (u16)(q->next_used - event - 1) < (u16)(q->next_used - old);
}

/* ---- packed ---- */

static bool packed_available(struct virtio_dev *v, const struct virtq *q, u16 *flags)
{
	bool avail, used;

	*flags = load16(v, q->desc + 16ULL * q->next_avail + 14);
	avail = *flags & PACKED_AVAIL;
	used = *flags & PACKED_USED;
	return avail == q->avail_wrap && used != q->avail_wrap;
}

static struct virtq_elem *pop_packed(struct virtio_dev *v, struct virtq *q, struct builder *b)
{
	u16 flags, i, at = q->next_avail;

	if (!packed_available(v, q, &flags))
		return NULL;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (i = 0; i < q->size; i++) {
		struct desc d;
		bool good = load_desc(v, q->desc + 16ULL * at, &d, true);

		if (good && (d.flags & DESC_INDIRECT))
			good = virtio_has(v, VIRTIO_F_INDIRECT_DESC) && i == 0 && !(d.flags & DESC_NEXT) &&
			       add_indirect(b, &d, true);
		else if (good)
			good = add_buffer(b, &d);
		if (!good)
			break;
		at = at + 1 == q->size ? 0 : at + 1;
		if (!(d.flags & DESC_NEXT)) {
			if (at <= q->next_avail)
				q->avail_wrap = !q->avail_wrap;
			q->next_avail = at;
			return finish(b, d.next, i + 1);
		}
	}
	virtio_error(v, "bad descriptor chain");
	return NULL;
}

/* One entry without its flags, which make it valid; returns them and where they go. */
static u16 fill_packed(struct virtio_dev *v, struct virtq *q, const struct virtq_elem *e, u32 written, u64 *flags_at)
{
	u64 at = q->desc + 16ULL * q->next_used;
	u16 flags = (q->used_wrap ? PACKED_AVAIL | PACKED_USED : 0) | (e->in_n ? DESC_WRITE : 0);
	u8 raw[6];

	put_le32(raw, written);
	put_le16(raw + 4, e->id);
	dma_write(mem_of(v), at + 8, raw, 6);
	*flags_at = at + 14;
	q->next_used += e->ndescs;
	if (q->next_used >= q->size) {
		q->next_used -= q->size;
		q->used_wrap = !q->used_wrap;
		q->signalled_valid = false;	/* positions of another lap do not compare */
	}
	return flags;
}

/* The first entry becomes valid last: the driver sees all of them or none. */
static void push_packed(struct virtio_dev *v, struct virtq *q, const struct virtq_elem *const *e, const u32 *written, unsigned n)
{
	u64 first_at, at;
	u16 first = fill_packed(v, q, e[0], written[0], &first_at);
	unsigned i;

	for (i = 1; i < n; i++) {
		u16 flags = fill_packed(v, q, e[i], written[i], &at);

		store16(v, at, flags);
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	store16(v, first_at, first);
}

static bool wants_packed(struct virtio_dev *v, struct virtq *q)
{
	u16 off_wrap, flags, off, old = q->signalled;
	bool valid = q->signalled_valid;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = load16(v, q->driver + 2) & 3;
	q->signalled = q->next_used;
	q->signalled_valid = true;
	if (flags != EVENT_DESC || !virtio_has(v, VIRTIO_F_EVENT_IDX))
		return flags != EVENT_DISABLE;
	off_wrap = load16(v, q->driver);
	off = off_wrap & 0x7fff;
	if (!!(off_wrap & 0x8000) != q->used_wrap)
		off -= q->size;
	return !valid || (u16)(q->next_used - off - 1) < (u16)(q->next_used - old);
}

/* ---- both ---- */

struct virtq_elem *virtq_pop(struct virtio_dev *v, unsigned n)
{
	struct virtq *q = &v->vq[n];
	struct virtq_elem *e;
	struct builder *b;

	if (!usable(v, q) || !virtq_has_work(v, n))
		return NULL;
	if (q->in_use >= q->size) {
		virtio_error(v, "more buffers are in use than the ring holds");
		return NULL;
	}
	b = mem_alloc(sizeof(*b));
	if (!b)
		return NULL;
	b->v = v;
	b->out_n = b->in_n = 0;
	b->out_len = b->in_len = 0;
	e = is_packed(v) ? pop_packed(v, q, b) : pop_split(v, q, b);
	if (e)
		q->in_use++;
	mem_free(b);
	return e;
}

bool virtq_has_work(struct virtio_dev *v, unsigned n)
{
	struct virtq *q = &v->vq[n];
	u16 flags;

	if (!usable(v, q))
		return false;
	return is_packed(v) ? packed_available(v, q, &flags) : load16(v, q->driver + 2) != q->next_avail;
}

void virtq_drop(struct virtq_elem *e)
{
	mem_free(e);
}

/* Newest first, as they were taken. */
void virtq_unpop(struct virtio_dev *v, unsigned n, struct virtq_elem *e)
{
	struct virtq *q = &v->vq[n];

	if (!is_packed(v)) {
		q->next_avail--;
	} else if (q->next_avail < e->ndescs) {
		q->next_avail += q->size - e->ndescs;
		q->avail_wrap = !q->avail_wrap;
	} else {
		q->next_avail -= e->ndescs;
	}
	q->in_use--;
	mem_free(e);
}

static void written_to(struct virtio_dev *v, const struct virtq_elem *e, u64 left)
{
	unsigned i;

	for (i = 0; i < e->in_n && left; i++) {
		u64 part = MIN(left, (u64)e->in[i].iov_len);

		dma_written(mem_of(v), e->in_addr[i], part);
		left -= part;
	}
}

void virtq_push_n(struct virtio_dev *v, unsigned n, struct virtq_elem *const *e, const u32 *written, unsigned count)
{
	struct virtq *q = &v->vq[n];
	unsigned i;

	for (i = 0; i < count; i++)
		written_to(v, e[i], written[i]);
	q->in_use -= MIN(q->in_use, (u16)count);
	if (count && usable(v, q)) {
		if (is_packed(v))
			push_packed(v, q, (const struct virtq_elem *const *)e, written, count);
		else
			push_split(v, q, (const struct virtq_elem *const *)e, written, count);
	}
	for (i = 0; i < count; i++)
		mem_free(e[i]);
}

void virtq_push(struct virtio_dev *v, unsigned n, struct virtq_elem *e, u32 written)
{
	virtq_push_n(v, n, &e, &written, 1);
}

void virtq_interrupt(struct virtio_dev *v, unsigned n)
{
	struct virtq *q = &v->vq[n];

	if (!usable(v, q) || !(is_packed(v) ? wants_packed(v, q) : wants_split(v, q)))
		return;
	v->transport->interrupt(v, q->vector, VIRTIO_ISR_QUEUE);
}

size_t virtq_read(const struct virtq_elem *e, u64 off, void *buf, size_t len)
{
	return iov_read(e->out, e->out_n, off, buf, len);
}

size_t virtq_write(const struct virtq_elem *e, u64 off, const void *buf, size_t len)
{
	return iov_write(e->in, e->in_n, off, buf, len);
}
