// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What users write of limits (block/throttle.h), the object "throttle-group"
 * of the tools and the filter "throttle", whose requests sleep.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "block/filter.h"
#include "block/object.h"
#include "block/throttle.h"

#define MAX_LIMIT 1000000000000000ULL
#define ALL (BLK_THROTTLE_KINDS * BLK_THROTTLE_DIRS)

struct throttle {
	struct blk_throttle_member *m;
};

/* ---- limits ---- */

static u64 *bucket(struct blk_throttle_config *c, int i)
{
	return c->v[i / BLK_THROTTLE_DIRS][i % BLK_THROTTLE_DIRS];
}

void blk_throttle_init(struct blk_throttle_config *c)
{
	memset(c, 0, sizeof(*c));
	for (int i = 0; i < ALL; i++)
		bucket(c, i)[BLK_THROTTLE_BURST] = 1;
}

bool blk_throttle_any(const struct blk_throttle_config *c)
{
	for (int i = 0; i < ALL; i++)
		if (c->v[i / BLK_THROTTLE_DIRS][i % BLK_THROTTLE_DIRS][BLK_THROTTLE_AVG])
			return true;
	return false;
}

void blk_throttle_name(char buf[BLK_THROTTLE_NAME], int kind, int dir, int field, bool old)
{
	static const char *const kinds[] = { "bps", "iops" };
	static const char *const dirs[2][3] = { { "-total", "-read", "-write" }, { "", "_rd", "_wr" } };
	static const char *const fields[2][3] = { { "", "-max", "-max-length" }, { "", "_max", "_max_length" } };

	snprintf(buf, BLK_THROTTLE_NAME, "%s%s%s", kinds[kind], dirs[old][dir], fields[old][field]);
}

static int take_number(struct blk_opts *o, const char *prefix, const char *name, u64 *v, bool *seen, struct err *e)
{
	char key[64];

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	*seen |= blk_opts_get(o, key) != NULL;
	return blk_opts_take_u64(o, key, v, e);
}

static int take_limit(struct blk_opts *o, const char *prefix, int kind, int dir, u64 *v, bool *seen, struct err *e)
{
	char name[BLK_THROTTLE_NAME];
	int ret = 0;

	for (int f = 0; !ret && f < BLK_THROTTLE_FIELDS; f++) {
		blk_throttle_name(name, kind, dir, f, false);
		ret = take_number(o, prefix, name, &v[f], seen, e);
	}
	if (!ret && v[BLK_THROTTLE_BURST] > UINT_MAX)
		ret = err_set(e, EINVAL, "%s%s value must be in the range [0, %u]", prefix, name, UINT_MAX);
	return ret;
}

int blk_throttle_take(struct blk_opts *o, const char *prefix, struct blk_throttle_config *c, bool *seen, struct err *e)
{
	int ret = take_number(o, prefix, "iops-size", &c->op_size, seen, e);

	for (int i = 0; !ret && i < ALL; i++)
		ret = take_limit(o, prefix, i / BLK_THROTTLE_DIRS, i % BLK_THROTTLE_DIRS, bucket(c, i), seen, e);
	return ret;
}

static int check_bucket(const u64 *v, struct err *e)
{
	u64 avg = v[BLK_THROTTLE_AVG], max = v[BLK_THROTTLE_MAX], burst = v[BLK_THROTTLE_BURST];

	if (avg > MAX_LIMIT || max > MAX_LIMIT)
		return err_set(e, EINVAL, "bps/iops/max values must be within [0, %llu]", MAX_LIMIT);
	if (!burst)
		return err_set(e, EINVAL, "the burst length cannot be 0");
	if (burst > 1 && !max)
		return err_set(e, EINVAL, "burst length set without burst rate");
	if (max && burst > MAX_LIMIT / max)
		return err_set(e, EINVAL, "burst length too high for this burst rate");
	if (max && !avg)
		return err_set(e, EINVAL, "bps_max/iops_max require corresponding bps/iops values");
	if (max && max < avg)
		return err_set(e, EINVAL, "bps_max/iops_max cannot be lower than bps/iops");
	return 0;
}

/* A total beside one of its parts. */
static bool contradicts(const u64 v[BLK_THROTTLE_DIRS][BLK_THROTTLE_FIELDS], int field)
{
	return v[BLK_THROTTLE_TOTAL][field] && (v[BLK_THROTTLE_READ][field] || v[BLK_THROTTLE_WRITE][field]);
}

