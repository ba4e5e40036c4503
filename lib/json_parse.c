// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The JSON reader: recursive descent over RFC 8259's grammar, as deep as the
 * limit allows (a level takes some 150 bytes of stack).
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "json_priv.h"
#include "mem.h"
#include "str.h"
#include "utf8.h"

#define DEPTH_DEFAULT	128U
#define DEPTH_LIMIT	1024U
#define BYTES_DEFAULT	(64 * MiB)
#define NUMBER_MAX	400	/* characters; the longest exact double has 1077, nobody writes those */

struct parser {
	const char *start, *p, *end;
	unsigned depth;			/* levels left */
	unsigned flags;
	struct strbuf text;		/* of a string with escapes */
	struct err *err;
};

static struct json *value(struct parser *ps);

/* Sets "line L, column C: what" for the place where the parser stands. */
static int fail(struct parser *ps, int code, const char *what)
{
	unsigned line = 1, column = 1;

	for (const char *s = ps->start; s < ps->p; s++) {
		if (*s == '\n') {
			line++;
			column = 1;
		} else if ((*s & 0xc0) != 0x80) {	/* columns are characters, not bytes */
			column++;
		}
	}
	return err_set(ps->err, code, "line %u, column %u: %s", line, column, what);
}

static struct json *fail_null(struct parser *ps, int code, const char *what)
{
	fail(ps, code, what);
	return NULL;
}

static int peek(struct parser *ps)
{
	return ps->p < ps->end ? (u8)*ps->p : -1;
}

static void blanks(struct parser *ps)
{
	while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\n' || *ps->p == '\r'))
		ps->p++;
}

static bool is_quote(const struct parser *ps, int c)
{
	return c == '"' || (c == '\'' && ps->flags & JSON_SINGLE_QUOTES);
}

/* ---- strings ---- */

static int hex4(struct parser *ps, u32 *code)
{
	u32 v = 0;

	for (int i = 0; i < 4; i++, ps->p++) {
		int c = peek(ps), lower = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (u32)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			v = v << 4 | (u32)(lower - 'a' + 10);
		else
			return fail(ps, EINVAL, "expected four hexadecimal digits behind \\u");
	}
	*code = v;
	return 0;
}

/* Behind \u: one code point, from two escapes when it is above U+FFFF. */
static int unicode_escape(struct parser *ps)
{
	u32 code, low;
	u8 out[4];

	if (hex4(ps, &code))
		return -EINVAL;
	if (code >= 0xdc00 && code < 0xe000)
		return fail(ps, EINVAL, "low surrogate without a high one");
	if (code >= 0xd800 && code < 0xdc00) {
		if (ps->end - ps->p < 2 || ps->p[0] != '\\' || ps->p[1] != 'u')
			return fail(ps, EINVAL, "high surrogate without a low one");
		ps->p += 2;
		if (hex4(ps, &low))
			return -EINVAL;
		if (low < 0xdc00 || low >= 0xe000)
			return fail(ps, EINVAL, "high surrogate without a low one");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	strbuf_add(&ps->text, out, utf8_encode(out, code));
	return 0;
}

static int escape(struct parser *ps)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;
	int c;

	ps->p++;
	c = peek(ps);
	if (c == 'u') {
		ps->p++;
		return unicode_escape(ps);
	}
	found = c > 0 ? strchr(from, c) : NULL;
	if (!found && !(c == '\'' && ps->flags & JSON_SINGLE_QUOTES))
		return fail(ps, EINVAL, c < 0 ? "the string does not end" : "unknown escape");
	strbuf_putc(&ps->text, found ? to[found - from] : '\'');
	ps->p++;
	return 0;
}

/* Passes a run of characters that stand for themselves. */
static int plain(struct parser *ps, char quote)
{
	while (ps->p < ps->end && *ps->p != quote && *ps->p != '\\') {
		u32 code = (u8)*ps->p;
		unsigned len = code < 0x80 ? 1 : utf8_decode((const u8 *)ps->p, (size_t)(ps->end - ps->p), &code);

		if (!len)
			return fail(ps, EINVAL, "text is not UTF-8");
		if (code < 0x20)
			return fail(ps, EINVAL, "control character in a string");
		ps->p += len;
	}
	return ps->p < ps->end ? 0 : fail(ps, EINVAL, "the string does not end");
}

