// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Translated code where it differs from an interpreter: code that changes,
 * pages that are mapped elsewhere, faults in the middle of a block. Each case
 * runs by both, and both must end in the same state.
 * requires: CONFIG_JIT
 */
#include "arch/jit/jit.h"
#include "unit/arch/x86/long_mode.h"

static struct bare *run_in(struct bare *b, const u8 *from, const u8 *to)
{
	long_enter(b, 0, 0x2000);
	bare_load(b, 0x2000, from, to);
	b->cpu->stop_on_exc = 1;
	x86_cpu_run(b->cpu);
	return b;
}

static struct bare *run_by(bool jit, const u8 *from, const u8 *to)
{
	return run_in(bare_create_accel("max", jit), from, to);
}

static const struct x86_jit_config verify = { .cache_bytes = 4 * MiB, .verify = true };

/* In lock-step with the interpreter: nothing differs, and both end as the interpreter alone does. */
static void run_verified(const u8 *from, const u8 *to, const struct bare *want)
{
	struct bare *b = run_in(bare_create_jit("max", &verify, 1), from, to);
	struct x86_jit_stats st;

	x86_jit_stats(b->sys, &st);
	CHECK(st.verified > 0);
	CHECK_EQ(st.differences, 0);
	for (unsigned n = 0; n < 16; n++)
		CHECK_EQ(b->cpu->gpr[n], want->cpu->gpr[n]);
	CHECK(!memcmp(b->ram + 0x2000, want->ram + 0x2000, 0xb0000 - 0x2000));
	bare_destroy(b);
}

/* Both end alike; the translated one is left for more checks. */
static struct bare *run_both(const u8 *from, const u8 *to)
{
	struct bare *i = run_by(false, from, to), *j = run_by(true, from, to);
	struct x86_jit_stats st;

	for (unsigned n = 0; n < 16; n++)
		CHECK_EQ(j->cpu->gpr[n], i->cpu->gpr[n]);
	CHECK_EQ(j->cpu->exit_reason, i->cpu->exit_reason);
	CHECK_EQ(j->cpu->exc_vec, i->cpu->exc_vec);
	if (i->cpu->exit_reason == X86_EXIT_EXCEPTION)
		CHECK_EQ(j->cpu->rip, i->cpu->rip);
	CHECK(!memcmp(j->ram + 0x2000, i->ram + 0x2000, 0xb0000 - 0x2000));
	x86_jit_stats(j->sys, &st);
	CHECK(st.blocks > 0);
	CHECK_EQ(j->mmio_reads, i->mmio_reads);
	if (st.blocks < 1000)
		run_verified(from, to, i);
	bare_destroy(i);
	return j;
}

#define RUN_BOTH(name) run_both(name, name##_end)

/* A function whose constant the caller rewrites before each call. */
GUEST(patched_callee,
      "	mov $1000, %ecx\n	xor %ebx, %ebx\n"
      "1:	mov %ecx, 0x2101\n	call 2f\n	add %rax, %rbx\n	dec %ecx\n	jnz 1b\n" EXIT
      "	.org patched_callee + 0x100, 0x90\n2:	mov $0, %eax\n	ret\n");

TEST(code_changed_by_another_block)
{
	struct bare *b = RUN_BOTH(patched_callee);

	CHECK_EQ(b->cpu->gpr[X86_RBX], 500500);
	bare_destroy(b);
}

/* The instruction behind the store is the one that is changed, each time round. */
GUEST(patched_next,
      "	mov $100, %ecx\n	xor %ebx, %ebx\n"
      "1:	movb %cl, 2f+1-patched_next+0x2000\n2:	mov $0, %al\n	movzbl %al, %eax\n	add %eax, %ebx\n"
      "	dec %ecx\n	jnz 1b\n" EXIT);

TEST(code_changed_in_its_own_block)
{
	struct bare *b = RUN_BOTH(patched_next);

	CHECK_EQ(b->cpu->gpr[X86_RBX], 5050);
	bare_destroy(b);
}

/* Data beside code: stores to the same page, at the code's own 64 bytes and elsewhere, are all kept. */
GUEST(data_beside,
      "	mov $500, %ecx\n1:	mov %rcx, 0x2e00\n	add %rcx, 0x2e08\n	lock incl 0x2e10\n	push 0x2e00\n	popq 0x2e18\n"
      "	incq 2f-data_beside+0x2000\n	dec %ecx\n	jnz 1b\n	mov 0x2e08, %rbx\n	mov 2f-data_beside+0x2000, %rdx\n" EXIT
      "2:	.quad 0\n");

TEST(data_on_a_code_page)
{
	struct bare *b = RUN_BOTH(data_beside);

	CHECK_EQ(b->cpu->gpr[X86_RBX], 125250);
	bare_destroy(b);
}

