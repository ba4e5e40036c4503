/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE and AVX floating point. An operation is an element function of
 * softfloat and, on x86 hosts, the instruction itself run on 16 bytes with the guest's
 * MXCSR, all exceptions masked. The element function decides whenever an
 * unmasked exception is raised (or underflow is unmasked, which flags more
 * than masked underflow does) and on all other hosts.
 */
#ifndef X86_FP_H
#define X86_FP_H

#include "simd.h"
#include "x86/softfloat.h"

#define MXCSR_DEFAULT	0x1f80u
#define MXCSR_MASKS	0x1f80u
#define MXCSR_UM	0x0800u

/*
 * Runs the instruction on 16 bytes: d = fn(a, b), where a also gives what a scalar
 * operation leaves alone. mxcsr has all exceptions masked; the flags it has then are
 * returned.
 */
typedef u32 (*fp_host_fn)(void *d, const void *a, const void *b, u32 mxcsr);
/* One element: a and b are zero-extended bit patterns of the source's size. */
typedef u64 (*fp_elem_fn)(struct sf_env *env, u64 a, u64 b);

/* How elements are laid out; d and s are the steps of 16 bytes' worth of work. */
struct fp_shape {
	u8 dsize, ssize;	/* bytes of a destination and a source element */
	u8 dstep, sstep;	/* bytes a host call makes and takes of b */
	bool scalar;
};

/* Records flags; raises #XM (or #UD) when one is unmasked. */
void fp_raise_flags(struct x86_cpu *cpu, u32 flags);

/*
 * All elements of n result bytes by softfloat into d. Raises as the processor
 * does: exceptions found before computing, in any element, come first.
 */
void fp_soft(struct x86_cpu *cpu, fp_elem_fn fn, const struct fp_shape *sh, union x86_vec *d,
	     const union x86_vec *a, const union x86_vec *b, unsigned n);

/* The host may compute: its masked flags tell the guest's. */
static __always_inline bool fp_host_mode(u32 mxcsr)
{
	return likely(mxcsr & MXCSR_UM);
}

/*
 * The guest's control bits with all masked. Flags that are set and masked
 * stay set: raising one anew costs the host tens of cycles, and they change nothing.
 */
static __always_inline u32 fp_host_mxcsr(u32 mxcsr)
{
	return (mxcsr & 0xffc0) | MXCSR_MASKS | (mxcsr & mxcsr >> 7 & SF_ALL);
}

/* n: bytes of result for packed operations. */
static __always_inline void fp_compute(struct x86_cpu *cpu, fp_host_fn host, fp_elem_fn soft, const struct fp_shape *sh,
				       union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	u32 mxcsr = cpu->mxcsr;

	if (host && fp_host_mode(mxcsr)) {
		u32 ctl = fp_host_mxcsr(mxcsr), flags = host(d->b, a->b, b->b, ctl);

		if (!sh->scalar && n > sh->dstep)
			flags |= host(d->b + sh->dstep, a->b + 16, b->b + sh->sstep, ctl);
		if (likely(!(flags & ~(mxcsr >> 7)))) {
			cpu->mxcsr = mxcsr | flags;
			return;
		}
	}
	fp_soft(cpu, soft, sh, d, a, b, n);
}

/*
 * dst = op(a, last source): a is the destination itself or, in three-operand
 * VEX forms, the second operand. dbytes: result bytes of the 128-bit form.
 */
static __always_inline void fp_exec(struct x86_cpu *cpu, const struct x86_insn *in, fp_host_fn host, fp_elem_fn soft,
				    const struct fp_shape *sh)
{
	bool three = in->opnd[2].kind == X86_OPND_XMM || in->opnd[2].kind == X86_OPND_YMM ||
		     in->opnd[2].kind == X86_OPND_MEM;
	const union x86_vec *a = &cpu->vec[in->opnd[three].reg], *b;
	unsigned reg = in->opnd[0].reg, n = sh->dstep;
	union x86_vec tmp, d;

	b = simd_src(cpu, in, 1 + three, &tmp);
	d.q[0] = d.q[1] = d.q[2] = d.q[3] = 0;
	if (!sh->scalar && in->flags & X86_INSN_L)
		n *= 2;
	fp_compute(cpu, host, soft, sh, &d, a, b, n);
	if (n > 16) {
		simd_put_ymm(cpu, reg, &d);
		return;
	}
	simd_put128(cpu, in, reg, &d);
}

#define FP_PS { 4, 4, 16, 16, false }
#define FP_PD { 8, 8, 16, 16, false }
#define FP_SS { 4, 4, 16, 16, true }
#define FP_SD { 8, 8, 16, 16, true }

#define FP_EXEC(name, host, soft, ...) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	static const struct fp_shape sh = __VA_ARGS__; \
	fp_exec(cpu, in, host, soft, &sh); \
}

#endif
