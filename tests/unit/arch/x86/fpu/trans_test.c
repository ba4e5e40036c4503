// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The portable transcendental functions against the processor's x87, both
 * within one unit in the last place of the truth, so at most one apart (two
 * where both err); special operands bit for bit.
 */
#include "test.h"
#include "operands.h"

#ifdef __x86_64__

#define ROUNDS 20000

static bool is_finite(struct f80 v)
{
	return (v.se & 0x7fff) != 0x7fff;
}

/* Distance in units of the last place, for values of one sign. */
static u64 ulps(struct f80 a, struct f80 b)
{
	s64 e = (s64)(a.se & 0x7fff) - (b.se & 0x7fff);
	u64 d;

	if (a.sig == b.sig && a.se == b.se)
		return 0;
	if ((a.se ^ b.se) & 0x8000)
		return ~0ULL;
	if (e > 1 || e < -1)
		return ~0ULL;
	d = a.sig - b.sig;
	if (e == 1)
		d = a.sig * 2 - b.sig;	/* one is just over a power of two */
	else if (e == -1)
		d = b.sig * 2 - a.sig;
	return d > 1ULL << 63 ? -d : d;
}

static u64 worst(const char *what, struct f80 a, struct f80 b, struct f80 got, struct f80 want, u64 max, u64 allowed)
{
	u64 d = ulps(got, want);

	if (d > allowed)
		test_fail(__FILE__, __LINE__, "%s a %04x %016llx b %04x %016llx: got %04x %016llx, processor %04x %016llx",
			  what, a.se, a.sig, b.se, b.sig, got.se, got.sig, want.se, want.sig);
	return d > max ? d : max;
}

#define X87_1(insn, a, r) \
	asm volatile("fninit\n\tfldt %1\n\t" insn "\n\tfstpt %0\n\tfninit" : "=m"(r) : "m"(a))
#define X87_2(insn, st0, st1, r) \
	asm volatile("fninit\n\tfldt %2\n\tfldt %1\n\t" insn "\n\tfstpt %0\n\tfninit" : "=m"(r) : "m"(st0), "m"(st1))

static struct f80 some(struct rng *r, unsigned lo, unsigned hi)
{
	u64 k = rng_next(r);

	return (struct f80){ rng_next(r) | 1ULL << 63, (u16)(lo + (k >> 20) % (hi - lo + 1)) | (u16)(k & 0x8000) };
}

TEST(f2xm1_like_the_processor)
{
	struct rng r = { 11 };
	u64 max = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sf_env env = sf_env_x87(0x37f);
		struct f80 a = some(&r, i & 1 ? 0x3ff0 : 1, 0x3ffe), got = f80_f2xm1(&env, a), want;

		X87_1("f2xm1", a, want);
		max = worst("f2xm1", a, a, got, want, max, 1);
	}
	test_note("at most %llu ulp apart", max);
}

TEST(sin_cos_tan_like_the_processor)
{
	struct rng r = { 12 };
	u64 max = 0;
	bool partial;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sf_env env = sf_env_x87(0x37f);
		struct f80 a = some(&r, i & 1 ? 0x3ff0 : 1, i & 2 ? 0x403d : 0x4004), want, got = f80_sin(&env, a, &partial);

		X87_1("fsin", a, want);
		max = worst("fsin", a, a, got, want, max, 1);
		got = f80_cos(&env, a, &partial);
		X87_1("fcos", a, want);
		max = worst("fcos", a, a, got, want, max, 1);
		got = f80_tan(&env, a, &partial);
		X87_1("fptan\n\tfstp %%st(0)", a, want);
		max = worst("fptan", a, a, got, want, max, 1);
	}
	test_note("at most %llu ulp apart", max);
}

TEST(logarithms_like_the_processor)
{
	struct rng r = { 13 };
	u64 max = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sf_env env = sf_env_x87(0x37f);
		struct f80 x = some(&r, i & 1 ? 0x3ffb : 1, i & 1 ? 0x4003 : 0x7ffe), y = some(&r, 0x3fe0, 0x4010), want, got;

		x.se &= 0x7fff;
		got = f80_yl2x(&env, x, y);
		X87_2("fyl2x", x, y, want);
		max = worst("fyl2x", x, y, got, want, max, 1);
		x = some(&r, i & 1 ? 0x3fe0 : 1, 0x3ffc);
		got = f80_yl2xp1(&env, x, y);
		X87_2("fyl2xp1", x, y, want);
		max = worst("fyl2xp1", x, y, got, want, max, 1);
	}
	test_note("at most %llu ulp apart", max);
}

TEST(arc_tangent_like_the_processor)
{
	struct rng r = { 14 };
	u64 max = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sf_env env = sf_env_x87(0x37f);
		struct f80 x = some(&r, i & 1 ? 0x3ff0 : 1, i & 1 ? 0x4010 : 0x7ffe);
		struct f80 y = some(&r, i & 1 ? 0x3ff0 : 1, i & 1 ? 0x4010 : 0x7ffe), want, got;

		got = f80_patan(&env, x, y);
		X87_2("fpatan", x, y, want);
		if (!(want.sig >> 63))	/* a denormal result */
			continue;
		max = worst("fpatan", x, y, got, want, max, 1);
	}
	test_note("at most %llu ulp apart", max);
}

/* NaNs, infinities, zeroes: results and IE, ZE, DE as the x87 has them. */
TEST(special_operands_like_the_processor)
{
	for (unsigned i = 0; i < ARRAY_SIZE(corners80); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(corners80); j++) {
			struct f80 x = corners80[i], y = corners80[j], got, want;
			struct sf_env env = sf_env_x87(0x37f);

			if (is_finite(x) && is_finite(y) && x.sig && y.sig)
				continue;
			got = f80_patan(&env, x, y);
			X87_2("fpatan", x, y, want);
			worst("fpatan", x, y, got, want, 0, 1);
			got = f80_yl2x(&env, x, y);
			X87_2("fyl2x", x, y, want);
			worst("fyl2x", x, y, got, want, 0, 1);
		}
	}
}

#endif

TEST(sine_by_hand)
{
	struct sf_env env = sf_env_x87(0x37f);
	bool partial;
	struct f80 r = f80_sin(&env, f80_from_int(1), &partial);

	CHECK_EQ(partial, false);
	CHECK_EQ(r.se, 0x3ffe);
	CHECK_EQ(r.sig, 0xd76aa47848677021ULL);	/* 0.841470984807896506... */
	f80_sin(&env, (struct f80){ 1ULL << 63, 0x403e }, &partial);
	CHECK_EQ(partial, true);
}
