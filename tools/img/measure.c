/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img measure: how large an image would become. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "img.h"
#include "json.h"

struct measure_args {
	struct img_args a;
	const char *out_fmt, *size, *snapshot, *file;
	struct opt_list options, files;
};
#define A struct measure_args

static int print(const struct blk_measure *m, int json)
{
	struct json *j;

	if (!json) {
		printf("required size: %llu\nfully allocated size: %llu\n", m->required, m->fully_allocated);
		if (m->has_bitmaps)
			printf("bitmaps size: %llu\n", m->bitmaps);
		return 0;
	}
	j = json_new(JSON_OBJECT);
	if (m->has_bitmaps)
		json_set(j, "bitmaps", json_new_uint(m->bitmaps));
	json_set(j, "required", json_new_uint(m->required));
	json_set(j, "fully-allocated", json_new_uint(m->fully_allocated));
	return img_print_json(j);
}

static int measure(struct measure_args *ma, struct blk_node *n, int json)
{
	const struct blk_driver *d = blk_driver_find(ma->out_fmt ? ma->out_fmt : "raw");
	struct blk_measure m = { 0 };
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;
	char *text = NULL;
	u64 size;
	int ret;

	if (!d || !d->measure) {
		img_error(d ? "Format driver '%s' does not support size measurement" : "Unknown file format '%s'",
			  ma->out_fmt);
		return 1;
	}
	ret = img_join_options(&ma->options, &text);
	if (!ret && text)
		ret = blk_opts_parse(&o, text, NULL, &e);
	free(text);
	if (!ret && ma->size) {
		if (img_size(ma->size, "image size", &size))
			return 1;
		ret = blk_opts_set_u64(&o, "size", size);
	}
	ret = ret ?: d->measure(&o, n, &m, &e);
	if (!ret && o.n)
		ret = err_set(&e, EINVAL, "Invalid parameter '%s'", o.v[0].key);
	blk_opts_free(&o);
	if (ret) {
		img_error_err(&e);
		return 1;
	}
	return print(&m, json);
}

static int check_operands(struct measure_args *m)
{
	const char *bad = NULL;

	for (size_t i = 0; i < m->options.n; i++) {
		const char *t = m->options.v[i].val;

		if (!*t || *t == ',' || t[strlen(t) - 1] == ',') {
			img_error("Invalid option list: %s", t);
			return -EINVAL;
		}
	}
	if (m->snapshot && !strncmp(m->snapshot, "snapshot.", 9) && strncmp(m->snapshot, "snapshot.id=", 12) &&
	    strncmp(m->snapshot, "snapshot.name=", 14)) {
		img_error("Invalid parameter '%.*s'", (int)strcspn(m->snapshot, "="), m->snapshot);
		img_error("Failed in parsing snapshot param '%s'", m->snapshot);
		return -EINVAL;
	}
	if (m->files.n > 1)
		bad = "At most one filename argument is allowed.";
	else if (m->files.n)
		m->file = m->files.v[0].val;
	else if (m->a.image_opts || m->a.fmt || m->snapshot)
		bad = "--image-opts, -f, and -l require a filename argument.";
	if (!bad && !m->size && !m->file)
		bad = "Either --size N or one filename must be specified.";
	if (!bad && m->size && m->file)
		bad = "--size N cannot be used together with a filename.";
	if (bad)
		img_error("%s", bad);
	return bad ? -EINVAL : 0;
}

static int run(void *args, const struct opt_call *call)
{
	struct measure_args *m = args;
	int json = img_output_json(&m->a), ret = 1;
	struct blk_graph *g;
	struct blk_node *n = NULL;

	if (json < 0)
		return 1;
	if (check_operands(m))
		return 1;
	g = img_graph(&m->a, call);
	if (!g)
		return 1;
	if (img_sandbox(g, &m->a, (const char *const []){ m->file, NULL })) {
		blk_graph_free(g);
		return 1;
	}
	if (m->file)
		n = img_open(g, &m->a, m->file, m->a.fmt, 0);
	if (n && m->snapshot) {
		struct blk_node *owner;
		const struct blk_snapshot_ops *ops = blk_snapshots(n, &owner);
		struct err e = ERR_INIT;

		if (!ops || ops->load(owner, m->snapshot, m->snapshot, &e)) {
			img_error("Failed to load snapshot: %s", ops ? e.msg : "not supported");
			goto out;
		}
	}
	if (n || !m->file)
		ret = measure(m, n, json);
out:
	blk_unref(n);
	blk_graph_free(g);
	return ret;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_OUTPUT(A),
	OPT_STR('O', "target-format", "FMT", A, out_fmt, "format of the new image (default: raw)"),
	OPT_STR(0, "size", "SIZE", A, size, "of an empty image of SIZE"),
	OPT_STR('l', "snapshot", "SNAPSHOT", A, snapshot, "of this snapshot of FILE"),
	OPT_LIST('o', "options", "OPTIONS", A, options, "options of the new format"),
	OPERAND_REST("FILE", A, files, "the image that would be converted"),
	OPT_END
};

const struct opt_cmd img_cmd_measure = {
	.name = "measure", .summary = "tell how large a new image would be", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
