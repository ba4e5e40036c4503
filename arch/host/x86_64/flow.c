// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Branches, calls, the stack. A push or pop changes rSP behind the access
 * that may fault. Targets in the page are linked, others are looked up in the
 * jump table; requests are seen at backward and far branches.
 */
#include "gen.h"

static s64 target_of(const struct jit_insn *i)
{
	return (s64)i->off + i->in.len + (s64)i->in.imm;
}

static void rsp_add(struct gen *g, s32 n)
{
	e_lea(&g->b, gen_pin[X86_RSP], m_(gen_pin[X86_RSP], n));
}

static struct hrm push_access(struct gen *g)
{
	return gen_stack_at(g, X86_RSP, -8, true);
}

void gen_push_spilled(struct gen *g)
{
	struct hrm top = push_access(g);

	e_ld(&g->b, T1, CPU(jit.spill[0]));
	e_st(&g->b, top, T1);
	rsp_add(g, -8);
}

static void gen_push(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	struct ebuf *b = &g->b;
	struct hrm top;

	if (in->opnd[0].kind == X86_OPND_MEM) {
		e_ld(b, T0, gen_mem_at(g, 8, false));
		g->in_rax = GEN_NO_GROUP;
		e_st(b, CPU(jit.spill[0]), T0);
		gen_push_spilled(g);
		return;
	}
	top = push_access(g);
	if (in->opnd[0].kind == X86_OPND_GPR) {
		e_st(b, top, gen_use(g, in->opnd[0].reg, T1));
	} else {
		e_op(b, 0xc7, E_W, 0, top);
		e32(b, (u32)in->imm);
	}
	rsp_add(g, -8);
}

static void gen_pop(struct gen *g)
{
	unsigned reg = g->i->in.opnd[0].reg;

	unsigned to = gen_pin[reg] == H_NONE || reg == X86_RSP ? T0 : gen_pin[reg];

	e_ld(&g->b, to, gen_stack_at(g, X86_RSP, 0, false));
	rsp_add(g, 8);
	gen_def(g, reg, to);
}

static void gen_leave(struct gen *g)
{
	unsigned rbp = gen_pin[X86_RBP];

	struct hrm top = gen_stack_at(g, X86_RBP, 0, false);

	e_lea(&g->b, gen_pin[X86_RSP], m_(rbp, 8));
	e_ld(&g->b, rbp, top);
}

/* Target of an indirect branch into rax. */
static void load_target(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;

	if (in->opnd[0].kind == X86_OPND_MEM) {
		e_ld(&g->b, T0, gen_mem_at(g, 8, false));
		g->in_rax = GEN_NO_GROUP;
	} else {
		e_mov(&g->b, T0, gen_use(g, in->opnd[0].reg, T0));
	}
}

static void gen_call(struct gen *g)
{
	struct jit_insn *i = g->i;
	struct ebuf *b = &g->b;
	bool direct = i->in.opnd[0].kind == X86_OPND_REL;
	struct hrm top;

	gen_flags_spill(g, X86_FL_ARITH);
	if (!direct) {
		load_target(g);
		e_st(b, CPU(jit.spill[0]), T0);
	}
	top = push_access(g);
	e_ld(b, T1, CPU(jit.page));
	e_lea(b, T1, m_(T1, i->off + i->in.len));
	e_st(b, top, T1);
	rsp_add(g, -8);
	if (direct) {
		gen_goto(g, target_of(i), target_of(i) <= i->off);
		return;
	}
	e_ld(b, T0, CPU(jit.spill[0]));
	gen_far(g, -8);
}

static void gen_ret(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	s32 n = 8 + (in->opnd[0].kind == X86_OPND_NONE ? 0 : (s32)in->imm);

	gen_flags_spill(g, X86_FL_ARITH);
	e_ld(&g->b, T0, gen_stack_at(g, X86_RSP, 0, false));
	rsp_add(g, n);
	gen_far(g, n);
}

static void gen_jmp(struct gen *g)
{
	struct jit_insn *i = g->i;

	if (i->in.opnd[0].kind == X86_OPND_REL) {
		if (i != &g->t->insn[g->t->count - 1])
			return;		/* the block goes on there */
		gen_flags_spill(g, i->live);
		gen_goto(g, target_of(i), target_of(i) <= i->off);
		return;
	}
	gen_flags_spill(g, X86_FL_ARITH);
	load_target(g);
	gen_far(g, 0);
}

static void gen_jcc(struct gen *g)
{
	struct jit_insn *i = g->i;

	gen_flags_fetch(g);
	gen_flags_keep(g, i->live_taken);
	gen_goto_cc(g, i->in.op - X86_OP_JO, target_of(i));
}

/* JCXZ and LOOP, which leave the flags alone. */
static void gen_count(struct gen *g)
{
	struct jit_insn *i = g->i;
	struct ebuf *b = &g->b;
	bool narrow = i->in.asize == 4;
	u8 *zero, *over;

	gen_flags_keep(g, i->live_taken);
	if (i->in.op == X86_OP_LOOP)
		e_op(b, 0x8d, narrow ? 0 : E_W, H_RCX, m_(H_RCX, -1));
	if (narrow)
		e8(b, 0x67);
	e8(b, 0xe3);
	e8(b, 0);
	zero = b->p - 1;
	if (i->in.op == X86_OP_LOOP) {
		gen_goto(g, target_of(i), true);
		e_patch8(b, zero);
		return;
	}
	e8(b, 0xeb);
	e8(b, 0);
	over = b->p - 1;
	e_patch8(b, zero);
	gen_goto(g, target_of(i), true);
	e_patch8(b, over);
}

bool gen_flow(struct gen *g)
{
	switch (g->i->in.op) {
	case X86_OP_PUSH: gen_push(g); return true;
	case X86_OP_POP: gen_pop(g); return true;
	case X86_OP_LEAVE: gen_leave(g); return true;
	case X86_OP_CALL: gen_call(g); return true;
	case X86_OP_RET: gen_ret(g); return true;
	case X86_OP_JMP: gen_jmp(g); return true;
	case X86_OP_JCXZ: case X86_OP_LOOP: gen_count(g); return true;
	default:
		if (g->i->in.op < X86_OP_JO || g->i->in.op > X86_OP_JNLE)
			return false;
		gen_jcc(g);
		return true;
	}
}
