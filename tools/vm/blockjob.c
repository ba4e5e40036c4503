// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Block jobs: a copying job of the block layer (block/job.h) as QMP sees it:
 * states, events (qapi/block-core.json of QEMU 10), the end of a mirror, when
 * the device goes over to the target. Also the block-job-* orders, which are
 * the job-* orders with names of their own for errors.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "blockjob.h"
#include "dev/blkdev.h"
#include "log.h"
#include "mem.h"
#include "str.h"

/* ---- events ---- */

static void tell(struct vm *vm, const char *event, struct json *o)
{
	struct strbuf out = STRBUF_INIT;

	if (o && json_print(o, JSON_COMPACT, &out) == 0 && !strbuf_failed(&out))
		vm_event(vm, event, out.s);
	json_free(o);
	strbuf_free(&out);
}

static void tell_job(const struct blockjob *b, const char *event)
{
	struct json *o = json_new(JSON_OBJECT);

	if (o) {
		qmp_str(o, "device", b->job->id);
		qmp_int(o, "len", b->len);
		qmp_int(o, "offset", b->done);
		qmp_int(o, "speed", b->speed);
		qmp_str(o, "type", b->job->type);
		if (str_eq(event, "BLOCK_JOB_COMPLETED") && err_is_set(&b->job->err))
			qmp_str(o, "error", b->job->err.msg);
	}
	tell(b->vm, event, o);
}

static void tell_error(const struct blockjob *b, bool read, enum blk_job_on_error action)
{
	static const char *const names[] = { "report", "ignore", "stop", "stop" };
	struct json *o = json_new(JSON_OBJECT);

	if (o) {
		qmp_str(o, "device", b->job->id);
		qmp_str(o, "operation", read ? "read" : "write");
		qmp_str(o, "action", names[action]);
	}
	tell(b->vm, "BLOCK_JOB_ERROR", o);
}

/* ---- ends ---- */

static void read_progress(struct blockjob *b, struct blk_job_info *info)
{
	blk_job_info(b->copy, info);
	b->len = info->len;
	b->done = info->done;
	b->speed = info->speed;
}

static bool has_user(const struct vm *vm, const struct blk_node *n)
{
	const struct drive *d;

	for (d = vm->drives.first; d; d = d->next)
		if (d->node == n && (d->in_use || !d->is_node))
			return true;
	return false;
}

/* The threads, the target and the drives are free again. */
static void release(struct blockjob *b)
{
	struct err err = ERR_INIT;

	blk_job_free(b->copy);
	b->copy = NULL;
	if (!b->target)
		return;
	if (b->was_read_only && !has_user(b->vm, b->target) &&
	    blk_reopen(b->target, NULL, blk_flags(b->target) & ~(u32)BLK_O_RDWR, &err) < 0)
		log_warn("'%s' stays open for writing: %s", blk_filename(b->target), err.msg);
	loop_bh_del(&b->news);
	blk_unref(b->base);
	blk_unref(b->overlay);
	b->base = b->overlay = NULL;
	b->src->jobs--;
	if (b->dst) {
		b->dst->jobs--;
		b->dst->is_target = false;
	}
	blk_unref(b->target);
	b->target = NULL;
}

static void fail(struct blockjob *b, int ret)
{
	if (!err_is_set(&b->job->err))
		err_set(&b->job->err, -ret, "%s", strerror(-ret));
	release(b);
	vm_job_set(b->job, VM_JOB_ABORTING);
	tell_job(b, ret == -ECANCELED ? "BLOCK_JOB_CANCELLED" : "BLOCK_JOB_COMPLETED");
	vm_job_end(b->job);
}

static void succeed(struct blockjob *b)
{
	release(b);
	tell_job(b, "BLOCK_JOB_COMPLETED");
	vm_job_end(b->job);
}

