// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two TLB levels and their address spaces.
 *
 * First level (struct x86_tlb_set): what may be accessed with no further
 * thought. Its 12-bit tags name (class, PCID, PKRU); a flush gives a fresh tag,
 * so no table is cleared until 4095 tags are used up. The kernel class keeps
 * its tag over CR3 writes as long as it holds only global pages and a few others, which is the
 * usual state under Linux.
 * Second level: all that a walk found, with raw permissions, per PCID
 * generation; large pages in a table of their own at their true size.
 */
#include "mem.h"
#include "../priv.h"

#define TAG_NONE (~0ULL << 12 | 0xfff)	/* page ~0 with tag 0xfff is never used */
#define TAG_LAST 0xffe

static const u64 large_sizes[] = { 2 * MiB, 4 * MiB, GiB };

static struct x86_l2_entry *l2_set(struct x86_mmu *m, u64 lin)
{
	u64 p = lin >> 12;

	return m->l2[(p ^ (p >> L2_BITS)) & ((1u << L2_BITS) - 1)];
}

static struct x86_l2_entry *large_slot(struct x86_mmu *m, u64 lin, u64 size)
{
	u64 p = lin >> (size == 4 * MiB ? 22 : 21);

	if (size >= GiB)
		return &m->huge[(lin >> 30) % L2_HUGE];
	return &m->large[(p ^ (p >> 10) ^ (size >> 22)) % L2_LARGE];
}

/* 2 MiB each; several may share a bit. */
static u64 *orphan_bit(struct x86_mmu *m, u64 lin, u64 *bit)
{
	u64 p = lin >> 21 ^ lin >> 33;

	*bit = BIT(p & 63);
	return &m->large_orphans[p >> 6 & (ARRAY_SIZE(m->large_orphans) - 1)];
}

/* e leaves its table: its first-level pieces cannot be found through it any more. */
static void note_orphans(struct x86_mmu *m, const struct x86_l2_entry *e)
{
	u64 lin = e->lin_flags & ~(e->size - 1), bit;

	m->huge_orphans |= e->size >= GiB;
	for (u64 off = 0; e->size < GiB && off < e->size; off += 2 * MiB)
		*orphan_bit(m, lin + off, &bit) |= bit;
}

static bool may_be_orphan(struct x86_mmu *m, u64 lin)
{
	u64 bit;

	return m->huge_orphans || (*orphan_bit(m, lin, &bit) & bit);
}

static void orphans_forget(struct x86_mmu *m)
{
	__builtin_memset(m->large_orphans, 0, sizeof(m->large_orphans));
	m->huge_orphans = false;
}

static u64 cur_pcid(const struct x86_cpu *cpu)
{
	return cpu->cr4 & CR4_PCIDE ? cpu->cr3 & 0xfff : 0;
}

static bool l2_valid(const struct x86_cpu *cpu, const struct x86_l2_entry *e)
{
	const struct x86_mmu *m = cpu->mmu;

	return e->gen == (e->lin_flags & XL_G ? m->gen_global : m->gen_pcid[cur_pcid(cpu)]);
}

/* Of any address space that has not been flushed since; see gen_new(). */
static bool l2_live(const struct x86_mmu *m, const struct x86_l2_entry *e)
{
	return e->gen && (e->gen == m->gen_global || e->gen == m->gen_pcid[(e->gen - 1) % ARRAY_SIZE(m->gen_pcid)]);
}

static struct x86_l2_entry *large_find(struct x86_cpu *cpu, u64 lin)
{
	if (!cpu->mmu->has_large)
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(large_sizes); i++) {
		struct x86_l2_entry *e = large_slot(cpu->mmu, lin, large_sizes[i]);

		if (e->size == large_sizes[i] && !((e->lin_flags ^ lin) & ~(e->size - 1)) && l2_valid(cpu, e))
			return e;
	}
	return NULL;
}

