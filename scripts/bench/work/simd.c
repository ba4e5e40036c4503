// SPDX-License-Identifier: GPL-2.0-or-later
/* Vector instructions from SSE2 to AVX2, FMA and the cipher instructions. */
#include "work.h"

#include <immintrin.h>
#include <string.h>

#define TARGET(t) __attribute__((target(t), optimize("no-tree-vectorize")))

static u64 sse2(u64 n)
{
	static u8 a[8192], b[8192];
	__m128i sum = _mm_setzero_si128();
	u64 s = 1;

	for (size_t i = 0; i < sizeof(a); i++) {
		a[i] = (u8)next_random(&s);
		b[i] = (u8)next_random(&s);
	}
	while (n--)
		for (size_t i = 0; i < sizeof(a); i += 16) {
			__m128i x = _mm_load_si128((void *)(a + i)), y = _mm_load_si128((void *)(b + i));

			sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_avg_epu8(x, y), _mm_subs_epu8(x, y)));
			_mm_store_si128((void *)(a + i), _mm_add_epi8(_mm_unpacklo_epi8(x, y), _mm_cmpgt_epi8(x, y)));
		}
	return mix((u64)_mm_cvtsi128_si64(sum), checksum_of(a, sizeof(a)));
}

static TARGET("ssse3") u64 ssse3(u64 n)
{
	__m128i v = _mm_set_epi32(1, 2, 3, 4), m = _mm_set_epi8(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3), w = v;

	while (n--) {
		v = _mm_add_epi32(_mm_shuffle_epi8(v, m), _mm_maddubs_epi16(w, v));
		w = _mm_xor_si128(_mm_alignr_epi8(v, w, 5), _mm_abs_epi16(w));
	}
	return checksum_of((__m128i[]){ v, w }, 32);
}

static TARGET("sse4.2") u64 sse4(u64 n)
{
	static const char text[] = "GET /index.html HTTP/1.1 host: x";
	__m128i a = _mm_loadu_si128((const void *)text), b = _mm_loadu_si128((const void *)(text + 16)), v = a;
	u64 h = 0;

	while (n--) {
		h = _mm_crc32_u64(h, n);
		h += (u64)_mm_cmpestri(a, 3, b, 16, _SIDD_CMP_EQUAL_ANY);
		v = _mm_mullo_epi32(_mm_blendv_epi8(v, b, a), _mm_min_epu16(v, a));
		h ^= (u64)_mm_extract_epi64(v, 1);
	}
	return h;
}

static u64 sse_packed(u64 n)
{
	static float a[4096], b[4096];
	__m128 k = _mm_set1_ps(.75f), s = _mm_setzero_ps();
	u64 r = 2;

	for (int i = 0; i < 4096; i++) {
		a[i] = (float)(next_random(&r) & 1023);
		b[i] = (float)(next_random(&r) & 1023);
	}
	while (n--)
		for (int i = 0; i < 4096; i += 4) {
			__m128 x = _mm_load_ps(a + i), y = _mm_load_ps(b + i);

			x = _mm_add_ps(_mm_mul_ps(x, k), _mm_max_ps(x, y));
			s = _mm_add_ps(s, _mm_sub_ps(_mm_shuffle_ps(x, y, 0x4e), y));
			_mm_store_ps(a + i, _mm_mul_ps(x, _mm_set1_ps(.5f)));
		}
	return mix(checksum_of(&s, 16), checksum_of(a, sizeof(a)));
}

static TARGET("avx") u64 avx(u64 n)
{
	static double a[2048] __attribute__((aligned(32)));
	__m256d s = _mm256_setzero_pd(), k = _mm256_set1_pd(.999);
	u64 r = 4;

	for (int i = 0; i < 2048; i++)
		a[i] = (double)(next_random(&r) & 4095);
	while (n--)
		for (int i = 0; i < 2048; i += 4) {
			__m256d x = _mm256_load_pd(a + i);

			s = _mm256_add_pd(s, _mm256_mul_pd(x, k));
			x = _mm256_blend_pd(_mm256_permute2f128_pd(x, s, 1), x, 5);
			_mm256_store_pd(a + i, _mm256_div_pd(x, _mm256_set1_pd(1.001)));
		}
	return mix(checksum_of(&s, 32), checksum_of(a, sizeof(a)));
}

