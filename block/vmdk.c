/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK (VMware's Virtual Disk Format 5.0): a disk is a row of extents, each
 * flat, or sparse with a grain directory, grain tables and grains. All
 * sub-formats of hosted products are read and written; ESX's COWD and
 * SESPARSE extents are read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "json.h"
#include "vmdk.h"

static struct vmdk_ext *find_extent(struct vmdk *v, u64 off)
{
	u32 lo = 0, hi = v->n_ext;

	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (v->ext[mid].start <= off)
			lo = mid;
		else
			hi = mid;
	}
	return v->n_ext && off - v->ext[lo].start < v->ext[lo].size ? &v->ext[lo] : NULL;
}

/* ---- grain tables ---- */

/* File offset of grain @i's entry in the table below @gd; 0: no table. */
static int entry_at(struct vmdk_ext *x, u64 gd, u64 i, u64 *at)
{
	u32 gt;
	int ret = vmdk_get32(x, gd + i / x->gtes * 4, &gt);

	*at = !ret && gt && gt != NO_PARENT ? (u64)gt * 512 + i % x->gtes * 4 : 0;
	return ret;
}

static int sesparse_entry(struct vmdk_ext *x, u64 i, u64 *gte)
{
	u32 lo, hi;
	u64 at;
	int ret = vmdk_get32(x, x->gd_off + i / x->gtes * 8, &lo);

	ret = ret ?: vmdk_get32(x, x->gd_off + i / x->gtes * 8 + 4, &hi);
	if (ret || !(lo | hi))
		return ret;
	if (hi != 0x10000000)
		return -EIO;
	at = x->se_tables + (u64)lo * x->gtes * 8 + i % x->gtes * 8;
	ret = vmdk_get32(x, at, &lo);
	ret = ret ?: vmdk_get32(x, at + 4, &hi);
	*gte = (u64)hi << 32 | lo;
	return ret;
}

static int grain_entry(struct vmdk_ext *x, u64 i, u64 *gte)
{
	u32 e = 0;
	u64 at;
	int ret;

	*gte = 0;
	if (i / x->gtes >= x->gts)
		return 0;
	if (x->kind == VX_SESPARSE)
		return sesparse_entry(x, i, gte);
	if (x->stream) {
		ret = vmdk_stream_entry(x, i, &e);
	} else {
		ret = entry_at(x, x->gd_off, i, &at);
		ret = ret ?: at ? vmdk_get32(x, at, &e) : 0;
	}
	*gte = e;
	return ret;
}

static int place_sesparse(const struct vmdk_ext *x, u64 gte, enum blk_kind *kind, u64 *host)
{
	u64 grain = (gte & 0x0fff000000000000ULL) >> 48 | (gte & 0x0000ffffffffffffULL) << 12;

	*kind = BLK_HOLE;
	*host = 0;
	switch (gte >> 60) {
	case 0:
		return gte ? -EIO : 0;
	case 1:			/* unmapped by the guest */
	case 2:
		*kind = BLK_ZERO;
		return 0;
	case 3:
		*kind = BLK_DATA;
		if (grain > (u64)INT64_MAX / x->grain - x->se_grains / x->grain)
			return -EIO;
		*host = x->se_grains + grain * x->grain;
		return 0;
	}
	return -EIO;
}

static int locate(struct vmdk_ext *x, u64 i, enum blk_kind *kind, u64 *host)
{
	u64 gte;
	int ret = grain_entry(x, i, &gte);

	if (ret)
		return ret;
	if (x->kind == VX_SESPARSE)
		return place_sesparse(x, gte, kind, host);
	*host = gte * 512;
	if (!gte)
		*kind = BLK_HOLE;
	else if (gte == GTE_ZERO && x->zero_grain)
		*kind = BLK_ZERO;
	else
		*kind = x->compressed ? BLK_COMPRESSED : BLK_DATA;
	return 0;
}

/* ---- where is it ---- */

