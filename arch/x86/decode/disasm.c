// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AT&T syntax out of struct x86_insn. The table's mnemonics are Intel's; this
 * file knows where AT&T's differ (names of conversions and conditions, width
 * suffixes where no register tells the width, x87's exchanged FSUB and FSUBR)
 * and prints operands in reverse.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "x86/disasm.h"
#include "x86/spec.h"

struct text {
	char *buf;
	size_t size, len;
	const struct x86_insn *i;
	enum x86_mode mode;
	u64 rip;
};

static __printf(2, 3) void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	t->len = MIN(t->len + (size_t)MAX(n, 0), t->size - 1);
}

static void put_lower(struct text *t, const char *name)
{
	for (; *name; name++)
		put(t, "%c", *name >= 'A' && *name <= 'Z' ? *name + 32 : *name);
}

/* ---- names ---- */

static const char *const cond_names[16] = {
	"o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
};

static const char *by_opsize(const struct x86_insn *i, const char *w, const char *l, const char *q)
{
	return i->opsize == 2 ? w : i->opsize == 4 ? l : q;
}

static bool is_endbr(const struct x86_insn *i)
{
	return i->op == X86_OP_NOP && (i->prefixes & X86_PFX_REP) && (i->modrm == 0xfa || i->modrm == 0xfb) &&
	       x86_form_opcode(x86_insn_form(i)) == 0x1e;
}

/* Names that AT&T has differently, and those that depend on a size; NULL: the table's. */
static const char *special_name(const struct text *t)
{
	const struct x86_insn *i = t->i;
	bool flat64 = t->mode == X86_MODE_64;

	switch (i->op) {
	case X86_OP_CBW:
		return by_opsize(i, "cbtw", "cwtl", "cltq");
	case X86_OP_CWD:
		return by_opsize(i, "cwtd", "cltd", "cqto");
	case X86_OP_MOVSXD:
		return i->opsize == 8 ? "movslq" : "movsxd";
	case X86_OP_JCXZ:
		return i->asize == 2 ? "jcxz" : i->asize == 4 ? "jecxz" : "jrcxz";
	case X86_OP_WAIT:
		return "fwait";
	case X86_OP_CALLF:
		return "lcall";
	case X86_OP_JMPF:
		return "ljmp";
	case X86_OP_RETF:
		return by_opsize(i, t->mode == X86_MODE_16 ? "lret" : "lretw", t->mode == X86_MODE_16 ? "lretl" : "lret", "lretq");
	case X86_OP_IRET:
		return by_opsize(i, t->mode == X86_MODE_16 ? "iret" : "iretw", t->mode == X86_MODE_16 ? "iretl" : "iret", "iretq");
	case X86_OP_PUSHF:
		return by_opsize(i, t->mode == X86_MODE_16 ? "pushf" : "pushfw", t->mode == X86_MODE_16 ? "pushfl" : "pushf", "pushf");
	case X86_OP_POPF:
		return by_opsize(i, t->mode == X86_MODE_16 ? "popf" : "popfw", t->mode == X86_MODE_16 ? "popfl" : "popf", "popf");
	case X86_OP_PUSHA:
		return by_opsize(i, t->mode == X86_MODE_16 ? "pusha" : "pushaw", t->mode == X86_MODE_16 ? "pushal" : "pusha", "");
	case X86_OP_POPA:
		return by_opsize(i, t->mode == X86_MODE_16 ? "popa" : "popaw", t->mode == X86_MODE_16 ? "popal" : "popa", "");
	case X86_OP_SYSRET:
		return i->opsize == 8 ? "sysretq" : flat64 ? "sysretl" : "sysret";
	case X86_OP_SYSEXIT:
		return flat64 && i->opsize == 8 ? "sysexitq" : "sysexit";
	case X86_OP_MOV:
		if (flat64 && (i->opnd[1].kind == X86_OPND_IMM ? i->opnd[1].size == 8 && !(i->flags & X86_INSN_MODRM) :
			       (i->flags & X86_INSN_MEM) && !(i->flags & X86_INSN_MODRM) && i->asize == 8))
			return "movabs";
		return NULL;
	case X86_OP_NOP:
		return !is_endbr(i) ? NULL : i->modrm == 0xfa ? "endbr64" : "endbr32";
	default:
		return NULL;
	}
}

