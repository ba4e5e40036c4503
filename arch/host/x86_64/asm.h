/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes x86-64 instructions. Opcodes are named by their bytes with the map
 * in front (0x1af is 0F AF, 0x2f7 is 0F 38 F7), prefixes and widths by E_*.
 * The buffer is the writable view of the code cache; addresses that the code
 * itself uses are those of the executable view, delta bytes away.
 */
#ifndef ARCH_HOST_X86_64_ASM_H
#define ARCH_HOST_X86_64_ASM_H

#include "compiler.h"

enum host_reg {
	H_RAX, H_RCX, H_RDX, H_RBX, H_RSP, H_RBP, H_RSI, H_RDI,
	H_R8, H_R9, H_R10, H_R11, H_R12, H_R13, H_R14, H_R15,
	H_NONE,
};

struct ebuf {
	u8 *p;		/* next byte */
	u8 *end;	/* the caller leaves room before it asks for more code */
	s64 delta;	/* executable address - writable address */
};

/* A ModRM operand: register, or [base + index << scale + disp]. */
struct hrm {
	u8 mem;
	u8 reg;		/* or the base */
	u8 index;	/* H_NONE: none */
	u8 scale;
	s32 disp;
};

static inline struct hrm r_(unsigned reg) { return (struct hrm){ .reg = (u8)reg }; }
static inline struct hrm m_(unsigned base, s32 disp)
{
	return (struct hrm){ .mem = 1, .reg = (u8)base, .index = H_NONE, .disp = disp };
}
static inline struct hrm mi_(unsigned base, unsigned index, unsigned scale, s32 disp)
{
	return (struct hrm){ .mem = 1, .reg = (u8)base, .index = (u8)index, .scale = (u8)scale, .disp = disp };
}

#define E_W	0x01	/* REX.W or VEX.W */
#define E_66	0x02
#define E_F3	0x04
#define E_F2	0x08
#define E_REX	0x10	/* an empty REX too: SPL..DIL */
#define E_LOCK	0x20
#define E_L	0x40	/* VEX.L */

static inline void e8(struct ebuf *b, unsigned v) { *b->p++ = (u8)v; }
static inline void e32(struct ebuf *b, u32 v) { __builtin_memcpy(b->p, &v, 4); b->p += 4; }
static inline void e64(struct ebuf *b, u64 v) { __builtin_memcpy(b->p, &v, 8); b->p += 8; }
static inline u8 *e_here(const struct ebuf *b) { return b->p + b->delta; }	/* executable address */

static inline void e_modrm(struct ebuf *b, unsigned reg, struct hrm rm)
{
	unsigned r = (reg & 7) << 3, m = rm.reg & 7;

	if (!rm.mem) {
		e8(b, 0xc0 | r | m);
		return;
	}
	if (rm.reg == H_NONE) {	/* absolute, or index alone */
		e8(b, r | 4);
		e8(b, (unsigned)rm.scale << 6 | (rm.index == H_NONE ? 4u : rm.index & 7u) << 3 | 5);
		e32(b, (u32)rm.disp);
		return;
	}
	unsigned mod = rm.disp == 0 && m != 5 ? 0 : rm.disp == (s8)rm.disp ? 1 : 2;
	if (rm.index != H_NONE || m == 4) {
		e8(b, mod << 6 | r | 4);
		e8(b, (unsigned)rm.scale << 6 | (rm.index == H_NONE ? 4u : rm.index & 7u) << 3 | m);
	} else {
		e8(b, mod << 6 | r | m);
	}
	if (mod == 1)
		e8(b, (u8)rm.disp);
	else if (mod == 2)
		e32(b, (u32)rm.disp);
}

/* op: 0xMOO, map M (0 one byte, 1 0F, 2 0F38, 3 0F3A). */
static inline void e_op(struct ebuf *b, unsigned op, unsigned fl, unsigned reg, struct hrm rm)
{
	unsigned rex = (fl & E_W ? 8 : 0) | (reg >> 3 & 1) << 2;

	if (rm.mem && rm.index != H_NONE)
		rex |= (rm.index >> 3 & 1u) << 1;
	if (rm.reg != H_NONE)
		rex |= rm.reg >> 3 & 1;
	if (fl & E_LOCK)
		e8(b, 0xf0);
	if (fl & E_66)
		e8(b, 0x66);
	if (fl & E_F3)
		e8(b, 0xf3);
	if (fl & E_F2)
		e8(b, 0xf2);
	if (rex || (fl & E_REX))
		e8(b, 0x40 | rex);
	if (op >= 0x100)
		e8(b, 0x0f);
	if (op >= 0x200)
		e8(b, op >= 0x300 ? 0x3a : 0x38);
	e8(b, op & 0xff);
	e_modrm(b, reg, rm);
}

