/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vCPU's saved state as a table; its object is struct cpu_state. */
#ifndef ARCH_X86_MACHINE_CPU_STATE_H
#define ARCH_X86_MACHINE_CPU_STATE_H

#include "dev/state.h"
#include "x86/saved.h"

struct cpu_state {
	struct x86_saved s;	/* first: the table's offsets are into it */
	struct x86_cpu *cpu;
};

/* state_save() and state_load() with a struct cpu_state whose cpu is set; the vCPU stands still. */
extern const struct state_table cpu_state_table;

#endif
