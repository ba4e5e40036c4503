// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The manual page out of an option table, in mdoc(7): NAME, SYNOPSIS,
 * DESCRIPTION, COMMANDS with each sub-command's options, and whatever
 * sections the table adds. mandoc -Tlint and groff -mdoc are clean on it.
 */
#include <stdio.h>
#include <string.h>
#include "option.h"
#include "option_priv.h"
#include "str.h"
#include "version.h"

/* Text to roff: backslashes and a dot or quote at the line's begin are not commands; "-" is a hyphen-minus. */
static void escape(struct strbuf *out, const char *s, size_t n)
{
	if (n && (s[0] == '.' || s[0] == '\''))
		strbuf_puts(out, "\\&");
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\')
			strbuf_puts(out, "\\e");
		else if (s[i] == '-')
			strbuf_puts(out, "\\-");
		else
			strbuf_putc(out, s[i]);
	}
}

/*
 * An argument of a macro. Words that are macro names themselves ("No",
 * "Op"), delimiters and quotes get a zero-width character in front, and
 * blanks a quoted argument.
 */
static void escape_arg(struct strbuf *out, const char *s)
{
	strbuf_puts(out, " \"\\&");
	for (; *s; s++) {
		if (*s == '"')
			strbuf_puts(out, "\\(dq");
		else
			escape(out, s, 1);
	}
	strbuf_putc(out, '"');
}

/* Does s[i], a blank, follow a sentence and precede another? */
static bool sentence_end(const char *s, size_t i, size_t n)
{
	return strchr(".!?", s[i - 1]) && i + 1 < n && s[i + 1] >= 'A' && s[i + 1] <= 'Z';
}

/* Where the source line that begins at s ends: behind a sentence, or at the last blank before column 76. */
static size_t line_end(const char *s, size_t n)
{
	size_t blank = 0;

	for (size_t i = 1; i < n; i++) {
		if (s[i] != ' ')
			continue;
		if (sentence_end(s, i, n))
			return i;
		if (i > 76 && blank)
			return blank;
		blank = i;
	}
	return n > 76 && blank ? blank : n;
}

/* Running text, one source line per sentence as mdoc wants it. */
static void sentences(struct strbuf *out, const char *s, size_t n)
{
	while (n) {
		size_t len = line_end(s, n);

		escape(out, s, len);
		/* A line that ends in a full stop ends a sentence; say so when it does not. */
		if (len < n && strchr(".!?", s[len - 1]) && !sentence_end(s, len, n))
			strbuf_puts(out, "\\&");
		strbuf_putc(out, '\n');
		s += len;
		n -= len;
		while (n && *s == ' ') {
			s++;
			n--;
		}
	}
}

/* What the text is inside of while it is written line by line. */
enum block { BLOCK_NONE, BLOCK_LITERAL, BLOCK_LIST };

static void enter(struct strbuf *out, enum block *now, enum block want)
{
	if (*now == want)
		return;
	if (*now == BLOCK_LITERAL)
		strbuf_puts(out, ".Ed\n");
	if (*now == BLOCK_LIST)
		strbuf_puts(out, ".El\n");
	if (want == BLOCK_LITERAL)
		strbuf_puts(out, ".Bd -literal -offset indent\n");
	if (want == BLOCK_LIST)
		strbuf_puts(out, ".Bl -tag -width Ds\n");
	*now = want;
}

/* The rules of struct opt_section: tab = literal line, "term\t-- text" = tagged item, empty = paragraph. */
static void text(struct strbuf *out, const char *s)
{
	enum block now = BLOCK_NONE;
	bool gap = false;

	for (; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		size_t n = strcspn(s, "\n");
		const char *tag = memmem(s, n, "\t-- ", 4);

		if (!n) {
			gap = true;
			continue;
		}
		if (s[0] == '\t') {
			enter(out, &now, BLOCK_LITERAL);
			if (gap && str_ends(out->s, ".Bd -literal -offset indent\n") == false)
				strbuf_putc(out, '\n');
			escape(out, s + 1, n - 1);
			strbuf_putc(out, '\n');
		} else if (tag) {
			enter(out, &now, BLOCK_LIST);
			strbuf_puts(out, ".It Li \"\\&");
			escape(out, s, (size_t)(tag - s));
			strbuf_puts(out, "\"\n");
			sentences(out, tag + 4, n - (size_t)(tag + 4 - s));
		} else {
			bool plain = now == BLOCK_NONE;

			enter(out, &now, BLOCK_NONE);
			if ((gap || !plain) && !str_ends(out->s, ".Pp\n"))
				strbuf_puts(out, ".Pp\n");
			sentences(out, s, n);
		}
		gap = false;
	}
	enter(out, &now, BLOCK_NONE);
}

