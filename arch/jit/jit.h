/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator's insides. trace.c decodes a run of instructions of one page
 * and finds out which flags live; arch/host/... makes code of it; cache.c
 * keeps code and finds it again; run.c enters it, links blocks, and has the
 * C side of what generated code calls.
 *
 * One cache for all vCPUs of a machine. Blocks are found without a lock, made
 * and dropped under jit->lock, whose holder never waits for another vCPU.
 */
#ifndef ARCH_JIT_JIT_H
#define ARCH_JIT_JIT_H

#include "../x86/interp/uop.h"
#include "x86/jit.h"

#define JIT_INSNS	64		/* of one block */
#define JIT_RANGES	12		/* of bytes that one block relies on */
#define JIT_HASH_BITS	16
#define JIT_PAGE_BITS	12
#define JIT_NO_PAGE	(~0ULL)
#define JIT_REGIONS	8
#define JIT_BLOCK_ROOM	(48 * KiB)	/* code of the largest block, with room */
#define JIT_JUMP_BITS	13		/* of one jump table */
#define JIT_TABLES	16		/* of a vCPU */
#define JIT_JUMP_HASH	0x9e3779b1u
#define JIT_STACK	(256 * KiB)	/* C stack below struct x86_cpu */

/*
 * Where branches find the block at a linear address: in its slot, or in one of the others of its set, where the common
 * piece looks. All 64 bits are compared, so a target that is not canonical, which is never entered here, finds
 * none. An unused slot has no entry, and an address that is looked for elsewhere.
 */
struct jit_jump {
	u64 lin;
	const u8 *entry;
};

/* The tables lie behind struct x86_cpu, one for each (code address space, mode). */
#define JIT_JUMPS_OFF	ALIGN_UP(sizeof(struct x86_cpu), (size_t)4096)
#define JIT_JUMPS_BYTES	(sizeof(struct jit_jump) << JIT_JUMP_BITS)
#define JIT_JUMP_WAYS	4		/* a set: slots whose addresses differ in two bits */
#define JIT_JUMP_WAY	(64 * sizeof(struct jit_jump))	/* the lower one */

/* Why generated code was left: bits 2-0 of what jit_enter() returns. */
enum jit_exit {
	JIT_EXIT_SET,		/* rip is set */
	JIT_EXIT_LINK,		/* the rest is a struct jit_link * */
	JIT_EXIT_NEXT,		/* bits 63-32: offset of rip from the page */
	JIT_EXIT_INTERP,	/* the same, and the interpreter is to execute what is there */
	JIT_EXIT_STALE,		/* as NEXT; the block there was dropped */
	JIT_EXIT_FAR,		/* rip is set and not in the jump table; bits 63-32: struct jit_far */
};

/* A branch through the jump table, for the fault that a non-canonical target raises. */
#define JIT_FAR_OFF(f)		((f) & 0xfff)			/* of the branch, in its page */
#define JIT_FAR_STACK(f)	((s32)(s16)((f) >> 16))		/* what it has added to rSP, to be taken back */
#define JIT_FAR(off, stack)	((u32)(off) | (u32)(u16)(stack) << 16)

/* Where an instruction is and what it accesses, as slow paths get it. */
#define JIT_INFO(off, len, ss, size) ((u32)(off) | (u32)(len) << 12 | (u32)(ss) << 16 | (u32)(size) << 17)
#define JIT_INFO_SLOT_SHIFT	24	/* number of the slot to be filled, in both sets */
#define JIT_INFO_OFF(i)		((i) & 0xfff)
#define JIT_INFO_LEN(i)		((i) >> 12 & 15)
#define JIT_INFO_SS(i)		((i) >> 16 & 1)
#define JIT_INFO_SIZE(i)	((i) >> 17 & 0x7f)

/* What a group of accesses gives instead, with the slot's number above. */
#define JIT_GROUP(bytes)	((u32)(bytes))

/* Bytes of accesses that struct x86_jit_slot.limit[n] is for. */
static inline unsigned jit_limit_bytes(unsigned n)
{
	return n < 2 ? 1 + 7 * n : 8u << n;
}

