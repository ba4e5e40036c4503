// SPDX-License-Identifier: GPL-2.0-or-later
/* CMPxx with its 32 predicates, COMISx and UCOMISx. */
#include "fp_host.h"

/*
 * A predicate is the set of relations it holds for (bit 1 << enum sf_rel)
 * and whether quiet NaNs raise IE; predicates 16-31 repeat 0-15 with that turned around
 * (SDM vol. 2, CMPPD, table 3-1).
 */
#define L (1 << SF_LESS)
#define E (1 << SF_EQUAL)
#define G (1 << SF_GREATER)
#define U (1 << SF_UNORDERED)

static const struct { u8 holds; bool signalling; } predicates[16] = {
	{ E, false }, { L, true }, { L | E, true }, { U, false },
	{ L | G | U, false }, { E | G | U, true }, { G | U, true }, { L | E | G, false },
	{ E | U, false }, { L | U, true }, { L | E | U, true }, { 0, false },
	{ L | G, false }, { E | G, true }, { G, true }, { L | E | G | U, false },
};

static bool test_pair(struct sf_env *env, enum sf_format fmt, u64 a, u64 b, u8 imm)
{
	bool signalling = predicates[imm & 15].signalling ^ (imm >> 4 & 1);

	return predicates[imm & 15].holds >> sf_compare(env, fmt, a, b, signalling) & 1;
}

static void cmp_soft(struct x86_cpu *cpu, union x86_vec *d, const union x86_vec *a, const union x86_vec *b,
		     enum sf_format fmt, unsigned count, u8 imm)
{
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);

	for (unsigned i = 0; i < count; i++) {
		if (fmt == SF_F32)
			d->d[i] = test_pair(&env, fmt, a->d[i], b->d[i], imm) ? ~0u : 0;
		else
			d->q[i] = test_pair(&env, fmt, a->q[i], b->q[i], imm) ? ~0ULL : 0;
	}
	fp_raise_flags(cpu, env.flags);
}

#define CMP_HOST_ps(n) FP_HOST(cmpps##n, "cmpps $" #n ",")
#define CMP_HOST_pd(n) FP_HOST(cmppd##n, "cmppd $" #n ",")
#define CMP_HOST_ss(n) FP_HOST_SS(cmpss##n, "cmpss $" #n ",")
#define CMP_HOST_sd(n) FP_HOST_SD(cmpsd##n, "cmpsd $" #n ",")
#define CMP_HOSTS(suffix) \
	CMP_HOST_##suffix(0) CMP_HOST_##suffix(1) CMP_HOST_##suffix(2) CMP_HOST_##suffix(3) \
	CMP_HOST_##suffix(4) CMP_HOST_##suffix(5) CMP_HOST_##suffix(6) CMP_HOST_##suffix(7) \
	static __always_inline fp_host_fn cmp_host_##suffix(u8 imm) \
	{ \
		switch (imm) { \
		case 0: return host_cmp##suffix##0; \
		case 1: return host_cmp##suffix##1; \
		case 2: return host_cmp##suffix##2; \
		case 3: return host_cmp##suffix##3; \
		case 4: return host_cmp##suffix##4; \
		case 5: return host_cmp##suffix##5; \
		case 6: return host_cmp##suffix##6; \
		default: return host_cmp##suffix##7; \
		} \
	}

CMP_HOSTS(ps)
CMP_HOSTS(pd)
CMP_HOSTS(ss)
CMP_HOSTS(sd)

/*
 * The host's SSE has predicates 0-7. 13 and 14 (GE, GT) are 2 and 1 with the
 * operands exchanged: a compare delivers no NaN, so the order does not show.
 */
static __always_inline bool cmp_host(struct x86_cpu *cpu, fp_host_fn (*pick)(u8), union x86_vec *d,
				     const union x86_vec *a, const union x86_vec *b, unsigned n, u8 imm)
{
	u32 mxcsr = cpu->mxcsr, ctl = fp_host_mxcsr(mxcsr), flags;
	fp_host_fn fn;

	if (imm == 13 || imm == 14) {
		const union x86_vec *t = a;

		a = b;
		b = t;
		imm = 15 - imm;
	}
	if (imm > 7 || !fp_host_mode(mxcsr))
		return false;
	fn = pick(imm);
	if (!fn)
		return false;
	flags = fn(d->b, a->b, b->b, ctl);
	if (n > 16)
		flags |= fn(d->b + 16, a->b + 16, b->b + 16, ctl);
	if (flags & ~(mxcsr >> 7))
		return false;
	cpu->mxcsr = mxcsr | flags;
	return true;
}

