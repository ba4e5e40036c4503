// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The local APIC (SDM vol. 3, chapter 10): priorities, registers by MMIO and
 * by x2APIC MSRs. Delivery from other threads is one atomic OR into IRR and a
 * request; no lock. apic_send.c has the senders, apic_timer.c the timer.
 */
#include "mem.h"
#include "apic.h"

static int highest(u64 w[4])
{
	for (int i = 3; i >= 0; i--)
		if (w[i])
			return i * 64 + 63 - __builtin_clzll(w[i]);
	return -1;
}

static int highest_irr(struct x86_apic *a)
{
	u64 w[4];

	for (unsigned i = 0; i < 4; i++)
		w[i] = atomic_load(&a->irr[i]);
	return highest(w);
}

static unsigned ppr(struct x86_apic *a)
{
	int in_service = highest(a->isr);
	unsigned isrv = in_service < 0 ? 0 : (unsigned)in_service & 0xf0;

	return (a->tpr & 0xf0) >= isrv ? a->tpr : isrv;
}

void apic_set_irr(struct x86_cpu *cpu, unsigned vec, bool level)
{
	struct x86_apic *a = cpu->apic;
	u64 bit = BIT(vec & 63);

	if (!(a->svr & 0x100))
		return;
	if (level)
		atomic_fetch_or(&a->tmr[vec >> 6], bit);
	else
		atomic_fetch_and(&a->tmr[vec >> 6], ~bit);
	atomic_fetch_or(&a->irr[vec >> 6], bit);
	x86_cpu_request(cpu, X86_REQ_INTR);
}

int apic_pending(struct x86_cpu *cpu)
{
	int vec = highest_irr(cpu->apic);

	return vec >= 0 && ((unsigned)vec & 0xf0) > (ppr(cpu->apic) & 0xf0) ? vec : -1;
}

int apic_ack(struct x86_cpu *cpu)
{
	struct x86_apic *a = cpu->apic;
	int vec = apic_pending(cpu);

	if (vec < 0)
		return (int)(a->svr & 0xff);
	atomic_fetch_and(&a->irr[vec >> 6], ~BIT(vec & 63));
	a->isr[vec >> 6] |= BIT(vec & 63);
	return vec;
}

void apic_reevaluate(struct x86_cpu *cpu)
{
	if (apic_pending(cpu) >= 0)
		x86_cpu_request(cpu, X86_REQ_INTR);
}

/* Behind the EOI: what comes of it is pending before the next instruction. */
static void tell_taken(struct x86_cpu *cpu, unsigned vec)
{
	_Atomic u64 *watch = &cpu->sys->eoi_watch[vec >> 6];

	if (likely(!(atomic_load(watch) & BIT(vec & 63))))
		return;
	atomic_fetch_and(watch, ~BIT(vec & 63));
	if (cpu->platform->ops->irq_taken)
		cpu->platform->ops->irq_taken(cpu->platform->ctx);
}

static void eoi(struct x86_cpu *cpu)
{
	struct x86_apic *a = cpu->apic;
	int vec = highest(a->isr);

	if (vec < 0)
		return;
	a->isr[vec >> 6] &= ~BIT(vec & 63);
	if ((atomic_load(&a->tmr[vec >> 6]) & BIT(vec & 63)) && !(a->svr & BIT(12)))
		cpu->platform->ops->ioapic_eoi(cpu->platform->ctx, (u8)vec);
	tell_taken(cpu, (unsigned)vec);
	apic_reevaluate(cpu);
}

u64 apic_cr8(const struct x86_cpu *cpu)
{
	return cpu->apic->tpr >> 4;
}

void apic_set_cr8(struct x86_cpu *cpu, u64 val)
{
	cpu->apic->tpr = (u32)val << 4;
	apic_reevaluate(cpu);
}

bool apic_accepts_extint(const struct x86_cpu *cpu)
{
	u32 lvt = cpu->apic->lvt[LVT_LINT0];

	if (!(cpu->msr.apic_base & APIC_ENABLED))
		return true;
	return !(lvt & LVT_MASKED) && ((lvt >> 8) & 7) == X86_DELIVER_EXTINT;
}

/* ---- registers ---- */

static int lvt_index(u32 reg)
{
	if (reg == 0x2f)
		return LVT_CMCI;
	return reg >= 0x32 && reg <= 0x37 ? (int)(reg - 0x32) : -1;
}

static u32 version(void)
{
	return 0x14 | (LVT_COUNT - 1) << 16 | 1u << 24;
}