static struct x86_l2_entry *l2_find(struct x86_cpu *cpu, u64 lin)
{
	struct x86_l2_entry *e = l2_set(cpu->mmu, lin);

	for (unsigned i = 0; i < L2_WAYS; i++)
		if (!((e[i].lin_flags ^ lin) & ~X86_PAGE_MASK) && l2_valid(cpu, &e[i]))
			return &e[i];
	return large_find(cpu, lin);
}

static struct x86_l2_entry *l2_insert(struct x86_cpu *cpu, u64 lin, const struct mmu_walk_result *r)
{
	struct x86_mmu *m = cpu->mmu;
	u64 gen = r->flags & XL_G ? m->gen_global : m->gen_pcid[cur_pcid(cpu)];
	struct x86_l2_entry *e;

	if (r->size == 4 * KiB) {
		struct x86_l2_entry *set = l2_set(m, lin);

		e = &set[0];
		for (unsigned i = 0; i < L2_WAYS; i++)
			if (!((set[i].lin_flags ^ lin) & ~X86_PAGE_MASK) || !l2_valid(cpu, &set[i])) {
				e = &set[i];
				goto found;
			}
		e = &set[m->victim++ % L2_WAYS];
	} else {
		e = large_slot(m, lin, r->size);
		if (l2_live(m, e) && (e->gen != gen || e->size != r->size || ((e->lin_flags ^ lin) & ~(e->size - 1))))
			note_orphans(m, e);
		m->has_large = true;
	}
found:
	e->lin_flags = (lin & ~(r->size - 1)) | r->flags;
	e->gpa = r->gpa;
	e->size = r->size;
	e->gen = gen;
	return e;
}

/* ---- tags and contexts ---- */

/* ---- from host pages to the first level's writable entries ---- */

static void wmap_forget(struct x86_mmu *m)
{
	__builtin_memset(m->wmap, 0, sizeof(m->wmap));
}

static struct mmu_wmap *wmap_set(struct x86_mmu *m, u64 host)
{
	u64 p = host >> 12;

	return m->wmap[(p ^ p >> MMU_WMAP_BITS) & ((1u << MMU_WMAP_BITS) - 1)];
}

static void w_drop_lin(struct x86_mmu *m, u64 lin)
{
	for (unsigned c = 0; c < X86_TLB_CLASSES; c++) {
		struct x86_tlb_entry *e = &m->set[c].w[(lin >> 12) & (X86_TLB_SIZE - 1)];

		if (!((e->tag ^ lin) & ~X86_PAGE_MASK))
			e->tag = TAG_NONE;
	}
}

static void w_drop_all(struct x86_mmu *m)
{
	wmap_forget(m);
	for (unsigned c = 0; c < X86_TLB_CLASSES; c++)
		for (unsigned i = 0; i < X86_TLB_SIZE; i++)
			m->set[c].w[i].tag = TAG_NONE;
}

static void l1_clear(struct x86_mmu *m)
{
	wmap_forget(m);
	for (unsigned c = 0; c < X86_TLB_CLASSES; c++)
		for (unsigned i = 0; i < X86_TLB_SIZE; i++)
			m->set[c].r[i].tag = m->set[c].w[i].tag = TAG_NONE;
}

/*
 * The same for tables that are all zero, without a touch of each: page 0 with tag 0, which only an access that must come
 * to access.c has, is looked for in the slots of pages 0 and ~0.
 */
static void l1_init(struct x86_mmu *m)
{
	for (unsigned c = 0; c < X86_TLB_CLASSES; c++)
		for (unsigned i = 0; i < X86_TLB_SIZE; i += X86_TLB_SIZE - 1)
			m->set[c].r[i].tag = m->set[c].w[i].tag = TAG_NONE;
}

/* ---- what generated code remembers of the first level ---- */

