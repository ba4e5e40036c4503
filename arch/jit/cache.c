// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where generated code lives: one memfd mapped twice, writable and
 * executable, cut into regions that fill up one after the other. When one
 * begins to, the blocks of the next, the oldest, are dropped with all that share a page
 * with them, for only such may have links to them; that region is used when every vCPU has been outside of generated code
 * since. Blocks are hashed by physical address and mode, and by page for those that write to code.
 */
#include <sys/mman.h>
#include <unistd.h>
#include "jit.h"
#include "asan.h"
#include "mem.h"

#define CACHE_DEFAULT	(24 * MiB)

static unsigned hash_of(u64 gpa, u32 mode)
{
	return (unsigned)((gpa * 0x9e3779b97f4a7c15ULL + mode * 0x85ebca6bULL) >> (64 - JIT_HASH_BITS));
}

static unsigned page_hash(u64 gpa)
{
	return (unsigned)((gpa >> 12) * 0x9e3779b97f4a7c15ULL >> (64 - JIT_PAGE_BITS));
}

static bool current(struct jit_block *b)
{
	return atomic_load_explicit(&b->page->gen, memory_order_acquire) == b->gen &&
	       (b->gpa2 == JIT_NO_PAGE || atomic_load_explicit(&b->page2->gen, memory_order_acquire) == b->gen2);
}

struct jit_block *jit_cache_find(struct jit *j, u64 gpa, u64 gpa2, u32 mode)
{
	struct jit_block *b = atomic_load_explicit(&j->hash[hash_of(gpa, mode)], memory_order_acquire);

	while (b && (b->gpa != gpa || b->mode != mode || b->gpa2 != gpa2 || !current(b)))
		b = atomic_load_explicit(&b->next, memory_order_acquire);
	return b;
}

void jit_cache_insert(struct jit *j, struct jit_block *b)
{
	_Atomic(struct jit_block *) *slot = &j->hash[hash_of(b->gpa, b->mode)];
	struct jit_block **pages = &j->pages[page_hash(b->gpa)];

	b->page_next = *pages;
	*pages = b;
	b->listed = true;
	b->region_next = j->region[j->cur].blocks;
	j->region[j->cur].blocks = b;
	if (b->gpa2 != JIT_NO_PAGE) {
		pages = &j->pages2[page_hash(b->gpa2)];
		b->next2 = *pages;
		*pages = b;
	}
	atomic_store_explicit(&b->next, atomic_load_explicit(slot, memory_order_relaxed), memory_order_relaxed);
	atomic_store_explicit(slot, b, memory_order_release);
	j->stats.blocks++;
}

static void unhash(struct jit *j, struct jit_block *b)
{
	_Atomic(struct jit_block *) *p = &j->hash[hash_of(b->gpa, b->mode)];
	struct jit_block *n;

	while ((n = atomic_load_explicit(p, memory_order_relaxed)) && n != b)
		p = &n->next;
	if (n)
		atomic_store_explicit(p, atomic_load_explicit(&b->next, memory_order_relaxed), memory_order_release);
}

static void drop(struct jit *j, struct jit_block *b)
{
	if (b->dropped)
		return;
	b->dropped = true;
	unhash(j, b);
	jit_host_drop(j, b);
	j->stats.dropped++;
}

/* Blocks whose second page it is; those dropped before leave the list too. */
static void drop_second(struct jit *j, u64 gpa)
{
	struct jit_block **p = &j->pages2[page_hash(gpa)], *b;

	while ((b = *p)) {
		if (!b->dropped && (b->gpa2 ^ gpa) & ~X86_PAGE_MASK) {
			p = &b->next2;
			continue;
		}
		*p = b->next2;
		drop(j, b);
	}
}

static void drop_first(struct jit *j, u64 gpa)
{
	struct jit_block **p = &j->pages[page_hash(gpa)], *b;

	while ((b = *p)) {
		if ((b->gpa ^ gpa) & ~X86_PAGE_MASK) {
			p = &b->page_next;
			continue;
		}
		*p = b->page_next;
		b->listed = false;
		drop(j, b);
	}
}

void jit_drop_page(struct x86_system *sys, u64 gpa)
{
	struct jit *j = sys->jit;

	pthread_mutex_lock(&j->lock);
	drop_first(j, gpa);
	drop_second(j, gpa);
	pthread_mutex_unlock(&j->lock);
}

/* All blocks are forgotten, and their entries lead out. */
static void drop_all(struct jit *j)
{
	for (unsigned i = 0; i < 1u << JIT_HASH_BITS; i++)
		atomic_store_explicit(&j->hash[i], NULL, memory_order_relaxed);
	for (unsigned i = 0; i < 1u << JIT_PAGE_BITS; i++) {
		for (struct jit_block *b = j->pages[i]; b; b = b->page_next) {
			b->dropped = true;
			b->listed = false;
			jit_host_drop(j, b);
		}
		j->pages[i] = j->pages2[i] = NULL;
	}
}

