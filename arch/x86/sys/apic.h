/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A LAPIC's state. irr, tmr and the words that say whom an interrupt
 * addresses are read or set by other threads; all else is its vCPU's.
 */
#ifndef ARCH_X86_SYS_APIC_H
#define ARCH_X86_SYS_APIC_H

#include "../priv.h"

enum apic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_CMCI, LVT_COUNT };

#define LVT_MASKED	BIT(16)
#define APIC_ENABLED	BIT(11)		/* IA32_APIC_BASE */
#define APIC_X2		BIT(10)
#define APIC_BSP	BIT(8)

struct x86_apic {
	_Atomic u64 irr[4];
	_Atomic u64 tmr[4];
	_Atomic u32 svr, ldr, dfr;
	_Atomic u32 x2;			/* x2APIC mode */
	_Atomic u32 lvt[LVT_COUNT];
	_Atomic u32 lint_level;		/* bit n: LINTn is high */
	u64 isr[4];
	u32 tpr, esr, esr_pending, icr_low, icr_high;
	u32 initial_count, divide;
	u64 deadline_ns;		/* of the running timer, 0: none */
	u64 tsc_deadline;
};

/* Sets a vector pending; any thread. */
void apic_set_irr(struct x86_cpu *cpu, unsigned vec, bool level);
/* Something that held a vector back is gone. */
void apic_reevaluate(struct x86_cpu *cpu);
void apic_send_ipi(struct x86_cpu *cpu, u32 low, u32 dest);
void apic_timer_restart(struct x86_cpu *cpu);
u32  apic_timer_count(struct x86_cpu *cpu);
void apic_timer_stop(struct x86_cpu *cpu);
void apic_tsc_deadline_write(struct x86_cpu *cpu, u64 val);
static inline unsigned apic_timer_mode(const struct x86_apic *a) { return (a->lvt[LVT_TIMER] >> 17) & 3; }

#endif
