/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: the stream-optimised writer, descriptors by other hands, ESX's sparse
 * extents, content ids, and what nobody should make. requires: CONFIG_BLOCK_VMDK
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "block/mem.h"
#include "bytes.h"
#include "json.h"
#include "mem.h"
#include "model.h"
#include "str.h"
#include "test.h"

static void create(struct blk_graph *g, const char *name, const char *opts)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;

	CHECK_EQ(blk_opts_parse(&o, opts, NULL, &e), 0);
	if (blk_create(g, "vmdk", name, &o, &e))
		test_fail(__FILE__, __LINE__, "create: %s", e.msg);
}

static struct blk_node *open_it(struct blk_graph *g, const char *name, u32 flags, struct err *e)
{
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;

	blk_opts_set(&o, "driver", "vmdk");
	blk_open(g, name, &o, flags, &n, e);
	return n;
}

static struct blk_node *must_open(struct blk_graph *g, const char *name, u32 flags)
{
	struct err e = ERR_INIT;
	struct blk_node *n = open_it(g, name, flags, &e);

	if (!n)
		test_fail(__FILE__, __LINE__, "open %s: %s", name, e.msg);
	return n;
}

static void load(struct blk_graph *g, const char *name, const char *text)
{
	CHECK_EQ(blk_mem_load(blk_mem_store(g, name), text, strlen(text)), 0);
}

/* ---- stream-optimised ---- */

static void write_grains(struct blk_node *n, u8 *shadow, u64 first, u64 count, u32 *rnd)
{
	for (u64 i = first; i < first + count; i++) {
		u8 *p = shadow + i * 65536;
		u64 len = MIN(65536ULL, blk_length(n) - i * 65536);

		/* Every third does not shrink. */
		for (u64 k = 0; k < len; k++)
			p[k] = i % 3 ? (u8)(k >> 9) : (u8)model_random(rnd);
		CHECK_EQ(blk_pwrite(n, i * 65536, p, len, 0), 0);
	}
}

static void same(struct blk_node *n, const u8 *shadow, u64 size)
{
	u8 *buf = malloc(size);

	CHECK_EQ(blk_pread(n, 0, buf, size), 0);
	CHECK_EQ(memcmp(buf, shadow, size), 0);
	free(buf);
}

/* Walks the file as a reader of a stream does. Returns the grains, or -1 where it is no stream. */
static int walk_stream(struct blk_mem_store *s)
{
	u64 at = 65536, size = blk_mem_size(s), last = 0;
	int grains = 0, footers = 0;

	while (at < size) {
		u8 m[512];
		u32 len;

		blk_mem_read(s, at, m, 512);
		len = get_le32(m + 8);
		if (len) {
			if (grains && get_le64(m) <= last)
				return -1;
			last = get_le64(m);
			grains++;
			at += ALIGN_UP(12 + (u64)len, 512);
		} else if (get_le32(m + 12) == 0) {
			return footers == 1 && at + 512 == size ? grains : -1;
		} else {
			footers += get_le32(m + 12) == 3;
			at += 512 + get_le64(m) * 512;
		}
	}
	return -1;
}

#define STREAM_SIZE (70 * MiB + 512)
#define STREAM_OPTS "size=73401344,subformat=streamOptimized"

