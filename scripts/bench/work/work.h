/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Workloads that are run natively and in a guest: each does the same work
 * every time and returns a checksum of its results, so that a wrong answer
 * is seen and not only a slow one. n: how much, about 50 ms natively.
 */
#ifndef WORK_H
#define WORK_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;
typedef int64_t s64;
typedef int32_t s32;

struct work {
	const char *group, *name;
	u64 (*run)(u64 n);
	u64 n;
	const char *needs;	/* a flag of /proc/cpuinfo; NULL: none */
};

/* Each ends with a name of NULL. */
extern const struct work integer_works[], float_works[], simd_works[], x87_works[], memory_works[], os_works[],
	code_works[], thread_works[];

/* Marsaglia's xorshift64: the next of a series that is the same everywhere. */
static inline u64 next_random(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static inline u64 mix(u64 h, u64 v)
{
	return (h ^ v) * 0x9e3779b97f4a7c15ULL + (h >> 29);
}

u64 checksum_of(const void *p, size_t size);
/* Zeroed memory that is there (touched), from mmap; ends the program when there is none. */
void *pages(size_t size);
/* Ends the program with errno's text. */
void fail(const char *what) __attribute__((noreturn));

#endif
