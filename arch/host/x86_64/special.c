// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions with operands in fixed registers, LEA, plain moves, division with its checks. */
#include "gen.h"

#define RAX12 gen_pin[X86_RAX]

static void gen_lea(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	struct ebuf *b = &g->b;
	unsigned reg = in->opnd[0].reg, dst = gen_pin[reg];
	struct jit_insn *i = g->i;

	if (in->opsize == 2 || in->base == X86_REG_RIP || dst == H_NONE || in->asize == 4 ||
	    (in->base != X86_REG_NONE && gen_pin[in->base] == H_NONE) ||
	    (in->index != X86_REG_NONE && gen_pin[in->index] == H_NONE)) {
		/* the address by way of rax; a segment has no part in it */
		i->in.seg = X86_DS;
		gen_ea(g);
		if (in->opsize == 2) {
			unsigned d = gen_use(g, reg, T1);

			e_op(b, 0x8b, E_66, d, r_(T0));
			if (dst == H_NONE)
				e_st(b, GPR_SLOT(reg), d);
			return;
		}
		if (in->opsize == 4)
			e_mov32(b, T0, T0);
		gen_def(g, reg, T0);
		return;
	}
	e_op(b, 0x8d, in->opsize == 8 ? E_W : 0, dst,
	     mi_(in->base == X86_REG_NONE ? H_NONE : gen_pin[in->base],
		 in->index == X86_REG_NONE ? H_NONE : gen_pin[in->index], in->scale, (s32)in->disp));
}

/* MOV r, imm and MOV r, r need no general treatment. False: another form. */
static bool gen_mov(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	const struct x86_operand *d = &in->opnd[0], *s = &in->opnd[1];
	struct ebuf *b = &g->b;
	unsigned h;

	if (d->kind != X86_OPND_GPR || d->size < 4)
		return false;
	h = gen_pin[d->reg] == H_NONE ? T0 : gen_pin[d->reg];
	if (s->kind == X86_OPND_IMM) {
		u64 imm = d->size == 8 ? in->imm : (u32)in->imm;

		if (h == T0 && (s64)imm == (s32)imm) {
			e_op(b, 0xc7, E_W, 0, GPR_SLOT(d->reg));
			e32(b, (u32)imm);
			return true;
		}
		e_movi(b, h, imm);
	} else if (s->kind == X86_OPND_GPR && gen_pin[s->reg] == H_NONE) {
		e_op(b, 0x8b, d->size == 8 ? E_W : 0, h, GPR_SLOT(s->reg));
	} else if (s->kind == X86_OPND_GPR) {
		unsigned sh = gen_pin[s->reg];

		if (d->size == 4)
			e_mov32(b, h, sh);
		else if (h == T0)
			h = sh;
		else
			e_mov(b, h, sh);
	} else if (s->kind == X86_OPND_MEM) {
		e_op(b, 0x8b, d->size == 8 ? E_W : 0, h, gen_mem_at(g, d->size, false));
	} else {
		return false;
	}
	if (gen_pin[d->reg] == H_NONE)
		e_st(b, GPR_SLOT(d->reg), h);
	return true;
}

/* CBW, CWD and their wider forms, on a copy of rAX. */
static void gen_extend(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	struct ebuf *b = &g->b;

	e_mov(b, T0, RAX12);
	if (in->opsize == 2)
		e8(b, 0x66);
	if (in->opsize == 8)
		e8(b, 0x48);
	e8(b, in->op == X86_OP_CBW ? 0x98 : 0x99);
	if (in->op == X86_OP_CBW)
		e_mov(b, RAX12, T0);
}

static void gen_ahf(struct gen *g)
{
	struct ebuf *b = &g->b;

	gen_flags_fetch(g);
	e_mov(b, T0, RAX12);
	if (g->i->in.op == X86_OP_LAHF) {
		e8(b, 0x9f);
		e_mov(b, RAX12, T0);
		return;
	}
	e8(b, 0x9e);
	gen_flags_made(g);
}

/* The operand of MUL, DIV and their like: in r15, or the memory that r15 points to. */
static struct hrm factor(struct gen *g, bool load)
{
	const struct x86_operand *o = &g->i->in.opnd[0];
	struct ebuf *b = &g->b;

	if (o->kind == X86_OPND_MEM) {
		struct hrm at = gen_mem_at(g, o->size, false);

		if (load) {
			e_op(b, 0x8b, o->size == 8 ? E_W : 0, T2, at);
			return r_(T2);
		}
		e_mov(b, T2, T0);
		return m_(T2, at.disp);
	}
	return r_(gen_use(g, o->reg, T2));
}

static void gen_mul(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	unsigned w = in->opnd[0].size == 8 ? E_W : 0;
	struct hrm rm = factor(g, false);

	e_mov(&g->b, T0, RAX12);
	e_op(&g->b, 0xf7, w, in->op == X86_OP_MUL ? 4 : 5, rm);
	e_mov(&g->b, RAX12, T0);
	gen_flags_made(g);
}

