// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Completion at the prompt: commands (builtins, functions, applets, programs
 * of PATH) for a first word, names of files for the others.
 */
#include "sh.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "applet.h"

#define NAMES_MAX 4096

struct sh_names {
	struct sh *sh;
	const char *word;
	size_t len;
	struct sh_fields *out;
};

static void offer(struct sh_names *c, const char *name)
{
	if (c->out->n < NAMES_MAX && !strncmp(name, c->word, c->len))
		sh_fields_add(c->sh, c->out, sh_strndup(&c->sh->work, name, strlen(name)));
}

static void offer_applet(void *ctx, const struct applet *a, const char *name)
{
	(void)a;
	offer(ctx, name);
}

/* Names in dir that begin as base does, with shown before them. */
static void offer_dir(struct sh_names *c, const char *dir, const char *shown, const char *base,
		      bool programs)
{
	DIR *d = opendir(*dir ? dir : ".");
	struct dirent *ent;
	struct strbuf path = STRBUF_INIT;
	struct stat st;

	while (d && (ent = readdir(d))) {
		if (strncmp(ent->d_name, base, strlen(base)) || (ent->d_name[0] == '.' && *base != '.'))
			continue;
		strbuf_reset(&path);
		strbuf_printf(&path, "%s%s%s", dir, *dir ? "/" : "", ent->d_name);
		if (stat(path.s, &st) || (programs && (!S_ISREG(st.st_mode) || access(path.s, X_OK))))
			continue;
		strbuf_reset(&path);
		strbuf_printf(&path, "%s%s%s", shown, ent->d_name, S_ISDIR(st.st_mode) ? "/" : "");
		offer(c, path.s);
	}
	if (d)
		closedir(d);
	strbuf_free(&path);
}

static void offer_files(struct sh_names *c)
{
	char *word = sh_strndup(&c->sh->work, c->word, c->len);
	char *slash = strrchr(word, '/');
	char *shown = sh_strndup(&c->sh->work, word, slash ? slash + 1 - word : 0);

	if (!slash) {
		offer_dir(c, "", "", word, false);
		return;
	}
	*slash = '\0';
	offer_dir(c, slash == word ? "/." : word, shown, slash + 1, false);
}

static void offer_commands(struct sh_names *c)
{
	const char *path = sh_var_get(c->sh, "PATH");
	size_t n;
	const struct sh_builtin *b = sh_builtin_list(&n);

	for (size_t i = 0; i < n; i++)
		offer(c, b[i].name);
	for (struct sh_func *f = c->sh->funcs; f; f = f->next)
		offer(c, f->name);
	applet_foreach(true, offer_applet, c);
	for (const char *p = path ? path : ""; *p; p += *p == ':') {
		size_t len = strcspn(p, ":");

		if (len)
			offer_dir(c, sh_strndup(&c->sh->work, p, len), "",
				  sh_strndup(&c->sh->work, c->word, c->len), true);
		p += len;
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void sh_complete(struct sh *sh, const char *word, size_t len, bool command,
		 struct sh_fields *out)
{
	struct sh_names c = { sh, word, len, out };
	int n = 0;

	if (command && !memchr(word, '/', len))
		offer_commands(&c);
	else
		offer_files(&c);
	if (!out->n)
		return;
	qsort(out->v, out->n, sizeof(*out->v), by_text);
	for (int i = 0; i < out->n; i++)
		if (!n || strcmp(out->v[n - 1], out->v[i]))
			out->v[n++] = out->v[i];
	out->n = n;
}
