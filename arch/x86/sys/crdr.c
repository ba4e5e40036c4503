// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control and debug registers: MOV, CLTS, LMSW, SMSW, XGETBV, XSETBV, INVLPG,
 * INVPCID, and what a new value sets in motion.
 */
#include "../priv.h"
#include "../interp/general.h"

u64 sys_cr4_mask(const struct x86_cpu *cpu)
{
	u64 m = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE |
		CR4_OSFXSR | CR4_OSXMMEXCPT;

	m |= sys_extra(cpu, X86_EXTRA_UMIP) ? CR4_UMIP : 0;
	m |= sys_extra(cpu, X86_EXTRA_LA57) ? CR4_LA57 : 0;
	m |= sys_extra(cpu, X86_EXTRA_PCID) ? CR4_PCIDE : 0;
	m |= sys_extra(cpu, X86_EXTRA_SMEP) ? CR4_SMEP : 0;
	m |= x86_has(cpu, X86_FEAT_SMAP) ? CR4_SMAP : 0;
	m |= x86_has(cpu, X86_FEAT_FSGSBASE) ? CR4_FSGSBASE : 0;
	m |= x86_has(cpu, X86_FEAT_XSAVE) ? CR4_OSXSAVE : 0;
	m |= x86_has(cpu, X86_FEAT_PKU) ? CR4_PKE : 0;
	return m;
}

/* CR0.PG turned on or off: long mode comes and goes with it. */
static int paging_changed(struct x86_cpu *cpu, u64 val)
{
	if (!(val & CR0_PG)) {
		if (x86_in_64bit(cpu) || (cpu->cr4 & CR4_PCIDE))
			return -1;
		cpu->efer &= ~EFER_LMA;
		return 0;
	}
	if (cpu->efer & EFER_LME) {
		if (!(cpu->cr4 & CR4_PAE) || (cpu->seg[X86_CS].attr & X86_ATTR_L))
			return -1;
		cpu->efer |= EFER_LMA;
	} else if ((cpu->cr4 & CR4_PAE) && !mmu_load_pdptes(cpu, cpu->cr3)) {
		return -1;
	}
	return 0;
}

int sys_write_cr0(struct x86_cpu *cpu, u64 val)
{
	u64 changed;

	if (val >> 32 || ((val & CR0_PG) && !(val & CR0_PE)) || ((val & CR0_NW) && !(val & CR0_CD)))
		return -1;
	val = (val & (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)) | CR0_ET;
	changed = val ^ cpu->cr0;
	if ((changed & CR0_PG) && paging_changed(cpu, val))
		return -1;
	cpu->cr0 = val;
	if (changed & (CR0_PG | CR0_PE))
		x86_tlb_flush_all(cpu);
	else if (changed & CR0_WP)
		mmu_retag(cpu);
	sys_update_mode(cpu);
	sys_update_deny(cpu);
	return 0;
}

int sys_write_cr3(struct x86_cpu *cpu, u64 val)
{
	bool keep = false;

	if (sys_lma(cpu)) {
		if (cpu->cr4 & CR4_PCIDE) {
			keep = val >> 63;
			val &= ~BIT(63);
		}
		if (val & ~(BIT(cpu->sys->model.phys_bits) - 1))
			return -1;
	} else {
		val = (u32)val;
		if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !mmu_load_pdptes(cpu, val))
			return -1;
	}
	cpu->cr3 = val;
	if (keep)
		mmu_space_changed(cpu);
	else
		x86_tlb_flush_pcid(cpu, cpu->cr4 & CR4_PCIDE ? val & 0xfff : 0);
	return 0;
}

int sys_write_cr4(struct x86_cpu *cpu, u64 val)
{
	u64 changed = val ^ cpu->cr4;

	if (val & ~sys_cr4_mask(cpu))
		return -1;
	if (sys_lma(cpu) && ((changed & CR4_LA57) || !(val & CR4_PAE)))
		return -1;
	if ((changed & val & CR4_PCIDE) && (!sys_lma(cpu) || (cpu->cr3 & 0xfff)))
		return -1;
	cpu->cr4 = val;
	if (changed & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_LA57 | CR4_PCIDE | CR4_PKE)) {
		if ((cpu->cr0 & CR0_PG) && (val & CR4_PAE) && !sys_lma(cpu))
			mmu_load_pdptes(cpu, cpu->cr3);
		x86_tlb_flush_all(cpu);
	} else if (changed & (CR4_SMEP | CR4_SMAP)) {
		x86_tlb_flush_all(cpu);
	}
	sys_update_deny(cpu);
	drx_changed(cpu);
	return 0;
}

static void write_cr(struct x86_cpu *cpu, unsigned n, u64 val)
{
	int err = 0;

	switch (n) {
	case 0: err = sys_write_cr0(cpu, val); break;
	case 2: cpu->cr2 = val; break;
	case 3: err = sys_write_cr3(cpu, val); break;
	case 4: err = sys_write_cr4(cpu, val); break;
	case 8:
		if (val & ~15ULL)
			err = -1;
		else
			apic_set_cr8(cpu, val);
		break;
	default: x86_raise_ud(cpu);
	}
	if (err)
		x86_raise_gp(cpu, 0);
}

static u64 read_cr(struct x86_cpu *cpu, unsigned n)
{
	switch (n) {
	case 0: return cpu->cr0;
	case 2: return cpu->cr2;
	case 3: return cpu->cr3;
	case 4: return cpu->cr4;
	case 8: return apic_cr8(cpu);
	default: x86_raise_ud(cpu);
	}
}

