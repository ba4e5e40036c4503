/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: headers, descriptors, and the extents that they name. */
#include <stdio.h>
#include <string.h>
#include "mem.h"
#include "vmdk.h"

#define MAX_EXTENTS	4096U
#define SESPARSE_MAGIC	0xcafebabeULL
#define SESPARSE_VOLATILE 0xcafecafeULL
#define SESPARSE_VERSION 0x0000000200000001ULL

/* ---- extents ---- */

static struct vmdk_ext *add_extent(struct vmdk *v, struct blk_node *file, enum vmdk_kind kind, u64 sectors)
{
	struct vmdk_ext *x = v->n_ext < MAX_EXTENTS ? realloc(v->ext, (v->n_ext + 1) * sizeof(*x)) : NULL;
	u64 start;

	if (!x)
		return NULL;
	v->ext = x;
	start = v->n_ext ? x[v->n_ext - 1].start + x[v->n_ext - 1].size : 0;
	x += v->n_ext++;
	*x = (struct vmdk_ext){ .kind = kind, .file = file, .start = start, .size = sectors * 512 };
	return x;
}

void vmdk_free(struct vmdk *v)
{
	for (u32 i = 0; i < v->n_ext; i++) {
		vmdk_stream_free(&v->ext[i]);
		blk_mcache_free(v->ext[i].tables);
	}
	free(v->ext);
	v->ext = NULL;
	v->n_ext = 0;
}

int vmdk_get32(struct vmdk_ext *x, u64 at, u32 *out)
{
	void *p;
	int ret = blk_mcache_get(x->tables, ALIGN_DOWN(at, 512), true, &p);

	if (ret)
		return ret;
	*out = get_le32((u8 *)p + at % 512);
	blk_mcache_put(x->tables, p);
	return 0;
}

int vmdk_set32(struct vmdk_ext *x, u64 at, u32 val)
{
	void *p;
	int ret = blk_mcache_get(x->tables, ALIGN_DOWN(at, 512), true, &p);

	if (ret)
		return ret;
	put_le32((u8 *)p + at % 512, val);
	blk_mcache_dirty(x->tables, p);
	blk_mcache_put(x->tables, p);
	return 0;
}

/* Grain and directory sizes, the same for all kinds of sparse extents. */
static int set_tables(struct vmdk_ext *x, u64 grain, u32 gtes, u64 gd_sector, struct err *e)
{
	u64 sectors = x->size / 512;

	if (!grain || grain & (grain - 1) || grain > 0x200000)
		return err_set(e, EFBIG, "Invalid granularity, image may be corrupt");
	if (gd_sector > (u64)INT64_MAX / 1024)
		return err_set(e, EINVAL, "Invalid grain directory offset");
	x->grain = (u32)grain * 512;
	x->gtes = gtes;
	x->gts = DIV_ROUND_UP(sectors, grain * gtes);
	if (x->gts > 32 * MiB)
		return err_set(e, EFBIG, "L1 size too big");
	x->gd_off = gd_sector * 512;
	x->end = ALIGN_UP(blk_length(x->file), x->grain);
	x->tables = blk_mcache_new(x->file, 512, 512);
	return x->tables ? 0 : -ENOMEM;
}

/* ---- hosted sparse extents: "KDMV" ---- */

static bool is_footer(const struct vmdk_marker m[3])
{
	struct vmdk_header h;

	memcpy(&h, &m[1], sizeof(h));
	return le32_to_cpu(h.magic) == VMDK_MAGIC && !m[0].size && le32_to_cpu(m[0].type) == MARK_FOOTER &&
	       !m[2].val && !m[2].size && !m[2].type;
}

/*
 * Grains were appended behind the tail that the last flush wrote, and then the power went: the
 * nearest footer before them is looked for. @len: bytes of the file, whole sectors.
 */
