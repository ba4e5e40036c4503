// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory functions against plain loops: every small size at every small
 * alignment and overlap, sizes around each threshold, and nothing touched
 * outside (the buffers end at an unmapped page).
 */
#include <errno.h>
#include <sys/mman.h>
#include "fault.h"
#include "mem.h"
#include "test.h"

#define AREA 16384

/* An area whose end is followed by a page that faults. */
static u8 *guarded(void)
{
	static u8 *areas[3];
	static int next;
	int i = next++ % 3;

	if (!areas[i]) {
		areas[i] = mmap(NULL, AREA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(areas[i] != MAP_FAILED);
		CHECK_EQ(mprotect(areas[i] + AREA, 4096, PROT_NONE), 0);
	}
	return areas[i];
}

static void fill(u8 *p, size_t n, u32 seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (u8)(seed >> 24);
	}
}

/* The plain loops; volatile keeps the compiler from making calls of them. */
static void plain_copy(u8 *d, const u8 *s, size_t n)
{
	for (volatile size_t i = 0; i < n; i++)
		d[i] = s[i];
}

static const size_t sizes[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 95, 96, 127, 128, 129,
				130, 143, 144, 191, 192, 193, 255, 256, 257, 500, 1000, 1023, 1024, 1025, 2047, 4095, 4096, 5000 };

/* Both ends of the copy are checked by comparing the whole area. */
TEST(memcpy_all_sizes_and_alignments)
{
	u8 *d = guarded(), *s = guarded(), *want = guarded();

	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		for (size_t align = 0; align < 40; align++) {
			size_t n = sizes[k], from = AREA - n - (align * 7) % 33, to = AREA - n - align % 19;

			fill(s, AREA, (u32)(k * 64 + align));
			memset(d, 0x5a, AREA);
			plain_copy(want, d, AREA);
			plain_copy(want + to, s + from, n);
			CHECK(memcpy(d + to, s + from, n) == d + to);
			CHECK_MEM_EQ(d, want, AREA);
		}
	}
}

TEST(memmove_every_overlap)
{
	u8 *area = guarded(), *copy = guarded(), *want = guarded();
	static const int shifts[] = { -5000, -300, -129, -128, -65, -64, -63, -33, -17, -16, -9, -1, 0, 1, 7, 8, 15, 16, 17, 63, 64,
				      65, 128, 129, 1000 };

	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		for (size_t j = 0; j < ARRAY_SIZE(shifts); j++) {
			size_t n = sizes[k], from = 6000;
			size_t to = (size_t)((long)from + shifts[j]);

			fill(area, AREA, (u32)k);
			plain_copy(copy, area, AREA);
			plain_copy(want, area, AREA);
			plain_copy(want + to, copy + from, n);
			CHECK(memmove(area + to, area + from, n) == area + to);
			CHECK_MEM_EQ(area, want, AREA);
		}
	}
}

TEST(memset_all_sizes)
{
	u8 *d = guarded(), *want = guarded();

	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		for (size_t align = 0; align < 18; align++) {
			size_t n = sizes[k], to = AREA - n - align;

			fill(d, AREA, (u32)align);
			plain_copy(want, d, AREA);
			for (volatile size_t i = 0; i < n; i++)
				want[to + i] = 0xc3;
			CHECK(memset(d + to, 0x1c3, n) == d + to);
			CHECK_MEM_EQ(d, want, AREA);
		}
	}
}

static int sign(int v)
{
	return v < 0 ? -1 : v > 0;
}

