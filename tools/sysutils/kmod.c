// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loading of kernel modules by name or alias. The index files are read into
 * memory once and searched line by line: they hold tens of modules in an
 * appliance, and a few thousand lines at most elsewhere.
 */
#include "kmod.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "str.h"

#define KMOD_INDEX_MAX		(16 * MiB)
#define MODULE_INIT_COMPRESSED_FILE 4	/* linux/module.h */

struct kmod {
	char *dir;
	char *dep, *alias, *builtin;	/* whole files, NULL: not there */
};

/* One line of an index; not NUL-terminated. */
struct kmod_line {
	const char *s;
	size_t len;
};

typedef int kmod_fn(struct kmod *k, const char *path, void *ctx, struct err *err);

static char *read_index(const char *dir, const char *name)
{
	char path[512], *text = NULL;
	size_t len = 0;
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	if (!fstat(fileno(f), &st) && st.st_size <= (off_t)KMOD_INDEX_MAX)
		text = malloc(st.st_size + 1);
	if (text) {
		len = fread(text, 1, st.st_size, f);
		text[len] = '\0';
	}
	fclose(f);
	return text;
}

struct kmod *kmod_open(const char *dir, struct err *err)
{
	struct kmod *k = calloc(1, sizeof(*k));
	char standard[300];
	struct utsname u;

	if (!k)
		goto nomem;
	if (!dir) {
		uname(&u);
		snprintf(standard, sizeof(standard), "/lib/modules/%s", u.release);
		dir = standard;
	}
	k->dir = strdup(dir);
	if (!k->dir)
		goto nomem;
	k->dep = read_index(dir, "modules.dep");
	k->alias = read_index(dir, "modules.alias");
	k->builtin = read_index(dir, "modules.builtin");
	if (k->dep || k->builtin)
		return k;
	err_set(err, ENOENT, "%s: no modules.dep", dir);
	kmod_close(k);
	return NULL;
nomem:
	err_set(err, ENOMEM, "out of memory");
	kmod_close(k);
	return NULL;
}

void kmod_close(struct kmod *k)
{
	if (!k)
		return;
	free(k->dir);
	free(k->dep);
	free(k->alias);
	free(k->builtin);
	free(k);
}

static bool next_line(const char **p, struct kmod_line *l)
{
	if (!*p || !**p)
		return false;
	l->s = *p;
	l->len = strcspn(*p, "\n");
	*p += l->len + (l->s[l->len] == '\n');
	return true;
}

static char dash(char c)
{
	return c == '-' ? '_' : c;
}

/* True when the file at path, len bytes, is the module called name. */
static bool path_is(const char *path, size_t len, const char *name)
{
	const char *slash = memrchr(path, '/', len);
	const char *base = slash ? slash + 1 : path;
	size_t n = len - (base - path), i = 0;

	while (i < n && base[i] != '.' && name[i] && dash(base[i]) == dash(name[i]))
		i++;
	return !name[i] && (i == n || base[i] == '.');
}

static bool is_builtin(const struct kmod *k, const char *name)
{
	const char *p = k->builtin;
	struct kmod_line l;

	while (next_line(&p, &l))
		if (path_is(l.s, l.len, name))
			return true;
	return false;
}

/* Finds "PATH: DEP DEP" in modules.dep. */
static bool find_dep(const struct kmod *k, const char *name, struct kmod_line *out)
{
	const char *p = k->dep, *colon;

	while (next_line(&p, out)) {
		colon = memchr(out->s, ':', out->len);
		if (colon && path_is(out->s, colon - out->s, name))
			return true;
	}
	return false;
}

static int call_path(struct kmod *k, const char *s, size_t len, kmod_fn *fn, void *ctx,
		     struct err *err)
{
	char path[1024];

	if (*s == '/')
		snprintf(path, sizeof(path), "%.*s", (int)len, s);
	else
		snprintf(path, sizeof(path), "%s/%.*s", k->dir, (int)len, s);
	return fn(k, path, ctx, err);
}

/*
 * Calls fn for the module of a line of modules.dep, its dependencies first:
 * the line has all of them, nearest first, so that the last comes first here.
 */
static int walk_line(struct kmod *k, const struct kmod_line *l, kmod_fn *fn, void *ctx,
		     struct err *err)
{
	const char *colon = memchr(l->s, ':', l->len);
	const char *end = l->s + l->len;
	int rc, n = 0;

