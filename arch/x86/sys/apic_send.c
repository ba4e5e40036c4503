// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts on their way to LAPICs: IPIs, IOAPIC and MSI messages, LINT
 * pins. Runs on any thread; targets learn of it by x86_cpu_request().
 */
#include "apic.h"

static bool match_logical(const struct x86_cpu *cpu, u32 dest)
{
	const struct x86_apic *a = cpu->apic;
	u32 ldr = a->ldr;

	if (a->x2)
		return dest == 0xffffffff || ((ldr >> 16) == (dest >> 16) && (ldr & dest & 0xffff));
	if (dest > 0xff)
		return dest == 0xffffffff;
	if (dest == 0xff)
		return true;
	ldr >>= 24;
	if ((a->dfr >> 28) == 0xf)
		return ldr & dest;
	return (ldr >> 4) == (dest >> 4) && (ldr & dest & 15);
}

static bool matches(const struct x86_cpu *cpu, u32 dest, bool logical)
{
	if (logical)
		return match_logical(cpu, dest);
	return dest == cpu->apic_id || dest == 0xffffffff || dest == 0xff;
}

static void deliver_one(struct x86_cpu *cpu, unsigned delivery, u8 vector, bool level)
{
	switch (delivery) {
	case X86_DELIVER_FIXED:
	case X86_DELIVER_LOWEST:
		apic_set_irr(cpu, vector, level);
		break;
	case X86_DELIVER_SMI:
		x86_cpu_request(cpu, X86_REQ_SMI);
		break;
	case X86_DELIVER_NMI:
		x86_cpu_nmi(cpu);
		break;
	case X86_DELIVER_INIT:
		x86_cpu_request(cpu, X86_REQ_INIT);
		break;
	case X86_DELIVER_SIPI:
		cpu->sipi_vector = vector;
		x86_cpu_request(cpu, X86_REQ_SIPI);
		break;
	case X86_DELIVER_EXTINT:
		x86_cpu_request(cpu, X86_REQ_EXTINT);
		break;
	}
}

/* Lowest priority goes to one of the addressed CPUs; vectors spread over them. */
static int deliver_lowest(struct x86_system *sys, const struct x86_intr *in)
{
	struct x86_cpu *found[X86_CPUS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < sys->ncpus; i++)
		if (matches(sys->cpu[i], in->dest, in->logical) && (sys->cpu[i]->apic->svr & 0x100))
			found[n++] = sys->cpu[i];
	if (n)
		deliver_one(found[in->vector % n], X86_DELIVER_FIXED, in->vector, in->level);
	return n != 0;
}

int x86_apic_deliver(struct x86_system *sys, const struct x86_intr *in)
{
	int n = 0;

	if (in->delivery == X86_DELIVER_LOWEST)
		return deliver_lowest(sys, in);
	for (unsigned i = 0; i < sys->ncpus; i++)
		if (matches(sys->cpu[i], in->dest, in->logical)) {
			deliver_one(sys->cpu[i], in->delivery, in->vector, in->level);
			n++;
		}
	return n;
}

static struct x86_intr from_msi(u64 address, u32 data)
{
	return (struct x86_intr){
		.dest = ((u32)address >> 12 & 0xff) | ((u32)address >> 5 & 0x7f) << 8,
		.vector = (u8)data,
		.delivery = (data >> 8) & 7,
		.logical = address & 4,
		.level = data & 0x8000,
	};
}

int x86_apic_deliver_msi(struct x86_system *sys, u64 address, u32 data)
{
	struct x86_intr in = from_msi(address, data);

	return x86_apic_deliver(sys, &in);
}

bool x86_apic_msi_waits(struct x86_system *sys, u64 address, u32 data)
{
	struct x86_intr in = from_msi(address, data);
	u64 bit = BIT(in.vector & 63);

	if (in.delivery != X86_DELIVER_FIXED && in.delivery != X86_DELIVER_LOWEST)
		return false;
	/* before the look at IRR: whoever takes the vector behind that look finds this */
	atomic_fetch_or(&sys->eoi_watch[in.vector >> 6], bit);
	for (unsigned i = 0; i < sys->ncpus; i++)
		if (matches(sys->cpu[i], in.dest, in.logical) && (atomic_load(&sys->cpu[i]->apic->irr[in.vector >> 6]) & bit))
			return true;
	return false;
}

void apic_send_ipi(struct x86_cpu *cpu, u32 low, u32 dest)
{
	struct x86_system *sys = cpu->sys;
	unsigned delivery = (low >> 8) & 7, shorthand = (low >> 18) & 3;
	bool level = low & 0x8000, assert = low & 0x4000;

	if (delivery == X86_DELIVER_INIT && level && !assert)
		return;		/* INIT level de-assert: nothing on processors since the Pentium 4 */
	if (!shorthand) {
		struct x86_intr in = {
			.dest = dest, .vector = (u8)low, .delivery = (u8)delivery, .logical = low & 0x800,
		};
		x86_apic_deliver(sys, &in);
		return;
	}
	for (unsigned i = 0; i < sys->ncpus; i++) {
		bool self = sys->cpu[i] == cpu;

		if (shorthand == 1 ? self : shorthand == 2 || !self)
			deliver_one(sys->cpu[i], delivery, (u8)low, false);
	}
}

void x86_apic_set_lint(struct x86_cpu *cpu, unsigned pin, bool level)
{
	struct x86_apic *a = cpu->apic;
	u32 bit = 1u << pin, lvt = a->lvt[LVT_LINT0 + pin];
	u32 old = level ? atomic_fetch_or(&a->lint_level, bit) : atomic_fetch_and(&a->lint_level, ~bit);
	unsigned delivery = (lvt >> 8) & 7;

	if (pin == 0)	/* whether it is ExtINT is looked at when it is taken */
		x86_cpu_set_extint(cpu, level);
	if (!level || (old & bit) || (lvt & LVT_MASKED) || delivery == X86_DELIVER_EXTINT)
		return;
	deliver_one(cpu, delivery, (u8)lvt, false);
}

void x86_cpu_set_extint(struct x86_cpu *cpu, bool level)
{
	if (level)
		x86_cpu_request(cpu, X86_REQ_EXTINT);
	else
		x86_cpu_withdraw(cpu, X86_REQ_EXTINT);
}
