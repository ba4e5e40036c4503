// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's side of vvfat: the folder's tree, and contents of files. No file
 * is kept open; each is found again below the folder by its path
 * (openat2(2), RESOLVE_BENEATH), so that no link leads outside, whatever
 * happens in the folder meanwhile.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/openat2.h>
#include "block/vvfat.h"
#include "log.h"
#include "utf8.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

#define MAX_FILE	0xffffffffULL	/* bytes of a file on FAT */

struct scan {
	int fd;
	const char *dir;
	u64 budget;		/* bytes of memory left */
	struct err *e;
};

struct vvfat_node *vvfat_of(struct fat_node *n)
{
	return (struct vvfat_node *)n;
}

void vvfat_tree_free(struct vvfat_node *root)
{
	struct fat_node *n = root ? &root->fat : NULL;

	/* From the leaves: a node's child list shrinks until it can go itself. */
	while (n) {
		struct fat_node *up = n->parent;

		if (n->child) {
			n = n->child;
			continue;
		}
		if (up)
			up->child = n->next;
		fat_node_clear(n);
		free(n);
		n = up;
	}
}

/* ---- paths ---- */

/* The path of a node below the folder; false: it is too long for the host. */
static bool path_of(struct vvfat_node *f, char *out, size_t size)
{
	char *p = out + size - 1;

	*p = '\0';
	if (!f->fat.parent) {
		memcpy(out, ".", 2);
		return true;
	}
	for (; f->fat.parent; f = vvfat_of(f->fat.parent)) {
		size_t len = strlen(f->host);

		if ((size_t)(p - out) < len + 1)
			return false;
		if (*p)
			*--p = '/';
		p -= len;
		memcpy(p, f->host, len);
	}
	memmove(out, p, strlen(p) + 1);
	return true;
}

