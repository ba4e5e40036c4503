/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operands that find floating-point bugs: corners, and random bits around them. */
#ifndef FPU_TEST_OPERANDS_H
#define FPU_TEST_OPERANDS_H

#include "x86/softfloat.h"

struct rng {
	u64 s;
};

static inline u64 rng_next(struct rng *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return r->s * 0x2545f4914f6cdd1d;
}

static const u64 corners32[] = {
	0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x807fffff, 0x00400000, 0x00800000, 0x80800000, 0x00800001,
	0x01000000, 0x3f800000, 0xbf800000, 0x3f7fffff, 0x3f800001, 0x3fc00000, 0x40000000, 0x3f000000, 0xbf000000,
	0x7f7fffff, 0xff7fffff, 0x7f000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffbfffff,
	0x7fc12345, 0x7fa00000, 0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000, 0xdf000000, 0x4b000001, 0x33000000,
	0x33000001, 0x20000000, 0x60000000, 0x1f800000, 0x47ffe000, 0x477fe000, 0x477ff000, 0x387fc000, 0x33800000,
};

static const u64 corners64[] = {
	0, 0x8000000000000000, 1, 0x8000000000000001, 0x000fffffffffffff, 0x800fffffffffffff, 0x0008000000000000,
	0x0010000000000000, 0x8010000000000000, 0x0010000000000001, 0x0020000000000000, 0x3ff0000000000000,
	0xbff0000000000000, 0x3fefffffffffffff, 0x3ff0000000000001, 0x3ff8000000000000, 0x4000000000000000,
	0x3fe0000000000000, 0xbfe0000000000000, 0x7fefffffffffffff, 0xffefffffffffffff, 0x7fe0000000000000,
	0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001,
	0xfff7ffffffffffff, 0x7ff8123456789abc, 0x7ff4000000000000, 0x41e0000000000000, 0xc1e0000000000000,
	0xc1e0000000200000, 0x41dfffffffc00000, 0x41dfffffffe00000, 0x43e0000000000000, 0xc3e0000000000000,
	0x43dfffffffffffff, 0x4330000000000001, 0x3810000000000000, 0x380fffffe0000000, 0x380fffffefffffff,
	0x36a0000000000000, 0x47efffffe0000000, 0x47effffff0000000, 0x1ff0000000000000, 0x3ca0000000000000,
};

static const struct f80 corners80[] = {
	{ 0, 0 }, { 0, 0x8000 }, { 1, 0 }, { 1, 0x8000 }, { 0x7fffffffffffffff, 0 }, { 0x8000000000000000, 0 },
	{ 0xffffffffffffffff, 0x8000 }, { 0x8000000000000000, 1 }, { 0xffffffffffffffff, 1 },
	{ 0x8000000000000001, 0x8001 }, { 0x8000000000000000, 2 }, { 0x8000000000000000, 0x3fff },
	{ 0x8000000000000000, 0xbfff }, { 0xffffffffffffffff, 0x3ffe }, { 0x8000000000000001, 0x3fff },
	{ 0xc000000000000000, 0x3fff }, { 0x8000000000000000, 0x4000 }, { 0x8000000000000000, 0x3ffe },
	{ 0xc90fdaa22168c235, 0x3ffe }, { 0xc90fdaa22168c235, 0x4000 }, { 0xffffffffffffffff, 0x7ffe },
	{ 0xffffffffffffffff, 0xfffe }, { 0x8000000000000000, 0x7ffe }, { 0x8000000000000000, 0x7fff },
	{ 0x8000000000000000, 0xffff }, { 0xc000000000000000, 0x7fff }, { 0xc000000000000000, 0xffff },
	{ 0x8000000000000001, 0x7fff }, { 0xbfffffffffffffff, 0xffff }, { 0xc000000000001234, 0x7fff },
	{ 0xc000000000001234, 0xffff }, { 0xa000000000000000, 0x7fff }, { 0x4000000000000000, 0x3fff },
	{ 0x7fffffffffffffff, 0x7fff }, { 0, 0x7fff }, { 0, 0x0001 }, { 0x8000000000000000, 0x403e },
	{ 0x8000000000000000, 0xc03e }, { 0xffffffffffffffff, 0x403d }, { 0xfffffffffffffffe, 0x403d },
	{ 0x8000000000000000, 0x401e }, { 0x8000000000000000, 0xc01e }, { 0xfffffffe00000000, 0x401d },
	{ 0x8000000000000000, 0x3f81 }, { 0xffffff8000000000, 0x407e }, { 0xfffffffffffffc00, 0x43fe },
	{ 0x8000000000000000, 0x3c01 }, { 0xfffffffffffff800, 0x3c00 }, { 0x8000000000000000, 0x3fbe },
	{ 0xde0b6b3a763fffff, 0x403a }, { 0xde0b6b3a76400000, 0x403a }, { 0x8000000000000000, 0x4040 },
};

static inline u64 operand(struct rng *r, enum sf_format fmt)
{
	u64 k = rng_next(r), v = rng_next(r);

	if (fmt == SF_F64) {
		switch (k & 7) {
		case 0: case 1: case 2: return corners64[(k >> 8) % ARRAY_SIZE(corners64)];
		case 3: return v;
		case 4: return (v & 0x800fffffffffffff) | (0x3ff + (k >> 8) % 5 - 2) << 52;
		case 5: return (v & 0x800fffffffffffff) | (u64)((k >> 8) % 60) << 52;
		case 6: return (v & 0x8000000000000000) | (0x3ff + (k >> 8) % 80) << 52 | (v & 0xff) << 44;
		default: return corners64[(k >> 8) % ARRAY_SIZE(corners64)] + (v & 7) - 3;
		}
	}
	switch (k & 7) {
	case 0: case 1: case 2: return corners32[(k >> 8) % ARRAY_SIZE(corners32)];
	case 3: return (u32)v;
	case 4: return (v & 0x807fffff) | (0x7f + (k >> 8) % 5 - 2) << 23;
	case 5: return (v & 0x807fffff) | ((k >> 8) % 30) << 23;
	case 6: return (v & 0x80000000) | (0x7f + (k >> 8) % 70) << 23 | (v & 0xff) << 15;
	default: return (u32)(corners32[(k >> 8) % ARRAY_SIZE(corners32)] + (v & 7) - 3);
	}
}

static inline struct f80 operand80(struct rng *r)
{
	u64 k = rng_next(r), v = rng_next(r);
	struct f80 x = corners80[(k >> 8) % ARRAY_SIZE(corners80)];

	switch (k & 7) {
	case 0: case 1: case 2: break;
	case 3: x = (struct f80){ v, (u16)(k >> 16) }; break;
	case 4: x = (struct f80){ v | 1ULL << 63, (u16)(0x3fff + (k >> 16) % 7 - 3) | (u16)(k & 0x8000) }; break;
	case 5: x = (struct f80){ v | 1ULL << 63, (u16)((k >> 16) % 80) | (u16)(k & 0x8000) }; break;
	case 6: x = (struct f80){ v | 1ULL << 63, (u16)(0x3fff + (k >> 16) % 100 - 30) | (u16)(k & 0x8000) }; break;
	default: x.sig += (v & 7) - 3; break;
	}
	return x;
}

#endif
