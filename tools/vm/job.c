// SPDX-License-Identifier: GPL-2.0-or-later
/* Jobs of QMP (see job.h): list, states, events, query-jobs and the job-* orders. */
#include <errno.h>
#include <stdio.h>
#include "job.h"
#include "mem.h"
#include "qmp-util.h"
#include "str.h"

static const char *const names[] = {
	"undefined", "created", "running", "paused", "ready", "standby", "waiting", "pending", "aborting", "concluded", "null",
};

const char *vm_job_status_name(const struct vm_job *j)
{
	return names[j->status];
}

void vm_job_set(struct vm_job *j, enum vm_job_status status)
{
	struct strbuf out = STRBUF_INIT;
	struct json *o = json_new(JSON_OBJECT);

	j->status = status;
	if (o) {
		qmp_str(o, "status", names[status]);
		qmp_str(o, "id", j->id);
		if (json_print(o, JSON_COMPACT, &out) == 0 && !strbuf_failed(&out))
			vm_event(j->vm, "JOB_STATUS_CHANGE", out.s);
	}
	json_free(o);
	strbuf_free(&out);
}

static void run(void *arg)
{
	struct vm_job *j = arg;

	vm_job_set(j, VM_JOB_RUNNING);
	if (j->run(j, &j->err) < 0) {
		vm_job_set(j, VM_JOB_ABORTING);
	} else {
		vm_job_set(j, VM_JOB_WAITING);
		vm_job_set(j, VM_JOB_PENDING);
	}
	vm_job_set(j, VM_JOB_CONCLUDED);
}

struct vm_job *vm_job_find(struct vm *vm, const char *id)
{
	struct vm_job *j;

	for (j = vm->jobs; j && !str_eq(j->id, id); j = j->next)
		;
	return j;
}

static void job_free(struct vm_job *j)
{
	if (j->ops)
		j->ops->free(j);
	else if (j->free)
		j->free(j);
	mem_free(j->id);
	mem_free(j);
}

static void forget(struct vm_job *j)
{
	struct vm_job **p;

	for (p = &j->vm->jobs; *p && *p != j; p = &(*p)->next)
		;
	if (*p)
		*p = j->next;
}

static struct vm_job *job_new(struct vm *vm, const char *id, const char *type, void *opaque, struct err *err)
{
	struct vm_job *j;

	if (!str_is_id(id)) {
		err_set(err, EINVAL, "Invalid job ID '%s'", id);
		return NULL;
	}
	if (vm_job_find(vm, id)) {
		err_set(err, EEXIST, "Job ID '%s' already in use", id);
		return NULL;
	}
	j = mem_zalloc(sizeof(*j));
	if (!j || !(j->id = str_dup(id))) {
		mem_free(j);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	j->type = type;
	j->opaque = opaque;
	j->vm = vm;
	return j;
}

static void add(struct vm_job *j)
{
	struct vm_job **end;

	for (end = &j->vm->jobs; *end; end = &(*end)->next)
		;
	*end = j;
	vm_job_set(j, VM_JOB_CREATED);
}

int vm_job_start(struct vm *vm, const char *id, const char *type, int (*fn)(struct vm_job *j, struct err *err),
		 void (*release)(struct vm_job *j), void *opaque, struct err *err)
{
	struct vm_job *j = job_new(vm, id, type, opaque, err);

	if (!j)
		return -err->code;
	j->run = fn;
	j->keep = true;
	if (loop_post(vm->loop, run, j, "job", type) < 0) {
		job_free(j);
		return err_set(err, ENOMEM, "out of memory");
	}
	j->free = release;
	add(j);
	return 0;
}

struct vm_job *vm_job_new(struct vm *vm, const char *id, const char *type, const struct vm_job_ops *ops, void *opaque,
			  struct err *err)
{
	struct vm_job *j = job_new(vm, id, type, opaque, err);

