/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bzip2 units (block/bzip2.h). */
#include <bzlib.h>
#include "block/bzip2.h"
#include "block/int.h"

int blk_bzip2_unpack(const void *in, u32 in_len, void *out, u32 out_len)
{
	bz_stream z = { 0 };
	int ret;

	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return -ENOMEM;
	z.next_in = (char *)in;
	z.avail_in = in_len;
	z.next_out = out;
	z.avail_out = out_len;
	/* One call does all that fits; without progress there is nothing more to come. */
	do {
		u32 left = z.avail_in + z.avail_out;

		ret = BZ2_bzDecompress(&z);
		if (z.avail_in + z.avail_out == left)
			break;
	} while (ret == BZ_OK && z.avail_out);
	BZ2_bzDecompressEnd(&z);
	return (ret == BZ_OK || ret == BZ_STREAM_END) && !z.avail_out ? 0 : -EIO;
}