/* From the first backslash on, the text is put together in ps->text. */
static int string_with_escapes(struct parser *ps, char quote, const char *from)
{
	int ret = 0;

	strbuf_reset(&ps->text);
	strbuf_add(&ps->text, from, (size_t)(ps->p - from));
	while (!ret && *ps->p == '\\') {
		ret = escape(ps);
		from = ps->p;
		if (!ret)
			ret = plain(ps, quote);
		strbuf_add(&ps->text, from, (size_t)(ps->p - from));
	}
	if (!ret && strbuf_failed(&ps->text))
		ret = err_set(ps->err, ENOMEM, "out of memory");
	return ret;
}

/* At a quote. *s and *len: the text, which stays until the next string is read; most often it lies in the input. */
static int string(struct parser *ps, const char **s, size_t *len)
{
	char quote = *ps->p++;
	const char *from = ps->p;
	int ret = plain(ps, quote);

	*s = from;
	*len = (size_t)(ps->p - from);
	if (!ret && *ps->p == '\\') {
		ret = string_with_escapes(ps, quote, from);
		*s = ps->text.s;
		*len = ps->text.len;
	}
	if (!ret)
		ps->p++;
	return ret;
}

static struct json *string_value(struct parser *ps)
{
	const char *s;
	size_t len;

	return string(ps, &s, &len) ? NULL : json_new_strn(s, len);
}

/* ---- numbers ---- */

static bool digits(struct parser *ps)
{
	const char *from = ps->p;

	while (peek(ps) >= '0' && peek(ps) <= '9')
		ps->p++;
	return ps->p > from;
}

/* Checks the grammar; *integer is false when there is a fraction or an exponent. */
static int number_shape(struct parser *ps, bool *integer)
{
	ps->p += *ps->p == '-';
	if (peek(ps) == '0')
		ps->p++;
	else if (!digits(ps))
		return fail(ps, EINVAL, "expected a digit");
	*integer = true;
	if (peek(ps) == '.') {
		*integer = false;
		ps->p++;
		if (!digits(ps))
			return fail(ps, EINVAL, "expected a digit behind the point");
	}
	if ((peek(ps) | 0x20) == 'e' && peek(ps) > 0) {
		*integer = false;
		ps->p++;
		ps->p += peek(ps) == '+' || peek(ps) == '-';
		if (!digits(ps))
			return fail(ps, EINVAL, "expected a digit in the exponent");
	}
	return 0;
}

static struct json *number(struct parser *ps)
{
	const char *from = ps->p;
	char text[NUMBER_MAX + 1];
	bool integer;
	size_t n;
	double d;
	s64 i;
	u64 u;

	if (number_shape(ps, &integer))
		return NULL;
	n = (size_t)(ps->p - from);
	if (n > NUMBER_MAX)
		return fail_null(ps, E2BIG, "number too long");
	memcpy(text, from, n);
	text[n] = '\0';
	if (integer && !str_to_s64(text, 10, &i))
		return json_new_int(i);
	if (integer && !str_to_u64(text, 10, &u))
		return json_new_uint(u);
	d = strtod(text, NULL);
	return isfinite(d) ? json_new_double(d) : fail_null(ps, ERANGE, "number out of range");
}

/* ---- containers ---- */

static int expect(struct parser *ps, char c, const char *what)
{
	blanks(ps);
	if (peek(ps) != c)
		return fail(ps, EINVAL, what);
	ps->p++;
	return 0;
}

/* 1: another element follows; 0: the container ended; -EINVAL. */
static int separator(struct parser *ps, char closing, const char *what)
{
	blanks(ps);
	if (peek(ps) == ',' || peek(ps) == closing)
		return *ps->p++ == ',';
	return fail(ps, EINVAL, what);
}

static int element(struct parser *ps, struct json *arr)
{
	struct json *val = value(ps);

	if (!val)
		return -ps->err->code;
	if (json_append(arr, val))
		return err_set(ps->err, ENOMEM, "out of memory");
	return separator(ps, ']', "expected ',' or ']'");
}

