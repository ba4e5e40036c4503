// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x87 functions of one or two stack registers: roots, remainders, scaling,
 * and the transcendental instructions.
 */
#include "x87.h"
#include "x87_host.h"

typedef struct f80 (*unary_fn)(struct sf_env *env, struct f80 a);
typedef struct f80 (*binary_fn)(struct sf_env *env, struct f80 a, struct f80 b);

static void set_c2(struct x86_cpu *cpu, bool on)
{
	cpu->fpu.sw = (u16)((cpu->fpu.sw & ~X87_C2) | (on ? X87_C2 : 0));
}

/* Stack faults of FPREM, FSIN and the like clear C2. */
static bool underflow_c2(struct x86_cpu *cpu, const struct x86_insn *in)
{
	set_c2(cpu, false);
	return x87_underflow(cpu, in);
}

static void unary(struct x86_cpu *cpu, const struct x86_insn *in, unary_fn fn)
{
	struct sf_env env = x87_env(cpu);
	struct f80 r;

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0)) {
		if (x87_underflow(cpu, in))
			x87_set(cpu, 0, f80_default_nan());
		return;
	}
	r = fn(&env, x87_get(cpu, 0));
	if (x87_report_env(cpu, in, &env))
		x87_set(cpu, 0, r);
}

/* Result of fn(st0, st1) to st(dst), with a pop when dst is 1. */
static void binary(struct x86_cpu *cpu, const struct x86_insn *in, binary_fn fn, unsigned dst)
{
	struct sf_env env = x87_env(cpu);
	struct f80 r = f80_default_nan();
	bool ok;

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0) || x87_empty(cpu, 1)) {
		ok = x87_underflow(cpu, in);
	} else {
		r = fn(&env, x87_get(cpu, 0), x87_get(cpu, 1));
		ok = x87_report_env(cpu, in, &env);
	}
	if (!ok)
		return;
	x87_set(cpu, dst, r);
	if (dst)
		x87_pop(cpu);
}

static void fsqrt(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unary(cpu, in, x87_op_sqrt);
}

static void frndint(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unary(cpu, in, f80_rint);
}

static void f2xm1(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unary(cpu, in, x87_op_f2xm1);
}

static void fscale(struct x86_cpu *cpu, const struct x86_insn *in)
{
	binary(cpu, in, f80_scale, 0);
}

static void fyl2x(struct x86_cpu *cpu, const struct x86_insn *in)
{
	binary(cpu, in, x87_op_yl2x, 1);
}

static void fyl2xp1(struct x86_cpu *cpu, const struct x86_insn *in)
{
	binary(cpu, in, x87_op_yl2xp1, 1);
}

static void fpatan(struct x86_cpu *cpu, const struct x86_insn *in)
{
	binary(cpu, in, x87_op_patan, 1);
}

static bool is_nan(struct f80 v)
{
	return (v.se & 0x7fff) == 0x7fff && v.sig << 1;
}

static void fprem_any(struct x86_cpu *cpu, const struct x86_insn *in, bool nearest)
{
	struct sf_env env = x87_env(cpu);
	struct f80 r;
	u16 cc = 0;
	int quot;

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0) || x87_empty(cpu, 1)) {
		if (underflow_c2(cpu, in))
			x87_set(cpu, 0, f80_default_nan());
		return;
	}
	r = x87_op_rem(&env, x87_get(cpu, 0), x87_get(cpu, 1), nearest, &quot);
	env.c1 = false;
	set_c2(cpu, false);
	if (!x87_report_env(cpu, in, &env))
		return;
	x87_set(cpu, 0, r);
	if (is_nan(r))		/* no quotient: C0 and C3 stay */
		cc = cpu->fpu.sw & (X87_C0 | X87_C3);
	else if (quot < 0)
		cc = X87_C2;
	else
		cc = (quot & 1 ? X87_C1 : 0) | (quot & 2 ? X87_C3 : 0) | (quot & 4 ? X87_C0 : 0);
	cpu->fpu.sw = (u16)((cpu->fpu.sw & ~X87_CC) | cc);
}