static int find_footer(struct blk_node *file, u64 len, struct vmdk_header *h)
{
	u64 low = len > FOOTER_SEARCH ? len - FOOTER_SEARCH : 0, at = len;
	struct vmdk_marker *m = blk_buf_alloc(FOOTER_PIECE + 1024);
	int ret = m ? -EINVAL : -ENOMEM;

	while (m && at > low + 1536 && ret == -EINVAL) {
		u64 from = at - low > FOOTER_PIECE ? at - FOOTER_PIECE : low, n = MIN(len - from, FOOTER_PIECE + 1024ULL);
		int r = blk_node_pread(file, from, m, n);

		if (r)
			ret = r;
		for (s64 i = (s64)(n / 512) - 3; !r && i >= 0 && ret == -EINVAL; i--) {
			if (is_footer(m + i)) {
				memcpy(h, &m[i + 1], sizeof(*h));
				ret = 0;
			}
		}
		at = from;
	}
	free(m);
	return ret;
}

static int read_footer(struct blk_node *file, struct vmdk_header *h, struct err *e)
{
	struct vmdk_marker m[3];
	u64 len = ALIGN_DOWN(blk_length(file), 512);
	int ret = len < 1536 ? -EINVAL : blk_node_pread(file, len - 1536, m, sizeof(m));

	if (ret)
		return err_errno(e, -ret, "Failed to read footer");
	if (is_footer(m)) {
		memcpy(h, &m[1], sizeof(*h));
		return 0;
	}
	ret = find_footer(file, len, h);
	return ret == -EINVAL ? err_set(e, EINVAL, "Invalid footer") :
	       ret ? err_errno(e, -ret, "Failed to read footer") : 0;
}

static int check_header(struct blk_node *n, struct blk_node *file, const struct vmdk_header *h, struct err *e)
{
	u32 version = le32_to_cpu(h->version);
	u16 algo = le16_to_cpu(h->compress);

	if (version > 3)
		return err_set(e, ENOTSUP, "Unsupported VMDK version %u", version);
	if (algo > 1)
		return err_set(e, ENOTSUP, "Unsupported VMDK compression %u", algo);
	/* Version 3 may have changed block tracking, which writing would make wrong. */
	if (version == 3 && n->flags & BLK_O_RDWR && !algo)
		return err_set(e, EINVAL, "VMDK version 3 must be read only");
	if (le32_to_cpu(h->gtes_per_gt) > 512)
		return err_set(e, EINVAL, "L2 table size too big");
	if (!h->gtes_per_gt || !h->grain)
		return err_set(e, EINVAL, "L1 entry size is invalid");
	if (blk_length(file) / 512 < le64_to_cpu(h->overhead))
		return err_set(e, EINVAL, "File truncated, expecting at least %llu bytes",
			       le64_to_cpu(h->overhead) * 512);
	if (le64_to_cpu(h->capacity) > (u64)INT64_MAX / 512)
		return err_set(e, EFBIG, "L1 size too big");
	return 0;
}

/* @h: the file's first sector. */
static int open_hosted(struct blk_node *n, struct vmdk *v, struct blk_node *file, struct vmdk_header *h,
		       struct err *e)
{
	bool at_end = le64_to_cpu(h->gd_off) == GD_AT_END;
	u64 overhead = le64_to_cpu(h->overhead), rgd;
	struct vmdk_ext *x;
	int ret = at_end ? read_footer(file, h, e) : 0;

	ret = ret ?: check_header(n, file, h, e);
	if (ret)
		return ret;
	x = add_extent(v, file, VX_SPARSE, le64_to_cpu(h->capacity));
	if (!x)
		return -ENOMEM;
	ret = set_tables(x, le64_to_cpu(h->grain), le32_to_cpu(h->gtes_per_gt), le64_to_cpu(h->gd_off), e);
	if (ret)
		return ret;
	x->version = le32_to_cpu(h->version);
	x->compressed = le16_to_cpu(h->compress) == 1;
	x->markers = le32_to_cpu(h->flags) & F_MARKERS;
	x->zero_grain = le32_to_cpu(h->flags) & F_ZERO_GRAIN;
	rgd = le32_to_cpu(h->flags) & F_RGD ? le64_to_cpu(h->rgd_off) : 0;
	if (rgd > (u64)INT64_MAX / 1024)
		return err_set(e, EINVAL, "Invalid grain directory offset");
	x->rgd_off = rgd * 512;
	if (x->compressed)
		snprintf(v->type, sizeof(v->type), "streamOptimized");
	/* Packed grains follow each other by sectors. */
	if (x->compressed)
		x->end = ALIGN_UP(blk_length(file), 512);
	return at_end && x->compressed ? vmdk_stream_open(x, MIN(overhead, MiB) * 512, e) : 0;
}

