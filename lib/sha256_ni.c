// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SHA-256's compression function with the SHA instructions (Intel SDM
 * volume 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2). They want the state as
 * two vectors, ABEF and CDGH from the highest word down, and do two rounds
 * at a time.
 */
#include "sha256.h"

#ifdef __x86_64__
#include <immintrin.h>

#define SHA __attribute__((target("sha,sse4.1")))

/* Words i..i+3 of the message schedule; w holds the 16 before, as four vectors in a ring. */
static inline SHA __m128i next_words(const __m128i w[4], unsigned i)
{
	__m128i oldest = w[i & 3], old = w[(i + 1) & 3], before = w[(i + 2) & 3], last = w[(i + 3) & 3];
	__m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, old), _mm_alignr_epi8(last, before, 4));

	return _mm_sha256msg2_epu32(sum, last);
}

static SHA void one_block(__m128i *abef, __m128i *cdgh, const u8 *p)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i a = *abef, c = *cdgh, w[4];

#pragma GCC unroll 16
	for (unsigned i = 0; i < 16; i++) {
		__m128i m;

		if (i < 4)
			m = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), big_endian);
		else
			m = next_words(w, i);
		w[i & 3] = m;
		m = _mm_add_epi32(m, _mm_load_si128((const __m128i *)(const void *)(sha256_k + 4 * i)));
		c = _mm_sha256rnds2_epu32(c, a, m);
		a = _mm_sha256rnds2_epu32(a, c, _mm_shuffle_epi32(m, 0x0e));
	}
	*abef = _mm_add_epi32(*abef, a);
	*cdgh = _mm_add_epi32(*cdgh, c);
}

SHA void sha256_blocks_ni(u32 h[8], const u8 *p, size_t blocks)
{
	__m128i abcd = _mm_loadu_si128((const __m128i *)(const void *)h);
	__m128i efgh = _mm_loadu_si128((const __m128i *)(const void *)(h + 4));
	__m128i badc = _mm_shuffle_epi32(abcd, 0xb1), hgfe = _mm_shuffle_epi32(efgh, 0x1b);
	__m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
	__m128i feba, dchg;

	for (; blocks; blocks--, p += 64)
		one_block(&abef, &cdgh, p);
	feba = _mm_shuffle_epi32(abef, 0x1b);
	dchg = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#else
void sha256_blocks_ni(u32 h[8], const u8 *p, size_t blocks)
{
	sha256_blocks_c(h, p, blocks);
}
#endif
