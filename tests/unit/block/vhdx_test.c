/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX images that our writer does not make: on a parent, with blocks that
 * are there in part, and such that nobody should make. requires: CONFIG_BLOCK_VHDX
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "block/mem.h"
#include "bytes.h"
#include "checksum.h"
#include "model.h"
#include "test.h"

#define SIZE	(4 * MiB)
#define META	(2 * MiB)	/* where create puts the regions with the default log */
#define BAT	(3 * MiB)
#define RATIO	4096U		/* of 1 MiB blocks */

static struct blk_graph *graph(void)
{
	struct blk_graph *g = blk_graph_new(NULL);

	CHECK(g);
	return g;
}

static void create(struct blk_graph *g, const char *name)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;

	CHECK_EQ(blk_opts_parse(&o, "size=4M,block_size=1M,block_state_zero=off", NULL, &e), 0);
	if (blk_create(g, "vhdx", name, &o, &e))
		test_fail(__FILE__, __LINE__, "create: %s", e.msg);
}

static struct blk_node *open_it(struct blk_graph *g, const char *name, u32 flags, struct err *e)
{
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;

	blk_opts_set(&o, "driver", "vhdx");
	blk_open(g, name, &o, flags, &n, e);
	return n;
}

static void poke(struct blk_mem_store *s, u64 at, u64 val, u32 bytes)
{
	u8 b[8];

	put_le64(b, val);
	CHECK_EQ(blk_mem_write(s, at, b, bytes), 0);
}

static void fix_sum(struct blk_mem_store *s, u64 at, u32 len)
{
	u8 *p = malloc(len);

	blk_mem_read(s, at, p, len);
	memset(p + 4, 0, 4);
	put_le32(p + 4, crc32c_update(0, p, len));
	blk_mem_write(s, at, p, len);
	free(p);
}

/* ---- a parent ---- */

static u32 put_utf16(u8 *to, const char *s)
{
	u32 k = 0;

	for (; *s; s++, k += 2)
		put_le16(to + k, (u16)(u8)*s);
	return k;
}

static void add_pair(u8 *loc, int i, u32 *end, const char *key, const char *val)
{
	u8 *d = loc + 20 + i * 12;

	put_le32(d, *end);
	put_le16(d + 8, (u16)put_utf16(loc + *end, key));
	*end += get_le16(d + 8);
	put_le32(d + 4, *end);
	put_le16(d + 10, (u16)put_utf16(loc + *end, val));
	*end += get_le16(d + 10);
}

/* Turns the new image "mem:child" into one on "mem:parent", whose data GUID is @guid. */
static void adopt(struct blk_mem_store *s, const u8 guid[16])
{
	static const u8 item[16] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
				     0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };
	static const u8 type[16] = { 0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a,
				     0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13 };
	char text[64];
	u8 loc[1024] = { 0 }, entry[32] = { 0 };
	u32 end = 20 + 2 * 12;

	memcpy(loc, type, 16);
	put_le16(loc + 18, 2);
	snprintf(text, sizeof(text), "{%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x}",
		 guid[3], guid[2], guid[1], guid[0], guid[5], guid[4], guid[7], guid[6], guid[8], guid[9],
		 guid[10], guid[11], guid[12], guid[13], guid[14], guid[15]);
	add_pair(loc, 0, &end, "parent_linkage", text);
	add_pair(loc, 1, &end, "relative_path", ".\\parent");
	blk_mem_write(s, META + 128 * KiB, loc, end);
	memcpy(entry, item, 16);
	put_le32(entry + 16, 128 * KiB);
	put_le32(entry + 20, end);
	put_le32(entry + 24, 4);
	blk_mem_write(s, META + 32 + 5 * 32, entry, 32);
	poke(s, META + 10, 6, 2);
	poke(s, META + 64 * KiB + 4, 2, 4);
}