/* A packed grain: 12 bytes of marker (sector number, length) before the stream. */
static int map_compressed(const struct vmdk_ext *x, u64 i, u64 at, struct blk_extent *r)
{
	u8 m[12];
	int ret = x->markers ? blk_node_pread(x->file, at, m, sizeof(m)) : 0;

	if (ret)
		return ret;
	r->len = MIN((u64)x->grain, x->size - i * x->grain);
	r->clen = x->markers ? get_le32(m + 8) : x->grain * 2;
	r->host = x->markers ? at + sizeof(m) : at;
	if (!r->clen || r->clen > 2 * x->grain)
		return -EIO;
	r->codec = BLK_CODEC_ZLIB;
	r->unit_off = r->off;
	r->unit_len = (u32)r->len;
	return 0;
}

static int map_sparse(struct blk_node *n, struct vmdk *v, struct vmdk_ext *x, u64 off, u64 len, struct blk_extent *r)
{
	u64 at = off - x->start, i = at / x->grain, first = i, host, h;
	enum blk_kind kind, k;
	int ret = locate(x, i, &kind, &host);

	if (ret)
		return ret;
	/* An overlay on a disk that is not the one it was made on: nothing is right. */
	if (kind == BLK_HOLE && n->backing && !v->parent_ok)
		return -EINVAL;
	r->kind = kind;
	r->off = x->start + first * x->grain;
	r->node = x->file;
	r->host = host;
	if (kind == BLK_COMPRESSED)
		return map_compressed(x, i, host, r);
	r->flags = kind == BLK_DATA ? BLK_X_IN_PLACE : 0;
	len = MIN(len, x->size - at);
	for (i++; i * x->grain - at < len && i - first < 4096; i++) {
		if (locate(x, i, &k, &h) || k != kind)
			break;
		if (kind == BLK_DATA && h != host + (i - first) * x->grain)
			break;
	}
	r->len = MIN((i - first) * x->grain, x->size - first * x->grain);
	return 0;
}

static int vmdk_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *r)
{
	struct vmdk *v = n->priv;
	struct vmdk_ext *x = find_extent(v, off);
	int ret;

	if (!x)
		return -EIO;
	if (x->kind == VX_ZERO || x->kind == VX_FLAT) {
		*r = (struct blk_extent){ .kind = x->kind == VX_ZERO ? BLK_ZERO : BLK_DATA, .off = x->start,
					  .len = x->size, .node = x->file, .host = x->flat_off };
		r->flags = r->kind == BLK_DATA ? BLK_X_IN_PLACE | BLK_X_RECURSE : 0;
		return 0;
	}
	pthread_mutex_lock(&v->lock);
	ret = map_sparse(n, v, x, off, len, r);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* ---- allocating ---- */

static int take_space(struct vmdk_ext *x, u64 bytes, u64 *host)
{
	int ret = x->end / 512 >= 0xfffffffeULL ? -EFBIG :
		  blk_node_truncate(x->file, x->end + bytes, false, 0, NULL);

	if (ret)
		return ret;
	*host = x->end;
	x->end += bytes;
	return 0;
}

static int vmdk_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	struct vmdk *v = n->priv;
	struct vmdk_ext *x = find_extent(v, off);
	int ret;

	if (!x || x->kind != VX_SPARSE || x->compressed)
		return -EIO;
	pthread_mutex_lock(&v->lock);
	ret = n->backing && !v->parent_ok ? -EINVAL : take_space(x, x->grain, &a->host);
	pthread_mutex_unlock(&v->lock);
	a->priv[0] = (off - x->start) / x->grain;
	a->off = x->start + a->priv[0] * x->grain;
	a->len = x->grain;
	a->node = x->file;
	a->fresh = a->zeroed = true;
	return ret;
}

