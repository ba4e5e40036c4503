// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The LAPIC timer: one-shot and periodic at a bus clock of 1 GHz, and TSC
 * deadline. The platform wakes us at a time; expiry is looked at on the vCPU's
 * own thread, so nothing here needs a lock.
 */
#include "apic.h"

static u64 divisor(const struct x86_apic *a)
{
	unsigned v = (a->divide & 3) | (a->divide >> 1 & 4);

	return 1ULL << ((v + 1) & 7);
}

static void arm(struct x86_cpu *cpu, u64 deadline)
{
	cpu->apic->deadline_ns = deadline;
	cpu->platform->ops->lapic_timer_arm(cpu->platform->ctx, cpu, deadline);
}

void apic_timer_stop(struct x86_cpu *cpu)
{
	struct x86_apic *a = cpu->apic;

	a->tsc_deadline = 0;
	if (a->deadline_ns)
		arm(cpu, 0);
}

static void raise_vector(struct x86_cpu *cpu)
{
	u32 lvt = cpu->apic->lvt[LVT_TIMER];

	if (!(lvt & LVT_MASKED))
		apic_set_irr(cpu, lvt & 0xff, false);
}

void apic_timer_restart(struct x86_cpu *cpu)
{
	struct x86_apic *a = cpu->apic;

	if (apic_timer_mode(a) == 2)
		return;
	if (!a->initial_count) {
		apic_timer_stop(cpu);
		return;
	}
	arm(cpu, x86_now_ns(cpu) + (u64)a->initial_count * divisor(a));
}

u32 apic_timer_count(struct x86_cpu *cpu)
{
	struct x86_apic *a = cpu->apic;
	u64 now;

	if (!a->deadline_ns || apic_timer_mode(a) == 2)
		return 0;
	now = x86_now_ns(cpu);
	if (now < a->deadline_ns)
		return (u32)((a->deadline_ns - now) / divisor(a));
	if (apic_timer_mode(a) != 1 || !a->initial_count)
		return 0;
	/* The period is over, its expiry was not looked at yet: the count has begun anew. */
	return (u32)(a->initial_count - (now - a->deadline_ns) / divisor(a) % a->initial_count);
}

void apic_tsc_deadline_write(struct x86_cpu *cpu, u64 val)
{
	struct x86_apic *a = cpu->apic;
	u64 ns;

	if (apic_timer_mode(a) != 2)
		return;
	a->tsc_deadline = val;
	if (!val) {
		arm(cpu, 0);
		return;
	}
	ns = sys_tsc_to_ns(cpu, val);
	if (ns <= x86_now_ns(cpu)) {
		a->tsc_deadline = 0;
		arm(cpu, 0);
		raise_vector(cpu);
		return;
	}
	arm(cpu, ns);
}

/* A periodic timer that is late goes on from where it should have been, but does not replay more than a second. */
static u64 next_period(const struct x86_apic *a, u64 now)
{
	u64 period = (u64)a->initial_count * divisor(a), next = a->deadline_ns + period;

	if (next + 1000000000 < now)
		next = now + period;
	return next;
}

void apic_timer_expired(struct x86_cpu *cpu)
{
	struct x86_apic *a = cpu->apic;
	u64 now;

	if (!a->deadline_ns)
		return;
	now = x86_now_ns(cpu);
	if (now < a->deadline_ns) {
		arm(cpu, a->deadline_ns);
		return;
	}
	raise_vector(cpu);
	a->tsc_deadline = 0;
	arm(cpu, apic_timer_mode(a) == 1 && a->initial_count ? next_period(a, now) : 0);
}

void x86_lapic_timer_fire(struct x86_cpu *cpu)
{
	x86_cpu_request(cpu, X86_REQ_TIMER);
}
