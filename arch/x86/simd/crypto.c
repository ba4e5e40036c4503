// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AES (FIPS 197), carry-less multiplication, SHA-1 and SHA-256 (FIPS 180-4)
 * rounds, and GFNI.
 */
#include "simd.h"

static const u8 sbox[256] = {
	0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
	0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
	0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
	0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
	0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
	0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
	0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
	0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
	0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
	0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
	0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
	0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
	0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
	0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
	0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
	0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static const u8 inv_sbox[256] = {
	0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
	0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
	0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
	0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
	0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
	0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
	0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
	0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
	0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
	0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
	0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
	0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
	0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
	0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
	0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
	0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};

static u8 xtime(u8 x)
{
	return (u8)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

/* x * y in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, for AES and GFNI. */
static u8 gf_mul(u8 x, u8 y)
{
	u8 r = 0;

	for (; y; y >>= 1, x = xtime(x))
		if (y & 1)
			r ^= x;
	return r;
}

/* ShiftRows and SubBytes; dir 1 encrypts, -1 decrypts. */
static void shift_sub(u8 *d, const u8 *s, const u8 *box, int dir)
{
	for (unsigned c = 0; c < 4; c++)
		for (unsigned r = 0; r < 4; r++)
			d[4 * c + r] = box[s[4 * ((c + (dir > 0 ? r : 4 - r)) & 3) + r]];
}

static void mix_columns(u8 *s)
{
	for (unsigned c = 0; c < 16; c += 4) {
		u8 *p = s + c, all = p[0] ^ p[1] ^ p[2] ^ p[3], first = p[0];

		for (unsigned r = 0; r < 4; r++)
			p[r] ^= (u8)(all ^ xtime(p[r] ^ (r < 3 ? p[r + 1] : first)));
	}
}

static void inv_mix_columns(u8 *s)
{
	for (unsigned c = 0; c < 16; c += 4) {
		u8 *p = s + c, u = xtime(xtime(p[0] ^ p[2])), v = xtime(xtime(p[1] ^ p[3]));

		p[0] ^= u;
		p[1] ^= v;
		p[2] ^= u;
		p[3] ^= v;
	}
	mix_columns(s);
}

static void xor128(union x86_vec *d, const union x86_vec *k, unsigned lane)
{
	d->q[lane / 8] ^= k->q[lane / 8];
	d->q[lane / 8 + 1] ^= k->q[lane / 8 + 1];
}

#define AES_ROUND(name, box, dir, mix) \
static inline void name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n) \
{ \
	for (unsigned l = 0; l < n; l += 16) { \
		shift_sub(d->b + l, a->b + l, box, dir); \
		mix; \
		xor128(d, b, l); \
	} \
} \
SIMD_BIN(name)

AES_ROUND(aesenc, sbox, 1, mix_columns(d->b + l))
AES_ROUND(aesenclast, sbox, 1, (void)0)
AES_ROUND(aesdec, inv_sbox, -1, inv_mix_columns(d->b + l))
AES_ROUND(aesdeclast, inv_sbox, -1, (void)0)

static inline void aesimc(union x86_vec *d, const union x86_vec *a, unsigned n)
{
	*d = *a;
	(void)n;
	inv_mix_columns(d->b);
}
SIMD_UN(aesimc)

static u32 sub_word(u32 w)
{
	return sbox[w & 255] | (u32)sbox[w >> 8 & 255] << 8 | (u32)sbox[w >> 16 & 255] << 16 | (u32)sbox[w >> 24] << 24;
}

static u32 ror32(u32 v, unsigned n)
{
	return v >> n | v << (32 - n);
}

static inline void aeskeygenassist(union x86_vec *d, const union x86_vec *a, u8 imm, unsigned n)
{
	(void)n;
	d->d[0] = sub_word(a->d[1]);
	d->d[1] = ror32(d->d[0], 8) ^ imm;
	d->d[2] = sub_word(a->d[3]);
	d->d[3] = ror32(d->d[2], 8) ^ imm;
	d->q[2] = d->q[3] = 0;
}
SIMD_UN_IMM(aeskeygenassist)

static inline void pclmulqdq(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned l = 0; l < n / 8; l += 2) {
		u64 x = a->q[l + (imm & 1)], y = b->q[l + (imm >> 4 & 1)];
		u128 r = 0;

		for (unsigned i = 0; i < 64; i++)
			r ^= (u128)x << i & -(u128)(y >> i & 1);
		d->q[l] = (u64)r;
		d->q[l + 1] = (u64)(r >> 64);
	}
}
SIMD_BIN_IMM(pclmulqdq)

/* ---- SHA: legacy encodings only; element 3 holds the first word ---- */

#define SIMD_LEGACY(name) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { simd_binary(cpu, in, name); }
#define SIMD_LEGACY_IMM(name) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { simd_binary_imm(cpu, in, name); }

