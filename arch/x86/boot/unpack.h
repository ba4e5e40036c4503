/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels unpacked on the host, where it takes a tenth of a second: what a
 * bzImage carries, in the formats that Linux uses for it.
 */
#ifndef VMBOX_X86_BOOT_UNPACK_H
#define VMBOX_X86_BOOT_UNPACK_H

#include <errno.h>
#include "config.h"
#include "compiler.h"
#include "err.h"

#define UNPACK_MAX	(512 * MiB)

#if IS_ENABLED(CONFIG_BOOT_UNPACK)
/*
 * The contents of [in, in + len) by its magic number; *out is the caller's to
 * free with mem_free(). -ENOTSUP: a format we lack; -EINVAL: damaged, or more than UNPACK_MAX.
 */
int boot_unpack(const u8 *in, u64 len, u8 **out, u64 *out_len, struct err *err);
#else
static inline int boot_unpack(const u8 *in, u64 len, u8 **out, u64 *out_len, struct err *err)
{
	(void)in;
	(void)len;
	(void)out;
	(void)out_len;
	return err_set(err, ENOTSUP, "unpacking kernels is not built in");
}
#endif

#endif