/* Help texts are fragments: give them a capital and a full stop. */
static void sentence(struct strbuf *out, const char *help)
{
	struct strbuf s = STRBUF_INIT;

	strbuf_puts(&s, help);
	if (s.len && s.s[0] >= 'a' && s.s[0] <= 'z')
		s.s[0] = (char)(s.s[0] - 32);
	if (s.len && !strchr(".!?:", s.s[s.len - 1]))
		strbuf_putc(&s, '.');
	for (const char *p = s.s; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (p != s.s)
			strbuf_puts(out, ".Pp\n");
		sentences(out, p, strcspn(p, "\n"));
	}
	strbuf_free(&s);
}

/* mdoc's Fl puts one dash; the second of "--name" is part of its argument. */
static void flag(struct strbuf *out, const struct opt_cmd *cmd, const char *name)
{
	strbuf_printf(out, " Fl \"%s", cmd->flags & OPT_CMD_QEMU ? "" : "\\-");
	escape(out, name, strlen(name));
	strbuf_putc(out, '"');
}

static void flag_with_arg(struct strbuf *out, const struct opt_cmd *cmd, const struct opt *o)
{
	bool joined = o->long_name && !(cmd->flags & OPT_CMD_QEMU), optional = o->flags & OPT_OPTARG;

	if (o->short_name)
		strbuf_printf(out, " Fl %c", o->short_name);
	if (o->short_name && o->long_name)
		strbuf_puts(out, " ,");
	if (o->long_name)
		flag(out, cmd, o->long_name);
	if (!o->metavar)
		return;
	strbuf_puts(out, optional ? (joined ? " Ns Oo Ns =" : " Oo") : joined ? " Ns =" : "");
	strbuf_puts(out, joined ? " Ns Ar" : " Ar");
	escape_arg(out, o->metavar);
	if (optional)
		strbuf_puts(out, " Oc");
}

static void choices(struct strbuf *out, const struct opt *o)
{
	if (o->type != OPT_T_CHOICE)
		return;
	strbuf_puts(out, "One of\n");
	for (const char *const *c = o->choices; *c; c++) {
		strbuf_puts(out, ".Cm");
		escape_arg(out, *c);
		strbuf_puts(out, c[1] ? " ,\n" : " .\n");
	}
}

static bool shown(const struct opt *o)
{
	return !(o->flags & OPT_HIDDEN) && o->type != OPT_T_GROUP;
}

static void option_item(struct strbuf *out, const struct opt_cmd *cmd, const struct opt *o)
{
	strbuf_puts(out, ".It");
	if (o->flags & OPT_OPERAND) {
		strbuf_puts(out, " Ar");
		escape_arg(out, o->metavar);
	} else if (o->flags & OPT_KEYVAL) {
		strbuf_puts(out, " Cm");
		escape_arg(out, o->long_name);
		strbuf_puts(out, " Ns = Ns Ar");
		escape_arg(out, o->metavar);
	} else {
		flag_with_arg(out, cmd, o);
	}
	strbuf_putc(out, '\n');
	sentence(out, o->help);
	choices(out, o);
}

/* Every entry, groups as sub-headings. */
static void options(struct strbuf *out, const struct opt_cmd *cmd, bool headings)
{
	bool open = false;

	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++) {
		if (o->type == OPT_T_GROUP && headings) {
			strbuf_puts(out, open ? ".El\n" : "");
			open = false;
			strbuf_puts(out, ".Ss");
			escape_arg(out, o->help);
			strbuf_putc(out, '\n');
		}
		if (!shown(o))
			continue;
		if (!open)
			strbuf_puts(out, ".Bl -tag -width Ds\n");
		open = true;
		option_item(out, cmd, o);
	}
	strbuf_puts(out, open ? ".El\n" : "");
}

/* The arguments in the synopsis, each on its own macro line. */
static void synopsis_args(struct strbuf *out, const struct opt_cmd *cmd)
{
	bool any = false;

	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++)
		any = any || (shown(o) && !(o->flags & (OPT_OPERAND | OPT_KEYVAL)));
	if (any)
		strbuf_puts(out, ".Op Ar option ...\n");
	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++) {
		if (!shown(o) || !(o->flags & (OPT_OPERAND | OPT_KEYVAL)))
			continue;
		strbuf_puts(out, o->flags & OPT_REQUIRED ? ".Ar" : ".Op");
		if (o->flags & OPT_KEYVAL) {
			strbuf_puts(out, " Cm");
			escape_arg(out, o->long_name);
			strbuf_puts(out, " Ns = Ns");
		}
		strbuf_puts(out, o->flags & OPT_REQUIRED ? "" : " Ar");
		escape_arg(out, o->metavar);
		strbuf_puts(out, o->type == OPT_T_LIST && o->flags & OPT_OPERAND ? " ...\n" : "\n");
	}
}