static void to_interp(struct gen *g, unsigned cc)
{
	gen_cold(g, COLD_EXIT, e_jcc(&g->b, cc))->code = (u64)g->i->off << 32 | JIT_EXIT_INTERP;
}

/*
 * What would overflow or divide by zero is left to the interpreter, and so is an IDIV of a
 * true double width. The guest's flags stay in the slot: they are as before.
 */
static void gen_div(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	struct ebuf *b = &g->b;
	unsigned w = in->opnd[0].size == 8 ? E_W : 0;

	gen_flags_spill(g, g->i->live_in);
	struct hrm rm = factor(g, true);

	if (in->op == X86_OP_DIV) {
		e_op(b, 0x3b, w, H_RDX, rm);
		to_interp(g, CC_AE);
	} else {
		e_op(b, 0x8b, w, T0, r_(RAX12));
		e_op(b, 0xc1, w, 7, r_(T0));
		e8(b, w ? 63 : 31);
		e_op(b, 0x3b, w, T0, r_(H_RDX));
		to_interp(g, CC_NE);
		e_op(b, 0x8d, w, T0, m_(rm.reg, 1));
		e_alui(b, 7, w, r_(T0), 1);
		to_interp(g, CC_BE);
	}
	e_mov(b, T0, RAX12);
	e_op(b, 0xf7, w, in->op == X86_OP_DIV ? 6 : 7, rm);
	e_mov(b, RAX12, T0);
}

static void gen_cmpxchg(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	struct ebuf *b = &g->b;
	unsigned size = in->opnd[0].size, lock = in->prefixes & X86_PFX_LOCK ? E_LOCK : 0;

	if (in->op == X86_OP_CMPXCHG16B) {
		gen_flags_spill(g, g->i->live_in);
		gen_ea(g);
		e8(b, 0xa8);
		e8(b, 15);
		to_interp(g, CC_NE);
		gen_access(g, 16, true, in->seg == X86_SS, GEN_PAGES);
	} else {
		gen_mem(g, size, true);
	}
	e_mov(b, T2, T0);
	if (in->op != X86_OP_CMPXCHG)
		gen_flags_fetch(g);		/* only ZF is written */
	e_mov(b, T0, RAX12);
	if (in->op == X86_OP_CMPXCHG) {
		unsigned src = gen_use(g, in->opnd[1].reg, T1);
		unsigned fl = lock | (size == 8 ? E_W : size == 2 ? E_66 : 0) | (size == 1 ? E_REX : 0);

		e_op(b, size == 1 ? 0x1b0 : 0x1b1, fl, src, m_(T2, 0));
	} else {
		e_op(b, 0x1c7, lock | (size == 16 ? E_W : 0), 1, m_(T2, 0));
	}
	e_mov(b, RAX12, T0);
	gen_flags_made(g);
}

static void gen_fnstsw_ax(struct gen *g)
{
	e8(&g->b, 0xdf);
	e8(&g->b, 0xe0);
	e_op(&g->b, 0x8b, E_66, RAX12, r_(T0));
}

/* A control word that unmasks exceptions is the interpreter's, and another mode behind it. */
static void gen_fldcw(struct gen *g)
{
	struct ebuf *b = &g->b;

	gen_mem(g, 2, false);
	e_op(b, 0x1b7, 0, T1, m_(T0, 0));
	e_alui(b, 4, 0, r_(T1), 0x3f);
	e_alui(b, 7, 0, r_(T1), 0x3f);
	to_interp(g, CC_NE);
	e_op(b, 0xd9, 0, 5, m_(T0, 0));
}

bool gen_special(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;

	switch (in->op) {
	case X86_OP_LEA: gen_lea(g); return true;
	case X86_OP_FLDCW: gen_fldcw(g); return true;
	case X86_OP_FNSTSW:
		if (in->flags & X86_INSN_MEM)
			return false;
		gen_fnstsw_ax(g);
		return true;
	case X86_OP_WAIT: case X86_OP_FNOP: return true;
	case X86_OP_MOV: return gen_mov(g);
	case X86_OP_CBW: case X86_OP_CWD: gen_extend(g); return true;
	case X86_OP_LAHF: case X86_OP_SAHF: gen_ahf(g); return true;
	case X86_OP_MUL: gen_mul(g); return true;
	case X86_OP_IMUL:
		if (in->opnd[1].kind != X86_OPND_NONE)
			return false;
		gen_mul(g);
		return true;
	case X86_OP_DIV: case X86_OP_IDIV: gen_div(g); return true;
	case X86_OP_CMPXCHG: case X86_OP_CMPXCHG8B: case X86_OP_CMPXCHG16B: gen_cmpxchg(g); return true;
	case X86_OP_NOP: case X86_OP_LFENCE: case X86_OP_SFENCE:
	case X86_OP_PREFETCHT0: case X86_OP_PREFETCHT1: case X86_OP_PREFETCHT2: case X86_OP_PREFETCHNTA:
	case X86_OP_PREFETCHW: case X86_OP_PREFETCH:
		return true;
	default:
		return false;
	}
}
