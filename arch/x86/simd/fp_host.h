/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE instructions as functions for fp.h. FP_HOST(name, insn) defines
 * host_name(); on hosts without SSE host_name is NULL and softfloat computes.
 * One asm statement loads MXCSR, computes and reads the flags, for the
 * compiler would move arithmetic of its own across separate ones.
 */
#ifndef X86_FP_HOST_H
#define X86_FP_HOST_H

#include "fp.h"

#ifdef __x86_64__

typedef long long fp_vec __attribute__((vector_size(16), aligned(1), may_alias));

static inline void fp_host_restore(u32 mxcsr)
{
	static const u32 normal = MXCSR_DEFAULT;

	if (unlikely((mxcsr & ~SF_ALL) != MXCSR_DEFAULT))
		asm volatile("ldmxcsr %0" : : "m"(normal));
}

#define FP_HOST(name, insn) \
static inline u32 host_##name(void *d, const void *a, const void *b, u32 mxcsr) \
{ \
	fp_vec x = *(const fp_vec *)a, y = *(const fp_vec *)b; \
	u32 out; \
	asm volatile("ldmxcsr %3\n\t" insn " %2, %0\n\tstmxcsr %1" : "+x"(x), "=m"(out) : "x"(y), "m"(mxcsr)); \
	fp_host_restore(mxcsr); \
	*(fp_vec *)d = x; \
	return out & SF_ALL; \
}

/* For scalar operations: only the element of b is read, for it may be all that is there. */
#define FP_HOST_SCALAR(name, insn, type) \
static inline u32 host_##name(void *d, const void *a, const void *b, u32 mxcsr) \
{ \
	typedef type __attribute__((may_alias)) elem; \
	fp_vec x = *(const fp_vec *)a; \
	u32 out; \
	asm volatile("ldmxcsr %3\n\t" insn " %2, %0\n\tstmxcsr %1" \
		     : "+x"(x), "=m"(out) : "m"(*(const elem *)b), "m"(mxcsr)); \
	fp_host_restore(mxcsr); \
	*(fp_vec *)d = x; \
	return out & SF_ALL; \
}
#define FP_HOST_SS(name, insn) FP_HOST_SCALAR(name, insn, u32)
#define FP_HOST_SD(name, insn) FP_HOST_SCALAR(name, insn, u64)

/* The same for an instruction newer than SSE2: softfloat's place is taken at run time. */
#define FP_HOST_HAS(feature) __builtin_cpu_supports(feature)

#else

#define FP_HOST(name, insn) static const fp_host_fn host_##name = NULL;
#define FP_HOST_SS FP_HOST
#define FP_HOST_SD FP_HOST
#define FP_HOST_HAS(feature) false

#endif
#endif
