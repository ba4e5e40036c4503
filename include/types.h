/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fixed-width types that all rooms share, in the kernel's spelling.
 * u64 is unsigned long long everywhere (print it with %llu or %llx).
 * __le32-style types mark on-disk and wire data; sparse checks them
 * (-D__CHECKER__), for the compiler they are plain integers. Read and
 * write them through bytes.h.
 */
#ifndef VMBOX_TYPES_H
#define VMBOX_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef unsigned char		u8;
typedef unsigned short		u16;
typedef unsigned int		u32;
typedef unsigned long long	u64;
typedef signed char		s8;
typedef signed short		s16;
typedef signed int		s32;
typedef signed long long	s64;
typedef unsigned __int128	u128;
typedef signed __int128		s128;

#ifdef __CHECKER__
#define __bitwise __attribute__((bitwise))
#define __force   __attribute__((force))
#else
#ifndef __bitwise
#define __bitwise
#endif
#ifndef __force
#define __force
#endif
#endif

typedef u16 __bitwise __le16;
typedef u32 __bitwise __le32;
typedef u64 __bitwise __le64;
typedef u16 __bitwise __be16;
typedef u32 __bitwise __be32;
typedef u64 __bitwise __be64;

#define KiB (1ULL << 10)
#define MiB (1ULL << 20)
#define GiB (1ULL << 30)
#define TiB (1ULL << 40)

#endif
