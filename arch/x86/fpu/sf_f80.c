// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x87 operations on exponents and remainders: FSCALE, FXTRACT, FPREM and
 * FPREM1. Precision control does not apply to them.
 */
#include "sf_internal.h"

static struct f80 pack64(struct sf_env *env, const struct sf_num *n)
{
	u8 prec = env->prec;
	struct f80 r;

	env->prec = 64;
	r = sf_pack80(env, n);
	env->prec = prec;
	return r;
}

/* An operand that is the result: only a pseudo-denormal changes its encoding. */
static struct f80 canonical(struct f80 a)
{
	if (a.sig & SF_INT_BIT && !(a.se & 0x7fff))
		a.se |= 1;
	return a;
}

/* The scale of FSCALE, cut to a range that always over- or underflows. */
static s32 scale_of(const struct sf_num *b)
{
	s32 k;

	if (b->cls != SF_C_NUM || b->exp < 0)
		return 0;
	k = b->exp > 16 ? 0x1ffff : (s32)(b->sig >> (63 - b->exp));
	return b->sign ? -k : k;
}

struct f80 f80_scale(struct sf_env *env, struct f80 a, struct f80 b)
{
	struct sf_num na = sf_unpack80(a), nb = sf_unpack80(b), nan;

	if (sf_pick_nan(env, &na, &nb, &nan))
		return sf_pack80(env, &nan);
	if (nb.cls == SF_C_INF && na.cls == (nb.sign ? SF_C_INF : SF_C_ZERO)) {
		na = sf_invalid(env);
		return sf_pack80(env, &na);
	}
	sf_use(env, &na);
	sf_use(env, &nb);
	if (sf_faults(env, env->flags & SF_PRE))
		return a;
	if (nb.cls == SF_C_ZERO)
		return canonical(a);
	if (nb.cls == SF_C_INF)
		na.cls = nb.sign ? SF_C_ZERO : SF_C_INF;
	if (na.cls == SF_C_NUM)
		na.exp += scale_of(&nb);
	return pack64(env, &na);
}

struct f80 f80_extract(struct sf_env *env, struct f80 a, struct f80 *exp)
{
	struct sf_num n = sf_unpack80(a), nan;

	if (sf_pick_nan(env, &n, &n, &nan)) {
		*exp = sf_pack80(env, &nan);
		return *exp;
	}
	sf_use(env, &n);
	if (n.cls == SF_C_ZERO) {
		env->flags |= SF_ZE;
		*exp = (struct f80){ SF_INT_BIT, 0xffff };
		return a;
	}
	if (n.cls == SF_C_INF) {
		*exp = (struct f80){ SF_INT_BIT, 0x7fff };
		return a;
	}
	*exp = f80_from_int(n.exp);
	n.exp = 0;
	return pack64(env, &n);
}

/*
 * |a| mod |b| by shift and subtract over steps + 1 quotient bits, where the
 * remainder's exponent starts at a's and ends at a.exp - steps. Returns the
 * low quotient bits; *rem is the remainder scaled by 2^(63 - final exponent).
 */
static u64 long_divide(u64 asig, u64 bsig, s32 steps, u128 *rem)
{
	u128 r = asig;
	u64 q = 0;

	for (s32 i = steps; i >= 0; i--) {
		q <<= 1;
		if (r >= bsig) {
			r -= bsig;
			q |= 1;
		}
		if (i)
			r <<= 1;
	}
	*rem = r;
	return q;
}

/* The remainder rem (< 2^65) at exponent exp as a number. */
static void set_remainder(struct sf_num *n, u128 rem, s32 exp)
{
	unsigned lz;

	if (!rem) {
		n->cls = SF_C_ZERO;
		return;
	}
	lz = sf_clz128(rem);
	n->sig = lz >= 64 ? (u64)rem << (lz - 64) : (u64)(rem >> (64 - lz));
	n->exp = exp - ((s32)lz - 64);
}

/* FPREM1's last step: take the nearer multiple, the even one on a tie. */
static void to_nearest(struct sf_num *n, u64 bsig, s32 bexp, u128 rem, u64 *q)
{
	u128 twice = rem << 1;

	if (twice > bsig || (twice == bsig && (*q & 1))) {
		rem = bsig - rem;
		n->sign ^= 1;
		*q += 1;
	}
	set_remainder(n, rem, bexp);
}

static struct f80 reduce(struct sf_env *env, struct sf_num *a, const struct sf_num *b, bool nearest, int *quot)
{
	s32 d = a->exp - b->exp;
	u128 rem;
	u64 q = 0;

	*quot = 0;
	if (d < -1 || (d < 0 && !nearest))
		return pack64(env, a);
	if (d == -1) {		/* |a| in (|b|/4, |b|): nearest may be one b away */
		if (a->sig > b->sig) {	/* 2|a| > |b| */
			/* |b| - |a| at a's exponent: 2 * bsig - asig */
			set_remainder(a, ((u128)b->sig << 1) - a->sig, a->exp);
			a->sign ^= 1;
			q = 1;
		}
		*quot = (int)q;
		return pack64(env, a);
	}
	if (d >= 64) {		/* partial: as many bits at a time as Intel's processors do */
		s32 n = 32 + d % 32;

		long_divide(a->sig, b->sig, n, &rem);
		set_remainder(a, rem, a->exp - n);
		*quot = -1;
		return pack64(env, a);
	}
	q = long_divide(a->sig, b->sig, d, &rem);
	if (nearest)
		to_nearest(a, b->sig, b->exp, rem, &q);
	else
		set_remainder(a, rem, b->exp);
	*quot = (int)(q & 7);
	return pack64(env, a);
}

struct f80 f80_rem(struct sf_env *env, struct f80 a, struct f80 b, bool nearest, int *quot)
{
	struct sf_num na = sf_unpack80(a), nb = sf_unpack80(b), nan;

	*quot = 0;
	if (sf_pick_nan(env, &na, &nb, &nan))
		return sf_pack80(env, &nan);
	if (na.cls == SF_C_INF || nb.cls == SF_C_ZERO) {
		na = sf_invalid(env);
		return sf_pack80(env, &na);
	}
	sf_use(env, &na);
	sf_use(env, &nb);
	if (sf_faults(env, env->flags & SF_PRE))
		return a;
	if (na.cls == SF_C_ZERO || nb.cls == SF_C_INF)
		return canonical(a);
	return reduce(env, &na, &nb, nearest, quot);
}
