// SPDX-License-Identifier: GPL-2.0-or-later
/* -object throttle-group: limits that several drives share, and the filter "throttle" (block/throttle.h). */
#include <stdio.h>
#include "block/opts.h"
#include "block/throttle.h"
#include "dev/drive.h"
#include "dev/machine.h"
#include "dev/object.h"
#include "qopts.h"
#include "str.h"

struct throttle_group {
	struct object o;
	struct blk_throttle_group *g;
};

static int copy_limit(struct qopts *q, const char *prefix, const char *name, struct blk_opts *to, struct err *err)
{
	char key[64];
	u64 v = 0;
	int ret;

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	ret = qopts_u64(q, key, 0, (u64)INT64_MAX, &v, err);
	return ret > 0 ? blk_opts_set_u64(to, key, v) : ret;
}

/* All that the class takes, in both spellings. */
static int copy_limits(struct qopts *q, const char *prefix, struct blk_opts *to, struct err *err)
{
	char name[BLK_THROTTLE_NAME];
	int k, d, f, ret = copy_limit(q, prefix, "iops-size", to, err);

	for (k = 0; k < BLK_THROTTLE_KINDS; k++)
		for (d = 0; d < BLK_THROTTLE_DIRS; d++)
			for (f = 0; ret >= 0 && f < BLK_THROTTLE_FIELDS; f++) {
				blk_throttle_name(name, k, d, f, false);
				ret = copy_limit(q, prefix, name, to, err);
			}
	return ret < 0 && !err_is_set(err) ? err_set(err, ENOMEM, "out of memory") : ret;
}

/* Those that are given, in place of c's. */
static int take_limits(struct qopts *q, struct blk_throttle_config *c, struct err *err)
{
	struct blk_opts opts = { 0 };
	bool seen = false;
	int ret = copy_limits(q, "x-", &opts, err);

	if (ret >= 0)
		ret = copy_limits(q, "limits.", &opts, err);
	if (ret >= 0)
		ret = blk_throttle_take(&opts, "x-", c, &seen, err);
	if (ret >= 0)
		ret = blk_throttle_take(&opts, "limits.", c, &seen, err);
	blk_opts_free(&opts);
	return ret < 0 ? ret : blk_throttle_check(c, err);
}

static int group_create(struct object *o, struct qopts *q, struct err *err)
{
	struct drives *ds = machine_service(o->machine, "drives");
	struct throttle_group *t = (struct throttle_group *)o;
	struct blk_throttle_config c;

	blk_throttle_init(&c);
	if (take_limits(q, &c, err) < 0)
		return -err->code;
	if (blk_throttle_find(ds->graph, o->id))
		return err_set(err, EEXIST, "A group with this name already exists");
	t->g = blk_throttle_get(ds->graph, o->id);
	if (!t->g)
		return err_set(err, ENOMEM, "out of memory");
	blk_throttle_set(t->g, &c);
	return 0;
}

static void group_destroy(struct object *o)
{
	blk_throttle_put(((struct throttle_group *)o)->g);
}

static bool group_in_use(const struct object *o)
{
	return blk_throttle_in_use(((const struct throttle_group *)o)->g);
}

static struct json *group_get(const struct object *o, const char *name)
{
	char key[BLK_THROTTLE_NAME];
	struct blk_throttle_config c;
	struct json *all;
	int k, d, f;

	if (!str_eq(name, "limits"))
		return NULL;
	all = json_new(JSON_OBJECT);
	blk_throttle_config(((const struct throttle_group *)o)->g, &c);
	for (k = 0; k < BLK_THROTTLE_KINDS; k++)
		for (d = 0; d < BLK_THROTTLE_DIRS; d++)
			for (f = 0; f < BLK_THROTTLE_FIELDS; f++) {
				blk_throttle_name(key, k, d, f, false);
				json_set(all, key, json_new_uint(c.v[k][d][f]));
			}
	json_set(all, "iops-size", json_new_uint(c.op_size));
	return all;
}

static int group_set(struct object *o, const char *name, const struct json *val, struct err *err)
{
	struct blk_throttle_group *g = ((struct throttle_group *)o)->g;
	struct json *tree = json_new(JSON_OBJECT);
	struct blk_throttle_config c;
	struct qopts *q;

	if (!str_eq(name, "limits")) {
		json_free(tree);
		return -ENOENT;
	}
	json_set(tree, "limits", json_clone(val));
	q = qopts_from_json("limits", tree, err);
	if (!q)
		return -err->code;
	blk_throttle_config(g, &c);
	if (take_limits(q, &c, err) == 0 && qopts_done(q, err) == 0)
		blk_throttle_set(g, &c);
	qopts_free(q);
	return err_is_set(err) ? -err->code : 0;
}

static const char *const group_props[] = { "limits", NULL };
static const struct object_class throttle_group_class = {
	.name = "throttle-group", .desc = "limits on requests and bytes a second for several drives",
	.size = sizeof(struct throttle_group), .props = group_props, .create = group_create,
	.destroy = group_destroy, .in_use = group_in_use, .get = group_get, .set = group_set,
};
REGISTER(object, throttle_group_class);
