// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lexer of the shell (XCU 2.2, 2.3): characters to tokens. A word becomes a
 * list of parts, each a text or an expansion, each quoted or not; the commands
 * of a substitution are parsed at once, so its end is always found right.
 */
#include "sh.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Where a word ends. */
enum sh_lex_end { END_BLANK, END_DQUOTE, END_BRACE, END_TEXT, END_ARITH };

struct sh_lexer {
	struct sh_parser *p;
	struct sh_part *first, **last;
	struct strbuf text;	/* gathered, not yet a part */
	bool text_quoted, have_text;
};

void sh_fail(struct sh_parser *p, const char *fmt, ...)
{
	va_list ap;

	if (*p->error)
		return;
	va_start(ap, fmt);
	vsnprintf(p->error, sizeof(p->error), fmt, ap);
	va_end(ap);
}

/* True when there are n more characters to look at. */
static bool fill(struct sh_parser *p, size_t n)
{
	struct sh_input *in = p->in;

	while (in->len - in->pos < n) {
		if (in->eof || !in->more || !in->more(p->sh, in, p->first)) {
			in->eof = true;
			return false;
		}
		p->first = false;
	}
	return true;
}

/* The next character as it stands, -1 at the end. */
static int raw_peek(struct sh_parser *p)
{
	return fill(p, 1) ? (u8)p->in->buf[p->in->pos] : -1;
}

static int raw_get(struct sh_parser *p)
{
	int c = raw_peek(p);

	if (c >= 0)
		p->in->pos++;
	if (c == '\n')
		p->in->line++;
	return c;
}

/* As raw_peek(), with joined lines: a backslash before a newline is nothing. */
int sh_lex_peekc(struct sh_parser *p)
{
	int c;

	while ((c = raw_peek(p)) == '\\' && fill(p, 2) && p->in->buf[p->in->pos + 1] == '\n') {
		p->in->pos += 2;
		p->in->line++;
	}
	return c;
}

static int getc_joined(struct sh_parser *p)
{
	sh_lex_peekc(p);
	return raw_get(p);
}

/* The character after the next one. */
static int peek2(struct sh_parser *p)
{
	sh_lex_peekc(p);
	return fill(p, 2) ? (u8)p->in->buf[p->in->pos + 1] : -1;
}

bool sh_is_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (i && c >= '0' && c <= '9')))
			return false;
	}
	return len;
}

static struct sh_part *add_part(struct sh_lexer *l, enum sh_part_type type, bool quoted)
{
	struct sh_part *part = sh_alloc(l->p->arena, sizeof(*part));

	part->type = type;
	part->quoted = quoted;
	*l->last = part;
	l->last = &part->next;
	return part;
}

static void flush_text(struct sh_lexer *l)
{
	if (l->have_text) {
		struct sh_part *part = add_part(l, PART_TEXT, l->text_quoted);

		part->text = sh_strndup(l->p->arena, l->text.s, l->text.len);
	}
	strbuf_reset(&l->text);
	l->have_text = false;
}

/* Text that may stay empty: when quoted, the word exists all the same. */
static void begin_text(struct sh_lexer *l, bool quoted)
{
	if (l->have_text && l->text_quoted != quoted)
		flush_text(l);
	l->have_text = true;
	l->text_quoted = quoted;
}

static void add_char(struct sh_lexer *l, int c, bool quoted)
{
	begin_text(l, quoted);
	strbuf_putc(&l->text, c);
}

static struct sh_part *lex_parts(struct sh_parser *p, enum sh_lex_end end, bool quoted);

static struct sh_word *lex_word(struct sh_parser *p, enum sh_lex_end end, bool quoted)
{
	struct sh_word *w = sh_alloc(p->arena, sizeof(*w));

	w->parts = lex_parts(p, end, quoted);
	return w;
}

static void lex_single(struct sh_lexer *l)
{
	int c;

	begin_text(l, true);
	while ((c = raw_get(l->p)) != '\'') {
		if (c < 0) {
			sh_fail(l->p, "unterminated quoted string");
			return;
		}
		add_char(l, c, true);
	}
}

