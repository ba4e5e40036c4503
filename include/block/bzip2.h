/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bzip2 for the chunks of Apple's disk images, or its absence (CONFIG_BLOCK_BZIP2). */
#ifndef VMBOX_BLOCK_BZIP2_H
#define VMBOX_BLOCK_BZIP2_H

#include <errno.h>
#include "types.h"
#include "config.h"

#if IS_ENABLED(CONFIG_BLOCK_BZIP2)
static inline bool blk_have_bzip2(void) { return true; }
/* Exactly @out_len bytes or -EIO. Trailing bytes behind the stream are ignored. */
int blk_bzip2_unpack(const void *in, u32 in_len, void *out, u32 out_len);
#else
static inline bool blk_have_bzip2(void) { return false; }
static inline int blk_bzip2_unpack(const void *in, u32 in_len, void *out, u32 out_len)
{
	(void)in; (void)in_len; (void)out; (void)out_len;
	return -ENOTSUP;
}
#endif

#endif
