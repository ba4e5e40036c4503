/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other hands write into VHD and Parallels images: a differencing VHD,
 * dirty bitmaps, damage that a check repairs. requires: CONFIG_BLOCK_VPC CONFIG_BLOCK_PARALLELS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "block/mem.h"
#include "block/toolbox.h"
#include "bytes.h"
#include "checksum.h"
#include "mem.h"
#include "test.h"

static void create(struct blk_graph *g, const char *fmt, const char *name, const char *opts)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;

	CHECK_EQ(blk_opts_parse(&o, opts, NULL, &e), 0);
	if (blk_create(g, fmt, name, &o, &e))
		test_fail(__FILE__, __LINE__, "create: %s", e.msg);
}

static struct blk_node *open_it(struct blk_graph *g, const char *fmt, const char *name, u32 flags, struct err *e)
{
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;

	blk_opts_set(&o, "driver", fmt);
	blk_open(g, name, &o, flags, &n, e);
	return n;
}

static struct blk_node *must_open(struct blk_graph *g, const char *fmt, const char *name, u32 flags)
{
	struct err e = ERR_INIT;
	struct blk_node *n = open_it(g, fmt, name, flags, &e);

	if (!n)
		test_fail(__FILE__, __LINE__, "open %s: %s", name, e.msg);
	return n;
}

/* ---- a VHD on a parent ---- */

static void fix_sum(u8 *p, size_t n, size_t at)
{
	u32 sum = 0;

	put_be32(p + at, 0);
	for (size_t i = 0; i < n; i++)
		sum += p[i];
	put_be32(p + at, ~sum);
}

/* Turns the new "mem:child" into one on "mem:parent". */
static void adopt(struct blk_graph *g)
{
	struct blk_mem_store *s = blk_mem_store(g, "child");
	static const char name[] = "C:\\disks\\parent";
	u8 f[512], d[1024];

	blk_mem_read(s, 0, f, sizeof(f));
	put_be32(f + 60, 4);
	fix_sum(f, sizeof(f), 64);
	blk_mem_write(s, 0, f, sizeof(f));
	blk_mem_write(s, blk_mem_size(s) - 512, f, sizeof(f));
	blk_mem_read(blk_mem_store(g, "parent"), 0, f, sizeof(f));
	blk_mem_read(s, 512, d, sizeof(d));
	memcpy(d + 40, f + 68, 16);
	for (size_t i = 0; i < sizeof(name); i++)
		put_be16(d + 64 + 2 * i, (u16)name[i]);
	fix_sum(d, sizeof(d), 36);
	blk_mem_write(s, 512, d, sizeof(d));
}

TEST(vhd_differencing)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct blk_mem_store *s;
	u8 old[4096], new[4096], buf[4096], map[512] = { 0xa0 };
	struct err e = ERR_INIT;
	struct blk_node *n;

	create(g, "vpc", "mem:parent", "size=8M,force_size=on");
	create(g, "vpc", "mem:child", "size=8M,force_size=on");
	memset(old, 0x11, sizeof(old));
	memset(new, 0x22, sizeof(new));
	n = must_open(g, "vpc", "mem:parent", BLK_O_RDWR);
	CHECK_EQ(blk_pwrite(n, 0, old, sizeof(old), 0), 0);
	CHECK_EQ(blk_pwrite(n, 5 * MiB, old, sizeof(old), 0), 0);
	CHECK_EQ(blk_unref(n), 0);
	n = must_open(g, "vpc", "mem:child", BLK_O_RDWR);
	CHECK_EQ(blk_pwrite(n, 0, new, sizeof(new), 0), 0);
	CHECK_EQ(blk_unref(n), 0);
	adopt(g);
	/* Sectors 0 and 2 are the child's. */
	s = blk_mem_store(g, "child");
	blk_mem_write(s, 2048, map, sizeof(map));
	n = must_open(g, "vpc", "mem:child", 0);
	CHECK_EQ(blk_pread(n, 0, buf, sizeof(buf)), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(buf[i * 512 + 511], i == 0 || i == 2 ? 0x22 : 0x11);
	CHECK_EQ(blk_pread(n, 5 * MiB, buf, sizeof(buf)), 0);
	CHECK_EQ(memcmp(buf, old, sizeof(buf)), 0);
	blk_unref(n);
	CHECK(!open_it(g, "vpc", "mem:child", BLK_O_RDWR, NULL));
	create(g, "vpc", "mem:parent", "size=8M,force_size=on");
	CHECK(!open_it(g, "vpc", "mem:child", 0, &e));
	CHECK(strstr(e.msg, "is not the parent"));
	blk_graph_free(g);
}

/* ---- Parallels ---- */

#define CLUSTER 65536U

