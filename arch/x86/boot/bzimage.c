// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bzImage (Linux's Documentation/arch/x86/boot.rst, protocol 2.12 and later):
 * the protected-mode part is put at 1 MiB and entered at its 64-bit entry;
 * the kernel's own decompressor does the rest.
 */
#include <errno.h>
#include "bytes.h"
#include "x86/boot.h"

#define HDR_SETUP_SECTS		0x1f1
#define HDR_SYSSIZE		0x1f4
#define HDR_VERSION		0x206
#define HDR_LOADFLAGS		0x211
#define HDR_INITRD_ADDR_MAX	0x22c
#define HDR_RELOCATABLE		0x234
#define HDR_XLOADFLAGS		0x236
#define  XLF_KERNEL_64		0x0001
#define HDR_PREF_ADDRESS	0x258
#define HDR_INIT_SIZE		0x260

#define LOAD_ADDR		0x100000ULL
#define ENTRY64			0x200

int boot_bzimage(struct boot_image *b, const struct boot_params_in *in, const u8 *file, u64 len, struct err *err)
{
	u64 setup = ((u64)(file[HDR_SETUP_SECTS] ? file[HDR_SETUP_SECTS] : 4) + 1) * 512;
	u64 size = (u64)get_le32(file + HDR_SYSSIZE) * 16, need;
	int ret;

	if (get_le16(file + HDR_VERSION) < 0x020c || !(get_le16(file + HDR_XLOADFLAGS) & XLF_KERNEL_64))
		return err_set(err, ENOTSUP, "'%s': the kernel has no 64-bit entry (boot protocol 2.12 is needed)", in->kernel);
	if (setup + size > len || size < ENTRY64 + 64)
		return err_set(err, EINVAL, "'%s' is cut short: %llu bytes, its header says %llu", in->kernel, len, setup + size);
	need = get_le64(file + HDR_PREF_ADDRESS) + get_le32(file + HDR_INIT_SIZE);
	if (need > in->below_4g || LOAD_ADDR + size > in->below_4g)
		return err_set(err, ENOMEM, "'%s' needs %llu MiB of memory, the guest has %llu", in->kernel, (need >> 20) + 1,
			       in->below_4g >> 20);
	ret = boot_image_add(b, LOAD_ADDR, file + setup, size, false, err);
	if (ret < 0)
		return ret;
	return boot_linux_setup(b, in, file, LOAD_ADDR + ENTRY64, get_le32(file + HDR_INITRD_ADDR_MAX), err);
}
