// SPDX-License-Identifier: GPL-2.0-or-later
/* x87 arithmetic and comparison. */
#include "x87.h"
#include "x87_host.h"

typedef struct f80 (*x87_fn)(struct sf_env *env, struct f80 a, struct f80 b);

static bool is_nan(struct f80 v)
{
	return (v.se & 0x7fff) == 0x7fff && v.sig << 1;
}

static bool is_inf(struct f80 v)
{
	return (v.se & 0x7fff) == 0x7fff && !(v.sig << 1);
}

/*
 * A NaN operand, an invalid operation or a division by zero goes before a
 * denormal operand. Where flags holds sticky ones the result tells.
 */
static bool graver(const struct sf_env *env, struct f80 a, struct f80 b, struct f80 r)
{
	if (is_nan(a) || is_nan(b))
		return true;
	if (x87_op_flags_exact(env))
		return env->flags & (SF_IE | SF_ZE);
	return is_nan(r) || (is_inf(r) && !b.sig);
}

/* dst = fn(a, b). denorm: an operand was a denormal before it was widened. */
static __always_inline bool compute(struct x86_cpu *cpu, const struct x86_insn *in, x87_fn fn,
				    unsigned dst, struct f80 a, struct f80 b, bool denorm)
{
	struct sf_env env = x87_env(cpu);
	struct f80 r = fn(&env, a, b);

	if (unlikely(denorm) && !graver(&env, a, b, r))
		env.flags |= SF_DE;
	if (!x87_report_env(cpu, in, &env))
		return false;
	x87_set(cpu, dst, r);
	return true;
}

/* dst = dst op src between stack registers, or src op dst when reverse. */
static __always_inline bool arith_reg(struct x86_cpu *cpu, const struct x86_insn *in, x87_fn fn, bool reverse)
{
	unsigned d = in->opnd[0].reg, s = in->opnd[1].reg;
	struct f80 a, b;

	if (unlikely(x87_empty(cpu, d) || x87_empty(cpu, s))) {
		if (!x87_underflow(cpu, in))
			return false;
		x87_set(cpu, d, f80_default_nan());
		return true;
	}
	a = x87_get(cpu, d);
	b = x87_get(cpu, s);
	return reverse ? compute(cpu, in, fn, d, b, a, false) : compute(cpu, in, fn, d, a, b, false);
}

/* st0 = st0 op m, or m op st0. */
static __always_inline void arith_mem(struct x86_cpu *cpu, const struct x86_insn *in, x87_fn fn,
				      bool reverse, bool integer)
{
	bool denorm = false;
	struct f80 m = integer ? x87_load_int(cpu, in) : x87_load_float(cpu, in, &denorm);
	struct f80 a;

	if (unlikely(x87_empty(cpu, 0))) {
		if (x87_underflow(cpu, in))
			x87_set(cpu, 0, f80_default_nan());
		return;
	}
	a = x87_get(cpu, 0);
	if (reverse)
		compute(cpu, in, fn, 0, m, a, denorm);
	else
		compute(cpu, in, fn, 0, a, m, denorm);
}

#define ARITH(name, fn, reverse) \
static void f##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	x87_begin(cpu, in); \
	if (in->opnd[0].kind == X86_OPND_MEM) \
		arith_mem(cpu, in, fn, reverse, false); \
	else \
		arith_reg(cpu, in, fn, reverse); \
} \
static void f##name##p(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	x87_begin(cpu, in); \
	if (arith_reg(cpu, in, fn, reverse)) \
		x87_pop(cpu); \
} \
static void fi##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	x87_begin(cpu, in); \
	arith_mem(cpu, in, fn, reverse, true); \
}

ARITH(add, x87_op_add, false)
ARITH(sub, x87_op_sub, false)
ARITH(subr, x87_op_sub, true)
ARITH(mul, x87_op_mul, false)
ARITH(div, x87_op_div, false)
ARITH(divr, x87_op_div, true)

/*
 * Comparison of st0 with b; false: an unmasked exception, nothing may be
 * popped. The relation is delivered all the same.
 */