void jit_drop_all(struct x86_system *sys)
{
	struct jit *j = sys->jit;

	pthread_mutex_lock(&j->lock);
	drop_all(j);
	pthread_mutex_unlock(&j->lock);
}

/* ---- regions ---- */

void jit_cache_seen(struct x86_cpu *cpu)
{
	struct jit *j = cpu->sys->jit;
	struct jit_vcpu *v = cpu->translator;
	u64 gen = __atomic_load_n(&j->flush_gen, __ATOMIC_SEQ_CST);

	if (likely(atomic_load_explicit(&v->seen_gen, memory_order_relaxed) == gen))
		return;
	/* until it is published nobody waits for us: look again behind it */
	do {
		gen = __atomic_load_n(&j->flush_gen, __ATOMIC_SEQ_CST);
		atomic_store(&v->seen_gen, gen);
	} while (__atomic_load_n(&j->flush_gen, __ATOMIC_SEQ_CST) != gen);
	if (v->jumps_gen == gen)
		return;
	if (v->jumps_gen + 1 == gen) {
		jit_jumps_purge(cpu, &j->region[(gen + 1) % JIT_REGIONS]);
	} else {
		for (unsigned i = 0; i < JIT_TABLES; i++)
			if (i != v->cur)
				v->space[i].xtag = 0;
		jit_jumps_clear(cpu->jit.jumps);
	}
	v->jumps_gen = gen;
}

void jit_idle(struct x86_cpu *cpu)
{
	if (cpu->translator)
		atomic_store(&cpu->translator->seen_gen, JIT_HOLDS_NOTHING);
}

/* Everybody has left what was in use before gen. Those that run nothing hold nothing, and sleepers look up when kicked. */
static bool all_seen(struct jit *j, u64 gen)
{
	bool all = true;

	for (unsigned i = 0; i < j->sys->ncpus; i++) {
		struct x86_cpu *cpu = j->sys->cpu[i];

		if (atomic_load_explicit(&cpu->translator->seen_gen, memory_order_acquire) >= gen)
			continue;
		all = false;
		x86_cpu_kick(cpu);
	}
	return all;
}

/* The memory of a region that nobody holds anything of goes back to the host, out of both views of the file. */
static void give_back(struct jit *j, struct jit_region *r)
{
	u8 *start = (u8 *)ALIGN_UP((uintptr_t)r->rw, (uintptr_t)4096);

	madvise(start, (size_t)(r->end - start), MADV_REMOVE);
	madvise(r->meta, j->meta_bytes, MADV_DONTNEED);
	r->left = 0;
}

static void give_back_stale(struct jit *j)
{
	j->stale = false;
	for (unsigned i = 0; i < JIT_REGIONS; i++) {
		struct jit_region *r = &j->region[i];

		if (!r->left)
			continue;
		if (all_seen(j, r->left))
			give_back(j, r);
		else
			j->stale = true;
	}
}

/* Nothing leads to the region's blocks any more but the jump tables of vCPUs, and code that runs. */
static void drop_region(struct jit *j, struct jit_region *r)
{
	for (struct jit_block *b = r->blocks; b; b = b->region_next) {
		if (b->listed)
			drop_first(j, b->gpa);
		drop(j, b);
	}
	r->blocks = NULL;
	for (unsigned i = 0; i < 1u << JIT_PAGE_BITS; i++)
		for (struct jit_block **p = &j->pages2[i]; *p; ) {
			if ((*p)->dropped)
				*p = (*p)->next2;
			else
				p = &(*p)->next2;
		}
}

/* The next region, which is empty, becomes the current one. Code that runs goes on to the end of its block. */
static void switch_region(struct jit *j)
{
	struct jit_region *r, *next;

	j->cur = (j->cur + 1) % JIT_REGIONS;
	r = &j->region[j->cur];
	r->left = 0;
	r->used = r->rw;
	r->meta_used = r->meta;
	next = &j->region[(j->cur + 1) % JIT_REGIONS];
	if (next->blocks) {
		drop_region(j, next);
		next->left = j->flush_gen + 1;
		j->stale = true;
		j->stats.flushes++;
	}
	__atomic_store_n(&j->flush_gen, j->flush_gen + 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < j->sys->ncpus; i++)
		x86_cpu_kick(j->sys->cpu[i]);
}

bool jit_cache_room(struct jit *j)
{
	struct jit_region *r = &j->region[j->cur];

	if (unlikely(j->stale))
		give_back_stale(j);
	if ((size_t)(r->end - r->used) > JIT_BLOCK_ROOM && (size_t)(r->meta_end - r->meta_used) > 64 * KiB)
		return true;
	if (!all_seen(j, j->flush_gen))		/* that the next one was emptied */
		return false;
	switch_region(j);
	return true;
}

void *jit_cache_meta(struct jit *j, size_t size)
{
	struct jit_region *r = &j->region[j->cur];
	void *p = r->meta_used;

	size = ALIGN_UP(size, (size_t)16);
	if ((size_t)(r->meta_end - r->meta_used) < size)
		return NULL;
	r->meta_used += size;
	return p;
}

