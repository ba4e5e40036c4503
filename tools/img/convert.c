/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img convert: copy images into another format. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "block/driver.h"
#include "checksum.h"
#include "mem.h"
#include "img.h"

struct convert_args {
	struct img_args a;
	const char *out_fmt, *backing, *backing_fmt, *snapshot, *sparse, *rate;
	bool compress, no_create, unordered, copy_range, bitmaps, skip_broken, salvage, target_is_zero;
	bool target_opts, verify;
	const char *checksum;
	u64 workers;
	struct opt_list options, files;
};
#define A struct convert_args

struct convert {
	const struct convert_args *a;
	struct blk_graph *g;
	struct blk_copy_source *src;
	int n_src;
	const char *out;
	u64 total;
	struct blk_node *dst;
	bool no_create, prealloc;
	struct stat *was;		/* of each source; zeros: not a file that has a name */
	bool on_backing;		/* -B, or -o backing_file: only the source's top layer is copied */
	struct blk_opts open;		/* secrets that the target was made with open it too */
};

static void look_at(struct convert *c, int i, struct stat *st)
{
	const char *name = c->a->files.v[i].val;

	if (c->a->a.image_opts || blk_is_protocol_name(name) || stat(name, st) || !S_ISREG(st->st_mode))
		*st = (struct stat){ 0 };
}

/*
 * A source that somebody wrote to meanwhile was copied in no state that it ever had. That is an
 * error, but for those who say with -U that they know, and for scripts made for qemu-img.
 */
static int sources_changed(struct convert *c)
{
	bool expected = c->a->a.force_share || blk_graph_policy(c->g)->follow == BLK_FOLLOW_ALL;

	for (int i = 0; i < c->n_src; i++) {
		const struct stat *a = &c->was[i];
		struct stat b;

		look_at(c, i, &b);
		if (a->st_size == b.st_size && a->st_mtim.tv_sec == b.st_mtim.tv_sec &&
		    a->st_mtim.tv_nsec == b.st_mtim.tv_nsec)
			continue;
		img_error("%s'%s' changed while it was copied", expected ? "warning: " : "", c->a->files.v[i].val);
		if (!expected)
			return -EIO;
	}
	return 0;
}

static int open_sources(struct convert *c)
{
	u32 flags = 0;

	if (img_cache_flags(c->a->a.src_cache, &flags)) {
		img_error("Invalid source cache option: %s", c->a->a.src_cache);
		return -EINVAL;
	}
	for (int i = 0; i < c->n_src; i++) {
		struct blk_node *n;

		look_at(c, i, &c->was[i]);
		n = img_open(c->g, &c->a->a, c->a->files.v[i].val, c->a->a.fmt, flags);
		if (!n)
			return -EIO;
		c->src[i] = (struct blk_copy_source){ n, 0, blk_length(n) };
		c->total += c->src[i].len;
	}
	return 0;
}

/* -l: a name, or snapshot.id=..,snapshot.name=.. */
static int load_snapshot(struct convert *c)
{
	const char *s = c->a->snapshot;
	struct blk_node *owner;
	const struct blk_snapshot_ops *ops;
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;
	const char *id, *name;
	int ret;

	if (!s)
		return 0;
	if (c->n_src > 1) {
		img_error("No support for concatenating multiple snapshot");
		return -EINVAL;
	}
	ops = blk_snapshots(c->src[0].node, &owner);
	if (!strncmp(s, "snapshot.", 9)) {
		ret = blk_opts_parse(&o, s, NULL, &e);
		id = blk_opts_get(&o, "snapshot.id");
		name = blk_opts_get(&o, "snapshot.name");
	} else {
		ret = 0;
		id = name = s;
	}
	if (!ret)
		ret = ops ? ops->load(owner, id, name, &e) :
			    err_set(&e, ENOTSUP, "the format has no internal snapshots");
	blk_opts_free(&o);
	if (ret) {
		img_error("Failed to load snapshot: %s", e.msg);
		return ret;
	}
	c->src[0].len = blk_length(c->src[0].node);
	c->total = c->src[0].len;
	return 0;
}

