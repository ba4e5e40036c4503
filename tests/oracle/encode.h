/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes instructions from the decoder's table lines: random prefixes,
 * registers, addressing and immediates under a line's constraints.
 */
#ifndef ORACLE_ENCODE_H
#define ORACLE_ENCODE_H

#include "rng.h"
#include "x86/insn.h"

struct encoding {
	u8 bytes[32];		/* insn.len of them count; noise behind */
	unsigned disp_at;	/* offset of the displacement, 0: none */
	unsigned disp_size;
	struct x86_insn insn;	/* what x86_decode() makes of it */
};

/* What encode_form() may vary. */
#define ENCODE_LOCK	0x01
#define ENCODE_SEGMENTS	0x02
#define ENCODE_ASIZE	0x04
#define ENCODE_OPSIZE	0x08
#define ENCODE_REP	0x10	/* REP and REPNE before string instructions */
#define ENCODE_ALL	0x1f

/* Returns false when the line does not exist in that mode (or luck ran out after many tries). */
bool encode_form(struct rng *r, unsigned form, enum x86_mode mode, unsigned vary, struct encoding *out);

#endif