/* AT&T exchanges FSUB with FSUBR and FDIV with FDIVR when the destination is not the top. */
static unsigned att_x87_op(const struct x86_insn *i)
{
	static const u16 pairs[][2] = {
		{ X86_OP_FSUB, X86_OP_FSUBR }, { X86_OP_FSUBP, X86_OP_FSUBRP },
		{ X86_OP_FDIV, X86_OP_FDIVR }, { X86_OP_FDIVP, X86_OP_FDIVRP },
	};

	if (i->opnd[0].kind != X86_OPND_ST || x86_insn_form(i)->spec[0] != SPEC_STi)
		return i->op;
	for (unsigned n = 0; n < ARRAY_SIZE(pairs); n++) {
		if (i->op == pairs[n][0])
			return pairs[n][1];
		if (i->op == pairs[n][1])
			return pairs[n][0];
	}
	return i->op;
}

/* Comparisons and carry-less products whose immediate is part of the name. Returns true when it was. */
static bool put_predicate_name(struct text *t)
{
	static const char *const preds[32] = {
		"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord",
		"eq_uq", "nge", "ngt", "false", "neq_oq", "ge", "gt", "true",
		"eq_os", "lt_oq", "le_oq", "unord_s", "neq_us", "nlt_uq", "nle_uq", "ord_s",
		"eq_us", "nge_uq", "ngt_uq", "false_os", "neq_os", "ge_oq", "gt_oq", "true_us",
	};
	const struct x86_insn *i = t->i;
	bool vex = i->flags & X86_INSN_VEX;

	if (i->op >= X86_OP_CMPPS && i->op <= X86_OP_CMPSD && i->imm < (vex ? 32 : 8)) {
		put(t, "%scmp%s", vex ? "v" : "", preds[i->imm]);
		put_lower(t, x86_op_info(i->op)->name + 3);
		return true;
	}
	if (i->op == X86_OP_PCLMULQDQ && !(i->imm & ~0x11ULL)) {
		put(t, "%spclmul%cq%cqdq", vex ? "v" : "", i->imm & 1 ? 'h' : 'l', i->imm & 0x10 ? 'h' : 'l');
		return true;
	}
	return false;
}

static char width_letter(unsigned size)
{
	return size == 1 ? 'b' : size == 2 ? 'w' : size == 4 ? 'l' : 'q';
}

/* x87 memory operands: the letter depends on integer or real. */
static const char *x87_suffix(const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;

	switch (i->op) {
	case X86_OP_FIADD: case X86_OP_FIMUL: case X86_OP_FICOM: case X86_OP_FICOMP: case X86_OP_FISUB:
	case X86_OP_FISUBR: case X86_OP_FIDIV: case X86_OP_FIDIVR: case X86_OP_FILD: case X86_OP_FIST:
	case X86_OP_FISTP: case X86_OP_FISTTP:
		return size == 2 ? "s" : size == 4 ? "l" : "ll";
	case X86_OP_FADD: case X86_OP_FMUL: case X86_OP_FCOM: case X86_OP_FCOMP: case X86_OP_FSUB:
	case X86_OP_FSUBR: case X86_OP_FDIV: case X86_OP_FDIVR: case X86_OP_FLD: case X86_OP_FST: case X86_OP_FSTP:
		return size == 4 ? "s" : size == 8 ? "l" : "t";
	default:
		return "";
	}
}

/* Integer instructions whose memory operand's width nothing else shows. */
static bool wants_suffix(const struct x86_insn *i)
{
	switch (i->op) {
	case X86_OP_ADD: case X86_OP_OR: case X86_OP_ADC: case X86_OP_SBB: case X86_OP_AND: case X86_OP_SUB:
	case X86_OP_XOR: case X86_OP_CMP: case X86_OP_INC: case X86_OP_DEC: case X86_OP_NEG: case X86_OP_NOT:
	case X86_OP_MUL: case X86_OP_IMUL: case X86_OP_DIV: case X86_OP_IDIV: case X86_OP_TEST: case X86_OP_MOV:
	case X86_OP_ROL: case X86_OP_ROR: case X86_OP_RCL: case X86_OP_RCR: case X86_OP_SHL: case X86_OP_SHR:
	case X86_OP_SAR: case X86_OP_BT: case X86_OP_BTS: case X86_OP_BTR: case X86_OP_BTC: case X86_OP_NOP:
		break;
	default:
		return false;
	}
	if (i->op == X86_OP_NOP)
		return i->opnd[0].kind != X86_OPND_NONE && !is_endbr(i);
	if (i->opnd[0].kind != X86_OPND_MEM)
		return false;
	for (unsigned n = 1; n < 4; n++) {
		unsigned kind = i->opnd[n].kind;
		bool count = x86_insn_form(i)->spec[n] == SPEC_CL;

		if (kind != X86_OPND_NONE && kind != X86_OPND_IMM && !count)
			return false;
	}
	return true;
}

