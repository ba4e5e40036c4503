// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet sh: start, the loop over complete commands, and the end. See sh.h
 * for the parts and Documentation/DESIGN/appliance.md for the why.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "applet.h"

static void warn(const struct sh *sh, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", sh->name, text);
}

void sh_warn(const struct sh *sh, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	warn(sh, fmt, ap);
	va_end(ap);
}

void sh_error(struct sh *sh, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	warn(sh, fmt, ap);
	va_end(ap);
	sh->status = status;
	sh->flow = sh->interactive && !sh->child ? FLOW_ABORT : FLOW_EXIT;
}

/* One complete command, in a tree that functions may keep. Returns false at the end. */
static bool run_one(struct sh *sh, struct sh_input *in)
{
	struct sh_arena *outer = sh->tree, *tree = sh_arena_new();
	struct sh_parser p = { .sh = sh, .in = in, .arena = tree };
	struct sh_node *node = NULL;
	int rc = sh_parse(&p, &node);

	/* ^C while the line was typed: all of it is forgotten. */
	if (sh->flow == FLOW_ABORT) {
		in->pos = in->len;
		in->eof = false;
		rc = 1;
	} else if (rc < 0) {
		sh_error(sh, 2, "%u: %s", in->line, p.error);
		in->pos = in->len;
		rc = in->more && sh->interactive;
	} else if (node) {
		sh->tree = tree;
		/* The last command of a text needs no process of its own beside ours. */
		sh_exec(sh, node, !in->more && in->pos == in->len && in->fd == -2 ? RUN_EXIT : 0);
	}
	sh->tree = outer;
	sh_arena_put(tree);
	return rc > 0;
}

int sh_run_input(struct sh *sh, struct sh_input *in)
{
	bool top = !sh->tree;

	while (!sh->flow && run_one(sh, in)) {
		if (top && sh->flow == FLOW_ABORT && sh->interactive)
			sh->flow = FLOW_NONE;
		if (top && sh->flow == FLOW_RETURN)
			sh->flow = FLOW_EXIT;
	}
	return sh->status;
}

int sh_run_string(struct sh *sh, const char *text)
{
	struct sh_input in;

	sh_input_string(&in, text);
	sh_run_input(sh, &in);
	sh_input_close(&in);
	return sh->status;
}

void sh_free(struct sh *sh)
{
	sh_jobs_forget(sh);
	sh_vars_free(sh);
	sh_args_free(sh, NULL);
	sh_edit_free(sh->edit);
	sh_arena_release(&sh->work, (struct sh_mark){ NULL, 0 });
	for (int i = 0; i < NSIG; i++)
		free(sh->traps[i]);
	if (sh->tty >= 0)
		close(sh->tty);
}

static void start_interactive(struct sh *sh)
{
	const char *term = sh_var_get(sh, "TERM");
	struct utsname u;
	char ps1[160];

	sh_signals_init(sh);
	sh_jobs_init(sh);
	if (isatty(STDIN_FILENO) && term && strcmp(term, "dumb"))
		sh->edit = sh_edit_new(STDIN_FILENO);
	if (sh_var_get(sh, "PS1"))
		return;
	uname(&u);
	snprintf(ps1, sizeof(ps1), "%.64s:$PWD%s ", u.nodename, geteuid() ? "$" : "#");
	sh_var_set(sh, "PS1", ps1, 0);
}

/* /etc/profile, ~/.profile */
static void run_profiles(struct sh *sh)
{
	const char *home = sh_var_get(sh, "HOME");
	char path[512];
	char *files[] = { (char *)"/etc/profile", path };

	snprintf(path, sizeof(path), "%s/.profile", home ? home : "");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char *argv[] = { (char *)".", files[i], NULL };

		if (!access(files[i], R_OK))
			sh_builtin_find(".")->run(sh, 2, argv);
		sh->flow = sh->flow == FLOW_EXIT ? FLOW_EXIT : FLOW_NONE;
	}
}

struct sh_options {
	bool command, standard_input, login;
};

/* Options in front of the operands. Returns the index of the first operand, -1: bad (said). */
static int parse_options(struct sh *sh, int argc, char **argv, struct sh_options *o)
{
	int i = 1;

	for (; i < argc && (argv[i][0] == '-' || argv[i][0] == '+') && argv[i][1]; i++) {
		char one[3] = { argv[i][0] };

		if (!strcmp(argv[i], "--"))
			return i + 1;
		if (!strcmp(argv[i] + 1, "o") && i + 1 < argc) {
			if (sh_option_long(sh, argv[i + 1], argv[i][0] == '-'))
				return -1;
			i++;
			continue;
		}
		for (const char *p = argv[i] + 1; *p; p++) {
			one[1] = *p;
			if (*p == 'c')
				o->command = true;
			else if (*p == 's')
				o->standard_input = true;
			else if (*p == 'i')
				sh->interactive = true;
			else if (*p == 'l')
				o->login = true;
			else if (sh_option_parse(sh, one))
				return -1;
		}
	}
	if (i < argc && !strcmp(argv[i], "-"))
		i++;
	return i;
}

