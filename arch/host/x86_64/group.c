// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which accesses of a block lie close together off the same registers: the first
 * of such a group checks all their bytes at once and keeps the host address in
 * jit.group[], the others load that. General registers are values here, a number
 * and a displacement from it, so pushes and a moved stack pointer stay in their group.
 * Where mappings or rights may change (handlers, string and system instructions),
 * all groups end.
 */
#include "gen.h"

#define SPAN_MAX	256	/* the largest that slots have a limit for */

struct value {
	u16 number;
	s64 add;
};

struct find {
	struct gen *g;
	struct value reg[16];
	u16 next;		/* value number */
	unsigned first;		/* groups before it have ended */
};

static void forget(struct find *f, unsigned reg)
{
	f->reg[reg] = (struct value){ .number = f->next++ };
}

static void forget_all(struct find *f)
{
	for (unsigned n = 0; n < 16; n++)
		forget(f, n);
	f->first = f->g->ngroups;
}

/* ---- what instructions do to registers ---- */

static bool is_gpr64(const struct x86_operand *o)
{
	return o->kind == X86_OPND_GPR && o->size == 8;
}

/* A register becomes another one and a constant. */
static bool moved(struct find *f, const struct x86_insn *in)
{
	const struct x86_operand *d = &in->opnd[0], *s = &in->opnd[1];

	if (!is_gpr64(d))
		return false;
	switch (in->op) {
	case X86_OP_MOV:
		if (!is_gpr64(s))
			return false;
		f->reg[d->reg] = f->reg[s->reg];
		return true;
	case X86_OP_LEA:
		if (in->asize != 8 || in->base >= 16 || in->index != X86_REG_NONE)
			return false;
		f->reg[d->reg] = f->reg[in->base];
		f->reg[d->reg].add += in->disp;
		return true;
	case X86_OP_ADD: case X86_OP_SUB:
		if (s->kind != X86_OPND_IMM)
			return false;
		f->reg[d->reg].add += in->op == X86_OP_ADD ? (s64)(s32)in->imm : -(s64)(s32)in->imm;
		return true;
	case X86_OP_INC: case X86_OP_DEC:
		f->reg[d->reg].add += in->op == X86_OP_INC ? 1 : -1;
		return true;
	default:
		return false;
	}
}

/* Registers that no operand names. */
static void implicit(struct find *f, const struct x86_insn *in)
{
	switch (in->op) {
	case X86_OP_PUSH:
		f->reg[X86_RSP].add -= 8;
		break;
	case X86_OP_POP:
		f->reg[X86_RSP].add += 8;
		break;
	case X86_OP_LEAVE:
		f->reg[X86_RSP] = f->reg[X86_RBP];
		f->reg[X86_RSP].add += 8;
		forget(f, X86_RBP);
		break;
	case X86_OP_MUL: case X86_OP_IMUL: case X86_OP_DIV: case X86_OP_IDIV: case X86_OP_CBW: case X86_OP_CWD:
	case X86_OP_CMPXCHG: case X86_OP_CMPXCHG8B: case X86_OP_CMPXCHG16B: case X86_OP_LAHF: case X86_OP_FNSTSW:
		forget(f, X86_RAX);
		forget(f, X86_RDX);
		break;
	case X86_OP_LOOP: case X86_OP_PCMPISTRI: case X86_OP_PCMPESTRI:
		forget(f, X86_RCX);
		break;
	default:
		break;
	}
}

static void effects(struct find *f, const struct x86_insn *in)
{
	if (moved(f, in))
		return;
	implicit(f, in);
	for (unsigned n = 0; n < ARRAY_SIZE(in->opnd); n++) {
		const struct x86_operand *o = &in->opnd[n];

		if ((o->kind == X86_OPND_GPR || o->kind == X86_OPND_GPRH) && (o->access & X86_ACC_W))
			forget(f, o->reg);
	}
}

/* ---- groups ---- */

static bool fits(const struct find *f, const struct gen_group *gr, const struct gen_group *like)
{
	s64 low = MIN(gr->low, like->low), high = MAX(gr->high, like->high);

	return gr >= &f->g->group[f->first] && gr->base == like->base && gr->index == like->index &&
	       gr->scale == like->scale && (gr->write || !like->write) && high - low <= SPAN_MAX;
}

