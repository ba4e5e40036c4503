// SPDX-License-Identifier: GPL-2.0-or-later
/* Stack frames for interrupts, call gates and error codes of task switches. */
#include "frame.h"

static void current_stack(struct frame *f)
{
	const struct x86_segment *ss = &f->cpu->seg[X86_SS];

	f->ss = (struct sys_desc){ .base = ss->base, .limit = ss->limit, .attr = ss->attr };
	f->ss_sel = ss->sel;
	f->sp = f->cpu->gpr[X86_RSP];
}

static void begin_long(struct frame *f, bool inner, unsigned ist)
{
	struct x86_cpu *cpu = f->cpu;

	f->mask = ~0ULL;
	if (ist)
		f->sp = sys_tss_ist(cpu, 3 + ist);
	else if (inner)
		f->sp = sys_tss_ist(cpu, f->cpl);
	else
		f->sp = cpu->gpr[X86_RSP];
	if (!x86_canonical(cpu, f->sp))
		x86_raise_err(cpu, X86_EXC_SS, f->ext);
	f->new_ss = inner;
	f->ss_sel = (u16)f->cpl;
}

static void begin_legacy(struct frame *f, bool inner)
{
	if (inner) {
		sys_tss_stack(f->cpu, f->cpl, &f->ss_sel, &f->sp);
		sys_check_ss(f->cpu, f->ss_sel, f->cpl, X86_EXC_TS, f->ext, &f->ss);
		f->new_ss = true;
	} else {
		current_stack(f);
	}
	f->mask = f->ss.attr & X86_ATTR_DB ? 0xffffffff : 0xffff;
}

void frame_begin(struct frame *f, struct x86_cpu *cpu, unsigned size, unsigned cpl, bool inner, unsigned ist, u32 ext)
{
	*f = (struct frame){ .cpu = cpu, .size = size, .cpl = cpl, .ext = ext, .long_mode = sys_lma(cpu) };
	if (f->long_mode) {
		begin_long(f, inner, ist);
		f->sp &= ~15ULL;
		return;
	}
	begin_legacy(f, inner);
}

void frame_begin_call(struct frame *f, struct x86_cpu *cpu, unsigned size, unsigned cpl, bool inner)
{
	*f = (struct frame){ .cpu = cpu, .size = size, .cpl = cpl, .long_mode = sys_lma(cpu) };
	if (f->long_mode)
		begin_long(f, inner, 0);
	else
		begin_legacy(f, inner);
}

static u64 item_linear(const struct frame *f)
{
	u64 off = f->sp & f->mask, last = off + f->size - 1;
	bool bad;

	if (f->long_mode) {
		if (!x86_canonical(f->cpu, f->sp))
			x86_raise_err(f->cpu, X86_EXC_SS, f->ext);
		return f->sp;
	}
	if ((f->ss.attr & (X86_ATTR_CODE | X86_ATTR_CE)) == X86_ATTR_CE)
		bad = off <= f->ss.limit || last > f->mask;
	else
		bad = last > f->ss.limit;
	if (bad)
		x86_raise_err(f->cpu, X86_EXC_SS, f->new_ss ? (f->ss_sel & ~3u) + f->ext : f->ext);
	return (u32)(f->ss.base + off);
}

void frame_push(struct frame *f, u64 val)
{
	f->sp -= f->size;
	u64 lin = item_linear(f);

	if (f->cpl == 3)
		x86_st(f->cpu, lin, f->size, val);
	else
		x86_st_sys(f->cpu, lin, val, f->size);
}

void frame_commit(const struct frame *f)
{
	struct x86_cpu *cpu = f->cpu;

	if (f->long_mode) {
		if (f->new_ss) {
			sys_null_seg(cpu, X86_SS, f->ss_sel);
			cpu->seg[X86_SS].attr = (u16)(X86_ATTR_P | X86_ATTR_S | X86_ATTR_RW | X86_ATTR_A | X86_ATTR_DB |
						     f->cpl << 5);
			cpu->seg[X86_SS].limit = 0xffffffff;
		}
		cpu->gpr[X86_RSP] = f->sp;
		return;
	}
	if (f->new_ss) {
		struct sys_desc d = f->ss;

		sys_desc_set_accessed(cpu, &d);
		sys_set_seg(cpu, X86_SS, f->ss_sel, &d);
	}
	if (f->mask == 0xffff && !f->new_ss)
		x86_set_reg(cpu, X86_RSP, 2, f->sp);
	else
		cpu->gpr[X86_RSP] = f->sp & f->mask;
}
