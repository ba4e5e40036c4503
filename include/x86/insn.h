/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one x86 decoder: bytes to struct x86_insn. Interpreter, translator,
 * disassembler and test generators all read the same table lines
 * in arch/x86/decode; the facts of a line that are not particular to
 * one instruction's bytes are reached through x86_insn_form() and
 * x86_op_info(). Nothing here allocates or has state.
 */
#ifndef VMBOX_X86_INSN_H
#define VMBOX_X86_INSN_H

#include "compiler.h"

/*
 * One enumerator a mnemonic of the SDM, whatever its operands. Legacy SSE and
 * VEX encodings share the op (X86_INSN_VEX tells); families that only differ
 * in operand size share it too (CBW is CBW/CWDE/CDQE, MOVS is the string
 * move of any size, JCXZ looks at asize). The Jcc, SETcc and CMOVcc runs are
 * in condition-code order: cc == op - X86_OP_JO.
 */
enum x86_op {
	X86_OP_INVALID,
#define OP(name, ctl, read, written, undef, flags) X86_OP_##name,
#include "x86/ops.def"
#undef OP
	X86_OP_COUNT,
};

enum x86_mode {
	X86_MODE_16,	/* real, V8086, 16-bit protected: CS.D == 0 */
	X86_MODE_32,	/* CS.D == 1, also compatibility mode */
	X86_MODE_64,
};

/* General registers by their number in encodings. */
enum x86_reg {
	X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
	X86_REG_RIP,	/* only as insn.base: the address of the next instruction */
	X86_REG_NONE,	/* only as insn.base and insn.index */
};

/* Segment registers by their number in encodings. */
enum x86_seg {
	X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS,
	X86_SEG_COUNT,
};

enum x86_opnd_kind {
	X86_OPND_NONE,
	X86_OPND_GPR,	/* reg 0-15, size 1, 2, 4 or 8 */
	X86_OPND_GPRH,	/* AH, CH, DH, BH as reg 0-3 (of RAX..RBX), size 1 */
	X86_OPND_MEM,	/* seg:[base + (index << scale) + disp], see below */
	X86_OPND_IMM,	/* insn.imm, already sign- or zero-extended to 64 bits */
	X86_OPND_IMM2,	/* ENTER's level: insn.imm >> 32 (IMM is then the low 16 bits) */
	X86_OPND_REL,	/* near target: end of insn + insn.imm, cut to opsize */
	X86_OPND_FAR,	/* ptr16:16/32: offset in imm bits 31..0, selector in 47..32 */
	X86_OPND_SEG,	/* segment register, reg 0-5 */
	X86_OPND_CR,
	X86_OPND_DR,
	X86_OPND_ST,	/* ST(reg) */
	X86_OPND_MMX,	/* MMX register 0-7 */
	X86_OPND_XMM,	/* XMM register; size 1-16 is what is used of it */
	X86_OPND_YMM,
	X86_OPND_STRSRC,/* seg:[rSI] by asize; the override is in insn.seg */
	X86_OPND_STRDST,/* ES:[rDI] by asize */
};

/* struct x86_operand.access */
#define X86_ACC_R	0x01
#define X86_ACC_W	0x02
#define X86_ACC_RW	(X86_ACC_R | X86_ACC_W)
#define X86_ACC_IMPL	0x08	/* not in the assembler text (MUL's rAX, ...) */

struct x86_operand {
	u8 kind;	/* enum x86_opnd_kind */
	u8 reg;
	u8 size;	/* bytes; 0: given by the op (FXSAVE, LEA, descriptor tables: see form) */
	u8 access;
};

/* struct x86_insn.prefixes */
#define X86_PFX_LOCK	0x01
#define X86_PFX_REP	0x02	/* F3 was the last of F2/F3 */
#define X86_PFX_REPNE	0x04	/* F2 was the last of F2/F3 */
#define X86_PFX_66	0x08
#define X86_PFX_67	0x10
#define X86_PFX_SEG	0x20	/* an override that counts (in 64-bit mode only FS and GS) */

