// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x87's transcendental instructions in portable code: series in 128-bit
 * fixed point, arranged so that the result is a floating-point number times
 * a factor near 1 and small results keep all their bits. The error is below
 * one unit in the last place; on x86 hosts the host's own x87 is used instead.
 *
 * Arguments of FSIN, FCOS and FPTAN are reduced with pi cut to 66 bits, as
 * Intel documents for its processors (SDM vol. 1, 8.3.8).
 */
#include "sf_internal.h"

/* Fixed point: Qn has n fraction bits. */
#define LN2_Q128	sf_u128(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af)
#define TWO_LOG2E_Q126	sf_u128(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88)
#define PI_Q125		sf_u128(0x6487ed5110b4611a, 0x62633145c06e0e68)
#define PI66		sf_u128(0xc, 0x90fdaa22168c234c)	/* pi * 2^66 */
#define ONE_Q127	((u128)1 << 127)

/* The upper 128 bits of the product. */
static u128 mulhi(u128 a, u128 b)
{
	u64 ah = (u64)(a >> 64), al = (u64)a, bh = (u64)(b >> 64), bl = (u64)b;
	u128 m1 = (u128)ah * bl, m2 = (u128)al * bh;
	u128 mid = ((u128)al * bl >> 64) + (u64)m1 + (u64)m2;

	return (u128)ah * bh + (m1 >> 64) + (m2 >> 64) + (mid >> 64);
}

static struct sf_wide wide(bool sign, s32 exp, u128 v)
{
	unsigned lz = v ? sf_clz128(v) : 0;
	struct sf_wide w = { .n = { .cls = v ? SF_C_NUM : SF_C_ZERO, .sign = sign } };

	v <<= lz;
	w.n.exp = exp - (s32)lz;
	w.n.sig = (u64)(v >> 64);
	w.lo = (u64)v;
	return w;
}

static u128 wide_sig(const struct sf_wide *w)
{
	return sf_u128(w->n.sig, w->lo);
}

static struct sf_wide from_num(const struct sf_num *n)
{
	return (struct sf_wide){ .n = *n };
}

/* a * v where v is a positive fixed-point factor with frac fraction bits. */
static struct sf_wide scale(const struct sf_wide *a, u128 v, int frac)
{
	return wide(a->n.sign, a->n.exp + 128 - frac, mulhi(wide_sig(a), v));
}

/* a / b, cut to about 128 bits. */
static struct sf_wide divide(const struct sf_wide *a, const struct sf_wide *b)
{
	u128 n = wide_sig(a) >> 1, d = wide_sig(b), q = 0, r = n;

	for (int i = 0; i < 128; i++) {
		bool top = r >> 127;

		r <<= 1;
		q <<= 1;
		if (top || r >= d) {
			r -= d;
			q |= 1;
		}
	}
	return wide(a->n.sign ^ b->n.sign, a->n.exp - b->n.exp, q);
}

/* The value of w (0 <= |w| < 2^(128-frac)) in fixed point. */
static u128 to_fixed(const struct sf_wide *w, int frac)
{
	int shift = 127 - frac - w->n.exp;

	if (w->n.cls == SF_C_ZERO || shift >= 128)
		return 0;
	return wide_sig(w) >> shift;
}

/* A result that is never exact: the sticky bit makes P and directed rounding right. */
static struct f80 finish(struct sf_env *env, struct sf_wide *w)
{
	struct f80 r;
	u8 prec = env->prec;

	if (sf_faults(env, env->flags & SF_PRE))
		return f80_default_nan();
	env->prec = 64;
	if (w->n.cls == SF_C_NUM)
		w->lo |= 1;
	r = sf_wide_pack80(env, w);
	env->prec = prec;
	return r;
}

static struct f80 simple(struct sf_env *env, enum sf_class cls, bool sign)
{
	struct sf_num n = { .cls = cls, .sign = sign };

	return sf_pack80(env, &n);
}

static struct f80 invalid(struct sf_env *env)
{
	env->flags |= SF_IE;
	return f80_default_nan();
}

/* ---- 2^x - 1 ---- */

struct f80 f80_f2xm1(struct sf_env *env, struct f80 a)
{
	struct sf_num n = sf_unpack80(a), nan;
	struct sf_wide x = from_num(&n), w;
	u128 t, s = ONE_Q127;

