// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packed integer arithmetic, logic and comparison: MMX, SSE2 to SSE4.2, AVX,
 * AVX2. One line a mnemonic where elements do not meet each other.
 */
#include <string.h>

#include "simd.h"

SIMD_LANES(paddb, u8, b, x + y)
SIMD_LANES(paddw, u16, w, x + y)
SIMD_LANES(paddd, u32, d, x + y)
SIMD_LANES(paddq, u64, q, x + y)
SIMD_LANES(psubb, u8, b, x - y)
SIMD_LANES(psubw, u16, w, x - y)
SIMD_LANES(psubd, u32, d, x - y)
SIMD_LANES(psubq, u64, q, x - y)
SIMD_LANES(paddsb, s8, b, simd_clamp(x + y, -128, 127))
SIMD_LANES(paddsw, s16, w, simd_clamp(x + y, -32768, 32767))
SIMD_LANES(paddusb, u8, b, x + y > 255 ? 255 : x + y)
SIMD_LANES(paddusw, u16, w, x + y > 65535 ? 65535 : x + y)
SIMD_LANES(psubsb, s8, b, simd_clamp(x - y, -128, 127))
SIMD_LANES(psubsw, s16, w, simd_clamp(x - y, -32768, 32767))
SIMD_LANES(psubusb, u8, b, x > y ? x - y : 0)
SIMD_LANES(psubusw, u16, w, x > y ? x - y : 0)

SIMD_LANES(pand, u64, q, x & y)
SIMD_LANES(pandn, u64, q, ~x & y)
SIMD_LANES(por, u64, q, x | y)
SIMD_LANES(pxor, u64, q, x ^ y)

SIMD_LANES(pcmpeqb, u8, b, x == y ? -1 : 0)
SIMD_LANES(pcmpeqw, u16, w, x == y ? -1 : 0)
SIMD_LANES(pcmpeqd, u32, d, x == y ? -1 : 0)
SIMD_LANES(pcmpeqq, u64, q, x == y ? -1 : 0)
SIMD_LANES(pcmpgtb, s8, b, x > y ? -1 : 0)
SIMD_LANES(pcmpgtw, s16, w, x > y ? -1 : 0)
SIMD_LANES(pcmpgtd, s32, d, x > y ? -1 : 0)
SIMD_LANES(pcmpgtq, s64, q, x > y ? -1 : 0)

SIMD_LANES(pminub, u8, b, x < y ? x : y)
SIMD_LANES(pminuw, u16, w, x < y ? x : y)
SIMD_LANES(pminud, u32, d, x < y ? x : y)
SIMD_LANES(pminsb, s8, b, x < y ? x : y)
SIMD_LANES(pminsw, s16, w, x < y ? x : y)
SIMD_LANES(pminsd, s32, d, x < y ? x : y)
SIMD_LANES(pmaxub, u8, b, x > y ? x : y)
SIMD_LANES(pmaxuw, u16, w, x > y ? x : y)
SIMD_LANES(pmaxud, u32, d, x > y ? x : y)
SIMD_LANES(pmaxsb, s8, b, x > y ? x : y)
SIMD_LANES(pmaxsw, s16, w, x > y ? x : y)
SIMD_LANES(pmaxsd, s32, d, x > y ? x : y)

SIMD_LANES(pmullw, u16, w, (u32)x * y)
SIMD_LANES(pmulld, u32, d, x * y)
SIMD_LANES(pmulhw, s16, w, (s32)x * y >> 16)
SIMD_LANES(pmulhuw, u16, w, (u32)x * y >> 16)
SIMD_LANES(pmulhrsw, s16, w, (((s32)x * y >> 14) + 1) >> 1)
SIMD_LANES(pmuludq, u64, q, (u64)(u32)x * (u32)y)
SIMD_LANES(pmuldq, s64, q, (s64)(s32)x * (s32)y)
SIMD_LANES(pavgb, u8, b, (x + y + 1) >> 1)
SIMD_LANES(pavgw, u16, w, (x + y + 1) >> 1)
SIMD_LANES(psignb, s8, b, y < 0 ? -x : y ? x : 0)
SIMD_LANES(psignw, s16, w, y < 0 ? -x : y ? x : 0)
SIMD_LANES(psignd, s32, d, y < 0 ? 0u - (u32)x : y ? (u32)x : 0u)

static inline void pmaddwd(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	for (unsigned i = 0; i < n / 4; i++) {
		s32 lo = (s32)(s16)a->w[2 * i] * (s16)b->w[2 * i];
		s32 hi = (s32)(s16)a->w[2 * i + 1] * (s16)b->w[2 * i + 1];

		d->d[i] = (u32)lo + (u32)hi;
	}
}
SIMD_BIN(pmaddwd)

static inline void pmaddubsw(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	for (unsigned i = 0; i < n / 2; i++) {
		s32 lo = (s32)a->b[2 * i] * (s8)b->b[2 * i];
		s32 hi = (s32)a->b[2 * i + 1] * (s8)b->b[2 * i + 1];

		d->w[i] = (u16)simd_clamp(lo + hi, -32768, 32767);
	}
}
SIMD_BIN(pmaddubsw)

