// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory accesses that the first TLB level does not answer: refills, accesses
 * that cross a page, MMIO, stores to pages with decoded code, blocks, and
 * the host addresses of read-modify-write operations.
 */
#include "../priv.h"

/* The faulting instruction's segment decides between #SS and #GP. */
static void check_canonical(struct x86_cpu *cpu, u64 lin)
{
	if (likely(!sys_lma(cpu) || x86_canonical(cpu, lin)))
		return;
	x86_raise_err(cpu, interp_current_seg(cpu) == X86_SS ? X86_EXC_SS : X86_EXC_GP, 0);
}

static void translate(struct x86_cpu *cpu, u64 lin, int access, enum x86_tlb_class cls, struct x86_xlate *x)
{
	check_canonical(cpu, lin);
	if (unlikely(mmu_translate(cpu, lin, access, cls, x)))
		x86_raise_pf(cpu, lin, x->err);
}

/* SDM vol. 3, 6.15: natural units of words to quadwords; behind page faults. */
static void check_alignment(struct x86_cpu *cpu, u64 lin, unsigned size, enum x86_tlb_class cls)
{
	if (unlikely(cpu->mmu->align) && cls == X86_TLB_USER && size <= 8 && (lin & (size - 1)))
		x86_raise_err(cpu, X86_EXC_AC, 0);
}