static int create_options(struct convert *c, struct blk_opts *o, struct err *e)
{
	char *text;
	int ret = img_join_options(&c->a->options, &text);

	if (!ret && text)
		ret = blk_opts_parse(o, text, NULL, e);
	free(text);
	if (!ret && c->a->backing)
		ret = blk_opts_set(o, "backing_file", c->a->backing);
	if (!ret && c->a->backing_fmt)
		ret = blk_opts_set(o, "backing_fmt", c->a->backing_fmt);
	c->on_backing = blk_opts_get(o, "backing_file");
	if (!ret && !blk_opts_get(o, "size"))
		ret = blk_opts_set_u64(o, "size", c->total);
	return ret;
}

static int refuse_options(const struct blk_driver *d, const struct convert_args *a, const struct blk_opts *o,
			  struct err *e)
{
	const char *pre = blk_opts_get(o, "preallocation");
	const struct blk_driver *p = blk_driver_find("file");

	if (a->compress && !d->compressed)
		return err_set(e, ENOTSUP, "Compression not supported for this file format");
	if (a->compress && pre && strcmp(pre, "off"))
		return err_set(e, EINVAL, "Compression and preallocation not supported at the same time");
	if (a->compress && (blk_opts_get(o, "encryption") || blk_opts_has_sub(o, "encrypt")))
		return err_set(e, EINVAL, "Compression and encryption not supported at the same time");
	if (a->backing && !img_takes_backing(d))
		return err_set(e, EINVAL, "Backing file not supported for file format '%s'", d->name);
	if (blk_opts_get(o, "backing_file") && !blk_opts_get(o, "backing_fmt"))
		return err_set(e, EINVAL, "Use of backing file requires explicit backing format");
	for (int i = 0; i < o->n; i++) {
		bool ok = false;

		for (const struct blk_optdesc *t = d->create_opts; t && t->name; t++)
			ok |= !strcmp(t->name, o->v[i].key);
		for (const struct blk_optdesc *t = p->create_opts; t && t->name; t++)
			ok |= !strcmp(t->name, o->v[i].key);
		if (!ok)
			return err_set(e, EINVAL, "Invalid parameter '%s'", o->v[i].key);
	}
	return 0;
}

static int keep_secrets(struct convert *c, const struct blk_opts *o)
{
	static const char *const keys[] = { "key-secret", "encrypt.key-secret" };
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(keys); i++)
		if (blk_opts_get(o, keys[i]))
			ret = blk_opts_set(&c->open, keys[i], blk_opts_get(o, keys[i]));
	return ret;
}

static int create_target(struct convert *c, const char *fmt)
{
	const struct blk_driver *d = blk_driver_find(fmt);
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;
	int ret;

	if (!d) {
		img_error("Unknown file format '%s'", fmt);
		return -EINVAL;
	}
	ret = create_options(c, &o, &e);
	if (!ret && !d->create)
		ret = err_set(&e, ENOTSUP, "Format driver '%s' does not support image creation", fmt);
	ret = ret ?: refuse_options(d, c->a, &o, &e);
	ret = ret ?: keep_secrets(c, &o);
	c->prealloc = blk_opts_get(&o, "preallocation") && strcmp(blk_opts_get(&o, "preallocation"), "off");
	if (ret) {
		img_error_err(&e);
		blk_opts_free(&o);
		return ret;
	}
	ret = blk_create(c->g, fmt, c->out, &o, &e);
	if (ret)
		img_error("%s: error while converting %s: %s", c->out, fmt, e.msg);
	return ret;
}

static int open_target(struct convert *c, const char *fmt)
{
	u32 flags = BLK_O_RDWR | BLK_O_UNMAP;
	const char *cache = c->a->a.cache ? c->a->a.cache : "unsafe";
	struct img_args ta = { .image_opts = c->a->target_opts };

	if (img_cache_flags(cache, &flags)) {
		img_error("Invalid cache option: %s", cache);
		return -EINVAL;
	}
	/* Written as a whole, the target's backing file is not read, unless clusters are partly copied. */
	if (!c->on_backing && !c->no_create)
		flags |= BLK_O_NO_BACKING;
	c->dst = c->a->target_opts ? img_open(c->g, &ta, c->out, NULL, flags) :
				     img_open_file(c->g, c->out, fmt, &c->open, flags, c->a->a.quiet);
	if (!c->dst)
		return -EIO;
	if (blk_length(c->dst) < c->total) {
		img_error("output file is smaller than input file");
		return -EINVAL;
	}
	if (c->a->compress && !c->dst->lim.max_compressed) {
		img_error("Compression not supported for this file format");
		return -ENOTSUP;
	}
	return 0;
}

