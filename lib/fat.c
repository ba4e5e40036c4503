// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FAT32 writer: the tree of files, the layout, and the stream of the volume.
 *
 * A volume is: 32 reserved sectors (boot sector, FSInfo, and their copies at
 * 6 and 7), two FATs, then clusters from number 2 on. The root directory has
 * cluster 2; each node's clusters follow in the order of a walk in depth, so
 * that the table and the data can both be written in one pass.
 * Directory entries and names are in fat_dir.c.
 */
#include "fat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bytes.h"
#include "fat_dir.h"

#define FAT_RESERVED	32		/* sectors before the first FAT */
#define FAT_CLUSTERS_MIN 65525		/* with fewer it would be FAT16 */
#define FAT_CLUSTERS_MAX 0x0ffffff5
#define FAT_EOC		0x0fffffff
#define FAT_SMALL_MAX	(260 * MiB)	/* up to here clusters are one sector */

struct fat {
	struct fat_node root;
};

struct fat_layout {
	u32 sectors, sectors_per_cluster, fat_sectors, clusters;
	u32 used;	/* clusters in use */
	struct fat_stamp stamp;
	const struct fat_opts *opts;
};

struct fat *fat_new(void)
{
	return calloc(1, sizeof(struct fat));
}

static void node_free(struct fat_node *node)
{
	while (node) {
		struct fat_node *next = node->next;

		node_free(node->child);
		fat_node_clear(node);
		free(node);
		node = next;
	}
}

void fat_free(struct fat *fat)
{
	if (fat) {
		node_free(fat->root.child);
		fat_node_clear(&fat->root);
	}
	free(fat);
}

/* Adds a node named [name, name + len) to dir, behind its other children. */
static int node_add(struct fat_node *dir, const char *name, size_t len,
		    struct fat_node **out, struct err *err)
{
	struct fat_node *node = calloc(1, sizeof(*node));
	int rc;

	if (!node)
		return err_set(err, ENOMEM, "out of memory");
	rc = fat_node_add(dir, node, name, len, err);
	if (rc)
		free(node);
	else
		*out = node;
	return rc;
}

/* Walks to the directory that holds path's last part, making what is missing. */
static int walk_parents(struct fat *fat, const char **path, struct fat_node **dir,
			struct err *err)
{
	struct fat_node *node = &fat->root;
	const char *p = *path;

	for (;;) {
		struct fat_node *child;
		size_t n;
		int rc = 0;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (!p[n] || !p[n + strspn(p + n, "/")])
			break;
		child = fat_name_find(node, p, n);
		if (!child)
			rc = node_add(node, p, n, &child, err);
		if (rc)
			return rc;
		if (child->is_file)
			return err_set(err, ENOTDIR, "%s: a file is in the way", *path);
		node = child;
		p += n;
	}
	*path = p;
	*dir = node;
	return 0;
}

static int add_last(struct fat *fat, const char *path, struct fat_node **out,
		    bool *existed, struct err *err)
{
	const char *last = path;
	struct fat_node *dir = NULL;
	int rc = walk_parents(fat, &last, &dir, err);

	if (rc)
		return rc;
	*out = fat_name_find(dir, last, strcspn(last, "/"));
	*existed = *out;
	return *out ? 0 : node_add(dir, last, strcspn(last, "/"), out, err);
}

int fat_add_file(struct fat *fat, const char *path, const void *data, u64 len,
		 struct err *err)
{
	struct fat_node *node;
	bool existed;
	int rc;

	if (len > UINT32_MAX)
		return err_set(err, EFBIG, "%s: a file of 4 GiB or more on FAT32", path);
	rc = add_last(fat, path, &node, &existed, err);
	if (rc)
		return rc;
	if (existed)
		return err_set(err, EEXIST, "%s: there twice", path);
	node->is_file = true;
	node->data = data;
	node->len = len;
	return 0;
}

int fat_add_dir(struct fat *fat, const char *path, struct err *err)
{
	struct fat_node *node;
	bool existed;
	int rc = add_last(fat, path, &node, &existed, err);

	if (rc)
		return rc;
	if (node->is_file)
		return err_set(err, EEXIST, "%s: a file is in the way", path);
	return 0;
}

/* Gives each node its clusters. Returns the number of clusters in use. */
static u64 assign_clusters(struct fat *fat, u32 cluster_size, bool label)
{
	u64 next = 2;

	for (struct fat_node *n = &fat->root; n; n = fat_node_next(n)) {
		u64 bytes = n->is_file ? n->len : fat_dir_size(n, label);

		n->clusters = DIV_ROUND_UP(bytes, cluster_size);
		n->first = n->clusters ? next : 0;
		next += n->clusters;
	}
	return next - 2;
}

