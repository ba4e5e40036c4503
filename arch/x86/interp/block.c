// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cache of predecoded blocks: look-up by physical address and mode, a
 * jump cache by linear address in front of it, direct links between blocks,
 * and the loop that runs them. One cache a vCPU; other threads only raise the
 * generations of pages (mmu/code.c).
 */
#include "mem.h"
#include "uop.h"

static struct x86_block **hash_slot(struct x86_interp *ip, u64 gpa, u32 mode)
{
	u64 h = gpa * 0x9e3779b97f4a7c15ULL + mode * 0x85ebca6bULL;

	return &ip->hash[h >> (64 - HASH_BITS)];
}

static struct x86_jump *jump_slot(struct x86_interp *ip, u64 lin)
{
	return &ip->jump[(lin ^ (lin >> JUMP_BITS)) & ((1u << JUMP_BITS) - 1)];
}

static bool block_valid(const struct x86_block *b)
{
	return atomic_load_explicit(&b->page->gen, memory_order_acquire) == b->gen;
}

static u64 code_linear(const struct x86_cpu *cpu)
{
	return (cpu->rip + cpu->seg_base[X86_CS]) & cpu->lin_mask;
}

/* Blocks of modes with segment limits are entered through here only. */
static bool within_limit(const struct x86_cpu *cpu, const struct x86_block *b)
{
	return (cpu->mode & (X86_MODEF_FLAT | X86_MODE_64)) || cpu->rip + b->bytes - 1 <= cpu->seg[X86_CS].limit;
}

void interp_flush(struct x86_cpu *cpu)
{
	struct x86_interp *ip = cpu->interp;

	__builtin_memset(ip->hash, 0, sizeof(ip->hash));
	__builtin_memset(ip->jump, 0, sizeof(ip->jump));
	ip->arena_used = 0;
	ip->link = NULL;
	ip->block = NULL;
	ip->flushes++;
}

/* ---- building ---- */

struct builder {
	struct x86_uop uop[BLOCK_UOPS + 1];
	struct x86_insn in[BLOCK_UOPS];
	u8 bytes[BLOCK_UOPS * 15];
	unsigned count, len, avail;
};

/* Decodes from the copied bytes up to the end of the page or of the block. */
static void build_decode(struct x86_cpu *cpu, struct builder *bd)
{
	struct x86_uop *sti = NULL;
	bool ends = false;

	bd->count = bd->len = 0;
	while (!ends && bd->count < BLOCK_UOPS && bd->len < bd->avail) {
		struct x86_insn *in = &bd->in[bd->count];
		struct x86_uop *u = &bd->uop[bd->count];
		int err = x86_decode(in, bd->bytes + bd->len, MIN(bd->avail - bd->len, 15u),
				     cpu->mode & X86_MODEF_SIZE);

		if (err == -X86_DECODE_NEED_MORE)
			break;
		if (err) {
			predecode_fault(u, err, bd->len);
			in->len = 1;
			ends = true;
		} else {
			ends = predecode_insn(cpu, u, in, in, cpu->mode, bd->len);
		}
		if (sti) {	/* one instruction behind it, and the block ends */
			predecode_sti_inside(sti);
			sti = NULL;
			ends = true;
		} else if (!err && in->op == X86_OP_STI && (u->flags & UOP_GENERAL)) {
			sti = u;
			ends = false;
		}
		bd->len += in->len;
		bd->count++;
	}
	predecode_end(&bd->uop[bd->count], bd->len, false);
}

static struct x86_block *build_store(struct x86_cpu *cpu, const struct builder *bd, u64 gpa)
{
	struct x86_interp *ip = cpu->interp;
	unsigned general = 0;

