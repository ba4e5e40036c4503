/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zstd for compressed units, or its absence (CONFIG_BLOCK_ZSTD). One frame a unit. */
#ifndef VMBOX_BLOCK_ZSTD_H
#define VMBOX_BLOCK_ZSTD_H

#include <errno.h>
#include "types.h"
#include "config.h"

/* One a thread; all zero at first. */
struct blk_zstd_ctx {
	void *c, *d;
};

#if IS_ENABLED(CONFIG_BLOCK_ZSTD)
static inline bool blk_have_zstd(void) { return true; }
void blk_zstd_ctx_free(struct blk_zstd_ctx *x);
/* Exactly @out_len bytes or -EIO. Trailing bytes behind the frame are ignored. */
int blk_zstd_unpack(struct blk_zstd_ctx *x, const void *in, u32 in_len, void *out, u32 out_len);
/* -E2BIG when it does not fit into *out_len bytes. */
int blk_zstd_pack(struct blk_zstd_ctx *x, int level, const void *in, u32 in_len, void *out, u32 *out_len);
#else
static inline bool blk_have_zstd(void) { return false; }
static inline void blk_zstd_ctx_free(struct blk_zstd_ctx *x) { (void)x; }
static inline int blk_zstd_unpack(struct blk_zstd_ctx *x, const void *in, u32 in_len, void *out, u32 out_len)
{
	(void)x; (void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
static inline int blk_zstd_pack(struct blk_zstd_ctx *x, int level, const void *in, u32 in_len, void *out,
				u32 *out_len)
{
	(void)x; (void)level; (void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
#endif

#endif
