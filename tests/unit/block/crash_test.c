/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power cuts: all writes of an operation on an image in memory are recorded,
 * then each prefix of the record is replayed, opened and checked. Leaks are
 * allowed, damage is not, and what a flush had acknowledged must be there.
 * requires: CONFIG_BLOCK_QCOW2
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "block/mem.h"
#include "config.h"
#include "model.h"
#include "test.h"

struct entry {
	enum blk_mem_op op;
	u64 off, len;
	u8 *data;
};

struct touch {
	u64 off, len;
	size_t at;		/* length of the log when it began */
};

struct ack {
	size_t at;
	u8 *shadow;
	u64 size;
};

struct crash {
	struct blk_graph *g;
	struct entry *log;
	size_t n, cap;
	struct touch touch[256];
	int n_touch;
	struct ack ack[64];
	int n_ack;
	u8 *shadow;
	u64 size;
	u32 rnd;
	bool any_content;	/* the operation may change all of the content */
	const char *fmt;
	bool repair;		/* an unclean image is opened for repair first */
};

static int record(void *opaque, enum blk_mem_op op, u64 off, const void *data, u64 len)
{
	struct crash *c = opaque;

	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 1024;
		c->log = realloc(c->log, c->cap * sizeof(*c->log));
	}
	c->log[c->n] = (struct entry){ op, off, len, NULL };
	if (data) {
		c->log[c->n].data = malloc(len);
		memcpy(c->log[c->n].data, data, len);
	}
	c->n++;
	return 0;
}

/* With the secrets "s" and "t", of luks. */
static struct blk_graph *new_graph(void)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct err e = ERR_INIT;

	for (const char *id = "st"; *id; id++) {
		struct blk_opts o = { 0 };
		char name[2] = { *id, 0 };

		blk_opts_set(&o, "id", name);
		blk_opts_set(&o, "data", *id == 's' ? "first" : "second");
		CHECK_EQ(blk_graph_add_secret(g, &o, &e), 0);
		blk_opts_free(&o);
	}
	return g;
}

static struct blk_node *open_image(struct blk_graph *g, const char *fmt, u32 flags)
{
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;
	struct err e = ERR_INIT;

	blk_opts_set(&o, "driver", fmt);
	if (!strcmp(fmt, "luks"))
		blk_opts_set(&o, "key-secret", "s");
	if (blk_open(g, "mem:image", &o, flags, &n, &e))
		test_fail(__FILE__, __LINE__, "open: %s", e.msg);
	return n;
}

static void acknowledge(struct crash *c)
{
	struct ack *a = &c->ack[c->n_ack++];

	a->at = c->n;
	a->size = c->size;
	a->shadow = malloc(c->size);
	memcpy(a->shadow, c->shadow, c->size);
}

static void touched(struct crash *c, u64 off, u64 len)
{
	c->touch[c->n_touch++] = (struct touch){ off, len, c->n };
}

static void replay(struct crash *c, struct blk_mem_store *s, size_t upto)
{
	for (size_t i = 0; i < upto; i++) {
		const struct entry *e = &c->log[i];
		u8 *zeros;

		switch (e->op) {
		case BLK_MEM_WRITE:
			CHECK_EQ(blk_mem_write(s, e->off, e->data, e->len), 0);
			break;
		case BLK_MEM_ZERO:
			zeros = calloc(1, e->len);
			CHECK_EQ(blk_mem_write(s, e->off, zeros, e->len), 0);
			free(zeros);
			break;
		case BLK_MEM_TRUNCATE:
			blk_mem_set_size(s, e->off);
			break;
		case BLK_MEM_FLUSH:
			break;
		}
	}
}

/* Refcounts above the references are leaks, also where a COPIED flag does not know it yet. */
static void count_damage(void *opaque, const char *line)
{
	int *bad = opaque;

	if (!strncmp(line, "Leaked", 6) || strstr(line, "OFLAG_COPIED"))
		return;
	if (++*bad <= 3)
		test_note("%s", line);
}

static void compare(struct crash *c, struct blk_node *n, size_t upto)
{
	const struct ack *a = NULL;
	u64 len = blk_length(n);
	u8 *buf;

	for (int i = 0; i < c->n_ack; i++)
		if (c->ack[i].at <= upto)
			a = &c->ack[i];
	if (!a || c->any_content)
		return;
	len = len < a->size ? len : a->size;
	buf = malloc(len + 1);
	CHECK_EQ(blk_pread(n, 0, buf, len), 0);
	for (int i = 0; i < c->n_touch; i++) {
		const struct touch *t = &c->touch[i];

		if (t->at >= a->at && t->off < len)
			memcpy(buf + t->off, a->shadow + t->off, t->len < len - t->off ? t->len : len - t->off);
	}
	for (u64 i = 0; i < len; i++)
		if (buf[i] != a->shadow[i])
			test_fail(__FILE__, __LINE__, "cut after write %zu of %zu: byte %llu is %02x, was acknowledged as %02x",
				  upto, c->n, i, buf[i], a->shadow[i]);
	free(buf);
}

