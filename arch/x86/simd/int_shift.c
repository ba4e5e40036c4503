// SPDX-License-Identifier: GPL-2.0-or-later
/* Packed shifts: by one count for all elements, by bytes, and AVX2's per-element ones. */
#include "simd.h"

typedef void (*shift_fn)(union x86_vec *d, const union x86_vec *a, u64 count, unsigned n);

#define SHIFT(name, T, f, over, expr) \
static inline void name(union x86_vec *d, const union x86_vec *a, u64 count, unsigned n) \
{ \
	unsigned c = (unsigned)(count > 8 * sizeof(T) - 1 ? 8 * sizeof(T) - 1 : count); \
	bool big = count > 8 * sizeof(T) - 1; \
	for (unsigned i = 0; i < n / sizeof(T); i++) { \
		T x = (T)a->f[i]; \
		d->f[i] = (__typeof__(d->f[0]))(big ? (over) : (expr)); \
	} \
} \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { shift(cpu, in, name); } \
static void exec_v##name(struct x86_cpu *cpu, const struct x86_insn *in) { shift_vex(cpu, in, name); }

/* The count: an immediate, or the low 64 bits of an operand that is read whole. */
static __always_inline u64 shift_count(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n)
{
	union x86_vec tmp;

	if (in->opnd[n].kind == X86_OPND_IMM)
		return (u8)in->imm;
	return simd_src(cpu, in, n, &tmp)->q[0];
}

static __always_inline void shift(struct x86_cpu *cpu, const struct x86_insn *in, shift_fn fn)
{
	unsigned reg = in->opnd[0].reg;
	union x86_vec a, d;
	u64 count;

	if (simd_is_mmx(in)) {
		mmx_check(cpu);
		count = shift_count(cpu, in, 1);
		a.q[0] = mmx_get(cpu, reg);
		fn(&d, &a, count, 8);
		mmx_put(cpu, reg, d.q[0]);
		return;
	}
	count = shift_count(cpu, in, 1);
	fn(&d, &cpu->vec[reg], count, 16);
	simd_put_xmm(cpu, reg, &d);
}

static __always_inline void shift_vex(struct x86_cpu *cpu, const struct x86_insn *in, shift_fn fn)
{
	const union x86_vec *a = &cpu->vec[in->opnd[1].reg];
	u64 count = shift_count(cpu, in, 2);
	unsigned reg = in->opnd[0].reg;
	union x86_vec d;

	if (in->flags & X86_INSN_L) {
		fn(&d, a, count, 32);
		simd_put_ymm(cpu, reg, &d);
	} else {
		fn(&d, a, count, 16);
		simd_put_xmm(cpu, reg, &d);
		simd_clear_high(cpu, reg);
	}
}

SHIFT(psllw, u16, w, 0, x << c)
SHIFT(pslld, u32, d, 0, x << c)
SHIFT(psllq, u64, q, 0, x << c)
SHIFT(psrlw, u16, w, 0, x >> c)
SHIFT(psrld, u32, d, 0, x >> c)
SHIFT(psrlq, u64, q, 0, x >> c)
SHIFT(psraw, s16, w, x >> 15, x >> c)
SHIFT(psrad, s32, d, x >> 31, x >> c)

static inline void pslldq(union x86_vec *d, const union x86_vec *a, u64 count, unsigned n)
{
	for (unsigned lane = 0; lane < n; lane += 16)
		for (unsigned i = 0; i < 16; i++)
			d->b[lane + i] = i >= count ? a->b[lane + i - (unsigned)count] : 0;
}

static inline void psrldq(union x86_vec *d, const union x86_vec *a, u64 count, unsigned n)
{
	for (unsigned lane = 0; lane < n; lane += 16)
		for (unsigned i = 0; i < 16; i++)
			d->b[lane + i] = i + count < 16 ? a->b[lane + i + (unsigned)count] : 0;
}

static void exec_pslldq(struct x86_cpu *cpu, const struct x86_insn *in) { shift(cpu, in, pslldq); }
static void exec_vpslldq(struct x86_cpu *cpu, const struct x86_insn *in) { shift_vex(cpu, in, pslldq); }
static void exec_psrldq(struct x86_cpu *cpu, const struct x86_insn *in) { shift(cpu, in, psrldq); }
static void exec_vpsrldq(struct x86_cpu *cpu, const struct x86_insn *in) { shift_vex(cpu, in, psrldq); }

SIMD_LANES(psllvd, u32, d, y < 32 ? x << (y & 31) : 0)
SIMD_LANES(psllvq, u64, q, y < 64 ? x << (y & 63) : 0)
SIMD_LANES(psrlvd, u32, d, y < 32 ? x >> (y & 31) : 0)
SIMD_LANES(psrlvq, u64, q, y < 64 ? x >> (y & 63) : 0)
SIMD_LANES(psravd, s32, d, x >> ((u32)y < 32 ? y : 31))

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY2(PSLLW, psllw), SIMD_ENTRY2(PSLLD, pslld), SIMD_ENTRY2(PSLLQ, psllq),
	SIMD_ENTRY2(PSRLW, psrlw), SIMD_ENTRY2(PSRLD, psrld), SIMD_ENTRY2(PSRLQ, psrlq),
	SIMD_ENTRY2(PSRAW, psraw), SIMD_ENTRY2(PSRAD, psrad),
	SIMD_ENTRY2(PSLLDQ, pslldq), SIMD_ENTRY2(PSRLDQ, psrldq),
	SIMD_ENTRY2(VPSLLVD, psllvd), SIMD_ENTRY2(VPSLLVQ, psllvq),
	SIMD_ENTRY2(VPSRLVD, psrlvd), SIMD_ENTRY2(VPSRLVQ, psrlvq), SIMD_ENTRY2(VPSRAVD, psravd),
};
static const struct x86_exec_set simd_int_shift = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_int_shift);
