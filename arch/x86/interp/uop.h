/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Predecoded code. A block is a run of instructions inside one page, each a
 * 32-byte struct x86_uop whose handler was chosen once by op, operand kinds
 * and sizes. A handler returns the next uop (u + 1, or the first of a chained
 * block) or NULL to leave the chain with rip set.
 *
 * rip stays at the block's first instruction while it runs; an
 * instruction's own address is rip + off. Blocks are found by physical
 * address and mode, so nothing in them depends on where they are mapped.
 */
#ifndef ARCH_X86_INTERP_UOP_H
#define ARCH_X86_INTERP_UOP_H

#include "../priv.h"

struct x86_uop;
typedef const struct x86_uop *(*x86_uop_fn)(struct x86_cpu *cpu, const struct x86_uop *u);

struct x86_uop {
	x86_uop_fn fn;
	union {
		struct {
			u8 r1, r2;		/* register numbers; byte offsets into gpr[] for 8-bit operands */
			u8 base, index;		/* enum x86_reg; RIP is the block's, disp is adjusted */
			u8 scale, seg;
			u8 size, spare;
		};
		x86_exec_fn exec;		/* UOP_GENERAL */
	};
	s32 disp;
	u16 off;				/* from the block's first byte */
	u8  len;
	u8  flags;				/* UOP_* */
	union {
		u64 imm;			/* branches: target relative to the block's rip */
		const struct x86_insn *in;	/* UOP_GENERAL */
	};
};

#define UOP_GENERAL	0x01	/* exec and in are valid */

_Static_assert(sizeof(struct x86_uop) == 32, "struct x86_uop grew");

struct x86_block {
	struct x86_block *hash_next;
	u64 gpa;
	const struct x86_code_page *page;
	u32 gen;
	u32 mode;
	u16 bytes, count;
	u32 unused;
	/* taken and not taken: valid while xtag stands */
	struct x86_block *edge[2];
	u64 edge_xtag[2];
	struct x86_uop uop[];
};

#define BLOCK_UOPS	48
#define HASH_BITS	14
#define JUMP_BITS	12
#define ARENA_BYTES	(12 * MiB)

struct x86_jump {
	u64 rip, xtag;
	struct x86_block *block;
	u64 mode;
};

struct x86_interp {
	struct x86_jump jump[1u << JUMP_BITS];
	struct x86_block *hash[1u << HASH_BITS];
	u8 *arena;
	size_t arena_used;
	struct x86_block *block;	/* entered last */
	struct x86_block **link;	/* edge to fill when the next block is known, or NULL */
	u64 *link_xtag;
	u64 blocks, flushes;
	/* one instruction at a time */
	struct x86_block *one;
	struct x86_insn one_insn;
};

/* ---- for handlers ---- */

static __always_inline u64 ureg(const struct x86_cpu *cpu, unsigned n)
{
	return ((const u64 *)(const void *)cpu)[n];
}

_Static_assert(offsetof(struct x86_cpu, gpr) == 0, "ureg() indexes from the start");
_Static_assert(offsetof(struct x86_cpu, rip) == X86_REG_RIP * 8, "rip is register 16");
_Static_assert(offsetof(struct x86_cpu, zero) == X86_REG_NONE * 8, "zero is register 17");

static __always_inline u8 *reg8(struct x86_cpu *cpu, unsigned off)
{
	return (u8 *)cpu->gpr + off;
}

/* Linear address in 64-bit and flat 32-bit code. */
static __always_inline u64 uea(const struct x86_cpu *cpu, const struct x86_uop *u)
{
	return (ureg(cpu, u->base) + (ureg(cpu, u->index) << u->scale) + (u64)(s64)u->disp + cpu->seg_base[u->seg]) &
	       cpu->lin_mask;
}

/* ---- predecode.c ---- */

/* Fills u for in, at off in its block; keep is where the instruction will stay. True: the block ends here. */
bool predecode_insn(struct x86_cpu *cpu, struct x86_uop *u, const struct x86_insn *in,
		    const struct x86_insn *keep, u32 mode, unsigned off);
/* The STI at u has an instruction behind it in its block: it need not end it. */
void predecode_sti_inside(struct x86_uop *u);
/* For bytes that x86_decode() refused with err. */
void predecode_fault(struct x86_uop *u, int err, unsigned off);
/* The uop behind the last instruction: goes on with the next block, or (one) stops. */
void predecode_end(struct x86_uop *u, unsigned off, bool one);
/* Specialised handler for frequent forms in 64-bit and flat 32-bit code, or NULL. hot_*.c */
x86_uop_fn hot_select(const struct x86_insn *in, struct x86_uop *u, u32 mode);

/* ---- block.c ---- */

/* Enters the block at rip if the jump cache knows it; NULL: the run loop looks. */
const struct x86_uop *uop_goto_indirect(struct x86_cpu *cpu, u64 target);
/* Log lines: -d in_asm, and -d cpu,exec. trace.c */
void interp_log_block(struct x86_cpu *cpu, const struct x86_block *b);
void interp_log_entry(struct x86_cpu *cpu);

/* Direct branch: slot 0 taken, 1 not taken. */
const struct x86_uop *uop_goto_slow(struct x86_cpu *cpu, u64 target, unsigned slot);

static __always_inline const struct x86_uop *uop_goto(struct x86_cpu *cpu, u64 target, unsigned slot)
{
	struct x86_block *b = cpu->interp->block, *n = b->edge[slot];

	if (likely(n && b->edge_xtag[slot] == cpu->xtag &&
		   atomic_load_explicit(&n->page->gen, memory_order_relaxed) == n->gen &&
		   !atomic_load_explicit(&cpu->attn, memory_order_relaxed))) {
		cpu->rip = target;
		cpu->icount += b->count;
		cpu->interp->block = n;
		return n->uop;
	}
	return uop_goto_slow(cpu, target, slot);
}

#endif