static u32 bits_register(struct x86_apic *a, u32 reg)
{
	unsigned n = reg & 7;

	switch (reg & ~7u) {
	case 0x10: return (u32)(a->isr[n / 2] >> (32 * (n & 1)));
	case 0x18: return (u32)(atomic_load(&a->tmr[n / 2]) >> (32 * (n & 1)));
	default: return (u32)(atomic_load(&a->irr[n / 2]) >> (32 * (n & 1)));
	}
}

/* reg is the offset >> 4, as x2APIC MSRs count. */
static u32 reg_read(struct x86_cpu *cpu, u32 reg)
{
	struct x86_apic *a = cpu->apic;
	int lvt = lvt_index(reg);

	if (lvt >= 0)
		return a->lvt[lvt];
	if (reg >= 0x10 && reg < 0x28)
		return bits_register(a, reg);
	switch (reg) {
	case 0x02: return a->x2 ? cpu->apic_id : cpu->apic_id << 24;
	case 0x03: return version();
	case 0x08: return a->tpr;
	case 0x0a: return ppr(a);
	case 0x0d: return a->ldr;
	case 0x0e: return a->dfr;
	case 0x0f: return a->svr;
	case 0x28: return a->esr;
	case 0x30: return a->icr_low;
	case 0x31: return a->icr_high;
	case 0x38: return a->initial_count;
	case 0x39: return apic_timer_count(cpu);
	case 0x3e: return a->divide;
	default: return 0;
	}
}

static void lvt_write(struct x86_cpu *cpu, unsigned lvt, u32 val)
{
	static const u32 writable[LVT_COUNT] = {
		0x710ff, 0x117ff, 0x117ff, 0x1b7ff, 0x1b7ff, 0x110ff, 0x117ff,
	};
	struct x86_apic *a = cpu->apic;
	u32 old = a->lvt[lvt];

	val &= writable[lvt];
	if (!(a->svr & 0x100))
		val |= (u32)LVT_MASKED;
	if (lvt == LVT_TIMER)
		apic_timer_expired(cpu);	/* what is over, is so in the old mode */
	a->lvt[lvt] = val;
	if (lvt == LVT_TIMER && ((old ^ val) >> 18 & 1))
		apic_timer_stop(cpu);	/* to and from TSC deadline; one-shot and periodic go on with the count */
	if (lvt == LVT_LINT0)
		sys_attention(cpu);
}

static void svr_write(struct x86_cpu *cpu, u32 val)
{
	struct x86_apic *a = cpu->apic;

	a->svr = val & 0x11ff;
	if (!(val & 0x100))
		for (unsigned i = 0; i < LVT_COUNT; i++)
			a->lvt[i] |= (u32)LVT_MASKED;
}

static void reg_write(struct x86_cpu *cpu, u32 reg, u32 val)
{
	struct x86_apic *a = cpu->apic;
	int lvt = lvt_index(reg);

	if (lvt >= 0) {
		lvt_write(cpu, (unsigned)lvt, val);
		return;
	}
	switch (reg) {
	case 0x08:
		a->tpr = val & 0xff;
		apic_reevaluate(cpu);
		break;
	case 0x0b:
		eoi(cpu);
		break;
	case 0x0d:
		if (!a->x2)
			a->ldr = val & 0xff000000;
		break;
	case 0x0e:
		if (!a->x2)
			a->dfr = val | 0x0fffffff;
		break;
	case 0x0f:
		svr_write(cpu, val);
		break;
	case 0x28:
		a->esr = a->esr_pending;
		a->esr_pending = 0;
		break;
	case 0x30:
		a->icr_low = val & 0xcdfff;
		apic_send_ipi(cpu, a->icr_low, a->icr_high >> 24);
		break;
	case 0x31:
		a->icr_high = val & 0xff000000;
		break;
	case 0x38:
		a->initial_count = val;
		apic_timer_restart(cpu);
		break;
	case 0x3e:
		a->divide = val & 0xb;
		break;
	}
}

bool apic_mmio_hit(const struct x86_cpu *cpu, u64 gpa)
{
	return (gpa & ~X86_PAGE_MASK) == (cpu->msr.apic_base & ~X86_PAGE_MASK) &&
	       (cpu->msr.apic_base & (APIC_ENABLED | APIC_X2)) == APIC_ENABLED;
}

u32 apic_mmio_read(struct x86_cpu *cpu, u32 offset)
{
	return reg_read(cpu, offset >> 4);
}

void apic_mmio_write(struct x86_cpu *cpu, u32 offset, u32 val)
{
	reg_write(cpu, offset >> 4, val);
}

/* ---- MSRs ---- */

static bool x2_readable(u32 reg)
{
	return reg == 2 || reg == 3 || reg == 8 || reg == 0xa || reg == 0xd || reg == 0xf || (reg >= 0x10 && reg < 0x29) ||
	       lvt_index(reg) >= 0 || reg == 0x30 || reg == 0x38 || reg == 0x39 || reg == 0x3e;
}

