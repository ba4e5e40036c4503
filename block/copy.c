/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copy engine (block/copy.h). The caller's thread plans: it walks the
 * status of the source and cuts the way into slots of a ring. Workers read a
 * slot, look for zeros, compress. Slots are allocated in source order.
 *
 * Plain copies: a worker waits for the turn of its slot and writes it itself,
 * out of a buffer that is still in its core's cache (two passes over memory
 * otherwise, half the speed). The turn goes on as soon as the slot's last
 * byte has its place; in raw files all have theirs and nobody waits.
 * Compressed ones: whoever completes the slot whose turn it is writes it and
 * the ready ones behind it, and nobody waits either.
 */
#include <string.h>
#include <time.h>
#include "block/int.h"
#include "checksum.h"
#include "mem.h"
#include "thread.h"

#define MAX_SEGS 64
#define MAX_WORKERS 16
/* What the kernel copies: nothing tiny, which costs a slot, nor so much that it cannot be interrupted. */
#define OFFLOAD_MIN 65536U
#define OFFLOAD_MAX (64U << 20)
#define OFFLOAD_ALIGN 4096U		/* blocks to share; with larger ones it is refused, once */

enum seg_kind { SEG_DATA, SEG_ZERO, SEG_SKIP, SEG_NONE };
struct seg {
	struct blk_node *node;
	u64 src;
	u32 at, len;			/* within the slot */
	enum seg_kind kind;
};

/* What a worker fills; the last one returned is the next one taken, as it is warm. */
struct bufs {
	u8 *buf, *cbuf;
	u8 *kind;			/* of each granule: enum seg_kind */
	u32 *clen;			/* of each unit; 0: not compressed */
	struct bufs *next;
};

struct slot {
	enum { FREE, PLANNED, BUSY, READY } state;
	u64 dst;
	u32 len;
	int nsegs;
	struct seg seg[MAX_SEGS + 64];	/* the rest: ends of small sources in one slot */
	struct bufs *b;			/* while BUSY and READY */
	pthread_cond_t turn;
	bool waits;			/* somebody does, for turn */
	int ret;
	bool read_failed;
	u64 fail_off, salvaged, n_written, n_zero;
};

struct copy_run {
	struct blk_copy *c;
	pthread_mutex_t lock;
	pthread_cond_t work, space;
	struct slot *slot;
	struct bufs *bufs, *spare;
	u32 n_slots, n_bufs, buf_size, granule, unit, packed;
	u64 planned, taken, turn;	/* slot numbers; ring index is modulo n_slots */
	u64 written;			/* how many slots are */
	u32 idle;			/* workers that wait for work */
	bool writing, stop, full;	/* full: the planner waits for half the ring */
	bool loose, any_order;		/* the target, all of us do not care when what is written */
	int ret;
	bool fail_read;
	u64 fail_no, fail_off;
	u64 done_bytes, total;
	bool share, kcopy;		/* the kernel may share blocks, may copy; the planner's, as the next */
	u64 offloaded;
};

/* ---- workers: read, scan, compress ---- */

static int read_salvaging(struct copy_run *r, struct slot *s, const struct seg *g)
{
	for (u32 o = 0; o < g->len; o += 512) {
		u32 m = MIN(512U, g->len - o);

		if (blk_pread(g->node, g->src + o, s->b->buf + g->at + o, m)) {
			memset(s->b->buf + g->at + o, 0, m);
			s->salvaged += m;
		}
	}
	return 0;
}

static int read_seg(struct copy_run *r, struct slot *s, const struct seg *g)
{
	int ret = blk_pread(g->node, g->src, s->b->buf + g->at, g->len);

	if (ret && r->c->salvage)
		return read_salvaging(r, s, g);
	if (ret) {
		s->read_failed = true;
		s->fail_off = s->dst + g->at;
	}
	return ret;
}

/* A granule of mixed parts is data. */
static void mark(struct copy_run *r, struct slot *s, const struct seg *g)
{
	for (u32 k = g->at / r->granule; k <= (g->at + g->len - 1) / r->granule; k++)
		s->b->kind[k] = s->b->kind[k] == SEG_NONE ? (u8)g->kind : s->b->kind[k] == g->kind ? s->b->kind[k] : SEG_DATA;
}

