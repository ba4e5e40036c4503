// SPDX-License-Identifier: GPL-2.0-or-later
/* Loads and stores: bandwidth, latency, TLB reach, string instructions. */
#include "work.h"

#include <string.h>
#include <sys/mman.h>

#define MIB ((size_t)1 << 20)

static u64 *area(size_t size)
{
	static u64 *p;
	static size_t have;

	if (have != size) {
		if (p)
			munmap(p, have);
		p = pages(size);
		have = size;
	}
	return p;
}

static u64 read_small(u64 n)
{
	u64 *p = area(32768), h = 0;

	for (int i = 0; i < 4096; i++)
		p[i] = (u64)i * 77;
	while (n--)
		for (int i = 0; i < 4096; i++)
			h += p[i] ^ (h >> 9);
	return h;
}

static u64 read_big(u64 n)
{
	u64 *p = area(64 * MIB), h = 0;

	while (n--)
		for (size_t i = 0; i < 64 * MIB / 8; i += 8)
			h += p[i] + (p[i + 3] ^ i);
	return h;
}

static u64 write_big(u64 n)
{
	u64 *p = area(64 * MIB);

	while (n--)
		for (size_t i = 0; i < 64 * MIB / 8; i += 2)
			p[i] = i + n;
	return checksum_of(p, 4096);
}

static u64 copy_small(u64 n)
{
	u8 *p = (u8 *)area(32768);

	p[5] = 1;
	while (n--) {
		memcpy(p + 4200 + (n & 63), p, 4000);
		p[n % 4000]++;
		memmove(p + 9000, p + 8000 + (n & 31), 200);
	}
	return checksum_of(p, 32768);
}

static u64 copy_big(u64 n)
{
	u8 *p = (u8 *)area(64 * MIB);

	while (n--) {
		p[n] = (u8)n;
		memcpy(p + 32 * MIB, p, 32 * MIB);
		memset(p, (int)n, MIB);
	}
	return checksum_of(p + 32 * MIB, 4096);
}

/* Loads each of which needs the one before it, over size bytes in a random ring. */
static u64 chase(u64 n, size_t size)
{
	u64 *p = area(size), count = size / 64, s = 13, at = 0, h = 0;

	for (u64 i = 0; i < count; i++)
		p[i * 8] = i;
	for (u64 i = count - 1; i; i--) {
		u64 k = next_random(&s) % i, t = p[i * 8];

		p[i * 8] = p[k * 8];
		p[k * 8] = t;
	}
	while (n--) {
		at = p[at * 8];
		h += at;
	}
	return h;
}

static u64 chase_l1(u64 n)
{
	return chase(n, 16384);
}

static u64 chase_l2(u64 n)
{
	return chase(n, MIB / 2);
}

static u64 chase_big(u64 n)
{
	return chase(n, 64 * MIB);
}

static u64 random_writes(u64 n)
{
	u64 *p = area(16 * MIB), s = 23;

	memset(p, 0, 16 * MIB);
	while (n--) {
		u64 r = next_random(&s);

		p[r % (2 * MIB)] += r;
	}
	return checksum_of(p, 16 * MIB);
}

static u64 strides(u64 n)
{
	u64 *p = area(64 * MIB), h = 0;

	while (n--)
		for (size_t i = 0; i < 64 * MIB / 8; i += 512 + 8)
			h += p[i]++;
	return h;
}

static u64 unaligned(u64 n)
{
	u8 *p = (u8 *)area(32768);
	u64 h = 1, v;

	memset(p, 3, 32768);
	while (n--)
		for (size_t i = 0; i < 16000; i += 13) {
			memcpy(&v, p + i + 3, 8);
			h = (h << 5) + v;
			memcpy(p + i + 7, &h, 8);
		}
	return mix(h, checksum_of(p, 16384));
}

static u64 string_instructions(u64 n)
{
	u8 *p = (u8 *)area(65536);
	u64 h = 0;

	while (n--) {
		void *d = p + 32768, *s = p;
		size_t c = 1000 + (n & 1023);

		p[n & 1023] = (u8)n;
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(c) : : "memory");
		c = 256;
		d = p + 2048;
		__asm__ volatile("rep stosq" : "+D"(d), "+c"(c) : "a"(n) : "memory");
		d = p;
		c = 4096;
		__asm__ volatile("repne scasb" : "+D"(d), "+c"(c) : "a"(255) : "memory", "cc");
		h += c;
	}
	return mix(h, checksum_of(p, 65536));
}

static u64 stack(u64 n)
{
	u64 h = 0;

	while (n--)
		__asm__ volatile("push %0\n\tpush %1\n\tpush $7\n\tpop %%rax\n\tadd %%rax, %0\n\tpop %1\n\tpop %%rax\n\txor %%rax, %0"
				 : "+r"(h), "+r"(n) : : "rax", "memory", "cc");
	return h;
}

const struct work memory_works[] = {
	{ "memory", "read-small", read_small, 10000, 0 },
	{ "memory", "read-big", read_big, 8, 0 },
	{ "memory", "write-big", write_big, 6, 0 },
	{ "memory", "copy-small", copy_small, 300000, 0 },
	{ "memory", "copy-big", copy_big, 8, 0 },
	{ "memory", "chase-l1", chase_l1, 30000000, 0 },
	{ "memory", "chase-l2", chase_l2, 10000000, 0 },
	{ "memory", "chase-big", chase_big, 400000, 0 },
	{ "memory", "random-writes", random_writes, 4000000, 0 },
	{ "memory", "strides", strides, 300, 0 },
	{ "memory", "unaligned", unaligned, 50000, 0 },
	{ "memory", "string-instructions", string_instructions, 500000, 0 },
	{ "memory", "stack", stack, 40000000, 0 },
	{ 0 }
};
