// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A gzip stream in front of a sink, by zlib, with nothing of the time or the
 * machine in its header.
 */
#include "appliance.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

struct sink_gzip {
	struct sink sink;
	struct sink *out;
	z_stream z;
	u8 buf[16384];
};

static int run(struct sink_gzip *g, int flush, struct err *err)
{
	int rc, zrc;

	do {
		g->z.next_out = g->buf;
		g->z.avail_out = sizeof(g->buf);
		zrc = deflate(&g->z, flush);
		rc = sink_write(g->out, g->buf, sizeof(g->buf) - g->z.avail_out, err);
		if (rc)
			return rc;
	} while (!g->z.avail_out || (flush == Z_FINISH && zrc == Z_OK));
	return 0;
}

static int gzip_write(struct sink *s, const void *data, size_t len, struct err *err)
{
	struct sink_gzip *g = container_of(s, struct sink_gzip, sink);
	const u8 *p = data;
	int rc = 0;

	while (len && !rc) {
		size_t n = MIN(len, (size_t)1 << 30);

		g->z.next_in = (u8 *)p;
		g->z.avail_in = n;
		rc = run(g, Z_NO_FLUSH, err);
		p += n;
		len -= n;
	}
	return rc;
}

struct sink *gzip_begin(struct sink *out, struct err *err)
{
	struct sink_gzip *g = calloc(1, sizeof(*g));

	/* 15 + 16: the largest window, gzip's header (time 0, unknown system). */
	if (!g || deflateInit2(&g->z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(g);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	g->out = out;
	g->sink.write = gzip_write;
	return &g->sink;
}

int gzip_end(struct sink *s, struct err *err)
{
	struct sink_gzip *g = container_of(s, struct sink_gzip, sink);
	int rc;

	g->z.avail_in = 0;
	rc = run(g, Z_FINISH, err);
	deflateEnd(&g->z);
	free(g);
	return rc;
}
