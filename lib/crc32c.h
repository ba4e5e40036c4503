/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ways to a CRC-32C; tests compare them. crc32c_update_sse42() needs HOSTCPU_SSE42. */
#ifndef VMBOX_LIB_CRC32C_H
#define VMBOX_LIB_CRC32C_H

#include "compiler.h"

u32 crc32c_update_table(u32 crc, const void *p, size_t n);
u32 crc32c_update_sse42(u32 crc, const void *p, size_t n);

#endif
