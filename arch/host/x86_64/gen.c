// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks: entry, instructions, exits, and the cold code behind them. An entry
 * is 16-aligned and begins with a 5-byte no-op, which becomes a jump to the
 * stale exit when the block is dropped; displacements that are patched do
 * not cross 8 bytes. So each patch is one atomic store.
 */
#include "gen.h"

const u8 gen_pin[16] = {
	H_R12, H_RCX, H_RDX, H_RBX, H_R13, H_RBP, H_RSI, H_RDI,
	H_R8, H_R9, H_R10, H_R11, H_NONE, H_NONE, H_NONE, H_NONE,
};

void e_align(struct ebuf *b, unsigned n, unsigned behind)
{
	static const u8 nop[8][8] = {
		{ 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 }, { 0x0f, 0x1f, 0x40, 0x00 },
		{ 0x0f, 0x1f, 0x44, 0x00, 0x00 }, { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x80, 0, 0, 0, 0 }, { 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
	};
	unsigned left = (unsigned)(-((uintptr_t)b->p + behind) & (n - 1));

	while (left) {
		unsigned k = MIN(left, 8u);

		__builtin_memcpy(b->p, nop[k - 1], k);
		b->p += k;
		left -= k;
	}
}

/* ---- flags ---- */

/* Into ax, without those that the host's processor made up: they are clear. Destroys the host's flags if there are such. */
static void flags_to_ax(struct gen *g)
{
	struct ebuf *b = &g->b;

	e8(b, 0x9f);					/* lahf */
	e_op(b, 0x190, 0, 0, r_(H_RAX));		/* seto al */
	if (!g->fl_made_up)
		return;
	e8(b, 0x25);					/* and eax, imm32 */
	e32(b, (~(u32)g->fl_made_up & 0xff) << 8 | !(g->fl_made_up & X86_FL_OF));
}

static void flags_from_ax(struct gen *g)
{
	e_op(&g->b, 0x80, 0, 0, r_(H_RAX));		/* add al, 0x7f: OF = AL */
	e8(&g->b, 0x7f);
	e8(&g->b, 0x9e);				/* sahf */
	g->fl_host = true;
	g->fl_made_up = 0;
}

static void flags_store(struct gen *g)
{
	flags_to_ax(g);
	e_op(&g->b, 0x89, E_66, H_RAX, CPU(jit.fl));
	g->fl_slot = true;
}

void gen_flags_keep(struct gen *g, u32 live)
{
	if (!live || !g->fl_host || g->fl_slot)
		return;
	flags_store(g);
	if (g->fl_made_up)
		flags_from_ax(g);
}

void gen_flags_spill(struct gen *g, u32 live)
{
	if (live && g->fl_host && !g->fl_slot)
		flags_store(g);
	g->fl_host = false;
	g->fl_made_up = 0;
}

void gen_flags_fetch(struct gen *g)
{
	if (g->fl_host && !(g->fl_made_up & g->i->live_in))
		return;
	if (g->fl_host)
		flags_to_ax(g);
	else
		e_op(&g->b, 0x1b7, 0, H_RAX, CPU(jit.fl));	/* movzx */
	flags_from_ax(g);
}

void gen_flags_made(struct gen *g)
{
	g->fl_host = true;
	g->fl_slot = false;
	g->fl_made_up = (u16)jit_trace_made_up(&g->i->in);
}

/* ---- cold code ---- */

struct cold *gen_cold(struct gen *g, enum cold_kind kind, u8 *site)
{
	struct cold *c;

	if (g->ncold == COLDS) {
		g->failed = true;
		return &g->cold[0];
	}
	c = &g->cold[g->ncold++];
	*c = (struct cold){ .kind = (u8)kind, .site = { site }, .off = g->i ? g->i->off : 0 };
	return c;
}

static u8 *far_code(struct gen *g);

static void emit_exit(struct gen *g, u64 code)
{
	e_movi(&g->b, H_RAX, code);
	e_jmp_to(&g->b, g->j->thunks.leave);
}

static void unit_check_cold(struct gen *g, struct hrm live, const u8 *load)
{
	struct ebuf *b = &g->b;

	e_op(b, 0x80, 0, 7, live);
	e8(b, 1);
	u8 *skip = e_jcc8(b, CC_E);
	e_call_to(b, load);
	e_patch8(b, skip);
}

static void units_check_cold(struct gen *g)
{
	if (g->t->x87)
		unit_check_cold(g, CPU(jit.x87_live), g->j->thunks.x87_load);
	if (g->t->vec)
		unit_check_cold(g, CPU(jit.vec_live), g->j->thunks.vec_load);
}

static void far_target(struct gen *g, s64 off)
{
	e_ld(&g->b, H_RAX, CPU(jit.page));
	e_lea(&g->b, H_RAX, m_(H_RAX, (s32)off));
}

/* The group's bytes are in the first TLB level, or this instruction is the first of a block without groups. */
static void group_cold(struct gen *g, struct cold *c)
{
	struct ebuf *b = &g->b;

	e_op(b, 0x03, E_W, T0, c->page);
	e_movi32(b, T1, (u32)c->code);
	e_call_to(b, c->thunk);
	e_op(b, 0x85, E_W, T0, r_(T0));
	if (c->kind == COLD_LEAVE) {
		e_jcc_to(b, CC_NE, c->back);
		emit_exit(g, (u64)c->off << 32 | JIT_EXIT_INTERP);
		return;
	}
	e_align(b, 4, 2);
	c->link->site = e_jcc(b, CC_E);
	e_jmp_to(b, c->back);
	e_patch_here(b, c->link->site);
	emit_exit(g, g->j->verify ? (u64)c->link->off << 32 | JIT_EXIT_INTERP : (u64)(uintptr_t)c->link | JIT_EXIT_LINK);
}

static void emit_cold(struct gen *g, struct cold *c)
{
	struct ebuf *b = &g->b;
	for (unsigned n = 0; n < 2; n++)
		if (c->site[n])
			e_patch_here(b, c->site[n]);
	switch ((enum cold_kind)c->kind) {
	case COLD_MEM:
		e_op(b, 0x03, E_W, T0, c->page);
		e_movi32(b, T1, (u32)c->code);
		e_call_to(b, c->thunk);
		units_check_cold(g);
		e_jmp_to(b, c->back);
		break;
	case COLD_GROUP:
	case COLD_LEAVE:
		group_cold(g, c);
		break;
	case COLD_EXIT:
		emit_exit(g, c->code);
		break;
	case COLD_LINK:
		emit_exit(g, (u64)(uintptr_t)c->link | JIT_EXIT_LINK);
		break;
	case COLD_FAR:
		far_target(g, (s32)c->code);
		e_patch_here(b, far_code(g));
		e_movi32(b, T1, JIT_FAR(c->code >> 32, 0));
		e_jmp_to(b, g->j->thunks.far);
		break;
	case COLD_MISS:
		e_movi32(b, T1, (u32)c->code);
		e_jmp_to(b, g->j->thunks.far);
		break;
	case COLD_HELPER:
		e_movi(b, H_RAX, c->code);
		e_call_to(b, g->j->thunks.helper);
		units_check_cold(g);
		e_jmp_to(b, c->back);
		break;
	case COLD_LOAD:
		e_call_to(b, c->thunk);
		e_jmp_to(b, c->back);
		break;
	}
}

/* ---- going elsewhere ---- */

/*
 * rax: target. attn, 0 or X86_ATTENTION, is added to what is compared: nothing of that value is
 * in this slot, so whatever is wanted makes it miss.
 */
static u8 *far_code(struct gen *g)
{
	struct ebuf *b = &g->b;
	u8 *miss;

	e_op(b, 0x8b, 0, T1, CPU(attn));
	e_op(b, 0x03, E_W, T1, r_(H_RAX));
	e_op(b, 0x69, 0, T2, r_(H_RAX));		/* imul r15d, eax, imm32 */
	e32(b, JIT_JUMP_HASH);
	e_op(b, 0xc1, 0, 5, r_(T2));
	e8(b, 32 - JIT_JUMP_BITS);
	e_op(b, 0xc1, 0, 4, r_(T2));
	e8(b, 4);
	e_op(b, 0x03, E_W, T2, CPU(jit.jumps));
	e_op(b, 0x3b, E_W, T1, m_(T2, offsetof(struct jit_jump, lin)));
	miss = e_jcc(b, CC_NE);
	e_alui(b, 4, E_W, r_(H_RAX), -4096);
	e_st(b, CPU(jit.page), H_RAX);
	e_op(b, 0xff, 0, 4, m_(T2, offsetof(struct jit_jump, entry)));
	return miss;
}

void gen_far(struct gen *g, int stack)
{
	struct cold *c = gen_cold(g, COLD_MISS, NULL);

	c->site[0] = far_code(g);
	c->code = JIT_FAR(g->i->off, stack);
}

/* A jump that is linked later. */
static void link_site(struct gen *g, u8 *site, s64 off)
{
	struct jit_link *l = jit_cache_meta(g->j, sizeof(*l));
	struct cold *c;

	if (!l) {
		g->failed = true;
		return;
	}
	*l = (struct jit_link){ .site = site, .from = g->blk, .off = (s32)off, .region_gen = g->j->flush_gen };
	if (off == g->t->start && !(g->t->mode & JIT_MODE_PLAIN)) {
		e_patch(&g->b, site, g->blk->entry);
		return;
	}
	c = gen_cold(g, COLD_LINK, site);
	c->link = l;
}

static bool in_page(s64 off)
{
	return off >= 0 && off < 4096;
}

/* Nothing to be linked to. */
static bool far(struct gen *g, s64 off)
{
	return !in_page(off) || jit_trace_crosses(g->t, (unsigned)off);
}

void gen_goto(struct gen *g, s64 off, bool look)
{
	struct ebuf *b = &g->b;

	if (far(g, off)) {
		far_target(g, off);
		gen_far(g, 0);
		return;
	}
	if (look) {
		e_alui(b, 7, 0, CPU(attn), 0);
		gen_cold(g, COLD_EXIT, e_jcc(b, CC_NE))->code = (u64)off << 32 | JIT_EXIT_NEXT;
	}
	e_align(b, 4, 1);
	link_site(g, e_jmp(b), off);
}

void gen_goto_cc(struct gen *g, unsigned cc, s64 off)
{
	struct ebuf *b = &g->b;

	if (far(g, off)) {
		gen_cold(g, COLD_FAR, e_jcc(b, cc))->code = (u64)g->i->off << 32 | (u32)off;
		return;
	}
	if (off > g->i->off) {
		e_align(b, 4, 2);
		link_site(g, e_jcc(b, cc), off);
		return;
	}
	u8 *over = e_jcc8(b, cc ^ 1);
	gen_goto(g, off, true);
	e_patch8(b, over);
}

/* ---- instructions by the interpreter ---- */

static struct jit_op *make_op(struct gen *g)
{
	struct jit_insn *i = g->i;
	struct jit_op *op = jit_cache_meta(g->j, sizeof(*op));
	const struct x86_op_info *info;
	bool ends = true;

	if (!op) {
		g->failed = true;
		return NULL;
	}
	*op = (struct jit_op){ .in = i->in, .off = i->off };
	if (i->err) {
		predecode_fault(&op->uop[0], i->err, 0);
		op->flags = JIT_OP_ENDS | JIT_OP_FLAGS;
		return op;
	}
	ends = predecode_insn(g->t->cpu, &op->uop[0], &op->in, &op->in, g->t->mode & 0xffff, 0);
	predecode_end(&op->uop[1], op->in.len, true);
	if (i->in.op == X86_OP_STI && i != &g->t->insn[g->t->count - 1]) {
		predecode_sti_inside(&op->uop[0]);
		ends = false;
	}
	info = x86_op_info(i->in.op);
	if (((info->fl_read | info->fl_written | info->fl_undef) & X86_FL_ARITH) || ends || info->ctl != X86_CTL_NONE)
		op->flags |= JIT_OP_FLAGS;
	if (ends)
		op->flags |= JIT_OP_ENDS;
	if (info->flags & X86_OPF_STRING)
		op->flags |= JIT_OP_RESUMES;
	return op;
}

u64 gen_helper_op(struct gen *g)
{
	g->j->stats.helpers++;
	return (u64)(uintptr_t)make_op(g);
}

void gen_helper(struct gen *g)
{
	struct jit_op *op = make_op(g);

	if (!op)
		return;
	gen_flags_spill(g, op->flags & JIT_OP_FLAGS ? X86_FL_ARITH : g->i->live_in);
	e_movi(&g->b, H_RAX, (u64)(uintptr_t)op);
	e_call_to(&g->b, g->j->thunks.helper);
	g->fl_slot = true;
	g->j->stats.helpers++;
	gen_units_check(g);
}

static void unit_check(struct gen *g, struct hrm live, const u8 *load)
{
	struct ebuf *b = &g->b;
	struct cold *c;

	e_op(b, 0x80, 0, 7, live);
	e8(b, 1);
	c = gen_cold(g, COLD_LOAD, e_jcc(b, CC_NE));
	c->thunk = load;
	c->back = e_here(b);
}

void gen_units_check(struct gen *g)
{
	/* x87 first: its loading calls C, which puts the vector registers away */
	if (g->t->x87)
		unit_check(g, CPU(jit.x87_live), g->j->thunks.x87_load);
	if (g->t->vec)
		unit_check(g, CPU(jit.vec_live), g->j->thunks.vec_load);
}

/* ---- the block ---- */

static void make_plan(struct gen *g)
{
	g->gathers = 0;
	for (unsigned n = 0; n < g->t->count; n++) {
		struct jit_insn *i = &g->t->insn[n];

		g->plan[n] = i->err ? PLAN_HELPER : (u8)gen_plan(g, i);
		g->t->vec |= g->plan[n] == PLAN_VEC || g->plan[n] == PLAN_VEC_X87;
		g->t->x87 |= g->plan[n] == PLAN_X87 || g->plan[n] == PLAN_VEC_X87;
	}
}

/* Instructions that use rax for nothing but the address of their access. */
static bool leaves_rax(const struct x86_insn *in)
{
	const struct x86_operand *d = &in->opnd[0];
	bool pinned = d->kind == X86_OPND_GPR && gen_pin[d->reg] != H_NONE;

	switch (in->op) {
	case X86_OP_PUSH:
		return d->kind != X86_OPND_MEM;
	case X86_OP_POP:
		return pinned && d->reg != X86_RSP;
	case X86_OP_MOV:
		return (pinned && d->size >= 4 && in->opnd[1].kind == X86_OPND_MEM) ||
		       (d->kind == X86_OPND_MEM && in->opnd[1].kind == X86_OPND_GPR);
	default:
		return false;
	}
}

static void gen_insn(struct gen *g, unsigned n)
{
	g->i = &g->t->insn[n];
	/* held from one such instruction to the next; an access of no group, or a spill of flags, takes it */
	if (!n || !leaves_rax(&g->i->in) || !leaves_rax(&g->i[-1].in) || g->plan[n] == PLAN_HELPER || g->plan[n - 1] == PLAN_HELPER)
		g->in_rax = GEN_NO_GROUP;
	if (g->plan[n] == PLAN_HELPER)
		gen_helper(g);
	else if (!gen_flow(g) && !gen_special(g) && !gen_string(g) && !gen_system(g) && !gen_gather(g))
		gen_recode(g);
}

/* Instructions behind which gen_flow() has left the block for good. */
static bool left_for_good(const struct gen *g, unsigned n)
{
	enum x86_ctl ctl = x86_op_info(g->t->insn[n].in.op)->ctl;

	return g->plan[n] == PLAN_NATIVE && (ctl == X86_CTL_JMP || ctl == X86_CTL_CALL || ctl == X86_CTL_RET);
}

bool jit_host_block(struct jit *j, struct jit_trace *t, struct jit_block *blk)
{
	struct gen *g = j->host;
	struct jit_region *r = &j->region[j->cur];

	g->j = j;
	g->t = t;
	g->blk = blk;
	g->b = (struct ebuf){ r->used, r->end, j->rx - j->rw };
	g->ncold = 0;
	g->failed = false;
	g->fl_host = false;
	g->fl_slot = true;
	g->fl_made_up = 0;
	make_plan(g);
	gen_find_groups(g);
	e_align(&g->b, 16, 0);
	u8 *start = g->b.p;
	blk->entry = e_here(&g->b);
	e_align(&g->b, 8, 3);		/* the no-op of 5 bytes */
	gen_units_check(g);
	for (unsigned n = 0; n < t->count && !g->failed; n++)
		gen_insn(g, n);
	if (!t->count) {
		emit_exit(g, (u64)t->start << 32 | JIT_EXIT_INTERP);
	} else if (!left_for_good(g, t->count - 1)) {
		struct jit_insn *last = g->i;

		gen_flags_spill(g, last->live);
		if (t->falls)
			gen_goto(g, t->next, t->look || t->next <= last->off);
		else
			emit_exit(g, (u64)(last->off + last->in.len) << 32 | JIT_EXIT_NEXT);
	}
	for (unsigned n = 0; n < g->ncold; n++)
		emit_cold(g, &g->cold[n]);
	blk->stale = e_here(&g->b);
	emit_exit(g, (u64)t->start << 32 | JIT_EXIT_STALE);
	if (g->failed)
		return false;
	r->used = g->b.p;
	j->stats.insns += t->count;
	j->stats.code_bytes += (u64)(g->b.p - start);
	return true;
}

/* ---- patches ---- */

void jit_host_link(struct jit *j, u8 *site, const u8 *to)
{
	s32 rel = (s32)(to - (site + 4 + (j->rx - j->rw)));

	__atomic_store_n((u32 *)(void *)site, (u32)rel, __ATOMIC_RELEASE);
}

void jit_host_drop(struct jit *j, struct jit_block *blk)
{
	u64 *at = (u64 *)(uintptr_t)(blk->entry - (j->rx - j->rw));
	u64 v = *at & ~0xffffffffffULL;

	v |= 0xe9 | (u64)(u32)(s32)(blk->stale - (blk->entry + 5)) << 8;
	__atomic_store_n(at, v, __ATOMIC_RELEASE);
}
