// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packs, unpacks, shuffles, permutations, blends and widening moves. Apart
 * from the lane-crossing AVX2 ones, all work within 16-byte lanes (8 for MMX).
 */
#include "simd.h"

/* Narrow a's then b's elements of a lane with saturation. */
#define PACK(name, S, from, to, lo, hi) \
static inline void name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n) \
{ \
	unsigned lane = (n < 16 ? n : 16) / sizeof(S); \
	for (unsigned l = 0; l < n / sizeof(S); l += lane) { \
		for (unsigned i = 0; i < lane; i++) \
			d->to[2 * l + i] = (__typeof__(d->to[0]))simd_clamp((S)a->from[l + i], lo, hi); \
		for (unsigned i = 0; i < lane; i++) \
			d->to[2 * l + lane + i] = (__typeof__(d->to[0]))simd_clamp((S)b->from[l + i], lo, hi); \
	} \
} \
SIMD_BIN(name)

PACK(packsswb, s16, w, b, -128, 127)
PACK(packssdw, s32, d, w, -32768, 32767)
PACK(packuswb, s16, w, b, 0, 255)
PACK(packusdw, s32, d, w, 0, 65535)

/* Interleave the low or high halves of a's and b's lanes. */
#define UNPACK(name, f, size, high) \
static inline void name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n) \
{ \
	unsigned lane = (n < 16 ? n : 16) / (size), half = lane / 2; \
	for (unsigned l = 0; l < n / (size); l += lane) \
		for (unsigned i = 0; i < half; i++) { \
			d->f[l + 2 * i] = a->f[l + i + ((high) ? half : 0)]; \
			d->f[l + 2 * i + 1] = b->f[l + i + ((high) ? half : 0)]; \
		} \
} \
SIMD_BIN(name)

UNPACK(punpcklbw, b, 1, 0)
UNPACK(punpcklwd, w, 2, 0)
UNPACK(punpckldq, d, 4, 0)
UNPACK(punpcklqdq, q, 8, 0)
UNPACK(punpckhbw, b, 1, 1)
UNPACK(punpckhwd, w, 2, 1)
UNPACK(punpckhdq, d, 4, 1)
UNPACK(punpckhqdq, q, 8, 1)

static inline void pshufb(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	unsigned mask = n < 16 ? n - 1 : 15;

	for (unsigned i = 0; i < n; i++)
		d->b[i] = b->b[i] & 0x80 ? 0 : a->b[(i & ~mask) + (b->b[i] & mask)];
}
SIMD_BIN(pshufb)

static inline void pshufd(union x86_vec *d, const union x86_vec *a, u8 imm, unsigned n)
{
	for (unsigned l = 0; l < n / 4; l += 4)
		for (unsigned i = 0; i < 4; i++)
			d->d[l + i] = a->d[l + (imm >> 2 * i & 3)];
}
SIMD_UN_IMM(pshufd)

static inline void pshuflw(union x86_vec *d, const union x86_vec *a, u8 imm, unsigned n)
{
	for (unsigned l = 0; l < n / 2; l += 8)
		for (unsigned i = 0; i < 4; i++) {
			d->w[l + i] = a->w[l + (imm >> 2 * i & 3)];
			if (n > 8)
				d->w[l + 4 + i] = a->w[l + 4 + i];
		}
}
SIMD_UN_IMM(pshuflw)

static inline void pshufw(union x86_vec *d, const union x86_vec *a, u8 imm, unsigned n)
{
	(void)n;
	for (unsigned i = 0; i < 4; i++)
		d->w[i] = a->w[imm >> 2 * i & 3];
}
SIMD_UN_IMM(pshufw)

static inline void pshufhw(union x86_vec *d, const union x86_vec *a, u8 imm, unsigned n)
{
	for (unsigned l = 0; l < n / 2; l += 8)
		for (unsigned i = 0; i < 4; i++) {
			d->w[l + i] = a->w[l + i];
			d->w[l + 4 + i] = a->w[l + 4 + (imm >> 2 * i & 3)];
		}
}
SIMD_UN_IMM(pshufhw)

static inline void shufps(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned l = 0; l < n / 4; l += 4) {
		d->d[l] = a->d[l + (imm & 3)];
		d->d[l + 1] = a->d[l + (imm >> 2 & 3)];
		d->d[l + 2] = b->d[l + (imm >> 4 & 3)];
		d->d[l + 3] = b->d[l + (imm >> 6 & 3)];
	}
}
SIMD_BIN_IMM(shufps)

static inline void shufpd(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned l = 0; l < n / 8; l += 2, imm >>= 2) {
		d->q[l] = a->q[l + (imm & 1)];
		d->q[l + 1] = b->q[l + (imm >> 1 & 1)];
	}
}
SIMD_BIN_IMM(shufpd)

