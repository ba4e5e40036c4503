// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the constant tables out of the .def files: the lines themselves, the
 * index from map and opcode to the first line, the operand specifications and
 * the facts of the mnemonics. The lines are read three times with different
 * meanings of OPC() and FORM(); each makes one entry.
 */
#include "x86/spec.h"

/* Constraints: value in the low word, mask in the high word. */
#define K_(val, mask)	((u64)(val) | (u64)(mask) << 32)
#define PFX_ALL	(X86_KEY_66 | X86_KEY_F3 | X86_KEY_F2)
#define PFX_REP	(X86_KEY_F3 | X86_KEY_F2)
#define K_NP	K_(0, PFX_ALL)
#define K_66	K_(X86_KEY_66, PFX_ALL)
#define K_F3	K_(X86_KEY_F3, PFX_REP)
#define K_F2	K_(X86_KEY_F2, PFX_REP)
#define K_NR	K_(0, PFX_REP)
#define K_R(n)	K_(n, X86_KEY_REG)
#define K_RM(n)	K_((n) << 3, X86_KEY_RM)
#define K_REG	K_(X86_KEY_MOD3, X86_KEY_MOD3)
#define K_MEM	K_(0, X86_KEY_MOD3)
#define K_M64	K_(X86_KEY_M64, X86_KEY_M64)
#define K_N64	K_(0, X86_KEY_M64)
#define K_W0	K_(0, X86_KEY_W)
#define K_W1	K_(X86_KEY_W, X86_KEY_W)
#define K_D	K_(0, X86_KEY_W64)
#define K_Q	K_(X86_KEY_W64, X86_KEY_W64)
#define K_L0	K_(0, X86_KEY_L)
#define K_L1	K_(X86_KEY_L, X86_KEY_L)
#define K_B1	K_(X86_KEY_REXB, X86_KEY_REXB)
#define K_LEG	K_(0, X86_KEY_VEX)
#define K_VEX	K_(X86_KEY_VEX, X86_KEY_VEX)

/* Operand lists and their accesses. */
#define OPS_O0		{ 0 }
#define OPS_O1(a)		{ SPEC_##a }
#define OPS_O2(a, b)	{ SPEC_##a, SPEC_##b }
#define OPS_O3(a, b, c)	{ SPEC_##a, SPEC_##b, SPEC_##c }
#define OPS_O4(a, b, c, d)	{ SPEC_##a, SPEC_##b, SPEC_##c, SPEC_##d }
#define AR	X86_ACC_R
#define AW	X86_ACC_W
#define ACC_R_	{ AR, AR, AR, AR }
#define ACC_W_	{ AW, AR, AR, AR }
#define ACC_RW_	{ AR | AW, AR, AR, AR }
#define ACC_WW_	{ AW, AW, AR, AR }
#define ACC_RWRW_	{ AR | AW, AR | AW, AR, AR }
#define ACC_RW_WR	{ AR | AW, AR, AR | AW, AR }	/* gathers: the mask is cleared */
#define ACC_LEA_	{ AW }
#define ACC_N_	{ 0 }			/* no access of memory */

#define LOCK	X86_FF_LOCK
#define CPL0	X86_FF_CPL0
#define CPL0_UD	X86_FF_CPL0_UD
#define IOPL	X86_FF_IOPL
#define D64	X86_FF_D64
#define F64	X86_FF_F64
#define ALIGN	X86_FF_ALIGN
#define PROT	X86_FF_PROT
#define UMIP	X86_FF_UMIP
#define MODRM3	X86_FF_MODRM3
#define VSIB	X86_FF_VSIB
#define UD	X86_FF_UD
#define FMMX	X86_FF_MMX

/* The line macros; the last three columns are flags, feature, exception class. */
#define I(op, ops, acc)			IX(op, 0, ops, acc, 0, NONE, NONE)
#define IK(op, k, ops, acc)		IX(op, k, ops, acc, 0, NONE, NONE)
#define IF(op, k, ops, acc, fl)		IX(op, k, ops, acc, fl, NONE, NONE)
#define IX(op, k, ops, acc, fl, feat, exc) FORM(op, (k) | K_LEG, ops, acc, fl, feat, exc)
#define LX(op, k, ops, acc, fl, feat, exc) FORM(op, (k) | K_LEG, ops, acc, fl, feat, exc)
#define VX(op, k, ops, acc, fl, feat, exc) FORM(op, (k) | K_VEX, ops, acc, (fl) | X86_FF_VEX, feat, exc)
#define FX(op, k, ops, acc)		FORM(op, k, ops, acc, 0, FPU, X87)

