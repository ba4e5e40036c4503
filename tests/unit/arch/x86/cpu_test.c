// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Modes, gates, traps, self-modifying code, the LAPIC timer.
 * requires: CONFIG_X86
 */
#include "long_mode.h"

/* The next instruction is changed from inc to dec, in one block. */
GUEST(smc, "	mov $10, %eax\n	lea 1f(%rip), %rbx\n	movb $0xc8, 1(%rbx)\n1:	.byte 0xff, 0xc0\n" EXIT);

TEST(self_modifying_block)
{
	struct bare *b = bare_create("max");

	BARE_LOAD(b, 0x1000, smc);
	x86_cpu_setup_flat(b->cpu, true, 0);
	for (int i = 0; i < 3; i++) {	/* the second time the byte is already there */
		b->cpu->rip = 0x1000;
		CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
		CHECK_EQ((u32)b->cpu->gpr[X86_RAX], 9);
		BARE_LOAD(b, 0x1000, smc);
	}
	bare_destroy(b);
}

GUEST(ring3, "	mov $7, %ebx\n	int $0x80\n	mov $9, %ecx\n1:	jmp 1b\n");
GUEST(handler, "	mov %cs, %eax\n	mov 8(%rsp), %r12\n	mov 32(%rsp), %r13\n	lea -8(%rsp), %r14\n" EXIT "	iretq\n");

TEST(gate_from_ring_3)
{
	struct bare *b = bare_create("max");
	struct x86_segment cs, ss;

	long_enter(b, 0, 0x2000);
	BARE_LOAD(b, 0x2000, ring3);
	BARE_LOAD(b, 0x3000, handler);
	long_gate(b, 0x80, 0x3000, 3);
	*long_pte(b, LONG_PML4, 0x2000) |= PTE_U;
	cs = b->cpu->seg[X86_CS];
	ss = b->cpu->seg[X86_SS];
	cs.sel = 0x1b;
	cs.attr |= 0x60;
	ss.sel = 0x23;
	ss.attr |= 0x60;
	x86_set_segment(b->cpu, X86_CS, &cs);
	x86_set_segment(b->cpu, X86_SS, &ss);
	b->cpu->gpr[X86_RSP] = 0x5000;
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ(b->cpu->cpl, 0);
	CHECK_EQ((u16)b->cpu->gpr[X86_RAX], 8);
	CHECK_EQ(b->cpu->gpr[X86_R12], 0x1b);		/* CS of the interrupted code */
	CHECK_EQ(b->cpu->gpr[X86_R13], 0x23);		/* its SS */
	CHECK_EQ(b->cpu->gpr[X86_R14], 0xe0000 - 48);	/* five words below TSS.RSP0 */
	x86_cpu_step(b->cpu, bare_jit() ? 2 : 1);	/* iretq; the translator stops before EXIT's jump */
	CHECK_EQ(b->cpu->cpl, 3);
	CHECK_EQ(b->cpu->gpr[X86_RSP], 0x5000);
	x86_cpu_step(b->cpu, 1);
	CHECK_EQ(b->cpu->gpr[X86_RCX], 9);
	bare_destroy(b);
}

GUEST(breakpoint, "	int3\n");

TEST(triple_fault)
{
	struct bare *b = bare_create("max");

	long_enter(b, 0, 0x1000);
	BARE_LOAD(b, 0x1000, breakpoint);
	b->cpu->idt.limit = 0;
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_SHUTDOWN);
	CHECK(b->triple);
	bare_destroy(b);
}

/* Vector 3's gate is absent: #NP with its selector error code. */
GUEST(np_handler, "	pop %rax\n" EXIT);

TEST(absent_gate)
{
	struct bare *b = bare_create("max");

	long_enter(b, 0, 0x1000);
	BARE_LOAD(b, 0x1000, breakpoint);
	BARE_LOAD(b, 0x3000, np_handler);
	long_gate(b, X86_EXC_NP, 0x3000, 0);
	long_gate(b, 3, 0x3000, 0);
	long_word(b, LONG_IDT + 3 * 16)[0] &= ~(1ULL << 47);
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ(b->cpu->gpr[X86_RAX], 3 * 8 + 2);
	bare_destroy(b);
}

GUEST(stepped, "	pushfq\n	orl $0x100, (%rsp)\n	popfq\n	inc %ebx\n	inc %ebx\n");
GUEST(db_handler, "	mov (%rsp), %rax\n	mov %dr6, %rcx\n" EXIT);

