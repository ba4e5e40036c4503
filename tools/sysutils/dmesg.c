// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet dmesg: prints the kernel's messages, without their <level> marks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>
#include "util.h"

enum { READ_ALL = 3, READ_CLEAR = 4, CONSOLE_LEVEL = 8, SIZE_BUFFER = 10 };	/* syslog(2) */

struct dmesg_args {
	bool clear;
	u64 level;
};

static void print(const char *p, const char *end)
{
	while (p < end) {
		if (*p == '<')
			while (p < end && *p++ != '>')
				;
		while (p < end) {
			putchar(*p);
			if (*p++ == '\n')
				break;
		}
	}
}

static int dmesg_run(void *p, const struct opt_call *call)
{
	struct dmesg_args *args = p;
	int size, n;
	char *buf;

	(void)call;
	if (args->level)
		return klogctl(CONSOLE_LEVEL, NULL, args->level) ? util_fail("console level") : 0;
	size = klogctl(SIZE_BUFFER, NULL, 0);
	buf = size > 0 ? malloc(size) : NULL;
	n = buf ? klogctl(args->clear ? READ_CLEAR : READ_ALL, buf, size) : -1;
	if (n < 0)
		util_fail("kernel log");
	else
		print(buf, buf + n);
	free(buf);
	return n < 0;
}

#define A struct dmesg_args
static const struct opt dmesg_opts[] = {
	OPT_FLAG('c', "read-clear", A, clear, "forget them then"),
	OPT_UINT('n', "console-level", "LEVEL", A, level, "only set what goes to the console: messages below LEVEL (1 to 8)",
		 .u = { 1, 8 }),
	OPT_END
};
#undef A

static const struct opt_cmd dmesg_cmd = {
	.name = "dmesg", .summary = "print the kernel's messages", .opts = dmesg_opts,
	.args_size = sizeof(struct dmesg_args), .run = dmesg_run,
};
static const struct applet dmesg = { .cmd = &dmesg_cmd };
APPLET(dmesg);