/* What would be skipped, but shares a granule with data, is needed after all. */
static int read_skipped(struct copy_run *r, struct slot *s, const struct seg *g)
{
	u32 end = g->at + g->len;
	int ret = 0;

	for (u32 k = g->at / r->granule; !ret && k <= (end - 1) / r->granule; k++) {
		struct seg part = *g;
		u32 a = MAX(g->at, k * r->granule), b = MIN(end, (k + 1) * r->granule);

		if (s->b->kind[k] != SEG_DATA)
			continue;
		part.at = a;
		part.len = b - a;
		part.src = g->src + (a - g->at);
		ret = read_seg(r, s, &part);
	}
	return ret;
}

static void scan(struct copy_run *r, struct slot *s)
{
	if (!r->c->min_sparse)
		return;
	for (u32 k = 0; k * r->granule < s->len; k++)
		if (s->b->kind[k] == SEG_DATA &&
		    buf_is_zero(s->b->buf + k * r->granule, MIN(r->granule, s->len - k * r->granule)))
			s->b->kind[k] = SEG_ZERO;
}

static int compress_units(struct copy_run *r, struct slot *s)
{
	struct blk_node *d = r->c->dst;

	for (u32 k = 0; k * r->unit < s->len; k++) {
		u32 m = MIN(r->unit, s->len - k * r->unit), clen = r->packed;
		int ret;

		s->b->clen[k] = 0;
		if (s->b->kind[k] != SEG_DATA)
			continue;
		if (m < r->unit)
			memset(s->b->buf + k * r->unit + m, 0, r->unit - m);
		ret = d->drv->compress(d, s->b->buf + k * r->unit, r->unit, s->b->cbuf + (size_t)k * r->packed, &clen);
		if (!ret)
			s->b->clen[k] = clen;
		else if (ret != -E2BIG)
			return ret;
	}
	return 0;
}

static int process(struct copy_run *r, struct slot *s)
{
	int ret = 0;

	memset(s->b->kind, SEG_NONE, r->buf_size / r->granule);
	for (int i = 0; i < s->nsegs; i++)
		mark(r, s, &s->seg[i]);
	for (int i = 0; !ret && i < s->nsegs; i++) {
		struct seg *g = &s->seg[i];

		if (g->kind == SEG_DATA)
			ret = read_seg(r, s, g);
		else if (g->kind == SEG_SKIP)
			ret = read_skipped(r, s, g);
		else
			memset(s->b->buf + g->at, 0, g->len);
	}
	if (ret)
		return ret;
	scan(r, s);
	return r->unit ? compress_units(r, s) : 0;
}

/* ---- the writer ---- */

/* Whose turn it is passes it on. */
struct turn {
	struct blk_placed p;
	struct copy_run *r;
};

/* Lock held. */
static void pass_turn(struct copy_run *r)
{
	struct slot *next = &r->slot[++r->turn % r->n_slots];

	if (next->waits)
		pthread_cond_signal(&next->turn);
}

static void placed(struct blk_placed *p)
{
	struct copy_run *r = container_of(p, struct turn, p)->r;

	pthread_mutex_lock(&r->lock);
	pass_turn(r);
	pthread_mutex_unlock(&r->lock);
}

/* @t: of the last run of a slot, or NULL. */
static int write_run(struct copy_run *r, struct slot *s, u32 at, u32 len, enum seg_kind kind, struct turn *t)
{
	struct blk_copy *c = r->c;

	if (kind == SEG_SKIP || (kind == SEG_ZERO && c->target_is_zero && !c->dst_backing)) {
		s->n_zero += len;
		return 0;
	}
	if (kind == SEG_ZERO) {
		s->n_zero += len;
		return blk_zero(c->dst, s->dst + at, len, BLK_MAY_UNMAP);
	}
	s->n_written += len;
	return blk_pwrite_placed(c->dst, s->dst + at, s->b->buf + at, len, t ? &t->p : NULL);
}

static int write_units(struct copy_run *r, struct slot *s)
{
	int ret = 0;

	for (u32 k = 0; !ret && k * r->unit < s->len; k++) {
		u32 at = k * r->unit, m = MIN(r->unit, s->len - at);

		if (s->b->clen[k]) {
			ret = blk_node_put_compressed(r->c->dst, s->dst + at, r->unit,
						      s->b->cbuf + (size_t)k * r->packed, s->b->clen[k]);
			s->n_written += m;
		} else {
			ret = write_run(r, s, at, m, s->b->kind[k], NULL);
		}
	}
	return ret;
}

