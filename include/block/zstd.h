/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zstd for compressed units, or its absence (CONFIG_BLOCK_ZSTD). One frame a unit. */
#ifndef VMBOX_BLOCK_ZSTD_H
#define VMBOX_BLOCK_ZSTD_H

#include <errno.h>
#include "types.h"
#include "config.h"

#if IS_ENABLED(CONFIG_BLOCK_ZSTD)
static inline bool blk_have_zstd(void) { return true; }
/* Exactly @out_len bytes or -EIO. Trailing bytes behind the frame are ignored. */
int blk_zstd_unpack(const void *in, u32 in_len, void *out, u32 out_len);
int blk_zstd_pack(int level, const void *in, u32 in_len, void *out, u32 *out_len);
#else
static inline bool blk_have_zstd(void) { return false; }
static inline int blk_zstd_unpack(const void *in, u32 in_len, void *out, u32 out_len)
{
	(void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
static inline int blk_zstd_pack(int level, const void *in, u32 in_len, void *out, u32 *out_len)
{
	(void)level; (void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
#endif

#endif
