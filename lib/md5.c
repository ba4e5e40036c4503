// SPDX-License-Identifier: GPL-2.0-or-later
/* MD5 (RFC 1321), for formats that name it. */
#include <string.h>
#include "bytes.h"
#include "checksum.h"

/* Section 3.4: the integer part of 2^32 * |sin(i + 1)|. */
static const u32 md5_t[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
	0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
	0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
	0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
	0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
	0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
	0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
	0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static u32 rol(u32 v, unsigned n)
{
	return v << n | v >> (32 - n);
}

/* One of the 64 operations: the round's function of b, c, d, and which word it adds. */
static __always_inline u32 mix(unsigned i, u32 b, u32 c, u32 d, unsigned *word)
{
	switch (i / 16) {
	case 0:
		*word = i;
		return (b & c) | (~b & d);
	case 1:
		*word = (5 * i + 1) % 16;
		return (b & d) | (c & ~d);
	case 2:
		*word = (3 * i + 5) % 16;
		return b ^ c ^ d;
	default:
		*word = 7 * i % 16;
		return c ^ (b | ~d);
	}
}

static void block(u32 h[4], const u8 *p)
{
	static const u8 shifts[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } };
	u32 a = h[0], b = h[1], c = h[2], d = h[3];

#pragma GCC unroll 64
	for (unsigned i = 0; i < 64; i++) {
		unsigned word;
		u32 f = mix(i, b, c, d, &word) + a + md5_t[i] + get_le32(p + 4 * word);

		a = d;
		d = c;
		c = b;
		b += rol(f, shifts[i / 16][i % 4]);
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
}

void md5_init(struct md5 *s)
{
	static const u32 start[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };

	memcpy(s->h, start, sizeof(start));
	s->len = 0;
}

void md5_update(struct md5 *s, const void *data, size_t n)
{
	const u8 *p = data;
	size_t have = s->len % 64;

	s->len += n;
	if (have && have + n >= 64) {
		memcpy(s->buf + have, p, 64 - have);
		block(s->h, s->buf);
		p += 64 - have;
		n -= 64 - have;
		have = 0;
	}
	for (; n >= 64; n -= 64, p += 64)
		block(s->h, p);
	if (n)
		memcpy(s->buf + have, p, n);
}

void md5_final(struct md5 *s, u8 out[MD5_SIZE])
{
	u64 bits = s->len * 8;
	size_t have = s->len % 64;

	s->buf[have++] = 0x80;
	if (have > 56) {
		memset(s->buf + have, 0, 64 - have);
		block(s->h, s->buf);
		have = 0;
	}
	memset(s->buf + have, 0, 56 - have);
	put_le64(s->buf + 56, bits);
	block(s->h, s->buf);
	for (unsigned i = 0; i < 4; i++)
		put_le32(out + 4 * i, s->h[i]);
}