static int write_slot(struct copy_run *r, struct slot *s, struct turn *t)
{
	int ret = s->ret;
	u32 k = 0, n = DIV_ROUND_UP(s->len, r->granule);

	if (ret)
		return ret;
	if (r->c->sum)
		sha256_update(r->c->sum, s->b->buf, s->len);
	if (t && !t->p.done && r->loose) {
		t->p.done = true;
		placed(&t->p);
	}
	if (r->unit)
		return write_units(r, s);
	while (!ret && k < n) {
		u32 e = k + 1, at = k * r->granule;

		while (e < n && s->b->kind[e] == s->b->kind[k])
			e++;
		ret = write_run(r, s, at, MIN(e * r->granule, s->len) - at, s->b->kind[k], e == n ? t : NULL);
		k = e;
	}
	return ret;
}

/* Lock held. Slot @s, number @no, is done. Of several that failed at the same time the first one counts. */
static void finish_slot(struct copy_run *r, struct slot *s, u64 no, int ret)
{
	if (ret && (!r->ret || no < r->fail_no)) {
		r->ret = ret;
		r->fail_no = no;
		r->fail_read = s->read_failed;
		r->fail_off = s->read_failed ? s->fail_off : s->dst;
	}
	r->c->n_salvaged += s->salvaged;
	r->c->n_written += s->n_written;
	r->c->n_zero += s->n_zero;
	r->done_bytes += s->len;
	s->b->next = r->spare;
	r->spare = s->b;
	s->b = NULL;
	s->state = FREE;
	r->written++;
	if (r->full && (r->ret || r->planned - r->written <= r->n_slots / 2)) {
		r->full = false;
		pthread_cond_signal(&r->space);
	}
	if (r->unit && r->idle)		/* a buffer came back */
		pthread_cond_signal(&r->work);
}

/* Lock held, dropped meanwhile. It is the turn of slot @s, number @no. */
static void write_one(struct copy_run *r, struct slot *s, u64 no)
{
	struct turn t = { .p = { .placed = placed, .done = r->any_order }, .r = r };
	bool failed = r->ret;
	int ret = 0;

	pthread_mutex_unlock(&r->lock);
	if (!failed)
		ret = write_slot(r, s, r->unit ? NULL : &t);
	pthread_mutex_lock(&r->lock);
	if (!t.p.done)
		pass_turn(r);
	finish_slot(r, s, no, ret);
}

/* Lock held. Writes slots whose turn it is. */
static void write_ready(struct copy_run *r)
{
	while (!r->writing && r->turn < r->taken) {
		struct slot *s = &r->slot[r->turn % r->n_slots];

		if (s->state != READY)
			break;
		r->writing = true;
		write_one(r, s, r->turn);
		r->writing = false;
	}
}

/* Lock held. Waits for the turn of slot @s, number @no. */
static void write_in_turn(struct copy_run *r, struct slot *s, u64 no)
{
	s->waits = true;
	while (!r->any_order && r->turn != no)
		pthread_cond_wait(&s->turn, &r->lock);
	s->waits = false;
	write_one(r, s, no);
}

/* Lock held. The next planned slot, with buffers; NULL at the end. */
static struct slot *take(struct copy_run *r, u64 *no)
{
	struct slot *s;

	while (r->taken == r->planned || !r->spare) {
		if (r->stop && r->taken == r->planned)
			return NULL;
		r->idle++;
		pthread_cond_wait(&r->work, &r->lock);
		r->idle--;
	}
	if (r->c->progress.cancel && *r->c->progress.cancel && !r->ret)
		r->ret = -EINTR;
	*no = r->taken++;
	s = &r->slot[*no % r->n_slots];
	s->state = BUSY;
	s->b = r->spare;
	r->spare = s->b->next;
	return s;
}

