// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The program's entry. Called by an applet's name it is that applet; called
 * vmbox it takes its own options, or the applet's name as the first word.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "log.h"
#include "mem.h"
#include "str.h"
#include "trace.h"
#include "version.h"
#include "vmbox.h"

#define USAGE_STATUS 2

struct vmbox_args {
	bool list, list_full, install, symbolic, completion, trace_list;
	const char *man, *install_man;
	struct opt_list words;
};
#define A struct vmbox_args

static const struct opt vmbox_opts[] = {
	OPT_FLAG(0, "list", A, list, "print the names of the applets, one a line"),
	OPT_FLAG(0, "list-full", A, list_full, "print the path of every link that --install makes, below /"),
	OPT_FLAG(0, "install", A, install, "make links to this binary in the folder named by the operand, under every applet's names"),
	OPT_FLAG('s', NULL, A, symbolic, "with --install: symbolic links, not hard links"),
	OPT_FLAG(0, "trace-list", A, trace_list, "print the names of the trace points"),
	OPT_STR(0, "man", "APPLET", A, man, "print a manual page as mdoc source", .complete = OPT_COMP_NONE),
	OPT_STR(0, "install-man", "DIR", A, install_man, "write the manual pages into DIR/man1 and DIR/man8",
		.complete = OPT_COMP_DIR),
	OPT_FLAG(0, "completion", A, completion, "print the completion script for bash"),
	OPERAND_REST("APPLET", A, words, "the applet to run, with its arguments; \"help APPLET\" explains one"),
	OPT_END
};

static const struct opt_section vmbox_sections[] = {
	{ "EXIT STATUS",
	  "0\t-- Success.\n"
	  "1\t-- The operation failed.\n"
	  "2\t-- The command line was wrong; there is no such applet.\n"
	  "Otherwise the applet's own." },
	{ "EXAMPLES",
	  "Links for all applets in a folder of the PATH:\n"
	  "\tvmbox --install -s ~/bin\n"
	  "\n"
	  "Completion in the running shell:\n"
	  "\t. <(vmbox --completion)" },
	{ NULL, NULL }
};

static const struct opt_cmd vmbox_cmd = {
	.name = "vmbox",
	.summary = "virtual machines and their tools in one binary",
	.description = "The binary holds several programs, called applets.\n"
		       "It runs the one whose name it was called by through a link, or the one named first on its command line.",
	.opts = vmbox_opts,
	.sections = vmbox_sections,
	.flags = OPT_CMD_NO_PERMUTE,
	.args_size = sizeof(A),
};

static int failed(struct err *err, int status)
{
	err_report(err);
	return status;
}

/* Prints what a generator made. */
static int finish(struct strbuf *out)
{
	size_t done = 0;
	ssize_t n = 0;

	for (; done < out->len && n >= 0; done += n > 0 ? (size_t)n : 0)
		n = write(STDOUT_FILENO, out->s + done, out->len - done);
	n = strbuf_failed(out) || done < out->len ? 1 : 0;
	strbuf_free(out);
	return (int)n;
}

static void add_name(void *ctx, const struct applet *a, const char *name)
{
	(void)a;
	strbuf_printf(ctx, "%s\n", name);
}

static void add_path(void *ctx, const struct applet *a, const char *name)
{
	strbuf_printf(ctx, "%s/%s\n", install_dir(a), name);
}

static void add_summary(void *ctx, const struct applet *a, const char *name)
{
	strbuf_printf(ctx, "  %-22s  %s\n", name, a->cmd->summary);
}

static void add_trace(void *ctx, const struct trace_event *ev)
{
	strbuf_printf(ctx, "%s\n", ev->name);
}

static int print_help(void)
{
	struct strbuf out = STRBUF_INIT;

	opt_help(&vmbox_cmd, "vmbox", &out);
	strbuf_puts(&out, "\nApplets:\n");
	applet_foreach(false, add_summary, &out);
	return finish(&out);
}

