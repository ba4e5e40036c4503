/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img check: is an image consistent, and repair. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "block/driver.h"
#include "img.h"
#include "json.h"

struct check_args {
	struct img_args a;
	const char *repair, *file;
};
#define A struct check_args

static void log_line(void *opaque, const char *line)
{
	const struct check_args *c = opaque;

	if (!c->a.quiet)
		fprintf(stderr, "%s\n", line);
}

static void print_human(const struct blk_check *c)
{
	if (!c->corruptions && !c->leaks && !c->check_errors)
		printf("No errors were found on the image.\n");
	if (c->corruptions)
		printf("\n%llu errors were found on the image.\nData may be corrupted, or further writes to "
		       "the image may corrupt it.\n", c->corruptions);
	if (c->leaks)
		printf("\n%llu leaked clusters were found on the image.\nThis means waste of disk space, but "
		       "no harm to data.\n", c->leaks);
	if (c->check_errors)
		printf("\n%llu internal errors have occurred during the check.\n", c->check_errors);
	if (c->bfi_valid && c->total_clusters && c->allocated_clusters)
		printf("%llu/%llu = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed clusters\n",
		       c->allocated_clusters, c->total_clusters,
		       (double)c->allocated_clusters * 100 / (double)c->total_clusters,
		       (double)c->fragmented_clusters * 100 / (double)c->allocated_clusters,
		       (double)c->compressed_clusters * 100 / (double)c->allocated_clusters);
	if (c->image_end_offset)
		printf("Image end offset: %llu\n", c->image_end_offset);
}

static int put(struct json *j, const char *key, u64 v)
{
	return v ? json_set(j, key, json_new_uint(v)) : 0;
}

static int print_json(const struct blk_check *c, const char *file, const char *fmt)
{
	struct json *j = json_new(JSON_OBJECT);
	int ret = j ? 0 : -ENOMEM;

	ret = ret ?: put(j, "image-end-offset", c->image_end_offset);
	ret = ret ?: put(j, "total-clusters", c->bfi_valid ? c->total_clusters : 0);
	ret = ret ?: put(j, "corruptions", c->corruptions);
	ret = ret ?: json_set(j, "check-errors", json_new_uint(c->check_errors));
	ret = ret ?: put(j, "allocated-clusters", c->allocated_clusters);
	ret = ret ?: put(j, "leaks", c->leaks);
	ret = ret ?: put(j, "corruptions-fixed", c->corruptions_fixed);
	ret = ret ?: put(j, "leaks-fixed", c->leaks_fixed);
	ret = ret ?: put(j, "fragmented-clusters", c->fragmented_clusters);
	ret = ret ?: put(j, "compressed-clusters", c->compressed_clusters);
	ret = ret ?: json_set(j, "filename", json_new_str(file));
	ret = ret ?: json_set(j, "format", json_new_str(fmt));
	if (ret) {
		json_free(j);
		j = NULL;
	}
	return img_print_json(j);
}

static int repair_note(const struct check_args *ca, struct blk_node *n, struct blk_check *c, bool json,
		       struct err *e)
{
	u64 lf = c->leaks_fixed, cf = c->corruptions_fixed;
	int ret;

	if (!lf && !cf)
		return 0;
	if (!json && !ca->a.quiet) {
		printf("The following inconsistencies were found and repaired:\n\n    %llu leaked clusters\n"
		       "    %llu corruptions\n\nDouble checking the fixed image now...\n", lf, cf);
		fflush(stdout);
	}
	*c = (struct blk_check){ .log = log_line, .opaque = (void *)ca };
	ret = blk_check_run(n, c, e);
	c->leaks_fixed = lf;
	c->corruptions_fixed = cf;
	return ret;
}

static int do_check(struct blk_node *n, struct check_args *ca, u32 fix, bool json)
{
	struct blk_check c = { .fix = fix, .log = log_line, .opaque = ca };
	struct err e = ERR_INIT;
	int ret = blk_check_run(n, &c, &e);

	if (ret == -ENOTSUP) {
		img_error("This image format does not support checks");
		return 63;
	}
	ret = ret ?: repair_note(ca, n, &c, json, &e);
	if (ret) {
		img_error("Check failed: %s", e.msg[0] ? e.msg : strerror(-ret));
		return 1;
	}
	if (json)
		print_json(&c, ca->file, blk_driver_name(n));
	else if (!ca->a.quiet)
		print_human(&c);
	if (c.check_errors)
		return 1;
	return c.corruptions ? 2 : c.leaks ? 3 : 0;
}

static int run(void *args, const struct opt_call *call)
{
	struct check_args *c = args;
	int json = img_output_json(&c->a), ret;
	u32 fix = 0, flags = BLK_O_CHECK | BLK_O_NO_BACKING | BLK_O_UNMAP;
	struct blk_graph *g;
	struct blk_node *n;

	if (json < 0)
		return 1;
	if (c->repair && !strcmp(c->repair, "leaks"))
		fix = BLK_FIX_LEAKS;
	else if (c->repair && !strcmp(c->repair, "all"))
		fix = BLK_FIX_LEAKS | BLK_FIX_ERRORS;
	else if (c->repair) {
		img_error("Unknown option value for -r (expecting 'leaks' or 'all'): %s", c->repair);
		return 1;
	}
	if (img_cache_flags(c->a.src_cache, &flags)) {
		img_error("Invalid source cache option: %s", c->a.src_cache);
		return 1;
	}
	g = img_graph(&c->a, call);
	if (!g)
		return 1;
	if (img_sandbox_places(g, &c->a, &(struct img_place){ c->file, -1, fix }, 1)) {
		blk_graph_free(g);
		return 1;
	}
	n = img_open(g, &c->a, c->file, c->a.fmt, flags | (fix ? BLK_O_RDWR : 0));
	ret = n ? do_check(n, c, fix, json) : 1;
	blk_unref(n);
	return img_done(g, ret);
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_QUIET(A), IMG_SRC_CACHE(A), IMG_OUTPUT(A),
	OPT_STR('r', "repair", "WHAT", A, repair, "repair \"leaks\" or \"all\""),
	OPERAND("FILE", A, file, "the image"),
	OPT_END
};
static const struct opt_section sections[] = {
	{ "EXIT STATUS", "0\t-- consistent\n1\t-- the check could not be made\n2\t-- damaged\n"
	  "3\t-- leaked clusters only\n63\t-- the format has no check" },
	{ NULL, NULL }
};

const struct opt_cmd img_cmd_check = {
	.name = "check", .summary = "check an image for consistency, and repair it", .opts = opts,
	.sections = sections, .args_size = sizeof(A), .run = run, .usage_status = 1,
};
