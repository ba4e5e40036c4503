// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -drive and -blockdev: text to open block nodes with names (see
 * dev/drive.h). Keys that are not ours go on to the block layer, which
 * refuses what it does not know.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/block.h"
#include "block/opts.h"
#include "block/job.h"
#include "dev/blkdev.h"
#include "dev/machine.h"
#include "log.h"
#include "mem.h"
#include "str.h"

static struct drive *find(struct drives *ds, const char *id)
{
	struct drive *d;

	for (d = ds->first; d; d = d->next)
		if (str_eq(d->id, id))
			return d;
	return NULL;
}

static struct drive *append(struct drives *ds, const char *id, struct blk_node *node, struct err *err)
{
	struct drive *d = mem_zalloc(sizeof(*d)), **p;

	if (!d || !(d->id = str_dup(id))) {
		mem_free(d);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	d->node = node;
	d->unit = -1;
	d->read_only = node && blk_read_only(node);
	for (p = &ds->first; *p; p = &(*p)->next)
		;
	*p = d;
	return d;
}

/* Keys of -drive that only say how: cache modes are QEMU's. */
static int cache_flags(struct blk_opts *o, u32 *flags, struct err *err)
{
	static const struct { const char *name; u32 flags; } modes[] = {
		{ "writeback", 0 }, { "none", BLK_O_DIRECT }, { "unsafe", BLK_O_NO_FLUSH },
		{ "writethrough", BLK_O_WRITETHROUGH }, { "directsync", BLK_O_DIRECT | BLK_O_WRITETHROUGH },
	};
	char *mode = blk_opts_take(o, "cache");
	size_t i;

	for (i = 0; mode && i < ARRAY_SIZE(modes); i++)
		if (str_eq(mode, modes[i].name)) {
			*flags |= modes[i].flags;
			free(mode);
			return 0;
		}
	if (!mode)
		return 0;
	err_set(err, EINVAL, "-drive: invalid cache option '%s'", mode);
	free(mode);
	return -EINVAL;
}

static int discard_flag(struct blk_opts *o, u32 *flags, struct err *err)
{
	static const char *const names[] = { "ignore", "off", "unmap", "on", NULL };
	int n = 0, ret = blk_opts_take_enum(o, "discard", names, &n, err);

	if (n >= 2)
		*flags |= BLK_O_UNMAP;
	return ret;
}

struct drive *drive_add(struct drives *ds, const char *text, struct err *err)
{
	static const char *const ifs[] = { "none", "virtio", "ide", "pflash", NULL };
	static const char *const medias[] = { "disk", "cdrom", NULL };
	struct blk_opts o = { 0 };
	struct blk_node *node;
	struct drive *d = NULL;
	char *file = NULL, *id = NULL, *format = NULL, buf[32];
	int type = (int)ds->default_if, media = 0;
	bool ro = false;
	u64 index = ~0ULL;
	u32 flags = 0;
	struct blk_throttle_config limits;
	char *group = NULL;

	if (blk_opts_parse(&o, text, "file", err) < 0 || blk_opts_take_enum(&o, "if", ifs, &type, err) < 0 ||
	    blk_opts_take_enum(&o, "media", medias, &media, err) < 0 || blk_opts_take_bool(&o, "readonly", &ro, err) < 0 ||
	    blk_opts_take_bool(&o, "read-only", &ro, err) < 0 || blk_opts_take_u64(&o, "index", &index, err) < 0 ||
	    blk_opts_take_u64(&o, "unit", &index, err) < 0 ||
	    cache_flags(&o, &flags, err) < 0 || discard_flag(&o, &flags, err) < 0 ||
	    drive_take_limits(&o, &limits, &group, err) < 0)
		goto out;
	file = blk_opts_take(&o, "file");
	id = blk_opts_take(&o, "id");
	format = blk_opts_take(&o, "format");
	if (format && blk_opts_set(&o, "driver", format) < 0) {
		err_set(err, ENOMEM, "out of memory");
		goto out;
	}
	if (!(ro |= media == 1))
		flags |= BLK_O_RDWR;
	snprintf(buf, sizeof(buf), "drive%u", ds->count++);
	if (find(ds, id ? id : buf)) {
		err_set(err, EEXIST, "-drive: there is a drive '%s' already", id);
		goto out;
	}
	/* A drive without a medium: something that can be opened is put in later. */
	if (!file && media == 1 && !blk_opts_get(&o, "driver"))
		node = NULL;
	else if (blk_open(ds->graph, file, &o, flags, &node, err) < 0)
		goto out;
	d = append(ds, id ? id : buf, node, err);
	if (!d) {
		blk_unref(node);
		goto out;
	}
	d->type = (enum drive_if)type;
	d->cdrom = media == 1;
	d->unit = index < 1024 ? (int)index : -1;
	if (drive_limit(ds, d, &limits, group, err) < 0) {
		drive_del(ds, d->id, NULL);
		d = NULL;
	}
out:
	free(group);
	blk_opts_free(&o);
	free(file);
	free(id);
	free(format);
	return d;
}

struct drive *drive_add_blockdev(struct drives *ds, const char *text, struct err *err)
{
	struct blk_opts o = { 0 };
	struct blk_node *node;
	struct drive *d = NULL;
	const char *name;
	bool ro = false;
	u32 flags = BLK_O_NO_PROBE;
	char *id = NULL;
	int ret = text[0] == '{' ? blk_opts_parse_json(&o, text, err) : blk_opts_parse(&o, text, "driver", err);

