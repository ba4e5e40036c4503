// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What keeps strange images harmless: budgets with an exit code of their own,
 * and the sandbox around the sub-commands that read what others made.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "asan.h"
#include "block/driver.h"
#include "img.h"
#include "log.h"
#include "sandbox.h"
#include "str.h"

/* Memory of a caged program: enough for the largest blocks of dd. */
#define SANDBOX_DATA (8 * GiB)

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
		if (!ASAN_IS_ON)
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

/* The path that a rule for @name must have: a device alone, else all of the directory. */
static char *rule_path(const char *name)
{
	struct stat st;

	if (!stat(name, &st) && !S_ISREG(st.st_mode))
		return strdup(name);
	return dir_of(name);
}

/* Rules for the place @p, two if it is named by a link that leads to another directory; their number. */
static int rules_for(const struct img_place *p, struct sandbox_rule *r)
{
	const char *name = p->name;
	char *real;

	*r = (struct sandbox_rule){ NULL, p->fd, p->write };
	if (!name)
		return 1;
	name += blk_folder_prefix(name);
	r[0].path = rule_path(name);
	real = realpath(name, NULL);
	if (!real)
		return 1;
	r[1] = (struct sandbox_rule){ rule_path(real), -1, p->write };
	free(real);
	return 2;
}

/* What this kernel has of it. */
static int enter(const struct img_place *p, int n, bool require)
{
	struct sandbox_rule *r = calloc((size_t)n * 2 + 1, sizeof(*r));
	struct err e = ERR_INIT;
	int k = 0, ret;

	if (!r) {
		img_error("out of memory");
		return -ENOMEM;
	}
	for (int i = 0; i < n; i++)
		k += rules_for(&p[i], r + k);
	ret = sandbox_enter(r, k, &e);
	if (ret && require) {
		img_error("%s", e.msg);
	} else if (ret) {
		log_info("%s", e.msg);
		ret = 0;
	}
	while (k--)
		free((char *)r[k].path);
	free(r);
	return ret;
}

int img_sandbox_places(struct blk_graph *g, const struct img_args *a, const struct img_place *p, int n)
{
	static const char *const modes[] = { "auto", "off", "require", NULL };
	const struct rlimit data = { SANDBOX_DATA, SANDBOX_DATA };
	int mode = a->sandbox ? str_to_index(a->sandbox, modes) : 0;

	if (mode < 0) {
		img_error("--sandbox takes auto, off or require, not '%s'", a->sandbox);
		return -EINVAL;
	}
	/* Without --follow=all all that is opened is below the images' own directories. */
	if (mode == 1 || (mode == 0 && (blk_graph_policy(g)->follow == BLK_FOLLOW_ALL || a->image_opts)))
		return 0;
	for (int i = 0; mode == 0 && i < n; i++)
		if (p[i].name && blk_is_protocol_name(p[i].name) && !blk_folder_prefix(p[i].name))
			return 0;
	tzset();	/* reads a file */
	if (!a->max_memory && !ASAN_IS_ON)
		setrlimit(RLIMIT_DATA, &data);
	return enter(p, n, mode == 2);
}

bool img_names_files(const struct opt_list *options)
{
	for (size_t i = 0; i < options->n; i++)
		if (strstr(options->v[i].val, "data_file") || strstr(options->v[i].val, "backing_file"))
			return true;
	return false;
}

int img_sandbox(struct blk_graph *g, const struct img_args *a, const char *const *names)
{
	struct img_place p[3];
	int n = 0;

	for (; n < 3 && names[n]; n++)
		p[n] = (struct img_place){ names[n], -1, false };
	return img_sandbox_places(g, a, p, n);
}
