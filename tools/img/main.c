/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applet img, also called qemu-img: its sub-commands. */
#include "applet.h"
#include "img.h"

static const struct opt_cmd *const subs[] = {
	&img_cmd_amend, &img_cmd_bench, &img_cmd_bitmap, &img_cmd_check, &img_cmd_commit,
	&img_cmd_compare, &img_cmd_convert, &img_cmd_create, &img_cmd_dd, &img_cmd_info, &img_cmd_inspect,
	&img_cmd_map, &img_cmd_measure, &img_cmd_rebase, &img_cmd_resize, &img_cmd_snapshot, NULL
};

static const struct opt_section sections[] = {
	{ "EXIT STATUS", "0\t-- success\n1\t-- an error\n66\t-- a budget (--max-size, --max-ratio, --max-memory, --max-time) was reached\n\nSome sub-commands have more codes; see there." },
	{ "FILES THAT IMAGES NAME",
	  "An image can name other files: a backing file, a data file, extents. Called as img, such files "
	  "are opened only when they stand in the directory of the image that names them and are no links; "
	  "--follow=all opens any. Called as qemu-img, any is opened, as qemu-img does." },
	{ "SANDBOX",
	  "Every sub-command closes a sandbox before it opens an image: only files below the directories of its images can be "
	  "opened, only those of what it makes or changes can be written, and only system calls that this, printing and "
	  "threads need are left. -o options that name files turn it off. "
	  "Not with --follow=all (so not as qemu-img), --image-opts or protocols, unless --sandbox=require." },
	{ NULL, NULL }
};

static const struct opt_cmd img_cmd = {
	.name = "img", .summary = "create, convert, inspect and change disk images",
	.subs = subs, .sections = sections, .usage_status = 1,
};

static const char *const aliases[] = { "qemu-img", NULL };
static const struct applet img = { .cmd = &img_cmd, .aliases = aliases, .flags = APPLET_PREFIX };
APPLET(img);