/* A string instruction that begins beside code and goes on into it. */
GUEST(string_into_code,
      "	movb $0xb8, 0x30fc0\n	movb $0xc3, 0x30fc5\n	mov $50, %r8d\n	xor %ebx, %ebx\n"
      "1:	mov $0x30fc0, %edx\n	call *%rdx\n	add %rax, %rbx\n"
      "	mov $0x30f01, %edi\n	mov %r8, (%rdi)\n	mov %r8d, %eax\n	mov $0xc4, %ecx\n	rep stosb\n"
      "	mov $0x30fc0, %edx\n	call *%rdx\n	lea (%rax, %rbx, 2), %rbx\n	mov $0xffffff, %eax\n	and %rax, %rbx\n"
      "	lea 0x80(%r8), %rax\n	mov %al, 0x40001\n	mov $0x40000, %esi\n	mov $0x30fbf, %edi\n	mov $2, %ecx\n	movb $0xb8, (%rsi)\n"
      "	inc %edi\n	rep movsb\n	call *%rdx\n	add %rax, %rbx\n	dec %r8d\n	jnz 1b\n" EXIT);

TEST(string_instructions_into_code)
{
	bare_destroy(RUN_BOTH(string_into_code));
}

/* A device's registers as the source: each is read once. */
GUEST(string_from_device,
      "	movl $0xe0000003, 0x103000+0x30*8\n	invlpg 0x30000\n"
      "	mov $2, %ebx\n1:	mov $0x30000, %esi\n	mov $0x31000, %edi\n	mov $5, %ecx\n	rep movsl\n"
      "	dec %ebx\n	jnz 1b\n" EXIT);

TEST(string_from_a_device)
{
	for (unsigned jit = 0; jit < 2; jit++) {
		struct bare *b = run_by(jit, string_from_device, string_from_device_end);

		CHECK_EQ(b->mmio_reads, 10);
		CHECK_EQ(b->cpu->gpr[X86_RDI], 0x31014);
		CHECK_EQ(get_le64(b->ram + 0x31010), 0xffffffff);
		bare_destroy(b);
	}
}

/* Address size 32 and no element: Intel's processors clear upper halves of the pointers of two instructions. */
#define ALL_ONES "	mov $-1, %rsi\n	mov $-1, %rdi\n	movabs $0x100000000, %rcx\n"
GUEST(no_movs, ALL_ONES "	.byte 0x67\n	rep movsb\n" EXIT);
GUEST(no_stos, ALL_ONES "	.byte 0x67\n	rep stosl\n" EXIT);
GUEST(no_lods, ALL_ONES "	.byte 0x67\n	rep lodsb\n" EXIT);
GUEST(no_cmps, ALL_ONES "	.byte 0x67\n	repe cmpsb\n" EXIT);

TEST(string_instructions_without_elements)
{
	static const struct { const u8 *from, *to; u64 rsi, rdi; } cases[] = {
		{ no_movs, no_movs_end, 0xffffffff, 0xffffffff }, { no_stos, no_stos_end, ~0ULL, 0xffffffff },
		{ no_lods, no_lods_end, ~0ULL, ~0ULL }, { no_cmps, no_cmps_end, ~0ULL, ~0ULL },
	};

	for (size_t n = 0; n < 2 * ARRAY_SIZE(cases); n++) {
		struct bare *b = run_in(bare_create_accel("max,vendor=GenuineIntel", n & 1), cases[n / 2].from, cases[n / 2].to);

		CHECK_EQ(b->cpu->gpr[X86_RSI], cases[n / 2].rsi);
		CHECK_EQ(b->cpu->gpr[X86_RDI], cases[n / 2].rdi);
		CHECK_EQ(b->cpu->gpr[X86_RCX], 0);
		bare_destroy(b);
	}
}

/* Linear 0x30000 shows physical 0x30000 or 0x31000; the same linear target has other code after INVLPG. */
GUEST(remapped,
      "	movl $0x01b8, 0x30000\n	movl $0xc3000000, 0x30002\n	movl $0x0000c300, 0x30004\n"
      "	movl $0x02b8, 0x31000\n	movl $0x0000c300, 0x31004\n"
      "	mov $50, %ecx\n	xor %ebx, %ebx\n"
      "1:	mov $0x30000, %edx\n	call *%rdx\n	add %rax, %rbx\n	shl $1, %rbx\n	mov $0xffffff, %eax\n	and %rax, %rbx\n"
      "	xorq $0x1000, 0x103000+0x30*8\n	invlpg 0x30000\n	dec %ecx\n	jnz 1b\n" EXIT);

TEST(page_remapped_under_code)
{
	bare_destroy(RUN_BOTH(remapped));
}

