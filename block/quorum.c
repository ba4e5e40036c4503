// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The filter "quorum": several copies of a disk. What is read is what at
 * least vote-threshold children agree on (or, read-pattern=fifo, what the
 * first child that can be read says); writes go to all of them and must
 * succeed on as many. rewrite-corrupted repairs the outvoted ones.
 */
#include <stdio.h>
#include <string.h>
#include "block/filter.h"
#include "log.h"

#define MAX_COPIES 64
#define PIECE (256U << 10)

struct quorum {
	u64 threshold;
	bool fifo, blkverify, rewrite;
};

/* ---- opening ---- */

static int open_copy(struct blk_node *n, struct blk_opts *o, const char *role, struct err *e)
{
	char *ref = blk_opts_take(o, role);
	struct blk_opts sub = { 0 };
	int ret = blk_opts_take_sub(o, role, &sub);

	if (!ret && ref) {
		struct blk_node *c = blk_graph_find(n->graph, ref);

		ret = c ? blk_attach(n, role, blk_ref(c)) :
		      err_set(e, ENODEV, "Cannot find device='' nor node-name='%s'", ref);
	} else if (!ret) {
		ret = blk_open_child(n, role, NULL, &sub, n->flags & ~(u32)BLK_O_PROTOCOL, e);
	}
	free(ref);
	blk_opts_free(&sub);
	return ret;
}

static int open_copies(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	char role[16];
	int ret = 0;

	for (int i = 0; !ret && i < MAX_COPIES; i++) {
		snprintf(role, sizeof(role), "children.%d", i);
		if (!blk_opts_get(o, role) && !blk_opts_has_sub(o, role))
			break;
		ret = open_copy(n, o, role, e);
	}
	if (!ret && !n->n_children)
		ret = err_set(e, EINVAL, "Number of provided children must be 1 or more");
	return ret;
}

static int take_options(struct quorum *q, struct blk_opts *o, struct err *e)
{
	static const char *const patterns[] = { "quorum", "fifo", NULL };
	int pattern = 0, ret;

	ret = blk_opts_take_u64(o, "vote-threshold", &q->threshold, e);
	ret = ret ?: blk_opts_take_bool(o, "blkverify", &q->blkverify, e);
	ret = ret ?: blk_opts_take_bool(o, "rewrite-corrupted", &q->rewrite, e);
	if (!ret && blk_opts_take_enum(o, "read-pattern", patterns, &pattern, NULL))
		ret = err_set(e, EINVAL, "Please set read-pattern as fifo or quorum");
	q->fifo = pattern == 1;
	return ret;
}

static int check_options(const struct blk_node *n, const struct quorum *q, struct err *e)
{
	if (!q->threshold)
		return err_set(e, EINVAL, "Parameter 'vote-threshold' expects a value >= 1");
	if (q->threshold > (u64)n->n_children)
		return err_set(e, EINVAL, "threshold may not exceed children count");
	if (!q->fifo && q->blkverify && (n->n_children != 2 || q->threshold != 2))
		return err_set(e, EINVAL, "blkverify=on can only be set if there are exactly two files and "
			       "vote-threshold is 2");
	if (!q->fifo && q->blkverify && q->rewrite)
		return err_set(e, EINVAL, "rewrite-corrupted=on cannot be used with blkverify=on");
	return 0;
}

static int common_size(struct blk_node *n, struct err *e)
{
	n->size = blk_length(n->child[0].node);
	n->lim.request_align = 1;
	for (int i = 0; i < n->n_children; i++) {
		const struct blk_node *c = n->child[i].node;

		if (blk_length(c) != n->size)
			return err_set(e, EIO, "The children of a quorum differ in size");
		n->lim.request_align = MAX(n->lim.request_align, c->lim.request_align);
	}
	return 0;
}

static int quorum_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct quorum *q = n->priv;
	int ret = take_options(q, o, e);

	ret = ret ?: open_copies(n, o, e);
	ret = ret ?: check_options(n, q, e);
	return ret ?: common_size(n, e);
}

/* ---- voting ---- */

struct vote {
	u8 *buf[MAX_COPIES];
	int ret[MAX_COPIES];
	int n;
};

static bool same(const struct vote *v, int a, int b, u64 len)
{
	return !v->ret[a] && !v->ret[b] && !memcmp(v->buf[a], v->buf[b], len);
}

/* The copy that most agree with; -1: none could be read. */
static int count_votes(const struct vote *v, u64 len, u64 *votes)
{
	int best = -1;

	*votes = 0;
	for (int i = 0; i < v->n; i++) {
		u64 k = 0;

		for (int j = 0; !v->ret[i] && j < v->n; j++)
			k += same(v, i, j, len);
		if (k > *votes) {
			best = i;
			*votes = k;
		}
	}
	return best;
}

static int verify_pair(const struct vote *v, u64 off, u64 len)
{
	u64 i = 0;

	if (v->ret[0] || v->ret[1])
		return v->ret[0] ? v->ret[0] : v->ret[1];
	while (i < len && v->buf[0][i] == v->buf[1][i])
		i++;
	if (i == len)
		return 0;
	log_error("quorum: offset=%llu bytes=%llu contents mismatch at offset %llu", off, len, off + i);
	return -EIO;
}

