// SPDX-License-Identifier: GPL-2.0-or-later
/* Growing strings, numbers, sizes, nearest names, error objects. */
#include <errno.h>
#include "err.h"
#include "fault.h"
#include "mem.h"
#include "str.h"
#include "test.h"

TEST(strbuf_grows)
{
	struct strbuf b = STRBUF_INIT;

	CHECK_STR_EQ(b.s, "");
	strbuf_putc(&b, 'a');
	strbuf_puts(&b, "bc");
	strbuf_add(&b, "d\0e", 3);
	CHECK_EQ(b.len, 6);
	CHECK_MEM_EQ(b.s, "abcd\0e", 7);
	strbuf_truncate(&b, 4);
	strbuf_fill(&b, '-', 100);
	strbuf_printf(&b, "%s=%d", "x", 42);
	CHECK_EQ(b.len, 108);
	CHECK_STR_EQ(b.s + 104, "x=42");
	strbuf_reset(&b);
	strbuf_put_u64(&b, ~0ULL);
	strbuf_putc(&b, ' ');
	strbuf_put_u64(&b, 0);
	CHECK_STR_EQ(b.s, "18446744073709551615 0");
	strbuf_free(&b);
	CHECK_STR_EQ(b.s, "");
}

TEST(strbuf_steal_gives_memory)
{
	struct strbuf b = STRBUF_INIT;
	char *s = strbuf_steal(&b);

	CHECK_STR_EQ(s, "");
	mem_free(s);
	strbuf_puts(&b, "mine");
	s = strbuf_steal(&b);
	CHECK_STR_EQ(s, "mine");
	CHECK_EQ(b.len, 0);
	mem_free(s);
}

#if IS_ENABLED(CONFIG_FAULT_INJECTION)
TEST(strbuf_remembers_a_failure)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "kept");
	fault_arm(FAULT_ALLOC, 1);
	strbuf_fill(&b, 'x', 1000);
	CHECK(fault_disarm(FAULT_ALLOC));
	strbuf_puts(&b, "lost");
	CHECK_EQ(strbuf_failed(&b), -ENOMEM);
	CHECK_STR_EQ(b.s, "kept");
	CHECK(strbuf_steal(&b) == NULL);
	CHECK_EQ(strbuf_failed(&b), 0);
}
#endif

static int u64_of(const char *s, int base, u64 *v)
{
	*v = 77;
	return str_to_u64(s, base, v);
}

TEST(numbers_are_checked)
{
	u64 v;
	s64 i = 5;

	CHECK(!u64_of("0", 0, &v) && v == 0);
	CHECK(!u64_of("010", 0, &v) && v == 10);
	CHECK(!u64_of("0x1F", 0, &v) && v == 31);
	CHECK(!u64_of("1f", 16, &v) && v == 31);
	CHECK(!u64_of("755", 8, &v) && v == 0755);
	CHECK(!u64_of("18446744073709551615", 0, &v) && v == ~0ULL);
	CHECK_EQ(u64_of("18446744073709551616", 0, &v), -ERANGE);
	CHECK_EQ(u64_of("99999999999999999999999x", 0, &v), -EINVAL);
	CHECK_EQ(u64_of("", 0, &v), -EINVAL);
	CHECK_EQ(u64_of("0x", 0, &v), -EINVAL);
	CHECK_EQ(u64_of("-1", 0, &v), -EINVAL);
	CHECK_EQ(u64_of(" 1", 0, &v), -EINVAL);
	CHECK_EQ(u64_of("1 ", 0, &v), -EINVAL);
	CHECK_EQ(u64_of("8", 8, &v), -EINVAL);
	CHECK_EQ(v, 77);
	CHECK(!str_to_s64("-9223372036854775808", 0, &i) && i == INT64_MIN);
	CHECK(!str_to_s64("+7", 0, &i) && i == 7);
	CHECK(!str_to_s64("-0x10", 0, &i) && i == -16);
	CHECK_EQ(str_to_s64("9223372036854775808", 0, &i), -ERANGE);
	CHECK_EQ(str_to_s64("--1", 0, &i), -EINVAL);
	CHECK_EQ(i, -16);
	CHECK_EQ(str_to_u64_range("5", 6, 9, &v), -ERANGE);
	CHECK_EQ(str_to_u64_range("6", 6, 9, &v), 0);
}

