// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System instructions that are nobody's neighbours: HLT and the interrupt
 * flag, CPUID, time stamps, MSRs, random numbers, protection keys, caches,
 * MONITOR and MWAIT (hints: MWAIT waits like HLT, but only briefly).
 */
#include <sys/random.h>
#include "../priv.h"
#include "../interp/general.h"

static void x_hlt(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	cpu->activity = X86_ACT_HLT;
	sys_attention(cpu);
}

/* CLI and STI below IOPL: #GP, or the virtual flag with VME (V8086) or PVI (ring 3). */
static bool virtual_flag(struct x86_cpu *cpu)
{
	bool v86 = sys_v86(cpu);

	if (!(cpu->cr0 & CR0_PE) || cpu->cpl <= sys_iopl(cpu))
		return false;
	if (!((v86 && (cpu->cr4 & CR4_VME)) || (!v86 && cpu->cpl == 3 && (cpu->cr4 & CR4_PVI))))
		x86_raise_gp(cpu, 0);
	return true;
}

static void x_cli(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	cpu->eflags &= ~(virtual_flag(cpu) ? X86_FL_VIF : X86_FL_IF);
}

/* Sets the flag. True: IF went from 0 to 1. */
static bool set_interrupts(struct x86_cpu *cpu)
{
	if (virtual_flag(cpu)) {
		if (cpu->eflags & X86_FL_VIP)
			x86_raise_gp(cpu, 0);
		cpu->eflags |= X86_FL_VIF;
		return false;
	}
	if (cpu->eflags & X86_FL_IF)
		return false;
	cpu->eflags |= X86_FL_IF;
	return true;
}

static void x_sti(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	if (set_interrupts(cpu)) {
		cpu->shadow = X86_SHADOW_STI;
		sys_attention(cpu);
	}
}

/* STI inside a block: exactly one instruction follows before interrupts are looked at, so no shadow is needed. */
void sys_sti_inside(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	if (set_interrupts(cpu) && (atomic_load(&cpu->req) & (X86_REQ_INTR | X86_REQ_EXTINT)))
		sys_attention(cpu);
}

static void set_ac(struct x86_cpu *cpu, bool on)
{
	cpu->eflags = (cpu->eflags & ~X86_FL_AC) | (on ? X86_FL_AC : 0);
	x86_mmu_context(cpu);
}

static void x_ac(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (cpu->cpl)
		x86_raise_ud(cpu);
	set_ac(cpu, in->op == X86_OP_STAC);
}

static void x_cpuid(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u32 r[4];

	(void)in;
	sys_cpuid(cpu, (u32)cpu->gpr[X86_RAX], (u32)cpu->gpr[X86_RCX], r);
	cpu->gpr[X86_RAX] = r[0];
	cpu->gpr[X86_RBX] = r[1];
	cpu->gpr[X86_RCX] = r[2];
	cpu->gpr[X86_RDX] = r[3];
}

static void set_edx_eax(struct x86_cpu *cpu, u64 v)
{
	cpu->gpr[X86_RAX] = (u32)v;
	cpu->gpr[X86_RDX] = v >> 32;
}

static void x_rdtsc(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if ((cpu->cr4 & CR4_TSD) && cpu->cpl)
		x86_raise_gp(cpu, 0);
	set_edx_eax(cpu, sys_tsc(cpu));
	if (in->op == X86_OP_RDTSCP)
		cpu->gpr[X86_RCX] = (u32)cpu->msr.tsc_aux;
}

/* No performance counters: CPUID shows none, so every index is wrong. */
static void x_rdpmc(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	x86_raise_gp(cpu, 0);
}

static void x_rdpid(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, cpu->msr.tsc_aux);
}

