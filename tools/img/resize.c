/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img resize: another virtual size. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "block/driver.h"
#include "img.h"
#include "str.h"

struct resize_args {
	struct img_args a;
	const char *file, *size, *prealloc;
	bool shrink;
};
#define A struct resize_args

static int new_size(const char *text, u64 now, u64 *out)
{
	char sign = text[0];
	u64 v;

	if (blk_parse_size(sign == '+' || sign == '-' ? text + 1 : text, &v) || v > (u64)INT64_MAX) {
		img_error("Parameter 'size' expects a non-negative number below 2^64\n"
			  "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
			  "and exabytes, respectively.");
		return -EINVAL;
	}
	if (sign == '-' && v > now) {
		img_error("New image size must be positive");
		return -EINVAL;
	}
	*out = sign == '+' ? now + v : sign == '-' ? now - v : v;
	if (*out > (u64)INT64_MAX) {
		img_error("New image size must be below 8 EiB");
		return -EINVAL;
	}
	return 0;
}

static int do_resize(struct resize_args *r, struct blk_node *n, int prealloc)
{
	u64 now = blk_length(n), to;
	struct err e = ERR_INIT;

	if (new_size(r->size, now, &to))
		return 1;
	if (to <= now && prealloc) {
		img_error("Preallocation can only be used for growing images");
		return 1;
	}
	if (to < now && !r->shrink) {
		img_error("Use the --shrink option to perform a shrink operation.");
		fprintf(stderr, "Warning: Shrinking an image will delete all data beyond the shrunken image's end. "
			"Before performing such an operation, make sure there is no important data there.\n");
		return 1;
	}
	if (blk_truncate(n, to, true, prealloc, &e)) {
		img_error_err(&e);
		return 1;
	}
	if (blk_flush(n)) {
		img_error("Could not write the new size to the disk");
		return 1;
	}
	if (!r->a.quiet)
		printf("Image resized.\n");
	return 0;
}

static int run(void *args, const struct opt_call *call)
{
	struct resize_args *r = args;
	struct blk_graph *g;
	struct blk_node *n;
	int prealloc = 0, ret;

	if (r->prealloc) {
		prealloc = str_to_index(r->prealloc, blk_prealloc_names);
		if (prealloc < 0) {
			img_error("Invalid preallocation mode '%s'", r->prealloc);
			return 1;
		}
	}
	g = img_graph(&r->a, call);
	if (!g)
		return 1;
	n = img_sandbox_places(g, &r->a, &(struct img_place){ r->file, -1, true }, 1) ? NULL :
	    img_open(g, &r->a, r->file, r->a.fmt, BLK_O_RDWR | BLK_O_UNMAP);
	ret = n ? do_resize(r, n, prealloc) : 1;
	blk_unref(n);
	return img_done(g, ret);
}

/* "-1G" is a size, not options. */
static int take_minus(void *args, const struct opt *o, const char *arg, struct err *err)
{
	struct resize_args *r = args;
	static char buf[64];

	snprintf(buf, sizeof(buf), "-%c%s", o->short_name, arg ? arg : "");
	r->size = buf;
	return 0;
}

#define DIGIT(c) OPT_CALL(c, NULL, "", take_minus, "", .flags = OPT_HIDDEN | OPT_OPTARG)
static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_QUIET(A),
	OPT_STR(0, "preallocation", "MODE", A, prealloc, "space for the new part: off, metadata, falloc, full"),
	OPT_FLAG(0, "shrink", A, shrink, "allow a smaller size"),
	DIGIT('0'), DIGIT('1'), DIGIT('2'), DIGIT('3'), DIGIT('4'), DIGIT('5'), DIGIT('6'), DIGIT('7'),
	DIGIT('8'), DIGIT('9'),
	OPERAND("FILE", A, file, "the image"),
	OPERAND_OPT("SIZE", A, size, "the new size; with + or - in front relative to the present one"),
	OPT_END
};

static int run_checked(void *args, const struct opt_call *call)
{
	struct resize_args *r = args;

	if (!r->size) {
		img_error("Expecting image file name and size");
		return 1;
	}
	return run(args, call);
}

const struct opt_cmd img_cmd_resize = {
	.name = "resize", .summary = "change the virtual size of an image", .opts = opts,
	.args_size = sizeof(A), .run = run_checked, .usage_status = 1,
};