static inline void psadbw(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	for (unsigned i = 0; i < n / 8; i++) {
		u32 sum = 0;

		for (unsigned j = 8 * i; j < 8 * i + 8; j++)
			sum += a->b[j] > b->b[j] ? a->b[j] - b->b[j] : b->b[j] - a->b[j];
		d->q[i] = sum;
	}
}
SIMD_BIN(psadbw)

/*
 * Horizontal operations: in each 16-byte lane (8 bytes for MMX) the lower
 * half of the result comes from pairs of a, the upper from pairs of b.
 */
#define SIMD_HORIZONTAL(name, T, f, expr) \
static inline void name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n) \
{ \
	unsigned lane = (n < 16 ? n : 16) / sizeof(T), half = lane / 2; \
	for (unsigned l = 0; l < n / sizeof(T); l += lane) { \
		for (unsigned i = 0; i < half; i++) { \
			T x = (T)a->f[l + 2 * i], y = (T)a->f[l + 2 * i + 1]; \
			d->f[l + i] = (__typeof__(d->f[0]))(expr); \
		} \
		for (unsigned i = 0; i < half; i++) { \
			T x = (T)b->f[l + 2 * i], y = (T)b->f[l + 2 * i + 1]; \
			d->f[l + half + i] = (__typeof__(d->f[0]))(expr); \
		} \
	} \
} \
SIMD_BIN(name)

SIMD_HORIZONTAL(phaddw, u16, w, x + y)
SIMD_HORIZONTAL(phaddd, u32, d, x + y)
SIMD_HORIZONTAL(phaddsw, s16, w, simd_clamp(x + y, -32768, 32767))
SIMD_HORIZONTAL(phsubw, u16, w, x - y)
SIMD_HORIZONTAL(phsubd, u32, d, x - y)
SIMD_HORIZONTAL(phsubsw, s16, w, simd_clamp(x - y, -32768, 32767))

#define SIMD_LANES1(name, T, f, expr) \
static inline void name(union x86_vec *d, const union x86_vec *a, unsigned n) \
{ \
	for (unsigned i = 0; i < n / sizeof(T); i++) { \
		T x = (T)a->f[i]; \
		d->f[i] = (__typeof__(d->f[0]))(expr); \
	} \
} \
SIMD_UN(name)

SIMD_LANES1(pabsb, s8, b, x < 0 ? -x : x)
SIMD_LANES1(pabsw, s16, w, x < 0 ? -x : x)
SIMD_LANES1(pabsd, s32, d, x < 0 ? 0u - (u32)x : (u32)x)

static inline void phminposuw(union x86_vec *d, const union x86_vec *a, unsigned n)
{
	unsigned at = 0;

	memset(d, 0, n);
	for (unsigned i = 1; i < 8; i++)
		if (a->w[i] < a->w[at])
			at = i;
	d->q[0] = a->w[at] | (u64)at << 16;
}
SIMD_UN(phminposuw)

static inline void mpsadbw(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned lane = 0; lane < n; lane += 16, imm >>= 3) {
		const u8 *pa = a->b + lane + (imm & 4), *pb = b->b + lane + (imm & 3) * 4;

		for (unsigned i = 0; i < 8; i++) {
			u32 sum = 0;

			for (unsigned j = 0; j < 4; j++)
				sum += pa[i + j] > pb[j] ? pa[i + j] - pb[j] : pb[j] - pa[i + j];
			d->w[lane / 2 + i] = (u16)sum;
		}
	}
}
SIMD_BIN_IMM(mpsadbw)

/* ZF: no bit in both; CF: all of b in a. The rest is cleared. */
static void exec_ptest(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const union x86_vec *a = &cpu->vec[in->opnd[0].reg], *b;
	u64 both = 0, only_b = 0;
	union x86_vec tmp;

	b = simd_src(cpu, in, 1, &tmp);
	for (unsigned i = 0; i < (in->flags & X86_INSN_L ? 4 : 2); i++) {
		both |= a->q[i] & b->q[i];
		only_b |= ~a->q[i] & b->q[i];
	}
	x86_set_arith(cpu, (both ? 0 : X86_FL_ZF) | (only_b ? 0 : X86_FL_CF));
}

/* VTESTPS, VTESTPD: PTEST on sign bits. */
static void vtest(struct x86_cpu *cpu, const struct x86_insn *in, u64 signs)
{
	const union x86_vec *a = &cpu->vec[in->opnd[0].reg], *b;
	u64 both = 0, only_b = 0;
	union x86_vec tmp;

	b = simd_src(cpu, in, 1, &tmp);
	for (unsigned i = 0; i < (in->flags & X86_INSN_L ? 4 : 2); i++) {
		both |= a->q[i] & b->q[i] & signs;
		only_b |= ~a->q[i] & b->q[i] & signs;
	}
	x86_set_arith(cpu, (both ? 0 : X86_FL_ZF) | (only_b ? 0 : X86_FL_CF));
}

