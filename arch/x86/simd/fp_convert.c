// SPDX-License-Identifier: GPL-2.0-or-later
/* Conversions between floats and integers of all widths, and F16C. */
#include "fp_host.h"

/* Element functions: y is the source. Integer results are masked by the store. */
#define ELEM(name, expr) \
static u64 name(struct sf_env *env, u64 x, u64 y) { (void)x; return (u64)(expr); }

ELEM(dq_to_ps, sf_from_int(env, SF_F32, (s32)y))
ELEM(dq_to_pd, sf_from_int(env, SF_F64, (s32)y))
ELEM(ps_to_dq, sf_to_int(env, SF_F32, y, 32, env->rc))
ELEM(ps_to_dq_cut, sf_to_int(env, SF_F32, y, 32, SF_ZERO))
ELEM(pd_to_dq, sf_to_int(env, SF_F64, y, 32, env->rc))
ELEM(pd_to_dq_cut, sf_to_int(env, SF_F64, y, 32, SF_ZERO))
ELEM(ps_to_pd, sf_convert(env, SF_F64, SF_F32, y))
ELEM(pd_to_ps, sf_convert(env, SF_F32, SF_F64, y))
ELEM(ph_to_ps, sf_convert(env, SF_F32, SF_F16, y))

FP_HOST(cvtdq2ps, "cvtdq2ps")
FP_HOST(cvtps2dq, "cvtps2dq")
FP_HOST(cvttps2dq, "cvttps2dq")
FP_HOST(cvtdq2pd, "cvtdq2pd")
FP_HOST(cvtps2pd, "cvtps2pd")
FP_HOST(cvtpd2ps, "cvtpd2ps")
FP_HOST(cvtpd2dq, "cvtpd2dq")
FP_HOST(cvttpd2dq, "cvttpd2dq")
FP_HOST_SS(cvtss2sd, "cvtss2sd")
FP_HOST_SD(cvtsd2ss, "cvtsd2ss")

FP_EXEC(cvtdq2ps, host_cvtdq2ps, dq_to_ps, FP_PS)
FP_EXEC(cvtps2dq, host_cvtps2dq, ps_to_dq, FP_PS)
FP_EXEC(cvttps2dq, host_cvttps2dq, ps_to_dq_cut, FP_PS)
FP_EXEC(cvtdq2pd, host_cvtdq2pd, dq_to_pd, { 8, 4, 16, 8, false })
FP_EXEC(cvtps2pd, host_cvtps2pd, ps_to_pd, { 8, 4, 16, 8, false })
FP_EXEC(cvtpd2ps, host_cvtpd2ps, pd_to_ps, { 4, 8, 8, 16, false })
FP_EXEC(cvtpd2dq, host_cvtpd2dq, pd_to_dq, { 4, 8, 8, 16, false })
FP_EXEC(cvttpd2dq, host_cvttpd2dq, pd_to_dq_cut, { 4, 8, 8, 16, false })
FP_EXEC(cvtss2sd, host_cvtss2sd, ps_to_pd, { 8, 4, 16, 16, true })
FP_EXEC(cvtsd2ss, host_cvtsd2ss, pd_to_ps, { 4, 8, 16, 16, true })
FP_EXEC(vcvtph2ps, NULL, ph_to_ps, { 4, 2, 16, 8, false })

/*
 * VCVTPS2PH: imm bits 1-0 the mode unless bit 2 takes MXCSR's. FTZ does not
 * apply. MXCSR has its flags even if the store faults.
 */
