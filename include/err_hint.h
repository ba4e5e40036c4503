/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advice behind an error's message (err.h), a line for each call: "Is another process using ...?" */
#ifndef VMBOX_ERR_HINT_H
#define VMBOX_ERR_HINT_H

#include "err.h"

/* Puts "\n" and the text behind the message of an error that is set; without one it does nothing. */
void err_hint(struct err *e, const char *fmt, ...) __printf(2, 3) __cold;

#endif
