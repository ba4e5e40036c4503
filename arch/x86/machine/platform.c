// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine as a vCPU sees it: x86_platform_ops over address spaces,
 * interrupt controllers and clock. Any vCPU thread.
 */
#include "dev/fpu_irq.h"
#include "dev/pic.h"
#include "log.h"
#include "pc.h"

#define PAGE 4096ULL

static void phys_lookup(void *ctx, u64 gpa, struct x86_phys_page *page)
{
	struct pc *pc = ctx;
	u64 at = gpa & ~(PAGE - 1), first, last;
	struct mem_range r;

	page->dirty = NULL;
	if (!mem_find(&pc->m.mem, at, &r) || r.region->kind == MEM_IO) {
		page->kind = X86_PHYS_MMIO;
		page->host = NULL;
		page->run_first = at;
		page->run_last = at + PAGE - 1;
		return;
	}
	/* Only whole pages; one that is shared with something else goes the slow way. */
	first = ALIGN_UP(r.first, PAGE);
	last = ((r.last + 1) & ~(PAGE - 1)) - 1;
	if (at < first || at + PAGE - 1 > last || ((r.off - r.first) & (PAGE - 1))) {
		page->kind = X86_PHYS_MMIO;
		page->host = NULL;
		page->run_first = at;
		page->run_last = at + PAGE - 1;
		return;
	}
	page->kind = r.region->kind == MEM_ROM || r.rdonly ? X86_PHYS_ROM : X86_PHYS_RAM;
	page->host = r.region->host + r.off + (at - r.first);
	page->run_first = first;
	page->run_last = last;
}

static u64 mmio_read(void *ctx, u64 gpa, unsigned size)
{
	u64 v = mem_read(&((struct pc *)ctx)->m.mem, gpa, size);

	log_item(LOG_MMIO, "mmio: read %llx/%u = %llx", gpa, size, v);
	return v;
}

static void mmio_write(void *ctx, u64 gpa, u64 val, unsigned size)
{
	log_item(LOG_MMIO, "mmio: write %llx/%u = %llx", gpa, size, val);
	mem_write(&((struct pc *)ctx)->m.mem, gpa, val, size);
}

static u32 pio_read(void *ctx, u16 port, unsigned size)
{
	u32 v = (u32)mem_read(&((struct pc *)ctx)->m.io, port, size);

	log_item(LOG_PIO, "pio: read %x/%u = %x", port, size, v);
	return v;
}

static void pio_write(void *ctx, u16 port, u32 val, unsigned size)
{
	log_item(LOG_PIO, "pio: write %x/%u = %x", port, size, val);
	mem_write(&((struct pc *)ctx)->m.io, port, val, size);
}

static int pic_ack(void *ctx)
{
	struct pc *pc = ctx;

	int vec = pc->pic ? i8259_ack(pc->pic) : -1;

	if (vec >= 0 && unlikely(atomic_get(&pc->pic_watch))) {
		atomic_xchg(&pc->pic_watch, 0);
		machine_irq_taken(&pc->m);
	}
	return vec;
}

static void platform_ioapic_eoi(void *ctx, u8 vector)
{
	ioapic_eoi(((struct pc *)ctx)->ioapic, vector);
}

static void platform_irq_taken(void *ctx)
{
	machine_irq_taken(&((struct pc *)ctx)->m);
}

static void ferr(void *ctx, struct x86_cpu *cpu)
{
	(void)cpu;
	fpu_irq_raise(((struct pc *)ctx)->fpu_irq);
}

static u64 platform_clock_ns(void *ctx)
{
	return clock_ns(((struct pc *)ctx)->m.clock);
}

static void lapic_timer_arm(void *ctx, struct x86_cpu *cpu, u64 deadline_ns)
{
	struct vcpu *v = &((struct pc *)ctx)->vcpus[cpu->index];

	if (deadline_ns)
		clock_timer_arm(&v->lapic_timer, deadline_ns);
	else
		clock_timer_del(&v->lapic_timer);
}

static void triple_fault(void *ctx, struct x86_cpu *cpu)
{
	(void)cpu;
	machine_request(&((struct pc *)ctx)->m, REQ_RESET);
}

const struct x86_platform_ops pc_platform_ops = {
	.phys_lookup = phys_lookup,
	.mmio_read = mmio_read,
	.mmio_write = mmio_write,
	.pio_read = pio_read,
	.pio_write = pio_write,
	.pic_ack = pic_ack,
	.ioapic_eoi = platform_ioapic_eoi,
	.irq_taken = platform_irq_taken,
	.ferr = ferr,
	.clock_ns = platform_clock_ns,
	.lapic_timer_arm = lapic_timer_arm,
	.triple_fault = triple_fault,
};
