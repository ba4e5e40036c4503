// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names that stand inside images (backing files, data files, extents): the
 * one place that decides whether they are opened. With BLK_FOLLOW_DIR only
 * regular files in the directory of the image that names them, or below it,
 * are; no link is followed on the way, no protocol, no "json:", no device.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "block/int.h"
#include "str.h"
#include "sys.h"

static int dir_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= size)
		return -ENAMETOOLONG;
	if (!slash)
		strcpy(out, ".");
	else if (!len)
		strcpy(out, "/");
	else
		memcpy(out, path, len);
	if (len)
		out[len] = 0;
	return 0;
}

/* What of @path is left behind directory @dir, by the names alone or by the true names of both. */
static const char *rest_below(const char *dir, const char *path, char *real_path)
{
	const char *slash = strrchr(path, '/');
	char real_dir[PATH_MAX], parent[PATH_MAX];
	size_t k = strlen(dir);

	if (!strcmp(dir, ".") && path[0] != '/')
		return path;
	if (!strncmp(path, dir, k) && (path[k] == '/' || dir[k - 1] == '/'))
		return path + k + (path[k] == '/');
	if (!slash || dir_of(path, parent, sizeof(parent)) || !realpath(dir, real_dir) ||
	    !realpath(parent, real_path))
		return NULL;
	k = strlen(real_dir);
	if (strncmp(real_path, real_dir, k) || (real_path[k] && real_path[k] != '/') ||
	    strlen(real_path) + strlen(slash) >= PATH_MAX)
		return NULL;
	strcat(real_path, slash);
	return real_path + k + 1;
}

/* Kernels without openat2: only plain names in the directory itself. */
static bool plain_file_at(int dirfd, const char *name)
{
	struct stat st;

	return !strchr(name, '/') && !fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
}

/* Is @path a regular file at or below the directory of @image? A missing file counts as one. */
static bool beneath(const char *image, const char *path)
{
	char dir[PATH_MAX], real[PATH_MAX];
	const char *rest = dir_of(image, dir, sizeof(dir)) ? NULL : rest_below(dir, path, real);
	struct stat st;
	int dirfd, fd;
	bool yes;

	if (!rest || !*rest)
		return false;
	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return false;
	fd = sys_openat2(dirfd, rest, O_PATH | O_CLOEXEC, 0, SYS_RESOLVE_BENEATH | SYS_RESOLVE_NO_SYMLINKS |
			 SYS_RESOLVE_NO_MAGICLINKS);
	if (fd == -ENOSYS)
		yes = plain_file_at(dirfd, rest);
	else
		yes = fd == -ENOENT || (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode));
	if (fd >= 0)
		close(fd);
	close(dirfd);
	return yes;
}

static int check(struct blk_node *n, const char *role, const char *filename, const struct blk_opts *o,
		 struct err *e)
{
	const struct blk_node *base = n->file ? n->file : n;
	const char *fmt = blk_opts_get(o, "driver");
	const struct blk_driver *d = fmt ? blk_driver_find(fmt) : NULL;

	if (n->graph->policy.follow == BLK_FOLLOW_NONE)
		return err_set(e, EPERM, "%s: its %s '%s' is not followed (--follow=none)",
			       n->filename, role, filename);
	/* A "format" that is a protocol would give the name another meaning. */
	if (d && d->flags & (BLK_DRV_PROTOCOL | BLK_DRV_NO_FILE))
		return err_set(e, EPERM, "%s: its %s '%s' is not opened as '%s' (--follow=all allows it)",
			       n->filename, role, filename, fmt);
	if (blk_protocol_prefix(filename) || !beneath(base->filename, filename))
		return err_set(e, EPERM, "%s: its %s '%s' is outside of the image's own directory "
			       "(--follow=all allows it)", n->filename, role, filename);
	return 0;
}

int blk_open_reference(struct blk_node *n, const char *role, const char *filename,
		       struct blk_opts *o, u32 flags, struct err *e)
{
	const struct blk_node *base = n->file ? n->file : n;
	bool mem = !strncmp(filename, "mem:", 4) && !strncmp(base->filename, "mem:", 4);
	int ret = 0;

	if (n->graph->policy.follow != BLK_FOLLOW_ALL && !mem)
		ret = check(n, role, filename, o, e);
	return ret ?: blk_open_child(n, role, filename, o, flags, e);
}

int blk_follow_parse(const char *text, enum blk_follow *out, struct err *e)
{
	static const char *const names[] = { "all", "dir", "none", NULL };
	int i = text ? str_to_index(text, names) : (int)*out;

	if (i < 0)
		return err_set(e, EINVAL, "--follow takes all, dir or none, not '%s'", text);
	*out = (enum blk_follow)i;
	return 0;
}