static void offer_name(void *ctx, const struct applet *a, const char *name)
{
	if (name == a->cmd->name || applet_find(name))	/* prefix links live in a buffer that goes */
		str_nearest_offer(ctx, name);
}

static int unknown_applet(const char *name)
{
	struct str_nearest near = STR_NEAREST_INIT(name);
	struct err err = ERR_INIT;

	applet_foreach(true, offer_name, &near);
	if (str_nearest(&near))
		err_set(&err, ENOENT, "unknown applet '%s', did you mean '%s'?", name, str_nearest(&near));
	else
		err_set(&err, ENOENT, "unknown applet '%s'; --list names them", name);
	return failed(&err, USAGE_STATUS);
}

/* `vmbox help img`, `vmbox help img dd`: as if --help stood behind. */
static int help_applet(int argc, char **argv)
{
	static char help[] = "--help";
	char **words = mem_array((size_t)argc + 1, sizeof(*words));
	int status;

	if (!words)
		return 1;
	memcpy(words, argv + 1, (size_t)(argc - 1) * sizeof(*words));
	words[argc - 1] = help;
	words[argc] = NULL;
	status = applet_run(argc, words);
	mem_free(words);
	return status == 127 && !applet_find(argv[1]) ? unknown_applet(argv[1]) : status;
}

/* argv[0] is the applet's name. */
static int run_applet(int argc, char **argv)
{
	int status;

	if (str_eq(argv[0], "help") && !applet_find("help"))
		return argc > 1 ? help_applet(argc, argv) : print_help();
	status = applet_run(argc, argv);
	return status == 127 && !applet_find(argv[0]) ? unknown_applet(argv[0]) : status;
}

static int install(const A *args)
{
	struct err err = ERR_INIT;

	if (args->words.n != 1) {
		err_set(&err, EINVAL, "--install needs one folder");
		return failed(&err, USAGE_STATUS);
	}
	return install_links(args->words.v[0].val, args->symbolic, &err) ? failed(&err, 1) : 0;
}

static int generate(const A *args)
{
	struct strbuf out = STRBUF_INIT;
	struct err err = ERR_INIT;

	if (args->list)
		applet_foreach(false, add_name, &out);
	else if (args->list_full)
		applet_foreach(true, add_path, &out);
	else if (args->trace_list)
		trace_foreach(add_trace, &out);
	else if (args->completion)
		docs_completion(&vmbox_cmd, &out);
	else if (args->man && docs_man(&vmbox_cmd, args->man, &out, &err))
		return failed(&err, USAGE_STATUS);
	return finish(&out);
}

static int run_verdict(int verdict, const A *args, int argc, char **argv, struct err *err)
{
	size_t n = args->words.n;

	if (verdict == OPT_HELP || (verdict == OPT_RUN && argc == 1))
		return print_help();
	if (verdict == OPT_VERSION) {
		printf("vmbox %s\n", vmbox_version);
		return fflush(stdout) ? 1 : 0;
	}
	if (verdict < 0)
		return failed(err, USAGE_STATUS);
	if (args->install)
		return install(args);
	if (args->install_man)
		return docs_install(&vmbox_cmd, args->install_man, err) ? failed(err, 1) : 0;
	if (n)
		return run_applet((int)n, argv + argc - n);
	return generate(args);
}

static int vmbox_main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	A args;
	int verdict = opt_parse(&vmbox_cmd, argc, argv, &args, NULL, &err);
	int status = run_verdict(verdict, &args, argc, argv, &err);

	opt_free(&vmbox_cmd, &args);
	return status;
}

int main(int argc, char **argv)
{
	const char *slash, *name;
	int status;

	if (argc < 1)
		return USAGE_STATUS;
	slash = strrchr(argv[0], '/');
	name = slash ? slash + 1 : argv[0];
	if (str_starts(name, "vmbox", NULL))
		return vmbox_main(argc, argv);
	status = applet_run(argc, argv);
	return status == 127 && !applet_find(name) ? unknown_applet(name) : status;
}
