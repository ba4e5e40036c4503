// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Floating-point corner values: zeros, denormals, the edges of the formats
 * and of the integer ranges, infinities, quiet and signalling NaNs, the
 * encodings that only the 80-bit format has, and plain numbers of like size.
 */
#include <string.h>
#include "bytes.h"
#include "values.h"

u32 values_f32(struct rng *r)
{
	static const u32 pool[] = {
		0x00000000, 0x00000001, 0x00000002, 0x00400000, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff,
		0x3f800000, 0x3f800001, 0x3f7fffff, 0x3f000000, 0x3effffff, 0x3fc00000, 0x40000000, 0x40200000,
		0x4b000000, 0x4b7fffff, 0x4b800001, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x5effffff, 0x5f000000,
		0x477fe000, 0x477fefff, 0x477ff000, 0x38800000, 0x387fc000, 0x33000000, 0x33000001,
		0x7f000000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fa00000, 0x7fbfffff, 0x7fc00000, 0x7fc12345,
		0x3fb504f3, 0x40490fdb, 0x0d000000, 0x1f800000, 0x20000000, 0x5f800000,
	};
	u32 v;

	switch (rng_below(r, 4)) {
	case 0:
		v = (u32)rng_u64(r);
		break;
	case 1:
		v = (118 + rng_below(r, 20)) << 23 | ((u32)rng_u64(r) & 0x7fffff);
		break;
	default:
		v = pool[rng_below(r, ARRAY_SIZE(pool))];
	}
	return v ^ (rng_one_in(r, 2) ? 0x80000000u : 0);
}

u64 values_f64(struct rng *r)
{
	static const u64 pool[] = {
		0x0000000000000000, 0x0000000000000001, 0x0008000000000000, 0x000fffffffffffff, 0x0010000000000000,
		0x0010000000000001, 0x001fffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001, 0x3fefffffffffffff,
		0x3fe0000000000000, 0x3fdfffffffffffff, 0x3ff8000000000000, 0x4000000000000000, 0x4004000000000000,
		0x41dfffffff800000, 0x41dfffffffc00000, 0x41e0000000000000, 0x41e0000000200000, 0x41efffffffe00000,
		0x43dfffffffffffff, 0x43e0000000000000, 0x4330000000000000, 0x4330000000000001, 0x433fffffffffffff,
		0x7fe0000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000000001, 0x7ff4000000000000,
		0x7ff8000000000000, 0x7ff8000000012345, 0x380fffffffffffff, 0x3810000000000000, 0x36a0000000000000,
		0x369fffffffffffff, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000, 0x3ca0000000000000,
		0x3ff6a09e667f3bcd, 0x400921fb54442d18, 0x1ff0000000000000, 0x5ff0000000000000,
	};
	u64 v;

	switch (rng_below(r, 4)) {
	case 0:
		v = rng_u64(r);
		break;
	case 1:
		v = (u64)(1013 + rng_below(r, 20)) << 52 | (rng_u64(r) >> 12);
		break;
	default:
		v = pool[rng_below(r, ARRAY_SIZE(pool))];
	}
	return v ^ (rng_one_in(r, 2) ? 1ULL << 63 : 0);
}