static void exec_vtestps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	vtest(cpu, in, 0x8000000080000000);
}

static void exec_vtestpd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	vtest(cpu, in, 0x8000000000000000);
}

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY2(PADDB, paddb), SIMD_ENTRY2(PADDW, paddw), SIMD_ENTRY2(PADDD, paddd), SIMD_ENTRY2(PADDQ, paddq),
	SIMD_ENTRY2(PSUBB, psubb), SIMD_ENTRY2(PSUBW, psubw), SIMD_ENTRY2(PSUBD, psubd), SIMD_ENTRY2(PSUBQ, psubq),
	SIMD_ENTRY2(PADDSB, paddsb), SIMD_ENTRY2(PADDSW, paddsw),
	SIMD_ENTRY2(PADDUSB, paddusb), SIMD_ENTRY2(PADDUSW, paddusw),
	SIMD_ENTRY2(PSUBSB, psubsb), SIMD_ENTRY2(PSUBSW, psubsw),
	SIMD_ENTRY2(PSUBUSB, psubusb), SIMD_ENTRY2(PSUBUSW, psubusw),
	SIMD_ENTRY2(PAND, pand), SIMD_ENTRY2(PANDN, pandn), SIMD_ENTRY2(POR, por), SIMD_ENTRY2(PXOR, pxor),
	SIMD_ENTRY2(ANDPS, pand), SIMD_ENTRY2(ANDNPS, pandn), SIMD_ENTRY2(ORPS, por), SIMD_ENTRY2(XORPS, pxor),
	SIMD_ENTRY2(ANDPD, pand), SIMD_ENTRY2(ANDNPD, pandn), SIMD_ENTRY2(ORPD, por), SIMD_ENTRY2(XORPD, pxor),
	SIMD_ENTRY2(PCMPEQB, pcmpeqb), SIMD_ENTRY2(PCMPEQW, pcmpeqw),
	SIMD_ENTRY2(PCMPEQD, pcmpeqd), SIMD_ENTRY2(PCMPEQQ, pcmpeqq),
	SIMD_ENTRY2(PCMPGTB, pcmpgtb), SIMD_ENTRY2(PCMPGTW, pcmpgtw),
	SIMD_ENTRY2(PCMPGTD, pcmpgtd), SIMD_ENTRY2(PCMPGTQ, pcmpgtq),
	SIMD_ENTRY2(PMINUB, pminub), SIMD_ENTRY2(PMINUW, pminuw), SIMD_ENTRY2(PMINUD, pminud),
	SIMD_ENTRY2(PMINSB, pminsb), SIMD_ENTRY2(PMINSW, pminsw), SIMD_ENTRY2(PMINSD, pminsd),
	SIMD_ENTRY2(PMAXUB, pmaxub), SIMD_ENTRY2(PMAXUW, pmaxuw), SIMD_ENTRY2(PMAXUD, pmaxud),
	SIMD_ENTRY2(PMAXSB, pmaxsb), SIMD_ENTRY2(PMAXSW, pmaxsw), SIMD_ENTRY2(PMAXSD, pmaxsd),
	SIMD_ENTRY2(PMULLW, pmullw), SIMD_ENTRY2(PMULLD, pmulld), SIMD_ENTRY2(PMULHW, pmulhw),
	SIMD_ENTRY2(PMULHUW, pmulhuw), SIMD_ENTRY2(PMULHRSW, pmulhrsw),
	SIMD_ENTRY2(PMULUDQ, pmuludq), SIMD_ENTRY2(PMULDQ, pmuldq),
	SIMD_ENTRY2(PAVGB, pavgb), SIMD_ENTRY2(PAVGW, pavgw),
	SIMD_ENTRY2(PSIGNB, psignb), SIMD_ENTRY2(PSIGNW, psignw), SIMD_ENTRY2(PSIGND, psignd),
	SIMD_ENTRY2(PMADDWD, pmaddwd), SIMD_ENTRY2(PMADDUBSW, pmaddubsw), SIMD_ENTRY2(PSADBW, psadbw),
	SIMD_ENTRY2(PHADDW, phaddw), SIMD_ENTRY2(PHADDD, phaddd), SIMD_ENTRY2(PHADDSW, phaddsw),
	SIMD_ENTRY2(PHSUBW, phsubw), SIMD_ENTRY2(PHSUBD, phsubd), SIMD_ENTRY2(PHSUBSW, phsubsw),
	SIMD_ENTRY(PABSB, pabsb), SIMD_ENTRY(PABSW, pabsw), SIMD_ENTRY(PABSD, pabsd),
	SIMD_ENTRY(PHMINPOSUW, phminposuw), SIMD_ENTRY2(MPSADBW, mpsadbw),
	SIMD_ENTRY(PTEST, ptest), SIMD_ENTRY(VTESTPS, vtestps), SIMD_ENTRY(VTESTPD, vtestpd),
};
static const struct x86_exec_set simd_int_arith = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_int_arith);
