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

/* rax: host address of the new top of stack. */
static void push_access(struct gen *g)
{
	e_lea(&g->b, T0, m_(gen_pin[X86_RSP], -8));
	gen_access(g, 8, true, true, X86_JIT_SLOT_STACK);
}

void gen_pop_access(struct gen *g)
{
	e_mov(&g->b, T0, gen_pin[X86_RSP]);
	gen_access(g, 8, false, true, X86_JIT_SLOT_STACK);
}

void gen_push_spilled(struct gen *g)
{
	push_access(g);
	e_ld(&g->b, T1, CPU(jit.spill[0]));
	e_st(&g->b, m_(T0, 0), T1);
	rsp_add(g, -8);
}

static void gen_push(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	struct ebuf *b = &g->b;

	gen_flags_spill(g, g->i->live_in);
	if (in->opnd[0].kind == X86_OPND_MEM) {
		gen_mem(g, 8, false);
		e_ld(b, T0, m_(T0, 0));
		e_st(b, CPU(jit.spill[0]), T0);
		gen_push_spilled(g);
		return;
	}
	push_access(g);
	if (in->opnd[0].kind == X86_OPND_GPR) {
		e_st(b, m_(T0, 0), gen_use(g, in->opnd[0].reg, T1));
	} else {
		e_op(b, 0xc7, E_W, 0, m_(T0, 0));
		e32(b, (u32)in->imm);
	}
	rsp_add(g, -8);
}

static void gen_pop(struct gen *g)
{
	unsigned reg = g->i->in.opnd[0].reg;

	gen_flags_spill(g, g->i->live_in);
	gen_pop_access(g);
	e_ld(&g->b, T0, m_(T0, 0));
	rsp_add(g, 8);
	gen_def(g, reg, T0);
}

static void gen_leave(struct gen *g)
{
	unsigned rbp = gen_pin[X86_RBP];

	gen_flags_spill(g, g->i->live_in);
	e_mov(&g->b, T0, rbp);
	gen_access(g, 8, false, true, X86_JIT_SLOT_STACK);
	e_lea(&g->b, gen_pin[X86_RSP], m_(rbp, 8));
	e_ld(&g->b, rbp, m_(T0, 0));
}

/* Target of an indirect branch into rax. */
static void load_target(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;

	if (in->opnd[0].kind == X86_OPND_MEM) {
		gen_mem(g, 8, false);
		e_ld(&g->b, T0, m_(T0, 0));
	} else {
		e_mov(&g->b, T0, gen_use(g, in->opnd[0].reg, T0));
	}
}

static void gen_call(struct gen *g)
{
	struct jit_insn *i = g->i;
	struct ebuf *b = &g->b;
	bool direct = i->in.opnd[0].kind == X86_OPND_REL;

	gen_flags_spill(g, X86_FL_ARITH);
	if (!direct) {
		load_target(g);
		e_st(b, CPU(jit.spill[0]), T0);
	}
	push_access(g);
	e_ld(b, T1, CPU(jit.page));
	e_lea(b, T1, m_(T1, i->off + i->in.len));
	e_st(b, m_(T0, 0), T1);
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
	gen_pop_access(g);
	e_ld(&g->b, T0, m_(T0, 0));
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
