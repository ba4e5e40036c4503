// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probe behind hostcpu.h: CPUID leaves 1, 7 and 0x80000001, with AVX
 * and its kin only when XCR0 says that the kernel saves the registers
 * (Intel SDM volume 1, 14.3).
 */
#include "hostcpu.h"

u32 hostcpu_bits;

#ifdef __x86_64__
#include <cpuid.h>

struct cpuid_bit {
	u8 reg;			/* index into the words gathered below */
	u8 bit;
	bool needs_avx;
	u32 host;
};

enum { W_1C, W_7B, W_EXT_C, W_COUNT };

static const struct cpuid_bit cpuid_bits[] = {
	{ W_1C, 20, false, HOSTCPU_SSE42 },
	{ W_1C, 19, false, HOSTCPU_SSE41 },
	{ W_1C,  9, false, HOSTCPU_SSSE3 },
	{ W_1C,  1, false, HOSTCPU_PCLMUL },
	{ W_1C, 23, false, HOSTCPU_POPCNT },
	{ W_1C, 22, false, HOSTCPU_MOVBE },
	{ W_1C, 28, true,  HOSTCPU_AVX },
	{ W_1C, 12, true,  HOSTCPU_FMA },
	{ W_1C, 29, true,  HOSTCPU_F16C },
	{ W_7B,  5, true,  HOSTCPU_AVX2 },
	{ W_7B,  3, false, HOSTCPU_BMI1 },
	{ W_7B,  8, false, HOSTCPU_BMI2 },
	{ W_7B, 29, false, HOSTCPU_SHA },
	{ W_EXT_C, 5, false, HOSTCPU_LZCNT },
};

static bool os_saves_ymm(u32 leaf1_ecx)
{
	u32 lo, hi;

	if (!(leaf1_ecx & bit_OSXSAVE))
		return false;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (lo & 6) == 6;
}

static u32 probe(void)
{
	u32 w[W_COUNT] = { 0 }, a, b, c, d, bits = HOSTCPU_KNOWN;
	bool ymm;

	if (__get_cpuid(1, &a, &b, &c, &d))
		w[W_1C] = c;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		w[W_7B] = b;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		w[W_EXT_C] = c;
	ymm = os_saves_ymm(w[W_1C]);
	for (size_t i = 0; i < ARRAY_SIZE(cpuid_bits); i++) {
		const struct cpuid_bit *cb = &cpuid_bits[i];

		if ((w[cb->reg] >> cb->bit & 1) && (ymm || !cb->needs_avx))
			bits |= cb->host;
	}
	return bits;
}
#else
static u32 probe(void)
{
	return HOSTCPU_KNOWN;
}
#endif

u32 hostcpu_probe(void)
{
	u32 bits = probe();

	__atomic_store_n(&hostcpu_bits, bits, __ATOMIC_RELAXED);
	return bits;
}
