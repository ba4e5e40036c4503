// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is derived from control registers and segments, flags as a whole,
 * RESET and INIT (SDM vol. 3, table 9-1), and register access for loaders,
 * debuggers and tests.
 */
#include <string.h>
#include "../priv.h"

static bool flat_segment(const struct x86_segment *s, bool prot)
{
	return !s->base && s->limit == 0xffffffff &&
	       (!prot || ((s->attr & (X86_ATTR_P | X86_ATTR_S)) == (X86_ATTR_P | X86_ATTR_S) && (s->attr & X86_ATTR_RW) &&
			  (s->attr & (X86_ATTR_CODE | X86_ATTR_CE)) != X86_ATTR_CE));
}

/* ES SS DS read-write and CS readable, all over the 4 GiB. */
static bool all_flat(const struct x86_cpu *cpu, bool prot)
{
	static const u8 data[] = { X86_ES, X86_SS, X86_DS };

	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		if (!flat_segment(&cpu->seg[data[i]], prot) || (cpu->seg[data[i]].attr & X86_ATTR_CODE))
			return false;
	return flat_segment(&cpu->seg[X86_CS], false) && (cpu->seg[X86_CS].attr & X86_ATTR_RW);
}

void sys_update_mode(struct x86_cpu *cpu)
{
	u16 cs = cpu->seg[X86_CS].attr;
	bool prot = sys_prot(cpu), lma = sys_lma(cpu);
	u32 mode;

	if (lma && (cs & X86_ATTR_L)) {
		mode = X86_MODE_64 | X86_MODEF_LMA | X86_MODEF_PROT;
		for (unsigned i = 0; i < X86_SEG_COUNT; i++)
			cpu->seg_base[i] = i >= X86_FS ? cpu->seg[i].base : 0;
		cpu->lin_mask = ~0ULL;
		cpu->mode = mode;
		return;
	}
	mode = cs & X86_ATTR_DB ? X86_MODE_32 : X86_MODE_16;
	mode |= (cpu->seg[X86_SS].attr & X86_ATTR_DB ? X86_MODEF_SS32 : 0) | (prot ? X86_MODEF_PROT : 0) |
		(sys_v86(cpu) ? X86_MODEF_V86 : 0) | (lma ? X86_MODEF_LMA : 0);
	if (all_flat(cpu, prot))
		mode |= X86_MODEF_FLAT;
	for (unsigned i = 0; i < X86_SEG_COUNT; i++)
		cpu->seg_base[i] = (u32)cpu->seg[i].base;
	cpu->lin_mask = 0xffffffff;
	cpu->mode = mode;
}

