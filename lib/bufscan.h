/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between bufscan.c and its wide variants. A variant returns how many of the
 * n bytes it has proven zero (or the same), rounded down as it likes: the
 * narrow loop finds the exact place from there.
 */
#ifndef VMBOX_LIB_BUFSCAN_H
#define VMBOX_LIB_BUFSCAN_H

#include "config.h"
#include "hostcpu.h"

#define BUFSCAN_WIDE_MIN 128

#if IS_ENABLED(CONFIG_LIB_AVX2) && defined(__x86_64__)
size_t bufscan_zero_avx2(const void *p, size_t n);
size_t bufscan_same_avx2(const void *a, const void *b, size_t n);
static inline bool bufscan_has_avx2(void)
{
	return hostcpu_has(HOSTCPU_AVX2);
}
#else
static inline size_t bufscan_zero_avx2(const void *p, size_t n)
{
	(void)p;
	(void)n;
	return 0;
}
static inline size_t bufscan_same_avx2(const void *a, const void *b, size_t n)
{
	(void)a;
	(void)b;
	(void)n;
	return 0;
}
static inline bool bufscan_has_avx2(void)
{
	return false;
}
#endif

#endif
