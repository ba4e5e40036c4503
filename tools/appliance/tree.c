// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree of files of an appliance: a list of entries, sorted when it is
 * written, where parents come before what is in them.
 */
#include "appliance.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cpio.h"

void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].data);
	}
	free(t->v);
	*t = (struct tree){ 0 };
}

static struct tree_entry *find(const struct tree *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].name, name))
			return &t->v[i];
	return NULL;
}

bool tree_has(const struct tree *t, const char *name)
{
	return find(t, name);
}

static int put(struct tree *t, const char *name, const struct tree_entry *e, struct err *err)
{
	struct tree_entry *slot = find(t, name);
	u8 *data = malloc(e->len + 1);
	char *copy = strdup(name);

	if (!slot && t->n == t->cap) {
		size_t cap = t->cap * 2 + 64;
		struct tree_entry *v = realloc(t->v, cap * sizeof(*v));

		if (!v)
			goto nomem;
		t->v = v;
		t->cap = cap;
	}
	if (!data || !copy)
		goto nomem;
	if (e->len)
		memcpy(data, e->data, e->len);
	data[e->len] = '\0';
	if (slot) {
		free(slot->name);
		free(slot->data);
	} else {
		slot = &t->v[t->n++];
	}
	*slot = *e;
	slot->name = copy;
	slot->data = data;
	return 0;
nomem:
	free(data);
	free(copy);
	return err_set(err, ENOMEM, "out of memory");
}

static int put_parents(struct tree *t, const char *name, struct err *err)
{
	struct tree_entry dir = { .mode = S_IFDIR | 0755 };
	int rc = 0;

	for (const char *p = strchr(name, '/'); p && !rc; p = strchr(p + 1, '/')) {
		char *parent = strndup(name, p - name);

		if (!parent)
			return err_set(err, ENOMEM, "out of memory");
		if (!find(t, parent))
			rc = put(t, parent, &dir, err);
		free(parent);
	}
	return rc;
}

static int add(struct tree *t, const char *name, const struct tree_entry *e, struct err *err)
{
	int rc;

	name += strspn(name, "/");
	rc = put_parents(t, name, err);
	return rc ? rc : put(t, name, e, err);
}

int tree_file(struct tree *t, const char *name, u32 mode, const void *data, size_t len,
	      struct err *err)
{
	struct tree_entry e = { .mode = S_IFREG | mode, .data = (u8 *)data, .len = len };

	return add(t, name, &e, err);
}

int tree_text(struct tree *t, const char *name, const char *text, struct err *err)
{
	return tree_file(t, name, 0644, text, strlen(text), err);
}

int tree_dir(struct tree *t, const char *name, u32 mode, struct err *err)
{
	struct tree_entry e = { .mode = S_IFDIR | mode };

	return add(t, name, &e, err);
}

int tree_slink(struct tree *t, const char *name, const char *target, struct err *err)
{
	struct tree_entry e = { .mode = S_IFLNK | 0777, .data = (u8 *)target,
				.len = strlen(target) };

	return add(t, name, &e, err);
}

int tree_node(struct tree *t, const char *name, u32 mode, u32 major, u32 minor,
	      struct err *err)
{
	struct tree_entry e = { .mode = mode, .major = major, .minor = minor };

	return add(t, name, &e, err);
}

static int host_file(struct tree *t, const char *path, const char *name, u32 mode,
		     struct err *err)
{
	struct bytes b;
	int rc = file_read(path, &b, err);

	if (rc)
		return rc;
	rc = tree_file(t, name, mode & 07777, b.data, b.len, err);
	free(b.data);
	return rc;
}

static int host_link(struct tree *t, const char *path, const char *name, struct err *err)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return err_errno(err, errno, "%s", path);
	target[n] = '\0';
	return tree_slink(t, name, target, err);
}

static int host_dir(struct tree *t, const char *path, const char *name, u32 mode,
		    struct err *err)
{
	DIR *d = opendir(path);
	int rc = d ? tree_dir(t, name, mode & 07777, err) : err_errno(err, errno, "%s", path);
	struct dirent *ent;

	while (!rc && (ent = readdir(d))) {
		char sub[4096], as[4096];

		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		if (snprintf(sub, sizeof(sub), "%s/%s", path, ent->d_name) >= (int)sizeof(sub) ||
		    snprintf(as, sizeof(as), "%s/%s", name, ent->d_name) >= (int)sizeof(as))
			rc = err_set(err, ENAMETOOLONG, "%s: name too long", path);
		else
			rc = tree_host(t, sub, as, err);
	}
	if (d)
		closedir(d);
	return rc;
}

int tree_host(struct tree *t, const char *path, const char *name, struct err *err)
{
	struct stat st;

	if (lstat(path, &st))
		return err_errno(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return host_dir(t, path, name, st.st_mode, err);
	if (S_ISLNK(st.st_mode))
		return host_link(t, path, name, err);
	if (S_ISREG(st.st_mode))
		return host_file(t, path, name, st.st_mode, err);
	return tree_node(t, name, st.st_mode, major(st.st_rdev), minor(st.st_rdev), err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tree_entry *)a)->name, ((const struct tree_entry *)b)->name);
}

static int write_entry(struct cpio *w, const struct tree_entry *e, struct err *err)
{
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return cpio_dir(w, e->name, e->mode & 07777, err);
	case S_IFREG:
		return cpio_file(w, e->name, e->mode & 07777, e->data, e->len, err);
	case S_IFLNK:
		return cpio_slink(w, e->name, (const char *)e->data, err);
	}
	return cpio_node(w, e->name, e->mode, e->major, e->minor, err);
}

int tree_cpio(struct tree *t, u32 mtime, struct sink *out, struct err *err)
{
	struct cpio w;
	int rc = 0;

	qsort(t->v, t->n, sizeof(*t->v), by_name);
	cpio_start(&w, out, mtime);
	for (size_t i = 0; i < t->n && !rc; i++)
		rc = write_entry(&w, &t->v[i], err);
	return rc ? rc : cpio_end(&w, err);
}
