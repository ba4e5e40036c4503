// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unpacks a kernel (see unpack.h): gzip by zlib, xz by liblzma, Zstandard by
 * libzstd, and LZ4's legacy frames (lz4's doc/lz4_Frame_format.md, "Legacy
 * frame", and lz4_Block_format.md) here.
 */
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include "bytes.h"
#include "mem.h"
#include "unpack.h"

#define XZ_MEMORY	(256 * MiB)

struct out {
	u8 *data;
	u64 len, cap;
};

/* ---- LZ4 ---- */

/* A length of 15 goes on in bytes of 255. False: beyond the end. */
static bool lz4_length(const u8 *in, u64 end, u64 *at, u64 *n)
{
	u8 more;

	if (*n != 15)
		return true;
	do {
		if (*at >= end)
			return false;
		more = in[(*at)++];
		*n += more;
	} while (more == 255);
	return true;
}

/* Copies n bytes from off behind, which may overlap what is written. */
static bool lz4_match(struct out *o, u64 start, u64 off, u64 n)
{
	if (!off || off > o->len - start || n > o->cap - o->len)
		return false;
	while (n--) {
		o->data[o->len] = o->data[o->len - off];
		o->len++;
	}
	return true;
}

static bool lz4_block(const u8 *in, u64 end, struct out *o)
{
	u64 at = 0, start = o->len;

	while (at < end) {
		u8 token = in[at++];
		u64 n = token >> 4, off;

		if (!lz4_length(in, end, &at, &n) || n > end - at || n > o->cap - o->len)
			return false;
		memcpy(o->data + o->len, in + at, n);
		o->len += n;
		at += n;
		if (at == end)		/* the last sequence has literals only */
			return true;
		if (end - at < 2)
			return false;
		off = get_le16(in + at);
		at += 2;
		n = token & 15;
		if (!lz4_length(in, end, &at, &n) || !lz4_match(o, start, off, n + 4))
			return false;
	}
	return true;
}

static bool unpack_lz4(const u8 *in, u64 len, struct out *o)
{
	u64 at = 4;

	while (len - at >= 4) {
		u32 n = get_le32(in + at);

		if (n > len - at - 4 || !lz4_block(in + at + 4, n, o))
			return false;
		at += 4 + n;
	}
	return true;
}

/* ---- by the libraries ---- */

static bool unpack_gzip(const u8 *in, u64 len, struct out *o)
{
	z_stream z = { .next_in = (u8 *)in, .avail_in = (uInt)len, .next_out = o->data, .avail_out = (uInt)o->cap };
	int ret;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return false;
	ret = inflate(&z, Z_FINISH);
	o->len = z.total_out;
	inflateEnd(&z);
	return ret == Z_STREAM_END;
}

static bool unpack_xz(const u8 *in, u64 len, struct out *o)
{
	uint64_t limit = XZ_MEMORY;
	size_t in_pos = 0, out_pos = 0;
	lzma_ret ret = lzma_stream_buffer_decode(&limit, 0, NULL, in, &in_pos, len, o->data, &out_pos, o->cap);

	o->len = out_pos;
	return ret == LZMA_OK;
}

static bool unpack_zstd(const u8 *in, u64 len, struct out *o)
{
	size_t frame = ZSTD_findFrameCompressedSize(in, len), n;

	if (ZSTD_isError(frame))
		return false;
	n = ZSTD_decompress(o->data, o->cap, in, frame);
	o->len = n;
	return !ZSTD_isError(n);
}

static const struct format {
	const char *name;
	u8 magic[6], magic_len;
	bool (*fn)(const u8 *in, u64 len, struct out *o);
} formats[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ "Zstandard", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "LZ4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
};

static const struct format *format_of(const u8 *in)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (!memcmp(in, formats[i].magic, formats[i].magic_len))
			return &formats[i];
	return NULL;
}

int boot_unpack(const u8 *in, u64 len, u8 **out, u64 *out_len, struct err *err)
{
	const struct format *f = len >= 16 && len < UNPACK_MAX ? format_of(in) : NULL;
	struct out o = { 0 };

	if (!f)
		return err_set(err, ENOTSUP, "the kernel is packed in a format that we do not know");
	/* The last four bytes are the unpacked size, gzip's own or by Linux's build. */
	o.cap = get_le32(in + len - 4);
	if (!o.cap || o.cap > UNPACK_MAX)
		return err_set(err, EINVAL, "the %s data of the kernel is damaged", f->name);
	o.data = mem_alloc(o.cap);
	if (!o.data)
		return err_set(err, ENOMEM, "out of memory");
	/* xz wants to see its end where it is: without the size behind it. */
	if (!f->fn(in, f->fn == unpack_gzip ? len : len - 4, &o) || o.len != o.cap) {
		mem_free(o.data);
		return err_set(err, EINVAL, "the %s data of the kernel is damaged", f->name);
	}
	*out = o.data;
	*out_len = o.len;
	return 0;
}
