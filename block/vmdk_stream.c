/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stream-optimised VMDK with the grain directory at the end, as VMware's own
 * tools make it and ESXi takes it: grains behind markers, each grain table
 * behind the grains that it names, then directory, footer, end of stream.
 * Nothing is written over, but the tail of an image without any grain: after
 * a flush in the middle, more grains follow the tail and get one of their own.
 */
#include <string.h>
#include "vmdk.h"

struct vmdk_stream {
	u32 *gd;			/* sectors of the tables; 0: none */
	u64 cur;			/* the table in @gt; ~0: none */
	u32 gt[GT_ENTRIES];
	bool gt_dirty, dirty;
	struct vmdk_header h;
};

void vmdk_stream_free(struct vmdk_ext *x)
{
	if (x->stream)
		free(x->stream->gd);
	free(x->stream);
	x->stream = NULL;
}

/* x->gd_off was taken from the footer. */
static int load_gd(struct vmdk_ext *x, struct vmdk_stream *s, bool *empty)
{
	u64 bytes = x->gts * 4;
	int ret;

	s->gd = blk_table_alloc(x->gts + 1, 4, 64 * MiB, &ret);
	if (!s->gd)
		return ret;
	ret = blk_node_pread(x->file, x->gd_off, s->gd, bytes);
	*empty = true;
	for (u64 i = 0; !ret && i < x->gts; i++) {
		s->gd[i] = get_le32(&s->gd[i]);
		*empty &= !s->gd[i];
	}
	return ret;
}

int vmdk_stream_open(struct vmdk_ext *x, u64 overhead, struct err *e)
{
	struct vmdk_stream *s = calloc(1, sizeof(*s));
	bool empty = false;
	int ret;

	if (!s)
		return -ENOMEM;
	s->cur = ~0ULL;
	x->stream = s;
	ret = blk_node_pread(x->file, 0, &s->h, sizeof(s->h));
	ret = ret ?: load_gd(x, s, &empty);
	if (ret)
		return err_errno(e, -ret, "Could not read the grain directory of '%s'", x->file->filename);
	x->end = ALIGN_UP(blk_length(x->file), 512);
	if (empty && overhead < x->end && overhead >= 512)
		x->end = overhead;
	return 0;
}

static int load_gt(struct vmdk_ext *x, u64 t, u32 *gt)
{
	u64 at = (u64)x->stream->gd[t] * 512;
	int ret = 0;

	memset(gt, 0, GT_BYTES);
	for (u32 i = 0; at && !ret && i < x->gtes; i++)
		ret = vmdk_get32(x, at + i * 4, &gt[i]);
	return ret;
}

int vmdk_stream_entry(struct vmdk_ext *x, u64 i, u32 *gte)
{
	struct vmdk_stream *s = x->stream;
	u64 t = i / x->gtes;

	*gte = 0;
	if (t == s->cur)
		*gte = s->gt[i % x->gtes];
	else if (s->gd[t])
		return vmdk_get32(x, (u64)s->gd[t] * 512 + i % x->gtes * 4, gte);
	return 0;
}

bool vmdk_stream_has_table(const struct vmdk_ext *x, u64 t)
{
	return t == x->stream->cur || x->stream->gd[t];
}

/* A marker, @sectors of @body behind it. */
static int append(struct vmdk_ext *x, u32 type, const void *body, u64 sectors)
{
	struct vmdk_marker m = { .val = cpu_to_le64(sectors), .type = cpu_to_le32(type) };
	int ret = blk_node_pwrite(x->file, x->end, &m, sizeof(m));

	if (!ret && sectors)
		ret = blk_node_pwrite(x->file, x->end + 512, body, sectors * 512);
	if (!ret)
		x->end += 512 + sectors * 512;
	return ret;
}

static int spill(struct vmdk_ext *x)
{
	struct vmdk_stream *s = x->stream;
	u8 raw[GT_BYTES];
	u64 at = x->end + 512;
	int ret;

	if (!s->gt_dirty)
		return 0;
	if (at / 512 > 0xffffffffULL)
		return -EFBIG;
	for (u32 i = 0; i < GT_ENTRIES; i++)
		put_le32(raw + i * 4, s->gt[i]);
	ret = append(x, MARK_GT, raw, GT_BYTES / 512);
	if (ret)
		return ret;
	s->gd[s->cur] = (u32)(at / 512);
	s->gt_dirty = false;
	return 0;
}

int vmdk_put_grain(struct vmdk_ext *x, u64 i, const void *buf, u32 len)
{
	u32 head = x->markers ? 12 : 0, all = (u32)ALIGN_UP(head + (u64)len, 512);
	u8 *p;
	int ret;

	if (x->end / 512 > 0xffffffffULL)
		return -EFBIG;
	p = blk_buf_alloc(all);
	if (!p)
		return -ENOMEM;
	put_le64(p, i * (x->grain / 512));
	put_le32(p + 8, len);
	memcpy(p + head, buf, len);
	memset(p + head + len, 0, all - head - len);
	ret = blk_node_pwrite(x->file, x->end, p, all);
	free(p);
	if (!ret)
		x->end += all;
	return ret;
}

int vmdk_stream_put(struct vmdk_ext *x, u64 i, const void *buf, u32 len)
{
	struct vmdk_stream *s = x->stream;
	u64 t = i / x->gtes, at;
	int ret = 0;

	if (x->gtes != GT_ENTRIES)
		return -ENOTSUP;
	if (t != s->cur) {
		ret = spill(x);
		ret = ret ?: load_gt(x, t, s->gt);
		s->cur = ret ? ~0ULL : t;
	}
	at = x->end;
	ret = ret ?: vmdk_put_grain(x, i, buf, len);
	if (ret)
		return ret;
	s->gt[i % x->gtes] = (u32)(at / 512);
	s->gt_dirty = s->dirty = true;
	return 0;
}

int vmdk_stream_flush(struct vmdk_ext *x)
{
	struct vmdk_stream *s = x->stream;
	u64 sectors = DIV_ROUND_UP(x->gts * 4, 512), gd;
	u8 *p;
	int ret;

	if (!s->dirty)
		return 0;
	ret = spill(x);
	p = calloc(1, sectors * 512);
	if (ret || !p) {
		free(p);
		return ret ?: -ENOMEM;
	}
	for (u64 i = 0; i < x->gts; i++)
		put_le32(p + i * 4, s->gd[i]);
	gd = x->end / 512 + 1;
	ret = append(x, MARK_GD, p, sectors);
	free(p);
	s->h.gd_off = cpu_to_le64(gd);
	ret = ret ?: append(x, MARK_FOOTER, &s->h, 1);
	ret = ret ?: append(x, MARK_EOS, NULL, 0);
	s->dirty = ret;
	return ret;
}
