/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two sides of dd: files, pipes and devices by descriptor, other formats by node. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>
#include "block/driver.h"
#include "dd.h"

static int open_flags(u32 f)
{
	return (f & FL_DIRECT ? O_DIRECT : 0) | (f & FL_DSYNC ? O_DSYNC : 0) | (f & FL_SYNC ? O_SYNC : 0) |
	       (f & FL_APPEND ? O_APPEND : 0) | (f & FL_NONBLOCK ? O_NONBLOCK : 0) |
	       (f & FL_DIRECTORY ? O_DIRECTORY : 0) | (f & FL_NOFOLLOW ? O_NOFOLLOW : 0) |
	       (f & FL_NOATIME ? O_NOATIME : 0) | (f & FL_NOCTTY ? O_NOCTTY : 0) | O_CLOEXEC;
}

static u64 fd_size(int fd)
{
	struct stat st;
	u64 b;

	if (fstat(fd, &st) < 0)
		return 0;
	if (S_ISBLK(st.st_mode) && !ioctl(fd, BLKGETSIZE64, &b))
		return b;
	return (u64)st.st_size;
}

static bool fd_seeks(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) &&
	       lseek(fd, 0, SEEK_CUR) >= 0;
}

bool dd_is_std(const char *s)
{
	return !s || !strcmp(s, "-");
}

/* A format was not named: is the file an image of one? */
static bool is_image(struct dd *d, const char *name)
{
	u8 buf[2048];
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t r = fd >= 0 && fd_seeks(fd) ? pread(fd, buf, sizeof(buf), 0) : 0;

	if (fd >= 0)
		close(fd);
	return r > 0 && strcmp(blk_probe_format(buf, (size_t)r, name), "raw");
}

/* ---- input ---- */

static int skip_pipe(struct dd *d)
{
	u64 left = d->skip;
	size_t m = d->ibs < MiB ? (size_t)d->ibs : MiB;
	char *buf = malloc(m);

	while (buf && left) {
		ssize_t r = read(d->ifd, buf, left < m ? (size_t)left : m);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		left -= (u64)r;
	}
	free(buf);
	d->skip_missed = left > 0;
	return buf ? 0 : -ENOMEM;
}

static int open_in_image(struct dd *d, const char *name, const char *fmt)
{
	u32 flags = d->iflag & FL_DIRECT ? BLK_O_DIRECT : 0;

	d->in = img_open(d->g, &d->a->a, name, fmt, flags);
	if (!d->in)
		return -EIO;
	d->in_seeks = true;
	d->in_size = blk_length(d->in);
	d->in_pos = d->skip;
	d->skip_missed = d->skip > d->in_size;
	return 0;
}

/* An image on standard input: a file that was redirected is opened anew, a pipe is stored first. */
static int open_in_stdin(struct dd *d, const char *fmt)
{
	char name[32];
	int fd = STDIN_FILENO;

	if (!fd_seeks(fd)) {
		fd = d->spool_fd = dd_spool_in(d);
		if (fd < 0)
			return fd;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return open_in_image(d, name, fmt);
}

int dd_open_in(struct dd *d)
{
	const char *name = d->a->in, *fmt = d->a->a.fmt;
	bool raw = fmt && !strcmp(fmt, "raw");

	d->ifd = -1;
	if (!dd_is_std(name) && (d->a->a.image_opts || blk_is_protocol_name(name) || (fmt && !raw) ||
				(!fmt && is_image(d, name))))
		return open_in_image(d, name, fmt);
	if (dd_is_std(name) && fmt && !raw)
		return open_in_stdin(d, fmt);
	d->ifd = dd_is_std(name) ? STDIN_FILENO : open(name, O_RDONLY | open_flags(d->iflag));
	if (d->ifd < 0) {
		img_error("failed to open '%s': %s", name, strerror(errno));
		return -errno;
	}
	d->in_seeks = fd_seeks(d->ifd);
	d->in_size = d->in_seeks ? fd_size(d->ifd) : 0;
	if (d->in_seeks) {
		off_t cur = lseek(d->ifd, 0, SEEK_CUR);

		d->in_pos = (u64)(cur > 0 ? cur : 0) + d->skip;
		d->skip_missed = d->skip && d->in_pos > d->in_size;
		return 0;
	}
	return skip_pipe(d);
}

ssize_t dd_read(struct dd *d, void *buf, size_t len)
{
	ssize_t r;

	if (d->in) {
		u64 left = d->in_pos < d->in_size ? d->in_size - d->in_pos : 0;
		int ret;

		len = left < len ? (size_t)left : len;
		ret = len ? blk_pread(d->in, d->in_pos, buf, len) : 0;
		if (ret)
			return ret;
		d->in_pos += len;
		return (ssize_t)len;
	}
	do
		r = d->in_seeks ? pread(d->ifd, buf, len, (off_t)d->in_pos) : read(d->ifd, buf, len);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	d->in_pos += (u64)r;
	return r;
}

/* ---- output ---- */

static int create_image(struct dd *d, u64 size)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;
	char *text;
	int ret = img_join_options(&d->a->options, &text);

	if (!ret && text)
		ret = blk_opts_parse(&o, text, NULL, &e);
	free(text);
	if (!ret && !blk_opts_get(&o, "size"))
		ret = blk_opts_set_u64(&o, "size", ALIGN_UP(size, 512));
	if (ret) {
		img_error_err(&e);
		blk_opts_free(&o);
		return ret;
	}
	ret = blk_create(d->g, d->a->out_fmt, d->a->out, &o, &e);
	if (ret)
		img_error("%s: error while creating output image: %s", d->a->out, e.msg);
	return ret;
}

