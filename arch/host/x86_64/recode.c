// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's instruction again, with host registers in its fields and
 * [rax] for its memory operand. The decoder's table says which operand stands
 * in which field.
 */
#include "gen.h"
#include "x86/spec.h"

struct fields {
	unsigned op;		/* map and opcode, as e_op() takes it */
	unsigned fl;
	unsigned reg, vvvv;
	struct hrm rm;
	bool has_rm;		/* there is a ModRM byte */
	u8 def[3];		/* guest registers to be stored afterwards... */
	u8 from[3];		/* ...from these scratch registers */
	unsigned ndef;
	u8 high, high_from;	/* the same for AH..BH; 0: none */
	unsigned imm;		/* bytes at the end */
};

static unsigned imm_bytes(const struct x86_insn *in, unsigned spec)
{
	switch ((enum x86_type)x86_spec_infos[spec].type) {
	case TYPE_b: return 1;
	case TYPE_w: return 2;
	case TYPE_z: return in->opsize == 2 ? 2 : 4;
	case TYPE_v: return in->opsize;
	default: return 1;
	}
}

/* Host number for a general register operand; scratch when it has none of its own. */
static unsigned gpr_field(struct gen *g, struct fields *f, const struct x86_operand *o, unsigned scratch)
{
	unsigned h = gen_pin[o->reg];

	if (o->kind == X86_OPND_GPRH) {
		e_vex(&g->b, 0x3f0, E_W | E_F2, scratch, 0, r_(h));	/* rorx */
		e8(&g->b, 8);
		if (o->access & X86_ACC_W) {
			f->high = o->reg;
			f->high_from = (u8)scratch;
		}
		return scratch;
	}
	if (h == H_NONE) {
		h = scratch;
		e_ld(&g->b, scratch, GPR_SLOT(o->reg));
		if (o->access & X86_ACC_W) {
			f->def[f->ndef] = o->reg;
			f->from[f->ndef++] = (u8)scratch;
		}
	}
	if (o->size == 1 && h >= 4)
		f->fl |= E_REX;
	return h;
}

/*
 * A register that stays in memory may be the memory operand of the same instruction: one that reads it, or writes all
 * of it (a part would make the next load of the whole wait).
 */
static bool in_memory(const struct x86_insn *in, const struct x86_operand *o)
{
	if (o->kind != X86_OPND_GPR || gen_pin[o->reg] != H_NONE || ((o->access & X86_ACC_W) && o->size != 8))
		return false;
	switch (in->op) {
	case X86_OP_ADD: case X86_OP_OR: case X86_OP_ADC: case X86_OP_SBB: case X86_OP_AND: case X86_OP_SUB:
	case X86_OP_XOR: case X86_OP_CMP: case X86_OP_TEST: case X86_OP_INC: case X86_OP_DEC: case X86_OP_NEG:
	case X86_OP_NOT: case X86_OP_IMUL: case X86_OP_MOVSX: case X86_OP_MOVSXD: case X86_OP_MOVZX:
	case X86_OP_SHL: case X86_OP_SHR: case X86_OP_SAR: case X86_OP_ROL: case X86_OP_ROR:
		return true;
	default:
		return in->op >= X86_OP_CMOVO && in->op <= X86_OP_CMOVNLE;
	}
}

static void place(struct gen *g, struct fields *f, unsigned n)
{
	const struct x86_insn *in = &g->i->in;
	const struct x86_operand *o = &in->opnd[n];
	unsigned spec = x86_insn_form(in)->spec[n];
	bool gpr = o->kind == X86_OPND_GPR || o->kind == X86_OPND_GPRH;

	if (o->kind == X86_OPND_MEM)
		return;
	switch ((enum x86_method)x86_spec_infos[spec].method) {
	case METHOD_E: case METHOD_R: case METHOD_W: case METHOD_U: case METHOD_M: case METHOD_Q: case METHOD_N:
		if (in_memory(in, o))
			f->rm = GPR_SLOT(o->reg);
		else
			f->rm = r_(gpr ? gpr_field(g, f, o, T2) : o->reg);
		break;
	case METHOD_Z:
		f->rm = r_(gpr_field(g, f, o, T2));
		break;
	case METHOD_G: case METHOD_V: case METHOD_P:
		f->reg = gpr ? gpr_field(g, f, o, T1) : o->reg;
		break;
	case METHOD_B: case METHOD_H:
		f->vvvv = gpr ? gpr_field(g, f, o, f->rm.mem ? T2 : T0) : o->reg;
		break;
	case METHOD_I: case METHOD_SI:
		f->imm += imm_bytes(in, spec);
		break;
	case METHOD_L:
		f->imm = 1;
		break;
	default:
		break;
	}
}