static void slots_clear(struct x86_cpu *cpu, unsigned set, unsigned first)
{
	for (unsigned i = first; i < 2 * X86_JIT_SLOTS; i++)
		__builtin_memset(cpu->jit.slot[set][i].limit, 0, sizeof(cpu->jit.slot[set][i].limit));
}

static void page_unuse(struct x86_jit_page *pages, unsigned i)
{
	pages[i].page = i ? 0 : 4096;
}

static void pages_clear(struct x86_cpu *cpu, unsigned set, unsigned write)
{
	struct x86_jit_page *pages = cpu->jit.pages[set][write];

	for (u64 used = cpu->jit.pages_used[set][write]; used; used &= used - 1) {
		unsigned group = (unsigned)__builtin_ctzll(used);

		for (unsigned i = 0; i < X86_JIT_PAGE_GROUP; i++)
			page_unuse(pages, group * X86_JIT_PAGE_GROUP + i);
	}
	cpu->jit.pages_used[set][write] = 0;
}

/* first: 0, or 1 for writes only. */
static void pages_drop_lin(struct x86_cpu *cpu, u64 lin, unsigned first)
{
	unsigned i = (lin >> 12) % X86_JIT_PAGES;

	if (!cpu->translator)
		return;
	for (unsigned set = 0; set < 2; set++)
		for (unsigned write = first; write < 2; write++)
			if (!((cpu->jit.pages[set][write][i].page ^ lin) & ~X86_PAGE_MASK))
				page_unuse(cpu->jit.pages[set][write], i);
}

/* What lay in the write side at lin goes, and what generated code remembers of it; slots go with each mmu_drop_writes(). */
static void w_drop_page(struct x86_cpu *cpu, u64 lin)
{
	w_drop_lin(cpu->mmu, lin);
	pages_drop_lin(cpu, lin, 1);
}

/* Before an entry for lin goes into the write side. */
static void wmap_note(struct x86_cpu *cpu, u64 host, u64 lin)
{
	struct x86_mmu *m = cpu->mmu;
	struct mmu_wmap *set = wmap_set(m, host), *e = NULL;

	for (unsigned i = 0; i < MMU_WMAP_WAYS; i++) {
		if (set[i].host == host && set[i].lin == lin)
			return;
		if (!set[i].host)
			e = &set[i];
	}
	if (!e) {
		e = &set[m->wmap_victim++ % MMU_WMAP_WAYS];
		w_drop_page(cpu, e->lin);
	}
	*e = (struct mmu_wmap){ host, lin };
}

static void set_clear(struct x86_cpu *cpu, unsigned set)
{
	slots_clear(cpu, set, 0);
	pages_clear(cpu, set, 0);
	pages_clear(cpu, set, 1);
}

static void slots_clear_all(struct x86_cpu *cpu)
{
	if (!cpu->translator)
		return;
	set_clear(cpu, 0);
	set_clear(cpu, 1);
}

static void pages_init(struct x86_cpu *cpu)
{
	__builtin_memset(cpu->jit.pages_used, 0xff, sizeof(cpu->jit.pages_used));
	for (unsigned n = 0; n < 4; n++)
		pages_clear(cpu, n >> 1, n & 1);
}

static void slots_context(struct x86_cpu *cpu, unsigned set, u64 tag)
{
	if (cpu->jit.slot_tag[set] == tag || !cpu->translator)
		return;
	cpu->jit.slot_tag[set] = tag;
	set_clear(cpu, set);
}

static void contexts_forget(struct x86_mmu *m)
{
	for (unsigned i = 0; i < MMU_CONTEXTS; i++)
		m->user[i].used = false;
}

static u64 tag_new(struct x86_cpu *cpu)
{
	struct x86_mmu *m = cpu->mmu;

	if (m->tag_next > TAG_LAST) {
		l1_clear(m);
		slots_clear_all(cpu);
		contexts_forget(m);
		m->tag_next = 1;
		m->kernel.tag[X86_TLB_KERNEL] = m->tag_next++;
	}
	return m->tag_next++;
}

