// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x87 half of softfloat against the processor that runs the test, with
 * every rounding and precision control, and with exceptions masked and
 * unmasked: FNSTSW and FNCLEX do not wait, so a pending exception of the
 * test's own never traps.
 */
#include "test.h"
#include "operands.h"

#define ROUNDS 60000

TEST(f80_arithmetic_by_hand)
{
	struct sf_env env = sf_env_x87(0x37f);
	struct f80 one = f80_from_int(1), three = f80_from_int(3), r = f80_div(&env, one, three);

	CHECK_EQ(r.sig, 0xaaaaaaaaaaaaaaabULL);
	CHECK_EQ(r.se, 0x3ffd);
	CHECK_EQ(env.flags, SF_PE);
	CHECK_EQ(env.c1, true);
}

#ifdef __x86_64__

static u16 some_cw(u64 k)
{
	static const u16 pc[4] = { 0x000, 0x200, 0x300, 0x300 };
	u16 cw = 0x40 | pc[k & 3] | (u16)(k >> 2 & 3) << 10;

	return cw | (k & 0x10 ? 0x3f : (u16)(k >> 8 & 0x3f));
}

static bool differs(struct sf_env *env, struct f80 got, struct f80 want, u16 sw)
{
	u32 faults = sw & ~env->cw & 63;

	if (faults & SF_PRE)	/* no result; softfloat may have found more than the x87 reports */
		return (env->flags & SF_PRE) != (sw & 63);
	return got.sig != want.sig || got.se != want.se || env->flags != (sw & 63) || env->c1 != (sw >> 9 & 1);
}

static void report(const char *what, const struct sf_env *env, struct f80 a, struct f80 b, struct f80 got,
		   struct f80 want, u16 sw)
{
	test_fail(__FILE__, __LINE__,
		  "%s cw %x a %04x %016llx b %04x %016llx: got %04x %016llx flags %x c1 %d, processor %04x %016llx sw %x",
		  what, env->cw, a.se, a.sig, b.se, b.sig, got.se, got.sig, env->flags, env->c1, want.se, want.sig, sw);
}

/* r = insn on st0 = a, st1 = b; both stay on the stack. */
#define X87(insn, a, b, r, sw, cw) \
	asm volatile("fninit\n\tfldcw %4\n\tfldt %3\n\tfldt %2\n\t" insn "\n\tfnstsw %1\n\tfnclex\n\tfstpt %0\n\tfninit" \
		     : "=m"(r), "=a"(sw) : "m"(a), "m"(b), "m"(cw))

