/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an image is, as QEMU's ImageInfo: for img info and the queries of a machine; who uses a node. */
#include <stdlib.h>
#include <string.h>
#include "block/int.h"
#include "block/toolbox.h"
#include "json.h"

static int add_snapshots(struct blk_node *n, struct json *j)
{
	struct blk_node *owner;
	const struct blk_snapshot_ops *ops = blk_snapshots(n, &owner);
	struct blk_snapshot *v = NULL;
	struct json *arr;
	int cnt, ret = 0;

	if (!ops || owner != n)
		return 0;
	cnt = ops->list(n, &v);
	if (cnt <= 0) {
		free(v);
		return cnt < 0 ? cnt : 0;
	}
	arr = json_new(JSON_ARRAY);
	for (int i = 0; arr && !ret && i < cnt; i++) {
		struct json *o = json_new(JSON_OBJECT);

		if (v[i].icount != ~0ULL)
			ret = json_set(o, "icount", json_new_uint(v[i].icount));
		ret = ret ?: json_set(o, "vm-clock-nsec", json_new_uint(v[i].vm_clock_nsec % 1000000000));
		ret = ret ?: json_set(o, "name", json_new_str(v[i].name));
		ret = ret ?: json_set(o, "date-sec", json_new_uint(v[i].date_sec));
		ret = ret ?: json_set(o, "date-nsec", json_new_uint(v[i].date_nsec));
		ret = ret ?: json_set(o, "vm-clock-sec", json_new_uint(v[i].vm_clock_nsec / 1000000000));
		ret = ret ?: json_set(o, "id", json_new_str(v[i].id));
		ret = ret ?: json_set(o, "vm-state-size", json_new_uint(v[i].vm_state_size));
		ret = ret ?: json_append(arr, o);
	}
	free(v);
	return ret ?: json_set(j, "snapshots", arr);
}

static int add_specific(struct blk_node *n, struct json *j)
{
	struct json *s, *d;
	int ret;

	if (!n->drv->info && !(n->drv->flags & BLK_DRV_PROTOCOL && !strcmp(n->drv->name, "file")))
		return 0;
	s = json_new(JSON_OBJECT);
	d = json_new(JSON_OBJECT);
	ret = s && d ? json_set(s, "type", json_new_str(n->drv->name)) : -ENOMEM;
	if (!ret && n->drv->info)
		ret = n->drv->info(n, d);
	if (ret) {
		json_free(d);
		json_free(s);
		return ret;
	}
	ret = json_set(s, "data", d);
	return ret ?: json_set(j, "format-specific", s);
}

static int add_backing(struct blk_node *n, struct json *j)
{
	char *full = NULL;
	int ret = 0;

	if (!n->backing_name)
		return 0;
	if (strncmp(n->backing_name, "json:", 5) && n->file && !blk_has_no_directory(n->file)) {
		ret = blk_combine_path(n->file->filename, n->backing_name, &full);
		ret = ret ?: json_set(j, "full-backing-filename", json_new_str(full));
		free(full);
	}
	return ret ?: json_set(j, "backing-filename", json_new_str(n->backing_name));
}

static int add_children(struct blk_node *n, struct json *j)
{
	struct json *arr = json_new(JSON_ARRAY);
	int ret = arr ? 0 : -ENOMEM;

	for (int i = 0; !ret && i < n->n_children; i++) {
		struct json *c, *info;

		if (n->child[i].node == n->backing)
			continue;
		c = json_new(JSON_OBJECT);
		info = blk_describe(n->child[i].node, true);
		ret = c && info ? json_set(c, "name", json_new_str(n->child[i].role)) : -ENOMEM;
		if (ret) {
			json_free(info);
			json_free(c);
			break;
		}
		ret = json_set(c, "info", info);
		ret = ret ?: json_append(arr, c);
	}
	return ret ?: json_set(j, "children", arr);
}

struct json *blk_describe(struct blk_node *n, bool children)
{
	struct json *j = json_new(JSON_OBJECT);
	s64 disk = blk_disk_size(n);
	char *name = NULL;
	int ret = j ? blk_exact_filename(n, &name) : -ENOMEM;

	ret = ret ?: add_snapshots(n, j);
	if (children)
		ret = ret ?: add_children(n, j);
	if (n->backing_fmt && n->backing_name)
		ret = ret ?: json_set(j, "backing-filename-format", json_new_str(n->backing_fmt));
	ret = ret ?: json_set(j, "virtual-size", json_new_uint(blk_length(n)));
	ret = ret ?: json_set(j, "filename", json_new_str(name));
	if (n->lim.cluster > 1)
		ret = ret ?: json_set(j, "cluster-size", json_new_uint(n->lim.cluster));
	ret = ret ?: json_set(j, "format", json_new_str(n->drv->name));
	if (disk >= 0)
		ret = ret ?: json_set(j, "actual-size", json_new_int(disk));
	if (n->encrypted)
		ret = ret ?: json_set(j, "encrypted", json_new_bool(true));
	ret = ret ?: add_specific(n, j);
	ret = ret ?: add_backing(n, j);
	ret = ret ?: json_set(j, "dirty-flag", json_new_bool(false));
	free(name);
	if (ret) {
		json_free(j);
		return NULL;
	}
	return j;
}

struct blk_node *blk_node_next(struct blk_graph *g, const struct blk_node *n)
{
	return n ? n->next : g->nodes;
}
