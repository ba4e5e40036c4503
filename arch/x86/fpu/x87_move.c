// SPDX-License-Identifier: GPL-2.0-or-later
/* x87 loads, stores, constants, exchanges and conditional moves. */
#include <string.h>

#include "x87.h"
#include "x87_host.h"

struct f80 x87_load_float(struct x86_cpu *cpu, const struct x86_insn *in, bool *denorm)
{
	bool wide = in->opnd[0].size == 8;
	u64 v = x86_get_operand(cpu, in, 0);
	struct sf_env exact = { .prec = 64, .mask = SF_ALL };
	struct sf_num n;
	unsigned e = wide ? v >> 52 & 0x7ff : v >> 23 & 0xff;

	*denorm = false;
	if (likely(wide && e - 1 < 0x7fe))
		return (struct f80){ 1ULL << 63 | v << 11, (u16)((v >> 63 << 15) | (e - 1023 + 16383)) };
	if (likely(!wide && e - 1 < 0xfe))
		return (struct f80){ 1ULL << 63 | (v & 0x7fffff) << 40, (u16)((v >> 31 << 15) | (e - 127 + 16383)) };
	n = sf_unpack(&exact, wide ? SF_F64 : SF_F32, v);
	*denorm = n.denorm;
	if (n.cls == SF_C_SNAN)
		return (struct f80){ n.sig, n.sign ? 0xffff : 0x7fff };
	return sf_to_f80(&exact, wide ? SF_F64 : SF_F32, v);
}

struct f80 x87_load_int(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned shift = 64 - 8 * in->opnd[0].size;

	return f80_from_int((s64)(x86_get_operand(cpu, in, 0) << shift) >> shift);
}

static void load80(struct x86_cpu *cpu, const struct x86_insn *in, u8 buf[10])
{
	x86_ld_block(cpu, x86_mem(cpu, in, 10, X86_READ), buf, 10);
}

/* Pushes v, or the default NaN on stack overflow. */
static void push_checked(struct x86_cpu *cpu, const struct x86_insn *in, struct f80 v, u32 flags)
{
	if (!x87_empty(cpu, 7)) {
		if (x87_overflow(cpu, in))
			x87_push(cpu, f80_default_nan());
		return;
	}
	if (x87_report(cpu, in, flags, false) || flags == SF_DE)	/* DE does not hold a load back */
		x87_push(cpu, v);
}

static void fld_mem(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct f80 v;
	u32 flags = 0;

	if (in->opnd[0].size == 10) {
		u8 buf[10];

		load80(cpu, in, buf);
		memcpy(&v.sig, buf, 8);
		memcpy(&v.se, buf + 8, 2);
	} else {
		bool denorm;

		v = x87_load_float(cpu, in, &denorm);
		if (denorm)
			flags = SF_DE;
		if ((v.se & 0x7fff) == 0x7fff && v.sig << 1 && !(v.sig >> 62 & 1)) {
			flags = SF_IE;
			v.sig |= 1ULL << 62;
		}
	}
	push_checked(cpu, in, v, flags);
}

static void fld(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x87_begin(cpu, in);
	if (in->opnd[0].kind == X86_OPND_MEM) {
		fld_mem(cpu, in);
	} else if (x87_empty(cpu, in->opnd[0].reg)) {
		if (x87_underflow(cpu, in))
			x87_push(cpu, f80_default_nan());
	} else if (!x87_empty(cpu, 7)) {
		if (x87_overflow(cpu, in))
			x87_push(cpu, f80_default_nan());
	} else {
		x87_report(cpu, in, 0, false);
		x87_push(cpu, x87_get(cpu, in->opnd[0].reg));
	}
}

static void fild(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x87_begin(cpu, in);
	push_checked(cpu, in, x87_load_int(cpu, in), 0);
}

static void fbld(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u8 buf[10];

	x87_begin(cpu, in);
	load80(cpu, in, buf);
	push_checked(cpu, in, f80_from_bcd(buf), 0);
}

/* A constant whose 64-bit significand is rounded as the control word says. */
static void load_constant(struct x86_cpu *cpu, const struct x86_insn *in, u16 se, u64 sig, int error)
{
	unsigned rc = cpu->fpu.cw >> 10 & 3;

	x87_begin(cpu, in);
	if (error < 0 && (rc == SF_DOWN || rc == SF_ZERO))	/* sig is above the true value */
		sig--;
	else if (error > 0 && rc == SF_UP)
		sig++;
	push_checked(cpu, in, (struct f80){ sig, se }, 0);
}

#define CONSTANT(name, se, sig, error) \
static void name(struct x86_cpu *cpu, const struct x86_insn *in) { load_constant(cpu, in, se, sig, error); }

