// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A debugger's breakpoints, watchpoints and steps, in chained blocks.
 * requires: CONFIG_X86
 */
#include <stdatomic.h>
#include "long_mode.h"

#define DATA	0x8000
#define CALLEE	0x3000

/* Three rounds: counts in ebx, a byte of DATA each, calls CALLEE (another page). */
GUEST(rounds,
      "	mov $0x3000, %edi\n	xor %ebx, %ebx\n"
      "1:	inc %ebx\n	mov %bl, 0x8004\n	mov 0x8010, %rax\n	call *%rdi\n	cmp $3, %ebx\n	jne 1b\n" EXIT);
GUEST(callee, "	nop\n	inc %esi\n	ret\n");
GUEST(ret_handler, "	inc %ebp\n	iretq\n");

static struct bare *start(void)
{
	struct bare *b = bare_create("max");

	long_enter(b, 0, 0x2000);
	BARE_LOAD(b, 0x2000, rounds);
	BARE_LOAD(b, CALLEE, callee);
	b->cpu->gpr[X86_RSI] = 0;
	return b;
}

TEST(break_on_chained_code)
{
	struct bare *b = start();
	struct x86_cpu *c = b->cpu;

	/* Blocks are linked by a run without breakpoints first. */
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_REQUEST);
	CHECK_EQ(c->gpr[X86_RSI], 3);
	c->rip = 0x2000;
	CHECK_EQ(x86_debug_break_add(c, CALLEE + 1), 0);
	for (u64 i = 1; i <= 3; i++) {
		CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
		CHECK_EQ(c->dbg.why, X86_DEBUG_STOP_BREAK);
		CHECK_EQ(c->dbg.hit, CALLEE + 1);
		CHECK_EQ(c->rip, CALLEE + 1);
		CHECK_EQ(c->gpr[X86_RBX], i);
		CHECK_EQ(c->gpr[X86_RSI], 2 + i);
		/* Whoever does not pass runs into it again. */
		CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
		CHECK_EQ(c->gpr[X86_RSI], 2 + i);
		x86_debug_pass(c, true);
	}
	CHECK_EQ(x86_debug_break_del(c, CALLEE), -ENOENT);
	CHECK_EQ(x86_debug_break_del(c, CALLEE + 1), 0);
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_REQUEST);
	CHECK_EQ(c->gpr[X86_RSI], 6);
	bare_destroy(b);
}

TEST(pass_is_for_one_place)
{
	struct bare *b = start();
	struct x86_cpu *c = b->cpu;

	CHECK_EQ(x86_debug_break_add(c, CALLEE), 0);
	x86_debug_pass(c, true);	/* it stands on none: nothing to pass */
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
	CHECK_EQ(c->rip, CALLEE);
	bare_destroy(b);
}

static void watch(enum x86_debug_watch kind, u64 addr, u64 len, u64 hit, unsigned hits)
{
	struct bare *b = start();
	struct x86_cpu *c = b->cpu;

	CHECK_EQ(x86_debug_watch_add(c, addr, len, kind), 0);
	for (unsigned i = 0; i < hits; i++) {
		CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
		CHECK_EQ(c->dbg.why, X86_DEBUG_STOP_WATCH);
		CHECK_EQ(c->dbg.hit, hit);
	}
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_REQUEST);
	CHECK_EQ(c->gpr[X86_RSI], 3);
	CHECK_EQ(x86_debug_watch_del(c, addr, len, kind), 0);
	bare_destroy(b);
}

TEST(watchpoints)
{
	watch(X86_DEBUG_WATCH_WRITE, DATA + 4, 1, DATA + 4, 3);
	watch(X86_DEBUG_WATCH_WRITE, DATA, 8, DATA + 4, 3);
	watch(X86_DEBUG_WATCH_WRITE, DATA + 5, 8, 0, 0);
	watch(X86_DEBUG_WATCH_READ, DATA + 4, 1, 0, 0);
	watch(X86_DEBUG_WATCH_READ, DATA + 0x17, 1, DATA + 0x17, 3);
	watch(X86_DEBUG_WATCH_WRITE, DATA + 0x10, 8, 0, 0);
}

