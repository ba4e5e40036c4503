// SPDX-License-Identifier: GPL-2.0-or-later
/* The old floating point: 80 bit, a stack of registers. */
#include "work.h"

#include <string.h>

static u64 of(long double v)
{
	u64 a;
	u16 b;

	memcpy(&a, &v, 8);
	memcpy(&b, (char *)&v + 8, 2);
	return mix(a, b);
}

static u64 arithmetic(u64 n)
{
	long double a = 1, b = .3L, c = 2;

	while (n--) {
		a = a * .75L + b / c;
		b = (a - b) * .25L + .1L;
		c += a > b ? .01L : -.02L;
		if (c > 50)
			c = 2;
	}
	return mix(of(a), mix(of(b), of(c)));
}

static u64 series(u64 n)
{
	static long double v[256];

	for (int i = 0; i < 256; i++)
		v[i] = 1.0L / (i + 1);
	while (n--) {
		long double s = 0;

		for (int i = 0; i < 256; i++)
			s = s * .5L + v[i] / v[255 - i];
		v[n & 255] = 1 / (s + 1);
	}
	return of(v[7]);
}

static u64 transcendental(u64 n)
{
	long double a = .1L, h = 0;

	while (n--) {
		long double s, c, l;

		__asm__("fsincos" : "=t"(c), "=u"(s) : "0"(a));
		__asm__("fldln2\n\tfxch\n\tfyl2x" : "=t"(l) : "0"(a + 1) : "st(1)");
		__asm__("fsqrt" : "+t"(a));
		h += s * c + l;
		a += .37L;
	}
	return of(h);
}

static u64 conversions(u64 n)
{
	u64 s = 5, h = 0;

	while (n--) {
		s64 i = (s64)(next_random(&s) >> 3);
		long double d = (long double)i * .75L;

		h += (u64)(s64)d + (u64)(s32)(d / 4294967296.0L);
	}
	return h;
}

const struct work x87_works[] = {
	{ "x87", "x87-arithmetic", arithmetic, 2000000, 0 },
	{ "x87", "x87-series", series, 20000, 0 },
	{ "x87", "x87-transcendental", transcendental, 250000, 0 },
	{ "x87", "x87-conversions", conversions, 3000000, 0 },
	{ 0 }
};