int blockjob_quiet(struct vm *vm, struct drive *d, int (*fn)(void *opaque), void *opaque)
{
	int ret;

	pc_pause(vm->pc);
	ret = d->user ? blkdev_quiet(d->user, fn, opaque) : fn(opaque);
	pc_resume(vm->pc);
	return ret;
}

/* The device with that drive property says the new one's name from now on. */
static int rename_drive(struct device *dev, int depth, void *opaque)
{
	struct drive *const *pair = opaque;
	const struct prop *p = device_prop_find(dev->cls, "drive");
	char **text = p && p->type == PROP_T_DRIVE ? (char **)((u8 *)dev + p->offset) : NULL, *copy;

	(void)depth;
	if (!text || !*text || !str_eq(*text, pair[0]->id))
		return 0;
	copy = str_dup(pair[1]->id);
	if (copy) {
		mem_free(*text);
		*text = copy;
	}
	return 1;
}

int blockjob_switch(struct vm *vm, struct drive *d, struct drive *to, struct err *err)
{
	struct drive *pair[2] = { d, drive_switch(d, to, err) };

	if (!pair[1])
		return -err->code;
	if (pair[1] != d)
		device_walk(vm->m, rename_drive, pair);
	return 0;
}

/* The target as a drive that a device can have. */
static struct drive *drive_of(struct blockjob *b)
{
	struct drive *d = drive_lookup(&b->vm->drives, blk_node_name(b->target));

	if (!d && (d = drive_adopt(&b->vm->drives, b->target, &b->job->err)))
		blk_ref(b->target);
	if (d)
		d->read_only = blk_read_only(b->target);
	return d;
}

/* Nobody writes to the source now. */
static int finish_mirror(void *opaque)
{
	struct blockjob *b = opaque;
	struct drive plain = { .id = b->job->id, .node = b->target }, *to = b->dst;
	int ret = blk_job_finish(b->copy);

	if (ret < 0 || !b->completing)
		return ret;
	if (!to && b->src->is_node) {
		to = drive_of(b);
		if (!to)
			return -b->job->err.code;
	}
	return blockjob_switch(b->vm, b->src, to ? to : &plain, &b->job->err);
}

/* Nobody reads now. What the backing nodes between have said is said by others from now on. */
static int finish_chain(void *opaque)
{
	struct blockjob *b = opaque;
	const char *file = b->backing_file ? b->backing_file : b->base ? blk_filename(b->base) : NULL;
	u32 flags = blk_flags(b->overlay);
	bool shut = !(flags & BLK_O_RDWR);
	int ret;

	blk_job_free(b->copy);		/* the overlay may change now */
	b->copy = NULL;
	blk_drain_begin(b->src->node);	/* exports have no device that stands still */
	if (shut && blk_reopen(b->overlay, NULL, flags | BLK_O_RDWR, &b->job->err) < 0) {
		ret = -b->job->err.code;
		goto out;
	}
	ret = blk_change_backing(b->overlay, b->base, file, b->base ? blk_driver_name(b->base) : NULL, &b->job->err);
	if (shut)
		blk_reopen(b->overlay, NULL, flags, NULL);
out:
	blk_drain_end(b->src->node);
	return ret;
}

static void finalize(struct blockjob *b)
{
	struct blk_job_info info;
	int ret = 0;

	if (b->kind == BLK_JOB_MIRROR)
		ret = blockjob_quiet(b->vm, b->src, finish_mirror, b);
	read_progress(b, &info);
	if (b->overlay)
		ret = blockjob_quiet(b->vm, b->src, finish_chain, b);
	if (ret < 0)
		fail(b, ret);
	else
		succeed(b);
}

static void wait_or_finalize(struct blockjob *b)
{
	struct json *o;

	vm_job_set(b->job, VM_JOB_WAITING);
	vm_job_set(b->job, VM_JOB_PENDING);
	if (!b->manual_finalize) {
		finalize(b);
		return;
	}
	o = json_new(JSON_OBJECT);
	if (o) {
		qmp_str(o, "type", b->job->type);
		qmp_str(o, "id", b->job->id);
	}
	tell(b->vm, "BLOCK_JOB_PENDING", o);
}