static void exec_vcvtps2ph(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const union x86_vec *a = &cpu->vec[in->opnd[1].reg];
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	unsigned n = in->flags & X86_INSN_L ? 8 : 4;
	union x86_vec d = { .q = { 0 } };
	u8 imm = (u8)in->imm;
	u32 flags = 0;

	if (!(imm & 4))
		env.rc = imm & 3;
	for (unsigned i = 0; i < n; i++) {
		d.w[i] = (u16)sf_convert(&env, SF_F16, SF_F32, a->d[i]);
		flags |= env.flags;
		env.flags = 0;
	}
	fp_raise_flags(cpu, flags);
	if (in->opnd[0].kind == X86_OPND_XMM)
		simd_put_ymm(cpu, in->opnd[0].reg, &d);
	else if (n == 8)
		x86_st128(cpu, x86_mem(cpu, in, 16, X86_WRITE), &d);
	else
		x86_st64(cpu, x86_mem(cpu, in, 8, X86_WRITE), d.q[0]);
}

/* Integers that a double holds exactly convert without MXCSR having a say. */
static __always_inline bool exact_double(s64 v, u64 *bits)
{
	double d = (double)v;

	if (v < -(1LL << 53) || v > 1LL << 53)
		return false;
	__builtin_memcpy(bits, &d, sizeof(d));
	return true;
}

/* The other way, for integral values below 2^52; denormals are left to softfloat. */
static __always_inline bool exact_int(u64 bits, unsigned size, s64 *v)
{
	unsigned e = bits >> 52 & 0x7ff;
	double d;

	if (e - 1023 >= (size == 4 ? 31u : 52u))
		return false;
	__builtin_memcpy(&d, &bits, sizeof(d));
	*v = (s64)d;
	return (double)*v == d;
}

/* CVTSI2SS, CVTSI2SD: a general register or memory of 4 or 8 bytes. */
static __always_inline void from_int(struct x86_cpu *cpu, const struct x86_insn *in, enum sf_format fmt)
{
	bool vex = in->flags & X86_INSN_VEX;
	unsigned n = 1 + vex;
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	u64 v = x86_get_operand(cpu, in, n);
	union x86_vec d = cpu->vec[in->opnd[vex].reg];

	if (in->opnd[n].size == 4)
		v = (u64)(s64)(s32)v;
	if (fmt == SF_F32)
		d.d[0] = (u32)sf_from_int(&env, fmt, (s64)v);
	else if (!exact_double((s64)v, &d.q[0]))
		d.q[0] = sf_from_int(&env, fmt, (s64)v);
	if (env.flags)
		fp_raise_flags(cpu, env.flags);
	simd_put_quads(cpu, in, in->opnd[0].reg, d.q[0], d.q[1]);
}

/* CVTSx2SI, CVTTSx2SI to 4 or 8 bytes. */
static __always_inline void to_int(struct x86_cpu *cpu, const struct x86_insn *in, enum sf_format fmt, bool cut)
{
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	unsigned size = in->opnd[0].size;
	const union x86_vec *b;
	union x86_vec tmp;
	s64 v;

	b = simd_src(cpu, in, 1, &tmp);
	if (fmt == SF_F32 || !exact_int(b->q[0], size, &v)) {
		v = sf_to_int(&env, fmt, fmt == SF_F32 ? b->d[0] : b->q[0], 8 * size, cut ? SF_ZERO : env.rc);
		fp_raise_flags(cpu, env.flags);
	}
	x86_set_reg(cpu, in->opnd[0].reg, size, (u64)v);
}

#define WITH_GPR(name, ...) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { __VA_ARGS__; }

WITH_GPR(cvtsi2ss, from_int(cpu, in, SF_F32))
WITH_GPR(cvtsi2sd, from_int(cpu, in, SF_F64))
WITH_GPR(cvtss2si, to_int(cpu, in, SF_F32, false))
WITH_GPR(cvtsd2si, to_int(cpu, in, SF_F64, false))
WITH_GPR(cvttss2si, to_int(cpu, in, SF_F32, true))
WITH_GPR(cvttsd2si, to_int(cpu, in, SF_F64, true))

/*
 * With MMX: the x87 state changes to MMX's when a register is touched, be it
 * only read, and before a SIMD exception is raised.
 */
