// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Task state segments: inner stacks, interrupt stacks, and the hardware task
 * switch with 16- and 32-bit TSS (SDM vol. 3, chapter 8).
 */
#include "../priv.h"

void sys_tss_stack(struct x86_cpu *cpu, unsigned cpl, u16 *ss, u64 *sp)
{
	bool wide = cpu->tr.attr & 8;
	u32 off = wide ? 4 + cpl * 8 : 2 + cpl * 4, len = wide ? 6 : 4;

	if (!(cpu->tr.attr & X86_ATTR_P) || off + len - 1 > cpu->tr.limit)
		x86_raise_err(cpu, X86_EXC_TS, cpu->tr.sel & ~3u);
	*sp = x86_ld_sys(cpu, cpu->tr.base + off, wide ? 4 : 2);
	*ss = (u16)x86_ld_sys(cpu, cpu->tr.base + off + (wide ? 4 : 2), 2);
}

u64 sys_tss_ist(struct x86_cpu *cpu, unsigned slot)
{
	u32 off = 4 + slot * 8;

	if (!(cpu->tr.attr & X86_ATTR_P) || off + 7 > cpu->tr.limit)
		x86_raise_err(cpu, X86_EXC_TS, cpu->tr.sel & ~3u);
	return x86_ld_sys(cpu, cpu->tr.base + off, 8);
}

/* What a TSS holds, in the widths of the 32-bit one. */
struct tss_image {
	u32 cr3, eip, eflags, gpr[8];
	u16 seg[6], ldt;
	bool trap;
};

static void read32(struct x86_cpu *cpu, u64 base, struct tss_image *t)
{
	t->cr3 = (u32)x86_ld_sys(cpu, base + 0x1c, 4);
	t->eip = (u32)x86_ld_sys(cpu, base + 0x20, 4);
	t->eflags = (u32)x86_ld_sys(cpu, base + 0x24, 4);
	for (unsigned i = 0; i < 8; i++)
		t->gpr[i] = (u32)x86_ld_sys(cpu, base + 0x28 + 4 * i, 4);
	for (unsigned i = 0; i < 6; i++)
		t->seg[i] = (u16)x86_ld_sys(cpu, base + 0x48 + 4 * i, 2);
	t->ldt = (u16)x86_ld_sys(cpu, base + 0x60, 2);
	t->trap = x86_ld_sys(cpu, base + 0x64, 2) & 1;
}

static void read16(struct x86_cpu *cpu, u64 base, struct tss_image *t)
{
	*t = (struct tss_image){ .cr3 = (u32)cpu->cr3 };
	t->eip = (u32)x86_ld_sys(cpu, base + 0x0e, 2);
	t->eflags = (u32)x86_ld_sys(cpu, base + 0x10, 2);
	for (unsigned i = 0; i < 8; i++)
		t->gpr[i] = (u32)x86_ld_sys(cpu, base + 0x12 + 2 * i, 2) | 0xffff0000;
	for (unsigned i = 0; i < 4; i++)
		t->seg[i] = (u16)x86_ld_sys(cpu, base + 0x22 + 2 * i, 2);
	t->ldt = (u16)x86_ld_sys(cpu, base + 0x2a, 2);
}

static void save32(struct x86_cpu *cpu, u64 base, u64 ip, u32 fl)
{
	x86_st_sys(cpu, base + 0x20, ip, 4);
	x86_st_sys(cpu, base + 0x24, fl, 4);
	for (unsigned i = 0; i < 8; i++)
		x86_st_sys(cpu, base + 0x28 + 4 * i, cpu->gpr[i], 4);
	for (unsigned i = 0; i < 6; i++)
		x86_st_sys(cpu, base + 0x48 + 4 * i, cpu->seg[i].sel, 2);
}

static void save16(struct x86_cpu *cpu, u64 base, u64 ip, u32 fl)
{
	x86_st_sys(cpu, base + 0x0e, ip, 2);
	x86_st_sys(cpu, base + 0x10, fl, 2);
	for (unsigned i = 0; i < 8; i++)
		x86_st_sys(cpu, base + 0x12 + 2 * i, cpu->gpr[i], 2);
	for (unsigned i = 0; i < 4; i++)
		x86_st_sys(cpu, base + 0x22 + 2 * i, cpu->seg[i].sel, 2);
}

static void set_busy(struct x86_cpu *cpu, u16 sel, bool busy)
{
	u64 addr = cpu->gdt.base + (sel & ~7u) + 5;
	u8 b = (u8)x86_ld_sys(cpu, addr, 1);

	x86_st_sys(cpu, addr, busy ? b | 2 : b & ~2, 1);
}

static void leave_old(struct x86_cpu *cpu, enum task_kind kind, u64 ret_ip)
{
	u32 fl = (u32)x86_eflags(cpu);

	if (kind == TASK_IRET)
		fl &= ~X86_FL_NT;
	if (cpu->tr.attr & 8)
		save32(cpu, cpu->tr.base, ret_ip, fl);
	else
		save16(cpu, cpu->tr.base, ret_ip, fl);
	if (kind != TASK_CALL)
		set_busy(cpu, cpu->tr.sel, false);
}

