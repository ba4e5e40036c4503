/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallels: the format extension, one cluster of features of which dirty
 * bitmaps are the only one. They are read; whoever writes to the disk drops
 * the extension, for the bitmaps would no longer be true.
 */
#include <stdio.h>
#include <string.h>
#include "checksum.h"
#include "parallels.h"

#define EXT_MAGIC	0xab234cef23dcea87ULL
#define BITMAP_MAGIC	0x20385fae252cb34aULL
#define MAX_EXT		(64U << 20)

void par_ext_each(struct parallels *p, void (*take)(void *opaque, u64 host), void *opaque)
{
	if (!p->ext_off)
		return;
	take(opaque, p->ext_off);
	for (u32 i = 0; i < p->n_maps; i++)
		for (u32 k = 0; k < p->maps[i].n_l1; k++)
			if (p->maps[i].l1[k] > 1)
				take(opaque, p->maps[i].l1[k] * 512);
}

void par_ext_free(struct parallels *p)
{
	for (u32 i = 0; i < p->n_maps; i++)
		free(p->maps[i].l1);
	free(p->maps);
	p->maps = NULL;
	p->n_maps = 0;
}

static u64 bits_of(const struct blk_node *n, const struct par_bitmap *m)
{
	return DIV_ROUND_UP(blk_length(n), m->granularity);
}

