// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest memory: addresses, and the check against the page that the address
 * was in before: by a slot for the stack and constant addresses, else by the page's number. Memory order: one host access for each guest access,
 * loads and stores plain, as TSO asks; LOCK stays LOCK.
 */
#include "gen.h"

unsigned gen_use(struct gen *g, unsigned guest, unsigned scratch)
{
	if (gen_pin[guest] != H_NONE)
		return gen_pin[guest];
	e_ld(&g->b, scratch, GPR_SLOT(guest));
	return scratch;
}

/* A guest register gets the host register's value. */
void gen_def(struct gen *g, unsigned guest, unsigned host)
{
	if (gen_pin[guest] == H_NONE)
		e_st(&g->b, GPR_SLOT(guest), host);
	else
		e_mov(&g->b, gen_pin[guest], host);
}

/* Linear address of the memory operand and add bytes, into rax. */
static void ea(struct gen *g, s64 add)
{
	struct ebuf *b = &g->b;
	const struct x86_insn *in = &g->i->in;
	unsigned w = in->asize == 8 ? E_W : 0;
	unsigned base = H_NONE, index = H_NONE;
	s64 disp = in->disp + add;

	if (in->base == X86_REG_RIP) {
		e_ld(b, T0, CPU(jit.page));
		base = T0;
		disp += g->i->off + in->len;
	} else if (in->base != X86_REG_NONE) {
		base = gen_use(g, in->base, T0);
	}
	if (in->index != X86_REG_NONE)
		index = gen_use(g, in->index, T1);
	if (base == H_NONE && index == H_NONE)
		e_movi(b, T0, w ? (u64)disp : (u32)disp);
	else if (base != H_NONE && index == H_NONE && !disp && w)
		e_mov(b, T0, base);
	else
		e_op(b, 0x8d, w, T0, mi_(base, index, in->scale, (s32)disp));
	if (in->seg == X86_FS || in->seg == X86_GS)
		e_op(b, 0x03, E_W, T0, m_(H_RSP, (s32)(offsetof(struct x86_cpu, seg_base) + 8u * in->seg)));
}

void gen_ea(struct gen *g)
{
	ea(g, 0);
}

static bool user(const struct gen *g)
{
	return g->t->mode & X86_MODEF_CPL3;
}

/* group: an access of all its bytes. Else info is the access's. */
static struct cold *miss(struct gen *g, unsigned cc, struct hrm page, unsigned slot, bool write, u32 info, bool group)
{
	struct cold *c = gen_cold(g, group ? COLD_GROUP : COLD_MEM, e_jcc(&g->b, cc));
	unsigned number = (user(g) ? 2 * X86_JIT_SLOTS : 0) + (write ? X86_JIT_SLOTS : 0) + slot;

	c->page = page;
	c->code = info | number << JIT_INFO_SLOT_SHIFT;
	return c;
}

/*
 * lin - page < limit, all from the slot: neither index nor tag is computed, and
 * the address depends on nothing that is loaded from the TLB. The rest is the
 * common piece's (thunks.c), which looks into the first level and fills the slot.
 */
static struct cold *slot_access(struct gen *g, unsigned size, bool write, u32 info, unsigned slot, bool group)
{
	struct ebuf *b = &g->b;
	s32 at = (s32)(offsetof(struct x86_cpu, jit.slot) +
		       ((user(g) ? 2u : 0u) + write) * X86_JIT_SLOTS * sizeof(struct x86_jit_slot) +
		       slot * sizeof(struct x86_jit_slot));
	struct hrm page = m_(H_RSP, at + (s32)offsetof(struct x86_jit_slot, page));
	unsigned n = 0;
	struct cold *c;

	while (jit_limit_bytes(n) < size)
		n++;
	e_op(b, 0x2b, E_W, T0, page);
	e_op(b, 0x3b, E_W, T0, m_(H_RSP, at + (s32)(offsetof(struct x86_jit_slot, limit) + n * 8)));
	c = miss(g, CC_AE, page, slot, write, info, group);
	e_op(b, 0x03, E_W, T0, m_(H_RSP, at + (s32)offsetof(struct x86_jit_slot, host)));
	c->back = e_here(b);
	c->thunk = group ? g->j->thunks.group_slot[write] : write ? g->j->thunks.mem_w : g->j->thunks.mem_r;
	return c;
}

