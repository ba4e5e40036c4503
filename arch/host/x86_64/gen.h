/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of the generator while it makes one block, and the pieces its files
 * share. Host registers: rsp = struct x86_cpu (its stack lies below), rax,
 * r14, r15 scratch; guest RAX and RSP live in r12 and r13, RCX RDX RBX RBP RSI
 * RDI R8-R11 in their namesakes, R12-R15 in memory; vector registers in
 * their namesakes while cpu->jit.vec_live. The guest's arithmetic flags are in
 * the host's, or in cpu->jit.fl, or both.
 */
#ifndef ARCH_HOST_X86_64_GEN_H
#define ARCH_HOST_X86_64_GEN_H

#include "../../jit/jit.h"
#include "asm.h"

#define T0 H_RAX
#define T1 H_R14
#define T2 H_R15

#define CPU(field) m_(H_RSP, (s32)offsetof(struct x86_cpu, field))
#define GPR_SLOT(r) m_(H_RSP, (s32)((r) * 8))

enum cold_kind {
	COLD_MEM,	/* slow path of an access; goes back */
	COLD_GROUP,	/* that of a group of accesses: goes back, or leaves for the same place by a block without groups... */
	COLD_LEAVE,	/* ...or for the interpreter */
	COLD_EXIT,	/* leaves with code */
	COLD_LINK,	/* leaves to be linked */
	COLD_FAR,	/* far branch to a constant offset */
	COLD_MISS,	/* far branch whose target is not in the jump table */
	COLD_HELPER,	/* the interpreter executes op (code); goes back */
	COLD_LOAD,	/* loads vector registers or x87 stack; goes back */
};

struct cold {
	u8 kind;
	u16 off;		/* of its instruction in the page */
	u8 *site[2];		/* displacements that lead here */
	const u8 *back;		/* executable address */
	const u8 *thunk;
	struct hrm page;	/* COLD_MEM, COLD_GROUP, COLD_LEAVE: page of the slot or entry, to be added first */
	u64 code;		/* exit code, JIT_INFO, JIT_GROUP, JIT_FAR, or target offset */
	struct jit_link *link;
};

#define COLDS (JIT_INSNS * 6)

#define GEN_GROUPS 32
#define GEN_NO_GROUP 0xff
#define GEN_NO_VALUE 0xffff

/* Accesses off the same registers. low, high: its bytes, as a displacement from the base's value in group.c. */
struct gen_group {
	u16 base, index;	/* values */
	u8  scale;
	u8  count, begin, last;	/* accesses; instructions of the first and the last */
	u8  slot;		/* of jit.group[] */
	bool write;		/* the check is for writes */
	bool real;		/* there is more than one access */
	bool open;		/* code of the check has been made */
	s64 low, high;
};

/* An access of an instruction: its memory operand, or what PUSH, POP, CALL, RET and LEAVE do to the stack. */
enum { GEN_MEM, GEN_STACK };
struct gen_place {
	u8  group;		/* GEN_NO_GROUP: of none */
	u8  size;
	s64 at;			/* displacement, as in the group */
};

struct gen {
	struct jit *j;
	struct jit_trace *t;
	struct jit_block *blk;
	struct ebuf b;
	struct jit_insn *i;	/* the current one */
	bool fl_host, fl_slot;	/* where the guest's flags are */
	u16 fl_made_up;		/* of those in the host's: to be cleared before anybody reads them */
	bool failed;		/* no room for metadata */
	unsigned ncold;
	struct cold cold[COLDS];
	u8 plan[JIT_INSNS];
	unsigned gathers;	/* native ones so far */
	unsigned ngroups;
	u8 in_rax;		/* the group whose address rax still holds, or GEN_NO_GROUP */
	struct gen_group group[GEN_GROUPS];
	struct gen_place place[JIT_INSNS][2];
};