TEST(single_step)
{
	struct bare *b = bare_create("max");

	long_enter(b, 0, 0x1000);
	BARE_LOAD(b, 0x1000, stepped);
	BARE_LOAD(b, 0x3000, db_handler);
	long_gate(b, X86_EXC_DB, 0x3000, 0);
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ(b->cpu->gpr[X86_RBX], 1);
	CHECK_EQ(b->cpu->gpr[X86_RCX] & 0x4000, 0x4000);
	CHECK_EQ(b->cpu->gpr[X86_RAX], 0x1000 + (u64)(stepped_end - stepped) - 2);
	bare_destroy(b);
}

GUEST(watched, "	mov %rax, %dr0\n	mov $0x50001, %ecx\n	mov %rcx, %dr7\n	movw $1, 2(%rax)\n	movw $1, (%rax)\n	inc %ebx\n");

TEST(data_breakpoint)
{
	struct bare *b = bare_create("max");

	long_enter(b, 0, 0x1000);
	BARE_LOAD(b, 0x1000, watched);
	BARE_LOAD(b, 0x3000, db_handler);
	long_gate(b, X86_EXC_DB, 0x3000, 0);
	b->cpu->gpr[X86_RAX] = 0x5000;
	b->cpu->gpr[X86_RBX] = 0;
	b->cpu->dr6 = 0;
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ(b->cpu->gpr[X86_RCX] & 15, 1);
	CHECK_EQ(b->cpu->gpr[X86_RBX], 0);
	CHECK_EQ(b->cpu->gpr[X86_RAX], 0x1000 + (u64)(watched_end - watched) - 2);
	bare_destroy(b);
}

GUEST(real, "	.code16\n	mov $0x1234, %ax\n	mov %ax, %ds\n	movw $0x5678, %ds:0x10\n	int $0x21\n	mov $0xf4, %dx\n	out %al, %dx\n");
GUEST(real_handler, "	.code16\n	mov $0x4242, %bx\n	iret\n");

TEST(real_mode)
{
	struct bare *b = bare_create("qemu64");

	BARE_LOAD(b, 0x7c00, real);
	BARE_LOAD(b, 0x600, real_handler);
	*(u32 *)(void *)(b->ram + 0x21 * 4) = 0x00600000;
	b->cpu->seg[X86_CS].base = 0;
	b->cpu->seg[X86_CS].sel = 0;
	b->cpu->rip = 0x7c00;
	b->cpu->gpr[X86_RSP] = 0x7000;
	x86_cpu_changed(b->cpu);
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ(*(u16 *)(void *)(b->ram + 0x12350), 0x5678);
	CHECK_EQ((u16)b->cpu->gpr[X86_RBX], 0x4242);
	CHECK_EQ((u16)b->cpu->gpr[X86_RSP], 0x7000);
	bare_destroy(b);
}

/* x2APIC, TSC deadline, HLT: the interrupt wakes and is accepted. */
GUEST(sleeper,
"	mov $0x1b, %ecx\n	rdmsr\n	or $0xc00, %eax\n	wrmsr\n"
"	mov $0x80f, %ecx\n	mov $0x1ff, %eax\n	xor %edx, %edx\n	wrmsr\n"
"	mov $0x832, %ecx\n	mov $0x40030, %eax\n	wrmsr\n"
"	mov $0x6e0, %ecx\n	mov $5000, %eax\n	wrmsr\n	sti\n	hlt\n	inc %r15d\n" EXIT);
GUEST(timer_handler, "	inc %r14d\n	mov $0x80b, %ecx\n	xor %eax, %eax\n	xor %edx, %edx\n	wrmsr\n	iretq\n");

TEST(tsc_deadline_wakes_hlt)
{
	struct bare *b = bare_create("max");

	long_enter(b, 0, 0x1000);
	BARE_LOAD(b, 0x1000, sleeper);
	BARE_LOAD(b, 0x3000, timer_handler);
	long_gate(b, 0x30, 0x3000, 0);
	b->now_ns = 1000;
	b->cpu->gpr[X86_R14] = b->cpu->gpr[X86_R15] = 0;
	x86_cpu_step(b->cpu, 14);
	CHECK_EQ(b->timer_ns, 5000);
	b->now_ns = 5000;
	x86_lapic_timer_fire(b->cpu);
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ((u32)b->cpu->gpr[X86_R14], 1);
	CHECK_EQ((u32)b->cpu->gpr[X86_R15], 1);
	bare_destroy(b);
}

