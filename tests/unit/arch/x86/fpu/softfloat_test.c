// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Softfloat against the processor that runs the test: the same instruction
 * with the same MXCSR or control word on the same operands, results and flags
 * bit for bit. On other hosts there is nothing to compare with.
 */
#include "test.h"
#include "operands.h"

#define ROUNDS 60000

#ifdef __x86_64__

/* MXCSR with all exceptions masked and control bits from k. */
static u32 some_mxcsr(u64 k)
{
	return 0x1f80 | (u32)(k & 3) << 13 | (k & 4 ? 0x8000u : 0) | (k & 8 ? 0x40u : 0);
}

static const u32 mxcsr_default = 0x1f80;

#define SSE2OP(insn, suffix, a, b, mx, out) \
	asm volatile("ldmxcsr %3\n\t" insn suffix " %2, %0\n\tstmxcsr %1\n\tldmxcsr %4" \
		     : "+x"(a), "=m"(out) : "x"(b), "m"(mx), "m"(mxcsr_default))

static void report(const char *what, u32 mx, u64 a, u64 b, u64 got, u64 want, u32 gotf, u32 wantf)
{
	test_fail(__FILE__, __LINE__, "%s mxcsr %x a %llx b %llx: got %llx flags %x, processor %llx flags %x",
		  what, mx, a, b, got, gotf, want, wantf);
}

union fp { double d; float f; u64 q; u32 w; };