static void x_rdmsr(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u32 n = (u32)cpu->gpr[X86_RCX];
	u64 v;

	(void)in;
	if (cpu->cpl)
		x86_raise_gp(cpu, 0);
	if (msr_read(cpu, n, &v)) {
		if (sys_log_on(cpu, X86_LOG_UNIMP))
			sys_log(cpu, "rdmsr %x: unknown\n", n);
		x86_raise_gp(cpu, 0);
	}
	set_edx_eax(cpu, v);
}

static void x_wrmsr(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u32 n = (u32)cpu->gpr[X86_RCX];
	u64 v = (u32)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32;

	(void)in;
	if (cpu->cpl)
		x86_raise_gp(cpu, 0);
	if (msr_write(cpu, n, v)) {
		if (sys_log_on(cpu, X86_LOG_UNIMP))
			sys_log(cpu, "wrmsr %x = %llx: refused\n", n, v);
		x86_raise_gp(cpu, 0);
	}
}

/* CF: a number was there. A host without entropy yet gives none, as hardware may. */
static void x_random(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = 0;
	bool ok = getrandom(&v, sizeof(v), GRND_NONBLOCK) == sizeof(v);

	x86_put_operand(cpu, in, 0, ok ? v : 0);
	x86_set_arith(cpu, ok ? X86_FL_CF : 0);
}

static void check_pke(struct x86_cpu *cpu, bool write)
{
	if (!(cpu->cr4 & CR4_PKE))
		x86_raise_ud(cpu);
	if ((u32)cpu->gpr[X86_RCX] || (write && (u32)cpu->gpr[X86_RDX]))
		x86_raise_gp(cpu, 0);
}

static void x_rdpkru(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	check_pke(cpu, false);
	set_edx_eax(cpu, cpu->pkru);
}

static void x_wrpkru(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	check_pke(cpu, true);
	if (cpu->pkru == (u32)cpu->gpr[X86_RAX])
		return;
	cpu->pkru = (u32)cpu->gpr[X86_RAX];
	x86_pkru_changed(cpu);
}

static void x_cache(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)cpu;
	(void)in;
}

static void x_monitor(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 ea = in->asize == 8 ? cpu->gpr[X86_RAX] : in->asize == 4 ? (u32)cpu->gpr[X86_RAX] : (u16)cpu->gpr[X86_RAX];

	if ((u32)cpu->gpr[X86_RCX])
		x86_raise_gp(cpu, 0);
	x86_probe(cpu, x86_seg_linear(cpu, in->seg, ea, 1, X86_READ), 1, X86_READ);
}

/* Returning at once is allowed: the monitored line may have been written. */
static void x_mwait(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	(void)cpu;
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_HLT, x_hlt, NULL }, { X86_OP_CLI, x_cli, NULL }, { X86_OP_STI, x_sti, NULL },
	{ X86_OP_STAC, x_ac, NULL }, { X86_OP_CLAC, x_ac, NULL }, { X86_OP_CPUID, x_cpuid, NULL },
	{ X86_OP_RDTSC, x_rdtsc, NULL }, { X86_OP_RDTSCP, x_rdtsc, NULL }, { X86_OP_RDPMC, x_rdpmc, NULL },
	{ X86_OP_RDPID, x_rdpid, NULL }, { X86_OP_RDMSR, x_rdmsr, NULL }, { X86_OP_WRMSR, x_wrmsr, NULL },
	{ X86_OP_RDRAND, x_random, NULL }, { X86_OP_RDSEED, x_random, NULL }, { X86_OP_RDPKRU, x_rdpkru, NULL },
	{ X86_OP_WRPKRU, x_wrpkru, NULL }, { X86_OP_INVD, x_cache, NULL }, { X86_OP_WBINVD, x_cache, NULL },
	{ X86_OP_WBNOINVD, x_cache, NULL }, { X86_OP_MONITOR, x_monitor, NULL }, { X86_OP_MONITORX, x_monitor, NULL },
	{ X86_OP_MWAIT, x_mwait, NULL }, { X86_OP_MWAITX, x_mwait, NULL },
};
EXEC_REGISTER(x86_misc_ops, entries);
