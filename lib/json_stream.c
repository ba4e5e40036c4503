// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cutting a byte stream into top-level JSON values (json.h): only strings
 * and the depth of brackets are followed; the parser checks the rest.
 */
#include <errno.h>
#include <string.h>
#include "json.h"
#include "str.h"

#define BYTES_DEFAULT (64 * MiB)

void json_stream_init(struct json_stream *s, struct strbuf *text, size_t max_bytes, unsigned flags)
{
	*s = (struct json_stream){ .text = text, .max_bytes = max_bytes ? max_bytes : BYTES_DEFAULT, .flags = flags };
	strbuf_reset(text);
}

void json_stream_next(struct json_stream *s)
{
	strbuf_reset(s->text);
	s->depth = 0;
	s->quote = 0;
	s->escape = s->started = s->scalar = false;
}

enum step { MORE, END, END_BEFORE, BAD };	/* END_BEFORE: the character is not part of the value */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static enum step in_string(struct json_stream *s, char c)
{
	if (s->escape)
		s->escape = false;
	else if (c == '\\')
		s->escape = true;
	else if (c == s->quote)
		s->quote = 0;
	return s->quote || s->depth ? MORE : END;
}

static enum step step(struct json_stream *s, char c)
{
	if (s->quote)
		return in_string(s, c);
	if (s->scalar && (is_blank(c) || strchr("{}[],:\"", c)))
		return END_BEFORE;
	if (c == '"' || (c == '\'' && s->flags & JSON_SINGLE_QUOTES)) {
		s->quote = c;
	} else if (c == '{' || c == '[') {
		s->depth++;
	} else if (c == '}' || c == ']') {
		if (!s->depth)
			return BAD;
		return --s->depth ? MORE : END;
	} else if (!s->depth) {
		if (c == ',' || c == ':' || !c)
			return BAD;
		s->scalar = true;
	}
	return MORE;
}

static int drop(struct json_stream *s, int ret)
{
	json_stream_next(s);
	s->discard = true;
	return ret;
}

/* Takes buf[0..n) into the value. */
static int keep(struct json_stream *s, const char *buf, size_t n)
{
	if (s->text->len + n > s->max_bytes)
		return drop(s, -E2BIG);
	strbuf_add(s->text, buf, n);
	return strbuf_failed(s->text) ? drop(s, -ENOMEM) : 0;
}

/* How many bytes are no part of any value: blanks, or the rest of a bad line. */
static size_t skip(struct json_stream *s, const char *buf, size_t len)
{
	size_t i = 0;

	for (; i < len && s->discard; i++)
		s->discard = buf[i] != '\n';
	while (!s->started && i < len && is_blank(buf[i]))
		i++;
	return i;
}

int json_stream_feed(struct json_stream *s, const char *buf, size_t len, size_t *used)
{
	size_t from = skip(s, buf, len), i = from;
	enum step now = MORE;
	int ret;

	s->started = s->started || i < len;
	while (i < len && now == MORE)
		now = step(s, buf[i++]);
	if (now == END_BEFORE)
		i--;
	*used = i;
	if (now == BAD)
		return drop(s, -EINVAL);
	ret = keep(s, buf + from, i - from);
	return ret ? ret : now != MORE;
}

int json_stream_end(struct json_stream *s)
{
	if (!s->started)
		return 0;
	return s->scalar && !s->depth && !s->quote ? 1 : -EINVAL;
}