static void synopsis(struct strbuf *out, const struct opt_cmd *cmd)
{
	strbuf_puts(out, ".Sh SYNOPSIS\n");
	if (!cmd->subs || cmd->run) {
		strbuf_puts(out, ".Nm\n");
		synopsis_args(out, cmd);
	}
	for (const struct opt_cmd *const *s = cmd->subs; s && *s; s++) {
		if ((*s)->flags & OPT_CMD_HIDDEN)
			continue;
		strbuf_puts(out, ".Nm\n.Cm");
		escape_arg(out, (*s)->name);
		strbuf_putc(out, '\n');
		synopsis_args(out, *s);
	}
}

static void commands(struct strbuf *out, const struct opt_cmd *cmd)
{
	if (!cmd->subs)
		return;
	strbuf_puts(out, ".Sh COMMANDS\n");
	for (const struct opt_cmd *const *s = cmd->subs; *s; s++) {
		if ((*s)->flags & OPT_CMD_HIDDEN)
			continue;
		strbuf_puts(out, ".Ss");
		escape_arg(out, (*s)->name);
		strbuf_putc(out, '\n');
		sentence(out, (*s)->summary);
		if ((*s)->description) {
			strbuf_puts(out, ".Pp\n");
			text(out, (*s)->description);
		}
		options(out, *s, false);
	}
}

/* Sections that mdoc(7) knows, in the order that it wants; a table's others come before them. */
static const char *const conventional[] = {
	"ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "DIAGNOSTICS", "COMPATIBILITY", "SEE ALSO", "STANDARDS", "HISTORY",
	"AUTHORS", "CAVEATS", "BUGS", "SECURITY CONSIDERATIONS", NULL
};

static const struct opt_section *find_section(const struct opt_cmd *cmd, const char *title)
{
	for (const struct opt_section *s = cmd->sections; s && s->title; s++)
		if (str_eq(s->title, title))
			return s;
	return NULL;
}

static void section(struct strbuf *out, const struct opt_section *s)
{
	strbuf_puts(out, ".Sh ");
	escape(out, s->title, strlen(s->title));
	strbuf_putc(out, '\n');
	text(out, s->text);
}

/* Where the table has no word on it. */
static void default_exit_status(struct strbuf *out, const struct opt_cmd *cmd)
{
	bool one = cmd->usage_status == 1;

	strbuf_printf(out, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n.It Li 0\nSuccess.\n.It Li 1\nThe operation failed%s.\n",
		      one ? ", or the command line was wrong" : "");
	if (!one)
		strbuf_printf(out, ".It Li %u\nThe command line was wrong.\n", cmd->usage_status ? cmd->usage_status : 2U);
	strbuf_puts(out, ".El\n");
}

static void default_see_also(struct strbuf *out, const char *name)
{
	if (!str_eq(name, "vmbox"))
		strbuf_puts(out, ".Sh SEE ALSO\n.Xr vmbox 1\n");
}

static void sections(struct strbuf *out, const struct opt_cmd *cmd, const char *name)
{
	for (const struct opt_section *s = cmd->sections; s && s->title; s++)
		if (str_to_index(s->title, conventional) < 0)
			section(out, s);
	for (const char *const *title = conventional; *title; title++) {
		const struct opt_section *s = find_section(cmd, *title);

		if (s)
			section(out, s);
		else if (str_eq(*title, "EXIT STATUS"))
			default_exit_status(out, cmd);
		else if (str_eq(*title, "SEE ALSO"))
			default_see_also(out, name);
	}
}

static void upper(struct strbuf *out, const char *s)
{
	for (; *s; s++)
		strbuf_putc(out, *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s);
}

static void header(struct strbuf *out, const struct opt_cmd *cmd, const char *name, const char *const *aliases,
		   int volume)
{
	strbuf_printf(out, ".Dd %s\n.Dt ", vmbox_date);
	upper(out, name);
	strbuf_printf(out, " %d\n.Os vmbox %s\n.Sh NAME\n.Nm %s", volume, vmbox_version, name);
	for (; aliases && *aliases; aliases++)
		strbuf_printf(out, " ,\n.Nm %s", *aliases);
	strbuf_puts(out, "\n.Nd ");
	escape(out, cmd->summary, strlen(cmd->summary));
	strbuf_putc(out, '\n');
}

void opt_man(const struct opt_cmd *cmd, const char *name, const char *const *aliases, int volume,
	     struct strbuf *out)
{
	header(out, cmd, name, aliases, volume);
	synopsis(out, cmd);
	strbuf_puts(out, ".Sh DESCRIPTION\n");
	if (cmd->description)
		text(out, cmd->description);
	else
		sentence(out, cmd->summary);
	options(out, cmd, true);
	commands(out, cmd);
	sections(out, cmd, name);
}
