// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Line editor: one line that scrolls sideways, history, completion. It writes
 * little (a character typed at the end is just that character), for serial
 * lines and slow machines, and uses no more of a terminal than CR, "erase to
 * the end of the line" and "cursor right".
 */
#include "sh.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define HISTORY_MAX 200

enum { KEY_NONE = 256, KEY_UP, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_DELETE,
       KEY_EOF, KEY_INTR };

struct sh_edit {
	int fd;
	char line[LINE_MAX_BYTES + 2];
	size_t len, pos;
	const char *prompt;
	size_t prompt_cells;
	int columns;
	bool scrolled;		/* the line is longer than the terminal is wide */
	struct strbuf out;	/* what goes to the terminal in one write */
	char *history[HISTORY_MAX];
	int n_history, at;	/* at == n_history: the new line */
	char *kept;		/* the new line while an old one is shown */
	char *cut;		/* for ^Y */
};

#undef CTRL
#define CTRL(c) ((c) & 0x1f)

static bool is_start(char c)
{
	return ((u8)c & 0xc0) != 0x80;	/* not in the middle of a UTF-8 character */
}

/* Cells of a text: characters without escape sequences. */
static size_t cells(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\033' && i + 1 < len && s[i + 1] == '[') {
			for (i += 2; i < len && !(s[i] >= '@' && s[i] <= '~'); i++)
				;
			continue;
		}
		n += is_start(s[i]) && (u8)s[i] >= 0x20;
	}
	return n;
}

static void flush(struct sh_edit *e)
{
	const char *p = e->out.s;
	size_t left = e->out.len;

	while (left) {
		ssize_t n = write(STDERR_FILENO, p, left);

		if (n < 0 && errno != EINTR)
			break;
		p += MAX(n, 0);
		left -= MAX(n, 0);
	}
	strbuf_reset(&e->out);
}

/* Draws the line anew: the part around the cursor that fits behind the prompt. */
static void redraw(struct sh_edit *e)
{
	size_t room = MAX(e->columns - (int)e->prompt_cells - 1, 8), from = 0, to, right;

	while (cells(e->line + from, e->pos - from) >= room)
		from++;
	while (from < e->len && !is_start(e->line[from]))
		from++;
	for (to = from; to < e->len && cells(e->line + from, to + 1 - from) < room; to++)
		;
	while (to < e->len && !is_start(e->line[to]))
		to++;
	e->scrolled = from || to < e->len;
	strbuf_putc(&e->out, '\r');
	strbuf_puts(&e->out, e->prompt);
	strbuf_add(&e->out, e->line + from, to - from);
	strbuf_puts(&e->out, "\033[K");
	right = cells(e->line + e->pos, to - e->pos);
	if (right)
		strbuf_printf(&e->out, "\r\033[%zuC", e->prompt_cells + cells(e->line + from, e->pos - from));
	if (right && !(e->prompt_cells + cells(e->line + from, e->pos - from))) {
		strbuf_truncate(&e->out, e->out.len - 4);	/* column 0: the CR is enough */
	}
	flush(e);
}

static void insert(struct sh_edit *e, const char *s, size_t n)
{
	bool plain = e->pos == e->len && !e->scrolled;

	if (e->len + n > LINE_MAX_BYTES)
		return;
	memmove(e->line + e->pos + n, e->line + e->pos, e->len - e->pos);
	memcpy(e->line + e->pos, s, n);
	e->len += n;
	e->pos += n;
	plain &= e->prompt_cells + cells(e->line, e->len) < (size_t)e->columns - 1;
	if (!plain) {
		redraw(e);
		return;
	}
	strbuf_add(&e->out, s, n);
	flush(e);
}

static size_t left_of(const struct sh_edit *e, size_t pos)
{
	while (pos && !is_start(e->line[--pos]))
		;
	return pos;
}

static size_t right_of(const struct sh_edit *e, size_t pos)
{
	if (pos < e->len)
		pos++;
	while (pos < e->len && !is_start(e->line[pos]))
		pos++;
	return pos;
}

static size_t word_left(const struct sh_edit *e)
{
	size_t p = e->pos;

	while (p && e->line[p - 1] == ' ')
		p--;
	while (p && e->line[p - 1] != ' ')
		p--;
	return p;
}