int apic_msr_read(struct x86_cpu *cpu, u32 msr, u64 *val)
{
	struct x86_apic *a = cpu->apic;
	u32 reg = msr - 0x800;

	if (msr == 0x6e0 && sys_extra(cpu, X86_EXTRA_TSC_DEADLINE)) {
		*val = apic_timer_mode(a) == 2 ? a->tsc_deadline : 0;
		return 0;
	}
	if (msr < 0x800 || msr > 0x8ff || !a->x2 || !x2_readable(reg))
		return -1;
	*val = reg_read(cpu, reg);
	if (reg == 0x30)
		*val |= (u64)a->icr_high << 32;
	return 0;
}

static int x2_write(struct x86_cpu *cpu, u32 reg, u64 val)
{
	struct x86_apic *a = cpu->apic;

	switch (reg) {
	case 0x0b:
	case 0x28:
		if (val)
			return -1;
		break;
	case 0x30:
		a->icr_low = (u32)val & 0xcdfff;
		a->icr_high = (u32)(val >> 32);
		apic_send_ipi(cpu, a->icr_low, a->icr_high);
		return 0;
	case 0x3f:
		if (val >> 8)
			return -1;
		apic_set_irr(cpu, val & 0xff, false);
		return 0;
	case 0x08:
	case 0x0f:
	case 0x38:
	case 0x3e:
		break;
	default:
		if (lvt_index(reg) < 0)
			return -1;
	}
	if (val >> 32)
		return -1;
	reg_write(cpu, reg, (u32)val);
	return 0;
}

int apic_msr_write(struct x86_cpu *cpu, u32 msr, u64 val)
{
	if (msr == 0x6e0 && sys_extra(cpu, X86_EXTRA_TSC_DEADLINE)) {
		apic_tsc_deadline_write(cpu, val);
		return 0;
	}
	if (msr < 0x800 || msr > 0x8ff || !cpu->apic->x2)
		return -1;
	return x2_write(cpu, msr - 0x800, val);
}

int apic_base_write(struct x86_cpu *cpu, u64 val)
{
	struct x86_apic *a = cpu->apic;
	u64 old = cpu->msr.apic_base, addr = val & ~X86_PAGE_MASK;

	if ((addr & ~(BIT(cpu->sys->model.phys_bits) - 1)) || (val & 0x2ff))
		return -1;
	if ((val & APIC_X2) && (!(val & APIC_ENABLED) || !sys_extra(cpu, X86_EXTRA_X2APIC)))
		return -1;
	if ((old & APIC_X2) && !(val & APIC_X2) && (val & APIC_ENABLED))
		return -1;
	if (!(old & APIC_ENABLED) && (val & APIC_X2))
		return -1;
	cpu->msr.apic_base = (val & ~APIC_BSP) | (old & APIC_BSP);
	if (!(val & APIC_ENABLED))
		apic_reset(cpu, true);
	a->x2 = !!(val & APIC_X2);
	if (a->x2)
		a->ldr = (cpu->apic_id >> 4) << 16 | 1u << (cpu->apic_id & 15);
	if (old != cpu->msr.apic_base)
		mmu_retag(cpu);
	return 0;
}

/* ---- life ---- */

void apic_reset(struct x86_cpu *cpu, bool keep_base)
{
	struct x86_apic *a = cpu->apic;

	apic_timer_stop(cpu);
	for (unsigned i = 0; i < 4; i++) {
		a->irr[i] = 0;
		a->tmr[i] = 0;
		a->isr[i] = 0;
	}
	a->svr = 0xff;
	a->dfr = 0xffffffff;
	a->ldr = 0;
	a->tpr = a->esr = a->esr_pending = a->icr_low = a->icr_high = a->initial_count = a->divide = 0;
	for (unsigned i = 0; i < LVT_COUNT; i++)
		a->lvt[i] = (u32)LVT_MASKED;
	/* firmware's virtual wire: the boot processor takes the 8259's interrupts from the start */
	if (cpu->msr.apic_base & APIC_BSP)
		a->lvt[LVT_LINT0] = X86_DELIVER_EXTINT << 8;
	if (!keep_base)
		a->x2 = 0;
	else if (a->x2)
		a->ldr = (cpu->apic_id >> 4) << 16 | 1u << (cpu->apic_id & 15);
}

int apic_init(struct x86_cpu *cpu)
{
	cpu->apic = mem_zalloc(sizeof(*cpu->apic));
	return cpu->apic ? 0 : -ENOMEM;
}

void apic_free(struct x86_cpu *cpu)
{
	mem_free(cpu->apic);
	cpu->apic = NULL;
}
