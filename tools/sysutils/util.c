// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shared by the small applets; see util.h.
 */
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "str.h"

int util_fail(const char *what)
{
	struct err err = ERR_INIT;

	err_errno(&err, errno, "%s", what);
	err_report(&err);
	return 1;
}

int util_copy_fd(int in, int out, const char *name)
{
	char buf[65536];

	for (;;) {
		ssize_t n = read(in, buf, sizeof(buf)), done = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return util_fail(name);
		if (!n)
			return 0;
		while (done < n) {
			ssize_t w = write(out, buf + done, n - done);

			if (w < 0 && errno != EINTR)
				return util_fail("write");
			done += MAX(w, (ssize_t)0);
		}
	}
}

int util_open(const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);

	if (fd < 0)
		util_fail(path);
	return fd;
}

int util_join(char *out, const char *dir, const char *path)
{
	const char *end = path + strlen(path), *base;

	while (end > path + 1 && end[-1] == '/')
		end--;
	for (base = end; base > path && base[-1] != '/'; base--)
		;
	if (snprintf(out, 4096, "%s%s%.*s", dir, str_ends(dir, "/") ? "" : "/",
		     (int)(end - base), base) < 4096)
		return 0;
	errno = ENAMETOOLONG;
	return util_fail(path);
}

int util_each(const char *path, int (*fn)(void *ctx, const char *path), void *ctx)
{
	DIR *d = opendir(path);
	struct dirent *ent;
	char sub[4096];
	int rc = 0;

	if (!d)
		return util_fail(path);
	while ((ent = readdir(d)))
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, ".."))
			rc |= util_join(sub, path, ent->d_name) || fn(ctx, sub);
	closedir(d);
	return rc;
}

/* One clause of a symbolic mode: "go-w". Returns what follows it, NULL: bad. */
static const char *mode_clause(const char *p, mode_t *mode)
{
	mode_t who = 0, bits = 0;
	char op;

	for (; *p && strchr("ugoa", *p); p++)
		who |= *p == 'u' ? 04700 : *p == 'g' ? 02070 : *p == 'o' ? 01007 : 07777;
	if (!who)
		who = 07777;
	op = *p;
	if (!op || !strchr("+-=", op))
		return NULL;
	for (p++; *p && strchr("rwxst", *p); p++)
		bits |= *p == 'r' ? 0444 : *p == 'w' ? 0222 : *p == 'x' ? 0111 :
			*p == 's' ? 06000 : 01000;
	bits &= who;
	*mode = op == '+' ? *mode | bits : op == '-' ? *mode & ~bits : (*mode & ~who) | bits;
	return *p == ',' ? p + 1 : *p ? NULL : p;
}

int util_mode(const char *text, mode_t old)
{
	mode_t mode = old & 07777;
	u64 octal;

	if (!str_to_u64(text, 8, &octal))
		return octal <= 07777 ? (int)octal : -1;
	do
		text = mode_clause(text, &mode);
	while (text && *text);
	return text ? (int)mode : -1;
}

int util_to_target(const struct opt_list *files, int (*fn)(void *ctx, const char *from, const char *to), void *ctx)
{
	const struct opt_item *v = files->v;
	size_t last = files->n - 1;
	char target[4096];
	struct stat st;
	int rc = 0;
	bool dir;

	if (files->n < 2) {
		errno = EINVAL;
		return util_fail("FILE... TARGET");
	}
	dir = !stat(v[last].val, &st) && S_ISDIR(st.st_mode);
	if (files->n > 2 && !dir) {
		errno = ENOTDIR;
		return util_fail(v[last].val);
	}
	for (size_t i = 0; i < last; i++)
		if (!dir)
			rc |= fn(ctx, v[i].val, v[last].val);
		else
			rc |= util_join(target, v[last].val, v[i].val) || fn(ctx, v[i].val, target);
	return rc;
}