static void kernel_renew(struct x86_cpu *cpu)
{
	struct x86_mmu *m = cpu->mmu;

	m->kernel.tag[X86_TLB_KERNEL] = tag_new(cpu);
	m->kernel.xtag = ++m->xtag_next;
	m->kernel_nonglobal = false;
	m->npassing = 0;
}

static struct x86_context *context_find(struct x86_cpu *cpu)
{
	struct x86_mmu *m = cpu->mmu;
	u32 pcid = (u32)cur_pcid(cpu), pkru = cpu->cr4 & CR4_PKE ? cpu->pkru : 0;
	struct x86_context *c;

	for (unsigned i = 0; i < MMU_CONTEXTS; i++)
		if (m->user[i].used && m->user[i].pcid == pcid && m->user[i].pkru == pkru)
			return &m->user[i];
	u64 tag_user = tag_new(cpu), tag_over;
	do {
		tag_over = tag_new(cpu);
	} while (tag_over < tag_user && (tag_user = tag_new(cpu)));
	c = &m->user[m->user_next++ % MMU_CONTEXTS];
	*c = (struct x86_context){ .used = true, .pcid = pcid, .pkru = pkru, .xtag = ++m->xtag_next };
	c->tag[X86_TLB_USER] = tag_user;
	c->tag[X86_TLB_OVERRIDE] = tag_over;
	return c;
}

void x86_mmu_context(struct x86_cpu *cpu)
{
	struct x86_mmu *m = cpu->mmu;
	enum x86_tlb_class cls = X86_TLB_KERNEL;

	if (cpu->cpl == 3)
		cls = X86_TLB_USER;
	else if ((cpu->eflags & X86_FL_AC) && (cpu->cr4 & CR4_SMAP))
		cls = X86_TLB_OVERRIDE;
	m->cls = cls;
	m->align = cls == X86_TLB_USER && (cpu->cr0 & CR0_AM) && (cpu->eflags & X86_FL_AC);
	cpu->tlb = &m->set[cls];
	cpu->jit.no_fill = cls == X86_TLB_OVERRIDE || m->align;	/* what SMAP forbids again soon */
	if (cls == X86_TLB_KERNEL) {
		cpu->tlb_tag = m->kernel.tag[cls];
		cpu->xtag = m->kernel.xtag;
		slots_context(cpu, 0, cpu->tlb_tag);
		return;
	}
	struct x86_context *c = context_find(cpu);
	/* No entry has tag 0, so that every access comes to access.c, which looks at alignment. */
	cpu->tlb_tag = m->align ? 0 : c->tag[cls];
	cpu->xtag = cls == X86_TLB_USER ? c->xtag : m->kernel.xtag;
	slots_context(cpu, cls == X86_TLB_USER, cls == X86_TLB_USER ? cpu->tlb_tag : m->kernel.tag[X86_TLB_KERNEL]);
}

/* Size 4 KiB, or a large page's: the first level's pieces of it, and what generated code remembers of them. */
static void l1_drop(struct x86_cpu *cpu, u64 lin, u64 size)
{
	struct x86_mmu *m = cpu->mmu;
	u64 first = lin & ~(size - 1);
	unsigned pieces = (unsigned)MIN(size >> 12, (u64)X86_TLB_SIZE);

	for (unsigned c = 0; c < X86_TLB_CLASSES; c++) {
		for (unsigned i = 0; i < pieces; i++) {
			unsigned slot = ((first >> 12) + i) & (X86_TLB_SIZE - 1);

			if (!((m->set[c].r[slot].tag ^ first) & ~(size - 1)))
				m->set[c].r[slot].tag = TAG_NONE;
			if (!((m->set[c].w[slot].tag ^ first) & ~(size - 1)))
				m->set[c].w[slot].tag = TAG_NONE;
		}
	}
	if (!cpu->translator)
		return;
	if (size == 4 * KiB) {
		pages_drop_lin(cpu, lin, 0);
		slots_clear(cpu, 0, 0);
		slots_clear(cpu, 1, 0);
	} else {
		slots_clear_all(cpu);
	}
}