	if (sf_pick_nan(env, &n, &n, &nan))
		return sf_pack80(env, &nan);
	sf_use(env, &n);
	if (n.cls == SF_C_ZERO)
		return a;
	if (n.cls == SF_C_INF)
		return n.sign ? (struct f80){ SF_INT_BIT, 0xbfff } : a;
	if (n.exp > 0 || (n.exp == 0 && n.sig != SF_INT_BIT))
		return a;	/* outside [-1, 1]: undefined */
	if (n.exp == 0)		/* 2^1 - 1 and 2^-1 - 1 are exact */
		return n.sign ? (struct f80){ SF_INT_BIT, 0xbffe } : a;
	/* x ln 2 (1 + t/2 (1 + t/3 (...))) with t = x ln 2 */
	w = scale(&x, LN2_Q128, 128);
	t = to_fixed(&w, 128);
	for (unsigned k = 30; k > 1; k--) {
		u128 step = mulhi(t, s) / k;

		s = n.sign ? ONE_Q127 - step : ONE_Q127 + step;
	}
	w = scale(&w, s, 127);
	return finish(env, &w);
}

/* ---- logarithms ---- */

/* 2/ln 2 * atanh(s) for |s| < 0.18: the logarithm of (1 + s) / (1 - s) to base 2. */
static struct sf_wide log2_ratio(const struct sf_wide *s)
{
	u128 f = to_fixed(s, 128), z = mulhi(f, f), p = 0;

	/* 1 + z/3 + z^2/5 + ..., in Q127 */
	for (unsigned k = 31; k > 0; k--)
		p = ONE_Q127 / (2 * k - 1) + mulhi(p, z);
	return scale(s, mulhi(p, TWO_LOG2E_Q126), 125);
}

/* e + w as a wide number. */
static struct sf_wide add_int(s32 e, const struct sf_wide *w)
{
	s128 f = (s128)to_fixed(w, 108), sum = (s128)e * ((s128)1 << 108) + (w->n.sign ? -f : f);

	return wide(sum < 0, 127 - 108, sum < 0 ? (u128)-sum : (u128)sum);
}

/* log2 of m * 2^exp, m = v / 2^127 in [1, 2): from (m - 1) / (m + 1). */
static struct sf_wide log2_wide(s32 exp, u128 v)
{
	struct sf_wide num, den, s;

	if (v >> 64 > 0xb504f333f9de6484) {	/* sqrt(2): take m from [1/sqrt(2), sqrt(2)] */
		exp++;
		num = wide(true, -1, -v);
		den = wide(false, 0, (v >> 1) + ONE_Q127);
	} else {
		num = wide(false, 0, v - ONE_Q127);
		den = wide(false, 1, (v >> 1) + (ONE_Q127 >> 1));
	}
	if (num.n.cls == SF_C_ZERO)
		return add_int(exp, &num);
	s = divide(&num, &den);
	s = log2_ratio(&s);
	return exp ? add_int(exp, &s) : s;
}

/* y * l, the end of FYL2X and FYL2XP1. */
static struct f80 times_y(struct sf_env *env, const struct sf_num *y, struct sf_wide *l)
{
	bool sign = y->sign ^ l->n.sign;
	struct sf_wide w;

	if (l->n.cls == SF_C_ZERO)
		return y->cls == SF_C_INF ? invalid(env) : simple(env, SF_C_ZERO, sign);
	if (y->cls != SF_C_NUM)
		return simple(env, y->cls, sign);
	w = scale(l, sf_u128(y->sig, 0), 127);
	w.n.exp += y->exp;
	w.n.sign = sign;
	return finish(env, &w);
}

/* log2 of 0: minus infinity times y. */
static struct f80 log2_zero(struct sf_env *env, const struct sf_num *y)
{
	if (y->cls == SF_C_ZERO)
		return invalid(env);
	if (y->cls == SF_C_NUM)
		env->flags |= SF_ZE;
	return simple(env, SF_C_INF, !y->sign);
}

/* y * log2(2^exp): may be exact. */
static struct f80 exact_product(struct sf_env *env, s32 exp, struct f80 y)
{
	u8 prec = env->prec;
	struct f80 r;

	env->prec = 64;
	r = f80_mul(env, f80_from_int(exp), y);
	env->prec = prec;
	return r;
}

struct f80 f80_yl2x(struct sf_env *env, struct f80 x, struct f80 y)
{
	struct sf_num nx = sf_unpack80(x), ny = sf_unpack80(y), nan;
	struct sf_wide l;

	if (sf_pick_nan(env, &nx, &ny, &nan))
		return sf_pack80(env, &nan);
	if (nx.cls == SF_C_ZERO)
		return log2_zero(env, &ny);
	if (nx.sign)
		return invalid(env);
	if (nx.cls == SF_C_INF) {
		sf_use(env, &ny);
		return ny.cls == SF_C_ZERO ? invalid(env) : simple(env, SF_C_INF, ny.sign);
	}
	l = log2_wide(nx.exp, sf_u128(nx.sig, 0));
	if (l.n.cls == SF_C_ZERO && ny.cls == SF_C_INF)
		return invalid(env);
	sf_use(env, &nx);
	sf_use(env, &ny);
	if (nx.sig == SF_INT_BIT && ny.cls == SF_C_NUM && l.n.cls == SF_C_NUM)
		return exact_product(env, nx.exp, y);
	return times_y(env, &ny, &l);
}

