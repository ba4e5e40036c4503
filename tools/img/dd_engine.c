// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ways of dd that are not its loop: the copy engine, where only positions
 * matter; images streamed to a pipe; a temporary file, where the size of the
 * image must be known before its first byte.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dd.h"
#include "mem.h"
#include "stream.h"

#define CHANGES_BYTES (CONV_NOERROR | CONV_SYNC | CONV_SWAB | CONV_LCASE | CONV_UCASE)
#define SPECIAL_IO (FL_DIRECT | FL_DSYNC | FL_SYNC | FL_APPEND | FL_NOCACHE | FL_NONBLOCK)

bool dd_is_file(int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
}

/* A file that is open as a node, without format or locks. */
static struct blk_node *node_of(struct dd *d, int fd, u32 flags)
{
	struct blk_opts o = { 0 };
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (blk_opts_set(&o, "locking", "off")) {
		img_error("out of memory");
		return NULL;
	}
	return img_open_file(d->g, name, NULL, &o, flags | BLK_O_PROTOCOL, false);
}

bool dd_engine_fits(const struct dd *d)
{
	bool out_file = dd_is_file(d->ofd);

	if (d->conv & CHANGES_BYTES || (d->iflag | d->oflag) & SPECIAL_IO || !(d->in || dd_is_file(d->ifd)))
		return false;
	/* Holes are left over old bytes by notrunc, and their size is obs. */
	if (out_file && d->conv & CONV_SPARSE && (d->conv & CONV_NOTRUNC || d->obs % 4096))
		return false;
	return d->out || (out_file && d->out_seeks && dd_expected(d) >= 1 * MiB);
}

static void progress(void *opaque, u64 done, u64 total)
{
	struct dd *d = opaque;

	d->bytes = done;
	d->in_full = done / d->ibs;
	d->out_full = done / d->obs;
	dd_tick(d);
}

static int run_engine(struct dd *d, struct blk_node *in, struct blk_node *out, u64 len)
{
	struct blk_copy_source src = { in, d->in_pos, len };
	struct blk_copy c = { .src = &src, .n_src = 1, .dst = out, .dst_off = d->out_pos,
			      .progress = { progress, d, &dd_stopped } };
	struct err e = ERR_INIT;
	int ret = 0;

	c.min_sparse = d->out ? 4096 : d->conv & CONV_SPARSE ? (u32)d->obs : 0;
	c.target_is_zero = !(d->conv & CONV_NOTRUNC);
	if (d->out_pos + len > blk_length(out))
		ret = blk_truncate(out, d->out ? ALIGN_UP(d->out_pos + len, 512) : d->out_pos + len, true,
				   BLK_PREALLOC_OFF, &e);
	ret = ret ?: blk_copy_run(&c, &e);
	if (ret == -EINTR && dd_stopped)
		return 0;
	if (ret) {
		img_error_err(&e);
		return ret;
	}
	d->in_pos += len;
	d->out_pos += len;
	d->in_full = len / d->ibs;
	d->in_part = len % d->ibs != 0;
	d->out_full = d->bytes = 0;
	dd_count_out(d, len);
	return 0;
}

int dd_engine(struct dd *d)
{
	/* GNU dd leaves it to the system when all is on the disk, unless told. */
	u32 flags = BLK_O_RDWR | (d->conv & (CONV_FSYNC | CONV_FDATASYNC) ? 0 : BLK_O_NO_FLUSH);
	u64 len = dd_expected(d);
	struct blk_node *in = d->in ? blk_ref(d->in) : node_of(d, d->ifd, 0);
	struct blk_node *out = d->out ? blk_ref(d->out) : in ? node_of(d, d->ofd, flags) : NULL;
	int ret = !in || !out ? -EIO : len ? run_engine(d, in, out, len) : 0;

	blk_unref(in);
	blk_unref(out);
	return ret;
}

/* ---- temporary files ---- */

