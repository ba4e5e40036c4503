/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character backends (-chardev) and the front ends that use them: serial
 * ports, monitors, QMP, consoles.
 *
 * Output: chardev_write() takes what fits into the backend's bounded queue
 * (64 KiB) and returns how much that was; when something was refused,
 * fe->writable() is called once there is room. A backend without a reader
 * (disconnected socket, null) takes and drops everything.
 * Input: the backend asks fe->can_read() and delivers at most that much.
 * When it answered 0 the front end calls chardev_accept_input() later.
 *
 * Threads: chardev_write() and chardev_accept_input() from any thread.
 * Callbacks run on the loop's thread under the lock of fe->dev (if that is
 * LOCK_DEVICE); no lock of the backend is held then.
 */
#ifndef VMBOX_DEV_CHAR_H
#define VMBOX_DEV_CHAR_H

#include "compiler.h"
#include "err.h"
#include "registry.h"

struct device;
struct loop;
struct machine;
struct chardev;

enum char_event { CHAR_OPENED, CHAR_CLOSED, CHAR_BREAK };

struct char_fe {
	struct device *dev;		/* NULL: no lock */
	const char *label;
	unsigned (*can_read)(void *opaque);
	void (*read)(void *opaque, const u8 *buf, unsigned len);
	void (*event)(void *opaque, enum char_event ev);	/* may be NULL */
	void (*writable)(void *opaque);				/* may be NULL */
	void *opaque;
	struct chardev *chr;
	struct char_fe *next;		/* mux: in order of attachment */
};

/* All of a program's backends; main thread only for changes. */
struct chardevs;
struct chardevs *chardevs_new(struct loop *loop);
/* What a multiplexer's C-a x calls. */
void chardevs_on_quit(struct chardevs *cs, void (*fn)(void *opaque), void *opaque);
/* Closes all: flushes what can be written at once and restores terminals. */
void chardevs_free(struct chardevs *cs);

/*
 * "-chardev" text ("socket,id=c,path=/x,server=on,wait=off") and the legacy
 * form of -serial/-monitor/-qmp ("stdio", "mon:stdio", "unix:p,server,nowait",
 * "file:p", "pty", "null", "tcp:h:p", "chardev:ID", "none" -> *out NULL).
 */
int  chardev_add(struct chardevs *cs, const char *spec, struct err *err);
int  chardev_add_legacy(struct chardevs *cs, const char *id, const char *spec, struct chardev **out, struct err *err);
struct chardev *chardev_find(struct chardevs *cs, const char *id);
int  chardev_del(struct chardevs *cs, const char *id, struct err *err);
const char *chardev_id(const struct chardev *c);
/* The backend's name as -chardev takes it: "socket". */
const char *chardev_kind_name(const struct chardev *c);
/* The nth backend that there is, NULL behind the last. */
const char *chardev_backend(size_t n);
/* Somebody could read what is written: a socket has a peer. */
bool chardev_is_open(const struct chardev *c);
bool chardev_is_mux(const struct chardev *c);
/* Its input is a pipe or file: everything comes at once, nobody waits for a prompt. */
bool chardev_is_batch(const struct chardev *c);
/* Calls fn(ctx, id, filename text, is frontend attached) for each. */
void chardev_walk(struct chardevs *cs, void (*fn)(void *ctx, const char *id, const char *file, bool open), void *ctx);

/* -EBUSY: somebody else has it (a mux takes up to 4). */
int  chardev_attach(struct chardev *c, struct char_fe *fe, struct err *err);
void chardev_detach(struct char_fe *fe);
/* Moves what a ringbuf holds into buf; the number of bytes. Others: 0. */
size_t chardev_ringbuf_read(struct chardev *c, u8 *buf, size_t len);
/* Puts the terminal back as it was; safe in a signal handler. */
void chardev_terminal_restore(void);
unsigned chardev_write(struct char_fe *fe, const void *buf, unsigned len);
/* Never refuses: waits at most a second for a slow reader, then drops. For monitors. */
void chardev_write_all(struct char_fe *fe, const void *buf, size_t len);
void chardev_accept_input(struct char_fe *fe);

#endif
