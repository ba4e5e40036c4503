// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parser of the shell: the grammar of XCU 2.10 by recursive descent. After an
 * error (p->error) sh_peek() says that the input has ended, so that every loop
 * below comes to its end.
 */
#include "sh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct sh_node *parse_list(struct sh_parser *p);
static struct sh_node *parse_command(struct sh_parser *p);

static bool at_op(struct sh_parser *p, const char *op)
{
	struct sh_token *t = sh_peek(p);

	return t->type == TOK_OP && !strcmp(t->op, op);
}

static bool at_word(struct sh_parser *p, const char *word)
{
	struct sh_token *t = sh_peek(p);

	return t->type == TOK_WORD && t->plain && !strcmp(t->plain, word);
}

static bool take_word(struct sh_parser *p, const char *word)
{
	if (!at_word(p, word))
		return false;
	sh_next(p);
	return true;
}

static bool take_op(struct sh_parser *p, const char *op)
{
	if (!at_op(p, op))
		return false;
	sh_next(p);
	return true;
}

static void unexpected(struct sh_parser *p, const char *want)
{
	struct sh_token *t = sh_peek(p);
	const char *got = t->type == TOK_EOF ? "end of file" : t->type == TOK_NEWLINE ? "newline" :
			  t->type == TOK_OP ? t->op : t->plain ? t->plain : "word";

	if (want)
		sh_fail(p, "syntax error: unexpected %.40s (expecting %s)", got, want);
	else
		sh_fail(p, "syntax error: unexpected %.40s", got);
}

static void need_word(struct sh_parser *p, const char *word)
{
	if (!take_word(p, word))
		unexpected(p, word);
}

static void skip_newlines(struct sh_parser *p)
{
	while (sh_peek(p)->type == TOK_NEWLINE)
		sh_next(p);
}

static struct sh_node *node_new(struct sh_parser *p, enum sh_node_type type)
{
	struct sh_node *n = sh_alloc(p->arena, sizeof(*n));

	n->type = type;
	n->line = p->in->line;
	return n;
}

static struct sh_node *binary(struct sh_parser *p, enum sh_node_type type,
			      struct sh_node *left, struct sh_node *right)
{
	struct sh_node *n = node_new(p, type);

	n->left = left;
	n->right = right;
	return n;
}

/* ---- redirections ---- */

/* The delimiter of a here-document: quoting any of it makes the text literal. */
static void set_delimiter(struct sh_parser *p, struct sh_redir *r, const struct sh_word *w)
{
	struct strbuf text = STRBUF_INIT;

	for (const struct sh_part *part = w->parts; part; part = part->next) {
		if (part->type != PART_TEXT)
			sh_fail(p, "syntax error: expansion in the delimiter of a here-document");
		else
			strbuf_puts(&text, part->text);
		r->literal |= part->quoted;
	}
	r->delimiter = sh_strndup(p->arena, text.s, text.len);
	strbuf_free(&text);
}

/* Here-documents wait for the newline in a list of their own: r is in the command's. */
static void add_here(struct sh_parser *p, struct sh_redir *r)
{
	struct sh_redir **last = &p->here;

	while (*last)
		last = &(*last)->next;
	*last = r;
}

