// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The builtins echo and printf (XCU printf): arguments are converted one by
 * one by our own reading of the format, never handed to libc as a format.
 */
#include "sh.h"

#include <stdlib.h>
#include <string.h>

/*
 * One escape behind a backslash. Returns how many characters it took, -1 for
 * \c: stop all output. octal0: \0ooo, as echo and %b have it.
 */
static int escape(const char *s, bool octal0, struct strbuf *out)
{
	static const char from[] = "abefnrtv\\", to[] = "\a\b\033\f\n\r\t\v\\";
	const char *hit = *s ? strchr(from, *s) : NULL;
	int n = 0, v = 0;

	if (*s == 'c')
		return -1;
	if (hit) {
		strbuf_putc(out, to[hit - from]);
		return 1;
	}
	if (*s == 'x') {
		char digits[3] = { 0 };
		u64 hex;

		for (n = 0; n < 2 && s[n + 1] && strchr("0123456789abcdefABCDEF", s[n + 1]); n++)
			digits[n] = s[n + 1];
		if (n && !str_to_u64(digits, 16, &hex)) {
			strbuf_putc(out, hex);
			return n + 1;
		}
	}
	if (*s >= '0' && *s <= '7') {
		int digits = octal0 && *s == '0' ? 4 : 3;

		for (n = 0; n < digits && s[n] >= '0' && s[n] <= '7'; n++)
			v = v * 8 + s[n] - '0';
		strbuf_putc(out, v);
		return n;
	}
	strbuf_putc(out, '\\');
	return 0;
}

/* Text with escapes. Returns false at \c. */
static bool unescape(const char *s, bool octal0, struct strbuf *out)
{
	for (; *s; s++) {
		int n;

		if (*s != '\\') {
			strbuf_putc(out, *s);
			continue;
		}
		n = escape(s + 1, octal0, out);
		if (n < 0)
			return false;
		s += n;
	}
	return true;
}

int sh_cmd_echo(struct sh *sh, int argc, char **argv)
{
	struct strbuf out = STRBUF_INIT;
	bool newline = true, escapes = false, more = true;
	int i = 1;

	(void)sh;
	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (argv[i][1 + strspn(argv[i] + 1, "neE")])
			break;
		for (const char *p = argv[i] + 1; *p; p++) {
			newline &= *p != 'n';
			escapes = *p == 'e' || (escapes && *p != 'E');
		}
	}
	for (int first = i; i < argc && more; i++) {
		if (i > first)
			strbuf_putc(&out, ' ');
		if (escapes)
			more = unescape(argv[i], true, &out);
		else
			strbuf_puts(&out, argv[i]);
	}
	if (newline && more)
		strbuf_putc(&out, '\n');
	fwrite(out.s, 1, out.len, stdout);
	strbuf_free(&out);
	return 0;
}

struct sh_printf {
	struct sh *sh;
	char **args, **end;
	struct strbuf out;
	int status;
	bool stop;
	/* of the conversion at hand: */
	bool left, plus, space, alt, zero;
	int width, precision;	/* precision -1: none */
};

static const char *next_arg(struct sh_printf *f)
{
	return f->args < f->end ? *f->args++ : NULL;
}

/* A number, or 'c for the code of a character. */
static long long number(struct sh_printf *f, const char *s)
{
	char *end;
	long long v;

	if (!s || !*s)
		return 0;
	if (*s == '\'' || *s == '"')
		return (u8)s[1];
	v = *s == '-' ? strtoll(s, &end, 0) : (long long)strtoull(s, &end, 0);
	if (*end) {
		sh_warn(f->sh, "printf: %s: expected numeric value", s);
		f->status = 1;
	}
	return v;
}

/* Puts text of a conversion in its field. */
static void pad(struct sh_printf *f, const char *s, size_t n)
{
	size_t width = MIN(MAX(f->width, 0), 1 << 20);
	size_t fill = width > n ? width - n : 0;

	if (!f->left)
		strbuf_fill(&f->out, ' ', fill);
	strbuf_add(&f->out, s, n);
	if (f->left)
		strbuf_fill(&f->out, ' ', fill);
}

/* Digits with precision, sign and prefix, filled with zeroes when asked for. */
static void put_integer(struct sh_printf *f, const char *digits, const char *prefix)
{
	struct strbuf text = STRBUF_INIT;
	size_t n = strlen(digits), zeroes = 0;
	int width = MIN(f->width, 1 << 20), precision = MIN(f->precision, 1 << 20);

	if (precision >= 0 && (size_t)precision > n)
		zeroes = precision - n;
	else if (precision < 0 && f->zero && !f->left && width > (int)(n + strlen(prefix)))
		zeroes = width - n - strlen(prefix);
	strbuf_puts(&text, prefix);
	strbuf_fill(&text, '0', zeroes);
	strbuf_puts(&text, digits);
	pad(f, text.s, text.len);
	strbuf_free(&text);
}

