/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-io: the session that its commands work on. */
#ifndef TOOLS_QIO_H
#define TOOLS_QIO_H

#include "block/block.h"
#include "block/request.h"

struct qio {
	struct blk_graph *g;
	struct blk_node *n;
	struct blk_queue *q;		/* aio_ commands; made on demand */
	struct blk_opts opts;		/* of --image-opts or "open -o" */
	u32 flags;
	bool image_opts;		/* "open" takes options where it took a name */
	bool misalign, quit, snapshot, breaks;
	bool wrote;			/* a command that may change an image was run */
	int errors;
	bool sandbox;
};

struct qio_cmd {
	const char *name, *alt;
	int argmin, argmax;		/* max -1: any */
	bool no_file;			/* works without an open image */
	bool writes;
	const char *args, *help;
	/* argv[0] is the command; 0 or -errno (text printed) */
	int (*run)(struct qio *s, int argc, char **argv);
};
extern const struct qio_cmd qio_io_cmds[], qio_file_cmds[];

/* cvtnum(): sizes with k M G ...; prints the message that qemu-io prints. 0 or -EINVAL. */
int qio_num(const char *text, u64 *out);
/* "64 KiB, 1 ops; 00 hours..." */
void qio_report(const char *what, u64 t_ns, u64 off, u64 want, u64 total, u64 ops, bool compact);
u64 qio_now(void);
int qio_open(struct qio *s, const char *name, struct blk_opts *o, u32 flags);
int qio_close(struct qio *s);
int qio_run_line(struct qio *s, const char *line);
void qio_drain(struct qio *s);
/* With breakpoints in use: gives requests in flight a moment to finish or stop, and shows it. */
void qio_settle(struct qio *s);

#endif
