// SPDX-License-Identifier: GPL-2.0-or-later
/* ADD, SUB, MUL, DIV, MIN, MAX, SQRT, HADD, HSUB, ADDSUB, ROUND, DP, RCP, RSQRT. */
#include "fp_host.h"

#define ELEM(name, fn, a, b) \
static u64 soft_##name##_s(struct sf_env *env, u64 x, u64 y) { (void)x; return fn(env, SF_F32, a, b); } \
static u64 soft_##name##_d(struct sf_env *env, u64 x, u64 y) { (void)x; return fn(env, SF_F64, a, b); }

/* The four forms of an operation. */
#define FAMILY(name) \
FP_HOST(name##ps, #name "ps") \
FP_HOST(name##pd, #name "pd") \
FP_HOST_SS(name##ss, #name "ss") \
FP_HOST_SD(name##sd, #name "sd") \
FP_EXEC(name##ps, host_##name##ps, soft_##name##_s, FP_PS) \
FP_EXEC(name##pd, host_##name##pd, soft_##name##_d, FP_PD) \
FP_EXEC(name##ss, host_##name##ss, soft_##name##_s, FP_SS) \
FP_EXEC(name##sd, host_##name##sd, soft_##name##_d, FP_SD)

ELEM(add, sf_add, x, y)
ELEM(sub, sf_sub, x, y)
ELEM(mul, sf_mul, x, y)
ELEM(div, sf_div, x, y)
ELEM(min, sf_min, x, y)
ELEM(max, sf_max, x, y)

static u64 soft_sqrt_s(struct sf_env *env, u64 x, u64 y)
{
	(void)x;
	return sf_sqrt(env, SF_F32, y);
}

static u64 soft_sqrt_d(struct sf_env *env, u64 x, u64 y)
{
	(void)x;
	return sf_sqrt(env, SF_F64, y);
}

FAMILY(add)
FAMILY(sub)
FAMILY(mul)
FAMILY(div)
FAMILY(min)
FAMILY(max)
FAMILY(sqrt)

/*
 * Operations on neighbours are vertical ones on rearranged sources: x gets
 * the left operands of all results, y the right ones.
 */
static void gather_pairs(union x86_vec *x, union x86_vec *y, const union x86_vec *a, const union x86_vec *b,
			 unsigned n, unsigned size)
{
	for (unsigned l = 0; l < n / 8; l += 2) {
		if (size == 8) {
			x->q[l] = a->q[l];
			y->q[l] = a->q[l + 1];
			x->q[l + 1] = b->q[l];
			y->q[l + 1] = b->q[l + 1];
			continue;
		}
		for (unsigned i = 0; i < 2; i++) {
			x->d[2 * l + i] = a->d[2 * l + 2 * i];
			y->d[2 * l + i] = a->d[2 * l + 2 * i + 1];
			x->d[2 * l + 2 + i] = b->d[2 * l + 2 * i];
			y->d[2 * l + 2 + i] = b->d[2 * l + 2 * i + 1];
		}
	}
}

static __always_inline void horizontal(struct x86_cpu *cpu, const struct x86_insn *in, fp_host_fn host,
				       fp_elem_fn soft, const struct fp_shape *sh)
{
	bool vex = in->flags & X86_INSN_VEX;
	const union x86_vec *a = &cpu->vec[in->opnd[vex].reg], *b;
	unsigned n = in->flags & X86_INSN_L ? 32 : 16;
	union x86_vec tmp, x, y, d = { .q = { 0 } };

	b = simd_src(cpu, in, 1 + vex, &tmp);
	gather_pairs(&x, &y, a, b, n, sh->dsize);
	fp_compute(cpu, host, soft, sh, &d, &x, &y, n);
	if (n == 32)
		simd_put_ymm(cpu, in->opnd[0].reg, &d);
	else
		simd_put128(cpu, in, in->opnd[0].reg, &d);
}

#define HORIZONTAL(name, host, soft, ...) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	static const struct fp_shape sh = __VA_ARGS__; \
	horizontal(cpu, in, host, soft, &sh); \
}

HORIZONTAL(haddps, host_addps, soft_add_s, FP_PS)
HORIZONTAL(haddpd, host_addpd, soft_add_d, FP_PD)
HORIZONTAL(hsubps, host_subps, soft_sub_s, FP_PS)
HORIZONTAL(hsubpd, host_subpd, soft_sub_d, FP_PD)

/* ADDSUBxx subtracts in even elements: one element at a time, it is rare. */
static void addsub(struct x86_cpu *cpu, const struct x86_insn *in, enum sf_format fmt)
{
	bool vex = in->flags & X86_INSN_VEX;
	const union x86_vec *a = &cpu->vec[in->opnd[vex].reg], *b;
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	unsigned n = in->flags & X86_INSN_L ? 32 : 16;
	union x86_vec tmp, d = { .q = { 0 } };
	u32 flags = 0;

	b = simd_src(cpu, in, 1 + vex, &tmp);
	for (unsigned i = 0; i < n / (fmt == SF_F32 ? 4 : 8); i++) {
		__auto_type fn = i & 1 ? sf_add : sf_sub;

		env.flags = 0;
		if (fmt == SF_F32)
			d.d[i] = (u32)fn(&env, fmt, a->d[i], b->d[i]);
		else
			d.q[i] = fn(&env, fmt, a->q[i], b->q[i]);
		flags |= env.flags;
	}
	fp_raise_flags(cpu, flags);
	if (n == 32)
		simd_put_ymm(cpu, in->opnd[0].reg, &d);
	else
		simd_put128(cpu, in, in->opnd[0].reg, &d);
}

static void exec_addsubps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	addsub(cpu, in, SF_F32);
}

static void exec_addsubpd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	addsub(cpu, in, SF_F64);
}

/* ROUNDxx: imm bits 1-0 the mode, bit 2 takes MXCSR's instead, bit 3 suppresses P. */
static void round_any(struct x86_cpu *cpu, const struct x86_insn *in, enum sf_format fmt, bool scalar)
{
	bool three = scalar && in->flags & X86_INSN_VEX;
	const union x86_vec *a = &cpu->vec[in->opnd[three].reg], *b;
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	unsigned size = fmt == SF_F32 ? 4 : 8, n = in->flags & X86_INSN_L && !scalar ? 32 : 16;
	u8 imm = (u8)in->imm, rc = imm & 4 ? env.rc : imm & 3;
	union x86_vec tmp, d = *a;

	b = simd_src(cpu, in, 1 + three, &tmp);
	for (unsigned i = 0; i < (scalar ? 1 : n / size); i++) {
		if (fmt == SF_F32)
			d.d[i] = (u32)sf_rint(&env, fmt, b->d[i], rc, imm & 8);
		else
			d.q[i] = sf_rint(&env, fmt, b->q[i], rc, imm & 8);
	}
	fp_raise_flags(cpu, env.flags);
	if (n == 32)
		simd_put_ymm(cpu, in->opnd[0].reg, &d);
	else
		simd_put128(cpu, in, in->opnd[0].reg, &d);
}

#define ROUND(name, fmt, scalar) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { round_any(cpu, in, fmt, scalar); }

ROUND(roundps, SF_F32, false)
ROUND(roundpd, SF_F64, false)
ROUND(roundss, SF_F32, true)
ROUND(roundsd, SF_F64, true)

/*
 * Dot products: imm bits 7-4 choose the products, 3-0 where the sum goes.
 * Products first, then pairs, then their sum; each step is rounded, and
 * reports the exceptions of all lanes before the next one starts. Each element adds
 * up in an order of its own, which decides between NaNs.
 */
static void dpps_lanes(struct x86_cpu *cpu, union x86_vec *d, const union x86_vec *a, const union x86_vec *b,
		       unsigned count, u8 imm)
{
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	u64 p[8], s[8];

	for (unsigned i = 0; i < count; i++)
		p[i] = imm >> (4 + (i & 3)) & 1 ? sf_mul(&env, SF_F32, a->d[i], b->d[i]) : 0;
	fp_raise_flags(cpu, env.flags);
	for (unsigned i = 0; i < count; i++)
		s[i] = sf_add(&env, SF_F32, p[i ^ 1], p[i]);
	fp_raise_flags(cpu, env.flags);
	for (unsigned i = 0; i < count; i++)
		p[i] = sf_add(&env, SF_F32, s[i], s[i ^ 2]);
	fp_raise_flags(cpu, env.flags);
	for (unsigned i = 0; i < count; i++)
		d->d[i] = imm >> (i & 3) & 1 ? (u32)p[i] : 0;
}

static void exec_dpps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool vex = in->flags & X86_INSN_VEX, wide = in->flags & X86_INSN_L;
	const union x86_vec *a = &cpu->vec[in->opnd[vex].reg], *b;
	union x86_vec tmp, d;

	b = simd_src(cpu, in, 1 + vex, &tmp);
	dpps_lanes(cpu, &d, a, b, wide ? 8 : 4, (u8)in->imm);
	if (wide)
		simd_put_ymm(cpu, in->opnd[0].reg, &d);
	else
		simd_put128(cpu, in, in->opnd[0].reg, &d);
}

static void exec_dppd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool vex = in->flags & X86_INSN_VEX;
	const union x86_vec *a = &cpu->vec[in->opnd[vex].reg], *b;
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	union x86_vec tmp, d = { .q = { 0 } };
	u8 imm = (u8)in->imm;
	u64 p[2], sum[2];

	b = simd_src(cpu, in, 1 + vex, &tmp);
	for (unsigned i = 0; i < 2; i++)
		p[i] = imm >> (4 + i) & 1 ? sf_mul(&env, SF_F64, a->q[i], b->q[i]) : 0;
	fp_raise_flags(cpu, env.flags);
	sum[0] = sf_add(&env, SF_F64, p[0], p[1]);
	sum[1] = sf_add(&env, SF_F64, p[1], p[0]);	/* differs in the choice of a NaN */
	fp_raise_flags(cpu, env.flags);
	for (unsigned i = 0; i < 2; i++)
		d.q[i] = imm >> i & 1 ? sum[i] : 0;
	simd_put128(cpu, in, in->opnd[0].reg, &d);
}

/*
 * RCP and RSQRT promise 1.5 * 2^-12 and differ between processors. An x86
 * host gives its own results; elsewhere the exact value cut to 12 bits.
 */
static u64 estimate(u64 x, bool root)
{
	struct sf_env env = { .prec = 64, .mask = SF_ALL, .daz = true, .ftz = true };
	u64 one = 0x3f800000, r = x;

	if (root)
		r = sf_sqrt(&env, SF_F32, x);
	r = sf_div(&env, SF_F32, one, r);
	return (r & 0x7f800000) == 0x7f800000 ? r : r & ~0x7ffull;
}

static u64 soft_rcp(struct sf_env *env, u64 x, u64 y)
{
	(void)env;
	(void)x;
	return estimate(y, false);
}

static u64 soft_rsqrt(struct sf_env *env, u64 x, u64 y)
{
	(void)env;
	(void)x;
	return estimate(y, true);
}

FP_HOST(rcpps, "rcpps")
FP_HOST_SS(rcpss, "rcpss")
FP_HOST(rsqrtps, "rsqrtps")
FP_HOST_SS(rsqrtss, "rsqrtss")

/* They neither read nor write MXCSR. */
static __always_inline void exec_estimate(struct x86_cpu *cpu, const struct x86_insn *in, fp_host_fn host,
					  fp_elem_fn soft, bool scalar)
{
	bool three = scalar && in->flags & X86_INSN_VEX, wide = in->flags & X86_INSN_L && !scalar;
	const union x86_vec *a = &cpu->vec[in->opnd[three].reg], *b;
	union x86_vec tmp, d = *a;
	struct sf_env env = { 0 };

	b = simd_src(cpu, in, 1 + three, &tmp);
	if (host) {
		host(d.b, a->b, b->b, MXCSR_DEFAULT);
		if (wide)
			host(d.b + 16, a->b + 16, b->b + 16, MXCSR_DEFAULT);
	} else {
		for (unsigned i = 0; i < (scalar ? 1 : wide ? 8 : 4); i++)
			d.d[i] = (u32)soft(&env, 0, b->d[i]);
	}
	if (wide)
		simd_put_ymm(cpu, in->opnd[0].reg, &d);
	else
		simd_put128(cpu, in, in->opnd[0].reg, &d);
}

#define ESTIMATE(name, soft, scalar) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	exec_estimate(cpu, in, host_##name, soft, scalar); \
}

ESTIMATE(rcpps, soft_rcp, false)
ESTIMATE(rcpss, soft_rcp, true)
ESTIMATE(rsqrtps, soft_rsqrt, false)
ESTIMATE(rsqrtss, soft_rsqrt, true)

#define ENTRIES4(OP, name) \
	SIMD_ENTRY(OP##PS, name##ps), SIMD_ENTRY(OP##PD, name##pd), SIMD_ENTRY(OP##SS, name##ss), SIMD_ENTRY(OP##SD, name##sd)

static const struct x86_exec_entry entries[] = {
	ENTRIES4(ADD, add), ENTRIES4(SUB, sub), ENTRIES4(MUL, mul), ENTRIES4(DIV, div),
	ENTRIES4(MIN, min), ENTRIES4(MAX, max), ENTRIES4(SQRT, sqrt), ENTRIES4(ROUND, round),
	SIMD_ENTRY(HADDPS, haddps), SIMD_ENTRY(HADDPD, haddpd), SIMD_ENTRY(HSUBPS, hsubps), SIMD_ENTRY(HSUBPD, hsubpd),
	SIMD_ENTRY(ADDSUBPS, addsubps), SIMD_ENTRY(ADDSUBPD, addsubpd), SIMD_ENTRY(DPPS, dpps), SIMD_ENTRY(DPPD, dppd),
	SIMD_ENTRY(RCPPS, rcpps), SIMD_ENTRY(RCPSS, rcpss), SIMD_ENTRY(RSQRTPS, rsqrtps), SIMD_ENTRY(RSQRTSS, rsqrtss),
};
static const struct x86_exec_set simd_fp_arith = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_fp_arith);