struct jit_block {
	_Atomic(struct jit_block *) next;	/* in its hash chain */
	struct jit_block *page_next;		/* of the same page, while listed */
	struct jit_block *region_next;		/* of the same region */
	u64 gpa;
	u32 mode, gen;
	struct x86_code_page *page;
	const u8 *entry;			/* executable address */
	const u8 *stale;			/* where the entry leads when the block is dropped */
	bool marker;				/* no code: the instruction there goes over the page's end */
	bool dropped;
	bool listed;				/* in jit.pages[] */
	u32 gen2;
	/*
	 * One instruction that goes over the page's end, with this second page. Reached
	 * through the jump table only, whose keys hold while both pages are mapped there.
	 */
	u64 gpa2;				/* JIT_NO_PAGE: an ordinary block */
	struct x86_code_page *page2;
	struct jit_block *next2;		/* of the same second page */
	struct jit_proof_insn *proof;		/* verify=on: its instructions */
	unsigned nproof;
};

/* What the comparison with the interpreter wants to know of an instruction; flags as in EFLAGS. */
struct jit_proof_insn {
	u16 off;		/* in the page */
	u16 live_in, live_out;	/* somebody may read them in front of it, behind it */
	bool string;
};

/* A direct jump inside a page. */
struct jit_link {
	u8 *site;		/* displacement, writable view */
	struct jit_block *from;
	s32 off;		/* of the target in the page */
	u32 region_gen;		/* flush_gen while its region was the current one: jit_region_live() */
	bool plain;		/* to a block without groups */
};

/* An instruction that the interpreter executes. */
struct jit_op {
	struct x86_uop uop[2];
	struct x86_insn in;
	u16 off;
	u8  flags;		/* JIT_OP_* */
};

#define JIT_OP_FLAGS	1	/* reads or writes the arithmetic flags */
#define JIT_OP_ENDS	2	/* goes on at rip, whatever mode this is, or back to the run loop, unless... */
#define JIT_OP_RESUMES	4	/* ...it stands behind itself and nothing is wanted: string instructions */

/* ---- a decoded run of instructions ---- */

struct jit_insn {
	struct x86_insn in;
	u16 off;		/* in the page */
	u16 live;		/* flags that somebody may read behind it */
	u16 live_in;		/* and before it */
	u16 live_taken;		/* at the target of a direct branch */
	s8  err;		/* x86_decode()'s; 0: fine */
	u8  raw[15];
};

#define JIT_TRACE_PIECE 256

struct jit_trace {
	struct x86_cpu *cpu;
	u64 gpa;		/* of the page */
	u64 gpa2;		/* of the page behind it for an instruction on both, or JIT_NO_PAGE */
	unsigned limit;		/* bytes of page[] that are valid */
	u32 mode;		/* jit_mode() */
	unsigned count;
	unsigned start;		/* offset of the first instruction */
	unsigned next;		/* where it goes on behind the last one */
	bool falls;		/* it does go on there */
	bool look;		/* when requests have been looked at */
	bool vec, x87;		/* uses vector registers, the x87 stack natively */
	unsigned nranges;
	struct { u16 off, len; } range[JIT_RANGES];
	const u8 *host;		/* the page itself, which others may write to */
	u8 page[4096 + 16];	/* copy of the code, in pieces as they are looked at */
	u32 copied;		/* of JIT_TRACE_PIECE bytes each */
	struct jit_insn insn[JIT_INSNS];
};

/* Mode of generated code: X86_MODEF_* and what else it depends on. */
#define JIT_MODE_DENY_SHIFT 16		/* exec_deny */
#define JIT_MODE_FPTRAP	0x01000000u	/* an SSE exception is unmasked */
#define JIT_MODE_X87TRAP 0x02000000u	/* an x87 exception is unmasked */
/*
 * A block that checks each access by itself, for what the check of a group leaves: never in a vCPU's mode or the
 * jump table, entered from the block with the group only.
 */
#define JIT_MODE_PLAIN	0x04000000u

