/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For cellgen's C source, which includes it before cell-config.h. */
#include <stdint.h>
typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;
