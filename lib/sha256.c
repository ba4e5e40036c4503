// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SHA-256 (FIPS 180-4). The compression function exists twice: in C, and
 * with the SHA instructions in sha256_ni.c.
 */
#include <string.h>
#include "bytes.h"
#include "checksum.h"
#include "hostcpu.h"
#include "sha256.h"

/* Section 4.2.2: the cube roots of the first 64 primes. */
const u32 sha256_k[64] __aligned(16) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 ror(u32 v, unsigned n)
{
	return v >> n | v << (32 - n);
}

static void schedule(u32 w[64], const u8 *p)
{
	for (unsigned i = 0; i < 16; i++)
		w[i] = get_be32(p + 4 * i);
	for (unsigned i = 16; i < 64; i++) {
		u32 a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
	}
}

/*
 * Section 6.2.2. The standard's a..h move down a place each round; here they
 * stay and the index moves, which costs nothing once the loop is unrolled.
 */
#define V(letter)	s[((letter) - i) & 7]

static __always_inline void eight_rounds(u32 s[8], const u32 *w, const u32 *k)
{
	enum { A, B, C, D, E, F, G, H };

#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++) {
		u32 a = V(A), e = V(E);

		V(H) += (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & V(F)) ^ (~e & V(G))) + k[i] + w[i];
		V(D) += V(H);
		V(H) += (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & V(B)) ^ (a & V(C)) ^ (V(B) & V(C)));
	}
}

void sha256_blocks_c(u32 h[8], const u8 *p, size_t blocks)
{
	for (; blocks; blocks--, p += 64) {
		u32 w[64], s[8];

		schedule(w, p);
		memcpy(s, h, sizeof(s));
		for (unsigned i = 0; i < 64; i += 8)
			eight_rounds(s, w + i, sha256_k + i);
		for (unsigned i = 0; i < 8; i++)
			h[i] += s[i];
	}
}

static void blocks(struct sha256 *s, const u8 *p, size_t n)
{
	if (hostcpu_has(HOSTCPU_SHA | HOSTCPU_SSE41))
		sha256_blocks_ni(s->h, p, n);
	else
		sha256_blocks_c(s->h, p, n);
}

void sha256_init(struct sha256 *s)
{
	/* Section 5.3.3: the square roots of the first 8 primes. */
	static const u32 start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->h, start, sizeof(start));
	s->len = 0;
}

void sha256_update(struct sha256 *s, const void *data, size_t n)
{
	const u8 *p = data;
	size_t have = s->len % 64;

	s->len += n;
	if (have && have + n >= 64) {
		memcpy(s->buf + have, p, 64 - have);
		blocks(s, s->buf, 1);
		p += 64 - have;
		n -= 64 - have;
		have = 0;
	}
	if (n >= 64) {
		blocks(s, p, n / 64);
		p += n / 64 * 64;
		n %= 64;
	}
	if (n)
		memcpy(s->buf + have, p, n);
}

void sha256_final(struct sha256 *s, u8 out[SHA256_SIZE])
{
	u64 bits = s->len * 8;
	size_t have = s->len % 64;

	s->buf[have++] = 0x80;
	if (have > 56) {
		memset(s->buf + have, 0, 64 - have);
		blocks(s, s->buf, 1);
		have = 0;
	}
	memset(s->buf + have, 0, 56 - have);
	put_be64(s->buf + 56, bits);
	blocks(s, s->buf, 1);
	for (unsigned i = 0; i < 8; i++)
		put_be32(out + 4 * i, s->h[i]);
}

void sha256(const void *p, size_t n, u8 out[SHA256_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, p, n);
	sha256_final(&s, out);
}
