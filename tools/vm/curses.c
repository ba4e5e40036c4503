// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -display curses (see curses.h): Alt-1 shows the guest's screen, Alt-2 the
 * monitor. Characters of code page 437 become Unicode; graphics modes are
 * named, not shown.
 */
#define NCURSES_WIDECHAR 1	/* cchar_t and its like */
#include <curses.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "curses.h"
#include "dev/display.h"
#include "dev/input.h"
#include "mem.h"
#include "str.h"

#define REFRESH_NS	33000000ULL
#define MONITOR_LINE	256
#define ESCAPE_NS	50000000ULL	/* a lone ESC is the key */
#define LOG_MAX		65536
#define ESC		27

struct vm_curses {
	struct vm *vm;
	SCREEN *screen;
	struct loop_fd in;
	struct loop_timer refresh;
	struct display_text text;
	bool colors, monitor, escape;
	u64 escape_ns;
	struct strbuf log;		/* what the monitor said */
	char line[MONITOR_LINE];
	unsigned len;
};

/* ---- characters and colours ---- */

/* Code page 437: what is not ASCII. */
static const u16 low[32] = {
	0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9, 0x2642, 0x2640, 0x266a, 0x266b, 0x263c,
	0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7, 0x25ac, 0x21a8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};
static const u16 high[129] = {
	0x2302,
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5,
	0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192,
	0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
	0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510,
	0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567,
	0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
	0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229,
	0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

static wchar_t unicode(u8 ch)
{
	return ch < 32 ? low[ch] : ch >= 127 ? high[ch - 127] : ch;
}

/* VGA counts blue green red, curses red green blue. */
static short curses_color(unsigned vga)
{
	return (short)((vga & 2) | (vga & 1) << 2 | (vga >> 2 & 1));
}

static short pair_of(unsigned fg, unsigned bg)
{
	return (short)(1 + (bg & 7) * 8 + (fg & 7));
}

static void init_colors(struct vm_curses *c)
{
	unsigned fg, bg;

	c->colors = has_colors() && start_color() == OK && COLOR_PAIRS > 64;
	for (bg = 0; c->colors && bg < 8; bg++)
		for (fg = 0; fg < 8; fg++)
			init_pair(pair_of(fg, bg), curses_color(fg), curses_color(bg));
}

static void put_cell(const struct vm_curses *c, int y, int x, u16 cell)
{
	wchar_t text[2] = { unicode((u8)cell), 0 };
	unsigned fg = cell >> 8 & 15, bg = cell >> 12 & 7;
	attr_t attr = (fg & 8 ? A_BOLD : A_NORMAL) | (!c->colors && bg ? A_REVERSE : A_NORMAL);
	cchar_t cc;

	setcchar(&cc, text, attr, c->colors ? pair_of(fg, bg) : 0, NULL);
	mvadd_wch(y, x, &cc);
}

/* ---- the two views ---- */

static void draw_guest(struct vm_curses *c)
{
	struct display_text *t = &c->text;
	int y, x, top = 0, left = 0;

	if (!display_text(c->vm->m, t) || !t->cols) {
		erase();
		mvprintw(LINES / 2, MAX(COLS / 2 - 12, 0), "%s", t->cols ? "" : "[no text on the screen]");
		return;
	}
	/* A small terminal shows the part with the cursor. */
	if (t->cursor_row >= LINES)
		top = t->cursor_row - LINES + 1;
	if (t->cursor_col >= COLS)
		left = t->cursor_col - COLS + 1;
	if (LINES > (int)t->rows || COLS > (int)t->cols)
		erase();
	for (y = 0; y < LINES && y + top < (int)t->rows; y++)
		for (x = 0; x < COLS && x + left < (int)t->cols; x++)
			put_cell(c, y, x, t->cell[(unsigned)(y + top) * t->cols + (unsigned)(x + left)]);
	curs_set(t->cursor_row >= 0);
	if (t->cursor_row >= 0)
		move(t->cursor_row - top, t->cursor_col - left);
}

static void draw_monitor(struct vm_curses *c)
{
	const char *s = c->log.s ? c->log.s : "", *at = s + c->log.len;
	int rows = LINES - 1;

	erase();
	/* The last lines that fit; longer ones than the screen is wide lose their end. */
	while (rows > 0 && at > s)
		if (*--at == '\n' && at + 1 < s + c->log.len)
			rows--;
	if (*at == '\n')
		at++;
	for (move(0, 0); *at; at++) {
		if (*at == '\n')
			move(getcury(stdscr) + 1, 0);
		else if (getcurx(stdscr) < COLS - 1)
			addch((unsigned char)*at);
	}
	mvprintw(LINES - 1, 0, "(qemu) %.*s", MAX(COLS - 8, 0), c->line);
	curs_set(1);
}

static void draw(struct vm_curses *c)
{
	if (c->monitor)
		draw_monitor(c);
	else
		draw_guest(c);
	refresh();
}

/* ---- keys ---- */

static void monitor_key(struct vm_curses *c, int ch)
{
	if (ch == '\r' || ch == '\n' || ch == KEY_ENTER) {
		if (c->log.len > LOG_MAX)
			strbuf_free(&c->log);
		strbuf_printf(&c->log, "(qemu) %s\n", c->line);
		hmp_run(c->vm, c->line, 0, &c->log);
		c->len = 0;
	} else if ((ch == KEY_BACKSPACE || ch == 127 || ch == '\b') && c->len) {
		c->len--;
	} else if (ch >= ' ' && ch < 127 && c->len + 1 < MONITOR_LINE) {
		c->line[c->len++] = (char)ch;
	}
	c->line[c->len] = '\0';
}

/* What the guest is to be pressed for a curses key, as input_send_keys() reads it. */
static bool special_key(int ch, char *text, size_t len)
{
	static const struct { int ch; const char *name; } keys[] = {
		{ KEY_UP, "up" }, { KEY_DOWN, "down" }, { KEY_LEFT, "left" }, { KEY_RIGHT, "right" }, { KEY_HOME, "home" },
		{ KEY_END, "end" }, { KEY_PPAGE, "pgup" }, { KEY_NPAGE, "pgdn" }, { KEY_IC, "insert" }, { KEY_DC, "delete" },
		{ KEY_BACKSPACE, "backspace" }, { KEY_ENTER, "ret" }, { KEY_BTAB, "shift-tab" },
	};
	size_t i;

	if (ch > KEY_F(0) && ch <= KEY_F(12)) {
		snprintf(text, len, "f%d", ch - KEY_F(0));
		return true;
	}
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].ch == ch) {
			snprintf(text, len, "%s", keys[i].name);
			return true;
		}
	return false;
}