/* What becomes of an instruction. */
enum plan {
	PLAN_HELPER,
	PLAN_NATIVE,
	PLAN_VEC,	/* native, and uses vector registers */
	PLAN_X87,	/* native, and uses the x87 stack (MMX does) */
	PLAN_VEC_X87,
};

extern const u8 gen_pin[16];	/* host register of a guest register, or H_NONE */

/* ---- gen.c ---- */

struct cold *gen_cold(struct gen *g, enum cold_kind kind, u8 *site);
/* Executes i by the interpreter. */
void gen_helper(struct gen *g);
/* The same in cold code: what COLD_HELPER takes. Flags are spilled before. */
u64 gen_helper_op(struct gen *g);
/* Leaves the block for the instruction at off; through a link when it is in this page. */
void gen_goto(struct gen *g, s64 off, bool look);
/* The same if cc holds. */
void gen_goto_cc(struct gen *g, unsigned cc, s64 off);
/* Branch to the address in rax; stack: what the branch has added to rSP. */
void gen_far(struct gen *g, int stack);
/* Whatever the block uses of vector registers and x87 stack is in the host's. */
void gen_units_check(struct gen *g);

/* ---- flags ---- */

/* Before code that destroys the host's flags, when live ones are only there. */
void gen_flags_spill(struct gen *g, u32 live);
/* The slot gets them too, and the host's flags stay. */
void gen_flags_keep(struct gen *g, u32 live);
/* Into the host's flags, for the current instruction. Uses rax. */
void gen_flags_fetch(struct gen *g);
/* The current instruction has left them in the host's. */
void gen_flags_made(struct gen *g);

/* ---- mem.c ---- */

/* Linear address of i's memory operand, into rax. */
void gen_ea(struct gen *g);
/*
 * Host address for an access of size bytes at the linear address in rax, into rax.
 * Destroys r14, r15, flags. slot: one of X86_JIT_SLOT_*, or GEN_PAGES.
 */
#define GEN_PAGES (-1)	/* the address may be in another page each time */
void gen_access(struct gen *g, unsigned size, bool write, bool ss, int slot);
/* The same for a read of a page, which leaves for the interpreter when the first TLB level lacks it. */
void gen_access_or_leave(struct gen *g, unsigned size);
/* Bits 31-n of rax, into the lower bits of r; the upper ones are anything. Destroys flags. */
void gen_shr(struct jit *j, struct ebuf *b, unsigned r, unsigned n);
/* Offset in x86_jit_cpu.pages[][] of the entry for the address in rax, into r. Destroys flags. */
void gen_page_index(struct jit *j, struct ebuf *b, unsigned r);
/* Both for i's memory operand. */
void gen_mem(struct gen *g, unsigned size, bool write);
/* The same, as a member of its group if it has one; the operand is off rax. Flags are spilled where they are destroyed. */
struct hrm gen_mem_at(struct gen *g, unsigned size, bool write);
/* The same for 8 bytes of the stack, disp from guest register reg, as place GEN_STACK. */
struct hrm gen_stack_at(struct gen *g, unsigned reg, s32 disp, bool write);
unsigned gen_use(struct gen *g, unsigned guest, unsigned scratch);
void gen_def(struct gen *g, unsigned guest, unsigned host);

/* ---- flow.c ---- */

/* Pushes jit.spill[0]. */
void gen_push_spilled(struct gen *g);

/* ---- group.c: fills group[] and place[], behind plan[] ---- */

void gen_find_groups(struct gen *g);

/* ---- plan.c: which instructions are generated how ---- */

enum plan gen_plan(struct gen *g, struct jit_insn *i);

/* ---- insn.c, flow.c: true when they know the instruction ---- */

bool gen_flow(struct gen *g);
bool gen_special(struct gen *g);
bool gen_string(struct gen *g);
bool gen_system(struct gen *g);
bool gen_gather(struct gen *g);
/* A gather that gen_gather() is to make; counted. */
bool gen_good_gather(struct gen *g, const struct x86_insn *in);
void gen_recode(struct gen *g);

#endif
