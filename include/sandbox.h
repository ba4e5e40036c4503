/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cage for a process that is about to parse what a stranger wrote, and
 * needs no more than some files, threads and its terminal. Cannot be left.
 */
#ifndef VMBOX_SANDBOX_H
#define VMBOX_SANDBOX_H

#include "err.h"

/* What may be used: all below a directory, or one file or device. */
struct sandbox_rule {
	const char *path;	/* NULL: @fd says which file */
	int fd;
	bool write;		/* and changed, and files made in it; else only read */
};

/*
 * From now on this thread, and those it starts, can open what the @n @rules name and nothing else
 * (Landlock), and has the system calls that reading, printing and threads need, with those that
 * change files if a rule says so (seccomp; others fail with EPERM). Dumps no core. Before other
 * threads exist. 0, or -errno with text when the kernel lacks one of both; what it has is in
 * force then.
 */
int sandbox_enter(const struct sandbox_rule *rules, int n, struct err *e);

#endif
