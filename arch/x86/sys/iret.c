// SPDX-License-Identifier: GPL-2.0-or-later
/* IRET in all modes (SDM vol. 2, IRET): real, V8086, task return, protected, long. */
#include "frame.h"

#define IRET_ALWAYS (X86_FL_ARITH | X86_FL_TF | X86_FL_DF | X86_FL_NT)

/* Flags that an IRET of this operand size at this privilege may change. */
static u32 changeable(const struct x86_cpu *cpu, unsigned size)
{
	u32 m = IRET_ALWAYS;

	if (size > 2)
		m |= X86_FL_RF | X86_FL_AC | X86_FL_ID;
	if (cpu->cpl <= sys_iopl(cpu))
		m |= X86_FL_IF;
	if (cpu->cpl == 0) {
		m |= X86_FL_IOPL;
		if (size > 2)
			m |= X86_FL_VIF | X86_FL_VIP;
	}
	return m;
}

static void set_flags(struct x86_cpu *cpu, u64 val, u32 mask)
{
	/* RF counts only while instruction breakpoints are armed */
	if (!(cpu->dr7 & 0xff))
		val &= ~(u64)X86_FL_RF;
	x86_set_eflags(cpu, (x86_eflags(cpu) & ~(u64)mask) | (val & mask));
}

static void iret_done(struct x86_cpu *cpu)
{
	if (cpu->nmi_masked) {
		sys_nmi_latch(cpu);
		cpu->nmi_masked = 0;
	}
	if (atomic_load_explicit(&cpu->req, memory_order_relaxed))
		sys_attention(cpu);
}

static void iret_real(struct x86_cpu *cpu, unsigned size)
{
	u64 ip = stack_peek(cpu, 0, size), fl = stack_peek(cpu, 2 * size, size);
	u16 sel = (u16)stack_peek(cpu, size, size);

	if (ip > cpu->seg[X86_CS].limit)
		x86_raise_gp(cpu, 0);
	stack_set_sp(cpu, cpu->gpr[X86_RSP] + 3 * size);
	sys_set_seg_real(cpu, X86_CS, sel);
	set_flags(cpu, fl, changeable(cpu, size) & ~(X86_FL_VIF | X86_FL_VIP));
	cpu->rip_next = ip;
}

static void iret_v86(struct x86_cpu *cpu, unsigned size)
{
	u64 ip, fl;
	u16 sel;
	u32 mask = IRET_ALWAYS | (size > 2 ? X86_FL_RF | X86_FL_AC | X86_FL_ID : 0);
	bool vme = sys_iopl(cpu) < 3;

	if (vme && (!(cpu->cr4 & CR4_VME) || size != 2))
		x86_raise_gp(cpu, 0);
	ip = stack_peek(cpu, 0, size);
	sel = (u16)stack_peek(cpu, size, size);
	fl = stack_peek(cpu, 2 * size, size);
	if (vme && ((fl & X86_FL_TF) || ((fl & X86_FL_IF) && (cpu->eflags & X86_FL_VIP))))
		x86_raise_gp(cpu, 0);
	if (ip > 0xffff)
		x86_raise_gp(cpu, 0);
	stack_set_sp(cpu, cpu->gpr[X86_RSP] + 3 * size);
	sys_set_seg_real(cpu, X86_CS, sel);
	if (vme)
		fl = (fl & ~(u64)X86_FL_VIF) | (fl & X86_FL_IF ? X86_FL_VIF : 0);
	set_flags(cpu, fl, mask | (vme ? X86_FL_VIF : X86_FL_IF));
	cpu->rip_next = ip;
}

static void iret_to_v86(struct x86_cpu *cpu, u64 ip, u16 cs, u64 fl)
{
	static const u8 order[] = { X86_ES, X86_DS, X86_FS, X86_GS };
	u64 sp = stack_peek(cpu, 12, 4);
	u16 ss = (u16)stack_peek(cpu, 16, 4), sel[4];

	for (unsigned i = 0; i < 4; i++)
		sel[i] = (u16)stack_peek(cpu, 20 + 4 * i, 4);
	x86_set_eflags(cpu, fl & 0x3f7fd5);
	sys_set_cpl(cpu, 3);
	sys_set_seg_real(cpu, X86_CS, cs);
	sys_set_seg_real(cpu, X86_SS, ss);
	for (unsigned i = 0; i < 4; i++)
		sys_set_seg_real(cpu, order[i], sel[i]);
	cpu->gpr[X86_RSP] = sp;
	cpu->rip_next = ip & 0xffff;
}

