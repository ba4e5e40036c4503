// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main() of every unit test: runs the registered tests in order and prints
 * TAP. Arguments are names of the tests to run; without any, all run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include "test.h"

REGISTRY_DECLARE(test);

enum outcome { TEST_PASSED, TEST_FAILED, TEST_SKIPPED };

static struct {
	jmp_buf end;
	char why[1024];
} running;

static void test_end(enum outcome o, const char *fmt, va_list ap) __printf(2, 0) __noreturn;

static void test_end(enum outcome o, const char *fmt, va_list ap)
{
	vsnprintf(running.why, sizeof(running.why), fmt, ap);
	longjmp(running.end, o);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d\n", file, line);
	va_start(ap, fmt);
	test_end(TEST_FAILED, fmt, ap);
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	test_end(TEST_SKIPPED, fmt, ap);
}

void test_note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void test_str_eq(const char *file, int line, const char *expr, const char *got, const char *want)
{
	if (got == want || (got && want && !strcmp(got, want)))
		return;
	test_fail(file, line, "%s: got \"%s\", want \"%s\"", expr,
		  got ? got : "(null)", want ? want : "(null)");
}

void test_mem_eq(const char *file, int line, const char *expr, const void *got, const void *want, size_t len)
{
	const u8 *g = got, *w = want;

	for (size_t i = 0; i < len; i++)
		if (g[i] != w[i])
			test_fail(file, line, "%s: byte %zu of %zu: got 0x%02x, want 0x%02x",
				  expr, i, len, g[i], w[i]);
}

static enum outcome run_one(const struct test *t, int nr)
{
	enum outcome o = setjmp(running.end);

	if (!o)
		t->run();
	if (o == TEST_FAILED)
		printf("# %s\n", running.why);
	printf("%sok %d - %s%s%s\n", o == TEST_FAILED ? "not " : "", nr, t->name,
	       o == TEST_SKIPPED ? " # SKIP " : "", o == TEST_SKIPPED ? running.why : "");
	fflush(stdout);
	return o;
}

static bool wanted(const struct test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], t->name))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	const struct test *t;
	int nr = 0, failed = 0;

	REGISTRY_FOREACH(test, t)
		if (wanted(t, argc, argv))
			failed += run_one(t, ++nr) == TEST_FAILED;
	printf("1..%d\n", nr);
	return failed || !nr;
}