void values_f80(struct rng *r, u8 out[10])
{
	static const struct { u16 se; u64 man; } pool[] = {
		{ 0, 0 }, { 0, 1 }, { 0, 0x7fffffffffffffff }, { 0, 0x8000000000000000 }, { 1, 0x8000000000000000 },
		{ 1, 0x8000000000000001 }, { 0x3fff, 0x8000000000000000 }, { 0x3fff, 0x8000000000000001 },
		{ 0x3ffe, 0xffffffffffffffff }, { 0x3ffe, 0x8000000000000000 }, { 0x3fff, 0xc000000000000000 },
		{ 0x4000, 0xa000000000000000 }, { 0x4000, 0xc90fdaa22168c235 }, { 0x3ffe, 0xb17217f7d1cf79ac },
		{ 0x401e, 0x8000000000000000 }, { 0x401d, 0xfffffffe00000000 }, { 0x401e, 0x8000000100000000 },
		{ 0x403e, 0x8000000000000000 }, { 0x403d, 0xffffffffffffffff }, { 0x403e, 0xffffffffffffffff },
		{ 0x400e, 0x8000000000000000 }, { 0x400d, 0xfffe000000000000 }, { 0x400d, 0xffff000000000000 },
		{ 0x403a, 0xde0b6b3a763fffff }, { 0x403a, 0xde0b6b3a76400000 }, { 0x403e, 0x8ac7230489e80000 },
		{ 0x7ffe, 0xffffffffffffffff }, { 0x7fff, 0x8000000000000000 }, { 0x7fff, 0xc000000000000000 },
		{ 0x7fff, 0xa000000000000000 }, { 0x7fff, 0x8000000000000001 }, { 0x7fff, 0xffffffffffffffff },
		{ 0x7fff, 0x0000000000000000 }, { 0x7fff, 0x4000000000000000 }, { 0x3fff, 0x4000000000000000 },
		{ 0x3fff, 0 }, { 0x407e, 0xffffff0000000000 }, { 0x407e, 0xffffff8000000000 }, { 0x3f81, 0x8000000000000000 },
		{ 0x3f6a, 0x8000000000000000 }, { 0x43fe, 0xfffffffffffff800 }, { 0x43fe, 0xfffffffffffffc00 },
		{ 0x3c01, 0x8000000000000000 }, { 0x3bcd, 0x8000000000000000 }, { 0x3fff, 0xb504f333f9de6484 },
	};
	u16 se;
	u64 man;
	unsigned kind = rng_below(r, 8);

	if (kind == 0) {
		se = (u16)rng_u64(r);
		man = rng_u64(r);
	} else if (kind < 4) {
		se = (u16)(0x3ff0 + rng_below(r, 32));
		man = rng_u64(r) | 1ULL << 63;
	} else {
		unsigned n = rng_below(r, ARRAY_SIZE(pool));

		se = pool[n].se;
		man = pool[n].man;
	}
	if (rng_one_in(r, 2))
		se ^= 0x8000;
	put_le64(out, man);
	put_le16(out + 8, se);
}

static u16 values_f16(struct rng *r)
{
	static const u16 pool[] = { 0, 1, 0x3ff, 0x400, 0x3c00, 0x3c01, 0x7bff, 0x7c00, 0x7c01, 0x7dff, 0x7e00, 0x7fff };
	u16 v = rng_one_in(r, 2) ? pool[rng_below(r, ARRAY_SIZE(pool))] : (u16)rng_u64(r);

	return v ^ (rng_one_in(r, 2) ? 0x8000 : 0);
}

/* One element into p; returns its size. */
static unsigned fill_one(struct rng *r, enum flavour f, u8 *p)
{
	switch (f) {
	case FLAVOUR_F16:
		put_le16(p, values_f16(r));
		return 2;
	case FLAVOUR_F32:
		put_le32(p, values_f32(r));
		return 4;
	case FLAVOUR_F64:
		put_le64(p, values_f64(r));
		return 8;
	case FLAVOUR_F80:
		values_f80(r, p);
		return 10;
	case FLAVOUR_BCD:
		for (unsigned i = 0; i < 9; i++)
			p[i] = (u8)(rng_below(r, 10) << 4 | rng_below(r, 10));
		p[9] = rng_one_in(r, 2) ? 0x80 : 0;
		return 10;
	default:
		put_le64(p, rng_corner(r));
		return 8;
	}
}

void values_fill(struct rng *r, enum flavour f, u8 *p, unsigned n)
{
	u8 one[16];

	while (n) {
		unsigned k = fill_one(r, f, one);

		k = MIN(k, n);
		memcpy(p, one, k);
		p += k;
		n -= k;
	}
}
