/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine of RAM and nothing else, for tests of the processor: 16 MiB at 0,
 * a clock that the test moves, port writes that are recorded. Guest code is
 * written as assembly in the test file with GUEST(name, "...").
 */
#ifndef TESTS_UNIT_ARCH_X86_BARE_H
#define TESTS_UNIT_ARCH_X86_BARE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "test.h"
#include "x86/cpu.h"
#include "x86/exec.h"
#include "x86/jit.h"

#define BARE_RAM (16 * MiB)

/* Position-dependent guest code, linked nowhere: name[] to name_end[]. */
#define GUEST(name, text) \
	__asm__(".pushsection .rodata\n" #name ":\n" text "\n" #name "_end:\n.code64\n.popsection\n"); \
	extern const u8 name[], name##_end[]

/* Ends the run. The jump ends the block, so the request is seen at once. */
#define EXIT "	mov $0xf4, %dx\n	out %al, %dx\n	jmp 9f\n9:\n"

struct bare {
	u8 *ram;
	u64 dirty[BARE_RAM / 4096 / 64];
	struct x86_platform platform;
	struct x86_system *sys;
	struct x86_cpu *cpu;
	u64 now_ns, timer_ns;
	u32 out[64];
	unsigned outs, mmio_reads;
	bool triple;
};

static inline void bare_phys(void *ctx, u64 gpa, struct x86_phys_page *p)
{
	struct bare *b = ctx;

	*p = (struct x86_phys_page){ .kind = X86_PHYS_MMIO };
	if (gpa < BARE_RAM)
		*p = (struct x86_phys_page){ X86_PHYS_RAM, b->ram + (gpa & ~4095ULL), 0, BARE_RAM - 1, b->dirty };
}

static inline u64 bare_mmio_read(void *ctx, u64 gpa, unsigned size)
{
	(void)gpa;
	((struct bare *)ctx)->mmio_reads++;
	return size == 8 ? ~0ULL : (1ULL << size * 8) - 1;
}

static inline void bare_mmio_write(void *ctx, u64 gpa, u64 val, unsigned size)
{
	(void)ctx, (void)gpa, (void)val, (void)size;
}

static inline u32 bare_pio_read(void *ctx, u16 port, unsigned size)
{
	(void)ctx, (void)size;
	return port ^ 0x5a5a;
}

/* Port 0xf4 ends the run; all others are kept. */
static inline void bare_pio_write(void *ctx, u16 port, u32 val, unsigned size)
{
	struct bare *b = ctx;

	(void)size;
	if (port == 0xf4)
		x86_cpu_request_exit(b->cpu);
	else if (b->outs < ARRAY_SIZE(b->out))
		b->out[b->outs++] = val;
}

static inline int bare_pic_ack(void *ctx) { (void)ctx; return -1; }
static inline void bare_eoi(void *ctx, u8 vec) { (void)ctx, (void)vec; }
static inline u64 bare_clock(void *ctx) { return ((struct bare *)ctx)->now_ns; }

static inline void bare_timer(void *ctx, struct x86_cpu *cpu, u64 ns)
{
	(void)cpu;
	((struct bare *)ctx)->timer_ns = ns;
}

static inline void bare_triple(void *ctx, struct x86_cpu *cpu)
{
	(void)cpu;
	((struct bare *)ctx)->triple = true;
}

static const struct x86_platform_ops bare_ops = {
	.phys_lookup = bare_phys, .mmio_read = bare_mmio_read, .mmio_write = bare_mmio_write,
	.pio_read = bare_pio_read, .pio_write = bare_pio_write, .pic_ack = bare_pic_ack, .ioapic_eoi = bare_eoi,
	.clock_ns = bare_clock, .lapic_timer_arm = bare_timer, .triple_fault = bare_triple,
};

/* VMBOX_TEST_ACCEL=jit runs what a test runs by the translator. */
static inline bool bare_jit(void)
{
	const char *accel = getenv("VMBOX_TEST_ACCEL");

	return accel && !strcmp(accel, "jit");
}

/* cfg NULL: by the interpreter. CPUs behind the first one never run. */
static inline struct bare *bare_create_jit(const char *model, const struct x86_jit_config *cfg, unsigned cpus)
{
	struct bare *b = calloc(1, sizeof(*b));
	struct x86_cpu_model m;
	struct err e = ERR_INIT;

	b->ram = mmap(NULL, BARE_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b->platform = (struct x86_platform){ .ops = &bare_ops, .ctx = b };
	CHECK_EQ(x86_cpu_model_parse(&m, model, &e), 0);
	b->sys = x86_system_create(&b->platform, &m, cpus, &e);
	CHECK(b->sys != NULL);
	if (cfg)
		CHECK_EQ(x86_jit_enable(b->sys, cfg, &e), 0);
	b->cpu = x86_cpu_create(b->sys, 0, b, &e);
	CHECK(b->cpu != NULL);
	for (unsigned n = 1; n < cpus; n++)
		CHECK(x86_cpu_create(b->sys, n, b, &e) != NULL);
	return b;
}

static inline struct bare *bare_create_accel(const char *model, bool jit)
{
	static const struct x86_jit_config cfg = { .cache_bytes = 4 * MiB };

	return bare_create_jit(model, jit ? &cfg : NULL, 1);
}

static inline struct bare *bare_create(const char *model)
{
	return bare_create_accel(model, bare_jit());
}

static inline void bare_destroy(struct bare *b)
{
	x86_system_destroy(b->sys);
	munmap(b->ram, BARE_RAM);
	free(b);
}

static inline void bare_load(struct bare *b, u64 gpa, const u8 *from, const u8 *to)
{
	memcpy(b->ram + gpa, from, (size_t)(to - from));
	x86_code_written(b->sys, gpa, (u64)(to - from));
}

#define BARE_LOAD(b, gpa, name) bare_load(b, gpa, name, name##_end)

#endif