static int read_bitmap(struct blk_node *n, struct parallels *p, const u8 *d, u32 len, struct err *e)
{
	struct par_bitmap m = { 0 }, *v;
	u64 need;
	u32 gran;

	if (len < 32)
		return err_set(e, EINVAL, "Too small Bitmap Feature area in Parallels Format Extension: %u bytes, "
			       "expected at least 32 bytes", len);
	if (get_le64(d) != blk_length(n) / 512)
		return err_set(e, EINVAL, "Bitmap size (in sectors) %llu differs from disk size in sectors %llu",
			       get_le64(d), blk_length(n) / 512);
	gran = get_le32(d + 24);
	m.n_l1 = get_le32(d + 28);
	if (!gran || gran & (gran - 1) || gran > 0x200000)
		return err_set(e, EINVAL, "Invalid granularity of a bitmap: %u sectors", gran);
	if (m.n_l1 > (len - 32) / 8)
		return err_set(e, EINVAL, "Bitmaps feature corrupted: l1 table exceeds extension data_size");
	m.granularity = (u64)gran * 512;
	/* The bits are whole words of 64. */
	need = DIV_ROUND_UP(ALIGN_UP(bits_of(n, &m), 64) / 8, p->bat.block);
	if (need != m.n_l1)
		return err_set(e, EINVAL, "Bitmap table size %u does not correspond to bitmap size and cluster size. "
			       "Expected %llu", m.n_l1, need);
	snprintf(m.name, sizeof(m.name), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[8],
		 d[9], d[10], d[11], d[12], d[13], d[14], d[15], d[16], d[17], d[18], d[19], d[20], d[21], d[22], d[23]);
	v = realloc(p->maps, (p->n_maps + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	p->maps = v;
	m.l1 = calloc(m.n_l1 + 1, sizeof(u64));
	if (!m.l1)
		return -ENOMEM;
	for (u32 i = 0; i < m.n_l1; i++)
		m.l1[i] = get_le64(d + 32 + i * 8);
	v[p->n_maps++] = m;
	return 0;
}

static int read_features(struct blk_node *n, struct parallels *p, const u8 *c, struct err *e)
{
	u32 size = p->bat.block, at = 24;
	u8 md5[MD5_SIZE];
	struct md5 h;

	if (get_le64(c) != EXT_MAGIC)
		return err_set(e, EINVAL, "Wrong parallels Format Extension magic: 0x%llx, expected: 0x%llx",
			       get_le64(c), EXT_MAGIC);
	md5_init(&h);
	md5_update(&h, c + 24, size - 24);
	md5_final(&h, md5);
	if (memcmp(md5, c + 8, MD5_SIZE))
		return err_set(e, EINVAL, "Wrong checksum in Format Extension header. Format extension is corrupted.");
	while (size - at >= 24) {
		u64 magic = get_le64(c + at), flags = get_le64(c + at + 8);
		u32 len = get_le32(c + at + 16);
		int ret;

		at += 24;
		if (len > size - at)
			return err_set(e, EINVAL, "Feature data_size exceedes Format Extension cluster");
		if (!magic)
			return 0;
		if (flags)
			return err_set(e, EINVAL, "Flags for extension feature are unsupported");
		ret = magic == BITMAP_MAGIC ? read_bitmap(n, p, c + at, len, e) :
		      err_set(e, EINVAL, "Unknown feature: 0x%llx", magic);
		if (ret)
			return ret;
		at = ALIGN_UP(at + len, 8);
		if (at > size)
			break;
	}
	return err_set(e, EINVAL, "Format Extension without an end");
}

int par_ext_read(struct blk_node *n, struct parallels *p, struct err *e)
{
	u8 *c;
	int ret;

	if (!p->ext_off)
		return 0;
	if (p->bat.block > MAX_EXT)
		return err_set(e, EINVAL, "The Format Extension is too large");
	c = blk_buf_alloc(p->bat.block);
	if (!c)
		return -ENOMEM;
	ret = blk_node_pread(n->file, p->ext_off, c, p->bat.block);
	ret = ret ? err_errno(e, -ret, "Failed to read Format Extension cluster") : read_features(n, p, c, e);
	free(c);
	if (ret)
		par_ext_free(p);
	return ret;
}

/* ---- for the tools ---- */

static int list_bitmaps(struct blk_node *n, struct blk_bitmap **out)
{
	struct parallels *p = n->priv;
	struct blk_bitmap *v = calloc(p->n_maps + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (u32 i = 0; i < p->n_maps; i++) {
		snprintf(v[i].name, sizeof(v[i].name), "%s", p->maps[i].name);
		v[i].granularity = p->maps[i].granularity;
		v[i].enabled = true;
		v[i].count = ~0ULL;
	}
	*out = v;
	return (int)p->n_maps;
}

static int fill_bits(struct blk_node *n, const struct par_bitmap *m, u8 *bits, u64 bytes)
{
	struct parallels *p = n->priv;
	u64 part = p->bat.block;

	for (u32 i = 0; i < m->n_l1; i++) {
		u64 at = i * part, len = at < bytes ? MIN(part, bytes - at) : 0;
		int ret = 0;

		if (m->l1[i] == 1)
			memset(bits + at, 0xff, len);
		else if (m->l1[i] > (u64)INT64_MAX / 1024)
			ret = -EIO;
		else if (m->l1[i])
			ret = blk_node_pread(n->file, m->l1[i] * 512, bits + at, len);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_bits(struct blk_node *n, const char *name, u8 **out, u64 *nbits, struct err *e)
{
	struct parallels *p = n->priv;
	u32 i = 0;
	int ret;

	while (i < p->n_maps && strcmp(p->maps[i].name, name))
		i++;
	if (i == p->n_maps)
		return err_set(e, ENOENT, "Dirty bitmap '%s' not found", name);
	*nbits = bits_of(n, &p->maps[i]);
	*out = blk_table_alloc(DIV_ROUND_UP(*nbits, 8) + 1, 1, blk_max_meta(n), &ret);
	if (!*out)
		return err_errno(e, -ret, "The bitmap is too large");
	ret = fill_bits(n, &p->maps[i], *out, DIV_ROUND_UP(*nbits, 8));
	if (!ret)
		return 0;
	free(*out);
	*out = NULL;
	return err_errno(e, -ret, "Failed to read bitmap data cluster");
}

#define READ_ONLY(e) err_set(e, ENOTSUP, "Bitmaps of Parallels images can only be read")

static int no_add(struct blk_node *n, const char *name, u64 granularity, bool enabled, struct err *e)
{
	return READ_ONLY(e);
}

static int no_change(struct blk_node *n, const char *name, struct err *e)
{
	return READ_ONLY(e);
}

static int no_enable(struct blk_node *n, const char *name, bool on, struct err *e)
{
	return READ_ONLY(e);
}

static int no_merge(struct blk_node *n, const char *name, const u8 *bits, u64 nbits, u64 gran, struct err *e)
{
	return READ_ONLY(e);
}

const struct blk_bitmap_ops par_bitmaps = {
	.list = list_bitmaps, .add = no_add, .remove = no_change, .clear = no_change, .enable = no_enable,
	.read = read_bits, .merge = no_merge,
};
