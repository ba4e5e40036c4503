// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The builtins read and getopts (XCU read, getopts).
 */
#include "sh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One line from standard input, byte by byte: the rest is for others. In mask: escaped bytes. */
static bool read_line(bool raw, struct strbuf *text, struct strbuf *mask)
{
	bool escaped = false;
	char c;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n < 0 && errno == EINTR && !sh_interrupt_pending())
			continue;
		if (n <= 0)
			return false;
		if (!raw && !escaped && c == '\\') {
			escaped = true;
			continue;
		}
		if (c == '\n' && !escaped)
			return true;
		if (c && c != '\n') {
			strbuf_putc(text, c);
			strbuf_putc(mask, escaped);
		}
		escaped = false;
	}
}

struct sh_line {
	const char *s, *mask, *ifs;
	size_t pos, len;
};

static bool is_ifs(const struct sh_line *l, size_t i)
{
	return !l->mask[i] && strchr(l->ifs, l->s[i]);
}

static bool is_blank(const struct sh_line *l, size_t i)
{
	return is_ifs(l, i) && strchr(" \t\n", l->s[i]);
}

static void skip_blanks(struct sh_line *l)
{
	while (l->pos < l->len && is_blank(l, l->pos))
		l->pos++;
}

/* The next field; the last variable takes the rest without blanks at its end. */
static char *next_field(struct sh *sh, struct sh_line *l, bool last)
{
	size_t start = l->pos, end;

	while (l->pos < l->len && !is_ifs(l, l->pos))
		l->pos++;
	end = l->pos;
	skip_blanks(l);
	if (l->pos < l->len && is_ifs(l, l->pos))
		l->pos++;
	skip_blanks(l);
	/* One separator at the very end is not part of the last field. */
	if (last && l->pos < l->len) {
		end = l->len;
		while (end > start && is_blank(l, end - 1))
			end--;
		l->pos = l->len;
	}
	return sh_strndup(&sh->work, l->s + start, end - start);
}

int sh_cmd_read(struct sh *sh, int argc, char **argv)
{
	struct strbuf text = STRBUF_INIT, mask = STRBUF_INIT;
	const char *ifs = sh_var_get(sh, "IFS"), *prompt = NULL;
	char *reply[] = { (char *)"REPLY", NULL };
	bool raw = false, got;
	struct sh_line l;
	int i = 1, rc = 0;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "-r")) {
			raw = true;
		} else if (!strcmp(argv[i], "-p") && i + 1 < argc) {
			prompt = argv[++i];
		} else {
			sh_warn(sh, "read: illegal option %s", argv[i]);
			return 2;
		}
	}
	if (prompt && isatty(STDIN_FILENO))
		fputs(prompt, stderr);
	got = read_line(raw, &text, &mask);
	l = (struct sh_line){ text.s, mask.s, ifs ? ifs : " \t\n", 0, text.len };
	skip_blanks(&l);
	argv = i < argc ? argv + i : reply;
	for (; *argv && !rc; argv++) {
		if (!sh_is_name(*argv, strlen(*argv))) {
			sh_warn(sh, "read: %s: bad variable name", *argv);
			rc = 2;
			break;
		}
		rc = sh_var_set(sh, *argv, next_field(sh, &l, !argv[1]), 0) ? 2 : 0;
	}
	strbuf_free(&text);
	strbuf_free(&mask);
	return rc ? rc : !got;
}

static void set_optind(struct sh *sh, int n, int at)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	sh_var_set(sh, "OPTIND", text, 0);
	sh->optind_char = at;
}

/* The option that is not one, or lacks its argument. */
static void getopts_bad(struct sh *sh, bool quiet, const char *name, char c, bool missing)
{
	char text[2] = { c, '\0' };

	sh_var_set(sh, name, quiet && missing ? ":" : "?", 0);
	sh_var_set(sh, "OPTARG", quiet ? text : NULL, 0);
	if (!quiet)
		fprintf(stderr, missing ? "No arg for -%c option\n" : "Illegal option -%c\n", c);
}

int sh_cmd_getopts(struct sh *sh, int argc, char **argv)
{
	char **args = argc > 3 ? argv + 3 : sh->args;
	int n = argc > 3 ? argc - 3 : sh->n_args, at = sh->optind_char;
	const char *ind = sh_var_get(sh, "OPTIND"), *word, *spec;
	char name[2] = { 0 };
	bool quiet;
	u64 index = 1;

	if (argc < 3) {
		sh_warn(sh, "usage: getopts OPTIONS NAME [ARGUMENT...]");
		return 2;
	}
	quiet = argv[1][0] == ':';
	str_to_u64_range(ind ? ind : "1", 1, 1000000, &index);
	word = index <= (u64)n ? args[index - 1] : NULL;
	if (!at && (!word || word[0] != '-' || !word[1] || !strcmp(word, "--"))) {
		set_optind(sh, index + (word && !strcmp(word, "--")), 0);
		sh_var_set(sh, argv[2], "?", 0);
		return 1;
	}
	at = word && at < (int)strlen(word) ? MAX(at, 1) : 1;
	name[0] = word ? word[at] : '?';
	at++;
	if (!word || !word[at]) {
		index++;
		at = 0;
	}
	spec = name[0] == ':' ? NULL : strchr(argv[1] + quiet, name[0]);
	if (!spec) {
		set_optind(sh, index, at);
		getopts_bad(sh, quiet, argv[2], name[0], false);
		return 0;
	}
	if (spec[1] != ':') {
		sh_var_set(sh, "OPTARG", NULL, 0);
	} else if (at) {
		sh_var_set(sh, "OPTARG", word + at, 0);
		index++;
	} else if (index <= (u64)n) {
		sh_var_set(sh, "OPTARG", args[index++ - 1], 0);
	} else {
		set_optind(sh, index, 0);
		getopts_bad(sh, quiet, argv[2], name[0], true);
		return 0;
	}
	set_optind(sh, index, spec[1] == ':' ? 0 : at);
	sh_var_set(sh, argv[2], name, 0);
	return 0;
}