	for (unsigned i = 0; i < bd->count; i++)
		general += bd->uop[i].flags & UOP_GENERAL;
	size_t size = sizeof(struct x86_block) + (bd->count + 1) * sizeof(struct x86_uop) +
		      general * sizeof(struct x86_insn);
	if (ip->arena_used + size > ARENA_BYTES)
		interp_flush(cpu);
	struct x86_block *b = (struct x86_block *)(void *)(ip->arena + ip->arena_used);
	ip->arena_used += ALIGN_UP(size, 16);
	struct x86_insn *keep = (struct x86_insn *)(void *)&b->uop[bd->count + 1];
	*b = (struct x86_block){ .gpa = gpa, .mode = cpu->mode, .bytes = (u16)bd->len, .count = (u16)bd->count };
	__builtin_memcpy(b->uop, bd->uop, (bd->count + 1) * sizeof(struct x86_uop));
	for (unsigned i = 0; i < bd->count; i++)
		if (b->uop[i].flags & UOP_GENERAL) {
			*keep = bd->in[i];
			b->uop[i].in = keep++;
		}
	return b;
}

/* NULL: the code cannot be kept (page crossing, not in tracked memory). */
static struct x86_block *build(struct x86_cpu *cpu, u64 gpa, const u8 *host)
{
	struct x86_code_page *cp = code_page(cpu->sys, gpa, true);
	unsigned room = 4096 - (unsigned)(gpa & X86_PAGE_MASK);
	struct builder bd;

	if (!cp)
		return NULL;
	bd.avail = MIN(room, (unsigned)sizeof(bd.bytes));
	for (unsigned tries = 0; tries < 8; tries++) {
		__builtin_memcpy(bd.bytes, host, bd.avail);
		build_decode(cpu, &bd);
		if (!bd.count)
			return NULL;
		code_mark(cpu, cp, gpa, bd.len, host - (gpa & X86_PAGE_MASK));
		u32 gen = atomic_load(&cp->gen);
		if (__builtin_memcmp(bd.bytes, host, bd.len) || !code_still_marked(cp, gpa, bd.len))
			continue;
		struct x86_block *b = build_store(cpu, &bd, gpa);
		b->page = cp;
		b->gen = gen;
		return b;
	}
	return NULL;
}

/* ---- finding ---- */

static struct x86_block *find_physical(struct x86_cpu *cpu, u64 lin)
{
	struct x86_interp *ip = cpu->interp;
	struct x86_block **slot, *b;
	u64 gpa;
	const u8 *host = x86_fetch_page(cpu, lin, &gpa);

	if (!host)
		return NULL;
	slot = hash_slot(ip, gpa, cpu->mode);
	for (struct x86_block **p = slot; (b = *p); p = &b->hash_next)
		if (b->gpa == gpa && b->mode == cpu->mode) {
			if (block_valid(b))
				return b;
			*p = b->hash_next;
			break;
		}
	b = build(cpu, gpa, host);
	if (b) {
		slot = hash_slot(ip, gpa, cpu->mode);
		b->hash_next = *slot;
		*slot = b;
		if (sys_log_on(cpu, X86_LOG_IN_ASM))
			interp_log_block(cpu, b);
	}
	return b;
}

static void check_code_address(struct x86_cpu *cpu, u64 lin)
{
	if (sys_lma(cpu) && !x86_canonical(cpu, lin))
		x86_raise_gp(cpu, 0);
}

static struct x86_block *find_block(struct x86_cpu *cpu)
{
	u64 lin = code_linear(cpu);
	struct x86_jump *j = jump_slot(cpu->interp, lin);
	struct x86_block *b;

	if (j->rip == lin && j->xtag == cpu->xtag && j->mode == cpu->mode && block_valid(j->block)) {
		b = j->block;
	} else {
		check_code_address(cpu, lin);
		b = find_physical(cpu, lin);
		if (!b)
			return NULL;
		*j = (struct x86_jump){ .rip = lin, .xtag = cpu->xtag, .block = b, .mode = cpu->mode };
	}
	return within_limit(cpu, b) ? b : NULL;
}

/* Every block is to be seen: no chaining. */
static bool log_blocks(const struct x86_cpu *cpu)
{
	return sys_log_on(cpu, X86_LOG_CPU | X86_LOG_EXEC);
}

/* ---- going from block to block ---- */

const struct x86_uop *uop_goto_slow(struct x86_cpu *cpu, u64 target, unsigned slot)
{
	struct x86_interp *ip = cpu->interp;
	struct x86_block *b = ip->block;

	if (unlikely(sys_lma(cpu) && !x86_canonical(cpu, target)))
		x86_raise_gp(cpu, 0);
	cpu->rip = target;
	cpu->icount += b->count;
	if (b != ip->one && !log_blocks(cpu) && (cpu->mode & (X86_MODEF_FLAT | X86_MODE_64))) {
		ip->link = &b->edge[slot];
		ip->link_xtag = &b->edge_xtag[slot];
	}
	return NULL;
}

