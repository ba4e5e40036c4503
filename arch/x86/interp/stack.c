// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stack in every mode: PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE,
 * and what calls and returns use of it.
 */
#include "general.h"

u64 stack_mask(const struct x86_cpu *cpu)
{
	if (x86_in_64bit(cpu))
		return ~0ULL;
	return cpu->seg[X86_SS].attr & X86_ATTR_DB ? 0xffffffff : 0xffff;
}

void stack_set_sp(struct x86_cpu *cpu, u64 sp)
{
	u64 mask = stack_mask(cpu);

	if (mask == 0xffff)
		x86_set_reg(cpu, X86_RSP, 2, sp);
	else
		cpu->gpr[X86_RSP] = sp & mask;
}

u64 sys_stack_linear(struct x86_cpu *cpu, u64 sp, unsigned size, int access)
{
	return x86_seg_linear(cpu, X86_SS, sp & stack_mask(cpu), size, access);
}

void stack_push(struct x86_cpu *cpu, u64 val, unsigned size)
{
	u64 sp = cpu->gpr[X86_RSP] - size;

	x86_st(cpu, sys_stack_linear(cpu, sp, size, X86_WRITE), size, val);
	stack_set_sp(cpu, sp);
}

u64 stack_peek(struct x86_cpu *cpu, u64 off, unsigned size)
{
	return x86_ld(cpu, sys_stack_linear(cpu, cpu->gpr[X86_RSP] + off, size, X86_READ), size);
}

u64 stack_pop(struct x86_cpu *cpu, unsigned size)
{
	u64 v = stack_peek(cpu, 0, size);

	stack_set_sp(cpu, cpu->gpr[X86_RSP] + size);
	return v;
}

static void x_push(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 0);
	u64 sp = cpu->gpr[X86_RSP] - in->opsize;

	if (in->opnd[0].kind == X86_OPND_SEG && in->opsize > 2) {
		/* 32-bit processors write the selector's two bytes only */
		unsigned n = in->opsize == 8 ? 8 : 2;

		x86_st(cpu, sys_stack_linear(cpu, sp, n, X86_WRITE), n, v);
		stack_set_sp(cpu, sp);
		return;
	}
	stack_push(cpu, v, in->opsize);
}

static void pop_segment(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned seg = in->opnd[0].reg;
	u64 sp = cpu->gpr[X86_RSP] + in->opsize;
	u16 sel = (u16)stack_peek(cpu, 0, in->opsize == 8 ? 8 : 2);

	sys_load_seg(cpu, seg, sel);
	stack_set_sp(cpu, sp);
	if (seg == X86_SS) {
		cpu->shadow = X86_SHADOW_SS;
		sys_attention(cpu);
	}
}

static void x_pop(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 sp = cpu->gpr[X86_RSP], v;

	if (in->opnd[0].kind == X86_OPND_SEG) {
		pop_segment(cpu, in);
		return;
	}
	v = stack_pop(cpu, in->opsize);
	if (in->opnd[0].kind == X86_OPND_MEM) {
		/* an address by rSP uses the incremented one; a fault leaves it as it was */
		u64 moved = cpu->gpr[X86_RSP], lin;
		u64 ea = x86_ea(cpu, in);

		cpu->gpr[X86_RSP] = sp;
		lin = x86_seg_linear(cpu, in->seg, ea, in->opsize, X86_WRITE);
		x86_st(cpu, lin, in->opsize, v);
		cpu->gpr[X86_RSP] = moved;
		return;
	}
	x86_put_operand(cpu, in, 0, v);
}

static void x_pusha(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned size = in->opsize;
	u64 sp = cpu->gpr[X86_RSP];

	for (unsigned i = 0; i < 8; i++) {	/* checked first: all or nothing */
		u64 lin = sys_stack_linear(cpu, sp - size * (i + 1), size, X86_WRITE);
		x86_probe(cpu, lin, size, X86_WRITE);
	}
	for (unsigned i = 0; i < 8; i++)
		x86_st(cpu, sys_stack_linear(cpu, sp - size * (i + 1), size, X86_WRITE), size, cpu->gpr[i]);
	stack_set_sp(cpu, sp - size * 8);
}

static void x_popa(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned size = in->opsize;
	u64 v[8];

	for (unsigned i = 0; i < 8; i++)
		v[i] = stack_peek(cpu, size * i, size);
	stack_set_sp(cpu, cpu->gpr[X86_RSP] + size * 8);
	for (unsigned i = 0; i < 8; i++)
		if (7 - i != X86_RSP)
			x86_set_reg(cpu, 7 - i, size, v[i]);
}

/* ---- flags ---- */

