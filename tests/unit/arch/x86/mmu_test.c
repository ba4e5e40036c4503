// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paging as instructions meet it: error codes, accessed and dirty bits,
 * address spaces, invalidation, faults in the middle of string instructions.
 * requires: CONFIG_X86
 */
#include "long_mode.h"

#define CR4_PGE 0x80
#define CR4_PCIDE 0x20000
#define CR4_SMEP 0x100000
#define CR4_SMAP 0x200000
#define CR4_PKE 0x400000

GUEST(load, "mov (%rsi), %rax\n");
GUEST(store, "mov %rax, (%rsi)\n");
GUEST(jump, "jmp *%rsi\n");

/* Runs one instruction at ring cpl on address 0x8000; returns its fault or -1. */
static int access_once(struct bare *b, const u8 *code, const u8 *end, unsigned cpl)
{
	bare_load(b, 0x1000, code, end);
	*long_pte(b, LONG_PML4, 0x1000) = 0x1000 | PTE_P | (cpl == 3 ? PTE_U : 0);
	b->cpu->rip = 0x1000;
	b->cpu->gpr[X86_RSI] = 0x8000;
	b->cpu->stop_on_exc = 1;
	b->cpu->seg[X86_SS].attr = (u16)((b->cpu->seg[X86_SS].attr & ~0x60) | cpl << 5);
	x86_cpu_changed(b->cpu);
	return x86_cpu_step(b->cpu, 1) == X86_EXIT_EXCEPTION ? b->cpu->exc_vec : -1;
}

#define ACCESS(b, what, cpl) access_once(b, what, what##_end, cpl)

static struct bare *paged(u64 cr4, u64 pte)
{
	struct bare *b = bare_create("max");

	long_enter(b, cr4, 0x1000);
	*long_pte(b, LONG_PML4, 0x8000) = pte;
	return b;
}

static void check_fault(u64 cr4, u64 pte, unsigned cpl, char what, u32 want)
{
	struct bare *b = paged(cr4, pte);
	int vec = what == 'r' ? ACCESS(b, load, cpl) : what == 'w' ? ACCESS(b, store, cpl) : ACCESS(b, jump, cpl);

	if (what == 'x' && vec < 0)	/* the jump is good, the fetch behind it is not */
		vec = x86_cpu_step(b->cpu, 1) == X86_EXIT_EXCEPTION ? b->cpu->exc_vec : -1;
	CHECK_EQ(vec, X86_EXC_PF);
	CHECK_EQ(b->cpu->exc_err, want);
	CHECK_EQ(b->cpu->exc_cr2, 0x8000);
	bare_destroy(b);
}

TEST(error_codes)
{
	check_fault(0, 0x8000, 0, 'r', 0);
	check_fault(0, 0x8000, 0, 'w', 2);
	check_fault(0, 0x8000, 3, 'w', 6);
	check_fault(0, 0x8000 | PTE_P | PTE_W, 3, 'r', 5);
	check_fault(0, 0x8000 | PTE_P | PTE_U, 3, 'w', 7);
	check_fault(0, 0x8000 | PTE_P, 0, 'w', 3);
	check_fault(0, 0x8000 | PTE_P | PTE_NX, 0, 'x', 0x11);
	check_fault(0, 0x8000 | PTE_P | 1ULL << 45, 0, 'r', 9);
	check_fault(CR4_SMEP, 0x8000 | PTE_P | PTE_U, 0, 'x', 0x11);
	check_fault(CR4_SMAP, 0x8000 | PTE_P | PTE_U, 0, 'r', 1);
}

TEST(protection_keys)
{
	struct bare *b = paged(CR4_PKE, 0x8000 | PTE_P | PTE_W | PTE_U | 5ULL << 59);

	CHECK_EQ(ACCESS(b, store, 3), -1);
	b->cpu->pkru = 2u << 10;	/* no writes with key 5 */
	CHECK_EQ(ACCESS(b, load, 3), -1);
	CHECK_EQ(ACCESS(b, store, 3), X86_EXC_PF);
	CHECK_EQ(b->cpu->exc_err, 0x27);
	bare_destroy(b);
}

TEST(smap_override)
{
	struct bare *b = paged(CR4_SMAP, 0x8000 | PTE_P | PTE_U);

	x86_set_eflags(b->cpu, X86_FL_AC | 2);
	CHECK_EQ(ACCESS(b, load, 0), -1);
	x86_set_eflags(b->cpu, 2);
	CHECK_EQ(ACCESS(b, load, 0), X86_EXC_PF);
	bare_destroy(b);
}

