// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shell completion out of an option table: one branch of a bash `case` per
 * command path, which sets what can stand there. The function around it is
 * in tools/vmbox/docs.c:
 *
 *	'img dd') opts='-f -O --help' subs='' keys='if= of=' operand=file
 *		case $2 in -f|-O) arg='words raw qcow2' ;; esac ;;
 */
#include <stdio.h>
#include <string.h>
#include "option.h"
#include "option_priv.h"
#include "str.h"

static bool is_option(const struct opt *o)
{
	return o->type != OPT_T_GROUP && !(o->flags & (OPT_HIDDEN | OPT_OPERAND | OPT_KEYVAL));
}

/* Inside single quotes. */
static void quoted(struct strbuf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			strbuf_puts(out, "'\\''");
		else
			strbuf_putc(out, *s);
	}
}

static void option_words(const struct opt_cmd *cmd, struct strbuf *out)
{
	strbuf_puts(out, "\t\topts='");
	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++) {
		if (!is_option(o))
			continue;
		if (o->short_name)
			strbuf_printf(out, "-%c ", o->short_name);
		if (!o->long_name)
			continue;
		strbuf_puts(out, opt_dashes(cmd));
		quoted(out, o->long_name);
		strbuf_putc(out, ' ');
	}
	strbuf_printf(out, "%shelp %sversion'", opt_dashes(cmd), opt_dashes(cmd));
}

static void sub_words(const struct opt_cmd *cmd, struct strbuf *out)
{
	const char *gap = "";

	strbuf_puts(out, " subs='");
	for (const struct opt_cmd *const *s = cmd->subs; s && *s; s++) {
		if ((*s)->flags & OPT_CMD_HIDDEN)
			continue;
		strbuf_puts(out, gap);
		quoted(out, (*s)->name);
		gap = " ";
	}
	strbuf_putc(out, '\'');
}

/* "none", "file", "dir" or "words A B". */
static void kind(const struct opt *o, struct strbuf *out)
{
	bool listed = o->type == OPT_T_CHOICE || o->type == OPT_T_STR || o->type == OPT_T_LIST;

	if (o->complete == OPT_COMP_DIR) {
		strbuf_puts(out, "dir");
	} else if (o->complete == OPT_COMP_FILE) {
		strbuf_puts(out, "file");
	} else if (o->complete == OPT_COMP_NONE) {
		strbuf_puts(out, "none");
	} else if (o->type == OPT_T_BOOL) {
		strbuf_puts(out, "words on off");
	} else if (listed && o->choices) {
		strbuf_puts(out, "words");
		for (const char *const *c = o->choices; *c; c++) {
			strbuf_putc(out, ' ');
			quoted(out, *c);
		}
	} else {
		strbuf_puts(out, o->type == OPT_T_INT || o->type == OPT_T_UINT || o->type == OPT_T_SIZE ? "none" : "file");
	}
}

static void operand_kind(const struct opt_cmd *cmd, struct strbuf *out)
{
	bool any = false;

	strbuf_puts(out, " keys='");
	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++) {
		if (!(o->flags & OPT_KEYVAL) || o->flags & OPT_HIDDEN)
			continue;
		strbuf_puts(out, any ? " " : "");
		quoted(out, o->long_name);
		strbuf_putc(out, '=');
		any = true;
	}
	strbuf_puts(out, "' operand='");
	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++) {
		if (o->flags & OPT_OPERAND) {
			kind(o, out);
			break;
		}
	}
	strbuf_puts(out, "'\n");
}

static void argument_kinds(const struct opt_cmd *cmd, struct strbuf *out)
{
	bool any = false;

	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++) {
		if (o->flags & (OPT_HIDDEN | OPT_OPERAND) || !o->metavar || o->flags & OPT_OPTARG)
			continue;
		if (!any)
			strbuf_puts(out, "\t\tcase $2 in\n");
		any = true;
		strbuf_puts(out, "\t\t");
		if (o->short_name)
			strbuf_printf(out, "-%c", o->short_name);
		if (o->short_name && o->long_name)
			strbuf_putc(out, '|');
		if (o->long_name)
			strbuf_printf(out, "%s%s%s", o->flags & OPT_KEYVAL ? "" : opt_dashes(cmd), o->long_name,
				      o->flags & OPT_KEYVAL ? "=" : "");
		strbuf_puts(out, ") arg='");
		kind(o, out);
		strbuf_puts(out, "' ;;\n");
	}
	strbuf_puts(out, any ? "\t\tesac ;;\n" : "\t\t;;\n");
}

void opt_completion(const struct opt_cmd *cmd, const char *name, struct strbuf *out)
{
	strbuf_puts(out, "\t'");
	quoted(out, name);
	strbuf_puts(out, "')\n");
	option_words(cmd, out);
	sub_words(cmd, out);
	operand_kind(cmd, out);
	argument_kinds(cmd, out);
	for (const struct opt_cmd *const *s = cmd->subs; s && *s; s++) {
		char path[128];

		snprintf(path, sizeof(path), "%s %s", name, (*s)->name);
		opt_completion(*s, path, out);
	}
}