static void print_sum(struct sha256 *sum, const char *name)
{
	u8 d[SHA256_SIZE];

	sha256_final(sum, d);
	for (u32 i = 0; i < SHA256_SIZE; i++)
		printf("%02x", d[i]);
	printf("  %s\n", name);
}

static int copy(struct convert *c)
{
	const struct convert_args *a = c->a;
	struct blk_copy k = { .src = c->src, .n_src = c->n_src, .dst = c->dst, .compress = a->compress,
			      .salvage = a->salvage, .copy_range = a->copy_range && !c->prealloc,
			      .share = !a->sparse && !c->prealloc, .workers = (int)a->workers, .min_sparse = 4096 };
	struct sha256 sum;
	struct err e = ERR_INIT;
	u64 v;
	int ret;

	if (a->sparse) {
		if (img_size(a->sparse, "buffer size for sparse output", &v))
			return -EINVAL;
		if (v > 16 * MiB || v % 512) {
			img_error("Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to %llu. "
				  "Select 0 to disable sparse detection (fully allocates output).", 16 * MiB);
			return -EINVAL;
		}
		k.min_sparse = (u32)v;
	}
	if (a->rate && img_size(a->rate, "rate limit", &k.rate))
		return -EINVAL;
	if (c->on_backing && a->checksum) {
		img_error("--checksum needs all of the data, and on a backing file only a part is copied");
		return -EINVAL;
	}
	if (c->on_backing) {
		k.dst_backing = c->dst;
		k.src_base = blk_backing(c->src[0].node);
	}
	k.target_is_zero = !c->no_create || a->target_is_zero;
	/* Host space that nobody wrote is not zero once it is decrypted. */
	if (c->dst->encrypted && (!c->dst->drv->zero || c->prealloc) && !a->target_is_zero)
		k.target_is_zero = false;
	if (c->dst->drv->flags & BLK_DRV_FILTER && c->dst->file && !strcmp(c->dst->file->drv->name, "host_device"))
		k.target_is_zero = a->target_is_zero;
	if (a->checksum) {
		sha256_init(&sum);
		k.sum = &sum;
	}
	img_progress_start(&a->a, &k.progress);
	ret = blk_copy_run(&k, &e);
	if (ret && img_interrupted()) {
		img_error("interrupted: '%s' is incomplete", c->out);
		return ret;
	}
	if (ret) {
		img_error_err(&e);
		return ret;
	}
	img_progress_end();
	if (a->checksum)
		print_sum(&sum, c->out);
	return 0;
}

/* --verify: what was written, read again through the format, is what the sources say. */
static int verify(struct convert *c)
{
	u8 *a = malloc(MiB), *b = malloc(MiB);
	int ret = a && b ? 0 : -ENOMEM;
	u64 at = 0;

	for (int i = 0; c->a->verify && !ret && i < c->n_src; i++) {
		for (u64 off = 0; !ret && off < c->src[i].len; off += MiB) {
			size_t m = (size_t)MIN(MiB, c->src[i].len - off);

			ret = blk_pread(c->src[i].node, c->src[i].off + off, a, m) ?: blk_pread(c->dst, at + off, b, m);
			if (ret)
				img_error("error while verifying at byte %llu: %s", at + off, strerror(-ret));
			else if (buf_find_diff(a, b, m) < m) {
				img_error("verification failed: '%s' differs at byte %llu", c->out,
					  at + off + buf_find_diff(a, b, m));
				ret = -EIO;
			}
		}
		at += c->src[i].len;
	}
	free(a);
	free(b);
	return ret;
}

/* Before the target is made: can all bitmaps that are wanted be copied? */
static int check_bitmaps(struct convert *c)
{
	struct blk_node *s = c->src[0].node;
	struct blk_bitmap *v = NULL;
	int n, ret = 0;

	if (!c->a->bitmaps)
		return 0;
	if (!s->drv->bitmaps) {
		img_error("Format lacks bitmap support");
		return -ENOTSUP;
	}
	n = s->drv->bitmaps->list(s, &v);
	for (int i = 0; !ret && i < n; i++) {
		if (!v[i].in_use || c->a->skip_broken)
			continue;
		img_error("Cannot copy inconsistent bitmap '%s'\n"
			  "Try --skip-broken-bitmaps, or use 'qemu-img bitmap --remove' to delete it", v[i].name);
		ret = -EINVAL;
	}
	free(v);
	return n < 0 ? n : ret;
}

