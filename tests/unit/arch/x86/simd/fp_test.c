// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The handlers of SSE and FMA arithmetic against softfloat, element by
 * element, with every rounding mode, DAZ and FTZ: on x86 hosts this compares
 * the host's instructions, which the handlers use, with the portable path.
 * Register forms only, all exceptions masked, so that no more of a vCPU is needed.
 */
#include "../fpu/operands.h"
#include "test.h"
#include "x86/exec.h"

#define ROUNDS 20000

static struct x86_cpu cpu;

static x86_exec_fn find(const struct x86_insn *in)
{
	const struct x86_exec_set *set;

	REGISTRY_FOREACH(x86_exec, set)
		for (unsigned i = 0; i < set->count; i++)
			if (set->entries[i].op == in->op)
				return in->flags & X86_INSN_VEX && set->entries[i].vex ? set->entries[i].vex
										       : set->entries[i].fn;
	return NULL;
}

typedef u64 (*elem_fn)(struct sf_env *env, enum sf_format fmt, u64 a, u64 b, u64 c);

static u64 elem(const union x86_vec *v, enum sf_format fmt, unsigned i)
{
	return fmt == SF_F32 ? v->d[i] : v->q[i];
}

static void fill(struct rng *r, union x86_vec *v, enum sf_format fmt)
{
	for (unsigned i = 0; i < (fmt == SF_F32 ? 4 : 2); i++) {
		if (fmt == SF_F32)
			v->d[i] = (u32)operand(r, fmt);
		else
			v->q[i] = operand(r, fmt);
	}
}

/* xmm0 = op(xmm0, xmm1, xmm2) in bytes; count elements are computed, the others stay. */
static void check(const u8 *bytes, unsigned len, enum sf_format fmt, unsigned count, elem_fn fn)
{
	struct rng r = { 20061218 };
	struct x86_insn in;
	x86_exec_fn exec;

	CHECK_EQ(x86_decode(&in, bytes, len, X86_MODE_64), 0);
	exec = find(&in);
	CHECK(exec);
	for (unsigned n = 0; n < ROUNDS; n++) {
		u64 k = rng_next(&r) >> 20;
		u32 mx = 0x1f80 | (u32)(k & 3) << 13 | (k & 4 ? 0x8000u : 0) | (k & 8 ? 0x40u : 0), flags = 0;
		union x86_vec a, b, c;

		fill(&r, &a, fmt);
		fill(&r, &b, fmt);
		fill(&r, &c, fmt);
		cpu.vec[0] = a;
		cpu.vec[1] = b;
		cpu.vec[2] = c;
		cpu.mxcsr = mx;
		exec(&cpu, &in);
		for (unsigned i = 0; i < (fmt == SF_F32 ? 4 : 2); i++) {
			struct sf_env env = sf_env_mxcsr(mx);
			u64 want = elem(&a, fmt, i);

			if (i < count)
				want = fn(&env, fmt, want, elem(&b, fmt, i), elem(&c, fmt, i));
			flags |= env.flags;
			if (elem(&cpu.vec[0], fmt, i) != want)
				test_fail(__FILE__, __LINE__, "%s mxcsr %x %llx %llx %llx: handler %llx, softfloat %llx",
					  x86_op_info(in.op)->name, mx, elem(&a, fmt, i), elem(&b, fmt, i),
					  elem(&c, fmt, i), elem(&cpu.vec[0], fmt, i), want);
		}
		CHECK_EQ(cpu.mxcsr, mx | flags);
	}
}

#define ELEM(name, expr) \
static u64 name(struct sf_env *env, enum sf_format fmt, u64 a, u64 b, u64 c) \
{ \
	(void)a, (void)b, (void)c; \
	return expr; \
}

ELEM(e_add, sf_add(env, fmt, a, b))
ELEM(e_sub, sf_sub(env, fmt, a, b))
ELEM(e_mul, sf_mul(env, fmt, a, b))
ELEM(e_div, sf_div(env, fmt, a, b))
ELEM(e_min, sf_min(env, fmt, a, b))
ELEM(e_max, sf_max(env, fmt, a, b))
ELEM(e_sqrt, sf_sqrt(env, fmt, b))
ELEM(e_lt, sf_compare(env, fmt, a, b, true) == SF_LESS ? fmt == SF_F32 ? 0xffffffff : ~0ULL : 0)
ELEM(e_neq, sf_compare(env, fmt, a, b, false) != SF_EQUAL ? fmt == SF_F32 ? 0xffffffff : ~0ULL : 0)
ELEM(e_fmadd, sf_fma(env, fmt, b, a, c, false, false))
ELEM(e_fnmsub, sf_fma(env, fmt, b, a, c, true, true))

/* The four forms: none, 66, F3, F2 before 0F op C1 (and an immediate). */
static void check_family(u8 op, int imm, elem_fn fn)
{
	u8 i = (u8)imm;

	check((u8[]){ 0x0f, op, 0xc1, i }, 4, SF_F32, 4, fn);
	check((u8[]){ 0x66, 0x0f, op, 0xc1, i }, 5, SF_F64, 2, fn);
	check((u8[]){ 0xf3, 0x0f, op, 0xc1, i }, 5, SF_F32, 1, fn);
	check((u8[]){ 0xf2, 0x0f, op, 0xc1, i }, 5, SF_F64, 1, fn);
}

TEST(arithmetic_equals_softfloat)
{
	check_family(0x58, 0, e_add);
	check_family(0x5c, 0, e_sub);
	check_family(0x59, 0, e_mul);
	check_family(0x5e, 0, e_div);
	check_family(0x51, 0, e_sqrt);
}

TEST(selections_equal_softfloat)
{
	check_family(0x5d, 0, e_min);
	check_family(0x5f, 0, e_max);
	check_family(0xc2, 1, e_lt);
	check_family(0xc2, 4, e_neq);
}

/* Order 213: xmm0 = xmm1 * xmm0 + xmm2. */
TEST(fused_multiply_add_equals_softfloat)
{
	check((u8[]){ 0xc4, 0xe2, 0x71, 0xa8, 0xc2 }, 5, SF_F32, 4, e_fmadd);
	check((u8[]){ 0xc4, 0xe2, 0xf1, 0xa8, 0xc2 }, 5, SF_F64, 2, e_fmadd);
	check((u8[]){ 0xc4, 0xe2, 0x71, 0xa9, 0xc2 }, 5, SF_F32, 1, e_fmadd);
	check((u8[]){ 0xc4, 0xe2, 0xf1, 0xaf, 0xc2 }, 5, SF_F64, 1, e_fnmsub);
}

/* A VEX form clears what is above its length, a legacy one keeps it. */
TEST(upper_halves)
{
	static const u8 legacy[] = { 0x66, 0x0f, 0xfc, 0xc1 }, vex[] = { 0xc5, 0xf9, 0xfc, 0xc1 };
	struct x86_insn in;

	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(x86_decode(&in, i ? vex : legacy, 4, X86_MODE_64), 0);
		memset(&cpu.vec[0], 0x55, 32);
		memset(&cpu.vec[1], 0x11, 32);
		find(&in)(&cpu, &in);
		CHECK_EQ(cpu.vec[0].q[0], 0x6666666666666666ULL);
		CHECK_EQ(cpu.vec[0].q[1], 0x6666666666666666ULL);
		CHECK_EQ(cpu.vec[0].q[2], i ? 0 : 0x5555555555555555ULL);
		CHECK_EQ(cpu.vec[0].q[3], i ? 0 : 0x5555555555555555ULL);
	}
}