/* An instruction on two pages, whose second one is written to and shows physical 0x31000 or 0x32000. */
GUEST(crossing,
      "	movw $0x01b8, 0x30ffe\n	movl $0xc3000000, 0x31000\n	movl $0xc3000005, 0x32000\n"
      "	mov $60, %ecx\n	xor %ebx, %ebx\n"
      "1:	mov $0x30ffe, %edx\n	call *%rdx\n	add %rax, %rbx\n	call *%rdx\n	add %rax, %rbx\n"
      "	movb %cl, 0x31001\n	call *%rdx\n	lea (%rax, %rbx, 2), %rbx\n	mov $0xffffff, %eax\n	and %rax, %rbx\n"
      "	movb %cl, 0x30fff\n	call *%rdx\n	add %rax, %rbx\n"
      "	xorq $0x3000, 0x103000+0x31*8\n	invlpg 0x31000\n	dec %ecx\n	jnz 1b\n" EXIT);

TEST(instruction_on_two_pages)
{
	bare_destroy(RUN_BOTH(crossing));
}

/* Targets that are not canonical, for each of their upper 16 bits: no key of the jump table, taken or unused, is theirs. */
GUEST(noncanonical,
      "	mov $0x2200, %esi\n	mov $1, %ecx\n	xor %ebx, %ebx\n	xor %edi, %edi\n"
      "1:	call *%rsi\n	mov %rcx, %rax\n	shl $48, %rax\n	mov $2f-noncanonical+0x2000, %r8d\n	jmp *%rax\n"
      "2:	mov $3f-noncanonical+0x2000, %r8d\n	add %rsi, %rax\n	jmp *%rax\n"
      "3:	mov $4f-noncanonical+0x2000, %r8d\n	sub %rsi, %rax\n	sub $2, %rax\n	push %rax\n	ret\n"
      "4:	inc %ecx\n	cmp $0x10000, %ecx\n	jne 1b\n" EXIT
      "	.org noncanonical + 0x200, 0x90\n	inc %edi\n	ret\n"
      "	.org noncanonical + 0x300, 0x90\n	add $8, %rsp\n	inc %ebx\n	mov %r8, (%rsp)\n	iretq\n");

TEST(noncanonical_targets)
{
	for (unsigned jit = 0; jit < 2; jit++) {
		struct bare *b = bare_create_accel("max", jit);

		long_enter(b, 0, 0x2000);
		bare_load(b, 0x2000, noncanonical, noncanonical_end);
		long_gate(b, 13, 0x2300, 0);
		x86_cpu_run(b->cpu);
		CHECK_EQ(b->cpu->gpr[X86_RDI], 0xffff);
		CHECK_EQ(b->cpu->gpr[X86_RBX], 3 * 0xffff);
		bare_destroy(b);
	}
}

/* The same for data, through a base register that stays. */
GUEST(remapped_data,
      "	movq $1, 0x40000\n	movq $2, 0x41000\n	mov $0x40000, %esi\n	mov $50, %ecx\n	xor %ebx, %ebx\n"
      "1:	add (%rsi), %rbx\n	add (%rsi), %rbx\n	addq $3, (%rsi)\n"
      "	xorq $0x1000, 0x103000+0x40*8\n	invlpg (%rsi)\n	dec %ecx\n	jnz 1b\n" EXIT);

TEST(page_remapped_under_data)
{
	bare_destroy(RUN_BOTH(remapped_data));
}

/* Pages whose numbers agree in their low bits, in turn, and accesses that go over their ends. */
GUEST(pages_apart,
      "	mov $0x40000, %esi\n	mov $0x340000, %edi\n	mov $0x440000, %ebp\n	mov $300, %ecx\n	xor %ebx, %ebx\n"
      "1:	mov %rcx, (%rsi, %rcx, 8)\n	mov %rbx, (%rdi, %rcx, 8)\n	add %rcx, 16(%rbp)\n	add (%rsi, %rcx, 8), %rbx\n"
      "	add (%rdi, %rcx, 8), %rbx\n	add 16(%rbp), %rbx\n	mov %rbx, 0xffa(%rsi)\n	add 0xffb(%rdi), %rbx\n"
      "	add %rbx, 0xffd(%rbp)\n	and $0xffffff, %rbx\n	dec %ecx\n	jnz 1b\n	mov 0xffa(%rsi), %rdx\n"
      "	mov 0xffd(%rbp), %rdi\n" EXIT);

TEST(pages_that_share_an_entry)
{
	bare_destroy(RUN_BOTH(pages_apart));
}