/* ---- ESX: "COWD" and SESPARSE, read only ---- */

static int open_cowd(struct vmdk *v, struct blk_node *file, struct err *e)
{
	struct vmdk_cowd h;
	struct vmdk_ext *x;
	int ret = blk_node_pread(file, 0, &h, sizeof(h));

	if (ret)
		return err_errno(e, -ret, "Could not read header from file '%s'", file->filename);
	x = add_extent(v, file, VX_SPARSE, le32_to_cpu(h.sectors));
	if (!x)
		return -ENOMEM;
	x->read_only = true;
	ret = set_tables(x, le32_to_cpu(h.grain), 4096, le32_to_cpu(h.gd_off), e);
	if (!ret)
		x->gts = MIN(x->gts, (u64)le32_to_cpu(h.gd_entries));
	return ret;
}

static int check_sesparse(struct blk_node *file, const struct vmdk_sesparse *h, struct err *e)
{
	u64 at = le64_to_cpu(h->volatile_off);
	u8 vol[32];
	int ret;

	if (le64_to_cpu(h->magic) != SESPARSE_MAGIC)
		return err_set(e, EINVAL, "Bad const header magic: 0x%016llx", le64_to_cpu(h->magic));
	if (le64_to_cpu(h->version) != SESPARSE_VERSION)
		return err_set(e, ENOTSUP, "Unsupported version: 0x%016llx", le64_to_cpu(h->version));
	if (le64_to_cpu(h->grain) != 8)
		return err_set(e, ENOTSUP, "Unsupported grain size: %llu", le64_to_cpu(h->grain));
	if (le64_to_cpu(h->gt_size) != 64)
		return err_set(e, ENOTSUP, "Unsupported grain table size: %llu", le64_to_cpu(h->gt_size));
	if (h->flags)
		return err_set(e, ENOTSUP, "Unsupported flags: 0x%016llx", le64_to_cpu(h->flags));
	ret = at > (u64)INT64_MAX / 1024 ? -EINVAL : blk_node_pread(file, at * 512, vol, sizeof(vol));
	if (ret)
		return err_errno(e, -ret, "Could not read volatile header from file '%s'", file->filename);
	if (get_le64(vol) != SESPARSE_VOLATILE)
		return err_set(e, EINVAL, "Bad volatile header magic: 0x%016llx", get_le64(vol));
	if (vol[24])
		return err_set(e, ENOTSUP, "Image is dirty, Replaying journal not supported");
	return 0;
}

static int open_sesparse(struct vmdk *v, struct blk_node *file, struct err *e)
{
	struct vmdk_sesparse h;
	struct vmdk_ext *x;
	int ret = blk_node_pread(file, 0, &h, sizeof(h));
	u64 room = (u64)INT64_MAX / 1024;

	if (ret)
		return err_errno(e, -ret, "Could not read const header from file '%s'", file->filename);
	ret = check_sesparse(file, &h, e);
	if (!ret && (le64_to_cpu(h.capacity) > room || le64_to_cpu(h.gd_size) > room || le64_to_cpu(h.gt_off) > room ||
		     le64_to_cpu(h.grains_off) > room))
		ret = err_set(e, EINVAL, "Invalid seSparse header");
	if (ret)
		return ret;
	x = add_extent(v, file, VX_SESPARSE, le64_to_cpu(h.capacity));
	if (!x)
		return -ENOMEM;
	x->read_only = true;
	ret = set_tables(x, 8, 4096, le64_to_cpu(h.gd_off), e);
	x->gts = MIN(x->gts, le64_to_cpu(h.gd_size) * 64);
	x->se_tables = le64_to_cpu(h.gt_off) * 512;
	x->se_grains = le64_to_cpu(h.grains_off) * 512;
	return ret;
}

