/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening: from a file name and options to a tree of nodes. The order is
 * QEMU's: json:, "driver", the protocol below ("file"), probing, the format,
 * then the backing file that the format named.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "block/int.h"

#define MAX_DEPTH 200		/* backing chains and nested filters */
#define PROBE_BYTES 2048

const char *blk_probe_format(const u8 *buf, size_t len, const char *filename)
{
	const struct blk_driver *d, *best = NULL;
	int best_score = 0;

	REGISTRY_FOREACH(block, d) {
		int s = d->probe ? d->probe(buf, len, filename) : 0;

		if (s > best_score) {
			best = d;
			best_score = s;
		}
	}
	return best ? best->name : "raw";
}

static int probe(struct blk_node *file, const char *filename, const struct blk_driver **out,
		 struct err *e)
{
	u8 *buf = calloc(1, PROBE_BYTES);
	size_t len = (size_t)MIN(blk_length(file), (u64)PROBE_BYTES);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = blk_node_pread(file, 0, buf, PROBE_BYTES);
	if (!ret)
		*out = blk_driver_find(blk_probe_format(buf, len ? PROBE_BYTES : 0, filename));
	free(buf);
	if (ret)
		return err_errno(e, -ret, "Could not read image for determining its format");
	return *out ? 0 : err_set(e, ENOENT, "Could not determine image format: No compatible driver found");
}

const struct blk_driver *blk_protocol_driver(const char *filename, struct err *e)
{
	size_t p = blk_protocol_prefix(filename);
	const struct blk_driver *d;

	if (!p)
		return blk_driver_find("file");
	REGISTRY_FOREACH(block, d) {
		size_t k = d->prefix ? strlen(d->prefix) : 0;

		if (k && k <= p - 1 && !strncmp(d->prefix, filename, k) &&
		    (k == p - 1 || filename[k] == '+'))
			return d;
	}
	err_set(e, EINVAL, "Unknown protocol '%.*s'", (int)(p - 1), filename);
	return NULL;
}

static const struct blk_driver *protocol_of(const char *filename, struct err *e)
{
	struct stat st;

	if (!blk_protocol_prefix(filename) && !stat(filename, &st) && (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)))
		return blk_driver_find("host_device");
	return blk_protocol_driver(filename, e);
}

static struct blk_node *node_alloc(struct blk_graph *g, const struct blk_driver *drv, u32 flags)
{
	struct blk_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->drv = drv;
	n->graph = g;
	n->flags = flags;
	n->refs = 1;
	n->lim.request_align = 1;
	n->ranges = blk_ranges_new();
	n->units = blk_units_new();
	n->next = g->nodes;
	g->nodes = n;
	if (!n->ranges || !n->units) {
		blk_unref(n);
		return NULL;
	}
	return n;
}

/* Options that every node understands. */
static int common_options(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	static const char *const discards[] = { "ignore", "off", "unmap", "on", NULL };
	static const char *const detect[] = { "off", "on", "unmap", NULL };
	bool direct = n->flags & BLK_O_DIRECT, noflush = n->flags & BLK_O_NO_FLUSH;
	bool ro = !(n->flags & BLK_O_RDWR), share = n->flags & BLK_O_FORCE_SHARE, aro = false;
	int discard = n->flags & BLK_O_UNMAP ? 2 : 0, ret, dz = 0;
	char *name;

	ret = blk_opts_take_bool(o, "cache.direct", &direct, e);
	ret = ret ?: blk_opts_take_bool(o, "cache.no-flush", &noflush, e);
	ret = ret ?: blk_opts_take_bool(o, "read-only", &ro, e);
	ret = ret ?: blk_opts_take_bool(o, "auto-read-only", &aro, e);
	ret = ret ?: blk_opts_take_bool(o, "force-share", &share, e);
	ret = ret ?: blk_opts_take_enum(o, "discard", discards, &discard, e);
	ret = ret ?: blk_opts_take_enum(o, "detect-zeroes", detect, &dz, e);
	if (ret)
		return ret;
	n->flags &= ~(u32)(BLK_O_DIRECT | BLK_O_NO_FLUSH | BLK_O_UNMAP | BLK_O_FORCE_SHARE);
	n->flags |= (direct ? BLK_O_DIRECT : 0) | (noflush ? BLK_O_NO_FLUSH : 0) |
		    (discard >= 2 ? BLK_O_UNMAP : 0) | (share ? BLK_O_FORCE_SHARE : 0);
	if (ro)
		n->flags &= ~(u32)BLK_O_RDWR;
	if (dz == BLK_ZEROES_UNMAP && !(n->flags & BLK_O_UNMAP))
		return err_set(e, EINVAL, "setting detect-zeroes to unmap is not allowed without setting discard "
			       "operation to unmap");
	if (ro && n->flags & BLK_O_COPY_ON_READ)
		return err_set(e, EINVAL, "Can't use copy-on-read on read-only device");
	n->detect_zeroes = (enum blk_zeroes)dz;
	name = blk_opts_take(o, "node-name");
	if (name && blk_graph_find(n->graph, name)) {
		ret = err_set(e, EINVAL, "Duplicate nodes with node-name='%s'", name);
		free(name);
		return ret;
	}
	if (!name) {
		name = malloc(16);
		if (!name)
			return -ENOMEM;
		snprintf(name, 16, "#block%03u", n->graph->serial++);
	}
	n->name = name;
	return 0;
}

