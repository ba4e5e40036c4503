// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The 128-bytes-a-step loops of bufscan.c. This file alone is compiled with
 * AVX2 (by attribute), and is called only when the CPU has it.
 */
#include "bufscan.h"

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

static inline AVX2 __m256i load(const u8 *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline AVX2 __m256i differing(const u8 *a, const u8 *b)
{
	return _mm256_xor_si256(load(a), load(b));
}

AVX2 size_t bufscan_zero_avx2(const void *p, size_t n)
{
	const u8 *s = p;
	size_t i;

	for (i = 0; i + 128 <= n; i += 128) {
		__m256i v = _mm256_or_si256(_mm256_or_si256(load(s + i), load(s + i + 32)),
					    _mm256_or_si256(load(s + i + 64), load(s + i + 96)));

		if (!_mm256_testz_si256(v, v))
			break;
	}
	return i;
}

AVX2 size_t bufscan_same_avx2(const void *pa, const void *pb, size_t n)
{
	const u8 *a = pa, *b = pb;
	size_t i;

	for (i = 0; i + 128 <= n; i += 128) {
		__m256i v = _mm256_or_si256(differing(a + i, b + i), differing(a + i + 32, b + i + 32));

		v = _mm256_or_si256(v, differing(a + i + 64, b + i + 64));
		v = _mm256_or_si256(v, differing(a + i + 96, b + i + 96));
		if (!_mm256_testz_si256(v, v))
			break;
	}
	return i;
}
#endif
