// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs generated code: finds or makes the block at rip, enters it, and does
 * what it was left for. Direct jumps inside a page are linked here, all
 * other targets go into the vCPU's jump table. Below are the functions that
 * generated code calls; they find all guest registers in struct x86_cpu.
 */
#include "jit.h"
#include "asan.h"
#include "../x86/interp/general.h"

static bool mode_fits(const struct x86_cpu *cpu)
{
	return (cpu->mode & X86_MODEF_SIZE) == X86_MODE_64 && !(cpu->mode & X86_MODEF_ONE) &&
	       !(cpu->dbg.count && x86_debug_page(cpu));
}

bool jit_takes(const struct x86_cpu *cpu)
{
	return cpu->translator && mode_fits(cpu) && !sys_log_on(cpu, X86_LOG_CPU | X86_LOG_EXEC);
}

/* ---- flags ---- */

static void flags_to_code(struct x86_cpu *cpu)
{
	u32 fl = x86_arith(cpu);

	cpu->jit.fl = (u16)((fl & 0xd5) << 8 | fl >> 11);
}

static void flags_from_code(struct x86_cpu *cpu)
{
	x86_set_arith(cpu, (u32)cpu->jit.fl >> 8 | (u32)(cpu->jit.fl & 1) << 11);
}

void jit_unwound(struct x86_cpu *cpu)
{
	if (!cpu->jit.in_code)
		return;
	cpu->jit.in_code = 0;
	flags_from_code(cpu);
}

/* ---- x87: struct x86_fpu and the image of FNSAVE and FRSTOR ---- */

void jit_c_x87_load(struct x86_cpu *cpu)
{
	struct x86_fpu *f = &cpu->fpu;
	u8 *img = cpu->jit.x87_image;
	unsigned top = f->sw >> 11 & 7;
	u16 tags = 0;

	for (unsigned n = 0; n < 8; n++)
		tags |= (u16)(f->valid >> n & 1 ? 0 : 3u << 2 * n);
	__builtin_memset(img, 0, sizeof(cpu->jit.x87_image));
	__builtin_memcpy(img, &f->cw, 2);
	__builtin_memcpy(img + 4, &f->sw, 2);
	__builtin_memcpy(img + 8, &tags, 2);
	for (unsigned n = 0; n < 8; n++) {
		const struct x86_f80 *st = &f->st[(top + n) & 7];

		__builtin_memcpy(img + 28 + 10 * n, &st->man, 8);
		__builtin_memcpy(img + 36 + 10 * n, &st->se, 2);
	}
}

static void x87_save(struct x86_cpu *cpu)
{
	struct x86_fpu *f = &cpu->fpu;
	const u8 *img = cpu->jit.x87_image;
	unsigned top;
	u16 tags;

	cpu->jit.x87_live = 0;
	__builtin_memcpy(&f->cw, img, 2);
	__builtin_memcpy(&f->sw, img + 4, 2);
	__builtin_memcpy(&tags, img + 8, 2);
	top = f->sw >> 11 & 7;
	f->valid = 0;
	for (unsigned n = 0; n < 8; n++) {
		struct x86_f80 *st = &f->st[(top + n) & 7];

		f->valid |= (u8)((tags >> 2 * n & 3) != 3 ? 1u << n : 0);
		__builtin_memcpy(&st->man, img + 28 + 10 * n, 8);
		__builtin_memcpy(&st->se, img + 36 + 10 * n, 2);
	}
}

/* Generated code called or was left: the x87 stack goes where everybody looks for it. */
static inline void from_code(struct x86_cpu *cpu)
{
	if (unlikely(cpu->jit.x87_live == 2))
		x87_save(cpu);
}

/* ---- jump tables ---- */

/* All slots that lin may be in are unused: the addresses 8 and X86_ATTENTION off are looked for in other sets. */
static void jump_forget(struct jit_jump *slot, u64 lin)
{
	for (unsigned n = 0; n < JIT_JUMP_WAYS; n++)
		*jit_jump_other(slot, n) = (struct jit_jump){ .lin = lin ^ 8 };
}

void jit_jumps_clear(struct jit_jump *table)
{
	static const u64 found[] = { 0, 0ULL - X86_ATTENTION };	/* what 0 is compared with */

	__builtin_memset(table, 0, JIT_JUMPS_BYTES);
	for (unsigned n = 0; n < ARRAY_SIZE(found); n++)
		jump_forget(&table[jit_jump_index(found[n])], 0);
}