static int leftovers(const struct blk_node *n, const struct blk_opts *o, struct err *e)
{
	if (!o->n)
		return 0;
	if (n->drv->flags & BLK_DRV_PROTOCOL)
		return err_set(e, EINVAL, "Block protocol '%s' doesn't support the option '%s'",
			       n->drv->name, o->v[0].key);
	return err_set(e, EINVAL, "Block format '%s' does not support the option '%s'",
		       n->drv->name, o->v[0].key);
}

static int set_filename(struct blk_node *n, const char *filename)
{
	const char *f = filename;

	if (n->file && n->file->filename && (!f || !strncmp(f, "json:", 5) || !strncmp(f, "file:", 5)))
		f = n->file->filename;
	free(n->filename);
	n->filename = strdup(f ? f : "");
	return n->filename ? 0 : -ENOMEM;
}

/* Runs the driver's open on a node whose "file" child, if it needs one, is attached. */
static int open_driver(struct blk_node *n, const char *filename, struct blk_opts *o, struct err *e)
{
	struct blk_opts kept = { 0 };
	u64 max = n->graph->policy.max_virtual;
	int ret = common_options(n, o, e);

	if (ret)
		return ret;
	if (n->drv->flags & BLK_DRV_READ_ONLY)
		n->flags &= ~(u32)BLK_O_RDWR;
	ret = set_filename(n, filename);
	/* What the user said explicitly is part of the node's exact name. */
	ret = ret ?: blk_opts_merge(&kept, o);
	if (ret)
		goto out;
	n->priv = calloc(1, n->drv->priv_size ? n->drv->priv_size : 1);
	ret = n->priv ? n->drv->open(n, o, e) : -ENOMEM;
	if (ret) {
		/* open() has cleaned up after itself */
		free(n->priv);
		n->priv = NULL;
		goto out;
	}
	ret = leftovers(n, o, e);
	if (!ret && max && n->size > max)
		ret = err_set(e, EFBIG, "%s: virtual size %llu is over the limit of %llu bytes",
			      n->filename, n->size, max);
	if (!ret && !n->lim.cluster)
		n->lim.cluster = 1;
out:
	for (int i = 0; !ret && i < kept.n && !(n->drv->flags & BLK_DRV_NAMED); i++) {
		const char *k = kept.v[i].key;

		if (!strcmp(k, "filename") || !strncmp(k, "file.", 5) || !strncmp(k, "backing", 7) ||
		    !strncmp(k, "encrypt", 7) || !strcmp(k, "key-secret") ||
		    !strcmp(k, "locking") || !strcmp(k, "aio"))
			continue;
		if (strchr(k, '.') && !(n->drv->flags & BLK_DRV_PROTOCOL) &&
		    strncmp(k, "inject", 6) && strncmp(k, "set-", 4))
			continue;
		ret = blk_opts_set(&n->opts, k, kept.v[i].val);
	}
	blk_opts_free(&kept);
	return ret;
}

/* ---- backing ---- */

