// SPDX-License-Identifier: GPL-2.0-or-later
/* Checksums against the published vectors, the two ways of each against one another, and pieces against the whole. */
#include <stdio.h>
#include "checksum.h"
#include "hostcpu.h"
#include "lib/crc32c.h"
#include "lib/sha256.h"
#include "mem.h"
#include "test.h"

static const char digits[] = "123456789";

static void fill(u8 *p, size_t n, u32 seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (u8)(seed >> 24);
	}
}

static void hex(char *out, const u8 *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", p[i]);
}

/* The check values of the CRC catalogues. */
TEST(crc_check_values)
{
	CHECK_EQ(crc32_update(0, digits, 9), 0xcbf43926u);
	CHECK_EQ(crc32c_update(0, digits, 9), 0xe3069283u);
	CHECK_EQ(crc32c_update_table(0, digits, 9), 0xe3069283u);
	CHECK_EQ(crc16_update(0, digits, 9), 0x31c3);
	CHECK_EQ(crc32_update(0, "", 0), 0);
}

/* RFC 3720, B.4 */
TEST(crc32c_iscsi_vectors)
{
	u8 buf[32];

	memset(buf, 0, sizeof(buf));
	CHECK_EQ(crc32c_update(0, buf, 32), 0x8a9136aau);
	memset(buf, 0xff, sizeof(buf));
	CHECK_EQ(crc32c_update(0, buf, 32), 0x62a8ab43u);
	for (int i = 0; i < 32; i++)
		buf[i] = (u8)i;
	CHECK_EQ(crc32c_update(0, buf, 32), 0x46dd794eu);
}

TEST(crc32c_instruction_agrees_with_table)
{
	static u8 buf[20000];

	if (!hostcpu_has(HOSTCPU_SSE42))
		test_skip("the CPU has no SSE4.2");
	fill(buf, sizeof(buf), 7);
	for (size_t n = 0; n + 7 < sizeof(buf); n += n < 2000 ? 7 : 1511)
		CHECK_EQ(crc32c_update_sse42((u32)n, buf + (n & 7), n), crc32c_update_table((u32)n, buf + (n & 7), n));
}

TEST(crc_in_pieces)
{
	u8 buf[1000];

	fill(buf, sizeof(buf), 3);
	for (size_t cut = 0; cut <= sizeof(buf); cut += 13) {
		CHECK_EQ(crc32_update(crc32_update(0, buf, cut), buf + cut, sizeof(buf) - cut), crc32_update(0, buf, sizeof(buf)));
		CHECK_EQ(crc32c_update(crc32c_update(0, buf, cut), buf + cut, sizeof(buf) - cut), crc32c_update(0, buf, sizeof(buf)));
		CHECK_EQ(crc16_update(crc16_update(0, buf, cut), buf + cut, sizeof(buf) - cut), crc16_update(0, buf, sizeof(buf)));
	}
}

static void check_sha256(const char *text, size_t n, const char *want)
{
	u8 out[SHA256_SIZE];
	char got[2 * SHA256_SIZE + 1];

	sha256(text, n, out);
	hex(got, out, sizeof(out));
	CHECK_STR_EQ(got, want);
}

/* FIPS 180-4 examples. */
TEST(sha256_examples)
{
	check_sha256("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_sha256("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(sha256_million_a)
{
	char *a = mem_alloc(1000000);

	memset(a, 'a', 1000000);
	check_sha256(a, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	mem_free(a);
}

TEST(sha256_in_pieces)
{
	u8 buf[300], whole[SHA256_SIZE], pieces[SHA256_SIZE];
	struct sha256 s;

	fill(buf, sizeof(buf), 5);
	for (size_t n = 0; n <= sizeof(buf); n += 3) {
		sha256(buf, n, whole);
		sha256_init(&s);
		for (size_t at = 0, step; at < n; at += step) {
			step = MIN(1 + at % 71, n - at);
			sha256_update(&s, buf + at, step);
		}
		sha256_final(&s, pieces);
		CHECK_MEM_EQ(pieces, whole, SHA256_SIZE);
	}
}

TEST(sha256_instructions_agree_with_c)
{
	u8 buf[64 * 9];
	u32 a[8], b[8];

	if (!hostcpu_has(HOSTCPU_SHA | HOSTCPU_SSE41))
		test_skip("the CPU has no SHA instructions");
	fill(buf, sizeof(buf), 11);
	for (int i = 0; i < 8; i++)
		a[i] = b[i] = 0x01234567u * (u32)(i + 3);
	sha256_blocks_c(a, buf, 9);
	sha256_blocks_ni(b, buf, 9);
	CHECK_MEM_EQ(b, a, sizeof(a));
}

/* RFC 1321, A.5 */
TEST(md5_suite)
{
	static const char *const cases[][2] = {
		{ "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ "a", "0cc175b9c0f1b6a831c399e269772661" },
		{ "abc", "900150983cd24fb0d6963f7d28e17f72" },
		{ "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
		{ "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b" },
		{ "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		  "57edf4a22be3c955ac49da2e2107b67a" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct md5 s;
		u8 out[MD5_SIZE];
		char got[2 * MD5_SIZE + 1];

		md5_init(&s);
		for (const char *p = cases[i][0]; *p; p++)	/* a byte at a time crosses every boundary */
			md5_update(&s, p, 1);
		md5_final(&s, out);
		hex(got, out, sizeof(out));
		CHECK_STR_EQ(got, cases[i][1]);
	}
}
