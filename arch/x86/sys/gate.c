// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts and exceptions through the IDT: real mode, V8086 with its
 * virtual extensions, protected and long mode (SDM vol. 3, 6.12 and 6.14,
 * 20.3). Everything is checked and pushed before any register changes.
 */
#include "frame.h"

struct gate {
	const struct sys_intr *ev;
	u32 ext;		/* EXT bit of error codes */
	unsigned type, dpl, ist, size;
	u16 sel;
	u64 offset;
	struct sys_desc cs;
	unsigned cpl;		/* of the handler */
};

/* ---- real mode, and V8086 with the redirection bitmap ---- */

static void push16(struct x86_cpu *cpu, u64 *sp, u16 val)
{
	*sp -= 2;
	x86_st16(cpu, sys_stack_linear(cpu, *sp, 2, X86_WRITE), val);
}

static void deliver_8086(struct x86_cpu *cpu, const struct sys_intr *ev, u64 table, u16 flags)
{
	u64 sp = cpu->gpr[X86_RSP];
	u32 vector = (u32)x86_ld_sys(cpu, table + ev->vec * 4, 4);

	push16(cpu, &sp, flags);
	push16(cpu, &sp, cpu->seg[X86_CS].sel);
	push16(cpu, &sp, (u16)ev->ret_rip);
	stack_set_sp(cpu, sp);
	sys_set_seg_real(cpu, X86_CS, vector >> 16);
	cpu->rip_next = vector & 0xffff;
}

static void deliver_real(struct x86_cpu *cpu, const struct sys_intr *ev)
{
	if (ev->vec * 4 + 3 > cpu->idt.limit)
		x86_raise_err(cpu, ev->vec == X86_EXC_DF ? X86_EXC_DF : X86_EXC_GP, 0);
	deliver_8086(cpu, ev, cpu->idt.base, (u16)x86_eflags(cpu));
	x86_set_eflags(cpu, x86_eflags(cpu) & ~(u64)(X86_FL_IF | X86_FL_TF | X86_FL_RF | X86_FL_AC));
}

/* CR4.VME: does the task want its own 8086 handler for INT vec? */
static bool redirected(struct x86_cpu *cpu, unsigned vec)
{
	u32 io_base, byte;

	if (!(cpu->cr4 & CR4_VME) || cpu->tr.limit < 103)
		return false;
	io_base = (u32)x86_ld_sys(cpu, cpu->tr.base + 0x66, 2);
	byte = io_base - 32 + vec / 8;
	if (io_base < 32 || byte > cpu->tr.limit)
		return false;
	return !(x86_ld_sys(cpu, cpu->tr.base + byte, 1) >> (vec & 7) & 1);
}

static void deliver_vme(struct x86_cpu *cpu, const struct sys_intr *ev)
{
	u64 fl = x86_eflags(cpu);
	u16 image = (u16)fl;
	u32 clear = X86_FL_TF | X86_FL_RF | X86_FL_NT | X86_FL_IF;

	if (sys_iopl(cpu) < 3) {
		image = (u16)((image & ~X86_FL_IF) | X86_FL_IOPL | (fl & X86_FL_VIF ? X86_FL_IF : 0));
		clear = (clear & ~X86_FL_IF) | X86_FL_VIF;
	}
	deliver_8086(cpu, ev, 0, image);
	x86_set_eflags(cpu, fl & ~(u64)clear);
}

/* ---- protected and long mode ---- */

static __noreturn void idt_fault(struct x86_cpu *cpu, const struct gate *g, enum x86_vector vec)
{
	x86_raise_err(cpu, vec, g->ev->vec * 8 + 2 + g->ext);
}

static void read_gate(struct x86_cpu *cpu, struct gate *g)
{
	bool lma = sys_lma(cpu);
	unsigned esize = lma ? 16 : 8;
	u64 addr = cpu->idt.base + g->ev->vec * esize;
	bool soft = g->ev->kind == EV_SOFT || g->ev->kind == EV_SOFT_EXC;

	if (g->ev->vec * esize + esize - 1 > cpu->idt.limit)
		idt_fault(cpu, g, X86_EXC_GP);
	u64 lo = x86_ld_sys(cpu, addr, 8);
	u64 hi = lma ? x86_ld_sys(cpu, addr + 8, 8) : 0;
	g->type = (lo >> 40) & 0x1f;
	g->dpl = (lo >> 45) & 3;
	g->ist = lma ? (lo >> 32) & 7 : 0;
	g->sel = (u16)(lo >> 16);
	g->offset = (lo & 0xffff) | ((lo >> 32) & 0xffff0000) | hi << 32;
	g->size = lma ? 8 : g->type & 8 ? 4 : 2;
	if (!(g->type == 14 || g->type == 15 || (!lma && (g->type == 5 || g->type == 6 || g->type == 7))))
		idt_fault(cpu, g, X86_EXC_GP);
	if (soft && g->dpl < cpu->cpl)
		idt_fault(cpu, g, X86_EXC_GP);
	if (!(lo & BIT(47)))
		idt_fault(cpu, g, X86_EXC_NP);
	if (g->size == 2)
		g->offset &= 0xffff;
}

