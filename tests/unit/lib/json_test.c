// SPDX-License-Identifier: GPL-2.0-or-later
/* The JSON reader, tree, stream and writer. Cases follow the classes of RFC 8259 and of hostile text. */
#include <errno.h>
#include <stdio.h>
#include "fault.h"
#include "json.h"
#include "mem.h"
#include "str.h"
#include "test.h"

static struct json *parse(const char *text)
{
	return json_parse(text, strlen(text), NULL, NULL);
}

/* Parses and prints densely; "" when it is refused. */
static const char *dense(const char *text, size_t len)
{
	static struct strbuf out = STRBUF_INIT;
	struct json *j = json_parse(text, len, NULL, NULL);

	strbuf_reset(&out);
	if (j)
		CHECK_EQ(json_print(j, JSON_DENSE | JSON_UTF8, &out), 0);
	json_free(j);
	return out.s;
}

TEST(json_accepts)
{
	static const char *const cases[][2] = {
		{ "null", "null" }, { " true ", "true" }, { "\t\r\nfalse\n", "false" },
		{ "0", "0" }, { "-0", "0" }, { "-1", "-1" }, { "1e1", "10.0" }, { "0.5", "0.5" }, { "1E-2", "0.01" },
		{ "9223372036854775807", "9223372036854775807" }, { "-9223372036854775808", "-9223372036854775808" },
		{ "18446744073709551615", "18446744073709551615" }, { "18446744073709551616", "1.8446744073709552e+19" },
		{ "\"\"", "\"\"" }, { "\"a\\/b\"", "\"a/b\"" }, { "\"\\b\\f\\n\\r\\t\\\\\\\"\"", "\"\\b\\f\\n\\r\\t\\\\\\\"\"" },
		{ "\"\\u0041\\u00e9\\u20AC\\ud834\\uDD1E\"", "\"A\u00e9\u20ac\U0001d11e\"" },
		{ "\"\\u0000x\"", "\"\\u0000x\"" }, { "\"\x7f\"", "\"\\u007F\"" },
		{ "[]", "[]" }, { "{}", "{}" }, { "[ ]", "[]" }, { "{ }", "{}" },
		{ "[1,2,[3]]", "[1,2,[3]]" }, { "{\"a\":1,\"b\":{\"c\":[null]}}", "{\"a\":1,\"b\":{\"c\":[null]}}" },
		{ "{\"\":0}", "{\"\":0}" }, { "{\"a\\u0000b\":1,\"a\":2}", "{\"a\\u0000b\":1,\"a\":2}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR_EQ(dense(cases[i][0], strlen(cases[i][0])), cases[i][1]);
}

TEST(json_refuses)
{
	static const char *const cases[] = {
		"", " ", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "undefined",
		"+1", "01", "-01", ".5", "1.", "-", "1e", "1e+", "0x10", "1_000", "1e999", "-1e999", "--1", "1.e1", "0e", "- 1",
		"\"", "\"a", "'a'", "\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
		"\"\\ud800\\n\"", "\"\n\"", "\"\t\"", "\"\\\"", "\"\\", "\"\\u", "\"\x01\"",
		"\"\x80\"", "\"\xc0\x80\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xe2\x82\"",
		"[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "[[]", "[1]]",
		"{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\",1}", "{\"a\":1]", "{,}",
		"{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
		"1 2", "null,", "[] []", "/* c */ 1", "1 // c", ("\xef\xbb\xbf" "1"), "\f1", "\v1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		struct json *j = json_parse(cases[i], strlen(cases[i]), NULL, &err);

		if (j)
			test_fail(__FILE__, __LINE__, "accepted: %s", cases[i]);
		CHECK(err.code && !strncmp(err.msg, "line ", 5));
	}
	CHECK_STR_EQ(dense("1\0", 2), "");
	CHECK_STR_EQ(dense("\"a\0b\"", 5), "");
}

static void check_place(const char *text, const char *want)
{
	struct err err = ERR_INIT;

	CHECK(!json_parse(text, strlen(text), NULL, &err));
	CHECK_STR_EQ(err.msg, want);
}

TEST(json_says_where)
{
	check_place("{\"a\": 1\n \"b\"}", "line 2, column 2: expected ',' or '}'");
	check_place("[1,\n\n\u00e9]", "line 3, column 1: expected a value");
	check_place("[\"\u00e9\u20ac\" x]", "line 1, column 7: expected ',' or ']'");
	check_place("[1, 2", "line 1, column 6: expected ',' or ']'");
	check_place("{\"key\":1, \"key\":2}", "line 1, column 16: the key is there twice");
}

TEST(json_bounds)
{
	struct json_limits lim = { .max_depth = 3, .max_bytes = 20 };
	struct err err = ERR_INIT;
	char *deep = mem_alloc(100001);
	struct json *j = json_parse("[[[1]]]", 7, &lim, NULL);

	CHECK(j != NULL);
	json_free(j);
	CHECK(!json_parse("[[[[1]]]]", 9, &lim, &err));
	CHECK_EQ(err.code, E2BIG);
	CHECK(!json_parse("[                     ]", 23, &lim, NULL));
	memset(deep, '[', 100000);
	CHECK(!json_parse(deep, 100000, NULL, NULL));
	memset(deep, '9', 100000);
	CHECK(!json_parse(deep, 100000, NULL, NULL));
	lim.max_depth = 1000000;
	lim.max_bytes = 0;
	memset(deep, '[', 100000);
	CHECK(!json_parse(deep, 100000, &lim, NULL));
	mem_free(deep);
}

TEST(json_single_quotes_by_flag)
{
	struct json_limits lim = { .flags = JSON_SINGLE_QUOTES };
	const char *text = "{'it\\'s': 'a\"b', \"c\": \"d'e\"}";
	struct json *j = json_parse(text, strlen(text), &lim, NULL);

	CHECK(j != NULL);
	CHECK_STR_EQ(json_to_str(json_get(j, "it's")), "a\"b");
	CHECK_STR_EQ(json_to_str(json_get(j, "c")), "d'e");
	json_free(j);
	CHECK(!parse(text));
}

TEST(json_typed_reads)
{
	struct json *j = parse("{\"i\":-5,\"u\":18446744073709551615,\"d\":1.5,\"s\":\"x\",\"z\":\"a\\u0000b\",\"b\":true}");
	s64 i;
	u64 u;
	double d;
	bool b;

	CHECK(json_to_s64(json_get(j, "i"), &i) && i == -5);
	CHECK(!json_to_u64(json_get(j, "i"), &u));
	CHECK(json_to_u64(json_get(j, "u"), &u) && u == ~0ULL);
	CHECK(!json_to_s64(json_get(j, "u"), &i));
	CHECK(!json_to_s64(json_get(j, "d"), &i));
	CHECK(json_to_double(json_get(j, "d"), &d) && d == 1.5);
	CHECK(json_to_double(json_get(j, "i"), &d) && d == -5);
	CHECK_STR_EQ(json_to_str(json_get(j, "s")), "x");
	CHECK(!json_to_str(json_get(j, "z")));
	CHECK(json_to_bool(json_get(j, "b"), &b) && b);
	CHECK(!json_to_bool(json_get(j, "none"), &b));
	CHECK(!json_get(json_get(j, "i"), "x"));
	json_free(j);
}

/* More members than the index threshold, with removal and replacement between. */
TEST(json_big_object)
{
	struct json *o = json_new(JSON_OBJECT), *taken;
	char key[16];
	s64 v;

	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		CHECK_EQ(json_set(o, key, json_new_int(i)), 0);
	}
	for (int i = 0; i < 1000; i += 3) {
		snprintf(key, sizeof(key), "key%d", i);
		taken = json_take(o, key);
		CHECK(json_to_s64(taken, &v) && v == i);
		json_free(taken);
	}
	for (int i = 0; i < 1000; i += 2) {
		snprintf(key, sizeof(key), "key%d", i);
		CHECK_EQ(json_set(o, key, json_new_int(-i)), 0);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		if (i % 2 && i % 3 == 0) {
			CHECK(!json_get(o, key));
		} else {
			CHECK(json_to_s64(json_get(o, key), &v));
			CHECK_EQ(v, i % 2 ? i : -i);
		}
	}
	json_free(o);
}

TEST(json_clone_and_equal)
{
	struct json *a = parse("{\"x\":[1,2.5,\"s\",null,true],\"y\":{\"z\":18446744073709551615}}");
	struct json *b = json_clone(a), *c = parse("{\"y\":{\"z\":18446744073709551615},\"x\":[1,2.5,\"s\",null,true]}");

	CHECK(json_equal(a, b));
	CHECK(json_equal(a, c));
	json_set(json_get(c, "y"), "z", json_new_int(1));
	CHECK(!json_equal(a, c));
	CHECK_EQ(json_append(json_get(b, "x"), json_new(JSON_NULL)), 0);
	CHECK(!json_equal(a, b));
	json_free(a);
	json_free(b);
	json_free(c);
}

/* ---- the stream ---- */

/* Feeds text in pieces of `step` bytes; joins the values with '|', errors as '!'. */
static const char *cut(const char *text, size_t step, struct strbuf *out)
{
	struct strbuf value = STRBUF_INIT;
	struct json_stream s;
	size_t len = strlen(text);

	json_stream_init(&s, &value, 64, 0);
	strbuf_reset(out);
	for (size_t at = 0; at < len;) {
		size_t used;
		int ret = json_stream_feed(&s, text + at, MIN(step, len - at), &used);

		at += used;
		if (ret < 0)
			strbuf_putc(out, '!');
		if (ret == 1) {
			strbuf_add(out, value.s, value.len);
			strbuf_putc(out, '|');
			json_stream_next(&s);
		}
	}
	if (json_stream_end(&s) == 1)
		strbuf_add(out, value.s, value.len);
	else if (json_stream_end(&s) < 0)
		strbuf_putc(out, '?');
	strbuf_free(&value);
	return out->s;
}

TEST(json_stream_cuts_values)
{
	static const char *const cases[][2] = {
		{ "{\"a\":1}{\"b\":2}", "{\"a\":1}|{\"b\":2}|" },
		{ "  [1]\r\n[2]\n", "[1]|[2]|" },
		{ "1 22\n\"x\"\"}\" true", "1|22|\"x\"|\"}\"|true" },
		{ "{\"a\":\"}\\\"]\"} null ", "{\"a\":\"}\\\"]\"}|null|" },
		{ "] junk {}\n{}", "!{}|" },
		{ "{\"a\"", "?" },
		{ "\"abc", "?" },
		{ "[[[[]]]] [", "[[[[]]]]|?" },
		{ "\"0123456789012345678901234567890123456789012345678901234567890123456789\" 1\n2\n", "!2|" },
	};
	struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t step = 1; step < 20; step++)
			CHECK_STR_EQ(cut(cases[i][0], step, &out), cases[i][1]);
	strbuf_free(&out);
}