/* A different set of non-global pages is in force (CR3, PKRU). */
void mmu_space_changed(struct x86_cpu *cpu)
{
	struct x86_mmu *m = cpu->mmu;

	if (m->kernel_nonglobal)
		kernel_renew(cpu);
	for (; m->npassing; m->npassing--)
		l1_drop(cpu, m->passing[m->npassing - 1], 4 * KiB);
	x86_mmu_context(cpu);
}

void mmu_retag(struct x86_cpu *cpu)
{
	contexts_forget(cpu->mmu);
	kernel_renew(cpu);
	__builtin_memset(cpu->mmu->exec_filter, 0, sizeof(cpu->mmu->exec_filter));
	orphans_forget(cpu->mmu);
	x86_mmu_context(cpu);
}

/* ---- flushes ---- */

/* A generation number, and one for each PCID behind it: no two address spaces ever share one. */
static u64 gen_new(struct x86_mmu *m)
{
	m->gen_next += ARRAY_SIZE(m->gen_pcid);
	return m->gen_next;
}

void x86_tlb_flush_all(struct x86_cpu *cpu)
{
	cpu->mmu->gen_global = gen_new(cpu->mmu);
	x86_tlb_flush_nonglobal(cpu);
	mmu_retag(cpu);
}

void x86_tlb_flush_nonglobal(struct x86_cpu *cpu)
{
	struct x86_mmu *m = cpu->mmu;

	u64 gen = gen_new(m);

	for (unsigned i = 0; i < ARRAY_SIZE(m->gen_pcid); i++)
		m->gen_pcid[i] = gen + i;
	contexts_forget(m);
	mmu_space_changed(cpu);
}

void x86_tlb_flush_pcid(struct x86_cpu *cpu, u32 pcid)
{
	struct x86_mmu *m = cpu->mmu;

	m->gen_pcid[pcid] = gen_new(m) + pcid;
	for (unsigned i = 0; i < MMU_CONTEXTS; i++)
		if (m->user[i].pcid == pcid)
			m->user[i].used = false;
	mmu_space_changed(cpu);
}

/* No cached target of kernel code, or of user code, is good any more. */
static void exec_forget(struct x86_cpu *cpu, unsigned user)
{
	struct x86_mmu *m = cpu->mmu;

	if (!user)
		m->kernel.xtag = ++m->xtag_next;
	for (unsigned i = 0; user && i < MMU_CONTEXTS; i++)
		m->user[i].xtag = ++m->xtag_next;
	__builtin_memset(m->exec_filter[user], 0, sizeof(m->exec_filter[user]));
	x86_mmu_context(cpu);
}

static u64 *exec_filter(struct x86_mmu *m, unsigned user, u64 lin, u64 *bit)
{
	u64 p = (lin >> 12) ^ (lin >> 24);

	*bit = BIT(p & 63);
	return &m->exec_filter[user][lin >> 63][(p >> 6) & 63];
}

/* Drops second-level entries for lin of one PCID, and global ones if asked. Returns the size of the largest page among them, at least 4 KiB. */
static u64 l2_drop_page(struct x86_cpu *cpu, u64 lin, u64 gen, bool global)
{
	struct x86_mmu *m = cpu->mmu;
	struct x86_l2_entry *set = l2_set(m, lin);
	u64 size = 4 * KiB;

	for (unsigned i = 0; i < L2_WAYS; i++)
		if (!((set[i].lin_flags ^ lin) & ~X86_PAGE_MASK) &&
		    (set[i].gen == gen || (global && (set[i].lin_flags & XL_G))))
			set[i].gen = 0;
	for (unsigned i = 0; m->has_large && i < ARRAY_SIZE(large_sizes); i++) {
		struct x86_l2_entry *e = large_slot(m, lin, large_sizes[i]);

		if (e->gen && e->size == large_sizes[i] && !((e->lin_flags ^ lin) & ~(e->size - 1)) &&
		    (e->gen == gen || (global && (e->lin_flags & XL_G)))) {
			e->gen = 0;
			size = e->size;
		}
	}
	return size;
}

