// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addition, multiplication, division, square root and fused multiply-add on
 * unpacked numbers, once for all formats: the exact (or sticky) result is
 * formed in 128 bits and rounded by sf_pack.c.
 */
#include "sf_internal.h"

static struct sf_wide wide(struct sf_num n)
{
	return (struct sf_wide){ .n = n };
}

static struct sf_wide wide_num(bool sign, s32 exp, u128 v)
{
	return (struct sf_wide){
		.n = { .cls = SF_C_NUM, .sign = sign, .exp = exp, .sig = (u64)(v >> 64) },
		.lo = (u64)v,
	};
}

static struct sf_num zero(bool sign)
{
	return (struct sf_num){ .cls = SF_C_ZERO, .sign = sign };
}

static struct sf_num inf(bool sign)
{
	return (struct sf_num){ .cls = SF_C_INF, .sign = sign };
}

u64 sf_wide_pack(struct sf_env *env, enum sf_format fmt, const struct sf_wide *w)
{
	if (w->n.cls != SF_C_NUM)
		return sf_pack(env, fmt, &w->n);
	if (sf_faults(env, env->flags & SF_PRE))
		return 0;
	return sf_round_pack(env, fmt, w->n.sign, w->n.exp, w->n.sig, w->lo);
}

struct f80 sf_wide_pack80(struct sf_env *env, const struct sf_wide *w)
{
	if (w->n.cls != SF_C_NUM)
		return sf_pack80(env, &w->n);
	if (sf_faults(env, env->flags & SF_PRE))
		return (struct f80){ 0, 0 };
	return sf_round_pack80(env, w->n.sign, w->n.exp, w->n.sig, w->lo);
}

/* Sum of two non-zero values with 128-bit significands. */
static struct sf_wide add_values(const struct sf_env *env, bool asign, s32 aexp, u128 a,
				 bool bsign, s32 bexp, u128 b)
{
	u128 sum;
	unsigned lz;

	if (aexp < bexp || (aexp == bexp && a < b)) {
		u128 v = a; a = b; b = v;
		s32 e = aexp; aexp = bexp; bexp = e;
		bool s = asign; asign = bsign; bsign = s;
	}
	b = sf_shr_jam(b, (unsigned)MIN(aexp - bexp, 200));
	if (asign == bsign) {
		sum = a + b;
		if (sum < a) {		/* carry out */
			sum = sf_shr_jam(sum, 1) | (u128)1 << 127;
			aexp++;
		}
		return wide_num(asign, aexp, sum);
	}
	sum = a - b;
	if (!sum)
		return wide(zero(env->rc == SF_DOWN));
	lz = sf_clz128(sum);
	return wide_num(asign, aexp - (s32)lz, sum << lz);
}

struct sf_wide sf_wide_add(struct sf_env *env, const struct sf_num *a, const struct sf_num *b)
{
	struct sf_num nan;

	if (sf_pick_nan(env, a, b, &nan))
		return wide(nan);
	if (a->cls == SF_C_INF && b->cls == SF_C_INF && a->sign != b->sign)
		return wide(sf_invalid(env));
	sf_use(env, a);
	sf_use(env, b);
	if (a->cls == SF_C_INF)
		return wide(inf(a->sign));
	if (b->cls == SF_C_INF)
		return wide(inf(b->sign));
	if (a->cls == SF_C_ZERO && b->cls == SF_C_ZERO)
		return wide(zero(a->sign == b->sign ? a->sign : env->rc == SF_DOWN));
	if (a->cls == SF_C_ZERO)
		return wide(*b);
	if (b->cls == SF_C_ZERO)
		return wide(*a);
	return add_values(env, a->sign, a->exp, sf_u128(a->sig, 0), b->sign, b->exp, sf_u128(b->sig, 0));
}

/* Product of two normalised values, bit 127 set. */
static struct sf_wide mul_values(const struct sf_num *a, const struct sf_num *b)
{
	u128 p = (u128)a->sig * b->sig;
	s32 exp = a->exp + b->exp + 1;

