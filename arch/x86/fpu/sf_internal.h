/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the softfloat files share: format parameters, 128-bit helpers, NaN choice. */
#ifndef SF_INTERNAL_H
#define SF_INTERNAL_H

#include "x86/softfloat.h"

struct sf_fmt {
	u8 bits;	/* width of the encoding */
	u8 prec;	/* significand bits with the integer bit */
	s16 bias;
	s16 emax;	/* largest unbiased exponent */
};

extern const struct sf_fmt sf_fmts[];

#define SF_INT_BIT	(1ULL << 63)
#define SF_QUIET_BIT	(1ULL << 62)
#define SF_F80_BIAS	16383

static inline u128 sf_u128(u64 hi, u64 lo)
{
	return (u128)hi << 64 | lo;
}

/* Shift right; bits lost are ORed into the lowest bit. */
static inline u128 sf_shr_jam(u128 v, unsigned n)
{
	if (n == 0)
		return v;
	if (n >= 128)
		return v != 0;
	return v >> n | ((v << (128 - n)) != 0);
}

/* Number of leading zeroes of a value that is not 0. */
static inline unsigned sf_clz128(u128 v)
{
	u64 hi = (u64)(v >> 64);

	return hi ? (unsigned)__builtin_clzll(hi) : 64 + (unsigned)__builtin_clzll((u64)v);
}

static inline bool sf_is_nan(const struct sf_num *n)
{
	return n->cls == SF_C_QNAN || n->cls == SF_C_SNAN;
}

/* DE for an operand that is used in a computation. */
static inline void sf_use(struct sf_env *env, const struct sf_num *n)
{
	if (n->denorm)
		env->flags |= SF_DE;
}

/* True when an unmasked exception suppresses the result. */
static inline bool sf_faults(const struct sf_env *env, u8 flags)
{
	return flags & ~env->mask;
}

/*
 * The NaN that an operation on a and b delivers, in x87 or SSE order; raises
 * IE when one is signalling. Returns false when neither is a NaN. f80 encodings that
 * the x87 refuses give IE and the default NaN.
 */
bool sf_pick_nan(struct sf_env *env, const struct sf_num *a, const struct sf_num *b, struct sf_num *out);
/* The default NaN as a number; raises IE. */
struct sf_num sf_invalid(struct sf_env *env);

/* Encode a number that needs no rounding to fmt (NaN, infinity, zero), or round it. */
u64 sf_pack(struct sf_env *env, enum sf_format fmt, const struct sf_num *n);
struct f80 sf_pack80(struct sf_env *env, const struct sf_num *n);

/* An unrounded result: class and sign in n, value hi:lo * 2^(n.exp - 63). */
struct sf_wide {
	struct sf_num n;
	u64 lo;
};

struct sf_wide sf_wide_add(struct sf_env *env, const struct sf_num *a, const struct sf_num *b);
struct sf_wide sf_wide_mul(struct sf_env *env, const struct sf_num *a, const struct sf_num *b);
struct sf_wide sf_wide_div(struct sf_env *env, const struct sf_num *a, const struct sf_num *b);
struct sf_wide sf_wide_sqrt(struct sf_env *env, const struct sf_num *a);
u64 sf_wide_pack(struct sf_env *env, enum sf_format fmt, const struct sf_wide *w);
struct f80 sf_wide_pack80(struct sf_env *env, const struct sf_wide *w);

/* |a| rounded to an integer as mode rc says for the sign; *inexact and *up say how. Exact for |a| < 2^64. */
u64 sf_round_int(const struct sf_num *a, u8 rc, bool *inexact, bool *up);

#endif