static TARGET("avx2,fma") u64 matrix(u64 n)
{
	enum { N = 128 };
	static float a[N][N], b[N][N], c[N][N] __attribute__((aligned(32)));
	u64 r = 6;

	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++) {
			a[i][k] = (float)(next_random(&r) & 7) * .01f;
			b[i][k] = (float)(next_random(&r) & 7) * .01f;
		}
	while (n--)
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j += 16) {
				__m256 s = _mm256_loadu_ps(&c[i][j]), t = _mm256_loadu_ps(&c[i][j + 8]);

				for (int k = 0; k < N; k++) {
					__m256 x = _mm256_broadcast_ss(&a[i][k]);

					s = _mm256_fmadd_ps(x, _mm256_loadu_ps(&b[k][j]), s);
					t = _mm256_fmadd_ps(x, _mm256_loadu_ps(&b[k][j + 8]), t);
				}
				_mm256_storeu_ps(&c[i][j], s);
				_mm256_storeu_ps(&c[i][j + 8], t);
			}
	return checksum_of(c, sizeof(c));
}

static TARGET("avx2") u64 avx2(u64 n)
{
	__m256i v = _mm256_set_epi32(1, 2, 3, 4, 5, 6, 7, 8), w = _mm256_set1_epi16(77);
	__m256i idx = _mm256_set_epi32(3, 1, 4, 1, 5, 7, 2, 6);
	static int table[64];

	for (int i = 0; i < 64; i++)
		table[i] = (int)((u32)i * 1103515245u + 12345);
	while (n--) {
		v = _mm256_add_epi32(_mm256_permutevar8x32_epi32(v, idx), _mm256_madd_epi16(w, v));
		w = _mm256_xor_si256(_mm256_shuffle_epi8(w, v), _mm256_sllv_epi32(v, _mm256_set1_epi32(3)));
		w = _mm256_add_epi16(w, _mm256_i32gather_epi32(table, _mm256_srli_epi32(v, 26), 4));
	}
	return checksum_of((__m256i[]){ v, w }, 64);
}

static TARGET("aes") u64 aes(u64 n)
{
	__m128i s = _mm_set_epi32(1, 2, 3, 4), k = _mm_set_epi32(5, 6, 7, 8);

	while (n--) {
		for (int i = 0; i < 9; i++)
			s = _mm_aesenc_si128(s, k);
		s = _mm_aesenclast_si128(s, _mm_aeskeygenassist_si128(k, 0x1b));
		k = _mm_xor_si128(k, _mm_aesdec_si128(s, k));
	}
	return checksum_of((__m128i[]){ s, k }, 32);
}

static TARGET("pclmul,sse4.1") u64 clmul(u64 n)
{
	__m128i a = _mm_set_epi64x(0x123456789abcdefLL, 0x1edcba987654321LL), b = a;

	while (n--) {
		a = _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x10), _mm_clmulepi64_si128(a, b, 0x01));
		b = _mm_add_epi64(b, a);
	}
	return checksum_of((__m128i[]){ a, b }, 32);
}

static TARGET("sha,sse4.1") u64 sha_ni(u64 n)
{
	__m128i a = _mm_set_epi32(1, 2, 3, 4), b = _mm_set_epi32(5, 6, 7, 8), m = _mm_set_epi32(9, 1, 2, 3);

	while (n--) {
		a = _mm_sha256rnds2_epu32(a, b, m);
		b = _mm_sha256rnds2_epu32(b, a, _mm_shuffle_epi32(m, 0x0e));
		m = _mm_sha256msg2_epu32(_mm_sha256msg1_epu32(m, a), b);
	}
	return checksum_of((__m128i[]){ a, b, m }, 48);
}

static TARGET("avx,f16c") u64 halves(u64 n)
{
	__m128i h = _mm_set1_epi32(0x3c003400);
	__m256 s = _mm256_setzero_ps();

	while (n--) {
		s = _mm256_add_ps(_mm256_mul_ps(s, _mm256_set1_ps(.5f)), _mm256_cvtph_ps(h));
		h = _mm256_cvtps_ph(s, _MM_FROUND_TO_NEAREST_INT);
	}
	return mix(checksum_of(&s, 32), checksum_of(&h, 16));
}

const struct work simd_works[] = {
	{ "simd", "sse2-integer", sse2, 60000, 0 },
	{ "simd", "ssse3-shuffle", ssse3, 15000000, "ssse3" },
	{ "simd", "sse4-strings", sse4, 8000000, "sse4_2" },
	{ "simd", "sse-packed", sse_packed, 20000, 0 },
	{ "simd", "avx-double", avx, 12000, "avx" },
	{ "simd", "matrix-fma", matrix, 200, "fma" },
	{ "simd", "avx2-integer", avx2, 4000000, "avx2" },
	{ "simd", "aes", aes, 3000000, "aes" },
	{ "simd", "clmul", clmul, 15000000, "pclmulqdq" },
	{ "simd", "sha", sha_ni, 4000000, "sha_ni" },
	{ "simd", "half-floats", halves, 5000000, "f16c" },
	{ 0 }
};
