// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 10,000 mutations of binary configurations: each ends in an error or in a
 * configuration that can be checked, shown and written. With the sanitizers
 * of the asan build this is what shows a missing bound.
 * requires: CONFIG_TOOL_CELLGEN
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bytes.h"
#include "mem.h"
#include "str.h"
#include "test.h"
#include "tools/cellgen/layout.h"
#include "tools/cellgen/validate.h"

#define MUTATIONS 10000

static u32 random_state;

static u32 rnd(u32 below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (u64)(random_state >> 4) * below >> 28;
}

static void fill(struct jh_config *c, bool system, u16 revision, u8 arch)
{
	jh_config_init(c);
	c->is_system = system;
	c->revision = revision;
	c->arch = arch;
	c->path = system ? "system" : "cell";
	strcpy(c->cell.name, system ? "root" : "cell");
	c->sys.hv = (struct jh_mem){ .phys = 0x3a000000, .size = 0x600000 };
	c->sys.mmcfg_base = 0xb0000000;
	c->sys.iommu[0] = (struct jh_iommu){ .type = arch == JH_X86 ? JH_IOMMU_INTEL : JH_IOMMU_PVU, .base = 0xfed90000, .size = 0x1000 };
	c->sys.gic_version = 3;
	c->sys.gicd = 0x8000000;
	c->sys.gicr = 0x80a0000;
	CHECK_EQ(jh_cpu_add(c, 1), 0);
	CHECK_EQ(jh_cpu_add(c, 2), 0);
	for (u32 i = 0; i < 12; i++) {
		struct jh_mem *m = jh_add(&c->cell, JH_MEM);

		*m = (struct jh_mem){ i * 0x100000, i * 0x100000, 0x100000, JH_MEM_RAM };
	}
	for (u32 i = 0; i < 4; i++) {
		*(struct jh_pci *)jh_add(&c->cell, JH_PCI) = (struct jh_pci){ .type = i == 3 ? JH_PCI_IVSHMEM : JH_PCI_DEVICE, .bdf = i << 3,
			.num_caps = i < 3 ? 2 : 0, .shmem_peers = revision < 12 ? 0 : 2, .num_msix = 2, .msix_address = 0xfe000000 + i * 0x1000 };
		*(struct jh_cap *)jh_add(&c->cell, JH_CAP) = (struct jh_cap){ JH_CAP_MSIX, 0x40 + 16 * i, 12, 1 };
	}
	*(struct jh_chip *)jh_add(&c->cell, JH_CHIP) = (struct jh_chip){ .address = 0xfec00000, .pins = { ~0U } };
	*(struct jh_cache *)jh_add(&c->cell, JH_CACHE) = (struct jh_cache){ .size = 2, .type = JH_CACHE_L3 };
	*(struct jh_pio *)jh_add(&c->cell, JH_PIO) = (struct jh_pio){ 0x3f8, 8 };
	if (revision >= 12)
		*(struct jh_stream *)jh_add(&c->cell, JH_STREAM) = (struct jh_stream){ 7 };
	else
		CHECK_EQ(jh_pio_to_map(&c->cell, 0x2000), 0);
	jh_set_head(c);
}

static void mutate(u8 *p, size_t *len)
{
	static const u32 edges[] = { 0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff };

	for (u32 n = 1 + rnd(4); n--;) {
		size_t at = rnd(*len);

		switch (rnd(5)) {
		case 0:
			p[at] ^= 1 << rnd(8);
			break;
		case 1:
			p[at] = rnd(256);
			break;
		case 2:
			if (at + 4 <= *len)
				put_le32(p + at, edges[rnd(ARRAY_SIZE(edges))]);
			break;
		case 3:
			if (at + 8 <= *len)
				put_le64(p + at, (u64)edges[rnd(ARRAY_SIZE(edges))] << 32 | edges[rnd(ARRAY_SIZE(edges))]);
			break;
		default:
			if (rnd(4) == 0)
				*len = 1 + rnd(*len);
		}
		if (*len < 8)
			return;
	}
}

/* All that is done with what users give; false: it was refused. */
static bool use(const u8 *p, size_t len, const struct jh_config *sys, const struct jh_config *cell)
{
	struct strbuf out = STRBUF_INIT;
	struct jh_config c;
	unsigned fault;

	if (jh_read(&c, p, len, -1, &fault, NULL)) {
		CHECK(fault > 0 && fault < JH_FMT_FAULTS);
		return false;
	}
	c.path = "mutated";
	{
		const struct jh_config *set[2] = { c.is_system ? &c : sys, c.is_system ? cell : &c };
		struct vctx v = { .cells = set, .n_cells = 2 };

		CHECK_EQ(jh_validate(&v), 0);
		mem_free(v.found);
	}
	CHECK_EQ(jh_write_c(&c, NULL, &out), 0);
	strbuf_reset(&out);
	CHECK_EQ(jh_write_json(&c, &out), 0);
	strbuf_free(&out);
	jh_config_free(&c);
	return true;
}

