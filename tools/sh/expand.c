// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Expansion of words (XCU 2.6): tilde, parameters, commands, arithmetic; then
 * splitting at IFS, names of files, removal of quotes. The text is built with
 * a mask beside it that says of each byte where it came from; that is all the
 * later steps need to know.
 */
#include "sh.h"

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void sh_fields_add(struct sh *sh, struct sh_fields *f, char *s)
{
	if (f->n == f->cap) {
		char **v = sh_alloc(&sh->work, (f->cap * 2 + 8) * sizeof(*v));

		if (f->n)
			memcpy(v, f->v, f->n * sizeof(*v));
		f->v = v;
		f->cap = f->cap * 2 + 8;
	}
	f->v[f->n++] = s;
}

void sh_build_add(struct sh_build *b, const char *s, size_t n, char mask)
{
	strbuf_add(&b->text, s, n);
	strbuf_fill(&b->mask, mask, n);
}

static void build_free(struct sh_build *b)
{
	strbuf_free(&b->text);
	strbuf_free(&b->mask);
}

/* ---- command substitution ---- */

static void read_all(int fd, struct strbuf *out)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t i = 0; i < n; i++)
			if (buf[i])
				strbuf_putc(out, buf[i]);
	while (out->len && out->s[out->len - 1] == '\n')
		strbuf_truncate(out, out->len - 1);
}