void gen_shr(struct jit *j, struct ebuf *b, unsigned r, unsigned n)
{
	if (j->host_features[X86_FEAT_BMI2 / 32] >> (X86_FEAT_BMI2 & 31) & 1) {
		e_vex(b, 0x3f0, E_F2, r, 0, r_(T0));	/* rorx */
	} else {
		e_mov32(b, r, T0);
		e_op(b, 0xc1, 0, 5, r_(r));
	}
	e8(b, n);
}

void gen_page_index(struct jit *j, struct ebuf *b, unsigned r)
{
	gen_shr(j, b, r, 12 - 4);
	e_alui(b, 4, 0, r_(r), (X86_JIT_PAGES - 1) << 4);
}

/* lin - page < 4096 - size + 1, by the entry for the address's page. */
static struct cold *page_access(struct gen *g, unsigned size, bool write, u32 info, bool group)
{
	struct ebuf *b = &g->b;
	s32 at = (s32)(offsetof(struct x86_cpu, jit.pages) +
		       ((user(g) ? 2u : 0u) + write) * X86_JIT_PAGES * sizeof(struct x86_jit_page));
	struct hrm page = mi_(H_RSP, T1, 0, at + (s32)offsetof(struct x86_jit_page, page));
	struct cold *c;

	gen_page_index(g->j, b, T1);
	e_op(b, 0x2b, E_W, T0, page);
	e8(b, 0x48);
	e8(b, 0x3d);			/* cmp rax, imm32 */
	e32(b, 4096 - size);
	c = miss(g, CC_A, page, X86_JIT_SLOT_BESIDE, write, info, group);
	e_op(b, 0x03, E_W, T0, mi_(H_RSP, T1, 0, at + (s32)offsetof(struct x86_jit_page, host)));
	c->back = e_here(b);
	c->thunk = group ? g->j->thunks.group_page[user(g)][write] : g->j->thunks.pages[user(g)][write];
	return c;
}

void gen_access(struct gen *g, unsigned size, bool write, bool ss, int slot)
{
	u32 info = JIT_INFO(g->i->off, g->i->in.len, ss, size);

	if (slot == GEN_PAGES)
		page_access(g, size, write, info, false);
	else
		slot_access(g, size, write, info, (unsigned)slot, false);
}

void gen_access_or_leave(struct gen *g, unsigned size)
{
	page_access(g, size, false, JIT_GROUP(size), true)->kind = COLD_LEAVE;
}

static int slot_of(const struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	u64 disp = (u64)in->disp;

	if (in->base == X86_REG_RIP)
		return X86_JIT_SLOT_RIP +
		       (int)((g->t->gpa + g->i->off + in->len + disp) >> 12 & (X86_JIT_SLOT_CONST - X86_JIT_SLOT_RIP - 1));
	if (in->base == X86_REG_NONE && in->index == X86_REG_NONE)
		return X86_JIT_SLOT_CONST + (int)(disp >> 12 & (X86_JIT_SLOT_BESIDE - X86_JIT_SLOT_CONST - 1));
	return in->base == X86_RSP && in->seg != X86_FS && in->seg != X86_GS ? X86_JIT_SLOT_STACK : GEN_PAGES;
}

/* add bytes behind the address in rax are aligned to size, or the interpreter says what comes of it. Destroys flags, r14. */
static void check_aligned(struct gen *g, unsigned size, s32 add)
{
	if (!(x86_insn_form(&g->i->in)->flags & X86_FF_ALIGN))
		return;
	e_lea(&g->b, T1, m_(T0, add));
	e_op(&g->b, 0xf6, 0, 0, r_(T1));
	e8(&g->b, size - 1);
	gen_cold(g, COLD_EXIT, e_jcc(&g->b, CC_NE))->code = (u64)g->i->off << 32 | JIT_EXIT_INTERP;
}

