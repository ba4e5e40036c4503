/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs of QMP: long orders with a name, whose states are told by events and
 * asked for with query-jobs (QEMU's qapi/job.json has the states and what may
 * be done in each). Main thread. A plain job runs in one go on the main loop,
 * after the reply to the order; others have ops and run beside it.
 */
#ifndef VMBOX_TOOLS_VM_JOB_H
#define VMBOX_TOOLS_VM_JOB_H

#include "vm.h"

enum vm_job_status {
	VM_JOB_UNDEFINED, VM_JOB_CREATED, VM_JOB_RUNNING, VM_JOB_PAUSED, VM_JOB_READY, VM_JOB_STANDBY, VM_JOB_WAITING,
	VM_JOB_PENDING, VM_JOB_ABORTING, VM_JOB_CONCLUDED, VM_JOB_NULL,
};

struct vm_job;

/* The state allows it when these are called; -errno with err set. */
struct vm_job_ops {
	void (*progress)(struct vm_job *j, u64 *done, u64 *total);
	int (*pause)(struct vm_job *j, bool on, struct err *err);
	int (*cancel)(struct vm_job *j, bool force, struct err *err);
	int (*complete)(struct vm_job *j, struct err *err);	/* NULL: it ends by itself */
	int (*finalize)(struct vm_job *j, struct err *err);
	void (*free)(struct vm_job *j);
};

struct vm_job {
	char *id;
	const char *type;		/* QEMU's JobType */
	enum vm_job_status status;
	bool keep;			/* stays when it has ended, until it is dismissed */
	struct err err;
	const struct vm_job_ops *ops;	/* NULL: a plain job */
	int (*run)(struct vm_job *j, struct err *err);
	void (*free)(struct vm_job *j);
	void *opaque;
	struct vm *vm;
	struct vm_job *next;
};

/* Takes opaque over when 0 is returned. -EEXIST: a job of that name is there. */
int  vm_job_start(struct vm *vm, const char *id, const char *type, int (*run)(struct vm_job *j, struct err *err),
		  void (*free)(struct vm_job *j), void *opaque, struct err *err);
/* A job with ops, in the state CREATED; NULL with err set. vm_job_end() or vm_jobs_free() free it. */
struct vm_job *vm_job_new(struct vm *vm, const char *id, const char *type, const struct vm_job_ops *ops, void *opaque,
			  struct err *err);
struct vm_job *vm_job_find(struct vm *vm, const char *id);
/* Another state, told by an event. */
void vm_job_set(struct vm_job *j, enum vm_job_status status);
const char *vm_job_status_name(const struct vm_job *j);
/* Concluded; freed unless it is kept. */
void vm_job_end(struct vm_job *j);
/* -EBUSY with QEMU's text unless the state takes that order. */
enum vm_job_verb { VM_JOB_CANCEL, VM_JOB_PAUSE, VM_JOB_RESUME, VM_JOB_SET_SPEED, VM_JOB_COMPLETE, VM_JOB_FINALIZE, VM_JOB_DISMISS };
int  vm_job_may(const struct vm_job *j, enum vm_job_verb verb, struct err *err);
/* What the orders do, once they may. dismiss frees it. */
int  vm_job_pause(struct vm_job *j, bool on, struct err *err);
int  vm_job_cancel(struct vm_job *j, bool force, struct err *err);
int  vm_job_complete(struct vm_job *j, struct err *err);
int  vm_job_finalize(struct vm_job *j, struct err *err);
void vm_job_dismiss(struct vm_job *j);
void vm_jobs_free(struct vm *vm);

#endif
