// SPDX-License-Identifier: GPL-2.0-or-later
/* Integer workloads: arithmetic, branches, calls, tables, the inner loops of usual programs. */
#include "work.h"

#include <stdlib.h>
#include <string.h>

static u64 alu(u64 n)
{
	u64 a = 1, b = 2, c = 3;

	while (n--) {
		a += b ^ (c >> 3);
		b = (b << 13 | b >> 51) - a;
		c ^= a * 5 + (b & 0xff00ff);
	}
	return mix(a, mix(b, c));
}

static u64 multiply(u64 n)
{
	u64 a = 0x123456789abcdefULL, h = 0;

	while (n--) {
		unsigned __int128 p = (unsigned __int128)a * (a | 1);

		a = (u64)p ^ (u64)(p >> 64);
		h += a;
	}
	return h;
}

static u64 divide(u64 n)
{
	u64 s = 99, h = 0;

	while (n--) {
		u64 r = next_random(&s);

		h += r / ((r >> 40) | 1) + (u32)r % ((u32)(r >> 50) | 3);
		h += (u64)((s64)r / ((s64)(r << 30 >> 40) | 1));
	}
	return h;
}

static u64 collatz(u64 n)
{
	u64 steps = 0;

	for (u64 i = 1; i <= n; i++)
		for (u64 v = i; v != 1; steps++)
			v = v & 1 ? 3 * v + 1 : v / 2;
	return steps;
}

static u64 branches(u64 n)
{
	u64 s = 7, a = 0, b = 0;

	while (n--) {
		u64 r = next_random(&s);

		if (r & 1)
			a += r;
		else
			b ^= r;
		if ((r & 6) == 2)
			a = b + 1;
		if ((s64)r < 0 && (r & 0xff) > 100)
			b -= a;
	}
	return mix(a, b);
}

static u64 crc_table(u64 n)
{
	static u32 table[256];
	static u8 data[4096];
	u32 crc = ~0u;
	u64 s = 5;

	for (u32 i = 0; i < 256; i++) {
		u32 c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		table[i] = c;
	}
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)next_random(&s);
	while (n--)
		for (size_t i = 0; i < sizeof(data); i++)
			crc = table[(u8)crc ^ data[i]] ^ crc >> 8;
	return crc;
}

static inline u32 ror(u32 v, int c)
{
	return v >> c | v << (32 - c);
}