#define CHECK_BINARY(name, insn) \
TEST(name##_like_the_processor) \
{ \
	struct rng r = { 88172645463325252 }; \
	for (unsigned i = 0; i < ROUNDS; i++) { \
		enum sf_format fmt = i & 1 ? SF_F64 : SF_F32; \
		u32 mx = some_mxcsr(rng_next(&r) >> 20), out; \
		u64 a = operand(&r, fmt), b = operand(&r, fmt), got; \
		struct sf_env env = sf_env_mxcsr(mx); \
		union fp x = { .q = a }, y = { .q = b }; \
		got = sf_##name(&env, fmt, a, b); \
		if (fmt == SF_F64) { \
			SSE2OP(insn, "sd", x.d, y.d, mx, out); \
		} else { \
			SSE2OP(insn, "ss", x.f, y.f, mx, out); \
			x.q = x.w; \
		} \
		if (got != x.q || env.flags != (out & 63)) \
			report(insn, mx, a, b, got, x.q, env.flags, out & 63); \
	} \
}

CHECK_BINARY(add, "add")
CHECK_BINARY(sub, "sub")
CHECK_BINARY(mul, "mul")
CHECK_BINARY(div, "div")
CHECK_BINARY(min, "min")
CHECK_BINARY(max, "max")

TEST(sqrt_like_the_processor)
{
	struct rng r = { 12345 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		enum sf_format fmt = i & 1 ? SF_F64 : SF_F32;
		u32 mx = some_mxcsr(rng_next(&r) >> 20), out;
		u64 a = operand(&r, fmt), got;
		struct sf_env env = sf_env_mxcsr(mx);
		union fp x = { .q = 0 }, y = { .q = a };

		got = sf_sqrt(&env, fmt, a);
		if (fmt == SF_F64) {
			SSE2OP("sqrt", "sd", x.d, y.d, mx, out);
		} else {
			SSE2OP("sqrt", "ss", x.f, y.f, mx, out);
			x.q = x.w;
		}
		if (got != x.q || env.flags != (out & 63))
			report("sqrt", mx, a, 0, got, x.q, env.flags, out & 63);
	}
}

TEST(compare_like_the_processor)
{
	struct rng r = { 777 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		static const u8 rel[] = { 1, 0x40, 0, 0x45 };
		enum sf_format fmt = i & 1 ? SF_F64 : SF_F32;
		u32 mx = some_mxcsr(rng_next(&r) >> 20), out;
		u64 a = operand(&r, fmt), b = operand(&r, fmt), fl;
		struct sf_env env = sf_env_mxcsr(mx);
		union fp x = { .q = a }, y = { .q = b };
		bool sig = i & 2;
		u8 got = rel[sf_compare(&env, fmt, a, b, sig)];

#define COMPARE(insn, f) \
	asm volatile("ldmxcsr %4\n\t" insn " %3, %2\n\tpushfq\n\tpopq %0\n\tstmxcsr %1\n\tldmxcsr %5" \
		     : "=r"(fl), "=m"(out) : "x"(x.f), "x"(y.f), "m"(mx), "m"(mxcsr_default) : "cc", "memory")
		if (fmt == SF_F64 && sig)
			COMPARE("comisd", d);
		else if (fmt == SF_F64)
			COMPARE("ucomisd", d);
		else if (sig)
			COMPARE("comiss", f);
		else
			COMPARE("ucomiss", f);
		if (got != (fl & 0x45) || env.flags != (out & 63))
			report("comis", mx, a, b, got, fl & 0x45, env.flags, out & 63);
	}
}

TEST(convert_like_the_processor)
{
	struct rng r = { 4242 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		enum sf_format fmt = i & 1 ? SF_F64 : SF_F32;
		u32 mx = some_mxcsr(rng_next(&r) >> 20), out;
		u64 a = operand(&r, fmt), got, want;
		struct sf_env env = sf_env_mxcsr(mx), ienv = env, jenv = env;
		union fp x = { .q = 0 }, y = { .q = a };
		u64 i64, j64;
		u32 i32;

		got = sf_convert(&env, fmt == SF_F64 ? SF_F32 : SF_F64, fmt, a);
		if (fmt == SF_F64) {
			asm volatile("ldmxcsr %3\n\tcvtsd2ss %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"
				     : "+x"(x.f), "=m"(out) : "x"(y.d), "m"(mx), "m"(mxcsr_default));
			want = x.w;
		} else {
			asm volatile("ldmxcsr %3\n\tcvtss2sd %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"
				     : "+x"(x.d), "=m"(out) : "x"(y.f), "m"(mx), "m"(mxcsr_default));
			want = x.q;
		}
		if (got != want || env.flags != (out & 63))
			report("cvt", mx, a, 0, got, want, env.flags, out & 63);

		got = (u64)sf_to_int(&ienv, fmt, a, 64, ienv.rc);
		j64 = (u32)sf_to_int(&jenv, fmt, a, 32, SF_ZERO);
#define TOINT(insn, f, dst, env) \
	asm volatile("ldmxcsr %3\n\t" insn " %2, %0\n\tstmxcsr %1\n\tldmxcsr %4" \
		     : "=r"(dst), "=m"(out) : "x"(y.f), "m"(mx), "m"(mxcsr_default))
		if (fmt == SF_F64)
			TOINT("cvtsd2siq", d, i64, ienv);
		else
			TOINT("cvtss2siq", f, i64, ienv);
		if (got != i64 || ienv.flags != (out & 63))
			report("cvt2si", mx, a, 0, got, i64, ienv.flags, out & 63);
		if (fmt == SF_F64)
			TOINT("cvttsd2sil", d, i32, jenv);
		else
			TOINT("cvttss2sil", f, i32, jenv);
		if (j64 != i32 || jenv.flags != (out & 63))
			report("cvtt2si", mx, a, 0, j64, i32, jenv.flags, out & 63);
	}
}

#define FROMINT(insn, f, src) \
	asm volatile("ldmxcsr %3\n\t" insn " %2, %0\n\tstmxcsr %1\n\tldmxcsr %4" \
		     : "+x"(x.f), "=m"(out) : "r"(src), "m"(mx), "m"(mxcsr_default))

TEST(from_int_like_the_processor)
{
	struct rng r = { 99 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		enum sf_format fmt = i & 1 ? SF_F64 : SF_F32;
		u32 mx = some_mxcsr(rng_next(&r) >> 20), out;
		s64 v = (s64)rng_next(&r) >> (rng_next(&r) % 64);
		struct sf_env env = sf_env_mxcsr(mx);
		u64 got = sf_from_int(&env, fmt, v);
		union fp x = { .q = 0 };

		if (fmt == SF_F64)
			FROMINT("cvtsi2sdq", d, v);
		else
			FROMINT("cvtsi2ssq", f, v);
		if (got != x.q || env.flags != (out & 63))
			report("cvtsi2s", mx, (u64)v, 0, got, x.q, env.flags, out & 63);
	}
}

/* ROUNDSx and FMA need newer processors than the baseline. */
#define ROUND_CASE(imm) \
	case imm: \
		if (fmt == SF_F64) \
			SSE2OP("round", "sd $" #imm ",", x.d, y.d, mx, out); \
		else \
			SSE2OP("round", "ss $" #imm ",", x.f, y.f, mx, out); \
		break;

TEST(round_like_the_processor)
{
	struct rng r = { 5151 };

	if (!__builtin_cpu_supports("sse4.1"))
		test_skip("the processor has no SSE4.1");
	for (unsigned i = 0; i < ROUNDS; i++) {
		enum sf_format fmt = i & 1 ? SF_F64 : SF_F32;
		u32 mx = some_mxcsr(rng_next(&r) >> 20), out;
		unsigned imm = rng_next(&r) >> 30 & 15;
		u64 a = operand(&r, fmt), got;
		struct sf_env env = sf_env_mxcsr(mx);
		union fp x = { .q = 0 }, y = { .q = a };

		got = sf_rint(&env, fmt, a, imm & 4 ? env.rc : imm & 3, imm & 8);
		switch (imm) {
		ROUND_CASE(0) ROUND_CASE(1) ROUND_CASE(2) ROUND_CASE(3)
		ROUND_CASE(4) ROUND_CASE(5) ROUND_CASE(6) ROUND_CASE(7)
		ROUND_CASE(8) ROUND_CASE(9) ROUND_CASE(10) ROUND_CASE(11)
		ROUND_CASE(12) ROUND_CASE(13) ROUND_CASE(14) ROUND_CASE(15)
		}
		if (fmt == SF_F32)
			x.q = x.w;
		if (got != x.q || env.flags != (out & 63))
			report("round", mx, a, imm, got, x.q, env.flags, out & 63);
	}
}

/* x = (+-)(x * y) (+-) z */
#define FMA3(insn, f) \
	asm volatile("ldmxcsr %4\n\t" insn " %3, %2, %0\n\tstmxcsr %1\n\tldmxcsr %5" \
		     : "+x"(x.f), "=m"(out) : "x"(y.f), "x"(z.f), "m"(mx), "m"(mxcsr_default))

TEST(fma_like_the_processor)
{
	struct rng r = { 31337 };

	if (!__builtin_cpu_supports("fma"))
		test_skip("the processor has no FMA");
	for (unsigned i = 0; i < 4 * ROUNDS; i++) {
		enum sf_format fmt = i & 1 ? SF_F64 : SF_F32;
		u32 mx = some_mxcsr(rng_next(&r) >> 20), out;
		u64 a = operand(&r, fmt), b = operand(&r, fmt), c = operand(&r, fmt), got;
		struct sf_env env = sf_env_mxcsr(mx);
		union fp x = { .q = a }, y = { .q = b }, z = { .q = c };

		got = sf_fma(&env, fmt, b, a, c, i & 2, i & 4);
		switch (i & 7) {
		case 0: FMA3("vfmadd213ss", f); break;
		case 1: FMA3("vfmadd213sd", d); break;
		case 2: FMA3("vfnmadd213ss", f); break;
		case 3: FMA3("vfnmadd213sd", d); break;
		case 4: FMA3("vfmsub213ss", f); break;
		case 5: FMA3("vfmsub213sd", d); break;
		case 6: FMA3("vfnmsub213ss", f); break;
		default: FMA3("vfnmsub213sd", d); break;
		}
		if (fmt == SF_F32)
			x.q = x.w;
		if (got != x.q || env.flags != (out & 63))
			test_fail(__FILE__, __LINE__, "fma %u mxcsr %x %llx * %llx + %llx: got %llx %x, processor %llx %x",
				  i & 7, mx, b, a, c, got, env.flags, x.q, out & 63);
	}
}

TEST(half_like_the_processor)
{
	struct rng r = { 1616 };

	if (!__builtin_cpu_supports("avx2"))
		test_skip("the processor has no F16C");
	for (unsigned i = 0; i < ROUNDS; i++) {
		u32 mx = some_mxcsr(rng_next(&r) >> 20), out;
		u64 a = operand(&r, SF_F32), h = rng_next(&r) & 0xffff, got;
		struct sf_env env = sf_env_mxcsr(mx), henv = env;
		union fp x = { .q = 0 }, y = { .q = a };

		got = sf_convert(&env, SF_F16, SF_F32, a);
		asm volatile("ldmxcsr %3\n\tvcvtps2ph $4, %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"
			     : "=x"(x.d), "=m"(out) : "x"(y.d), "m"(mx), "m"(mxcsr_default));
		if (got != (x.q & 0xffff) || env.flags != (out & 63))
			report("vcvtps2ph", mx, a, 0, got, x.q & 0xffff, env.flags, out & 63);
		got = sf_convert(&henv, SF_F32, SF_F16, h);
		y.q = h;
		asm volatile("ldmxcsr %3\n\tvcvtph2ps %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"
			     : "=x"(x.d), "=m"(out) : "x"(y.d), "m"(mx), "m"(mxcsr_default));
		if (got != x.w || henv.flags != (out & 63))
			report("vcvtph2ps", mx, h, 0, got, x.w, henv.flags, out & 63);
	}
}

#endif

TEST(arithmetic_by_hand)
{
	struct sf_env env = sf_env_mxcsr(0x1f80);

	CHECK_EQ(sf_add(&env, SF_F32, 0x3f800000, 0x40000000), 0x40400000ULL);
	CHECK_EQ(env.flags, 0);
	CHECK_EQ(sf_div(&env, SF_F64, 0x3ff0000000000000, 0x4008000000000000), 0x3fd5555555555555ULL);
	CHECK_EQ(env.flags, SF_PE);
	env.flags = 0;
	CHECK_EQ(sf_div(&env, SF_F64, 0x3ff0000000000000, 0), 0x7ff0000000000000ULL);
	CHECK_EQ(env.flags, SF_ZE);
}
