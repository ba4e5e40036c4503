// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simple character backends: null, stdio, file, pipe, pty, fd, ringbuf.
 * The terminal that stdio changes is put back by its close, and by
 * chardev_terminal_restore() on the ways out that close nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "chardev.h"
#include "mem.h"
#include "str.h"

static int set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : flags;
}

/* ---- null ---- */

const struct chardev_kind chardev_null = { .name = "null" };

/* ---- stdio ---- */

/*
 * What to put back. Global because a fatal signal's handler needs it and a
 * process has one terminal; stdio can be opened once.
 */
static struct {
	bool in_use, has_termios;
	struct termios termios;
	int flags[2];
} terminal;

void chardev_terminal_restore(void)
{
	int fd;

	if (!terminal.in_use)
		return;
	if (terminal.has_termios)
		tcsetattr(0, TCSANOW, &terminal.termios);
	for (fd = 0; fd < 2; fd++)
		if (terminal.flags[fd] >= 0)
			fcntl(fd, F_SETFL, terminal.flags[fd]);
}

static void set_raw(bool signals)
{
	struct termios t;

	if (tcgetattr(0, &t) < 0)
		return;
	terminal.termios = t;
	terminal.has_termios = true;
	t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t.c_oflag |= OPOST;
	t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
	if (!signals)
		t.c_lflag &= ~(tcflag_t)ISIG;
	t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(0, TCSANOW, &t);
}

static int stdio_open(struct chardev *c, struct qopts *q, struct err *err)
{
	bool signals = true;
	struct stat st;

	qopts_bool(q, "signal", &signals, err);
	if (err_is_set(err))
		return -err->code;
	if (terminal.in_use)
		return err_set(err, EBUSY, "cannot use stdio by multiple character devices");
	terminal.in_use = true;
	if (isatty(0))
		set_raw(signals);
	c->batch = !isatty(0);
	terminal.flags[0] = set_nonblock(0);
	terminal.flags[1] = set_nonblock(1);
	/* A file or /dev/null as input: read to its end through a pipe-like wait is not possible, so take it all. */
	if (fstat(0, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return chardev_file_input(c, 0, 1, err);
	return chardev_connected(c, 0, 1, err);
}

static void stdio_close(struct chardev *c)
{
	(void)c;
	chardev_terminal_restore();
	terminal.in_use = terminal.has_termios = false;
}

const struct chardev_kind chardev_stdio = { .name = "stdio", .open = stdio_open, .close = stdio_close };

/* ---- regular files as input: epoll refuses them, so a pipe stands between ---- */

#define INPUT_MAX (1024 * 1024)

int chardev_file_input(struct chardev *c, int in, int out, struct err *err)
{
	char buf[4096];
	int p[2];
	ssize_t n;
	size_t total = 0;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(err, errno, "chardev '%s'", c->id);
	/* Up to what a pipe holds (1 MiB if the kernel allows): console scripts, not bulk data. */
	fcntl(p[1], F_SETPIPE_SZ, INPUT_MAX);
	while (total < INPUT_MAX && (n = read(in, buf, sizeof(buf))) > 0) {
		if (write(p[1], buf, (size_t)n) != n) {
			close(p[0]);
			close(p[1]);
			return err_set(err, EFBIG, "chardev '%s': input file is too long", c->id);
		}
		total += (size_t)n;
	}
	close(p[1]);
	c->batch = true;
	return chardev_connected(c, p[0], out, err);
}

/* ---- file ---- */

static int file_open(struct chardev *c, struct qopts *q, struct err *err)
{
	const char *path = NULL, *input = NULL;
	bool append = false, rw = false;
	int fd, in;

	qopts_str(q, "path", &path, err);
	qopts_str(q, "input-path", &input, err);
	qopts_bool(q, "append", &append, err);
	qopts_bool(q, "input", &rw, err);
	qopts_require(q, "path", err);
	if (err_is_set(err))
		return -err->code;
	fd = open(path, (rw ? O_RDWR | O_NONBLOCK : O_WRONLY | O_CREAT) | O_CLOEXEC | O_NOCTTY |
			(append ? O_APPEND : rw ? 0 : O_TRUNC), 0666);
	if (fd < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	chardev_set_file(c, "file:%s", path);
	if (!input)
		return chardev_connected(c, rw ? fd : -1, fd, err);
	in = open(input, O_RDONLY | O_CLOEXEC);
	if (in < 0) {
		close(fd);
		return err_errno(err, errno, "cannot open '%s'", input);
	}
	in = chardev_file_input(c, in, fd, err);
	return in;
}

const struct chardev_kind chardev_file = { .name = "file", .open = file_open };

/* ---- pipe: PATH.in and PATH.out, or PATH for both ---- */

static int pipe_open(struct chardev *c, struct qopts *q, struct err *err)
{
	const char *path = NULL;
	char name[512];
	int rfd, wfd;

	qopts_str(q, "path", &path, err);
	qopts_require(q, "path", err);
	if (err_is_set(err))
		return -err->code;
	snprintf(name, sizeof(name), "%s.in", path);
	rfd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(name, sizeof(name), "%s.out", path);
	wfd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (rfd < 0 || wfd < 0) {
		if (rfd >= 0)
			close(rfd);
		if (wfd >= 0)
			close(wfd);
		rfd = wfd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (rfd < 0)
			return err_errno(err, errno, "cannot open the pipe '%s'", path);
	}
	chardev_set_file(c, "pipe:%s", path);
	return chardev_connected(c, rfd, wfd, err);
}

const struct chardev_kind chardev_pipe = { .name = "pipe", .open = pipe_open };

/* ---- pty ---- */

static int pty_open(struct chardev *c, struct qopts *q, struct err *err)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	struct termios t;
	char name[64];

	(void)q;
	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, name, sizeof(name))) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, errno, "cannot make a pseudo terminal");
	}
	/* Raw; the slave stays open so that the master does not report a hang-up while nobody is there. */
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave >= 0 && tcgetattr(slave, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(slave, TCSANOW, &t);
	}
	c->logfd = slave;
	set_nonblock(fd);
	chardev_set_file(c, "pty:%s", name);
	fprintf(stderr, "char device redirected to %s (label %s)\n", name, c->id);
	return chardev_connected(c, fd, fd, err);
}

