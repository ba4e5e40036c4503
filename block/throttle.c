// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The object "throttle-group" and the filter "throttle": requests of all
 * members of a group wait so that the group keeps its limits. A limit is a
 * leaky bucket: requests fill it, it leaks at the rate "avg", and who finds
 * it too full waits. "max" lets it fill faster for max-length seconds.
 * A request is counted when it starts to wait, so they go on in order.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "block/filter.h"
#include "block/object.h"

#define MAX_LIMIT 1000000000000000ULL
#define NS 1000000000.0

struct bucket {
	u64 avg, max, burst;	/* a second; seconds */
	double level, burst_level;
};

enum { TOTAL, READ, WRITE, N_DIRS };
enum { BPS, IOPS, N_KINDS };

struct group {
	pthread_mutex_t lock;
	struct bucket b[N_KINDS][N_DIRS];
	u64 op_size;		/* a larger request counts as several; 0: as one */
	u64 last_ns;		/* of the leak */
};

struct throttle {
	struct group *g;
};

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* ---- the buckets ---- */

static void leak(struct group *g, u64 now)
{
	double s = (double)(now - g->last_ns) / NS;

	g->last_ns = now;
	for (int k = 0; k < N_KINDS; k++) {
		for (int d = 0; d < N_DIRS; d++) {
			struct bucket *b = &g->b[k][d];

			b->level = MAX(b->level - (double)b->avg * s, 0.0);
			b->burst_level = MAX(b->burst_level - (double)b->max * s, 0.0);
		}
	}
}

/* Seconds until the bucket takes another request. Without a max, a tenth of a second's worth may gather. */
static double wait_of(const struct bucket *b)
{
	double size = b->max ? (double)b->max * (double)b->burst : (double)b->avg / 10;

	if (!b->avg)
		return 0;
	if (b->level > size)
		return (b->level - size) / (double)b->avg;
	size = (double)b->max / 10;
	if (b->max && b->burst > 1 && b->burst_level > size)
		return (b->burst_level - size) / (double)b->max;
	return 0;
}

static void fill(struct bucket *b, double units)
{
	b->level += units;
	if (b->burst > 1)
		b->burst_level += units;
}

/* Counts the request and returns how long it must wait. */
static double reserve(struct group *g, int dir, u64 bytes)
{
	double ops = g->op_size && bytes > g->op_size ? (double)bytes / (double)g->op_size : 1, wait = 0;

	pthread_mutex_lock(&g->lock);
	leak(g, now_ns());
	for (int k = 0; k < N_KINDS; k++) {
		wait = MAX(wait, wait_of(&g->b[k][TOTAL]));
		wait = MAX(wait, wait_of(&g->b[k][dir]));
	}
	for (int k = 0; k < N_KINDS; k++) {
		fill(&g->b[k][TOTAL], k == BPS ? (double)bytes : ops);
		fill(&g->b[k][dir], k == BPS ? (double)bytes : ops);
	}
	pthread_mutex_unlock(&g->lock);
	return wait;
}