static void fprem(struct x86_cpu *cpu, const struct x86_insn *in)
{
	fprem_any(cpu, in, false);
}

static void fprem1(struct x86_cpu *cpu, const struct x86_insn *in)
{
	fprem_any(cpu, in, true);
}

/* Checks for an instruction that replaces st0 and pushes; true: go on. Masked faults are dealt with. */
static bool may_push(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool ok;

	if (!x87_empty(cpu, 0) && x87_empty(cpu, 7))
		return true;
	ok = x87_empty(cpu, 0) ? x87_underflow(cpu, in) : x87_overflow(cpu, in);
	if (ok) {
		x87_set(cpu, 0, f80_default_nan());
		x87_push(cpu, f80_default_nan());
	}
	return false;
}

static void fxtract(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct sf_env env = x87_env(cpu);
	struct f80 sig, exp;

	x87_begin(cpu, in);
	if (!may_push(cpu, in))
		return;
	sig = f80_extract(&env, x87_get(cpu, 0), &exp);
	if (!x87_report_env(cpu, in, &env))
		return;
	x87_set(cpu, 0, exp);
	x87_push(cpu, sig);
}

typedef struct f80 (*partial_fn)(struct sf_env *env, struct f80 a, bool *partial);
typedef struct f80 (*pair_fn)(struct sf_env *env, struct f80 a, struct f80 *top, bool *partial);

static void circular(struct x86_cpu *cpu, const struct x86_insn *in, partial_fn fn)
{
	struct sf_env env = x87_env(cpu);
	struct f80 r;
	bool partial;

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0)) {
		if (underflow_c2(cpu, in))
			x87_set(cpu, 0, f80_default_nan());
		return;
	}
	r = fn(&env, x87_get(cpu, 0), &partial);
	set_c2(cpu, partial);
	if (!x87_report_env(cpu, in, &env))
		return;
	x87_set(cpu, 0, r);
}

static void circular_pair(struct x86_cpu *cpu, const struct x86_insn *in, pair_fn fn)
{
	struct sf_env env = x87_env(cpu);
	struct f80 r, top;
	bool partial;

	x87_begin(cpu, in);
	if (!may_push(cpu, in)) {
		set_c2(cpu, false);
		return;
	}
	r = fn(&env, x87_get(cpu, 0), &top, &partial);
	set_c2(cpu, partial);
	if (!x87_report_env(cpu, in, &env))
		return;
	if (partial)
		return;
	x87_set(cpu, 0, r);
	x87_push(cpu, top);
}

static void fsin(struct x86_cpu *cpu, const struct x86_insn *in)
{
	circular(cpu, in, x87_op_sin);
}

static void fcos(struct x86_cpu *cpu, const struct x86_insn *in)
{
	circular(cpu, in, x87_op_cos);
}

static void fsincos(struct x86_cpu *cpu, const struct x86_insn *in)
{
	circular_pair(cpu, in, x87_op_sincos);
}

static void fptan(struct x86_cpu *cpu, const struct x86_insn *in)
{
	circular_pair(cpu, in, x87_op_ptan);
}

#define ENTRY(OP, fn) { X86_OP_##OP, fn, NULL }
static const struct x86_exec_entry entries[] = {
	ENTRY(FSQRT, fsqrt), ENTRY(FRNDINT, frndint), ENTRY(FSCALE, fscale), ENTRY(FXTRACT, fxtract),
	ENTRY(FPREM, fprem), ENTRY(FPREM1, fprem1), ENTRY(F2XM1, f2xm1), ENTRY(FYL2X, fyl2x),
	ENTRY(FYL2XP1, fyl2xp1), ENTRY(FPATAN, fpatan), ENTRY(FPTAN, fptan), ENTRY(FSIN, fsin),
	ENTRY(FCOS, fcos), ENTRY(FSINCOS, fsincos),
};
static const struct x86_exec_set x87_func = X86_EXEC_SET(entries);
REGISTER(x86_exec, x87_func);
