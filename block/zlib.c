/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zlib and raw deflate units (block/zlib.h). */
#include <zlib.h>
#include "block/int.h"
#include "block/zlib.h"

int blk_zlib_unpack(int wbits, const void *in, u32 in_len, void *out, u32 out_len)
{
	z_stream z = { 0 };
	int ret;

	if (inflateInit2(&z, wbits) != Z_OK)
		return -ENOMEM;
	z.next_in = (Bytef *)in;
	z.avail_in = in_len;
	z.next_out = out;
	z.avail_out = out_len;
	ret = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* Z_BUF_ERROR: the unit is full, the stream would go on; QEMU's reader takes that. */
	if ((ret == Z_STREAM_END || ret == Z_BUF_ERROR) && !z.avail_out)
		return 0;
	return -EIO;
}

int blk_zlib_pack(int level, int wbits, const void *in, u32 in_len, void *out, u32 *out_len)
{
	z_stream z = { 0 };
	int ret;

	if (deflateInit2(&z, level, Z_DEFLATED, wbits, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	z.next_in = (Bytef *)in;
	z.avail_in = in_len;
	z.next_out = out;
	z.avail_out = *out_len;
	ret = deflate(&z, Z_FINISH);
	*out_len -= z.avail_out;
	deflateEnd(&z);
	if (ret == Z_STREAM_END)
		return 0;
	return ret == Z_OK || ret == Z_BUF_ERROR ? -E2BIG : -EIO;
}
