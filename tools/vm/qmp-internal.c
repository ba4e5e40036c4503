// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blockdev-snapshot-internal-sync and blockdev-snapshot-delete-internal-sync:
 * snapshots of one disk inside its image, without the machine (QEMU 10's
 * qapi/block-core.json).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "block/toolbox.h"
#include "blockjob.h"
#include "dev/blkdev.h"
#include "str.h"

struct inner {
	struct vm *vm;
	struct drive *d;
	struct blk_node *owner;
	const struct blk_snapshot_ops *ops;
	struct blk_snapshot s;
	struct err *err;
};

/* The device, its disk, and who keeps snapshots there. */
static int find_disk(struct qmp_call *c, struct inner *in)
{
	const char *device = qmp_need_str(c, "device");

	*in = (struct inner){ .vm = c->vm, .err = &c->err };
	in->d = device ? drive_lookup(&c->vm->drives, device) : NULL;
	if (err_is_set(&c->err))
		return -c->err.code;
	if (!in->d)
		return err_set(&c->err, ENOENT, "Cannot find device='%s' nor node-name='%s'", device, device);
	if (!in->d->node)
		return err_set(&c->err, ENOENT, "Device '%s' has no medium", device);
	if (in->d->jobs)
		return err_set(&c->err, EBUSY, "Node '%s' is busy: block device is in use by a block job", device);
	in->ops = blk_snapshots(in->d->node, &in->owner);
	return 0;
}

/* By both, as far as they are given. */
static bool find_snapshot(const struct inner *in, const char *id, const char *name, struct blk_snapshot *out)
{
	struct blk_snapshot *v = NULL;
	int i, n = in->ops->list(in->owner, &v);

	for (i = 0; i < n; i++)
		if ((!id || str_eq(v[i].id, id)) && (!name || str_eq(v[i].name, name)))
			break;
	if (i < n)
		*out = v[i];
	free(v);
	return i < n;
}

/* The device has nothing under way, nor has anybody else. */
static int create(void *opaque)
{
	struct inner *in = opaque;
	int ret = blk_flush(in->d->node);

	blk_drain_begin(in->d->node);
	ret = ret ? ret : in->ops->create(in->owner, &in->s, in->err);
	blk_drain_end(in->d->node);
	return ret < 0 ? err_set(in->err, -ret, "Failed to create snapshot '%s' on device '%s'", in->s.name, in->d->id) : 0;
}

static int blockdev_snapshot_internal_sync(struct qmp_call *c)
{
	const char *name = qmp_need_str(c, "name");
	struct blk_snapshot found;
	struct timespec now;
	struct inner in;

	if (find_disk(c, &in) < 0)
		return -c->err.code;
	if (blk_read_only(in.d->node))
		return err_set(&c->err, EACCES, "Device '%s' is read only", in.d->id);
	if (!in.ops || !in.ops->create)
		return err_set(&c->err, ENOTSUP, "Block format '%s' used by device '%s' does not support internal snapshots",
			       blk_driver_name(in.d->node), in.d->id);
	if (!*name)
		return err_set(&c->err, EINVAL, "Name is empty");
	if (find_snapshot(&in, NULL, name, &found))
		return err_set(&c->err, EEXIST, "Snapshot with name '%s' already exists on device '%s'", name, in.d->id);
	if (snprintf(in.s.name, sizeof(in.s.name), "%s", name) >= (int)sizeof(in.s.name))
		return err_set(&c->err, EINVAL, "the name of a snapshot has 255 characters at most");
	clock_gettime(CLOCK_REALTIME, &now);
	in.s.date_sec = (u32)now.tv_sec;
	in.s.date_nsec = (u32)now.tv_nsec;
	in.s.vm_clock_nsec = clock_ns(c->vm->m->clock);
	in.s.icount = ~0ULL;
	return blockjob_quiet(c->vm, in.d, create, &in);
}
QMP("blockdev-snapshot-internal-sync", blockdev_snapshot_internal_sync);

static int delete(void *opaque)
{
	struct inner *in = opaque;
	int ret;

	blk_drain_begin(in->d->node);
	ret = in->ops->remove(in->owner, in->s.id, in->s.name, in->err);
	blk_drain_end(in->d->node);
	return ret < 0 ? err_set(in->err, -ret, "Could not delete snapshot '%s'", in->s.name) : 0;
}

static void put_snapshot(struct json *o, const struct blk_snapshot *s)
{
	qmp_str(o, "id", s->id);
	qmp_str(o, "name", s->name);
	qmp_int(o, "vm-state-size", s->vm_state_size);
	qmp_int(o, "date-sec", s->date_sec);
	qmp_int(o, "date-nsec", s->date_nsec);
	qmp_int(o, "vm-clock-sec", s->vm_clock_nsec / NSEC_PER_SEC);
	qmp_int(o, "vm-clock-nsec", s->vm_clock_nsec % NSEC_PER_SEC);
	if (s->icount != ~0ULL)
		qmp_int(o, "icount", s->icount);
}

static int blockdev_snapshot_delete_internal_sync(struct qmp_call *c)
{
	const char *id = NULL, *name = NULL;
	struct inner in;

	qopts_str(c->args, "id", &id, &c->err);
	qopts_str(c->args, "name", &name, &c->err);
	if (find_disk(c, &in) < 0)
		return -c->err.code;
	if (!id && !name)
		return err_set(&c->err, EINVAL, "Name or id must be provided");
	if (!in.ops || !in.ops->remove || !find_snapshot(&in, id, name, &in.s))
		return err_set(&c->err, ENOENT, "Snapshot with id '%s' and name '%s' does not exist on device '%s'", id ? id : "null",
			       name ? name : "null", in.d->id);
	if (blockjob_quiet(c->vm, in.d, delete, &in) < 0 || qmp_new(c, JSON_OBJECT) < 0)
		return -c->err.code;
	put_snapshot(c->ret, &in.s);
	return 0;
}
QMP("blockdev-snapshot-delete-internal-sync", blockdev_snapshot_delete_internal_sync);
