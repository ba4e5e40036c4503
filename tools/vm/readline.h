/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line editor fed byte by byte, for the monitor: cursor and word keys,
 * history, completion. It never reads: what is to be shown is appended to out.
 */
#ifndef VMBOX_TOOLS_VM_READLINE_H
#define VMBOX_TOOLS_VM_READLINE_H

#include "str.h"

#define READLINE_MAX	1024
#define READLINE_HISTORY 64

struct readline {
	const char *prompt;
	char line[READLINE_MAX];
	unsigned len, pos;
	char *history[READLINE_HISTORY];	/* oldest first */
	unsigned n_history, at;			/* at == n_history: the line being written */
	char kept[READLINE_MAX];		/* that line, while older ones are looked at */
	u8 escape;				/* inside of an escape sequence */
	unsigned escape_num;
	/* Offers what the word that ends at the cursor may become; line is cut off there. */
	void (*complete)(void *ctx, const char *line, void (*offer)(void *to, const char *word), void *to);
	void *ctx;
};

/* True: a line stands in r->line; take it, then readline_begin(). */
bool readline_key(struct readline *r, u8 ch, struct strbuf *out);
/* An empty line behind a new prompt. */
void readline_begin(struct readline *r, struct strbuf *out);
void readline_free(struct readline *r);

#endif