static void *worker(void *opaque)
{
	struct copy_run *r = opaque;
	struct slot *s;
	u64 no;

	pthread_mutex_lock(&r->lock);
	while ((s = take(r, &no)) != NULL) {
		if (!r->ret) {
			pthread_mutex_unlock(&r->lock);
			s->ret = process(r, s);
			pthread_mutex_lock(&r->lock);
		}
		s->state = READY;
		if (r->unit)
			write_ready(r);
		else
			write_in_turn(r, s, no);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- planning ---- */

static u64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

static struct slot *next_slot(struct copy_run *r, u64 *shown)
{
	struct blk_copy *c = r->c;
	struct slot *s = &r->slot[r->planned % r->n_slots];
	bool failed;
	u64 done;

	pthread_mutex_lock(&r->lock);
	while (s->state != FREE && !r->ret) {
		r->full = true;
		pthread_cond_wait(&r->space, &r->lock);
	}
	done = r->done_bytes;
	if (c->progress.cancel && *c->progress.cancel && !r->ret)
		r->ret = -EINTR;
	failed = r->ret;
	pthread_mutex_unlock(&r->lock);
	if (c->progress.update && now_ms() - *shown >= 100) {
		*shown = now_ms();
		c->progress.update(c->progress.opaque, done, r->total);
	}
	if (failed)
		return NULL;
	s->len = 0;
	s->nsegs = 0;
	s->ret = 0;
	s->read_failed = false;
	s->salvaged = s->n_written = s->n_zero = 0;
	return s;
}

static void submit(struct copy_run *r, struct slot *s)
{
	pthread_mutex_lock(&r->lock);
	s->state = PLANNED;
	r->planned++;
	if (r->idle)
		pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
}

static void throttle(struct copy_run *r, u64 start, u64 bytes)
{
	u64 due = r->c->rate ? bytes * 1000 / r->c->rate : 0, now = now_ms() - start;

	if (due > now) {
		struct timespec t = { (time_t)((due - now) / 1000), (long)((due - now) % 1000 * 1000000) };

		nanosleep(&t, NULL);
	}
}

/* May the kernel read what the status of @n is about? Not behind filters, that want to see it. */
static bool is_plain(const struct blk_node *n, const struct blk_status *st)
{
	return st->flags & BLK_ST_DATA && st->flags & BLK_ST_OFFSET && !st->depth && st->file == n->file &&
	       (n->drv->map || n->drv->copy_from);
}

/* @st: out, too; its file is NULL unless the kernel may copy from it. */
static int status_at(struct copy_run *r, struct blk_node *n, u64 off, u64 len, struct seg *g,
		     struct blk_status *st)
{
	int ret = blk_status_chain(n, r->c->src_base, off, len, st);

	if (ret && r->c->salvage) {
		st->len = MIN(len, 512ULL);
		st->flags = BLK_ST_DATA;
		ret = 0;
	}
	if (ret)
		return ret;
	g->kind = st->flags & BLK_ST_ZERO ? SEG_ZERO :
		  st->flags & BLK_ST_ALLOCATED || !r->c->dst_backing ? SEG_DATA : SEG_SKIP;
	if (!r->c->min_sparse && g->kind == SEG_ZERO && !r->c->dst_backing)
		g->kind = SEG_DATA;
	g->len = (u32)MIN(st->len, (u64)1 << 30);
	if ((!r->share && !r->kcopy) || g->kind != SEG_DATA || !is_plain(n, st))
		st->file = NULL;
	return g->len ? 0 : -EIO;
}

/* Lets the host share whole blocks; how many bytes. Once it cannot, it is not asked again. */
static u32 share(struct copy_run *r, const struct blk_status *st, u64 dst, u32 len)
{
	len = ALIGN_DOWN(len, OFFLOAD_ALIGN);
	if (!r->share || len < OFFLOAD_MIN || (st->offset | dst) & (OFFLOAD_ALIGN - 1))
		return 0;
	r->share = !blk_copy_range(r->c->dst, dst, st->file, st->offset, len, true);
	return r->share ? len : 0;
}

/*
 * Lets the kernel share the next blocks of an extent with @dst, or copy them. How many bytes; when
 * it cannot, or fails, all goes the usual way from there on, which tells of errors.
 */
static u32 offload(struct copy_run *r, const struct blk_status *st, u64 dst, u32 len)
{
	u32 m;

	if (!st->file || len < OFFLOAD_MIN)
		return 0;
	len = MIN(len, OFFLOAD_MAX);
	m = share(r, st, dst, len);
	if (!m && r->kcopy)
		r->kcopy = !blk_copy_range(r->c->dst, dst, st->file, st->offset, len, false);
	if (!m && !r->kcopy)
		return 0;
	len = m ? m : len;
	r->offloaded += len;
	pthread_mutex_lock(&r->lock);
	r->done_bytes += len;
	pthread_mutex_unlock(&r->lock);
	return len;
}

/* The planner: where it is in the target and in one source. */
struct walk {
	struct slot *cur;		/* being filled; NULL: none */
	u64 dst, shown, start;
	const struct blk_copy_source *src;
	u64 off, end;			/* in the source */
	struct seg g;			/* what is known of the bytes at off: g.len of them */
	struct blk_status st;
};

static void advance(struct walk *w, u64 len)
{
	w->off += len;
	w->dst += len;
	w->g.len -= (u32)MIN(len, (u64)w->g.len);
	w->st.offset += len;
}

static void put_slot(struct copy_run *r, struct walk *w)
{
	submit(r, w->cur);
	w->cur = NULL;
}

/* What the kernel did of what comes next. */
static bool plan_offload(struct copy_run *r, struct walk *w)
{
	u32 m = offload(r, &w->st, w->dst, w->g.len);

	if (!m)
		return false;
	if (w->cur->len)
		submit(r, w->cur);
	w->cur = NULL;	/* an empty one is asked for again, which looks for signals */
	advance(w, m);
	throttle(r, w->start, w->dst - r->c->dst_off);
	return true;
}

/* A slot of too many odd pieces takes the rest of itself as data. */
static void fill_up(struct copy_run *r, struct walk *w)
{
	struct slot *s = w->cur;
	u32 left = (u32)MIN(r->buf_size - w->dst % r->buf_size, w->end - w->off);

	s->seg[s->nsegs - 1].kind = SEG_DATA;
	s->seg[s->nsegs - 1].len += left;
	s->len += left;
	advance(w, left);
	w->g.len = 0;
	/* Otherwise the next source goes on in this slot. */
	if (w->dst % r->buf_size == 0 || w->off < w->end)
		put_slot(r, w);
}

/* Slots end at multiples of their size, so granules and units line up. */
static int plan_piece(struct copy_run *r, struct walk *w)
{
	struct slot *s = w->cur;
	u32 m = (u32)MIN((u64)w->g.len, r->buf_size - w->dst % r->buf_size);

	if (s->nsegs == ARRAY_SIZE(s->seg))
		return -E2BIG;
	w->g.src = w->off;
	w->g.at = s->len;
	s->seg[s->nsegs] = w->g;
	s->seg[s->nsegs++].len = m;
	s->len += m;
	advance(w, m);
	if (w->dst % r->buf_size == 0 || (s->nsegs >= MAX_SEGS && w->dst % r->granule == 0)) {
		put_slot(r, w);
		throttle(r, w->start, w->dst - r->c->dst_off);
	} else if (s->nsegs >= MAX_SEGS) {
		fill_up(r, w);
	}
	return 0;
}

static int plan_source(struct copy_run *r, struct walk *w)
{
	int ret = 0;

	w->off = w->src->off;
	w->end = w->off + w->src->len;
	w->g = (struct seg){ .node = w->src->node };
	while (!ret && w->off < w->end) {
		if (!w->cur)
			w->cur = next_slot(r, &w->shown);
		if (!w->cur)
			return 0;
		if (!w->cur->len)
			w->cur->dst = w->dst;
		ret = w->g.len ? 0 : status_at(r, w->src->node, w->off, w->end - w->off, &w->g, &w->st);
		if (ret) {
			r->fail_off = w->off;
			r->fail_read = true;
		} else if (!plan_offload(r, w)) {
			ret = plan_piece(r, w);
		}
	}
	return ret;
}

static int plan(struct copy_run *r)
{
	struct walk w = { .dst = r->c->dst_off, .start = now_ms() };
	int ret = 0;

	for (int i = 0; !ret && i < r->c->n_src; i++) {
		w.src = &r->c->src[i];
		ret = plan_source(r, &w);
	}
	if (w.cur && w.cur->len)
		submit(r, w.cur);
	return ret;
}

/* ---- set-up ---- */

static void free_slots(struct copy_run *r)
{
	for (u32 i = 0; r->bufs && i < r->n_bufs; i++) {
		free(r->bufs[i].buf);
		free(r->bufs[i].cbuf);
		free(r->bufs[i].kind);
		free(r->bufs[i].clen);
	}
	for (u32 i = 0; r->slot && i < r->n_slots; i++)
		pthread_cond_destroy(&r->slot[i].turn);
	free(r->bufs);
	free(r->slot);
}

static int make_slots(struct copy_run *r)
{
	r->slot = calloc(r->n_slots, sizeof(*r->slot));
	r->bufs = calloc(r->n_bufs, sizeof(*r->bufs));
	if (!r->slot || !r->bufs)
		return -ENOMEM;
	for (u32 i = 0; i < r->n_slots; i++)
		pthread_cond_init(&r->slot[i].turn, NULL);
	for (u32 i = 0; i < r->n_bufs; i++) {
		struct bufs *b = &r->bufs[i];

		b->buf = blk_buf_alloc(r->buf_size);
		b->kind = malloc(r->buf_size / r->granule);
		if (r->unit) {
			b->cbuf = blk_buf_alloc((size_t)(r->buf_size / r->unit) * r->packed);
			b->clen = calloc(r->buf_size / r->unit, sizeof(u32));
		}
		if (!b->buf || !b->kind || (r->unit && (!b->cbuf || !b->clen)))
			return -ENOMEM;
		b->next = r->spare;
		r->spare = b;
	}
	return 0;
}

static void choose_sizes(struct copy_run *r)
{
	struct blk_copy *c = r->c;
	u32 cl = blk_is_mapping(c->dst) ? c->dst->lim.cluster : 1;

	r->unit = c->compress || c->dst->lim.compressed_only ? c->dst->lim.max_compressed : 0;
	r->packed = c->dst->lim.max_packed ? c->dst->lim.max_packed : r->unit;
	r->granule = c->min_sparse ? c->min_sparse : 65536;
	if (r->unit)
		r->granule = r->unit;
	else if (cl > r->granule && cl <= MiB && !c->dst_backing)
		r->granule = cl;
	while (r->granule & (r->granule - 1))
		r->granule &= r->granule - 1;
	r->granule = MAX(r->granule, 512U);
	r->buf_size = (u32)(c->buf_size ? c->buf_size : r->unit || blk_is_mapping(c->dst) ? MiB : MiB / 2);
	r->buf_size = MAX(ALIGN_DOWN(r->buf_size, r->granule), r->granule);
	if (r->granule > 32 * MiB)
		r->buf_size = r->granule;
}

/* Tells all that is written of @n that a copy begins (@d 1) or ended (-1). */
static void count_bulk(struct blk_node *n, int d)
{
	__atomic_add_fetch(&n->bulk, d, __ATOMIC_RELAXED);
	for (int i = 0; i < n->n_children; i++)
		if (n->child[i].node != n->backing)
			count_bulk(n->child[i].node, d);
}

/* Does @n end the same in whatever order it is written? Where anything is allocated by us it does not. */
static bool takes_any_order(const struct blk_node *n)
{
	while (n && n->drv->flags & BLK_DRV_ANY_ORDER)
		n = n->file;
	return !n;
}

int blk_copy_run(struct blk_copy *c, struct err *e)
{
	struct copy_run r = { .c = c, .lock = PTHREAD_MUTEX_INITIALIZER,
			      .work = PTHREAD_COND_INITIALIZER, .space = PTHREAD_COND_INITIALIZER };
	struct thread th[MAX_WORKERS];
	int want = c->workers > 0 ? c->workers : (int)thread_cpus(), n = 0, ret;

	if (c->compress && (!c->dst->lim.max_compressed || !c->dst->drv->compressed))
		return err_set(e, ENOTSUP, "Compression not supported for this file format");
	if (c->sum && c->dst_backing)
		return err_set(e, ENOTSUP, "A checksum needs all of the data");
	want = MIN(want, MAX_WORKERS);
	choose_sizes(&r);
	r.loose = !r.unit && takes_any_order(c->dst);
	r.any_order = r.loose && !c->sum;
	if (!r.unit && !c->sum && !c->salvage && !c->dst_backing) {
		r.kcopy = c->copy_range;
		r.share = c->share || c->copy_range;
	}
	r.n_bufs = (u32)want * (r.unit ? 2 : 1) + (r.unit ? 2 : 0);
	r.n_slots = MAX(r.n_bufs * 2, 16U);
	for (int i = 0; i < c->n_src; i++)
		r.total += c->src[i].len;
	ret = make_slots(&r);
	count_bulk(c->dst, 1);
	for (; !ret && n < want; n++)
		if (thread_create(&th[n], "blk-copy", THREAD_STACK_BIG, worker, &r, e))
			break;
	if (!ret && !n)
		ret = -EAGAIN;
	if (!ret)
		ret = plan(&r);
	pthread_mutex_lock(&r.lock);
	if (ret && !r.ret)
		r.ret = ret;
	r.stop = true;
	pthread_cond_broadcast(&r.work);
	pthread_mutex_unlock(&r.lock);
	while (n > 0)
		thread_join(&th[--n]);
	count_bulk(c->dst, -1);
	if (c->progress.update && !r.ret)
		c->progress.update(c->progress.opaque, r.total, r.total);
	free_slots(&r);
	c->n_written += r.offloaded;
	if (r.ret)
		return err_errno(e, -r.ret, "error while %s at byte %llu",
				 r.fail_read ? "reading" : "writing", r.fail_off);
	return 0;
}
