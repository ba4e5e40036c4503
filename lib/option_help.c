// SPDX-License-Identifier: GPL-2.0-or-later
/* --help out of an option table: usage line, sub-commands, operands, options; 79 columns. */
#include <stdio.h>
#include <string.h>
#include "option.h"
#include "option_priv.h"
#include "str.h"

#define WIDTH	79
#define COLUMN	26		/* where help texts begin */

/* Appends text wrapped; the cursor is at column `at`, further lines are indented by `indent`. "\n" breaks the line. */
static void wrap(struct strbuf *out, const char *text, size_t indent, size_t at)
{
	bool first = true;

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (!first && at + 1 + n > WIDTH) {
			strbuf_putc(out, '\n');
			strbuf_fill(out, ' ', indent);
			at = indent;
		} else if (!first) {
			strbuf_putc(out, ' ');
			at++;
		}
		strbuf_add(out, text, n);
		at += n;
		first = false;
		text += n;
		if (*text == '\n') {
			strbuf_putc(out, '\n');
			strbuf_fill(out, ' ', indent);
			at = indent;
			first = true;
		}
		text += *text != '\0';
	}
	strbuf_putc(out, '\n');
}

/* "  term   help", the help on its own line when the term is long. */
static void item(struct strbuf *out, const char *term, const char *help)
{
	size_t at = 2 + strlen(term);

	strbuf_printf(out, "  %s", term);
	if (at + 2 > COLUMN) {
		strbuf_putc(out, '\n');
		at = 0;
	}
	strbuf_fill(out, ' ', COLUMN - at);
	wrap(out, help ? help : "", COLUMN, COLUMN);
}

/* "-f, --format=FMT" */
static void option_term(const struct opt_cmd *cmd, const struct opt *o, struct strbuf *term)
{
	bool optional = o->flags & OPT_OPTARG, qemu = cmd->flags & OPT_CMD_QEMU;

	if (o->short_name)
		strbuf_printf(term, "-%c", o->short_name);
	else if (!qemu)
		strbuf_puts(term, "    ");
	if (o->short_name && o->long_name)
		strbuf_puts(term, ", ");
	if (o->long_name)
		strbuf_printf(term, "%s%s", opt_dashes(cmd), o->long_name);
	if (o->metavar && (qemu || !o->long_name))
		strbuf_printf(term, optional ? " [%s]" : " %s", o->metavar);
	else if (o->metavar)
		strbuf_printf(term, optional ? "[=%s]" : "=%s", o->metavar);
}

static void choices_text(const struct opt *o, struct strbuf *text)
{
	strbuf_puts(text, o->help);
	if (o->type != OPT_T_CHOICE)
		return;
	strbuf_puts(text, ":");
	for (const char *const *c = o->choices; *c; c++)
		strbuf_printf(text, "%s %s", c == o->choices ? "" : ",", *c);
}

static void list_option(const struct opt_cmd *cmd, const struct opt *o, struct strbuf *out)
{
	struct strbuf term = STRBUF_INIT, text = STRBUF_INIT;

	option_term(cmd, o, &term);
	choices_text(o, &text);
	item(out, term.s, text.s);
	strbuf_free(&term);
	strbuf_free(&text);
}

static bool is_plain_option(const struct opt *o)
{
	return o->type != OPT_T_GROUP && !(o->flags & (OPT_HIDDEN | OPT_OPERAND | OPT_KEYVAL));
}

static bool letter_taken(const struct opt_cmd *cmd, char c)
{
	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++)
		if (is_plain_option(o) && o->short_name == c)
			return true;
	return false;
}

static void list_options(const struct opt_cmd *cmd, struct strbuf *out)
{
	const struct opt *first = opt_first(cmd);
	const char *dashes = opt_dashes(cmd), *gap = cmd->flags & OPT_CMD_QEMU ? "" : "    ";
	char term[32];

	if (first->type != OPT_T_GROUP)
		strbuf_puts(out, "\nOptions:\n");
	for (const struct opt *o = first; o->type != OPT_T_END; o++) {
		if (o->type == OPT_T_GROUP)
			strbuf_printf(out, "\n%s:\n", o->help);
		else if (is_plain_option(o))
			list_option(cmd, o, out);
	}
	snprintf(term, sizeof(term), "%s%shelp", letter_taken(cmd, 'h') ? gap : "-h, ", dashes);
	item(out, term, "print this text and exit");
	snprintf(term, sizeof(term), "%s%sversion", letter_taken(cmd, 'V') ? gap : "-V, ", dashes);
	item(out, term, "print the version and exit");
}

static void list_operands(const struct opt_cmd *cmd, struct strbuf *out)
{
	bool any = false;

	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++) {
		char term[64];

		if (o->flags & OPT_HIDDEN || !(o->flags & (OPT_OPERAND | OPT_KEYVAL)))
			continue;
		if (!any)
			strbuf_puts(out, "\nOperands:\n");
		any = true;
		if (o->flags & OPT_KEYVAL)
			snprintf(term, sizeof(term), "%s=%s", o->long_name, o->metavar);
		else
			snprintf(term, sizeof(term), "%s", o->metavar);
		item(out, term, o->help);
	}
}

static void list_subs(const struct opt_cmd *cmd, struct strbuf *out)
{
	if (!cmd->subs)
		return;
	strbuf_puts(out, "\nCommands:\n");
	for (const struct opt_cmd *const *s = cmd->subs; *s; s++)
		if (!((*s)->flags & OPT_CMD_HIDDEN))
			item(out, (*s)->name, (*s)->summary);
}

static void usage_operand(const struct opt *o, struct strbuf *out)
{
	bool list = o->type == OPT_T_LIST, must = o->flags & OPT_REQUIRED;

	strbuf_printf(out, must ? " %s%s" : " [%s]%s", o->metavar, list ? "..." : "");
}

void opt_usage(const struct opt_cmd *cmd, const char *program, struct strbuf *out)
{
	bool keys = false;

	strbuf_printf(out, "Usage: %s [OPTION]...", program);
	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++) {
		if (o->flags & OPT_HIDDEN)
			continue;
		if (o->flags & OPT_OPERAND)
			usage_operand(o, out);
		keys = keys || o->flags & OPT_KEYVAL;
	}
	if (keys)
		strbuf_puts(out, " [KEY=VALUE]...");
	if (cmd->subs)
		strbuf_puts(out, cmd->run ? " [COMMAND [ARGUMENT]...]" : " COMMAND [ARGUMENT]...");
	strbuf_putc(out, '\n');
}

void opt_help(const struct opt_cmd *cmd, const char *program, struct strbuf *out)
{
	opt_usage(cmd, program, out);
	if (cmd->summary && cmd->summary[0]) {
		strbuf_putc(out, '\n');
		strbuf_putc(out, cmd->summary[0] >= 'a' && cmd->summary[0] <= 'z' ? (char)(cmd->summary[0] - 32) :
										    cmd->summary[0]);
		strbuf_puts(out, cmd->summary + 1);
		strbuf_puts(out, ".\n");
	}
	list_subs(cmd, out);
	list_operands(cmd, out);
	list_options(cmd, out);
	if (cmd->subs)
		strbuf_printf(out, "\n'%s COMMAND --help' explains a command.\n", program);
}