static void check_prefix(struct crash *c, size_t upto)
{
	struct blk_graph *g = new_graph();
	struct blk_mem_store *s = blk_mem_store(g, "image");
	struct blk_check k = { .log = count_damage };
	struct err e = ERR_INIT;
	struct blk_node *n;
	int bad = 0;

	k.opaque = &bad;
	replay(c, s, upto);
	if (c->repair) {
		struct blk_check fix = { .fix = BLK_FIX_LEAKS | BLK_FIX_ERRORS };

		n = open_image(g, c->fmt, BLK_O_CHECK | BLK_O_RDWR);
		if (n->drv->check && blk_check_run(n, &fix, &e))
			test_fail(__FILE__, __LINE__, "cut after write %zu: repair: %s", upto, e.msg);
		blk_unref(n);
	}
	n = open_image(g, c->fmt, BLK_O_CHECK);
	if (n->drv->check && blk_check_run(n, &k, &e))
		test_fail(__FILE__, __LINE__, "cut after write %zu: check: %s", upto, e.msg);
	if (bad || k.check_errors)
		test_fail(__FILE__, __LINE__, "cut after write %zu of %zu: %d errors", upto, c->n, bad);
	compare(c, n, upto);
	blk_unref(n);
	blk_graph_free(g);
}

static void begin_as(struct crash *c, const char *fmt, const char *opts, u64 size)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;

	*c = (struct crash){ .g = new_graph(), .size = size, .rnd = 7, .fmt = fmt,
			      .repair = strcmp(fmt, "qcow2") && strcmp(fmt, "vmdk") };
	c->shadow = calloc(1, 8 * MiB);
	if (opts)
		blk_opts_parse(&o, opts, NULL, &e);
	blk_opts_set_u64(&o, "size", size);
	blk_mem_set_hook(blk_mem_store(c->g, "image"), record, c);
	if (blk_create(c->g, fmt, "mem:image", &o, &e))
		test_fail(__FILE__, __LINE__, "create: %s", e.msg);
	acknowledge(c);
}

static void begin(struct crash *c, const char *opts, u64 size)
{
	begin_as(c, "qcow2", opts, size);
}

static void end(struct crash *c)
{
	/* Creation itself is not cut: before it ends there is no image. */
	size_t first = c->ack[0].at, step = (c->n - first) / 400 + 1;

	for (size_t k = first; k <= c->n; k += step)
		check_prefix(c, k);
	check_prefix(c, c->n);
	for (size_t i = 0; i < c->n; i++)
		free(c->log[i].data);
	for (int i = 0; i < c->n_ack; i++)
		free(c->ack[i].shadow);
	free(c->log);
	free(c->shadow);
	blk_graph_free(c->g);
}

static void write_some(struct crash *c, struct blk_node *n, int count)
{
	u8 *buf = malloc(200000);

	for (int i = 0; i < count; i++) {
		u64 off = (u64)model_random(&c->rnd) * 4099 % c->size;
		u64 len = 1 + model_random(&c->rnd) % (i % 3 ? 3000 : 150000);

		len = len < c->size - off ? len : c->size - off;
		touched(c, off, len);
		if (model_random(&c->rnd) % 5 == 0) {
			CHECK_EQ(blk_zero(n, off, len, BLK_MAY_UNMAP), 0);
			memset(c->shadow + off, 0, len);
		} else {
			memset(buf, (int)(model_random(&c->rnd) | 1), len);
			CHECK_EQ(blk_pwrite(n, off, buf, len, 0), 0);
			memcpy(c->shadow + off, buf, len);
		}
		if (i % 5 == 4) {
			CHECK_EQ(blk_flush(n), 0);
			acknowledge(c);
		}
	}
	free(buf);
}

static void cut_writes_as(const char *fmt, const char *opts)
{
	struct crash c;
	struct blk_node *n;

	begin_as(&c, fmt, opts, 2 * MiB);
	n = open_image(c.g, c.fmt, BLK_O_RDWR | BLK_O_UNMAP);
	write_some(&c, n, 40);
	CHECK_EQ(blk_unref(n), 0);
	acknowledge(&c);
	end(&c);
}

