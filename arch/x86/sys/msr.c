// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model-specific registers and the time stamp counter. What is not here is
 * #GP, as Linux expects of registers that CPUID does not announce.
 */
#include "../priv.h"

#define MTRR_VARIABLE 8

/* Counters that every AMD processor has, without a CPUID bit: they are there and never count. */
#define K7_EVNTSEL0	0xc0010000
#define K7_PERFCTR3	0xc0010007

u64 sys_tsc(const struct x86_cpu *cpu)
{
	u64 ns = x86_now_ns(cpu), hz = cpu->sys->model.tsc_hz;

	return (hz == 1000000000 ? ns : (u64)((u128)ns * hz / 1000000000)) + cpu->tsc_offset;
}

u64 sys_tsc_to_ns(const struct x86_cpu *cpu, u64 tsc)
{
	u64 ticks = tsc - cpu->tsc_offset, hz = cpu->sys->model.tsc_hz;

	if ((s64)ticks < 0)
		return 0;
	return hz == 1000000000 ? ticks : (u64)(((u128)ticks * 1000000000 + hz - 1) / hz);
}

int sys_write_efer(struct x86_cpu *cpu, u64 val)
{
	u64 allowed = EFER_SCE | EFER_LMA;

	allowed |= sys_extra(cpu, X86_EXTRA_NX) ? EFER_NXE : 0;
	allowed |= sys_extra(cpu, X86_EXTRA_LM) ? EFER_LME : 0;
	allowed |= sys_extra(cpu, X86_EXTRA_FFXSR) ? EFER_FFXSR : 0;
	allowed |= sys_extra(cpu, X86_EXTRA_AUTOIBRS) ? BIT(21) : 0;
	if (val & ~allowed)
		return -1;
	if (((val ^ cpu->efer) & EFER_LME) && (cpu->cr0 & CR0_PG))
		return -1;
	val = (val & ~EFER_LMA) | (cpu->efer & EFER_LMA);
	bool nx = (val ^ cpu->efer) & EFER_NXE;
	cpu->efer = val;
	if (nx)
		x86_tlb_flush_all(cpu);
	return 0;
}

/* Registers that only keep a value: 0 means not one of them. */
static u64 *plain(struct x86_cpu *cpu, u32 n)
{
	switch (n) {
	case 0x17a: return &cpu->msr.mcg_status;
	case 0x1a0: return &cpu->msr.misc_enable;
	case 0x1d9: return &cpu->msr.debugctl;
	case 0x2ff: return &cpu->msr.mtrr_def_type;
	case 0x250: return &cpu->msr.mtrr_fixed[0];
	case 0x258:
	case 0x259: return &cpu->msr.mtrr_fixed[n - 0x257];
	case 0xc0000081: return &cpu->msr.star;
	case 0xc0000084: return &cpu->msr.sfmask;
	case 0xc0000103: return &cpu->msr.tsc_aux;
	case 0xc0010010: return &cpu->msr.syscfg;
	case 0xc0010015: return &cpu->msr.hwcr;
	case 0xc001001a: return &cpu->msr.top_mem;
	case 0xc001001d: return &cpu->msr.top_mem2;
	case 0xc0010117: return &cpu->msr.hsave_pa;
	}
	if (n >= 0x200 && n < 0x200 + 2 * MTRR_VARIABLE)
		return &cpu->msr.mtrr_phys[n - 0x200];
	if (n >= 0x268 && n <= 0x26f)
		return &cpu->msr.mtrr_fixed[3 + n - 0x268];
	if (n >= 0xc0010016 && n <= 0xc0010019)
		return &cpu->msr.iorr[n - 0xc0010016];
	return NULL;
}

/* Registers whose value must be canonical. */
static u64 *canonical(struct x86_cpu *cpu, u32 n)
{
	switch (n) {
	case 0x175: return &cpu->msr.sysenter_esp;
	case 0x176: return &cpu->msr.sysenter_eip;
	case 0xc0000082: return &cpu->msr.lstar;
	case 0xc0000083: return &cpu->msr.cstar;
	case 0xc0000100: return &cpu->seg[X86_FS].base;
	case 0xc0000101: return &cpu->seg[X86_GS].base;
	case 0xc0000102: return &cpu->msr.kernel_gs_base;
	default: return NULL;
	}
}

int msr_read(struct x86_cpu *cpu, u32 n, u64 *val)
{
	u64 *p = plain(cpu, n);

	if (!p)
		p = canonical(cpu, n);
	if (p) {
		*val = *p;
		return 0;
	}
	switch (n) {
	case K7_EVNTSEL0 ... K7_PERFCTR3: *val = 0; return 0;
	case 0x10: *val = sys_tsc(cpu); return 0;
	case 0x1b: *val = cpu->msr.apic_base; return 0;
	case 0x3b: *val = cpu->msr.tsc_adjust; return sys_extra(cpu, X86_EXTRA_TSC_ADJUST) ? 0 : -1;
	case 0x8b: *val = cpu->msr.patch_level; return 0;
	case 0xfe: *val = MTRR_VARIABLE | BIT(8) | BIT(10); return 0;
	case 0x174: *val = cpu->msr.sysenter_cs; return 0;
	case 0x179: *val = 0; return 0;		/* no machine check banks */
	case 0x277: *val = cpu->msr.pat; return 0;
	case 0xc0000080: *val = cpu->efer; return 0;
	case 0xc001001f: *val = 0; return 0;	/* NB_CFG: no northbridge; Linux looks at CF8's extension */
	case 0xc0010114: *val = cpu->msr.vm_cr; return 0;
	case 0xc0011029: *val = 2; return 0;	/* LFENCE serialises */
	}
	return apic_msr_read(cpu, n, val);
}

static int write_pat(struct x86_cpu *cpu, u64 val)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned type = (val >> (8 * i)) & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return -1;
	}
	cpu->msr.pat = val;
	return 0;
}

static int write_tsc(struct x86_cpu *cpu, u64 val)
{
	u64 delta = val - sys_tsc(cpu);

	cpu->tsc_offset += delta;
	cpu->msr.tsc_adjust += delta;
	return 0;
}

int msr_write(struct x86_cpu *cpu, u32 n, u64 val)
{
	u64 *p = plain(cpu, n);

	if (p) {
		*p = n == 0xc0000103 ? (u32)val : val;
		return 0;
	}
	p = canonical(cpu, n);
	if (p) {
		if (!x86_canonical_base(cpu, val))
			return -1;
		*p = val;
		sys_update_mode(cpu);	/* FS and GS bases */
		return 0;
	}
	switch (n) {
	case K7_EVNTSEL0 ... K7_PERFCTR3: return 0;
	case 0x10: return write_tsc(cpu, val);
	case 0x1b: return apic_base_write(cpu, val);
	case 0x3b:
		cpu->tsc_offset += val - cpu->msr.tsc_adjust;
		cpu->msr.tsc_adjust = val;
		return sys_extra(cpu, X86_EXTRA_TSC_ADJUST) ? 0 : -1;
	case 0x79:
	case 0x8b:
	case 0xc0010020: return 0;		/* microcode */
	case 0xc001001f: return 0;
	case 0x174: cpu->msr.sysenter_cs = val; return 0;
	case 0x277: return write_pat(cpu, val);
	case 0xc0000080: return sys_write_efer(cpu, val);
	case 0xc0010114: cpu->msr.vm_cr = val; return 0;
	case 0xc0011029: return 0;
	}
	return apic_msr_write(cpu, n, val);
}