int blk_throttle_check(const struct blk_throttle_config *c, struct err *e)
{
	const u64 (*iops)[BLK_THROTTLE_FIELDS] = c->v[BLK_THROTTLE_IOPS];
	int ret = 0;

	for (int k = 0; k < BLK_THROTTLE_KINDS; k++)
		if (contradicts(c->v[k], BLK_THROTTLE_AVG) || contradicts(c->v[k], BLK_THROTTLE_MAX))
			return err_set(e, EINVAL, "bps/iops/max total values and read/write values cannot be used "
				       "at the same time");
	if (c->op_size && !iops[BLK_THROTTLE_TOTAL][0] && !iops[BLK_THROTTLE_READ][0] && !iops[BLK_THROTTLE_WRITE][0])
		return err_set(e, EINVAL, "iops size requires an iops value to be set");
	for (int i = 0; !ret && i < ALL; i++)
		ret = check_bucket(c->v[i / BLK_THROTTLE_DIRS][i % BLK_THROTTLE_DIRS], e);
	return ret;
}

/* ---- the object ---- */

/* The limits have two spellings: x-iops-total=... and limits.iops-total=... */
static int group_create(struct blk_graph *graph, struct blk_opts *o, void **priv, struct err *e)
{
	const char *id = blk_opts_get(o, "id");
	struct blk_throttle_config c;
	struct blk_throttle_group *g;
	bool seen = false;
	int ret;

	blk_throttle_init(&c);
	ret = blk_throttle_take(o, "x-", &c, &seen, e) ?: blk_throttle_take(o, "limits.", &c, &seen, e) ?:
	      blk_throttle_check(&c, e);
	if (ret)
		return ret;
	if (blk_throttle_find(graph, id))
		return err_set(e, EEXIST, "A group with this name already exists");
	g = blk_throttle_get(graph, id);
	if (!g)
		return err_set(e, ENOMEM, "out of memory");
	blk_throttle_set(g, &c);
	*priv = g;
	return 0;
}

static void group_destroy(void *priv)
{
	blk_throttle_put(priv);
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
	struct blk_throttle_group *g;
	int ret = 0;

	if (!name)
		return err_set(e, EINVAL, "Please specify a throttle group");
	g = blk_throttle_find(n->graph, name);
	if (!g)
		ret = err_set(e, EINVAL, "Throttle group '%s' does not exist", name);
	else if (!(t->m = blk_throttle_join(g)))
		ret = err_set(e, ENOMEM, "out of memory");
	free(name);
	ret = ret ?: blk_filter_setup(n);
	if (ret)
		blk_throttle_leave(t->m);
	return ret;
}

static void throttle_close(struct blk_node *n)
{
	blk_throttle_leave(((struct throttle *)n->priv)->m);
}

static void throttle_let_go(struct blk_node *n, bool go)
{
	blk_throttle_open(((struct throttle *)n->priv)->m, go);
}

static void throttle_wait(struct blk_node *n, enum blk_throttle_dir dir, u64 bytes)
{
	blk_throttle_sleep(((struct throttle *)n->priv)->m, dir, bytes);
}

static int throttle_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	throttle_wait(n, BLK_THROTTLE_READ, len);
	return blk_filter_preadv(n, off, iov, niov, len);
}

static int throttle_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
			    u32 flags)
{
	throttle_wait(n, BLK_THROTTLE_WRITE, len);
	return blk_filter_pwritev(n, off, iov, niov, len, flags);
}

static int throttle_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	throttle_wait(n, BLK_THROTTLE_WRITE, len);
	return blk_filter_zero(n, off, len, flags);
}

static int throttle_discard(struct blk_node *n, u64 off, u64 len)
{
	throttle_wait(n, BLK_THROTTLE_WRITE, len);
	return blk_filter_discard(n, off, len);
}

static const struct blk_driver throttle = {
	.name = "throttle", .flags = BLK_DRV_FILTER, .priv_size = sizeof(struct throttle),
	.open = throttle_open, .close = throttle_close, .let_go = throttle_let_go,
	.preadv = throttle_preadv, .pwritev = throttle_pwritev,
	.zero = throttle_zero, .discard = throttle_discard, .status = blk_filter_status,
	.truncate = blk_filter_truncate,
};
BLOCK_FORMAT(throttle);