/* `commands`: the text with its backslashes taken off is a script of its own. */
static void lex_backquote(struct sh_lexer *l, bool quoted)
{
	struct sh_parser *p = l->p, sub = { .sh = p->sh, .arena = p->arena, .depth = p->depth + 1 };
	struct strbuf text = STRBUF_INIT;
	struct sh_part *part = add_part(l, PART_COMMAND, quoted);
	struct sh_input in;
	int c;

	while ((c = raw_get(p)) != '`' && c >= 0) {
		if (c == '\\') {
			int next = raw_peek(p);

			if (next == '$' || next == '`' || next == '\\' || (quoted && next == '"'))
				c = raw_get(p);
		}
		strbuf_putc(&text, c);
	}
	if (c < 0)
		sh_fail(p, "unterminated `");
	sh_input_string(&in, text.s);
	sub.in = &in;
	part->body = sh_parse_substitution(&sub);
	if (*sub.error)
		sh_fail(p, "%s", sub.error);
	sh_input_close(&in);
	strbuf_free(&text);
}

/* $(commands): read by the parser itself, from the same input. */
static void lex_substitution(struct sh_lexer *l, bool quoted)
{
	struct sh_parser *p = l->p, sub = *p;
	struct sh_part *part = add_part(l, PART_COMMAND, quoted);

	sub.have_tok = false;
	sub.here = NULL;
	sub.depth++;
	part->body = sh_parse_substitution(&sub);
	p->first = sub.first;
	if (*sub.error)
		sh_fail(p, "%s", sub.error);
	else if (getc_joined(p) != ')')
		sh_fail(p, "expected ')'");
}

static void lex_arith(struct sh_lexer *l, bool quoted)
{
	struct sh_parser *p = l->p;
	struct sh_part *part = add_part(l, PART_ARITH, quoted);

	part->arg = lex_word(p, END_ARITH, true);
	if (getc_joined(p) != ')' || getc_joined(p) != ')')
		sh_fail(p, "expected '))'");
}

/* The operator and word of ${name...}; the brace is next. */
static void lex_param_op(struct sh_lexer *l, struct sh_part *part)
{
	struct sh_parser *p = l->p;
	int c = sh_lex_peekc(p);
	bool pattern;

	if (c == '}')
		return;
	if (c == ':') {
		part->colon = true;
		getc_joined(p);
		c = sh_lex_peekc(p);
	}
	pattern = c == '#' || c == '%';
	if (c <= 0 || !strchr("-=?+#%", c) || (part->colon && pattern)) {
		sh_fail(p, "bad substitution");
		return;
	}
	part->op = getc_joined(p);
	if (pattern && sh_lex_peekc(p) == part->op) {
		part->twice = true;
		getc_joined(p);
	}
	/* Quotes around the expansion do not reach into its pattern. */
	part->arg = lex_word(p, END_BRACE, part->quoted && !pattern);
}

static void lex_name(struct sh_lexer *l, struct strbuf *name)
{
	int c = sh_lex_peekc(l->p);

	if (c > 0 && strchr("@*#?-$!", c)) {
		strbuf_putc(name, getc_joined(l->p));
		return;
	}
	if (c >= '0' && c <= '9') {
		while ((c = sh_lex_peekc(l->p)) >= '0' && c <= '9')
			strbuf_putc(name, getc_joined(l->p));
		return;
	}
	while ((c = sh_lex_peekc(l->p)) > 0 && (strbuf_putc(name, c), sh_is_name(name->s, name->len)))
		getc_joined(l->p);
	if (c > 0)
		strbuf_truncate(name, name->len - 1);
}

static void lex_braces(struct sh_lexer *l, bool quoted)
{
	struct sh_parser *p = l->p;
	struct sh_part *part = add_part(l, PART_PARAM, quoted);
	struct strbuf name = STRBUF_INIT;
	int after;

	/* ${#name} is a length; ${#}, ${#-word} are about $#. */
	after = sh_lex_peekc(p) == '#' ? peek2(p) : 0;
	if (after > 0 && (sh_is_name((char[]){ after }, 1) || strchr("@*0123456789?$!", after))) {
		getc_joined(p);
		part->op = 'L';
	}
	lex_name(l, &name);
	part->text = sh_strndup(p->arena, name.s, name.len);
	if (!name.len)
		sh_fail(p, "bad substitution");
	else if (part->op != 'L')
		lex_param_op(l, part);
	strbuf_free(&name);
	if (getc_joined(p) != '}')
		sh_fail(p, "bad substitution");
}

