/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiler attributes and the small macros that have no better home.
 * Checked arithmetic is add_overflows() and friends: true means that the
 * result did not fit and *res must not be used.
 */
#ifndef VMBOX_COMPILER_H
#define VMBOX_COMPILER_H

#include "types.h"

#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))
#define __used		__attribute__((used))
#define __section(s)	__attribute__((section(s)))
#define __noreturn	__attribute__((noreturn))
#define __must_check	__attribute__((warn_unused_result))
#define __printf(f, a)	__attribute__((format(printf, f, a)))
#define __cold		__attribute__((cold))
#define __hot		__attribute__((hot))
#define __pure		__attribute__((pure))
#undef __always_inline	/* glibc has its own */
#define __always_inline	inline __attribute__((always_inline))
#define __noinline	__attribute__((noinline))
#define __maybe_unused	__attribute__((unused))
#define __fallthrough	__attribute__((fallthrough))

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

/* Each argument is evaluated once; the counter lets them nest. */
#define MIN(a, b)	PICK(a, <, b, __COUNTER__)
#define MAX(a, b)	PICK(a, >, b, __COUNTER__)
#define PICK(a, op, b, n)	PICK_(a, op, b, n)
#define PICK_(a, op, b, n) ({ __auto_type pick_a##n = (a); __auto_type pick_b##n = (b); \
	pick_a##n op pick_b##n ? pick_a##n : pick_b##n; })
#define ALIGN_UP(x, a)	 (((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define BIT(n)		(1ULL << (n))
/* Mask of bits hi..lo, both included: GENMASK(11, 0) is 0xfff. */
#define GENMASK(hi, lo)	(((~0ULL) << (lo)) & (~0ULL >> (63 - (hi))))

#define add_overflows(a, b, res) __builtin_add_overflow(a, b, res)
#define sub_overflows(a, b, res) __builtin_sub_overflow(a, b, res)
#define mul_overflows(a, b, res) __builtin_mul_overflow(a, b, res)

/* For invariants of our own code only; never on input from outside. */
#define BUG_ON(c) do { if (unlikely(c)) __builtin_trap(); } while (0)

#endif
