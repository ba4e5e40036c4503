// SPDX-License-Identifier: GPL-2.0-or-later
/* QMP's queries of block devices and nodes; shapes are QEMU 10's (qapi/block-core.json). */
#include <stdio.h>
#include <stdlib.h>
#include "block/block.h"
#include "block/toolbox.h"
#include "dev/blkdev.h"
#include "qmp-util.h"
#include "str.h"

static struct json *object(struct json *array)
{
	struct json *o = json_new(JSON_OBJECT);

	json_append(array, o);
	return o;
}

static void put_image(struct json *info, struct blk_node *n)
{
	struct json *image = blk_describe(n, false);

	if (!image) {	/* what is known without reading */
		image = json_new(JSON_OBJECT);
		qmp_str(image, "filename", blk_filename(n));
		qmp_str(image, "format", blk_driver_name(n));
		qmp_int(image, "virtual-size", blk_length(n));
	}
	json_set(info, "image", image);
}

/* The averages always, bursts where there are some; d NULL: of a node. */
static void put_limits(struct json *o, const struct drive *d)
{
	struct blk_throttle_group *g = d && d->limits ? blk_throttle_group_of(d->limits) : NULL;
	struct blk_throttle_config c = { .op_size = 0 };
	char key[BLK_THROTTLE_NAME];
	int k, dir, f;

	if (g)
		blk_throttle_config(g, &c);
	for (k = 0; k < BLK_THROTTLE_KINDS; k++)
		for (dir = 0; dir < BLK_THROTTLE_DIRS; dir++)
			for (f = 0; f < (c.v[k][dir][BLK_THROTTLE_MAX] ? BLK_THROTTLE_FIELDS : 1); f++) {
				blk_throttle_name(key, k, dir, f, true);
				qmp_int(o, key, c.v[k][dir][f]);
			}
	if (c.op_size)
		qmp_int(o, "iops_size", c.op_size);
	if (g)
		qmp_str(o, "group", blk_throttle_group_name(g));
}

static void put_filename(struct json *o, struct blk_node *n)
{
	char *exact = NULL;

	if (!*blk_filename(n) && blk_exact_filename(n, &exact) == 0)
		qmp_str(o, "file", exact);
	else
		qmp_str(o, "file", blk_filename(n));
	free(exact);
}

static void put_node(struct json *o, struct blk_node *n, const struct drive *d)
{
	struct json *cache = json_new(JSON_OBJECT);

	put_filename(o, n);
	qmp_str(o, "node-name", blk_node_name(n) ? blk_node_name(n) : "");
	qmp_bool(o, "ro", blk_read_only(n));
	qmp_str(o, "drv", blk_driver_name(n));
	qmp_int(o, "backing_file_depth", blk_backing(n) ? 1 : 0);
	if (blk_backing(n))
		qmp_str(o, "backing_file", blk_filename(blk_backing(n)));
	qmp_bool(o, "encrypted", false);
	put_limits(o, d);
	put_image(o, n);
	json_set(o, "cache", cache);
	qmp_bool(cache, "writeback", !(blk_flags(n) & BLK_O_WRITETHROUGH));
	qmp_bool(cache, "direct", blk_flags(n) & BLK_O_DIRECT);
	qmp_bool(cache, "no-flush", blk_flags(n) & BLK_O_NO_FLUSH);
	qmp_int(o, "write_threshold", 0);
	qmp_str(o, "detect_zeroes", "off");
}

/* The device that has the drive, by its drive property. */
struct owner {
	const char *id;
	struct device *dev;
};

static int find_owner(struct device *dev, int depth, void *opaque)
{
	const struct prop *p = device_prop_find(dev->cls, "drive");
	struct owner *w = opaque;
	const char *s = p && p->type == PROP_T_DRIVE ? *(char *const *)((const u8 *)dev + p->offset) : NULL;

	(void)depth;
	if (!s || !str_eq(s, w->id))
		return 0;
	w->dev = dev;
	return 1;
}

static struct device *owner(struct qmp_call *c, const struct drive *d)
{
	struct owner w = { .id = d->id };

	device_walk(c->m, find_owner, &w);
	return w.dev;
}

/*
 * "device" and "qdev" of a drive. A virtio disk behind a transport is a part of
 * the device that the user named, so it goes by its path.
 */
