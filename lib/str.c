// SPDX-License-Identifier: GPL-2.0-or-later
/* Growing strings, and the small string helpers of str.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "mem.h"
#include "str.h"

/* What an empty strbuf points at; never written but with its NUL. */
char strbuf_empty[1];

void strbuf_init(struct strbuf *b)
{
	*b = (struct strbuf)STRBUF_INIT;
}

void strbuf_free(struct strbuf *b)
{
	if (b->cap)
		mem_free(b->s);
	strbuf_init(b);
}

void strbuf_reset(struct strbuf *b)
{
	b->failed = false;
	strbuf_truncate(b, 0);
}

int strbuf_failed(const struct strbuf *b)
{
	return b->failed ? -ENOMEM : 0;
}

char *strbuf_steal(struct strbuf *b)
{
	char *s = NULL;

	if (!b->failed && !strbuf_reserve(b, 0))
		s = b->s;
	else if (b->cap)
		mem_free(b->s);
	strbuf_init(b);
	return s;
}

int strbuf_reserve(struct strbuf *b, size_t n)
{
	size_t need, cap = b->cap ? b->cap : 32;
	char *s;

	if (add_overflows(b->len, n, &need) || add_overflows(need, 1, &need))
		goto fail;
	if (need <= b->cap)
		return 0;
	while (cap < need)
		if (mul_overflows(cap, 2, &cap))
			goto fail;
	s = b->cap ? mem_resize(b->s, cap) : mem_alloc(cap);
	if (!s)
		goto fail;
	if (!b->cap)
		s[0] = '\0';
	b->s = s;
	b->cap = cap;
	return 0;
fail:
	b->failed = true;
	return -ENOMEM;
}

void strbuf_add(struct strbuf *b, const void *p, size_t n)
{
	if (!n || b->failed || strbuf_reserve(b, n))
		return;
	memcpy(b->s + b->len, p, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_putc(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void strbuf_fill(struct strbuf *b, char c, size_t n)
{
	if (!n || b->failed || strbuf_reserve(b, n))
		return;
	memset(b->s + b->len, c, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	if (b->failed)
		return;
	va_copy(again, ap);
	n = vsnprintf(b->s + b->len, b->cap ? b->cap - b->len : 0, fmt, ap);
	if (n >= 0 && !strbuf_reserve(b, (size_t)n)) {
		vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	} else {
		b->failed = true;
		if (b->cap)
			b->s[b->len] = '\0';
	}
	va_end(again);
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(b, fmt, ap);
	va_end(ap);
}

void strbuf_truncate(struct strbuf *b, size_t len)
{
	if (len < b->len) {
		b->len = len;
		b->s[len] = '\0';
	}
}

void strbuf_put_u64(struct strbuf *b, u64 v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	strbuf_add(b, digits + i, sizeof(digits) - i);
}

char *str_ndup(const char *s, size_t n)
{
	char *copy;

	n = strnlen(s, n);
	copy = mem_alloc(n + 1);
	if (!copy)
		return NULL;
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *str_dup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

char *str_printf(const char *fmt, ...)
{
	struct strbuf b = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	return strbuf_steal(&b);
}

bool str_is_id(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", more[] = "0123456789-._";
	size_t i;

	for (i = 0; s[i] && (strchr(letters, s[i]) || (i && strchr(more, s[i]))); i++)
		;
	return i && !s[i];
}

bool str_starts(const char *s, const char *prefix, const char **rest)
{
	size_t n = strlen(prefix);

	if (strncmp(s, prefix, n))
		return false;
	if (rest)
		*rest = s + n;
	return true;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !memcmp(s + n - m, suffix, m);
}

/* On a mismatch only the last star is tried again: it is enough, and it bounds the work. */
bool str_glob(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			from = name;
		} else if (*pattern == '?' || *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
