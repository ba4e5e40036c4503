// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VPGATHERxx and VGATHERxx: elements are loaded one after the other into a
 * copy of the destination. Nothing of the guest's is changed before all are
 * there, so an element that is not where the check looks leaves everything to the interpreter.
 */
#include "gen.h"

#define GATHERS_OF_A_BLOCK 16	/* their code is long */

struct elements {
	unsigned size, index_size, count;
};

static bool elements_of(const struct x86_insn *in, struct elements *e)
{
	unsigned bytes = in->flags & X86_INSN_L ? 32 : 16;

	switch (in->op) {
	case X86_OP_VPGATHERDD: case X86_OP_VGATHERDPS:
		*e = (struct elements){ 4, 4, 0 };
		break;
	case X86_OP_VPGATHERDQ: case X86_OP_VGATHERDPD:
		*e = (struct elements){ 8, 4, 0 };
		break;
	case X86_OP_VPGATHERQD: case X86_OP_VGATHERQPS:
		*e = (struct elements){ 4, 8, 0 };
		break;
	case X86_OP_VPGATHERQQ: case X86_OP_VGATHERQPD:
		*e = (struct elements){ 8, 8, 0 };
		break;
	default:
		return false;
	}
	e->count = bytes / MAX(e->size, e->index_size);
	return true;
}

bool gen_good_gather(struct gen *g, const struct x86_insn *in)
{
	unsigned dst = in->opnd[0].reg, mask = in->opnd[2].reg;
	struct elements e;

	if (!elements_of(in, &e) || in->asize != 8 || in->disp != (s32)in->disp ||
	    dst == mask || dst == in->index || mask == in->index || g->gathers == GATHERS_OF_A_BLOCK)
		return false;
	g->gathers++;
	return true;
}

static struct hrm copy(unsigned which, unsigned byte)
{
	return m_(H_RSP, (s32)(offsetof(struct x86_cpu, jit.gather) + which * 32 + byte));
}

enum { INDEX, MASK, DEST };

/* Linear address of element n, into rax. */
static void element_ea(struct gen *g, const struct elements *e, unsigned n)
{
	const struct x86_insn *in = &g->i->in;
	struct ebuf *b = &g->b;
	unsigned base = in->base == X86_REG_NONE ? H_NONE : gen_use(g, in->base, T1);

	e_op(b, e->index_size == 4 ? 0x63 : 0x8b, E_W, T0, copy(INDEX, n * e->index_size));	/* movsxd, mov */
	e_lea(b, T0, mi_(base, T0, in->scale, (s32)in->disp));
	if (in->seg == X86_FS || in->seg == X86_GS)
		e_op(b, 0x03, E_W, T0, m_(H_RSP, (s32)(offsetof(struct x86_cpu, seg_base) + 8u * in->seg)));
}

bool gen_gather(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	unsigned dst = in->opnd[0].reg, mask = in->opnd[2].reg;
	struct ebuf *b = &g->b;
	struct elements e;

	if (!elements_of(in, &e))
		return false;
	gen_flags_spill(g, g->i->live_in);
	e_vex(b, 0x17f, E_F3 | E_L, in->index, 0, copy(INDEX, 0));	/* vmovdqu */
	e_vex(b, 0x17f, E_F3 | E_L, mask, 0, copy(MASK, 0));
	e_vex(b, 0x17f, E_F3 | E_L, dst, 0, copy(DEST, 0));
	for (unsigned n = 0; n < e.count; n++) {
		e_op(b, 0xf6, 0, 0, copy(MASK, n * e.size + e.size - 1));	/* test */
		e8(b, 0x80);
		u8 *skip = e_jcc8(b, CC_E);
		element_ea(g, &e, n);
		gen_access_or_leave(g, e.size);
		e_op(b, 0x8b, e.size == 8 ? E_W : 0, T1, m_(T0, 0));
		e_op(b, 0x89, e.size == 8 ? E_W : 0, T1, copy(DEST, n * e.size));
		e_patch8(b, skip);
	}
	if (e.count * e.size == 8)
		e_vex(b, 0x17e, E_F3, dst, 0, copy(DEST, 0));		/* vmovq */
	else
		e_vex(b, 0x16f, E_F3 | (e.count * e.size == 32 ? E_L : 0), dst, 0, copy(DEST, 0));
	e_vex(b, 0x1ef, E_66, mask, mask, r_(mask));			/* vpxor */
	return true;
}
