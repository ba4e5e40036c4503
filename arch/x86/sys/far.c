// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Far JMP, CALL and RET in all modes, call gates, and the loads of far
 * pointers (LDS and its like).
 */
#include "frame.h"

/* Far pointer operand: immediate, or memory of opsize + 2 bytes. */
static void far_pointer(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, u16 *sel, u64 *off)
{
	if (in->opnd[n].kind == X86_OPND_FAR) {
		*off = in->opsize == 2 ? (u16)in->imm : (u32)in->imm;
		*sel = (u16)(in->imm >> 32);
		return;
	}
	u64 lin = x86_mem(cpu, in, in->opsize + 2, X86_READ);
	*off = x86_ld(cpu, lin, in->opsize);
	*sel = x86_ld16(cpu, lin + in->opsize);
}

/* Code descriptor for a direct far transfer at the same privilege. */
static void check_code(struct x86_cpu *cpu, u16 sel, struct sys_desc *d, bool returning)
{
	unsigned dpl = (d->attr >> 5) & 3, rpl = sel & 3;
	bool conforming = d->attr & X86_ATTR_CE;
	u32 err = sel & ~3u;

	if (!(d->attr & X86_ATTR_S) || !(d->attr & X86_ATTR_CODE))
		x86_raise_gp(cpu, err);
	if (returning ? (conforming ? dpl > rpl : dpl != rpl)
		      : (conforming ? dpl > cpu->cpl : (rpl > cpu->cpl || dpl != cpu->cpl)))
		x86_raise_gp(cpu, err);
	if (!(d->attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, err);
	if (sys_lma(cpu) && (d->attr & X86_ATTR_L) && (d->attr & X86_ATTR_DB))
		x86_raise_gp(cpu, err);
}

/* A 64-bit offset into a 32-bit segment is cut. */
static void check_target(struct x86_cpu *cpu, const struct sys_desc *d, u64 off)
{
	bool to64 = sys_lma(cpu) && (d->attr & X86_ATTR_L);

	if (to64 ? !x86_canonical(cpu, off) : (u32)off > d->limit)
		x86_raise_gp(cpu, 0);
}

static void set_code(struct x86_cpu *cpu, u16 sel, unsigned cpl, struct sys_desc *d, u64 off)
{
	sys_desc_set_accessed(cpu, d);
	sys_set_cpl(cpu, cpl);
	sys_set_seg(cpu, X86_CS, (sel & ~3) | cpl, d);
	cpu->rip_next = d->attr & X86_ATTR_L ? off : (u32)off;
}

static void read_selector(struct x86_cpu *cpu, u16 sel, struct sys_desc *d)
{
	if (!(sel & ~3))
		x86_raise_gp(cpu, 0);
	if (sys_desc_read(cpu, sel, d))
		x86_raise_gp(cpu, sel & ~3u);
}

/* ---- call gates ---- */

struct call_gate {
	u16 sel;
	u64 off;
	unsigned params, size;
};

static void gate_open(struct x86_cpu *cpu, u16 sel, const struct sys_desc *d, struct call_gate *g)
{
	unsigned dpl = (d->attr >> 5) & 3, type = d->attr & 0xf;
	u32 err = sel & ~3u;
	u64 hi = 0;

	if (dpl < cpu->cpl || dpl < (sel & 3u))
		x86_raise_gp(cpu, err);
	if (!(d->attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, err);
	if (sys_lma(cpu)) {
		u64 w = x86_ld_sys(cpu, d->addr + 8, 8);

		if (type != 12 || ((w >> 40) & 0x1f))
			x86_raise_gp(cpu, err);
		hi = (w & 0xffffffff) << 32;
	}
	g->sel = (u16)(d->lo >> 16);
	g->off = (d->lo & 0xffff) | (d->hi & 0xffff0000) | hi;
	g->params = d->hi & 31;
	g->size = sys_lma(cpu) ? 8 : type == 12 ? 4 : 2;
	if (g->size == 2)
		g->off &= 0xffff;
}

static void gate_code(struct x86_cpu *cpu, const struct call_gate *g, struct sys_desc *cs)
{
	read_selector(cpu, g->sel, cs);
	if (!(cs->attr & X86_ATTR_S) || !(cs->attr & X86_ATTR_CODE) || ((cs->attr >> 5) & 3) > cpu->cpl)
		x86_raise_gp(cpu, g->sel & ~3u);
	if (sys_lma(cpu) && (cs->attr & (X86_ATTR_L | X86_ATTR_DB)) != X86_ATTR_L)
		x86_raise_gp(cpu, g->sel & ~3u);
	if (!(cs->attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, g->sel & ~3u);
}

static void gate_call(struct x86_cpu *cpu, struct call_gate *g)
{
	struct sys_desc cs;
	struct frame f;
	u64 param[32];

	gate_code(cpu, g, &cs);
	unsigned dpl = (cs.attr >> 5) & 3;
	bool inner = !(cs.attr & X86_ATTR_CE) && dpl < cpu->cpl;
	unsigned cpl = inner ? dpl : cpu->cpl;

	frame_begin_call(&f, cpu, g->size, cpl, inner);
	check_target(cpu, &cs, g->off);
	if (inner) {
		unsigned params = sys_lma(cpu) ? 0 : g->params;

		for (unsigned i = 0; i < params; i++)
			param[i] = stack_peek(cpu, i * g->size, g->size);
		frame_push(&f, cpu->seg[X86_SS].sel);
		frame_push(&f, cpu->gpr[X86_RSP]);
		while (params--)
			frame_push(&f, param[params]);
	}
	frame_push(&f, cpu->seg[X86_CS].sel);
	frame_push(&f, x86_next_rip(cpu));
	sys_set_cpl(cpu, cpl);
	frame_commit(&f);
	set_code(cpu, g->sel, cpl, &cs, g->off);
}

static void gate_jump(struct x86_cpu *cpu, struct call_gate *g)
{
	struct sys_desc cs;

	gate_code(cpu, g, &cs);
	if (!(cs.attr & X86_ATTR_CE) && ((cs.attr >> 5) & 3) != cpu->cpl)
		x86_raise_gp(cpu, g->sel & ~3u);
	check_target(cpu, &cs, g->off);
	set_code(cpu, g->sel, cpu->cpl, &cs, g->off);
}

/* ---- tasks ---- */

static void task_transfer(struct x86_cpu *cpu, u16 sel, struct sys_desc *d, enum task_kind kind)
{
	if ((d->attr & 0xf) == 5) {	/* task gate */
		unsigned dpl = (d->attr >> 5) & 3;

		if (dpl < cpu->cpl || dpl < (sel & 3u))
			x86_raise_gp(cpu, sel & ~3u);
		if (!(d->attr & X86_ATTR_P))
			x86_raise_err(cpu, X86_EXC_NP, sel & ~3u);
		sel = (u16)(d->lo >> 16);
		if ((sel & 4) || sys_desc_read(cpu, sel, d) || (d->attr & 0x17) != 1)
			x86_raise_gp(cpu, sel & ~3u);
	} else {
		unsigned dpl = (d->attr >> 5) & 3;

		if (dpl < cpu->cpl || dpl < (sel & 3u) || (sel & 4))
			x86_raise_gp(cpu, sel & ~3u);
	}
	if (!(d->attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, sel & ~3u);
	sys_task_switch(cpu, sel, d, kind, x86_next_rip(cpu));
}

/* System descriptor as target: what kind of transfer is it? */
static void system_transfer(struct x86_cpu *cpu, u16 sel, struct sys_desc *d, bool call)
{
	struct call_gate g;

	switch (d->attr & 0x1f) {
	case 4:
	case 12:
		gate_open(cpu, sel, d, &g);
		if (call)
			gate_call(cpu, &g);
		else
			gate_jump(cpu, &g);
		return;
	case 1:
	case 5:
	case 9:
		if (!sys_lma(cpu)) {
			task_transfer(cpu, sel, d, call ? TASK_CALL : TASK_JMP);
			return;
		}
		break;
	}
	x86_raise_gp(cpu, sel & ~3u);
}

/* ---- instructions ---- */

static void x_jmpf(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct sys_desc d;
	u16 sel;
	u64 off;

	far_pointer(cpu, in, 0, &sel, &off);
	if (!sys_prot(cpu)) {
		if (off > cpu->seg[X86_CS].limit)
			x86_raise_gp(cpu, 0);
		sys_set_seg_real(cpu, X86_CS, sel);
		cpu->rip_next = off;
		return;
	}
	read_selector(cpu, sel, &d);
	if (!(d.attr & X86_ATTR_S)) {
		system_transfer(cpu, sel, &d, false);
		return;
	}
	check_code(cpu, sel, &d, false);
	check_target(cpu, &d, off);
	set_code(cpu, sel, cpu->cpl, &d, off);
}

static void push_return(struct x86_cpu *cpu, unsigned size)
{
	u64 sp = cpu->gpr[X86_RSP], ret = x86_next_rip(cpu);

	u64 a = sys_stack_linear(cpu, sp - size, size, X86_WRITE);
	u64 b = sys_stack_linear(cpu, sp - 2 * size, size, X86_WRITE);
	x86_probe(cpu, b, size, X86_WRITE);
	x86_st(cpu, a, size, cpu->seg[X86_CS].sel);
	x86_st(cpu, b, size, ret);
	stack_set_sp(cpu, sp - 2 * size);
}

static void x_callf(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct sys_desc d;
	u16 sel;
	u64 off;

	far_pointer(cpu, in, 0, &sel, &off);
	if (!sys_prot(cpu)) {
		if (off > cpu->seg[X86_CS].limit)
			x86_raise_gp(cpu, 0);
		push_return(cpu, in->opsize);
		sys_set_seg_real(cpu, X86_CS, sel);
		cpu->rip_next = off;
		return;
	}
	read_selector(cpu, sel, &d);
	if (!(d.attr & X86_ATTR_S)) {
		system_transfer(cpu, sel, &d, true);
		return;
	}
	check_code(cpu, sel, &d, false);
	check_target(cpu, &d, off);
	push_return(cpu, in->opsize);
	set_code(cpu, sel, cpu->cpl, &d, off);
}

static void retf_outer(struct x86_cpu *cpu, const struct x86_insn *in, u16 sel, u64 off, struct sys_desc *cs, u64 drop)
{
	unsigned size = in->opsize, rpl = sel & 3;
	u64 sp = stack_peek(cpu, 2 * size + drop, size);
	u16 ss = (u16)stack_peek(cpu, 3 * size + drop, size);
	bool null_ok = sys_lma(cpu) && (cs->attr & X86_ATTR_L) && rpl != 3;
	struct sys_desc d;

	if (!(ss & ~3) && null_ok && (ss & 3u) == rpl)
		d = (struct sys_desc){ .limit = 0xffffffff, .attr = (u16)(0x4093 | rpl << 5) };
	else
		sys_check_ss(cpu, ss, rpl, X86_EXC_GP, 0, &d);
	check_target(cpu, cs, off);
	set_code(cpu, sel, rpl, cs, off);
	sys_desc_set_accessed(cpu, &d);
	sys_set_seg(cpu, X86_SS, ss, &d);
	stack_set_sp(cpu, sp + drop);
	sys_drop_inner_segs(cpu);
}

static void x_retf(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned size = in->opsize;
	u64 drop = in->opnd[0].kind == X86_OPND_IMM ? in->imm & 0xffff : 0;
	u64 off = stack_peek(cpu, 0, size);
	u16 sel = (u16)stack_peek(cpu, size, size);
	struct sys_desc d;

	if (!sys_prot(cpu)) {
		if (off > cpu->seg[X86_CS].limit)
			x86_raise_gp(cpu, 0);
		sys_set_seg_real(cpu, X86_CS, sel);
		stack_set_sp(cpu, cpu->gpr[X86_RSP] + 2 * size + drop);
		cpu->rip_next = off;
		return;
	}
	read_selector(cpu, sel, &d);
	if ((sel & 3u) < cpu->cpl)
		x86_raise_gp(cpu, sel & ~3u);
	check_code(cpu, sel, &d, true);
	if ((sel & 3u) > cpu->cpl) {
		retf_outer(cpu, in, sel, off, &d, drop);
		return;
	}
	check_target(cpu, &d, off);
	u64 sp = cpu->gpr[X86_RSP] + 2 * size + drop;
	stack_set_sp(cpu, sp);
	set_code(cpu, sel, cpu->cpl, &d, off);
}

static void load_far(struct x86_cpu *cpu, const struct x86_insn *in)
{
	enum x86_seg seg = in->op == X86_OP_LDS ? X86_DS : in->op == X86_OP_LES ? X86_ES :
			   in->op == X86_OP_LSS ? X86_SS : in->op == X86_OP_LFS ? X86_FS : X86_GS;
	u16 sel;
	u64 off;

	far_pointer(cpu, in, 1, &sel, &off);
	sys_load_seg(cpu, seg, sel);
	x86_put_operand(cpu, in, 0, off);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_JMPF, x_jmpf, NULL }, { X86_OP_CALLF, x_callf, NULL }, { X86_OP_RETF, x_retf, NULL },
	{ X86_OP_LDS, load_far, NULL }, { X86_OP_LES, load_far, NULL }, { X86_OP_LSS, load_far, NULL },
	{ X86_OP_LFS, load_far, NULL }, { X86_OP_LGS, load_far, NULL },
};
EXEC_REGISTER(x86_far_ops, entries);
