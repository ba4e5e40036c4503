// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The JSON writer (json.h). Layout as QEMU's: ", " and ": " on one line, or
 * four blanks a level; characters above U+007F as \uXXXX unless JSON_UTF8.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "str.h"
#include "utf8.h"

#define STYLE(w) ((w)->style & 15)

void json_writer_init(struct json_writer *w, struct strbuf *out, unsigned style)
{
	*w = (struct json_writer){ .out = out, .style = style };
}

static void fail(struct json_writer *w, int error)
{
	w->error = w->error ? w->error : error;
}

static bool in_array(const struct json_writer *w)
{
	return !w->depth || w->is_array >> (w->depth - 1) & 1;
}

static void escaped(struct strbuf *out, u32 code)
{
	if (code >= 0x10000) {
		strbuf_printf(out, "\\u%04X", 0xd800 + ((code - 0x10000) >> 10));
		code = 0xdc00 + (code & 0x3ff);
	}
	strbuf_printf(out, "\\u%04X", code);
}

/* One character that cannot stand as it is. */
static void special(struct json_writer *w, u32 code)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *p = code && code < 0x80 ? strchr(from, (int)code) : NULL;

	if (p) {
		strbuf_putc(w->out, '\\');
		strbuf_putc(w->out, to[p - from]);
	} else {
		escaped(w->out, code);
	}
}

static bool is_special(const struct json_writer *w, u32 code)
{
	return code < 0x20 || code == '"' || code == '\\' || code == 0x7f || (code > 0x7f && !(w->style & JSON_UTF8));
}

static void quoted(struct json_writer *w, const char *s, size_t len)
{
	size_t plain = 0, i = 0;

	strbuf_putc(w->out, '"');
	while (i < len) {
		u32 code = 0xfffd;
		unsigned n = utf8_decode((const u8 *)s + i, len - i, &code);

		if (!n || is_special(w, code)) {
			strbuf_add(w->out, s + plain, i - plain);
			special(w, code);
			plain = i + (n ? n : 1);
		}
		i += n ? n : 1;
	}
	strbuf_add(w->out, s + plain, len - plain);
	strbuf_putc(w->out, '"');
}

static void newline(struct json_writer *w)
{
	strbuf_putc(w->out, '\n');
	strbuf_fill(w->out, ' ', 4UL * w->depth);
}

/* What stands before each value. False: nothing may be written any more. */
static bool begin_n(struct json_writer *w, const char *key, size_t key_len)
{
	if (!w->error && (in_array(w) == !!key || (!w->depth && w->comma)))
		fail(w, -EINVAL);	/* a key in an array, none in an object, or a second value at the top */
	if (w->error)
		return false;
	if (w->comma)
		strbuf_puts(w->out, STYLE(w) == JSON_COMPACT ? ", " : ",");
	if (STYLE(w) == JSON_PRETTY && w->depth)
		newline(w);
	w->comma = true;
	if (key) {
		quoted(w, key, key_len);
		strbuf_puts(w->out, STYLE(w) == JSON_DENSE ? ":" : ": ");
	}
	return true;
}

static bool begin(struct json_writer *w, const char *key)
{
	return begin_n(w, key, key ? strlen(key) : 0);
}

static void open(struct json_writer *w, const char *key, size_t key_len, bool array)
{
	if (w->depth >= JSON_WRITER_DEPTH)
		fail(w, -EOVERFLOW);
	if (!begin_n(w, key, key_len))
		return;
	strbuf_putc(w->out, array ? '[' : '{');
	w->is_array = (w->is_array & ~BIT(w->depth)) | (u64)array << w->depth;
	w->depth++;
	w->comma = false;
}

void json_w_object(struct json_writer *w, const char *key)
{
	open(w, key, key ? strlen(key) : 0, false);
}

void json_w_array(struct json_writer *w, const char *key)
{
	open(w, key, key ? strlen(key) : 0, true);
}