TEST(random_mutations_end_in_findings_or_errors)
{
	static const u16 revisions[] = { 10, 12, 13, 14, 14, 14, 15 };
	struct jh_config sys, cell;
	u32 read = 0, refused = 0;
	struct timespec a, b;

	random_state = 1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (u32 i = 0; i < MUTATIONS; i++) {
		size_t len, cut;
		u16 rev = revisions[i % ARRAY_SIZE(revisions)];
		u8 *p, *copy;

		fill(&sys, true, rev, i / 2 % 3);
		fill(&cell, false, rev, i / 2 % 3);
		CHECK_EQ(jh_write(i % 2 ? &cell : &sys, &p, &len, NULL), 0);
		mutate(p, &len);
		/* in a block of just that size, so that one byte too many is seen */
		cut = len;
		copy = mem_dup(p, cut);
		CHECK(copy != NULL);
		*(use(copy, cut, &sys, &cell) ? &read : &refused) += 1;
		mem_free(copy);
		mem_free(p);
		jh_config_free(&sys);
		jh_config_free(&cell);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	test_note("%u read and checked, %u refused; %llu us each", read, refused,
		  ((u64)(b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000) / MUTATIONS);
	/* most mutations leave something to check, many do not */
	CHECK_LT(MUTATIONS / 4, read);
	CHECK_LT(MUTATIONS / 20, refused);
}

TEST(sizes_of_all_revisions)
{
	static const struct { u16 revision; u16 system, cell; } want[] = {
		{ 10, 266, 128 }, { 12, 354, 132 }, { 13, 356, 132 }, { 14, 356, 132 }, { 15, 356, 132 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		for (u8 arch = 0; arch < JH_ARCHES; arch++) {
			struct jh_ctx ctx = { want[i].revision, arch };

			CHECK_EQ(jh_record_bytes(jh_layout_system, &ctx), want[i].system);
			CHECK_EQ(jh_record_bytes(jh_layout_cell, &ctx), want[i].cell);
			CHECK_EQ(jh_section_element(JH_MEM, &ctx), 32);
			CHECK_EQ(jh_section_element(JH_CACHE, &ctx), 12);
			CHECK_EQ(jh_section_element(JH_CHIP, &ctx), 32);
			CHECK_EQ(jh_section_element(JH_PCI, &ctx), 56);
			CHECK_EQ(jh_section_element(JH_CAP, &ctx), 8);
		}
}

TEST(cpus_of_both_kinds)
{
	struct jh_config c;
	u64 ids[4] = { 0, 2, 0x100, 0x102 };
	u32 iter = 0;

	jh_config_init(&c);
	CHECK_EQ(jh_cpu_add(&c, 1), 0);
	CHECK_EQ(jh_cpu_add(&c, 3), 0);
	CHECK_EQ(jh_cpu_add(&c, 70000), -ERANGE);
	CHECK_EQ(c.cell.n[JH_CPUSET], 8);
	CHECK_EQ(jh_convert(&c, 15, ids, 4, NULL), 0);
	CHECK_EQ(jh_cpu_next(&c, &iter), 2);
	CHECK_EQ(jh_cpu_next(&c, &iter), 0x102);
	CHECK_EQ(jh_cpu_next(&c, &iter), ~0ULL);
	CHECK_EQ(jh_convert(&c, 14, ids, 4, NULL), 0);
	CHECK_EQ(jh_cpu_count(&c), 2);
	CHECK(jh_cpu_has(&c, 1) && jh_cpu_has(&c, 3) && !jh_cpu_has(&c, 2));
	jh_config_free(&c);
}

TEST(ports_and_their_bitmap)
{
	struct jh_cell c = { .arch = 0 };

	*(struct jh_pio *)jh_add(&c, JH_PIO) = (struct jh_pio){ 0x3f8, 8 };
	*(struct jh_pio *)jh_add(&c, JH_PIO) = (struct jh_pio){ 0xfffe, 2 };
	CHECK_EQ(jh_pio_to_map(&c, 0x2000), 0);
	CHECK_EQ(((u8 *)c.v[JH_PIOMAP])[0x3f8 / 8], 0);
	CHECK_EQ(((u8 *)c.v[JH_PIOMAP])[0x1fff], 0x3f);
	CHECK_EQ(jh_pio_from_map(&c), 0);
	CHECK_EQ(c.n[JH_PIO], 2);
	CHECK_EQ(jh_pios(&c)[1].base, 0xfffe);
	memset(c.v[JH_PIOMAP], 0, 0x2000);
	CHECK_EQ(jh_pio_from_map(&c), 0);
	CHECK_EQ(c.n[JH_PIO], 2);
	CHECK_EQ((u32)jh_pios(&c)[0].length + jh_pios(&c)[1].length, 0x10000);
	for (int s = 0; s < JH_SECTIONS; s++)
		mem_free(c.v[s]);
}
