// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Byte streams for the archive and image writers: the calls of sink.h, a
 * file (with holes) and a growing buffer.
 */
#include "sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sink_write(struct sink *s, const void *data, size_t len, struct err *err)
{
	int rc = len ? s->write(s, data, len, err) : 0;

	if (!rc)
		s->pos += len;
	return rc;
}

int sink_zero(struct sink *s, u64 len, struct err *err)
{
	static const u8 zeroes[4096];
	int rc;

	if (!len)
		return 0;
	if (s->zero) {
		rc = s->zero(s, len, err);
		if (!rc)
			s->pos += len;
		return rc;
	}
	while (len) {
		size_t n = MIN(len, (u64)sizeof(zeroes));

		rc = sink_write(s, zeroes, n, err);
		if (rc)
			return rc;
		len -= n;
	}
	return 0;
}

int sink_align(struct sink *s, u64 align, struct err *err)
{
	return sink_zero(s, ALIGN_UP(s->pos, align) - s->pos, err);
}

int sink_zero_until(struct sink *s, u64 pos, struct err *err)
{
	if (pos < s->pos)
		return err_set(err, EINVAL, "stream is at %llu, past %llu", s->pos, pos);
	return sink_zero(s, pos - s->pos, err);
}

static int fd_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
	struct sink_fd *s = container_of(sink, struct sink_fd, sink);
	const u8 *p = data;

	while (len) {
		ssize_t n = write(s->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "%s", s->name);
		p += n;
		len -= n;
	}
	s->hole = false;
	return 0;
}

static int fd_zero(struct sink *sink, u64 len, struct err *err)
{
	struct sink_fd *s = container_of(sink, struct sink_fd, sink);

	if (lseek(s->fd, len, SEEK_CUR) < 0)
		return err_errno(err, errno, "%s", s->name);
	s->hole = true;
	return 0;
}

void sink_fd_init(struct sink_fd *s, int fd, const char *name)
{
	*s = (struct sink_fd){
		.sink = { .write = fd_write },
		.fd = fd,
		.seekable = lseek(fd, 0, SEEK_CUR) == 0,
		.name = name,
	};
	/* What is already in the file must not show through a hole. */
	if (s->seekable && ftruncate(fd, 0) == 0)
		s->sink.zero = fd_zero;
}

int sink_fd_finish(struct sink_fd *s, struct err *err)
{
	if (s->hole && ftruncate(s->fd, s->sink.pos) < 0)
		return err_errno(err, errno, "%s", s->name);
	return 0;
}

static int buf_reserve(struct sink_buf *s, u64 len, struct err *err)
{
	size_t need, cap = s->cap ? s->cap : 4096;
	u8 *p;

	if (add_overflows(s->len, len, &need) || need > SIZE_MAX / 2)
		return err_set(err, ENOMEM, "out of memory");
	if (need <= s->cap)
		return 0;
	while (cap < need)
		cap *= 2;
	p = realloc(s->data, cap);
	if (!p)
		return err_set(err, ENOMEM, "out of memory");
	s->data = p;
	s->cap = cap;
	return 0;
}

static int buf_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
	struct sink_buf *s = container_of(sink, struct sink_buf, sink);
	int rc = buf_reserve(s, len, err);

	if (rc)
		return rc;
	memcpy(s->data + s->len, data, len);
	s->len += len;
	return 0;
}

static int buf_zero(struct sink *sink, u64 len, struct err *err)
{
	struct sink_buf *s = container_of(sink, struct sink_buf, sink);
	int rc = buf_reserve(s, len, err);

	if (rc)
		return rc;
	memset(s->data + s->len, 0, len);
	s->len += len;
	return 0;
}

void sink_buf_init(struct sink_buf *s)
{
	*s = (struct sink_buf){ .sink = { .write = buf_write, .zero = buf_zero } };
}
