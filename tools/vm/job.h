/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs of QMP: long orders with a name, whose end is told by events and asked
 * for with query-jobs; a job that has ended stays until job-dismiss. Main
 * thread. Ours run in one go on the main loop, after the reply to the order.
 */
#ifndef VMBOX_TOOLS_VM_JOB_H
#define VMBOX_TOOLS_VM_JOB_H

#include "vm.h"

struct vm_job {
	char *id;
	const char *type;		/* QEMU's JobType */
	bool running, concluded;
	struct err err;
	/* Does it; 0 or -errno with err set. */
	int (*run)(struct vm_job *j, struct err *err);
	void (*free)(struct vm_job *j);	/* what run() needed; may be NULL */
	void *opaque;
	struct vm *vm;
	struct vm_job *next;
};

/* Takes opaque over when 0 is returned. -EEXIST: a job of that name is there. */
int  vm_job_start(struct vm *vm, const char *id, const char *type, int (*run)(struct vm_job *j, struct err *err),
		  void (*free)(struct vm_job *j), void *opaque, struct err *err);
void vm_jobs_free(struct vm *vm);

#endif
