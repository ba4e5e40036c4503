/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparing two nodes (block/copy.h): threads take pieces from the front and
 * look at their status first, so that holes on both sides cost nothing. Pieces
 * are small enough to be compared while they are still in a core's cache.
 */
#include <string.h>
#include "block/int.h"
#include "mem.h"
#include "thread.h"

#define MAX_WORKERS 16

struct cmp_run {
	struct blk_compare *c;
	pthread_mutex_t lock;
	u64 next, end, done;
	u64 diff;			/* lowest found; ~0: none */
	bool alloc;
	int ret, side;
	u64 err_off;
	bool status;
};

#define CMP_CHUNK (256U << 10)

static void cmp_fail(struct cmp_run *r, int ret, int side, u64 off, bool status)
{
	pthread_mutex_lock(&r->lock);
	if (!r->ret || off < r->err_off) {
		r->ret = ret;
		r->side = side;
		r->err_off = off;
		r->status = status;
	}
	pthread_mutex_unlock(&r->lock);
}

static void cmp_diff(struct cmp_run *r, u64 off, bool alloc)
{
	pthread_mutex_lock(&r->lock);
	if (off < r->diff) {
		r->diff = off;
		r->alloc = alloc;
	}
	pthread_mutex_unlock(&r->lock);
}

static bool cmp_data(struct cmp_run *r, u64 off, u64 len, bool za, bool zb, u8 *ba, u8 *bb)
{
	int ret = 0;
	size_t at;

	if (!za)
		ret = blk_pread(r->c->a, off, ba, len);
	if (ret) {
		cmp_fail(r, ret, 0, off, false);
		return false;
	}
	if (!zb)
		ret = blk_pread(r->c->b, off, bb, len);
	if (ret) {
		cmp_fail(r, ret, 1, off, false);
		return false;
	}
	at = za ? buf_find_nonzero(bb, len) : zb ? buf_find_nonzero(ba, len) : buf_find_diff(ba, bb, len);
	if (at >= len)
		return true;
	cmp_diff(r, off + at / 512 * 512, false);
	return false;
}

/* The chunk that ends at @end is zeros on both sides: as far as they go on nobody need look. */
static void cmp_skip(struct cmp_run *r, u64 end)
{
	struct blk_status a, b;
	u64 m;

	if (end >= r->end || r->c->strict || blk_status_chain(r->c->a, NULL, end, r->end - end, &a) ||
	    blk_status_chain(r->c->b, NULL, end, r->end - end, &b) || !(a.flags & b.flags & BLK_ST_ZERO))
		return;
	m = MIN(a.len, b.len);
	pthread_mutex_lock(&r->lock);
	/* What another worker has taken already is its own. */
	if (end + m > r->next) {
		r->done += end + m - r->next;
		r->next = end + m;
	}
	pthread_mutex_unlock(&r->lock);
}

static void cmp_chunk(struct cmp_run *r, u64 off, u64 end, u8 *ba, u8 *bb)
{
	bool zeros = false;

	while (off < end) {
		struct blk_status a, b;
		u64 m;
		int ret = blk_status_chain(r->c->a, NULL, off, end - off, &a);

		if (ret) {
			cmp_fail(r, ret, 0, off, true);
			return;
		}
		ret = blk_status_chain(r->c->b, NULL, off, end - off, &b);
		if (ret) {
			cmp_fail(r, ret, 1, off, true);
			return;
		}
		m = MIN(end - off, MIN(a.len, b.len));
		if (r->c->strict && (a.flags & ~(u32)(BLK_ST_OFFSET | BLK_ST_EOF)) !=
				    (b.flags & ~(u32)(BLK_ST_OFFSET | BLK_ST_EOF))) {
			cmp_diff(r, off, true);
			return;
		}
		zeros = a.flags & b.flags & BLK_ST_ZERO;
		if (!zeros && !cmp_data(r, off, m, a.flags & BLK_ST_ZERO, b.flags & BLK_ST_ZERO, ba, bb))
			return;
		off += m;
	}
	if (zeros)
		cmp_skip(r, end);
}

static void *cmp_worker(void *opaque)
{
	struct cmp_run *r = opaque;
	u8 *ba = blk_buf_alloc(CMP_CHUNK), *bb = blk_buf_alloc(CMP_CHUNK);

	if (!ba || !bb)
		cmp_fail(r, -ENOMEM, 0, 0, false);
	pthread_mutex_lock(&r->lock);
	while (ba && bb && r->next < r->end && r->next < r->diff && !r->ret) {
		u64 off = r->next, end = MIN(r->end, off + CMP_CHUNK);

		r->next = end;
		pthread_mutex_unlock(&r->lock);
		cmp_chunk(r, off, end, ba, bb);
		pthread_mutex_lock(&r->lock);
		r->done += end - off;
		if (r->c->progress.cancel && *r->c->progress.cancel && !r->ret) {
			r->ret = -EINTR;
			r->err_off = 0;
		}
		if (r->c->progress.update)
			r->c->progress.update(r->c->progress.opaque, r->done, r->end);
	}
	pthread_mutex_unlock(&r->lock);
	free(ba);
	free(bb);
	return NULL;
}

int blk_compare_run(struct blk_compare *c)
{
	struct cmp_run r = { .c = c, .lock = PTHREAD_MUTEX_INITIALIZER, .diff = ~0ULL };
	struct thread th[MAX_WORKERS];
	int want = (int)MIN(thread_cpus(), (unsigned)MAX_WORKERS), n = 0;

	r.end = MIN(blk_length(c->a), blk_length(c->b));
	while (n < want && !thread_create(&th[n], "blk-compare", THREAD_STACK_BIG, cmp_worker, &r, NULL))
		n++;
	if (!n)
		cmp_worker(&r);
	while (n > 0)
		thread_join(&th[--n]);
	if (r.diff != ~0ULL && (!r.ret || r.diff < r.err_off)) {
		c->diff_off = r.diff;
		c->diff_alloc = r.alloc;
		return 1;
	}
	c->err_side = r.side;
	c->err_off = r.err_off;
	c->err_status = r.status;
	return r.ret;
}