#define CHECK_F80(name, call, insn) \
TEST(f80_##name##_like_the_processor) \
{ \
	struct rng rng = { 2463534242 }; \
	for (unsigned i = 0; i < ROUNDS; i++) { \
		u16 cw = some_cw(rng_next(&rng) >> 20), sw; \
		struct f80 a = operand80(&rng), b = operand80(&rng), want = { 0 }, got; \
		struct sf_env env = sf_env_x87(cw); \
		got = call; \
		X87(insn, a, b, want, sw, cw); \
		if (differs(&env, got, want, sw)) \
			report(insn, &env, a, b, got, want, sw); \
	} \
}

CHECK_F80(add, f80_add(&env, a, b), "fadd %%st(1), %%st")
CHECK_F80(sub, f80_sub(&env, a, b), "fsub %%st(1), %%st")
CHECK_F80(mul, f80_mul(&env, a, b), "fmul %%st(1), %%st")
CHECK_F80(div, f80_div(&env, a, b), "fdiv %%st(1), %%st")
CHECK_F80(sqrt, f80_sqrt(&env, a), "fsqrt")
CHECK_F80(rint, f80_rint(&env, a), "frndint")
CHECK_F80(scale, f80_scale(&env, a, b), "fscale")

static void check_rem(bool nearest)
{
	struct rng rng = { 1234567 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		u16 cw = some_cw(rng_next(&rng) >> 20), sw;
		struct f80 a = operand80(&rng), b = operand80(&rng), want = { 0 }, got;
		struct sf_env env = sf_env_x87(cw);
		int quot, wquot;

		if (i & 1)	/* exponents near each other find quotients */
			b.se = (u16)((a.se & 0x7fff) - (rng_next(&rng) >> 40) % 70) & 0x7fff;
		got = f80_rem(&env, a, b, nearest, &quot);
		if (nearest)
			X87("fprem1", a, b, want, sw, cw);
		else
			X87("fprem", a, b, want, sw, cw);
		wquot = sw & 0x400 ? -1 : (sw >> 9 & 1) | (sw >> 14 & 1) << 1 | (sw >> 8 & 1) << 2;
		env.c1 = sw >> 9 & 1;
		if (differs(&env, got, want, sw) || (!(sw & ~cw & 7) && quot != wquot))
			report(nearest ? "fprem1" : "fprem", &env, a, b, got, want, sw);
	}
}

TEST(f80_prem_like_the_processor)
{
	check_rem(false);
}

TEST(f80_prem1_like_the_processor)
{
	check_rem(true);
}

TEST(f80_extract_like_the_processor)
{
	struct rng rng = { 31415 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		u16 cw = some_cw(rng_next(&rng) >> 20), sw;
		struct f80 a = operand80(&rng), sig = { 0 }, exp = { 0 }, got, gexp;
		struct sf_env env = sf_env_x87(cw);

		got = f80_extract(&env, a, &gexp);
		asm volatile("fninit\n\tfldcw %4\n\tfldt %3\n\tfxtract\n\tfnstsw %2\n\tfnclex\n\tfstpt %0\n\tfstpt %1\n\tfninit"
			     : "=m"(sig), "=m"(exp), "=a"(sw) : "m"(a), "m"(cw));
		if (differs(&env, got, sig, sw) || (!(sw & ~cw & 7) && differs(&env, gexp, exp, sw)))
			report("fxtract", &env, a, gexp, got, exp, sw);
	}
}

TEST(f80_compare_like_the_processor)
{
	struct rng rng = { 2718 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		static const u16 cc[] = { 0x100, 0x4000, 0, 0x4500 };
		struct f80 a = operand80(&rng), b = i & 4 ? a : operand80(&rng), junk;
		struct sf_env env = sf_env_x87(0x37f);
		u16 sw, got, cw = 0x37f;

		if (i & 8)
			b.se ^= 0x8000;
		got = cc[f80_compare(&env, a, b, i & 1)];
		if (i & 1)
			X87("fcom %%st(1)", a, b, junk, sw, cw);
		else
			X87("fucom %%st(1)", a, b, junk, sw, cw);
		if (got != (sw & 0x4500) || env.flags != (sw & 63))
			report("fcom", &env, a, b, (struct f80){ got, 0 }, (struct f80){ sw & 0x4500, 0 }, sw);
	}
}

#define STORE(insn, mem) \
	asm volatile("fninit\n\tfldcw %3\n\tfldt %2\n\t" insn " %0\n\tfnstsw %1\n\tfninit" \
		     : "+m"(mem), "=a"(sw) : "m"(a), "m"(cw))

TEST(f80_stores_like_the_processor)
{
	struct rng rng = { 1618 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		u16 cw = some_cw(rng_next(&rng) >> 20), sw;
		struct f80 a = operand80(&rng), got = { 0 }, want = { 0 };
		struct sf_env env = sf_env_x87(cw);

		switch (i % 5) {
		case 0: got.sig = sf_from_f80(&env, SF_F32, a); STORE("fstps", want.sig); break;
		case 1: got.sig = sf_from_f80(&env, SF_F64, a); STORE("fstpl", want.sig); break;
		case 2: got.sig = (u16)f80_to_int(&env, a, 16, env.rc); STORE("fistps", want.sig); break;
		case 3: got.sig = (u32)f80_to_int(&env, a, 32, env.rc); STORE("fistpl", want.sig); break;
		default: got.sig = (u64)f80_to_int(&env, a, 64, env.rc); STORE("fistpll", want.sig); break;
		}
		if (sw & ~cw & (SF_OE | SF_UE)) {	/* nothing is stored, P is not reported */
			got.sig = want.sig;
			env.flags &= ~SF_PE;
			env.c1 = false;
		}
		if (differs(&env, got, want, sw))
			report(i % 5 < 2 ? "fst" : "fist", &env, a, a, got, want, sw);
	}
}

TEST(f80_bcd_like_the_processor)
{
	struct rng rng = { 1202 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		u16 cw = some_cw(rng_next(&rng) >> 20), sw;
		struct f80 a = operand80(&rng), got = { 0 }, want = { 0 }, zero = { 0 };
		struct sf_env env = sf_env_x87(cw);
		u8 bcd[10];

		f80_to_bcd(&env, a, bcd);
		memcpy(&got, bcd, 10);
		STORE("fbstp", want);
		if (differs(&env, got, want, sw))
			report("fbstp", &env, a, zero, got, want, sw);
		for (unsigned k = 0; k < 10; k++)
			bcd[k] = (u8)(rng_next(&rng) >> 30) % 10 | (u8)((rng_next(&rng) >> 30) % 10) << 4;
		got = f80_from_bcd(bcd);
		asm volatile("fninit\n\tfbld %1\n\tfstpt %0\n\tfninit" : "=m"(want) : "m"(bcd));
		if (got.sig != want.sig || got.se != want.se)
			report("fbld", &env, a, zero, got, want, 0);
	}
}

TEST(f80_loads_like_the_processor)
{
	struct rng rng = { 555 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		enum sf_format fmt = i & 1 ? SF_F64 : SF_F32;
		u64 v = operand(&rng, fmt);
		u16 sw, cw = 0x37f;
		struct sf_env env = sf_env_x87(cw);
		struct f80 got = sf_to_f80(&env, fmt, v), want;

#define LOAD(insn) \
	asm volatile("fninit\n\t" insn " %2\n\tfnstsw %1\n\tfstpt %0\n\tfninit" : "=m"(want), "=a"(sw) : "m"(v))
		if (fmt == SF_F64)
			LOAD("fldl");
		else
			LOAD("flds");
		if (differs(&env, got, want, sw))
			report("fld", &env, got, want, got, want, sw);
		got = f80_from_int((s64)v);
		LOAD("fildll");
		if (got.sig != want.sig || got.se != want.se)
			report("fild", &env, got, want, got, want, sw);
	}
}

#endif