static void data_guid(struct blk_mem_store *s, u8 guid[16])
{
	u8 seq[2][8];
	int cur;

	blk_mem_read(s, 64 * KiB + 8, seq[0], 8);
	blk_mem_read(s, 128 * KiB + 8, seq[1], 8);
	cur = get_le64(seq[1]) > get_le64(seq[0]);
	blk_mem_read(s, (cur ? 128 : 64) * KiB + 32, guid, 16);
}

/* Block 1 of the child: sectors with an even number are there. */
static void add_partial(struct blk_mem_store *s, u8 *shadow)
{
	u64 end = ALIGN_UP(blk_mem_size(s), MiB);
	u8 *bits = malloc(MiB), *data = malloc(MiB);

	memset(bits, 0, MiB);
	memset(bits + MiB / 512 / 8, 0x55, MiB / 512 / 8);
	memset(data, 0xee, MiB);
	CHECK_EQ(blk_mem_write(s, end, bits, MiB), 0);
	CHECK_EQ(blk_mem_write(s, end + MiB, data, MiB), 0);
	poke(s, BAT + RATIO * 8, end | 6, 8);
	poke(s, BAT + 8, (end + MiB) | 7, 8);
	for (u64 k = 0; k < MiB / 512; k += 2)
		memset(shadow + MiB + k * 512, 0xee, 512);
	free(bits);
	free(data);
}

static struct blk_node *family(struct blk_graph *g, u8 *shadow, u32 flags, struct err *e)
{
	struct blk_node *n;
	u8 guid[16];
	u32 rnd = 3;

	create(g, "mem:parent");
	n = open_it(g, "mem:parent", BLK_O_RDWR, e);
	for (u64 i = 0; i < SIZE; i++)
		shadow[i] = (u8)model_random(&rnd);
	CHECK_EQ(blk_pwrite(n, 0, shadow, 3 * MiB, 0), 0);
	memset(shadow + 3 * MiB, 0, MiB);
	CHECK_EQ(blk_unref(n), 0);
	data_guid(blk_mem_store(g, "parent"), guid);
	create(g, "mem:child");
	adopt(blk_mem_store(g, "child"), guid);
	add_partial(blk_mem_store(g, "child"), shadow);
	return open_it(g, "mem:child", flags, e);
}

static void compare(struct blk_node *n, const u8 *shadow)
{
	u8 *buf = malloc(SIZE);

	CHECK_EQ(blk_pread(n, 0, buf, SIZE), 0);
	for (u64 i = 0; i < SIZE; i++)
		if (buf[i] != shadow[i])
			test_fail(__FILE__, __LINE__, "byte %llu is %02x, not %02x", i, buf[i], shadow[i]);
	free(buf);
}

TEST(differencing)
{
	struct blk_graph *g = graph();
	u8 *shadow = malloc(SIZE), buf[3000];
	struct err e = ERR_INIT;
	struct blk_check c = { 0 };
	struct blk_node *n = family(g, shadow, BLK_O_RDWR, &e);

	if (!n)
		test_fail(__FILE__, __LINE__, "open: %s", e.msg);
	compare(n, shadow);
	memset(buf, 0x11, sizeof(buf));
	/* into a block that is there in part, into one that is not, and zeros over one each */
	for (u64 at = MiB + 700; at < 3 * MiB; at += MiB + 4000) {
		CHECK_EQ(blk_pwrite(n, at, buf, sizeof(buf), 0), 0);
		memcpy(shadow + at, buf, sizeof(buf));
	}
	compare(n, shadow);
	CHECK_EQ(blk_zero(n, 0, MiB, 0), 0);
	memset(shadow, 0, MiB);
	CHECK_EQ(blk_unref(n), 0);
	n = open_it(g, "mem:child", 0, &e);
	compare(n, shadow);
	CHECK_EQ(blk_check_run(n, &c, &e), 0);
	CHECK_EQ(c.corruptions, 0);
	blk_unref(n);
	blk_graph_free(g);
	free(shadow);
}