TEST(watch_both_kinds)
{
	struct bare *b = start();
	struct x86_cpu *c = b->cpu;

	CHECK_EQ(x86_debug_watch_add(c, DATA, 32, X86_DEBUG_WATCH_ACCESS), 0);
	for (unsigned i = 0; i < 6; i++) {
		CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
		CHECK_EQ(c->dbg.hit, i & 1 ? DATA + 0x10 : DATA + 4);
	}
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_REQUEST);
	bare_destroy(b);
}

TEST(step_goes_into_the_handler_of_a_fault)
{
	struct bare *b = start();
	struct x86_cpu *c = b->cpu;

	long_gate(b, 6, 0x4000, 0);
	BARE_LOAD(b, 0x4000, ret_handler);
	b->ram[CALLEE] = 0x0f;		/* ud2 */
	b->ram[CALLEE + 1] = 0x0b;
	c->rip = CALLEE;
	c->dbg.step = X86_DEBUG_STEP;
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
	CHECK_EQ(c->dbg.why, X86_DEBUG_STOP_STEP);
	CHECK_EQ(c->rip, 0x4000);
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
	CHECK_EQ(c->rip, CALLEE);
	bare_destroy(b);
}

/* ---- what the guest sees of its own debug registers ---- */

/* Counts in ebx, keeps DR6 of the last one in ecx, goes on. */
GUEST(count_db, "	inc %ebx\n	mov %dr6, %rcx\n	movl $0x8000, (%rsi)\n	iretq\n");
#define ARM "	mov %rax, %dr0\n	mov $0x30401, %ecx\n	mov %rcx, %dr7\n"	/* one byte, read or written */
GUEST(held_icebp, ARM "	mov (%rax), %ss\n	.byte 0xf1\n	nop\n" EXIT);
GUEST(held_int1, ARM "	mov (%rax), %ss\n	int $1\n	nop\n" EXIT);

static unsigned held(const u8 *from, const u8 *to)
{
	struct bare *b = bare_create("max");
	struct x86_cpu *c = b->cpu;
	unsigned n;

	long_enter(b, 0, 0x2000);
	long_gate(b, X86_EXC_DB, 0x4000, 0);
	BARE_LOAD(b, 0x4000, count_db);
	bare_load(b, 0x2000, from, to);
	b->ram[DATA] = 0x10;
	c->gpr[X86_RAX] = DATA;
	c->gpr[X86_RBX] = 0;
	c->gpr[X86_RSI] = DATA + 0x100;
	c->dr6 = 0xffff0ff0;
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_REQUEST);
	CHECK_EQ(c->gpr[X86_RCX] & 0xf, 1);
	n = (unsigned)c->gpr[X86_RBX];
	bare_destroy(b);
	return n;
}

TEST(breakpoint_held_by_a_load_of_ss)
{
	CHECK_EQ(held(held_icebp, held_icebp_end), 1);
	CHECK_EQ(held(held_int1, held_int1_end), 2);
}

GUEST(sysret, "	sysretq\n");
GUEST(program, "1:	inc %ebx\n	jmp 1b\n");
GUEST(where, "	mov (%rsp), %rax\n	mov %dr6, %rdi\n" EXIT);

TEST(tf_of_sysret_traps_before_the_program)
{
	struct bare *b = bare_create("max");
	struct x86_cpu *c = b->cpu;

	long_enter(b, 0, 0x2000);
	long_gate(b, X86_EXC_DB, 0x4000, 0);
	BARE_LOAD(b, 0x4000, where);
	BARE_LOAD(b, 0x2000, sysret);
	BARE_LOAD(b, CALLEE, program);
	*long_pte(b, LONG_PML4, CALLEE) |= PTE_U;
	c->msr.star = 0x10ULL << 48 | 8ULL << 32;
	c->gpr[X86_RCX] = CALLEE;
	c->gpr[X86_R11] = 0x102;
	c->gpr[X86_RBX] = 0;
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_REQUEST);
	CHECK_EQ(c->gpr[X86_RAX], CALLEE);
	CHECK_EQ(c->gpr[X86_RBX], 0);
	CHECK_EQ(c->gpr[X86_RDI] & 0x4000, 0x4000);
	bare_destroy(b);
}