/* b is the lower half of the pair that is shifted right. */
static inline void palignr(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	unsigned lane = n < 16 ? n : 16;

	for (unsigned l = 0; l < n; l += lane)
		for (unsigned i = 0; i < lane; i++) {
			unsigned at = i + imm;

			d->b[l + i] = at < lane ? b->b[l + at] : at < 2 * lane ? a->b[l + at - lane] : 0;
		}
}
SIMD_BIN_IMM(palignr)

static inline void pblendw(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned i = 0; i < n / 2; i++)
		d->w[i] = imm >> (i & 7) & 1 ? b->w[i] : a->w[i];
}
SIMD_BIN_IMM(pblendw)

static inline void blendps(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned i = 0; i < n / 4; i++)
		d->d[i] = imm >> i & 1 ? b->d[i] : a->d[i];
}
SIMD_BIN_IMM(blendps)

static inline void blendpd(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned i = 0; i < n / 8; i++)
		d->q[i] = imm >> i & 1 ? b->q[i] : a->q[i];
}
SIMD_BIN_IMM(blendpd)

/*
 * Blends by the sign bits of a mask register: XMM0 in the legacy encoding,
 * the fourth operand in VEX.
 */
#define BLENDV(name, f, size) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	unsigned reg = in->opnd[0].reg; \
	const union x86_vec *b, *m = &cpu->vec[0]; \
	union x86_vec tmp, d; \
	b = simd_src(cpu, in, 1, &tmp); \
	for (unsigned i = 0; i < 16 / (size); i++) \
		d.f[i] = m->f[i] >> (8 * (size) - 1) ? b->f[i] : cpu->vec[reg].f[i]; \
	simd_put_xmm(cpu, reg, &d); \
} \
static void exec_v##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	const union x86_vec *a = &cpu->vec[in->opnd[1].reg], *m = &cpu->vec[in->opnd[3].reg], *b; \
	bool wide = in->flags & X86_INSN_L; \
	union x86_vec tmp, d = { .q = { 0 } }; \
	b = simd_src(cpu, in, 2, &tmp); \
	for (unsigned i = 0; i < (wide ? 32 : 16) / (size); i++) \
		d.f[i] = m->f[i] >> (8 * (size) - 1) ? b->f[i] : a->f[i]; \
	simd_put_ymm(cpu, in->opnd[0].reg, &d); \
}

BLENDV(pblendvb, b, 1)
BLENDV(blendvps, d, 4)
BLENDV(blendvpd, q, 8)

/* Widening moves: the source is as many elements as the destination holds. */
#define WIDEN(name, S, from, T, to) \
static inline void name(union x86_vec *d, const union x86_vec *a, unsigned n) \
{ \
	for (unsigned i = 0; i < n / sizeof(T); i++) \
		d->to[i] = (__typeof__(d->to[0]))(T)(S)a->from[i]; \
} \
SIMD_UN(name)

WIDEN(pmovsxbw, s8, b, s16, w)
WIDEN(pmovsxbd, s8, b, s32, d)
WIDEN(pmovsxbq, s8, b, s64, q)
WIDEN(pmovsxwd, s16, w, s32, d)
WIDEN(pmovsxwq, s16, w, s64, q)
WIDEN(pmovsxdq, s32, d, s64, q)
WIDEN(pmovzxbw, u8, b, u16, w)
WIDEN(pmovzxbd, u8, b, u32, d)
WIDEN(pmovzxbq, u8, b, u64, q)
WIDEN(pmovzxwd, u16, w, u32, d)
WIDEN(pmovzxwq, u16, w, u64, q)
WIDEN(pmovzxdq, u32, d, u64, q)

/* AVX: within lanes, by immediate or by a vector of selectors. */
static inline void permilpd_imm(union x86_vec *d, const union x86_vec *a, u8 imm, unsigned n)
{
	for (unsigned i = 0; i < n / 8; i++)
		d->q[i] = a->q[(i & ~1u) + (imm >> i & 1)];
}
SIMD_UN_IMM(permilpd_imm)

static inline void permilps_var(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	for (unsigned i = 0; i < n / 4; i++)
		d->d[i] = a->d[(i & ~3u) + (b->d[i] & 3)];
}

static inline void permilpd_var(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	for (unsigned i = 0; i < n / 8; i++)
		d->q[i] = a->q[(i & ~1u) + (b->q[i] >> 1 & 1)];
}

static void exec_vpermilps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (in->opnd[2].kind == X86_OPND_IMM)
		exec_pshufd(cpu, in);
	else
		simd_binary_vex(cpu, in, permilps_var);
}

