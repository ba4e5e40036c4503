/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zstd units (block/zstd.h). Stored lengths are rounded up to sectors, so streams, not one-shot calls. */
#include <zstd.h>
#include "block/int.h"
#include "block/zstd.h"

int blk_zstd_unpack(const void *in, u32 in_len, void *out, u32 out_len)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer i = { in, in_len, 0 };
	ZSTD_outBuffer o = { out, out_len, 0 };
	size_t left = 1;

	if (!d)
		return -ENOMEM;
	while (o.pos < o.size) {
		size_t ip = i.pos, op = o.pos;

		left = ZSTD_decompressStream(d, &o, &i);
		if (ZSTD_isError(left) || (i.pos == ip && o.pos == op))
			break;
	}
	ZSTD_freeDCtx(d);
	return !ZSTD_isError(left) && o.pos == o.size ? 0 : -EIO;
}

int blk_zstd_pack(int level, const void *in, u32 in_len, void *out, u32 *out_len)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer i = { in, in_len, 0 };
	ZSTD_outBuffer o = { out, *out_len, 0 };
	size_t left;

	if (!c)
		return -ENOMEM;
	if (level)
		ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
	left = ZSTD_compressStream2(c, &o, &i, ZSTD_e_end);
	ZSTD_freeCCtx(c);
	if (ZSTD_isError(left))
		return -EIO;
	*out_len = (u32)o.pos;
	return left ? -E2BIG : 0;
}