static void repair(struct blk_node *n, const struct vote *v, int winner, u64 off, u64 len)
{
	struct iovec iov = { v->buf[winner], len };

	for (int i = 0; i < v->n; i++)
		if (!same(v, i, winner, len) && n->child[i].node->flags & BLK_O_RDWR &&
		    blk_node_pwritev(n->child[i].node, off, &iov, 1, len, 0))
			log_warn("quorum: %s could not be repaired at offset %llu", n->child[i].role, off);
}

static int elect(struct blk_node *n, const struct vote *v, u64 off, u64 len, struct iov_cur *out)
{
	struct quorum *q = n->priv;
	u64 votes;
	int w = count_votes(v, len, &votes);

	if (q->blkverify) {
		int ret = verify_pair(v, off, len);

		if (ret)
			return ret;
	}
	if (w < 0 || votes < q->threshold)
		return -EIO;
	if (q->rewrite && votes < (u64)v->n)
		repair(n, v, w, off, len);
	iov_cur_from_buf(out, v->buf[w], len);
	return 0;
}

static int read_voted(struct blk_node *n, u64 off, struct iov_cur *out, u64 len)
{
	struct vote v = { .n = n->n_children };
	u8 *mem = blk_buf_alloc((size_t)v.n * MIN(len, (u64)PIECE));
	int ret = 0;

	if (!mem)
		return -ENOMEM;
	while (!ret && len) {
		u64 m = MIN(len, (u64)PIECE);

		for (int i = 0; i < v.n; i++) {
			v.buf[i] = mem + (u64)i * m;
			v.ret[i] = blk_node_pread(n->child[i].node, off, v.buf[i], m);
		}
		ret = elect(n, &v, off, m, out);
		off += m;
		len -= m;
	}
	free(mem);
	return ret;
}

/* ---- requests ---- */

static int quorum_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct quorum *q = n->priv;
	struct iov_cur c = { iov, niov, 0 };
	int ret = -EIO;

	if (!q->fifo)
		return read_voted(n, off, &c, len);
	for (int i = 0; ret && i < n->n_children; i++)
		ret = blk_node_preadv(n->child[i].node, off, iov, niov, len);
	return ret;
}

struct request {
	enum { DO_WRITE, DO_ZERO, DO_DISCARD, DO_FLUSH, DO_TRUNCATE } op;
	u64 off, len;
	const struct iovec *iov;
	int niov, prealloc;
	u32 flags;
	bool exact;
	struct err *e;
};

static int one_copy(struct blk_node *c, const struct request *r)
{
	switch (r->op) {
	case DO_WRITE:
		return blk_node_pwritev(c, r->off, r->iov, r->niov, r->len, r->flags);
	case DO_ZERO:
		return blk_node_zero(c, r->off, r->len, r->flags);
	case DO_DISCARD:
		return blk_node_discard(c, r->off, r->len);
	case DO_FLUSH:
		return blk_node_flush(c);
	case DO_TRUNCATE:
		return blk_node_truncate(c, r->len, r->exact, r->prealloc, r->e);
	}
	return -EINVAL;
}

/* On every copy; as many must succeed as must agree. */
static int all_copies(struct blk_node *n, const struct request *r)
{
	struct quorum *q = n->priv;
	u64 good = 0;
	int first = 0;

	for (int i = 0; i < n->n_children; i++) {
		int ret = one_copy(n->child[i].node, r);

		good += !ret;
		first = first ? first : ret;
	}
	return good >= q->threshold ? 0 : first;
}

static int quorum_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len, u32 flags)
{
	const struct request r = { .op = DO_WRITE, .off = off, .iov = iov, .niov = niov, .len = len,
				   .flags = flags };

	return all_copies(n, &r);
}

static int quorum_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	const struct request r = { .op = DO_ZERO, .off = off, .len = len, .flags = flags };

	return all_copies(n, &r);
}

static int quorum_discard(struct blk_node *n, u64 off, u64 len)
{
	const struct request r = { .op = DO_DISCARD, .off = off, .len = len };

	return all_copies(n, &r);
}

static int quorum_flush(struct blk_node *n)
{
	const struct request r = { .op = DO_FLUSH };

	return all_copies(n, &r);
}

static int quorum_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	const struct request r = { .op = DO_TRUNCATE, .len = size, .exact = exact, .prealloc = prealloc, .e = e };
	int ret = all_copies(n, &r);

	if (!ret)
		blk_set_length(n, size);
	return ret;
}

/* Zero only where all say so. */
static int quorum_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	bool zero = true;

	for (int i = 0; i < n->n_children; i++) {
		struct blk_status st;
		int ret = blk_status_chain(n->child[i].node, NULL, off, len, &st);

		if (ret)
			return ret;
		len = st.len ? MIN(len, st.len) : len;
		zero &= st.len && st.flags & BLK_ST_ZERO;
	}
	*x = (struct blk_extent){
		.kind = zero ? BLK_ZERO : BLK_DATA, .flags = BLK_X_IN_PLACE, .off = off, .len = len, .node = n,
		.host = off,
	};
	return 0;
}

static const struct blk_driver quorum = {
	.name = "quorum", .flags = BLK_DRV_NO_FILE | BLK_DRV_FLUSHES | BLK_DRV_VOTES, .priv_size = sizeof(struct quorum), .open = quorum_open,
	.preadv = quorum_preadv, .pwritev = quorum_pwritev, .zero = quorum_zero, .discard = quorum_discard,
	.flush = quorum_flush, .status = quorum_status, .truncate = quorum_truncate,
};
BLOCK_FORMAT(quorum);