static const char *qdev_name(const struct device *dev, char path[128])
{
	bool inner = str_starts(dev->cls->name, "virtio-blk", NULL);

	snprintf(path, 128, "/machine/peripheral%s/%s%s", dev->id ? "" : "-anon", dev->id ? dev->id : dev->path,
		 inner ? "/virtio-backend" : "");
	return dev->id && !inner ? dev->id : path;
}

static void put_owner(struct json *o, const struct drive *d, const struct device *dev)
{
	char path[128];

	qmp_str(o, "device", d->is_node ? "" : d->id);
	if (dev)
		qmp_str(o, "qdev", qdev_name(dev, path));
}

/* The drive by its own name, or that of the device that has it; NULL with QEMU's text. */
static struct drive *drive_of(struct qmp_call *c)
{
	const char *device = NULL, *id = NULL;
	struct drive *d;

	qopts_str(c->args, "device", &device, &c->err);
	qopts_str(c->args, "id", &id, &c->err);
	if (err_is_set(&c->err))
		return NULL;
	if (!device == !id) {
		err_set(&c->err, EINVAL, "Need exactly one of 'device' and 'id'");
		return NULL;
	}
	for (d = c->vm->drives.first; d; d = d->next) {
		struct device *dev = id ? owner(c, d) : NULL;
		char path[128];

		if (device ? !d->is_node && str_eq(d->id, device)
			   : dev && ((dev->id && str_eq(dev->id, id)) || str_eq(qdev_name(dev, path), id)))
			return d;
	}
	c->err_class = "DeviceNotFound";
	err_set(&c->err, ENODEV, "Device '%s' not found", device ? device : id);
	return NULL;
}

static int query_block(struct qmp_call *c)
{
	struct drive *d;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (d = c->vm->drives.first; d; d = d->next) {
		struct device *dev = owner(c, d);
		struct json *o, *ins;

		if (d->is_node && !dev)		/* only a node: query-named-block-nodes has it */
			continue;
		o = object(c->ret);
		put_owner(o, d, dev);
		if (dev)
			qmp_str(o, "io-status", "ok");
		qmp_str(o, "type", "unknown");
		qmp_bool(o, "removable", d->cdrom);
		qmp_bool(o, "locked", false);
		if (!d->node)
			continue;
		ins = json_new(JSON_OBJECT);
		json_set(o, "inserted", ins);
		put_node(ins, d->node, d);
	}
	return 0;
}
QMP("query-block", query_block);

