// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The builtin test, also called [ (XCU test): by the number of arguments for
 * up to four, as POSIX has it, and with -a, -o and parentheses beyond.
 */
#include "sh.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sh_test {
	struct sh *sh;
	char **v, **end;
	bool failed;
	int depth;
};

static bool test_or(struct sh_test *t);

static bool complain(struct sh_test *t, const char *what, const char *text)
{
	if (!t->failed)
		sh_warn(t->sh, "test: %s%s", what, text);
	t->failed = true;
	return false;
}

static long long number(struct sh_test *t, const char *s)
{
	s64 v = 0;
	const char *from = s + strspn(s, " \t\n");

	if (*from == '+' && from[1] >= '0' && from[1] <= '9')
		from++;
	if (str_to_s64(from, 10, &v))
		complain(t, "bad number: ", s);
	return v;
}

static bool file_test(char op, const char *path)
{
	struct stat st;

	if (op == 'h' || op == 'L')
		return !lstat(path, &st) && S_ISLNK(st.st_mode);
	if (op == 'r' || op == 'w' || op == 'x')
		return !access(path, op == 'r' ? R_OK : op == 'w' ? W_OK : X_OK);
	if (stat(path, &st))
		return false;
	switch (op) {
	case 'b':
		return S_ISBLK(st.st_mode);
	case 'c':
		return S_ISCHR(st.st_mode);
	case 'd':
		return S_ISDIR(st.st_mode);
	case 'f':
		return S_ISREG(st.st_mode);
	case 'p':
		return S_ISFIFO(st.st_mode);
	case 'S':
		return S_ISSOCK(st.st_mode);
	case 's':
		return st.st_size > 0;
	case 'u':
		return st.st_mode & S_ISUID;
	case 'g':
		return st.st_mode & S_ISGID;
	case 'k':
		return st.st_mode & S_ISVTX;
	}
	return true;	/* -e */
}

static bool is_unary(const char *s)
{
	return s[0] == '-' && s[1] && !s[2] && strchr("bcdefghkLnprSstuwxz", s[1]);
}

static bool unary(struct sh_test *t, const char *op, const char *arg)
{
	if (op[1] == 'n' || op[1] == 'z')
		return (op[1] == 'n') == (*arg != '\0');
	if (op[1] == 't')
		return isatty(number(t, arg));
	return file_test(op[1], arg);
}

static const char *const binary_ops[] = {
	"=", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "==", "<", ">",
	NULL
};

static bool newer(const char *a, const char *b)
{
	struct stat x, y;

	if (stat(a, &x))
		return false;
	if (stat(b, &y))
		return true;
	return x.st_mtim.tv_sec > y.st_mtim.tv_sec ||
	       (x.st_mtim.tv_sec == y.st_mtim.tv_sec && x.st_mtim.tv_nsec > y.st_mtim.tv_nsec);
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool binary(struct sh_test *t, const char *a, const char *op, const char *b)
{
	int which = str_to_index(op, binary_ops);
	long long x, y;

	switch (which) {
	case 0:
	case 11:
		return !strcmp(a, b);
	case 1:
		return strcmp(a, b);
	case 8:
		return newer(a, b);
	case 9:
		return newer(b, a);
	case 10:
		return same_file(a, b);
	case 12:
		return strcmp(a, b) < 0;
	case 13:
		return strcmp(a, b) > 0;
	}
	x = number(t, a);
	y = number(t, b);
	return which == 2 ? x == y : which == 3 ? x != y : which == 4 ? x < y :
	       which == 5 ? x <= y : which == 6 ? x > y : x >= y;
}

static bool at(struct sh_test *t, const char *s)
{
	return t->v < t->end && !strcmp(*t->v, s);
}

static bool primary(struct sh_test *t)
{
	size_t left = t->end - t->v;
	bool result;

	if (++t->depth > SH_DEPTH_MAX || !left)
		return complain(t, "argument expected", "");
	if (left >= 3 && str_to_index(t->v[1], binary_ops) >= 0) {
		result = binary(t, t->v[0], t->v[1], t->v[2]);
		t->v += 3;
	} else if (left >= 2 && at(t, "!")) {
		t->v++;
		result = !primary(t);
	} else if (left >= 2 && at(t, "(")) {
		t->v++;
		result = test_or(t);
		if (!at(t, ")"))
			return complain(t, "closing paren expected", "");
		t->v++;
	} else if (left >= 2 && is_unary(t->v[0])) {
		result = unary(t, t->v[0], t->v[1]);
		t->v += 2;
	} else {
		result = *t->v++[0];
	}
	t->depth--;
	return result;
}

static bool test_and(struct sh_test *t)
{
	bool result = primary(t);

	while (!t->failed && at(t, "-a")) {
		t->v++;
		/* Both sides are looked at: the second must be well formed too. */
		result &= primary(t);
	}
	return result;
}

static bool test_or(struct sh_test *t)
{
	bool result = test_and(t);

	while (!t->failed && at(t, "-o")) {
		t->v++;
		result |= test_and(t);
	}
	return result;
}

/* What POSIX fixes by the number of arguments. True: *result is set. */
static bool by_count(struct sh_test *t, bool *result)
{
	char **v = t->v;
	int n = t->end - v;

	if (n == 0) {
		*result = false;
	} else if (n == 1) {
		*result = **v;
	} else if (n == 2 && !strcmp(*v, "!")) {
		*result = !*v[1];
	} else if (n == 2 && is_unary(*v)) {
		*result = unary(t, v[0], v[1]);
	} else if (n == 3 && str_to_index(v[1], binary_ops) >= 0) {
		*result = binary(t, v[0], v[1], v[2]);
	} else if (n == 3 && !strcmp(v[0], "(") && !strcmp(v[2], ")")) {
		*result = *v[1];
	} else if (n == 4 && !strcmp(*v, "!")) {
		t->v++;
		if (!by_count(t, result))
			return false;
		*result = !*result;
	} else {
		return false;
	}
	return true;
}

int sh_cmd_test(struct sh *sh, int argc, char **argv)
{
	struct sh_test t = { .sh = sh, .v = argv + 1, .end = argv + argc };
	bool result;

	if (!strcmp(argv[0], "[")) {
		if (strcmp(argv[argc - 1], "]")) {
			sh_warn(sh, "[: missing ]");
			return 2;
		}
		t.end--;
	}
	if (!by_count(&t, &result)) {
		t.v = argv + 1;
		result = test_or(&t);
		if (!t.failed && t.v < t.end)
			complain(&t, "unexpected operator: ", *t.v);
	}
	return t.failed ? 2 : !result;
}