static void add_bitmap(struct blk_mem_store *s, u64 at)
{
	u8 *c = calloc(1, CLUSTER), bits[512] = { 0x05 }, raw[8];
	struct md5 h;

	put_le64(c, 0xab234cef23dcea87);
	put_le64(c + 24, 0x20385fae252cb34a);
	put_le32(c + 40, 40);
	put_le64(c + 48, 2 * MiB / 512);
	memset(c + 56, 0xab, 16);
	put_le32(c + 72, 128);
	put_le32(c + 76, 1);
	put_le64(c + 80, (at + CLUSTER) / 512);
	md5_init(&h);
	md5_update(&h, c + 24, CLUSTER - 24);
	md5_final(&h, c + 8);
	blk_mem_write(s, at, c, CLUSTER);
	blk_mem_write(s, at + CLUSTER, bits, sizeof(bits));
	blk_mem_set_size(s, at + 2 * CLUSTER);
	put_le64(raw, at / 512);
	blk_mem_write(s, 56, raw, 8);
	free(c);
}

TEST(parallels_bitmap)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct blk_mem_store *s;
	struct blk_check c = { 0 };
	struct err e = ERR_INIT;
	struct blk_bitmap *v;
	struct blk_node *n;
	u64 nbits;
	u8 *bits, off[8];

	create(g, "parallels", "mem:p", "size=2M,cluster_size=64k");
	s = blk_mem_store(g, "p");
	add_bitmap(s, blk_mem_size(s));
	n = must_open(g, "parallels", "mem:p", 0);
	CHECK_EQ(n->drv->bitmaps->list(n, &v), 1);
	CHECK_EQ(strcmp(v[0].name, "abababab-abab-abab-abab-abababababab"), 0);
	CHECK_EQ(v[0].granularity, 65536);
	CHECK_EQ(n->drv->bitmaps->read(n, v[0].name, &bits, &nbits, &e), 0);
	CHECK_EQ(nbits, 32);
	CHECK_EQ(bits[0], 5);
	free(bits);
	free(v);
	CHECK_EQ(blk_check_run(n, &c, &e), 0);
	CHECK_EQ(c.leaks + c.corruptions, 0);
	blk_unref(n);
	/* Whoever writes drops what is no longer true. */
	n = must_open(g, "parallels", "mem:p", BLK_O_RDWR);
	CHECK_EQ(blk_pwrite(n, 0, "x", 1, 0), 0);
	CHECK_EQ(blk_unref(n), 0);
	blk_mem_read(s, 56, off, 8);
	CHECK(buf_is_zero(off, 8));
	blk_graph_free(g);
}

static void set_entry(struct blk_mem_store *s, u32 i, u32 val)
{
	u8 b[4];

	put_le32(b, val);
	blk_mem_write(s, 64 + i * 4, b, 4);
}

TEST(parallels_repair)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct blk_check c = { 0 }, fix = { .fix = BLK_FIX_ERRORS | BLK_FIX_LEAKS }, again = { 0 };
	struct err e = ERR_INIT;
	struct blk_mem_store *s;
	struct blk_node *n;
	u8 buf[512], b[4];

	create(g, "parallels", "mem:p", "size=2M,cluster_size=64k");
	s = blk_mem_store(g, "p");
	n = must_open(g, "parallels", "mem:p", BLK_O_RDWR);
	memset(buf, 0x66, sizeof(buf));
	CHECK_EQ(blk_pwrite(n, 0, buf, sizeof(buf), 0), 0);
	CHECK_EQ(blk_unref(n), 0);
	/* Cluster 1 shares cluster 0's space, cluster 2 is nowhere, the tail is nobody's, nobody closed it. */
	set_entry(s, 1, 1);
	set_entry(s, 2, 999);
	blk_mem_set_size(s, blk_mem_size(s) + 3 * CLUSTER);
	put_le32(b, 0x746f6e59);
	blk_mem_write(s, 44, b, 4);
	n = must_open(g, "parallels", "mem:p", BLK_O_CHECK);
	CHECK_EQ(blk_check_run(n, &c, &e), 0);
	CHECK_EQ(c.corruptions, 3);
	CHECK_EQ(c.leaks, 3);
	blk_unref(n);
	n = must_open(g, "parallels", "mem:p", BLK_O_CHECK | BLK_O_RDWR);
	CHECK_EQ(blk_check_run(n, &fix, &e), 0);
	CHECK_EQ(fix.corruptions_fixed, 3);
	CHECK_EQ(blk_unref(n), 0);
	n = must_open(g, "parallels", "mem:p", BLK_O_RDWR);
	CHECK_EQ(blk_check_run(n, &again, &e), 0);
	CHECK_EQ(again.corruptions + again.leaks, 0);
	CHECK_EQ(blk_pread(n, CLUSTER, buf, sizeof(buf)), 0);
	CHECK_EQ(buf[511], 0x66);
	CHECK_EQ(blk_pwrite(n, CLUSTER, "other", 5, 0), 0);
	CHECK_EQ(blk_pread(n, 0, buf, sizeof(buf)), 0);
	CHECK_EQ(buf[0], 0x66);
	CHECK_EQ(blk_unref(n), 0);
	blk_graph_free(g);
}
