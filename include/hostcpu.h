/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the CPU under us can do, asked once (CPUID traps in a virtual
 * machine and costs microseconds there) and only when somebody wants to
 * know. Bits that the operating system has not enabled are off.
 */
#ifndef VMBOX_HOSTCPU_H
#define VMBOX_HOSTCPU_H

#include "compiler.h"

#define HOSTCPU_KNOWN	(1U << 0)	/* the others are valid */
#define HOSTCPU_SSE42	(1U << 1)
#define HOSTCPU_AVX2	(1U << 2)
#define HOSTCPU_SHA	(1U << 3)
#define HOSTCPU_PCLMUL	(1U << 4)
#define HOSTCPU_BMI2	(1U << 5)
#define HOSTCPU_FMA	(1U << 6)
#define HOSTCPU_F16C	(1U << 7)
#define HOSTCPU_LZCNT	(1U << 8)
#define HOSTCPU_POPCNT	(1U << 9)
#define HOSTCPU_MOVBE	(1U << 10)
#define HOSTCPU_AVX	(1U << 11)
#define HOSTCPU_BMI1	(1U << 12)
#define HOSTCPU_SSE41	(1U << 13)
#define HOSTCPU_SSSE3	(1U << 14)

extern u32 hostcpu_bits;
u32 hostcpu_probe(void) __cold;

/* True when every bit of want is there. Any thread. */
static inline bool hostcpu_has(u32 want)
{
	u32 bits = __atomic_load_n(&hostcpu_bits, __ATOMIC_RELAXED);

	if (unlikely(!bits))
		bits = hostcpu_probe();
	return (bits & want) == want;
}

#endif
