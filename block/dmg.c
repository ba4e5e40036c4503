/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDIF, Apple's disk images (.dmg): a trailer ("koly") names a property list
 * or a resource fork, these hold tables ("mish") of chunks: zeros, plain,
 * packed by zlib or bzip2. Read. The tables are not sorted by anything that
 * could be searched on the disk, so they are kept in memory, within the
 * budget of the node.
 */
#include <stdlib.h>
#include <string.h>
#include "block/int.h"
#include "log.h"

enum {
	UDZE = 0, UDRW = 1, UDIG = 2,
	UDZO = (int)0x80000005, UDBZ = (int)0x80000006, ULFO = (int)0x80000007,
	ADC = (int)0x80000004, LZMA = (int)0x80000008, UDCM = 0x7ffffffe, UDLE = -1,
};
#define KOLY_MAGIC	0x6b6f6c79U
#define MISH_MAGIC	0x6d697368U
#define MISH_HEADER	204U
#define MISH_CHUNK	40U
#define MAX_LIST	(16U << 20)	/* of the property list; real ones have about 1 MiB */
#define MAX_CHUNK	(64U << 20)	/* packed and unpacked */

struct dmg_chunk {
	u64 sector, sectors, host, len;
	int type;
};

struct dmg {
	struct dmg_chunk *chunk;
	size_t n, cap;
	u64 data_fork;
};

static struct dmg_chunk *find(const struct dmg *d, u64 sector)
{
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (d->chunk[mid].sector + d->chunk[mid].sectors <= sector)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < d->n && d->chunk[lo].sector <= sector ? &d->chunk[lo] : NULL;
}

static int map_chunk(struct blk_node *n, const struct dmg_chunk *c, u64 off, struct blk_extent *x)
{
	u64 plain = MIN(c->len, x->len);

	switch (c->type) {
	case UDRW:
		x->kind = off - x->off < plain ? BLK_DATA : BLK_ZERO;
		if (x->kind == BLK_DATA) {
			x->len = plain;
		} else {
			x->off += plain;
			x->len -= plain;
		}
		x->host = c->host;
		return 0;
	case UDZE:
	case UDIG:
		x->kind = BLK_ZERO;
		return 0;
	case UDZO:
	case UDBZ:
	case ULFO:
		x->kind = BLK_COMPRESSED;
		x->codec = c->type == UDZO ? BLK_CODEC_ZLIB : c->type == UDBZ ? BLK_CODEC_BZIP2 : BLK_CODEC_LZFSE;
		x->host = c->host;
		x->clen = (u32)c->len;
		x->unit_off = x->off;
		x->unit_len = (u32)x->len;
		return c->len ? 0 : -EIO;
	}
	return -EIO;
}

static int dmg_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	const struct dmg_chunk *c = find(n->priv, off / 512);

	if (!c)
		return -EIO;
	*x = (struct blk_extent){ .off = c->sector * 512, .len = c->sectors * 512, .node = n->file };
	return map_chunk(n, c, off, x);
}

/* ---- the tables ---- */

static int add_chunk(struct blk_node *n, struct dmg *d, const struct dmg_chunk *c)
{
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 64;
		struct dmg_chunk *v = cap * sizeof(*v) <= blk_max_meta(n) ? realloc(d->chunk, cap * sizeof(*v)) : NULL;

		if (!v)
			return -ENOMEM;
		d->chunk = v;
		d->cap = cap;
	}
	d->chunk[d->n++] = *c;
	return 0;
}