/* The slot that has the target; NULL: none. */
static struct jit_jump *jump_find(struct x86_cpu *cpu, u64 lin)
{
	struct jit_jump *slot = jit_jump_slot(cpu, lin);

	for (unsigned n = 0; n < JIT_JUMP_WAYS; n++)
		if (jit_jump_other(slot, n)->lin == lin)
			return jit_jump_other(slot, n);
	return NULL;
}

/* What was in the slot goes into the next one of the set, and so on. */
static void jump_insert(struct x86_cpu *cpu, u64 lin, const u8 *entry)
{
	struct jit_jump *slot = jit_jump_slot(cpu, lin);
	unsigned n = 0;

	while (n < JIT_JUMP_WAYS - 1 && jit_jump_other(slot, n)->entry)
		n++;
	for (; n; n--)
		*jit_jump_other(slot, n) = *jit_jump_other(slot, n - 1);
	*slot = (struct jit_jump){ lin, entry };
}

void jit_jumps_purge(struct x86_cpu *cpu, const struct jit_region *r)
{
	const struct jit *j = cpu->sys->jit;
	const u8 *first = r->rw + (j->rx - j->rw);
	size_t bytes = (size_t)(r->end - r->rw);

	for (unsigned n = 0; n < JIT_TABLES; n++) {
		struct jit_jump *table = jit_jumps(cpu, n);

		for (unsigned i = 0; cpu->translator->space[n].xtag && i < 1u << JIT_JUMP_BITS; i++)
			if ((size_t)((uintptr_t)table[i].entry - (uintptr_t)first) < bytes)
				table[i] = (struct jit_jump){ .lin = table[i].lin ^ 8 };
	}
}

static bool space_is(const struct jit_space *s, u64 xtag, u32 mode)
{
	return s->xtag == xtag && s->mode == mode;
}

/* Number of the jump table for (xtag, mode): the one there is, or that which has not been chosen for the longest time. */
static unsigned find_table(struct x86_cpu *cpu, u32 mode)
{
	struct jit_vcpu *v = cpu->translator;
	unsigned n = v->space[v->cur].next, oldest = 0;

	if (likely(space_is(&v->space[n], cpu->xtag, mode)))
		return n;
	for (n = 0; n < JIT_TABLES; n++) {
		if (space_is(&v->space[n], cpu->xtag, mode))
			return n;
		if (v->space[n].chosen < v->space[oldest].chosen)
			oldest = n;
	}
	v->space[oldest].xtag = cpu->xtag;
	v->space[oldest].mode = mode;
	jit_jumps_clear(jit_jumps(cpu, oldest));
	return oldest;
}

/* The jump table for what the processor is in. */
static void choose_table(struct x86_cpu *cpu, u32 mode)
{
	struct jit_vcpu *v = cpu->translator;
	unsigned n;

	if (likely(space_is(&v->space[v->cur], cpu->xtag, mode)))
		return;
	n = find_table(cpu, mode);
	v->space[v->cur].next = n;
	v->space[n].chosen = ++v->time;
	v->cur = n;
	cpu->jit.jumps = jit_jumps(cpu, n);
}

/* ---- making blocks ---- */

static bool trace_marked(struct jit_trace *t, struct x86_code_page *cp)
{
	for (unsigned i = 0; i < t->nranges; i++)
		if (!code_still_marked(cp, t->gpa + t->range[i].off, t->range[i].len))
			return false;
	return true;
}

static bool trace_unchanged(struct jit_trace *t, const u8 *host_page)
{
	for (unsigned i = 0; i < t->nranges; i++)
		if (__builtin_memcmp(t->page + t->range[i].off, host_page + t->range[i].off, t->range[i].len))
			return false;
	return true;
}

static bool add_proof(struct jit *j, const struct jit_trace *t, struct jit_block *b)
{
	b->proof = jit_cache_meta(j, (t->count + 1) * sizeof(*b->proof));
	if (!b->proof)
		return false;
	b->nproof = t->count;
	for (unsigned n = 0; n < t->count; n++)
		b->proof[n] = jit_trace_proof(&t->insn[n]);
	return true;
}

/* The page behind, for an instruction on both. */
struct second {
	u64 gpa;		/* JIT_NO_PAGE: none */
	const u8 *host;
	struct x86_code_page *cp;
};

