/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Growing strings, checked parsing and printing of numbers and sizes, and
 * the nearest-name suggestion that every "unknown X" message makes.
 */
#ifndef VMBOX_STR_H
#define VMBOX_STR_H

#include <stdarg.h>
#include "err.h"

/*
 * A growing string. s is always NUL-terminated and never NULL. When memory
 * runs out the strbuf keeps what it had, remembers the failure and ignores
 * further appends: callers check once, at the end, with strbuf_failed().
 */
struct strbuf {
	char *s;
	size_t len;		/* without the NUL */
	size_t cap;		/* allocated bytes; 0: s is static */
	bool failed;
};

extern char strbuf_empty[1];
#define STRBUF_INIT { strbuf_empty, 0, 0, false }

void strbuf_init(struct strbuf *b);
/* Frees; the strbuf is as after strbuf_init(). */
void strbuf_free(struct strbuf *b);
/* Cuts to len 0, clears the failure, keeps the memory. */
void strbuf_reset(struct strbuf *b);
/* 0, or -ENOMEM when an append was lost since init or reset. */
int strbuf_failed(const struct strbuf *b);
/* Hands s over (mem_free() it), NULL when an append was lost. The strbuf is empty then. */
char *strbuf_steal(struct strbuf *b);
/* Makes room for n more bytes; appending that many cannot fail then. */
int strbuf_reserve(struct strbuf *b, size_t n);
void strbuf_add(struct strbuf *b, const void *p, size_t n);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
/* n times c. */
void strbuf_fill(struct strbuf *b, char c, size_t n);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) __printf(2, 3);
void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap) __printf(2, 0);
/* Cuts to at most len bytes. */
void strbuf_truncate(struct strbuf *b, size_t len);
/* As strbuf_puts() of decimal v, without printf. */
void strbuf_put_u64(struct strbuf *b, u64 v);

/* Copies, NULL when memory is out; mem_free() the result. */
char *str_dup(const char *s);
char *str_ndup(const char *s, size_t n);	/* at most n bytes, always NUL-terminated */
char *str_printf(const char *fmt, ...) __printf(1, 2);
/* True when s begins with prefix; then *rest (if not NULL) is what follows. */
bool str_starts(const char *s, const char *prefix, const char **rest);
bool str_ends(const char *s, const char *suffix);
/* An identifier as QEMU has them: a letter, then letters, digits, '-', '.', '_'. */
bool str_is_id(const char *s);
static inline bool str_eq(const char *a, const char *b)
{
	return __builtin_strcmp(a, b) == 0;
}

/*
 * Numbers. The whole string must be the number (no blanks, no sign for
 * unsigned). base 0: decimal, or hexadecimal after 0x (a leading 0 is NOT
 * octal); base 8, 10 or 16 fixed. Return 0, -EINVAL (not a number) or
 * -ERANGE (does not fit); *val is untouched on errors.
 */
int str_to_u64(const char *s, int base, u64 *val);
int str_to_s64(const char *s, int base, s64 *val);
/* As above with bounds min..max included. */
int str_to_u64_range(const char *s, u64 min, u64 max, u64 *val);
/*
 * The prefix form: parses what it can and points *end behind it (-EINVAL
 * when there is no digit).
 */
int str_scan_u64(const char *s, int base, const char **end, u64 *val);

/*
 * Sizes as qemu_strtosz() takes them: decimal digits with an optional
 * fraction and one suffix b k m g t p e (any case, powers of 1024), or 0x
 * hexadecimal without suffix and fraction. default_suffix applies to a
 * number without one ('b': bytes, 'm': MiB as for -m). "1.5G" is exact;
 * a fraction that is no whole byte is rounded to the nearest ("1.5" alone: -EINVAL).
 * Results are 0..2^64-1. 0, -EINVAL, -ERANGE.
 */
int str_to_size(const char *s, char default_suffix, u64 *val);
/* Decimal seconds, or with suffix ns us ms s m h, to nanoseconds. 0, -EINVAL, -ERANGE. */
int str_to_ns(const char *s, u64 *ns);
/* on yes true y, off no false n. 0 or -EINVAL. */
int str_to_bool(const char *s, bool *val);
/* The index of s in the NULL-terminated names, or -ENOENT. */
int str_to_index(const char *s, const char *const *names);

/*
 * Size for people, as qemu-img info prints it: "512 B", "1.5 GiB",
 * "64 KiB": three significant digits (%0.3g of the largest unit). The text
 * is at most 15 bytes and stands in buf.
 */
#define STR_SIZE_MAX 16
const char *str_size(char buf[STR_SIZE_MAX], u64 bytes);

/*
 * Nearest names. Distance: optimal string alignment (insert, delete,
 * replace, swap neighbours), case folded. str_nearest() keeps the best of
 * those offered; STR_NEAREST_INIT(word), offer names, then ask.
 */
struct str_nearest {
	const char *word;
	const char *best;
	unsigned best_distance;
};
#define STR_NEAREST_INIT(w) { (w), NULL, ~0U }
unsigned str_distance(const char *a, const char *b);
void str_nearest_offer(struct str_nearest *n, const char *name);
/* The best name if it is near enough to be meant (a third of the length, at least 1; or abbreviated), or NULL. */
const char *str_nearest(const struct str_nearest *n);

/*
 * Shell-style pattern match of the whole name: * and ? only. Bounded by
 * strlen(pattern) * strlen(name).
 */
bool str_glob(const char *pattern, const char *name);

#endif