/* ---- the writer ---- */

static void write_sample(struct json_writer *w)
{
	json_w_object(w, NULL);
	json_w_str(w, "name", "a\"b\u00e9\n\x80");
	json_w_u64(w, "big", ~0ULL);
	json_w_s64(w, "small", INT64_MIN);
	json_w_array(w, "list");
	json_w_bool(w, NULL, true);
	json_w_null(w, NULL);
	json_w_object(w, NULL);
	json_w_end(w);
	json_w_end(w);
	json_w_str(w, "none", NULL);
	json_w_end(w);
}

static const char *written(unsigned style, struct strbuf *out)
{
	struct json_writer w;

	strbuf_reset(out);
	json_writer_init(&w, out, style);
	write_sample(&w);
	CHECK_EQ(json_writer_end(&w), 0);
	return out->s;
}

TEST(json_writer_styles)
{
	struct strbuf out = STRBUF_INIT;

	CHECK_STR_EQ(written(JSON_COMPACT, &out),
		     "{\"name\": \"a\\\"b\\u00E9\\n\\uFFFD\", \"big\": 18446744073709551615, "
		     "\"small\": -9223372036854775808, \"list\": [true, null, {}], \"none\": null}");
	CHECK_STR_EQ(written(JSON_DENSE | JSON_UTF8, &out),
		     "{\"name\":\"a\\\"b\u00e9\\n\\uFFFD\",\"big\":18446744073709551615,"
		     "\"small\":-9223372036854775808,\"list\":[true,null,{}],\"none\":null}");
	CHECK_STR_EQ(written(JSON_PRETTY, &out),
		     "{\n    \"name\": \"a\\\"b\\u00E9\\n\\uFFFD\",\n    \"big\": 18446744073709551615,\n"
		     "    \"small\": -9223372036854775808,\n    \"list\": [\n        true,\n        null,\n"
		     "        {\n        }\n    ],\n    \"none\": null\n}");
	strbuf_free(&out);
}

