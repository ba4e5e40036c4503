// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pictures of the guest's screen: the monitor's and QMP's screendump.
 */
#include <errno.h>
#include "dev/display.h"
#include "hmp.h"
#include "qmp.h"
#include "str.h"

/* screendump FILE [-f FORMAT] */
void hmp_screendump(struct hmp_call *c)
{
	struct err err = ERR_INIT;
	const char *path = NULL, *format = "ppm";
	unsigned i;

	for (i = 1; i < c->argc; i++) {
		if (str_eq(c->argv[i], "-f") && i + 1 < c->argc)
			format = c->argv[++i];
		else
			path = c->argv[i];
	}
	if (!path || (!str_eq(format, "ppm") && !str_eq(format, "png")))
		strbuf_puts(c->out, "usage: screendump FILE [-f ppm|png]\n");
	else if (display_dump(c->vm->m, path, str_eq(format, "png") ? DISPLAY_PNG : DISPLAY_PPM, &err) < 0)
		strbuf_printf(c->out, "Error: %s\n", err.msg);
}

static int screendump(struct qmp_call *c)
{
	static const char *const formats[] = { "ppm", "png", NULL };
	const char *path = NULL, *device = NULL;
	u64 head = 0;
	int format = 0;

	qopts_str(c->args, "filename", &path, &c->err);
	qopts_str(c->args, "device", &device, &c->err);
	qopts_u64(c->args, "head", 0, 0, &head, &c->err);
	qopts_enum(c->args, "format", formats, &format, &c->err);
	qopts_require(c->args, "filename", &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	return display_dump(c->m, path, format ? DISPLAY_PNG : DISPLAY_PPM, &c->err);
}

static const struct qmp_command screendump_cmd = { .name = "screendump", .fn = screendump };
REGISTER(qmp_command, screendump_cmd);