static unsigned vex_pp(const u8 *raw)
{
	while (*raw != 0xc4 && *raw != 0xc5)
		raw++;
	return *raw == 0xc5 ? raw[1] & 3 : raw[2] & 3;
}

static void opcode_field(const struct jit_insn *i, struct fields *f)
{
	static const u16 maps[] = { 0, 0x100, 0x200, 0x300 };
	static const u8 pp[4] = { 0, E_66, E_F3, E_F2 };
	const struct x86_insn *in = &i->in;
	const struct x86_form *form = x86_insn_form(in);

	unsigned map = x86_form_map(form);

	f->op = map >= X86_MAP_X87M ? 0xd8 + (x86_form_opcode(form) >> 3) : maps[map] | x86_form_opcode(form);
	f->reg = in->modrm >> 3 & 7;
	f->fl = in->flags & X86_INSN_W ? E_W : 0;
	if (in->flags & X86_INSN_VEX) {
		f->fl |= pp[vex_pp(i->raw)] | (in->flags & X86_INSN_L ? E_L : 0);
		return;
	}
	if (in->prefixes & X86_PFX_66)
		f->fl |= E_66;
	if (form->key & X86_KEY_F3)
		f->fl |= E_F3;
	if (form->key & X86_KEY_F2)
		f->fl |= E_F2;
	if (in->prefixes & X86_PFX_LOCK)
		f->fl |= E_LOCK;
}

/* Short forms without a ModRM byte become the general ones. */
static void lengthen(struct gen *g, struct fields *f)
{
	const struct x86_insn *in = &g->i->in;
	bool acc8 = !(f->op & 1);

	f->has_rm = true;
	if (f->op < 0x40 && (f->op & 7) >= 4 && (f->op & 7) <= 5) {	/* ALU al/eax, imm */
		f->reg = f->op >> 3;
		f->op = acc8 ? 0x80 : 0x81;
	} else if (f->op == 0xa8 || f->op == 0xa9) {
		f->reg = 0;
		f->op = acc8 ? 0xf6 : 0xf7;
	} else if (f->op >= 0x90 && f->op <= 0x97 && in->op == X86_OP_XCHG) {
		f->op = 0x87;
		f->reg = gen_pin[X86_RAX];
		return;
	} else if (f->op >= 0xa0 && f->op <= 0xa3) {
		f->op = 0x88 | (f->op & 1) | (f->op < 0xa2 ? 2 : 0);
		f->reg = gen_pin[X86_RAX];
		if (acc8)
			f->fl |= E_REX;
		return;
	} else if (f->op >= 0xb0 && f->op <= 0xbf) {
		f->op = f->op < 0xb8 ? 0xc6 : 0xc7;
		f->reg = 0;
		return;
	} else {
		f->has_rm = in->flags & X86_INSN_MODRM;
		return;
	}
	f->rm = r_(gen_pin[X86_RAX]);
	if (in->opnd[0].size == 1)
		f->fl |= E_REX;
}

static void write_insn(struct gen *g, const struct fields *f)
{
	const struct jit_insn *i = g->i;
	struct ebuf *b = &g->b;

	if (i->in.flags & X86_INSN_VEX) {
		if (f->has_rm)
			e_vex(b, f->op, f->fl, f->reg, f->vvvv, f->rm);
		else {				/* VZEROUPPER, VZEROALL */
			e_vex(b, f->op, f->fl, 0, 0, r_(0));
			b->p--;
		}
	} else if (f->op >= 0x1c8 && f->op <= 0x1cf) {
		unsigned rex = (f->fl & E_W ? 8 : 0) | f->rm.reg >> 3;

		if (f->fl & E_66)
			e8(b, 0x66);
		e8(b, 0x40 | rex);
		e8(b, 0x0f);
		e8(b, 0xc8 | (f->rm.reg & 7));
	} else if (f->has_rm) {
		e_op(b, f->op, f->fl, f->reg, f->rm);
	} else {				/* EMMS, fences and the like have no operands */
		e_op(b, f->op, f->fl, 0, r_(0));
		b->p--;
	}
	__builtin_memcpy(b->p, i->raw + i->in.len - f->imm, f->imm);
	b->p += f->imm;
}