/* Bytes on the second page; what was decoded may have become shorter meanwhile. */
static unsigned second_len(const struct jit_trace *t)
{
	return t->count && t->next > 4096 ? t->next - 4096 : 1;
}

static bool second_holds(struct jit_trace *t, const struct second *s)
{
	return s->gpa == JIT_NO_PAGE || (code_still_marked(s->cp, s->gpa, second_len(t)) &&
					 !__builtin_memcmp(t->page + 4096, s->host, second_len(t)));
}

/* Under the lock. The generations are read first, and the bytes compared after it. */
static struct jit_block *make_block(struct jit *j, struct jit_trace *t, struct x86_code_page *cp, const u8 *host_page,
				    const struct second *s)
{
	u32 gen = atomic_load(&cp->gen), gen2 = s->cp ? atomic_load(&s->cp->gen) : 0;
	struct jit_block *b;

	if (!trace_marked(t, cp) || !trace_unchanged(t, host_page) || !second_holds(t, s))
		return NULL;
	b = jit_cache_meta(j, sizeof(*b));
	if (!b)
		return NULL;
	*b = (struct jit_block){ .gpa = t->gpa + t->start, .mode = t->mode, .gen = gen, .page = cp, .marker = !t->count,
				 .gpa2 = s->gpa, .gen2 = gen2, .page2 = s->cp };
	if (!jit_host_block(j, t, b))
		return NULL;
	if (j->verify && !add_proof(j, t, b))
		return NULL;
	jit_cache_insert(j, b);
	return b;
}

static struct jit_block *translate(struct x86_cpu *cpu, u64 gpa, const u8 *host, u32 mode, const struct second *s)
{
	struct jit *j = cpu->sys->jit;
	struct jit_trace *t = &cpu->translator->trace;
	struct x86_code_page *cp = code_page(cpu->sys, gpa, true);
	const u8 *host_page = host - (gpa & X86_PAGE_MASK);
	struct jit_block *b = NULL;

	if (!cp)
		return NULL;
	t->cpu = cpu;
	t->gpa = gpa & ~X86_PAGE_MASK;
	t->start = gpa & X86_PAGE_MASK;
	t->mode = mode;
	t->gpa2 = s->gpa;
	t->host = host_page;
	t->copied = 0;
	if (s->gpa != JIT_NO_PAGE)
		__builtin_memcpy(t->page + 4096, s->host, 15);
	jit_trace_decode(t);
	for (unsigned i = 0; i < t->nranges; i++)
		code_mark(cpu, cp, t->gpa + t->range[i].off, t->range[i].len, host_page);
	if (s->gpa != JIT_NO_PAGE)
		code_mark(cpu, s->cp, s->gpa, second_len(t), s->host);
	pthread_mutex_lock(&j->lock);
	b = jit_cache_find(j, gpa, s->gpa, mode);
	if (!b && jit_cache_room(j)) {
		jit_cache_seen(cpu);
		b = make_block(j, t, cp, host_page, s);
	}
	pthread_mutex_unlock(&j->lock);
	return b;
}

/* marker: what stands for the instruction at lin, which goes over the end of its page. */
static struct jit_block *find_crossing(struct x86_cpu *cpu, u64 lin, u64 gpa, const u8 *host, struct jit_block *marker)
{
	u64 behind = (lin | X86_PAGE_MASK) + 1;
	struct second s = { 0 };
	struct jit_block *b;

	if (!x86_canonical(cpu, behind))
		return marker;
	s.host = x86_fetch_page(cpu, behind, &s.gpa);
	if (!s.host)
		return marker;
	b = jit_cache_find(cpu->sys->jit, gpa, s.gpa, marker->mode);
	if (b)
		return b;
	s.cp = code_page(cpu->sys, s.gpa, true);
	b = s.cp ? translate(cpu, gpa, host, marker->mode, &s) : NULL;
	return b;
}

static struct jit_block *find_at(struct x86_cpu *cpu, u64 lin, u32 mode)
{
	struct jit_block *b;
	const u8 *host;
	u64 gpa;

	if (sys_lma(cpu) && !x86_canonical(cpu, lin))
		x86_raise_gp(cpu, 0);
	host = x86_fetch_page(cpu, lin, &gpa);
	if (!host)
		return NULL;
	b = jit_cache_find(cpu->sys->jit, gpa, JIT_NO_PAGE, mode);
	if (!b)
		b = translate(cpu, gpa, host, mode, &(struct second){ .gpa = JIT_NO_PAGE });
	return b && b->marker ? find_crossing(cpu, lin, gpa, host, b) : b;
}

