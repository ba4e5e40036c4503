/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stopped machine to a stream of bytes and back: configuration, memory,
 * the declared state of every device and of what else the machine lists
 * (vCPUs, clock). Records have a kind, a name, a version, a length and a
 * checksum (migration/stream.c has the layout); nothing in a stream can size
 * an allocation that its own bytes do not back.
 *
 * Threads: one at a time for a stream. mig_save() may run beside the main
 * thread as long as the machine stands; mig_load() is the main thread's.
 */
#ifndef VMBOX_MIGRATION_MIGRATION_H
#define VMBOX_MIGRATION_MIGRATION_H

#include <sys/types.h>
#include "err.h"

struct json;
struct loop;
struct machine;

#define MIG_VERSION	1
#define MIG_BUFFER	(256 * KiB)

/* Where bytes go or come from. */
struct mig_io {
	/* All of it; -errno with err set. */
	int (*write)(void *ctx, const void *p, size_t n, struct err *err);
	/* At least one byte, 0 at the end; -errno with err set. */
	ssize_t (*read)(void *ctx, void *p, size_t n, struct err *err);
	void *ctx;
};

struct mig_stream {
	struct mig_io io;
	u8 *buf;
	size_t len, pos;		/* of buf */
	u64 bytes;			/* passed so far; written with relaxed atomics, any thread may read */
	u64 records;
	bool cancel;			/* atomic: any thread may set it; the next record fails with ECANCELED */
};

int  mig_stream_init(struct mig_stream *s, const struct mig_io *io);	/* 0 or -ENOMEM */
void mig_stream_free(struct mig_stream *s);

/*
 * config: an object of numbers and texts that must be the same on both sides
 * ("machine", "cpus", "memory", ...); the caller's. Everything is written and
 * flushed when this returns 0.
 */
int mig_save(struct mig_stream *s, struct machine *m, const struct json *config, struct err *err);
/*
 * The machine stands, is reset, and gets all that the stream says.
 * -EINVAL: not our stream, damaged, or of another configuration (err tells what
 * differs; nothing was changed if it is that). After any later failure
 * the machine is of no use but for a reset. extra (may be NULL) gets the
 * members of config that begin with "_", which are not compared; the caller's then.
 */
int mig_load(struct mig_stream *s, struct machine *m, const struct json *config, struct json **extra,
	     void (*reset)(void *ctx), void *ctx, struct err *err);

/* ---- channels: file:PATH[,offset=N], exec:COMMAND, fd:N, unix:PATH, tcp:HOST:PORT ---- */

struct mig_channel {
	int fd;
	pid_t child;			/* exec: its shell */
	char uri[200];
};

/* Opens for writing or reading; sockets connect. On failure nothing is left. */
int  mig_channel_open(struct mig_channel *c, const char *uri, bool write, struct err *err);
/* A listening socket for unix: and tcp:; *fd. -EINVAL: another kind. */
int  mig_channel_listen(const char *uri, int *fd, struct err *err);
/* Closes; -errno when the last bytes could not be written or the command failed. */
int  mig_channel_close(struct mig_channel *c, struct err *err);
void mig_channel_io(struct mig_channel *c, struct mig_io *io);

#endif
