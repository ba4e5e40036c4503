// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Comparison, minimum and maximum, rounding to integral, and conversions
 * between the float formats, integers and packed BCD.
 */
#include <string.h>

#include "sf_internal.h"

/* -1, 0 or 1 for two values that are not NaN. */
static int order(const struct sf_num *a, const struct sf_num *b)
{
	int mag;

	if (a->cls == SF_C_ZERO && b->cls == SF_C_ZERO)
		return 0;
	if (a->cls == SF_C_ZERO)
		return b->sign ? 1 : -1;
	if (b->cls == SF_C_ZERO || a->sign != b->sign)
		return a->sign ? -1 : 1;
	if (a->cls != b->cls)		/* one infinity */
		mag = a->cls == SF_C_INF ? 1 : -1;
	else if (a->cls == SF_C_INF)
		mag = 0;
	else if (a->exp != b->exp)
		mag = a->exp > b->exp ? 1 : -1;
	else
		mag = (a->sig > b->sig) - (a->sig < b->sig);
	return a->sign ? -mag : mag;
}

static enum sf_rel compare(struct sf_env *env, const struct sf_num *a, const struct sf_num *b, bool signalling)
{
	int o;

	if (a->cls >= SF_C_QNAN || b->cls >= SF_C_QNAN) {
		if (signalling || a->cls > SF_C_QNAN || b->cls > SF_C_QNAN)
			env->flags |= SF_IE;
		return SF_UNORDERED;
	}
	sf_use(env, a);
	sf_use(env, b);
	o = order(a, b);
	return o < 0 ? SF_LESS : o > 0 ? SF_GREATER : SF_EQUAL;
}

enum sf_rel sf_compare(struct sf_env *env, enum sf_format fmt, u64 a, u64 b, bool signalling)
{
	struct sf_num na = sf_unpack(env, fmt, a), nb = sf_unpack(env, fmt, b);

	return compare(env, &na, &nb, signalling);
}

enum sf_rel f80_compare(struct sf_env *env, struct f80 a, struct f80 b, bool signalling)
{
	struct sf_num na = sf_unpack80(a), nb = sf_unpack80(b);

	return compare(env, &na, &nb, signalling);
}

/* A MIN or MAX result: the operand itself, flushed to zero under DAZ. */
static u64 selected(const struct sf_env *env, enum sf_format fmt, u64 x)
{
	struct sf_num n = sf_unpack(env, fmt, x);

	return n.cls == SF_C_ZERO ? (u64)n.sign << (sf_fmts[fmt].bits - 1) : x;
}

u64 sf_min(struct sf_env *env, enum sf_format fmt, u64 a, u64 b)
{
	return selected(env, fmt, sf_compare(env, fmt, a, b, true) == SF_LESS ? a : b);
}

u64 sf_max(struct sf_env *env, enum sf_format fmt, u64 a, u64 b)
{
	return selected(env, fmt, sf_compare(env, fmt, a, b, true) == SF_GREATER ? a : b);
}

u64 sf_round_int(const struct sf_num *a, u8 rc, bool *inexact, bool *up)
{
	u128 v;
	u64 whole, frac;
	bool half, sticky;

	*inexact = *up = false;
	if (a->cls != SF_C_NUM)
		return 0;
	v = sf_shr_jam(sf_u128(a->sig, 0), (unsigned)MIN(63 - a->exp, 200));
	whole = (u64)(v >> 64);
	frac = (u64)v;
	half = frac >> 63;
	sticky = frac << 1;
	*inexact = frac;
	if (rc == SF_NEAR)
		*up = half && (sticky || (whole & 1));
	else if (rc != SF_ZERO)
		*up = *inexact && a->sign == (rc == SF_DOWN);
	return whole + *up;
}

/* Round a finite value to integral in place; the class may become zero. */
static void rint_num(struct sf_env *env, struct sf_num *n, u8 rc, bool no_pe)
{
	bool inexact, up;
	u64 v;

	if (n->cls != SF_C_NUM || n->exp >= 63)
		return;
	v = sf_round_int(n, rc, &inexact, &up);
	if (inexact && !no_pe)
		env->flags |= SF_PE;
	env->c1 = up;
	if (!v) {
		n->cls = SF_C_ZERO;
		return;
	}
	n->exp = 63 - __builtin_clzll(v);
	n->sig = v << __builtin_clzll(v);
}

u64 sf_rint(struct sf_env *env, enum sf_format fmt, u64 a, u8 rc, bool no_pe)
{
	struct sf_num n = sf_unpack(env, fmt, a), nan;

	if (sf_pick_nan(env, &n, &n, &nan))
		return sf_pack(env, fmt, &nan);
	rint_num(env, &n, rc, no_pe);
	return sf_pack(env, fmt, &n);
}

struct f80 f80_rint(struct sf_env *env, struct f80 a)
{
	struct sf_num n = sf_unpack80(a), nan;
	struct sf_env exact = *env;
	bool c1;