/* NULL: the interpreter must do one instruction. */
static const u8 *find_entry(struct x86_cpu *cpu, u32 mode)
{
	u64 lin = cpu->rip;
	const struct jit_jump *slot = jump_find(cpu, lin);
	struct jit_block *b;

	if (slot)
		return slot->entry;
	b = find_at(cpu, lin, mode);
	if (!b)
		return NULL;
	jump_insert(cpu, lin, b->entry);
	return b->entry;
}

static const u8 *find_plain(struct x86_cpu *cpu, u32 mode)
{
	struct jit_block *b = find_at(cpu, cpu->rip, mode | JIT_MODE_PLAIN);

	return b ? b->entry : NULL;
}

/* ---- going in and out ---- */

static void link_jump(struct x86_cpu *cpu, const struct jit_link *l, u32 mode)
{
	struct jit *j = cpu->sys->jit;
	struct jit_block *b = NULL;

	pthread_mutex_lock(&j->lock);
	if (jit_region_live(j, l->region_gen) && atomic_load(&l->from->page->gen) == l->from->gen &&
	    (l->from->mode & ~JIT_MODE_PLAIN) == mode)
		b = jit_cache_find(j, (l->from->gpa & ~X86_PAGE_MASK) + (u64)(s64)l->off, JIT_NO_PAGE,
				   mode | (l->plain ? JIT_MODE_PLAIN : 0));
	if (b && !b->marker)
		jit_host_link(j, l->site, b->entry);
	pthread_mutex_unlock(&j->lock);
}

/* A near branch to a non-canonical address faults at the branch. */
static void check_far(struct x86_cpu *cpu, u32 far)
{
	if (likely(x86_canonical(cpu, cpu->rip)))
		return;
	cpu->rip = cpu->jit.page + JIT_FAR_OFF(far);
	cpu->gpr[X86_RSP] -= (u64)(s64)JIT_FAR_STACK(far);
	x86_raise_gp(cpu, 0);
}

u64 jit_left_at(const struct x86_cpu *cpu, u64 code)
{
	switch ((enum jit_exit)(code & 7)) {
	case JIT_EXIT_LINK:
		return cpu->jit.page + (u64)(s64)((struct jit_link *)(uintptr_t)(code & ~7ULL))->off;
	case JIT_EXIT_NEXT:
	case JIT_EXIT_STALE:
	case JIT_EXIT_INTERP:
		return cpu->jit.page + (u64)((s64)code >> 32);
	default:
		return cpu->rip;
	}
}

/* True: *link is the jump it was left by. A copy: the region may be another's before it is linked. */
static bool left(struct x86_cpu *cpu, u64 code, struct jit_link *link)
{
	switch ((enum jit_exit)(code & 7)) {
	case JIT_EXIT_LINK:
		*link = *(const struct jit_link *)(uintptr_t)(code & ~7ULL);
		cpu->rip = cpu->jit.page + (u64)(s64)link->off;
		return true;
	case JIT_EXIT_NEXT:
		cpu->rip = cpu->jit.page + (u64)((s64)code >> 32);
		break;
	case JIT_EXIT_STALE:
		cpu->rip = cpu->jit.page + (u64)((s64)code >> 32);
		jump_forget(jit_jump_slot(cpu, cpu->rip), cpu->rip);
		break;
	case JIT_EXIT_INTERP:
		cpu->rip = cpu->jit.page + (u64)((s64)code >> 32);
		interp_one(cpu);
		break;
	case JIT_EXIT_FAR:
		check_far(cpu, (u32)(code >> 32));
		break;
	case JIT_EXIT_SET:
		break;
	}
	return false;
}

u64 jit_enter(struct x86_cpu *cpu, const u8 *entry)
{
	u64 code;

	cpu->jit.page = cpu->rip & ~X86_PAGE_MASK;
	flags_to_code(cpu);
	cpu->jit.in_code = 1;
	interp_foreign(cpu);
	asan_empty_stack((const u8 *)cpu - JIT_STACK, JIT_STACK);
	code = cpu->sys->jit->thunks.enter(cpu, entry);
	from_code(cpu);
	jit_unwound(cpu);
	return code;
}