static const struct x86_operand *mem_of(const struct x86_insn *in)
{
	for (unsigned n = 0; n < ARRAY_SIZE(in->opnd); n++)
		if (in->opnd[n].kind == X86_OPND_MEM)
			return &in->opnd[n];
	return NULL;
}

/* Flags that the instruction leaves as they were, or reads. */
static bool wants_flags(const struct jit_insn *i, u32 writes)
{
	return (x86_op_info(i->in.op)->fl_read & X86_FL_ARITH) || (writes && i->live_in & i->live);
}

/* Behind a shift by CL whose flags may be read: into the slot, with those clear that it left undefined. */
static void flags_by_count(struct gen *g, u32 undef, bool saved)
{
	unsigned mask = g->i->in.opnd[0].size == 8 ? 63 : 31;
	struct ebuf *b = &g->b;
	u8 *none, *one;

	e8(b, 0x9f);					/* lahf */
	e_op(b, 0x190, 0, 0, r_(H_RAX));		/* seto al */
	if (saved)
		e_ld(b, T1, CPU(jit.spill[0]));
	else
		e_mov32(b, T1, H_RCX);
	e_alui(b, 4, 0, r_(T1), (s32)mask);
	none = e_jcc8(b, CC_E);
	if (undef & X86_FL_AF) {
		e_op(b, 0x80, 0, 4, r_(4));		/* and ah */
		e8(b, ~X86_FL_AF & 0xff);
	}
	e_alui(b, 7, 0, r_(T1), 1);
	one = e_jcc8(b, CC_E);
	e8(b, 0xb0);					/* mov al, 0 */
	e8(b, 0);
	e_patch8(b, none);
	e_patch8(b, one);
	e_op(b, 0x89, E_66, H_RAX, CPU(jit.fl));
	g->fl_slot = true;
	g->fl_host = false;
}

/* XOR of a register that stays in memory with itself: its old value is not needed. */
static bool clears(struct gen *g)
{
	const struct x86_insn *in = &g->i->in;
	const struct x86_operand *o = in->opnd;

	if (in->op != X86_OP_XOR || o[0].kind != X86_OPND_GPR || o[1].kind != X86_OPND_GPR || o[0].reg != o[1].reg ||
	    o[0].size < 4 || gen_pin[o[0].reg] != H_NONE)
		return false;
	e_op(&g->b, 0x33, 0, T0, r_(T0));
	e_st(&g->b, GPR_SLOT(o[0].reg), T0);
	gen_flags_made(g);
	return true;
}

void gen_recode(struct gen *g)
{
	struct jit_insn *i = g->i;
	const struct x86_operand *m = mem_of(&i->in);
	const struct x86_op_info *info = x86_op_info(i->in.op);
	u32 writes = (info->fl_written | info->fl_undef) & X86_FL_ARITH;
	u32 by_count = jit_trace_by_count(&i->in) & i->live;
	bool saved = by_count && i->in.opnd[0].kind == X86_OPND_GPR && i->in.opnd[0].reg == X86_RCX;
	bool wants = wants_flags(i, writes);
	struct fields f = { .rm = r_(0) };

	if (clears(g))
		return;
	if (m) {
		f.rm = gen_mem_at(g, m->size, m->access & X86_ACC_W);
		if (wants) {
			e_mov(&g->b, T2, T0);
			f.rm.reg = T2;
		}
	}
	if (wants)
		gen_flags_fetch(g);
	opcode_field(i, &f);
	lengthen(g, &f);
	if (!m && f.op >= 0xd8 && f.op <= 0xdf)
		f.rm = r_(i->in.modrm & 7);
	for (unsigned n = 0; n < ARRAY_SIZE(i->in.opnd) && i->in.opnd[n].kind != X86_OPND_NONE; n++)
		place(g, &f, n);
	if (saved)
		e_st(&g->b, CPU(jit.spill[0]), H_RCX);
	write_insn(g, &f);
	if (f.high_from) {
		e_vex(&g->b, 0x3f0, E_W | E_F2, gen_pin[f.high], 0, r_(f.high_from));
		e8(&g->b, 56);
	}
	/* the first operand is written last: MULX and XADD with one register twice */
	for (unsigned n = f.ndef; n-- > 0;)
		e_st(&g->b, GPR_SLOT(f.def[n]), f.from[n]);
	if (writes)
		gen_flags_made(g);
	if (by_count)
		flags_by_count(g, by_count, saved);
}