static void put_suffix(struct text *t)
{
	const struct x86_insn *i = t->i;
	unsigned def = t->mode == X86_MODE_64 ? 8 : t->mode == X86_MODE_32 ? 4 : 2;

	switch (i->op) {
	case X86_OP_MOVSX: case X86_OP_MOVZX:
		/* movsbl, movzwq: both widths; the x of the table's name is dropped */
		t->len--;
		put(t, "%c%c", width_letter(i->opnd[1].size), width_letter(i->opnd[0].size));
		return;
	case X86_OP_MOVS: case X86_OP_CMPS: case X86_OP_INS: case X86_OP_OUTS:
		put(t, "%c", width_letter(i->opnd[0].kind >= X86_OPND_STRSRC ? i->opnd[0].size : i->opnd[1].size));
		return;
	case X86_OP_CRC32:
		if (i->flags & X86_INSN_MEM)
			put(t, "%c", width_letter(i->opnd[1].size));
		return;
	case X86_OP_CVTSI2SS: case X86_OP_CVTSI2SD:
		if ((i->flags & X86_INSN_MEM) && t->mode == X86_MODE_64)
			put(t, "%c", i->opsize == 8 ? 'q' : 'l');
		return;
	case X86_OP_PUSH: case X86_OP_POP:
		if (i->opsize != def && (i->flags & X86_INSN_MEM || i->opnd[0].kind == X86_OPND_IMM || i->opnd[0].kind == X86_OPND_SEG))
			put(t, "%c", width_letter(i->opsize));
		return;
	case X86_OP_CALL: case X86_OP_JMP: case X86_OP_RET: case X86_OP_LEAVE: case X86_OP_ENTER:
		if (i->opsize != def && !(i->opnd[0].kind == X86_OPND_GPR))
			put(t, "%c", width_letter(i->opsize));
		return;
	case X86_OP_CALLF: case X86_OP_JMPF:
		if (i->opsize != def && i->opsize != 8 && !(def == 8 && i->opsize == 4))
			put(t, "%c", width_letter(i->opsize));
		return;
	case X86_OP_FXSAVE: case X86_OP_FXRSTOR: case X86_OP_XSAVE: case X86_OP_XRSTOR: case X86_OP_XSAVEOPT:
	case X86_OP_XSAVEC: case X86_OP_XSAVES: case X86_OP_XRSTORS:
		if (i->flags & X86_INSN_W)
			put(t, "64");
		return;
	default:
		break;
	}
	if (x86_op_info(i->op)->flags & X86_OPF_FP && i->flags & X86_INSN_MEM)
		put(t, "%s", x87_suffix(i));
	else if (wants_suffix(i))
		put(t, "%c", width_letter(i->opnd[0].size));
}

static void put_prefixes(struct text *t)
{
	const struct x86_insn *i = t->i;
	bool compares = i->op == X86_OP_CMPS || i->op == X86_OP_SCAS;

	if (i->prefixes & X86_PFX_LOCK)
		put(t, "lock ");
	if (!(x86_op_info(i->op)->flags & X86_OPF_STRING))
		return;
	if (i->prefixes & X86_PFX_REP)
		put(t, compares ? "repz " : "rep ");
	if (i->prefixes & X86_PFX_REPNE)
		put(t, "repnz ");
}

static void put_name(struct text *t)
{
	const struct x86_insn *i = t->i;
	const char *name = special_name(t);
	unsigned op = att_x87_op(i), exc = x86_insn_form(i)->exc;

	if (put_predicate_name(t))
		return;
	if (name)
		put(t, "%s", name);
	else if (op >= X86_OP_JO && op <= X86_OP_JNLE)
		put(t, "j%s", cond_names[op - X86_OP_JO]);
	else if (op >= X86_OP_SETO && op <= X86_OP_SETNLE)
		put(t, "set%s", cond_names[op - X86_OP_SETO]);
	else if (op >= X86_OP_CMOVO && op <= X86_OP_CMOVNLE)
		put(t, "cmov%s", cond_names[op - X86_OP_CMOVO]);
	else {
		name = x86_op_info(op)->name;
		if ((i->flags & X86_INSN_VEX) && exc != X86_EXC_13 && name[0] != 'V')
			put(t, "v");
		put_lower(t, name);
	}
	put_suffix(t);
}

/* ---- operands ---- */

static void put_gpr(struct text *t, unsigned reg, unsigned size)
{
	static const char names[8][3] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };

	if (reg >= 8)
		put(t, "%%r%u%s", reg, size == 1 ? "b" : size == 2 ? "w" : size == 4 ? "d" : "");
	else if (size == 1)
		put(t, reg < 4 ? "%%%cl" : "%%%c%cl", names[reg][0], names[reg][1]);
	else
		put(t, "%%%s%s", size == 2 ? "" : size == 4 ? "e" : "r", names[reg]);
}

