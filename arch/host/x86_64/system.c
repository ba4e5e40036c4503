// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a kernel does at each entry, exit and lock: CLI, STI, PUSHF, POPF,
 * SWAPGS at CPL 0. Anything but the usual case (CPL 1 and 2, a POPF that changes
 * more than IF and arithmetic flags) is the interpreter's.
 */
#include "gen.h"

/* Flags that POPF may change at CPL 0 besides IF and the arithmetic ones. RF is cleared: it must be clear already. */
#define POPF_RARE (X86_FL_TF | X86_FL_DF | X86_FL_NT | X86_FL_AC | X86_FL_ID | X86_FL_IOPL)

static struct cold *slow_if(struct gen *g, unsigned cc, u64 op)
{
	struct cold *c = gen_cold(g, COLD_HELPER, e_jcc(&g->b, cc));

	c->code = op;
	return c;
}

/* Blocks know CPL 3 from the others, no more. Destroys flags. */
static struct cold *unless_cpl0(struct gen *g, u64 op)
{
	e_op(&g->b, 0x80, 0, 7, CPU(cpl));
	e8(&g->b, 0);
	return slow_if(g, CC_NE, op);
}

static void gen_cli(struct gen *g)
{
	struct cold *c;

	gen_flags_spill(g, g->i->live_in);
	c = unless_cpl0(g, gen_helper_op(g));
	e_alui(&g->b, 4, 0, CPU(eflags), ~X86_FL_IF);
	c->back = e_here(&g->b);
}

/* IF is set: an interrupt that waits for it is seen where requests are looked at next. Later ones say so themselves. */
static void attend(struct gen *g)
{
	struct ebuf *b = &g->b;
	u8 *none;

	e_op(b, 0xf6, 0, 0, CPU(req));
	e8(b, X86_REQ_INTR | X86_REQ_EXTINT);
	none = e_jcc8(b, CC_E);
	e_op(b, 0xc7, 0, 0, CPU(attn));
	e32(b, X86_ATTENTION);
	e_patch8(b, none);
}

/* trace.c lets one instruction follow, and requests are looked at behind it. */
static void gen_sti(struct gen *g)
{
	struct cold *c;

	gen_flags_spill(g, g->i->live_in);
	c = unless_cpl0(g, gen_helper_op(g));
	e_alui(&g->b, 1, 0, CPU(eflags), X86_FL_IF);
	attend(g);
	c->back = e_here(&g->b);
}

static void gen_swapgs(struct gen *g)
{
	const struct hrm base = CPU(seg[X86_GS].base), other = CPU(msr.kernel_gs_base);
	struct ebuf *b = &g->b;
	struct cold *c;

	gen_flags_spill(g, g->i->live_in);
	c = unless_cpl0(g, gen_helper_op(g));
	e_ld(b, T0, base);
	e_ld(b, T1, other);
	e_st(b, other, T0);
	e_st(b, base, T1);
	e_st(b, CPU(seg_base[X86_GS]), T1);
	c->back = e_here(b);
}

/* jit.fl holds bits 7-0 above OF. */
static void gen_pushf(struct gen *g)
{
	struct ebuf *b = &g->b;

	gen_flags_spill(g, X86_FL_ARITH);
	e_op(b, 0x1b6, 0, T1, m_(H_RSP, (s32)offsetof(struct x86_cpu, jit.fl) + 1));
	e_alui(b, 4, 0, r_(T1), 0xd5);
	e_op(b, 0x1b6, 0, T0, CPU(jit.fl));
	e_op(b, 0xc1, 0, 4, r_(T0));
	e8(b, 11);
	e_op(b, 0x0b, 0, T1, r_(T0));
	e_op(b, 0x0b, 0, T1, CPU(eflags));
	e_alui(b, 4, 0, r_(T1), ~(X86_FL_RF | X86_FL_VM));
	e_st(b, CPU(jit.spill[0]), T1);
	gen_push_spilled(g);
}

static void gen_popf(struct gen *g)
{
	struct ebuf *b = &g->b;
	struct cold *c;

	gen_flags_spill(g, X86_FL_ARITH);
	u64 op = gen_helper_op(g);
	c = unless_cpl0(g, op);
	e_ld(b, T1, gen_stack_at(g, X86_RSP, 0, false));
	e_op(b, 0x8b, 0, T2, CPU(eflags));
	e_op(b, 0xf7, 0, 0, r_(T2));
	e32(b, X86_FL_RF);
	c->site[1] = e_jcc(b, CC_NE);
	e_op(b, 0x33, 0, T2, r_(T1));
	e_op(b, 0xf7, 0, 0, r_(T2));
	e32(b, POPF_RARE);
	struct cold *rare = slow_if(g, CC_NE, op);
	e_alui(b, 4, 0, r_(T2), X86_FL_IF);
	e_op(b, 0x31, 0, T2, CPU(eflags));
	attend(g);
	e_mov32(b, T0, T1);
	e_op(b, 0xc1, 0, 5, r_(T0));
	e8(b, 11);
	e_alui(b, 4, 0, r_(T0), 1);
	e_alui(b, 4, 0, r_(T1), 0xd5);
	e_op(b, 0xc1, 0, 4, r_(T1));
	e8(b, 8);
	e_op(b, 0x0b, 0, T0, r_(T1));
	e_op(b, 0x89, E_66, T0, CPU(jit.fl));
	e_lea(b, gen_pin[X86_RSP], m_(gen_pin[X86_RSP], 8));
	g->fl_slot = true;
	c->back = rare->back = e_here(b);
}

bool gen_system(struct gen *g)
{
	switch (g->i->in.op) {
	case X86_OP_CLI: gen_cli(g); return true;
	case X86_OP_STI: gen_sti(g); return true;
	case X86_OP_SWAPGS: gen_swapgs(g); return true;
	case X86_OP_PUSHF: gen_pushf(g); return true;
	case X86_OP_POPF: gen_popf(g); return true;
	default: return false;
	}
}