static bool compare(struct x86_cpu *cpu, const struct x86_insn *in, struct f80 b, bool denorm,
		    bool signalling, enum sf_rel *rel)
{
	struct sf_env env = x87_env(cpu);
	struct f80 a = x87_get(cpu, 0);

	*rel = f80_compare(&env, a, b, signalling);
	if (denorm && *rel != SF_UNORDERED)
		env.flags |= SF_DE;
	env.c1 = false;
	return x87_report_env(cpu, in, &env);
}

static bool compare_reg(struct x86_cpu *cpu, const struct x86_insn *in, unsigned i, bool signalling, enum sf_rel *rel)
{
	if (x87_empty(cpu, 0) || x87_empty(cpu, i)) {
		*rel = SF_UNORDERED;
		return x87_underflow(cpu, in);
	}
	return compare(cpu, in, x87_get(cpu, i), false, signalling, rel);
}

static void set_cc(struct x86_cpu *cpu, enum sf_rel rel)
{
	static const u16 cc[] = {
		[SF_LESS] = X87_C0, [SF_EQUAL] = X87_C3, [SF_GREATER] = 0,
		[SF_UNORDERED] = X87_C0 | X87_C2 | X87_C3,
	};

	cpu->fpu.sw = (u16)((cpu->fpu.sw & ~(X87_C0 | X87_C2 | X87_C3)) | cc[rel]);
}

/* The operand that st0 is compared with: ST(i) is the last operand, ST(1) by default. */
static unsigned other_reg(const struct x86_insn *in)
{
	if (in->opnd[1].kind == X86_OPND_ST)
		return in->opnd[1].reg;
	return in->opnd[0].kind == X86_OPND_ST ? in->opnd[0].reg : 1;
}

static bool fcom_any(struct x86_cpu *cpu, const struct x86_insn *in, bool integer, bool signalling)
{
	bool denorm = false, ok;
	enum sf_rel rel;

	x87_begin(cpu, in);
	if (in->opnd[0].kind == X86_OPND_MEM) {
		struct f80 b = integer ? x87_load_int(cpu, in) : x87_load_float(cpu, in, &denorm);

		rel = SF_UNORDERED;
		ok = x87_empty(cpu, 0) ? x87_underflow(cpu, in) : compare(cpu, in, b, denorm, signalling, &rel);
	} else {
		ok = compare_reg(cpu, in, other_reg(in), signalling, &rel);
	}
	set_cc(cpu, rel);
	return ok;
}

#define FCOM(name, integer, signalling, pops) \
static void name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	if (fcom_any(cpu, in, integer, signalling)) \
		for (int i = 0; i < (pops); i++) \
			x87_pop(cpu); \
}

FCOM(fcom, false, true, 0)
FCOM(fcomp, false, true, 1)
FCOM(fcompp, false, true, 2)
FCOM(ficom, true, true, 0)
FCOM(ficomp, true, true, 1)
FCOM(fucom, false, false, 0)
FCOM(fucomp, false, false, 1)
FCOM(fucompp, false, false, 2)

static void fcomi_any(struct x86_cpu *cpu, const struct x86_insn *in, bool signalling, bool pop)
{
	static const u32 fl[] = {
		[SF_LESS] = X86_FL_CF, [SF_EQUAL] = X86_FL_ZF, [SF_GREATER] = 0,
		[SF_UNORDERED] = X86_FL_ZF | X86_FL_PF | X86_FL_CF,
	};
	u16 c1 = cpu->fpu.sw & X87_C1;
	enum sf_rel rel;
	bool ok;

	x87_begin(cpu, in);
	ok = compare_reg(cpu, in, other_reg(in), signalling, &rel);
	if (!(x87_empty(cpu, 0) || x87_empty(cpu, other_reg(in))))
		cpu->fpu.sw |= c1;	/* unlike FCOM they leave C1 alone */
	x86_set_arith(cpu, fl[rel]);
	if (ok && pop)
		x87_pop(cpu);
}

static void fcomi(struct x86_cpu *cpu, const struct x86_insn *in)
{
	fcomi_any(cpu, in, true, false);
}

