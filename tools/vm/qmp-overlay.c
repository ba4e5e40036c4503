// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blockdev-snapshot-sync and blockdev-snapshot: from now on the device writes
 * into an overlay, whose backing node is what it had until now (QEMU 10's
 * qapi/block-core.json).
 */
#include <errno.h>
#include "block/driver.h"
#include "block/opts.h"
#include "blockjob.h"
#include "log.h"
#include "str.h"

struct overlay {
	struct vm *vm;
	struct drive *d, *to;		/* to NULL: the node is not anybody's yet */
	struct blk_node *node;
	struct err *err;
};

/* The device has nothing under way. */
static int put_on_top(void *opaque)
{
	struct overlay *o = opaque;
	struct blk_node *base = o->d->node;
	struct drive plain = { .id = o->d->id, .node = o->node }, *to = o->to;
	int ret = blk_flush(base);

	if (ret < 0)
		return err_errno(o->err, -ret, "Write to node '%s' failed", blk_node_name(base));
	if (blk_set_backing(o->node, base, o->err) < 0)
		return -o->err->code;
	if (!to && o->d->is_node) {
		to = drive_adopt(&o->vm->drives, o->node, o->err);
		if (!to)
			goto undo;
		blk_ref(o->node);
	}
	blk_ref(base);			/* a drive gives its own up */
	if (blockjob_switch(o->vm, o->d, to ? to : &plain, o->err) < 0) {
		blk_unref(base);
		goto undo;
	}
	blk_unref(base);
	return 0;
undo:
	blk_set_backing(o->node, NULL, NULL);
	return -o->err->code;
}

static int take_over(struct qmp_call *c, struct overlay *o)
{
	struct blk_node *base = o->d->node;
	struct err err = ERR_INIT;

	o->vm = c->vm;
	o->err = &c->err;
	if (o->d->jobs)
		return err_set(&c->err, EBUSY, "Node '%s' is busy: block device is in use by a block job", o->d->id);
	if (blk_length(o->node) < blk_length(base))
		return err_set(&c->err, EINVAL, "The overlay is smaller than the image that it is put on");
	if (blockjob_quiet(c->vm, o->d, put_on_top, o) < 0)
		return -c->err.code;
	/* Nobody changes it any more; others may read it. */
	if (blk_reopen(base, NULL, blk_flags(base) & ~(u32)BLK_O_RDWR, &err) < 0)
		log_warn("'%s' stays open for writing: %s", blk_filename(base), err.msg);
	return 0;
}

static int create(struct qmp_call *c, struct blk_node *base, const char *format, const char *file)
{
	struct blk_opts opts = { 0 };

	if (blk_opts_set_u64(&opts, "size", blk_length(base)) < 0 || blk_opts_set(&opts, "backing_file", blk_filename(base)) < 0 ||
	    blk_opts_set(&opts, "backing_fmt", blk_driver_name(base)) < 0) {
		blk_opts_free(&opts);
		return err_set(&c->err, ENOMEM, "out of memory");
	}
	return blk_create(c->vm->drives.graph, format, file, &opts, &c->err);
}

static int open_overlay(struct qmp_call *c, const char *format, const char *file, const char *name, struct blk_node **node)
{
	struct blk_opts opts = { 0 };

	if (blk_opts_set(&opts, "driver", format) < 0 || (name && blk_opts_set(&opts, "node-name", name) < 0)) {
		blk_opts_free(&opts);
		return err_set(&c->err, ENOMEM, "out of memory");
	}
	return blk_open(c->vm->drives.graph, file, &opts, BLK_O_RDWR | BLK_O_UNMAP | BLK_O_NO_BACKING, node, &c->err);
}

static int blockdev_snapshot_sync(struct qmp_call *c)
{
	static const char *const modes[] = { "absolute-paths", "existing", NULL };
	const char *device = NULL, *node = NULL, *file = qmp_need_str(c, "snapshot-file"), *name = NULL, *format = "qcow2";
	const struct blk_driver *drv;
	struct overlay o = { .d = NULL };
	int mode = 0;

	qopts_str(c->args, "device", &device, &c->err);
	qopts_str(c->args, "node-name", &node, &c->err);
	qopts_str(c->args, "snapshot-node-name", &name, &c->err);
	qopts_str(c->args, "format", &format, &c->err);
	qopts_enum(c->args, "mode", modes, &mode, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	if (!device == !node)
		return err_set(&c->err, EINVAL, "Cannot find device='%s' nor node-name='%s'", device ? device : "", node ? node : "");
	if (node && !name)
		return err_set(&c->err, EINVAL, "New overlay node-name missing");
	o.d = blockjob_drive(c, device ? device : node);
	if (!o.d)
		return -c->err.code;
	drv = blk_driver_find(format);
	if (!drv)
		return err_set(&c->err, EINVAL, "Unknown file format '%s'", format);
	if (!(drv->flags & BLK_DRV_BACKING))
		return err_set(&c->err, EINVAL, "Backing file not supported for file format '%s'", format);
	if ((!mode && create(c, o.d->node, format, file) < 0) || open_overlay(c, format, file, name, &o.node) < 0)
		return -c->err.code;
	take_over(c, &o);
	blk_unref(o.node);
	return -c->err.code;
}
QMP("blockdev-snapshot-sync", blockdev_snapshot_sync);

static int blockdev_snapshot(struct qmp_call *c)
{
	const char *node = qmp_need_str(c, "node"), *overlay = qmp_need_str(c, "overlay");
	struct overlay o = { .d = node && overlay ? blockjob_drive(c, node) : NULL };

	if (o.d)
		o.to = blockjob_drive(c, overlay);
	if (!o.d || !o.to)
		return -c->err.code;
	if (o.to->in_use || o.to->jobs || o.to == o.d || o.to->node == o.d->node)
		return err_set(&c->err, EBUSY, "The overlay is already in use");
	if (blk_backing(o.to->node))
		return err_set(&c->err, EINVAL, "The overlay already has a backing image");
	o.node = o.to->node;
	return take_over(c, &o);
}
QMP("blockdev-snapshot", blockdev_snapshot);