static void size_is(const char *s, char suffix, u64 want)
{
	u64 v = 0;

	if (str_to_size(s, suffix, &v) || v != want)
		test_fail(__FILE__, __LINE__, "size '%s' is %llu, not %llu", s, v, want);
}

static void size_fails(const char *s, int want)
{
	u64 v = 77;

	if (str_to_size(s, 'b', &v) != want || v != 77)
		test_fail(__FILE__, __LINE__, "size '%s' is accepted as %llu", s, v);
}

TEST(sizes_as_qemu_takes_them)
{
	size_is("0", 'b', 0);
	size_is("4096", 'b', 4096);
	size_is("1024.0", 'b', 1024);
	size_is("1024.0b", 'm', 1024);
	size_is("1b", 'm', 1);
	size_is("1k", 'b', 1024);
	size_is("1K", 'b', 1024);
	size_is("512", 'm', 512 * MiB);
	size_is("1.5", 'm', 3 * MiB / 2);
	size_is("1.5G", 'b', 3 * GiB / 2);
	size_is("0.5k", 'b', 512);
	size_is(".5k", 'b', 512);
	size_is("1.k", 'b', 1024);
	size_is("12.345M", 'b', 12944671);		/* 12.345 * 2^20 = 12944670.72 */
	size_is("0x1000", 'b', 4096);
	size_is("15.9999999999E", 'b', 18446744073594259466ULL);
	size_is("1T", 'b', TiB);
	size_is("1P", 'b', 1024 * TiB);
	size_is("15E", 'b', 15ULL << 60);
	size_is("18446744073709551615", 'b', ~0ULL);
	size_fails("", -EINVAL);
	size_fails("k", -EINVAL);
	size_fails(".", -EINVAL);
	size_fails("1.5", -EINVAL);
	size_fails("0x10k", -EINVAL);
	size_fails("0x1.8", -EINVAL);
	size_fails("1kk", -EINVAL);
	size_fails("1z", -EINVAL);
	size_fails("-1k", -EINVAL);
	size_fails(" 1k", -EINVAL);
	size_fails("16E", -ERANGE);
	size_fails("18446744073709551616", -ERANGE);
	size_fails("99999999999999999999999k", -ERANGE);
}

TEST(sizes_print_as_qemu_prints_them)
{
	static const struct { u64 v; const char *want; } cases[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 512, "512 B" }, { 999, "999 B" }, { 1000, "0.977 KiB" }, { 1024, "1 KiB" },
		{ 1536, "1.5 KiB" }, { 65536, "64 KiB" }, { 196616, "192 KiB" }, { 10 * MiB, "10 MiB" },
		{ 3 * GiB / 2, "1.5 GiB" }, { 1000 * MiB, "0.977 GiB" }, { TiB, "1 TiB" }, { ~0ULL, "16 EiB" },
	};
	char buf[STR_SIZE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR_EQ(str_size(buf, cases[i].v), cases[i].want);
}

TEST(times)
{
	u64 ns = 1;

	CHECK(!str_to_ns("2", &ns) && ns == 2000000000);
	CHECK(!str_to_ns("1.5s", &ns) && ns == 1500000000);
	CHECK(!str_to_ns("20ms", &ns) && ns == 20000000);
	CHECK(!str_to_ns("7us", &ns) && ns == 7000);
	CHECK(!str_to_ns("3ns", &ns) && ns == 3);
	CHECK(!str_to_ns("2m", &ns) && ns == 120000000000ULL);
	CHECK_EQ(str_to_ns("1d", &ns), -EINVAL);
	CHECK_EQ(str_to_ns("s", &ns), -EINVAL);
	CHECK_EQ(str_to_ns("99999999999999h", &ns), -ERANGE);
	CHECK_EQ(ns, 120000000000ULL);
}

