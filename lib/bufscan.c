// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bulk scans of buffers: for zero detection and comparing images. The SSE2
 * (or plain C) versions stand here, the AVX2 ones in bufscan_avx2.c.
 *
 * Real data differs early, zero blocks are long: the first bytes are looked
 * at before the wide loop is entered.
 */
#include <string.h>
#include "bufscan.h"
#include "hostcpu.h"
#include "mem.h"

static u64 load64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Offset of the first byte that is set in the little-endian word v. */
static unsigned first_byte(u64 v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (unsigned)__builtin_ctzll(v) / 8;
#else
	return (unsigned)__builtin_clzll(v) / 8;
#endif
}

static size_t scan_nonzero(const u8 *p, size_t n)
{
	size_t i = 0;

	for (; i + 32 <= n; i += 32)
		if (load64(p + i) | load64(p + i + 8) | load64(p + i + 16) | load64(p + i + 24))
			break;
	for (; i + 8 <= n; i += 8)
		if (load64(p + i))
			return i + first_byte(load64(p + i));
	for (; i < n && !p[i]; i++)
		;
	return i;
}

static size_t scan_diff(const u8 *a, const u8 *b, size_t n)
{
	size_t i = 0;

	for (; i + 32 <= n; i += 32) {
		u64 d = (load64(a + i) ^ load64(b + i)) | (load64(a + i + 8) ^ load64(b + i + 8));

		d |= (load64(a + i + 16) ^ load64(b + i + 16)) | (load64(a + i + 24) ^ load64(b + i + 24));
		if (d)
			break;
	}
	for (; i + 8 <= n; i += 8) {
		u64 d = load64(a + i) ^ load64(b + i);

		if (d)
			return i + first_byte(d);
	}
	for (; i < n && a[i] == b[i]; i++)
		;
	return i;
}

size_t buf_find_nonzero(const void *p, size_t n)
{
	size_t done = 0;

	if (n >= BUFSCAN_WIDE_MIN && bufscan_has_avx2()) {
		if (load64(p))
			return first_byte(load64(p));
		done = bufscan_zero_avx2(p, n);
	}
	return done + scan_nonzero((const u8 *)p + done, n - done);
}

bool buf_is_zero(const void *p, size_t n)
{
	return buf_find_nonzero(p, n) == n;
}

size_t buf_find_diff(const void *a, const void *b, size_t n)
{
	size_t done = 0;

	if (n >= BUFSCAN_WIDE_MIN && bufscan_has_avx2())
		done = bufscan_same_avx2(a, b, n);
	return done + scan_diff((const u8 *)a + done, (const u8 *)b + done, n - done);
}
