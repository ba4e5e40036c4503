/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compression libraries behind one call each way. Units are independent of
 * each other, so a call needs no state; the thread's context is made and
 * freed around it.
 */
#include <string.h>
#include "block/int.h"
#include "block/zlib.h"
#include "block/zstd.h"

bool blk_codec_present(enum blk_codec codec)
{
	if (codec == BLK_CODEC_ZSTD)
		return blk_have_zstd();
	return blk_have_zlib() && (codec == BLK_CODEC_DEFLATE || codec == BLK_CODEC_ZLIB);
}

int blk_unpack(enum blk_codec codec, const void *in, u32 in_len, void *out, u32 out_len)
{
	switch (codec) {
	case BLK_CODEC_DEFLATE:
		return blk_zlib_unpack(-15, in, in_len, out, out_len);
	case BLK_CODEC_ZLIB:
		return blk_zlib_unpack(15, in, in_len, out, out_len);
	case BLK_CODEC_ZSTD:
		return blk_zstd_unpack(in, in_len, out, out_len);
	default:
		return -ENOTSUP;
	}
}

int blk_pack(enum blk_codec codec, int level, int wbits, const void *in, u32 in_len, void *out,
	     u32 *out_len)
{
	switch (codec) {
	case BLK_CODEC_DEFLATE:
		return blk_zlib_pack(level, -wbits, in, in_len, out, out_len);
	case BLK_CODEC_ZLIB:
		return blk_zlib_pack(level, wbits, in, in_len, out, out_len);
	case BLK_CODEC_ZSTD:
		return blk_zstd_pack(level, in, in_len, out, out_len);
	default:
		return -ENOTSUP;
	}
}
