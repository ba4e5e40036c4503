/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A random walk over one image in memory, with a flat shadow of what it must
 * hold: writes, zeros, discards, flushes, reopening; at the end the whole disk
 * is compared and the format's check must be clean.
 */
#ifndef TESTS_BLOCK_MODEL_H
#define TESTS_BLOCK_MODEL_H

#include "block/block.h"
#include "block/toolbox.h"

struct model {
	const char *fmt;
	const char *create_opts;	/* "cluster_size=512,..." */
	u64 size;
	unsigned int steps;
	u32 seed;
	bool backing;			/* stands on a raw file of random bytes */
	bool no_zero;			/* the format cannot store zeros */
	bool compress;
	bool no_check;
};

/* Runs it; fails the running test on any difference. */
void model_run(const struct model *m);

static inline u32 model_random(u32 *s)
{
	*s = *s * 1664525u + 1013904223u;
	return *s >> 8;
}

#endif