/* A difference in each place, of both signs, with the top bit set. */
TEST(memcmp_finds_each_difference)
{
	u8 *a = guarded(), *b = guarded();

	for (size_t n = 0; n <= 300; n += n < 140 ? 1 : 13) {
		u8 *p = a + AREA - n, *q = b + AREA - n;

		fill(p, n, 3);
		plain_copy(q, p, n);
		CHECK_EQ(memcmp(p, q, n), 0);
		for (size_t i = 0; i < n; i++) {
			q[i] ^= 0x80;
			if (i + 1 < n)
				q[n - 1] ^= 1;	/* a later one of any sign must not matter */
			CHECK_EQ(sign(memcmp(p, q, n)), p[i] < q[i] ? -1 : 1);
			CHECK_EQ(sign(memcmp(q, p, n)), p[i] < q[i] ? 1 : -1);
			q[i] ^= 0x80;
			if (i + 1 < n)
				q[n - 1] ^= 1;
		}
	}
}

TEST(memchr_and_strlen_stay_inside)
{
	u8 *a = guarded();

	memset(a, 'x', AREA);
	for (size_t n = 1; n < 200; n++) {
		u8 *p = a + AREA - n;

		CHECK(memchr(p, 'y', n) == NULL);
		CHECK(memchr(p, 'x', n) == p);
		p[n - 1] = 0;
		CHECK_EQ(strlen((char *)p), n - 1);
		CHECK(memchr(p, 0, n) == p + n - 1);
		CHECK(memchr(p, 0, n - 1) == NULL);
		p[-1] = 0;			/* in front of it */
		CHECK_EQ(strlen((char *)p), n - 1);
		p[-1] = 'x';
		p[n - 1] = 'x';
	}
}

TEST(buf_scans_find_each_place)
{
	u8 *a = guarded(), *b = guarded();

	memset(a, 0, AREA);
	memset(b, 0, AREA);
	for (size_t n = 0; n < 700; n += n < 300 ? 1 : 29) {
		u8 *p = a + AREA - n, *q = b + AREA - n;

		CHECK(buf_is_zero(p, n));
		CHECK_EQ(buf_find_nonzero(p, n), n);
		CHECK_EQ(buf_find_diff(p, q, n), n);
		for (size_t i = 0; i < n; i += 1 + i / 16) {
			p[i] = (u8)(1 << i % 8);
			CHECK(!buf_is_zero(p, n));
			CHECK_EQ(buf_find_nonzero(p, n), i);
			CHECK_EQ(buf_find_diff(p, q, n), i);
			p[i] = 0;
		}
	}
}

TEST(allocations)
{
	size_t cap = 0;
	u32 *v = NULL;
	u8 *p = mem_aligned(4096, 100);

	CHECK_EQ((uintptr_t)p % 4096, 0);
	mem_free(p);
	CHECK(mem_array(SIZE_MAX / 2, 3) == NULL);
	CHECK(mem_zarray(SIZE_MAX, 2) == NULL);
	for (u32 i = 0; i < 1000; i++) {
		CHECK_EQ(mem_grow(&v, &cap, i + 1, sizeof(*v)), 0);
		v[i] = i;
	}
	CHECK_EQ(cap, 1024);
	CHECK_EQ(v[999], 999);
	CHECK_EQ(mem_grow(&v, &cap, SIZE_MAX / 2, sizeof(*v)), -ENOMEM);
	CHECK_EQ(v[999], 999);
	mem_free(v);
	p = mem_pages(3 * MiB);
	CHECK(buf_is_zero(p, 3 * MiB));
	mem_pages_free(p, 3 * MiB);
}

#if IS_ENABLED(CONFIG_FAULT_INJECTION)
TEST(fault_hits_the_nth)
{
	void *p[4];

	fault_arm(FAULT_ALLOC, 3);
	for (int i = 0; i < 4; i++)
		p[i] = mem_alloc(1);
	CHECK(p[0] && p[1] && !p[2] && p[3]);
	CHECK(fault_disarm(FAULT_ALLOC));
	CHECK(!fault_hit(FAULT_IO));
	for (int i = 0; i < 4; i++)
		mem_free(p[i]);
	fault_arm_all(FAULT_IO, 2);
	CHECK(!fault_hit(FAULT_IO));
	CHECK(fault_hit(FAULT_IO));
	CHECK(fault_hit(FAULT_IO));
	CHECK(fault_disarm(FAULT_IO));
}
#endif
