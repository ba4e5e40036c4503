// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which bytes of guest RAM have been decoded. A page with any decoded granule
 * is in no first-level write TLB, so every store to it comes by here; a store
 * to a decoded granule raises the page's generation, which all blocks compare
 * before they are entered.
 *
 * Order between a decoder A and a storer B: A sets its granules, then (on the
 * page's first granule) stops all vCPUs and removes fast write entries, then
 * reads the bytes and at last checks that its granules are still set. B
 * stores, fences, and looks at the granules. Either A reads B's bytes or B
 * sees A's granules; B clears granules before it raises the generation, so A
 * never keeps a block under a generation whose granules are gone. A second decoder
 * that finds the granules set while the first has not stopped the vCPUs
 * yet (`marking`) does so too.
 *
 * Generated code may remember a run of granules without code and store to it
 * directly. It sets `beside` and then looks at the granules; A sets its granules
 * and then looks at `beside`, and if it is set stops all vCPUs and makes them forget.
 */
#include <sys/mman.h>
#include "../priv.h"

#define CHUNK_BYTES (sizeof(struct x86_code_page) << CODE_CHUNK_BITS)

static struct x86_code_page *chunk_create(struct x86_system *sys, unsigned n)
{
	struct x86_code_page *old = NULL, *c;

	c = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&sys->code[n], &old, c))
		return c;
	munmap(c, CHUNK_BYTES);
	return old;
}

/* NULL: beyond what is tracked (such code is never kept) or, without create, no code there. */
struct x86_code_page *code_page(struct x86_system *sys, u64 gpa, bool create)
{
	u64 n = gpa >> (12 + CODE_CHUNK_BITS);
	struct x86_code_page *c;

	if (n >= CODE_CHUNKS)
		return NULL;
	c = atomic_load_explicit(&sys->code[n], memory_order_acquire);
	if (!c && create)
		c = chunk_create(sys, (unsigned)n);
	return c ? &c[(gpa >> 12) & (BIT(CODE_CHUNK_BITS) - 1)] : NULL;
}

static u64 granule_mask(u64 gpa, unsigned len)
{
	unsigned first = (gpa & X86_PAGE_MASK) >> 6;
	unsigned last = (unsigned)MIN((gpa & X86_PAGE_MASK) + len - 1, X86_PAGE_MASK) >> 6;

	return GENMASK(last, first);
}

bool code_still_marked(struct x86_code_page *cp, u64 gpa, unsigned len)
{
	u64 mask = granule_mask(gpa, len);

	return (atomic_load(&cp->granules) & mask) == mask;
}

bool code_present(struct x86_system *sys, u64 gpa)
{
	struct x86_code_page *cp = code_page(sys, gpa, false);

	return cp && atomic_load(&cp->granules);
}

void code_mark(struct x86_cpu *cpu, struct x86_code_page *cp, u64 gpa, unsigned len, const u8 *host_page)
{
	struct x86_system *sys = cpu->sys;
	u64 mask = granule_mask(gpa, len), old;

	atomic_fetch_add(&cp->marking, 1);
	old = atomic_fetch_or(&cp->granules, mask);
	/* whose granule it was may not have stopped the storers yet */
	if (old && atomic_load(&cp->marking) == 1 && (!(mask & ~old) || !atomic_load(&cp->beside)))
		goto out;
	if (sys->ncpus > 1)
		x86_exclusive_begin(cpu);
	atomic_store(&cp->beside, 0);
	for (unsigned i = 0; i < sys->ncpus; i++) {
		if (old && atomic_load(&cp->marking) == 1)
			mmu_drop_write_slots(sys->cpu[i]);
		else
			mmu_drop_writes(sys->cpu[i], host_page);
	}
	if (sys->ncpus > 1)
		x86_exclusive_end(cpu);
out:
	atomic_fetch_sub(&cp->marking, 1);
}

unsigned code_free_run(struct x86_system *sys, u64 gpa, unsigned len, unsigned *first)
{
	struct x86_code_page *cp = code_page(sys, gpa, false);
	unsigned lo = (gpa & X86_PAGE_MASK) >> 6, hi = lo + 1;
	u64 granules;

	if (!cp)
		return 0;
	atomic_store(&cp->beside, 1);
	granules = atomic_load(&cp->granules);
	if (granules & granule_mask(gpa, len))
		return 0;
	while (lo > 0 && !(granules >> (lo - 1) & 1))
		lo--;
	while (hi < 64 && !(granules >> hi & 1))
		hi++;
	*first = lo << 6;
	return (hi - lo) << 6;
}

/* Returns the page's record if decoded code was dropped. */
static struct x86_code_page *code_drop(struct x86_system *sys, u64 gpa, unsigned len)
{
	struct x86_code_page *cp = code_page(sys, gpa, false);

	atomic_thread_fence(memory_order_seq_cst);
	if (!cp || !(atomic_load(&cp->granules) & granule_mask(gpa, len)))
		return NULL;
	atomic_store(&cp->granules, 0);
	atomic_fetch_add(&cp->gen, 1);
	if (sys->jit)
		jit_drop_page(sys, gpa);
	return cp;
}

void code_stored(struct x86_cpu *cpu, u64 gpa, unsigned len)
{
	struct x86_code_page *cp = code_drop(cpu->sys, gpa, len);

	if (likely(!cp))
		return;
	cpu->jit.dropped = 1;
	interp_stop_block(cpu, cp);
}

void x86_code_written(struct x86_system *sys, u64 gpa, u64 len)
{
	while (len) {
		u64 n = MIN(len, 4096 - (gpa & X86_PAGE_MASK));

		code_drop(sys, gpa, (unsigned)n);
		gpa += n;
		len -= n;
	}
}

void x86_phys_changed(struct x86_system *sys)
{
	for (unsigned i = 0; i < sys->ncpus; i++)
		x86_cpu_request(sys->cpu[i], X86_REQ_TLB);
}