/* Accesses close together off one register, which slides over a page's end; reads and writes, moved and copied registers. */
GUEST(together,
      "	mov $0x40e80, %esi\n	mov $96, %ecx\n	mov $77, %ebx\n	mov $2, %r13d\n"
      "1:	mov %rbx, (%rsi)\n	mov %rcx, 24(%rsi)\n	mov 3(%rsi), %eax\n	add %rax, 9(%rsi)\n	mov %rsi, %rdi\n	mov %bl, -17(%rdi)\n"
      "	add $8, %rsi\n	mov 4(%rsi), %rdx\n	cmp %rdx, %rbx\n	mov -4(%rsi), %r12\n	adc %r12, %rbx\n	mov 33(%rdi), %r14w\n"
      "	bsf %rbx, %r10\n	incl 2(%rdi)\n	adc $0, %rbx\n"
      "	mov 8(%rdi), %r8\n	mov 16(%rdi), %r12\n	mov %r8, 32(%rdi)\n	mov %r12, 40(%rdi)\n	mov 0x2000, %r9\n	mov 8(%rdi), %r10\n"
      "	mov (%rdi), %r8d\n	mov 0x40f00, %rax\n	mov %al, 1(%rdi)\n	mov %r12w, 4(%rdi)\n	add %r9, %rbx\n	mov %rbx, 48(%rdi)\n	xor %r10, %rbx\n"
      "	lea 5(%rsi), %rbp\n	sbb %rbx, (%rbp)\n	xor 1(%rbp), %bx\n	incl 7(%rbp, %rcx, 4)\n	rcl $1, %rbx\n	notq 11(%rbp, %rcx, 4)\n"
      "	mov 8(%rbp, %rcx, 4), %r8\n	cmpxchg %r8, (%rsi, %r13, 2)\n	lea (%rdx, %r8), %edx\n	mov 6(%rsi, %r13, 2), %r9\n"
      "	add %r9, %rbx\n	mov (%rsi), %rsi\n	lea 8(%rdi), %rsi\n	add 16(%rsi), %rbx\n	xor %rdx, %rbx\n	dec %ecx\n	jnz 1b\n" EXIT);

/* The same for the stack: pushes, pops, a frame and a call while rSP goes down over page's ends. */
GUEST(stack_together,
      "	mov %cr4, %rax\n	or $0x200, %eax\n	mov %rax, %cr4\n	mov $0x46010, %esp\n	mov $120, %ecx\n	xor %ebx, %ebx\n	mov $0x123456789, %r15\n"
      "1:	push %rcx\n	push %rbx\n	push %r15\n	push $-5\n	push 8(%rsp)\n	push (%rsp)\n	pop %r8\n	pop %r9\n	mov 16(%rsp), %rax\n	add %rax, 8(%rsp)\n	pop %rdx\n	add %rdx, %rbx\n"
      "	pop %r15\n	pop %rsi\n	adc %rsi, %rbx\n	pop %rcx\n	call 2f\n	push 8(%rsp)\n	pop %r14\n	add %r14, %rbx\n"
      "	sub $112, %rsp\n	mov %rbx, 8(%rsp)\n	mov 10(%rsp), %rdi\n	movaps %xmm0, 16(%rsp)\n	and $0xffffff, %edi\n	xor %rdi, %r15\n"
      "	dec %ecx\n	jnz 1b\n" EXIT
      "2:	push %rbp\n	mov %rsp, %rbp\n	sub $64, %rsp\n	mov %rcx, -8(%rbp)\n	mov %rbx, 24(%rsp)\n	mov -40(%rbp), %rax\n"
      "	add %rax, %rbx\n	and $-16, %rsp\n	push %rbx\n	pop %r12\n	add %r12, -8(%rbp)\n	mov -8(%rbp), %rbx\n	leave\n	ret\n");

TEST(accesses_close_together)
{
	struct bare *b = RUN_BOTH(together);

	CHECK_EQ(b->cpu->gpr[X86_RCX], 0);
	bare_destroy(b);
	b = RUN_BOTH(stack_together);
	CHECK_EQ(b->cpu->gpr[X86_RCX], 0);
	bare_destroy(b);
}

/* Registers and memory at a fault are those before the instruction. */
#define FAULT(name, insn) \
GUEST(name, "	mov $7, %eax\n	mov $0x1000000, %edi\n	mov $3, %ebx\n	mov $0x45000, %ebp\n	mov $9, %ecx\n	add $5, %ebx\n" \
	    insn "\n	mov $1, %eax\n" EXIT)
FAULT(fault_load, "	add -1(%rdi), %rbx");
FAULT(fault_store, "	mov %rbx, 0x7fffffff(%rdi)");
FAULT(fault_rmw, "	lock xadd %rbx, 0x7fffffff(%rdi)");
FAULT(fault_push, "	mov $0x80000000, %esp\n	push %rbx");
FAULT(fault_call, "	mov $0x80000000, %esp\n	call 1f\n1:");
FAULT(fault_null, "	movq $0, 0x103000\n	invlpg 0\n	xor %esi, %esi\n	mov 8(%rsi), %rax");
FAULT(fault_null_again, "	movq $0, 0x103000\n	invlpg 0\n	mov $0x200000, %esi\n	mov (%rsi), %rdx\n	mov %rdx, (%rsi)\n"
	    "	sub %rsi, %rsi\n	mov %rbx, 8(%rsi)");