static u64 sha(u64 n)
{
	u32 st[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, w[64];
	u64 s = 3;

	while (n--) {
		u32 v[8];

		for (int i = 0; i < 16; i++)
			w[i] = (u32)next_random(&s);
		for (int i = 16; i < 64; i++)
			w[i] = w[i - 16] + w[i - 7] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) +
			       (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
		memcpy(v, st, sizeof(v));
		for (int i = 0; i < 64; i++) {
			u32 t1 = v[7] + (ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) +
				 0x428a2f98u * (u32)(i + 1) + w[i];
			u32 t2 = (ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

			memmove(v + 1, v, 7 * sizeof(u32));
			v[4] += t1;
			v[0] = t1 + t2;
		}
		for (int i = 0; i < 8; i++)
			st[i] += v[i];
	}
	return checksum_of(st, sizeof(st));
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 sort(u64 n)
{
	u64 *v = pages(n * 8), s = 11, h;

	for (u64 i = 0; i < n; i++)
		v[i] = next_random(&s);
	qsort(v, n, 8, compare);
	h = checksum_of(v, n * 8);
	return h;
}

static u64 hash_table(u64 n)
{
	enum { SIZE = 1 << 16 };
	static u64 key[SIZE], val[SIZE];
	u64 s = 21, found = 0;

	memset(key, 0, sizeof(key));
	while (n--) {
		u64 k = next_random(&s) % 50000 + 1, i = k * 0x9e3779b97f4a7c15ULL >> 48;

		while (key[i] && key[i] != k)
			i = (i + 1) % SIZE;
		found += key[i] == k;
		key[i] = k;
		val[i] += n;
	}
	return mix(found, checksum_of(val, sizeof(val)));
}

static u64 strings(u64 n)
{
	char text[256], *p;
	u64 h = 0;

	while (n--) {
		size_t len = 0;

		for (p = text; p < text + 200; p++)
			*p = "the quick brown fox "[(u64)(p - text + (s64)n) % 20];
		*p = '\0';
		for (char *q = text; (q = strchr(q, 'q')); q++)
			h += (u64)(q - text);
		while (text[len])
			len++;
		for (char *a = text, *b = text + len - 1; a < b; a++, b--) {
			char c = *a;

			*a = *b;
			*b = c;
		}
		h += len + (u64)(strstr(text, "xof") - text);
	}
	return h;
}

static u64 big_numbers(u64 n)
{
	u64 a[64], b[64], r[128], s = 17, h = 0;

	for (int i = 0; i < 64; i++) {
		a[i] = next_random(&s);
		b[i] = next_random(&s);
	}
	while (n--) {
		memset(r, 0, sizeof(r));
		for (int i = 0; i < 64; i++) {
			unsigned __int128 carry = 0;

			for (int k = 0; k < 64; k++) {
				carry += (unsigned __int128)a[i] * b[k] + r[i + k];
				r[i + k] = (u64)carry;
				carry >>= 64;
			}
			r[i + 64] = (u64)carry;
		}
		h = mix(h, r[70]);
		a[n % 64] ^= r[64];
	}
	return h;
}

static u64 sieve(u64 n)
{
	u8 *mark = pages(n + 1);
	u64 count = 0;

	memset(mark, 1, n + 1);
	for (u64 i = 2; i <= n; i++) {
		count += mark[i];
		for (u64 k = i * i; mark[i] && k <= n; k += i)
			mark[k] = 0;
	}
	return count;
}

/* A byte-code machine: a computed jump for each of its instructions. */
static u64 bytecode(u64 n)
{
	static const u8 program[] = { 0, 1, 3, 2, 4, 0, 5, 1, 6, 3, 2, 0, 7 };
	static void *const labels[] = { &&add, &&xor, &&rot, &&sub, &&swap, &&inc, &&mul, &&end };
	u64 a = 1, b = 2, t;
	const u8 *pc = program;

#define NEXT goto *labels[*pc++]
	NEXT;
add:	a += b; NEXT;
xor:	b ^= a; NEXT;
rot:	a = a << 7 | a >> 57; NEXT;
sub:	b -= a; NEXT;
swap:	t = a; a = b; b = t; NEXT;
inc:	a++; NEXT;
mul:	b *= a | 1; NEXT;
end:	pc = program;
	if (n--)
		NEXT;
#undef NEXT
	return mix(a, b);
}

static __attribute__((noinline)) u64 fib(u64 n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static u64 calls(u64 n)
{
	u64 h = 0;

	while (n--) {
		__asm__ volatile("" : "+r"(n));
		h += fib(18);
	}
	return h;
}

static __attribute__((noinline)) u64 f_add(u64 a) { return a + 3; }
static __attribute__((noinline)) u64 f_xor(u64 a) { return a ^ 0x55; }
static __attribute__((noinline)) u64 f_mul(u64 a) { return a * 9; }
static __attribute__((noinline)) u64 f_rot(u64 a) { return a << 3 | a >> 61; }

static u64 pointers(u64 n)
{
	static u64 (*const volatile table[])(u64) = { f_add, f_xor, f_mul, f_rot };
	u64 s = 31, a = 1;

	while (n--)
		a = table[next_random(&s) & 3](a);
	return a;
}

__attribute__((target("popcnt,bmi,bmi2,lzcnt"))) static u64 bits(u64 n)
{
	u64 s = 41, h = 0;

	while (n--) {
		u64 r = next_random(&s) | 1;

		h += (u64)__builtin_popcountll(r) + (u64)__builtin_ctzll(r) + (u64)__builtin_clzll(r);
		h ^= (r & (r - 1)) + __builtin_ia32_pext_di(r, 0x0f0f0f0f0f0f0f0fULL) + __builtin_ia32_pdep_di(r, 0xff00ff00ff00ULL);
		h += __builtin_bswap64(r);
	}
	return h;
}

static u64 compress(u64 n)
{
	enum { SIZE = 1 << 18 };
	static u8 in[SIZE];
	static u32 last[1 << 14];
	u64 s = 51, h = 0;

	for (size_t i = 0; i < SIZE; i++)
		in[i] = (u8)(next_random(&s) % 7 * (i / 64 % 5));
	while (n--) {
		memset(last, 0, sizeof(last));
		for (u32 i = 4; i + 8 < SIZE;) {
			u32 v, at, len = 0;

			memcpy(&v, in + i, 4);
			at = last[v * 2654435761u >> 18];
			last[v * 2654435761u >> 18] = i;
			while (at && i + len < SIZE && len < 255 && in[at + len] == in[i + len])
				len++;
			h = mix(h, len);
			i += len > 3 ? len : 1;
		}
	}
	return h;
}

const struct work integer_works[] = {
	{ "integer", "alu", alu, 30000000, 0 },
	{ "integer", "multiply", multiply, 15000000, 0 },
	{ "integer", "divide", divide, 2500000, 0 },
	{ "integer", "collatz", collatz, 200000, 0 },
	{ "integer", "branches", branches, 6000000, 0 },
	{ "integer", "crc-table", crc_table, 6000, 0 },
	{ "integer", "sha256", sha, 120000, 0 },
	{ "integer", "sort", sort, 400000, 0 },
	{ "integer", "hash-table", hash_table, 3000000, 0 },
	{ "integer", "strings", strings, 100000, 0 },
	{ "integer", "big-numbers", big_numbers, 15000, 0 },
	{ "integer", "sieve", sieve, 8000000, 0 },
	{ "integer", "bytecode", bytecode, 5000000, 0 },
	{ "integer", "calls", calls, 6000, 0 },
	{ "integer", "pointers", pointers, 6000000, 0 },
	{ "integer", "bits", bits, 10000000, "bmi2" },
	{ "integer", "compress", compress, 40, 0 },
	{ 0 }
};
