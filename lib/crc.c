// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CRC-32, CRC-32C and CRC-16. The 32-bit ones go by tables, eight bytes a
 * step ("slicing by 8"), made at first use; CRC-32C takes the CPU's own
 * instruction where there is one (crc32c_sse42.c).
 */
#include <pthread.h>
#include "bytes.h"
#include "checksum.h"
#include "crc32c.h"
#include "hostcpu.h"

#define POLY_CRC32	0xedb88320U
#define POLY_CRC32C	0x82f63b78U

typedef u32 slices[8][256];

static slices crc32_slices, crc32c_slices;
static pthread_once_t crc32_once = PTHREAD_ONCE_INIT, crc32c_once = PTHREAD_ONCE_INIT;

static void make_slices(slices t, u32 poly)
{
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? poly : 0);
		t[0][i] = c;
	}
	for (u32 i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xff];
}

static void make_crc32(void)
{
	make_slices(crc32_slices, POLY_CRC32);
}

static void make_crc32c(void)
{
	make_slices(crc32c_slices, POLY_CRC32C);
}

static u32 sliced(slices t, u32 crc, const u8 *p, size_t n)
{
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		u32 lo = get_le32(p) ^ crc, hi = get_le32(p + 4);

		crc = t[7][lo & 0xff] ^ t[6][lo >> 8 & 0xff] ^ t[5][lo >> 16 & 0xff] ^ t[4][lo >> 24] ^
		      t[3][hi & 0xff] ^ t[2][hi >> 8 & 0xff] ^ t[1][hi >> 16 & 0xff] ^ t[0][hi >> 24];
	}
	for (; n; n--)
		crc = crc >> 8 ^ t[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

u32 crc32_update(u32 crc, const void *p, size_t n)
{
	pthread_once(&crc32_once, make_crc32);
	return sliced(crc32_slices, crc, p, n);
}

u32 crc32c_update_table(u32 crc, const void *p, size_t n)
{
	pthread_once(&crc32c_once, make_crc32c);
	return sliced(crc32c_slices, crc, p, n);
}

u32 crc32c_update(u32 crc, const void *p, size_t n)
{
	if (hostcpu_has(HOSTCPU_SSE42))
		return crc32c_update_sse42(crc, p, n);
	return crc32c_update_table(crc, p, n);
}

u16 crc16_update(u16 crc, const void *p, size_t n)
{
	const u8 *s = p;

	for (; n; n--) {
		crc = (u16)(crc ^ *s++ << 8);
		for (int bit = 0; bit < 8; bit++)
			crc = (u16)(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
	}
	return crc;
}