static __always_inline void cmp_any(struct x86_cpu *cpu, const struct x86_insn *in, fp_host_fn (*pick)(u8),
				    enum sf_format fmt, bool scalar)
{
	bool vex = in->flags & X86_INSN_VEX;
	const union x86_vec *a = &cpu->vec[in->opnd[vex].reg], *b;
	unsigned n = in->flags & X86_INSN_L && !scalar ? 32 : 16, size = fmt == SF_F32 ? 4 : 8;
	u8 imm = in->imm & (vex ? 31 : 7);
	union x86_vec tmp, d = *a;

	b = simd_src(cpu, in, 1 + vex, &tmp);
	if (!cmp_host(cpu, pick, &d, a, b, n, imm))
		cmp_soft(cpu, &d, a, b, fmt, scalar ? 1 : n / size, imm);
	if (scalar) {	/* the exchange above may have replaced the upper part */
		d.q[1] = a->q[1];
		if (fmt == SF_F32)
			d.d[1] = a->d[1];
	}
	if (n == 32)
		simd_put_ymm(cpu, in->opnd[0].reg, &d);
	else
		simd_put128(cpu, in, in->opnd[0].reg, &d);
}

static void exec_cmpps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	cmp_any(cpu, in, cmp_host_ps, SF_F32, false);
}

static void exec_cmppd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	cmp_any(cpu, in, cmp_host_pd, SF_F64, false);
}

static void exec_cmpss(struct x86_cpu *cpu, const struct x86_insn *in)
{
	cmp_any(cpu, in, cmp_host_ss, SF_F32, true);
}

static void exec_cmpsd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	cmp_any(cpu, in, cmp_host_sd, SF_F64, true);
}

/* Neither denormal, infinite nor NaN: such values order like sign-magnitude integers and raise nothing. */
static __always_inline bool is_plain(enum sf_format fmt, u64 v)
{
	if (fmt == SF_F32)
		return (v >> 23 & 0xff) - 1 < 0xfe || !(v & 0x7fffffff);
	return (v >> 52 & 0x7ff) - 1 < 0x7fe || !(v << 1);
}

static __always_inline s64 order_key(enum sf_format fmt, u64 v)
{
	u64 sign = fmt == SF_F32 ? 1ULL << 31 : 1ULL << 63;

	return v & sign ? -(s64)(v & ~sign) : (s64)v;
}

static __always_inline enum sf_rel relate(struct sf_env *env, enum sf_format fmt, u64 a, u64 b, bool signalling)
{
	s64 ka, kb;

	if (unlikely(!is_plain(fmt, a) || !is_plain(fmt, b)))
		return sf_compare(env, fmt, a, b, signalling);
	ka = order_key(fmt, a);
	kb = order_key(fmt, b);
	return ka < kb ? SF_LESS : ka > kb ? SF_GREATER : SF_EQUAL;
}

static __always_inline void comis(struct x86_cpu *cpu, const struct x86_insn *in, enum sf_format fmt, bool signalling)
{
	static const u32 fl[] = {
		[SF_LESS] = X86_FL_CF, [SF_EQUAL] = X86_FL_ZF, [SF_GREATER] = 0,
		[SF_UNORDERED] = X86_FL_ZF | X86_FL_PF | X86_FL_CF,
	};
	const union x86_vec *a = &cpu->vec[in->opnd[0].reg], *b;
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	enum sf_rel rel;
	union x86_vec tmp;

	b = simd_src(cpu, in, 1, &tmp);
	if (fmt == SF_F32)
		rel = relate(&env, fmt, a->d[0], b->d[0], signalling);
	else
		rel = relate(&env, fmt, a->q[0], b->q[0], signalling);
	if (unlikely(env.flags))
		fp_raise_flags(cpu, env.flags);
	x86_set_arith(cpu, fl[rel]);
}

#define COMIS(name, fmt, signalling) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { comis(cpu, in, fmt, signalling); }

COMIS(comiss, SF_F32, true)
COMIS(comisd, SF_F64, true)
COMIS(ucomiss, SF_F32, false)
COMIS(ucomisd, SF_F64, false)

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY(CMPPS, cmpps), SIMD_ENTRY(CMPPD, cmppd), SIMD_ENTRY(CMPSS, cmpss), SIMD_ENTRY(CMPSD, cmpsd),
	SIMD_ENTRY(COMISS, comiss), SIMD_ENTRY(COMISD, comisd),
	SIMD_ENTRY(UCOMISS, ucomiss), SIMD_ENTRY(UCOMISD, ucomisd),
};
static const struct x86_exec_set simd_fp_cmp = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_fp_cmp);
