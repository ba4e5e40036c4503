/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deflate for compressed units, or its absence (CONFIG_BLOCK_COMPRESSION).
 * @wbits as zlib's windowBits: negative for raw streams.
 */
#ifndef VMBOX_BLOCK_ZLIB_H
#define VMBOX_BLOCK_ZLIB_H

#include <errno.h>
#include "types.h"
#include "config.h"

#if IS_ENABLED(CONFIG_BLOCK_COMPRESSION)
static inline bool blk_have_zlib(void) { return true; }
/* Exactly @out_len bytes or -EIO. Trailing bytes behind the stream are ignored. */
int blk_zlib_unpack(int wbits, const void *in, u32 in_len, void *out, u32 out_len);
/* -E2BIG when it does not fit into *out_len bytes. */
int blk_zlib_pack(int level, int wbits, const void *in, u32 in_len, void *out, u32 *out_len);
#else
static inline bool blk_have_zlib(void) { return false; }
static inline int blk_zlib_unpack(int wbits, const void *in, u32 in_len, void *out, u32 out_len)
{
	(void)wbits; (void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
static inline int blk_zlib_pack(int level, int wbits, const void *in, u32 in_len, void *out,
				u32 *out_len)
{
	(void)level; (void)wbits; (void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
#endif

#endif
