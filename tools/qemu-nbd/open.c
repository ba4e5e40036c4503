// SPDX-License-Identifier: GPL-2.0-or-later
/* Opens the image of qemu-nbd: format, snapshot, overlay, partition or offset. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "block/driver.h"
#include "block/object.h"
#include "block/toolbox.h"
#include "qnbd.h"
#include "str.h"

#define LOCK_TRIES	30
#define LOCK_WAIT_MS	50

int qnbd_objects(struct blk_graph *g, const struct qnbd_args *a)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < a->objects.n; i++) {
		if (blk_graph_add_object(g, a->objects.v[i].val, &e)) {
			qnbd_error("%s", e.msg);
			return -EINVAL;
		}
	}
	return 0;
}

static int flags_of(const struct qnbd_args *a, u32 *flags)
{
	static const char *const caches[] = { "writeback", "none", "off", "writethrough", "directsync", "unsafe", NULL };
	static const u32 bits[] = { 0, BLK_O_DIRECT, BLK_O_DIRECT, BLK_O_WRITETHROUGH,
				    BLK_O_DIRECT | BLK_O_WRITETHROUGH, BLK_O_NO_FLUSH };
	static const char *const discards[] = { "ignore", "off", "unmap", "on", NULL };
	static const char *const aios[] = { "threads", "native", "io_uring", NULL };
	int c = a->cache ? str_to_index(a->cache, caches) : 0;
	int d = a->discard ? str_to_index(a->discard, discards) : 0;

	if (c < 0)
		qnbd_error("Invalid cache mode `%s'", a->cache);
	else if (d < 0)
		qnbd_error("Invalid discard mode `%s'", a->discard);
	else if (a->aio && str_to_index(a->aio, aios) < 0)
		qnbd_error("invalid aio mode `%s'", a->aio);
	else if (a->nocache && a->cache)
		qnbd_error("-n and --cache can only be specified once");
	else
		goto good;
	return -EINVAL;
good:
	*flags = bits[c] | (a->nocache ? BLK_O_DIRECT : 0) | (d >= 2 ? BLK_O_UNMAP : 0) |
		 (a->read_only || a->snapshot || a->load ? 0 : BLK_O_RDWR);
	return 0;
}

/* -s: what clients write goes to a file that has no name. */
static int overlay(struct blk_graph *g, struct blk_node **n, u32 flags, struct err *e)
{
	const char *dir = getenv("TMPDIR");
	char name[4096];
	struct blk_opts o = { 0 };
	struct blk_node *top = NULL;
	int fd, ret;

	if (snprintf(name, sizeof(name), "%s/vl.XXXXXX", dir && *dir ? dir : "/var/tmp") >= (int)sizeof(name))
		return err_set(e, ENAMETOOLONG, "TMPDIR is too long");
	fd = mkstemp(name);
	if (fd < 0)
		return err_errno(e, errno, "Could not make a temporary file in %s", dir ? dir : "/var/tmp");
	close(fd);
	ret = blk_opts_set_u64(&o, "size", blk_length(*n));
	ret = ret ?: blk_create(g, "qcow2", name, &o, e);
	ret = ret ?: blk_opts_set(&o, "driver", "qcow2");
	ret = ret ?: blk_opts_set(&o, "backing", blk_node_name(*n));
	ret = ret ?: blk_open(g, name, &o, flags | BLK_O_RDWR | BLK_O_NO_FLUSH, &top, e);
	blk_opts_free(&o);
	unlink(name);
	if (ret)
		return ret;
	blk_unref(*n);
	*n = top;
	return 0;
}