/* Cached targets in size bytes around lin may have been executed. */
static bool may_be_executed(struct x86_mmu *m, unsigned user, u64 lin, u64 size)
{
	u64 first = lin & ~(size - 1), bit;

	for (u64 off = 0; off < size && off < 16 * MiB; off += 4 * KiB)
		if (*exec_filter(m, user, first + off, &bit) & bit)
			return true;
	return size > 16 * MiB;
}

static void flush_page(struct x86_cpu *cpu, u64 lin, u32 pcid, bool global)
{
	struct x86_mmu *m = cpu->mmu;
	u64 size = l2_drop_page(cpu, lin, m->gen_pcid[pcid], global);

	if (may_be_orphan(m, lin)) {
		mmu_retag(cpu);
		return;
	}
	l1_drop(cpu, lin, size);
	for (unsigned user = 0; user < 2; user++)
		if (may_be_executed(m, user, lin, size))
			exec_forget(cpu, user);
}

void x86_tlb_flush_page(struct x86_cpu *cpu, u64 lin)
{
	flush_page(cpu, lin, (u32)cur_pcid(cpu), true);
}

void x86_tlb_flush_page_pcid(struct x86_cpu *cpu, u64 lin, u32 pcid)
{
	flush_page(cpu, lin, pcid, false);
}

void mmu_drop_write_slots(struct x86_cpu *cpu)
{
	if (!cpu->translator)
		return;
	slots_clear(cpu, 0, X86_JIT_SLOTS);
	slots_clear(cpu, 1, X86_JIT_SLOTS);
}

void mmu_drop_writes(struct x86_cpu *cpu, const u8 *host_page)
{
	struct x86_mmu *m = cpu->mmu;
	u64 host = (uintptr_t)host_page;
	struct mmu_wmap *set = wmap_set(m, host);

	mmu_drop_write_slots(cpu);
	if (!host) {
		w_drop_all(m);
		pages_clear(cpu, 0, 1);
		pages_clear(cpu, 1, 1);
		return;
	}
	for (unsigned i = 0; i < MMU_WMAP_WAYS; i++)
		if (set[i].host == host) {
			w_drop_page(cpu, set[i].lin);
			set[i].host = 0;
		}
}

/* ---- translation ---- */

static void l1_insert(struct x86_cpu *cpu, u64 lin, int access, enum x86_tlb_class cls, const struct x86_xlate *x)
{
	struct x86_mmu *m = cpu->mmu;
	struct x86_tlb_set *set = &m->set[cls];
	unsigned slot = (lin >> 12) & (X86_TLB_SIZE - 1);
	struct x86_tlb_entry *e = access == X86_WRITE ? &set->w[slot] : &set->r[slot];

	/* drx_data() must see every access while a data breakpoint is armed */
	if (access == X86_EXEC || unlikely(drx_data_armed(cpu)) || (access == X86_WRITE && unlikely(cpu->jit.verify)))
		return;
	if (access == X86_WRITE)
		wmap_note(cpu, (uintptr_t)x->host & ~X86_PAGE_MASK, lin & ~X86_PAGE_MASK);
	if (cls == X86_TLB_KERNEL)
		e->tag = (lin & ~X86_PAGE_MASK) | m->kernel.tag[cls];
	else
		e->tag = (lin & ~X86_PAGE_MASK) | context_find(cpu)->tag[cls];
	e->addend = (uintptr_t)x->host - lin;
	if (access != X86_WRITE)
		return;
	mmu_mark_dirty(x->dirty, x->run_first, x->gpa);
	atomic_thread_fence(memory_order_seq_cst);
	if (code_present(cpu->sys, x->gpa))
		e->tag = TAG_NONE;
}