static const char seg_names[X86_SEG_COUNT][3] = { "es", "cs", "ss", "ds", "fs", "gs" };

static void put_disp(struct text *t, bool bare)
{
	const struct x86_insn *i = t->i;
	u64 d = (u64)i->disp;

	if (bare && i->asize != 2) {
		put(t, "0x%llx", i->asize == 8 ? d : d & 0xffffffff);
	} else if (i->disp < 0) {
		put(t, "-0x%llx", 0 - d);
	} else {
		put(t, "0x%llx", d);
	}
}

static void put_index(struct text *t, bool sib)
{
	const struct x86_insn *i = t->i;

	if (i->flags & X86_INSN_VSIB) {
		const struct x86_form *f = x86_insn_form(i);
		bool q = x86_form_opcode(f) & 1, wide = i->flags & X86_INSN_L;

		/* dword indices of qword elements fill half a register */
		put(t, ",%%%cmm%u", wide && (q || !(i->flags & X86_INSN_W)) ? 'y' : 'x', i->index);
	} else if (i->index != X86_REG_NONE) {
		put(t, ",");
		put_gpr(t, i->index, i->asize);
	} else if (sib && (i->scale || (i->base & 7) != X86_RSP)) {
		put(t, ",%%%ciz", i->asize == 8 ? 'r' : 'e');
	} else {
		return;
	}
	if (i->asize != 2)
		put(t, ",%u", 1u << i->scale);
}

static void put_mem(struct text *t)
{
	const struct x86_insn *i = t->i;
	unsigned mod = i->modrm >> 6;
	bool sib = (i->flags & X86_INSN_MODRM) && i->asize != 2 && (i->modrm & 7) == 4;
	bool bare = i->base == X86_REG_NONE && i->index == X86_REG_NONE && !(i->flags & X86_INSN_VSIB);

	if (i->prefixes & X86_PFX_SEG || i->op == X86_OP_XLAT)
		put(t, "%%%s:", seg_names[i->seg]);
	if (bare) {
		put_disp(t, !sib || t->mode == X86_MODE_64);
		if (sib && t->mode != X86_MODE_64)
			put(t, "(,%%eiz,%u)", 1u << i->scale);
		return;
	}
	if (i->disp || (i->flags & X86_INSN_MODRM && (mod || i->base == X86_REG_NONE || i->base == X86_REG_RIP)))
		put_disp(t, false);
	put(t, "(");
	if (i->base == X86_REG_RIP)
		put(t, i->asize == 8 ? "%%rip" : "%%eip");
	else if (i->base != X86_REG_NONE)
		put_gpr(t, i->base, i->asize);
	put_index(t, sib);
	put(t, ")");
}

static void put_imm(struct text *t, const struct x86_operand *o, u64 imm)
{
	unsigned size = o->size;

	/* PUSH and the sign-extended forms show what is used. */
	if (t->i->op == X86_OP_PUSH)
		size = t->i->opsize;
	put(t, "$0x%llx", size >= 8 ? imm : imm & ((1ULL << size * 8) - 1));
}

static void put_target(struct text *t)
{
	const struct x86_insn *i = t->i;
	u64 to = t->rip + i->len + i->imm;

	if (t->mode != X86_MODE_64 || i->opsize == 2)
		to &= i->opsize == 2 ? 0xffff : 0xffffffff;
	put(t, "0x%llx", to);
}

static void put_string(struct text *t, bool dst)
{
	const struct x86_insn *i = t->i;

	put(t, "%%%s:(", dst ? "es" : seg_names[i->seg]);
	put_gpr(t, dst ? X86_RDI : X86_RSI, i->asize);
	put(t, ")");
}

