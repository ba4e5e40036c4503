// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CRC-32C by the SSE4.2 instruction, which takes eight bytes a cycle but has
 * three cycles of latency: three blocks are summed at once and then joined.
 * Joining needs "the CRC after L zero bytes", a multiplication by x^(8L)
 * modulo the polynomial, done by four table look-ups. On other hosts this
 * file holds the name only.
 */
#include <pthread.h>
#include <string.h>
#include "bytes.h"
#include "crc32c.h"

#ifdef __x86_64__
#define POLY	0x82f63b78U
#define SSE42	__attribute__((target("sse4.2")))
#define LONG	2048
#define SHORT	256

typedef u32 zeros[4][256];

static zeros zeros_long, zeros_short;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* a * b modulo the polynomial; bit 31 is x^0 (reflected). */
static u32 multiply(u32 a, u32 b)
{
	u32 r = 0;

	for (u32 bit = 1U << 31; bit; bit >>= 1) {
		if (a & bit)
			r ^= b;
		b = b >> 1 ^ (b & 1 ? POLY : 0);
	}
	return r;
}

/* x^(8n) */
static u32 power(size_t n)
{
	u32 result = 1U << 31, square = 1U << 23;	/* x^0 and x^8 */

	for (; n; n >>= 1) {
		if (n & 1)
			result = multiply(result, square);
		square = multiply(square, square);
	}
	return result;
}

static void make_zeros(zeros t, size_t n)
{
	u32 shift = power(n);

	for (u32 i = 0; i < 256; i++)
		for (unsigned k = 0; k < 4; k++)
			t[k][i] = multiply(shift, i << 8 * k);
}

static void make_tables(void)
{
	make_zeros(zeros_long, LONG);
	make_zeros(zeros_short, SHORT);
}

static u32 after_zeros(zeros t, u32 crc)
{
	return t[0][crc & 0xff] ^ t[1][crc >> 8 & 0xff] ^ t[2][crc >> 16 & 0xff] ^ t[3][crc >> 24];
}

static inline u64 word(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Three neighbouring blocks of `block` bytes. */
static SSE42 u64 three(u64 crc, const u8 *p, size_t block, zeros t)
{
	u64 b = 0, c = 0;

	for (size_t i = 0; i < block; i += 8) {
		crc = __builtin_ia32_crc32di(crc, word(p + i));
		b = __builtin_ia32_crc32di(b, word(p + block + i));
		c = __builtin_ia32_crc32di(c, word(p + 2 * block + i));
	}
	crc = after_zeros(t, (u32)crc) ^ b;
	return after_zeros(t, (u32)crc) ^ c;
}

SSE42 u32 crc32c_update_sse42(u32 crc32, const void *data, size_t n)
{
	const u8 *p = data;
	u64 crc = ~crc32;

	if (n >= 3 * SHORT)
		pthread_once(&once, make_tables);
	for (; n >= 3 * LONG; n -= 3 * LONG, p += 3 * LONG)
		crc = three(crc, p, LONG, zeros_long);
	for (; n >= 3 * SHORT; n -= 3 * SHORT, p += 3 * SHORT)
		crc = three(crc, p, SHORT, zeros_short);
	for (; n >= 8; n -= 8, p += 8)
		crc = __builtin_ia32_crc32di(crc, word(p));
	for (; n; n--)
		crc = __builtin_ia32_crc32qi((u32)crc, *p++);
	return ~(u32)crc;
}
#else
u32 crc32c_update_sse42(u32 crc, const void *p, size_t n)
{
	return crc32c_update_table(crc, p, n);
}
#endif
