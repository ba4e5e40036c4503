/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 computation on the host's own x87, where it has one: exact by
 * construction, and the transcendental instructions then give what this
 * processor gives. Elsewhere x87_op_*() are the portable functions.
 *
 * With the usual control word (all masked, nearest, 64 bits) the host runs as
 * it is; its sticky flags are cleared only when they hold something that the
 * guest's status word does not. Any other control word is loaded, unmasked exceptions
 * and all: they stay pending until a waiting instruction, and FNCLEX and
 * FNINIT come first.
 */
#ifndef X86_X87_HOST_H
#define X86_X87_HOST_H

#include "x86/softfloat.h"

#define X87_CW_CONTROL	0x0f3f
#define X87_CW_DEFAULT	0x037f

#ifdef __x86_64__

/* Whether env->flags will hold what one operation raised and no sticky flags. */
static inline bool x87_op_flags_exact(const struct sf_env *env)
{
	return (env->cw & X87_CW_CONTROL) != (X87_CW_DEFAULT & X87_CW_CONTROL);
}

/* Clears the host's flags that env->sticky lacks; true when the default control word will do. */
static inline bool x87_host_prepare(const struct sf_env *env)
{
	u16 sw;

	if (x87_op_flags_exact(env))
		return false;
	asm volatile("fnstsw %0" : "=a"(sw));
	if (sw & SF_ALL & ~env->sticky)
		asm volatile("fnclex");
	return true;
}

static inline void x87_host_finish(struct sf_env *env, u16 sw)
{
	env->flags |= sw & SF_ALL;
	env->c1 = sw >> 9 & 1;
}

/* One operand, one result; the status word goes to *sw. */
#define X87_HOST_UNARY(name, insn) \
static inline struct f80 x87_host_##name(struct sf_env *env, struct f80 a, u16 *sw) \
{ \
	struct f80 r; \
	if (x87_host_prepare(env)) \
		asm volatile("fldt %2\n\t" insn "\n\tfnstsw %1\n\tfstpt %0" \
			     : "=m"(r), "=a"(*sw) : "m"(a)); \
	else \
		asm volatile("fninit\n\tfldcw %3\n\tfldt %2\n\t" insn "\n\tfnstsw %1\n\tfnclex\n\tfstpt %0\n\tfninit" \
			     : "=m"(r), "=a"(*sw) : "m"(a), "m"(env->cw)); \
	x87_host_finish(env, *sw); \
	return r; \
}

/* One operand, two results (the pushed one in *top), unless C2 says out of range. */
#define X87_HOST_PUSH(name, insn) \
static inline struct f80 x87_host_##name(struct sf_env *env, struct f80 a, struct f80 *top, u16 *sw) \
{ \
	struct f80 r = a, t = a; \
	u16 cw = env->cw; \
	asm volatile("fninit\n\tfldcw %4\n\tfldt %3\n\t" insn "\n\tfnstsw %2\n\tfnclex\n\t" \
		     "testb $4, %%ah\n\tjnz 1f\n\tfstpt %1\n1:\tfstpt %0\n\tfninit" \
		     : "+m"(r), "+m"(t), "=a"(*sw) : "m"(a), "m"(cw) : "cc"); \
	*top = t; \
	x87_host_finish(env, *sw); \
	return r; \
}

/* st0 = a, st1 = b. pop: the instruction pops and leaves its result in the new st0. */
#define X87_HOST_BINARY(name, insn, pop) \
static inline struct f80 x87_host_##name(struct sf_env *env, struct f80 a, struct f80 b, u16 *sw) \
{ \
	struct f80 r; \
	if (x87_host_prepare(env)) \
		asm volatile("fldt %3\n\tfldt %2\n\t" insn "\n\tfnstsw %1\n\tfstpt %0" pop \
			     : "=m"(r), "=a"(*sw) : "m"(a), "m"(b)); \
	else \
		asm volatile("fninit\n\tfldcw %4\n\tfldt %3\n\tfldt %2\n\t" insn \
			     "\n\tfnstsw %1\n\tfnclex\n\tfstpt %0\n\tfninit" \
			     : "=m"(r), "=a"(*sw) : "m"(a), "m"(b), "m"(env->cw)); \
	x87_host_finish(env, *sw); \
	return r; \
}

#define X87_HOST_KEEP "\n\tfstp %%st(0)"

X87_HOST_BINARY(add, "fadd %%st(1), %%st", X87_HOST_KEEP)
X87_HOST_BINARY(sub, "fsub %%st(1), %%st", X87_HOST_KEEP)
X87_HOST_BINARY(mul, "fmul %%st(1), %%st", X87_HOST_KEEP)
X87_HOST_BINARY(div, "fdiv %%st(1), %%st", X87_HOST_KEEP)
X87_HOST_BINARY(prem, "fprem", X87_HOST_KEEP)
X87_HOST_BINARY(prem1, "fprem1", X87_HOST_KEEP)
X87_HOST_BINARY(yl2x, "fyl2x", "")
X87_HOST_BINARY(yl2xp1, "fyl2xp1", "")
X87_HOST_BINARY(patan, "fpatan", "")
X87_HOST_UNARY(sqrt, "fsqrt")
X87_HOST_UNARY(f2xm1, "f2xm1")
X87_HOST_UNARY(sin, "fsin")
X87_HOST_UNARY(cos, "fcos")
X87_HOST_PUSH(ptan, "fptan")
X87_HOST_PUSH(sincos, "fsincos")