static void cut_writes(const char *opts)
{
	cut_writes_as("qcow2", opts);
}

TEST(writes_64k) { cut_writes("cluster_size=64k"); }
TEST(writes_512) { cut_writes("cluster_size=512"); }
TEST(writes_4k_wide_refcounts) { cut_writes("cluster_size=4k,refcount_bits=64"); }
TEST(writes_extended_l2) { cut_writes("extended_l2=on"); }
TEST(writes_v2) { cut_writes("compat=0.10,cluster_size=4k"); }

TEST(resize)
{
	struct crash c;
	struct blk_node *n;
	struct err e = ERR_INIT;

	begin(&c, "cluster_size=1k", MiB);
	n = open_image(c.g, c.fmt, BLK_O_RDWR | BLK_O_UNMAP);
	write_some(&c, n, 10);
	CHECK_EQ(blk_flush(n), 0);
	acknowledge(&c);
	CHECK_EQ(blk_truncate(n, 4 * MiB, true, 0, &e), 0);
	c.size = 4 * MiB;
	write_some(&c, n, 10);
	touched(&c, 512 * KiB, 8 * MiB);
	CHECK_EQ(blk_truncate(n, 512 * KiB, true, 0, &e), 0);
	CHECK_EQ(blk_unref(n), 0);
	end(&c);
}

TEST(snapshots)
{
	struct blk_snapshot s = { .icount = ~0ULL, .name = "one" };
	struct crash c;
	struct blk_node *n;
	struct err e = ERR_INIT;

	begin(&c, "cluster_size=4k", MiB);
	n = open_image(c.g, c.fmt, BLK_O_RDWR | BLK_O_UNMAP);
	write_some(&c, n, 10);
	CHECK_EQ(blk_flush(n), 0);
	acknowledge(&c);
	CHECK_EQ(n->drv->snapshots->create(n, &s, &e), 0);
	write_some(&c, n, 10);
	touched(&c, 0, MiB);
	CHECK_EQ(n->drv->snapshots->apply(n, "one", &e), 0);
	write_some(&c, n, 5);
	touched(&c, 0, MiB);
	CHECK_EQ(n->drv->snapshots->remove(n, NULL, "one", &e), 0);
	CHECK_EQ(blk_unref(n), 0);
	end(&c);
}

TEST(vmstate)
{
	struct blk_snapshot s = { .icount = ~0ULL, .name = "state" };
	struct crash c;
	struct blk_node *n;
	struct err e = ERR_INIT;
	u8 *buf = calloc(1, 300000);

	begin(&c, "cluster_size=1k", MiB);
	n = open_image(c.g, c.fmt, BLK_O_RDWR | BLK_O_UNMAP);
	write_some(&c, n, 10);
	CHECK_EQ(blk_vmstate_write(n, 0, buf, 300000), 0);
	CHECK_EQ(blk_flush(n), 0);
	acknowledge(&c);
	CHECK_EQ(n->drv->snapshots->create(n, &s, &e), 0);
	memset(buf, 1, 300000);
	CHECK_EQ(blk_vmstate_write(n, 100000, buf, 50000), 0);
	write_some(&c, n, 5);
	CHECK_EQ(n->drv->snapshots->apply(n, "state", &e), 0);
	touched(&c, 0, MiB);
	CHECK_EQ(blk_vmstate_read(n, 0, buf, 300000), 0);
	CHECK_EQ(buf[120000], 0);
	CHECK_EQ(blk_truncate(n, 2 * MiB, true, 0, &e), 0);
	CHECK_EQ(blk_unref(n), 0);
	free(buf);
	end(&c);
}

static void amend(struct blk_node *n, const char *text)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;

	CHECK_EQ(blk_opts_parse(&o, text, NULL, &e), 0);
	if (n->drv->amend(n, &o, false, NULL, NULL, &e))
		test_fail(__FILE__, __LINE__, "amend %s: %s", text, e.msg);
	blk_opts_free(&o);
}

TEST(amend_width_and_version)
{
	struct crash c;
	struct blk_node *n;

	begin(&c, "cluster_size=4k", MiB);
	n = open_image(c.g, c.fmt, BLK_O_RDWR | BLK_O_UNMAP);
	write_some(&c, n, 20);
	CHECK_EQ(blk_flush(n), 0);
	acknowledge(&c);
	amend(n, "refcount_bits=64");
	amend(n, "refcount_bits=16");
	amend(n, "compat=0.10");
	amend(n, "compat=1.1");
	CHECK_EQ(blk_unref(n), 0);
	acknowledge(&c);
	end(&c);
}

