// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest-physical memory below the TLB: runs of RAM remembered from the
 * platform's answers, the LAPIC's page, MMIO in the sizes that devices take,
 * the dirty log.
 */
#include "../priv.h"

static const struct x86_run_cache *run_fill(struct x86_cpu *cpu, u64 gpa)
{
	struct x86_mmu *m = cpu->mmu;
	struct x86_run_cache *run = &m->run[m->run_next++ % ARRAY_SIZE(m->run)];
	struct x86_phys_page page = { .kind = X86_PHYS_MMIO };

	cpu->platform->ops->phys_lookup(cpu->platform->ctx, gpa & ~X86_PAGE_MASK, &page);
	run->kind = page.kind;
	run->dirty = page.dirty;
	run->first = gpa & ~X86_PAGE_MASK;
	run->last = run->first | X86_PAGE_MASK;
	run->host = page.host;
	if (page.kind != X86_PHYS_MMIO) {
		run->host = page.host - (run->first - page.run_first);
		run->first = page.run_first;
		run->last = page.run_last;
	}
	return run;
}

const struct x86_run_cache *mmu_phys_run(struct x86_cpu *cpu, u64 gpa)
{
	struct x86_mmu *m = cpu->mmu;

	for (unsigned i = 0; i < ARRAY_SIZE(m->run); i++)
		if (gpa >= m->run[i].first && gpa <= m->run[i].last)
			return &m->run[i];
	return run_fill(cpu, gpa);
}

static void runs_forget(struct x86_mmu *m)
{
	for (unsigned i = 0; i < ARRAY_SIZE(m->run); i++)
		m->run[i] = (struct x86_run_cache){ .first = 1, .last = 0 };
}

/* The physical map changed: nothing derived from it may stay. */
void mmu_check_phys_generation(struct x86_cpu *cpu)
{
	u64 gen = __atomic_load_n(&cpu->platform->phys_generation, __ATOMIC_ACQUIRE);

	if (likely(gen == cpu->mmu->phys_generation))
		return;
	cpu->mmu->phys_generation = gen;
	runs_forget(cpu->mmu);
	x86_tlb_flush_all(cpu);
	x86_cpu_request(cpu, X86_REQ_TLB);
}

void mmu_mark_dirty(u64 *dirty, u64 run_first, u64 gpa)
{
	u64 page = (gpa - run_first) >> 12;
	u64 bit = BIT(page & 63);

	if (dirty && !(__atomic_load_n(&dirty[page >> 6], __ATOMIC_RELAXED) & bit))
		__atomic_fetch_or(&dirty[page >> 6], bit, __ATOMIC_RELAXED);
}

u64 mmu_mmio_read(struct x86_cpu *cpu, u64 gpa, unsigned size)
{
	if (apic_mmio_hit(cpu, gpa)) {
		u32 v = apic_mmio_read(cpu, gpa & 0xff0);
		return size >= 4 ? v : v >> (8 * (gpa & 3));
	}
	u64 v = cpu->platform->ops->mmio_read(cpu->platform->ctx, gpa, size);
	mmu_check_phys_generation(cpu);
	return v;
}

void mmu_mmio_write(struct x86_cpu *cpu, u64 gpa, u64 val, unsigned size)
{
	if (apic_mmio_hit(cpu, gpa)) {
		if (size >= 4)
			apic_mmio_write(cpu, gpa & 0xff0, (u32)val);
		return;
	}
	cpu->platform->ops->mmio_write(cpu->platform->ctx, gpa, val, size);
	mmu_check_phys_generation(cpu);
}

u64 x86_phys_read(struct x86_cpu *cpu, u64 gpa, unsigned size)
{
	const struct x86_run_cache *run = mmu_phys_run(cpu, gpa);
	u64 v = 0;

	if (run->kind == X86_PHYS_MMIO)
		return mmu_mmio_read(cpu, gpa, size);
	__builtin_memcpy(&v, run->host + (gpa - run->first), size);
	return v;
}

void x86_phys_write(struct x86_cpu *cpu, u64 gpa, u64 val, unsigned size)
{
	const struct x86_run_cache *run = mmu_phys_run(cpu, gpa);

	if (run->kind != X86_PHYS_RAM) {
		mmu_mmio_write(cpu, gpa, val, size);
		return;
	}
	__builtin_memcpy(run->host + (gpa - run->first), &val, size);
	mmu_mark_dirty(run->dirty, run->first, gpa);
	code_stored(cpu, gpa, size);
}
