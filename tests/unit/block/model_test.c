/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The random walk of model.h, and the formats that it runs on. requires: CONFIG_BLOCK_QCOW2 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/mem.h"
#include "config.h"
#include "model.h"
#include "test.h"

struct run {
	const struct model *m;
	struct blk_graph *g;
	struct blk_node *n;
	u8 *shadow, *buf;
	u32 rnd;
};

static void open_it(struct run *r)
{
	struct err e = ERR_INIT;
	struct blk_opts o = { 0 };

	blk_opts_set(&o, "driver", r->m->fmt);
	if (blk_open(r->g, "mem:image", &o, BLK_O_RDWR | BLK_O_UNMAP, &r->n, &e))
		test_fail(__FILE__, __LINE__, "open: %s", e.msg);
	CHECK_EQ(blk_length(r->n), r->m->size);
}

static void make_backing(struct run *r)
{
	struct blk_mem_store *s = blk_mem_store(r->g, "base");

	/* Shorter than the image, so that its end is walked over too. */
	for (u64 i = 0; i < r->m->size; i++)
		r->shadow[i] = i < r->m->size * 3 / 4 ? (u8)(model_random(&r->rnd) | 1) : 0;
	CHECK_EQ(blk_mem_load(s, r->shadow, r->m->size * 3 / 4), 0);
}

static void create_it(struct run *r)
{
	struct err e = ERR_INIT;
	struct blk_opts o = { 0 };

	if (r->m->create_opts)
		CHECK_EQ(blk_opts_parse(&o, r->m->create_opts, NULL, &e), 0);
	blk_opts_set_u64(&o, "size", r->m->size);
	if (r->m->backing) {
		make_backing(r);
		blk_opts_set(&o, "backing_file", "mem:base");
		blk_opts_set(&o, "backing_fmt", "raw");
	}
	if (blk_create(r->g, r->m->fmt, "mem:image", &o, &e))
		test_fail(__FILE__, __LINE__, "create: %s", e.msg);
}

static void compare_part(struct run *r, u64 off, u64 len)
{
	memset(r->buf, 0xcc, len);
	CHECK_EQ(blk_pread(r->n, off, r->buf, len), 0);
	if (memcmp(r->buf, r->shadow + off, len))
		for (u64 i = 0; i < len; i++)
			if (r->buf[i] != r->shadow[off + i])
				test_fail(__FILE__, __LINE__, "seed %u: byte %llu is %02x, not %02x",
					  r->m->seed, off + i, r->buf[i], r->shadow[off + i]);
}

static void write_random(struct run *r, u64 off, u64 len)
{
	struct iovec v[3];
	u64 a = len / 3, b = len / 3;

	for (u64 i = 0; i < len; i++)
		r->buf[i] = (u8)model_random(&r->rnd);
	v[0] = (struct iovec){ r->buf, a };
	v[1] = (struct iovec){ r->buf + a, b };
	v[2] = (struct iovec){ r->buf + a + b, len - a - b };
	CHECK_EQ(blk_pwritev(r->n, off, v, 3, model_random(&r->rnd) % 8 ? 0 : BLK_FUA), 0);
	memcpy(r->shadow + off, r->buf, len);
}

static void write_compressed(struct run *r, u64 off, u64 len)
{
	u64 unit = 65536;

	off = off / unit * unit;
	len = len > r->m->size - off ? r->m->size - off : len;
	len = len < unit && off + len != r->m->size ? unit : len;
	if (off + len > r->m->size)
		len = r->m->size - off;
	if (off + len != r->m->size)
		len = len / unit * unit;
	memset(r->buf, (int)model_random(&r->rnd), len);
	for (u64 i = 0; i < len; i += 97)
		r->buf[i] = (u8)model_random(&r->rnd);
	CHECK_EQ(blk_pwrite(r->n, off, r->buf, len, BLK_COMPRESS), 0);
	memcpy(r->shadow + off, r->buf, len);
}

static void step(struct run *r)
{
	u64 size = r->m->size, off = (u64)model_random(&r->rnd) * 7919 % size;
	u64 len = 1 + model_random(&r->rnd) % (model_random(&r->rnd) % 4 ? 5000 : 300000);
	int op = (int)(model_random(&r->rnd) % 16);

	if (len > size - off)
		len = size - off;
	if (op < 6) {
		write_random(r, off, len);
	} else if (op < 9) {
		CHECK_EQ(blk_zero(r->n, off, len, op == 7 ? BLK_MAY_UNMAP : 0), 0);
		memset(r->shadow + off, 0, len);
	} else if (op == 9) {
		/* After a discard the bytes are what they were or zeros: write them. */
		CHECK_EQ(blk_discard(r->n, off, len), 0);
		write_random(r, off, len);
	} else if (op == 10) {
		CHECK_EQ(blk_flush(r->n), 0);
	} else if (op == 11 && model_random(&r->rnd) % 4 == 0) {
		CHECK_EQ(blk_unref(r->n), 0);
		open_it(r);
	} else if (op == 12 && r->m->compress) {
		write_compressed(r, off, len);
	} else {
		compare_part(r, off, len);
	}
}

static void say(void *opaque, const char *line)
{
	test_note("%s", line);
}

static void check_clean(struct run *r)
{
	struct blk_check c = { .log = say };
	struct err e = ERR_INIT;

	CHECK_EQ(blk_flush(r->n), 0);
	if (blk_check_run(r->n, &c, &e))
		test_fail(__FILE__, __LINE__, "check: %s", e.msg);
	CHECK_EQ(c.corruptions, 0);
	CHECK_EQ(c.check_errors, 0);
	CHECK_EQ(c.leaks, 0);
}

