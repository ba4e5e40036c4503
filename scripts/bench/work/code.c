// SPDX-License-Identifier: GPL-2.0-or-later
/* Code that is written while it runs: patched, made anew, beside data that changes. */
#include "work.h"

#include <string.h>
#include <sys/mman.h>

static u8 *code_area(size_t size)
{
	u8 *p = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap of code");
	return p;
}

/* lea IMM(%rdi), %rax; ret */
static void emit(u8 *p, u32 value)
{
	memcpy(p, "\x48\x8d\x87", 3);
	memcpy(p + 3, &value, 4);
	p[7] = 0xc3;
}

typedef u64 function(u64);

/* One function, its constant changed before each call. */
static u64 patched(u64 n)
{
	u8 *p = code_area(4096);
	u64 h = 0;

	while (n--) {
		emit(p, (u32)n & 0xffff);
		h = ((function *)(void *)p)(h);
	}
	munmap(p, 4096);
	return h;
}

/* As a compiler at run time does: many functions are written once, each is called some times. */
static u64 generated(u64 n)
{
	enum { SIZE = 1 << 20 };
	u8 *p = code_area(SIZE);
	u64 h = 0;

	while (n--) {
		for (u32 i = 0; i < SIZE; i += 256)
			emit(p + i, i ^ ((u32)n & 0xff));
		for (int k = 0; k < 10; k++)
			for (u32 i = 0; i < SIZE; i += 256)
				h = ((function *)(void *)(p + i))(h);
	}
	munmap(p, SIZE);
	return h;
}

/* Data on the page of the code that writes it. */
static u64 neighbours(u64 n)
{
	/* 1: incq 0x100(%rip...); dec %rdi; jnz 1b; mov the counter, %rax; ret */
	static const u8 loop[] = {
		0x48, 0xff, 0x05, 0xf9, 0x01, 0x00, 0x00,
		0x48, 0xff, 0xcf, 0x75, 0xf4,
		0x48, 0x8b, 0x05, 0xed, 0x01, 0x00, 0x00, 0xc3,
	};
	u8 *p = code_area(4096);
	u64 h;

	memcpy(p, loop, sizeof(loop));
	h = ((function *)(void *)p)(n);
	munmap(p, 4096);
	return h;
}

/* The same addresses, other code: what loading and unloading of libraries does. */
static u64 remapped(u64 n)
{
	u64 h = 0;

	while (n--) {
		u8 *p = code_area(16384);

		for (u32 i = 0; i < 16384; i += 512)
			emit(p + i, i + ((u32)n & 0xff));
		for (u32 i = 0; i < 16384; i += 512)
			h = ((function *)(void *)(p + i))(h);
		munmap(p, 16384);
	}
	return h;
}

const struct work code_works[] = {
	{ "code", "patched", patched, 200000, 0 },
	{ "code", "generated", generated, 40, 0 },
	{ "code", "neighbours", neighbours, 8000000, 0 },
	{ "code", "remapped", remapped, 3000, 0 },
	{ 0 }
};