bool jit_one(struct x86_cpu *cpu)
{
	u32 mode = jit_mode(cpu);
	const u8 *entry;

	if (!cpu->sys->jit->single || !mode_fits(cpu))
		return false;
	jit_cache_seen(cpu);
	choose_table(cpu, mode);
	entry = find_entry(cpu, mode);
	if (!entry)
		return false;
	left(cpu, jit_enter(cpu, entry), &(struct jit_link){ 0 });
	return true;
}

/* Block by block with the interpreter beside it; no links, no jump table. */
static void run_verified(struct x86_cpu *cpu)
{
	u32 mode = jit_mode(cpu);
	struct jit_block *b;

	choose_table(cpu, mode);
	b = find_at(cpu, cpu->rip, mode);
	if (b)
		jit_verify_block(cpu, b);
	else
		interp_one(cpu);
}

void jit_run(struct x86_cpu *cpu)
{
	struct jit_link link;
	bool linked = false;

	jit_cache_seen(cpu);
	if (cpu->jit.verify && jit_takes(cpu)) {
		run_verified(cpu);
		return;
	}
	while (!atomic_load_explicit(&cpu->attn, memory_order_acquire)) {
		u32 mode = jit_mode(cpu);
		const u8 *entry;

		if (!jit_takes(cpu)) {
			interp_run(cpu);
			return;
		}
		choose_table(cpu, mode);
		entry = linked && link.plain ? find_plain(cpu, mode) : find_entry(cpu, mode);
		if (!entry) {
			interp_one(cpu);
			linked = false;
			continue;
		}
		if (linked)
			link_jump(cpu, &link, mode);
		linked = left(cpu, jit_enter(cpu, entry), &link);
	}
}

/* ---- called by generated code ---- */

/* What the memory and fault code asks of the running instruction: segment, length. */
#define POS(ss, l) [ss][l] = { .seg = ss ? X86_SS : X86_DS, .len = l }
#define POS8(ss, l) POS(ss, l), POS(ss, l + 1), POS(ss, l + 2), POS(ss, l + 3), \
	POS(ss, l + 4), POS(ss, l + 5), POS(ss, l + 6), POS(ss, l + 7)
static const struct x86_uop positions[2][16] = { POS8(0, 0), POS8(0, 8), POS8(1, 0), POS8(1, 8) };

static void at(struct x86_cpu *cpu, u32 info)
{
	cpu->rip = cpu->jit.page + JIT_INFO_OFF(info);
	cpu->cur = &positions[JIT_INFO_SS(info)][JIT_INFO_LEN(info)];
}

/* The interpreter does what touches a device, and stores that are not one piece of plain memory without code. */
static __noreturn void leave_to_interp(struct x86_cpu *cpu, u32 info)
{
	cpu->sys->jit->thunks.raw_leave(cpu, (u64)JIT_INFO_OFF(info) << 32 | JIT_EXIT_INTERP);
}

static bool is_string(u32 info)
{
	return (info >> JIT_INFO_SLOT_SHIFT) % X86_JIT_SLOTS == X86_JIT_SLOT_STRING;
}

/* REP goes on from the address: a copy of one element is of no use, and a device must not be read twice. */
static u64 string_source(struct x86_cpu *cpu, u64 lin, u32 info)
{
	const struct x86_tlb_entry *e = x86_tlb_r(cpu, lin);

	x86_probe(cpu, lin, JIT_INFO_SIZE(info), X86_READ);
	cpu->cur = NULL;
	if (!x86_tlb_hit(cpu, e, lin, JIT_INFO_SIZE(info)))
		leave_to_interp(cpu, info);
	return lin + e->addend;
}

u64 jit_c_mem_r(struct x86_cpu *cpu, u64 lin, u32 info)
{
	const struct x86_tlb_entry *e = x86_tlb_r(cpu, lin);
	unsigned size = JIT_INFO_SIZE(info);

	from_code(cpu);
	at(cpu, info);
	if (is_string(info))
		return string_source(cpu, lin, info);
	if (unlikely(!x86_probe_plain(cpu, lin, size, X86_READ))) {
		cpu->cur = NULL;
		leave_to_interp(cpu, info);
	}
	if (likely(x86_tlb_hit(cpu, e, lin, size))) {
		cpu->cur = NULL;
		return lin + e->addend;
	}
	if (size <= 8)
		cpu->jit.bounce[0] = x86_load_slow(cpu, lin, size);
	else
		x86_ld_block(cpu, lin, cpu->jit.bounce, size);
	cpu->cur = NULL;
	return (uintptr_t)cpu->jit.bounce;
}

