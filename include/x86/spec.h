/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operand specifications of the table lines: the addressing-method and
 * operand-type letters of SDM vol. 2, appendix A.2, as one enumerator a pair.
 * Types beyond the SDM's: h, u, e are a half, a quarter and an eighth of x
 * (packed conversions); RvMw and its like name register and memory widths
 * that differ.
 */
#ifndef VMBOX_X86_SPEC_H
#define VMBOX_X86_SPEC_H

#include "x86/insn.h"

/* How an operand is found; the type (width) is apart. */
enum x86_method {
	METHOD_NONE,
	METHOD_E,	/* ModRM.rm: general register or memory */
	METHOD_R,	/* ModRM.rm: general register */
	METHOD_M,	/* ModRM.rm: memory */
	METHOD_G,	/* ModRM.reg: general register */
	METHOD_B,	/* VEX.vvvv: general register */
	METHOD_Z,	/* opcode bits 2..0: general register */
	METHOD_W,	/* ModRM.rm: vector register or memory */
	METHOD_U,	/* ModRM.rm: vector register */
	METHOD_V,	/* ModRM.reg: vector register */
	METHOD_H,	/* VEX.vvvv: vector register */
	METHOD_L,	/* imm8 bits 7..4: vector register */
	METHOD_Q,	/* ModRM.rm: MMX register or memory */
	METHOD_N,	/* ModRM.rm: MMX register */
	METHOD_P,	/* ModRM.reg: MMX register */
	METHOD_S,	/* ModRM.reg: segment register */
	METHOD_C,	/* ModRM.reg: control register */
	METHOD_D,	/* ModRM.reg: debug register */
	METHOD_I,	/* immediate, zero-extended */
	METHOD_SI,	/* immediate, sign-extended */
	METHOD_I2,	/* second immediate of ENTER */
	METHOD_J,	/* relative branch */
	METHOD_A,	/* far pointer */
	METHOD_O,	/* moffs */
	METHOD_X,	/* string source */
	METHOD_Y,	/* string destination */
	METHOD_ST,	/* ST(ModRM.rm) */
	/* fixed ones; the register is in spec.reg */
	METHOD_GPR,
	METHOD_SREG,
	METHOD_ST0,
	METHOD_XMM,
	METHOD_ONE,	/* the constant 1 */
	METHOD_BASE,	/* memory at a fixed base register: XLAT, MASKMOV */
};

enum x86_type {
	TYPE_0,		/* no width of its own */
	TYPE_b, TYPE_w, TYPE_d, TYPE_q, TYPE_dq, TYPE_qq, TYPE_t,
	TYPE_v,		/* opsize */
	TYPE_z,		/* opsize, at most 4 */
	TYPE_y,		/* 8 with opsize 8, else 4 */
	TYPE_p,		/* far pointer in memory: opsize + 2 */
	TYPE_a,		/* two of opsize (BOUND) */
	TYPE_x,		/* 16, or 32 with VEX.L */
	TYPE_h, TYPE_u, TYPE_e,
	TYPE_n,		/* native: 8 in 64-bit mode, else 4 */
};

struct x86_spec_info {
	u8 method;	/* enum x86_method */
	u8 type;	/* enum x86_type: memory, or all of it */
	u8 rtype;	/* enum x86_type of a register */
	u8 reg;
};

enum x86_spec {
	SPEC_NONE,
#define SPEC(name, method, type, rtype, reg) SPEC_##name,
#include "x86/spec.def"
#undef SPEC
	SPEC_COUNT,
};

extern const struct x86_spec_info x86_spec_infos[SPEC_COUNT];

/* Table lines of one opcode stand behind a head that names map and opcode and has op X86_OP_INVALID. */
extern const u16 x86_opcode_index[X86_MAP_COUNT][256];

#endif
