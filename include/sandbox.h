/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cage for a process that is about to parse what a stranger wrote, and
 * needs no more than to read some files and print. Cannot be left again.
 */
#ifndef VMBOX_SANDBOX_H
#define VMBOX_SANDBOX_H

#include "err.h"

/*
 * From now on this thread, and those it starts, can open files below the directories @dirs
 * (NULL-terminated) for reading and nothing else (Landlock), and has the system calls that
 * reading, printing and threads need (seccomp; others fail with EPERM). Before other threads
 * exist. 0, or -errno with text when the kernel lacks one of both; what it has is in force then.
 */
int sandbox_read_only(const char *const *dirs, struct err *e);

#endif
