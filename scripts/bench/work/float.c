// SPDX-License-Identifier: GPL-2.0-or-later
/* Scalar floating point as compilers make it: SSE2 instructions, one number at a time. */
#include "work.h"

#include <math.h>
#include <string.h>

static u64 of(double v)
{
	u64 r;

	memcpy(&r, &v, 8);
	return r;
}

static u64 nbody(u64 n)
{
	double p[5][3] = { { 0 }, { 4.84, -1.16, -.10 }, { 8.34, 4.12, -.4 }, { 12.89, -15.11, -.22 }, { 15.37, -25.9, .179 } };
	double v[5][3] = { { 0 }, { .6, 2.8, -.02 }, { -1.01, 1.8, .008 }, { 1.08, .86, -.01 }, { .97, .59, -.03 } };
	static const double m[5] = { 39.47, .037, .011, .0017, .002 };

	while (n--) {
		for (int i = 0; i < 5; i++)
			for (int k = i + 1; k < 5; k++) {
				double d[3], q = 0, f;

				for (int c = 0; c < 3; c++) {
					d[c] = p[i][c] - p[k][c];
					q += d[c] * d[c];
				}
				f = .01 / (q * sqrt(q));
				for (int c = 0; c < 3; c++) {
					v[i][c] -= d[c] * m[k] * f;
					v[k][c] += d[c] * m[i] * f;
				}
			}
		for (int i = 0; i < 5; i++)
			for (int c = 0; c < 3; c++)
				p[i][c] += .01 * v[i][c];
	}
	return mix(of(p[0][0]), of(p[4][2]));
}

static u64 mandelbrot(u64 n)
{
	u64 h = 0;

	for (u64 y = 0; y < n; y++)
		for (u64 x = 0; x < n; x++) {
			double cr = 3.0 * (double)x / (double)n - 2, ci = 2.0 * (double)y / (double)n - 1, r = 0, i = 0;
			int k = 0;

			for (; k < 100 && r * r + i * i < 4; k++) {
				double t = r * r - i * i + cr;

				i = 2 * r * i + ci;
				r = t;
			}
			h = mix(h, (u64)k);
		}
	return h;
}

static u64 spectral(u64 n)
{
	static double u[400], v[400];
	enum { N = 400 };

	for (int i = 0; i < N; i++)
		u[i] = 1;
	while (n--) {
		for (int i = 0; i < N; i++) {
			double s = 0;

			for (int k = 0; k < N; k++)
				s += u[k] / (double)((i + k) * (i + k + 1) / 2 + i + 1);
			v[i] = s;
		}
		for (int i = 0; i < N; i++)
			u[i] = v[i] / v[0];
	}
	return checksum_of(u, sizeof(u));
}

static u64 fourier(u64 n)
{
	enum { N = 1024 };
	static double re[N], im[N], cs[N], sn[N];
	u64 s = 3;

	for (int i = 0; i < N; i++) {
		re[i] = (double)(s32)next_random(&s);
		cs[i] = cos(2 * M_PI * i / N);
		sn[i] = sin(2 * M_PI * i / N);
	}
	while (n--) {
		for (int len = N / 2; len; len /= 2)
			for (int i = 0; i < N; i += 2 * len)
				for (int k = 0; k < len; k++) {
					int a = i + k, b = a + len, w = k * (N / 2 / len);
					double tr = re[a] - re[b], ti = im[a] - im[b];

					re[a] = (re[a] + re[b]) * .5;
					im[a] = (im[a] + im[b]) * .5;
					re[b] = (tr * cs[w] + ti * sn[w]) * .5;
					im[b] = (ti * cs[w] - tr * sn[w]) * .5;
				}
		re[n % N] += 1e9;
	}
	return mix(checksum_of(re, sizeof(re)), checksum_of(im, sizeof(im)));
}

static u64 single(u64 n)
{
	float a = 1.5f, b = .25f, c = 3.f;

	while (n--) {
		a = a * .99f + b;
		b = b * 1.01f - c * .001f;
		c = (a - b) * .5f + c * .5f;
		if (a > 100.f || b < -100.f)
			a = b = 1.f;
	}
	return mix(of(a), mix(of(b), of(c)));
}

static u64 roots(u64 n)
{
	double a = 2, h = 0;

	while (n--) {
		a = sqrt(a * 3 + 1) + 1 / (a + 2);
		h += a / 3;
	}
	return of(h);
}

static u64 conversions(u64 n)
{
	u64 s = 9, h = 0;

	while (n--) {
		s64 r = (s64)next_random(&s);
		double d = (double)r;
		float f = (float)(s32)r;

		h += (u64)(s64)(d * .5) + (u64)(s32)f + (u64)(d > 0) + of((double)f);
	}
	return h;
}

static u64 library(u64 n)
{
	double h = 0, x = .001;

	while (n--) {
		h += sin(x) + exp(-x) * log(x + 1) + pow(x, .3) + atan(x);
		x += .01;
	}
	return of(h);
}

const struct work float_works[] = {
	{ "float", "nbody", nbody, 500000, 0 },
	{ "float", "mandelbrot", mandelbrot, 600, 0 },
	{ "float", "spectral-norm", spectral, 160, 0 },
	{ "float", "fourier", fourier, 3000, 0 },
	{ "float", "single", single, 8000000, 0 },
	{ "float", "roots", roots, 4000000, 0 },
	{ "float", "conversions", conversions, 12000000, 0 },
	{ "float", "libm", library, 1000000, 0 },
	{ 0 }
};
