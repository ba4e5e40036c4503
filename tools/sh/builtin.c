// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Builtins of the shell (XCU 2.14 and those utilities that only the shell can
 * be). The table at the end has all of them; longer ones have files of their
 * own.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <unistd.h>
#include "applet.h"

static int cmd_true(struct sh *sh, int argc, char **argv)
{
	(void)sh;
	(void)argc;
	(void)argv;
	return 0;
}

static int cmd_false(struct sh *sh, int argc, char **argv)
{
	(void)sh;
	(void)argc;
	(void)argv;
	return 1;
}

/* A number operand within 0..255 or more; -1 (said): it is none. */
static int count_arg(struct sh *sh, int argc, char **argv, int none)
{
	u64 n;

	if (argc < 2)
		return none;
	if (str_to_u64_range(argv[1], 0, INT_MAX, &n)) {
		sh_error(sh, 2, "%s: illegal number: %s", argv[0], argv[1]);
		return -1;
	}
	return n;
}

static int cmd_exit(struct sh *sh, int argc, char **argv)
{
	int status = count_arg(sh, argc, argv, sh->status);

	if (status < 0)
		return 2;
	sh->flow = FLOW_EXIT;
	return status & 255;
}

static int cmd_return(struct sh *sh, int argc, char **argv)
{
	int status = count_arg(sh, argc, argv, sh->status);

	if (status < 0)
		return 2;
	sh->flow = FLOW_RETURN;
	return status & 255;
}

/* Also continue. */
static int cmd_break(struct sh *sh, int argc, char **argv)
{
	int n = count_arg(sh, argc, argv, 1);

	if (n < 0)
		return 2;
	if (!n) {
		sh_error(sh, 2, "%s: illegal number: 0", argv[0]);
		return 2;
	}
	if (sh->loops) {
		sh->flow = argv[0][0] == 'b' ? FLOW_BREAK : FLOW_CONTINUE;
		sh->flow_count = MIN(n, sh->loops);
	}
	return 0;
}

static int cmd_eval(struct sh *sh, int argc, char **argv)
{
	struct strbuf text = STRBUF_INIT;

	for (int i = 1; i < argc; i++) {
		strbuf_puts(&text, argv[i]);
		strbuf_putc(&text, ' ');
	}
	sh->status = 0;
	sh_run_string(sh, text.s);
	strbuf_free(&text);
	return sh->status;
}

static int cmd_dot(struct sh *sh, int argc, char **argv)
{
	char *path = argc < 2 ? NULL : sh_path_find(sh, argv[1]);
	struct sh_input in;
	int fd;

	if (argc < 2)
		return 0;
	/* A script need not be executable; the current folder is no place for it (POSIX). */
	if (!path)
		path = argv[1];
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fd < 10) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);

		close(fd);
		fd = high;
	}
	if (fd < 0) {
		sh_error(sh, 2, "%s: cannot open %s", argv[0], argv[1]);
		return sh->status;
	}
	sh_input_fd(sh, &in, fd);
	sh->status = 0;
	sh_run_input(sh, &in);
	sh_input_close(&in);
	close(fd);
	if (sh->flow == FLOW_RETURN)
		sh->flow = FLOW_NONE;
	return sh->status;
}

static int cmd_exec(struct sh *sh, int argc, char **argv)
{
	int rc;

	if (argc < 2)
		return 0;
	sh_signals_child(sh);
	rc = sh_exec_program(sh, argv + 1);
	sh_signals_init(sh);
	if (!sh->interactive || sh->child)
		sh->flow = FLOW_EXIT;
	return rc;
}

/* Also readonly. */
static int cmd_export(struct sh *sh, int argc, char **argv)
{
	unsigned flag = argv[0][0] == 'e' ? VAR_EXPORT : VAR_READONLY;
	int i = argc > 1 && !strcmp(argv[1], "-p") ? 2 : 1;

	if (i >= argc)
		sh_var_print(sh, flag == VAR_EXPORT ? "export " : "readonly ", flag);
	for (; i < argc; i++) {
		char *eq = strchr(argv[i], '=');
		size_t n = eq ? (size_t)(eq - argv[i]) : strlen(argv[i]);
		char *name = sh_strndup(&sh->work, argv[i], n);

		if (!sh_is_name(name, n)) {
			sh_error(sh, 2, "%s: %s: bad variable name", argv[0], argv[i]);
			return 2;
		}
		if (eq && sh_var_set(sh, name, eq + 1, flag))
			return 2;
		if (!eq)
			sh_var_flag(sh, name, flag);
	}
	return 0;
}