/* Takes [from, to) out of the line; keep: for ^Y. */
static void erase(struct sh_edit *e, size_t from, size_t to, bool keep)
{
	if (keep && to > from) {
		free(e->cut);
		e->cut = sh_realloc(NULL, to - from + 1);
		memcpy(e->cut, e->line + from, to - from);
		e->cut[to - from] = '\0';
	}
	memmove(e->line + from, e->line + to, e->len - to);
	e->len -= to - from;
	e->pos = from;
	redraw(e);
}

static void show(struct sh_edit *e, const char *s)
{
	e->len = e->pos = MIN(strlen(s), (size_t)LINE_MAX_BYTES);
	memcpy(e->line, s, e->len);
	redraw(e);
}

static void history_move(struct sh_edit *e, int step)
{
	int to = e->at + step;

	if (to < 0 || to > e->n_history)
		return;
	if (e->at == e->n_history) {
		free(e->kept);
		e->line[e->len] = '\0';
		e->kept = sh_strdup(e->line);
	}
	e->at = to;
	show(e, to == e->n_history ? e->kept : e->history[to]);
}

static void history_add(struct sh_edit *e)
{
	e->line[e->len] = '\0';
	if (!e->len || (e->n_history && !strcmp(e->history[e->n_history - 1], e->line)))
		return;
	if (e->n_history == HISTORY_MAX) {
		free(e->history[0]);
		memmove(e->history, e->history + 1, (HISTORY_MAX - 1) * sizeof(*e->history));
		e->n_history--;
	}
	e->history[e->n_history++] = sh_strdup(e->line);
}

/* ---- keys ---- */

static int read_byte(struct sh_edit *e)
{
	u8 c;
	ssize_t n = read(e->fd, &c, 1);

	if (n == 1)
		return c;
	return n < 0 && errno == EINTR ? sh_interrupt_pending() ? KEY_INTR : KEY_NONE : KEY_EOF;
}

/* The rest of an escape sequence; a lone ESC is recognized by the silence behind it. */
static int read_escape(struct sh_edit *e)
{
	struct pollfd p = { .fd = e->fd, .events = POLLIN };
	int c, number = 0;

	if (poll(&p, 1, 100) <= 0)
		return KEY_NONE;
	c = read_byte(e);
	if (c != '[' && c != 'O')
		return KEY_NONE;
	while ((c = read_byte(e)) < 256 && ((c >= '0' && c <= '9') || c == ';'))
		number = c == ';' ? number : MIN(number, 100) * 10 + c - '0';
	switch (c) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'C':
		return KEY_RIGHT;
	case 'D':
		return KEY_LEFT;
	case 'H':
		return KEY_HOME;
	case 'F':
		return KEY_END;
	case '~':
		return number == 1 || number == 7 ? KEY_HOME : number == 4 || number == 8 ? KEY_END :
		       number == 3 ? KEY_DELETE : KEY_NONE;
	}
	return KEY_NONE;
}

static size_t common(const struct sh_fields *names)
{
	size_t n = strlen(names->v[0]);

	for (int i = 1; i < names->n; i++) {
		size_t k = 0;

		while (k < n && names->v[i][k] == names->v[0][k])
			k++;
		n = k;
	}
	return n;
}

static void list_names(struct sh_edit *e, const struct sh_fields *names)
{
	strbuf_puts(&e->out, "\r\n");
	for (int i = 0; i < MIN(names->n, 100); i++) {
		strbuf_puts(&e->out, names->v[i]);
		strbuf_puts(&e->out, "  ");
	}
	strbuf_puts(&e->out, names->n > 100 ? "...\r\n" : "\r\n");
	redraw(e);
}

static void complete(struct sh_edit *e, struct sh *sh)
{
	struct sh_fields names = { 0 };
	size_t from = e->pos, n, before;

	while (from && !strchr(" \t;|&<>()`=", e->line[from - 1]))
		from--;
	before = from;
	while (before && e->line[before - 1] == ' ')
		before--;
	sh_complete(sh, e->line + from, e->pos - from,
		    !before || strchr(";|&(`", e->line[before - 1]), &names);
	if (!names.n)
		return;
	n = common(&names);
	if (n > e->pos - from)
		insert(e, names.v[0] + e->pos - from, n - (e->pos - from));
	else if (names.n > 1)
		list_names(e, &names);
	if (names.n == 1 && (!n || names.v[0][n - 1] != '/') && e->pos == e->len)
		insert(e, " ", 1);
}