static void from_mmx(struct x86_cpu *cpu, const struct x86_insn *in, fp_elem_fn fn, unsigned dsize)
{
	static const struct fp_shape ps = { 4, 4, 8, 8, false }, pd = { 8, 4, 16, 8, false };
	bool touch = in->opnd[1].kind == X86_OPND_MMX;
	const union x86_vec *b;
	union x86_vec tmp, d = cpu->vec[in->opnd[0].reg];

	if (touch)
		mmx_check(cpu);
	b = simd_src(cpu, in, 1, &tmp);
	if (touch)
		mmx_touch(cpu);
	fp_soft(cpu, fn, dsize == 4 ? &ps : &pd, &d, b, b, 2 * dsize);
	simd_put_xmm(cpu, in->opnd[0].reg, &d);
}

static void to_mmx(struct x86_cpu *cpu, const struct x86_insn *in, fp_elem_fn fn, unsigned ssize)
{
	static const struct fp_shape ps = { 4, 4, 8, 8, false }, pd = { 4, 8, 8, 16, false };
	const union x86_vec *b;
	union x86_vec tmp, d;

	mmx_check(cpu);
	if (ssize == 8 && in->opnd[1].kind == X86_OPND_MEM && (x86_mem(cpu, in, 16, X86_READ) & 15))
		x86_raise_gp(cpu, 0);	/* behind #MF, so not left to the caller */
	b = simd_src(cpu, in, 1, &tmp);
	d.q[0] = 0;
	mmx_touch(cpu);
	fp_soft(cpu, fn, ssize == 4 ? &ps : &pd, &d, b, b, 8);
	mmx_put(cpu, in->opnd[0].reg, d.q[0]);
}

WITH_GPR(cvtpi2ps, from_mmx(cpu, in, dq_to_ps, 4))
WITH_GPR(cvtpi2pd, from_mmx(cpu, in, dq_to_pd, 8))
WITH_GPR(cvtps2pi, to_mmx(cpu, in, ps_to_dq, 4))
WITH_GPR(cvttps2pi, to_mmx(cpu, in, ps_to_dq_cut, 4))
WITH_GPR(cvtpd2pi, to_mmx(cpu, in, pd_to_dq, 8))
WITH_GPR(cvttpd2pi, to_mmx(cpu, in, pd_to_dq_cut, 8))

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY(CVTDQ2PS, cvtdq2ps), SIMD_ENTRY(CVTPS2DQ, cvtps2dq), SIMD_ENTRY(CVTTPS2DQ, cvttps2dq),
	SIMD_ENTRY(CVTDQ2PD, cvtdq2pd), SIMD_ENTRY(CVTPS2PD, cvtps2pd), SIMD_ENTRY(CVTPD2PS, cvtpd2ps),
	SIMD_ENTRY(CVTPD2DQ, cvtpd2dq), SIMD_ENTRY(CVTTPD2DQ, cvttpd2dq),
	SIMD_ENTRY(CVTSS2SD, cvtss2sd), SIMD_ENTRY(CVTSD2SS, cvtsd2ss),
	SIMD_ENTRY(CVTSI2SS, cvtsi2ss), SIMD_ENTRY(CVTSI2SD, cvtsi2sd),
	SIMD_ENTRY(CVTSS2SI, cvtss2si), SIMD_ENTRY(CVTSD2SI, cvtsd2si),
	SIMD_ENTRY(CVTTSS2SI, cvttss2si), SIMD_ENTRY(CVTTSD2SI, cvttsd2si),
	SIMD_ENTRY(CVTPI2PS, cvtpi2ps), SIMD_ENTRY(CVTPI2PD, cvtpi2pd),
	SIMD_ENTRY(CVTPS2PI, cvtps2pi), SIMD_ENTRY(CVTTPS2PI, cvttps2pi),
	SIMD_ENTRY(CVTPD2PI, cvtpd2pi), SIMD_ENTRY(CVTTPD2PI, cvttpd2pi),
	SIMD_ENTRY(VCVTPH2PS, vcvtph2ps), SIMD_ENTRY(VCVTPS2PH, vcvtps2ph),
};
static const struct x86_exec_set simd_fp_convert = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_fp_convert);