static void convert_integer(struct sh_printf *f, char c)
{
	long long v = number(f, next_arg(f));
	bool negative = (c == 'd' || c == 'i') && v < 0;
	u64 u = negative ? 0 - (u64)v : (u64)v;
	char digits[32];
	const char *prefix = "";

	if (c == 'd' || c == 'i') {
		prefix = negative ? "-" : f->plus ? "+" : f->space ? " " : "";
		snprintf(digits, sizeof(digits), "%llu", u);
	} else {
		snprintf(digits, sizeof(digits), c == 'o' ? "%llo" : c == 'x' ? "%llx" :
			 c == 'X' ? "%llX" : "%llu", u);
		if (f->alt && u)
			prefix = c == 'o' ? "0" : c == 'x' ? "0x" : c == 'X' ? "0X" : "";
	}
	if (!u && !f->precision)
		digits[0] = '\0';
	put_integer(f, digits, prefix);
}

static void convert_float(struct sh_printf *f, char c)
{
	const char *arg = next_arg(f);
	char spec[16] = "%", text[512], *p = spec + 1, *end;
	double v = arg ? strtod(arg, &end) : 0;
	int n;

	if (arg && *end) {
		sh_warn(f->sh, "printf: %s: expected numeric value", arg);
		f->status = 1;
	}
	if (f->plus)
		*p++ = '+';
	if (f->space)
		*p++ = ' ';
	if (f->alt)
		*p++ = '#';
	if (f->zero && !f->left)
		*p++ = '0';
	strcpy(p, "*.*");
	p[3] = c;
	n = snprintf(text, sizeof(text), spec, f->zero && !f->left ? MIN(f->width, 500) : 0,
		     MIN(f->precision, 100), v);
	pad(f, text, MIN((size_t)MAX(n, 0), sizeof(text) - 1));
}

static void convert_text(struct sh_printf *f, char c)
{
	const char *arg = next_arg(f);
	struct strbuf text = STRBUF_INIT;

	if (!arg)
		arg = "";
	if (c == 'b')
		f->stop = !unescape(arg, true, &text);
	else if (c == 'c')
		strbuf_add(&text, arg, *arg != '\0');
	else
		strbuf_puts(&text, arg);
	if (f->precision >= 0)
		strbuf_truncate(&text, f->precision);
	pad(f, text.s, text.len);
	strbuf_free(&text);
}

/* Digits or "*" of a width or precision. */
static const char *read_count(struct sh_printf *f, const char *p, int *out)
{
	if (*p == '*') {
		*out = number(f, next_arg(f));
		return p + 1;
	}
	for (*out = 0; *p >= '0' && *p <= '9'; p++)
		*out = MIN(*out, 1 << 20) * 10 + *p - '0';
	return p;
}

/* One conversion behind its %. Returns what follows it, NULL: a bad one. */
static const char *convert(struct sh_printf *f, const char *p)
{
	f->left = f->plus = f->space = f->alt = f->zero = false;
	f->precision = -1;
	for (; *p && strchr("-+ #0", *p); p++) {
		f->left |= *p == '-';
		f->plus |= *p == '+';
		f->space |= *p == ' ';
		f->alt |= *p == '#';
		f->zero |= *p == '0';
	}
	p = read_count(f, p, &f->width);
	if (f->width < 0) {
		f->left = true;
		f->width = -MAX(f->width, -(1 << 20));
	}
	if (*p == '.')
		p = read_count(f, p + 1, &f->precision);
	p += strspn(p, "hlLjzt");
	if (*p == '%')
		strbuf_putc(&f->out, '%');
	else if (*p && strchr("diouxX", *p))
		convert_integer(f, *p);
	else if (*p && strchr("eEfFgGaA", *p))
		convert_float(f, *p);
	else if (*p && strchr("bcs", *p))
		convert_text(f, *p);
	else
		return NULL;
	return p + 1;
}

static bool format_once(struct sh_printf *f, const char *format)
{
	for (const char *p = format; *p && !f->stop;) {
		if (*p == '%') {
			p = convert(f, p + 1);
			if (!p)
				return false;
		} else if (*p == '\\') {
			int n = escape(p + 1, false, &f->out);

			f->stop = n < 0;
			p += 1 + MAX(n, 0);
		} else {
			strbuf_putc(&f->out, *p++);
		}
	}
	return true;
}

int sh_cmd_printf(struct sh *sh, int argc, char **argv)
{
	int first = argc > 1 && !strcmp(argv[1], "--") ? 2 : 1;
	struct sh_printf f = { .sh = sh, .out = STRBUF_INIT };
	char **before;

	if (first >= argc) {
		sh_warn(sh, "usage: printf FORMAT [ARGUMENT...]");
		return 2;
	}
	f.args = argv + first + 1;
	f.end = argv + argc;
	/* The format again and again while arguments are left and are taken. */
	do {
		before = f.args;
		if (!format_once(&f, argv[first])) {
			sh_warn(sh, "printf: %s: invalid format", argv[first]);
			f.status = 1;
			break;
		}
	} while (f.args < f.end && f.args > before && !f.stop);
	fwrite(f.out.s, 1, f.out.len, stdout);
	strbuf_free(&f.out);
	return f.status;
}