TEST(accessed_and_dirty)
{
	struct bare *b = paged(0, 0x8000 | PTE_P | PTE_W);

	CHECK_EQ(ACCESS(b, load, 0), -1);
	CHECK_EQ(*long_pte(b, LONG_PML4, 0x8000) & (PTE_A | PTE_D), PTE_A);
	CHECK_EQ(ACCESS(b, store, 0), -1);
	CHECK_EQ(*long_pte(b, LONG_PML4, 0x8000) & (PTE_A | PTE_D), PTE_A | PTE_D);
	CHECK(b->dirty[0] & 1 << 8);
	bare_destroy(b);
}

/* Two address spaces with PCIDs 1 and 2; switches without flushing must not mix them. */
GUEST(switching,
"	mov $0x800, %r10\n	shl $52, %r10\n	mov $1000, %ecx\n"
"1:	lea 1(%r10,%r8), %rax\n	mov %rax, %cr3\n	mov 0x8000, %rbx\n	cmp $111, %rbx\n	jne 2f\n"
"	lea 2(%r10,%r9), %rax\n	mov %rax, %cr3\n	mov 0x8000, %rbx\n	cmp $222, %rbx\n	jne 2f\n"
"	dec %ecx\n	jnz 1b\n"
"2:\n" EXIT);

TEST(pcids_are_apart)
{
	struct bare *b = bare_create("max");

	long_enter(b, CR4_PCIDE | CR4_PGE, 0x1000);
	long_tables(b, 0x110000);
	*long_pte(b, LONG_PML4, 0x8000) = 0x200000 | PTE_P | PTE_W;
	*long_pte(b, 0x110000, 0x8000) = 0x201000 | PTE_P | PTE_W;
	*long_word(b, 0x200000) = 111;
	*long_word(b, 0x201000) = 222;
	BARE_LOAD(b, 0x1000, switching);
	b->cpu->gpr[X86_R8] = LONG_PML4;
	b->cpu->gpr[X86_R9] = 0x110000;
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ((u32)b->cpu->gpr[X86_RCX], 0);
	bare_destroy(b);
}

/* r8: where the entry of 0x8000 is. */
GUEST(remap,
"	mov 0x8000, %rax\n	movq $0x201003, (%r8)\n	invlpg 0x8000\n	mov 0x8000, %rbx\n"
EXIT);

TEST(invlpg)
{
	struct bare *b = paged(0, 0x200000 | PTE_P | PTE_W);

	*long_word(b, 0x200000) = 111;
	*long_word(b, 0x201000) = 222;
	BARE_LOAD(b, 0x1000, remap);
	b->cpu->gpr[X86_R8] = (u64)((u8 *)long_pte(b, LONG_PML4, 0x8000) - b->ram);
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ(b->cpu->gpr[X86_RAX], 111);
	CHECK_EQ(b->cpu->gpr[X86_RBX], 222);
	bare_destroy(b);
}

/* Global pages outlive a CR3 write, others do not. */
GUEST(global, "	mov 0x8000, %rax\n	mov 0x9000, %rbx\n	movq $0x201003, (%r8)\n	movq $0x201003, 8(%r8)\n"
"	mov %cr3, %rcx\n	mov %rcx, %cr3\n	mov 0x8000, %rax\n	mov 0x9000, %rbx\n" EXIT);

TEST(global_pages)
{
	struct bare *b = paged(CR4_PGE, 0x200000 | PTE_P | PTE_W | PTE_G);

	*long_pte(b, LONG_PML4, 0x9000) = 0x200000 | PTE_P | PTE_W;
	*long_word(b, 0x200000) = 111;
	*long_word(b, 0x201000) = 222;
	BARE_LOAD(b, 0x1000, global);
	b->cpu->gpr[X86_R8] = (u64)((u8 *)long_pte(b, LONG_PML4, 0x8000) - b->ram);
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	CHECK_EQ(b->cpu->gpr[X86_RAX], 111);
	CHECK_EQ(b->cpu->gpr[X86_RBX], 222);
	bare_destroy(b);
}

/* r10 pages from 0x8000 in two address spaces, r8 and r9; all else is global. What is in them goes up by 1 from page to page. */
GUEST(few, "	mov $50, %ecx\n1:	mov %r8, %rax\n	mov %rax, %cr3\n	mov $1000, %edx\n	call 2f\n"
"	mov %r9, %rax\n	mov %rax, %cr3\n	mov $2000, %edx\n	call 2f\n	dec %ecx\n	jnz 1b\n3:\n" EXIT
"2:	mov $0x8000, %esi\n	mov %r10, %rdi\n4:	cmp %rdx, (%rsi)\n	jne 3b\n	mov %rdx, (%rsi)\n	inc %edx\n	add $0x1000, %esi\n	dec %edi\n	jnz 4b\n	ret\n");

