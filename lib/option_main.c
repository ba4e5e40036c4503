// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running a command line by its table: parse a level, descend into the
 * sub-command, print help, version or the one-line usage error, or run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "log.h"
#include "mem.h"
#include "option.h"
#include "str.h"
#include "version.h"

#define USAGE_STATUS 2

static int print_out(struct strbuf *out)
{
	size_t done = 0;

	while (!strbuf_failed(out) && done < out->len) {
		ssize_t n = write(STDOUT_FILENO, out->s + done, out->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done == out->len && !strbuf_failed(out) ? 0 : 1;
}

static int print_help(const struct opt_cmd *cmd, const char *path)
{
	struct strbuf out = STRBUF_INIT;
	int status;

	opt_help(cmd, path, &out);
	status = print_out(&out);
	strbuf_free(&out);
	return status;
}

static int print_version(const char *program)
{
	struct strbuf out = STRBUF_INIT;
	int status;

	if (str_eq(program, "vmbox"))
		strbuf_printf(&out, "vmbox %s\n", vmbox_version);
	else
		strbuf_printf(&out, "%s (vmbox) %s\n", program, vmbox_version);
	status = print_out(&out);
	strbuf_free(&out);
	return status;
}

static int usage_error(const struct opt_cmd *cmd, struct err *err)
{
	err_report(err);
	return cmd->usage_status ? cmd->usage_status : USAGE_STATUS;
}

static int run_level(const struct opt_cmd *cmd, int argc, char **argv, const char *path,
		     const struct opt_call *parent);

static int run_sub(const struct opt_call *call, const char *path, int at)
{
	char sub_path[128];

	snprintf(sub_path, sizeof(sub_path), "%s %s", path, call->argv[at]);
	return run_level(opt_find_sub(call->cmd, call->argv[at]), call->argc - at, call->argv + at, sub_path, call);
}

static int run_verdict(int verdict, const struct opt_call *call, const char *path, int at, struct err *err)
{
	switch (verdict) {
	case OPT_RUN:
		return call->cmd->run(call->args, call);
	case OPT_SUB:
		return run_sub(call, path, at);
	case OPT_HELP:
		return print_help(call->cmd, path);
	case OPT_VERSION:
		return print_version(call->program);
	default:
		return usage_error(call->cmd, err);
	}
}

/* path: the words so far, "img dd", for help. */
static int run_level(const struct opt_cmd *cmd, int argc, char **argv, const char *path,
		     const struct opt_call *parent)
{
	struct opt_call call = { .cmd = cmd, .program = log_program(), .parent = parent, .argc = argc, .argv = argv };
	struct err err = ERR_INIT;
	int at = 0, status, verdict;

	call.args = mem_alloc(cmd->args_size);
	if (!call.args) {
		err_set(&err, ENOMEM, "out of memory");
		err_report(&err);
		return 1;
	}
	verdict = opt_parse(cmd, argc, argv, call.args, &at, &err);
	status = run_verdict(verdict, &call, path, at, &err);
	opt_free(cmd, call.args);
	mem_free(call.args);
	return status;
}

int opt_main(const struct opt_cmd *cmd, int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *program = argc > 0 ? (slash ? slash + 1 : argv[0]) : cmd->name;

	log_set_program(program);
	return run_level(cmd, argc, argv, program, NULL);
}
