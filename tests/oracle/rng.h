/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small seeded generator (xorshift64*) and values with interesting bits. */
#ifndef ORACLE_RNG_H
#define ORACLE_RNG_H

#include "compiler.h"

struct rng {
	u64 s;
};

static inline u64 rng_u64(struct rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * 0x2545f4914f6cdd1dULL;
}

/* 0 .. n - 1 */
static inline unsigned rng_below(struct rng *r, unsigned n)
{
	return (unsigned)((rng_u64(r) >> 33) % n);
}

static inline bool rng_one_in(struct rng *r, unsigned n)
{
	return rng_below(r, n) == 0;
}

/* An integer near a power of two, a repeated byte, a small number or noise. */
static inline u64 rng_corner(struct rng *r)
{
	u64 v;

	switch (rng_below(r, 8)) {
	case 0:
		return rng_below(r, 4);
	case 1:
		return ~(u64)rng_below(r, 4);
	case 2:
	case 3:
		v = 1ULL << rng_below(r, 64);
		return rng_one_in(r, 2) ? v - rng_below(r, 3) : v + rng_below(r, 3);
	case 4:
		v = 1ULL << (8 << rng_below(r, 3));
		return (v >> rng_below(r, 2)) - rng_below(r, 3);
	case 5:
		return rng_below(r, 256) * 0x0101010101010101ULL;
	case 6:
		return (s32)rng_u64(r);
	default:
		return rng_u64(r);
	}
}

#endif