TEST(stream)
{
	struct blk_graph *g = blk_graph_new(NULL);
	u8 *shadow = calloc(1, STREAM_SIZE + 65536), buf[512] = { 1 };
	struct blk_check c = { 0 };
	struct err e = ERR_INIT;
	struct blk_node *n;
	u32 rnd = 1;

	create(g, "mem:s", STREAM_OPTS);
	CHECK_EQ(walk_stream(blk_mem_store(g, "s")), 0);
	n = must_open(g, "mem:s", BLK_O_RDWR);
	write_grains(n, shadow, 0, 40, &rnd);
	write_grains(n, shadow, 510, 4, &rnd);
	write_grains(n, shadow, 1120, 1, &rnd);	/* the last one is 512 bytes */
	same(n, shadow, STREAM_SIZE);
	/* Neither a part of a grain nor one again. */
	CHECK_EQ(blk_pwrite(n, 3 * MiB, buf, 512, 0), -EINVAL);
	CHECK_EQ(blk_pwrite(n, 0, shadow, 65536, 0), -EIO);
	CHECK_EQ(blk_unref(n), 0);
	CHECK_EQ(walk_stream(blk_mem_store(g, "s")), 45);
	n = must_open(g, "mem:s", 0);
	same(n, shadow, STREAM_SIZE);
	CHECK_EQ(blk_check_run(n, &c, &e), 0);
	CHECK_EQ(c.corruptions, 0);
	blk_unref(n);
	/* More grains behind a tail: a disk like others, if no longer one stream. */
	n = must_open(g, "mem:s", BLK_O_RDWR);
	write_grains(n, shadow, 100, 3, &rnd);
	CHECK_EQ(blk_flush(n), 0);
	write_grains(n, shadow, 600, 3, &rnd);
	CHECK_EQ(blk_unref(n), 0);
	n = must_open(g, "mem:s", 0);
	same(n, shadow, STREAM_SIZE);
	blk_unref(n);
	blk_graph_free(g);
	free(shadow);
}

/* What a flush acknowledged is there, wherever the writing after it is cut. */
struct log {
	struct blk_mem_store *copy;
	size_t left;
};

static int mirror(void *opaque, enum blk_mem_op op, u64 off, const void *data, u64 len)
{
	struct log *l = opaque;

	if (op == BLK_MEM_FLUSH || !l->left)
		return 0;
	l->left--;
	if (op == BLK_MEM_WRITE)
		blk_mem_write(l->copy, off, data, len);
	else if (op == BLK_MEM_TRUNCATE)
		blk_mem_set_size(l->copy, off);
	return 0;
}

static void cut_stream(size_t writes)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct blk_mem_store *s = blk_mem_store(g, "s");
	struct log l = { blk_mem_store(g, "copy"), writes };
	u8 *shadow = calloc(1, STREAM_SIZE + 65536), *buf = malloc(20 * 65536);
	struct blk_node *n;
	u32 rnd = 1;

	create(g, "mem:s", STREAM_OPTS);
	n = must_open(g, "mem:s", BLK_O_RDWR);
	write_grains(n, shadow, 0, 20, &rnd);
	CHECK_EQ(blk_flush(n), 0);
	blk_mem_read(s, 0, buf, MIN(blk_mem_size(s), 20 * 65536ULL));
	for (u64 at = 0; at < blk_mem_size(s); at += 65536) {
		u64 m = MIN(65536ULL, blk_mem_size(s) - at);

		blk_mem_read(s, at, buf, m);
		blk_mem_write(l.copy, at, buf, m);
	}
	blk_mem_set_hook(s, mirror, &l);
	write_grains(n, shadow, 30, 2, &rnd);
	write_grains(n, shadow, 800, 2, &rnd);
	blk_unref(n);
	blk_mem_set_hook(s, NULL, NULL);
	/* Cut inside of the tail the old one is no longer last: that is told, the grains are there. */
	n = open_it(g, "mem:copy", 0, NULL);
	if (n) {
		CHECK_EQ(blk_pread(n, 0, buf, 20 * 65536), 0);
		CHECK_EQ(memcmp(buf, shadow, 20 * 65536), 0);
	}
	blk_unref(n);
	blk_graph_free(g);
	free(shadow);
	free(buf);
}

TEST(stream_cut)
{
	for (size_t k = 0; k < 14; k++)
		cut_stream(k);
}

/* ---- extents ---- */

