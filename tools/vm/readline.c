// SPDX-License-Identifier: GPL-2.0-or-later
/* The monitor's line editor (see readline.h). Keys are those of GNU readline's emacs mode, ECMA-48 sequences for the others. */
#include <ctype.h>
#include <string.h>
#include "mem.h"
#include "readline.h"

#define CTRL(c)	((c) & 0x1f)

enum { ESC_NONE, ESC_SEEN, ESC_CSI, ESC_SS3 };

/* ---- showing ---- */

static void redraw(struct readline *r, struct strbuf *out)
{
	strbuf_printf(out, "\r%s%s\033[K", r->prompt, r->line);
	if (r->pos < r->len)
		strbuf_printf(out, "\033[%uD", r->len - r->pos);
}

void readline_begin(struct readline *r, struct strbuf *out)
{
	r->len = r->pos = 0;
	r->line[0] = '\0';
	r->at = r->n_history;
	r->escape = ESC_NONE;
	strbuf_puts(out, r->prompt);
}

/* ---- changing ---- */

static void insert(struct readline *r, const char *s, unsigned n, struct strbuf *out)
{
	if (r->len + n >= READLINE_MAX)
		return;
	memmove(r->line + r->pos + n, r->line + r->pos, r->len - r->pos + 1);
	memcpy(r->line + r->pos, s, n);
	r->len += n;
	r->pos += n;
	if (r->pos == r->len)
		strbuf_add(out, s, n);
	else
		redraw(r, out);
}

/* The bytes from..to go; the cursor stands at from. */
static void cut(struct readline *r, unsigned from, unsigned to, struct strbuf *out)
{
	if (from >= to)
		return;
	memmove(r->line + from, r->line + to, r->len - to + 1);
	r->len -= to - from;
	r->pos = from;
	redraw(r, out);
}

static void move(struct readline *r, unsigned pos, struct strbuf *out)
{
	if (pos == r->pos || pos > r->len)
		return;
	r->pos = pos;
	redraw(r, out);
}

static unsigned word_left(const struct readline *r)
{
	unsigned p = r->pos;

	while (p && r->line[p - 1] == ' ')
		p--;
	while (p && r->line[p - 1] != ' ')
		p--;
	return p;
}

/* ---- history ---- */

static void remember(struct readline *r)
{
	char *copy;

	if (!r->len || (r->n_history && str_eq(r->history[r->n_history - 1], r->line)) || !(copy = str_dup(r->line)))
		return;
	if (r->n_history == READLINE_HISTORY) {
		mem_free(r->history[0]);
		memmove(r->history, r->history + 1, sizeof(r->history) - sizeof(r->history[0]));
		r->n_history--;
	}
	r->history[r->n_history++] = copy;
}

static void recall(struct readline *r, int step, struct strbuf *out)
{
	if ((step < 0 && !r->at) || (step > 0 && r->at == r->n_history))
		return;
	if (r->at == r->n_history)
		memcpy(r->kept, r->line, sizeof(r->kept));
	r->at += (unsigned)step;
	if (r->at == r->n_history)
		memcpy(r->line, r->kept, sizeof(r->line));
	else
		memcpy(r->line, r->history[r->at], strlen(r->history[r->at]) + 1);
	r->len = r->pos = (unsigned)strlen(r->line);
	redraw(r, out);
}

void readline_free(struct readline *r)
{
	while (r->n_history)
		mem_free(r->history[--r->n_history]);
}

/* ---- completion ---- */

struct offers {
	const char *word;
	size_t len;
	struct strbuf list;	/* those that fit, separated by blanks */
	char common[128];
	unsigned n;
};

static void take_offer(void *to, const char *word)
{
	struct offers *o = to;
	size_t i = 0;

	if (strncmp(word, o->word, o->len) || strlen(word) >= sizeof(o->common))
		return;
	if (!o->n++)
		memcpy(o->common, word, strlen(word) + 1);
	while (o->common[i] && o->common[i] == word[i])
		i++;
	o->common[i] = '\0';
	strbuf_printf(&o->list, "%s%s", o->n > 1 ? "  " : "", word);
}

