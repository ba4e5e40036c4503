// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Character backends: the list, the output queue, front ends and the option
 * forms (see dev/char.h). Any thread appends to the queue; the loop's thread
 * writes it out, so that a guest's byte costs no system call of its vCPU.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "chardev.h"
#include "dev/device.h"
#include "loop.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"
#include "thread.h"

#define READ_MAX	65536
#define SLOW_MS		1000	/* how long a monitor waits for a reader */

static const struct chardev_kind *const kinds[] = {
	&chardev_null, &chardev_stdio, &chardev_file, &chardev_pipe, &chardev_pty, &chardev_socket, &chardev_ringbuf,
	&chardev_mux, &chardev_fd,
};

/* ---- front ends ---- */

unsigned chardev_fe_can_read(struct char_fe *fe)
{
	unsigned n;

	if (!fe->can_read)
		return 0;
	device_lock(fe->dev);
	n = fe->can_read(fe->opaque);
	device_unlock(fe->dev);
	return n;
}

void chardev_fe_read(struct char_fe *fe, const u8 *buf, unsigned len)
{
	device_lock(fe->dev);
	fe->read(fe->opaque, buf, len);
	device_unlock(fe->dev);
}

void chardev_fe_event(struct char_fe *fe, enum char_event ev)
{
	if (!fe->event)
		return;
	device_lock(fe->dev);
	fe->event(fe->opaque, ev);
	device_unlock(fe->dev);
}

void chardev_fe_writable(struct char_fe *fe)
{
	if (!fe->writable)
		return;
	device_lock(fe->dev);
	fe->writable(fe->opaque);
	device_unlock(fe->dev);
}

void chardev_send_event(struct chardev *c, enum char_event ev)
{
	struct char_fe *fe;

	for (fe = c->fes; fe; fe = fe->next)
		chardev_fe_event(fe, ev);
}

int chardev_attach(struct chardev *c, struct char_fe *fe, struct err *err)
{
	struct char_fe **p = &c->fes;
	unsigned n = 0;

	for (; *p; p = &(*p)->next)
		n++;
	if (n >= (c->kind == &chardev_mux ? CHAR_MUX_MAX : 1))
		return err_set(err, EBUSY, "chardev '%s' is in use", c->id);
	fe->chr = c;
	fe->next = NULL;
	*p = fe;
	loop_bh_schedule(&c->input_bh);
	return 0;
}

void chardev_detach(struct char_fe *fe)
{
	struct char_fe **p;

	if (!fe->chr)
		return;
	for (p = &fe->chr->fes; *p; p = &(*p)->next)
		if (*p == fe) {
			*p = fe->next;
			break;
		}
	fe->chr = NULL;
}

/* ---- output ---- */

/* Under the lock: writes what the backend takes. */
static void drain(struct chardev *c)
{
	while (c->len && c->wfd >= 0) {
		u32 at = c->head % CHAR_QUEUE, n = MIN(c->len, CHAR_QUEUE - at);
		ssize_t got = write(c->wfd, c->queue + at, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0) {		/* the reader is gone */
			c->len = 0;
			break;
		}
		c->head += (u32)got;
		c->len -= (u32)got;
	}
	if (c->wfd < 0)
		c->len = 0;
}

static void on_output(struct loop_fd *h, u32 events)
{
	(void)events;
	chardev_flush(h->opaque);
}

static void stop_output(struct chardev *c)
{
	int fd = c->hout.fd;

	if (!c->hout.loop)
		return;
	loop_fd_del(&c->hout);
	close(fd);
}