	while (end > colon + 1) {
		const char *s = end;

		while (s > colon + 1 && s[-1] != ' ')
			s--;
		rc = s < end ? call_path(k, s, end - s, fn, ctx, err) : 0;
		if (rc < 0)
			return rc;
		n += rc;
		end = s > colon + 1 ? s - 1 : s;
	}
	rc = call_path(k, l->s, colon - l->s, fn, ctx, err);
	return rc < 0 ? rc : n + rc;
}

/* Splits "alias PATTERN MODULE". */
static bool split_alias(const struct kmod_line *l, char pattern[256], char module[128])
{
	const char *p = l->s + 6, *end = l->s + l->len, *space;

	if (l->len < 6 || memcmp(l->s, "alias ", 6))
		return false;
	space = memchr(p, ' ', end - p);
	if (!space || space - p >= 256 || end - space > 128)
		return false;
	memcpy(pattern, p, space - p);
	pattern[space - p] = '\0';
	memcpy(module, space + 1, end - space - 1);
	module[end - space - 1] = '\0';
	return true;
}

/* What a pattern begins with up to its first wildcard decides nearly always. */
static bool alias_matches(const char *pattern, const char *name)
{
	size_t fixed = strcspn(pattern, "*?[\\");

	return !strncmp(pattern, name, fixed) && !fnmatch(pattern, name, 0);
}

static int walk_aliases(struct kmod *k, const char *name, kmod_fn *fn, void *ctx,
			struct err *err)
{
	char pattern[256], module[128];
	const char *p = k->alias;
	struct kmod_line l, dep;
	int n = 0, found = 0;

	while (next_line(&p, &l)) {
		int rc = 0;

		if (!split_alias(&l, pattern, module) || !alias_matches(pattern, name))
			continue;
		found++;
		if (find_dep(k, module, &dep))
			rc = walk_line(k, &dep, fn, ctx, err);
		if (rc < 0)
			return rc;
		n += rc;
	}
	return found ? n : err_set(err, ENOENT, "%s: no such module", name);
}

static int kmod_walk(struct kmod *k, const char *name, kmod_fn *fn, void *ctx,
		     struct err *err)
{
	struct kmod_line l;

	if (is_builtin(k, name))
		return 0;
	if (find_dep(k, name, &l))
		return walk_line(k, &l, fn, ctx, err);
	return walk_aliases(k, name, fn, ctx, err);
}

struct kmod_load_ctx {
	const char *name, *params;
};

static int load_one(struct kmod *k, const char *path, void *p, struct err *err)
{
	struct kmod_load_ctx *ctx = p;
	const char *params = path_is(path, strlen(path), ctx->name) ? ctx->params : NULL;
	struct err mine = ERR_INIT;
	int rc = kmod_insert(path, params, &mine);

	(void)k;
	if (!rc)
		return 1;
	return rc == -EEXIST ? 0 : err_set(err, -rc, "%s", mine.msg);
}

int kmod_load(struct kmod *k, const char *name, const char *params, struct err *err)
{
	struct kmod_load_ctx ctx = { name, params };

	return kmod_walk(k, name, load_one, &ctx, err);
}

struct kmod_plan_ctx {
	void (*fn)(void *ctx, const char *path);
	void *ctx;
};

static int plan_one(struct kmod *k, const char *path, void *p, struct err *err)
{
	struct kmod_plan_ctx *ctx = p;

	(void)k;
	(void)err;
	ctx->fn(ctx->ctx, path);
	return 0;
}

int kmod_plan(struct kmod *k, const char *name, void (*fn)(void *ctx, const char *path),
	      void *ctx, struct err *err)
{
	struct kmod_plan_ctx pc = { fn, ctx };

	return kmod_walk(k, name, plan_one, &pc, err);
}

int kmod_insert(const char *path, const char *params, struct err *err)
{
	bool packed = !str_ends(path, ".ko");
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	rc = syscall(SYS_finit_module, fd, params ? params : "",
		     packed ? MODULE_INIT_COMPRESSED_FILE : 0);
	rc = rc < 0 ? err_errno(err, errno, "%s", path) : 0;
	close(fd);
	return rc;
}

int kmod_remove(const char *name, struct err *err)
{
	char folded[128];
	size_t i;

	for (i = 0; name[i] && i < sizeof(folded) - 1; i++)
		folded[i] = dash(name[i]);
	folded[i] = '\0';
	if (syscall(SYS_delete_module, folded, O_NONBLOCK) < 0)
		return err_errno(err, errno, "%s", name);
	return 0;
}