/* Packed and scalar floating point in both encodings. */
#define P3(op, k, feat, exc) \
	LX(op, k, O2(Vdq, Wdq), RW_, ALIGN, feat, exc) VX(op, k, O3(Vx, Hx, Wx), W_, 0, AVX, exc)
#define P3I(op, k, feat, exc) \
	LX(op, k, O3(Vdq, Wdq, Ib), RW_, ALIGN, feat, exc) VX(op, k, O4(Vx, Hx, Wx, Ib), W_, 0, AVX, exc)
#define P2(op, k, feat, exc) \
	LX(op, k, O2(Vdq, Wdq), W_, ALIGN, feat, exc) VX(op, k, O2(Vx, Wx), W_, 0, AVX, exc)
#define P2I(op, feat, exc) \
	LX(op, K_66, O3(Vdq, Wdq, Ib), W_, ALIGN, feat, exc) VX(op, K_66, O3(Vx, Wx, Ib), W_, 0, AVX, exc)
#define S3(op, k, t, feat, exc) \
	LX(op, k, O2(V##t, W##t), RW_, 0, feat, exc) VX(op, k, O3(Vdq, Hdq, W##t), W_, 0, AVX, exc)
#define S2(op, k, t, feat, exc) \
	LX(op, k, O2(V##t, W##t), W_, 0, feat, exc) VX(op, k, O3(Vdq, Hdq, W##t), W_, 0, AVX, exc)
#define S3I(op, t, feat, exc) \
	LX(op, K_66, O3(V##t, W##t, Ib), W_, 0, feat, exc) VX(op, K_66, O4(Vdq, Hdq, W##t, Ib), W_, 0, AVX, exc)
/* Integer vectors: XI3 XMM and VEX, MM3 with MMX before it. */
#define XI3(op, k, feat) \
	LX(op, k, O2(Vdq, Wdq), RW_, ALIGN, feat, 4) \
	VX(op, (k) | K_L0, O3(Vx, Hx, Wx), W_, 0, AVX, 4) VX(op, (k) | K_L1, O3(Vx, Hx, Wx), W_, 0, AVX2, 4)
#define XI2(op, k, feat) \
	LX(op, k, O2(Vdq, Wdq), W_, ALIGN, feat, 4) \
	VX(op, (k) | K_L0, O2(Vx, Wx), W_, 0, AVX, 4) VX(op, (k) | K_L1, O2(Vx, Wx), W_, 0, AVX2, 4)
#define XI2I(op, k, feat) \
	LX(op, k, O3(Vdq, Wdq, Ib), W_, ALIGN, feat, 4) \
	VX(op, (k) | K_L0, O3(Vx, Wx, Ib), W_, 0, AVX, 4) VX(op, (k) | K_L1, O3(Vx, Wx, Ib), W_, 0, AVX2, 4)
#define XI3I(op, feat) \
	LX(op, K_66, O3(Vdq, Wdq, Ib), RW_, ALIGN, feat, 4) \
	VX(op, K_66 | K_L0, O4(Vx, Hx, Wx, Ib), W_, 0, AVX, 4) VX(op, K_66 | K_L1, O4(Vx, Hx, Wx, Ib), W_, 0, AVX2, 4)
#define MM3F(op, q, feat)	LX(op, K_NP, O2(Pq, q), RW_, FMMX, feat, MMX)
#define MM3(op)		MM3F(op, Qq, MMX) XI3(op, K_66, SSE2)
#define MM3E(op)	MM3F(op, Qq, SSE) XI3(op, K_66, SSE2)
#define MM3Q(op)	MM3F(op, Qq, SSE2) XI3(op, K_66, SSE2)
#define MM3D(op)	MM3F(op, Qd, MMX) XI3(op, K_66, SSE2)
#define MM3S(op)	MM3F(op, Qq, MMX) /* shift: the count is 128 bits whatever L is */ \
	LX(op, K_66, O2(Vdq, Wdq), RW_, ALIGN, SSE2, 4) \
	VX(op, K_66 | K_L0, O3(Vx, Hx, Wdq), W_, 0, AVX, 4) VX(op, K_66 | K_L1, O3(Vx, Hx, Wdq), W_, 0, AVX2, 4)
#define MS3(op)		MM3F(op, Qq, SSSE3) XI3(op, K_66, SSSE3)
#define MS2(op)		LX(op, K_NP, O2(Pq, Qq), W_, FMMX, SSSE3, MMX) XI2(op, K_66, SSSE3)
#define X43(op, feat)	XI3(op, K_66, feat)
#define PMOVX(op, t) \
	LX(op, K_66, O2(Vdq, W##t), W_, 0, SSE41, 5) \
	VX(op, K_66 | K_L0, O2(Vx, W##t), W_, 0, AVX, 5) VX(op, K_66 | K_L1, O2(Vx, W##t), W_, 0, AVX2, 5)
#define FMAP(op) \
	VX(op##PS, K_66 | K_W0, O3(Vx, Hx, Wx), RW_, 0, FMA, 2) VX(op##PD, K_66 | K_W1, O3(Vx, Hx, Wx), RW_, 0, FMA, 2)
#define FMAS(op) \
	VX(op##SS, K_66 | K_W0, O3(Vdq, Hdq, Wd), RW_, 0, FMA, 3) VX(op##SD, K_66 | K_W1, O3(Vdq, Hdq, Wq), RW_, 0, FMA, 3)
#define AES3(op) \
	LX(op, K_66, O2(Vdq, Wdq), RW_, ALIGN, AES, 4) \
	VX(op, K_66 | K_L0, O3(Vx, Hx, Wx), W_, 0, AES, 4) VX(op, K_66 | K_L1, O3(Vx, Hx, Wx), W_, 0, VAES, 4)
#define PCMPSTR(op) \
	LX(op, K_66, O3(Vdq, Wdq, Ib), R_, 0, SSE42, 4) VX(op, K_66 | K_L0, O3(Vdq, Wdq, Ib), R_, 0, AVX, 4)
#define GFI(op) \
	LX(op, K_66, O3(Vdq, Wdq, Ib), RW_, ALIGN, GFNI, 4) VX(op, K_66 | K_W1, O4(Vx, Hx, Wx, Ib), W_, 0, GFNI, 4)

/* First reading: numbers. Two enumerators an opcode (head, first line), one a line. */
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define OPC(map, opcode) HEAD_##map##_##opcode, START_##map##_##opcode, BACK_##map##_##opcode = HEAD_##map##_##opcode,
#define FORM(op, k, ops, acc, fl, feat, exc) CAT(LINE_, __COUNTER__),
enum form_number {
#include "forms.def"
	HEAD_LAST,
	FORM_COUNT
};
#undef OPC
#undef FORM

_Static_assert(FORM_COUNT < 65536, "struct x86_insn.form is 16 bits");

#define OPC(map, opcode) [X86_MAP_##map][0x##opcode] = START_##map##_##opcode,
#define FORM(op, k, ops, acc, fl, feat, exc)
const u16 x86_opcode_index[X86_MAP_COUNT][256] = {
#include "forms.def"
};
#undef OPC
#undef FORM

#define OPC(m, opc) { .head_map = X86_MAP_##m, .head_opcode = 0x##opc },
#define FORM(o, k, ops, a, fl, feat, ex) { \
	.op = X86_OP_##o, .key = (u32)(k), .mask = (u32)((u64)(k) >> 32), \
	.spec = OPS_##ops, .acc = ACC_##a, .flags = (fl), \
	.feature = X86_FEAT_##feat, .exc = X86_EXC_##ex },
const struct x86_form x86_form_table[FORM_COUNT] = {
#include "forms.def"
	{ .head_map = X86_MAP_COUNT },
};
#undef OPC
#undef FORM

unsigned x86_form_count(void)
{
	return FORM_COUNT;
}

const struct x86_spec_info x86_spec_infos[SPEC_COUNT] = {
#define SPEC(name, m, t, rt, r) [SPEC_##name] = { METHOD_##m, TYPE_##t, TYPE_##rt, r },
#include "x86/spec.def"
#undef SPEC
};

const struct x86_op_info x86_op_infos[X86_OP_COUNT] = {
	[X86_OP_INVALID] = { .name = "(bad)" },
#define OP(n, c, rd, wr, ud, fl) [X86_OP_##n] = \
	{ .name = #n, .ctl = c, .flags = fl, .fl_read = rd, .fl_written = wr, .fl_undef = ud },
#include "x86/ops.def"
#undef OP
};