static int cmd_local(struct sh *sh, int argc, char **argv)
{
	if (!sh->frame) {
		sh_error(sh, 2, "local: not in a function");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		char *eq = strchr(argv[i], '=');
		char *name = sh_strndup(&sh->work, argv[i],
					eq ? (size_t)(eq - argv[i]) : strlen(argv[i]));

		if (!sh_is_name(name, strlen(name))) {
			sh_error(sh, 2, "local: %s: bad variable name", argv[i]);
			return 2;
		}
		sh_var_local(sh, name);
		if (eq && sh_var_set(sh, name, eq + 1, 0))
			return 2;
	}
	return 0;
}

static int cmd_unset(struct sh *sh, int argc, char **argv)
{
	bool func = argc > 1 && !strcmp(argv[1], "-f");

	for (int i = argc > 1 && argv[1][0] == '-' ? 2 : 1; i < argc; i++) {
		if (func)
			sh_func_unset(sh, argv[i]);
		else if (sh_var_set(sh, argv[i], NULL, 0))
			return 2;
	}
	return 0;
}

static int cmd_shift(struct sh *sh, int argc, char **argv)
{
	int n = count_arg(sh, argc, argv, 1);

	if (n < 0)
		return 2;
	if (n > sh->n_args) {
		sh_error(sh, 2, "shift: can't shift that many");
		return 2;
	}
	sh->args += n;
	sh->n_args -= n;
	return 0;
}

static bool *option_flag(struct sh *sh, char c)
{
	switch (c) {
	case 'a':
		return &sh->opt_a;
	case 'e':
		return &sh->opt_e;
	case 'f':
		return &sh->opt_f;
	case 'n':
		return &sh->opt_n;
	case 'u':
		return &sh->opt_u;
	case 'v':
		return &sh->opt_v;
	case 'x':
		return &sh->opt_x;
	case 'C':
		return &sh->opt_C;
	case 'm':
		return &sh->opt_m;
	}
	return NULL;
}

static const struct { const char *name; char c; } long_options[] = {
	{ "allexport", 'a' }, { "errexit", 'e' }, { "noglob", 'f' }, { "monitor", 'm' },
	{ "noexec", 'n' }, { "nounset", 'u' }, { "verbose", 'v' }, { "xtrace", 'x' },
	{ "noclobber", 'C' },
};

int sh_option_long(struct sh *sh, const char *name, bool on)
{
	for (size_t i = 0; i < ARRAY_SIZE(long_options); i++)
		if (!strcmp(name, long_options[i].name)) {
			*option_flag(sh, long_options[i].c) = on;
			return 0;
		}
	sh_error(sh, 2, "set: illegal option -o %s", name);
	return -1;
}

int sh_option_parse(struct sh *sh, const char *word)
{
	for (const char *p = word + 1; *p; p++) {
		bool *flag = option_flag(sh, *p);

		if (!flag) {
			sh_error(sh, 2, "illegal option %c%c", *word, *p);
			return -1;
		}
		/* Job control needs a terminal of ours. */
		*flag = *word == '-' && (*p != 'm' || sh->tty >= 0);
	}
	return 0;
}

static void print_options(struct sh *sh)
{
	for (size_t i = 0; i < ARRAY_SIZE(long_options); i++)
		printf("%-12s %s\n", long_options[i].name,
		       *option_flag(sh, long_options[i].c) ? "on" : "off");
}

/*
 * The arguments are copied behind a pointer of their own (not in the work
 * arena: that is released when set returns) and freed by the next set.
 */
static void set_args(struct sh *sh, int argc, char **argv)
{
	struct sh_args *a = sh_realloc(NULL, sizeof(*a));
	char **v = sh_realloc(NULL, (argc + 1) * sizeof(*v));

	for (int i = 0; i < argc; i++)
		v[i] = sh_strdup(argv[i]);
	v[argc] = NULL;
	/* Older ones may still be in use by callers of this function. */
	*a = (struct sh_args){ sh->set_args, v };
	sh->set_args = a;
	sh->args = v;
	sh->n_args = argc;
}