static void x_pushf(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 fl = x86_eflags(cpu) & ~(u64)(X86_FL_VM | X86_FL_RF);

	if (sys_v86(cpu) && sys_iopl(cpu) < 3) {
		if (!(cpu->cr4 & CR4_VME) || in->opsize != 2)
			x86_raise_gp(cpu, 0);
		/* VME: IF shows VIF, IOPL shows 3 */
		fl = (fl & ~(u64)X86_FL_IF) | (cpu->eflags & X86_FL_VIF ? X86_FL_IF : 0) | X86_FL_IOPL;
	}
	stack_push(cpu, fl, in->opsize);
}

static void popf_vme(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v;

	if (!(cpu->cr4 & CR4_VME) || in->opsize != 2)
		x86_raise_gp(cpu, 0);
	v = stack_peek(cpu, 0, 2);
	if ((v & X86_FL_TF) || ((v & X86_FL_IF) && (cpu->eflags & X86_FL_VIP)))
		x86_raise_gp(cpu, 0);
	stack_pop(cpu, 2);
	u32 keep = cpu->eflags & (X86_FL_IF | X86_FL_IOPL | (0xffff0000u & ~X86_FL_VIF));
	x86_set_eflags(cpu, keep | (v & 0xffff & ~(u64)(X86_FL_IF | X86_FL_IOPL)) | (v & X86_FL_IF ? X86_FL_VIF : 0));
}

static void x_popf(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u32 change = X86_FL_ARITH | X86_FL_TF | X86_FL_DF | X86_FL_NT;
	u64 v, old = x86_eflags(cpu);

	if (sys_v86(cpu) && sys_iopl(cpu) < 3) {
		popf_vme(cpu, in);
		return;
	}
	if (in->opsize > 2)
		change |= X86_FL_AC | X86_FL_ID;
	if (cpu->cpl <= sys_iopl(cpu))
		change |= X86_FL_IF;
	if (cpu->cpl == 0)
		change |= X86_FL_IOPL;
	v = stack_pop(cpu, in->opsize);
	/* RF is cleared; VM, VIF and VIP stay (VIP and VIF are cleared by 32-bit POPF at CPL 0) */
	old &= ~(u64)X86_FL_RF;
	x86_set_eflags(cpu, (old & ~(u64)change) | (v & change));
}

/* ---- frames ---- */

static void x_enter(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned size = in->opsize, level = (in->imm >> 32) & 31, alloc = in->imm & 0xffff;
	u64 mask = stack_mask(cpu), sp = cpu->gpr[X86_RSP] - size, frame = sp;
	u64 bp = cpu->gpr[X86_RBP];

	/* All that may fault first; then frame pointers are copied one by one: the areas may overlap. */
	for (unsigned i = 1; i < level; i++)
		x86_probe(cpu, sys_stack_linear(cpu, (bp & mask) - size * i, size, X86_READ), size, X86_READ);
	/* the last byte of the new frame must be writable too */
	u64 bottom = sp - size * level - alloc;
	x86_probe(cpu, sys_stack_linear(cpu, bottom, size, X86_WRITE), size, X86_WRITE);
	for (unsigned i = 0; i <= level; i++)
		x86_probe(cpu, sys_stack_linear(cpu, sp - size * i, size, X86_WRITE), size, X86_WRITE);
	x86_st(cpu, sys_stack_linear(cpu, sp, size, X86_WRITE), size, bp);
	for (unsigned i = 1; i < level; i++) {
		u64 v = x86_ld(cpu, sys_stack_linear(cpu, (bp & mask) - size * i, size, X86_READ), size);

		sp -= size;
		x86_st(cpu, sys_stack_linear(cpu, sp, size, X86_WRITE), size, v);
	}
	if (level) {
		sp -= size;
		x86_st(cpu, sys_stack_linear(cpu, sp, size, X86_WRITE), size, frame);
	}
	x86_set_reg(cpu, X86_RBP, size, frame);
	stack_set_sp(cpu, sp - alloc);
}

static void x_leave(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 sp = cpu->gpr[X86_RBP] & stack_mask(cpu);
	u64 v = x86_ld(cpu, sys_stack_linear(cpu, sp, in->opsize, X86_READ), in->opsize);

	stack_set_sp(cpu, sp + in->opsize);
	x86_set_reg(cpu, X86_RBP, in->opsize, v);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_PUSH, x_push, NULL }, { X86_OP_POP, x_pop, NULL }, { X86_OP_PUSHA, x_pusha, NULL },
	{ X86_OP_POPA, x_popa, NULL }, { X86_OP_PUSHF, x_pushf, NULL }, { X86_OP_POPF, x_popf, NULL },
	{ X86_OP_ENTER, x_enter, NULL }, { X86_OP_LEAVE, x_leave, NULL },
};
EXEC_REGISTER(x86_stack_ops, entries);
