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

void gen_ea(struct gen *g)
{
	struct ebuf *b = &g->b;
	const struct x86_insn *in = &g->i->in;
	unsigned w = in->asize == 8 ? E_W : 0;
	unsigned base = H_NONE, index = H_NONE;
	s64 disp = in->disp;

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

static bool user(const struct gen *g)
{
	return g->t->mode & X86_MODEF_CPL3;
}

static struct cold *miss(struct gen *g, unsigned cc, struct hrm page, unsigned slot, bool write, u32 info)
{
	struct cold *c = gen_cold(g, COLD_MEM, e_jcc(&g->b, cc));
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
static void slot_access(struct gen *g, unsigned size, bool write, u32 info, unsigned slot)
{
	struct ebuf *b = &g->b;
	s32 at = (s32)(offsetof(struct x86_cpu, jit.slot) +
		       ((user(g) ? 2u : 0u) + write) * X86_JIT_SLOTS * sizeof(struct x86_jit_slot) +
		       slot * sizeof(struct x86_jit_slot));
	struct hrm page = m_(H_RSP, at + (s32)offsetof(struct x86_jit_slot, page));
	unsigned log = 0;
	struct cold *c;

	while (1u << log < size)
		log++;
	e_op(b, 0x2b, E_W, T0, page);
	e_op(b, 0x3b, E_W, T0, m_(H_RSP, at + (s32)(offsetof(struct x86_jit_slot, limit) + log * 8)));
	c = miss(g, CC_AE, page, slot, write, info);
	e_op(b, 0x03, E_W, T0, m_(H_RSP, at + (s32)offsetof(struct x86_jit_slot, host)));
	c->back = e_here(b);
	c->thunk = write ? g->j->thunks.mem_w : g->j->thunks.mem_r;
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
static void page_access(struct gen *g, unsigned size, bool write, u32 info)
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
	c = miss(g, CC_A, page, X86_JIT_SLOT_BESIDE, write, info);
	e_op(b, 0x03, E_W, T0, mi_(H_RSP, T1, 0, at + (s32)offsetof(struct x86_jit_page, host)));
	c->back = e_here(b);
	c->thunk = g->j->thunks.pages[user(g)][write];
}

void gen_access(struct gen *g, unsigned size, bool write, bool ss, int slot)
{
	u32 info = JIT_INFO(g->i->off, g->i->in.len, ss, size);

	if (slot == GEN_PAGES)
		page_access(g, size, write, info);
	else
		slot_access(g, size, write, info, (unsigned)slot);
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

void gen_mem(struct gen *g, unsigned size, bool write)
{
	gen_flags_spill(g, g->i->live_in);
	gen_ea(g);
	if (x86_insn_form(&g->i->in)->flags & X86_FF_ALIGN) {
		e8(&g->b, 0xa8);
		e8(&g->b, size - 1);
		gen_cold(g, COLD_EXIT, e_jcc(&g->b, CC_NE))->code = (u64)g->i->off << 32 | JIT_EXIT_INTERP;
	}
	gen_access(g, size, write, g->i->in.seg == X86_SS, slot_of(g));
}
