// SPDX-License-Identifier: GPL-2.0-or-later
/* Manual pages and bash completion for all applets, out of their option tables. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "str.h"
#include "vmbox.h"

int docs_section(const struct applet *a)
{
	return a->man_section ? a->man_section : a->flags & APPLET_SBIN ? 8 : 1;
}

static void applet_line(void *ctx, const struct applet *a, const char *name)
{
	strbuf_printf(ctx, "%s\t-- %s\n", name, a->cmd->summary);
}

/* vmbox's own page has one more section: the applets of this build. */
static void man_self(const struct opt_cmd *self, struct strbuf *out)
{
	struct strbuf list = STRBUF_INIT;
	struct opt_section sections[8] = { { 0 } };
	struct opt_cmd cmd = *self;
	size_t n = 1;

	strbuf_puts(&list, "This build contains:\n");
	applet_foreach(false, applet_line, &list);
	sections[0] = (struct opt_section){ "APPLETS", list.s };
	for (const struct opt_section *s = self->sections; s && s->title && n + 1 < ARRAY_SIZE(sections); s++)
		sections[n++] = *s;
	cmd.sections = sections;
	opt_man(&cmd, self->name, NULL, 1, out);
	strbuf_free(&list);
}

static int unknown(const char *name, struct err *err)
{
	return err_set(err, ENOENT, "no applet is called '%s'", name);
}

/* An applet with a section 8 page is found by its aliases there too. */
int docs_man(const struct opt_cmd *self, const char *name, struct strbuf *out, struct err *err)
{
	const struct applet *a = applet_find(name);

	if (str_eq(name, self->name))
		man_self(self, out);
	else if (!a)
		return unknown(name, err);
	else if (str_eq(name, a->cmd->name))
		opt_man(a->cmd, name, a->aliases, docs_section(a), out);
	else
		strbuf_printf(out, ".so man%d/%s.%d\n", docs_section(a), a->cmd->name, docs_section(a));
	return strbuf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
}

struct man_install {
	const struct opt_cmd *self;
	const char *dir;
	struct err *err;
};

static int write_file(const char *path, const struct strbuf *text, struct err *err)
{
	FILE *f = fopen(path, "w");
	bool bad;

	if (!f)
		return err_errno(err, errno, "%s", path);
	bad = fwrite(text->s, 1, text->len, f) != text->len;
	bad = fclose(f) || bad;
	return bad ? err_set(err, EIO, "%s: write error", path) : 0;
}

static int write_page(const struct man_install *mi, const char *name, int section, const struct strbuf *page)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/man%d", mi->dir, section);
	if (mkdir(path, 0777) && errno != EEXIST)
		return err_errno(mi->err, errno, "%s", path);
	if (snprintf(path, sizeof(path), "%s/man%d/%s.%d", mi->dir, section, name, section) >= (int)sizeof(path))
		return err_set(mi->err, ENAMETOOLONG, "%s: name too long", mi->dir);
	return write_file(path, page, mi->err);
}

static void install_page(void *ctx, const struct applet *a, const char *name)
{
	struct man_install *mi = ctx;
	struct strbuf page = STRBUF_INIT;
	int section = a ? docs_section(a) : 1;

	if (err_is_set(mi->err))
		return;
	if (a && !applet_find(name))	/* a prefix link, img-dd: the applet's page tells of it */
		strbuf_printf(&page, ".so man%d/%s.%d\n", section, a->cmd->name, section);
	else
		docs_man(mi->self, name, &page, mi->err);
	if (!err_is_set(mi->err))
		write_page(mi, name, section, &page);
	strbuf_free(&page);
}

int docs_install(const struct opt_cmd *self, const char *dir, struct err *err)
{
	struct err local = ERR_INIT;
	struct man_install mi = { self, dir, err ? err : &local };

	if (mkdir(dir, 0777) && errno != EEXIST)
		return err_errno(err, errno, "%s", dir);
	install_page(&mi, NULL, self->name);
	applet_foreach(true, install_page, &mi);
	return -mi.err->code;
}