void model_run(const struct model *m)
{
	struct run r = { .m = m, .rnd = m->seed };

	r.g = blk_graph_new(NULL);
	r.shadow = calloc(1, m->size);
	r.buf = malloc(m->size + 65536);
	CHECK(r.g && r.shadow && r.buf);
	create_it(&r);
	open_it(&r);
	for (unsigned int i = 0; i < m->steps; i++)
		step(&r);
	compare_part(&r, 0, m->size);
	if (!m->no_check)
		check_clean(&r);
	CHECK_EQ(blk_unref(r.n), 0);
	open_it(&r);
	compare_part(&r, 0, m->size);
	if (!m->no_check)
		check_clean(&r);
	CHECK_EQ(blk_unref(r.n), 0);
	blk_graph_free(r.g);
	free(r.shadow);
	free(r.buf);
}

#define WALK(name, ...) \
	TEST(name) \
	{ \
		for (u32 seed = 1; seed <= 3; seed++) \
			model_run(&(struct model){ .seed = seed, .steps = 400, .size = 3 * MiB + 512, \
						   __VA_ARGS__ }); \
	}

WALK(raw, .fmt = "raw", .no_check = true)
WALK(qcow2, .fmt = "qcow2", .compress = true)
WALK(qcow2_small_clusters, .fmt = "qcow2", .create_opts = "cluster_size=512")
WALK(qcow2_4k_refcount1, .fmt = "qcow2", .create_opts = "cluster_size=4096,refcount_bits=1")
WALK(qcow2_refcount64, .fmt = "qcow2", .create_opts = "cluster_size=1024,refcount_bits=64")
WALK(qcow2_v2, .fmt = "qcow2", .create_opts = "compat=0.10", .compress = true)
WALK(qcow2_v2_backing, .fmt = "qcow2", .create_opts = "compat=0.10,cluster_size=4096", .backing = true)
WALK(qcow2_backing, .fmt = "qcow2", .backing = true, .compress = true)
WALK(qcow2_extended_l2, .fmt = "qcow2", .create_opts = "extended_l2=on", .compress = true)
WALK(qcow2_extended_l2_backing, .fmt = "qcow2", .create_opts = "extended_l2=on", .backing = true)
WALK(qcow2_lazy, .fmt = "qcow2", .create_opts = "lazy_refcounts=on")
WALK(qcow2_preallocated, .fmt = "qcow2", .create_opts = "preallocation=metadata")
WALK(qcow2_data_file, .fmt = "qcow2", .create_opts = "data_file=mem:data")
WALK(qcow2_data_file_raw, .fmt = "qcow2", .create_opts = "data_file=mem:data,data_file_raw=on")
WALK(qcow2_2m_clusters, .fmt = "qcow2", .create_opts = "cluster_size=2M")

#if IS_ENABLED(CONFIG_BLOCK_ZSTD)
WALK(qcow2_zstd, .fmt = "qcow2", .create_opts = "compression_type=zstd", .compress = true)
#endif

#if IS_ENABLED(CONFIG_BLOCK_QCOW)
WALK(qcow, .fmt = "qcow", .no_check = true)
WALK(qcow_backing, .fmt = "qcow", .backing = true, .no_check = true)
WALK(qcow_compress, .fmt = "qcow", .compress = true, .no_check = true)
#endif
#if IS_ENABLED(CONFIG_BLOCK_QED)
WALK(qed, .fmt = "qed")
WALK(qed_small, .fmt = "qed", .create_opts = "cluster_size=4k,table_size=1")
WALK(qed_backing, .fmt = "qed", .create_opts = "cluster_size=16k,table_size=2", .backing = true)
#endif
#if IS_ENABLED(CONFIG_BLOCK_VDI)
WALK(vdi, .fmt = "vdi")
WALK(vdi_static, .fmt = "vdi", .create_opts = "static=on")
#endif
#if IS_ENABLED(CONFIG_BLOCK_VPC)
WALK(vpc, .fmt = "vpc", .create_opts = "force_size=on", .no_check = true)
WALK(vpc_fixed, .fmt = "vpc", .create_opts = "subformat=fixed,force_size=on", .no_check = true)
#endif
#if IS_ENABLED(CONFIG_BLOCK_PARALLELS)
WALK(parallels, .fmt = "parallels", .create_opts = "cluster_size=64k")
#endif
#if IS_ENABLED(CONFIG_BLOCK_VHDX)
WALK(vhdx, .fmt = "vhdx", .create_opts = "block_size=1M")
WALK(vhdx_absent, .fmt = "vhdx", .create_opts = "block_size=1M,block_state_zero=off,log_size=2M")
WALK(vhdx_fixed, .fmt = "vhdx", .create_opts = "block_size=2M,subformat=fixed")
#endif
#if IS_ENABLED(CONFIG_BLOCK_VMDK)
WALK(vmdk, .fmt = "vmdk")
WALK(vmdk_zeroed_grain, .fmt = "vmdk", .create_opts = "zeroed_grain=on")
WALK(vmdk_flat, .fmt = "vmdk", .create_opts = "subformat=monolithicFlat")
WALK(vmdk_split, .fmt = "vmdk", .create_opts = "subformat=twoGbMaxExtentSparse")
WALK(vmdk_split_flat, .fmt = "vmdk", .create_opts = "subformat=twoGbMaxExtentFlat")
#endif