static void complete(struct readline *r, struct strbuf *out)
{
	struct offers o = { .list = STRBUF_INIT };
	unsigned start = r->pos;
	char head[READLINE_MAX];

	if (!r->complete)
		return;
	while (start && r->line[start - 1] != ' ')
		start--;
	memcpy(head, r->line, r->pos);
	head[r->pos] = '\0';
	o.word = head + start;
	o.len = r->pos - start;
	r->complete(r->ctx, head, take_offer, &o);
	if (o.n && strlen(o.common) > o.len)
		insert(r, o.common + o.len, (unsigned)(strlen(o.common) - o.len), out);
	else if (o.n > 1 && strbuf_failed(&o.list) == 0)
		strbuf_printf(out, "\r\n%s\r\n", o.list.s);
	if (o.n == 1)
		insert(r, " ", 1, out);
	else if (o.n > 1)
		redraw(r, out);
	strbuf_free(&o.list);
}

/* ---- keys ---- */

static void csi(struct readline *r, u8 ch, struct strbuf *out)
{
	switch (ch) {
	case 'A': recall(r, -1, out); break;
	case 'B': recall(r, 1, out); break;
	case 'C': move(r, r->pos + 1, out); break;
	case 'D': move(r, r->pos - 1, out); break;
	case 'H': move(r, 0, out); break;
	case 'F': move(r, r->len, out); break;
	case '~':
		if (r->escape_num == 1 || r->escape_num == 7)
			move(r, 0, out);
		else if (r->escape_num == 4 || r->escape_num == 8)
			move(r, r->len, out);
		else if (r->escape_num == 3 && r->pos < r->len)
			cut(r, r->pos, r->pos + 1, out);
		break;
	default:
		break;
	}
}

/* True: the byte belonged to an escape sequence. */
static bool escape(struct readline *r, u8 ch, struct strbuf *out)
{
	switch (r->escape) {
	case ESC_NONE:
		if (ch != 27)
			return false;
		r->escape = ESC_SEEN;
		return true;
	case ESC_SEEN:
		r->escape = ch == '[' ? ESC_CSI : ch == 'O' ? ESC_SS3 : ESC_NONE;
		r->escape_num = 0;
		return true;
	default:
		if (isdigit(ch)) {
			r->escape_num = (r->escape_num * 10 + ch - '0') % 1000;
		} else if (ch != ';') {
			r->escape = ESC_NONE;
			csi(r, ch, out);
		}
		return true;
	}
}

static void control(struct readline *r, u8 ch, struct strbuf *out)
{
	switch (ch) {
	case CTRL('a'): move(r, 0, out); break;
	case CTRL('e'): move(r, r->len, out); break;
	case CTRL('b'): move(r, r->pos - 1, out); break;
	case CTRL('f'): move(r, r->pos + 1, out); break;
	case CTRL('p'): recall(r, -1, out); break;
	case CTRL('n'): recall(r, 1, out); break;
	case CTRL('d'): cut(r, r->pos, MIN(r->pos + 1, r->len), out); break;
	case CTRL('k'): cut(r, r->pos, r->len, out); break;
	case CTRL('u'): cut(r, 0, r->pos, out); break;
	case CTRL('w'): cut(r, word_left(r), r->pos, out); break;
	case CTRL('l'):
		strbuf_puts(out, "\033[H\033[2J");
		redraw(r, out);
		break;
	case '\t': complete(r, out); break;
	case '\b':
	case 0x7f: cut(r, r->pos ? r->pos - 1 : 0, r->pos, out); break;
	default: break;
	}
}

bool readline_key(struct readline *r, u8 ch, struct strbuf *out)
{
	char c = (char)ch;

	if (escape(r, ch, out))
		return false;
	if (ch == '\r' || ch == '\n') {
		strbuf_puts(out, "\r\n");
		remember(r);
		return true;
	}
	if (isprint(ch))
		insert(r, &c, 1, out);
	else
		control(r, ch, out);
	return false;
}