const struct x86_uop *uop_goto_indirect(struct x86_cpu *cpu, u64 target)
{
	struct x86_interp *ip = cpu->interp;
	struct x86_jump *j;

	if (unlikely(sys_lma(cpu) && !x86_canonical(cpu, target)))
		x86_raise_gp(cpu, 0);
	cpu->icount += ip->block->count;
	cpu->rip = target;
	if (atomic_load_explicit(&cpu->attn, memory_order_relaxed) || ip->block == ip->one || log_blocks(cpu))
		return NULL;
	u64 lin = code_linear(cpu);
	j = jump_slot(ip, lin);
	if (unlikely(jit_takes(cpu)))
		return NULL;
	if (j->rip != lin || j->xtag != cpu->xtag || j->mode != cpu->mode || !block_valid(j->block) ||
	    !within_limit(cpu, j->block))
		return NULL;
	ip->block = j->block;
	return j->block->uop;
}

static void run_uops(struct x86_cpu *cpu, const struct x86_uop *u)
{
	do {
		cpu->cur = u;
		u = u->fn(cpu, u);
	} while (u);
	cpu->cur = NULL;
}

void interp_foreign(struct x86_cpu *cpu)
{
	struct x86_interp *ip = cpu->interp;

	ip->link = NULL;
	ip->block = ip->one;
}

void interp_run(struct x86_cpu *cpu)
{
	struct x86_interp *ip = cpu->interp;

	ip->link = NULL;
	while (!atomic_load_explicit(&cpu->attn, memory_order_acquire) && !jit_takes(cpu)) {
		struct x86_block *b;

		if (unlikely(cpu->dbg.count) && x86_debug_page(cpu))
			return;
		b = find_block(cpu);
		if (!b) {
			interp_one(cpu);
			continue;
		}
		if (ip->link) {
			*ip->link_xtag = cpu->xtag;
			*ip->link = b;
			ip->link = NULL;
		}
		if (log_blocks(cpu))
			interp_log_entry(cpu);
		ip->block = b;
		ip->blocks++;
		run_uops(cpu, b->uop);
	}
}

bool interp_walk(struct x86_cpu *cpu, enum interp_walk (*visit)(struct x86_cpu *cpu, u64 rip, void *ctx), void *ctx)
{
	struct x86_interp *ip = cpu->interp;
	struct x86_block *b = find_block(cpu);
	const struct x86_uop *u;
	bool stop = false;

	ip->link = NULL;
	if (!b) {
		interp_one(cpu);
		return visit(cpu, cpu->rip, ctx) == INTERP_WALK_STOP;
	}
	ip->block = b;
	for (u = b->uop; !stop && u != &b->uop[b->count];) {
		cpu->cur = u;
		u = u->fn(cpu, u);
		cpu->cur = NULL;
		if (!u)
			return visit(cpu, cpu->rip, ctx) == INTERP_WALK_STOP;
		stop = visit(cpu, (cpu->rip + u->off) & cpu->lin_mask, ctx) == INTERP_WALK_STOP;
	}
	cpu->rip = (cpu->rip + u->off) & cpu->lin_mask;
	return stop;
}

/* ---- one instruction at a time ---- */

/* Copies instruction bytes up to 15; fewer at a page's end unless the next page is asked for. */
static unsigned fetch_bytes(struct x86_cpu *cpu, u64 lin, u8 *buf, unsigned want)
{
	unsigned n = MIN(want, 4096 - (unsigned)(lin & X86_PAGE_MASK));
	u64 gpa;
	const u8 *host = x86_fetch_page(cpu, lin, &gpa);

	if (host)
		__builtin_memcpy(buf, host, n);
	for (unsigned i = 0; !host && i < n; i++)
		buf[i] = (u8)mmu_mmio_read(cpu, gpa + i, 1);
	return n;
}