static u32 backing_flags(const struct blk_node *n)
{
	u32 f = n->flags & ~(u32)(BLK_O_RDWR | BLK_O_COPY_ON_READ | BLK_O_CHECK | BLK_O_WRITETHROUGH |
				  BLK_O_NO_PROBE);
	return f;
}

static int open_backing(struct blk_node *n, struct blk_opts *sub, struct err *e)
{
	char *path = NULL;
	bool given = sub->n > 0;
	int ret = 0;

	if (n->flags & BLK_O_NO_BACKING || (!given && !n->backing_name))
		return 0;
	if (!blk_opts_get(sub, "driver") && n->backing_fmt && !given)
		ret = blk_opts_set(sub, "driver", n->backing_fmt);
	if (!ret && n->backing_name && !blk_opts_get(sub, "file.filename") &&
	    !blk_opts_get(sub, "file.driver") && !blk_opts_get(sub, "filename") &&
	    !blk_opts_get(sub, "file")) {
		const char *base = n->file ? n->file->filename : n->filename;

		if (n->backing_fmt && !blk_opts_get(sub, "driver"))
			ret = blk_opts_set(sub, "driver", n->backing_fmt);
		if (!ret && !strncmp(n->backing_name, "json:", 5)) {
			path = strdup(n->backing_name);
			ret = path ? 0 : -ENOMEM;
		} else if (!ret) {
			ret = blk_combine_path(base, n->backing_name, &path);
		}
	}
	if (!ret && path && !given)
		ret = blk_open_reference(n, "backing", path, sub, backing_flags(n), e);
	else if (!ret)
		ret = blk_open_child(n, "backing", path, sub, backing_flags(n), e);
	if (ret)
		err_prefix(e, "Could not open backing file");
	free(path);
	return ret;
}

/* ---- the whole ---- */

static int by_reference(struct blk_graph *g, const char *name, struct blk_node **out, struct err *e)
{
	struct blk_node *n = blk_graph_find(g, name);

	if (!n)
		return err_set(e, ENODEV, "Cannot find device='' nor node-name='%s'", name);
	*out = blk_ref(n);
	return 0;
}

static int open_protocol(struct blk_graph *g, const struct blk_driver *drv, const char *filename,
			 struct blk_opts *o, u32 flags, struct blk_node **out, struct err *e)
{
	struct blk_node *n;
	char *given = NULL;
	int ret = 0;

	n = node_alloc(g, drv, flags);
	if (!n)
		return -ENOMEM;
	if (filename && drv->parse_filename)
		ret = drv->parse_filename(filename, o, e);
	else if (filename)
		ret = blk_opts_set(o, "filename", filename);
	if (!ret && !filename && blk_opts_get(o, "filename")) {
		given = strdup(blk_opts_get(o, "filename"));
		filename = given;
	}
	if (!ret)
		ret = open_driver(n, filename, o, e);
	free(given);
	if (ret) {
		blk_unref(n);
		return ret;
	}
	*out = n;
	return 0;
}

static int open_file_child(struct blk_graph *g, const char *filename, struct blk_opts *o, u32 flags,
			   struct blk_node **out, struct err *e)
{
	char *ref = blk_opts_take(o, "file");
	struct blk_opts sub = { 0 };
	int ret;

	if (ref) {
		ret = by_reference(g, ref, out, e);
		free(ref);
		return ret;
	}
	ret = blk_opts_take_sub(o, "file", &sub);
	if (!ret && !filename && !sub.n) {
		char *fn = blk_opts_take(o, "filename");

		if (fn) {
			ret = blk_opts_set(&sub, "filename", fn);
			free(fn);
		} else {
			ret = err_set(e, EINVAL, "A block device must be specified for \"file\"");
		}
	}
	if (!ret)
		ret = blk_open(g, filename, &sub, flags, out, e);
	blk_opts_free(&sub);
	return ret;
}

