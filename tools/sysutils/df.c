// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet df: tells how full the mounted file systems are.
 */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include "str.h"
#include "util.h"

struct df_args {
	bool human;
	struct opt_list files;
};

static void put(const struct df_args *args, u64 bytes)
{
	char buf[STR_SIZE_MAX];

	if (args->human)
		printf(" %10s", str_size(buf, bytes));
	else
		printf(" %10llu", DIV_ROUND_UP(bytes, 1024));
}

static int show(const struct df_args *args, const char *device, const char *dir, bool empty_too)
{
	struct statvfs v;
	u64 used, user;

	if (statvfs(dir, &v))
		return util_fail(dir);
	if (!v.f_blocks && !empty_too)
		return 0;
	used = v.f_blocks - v.f_bfree;
	user = used + v.f_bavail;
	printf("%-20s", device);
	put(args, (u64)v.f_blocks * v.f_frsize);
	put(args, used * v.f_frsize);
	put(args, (u64)v.f_bavail * v.f_frsize);
	printf(" %4llu%% %s\n", user ? DIV_ROUND_UP(used * 100, user) : 0, dir);
	return 0;
}

static int df_run(void *p, const struct opt_call *call)
{
	struct df_args *args = p;
	char device[512], dir[512];
	int rc = 0;
	FILE *f;

	(void)call;
	printf("%-20s %10s %10s %10s %5s %s\n", "Filesystem", args->human ? "Size" : "1K-blocks", "Used",
	       "Available", "Use%", "Mounted on");
	for (size_t i = 0; i < args->files.n; i++)
		rc |= show(args, "-", args->files.v[i].val, true);
	f = args->files.n ? NULL : fopen("/proc/mounts", "re");
	if (!f)
		return args->files.n ? rc : util_fail("/proc/mounts");
	while (fscanf(f, "%511s %511s%*[^\n]", device, dir) == 2)
		rc |= show(args, device, dir, false);
	fclose(f);
	return rc;
}

#define A struct df_args
static const struct opt df_opts[] = {
	OPT_FLAG('h', "human-readable", A, human, "sizes with units"),
	OPT_UNFLAG('k', NULL, A, human, "in 1024-byte blocks, the default"),
	OPERAND_REST("FILE", A, files, "only the file systems that these are on"),
	OPT_END
};
#undef A

static const struct opt_cmd df_cmd = {
	.name = "df", .summary = "tell how full file systems are", .opts = df_opts,
	.args_size = sizeof(struct df_args), .run = df_run,
};
static const struct applet df_applet = { .cmd = &df_cmd };
APPLET(df_applet);