void gen_mem(struct gen *g, unsigned size, bool write)
{
	g->in_rax = GEN_NO_GROUP;
	gen_flags_spill(g, g->i->live_in);
	gen_ea(g);
	check_aligned(g, size, 0);
	gen_access(g, size, write, g->i->in.seg == X86_SS, slot_of(g));
}

/* ---- groups ---- */

static struct hrm group_slot(const struct gen_group *gr)
{
	return m_(H_RSP, (s32)(offsetof(struct x86_cpu, jit.group) + gr->slot * sizeof(u64)));
}

/* rax: linear address of the group's first byte -> host address, which is kept. */
static void group_access(struct gen *g, struct gen_group *gr, int slot)
{
	struct jit_link *l = jit_cache_meta(g->j, sizeof(*l));
	unsigned span = (unsigned)(gr->high - gr->low);
	struct cold *c;

	if (!l) {
		g->failed = true;
		return;
	}
	*l = (struct jit_link){ .from = g->blk, .off = g->i->off, .region_gen = (u32)g->j->flush_gen, .plain = true };
	c = slot == GEN_PAGES ? page_access(g, span, gr->write, JIT_GROUP(span), true) :
				slot_access(g, span, gr->write, JIT_GROUP(span), (unsigned)slot, true);
	c->link = l;
	e_st(&g->b, group_slot(gr), T0);
	gr->open = true;
	g->in_rax = (u8)(gr - g->group);
}

/* Another member: rax gets the group's address. */
static void group_again(struct gen *g, const struct gen_group *gr)
{
	unsigned k = (unsigned)(gr - g->group);

	if (g->in_rax == k)
		return;
	e_ld(&g->b, T0, group_slot(gr));
	g->in_rax = (u8)k;
}

/* The group that the access belongs to; first: it is to make the check. NULL: it stands alone. */
static struct gen_group *group_of(struct gen *g, const struct gen_place *p, unsigned size, bool *first)
{
	struct gen_group *gr = p->group == GEN_NO_GROUP ? NULL : &g->group[p->group];

	if (!gr || !gr->real || size > p->size)
		return NULL;
	*first = !gr->open;
	return *first && &g->t->insn[gr->begin] != g->i ? NULL : gr;
}

struct hrm gen_mem_at(struct gen *g, unsigned size, bool write)
{
	const struct gen_place *p = &g->place[g->i - g->t->insn][GEN_MEM];
	bool first, aligned = x86_insn_form(&g->i->in)->flags & X86_FF_ALIGN;
	struct gen_group *gr = group_of(g, p, size, &first);
	s32 at;

	if (!gr) {
		gen_mem(g, size, write);
		return m_(T0, 0);
	}
	at = (s32)(p->at - gr->low);
	if (first || aligned) {
		g->in_rax = GEN_NO_GROUP;
		gen_flags_spill(g, g->i->live_in);
	}
	if (first)
		ea(g, -at);
	else
		group_again(g, gr);
	check_aligned(g, size, at);
	if (first)
		group_access(g, gr, slot_of(g));
	return m_(T0, at);
}

struct hrm gen_stack_at(struct gen *g, unsigned reg, s32 disp, bool write)
{
	const struct gen_place *p = &g->place[g->i - g->t->insn][GEN_STACK];
	bool first;
	struct gen_group *gr = group_of(g, p, 8, &first);
	s32 at = gr ? (s32)(p->at - gr->low) : 0;

	if (gr && !first) {
		group_again(g, gr);
		return m_(T0, at);
	}
	g->in_rax = GEN_NO_GROUP;
	gen_flags_spill(g, g->i->live_in);
	if (disp == at)
		e_mov(&g->b, T0, gen_pin[reg]);
	else
		e_lea(&g->b, T0, m_(gen_pin[reg], disp - at));
	if (gr)
		group_access(g, gr, X86_JIT_SLOT_STACK);
	else
		gen_access(g, 8, write, true, X86_JIT_SLOT_STACK);
	return m_(T0, at);
}