/* Bytes that will come, 0 when nobody knows. */
u64 dd_expected(const struct dd *d)
{
	u64 in = d->in_seeks && d->in_size > d->in_pos ? d->in_size - d->in_pos : 0;

	return MIN(in, d->count);
}

int dd_open_image(struct dd *d, u64 size)
{
	u32 flags = BLK_O_RDWR | BLK_O_UNMAP | (d->oflag & FL_DIRECT ? BLK_O_DIRECT : 0);
	bool named = !blk_is_protocol_name(d->a->out), exists = named && access(d->a->out, F_OK) == 0;
	int ret = 0;

	if (named && !exists && d->conv & CONV_NOCREAT) {
		img_error("failed to open '%s': %s", d->a->out, strerror(ENOENT));
		return -ENOENT;
	}
	if (exists && d->conv & CONV_EXCL) {
		img_error("failed to open '%s': %s", d->a->out, strerror(EEXIST));
		return -EEXIST;
	}
	if (named && (!exists || !(d->conv & CONV_NOTRUNC)))
		ret = create_image(d, size);
	if (ret)
		return ret;
	d->out = img_open_file(d->g, d->a->out, d->a->out_fmt, NULL, flags, false);
	d->out_seeks = true;
	d->out_pos = d->seek;
	return d->out ? 0 : -EIO;
}

/* Where a seek cannot seek, it writes zeros (POSIX). */
static int seek_pipe(struct dd *d)
{
	static const u8 zeros[4096];
	u64 left = d->seek;
	int ret = 0;

	while (!ret && left) {
		size_t m = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

		ret = dd_write(d, zeros, m);
		left -= m;
	}
	return ret;
}

/*
 * GNU dd empties the file when less than a block is skipped, else cuts it there; what is redirected
 * it leaves to the shell.
 */
static int cut_raw(struct dd *d)
{
	const char *name = d->a->out;

	if (d->conv & CONV_NOTRUNC || dd_is_std(name) || d->seek < d->obs)
		return 0;
	if (ftruncate(d->ofd, (off_t)d->out_pos) < 0 && errno != EINVAL) {
		img_error("failed to truncate '%s': %s", name, strerror(errno));
		return -errno;
	}
	return 0;
}

static int open_raw(struct dd *d)
{
	const char *name = d->a->out;
	int fl = O_WRONLY | open_flags(d->oflag) | (d->conv & CONV_NOCREAT ? 0 : O_CREAT) |
		 (d->conv & CONV_EXCL ? O_EXCL : 0), now;

	if (!(d->conv & CONV_NOTRUNC) && d->seek < d->obs)
		fl |= O_TRUNC;
	d->ofd = dd_is_std(name) ? STDOUT_FILENO : open(name, fl, 0666);
	if (d->ofd < 0) {
		img_error("failed to open '%s': %s", name, strerror(errno));
		return -errno;
	}
	now = fcntl(d->ofd, F_GETFL);
	if (dd_is_std(name) && open_flags(d->oflag) & ~now & (O_APPEND | O_NONBLOCK | O_DIRECT))
		fcntl(d->ofd, F_SETFL, now | (open_flags(d->oflag) & (O_APPEND | O_NONBLOCK | O_DIRECT)));
	if (d->oflag & FL_APPEND && !(d->conv & CONV_NOTRUNC))
		img_error("you probably want conv=notrunc with oflag=append");
	if (fd_seeks(d->ofd)) {
		off_t cur = lseek(d->ofd, 0, SEEK_CUR);
		int ret;

		d->out_pos = (u64)(cur > 0 ? cur : 0) + d->seek;
		ret = cut_raw(d);
		d->out_seeks = !(fcntl(d->ofd, F_GETFL) & O_APPEND);
		return ret;
	}
	return d->seek ? seek_pipe(d) : 0;
}

