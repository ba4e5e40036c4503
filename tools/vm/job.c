// SPDX-License-Identifier: GPL-2.0-or-later
/* Jobs of QMP (see job.h): list, events, query-jobs, job-dismiss, job-cancel. */
#include <errno.h>
#include <stdio.h>
#include "job.h"
#include "mem.h"
#include "qmp-util.h"
#include "str.h"

static void tell(struct vm_job *j, const char *status)
{
	struct strbuf out = STRBUF_INIT;
	struct json *o = json_new(JSON_OBJECT);

	if (o) {
		qmp_str(o, "status", status);
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

	j->running = true;
	tell(j, "running");
	if (j->run(j, &j->err) < 0) {
		tell(j, "aborting");
	} else {
		tell(j, "waiting");
		tell(j, "pending");
	}
	j->running = false;
	j->concluded = true;
	tell(j, "concluded");
}

static struct vm_job *find(struct vm *vm, const char *id)
{
	struct vm_job *j;

	for (j = vm->jobs; j && !str_eq(j->id, id); j = j->next)
		;
	return j;
}

static void job_free(struct vm_job *j)
{
	if (j->free)
		j->free(j);
	mem_free(j->id);
	mem_free(j);
}

int vm_job_start(struct vm *vm, const char *id, const char *type, int (*fn)(struct vm_job *j, struct err *err),
		 void (*release)(struct vm_job *j), void *opaque, struct err *err)
{
	struct vm_job *j, **end;

	if (find(vm, id))
		return err_set(err, EEXIST, "Job ID '%s' already in use", id);
	j = mem_zalloc(sizeof(*j));
	if (!j || !(j->id = str_dup(id))) {
		mem_free(j);
		return err_set(err, ENOMEM, "out of memory");
	}
	j->type = type;
	j->run = fn;
	j->opaque = opaque;
	j->vm = vm;
	if (loop_post(vm->loop, run, j, "job", type) < 0) {
		job_free(j);
		return err_set(err, ENOMEM, "out of memory");
	}
	j->free = release;
	for (end = &vm->jobs; *end; end = &(*end)->next)
		;
	*end = j;
	tell(j, "created");
	return 0;
}

void vm_jobs_free(struct vm *vm)
{
	while (vm->jobs) {
		struct vm_job *j = vm->jobs;

		vm->jobs = j->next;
		job_free(j);
	}
}

/* ---- QMP ---- */

static const char *status_of(const struct vm_job *j)
{
	return j->concluded ? "concluded" : j->running ? "running" : "created";
}

static int query_jobs(struct qmp_call *c)
{
	const struct vm_job *j;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (j = c->vm->jobs; j; j = j->next) {
		struct json *o = json_new(JSON_OBJECT);

		json_append(c->ret, o);
		qmp_str(o, "id", j->id);
		qmp_str(o, "type", j->type);
		qmp_str(o, "status", status_of(j));
		qmp_int(o, "current-progress", j->concluded);
		qmp_int(o, "total-progress", 1);
		if (j->concluded && err_is_set(&j->err))
			qmp_str(o, "error", j->err.msg);
	}
	return 0;
}
QMP("query-jobs", query_jobs);

static struct vm_job *take(struct qmp_call *c)
{
	const char *id = qmp_need_str(c, "id");
	struct vm_job *j = id ? find(c->vm, id) : NULL;

	if (id && !j)
		err_set(&c->err, ENOENT, "Job not found");
	return j;
}

static int refuse(struct qmp_call *c, const struct vm_job *j, const char *verb)
{
	return err_set(&c->err, EBUSY, "Job '%s' in state '%s' cannot accept command verb '%s'", j->id, status_of(j), verb);
}

static int job_dismiss(struct qmp_call *c)
{
	struct vm_job *j = take(c), **p;

	if (!j)
		return -c->err.code;
	if (!j->concluded)
		return refuse(c, j, "dismiss");
	for (p = &c->vm->jobs; *p != j; p = &(*p)->next)
		;
	*p = j->next;
	tell(j, "null");
	job_free(j);
	return 0;
}
QMP("job-dismiss", job_dismiss);

/* A job runs in one go: there is no moment at which it could be cancelled. */
static int job_cancel(struct qmp_call *c)
{
	struct vm_job *j = take(c);

	return j ? refuse(c, j, "cancel") : -c->err.code;
}
QMP("job-cancel", job_cancel);