static void exec_vpermilpd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (in->opnd[2].kind == X86_OPND_IMM)
		exec_permilpd_imm(cpu, in);
	else
		simd_binary_vex(cpu, in, permilpd_var);
}

/* AVX2: across lanes. The selectors are the first source. */
static inline void permd(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	for (unsigned i = 0; i < n / 4; i++)
		d->d[i] = b->d[a->d[i] & 7];
}
SIMD_BIN(permd)

static inline void permq(union x86_vec *d, const union x86_vec *a, u8 imm, unsigned n)
{
	for (unsigned i = 0; i < n / 8; i++)
		d->q[i] = a->q[imm >> 2 * i & 3];
}
SIMD_UN_IMM(permq)

static inline void perm2f128(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned l = 0; l < n / 8; l += 2, imm >>= 4) {
		const union x86_vec *s = imm & 2 ? b : a;

		d->q[l] = imm & 8 ? 0 : s->q[2 * (imm & 1)];
		d->q[l + 1] = imm & 8 ? 0 : s->q[2 * (imm & 1) + 1];
	}
}
SIMD_BIN_IMM(perm2f128)

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY2(PACKSSWB, packsswb), SIMD_ENTRY2(PACKSSDW, packssdw),
	SIMD_ENTRY2(PACKUSWB, packuswb), SIMD_ENTRY2(PACKUSDW, packusdw),
	SIMD_ENTRY2(PUNPCKLBW, punpcklbw), SIMD_ENTRY2(PUNPCKLWD, punpcklwd),
	SIMD_ENTRY2(PUNPCKLDQ, punpckldq), SIMD_ENTRY2(PUNPCKLQDQ, punpcklqdq),
	SIMD_ENTRY2(PUNPCKHBW, punpckhbw), SIMD_ENTRY2(PUNPCKHWD, punpckhwd),
	SIMD_ENTRY2(PUNPCKHDQ, punpckhdq), SIMD_ENTRY2(PUNPCKHQDQ, punpckhqdq),
	SIMD_ENTRY2(UNPCKLPS, punpckldq), SIMD_ENTRY2(UNPCKLPD, punpcklqdq),
	SIMD_ENTRY2(UNPCKHPS, punpckhdq), SIMD_ENTRY2(UNPCKHPD, punpckhqdq),
	SIMD_ENTRY2(PSHUFB, pshufb), SIMD_ENTRY(PSHUFD, pshufd), SIMD_ENTRY(PSHUFW, pshufw),
	SIMD_ENTRY(PSHUFLW, pshuflw), SIMD_ENTRY(PSHUFHW, pshufhw),
	SIMD_ENTRY2(SHUFPS, shufps), SIMD_ENTRY2(SHUFPD, shufpd), SIMD_ENTRY2(PALIGNR, palignr),
	SIMD_ENTRY2(PBLENDW, pblendw), SIMD_ENTRY2(BLENDPS, blendps), SIMD_ENTRY2(BLENDPD, blendpd),
	SIMD_ENTRY2(VPBLENDD, blendps),
	SIMD_ENTRY2(PBLENDVB, pblendvb), SIMD_ENTRY2(BLENDVPS, blendvps), SIMD_ENTRY2(BLENDVPD, blendvpd),
	SIMD_ENTRY(PMOVSXBW, pmovsxbw), SIMD_ENTRY(PMOVSXBD, pmovsxbd), SIMD_ENTRY(PMOVSXBQ, pmovsxbq),
	SIMD_ENTRY(PMOVSXWD, pmovsxwd), SIMD_ENTRY(PMOVSXWQ, pmovsxwq), SIMD_ENTRY(PMOVSXDQ, pmovsxdq),
	SIMD_ENTRY(PMOVZXBW, pmovzxbw), SIMD_ENTRY(PMOVZXBD, pmovzxbd), SIMD_ENTRY(PMOVZXBQ, pmovzxbq),
	SIMD_ENTRY(PMOVZXWD, pmovzxwd), SIMD_ENTRY(PMOVZXWQ, pmovzxwq), SIMD_ENTRY(PMOVZXDQ, pmovzxdq),
	SIMD_ENTRY(VPERMILPS, vpermilps), SIMD_ENTRY(VPERMILPD, vpermilpd),
	SIMD_ENTRY2(VPERMD, permd), SIMD_ENTRY2(VPERMPS, permd),
	SIMD_ENTRY(VPERMQ, permq), SIMD_ENTRY(VPERMPD, permq),
	SIMD_ENTRY2(VPERM2F128, perm2f128), SIMD_ENTRY2(VPERM2I128, perm2f128),
};
static const struct x86_exec_set simd_int_shuffle = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_int_shuffle);
