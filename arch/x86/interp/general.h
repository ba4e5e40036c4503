/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers of the general handlers: the read-modify-write engine (plain and
 * LOCKed), the stack in any mode, registration.
 */
#ifndef ARCH_X86_INTERP_GENERAL_H
#define ARCH_X86_INTERP_GENERAL_H

#include "flags.h"
#include "../priv.h"

/* New value from the old one; sets the flags. Called again when a CAS fails, with the flags as they were. */
typedef u64 (*rmw_fn)(struct x86_cpu *cpu, u64 old, u64 src, unsigned bits);

/* Applies fn to operand n (register or memory, LOCK honoured). Returns the old value. */
u64 rmw_operand(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, rmw_fn fn, u64 src);
/* The same at a checked linear address. */
u64 rmw_memory(struct x86_cpu *cpu, u64 lin, unsigned size, bool lock, rmw_fn fn, u64 src);

/* Stack pointer arithmetic by SS.B and mode: addresses wrap at 16, 32 or 64 bits. */
u64  stack_mask(const struct x86_cpu *cpu);
void stack_set_sp(struct x86_cpu *cpu, u64 sp);
/* Pushes and pops size bytes; the pointer moves only when memory did not fault. */
void stack_push(struct x86_cpu *cpu, u64 val, unsigned size);
u64  stack_pop(struct x86_cpu *cpu, unsigned size);
/* Reads at rSP + off without moving it; writes likewise. */
u64  stack_peek(struct x86_cpu *cpu, u64 off, unsigned size);

/* Near branch to an offset in CS: cut to opsize, checked against limit or canonical form, then rip_next. */
void branch_near(struct x86_cpu *cpu, u64 target, unsigned opsize);
u64  branch_check(struct x86_cpu *cpu, u64 target, unsigned opsize);

#define EXEC_REGISTER(name, entries) \
	static const struct x86_exec_set name = X86_EXEC_SET(entries); \
	REGISTER(x86_exec, name)

#endif
