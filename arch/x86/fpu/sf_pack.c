// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unpacking to a common form, rounding, and packing: the half of softfloat
 * that knows encodings, exponent ranges and the O, U and P exceptions.
 * Intel SDM vol. 1, 4.2, 4.8 and 4.9.1.
 */
#include "sf_internal.h"

const struct sf_fmt sf_fmts[] = {
	[SF_F16] = { 16, 11, 15, 15 },
	[SF_F32] = { 32, 24, 127, 127 },
	[SF_F64] = { 64, 53, 1023, 1023 },
	[SF_F80] = { 80, 64, 16383, 16383 },
};

struct sf_env sf_env_mxcsr(u32 mxcsr)
{
	return (struct sf_env){
		.rc = mxcsr >> 13 & 3, .prec = 64, .mask = mxcsr >> 7 & SF_ALL,
		.daz = mxcsr >> 6 & 1, .ftz = mxcsr >> 15 & 1,
	};
}

struct sf_env sf_env_x87(u16 fcw)
{
	static const u8 prec[4] = { 24, 64, 53, 64 };	/* 1 is reserved, it acts as 64 */

	return (struct sf_env){
		.rc = fcw >> 10 & 3, .prec = prec[fcw >> 8 & 3], .mask = fcw & SF_ALL,
		.x87 = true, .cw = fcw,
	};
}

u64 sf_default_nan(enum sf_format fmt)
{
	static const u64 nan[] = {
		[SF_F16] = 0xfe00, [SF_F32] = 0xffc00000, [SF_F64] = 0xfff8000000000000,
	};

	return nan[fmt];
}

struct f80 f80_default_nan(void)
{
	return (struct f80){ 0xc000000000000000, 0xffff };
}

/* A value below the normal range: normalise it, or zero under DAZ. */
static void unpack_denormal(const struct sf_env *env, const struct sf_fmt *f, u64 frac, struct sf_num *n)
{
	unsigned lz = (unsigned)__builtin_clzll(frac);

	if (env->daz && f->bits != 16) {
		n->cls = SF_C_ZERO;
		return;
	}
	n->cls = SF_C_NUM;
	n->denorm = f->bits != 16;	/* F16C never reports a denormal half */
	n->sig = frac << lz;
	n->exp = 1 - f->bias - (s32)(lz - (64 - f->prec));
}

struct sf_num sf_unpack(const struct sf_env *env, enum sf_format fmt, u64 x)
{
	const struct sf_fmt *f = &sf_fmts[fmt];
	unsigned fbits = f->prec - 1;
	u32 emask = 2 * (u32)f->bias + 1;
	u32 e = (u32)(x >> fbits) & emask;
	u64 frac = x & ((1ULL << fbits) - 1);
	struct sf_num n = { .sign = x >> (f->bits - 1) & 1 };

	if (e == emask) {
		n.sig = frac << (64 - f->prec) | SF_INT_BIT;
		n.cls = !frac ? SF_C_INF : n.sig & SF_QUIET_BIT ? SF_C_QNAN : SF_C_SNAN;
	} else if (e) {
		n.cls = SF_C_NUM;
		n.exp = (s32)e - f->bias;
		n.sig = frac << (64 - f->prec) | SF_INT_BIT;
	} else if (frac) {
		unpack_denormal(env, f, frac, &n);
	} else {
		n.cls = SF_C_ZERO;
	}
	return n;
}

struct sf_num sf_unpack80(struct f80 x)
{
	u32 e = x.se & 0x7fff;
	struct sf_num n = { .sign = x.se >> 15, .sig = x.sig };

	if (e && !(x.sig & SF_INT_BIT)) {
		n.cls = SF_C_BAD;
	} else if (e == 0x7fff) {
		n.cls = x.sig == SF_INT_BIT ? SF_C_INF : x.sig & SF_QUIET_BIT ? SF_C_QNAN : SF_C_SNAN;
	} else if (!x.sig) {
		n.cls = SF_C_ZERO;
	} else {
		unsigned lz = (unsigned)__builtin_clzll(x.sig);

		n.cls = SF_C_NUM;
		n.denorm = !e;		/* pseudo-denormals too */
		n.sig = x.sig << lz;
		n.exp = (e ? (s32)e : 1) - SF_F80_BIAS - (s32)lz;
	}
	return n;
}