/* ---- life ---- */

static int map_cache(struct jit *j, struct err *e)
{
	j->fd = memfd_create("vmbox-code", MFD_CLOEXEC);
	if (j->fd < 0 || ftruncate(j->fd, (off_t)j->bytes))
		return err_errno(e, errno, "translator: no memory file for code");
	j->rw = mmap(NULL, j->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
	j->rx = mmap(NULL, j->bytes, PROT_READ | PROT_EXEC, MAP_SHARED, j->fd, 0);
	if (j->rw == MAP_FAILED || j->rx == MAP_FAILED)
		return err_errno(e, errno, "translator: no executable memory");
	return 0;
}

static int make_regions(struct jit *j, struct err *e)
{
	size_t part = j->bytes / JIT_REGIONS;
	u8 *start = j->region[0].used;	/* behind the common pieces */

	for (unsigned i = 0; i < JIT_REGIONS; i++) {
		struct jit_region *r = &j->region[i];

		r->rw = i ? j->rw + part * i : start;
		r->used = r->rw;
		r->end = j->rw + part * (i + 1);
		r->meta = r->meta_used = mem_pages(j->meta_bytes);
		if (!r->meta)
			return err_set(e, ENOMEM, "out of memory");
		r->meta_end = r->meta + j->meta_bytes;
	}
	return 0;
}

void jit_free(struct x86_system *sys)
{
	struct jit *j = sys->jit;

	if (!j)
		return;
	for (unsigned i = 0; i < JIT_REGIONS; i++)
		if (j->region[i].meta)
			mem_pages_free(j->region[i].meta, j->meta_bytes);
	if (j->rx && j->rx != MAP_FAILED)
		munmap(j->rx, j->bytes);
	if (j->rw && j->rw != MAP_FAILED)
		munmap(j->rw, j->bytes);
	if (j->fd >= 0)
		close(j->fd);
	jit_host_free(j);
	pthread_mutex_destroy(&j->lock);
	mem_pages_free(j, sizeof(*j));
	sys->jit = NULL;
}

int x86_jit_enable(struct x86_system *sys, const struct x86_jit_config *cfg, struct err *e)
{
	struct jit *j = mem_pages(sizeof(*j));

	if (!j)
		return err_set(e, ENOMEM, "out of memory");
	sys->jit = j;
	j->sys = sys;
	j->fd = -1;
	j->single = cfg->single;
	j->verify = cfg->verify;
	j->bytes = ALIGN_UP(cfg->cache_bytes ? cfg->cache_bytes : CACHE_DEFAULT, 256 * KiB * JIT_REGIONS);
	j->meta_bytes = j->bytes / JIT_REGIONS / 2 + 128 * KiB;
	pthread_mutex_init(&j->lock, NULL);
	if (map_cache(j, e))
		goto fail;
	j->region[0].used = j->rw;
	j->region[0].end = j->rw + j->bytes / JIT_REGIONS;
	if (jit_host_init(j, e) || make_regions(j, e))
		goto fail;
	return 0;
fail:
	jit_free(sys);
	return -e->code;
}

void x86_jit_stats(struct x86_system *sys, struct x86_jit_stats *st)
{
	*st = (struct x86_jit_stats){ 0 };
	if (!sys->jit)
		return;
	pthread_mutex_lock(&sys->jit->lock);
	*st = sys->jit->stats;
	pthread_mutex_unlock(&sys->jit->lock);
}

/* A CPU with room below it for the C stack of generated code, and behind it for the jump tables. */
#define CPU_BYTES ALIGN_UP(JIT_STACK + JIT_JUMPS_OFF + JIT_TABLES * JIT_JUMPS_BYTES, (size_t)4096)

struct x86_cpu *jit_cpu_alloc(const struct x86_system *sys)
{
	u8 *p = mem_pages(CPU_BYTES);
	struct jit_vcpu *v = mem_pages(sizeof(*v));
	struct x86_cpu *cpu;

	if (!p || !v || (sys->jit->verify && jit_verify_init(v))) {
		if (p)
			mem_pages_free(p, CPU_BYTES);
		if (v)
			mem_pages_free(v, sizeof(*v));
		return NULL;
	}
	mprotect(p, 4096, PROT_NONE);
	cpu = (struct x86_cpu *)(void *)(p + JIT_STACK);
	cpu->jit.jumps = jit_jumps(cpu, 0);
	v->jumps_gen = JIT_HOLDS_NOTHING;
	atomic_init(&v->seen_gen, JIT_HOLDS_NOTHING);
	cpu->translator = v;
	cpu->jit.verify = sys->jit->verify;
	return cpu;
}

void jit_cpu_free(struct x86_cpu *cpu)
{
	asan_empty_stack((u8 *)cpu - JIT_STACK, JIT_STACK);
	jit_verify_free(cpu->translator);
	mem_pages_free(cpu->translator, sizeof(*cpu->translator));
	mem_pages_free((u8 *)cpu - JIT_STACK, CPU_BYTES);
}
