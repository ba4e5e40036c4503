/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the character backends: what chardev.c (queue, front ends) and
 * the kinds of backend share. See dev/char.h for the contract.
 */
#ifndef VMBOX_DRIVERS_CHARDEV_H
#define VMBOX_DRIVERS_CHARDEV_H

#include <pthread.h>
#include "dev/char.h"
#include "loop.h"
#include "qopts.h"

#define CHAR_QUEUE	65536u
#define CHAR_MUX_MAX	4

struct chardev_kind {
	const char *name;
	/* Opens from its options; fills rfd, wfd or takes over by hooks. */
	int  (*open)(struct chardev *c, struct qopts *q, struct err *err);
	void (*close)(struct chardev *c);
	/* A read from rfd gave end of file or an error. */
	void (*hangup)(struct chardev *c);
	/* Instead of the queue (mux, ringbuf): takes all. */
	unsigned (*write)(struct chardev *c, struct char_fe *fe, const u8 *buf, unsigned len);
	/* A front end takes input again. */
	void (*resume)(struct chardev *c);
};

struct chardev {
	char *id;
	char *file;			/* for query-chardev */
	const struct chardev_kind *kind;
	struct chardevs *cs;
	struct chardev *next;
	struct char_fe *fes;		/* attached front ends; one unless mux */

	pthread_mutex_t lock;		/* the queue and wfd */
	u8 *queue;			/* CHAR_QUEUE bytes, ring */
	u32 head, len;
	int rfd, wfd;			/* -1: none; output without wfd is dropped */
	int logfd;
	bool closing, blocked;		/* somebody was refused */
	bool batch;			/* input is a pipe or file: all there at once */
	bool input_armed;
	struct loop_fd hin, hout;
	struct loop_bh flush_bh, input_bh;
	void *priv;			/* of the kind */
};

struct chardevs {
	struct loop *loop;
	struct chardev *first;
	void (*quit)(void *opaque);	/* C-a x */
	void *quit_opaque;
};

extern const struct chardev_kind chardev_null, chardev_stdio, chardev_file, chardev_pipe, chardev_pty,
	chardev_socket, chardev_ringbuf, chardev_mux, chardev_fd;

/* (Re)starts watching rfd / stops and forgets both fds (closing them). */
int  chardev_connected(struct chardev *c, int rfd, int wfd, struct err *err);
void chardev_disconnected(struct chardev *c);
void chardev_send_event(struct chardev *c, enum char_event ev);
/* What the front end takes now, through its lock. */
unsigned chardev_fe_can_read(struct char_fe *fe);
void chardev_fe_read(struct char_fe *fe, const u8 *buf, unsigned len);
void chardev_fe_event(struct char_fe *fe, enum char_event ev);
void chardev_fe_writable(struct char_fe *fe);
void chardev_flush(struct chardev *c);
/* Input from something that epoll refuses (a regular file). */
int  chardev_file_input(struct chardev *c, int in, int out, struct err *err);
int  chardev_set_file(struct chardev *c, const char *fmt, ...) __printf(2, 3);
struct chardev *chardev_new(struct chardevs *cs, const char *id, const struct chardev_kind *kind, struct err *err);

#endif
