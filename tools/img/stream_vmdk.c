// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stream-optimised VMDK front to back. The format is made for it, so the
 * format's own code writes the image: what it appends to a model in memory
 * goes out at once and is not kept. The copy engine packs the grains on all
 * processors.
 */
#include <errno.h>
#include <string.h>
#include "block/driver.h"
#include "block/mem.h"
#include "mem.h"
#include "stream.h"

#define HEAD	65536U		/* header and descriptor, where the first grain goes */

struct sink {
	struct img_stream *s;
	struct err *e;
};

/* With the model's lock held: one at a time. */
static int pass_on(void *opaque, enum blk_mem_op op, u64 off, const void *data, u64 len)
{
	struct sink *k = opaque;

	if (op == BLK_MEM_FLUSH)
		return 0;
	if (op != BLK_MEM_WRITE || off != k->s->pos)
		return -ESPIPE;		/* not the next bytes */
	return img_stream_write(k->s, data, len, k->e) ?: BLK_MEM_TAKEN;
}

/* [from, to) of the model as it is. */
static int put_model(struct img_stream *s, u64 from, u64 to, struct err *e)
{
	u8 b[512];
	int ret = 0;

	for (; !ret && from < to; from += sizeof(b)) {
		blk_mem_read(s->model, from, b, sizeof(b));
		ret = img_stream_write(s, b, MIN((u64)sizeof(b), to - from), e);
	}
	return ret;
}

static int put_grains(struct img_stream *s, struct blk_node *n, struct err *e)
{
	struct blk_copy_source src = { s->src, s->src_off, s->src_len };
	struct blk_copy c = { .src = &src, .n_src = 1, .dst = n, .min_sparse = 4096, .target_is_zero = true,
			      .progress = { s->progress, s->opaque, s->cancel } };
	struct err of_sink = ERR_INIT, of_copy = ERR_INIT;
	struct sink k = { s, &of_sink };
	int ret;

	blk_mem_set_hook(s->model, pass_on, &k);
	ret = s->src_len ? blk_copy_run(&c, &of_copy) : 0;
	ret = ret ?: blk_flush(n);
	blk_mem_set_hook(s->model, NULL, NULL);
	if (ret)
		err_set(e, -ret, "%s", of_sink.msg[0] ? of_sink.msg : of_copy.msg[0] ? of_copy.msg : strerror(-ret));
	return ret;
}

static int stream_vmdk(struct img_stream *s, struct err *e)
{
	const char *sub = blk_opts_get(s->opts, "subformat");
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;
	u64 disk, tail;
	int ret;

	if (sub && strcmp(sub, "streamOptimized"))
		return err_set(e, ENOTSUP, "of the VMDK formats only streamOptimized can be written front to back");
	ret = sub ? 0 : blk_opts_set(s->opts, "subformat", "streamOptimized");
	ret = ret ?: img_stream_model(s, "vmdk", &disk, e);
	ret = ret ?: blk_opts_set(&o, "driver", "vmdk");
	ret = ret ?: blk_open(s->graph, "mem:img-stream", &o, BLK_O_RDWR | BLK_O_NO_FLUSH, &n, e);
	blk_opts_free(&o);
	if (ret)
		return ret;
	tail = blk_mem_size(s->model);
	ret = blk_will_write(n, 0, 0);	/* changes the header, which then goes out */
	ret = ret ?: put_model(s, 0, HEAD, e);
	ret = ret ?: put_grains(s, n, e);
	if (!ret && s->pos == HEAD)	/* not a grain: the end of the empty image */
		ret = put_model(s, HEAD, tail, e);
	blk_unref(n);
	return ret;
}

const struct img_stream_format img_stream_vmdk = { "vmdk", stream_vmdk };
