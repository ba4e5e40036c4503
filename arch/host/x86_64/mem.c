// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest memory: addresses, and the look-up in the first TLB level, which is
 * x86_tlb_hit() as code. Memory order: one host access for each guest access,
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

void gen_access(struct gen *g, unsigned size, bool write, bool ss)
{
	struct ebuf *b = &g->b;
	s32 set = write ? (s32)offsetof(struct x86_tlb_set, w) : 0;
	struct cold *c;

	e_mov32(b, T1, T0);
	e_op(b, 0xc1, 0, 5, r_(T1));
	e8(b, 12 - 4);
	e_alui(b, 4, 0, r_(T1), (X86_TLB_SIZE - 1) << 4);
	e_op(b, 0x03, E_W, T1, CPU(tlb));
	if (size > 1)
		e_lea(b, T2, m_(T0, (s32)size - 1));
	else
		e_mov(b, T2, T0);
	e_alui(b, 4, E_W, r_(T2), -4096);
	e_op(b, 0x0b, E_W, T2, CPU(tlb_tag));
	e_op(b, 0x3b, E_W, T2, m_(T1, set));
	c = gen_cold(g, COLD_MEM, e_jcc(b, CC_NE));
	e_op(b, 0x03, E_W, T0, m_(T1, set + 8));
	c->back = e_here(b);
	c->thunk = write ? g->j->thunks.mem_w : g->j->thunks.mem_r;
	c->code = JIT_INFO(g->i->off, g->i->in.len, ss, size);
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
	gen_access(g, size, write, g->i->in.seg == X86_SS);
}