static void read_target(struct x86_cpu *cpu, struct gate *g)
{
	struct sys_desc *d = &g->cs;
	u32 err = (g->sel & ~3u) + g->ext;

	if (!(g->sel & ~3))
		x86_raise_gp(cpu, g->ext);
	if (sys_desc_read(cpu, g->sel, d))
		x86_raise_gp(cpu, err);
	unsigned dpl = (d->attr >> 5) & 3;
	if (!(d->attr & X86_ATTR_S) || !(d->attr & X86_ATTR_CODE) || dpl > cpu->cpl)
		x86_raise_gp(cpu, err);
	if (!(d->attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, err);
	if (sys_lma(cpu) && (d->attr & (X86_ATTR_L | X86_ATTR_DB)) != X86_ATTR_L)
		x86_raise_gp(cpu, err);
	g->cpl = d->attr & X86_ATTR_CE ? cpu->cpl : dpl;
	if (sys_v86(cpu) && g->cpl)
		x86_raise_gp(cpu, err);
}

static void push_v86_segments(struct frame *f)
{
	static const u8 order[] = { X86_GS, X86_FS, X86_DS, X86_ES };

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		frame_push(f, f->cpu->seg[order[i]].sel);
}

static u64 flags_image(const struct x86_cpu *cpu, const struct sys_intr *ev)
{
	u64 fl = x86_eflags(cpu);

	if (ev->kind == EV_FAULT)
		fl |= X86_FL_RF;
	else if (ev->kind != EV_INTR)
		fl &= ~(u64)X86_FL_RF;
	return fl;
}

static void enter_handler(struct x86_cpu *cpu, struct gate *g, const struct frame *f)
{
	bool v86 = sys_v86(cpu);
	u64 fl = x86_eflags(cpu) & ~(u64)(X86_FL_TF | X86_FL_NT | X86_FL_RF | X86_FL_VM);

	if (!(g->type & 1))
		fl &= ~(u64)X86_FL_IF;
	if (v86) {
		cpu->eflags &= ~X86_FL_VM;
		for (unsigned s = 0; s < X86_SEG_COUNT; s++)
			if (s == X86_ES || s >= X86_DS)
				sys_null_seg(cpu, s, 0);
	}
	sys_set_cpl(cpu, g->cpl);
	frame_commit(f);
	sys_set_seg(cpu, X86_CS, (g->sel & ~3) | g->cpl, &g->cs);
	x86_set_eflags(cpu, fl);
	cpu->rip_next = g->offset;
}

static void check_offset(struct x86_cpu *cpu, const struct gate *g)
{
	if (sys_lma(cpu) ? !x86_canonical(cpu, g->offset) : g->offset > g->cs.limit)
		x86_raise_gp(cpu, g->ext);
}

static void deliver_gate(struct x86_cpu *cpu, struct gate *g)
{
	struct frame f;
	bool v86 = sys_v86(cpu), inner;

	read_target(cpu, g);
	inner = g->cpl < cpu->cpl || v86;
	frame_begin(&f, cpu, g->size, g->cpl, inner, g->ist, g->ext);
	check_offset(cpu, g);
	if (v86)
		push_v86_segments(&f);
	if (inner || sys_lma(cpu)) {
		frame_push(&f, cpu->seg[X86_SS].sel);
		frame_push(&f, cpu->gpr[X86_RSP]);
	}
	frame_push(&f, flags_image(cpu, g->ev));
	frame_push(&f, cpu->seg[X86_CS].sel);
	frame_push(&f, g->ev->ret_rip);
	if (g->ev->has_err)
		frame_push(&f, g->ev->err);
	sys_desc_set_accessed(cpu, &g->cs);
	enter_handler(cpu, g, &f);
}

static void deliver_task(struct x86_cpu *cpu, struct gate *g)
{
	struct sys_desc tss;
	u32 err = (g->sel & ~3u) + g->ext;

	if ((g->sel & 4) || sys_desc_read(cpu, g->sel, &tss) || (tss.attr & 0x15) != 1)
		x86_raise_gp(cpu, err);
	if (!(tss.attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, err);
	sys_task_switch(cpu, g->sel, &tss, TASK_CALL, g->ev->ret_rip);
	if (g->ev->has_err) {
		struct frame f;

		frame_begin(&f, cpu, (cpu->tr.attr & 8) ? 4 : 2, cpu->cpl, false, 0, g->ext);
		frame_push(&f, g->ev->err);
		frame_commit(&f);
	}
}

void sys_gate(struct x86_cpu *cpu, const struct sys_intr *ev)
{
	struct gate g = { .ev = ev };

	g.ext = ev->kind == EV_SOFT || ev->kind == EV_SOFT_EXC ? 0 : 1;
	if (!(cpu->cr0 & CR0_PE)) {
		deliver_real(cpu, ev);
		return;
	}
	if (sys_v86(cpu) && ev->kind == EV_SOFT) {
		if (redirected(cpu, ev->vec)) {
			deliver_vme(cpu, ev);
			return;
		}
		if (sys_iopl(cpu) < 3)
			x86_raise_gp(cpu, 0);
	}
	read_gate(cpu, &g);
	if (g.type == 5)
		deliver_task(cpu, &g);
	else
		deliver_gate(cpu, &g);
}