static inline u32 jit_mode(const struct x86_cpu *cpu)
{
	return cpu->mode | (cpu->cpl == 3 ? X86_MODEF_CPL3 : 0) | (u32)cpu->exec_deny << JIT_MODE_DENY_SHIFT |
	       ((cpu->mxcsr & 0x1f80) != 0x1f80 ? JIT_MODE_FPTRAP : 0) |
	       ((cpu->fpu.cw & 0x3f) != 0x3f ? JIT_MODE_X87TRAP : 0);
}

/* ---- the cache ---- */

/* Addresses of the common pieces of code, executable view. */
struct jit_thunks {
	u64 (*enter)(struct x86_cpu *cpu, const u8 *entry);
	const u8 *leave;	/* rax: result of enter() */
	const u8 *far;		/* rax: rip, r14d: JIT_FAR, r15: its slot in the jump table */
	const u8 *mem_r, *mem_w;/* rax: linear address -> host address, r14d: JIT_INFO; fills the slot */
	const u8 *pages[2][2];	/* [CPL 3][write]; the same, for accesses by page */
	const u8 *group_slot[2], *group_page[2][2];	/* r14d: JIT_GROUP; 0: not in the first level, or on two pages */
	const u8 *helper;	/* rax: struct jit_op * */
	const u8 *vec_load, *x87_load;
	void (*raw_leave)(struct x86_cpu *cpu, u64 code) __noreturn;	/* from C called by generated code */
};

struct jit_region {
	u8 *rw, *used, *end;	/* code, writable view */
	u8 *meta, *meta_used, *meta_end;
	struct jit_block *blocks;
	u64 left;		/* the flush_gen since when all its blocks are dropped; 0: it holds nothing, or live blocks */
};

struct jit {
	struct x86_system *sys;
	pthread_mutex_t lock;
	bool single, verify;
	int fd;
	size_t bytes;		/* of the cache */
	u8 *rw, *rx;
	struct jit_region region[JIT_REGIONS];
	unsigned cur;
	bool stale;		/* a region whose blocks are dropped still has its memory */
	size_t meta_bytes;	/* of a region */
	u64 flush_gen;		/* counts changes of region; vCPUs that saw it use nothing of the region that is next */
	struct jit_thunks thunks;
	void *host;		/* the generator's */
	struct x86_jit_stats stats;
	u32 host_features[(X86_FEAT_COUNT + 31) / 32];
	_Atomic(struct jit_block *) hash[1u << JIT_HASH_BITS];
	struct jit_block *pages[1u << JIT_PAGE_BITS];	/* all blocks, by page */
	struct jit_block *pages2[1u << JIT_PAGE_BITS];	/* by second page */
};

#define JIT_HOLDS_NOTHING (~0ULL)

/* What a jump table is for. */
struct jit_space {
	u64 xtag;		/* 0: nothing */
	u32 mode;
	u32 next;		/* number of the one that was chosen behind it the last time */
	u64 chosen;		/* when: in jit_vcpu.time */
};

/* A vCPU's own part. */
struct jit_vcpu {
	_Atomic u64 seen_gen;	/* of flush_gen; JIT_HOLDS_NOTHING outside of x86_cpu_run() */
	u64 jumps_gen;		/* that the jump tables belong to */
	struct jit_space space[JIT_TABLES];
	unsigned cur;		/* number of the current jump table */
	u64 time;		/* changes of it */
	struct jit_proof *proof;	/* verify.c; NULL: off */
	struct jit_trace trace;
};

/* Jump table number n. */
static inline struct jit_jump *jit_jumps(struct x86_cpu *cpu, unsigned n)
{
	return (struct jit_jump *)(void *)((u8 *)cpu + JIT_JUMPS_OFF + n * JIT_JUMPS_BYTES);
}

/*
 * The upper bits of a product, for targets are aligned and close together. Never the
 * set for address and address + X86_ATTENTION.
 */
static inline unsigned jit_jump_index(u64 lin)
{
	return (u32)lin * JIT_JUMP_HASH >> (32 - JIT_JUMP_BITS);
}