/* What is said of an image counts for its file too, unless the file's own options say otherwise. */
static int inherit_flags(const struct blk_opts *o, u32 *flags, struct err *e)
{
	static const struct { const char *key; u32 on, off; } t[] = {	/* bits that go */
		{ "cache.direct", 0, BLK_O_DIRECT }, { "cache.no-flush", 0, BLK_O_NO_FLUSH },
		{ "force-share", 0, BLK_O_FORCE_SHARE }, { "read-only", BLK_O_RDWR, 0 },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(t); i++) {
		const char *v = blk_opts_get(o, t[i].key);
		struct blk_opts one = { 0 };
		bool on = false;

		if (!v)
			continue;
		ret = blk_opts_set(&one, t[i].key, v);
		ret = ret ?: blk_opts_take_bool(&one, t[i].key, &on, e);
		blk_opts_free(&one);
		*flags = on ? (*flags | t[i].off) & ~t[i].on : *flags & ~t[i].off;
	}
	return ret;
}

static int open_format(struct blk_graph *g, const struct blk_driver *drv, const char *filename,
		       struct blk_opts *o, u32 flags, struct blk_node **out, struct err *e)
{
	struct blk_opts back = { 0 };
	struct blk_node *n, *file = NULL;
	bool probed = false;
	char *ref;
	int ret;

	if (!drv || !(drv->flags & BLK_DRV_NO_FILE)) {
		u32 ff = flags & ~(u32)(BLK_O_PROTOCOL | BLK_O_NO_BACKING | BLK_O_COPY_ON_READ | BLK_O_CHECK |
					BLK_O_WRITETHROUGH);
		bool image = drv && drv->flags & BLK_DRV_FILTER && strcmp(drv->name, "raw");

		ret = inherit_flags(o, &ff, e);
		ret = ret ?: open_file_child(g, filename, o, ff | BLK_O_UNMAP | (image ? 0 : BLK_O_PROTOCOL), &file, e);
		if (ret)
			return ret;
	}
	if (!drv) {
		ret = probe(file, filename ? filename : file->filename, &drv, e);
		probed = true;
		if (ret) {
			blk_unref(file);
			return ret;
		}
	}
	n = node_alloc(g, drv, flags & ~(u32)BLK_O_PROTOCOL);
	if (!n) {
		blk_unref(file);
		return -ENOMEM;
	}
	n->probed = probed;
	ret = file ? blk_attach(n, "file", file) : 0;
	if (ret) {
		blk_unref(file);
		goto fail;
	}
	ret = blk_opts_take_sub(o, "backing", &back);
	ref = blk_opts_take(o, "backing");
	if (!ret)
		ret = open_driver(n, filename, o, e);
	if (!ret && ref && *ref) {
		struct blk_node *b = NULL;

		ret = by_reference(g, ref, &b, e);
		if (!ret)
			ret = blk_attach(n, "backing", b);
	} else if (!ret && !ref && (drv->flags & BLK_DRV_BACKING)) {
		ret = open_backing(n, &back, e);
	}
	free(ref);
	blk_opts_free(&back);
	if (!ret && drv->opened)
		ret = drv->opened(n, e);
	if (!ret) {
		*out = n;
		return 0;
	}
fail:
	blk_unref(n);
	return ret;
}

static int choose(struct blk_graph *g, const char *filename, struct blk_opts *o, u32 flags,
		  struct blk_node **out, struct err *e)
{
	char *name = blk_opts_take(o, "driver");
	const struct blk_driver *drv = NULL;

	if (name) {
		drv = blk_driver_find(name);
		if (!drv)
			err_set(e, EINVAL, "Unknown driver '%s'", name);
		free(name);
		if (!drv)
			return -EINVAL;
	}
	if (!drv && flags & BLK_O_PROTOCOL) {
		const char *f = filename ? filename : blk_opts_get(o, "filename");

		if (!f && blk_opts_get(o, "file"))
			return open_format(g, NULL, filename, o, flags, out, e);
		if (!f)
			return err_set(e, EINVAL, "Must specify either driver or file");
		drv = protocol_of(f, e);
		if (!drv)
			return -EINVAL;
		if (!(drv->flags & BLK_DRV_PROTOCOL) && drv->parse_filename) {
			int ret = drv->parse_filename(f, o, e);

			return ret ? ret : open_format(g, drv, NULL, o, flags, out, e);
		}
		if (!filename) {
			char *copy = blk_opts_take(o, "filename");
			int ret = copy ? open_protocol(g, drv, copy, o, flags, out, e) : -ENOMEM;

			free(copy);
			return ret;
		}
	}
	if (drv && drv->flags & BLK_DRV_PROTOCOL)
		return open_protocol(g, drv, filename, o, flags & ~(u32)BLK_O_PROTOCOL, out, e);
	if (!drv && flags & BLK_O_NO_PROBE)
		drv = blk_driver_find("raw");
	if (drv && drv->parse_filename && filename) {
		int ret = drv->parse_filename(filename, o, e);

		return ret ? ret : open_format(g, drv, NULL, o, flags, out, e);
	}
	return open_format(g, drv, filename, o, flags, out, e);
}

