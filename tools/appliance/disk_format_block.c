// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Disk image formats by the block layer: the raw image is copied into the
 * format, without its holes, and removed.
 */
#include "disk_format.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "block/block.h"
#include "block/copy.h"
#include "mem.h"
#include "str.h"

const char *const disk_formats[] = { "raw", "qcow2", NULL };

static int open_node(struct blk_graph *g, const char *file, const char *format, u32 flags,
		     struct blk_node **out, struct err *err)
{
	struct blk_opts o = { 0 };

	if (blk_opts_set(&o, "driver", format)) {
		blk_opts_free(&o);
		return err_set(err, ENOMEM, "out of memory");
	}
	return blk_open(g, file, &o, flags, out, err);
}

static int copy(struct blk_graph *g, const char *raw, const char *target, const char *format,
		struct err *err)
{
	struct blk_node *from = NULL, *to = NULL;
	struct blk_opts o = { 0 };
	int rc = open_node(g, raw, "raw", 0, &from, err), closed;

	if (rc)
		return rc;
	rc = blk_opts_set_u64(&o, "size", blk_length(from));
	rc = rc ? err_set(err, ENOMEM, "out of memory") : blk_create(g, format, target, &o, err);
	if (!rc)
		rc = open_node(g, target, format, BLK_O_RDWR, &to, err);
	if (!rc) {
		struct blk_copy_source src = { from, 0, blk_length(from) };
		struct blk_copy c = { .src = &src, .n_src = 1, .dst = to, .target_is_zero = true,
				      .min_sparse = 4096, .workers = 1 };

		rc = blk_copy_run(&c, err);
	}
	closed = blk_unref(to);
	if (!rc && closed)
		rc = err_errno(err, -closed, "%s", target);
	blk_unref(from);
	return rc;
}

int disk_format_finish(const char *raw, const char *output, int format, struct err *err)
{
	struct blk_graph *g;
	char *temp;
	int rc;

	if (!format)
		return rename(raw, output) ? err_errno(err, errno, "%s", output) : 0;
	g = blk_graph_new(NULL);
	temp = str_printf("%s.%s", raw, disk_formats[format]);
	if (!g || !temp)
		rc = err_set(err, ENOMEM, "out of memory");
	else
		rc = copy(g, raw, temp, disk_formats[format], err);
	if (!rc && rename(temp, output))
		rc = err_errno(err, errno, "%s", output);
	if (rc && temp)
		unlink(temp);
	else
		unlink(raw);
	if (g)
		blk_graph_free(g);
	mem_free(temp);
	return rc;
}