TEST(split_at_2g)
{
	struct blk_graph *g = blk_graph_new(NULL);
	u8 buf[1000], back[1000];
	struct blk_node *n;

	create(g, "mem:d.vmdk", "size=5G,subformat=twoGbMaxExtentSparse");
	n = must_open(g, "mem:d.vmdk", BLK_O_RDWR);
	CHECK_EQ(blk_length(n), 5 * GiB);
	for (u64 at = 2 * GiB - 500; at < 5 * GiB; at += 2 * GiB) {
		memset(buf, (int)(at >> 30) + 1, sizeof(buf));
		CHECK_EQ(blk_pwrite(n, at, buf, sizeof(buf), 0), 0);
	}
	CHECK_EQ(blk_unref(n), 0);
	n = must_open(g, "mem:d.vmdk", 0);
	for (u64 at = 2 * GiB - 500; at < 5 * GiB; at += 2 * GiB) {
		memset(buf, (int)(at >> 30) + 1, sizeof(buf));
		CHECK_EQ(blk_pread(n, at, back, sizeof(back)), 0);
		CHECK_EQ(memcmp(buf, back, sizeof(buf)), 0);
	}
	CHECK(blk_mem_size(blk_mem_store(g, "d-s001.vmdk")) > 65536);
	CHECK(blk_mem_size(blk_mem_store(g, "d-s003.vmdk")) > 65536);
	blk_unref(n);
	blk_graph_free(g);
}

#define HEAD "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"%s\"\n%s\n"

static void descriptor(struct blk_graph *g, const char *type, const char *lines)
{
	char text[2000];

	snprintf(text, sizeof(text), HEAD, type, lines);
	load(g, "d", text);
}

TEST(flat_zero_and_offsets)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct blk_node *n;
	u8 *flat = malloc(4096), buf[3072];

	for (int i = 0; i < 4096; i++)
		flat[i] = (u8)(i / 512 + 1);
	CHECK_EQ(blk_mem_load(blk_mem_store(g, "f"), flat, 4096), 0);
	descriptor(g, "custom", "RW 2 FLAT \"f\" 3\nRW 2 ZERO\nRDONLY 2 FLAT \"f\" 0\n");
	n = must_open(g, "mem:d", 0);
	CHECK_EQ(blk_length(n), 3072);
	CHECK_EQ(blk_pread(n, 0, buf, sizeof(buf)), 0);
	CHECK_EQ(buf[0], 4);
	CHECK_EQ(buf[512], 5);
	CHECK(buf_is_zero(buf + 1024, 1024));
	CHECK_EQ(buf[2048], 1);
	CHECK_EQ(buf[3071], 2);
	blk_unref(n);
	CHECK(!open_it(g, "mem:d", BLK_O_RDWR, NULL));
	blk_graph_free(g);
	free(flat);
}

static void put64s(u8 *p, const u64 *v, int n)
{
	for (int i = 0; i < n; i++)
		put_le64(p + i * 8, v[i]);
}

TEST(sesparse)
{
	/* magic version capacity grain gt flags 4 reserved volatile(2) journal(4) gd gts bitmap backmap grains */
	static const u64 head[] = { 0xcafebabe, 0x200000001, 64, 8, 64, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 8, 8, 16, 64,
				    0, 0, 0, 0, 128, 64 };
	struct blk_graph *g = blk_graph_new(NULL);
	u8 *f = calloc(1, 256 * 512), buf[4096];
	struct blk_node *n;

	put64s(f, head, ARRAY_SIZE(head));
	put_le64(f + 512, 0xcafecafe);
	put_le64(f + 8 * 512, 0x1000000000000000);
	put_le64(f + 16 * 512 + 8, 0x3001000000000000);	/* grain 1 of the disk is grain 1 of the file */
	put_le64(f + 16 * 512 + 16, 0x2000000000000000);
	memset(f + 136 * 512, 0x77, 4096);
	CHECK_EQ(blk_mem_load(blk_mem_store(g, "e"), f, 256 * 512), 0);
	descriptor(g, "seSparse", "RW 64 SESPARSE \"e\"\n");
	n = must_open(g, "mem:d", 0);
	CHECK_EQ(blk_pread(n, 4096, buf, 4096), 0);
	CHECK_EQ(buf[0], 0x77);
	CHECK_EQ(buf[4095], 0x77);
	CHECK_EQ(blk_pread(n, 8192, buf, 4096), 0);
	CHECK(buf_is_zero(buf, 4096));
	blk_unref(n);
	put_le64(f + 16 * 512 + 8, 0x5000000000000000);
	CHECK_EQ(blk_mem_load(blk_mem_store(g, "e"), f, 256 * 512), 0);
	n = must_open(g, "mem:d", 0);
	CHECK_EQ(blk_pread(n, 4096, buf, 4096), -EIO);
	blk_unref(n);
	blk_graph_free(g);
	free(f);
}

