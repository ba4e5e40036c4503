/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Field names are paths ("platform_info.x86.tsc_khz"); writers of C and JSON
 * open and close their braces as the path changes from field to field.
 */
#ifndef CELLGEN_NEST_H
#define CELLGEN_NEST_H

#include "compiler.h"

struct nest {
	const char *path;	/* of the field before; its last part does not count */
	size_t len;		/* bytes of path that are open, with the last dot; 0: none */
	void (*open)(void *ctx, const char *name, size_t len);
	void (*close)(void *ctx);
	void *ctx;
};

/* Opens and closes what lies between the field before and this one. Returns the last part of name. */
const char *nest_to(struct nest *n, const char *name);
void nest_end(struct nest *n);

#endif
