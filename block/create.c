/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creating images: the protocol makes an empty file, the format writes itself into it. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "block/int.h"

const char *const blk_prealloc_names[] = { "off", "metadata", "falloc", "full", NULL };

static bool in_table(const struct blk_optdesc *t, const char *name)
{
	for (; t && t->name; t++)
		if (!strcmp(t->name, name))
			return true;
	return false;
}

/* Options that only the protocol knows go to it; the rest is the format's. */
static int split(const struct blk_driver *fmt, const struct blk_driver *proto, struct blk_opts *o,
		 struct blk_opts *po)
{
	int i = 0, ret;

	while (i < o->n) {
		char *key = o->v[i].key, *val;

		if (in_table(fmt->create_opts, key) || !in_table(proto->create_opts, key)) {
			i++;
			continue;
		}
		ret = blk_opts_set(po, key, o->v[i].val);
		if (ret)
			return ret;
		val = blk_opts_take(o, key);
		free(val);
	}
	return 0;
}

static int create_format(struct blk_graph *g, const struct blk_driver *fmt, const char *filename,
			 u64 size, struct blk_opts *o, struct err *e)
{
	struct blk_node *file;
	int ret = blk_open(g, filename, NULL, BLK_O_RDWR | BLK_O_PROTOCOL | BLK_O_UNMAP, &file, e);

	if (ret)
		return ret;
	ret = fmt->create(g, file, size, o, e);
	if (!ret && o->n)
		ret = err_set(e, EINVAL, "Invalid parameter '%s'", o->v[0].key);
	if (ret)
		blk_unref(file);
	else
		ret = blk_unref(file);
	return ret;
}

/* A file that did not become an image is no use to anybody. */
static void drop_file(const struct blk_driver *p, const char *filename)
{
	const char *path = filename + blk_protocol_prefix(filename);
	struct stat st;

	if (!strcmp(p->name, "file") && !lstat(path, &st) && S_ISREG(st.st_mode))
		unlink(path);
}

int blk_create(struct blk_graph *g, const char *fmt, const char *filename, struct blk_opts *opts,
	       struct err *e)
{
	const struct blk_driver *d = blk_driver_find(fmt), *p;
	struct blk_opts po = { 0 };
	u64 size = 0;
	int ret;

	if (!d) {
		ret = err_set(e, EINVAL, "Unknown file format '%s'", fmt);
		goto out;
	}
	p = blk_protocol_driver(filename, e);
	ret = p ? 0 : -EINVAL;
	if (!ret && (!d->create || !p->create_file))
		ret = err_set(e, ENOTSUP, !d->create ? "Format driver '%s' does not support image creation" :
			      "Protocol driver '%s' does not support image creation",
			      !d->create ? d->name : p->name);
	ret = ret ?: blk_opts_take_size(opts, "size", &size, e);
	if (!ret && size > (u64)INT64_MAX)
		ret = err_set(e, EFBIG, "Image size must be less than 8 EiB!");
	ret = ret ?: split(d, p, opts, &po);
	ret = ret ?: p->create_file(g, filename, &po, e);
	if (!ret) {
		ret = create_format(g, d, filename, size, opts, e);
		if (ret && ret != -EAGAIN)	/* taken by another process meanwhile */
			drop_file(p, filename);
	}
	if (ret)
		err_set(e, -ret, "%s", strerror(-ret));
out:
	blk_opts_free(&po);
	blk_opts_free(opts);
	return ret;
}
