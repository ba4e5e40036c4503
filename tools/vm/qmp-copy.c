// SPDX-License-Identifier: GPL-2.0-or-later
/* drive-backup, blockdev-backup, drive-mirror, blockdev-mirror: QEMU 10's qapi/block-core.json. */
#include <errno.h>
#include "block/driver.h"
#include "block/opts.h"
#include "blockjob.h"
#include "str.h"

static const char *const sync_names[] = { "full", "top", "none", "incremental", "bitmap", NULL };
static const char *const mode_names[] = { "absolute-paths", "existing", NULL };
static const char *const error_names[] = { "report", "ignore", "stop", "enospc", "auto", NULL };

struct order {
	struct blk_job_conf conf;
	struct blockjob_args args;
	const char *device, *target;
	struct drive *src;
};

static enum blk_job_on_error on_error(struct qmp_call *c, const char *key)
{
	int v = BLK_ON_ERROR_REPORT;

	qopts_enum(c->args, key, error_names, &v, &c->err);
	return v > BLK_ON_ERROR_ENOSPC ? BLK_ON_ERROR_REPORT : (enum blk_job_on_error)v;	/* auto: that of a job */
}

static int read_sync(struct qmp_call *c, struct order *o)
{
	int sync = 0;

	qopts_require(c->args, "sync", &c->err);
	qopts_enum(c->args, "sync", sync_names, &sync, &c->err);
	if (!err_is_set(&c->err) && sync > BLK_SYNC_NONE)
		err_set(&c->err, ENOTSUP, "sync mode '%s' is not supported: there are no dirty bitmaps", sync_names[sync]);
	o->conf.sync = (enum blk_job_sync)sync;
	return -c->err.code;
}

/* What all of them take. */
static int read_common(struct qmp_call *c, struct order *o)
{
	const char *filter = NULL;
	bool finalize = true, dismiss = true;
	s64 speed = 0;

	o->device = qmp_need_str(c, "device");
	o->target = qmp_need_str(c, "target");
	qopts_str(c->args, "job-id", &o->args.id, &c->err);
	qopts_str(c->args, "filter-node-name", &filter, &c->err);	/* there is no such node: the job watches the source */
	qopts_s64(c->args, "speed", INT64_MIN, INT64_MAX, &speed, &c->err);
	qopts_bool(c->args, "auto-finalize", &finalize, &c->err);
	qopts_bool(c->args, "auto-dismiss", &dismiss, &c->err);
	o->conf.on_source_error = on_error(c, "on-source-error");
	o->conf.on_target_error = on_error(c, "on-target-error");
	if (err_is_set(&c->err) || read_sync(c, o) < 0)
		return -c->err.code;
	if (speed < 0)
		return err_set(&c->err, EINVAL, "Parameter 'speed' expects a non-negative value");
	o->conf.speed = (u64)speed;
	o->args.manual_finalize = !finalize;
	o->args.manual_dismiss = !dismiss;
	o->src = blockjob_drive(c, o->device);
	return o->src ? 0 : -c->err.code;
}

static int read_backup(struct qmp_call *c, struct order *o)
{
	*o = (struct order){ .conf = { .kind = BLK_JOB_BACKUP } };
	qopts_bool(c->args, "compress", &o->conf.compress, &c->err);
	return read_common(c, o);
}

static int read_mirror(struct qmp_call *c, struct order *o, bool unmap_option)
{
	static const char *const copy_modes[] = { "background", "write-blocking", NULL };
	bool unmap = true;
	u64 buf_size = 0;
	int mode = 0;

	*o = (struct order){ .conf = { .kind = BLK_JOB_MIRROR } };
	if (qopts_has(c->args, "replaces"))
		return err_set(&c->err, ENOTSUP, "'replaces' is not supported: a mirror replaces its own device");
	qopts_u64(c->args, "buf-size", 0, INT64_MAX, &buf_size, &c->err);	/* the job chooses */
	qopts_u32(c->args, "granularity", 0, UINT32_MAX, &o->conf.granularity, &c->err);
	if (unmap_option)
		qopts_bool(c->args, "unmap", &unmap, &c->err);
	qopts_enum(c->args, "copy-mode", copy_modes, &mode, &c->err);
	o->conf.no_unmap = !unmap;
	o->conf.write_blocking = mode;
	return read_common(c, o);
}

