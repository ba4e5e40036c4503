/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deflate by ISA-L's igzip, several times as fast as zlib, or its absence
 * (CONFIG_BLOCK_ISAL). *@ctx is the caller's, one a thread: NULL at first,
 * free() at the end. Output may differ between kinds of CPU, never between runs.
 */
#ifndef VMBOX_BLOCK_ISAL_H
#define VMBOX_BLOCK_ISAL_H

#include <errno.h>
#include "types.h"
#include "config.h"

#if IS_ENABLED(CONFIG_BLOCK_ISAL)
/* Exactly @out_len bytes; anything else, trailing bytes apart, is -EIO. */
int blk_isal_unpack(void **ctx, bool raw, const void *in, u32 in_len, void *out, u32 out_len);
/* No match reaches further back than 2^@wbits. -E2BIG when it does not fit into *out_len bytes. */
int blk_isal_pack(void **ctx, bool raw, int wbits, const void *in, u32 in_len, void *out, u32 *out_len);
#else
static inline int blk_isal_unpack(void **ctx, bool raw, const void *in, u32 in_len, void *out, u32 out_len)
{
	(void)ctx; (void)raw; (void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
static inline int blk_isal_pack(void **ctx, bool raw, int wbits, const void *in, u32 in_len, void *out,
				u32 *out_len)
{
	(void)ctx; (void)raw; (void)wbits; (void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
#endif

#endif