TEST(booleans)
{
	bool b = false;

	CHECK(!str_to_bool("on", &b) && b);
	CHECK(!str_to_bool("n", &b) && !b);
	CHECK(!str_to_bool("true", &b) && b);
	CHECK_EQ(str_to_bool("ON", &b), -EINVAL);
	CHECK_EQ(str_to_bool("", &b), -EINVAL);
}

TEST(distance_counts_edits)
{
	CHECK_EQ(str_distance("", ""), 0);
	CHECK_EQ(str_distance("abc", ""), 3);
	CHECK_EQ(str_distance("kitten", "sitting"), 3);
	CHECK_EQ(str_distance("form", "from"), 1);
	CHECK_EQ(str_distance("Format", "format"), 0);
	CHECK_EQ(str_distance("a_b", "a-b"), 0);
	CHECK_EQ(str_distance("ca", "abc"), 3);		/* optimal alignment: no edit inside a swapped pair */
}

static const char *nearest(const char *word)
{
	static const char *const names[] = { "convert", "create", "check", "dd", "info" };
	struct str_nearest n = STR_NEAREST_INIT(word);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		str_nearest_offer(&n, names[i]);
	return str_nearest(&n);
}

TEST(nearest_name_must_be_near)
{
	CHECK_STR_EQ(nearest("conver"), "convert");
	CHECK_STR_EQ(nearest("craete"), "create");
	CHECK_STR_EQ(nearest("ifno"), "info");
	CHECK_STR_EQ(nearest("conv"), "convert");
	CHECK_STR_EQ(nearest("d"), NULL);
	CHECK_STR_EQ(nearest("snapshot"), NULL);
	CHECK_STR_EQ(nearest(""), NULL);
}

TEST(glob_matches_whole_names)
{
	CHECK(str_glob("*", ""));
	CHECK(str_glob("block_*", "block_read"));
	CHECK(str_glob("*read", "block_read_read"));
	CHECK(str_glob("b*k?read", "block_read"));
	CHECK(str_glob("a*b*c", "aXbXbXc"));
	CHECK(!str_glob("block_*", "xblock_"));
	CHECK(!str_glob("a?", "a"));
	CHECK(!str_glob("", "a"));
	CHECK(!str_glob("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

TEST(starts_and_ends)
{
	const char *rest = NULL;

	CHECK(str_starts("json:{}", "json:", &rest));
	CHECK_STR_EQ(rest, "{}");
	CHECK(!str_starts("jso", "json:", &rest));
	CHECK(str_ends("a.qcow2", ".qcow2"));
	CHECK(!str_ends("qcow2", "a.qcow2"));
}

TEST(err_first_one_wins)
{
	struct err e = ERR_INIT;

	CHECK_EQ(err_prefix(&e, "x"), 0);
	CHECK_EQ(err_set(&e, ENOENT, "no %s", "disk"), -ENOENT);
	CHECK_EQ(err_set(&e, EINVAL, "other"), -EINVAL);
	CHECK_EQ(e.code, ENOENT);
	CHECK_EQ(err_prefix(&e, "file %d", 7), -ENOENT);
	CHECK_STR_EQ(e.msg, "file 7: no disk");
	err_clear(&e);
	CHECK(!err_is_set(&e));
	CHECK_EQ(err_errno(&e, EACCES, "a\nb"), -EACCES);
	CHECK_STR_EQ(e.msg, "a b: Permission denied");
	CHECK_EQ(err_set(NULL, EIO, "x"), -EIO);
}

TEST(err_long_text_is_cut)
{
	struct err e = ERR_INIT;
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, EIO, "%s", text);
	CHECK_EQ(strlen(e.msg), sizeof(e.msg) - 1);
	CHECK(str_ends(e.msg, "x..."));
	err_prefix(&e, "front");
	CHECK_EQ(strlen(e.msg), sizeof(e.msg) - 1);
	CHECK(str_starts(e.msg, "front: xxx", NULL));
	CHECK(str_ends(e.msg, "x..."));
	err_prefix(&e, "%s", text);
	CHECK_EQ(strlen(e.msg), sizeof(e.msg) - 1);
}
