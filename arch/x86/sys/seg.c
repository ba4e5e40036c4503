// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors and segment registers: reading tables, the checks of MOV/POP to
 * a segment register (SDM vol. 2, MOV), null selectors, real-mode loading.
 * A null selector clears the base also of FS and GS (CPUID
 * NULL_SEL_CLR_BASE says so).
 */
#include "../priv.h"

void sys_desc_parse(struct sys_desc *d)
{
	d->attr = (u16)((d->hi >> 8) & 0xf0ff);
	d->limit = (d->lo & 0xffff) | (d->hi & 0xf0000);
	if (d->attr & X86_ATTR_G)
		d->limit = d->limit << 12 | 0xfff;
	d->base = (d->lo >> 16) | (d->hi & 0xff) << 16 | (d->hi & 0xff000000);
	d->base |= (u64)d->hi2 << 32;
}

static int read_table(struct x86_cpu *cpu, u16 sel, unsigned size, struct sys_desc *d)
{
	bool ldt = sel & 4;
	u64 base = ldt ? cpu->ldt.base : cpu->gdt.base;
	u32 limit = ldt ? cpu->ldt.limit : cpu->gdt.limit;
	u64 v;

	if (ldt && !(cpu->ldt.attr & X86_ATTR_P))
		return -1;
	if ((sel & ~7u) + size - 1 > limit)
		return -1;
	d->addr = base + (sel & ~7u);
	if (!sys_lma(cpu))
		d->addr = (u32)d->addr;
	v = x86_ld_sys(cpu, d->addr, 8);
	d->lo = (u32)v;
	d->hi = (u32)(v >> 32);
	d->hi2 = size == 16 ? (u32)x86_ld_sys(cpu, d->addr + 8, 4) : 0;
	sys_desc_parse(d);
	return 0;
}

int sys_desc_read(struct x86_cpu *cpu, u16 sel, struct sys_desc *d)
{
	return read_table(cpu, sel, 8, d);
}

int sys_desc_read_system(struct x86_cpu *cpu, u16 sel, struct sys_desc *d)
{
	return read_table(cpu, sel, sys_lma(cpu) ? 16 : 8, d);
}

void sys_desc_set_accessed(struct x86_cpu *cpu, struct sys_desc *d)
{
	if (!(d->attr & X86_ATTR_S) || (d->attr & X86_ATTR_A) || !d->addr)
		return;
	d->attr |= X86_ATTR_A;
	d->hi |= X86_ATTR_A << 8;
	x86_st_sys(cpu, d->addr + 5, (u8)(d->hi >> 8), 1);
}

void sys_set_seg(struct x86_cpu *cpu, enum x86_seg seg, u16 sel, const struct sys_desc *d)
{
	cpu->seg[seg] = (struct x86_segment){ .base = d->base, .limit = d->limit, .sel = sel, .attr = d->attr };
	sys_update_mode(cpu);
}

/* Real mode and V8086: limit and rights of real mode are left as they are (unreal mode works). */
void sys_set_seg_real(struct x86_cpu *cpu, enum x86_seg seg, u16 sel)
{
	struct x86_segment *s = &cpu->seg[seg];

	s->sel = sel;
	s->base = (u32)sel << 4;
	if (sys_v86(cpu)) {
		s->limit = 0xffff;
		s->attr = X86_ATTR_P | 3 << 5 | X86_ATTR_S | X86_ATTR_RW | X86_ATTR_A;
	} else if (seg == X86_CS) {
		s->attr = X86_ATTR_P | X86_ATTR_S | X86_ATTR_RW | X86_ATTR_A;
	}
	sys_update_mode(cpu);
}

void sys_null_seg(struct x86_cpu *cpu, enum x86_seg seg, u16 sel)
{
	cpu->seg[seg] = (struct x86_segment){ .sel = sel };
	sys_update_mode(cpu);
}

static void load_null(struct x86_cpu *cpu, enum x86_seg seg, u16 sel)
{
	if (seg == X86_SS) {
		if (!x86_in_64bit(cpu) || cpu->cpl == 3 || (sel & 3) != cpu->cpl)
			x86_raise_gp(cpu, 0);
		cpu->seg[X86_SS] = (struct x86_segment){ .sel = sel, .limit = 0xffffffff,
			.attr = (u16)(X86_ATTR_P | X86_ATTR_S | X86_ATTR_RW | X86_ATTR_A | X86_ATTR_DB | cpu->cpl << 5) };
		sys_update_mode(cpu);
		return;
	}
	sys_null_seg(cpu, seg, sel);
}