/* Whether sig (with the bits below ulp cut away) must grow by one ulp. */
static bool round_up(u8 rc, bool sign, bool odd, bool half, bool sticky)
{
	switch (rc) {
	case SF_NEAR:
		return half && (sticky || odd);
	case SF_DOWN:
		return sign && (half || sticky);
	case SF_UP:
		return !sign && (half || sticky);
	default:
		return false;
	}
}

struct rounded {
	u64 sig;	/* left-justified, prec bits long */
	bool carry;	/* rounding carried out of bit 63; sig is then bit 63 alone */
	bool inexact;
	bool up;
};

/* Round v, left-justified or not, keeping the top prec bits. */
static struct rounded round_at(u128 v, unsigned prec, u8 rc, bool sign)
{
	unsigned cut = 128 - prec;
	u128 kept = v >> cut;
	u128 half_bit = (u128)1 << (cut - 1);
	bool half = v & half_bit;
	bool sticky = v & (half_bit - 1);
	struct rounded r = { .inexact = half || sticky };

	r.up = round_up(rc, sign, kept & 1, half, sticky);
	kept += r.up;
	r.carry = kept >> prec;
	r.sig = r.carry ? SF_INT_BIT : (u64)kept << (64 - prec);
	return r;
}

/* The largest finite significand or infinity, as the rounding mode says. */
static bool overflow_to_inf(u8 rc, bool sign)
{
	return rc == SF_NEAR || (rc == SF_DOWN && sign) || (rc == SF_UP && !sign);
}

struct packed {
	u64 sig;	/* left-justified with integer bit (clear: denormal) */
	s32 exp;	/* unbiased; emin for denormals */
	bool inf;
};

/*
 * Masked underflow: denormalise and round. The result is tiny if it would
 * round below the smallest normal with an unbounded exponent, which the
 * caller has found out already.
 */
static struct packed round_tiny(struct sf_env *env, const struct sf_fmt *f, unsigned prec,
				bool sign, s32 exp, u128 v, bool tiny)
{
	s32 emin = 1 - f->bias;
	struct rounded r = round_at(sf_shr_jam(v, (unsigned)MIN(emin - exp, 200)), prec, env->rc, sign);

	if (tiny && env->ftz && f->bits != 16) {
		env->flags |= SF_UE | SF_PE;
		return (struct packed){ .exp = emin };
	}
	if (r.inexact)
		env->flags |= SF_PE | (tiny ? SF_UE : 0);
	env->c1 = r.up;
	return (struct packed){ .sig = r.sig, .exp = emin };
}

static struct packed round_huge(struct sf_env *env, const struct sf_fmt *f, unsigned prec, bool sign)
{
	env->flags |= SF_OE | SF_PE;
	env->c1 = overflow_to_inf(env->rc, sign);
	if (env->c1)
		return (struct packed){ .inf = true };
	return (struct packed){ .sig = ~0ULL << (64 - prec), .exp = f->emax };
}

/*
 * Unmasked O or U: x87 results keep their value with the exponent moved by
 * 24576; SSE delivers none, only flags matter. FSCALE can exceed even the
 * moved range and then gets infinity or zero.
 */
static struct packed round_unmasked(struct sf_env *env, const struct rounded *r, s32 exp, u8 flag)
{
	bool lost;

	exp += flag == SF_OE ? -24576 : 24576;
	lost = exp > SF_F80_BIAS || exp < 1 - SF_F80_BIAS;
	env->flags |= flag;
	if (r->inexact || (lost && env->x87))
		env->flags |= SF_PE;
	env->c1 = lost ? flag == SF_OE : r->up;
	if (lost)
		return (struct packed){ .inf = flag == SF_OE };
	return (struct packed){ .sig = r->sig, .exp = exp };
}

static struct packed round_to(struct sf_env *env, const struct sf_fmt *f, unsigned prec,
			      bool sign, s32 exp, u128 v)
{
	struct rounded r = round_at(v, prec, env->rc, sign);
	s32 rexp = exp + r.carry;

	if (unlikely(exp < 1 - f->bias)) {
		bool tiny = rexp < 1 - f->bias;

		if (tiny && sf_faults(env, SF_UE))
			return round_unmasked(env, &r, rexp, SF_UE);
		return round_tiny(env, f, prec, sign, exp, v, tiny);
	}
	if (unlikely(rexp > f->emax)) {
		if (sf_faults(env, SF_OE))
			return round_unmasked(env, &r, rexp, SF_OE);
		return round_huge(env, f, prec, sign);
	}
	if (r.inexact)
		env->flags |= SF_PE;
	env->c1 = r.up;
	return (struct packed){ .sig = r.sig, .exp = rexp };
}