/* A directory may have holes where no grain was ever written. */
static int add_table(struct vmdk_ext *x, u64 gd, u64 i, u64 *at)
{
	u64 host;
	int ret = take_space(x, ALIGN_UP(x->gtes * 4U, x->grain), &host);

	ret = ret ?: vmdk_set32(x, gd + i / x->gtes * 4, (u32)(host / 512));
	*at = host + i % x->gtes * 4;
	return ret;
}

static int set_entry(struct vmdk_ext *x, u64 i, u32 gte)
{
	u64 gds[2] = { x->rgd_off, x->gd_off }, at;
	int ret = 0;

	if (i / x->gtes >= x->gts)
		return -EIO;
	blk_mcache_flush_first(x->tables);
	for (int k = 0; !ret && k < 2; k++) {
		if (!gds[k])
			continue;
		ret = entry_at(x, gds[k], i, &at);
		if (!ret && !at)
			ret = add_table(x, gds[k], i, &at);
		ret = ret ?: vmdk_set32(x, at, gte);
	}
	return ret;
}

static int vmdk_commit(struct blk_node *n, struct blk_alloc *a)
{
	struct vmdk *v = n->priv;
	struct vmdk_ext *x = find_extent(v, a->off);
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = set_entry(x, a->priv[0], (u32)(a->host / 512));
	pthread_mutex_unlock(&v->lock);
	return ret;
}

static void vmdk_abort(struct blk_node *n, struct blk_alloc *a)
{
	struct vmdk *v = n->priv;
	struct vmdk_ext *x = find_extent(v, a->off);

	pthread_mutex_lock(&v->lock);
	if (a->host + x->grain == x->end && !blk_node_truncate(x->file, a->host, false, 0, NULL))
		x->end = a->host;
	pthread_mutex_unlock(&v->lock);
}

/* ---- packed grains ---- */

static int vmdk_compress(struct blk_node *n, const void *in, u32 len, void *out, u32 *clen)
{
	return blk_pack_in(n->graph, BLK_CODEC_ZLIB, -1, 15, in, len, out, clen);
}

/* Each grain once: there is no way to take back what a stream holds. */
static int put_packed(struct vmdk_ext *x, u64 i, const void *cbuf, u32 clen)
{
	u64 gte, at = x->end;
	int ret = grain_entry(x, i, &gte);

	if (ret)
		return ret;
	if (gte > GTE_ZERO || (gte && !x->zero_grain))
		return -EIO;
	if (x->stream)
		return vmdk_stream_put(x, i, cbuf, clen);
	ret = vmdk_put_grain(x, i, cbuf, clen);
	return ret ?: set_entry(x, i, (u32)(at / 512));
}

