/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the address sanitizer cannot know: a stack that the compiler did not
 * make, and that frames leave by a jump; and what it needs: terabytes of
 * address space, and to look into /proc for leaks. Nothing in other builds.
 */
#ifndef VMBOX_ASAN_H
#define VMBOX_ASAN_H

#include <stdbool.h>
#include <stddef.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define ASAN_IS_ON true

void __asan_unpoison_memory_region(const volatile void *p, size_t n);

/* No frame that is alive lies in the n bytes at p: marks of those that were left by a jump are removed. */
static inline void asan_empty_stack(const void *p, size_t n)
{
	__asan_unpoison_memory_region(p, n);
}
#else
#define ASAN_IS_ON false

static inline void asan_empty_stack(const void *p, size_t n)
{
	(void)p, (void)n;
}
#endif

#endif