static int open_sparse(struct blk_node *n, struct vmdk *v, struct blk_node *file, struct err *e)
{
	struct vmdk_header h;
	int ret = blk_node_pread(file, 0, &h, sizeof(h));

	if (ret)
		return err_errno(e, -ret, "Could not read header from file '%s'", file->filename);
	if (le32_to_cpu(h.magic) == COWD_MAGIC)
		return open_cowd(v, file, e);
	if (le32_to_cpu(h.magic) != VMDK_MAGIC)
		return err_set(e, EINVAL, "Image not in VMDK format");
	if (!h.capacity)
		return err_set(e, EINVAL, "The extent '%s' is a descriptor itself", file->filename);
	return open_hosted(n, v, file, &h, e);
}

/* ---- descriptors ---- */

const char *vmdk_desc_value(const char *desc, const char *key)
{
	size_t k = strlen(key);

	for (const char *p = desc; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, key, k) && (p[k] == '=' || p[k] == ' '))
			return p + k + strspn(p + k, "= \"");
	return NULL;
}

static int read_text(struct blk_node *file, u64 off, u64 len, char **out, struct err *e)
{
	int ret;

	*out = calloc(1, len + 1);
	if (!*out)
		return -ENOMEM;
	ret = blk_node_pread(file, off, *out, len);
	return ret ? err_errno(e, -ret, "Could not read from file") : 0;
}

struct line {
	char access[12], type[12], name[512];
	u64 sectors, off;
	bool has_off;
};

/* ACCESS SECTORS TYPE "FILE" [OFFSET]: 1 an extent, 0 another line, -EINVAL a bad one. */
static int parse_line(const char *p, struct line *l)
{
	long long sectors, off = 0;
	int at = 0, k;

	memset(l, 0, sizeof(*l));
	k = sscanf(p, "%10s %lld %10s%n", l->access, &sectors, l->type, &at);
	if (k < 3 || (strcmp(l->access, "RW") && strcmp(l->access, "RDONLY") && strcmp(l->access, "NOACCESS")))
		return 0;
	l->sectors = (u64)sectors;
	if (!strcmp(l->type, "ZERO"))
		return sectors > 0 && (u64)sectors <= (u64)INT64_MAX / 512 ? 1 : -EINVAL;
	k = sscanf(p + at, " \"%511[^\n\r\"]\" %lld", l->name, &off);
	if (k < 1)
		return 0;
	l->has_off = k == 2;
	l->off = (u64)off;
	if (!strcmp(l->type, "FLAT") ? !l->has_off : l->has_off)
		return -EINVAL;
	return sectors > 0 && off >= 0 && (u64)sectors <= (u64)INT64_MAX / 512 && (u64)off <= (u64)INT64_MAX / 1024 ?
		1 : -EINVAL;
}

/* Names in a descriptor are relative to its folder, if it has one. */
static int extent_path(struct blk_node *n, const char *name, char **path, struct err *e)
{
	char *desc = NULL;

	if (name[0] == '/' || blk_is_protocol_name(name) || !blk_has_no_directory(n->file))
		return blk_combine_path(n->file->filename, name, path);
	blk_exact_filename(n->file, &desc);
	err_set(e, EINVAL, "Cannot use relative paths with VMDK descriptor file '%s': Cannot generate a base directory for %s nodes",
		desc ? desc : "", n->file->drv->name);
	free(desc);
	return -EINVAL;
}

static int open_extent_file(struct blk_node *n, const struct line *l, u32 nr, struct blk_opts *o,
			    struct blk_node **file, struct err *e)
{
	u32 flags = (n->flags & ~(u32)(BLK_O_NO_BACKING | BLK_O_COPY_ON_READ | BLK_O_CHECK | BLK_O_WRITETHROUGH)) |
		    BLK_O_UNMAP | BLK_O_PROTOCOL;
	struct blk_opts sub = { 0 };
	char role[16], *path = NULL;
	bool given;
	int ret;

