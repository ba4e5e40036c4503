/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating point exactly as x86 does it, in portable C: binary16/32/64 and
 * the x87's 80-bit format, with x86's NaN selection, denormal-operand flag,
 * DAZ and FTZ, precision control, tininess after rounding, and the responses
 * to unmasked exceptions (Intel SDM vol. 1, 4.8-4.9, 8.4-8.5 and 11.5).
 *
 * Values are passed as bit patterns. Every function works on the caller's
 * struct sf_env and touches nothing else, so any thread may use its own.
 */
#ifndef VMBOX_X86_SOFTFLOAT_H
#define VMBOX_X86_SOFTFLOAT_H

#include "compiler.h"

/* Exception flags, in the bit order of MXCSR and of the x87 status word. */
enum {
	SF_IE = 1, SF_DE = 2, SF_ZE = 4, SF_OE = 8, SF_UE = 16, SF_PE = 32,
	SF_PRE = SF_IE | SF_DE | SF_ZE,	/* found before the result is computed */
	SF_ALL = 63,
};

/* Rounding control, as in MXCSR.RC and the x87 control word. */
enum sf_round { SF_NEAR, SF_DOWN, SF_UP, SF_ZERO };

enum sf_format { SF_F16, SF_F32, SF_F64, SF_F80 };

struct sf_env {
	u8 rc;			/* enum sf_round */
	u8 prec;		/* significand bits of f80 results: 24, 53 or 64 */
	u8 mask;		/* exceptions that are masked (1 = masked) */
	u8 flags;		/* exceptions raised; only ever ORed into */
	bool x87;		/* x87 NaN rules and bias-adjusted unmasked results */
	bool daz;
	bool ftz;
	bool c1;		/* the last result was rounded away from zero */
	u8 sticky;		/* x87 flags that are set anyway: the host path may add them to flags */
	u16 cw;			/* the x87 control word, for the host path */
};

/* A double extended value: explicit integer bit in sig, sign in se bit 15. */
struct f80 {
	u64 sig;
	u16 se;
};

/* A value of any format, sig normalised to bit 63, value = sig * 2^(exp-63). */
enum sf_class { SF_C_ZERO, SF_C_NUM, SF_C_INF, SF_C_QNAN, SF_C_SNAN, SF_C_BAD };

struct sf_num {
	u8 cls;			/* enum sf_class; C_BAD: f80 encoding the x87 refuses */
	bool sign;
	bool denorm;		/* raises DE when it is used */
	s32 exp;
	u64 sig;		/* NaN: payload left-justified below bit 63 */
};

/* An env for MXCSR's control bits; flags are clear. */
struct sf_env sf_env_mxcsr(u32 mxcsr);
/* An env for an x87 control word; flags are clear. */
struct sf_env sf_env_x87(u16 fcw);

/*
 * Unpack the bit pattern x (for SF_F80 use sf_unpack80). DAZ applies to f32
 * and f64. Raises nothing.
 */
struct sf_num sf_unpack(const struct sf_env *env, enum sf_format fmt, u64 x);
struct sf_num sf_unpack80(struct f80 x);
/*
 * Round (hi:lo with hi's bit 63 set, value = hi.lo * 2^(exp-63); lo's low bit
 * is sticky) to fmt and raise O, U and P. sf_round_pack80 rounds to env->prec.
 */
u64 sf_round_pack(struct sf_env *env, enum sf_format fmt, bool sign, s32 exp, u64 hi, u64 lo);
struct f80 sf_round_pack80(struct sf_env *env, bool sign, s32 exp, u64 hi, u64 lo);

/* The default NaN (negative quiet, zero payload), infinity and zero of fmt. */
u64 sf_default_nan(enum sf_format fmt);
struct f80 f80_default_nan(void);

/*
 * Arithmetic on SF_F32 or SF_F64 (F16 is storage only). a is the first source
 * of the instruction: it wins when NaNs meet. An unmasked exception leaves
 * flags as the processor would report them; the value is then meaningless.
 */
