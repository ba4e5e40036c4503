/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: making an image and the files of its extents. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include "str.h"
#include "vmdk.h"

enum { SUB_SPARSE, SUB_FLAT, SUB_SPLIT_SPARSE, SUB_SPLIT_FLAT, SUB_STREAM };
static const char *const subformats[] = {
	"monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized", NULL
};
static const char *const adapters[] = { "ide", "buslogic", "lsilogic", "legacyESX", NULL };

struct plan {
	u64 size;
	int sub, adapter;
	bool compat6, zero_grain;
	char *hw, *tools, *backing;
	u32 parent_cid;
};

static bool is_flat(const struct plan *p)
{
	return p->sub == SUB_FLAT || p->sub == SUB_SPLIT_FLAT;
}

static bool one_file(const struct plan *p)
{
	return p->sub == SUB_SPARSE || p->sub == SUB_STREAM;
}

static void plan_free(struct plan *p)
{
	free(p->hw);
	free(p->tools);
	free(p->backing);
}

static int options(struct plan *p, struct blk_opts *o, struct err *e)
{
	char *fmt = blk_opts_take(o, "backing_fmt");
	int ret = fmt && strcmp(fmt, "vmdk") ? err_set(e, EINVAL, "backing_file must be a vmdk image") : 0;

	free(fmt);
	ret = ret ?: blk_opts_take_enum(o, "subformat", subformats, &p->sub, e);
	ret = ret ?: blk_opts_take_enum(o, "adapter_type", adapters, &p->adapter, e);
	ret = ret ?: blk_opts_take_bool(o, "compat6", &p->compat6, e);
	ret = ret ?: blk_opts_take_bool(o, "zeroed_grain", &p->zero_grain, e);
	p->hw = blk_opts_take(o, "hwversion");
	p->tools = blk_opts_take(o, "toolsversion");
	p->backing = blk_opts_take(o, "backing_file");
	if (p->hw && !strcmp(p->hw, "undefined")) {
		free(p->hw);
		p->hw = NULL;
	}
	if (ret)
		return ret;
	if (p->compat6 && p->hw)
		return err_set(e, EINVAL, "compat6 cannot be enabled with hwversion set");
	if (is_flat(p) && p->backing)
		return err_set(e, ENOTSUP, "Flat image can't have backing file");
	if (is_flat(p) && p->zero_grain)
		return err_set(e, ENOTSUP, "Flat image can't enable zeroed grain");
	return 0;
}

static int read_parent(struct blk_graph *g, struct plan *p, struct blk_node *file, struct err *e)
{
	struct blk_node *b = NULL;
	char *path = NULL;
	int ret;

	p->parent_cid = NO_PARENT;
	if (!p->backing)
		return 0;
	ret = blk_combine_path(file->filename, p->backing, &path);
	ret = ret ?: blk_open(g, path, NULL, BLK_O_NO_BACKING, &b, e);
	free(path);
	if (ret)
		return ret;
	if (strcmp(b->drv->name, "vmdk"))
		ret = err_set(e, EINVAL, "Invalid backing file format: %s. Must be vmdk", b->drv->name);
	else
		p->parent_cid = ((struct vmdk *)b->priv)->cid;
	blk_unref(b);
	return ret;
}

/* ---- one extent ---- */

static int write_directory(struct blk_node *file, u64 gd, u64 gts, u64 first_gt)
{
	u64 bytes = ALIGN_UP(gts * 4, 512);
	int ret;
	u8 *t = blk_table_alloc(bytes + 1, 1, 64 * MiB, &ret);

	if (!t)
		return ret;
	for (u64 i = 0; i < gts; i++)
		put_le32(t + i * 4, (u32)(first_gt + i * (GT_BYTES / 512)));
	ret = blk_node_pwrite(file, gd * 512, t, bytes);
	free(t);
	return ret;
}

/* Not inline: clang 14 with both sanitizers stops with an internal error on what becomes of it. */
static __attribute__((noinline)) void fill_header(const struct plan *p, struct vmdk_header *h, u64 sectors)
{
	u64 gts = DIV_ROUND_UP(sectors, GRAIN_BYTES / 512 * GT_ENTRIES), gd = DIV_ROUND_UP(gts * 4, 512);
	u64 rgd_off = 1 + EMBEDDED_DESC / 512, gd_off = rgd_off + gd + gts * (GT_BYTES / 512);
	bool stream = p->sub == SUB_STREAM;

	*h = (struct vmdk_header){ .magic = cpu_to_le32(VMDK_MAGIC), .nl = { '\n', ' ', '\r', '\n' } };
	h->version = cpu_to_le32(stream ? 3 : p->zero_grain ? 2 : 1);
	h->flags = cpu_to_le32(F_NEWLINE | (stream ? F_COMPRESSED | F_MARKERS : F_RGD) |
			       (p->zero_grain ? F_ZERO_GRAIN : 0));
	h->capacity = cpu_to_le64(sectors);
	h->grain = cpu_to_le64(GRAIN_BYTES / 512);
	h->desc_off = cpu_to_le64(1);
	h->desc_size = cpu_to_le64(EMBEDDED_DESC / 512);
	h->gtes_per_gt = cpu_to_le32(GT_ENTRIES);
	h->compress = cpu_to_le16(stream);
	h->rgd_off = cpu_to_le64(stream ? 0 : rgd_off);
	h->gd_off = cpu_to_le64(stream ? GD_AT_END : gd_off);
	h->overhead = cpu_to_le64(stream ? GRAIN_BYTES / 512 :
				  ALIGN_UP(gd_off + gd + gts * (GT_BYTES / 512), GRAIN_BYTES / 512));
}