static int query_named_block_nodes(struct qmp_call *c)
{
	struct blk_node *n = NULL;
	bool flat;

	qopts_bool(c->args, "flat", &flat, &c->err);
	if (err_is_set(&c->err) || qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	while ((n = blk_node_next(c->vm->drives.graph, n)))
		put_node(object(c->ret), n, NULL);
	return 0;
}
QMP("query-named-block-nodes", query_named_block_nodes);

/* ---- statistics ---- */

static void put_kind(struct json *o, const char *name, const struct drive_stat *k)
{
	char key[64];

	if (name[0] != 'f') {
		snprintf(key, sizeof(key), "%s_bytes", name);
		qmp_int(o, key, k->bytes);
		snprintf(key, sizeof(key), "%s_merged", name);
		qmp_int(o, key, 0);
	}
	snprintf(key, sizeof(key), "%s_operations", name);
	qmp_int(o, key, k->ops);
	snprintf(key, sizeof(key), "%s_total_time_ns", name);
	qmp_int(o, key, k->ns);
	snprintf(key, sizeof(key), "failed_%s_operations", name);
	qmp_int(o, key, k->failed);
	snprintf(key, sizeof(key), "invalid_%s_operations", name);
	qmp_int(o, key, 0);
}

static void put_stats(struct json *to, const struct drive_stats *st, u64 highest)
{
	static const char *const names[] = {
		[DRIVE_STAT_READ] = "rd", [DRIVE_STAT_WRITE] = "wr", [DRIVE_STAT_FLUSH] = "flush", [DRIVE_STAT_DISCARD] = "unmap",
	};
	static const struct drive_stat none;
	struct json *o = json_new(JSON_OBJECT);
	unsigned i;

	json_set(to, "stats", o);
	for (i = 0; i < DRIVE_STATS; i++)
		put_kind(o, names[i], st ? &st->kind[i] : &none);
	put_kind(o, "zone_append", &none);
	qmp_int(o, "wr_highest_offset", highest);
	qmp_bool(o, "account_invalid", true);
	qmp_bool(o, "account_failed", true);
	json_set(o, "timed_stats", json_new(JSON_ARRAY));
}

/* What the device did, a copy that was whole at some moment. */
static struct drive_stats stats_of(const struct drive *d)
{
	struct drive_stats st;

	if (d->user)
		device_lock(d->user->dev);
	st = d->stats;
	if (d->user)
		device_unlock(d->user->dev);
	return st;
}

static int query_blockstats(struct qmp_call *c)
{
	bool nodes = false;
	struct drive *d;

	qopts_bool(c->args, "query-nodes", &nodes, &c->err);
	if (err_is_set(&c->err) || qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (d = c->vm->drives.first; d; d = d->next) {
		struct drive_stats st = stats_of(d);
		struct device *dev = owner(c, d);
		struct json *o;

		if (nodes ? !d->node : d->is_node && !dev)
			continue;
		o = object(c->ret);
		if (!nodes)
			put_owner(o, d, dev);
		if (d->node)
			qmp_str(o, "node-name", blk_node_name(d->node) ? blk_node_name(d->node) : "");
		put_stats(o, nodes ? NULL : &st, st.highest);
		if (d->node && blk_file(d->node)) {
			struct json *parent = json_new(JSON_OBJECT);

			json_set(o, "parent", parent);
			qmp_str(parent, "node-name", blk_node_name(blk_file(d->node)) ? blk_node_name(blk_file(d->node)) : "");
			put_stats(parent, NULL, 0);
		}
	}
	return 0;
}
QMP("query-blockstats", query_blockstats);

/* ---- size ---- */

static int block_resize(struct qmp_call *c)
{
	const char *device = NULL, *node = NULL, *name;
	struct drive *d;
	u64 size = 0;

	qopts_str(c->args, "device", &device, &c->err);
	qopts_str(c->args, "node-name", &node, &c->err);
	qopts_u64(c->args, "size", 0, (u64)INT64_MAX, &size, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	name = node ? node : device;
	for (d = name ? c->vm->drives.first : NULL; d; d = d->next)
		if (str_eq(d->id, name) || (node && d->node && blk_node_name(d->node) && str_eq(blk_node_name(d->node), node)))
			break;
	if (!d || !d->node)
		return err_set(&c->err, ENOENT, "Cannot find device='%s' nor node-name='%s'", device ? device : "", node ? node : "");
	if (d->jobs)
		return err_set(&c->err, EBUSY, "Device '%s' is in use", d->id);
	if (blk_truncate(d->node, size, false, BLK_PREALLOC_OFF, &c->err) < 0)
		return -c->err.code;
	if (d->user)
		blkdev_resized(d->user);
	return 0;
}
QMP("block_resize", block_resize);

/* ---- limits ---- */

static int block_set_io_throttle(struct qmp_call *c)
{
	struct blk_throttle_config cfg;
	const char *group = NULL;
	char key[BLK_THROTTLE_NAME];
	struct drive *d = drive_of(c);
	int k, dir, f;

	blk_throttle_init(&cfg);
	for (k = 0; d && k < BLK_THROTTLE_KINDS; k++)
		for (dir = 0; dir < BLK_THROTTLE_DIRS; dir++)
			for (f = 0; f < BLK_THROTTLE_FIELDS; f++) {
				blk_throttle_name(key, k, dir, f, true);
				qopts_u64(c->args, key, 0, (u64)INT64_MAX, &cfg.v[k][dir][f], &c->err);
			}
	qopts_u64(c->args, "iops_size", 0, (u64)INT64_MAX, &cfg.op_size, &c->err);
	qopts_str(c->args, "group", &group, &c->err);
	if (!d || err_is_set(&c->err))
		return -c->err.code;
	if (!d->node)
		return err_set(&c->err, ENOENT, "Device has no medium");
	return drive_limit(&c->vm->drives, d, &cfg, group ? group : d->is_node ? qmp_need_str(c, "id") : NULL, &c->err);
}
QMP("block_set_io_throttle", block_set_io_throttle);
