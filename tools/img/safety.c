// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What keeps strange images harmless: budgets with an exit code of their own,
 * and the sandbox around the sub-commands that only read.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "block/driver.h"
#include "img.h"
#include "log.h"
#include "sandbox.h"
#include "str.h"

static u64 max_ratio;

static void out_of_time(int sig)
{
	static const char text[] = "img: the time budget (--max-time) is used up\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(IMG_OVER_BUDGET);
}

void img_over_budget(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", log_program());
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(IMG_OVER_BUDGET);
}

int img_budgets(const struct img_args *a, struct blk_policy *p)
{
	u64 v, s;

	if (a->max_size && img_size(a->max_size, "--max-size", &p->max_virtual))
		return -EINVAL;
	if (a->max_memory) {
		struct rlimit r;

		if (img_size(a->max_memory, "--max-memory", &v))
			return -EINVAL;
		r.rlim_cur = r.rlim_max = (rlim_t)v;
		setrlimit(RLIMIT_DATA, &r);
		p->max_meta = MIN(v / 4, 64 * MiB);
	}
	if (a->max_ratio && (str_to_u64(a->max_ratio, 10, &max_ratio) || !max_ratio)) {
		img_error("--max-ratio takes a number, not '%s'", a->max_ratio);
		return -EINVAL;
	}
	if (a->max_time) {
		if (str_to_u64(a->max_time, 10, &s) || !s || s > 1000000) {
			img_error("--max-time takes seconds, not '%s'", a->max_time);
			return -EINVAL;
		}
		signal(SIGALRM, out_of_time);
		alarm((unsigned int)s);
	}
	return 0;
}

void img_check_budget(struct blk_node *n, int ret)
{
	s64 stored;
	u64 max = n ? blk_graph_policy(n->graph)->max_virtual : 0;

	if (!n) {
		if (ret == -EFBIG || ret == -ENOMEM)
			exit(IMG_OVER_BUDGET);
		return;
	}
	if (max && blk_length(n) > max)
		img_over_budget("%s: virtual size %llu is over --max-size", blk_filename(n), blk_length(n));
	stored = max_ratio ? blk_disk_size(n) : 0;
	if (max_ratio && stored >= 0 && blk_length(n) / max_ratio > (u64)MAX(stored, 512))
		img_over_budget("%s: %llu bytes out of %lld on the disk are over --max-ratio", blk_filename(n),
				blk_length(n), stored);
}

/* ---- sandbox ---- */

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

int img_sandbox(struct blk_graph *g, const struct img_args *a, const char *const *names)
{
	static const char *const modes[] = { "auto", "off", "require", NULL };
	int mode = a->sandbox ? str_to_index(a->sandbox, modes) : 0, n = 0, ret = 0;
	char *dirs[4] = { NULL };
	struct err e = ERR_INIT;

	if (mode < 0) {
		img_error("--sandbox takes auto, off or require, not '%s'", a->sandbox);
		return -EINVAL;
	}
	/* Without --follow=all all that is opened is below the images' own directories. */
	if (mode == 1 || (mode == 0 && (blk_graph_policy(g)->follow == BLK_FOLLOW_ALL || a->image_opts)))
		return 0;
	for (; names[n] && n < 3; n++) {
		if (blk_is_protocol_name(names[n]) && mode == 0)
			goto out;
		dirs[n] = dir_of(names[n]);
	}
	ret = sandbox_read_only((const char *const *)dirs, &e);
	if (ret && mode == 2) {
		img_error("%s", e.msg);
	} else if (ret) {
		log_info("%s", e.msg);
		ret = 0;
	}
out:
	while (n--)
		free(dirs[n]);
	return ret;
}