TEST(cowd)
{
	static const u32 head[] = { 0x44574f43, 1, 3, 8192, 1, 4, 2, 0 };
	struct blk_graph *g = blk_graph_new(NULL);
	u8 *f = calloc(1, 64 * 512), buf[512];
	struct blk_node *n;

	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		put_le32(f + i * 4, head[i]);
	put_le32(f + 4 * 512, 5);
	put_le32(f + 5 * 512 + 3 * 4, 40);
	memset(f + 40 * 512, 0x33, 512);
	CHECK_EQ(blk_mem_load(blk_mem_store(g, "c"), f, 64 * 512), 0);
	descriptor(g, "vmfsSparse", "RW 8192 VMFSSPARSE \"c\"\n");
	n = must_open(g, "mem:d", 0);
	CHECK_EQ(blk_pread(n, 3 * 512, buf, 512), 0);
	CHECK_EQ(buf[511], 0x33);
	CHECK_EQ(blk_pread(n, 5000 * 512, buf, 512), 0);
	CHECK(buf_is_zero(buf, 512));
	blk_unref(n);
	blk_graph_free(g);
	free(f);
}

/* ---- content ids ---- */

static u64 cid_of(struct blk_node *n)
{
	struct json *j = json_new(JSON_OBJECT);
	u64 v = 0;

	CHECK_EQ(n->drv->info(n, j), 0);
	json_to_u64(json_get(j, "cid"), &v);
	json_free(j);
	return v;
}

TEST(overlay)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct blk_node *n;
	char buf[16];
	u64 cid;

	create(g, "mem:base", "size=1M");
	n = must_open(g, "mem:base", BLK_O_RDWR);
	cid = cid_of(n);
	CHECK_EQ(blk_pwrite(n, 300, "from the base...", 16, 0), 0);
	CHECK(cid_of(n) != cid);
	CHECK_EQ(blk_unref(n), 0);
	create(g, "mem:over", "size=1M,backing_file=mem:base,backing_fmt=vmdk");
	n = must_open(g, "mem:over", BLK_O_RDWR);
	CHECK_EQ(blk_pwrite(n, 100, "from the overlay", 16, 0), 0);
	CHECK_EQ(blk_pread(n, 300, buf, 16), 0);
	CHECK_EQ(memcmp(buf, "from the base...", 16), 0);
	CHECK_EQ(blk_unref(n), 0);
	n = must_open(g, "mem:base", BLK_O_RDWR);
	CHECK_EQ(blk_pwrite(n, 0, "changed", 7, 0), 0);
	CHECK_EQ(blk_unref(n), 0);
	n = must_open(g, "mem:over", 0);
	CHECK_EQ(blk_pread(n, 300, buf, 16), 0);
	CHECK_EQ(blk_pread(n, 300000, buf, 16), -EINVAL);
	blk_unref(n);
	blk_graph_free(g);
}

/* ---- what nobody should make ---- */

static void refused(const char *type, const char *lines, const char *why)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct err e = ERR_INIT;
	struct blk_node *n;

	load(g, "f", "not an image, but a file that is there");
	descriptor(g, type, lines);
	n = open_it(g, "mem:d", 0, &e);
	if (n || !strstr(e.msg, why))
		test_fail(__FILE__, __LINE__, "%s: %s, not '%s'", lines, n ? "opened" : e.msg, why);
	blk_graph_free(g);
}

