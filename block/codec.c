/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compression libraries behind one call each way. Units are independent of
 * each other, but what a library sets up for one unit costs as much as the
 * work itself, so a graph keeps a few contexts, as many as threads ever
 * worked at once.
 */
#include <string.h>
#include "block/bzip2.h"
#include "block/int.h"
#include "block/isal.h"
#include "block/zlib.h"
#include "block/zstd.h"

struct blk_work {
	struct blk_work *next;
	struct blk_zstd_ctx zstd;
	void *isal;
};

struct blk_codecs {
	pthread_mutex_t lock;
	struct blk_work *spare;
};

struct blk_codecs *blk_codecs_new(void)
{
	struct blk_codecs *c = calloc(1, sizeof(*c));

	if (c)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

static void work_free(struct blk_work *w)
{
	blk_zstd_ctx_free(&w->zstd);
	free(w->isal);
	free(w);
}

void blk_codecs_free(struct blk_codecs *c)
{
	if (!c)
		return;
	while (c->spare) {
		struct blk_work *w = c->spare;

		c->spare = w->next;
		work_free(w);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct blk_work *work_get(struct blk_codecs *c)
{
	struct blk_work *w = NULL;

	if (c) {
		pthread_mutex_lock(&c->lock);
		w = c->spare;
		if (w)
			c->spare = w->next;
		pthread_mutex_unlock(&c->lock);
	}
	return w ? w : calloc(1, sizeof(*w));
}

static void work_put(struct blk_codecs *c, struct blk_work *w)
{
	if (!c) {
		work_free(w);
		return;
	}
	pthread_mutex_lock(&c->lock);
	w->next = c->spare;
	c->spare = w;
	pthread_mutex_unlock(&c->lock);
}

bool blk_codec_present(enum blk_codec codec)
{
	if (codec == BLK_CODEC_ZSTD)
		return blk_have_zstd();
	if (codec == BLK_CODEC_BZIP2)
		return blk_have_bzip2();
	return blk_have_zlib() && (codec == BLK_CODEC_DEFLATE || codec == BLK_CODEC_ZLIB);
}

/* The fast library first; what it does not take, zlib judges. */
static int inflate_any(struct blk_work *w, bool raw, const void *in, u32 in_len, void *out, u32 out_len)
{
	if (!blk_isal_unpack(&w->isal, raw, in, in_len, out, out_len))
		return 0;
	return blk_zlib_unpack(raw ? -15 : 15, in, in_len, out, out_len);
}

/* Levels that were not asked for and low ones go to the fast library. */
static int deflate_any(struct blk_work *w, int level, bool raw, int wbits, const void *in, u32 in_len,
		       void *out, u32 *out_len)
{
	u32 len = *out_len;
	int ret = level <= 3 && level ? blk_isal_pack(&w->isal, raw, wbits, in, in_len, out, out_len) : -ENOTSUP;

	if (ret != -ENOTSUP)
		return ret;
	*out_len = len;
	return blk_zlib_pack(level, raw ? -wbits : wbits, in, in_len, out, out_len);
}

int blk_unpack_in(struct blk_graph *g, enum blk_codec codec, const void *in, u32 in_len, void *out,
		  u32 out_len)
{
	struct blk_work *w = work_get(g ? g->codecs : NULL);
	int ret = -ENOTSUP;

	if (!w)
		return -ENOMEM;
	if (codec == BLK_CODEC_ZSTD)
		ret = blk_zstd_unpack(&w->zstd, in, in_len, out, out_len);
	else if (codec == BLK_CODEC_DEFLATE || codec == BLK_CODEC_ZLIB)
		ret = inflate_any(w, codec == BLK_CODEC_DEFLATE, in, in_len, out, out_len);
	else if (codec == BLK_CODEC_BZIP2)
		ret = blk_bzip2_unpack(in, in_len, out, out_len);
	work_put(g ? g->codecs : NULL, w);
	return ret;
}

int blk_pack_in(struct blk_graph *g, enum blk_codec codec, int level, int wbits, const void *in,
		u32 in_len, void *out, u32 *out_len)
{
	struct blk_work *w = work_get(g ? g->codecs : NULL);
	int ret = -ENOTSUP;

	if (!w)
		return -ENOMEM;
	if (codec == BLK_CODEC_ZSTD)
		ret = blk_zstd_pack(&w->zstd, level, in, in_len, out, out_len);
	else if (codec == BLK_CODEC_DEFLATE || codec == BLK_CODEC_ZLIB)
		ret = deflate_any(w, level, codec == BLK_CODEC_DEFLATE, wbits, in, in_len, out, out_len);
	work_put(g ? g->codecs : NULL, w);
	return ret;
}

int blk_unpack(enum blk_codec codec, const void *in, u32 in_len, void *out, u32 out_len)
{
	return blk_unpack_in(NULL, codec, in, in_len, out, out_len);
}

int blk_pack(enum blk_codec codec, int level, int wbits, const void *in, u32 in_len, void *out,
	     u32 *out_len)
{
	return blk_pack_in(NULL, codec, level, wbits, in, in_len, out, out_len);
}