void sh_args_free(struct sh *sh, struct sh_args *until)
{
	while (sh->set_args != until) {
		struct sh_args *a = sh->set_args;

		sh->set_args = a->up;
		for (char **v = a->v; *v; v++)
			free(*v);
		free(a->v);
		free(a);
	}
}

int sh_cmd_set(struct sh *sh, int argc, char **argv)
{
	int i = 1;

	if (argc < 2) {
		sh_var_print(sh, "", 0);
		return 0;
	}
	for (; i < argc && (argv[i][0] == '-' || argv[i][0] == '+'); i++) {
		if (!strcmp(argv[i], "--")) {
			set_args(sh, argc - i - 1, argv + i + 1);
			return 0;
		}
		if (!argv[i][1])
			break;
		if (argv[i][1] != 'o') {
			if (sh_option_parse(sh, argv[i]))
				return 2;
		} else if (i + 1 >= argc) {
			print_options(sh);
		} else if (sh_option_long(sh, argv[i + 1], argv[i][0] == '-')) {
			return 2;
		} else {
			i++;
		}
	}
	if (i < argc)
		set_args(sh, argc - i, argv + i);
	return 0;
}

static int cmd_cd(struct sh *sh, int argc, char **argv)
{
	int i = 1;
	const char *dir, *old = sh_var_get(sh, "PWD");
	char now[PATH_MAX];
	bool say = false;

	while (i < argc && (!strcmp(argv[i], "-L") || !strcmp(argv[i], "-P") ||
			    !strcmp(argv[i], "--")))
		i++;
	dir = i < argc ? argv[i] : sh_var_get(sh, "HOME");
	if (dir && !strcmp(dir, "-")) {
		dir = sh_var_get(sh, "OLDPWD");
		say = true;
	}
	if (!dir || chdir(dir)) {
		sh_warn(sh, "cd: can't cd to %s", dir ? dir : "HOME");
		return 2;
	}
	if (old)
		sh_var_set(sh, "OLDPWD", old, 0);
	if (getcwd(now, sizeof(now)))
		sh_var_set(sh, "PWD", now, 0);
	if (say)
		puts(now);
	return 0;
}

static int cmd_pwd(struct sh *sh, int argc, char **argv)
{
	char now[PATH_MAX];

	(void)argc;
	(void)argv;
	if (!getcwd(now, sizeof(now))) {
		sh_warn(sh, "pwd: %s", strerror(errno));
		return 1;
	}
	puts(now);
	return 0;
}

static int cmd_umask(struct sh *sh, int argc, char **argv)
{
	mode_t old = umask(0);
	u64 mask;

	umask(old);
	if (argc < 2) {
		printf("%04o\n", old);
		return 0;
	}
	if (str_to_u64(argv[1], 8, &mask) || mask > 0777) {
		sh_warn(sh, "umask: illegal mode: %s", argv[1]);
		return 2;
	}
	umask(mask);
	return 0;
}

static void print_time(long ticks, const char *end)
{
	long hz = sysconf(_SC_CLK_TCK);

	printf("%ldm%ld.%02lds%s", ticks / hz / 60, ticks / hz % 60, ticks % hz * 100 / hz, end);
}

static int cmd_times(struct sh *sh, int argc, char **argv)
{
	struct tms t;

	(void)sh;
	(void)argc;
	(void)argv;
	times(&t);
	print_time(t.tms_utime, " ");
	print_time(t.tms_stime, "\n");
	print_time(t.tms_cutime, " ");
	print_time(t.tms_cstime, "\n");
	return 0;
}

