/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How arithmetic leaves its flags in fl_res and fl_aux (x86/cpu.h). Sizes are
 * in bits. Carries out of every bit position are computed at once; their bits
 * n-1, n-2 and 3 are CF, the carry into the sign, and AF.
 */
#ifndef ARCH_X86_INTERP_FLAGS_H
#define ARCH_X86_INTERP_FLAGS_H

#include "x86/exec.h"

#define AUX_ARITH (X86_AUX_CF | X86_AUX_PO)

static __always_inline u64 sext(u64 v, unsigned bits)
{
	return (u64)((s64)(v << (64 - bits)) >> (64 - bits));
}

static __always_inline u64 zext(u64 v, unsigned bits)
{
	return bits == 64 ? v : v & (BIT(bits) - 1);
}

static __always_inline void fl_carries(struct x86_cpu *cpu, u64 carries, u64 res, unsigned bits)
{
	cpu->fl_aux = ((carries << (64 - bits)) & AUX_ARITH) | (carries & X86_AUX_AF);
	cpu->fl_res = sext(res, bits);
}

/* res = a + b, or a + b + CF */
static __always_inline void fl_add(struct x86_cpu *cpu, u64 a, u64 b, u64 res, unsigned bits)
{
	fl_carries(cpu, (a & b) | ((a | b) & ~res), res, bits);
}

/* res = a - b, or a - b - CF */
static __always_inline void fl_sub(struct x86_cpu *cpu, u64 a, u64 b, u64 res, unsigned bits)
{
	fl_carries(cpu, (~a & b) | (~(a ^ b) & res), res, bits);
}

static __always_inline void fl_logic(struct x86_cpu *cpu, u64 res, unsigned bits)
{
	cpu->fl_aux = 0;
	cpu->fl_res = sext(res, bits);
}

/* CF stays */
static __always_inline void fl_inc(struct x86_cpu *cpu, u64 res, unsigned bits)
{
	u64 cf = cpu->fl_aux & X86_AUX_CF, of = zext(res, bits) == BIT(bits - 1) ? X86_AUX_PO : 0;

	cpu->fl_aux = cf | (of ^ (cf >> 1)) | ((res & 15) == 0 ? X86_AUX_AF : 0);
	cpu->fl_res = sext(res, bits);
}

static __always_inline void fl_dec(struct x86_cpu *cpu, u64 res, unsigned bits)
{
	u64 cf = cpu->fl_aux & X86_AUX_CF, of = zext(res, bits) == BIT(bits - 1) - 1 ? X86_AUX_PO : 0;

	cpu->fl_aux = cf | (of ^ (cf >> 1)) | ((res & 15) == 15 ? X86_AUX_AF : 0);
	cpu->fl_res = sext(res, bits);
}

/* Result flags from res, CF and OF as given, AF clear. */
static __always_inline void fl_set(struct x86_cpu *cpu, u64 res, unsigned bits, bool cf, bool of)
{
	cpu->fl_aux = (cf ? X86_AUX_CF : 0) | (cf != of ? X86_AUX_PO : 0);
	cpu->fl_res = sext(res, bits);
}

/* Multiplications: CF and OF; the rest is undefined, and clear. */
static __always_inline void fl_set_mul(struct x86_cpu *cpu, bool over)
{
	cpu->fl_aux = over ? X86_AUX_CF : 0;
	cpu->fl_res = 1;
}

/* Only CF and OF change. */
static __always_inline void fl_set_co(struct x86_cpu *cpu, bool cf, bool of)
{
	cpu->fl_aux = (cpu->fl_aux & ~AUX_ARITH) | (cf ? X86_AUX_CF : 0) | (cf != of ? X86_AUX_PO : 0);
}

static __always_inline void fl_set_cf(struct x86_cpu *cpu, bool cf)
{
	fl_set_co(cpu, cf, x86_of(cpu));
}

#endif
