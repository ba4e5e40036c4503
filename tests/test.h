/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit tests. A file tests/unit/ROOM/x_test.c becomes the program
 * tests/unit/ROOM/x.t of the build folder, linked with all rooms and the
 * product's own flags; it prints TAP.
 *
 *	TEST(empty_list_has_no_head) {
 *		CHECK_EQ(list_len(&l), 0);
 *		CHECK_STR_EQ(name, "disk");
 *	}
 *
 * A failed check prints both values and ends its test (not the program).
 * A line "requires: CONFIG_X CONFIG_Y" in a comment of the file leaves it
 * out of builds that lack one of them.
 */
#ifndef VMBOX_TEST_H
#define VMBOX_TEST_H

#include <string.h>
#include "registry.h"

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(ident) \
	static void test_##ident(void); \
	static const struct test test_desc_##ident = { #ident, test_##ident }; \
	REGISTER(test, test_desc_##ident); \
	static void test_##ident(void)

/* Each ends the running test when it fails; from any function, on the test's own thread only. */
#define CHECK(c) \
	do { if (!(c)) test_fail(__FILE__, __LINE__, "%s", #c); } while (0)
#define CHECK_EQ(got, want) TEST_CMP(got, ==, want)
#define CHECK_NE(got, not_want) TEST_CMP(got, !=, not_want)
#define CHECK_LT(a, b) TEST_CMP(a, <, b)
#define CHECK_LE(a, b) TEST_CMP(a, <=, b)
#define CHECK_STR_EQ(got, want) \
	test_str_eq(__FILE__, __LINE__, #got, got, want)
#define CHECK_MEM_EQ(got, want, len) \
	test_mem_eq(__FILE__, __LINE__, #got, got, want, len)

#define TEST_CMP(a, op, b) \
	do { \
		__auto_type _ta = (a); \
		__typeof__(_ta) _tb = (__typeof__(_ta))(b); \
		if (!(_ta op _tb)) \
			test_fail(__FILE__, __LINE__, "%s " #op " %s: got %lld (0x%llx), other %lld (0x%llx)", \
				  #a, #b, (long long)_ta, (unsigned long long)_ta, \
				  (long long)_tb, (unsigned long long)_tb); \
	} while (0)

/* Ends the running test as failed. */
void test_fail(const char *file, int line, const char *fmt, ...) __printf(3, 4) __noreturn;
/* Ends the running test as skipped; the reason must be in tests/skips.allow. */
void test_skip(const char *fmt, ...) __printf(1, 2) __noreturn;
/* Prints a "# ..." line. */
void test_note(const char *fmt, ...) __printf(1, 2);
void test_str_eq(const char *file, int line, const char *expr, const char *got, const char *want);
void test_mem_eq(const char *file, int line, const char *expr, const void *got, const void *want, size_t len);

#endif
