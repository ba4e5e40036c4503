// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet ls: lists files by name, one a line, or in columns on a terminal.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include "str.h"
#include "util.h"

struct ls_args {
	bool all, almost_all, long_form, one, dirs, human, inode, recursive, reverse, by_time, by_size, mark;
	struct opt_list files;
};

struct ls_file {
	char *name;
	struct stat st;
};

struct ls_list {
	const struct ls_args *args;
	struct ls_file *v;
	size_t n, cap;
};

static int add(struct ls_list *l, const char *path, const char *name)
{
	struct ls_file *f;
	struct stat st;

	if (lstat(path, &st))
		return util_fail(path);
	if (l->n == l->cap) {
		f = realloc(l->v, (l->cap * 2 + 64) * sizeof(*f));
		if (!f)
			return util_fail(path);
		l->v = f;
		l->cap = l->cap * 2 + 64;
	}
	f = &l->v[l->n];
	f->st = st;
	f->name = strdup(name);
	if (!f->name)
		return util_fail(path);
	l->n++;
	return 0;
}

static void list_free(struct ls_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
	l->v = NULL;
	l->n = l->cap = 0;
}

static bool newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

static int compare(const void *a, const void *b, void *ctx)
{
	const struct ls_args *args = ctx;
	const struct ls_file *x = a, *y = b;
	int c = 0;

	if (args->by_time)
		c = newer(&y->st.st_mtim, &x->st.st_mtim) - newer(&x->st.st_mtim, &y->st.st_mtim);
	else if (args->by_size)
		c = (x->st.st_size < y->st.st_size) - (x->st.st_size > y->st.st_size);
	if (!c)
		c = strcmp(x->name, y->name);
	return args->reverse ? -c : c;
}

static char type_letter(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	}
	return '-';
}

static void mode_text(mode_t mode, char out[11])
{
	out[0] = type_letter(mode);
	for (int i = 0; i < 9; i++)
		out[1 + i] = mode & (0400 >> i) ? "rwx"[i % 3] : '-';
	if (mode & S_ISUID)
		out[3] = mode & 0100 ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & 0010 ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & 0001 ? 't' : 'T';
	out[10] = '\0';
}

static char mark_of(mode_t mode)
{
	return S_ISDIR(mode) ? '/' : S_ISLNK(mode) ? '@' : S_ISFIFO(mode) ? '|' :
	       S_ISSOCK(mode) ? '=' : mode & 0111 ? '*' : 0;
}

static void print_name(const struct ls_args *args, const struct ls_file *f)
{
	fputs(f->name, stdout);
	if (args->mark && mark_of(f->st.st_mode) && !(args->long_form && S_ISLNK(f->st.st_mode)))
		putchar(mark_of(f->st.st_mode));
}