static void fill_beside(struct x86_cpu *cpu, struct x86_jit_slot *slot, u64 lin, u8 *host, unsigned len)
{
	slot->page = lin;
	slot->host = (uintptr_t)host;
	for (unsigned n = 0; n < ARRAY_SIZE(slot->limit); n++)
		slot->limit[n] = cpu->jit.no_fill || len < jit_limit_bytes(n) ? 0 : len - jit_limit_bytes(n) + 1;
}

/* A page with code, but none in these bytes: the slot gets the granules without code. 0: nothing so simple. */
static u64 store_beside_code(struct x86_cpu *cpu, u64 lin, u32 info)
{
	unsigned size = JIT_INFO_SIZE(info), first, len, off = lin & X86_PAGE_MASK;
	struct x86_xlate x;

	if (is_string(info) || off + size > 4096 || drx_data_armed(cpu) || cpu->mmu->align ||
	    mmu_translate(cpu, lin, X86_WRITE, cpu->mmu->cls, &x) || !x.host)
		return 0;
	len = code_free_run(cpu->sys, x.gpa, size, &first);
	if (!len)
		return 0;
	mmu_mark_dirty(x.dirty, x.run_first, x.gpa);
	fill_beside(cpu, cpu->jit.slot[0] + (info >> JIT_INFO_SLOT_SHIFT), lin - off + first, x.host - off + first, len);
	return (uintptr_t)x.host;
}

u64 jit_c_mem_w(struct x86_cpu *cpu, u64 lin, u32 info)
{
	unsigned size = JIT_INFO_SIZE(info);
	const struct x86_tlb_entry *e = x86_tlb_w(cpu, lin);
	u64 host;

	from_code(cpu);
	at(cpu, info);
	x86_probe(cpu, lin, size, X86_WRITE);
	cpu->cur = NULL;
	if (unlikely(cpu->jit.verify))
		host = jit_verify_mem_w(cpu, lin, info);
	else if (likely(x86_tlb_hit(cpu, e, lin, size)))
		return lin + e->addend;
	else
		host = store_beside_code(cpu, lin, info);
	if (!host)
		leave_to_interp(cpu, info);
	return host;
}

/* The block at rip, if it has one in the jump table and nothing is wanted: no need to leave generated code. */
static const u8 *go_on(struct x86_cpu *cpu)
{
	const struct jit_jump *slot;

	if (atomic_load_explicit(&cpu->attn, memory_order_relaxed) || cpu->sys->jit->single || !jit_takes(cpu))
		return NULL;
	choose_table(cpu, jit_mode(cpu));
	slot = jump_find(cpu, cpu->rip);
	if (!slot)
		return NULL;
	cpu->jit.page = cpu->rip & ~X86_PAGE_MASK;
	return slot->entry;
}

const u8 *jit_c_helper(struct x86_cpu *cpu, struct jit_op *op)
{
	const struct x86_uop *next;
	const u8 *entry;
	u64 behind = cpu->jit.page + op->off + op->in.len;

	from_code(cpu);
	if (unlikely(cpu->jit.verify))
		cpu->sys->jit->thunks.raw_leave(cpu, (u64)op->off << 32 | JIT_EXIT_INTERP);
	cpu->rip = cpu->jit.page + op->off;
	cpu->cur = &op->uop[0];
	if (op->flags & JIT_OP_FLAGS)
		flags_from_code(cpu);
	cpu->jit.dropped = 0;
	next = op->uop[0].fn(cpu, &op->uop[0]);
	cpu->cur = NULL;
	if (op->flags & JIT_OP_FLAGS)
		flags_to_code(cpu);
	if (next) {
		if (likely(!cpu->jit.dropped))
			return NULL;
		cpu->rip = behind;
	} else if ((op->flags & JIT_OP_RESUMES) && cpu->rip == behind && !cpu->jit.dropped &&
		   !atomic_load_explicit(&cpu->attn, memory_order_relaxed)) {
		return NULL;
	}
	entry = go_on(cpu);
	if (!entry)
		cpu->sys->jit->thunks.raw_leave(cpu, JIT_EXIT_SET);
	return entry;
}
