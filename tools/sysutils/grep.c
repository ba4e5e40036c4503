// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet grep: prints the lines that match a regular expression.
 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "str.h"
#include "util.h"

struct grep_args {
	bool extended, fixed, no_case, invert, count, quiet, number, names, whole_line, no_name;
	const char *pattern;
	struct opt_list files;
};

struct grep {
	const struct grep_args *args;
	regex_t re;
	bool hit, failed;
};

/* A text as a pattern of itself. */
static void quote(const char *s, struct strbuf *out)
{
	for (; *s; s++) {
		if (strchr("\\.[]*^$+?(){}|", *s))
			strbuf_putc(out, '\\');
		strbuf_putc(out, *s);
	}
}

static int compile(struct grep *g)
{
	const struct grep_args *args = g->args;
	struct strbuf pattern = STRBUF_INIT;
	bool extended = args->extended || args->fixed;
	char text[256];
	int rc;

	if (args->whole_line)
		strbuf_puts(&pattern, extended ? "^(" : "^\\(");
	if (args->fixed)
		quote(args->pattern, &pattern);
	else
		strbuf_puts(&pattern, args->pattern);
	if (args->whole_line)
		strbuf_puts(&pattern, extended ? ")$" : "\\)$");
	rc = regcomp(&g->re, pattern.s, (extended ? REG_EXTENDED : 0) | REG_NOSUB |
		     (args->no_case ? REG_ICASE : 0));
	strbuf_free(&pattern);
	if (rc) {
		struct err err = ERR_INIT;

		regerror(rc, &g->re, text, sizeof(text));
		err_set(&err, EINVAL, "%s: %s", args->pattern, text);
		err_report(&err);
	}
	return rc;
}

static void search(struct grep *g, const char *path, bool names)
{
	const struct grep_args *args = g->args;
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	unsigned long line_nr = 0, hits = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f) {
		util_fail(path);
		g->failed = true;
		return;
	}
	while ((n = getline(&line, &cap, f)) >= 0) {
		line_nr++;
		if (n && line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (!regexec(&g->re, line, 0, NULL, 0) == args->invert)
			continue;
		hits++;
		g->hit = true;
		if (args->quiet || args->names)
			break;
		if (args->count)
			continue;
		if (names)
			printf("%s:", path);
		if (args->number)
			printf("%lu:", line_nr);
		puts(line);
	}
	free(line);
	if (args->count && names)
		printf("%s:", path);
	if (args->count)
		printf("%lu\n", hits);
	if (args->names && hits)
		puts(path);
	if (f != stdin)
		fclose(f);
}

static int grep_run(void *p, const struct opt_call *call)
{
	struct grep_args *args = p;
	struct grep g = { .args = args };

	(void)call;
	if (compile(&g))
		return 2;
	if (!args->files.n)
		search(&g, "-", false);
	for (size_t i = 0; i < args->files.n && !(args->quiet && g.hit); i++)
		search(&g, args->files.v[i].val, args->files.n > 1 && !args->no_name);
	regfree(&g.re);
	return args->quiet && g.hit ? 0 : g.failed ? 2 : !g.hit;
}

#define A struct grep_args
static const struct opt grep_opts[] = {
	OPT_FLAG('E', "extended-regexp", A, extended, "PATTERN is an extended regular expression"),
	OPT_FLAG('F', "fixed-strings", A, fixed, "PATTERN is a text"),
	OPT_FLAG('i', "ignore-case", A, no_case, "small and capital letters are the same"),
	OPT_FLAG('v', "invert-match", A, invert, "lines that do not match"),
	OPT_FLAG('x', "line-regexp", A, whole_line, "the whole line must match"),
	OPT_FLAG('c', "count", A, count, "only say how many"),
	OPT_FLAG('l', "files-with-matches", A, names, "only names of files"),
	OPT_FLAG('q', "quiet", A, quiet, "only the exit status"),
	OPT_FLAG('n', "line-number", A, number, "with line numbers"),
	OPT_FLAG('h', "no-filename", A, no_name, "without names of files"),
	OPERAND("PATTERN", A, pattern, "what to look for"),
	OPERAND_REST("FILE", A, files, "- or none is standard input"),
	OPT_END
};
#undef A

static const struct opt_section grep_sections[] = {
	{ "EXIT STATUS", "0\t-- a line matched\n\n1\t-- none did\n\n2\t-- an error" },
	{ NULL, NULL }
};

static const struct opt_cmd grep_cmd = {
	.name = "grep", .summary = "print lines that match", .opts = grep_opts,
	.sections = grep_sections, .args_size = sizeof(struct grep_args), .run = grep_run,
};
static const struct applet grep_applet = { .cmd = &grep_cmd };
APPLET(grep_applet);