TEST(pages_that_pass)
{
	for (unsigned n = 1; n <= 12; n++) {
		struct bare *b = bare_create("max");

		long_enter(b, CR4_PGE, 0x1000);
		for (u64 lin = 0; lin < 0x200000; lin += 0x1000)
			*long_pte(b, LONG_PML4, lin) |= PTE_G;
		long_tables(b, 0x110000);
		for (unsigned i = 0; i < n; i++) {
			*long_pte(b, LONG_PML4, 0x8000 + i * 0x1000) = (0x200000 + i * 0x1000) | PTE_P | PTE_W;
			*long_pte(b, 0x110000, 0x8000 + i * 0x1000) = (0x300000 + i * 0x1000) | PTE_P | PTE_W;
			*long_word(b, 0x200000 + i * 0x1000) = 1000 + i;
			*long_word(b, 0x300000 + i * 0x1000) = 2000 + i;
		}
		BARE_LOAD(b, 0x1000, few);
		b->cpu->gpr[X86_R8] = LONG_PML4;
		b->cpu->gpr[X86_R9] = 0x110000;
		b->cpu->gpr[X86_R10] = n;
		CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
		CHECK_EQ((u32)b->cpu->gpr[X86_RCX], 0);
		bare_destroy(b);
	}
}

/* A large page at 4 MiB that is mapped elsewhere: INVLPG of one address in it takes all its pieces along, also when another PCID has one there. */
GUEST(large, "	mov %r8, %cr3\n	mov $0x400000, %edx\n	call 2f\n	mov %r9, %cr3\n	mov %r11, %rdx\n	call 2f\n"
"	mov %r8, %cr3\n	mov $0x400000, %edx\n	call 2f\n	movq $0x600087, 0x102010\n	invlpg 0x405000\n"
"	mov $0x600000, %edx\n	call 2f\n	xor %ebx, %ebx\n3:\n" EXIT
"2:	mov $0x400000, %esi\n4:	cmp %rdx, (%rsi)\n	jne 3b\n	mov %rdx, (%rsi)\n	add $0x1000, %edx\n	add $0x1000, %esi\n"
"	cmp $0x600000, %esi\n	jne 4b\n	ret\n");

TEST(large_page_remapped)
{
	for (unsigned pcids = 0; pcids < 2; pcids++) {
		struct bare *b = bare_create("max");

		long_enter(b, CR4_PGE | (pcids ? CR4_PCIDE : 0), 0x1000);
		long_tables(b, 0x110000);
		*long_word(b, 0x112010) = 0x800087;
		for (u64 gpa = 0x400000; gpa < 0xa00000; gpa += 0x1000)
			*long_word(b, gpa) = gpa;
		BARE_LOAD(b, 0x1000, large);
		b->cpu->gpr[X86_RBX] = 1;
		b->cpu->gpr[X86_R8] = pcids ? BIT(63) | LONG_PML4 | 1 : LONG_PML4;
		b->cpu->gpr[X86_R9] = pcids ? BIT(63) | 0x110000 | 2 : LONG_PML4;
		b->cpu->gpr[X86_R11] = pcids ? 0x800000 : 0x400000;
		CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
		CHECK_EQ(b->cpu->gpr[X86_RBX], 0);
		bare_destroy(b);
	}
}

GUEST(copy, "rep movsb\n");

TEST(string_fault_is_restartable)
{
	struct bare *b = paged(0, 0);	/* 0x8000 is not present */

	BARE_LOAD(b, 0x1000, copy);
	b->cpu->stop_on_exc = 1;
	b->cpu->gpr[X86_RSI] = 0x4000;
	b->cpu->gpr[X86_RDI] = 0x7ff0;
	b->cpu->gpr[X86_RCX] = 0x40;
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_EXCEPTION);
	CHECK_EQ(b->cpu->exc_vec, X86_EXC_PF);
	CHECK_EQ(b->cpu->exc_cr2, 0x8000);
	CHECK_EQ(b->cpu->gpr[X86_RCX], 0x30);
	CHECK_EQ(b->cpu->gpr[X86_RDI], 0x8000);
	CHECK_EQ(b->cpu->rip, 0x1000);
	bare_destroy(b);
}

TEST(crossing_store_is_all_or_nothing)
{
	struct bare *b = paged(0, 0);

	BARE_LOAD(b, 0x1000, store);
	b->cpu->stop_on_exc = 1;
	b->cpu->gpr[X86_RSI] = 0x7ffc;
	b->cpu->gpr[X86_RAX] = ~0ULL;
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_EXCEPTION);
	CHECK_EQ(b->cpu->exc_cr2, 0x8000);
	CHECK_EQ(*(u32 *)(void *)(b->ram + 0x7ffc), 0);
	bare_destroy(b);
}