/* The job has news. */
static void on_news(struct loop_bh *bh)
{
	struct blockjob *b = bh->opaque;
	struct blk_job_info info;

	read_progress(b, &info);
	for (; info.read_errors; info.read_errors--)
		tell_error(b, true, info.action);
	for (; info.write_errors; info.write_errors--)
		tell_error(b, false, info.action);
	b->failing |= info.paused && info.error && info.action == BLK_ON_ERROR_STOP;
	if (info.ended && info.ret) {
		fail(b, info.ret);
	} else if (b->leaving) {
		b->leaving = false;
		wait_or_finalize(b);
	} else if (info.ended && b->job->status != VM_JOB_PENDING) {
		wait_or_finalize(b);
	} else if (info.ready && b->job->status == VM_JOB_RUNNING) {
		vm_job_set(b->job, VM_JOB_READY);
		tell_job(b, "BLOCK_JOB_READY");
	} else if (b->failing && info.paused && (b->job->status == VM_JOB_RUNNING || b->job->status == VM_JOB_READY)) {
		vm_job_set(b->job, b->job->status == VM_JOB_READY ? VM_JOB_STANDBY : VM_JOB_PAUSED);
	}
}

static void notify(void *opaque)
{
	loop_bh_schedule(&((struct blockjob *)opaque)->news);
}

/* ---- what jobs can do ---- */

static void op_progress(struct vm_job *j, u64 *done, u64 *total)
{
	struct blockjob *b = j->opaque;

	if (b->copy) {
		struct blk_job_info info;

		blk_job_peek(b->copy, &info);
		b->len = info.len;
		b->done = info.done;
		b->speed = info.speed;
	}
	*done = b->done;
	*total = b->len;
}

static int op_pause(struct vm_job *j, bool on, struct err *err)
{
	struct blockjob *b = j->opaque;

	(void)err;
	if (on) {
		blk_job_pause(b->copy);
	} else {
		b->failing = false;
		blk_job_resume(b->copy);
		loop_bh_schedule(&b->news);	/* what came while it was paused */
	}
	return 0;
}

static void leave_mirror(struct blockjob *b, bool switch_over)
{
	b->completing = switch_over;
	b->leaving = true;
	loop_bh_schedule(&b->news);
}

/* A mirror that is ready has done its work: without force it ends well, and nobody goes over. */
static int op_cancel(struct vm_job *j, bool force, struct err *err)
{
	struct blockjob *b = j->opaque;

	(void)err;
	if (j->status == VM_JOB_PENDING)
		fail(b, -ECANCELED);
	else if (j->status == VM_JOB_READY && !force)
		leave_mirror(b, false);
	else
		blk_job_cancel(b->copy);
	return 0;
}

static int op_complete(struct vm_job *j, struct err *err)
{
	struct blockjob *b = j->opaque;

	if (b->kind != BLK_JOB_MIRROR)
		return err_set(err, ENOTSUP, "Job '%s' cannot be completed", j->id);
	leave_mirror(b, true);
	return 0;
}

static int op_finalize(struct vm_job *j, struct err *err)
{
	(void)err;
	finalize(j->opaque);
	return 0;
}

static void op_free(struct vm_job *j)
{
	struct blockjob *b = j->opaque;

	if (b->job)
		release(b);
	mem_free(b->backing_file);
	mem_free(b);
}

static const struct vm_job_ops blockjob_ops = {
	.progress = op_progress, .pause = op_pause, .cancel = op_cancel, .complete = op_complete, .finalize = op_finalize,
	.free = op_free,
};

/* ---- start ---- */

struct drive *blockjob_drive(struct qmp_call *c, const char *name)
{
	struct drive *d = drive_lookup(&c->vm->drives, name);