FAULT(fault_canonical, "	mov $0x8000, %esi\n	shl $48, %rsi\n	mov (%rsi), %rax");
FAULT(fault_canonical_jump, "	mov $0x8000, %esi\n	shl $48, %rsi\n	call *%rsi");
FAULT(fault_canonical_ret, "	mov $0x8000, %esi\n	shl $48, %rsi\n	push %rsi\n	ret $16");
FAULT(fault_movs, "	mov $0x2000, %esi\n	mov $0x80000000, %edi\n	rep movsb");
FAULT(fault_div, "	xor %edx, %edx\n	mov $0, %ecx\n	div %rcx");
FAULT(fault_div_overflow, "	mov $9, %edx\n	div %rcx");
FAULT(fault_idiv, "	mov $1, %eax\n	shl $63, %rax\n	cqo\n	mov $-1, %rcx\n	idiv %rcx");
FAULT(fault_ud, "	ud2");
/* Behind accesses of the same group that have been made; 0x46000 is not there, or only the second time. */
FAULT(fault_member, "	movq $0, 0x103000+0x46*8\n	invlpg 0x46000\n	mov $0x45ff0, %esi\n	mov %rbx, (%rsi)\n	add %rcx, 8(%rsi)\n"
		    "	mov (%rsi), %rdx\n	mov 13(%rsi), %eax\n	mov %rcx, 4(%rsi)");
FAULT(fault_member_store, "	movq $0, 0x103000+0x46*8\n	invlpg 0x46000\n	mov $0x45ff0, %esi\n	mov %rbx, (%rsi)\n	mov %rcx, 13(%rsi)\n"
			  "	mov %rcx, 4(%rsi)");
FAULT(fault_unmapped_between, "	mov $0x46000, %esi\n	mov (%rsi), %rdx\n	mov %rcx, 8(%rsi)\n	movq $0, 0x103000+0x46*8\n	invlpg (%rsi)\n"
			      "	mov 16(%rsi), %rax\n	mov %rcx, 24(%rsi)");
FAULT(fault_pop, "	movq $0, 0x103000+0x46*8\n	invlpg 0x46000\n	mov $0x45fe8, %esp\n	pop %rdx\n	pop %rsi\n	pop %r12\n	pop %r13\n	pop %r14");
FAULT(fault_push_again, "	movq $0, 0x103000+0x45*8\n	invlpg 0x45000\n	mov $0x46018, %esp\n	push %rdx\n	push %rsi\n	push $1\n	push %r13\n	push %r14");
FAULT(fault_unaligned, "	mov %cr4, %rsi\n	or $0x200, %esi\n	mov %rsi, %cr4\n	mov $0x46000, %esi\n	movaps (%rsi), %xmm1\n	movaps %xmm1, 16(%rsi)\n	movaps 24(%rsi), %xmm2");

TEST(faults_are_precise)
{
#define F(name) { name, name##_end }
	static const struct { const u8 *from, *to; } faults[] = {
		F(fault_load), F(fault_store), F(fault_rmw), F(fault_push), F(fault_call), F(fault_null), F(fault_null_again), F(fault_canonical),
		F(fault_canonical_jump), F(fault_canonical_ret), F(fault_movs), F(fault_div), F(fault_div_overflow),
		F(fault_idiv), F(fault_ud), F(fault_member), F(fault_member_store), F(fault_unmapped_between), F(fault_pop),
		F(fault_push_again), F(fault_unaligned),
	};

	for (size_t n = 0; n < ARRAY_SIZE(faults); n++) {
		struct bare *b = run_both(faults[n].from, faults[n].to);

		CHECK_EQ(b->cpu->exit_reason, X86_EXIT_EXCEPTION);
		bare_destroy(b);
	}
}

/* PUSHF, POPF, CLI, STI, SWAPGS at CPL 0: each flag by itself and all together, and what they leave behind. */
GUEST(kernel_flags,
      "	mov $0x50000, %edi\n	xor %ebx, %ebx\n	mov $22, %ecx\n"
      "1:	mov $1, %eax\n	dec %ecx\n	shl %cl, %eax\n	and $0x244ed5, %eax\n	push %rax\n	popf\n	pushf\n	pop (%rdi)\n"
      "	setc %bl\n	lea (%rbx, %rbx, 4), %rbx\n	cli\n	pushf\n	pop 8(%rdi)\n	add $-1, %ebx\n	sti\n	adc $0, %rbx\n	pushf\n	pop 16(%rdi)\n"
      "	swapgs\n	rdgsbase %rax\n	add %rcx, %rax\n	mov %rax, 24(%rdi)\n	wrgsbase %rax\n	add $32, %rdi\n"
      "	pushq $0x202\n	popf\n	cld\n	inc %ecx\n	dec %ecx\n	jnz 1b\n	cli\n"
      "	pushq $0x8d7\n	popf\n	pushf\n	pop %rsi\n" EXIT);