/* Devices see accesses inside 8 aligned bytes, of 1, 2, 4 or 8 bytes. */
static unsigned mmio_piece(u64 gpa, unsigned len)
{
	unsigned room = 8 - (gpa & 7), n = MIN(len, room);

	return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

static void mmio_load(struct x86_cpu *cpu, u64 gpa, u8 *buf, unsigned len)
{
	while (len) {
		unsigned n = mmio_piece(gpa, len);
		u64 v = mmu_mmio_read(cpu, gpa, n);

		__builtin_memcpy(buf, &v, n);
		gpa += n;
		buf += n;
		len -= n;
	}
}

static void mmio_store(struct x86_cpu *cpu, u64 gpa, const u8 *buf, unsigned len)
{
	while (len) {
		unsigned n = mmio_piece(gpa, len);
		u64 v = 0;

		__builtin_memcpy(&v, buf, n);
		mmu_mmio_write(cpu, gpa, v, n);
		gpa += n;
		buf += n;
		len -= n;
	}
}

static u64 host_load(const u8 *p, unsigned size)
{
	switch (size) {
	case 1: return *(const volatile u8 *)p;
	case 2: return *(const volatile x86_u16u *)(const void *)p;
	case 4: return *(const volatile x86_u32u *)(const void *)p;
	default: return *(const volatile x86_u64u *)(const void *)p;
	}
}

static void host_store(u8 *p, u64 val, unsigned size)
{
	switch (size) {
	case 1: *(volatile u8 *)p = (u8)val; break;
	case 2: *(volatile x86_u16u *)(void *)p = (u16)val; break;
	case 4: *(volatile x86_u32u *)(void *)p = (u32)val; break;
	default: *(volatile x86_u64u *)(void *)p = val; break;
	}
}

/* Copies inside one page, natural units where size is a natural one. */
static void piece_load(struct x86_cpu *cpu, const struct x86_xlate *x, u8 *buf, unsigned len)
{
	if (x->host)
		__builtin_memcpy(buf, x->host, len);
	else
		mmio_load(cpu, x->gpa, buf, len);
}

static void piece_store(struct x86_cpu *cpu, const struct x86_xlate *x, const u8 *buf, unsigned len)
{
	if (!x->host) {
		mmio_store(cpu, x->gpa, buf, len);
		return;
	}
	if (unlikely(cpu->jit.noting))
		jit_note_store(cpu, x->host, len);
	__builtin_memcpy(x->host, buf, len);
	mmu_mark_dirty(x->dirty, x->run_first, x->gpa);
	code_stored(cpu, x->gpa, len);
}

static void block_load(struct x86_cpu *cpu, u64 lin, u8 *buf, unsigned len, enum x86_tlb_class cls)
{
	unsigned first = MIN(len, 4096 - (unsigned)(lin & X86_PAGE_MASK));
	struct x86_xlate a, b;

	translate(cpu, lin, X86_READ, cls, &a);
	if (len > first)
		translate(cpu, x86_next_page(cpu, lin), X86_READ, cls, &b);
	piece_load(cpu, &a, buf, first);
	if (len > first)
		piece_load(cpu, &b, buf + first, len - first);
	if (unlikely(drx_data_armed(cpu)))
		drx_data(cpu, lin, len, X86_READ);
}

static void block_store(struct x86_cpu *cpu, u64 lin, const u8 *buf, unsigned len, enum x86_tlb_class cls)
{
	unsigned first = MIN(len, 4096 - (unsigned)(lin & X86_PAGE_MASK));
	struct x86_xlate a, b;

	translate(cpu, lin, X86_WRITE, cls, &a);
	if (len > first)
		translate(cpu, x86_next_page(cpu, lin), X86_WRITE, cls, &b);
	piece_store(cpu, &a, buf, first);
	if (len > first)
		piece_store(cpu, &b, buf + first, len - first);
	if (unlikely(drx_data_armed(cpu)))
		drx_data(cpu, lin, len, X86_WRITE);
}

static u64 load(struct x86_cpu *cpu, u64 lin, unsigned size, enum x86_tlb_class cls)
{
	struct x86_xlate x;
	u64 v = 0;

	if ((lin & X86_PAGE_MASK) + size > 4096) {
		if (unlikely(cpu->mmu->align) && cls == X86_TLB_USER)
			x86_probe(cpu, lin, size, X86_READ);
		check_alignment(cpu, lin, size, cls);
		block_load(cpu, lin, (u8 *)&v, size, cls);
		return v;
	}
	translate(cpu, lin, X86_READ, cls, &x);
	check_alignment(cpu, lin, size, cls);
	if (likely(x.host))
		v = host_load(x.host, size);
	else
		mmio_load(cpu, x.gpa, (u8 *)&v, size);
	if (unlikely(drx_data_armed(cpu)))
		drx_data(cpu, lin, size, X86_READ);
	return v;
}

static void store(struct x86_cpu *cpu, u64 lin, u64 val, unsigned size, enum x86_tlb_class cls)
{
	struct x86_xlate x;

	if ((lin & X86_PAGE_MASK) + size > 4096) {
		if (unlikely(cpu->mmu->align) && cls == X86_TLB_USER)
			x86_probe(cpu, lin, size, X86_WRITE);
		check_alignment(cpu, lin, size, cls);
		block_store(cpu, lin, (const u8 *)&val, size, cls);
		return;
	}
	translate(cpu, lin, X86_WRITE, cls, &x);
	check_alignment(cpu, lin, size, cls);
	if (likely(x.host)) {
		if (unlikely(cpu->jit.noting))
			jit_note_store(cpu, x.host, size);
		host_store(x.host, val, size);
		mmu_mark_dirty(x.dirty, x.run_first, x.gpa);
		code_stored(cpu, x.gpa, size);
	} else {
		mmio_store(cpu, x.gpa, (const u8 *)&val, size);
	}
	if (unlikely(drx_data_armed(cpu)))
		drx_data(cpu, lin, size, X86_WRITE);
}

u64 x86_load_slow(struct x86_cpu *cpu, u64 lin, unsigned size)
{
	return load(cpu, lin, size, cpu->mmu->cls);
}

void x86_store_slow(struct x86_cpu *cpu, u64 lin, u64 val, unsigned size)
{
	store(cpu, lin, val, size, cpu->mmu->cls);
}

void x86_ld_block(struct x86_cpu *cpu, u64 lin, void *buf, unsigned len)
{
	block_load(cpu, lin, buf, len, cpu->mmu->cls);
}

void x86_st_block(struct x86_cpu *cpu, u64 lin, const void *buf, unsigned len)
{
	block_store(cpu, lin, buf, len, cpu->mmu->cls);
}

u64 x86_ld_sys(struct x86_cpu *cpu, u64 lin, unsigned size)
{
	return load(cpu, lin, size, X86_TLB_KERNEL);
}

void x86_st_sys(struct x86_cpu *cpu, u64 lin, u64 val, unsigned size)
{
	store(cpu, lin, val, size, X86_TLB_KERNEL);
}

void x86_probe(struct x86_cpu *cpu, u64 lin, unsigned len, int access)
{
	struct x86_xlate x;

	translate(cpu, lin, access, cpu->mmu->cls, &x);
	if ((lin & X86_PAGE_MASK) + len > 4096)
		translate(cpu, x86_next_page(cpu, lin), access, cpu->mmu->cls, &x);
}

bool x86_probe_plain(struct x86_cpu *cpu, u64 lin, unsigned len, int access)
{
	struct x86_xlate a, b;

	translate(cpu, lin, access, cpu->mmu->cls, &a);
	b = a;
	if ((lin & X86_PAGE_MASK) + len > 4096)
		translate(cpu, x86_next_page(cpu, lin), access, cpu->mmu->cls, &b);
	return a.host && b.host;
}

void *x86_rmw_begin(struct x86_cpu *cpu, u64 lin, unsigned size, bool *code)
{
	const struct x86_tlb_entry *e = x86_tlb_w(cpu, lin);
	struct x86_xlate x;

	*code = false;
	if (x86_tlb_hit(cpu, e, lin, size))
		return (void *)(uintptr_t)(lin + e->addend);
	x86_probe(cpu, lin, size, X86_WRITE);
	check_alignment(cpu, lin, size, cpu->mmu->cls);
	if ((lin & X86_PAGE_MASK) + size > 4096)
		return NULL;
	translate(cpu, lin, X86_WRITE, cpu->mmu->cls, &x);
	if (unlikely(cpu->jit.noting) && x.host)
		jit_note_store(cpu, x.host, size);
	*code = true;	/* also when only DRx or the dirty log wants to know */
	return x.host;
}

void x86_rmw_done(struct x86_cpu *cpu, u64 lin, unsigned size)
{
	struct x86_xlate x;

	if (mmu_translate(cpu, lin, X86_WRITE, cpu->mmu->cls, &x))
		return;
	mmu_mark_dirty(x.dirty, x.run_first, x.gpa);
	code_stored(cpu, x.gpa, size);
	if (unlikely(drx_data_armed(cpu)))
		drx_data(cpu, lin, size, X86_WRITE);
}

const u8 *x86_fetch_page(struct x86_cpu *cpu, u64 lin, u64 *gpa)
{
	enum x86_tlb_class cls = cpu->cpl == 3 ? X86_TLB_USER : X86_TLB_KERNEL;
	struct x86_xlate x;

	if (mmu_translate(cpu, lin, X86_EXEC, cls, &x))
		x86_raise_pf(cpu, lin, x.err);
	*gpa = x.gpa;
	return x.host;
}

/* ---- debugger ---- */

int x86_debug_translate(struct x86_cpu *cpu, u64 linear, u64 *gpa)
{
	struct x86_walk w;

	x86_walk_debug(cpu, linear, &w);
	if (!w.ok)
		return -EFAULT;
	*gpa = w.gpa;
	return 0;
}

static size_t debug_copy(struct x86_cpu *cpu, u64 linear, u8 *buf, size_t len, bool write)
{
	size_t done = 0;

	while (done < len) {
		size_t n = MIN(len - done, (size_t)(4096 - (linear & X86_PAGE_MASK)));
		const struct x86_run_cache *run;
		u64 gpa;

		if (x86_debug_translate(cpu, linear, &gpa))
			break;
		run = mmu_phys_run(cpu, gpa);
		if (run->kind == X86_PHYS_MMIO)
			break;
		u8 *host = run->host + (gpa - run->first);
		__builtin_memcpy(write ? host : buf + done, write ? buf + done : host, n);
		if (write) {
			mmu_mark_dirty(run->dirty, run->first, gpa);
			x86_code_written(cpu->sys, gpa, n);
		}
		done += n;
		linear += n;
	}
	return done;
}

size_t x86_debug_read(struct x86_cpu *cpu, u64 linear, void *buf, size_t len)
{
	return debug_copy(cpu, linear, buf, len, false);
}

size_t x86_debug_write(struct x86_cpu *cpu, u64 linear, const void *buf, size_t len)
{
	return debug_copy(cpu, linear, (u8 *)(uintptr_t)buf, len, true);
}
