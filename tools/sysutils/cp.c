// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet cp: copies files, links, device nodes and folders.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "util.h"

struct cp_args {
	bool recursive, preserve, archive, force, links;
	struct opt_list files;
};

struct cp_to {
	const struct cp_args *args;
	const char *dir;
};

static int copy(const struct cp_args *args, const char *from, const char *to);

static int copy_into(void *ctx, const char *path)
{
	const struct cp_to *to = ctx;
	char target[4096];

	return util_join(target, to->dir, path) || copy(to->args, path, target);
}

static int copy_file(const struct cp_args *args, const char *from, const char *to,
		     const struct stat *st)
{
	struct stat there;
	int in, out, rc;

	if (!stat(to, &there) && there.st_dev == st->st_dev && there.st_ino == st->st_ino) {
		errno = EEXIST;		/* the same file: opening it would empty it */
		return util_fail(to);
	}
	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return util_fail(from);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st->st_mode & 0777);
	if (out < 0 && args->force && !unlink(to))
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 0777);
	rc = out < 0 ? util_fail(to) : util_copy_fd(in, out, from);
	close(in);
	if (out >= 0 && close(out) && !rc)
		rc = util_fail(to);
	return rc;
}

static int copy_link(const char *from, const char *to)
{
	char target[4096];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n < 0)
		return util_fail(from);
	target[n] = '\0';
	return symlink(target, to) && (errno != EEXIST || unlink(to) || symlink(target, to)) ?
	       util_fail(to) : 0;
}

static int keep(const char *to, const struct stat *st)
{
	struct timespec times[] = { st->st_atim, st->st_mtim };
	int rc = lchown(to, st->st_uid, st->st_gid) && errno != EPERM;

	if (!S_ISLNK(st->st_mode))
		rc |= chmod(to, st->st_mode & 07777);
	rc |= utimensat(AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW);
	return rc ? util_fail(to) : 0;
}

static int copy(const struct cp_args *args, const char *from, const char *to)
{
	bool deep = args->recursive || args->archive;
	bool as_link = args->archive || args->links || args->recursive;
	struct cp_to into = { args, to };
	struct stat st;
	int rc;

	if (as_link ? lstat(from, &st) : stat(from, &st))
		return util_fail(from);
	if (S_ISDIR(st.st_mode)) {
		if (!deep) {
			errno = EISDIR;
			return util_fail(from);
		}
		if (mkdir(to, (st.st_mode & 07777) | 0700) && errno != EEXIST)
			return util_fail(to);
		rc = util_each(from, copy_into, &into);
	} else if (S_ISLNK(st.st_mode)) {
		rc = copy_link(from, to);
	} else if (S_ISREG(st.st_mode) || !deep) {
		rc = copy_file(args, from, to, &st);
	} else {
		rc = mknod(to, st.st_mode, st.st_rdev) ? util_fail(to) : 0;
	}
	return !rc && (args->preserve || args->archive) ? keep(to, &st) : rc;
}

static int copy_one(void *args, const char *from, const char *to)
{
	return copy(args, from, to);
}

static int cp_run(void *p, const struct opt_call *call)
{
	(void)call;
	return util_to_target(&((struct cp_args *)p)->files, copy_one, p);
}

#define A struct cp_args
static const struct opt cp_opts[] = {
	OPT_FLAG('r', "recursive", A, recursive, "folders with all in them"),
	OPT_FLAG('R', NULL, A, recursive, "as -r"),
	OPT_FLAG('a', "archive", A, archive, "as -r -p, and links as links"),
	OPT_FLAG('p', "preserve", A, preserve, "keep permissions, owner and times"),
	OPT_FLAG('P', "no-dereference", A, links, "links as links"),
	OPT_FLAG('f', "force", A, force, "remove a target that cannot be opened"),
	OPERAND_REST1("FILE", A, files, "what to copy; the last one is the target"),
	OPT_END
};
#undef A

static const struct opt_cmd cp_cmd = {
	.name = "cp", .summary = "copy files", .opts = cp_opts,
	.args_size = sizeof(struct cp_args), .run = cp_run,
};
static const struct applet cp_applet = { .cmd = &cp_cmd };
APPLET(cp_applet);