void json_w_end(struct json_writer *w)
{
	bool array;

	if (!w->depth)
		fail(w, -EINVAL);
	if (w->error)
		return;
	array = in_array(w);
	w->depth--;
	if (STYLE(w) == JSON_PRETTY)
		newline(w);
	strbuf_putc(w->out, array ? ']' : '}');
	w->comma = true;
}

void json_w_strn(struct json_writer *w, const char *key, const char *s, size_t len)
{
	if (begin(w, key))
		quoted(w, s, len);
}

void json_w_str(struct json_writer *w, const char *key, const char *s)
{
	if (s)
		json_w_strn(w, key, s, strlen(s));
	else
		json_w_null(w, key);
}

void json_w_u64(struct json_writer *w, const char *key, u64 v)
{
	if (begin(w, key))
		strbuf_put_u64(w->out, v);
}

static void put_s64(struct json_writer *w, s64 v)
{
	if (v < 0)
		strbuf_putc(w->out, '-');
	strbuf_put_u64(w->out, v < 0 ? 0 - (u64)v : (u64)v);
}

void json_w_s64(struct json_writer *w, const char *key, s64 v)
{
	if (begin(w, key))
		put_s64(w, v);
}

void json_w_bool(struct json_writer *w, const char *key, bool v)
{
	if (begin(w, key))
		strbuf_puts(w->out, v ? "true" : "false");
}

void json_w_null(struct json_writer *w, const char *key)
{
	if (begin(w, key))
		strbuf_puts(w->out, "null");
}

static void put_double(struct json_writer *w, double v)
{
	char text[40];

	if (!isfinite(v)) {
		strbuf_puts(w->out, "null");
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, v);
		if (strtod(text, NULL) == v)
			break;
	}
	if (!strpbrk(text, ".e"))
		strcat(text, ".0");	/* so that it reads back as a number, not an integer */
	strbuf_puts(w->out, text);
}

void json_w_double(struct json_writer *w, const char *key, double v)
{
	if (begin(w, key))
		put_double(w, v);
}

static void write_tree(struct json_writer *w, const char *key, size_t key_len, const struct json *j);

static void write_container(struct json_writer *w, const char *key, size_t key_len, const struct json *j)
{
	open(w, key, key_len, j->type == JSON_ARRAY);
	if (j->type == JSON_ARRAY)
		for (size_t i = 0; i < j->arr.n && !w->error; i++)
			write_tree(w, NULL, 0, j->arr.v[i]);
	else
		for (size_t i = 0; i < j->obj.n && !w->error; i++)
			write_tree(w, j->obj.v[i].key, j->obj.v[i].key_len, j->obj.v[i].val);
	json_w_end(w);
}

/* The key goes out first, whatever the value; a key may hold a NUL. */
static void write_tree(struct json_writer *w, const char *key, size_t key_len, const struct json *j)
{
	if (j->type == JSON_ARRAY || j->type == JSON_OBJECT) {
		write_container(w, key, key_len, j);
		return;
	}
	if (!begin_n(w, key, key_len))
		return;
	switch (j->type) {
	case JSON_BOOL:
		strbuf_puts(w->out, j->b ? "true" : "false");
		break;
	case JSON_INT:
		put_s64(w, j->i);
		break;
	case JSON_UINT:
		strbuf_put_u64(w->out, j->u);
		break;
	case JSON_DOUBLE:
		put_double(w, j->d);
		break;
	case JSON_STRING:
		quoted(w, j->str.s, j->str.len);
		break;
	default:
		strbuf_puts(w->out, "null");
	}
}

void json_w_tree(struct json_writer *w, const char *key, const struct json *j)
{
	write_tree(w, key, key ? strlen(key) : 0, j);
}

int json_writer_end(struct json_writer *w)
{
	if (w->depth || !w->comma)
		fail(w, -EINVAL);
	if (strbuf_failed(w->out))
		w->error = -ENOMEM;
	return w->error;
}

int json_print(const struct json *j, unsigned style, struct strbuf *out)
{
	struct json_writer w;

	json_writer_init(&w, out, style);
	json_w_tree(&w, NULL, j);
	return json_writer_end(&w);
}
