// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fused multiply-add: VF[N]M{ADD,SUB}, VFMADDSUB, VFMSUBADD in the three
 * operand orders. Each order chooses x * y + z from the three operands; NaNs are
 * taken in the order x, y, z.
 */
#include "fp_host.h"

enum fma_order { ORDER_132, ORDER_213, ORDER_231 };

/* bit 0: negate the product, bit 1: negate z in even elements, bit 2: in odd ones */
enum fma_sign { MADD = 0, NMADD = 1, MSUB = 6, NMSUB = 7, MADDSUB = 2, MSUBADD = 4 };

typedef u32 (*fma_host_fn)(void *d, const void *x, const void *y, const void *z, u32 mxcsr);

#ifdef __x86_64__

#define FMA_HOST(name, insn) \
static inline u32 host_##name(void *d, const void *x, const void *y, const void *z, u32 mxcsr) \
{ \
	fp_vec vx = *(const fp_vec *)x, vy = *(const fp_vec *)y, vz = *(const fp_vec *)z; \
	u32 out; \
	asm volatile("ldmxcsr %4\n\t" insn " %3, %2, %0\n\tstmxcsr %1" \
		     : "+x"(vy), "=m"(out) : "x"(vx), "x"(vz), "m"(mxcsr)); \
	fp_host_restore(mxcsr); \
	*(fp_vec *)d = vy; \
	return out & SF_ALL; \
}

/* Scalar: the operands are only as wide as the element. */
#define FMA_HOST_SCALAR(name, insn, type) \
static inline u32 host_##name(void *d, const void *x, const void *y, const void *z, u32 mxcsr) \
{ \
	typedef type __attribute__((may_alias)) elem; \
	fp_vec vx = { *(const elem *)x }, vy = { *(const elem *)y }, vz = { *(const elem *)z }; \
	u32 out; \
	asm volatile("ldmxcsr %4\n\t" insn " %3, %2, %0\n\tstmxcsr %1" \
		     : "+x"(vy), "=m"(out) : "x"(vx), "x"(vz), "m"(mxcsr)); \
	fp_host_restore(mxcsr); \
	*(fp_vec *)d = vy; \
	return out & SF_ALL; \
}

#else

#define FMA_HOST_SCALAR(name, insn, type) FMA_HOST(name, insn)
#define FMA_HOST(name, insn) static const fma_host_fn host_##name = NULL;

#endif

