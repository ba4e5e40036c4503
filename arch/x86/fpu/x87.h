/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87 register stack, its exceptions, and the shape of its handlers.
 *
 * A handler calls x87_begin(), checks for stack faults, computes with an env
 * of the control word, reports flags by x87_report(), and writes its result
 * only when that returned true (SDM vol. 1, 8.5: an unmasked invalid,
 * denormal or divide-by-zero exception leaves registers as they were).
 */
#ifndef X86_X87_H
#define X86_X87_H

#include "x86/exec.h"
#include "x86/softfloat.h"

#define X87_SF		0x0040
#define X87_ES		0x0080
#define X87_C0		0x0100
#define X87_C1		0x0200
#define X87_C2		0x0400
#define X87_C3		0x4000
#define X87_CC		(X87_C0 | X87_C1 | X87_C2 | X87_C3)
#define X87_TOP		0x3800
#define X87_B		0x8000

static inline unsigned x87_phys(const struct x86_cpu *cpu, unsigned i)
{
	return ((cpu->fpu.sw >> 11) + i) & 7;
}

static inline bool x87_empty(const struct x86_cpu *cpu, unsigned i)
{
	return !(cpu->fpu.valid >> x87_phys(cpu, i) & 1);
}

static inline struct f80 x87_get(const struct x86_cpu *cpu, unsigned i)
{
	const struct x86_f80 *r = &cpu->fpu.st[x87_phys(cpu, i)];

	return (struct f80){ r->man, r->se };
}

static inline void x87_set(struct x86_cpu *cpu, unsigned i, struct f80 v)
{
	unsigned p = x87_phys(cpu, i);

	cpu->fpu.st[p] = (struct x86_f80){ v.sig, v.se };
	cpu->fpu.valid |= (u8)(1u << p);
}

static inline void x87_rotate(struct x86_cpu *cpu, int by)
{
	u16 sw = cpu->fpu.sw;

	cpu->fpu.sw = (u16)((sw & ~X87_TOP) | ((sw + by * (1 << 11)) & X87_TOP));
}

static inline void x87_pop(struct x86_cpu *cpu)
{
	cpu->fpu.valid &= (u8)~(1u << x87_phys(cpu, 0));
	x87_rotate(cpu, 1);
}

static inline void x87_push(struct x86_cpu *cpu, struct f80 v)
{
	x87_rotate(cpu, -1);
	x87_set(cpu, 0, v);
}

/* As sf_env_x87(); the four bytes are the precisions 24, 64 (reserved), 53, 64. */
static inline struct sf_env x87_env(const struct x86_cpu *cpu)
{
	u16 cw = cpu->fpu.cw;

	return (struct sf_env){
		.rc = cw >> 10 & 3, .prec = 0x40354018 >> (cw >> 5 & 0x18) & 0xff, .mask = cw & SF_ALL,
		.x87 = true, .sticky = cpu->fpu.sw & SF_ALL, .cw = cw,
	};
}

/* #MF, or FERR# when CR0.NE is clear. */
void x87_pending(struct x86_cpu *cpu);
/* Every waiting instruction that computes: pending exceptions, then FIP. */
void x87_begin(struct x86_cpu *cpu, const struct x86_insn *in);
/*
 * Puts flags (SF_*, X87_SF) and C1 in the status word. False: an unmasked
 * exception withholds the result.
 */
bool x87_report(struct x86_cpu *cpu, const struct x86_insn *in, u32 flags, bool c1);
/* The same for env's flags and c1. */
static inline bool x87_report_env(struct x86_cpu *cpu, const struct x86_insn *in, const struct sf_env *env)
{
	return x87_report(cpu, in, env->flags, env->c1);
}
/* Stack underflow and overflow; true when masked: the result is then f80_default_nan(). */
bool x87_underflow(struct x86_cpu *cpu, const struct x86_insn *in);
bool x87_overflow(struct x86_cpu *cpu, const struct x86_insn *in);
/* ES and B follow from flags and masks after either was loaded. */
void x87_update_es(struct x86_cpu *cpu);
/* The full tag word, two bits a physical register (FNSTENV). */
u16 x87_tag_word(const struct x86_cpu *cpu);
/* FNINIT's state. */
void x87_init(struct x86_cpu *cpu);

/* A memory operand as f80, its signalling NaNs intact; *denorm: it was a denormal. */
struct f80 x87_load_float(struct x86_cpu *cpu, const struct x86_insn *in, bool *denorm);
struct f80 x87_load_int(struct x86_cpu *cpu, const struct x86_insn *in);

#endif