void sys_update_deny(struct x86_cpu *cpu)
{
	u8 d = 0;

	if (cpu->cr0 & (CR0_EM | CR0_TS))
		d |= X86_DENY_X87_NM;
	if ((cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
		d |= X86_DENY_WAIT_NM;
	if ((cpu->cr0 & CR0_EM) || !(cpu->cr4 & CR4_OSFXSR))
		d |= X86_DENY_SSE_UD;
	if (cpu->cr0 & CR0_TS)
		d |= X86_DENY_SSE_NM;
	if (!(cpu->cr4 & CR4_OSXSAVE) || (cpu->xcr0 & 6) != 6)
		d |= X86_DENY_AVX_UD;
	if (cpu->cr0 & CR0_EM)
		d |= X86_DENY_MMX_UD;
	cpu->exec_deny = d;
}

void sys_set_cpl(struct x86_cpu *cpu, unsigned cpl)
{
	if (cpu->cpl == cpl)
		return;
	cpu->cpl = (u8)cpl;
	x86_mmu_context(cpu);
}

u64 x86_eflags(const struct x86_cpu *cpu)
{
	return cpu->eflags | x86_arith(cpu);
}

void x86_set_eflags(struct x86_cpu *cpu, u64 val)
{
	u32 fl = ((u32)val & 0x3f7fd5) | 2, old = cpu->eflags;

	x86_set_arith(cpu, fl);
	cpu->eflags = fl & ~X86_FL_ARITH;
	old ^= cpu->eflags;
	if (old & X86_FL_VM)
		sys_update_mode(cpu);
	if (old & X86_FL_AC)
		x86_mmu_context(cpu);
	/* a request that comes behind this look brings its own attention */
	if ((cpu->eflags & X86_FL_TF) ||
	    ((old & cpu->eflags & X86_FL_IF) && (atomic_load(&cpu->req) & (X86_REQ_INTR | X86_REQ_EXTINT))))
		sys_attention(cpu);
}

void x86_cpu_changed(struct x86_cpu *cpu)
{
	cpu->cpl = (cpu->cr0 & CR0_PE) ? (cpu->eflags & X86_FL_VM ? 3 : (cpu->seg[X86_SS].attr >> 5) & 3) : 0;
	cpu->eflags |= 2;
	sys_update_mode(cpu);
	sys_update_deny(cpu);
	if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !sys_lma(cpu))
		mmu_load_pdptes(cpu, cpu->cr3);
	x86_tlb_flush_all(cpu);
	drx_changed(cpu);
	sys_attention(cpu);
}

void x86_set_segment(struct x86_cpu *cpu, enum x86_seg seg, const struct x86_segment *val)
{
	cpu->seg[seg] = *val;
	x86_cpu_changed(cpu);
}

void x86_set_control(struct x86_cpu *cpu, u64 cr0, u64 cr3, u64 cr4, u64 efer)
{
	cpu->cr0 = cr0 | CR0_ET;
	cpu->cr3 = cr3;
	cpu->cr4 = cr4;
	cpu->efer = efer;
	x86_cpu_changed(cpu);
}

void x86_cpu_setup_flat(struct x86_cpu *cpu, bool long_mode, unsigned cpl)
{
	u16 dpl = (u16)(cpl << 5);
	struct x86_segment code = { .limit = 0xffffffff, .sel = (u16)(0x10 | cpl),
		.attr = (u16)(0x8093 | X86_ATTR_CODE | dpl | (long_mode ? X86_ATTR_L : X86_ATTR_DB)) };
	struct x86_segment data = { .limit = 0xffffffff, .sel = (u16)(0x18 | cpl), .attr = (u16)(0xc093 | dpl) };

	for (unsigned i = 0; i < X86_SEG_COUNT; i++)
		cpu->seg[i] = i == X86_CS ? code : data;
	cpu->cr0 |= CR0_PE | CR0_ET;
	if (long_mode)
		cpu->efer |= EFER_LME | EFER_LMA;
	x86_cpu_changed(cpu);
}

/* ---- RESET and INIT ---- */

static void reset_segments(struct x86_cpu *cpu)
{
	for (unsigned i = 0; i < X86_SEG_COUNT; i++)
		cpu->seg[i] = (struct x86_segment){ .limit = 0xffff, .attr = 0x93 };
	cpu->seg[X86_CS] = (struct x86_segment){ .base = 0xffff0000, .limit = 0xffff, .sel = 0xf000, .attr = 0x9b };
	cpu->ldt = (struct x86_segment){ .limit = 0xffff, .attr = 0x82 };
	cpu->tr = (struct x86_segment){ .limit = 0xffff, .attr = 0x8b };
	cpu->gdt = cpu->idt = (struct x86_dtable){ .limit = 0xffff };
}

/* What RESET and INIT have in common. */
static void reset_common(struct x86_cpu *cpu)
{
	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	cpu->rip = 0xfff0;
	cpu->eflags = 2;
	x86_set_arith(cpu, 0);
	cpu->gpr[X86_RDX] = cpu->sys->model.family << 8 | (cpu->sys->model.model & 15) << 4 | cpu->sys->model.stepping;
	reset_segments(cpu);
	cpu->cr2 = cpu->cr3 = cpu->cr4 = 0;
	cpu->efer = 0;
	memset(cpu->dr, 0, sizeof(cpu->dr));
	cpu->dr6 = 0xffff0ff0;
	cpu->dr7 = 0x400;
	cpu->pkru = 0;
	cpu->shadow = cpu->nmi_masked = cpu->exc_pending = cpu->delivering = 0;
	cpu->db_pending = 0;
	cpu->cur = NULL;
	cpu->activity = cpu->msr.apic_base & BIT(8) ? X86_ACT_RUN : X86_ACT_WAIT_SIPI;
}

static void reset_fpu(struct x86_cpu *cpu)
{
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	memset(cpu->vec, 0, sizeof(cpu->vec));
	cpu->fpu.cw = 0x40;
	cpu->mxcsr = 0x1f80;
	cpu->xcr0 = 1;
}

void x86_cpu_reset(struct x86_cpu *cpu)
{
	cpu->cr0 = CR0_ET | CR0_NW | CR0_CD;
	memset(&cpu->msr, 0, sizeof(cpu->msr));
	cpu->msr.apic_base = 0xfee00000 | BIT(11) | (cpu->index == 0 ? BIT(8) : 0);
	cpu->msr.pat = 0x0007040600070406;
	cpu->msr.misc_enable = 1;
	cpu->msr.patch_level = 0x1000065;
	cpu->msr.hwcr = BIT(24);		/* TscFreqSel: the TSC counts at the P0 frequency */
	reset_common(cpu);
	reset_fpu(cpu);
	cpu->tsc_offset = 0;
	atomic_store(&cpu->req, 0);
	apic_reset(cpu, false);
	x86_cpu_changed(cpu);
}

void x86_cpu_init_signal(struct x86_cpu *cpu)
{
	cpu->cr0 = (cpu->cr0 & (CR0_NW | CR0_CD)) | CR0_ET;
	reset_common(cpu);
	apic_reset(cpu, true);
	x86_cpu_changed(cpu);
}
