/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img bench: time requests on an image. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/request.h"
#include "img.h"

struct bench_args {
	struct img_args a;
	u64 count, depth, pattern, flush_every;
	const char *size_text, *step_text, *off_text, *aio, *file;
	bool write, native, no_drain;
};
#define A struct bench_args

struct bench {
	struct bench_args *a;
	struct blk_queue *q;
	u64 size, step, off, image, left, in_flight, since_flush;
	int ret;
	struct blk_req *req;
	struct iovec *iov;
};

static void submit_one(struct bench *b, struct blk_req *r);

static void done(struct blk_req *r)
{
	struct bench *b = r->opaque;

	b->in_flight--;
	if (r->ret && !b->ret)
		b->ret = r->ret;
	if (b->left && !b->ret)
		submit_one(b, r);
}

static void submit_one(struct bench *b, struct blk_req *r)
{
	r->op = b->a->write ? BLK_OP_WRITE : BLK_OP_READ;
	if (b->a->write && b->a->flush_every && ++b->since_flush > b->a->flush_every) {
		r->op = BLK_OP_FLUSH;
		b->since_flush = 0;
	} else {
		r->off = b->off;
		r->len = b->size;
		b->off += b->step;
		if (b->off + b->size > b->image)
			b->off = 0;
		b->left--;
	}
	b->in_flight++;
	r->next = NULL;
	blk_queue_submit(b->q, r);
}

static void notify(void *opaque)
{
}

static int bench(struct bench *b)
{
	u64 depth = b->a->depth;
	int ret = 0;

	b->req = calloc(depth, sizeof(*b->req));
	b->iov = calloc(depth, sizeof(*b->iov));
	for (u64 i = 0; b->req && b->iov && i < depth; i++) {
		void *p = NULL;

		if (posix_memalign(&p, 4096, b->size))
			ret = -ENOMEM;
		else
			memset(p, (int)b->a->pattern, b->size);
		b->iov[i] = (struct iovec){ p, b->size };
		b->req[i] = (struct blk_req){ .iov = &b->iov[i], .niov = 1, .done = done, .opaque = b };
	}
	if (!b->req || !b->iov)
		ret = -ENOMEM;
	for (u64 i = 0; !ret && i < depth && b->left; i++)
		submit_one(b, &b->req[i]);
	while (!ret && b->in_flight)
		blk_queue_drain(b->q);
	for (u64 i = 0; b->iov && i < depth; i++)
		free(b->iov[i].iov_base);
	free(b->iov);
	free(b->req);
	return ret ? ret : b->ret;
}

static int measure(struct bench_args *a, struct blk_node *n)
{
	struct bench b = { .a = a, .size = 4096, .left = a->count, .image = blk_length(n) };
	struct blk_queue_conf conf = { .workers = (int)(a->depth < 16 ? a->depth : 16), .notify = notify };
	struct timespec t1, t2;
	int ret;

	if ((a->size_text && img_size(a->size_text, "buffer size", &b.size)) ||
	    (a->off_text && img_size(a->off_text, "offset", &b.off)) ||
	    (a->step_text && img_size(a->step_text, "step size", &b.step)))
		return 1;
	b.step = a->step_text && b.step ? b.step : b.size;
	if (!b.size || b.size > b.image || b.off > b.image - b.size) {
		img_error("The requests do not fit into the image");
		return 1;
	}
	printf("Sending %llu %s requests, %llu bytes each, %llu in parallel (starting at offset %llu, step size %llu)\n",
	       a->count, a->write ? "write" : "read", b.size, a->depth, b.off, b.step);
	if (a->flush_every)
		printf("Sending flush every %llu %srequests\n", a->flush_every, a->no_drain ? "" : "");
	b.q = blk_queue_new(n, &conf);
	if (!b.q)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &t1);
	ret = bench(&b);
	clock_gettime(CLOCK_MONOTONIC, &t2);
	blk_queue_free(b.q);
	if (ret) {
		img_error("Failed request: %s", strerror(-ret));
		return 1;
	}
	printf("Run completed in %3.3f seconds.\n", (double)(t2.tv_sec - t1.tv_sec) +
	       (double)(t2.tv_nsec - t1.tv_nsec) / 1e9);
	return 0;
}

static int run(void *args, const struct opt_call *call)
{
	struct bench_args *a = args;
	u32 flags = a->write ? BLK_O_RDWR : 0;
	struct blk_graph *g;
	struct blk_node *n;
	int ret = 1;

	if (a->flush_every && !a->write) {
		img_error("--flush-interval is only available in write tests");
		return 1;
	}
	if (img_cache_flags(a->a.cache, &flags)) {
		img_error("Invalid cache mode");
		return 1;
	}
	g = img_graph(&a->a, call);
	n = g && !img_sandbox_places(g, &a->a, &(struct img_place){ a->file, -1, a->write }, 1) ?
	    img_open(g, &a->a, a->file, a->a.fmt, flags) : NULL;
	if (n)
		ret = measure(a, n);
	blk_unref(n);
	return img_done(g, ret);
}

static void defaults(void *args)
{
	struct bench_args *a = args;

	a->count = 75000;
	a->depth = 64;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_QUIET(A), IMG_CACHE(A, "writeback"),
	OPT_UINT('c', "count", "N", A, count, "requests to send (default: 75000)", .u = { 1, 1ULL << 40 }),
	OPT_UINT('d', "depth", "N", A, depth, "requests in flight (default: 64)", .u = { 1, 4096 }),
	OPT_STR('s', "buffer-size", "SIZE", A, size_text, "bytes of a request (default: 4k)"),
	OPT_STR('S', "step-size", "SIZE", A, step_text, "from one request to the next (default: the size)"),
	OPT_STR('o', "offset", "OFFSET", A, off_text, "of the first request"),
	OPT_UINT(0, "pattern", "BYTE", A, pattern, "what is written", .u = { 0, 255 }),
	OPT_UINT(0, "flush-interval", "N", A, flush_every, "flush after every N writes"),
	OPT_FLAG(0, "no-drain", A, no_drain, "accepted: flushes never wait for other requests here"),
	OPT_STR('i', "aio", "AIO", A, aio, "accepted for compatibility: threads, native, io_uring"),
	OPT_FLAG('n', "native", A, native, "accepted for compatibility"),
	OPT_FLAG('w', "write", A, write, "write instead of reading"),
	OPERAND("FILE", A, file, "the image"),
	OPT_END
};

const struct opt_cmd img_cmd_bench = {
	.name = "bench", .summary = "time requests on an image", .opts = opts, .defaults = defaults,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
