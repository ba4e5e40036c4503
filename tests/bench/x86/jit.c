// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bare loops natively, by the translator and by the interpreter: ns an
 * iteration, best of three, and the ratios to native. A loop is a function of
 * (memory, count) that runs the same in the guest's 64-bit mode and here.
 * Arguments: names of loops; -j: no interpreter.
 */
#include <stdio.h>
#include <time.h>
#include "unit/arch/x86/bare.h"

#define LOOP(name, head, body, tail) GUEST(name, head "\n.balign 16, 0x90\n1:\n" body "\n	dec %rsi\n	jnz 1b\n	ret\n" tail)

LOOP(alu, "", "	add %rcx, %rax\n	lea 3(%rdx,%rax,2), %rdx\n	xor %rdx, %r8\n	shr $3, %r8\n	add %r8, %rcx", "");
LOOP(dep_add, "", "	add %rcx, %rax\n	add %rdx, %rax\n	add %rcx, %rax\n	add %rdx, %rax", "");
LOOP(high_regs, "", "	add %r12, %r13\n	lea (%r13,%r14), %r14\n	xor %r14, %r12\n	mov %r12d, %r14d", "");
LOOP(adc, "", "	add %rcx, %rax\n	adc %rdx, %r8\n	adc $0, %r9\n	cmp %rax, %rcx\n	setb %dl\n	sbb %r10, %r10", "");
LOOP(mul_div, "	mov $77777, %rcx\n	mov $12345678, %r8\n", "	mov %r8, %rax\n	xor %edx, %edx\n	div %rcx\n	imul %rdx, %r8\n	add $99, %r8", "");
LOOP(load, "", "	mov (%rdi), %rax\n	mov 8(%rdi), %rcx\n	add 16(%rdi), %rdx\n	movzbl 3(%rdi), %r8d", "");
LOOP(store, "", "	mov %rax, (%rdi)\n	mov %ecx, 12(%rdi)\n	add %rdx, 16(%rdi)\n	movb $1, 24(%rdi)", "");
LOOP(chase, "	mov %rdi, (%rdi)\n", "	mov (%rdi), %rdi\n	mov (%rdi), %rdi\n	mov (%rdi), %rdi\n	mov (%rdi), %rdi", "");
LOOP(array, "	xor %ecx, %ecx\n", "	mov %ecx, %edx\n	and $0xffff, %edx\n	add (%rdi,%rdx,8), %rax\n	mov %rax, 0x100000(%rdi,%rdx,8)\n	inc %ecx", "");
LOOP(branchy, "	mov $1, %rax\n", "	imul $0x343fd, %eax, %eax\n	add $0x269ec3, %eax\n	test $0x10000, %eax\n	je 2f\n	inc %rcx\n2:\n	test $0x100000, %eax\n	jne 3f\n	inc %rdx\n3:", "");
LOOP(calls, "", "	call 5f", "5:	push %rbx\n	test %rax, %rax\n	je 4f\n	inc %eax\n4:	pop %rbx\n	ret\n");
LOOP(far_calls, "", "	call 5f\n	call 6f", ".balign 4096, 0x90\n5:	inc %rax\n	ret\n.balign 4096, 0x90\n6:	inc %rcx\n	ret\n");
LOOP(indirect, "	lea 5f(%rip), %r8\n	lea 6f(%rip), %r9\n", "	xchg %r8, %r9\n	call *%r8", "5:	inc %rax\n	ret\n6:	inc %rcx\n	ret\n");
LOOP(sse_scalar, "	mov $3, %eax\n	cvtsi2sd %eax, %xmm1\n	movapd %xmm1, %xmm0\n", "	mulsd %xmm1, %xmm0\n	addsd %xmm1, %xmm0\n	divsd %xmm1, %xmm0\n	sqrtsd %xmm0, %xmm2", "");
LOOP(sse_mem, "", "	movups (%rdi), %xmm0\n	addps 16(%rdi), %xmm0\n	movaps %xmm0, 32(%rdi)\n	paddd %xmm0, %xmm1", "");
LOOP(avx_fma, "	vxorps %ymm0, %ymm0, %ymm0\n", "	vmovups (%rdi), %ymm1\n	vfmadd231ps 32(%rdi), %ymm1, %ymm0\n	vfmadd231ps 64(%rdi), %ymm1, %ymm2", "");
LOOP(x87, "	fninit\n	fld1\n	fld1\n", "	fadd %st(1), %st\n	fmul %st(1), %st\n	fsqrt", "");
LOOP(x87_mem, "	fninit\n	fld1\n	fstpl (%rdi)\n", "	fldl (%rdi)\n	faddl (%rdi)\n	fstpl 8(%rdi)", "");
LOOP(rep_movs, "	mov %rdi, %r8\n", "	mov %r8, %rdi\n	push %rsi\n	lea 4096(%r8), %rsi\n	mov $256, %ecx\n	rep movsb\n	pop %rsi", "");
LOOP(lock, "", "	lock incl (%rdi)\n	lock xadd %eax, 8(%rdi)\n	xchg %rcx, 16(%rdi)", "");

