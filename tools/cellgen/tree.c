/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Folders and tar archives (POSIX.1-1988 ustar, with GNU's and pax's long
 * names) behind one face. An archive is read whole and indexed once.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "layout.h"
#include "mem.h"
#include "str.h"
#include "tree.h"

#define TAR_MAX (256U << 20)
#define BLOCK 512

struct entry {
	char *name;
	size_t at, len;
};

struct mtree {
	int dirfd;		/* -1: an archive */
	u8 *tar;
	size_t tar_len;
	struct entry *e;
	size_t n, cap;
};

/* ---- archives ---- */

static u64 tar_number(const u8 *p, size_t n)
{
	u64 v = 0;

	if (p[0] & 0x80) {		/* GNU: binary, big endian */
		for (size_t i = n - 8; i < n; i++)
			v = v << 8 | p[i];
		return v;
	}
	for (size_t i = 0; i < n && p[i]; i++)
		if (p[i] >= '0' && p[i] <= '7')
			v = v << 3 | (p[i] - '0');
	return v;
}

static bool tar_checksum(const u8 *p)
{
	unsigned sum = 0;

	for (int i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	return sum == tar_number(p + 148, 8);
}

/* path= of a pax header: "LENGTH path=VALUE\n" records. */
static char *pax_path(const u8 *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n = 0, i = at;

		while (i < len && p[i] >= '0' && p[i] <= '9' && n < 65536)
			n = n * 10 + (p[i++] - '0');
		if (!n || n > len - at || i >= len || p[i] != ' ')
			break;
		i++;
		if (at + n > i + 6 && !memcmp(p + i, "path=", 5))
			return str_ndup((const char *)p + i + 5, at + n - i - 6);
		at += n;
	}
	return NULL;
}

static char *plain_name(const u8 *p)
{
	char buf[BLOCK];
	bool ustar = !memcmp(p + 257, "ustar", 5) && p[345];

	snprintf(buf, sizeof(buf), "%.*s%s%.100s", ustar ? 155 : 0, (const char *)p + 345, ustar ? "/" : "", (const char *)p);
	return str_dup(buf);
}