TEST(json_writer_doubles_read_back)
{
	static const double values[] = { 0.1, 1.0, -2.5, 1e300, 5e-324, 1.7976931348623157e308, 1.0 / 3, 123456789.125, 1e15, 1e16 };
	struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct json_writer w;
		struct json *j;

		strbuf_reset(&out);
		json_writer_init(&w, &out, JSON_DENSE);
		json_w_double(&w, NULL, values[i]);
		CHECK_EQ(json_writer_end(&w), 0);
		j = parse(out.s);
		CHECK(j && j->type == JSON_DOUBLE);
		CHECK(j->d == values[i]);
		json_free(j);
	}
	strbuf_free(&out);
}

TEST(json_writer_notices_misuse)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w;

	json_writer_init(&w, &out, JSON_COMPACT);
	CHECK_EQ(json_writer_end(&w), -EINVAL);		/* nothing written */
	json_writer_init(&w, &out, JSON_COMPACT);
	json_w_object(&w, NULL);
	CHECK_EQ(json_writer_end(&w), -EINVAL);		/* not closed */
	json_writer_init(&w, &out, JSON_COMPACT);
	json_w_object(&w, NULL);
	json_w_null(&w, NULL);				/* no key */
	json_w_end(&w);
	CHECK_EQ(json_writer_end(&w), -EINVAL);
	json_writer_init(&w, &out, JSON_COMPACT);
	for (int i = 0; i < JSON_WRITER_DEPTH + 1; i++)
		json_w_array(&w, NULL);
	CHECK_EQ(json_writer_end(&w), -EOVERFLOW);
	strbuf_free(&out);
}

#if IS_ENABLED(CONFIG_FAULT_INJECTION)
TEST(json_survives_each_failed_allocation)
{
	const char *text = "{\"a\":[1,\"two\",{\"three\":3}],\"b\":1,\"c\":2,\"d\":3,\"e\":4,\"f\":5,\"g\":6,\"h\":7,\"i\":8,\"j\":9}";
	unsigned failures = 0;

	FAULT_FOREACH(FAULT_ALLOC, n) {
		struct err err = ERR_INIT;
		struct strbuf out = STRBUF_INIT;
		struct json *j = json_parse(text, strlen(text), NULL, &err), *copy = j ? json_clone(j) : NULL;

		if (!j)
			CHECK_EQ(err.code, ENOMEM);
		if (copy)
			CHECK(json_equal(j, copy));
		if (copy && !json_print(copy, JSON_DENSE, &out))
			CHECK_STR_EQ(out.s, text);
		else
			failures++;
		json_free(j);
		json_free(copy);
		strbuf_free(&out);
	}
	CHECK_LT(20, failures);
}
#endif
