// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memcpy, memmove, memset, memcmp, memchr and strlen in place of musl's,
 * which cost 36-57 ns for a dozen bytes (rep movsq always) and compare at
 * 2 GB/s. SSE2 only, so that there is nothing to dispatch.
 *
 * Up to 128 bytes everything is loaded before anything is stored: overlap
 * does not matter and the two ends simply overlap each other instead of a
 * tail loop. From REP_MIN on the string instructions win.
 *
 * Compiled with -fno-builtin and without loop pattern recognition, or the
 * compiler would turn the loops back into calls of themselves. Linked in
 * the musl build only (a sanitizer must see its own versions). On arm64
 * musl's assembly memcpy and memset are good; only memcmp is replaced.
 */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#include <string.h>
#include "compiler.h"

typedef u16 __attribute__((may_alias, aligned(1))) u16_any;
typedef u32 __attribute__((may_alias, aligned(1))) u32_any;
typedef u64 __attribute__((may_alias, aligned(1))) u64_any;

#define RD(type, p, off)	(*(const type *)((const u8 *)(p) + (off)))
#define WR(type, p, off, v)	(*(type *)((u8 *)(p) + (off)) = (v))

#ifdef __x86_64__
#include <emmintrin.h>

#define REP_MIN		1024
#define LD16(p, off)	_mm_loadu_si128((const __m128i *)(const void *)((const u8 *)(p) + (off)))
#define ST16(p, off, v)	_mm_storeu_si128((__m128i *)(void *)((u8 *)(p) + (off)), v)

static __always_inline void move_0_16(u8 *d, const u8 *s, size_t n)
{
	if (n >= 8) {
		u64 a = RD(u64_any, s, 0), b = RD(u64_any, s, n - 8);

		WR(u64_any, d, 0, a);
		WR(u64_any, d, n - 8, b);
	} else if (n >= 4) {
		u32 a = RD(u32_any, s, 0), b = RD(u32_any, s, n - 4);

		WR(u32_any, d, 0, a);
		WR(u32_any, d, n - 4, b);
	} else if (n >= 2) {
		u16 a = RD(u16_any, s, 0), b = RD(u16_any, s, n - 2);

		WR(u16_any, d, 0, a);
		WR(u16_any, d, n - 2, b);
	} else if (n) {
		*d = *s;
	}
}

static __always_inline void move_17_128(u8 *d, const u8 *s, size_t n)
{
	__m128i a0 = LD16(s, 0), z0 = LD16(s, n - 16);

	if (n > 32) {
		__m128i a1 = LD16(s, 16), z1 = LD16(s, n - 32);

		if (n > 64) {
			__m128i a2 = LD16(s, 32), a3 = LD16(s, 48);
			__m128i z2 = LD16(s, n - 48), z3 = LD16(s, n - 64);

			ST16(d, 32, a2);
			ST16(d, 48, a3);
			ST16(d, n - 48, z2);
			ST16(d, n - 64, z3);
		}
		ST16(d, 16, a1);
		ST16(d, n - 32, z1);
	}
	ST16(d, 0, a0);
	ST16(d, n - 16, z0);
}

/* n > 128, d is not inside s..s+n. The last 64 bytes are loaded first, so s may be inside d..d+n. */
static void move_up(u8 *d, const u8 *s, size_t n)
{
	__m128i z0 = LD16(s, n - 16), z1 = LD16(s, n - 32);
	__m128i z2 = LD16(s, n - 48), z3 = LD16(s, n - 64);
	__m128i head = LD16(s, 0);
	size_t skew = 16 - ((uintptr_t)d & 15);
	u8 *end = d + n;
	u8 *start = d;

	d += skew;
	s += skew;
	for (; d + 64 < end; d += 64, s += 64) {
		__m128i a = LD16(s, 0), b = LD16(s, 16), c = LD16(s, 32), e = LD16(s, 48);

		_mm_store_si128((__m128i *)(void *)d, a);
		_mm_store_si128((__m128i *)(void *)(d + 16), b);
		_mm_store_si128((__m128i *)(void *)(d + 32), c);
		_mm_store_si128((__m128i *)(void *)(d + 48), e);
	}
	ST16(start, 0, head);
	ST16(end, -16, z0);
	ST16(end, -32, z1);
	ST16(end, -48, z2);
	ST16(end, -64, z3);
}

/* n > 128, d lies above s and inside s..s+n. */
static void move_down(u8 *d, const u8 *s, size_t n)
{
	__m128i a0 = LD16(s, 0), a1 = LD16(s, 16), a2 = LD16(s, 32), a3 = LD16(s, 48);
	u8 *start = d;

	for (; n > 64; n -= 64) {
		__m128i a = LD16(s, n - 16), b = LD16(s, n - 32);
		__m128i c = LD16(s, n - 48), e = LD16(s, n - 64);

		ST16(d, n - 16, a);
		ST16(d, n - 32, b);
		ST16(d, n - 48, c);
		ST16(d, n - 64, e);
	}
	ST16(start, 0, a0);
	ST16(start, 16, a1);
	ST16(start, 32, a2);
	ST16(start, 48, a3);
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if (n <= 16) {
		move_0_16(d, s, n);
	} else if (n <= 128) {
		move_17_128(d, s, n);
	} else if ((uintptr_t)d - (uintptr_t)s < n) {
		move_down(d, s, n);
	} else if (n < REP_MIN || (uintptr_t)s - (uintptr_t)d < 64) {
		move_up(d, s, n);
	} else {
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) :: "memory");
	}
	return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
	__attribute__((alias("memmove")));