TEST(cpu_model_arguments)
{
	struct x86_cpu_model m;
	struct err e = ERR_INIT;

	CHECK_EQ(x86_cpu_model_parse(&m, "vmbox", &e), 0);
	CHECK(m.features[X86_FEAT_AVX2]);
	CHECK_STR_EQ(m.vendor, "AuthenticAMD");
	CHECK_EQ(x86_cpu_model_parse(&m, "max,-avx2,+x2apic,vendor=GenuineIntel,sse4_1=off", &e), 0);
	CHECK(!m.features[X86_FEAT_AVX2]);
	CHECK(!m.features[X86_FEAT_SSE41]);
	CHECK_STR_EQ(m.vendor, "GenuineIntel");
	CHECK_EQ(x86_cpu_model_parse(&m, "max,+nonsense", &e), -EINVAL);
	err_clear(&e);
	CHECK_EQ(x86_cpu_model_parse(&m, "pentium9", &e), -EINVAL);
}

GUEST(counters, "	mov $0xc0010000, %ecx\n	rdmsr\n	wrmsr\n	mov $0xc0010007, %ecx\n	rdmsr\n	wrmsr\n	mov $1, %esi\n" EXIT);

/* AMD's first counters need no CPUID bit: whoever clears them gets no #GP. */
TEST(k7_counters_are_there)
{
	struct bare *b = bare_create("vmbox");

	long_enter(b, 0, 0x2000);
	BARE_LOAD(b, 0x2000, counters);
	b->cpu->gpr[X86_RSI] = 0;
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ(b->cpu->gpr[X86_RSI], 1);
	bare_destroy(b);
}

GUEST(period_start, "	mov $0x1b, %ecx\n	rdmsr\n	or $0xc00, %eax\n	wrmsr\n	xor %edx, %edx\n"
      "	mov $0x832, %ecx\n	mov $0x30020, %eax\n	wrmsr\n	mov $0x83e, %ecx\n	mov $0xb, %eax\n	wrmsr\n"
      "	mov $0x838, %ecx\n	mov $1000, %eax\n	wrmsr\n" EXIT);
GUEST(period_read, "	mov $0x839, %ecx\n	rdmsr\n	mov %eax, %esi\n" EXIT);

/* Whoever is late to look at a periodic timer reads what is left of the period of now. */
TEST(periodic_count_goes_on)
{
	static const struct { u64 ns; u32 count; } steps[] = { { 300, 700 }, { 1200, 800 }, { 3999, 1 } };
	struct bare *b = bare_create("max");

	long_enter(b, 0, 0x2000);
	BARE_LOAD(b, 0x2000, period_start);
	BARE_LOAD(b, 0x3000, period_read);
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	u64 start = b->now_ns;
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		b->now_ns = start + steps[i].ns;
		b->cpu->rip = 0x3000;
		CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
		CHECK_EQ((u32)b->cpu->gpr[X86_RSI], steps[i].count);
	}
	bare_destroy(b);
}

GUEST(mode_write, "	mov $0x832, %ecx\n	xor %edx, %edx\n	wrmsr\n	mov $0x839, %ecx\n	rdmsr\n	mov %eax, %esi\n" EXIT);

/* A count goes on when one-shot becomes periodic and back; one that was over in the old mode stays so. */
TEST(timer_mode_change_keeps_the_count)
{
	static const struct { u64 ns; u32 lvt, count; } steps[] = {
		{ 300, 0x10020, 700 }, { 400, 0x30020, 600 }, { 1250, 0x30020, 750 }, { 1300, 0x10020, 700 },
		{ 2100, 0x30020, 0 }, { 2200, 0x50020, 0 },
	};
	struct bare *b = bare_create("max");

	long_enter(b, 0, 0x2000);
	BARE_LOAD(b, 0x2000, period_start);
	BARE_LOAD(b, 0x3000, mode_write);
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	u64 start = b->now_ns;
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		b->now_ns = start + steps[i].ns;
		b->cpu->rip = 0x3000;
		b->cpu->gpr[X86_RAX] = steps[i].lvt;
		CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
		CHECK_EQ((u32)b->cpu->gpr[X86_RSI], steps[i].count);
	}
	bare_destroy(b);
}