CONSTANT(fld1, 0x3fff, 0x8000000000000000, 0)
CONSTANT(fldl2t, 0x4000, 0xd49a784bcd1b8afe, 1)
CONSTANT(fldl2e, 0x3fff, 0xb8aa3b295c17f0bc, -1)
CONSTANT(fldpi, 0x4000, 0xc90fdaa22168c235, -1)
CONSTANT(fldlg2, 0x3ffd, 0x9a209a84fbcff799, -1)
CONSTANT(fldln2, 0x3ffe, 0xb17217f7d1cf79ac, -1)
CONSTANT(fldz, 0, 0, 0)

/*
 * The result of a store is known: reports flags and stores, unless an
 * unmasked exception forbids it. A page fault comes before either. The
 * return value tells whether a pop may follow.
 */
static bool store_result(struct x86_cpu *cpu, const struct x86_insn *in, u64 val, u32 flags, bool c1)
{
	unsigned size = in->opnd[0].size;
	u32 unmasked = flags & ~cpu->fpu.cw & SF_ALL;
	u64 lin;

	if (unmasked & (SF_OE | SF_UE)) {	/* nothing is rounded, so no P */
		flags &= ~SF_PE;
		c1 = false;
	}
	if (unmasked & (SF_PRE | SF_OE | SF_UE)) {
		x87_report(cpu, in, flags, c1);
		return false;
	}
	lin = x86_mem(cpu, in, size, X86_WRITE);
	if (!x86_tlb_hit(cpu, x86_tlb_w(cpu, lin), lin, size))
		x86_probe(cpu, lin, size, X86_WRITE);
	x87_report(cpu, in, flags, c1);
	x86_st(cpu, lin, size, val);
	return true;
}

/* FST m80 and FBSTP: as the processor does, 8 bytes and then 2, which may fault apart. */
static bool store_block(struct x86_cpu *cpu, const struct x86_insn *in, const u8 buf[10], u32 flags, bool c1)
{
	u64 lin;

	if (flags & ~cpu->fpu.cw & SF_PRE) {
		x87_report(cpu, in, flags, c1);
		return false;
	}
	lin = x86_mem(cpu, in, 10, X86_WRITE);
	x86_st_block(cpu, lin, buf, 8);
	x86_st_block(cpu, lin + 8, buf + 8, 2);
	x87_report(cpu, in, flags, c1);
	return true;
}

static bool fst_mem80(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool empty = x87_empty(cpu, 0);
	struct f80 v = empty ? f80_default_nan() : x87_get(cpu, 0);
	u8 buf[10];

	memcpy(buf, &v.sig, 8);
	memcpy(buf + 8, &v.se, 2);
	return store_block(cpu, in, buf, empty ? SF_IE | X87_SF : 0, false);
}

static bool fst_mem(struct x86_cpu *cpu, const struct x86_insn *in)
{
	enum sf_format fmt = in->opnd[0].size == 4 ? SF_F32 : SF_F64;
	struct sf_env env = x87_env(cpu);
	u64 val;

	if (in->opnd[0].size == 10)
		return fst_mem80(cpu, in);
	if (x87_empty(cpu, 0))
		return store_result(cpu, in, sf_default_nan(fmt), SF_IE | X87_SF, false);
	val = x87_op_store(&env, fmt, x87_get(cpu, 0));
	return store_result(cpu, in, val, env.flags, env.c1);
}

/* D9 D8+i is an FSTP that does not mind an empty register. */
static bool fst_silent(const struct x86_insn *in)
{
	return x86_form_opcode(x86_insn_form(in)) == 0x0b;
}

static bool fst_reg(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (x87_empty(cpu, 0)) {
		if (fst_silent(in)) {
			x87_report(cpu, in, 0, false);
			return true;
		}
		if (!x87_underflow(cpu, in))
			return false;
		x87_set(cpu, in->opnd[0].reg, f80_default_nan());
		return true;
	}
	x87_report(cpu, in, 0, false);
	x87_set(cpu, in->opnd[0].reg, x87_get(cpu, 0));
	return true;
}

static bool fst_any(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x87_begin(cpu, in);
	return in->opnd[0].kind == X86_OPND_MEM ? fst_mem(cpu, in) : fst_reg(cpu, in);
}

static void fst(struct x86_cpu *cpu, const struct x86_insn *in)
{
	fst_any(cpu, in);
}

static void fstp(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (fst_any(cpu, in))
		x87_pop(cpu);
}

static bool fist_any(struct x86_cpu *cpu, const struct x86_insn *in, bool truncate)
{
	unsigned bits = 8 * in->opnd[0].size;
	struct sf_env env = x87_env(cpu);
	s64 val;

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0))
		return store_result(cpu, in, 1ULL << (bits - 1), SF_IE | X87_SF, false);
	val = f80_to_int(&env, x87_get(cpu, 0), bits, truncate ? SF_ZERO : env.rc);
	return store_result(cpu, in, (u64)val, env.flags, env.c1);
}