static u32 fat_sectors_for(u64 clusters)
{
	return DIV_ROUND_UP((clusters + 2) * 4, 512);
}

/*
 * How many clusters fit, and how long their FAT is: the least f for which f
 * sectors of 128 entries cover the two reserved entries and the clusters that
 * two such tables leave room for.
 */
static void fit_clusters(struct fat_layout *l)
{
	u64 spc = l->sectors_per_cluster, room;

	l->fat_sectors = DIV_ROUND_UP(l->sectors - FAT_RESERVED + 2 * spc, 128 * spc + 2);
	room = FAT_RESERVED + 2ULL * l->fat_sectors;
	l->clusters = l->sectors > room ? (l->sectors - room) / spc : 0;
}

/* A directory has 65536 entries at most. */
static int check_dirs(struct fat *fat, bool label, struct err *err)
{
	for (struct fat_node *n = &fat->root; n; n = fat_node_next(n))
		if (!n->is_file && fat_dir_size(n, label) > FAT_DIR_MAX)
			return err_set(err, ENOSPC, "too many files in one directory of FAT32");
	return 0;
}

static int layout(struct fat *fat, const struct fat_opts *opts, struct fat_layout *l,
		  struct err *err)
{
	u64 used, sectors = opts->size / 512;

	*l = (struct fat_layout){ .sectors_per_cluster = 1, .opts = opts };
	used = assign_clusters(fat, 512, opts->label);
	if (MAX(opts->size, used * 512) > FAT_SMALL_MAX) {
		l->sectors_per_cluster = 8;
		used = assign_clusters(fat, 4096, opts->label);
	}
	if (!sectors) {
		u64 clusters = MAX(used, (u64)FAT_CLUSTERS_MIN);

		sectors = FAT_RESERVED + 2ULL * fat_sectors_for(clusters) +
			  clusters * l->sectors_per_cluster;
	}
	if (opts->boot_len > FAT_BOOT_MAX)
		return err_set(err, EINVAL, "%u bytes of boot code: too many for FAT32", opts->boot_len);
	if (sectors > UINT32_MAX || sectors < FAT_CLUSTERS_MIN || opts->size % 512)
		return err_set(err, EINVAL, "%llu bytes: not a size for FAT32", opts->size);
	l->sectors = sectors;
	fit_clusters(l);
	if (l->clusters < FAT_CLUSTERS_MIN || l->clusters > FAT_CLUSTERS_MAX)
		return err_set(err, EINVAL, "%llu bytes: not a size for FAT32", sectors * 512);
	if (used > l->clusters)
		return err_set(err, ENOSPC, "files need %llu bytes, the FAT32 volume has %llu",
			       used * 512 * l->sectors_per_cluster,
			       (u64)l->clusters * 512 * l->sectors_per_cluster);
	l->used = used;
	fat_stamp_set(&l->stamp, opts->mtime);
	return check_dirs(fat, opts->label, err);
}

int fat_measure(struct fat *fat, const struct fat_opts *opts, u64 *size, struct err *err)
{
	struct fat_layout l;
	int rc = layout(fat, opts, &l, err);

	if (!rc)
		*size = (u64)l.sectors * 512;
	return rc;
}

int fat_locate(struct fat *fat, const struct fat_opts *opts, const char *path, u64 *offset, struct err *err)
{
	struct fat_node *dir = NULL, *node;
	struct fat_layout l;
	int rc = walk_parents(fat, &path, &dir, err);

	if (!rc)
		rc = layout(fat, opts, &l, err);
	if (rc)
		return rc;
	node = fat_name_find(dir, path, strlen(path));
	if (!node || !node->first)
		return err_set(err, ENOENT, "%s: not in the file system", path);
	*offset = 512 * (FAT_RESERVED + 2ULL * l.fat_sectors + (u64)(node->first - 2) * l.sectors_per_cluster);
	return 0;
}