/* CR4.DE makes 4 and 5 undefined, else they are 6 and 7; DR7.GD guards all. */
static unsigned dr_number(struct x86_cpu *cpu, unsigned n)
{
	if (n > 7 || ((cpu->cr4 & CR4_DE) && (n == 4 || n == 5)))
		x86_raise_ud(cpu);
	if (cpu->dr7 & BIT(13)) {
		cpu->dr6 |= BIT(13);
		cpu->dr7 &= ~BIT(13);
		x86_raise(cpu, X86_EXC_DB);
	}
	return n == 4 || n == 5 ? n + 2 : n;
}

static void write_dr(struct x86_cpu *cpu, unsigned n, u64 val)
{
	n = dr_number(cpu, n);
	if (n >= 6 && val >> 32)
		x86_raise_gp(cpu, 0);
	if (n < 4)
		cpu->dr[n] = val;
	else if (n == 6)
		cpu->dr6 = (val & 0xe00f) | 0xffff0ff0;
	else
		cpu->dr7 = (val & 0xffff2bff) | 0x400;
	drx_changed(cpu);
}

static u64 read_dr(struct x86_cpu *cpu, unsigned n)
{
	n = dr_number(cpu, n);
	return n < 4 ? cpu->dr[n] : n == 6 ? cpu->dr6 : cpu->dr7;
}

void sys_mov_special(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const struct x86_operand *d = &in->opnd[0], *s = &in->opnd[1];

	if (cpu->cpl)
		x86_raise_gp(cpu, 0);
	/* LOCK MOV CR0 is AMD's way to CR8 outside 64-bit mode */
	if (d->kind == X86_OPND_CR)
		write_cr(cpu, in->prefixes & X86_PFX_LOCK && !d->reg ? 8 : d->reg, x86_get_operand(cpu, in, 1));
	else if (d->kind == X86_OPND_DR)
		write_dr(cpu, d->reg, x86_get_operand(cpu, in, 1));
	else if (s->kind == X86_OPND_CR)
		x86_put_operand(cpu, in, 0, read_cr(cpu, in->prefixes & X86_PFX_LOCK && !s->reg ? 8 : s->reg));
	else
		x86_put_operand(cpu, in, 0, read_dr(cpu, s->reg));
}

static void x_clts(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	cpu->cr0 &= ~CR0_TS;
	sys_update_deny(cpu);
}

static void x_lmsw(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 0);

	/* PE can be set, not cleared */
	sys_write_cr0(cpu, (cpu->cr0 & ~0xeULL) | (v & 0xf));
}

static void x_smsw(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, cpu->cr0);
}

static void check_osxsave(struct x86_cpu *cpu)
{
	if (!(cpu->cr4 & CR4_OSXSAVE))
		x86_raise_ud(cpu);
}

static void x_xgetbv(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u32 n = (u32)cpu->gpr[X86_RCX];

	(void)in;
	check_osxsave(cpu);
	/* 1: XCR0 & XINUSE; all enabled parts count as in use */
	if (n > 1 || (n == 1 && !x86_has(cpu, X86_FEAT_XSAVEC)))
		x86_raise_gp(cpu, 0);
	cpu->gpr[X86_RAX] = (u32)cpu->xcr0;
	cpu->gpr[X86_RDX] = cpu->xcr0 >> 32;
}

static void x_xsetbv(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = (u32)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32;

	(void)in;
	check_osxsave(cpu);
	if ((u32)cpu->gpr[X86_RCX] || !(v & 1) || (v & ~x86_xcr0_mask(cpu)) || ((v & 4) && !(v & 2)))
		x86_raise_gp(cpu, 0);
	cpu->xcr0 = v;
	sys_update_deny(cpu);
}

u64 x86_xcr0_mask(const struct x86_cpu *cpu)
{
	return 3 | (x86_has(cpu, X86_FEAT_AVX) ? 4 : 0) | (x86_has(cpu, X86_FEAT_PKU) ? 0x200 : 0);
}

void x86_pkru_changed(struct x86_cpu *cpu)
{
	if (cpu->cr4 & CR4_PKE)
		mmu_space_changed(cpu);
}

static void x_invlpg(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 lin = x86_ea(cpu, in) + cpu->seg_base[in->seg];

	x86_tlb_flush_page(cpu, lin & cpu->lin_mask);
}

static void x_invpcid(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 type = x86_get_operand(cpu, in, 0), lin = x86_mem(cpu, in, 16, X86_READ), desc[2];
	bool pcide = cpu->cr4 & CR4_PCIDE;

	x86_ld_block(cpu, lin, desc, 16);
	if (type > 3 || (type < 2 && (desc[0] >> 12 || (!pcide && desc[0]))) || (type == 0 && !x86_canonical_base(cpu, desc[1])))
		x86_raise_gp(cpu, 0);
	switch (type) {
	case 0: x86_tlb_flush_page_pcid(cpu, desc[1], (u32)desc[0]); break;
	case 1: x86_tlb_flush_pcid(cpu, (u32)desc[0]); break;
	case 2: x86_tlb_flush_all(cpu); break;
	default: x86_tlb_flush_nonglobal(cpu); break;
	}
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_CLTS, x_clts, NULL }, { X86_OP_LMSW, x_lmsw, NULL }, { X86_OP_SMSW, x_smsw, NULL },
	{ X86_OP_XGETBV, x_xgetbv, NULL }, { X86_OP_XSETBV, x_xsetbv, NULL }, { X86_OP_INVLPG, x_invlpg, NULL },
	{ X86_OP_INVPCID, x_invpcid, NULL },
};
EXEC_REGISTER(x86_crdr_ops, entries);