/*
 * The function walks the words in front of the cursor down to the deepest
 * command path that the case below knows, then offers options, commands,
 * keys or files.
 */
static const char completion_head[] =
"# bash completion for vmbox; made by `vmbox --completion`\n"
"_vmbox_table()\n"
"{\n"
"\topts= subs= keys= operand= arg=\n"
"\tcase $1 in\n";

static const char completion_tail[] =
"}\n"
"\n"
"_vmbox_kind()\n"
"{\n"
"\tcase $1 in\n"
"\twords*) COMPREPLY=($(compgen -W \"${1#words}\" -- \"$2\")) ;;\n"
"\tdir) COMPREPLY=($(compgen -d -- \"$2\")); compopt -o filenames 2>/dev/null ;;\n"
"\tfile) COMPREPLY=($(compgen -f -- \"$2\")); compopt -o filenames 2>/dev/null ;;\n"
"\tesac\n"
"}\n"
"\n"
"_vmbox()\n"
"{\n"
"\tlocal opts subs keys operand arg i word cur=${COMP_WORDS[COMP_CWORD]} prev= path=${COMP_WORDS[0]##*/}\n"
"\tCOMPREPLY=()\n"
"\t_vmbox_table \"$path\" ''\n"
"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
"\t\tword=${COMP_WORDS[i]}\n"
"\t\tif [[ \" $subs \" == *\" $word \"* ]]; then\n"
"\t\t\tif [ \"$path\" = vmbox ]; then path=$word; else path=\"$path $word\"; fi\n"
"\t\t\t_vmbox_table \"$path\" ''\n"
"\t\tfi\n"
"\tdone\n"
"\tprev=${COMP_WORDS[COMP_CWORD-1]}\n"
"\tif [ \"$cur\" = = ]; then cur=; elif [ \"$prev\" = = ]; then\n"
"\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
"\t\t[[ $prev == -* ]] || prev=$prev=\n"
"\tfi\n"
"\t_vmbox_table \"$path\" \"$prev\"\n"
"\tif [ -n \"$arg\" ]; then _vmbox_kind \"$arg\" \"$cur\"; return; fi\n"
"\tcase $cur in\n"
"\t-*) COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\")); return ;;\n"
"\tesac\n"
"\tif [ -n \"$subs\" ]; then COMPREPLY=($(compgen -W \"$subs\" -- \"$cur\")); fi\n"
"\tif [ -n \"$keys\" ]; then\n"
"\t\tCOMPREPLY=($(compgen -W \"$keys\" -- \"$cur\")); compopt -o nospace 2>/dev/null\n"
"\tfi\n"
"\tif [ ${#COMPREPLY[@]} = 0 ]; then _vmbox_kind \"$operand\" \"$cur\"; fi\n"
"}\n"
"\n";

static void completion_branches(void *ctx, const struct applet *a, const char *name)
{
	if (applet_find(name))		/* not for prefix links, which are paths of their applet */
		opt_completion(a->cmd, name, ctx);
}

static void completion_word(void *ctx, const struct applet *a, const char *name)
{
	(void)a;
	strbuf_printf(ctx, " %s", name);
}

static void completion_name(void *ctx, const struct applet *a, const char *name)
{
	if (applet_find(name))
		completion_word(ctx, a, name);
}

void docs_completion(const struct opt_cmd *self, struct strbuf *out)
{
	struct opt_cmd cmd = *self;

	strbuf_puts(out, completion_head);
	opt_completion(&cmd, self->name, out);
	applet_foreach(true, completion_branches, out);
	strbuf_puts(out, "\tesac\n\tif [ \"$1\" = vmbox ]; then subs='");
	applet_foreach(true, completion_name, out);
	strbuf_puts(out, "'; fi\n");
	strbuf_puts(out, completion_tail);
	strbuf_puts(out, "complete -F _vmbox vmbox");
	applet_foreach(true, completion_word, out);
	strbuf_putc(out, '\n');
}