/* One $ was read. */
static void lex_dollar(struct sh_lexer *l, bool quoted)
{
	struct sh_parser *p = l->p;
	int c = sh_lex_peekc(p);
	struct strbuf name = STRBUF_INIT;
	struct sh_part *part;

	if (c == '(' || c == '{')
		flush_text(l);
	if (c == '(') {
		getc_joined(p);
		if (sh_lex_peekc(p) == '(') {
			getc_joined(p);
			lex_arith(l, quoted);
		} else {
			lex_substitution(l, quoted);
		}
	} else if (c == '{') {
		getc_joined(p);
		lex_braces(l, quoted);
	} else if (c > 0 && (strchr("@*#?-$!0123456789", c) || sh_is_name((char[]){ c }, 1))) {
		flush_text(l);
		part = add_part(l, PART_PARAM, quoted);
		if (c >= '0' && c <= '9')
			strbuf_putc(&name, getc_joined(p));
		else
			lex_name(l, &name);
		part->text = sh_strndup(p->arena, name.s, name.len);
	} else {
		add_char(l, '$', quoted);
	}
	strbuf_free(&name);
}

static void lex_backslash(struct sh_lexer *l, enum sh_lex_end end, bool quoted)
{
	int c = raw_peek(l->p);

	if (c < 0) {
		add_char(l, '\\', quoted);
	} else if (quoted && !(strchr("$`\\", c) || (c == '"' && end != END_TEXT) ||
			       (c == '}' && end == END_BRACE))) {
		add_char(l, '\\', true);
	} else {
		add_char(l, raw_get(l->p), true);
	}
}

static bool at_end(struct sh_lexer *l, int c, enum sh_lex_end end, int parens)
{
	if (c < 0)
		return true;
	switch (end) {
	case END_BLANK:
		return strchr(" \t\n;&|<>()", c);
	case END_DQUOTE:
		return c == '"';
	case END_BRACE:
		return c == '}';
	case END_ARITH:
		return c == ')' && !parens && peek2(l->p) == ')';
	case END_TEXT:
		break;
	}
	return false;
}

/* quoted: the parts stand in double quotes, or are expanded as if. */
static struct sh_part *lex_parts(struct sh_parser *p, enum sh_lex_end end, bool quoted)
{
	struct sh_lexer l = { .p = p, .last = &l.first, .text = STRBUF_INIT };
	int c, parens = 0;

	if (p->depth > SH_DEPTH_MAX)
		sh_fail(p, "nested too deep");
	p->depth++;
	while (!*p->error && !at_end(&l, c = sh_lex_peekc(p), end, parens)) {
		raw_get(p);
		parens += end == END_ARITH ? (c == '(') - (c == ')') : 0;
		if (c == '\\') {
			lex_backslash(&l, end, quoted);
		} else if (c == '$') {
			lex_dollar(&l, quoted);
		} else if (c == '`') {
			flush_text(&l);
			lex_backquote(&l, quoted);
		} else if (c == '\'' && !quoted) {
			lex_single(&l);
		} else if (c == '"' && end != END_TEXT && end != END_ARITH) {
			/* In "${x-"y"}" the inner quotes end and begin again: all is quoted. */
			flush_text(&l);
			*l.last = lex_parts(p, END_DQUOTE, true);
			if (!*l.last)
				begin_text(&l, true);
			while (*l.last)
				l.last = &(*l.last)->next;
			if (raw_get(p) != '"')
				sh_fail(p, "unterminated quoted string");
		} else {
			add_char(&l, c, quoted);
		}
	}
	p->depth--;
	flush_text(&l);
	strbuf_free(&l.text);
	return l.first;
}

struct sh_word *sh_lex_text(struct sh_parser *p, const char *text)
{
	struct sh_input in, *outer = p->in;
	struct sh_word *w;

	sh_input_string(&in, text);
	p->in = &in;
	w = lex_word(p, END_TEXT, true);
	p->in = outer;
	sh_input_close(&in);
	return w;
}