/* Loop's thread. */
void chardev_flush(struct chardev *c)
{
	struct char_fe *fe;
	bool room, want;
	int dup;

	pthread_mutex_lock(&c->lock);
	drain(c);
	room = c->blocked && c->len < CHAR_QUEUE / 2;
	if (room)
		c->blocked = false;
	want = c->len && c->wfd >= 0;
	/* Watched through a duplicate: epoll takes each fd once and hin may have it. */
	dup = want && !c->hout.loop ? fcntl(c->wfd, F_DUPFD_CLOEXEC, 3) : -1;
	pthread_mutex_unlock(&c->lock);

	if (!want)
		stop_output(c);
	else if (dup >= 0 && loop_fd_add(c->cs->loop, &c->hout, dup, EPOLLOUT, on_output, c, "write", c->id) < 0)
		close(dup);
	for (fe = c->fes; room && fe; fe = fe->next)
		chardev_fe_writable(fe);
}

static void on_flush(struct loop_bh *bh)
{
	chardev_flush(bh->opaque);
}

static unsigned enqueue(struct chardev *c, const u8 *buf, unsigned len)
{
	unsigned n, at, part;
	bool wake;

	pthread_mutex_lock(&c->lock);
	if (c->wfd < 0) {
		pthread_mutex_unlock(&c->lock);
		return len;
	}
	n = MIN(len, CHAR_QUEUE - c->len);
	at = (c->head + c->len) % CHAR_QUEUE;
	part = MIN(n, CHAR_QUEUE - at);
	memcpy(c->queue + at, buf, part);
	memcpy(c->queue, buf + part, n - part);
	wake = c->len == 0;
	c->len += n;
	if (n < len)
		c->blocked = true;
	pthread_mutex_unlock(&c->lock);
	if (wake)
		loop_bh_schedule(&c->flush_bh);
	return n;
}

unsigned chardev_write(struct char_fe *fe, const void *buf, unsigned len)
{
	struct chardev *c = fe->chr;

	if (!c)
		return len;
	return c->kind->write ? c->kind->write(c, fe, buf, len) : enqueue(c, buf, len);
}

void chardev_write_all(struct char_fe *fe, const void *buf, size_t len)
{
	const u8 *p = buf;
	u64 give_up = loop_now_ns() + SLOW_MS * 1000000ULL;

	while (len && fe->chr) {
		struct chardev *c = fe->chr;
		unsigned n = chardev_write(fe, p, (unsigned)MIN(len, (size_t)CHAR_QUEUE));
		struct pollfd pfd;

		p += n;
		len -= n;
		if (!len)
			break;
		pthread_mutex_lock(&c->lock);
		drain(c);
		pfd = (struct pollfd){ c->wfd, POLLOUT, 0 };
		n = CHAR_QUEUE - c->len;
		pthread_mutex_unlock(&c->lock);
		if (n)
			continue;
		if (loop_now_ns() > give_up)
			return;
		poll(&pfd, 1, 10);
	}
	if (fe->chr && !fe->chr->kind->write && loop_is_current(fe->chr->cs->loop)) {
		pthread_mutex_lock(&fe->chr->lock);
		drain(fe->chr);
		pthread_mutex_unlock(&fe->chr->lock);
	}
}

/* ---- input ---- */

/* Whether the peer has gone and left nothing to read. */
static bool peer_left(struct chardev *c)
{
	char byte;
	ssize_t n = recv(c->rfd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTSOCK);
}

/*
 * Nobody reads: chardev_accept_input() resumes. That the peer leaves is of
 * interest all the same, unless bytes of it wait, which come first.
 */
static void pause_input(struct chardev *c, u32 events)
{
	bool left = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);

	if (left && c->kind->hangup && peer_left(c)) {
		c->kind->hangup(c);
		return;
	}
	loop_fd_mod(&c->hin, c->kind->hangup && !left ? EPOLLRDHUP : 0);
	c->input_armed = false;
}

static void on_input(struct loop_fd *h, u32 events)
{
	struct chardev *c = h->opaque;
	u8 buf[READ_MAX];
	unsigned want = c->fes ? chardev_fe_can_read(c->fes) : 0;
	ssize_t n;

	if (!want) {
		pause_input(c, events);
		return;
	}
	n = read(c->rfd, buf, MIN(want, (unsigned)sizeof(buf)));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		chardev_fe_read(c->fes, buf, (unsigned)n);
	else if (c->kind->hangup)
		c->kind->hangup(c);
	else
		loop_fd_del(&c->hin);
}

