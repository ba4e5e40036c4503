// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Multiplexer: several front ends (console, monitor) on one backend. Control-A
 * is the escape: C-a x ends the program, C-a c goes to the next front end,
 * C-a b sends a break, C-a C-a sends one Control-A, C-a h helps.
 */
#include <errno.h>
#include <string.h>
#include "chardev.h"
#include "mem.h"
#include "qopts.h"

#define ESCAPE 0x01
#define AHEAD  256

struct mux {
	struct chardev *base;
	struct char_fe fe;		/* ours, on the base */
	struct char_fe *focus;
	bool escape;
	u8 ahead[AHEAD];		/* typed, not yet taken */
	unsigned len;
};

static const char help[] =
	"\r\nC-a h    print this help\r\nC-a x    exit emulator\r\nC-a b    send break (magic sysrq)\r\n"
	"C-a c    switch between console and monitor\r\nC-a C-a  sends C-a\r\n";

static struct char_fe *focus(struct chardev *c, struct mux *m)
{
	struct char_fe *fe;

	for (fe = c->fes; fe; fe = fe->next)
		if (fe == m->focus)
			return fe;
	m->focus = c->fes;
	return m->focus;
}

static void fe_event(struct char_fe *fe, enum char_event ev)
{
	if (fe)
		chardev_fe_event(fe, ev);
}

static void escape(struct chardev *c, struct mux *m, u8 ch)
{
	struct char_fe *fe = focus(c, m);
	u8 esc = ESCAPE;

	switch (ch) {
	case 'h':
	case '?':
		chardev_write_all(&m->fe, help, sizeof(help) - 1);
		break;
	case 'x':
		chardev_write_all(&m->fe, "vmbox: terminated\r\n", 19);
		if (c->cs->quit)
			c->cs->quit(c->cs->quit_opaque);
		break;
	case 'b':
		fe_event(fe, CHAR_BREAK);
		break;
	case 'c':
		fe_event(fe, CHAR_CLOSED);
		m->focus = fe && fe->next ? fe->next : c->fes;
		fe_event(m->focus, CHAR_OPENED);
		break;
	case ESCAPE:
		if (fe && chardev_fe_can_read(fe))
			chardev_fe_read(fe, &esc, 1);
		break;
	default:
		break;
	}
}

/* Hands on what was typed ahead, as far as the front end takes it. */
static void feed(struct chardev *c)
{
	struct mux *m = c->priv;
	struct char_fe *fe = focus(c, m);
	unsigned n;

	while (m->len && fe && (n = MIN(m->len, chardev_fe_can_read(fe)))) {
		u8 part[AHEAD];

		memcpy(part, m->ahead, n);
		m->len -= n;
		memmove(m->ahead, m->ahead + n, m->len);
		chardev_fe_read(fe, part, n);
	}
}

static unsigned mux_can_read(void *opaque)
{
	struct chardev *c = opaque;
	struct mux *m = c->priv;

	/* Typing ahead may fill the buffer; a script waits until the guest reads. */
	if (chardev_is_batch(c)) {
		struct char_fe *fe = focus(c, m);

		return fe && !m->len ? MIN(chardev_fe_can_read(fe), (unsigned)AHEAD) : 0;
	}
	return m->len < AHEAD ? AHEAD - m->len : AHEAD;
}

static void mux_read(void *opaque, const u8 *buf, unsigned len)
{
	struct chardev *c = opaque;
	struct mux *m = c->priv;
	unsigned i;

	for (i = 0; i < len; i++) {
		if (m->escape) {
			m->escape = false;
			escape(c, m, buf[i]);
		} else if (buf[i] == ESCAPE) {
			feed(c);
			m->escape = true;
		} else if (m->len < AHEAD) {
			m->ahead[m->len++] = buf[i];
		}
	}
	feed(c);
}

static void mux_resume(struct chardev *c)
{
	struct mux *m = c->priv;

	feed(c);
	chardev_accept_input(&m->fe);
}

static void mux_writable(void *opaque)
{
	struct chardev *c = opaque;
	struct char_fe *fe;

	for (fe = c->fes; fe; fe = fe->next)
		chardev_fe_writable(fe);
}

static unsigned mux_write(struct chardev *c, struct char_fe *fe, const u8 *buf, unsigned len)
{
	struct mux *m = c->priv;

	(void)fe;
	return chardev_write(&m->fe, buf, len);
}

static void mux_event(void *opaque, enum char_event ev)
{
	struct chardev *c = opaque;

	fe_event(focus(c, c->priv), ev);
}

static int mux_open(struct chardev *c, struct qopts *q, struct err *err)
{
	const char *base = NULL;
	struct chardev *b;
	struct mux *m;
	int ret;

	qopts_str(q, "chardev", &base, err);
	qopts_require(q, "chardev", err);
	if (err_is_set(err))
		return -err->code;
	b = chardev_find(c->cs, base);
	if (!b)
		return err_set(err, ENOENT, "mux: there is no chardev '%s'", base);
	m = mem_zalloc(sizeof(*m));
	if (!m)
		return err_set(err, ENOMEM, "out of memory");
	m->base = b;
	m->fe = (struct char_fe){ .label = c->id, .can_read = mux_can_read, .read = mux_read, .event = mux_event,
				  .writable = mux_writable, .opaque = c };
	c->priv = m;
	c->batch = b->batch;
	chardev_set_file(c, "mux");
	ret = chardev_attach(b, &m->fe, err);
	return ret;
}

static void mux_close(struct chardev *c)
{
	struct mux *m = c->priv;

	if (!m)
		return;
	chardev_detach(&m->fe);
	mem_free(m);
}

const struct chardev_kind chardev_mux = {
	.name = "mux", .open = mux_open, .close = mux_close, .write = mux_write, .resume = mux_resume,
};