static u32 rol32(u32 v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static inline void sha1nexte(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	(void)n;
	*d = *b;
	d->d[3] = b->d[3] + rol32(a->d[3], 30);
}
SIMD_LEGACY(sha1nexte)

static inline void sha1msg1(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	(void)n;
	d->d[3] = a->d[1] ^ a->d[3];
	d->d[2] = a->d[0] ^ a->d[2];
	d->d[1] = b->d[3] ^ a->d[1];
	d->d[0] = b->d[2] ^ a->d[0];
}
SIMD_LEGACY(sha1msg1)

static inline void sha1msg2(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	(void)n;
	d->d[3] = rol32(a->d[3] ^ b->d[2], 1);
	d->d[2] = rol32(a->d[2] ^ b->d[1], 1);
	d->d[1] = rol32(a->d[1] ^ b->d[0], 1);
	d->d[0] = rol32(a->d[0] ^ d->d[3], 1);
}
SIMD_LEGACY(sha1msg2)

static u32 sha1_f(unsigned k, u32 b, u32 c, u32 d)
{
	switch (k) {
	case 0: return (b & c) ^ (~b & d);
	case 2: return (b & c) ^ (b & d) ^ (c & d);
	default: return b ^ c ^ d;
	}
}

static inline void sha1rnds4(union x86_vec *r, const union x86_vec *x, const union x86_vec *y, u8 imm, unsigned n)
{
	static const u32 k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
	u32 a = x->d[3], b = x->d[2], c = x->d[1], d = x->d[0], e = 0;

	(void)n;
	for (int i = 3; i >= 0; i--) {
		u32 t = sha1_f(imm & 3, b, c, d) + rol32(a, 5) + y->d[i] + e + k[imm & 3];

		e = d;
		d = c;
		c = rol32(b, 30);
		b = a;
		a = t;
	}
	r->d[3] = a;
	r->d[2] = b;
	r->d[1] = c;
	r->d[0] = d;
}
SIMD_LEGACY_IMM(sha1rnds4)

static u32 sigma(u32 v, unsigned r1, unsigned r2, unsigned s)
{
	return ror32(v, r1) ^ ror32(v, r2) ^ v >> s;
}

static inline void sha256msg1(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	(void)n;
	for (unsigned i = 0; i < 4; i++)
		d->d[i] = a->d[i] + sigma(i < 3 ? a->d[i + 1] : b->d[0], 7, 18, 3);
}
SIMD_LEGACY(sha256msg1)

static inline void sha256msg2(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	(void)n;
	d->d[0] = a->d[0] + sigma(b->d[2], 17, 19, 10);
	d->d[1] = a->d[1] + sigma(b->d[3], 17, 19, 10);
	d->d[2] = a->d[2] + sigma(d->d[0], 17, 19, 10);
	d->d[3] = a->d[3] + sigma(d->d[1], 17, 19, 10);
}
SIMD_LEGACY(sha256msg2)

/* dst = {C, D, G, H}, src = {A, B, E, F}, XMM0 = two words with their constants. */
static void exec_sha256rnds2(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const union x86_vec *x = &cpu->vec[in->opnd[0].reg], *wk = &cpu->vec[0], *y;
	union x86_vec tmp, r;

	y = simd_src(cpu, in, 1, &tmp);
	u32 a = y->d[3], b = y->d[2], c = x->d[3], d = x->d[2];
	u32 e = y->d[1], f = y->d[0], g = x->d[1], h = x->d[0];

	for (unsigned i = 0; i < 2; i++) {
		u32 t1 = h + (ror32(e, 6) ^ ror32(e, 11) ^ ror32(e, 25)) + ((e & f) ^ (~e & g)) + wk->d[i];
		u32 t2 = (ror32(a, 2) ^ ror32(a, 13) ^ ror32(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	r.d[3] = a;
	r.d[2] = b;
	r.d[1] = e;
	r.d[0] = f;
	simd_put_xmm(cpu, in->opnd[0].reg, &r);
}

/* ---- GFNI ---- */

static inline void gf2p8mulb(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		d->b[i] = gf_mul(a->b[i], b->b[i]);
}
SIMD_BIN(gf2p8mulb)

/* Bit i of the result: parity of x and matrix row 7 - i, plus imm's bit i. */
static u8 affine(u64 matrix, u8 x, u8 imm)
{
	u8 r = imm;

	for (unsigned i = 0; i < 8; i++)
		r ^= (u8)(__builtin_parity((u8)(matrix >> 8 * (7 - i)) & x) << i);
	return r;
}

/* x^254: the inverse, and 0 for 0. */
static u8 gf_inverse(u8 x)
{
	u8 r = 1, p = x;

	for (unsigned i = 1; i < 8; i++) {
		p = gf_mul(p, p);
		r = gf_mul(r, p);
	}
	return r;
}

static inline void gf2p8affineqb(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		d->b[i] = affine(b->q[i / 8], a->b[i], imm);
}
SIMD_BIN_IMM(gf2p8affineqb)

static inline void gf2p8affineinvqb(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm,
				    unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		d->b[i] = affine(b->q[i / 8], gf_inverse(a->b[i]), imm);
}
SIMD_BIN_IMM(gf2p8affineinvqb)

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY2(AESENC, aesenc), SIMD_ENTRY2(AESENCLAST, aesenclast),
	SIMD_ENTRY2(AESDEC, aesdec), SIMD_ENTRY2(AESDECLAST, aesdeclast),
	SIMD_ENTRY(AESIMC, aesimc), SIMD_ENTRY(AESKEYGENASSIST, aeskeygenassist),
	SIMD_ENTRY2(PCLMULQDQ, pclmulqdq),
	SIMD_ENTRY(SHA1RNDS4, sha1rnds4), SIMD_ENTRY(SHA1NEXTE, sha1nexte),
	SIMD_ENTRY(SHA1MSG1, sha1msg1), SIMD_ENTRY(SHA1MSG2, sha1msg2),
	SIMD_ENTRY(SHA256RNDS2, sha256rnds2), SIMD_ENTRY(SHA256MSG1, sha256msg1), SIMD_ENTRY(SHA256MSG2, sha256msg2),
	SIMD_ENTRY2(GF2P8MULB, gf2p8mulb), SIMD_ENTRY2(GF2P8AFFINEQB, gf2p8affineqb),
	SIMD_ENTRY2(GF2P8AFFINEINVQB, gf2p8affineinvqb),
};
static const struct x86_exec_set simd_crypto = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_crypto);