static int vmdk_compressed(struct blk_node *n, u64 off, u32 len, const void *cbuf, u32 clen)
{
	struct vmdk *v = n->priv;
	struct vmdk_ext *x = find_extent(v, off);
	int ret;

	if (!x || !x->compressed || off % x->grain)
		return -EINVAL;
	pthread_mutex_lock(&v->lock);
	ret = put_packed(x, off / x->grain, cbuf, clen);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* ---- zeros ---- */

static int zero_run(struct blk_node *n, struct vmdk *v, struct vmdk_ext *x, const struct blk_extent *r, u64 off,
		    u64 len, u32 flags)
{
	u64 i = (off - x->start) / x->grain, last = (off + len - 1 - x->start) / x->grain;
	int ret = 0;

	if (r->kind == BLK_ZERO || (r->kind == BLK_HOLE && !n->backing))
		return 0;
	if (!x->zero_grain || x->stream)
		return r->kind == BLK_DATA ? blk_node_zero(x->file, r->host + (off - r->off), len, flags) : -ENOTSUP;
	pthread_mutex_lock(&v->lock);
	for (; !ret && i <= last; i++)
		ret = set_entry(x, i, GTE_ZERO);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

static int vmdk_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct vmdk *v = n->priv;

	while (len) {
		struct vmdk_ext *x = find_extent(v, off);
		struct blk_extent r = { 0 };
		int ret = vmdk_map(n, off, len, &r);
		u64 m;

		if (ret)
			return ret;
		m = MIN(len, r.off + r.len - off);
		ret = x->kind == VX_FLAT ? blk_node_zero(x->file, r.host + (off - r.off), m, flags) :
		      zero_run(n, v, x, &r, off, m, flags);
		if (ret)
			return ret;
		off += m;
		len -= m;
	}
	return 0;
}

static int vmdk_flush(struct blk_node *n)
{
	struct vmdk *v = n->priv;
	int ret = 0;

	pthread_mutex_lock(&v->lock);
	for (u32 i = 0; !ret && i < v->n_ext; i++) {
		struct vmdk_ext *x = &v->ext[i];

		if (x->stream)
			ret = vmdk_stream_flush(x);
		else if (x->tables)
			ret = blk_mcache_write(x->tables);
	}
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* ---- content ids ---- */

/* As many digits as there are: nothing in the descriptor moves. */
static int write_cid(struct blk_node *n, struct vmdk *v)
{
	u32 room = v->desc_room ? v->desc_room : (u32)MIN(blk_length(n->file), (u64)MAX_DESC), cid, digits = 0;
	char *d = calloc(1, room + 1), text[9];
	const char *at;
	int ret = d ? blk_node_pread(n->file, v->desc_off, d, room) : -ENOMEM;

	at = ret ? NULL : vmdk_desc_value(d, "CID");
	while (at && digits < 8 && strchr("0123456789abcdefABCDEF", at[digits]) && at[digits])
		digits++;
	if (digits) {
		if (getrandom(&cid, sizeof(cid), 0) != sizeof(cid))
			cid = v->cid + 1;
		cid &= 0xffffffffU >> (32 - 4 * digits);
		cid ^= cid == v->cid || cid == 0xfffffffeU || cid == NO_PARENT ? 1 : 0;
		snprintf(text, sizeof(text), "%0*x", (int)digits, cid);
		ret = blk_node_pwrite(n->file, v->desc_off + (u64)(at - d), text, digits);
		v->cid = ret ? v->cid : cid;
	}
	free(d);
	return ret;
}

/* The disk that stands on this one must notice. */
static int vmdk_will_write(struct blk_node *n)
{
	struct vmdk *v = n->priv;
	int ret = 0;

	pthread_mutex_lock(&v->lock);
	if (!n->written && (v->desc_room || v->ext[0].file != n->file))
		ret = write_cid(n, v);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

static int vmdk_opened(struct blk_node *n, struct err *e)
{
	struct vmdk *v = n->priv;
	const struct vmdk *p;

	/* As QEMU: the image opens, only what the other one should hold cannot be read. */
	p = n->backing && n->backing->drv == n->drv ? n->backing->priv : NULL;
	v->parent_ok = p && p->cid == v->parent_cid;
	return 0;
}

static void vmdk_close(struct blk_node *n)
{
	struct vmdk *v = n->priv;

	vmdk_free(v);
	pthread_mutex_destroy(&v->lock);
}

static int vmdk_probe(const u8 *buf, size_t len, const char *filename)
{
	const char *p = (const char *)buf, *end = p + len;

	if (len < 512)
		return 0;
	if (get_le32(buf) == VMDK_MAGIC || get_le32(buf) == COWD_MAGIC)
		return 100;
	/* A descriptor: comments and empty lines, then the version. */
	while (p < end && (*p == '#' || *p == '\n' || *p == '\r' || *p == ' ')) {
		while (p < end && *p != '\n')
			p++;
		p += p < end;
	}
	if (end - p < 11 || memcmp(p, "version=", 8) || p[8] < '1' || p[8] > '3')
		return 0;
	return p[9] == '\n' || (p[9] == '\r' && p[10] == '\n') ? 100 : 0;
}

/* ---- info and check ---- */

static int add_extent_info(struct json *list, const struct vmdk_ext *x, struct blk_node *n)
{
	struct json *j = json_new(JSON_OBJECT);
	int ret = j ? 0 : -ENOMEM;

	if (x->compressed)
		ret = json_set(j, "compressed", json_new_bool(true));
	ret = ret ?: json_set(j, "virtual-size", json_new_uint(x->size));
	ret = ret ?: json_set(j, "filename", json_new_str(x->file ? x->file->filename : ""));
	if (x->grain)
		ret = ret ?: json_set(j, "cluster-size", json_new_uint(x->grain));
	ret = ret ?: json_set(j, "format", json_new_str(x->type));
	if (ret) {
		json_free(j);
		return ret;
	}
	return json_append(list, j);
}

static int vmdk_info(struct blk_node *n, struct json *j)
{
	struct vmdk *v = n->priv;
	struct json *list = json_new(JSON_ARRAY);
	int ret = list ? json_set(j, "cid", json_new_uint(v->cid)) : -ENOMEM;

	ret = ret ?: json_set(j, "parent-cid", json_new_uint(v->parent_cid));
	ret = ret ?: json_set(j, "create-type", json_new_str(v->type));
	for (u32 i = 0; !ret && i < v->n_ext; i++)
		ret = add_extent_info(list, &v->ext[i], n);
	if (ret) {
		json_free(list);
		return ret;
	}
	return json_set(j, "extents", list);
}

static void check_grain(struct vmdk_ext *x, u64 i, struct blk_check *c)
{
	u64 sector = x->start / 512 + i * (x->grain / 512), host;
	enum blk_kind kind;
	char line[96];
	int ret = locate(x, i, &kind, &host);

	if (!ret && (kind == BLK_HOLE || kind == BLK_ZERO || host < blk_length(x->file)))
		return;
	snprintf(line, sizeof(line), ret ? "ERROR: could not get cluster_offset for sector %llu" :
		 "ERROR: cluster offset for sector %llu points after EOF", sector);
	if (c->log)
		c->log(c->opaque, line);
	c->corruptions++;
}

/* Does table @t name a grain at all? Where there is none, or only zeros behind the end of the file, it does not. */
static bool table_has_grains(struct vmdk_ext *x, u64 t)
{
	u32 gt = 0;

	if (x->kind == VX_SESPARSE || x->stream)
		return true;
	if (vmdk_get32(x, x->gd_off + t * 4, &gt))
		return true;
	return gt && (u64)gt * 512 < blk_length(x->file);
}

static void check_extent(struct vmdk_ext *x, struct blk_check *c)
{
	u64 grains = x->grain ? DIV_ROUND_UP(x->size, x->grain) : 0;

	for (u64 t = 0; t < x->gts && t * x->gtes < grains; t++) {
		if (!table_has_grains(x, t))
			continue;
		for (u64 i = t * x->gtes; i < MIN((t + 1) * x->gtes, grains); i++)
			check_grain(x, i, c);
	}
}

static int vmdk_check(struct blk_node *n, struct blk_check *c, struct err *e)
{
	struct vmdk *v = n->priv;

	if (c->fix)
		return err_set(e, ENOTSUP, "This image format does not support repair");
	for (u32 k = 0; k < v->n_ext; k++)
		check_extent(&v->ext[k], c);
	return 0;
}

static const struct blk_driver vmdk_driver = {
	.name = "vmdk", .flags = BLK_DRV_GROWS | BLK_DRV_BACKING, .priv_size = sizeof(struct vmdk),
	.create_opts = vmdk_opts, .probe = vmdk_probe, .open = vmdk_open, .opened = vmdk_opened,
	.will_write = vmdk_will_write, .close = vmdk_close, .create = vmdk_create, .map = vmdk_map,
	.alloc = vmdk_alloc, .commit = vmdk_commit, .abort = vmdk_abort, .compressed = vmdk_compressed,
	.compress = vmdk_compress, .zero = vmdk_zero, .flush = vmdk_flush, .info = vmdk_info, .check = vmdk_check,
};
BLOCK_FORMAT(vmdk_driver);