/* A pipe or the like, where an image must be written front to back. */
static bool is_stream(const char *name)
{
	struct stat st;

	if (dd_is_std(name))
		return true;
	return !stat(name, &st) && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode));
}

int dd_open_out(struct dd *d)
{
	const char *fmt = d->a->out_fmt;
	const struct blk_driver *drv = fmt ? blk_driver_find(fmt) : NULL;

	d->ofd = -1;
	if (fmt && !drv) {
		img_error("Unknown file format '%s'", fmt);
		return -EINVAL;
	}
	if (!fmt || (!strcmp(fmt, "raw") && !(d->a->out && blk_is_protocol_name(d->a->out))))
		return open_raw(d);
	if (is_stream(d->a->out)) {
		d->stream = true;
		d->ofd = dd_is_std(d->a->out) ? STDOUT_FILENO : open(d->a->out, O_WRONLY | O_CLOEXEC);
		if (d->ofd < 0)
			img_error("failed to open '%s': %s", d->a->out, strerror(errno));
		return d->ofd < 0 ? -errno : 0;
	}
	if (!d->in_seeks && !drv->truncate && !(d->conv & CONV_NOTRUNC)) {
		d->spool = true;
		return 0;
	}
	return dd_open_image(d, d->seek + dd_expected(d));
}

static int grow_image(struct dd *d, u64 end)
{
	u64 now = blk_length(d->out), to = ALIGN_UP(end, 512);
	struct err e = ERR_INIT;
	int ret;

	if (end <= now)
		return 0;
	if (d->in_seeks == false)	/* unknown length: in large steps, cut at the end */
		to = MAX(to, now + MAX(now / 2, 64 * MiB));
	ret = blk_truncate(d->out, to, true, BLK_PREALLOC_OFF, &e);
	if (ret)
		img_error_err(&e);
	return ret;
}

int dd_write(struct dd *d, const void *buf, size_t len)
{
	const u8 *p = buf;

	d->hole_last = false;
	if (d->out) {
		int ret = grow_image(d, d->out_pos + len);

		ret = ret ?: blk_pwrite(d->out, d->out_pos, buf, len, 0);
		d->out_pos += ret ? 0 : len;
		return ret;
	}
	while (len) {
		ssize_t r = d->out_seeks ? pwrite(d->ofd, p, len, (off_t)d->out_pos) : write(d->ofd, p, len);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -ENOSPC;
		p += r;
		len -= (size_t)r;
		d->out_pos += (u64)r;
	}
	return 0;
}

int dd_skip_out(struct dd *d, u64 len)
{
	if (d->out) {
		int ret = grow_image(d, d->out_pos + len);

		ret = ret ?: blk_zero(d->out, d->out_pos, len, BLK_MAY_UNMAP);
		d->out_pos += ret ? 0 : len;
		return ret;
	}
	d->out_pos += len;
	d->hole_last = true;
	return 0;
}

int dd_finish_out(struct dd *d)
{
	struct err e = ERR_INIT;
	u64 end = d->out_pos;
	int ret = 0;

	if (d->out) {
		if (!d->in_seeks && !(d->conv & CONV_NOTRUNC) && ALIGN_UP(end, 512) < blk_length(d->out))
			ret = blk_truncate(d->out, ALIGN_UP(end, 512), true, BLK_PREALLOC_OFF, &e);
		ret = ret ?: blk_flush(d->out);
		return ret;
	}
	if (d->stream)
		return 0;
	if (d->out_seeks && d->hole_last && end > fd_size(d->ofd) && ftruncate(d->ofd, (off_t)end) < 0)
		return -errno;
	if (d->conv & CONV_FDATASYNC && fdatasync(d->ofd) < 0)
		return -errno;
	if (d->conv & CONV_FSYNC && fsync(d->ofd) < 0)
		return -errno;
	return 0;
}

int dd_close(struct dd *d)
{
	int ret = d->out ? blk_unref(d->out) : 0;

	blk_unref(d->in);
	/* Who shares the descriptor goes on where we stopped. */
	if (d->ifd == STDIN_FILENO && d->in_seeks)
		lseek(d->ifd, (off_t)d->in_pos, SEEK_SET);
	if (d->ofd == STDOUT_FILENO && d->out_seeks)
		lseek(d->ofd, (off_t)d->out_pos, SEEK_SET);
	if (d->spool_fd >= 0)
		close(d->spool_fd);
	if (d->ifd > STDERR_FILENO)
		close(d->ifd);
	if (d->ofd > STDERR_FILENO && close(d->ofd) < 0 && !ret)
		ret = -errno;
	return ret;
}