TEST(hostile_descriptors)
{
	refused("monolithicFlat", "", "names no extents");
	refused("monolithicNone", "RW 1 FLAT \"f\" 0\n", "Unsupported image type 'monolithicNone'");
	refused("monolithicFlat", "RW 1 FLAT \"f\"\n", "Invalid extent line: RW 1 FLAT");
	refused("monolithicFlat", "RW -1 FLAT \"f\" 0\n", "Invalid extent line");
	refused("monolithicFlat", "RW 1 FLAT \"f\" -1\n", "Invalid extent line");
	refused("monolithicFlat", "RW 9223372036854775807 FLAT \"f\" 0\n", "Invalid extent line");
	refused("monolithicFlat", "RW 18014398509481983 FLAT \"f\" 0\nRW 18014398509481983 FLAT \"f\" 0\n", "too large");
	refused("vmfs", "RW 12582912 VMFS \"f\" 1\n", "Invalid extent line: RW 12582912 VMFS \"f\" 1");
	refused("monolithicFlat", "RW 1 SPARSE \"f\"\n", "not in VMDK format");
	refused("monolithicFlat", "RW 1 SPARSE \"d\"\n", "not in VMDK format");
	refused("monolithicFlat", "RW 1 WHAT \"f\"\n", "Unsupported extent type 'WHAT'");
}

TEST(references_keep_to_the_policy)
{
	struct blk_policy p = { .follow = BLK_FOLLOW_DIR };
	struct blk_graph *g = blk_graph_new(&p);
	struct err e = ERR_INIT;
	FILE *f = fopen("d.vmdk", "w");

	fprintf(f, HEAD, "monolithicFlat", "RW 1 FLAT \"/etc/passwd\" 0\n");
	fclose(f);
	CHECK(!open_it(g, "d.vmdk", 0, &e));
	CHECK(strstr(e.msg, "outside of the image's own directory"));
	f = fopen("d.vmdk", "w");
	fprintf(f, HEAD, "monolithicFlat", "RW 1 FLAT \"../x\" 0\n");
	fclose(f);
	err_clear(&e);
	CHECK(!open_it(g, "d.vmdk", 0, &e));
	CHECK(strstr(e.msg, "outside of the image's own directory"));
	remove("d.vmdk");
	blk_graph_free(g);
}

static void header_refused(u32 at, u64 val, u32 bytes, u32 flags, const char *why)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct err e = ERR_INIT;
	struct blk_node *n;
	u8 b[8];

	create(g, "mem:h", "size=1M");
	put_le64(b, val);
	blk_mem_write(blk_mem_store(g, "h"), at, b, bytes);
	n = open_it(g, "mem:h", flags, &e);
	if (n || !strstr(e.msg, why))
		test_fail(__FILE__, __LINE__, "%u = %llx: %s, not '%s'", at, val, n ? "opened" : e.msg, why);
	blk_graph_free(g);
}

TEST(hostile_headers)
{
	header_refused(4, 4, 4, 0, "Unsupported VMDK version 4");
	header_refused(4, 3, 4, BLK_O_RDWR, "version 3 must be read only");
	header_refused(12, ~0ULL, 8, 0, "L1 size too big");
	header_refused(12, 1ULL << 53, 8, 0, "L1 size too big");
	header_refused(20, 0, 8, 0, "L1 entry size is invalid");
	header_refused(20, 3, 8, 0, "Invalid granularity");
	header_refused(20, 1ULL << 40, 8, 0, "Invalid granularity");
	header_refused(44, 513, 4, 0, "L2 table size too big");
	header_refused(44, 0, 4, 0, "L1 entry size is invalid");
	header_refused(56, ~0ULL, 8, 0, "Invalid footer");
	header_refused(56, 1ULL << 60, 8, 0, "Invalid grain directory offset");
	header_refused(64, 1ULL << 60, 8, 0, "File truncated");
	header_refused(77, 7, 2, 0, "Unsupported VMDK compression 7");
	header_refused(12, 0, 8, 0, "is a descriptor itself");
}