u64 sf_add(struct sf_env *env, enum sf_format fmt, u64 a, u64 b);
u64 sf_sub(struct sf_env *env, enum sf_format fmt, u64 a, u64 b);
u64 sf_mul(struct sf_env *env, enum sf_format fmt, u64 a, u64 b);
u64 sf_div(struct sf_env *env, enum sf_format fmt, u64 a, u64 b);
u64 sf_sqrt(struct sf_env *env, enum sf_format fmt, u64 a);
/* a * b + c with one rounding; neg_p and neg_c negate the product and c. */
u64 sf_fma(struct sf_env *env, enum sf_format fmt, u64 a, u64 b, u64 c, bool neg_p, bool neg_c);
/* MINxx/MAXxx: the second source when either is a NaN or both are zero. */
u64 sf_min(struct sf_env *env, enum sf_format fmt, u64 a, u64 b);
u64 sf_max(struct sf_env *env, enum sf_format fmt, u64 a, u64 b);
/* ROUNDxx: round to integral in mode rc; PE is raised unless no_pe. */
u64 sf_rint(struct sf_env *env, enum sf_format fmt, u64 a, u8 rc, bool no_pe);

/* Relation of a to b. Signalling compares raise IE for quiet NaNs as well. */
enum sf_rel { SF_LESS, SF_EQUAL, SF_GREATER, SF_UNORDERED };
enum sf_rel sf_compare(struct sf_env *env, enum sf_format fmt, u64 a, u64 b, bool signalling);
enum sf_rel f80_compare(struct sf_env *env, struct f80 a, struct f80 b, bool signalling);

/* Format conversions with NaN quieting, DE and rounding as CVTxx2xx, FLD, FST. */
u64 sf_convert(struct sf_env *env, enum sf_format to, enum sf_format from, u64 a);
struct f80 sf_to_f80(struct sf_env *env, enum sf_format from, u64 a);
u64 sf_from_f80(struct sf_env *env, enum sf_format to, struct f80 a);

/*
 * To a signed integer of bits 16, 32 or 64 in mode rc; out of range and NaN
 * give the integer indefinite (1 << bits-1) and IE.
 */
s64 sf_to_int(struct sf_env *env, enum sf_format from, u64 a, unsigned bits, u8 rc);
s64 f80_to_int(struct sf_env *env, struct f80 a, unsigned bits, u8 rc);
u64 sf_from_int(struct sf_env *env, enum sf_format to, s64 v);
struct f80 f80_from_int(s64 v);

/* x87 arithmetic. Unmasked O and U give the bias-adjusted result. */
struct f80 f80_add(struct sf_env *env, struct f80 a, struct f80 b);
struct f80 f80_sub(struct sf_env *env, struct f80 a, struct f80 b);
struct f80 f80_mul(struct sf_env *env, struct f80 a, struct f80 b);
struct f80 f80_div(struct sf_env *env, struct f80 a, struct f80 b);
struct f80 f80_sqrt(struct sf_env *env, struct f80 a);
struct f80 f80_rint(struct sf_env *env, struct f80 a);
struct f80 f80_scale(struct sf_env *env, struct f80 a, struct f80 b);
/* FXTRACT: the significand; *exp receives the exponent as a value. */
struct f80 f80_extract(struct sf_env *env, struct f80 a, struct f80 *exp);
/*
 * FPREM (nearest false) and FPREM1 (true). *quot receives the quotient's low
 * bits, or -1 when the reduction is only partial (C2).
 */
struct f80 f80_rem(struct sf_env *env, struct f80 a, struct f80 b, bool nearest, int *quot);

/*
 * The transcendental instructions, within 1 ulp (at 64-bit precision).
 * f80_sin, f80_cos and f80_tan set *partial and return a for |a| >= 2^63.
 */
struct f80 f80_f2xm1(struct sf_env *env, struct f80 a);
struct f80 f80_yl2x(struct sf_env *env, struct f80 x, struct f80 y);
struct f80 f80_yl2xp1(struct sf_env *env, struct f80 x, struct f80 y);
struct f80 f80_patan(struct sf_env *env, struct f80 x, struct f80 y);
struct f80 f80_sin(struct sf_env *env, struct f80 a, bool *partial);
struct f80 f80_cos(struct sf_env *env, struct f80 a, bool *partial);
struct f80 f80_tan(struct sf_env *env, struct f80 a, bool *partial);

/* 18 BCD digits and a sign, ten bytes (FBLD, FBSTP). */
struct f80 f80_from_bcd(const u8 bcd[10]);
/* Returns false when a does not fit; bcd is then the packed BCD indefinite. */
bool f80_to_bcd(struct sf_env *env, struct f80 a, u8 bcd[10]);

#endif
