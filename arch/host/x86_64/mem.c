// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest memory: addresses, and the check of the slot that remembers
 * where the base register pointed last. Memory order: one host access for each guest access,
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

/* Offset of the slot that remembers what base pointed to. */
static unsigned slot_number(const struct gen *g, unsigned base, bool write)
{
	unsigned n = base == X86_JIT_SLOT_STRING ? base : MIN(base, X86_JIT_SLOT_STRING - 1u);

	return (g->t->mode & X86_MODEF_CPL3 ? 2 * X86_JIT_SLOTS : 0) + (write ? X86_JIT_SLOTS : 0) + n;
}

/*
 * lin - page < limit, all from the slot: neither index nor tag is computed, and
 * the address depends on nothing that is loaded from the TLB. The rest is the
 * common piece's (thunks.c), which looks into the first level and fills the slot.
 */
void gen_access(struct gen *g, unsigned size, bool write, bool ss, unsigned base)
{
	struct ebuf *b = &g->b;
	unsigned slot = slot_number(g, base, write), log = 0;
	s32 at = (s32)(offsetof(struct x86_cpu, jit.slot) + slot * sizeof(struct x86_jit_slot));
	struct cold *c;

	while (1u << log < size)
		log++;
	e_op(b, 0x2b, E_W, T0, m_(H_RSP, at + (s32)offsetof(struct x86_jit_slot, page)));
	e_op(b, 0x3b, E_W, T0, m_(H_RSP, at + (s32)(offsetof(struct x86_jit_slot, limit) + log * 8)));
	c = gen_cold(g, COLD_MEM, e_jcc(b, CC_AE));
	e_op(b, 0x03, E_W, T0, m_(H_RSP, at + (s32)offsetof(struct x86_jit_slot, host)));
	c->back = e_here(b);
	c->page = at + (s32)offsetof(struct x86_jit_slot, page);
	c->thunk = write ? g->j->thunks.mem_w : g->j->thunks.mem_r;
	c->code = JIT_INFO(g->i->off, g->i->in.len, ss, size) | slot << JIT_INFO_SLOT_SHIFT;
}

static unsigned slot_base(const struct x86_insn *in)
{
	if (in->seg == X86_FS || in->seg == X86_GS)
		return X86_REG_NONE;
	return in->base == X86_REG_NONE ? in->index : in->base;
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
	gen_access(g, size, write, g->i->in.seg == X86_SS, slot_base(&g->i->in));
}