#define X87_OP_BINARY(name) \
static inline struct f80 x87_op_##name(struct sf_env *env, struct f80 a, struct f80 b) \
{ \
	u16 sw; \
	return x87_host_##name(env, a, b, &sw); \
}
X87_OP_BINARY(add)
X87_OP_BINARY(sub)
X87_OP_BINARY(mul)
X87_OP_BINARY(div)
X87_OP_BINARY(yl2x)
X87_OP_BINARY(yl2xp1)
X87_OP_BINARY(patan)

static inline struct f80 x87_op_sqrt(struct sf_env *env, struct f80 a)
{
	u16 sw;

	return x87_host_sqrt(env, a, &sw);
}

static inline struct f80 x87_op_f2xm1(struct sf_env *env, struct f80 a)
{
	u16 sw;

	return x87_host_f2xm1(env, a, &sw);
}

/* FST m32 and m64. */
static inline u64 x87_op_store(struct sf_env *env, enum sf_format to, struct f80 a)
{
	double d;
	float f;
	u64 v = 0;
	u16 sw;

	if (!x87_host_prepare(env))
		return sf_from_f80(env, to, a);
	if (to == SF_F64) {
		asm volatile("fldt %2\n\tfstpl %0\n\tfnstsw %1" : "=m"(d), "=a"(sw) : "m"(a));
		__builtin_memcpy(&v, &d, sizeof(d));
	} else {
		asm volatile("fldt %2\n\tfstps %0\n\tfnstsw %1" : "=m"(f), "=a"(sw) : "m"(a));
		__builtin_memcpy(&v, &f, sizeof(f));
	}
	x87_host_finish(env, sw);
	return v;
}

/* *quot: the low quotient bits, or -1 for a partial remainder. */
static inline struct f80 x87_op_rem(struct sf_env *env, struct f80 a, struct f80 b, bool nearest, int *quot)
{
	u16 sw;
	struct f80 r = nearest ? x87_host_prem1(env, a, b, &sw) : x87_host_prem(env, a, b, &sw);

	env->c1 = false;
	*quot = sw & 0x400 ? -1 : (sw >> 9 & 1) | (sw >> 14 & 1) << 1 | (sw >> 8 & 1) << 2;
	return r;
}

static inline struct f80 x87_op_sin(struct sf_env *env, struct f80 a, bool *partial)
{
	u16 sw;
	struct f80 r = x87_host_sin(env, a, &sw);

	*partial = sw & 0x400;
	return r;
}

static inline struct f80 x87_op_cos(struct sf_env *env, struct f80 a, bool *partial)
{
	u16 sw;
	struct f80 r = x87_host_cos(env, a, &sw);

	*partial = sw & 0x400;
	return r;
}

static inline struct f80 x87_op_ptan(struct sf_env *env, struct f80 a, struct f80 *top, bool *partial)
{
	u16 sw;
	struct f80 r = x87_host_ptan(env, a, top, &sw);

	*partial = sw & 0x400;
	return r;
}

static inline struct f80 x87_op_sincos(struct sf_env *env, struct f80 a, struct f80 *top, bool *partial)
{
	u16 sw;
	struct f80 r = x87_host_sincos(env, a, top, &sw);

	*partial = sw & 0x400;
	return r;
}

#else

static inline bool x87_op_flags_exact(const struct sf_env *env)
{
	(void)env;
	return true;
}

#define x87_op_store sf_from_f80
#define x87_op_add f80_add
#define x87_op_sub f80_sub
#define x87_op_mul f80_mul
#define x87_op_div f80_div
#define x87_op_sqrt f80_sqrt
#define x87_op_rem f80_rem
#define x87_op_f2xm1 f80_f2xm1
#define x87_op_yl2x f80_yl2x
#define x87_op_yl2xp1 f80_yl2xp1
#define x87_op_patan f80_patan
#define x87_op_sin f80_sin
#define x87_op_cos f80_cos

/* FPTAN leaves 1.0 above the tangent; a NaN is left twice. */
static inline struct f80 x87_op_ptan(struct sf_env *env, struct f80 a, struct f80 *top, bool *partial)
{
	struct f80 r = f80_tan(env, a, partial);
	struct sf_num n = sf_unpack80(r);

	*top = n.cls == SF_C_QNAN ? r : (struct f80){ 1ULL << 63, 0x3fff };
	return r;
}

static inline struct f80 x87_op_sincos(struct sf_env *env, struct f80 a, struct f80 *top, bool *partial)
{
	*top = f80_cos(env, a, partial);
	return f80_sin(env, a, partial);
}

#endif
#endif