TEST(zero_over_partial)
{
	struct blk_graph *g = graph();
	u8 *shadow = malloc(SIZE);
	struct err e = ERR_INIT;
	struct blk_node *n = family(g, shadow, BLK_O_RDWR, &e);

	CHECK(n);
	CHECK_EQ(blk_zero(n, MiB, 2 * MiB, BLK_MAY_UNMAP), 0);
	memset(shadow + MiB, 0, 2 * MiB);
	compare(n, shadow);
	blk_unref(n);
	blk_graph_free(g);
	free(shadow);
}

TEST(parent_was_changed)
{
	struct blk_graph *g = graph();
	u8 *shadow = malloc(SIZE);
	struct err e = ERR_INIT;
	struct blk_node *n = family(g, shadow, 0, &e);

	CHECK(n);
	blk_unref(n);
	n = open_it(g, "mem:parent", BLK_O_RDWR, &e);
	CHECK_EQ(blk_pwrite(n, 0, "x", 1, 0), 0);
	blk_unref(n);
	err_clear(&e);
	CHECK(!open_it(g, "mem:child", 0, &e));
	CHECK(strstr(e.msg, "was changed"));
	blk_graph_free(g);
	free(shadow);
}

/* ---- what nobody should make ---- */

/* The image with @bytes of @val at @at must be refused with a text that holds @why. */
static void refused(u64 at, u64 val, u32 bytes, const char *why)
{
	struct blk_graph *g = graph();
	struct blk_mem_store *s = blk_mem_store(g, "image");
	struct err e = ERR_INIT;
	struct blk_node *n;

	create(g, "mem:image");
	poke(s, at, val, bytes);
	fix_sum(s, 64 * KiB, 4096);
	fix_sum(s, 128 * KiB, 4096);
	fix_sum(s, 192 * KiB, 65536);
	fix_sum(s, 256 * KiB, 65536);
	n = open_it(g, "mem:image", BLK_O_RDWR, &e);
	if (n || !strstr(e.msg, why))
		test_fail(__FILE__, __LINE__, "byte %llu = %llx: %s, not '%s'", at, val, n ? "opened" : e.msg, why);
	blk_graph_free(g);
}

TEST(hostile_tables)
{
	refused(192 * KiB + 8, 2048, 4, "2048 entries");
	refused(192 * KiB + 16 + 16, MiB, 8, "overlaps the log");
	refused(192 * KiB + 16 + 16, META, 8, "overlap");
	refused(192 * KiB + 16 + 16, ~0ULL - MiB + 1, 8, "invalid location");
	refused(192 * KiB + 16 + 24, 0, 4, "invalid location");
	refused(192 * KiB + 16, 0, 1, "not known here");
	refused(META + 10, 2048, 2, "metadata table");
	refused(META + 32 + 16, 0xfffffff0, 4, "invalid location");
	refused(META + 32 + 16, 12, 4, "invalid location");
	refused(META + 32 + 20, 0xffffffff, 4, "invalid location");
	refused(META + 64 * KiB, 0, 4, "block size");
	refused(META + 64 * KiB, 3 * MiB, 4, "block size");
	refused(META + 64 * KiB + 8, 65 * TiB, 8, "disk size");
	refused(META + 64 * KiB + 8, TiB, 8, "too small");
	refused(META + 64 * KiB + 32, 0, 4, "sector size");
	refused(META + 64 * KiB + 4, 2, 4, "parent locator");
	refused(0, 0, 8, "not in VHDX format");
}

/* Both headers name a log, whose first page is @entry. */
static struct blk_node *with_log(struct blk_graph *g, u8 *entry, struct err *e)
{
	struct blk_mem_store *s = blk_mem_store(g, "image");
	u32 len = get_le32(entry + 8);

