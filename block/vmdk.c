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

#define MAX_LOOKS 4096		/* at tables, the lock held */
#define MAX_SAID 1000		/* findings of a check that are told one by one */

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

/* File offset of SESPARSE table @t; 0: none. */
static int sesparse_table(struct vmdk_ext *x, u64 t, u64 *at)
{
	u32 lo, hi;
	int ret = vmdk_get32(x, x->gd_off + t * 8, &lo);

	*at = 0;
	ret = ret ?: vmdk_get32(x, x->gd_off + t * 8 + 4, &hi);
	if (ret || !(lo | hi))
		return ret;
	*at = x->se_tables + (u64)lo * x->gtes * 8;
	return hi != 0x10000000 ? -EIO : 0;
}

static int sesparse_entry(struct vmdk_ext *x, u64 i, u64 *gte)
{
	u32 lo, hi;
	u64 at;
	int ret = sesparse_table(x, i / x->gtes, &at);

	if (ret || !at)
		return ret;
	at += i % x->gtes * 8;
	ret = vmdk_get32(x, at, &lo);
	ret = ret ?: vmdk_get32(x, at + 4, &hi);
	if (!ret)
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

/* What an entry means. */
static int place(const struct vmdk_ext *x, u64 gte, enum blk_kind *kind, u64 *host)
{
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

static int locate(struct vmdk_ext *x, u64 i, enum blk_kind *kind, u64 *host)
{
	u64 gte;
	int ret = grain_entry(x, i, &gte);

	return ret ?: place(x, gte, kind, host);
}

/* ---- what need not be read ---- */

/* Where table @t is; 0: there is none. A stream's tables may be in memory: its grains are asked for one by one. */
static int table_at(struct vmdk_ext *x, u64 t, u64 *at)
{
	return x->kind == VX_SESPARSE ? sesparse_table(x, t, at) : entry_at(x, x->gd_off, t * x->gtes, at);
}

/* What is known of the file's holes around one place: [from, to) is one, or has data. */
struct gap {
	u64 from, to;
	bool hole;
};

/*
 * How many bytes from @at on are zeros because the file has a hole there or ends before them: a directory or tables of
 * gigabytes that take no room are not read. What is in the cache must be written.
 */
static u64 gap_at(struct vmdk_ext *x, struct gap *g, u64 at)
{
	u64 known = 0, n;

	if (at < g->from || at >= g->to) {
		n = blk_hole_ahead(x->file, at, (u64)INT64_MAX - at, &known);
		*g = (struct gap){ .from = at, .to = n ? at + n : MAX(known, at + 512), .hole = n };
	}
	return g->hole ? g->to - at : 0;
}

/* Tables from @t on that are missing because their directory entries are in a hole. */
static u64 missing_tables(struct vmdk_ext *x, u64 t, struct gap *g)
{
	u32 width = x->kind == VX_SESPARSE ? 8 : 4;

	return x->stream ? 0 : MIN(gap_at(x, g, x->gd_off + t * width) / width, x->gts - t);
}

/* Of @n entries of a table, how many from the first on are zero. */
static u64 zero_entries(struct vmdk_ext *x, u64 at, u64 n)
{
	u64 i = 0;
	void *p;

	n = MIN(n, (512 - at % 512) / 4);
	if (blk_mcache_get(x->tables, ALIGN_DOWN(at, 512), true, &p))
		return 0;
	while (i < n && !get_le32((u8 *)p + at % 512 + i * 4))
		i++;
	blk_mcache_put(x->tables, p);
	return i;
}

/* As many grains from @i on as are holes, known at one look; 0: it must be asked for. @g: NULL or the tables' file. */
static u64 holes_ahead(struct vmdk_ext *x, u64 i, struct gap *g)
{
	u64 t = i / x->gtes, rest = x->gtes - i % x->gtes, at;
	u32 width = x->kind == VX_SESPARSE ? 8 : 4;

	if (t >= x->gts)
		return ~0ULL;
	if (x->stream || table_at(x, t, &at))
		return 0;
	if (!at)
		return rest;
	at += i % x->gtes * width;
	if (g && gap_at(x, g, at) >= rest * width)
		return rest;
	return width == 8 ? 0 : zero_entries(x, at, rest);
}

/* Where the holes end that go on at grain @i: not before grain @end, or as far as some looks tell. */
static u64 skip_holes(struct vmdk_ext *x, u64 i, u64 end)
{
	struct gap dir = { 0 }, tables = { 0 };
	bool clean = !blk_mcache_is_dirty(x->tables);
	u64 n;

	for (int looks = 0; i < end && looks < MAX_LOOKS; looks++) {
		/* Short runs are not worth system calls. */
		n = holes_ahead(x, i, clean && looks > 8 ? &tables : NULL);
		if (!n)
			return i;
		i += MIN(n, end - i);
	}
	if (clean && i < end && i % x->gtes == 0)
		i += MIN(missing_tables(x, i / x->gtes, &dir) * x->gtes, end - i);
	return i;
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
	u64 at = off - x->start, i = at / x->grain, first = i, host, h, end;
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
	end = DIV_ROUND_UP(at + MIN(len, x->size - at), x->grain);
	i++;
	if (kind == BLK_HOLE)
		i = skip_holes(x, i, end);
	for (; i < end && i - first < MAX_LOOKS; i++) {
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

struct vmdk_walk {
	struct vmdk_ext *x;
	struct blk_check *c;
	u64 file;		/* its length */
	u64 grains;		/* of the whole extent */
	u64 said;
};

/* Of @n grains from @i on. All count; nobody reads millions of lines. */
static void say(struct vmdk_walk *w, bool unread, u64 i, u64 n)
{
	char line[96];

	w->c->corruptions += n;
	for (; w->c->log && n && w->said < MAX_SAID; i++, n--, w->said++) {
		u64 sector = w->x->start / 512 + i * (w->x->grain / 512);

		snprintf(line, sizeof(line), unread ? "ERROR: could not get cluster_offset for sector %llu" :
			 "ERROR: cluster offset for sector %llu points after EOF", sector);
		w->c->log(w->c->opaque, line);
	}
}

static void check_entry(struct vmdk_walk *w, u64 i, u64 gte)
{
	enum blk_kind kind;
	u64 host;

	if (!gte)
		return;
	if (place(w->x, gte, &kind, &host))
		say(w, true, i, 1);
	else if (kind != BLK_HOLE && kind != BLK_ZERO && host >= w->file)
		say(w, false, i, 1);
}

/* Grains @i.. of the table at @at, a sector of it at a time: one look at the cache for all of its entries. */
static void check_table(struct vmdk_walk *w, u64 at, u64 i, u64 n)
{
	u32 width = w->x->kind == VX_SESPARSE ? 8 : 4;

	while (n) {
		u64 m = MIN(n, 512ULL / width);
		void *p;

		if (blk_mcache_get(w->x->tables, at, true, &p)) {
			say(w, true, i, m);
		} else {
			for (u64 k = 0; k < m; k++)
				check_entry(w, i + k, width == 8 ? get_le64((u8 *)p + k * 8) : get_le32((u8 *)p + k * 4));
			blk_mcache_put(w->x->tables, p);
		}
		at += 512;
		i += m;
		n -= m;
	}
}

static void check_stream_table(struct vmdk_walk *w, u64 i, u64 n)
{
	u64 gte;

	if (!vmdk_stream_has_table(w->x, i / w->x->gtes))
		return;
	for (u64 k = i; k < i + n; k++) {
		if (grain_entry(w->x, k, &gte))
			say(w, true, k, 1);
		else
			check_entry(w, k, gte);
	}
}

/* Tables behind the end of the file hold zeros. */
static void check_extent(struct vmdk_walk *w)
{
	struct vmdk_ext *x = w->x;
	struct gap dir = { 0 }, tables = { 0 };
	u64 at;

	for (u64 t = 0; t < x->gts && t * x->gtes < w->grains; t++) {
		u64 i = t * x->gtes, n = MIN((u64)x->gtes, w->grains - i), gap = missing_tables(x, t, &dir);

		if (gap)
			t += gap - 1;
		else if (x->stream)
			check_stream_table(w, i, n);
		else if (table_at(x, t, &at))
			say(w, true, i, n);
		else if (at && gap_at(x, &tables, at) < n * (x->kind == VX_SESPARSE ? 8 : 4))
			check_table(w, at, i, n);
	}
}

static int vmdk_check(struct blk_node *n, struct blk_check *c, struct err *e)
{
	struct vmdk *v = n->priv;
	u64 found = c->corruptions, said = 0;
	char line[64];
	int ret = c->fix ? err_set(e, ENOTSUP, "This image format does not support repair") : vmdk_flush(n);

	for (u32 k = 0; !ret && k < v->n_ext; k++) {
		struct vmdk_ext *x = &v->ext[k];
		struct vmdk_walk w = { .x = x, .c = c, .said = said };

		if (!x->grain)
			continue;
		w.file = blk_length(x->file);
		w.grains = DIV_ROUND_UP(x->size, x->grain);
		check_extent(&w);
		said = w.said;
	}
	found = c->corruptions - found - said;
	if (c->log && found) {
		snprintf(line, sizeof(line), "... and %llu more", found);
		c->log(c->opaque, line);
	}
	return ret;
}

static const struct blk_driver vmdk_driver = {
	.name = "vmdk", .flags = BLK_DRV_GROWS | BLK_DRV_BACKING, .priv_size = sizeof(struct vmdk),
	.create_opts = vmdk_opts, .probe = vmdk_probe, .open = vmdk_open, .opened = vmdk_opened,
	.will_write = vmdk_will_write, .close = vmdk_close, .create = vmdk_create, .map = vmdk_map,
	.alloc = vmdk_alloc, .commit = vmdk_commit, .abort = vmdk_abort, .compressed = vmdk_compressed,
	.compress = vmdk_compress, .zero = vmdk_zero, .flush = vmdk_flush, .info = vmdk_info, .check = vmdk_check,
};
BLOCK_FORMAT(vmdk_driver);
