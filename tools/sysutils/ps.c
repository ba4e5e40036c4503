// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet ps: lists all processes, from /proc.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "util.h"

static ssize_t slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

/* The command line with blanks, or the kernel's name for it in brackets. */
static void command(const char *dir, const char *comm, char *out, size_t size)
{
	char path[300];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/cmdline", dir);
	n = slurp(path, out, size);
	for (ssize_t i = 0; i + 1 < n; i++)
		if (!out[i] || out[i] == '\n')
			out[i] = ' ';
	if (n <= 0)
		snprintf(out, size, "[%s]", comm);
}

static int print_one(void *ctx, const char *dir)
{
	const char *pid = strrchr(dir, '/') + 1;
	char path[300], stat_text[1024], args[1024], state;
	long utime, stime, rss, hz = sysconf(_SC_CLK_TCK);
	char *open, *close;
	struct stat st;
	int ppid;

	(void)ctx;
	if (*pid < '0' || *pid > '9' || strlen(dir) > 200)
		return 0;
	snprintf(path, sizeof(path), "%s/stat", dir);
	/* It may have ended meanwhile. */
	if (slurp(path, stat_text, sizeof(stat_text)) <= 0 || stat(dir, &st))
		return 0;
	open = strchr(stat_text, '(');
	close = strrchr(stat_text, ')');
	if (!open || !close ||
	    sscanf(close + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %*d %*d %*d %*d %*d %*d %*u %*u %ld",
		   &state, &ppid, &utime, &stime, &rss) != 5)
		return 0;
	*close = '\0';
	command(dir, open + 1, args, sizeof(args));
	utime = (utime + stime) / hz;
	printf("%5s %5d %5u %c %6ldk %3ld:%02ld %s\n", pid, ppid, st.st_uid, state,
	       rss * sysconf(_SC_PAGESIZE) / 1024, utime / 60, utime % 60, args);
	return 0;
}

static int ps_run(void *args, const struct opt_call *call)
{
	(void)args;
	(void)call;
	printf("%5s %5s %5s %c %7s %6s %s\n", "PID", "PPID", "UID", 'S', "RSS", "TIME", "COMMAND");
	return util_each("/proc", print_one, NULL);
}

static const struct opt_cmd ps_cmd = {
	.name = "ps", .summary = "list all processes", .run = ps_run,
};
static const struct applet ps = { .cmd = &ps_cmd };
APPLET(ps);