/* The node that somebody has made with blockdev-add. */
static int start_node(struct qmp_call *c, struct order *o)
{
	struct drive *dst = blockjob_drive(c, o->target);

	if (!dst)
		return -c->err.code;
	if (dst == o->src || dst->node == o->src->node)
		return err_set(&c->err, EINVAL, "Source and target cannot be the same");
	if (dst->in_use)
		return err_set(&c->err, EBUSY, "Node '%s' is busy: node is used as backend of a device", o->target);
	if (dst->read_only)
		return err_set(&c->err, EACCES, "Block node is read-only");
	if (!blockjob_start(c, &o->conf, &o->args, o->src, dst, blk_ref(dst->node)))
		blk_unref(dst->node);
	return -c->err.code;
}

/* ---- a file that the order makes ---- */

static bool can_back(const char *format)
{
	const struct blk_driver *d = blk_driver_find(format);

	return !d || d->flags & BLK_DRV_BACKING;	/* an unknown one is told of later */
}

static int create(struct qmp_call *c, const struct order *o, const char *format)
{
	struct blk_node *src = o->src->node;
	/* What is not copied is found where it was. */
	struct blk_node *backing = o->conf.sync == BLK_SYNC_TOP ? blk_backing(src) : o->conf.sync == BLK_SYNC_NONE ? src : NULL;
	struct blk_opts opts = { 0 };

	if (backing && !can_back(format))
		return err_set(&c->err, EINVAL, "Backing file not supported for file format '%s'", format);
	if (blk_opts_set_u64(&opts, "size", blk_length(src)) < 0 ||
	    (backing && (blk_opts_set(&opts, "backing_file", blk_filename(backing)) < 0 ||
			 blk_opts_set(&opts, "backing_fmt", blk_driver_name(backing)) < 0))) {
		blk_opts_free(&opts);
		return err_set(&c->err, ENOMEM, "out of memory");
	}
	return blk_create(c->vm->drives.graph, format, o->target, &opts, &c->err);
}

static int start_file(struct qmp_call *c, struct order *o)
{
	const char *format = NULL, *name = NULL;
	struct blk_opts opts = { 0 };
	struct blk_node *target;
	u32 flags = BLK_O_RDWR | BLK_O_UNMAP;
	int mode = 0;

	qopts_str(c->args, "format", &format, &c->err);
	qopts_str(c->args, "node-name", &name, &c->err);
	qopts_enum(c->args, "mode", mode_names, &mode, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	if (!mode && !format)
		format = blk_driver_name(o->src->node);
	if (!mode && create(c, o, format) < 0)
		return -c->err.code;
	if ((format && blk_opts_set(&opts, "driver", format) < 0) || (name && blk_opts_set(&opts, "node-name", name) < 0)) {
		blk_opts_free(&opts);
		return err_set(&c->err, ENOMEM, "out of memory");
	}
	if (o->conf.sync != BLK_SYNC_TOP)	/* nobody reads it through the job; the source itself is in use */
		flags |= BLK_O_NO_BACKING;
	if (blk_open(c->vm->drives.graph, o->target, &opts, flags, &target, &c->err) < 0)
		return -c->err.code;
	if (!blockjob_start(c, &o->conf, &o->args, o->src, NULL, target))
		blk_unref(target);
	return -c->err.code;
}

static int blockdev_backup(struct qmp_call *c)
{
	struct order o;

	return read_backup(c, &o) < 0 ? -c->err.code : start_node(c, &o);
}
QMP("blockdev-backup", blockdev_backup);

static int drive_backup(struct qmp_call *c)
{
	struct order o;

	return read_backup(c, &o) < 0 ? -c->err.code : start_file(c, &o);
}
QMP("drive-backup", drive_backup);

static int blockdev_mirror(struct qmp_call *c)
{
	struct order o;

	return read_mirror(c, &o, false) < 0 ? -c->err.code : start_node(c, &o);
}
QMP("blockdev-mirror", blockdev_mirror);

static int drive_mirror(struct qmp_call *c)
{
	struct order o;

	return read_mirror(c, &o, true) < 0 ? -c->err.code : start_file(c, &o);
}
QMP("drive-mirror", drive_mirror);