/* What name is to the shell, in words or as command -v prints it. 0, 127: nothing. */
static int describe(struct sh *sh, const char *name, bool words)
{
	const struct sh_builtin *b = sh_builtin_find(name);
	char *path;

	if (sh_func_find(sh, name)) {
		printf("%s%s\n", name, words ? " is a shell function" : "");
	} else if (b) {
		printf("%s%s\n", name, !words ? "" : b->special ? " is a special shell builtin" :
		       " is a shell builtin");
	} else if (!strchr(name, '/') && applet_find(name)) {
		printf("%s%s\n", name, words ? " is an applet of this program" : "");
	} else if ((path = sh_path_find(sh, name)) && !access(path, X_OK)) {
		printf("%s%s%s\n", words ? name : "", words ? " is " : "", path);
	} else {
		if (words)
			printf("%s: not found\n", name);
		return 127;
	}
	return 0;
}

static int cmd_type(struct sh *sh, int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; i < argc; i++)
		rc |= describe(sh, argv[i], true);
	return rc;
}

static int cmd_command(struct sh *sh, int argc, char **argv)
{
	struct sh_fields words = { 0 };
	int i = 1, rc = 0;

	while (i < argc && (!strcmp(argv[i], "-p") || !strcmp(argv[i], "--")))
		i++;
	if (i < argc && (!strcmp(argv[i], "-v") || !strcmp(argv[i], "-V"))) {
		bool words_wanted = argv[i][1] == 'V';

		for (i++; i < argc; i++)
			rc |= describe(sh, argv[i], words_wanted);
		return rc;
	}
	if (i >= argc)
		return 0;
	words.v = argv + i;
	words.n = argc - i;
	return sh_exec_words(sh, &words, 0);
}

static void print_applet(void *ctx, const struct applet *a, const char *name)
{
	int *column = ctx;

	(void)a;
	if (*column + strlen(name) > 76) {
		putchar('\n');
		*column = 0;
	}
	*column += printf(" %s", name);
}

static int cmd_help(struct sh *sh, int argc, char **argv)
{
	size_t n;
	const struct sh_builtin *b = sh_builtin_list(&n);
	int column = 0;

	(void)sh;
	(void)argc;
	(void)argv;
	puts("Builtins of the shell:");
	for (size_t i = 0; i < n; i++)
		print_applet(&column, NULL, b[i].name);
	puts("\nApplets of this program (NAME --help tells more):");
	column = 0;
	applet_foreach(false, print_applet, &column);
	putchar('\n');
	return 0;
}

static const struct sh_builtin builtins[] = {
	{ ".", cmd_dot, true },
	{ ":", cmd_true, true },
	{ "[", sh_cmd_test, false },
	{ "bg", sh_cmd_fg, false },
	{ "break", cmd_break, true },
	{ "cd", cmd_cd, false },
	{ "command", cmd_command, false },
	{ "continue", cmd_break, true },
	{ "echo", sh_cmd_echo, false },
	{ "eval", cmd_eval, true },
	{ "exec", cmd_exec, true },
	{ "exit", cmd_exit, true },
	{ "export", cmd_export, true },
	{ "false", cmd_false, false },
	{ "fg", sh_cmd_fg, false },
	{ "getopts", sh_cmd_getopts, false },
	{ "help", cmd_help, false },
	{ "jobs", sh_cmd_jobs, false },
	{ "kill", sh_cmd_kill, false },
	{ "local", cmd_local, false },
	{ "printf", sh_cmd_printf, false },
	{ "pwd", cmd_pwd, false },
	{ "read", sh_cmd_read, false },
	{ "readonly", cmd_export, true },
	{ "return", cmd_return, true },
	{ "set", sh_cmd_set, true },
	{ "shift", cmd_shift, true },
	{ "source", cmd_dot, false },
	{ "test", sh_cmd_test, false },
	{ "times", cmd_times, true },
	{ "trap", sh_cmd_trap, true },
	{ "true", cmd_true, false },
	{ "type", cmd_type, false },
	{ "umask", cmd_umask, false },
	{ "unset", cmd_unset, true },
	{ "wait", sh_cmd_wait, false },
};

static int by_name(const void *key, const void *b)
{
	return strcmp(key, ((const struct sh_builtin *)b)->name);
}

const struct sh_builtin *sh_builtin_find(const char *name)
{
	return bsearch(name, builtins, ARRAY_SIZE(builtins), sizeof(builtins[0]), by_name);
}

const struct sh_builtin *sh_builtin_list(size_t *n)
{
	*n = ARRAY_SIZE(builtins);
	return builtins;
}
