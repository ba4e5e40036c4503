// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The protocol "vvfat": a folder of the host as a disk with a FAT file system
 * (fat:DIR, and QEMU's options), read only. The folder is walked once; boot
 * sectors, tables and directories are made as they are read, contents come
 * from the files. Geometry as QEMU has it, unless the files need more room.
 * FAT as in Microsoft's "FAT: General Overview of On-Disk Format" 1.03.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "block/vvfat.h"
#include "str.h"

#define SECT		512U
#define TRACK		63U
#define HEADS		16U
#define CYLINDER	(TRACK * HEADS)
#define FAT_UNIT	1536U		/* bytes of table made at a time: whole entries of 12, 16 and 32 bits */
#define VOLUME_ID	0xfabe1afdU
#define DISK_ID		0xbe1afdfaU

/* The volume's parts follow each other: reserved sectors, two tables, root (FAT12 and 16), clusters. */
struct geometry {
	u32 bits;		/* 12, 16, 32 */
	u32 start;		/* first sector of the volume on the disk */
	u32 sectors;		/* of the volume */
	u32 spc;		/* sectors of a cluster */
	u32 reserved, fat_sectors, root_sectors, clusters;
	u32 used;		/* clusters */
};

struct vvfat {
	int fd;
	bool floppy;
	char *dir;
	char label[12];
	struct vvfat_node *root;
	struct geometry g;
	struct vvfat_node **placed;	/* those with clusters, in their order */
	u32 n_placed;
	pthread_mutex_t lock;		/* of what follows: the directory that was read last */
	const struct vvfat_node *shown;
	struct sink_buf entries;
};

/* ---- where things are ---- */

static u32 least_clusters(u32 bits)
{
	return bits == 12 ? 1 : bits == 16 ? 4085 : 65525;
}

static u32 most_clusters(u32 bits)
{
	return bits == 12 ? 4084 : bits == 16 ? 65524 : 0x0ffffff5;
}

/* Gives each file and directory its clusters; how many there are in all. */
static u64 place(struct vvfat *v, const struct geometry *g)
{
	u64 next = 2, size = g->spc * (u64)SECT;

	for (struct fat_node *n = &v->root->fat; n; n = fat_node_next(n)) {
		u64 k = DIV_ROUND_UP(n->is_file ? n->len : fat_dir_size(n, true), size);

		if (!n->parent && g->bits != 32)
			k = 0;
		if (next + k > 0x0ffffff5)
			return 0x0ffffff5;
		n->first = k ? (u32)next : 0;
		n->clusters = (u32)k;
		next += k;
	}
	return next - 2;
}

static u32 table_sectors(const struct geometry *g, u64 clusters)
{
	return (u32)DIV_ROUND_UP((clusters + 2) * g->bits, 8 * SECT);
}

/* As many clusters as fit into the volume's sectors. */
static void fit(struct geometry *g)
{
	u32 fixed = g->reserved + g->root_sectors, need = 1;

	do {
		g->fat_sectors = need;
		g->clusters = g->sectors > fixed + 2ULL * need ? (g->sectors - fixed - 2 * need) / g->spc : 0;
		g->clusters = MIN(g->clusters, most_clusters(g->bits));
		need = table_sectors(g, g->clusters);
	} while (need > g->fat_sectors);
}

/* Tries one size of clusters; the volume grows, unless it is a floppy's. */
static bool try_clusters(struct vvfat *v, struct geometry *g)
{
	u64 used = place(v, g), sectors;

	fit(g);
	g->used = (u32)used;
	if (used <= g->clusters)
		return g->clusters >= least_clusters(g->bits);
	if (v->floppy || used > most_clusters(g->bits))
		return false;
	sectors = g->reserved + g->root_sectors + 2ULL * table_sectors(g, used) + used * g->spc;
	sectors = DIV_ROUND_UP(sectors + g->start, (u64)CYLINDER) * CYLINDER - g->start;
	if (sectors > UINT32_MAX - g->start)
		return false;
	g->sectors = (u32)sectors;
	fit(g);
	return used <= g->clusters;
}

/* The volume's sectors, its first one, and the smallest clusters: QEMU's floppies and disks. */
static void start_with(const struct vvfat *v, u32 bits, struct geometry *g)
{
	u64 entries = fat_dir_size(&v->root->fat, true) / 32;

	*g = (struct geometry){ .bits = bits ? bits : v->floppy ? 12 : 16, .reserved = bits == 32 ? 32 : 1 };
	if (v->floppy) {
		g->sectors = bits == 12 ? 2880 : 5760;
		g->spc = bits ? 1 : 2;
	} else {
		g->start = TRACK;
		g->sectors = (bits == 12 ? 64 : 1024) * CYLINDER - g->start;
		g->spc = bits == 32 ? 8 : 16;
	}
	if (g->bits != 32)
		g->root_sectors = (u32)DIV_ROUND_UP(MAX(entries, v->floppy ? 224ULL : 512ULL), 16ULL);
}

static bool try_type(struct vvfat *v, u32 bits, u32 max_spc, struct geometry *g)
{
	start_with(v, bits, g);
	for (; g->spc <= max_spc; g->spc *= 2)
		if (try_clusters(v, g))
			return true;
	return false;
}

static int check_directories(struct vvfat *v, struct err *e)
{
	for (struct fat_node *n = &v->root->fat; n; n = fat_node_next(n))
		if (!n->is_file && fat_dir_size(n, true) >= FAT_DIR_MAX - 32 * 16)
			return err_set(e, EFBIG, "'%s' has too many files for one folder of FAT",
				       n->parent ? vvfat_of(n)->host : v->dir);
	return 0;
}

/* @bits 0: nobody asked for a type; a disk becomes FAT32 when it is too large for QEMU's FAT16. */
static int lay_out(struct vvfat *v, u32 bits, struct err *e)
{
	u64 k = 0;
	int ret = check_directories(v, e);

	if (ret)
		return ret;
	if (!try_type(v, bits, bits || v->floppy ? v->floppy ? bits ? 1 : 2 : 64 : 16, &v->g) &&
	    (bits || v->floppy || !try_type(v, 32, 64, &v->g)))
		return err_set(e, EFBIG, "Directory does not fit in FAT%u (capacity %.2f MB)", v->g.bits,
			       (double)most_clusters(v->g.bits) * (v->floppy ? 1 : 64) * SECT / 1000000);
	for (struct fat_node *n = &v->root->fat; n; n = fat_node_next(n))
		k += n->clusters > 0;
	v->placed = blk_table_alloc(MAX(k, 1ULL), sizeof(*v->placed), UINT32_MAX, &ret);
	if (!v->placed)
		return ret;
	for (struct fat_node *n = &v->root->fat; n; n = fat_node_next(n))
		if (n->clusters)
			v->placed[v->n_placed++] = vvfat_of(n);
	return 0;
}

/* Index in placed[] of the first node that ends behind @cluster. */
static u32 first_behind(const struct vvfat *v, u32 cluster)
{
	u32 lo = 0, hi = v->n_placed;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		const struct fat_node *n = &v->placed[mid]->fat;

		if (n->first + n->clusters > cluster)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* ---- sectors that are made ---- */

static void put_chs(u8 *p, u32 sector)
{
	u32 c = sector / CYLINDER, h = sector / TRACK % HEADS, s = sector % TRACK + 1;

	if (c > 1023) {
		c = 1023;
		h = 254;
		s = TRACK;
	}
	p[0] = (u8)h;
	p[1] = (u8)(s | (c >> 8) << 6);
	p[2] = (u8)c;
}

static void partition_table(const struct geometry *g, u8 *s)
{
	u8 *p = s + 0x1be;
	bool lba = g->start + g->sectors > 1024 * CYLINDER;

	put_le32(s + 0x1b8, DISK_ID);
	p[0] = 0x80;
	put_chs(p + 1, g->start);
	p[4] = g->bits == 12 ? 0x01 : g->bits == 16 ? lba ? 0x0e : 0x06 : lba ? 0x0c : 0x0b;
	put_chs(p + 5, g->start + g->sectors - 1);
	put_le32(p + 8, g->start);
	put_le32(p + 12, g->sectors);
	put_le16(s + 510, 0xaa55);
}

/* The end of the BIOS parameter block, at 36 or, FAT32, at 64. */
static void extended_block(const struct vvfat *v, u8 *p)
{
	p[0] = v->floppy ? 0 : 0x80;
	p[2] = 0x29;
	put_le32(p + 3, VOLUME_ID);
	fat_label_set(p + 7, v->label);
	memcpy(p + 18, v->g.bits == 12 ? "FAT12   " : v->g.bits == 16 ? "FAT16   " : "FAT32   ", 8);
}

static void boot_sector(const struct vvfat *v, u8 *s)
{
	static const u8 code[] = { 0xcd, 0x18, 0xf4, 0xeb, 0xfd };	/* int 0x18; hlt; jmp: the next device */
	const struct geometry *g = &v->g;
	bool big = g->bits == 32;

	s[0] = 0xeb;
	s[1] = big ? 0x58 : 0x3c;
	s[2] = 0x90;
	memcpy(s + 3, "MSWIN4.1", 8);
	put_le16(s + 11, SECT);
	s[13] = (u8)g->spc;
	put_le16(s + 14, (u16)g->reserved);
	s[16] = 2;
	put_le16(s + 17, (u16)(g->root_sectors * 16));
	if (g->sectors < 0x10000 && !big)
		put_le16(s + 19, (u16)g->sectors);
	else
		put_le32(s + 32, g->sectors);
	s[21] = v->floppy ? 0xf0 : 0xf8;
	put_le16(s + 22, big ? 0 : (u16)g->fat_sectors);
	put_le16(s + 24, v->floppy ? (u16)(g->sectors / 160) : (u16)TRACK);
	put_le16(s + 26, v->floppy ? 2 : HEADS);
	put_le32(s + 28, g->start);
	if (big) {
		put_le32(s + 36, g->fat_sectors);
		put_le32(s + 44, v->root->fat.first);
		put_le16(s + 48, 1);
		put_le16(s + 50, 6);
	}
	extended_block(v, s + (big ? 64 : 36));
	memcpy(s + (big ? 90 : 62), code, sizeof(code));
	put_le16(s + 510, 0xaa55);
}

static void fsinfo_sector(const struct geometry *g, u8 *s)
{
	put_le32(s, 0x41615252);
	put_le32(s + 484, 0x61417272);
	put_le32(s + 488, g->clusters - g->used);
	put_le32(s + 492, g->used < g->clusters ? g->used + 2 : 0xffffffff);
	put_le16(s + 510, 0xaa55);
}

/* A sector before the volume or of its reserved ones. */
static void make_sector(const struct vvfat *v, u32 sector, u8 *s)
{
	const struct geometry *g = &v->g;

	memset(s, 0, SECT);
	if (sector < g->start) {
		if (!sector)
			partition_table(g, s);
		return;
	}
	sector -= g->start;
	if (!sector || (g->bits == 32 && sector == 6))
		boot_sector(v, s);
	else if (g->bits == 32 && (sector == 1 || sector == 7))
		fsinfo_sector(g, s);
}

static void put_link(u8 *unit, u32 bits, u32 i, u32 value)
{
	u8 *p = unit + i * bits / 8;

	if (bits == 32) {
		put_le32(p, value & 0x0fffffff);
	} else if (bits == 16) {
		put_le16(p, (u16)value);
	} else if (i % 2) {
		p[0] = (u8)((p[0] & 0x0f) | (value & 0x0f) << 4);
		p[1] = (u8)(value >> 4);
	} else {
		p[0] = (u8)value;
		p[1] = (u8)((p[1] & 0xf0) | (value >> 8 & 0x0f));
	}
}

/* The @nr-th FAT_UNIT bytes of the table. */
static void make_links(const struct vvfat *v, u32 nr, u8 *unit)
{
	u32 bits = v->g.bits, n = FAT_UNIT * 8 / bits, c = nr * n, at = first_behind(v, c);

	memset(unit, 0, FAT_UNIT);
	for (u32 i = 0; i < n; i++, c++) {
		const struct fat_node *f = at < v->n_placed ? &v->placed[at]->fat : NULL;

		if (c < 2) {
			put_link(unit, bits, i, c ? ~0U : v->floppy ? 0xfffffff0 : 0xfffffff8);
		} else if (!f || c < f->first) {
			continue;
		} else if (c + 1 < f->first + f->clusters) {
			put_link(unit, bits, i, c + 1);
		} else {
			put_link(unit, bits, i, ~0U);
			at++;
		}
	}
}

static void part_of(const u8 *from, size_t size, u64 off, u8 *buf, size_t len)
{
	size_t m = off < size ? MIN(len, size - (size_t)off) : 0;

	if (m)
		memcpy(buf, from + off, m);
	memset(buf + m, 0, len - m);
}

static int show(struct vvfat *v, struct vvfat_node *d)
{
	struct fat_stamp epoch;
	int ret;

	if (v->shown == d)
		return 0;
	v->shown = NULL;
	free(v->entries.data);
	sink_buf_init(&v->entries);
	fat_stamp_set(&epoch, 0);
	ret = fat_dir_write(&d->fat, v->label, d->fat.stamp.date ? &d->fat.stamp : &epoch, &v->entries.sink, NULL);
	if (!ret)
		v->shown = d;
	return ret;
}

static int read_directory(struct vvfat *v, struct vvfat_node *d, u64 off, u8 *buf, size_t len)
{
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = show(v, d);
	if (!ret)
		part_of(v->entries.data, v->entries.len, off, buf, len);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* ---- reading ---- */

/* From byte @off of the clusters, to at most the end of one file; what it read is *len. */
static int read_clusters(struct vvfat *v, u64 off, u8 *buf, size_t *len)
{
	u64 size = v->g.spc * (u64)SECT, start, room;
	u32 at = first_behind(v, (u32)MIN(off / size + 2, (u64)UINT32_MAX));
	struct vvfat_node *f;

	if (at == v->n_placed) {
		memset(buf, 0, *len);
		return 0;
	}
	f = v->placed[at];
	start = (f->fat.first - 2) * size;
	room = f->fat.clusters * size - (off - start);
	off -= start;
	*len = (size_t)MIN((u64)*len, room);
	if (!f->fat.is_file)
		return read_directory(v, f, off, buf, *len);
	if (off >= f->fat.len) {
		memset(buf, 0, *len);
		return 0;
	}
	*len = (size_t)MIN((u64)*len, f->fat.len - off);
	return vvfat_read_file(v->fd, f, off, buf, *len);
}

/* Some bytes from @off, *len of them. */
static int read_piece(struct vvfat *v, u64 off, u8 *buf, size_t *len)
{
	const struct geometry *g = &v->g;
	u64 boot = (g->start + g->reserved) * (u64)SECT, table = g->fat_sectors * (u64)SECT;
	u64 root = boot + 2 * table, data = root + g->root_sectors * (u64)SECT;
	u8 unit[FAT_UNIT];

	if (off < boot) {
		*len = MIN(*len, (size_t)(SECT - off % SECT));
		make_sector(v, (u32)(off / SECT), unit);
		memcpy(buf, unit + off % SECT, *len);
		return 0;
	}
	if (off < root) {
		u64 at = (off - boot) % table;

		*len = (size_t)MIN((u64)*len, MIN(FAT_UNIT - at % FAT_UNIT, table - at));
		make_links(v, (u32)(at / FAT_UNIT), unit);
		memcpy(buf, unit + at % FAT_UNIT, *len);
		return 0;
	}
	if (off < data) {
		*len = (size_t)MIN((u64)*len, data - off);
		return read_directory(v, v->root, off - root, buf, *len);
	}
	return read_clusters(v, off - data, buf, len);
}

static int vvfat_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct iov_cur c = { iov, niov, 0 };

	while (len) {
		struct iov_cur at = c;
		struct iovec part;
		size_t m;
		u64 got;
		int ret;

		iov_cur_take(&at, len, &part, 1, &got);
		m = (size_t)got;
		ret = read_piece(n->priv, off, part.iov_base, &m);
		if (ret)
			return ret;
		iov_cur_take(&c, m, &part, 1, &got);
		off += m;
		len -= m;
	}
	return 0;
}

static int vvfat_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	const struct geometry *g = &((struct vvfat *)n->priv)->g;
	u64 end = (g->start + g->reserved + 2ULL * g->fat_sectors + g->root_sectors + (u64)g->used * g->spc) * SECT;

	*x = (struct blk_extent){ .kind = off < end ? BLK_DATA : BLK_ZERO, .off = off, .host = off, .node = n,
				  .len = off < end ? MIN(len, end - off) : len };
	return 0;
}

/* ---- opening ---- */

static int vvfat_parse(const char *filename, struct blk_opts *o, struct err *e)
{
	static const struct { const char *word, *key, *val; } t[] = {
		{ ":12:", "fat-type", "12" }, { ":16:", "fat-type", "16" }, { ":32:", "fat-type", "32" },
		{ ":floppy:", "floppy", "on" }, { ":rw:", "rw", "on" },
	};
	size_t before = blk_folder_prefix(filename);
	int ret = blk_opts_set(o, "dir", filename + before);

	for (size_t i = 0; !ret && i < ARRAY_SIZE(t); i++)
		if (memmem(filename, before, t[i].word, strlen(t[i].word)))
			ret = blk_opts_set(o, t[i].key, t[i].val);
	return ret ? err_set(e, ENOMEM, "Out of memory") : 0;
}

static int take_label(struct vvfat *v, struct blk_opts *o, struct err *e)
{
	char *label = blk_opts_take(o, "label");
	const char *s = label ? label : "QEMU VVFAT";
	size_t n = strlen(s);
	int ret = n > 11 ? err_set(e, EINVAL, "vvfat label cannot be longer than 11 bytes") : 0;

	for (size_t i = 0; !ret && i < n; i++) {
		if (s[i] < 0x20 || s[i] > 0x7e || strchr("\"*+,./:;<=>?[\\]|", s[i]))
			ret = err_set(e, EINVAL, "'%s' cannot be the label of a FAT file system", s);
		v->label[i] = s[i] >= 'a' && s[i] <= 'z' ? (char)(s[i] - 32) : s[i];
	}
	free(label);
	return ret;
}

static int take_options(struct blk_node *n, struct vvfat *v, struct blk_opts *o, u32 *bits, struct err *e)
{
	u64 type = 0;
	bool rw = false;
	int ret = v->dir ? 0 : err_set(e, EINVAL, "vvfat block driver requires a 'dir' option");

	ret = ret ?: blk_opts_take_u64(o, "fat-type", &type, e);
	ret = ret ?: blk_opts_take_bool(o, "floppy", &v->floppy, e);
	ret = ret ?: blk_opts_take_bool(o, "rw", &rw, e);
	ret = ret ?: take_label(v, o, e);
	if (!ret && rw)
		ret = err_set(e, ENOTSUP, "vvfat: writing to a folder of the host is not supported");
	if (!ret && type && type != 12 && type != 16 && type != 32)
		ret = err_set(e, EINVAL, "Valid FAT types are only 12, 16 and 32");
	if (!ret && type == 32 && v->floppy)
		ret = err_set(e, EINVAL, "A floppy is FAT12 or FAT16");
	*bits = (u32)type;
	return ret;
}

/* The name that says it all, but for the label. */
static int name_node(struct blk_node *n, const struct vvfat *v, u32 bits)
{
	struct strbuf b = STRBUF_INIT;
	int ret;

	strbuf_puts(&b, "fat:");
	if (bits)
		strbuf_printf(&b, "%u:", bits);
	strbuf_printf(&b, "%s%s", v->floppy ? "floppy:" : "", v->dir);
	ret = strbuf_failed(&b);
	if (!ret) {
		free(n->filename);
		n->filename = strdup(b.s);
		ret = n->filename ? 0 : -ENOMEM;
	}
	strbuf_free(&b);
	return ret;
}

static void vvfat_close(struct blk_node *n)
{
	struct vvfat *v = n->priv;

	vvfat_tree_free(v->root);
	if (v->fd >= 0)
		close(v->fd);
	pthread_mutex_destroy(&v->lock);
	free(v->entries.data);
	free(v->placed);
	free(v->dir);
}

static int vvfat_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct vvfat *v = n->priv;
	u32 bits = 0;
	int ret;

	*v = (struct vvfat){ .fd = -1, .dir = blk_opts_take(o, "dir") };
	pthread_mutex_init(&v->lock, NULL);
	sink_buf_init(&v->entries);
	ret = take_options(n, v, o, &bits, e);
	ret = ret ?: name_node(n, v, bits);
	ret = ret ?: vvfat_scan(v->dir, blk_max_meta(n), &v->fd, &v->root, e);
	ret = ret ?: lay_out(v, bits, e);
	if (ret) {
		vvfat_close(n);
		return ret;
	}
	n->size = ((u64)v->g.start + v->g.sectors) * SECT;
	return 0;
}

static const struct blk_driver vvfat = {
	.name = "vvfat", .prefix = "fat", .flags = BLK_DRV_PROTOCOL | BLK_DRV_READ_ONLY | BLK_DRV_NAMED,
	.priv_size = sizeof(struct vvfat), .parse_filename = vvfat_parse, .open = vvfat_open, .close = vvfat_close,
	.preadv = vvfat_preadv, .status = vvfat_status,
};
BLOCK_FORMAT(vvfat);