GUEST(count_nmi, "	inc %ebx\n	iretq\n");

TEST(two_nmis_before_the_first_is_seen_are_two)
{
	struct bare *b = start();
	struct x86_cpu *c = b->cpu;

	long_gate(b, 2, 0x4000, 0);
	BARE_LOAD(b, 0x4000, count_nmi);
	c->gpr[X86_RBX] = 0;
	for (unsigned i = 0; i < 5; i++)
		x86_cpu_nmi(c);
	for (unsigned i = 0; i < 5; i++)	/* the deliveries, inc, iretq */
		x86_cpu_step(c, 1);
	CHECK_EQ(c->gpr[X86_RBX], 2);
	CHECK_EQ(atomic_load(&c->req) & (X86_REQ_NMI | X86_REQ_NMI_MORE), 0u);
	bare_destroy(b);
}

TEST(one_nmi_waits_for_the_handler)
{
	struct bare *b = start();
	struct x86_cpu *c = b->cpu;

	long_gate(b, 2, 0x4000, 0);
	BARE_LOAD(b, 0x4000, count_nmi);
	c->gpr[X86_RBX] = 0;
	x86_cpu_nmi(c);
	x86_cpu_step(c, 1);		/* in the handler */
	CHECK_EQ(c->nmi_masked, 1);
	for (unsigned i = 0; i < 5; i++)
		x86_cpu_nmi(c);
	for (unsigned i = 0; i < 8; i++)
		x86_cpu_step(c, 1);
	CHECK_EQ(c->nmi_masked, 0);
	CHECK_EQ(atomic_load(&c->req) & (X86_REQ_NMI | X86_REQ_NMI_MORE), 0u);
	bare_destroy(b);
}

TEST(step_without_interrupts)
{
	struct bare *b = start();
	struct x86_cpu *c = b->cpu;

	long_gate(b, 2, 0x4000, 0);
	BARE_LOAD(b, 0x4000, ret_handler);
	c->dbg.step = X86_DEBUG_STEP | X86_DEBUG_NOIRQ;
	x86_cpu_request(c, X86_REQ_NMI);
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
	CHECK_EQ(c->rip, 0x2005);
	c->dbg.step = X86_DEBUG_STEP;
	x86_cpu_kick(c);
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
	CHECK_EQ(c->rip, 0x4002);
	/* One that sleeps stays where it is, instead of waiting for ever. */
	c->activity = X86_ACT_WAIT_SIPI;
	CHECK_EQ(x86_cpu_run(c), X86_EXIT_DEBUG);
	bare_destroy(b);
}

/* Code 1 has a breakpoint of the processor's own. */
GUEST(ss_load, "	lea 1f(%rip), %rax\n	mov %rax, %dr0\n	mov $0x402, %eax\n	mov %rax, %dr7\n"
      "	mov $0x10, %eax\n	mov %eax, %ss\n1:	xor %eax, %eax\n" EXIT);
GUEST(resume_handler, "	inc %ebp\n	orl $0x10000, 16(%rsp)\n	iretq\n");

/* Intel's processors hold it behind a load of SS, AMD's do not. */
TEST(code_breakpoint_behind_a_load_of_ss)
{
	static const char *const models[] = { "max", "max,vendor=GenuineIntel" };

	for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
		struct bare *b = bare_create(models[i]);

		long_enter(b, 0, 0x2000);
		BARE_LOAD(b, 0x2000, ss_load);
		BARE_LOAD(b, 0x4000, resume_handler);
		long_gate(b, 1, 0x4000, 0);
		b->cpu->gpr[X86_RBP] = 0;
		CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
		CHECK_EQ(b->cpu->gpr[X86_RBP], i ? 0 : 1);
		bare_destroy(b);
	}
}
