// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Variables and functions of the shell. A function's frame holds what its
 * "local" variables were before; returning puts that back.
 */
#include "sh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static unsigned bucket(const char *name)
{
	unsigned h = 5381;

	while (*name)
		h = h * 33 + (u8)*name++;
	return h % SH_VAR_BUCKETS;
}

static struct sh_var *find(const struct sh *sh, const char *name)
{
	struct sh_var *v = sh->vars[bucket(name)];

	while (v && strcmp(v->name, name))
		v = v->next;
	return v;
}

static struct sh_var *make(struct sh *sh, const char *name)
{
	struct sh_var *v = find(sh, name), **head = &sh->vars[bucket(name)];

	if (v)
		return v;
	v = sh_realloc(NULL, sizeof(*v));
	*v = (struct sh_var){ .next = *head, .name = sh_strdup(name) };
	*head = v;
	return v;
}

const char *sh_var_get(const struct sh *sh, const char *name)
{
	const struct sh_var *v = find(sh, name);

	return v ? v->value : NULL;
}

int sh_var_set(struct sh *sh, const char *name, const char *value, unsigned flags)
{
	struct sh_var *v = make(sh, name);
	char *copy;

	if (v->flags & VAR_READONLY) {
		sh_error(sh, 2, "%s: is read only", name);
		return -EPERM;
	}
	copy = value ? sh_strdup(value) : NULL;
	free(v->value);
	v->value = copy;
	v->flags |= flags | (sh->opt_a && value ? VAR_EXPORT : 0);
	if (!value)
		v->flags = 0;
	if (!strcmp(name, "OPTIND"))
		sh->optind_char = 0;
	return 0;
}

void sh_var_flag(struct sh *sh, const char *name, unsigned flags)
{
	make(sh, name)->flags |= flags;
}

void sh_var_local(struct sh *sh, const char *name)
{
	struct sh_var *v = make(sh, name), *old = sh->frame->saved;

	while (old && strcmp(old->name, name))
		old = old->next;
	if (old)
		return;
	old = sh_realloc(NULL, sizeof(*old));
	*old = (struct sh_var){ sh->frame->saved, sh_strdup(name),
				v->value ? sh_strdup(v->value) : NULL, v->flags };
	sh->frame->saved = old;
}

void sh_frame_pop(struct sh *sh)
{
	struct sh_frame *f = sh->frame;

	while (f->saved) {
		struct sh_var *old = f->saved, *v = make(sh, old->name);

		f->saved = old->next;
		free(v->value);
		v->value = old->value;
		v->flags = old->flags;
		free(old->name);
		free(old);
	}
	sh->frame = f->up;
}

char **sh_var_environ(struct sh *sh)
{
	struct sh_fields f = { 0 };

	for (int i = 0; i < SH_VAR_BUCKETS; i++)
		for (struct sh_var *v = sh->vars[i]; v; v = v->next) {
			size_t n = strlen(v->name);
			char *s;

			if (!v->value || !(v->flags & VAR_EXPORT))
				continue;
			s = sh_alloc(&sh->work, n + strlen(v->value) + 2);
			sprintf(s, "%s=%s", v->name, v->value);
			sh_fields_add(sh, &f, s);
		}
	sh_fields_add(sh, &f, NULL);
	return f.v;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct sh_var *const *)a)->name,
		      (*(const struct sh_var *const *)b)->name);
}

/* A value that the shell reads back as it was. */
static void print_quoted(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*s);
	}
	putchar('\'');
}

void sh_var_print(struct sh *sh, const char *prefix, unsigned flags)
{
	struct sh_mark mark = sh_arena_mark(&sh->work);
	struct sh_fields f = { 0 };

	for (int i = 0; i < SH_VAR_BUCKETS; i++)
		for (struct sh_var *v = sh->vars[i]; v; v = v->next)
			if ((v->flags & flags) == flags && (v->value || flags))
				sh_fields_add(sh, &f, (char *)v);
	if (f.n)
		qsort(f.v, f.n, sizeof(*f.v), by_name);
	for (int i = 0; i < f.n; i++) {
		const struct sh_var *v = (const struct sh_var *)f.v[i];

		printf("%s%s", prefix, v->name);
		if (v->value) {
			putchar('=');
			print_quoted(v->value);
		}
		putchar('\n');
	}
	sh_arena_release(&sh->work, mark);
}

void sh_vars_import(struct sh *sh)
{
	char number[16], dir[4096];
	const char *pwd;

	for (char **e = environ; *e; e++) {
		const char *eq = strchr(*e, '=');
		char *name;

		if (!eq || !sh_is_name(*e, eq - *e))
			continue;
		name = sh_strndup(&sh->work, *e, eq - *e);
		sh_var_set(sh, name, eq + 1, VAR_EXPORT);
	}
	snprintf(number, sizeof(number), "%d", getppid());
	sh_var_set(sh, "PPID", number, 0);
	sh_var_set(sh, "IFS", " \t\n", 0);
	sh_var_set(sh, "OPTIND", "1", 0);
	if (!sh_var_get(sh, "PATH"))
		sh_var_set(sh, "PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 0);
	pwd = getcwd(dir, sizeof(dir));
	if (pwd)
		sh_var_set(sh, "PWD", pwd, 0);
}

void sh_vars_free(struct sh *sh)
{
	for (int i = 0; i < SH_VAR_BUCKETS; i++)
		while (sh->vars[i]) {
			struct sh_var *v = sh->vars[i];

			sh->vars[i] = v->next;
			free(v->name);
			free(v->value);
			free(v);
		}
	while (sh->funcs)
		sh_func_unset(sh, sh->funcs->name);
}

struct sh_func *sh_func_find(const struct sh *sh, const char *name)
{
	struct sh_func *f = sh->funcs;

	while (f && strcmp(f->name, name))
		f = f->next;
	return f;
}

void sh_func_set(struct sh *sh, const char *name, struct sh_node *body)
{
	struct sh_func *f = sh_realloc(NULL, sizeof(*f));

	/* The name may be that of the old one's tree: free that last. */
	*f = (struct sh_func){ NULL, sh_strdup(name), body, sh->tree };
	f->tree->refs++;
	sh_func_unset(sh, name);
	f->next = sh->funcs;
	sh->funcs = f;
}

void sh_func_unset(struct sh *sh, const char *name)
{
	struct sh_func **p = &sh->funcs, *f;

	while (*p && strcmp((*p)->name, name))
		p = &(*p)->next;
	f = *p;
	if (!f)
		return;
	*p = f->next;
	sh_arena_put(f->tree);
	free(f->name);
	free(f);
}