	if (!d || !d->node) {
		err_set(&c->err, ENOENT, d ? "Device '%s' has no medium" : "Cannot find device='%s' nor node-name='%s'", name, name);
		return NULL;
	}
	if (blk_has_parent(d->node)) {
		err_set(&c->err, EBUSY, "Node '%s' is used by another node: name the one on top", name);
		return NULL;
	}
	return d;
}

static bool is_busy(struct qmp_call *c, const struct drive *d)
{
	const struct vm_job *j;

	for (j = d->jobs ? c->vm->jobs : NULL; j; j = j->next) {
		const struct blockjob *b = j->opaque;

		if (j->ops == &blockjob_ops && b->copy && (b->src == d || b->dst == d))
			break;
	}
	if (j)
		err_set(&c->err, EBUSY, "Node '%s' is busy: block device is in use by block job: %s", d->id, j->type);
	return j;
}

int blockjob_set_backing(struct blockjob *b, struct blk_node *overlay, struct blk_node *base, const char *file, struct err *err)
{
	if (file && !(b->backing_file = str_dup(file)))
		return err_set(err, ENOMEM, "out of memory");
	b->overlay = blk_ref(overlay);
	b->base = base ? blk_ref(base) : NULL;
	return 0;
}

struct blockjob *blockjob_start(struct qmp_call *c, const struct blk_job_conf *conf, const struct blockjob_args *a,
				struct drive *src, struct drive *dst, struct blk_node *target)
{
	static const char *const types[] = { "mirror", "backup", "stream", "commit" };
	struct blk_job_conf full = *conf;
	struct blockjob *b;

	if (!a->id && src->is_node) {
		err_set(&c->err, EINVAL, "An explicit job ID is required for this node");
		return NULL;
	}
	if (is_busy(c, src) || (dst && is_busy(c, dst)))
		return NULL;
	if (vm_job_find(c->vm, a->id ? a->id : src->id)) {
		err_set(&c->err, EEXIST, "Job ID '%s' already in use", a->id ? a->id : src->id);
		return NULL;
	}
	b = mem_zalloc(sizeof(*b));
	if (!b) {
		err_set(&c->err, ENOMEM, "out of memory");
		return NULL;
	}
	b->vm = c->vm;
	b->src = src;
	b->dst = dst;
	b->kind = conf->kind;
	b->manual_finalize = a->manual_finalize;
	b->job = vm_job_new(c->vm, a->id ? a->id : src->id, a->type ? a->type : types[conf->kind], &blockjob_ops, b, &c->err);
	if (!b->job) {
		mem_free(b);
		return NULL;
	}
	b->job->keep = a->manual_dismiss;
	loop_bh_init(c->vm->loop, &b->news, on_news, b, "job", b->job->id);
	if (!full.src)
		full.src = src->node;
	full.dst = target;
	full.notify = notify;
	full.opaque = b;
	b->copy = blk_job_start(&full, &c->err);
	if (!b->copy) {
		loop_bh_del(&b->news);
		vm_job_dismiss(b->job);
		return NULL;
	}
	src->jobs++;
	if (dst) {
		dst->jobs++;
		dst->is_target = true;
	}
	b->target = target;
	vm_job_set(b->job, VM_JOB_RUNNING);
	return b;
}

/* ---- block-job-* ---- */

static struct vm_job *find(struct qmp_call *c, const char *key)
{
	const char *id = qmp_need_str(c, key);
	struct vm_job *j = id ? vm_job_find(c->vm, id) : NULL;

	if (j && j->ops == &blockjob_ops)
		return j;
	if (id) {
		c->err_class = "DeviceNotActive";
		err_set(&c->err, ENOENT, "Block job '%s' not found", id);
	}
	return NULL;
}