static int run_command(struct sh *sh, int argc, char **argv)
{
	struct sh_input in;

	if (!argc) {
		sh_warn(sh, "-c needs a command");
		return 2;
	}
	if (argc > 1) {
		sh->name = argv[1];
		sh->args = argv + 2;
		sh->n_args = argc - 2;
	}
	sh_input_string(&in, argv[0]);
	in.fd = -2;	/* nothing follows: the last command may take the process */
	sh_run_input(sh, &in);
	sh_input_close(&in);
	return sh->status;
}

static int run_file(struct sh *sh, const char *path)
{
	struct sh_input in;
	int fd = open(path, O_RDONLY | O_CLOEXEC), high;

	if (fd < 0) {
		sh_warn(sh, "0: cannot open %s: %s", path, strerror(errno));
		return errno == ENOENT ? 2 : 126;
	}
	high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	close(fd);
	sh_input_fd(sh, &in, high);
	sh_run_input(sh, &in);
	sh_input_close(&in);
	close(high);
	return sh->status;
}

static int run_shell(struct sh *sh, int argc, char **argv)
{
	struct sh_options o = { .login = argv[0][0] == '-' };
	int i = parse_options(sh, argc, argv, &o);
	struct sh_input in;

	if (i < 0)
		return 2;
	argc -= i;
	argv += i;
	sh->args = argv;
	sh->n_args = argc;
	if (!o.command && (o.standard_input || !argc) && isatty(STDIN_FILENO) &&
	    isatty(STDERR_FILENO))
		sh->interactive = true;
	if (sh->interactive)
		start_interactive(sh);
	if (o.login)
		run_profiles(sh);
	if (sh->flow)
		return sh->status;
	if (o.command)
		return run_command(sh, argc, argv);
	if (argc && !o.standard_input) {
		sh->name = argv[0];
		sh->args++;
		sh->n_args--;
		return run_file(sh, argv[0]);
	}
	sh_input_fd(sh, &in, STDIN_FILENO);
	sh_run_input(sh, &in);
	sh_input_close(&in);
	return sh->status;
}

static int sh_main(int argc, char **argv)
{
	struct sh sh = {
		.name = argv[0][0] == '-' ? argv[0] + 1 : argv[0],
		.pid = getpid(), .tty = -1,
	};
	int status;

	sh_vars_import(&sh);
	sh.status = run_shell(&sh, argc, argv);
	sh_at_exit(&sh);
	status = sh.status;
	if (fflush(stdout) && !status)
		status = 1;
	sh_free(&sh);
	return status;
}

static int sh_run(void *args, const struct opt_call *call)
{
	(void)args;
	return sh_main(call->argc, call->argv);
}


static const struct opt_section sh_sections[] = {
	{ "USAGE",
	  "\tsh [-aefnuvxCil] [FILE [ARGUMENT...]]\n\tsh -c COMMAND [NAME [ARGUMENT...]]\n\tsh -s [ARGUMENT...]" },
	{ "COMMANDS",
	  "A name is looked for among the shell's functions and builtins, then the applets of this program, then in PATH. "
	  "The builtin help lists the first two kinds. The language is that of POSIX.1-2017, with local, source and echo -e besides." },
	{ "KEYS",
	  "^A ^E ^B ^F ^P ^N, arrows, Home, End\t-- move in the line and in the history\n\n"
	  "^U ^K ^W ^Y\t-- cut to the start, to the end, a word; put back\n\n"
	  "Tab\t-- complete a command or file\n\n"
	  "^C\t-- forget the line\n\n"
	  "^D\t-- end the shell, on an empty line\n\n"
	  "With TERM=dumb lines are read as the terminal gives them." },
	{ "EXIT STATUS",
	  "That of the last command; 127 when it was not found, 126 when it could not be run, 2 after an error of the shell itself." },
	{ NULL, NULL }
};

static const struct opt_cmd sh_cmd = {
	.name = "sh",
	.summary = "command interpreter",
	.description = "A shell after POSIX, small, for an appliance and for scripts that use the applets: they run in it without a file system.",
	.sections = sh_sections,
	.flags = OPT_CMD_RAW,
	.run = sh_run,
};

static const struct applet sh = { .cmd = &sh_cmd };
APPLET(sh);