static int decode_one(struct x86_cpu *cpu, struct x86_insn *in)
{
	u64 lin = code_linear(cpu);
	u8 buf[16] = { 0 };
	int err;

	check_code_address(cpu, lin);
	unsigned n = fetch_bytes(cpu, lin, buf, 15);
	err = x86_decode(in, buf, n, cpu->mode & X86_MODEF_SIZE);
	if (err == -X86_DECODE_NEED_MORE && n < 15) {
		u64 next = x86_next_page(cpu, lin);

		check_code_address(cpu, next);
		n += fetch_bytes(cpu, next, buf + n, 15 - n);
		err = x86_decode(in, buf, n, cpu->mode & X86_MODEF_SIZE);
	}
	return err;
}

void interp_one(struct x86_cpu *cpu)
{
	struct x86_interp *ip = cpu->interp;
	struct x86_block *b = ip->one;
	int err;

	ip->link = NULL;
	cpu->cur = NULL;
	if (!x86_in_64bit(cpu) && cpu->rip > cpu->seg[X86_CS].limit)
		x86_raise_gp(cpu, 0);
	err = decode_one(cpu, &ip->one_insn);
	if (err) {
		predecode_fault(&b->uop[0], err, 0);
	} else {
		if (!x86_in_64bit(cpu) && cpu->rip + ip->one_insn.len - 1 > cpu->seg[X86_CS].limit)
			x86_raise_gp(cpu, 0);
		predecode_insn(cpu, &b->uop[0], &ip->one_insn, &ip->one_insn, cpu->mode, 0);
	}
	predecode_end(&b->uop[1], ip->one_insn.len, true);
	if (log_blocks(cpu))
		interp_log_entry(cpu);
	ip->block = b;
	b->count = 1;
	b->mode = cpu->mode;
	run_uops(cpu, b->uop);
}

unsigned interp_last_op(const struct x86_cpu *cpu)
{
	return cpu->interp->one_insn.op;
}

/* ---- the running instruction ---- */

u64 x86_cur_rip(const struct x86_cpu *cpu)
{
	return cpu->cur ? (cpu->rip + cpu->cur->off) & cpu->lin_mask : cpu->rip;
}

u64 x86_next_rip(const struct x86_cpu *cpu)
{
	return cpu->cur ? (cpu->rip + cpu->cur->off + cpu->cur->len) & cpu->lin_mask : cpu->rip;
}

unsigned interp_current_seg(const struct x86_cpu *cpu)
{
	const struct x86_uop *u = cpu->cur;

	if (!u)
		return X86_DS;
	if (!(u->flags & UOP_GENERAL))
		return u->seg;
	if (!(u->in->flags & X86_INSN_MEM) && (x86_op_info(u->in->op)->flags & X86_OPF_STACK))
		return X86_SS;
	return u->in->seg;
}

static const struct x86_uop *uop_resync(struct x86_cpu *cpu, const struct x86_uop *u)
{
	cpu->rip = (cpu->rip + u->off) & cpu->lin_mask;
	return NULL;
}

void interp_stop_block(struct x86_cpu *cpu, const struct x86_code_page *cp)
{
	struct x86_interp *ip = cpu->interp;

	if (cpu->cur && ip->block && ip->block != ip->one && ip->block->page == cp)
		((struct x86_uop *)(uintptr_t)cpu->cur)[1].fn = uop_resync;
}

/* ---- life ---- */

int interp_init(struct x86_cpu *cpu)
{
	struct x86_interp *ip = mem_zalloc(sizeof(*ip));

	if (!ip)
		return -ENOMEM;
	cpu->interp = ip;
	ip->one = mem_zalloc(sizeof(struct x86_block) + 2 * sizeof(struct x86_uop));
	ip->arena = mem_pages(ARENA_BYTES);
	if (!ip->one || !ip->arena) {
		interp_free(cpu);
		return -ENOMEM;
	}
	return 0;
}

void interp_free(struct x86_cpu *cpu)
{
	struct x86_interp *ip = cpu->interp;

	if (!ip)
		return;
	if (ip->arena)
		mem_pages_free(ip->arena, ARENA_BYTES);
	mem_free(ip->one);
	mem_free(ip);
	cpu->interp = NULL;
}
