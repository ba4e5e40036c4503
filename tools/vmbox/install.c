// SPDX-License-Identifier: GPL-2.0-or-later
/* vmbox --install: a link for every applet, as busybox does. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "str.h"
#include "vmbox.h"

#define SELF "/proc/self/exe"

struct install {
	const char *dir;
	char target[4096];	/* the binary's real path */
	struct stat binary;
	bool symbolic;
	struct err *err;
};

const char *install_dir(const struct applet *a)
{
	return a->flags & APPLET_SBIN ? "usr/sbin" : "usr/bin";
}

/* May the thing at path be replaced? Only a symbolic link, or another name of this binary. */
static bool is_ours(const struct install *in, const char *path)
{
	struct stat st;

	return !lstat(path, &st) && (S_ISLNK(st.st_mode) ||
				     (st.st_ino == in->binary.st_ino && st.st_dev == in->binary.st_dev));
}

static int try_link(const struct install *in, const char *path)
{
	return in->symbolic ? symlink(in->target, path) : link(in->target, path);
}

static void install_one(void *ctx, const struct applet *a, const char *name)
{
	struct install *in = ctx;
	char path[4096];

	(void)a;
	if (err_is_set(in->err))
		return;
	if (snprintf(path, sizeof(path), "%s/%s", in->dir, name) >= (int)sizeof(path)) {
		err_set(in->err, ENAMETOOLONG, "%s: name too long", in->dir);
		return;
	}
	if (str_eq(path, in->target) || !try_link(in, path))
		return;
	if (errno == EEXIST && is_ours(in, path) && !unlink(path) && !try_link(in, path))
		return;
	err_errno(in->err, errno, "%s", path);
}

int install_links(const char *dir, bool symbolic, struct err *err)
{
	struct err local = ERR_INIT;
	struct install in = { .dir = dir, .symbolic = symbolic, .err = err ? err : &local };
	ssize_t n = readlink(SELF, in.target, sizeof(in.target) - 1);

	if (n < 0 || stat(SELF, &in.binary))
		return err_errno(err, errno, SELF);
	in.target[n] = '\0';
	applet_foreach(true, install_one, &in);
	return -in.err->code;
}