/* A key in quotes, not there yet; the caller owns the copy. NULL: the error is set. */
static char *new_key(struct parser *ps, const struct json *obj, size_t *len)
{
	const char *s;
	char *key;

	blanks(ps);
	if (!is_quote(ps, peek(ps))) {
		fail(ps, EINVAL, "expected a key in quotes");
		return NULL;
	}
	if (string(ps, &s, len))
		return NULL;
	if (json_get_n(obj, s, *len)) {
		fail(ps, EINVAL, "the key is there twice");
		return NULL;
	}
	key = mem_alloc(*len + 1);
	if (!key) {
		err_set(ps->err, ENOMEM, "out of memory");
		return NULL;
	}
	memcpy(key, s, *len);
	key[*len] = '\0';
	return key;
}

static int member(struct parser *ps, struct json *obj)
{
	size_t len;
	char *key = new_key(ps, obj, &len);
	struct json *val;

	if (!key)
		return -ps->err->code;
	val = expect(ps, ':', "expected ':'") ? NULL : value(ps);
	if (!val) {
		mem_free(key);
		return -ps->err->code;
	}
	if (json_add_owned(obj, key, len, val))
		return err_set(ps->err, ENOMEM, "out of memory");
	return separator(ps, '}', "expected ',' or '}'");
}

static struct json *container(struct parser *ps, enum json_type type)
{
	char closing = type == JSON_ARRAY ? ']' : '}';
	struct json *c;
	int more = 1;

	if (!ps->depth)
		return fail_null(ps, E2BIG, "nested too deeply");
	c = json_new(type);
	if (!c)
		return NULL;
	ps->depth--;
	ps->p++;
	blanks(ps);
	if (peek(ps) == closing) {
		ps->p++;
		more = 0;
	}
	while (more > 0)
		more = type == JSON_ARRAY ? element(ps, c) : member(ps, c);
	ps->depth++;
	if (!more)
		return c;
	json_free(c);
	return NULL;
}

static struct json *literal(struct parser *ps)
{
	static const struct { const char *name; enum json_type type; bool b; } words[] = {
		{ "null", JSON_NULL, false }, { "true", JSON_BOOL, true }, { "false", JSON_BOOL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i].name);
		struct json *j;

		if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, words[i].name, n))
			continue;
		ps->p += n;
		j = json_new(words[i].type);
		if (j && j->type == JSON_BOOL)
			j->b = words[i].b;
		return j;
	}
	return fail_null(ps, EINVAL, ps->p < ps->end ? "expected a value" : "the text ends where a value is expected");
}

/* NULL with the error set. */
static struct json *value(struct parser *ps)
{
	struct json *j;
	int c;

	blanks(ps);
	c = peek(ps);
	if (c == '{')
		j = container(ps, JSON_OBJECT);
	else if (c == '[')
		j = container(ps, JSON_ARRAY);
	else if (is_quote(ps, c))
		j = string_value(ps);
	else if (c == '-' || (c >= '0' && c <= '9'))
		j = number(ps);
	else
		j = literal(ps);
	if (!j)
		err_set(ps->err, ENOMEM, "out of memory");	/* unless a better reason is there already */
	return j;
}

struct json *json_parse(const char *text, size_t len, const struct json_limits *lim, struct err *err)
{
	static const struct json_limits defaults;
	struct err local = ERR_INIT;
	struct parser ps = { .start = text, .p = text, .end = text + len, .err = &local, .text = STRBUF_INIT };
	struct json *j = NULL;

	lim = lim ? lim : &defaults;
	ps.flags = lim->flags;
	ps.depth = MIN(lim->max_depth ? lim->max_depth : DEPTH_DEFAULT, DEPTH_LIMIT);
	if (len > (lim->max_bytes ? lim->max_bytes : BYTES_DEFAULT))
		err_set(&local, E2BIG, "text of %zu bytes is too long", len);
	else
		j = value(&ps);
	blanks(&ps);
	if (j && ps.p < ps.end) {
		fail(&ps, EINVAL, "text behind the value");
		json_free(j);
		j = NULL;
	}
	strbuf_free(&ps.text);
	if (!j)
		err_set(err, local.code, "%s", local.msg);
	return j;
}
