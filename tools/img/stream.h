/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images written front to back, to a pipe: what a format must do for it. The
 * source can be read anywhere, so a first pass over its block status says
 * where data will be; then metadata and data go out in one run.
 */
#ifndef TOOLS_IMG_STREAM_H
#define TOOLS_IMG_STREAM_H

#include "img.h"

struct img_stream {
	struct blk_graph *graph;
	struct blk_node *src;
	u64 src_off, src_len;		/* the part of the source that is the disk's content */
	u64 size;			/* of the disk; zeros behind the content */
	struct blk_opts *opts;		/* create options but "size"; consumed */
	int fd;				/* where it goes */
	const volatile int *cancel;	/* non-zero: stop; may be NULL */
	void (*progress)(void *opaque, u64 done, u64 total);	/* bytes of the disk; may be NULL */
	void *opaque;
	/* private */
	u64 pos;			/* written so far */
	u8 *buf;
	struct blk_mem_store *model;	/* an empty image of the format, for its headers */
};

struct img_stream_format {
	const char *name;		/* of the format */
	int (*run)(struct img_stream *s, struct err *e);
};

extern const struct img_stream_format img_stream_qcow2, img_stream_vmdk, img_stream_vpc;
/* NULL: @format cannot be streamed. */
const struct img_stream_format *img_stream_find(const char *format);

/* Writes an image of @format to s->fd. 0 or -errno with text. */
int img_stream_run(struct img_stream *s, const char *format, struct err *e);

/* ---- for the formats ---- */

/* Makes s->model: an empty image by the format's own code; *disk is its virtual size. */
int img_stream_model(struct img_stream *s, const char *format, u64 *disk, struct err *e);
int img_stream_write(struct img_stream *s, const void *p, size_t len, struct err *e);
int img_stream_pad(struct img_stream *s, u64 to, struct err *e);	/* zeros up to position @to */
/* Copies disk bytes [off, off + len), zeros behind the content. */
int img_stream_data(struct img_stream *s, u64 off, u64 len, struct err *e);
/* A bit for each @unit bytes of the disk that is not all zeros; *used counts them. NULL: error set. */
u8 *img_stream_used(struct img_stream *s, u64 unit, u64 *units, u64 *used, struct err *e);

const char *img_temp_dir(void);		/* TMPDIR or /var/tmp */
/* An unnamed temporary file there, or -errno with text. */
int img_temp_file(struct err *e);

#endif
