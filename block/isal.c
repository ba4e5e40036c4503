/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deflate units by ISA-L (block/isal.h), all of a unit in one call. */
#include <stdlib.h>
#include <isa-l/igzip_lib.h>
#include "block/isal.h"

#define LEVEL 1		/* the higher ones cost more than they save */

struct isal {
	struct isal_zstream z;
	struct inflate_state in;
	u8 level[ISAL_DEF_LVL1_DEFAULT];
};

static struct isal *context(void **ctx)
{
	if (!*ctx)
		*ctx = malloc(sizeof(struct isal));
	return *ctx;
}

int blk_isal_unpack(void **ctx, bool raw, const void *in, u32 in_len, void *out, u32 out_len)
{
	struct isal *c = context(ctx);
	int ret;

	if (!c)
		return -ENOMEM;
	isal_inflate_init(&c->in);
	c->in.next_in = (u8 *)in;
	c->in.avail_in = in_len;
	c->in.next_out = out;
	c->in.avail_out = out_len;
	c->in.crc_flag = raw ? ISAL_DEFLATE : ISAL_ZLIB;
	ret = isal_inflate_stateless(&c->in);
	return ret == ISAL_DECOMP_OK && !c->in.avail_out ? 0 : -EIO;
}

int blk_isal_pack(void **ctx, bool raw, int wbits, const void *in, u32 in_len, void *out, u32 *out_len)
{
	struct isal *c = context(ctx);
	int ret;

	if (!c)
		return -ENOMEM;
	isal_deflate_stateless_init(&c->z);
	c->z.next_in = (u8 *)in;
	c->z.avail_in = in_len;
	c->z.next_out = out;
	c->z.avail_out = *out_len;
	c->z.level = LEVEL;
	c->z.level_buf = c->level;
	c->z.level_buf_size = sizeof(c->level);
	c->z.hist_bits = (u16)wbits;
	c->z.gzip_flag = raw ? IGZIP_DEFLATE : IGZIP_ZLIB;
	c->z.end_of_stream = 1;
	c->z.flush = NO_FLUSH;
	ret = isal_deflate_stateless(&c->z);
	*out_len = c->z.total_out;
	return ret == COMP_OK ? 0 : ret == STATELESS_OVERFLOW ? -E2BIG : -EIO;
}