/* struct x86_insn.flags */
#define X86_INSN_MODRM	0x01	/* modrm is valid */
#define X86_INSN_MEM	0x02	/* one operand is X86_OPND_MEM */
#define X86_INSN_VEX	0x04
#define X86_INSN_L	0x08	/* VEX.L */
#define X86_INSN_W	0x10	/* REX.W or VEX.W */
#define X86_INSN_VSIB	0x20	/* index is a vector register */

/* struct x86_insn.rex: the low bits also hold the inverted bits of VEX */
#define X86_REX_B	0x01
#define X86_REX_X	0x02
#define X86_REX_R	0x04
#define X86_REX_W	0x08
#define X86_REX		0x40	/* a REX prefix was there: SPL..DIL */

/*
 * A decoded instruction. A memory operand's address is
 *	base + (index << scale) + disp, cut to asize bytes, then + seg's base
 * where base X86_REG_RIP means the address behind the instruction; moffs
 * operands are MEM with neither base nor index. At most one operand is MEM.
 * XLAT adds AL to its MEM (base rBX); BT* with a register index move it.
 */
struct x86_insn {
	u16 op;		/* enum x86_op */
	u16 form;	/* table line, for x86_insn_form() */
	u8  len;	/* bytes, 1-15 */
	u8  opsize;	/* effective operand size: 2, 4, 8 (d64/f64 rules applied) */
	u8  asize;	/* effective address size: 2, 4, 8 */
	u8  seg;	/* enum x86_seg, default (SS with rSP/rBP base) or override */
	u8  prefixes;	/* X86_PFX_* */
	u8  flags;	/* X86_INSN_* */
	u8  modrm;	/* raw byte; x86_insn_reg() and x86_insn_rm() extend it */
	u8  rex;	/* X86_REX* */
	u8  vvvv;	/* VEX.vvvv, register number 0-15 */
	u8  base;	/* enum x86_reg */
	u8  index;	/* enum x86_reg */
	u8  scale;	/* shift: 0-3 */
	s64 disp;
	u64 imm;
	struct x86_operand opnd[4];
};

_Static_assert(sizeof(struct x86_insn) == 48, "struct x86_insn grew");

/* CPUID features that a table line needs; whoever executes checks them (#UD). */
enum x86_feature {
#define FEATURE(name) X86_FEAT_##name,
#include "x86/features.def"
#undef FEATURE
	X86_FEAT_COUNT,
};

/* struct x86_op_info.ctl: what the op does to the flow of control. */
enum x86_ctl {
	X86_CTL_NONE,	/* goes on behind it */
	X86_CTL_JCC,	/* conditional near branch: Jcc, LOOPcc, JCXZ */
	X86_CTL_JMP,	/* near or far, direct or indirect */
	X86_CTL_CALL,
	X86_CTL_RET,
	X86_CTL_TRAP,	/* INT, SYSCALL, SYSRET, IRET, UD2 ...: goes elsewhere */
	X86_CTL_STOP,	/* goes on, but mode, paging, interrupts or privilege may have changed: ends a block */
};

/* Flag bits as in EFLAGS, for the masks of struct x86_op_info. */
#define X86_FL_CF	0x00000001u
#define X86_FL_PF	0x00000004u
#define X86_FL_AF	0x00000010u
#define X86_FL_ZF	0x00000040u
#define X86_FL_SF	0x00000080u
#define X86_FL_TF	0x00000100u
#define X86_FL_IF	0x00000200u
#define X86_FL_DF	0x00000400u
#define X86_FL_OF	0x00000800u
#define X86_FL_IOPL	0x00003000u
#define X86_FL_NT	0x00004000u
#define X86_FL_RF	0x00010000u
#define X86_FL_VM	0x00020000u
#define X86_FL_AC	0x00040000u
#define X86_FL_VIF	0x00080000u
#define X86_FL_VIP	0x00100000u
#define X86_FL_ID	0x00200000u
#define X86_FL_ARITH	(X86_FL_CF | X86_FL_PF | X86_FL_AF | X86_FL_ZF | X86_FL_SF | X86_FL_OF)

