// SPDX-License-Identifier: GPL-2.0-or-later
/* The softfloat path of SSE arithmetic, and SIMD exceptions. SDM vol. 1, 11.5. */
#include <string.h>

#include "fp.h"

#define CR4_OSXMMEXCPT	(1u << 10)

void fp_raise_flags(struct x86_cpu *cpu, u32 flags)
{
	u32 mask = cpu->mxcsr >> 7 & SF_ALL;

	if (flags & SF_PRE & ~mask)
		flags &= SF_PRE;
	cpu->mxcsr |= flags;
	if (flags & ~mask)
		x86_raise(cpu, cpu->cr4 & CR4_OSXMMEXCPT ? X86_EXC_XM : X86_EXC_UD);
}

static u64 get_element(const union x86_vec *v, unsigned i, unsigned size)
{
	switch (size) {
	case 2: return v->w[i];
	case 4: return v->d[i];
	default: return v->q[i];
	}
}

static void put_element(union x86_vec *v, unsigned i, unsigned size, u64 val)
{
	switch (size) {
	case 2: v->w[i] = (u16)val; break;
	case 4: v->d[i] = (u32)val; break;
	default: v->q[i] = val; break;
	}
}

void fp_soft(struct x86_cpu *cpu, fp_elem_fn fn, const struct fp_shape *sh, union x86_vec *d,
	     const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	struct sf_env env = sf_env_mxcsr(cpu->mxcsr);
	unsigned count = sh->scalar ? 1 : n / sh->dsize;
	u32 flags = 0;

	if (sh->scalar)
		memcpy(d, a, 16);
	for (unsigned i = 0; i < count; i++) {
		u64 r = fn(&env, get_element(a, i, sh->ssize), get_element(b, i, sh->ssize));

		put_element(d, i, sh->dsize, r);
		flags |= env.flags;
		env.flags = 0;
	}
	fp_raise_flags(cpu, flags);
}