void sys_check_ss(struct x86_cpu *cpu, u16 sel, unsigned cpl, unsigned exc, u32 ext, struct sys_desc *d)
{
	u32 err = (sel & ~3u) + ext;

	if (!(sel & ~3))
		x86_raise_err(cpu, exc, ext);
	if (sys_desc_read(cpu, sel, d) || (sel & 3u) != cpl || ((d->attr >> 5) & 3u) != cpl ||
	    (d->attr & (X86_ATTR_S | X86_ATTR_CODE | X86_ATTR_RW)) != (X86_ATTR_S | X86_ATTR_RW))
		x86_raise_err(cpu, exc, err);
	if (!(d->attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_SS, err);
}

static void check_data(struct x86_cpu *cpu, u16 sel, struct sys_desc *d)
{
	u32 err = sel & ~3u;
	unsigned dpl, rpl = sel & 3;

	if (sys_desc_read(cpu, sel, d))
		x86_raise_gp(cpu, err);
	if (!(d->attr & X86_ATTR_S) || (d->attr & (X86_ATTR_CODE | X86_ATTR_RW)) == X86_ATTR_CODE)
		x86_raise_gp(cpu, err);
	dpl = (d->attr >> 5) & 3;
	if ((d->attr & (X86_ATTR_CODE | X86_ATTR_CE)) != (X86_ATTR_CODE | X86_ATTR_CE) &&
	    (rpl > dpl || cpu->cpl > dpl))
		x86_raise_gp(cpu, err);
	if (!(d->attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, err);
}

/* Any segment register but CS. */
void sys_load_seg(struct x86_cpu *cpu, enum x86_seg seg, u16 sel)
{
	struct sys_desc d;

	if (!sys_prot(cpu)) {
		sys_set_seg_real(cpu, seg, sel);
		return;
	}
	if (!(sel & ~3)) {
		load_null(cpu, seg, sel);
		return;
	}
	if (seg == X86_SS)
		sys_check_ss(cpu, sel, cpu->cpl, X86_EXC_GP, 0, &d);
	else
		check_data(cpu, sel, &d);
	sys_desc_set_accessed(cpu, &d);
	sys_set_seg(cpu, seg, sel, &d);
}

/* Returning outward: data segments that the outer ring may not use become null; FS and GS keep their bases. */
void sys_drop_inner_segs(struct x86_cpu *cpu)
{
	static const u8 segs[] = { X86_ES, X86_DS, X86_FS, X86_GS };

	for (unsigned i = 0; i < ARRAY_SIZE(segs); i++) {
		struct x86_segment *s = &cpu->seg[segs[i]];
		bool conforming = (s->attr & (X86_ATTR_CODE | X86_ATTR_CE)) == (X86_ATTR_CODE | X86_ATTR_CE);

		if ((s->sel & ~3) && !conforming && ((s->attr >> 5) & 3) < cpu->cpl)
			s->sel = s->attr = 0;
	}
	sys_update_mode(cpu);
}

void sys_load_ldt(struct x86_cpu *cpu, u16 sel, bool in_task_switch)
{
	unsigned exc = in_task_switch ? X86_EXC_TS : X86_EXC_GP;
	struct sys_desc d;

	if (!(sel & ~3)) {
		cpu->ldt = (struct x86_segment){ .sel = sel };
		return;
	}
	if ((sel & 4) || sys_desc_read_system(cpu, sel, &d) || (d.attr & 0x1f) != 2)
		x86_raise_err(cpu, exc, sel & ~3u);
	if (!(d.attr & X86_ATTR_P))
		x86_raise_err(cpu, in_task_switch ? X86_EXC_TS : X86_EXC_NP, sel & ~3u);
	if (!x86_canonical_base(cpu, d.base))
		x86_raise_gp(cpu, sel & ~3u);
	cpu->ldt = (struct x86_segment){ .base = d.base, .limit = d.limit, .sel = sel, .attr = d.attr };
}