	snprintf(role, sizeof(role), "extents.%u", nr);
	ret = blk_opts_take_sub(o, role, &sub);
	given = sub.n;
	if (!ret && !given)
		ret = extent_path(n, l->name, &path, e);
	if (!ret)
		ret = given ? blk_open_child(n, role, NULL, &sub, flags, e) :
			      blk_open_reference(n, role, path, &sub, flags, e);
	blk_opts_free(&sub);
	free(path);
	if (!ret)
		*file = blk_child_find(n, role);
	return ret;
}

static int open_extent(struct blk_node *n, struct vmdk *v, const struct line *l, struct blk_opts *o, struct err *e)
{
	bool flat = !strcmp(l->type, "FLAT") || !strcmp(l->type, "VMFS");
	u32 nr = v->n_ext;
	struct blk_node *file = NULL;
	struct vmdk_ext *x;
	int ret;

	if (!strcmp(l->type, "ZERO")) {
		x = add_extent(v, NULL, VX_ZERO, l->sectors);
		ret = x ? 0 : -ENOMEM;
	} else if (flat || !strcmp(l->type, "SPARSE") || !strcmp(l->type, "VMFSSPARSE") ||
		   !strcmp(l->type, "SESPARSE")) {
		ret = open_extent_file(n, l, nr, o, &file, e);
		if (ret)
			return ret;
		if (flat)
			ret = add_extent(v, file, VX_FLAT, l->sectors) ? 0 : -ENOMEM;
		else
			ret = !strcmp(l->type, "SESPARSE") ? open_sesparse(v, file, e) : open_sparse(n, v, file, e);
	} else {
		ret = err_set(e, ENOTSUP, "Unsupported extent type '%s'", l->type);
	}
	if (ret)
		return ret;
	x = &v->ext[nr];
	snprintf(x->type, sizeof(x->type), "%s", l->type);
	x->flat_off = l->off * 512;
	x->read_only |= strcmp(l->access, "RW") != 0;
	return 0;
}

static int open_extents(struct blk_node *n, struct vmdk *v, const char *desc, struct blk_opts *o, struct err *e)
{
	for (const char *p = desc; *p;) {
		const char *end = p + strcspn(p, "\n");
		struct line l;
		int ret = parse_line(p, &l);

		if (ret < 0)
			return err_set(e, EINVAL, "Invalid extent line: %.*s", (int)strcspn(p, "\r\n"), p);
		if (ret)
			ret = open_extent(n, v, &l, o, e);
		if (ret)
			return ret;
		p = *end ? end + 1 : end;
	}
	return v->n_ext ? 0 : err_set(e, EINVAL, "The VMDK descriptor names no extents");
}

static int open_descriptor(struct blk_node *n, struct vmdk *v, const char *desc, struct blk_opts *o, struct err *e)
{
	static const char *const types[] = { "monolithicFlat", "vmfs", "vmfsSparse", "seSparse", "twoGbMaxExtentSparse",
					     "twoGbMaxExtentFlat", "monolithicSparse", "streamOptimized", "custom" };
	const char *t = vmdk_desc_value(desc, "createType");
	size_t i = 0;

	if (!t)
		return err_set(e, EINVAL, "invalid VMDK image descriptor");
	snprintf(v->type, sizeof(v->type), "%.*s", (int)strcspn(t, "\"\r\n"), t);
	while (i < ARRAY_SIZE(types) && strcmp(types[i], v->type))
		i++;
	if (i == ARRAY_SIZE(types))
		return err_set(e, ENOTSUP, "Unsupported image type '%s'", v->type);
	return open_extents(n, v, desc, o, e);
}

static int read_ids(struct blk_node *n, struct vmdk *v, const char *desc, struct err *e)
{
	const char *cid = vmdk_desc_value(desc, "CID"), *parent = vmdk_desc_value(desc, "parentCID");
	const char *hint = vmdk_desc_value(desc, "parentFileNameHint");

	if (!cid || !parent)
		return err_set(e, EINVAL, "The VMDK descriptor lacks its content id");
	v->cid = (u32)strtoul(cid, NULL, 16);
	v->parent_cid = (u32)strtoul(parent, NULL, 16);
	if (!hint)
		return 0;
	n->backing_name = strndup(hint, strcspn(hint, "\"\r\n"));
	n->backing_fmt = strdup("vmdk");
	return n->backing_name && n->backing_fmt ? 0 : -ENOMEM;
}