static int load_snapshot(struct blk_node *n, const char *text, struct err *e)
{
	struct blk_opts o = { 0 };
	struct blk_node *owner;
	const struct blk_snapshot_ops *ops = blk_snapshots(n, &owner);
	char *id = NULL, *name = NULL;
	int ret = 0;

	if (!ops || !ops->load)
		return err_set(e, ENOTSUP, "This image format has no snapshots");
	if (strncmp(text, "snapshot.", 9)) {
		ret = ops->load(owner, text, NULL, NULL);
		return ret ? ops->load(owner, NULL, text, e) : 0;
	}
	ret = blk_opts_parse(&o, text, NULL, e);
	id = blk_opts_take(&o, "snapshot.id");
	name = blk_opts_take(&o, "snapshot.name");
	if (!ret && o.n)
		ret = err_set(e, EINVAL, "Invalid parameter '%s'", o.v[0].key);
	ret = ret ?: ops->load(owner, id, name, e);
	free(id);
	free(name);
	blk_opts_free(&o);
	return ret;
}

/* A raw window: [off, off + len), or all behind @off when @len is ~0. */
static int window(struct blk_graph *g, struct blk_node **n, u64 off, u64 len, u32 flags, struct err *e)
{
	struct blk_opts o = { 0 };
	struct blk_node *top = NULL;
	int ret = blk_opts_set(&o, "driver", "raw");

	ret = ret ?: blk_opts_set(&o, "file", blk_node_name(*n));
	ret = ret ?: blk_opts_set_u64(&o, "offset", off);
	if (len != ~0ULL)
		ret = ret ?: blk_opts_set_u64(&o, "size", len);
	ret = ret ?: blk_open(g, NULL, &o, flags, &top, e);
	blk_opts_free(&o);
	if (ret)
		return ret;
	blk_unref(*n);
	*n = top;
	return 0;
}

static int dress(struct blk_graph *g, struct qnbd_args *a, u32 flags, struct blk_node **n, struct err *e)
{
	u64 off = a->offset, len = ~0ULL;
	int ret = 0;

	if (a->load)
		ret = load_snapshot(*n, a->load, e);
	if (!ret && a->snapshot)
		ret = overlay(g, n, flags, e);
	flags |= a->snapshot ? BLK_O_RDWR : 0;
	if (!ret && a->partition)
		ret = qnbd_partition(*n, a->partition, &off, &len, e);
	if (!ret && (off || len != ~0ULL)) {
		if (off > blk_length(*n))
			ret = err_set(e, EINVAL, "Offset (%llu) has to be smaller than the image size (%llu)",
				      off, blk_length(*n));
		ret = ret ?: window(g, n, off, len, flags, e);
	}
	return ret;
}

/* As -f, --image-opts and the name say. */
static int open_image(struct blk_graph *g, const struct qnbd_args *a, u32 flags, struct blk_node **n, struct err *e)
{
	struct blk_opts o = { 0 };
	int ret = 0;

	if (a->image_opts)
		ret = a->fmt ? err_set(e, EINVAL, "--image-opts and -f are mutually exclusive") :
		      blk_opts_parse(&o, a->file, NULL, e);
	else if (a->fmt)
		ret = blk_opts_set(&o, "driver", a->fmt);
	ret = ret ?: blk_open(g, a->image_opts ? NULL : a->file, &o, flags, n, e);
	blk_opts_free(&o);
	return ret;
}

/* A server that has just ended for its clients gives its lock up a moment later: that is waited for. */
static int open_unlocked(struct blk_graph *g, const struct qnbd_args *a, u32 flags, struct blk_node **n, struct err *e)
{
	int ret = open_image(g, a, flags, n, e);

	for (int i = 0; ret == -EAGAIN && i < LOCK_TRIES; i++) {
		usleep(LOCK_WAIT_MS * 1000);
		err_clear(e);
		ret = open_image(g, a, flags, n, e);
	}
	return ret;
}

struct blk_node *qnbd_open(struct blk_graph *g, struct qnbd_args *a)
{
	struct blk_node *n = NULL;
	struct err e = ERR_INIT;
	u32 flags;
	int ret = flags_of(a, &flags);

	if (ret)
		return NULL;
	if (open_unlocked(g, a, flags, &n, &e)) {
		qnbd_error("Failed to blk_new_open '%s': %s", a->file, e.msg);
		return NULL;
	}
	if (dress(g, a, flags, &n, &e)) {
		qnbd_error("%s", e.msg);
		blk_unref(n);
		return NULL;
	}
	return n;
}