static __always_inline void set_0_16(u8 *d, u64 v, size_t n)
{
	if (n >= 8) {
		WR(u64_any, d, 0, v);
		WR(u64_any, d, n - 8, v);
	} else if (n >= 4) {
		WR(u32_any, d, 0, (u32)v);
		WR(u32_any, d, n - 4, (u32)v);
	} else if (n >= 2) {
		WR(u16_any, d, 0, (u16)v);
		WR(u16_any, d, n - 2, (u16)v);
	} else if (n) {
		*d = (u8)v;
	}
}

void *memset(void *dst, int c, size_t n)
{
	u8 *d = dst;
	u8 *end = d + n;
	__m128i v;

	if (n <= 16) {
		set_0_16(d, (u8)c * 0x0101010101010101ULL, n);
		return dst;
	}
	if (n >= REP_MIN) {
		__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
		return dst;
	}
	v = _mm_set1_epi8((char)c);
	ST16(d, 0, v);
	for (d = (u8 *)(((uintptr_t)d + 16) & ~15UL); d + 16 < end; d += 16)
		_mm_store_si128((__m128i *)(void *)d, v);
	ST16(end, -16, v);
	return dst;
}

static __always_inline unsigned differ16(const u8 *a, const u8 *b)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(LD16(a, 0), LD16(b, 0))) ^ 0xffff;
}

static __always_inline int order16(const u8 *a, const u8 *b, unsigned diff)
{
	unsigned i = (unsigned)__builtin_ctz(diff);

	return a[i] - b[i];
}

static __always_inline int order64(u64 a, u64 b)
{
	a = __builtin_bswap64(a);
	b = __builtin_bswap64(b);
	return a < b ? -1 : a > b;
}

static int compare_0_16(const u8 *a, const u8 *b, size_t n)
{
	if (n >= 8) {
		int r = order64(RD(u64_any, a, 0), RD(u64_any, b, 0));

		return r ? r : order64(RD(u64_any, a, n - 8), RD(u64_any, b, n - 8));
	}
	if (n >= 4) {
		u64 x = (u64)__builtin_bswap32(RD(u32_any, a, 0)) << 32 | __builtin_bswap32(RD(u32_any, a, n - 4));
		u64 y = (u64)__builtin_bswap32(RD(u32_any, b, 0)) << 32 | __builtin_bswap32(RD(u32_any, b, n - 4));

		return x < y ? -1 : x > y;
	}
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return a[i] - b[i];
	return 0;
}

int memcmp(const void *pa, const void *pb, size_t n)
{
	const u8 *a = pa, *b = pb;
	unsigned diff;
	size_t i = 0;

	if (n <= 16)
		return compare_0_16(a, b, n);
	for (; i + 64 <= n; i += 64) {
		__m128i e0 = _mm_cmpeq_epi8(LD16(a, i), LD16(b, i));
		__m128i e1 = _mm_cmpeq_epi8(LD16(a, i + 16), LD16(b, i + 16));
		__m128i e2 = _mm_cmpeq_epi8(LD16(a, i + 32), LD16(b, i + 32));
		__m128i e3 = _mm_cmpeq_epi8(LD16(a, i + 48), LD16(b, i + 48));
		__m128i all = _mm_and_si128(_mm_and_si128(e0, e1), _mm_and_si128(e2, e3));

		if (_mm_movemask_epi8(all) != 0xffff)
			break;
	}
	for (; i + 16 <= n; i += 16) {
		diff = differ16(a + i, b + i);
		if (diff)
			return order16(a + i, b + i, diff);
	}
	diff = differ16(a + n - 16, b + n - 16);
	return diff ? order16(a + n - 16, b + n - 16, diff) : 0;
}

/*
 * Aligned 16-byte loads never cross a page, so reading around the ends of
 * the object is harmless; what lies outside is masked off.
 */
void *memchr(const void *p, int c, size_t n)
{
	const __m128i v = _mm_set1_epi8((char)c);
	const u8 *s = p;
	const u8 *block = (const u8 *)((uintptr_t)s & ~15UL);
	size_t seen = 16 - ((uintptr_t)s & 15);	/* bytes of the object up to the end of block */
	unsigned hit;

	if (!n)
		return NULL;
	hit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(*(const __m128i *)(const void *)block, v));
	hit &= ~0U << ((uintptr_t)s & 15);
	while (!hit && seen < n) {
		block += 16;
		seen += 16;
		hit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(*(const __m128i *)(const void *)block, v));
	}
	if (!hit)
		return NULL;
	block += __builtin_ctz(hit);
	return (size_t)(block - s) < n ? (void *)(uintptr_t)block : NULL;
}

size_t strlen(const char *str)
{
	const __m128i zero = _mm_setzero_si128();
	const char *block = (const char *)((uintptr_t)str & ~15UL);
	unsigned hit;

	hit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(*(const __m128i *)(const void *)block, zero));
	hit &= ~0U << ((uintptr_t)str & 15);
	while (!hit) {
		block += 16;
		hit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(*(const __m128i *)(const void *)block, zero));
	}
	return (size_t)(block - str) + (unsigned)__builtin_ctz(hit);
}

#else

int memcmp(const void *pa, const void *pb, size_t n)
{
	const u8 *a = pa, *b = pb;

	for (; n >= 8 && RD(u64_any, a, 0) == RD(u64_any, b, 0); n -= 8) {
		a += 8;
		b += 8;
	}
	for (; n; n--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}

#endif