	if (sf_pick_nan(env, &n, &n, &nan))
		return sf_pack80(env, &nan);
	sf_use(env, &n);
	rint_num(env, &n, env->rc, false);
	c1 = env->c1;
	exact.prec = 64;
	a = sf_pack80(&exact, &n);
	env->c1 = c1;
	return a;
}

u64 sf_convert(struct sf_env *env, enum sf_format to, enum sf_format from, u64 a)
{
	struct sf_num n = sf_unpack(env, from, a), nan;

	if (sf_pick_nan(env, &n, &n, &nan))
		return sf_pack(env, to, &nan);
	sf_use(env, &n);
	if (sf_faults(env, env->flags & SF_PRE))
		return 0;
	return sf_pack(env, to, &n);
}

struct f80 sf_to_f80(struct sf_env *env, enum sf_format from, u64 a)
{
	struct sf_num n = sf_unpack(env, from, a), nan;
	struct sf_env exact = { .prec = 64, .mask = SF_ALL };

	if (sf_pick_nan(env, &n, &n, &nan))
		return sf_pack80(env, &nan);
	sf_use(env, &n);
	return sf_pack80(&exact, &n);
}

u64 sf_from_f80(struct sf_env *env, enum sf_format to, struct f80 a)
{
	struct sf_num n = sf_unpack80(a), nan;

	if (sf_pick_nan(env, &n, &n, &nan))
		return sf_pack(env, to, &nan);
	return sf_pack(env, to, &n);
}

static s64 to_int(struct sf_env *env, const struct sf_num *n, unsigned bits, u8 rc)
{
	u64 limit = 1ULL << (bits - 1), v = 0;
	bool inexact = false, up = false;

	if (n->cls == SF_C_ZERO)
		return 0;
	if (n->cls != SF_C_NUM || n->exp >= (s32)bits)
		goto invalid;
	v = sf_round_int(n, rc, &inexact, &up);
	if (v > limit || (v == limit && !n->sign) || (n->exp == 63 && !v))
		goto invalid;
	if (inexact)
		env->flags |= SF_PE;
	env->c1 = up;
	return n->sign ? (s64)-v : (s64)v;
invalid:
	env->flags |= SF_IE;
	return (s64)(~0ULL << (bits - 1));
}

s64 sf_to_int(struct sf_env *env, enum sf_format from, u64 a, unsigned bits, u8 rc)
{
	struct sf_num n = sf_unpack(env, from, a);

	return to_int(env, &n, bits, rc);
}

s64 f80_to_int(struct sf_env *env, struct f80 a, unsigned bits, u8 rc)
{
	struct sf_num n = sf_unpack80(a);

	return to_int(env, &n, bits, rc);
}

static struct sf_num from_int(s64 v)
{
	u64 mag = v < 0 ? -(u64)v : (u64)v;
	struct sf_num n = { .cls = v ? SF_C_NUM : SF_C_ZERO, .sign = v < 0 };

	if (v) {
		unsigned lz = (unsigned)__builtin_clzll(mag);

		n.sig = mag << lz;
		n.exp = 63 - (s32)lz;
	}
	return n;
}

u64 sf_from_int(struct sf_env *env, enum sf_format to, s64 v)
{
	struct sf_num n = from_int(v);

	return sf_pack(env, to, &n);
}

struct f80 f80_from_int(s64 v)
{
	struct sf_num n = from_int(v);
	struct sf_env exact = { .prec = 64, .mask = SF_ALL };

	return sf_pack80(&exact, &n);
}

struct f80 f80_from_bcd(const u8 bcd[10])
{
	u64 v = 0;
	struct f80 r;

	for (int i = 8; i >= 0; i--)
		v = v * 100 + (bcd[i] >> 4) * 10u + (bcd[i] & 15);
	r = f80_from_int((s64)v);
	r.se |= bcd[9] & 0x80 ? 0x8000 : 0;
	return r;
}

bool f80_to_bcd(struct sf_env *env, struct f80 a, u8 bcd[10])
{
	static const u8 indefinite[10] = { [7] = 0xc0, [8] = 0xff, [9] = 0xff };
	struct sf_num n = sf_unpack80(a);
	bool inexact, up;
	u64 v = 0;

	if (n.cls > SF_C_NUM || n.exp >= 63)
		goto invalid;
	v = sf_round_int(&n, env->rc, &inexact, &up);
	if (v > 999999999999999999ULL)
		goto invalid;
	if (inexact)
		env->flags |= SF_PE;
	env->c1 = up;
	for (int i = 0; i < 9; i++, v /= 100)
		bcd[i] = (u8)(v % 100 / 10 << 4 | v % 10);
	bcd[9] = n.sign ? 0x80 : 0;
	return true;
invalid:
	env->flags |= SF_IE;
	memcpy(bcd, indefinite, sizeof(indefinite));
	return false;
}