/* Directory of no tables, footer, end: an image without a grain. */
static int write_empty_stream(struct blk_node *file, const struct vmdk_header *h, u64 gts)
{
	u64 at = GRAIN_BYTES, sectors = DIV_ROUND_UP(gts * 4, 512);
	struct vmdk_marker m = { .val = cpu_to_le64(sectors), .type = cpu_to_le32(MARK_GD) };
	struct vmdk_header foot = *h;
	int ret = blk_node_pwrite(file, at, &m, sizeof(m));

	foot.gd_off = cpu_to_le64(at / 512 + 1);
	at += 512 + sectors * 512;
	m = (struct vmdk_marker){ .val = cpu_to_le64(1), .type = cpu_to_le32(MARK_FOOTER) };
	ret = ret ?: blk_node_pwrite(file, at, &m, sizeof(m));
	ret = ret ?: blk_node_pwrite(file, at + 512, &foot, sizeof(foot));
	return ret ?: blk_node_truncate(file, at + 1536, false, 0, NULL);
}

static int write_sparse(const struct plan *p, struct blk_node *file, u64 size, struct err *e)
{
	u64 sectors = size / 512, gts = DIV_ROUND_UP(sectors, GRAIN_BYTES / 512 * GT_ENTRIES);
	u64 gd = DIV_ROUND_UP(gts * 4, 512), rgd_off, gd_off;
	struct vmdk_header h;
	int ret;

	fill_header(p, &h, sectors);
	if (le64_to_cpu(h.overhead) >= 0xffffffffULL)
		return err_set(e, EFBIG, "The image is too large for this format");
	ret = blk_node_truncate(file, le64_to_cpu(h.overhead) * 512, false, 0, e);
	ret = ret ?: blk_node_pwrite(file, 0, &h, sizeof(h));
	if (ret || p->sub == SUB_STREAM)
		return ret ?: write_empty_stream(file, &h, gts);
	rgd_off = le64_to_cpu(h.rgd_off);
	gd_off = le64_to_cpu(h.gd_off);
	ret = write_directory(file, rgd_off, gts, rgd_off + gd);
	return ret ?: write_directory(file, gd_off, gts, gd_off + gd);
}

/* ---- the files of extents ---- */

/* "dir/disk.vmdk" and the first extent of a split one: "dir/disk-s001.vmdk". */
static char *extent_name(const struct plan *p, const char *file, u32 nr)
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file + blk_protocol_prefix(file);
	const char *dot = strrchr(base, '.');
	int stem = (int)((dot ? dot : file + strlen(file)) - file);
	char *s = malloc(strlen(file) + 24);

	if (!s)
		return NULL;
	if (p->sub == SUB_FLAT)
		sprintf(s, "%.*s-flat%s", stem, file, dot ? dot : "");
	else
		sprintf(s, "%.*s-%c%03u%s", stem, file, is_flat(p) ? 'f' : 's', nr, dot ? dot : "");
	return s;
}

static int make_extent(struct blk_graph *g, const struct plan *p, struct blk_node *desc, u32 nr, u64 size,
		       struct strbuf *lines, struct err *e)
{
	char *name = extent_name(p, desc->filename, nr), *slash;
	struct blk_opts o = { 0 };
	struct blk_node *file = NULL;
	int ret;

	if (!name)
		return -ENOMEM;
	ret = desc->drv->create_file ? desc->drv->create_file(g, name, &o, e) :
	      err_set(e, ENOTSUP, "Protocol driver '%s' does not support image creation", desc->drv->name);
	ret = ret ?: blk_open(g, name, NULL, BLK_O_RDWR | BLK_O_PROTOCOL | BLK_O_UNMAP, &file, e);
	if (!ret)
		ret = is_flat(p) ? blk_node_truncate(file, size, false, 0, e) : write_sparse(p, file, size, e);
	if (!ret) {
		slash = strrchr(name, '/');
		strbuf_printf(lines, is_flat(p) ? "RW %llu FLAT \"%s\" 0\n" : "RW %llu SPARSE \"%s\"\n", size / 512,
			      slash ? slash + 1 : name + blk_protocol_prefix(name));
		ret = blk_unref(file);
		file = NULL;
	}
	blk_unref(file);
	blk_opts_free(&o);
	free(name);
	return ret;
}