	if (!j)
		return NULL;
	j->ops = ops;
	add(j);
	return j;
}

void vm_job_dismiss(struct vm_job *j)
{
	forget(j);
	vm_job_set(j, VM_JOB_NULL);
	job_free(j);
}

void vm_job_end(struct vm_job *j)
{
	vm_job_set(j, VM_JOB_CONCLUDED);
	if (!j->keep)
		vm_job_dismiss(j);
}

void vm_jobs_free(struct vm *vm)
{
	while (vm->jobs) {
		struct vm_job *j = vm->jobs;

		vm->jobs = j->next;
		job_free(j);
	}
}

/* ---- orders ---- */

#define B(s) BIT(VM_JOB_##s)
int vm_job_may(const struct vm_job *j, enum vm_job_verb verb, struct err *err)
{
	static const struct { const char *name; u32 states; } verbs[] = {
		[VM_JOB_CANCEL] = { "cancel", B(CREATED) | B(RUNNING) | B(PAUSED) | B(READY) | B(STANDBY) | B(WAITING) | B(PENDING) },
		[VM_JOB_PAUSE] = { "pause", B(CREATED) | B(RUNNING) | B(PAUSED) | B(READY) | B(STANDBY) },
		[VM_JOB_RESUME] = { "resume", B(CREATED) | B(RUNNING) | B(PAUSED) | B(READY) | B(STANDBY) },
		[VM_JOB_SET_SPEED] = { "set-speed", B(CREATED) | B(RUNNING) | B(PAUSED) | B(READY) | B(STANDBY) },
		[VM_JOB_COMPLETE] = { "complete", B(READY) },
		[VM_JOB_FINALIZE] = { "finalize", B(PENDING) },
		[VM_JOB_DISMISS] = { "dismiss", B(CONCLUDED) },
	};
	/* A plain job runs in one go: there is no moment at which it could be stopped. */
	u32 states = j->ops || verb == VM_JOB_DISMISS ? verbs[verb].states : 0;

	if (states & BIT(j->status))
		return 0;
	return err_set(err, EBUSY, "Job '%s' in state '%s' cannot accept command verb '%s'", j->id, names[j->status],
		       verbs[verb].name);
}
#undef B

int vm_job_pause(struct vm_job *j, bool on, struct err *err)
{
	bool paused = j->status == VM_JOB_PAUSED || j->status == VM_JOB_STANDBY;

	if (vm_job_may(j, on ? VM_JOB_PAUSE : VM_JOB_RESUME, err) < 0)
		return -err->code;
	if (on == paused)
		return err_set(err, EINVAL, on ? "Job is already paused" : "Can't resume a job that was not paused");
	if (j->ops->pause(j, on, err) < 0)
		return -err->code;
	if (on)
		vm_job_set(j, j->status == VM_JOB_READY ? VM_JOB_STANDBY : VM_JOB_PAUSED);
	else
		vm_job_set(j, j->status == VM_JOB_STANDBY ? VM_JOB_READY : VM_JOB_RUNNING);
	return 0;
}

int vm_job_cancel(struct vm_job *j, bool force, struct err *err)
{
	return vm_job_may(j, VM_JOB_CANCEL, err) < 0 ? -err->code : j->ops->cancel(j, force, err);
}

int vm_job_complete(struct vm_job *j, struct err *err)
{
	if (vm_job_may(j, VM_JOB_COMPLETE, err) < 0)
		return -err->code;
	if (!j->ops->complete)
		return err_set(err, ENOTSUP, "Job '%s' cannot be completed", j->id);
	return j->ops->complete(j, err);
}

int vm_job_finalize(struct vm_job *j, struct err *err)
{
	return vm_job_may(j, VM_JOB_FINALIZE, err) < 0 ? -err->code : j->ops->finalize(j, err);
}

/* ---- QMP ---- */

static int query_jobs(struct qmp_call *c)
{
	struct vm_job *j;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (j = c->vm->jobs; j; j = j->next) {
		struct json *o = json_new(JSON_OBJECT);
		u64 done = j->status == VM_JOB_CONCLUDED, total = 1;

		if (j->ops)
			j->ops->progress(j, &done, &total);
		json_append(c->ret, o);
		qmp_int(o, "current-progress", done);
		qmp_str(o, "status", names[j->status]);
		qmp_int(o, "total-progress", total);
		qmp_str(o, "type", j->type);
		qmp_str(o, "id", j->id);
		if (j->status == VM_JOB_CONCLUDED && err_is_set(&j->err))
			qmp_str(o, "error", j->err.msg);
	}
	return 0;
}
QMP("query-jobs", query_jobs);

static struct vm_job *take(struct qmp_call *c)
{
	const char *id = qmp_need_str(c, "id");
	struct vm_job *j = id ? vm_job_find(c->vm, id) : NULL;

	if (id && !j)
		err_set(&c->err, ENOENT, "Job not found");
	return j;
}

static int job_dismiss(struct qmp_call *c)
{
	struct vm_job *j = take(c);

	if (!j || vm_job_may(j, VM_JOB_DISMISS, &c->err) < 0)
		return -c->err.code;
	vm_job_dismiss(j);
	return 0;
}
QMP("job-dismiss", job_dismiss);

static int job_cancel(struct qmp_call *c)
{
	struct vm_job *j = take(c);

	return j ? vm_job_cancel(j, true, &c->err) : -c->err.code;
}
QMP("job-cancel", job_cancel);

static int job_pause(struct qmp_call *c)
{
	struct vm_job *j = take(c);

	return j ? vm_job_pause(j, true, &c->err) : -c->err.code;
}
QMP("job-pause", job_pause);

static int job_resume(struct qmp_call *c)
{
	struct vm_job *j = take(c);

	return j ? vm_job_pause(j, false, &c->err) : -c->err.code;
}
QMP("job-resume", job_resume);

static int job_complete(struct qmp_call *c)
{
	struct vm_job *j = take(c);

	return j ? vm_job_complete(j, &c->err) : -c->err.code;
}
QMP("job-complete", job_complete);

static int job_finalize(struct qmp_call *c)
{
	struct vm_job *j = take(c);

	return j ? vm_job_finalize(j, &c->err) : -c->err.code;
}
QMP("job-finalize", job_finalize);
