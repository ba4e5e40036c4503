// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Speed of the memory functions, a line each: name, size, ns a call (the
 * best of 9 runs). It calls only C library names, so that scripts/bench/mem
 * can link it once with ours and once with the library's own and compare.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 9

/* Called through volatile pointers: nothing is inlined, sizes are not known. */
static void *(*volatile do_memcpy)(void *restrict d, const void *restrict s, size_t n) = memcpy;
static void *(*volatile do_memmove)(void *d, const void *s, size_t n) = memmove;
static void *(*volatile do_memset)(void *d, int c, size_t n) = memset;
static int (*volatile do_memcmp)(const void *a, const void *b, size_t n) = memcmp;
static void *(*volatile do_memchr)(const void *a, int c, size_t n) = memchr;
static size_t (*volatile do_strlen)(const char *s) = strlen;

static char *a, *b;

static void call_memcpy(size_t n)	{ do_memcpy(a, b, n); }
static void call_memcpy_odd(size_t n)	{ do_memcpy(a + 3, b + 5, n); }
static void call_memmove(size_t n)	{ do_memmove(b + 8, b, n); }
static void call_memset(size_t n)	{ do_memset(a, 0, n); }
static void call_memcmp(size_t n)	{ do_memcmp(a, b, n); }
static void call_memchr(size_t n)	{ do_memchr(a, 'x', n); }
static void call_strlen(size_t n)	{ (void)n; do_strlen(a); }

static const struct {
	const char *name;
	void (*fn)(size_t n);
} funcs[] = {
	{ "memcpy", call_memcpy }, { "memcpy+odd", call_memcpy_odd }, { "memmove-overlap", call_memmove }, { "memset", call_memset },
	{ "memcmp-equal", call_memcmp }, { "memchr-none", call_memchr }, { "strlen", call_strlen },
};

static const size_t sizes[] = { 8, 24, 64, 200, 1024, 4096, 65536, 1 << 20, 16 << 20 };

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double measure(void (*fn)(size_t n), size_t n)
{
	size_t calls = 4000000 / (n + 40) + 1;
	double best = 1e18;

	for (int run = 0; run < RUNS; run++) {
		double start = now(), each;

		for (size_t i = 0; i < calls; i++)
			fn(n);
		each = (now() - start) / (double)calls;
		best = each < best ? each : best;
	}
	return best;
}

int main(void)
{
	a = aligned_alloc(4096, (16 << 20) + 4096);
	b = aligned_alloc(4096, (16 << 20) + 4096);
	if (!a || !b)
		return 1;
	for (size_t f = 0; f < sizeof(funcs) / sizeof(*funcs); f++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			memset(a, 'a', (16 << 20) + 4096);
			memset(b, 'a', (16 << 20) + 4096);
			a[sizes[i]] = '\0';
			printf("%-16s %9zu %12.1f\n", funcs[f].name, sizes[i], measure(funcs[f].fn, sizes[i]));
		}
	}
	return 0;
}