static int add_entry(struct mtree *t, char *name, size_t at, size_t len)
{
	char *from = name;

	if (!name || mem_grow(&t->e, &t->cap, t->n + 1, sizeof(*t->e))) {
		mem_free(name);
		return -ENOMEM;
	}
	while (from[0] == '/' || (from[0] == '.' && from[1] == '/'))
		from += from[0] == '/' ? 1 : 2;
	memmove(name, from, strlen(from) + 1);
	t->e[t->n++] = (struct entry){ name, at, len };
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int tar_index(struct mtree *t)
{
	char *long_name = NULL;
	size_t at = 0;
	int ret = 0;

	while (!ret && t->tar_len - at >= BLOCK && t->tar[at]) {
		const u8 *p = t->tar + at;
		u64 len = tar_number(p + 124, 12);
		u8 type = p[156];

		if (!tar_checksum(p) || len > t->tar_len - at - BLOCK) {
			ret = -EINVAL;
			break;
		}
		at += BLOCK;
		if (type == 'L' || type == 'x') {
			mem_free(long_name);
			long_name = type == 'x' ? pax_path(t->tar + at, len) : str_ndup((const char *)t->tar + at, len);
		} else {
			if (type == '0' || type == '\0' || type == '7')
				ret = add_entry(t, long_name ? long_name : plain_name(p), at, len);
			else
				mem_free(long_name);
			long_name = NULL;
		}
		at += MIN((u64)ALIGN_UP(len, BLOCK), (u64)(t->tar_len - at));
	}
	mem_free(long_name);
	if (t->n)
		qsort(t->e, t->n, sizeof(*t->e), by_name);
	return ret;
}

static const struct entry *tar_find(const struct mtree *t, const char *path)
{
	const struct entry key = { (char *)path, 0, 0 };

	return t->n ? bsearch(&key, t->e, t->n, sizeof(*t->e), by_name) : NULL;
}

/* ---- both ---- */

struct mtree *mtree_open(const char *path, struct err *err)
{
	struct mtree *t = mem_zalloc(sizeof(*t));
	struct stat st;
	int ret;

	if (!t) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	t->dirfd = -1;
	if (stat(path, &st)) {
		err_errno(err, errno, "%s", path);
		goto fail;
	}
	if (S_ISDIR(st.st_mode)) {
		t->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (t->dirfd >= 0)
			return t;
		err_errno(err, errno, "%s", path);
		goto fail;
	}
	if (jh_slurp(path, TAR_MAX, &t->tar, &t->tar_len, err))
		goto fail;
	ret = tar_index(t);
	if (!ret && t->n)
		return t;
	if (t->tar_len > 2 && t->tar[0] == 0x1f && t->tar[1] == 0x8b)
		err_set(err, EINVAL, "%s: is compressed; unpack it with gzip -d first", path);
	else
		err_set(err, ret == -ENOMEM ? ENOMEM : EINVAL, "%s: is no tar archive, or a damaged one", path);
fail:
	mtree_close(t);
	return NULL;
}

void mtree_close(struct mtree *t)
{
	if (!t)
		return;
	if (t->dirfd >= 0)
		close(t->dirfd);
	for (size_t i = 0; i < t->n; i++)
		mem_free(t->e[i].name);
	mem_free(t->e);
	mem_free(t->tar);
	mem_free(t);
}

static int dir_read(struct mtree *t, const char *path, u8 **data, size_t *len)
{
	int fd = openat(t->dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n = 0, cap = 0;
	ssize_t got = 1;
	u8 *p = NULL;
	int ret = 0;

	if (fd < 0)
		return -errno;
	/* files of /proc and /sys do not know their size */
	while (got > 0 && n < TREE_FILE_MAX && !ret) {
		if (mem_grow(&p, &cap, n + 4097, 1)) {
			ret = -ENOMEM;
			break;
		}
		got = read(fd, p + n, cap - n - 1);
		if (got < 0)
			ret = -errno;
		else
			n += got;
	}
	close(fd);
	if (ret) {
		mem_free(p);
		return ret;
	}
	p[n] = '\0';
	*data = p;
	*len = n;
	return 0;
}

int mtree_read(struct mtree *t, const char *path, u8 **data, size_t *len)
{
	const struct entry *e;

	if (t->dirfd >= 0)
		return dir_read(t, path, data, len);
	e = tar_find(t, path);
	if (!e)
		return -ENOENT;
	*data = mem_alloc(e->len + 1);
	if (!*data)
		return -ENOMEM;
	memcpy(*data, t->tar + e->at, e->len);
	(*data)[e->len] = '\0';
	*len = e->len;
	return 0;
}

const char *mtree_line(struct mtree *t, const char *path, char *buf, size_t size)
{
	size_t len;
	u8 *data;

	buf[0] = '\0';
	if (mtree_read(t, path, &data, &len))
		return buf;
	snprintf(buf, size, "%.*s", (int)strcspn((char *)data, "\n"), (char *)data);
	mem_free(data);
	return buf;
}

bool mtree_has(struct mtree *t, const char *path)
{
	return t->dirfd >= 0 ? !faccessat(t->dirfd, path, F_OK, 0) : tar_find(t, path) != NULL;
}

struct names {
	char **v;
	size_t n, cap;
};

static void add_name(struct names *s, const char *name, size_t len)
{
	char *copy;

	if (s->n && strlen(s->v[s->n - 1]) == len && !memcmp(s->v[s->n - 1], name, len))
		return;
	copy = str_ndup(name, len);
	if (!copy || mem_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v)))
		mem_free(copy);
	else
		s->v[s->n++] = copy;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void dir_names(struct mtree *t, const char *dir, struct names *s)
{
	int fd = openat(t->dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(d)))
		if (de->d_name[0] != '.')
			add_name(s, de->d_name, strlen(de->d_name));
	closedir(d);
}

char **mtree_names(struct mtree *t, const char *dir, size_t *n)
{
	struct names s = { NULL, 0, 0 };
	size_t len = strlen(dir);

	if (t->dirfd >= 0)
		dir_names(t, dir, &s);
	else
		for (size_t i = 0; i < t->n; i++)
			if (!strncmp(t->e[i].name, dir, len) && t->e[i].name[len] == '/')
				add_name(&s, t->e[i].name + len + 1, strcspn(t->e[i].name + len + 1, "/"));
	if (s.n)
		qsort(s.v, s.n, sizeof(*s.v), by_text);
	*n = s.n;
	return s.v;
}

void mtree_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mem_free(names[i]);
	mem_free(names);
}
