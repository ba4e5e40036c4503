// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet head: prints the first lines or bytes of files.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "str.h"
#include "util.h"

struct head_args {
	u64 lines, bytes;
	struct opt_list files;
};

static void head_defaults(void *p)
{
	struct head_args *args = p;

	args->lines = 10;
	args->bytes = UINT64_MAX;
}

static int print(const struct head_args *args, const char *path)
{
	bool by_bytes = args->bytes != UINT64_MAX;
	u64 left = by_bytes ? args->bytes : args->lines;
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	int c, rc;

	if (!f)
		return util_fail(path);
	while (left && (c = getc(f)) != EOF) {
		putchar(c);
		left -= by_bytes || c == '\n';
	}
	rc = ferror(f) ? util_fail(path) : 0;
	if (f != stdin)
		fclose(f);
	return rc;
}

/* "head -5", the form of old: only as the first word. Returns how many operands it took. */
static size_t old_form(struct head_args *args, const struct opt_call *call)
{
	const char *word = call->argc > 1 ? call->argv[1] : "";
	u64 n;

	if (word[0] != '-' || !isdigit((unsigned char)word[1]) || str_to_u64(word + 1, 10, &n))
		return 0;
	args->lines = n;
	return 1;
}

static int head_run(void *p, const struct opt_call *call)
{
	struct head_args *args = p;
	int rc = 0;

	size_t first = old_form(args, call), n = args->files.n - first;

	if (!n)
		return print(args, "-");
	for (size_t i = first; i < args->files.n; i++) {
		if (n > 1)
			printf("%s==> %s <==\n", i > first ? "\n" : "", args->files.v[i].val);
		rc |= print(args, args->files.v[i].val);
	}
	return rc;
}

#define A struct head_args
static const struct opt head_opts[] = {
	OPT_UINT('n', "lines", "N", A, lines, "so many lines; default 10"),
	OPT_UINT('c', "bytes", "N", A, bytes, "so many bytes"),
	OPERAND_REST("FILE", A, files, "- or none is standard input"),
	OPT_END
};
#undef A

static const struct opt_cmd head_cmd = {
	.name = "head", .summary = "print the first lines of files", .opts = head_opts,
	.args_size = sizeof(struct head_args), .defaults = head_defaults, .run = head_run,
};
static const struct applet head_applet = { .cmd = &head_cmd };
APPLET(head_applet);
