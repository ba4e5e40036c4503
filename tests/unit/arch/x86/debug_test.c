// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A debugger's breakpoints, watchpoints and steps, in chained blocks.
 * requires: CONFIG_X86
 */
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