static void print_long(const struct ls_args *args, const struct ls_file *f, const char *dir)
{
	char mode[11], size[STR_SIZE_MAX + 8], when[32], target[4096], path[4096];
	const struct passwd *pw = getpwuid(f->st.st_uid);
	const struct group *gr = getgrgid(f->st.st_gid);
	char owner[24], group[24];
	struct tm tm;
	ssize_t n;

	mode_text(f->st.st_mode, mode);
	snprintf(owner, sizeof(owner), pw ? "%s" : "%.0s%u", pw ? pw->pw_name : "", f->st.st_uid);
	snprintf(group, sizeof(group), gr ? "%s" : "%.0s%u", gr ? gr->gr_name : "", f->st.st_gid);
	if (S_ISCHR(f->st.st_mode) || S_ISBLK(f->st.st_mode))
		snprintf(size, sizeof(size), "%u,%4u", major(f->st.st_rdev), minor(f->st.st_rdev));
	else if (args->human)
		str_size(size, f->st.st_size);
	else
		snprintf(size, sizeof(size), "%lld", (long long)f->st.st_size);
	localtime_r(&f->st.st_mtime, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	printf("%s %3lu %-8s %-8s %10s %s ", mode, (unsigned long)f->st.st_nlink, owner, group,
	       size, when);
	print_name(args, f);
	if (S_ISLNK(f->st.st_mode) && !(dir ? util_join(path, dir, f->name) :
	    snprintf(path, sizeof(path), "%s", f->name) >= (int)sizeof(path))) {
		n = readlink(path, target, sizeof(target) - 1);
		printf(" -> %.*s", (int)MAX(n, (ssize_t)0), target);
	}
	putchar('\n');
}

/* Columns of one width, filled downwards. */
static void print_columns(const struct ls_list *l)
{
	struct winsize ws = { 0 };
	size_t width = 0, columns, rows;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
	for (size_t i = 0; i < l->n; i++)
		width = MAX(width, strlen(l->v[i].name) + l->args->mark + 2);
	columns = MAX((ws.ws_col ? ws.ws_col : 80) / MAX(width, (size_t)1), (size_t)1);
	rows = DIV_ROUND_UP(l->n, columns);
	for (size_t r = 0; r < rows; r++) {
		for (size_t i = r; i < l->n; i += rows) {
			print_name(l->args, &l->v[i]);
			for (size_t k = strlen(l->v[i].name); i + rows < l->n && k < width; k++)
				putchar(' ');
		}
		putchar('\n');
	}
}

static void print_list(struct ls_list *l, const char *dir)
{
	if (l->n)
		qsort_r(l->v, l->n, sizeof(*l->v), compare, (void *)l->args);
	if (!l->args->long_form && !l->args->one && !l->args->inode && isatty(STDOUT_FILENO)) {
		print_columns(l);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (l->args->inode)
			printf("%8llu ", (u64)l->v[i].st.st_ino);
		if (l->args->long_form) {
			print_long(l->args, &l->v[i], dir);
		} else {
			print_name(l->args, &l->v[i]);
			putchar('\n');
		}
	}
}

static int list_dir(const struct ls_args *args, const char *dir, bool title, bool first);

static int recurse(const struct ls_list *l, const char *dir)
{
	char path[4096];
	int rc = 0;

	for (size_t i = 0; i < l->n; i++)
		if (S_ISDIR(l->v[i].st.st_mode) && strcmp(l->v[i].name, ".") && strcmp(l->v[i].name, ".."))
			rc |= util_join(path, dir, l->v[i].name) || list_dir(l->args, path, true, false);
	return rc;
}

static int list_dir(const struct ls_args *args, const char *dir, bool title, bool first)
{
	struct ls_list l = { .args = args };
	DIR *d = opendir(dir);
	struct dirent *ent;
	char path[4096];
	int rc = 0;

	if (!d)
		return util_fail(dir);
	while ((ent = readdir(d))) {
		bool dots = !strcmp(ent->d_name, ".") || !strcmp(ent->d_name, "..");

		if (dots ? !args->all : ent->d_name[0] == '.' && !args->all && !args->almost_all)
			continue;
		rc |= util_join(path, dir, ent->d_name) || add(&l, path, ent->d_name);
	}
	closedir(d);
	if (title)
		printf("%s%s:\n", first ? "" : "\n", dir);
	print_list(&l, dir);
	if (args->recursive)
		rc |= recurse(&l, dir);
	list_free(&l);
	return rc;
}

static int ls_run(void *p, const struct opt_call *call)
{
	struct ls_args *args = p;
	struct ls_list files = { .args = args };
	size_t n = args->files.n;
	int rc = 0;
	struct stat st;
	bool first = true;

	(void)call;
	if (!n)
		return args->dirs ? add(&files, ".", ".") || (print_list(&files, NULL), list_free(&files), 0) :
		       list_dir(args, ".", args->recursive, true);
	for (size_t i = 0; i < n; i++) {
		const char *path = args->files.v[i].val;
		bool dir = !(args->long_form ? lstat(path, &st) : stat(path, &st)) && S_ISDIR(st.st_mode);

		if (!dir || args->dirs)
			rc |= add(&files, path, path);
	}
	print_list(&files, NULL);
	first = !files.n;
	list_free(&files);
	for (size_t i = 0; i < n && !args->dirs; i++) {
		const char *path = args->files.v[i].val;

		if ((args->long_form ? lstat(path, &st) : stat(path, &st)) || !S_ISDIR(st.st_mode))
			continue;
		rc |= list_dir(args, path, n > 1 || args->recursive, first);
		first = false;
	}
	return rc;
}

#define A struct ls_args
static const struct opt ls_opts[] = {
	OPT_FLAG('a', "all", A, all, "also names that begin with a dot"),
	OPT_FLAG('A', "almost-all", A, almost_all, "as -a without . and .."),
	OPT_FLAG('l', NULL, A, long_form, "mode, links, owner, size, time"),
	OPT_FLAG('1', NULL, A, one, "one a line"),
	OPT_FLAG('d', "directory", A, dirs, "folders themselves, not what is in them"),
	OPT_FLAG('h', "human-readable", A, human, "sizes with units"),
	OPT_FLAG('i', "inode", A, inode, "inode numbers"),
	OPT_FLAG('R', "recursive", A, recursive, "folders in folders too"),
	OPT_FLAG('r', "reverse", A, reverse, "backwards"),
	OPT_FLAG('t', NULL, A, by_time, "newest first"),
	OPT_FLAG('S', NULL, A, by_size, "largest first"),
	OPT_FLAG('F', "classify", A, mark, "mark folders with /, programs with *, links with @"),
	OPERAND_REST("FILE", A, files, "what to list; default: this folder"),
	OPT_END
};
#undef A

static const struct opt_cmd ls_cmd = {
	.name = "ls", .summary = "list files", .opts = ls_opts,
	.args_size = sizeof(struct ls_args), .run = ls_run,
};
static const struct applet ls = { .cmd = &ls_cmd };
APPLET(ls);