static int target_takes_bitmaps(struct convert *c)
{
	if (!c->a->bitmaps || c->dst->drv->bitmaps)
		return 0;
	img_error("Format driver '%s' does not support bitmaps", c->dst->drv->name);
	return -ENOTSUP;
}

static int copy_bitmaps(struct convert *c)
{
	struct blk_node *s = c->src[0].node;
	struct blk_bitmap *v = NULL;
	struct err e = ERR_INIT;
	int n, ret = 0;

	if (!c->a->bitmaps)
		return 0;
	n = s->drv->bitmaps->list(s, &v);
	for (int i = 0; !ret && i < n; i++) {
		u8 *bits = NULL;
		u64 nb;

		if (v[i].in_use) {
			img_error("warning: Skipping inconsistent bitmap '%s'", v[i].name);
			continue;
		}
		ret = c->dst->drv->bitmaps->add(c->dst, v[i].name, v[i].granularity, v[i].enabled, &e);
		ret = ret ?: s->drv->bitmaps->read(s, v[i].name, &bits, &nb, &e);
		ret = ret ?: c->dst->drv->bitmaps->merge(c->dst, v[i].name, bits, nb, v[i].granularity, &e);
		free(bits);
		if (ret)
			img_error("Failed to populate bitmap %s: %s", v[i].name, e.msg);
	}
	free(v);
	return ret;
}

static int check_args(const struct convert_args *a)
{
	if (a->files.n < 2) {
		img_error("Must specify image file name");
		return -EINVAL;
	}
	if (a->copy_range && a->compress) {
		img_error("Cannot enable copy offloading when -c is used");
		return -EINVAL;
	}
	if (a->copy_range && a->sparse) {
		img_error("Cannot enable copy offloading when -S is used");
		return -EINVAL;
	}
	if (a->bitmaps && a->files.n > 2) {
		img_error("Copying bitmaps only possible with single source");
		return -EINVAL;
	}
	if (a->target_is_zero && !a->no_create) {
		img_error("--target-is-zero requires use of -n flag");
		return -EINVAL;
	}
	if (a->skip_broken && !a->bitmaps) {
		img_error("Use of --skip-broken-bitmaps requires --bitmaps");
		return -EINVAL;
	}
	if (a->checksum && strcmp(a->checksum, "sha256")) {
		img_error("Unknown checksum '%s': sha256 is known", a->checksum);
		return -EINVAL;
	}
	if (a->no_create && a->options.n) {
		img_error("-o has no effect when skipping image creation");
		return -EINVAL;
	}
	if (a->checksum && a->backing) {
		img_error("--checksum needs all of the data, and with -B only a part is copied");
		return -EINVAL;
	}
	if (a->target_opts && !a->no_create) {
		img_error("--target-image-opts requires use of -n flag");
		return -EINVAL;
	}
	if (a->backing && a->files.n > 2) {
		img_error("Having a backing file for the target makes no sense when concatenating multiple input images");
		return -EINVAL;
	}
	return 0;
}

/* The sources are read, and the target's directory is written; -o may name files anywhere. */
static int close_sandbox(struct convert *c)
{
	const struct convert_args *a = c->a;
	struct img_place *p = calloc((size_t)c->n_src + 2, sizeof(*p));
	char *backing = NULL;
	int n = 0, ret;

	if (!p || (a->backing && blk_combine_path(c->out, a->backing, &backing))) {
		free(p);
		img_error("out of memory");
		return -ENOMEM;
	}
	for (; n < c->n_src; n++)
		p[n] = (struct img_place){ a->files.v[n].val, -1, false };
	p[n++] = (struct img_place){ c->out, -1, true };
	if (backing)
		p[n++] = (struct img_place){ backing, -1, false };
	ret = img_names_files(&a->options) || a->target_opts ? 0 : img_sandbox_places(c->g, &a->a, p, n);
	free(backing);
	free(p);
	return ret;
}