/* A table: where it begins, then chunks. What is not one is passed over. */
static int read_mish(struct blk_node *n, struct dmg *d, const u8 *p, u64 len, struct err *e)
{
	u64 first, base;

	if (len < MISH_HEADER + MISH_CHUNK || get_be32(p) != MISH_MAGIC)
		return 0;
	first = get_be64(p + 8);
	base = d->data_fork + get_be64(p + 24);
	for (p += MISH_HEADER, len -= MISH_HEADER; len >= MISH_CHUNK; p += MISH_CHUNK, len -= MISH_CHUNK) {
		struct dmg_chunk c = { .sector = first + get_be64(p + 8), .sectors = get_be64(p + 16),
				       .host = base + get_be64(p + 24), .len = get_be64(p + 32),
				       .type = (int)get_be32(p) };
		bool zeros = c.type == UDZE || c.type == UDIG;

		if (c.type == UDCM || c.type == UDLE || !c.sectors)
			continue;
		if (c.sector > (u64)INT64_MAX / 512 || c.sectors > (u64)INT64_MAX / 512 - c.sector ||
		    c.host > (u64)INT64_MAX / 2)
			return err_set(e, EINVAL, "A chunk of the dmg image is out of bounds");
		if (!zeros && (c.sectors > MAX_CHUNK / 512 || c.len > MAX_CHUNK))
			return err_set(e, EINVAL, "A chunk of %llu sectors, %llu bytes of the dmg image is too large",
				       c.sectors, c.len);
		if (add_chunk(n, d, &c))
			return err_set(e, ENOMEM, "The dmg image has too many chunks");
	}
	return 0;
}

static int read_list(struct blk_node *n, struct dmg *d, u64 off, u64 len, struct err *e)
{
	char *text, *p, *end;
	size_t size;
	int ret;

	if (!len || len > MAX_LIST)
		return err_set(e, EINVAL, "The property list of the dmg image has an invalid size");
	text = calloc(1, len + 1);
	if (!text)
		return -ENOMEM;
	ret = blk_node_pread(n->file, off, text, len);
	for (p = text; !ret && (p = strstr(p, "<data>")); p = end + 7) {
		p += 6;
		end = strstr(p, "</data>");
		size = end ? (size_t)(end - p) : 0;
		if (!end || blk_base64_decode((u8 *)p, &size))
			ret = err_set(e, EINVAL, "The property list of the dmg image is damaged");
		else
			ret = read_mish(n, d, (u8 *)p, size, e);
		if (ret)
			break;
	}
	free(text);
	return ret;
}

static int read_resource(struct blk_node *n, struct dmg *d, u64 at, u32 len, struct err *e)
{
	u8 *p;
	int ret;

	if (len > MAX_LIST)
		return err_set(e, EINVAL, "A resource of the dmg image is too large");
	p = malloc(len);
	ret = p ? blk_node_pread(n->file, at, p, len) : -ENOMEM;
	ret = ret ?: read_mish(n, d, p, len, e);
	free(p);
	return ret;
}

static int read_fork(struct blk_node *n, struct dmg *d, u64 off, u64 len, struct err *e)
{
	u8 h[12], c[4];
	u64 at, end, total = 0;
	int ret = blk_node_pread(n->file, off, h, sizeof(h));

	if (ret)
		return ret;
	at = get_be32(h);
	end = at + get_be32(h + 8);
	if (at >= end || end > len)
		return err_set(e, EINVAL, "The resource fork of the dmg image is invalid");
	while (at + 4 < end) {
		u32 size;

		ret = blk_node_pread(n->file, off + at, c, sizeof(c));
		if (ret)
			return ret;
		size = get_be32(c);
		at += 4;
		total += size;
		if (!size || size > end - at || total > blk_max_meta(n))
			return err_set(e, EINVAL, "The resource fork of the dmg image is invalid");
		ret = read_resource(n, d, off + at, size, e);
		if (ret)
			return ret;
		at += size;
	}
	return 0;
}

/* ---- opening ---- */

static int by_sector(const void *a, const void *b)
{
	const struct dmg_chunk *x = a, *y = b;

	return (x->sector > y->sector) - (x->sector < y->sector);
}