static void throttle_wait(struct blk_node *n, int dir, u64 bytes)
{
	double s = reserve(((struct throttle *)n->priv)->g, dir, bytes);
	struct timespec t;

	if (s <= 0)
		return;
	s = MIN(s, 1e9);
	t.tv_sec = (time_t)s;
	t.tv_nsec = (long)((s - (double)t.tv_sec) * NS);
	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* ---- the group ---- */

static const char *const kind_names[] = { "bps", "iops" };
static const char *const dir_names[] = { "total", "read", "write" };

static int take_limit(struct blk_opts *o, const char *prefix, const char *kind, const char *dir,
		      struct bucket *b, struct err *e)
{
	char key[64];
	int ret;

	snprintf(key, sizeof(key), "%s%s-%s", prefix, kind, dir);
	ret = blk_opts_take_u64(o, key, &b->avg, e);
	snprintf(key, sizeof(key), "%s%s-%s-max", prefix, kind, dir);
	ret = ret ?: blk_opts_take_u64(o, key, &b->max, e);
	snprintf(key, sizeof(key), "%s%s-%s-max-length", prefix, kind, dir);
	ret = ret ?: blk_opts_take_u64(o, key, &b->burst, e);
	if (!ret && b->burst > UINT_MAX)
		ret = err_set(e, EINVAL, "%s value must be in the range [0, %u]", key, UINT_MAX);
	return ret;
}

static int check_bucket(const struct bucket *b, struct err *e)
{
	if (b->avg > MAX_LIMIT || b->max > MAX_LIMIT)
		return err_set(e, EINVAL, "bps/iops/max values must be within [0, %llu]", MAX_LIMIT);
	if (!b->burst)
		return err_set(e, EINVAL, "the burst length cannot be 0");
	if (b->burst > 1 && !b->max)
		return err_set(e, EINVAL, "burst length set without burst rate");
	if (b->max && b->burst > MAX_LIMIT / b->max)
		return err_set(e, EINVAL, "burst length too high for this burst rate");
	if (b->max && !b->avg)
		return err_set(e, EINVAL, "bps_max/iops_max require corresponding bps/iops values");
	if (b->max && b->max < b->avg)
		return err_set(e, EINVAL, "bps_max/iops_max cannot be lower than bps/iops");
	return 0;
}

static int check_group(const struct group *g, struct err *e)
{
	int ret = 0;

	for (int k = 0; k < N_KINDS; k++) {
		const struct bucket *b = g->b[k];

		if ((b[TOTAL].avg && (b[READ].avg || b[WRITE].avg)) ||
		    (b[TOTAL].max && (b[READ].max || b[WRITE].max)))
			return err_set(e, EINVAL, "bps/iops/max total values and read/write values cannot be used "
				       "at the same time");
	}
	if (g->op_size && !g->b[IOPS][TOTAL].avg && !g->b[IOPS][READ].avg && !g->b[IOPS][WRITE].avg)
		return err_set(e, EINVAL, "iops size requires an iops value to be set");
	for (int i = 0; !ret && i < N_KINDS * N_DIRS; i++)
		ret = check_bucket(&g->b[i / N_DIRS][i % N_DIRS], e);
	return ret;
}

/* The limits have two spellings: x-iops-total=... and limits.iops-total=... */
static int group_create(struct blk_graph *graph, struct blk_opts *o, void **priv, struct err *e)
{
	static const char *const prefixes[] = { "x-", "limits." };
	struct group *g = calloc(1, sizeof(*g));
	int ret = g ? 0 : -ENOMEM;

	for (int i = 0; !ret && i < N_KINDS * N_DIRS; i++) {
		struct bucket *b = &g->b[i / N_DIRS][i % N_DIRS];

		b->burst = 1;
		for (size_t p = 0; !ret && p < ARRAY_SIZE(prefixes); p++)
			ret = take_limit(o, prefixes[p], kind_names[i / N_DIRS], dir_names[i % N_DIRS], b, e);
	}
	ret = ret ?: blk_opts_take_u64(o, "x-iops-size", &g->op_size, e);
	ret = ret ?: blk_opts_take_u64(o, "limits.iops-size", &g->op_size, e);
	ret = ret ?: check_group(g, e);
	if (ret) {
		free(g);
		return ret;
	}
	pthread_mutex_init(&g->lock, NULL);
	g->last_ns = now_ns();
	*priv = g;
	return 0;
}

static void group_destroy(void *priv)
{
	struct group *g = priv;

	pthread_mutex_destroy(&g->lock);
	free(g);
}

static const struct blk_object_type throttle_group = {
	.name = "throttle-group", .create = group_create, .destroy = group_destroy,
};
BLOCK_OBJECT(throttle_group);

/* ---- the filter ---- */

static int throttle_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct throttle *t = n->priv;
	char *name = blk_opts_take(o, "throttle-group");
	int ret = 0;

	if (!name)
		return err_set(e, EINVAL, "Please specify a throttle group");
	t->g = blk_graph_object(n->graph, &throttle_group, name);
	if (!t->g)
		ret = err_set(e, EINVAL, "Throttle group '%s' does not exist", name);
	free(name);
	return ret ?: blk_filter_setup(n);
}

static int throttle_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	throttle_wait(n, READ, len);
	return blk_filter_preadv(n, off, iov, niov, len);
}

static int throttle_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
			    u32 flags)
{
	throttle_wait(n, WRITE, len);
	return blk_filter_pwritev(n, off, iov, niov, len, flags);
}

static int throttle_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	throttle_wait(n, WRITE, len);
	return blk_filter_zero(n, off, len, flags);
}

static int throttle_discard(struct blk_node *n, u64 off, u64 len)
{
	throttle_wait(n, WRITE, len);
	return blk_filter_discard(n, off, len);
}

static const struct blk_driver throttle = {
	.name = "throttle", .flags = BLK_DRV_FILTER, .priv_size = sizeof(struct throttle),
	.open = throttle_open, .preadv = throttle_preadv, .pwritev = throttle_pwritev,
	.zero = throttle_zero, .discard = throttle_discard, .status = blk_filter_status,
	.truncate = blk_filter_truncate,
};
BLOCK_FORMAT(throttle);
