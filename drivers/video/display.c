// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Screens as text and as picture files (see dev/display.h): binary PPM, and
 * PNG (ISO/IEC 15948) with stored, that is uncompressed, data.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "bytes.h"
#include "checksum.h"
#include "dev/display.h"
#include "mem.h"

bool display_text(struct machine *m, struct display_text *t)
{
	struct display *d = machine_service(m, DISPLAY_SERVICE);

	if (!d)
		return false;
	device_lock(d->dev);
	d->ops->text(d->dev, t);
	device_unlock(d->dev);
	return true;
}

struct picture {
	unsigned width, height;
	u8 *rows;		/* height x (1 + 3 * width): PNG's filter byte, then RGB */
};

/* A screen that is off gives one black pixel. */
static int take(struct machine *m, struct picture *p, struct err *err)
{
	struct display *d = machine_service(m, DISPLAY_SERVICE);
	size_t line;
	unsigned y;

	if (!d)
		return err_set(err, ENODEV, "there is no display adapter");
	device_lock(d->dev);
	d->ops->size(d->dev, &p->width, &p->height);
	if (!p->width || !p->height) {
		p->width = p->height = 1;
		p->rows = mem_zalloc(4);
	} else {
		line = 1 + 3 * (size_t)p->width;
		p->rows = mem_zalloc(p->height * line);
		for (y = 0; p->rows && y < p->height; y++)
			d->ops->row(d->dev, y, p->rows + y * line + 1);
	}
	device_unlock(d->dev);
	return p->rows ? 0 : err_set(err, ENOMEM, "out of memory");
}

static void write_ppm(FILE *f, const struct picture *p)
{
	size_t line = 1 + 3 * (size_t)p->width;
	unsigned y;

	fprintf(f, "P6\n%u %u\n255\n", p->width, p->height);
	for (y = 0; y < p->height; y++)
		fwrite(p->rows + y * line + 1, 1, line - 1, f);
}

/* ---- PNG ---- */

struct chunk {
	FILE *f;
	u32 crc;
};

static void put(struct chunk *c, const void *data, size_t len)
{
	c->crc = crc32_update(c->crc, data, len);
	fwrite(data, 1, len, c->f);
}

static void begin(struct chunk *c, FILE *f, const char *type, u32 len)
{
	u8 raw[4];

	put_be32(raw, len);
	fwrite(raw, 1, 4, f);
	*c = (struct chunk){ f, 0 };
	put(c, type, 4);
}

static void end(struct chunk *c)
{
	u8 raw[4];

	put_be32(raw, c->crc);
	fwrite(raw, 1, 4, c->f);
}

static u32 adler32(const u8 *p, size_t len)
{
	u32 a = 1, b = 0;

	while (len--) {
		a = (a + *p++) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

/* A zlib stream (RFC 1950) of stored blocks (RFC 1951). */
static void write_data(FILE *f, const u8 *data, size_t len)
{
	size_t blocks = (len + 0xfffe) / 0xffff, n;
	static const u8 head[2] = { 0x78, 0x01 };
	struct chunk c;
	u8 raw[5];
	u32 sum = adler32(data, len);

	begin(&c, f, "IDAT", (u32)(2 + 5 * blocks + len + 4));
	put(&c, head, sizeof(head));
	for (; len; data += n, len -= n) {
		n = MIN(len, (size_t)0xffff);
		raw[0] = n == len;
		put_le16(raw + 1, (u16)n);
		put_le16(raw + 3, (u16)~n);
		put(&c, raw, sizeof(raw));
		put(&c, data, n);
	}
	put_be32(raw, sum);
	put(&c, raw, 4);
	end(&c);
}

static void write_png(FILE *f, const struct picture *p)
{
	u8 head[13] = { [8] = 8, [9] = 2 };	/* 8 bits, RGB */
	struct chunk c;

	fwrite("\x89PNG\r\n\x1a\n", 1, 8, f);
	put_be32(head, p->width);
	put_be32(head + 4, p->height);
	begin(&c, f, "IHDR", sizeof(head));
	put(&c, head, sizeof(head));
	end(&c);
	write_data(f, p->rows, p->height * (1 + 3 * (size_t)p->width));
	begin(&c, f, "IEND", 0);
	end(&c);
}

int display_dump(struct machine *m, const char *path, enum display_format format, struct err *err)
{
	struct picture p = { 0 };
	bool bad;
	FILE *f;

	if (take(m, &p, err) < 0)
		return -err->code;
	f = fopen(path, "wbe");
	if (!f) {
		err_errno(err, errno, "cannot create '%s'", path);
		goto out;
	}
	if (format == DISPLAY_PNG)
		write_png(f, &p);
	else
		write_ppm(f, &p);
	bad = ferror(f);
	if (fclose(f) || bad) {
		err_errno(err, errno, "cannot write '%s'", path);
		unlink(path);
	}
out:
	mem_free(p.rows);
	return -err->code;
}