static inline void e_vex(struct ebuf *b, unsigned op, unsigned fl, unsigned reg, unsigned vvvv, struct hrm rm)
{
	unsigned pp = fl & E_66 ? 1 : fl & E_F3 ? 2 : fl & E_F2 ? 3 : 0;
	unsigned x = rm.mem && rm.index != H_NONE ? rm.index >> 3 & 1u : 0;
	unsigned bb = rm.reg != H_NONE ? rm.reg >> 3 & 1u : 0;

	e8(b, 0xc4);
	e8(b, (~reg >> 3 & 1) << 7 | (x ^ 1) << 6 | (bb ^ 1) << 5 | (op >> 8));
	e8(b, (fl & E_W ? 0x80 : 0) | (~vvvv & 15) << 3 | (fl & E_L ? 4 : 0) | pp);
	e8(b, op & 0xff);
	e_modrm(b, reg, rm);
}

/* ---- shorthand, 64 bits wide unless the name says otherwise ---- */

static inline void e_mov(struct ebuf *b, unsigned dst, unsigned src) { if (dst != src) e_op(b, 0x8b, E_W, dst, r_(src)); }
static inline void e_mov32(struct ebuf *b, unsigned dst, unsigned src) { e_op(b, 0x8b, 0, dst, r_(src)); }
static inline void e_ld(struct ebuf *b, unsigned dst, struct hrm m) { e_op(b, 0x8b, E_W, dst, m); }
static inline void e_st(struct ebuf *b, struct hrm m, unsigned src) { e_op(b, 0x89, E_W, src, m); }
static inline void e_lea(struct ebuf *b, unsigned dst, struct hrm m) { e_op(b, 0x8d, E_W, dst, m); }

/* op /n with a 32-bit immediate (sign-extended): n as in group 1: 0 add 1 or 4 and 5 sub 6 xor 7 cmp. */
static inline void e_alui(struct ebuf *b, unsigned n, unsigned fl, struct hrm rm, s32 imm)
{
	if (imm == (s8)imm) {
		e_op(b, 0x83, fl, n, rm);
		e8(b, (u8)imm);
	} else {
		e_op(b, 0x81, fl, n, rm);
		e32(b, (u32)imm);
	}
}

static inline void e_movi32(struct ebuf *b, unsigned dst, u32 imm)
{
	if (dst >= 8)
		e8(b, 0x41);
	e8(b, 0xb8 | (dst & 7));
	e32(b, imm);
}

static inline void e_movi(struct ebuf *b, unsigned dst, u64 imm)
{
	if (imm == (u32)imm) {
		e_movi32(b, dst, (u32)imm);
	} else if ((s64)imm == (s32)imm) {
		e_op(b, 0xc7, E_W, 0, r_(dst));
		e32(b, (u32)imm);
	} else {
		e8(b, 0x48 | dst >> 3);
		e8(b, 0xb8 | (dst & 7));
		e64(b, imm);
	}
}

/* Jumps with 32-bit displacements; the returned address is that of the displacement, for e_patch(). */
static inline u8 *e_jcc(struct ebuf *b, unsigned cc)
{
	e8(b, 0x0f);
	e8(b, 0x80 | cc);
	e32(b, 0);
	return b->p - 4;
}

static inline u8 *e_jmp(struct ebuf *b)
{
	e8(b, 0xe9);
	e32(b, 0);
	return b->p - 4;
}

/* Short forms: the address of the 8-bit displacement. */
static inline u8 *e_jcc8(struct ebuf *b, unsigned cc)
{
	e8(b, 0x70 | cc);
	e8(b, 0);
	return b->p - 1;
}

static inline void e_patch8(struct ebuf *b, u8 *at) { *at = (u8)(b->p - (at + 1)); }

/* Makes the jump whose displacement is at lead to the executable address to. */
static inline void e_patch(struct ebuf *b, u8 *at, const u8 *to)
{
	s32 rel = (s32)(to - (at + 4 + b->delta));

	__builtin_memcpy(at, &rel, 4);
}

static inline void e_patch_here(struct ebuf *b, u8 *at) { e_patch(b, at, e_here(b)); }

static inline void e_jmp_to(struct ebuf *b, const u8 *to) { e_patch(b, e_jmp(b), to); }
static inline void e_jcc_to(struct ebuf *b, unsigned cc, const u8 *to) { e_patch(b, e_jcc(b, cc), to); }
static inline void e_call_to(struct ebuf *b, const u8 *to)
{
	e8(b, 0xe8);
	e32(b, 0);
	e_patch(b, b->p - 4, to);
}

/* Fills up to a multiple of n with long no-ops. */
void e_align(struct ebuf *b, unsigned n, unsigned behind);

enum host_cc {
	CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G,
};

#endif