static u64 encode(const struct sf_fmt *f, bool sign, const struct packed *p)
{
	unsigned fbits = f->prec - 1;
	u64 s = (u64)sign << (f->bits - 1);
	u64 emask = 2 * (u64)f->bias + 1;

	if (p->inf)
		return s | emask << fbits;
	if (!(p->sig & SF_INT_BIT))
		return s | p->sig >> (64 - f->prec);
	return s | ((u64)(p->exp + f->bias) & emask) << fbits | (p->sig & ~SF_INT_BIT) >> (64 - f->prec);
}

u64 sf_round_pack(struct sf_env *env, enum sf_format fmt, bool sign, s32 exp, u64 hi, u64 lo)
{
	const struct sf_fmt *f = &sf_fmts[fmt];
	struct packed p = round_to(env, f, f->prec, sign, exp, sf_u128(hi, lo));

	return encode(f, sign, &p);
}

struct f80 sf_round_pack80(struct sf_env *env, bool sign, s32 exp, u64 hi, u64 lo)
{
	struct packed p = round_to(env, &sf_fmts[SF_F80], env->prec, sign, exp, sf_u128(hi, lo));
	u16 s = sign ? 0x8000 : 0;

	if (p.inf)
		return (struct f80){ SF_INT_BIT, s | 0x7fff };
	if (!(p.sig & SF_INT_BIT))
		return (struct f80){ p.sig, s };
	return (struct f80){ p.sig, s | (u16)(p.exp + SF_F80_BIAS) };
}

/* x87: the larger significand wins, then the positive one; QNaN over SNaN. */
static const struct sf_num *pick_x87(const struct sf_num *a, const struct sf_num *b)
{
	if (!sf_is_nan(a))
		return b;
	if (!sf_is_nan(b))
		return a;
	if (a->cls != b->cls)
		return a->cls == SF_C_QNAN ? a : b;
	if (a->sig != b->sig)
		return a->sig > b->sig ? a : b;
	return a->sign ? b : a;
}

bool sf_pick_nan(struct sf_env *env, const struct sf_num *a, const struct sf_num *b, struct sf_num *out)
{
	if (a->cls == SF_C_BAD || b->cls == SF_C_BAD) {
		*out = sf_invalid(env);
		return true;
	}
	if (!sf_is_nan(a) && !sf_is_nan(b))
		return false;
	if (a->cls == SF_C_SNAN || b->cls == SF_C_SNAN)
		env->flags |= SF_IE;
	*out = env->x87 ? *pick_x87(a, b) : sf_is_nan(a) ? *a : *b;
	out->cls = SF_C_QNAN;
	out->sig |= SF_QUIET_BIT;
	return true;
}

struct sf_num sf_invalid(struct sf_env *env)
{
	env->flags |= SF_IE;
	return (struct sf_num){ .cls = SF_C_QNAN, .sign = true, .sig = SF_INT_BIT | SF_QUIET_BIT };
}

u64 sf_pack(struct sf_env *env, enum sf_format fmt, const struct sf_num *n)
{
	const struct sf_fmt *f = &sf_fmts[fmt];
	struct packed p = { .inf = true };

	switch (n->cls) {
	case SF_C_NUM:
		return sf_round_pack(env, fmt, n->sign, n->exp, n->sig, 0);
	case SF_C_ZERO:
		return (u64)n->sign << (f->bits - 1);
	case SF_C_INF:
		return encode(f, n->sign, &p);
	default:
		return encode(f, n->sign, &p) | (n->sig & ~SF_INT_BIT) >> (64 - f->prec);
	}
}

struct f80 sf_pack80(struct sf_env *env, const struct sf_num *n)
{
	u16 s = n->sign ? 0x8000 : 0;

	switch (n->cls) {
	case SF_C_NUM:
		return sf_round_pack80(env, n->sign, n->exp, n->sig, 0);
	case SF_C_ZERO:
		return (struct f80){ 0, s };
	case SF_C_INF:
		return (struct f80){ SF_INT_BIT, s | 0x7fff };
	default:
		return (struct f80){ n->sig, s | 0x7fff };
	}
}