static const struct loop { const char *name; const u8 *from, *to; u64 count; } loops[] = {
#define L(name, count) { #name, name, name##_end, count }
	L(alu, 20000000), L(dep_add, 20000000), L(high_regs, 20000000), L(adc, 20000000), L(mul_div, 5000000),
	L(load, 20000000), L(store, 20000000), L(chase, 10000000), L(array, 10000000), L(branchy, 10000000),
	L(calls, 10000000), L(far_calls, 10000000), L(indirect, 10000000), L(sse_scalar, 5000000), L(sse_mem, 10000000),
	L(avx_fma, 10000000), L(x87, 5000000), L(x87_mem, 5000000), L(rep_movs, 2000000), L(lock, 2000000),
};

GUEST(start, "	call *%rax\n	mov $0xf4, %dx\n	out %al, %dx\n	jmp 9f\n9:\n");

void test_fail(const char *file, int line, const char *fmt, ...)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, fmt);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double run_guest(const struct loop *l, bool jit, u64 count)
{
	struct bare *b = bare_create_accel("max", jit);
	double t;

	bare_load(b, 0x1000, start, start_end);
	bare_load(b, 0x8000, l->from, l->to);
	x86_cpu_setup_flat(b->cpu, true, 0);
	b->cpu->cr4 |= 0x40600;
	b->cpu->xcr0 = 7;
	x86_cpu_changed(b->cpu);
	b->cpu->rip = 0x1000;
	b->cpu->gpr[X86_RSP] = 0x700000;
	b->cpu->gpr[X86_RAX] = 0x8000;
	b->cpu->gpr[X86_RDI] = 0x200000;
	b->cpu->gpr[X86_RSI] = count;
	t = now();
	x86_cpu_run(b->cpu);
	t = now() - t;
	if (b->triple)
		printf("%s: the guest failed: vector %u at %llx\n", l->name, b->cpu->exc_vec, b->cpu->rip);
	bare_destroy(b);
	return t / (double)count;
}

static double run_native(const struct loop *l, u8 *code, u8 *data)
{
	double t;
	u64 rax = 0x8000, rdi = (uintptr_t)data, rsi = l->count;

	memcpy(code, l->from, (size_t)(l->to - l->from));
	t = now();
	__asm__ volatile("mov %%rsp, %%rbx\n	push %%rbp\n	lea -8192(%%rsp), %%rsp\n	and $-64, %%rsp\n"
			 "	mov %%rbx, %%r15\n	call *%3\n	mov %%r15, %%rsp\n	mov -8(%%rsp), %%rbp\n	fninit\n"
			 : "+a"(rax), "+D"(rdi), "+S"(rsi) : "r"(code)
			 : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc",
			   "xmm0", "xmm1", "xmm2");
	return (now() - t) / (double)l->count;
}

static bool wanted(int argc, char **argv, const char *name)
{
	bool any = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return true;
		any |= argv[i][0] != '-';
	}
	return !any;
}

int main(int argc, char **argv)
{
	u8 *code = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u8 *data = mmap(NULL, 4 * MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool interp = !(argc > 1 && !strcmp(argv[1], "-j"));
	double best[3];

	if (code == MAP_FAILED || data == MAP_FAILED)
		return 1;
	printf("%-12s %9s %9s %9s %8s %8s\n", "ns/iteration", "native", "jit", "interp", "jit/nat", "int/nat");
	for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
		if (!wanted(argc, argv, loops[i].name))
			continue;
		best[0] = best[1] = best[2] = 1e9;
		for (int k = 0; k < 3; k++) {
			best[0] = MIN(best[0], run_native(&loops[i], code, data));
			best[1] = MIN(best[1], run_guest(&loops[i], true, loops[i].count));
			if (interp)
				best[2] = MIN(best[2], run_guest(&loops[i], false, loops[i].count / 20));
		}
		printf("%-12s %9.2f %9.2f %9.2f %8.2f %8.1f\n", loops[i].name, best[0], best[1], interp ? best[2] : 0,
		       best[1] / best[0], interp ? best[2] / best[0] : 0);
		fflush(stdout);
	}
	return 0;
}