static void on_resume(struct loop_bh *bh)
{
	struct chardev *c = bh->opaque;

	if (c->kind->resume)
		c->kind->resume(c);
	if (c->hin.loop && c->fes && !c->input_armed && chardev_fe_can_read(c->fes)) {
		loop_fd_mod(&c->hin, EPOLLIN);
		c->input_armed = true;
	}
	chardev_flush(c);
}

void chardev_accept_input(struct char_fe *fe)
{
	struct chardev *c = fe->chr;

	if (c && !atomic_get(&c->input_armed))
		loop_bh_schedule(&c->input_bh);
}

/* ---- connection ---- */

int chardev_connected(struct chardev *c, int rfd, int wfd, struct err *err)
{
	int ret;

	pthread_mutex_lock(&c->lock);
	c->rfd = rfd;
	c->wfd = wfd;
	pthread_mutex_unlock(&c->lock);
	if (rfd < 0)
		return 0;
	ret = loop_fd_add(c->cs->loop, &c->hin, rfd, EPOLLIN, on_input, c, "read", c->id);
	c->input_armed = true;
	/* A regular file cannot be polled: it is simply always readable; input from it is not offered. */
	if (ret < 0 && ret != -EPERM)
		return err_errno(err, -ret, "chardev '%s': cannot watch its input", c->id);
	return 0;
}

void chardev_disconnected(struct chardev *c)
{
	int rfd = c->rfd, wfd = c->wfd;

	stop_output(c);
	loop_fd_del(&c->hin);
	pthread_mutex_lock(&c->lock);
	c->rfd = c->wfd = -1;
	c->len = 0;
	c->blocked = false;
	pthread_mutex_unlock(&c->lock);
	if (rfd > 2)
		close(rfd);
	if (wfd > 2 && wfd != rfd)
		close(wfd);
}

/* ---- making them ---- */

