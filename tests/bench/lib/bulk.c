// SPDX-License-Identifier: GPL-2.0-or-later
/* Throughput of checksums, scans and the JSON reader over a 64 KiB and a 16 MiB buffer, best of 7 runs. */
#include <stdio.h>
#include <string.h>
#include "checksum.h"
#include "json.h"
#include "lib/crc32c.h"
#include "lib/sha256.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define RUNS 7
#define SIZE (16 * MiB)

static u8 *a, *b;
static volatile u64 sink;

static void run_crc32(size_t n)		{ sink += crc32_update(0, a, n); }
static void run_crc32c(size_t n)	{ sink += crc32c_update(0, a, n); }
static void run_crc32c_table(size_t n)	{ sink += crc32c_update_table(0, a, n); }
static void run_zero(size_t n)		{ sink += buf_is_zero(a, n); }
static void run_diff(size_t n)		{ sink += buf_find_diff(a, b, n); }
static void run_memcmp(size_t n)	{ sink += (u64)memcmp(a, b, n); }

static void run_sha256(size_t n)
{
	u8 out[SHA256_SIZE];

	sha256(a, n, out);
	sink += out[0];
}

static void run_sha256_c(size_t n)
{
	u32 h[8] = { 0 };

	sha256_blocks_c(h, a, n / 64);
	sink += h[0];
}

static void run_md5(size_t n)
{
	struct md5 s;
	u8 out[MD5_SIZE];

	md5_init(&s);
	md5_update(&s, a, n);
	md5_final(&s, out);
	sink += out[0];
}

static double gigabytes(void (*fn)(size_t n), size_t n)
{
	size_t calls = SIZE / n;
	u64 best = ~0ULL;

	for (int run = 0; run < RUNS; run++) {
		u64 start = loop_now_ns();

		for (size_t i = 0; i < calls; i++)
			fn(n);
		best = MIN(best, loop_now_ns() - start);
	}
	return (double)(calls * n) / (double)best;
}

static void bench_json(void)
{
	struct strbuf text = STRBUF_INIT;
	u64 best = ~0ULL;

	strbuf_putc(&text, '[');
	for (int i = 0; i < 20000; i++)
		strbuf_printf(&text, "%s{\"start\": %d, \"length\": 65536, \"depth\": 0, \"zero\": false, \"file\": \"disk%d.qcow2\"}",
			      i ? ", " : "", i * 65536, i);
	strbuf_putc(&text, ']');
	for (int run = 0; run < RUNS; run++) {
		u64 start = loop_now_ns();
		struct json *j = json_parse(text.s, text.len, NULL, NULL);

		best = MIN(best, loop_now_ns() - start);
		json_free(j);
	}
	printf("%-22s %10.3f GB/s\n", "json_parse", (double)text.len / (double)best);
	strbuf_free(&text);
}

int main(void)
{
	static const struct { const char *name; void (*fn)(size_t n); } funcs[] = {
		{ "crc32", run_crc32 }, { "crc32c", run_crc32c }, { "crc32c by table", run_crc32c_table }, { "sha256", run_sha256 },
		{ "sha256 in C", run_sha256_c }, { "md5", run_md5 }, { "buf_is_zero", run_zero }, { "buf_find_diff", run_diff },
		{ "memcmp", run_memcmp },
	};

	a = mem_pages(SIZE);
	b = mem_pages(SIZE);
	if (!a || !b)
		return 1;
	memset(a, 0, SIZE);
	memset(b, 0, SIZE);
	printf("%-22s %10s %15s\n", "", "64 KiB", "16 MiB");
	for (size_t i = 0; i < ARRAY_SIZE(funcs); i++)
		printf("%-22s %10.2f %10.2f GB/s\n", funcs[i].name, gigabytes(funcs[i].fn, 65536), gigabytes(funcs[i].fn, SIZE));
	bench_json();
	return 0;
}
