/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img dd: its operands, and the two sides of the copy. */
#ifndef TOOLS_IMG_DD_H
#define TOOLS_IMG_DD_H

#include <signal.h>
#include <time.h>
#include "img.h"

enum {
	CONV_NOTRUNC = 1 << 0, CONV_NOCREAT = 1 << 1, CONV_EXCL = 1 << 2, CONV_SPARSE = 1 << 3,
	CONV_NOERROR = 1 << 4, CONV_SYNC = 1 << 5, CONV_FSYNC = 1 << 6, CONV_FDATASYNC = 1 << 7,
	CONV_SWAB = 1 << 8, CONV_LCASE = 1 << 9, CONV_UCASE = 1 << 10,
};
enum {
	FL_DIRECT = 1 << 0, FL_DSYNC = 1 << 1, FL_SYNC = 1 << 2, FL_FULLBLOCK = 1 << 3, FL_APPEND = 1 << 4,
	FL_NOCACHE = 1 << 5, FL_SKIP_BYTES = 1 << 6, FL_COUNT_BYTES = 1 << 7, FL_SEEK_BYTES = 1 << 8,
	FL_NONBLOCK = 1 << 9, FL_DIRECTORY = 1 << 10, FL_NOFOLLOW = 1 << 11, FL_NOATIME = 1 << 12,
	FL_NOCTTY = 1 << 13,
};
enum { STATUS_DEFAULT, STATUS_NONE, STATUS_NOXFER, STATUS_PROGRESS };

struct dd_args {
	struct img_args a;
	const char *in, *out, *bs, *ibs, *obs, *count, *skip, *seek, *status;
	const char *out_fmt;
	struct opt_list options, conv, iflag, oflag;	/* each may be given again, and adds */
};

struct dd {
	struct dd_args *a;
	struct blk_graph *g;
	u64 ibs, obs, skip, seek, count;	/* bytes; count ~0: to the end */
	u64 max_records;			/* records of ibs; ~0: no limit */
	u32 conv, iflag, oflag;
	int status;
	bool as_qemu;
	/* sides: a descriptor, or a node for formats other than raw */
	int ifd, ofd;
	struct blk_node *in, *out;
	bool in_seeks, out_seeks;
	int odd;				/* conv=swab: a byte without its partner, or -1 */
	bool hole_last;				/* the output ends in a hole */
	bool skip_missed;			/* the input ends before what is to be skipped */
	bool stream;				/* the output is an image written front to back */
	bool spool;				/* its size must be known first: by way of a temporary file */
	int spool_fd;				/* of an input image that came by a pipe */
	u64 in_size, in_pos, out_pos;
	/* statistics */
	u64 in_full, in_part, out_full, out_part, bytes;
	struct timespec started;
	time_t last_tick;
	bool drawn;
};

/* SIGINT came. */
extern volatile sig_atomic_t dd_stopped;

/* dd_side.c */
bool dd_is_std(const char *name);	/* standard input or output */
int dd_open_in(struct dd *d);
int dd_open_out(struct dd *d);
int dd_close(struct dd *d);
ssize_t dd_read(struct dd *d, void *buf, size_t len);	/* short only at the end, or from a pipe */
int dd_write(struct dd *d, const void *buf, size_t len);
/* Moves the output on by @len bytes that are holes. */
int dd_skip_out(struct dd *d, u64 len);
int dd_finish_out(struct dd *d);
/* Bytes that will come, 0 when nobody knows. */
u64 dd_expected(const struct dd *d);
/* Creates (or not, with conv=notrunc) and opens the output image for @size bytes of content. */
int dd_open_image(struct dd *d, u64 size);
/* dd_copy.c */
int dd_copy(struct dd *d);
void dd_count_out(struct dd *d, size_t n);
void dd_write_error(const struct dd *d, int ret);
bool dd_is_file(int fd);	/* a regular one */
/* dd_engine.c: by the copy engine, as a stream, through a temporary file */
bool dd_engine_fits(const struct dd *d);
int dd_engine(struct dd *d);
int dd_stream(struct dd *d);
int dd_through_spool(struct dd *d);
/* Reads standard input to its end into a temporary file: its descriptor or -errno (printed). */
int dd_spool_in(struct dd *d);
/* dd_stat.c */
void dd_watch(struct dd *d);
void dd_statistics(struct dd *d);
void dd_tick(struct dd *d);

#endif