static int open_beneath(int fd, const char *path, int flags, u64 resolve)
{
	struct open_how how = { .flags = (u64)flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | resolve };

	/* Who moves files about at that very moment gets another try, not for ever. */
	for (int i = 0; i < 64; i++) {
		long r = syscall(SYS_openat2, fd, path, &how, sizeof(how));

		if (r >= 0)
			return (int)r;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

/* ---- contents ---- */

static bool same_file(const struct vvfat_node *f, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_dev == f->dev && st->st_ino == f->ino &&
	       (u64)st->st_size == f->fat.len &&
	       (u64)st->st_mtim.tv_sec * 1000000000 + (u64)st->st_mtim.tv_nsec == f->mtime_ns;
}

static int read_all(int fd, u64 off, u8 *buf, size_t len)
{
	while (len) {
		ssize_t r = pread(fd, buf, len, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -ESTALE;
		buf += r;
		off += (u64)r;
		len -= (size_t)r;
	}
	return 0;
}

int vvfat_read_file(int fd, struct vvfat_node *f, u64 off, u8 *buf, size_t len)
{
	char path[PATH_MAX];
	struct stat st;
	int file = -ENAMETOOLONG, ret;

	if (path_of(f, path, sizeof(path)))
		file = open_beneath(fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, RESOLVE_NO_MAGICLINKS);
	ret = file < 0 ? file : fstat(file, &st) < 0 ? -errno : same_file(f, &st) ? 0 : -ESTALE;
	ret = ret ?: read_all(file, off, buf, len);
	/* It may have changed while it was read. */
	if (!ret && (fstat(file, &st) < 0 || !same_file(f, &st)))
		ret = -ESTALE;
	if (file >= 0)
		close(file);
	if (ret && !__atomic_exchange_n(&f->told, true, __ATOMIC_RELAXED))
		log_error("vvfat: '%s' cannot be read: %s", f->host,
			  ret == -ESTALE ? "it has changed since the disk was opened" : strerror(-ret));
	return ret ? -EIO : 0;
}

/* ---- names ---- */

/* What FAT cannot hold becomes '_'; @out takes as many bytes as @in has. */
static void fat_name(const char *in, char *out)
{
	size_t left = strlen(in), n = left;
	char *end = out;

	while (left) {
		u32 c;
		unsigned int step = utf8_decode((const u8 *)in, left, &c);

		if (!step || c < 0x20 || c == 0x7f || (c < 0x80 && strchr("\"*/:<>?\\|", (int)c))) {
			*end++ = '_';
			step = step ? step : 1;
		} else {
			memcpy(end, in, step);
			end += step;
		}
		in += step;
		left -= step;
	}
	*end = '\0';
	for (; n && end > out && (end[-1] == '.' || end[-1] == ' '); end--, n--)
		end[-1] = '_';
}

/* Adds the node under its name, or one like it if another that differs in case alone has it. */
static int add_named(struct scan *s, struct vvfat_node *dir, struct vvfat_node *f)
{
	char plain[NAME_MAX + 1], other[NAME_MAX + 16];
	size_t stem;
	int ret;

	fat_name(f->host, plain);
	ret = fat_node_add(&dir->fat, &f->fat, plain, strlen(plain), NULL);
	stem = strrchr(plain, '.') ? (size_t)(strrchr(plain, '.') - plain) : strlen(plain);
	for (int i = 2; ret == -EINVAL && i < 1000; i++) {
		snprintf(other, sizeof(other), "%.*s~%d%s", (int)stem, plain, i, plain + stem);
		ret = fat_node_add(&dir->fat, &f->fat, other, strlen(other), NULL);
	}
	if (ret == -ENOMEM)
		return err_set(s->e, ENOMEM, "Out of memory");
	if (ret)
		log_warn("vvfat: '%s' is left out: no name that FAT can hold is free for it", f->host);
	return ret ? 1 : 0;
}

/* ---- the tree ---- */

static int take(struct scan *s, u64 bytes)
{
	if (bytes > s->budget)
		return err_set(s->e, EFBIG, "The folder '%s' has too many files for a virtual disk", s->dir);
	s->budget -= bytes;
	return 0;
}

static void describe(struct vvfat_node *f, const struct stat *st)
{
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->mtime_ns = (u64)st->st_mtim.tv_sec * 1000000000 + (u64)st->st_mtim.tv_nsec;
	f->fat.is_file = S_ISREG(st->st_mode);
	f->fat.len = f->fat.is_file ? (u64)st->st_size : 0;
	fat_stamp_set(&f->fat.stamp, (u32)MIN(MAX((s64)st->st_mtim.tv_sec, (s64)0), (s64)UINT_MAX));
}

/* What the entry is, links to files inside of the folder followed. 1: not for a disk. */
static int look(struct scan *s, struct vvfat_node *f, struct stat *st)
{
	char path[PATH_MAX];
	int fd, ret;

	if (!path_of(f, path, sizeof(path))) {
		log_warn("vvfat: '%s' is left out: its path is too long", f->host);
		return 1;
	}
	fd = open_beneath(s->fd, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_MAGICLINKS);
	ret = fd < 0 || fstat(fd, st) < 0 ? 1 : 0;
	if (!ret && S_ISLNK(st->st_mode)) {
		close(fd);
		fd = open_beneath(s->fd, path, O_PATH, RESOLVE_NO_MAGICLINKS);
		ret = fd < 0 || fstat(fd, st) < 0 || !S_ISREG(st->st_mode) ? 1 : 0;
	}
	if (fd >= 0)
		close(fd);
	if (!ret && !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		ret = 1;
	if (ret)
		log_info("vvfat: '%s' is left out: neither a file nor a folder in '%s'", path, s->dir);
	else if (S_ISREG(st->st_mode) && (u64)st->st_size > MAX_FILE)
		ret = err_set(s->e, EFBIG, "'%s' is too large: FAT has files of less than 4 GiB", path);
	return ret;
}

static int add_entry(struct scan *s, struct vvfat_node *dir, const char *name)
{
	size_t len = strlen(name);
	struct vvfat_node *f;
	struct stat st;
	int ret = take(s, sizeof(*f) + 3 * len + 64);	/* with its name twice and its places in the index */

	if (ret)
		return ret;
	f = calloc(1, sizeof(*f) + len + 1);
	if (!f)
		return err_set(s->e, ENOMEM, "Out of memory");
	memcpy(f->host, name, len + 1);
	f->fat.parent = &dir->fat;
	ret = look(s, f, &st);
	if (!ret) {
		describe(f, &st);
		ret = add_named(s, dir, f);
	}
	if (ret)
		free(f);
	return MIN(ret, 0);
}

struct names {
	char **v;
	size_t n, cap;
};

static int keep_name(struct scan *s, struct names *all, const char *name)
{
	int ret = take(s, strlen(name) + 1 + sizeof(char *) * 2);

	if (ret)
		return ret;
	if (all->n == all->cap) {
		size_t cap = MAX(all->cap * 2, (size_t)64);
		char **v = realloc(all->v, cap * sizeof(*v));

		if (!v)
			return err_set(s->e, ENOMEM, "Out of memory");
		all->v = v;
		all->cap = cap;
	}
	all->v[all->n] = strdup(name);
	return all->v[all->n++] ? 0 : err_set(s->e, ENOMEM, "Out of memory");
}

static int list_names(struct scan *s, int fd, struct names *all)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;
	int ret = 0;

	if (!d) {
		close(fd);
		return err_set(s->e, ENOMEM, "Out of memory");
	}
	while (!ret && (de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			ret = keep_name(s, all, de->d_name);
	closedir(d);
	return ret;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One folder's entries, in the order of their names: the disk does not depend on the host's order. */
static int scan_dir(struct scan *s, struct vvfat_node *dir)
{
	struct names all = { 0 };
	char path[PATH_MAX];
	int fd = -ENAMETOOLONG, ret;

	if (path_of(dir, path, sizeof(path)))
		fd = open_beneath(s->fd, path, O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (fd < 0 && dir->fat.parent) {
		log_warn("vvfat: the folder '%s' stays empty: %s", path, strerror(-fd));
		return 0;
	}
	if (fd < 0)
		return err_errno(s->e, -fd, "Could not read the folder '%s'", s->dir);
	ret = list_names(s, fd, &all);
	if (!ret && all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_text);
	for (size_t i = 0; i < all.n; i++) {
		if (!ret)
			ret = add_entry(s, dir, all.v[i]);
		s->budget += strlen(all.v[i] ? all.v[i] : "") + 1 + sizeof(char *) * 2;
		free(all.v[i]);
	}
	free(all.v);
	return ret;
}

int vvfat_scan(const char *dir, u64 budget, int *fd, struct vvfat_node **root, struct err *e)
{
	struct scan s = { .dir = dir, .budget = budget, .e = e };
	struct vvfat_node *top;
	int ret = 0;

	s.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.fd < 0)
		return err_errno(e, errno, "Could not read directory %s", dir);
	top = calloc(1, sizeof(*top) + 1);
	if (!top)
		ret = err_set(e, ENOMEM, "Out of memory");
	for (struct fat_node *n = top ? &top->fat : NULL; n && !ret; n = fat_node_next(n))
		if (!n->is_file)
			ret = scan_dir(&s, vvfat_of(n));
	if (ret) {
		vvfat_tree_free(top);
		close(s.fd);
		return ret;
	}
	*fd = s.fd;
	*root = top;
	return 0;
}
