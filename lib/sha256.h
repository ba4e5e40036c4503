/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two compression functions of SHA-256; tests compare them. The _ni one needs HOSTCPU_SHA and HOSTCPU_SSE41. */
#ifndef VMBOX_LIB_SHA256_H
#define VMBOX_LIB_SHA256_H

#include "compiler.h"

extern const u32 sha256_k[64];
void sha256_blocks_c(u32 h[8], const u8 *p, size_t blocks);
void sha256_blocks_ni(u32 h[8], const u8 *p, size_t blocks);

#endif
