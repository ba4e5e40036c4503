// SPDX-License-Identifier: GPL-2.0-or-later
/* QMP's snapshot-save, snapshot-load, snapshot-delete, and the monitor's savevm, loadvm, delvm. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "hmp.h"
#include "job.h"
#include "mem.h"
#include "qmp-util.h"
#include "snapshot.h"

/* ---- jobs ---- */

struct order {
	char *tag, *state;
	struct json *devices;
};

static void order_free(struct order *o)
{
	mem_free(o->tag);
	mem_free(o->state);
	json_free(o->devices);
	mem_free(o);
}

static void release(struct vm_job *j)
{
	order_free(j->opaque);
}

static int do_save(struct vm_job *j, struct err *err)
{
	struct order *o = j->opaque;
	struct vm_snapshot_disks d = { .names = o->devices, .state = o->state };

	return vm_snapshot_save(j->vm, o->tag, &d, false, err);
}

static int do_load(struct vm_job *j, struct err *err)
{
	struct order *o = j->opaque;
	struct vm_snapshot_disks d = { .names = o->devices, .state = o->state };

	return vm_snapshot_load(j->vm, o->tag, &d, err);
}

static int do_delete(struct vm_job *j, struct err *err)
{
	struct order *o = j->opaque;
	struct vm_snapshot_disks d = { .names = o->devices };

	return vm_snapshot_delete(j->vm, o->tag, &d, err);
}

static int start(struct qmp_call *c, const char *type, bool state, int (*run)(struct vm_job *j, struct err *err))
{
	const char *id = qmp_need_str(c, "job-id"), *tag = qmp_need_str(c, "tag");
	const char *where = state ? qmp_need_str(c, "vmstate") : NULL;
	const struct json *devices = qopts_json(c->args, "devices");
	struct order *o;

	if (err_is_set(&c->err))
		return -c->err.code;
	o = mem_zalloc(sizeof(*o));
	if (!o || !(o->tag = str_dup(tag)) || (where && !(o->state = str_dup(where))) || !(o->devices = json_clone(devices))) {
		err_set(&c->err, ENOMEM, "out of memory");
		goto drop;
	}
	if (vm_job_start(c->vm, id, type, run, release, o, &c->err) == 0)
		return 0;
drop:
	if (o)
		order_free(o);
	return -c->err.code;
}

static int snapshot_save(struct qmp_call *c) { return start(c, "snapshot-save", true, do_save); }
QMP("snapshot-save", snapshot_save);
static int snapshot_load(struct qmp_call *c) { return start(c, "snapshot-load", true, do_load); }
QMP("snapshot-load", snapshot_load);
static int snapshot_delete(struct qmp_call *c) { return start(c, "snapshot-delete", false, do_delete); }
QMP("snapshot-delete", snapshot_delete);

/* ---- monitor ---- */

static void report(struct hmp_call *c, int ret, const struct err *err)
{
	if (ret < 0)
		strbuf_printf(c->out, "Error: %s\n", err->msg);
}

void hmp_savevm(struct hmp_call *c)
{
	struct vm_snapshot_disks all = { .names = NULL };
	struct err err = ERR_INIT;
	char name[32];
	time_t now = time(NULL);
	struct tm tm;

	if (c->argc > 2) {
		strbuf_puts(c->out, "usage: savevm [TAG]\n");
		return;
	}
	localtime_r(&now, &tm);
	strftime(name, sizeof(name), "vm-%Y%m%d%H%M%S", &tm);
	report(c, vm_snapshot_save(c->vm, c->argc == 2 ? c->argv[1] : name, &all, true, &err), &err);
}

void hmp_loadvm(struct hmp_call *c)
{
	struct vm_snapshot_disks all = { .names = NULL };
	struct err err = ERR_INIT;

	if (c->argc != 2)
		strbuf_puts(c->out, "usage: loadvm TAG\n");
	else
		report(c, vm_snapshot_load(c->vm, c->argv[1], &all, &err), &err);
}

void hmp_delvm(struct hmp_call *c)
{
	struct vm_snapshot_disks all = { .names = NULL };
	struct err err = ERR_INIT;

	if (c->argc != 2)
		strbuf_puts(c->out, "usage: delvm TAG\n");
	else
		report(c, vm_snapshot_delete(c->vm, c->argv[1], &all, &err), &err);
}

void hmp_info_snapshots(struct hmp_call *c)
{
	vm_snapshot_list(c->vm, c->out);
}
