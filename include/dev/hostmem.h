/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -object memory-backend-ram, -file, -memfd: what the machine's memory is
 * made of (-machine memory-backend=ID). The objects only describe; the board
 * makes the memory. Main thread.
 */
#ifndef VMBOX_DEV_HOSTMEM_H
#define VMBOX_DEV_HOSTMEM_H

#include "compiler.h"
#include "err.h"

struct machine;
struct object;
struct qopts;

struct hostmem_conf {
	u64 size;
	const char *path;		/* of -file; belongs to the options. NULL: none */
	bool share;			/* writes go to the file; ours are shared in any case if there is none */
	bool prealloc;
};

/* Is it one of the three? */
bool hostmem_is_type(const char *type);
/* Reads the keys of one of them except qom-type and id. 0 or -errno. */
int  hostmem_conf_read(const char *type, struct qopts *q, struct hostmem_conf *c, struct err *err);
/* What -object made of it, for query-memdev; NULL: of another class. */
const struct hostmem_conf *hostmem_conf_of(const struct object *o);

#endif