static void move(struct sh_edit *e, size_t to)
{
	e->pos = to;
	redraw(e);
}

static void edit_key(struct sh_edit *e, struct sh *sh, int c)
{
	char byte = c;

	if (c == CTRL('a') || c == KEY_HOME)
		move(e, 0);
	else if (c == CTRL('e') || c == KEY_END)
		move(e, e->len);
	else if (c == CTRL('b') || c == KEY_LEFT)
		move(e, left_of(e, e->pos));
	else if (c == CTRL('f') || c == KEY_RIGHT)
		move(e, right_of(e, e->pos));
	else if (c == CTRL('p') || c == KEY_UP)
		history_move(e, -1);
	else if (c == CTRL('n') || c == KEY_DOWN)
		history_move(e, 1);
	else if (c == 0x7f || c == CTRL('h'))
		erase(e, left_of(e, e->pos), e->pos, false);
	else if (c == KEY_DELETE || c == CTRL('d'))
		erase(e, e->pos, right_of(e, e->pos), false);
	else if (c == CTRL('u'))
		erase(e, 0, e->pos, true);
	else if (c == CTRL('k'))
		erase(e, e->pos, e->len, true);
	else if (c == CTRL('w'))
		erase(e, word_left(e), e->pos, true);
	else if (c == CTRL('y') && e->cut)
		insert(e, e->cut, strlen(e->cut));
	else if (c == '\t')
		complete(e, sh);
	else if (c == CTRL('l')) {
		strbuf_puts(&e->out, "\033[H\033[2J");
		redraw(e);
	} else if (c >= 0x20 && c < 256)
		insert(e, &byte, 1);
}

/* Reads keys until the line is done. */
static int edit_loop(struct sh_edit *e, struct sh *sh)
{
	for (;;) {
		int c = read_byte(e);

		if (c == '\033')
			c = read_escape(e);
		if (c == '\r' || c == '\n') {
			if (e->pos < e->len && e->scrolled)
				move(e, e->len);
			history_add(e);
			e->line[e->len++] = '\n';
			e->line[e->len] = '\0';
			return e->len;
		}
		if (c == CTRL('c') || c == KEY_INTR)
			return -EINTR;
		if (c == KEY_EOF || (c == CTRL('d') && !e->len))
			return 0;
		edit_key(e, sh, c);
	}
}

int sh_edit_line(struct sh_edit *e, struct sh *sh, const char *prompt, char **line)
{
	struct termios old, raw;
	struct winsize size = { 0 };
	const char *last = strrchr(prompt, '\n');
	int rc;

	if (tcgetattr(e->fd, &old))
		return 0;
	raw = old;
	raw.c_iflag &= ~(ICRNL | INLCR | IXON);
	raw.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	/* Not TCSAFLUSH: what was typed ahead is wanted. */
	tcsetattr(e->fd, TCSADRAIN, &raw);
	ioctl(e->fd, TIOCGWINSZ, &size);
	e->columns = size.ws_col ? size.ws_col : 80;
	/* Only the last line of a prompt is drawn again. */
	e->prompt = last ? last + 1 : prompt;
	e->prompt_cells = cells(e->prompt, strlen(e->prompt));
	e->len = e->pos = 0;
	e->scrolled = false;
	e->at = e->n_history;
	strbuf_puts(&e->out, prompt);
	flush(e);
	rc = edit_loop(e, sh);
	strbuf_puts(&e->out, rc == -EINTR ? "^C\r\n" : "\r\n");
	flush(e);
	tcsetattr(e->fd, TCSADRAIN, &old);
	sh_interrupted();
	*line = e->line;
	return rc;
}

struct sh_edit *sh_edit_new(int fd)
{
	struct sh_edit *e = sh_realloc(NULL, sizeof(*e));

	memset(e, 0, sizeof(*e));
	e->fd = fd;
	strbuf_init(&e->out);
	return e;
}

void sh_edit_free(struct sh_edit *e)
{
	if (!e)
		return;
	for (int i = 0; i < e->n_history; i++)
		free(e->history[i]);
	strbuf_free(&e->out);
	free(e->kept);
	free(e->cut);
	free(e);
}
