/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sink takes a stream of bytes from the writers of archives and images
 * (cpio, FAT, GPT, UKI). Writers go forwards only, so a sink may be a file,
 * a pipe, a buffer, a compressor or an image format.
 *
 * One thread at a time. Errors are 0 or -errno with text in err.
 */
#ifndef VMBOX_SINK_H
#define VMBOX_SINK_H

#include "err.h"

struct sink {
	/* Takes all of [data, data + len). */
	int (*write)(struct sink *s, const void *data, size_t len, struct err *err);
	/* Takes len zero bytes and may leave a hole; NULL: they are written. */
	int (*zero)(struct sink *s, u64 len, struct err *err);
	u64 pos;	/* bytes taken so far; kept by sink_write() and sink_zero() */
};

int sink_write(struct sink *s, const void *data, size_t len, struct err *err);
int sink_zero(struct sink *s, u64 len, struct err *err);
/* Zeroes up to the next multiple of align (a power of two). */
int sink_align(struct sink *s, u64 align, struct err *err);
/* Zeroes up to position pos. -EINVAL when the stream is already past it. */
int sink_zero_until(struct sink *s, u64 pos, struct err *err);

/* A file descriptor. Runs of zeroes become holes where the file can seek. */
struct sink_fd {
	struct sink sink;
	int fd;			/* the caller's; never closed here */
	bool seekable;
	bool hole;		/* the stream ends in a hole */
	const char *name;	/* for messages; the caller's */
};

void sink_fd_init(struct sink_fd *s, int fd, const char *name);
/* Gives a file that ends in a hole its full length. Call once, at the end. */
int sink_fd_finish(struct sink_fd *s, struct err *err);

/* A growing buffer; -ENOMEM when it cannot grow. Free data with free(). */
struct sink_buf {
	struct sink sink;
	u8 *data;
	size_t len, cap;
};

void sink_buf_init(struct sink_buf *s);

#endif
