// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet wc: counts lines, words and bytes.
 */
#include <stdio.h>
#include <string.h>
#include "util.h"

struct wc_args {
	bool lines, words, bytes;
	struct opt_list files;
};

struct wc_counts {
	u64 lines, words, bytes;
};

static void print(const struct wc_args *args, const struct wc_counts *c, const char *name)
{
	bool all = !args->lines && !args->words && !args->bytes;
	bool one = args->lines + args->words + args->bytes == 1;
	const struct { bool on; u64 n; } parts[] = {
		{ args->lines || all, c->lines }, { args->words || all, c->words },
		{ args->bytes || all, c->bytes },
	};
	const char *sep = "";

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].on) {
			printf(one ? "%s%llu" : "%s%7llu", sep, parts[i].n);
			sep = " ";
		}
	printf(name ? " %s\n" : "\n", name);
}

static int count(const char *path, struct wc_counts *c)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	bool in_word = false;
	int ch, rc;

	if (!f)
		return util_fail(path);
	while ((ch = getc(f)) != EOF) {
		bool blank = ch == ' ' || (ch >= '\t' && ch <= '\r');

		c->bytes++;
		c->lines += ch == '\n';
		c->words += !blank && !in_word;
		in_word = !blank;
	}
	rc = ferror(f) ? util_fail(path) : 0;
	if (f != stdin)
		fclose(f);
	return rc;
}

static int wc_run(void *p, const struct opt_call *call)
{
	struct wc_args *args = p;
	struct wc_counts total = { 0 };
	int rc = 0;

	(void)call;
	for (size_t i = 0; i < MAX(args->files.n, (size_t)1); i++) {
		const char *name = args->files.n ? args->files.v[i].val : NULL;
		struct wc_counts c = { 0 };

		if (count(name ? name : "-", &c)) {
			rc = 1;
			continue;
		}
		print(args, &c, name);
		total.lines += c.lines;
		total.words += c.words;
		total.bytes += c.bytes;
	}
	if (args->files.n > 1)
		print(args, &total, "total");
	return rc;
}

#define A struct wc_args
static const struct opt wc_opts[] = {
	OPT_FLAG('l', "lines", A, lines, "lines"),
	OPT_FLAG('w', "words", A, words, "words"),
	OPT_FLAG('c', "bytes", A, bytes, "bytes"),
	OPERAND_REST("FILE", A, files, "- or none is standard input"),
	OPT_END
};
#undef A

static const struct opt_cmd wc_cmd = {
	.name = "wc", .summary = "count lines, words and bytes", .opts = wc_opts,
	.args_size = sizeof(struct wc_args), .run = wc_run,
};
static const struct applet wc_applet = { .cmd = &wc_cmd };
APPLET(wc_applet);