static int make_extents(struct blk_graph *g, const struct plan *p, struct blk_node *file, struct strbuf *lines,
			struct err *e)
{
	u64 part = p->sub == SUB_FLAT ? p->size : SPLIT_BYTES, done = 0;
	const char *slash = strrchr(file->filename, '/');
	int ret = 0;

	if (one_file(p)) {
		strbuf_printf(lines, "RW %llu SPARSE \"%s\"\n", p->size / 512,
			      slash ? slash + 1 : file->filename + blk_protocol_prefix(file->filename));
		return write_sparse(p, file, p->size, e);
	}
	if (DIV_ROUND_UP(p->size, SPLIT_BYTES) > 4096 && p->sub != SUB_FLAT)
		return err_set(e, EFBIG, "The image is too large for this format");
	for (u32 nr = 1; !ret && done < p->size; nr++) {
		ret = make_extent(g, p, file, nr, MIN(part, p->size - done), lines, e);
		done += part;
	}
	return ret;
}

/* ---- the descriptor ---- */

static void put_descriptor(const struct plan *p, const char *lines, struct strbuf *d)
{
	u32 cid, heads = p->adapter ? 255 : 16;

	if (getrandom(&cid, sizeof(cid), 0) != sizeof(cid))
		cid = (u32)(p->size * 2654435761u);
	cid ^= cid >= 0xfffffffeU ? 0x55 : 0;
	strbuf_printf(d, "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\ncreateType=\"%s\"\n", cid,
		      p->parent_cid, subformats[p->sub]);
	if (p->backing)
		strbuf_printf(d, "parentFileNameHint=\"%s\"", p->backing);
	strbuf_printf(d, "\n# Extent description\n%s\n# The Disk Data Base\n#DDB\n\n", lines);
	strbuf_printf(d, "ddb.virtualHWVersion = \"%s\"\n", p->compat6 ? "6" : p->hw ? p->hw : "4");
	strbuf_printf(d, "ddb.geometry.cylinders = \"%llu\"\nddb.geometry.heads = \"%u\"\n",
		      p->size / (63ULL * heads * 512), heads);
	strbuf_printf(d, "ddb.geometry.sectors = \"63\"\nddb.adapterType = \"%s\"\nddb.toolsVersion = \"%s\"\n",
		      adapters[p->adapter], p->tools ? p->tools : "2147483647");
}

static int write_descriptor(const struct plan *p, struct blk_node *file, const struct strbuf *d, struct err *e)
{
	int ret;

	if (one_file(p) && d->len > EMBEDDED_DESC)
		return err_set(e, EINVAL, "The VMDK descriptor would be too long");
	ret = blk_node_pwrite(file, one_file(p) ? 512 : 0, d->s, d->len);
	return ret ? err_errno(e, -ret, "Could not write description") : 0;
}

int vmdk_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	struct strbuf lines = STRBUF_INIT, d = STRBUF_INIT;
	struct plan p = { .size = ALIGN_UP(size, 512) };
	int ret = options(&p, o, e);

	ret = ret ?: read_parent(g, &p, file, e);
	ret = ret ?: make_extents(g, &p, file, &lines, e);
	if (!ret) {
		put_descriptor(&p, lines.s ? lines.s : "", &d);
		ret = strbuf_failed(&d) || strbuf_failed(&lines) ? -ENOMEM : write_descriptor(&p, file, &d, e);
	}
	strbuf_free(&lines);
	strbuf_free(&d);
	plan_free(&p);
	return ret;
}

const struct blk_optdesc vmdk_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "adapter_type", BLK_OPT_STRING, "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX", NULL },
	{ "backing_file", BLK_OPT_STRING, "File name of a base image", NULL },
	{ "backing_fmt", BLK_OPT_STRING, "Must be 'vmdk' if present", NULL },
	{ "compat6", BLK_OPT_BOOL, "VMDK version 6 image", "off" },
	{ "hwversion", BLK_OPT_STRING, "VMDK hardware version", "undefined" },
	{ "toolsversion", BLK_OPT_STRING, "VMware guest tools version", NULL },
	{ "subformat", BLK_OPT_STRING, "VMDK flat extent format, can be one of {monolithicSparse (default) | "
	  "monolithicFlat | twoGbMaxExtentSparse | twoGbMaxExtentFlat | streamOptimized} ", NULL },
	{ "zeroed_grain", BLK_OPT_BOOL, "Enable efficient zero writes using the zeroed-grain GTE feature", NULL },
	{ NULL, 0, NULL, NULL }
};
