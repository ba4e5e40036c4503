// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vCPU saved in the middle of its work goes on elsewhere as if nothing had happened.
 * requires: CONFIG_X86
 */
#include "arch/x86/machine/cpu_state.h"
#include "long_mode.h"

/* Flags, x87, vectors and a running LAPIC timer are live at every point. */
GUEST(work,
"	mov $0x1b, %ecx\n	rdmsr\n	or $0xc00, %eax\n	wrmsr\n"
"	mov $0x832, %ecx\n	mov $0x40030, %eax\n	xor %edx, %edx\n	wrmsr\n"
"	mov $0x6e0, %ecx\n	mov $5000000, %eax\n	wrmsr\n"
"	fninit\n	fldpi\n	mov $0x12345678, %eax\n	movd %eax, %xmm3\n	mov $50, %ecx\n	xor %ebx, %ebx\n"
"1:	add $0x7f7f7f7f, %ebx\n	adc %rcx, %rsi\n	paddb %xmm3, %xmm3\n	fadd %st(0), %st(0)\n	sbb %rsi, %rdi\n	dec %ecx\n	jnz 1b\n"
"	fstpt 0x5000\n	movd %xmm3, %ebp\n" EXIT);

static struct bare *start(void)
{
	struct bare *b = bare_create("max");

	long_enter(b, 0x600, 0x1000);
	BARE_LOAD(b, 0x1000, work);
	return b;
}

/* Machine b, saved and loaded into a new one with the same memory. */
static struct bare *moved(struct bare *b)
{
	struct cpu_state from = { .cpu = b->cpu }, to = { 0 };
	struct bare *n = bare_create("max");
	struct state_buf buf = { 0 };
	struct err e = ERR_INIT;

	memcpy(n->ram, b->ram, BARE_RAM);
	CHECK_EQ(state_save(&cpu_state_table, &from, &buf), 0);
	to.cpu = n->cpu;
	CHECK_EQ(state_load(&cpu_state_table, &to, &buf, 1, &e), 0);
	CHECK_EQ(buf.pos, buf.len);
	CHECK_EQ(n->timer_ns, b->timer_ns);
	state_buf_free(&buf);
	bare_destroy(b);
	return n;
}

static struct x86_saved result(struct bare *b)
{
	struct x86_saved s;

	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	x86_cpu_get_saved(b->cpu, &s);
	if (bare_jit())
		s.fip = s.fdp = s.fop = 0;	/* generated code keeps no pointers to masked x87 instructions */
	return s;
}

TEST(saved_at_any_point)
{
	struct bare *straight = start();
	struct x86_saved want = result(straight);

	for (unsigned n = 1; n < 120; n += 7) {
		struct bare *b = start();

		CHECK_EQ(x86_cpu_step(b->cpu, n), X86_EXIT_STEPS);
		b = moved(b);
		struct x86_saved got = result(b);
		CHECK_MEM_EQ(&got, &want, sizeof(got));
		CHECK_MEM_EQ(b->ram + 0x5000, straight->ram + 0x5000, 10);
		bare_destroy(b);
	}
	bare_destroy(straight);
}

TEST(contradictions_are_refused)
{
	struct bare *b = start();
	struct x86_saved s;
	struct err e = ERR_INIT;

	x86_cpu_get_saved(b->cpu, &s);
	s.cr0 = 0x80000000;
	CHECK_EQ(x86_cpu_set_saved(b->cpu, &s, &e), -EINVAL);
	CHECK_EQ(b->cpu->rip, 0xfff0);
	bare_destroy(b);
}