/* One file with everything, or a header whose descriptor names the rest. */
static int open_embedded(struct blk_node *n, struct vmdk *v, const struct vmdk_header *h, char **desc,
			 struct blk_opts *o, struct err *e)
{
	u64 off = le64_to_cpu(h->desc_off), len = le64_to_cpu(h->desc_size);
	int ret;

	if (le32_to_cpu(h->magic) == COWD_MAGIC) {
		snprintf(v->type, sizeof(v->type), "vmfsSparse");
		return open_cowd(v, n->file, e);
	}
	if (off > (u64)INT64_MAX / 1024)
		return err_set(e, EINVAL, "Invalid VMDK descriptor offset");
	v->desc_off = off * 512;
	v->desc_room = (u32)MIN(len, MAX_DESC / 512ULL) * 512;
	if (off && v->desc_room) {
		ret = read_text(n->file, v->desc_off, v->desc_room, desc, e);
		if (ret)
			return ret;
	}
	if (!h->capacity && *desc)
		return open_descriptor(n, v, *desc, o, e);
	snprintf(v->type, sizeof(v->type), "monolithicSparse");
	return open_hosted(n, v, n->file, (struct vmdk_header *)h, e);
}

static int open_all(struct blk_node *n, struct vmdk *v, char **desc, struct blk_opts *o, struct err *e)
{
	struct vmdk_header h;
	u64 len = blk_length(n->file);
	int ret = blk_node_pread(n->file, 0, &h, sizeof(h));

	if (ret || len < 4)
		return ret ? err_errno(e, -ret, "Could not read from file") :
		       err_set(e, EINVAL, "File is too small, not a valid image");
	if (le32_to_cpu(h.magic) == VMDK_MAGIC || le32_to_cpu(h.magic) == COWD_MAGIC) {
		ret = open_embedded(n, v, &h, desc, o, e);
	} else {
		ret = read_text(n->file, 0, MIN(len, (u64)MAX_DESC), desc, e);
		ret = ret ?: open_descriptor(n, v, *desc, o, e);
	}
	return ret ?: *desc ? read_ids(n, v, *desc, e) : 0;
}

/* What the engine needs to know, from all extents together. */
static int combine(struct blk_node *n, struct vmdk *v, struct err *e)
{
	bool rw = n->flags & BLK_O_RDWR;

	n->lim.cluster = 1;
	for (u32 i = 0; i < v->n_ext; i++)
		n->lim.cluster = MAX(n->lim.cluster, v->ext[i].grain);
	for (u32 i = 0; i < v->n_ext; i++) {
		struct vmdk_ext *x = &v->ext[i];

		if (x->start + x->size > (u64)INT64_MAX)
			return err_set(e, EFBIG, "Image size too large");
		if (rw && (x->read_only || x->kind == VX_ZERO))
			return err_set(e, EACCES, "VMDK extents of type %s can only be read here",
				       *x->type ? x->type : "COWD");
		if (rw && x->grain && x->start % n->lim.cluster)
			return err_set(e, ENOTSUP, "VMDK extents that do not begin at a grain can only be read");
		if (rw && x->compressed && v->n_ext > 1)
			return err_set(e, ENOTSUP, "Several compressed VMDK extents can only be read");
		n->size = x->start + x->size;
	}
	if (v->ext[0].compressed && v->n_ext == 1 && v->ext[0].grain <= 32 * MiB) {
		n->lim.max_compressed = v->ext[0].grain;
		n->lim.max_packed = v->ext[0].grain + v->ext[0].grain / 1024 + 64;
		n->lim.compressed_only = true;
	}
	return 0;
}

int vmdk_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct vmdk *v = n->priv;
	char *desc = NULL;
	int ret;

	v->parent_cid = NO_PARENT;
	ret = open_all(n, v, &desc, o, e);
	free(desc);
	ret = ret ?: combine(n, v, e);
	if (ret)
		vmdk_free(v);
	else
		pthread_mutex_init(&v->lock, NULL);
	return ret;
}
