// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writer of newc cpio archives. Each entry is a 110-byte header of eight-digit
 * hexadecimal fields, the name with its NUL, and the data; name and data are
 * each padded to a multiple of 4 from the start of the archive.
 */
#include "cpio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CPIO_TRAILER "TRAILER!!!"
#define CPIO_NAME_MAX 4096	/* PATH_MAX, the limit of Linux's unpacker */

struct cpio_entry {
	const char *name;
	u32 ino, mode, nlink, mtime, major, minor;
	const void *data;
	u64 len;
};

void cpio_start(struct cpio *w, struct sink *out, u32 mtime)
{
	*w = (struct cpio){ .out = out, .mtime = mtime, .start = out->pos };
}

static int cpio_pad(struct cpio *w, u64 align, struct err *err)
{
	u64 len = w->out->pos - w->start;

	return sink_zero(w->out, ALIGN_UP(len, align) - len, err);
}

static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= CPIO_NAME_MAX || name[0] == '/')
		return false;
	for (const char *p = name; *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return false;
		p += n;
	}
	return true;
}

static int cpio_entry(struct cpio *w, const struct cpio_entry *e, struct err *err)
{
	char head[112];
	size_t namesize = strlen(e->name) + 1;
	int rc;

	if (e->len > UINT32_MAX)
		return err_set(err, EFBIG, "%s: larger than the 4 GiB of a cpio archive's file",
			       e->name);
	/* ino mode uid gid nlink mtime filesize dev_major dev_minor rdev_major rdev_minor namesize check */
	snprintf(head, sizeof(head),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 e->ino, e->mode, 0, 0, e->nlink, e->mtime, (u32)e->len, 0, 0, e->major,
		 e->minor, (u32)namesize, 0);
	rc = sink_write(w->out, head, 110, err);
	if (!rc)
		rc = sink_write(w->out, e->name, namesize, err);
	if (!rc)
		rc = cpio_pad(w, 4, err);
	if (!rc)
		rc = sink_write(w->out, e->data, e->len, err);
	return rc ? rc : cpio_pad(w, 4, err);
}

static int cpio_add(struct cpio *w, struct cpio_entry *e, struct err *err)
{
	if (!name_ok(e->name))
		return err_set(err, EINVAL, "'%.100s': not a name for a cpio archive", e->name);
	e->ino = ++w->ino;
	e->mtime = w->mtime;
	return cpio_entry(w, e, err);
}

int cpio_dir(struct cpio *w, const char *name, u32 mode, struct err *err)
{
	struct cpio_entry e = { .name = name, .mode = S_IFDIR | mode, .nlink = 2 };

	return cpio_add(w, &e, err);
}

int cpio_file(struct cpio *w, const char *name, u32 mode, const void *data, u64 len,
	      struct err *err)
{
	struct cpio_entry e = {
		.name = name, .mode = S_IFREG | mode, .nlink = 1, .data = data, .len = len,
	};

	return cpio_add(w, &e, err);
}

int cpio_slink(struct cpio *w, const char *name, const char *target, struct err *err)
{
	struct cpio_entry e = {
		.name = name, .mode = S_IFLNK | 0777, .nlink = 1,
		.data = target, .len = strlen(target),
	};

	if (!e.len || e.len >= CPIO_NAME_MAX)
		return err_set(err, EINVAL, "%s: bad target of a symbolic link", name);
	return cpio_add(w, &e, err);
}

int cpio_node(struct cpio *w, const char *name, u32 type_mode, u32 major, u32 minor,
	      struct err *err)
{
	struct cpio_entry e = {
		.name = name, .mode = type_mode, .nlink = 1, .major = major, .minor = minor,
	};

	if (!S_ISCHR(type_mode) && !S_ISBLK(type_mode) && !S_ISFIFO(type_mode) &&
	    !S_ISSOCK(type_mode))
		return err_set(err, EINVAL, "%s: not a node's mode: 0%o", name, type_mode);
	return cpio_add(w, &e, err);
}

int cpio_end(struct cpio *w, struct err *err)
{
	struct cpio_entry e = { .name = CPIO_TRAILER, .nlink = 1 };
	int rc = cpio_entry(w, &e, err);

	return rc ? rc : cpio_pad(w, 512, err);
}
