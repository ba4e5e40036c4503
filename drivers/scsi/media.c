// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Media of CD drives and removable disks: QMP's eject and blockdev-*-tray,
 * -medium. Main thread.
 */
#include <errno.h>
#include "dev/machine.h"
#include "dev/scsi.h"
#include "mem.h"
#include "qmp.h"
#include "str.h"

/* The machine's service "media". */
struct media {
	struct scsi_lun *first;
};

void scsi_media_add(struct scsi_lun *l, struct device *front)
{
	struct media *all = machine_service(front->machine, "media");

	if (!all) {
		all = mem_zalloc(sizeof(*all));
		if (!all || machine_service_add(front->machine, "media", all) < 0) {
			mem_free(all);
			return;
		}
	}
	l->front = front;
	l->next = all->first;
	all->first = l;
}

void scsi_media_del(struct scsi_lun *l)
{
	struct media *all = l->front ? machine_service(l->front->machine, "media") : NULL;
	struct scsi_lun **p;

	if (!all)
		return;
	for (p = &all->first; *p && *p != l; p = &(*p)->next)
		;
	if (*p)
		*p = l->next;
	if (!all->first) {
		machine_service_add(l->front->machine, "media", NULL);
		mem_free(all);
	}
	l->front = NULL;
}

/* By the device's id or path, or by the drive's. */
static struct scsi_lun *find(struct machine *m, const char *name, struct err *err)
{
	struct media *all = machine_service(m, "media");
	struct scsi_lun *l;

	for (l = all ? all->first : NULL; l; l = l->next)
		if ((l->front->id && str_eq(l->front->id, name)) || str_eq(l->front->path, name) ||
		    (l->blk.drive && str_eq(l->blk.drive->id, name)))
			return l;
	err_set(err, ENOENT, "Device '%s' is not found or has no removable medium", name);
	return NULL;
}

static int open_tray(struct scsi_lun *l, bool force, struct err *err)
{
	int ret = 0;

	device_lock(l->blk.dev);
	if (l->locked && !force && !l->tray_open) {
		l->event = 1;		/* the guest is asked to let it go */
		ret = err_set(err, EBUSY, "Device '%s' is locked and force was not specified, wait for tray to open and try again",
			      l->front->id ? l->front->id : l->front->path);
	} else {
		l->locked = false;
		scsi_tray_moved(l, true);
	}
	device_unlock(l->blk.dev);
	return ret;
}

static void close_tray(struct scsi_lun *l)
{
	device_lock(l->blk.dev);
	if (l->tray_open && l->blk.node)
		scsi_medium_changed(l);
	scsi_tray_moved(l, false);
	device_unlock(l->blk.dev);
}

static int take_out(struct scsi_lun *l, struct err *err)
{
	if (l->cdrom && !l->tray_open)
		return err_set(err, EBUSY, "Tray of the device is not open");
	if (l->blk.drive && l->blk.drive->jobs)
		return err_set(err, EBUSY, "Node '%s' is busy: block device is in use by a block job", l->blk.drive->id);
	device_lock(l->blk.dev);
	blkdev_drain(&l->blk);
	blkdev_medium_out(&l->blk);
	scsi_medium_changed(l);
	device_unlock(l->blk.dev);
	if (l->blk.drive)
		drive_remove(l->blk.drive);
	return 0;
}

/* What the drive has now becomes visible. */
static int put_in(struct scsi_lun *l, struct err *err)
{
	int ret;

	device_lock(l->blk.dev);
	ret = blkdev_medium_in(&l->blk, err);
	if (l->cdrom)
		l->blk.read_only = true;
	if (!l->tray_open)
		scsi_medium_changed(l);
	device_unlock(l->blk.dev);
	return ret;
}

static int change(struct machine *m, struct scsi_lun *l, const char *file, const char *format, bool force, struct err *err)
{
	struct drives *ds = machine_service(m, "drives");

	if (!ds || !l->blk.drive)
		return err_set(err, ENODEV, "Device '%s' has no drive: give it one by drive=", l->front->id ? l->front->id : l->front->path);
	if (open_tray(l, force, err) < 0 || take_out(l, err) < 0 ||
	    drive_insert(ds, l->blk.drive, file, format, l->cdrom, err) < 0 || put_in(l, err) < 0)
		return -err->code;
	close_tray(l);
	return 0;
}

/* ---- QMP ---- */

/* "id" or the older "device". */
static struct scsi_lun *lun_of(struct qmp_call *c, bool *force)
{
	const char *name = NULL;

	qopts_str(c->args, "device", &name, &c->err);
	qopts_str(c->args, "id", &name, &c->err);
	if (force)
		qopts_bool(c->args, "force", force, &c->err);
	if (err_is_set(&c->err))
		return NULL;
	if (!name) {
		err_set(&c->err, EINVAL, "Parameter 'id' is missing");
		return NULL;
	}
	return find(c->m, name, &c->err);
}

static int qmp_eject(struct qmp_call *c)
{
	bool force = false;
	struct scsi_lun *l = lun_of(c, &force);

	return l && open_tray(l, force, &c->err) == 0 && take_out(l, &c->err) == 0 ? 0 : -c->err.code;
}

static int qmp_open_tray(struct qmp_call *c)
{
	bool force = false;
	struct scsi_lun *l = lun_of(c, &force);

	return l ? open_tray(l, force, &c->err) : -c->err.code;
}

static int qmp_close_tray(struct qmp_call *c)
{
	struct scsi_lun *l = lun_of(c, NULL);

	if (!l)
		return -c->err.code;
	close_tray(l);
	return 0;
}

static int qmp_remove_medium(struct qmp_call *c)
{
	struct scsi_lun *l = lun_of(c, NULL);

	return l ? take_out(l, &c->err) : -c->err.code;
}

static int qmp_change_medium(struct qmp_call *c)
{
	const char *file = NULL, *format = NULL;
	bool force = false;
	struct scsi_lun *l = lun_of(c, &force);

	if (!l || qopts_require(c->args, "filename", &c->err) < 0)
		return -c->err.code;
	qopts_str(c->args, "filename", &file, &c->err);
	qopts_str(c->args, "format", &format, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	return change(c->m, l, file, format, force, &c->err);
}

static const struct qmp_command eject_cmd = { "eject", qmp_eject, false };
REGISTER(qmp_command, eject_cmd);
static const struct qmp_command open_tray_cmd = { "blockdev-open-tray", qmp_open_tray, false };
REGISTER(qmp_command, open_tray_cmd);
static const struct qmp_command close_tray_cmd = { "blockdev-close-tray", qmp_close_tray, false };
REGISTER(qmp_command, close_tray_cmd);
static const struct qmp_command remove_medium_cmd = { "blockdev-remove-medium", qmp_remove_medium, false };
REGISTER(qmp_command, remove_medium_cmd);
static const struct qmp_command change_medium_cmd = { "blockdev-change-medium", qmp_change_medium, false };
REGISTER(qmp_command, change_medium_cmd);