static int convert(struct convert *c)
{
	const char *fmt = c->a->out_fmt ? c->a->out_fmt : c->a->target_opts ? NULL : "raw";
	int ret = close_sandbox(c);

	ret = ret ?: open_sources(c);
	ret = ret ?: load_snapshot(c);
	ret = ret ?: check_bitmaps(c);
	if (!ret && !c->no_create)
		ret = create_target(c, fmt);
	ret = ret ?: open_target(c, fmt);
	ret = ret ?: target_takes_bitmaps(c);
	ret = ret ?: copy(c);
	ret = ret ?: sources_changed(c);
	ret = ret ?: verify(c);
	return ret ?: copy_bitmaps(c);
}

static int run(void *args, const struct opt_call *call)
{
	struct convert_args *a = args;
	struct convert c = { .a = a, .no_create = a->no_create, .on_backing = a->backing };
	char *text = NULL;
	int ret;

	if (img_join_options(&a->options, &text))
		return 1;
	ret = img_is_help(text);
	free(text);
	if (ret)
		return img_option_help(a->out_fmt ? a->out_fmt : "raw", false);
	if (check_args(a))
		return 1;
	c.n_src = (int)a->files.n - 1;
	c.out = a->files.v[c.n_src].val;
	c.src = calloc((size_t)c.n_src, sizeof(*c.src));
	c.was = calloc((size_t)c.n_src, sizeof(*c.was));
	c.g = img_graph(&a->a, call);
	ret = c.src && c.was && c.g ? convert(&c) : -ENOMEM;
	if (c.dst) {
		int r = blk_flush(c.dst), r2;

		r2 = blk_unref(c.dst);
		if (!ret && (r || r2)) {
			ret = r ? r : r2;
			img_error("error while writing '%s': %s", c.out, strerror(-ret));
		}
	}
	for (int i = 0; i < c.n_src && c.src; i++)
		blk_unref(c.src[i].node);
	free(c.src);
	free(c.was);
	blk_opts_free(&c.open);
	return img_done(c.g, ret ? 1 : 0);
}

static void defaults(void *args)
{
	((struct convert_args *)args)->workers = 0;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_QUIET(A), IMG_CACHE(A, "unsafe"), IMG_SRC_CACHE(A), IMG_PROGRESS(A),
	OPT_STR('O', "target-format", "FMT", A, out_fmt, "format of the target (default: raw)"),
	OPT_STR('B', "backing", "FILE", A, backing, "the target stands on FILE and gets only what differs"),
	OPT_STR('F', "backing-format", "FMT", A, backing_fmt, "format of that file"),
	OPT_LIST('o', "options", "OPTIONS", A, options, "options of the target's format; \"help\" lists them"),
	OPT_STR('l', "snapshot", "SNAPSHOT", A, snapshot, "convert this snapshot"),
	OPT_STR('S', "sparse-size", "SIZE", A, sparse, "zeros of at least SIZE become holes (default: 4k; 0: none)"),
	OPT_STR('r', "rate-limit", "RATE", A, rate, "bytes a second"),
	OPT_UINT('m', "parallel", "N", A, workers, "threads (default: one a processor)", .u = { 1, 16 }),
	OPT_FLAG('W', "oob", A, unordered, "accepted; writes are in order and parallel work needs no leave"),
	OPT_FLAG('c', "compress", A, compress, "compress the target"),
	OPT_FLAG('C', "copy-range-offloading", A, copy_range, "let the kernel copy plain data where its blocks cannot be shared"),
	OPT_FLAG('n', "no-create", A, no_create, "the target exists"),
	OPT_FLAG(0, "bitmaps", A, bitmaps, "copy persistent bitmaps"),
	OPT_FLAG(0, "skip-broken-bitmaps", A, skip_broken, "but not inconsistent ones"),
	OPT_FLAG(0, "verify", A, verify, "read the target again and compare it with the sources"),
	OPT_STR(0, "checksum", "sha256", A, checksum, "print the sum of the content, computed on the way"),
	OPT_FLAG(0, "salvage", A, salvage, "what cannot be read becomes zeros"),
	OPT_FLAG(0, "target-is-zero", A, target_is_zero, "the existing target reads as zeros"),
	OPT_FLAG(0, "target-image-opts", A, target_opts, "the target is given by options"),
	OPERAND_REST1("FILE", A, files, "one or more sources, and the target"),
	OPT_END
};

const struct opt_cmd img_cmd_convert = {
	.name = "convert", .summary = "copy images into another format", .opts = opts, .defaults = defaults,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