static void put_operand(struct text *t, unsigned n)
{
	const struct x86_insn *i = t->i;
	const struct x86_operand *o = &i->opnd[n];
	bool port = (i->op == X86_OP_IN || i->op == X86_OP_OUT || i->op == X86_OP_INS || i->op == X86_OP_OUTS) &&
		    x86_insn_form(i)->spec[n] == SPEC_DX;
	bool through = (i->op == X86_OP_JMP || i->op == X86_OP_CALL || i->op == X86_OP_JMPF || i->op == X86_OP_CALLF) &&
		       (o->kind == X86_OPND_GPR || o->kind == X86_OPND_MEM);

	put(t, "%s", through ? "*" : port ? "(" : "");
	switch (o->kind) {
	case X86_OPND_GPR:
		put_gpr(t, o->reg, o->size);
		break;
	case X86_OPND_GPRH:
		put(t, "%%%ch", "acdb"[o->reg]);
		break;
	case X86_OPND_MEM:
		put_mem(t);
		break;
	case X86_OPND_IMM:
		put_imm(t, o, i->op == X86_OP_ENTER ? i->imm & 0xffff : i->imm);
		break;
	case X86_OPND_IMM2:
		put(t, "$0x%llx", i->imm >> 32);
		break;
	case X86_OPND_REL:
		put_target(t);
		break;
	case X86_OPND_FAR:
		put(t, "$0x%llx,$0x%llx", i->imm >> 32, i->imm & 0xffffffff);
		break;
	case X86_OPND_SEG:
		put(t, "%%%s", seg_names[o->reg]);
		break;
	case X86_OPND_CR:
		put(t, "%%cr%u", o->reg);
		break;
	case X86_OPND_DR:
		put(t, "%%db%u", o->reg);
		break;
	case X86_OPND_ST:
		if (x86_insn_form(i)->spec[n] == SPEC_ST0)
			put(t, "%%st");
		else
			put(t, "%%st(%u)", o->reg);
		break;
	case X86_OPND_MMX:
		put(t, "%%mm%u", o->reg);
		break;
	case X86_OPND_XMM:
		put(t, "%%xmm%u", o->reg);
		break;
	case X86_OPND_YMM:
		put(t, "%%ymm%u", o->reg);
		break;
	case X86_OPND_STRSRC:
		put_string(t, false);
		break;
	case X86_OPND_STRDST:
		put_string(t, true);
		break;
	default:
		break;
	}
	put(t, "%s", port ? ")" : "");
}

/* Operands that AT&T leaves out: the 1 of shifts, the predicate in the name, MASKMOV's (rDI), ST of compares. */
static bool hidden(const struct text *t, unsigned n)
{
	const struct x86_insn *i = t->i;
	unsigned spec = x86_insn_form(i)->spec[n];

	if (spec == SPEC_ONE || spec == SPEC_DIq || spec == SPEC_DIdq)
		return true;
	if (i->opnd[n].kind == X86_OPND_IMM) {
		if (i->op >= X86_OP_CMPPS && i->op <= X86_OP_CMPSD)
			return i->imm < (i->flags & X86_INSN_VEX ? 32 : 8);
		return i->op == X86_OP_PCLMULQDQ && !(i->imm & ~0x11ULL);
	}
	return spec == SPEC_ST0 && (i->op == X86_OP_FCOM || i->op == X86_OP_FCOMP);
}

static void put_operands(struct text *t)
{
	const struct x86_insn *i = t->i;
	bool forward = i->op == X86_OP_ENTER || i->op == X86_OP_BOUND;
	bool first = true;

	for (unsigned k = 0; k < 4; k++) {
		unsigned n = forward ? k : 3 - k;

		if (i->opnd[n].kind == X86_OPND_NONE || hidden(t, n))
			continue;
		put(t, "%s", first ? "" : ",");
		first = false;
		put_operand(t, n);
	}
}

/* Mnemonics with registers that the encoding does not name. */
static const char *fixed_operands(const struct text *t)
{
	bool wide = t->mode == X86_MODE_64;

	switch (t->i->op) {
	case X86_OP_MONITOR: case X86_OP_MONITORX:
		return wide ? "%rax,%ecx,%edx" : "%eax,%ecx,%edx";
	case X86_OP_MWAIT:
		return "%eax,%ecx";
	case X86_OP_MWAITX:
		return "%eax,%ecx,%ebx";
	default:
		return NULL;
	}
}

size_t x86_disasm(char *buf, size_t size, const struct x86_insn *insn, enum x86_mode mode, u64 rip)
{
	struct text t = { .buf = buf, .size = size, .i = insn, .mode = mode, .rip = rip };
	const char *fixed;
	size_t name_at;

	if (!size)
		return 0;
	buf[0] = '\0';
	if (insn->op == X86_OP_INVALID) {
		put(&t, "(bad)");
		return t.len;
	}
	put_prefixes(&t);
	name_at = t.len;
	put_name(&t);
	fixed = fixed_operands(&t);
	if (!fixed && (insn->opnd[0].kind == X86_OPND_NONE || is_endbr(insn)))
		return t.len;
	put(&t, "%*s", t.len - name_at < 6 ? (int)(7 - (t.len - name_at)) : 1, "");
	if (fixed)
		put(&t, "%s", fixed);
	else
		put_operands(&t);
	return t.len;
}