	create(g, "mem:image");
	for (u64 h = 64 * KiB; h <= 128 * KiB; h += 64 * KiB) {
		poke(s, h + 48, 0x1122, 8);
		fix_sum(s, h, 4096);
	}
	put_le32(entry + 4, 0);
	put_le32(entry + 4, crc32c_update(0, entry, len));
	blk_mem_write(s, MiB, entry, len);
	return open_it(g, "mem:image", BLK_O_RDWR, e);
}

static void log_entry(u8 *p, u32 len, u32 count)
{
	memset(p, 0, len);
	memcpy(p, "loge", 4);
	put_le32(p + 8, len);
	put_le64(p + 16, 9);
	put_le32(p + 24, count);
	put_le64(p + 32, 0x1122);
	put_le64(p + 48, 4 * MiB);
	put_le64(p + 56, 4 * MiB);
}

static void zero_desc(u8 *p, u64 off, u64 len)
{
	memcpy(p + 64, "zero", 4);
	put_le64(p + 72, len);
	put_le64(p + 80, off);
	put_le64(p + 88, 9);
}

static void log_refused(u8 *p, const char *why)
{
	struct blk_graph *g = graph();
	struct err e = ERR_INIT;
	struct blk_node *n = with_log(g, p, &e);

	if (n || !strstr(e.msg, why))
		test_fail(__FILE__, __LINE__, "%s, not '%s'", n ? "opened" : e.msg, why);
	blk_graph_free(g);
}

TEST(hostile_log)
{
	u8 *p = malloc(8192);
	struct blk_graph *g;
	struct err e = ERR_INIT;
	struct blk_node *n;

	log_entry(p, 4096, 1);
	zero_desc(p, 64 * KiB, 4096);
	log_refused(p, "over the headers");
	zero_desc(p, MiB, 4096);
	log_refused(p, "over the headers or itself");
	zero_desc(p, BAT, ~0ULL & ~4095ULL);
	log_refused(p, "over the headers or itself");
	zero_desc(p, BAT, 4096);
	put_le64(p + 48, 1ULL << 40);
	log_refused(p, "truncated");
	put_le64(p + 48, 4 * MiB);
	put_le64(p + 56, ~0ULL);
	log_refused(p, "impossible file size");
	/* A tail outside of the run, a count that does not fit: no entry at all. */
	put_le64(p + 56, 4 * MiB);
	put_le32(p + 12, 4096);
	g = graph();
	n = with_log(g, p, &e);
	CHECK(n);
	blk_unref(n);
	blk_graph_free(g);
	put_le32(p + 12, 0);
	put_le32(p + 24, 0xffffffff);
	g = graph();
	n = with_log(g, p, &e);
	CHECK(n);
	blk_unref(n);
	blk_graph_free(g);
	free(p);
}

TEST(replayed)
{
	u8 *p = malloc(8192), buf[16];
	struct blk_graph *g = graph();
	struct err e = ERR_INIT;
	struct blk_node *n;

	/* One data descriptor: block 2 is at 5 MiB. */
	log_entry(p, 8192, 1);
	memcpy(p + 64, "desc", 4);
	put_le64(p + 80, BAT);
	put_le64(p + 88, 9);
	put_le64(p + 56, 6 * MiB);
	memcpy(p + 4096, "data", 4);
	put_le32(p + 8188, 9);
	put_le64(p + 4096 + 16, (5 * MiB) | 6);
	n = with_log(g, p, &e);
	if (!n)
		test_fail(__FILE__, __LINE__, "%s", e.msg);
	CHECK_EQ(blk_mem_write(blk_mem_store(g, "image"), 5 * MiB, "in block two....", 16), 0);
	CHECK_EQ(blk_pread(n, 2 * MiB, buf, 16), 0);
	CHECK_EQ(memcmp(buf, "in block two....", 16), 0);
	CHECK_EQ(blk_unref(n), 0);
	/* The log is empty now: also those who only read may open it. */
	n = open_it(g, "mem:image", 0, &e);
	CHECK(n);
	blk_unref(n);
	blk_graph_free(g);
	free(p);
}