TEST(flags_of_the_kernel)
{
	static const u8 *const from = kernel_flags, *const to = kernel_flags_end;
	struct bare *b[3];	/* interpreted, translated, both in lock-step */
	struct x86_jit_stats st;

	for (unsigned n = 0; n < 3; n++) {
		b[n] = n < 2 ? bare_create_accel("max", n) : bare_create_jit("max", &verify, 1);
		long_enter(b[n], 0x10000, 0x2000);	/* FSGSBASE */
		bare_load(b[n], 0x2000, from, to);
		b[n]->cpu->msr.kernel_gs_base = 0x1234500;
		b[n]->cpu->stop_on_exc = 1;
		x86_cpu_run(b[n]->cpu);
	}
	CHECK_EQ(b[0]->cpu->gpr[X86_RSI] & 0xad7, 0x8d7);
	x86_jit_stats(b[2]->sys, &st);
	CHECK_EQ(st.differences, 0);
	for (unsigned k = 1; k < 3; k++) {
		for (unsigned n = 0; n < 16; n++)
			CHECK_EQ(b[k]->cpu->gpr[n], b[0]->cpu->gpr[n]);
		CHECK_EQ(x86_eflags(b[k]->cpu), x86_eflags(b[0]->cpu));
		CHECK_EQ(b[k]->cpu->msr.kernel_gs_base, b[0]->cpu->msr.kernel_gs_base);
		CHECK(!memcmp(b[k]->ram + 0x2000, b[0]->ram + 0x2000, 0xb0000 - 0x2000));
	}
	for (unsigned k = 0; k < 3; k++)
		bare_destroy(b[k]);
}

/*
 * Flags that the manual leaves undefined: whoever looks at them sees the same by generated code and by the
 * interpreter. Operands and flags before are made up; the flags behind are looked at in the
 * same block, behind a branch, a call and an instruction that changes some of them, by PUSHF, LAHF and conditions.
 */
#define KEEP "	pushf\n	pop %rax\n	mov %rax, (%rdi)\n	add $8, %rdi\n"
#define BEFORE "	mov %r8, %rax\n	mov %r9, %rbx\n	mov %r10, %rdx\n	mov %r11, %rcx\n	push %r14\n	popf\n"
#define FLAGS_OF(insn) \
	BEFORE insn KEEP \
	BEFORE insn "	jc 3f\n	add $8, %rdi\n3:" KEEP \
	BEFORE insn "	call 8f\n" \
	BEFORE insn "	inc %rdx\n" KEEP \
	BEFORE insn "	js 3f\n	add $8, %rdi\n3:	jp 3f\n	add $8, %rdi\n3:	lahf\n	mov %rax, (%rdi)\n	add $8, %rdi\n" \
	BEFORE insn "	setz %al\n	adc %rax, (%rdi)\n	add $8, %rdi\n" \
	BEFORE insn "	jrcxz 3f\n	mov %rbx, (%rdi)\n3:	jc 3f\n	mov %rsp, (%rdi)\n3:" KEEP
/* r8-r11: operands, r14: flags; r13 and r12 go on from round to round. */
#define ROUNDS(name, insns) \
GUEST(name, "	mov $0x45000, %edi\n	mov $0x243f6a88, %r12d\n	mov $24, %r13d\n1:" \
	    ROUND("%r8") ROUND("%r9") ROUND("%r11") ROUND("%r14") \
	    "	xor %r10d, %r10d\n	or $1, %r11d\n	and $0x8d5, %r14d\n	mov %r13d, %ecx\n	and $31, %ecx\n	shr %cl, %r8\n	shl %cl, %r9\n" \
	    insns "	dec %r13d\n	jnz 1b\n" EXIT "8:	pop %rsi\n" KEEP "	jmp *%rsi\n")
#define ROUND(reg) "	mov $0x5851f42d4c957f2d, %rax\n	imul %rax, %r12\n	inc %r12\n	mov %r12, " reg "\n	shr $23, " reg "\n"

ROUNDS(undef_mul, FLAGS_OF("	mul %rbx\n") FLAGS_OF("	mul %ebx\n") FLAGS_OF("	imul %rbx\n") FLAGS_OF("	imul %rbx, %rax\n")
       FLAGS_OF("	imul $99, %ebx, %eax\n") FLAGS_OF("	mul %bl\n"));