	if (!(p >> 127)) {
		p <<= 1;
		exp--;
	}
	return wide_num(a->sign ^ b->sign, exp, p);
}

struct sf_wide sf_wide_mul(struct sf_env *env, const struct sf_num *a, const struct sf_num *b)
{
	bool sign = a->sign ^ b->sign;
	struct sf_num nan;

	if (sf_pick_nan(env, a, b, &nan))
		return wide(nan);
	if ((a->cls == SF_C_INF && b->cls == SF_C_ZERO) || (a->cls == SF_C_ZERO && b->cls == SF_C_INF))
		return wide(sf_invalid(env));
	sf_use(env, a);
	sf_use(env, b);
	if (a->cls == SF_C_INF || b->cls == SF_C_INF)
		return wide(inf(sign));
	if (a->cls == SF_C_ZERO || b->cls == SF_C_ZERO)
		return wide(zero(sign));
	return mul_values(a, b);
}

/* Quotient of two normalised values to 128 bits with a sticky bit. */
static struct sf_wide div_values(const struct sf_num *a, const struct sf_num *b)
{
	u128 n = sf_u128(a->sig, 0);
	s32 exp = a->exp - b->exp;
	u64 q1, q0, r;

	if (a->sig < b->sig)
		exp--;
	else
		n >>= 1;
	q1 = (u64)(n / b->sig);
	n = sf_u128((u64)(n % b->sig), 0);
	q0 = (u64)(n / b->sig);
	r = (u64)(n % b->sig);
	return wide_num(a->sign ^ b->sign, exp, sf_u128(q1, q0 | (r != 0)));
}

struct sf_wide sf_wide_div(struct sf_env *env, const struct sf_num *a, const struct sf_num *b)
{
	bool sign = a->sign ^ b->sign;
	struct sf_num nan;

	if (sf_pick_nan(env, a, b, &nan))
		return wide(nan);
	if ((a->cls == SF_C_INF && b->cls == SF_C_INF) || (a->cls == SF_C_ZERO && b->cls == SF_C_ZERO))
		return wide(sf_invalid(env));
	if (b->cls == SF_C_ZERO && a->cls == SF_C_NUM) {
		env->flags |= SF_ZE;
		return wide(inf(sign));
	}
	sf_use(env, a);
	sf_use(env, b);
	if (a->cls == SF_C_INF || b->cls == SF_C_ZERO)
		return wide(inf(sign));
	if (a->cls == SF_C_ZERO || b->cls == SF_C_INF)
		return wide(zero(sign));
	return div_values(a, b);
}

/*
 * floor(sqrt(v)) for v >= 2^126; *frac receives the next bit of the root in
 * bit 63 and a sticky bit in bit 0.
 */
static u64 isqrt128(u128 v, u64 *frac)
{
	u64 root = 0;
	u128 rem = 0;

	for (int i = 63; i >= 0; i--) {
		u128 trial = (u128)root << 2 | 1;

		rem = rem << 2 | (v >> (2 * i) & 3);
		root <<= 1;
		if (rem >= trial) {
			rem -= trial;
			root |= 1;
		}
	}
	*frac = rem != 0;
	if (rem > root)		/* v > (root + 1/2)^2; equality cannot be */
		*frac |= SF_INT_BIT;
	return root;
}

struct sf_wide sf_wide_sqrt(struct sf_env *env, const struct sf_num *a)
{
	struct sf_num nan;
	u64 root, frac;
	u128 v;

	if (sf_pick_nan(env, a, a, &nan))
		return wide(nan);
	if (a->cls == SF_C_ZERO)
		return wide(*a);
	if (a->sign)
		return wide(sf_invalid(env));
	sf_use(env, a);
	if (a->cls == SF_C_INF)
		return wide(*a);
	v = sf_u128(a->sig, 0) >> (a->exp & 1 ? 0 : 1);
	root = isqrt128(v, &frac);
	return wide_num(false, a->exp >> 1, sf_u128(root, frac));
}