/* One line of a here-document into line, with its newline. False at the end of the input. */
static bool here_line(struct sh_parser *p, const struct sh_redir *r, struct strbuf *line)
{
	int c;

	strbuf_reset(line);
	while (r->strip_tabs && raw_peek(p) == '\t')
		raw_get(p);
	while ((c = raw_get(p)) >= 0) {
		strbuf_putc(line, c);
		if (c == '\n' && !(!r->literal && line->len > 1 && line->s[line->len - 2] == '\\'))
			break;
	}
	return line->len;
}

static bool is_delimiter(const struct strbuf *line, const char *delimiter)
{
	size_t n = strlen(delimiter);

	return !strncmp(line->s, delimiter, n) &&
	       (line->len == n || (line->len == n + 1 && line->s[n] == '\n'));
}

static void read_here(struct sh_parser *p, struct sh_redir *r)
{
	struct strbuf text = STRBUF_INIT, line = STRBUF_INIT;

	while (here_line(p, r, &line) && !is_delimiter(&line, r->delimiter))
		strbuf_add(&text, line.s, line.len);
	if (r->literal) {
		struct sh_part *part = sh_alloc(p->arena, sizeof(*part));

		part->quoted = true;
		part->text = sh_strndup(p->arena, text.s, text.len);
		r->word->parts = part;
	} else {
		r->word->parts = sh_lex_text(p, text.s)->parts;
	}
	strbuf_free(&text);
	strbuf_free(&line);
}

/* A newline was read: the texts of the documents that the line asked for follow. */
static void read_heres(struct sh_parser *p)
{
	struct sh_redir *r = p->here;

	p->here = NULL;
	while (r) {
		struct sh_redir *next = r->next;

		r->next = NULL;
		read_here(p, r);
		r = next;
	}
}

static void skip_blanks(struct sh_parser *p)
{
	int c;

	while ((c = sh_lex_peekc(p)) == ' ' || c == '\t')
		raw_get(p);
	if (c != '#')
		return;
	while ((c = raw_peek(p)) >= 0 && c != '\n')
		raw_get(p);
}

static void lex_operator(struct sh_parser *p, struct sh_token *t)
{
	static const char *const all[] = {
		"&&", "||", ";;", "<<-", "<<", ">>", "<&", ">&", "<>", ">|",
	};
	size_t n = 0;
	int c;

	t->type = TOK_OP;
	t->op[n++] = raw_get(p);
	while (n < 3 && (c = sh_lex_peekc(p)) > 0) {
		bool longer = false;

		t->op[n] = c;
		t->op[n + 1] = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(all); i++)
			longer |= !strcmp(all[i], t->op);
		if (!longer)
			break;
		raw_get(p);
		n++;
	}
	t->op[n] = '\0';
}

/* Digits right before < or > name the descriptor. */
static bool lex_io_number(struct sh_parser *p, struct sh_token *t)
{
	int c = peek2(p);

	if (c != '<' && c != '>')
		return false;
	c = sh_lex_peekc(p);
	if (c < '0' || c > '9')
		return false;
	t->io_number = raw_get(p) - '0';
	lex_operator(p, t);
	return true;
}

static void lex_token(struct sh_parser *p, struct sh_token *t)
{
	int c;

	skip_blanks(p);
	*t = (struct sh_token){ .type = TOK_EOF, .io_number = -1 };
	c = sh_lex_peekc(p);
	t->start = p->in->pos;
	if (c < 0)
		return;
	if (c == '\n') {
		raw_get(p);
		t->type = TOK_NEWLINE;
		read_heres(p);
	} else if (strchr(";&|<>()", c)) {
		lex_operator(p, t);
	} else if (!lex_io_number(p, t)) {
		t->type = TOK_WORD;
		t->word = lex_word(p, END_BLANK, false);
		if (t->word->parts && !t->word->parts->next && !t->word->parts->quoted &&
		    t->word->parts->type == PART_TEXT)
			t->plain = t->word->parts->text;
	}
}

struct sh_token *sh_peek(struct sh_parser *p)
{
	if (!p->have_tok && !*p->error) {
		lex_token(p, &p->tok);
		p->have_tok = true;
	}
	if (*p->error)
		p->tok = (struct sh_token){ .type = TOK_EOF, .io_number = -1 };
	return &p->tok;
}

void sh_next(struct sh_parser *p)
{
	p->have_tok = false;
}