/* Its slot in the current jump table. */
static inline struct jit_jump *jit_jump_slot(struct x86_cpu *cpu, u64 lin)
{
	return &cpu->jit.jumps[jit_jump_index(lin)];
}

/* Number n of the slots of its set, 0: itself. */
static inline struct jit_jump *jit_jump_other(struct jit_jump *slot, unsigned n)
{
	return (struct jit_jump *)((uintptr_t)slot ^ n * JIT_JUMP_WAY);
}

/* What was made at that flush_gen is there still; under the lock. The region behind the current one is empty. */
static inline bool jit_region_live(const struct jit *j, u32 region_gen)
{
	return (u32)j->flush_gen - region_gen <= JIT_REGIONS - 2;
}

/* run.c: all slots of the table become unused. */
void jit_jumps_clear(struct jit_jump *table);
/* ...and those of all the vCPU's tables that lead into the region. */
void jit_jumps_purge(struct x86_cpu *cpu, const struct jit_region *r);

/* cache.c; region and drop functions under the lock. */
struct jit_block *jit_cache_find(struct jit *j, u64 gpa, u64 gpa2, u32 mode);
bool jit_cache_room(struct jit *j);		/* false: no region is free yet */
void *jit_cache_meta(struct jit *j, size_t size);	/* NULL: none left, the block must do without */
void jit_cache_insert(struct jit *j, struct jit_block *b);

/* trace.c: decodes from the copy in t->page. No instructions: the one at start crosses the page's end. */
void jit_trace_decode(struct jit_trace *t);
/* The instruction at off goes over the page's end: it cannot be linked to. */
bool jit_trace_crosses(struct jit_trace *t, unsigned off);
struct jit_proof_insn jit_trace_proof(const struct jit_insn *i);
/*
 * Flags that the manual leaves undefined behind in: clear for our guests, whatever the host's processor makes of them.
 * Not among them: those of DIV and IDIV, which stay, and AF of logical instructions, which every processor clears.
 */
u32 jit_trace_made_up(const struct x86_insn *in);
/* Those of a shift or rotation by CL: with a count of 0 all flags stay, with 1 OF is defined. */
u32 jit_trace_by_count(const struct x86_insn *in);

/* verify.c */
int  jit_verify_init(struct jit_vcpu *v);
void jit_verify_free(struct jit_vcpu *v);
/* Executes the block at rip twice and compares; the instruction that generated code leaves to the interpreter, too. May unwind. */
void jit_verify_block(struct x86_cpu *cpu, struct jit_block *b);
/* Host address for a store that is to be compared; 0: the interpreter is to execute the instruction. */
u64  jit_verify_mem_w(struct x86_cpu *cpu, u64 lin, u32 info);

/* run.c */
/* Enters generated code; what it says when it leaves (enum jit_exit), and the rip that this means. */
u64  jit_enter(struct x86_cpu *cpu, const u8 *entry);
u64  jit_left_at(const struct x86_cpu *cpu, u64 code);
u64  jit_c_mem_r(struct x86_cpu *cpu, u64 lin, u32 info);
u64  jit_c_mem_w(struct x86_cpu *cpu, u64 lin, u32 info);
/* NULL: behind the instruction; else the entry of the block at rip. */
const u8 *jit_c_helper(struct x86_cpu *cpu, struct jit_op *op);
void jit_c_x87_load(struct x86_cpu *cpu);	/* fills x87_image */

/* arch/host/... : makes the common pieces; -ENOTSUP with *e. */
int  jit_host_init(struct jit *j, struct err *e);
void jit_host_free(struct jit *j);
/* Makes code for t in the current region; fills entry, stale. False: no room. */
bool jit_host_block(struct jit *j, struct jit_trace *t, struct jit_block *b);
/* Atomically: a jump that leads to to; a block whose entry leads to its stale exit. */
void jit_host_link(struct jit *j, u8 *site, const u8 *to);
void jit_host_drop(struct jit *j, struct jit_block *b);

#endif