struct f80 f80_yl2xp1(struct sf_env *env, struct f80 x, struct f80 y)
{
	struct sf_num nx = sf_unpack80(x), ny = sf_unpack80(y), nan;
	struct sf_wide wx = from_num(&nx), den, l = wx;
	u128 f;

	if (sf_pick_nan(env, &nx, &ny, &nan))
		return sf_pack80(env, &nan);
	if (nx.cls == SF_C_INF && (nx.sign || ny.cls == SF_C_ZERO))
		return invalid(env);
	if (nx.cls == SF_C_ZERO && ny.cls == SF_C_INF)
		return invalid(env);
	sf_use(env, &nx);
	sf_use(env, &ny);
	if (nx.cls == SF_C_INF)
		return simple(env, SF_C_INF, ny.sign);
	if (nx.cls == SF_C_ZERO)
		return times_y(env, &ny, &l);
	if (nx.exp < -2) {	/* s = x / (2 + x) */
		f = to_fixed(&wx, 125);
		den = wide(false, 127 - 125, nx.sign ? ((u128)1 << 126) - f : ((u128)1 << 126) + f);
		l = divide(&wx, &den);
		l = log2_ratio(&l);
	} else {		/* at the edge of the domain or beyond it */
		struct sf_env exact = { .prec = 64, .mask = SF_ALL };
		struct sf_num one = { .cls = SF_C_NUM, .sig = SF_INT_BIT };

		den = sf_wide_add(&exact, &nx, &one);
		if (den.n.cls == SF_C_ZERO)
			return log2_zero(env, &ny);
		if (den.n.sign)
			return invalid(env);
		l = log2_wide(den.n.exp, wide_sig(&den));
	}
	return times_y(env, &ny, &l);
}

/* ---- arc tangent ---- */

/* atan(s) for 0 <= s <= tan(pi/8). */
static struct sf_wide atan_small(const struct sf_wide *s)
{
	u128 f = to_fixed(s, 128), z = mulhi(f, f), p = 0;

	for (unsigned k = 60; k > 0; k--)
		p = ONE_Q127 / (2 * k - 1) - mulhi(p, z);
	return scale(s, p, 127);
}

/* atan2(|y|, x) for finite non-zero operands. */
static struct sf_wide atan_quadrants(const struct sf_num *y, const struct sf_num *x)
{
	bool steep = y->exp > x->exp || (y->exp == x->exp && y->sig > x->sig);
	struct sf_wide lo = from_num(steep ? x : y), hi = from_num(steep ? y : x), s;
	u128 angle, base;
	bool octant;

	lo.n.sign = hi.n.sign = false;
	s = divide(&lo, &hi);
	octant = to_fixed(&s, 120) > ((u128)0x6a09e667f3bcc908 << 56);	/* sqrt(2) - 1 in Q120 */
	if (octant) {	/* atan(lo/hi) = pi/4 - atan((hi - lo) / (hi + lo)) */
		u128 l = to_fixed(&s, 126), one = (u128)1 << 126;
		struct sf_wide num = wide(false, 1, one - l), den = wide(false, 1, one + l);

		s = num;
		if (num.n.cls == SF_C_NUM)
			s = divide(&num, &den);
	}
	s = s.n.cls == SF_C_NUM ? atan_small(&s) : s;
	if (!octant && !steep && !x->sign)
		return s;
	angle = to_fixed(&s, 125);
	base = PI_Q125;
	if (octant)
		angle = (base >> 2) - angle;
	if (steep)
		angle = (base >> 1) - angle;
	if (x->sign)
		angle = base - angle;
	return wide(false, 2, angle);
}

/* Operands of which one is zero or infinite: a multiple of pi/4. */
static struct f80 atan_special(struct sf_env *env, const struct sf_num *y, const struct sf_num *x)
{
	bool yinf = y->cls == SF_C_INF, xinf = x->cls == SF_C_INF;
	struct sf_wide w;
	unsigned eighths;

	if (yinf && xinf)
		eighths = x->sign ? 3 : 1;
	else if (yinf || (x->cls == SF_C_ZERO && y->cls != SF_C_ZERO))
		eighths = 2;
	else
		eighths = x->sign ? 4 : 0;
	w = wide(y->sign, 2, PI_Q125 / 4 * eighths);
	return finish(env, &w);
}

struct f80 f80_patan(struct sf_env *env, struct f80 x, struct f80 y)
{
	struct sf_num nx = sf_unpack80(x), ny = sf_unpack80(y), nan;
	struct sf_wide w;

