// SPDX-License-Identifier: GPL-2.0-or-later
/* Error objects (err.h): the first error wins, texts are cut, never lost. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "err.h"
#include "err_hint.h"
#include "log.h"

/* Ends a message that did not fit with "...". */
static void mark_cut(char *msg, size_t size, int wanted)
{
	if (wanted >= (int)size)
		memcpy(msg + size - 4, "...", 4);
}

/* A message is one line, and each hint is: what came from outside may hold anything. */
static void flatten(char *msg)
{
	for (; *msg; msg++)
		if (*msg == '\n' || *msg == '\r')
			*msg = ' ';
}

int err_vset(struct err *e, int code, const char *fmt, va_list ap)
{
	int n;

	if (!e || e->code)
		return -code;
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	mark_cut(e->msg, sizeof(e->msg), n);
	flatten(e->msg);
	e->code = code;
	return -code;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, code, fmt, ap);
	va_end(ap);
	return -code;
}

int err_errno(struct err *e, int code, const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	va_list ap;

	if (!e || e->code)
		return -code;
	va_start(ap, fmt);
	mark_cut(text, sizeof(text), vsnprintf(text, sizeof(text), fmt, ap));
	va_end(ap);
	return err_set(e, code, "%s: %s", text, strerror(code));
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	size_t len, keep;
	va_list ap;

	if (!err_is_set(e))
		return 0;
	va_start(ap, fmt);
	mark_cut(text, sizeof(text), vsnprintf(text, sizeof(text), fmt, ap));
	va_end(ap);
	flatten(text);
	len = strlen(text);
	if (len > sizeof(e->msg) - 3)
		len = sizeof(e->msg) - 3;
	keep = strlen(e->msg);
	if (len + 2 + keep >= sizeof(e->msg)) {
		keep = sizeof(e->msg) - 1 - len - 2;
		e->msg[keep] = '\0';
		if (keep >= 3)
			memcpy(e->msg + keep - 3, "...", 3);
	}
	memmove(e->msg + len + 2, e->msg, keep + 1);
	memcpy(e->msg, text, len);
	memcpy(e->msg + len, ": ", 2);
	return -e->code;
}

void err_hint(struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	size_t len;
	va_list ap;

	if (!err_is_set(e))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	flatten(text);
	len = strlen(e->msg);
	mark_cut(e->msg, sizeof(e->msg),
		 (int)len + snprintf(e->msg + len, sizeof(e->msg) - len, "\n%s", text));
}

void err_report(const struct err *e)
{
	char line[sizeof(e->msg) + 80];
	int n;

	n = snprintf(line, sizeof(line), "%.64s: %s\n", log_program(),
		     err_is_set(e) ? e->msg : "unknown error");
	while (write(STDERR_FILENO, line, (size_t)n) < 0 && errno == EINTR)
		;
}