/* struct x86_op_info.flags */
#define X86_OPF_CONDFL	0x01	/* may leave its flags as they were (shift by 0, REP CMPS with rCX 0) */
#define X86_OPF_STACK	0x02	/* implicit access of the stack */
#define X86_OPF_STRING	0x04	/* takes REP; moves rSI/rDI/rCX */
#define X86_OPF_FP	0x08	/* x87 state */
#define X86_OPF_COMMUT	0x10	/* first two sources may be exchanged */

struct x86_op_info {
	const char *name;	/* upper case */
	u8  ctl;		/* enum x86_ctl */
	u8  flags;		/* X86_OPF_* */
	u32 fl_read;
	u32 fl_written;		/* get a defined value (OF of shifts: also in fl_undef, defined for count 1) */
	u32 fl_undef;		/* SDM: undefined afterwards */
};

/* struct x86_form.flags: what a table line says beyond its operands. */
#define X86_FF_LOCK	0x0001	/* LOCK allowed (with a memory destination) */
#define X86_FF_CPL0	0x0002	/* #GP(0) unless CPL 0 */
#define X86_FF_IOPL	0x0004	/* sensitive to IOPL */
#define X86_FF_D64	0x0008	/* operand size defaults to 64 in 64-bit mode */
#define X86_FF_F64	0x0010	/* operand size is 64 in 64-bit mode, 66 ignored */
#define X86_FF_ALIGN	0x0020	/* memory operand unaligned: #GP(0) */
#define X86_FF_PROT	0x0040	/* #UD in real and V8086 mode */
#define X86_FF_VEX	0x0080	/* VEX encoding: #UD in real and V8086 mode too */
#define X86_FF_UMIP	0x0100	/* #GP(0) with CR4.UMIP unless CPL 0 */
#define X86_FF_NOMODRM	0x0200	/* no ModRM byte */
#define X86_FF_MODRM3	0x0400	/* mod is taken as 3 whatever it says (MOV CR, DR) */
#define X86_FF_VSIB	0x0800
#define X86_FF_UD	0x1000	/* known, always #UD (UD2, and VMX without it) */
#define X86_FF_MMX	0x2000	/* MMX state: #NM/#MF rules, x87 tags become valid */
#define X86_FF_CPL0_UD	0x4000	/* #UD unless CPL 0 */

/* Exception classes of SDM vol. 2, 2.4 (and x87), struct x86_form.exc. */
enum x86_exc {
	X86_EXC_NONE,
	X86_EXC_1, X86_EXC_2, X86_EXC_3, X86_EXC_4, X86_EXC_5, X86_EXC_6,
	X86_EXC_7, X86_EXC_8, X86_EXC_11, X86_EXC_12, X86_EXC_13,
	X86_EXC_MMX,	/* SDM vol. 3, 23.25.3 */
	X86_EXC_X87,
};

/* The opcode maps, x86_form_map(). */
enum x86_map {
	X86_MAP_1,	/* one byte */
	X86_MAP_0F,
	X86_MAP_0F38,
	X86_MAP_0F3A,
	X86_MAP_X87M,	/* D8-DF with memory: opcode is (escape & 7) * 8 + reg */
	X86_MAP_X87R,	/* D8-DF with mod 3: opcode likewise */
	X86_MAP_COUNT,
};