static void fist(struct x86_cpu *cpu, const struct x86_insn *in)
{
	fist_any(cpu, in, false);
}

static void fistp(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (fist_any(cpu, in, false))
		x87_pop(cpu);
}

static void fisttp(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (fist_any(cpu, in, true))
		x87_pop(cpu);
}

static void fbstp(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool empty = x87_empty(cpu, 0);
	struct sf_env env = x87_env(cpu);
	u8 bcd[10];

	x87_begin(cpu, in);
	f80_to_bcd(&env, empty ? f80_default_nan() : x87_get(cpu, 0), bcd);
	if (store_block(cpu, in, bcd, env.flags | (empty ? X87_SF : 0), env.c1))
		x87_pop(cpu);
}

static void fxch(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned i = in->opnd[0].reg;
	struct f80 a, b;

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0) || x87_empty(cpu, i)) {
		if (!x87_underflow(cpu, in))
			return;
		if (x87_empty(cpu, 0))
			x87_set(cpu, 0, f80_default_nan());
		if (x87_empty(cpu, i))
			x87_set(cpu, i, f80_default_nan());
	} else {
		x87_report(cpu, in, 0, false);
	}
	a = x87_get(cpu, 0);
	b = x87_get(cpu, i);
	x87_set(cpu, 0, b);
	x87_set(cpu, i, a);
}

static void fcmov(struct x86_cpu *cpu, const struct x86_insn *in, bool cond)
{
	unsigned i = in->opnd[1].reg;

	x87_begin(cpu, in);
	if (x87_empty(cpu, 0) || x87_empty(cpu, i)) {
		if (x87_underflow(cpu, in))
			x87_set(cpu, 0, f80_default_nan());
		return;
	}
	if (cond)
		x87_set(cpu, 0, x87_get(cpu, i));
}

#define FCMOV(name, cond) \
static void name(struct x86_cpu *cpu, const struct x86_insn *in) { fcmov(cpu, in, cond); }

FCMOV(fcmovb, x86_cf(cpu))
FCMOV(fcmove, x86_zf(cpu))
FCMOV(fcmovbe, x86_cf(cpu) || x86_zf(cpu))
FCMOV(fcmovu, x86_pf(cpu))
FCMOV(fcmovnb, !x86_cf(cpu))
FCMOV(fcmovne, !x86_zf(cpu))
FCMOV(fcmovnbe, !x86_cf(cpu) && !x86_zf(cpu))
FCMOV(fcmovnu, !x86_pf(cpu))

static void ffree(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x87_begin(cpu, in);
	x87_report(cpu, in, 0, false);
	cpu->fpu.valid &= (u8)~(1u << x87_phys(cpu, in->opnd[0].reg));
}

static void ffreep(struct x86_cpu *cpu, const struct x86_insn *in)
{
	ffree(cpu, in);
	x87_pop(cpu);
}

static void fincstp(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x87_begin(cpu, in);
	x87_report(cpu, in, 0, false);
	x87_rotate(cpu, 1);
}

static void fdecstp(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x87_begin(cpu, in);
	x87_report(cpu, in, 0, false);
	x87_rotate(cpu, -1);
}

#define ENTRY(OP, fn) { X86_OP_##OP, fn, NULL }
static const struct x86_exec_entry entries[] = {
	ENTRY(FLD, fld), ENTRY(FILD, fild), ENTRY(FBLD, fbld), ENTRY(FLD1, fld1), ENTRY(FLDL2T, fldl2t),
	ENTRY(FLDL2E, fldl2e), ENTRY(FLDPI, fldpi), ENTRY(FLDLG2, fldlg2), ENTRY(FLDLN2, fldln2),
	ENTRY(FLDZ, fldz), ENTRY(FST, fst), ENTRY(FSTP, fstp), ENTRY(FIST, fist), ENTRY(FISTP, fistp),
	ENTRY(FISTTP, fisttp), ENTRY(FBSTP, fbstp), ENTRY(FXCH, fxch),
	ENTRY(FCMOVB, fcmovb), ENTRY(FCMOVE, fcmove), ENTRY(FCMOVBE, fcmovbe), ENTRY(FCMOVU, fcmovu),
	ENTRY(FCMOVNB, fcmovnb), ENTRY(FCMOVNE, fcmovne), ENTRY(FCMOVNBE, fcmovnbe), ENTRY(FCMOVNU, fcmovnu),
	ENTRY(FFREE, ffree), ENTRY(FFREEP, ffreep), ENTRY(FINCSTP, fincstp), ENTRY(FDECSTP, fdecstp),
};
static const struct x86_exec_set x87_move = X86_EXEC_SET(entries);
REGISTER(x86_exec, x87_move);
