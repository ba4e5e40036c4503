/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error objects. Functions return 0 or -errno; the text for the user goes
 * into the caller's struct err once, at the place where it is known:
 *
 *	struct err err = ERR_INIT;
 *	if (open_image(path, &err) < 0) {
 *		err_report(&err);	// "vmbox: disk.qcow2: L1 table ..."
 *		return 1;
 *	}
 *
 * Every function here takes e == NULL: the code is returned, no text kept.
 * A struct err needs no clean-up and may be reused after err_clear().
 */
#ifndef VMBOX_ERR_H
#define VMBOX_ERR_H

#include <stdarg.h>
#include "compiler.h"

struct err {
	int  code;	/* positive errno, 0: no error */
	char msg[508];	/* no newline; cut with "..." when longer */
};

#define ERR_INIT { 0, "" }

/* Sets code and text unless an error is already there (the first one wins). Returns -code. */
int err_set(struct err *e, int code, const char *fmt, ...) __printf(3, 4) __cold;
int err_vset(struct err *e, int code, const char *fmt, va_list ap) __printf(3, 0) __cold;
/* As err_set() with ": " and strerror(code) behind the text. */
int err_errno(struct err *e, int code, const char *fmt, ...) __printf(3, 4) __cold;
/* Puts "text: " before the message of an error that is set. Returns -code. */
int err_prefix(struct err *e, const char *fmt, ...) __printf(2, 3) __cold;
/* Prints "PROGRAM: msg\n" on stderr as one write. */
void err_report(const struct err *e) __cold;

static inline bool err_is_set(const struct err *e)
{
	return e && e->code;
}

static inline void err_clear(struct err *e)
{
	if (e) {
		e->code = 0;
		e->msg[0] = '\0';
	}
}

#endif
