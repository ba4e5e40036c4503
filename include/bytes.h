/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte order. Two families:
 *   le32_to_cpu(x), cpu_to_le32(x)	typed fields of on-disk structures
 *   get_le32(p), put_le32(p, v)	any unaligned address
 */
#ifndef VMBOX_BYTES_H
#define VMBOX_BYTES_H

#include <string.h>
#include "compiler.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTES_LE(bits, v) (v)
#define BYTES_BE(bits, v) __builtin_bswap##bits(v)
#else
#define BYTES_LE(bits, v) __builtin_bswap##bits(v)
#define BYTES_BE(bits, v) (v)
#endif

#define BYTES_DEFINE(bits, en, EN) \
static inline u##bits en##bits##_to_cpu(__##en##bits x) \
{ return BYTES_##EN(bits, (__force u##bits)x); } \
static inline __##en##bits cpu_to_##en##bits(u##bits x) \
{ return (__force __##en##bits)BYTES_##EN(bits, x); } \
static inline u##bits get_##en##bits(const void *p) \
{ u##bits v; memcpy(&v, p, sizeof(v)); return BYTES_##EN(bits, v); } \
static inline void put_##en##bits(void *p, u##bits x) \
{ u##bits v = BYTES_##EN(bits, x); memcpy(p, &v, sizeof(v)); }

BYTES_DEFINE(16, le, LE)
BYTES_DEFINE(32, le, LE)
BYTES_DEFINE(64, le, LE)
BYTES_DEFINE(16, be, BE)
BYTES_DEFINE(32, be, BE)
BYTES_DEFINE(64, be, BE)

#endif
