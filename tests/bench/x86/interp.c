// SPDX-License-Identifier: GPL-2.0-or-later
/* Speed of the interpreter on bare loops: millions of guest instructions a second of the thread's time, best of three. */
#include <stdio.h>
#include <time.h>
#include "unit/arch/x86/bare.h"

GUEST(alu, "	mov $20000000, %ecx\n1:	add %rcx, %rax\n	lea 3(%rdx,%rax,2), %rsi\n	xor %rsi, %rdi\n	shr $3, %rdi\n"
	   "	dec %ecx\n	jnz 1b\n" EXIT);
GUEST(memory, "	mov $20000000, %ecx\n	mov $0x200000, %ebx\n1:	mov %rax, (%rbx)\n	mov 8(%rbx), %rdx\n	add %rdx, 16(%rbx)\n"
	      "	movzbl 3(%rbx), %esi\n	dec %ecx\n	jnz 1b\n" EXIT);
GUEST(calls, "	mov $10000000, %ecx\n	mov $0x300000, %esp\n1:	call 2f\n	dec %ecx\n	jnz 1b\n	jmp 3f\n"
	     "2:	push %rbx\n	test %rax, %rax\n	je 4f\n	inc %eax\n4:	pop %rbx\n	ret\n3:\n" EXIT);

void test_fail(const char *file, int line, const char *fmt, ...)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, fmt);
	exit(1);
}

static double run(const u8 *from, const u8 *to)
{
	struct bare *b = bare_create_accel("max", false);
	struct timespec t0, t1;
	double s;

	bare_load(b, 0x1000, from, to);
	x86_cpu_setup_flat(b->cpu, true, 0);
	b->cpu->rip = 0x1000;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
	x86_cpu_run(b->cpu);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
	s = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) * 1e-9;
	s = (double)b->cpu->icount / s / 1e6;
	bare_destroy(b);
	return s;
}

int main(void)
{
	static const struct { const char *name; const u8 *from, *to; } loops[] = {
		{ "alu", alu, alu_end }, { "memory", memory, memory_end }, { "calls", calls, calls_end },
	};

	for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
		double best = 0;

		for (int k = 0; k < 3; k++) {
			double v = run(loops[i].from, loops[i].to);
			best = v > best ? v : best;
		}
		printf("interp %-8s %6.0f MIPS\n", loops[i].name, best);
	}
	return 0;
}