int dd_spool_in(struct dd *d)
{
	struct err e = ERR_INIT;
	int fd = img_temp_file(&e), ret = MIN(fd, 0);
	u8 *buf = mem_alloc(MiB);

	while (!ret && buf) {
		ssize_t r = read(STDIN_FILENO, buf, MiB);

		if (r < 0 && errno == EINTR && !dd_stopped)
			continue;
		if (r <= 0) {
			ret = r ? err_errno(&e, errno, "error reading 'standard input'") : 0;
			break;
		}
		for (ssize_t at = 0, w; !ret && at < r; at += w) {
			w = write(fd, buf + at, (size_t)(r - at));
			if (w <= 0)
				ret = err_errno(&e, w ? errno : ENOSPC, "error writing a temporary file");
		}
	}
	if (!buf)
		ret = err_set(&e, ENOMEM, "Out of memory");
	mem_free(buf);
	if (!ret)
		return fd;
	img_error_err(&e);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Runs the loop into a temporary file; *len is what it holds. A node on it, or NULL (printed). */
static struct blk_node *to_spool(struct dd *d, u64 *len)
{
	struct err e = ERR_INIT;
	int keep = d->ofd, fd = img_temp_file(&e);
	u32 conv = d->conv;
	struct blk_node *n = NULL;

	if (fd < 0) {
		img_error_err(&e);
		return NULL;
	}
	d->ofd = fd;
	d->out_seeks = true;
	d->out_pos = 0;
	d->conv |= CONV_SPARSE;
	if (!dd_copy(d) && !ftruncate(fd, (off_t)d->out_pos))
		n = node_of(d, fd, 0);
	*len = d->out_pos;
	d->ofd = keep;
	d->conv = conv;
	d->out_seeks = false;
	close(fd);		/* the node has its own */
	return n;
}

static int parse_options(struct dd *d, struct blk_opts *o)
{
	struct err e = ERR_INIT;
	char *text;
	int ret = img_join_options(&d->a->options, &text);

	if (!ret && text)
		ret = blk_opts_parse(o, text, NULL, &e);
	free(text);
	if (ret)
		img_error_err(&e);
	return ret;
}

static int stream_node(struct dd *d, struct blk_node *n, u64 off, u64 len, bool spooled)
{
	struct blk_opts o = { 0 };
	struct img_stream s = { .graph = d->g, .src = n, .src_off = off, .src_len = len, .size = ALIGN_UP(len, 512),
				.opts = &o, .fd = d->ofd, .cancel = &dd_stopped };
	struct err e = ERR_INIT;
	int ret = parse_options(d, &o);

	if (!spooled) {
		s.progress = progress;
		s.opaque = d;
	}
	ret = ret ?: blk_opts_take_size(&o, "size", &s.size, &e);
	if (!ret && s.size < len)
		ret = err_set(&e, EINVAL, "size= is less than the input has");
	ret = ret ?: img_stream_run(&s, d->a->out_fmt, &e);
	blk_opts_free(&o);
	if (ret == -EINTR && dd_stopped)
		return 0;
	if (ret && err_is_set(&e))
		img_error_err(&e);
	if (!ret && !spooled) {
		d->in_full = len / d->ibs;
		d->in_part = len % d->ibs != 0;
		d->out_full = d->bytes = 0;
		dd_count_out(d, len);
	}
	return ret;
}

int dd_stream(struct dd *d)
{
	bool direct = !(d->conv & CHANGES_BYTES) && (d->in || dd_is_file(d->ifd));
	struct blk_node *n;
	u64 len = 0;
	int ret;

	if (!img_stream_find(d->a->out_fmt)) {
		img_error("format '%s' cannot be written front to back, to a pipe", d->a->out_fmt);
		return -ENOTSUP;
	}
	if (d->seek) {
		img_error("seek= needs an image that can be changed in place");
		return -ESPIPE;
	}
	if (direct) {
		n = d->in ? blk_ref(d->in) : node_of(d, d->ifd, 0);
		ret = n ? stream_node(d, n, d->in_pos, dd_expected(d), false) : -EIO;
	} else {
		n = to_spool(d, &len);
		ret = n ? stream_node(d, n, 0, len, true) : -EIO;
	}
	blk_unref(n);
	return ret;
}

int dd_through_spool(struct dd *d)
{
	u64 len = 0;
	struct blk_node *n = to_spool(d, &len);
	int ret = n ? dd_open_image(d, d->seek + len) : -EIO;

	if (!ret && len) {
		struct blk_copy_source src = { n, 0, len };
		struct blk_copy c = { .src = &src, .n_src = 1, .dst = d->out, .dst_off = d->seek, .min_sparse = 4096,
				      .target_is_zero = true };
		struct err e = ERR_INIT;

		ret = blk_copy_run(&c, &e);
		if (ret)
			img_error_err(&e);
		d->out_pos = d->seek + len;
	}
	blk_unref(n);
	return ret;
}