/* The trailer begins in the last 1023 bytes; images need not end at a sector. */
static int find_koly(struct blk_node *n, u8 *koly, u64 *at, struct err *e)
{
	u64 len = blk_length(n->file), start = len > 1023 ? len - 1023 : 0;
	u8 buf[1024 + 512] = { 0 };
	int ret;

	if (len < 512)
		return err_set(e, EINVAL, "dmg file must be at least 512 bytes long");
	ret = blk_node_pread(n->file, start, buf, len - start);
	if (ret)
		return err_errno(e, -ret, "Failed while reading UDIF trailer");
	for (u64 i = 0; i < 515 && i + 4 <= len - start; i++)
		if (get_be32(buf + i) == KOLY_MAGIC) {
			memcpy(koly, buf + i, 512);
			*at = start + i;
			return 0;
		}
	return err_set(e, EINVAL, "Could not locate UDIF trailer in dmg file");
}

static bool part_ok(u64 off, u64 len, u64 end)
{
	return off <= end && len <= end - off;
}

/* How the chunk is packed, if that is nothing we know; else NULL. */
static const char *unknown_packing(const struct dmg_chunk *c)
{
	switch (c->type) {
	case UDBZ:
		return blk_codec_present(BLK_CODEC_BZIP2) ? NULL : "bzip2";
	case ULFO:
		return blk_codec_present(BLK_CODEC_LZFSE) ? NULL : "LZFSE";
	case LZMA:
		return "LZMA";
	case ADC:
		return "ADC";
	}
	return NULL;
}

/* The rest of the disk can be read; who reads these parts gets an I/O error, and should know why. */
static void warn_of_packing(const struct blk_node *n, const struct dmg *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const char *name = unknown_packing(&d->chunk[i]);

		if (name) {
			log_warn("%s: parts of this disk are packed with %s, which cannot be read", n->filename, name);
			return;
		}
	}
}

static int dmg_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct dmg *d = n->priv;
	u8 koly[512] = { 0 };
	u64 at = 0, fork, fork_len, list, list_len, sectors;
	int ret = find_koly(n, koly, &at, e);

	if (ret)
		return ret;
	d->data_fork = get_be64(koly + 0x18);
	fork = get_be64(koly + 0x28);
	fork_len = get_be64(koly + 0x30);
	list = get_be64(koly + 0xd8);
	list_len = get_be64(koly + 0xe0);
	sectors = get_be64(koly + 0x1ec);
	if (d->data_fork > at || !part_ok(fork, fork_len, at) || !part_ok(list, list_len, at) ||
	    sectors > (u64)INT64_MAX / 512 || (!fork_len && !list_len))
		return err_set(e, EINVAL, "The UDIF trailer of the dmg file is invalid");
	ret = fork_len ? read_fork(n, d, fork, fork_len, e) : read_list(n, d, list, list_len, e);
	if (ret) {
		free(d->chunk);
		return err_errno(e, -ret, "Could not read the tables of the dmg image");
	}
	if (d->n)	/* a disk of zeros has no chunk */
		qsort(d->chunk, d->n, sizeof(*d->chunk), by_sector);
	/* Searching needs order. */
	for (size_t i = 1; i < d->n; i++)
		if (d->chunk[i].sector < d->chunk[i - 1].sector + d->chunk[i - 1].sectors) {
			free(d->chunk);
			return err_set(e, EINVAL, "The chunks of the dmg image overlap");
		}
	n->size = sectors * 512;
	warn_of_packing(n, d);
	return 0;
}

static void dmg_close(struct blk_node *n)
{
	free(((struct dmg *)n->priv)->chunk);
}

/* There is nothing at the start of the file to know it by. */
static int dmg_probe(const u8 *buf, size_t len, const char *filename)
{
	size_t k = filename ? strlen(filename) : 0;

	return k > 4 && !strcmp(filename + k - 4, ".dmg") ? 2 : 0;
}

static const struct blk_driver dmg_driver = {
	.name = "dmg", .flags = BLK_DRV_READ_ONLY, .priv_size = sizeof(struct dmg), .probe = dmg_probe,
	.open = dmg_open, .close = dmg_close, .map = dmg_map,
};
BLOCK_FORMAT(dmg_driver);
