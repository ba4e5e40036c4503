// SPDX-License-Identifier: GPL-2.0-or-later
/* requires: CONFIG_DEVICES */
#include <string.h>
#include "dev/memory.h"
#include "test.h"

struct regs {
	u64 last_off, last_val;
	unsigned last_size, reads, writes;
};

static u64 reg_read(void *opaque, u64 off, unsigned size)
{
	struct regs *r = opaque;

	r->reads++;
	r->last_off = off;
	r->last_size = size;
	return 0x1122334455667788ULL >> (8 * (off & 7));
}

static void reg_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct regs *r = opaque;

	r->writes++;
	r->last_off = off;
	r->last_val = val;
	r->last_size = size;
}

static const struct mem_ops any_ops = { .read = reg_read, .write = reg_write };
static const struct mem_ops dword_ops = { .read = reg_read, .write = reg_write, .min = 4, .max = 4 };

TEST(memory_overlap_follows_priority)
{
	struct mem_space s;
	struct mem_region ram, io;
	struct mem_map mr = { 0 }, mi = { 0 };
	struct mem_range r;
	struct regs regs = { 0 };
	struct err err = ERR_INIT;

	CHECK_EQ(mem_space_init(&s, "t", 0xffffffff), 0);
	CHECK_EQ(mem_region_init_ram(&ram, "ram", 0x10000, &err), 0);
	mem_region_init_io(&io, NULL, "io", 0x1000, &any_ops, &regs);
	mem_map_add(&s, &mr, &ram, 0, 0);
	mem_map_add(&s, &mi, &io, 0x2000, -1);
	mem_write(&s, 0x2000, 0x55, 1);
	CHECK_EQ(regs.writes, 0);
	mem_map_add(&s, &mi, &io, 0x2000, 1);
	mem_write(&s, 0x2010, 0x66, 1);
	CHECK_EQ(regs.writes, 1);
	CHECK_EQ(regs.last_off, 0x10);
	CHECK(mem_find(&s, 0x1fff, &r));
	CHECK_EQ(r.first, 0);
	CHECK_EQ(r.last, 0x1fff);
	CHECK(mem_find(&s, 0x3000, &r));
	CHECK_EQ(r.off, 0x3000);
	mem_map_del(&mi);
	CHECK_EQ(mem_read(&s, 0x2000, 1), 0x55);
	CHECK(!mem_find(&s, 0x10000, &r));
	CHECK_EQ(r.first, 0x10000);
	CHECK_EQ(r.last, 0xffffffff);
	CHECK_EQ(mem_read(&s, 0x10000, 4), 0xffffffff);
	/* over the edge of RAM: bytes of the hole are ones */
	mem_write(&s, 0xfffe, 0x1234, 2);
	CHECK_EQ(mem_read(&s, 0xfffe, 4), 0xffff1234);
	mem_sync(&s);
	mem_space_free(&s);
	mem_region_free(&ram);
}

TEST(memory_splits_and_widens)
{
	struct mem_space s;
	struct mem_region io;
	struct mem_map m = { 0 };
	struct regs regs = { 0 };

	CHECK_EQ(mem_space_init(&s, "t", 0xffff), 0);
	mem_region_init_io(&io, NULL, "io", 0x100, &dword_ops, &regs);
	mem_map_add(&s, &m, &io, 0, 0);
	CHECK_EQ(mem_read(&s, 0, 8), 0x1122334455667788ULL);
	CHECK_EQ(regs.reads, 2);
	CHECK_EQ(mem_read(&s, 1, 1), 0x77);
	CHECK_EQ(regs.last_size, 4);
	CHECK_EQ(mem_read(&s, 1, 4), 0x44556677);
	mem_write(&s, 6, 0xabcd, 2);
	CHECK_EQ(regs.last_off, 4);
	CHECK_EQ(regs.last_val, 0xabcd0000);
	mem_space_free(&s);
}

TEST(memory_io_is_decoded_by_the_first_byte)
{
	struct mem_space s;
	struct mem_region wide, byte;
	struct mem_map mw = { 0 }, mb = { 0 };
	struct regs a = { 0 }, b = { 0 };

	CHECK_EQ(mem_space_init(&s, "io", 0xffff), 0);
	mem_region_init_io(&wide, NULL, "cf8", 4, &any_ops, &a);
	mem_region_init_io(&byte, NULL, "cf9", 1, &any_ops, &b);
	mem_map_add(&s, &mw, &wide, 0xcf8, 0);
	mem_map_add(&s, &mb, &byte, 0xcf9, 1);
	mem_write(&s, 0xcf8, 0x80000000, 4);
	CHECK_EQ(a.last_size, 4);
	CHECK_EQ(b.writes, 0);
	mem_write(&s, 0xcf9, 6, 1);
	CHECK_EQ(b.writes, 1);
	mem_space_free(&s);
}

TEST(memory_dma_reaches_ram_only)
{
	struct mem_space s;
	struct mem_region ram, io;
	struct mem_map mr = { 0 }, mi = { 0 };
	struct regs regs = { 0 };
	struct err err = ERR_INIT;
	u8 buf[64];

	CHECK_EQ(mem_space_init(&s, "t", ~0ULL >> 12), 0);
	CHECK_EQ(mem_region_init_ram(&ram, "ram", 0x1000, &err), 0);
	mem_region_init_io(&io, NULL, "io", 0x1000, &any_ops, &regs);
	mem_map_add(&s, &mr, &ram, 0, 0);
	mem_map_add(&s, &mi, &io, 0x1000, 0);
	memset(buf, 7, sizeof(buf));
	CHECK_EQ(dma_write(&s, 0xfc0, buf, 64), 0);
	CHECK(dma_write(&s, 0xff0, buf, 64) < 0);
	CHECK(dma_read(&s, 0x1000, buf, 4) < 0);
	CHECK_EQ(buf[0], 0xff);
	CHECK_EQ(regs.reads + regs.writes, 0);
	CHECK(dma_write(&s, ~0ULL - 3, buf, 64) < 0);
	mem_space_free(&s);
	mem_region_free(&ram);
}

/* A read-only window over RAM, and a batch that becomes visible at once. */
TEST(memory_read_only_and_batches)
{
	struct mem_space s;
	struct mem_region ram;
	struct mem_map lo = { 0 }, ro = { 0 };
	struct err err = ERR_INIT;
	struct mem_range r;

	CHECK_EQ(mem_space_init(&s, "t", 0xfffff), 0);
	CHECK_EQ(mem_region_init_ram(&ram, "ram", 0x10000, &err), 0);
	mem_begin(&s);
	mem_map_add(&s, &lo, &ram, 0, 0);
	CHECK(!mem_find(&s, 0, &r));
	ro.rdonly = true;
	mem_map_add_part(&s, &ro, &ram, 0x4000, 0x4000, 0x1000, 1);
	mem_commit(&s);
	mem_write(&s, 0x4000, 1, 1);
	mem_write(&s, 0x5000, 1, 1);
	CHECK_EQ(mem_read(&s, 0x4000, 1), 0);
	CHECK_EQ(mem_read(&s, 0x5000, 1), 1);
	CHECK(dma_write(&s, 0x4000, "x", 1) < 0);
	mem_space_free(&s);
	mem_region_free(&ram);
}