static void load_cs(struct x86_cpu *cpu, u16 sel)
{
	struct sys_desc d;
	u32 err = sel & ~3u;

	if (!(sel & ~3) || sys_desc_read(cpu, sel, &d) ||
	    (d.attr & (X86_ATTR_S | X86_ATTR_CODE)) != (X86_ATTR_S | X86_ATTR_CODE))
		x86_raise_err(cpu, X86_EXC_TS, err);
	unsigned dpl = (d.attr >> 5) & 3, rpl = sel & 3;
	if (d.attr & X86_ATTR_CE ? dpl > rpl : dpl != rpl)
		x86_raise_err(cpu, X86_EXC_TS, err);
	if (!(d.attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, err);
	sys_desc_set_accessed(cpu, &d);
	sys_set_seg(cpu, X86_CS, sel, &d);
}

static void load_data(struct x86_cpu *cpu, unsigned seg, u16 sel)
{
	struct sys_desc d;
	u32 err = sel & ~3u;

	if (!(sel & ~3)) {
		sys_null_seg(cpu, seg, sel);
		return;
	}
	if (sys_desc_read(cpu, sel, &d) || !(d.attr & X86_ATTR_S) ||
	    (d.attr & (X86_ATTR_CODE | X86_ATTR_RW)) == X86_ATTR_CODE)
		x86_raise_err(cpu, X86_EXC_TS, err);
	unsigned dpl = (d.attr >> 5) & 3;
	if ((d.attr & (X86_ATTR_CODE | X86_ATTR_CE)) != (X86_ATTR_CODE | X86_ATTR_CE) &&
	    ((sel & 3u) > dpl || cpu->cpl > dpl))
		x86_raise_err(cpu, X86_EXC_TS, err);
	if (!(d.attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, err);
	sys_desc_set_accessed(cpu, &d);
	sys_set_seg(cpu, seg, sel, &d);
}

/* Segments of the new task; faults are already the new task's. */
static void load_segments(struct x86_cpu *cpu, const struct tss_image *t)
{
	static const u8 data[] = { X86_ES, X86_DS, X86_FS, X86_GS };
	struct sys_desc ss;

	if (cpu->eflags & X86_FL_VM) {
		sys_set_cpl(cpu, 3);
		for (unsigned i = 0; i < 6; i++)
			sys_set_seg_real(cpu, i, t->seg[i]);
		return;
	}
	for (unsigned i = 0; i < 6; i++)	/* selectors first: they show in the task even when a load faults */
		cpu->seg[i] = (struct x86_segment){ .sel = t->seg[i] };
	sys_set_cpl(cpu, t->seg[X86_CS] & 3);
	load_cs(cpu, t->seg[X86_CS]);
	sys_check_ss(cpu, t->seg[X86_SS], cpu->cpl, X86_EXC_TS, 0, &ss);
	sys_desc_set_accessed(cpu, &ss);
	sys_set_seg(cpu, X86_SS, t->seg[X86_SS], &ss);
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		load_data(cpu, data[i], t->seg[data[i]]);
}

void sys_task_switch(struct x86_cpu *cpu, u16 sel, struct sys_desc *tss, enum task_kind kind, u64 ret_ip)
{
	bool wide = tss->attr & 8;
	u16 back = cpu->tr.sel;
	struct tss_image t;

	if (tss->limit < (wide ? 103u : 43u))
		x86_raise_err(cpu, X86_EXC_TS, sel & ~3u);
	if (wide)
		read32(cpu, tss->base, &t);
	else
		read16(cpu, tss->base, &t);
	leave_old(cpu, kind, ret_ip);
	if (kind == TASK_CALL) {
		x86_st_sys(cpu, tss->base, back, 2);
		t.eflags |= X86_FL_NT;
	}
	if (kind != TASK_IRET)
		set_busy(cpu, sel, true);
	cpu->tr = (struct x86_segment){ .base = tss->base, .limit = tss->limit, .sel = sel, .attr = tss->attr | 2 };
	sys_write_cr0(cpu, cpu->cr0 | CR0_TS);
	if (wide && (cpu->cr0 & CR0_PG))
		sys_write_cr3(cpu, t.cr3);
	cpu->rip_next = t.eip;
	for (unsigned i = 0; i < 8; i++)
		cpu->gpr[i] = t.gpr[i];
	cpu->eflags &= ~X86_FL_VM;
	x86_set_eflags(cpu, t.eflags);
	cpu->dr7 &= ~0x55ULL;	/* local breakpoints end with the task */
	drx_changed(cpu);
	/* from here on faults belong to the new task: they report its first instruction */
	cpu->rip = cpu->rip_next;
	cpu->cur = NULL;
	sys_load_ldt(cpu, t.ldt, true);
	load_segments(cpu, &t);
	if (cpu->rip_next > cpu->seg[X86_CS].limit)
		x86_raise_gp(cpu, 0);
	if (t.trap)
		cpu->db_pending |= BIT(15);
	sys_attention(cpu);
}