static void pty_close(struct chardev *c)
{
	if (c->logfd >= 0)
		close(c->logfd);
}

const struct chardev_kind chardev_pty = { .name = "pty", .open = pty_open, .close = pty_close };

/* ---- fd: one that the parent opened for us ---- */

static int fd_open(struct chardev *c, struct qopts *q, struct err *err)
{
	u64 fd = 0;

	qopts_u64(q, "fd", 0, 65535, &fd, err);
	qopts_require(q, "fd", err);
	if (err_is_set(err))
		return -err->code;
	if (set_nonblock((int)fd) < 0)
		return err_errno(err, errno, "file descriptor %llu", fd);
	return chardev_connected(c, (int)fd, (int)fd, err);
}

const struct chardev_kind chardev_fd = { .name = "fd", .open = fd_open };

/* ---- ringbuf: keeps the last bytes for the monitor ---- */

struct ringbuf {
	u8 *data;
	u32 size, head, len;
};

static unsigned ringbuf_write(struct chardev *c, struct char_fe *fe, const u8 *buf, unsigned len)
{
	struct ringbuf *r = c->priv;
	unsigned i;

	(void)fe;
	pthread_mutex_lock(&c->lock);
	for (i = 0; i < len; i++) {
		r->data[(r->head + r->len) & (r->size - 1)] = buf[i];
		if (r->len < r->size)
			r->len++;
		else
			r->head++;
	}
	pthread_mutex_unlock(&c->lock);
	return len;
}

size_t chardev_ringbuf_read(struct chardev *c, u8 *buf, size_t len)
{
	struct ringbuf *r = c->priv;
	size_t n = 0;

	if (c->kind != &chardev_ringbuf)
		return 0;
	pthread_mutex_lock(&c->lock);
	for (; n < len && r->len; r->len--)
		buf[n++] = r->data[r->head++ & (r->size - 1)];
	pthread_mutex_unlock(&c->lock);
	return n;
}

static int ringbuf_open(struct chardev *c, struct qopts *q, struct err *err)
{
	u64 size = 65536;
	struct ringbuf *r;

	qopts_size(q, "size", &size, err);
	if (err_is_set(err))
		return -err->code;
	if (!size || size & (size - 1) || size > 64 * MiB)
		return err_set(err, EINVAL, "size of ringbuf chardev must be power of two, at most 64M");
	r = mem_zalloc(sizeof(*r));
	if (!r || !(r->data = mem_alloc(size))) {
		mem_free(r);
		return err_set(err, ENOMEM, "out of memory");
	}
	r->size = (u32)size;
	c->priv = r;
	return 0;
}

static void ringbuf_close(struct chardev *c)
{
	struct ringbuf *r = c->priv;

	if (r)
		mem_free(r->data);
	mem_free(r);
}

const struct chardev_kind chardev_ringbuf = {
	.name = "ringbuf", .open = ringbuf_open, .close = ringbuf_close, .write = ringbuf_write,
};