#define FMA_HOSTS(kind) \
FMA_HOST(kind##ps, "v" #kind "213ps") \
FMA_HOST(kind##pd, "v" #kind "213pd") \
FMA_HOST_SCALAR(kind##ss, "v" #kind "213ss", u32) \
FMA_HOST_SCALAR(kind##sd, "v" #kind "213sd", u64)

FMA_HOSTS(fmadd)
FMA_HOSTS(fmsub)
FMA_HOSTS(fnmadd)
FMA_HOSTS(fnmsub)
FMA_HOST(fmaddsubps, "vfmaddsub213ps")
FMA_HOST(fmaddsubpd, "vfmaddsub213pd")
FMA_HOST(fmsubaddps, "vfmsubadd213ps")
FMA_HOST(fmsubaddpd, "vfmsubadd213pd")

static void fma_soft(struct x86_cpu *cpu, union x86_vec *d, const union x86_vec *x, const union x86_vec *y,
		     const union x86_vec *z, enum sf_format fmt, enum fma_sign sign, unsigned count)
{
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	u32 flags = 0;

	for (unsigned i = 0; i < count; i++) {
		bool neg_z = sign >> (1 + (i & 1)) & 1;

		if (fmt == SF_F32)
			d->d[i] = (u32)sf_fma(&env, fmt, x->d[i], y->d[i], z->d[i], sign & 1, neg_z);
		else
			d->q[i] = sf_fma(&env, fmt, x->q[i], y->q[i], z->q[i], sign & 1, neg_z);
		flags |= env.flags;
		env.flags = 0;
	}
	fp_raise_flags(cpu, flags);
}

static __always_inline bool fma_host(struct x86_cpu *cpu, fma_host_fn host, union x86_vec *d, const union x86_vec *x,
				     const union x86_vec *y, const union x86_vec *z, unsigned n)
{
	u32 mxcsr = cpu->mxcsr, ctl = fp_host_mxcsr(mxcsr), flags;

	if (!host || !FP_HOST_HAS("fma") || !fp_host_mode(mxcsr))
		return false;
	flags = host(d->b, x->b, y->b, z->b, ctl);
	if (n > 16)
		flags |= host(d->b + 16, x->b + 16, y->b + 16, z->b + 16, ctl);
	if (flags & ~(mxcsr >> 7))
		return false;
	cpu->mxcsr = mxcsr | flags;
	return true;
}

static __always_inline void fma_any(struct x86_cpu *cpu, const struct x86_insn *in, fma_host_fn host,
				enum fma_order order, enum fma_sign sign, enum sf_format fmt, bool scalar)
{
	unsigned reg = in->opnd[0].reg, n = in->flags & X86_INSN_L && !scalar ? 32 : 16;
	const union x86_vec *s1 = &cpu->vec[reg], *s2 = &cpu->vec[in->opnd[1].reg], *s3, *x, *y, *z;
	union x86_vec tmp, d = *s1;

	s3 = simd_src(cpu, in, 2, &tmp);
	x = order == ORDER_132 ? s1 : s2;
	y = order == ORDER_213 ? s1 : s3;
	z = order == ORDER_132 ? s2 : order == ORDER_213 ? s3 : s1;
	if (!fma_host(cpu, host, &d, x, y, z, n))
		fma_soft(cpu, &d, x, y, z, fmt, sign, scalar ? 1 : n / (fmt == SF_F32 ? 4 : 8));
	if (scalar) {
		d.q[1] = s1->q[1];
		if (fmt == SF_F32)
			d.d[1] = s1->d[1];
	}
	if (n == 32)
		simd_put_ymm(cpu, reg, &d);
	else
		simd_put128(cpu, in, reg, &d);
}

#define FMA(name, kind, type, order, sign, fmt, scalar) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	fma_any(cpu, in, host_##kind##type, order, sign, fmt, scalar); \
}
#define FMA_TYPES(kind, sign, n) \
FMA(kind##n##ps, kind, ps, ORDER_##n, sign, SF_F32, false) \
FMA(kind##n##pd, kind, pd, ORDER_##n, sign, SF_F64, false) \
FMA(kind##n##ss, kind, ss, ORDER_##n, sign, SF_F32, true) \
FMA(kind##n##sd, kind, sd, ORDER_##n, sign, SF_F64, true)
#define FMA_PACKED(kind, sign, n) \
FMA(kind##n##ps, kind, ps, ORDER_##n, sign, SF_F32, false) \
FMA(kind##n##pd, kind, pd, ORDER_##n, sign, SF_F64, false)

FMA_TYPES(fmadd, MADD, 132) FMA_TYPES(fmadd, MADD, 213) FMA_TYPES(fmadd, MADD, 231)
FMA_TYPES(fmsub, MSUB, 132) FMA_TYPES(fmsub, MSUB, 213) FMA_TYPES(fmsub, MSUB, 231)
FMA_TYPES(fnmadd, NMADD, 132) FMA_TYPES(fnmadd, NMADD, 213) FMA_TYPES(fnmadd, NMADD, 231)
FMA_TYPES(fnmsub, NMSUB, 132) FMA_TYPES(fnmsub, NMSUB, 213) FMA_TYPES(fnmsub, NMSUB, 231)
FMA_PACKED(fmaddsub, MADDSUB, 132) FMA_PACKED(fmaddsub, MADDSUB, 213) FMA_PACKED(fmaddsub, MADDSUB, 231)
FMA_PACKED(fmsubadd, MSUBADD, 132) FMA_PACKED(fmsubadd, MSUBADD, 213) FMA_PACKED(fmsubadd, MSUBADD, 231)

#define FMA_ENTRY(OP, kind, n, TYPE, type) { X86_OP_V##OP##n##TYPE, exec_##kind##n##type, NULL }
#define FMA_ENTRIES2(OP, kind, n) FMA_ENTRY(OP, kind, n, PS, ps), FMA_ENTRY(OP, kind, n, PD, pd)
#define FMA_ENTRIES4(OP, kind, n) \
	FMA_ENTRIES2(OP, kind, n), FMA_ENTRY(OP, kind, n, SS, ss), FMA_ENTRY(OP, kind, n, SD, sd)

static const struct x86_exec_entry entries[] = {
	FMA_ENTRIES4(FMADD, fmadd, 132), FMA_ENTRIES4(FMADD, fmadd, 213), FMA_ENTRIES4(FMADD, fmadd, 231),
	FMA_ENTRIES4(FMSUB, fmsub, 132), FMA_ENTRIES4(FMSUB, fmsub, 213), FMA_ENTRIES4(FMSUB, fmsub, 231),
	FMA_ENTRIES4(FNMADD, fnmadd, 132), FMA_ENTRIES4(FNMADD, fnmadd, 213), FMA_ENTRIES4(FNMADD, fnmadd, 231),
	FMA_ENTRIES4(FNMSUB, fnmsub, 132), FMA_ENTRIES4(FNMSUB, fnmsub, 213), FMA_ENTRIES4(FNMSUB, fnmsub, 231),
	FMA_ENTRIES2(FMADDSUB, fmaddsub, 132), FMA_ENTRIES2(FMADDSUB, fmaddsub, 213),
	FMA_ENTRIES2(FMADDSUB, fmaddsub, 231), FMA_ENTRIES2(FMSUBADD, fmsubadd, 132),
	FMA_ENTRIES2(FMSUBADD, fmsubadd, 213), FMA_ENTRIES2(FMSUBADD, fmsubadd, 231),
};
static const struct x86_exec_set simd_fp_fma = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_fp_fma);