ROUNDS(undef_div, FLAGS_OF("	shr $33, %rax\n	div %rcx\n") FLAGS_OF("	shr %rax\n	cqo\n	idiv %rcx\n")
       FLAGS_OF("	test %al, %al\n	and $0x7fffffff, %eax\n	mov $0, %edx\n	div %ecx\n")
       FLAGS_OF("	cmp %r8, %r9\n	cdq\n	idiv %ecx\n") FLAGS_OF("	sub %al, %bl\n	mov %r15b, %al\n	cbw\n	idiv %cl\n")
       FLAGS_OF("	add %al, %bl\n	mov %r15b, %al\n	mov $0, %ah\n	div %cl\n"));
ROUNDS(undef_scan, FLAGS_OF("	bsf %rbx, %rax\n") FLAGS_OF("	bsr %rbx, %rax\n") FLAGS_OF("	bsf %r10, %rax\n") FLAGS_OF("	bsr %r10d, %eax\n")
       FLAGS_OF("	tzcnt %rbx, %rax\n") FLAGS_OF("	lzcnt %r8d, %eax\n") FLAGS_OF("	lzcnt %r10, %rax\n"));
ROUNDS(undef_test, FLAGS_OF("	bt %rbx, %rax\n") FLAGS_OF("	bts $5, %eax\n") FLAGS_OF("	btr %ebx, %eax\n") FLAGS_OF("	btc $63, %rax\n")
       FLAGS_OF("	lock btsl $3, 0x44000\n") FLAGS_OF("	movzbl %cl, %ecx\n	btc %rcx, 0x44000\n") FLAGS_OF("	btl $9, 0x44000\n"));
ROUNDS(undef_bmi, FLAGS_OF("	andn %rbx, %rax, %rdx\n") FLAGS_OF("	bextr %rcx, %rax, %rdx\n") FLAGS_OF("	blsi %rax, %rdx\n")
       FLAGS_OF("	blsr %ebx, %edx\n") FLAGS_OF("	blsmsk %r10, %rdx\n") FLAGS_OF("	bzhi %rcx, %rax, %rdx\n"));
ROUNDS(undef_logic, FLAGS_OF("	and %rbx, %rax\n") FLAGS_OF("	or $0x55, %al\n") FLAGS_OF("	xor %ebx, %eax\n") FLAGS_OF("	test %rbx, %rax\n"));
ROUNDS(undef_shift, FLAGS_OF("	shl $1, %rax\n") FLAGS_OF("	shr $7, %eax\n") FLAGS_OF("	sar $63, %rax\n") FLAGS_OF("	rol $9, %rax\n")
       FLAGS_OF("	ror $3, %ebx\n") FLAGS_OF("	shld $5, %rbx, %rax\n") FLAGS_OF("	rcr $5, %rbx\n") FLAGS_OF("	shld $1, %rbx, %rax\n")
       FLAGS_OF("	rcl $1, %eax\n") FLAGS_OF("	sar $32, %eax\n") FLAGS_OF("	shr $1, %bl\n"));
ROUNDS(undef_shift_cl, FLAGS_OF("	shl %cl, %rax\n") FLAGS_OF("	shr %cl, %eax\n") FLAGS_OF("	sar %cl, %rax\n") FLAGS_OF("	rol %cl, %rax\n")
       FLAGS_OF("	ror %cl, %ecx\n") FLAGS_OF("	shrd %cl, %rbx, %rax\n") FLAGS_OF("	shl %cl, %rcx\n") FLAGS_OF("	mov %rbx, 0x44000\n	shrd %cl, %r12, %rcx\n")
       FLAGS_OF("	rcl %cl, %rax\n") FLAGS_OF("	movq $3, 0x44000\n	shrl %cl, 0x44000\n") FLAGS_OF("	xor %ecx, %ecx\n	shl %cl, %rax\n")
       FLAGS_OF("	mov $1, %ecx\n	shr %cl, %rbx\n"));

ROUNDS(undef_narrow, FLAGS_OF("	shl %cl, %al\n") FLAGS_OF("	shr %cl, %bx\n") FLAGS_OF("	sar %cl, %al\n") FLAGS_OF("	rcl %cl, %ax\n")
       FLAGS_OF("	shl $9, %al\n") FLAGS_OF("	shr $16, %ax\n") FLAGS_OF("	shld %cl, %bx, %ax\n") FLAGS_OF("	rcr $9, %al\n"));

static struct bare *run_flags(const struct x86_jit_config *cfg, const u8 *from, const u8 *to)
{
	struct bare *b = bare_create_jit("max", cfg, 1);

	b->cpu->gpr[X86_R15] = ~0ULL;
	return run_in(b, from, to);
}