char *sh_substitute(struct sh *sh, struct sh_node *body)
{
	struct strbuf out = STRBUF_INIT;
	int fds[2], status = 0;
	char *s;
	pid_t pid;

	if (pipe(fds)) {
		sh_error(sh, 2, "pipe: %s", strerror(errno));
		return sh_strndup(&sh->work, "", 0);
	}
	pid = sh_fork(sh, NULL, false);
	if (!pid) {
		close(fds[0]);
		if (fds[1] != STDOUT_FILENO) {
			dup2(fds[1], STDOUT_FILENO);
			close(fds[1]);
		}
		sh_exec(sh, body, RUN_EXIT);
		sh_at_exit(sh);
		fflush(NULL);
		_exit(sh->status);
	}
	close(fds[1]);
	if (pid > 0) {
		read_all(fds[0], &out);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(fds[0]);
	sh->substitution = pid < 0 ? 2 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
			   WEXITSTATUS(status);
	s = sh_strndup(&sh->work, out.s, out.len);
	strbuf_free(&out);
	return s;
}

/* ---- parts to text and mask ---- */

/* ~, ~/... and ~user: returns how many characters were used up, 0: it is none. */
static size_t tilde(struct sh *sh, const char *s, struct sh_build *b)
{
	size_t n = strcspn(s, "/:");
	const char *home = sh_var_get(sh, "HOME");

	if (s[0] != '~')
		return 0;
	if (n > 1) {
		const struct passwd *pw = getpwnam(sh_strndup(&sh->work, s + 1, n - 1));

		home = pw ? pw->pw_dir : NULL;
	}
	if (!home)
		return 0;
	sh_build_add(b, home, strlen(home), MASK_QUOTED);
	return n;
}

/* Tildes stand at the start; in an assignment also behind its "=" and each ":". */
static void add_text(struct sh *sh, const struct sh_part *part, bool first, struct sh_build *b)
{
	const char *s = part->text, *p = s, *eq = strchr(s, '=');
	char mask = part->quoted ? MASK_QUOTED : MASK_PLAIN;

	b->quoted |= part->quoted;
	if (part->quoted || !first || !strchr(s, '~')) {
		sh_build_add(b, s, strlen(s), mask);
		return;
	}
	if (b->split || !eq || !sh_is_name(s, eq - s))
		eq = NULL;
	p += tilde(sh, p, b);
	while (*p) {
		sh_build_add(b, p, 1, mask);
		p++;
		if (eq && p > eq && (p[-1] == ':' || p == eq + 1))
			p += tilde(sh, p, b);
	}
}

static int add_arith(struct sh *sh, const struct sh_part *part, struct sh_build *b, char mask)
{
	char number[32];
	long long v;
	int rc = sh_arith(sh, sh_expand_string(sh, part->arg), &v);

	if (rc)
		return rc;
	snprintf(number, sizeof(number), "%lld", v);
	sh_build_add(b, number, strlen(number), mask);
	return 0;
}

static int add_part(struct sh *sh, const struct sh_part *part, bool first, struct sh_build *b,
		    bool quoted)
{
	char mask = part->quoted || quoted ? MASK_QUOTED : MASK_SPLIT;
	char *s;

	switch (part->type) {
	case PART_TEXT:
		add_text(sh, part, first, b);
		return 0;
	case PART_PARAM:
		return sh_expand_param(sh, part, b);
	case PART_COMMAND:
		s = sh_substitute(sh, part->body);
		sh_build_add(b, s, strlen(s), mask);
		break;
	case PART_ARITH:
		if (add_arith(sh, part, b, mask))
			return -1;
		break;
	}
	b->quoted |= mask == MASK_QUOTED;
	return 0;
}

int sh_expand_parts(struct sh *sh, const struct sh_part *parts, struct sh_build *b, bool quoted)
{
	for (const struct sh_part *part = parts; part; part = part->next)
		if (add_part(sh, part, part == parts, b, quoted) || sh->flow >= FLOW_EXIT)
			return -1;
	return 0;
}

/* ---- names of files ---- */

/* True when a character that is not quoted makes [from, to) a pattern. */
static bool is_pattern(const struct sh_build *b, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (b->mask.s[i] != MASK_QUOTED && strchr("*?[", b->text.s[i]))
			return true;
	return false;
}

/* The text with a backslash before each quoted character that a pattern would take. */
static char *escape(struct sh *sh, const struct sh_build *b, size_t from, size_t to)
{
	char *out = sh_alloc(&sh->work, 2 * (to - from) + 1), *p = out;

	for (size_t i = from; i < to; i++) {
		char c = b->text.s[i];

		if (b->mask.s[i] == MASK_QUOTED && strchr("*?[]\\-!", c))
			*p++ = '\\';
		*p++ = c;
	}
	return out;
}

static void emit(struct sh *sh, const struct sh_build *b, size_t from, size_t to,
		 struct sh_fields *out)
{
	glob_t g;

	if (!sh->opt_f && is_pattern(b, from, to) &&
	    !glob(escape(sh, b, from, to), 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			sh_fields_add(sh, out, sh_strndup(&sh->work, g.gl_pathv[i],
							  strlen(g.gl_pathv[i])));
		globfree(&g);
		return;
	}
	sh_fields_add(sh, out, sh_strndup(&sh->work, b->text.s + from, to - from));
}

/* ---- splitting ---- */

static bool is_ifs(const struct sh_build *b, size_t i, const char *ifs)
{
	return b->mask.s[i] == MASK_SPLIT && strchr(ifs, b->text.s[i]);
}

static bool is_ifs_blank(const struct sh_build *b, size_t i, const char *ifs)
{
	return is_ifs(b, i, ifs) && strchr(" \t\n", b->text.s[i]);
}

static size_t skip_blanks(const struct sh_build *b, size_t i, size_t end, const char *ifs)
{
	while (i < end && is_ifs_blank(b, i, ifs))
		i++;
	return i;
}

/* Splits one stretch without breaks. exists: it is a field even when empty. */
static void split(struct sh *sh, const struct sh_build *b, size_t from, size_t end, bool exists,
		  struct sh_fields *out)
{
	const char *ifs = sh_var_get(sh, "IFS");
	size_t i, start;
	int before = out->n;

	if (!ifs)
		ifs = " \t\n";
	for (i = start = skip_blanks(b, from, end, ifs); i < end;) {
		if (!is_ifs(b, i, ifs)) {
			i++;
			continue;
		}
		emit(sh, b, start, i, out);
		i = skip_blanks(b, i, end, ifs);
		/* Blanks around one other separator belong to it. */
		if (i < end && is_ifs(b, i, ifs))
			i++;
		i = start = skip_blanks(b, i, end, ifs);
	}
	if (start < end || (exists && out->n == before))
		emit(sh, b, start, end, out);
}

static void split_all(struct sh *sh, const struct sh_build *b, struct sh_fields *out)
{
	size_t from = 0;

	for (size_t i = 0; i < b->text.len; i++) {
		if (b->mask.s[i] != MASK_BREAK)
			continue;
		split(sh, b, from, i, b->quoted, out);
		from = i + 1;
	}
	split(sh, b, from, b->text.len, b->quoted, out);
}

int sh_expand_words(struct sh *sh, const struct sh_word *w, struct sh_fields *out)
{
	int rc = 0;

	for (; w && !rc; w = w->next) {
		struct sh_build b = { .text = STRBUF_INIT, .mask = STRBUF_INIT, .split = true };

		rc = sh_expand_parts(sh, w->parts, &b, false);
		if (!rc)
			split_all(sh, &b, out);
		build_free(&b);
	}
	return rc;
}

char *sh_expand_string(struct sh *sh, const struct sh_word *w)
{
	struct sh_build b = { .text = STRBUF_INIT, .mask = STRBUF_INIT };
	char *s;

	sh_expand_parts(sh, w->parts, &b, false);
	for (size_t i = 0; i < b.text.len; i++)
		if (b.mask.s[i] == MASK_BREAK)
			b.text.s[i] = ' ';
	s = sh_strndup(&sh->work, b.text.s, b.text.len);
	build_free(&b);
	return s;
}

char *sh_expand_pattern(struct sh *sh, const struct sh_word *w)
{
	struct sh_build b = { .text = STRBUF_INIT, .mask = STRBUF_INIT };
	char *s;

	sh_expand_parts(sh, w->parts, &b, false);
	s = escape(sh, &b, 0, b.text.len);
	build_free(&b);
	return s;
}