/* The boot sector: BIOS parameter block, and code that asks the BIOS for the next device. */
static void boot_sector(const struct fat_layout *l, u8 *s)
{
	static const u8 jump[] = { 0xeb, 0x58, 0x90, 'V', 'M', 'B', 'O', 'X', ' ', ' ', ' ' };
	static const u8 code[] = { 0xcd, 0x18, 0xf4, 0xeb, 0xfd };	/* int 0x18; hlt; jmp */

	memset(s, 0, 512);
	memcpy(s, jump, sizeof(jump));
	put_le16(s + 11, 512);
	s[13] = l->sectors_per_cluster;
	put_le16(s + 14, FAT_RESERVED);
	s[16] = 2;				/* FATs */
	s[21] = 0xf8;				/* medium: fixed disk */
	put_le16(s + 24, 32);			/* sectors a track, heads: for CHS only */
	put_le16(s + 26, 64);
	put_le32(s + 28, l->opts->hidden_sectors);
	put_le32(s + 32, l->sectors);
	put_le32(s + 36, l->fat_sectors);
	put_le32(s + 44, 2);			/* root directory */
	put_le16(s + 48, 1);			/* FSInfo */
	put_le16(s + 50, 6);			/* copy of the boot sector */
	s[64] = 0x80;
	s[66] = 0x29;				/* the three fields that follow are there */
	put_le32(s + 67, l->opts->volume_id);
	fat_label_set(s + 71, l->opts->label);
	memcpy(s + 82, "FAT32   ", 8);
	memcpy(s + 90, code, sizeof(code));
	put_le16(s + 510, 0xaa55);
}

static void fsinfo_sector(const struct fat_layout *l, u8 *s)
{
	memset(s, 0, 512);
	put_le32(s, 0x41615252);
	put_le32(s + 484, 0x61417272);
	put_le32(s + 488, l->clusters - l->used);
	put_le32(s + 492, l->used < l->clusters ? l->used + 2 : 0xffffffff);
	put_le16(s + 510, 0xaa55);
}

static int write_reserved(const struct fat_layout *l, struct sink *out, u64 base,
			  struct err *err)
{
	u8 boot[512], info[512];
	int rc = 0;

	boot_sector(l, boot);
	fsinfo_sector(l, info);
	for (int copy = 0; copy < 2 && !rc; copy++) {
		rc = sink_zero_until(out, base + copy * 6 * 512, err);
		if (!rc)
			rc = sink_write(out, boot, 512, err);
		if (!rc)
			rc = sink_write(out, info, 512, err);
	}
	if (!rc && l->opts->boot_len)
		rc = sink_zero_until(out, base + FAT_BOOT_CODE * 512, err);
	if (!rc && l->opts->boot_len)
		rc = sink_write(out, l->opts->boot_code, l->opts->boot_len, err);
	return rc ? rc : sink_zero_until(out, base + FAT_RESERVED * 512, err);
}

/* A buffer of table entries on its way to the sink. */
struct fat_run {
	struct sink *out;
	u32 n;
	u8 buf[4096];
};

static int run_put(struct fat_run *r, u32 value, struct err *err)
{
	put_le32(r->buf + 4 * r->n++, value);
	if (r->n < sizeof(r->buf) / 4)
		return 0;
	r->n = 0;
	return sink_write(r->out, r->buf, sizeof(r->buf), err);
}

static int write_fat(struct fat *fat, const struct fat_layout *l, struct sink *out,
		     struct err *err)
{
	struct fat_run r = { .out = out };
	u64 end = out->pos + 512ULL * l->fat_sectors;
	int rc = run_put(&r, 0x0ffffff8, err);

	if (!rc)
		rc = run_put(&r, FAT_EOC, err);
	for (struct fat_node *n = &fat->root; n; n = fat_node_next(n))
		for (u32 i = 1; i <= n->clusters && !rc; i++)
			rc = run_put(&r, i < n->clusters ? n->first + i : FAT_EOC, err);
	if (!rc)
		rc = sink_write(out, r.buf, 4 * r.n, err);
	return rc ? rc : sink_zero_until(out, end, err);
}

static int write_data(struct fat *fat, const struct fat_layout *l, struct sink *out,
		      struct err *err)
{
	u32 cluster_size = 512 * l->sectors_per_cluster;
	int rc = 0;

	for (struct fat_node *n = &fat->root; n && !rc; n = fat_node_next(n)) {
		u64 end = out->pos + (u64)n->clusters * cluster_size;

		if (n->is_file)
			rc = sink_write(out, n->data, n->len, err);
		else
			rc = fat_dir_write(n, l->opts->label, &l->stamp, out, err);
		if (!rc)
			rc = sink_zero_until(out, end, err);
	}
	return rc;
}

int fat_write(struct fat *fat, const struct fat_opts *opts, struct sink *out,
	      struct err *err)
{
	struct fat_layout l;
	u64 base = out->pos;
	int rc = layout(fat, opts, &l, err);

	if (rc)
		return rc;
	rc = write_reserved(&l, out, base, err);
	for (int copy = 0; copy < 2 && !rc; copy++)
		rc = write_fat(fat, &l, out, err);
	if (!rc)
		rc = write_data(fat, &l, out, err);
	return rc ? rc : sink_zero_until(out, base + 512ULL * l.sectors, err);
}
