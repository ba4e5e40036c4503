/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault injection for tests: make the Nth allocation, I/O or other marked
 * operation fail, in a loop until the whole operation succeeds:
 *
 *	FAULT_FOREACH(FAULT_ALLOC, n) {		// n = 1, 2, 3 ...
 *		ret = json_parse(...);
 *		... ret is success, or -ENOMEM and nothing leaked ...
 *	}					// ends when no fault was hit
 *
 * Code marks a place with `if (fault_hit(FAULT_IO)) return -EIO;`: one load
 * and a branch, nothing without CONFIG_FAULT_INJECTION. The counters are
 * per thread, so a test does not disturb threads beside it.
 */
#ifndef VMBOX_FAULT_H
#define VMBOX_FAULT_H

#include "compiler.h"
#include "config.h"

enum fault_kind {
	FAULT_ALLOC,		/* mem_*() returns NULL */
	FAULT_IO,		/* a read or write fails with EIO */
	FAULT_IO_SHORT,		/* a read or write is cut short */
	FAULT_FLUSH,		/* a flush fails */
	FAULT_NET,		/* a connection breaks */
	FAULT_KINDS
};

#if IS_ENABLED(CONFIG_FAULT_INJECTION)

extern __thread u32 fault_armed;	/* bit per kind */
bool fault_count(enum fault_kind kind);

static inline bool fault_hit(enum fault_kind kind)
{
	return unlikely(fault_armed & (1U << kind)) && fault_count(kind);
}

/* The nth operation from now in this thread fails (1: the next); then no more. */
void fault_arm(enum fault_kind kind, u64 nth);
/* As fault_arm(), and all operations after it fail too. */
void fault_arm_all(enum fault_kind kind, u64 nth);
/* No more faults; true when one was hit since it was armed. */
bool fault_disarm(enum fault_kind kind);

/* The loop ends with a round in which no fault was hit. */
#define FAULT_FOREACH(kind, n) \
	for (u64 n = 1, _more_##n = 1; \
	     _more_##n && (fault_arm(kind, n), 1); \
	     _more_##n = fault_disarm(kind), n++)

#else

static inline bool fault_hit(enum fault_kind kind)
{
	(void)kind;
	return false;
}

#endif
#endif