static int query_block_jobs(struct qmp_call *c)
{
	struct vm_job *j;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (j = c->vm->jobs; j; j = j->next) {
		struct blockjob *b = j->opaque;
		struct json *o;
		u64 done, len;

		if (j->ops != &blockjob_ops)
			continue;
		op_progress(j, &done, &len);
		o = json_new(JSON_OBJECT);
		json_append(c->ret, o);
		qmp_bool(o, "auto-finalize", !b->manual_finalize);
		qmp_str(o, "io-status", b->failing ? "failed" : "ok");
		qmp_str(o, "device", j->id);
		qmp_bool(o, "auto-dismiss", !j->keep);
		qmp_bool(o, "busy", j->status == VM_JOB_RUNNING);
		qmp_int(o, "len", len);
		qmp_int(o, "offset", done);
		qmp_str(o, "status", vm_job_status_name(j));
		qmp_bool(o, "paused", j->status == VM_JOB_PAUSED || j->status == VM_JOB_STANDBY);
		qmp_int(o, "speed", b->speed);
		qmp_bool(o, "ready", j->status == VM_JOB_READY || j->status == VM_JOB_STANDBY);
		qmp_str(o, "type", j->type);
		if (err_is_set(&j->err))
			qmp_str(o, "error", j->err.msg);
	}
	return 0;
}
QMP("query-block-jobs", query_block_jobs);

static int block_job_cancel(struct qmp_call *c)
{
	struct vm_job *j = find(c, "device");
	bool force = false;

	qopts_bool(c->args, "force", &force, &c->err);
	if (!j || err_is_set(&c->err))
		return -c->err.code;
	if (!force && (j->status == VM_JOB_PAUSED || j->status == VM_JOB_STANDBY))
		return err_set(&c->err, EBUSY, "The block job for device '%s' is currently paused", j->id);
	return vm_job_cancel(j, force, &c->err);
}
QMP("block-job-cancel", block_job_cancel);

static int block_job_pause(struct qmp_call *c)
{
	struct vm_job *j = find(c, "device");

	return j ? vm_job_pause(j, true, &c->err) : -c->err.code;
}
QMP("block-job-pause", block_job_pause);

static int block_job_resume(struct qmp_call *c)
{
	struct vm_job *j = find(c, "device");

	return j ? vm_job_pause(j, false, &c->err) : -c->err.code;
}
QMP("block-job-resume", block_job_resume);

static int block_job_complete(struct qmp_call *c)
{
	struct vm_job *j = find(c, "device");

	return j ? vm_job_complete(j, &c->err) : -c->err.code;
}
QMP("block-job-complete", block_job_complete);

static int block_job_finalize(struct qmp_call *c)
{
	struct vm_job *j = find(c, "id");

	return j ? vm_job_finalize(j, &c->err) : -c->err.code;
}
QMP("block-job-finalize", block_job_finalize);

static int block_job_dismiss(struct qmp_call *c)
{
	struct vm_job *j = find(c, "id");

	if (!j || vm_job_may(j, VM_JOB_DISMISS, &c->err) < 0)
		return -c->err.code;
	vm_job_dismiss(j);
	return 0;
}
QMP("block-job-dismiss", block_job_dismiss);

static int block_job_set_speed(struct qmp_call *c)
{
	struct vm_job *j = find(c, "device");
	struct blockjob *b = j ? j->opaque : NULL;
	s64 speed = 0;

	qopts_s64(c->args, "speed", INT64_MIN, INT64_MAX, &speed, &c->err);
	if (!j || err_is_set(&c->err) || vm_job_may(j, VM_JOB_SET_SPEED, &c->err) < 0)
		return -c->err.code;
	if (speed < 0)
		return err_set(&c->err, EINVAL, "Parameter 'speed' expects a non-negative value");
	blk_job_set_speed(b->copy, (u64)speed);
	b->speed = (u64)speed;
	return 0;
}
QMP("block-job-set-speed", block_job_set_speed);