int blk_open(struct blk_graph *g, const char *filename, struct blk_opts *opts, u32 flags,
	     struct blk_node **out, struct err *e)
{
	struct blk_opts none = { 0 }, *o = opts ? opts : &none;
	struct blk_opts json = { 0 };
	int ret = 0;

	*out = NULL;
	if (g->depth >= MAX_DEPTH)
		return err_set(e, ELOOP, "Too many nested block nodes (is an image its own backing file?)");
	g->depth++;
	if (filename && !strncmp(filename, "json:", 5)) {
		ret = blk_opts_parse_json(&json, filename + 5, e);
		if (!ret)
			ret = blk_opts_merge(o, &json);
		blk_opts_free(&json);
		filename = NULL;
	}
	if (!ret)
		ret = choose(g, filename, o, flags, out, e);
	if (ret)
		err_set(e, -ret, "%s", strerror(-ret));
	blk_opts_free(o);
	g->depth--;
	return ret;
}

int blk_open_child(struct blk_node *n, const char *role, const char *filename,
		   struct blk_opts *o, u32 flags, struct err *e)
{
	struct blk_node *c;
	int ret = blk_open(n->graph, filename, o, flags, &c, e);

	if (ret)
		return ret;
	ret = blk_attach(n, role, c);
	if (ret)
		blk_unref(c);
	return ret;
}

/* What names the node cannot change; 0 and gone when it says what is so already. */
static int reopen_same(struct blk_node *n, struct blk_opts *o, const char *key, const char *now, struct err *e)
{
	char *v = blk_opts_take(o, key);
	int ret = v && strcmp(v, now) ? err_set(e, EINVAL, "Cannot change the option '%s'", key) : 0;

	free(v);
	return ret;
}

static int reopen_options(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	int ret = reopen_same(n, o, "driver", n->drv->name, e);

	ret = ret ?: reopen_same(n, o, "node-name", n->name, e);
	for (int i = 0; !ret && i < n->n_children; i++) {
		struct blk_opts sub = { 0 };

		ret = blk_opts_take_sub(o, n->child[i].role, &sub);
		if (!ret && sub.n)
			ret = blk_reopen(n->child[i].node, &sub, n->child[i].node->flags, e);
		blk_opts_free(&sub);
	}
	return ret;
}

int blk_reopen(struct blk_node *n, struct blk_opts *opts, u32 flags, struct err *e)
{
	struct blk_opts none = { 0 }, *o = opts ? opts : &none;
	u32 old = n->flags;
	int ret;

	blk_drain_begin(n);
	/* While the files below can still be written. */
	ret = flags & BLK_O_RDWR && !(flags & BLK_O_INACTIVE) ? blk_node_flush(n) : blk_settle(n);
	if (ret)
		err_set(e, -ret, "Could not store what '%s' keeps back: %s", n->filename ? n->filename : n->name, strerror(-ret));
	if (!ret && n->file && (old ^ flags) & (BLK_O_RDWR | BLK_O_DIRECT | BLK_O_NO_FLUSH))
		ret = blk_reopen(n->file, NULL, (n->file->flags & ~(u32)(BLK_O_RDWR | BLK_O_DIRECT |
				 BLK_O_NO_FLUSH)) | (flags & (BLK_O_RDWR | BLK_O_DIRECT |
				 BLK_O_NO_FLUSH)), e);
	ret = ret ?: reopen_options(n, o, e);
	if (!ret && n->drv->reopen)
		ret = n->drv->reopen(n, o, flags, e);
	if (!ret) {
		n->flags = flags;
		n->written = false;
	}
	if (!ret)
		ret = leftovers(n, o, e);
	blk_drain_end(n);
	blk_opts_free(o);
	return ret;
}