#if IS_ENABLED(CONFIG_BLOCK_CRYPTO)
#define LUKS_OPTS "key-secret=s,iter-time=1"

/* A new volume holds noise. */
static struct blk_node *begin_luks(struct crash *c, u64 size)
{
	struct blk_node *n;

	begin_as(c, "luks", LUKS_OPTS, size);
	n = open_image(c->g, c->fmt, BLK_O_RDWR);
	CHECK_EQ(blk_pread(n, 0, c->shadow, c->size), 0);
	memcpy(c->ack[0].shadow, c->shadow, c->size);
	return n;
}

/* Sectors are encrypted in place: nothing but what was being written may change. */
TEST(luks)
{
	struct crash c;
	struct blk_node *n = begin_luks(&c, MiB);

	write_some(&c, n, 15);
	CHECK_EQ(blk_unref(n), 0);
	acknowledge(&c);
	end(&c);
}

/* While other keys come and go, the first one opens it at every moment. */
TEST(luks_keys)
{
	struct crash c;
	struct blk_node *n = begin_luks(&c, 256 << 10);

	write_some(&c, n, 5);
	CHECK_EQ(blk_flush(n), 0);
	acknowledge(&c);
	amend(n, "state=active,new-secret=t,iter-time=1");
	amend(n, "state=active,new-secret=t,keyslot=5,iter-time=1");
	amend(n, "state=inactive,old-secret=t");
	CHECK_EQ(blk_unref(n), 0);
	acknowledge(&c);
	end(&c);
}
#endif

#if IS_ENABLED(CONFIG_BLOCK_VHDX)
TEST(vhdx) { cut_writes_as("vhdx", "block_size=1M,block_state_zero=off"); }
TEST(vhdx_zero_state) { cut_writes_as("vhdx", "block_size=1M,log_size=2M"); }
#endif
#if IS_ENABLED(CONFIG_BLOCK_VMDK)
TEST(vmdk) { cut_writes_as("vmdk", NULL); }
TEST(vmdk_zeroed_grain) { cut_writes_as("vmdk", "zeroed_grain=on"); }

static void put_grains(struct crash *c, struct blk_node *n, u64 first, u64 count)
{
	u8 *buf = malloc(65536);

	for (u64 i = first; i < first + count; i++) {
		u64 off = i * 65536, len = c->size - off < 65536 ? c->size - off : 65536;

		touched(c, off, len);
		for (u64 k = 0; k < len; k++)
			buf[k] = (u8)(model_random(&c->rnd) % (i % 2 ? 3 : 256));
		CHECK_EQ(blk_pwrite(n, off, buf, len, BLK_COMPRESS), 0);
		memcpy(c->shadow + off, buf, len);
	}
	free(buf);
}

/* Appended grains have no table until a flush wrote one: what it acknowledged is found without them. */
TEST(vmdk_stream)
{
	struct crash c;
	struct blk_node *n;
	size_t first;

	begin_as(&c, "vmdk", "subformat=streamOptimized", 2 * MiB);
	n = open_image(c.g, c.fmt, BLK_O_RDWR);
	put_grains(&c, n, 0, 9);
	CHECK_EQ(blk_flush(n), 0);
	first = c.n;
	acknowledge(&c);
	put_grains(&c, n, 12, 10);
	CHECK_EQ(blk_flush(n), 0);
	acknowledge(&c);
	put_grains(&c, n, 25, 3);
	CHECK_EQ(blk_unref(n), 0);
	acknowledge(&c);
	/* The first tail is written over the empty one: until then there was nothing to lose. */
	c.ack[0].at = first;
	end(&c);
}
#endif

#if IS_ENABLED(CONFIG_BLOCK_QED)
TEST(qed) { cut_writes_as("qed", "cluster_size=4k,table_size=1"); }
TEST(qed_default) { cut_writes_as("qed", NULL); }
#endif

#if IS_ENABLED(CONFIG_BLOCK_QCOW)
TEST(qcow) { cut_writes_as("qcow", NULL); }
#endif

#if IS_ENABLED(CONFIG_BLOCK_PARALLELS)
TEST(parallels) { cut_writes_as("parallels", "cluster_size=64k"); }
#endif
#if IS_ENABLED(CONFIG_BLOCK_VDI)
TEST(vdi) { cut_writes_as("vdi", NULL); }
#endif
#if IS_ENABLED(CONFIG_BLOCK_VPC)
TEST(vpc) { cut_writes_as("vpc", "force_size=on"); }
#endif
