// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The registry of applets (applet.h): finding one by name, alias or prefix
 * link, and walking all of them in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "applet.h"
#include "mem.h"
#include "str.h"

REGISTRY_DECLARE(applet);

static bool is_called(const struct applet *a, const char *name, size_t n)
{
	const char *const *alias = a->aliases;

	if (strlen(a->cmd->name) == n && !strncmp(a->cmd->name, name, n))
		return true;
	for (; alias && *alias; alias++)
		if (strlen(*alias) == n && !strncmp(*alias, name, n))
			return true;
	return false;
}

static const struct applet *find(const char *name, size_t n)
{
	const struct applet *a;

	REGISTRY_FOREACH(applet, a)
		if (is_called(a, name, n))
			return a;
	return NULL;
}

const struct applet *applet_find(const char *name)
{
	return find(name, strlen(name));
}

/* "img-dd" as applet img and sub-command dd; a name may hold dashes itself. */
static const struct applet *find_prefix(const char *name, const char **sub)
{
	for (const char *dash = strchr(name, '-'); dash; dash = strchr(dash + 1, '-')) {
		const struct applet *a = find(name, (size_t)(dash - name));

		if (a && a->flags & APPLET_PREFIX && opt_find_sub(a->cmd, dash + 1)) {
			*sub = dash + 1;
			return a;
		}
	}
	return NULL;
}

/* An applet with a main of its own still explains itself; PID 1's words come from the kernel. */
static int run(const struct applet *a, int argc, char **argv)
{
	bool help = argc == 2 && str_eq(argv[1], "--help") && getpid() != 1;

	return a->main && !help ? a->main(argc, argv) : opt_main(a->cmd, argc, argv);
}

/* img-dd x: run as `img dd x`. */
static int run_prefixed(const struct applet *a, const char *name, const char *sub, int argc, char **argv)
{
	char **words = mem_array((size_t)argc + 2, sizeof(*words));
	char *program = str_ndup(name, (size_t)(sub - name) - 1);
	int status = 1;

	if (words && program) {
		words[0] = program;
		words[1] = (char *)(uintptr_t)sub;	/* argv's own text */
		memcpy(words + 2, argv + 1, (size_t)argc * sizeof(*words));
		status = run(a, argc + 1, words);
	}
	mem_free(program);
	mem_free(words);
	return status;
}

int applet_run(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0], *sub;
	const struct applet *a = applet_find(name);

	if (a)
		return run(a, argc, argv);
	a = find_prefix(name, &sub);
	return a ? run_prefixed(a, name, sub, argc, argv) : 127;
}

static int by_name(const void *pa, const void *pb)
{
	const struct applet *const *a = pa, *const *b = pb;

	return strcmp((*a)->cmd->name, (*b)->cmd->name);
}

/* The names besides its own: aliases, then prefix links. */
static void other_names(const struct applet *a, void (*fn)(void *ctx, const struct applet *a, const char *name),
			void *ctx)
{
	char link[128];

	for (const char *const *alias = a->aliases; alias && *alias; alias++)
		fn(ctx, a, *alias);
	if (!(a->flags & APPLET_PREFIX))
		return;
	for (const struct opt_cmd *const *s = a->cmd->subs; s && *s; s++) {
		if ((*s)->flags & OPT_CMD_HIDDEN)
			continue;
		snprintf(link, sizeof(link), "%s-%s", a->cmd->name, (*s)->name);
		fn(ctx, a, link);
	}
}

void applet_foreach(bool aliases, void (*fn)(void *ctx, const struct applet *a, const char *name), void *ctx)
{
	const struct applet *a, **sorted;
	size_t n = 0;

	REGISTRY_FOREACH(applet, a)
		n++;
	sorted = mem_array(n, sizeof(*sorted));
	if (!sorted)
		return;
	n = 0;
	REGISTRY_FOREACH(applet, a)
		if (!(a->flags & APPLET_HIDDEN))
			sorted[n++] = a;
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n; i++) {
		fn(ctx, sorted[i], sorted[i]->cmd->name);
		if (aliases)
			other_names(sorted[i], fn, ctx);
	}
	mem_free(sorted);
}