static void fcomip(struct x86_cpu *cpu, const struct x86_insn *in)
{
	fcomi_any(cpu, in, true, true);
}

static void fucomi(struct x86_cpu *cpu, const struct x86_insn *in)
{
	fcomi_any(cpu, in, false, false);
}

static void fucomip(struct x86_cpu *cpu, const struct x86_insn *in)
{
	fcomi_any(cpu, in, false, true);
}

static void ftst(struct x86_cpu *cpu, const struct x86_insn *in)
{
	enum sf_rel rel = SF_UNORDERED;

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0))
		x87_underflow(cpu, in);
	else
		compare(cpu, in, (struct f80){ 0, 0 }, false, true, &rel);
	set_cc(cpu, rel);
}

static u16 classify(struct f80 v)
{
	struct sf_num n = sf_unpack80(v);

	switch (n.cls) {
	case SF_C_ZERO: return X87_C3;
	case SF_C_INF: return X87_C2 | X87_C0;
	case SF_C_BAD: return 0;
	case SF_C_NUM: return n.denorm ? X87_C3 | X87_C2 : X87_C2;
	default: return X87_C0;
	}
}

static void fxam(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct f80 v = x87_get(cpu, 0);
	u16 cc = x87_empty(cpu, 0) ? X87_C3 | X87_C0 : classify(v);

	x87_begin(cpu, in);
	cc |= v.se >> 15 ? X87_C1 : 0;
	cpu->fpu.sw = (u16)((cpu->fpu.sw & ~X87_CC) | cc);
}

/* st0 = value with another sign; no exception but an empty stack. */
static void set_sign(struct x86_cpu *cpu, const struct x86_insn *in, u16 keep, u16 flip)
{
	struct f80 v = x87_get(cpu, 0);

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0)) {
		if (x87_underflow(cpu, in))
			x87_set(cpu, 0, f80_default_nan());
		return;
	}
	x87_report(cpu, in, 0, false);
	v.se = (u16)((v.se & keep) ^ flip);
	x87_set(cpu, 0, v);
}

static void fchs(struct x86_cpu *cpu, const struct x86_insn *in)
{
	set_sign(cpu, in, 0xffff, 0x8000);
}

static void fabs_(struct x86_cpu *cpu, const struct x86_insn *in)
{
	set_sign(cpu, in, 0x7fff, 0);
}

#define ENTRY(OP, fn) { X86_OP_##OP, fn, NULL }
static const struct x86_exec_entry entries[] = {
	ENTRY(FADD, fadd), ENTRY(FADDP, faddp), ENTRY(FIADD, fiadd),
	ENTRY(FMUL, fmul), ENTRY(FMULP, fmulp), ENTRY(FIMUL, fimul),
	ENTRY(FSUB, fsub), ENTRY(FSUBP, fsubp), ENTRY(FISUB, fisub),
	ENTRY(FSUBR, fsubr), ENTRY(FSUBRP, fsubrp), ENTRY(FISUBR, fisubr),
	ENTRY(FDIV, fdiv), ENTRY(FDIVP, fdivp), ENTRY(FIDIV, fidiv),
	ENTRY(FDIVR, fdivr), ENTRY(FDIVRP, fdivrp), ENTRY(FIDIVR, fidivr),
	ENTRY(FCOM, fcom), ENTRY(FCOMP, fcomp), ENTRY(FCOMPP, fcompp), ENTRY(FICOM, ficom), ENTRY(FICOMP, ficomp),
	ENTRY(FUCOM, fucom), ENTRY(FUCOMP, fucomp), ENTRY(FUCOMPP, fucompp),
	ENTRY(FCOMI, fcomi), ENTRY(FCOMIP, fcomip), ENTRY(FUCOMI, fucomi), ENTRY(FUCOMIP, fucomip),
	ENTRY(FTST, ftst), ENTRY(FXAM, fxam), ENTRY(FCHS, fchs), ENTRY(FABS, fabs_),
};
static const struct x86_exec_set x87_arith = X86_EXEC_SET(entries);
REGISTER(x86_exec, x87_arith);