int chardev_set_file(struct chardev *c, const char *fmt, ...)
{
	char buf[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	mem_free(c->file);
	c->file = str_dup(buf);
	return c->file ? 0 : -ENOMEM;
}

struct chardev *chardev_find(struct chardevs *cs, const char *id)
{
	struct chardev *c;

	for (c = cs->first; c; c = c->next)
		if (str_eq(c->id, id))
			return c;
	return NULL;
}

struct chardev *chardev_new(struct chardevs *cs, const char *id, const struct chardev_kind *kind, struct err *err)
{
	struct chardev *c, **p;

	if (chardev_find(cs, id)) {
		err_set(err, EEXIST, "Chardev with id '%s' already exists", id);
		return NULL;
	}
	c = mem_zalloc(sizeof(*c));
	if (!c || !(c->id = str_dup(id)) || !(c->queue = mem_alloc(CHAR_QUEUE)) ||
	    chardev_set_file(c, "%s", kind->name) < 0) {
		if (c)
			mem_free(c->id);
		mem_free(c);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	c->kind = kind;
	c->cs = cs;
	c->rfd = c->wfd = c->logfd = -1;
	pthread_mutex_init(&c->lock, NULL);
	loop_bh_init(cs->loop, &c->flush_bh, on_flush, c, "flush", c->id);
	loop_bh_init(cs->loop, &c->input_bh, on_resume, c, "resume", c->id);
	for (p = &cs->first; *p; p = &(*p)->next)
		;
	*p = c;
	return c;
}

/* The last words, to a reader that may be slow, but not for ever. */
static void drain_at_end(struct chardev *c)
{
	u64 give_up = loop_now_ns() + SLOW_MS * 1000000ULL;
	struct pollfd pfd = { .events = POLLOUT };

	pthread_mutex_lock(&c->lock);
	for (drain(c); c->len && loop_now_ns() < give_up; drain(c)) {
		pfd.fd = c->wfd;
		poll(&pfd, 1, 10);
	}
	pthread_mutex_unlock(&c->lock);
}

static void destroy(struct chardev *c)
{
	struct chardev **p;
	struct char_fe *fe;

	drain_at_end(c);
	while ((fe = c->fes))
		chardev_detach(fe);
	if (c->kind->close)
		c->kind->close(c);
	chardev_disconnected(c);
	loop_bh_del(&c->flush_bh);
	loop_bh_del(&c->input_bh);
	for (p = &c->cs->first; *p && *p != c; p = &(*p)->next)
		;
	if (*p)
		*p = c->next;
	pthread_mutex_destroy(&c->lock);
	mem_free(c->queue);
	mem_free(c->file);
	mem_free(c->id);
	mem_free(c);
}

static const struct chardev_kind *find_kind(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_eq(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

static int open_with(struct chardevs *cs, const char *id, const char *kind_name, struct qopts *q,
		     struct chardev **out, struct err *err)
{
	const struct chardev_kind *kind = find_kind(kind_name);
	struct chardev *c;
	int ret;

	if (!kind)
		return err_set(err, EINVAL, "chardev: '%s' is not a backend we have", kind_name);
	c = chardev_new(cs, id, kind, err);
	if (!c)
		return -err->code;
	ret = kind->open ? kind->open(c, q, err) : 0;
	if (ret == 0)
		ret = qopts_done(q, err);
	if (ret < 0) {
		destroy(c);
		return ret;
	}
	*out = c;
	return 0;
}

/* mux=on: a multiplexer under the asked name, the backend itself under name-base. */
static int open_muxed(struct chardevs *cs, const char *id, const char *kind, struct qopts *q,
		      struct chardev **out, struct err *err)
{
	char base_id[128], spec[160];
	struct chardev *base;
	struct qopts *mq;
	int ret;

	snprintf(base_id, sizeof(base_id), "%s-base", id);
	ret = open_with(cs, base_id, kind, q, &base, err);
	if (ret < 0)
		return ret;
	snprintf(spec, sizeof(spec), "chardev=%s", base_id);
	mq = qopts_parse("mux", spec, NULL, err);
	if (!mq)
		return -err->code;
	ret = open_with(cs, id, "mux", mq, out, err);
	qopts_free(mq);
	return ret;
}

int chardev_add(struct chardevs *cs, const char *spec, struct err *err)
{
	struct qopts *q = qopts_parse("-chardev", spec, "backend", err);
	const char *id = NULL, *kind = NULL;
	struct chardev *c;
	bool mux = false;
	int ret;

	if (!q)
		return -err->code;
	qopts_str(q, "backend", &kind, err);
	qopts_str(q, "id", &id, err);
	qopts_bool(q, "mux", &mux, err);
	if (err_is_set(err))
		ret = -err->code;
	else if (!kind || !id)
		ret = err_set(err, EINVAL, "-chardev: parameter '%s' is missing", kind ? "id" : "backend");
	else if (mux && !str_eq(kind, "mux"))
		ret = open_muxed(cs, id, kind, q, &c, err);
	else
		ret = open_with(cs, id, kind, q, &c, err);
	qopts_free(q);
	return ret;
}

/* "unix:p,server,nowait" -> backend and key=value text. */
static int legacy_text(const char *spec, const char **kind, char *text, size_t len, struct err *err)
{
	const char *rest;

	text[0] = '\0';
	*kind = spec;
	if (str_eq(spec, "stdio") || str_eq(spec, "null") || str_eq(spec, "pty") || str_eq(spec, "ringbuf"))
		return 0;
	if (str_starts(spec, "file:", &rest)) {
		*kind = "file";
		snprintf(text, len, "path=%s", rest);
	} else if (str_starts(spec, "pipe:", &rest)) {
		*kind = "pipe";
		snprintf(text, len, "path=%s", rest);
	} else if (str_starts(spec, "fd:", &rest)) {
		*kind = "fd";
		snprintf(text, len, "fd=%s", rest);
	} else if (str_starts(spec, "unix:", &rest)) {
		*kind = "socket";
		snprintf(text, len, "path=%s", rest);
	} else if (str_starts(spec, "tcp:", &rest) || str_starts(spec, "telnet:", &rest)) {
		const char *colon = strchr(rest, ':');

		if (!colon)
			return err_set(err, EINVAL, "'%s': expected tcp:HOST:PORT[,server=on][,wait=off]", spec);
		*kind = "socket";
		snprintf(text, len, "host=%.*s,port=%s%s", (int)(colon - rest), rest, colon + 1,
			 spec[1] == 'e' && spec[2] == 'l' ? ",telnet=on" : "");
	} else if (spec[0] == '/') {
		*kind = "file";
		snprintf(text, len, "path=%s,input=on", spec);
	} else {
		return err_set(err, EINVAL, "'%s' is not a character backend we have", spec);
	}
	return 0;
}

int chardev_add_legacy(struct chardevs *cs, const char *id, const char *spec, struct chardev **out, struct err *err)
{
	char text[512];
	const char *kind, *rest;
	struct qopts *q;
	bool mux;
	int ret;

	*out = NULL;
	if (str_eq(spec, "none"))
		return 0;
	if (str_starts(spec, "chardev:", &rest)) {
		*out = chardev_find(cs, rest);
		return *out ? 0 : err_set(err, ENOENT, "there is no chardev '%s'", rest);
	}
	mux = str_starts(spec, "mon:", &spec);
	ret = legacy_text(spec, &kind, text, sizeof(text), err);
	if (ret < 0)
		return ret;
	/* "mon:stdio" hands control characters to the guest. */
	if (mux && str_eq(kind, "stdio"))
		snprintf(text, sizeof(text), "signal=off");
	q = qopts_parse(kind, text, NULL, err);
	if (!q)
		return -err->code;
	ret = mux ? open_muxed(cs, id, kind, q, out, err) : open_with(cs, id, kind, q, out, err);
	qopts_free(q);
	return ret;
}

int chardev_del(struct chardevs *cs, const char *id, struct err *err)
{
	struct chardev *c = chardev_find(cs, id);

	if (!c)
		return err_set(err, ENOENT, "Chardev '%s' not found", id);
	if (c->fes)
		return err_set(err, EBUSY, "Chardev '%s' is busy", id);
	destroy(c);
	return 0;
}

const char *chardev_id(const struct chardev *c)
{
	return c->id;
}

const char *chardev_kind_name(const struct chardev *c)
{
	return c->kind->name;
}

const char *chardev_backend(size_t n)
{
	return n < ARRAY_SIZE(kinds) ? kinds[n]->name : NULL;
}

bool chardev_is_open(const struct chardev *c)
{
	return c->kind != &chardev_socket || c->wfd >= 0;
}

bool chardev_is_mux(const struct chardev *c)
{
	return c->kind == &chardev_mux;
}

bool chardev_is_batch(const struct chardev *c)
{
	return c->batch;
}

void chardev_walk(struct chardevs *cs, void (*fn)(void *ctx, const char *id, const char *file, bool open), void *ctx)
{
	struct chardev *c;

	for (c = cs->first; c; c = c->next)
		fn(ctx, c->id, c->file, c->fes != NULL);
}

struct chardevs *chardevs_new(struct loop *loop)
{
	struct chardevs *cs = mem_zalloc(sizeof(*cs));

	if (cs)
		cs->loop = loop;
	return cs;
}

void chardevs_on_quit(struct chardevs *cs, void (*fn)(void *opaque), void *opaque)
{
	cs->quit = fn;
	cs->quit_opaque = opaque;
}

void chardevs_free(struct chardevs *cs)
{
	if (!cs)
		return;
	/* Multiplexers stand behind what they sit on. */
	while (cs->first) {
		struct chardev *c = cs->first;

		while (c->next)
			c = c->next;
		destroy(c);
	}
	mem_free(cs);
}
