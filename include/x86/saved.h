/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's saved state with its LAPIC, apart from the running layout of
 * struct x86_cpu: what arch/x86/machine/cpu_state.c declares as a table and
 * what a stream holds.
 */
#ifndef VMBOX_X86_SAVED_H
#define VMBOX_X86_SAVED_H

#include "x86/cpu.h"

struct x86_saved_segment {
	u64 base;
	u32 limit;
	u16 sel, attr;
};

struct x86_saved_f80 {
	u64 man;
	u16 se;
};

struct x86_saved_vec {
	u64 q[4];
};

struct x86_saved {
	u64 gpr[16], rip, rflags;
	struct x86_saved_segment seg[6], ldt, tr, gdt, idt;
	u64 cr0, cr2, cr3, cr4, cr8, xcr0, efer, dr[4], dr6, dr7, pdpte[4];
	u32 pkru, mxcsr;
	struct x86_saved_vec vec[16];
	struct x86_saved_f80 st[8];
	u16 fcw, fsw, fop, fcs, fds;
	u8  fvalid;
	u64 fip, fdp;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux, sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat, apic_base, misc_enable, tsc_adjust, tsc_offset, mtrr_def_type, mtrr_phys[16], mtrr_fixed[11];
	u64 syscfg, hwcr, top_mem[2], iorr[4], hsave_pa, vm_cr;
	u8  activity, shadow, nmi_masked, sipi_vector;
	u64 db_pending;
	u32 req;
	/* LAPIC */
	u64 irr[4], isr[4], tmr[4];
	u32 svr, ldr, dfr, lvt[7], tpr, esr, esr_pending, icr_low, icr_high, initial_count, divide;
	u64 deadline_ns, tsc_deadline;
};

/* The vCPU must not run. */
void x86_cpu_get_saved(const struct x86_cpu *cpu, struct x86_saved *s);
/*
 * Replaces the whole state; the LAPIC timer is armed again. -EINVAL with err
 * when the combination is one that no processor can be in; the vCPU is then in RESET's state.
 */
int  x86_cpu_set_saved(struct x86_cpu *cpu, const struct x86_saved *s, struct err *err);

#endif