static void check_flags(const u8 *from, const u8 *to)
{
	static const struct x86_jit_config plain = { .cache_bytes = 4 * MiB };
	struct bare *i = run_flags(NULL, from, to), *j = run_flags(&plain, from, to);
	struct bare *v = run_flags(&verify, from, to);
	struct x86_jit_stats st;
	size_t at = 0x44000;

	CHECK_EQ(i->cpu->exit_reason, X86_EXIT_REQUEST);
	while (at < 0xb0000 && i->ram[at] == j->ram[at])
		at++;
	CHECK_EQ(at, 0xb0000);
	CHECK(get_le64(i->ram + 0x45000) != 0);
	x86_jit_stats(v->sys, &st);
	CHECK(st.verified > 100);
	CHECK_EQ(st.differences, 0);
	bare_destroy(i);
	bare_destroy(j);
	bare_destroy(v);
}

TEST(undefined_flags_are_the_same)
{
	static const struct { const u8 *from, *to; } all[] = {
		{ undef_mul, undef_mul_end }, { undef_div, undef_div_end }, { undef_scan, undef_scan_end }, { undef_test, undef_test_end },
		{ undef_bmi, undef_bmi_end }, { undef_logic, undef_logic_end }, { undef_shift, undef_shift_end },
		{ undef_shift_cl, undef_shift_cl_end }, { undef_narrow, undef_narrow_end },
	};

	for (size_t n = 0; n < ARRAY_SIZE(all); n++)
		check_flags(all[n].from, all[n].to);
}

/* More code than the cache has room for: a new function each time round, in ever new places. */
GUEST(many_blocks,
      "	mov $60000, %ecx\n	xor %ebx, %ebx\n	mov $0x200000, %edi\n"
      "1:	movw $0xc3ff, (%rdi)\n	movl $0x00c3c3ff, (%rdi)\n	call *%rdi\n	add $16, %rdi\n"
      "	dec %ecx\n	jnz 1b\n" EXIT);

TEST(cache_is_used_again)
{
	struct bare *b = RUN_BOTH(many_blocks);
	struct x86_jit_stats st;

	CHECK_EQ((u32)b->cpu->gpr[X86_RBX], 60000);
	x86_jit_stats(b->sys, &st);
	CHECK(st.flushes > 0);
	bare_destroy(b);
}

/* A vCPU that runs nothing keeps no region from being used again. */
TEST(cache_is_used_again_beside_a_sleeper)
{
	static const struct x86_jit_config small = { .cache_bytes = 4 * MiB };
	struct bare *b = run_in(bare_create_jit("max", &small, 2), many_blocks, many_blocks_end);
	struct x86_jit_stats st;

	CHECK_EQ((u32)b->cpu->gpr[X86_RBX], 60000);
	x86_jit_stats(b->sys, &st);
	CHECK(st.flushes > JIT_REGIONS);
	bare_destroy(b);
}

/* Each element of a device is read once, and so is an operand that is pushed. */
GUEST(from_device,
      "	movq $0x2000003, 0x103000+0x50*8\n	mov $0x50000, %esi\n	mov $0x60000, %edi\n	mov $4, %ecx\n	rep movsb\n"
      "	push 0x50000\n	pop %rbx\n	add 0x50000, %rdx\n" EXIT);

TEST(device_is_read_once)
{
	struct bare *b = RUN_BOTH(from_device);

	CHECK_EQ(b->mmio_reads, 4 + 1 + 1);
	bare_destroy(b);
}

/* Two blocks of equal length, of which one gets the other's code. */
GUEST(mixed_up,
      "	mov $20, %ecx\n	xor %ebx, %ebx\n	jmp 1f\n1:	add $1, %ebx\n	mov %ebx, 0x40000\n	jmp 2f\n"
      "2:	add $1, %edx\n	mov %ebx, 0x40008\n	dec %ecx\n	jnz 1b\n" EXIT
      "	.org mixed_up + 0x100, 0x90\n	add $2, %ebx\n	mov %ebx, 0x40000\n	jmp 2b\n");

static void lead_astray(struct bare *b, u64 gpa, u64 to)
{
	struct jit_block *block = jit_cache_find(b->sys->jit, gpa, JIT_NO_PAGE, jit_mode(b->cpu));
	struct jit_block *other = jit_cache_find(b->sys->jit, to, JIT_NO_PAGE, jit_mode(b->cpu));

	CHECK(block && other);
	if (block && other)
		block->entry = other->entry;
}

TEST(comparison_finds_wrong_code)
{
	struct bare *b = run_in(bare_create_jit("max", &verify, 1), mixed_up, mixed_up_end);
	struct x86_jit_stats st;

	x86_jit_stats(b->sys, &st);
	CHECK_EQ(st.differences, 0);
	b->cpu->gpr[X86_RCX] = 1;
	b->cpu->rip = 0x2100;
	x86_cpu_run(b->cpu);
	lead_astray(b, 0x2009, 0x2100);
	b->cpu->rip = 0x2000;
	x86_cpu_run(b->cpu);
	x86_jit_stats(b->sys, &st);
	CHECK(st.differences > 0);
	CHECK_EQ(b->cpu->gpr[X86_RBX], 20);	/* the interpreter's */
	bare_destroy(b);
}