	if (sf_pick_nan(env, &nx, &ny, &nan))
		return sf_pack80(env, &nan);
	sf_use(env, &nx);
	sf_use(env, &ny);
	if (nx.cls != SF_C_NUM || ny.cls != SF_C_NUM)
		return atan_special(env, &ny, &nx);
	w = atan_quadrants(&ny, &nx);
	w.n.sign = ny.sign;
	return finish(env, &w);
}

/* ---- sine, cosine, tangent ---- */

/* |x| - q * pi/2 as the nearest: its absolute value in *r, its sign, and q's low bits. */
static unsigned reduce(const struct sf_num *x, struct sf_wide *r, bool *neg)
{
	u128 rem = 0;
	unsigned q = 0;

	*neg = false;
	*r = from_num(x);
	r->n.sign = false;
	if (x->exp < -1)
		return 0;
	/* x in units of 2^-67 modulo pi/2, a bit at a time */
	for (int i = 63; i >= -(x->exp + 4); i--) {
		rem = rem << 1 | (i >= 0 ? x->sig >> i & 1 : 0);
		q <<= 1;
		if (rem >= PI66) {
			rem -= PI66;
			q |= 1;
		}
	}
	if (rem > PI66 / 2) {
		rem = PI66 - rem;
		*neg = true;
		q++;
	}
	*r = wide(false, 127 - 67, rem);
	return q & 3;
}

/* sin(r) for 0 <= r <= pi/4: r (1 - r^2/6 (1 - r^2/20 (...))) */
static struct sf_wide sine(const struct sf_wide *r)
{
	u128 f = to_fixed(r, 128), z = mulhi(f, f), s = ONE_Q127;

	if (r->n.cls == SF_C_ZERO)
		return *r;
	for (int k = 28; k > 0; k -= 2)
		s = ONE_Q127 - mulhi(z, s) / (u32)(k * (k + 1));
	return scale(r, s - (s == ONE_Q127), 127);
}

static struct sf_wide cosine(const struct sf_wide *r)
{
	u128 f = to_fixed(r, 128), z = mulhi(f, f), s = ONE_Q127;

	for (int k = 29; k > 0; k -= 2)
		s = ONE_Q127 - mulhi(z, s) / (u32)(k * (k + 1));
	return wide(false, 0, s - (s == ONE_Q127));
}

/* What the three share: true when *out is the result already. */
static bool trig_special(struct sf_env *env, struct f80 a, const struct sf_num *n, bool *partial, struct f80 *out)
{
	struct sf_num nan;

	*partial = false;
	*out = a;
	if (sf_pick_nan(env, n, n, &nan)) {
		*out = sf_pack80(env, &nan);
		return true;
	}
	if (n->cls == SF_C_INF) {
		*out = invalid(env);
		return true;
	}
	if (n->cls == SF_C_NUM && n->exp >= 63) {
		*partial = true;
		return true;
	}
	sf_use(env, n);
	return n->cls == SF_C_ZERO;
}

struct f80 f80_sin(struct sf_env *env, struct f80 a, bool *partial)
{
	struct sf_num n = sf_unpack80(a);
	struct sf_wide r, w;
	struct f80 out;
	bool neg;
	unsigned q;

	if (trig_special(env, a, &n, partial, &out))
		return out;
	q = reduce(&n, &r, &neg);
	w = q & 1 ? cosine(&r) : sine(&r);
	w.n.sign = n.sign ^ (q >> 1 & 1) ^ (neg && !(q & 1));
	return finish(env, &w);
}

struct f80 f80_cos(struct sf_env *env, struct f80 a, bool *partial)
{
	struct sf_num n = sf_unpack80(a);
	struct sf_wide r, w;
	struct f80 out;
	bool neg;
	unsigned q;

	if (trig_special(env, a, &n, partial, &out))
		return n.cls == SF_C_ZERO ? f80_from_int(1) : out;
	q = reduce(&n, &r, &neg);
	w = q & 1 ? sine(&r) : cosine(&r);
	w.n.sign = ((q + 1) >> 1 & 1) ^ (neg && (q & 1));
	return finish(env, &w);
}

struct f80 f80_tan(struct sf_env *env, struct f80 a, bool *partial)
{
	struct sf_num n = sf_unpack80(a);
	struct sf_wide r, s, c, w;
	struct f80 out;
	bool neg;
	unsigned q;

	if (trig_special(env, a, &n, partial, &out))
		return out;
	q = reduce(&n, &r, &neg);
	s = sine(&r);
	c = cosine(&r);
	w = q & 1 ? divide(&c, &s) : divide(&s, &c);
	w.n.sign = n.sign ^ neg ^ (q & 1);
	return finish(env, &w);
}