static void press(struct machine *m, unsigned key, bool down)
{
	if (key)
		input_key(m, key, down);
}

static void guest_key(struct vm_curses *c, int ch, bool alt)
{
	unsigned alt_key = alt ? input_key_by_name("alt", 3) : 0, ctrl = 0, shift_key, key;
	struct machine *m = c->vm->m;
	struct err err = ERR_INIT;
	bool shift = false;
	char text[16];

	if (special_key(ch, text, sizeof(text))) {
		press(m, alt_key, true);
		input_send_keys(m, text, &err);
		press(m, alt_key, false);
		return;
	}
	key = ch < 256 ? input_key_by_char((unsigned)ch, &shift) : 0;
	if (!key && ch >= 0 && ch < 32) {
		ctrl = input_key_by_name("ctrl", 4);
		key = input_key_by_char((unsigned)ch + '@', &shift);
		shift = false;
	}
	shift_key = shift ? input_key_by_name("shift", 5) : 0;
	press(m, alt_key, true);
	press(m, ctrl, true);
	press(m, shift_key, true);
	press(m, key, true);
	press(m, key, false);
	press(m, shift_key, false);
	press(m, ctrl, false);
	press(m, alt_key, false);
}

static void key(struct vm_curses *c, int ch, bool alt)
{
	if (alt && (ch == '1' || ch == '2'))
		c->monitor = ch == '2';
	else if (ch == KEY_RESIZE)
		clear();
	else if (c->monitor)
		monitor_key(c, ch);
	else
		guest_key(c, ch, alt);
}

/* ESC with a key close behind it is Alt; alone it is itself. */
static void on_input(struct loop_fd *h, u32 events)
{
	struct vm_curses *c = h->opaque;
	int ch;

	(void)events;
	while ((ch = getch()) != ERR) {
		if (c->escape) {
			c->escape = false;
			key(c, ch, true);
		} else if (ch == ESC) {
			c->escape = true;
			c->escape_ns = loop_now_ns();
		} else {
			key(c, ch, false);
		}
	}
	draw(c);
}

static void on_refresh(struct loop_timer *t)
{
	struct vm_curses *c = t->opaque;

	if (c->escape && loop_now_ns() - c->escape_ns > ESCAPE_NS) {
		c->escape = false;
		key(c, ESC, false);
	}
	draw(c);
	loop_timer_arm_in(t, REFRESH_NS);
}

/* ---- life ---- */

int vm_curses_start(struct vm *vm, struct err *err)
{
	struct vm_curses *c;

	if (!isatty(0) || !isatty(1))
		return err_set(err, ENOTTY, "-display curses: standard input and output must be a terminal");
	c = mem_zalloc(sizeof(*c));
	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	c->vm = vm;
	setlocale(LC_CTYPE, "");
	set_escdelay(25);
	c->screen = newterm(NULL, stdout, stdin);
	if (!c->screen) {
		const char *term = getenv("TERM");

		mem_free(c);
		return err_set(err, ENOTTY, "-display curses: the terminal '%s' is not known", term ? term : "");
	}
	raw();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	init_colors(c);
	if (loop_fd_add(vm->loop, &c->in, STDIN_FILENO, EPOLLIN, on_input, c, "terminal", "curses") < 0) {
		endwin();
		delscreen(c->screen);
		mem_free(c);
		return err_set(err, EIO, "-display curses: cannot watch the terminal");
	}
	loop_timer_init(vm->loop, &c->refresh, on_refresh, c, "refresh", "curses");
	loop_timer_arm_in(&c->refresh, REFRESH_NS);
	vm->curses = c;
	return 0;
}

void vm_curses_stop(struct vm *vm)
{
	struct vm_curses *c = vm->curses;

	if (!c)
		return;
	vm->curses = NULL;
	loop_timer_del(&c->refresh);
	loop_fd_del(&c->in);
	endwin();
	delscreen(c->screen);
	strbuf_free(&c->log);
	mem_free(c);
}
