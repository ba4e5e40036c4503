/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checksums. The CRCs take and return the finished value (as zlib's crc32():
 * start with 0, feed pieces in order), so crc(crc(0, a), b) == crc(0, ab).
 */
#ifndef VMBOX_CHECKSUM_H
#define VMBOX_CHECKSUM_H

#include "compiler.h"

/* CRC-32, polynomial 0xedb88320 reflected (zlib, GPT, Ethernet). */
u32 crc32_update(u32 crc, const void *p, size_t n);
/* CRC-32C, Castagnoli, 0x82f63b78 reflected (VHDX, qcow2, iSCSI). SSE4.2 when the CPU has it. */
u32 crc32c_update(u32 crc, const void *p, size_t n);
/* CRC-16/CCITT as used by ITU-T V.41 and XMODEM: 0x1021, not reflected, start 0. */
u16 crc16_update(u16 crc, const void *p, size_t n);

/* SHA-256, FIPS 180-4. SHA instructions when the CPU has them. */
#define SHA256_SIZE 32
struct sha256 {
	u32 h[8];
	u64 len;
	u8 buf[64];
};
void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *p, size_t n);
void sha256_final(struct sha256 *s, u8 out[SHA256_SIZE]);
void sha256(const void *p, size_t n, u8 out[SHA256_SIZE]);

/* MD5, RFC 1321: for formats that name it, never for security. */
#define MD5_SIZE 16
struct md5 {
	u32 h[4];
	u64 len;
	u8 buf[64];
};
void md5_init(struct md5 *s);
void md5_update(struct md5 *s, const void *p, size_t n);
void md5_final(struct md5 *s, u8 out[MD5_SIZE]);

#endif