/* What a table line must match, struct x86_form.key and .mask. */
#define X86_KEY_REG	0x00000007u	/* ModRM.reg, not extended */
#define X86_KEY_RM	0x00000038u	/* ModRM.rm, not extended, << 3 */
#define X86_KEY_MOD3	0x00000040u	/* ModRM.mod == 3 */
#define X86_KEY_66	0x00000080u
#define X86_KEY_F3	0x00000100u
#define X86_KEY_F2	0x00000200u
#define X86_KEY_W	0x00000400u	/* REX.W, VEX.W as encoded */
#define X86_KEY_L	0x00000800u
#define X86_KEY_VEX	0x00001000u
#define X86_KEY_M64	0x00002000u	/* 64-bit mode */
#define X86_KEY_REXB	0x00004000u
#define X86_KEY_W64	0x00008000u	/* W in 64-bit mode; elsewhere W is ignored */

/*
 * One table line. acc[] and spec[] run in parallel with x86_insn.opnd[]. The
 * lines of an opcode stand behind a head: op X86_OP_INVALID, with map and
 * opcode, which only heads have: use x86_form_map() and x86_form_opcode().
 */
struct x86_form {
	u16 op;
	u8  head_map;	/* enum x86_map */
	u8  head_opcode;
	u32 key;
	u32 mask;
	u8  spec[4];	/* enum x86_spec (x86/spec.h) */
	u8  acc[4];	/* X86_ACC_* */
	u16 flags;	/* X86_FF_* */
	u8  feature;	/* enum x86_feature */
	u8  exc;	/* enum x86_exc */
};

/* Errors of x86_decode(), returned negative. */
#define X86_DECODE_UD		1	/* raise #UD */
#define X86_DECODE_GP		2	/* over 15 bytes: raise #GP(0) */
#define X86_DECODE_NEED_MORE	3	/* avail ends inside the instruction: fetch the next page or fault */

/*
 * Decodes the instruction at bytes. avail: bytes that may be read, 1-15 (more
 * is harmless). Returns 0, or one of -X86_DECODE_*; *out is then undefined but
 * for op == X86_OP_INVALID. #UD depends on encoding alone: features, CPL,
 * protected mode (X86_FF_PROT, X86_FF_VEX), CR0 and CR4 are the caller's
 * business. Bytes behind an invalid opcode are not asked for.
 */
int x86_decode(struct x86_insn *out, const u8 *bytes, unsigned avail, enum x86_mode mode);

/* Number of entries of x86_form_table[], heads included. */
unsigned x86_form_count(void);

extern const struct x86_op_info x86_op_infos[X86_OP_COUNT];
extern const struct x86_form x86_form_table[];

static inline const struct x86_form *x86_insn_form(const struct x86_insn *insn)
{
	return &x86_form_table[insn->form];
}

/* The head in front of a line, which names its map and opcode. */
static inline const struct x86_form *x86_form_head(const struct x86_form *form)
{
	while (form->op != X86_OP_INVALID)
		form--;
	return form;
}

static inline unsigned x86_form_map(const struct x86_form *form)
{
	return x86_form_head(form)->head_map;
}

static inline unsigned x86_form_opcode(const struct x86_form *form)
{
	return x86_form_head(form)->head_opcode;
}

static inline const struct x86_op_info *x86_op_info(unsigned op)
{
	return &x86_op_infos[op];
}

/* ModRM.reg and ModRM.rm with REX/VEX extension. */
static inline unsigned x86_insn_reg(const struct x86_insn *insn)
{
	return ((insn->modrm >> 3) & 7) | ((insn->rex & X86_REX_R) << 1);
}

static inline unsigned x86_insn_rm(const struct x86_insn *insn)
{
	return (insn->modrm & 7) | ((insn->rex & X86_REX_B) << 3);
}

/* X86_ACC_R, _W, _RW of the MEM operand, 0 without one. LEA and NOP give 0. */
static inline unsigned x86_insn_mem_access(const struct x86_insn *insn)
{
	if (insn->flags & X86_INSN_MEM)
		for (unsigned i = 0; i < 4; i++)
			if (insn->opnd[i].kind == X86_OPND_MEM)
				return insn->opnd[i].access & X86_ACC_RW;
	return 0;
}

#endif
