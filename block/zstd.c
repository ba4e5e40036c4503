/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zstd units (block/zstd.h). Stored lengths are rounded up to sectors, so the
 * frame's own length is asked for first; then one call unpacks it in place.
 * Frames that do not end within the stored bytes go through a stream.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>
#include "block/int.h"
#include "block/zstd.h"

void blk_zstd_ctx_free(struct blk_zstd_ctx *x)
{
	ZSTD_freeCCtx(x->c);
	ZSTD_freeDCtx(x->d);
	x->c = x->d = NULL;
}

static int unpack_stream(ZSTD_DCtx *d, const void *in, u32 in_len, void *out, u32 out_len)
{
	ZSTD_inBuffer i = { in, in_len, 0 };
	ZSTD_outBuffer o = { out, out_len, 0 };
	size_t left = 1;

	ZSTD_DCtx_reset(d, ZSTD_reset_session_only);
	while (o.pos < o.size) {
		size_t ip = i.pos, op = o.pos;

		left = ZSTD_decompressStream(d, &o, &i);
		if (ZSTD_isError(left) || (i.pos == ip && o.pos == op))
			break;
	}
	return !ZSTD_isError(left) && o.pos == o.size ? 0 : -EIO;
}

int blk_zstd_unpack(struct blk_zstd_ctx *x, const void *in, u32 in_len, void *out, u32 out_len)
{
	size_t frame = ZSTD_findFrameCompressedSize(in, in_len);

	if (!x->d)
		x->d = ZSTD_createDCtx();
	if (!x->d)
		return -ENOMEM;
	if (!ZSTD_isError(frame) && ZSTD_decompressDCtx(x->d, out, out_len, in, frame) == out_len)
		return 0;
	return unpack_stream(x->d, in, in_len, out, out_len);
}

int blk_zstd_pack(struct blk_zstd_ctx *x, int level, const void *in, u32 in_len, void *out, u32 *out_len)
{
	size_t n;

	if (!x->c)
		x->c = ZSTD_createCCtx();
	if (!x->c)
		return -ENOMEM;
	n = ZSTD_compressCCtx(x->c, out, *out_len, in, in_len, level ? level : ZSTD_CLEVEL_DEFAULT);
	if (ZSTD_isError(n))
		return ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall ? -E2BIG : -EIO;
	*out_len = (u32)n;
	return 0;
}
