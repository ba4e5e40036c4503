// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * REP MOVS and REP STOS whose elements lie in one page on each side, upward: the
 * host's own on host addresses. Anything else is the interpreter's, which goes
 * page by page. The first element's access faults as the guest's does.
 */
#include "gen.h"

static unsigned log_size(const struct x86_insn *in)
{
	unsigned size = 1, log = 0;

	for (unsigned n = 0; n < ARRAY_SIZE(in->opnd); n++)
		if (in->opnd[n].kind == X86_OPND_STRDST)
			size = in->opnd[n].size;
	while (1u << log < size)
		log++;
	return log;
}

struct slow {
	u8 *site[5];
	unsigned count;
};

static void slow_if(struct gen *g, struct slow *s, unsigned cc)
{
	s->site[s->count++] = e_jcc(&g->b, cc);
}

/* More elements than fit between guest address reg and the end of its page: slow. */
static void check_room(struct gen *g, struct slow *s, unsigned reg, unsigned log)
{
	struct ebuf *b = &g->b;

	e_mov32(b, T1, reg);
	e_alui(b, 4, 0, r_(T1), 0xfff);
	e_op(b, 0xf7, 0, 3, r_(T1));			/* neg */
	e_alui(b, 0, 0, r_(T1), 4096);
	if (log) {
		e_op(b, 0xc1, 0, 5, r_(T1));
		e8(b, log);
	}
	e_op(b, 0x3b, E_W, H_RCX, r_(T1));
	slow_if(g, s, CC_A);
}

static void rep(struct gen *g, unsigned log, unsigned op8)
{
	struct ebuf *b = &g->b;

	if (log == 1)
		e8(b, 0x66);
	e8(b, 0xf3);
	if (log == 3)
		e8(b, 0x48);
	e8(b, log ? op8 + 1 : op8);
}

static void stos(struct gen *g, struct slow *s, unsigned log)
{
	struct ebuf *b = &g->b;

	e_mov(b, T0, H_RDI);
	gen_access(g, 1u << log, true, false, X86_JIT_SLOT_STRING);
	check_room(g, s, H_RDI, log);
	e_mov(b, T1, H_RDI);
	e_mov(b, T2, H_RCX);
	e_mov(b, H_RDI, T0);
	e_mov(b, T0, gen_pin[X86_RAX]);
	rep(g, log, 0xaa);
	e_lea(b, H_RDI, mi_(T1, T2, log, 0));
}

static void movs(struct gen *g, struct slow *s, unsigned log)
{
	struct ebuf *b = &g->b;

	/* the load faults first */
	e_mov(b, T0, H_RSI);
	gen_access(g, 1u << log, false, false, X86_JIT_SLOT_STRING);
	e_st(b, CPU(jit.spill[0]), T0);
	check_room(g, s, H_RDI, log);
	check_room(g, s, H_RSI, log);
	e_mov(b, T0, H_RDI);
	gen_access(g, 1u << log, true, false, X86_JIT_SLOT_STRING);
	e_mov(b, T1, H_RDI);
	e_mov(b, T2, H_RSI);
	e_mov(b, H_RDI, T0);
	e_ld(b, H_RSI, CPU(jit.spill[0]));
	e_mov(b, T0, H_RCX);
	rep(g, log, 0xa4);
	e_lea(b, H_RDI, mi_(T1, T0, log, 0));
	e_lea(b, H_RSI, mi_(T2, T0, log, 0));
}

bool gen_string(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	struct ebuf *b = &g->b;
	struct slow s = { .count = 0 };
	u8 *none;
	u64 op;

	if (in->op != X86_OP_MOVS && in->op != X86_OP_STOS)
		return false;
	gen_flags_spill(g, g->i->live_in);
	e_op(b, 0xf7, 0, 0, CPU(eflags));		/* test */
	e32(b, X86_FL_DF);
	slow_if(g, &s, CC_NE);
	/* jrcxz has 8 bits: over the jump that leads far */
	e_op(b, 0x85, E_W, H_RCX, r_(H_RCX));
	none = e_jcc(b, CC_E);
	if (in->op == X86_OP_STOS)
		stos(g, &s, log_size(in));
	else
		movs(g, &s, log_size(in));
	e_patch_here(b, none);
	op = gen_helper_op(g);
	for (unsigned n = 0; n < s.count; n += 2) {
		struct cold *c = gen_cold(g, COLD_HELPER, s.site[n]);

		c->site[1] = n + 1 < s.count ? s.site[n + 1] : NULL;
		c->back = e_here(b);
		c->code = op;
	}
	return true;
}