	if (ret < 0 || blk_opts_take_bool(&o, "read-only", &ro, err) < 0 || discard_flag(&o, &flags, err) < 0)
		goto out;
	name = blk_opts_get(&o, "node-name");
	if (!name || !(id = str_dup(name))) {
		err_set(err, EINVAL, "-blockdev: 'node-name' is missing");
		goto out;
	}
	if (!ro)
		flags |= BLK_O_RDWR;
	if (find(ds, id)) {
		err_set(err, EEXIST, "-blockdev: there is a node '%s' already", id);
		goto out;
	}
	if (blk_open(ds->graph, NULL, &o, flags, &node, err) < 0)
		goto out;
	d = append(ds, id, node, err);
	if (d)
		d->is_node = true;
	else
		blk_unref(node);
out:
	blk_opts_free(&o);
	mem_free(id);
	return d;
}

/* The guest has no way to hear of it any more. */
static void drive_close(struct drive *d)
{
	int ret = blk_unref(d->node);

	if (ret < 0)
		log_error("drive '%s': not all that was written could be stored as it was closed: %s", d->id, strerror(-ret));
}

static void drive_free(struct drive *d)
{
	drive_leave_limits(d);
	drive_close(d);
	mem_free(d->id);
	mem_free(d);
}

/* Another drive took the node over, or a node above it has it. */
static bool node_in_use(const struct drives *ds, const struct drive *d)
{
	const struct drive *o;

	for (o = ds->first; o; o = o->next)
		if (o != d && o->node && o->node == d->node)
			return true;
	return d->node && blk_has_parent(d->node);
}

int drive_del(struct drives *ds, const char *id, struct err *err)
{
	struct drive *d = find(ds, id), **p;

	if (!d)
		return err_set(err, ENOENT, "Failed to find node with node-name='%s'", id);
	if (d->jobs)
		return err_set(err, EBUSY, "Node '%s' is busy: block device is in use by a block job", id);
	if (d->in_use || node_in_use(ds, d))
		return err_set(err, EBUSY, "Node %s is in use", id);
	for (p = &ds->first; *p != d; p = &(*p)->next)
		;
	*p = d->next;
	drive_free(d);
	return 0;
}

struct drive *drive_lookup(struct drives *ds, const char *name)
{
	struct drive *d = find(ds, name);

	for (d = d ? d : ds->first; d && !str_eq(d->id, name); d = d->next)
		if (d->node && str_eq(blk_node_name(d->node), name))
			break;
	return d;
}

struct drive *drive_adopt(struct drives *ds, struct blk_node *node, struct err *err)
{
	struct drive *d;

	if (find(ds, blk_node_name(node))) {
		err_set(err, EEXIST, "there is a drive '%s' already", blk_node_name(node));
		return NULL;
	}
	d = append(ds, blk_node_name(node), node, err);
	if (d)
		d->is_node = true;
	return d;
}

struct drive *drive_switch(struct drive *d, struct drive *to, struct err *err)
{
	struct blkdev *user = d->user;
	struct blk_node *old = d->node;

	if (d->in_use && !user) {
		err_set(err, ENOTSUP, "The device of drive '%s' cannot change its node", d->id);
		return NULL;
	}
	if (to->read_only && !d->read_only) {
		err_set(err, EINVAL, "Node '%s' is read-only", to->id);
		return NULL;
	}
	if (user && blkdev_switch(user, d->is_node ? to : d, to->node, err) < 0)
		return NULL;
	if (!d->is_node) {
		d->node = blk_ref(to->node);
		blk_unref(old);
		return d;
	}
	to->in_use = d->in_use;
	to->user = user;
	to->stats = d->stats;
	to->limits = d->limits;
	d->limits = NULL;
	d->in_use = false;
	d->user = NULL;
	return to;
}

struct drive *drive_take(struct machine *m, const char *id, struct err *err)
{
	struct drives *ds = machine_service(m, "drives");
	struct drive *d = ds && id ? find(ds, id) : NULL;

	if (!d) {
		if (id)
			err_set(err, ENOENT, "there is no drive '%s'", id);
		else
			err_set(err, EINVAL, "drive property not set");
		return NULL;
	}
	if (d->in_use) {
		err_set(err, EBUSY, "drive '%s' is already in use by another device", id);
		return NULL;
	}
	if (d->is_target) {
		err_set(err, EBUSY, "Conflicts with use by a block job as 'target', which does not allow 'write' on %s", id);
		return NULL;
	}
	d->in_use = true;
	return d;
}

int drive_insert(struct drives *ds, struct drive *d, const char *file, const char *format, bool read_only, struct err *err)
{
	struct blk_opts o = { 0 };
	struct blk_node *node = NULL;
	int ret;

	if (format && blk_opts_set(&o, "driver", format) < 0)
		ret = err_set(err, ENOMEM, "out of memory");
	else
		ret = blk_open(ds->graph, file, &o, read_only ? 0 : BLK_O_RDWR, &node, err);
	blk_opts_free(&o);
	if (ret < 0)
		return ret;
	drive_remove(d);
	d->node = node;
	d->read_only = blk_read_only(node);
	return 0;
}

void drive_remove(struct drive *d)
{
	drive_close(d);
	d->node = NULL;
}

int drives_init(struct drives *ds)
{
	ds->graph = blk_graph_new(NULL);
	return ds->graph ? 0 : -ENOMEM;
}

void drives_free(struct drives *ds)
{
	if (!ds->graph)
		return;

	while (ds->first) {
		struct drive *d = ds->first;

		ds->first = d->next;
		drive_free(d);
	}
	blk_graph_free(ds->graph);
	ds->graph = NULL;
}
