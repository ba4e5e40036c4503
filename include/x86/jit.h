/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator's switch. A machine has it or has it not for its whole
 * life; without it the interpreter runs everything. State, memory, faults and
 * requests are the same for both (x86/cpu.h).
 */
#ifndef VMBOX_X86_JIT_H
#define VMBOX_X86_JIT_H

#include "config.h"
#include "x86/cpu.h"

#define X86_JIT_CACHE_MAX GiB	/* branches in it reach 2 GiB */

struct x86_jit_config {
	size_t cache_bytes;	/* of generated code, what is known of it comes beside; 0: the default */
	bool verify;		/* each block is compared with what the interpreter does from the same state; x86_jit_stats.differences */
	bool single;		/* for tests: blocks of one instruction, and x86_cpu_step() runs them */
};

struct x86_jit_stats {
	u64 blocks, insns;	/* translated, instructions in them */
	u64 code_bytes;		/* generated for them */
	u64 helpers;		/* of the instructions, how many are calls of the interpreter */
	u64 dropped;		/* blocks whose code was written to */
	u64 flushes;		/* of the oldest region of the cache */
	u64 verified, differences;	/* verify: blocks compared, and not equal */
};

/* Whether this build has one. */
static inline bool x86_jit_built(void) { return IS_ENABLED(CONFIG_JIT); }

#if IS_ENABLED(CONFIG_JIT)
/*
 * Makes the CPUs that will be created in sys run generated code. Before the
 * first x86_cpu_create(). -ENOTSUP: the host's processor or kernel lacks what
 * it needs, and *e says what.
 */
int x86_jit_enable(struct x86_system *sys, const struct x86_jit_config *cfg, struct err *e);
/* Counters; any thread. Zeros without translator. */
void x86_jit_stats(struct x86_system *sys, struct x86_jit_stats *st);
#else
static inline int x86_jit_enable(struct x86_system *sys, const struct x86_jit_config *cfg, struct err *e)
{
	(void)sys;
	(void)cfg;
	return err_set(e, ENOTSUP, "this build has no translator");
}
static inline void x86_jit_stats(struct x86_system *sys, struct x86_jit_stats *st)
{
	(void)sys;
	*st = (struct x86_jit_stats){ 0 };
}
#endif

#endif
