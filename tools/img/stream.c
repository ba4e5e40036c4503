// SPDX-License-Identifier: GPL-2.0-or-later
/* Streams of images (stream.h): planning, writing, raw output. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "block/driver.h"
#include "block/mem.h"
#include "stream.h"
#include "mem.h"

#define CHUNK	(1U << 20)
#define MAX_BITS (1ULL << 31)	/* units of a disk: 256 MiB of bits */

const char *img_temp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/var/tmp";
}

int img_temp_file(struct err *e)
{
	const char *dir = img_temp_dir();
	char name[4096];
	int fd;

	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (strlen(dir) > sizeof(name) - 16)
		return err_set(e, ENAMETOOLONG, "TMPDIR is too long");
	strcpy(name, dir);
	strcat(name, "/img.XXXXXX");
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "Could not make a temporary file in %s", dir);
	unlink(name);
	return fd;
}

int img_stream_write(struct img_stream *s, const void *p, size_t len, struct err *e)
{
	const u8 *b = p;

	while (len) {
		ssize_t r = write(s->fd, b, len);

		if (r < 0 && errno == EINTR && !(s->cancel && *s->cancel))
			continue;
		if (r <= 0)
			return err_errno(e, r ? errno : ENOSPC, "error writing the image");
		b += r;
		len -= (size_t)r;
		s->pos += (u64)r;
	}
	return 0;
}

static int zeros(struct img_stream *s, u64 len, struct err *e)
{
	static const u8 z[65536];
	int ret = 0;

	while (!ret && len) {
		size_t m = (size_t)MIN(len, (u64)sizeof(z));

		ret = img_stream_write(s, z, m, e);
		len -= m;
	}
	return ret;
}

int img_stream_pad(struct img_stream *s, u64 to, struct err *e)
{
	return to < s->pos ? err_set(e, EINVAL, "stream is beyond %llu", to) : zeros(s, to - s->pos, e);
}

int img_stream_data(struct img_stream *s, u64 off, u64 len, struct err *e)
{
	u64 inside = off < s->src_len ? MIN(len, s->src_len - off) : 0;
	int ret = 0;

	len -= inside;
	while (!ret && inside) {
		u64 m = MIN(inside, (u64)CHUNK);

		if (s->cancel && *s->cancel)
			return err_set(e, EINTR, "interrupted");
		ret = blk_pread(s->src, s->src_off + off, s->buf, m);
		if (ret)
			return err_errno(e, -ret, "error while reading at byte %llu", s->src_off + off);
		ret = img_stream_write(s, s->buf, m, e);
		off += m;
		inside -= m;
		if (s->progress)
			s->progress(s->opaque, off, s->src_len);
	}
	return ret ?: zeros(s, len, e);
}

static void set_bits(u8 *b, u64 from, u64 to, u64 *used)
{
	for (; from <= to; from++) {
		*used += !(b[from / 8] & BIT(from % 8));
		b[from / 8] |= (u8)BIT(from % 8);
	}
}

u8 *img_stream_used(struct img_stream *s, u64 unit, u64 *units, u64 *used, struct err *e)
{
	u64 n = DIV_ROUND_UP(s->size, unit), off = 0;
	u8 *b = n <= MAX_BITS ? mem_zalloc(n / 8 + 1) : NULL;

	*units = n;
	*used = 0;
	if (!b) {
		err_set(e, ENOMEM, n > MAX_BITS ? "the disk is too large for a stream" : "Out of memory");
		return NULL;
	}
	while (off < s->src_len) {
		struct blk_status st;
		int ret = blk_status_chain(s->src, NULL, s->src_off + off, s->src_len - off, &st);

		if (ret || !st.len) {
			err_errno(e, ret ? -ret : EIO, "error while reading block status at offset %llu",
				  s->src_off + off);
			mem_free(b);
			return NULL;
		}
		st.len = MIN(st.len, s->src_len - off);
		if (!(st.flags & BLK_ST_ZERO))
			set_bits(b, off / unit, (off + st.len - 1) / unit, used);
		off += st.len;
	}
	return b;
}

int img_stream_model(struct img_stream *s, const char *format, u64 *disk, struct err *e)
{
	struct blk_opts o = { 0 };
	struct blk_node *n;
	int ret = blk_opts_set_u64(s->opts, "size", s->size);

	ret = ret ?: blk_create(s->graph, format, "mem:img-stream", s->opts, e);
	ret = ret ?: blk_opts_set(&o, "driver", format);
	ret = ret ?: blk_open(s->graph, "mem:img-stream", &o, 0, &n, e);
	blk_opts_free(&o);
	if (ret)
		return ret;
	*disk = blk_length(n);
	blk_unref(n);
	s->model = blk_mem_store(s->graph, "img-stream");
	return s->model ? 0 : err_set(e, ENOMEM, "Out of memory");
}

static int stream_raw(struct img_stream *s, struct err *e)
{
	if (s->opts->n)
		return err_set(e, EINVAL, "Invalid parameter '%s'", s->opts->v[0].key);
	return img_stream_data(s, 0, s->size, e);
}

const struct img_stream_format *img_stream_find(const char *format)
{
	static const struct img_stream_format raw = { "raw", stream_raw };
	const struct img_stream_format *const all[] = { &raw, &img_stream_qcow2, &img_stream_vmdk, &img_stream_vpc };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(all[i]->name, format))
			return all[i];
	return NULL;
}

int img_stream_run(struct img_stream *s, const char *format, struct err *e)
{
	const struct img_stream_format *f = img_stream_find(format);
	int ret;

	if (!f)
		return err_set(e, ENOTSUP, "format '%s' cannot be written front to back, to a pipe", format);
	s->buf = mem_aligned(4096, CHUNK);
	if (!s->buf)
		return err_set(e, ENOMEM, "Out of memory");
	ret = f->run(s, e);
	mem_free(s->buf);
	return ret;
}