static void fill_phys(struct x86_cpu *cpu, int access, struct x86_xlate *x)
{
	const struct x86_run_cache *run = mmu_phys_run(cpu, x->gpa);

	x->host = NULL;
	x->dirty = run->dirty;
	x->run_first = run->first;
	if (run->kind == X86_PHYS_RAM || (run->kind == X86_PHYS_ROM && access != X86_WRITE))
		x->host = run->host + (x->gpa - run->first);
	if (unlikely(apic_mmio_hit(cpu, x->gpa)))
		x->host = NULL;
}

/* A page that the kernel class is to forget at the next CR3 write. */
static void note_passing(struct x86_mmu *m, u64 lin)
{
	for (unsigned i = 0; i < m->npassing; i++)
		if (m->passing[i] == lin)
			return;
	if (m->npassing == MMU_PASSING)
		m->kernel_nonglobal = true;
	else
		m->passing[m->npassing++] = lin;
}

static void note_use(struct x86_cpu *cpu, u64 lin, int access, enum x86_tlb_class cls, u32 flags)
{
	struct x86_mmu *m = cpu->mmu;

	if (access == X86_EXEC) {
		u64 bit, *word = exec_filter(m, cls == X86_TLB_USER, lin, &bit);

		*word |= bit;
	}
	/* code of the override class runs under the kernel's xtag too */
	if (cls == X86_TLB_USER || ((flags & XL_G) && !(flags & XL_US)))
		return;
	if (access == X86_EXEC)
		m->kernel_nonglobal = true;
	else if (cls == X86_TLB_KERNEL && !m->kernel_nonglobal)
		note_passing(m, lin & ~X86_PAGE_MASK);
}

int mmu_translate(struct x86_cpu *cpu, u64 lin, int access, enum x86_tlb_class cls, struct x86_xlate *x)
{
	struct x86_l2_entry *e = l2_find(cpu, lin);
	u32 deny = e ? mmu_deny(cpu, (u32)e->lin_flags, access, cls) : 0;

	/* Permissions may have been widened in the tables since: only a walk may fault. */
	if (!e || deny || (access == X86_WRITE && !(e->lin_flags & XL_D))) {
		struct mmu_walk_result r;

		cpu->mmu->walk_cls = cls == X86_TLB_USER ? X86_TLB_KERNEL : cls;
		if (mmu_walk(cpu, lin, access, cls == X86_TLB_USER, true, &r)) {
			x->err = r.err;
			return -1;
		}
		e = l2_insert(cpu, lin, &r);
	}
	x->flags = (u32)e->lin_flags & 0xfff;
	x->gpa = e->gpa | (lin & (e->size - 1));
	x->err = 0;
	note_use(cpu, lin, access, cls, x->flags);
	fill_phys(cpu, access, x);
	if (x->host)
		l1_insert(cpu, lin, access, cls, x);
	return 0;
}

/* ---- life ---- */

int mmu_init(struct x86_cpu *cpu)
{
	struct x86_mmu *m = mem_pages(sizeof(*m));

	if (!m)
		return -ENOMEM;
	cpu->mmu = m;
	m->gen_next = 1;
	m->tag_next = 1;
	m->phys_generation = __atomic_load_n(&cpu->platform->phys_generation, __ATOMIC_ACQUIRE);
	for (unsigned i = 0; i < ARRAY_SIZE(m->run); i++)
		m->run[i].first = 1;
	l1_init(m);
	pages_init(cpu);
	x86_tlb_flush_all(cpu);
	return 0;
}

void mmu_free(struct x86_cpu *cpu)
{
	if (cpu->mmu)
		mem_pages_free(cpu->mmu, sizeof(*cpu->mmu));
	cpu->mmu = NULL;
}