static bool redir_type(const char *op, struct sh_redir *r)
{
	static const struct { const char *op; enum sh_redir_type type; int fd; } ops[] = {
		{ "<", REDIR_IN, 0 }, { ">", REDIR_OUT, 1 }, { ">>", REDIR_APPEND, 1 },
		{ ">|", REDIR_CLOBBER, 1 }, { "<>", REDIR_RDWR, 0 }, { "<&", REDIR_DUP, 0 },
		{ ">&", REDIR_DUP, 1 }, { "<<", REDIR_HERE, 0 }, { "<<-", REDIR_HERE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (strcmp(op, ops[i].op))
			continue;
		r->type = ops[i].type;
		r->fd = ops[i].fd;
		r->strip_tabs = !strcmp(op, "<<-");
		return true;
	}
	return false;
}

/*
 * A here-document is read when its line ends, by then its redirection may be
 * in a list already: the waiting one is a stand-in that shares the word.
 */
static bool parse_redir(struct sh_parser *p, struct sh_redir ***last)
{
	struct sh_token *t = sh_peek(p);
	struct sh_redir r = { 0 }, *node;

	if (t->type != TOK_OP || !redir_type(t->op, &r))
		return false;
	if (t->io_number >= 0)
		r.fd = t->io_number;
	sh_next(p);
	t = sh_peek(p);
	if (t->type != TOK_WORD) {
		unexpected(p, "word");
		return true;
	}
	node = sh_alloc(p->arena, sizeof(*node));
	*node = r;
	node->word = t->word;
	if (r.type == REDIR_HERE)
		set_delimiter(p, node, t->word);
	**last = node;
	*last = &node->next;
	sh_next(p);
	return true;
}

/* Queues the here-documents of a command whose redirections are complete. */
static void queue_heres(struct sh_parser *p, struct sh_node *n)
{
	for (struct sh_redir *r = n->redirs; r; r = r->next) {
		struct sh_redir *text;

		if (r->type != REDIR_HERE || !r->delimiter)
			continue;
		text = sh_alloc(p->arena, sizeof(*text));
		*text = *r;
		text->next = NULL;
		/* The word that both share takes the text when it has come. */
		r->word = sh_alloc(p->arena, sizeof(*r->word));
		text->word = r->word;
		r->delimiter = NULL;
		add_here(p, text);
	}
}

/* ---- commands ---- */

static bool is_assignment(const struct sh_word *w)
{
	const struct sh_part *part = w->parts;
	const char *eq;

	if (!part || part->type != PART_TEXT || part->quoted)
		return false;
	eq = strchr(part->text, '=');
	return eq && sh_is_name(part->text, eq - part->text);
}

static struct sh_node *parse_function(struct sh_parser *p, const char *name)
{
	struct sh_node *n = node_new(p, NODE_FUNCTION);

	n->name = sh_strndup(p->arena, name, strlen(name));
	sh_next(p);
	if (!take_op(p, ")"))
		unexpected(p, ")");
	skip_newlines(p);
	n->left = parse_command(p);
	if (!n->left)
		unexpected(p, "command");
	return n;
}

static struct sh_node *parse_simple(struct sh_parser *p)
{
	struct sh_node *n = node_new(p, NODE_COMMAND);
	struct sh_word **assign = &n->assigns, **word = &n->words;
	struct sh_redir **redir = &n->redirs;
	const char *plain = NULL;

	for (;;) {
		struct sh_token *t = sh_peek(p);

		if (parse_redir(p, &redir)) {
			queue_heres(p, n);
		} else if (t->type == TOK_WORD) {
			if (!n->words && is_assignment(t->word)) {
				*assign = t->word;
				assign = &t->word->next;
			} else {
				plain = n->words ? NULL : t->plain;
				*word = t->word;
				word = &t->word->next;
			}
			sh_next(p);
		} else {
			break;
		}
		if (plain && !n->assigns && !n->redirs && sh_is_name(plain, strlen(plain)) &&
		    at_op(p, "("))
			return parse_function(p, plain);
		plain = NULL;
	}
	if (n->words || n->assigns || n->redirs)
		return n;
	unexpected(p, NULL);
	return NULL;
}

static struct sh_node *need_list(struct sh_parser *p)
{
	struct sh_node *n = parse_list(p);

	if (!n)
		unexpected(p, NULL);
	return n;
}

static struct sh_node *parse_if(struct sh_parser *p)
{
	struct sh_node *n = node_new(p, NODE_IF);

	n->left = need_list(p);
	need_word(p, "then");
	n->right = need_list(p);
	if (take_word(p, "elif")) {
		if (++p->depth > SH_DEPTH_MAX)
			sh_fail(p, "nested too deep");
		n->other = parse_if(p);
		p->depth--;
		return n;
	}
	if (take_word(p, "else"))
		n->other = need_list(p);
	need_word(p, "fi");
	return n;
}

static struct sh_node *parse_loop(struct sh_parser *p, enum sh_node_type type)
{
	struct sh_node *n = node_new(p, type);

	n->left = need_list(p);
	need_word(p, "do");
	n->right = need_list(p);
	need_word(p, "done");
	return n;
}

static struct sh_node *parse_for(struct sh_parser *p)
{
	struct sh_node *n = node_new(p, NODE_FOR);
	struct sh_token *t = sh_peek(p);
	struct sh_word **last = &n->words;

	if (t->type != TOK_WORD || !t->plain || !sh_is_name(t->plain, strlen(t->plain))) {
		sh_fail(p, "syntax error: bad for loop variable");
		return n;
	}
	n->name = sh_strndup(p->arena, t->plain, strlen(t->plain));
	sh_next(p);
	skip_newlines(p);
	n->all_args = !take_word(p, "in");
	if (!n->all_args)
		while (sh_peek(p)->type == TOK_WORD) {
			*last = sh_peek(p)->word;
			last = &(*last)->next;
			sh_next(p);
		}
	if (sh_peek(p)->type == TOK_NEWLINE || at_op(p, ";"))
		sh_next(p);
	skip_newlines(p);
	need_word(p, "do");
	n->right = need_list(p);
	need_word(p, "done");
	return n;
}

static struct sh_case *parse_case_item(struct sh_parser *p)
{
	struct sh_case *c = sh_alloc(p->arena, sizeof(*c));
	struct sh_word **last = &c->patterns;

	take_op(p, "(");
	do {
		struct sh_token *t = sh_peek(p);

		if (t->type != TOK_WORD) {
			unexpected(p, "word");
			return c;
		}
		*last = t->word;
		last = &t->word->next;
		sh_next(p);
	} while (take_op(p, "|"));
	if (!take_op(p, ")"))
		unexpected(p, ")");
	c->body = parse_list(p);
	return c;
}

static struct sh_node *parse_case(struct sh_parser *p)
{
	struct sh_node *n = node_new(p, NODE_CASE);
	struct sh_case **last = &n->cases;

	if (sh_peek(p)->type != TOK_WORD) {
		unexpected(p, "word");
		return n;
	}
	n->words = sh_peek(p)->word;
	sh_next(p);
	skip_newlines(p);
	need_word(p, "in");
	skip_newlines(p);
	while (!at_word(p, "esac") && !*p->error) {
		*last = parse_case_item(p);
		last = &(*last)->next;
		if (!take_op(p, ";;")) {
			skip_newlines(p);
			break;
		}
		skip_newlines(p);
	}
	need_word(p, "esac");
	return n;
}

static struct sh_node *parse_group(struct sh_parser *p, bool subshell)
{
	struct sh_node *n = node_new(p, subshell ? NODE_SUBSHELL : NODE_GROUP);

	n->left = need_list(p);
	if (!subshell)
		need_word(p, "}");
	else if (!take_op(p, ")"))
		unexpected(p, ")");
	return n;
}

static struct sh_node *parse_compound(struct sh_parser *p)
{
	if (take_op(p, "("))
		return parse_group(p, true);
	if (take_word(p, "{"))
		return parse_group(p, false);
	if (take_word(p, "if"))
		return parse_if(p);
	if (take_word(p, "while"))
		return parse_loop(p, NODE_WHILE);
	if (take_word(p, "until"))
		return parse_loop(p, NODE_UNTIL);
	if (take_word(p, "for"))
		return parse_for(p);
	if (take_word(p, "case"))
		return parse_case(p);
	return NULL;
}

/* Words that end a list, where a command would begin. */
static bool at_closing(struct sh_parser *p)
{
	static const char *const words[] = {
		"then", "else", "elif", "fi", "do", "done", "esac", "}",
	};
	struct sh_token *t = sh_peek(p);

	if (t->type == TOK_EOF)
		return true;
	if (t->type == TOK_OP)
		return !strcmp(t->op, ")") || !strcmp(t->op, ";;");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (at_word(p, words[i]))
			return true;
	return false;
}

static struct sh_node *parse_command(struct sh_parser *p)
{
	struct sh_node *n = NULL;
	struct sh_redir **redir;

	if (++p->depth > SH_DEPTH_MAX)
		sh_fail(p, "nested too deep");
	if (at_closing(p))
		unexpected(p, NULL);
	else
		n = parse_compound(p);
	if (n) {
		redir = &n->redirs;
		while (parse_redir(p, &redir))
			queue_heres(p, n);
	} else if (!*p->error) {
		n = parse_simple(p);
	}
	p->depth--;
	return n;
}

/* The source of a pipeline, for the list of jobs. */
static char *source_text(struct sh_parser *p, size_t start)
{
	size_t end = sh_peek(p)->start;

	if (start > end || end > p->in->len)
		return NULL;
	while (end > start && strchr(" \t\n", p->in->buf[end - 1]))
		end--;
	return sh_strndup(p->arena, p->in->buf + start, MIN(end - start, (size_t)60));
}

static struct sh_node *parse_pipeline(struct sh_parser *p)
{
	bool negate = take_word(p, "!");
	size_t start = sh_peek(p)->start;
	struct sh_node *n = parse_command(p), *pipe;
	struct sh_node **last;

	if (n && at_op(p, "|")) {
		pipe = node_new(p, NODE_PIPE);
		pipe->left = n;
		last = &n->next;
		while (take_op(p, "|")) {
			skip_newlines(p);
			*last = parse_command(p);
			if (!*last)
				break;
			last = &(*last)->next;
		}
		n = pipe;
	}
	if (n && !*p->error)
		n->text = source_text(p, start);
	return negate ? binary(p, NODE_NOT, n, NULL) : n;
}

static struct sh_node *parse_and_or(struct sh_parser *p)
{
	struct sh_node *n = parse_pipeline(p);

	for (;;) {
		enum sh_node_type type;

		if (take_op(p, "&&"))
			type = NODE_AND;
		else if (take_op(p, "||"))
			type = NODE_OR;
		else
			return n;
		skip_newlines(p);
		n = binary(p, type, n, parse_pipeline(p));
	}
}

/* Appends what follows to list, which grows to the right so that running it needs no depth. */
static struct sh_node **append(struct sh_parser *p, struct sh_node **tail, struct sh_node *n)
{
	if (!*tail) {
		*tail = n;
		return tail;
	}
	*tail = binary(p, NODE_SEQ, *tail, n);
	return &(*tail)->right;
}

static struct sh_node *background(struct sh_parser *p, struct sh_node *n, size_t start)
{
	struct sh_node *bg = binary(p, NODE_BACKGROUND, n, NULL);

	bg->text = source_text(p, start);
	return bg;
}

/* Commands up to a closing word or the end; NULL: none. */
static struct sh_node *parse_list(struct sh_parser *p)
{
	struct sh_node *list = NULL, **tail = &list;

	skip_newlines(p);
	while (!at_closing(p)) {
		size_t start = sh_peek(p)->start;
		struct sh_node *n = parse_and_or(p);

		if (at_op(p, "&")) {
			n = background(p, n, start);
			sh_next(p);
		} else if (at_op(p, ";")) {
			sh_next(p);
		} else if (sh_peek(p)->type != TOK_NEWLINE && !at_closing(p)) {
			unexpected(p, NULL);
		}
		tail = append(p, tail, n);
		skip_newlines(p);
	}
	return *p->error ? NULL : list;
}

struct sh_node *sh_parse_substitution(struct sh_parser *p)
{
	struct sh_node *n = parse_list(p);

	/* Back to the parenthesis: it is the caller's to take. */
	if (!*p->error && at_op(p, ")"))
		p->in->pos = p->tok.start;
	else if (sh_peek(p)->type != TOK_EOF)
		unexpected(p, NULL);
	return n;
}

/* Forgets input that has been parsed; keeps what was read ahead. */
static void drop_used(struct sh_input *in)
{
	memmove(in->buf, in->buf + in->pos, in->len - in->pos);
	in->len -= in->pos;
	in->pos = 0;
}

int sh_parse(struct sh_parser *p, struct sh_node **node)
{
	struct sh_node **tail = node;

	*node = NULL;
	p->first = true;
	p->have_tok = false;
	if (p->in->more && p->in->buf)
		drop_used(p->in);
	for (;;) {
		size_t start = sh_peek(p)->start;
		struct sh_node *n;

		if (p->tok.type == TOK_NEWLINE || p->tok.type == TOK_EOF)
			break;
		n = parse_and_or(p);
		if (at_op(p, "&"))
			n = background(p, n, start);
		if (at_op(p, "&") || at_op(p, ";"))
			sh_next(p);
		else if (sh_peek(p)->type != TOK_NEWLINE && sh_peek(p)->type != TOK_EOF)
			unexpected(p, NULL);
		tail = append(p, tail, n);
	}
	if (*p->error)
		return -EINVAL;
	return p->tok.type != TOK_EOF || *node;
}