static void iret_task(struct x86_cpu *cpu)
{
	struct sys_desc tss;
	u16 sel = (u16)x86_ld_sys(cpu, cpu->tr.base, 2);

	if (sys_lma(cpu))
		x86_raise_gp(cpu, 0);
	if (!(sel & ~3) || (sel & 4) || sys_desc_read(cpu, sel, &tss) || (tss.attr & 0x17) != 3)
		x86_raise_err(cpu, X86_EXC_TS, sel & ~3u);
	if (!(tss.attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, sel & ~3u);
	sys_task_switch(cpu, sel, &tss, TASK_IRET, x86_next_rip(cpu));
}

static void check_cs(struct x86_cpu *cpu, u16 sel, struct sys_desc *d)
{
	unsigned dpl, rpl = sel & 3;
	u32 err = sel & ~3u;

	if (!(sel & ~3))
		x86_raise_gp(cpu, 0);
	if (sys_desc_read(cpu, sel, d))
		x86_raise_gp(cpu, err);
	dpl = (d->attr >> 5) & 3;
	if (!(d->attr & X86_ATTR_S) || !(d->attr & X86_ATTR_CODE) || rpl < cpu->cpl ||
	    (d->attr & X86_ATTR_CE ? dpl > rpl : dpl != rpl))
		x86_raise_gp(cpu, err);
	if (sys_lma(cpu) && (d->attr & X86_ATTR_L) && (d->attr & X86_ATTR_DB))
		x86_raise_gp(cpu, err);
	if (!(d->attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, err);
}

/* SS for the outer ring, or any IRET of 64-bit mode (where null is allowed inside). */
static void check_outer_ss(struct x86_cpu *cpu, u16 ss, unsigned rpl, bool to64, struct sys_desc *d)
{
	if (!(ss & ~3) && to64 && rpl != 3 && (ss & 3u) == rpl) {
		*d = (struct sys_desc){ .limit = 0xffffffff, .attr = (u16)(0x4093 | rpl << 5) };
		return;
	}
	sys_check_ss(cpu, ss, rpl, X86_EXC_GP, 0, d);
}

static void iret_prot(struct x86_cpu *cpu, unsigned size)
{
	bool from64 = x86_in_64bit(cpu);
	u64 ip = stack_peek(cpu, 0, size), fl = stack_peek(cpu, 2 * size, size), sp = 0;
	u16 sel = (u16)stack_peek(cpu, size, size), ss = 0;
	u32 mask = changeable(cpu, size);
	struct sys_desc cs, sd = { 0 };

	if (!sys_lma(cpu) && size == 4 && (fl & X86_FL_VM) && cpu->cpl == 0) {
		iret_to_v86(cpu, ip, sel, fl);
		return;
	}
	check_cs(cpu, sel, &cs);
	bool outer = (sel & 3u) > cpu->cpl, to64 = sys_lma(cpu) && (cs.attr & X86_ATTR_L);
	if (outer || from64) {
		sp = stack_peek(cpu, 3 * size, size);
		ss = (u16)stack_peek(cpu, 4 * size, size);
		check_outer_ss(cpu, ss, sel & 3, to64, &sd);
	}
	if (!to64)
		ip = (u32)ip;
	if (to64 ? !x86_canonical(cpu, ip) : ip > cs.limit)
		x86_raise_gp(cpu, 0);
	sys_desc_set_accessed(cpu, &cs);
	sys_desc_set_accessed(cpu, &sd);
	u64 same_sp = cpu->gpr[X86_RSP] + 3 * size;
	if (!outer && !from64)
		stack_set_sp(cpu, same_sp);
	sys_set_cpl(cpu, sel & 3);
	sys_set_seg(cpu, X86_CS, sel, &cs);
	if (outer || from64) {
		sys_set_seg(cpu, X86_SS, ss, &sd);
		stack_set_sp(cpu, sp);
	}
	if (outer)
		sys_drop_inner_segs(cpu);
	set_flags(cpu, fl, mask);
	x86_mmu_context(cpu);
	cpu->rip_next = ip;
}

static void x_iret(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (!(cpu->cr0 & CR0_PE))
		iret_real(cpu, in->opsize);
	else if (sys_v86(cpu))
		iret_v86(cpu, in->opsize);
	else if (cpu->eflags & X86_FL_NT)
		iret_task(cpu);
	else
		iret_prot(cpu, in->opsize);
	iret_done(cpu);
}

static const struct x86_exec_entry entries[] = { { X86_OP_IRET, x_iret, NULL } };
EXEC_REGISTER(x86_iret_ops, entries);
