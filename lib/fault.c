// SPDX-License-Identifier: GPL-2.0-or-later
/* Fault injection: the counters behind fault.h, one set per thread. */
#include "fault.h"

__thread u32 fault_armed;

static __thread struct {
	u64 left;		/* operations until the fault */
	bool sticky;		/* and all that follow */
	bool hit;
} faults[FAULT_KINDS];

bool fault_count(enum fault_kind kind)
{
	if (faults[kind].left > 1) {
		faults[kind].left--;
		return false;
	}
	faults[kind].hit = true;
	if (!faults[kind].sticky)
		fault_armed &= ~(1U << kind);
	return true;
}

static void arm(enum fault_kind kind, u64 nth, bool sticky)
{
	faults[kind].left = nth;
	faults[kind].sticky = sticky;
	faults[kind].hit = false;
	fault_armed |= 1U << kind;
}

void fault_arm(enum fault_kind kind, u64 nth)
{
	arm(kind, nth, false);
}

void fault_arm_all(enum fault_kind kind, u64 nth)
{
	arm(kind, nth, true);
}

bool fault_disarm(enum fault_kind kind)
{
	fault_armed &= ~(1U << kind);
	return faults[kind].hit;
}
