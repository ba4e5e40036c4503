/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img dd: its operands, and the two sides of the copy. */
#ifndef TOOLS_IMG_DD_H
#define TOOLS_IMG_DD_H

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
	const char *in, *out, *bs, *ibs, *obs, *count, *skip, *seek, *conv, *iflag, *oflag, *status, *cbs;
	const char *out_fmt;
	struct opt_list options;
};

struct dd {
	struct dd_args *a;
	struct blk_graph *g;
	u64 ibs, obs, skip, seek, count;	/* bytes; count ~0: to the end */
	u64 max_records;			/* records of ibs; ~0: no limit */
	u32 conv, iflag, oflag;
	int status;
	/* sides: a descriptor, or a node for formats other than raw */
	int ifd, ofd;
	struct blk_node *in, *out;
	bool in_seeks, out_seeks;
	u64 in_size, in_pos, out_pos;
	/* statistics */
	u64 in_full, in_part, out_full, out_part, bytes;
};

/* dd_side.c */
int dd_open_in(struct dd *d);
int dd_open_out(struct dd *d);
int dd_close(struct dd *d);
ssize_t dd_read(struct dd *d, void *buf, size_t len);	/* short only at the end, or from a pipe */
int dd_write(struct dd *d, const void *buf, size_t len);
/* Moves the output on by @len bytes that are holes. */
int dd_skip_out(struct dd *d, u64 len);
int dd_finish_out(struct dd *d);
/* dd.c */
void dd_statistics(struct dd *d, bool line_end);

#endif