#define SF_BINARY(name, op, neg_b) \
u64 sf_##name(struct sf_env *env, enum sf_format fmt, u64 a, u64 b) \
{ \
	struct sf_num na = sf_unpack(env, fmt, a), nb = sf_unpack(env, fmt, b); \
	struct sf_wide w; \
	if ((neg_b) && !sf_is_nan(&nb)) \
		nb.sign ^= 1; \
	w = sf_wide_##op(env, &na, &nb); \
	return sf_wide_pack(env, fmt, &w); \
} \
struct f80 f80_##name(struct sf_env *env, struct f80 a, struct f80 b) \
{ \
	struct sf_num na = sf_unpack80(a), nb = sf_unpack80(b); \
	struct sf_wide w; \
	if ((neg_b) && !sf_is_nan(&nb)) \
		nb.sign ^= 1; \
	w = sf_wide_##op(env, &na, &nb); \
	return sf_wide_pack80(env, &w); \
}

SF_BINARY(add, add, false)
SF_BINARY(sub, add, true)
SF_BINARY(mul, mul, false)
SF_BINARY(div, div, false)

u64 sf_sqrt(struct sf_env *env, enum sf_format fmt, u64 a)
{
	struct sf_num n = sf_unpack(env, fmt, a);
	struct sf_wide w = sf_wide_sqrt(env, &n);

	return sf_wide_pack(env, fmt, &w);
}

struct f80 f80_sqrt(struct sf_env *env, struct f80 a)
{
	struct sf_num n = sf_unpack80(a);
	struct sf_wide w = sf_wide_sqrt(env, &n);

	return sf_wide_pack80(env, &w);
}

/* NaNs and infinities of a fused multiply-add; true when *out is the result. */
static bool fma_special(struct sf_env *env, const struct sf_num *a, const struct sf_num *b,
			const struct sf_num *c, bool psign, struct sf_num *out)
{
	bool invalid_mul = (a->cls == SF_C_INF && b->cls == SF_C_ZERO) ||
			   (a->cls == SF_C_ZERO && b->cls == SF_C_INF);
	bool pinf = a->cls == SF_C_INF || b->cls == SF_C_INF;
	struct sf_num ab;
	bool nan_ab = sf_pick_nan(env, a, b, &ab);

	if (sf_pick_nan(env, nan_ab ? &ab : c, c, out))
		return true;
	if (invalid_mul || (pinf && c->cls == SF_C_INF && psign != c->sign)) {
		*out = sf_invalid(env);
		return true;
	}
	sf_use(env, a);
	sf_use(env, b);
	sf_use(env, c);
	if (pinf || c->cls == SF_C_INF) {
		*out = inf(pinf ? psign : c->sign);
		return true;
	}
	return false;
}

u64 sf_fma(struct sf_env *env, enum sf_format fmt, u64 a, u64 b, u64 c, bool neg_p, bool neg_c)
{
	struct sf_num na = sf_unpack(env, fmt, a), nb = sf_unpack(env, fmt, b), nc = sf_unpack(env, fmt, c);
	bool psign = na.sign ^ nb.sign ^ neg_p;
	struct sf_wide w;

	if (neg_c && !sf_is_nan(&nc))
		nc.sign ^= 1;
	if (fma_special(env, &na, &nb, &nc, psign, &w.n))
		return sf_pack(env, fmt, &w.n);
	if (na.cls == SF_C_ZERO || nb.cls == SF_C_ZERO) {
		w = wide(nc);
		if (nc.cls == SF_C_ZERO)
			w = wide(zero(psign == nc.sign ? psign : env->rc == SF_DOWN));
		return sf_wide_pack(env, fmt, &w);
	}
	w = mul_values(&na, &nb);
	w.n.sign = psign;
	if (nc.cls == SF_C_NUM)
		w = add_values(env, psign, w.n.exp, sf_u128(w.n.sig, w.lo),
			       nc.sign, nc.exp, sf_u128(nc.sig, 0));
	return sf_wide_pack(env, fmt, &w);
}