/* Joins the group that an access of like's bytes belongs to, or begins one. */
static void place(struct find *f, unsigned n, unsigned which, const struct gen_group *like)
{
	struct gen *g = f->g;
	unsigned k = g->ngroups;
	struct gen_group *gr;

	while (k-- > f->first) {
		gr = &g->group[k];
		if (!fits(f, gr, like))
			continue;
		gr->low = MIN(gr->low, like->low);
		gr->high = MAX(gr->high, like->high);
		gr->count++;
		gr->last = (u8)n;
		goto found;
	}
	if (g->ngroups == GEN_GROUPS)
		return;
	k = g->ngroups++;
	gr = &g->group[k];
	*gr = *like;
	gr->count = 1;
	gr->begin = gr->last = (u8)n;
found:
	g->place[n][which] = (struct gen_place){ .group = (u8)k, .size = (u8)(like->high - like->low), .at = like->low };
}

static void place_mem(struct find *f, unsigned n)
{
	const struct x86_insn *in = &f->g->t->insn[n].in;
	unsigned access = x86_insn_mem_access(in), size = 0;
	struct gen_group like = { .index = GEN_NO_VALUE };
	s64 at = in->disp;

	if (!access || in->asize != 8 || in->base >= 16 || in->seg == X86_FS || in->seg == X86_GS ||
	    (in->flags & X86_INSN_VSIB) || in->disp + SPAN_MAX > 0x7fffffff || in->disp - SPAN_MAX < -0x7fffffff)
		return;
	for (unsigned k = 0; k < ARRAY_SIZE(in->opnd); k++)
		if (in->opnd[k].kind == X86_OPND_MEM)
			size = in->opnd[k].size;
	if (!size || size > 32)
		return;
	like.base = f->reg[in->base].number;
	at += f->reg[in->base].add;
	if (in->index != X86_REG_NONE) {
		like.index = f->reg[in->index].number;
		like.scale = in->scale;
		at += (s64)((u64)f->reg[in->index].add << in->scale);
	}
	like.write = access & X86_ACC_W;
	like.low = at;
	like.high = at + size;
	if (!like.write || !f->g->j->verify)
		place(f, n, GEN_MEM, &like);
}

/* What PUSH, POP, CALL, RET and LEAVE access. */
static void place_stack(struct find *f, unsigned n)
{
	struct gen_group like = { .index = GEN_NO_VALUE };
	const struct value *v = &f->reg[X86_RSP];
	s64 at = 0;

	switch (f->g->t->insn[n].in.op) {
	case X86_OP_PUSH: case X86_OP_CALL:
		at = -8;
		like.write = true;
		break;
	case X86_OP_POP: case X86_OP_RET:
		break;
	case X86_OP_LEAVE:
		v = &f->reg[X86_RBP];
		break;
	default:
		return;
	}
	like.base = v->number;
	like.low = v->add + at;
	like.high = like.low + 8;
	if (!like.write || !f->g->j->verify)
		place(f, n, GEN_STACK, &like);
}

/* Groups of two and more get a place for their address, which is another's again behind the last member. */
static void give_places(struct gen *g)
{
	u8 until[X86_JIT_GROUPS] = { 0 };

	for (unsigned k = 0; k < g->ngroups; k++) {
		struct gen_group *gr = &g->group[k];
		unsigned s = 0;

		while (s < X86_JIT_GROUPS && until[s] > gr->begin)
			s++;
		gr->real = gr->count > 1 && s < X86_JIT_GROUPS;
		if (!gr->real)
			continue;
		gr->slot = (u8)s;
		until[s] = (u8)(gr->last + 1);
	}
}

static bool changes_rights(const struct gen *g, unsigned n)
{
	switch (g->t->insn[n].in.op) {
	case X86_OP_CLI: case X86_OP_STI: case X86_OP_SWAPGS: case X86_OP_PUSHF: case X86_OP_POPF:
	case X86_OP_MOVS: case X86_OP_STOS:
		return true;
	default:
		return g->plan[n] == PLAN_HELPER;
	}
}

void gen_find_groups(struct gen *g)
{
	struct find f = { .g = g };

	g->ngroups = 0;
	__builtin_memset(g->place, GEN_NO_GROUP, g->t->count * sizeof(g->place[0]));
	if (g->t->count < 2 || (g->t->mode & JIT_MODE_PLAIN))
		return;
	forget_all(&f);
	for (unsigned n = 0; n < g->t->count; n++) {
		if (changes_rights(g, n)) {
			forget_all(&f);
			continue;
		}
		place_mem(&f, n);
		place_stack(&f, n);
		effects(&f, &g->t->insn[n].in);
	}
	give_places(g);
}
