// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bzImage (Linux's Documentation/arch/x86/boot.rst, protocol 2.12 and later):
 * the protected-mode part is put at 1 MiB and entered at its 64-bit entry;
 * the kernel's own decompressor does the rest.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "unpack.h"
#include "x86/boot.h"

#define HDR_SETUP_SECTS		0x1f1
#define HDR_SYSSIZE		0x1f4
#define HDR_VERSION		0x206
#define HDR_LOADFLAGS		0x211
#define HDR_INITRD_ADDR_MAX	0x22c
#define HDR_RELOCATABLE		0x234
#define HDR_XLOADFLAGS		0x236
#define  XLF_KERNEL_64		0x0001
#define HDR_PAYLOAD		0x248	/* from the protected-mode part on */
#define HDR_PAYLOAD_LEN		0x24c
#define HDR_PREF_ADDRESS	0x258
#define HDR_INIT_SIZE		0x260

#define LOAD_ADDR		0x100000ULL
#define ENTRY64			0x200

/*
 * The ELF kernel inside, at the addresses it was linked for, entered where its
 * own loader would enter it: in 64-bit mode with the same registers.
 */
static int load_unpacked(struct boot_image *b, const struct boot_params_in *in, const u8 *file, const u8 *code, u64 size,
			 struct err *err)
{
	u64 off = get_le32(file + HDR_PAYLOAD), n = get_le32(file + HDR_PAYLOAD_LEN), len = 0, end;
	u8 *elf = NULL;

	if (off > size || n > size - off)
		return err_set(err, EINVAL, "'%s': the packed kernel is not in the file", in->kernel);
	if (boot_unpack(code + off, n, &elf, &len, err) < 0)
		return err_prefix(err, "'%s'", in->kernel);
	b->unpacked = elf;
	if (len < sizeof(Elf64_Ehdr) || memcmp(elf, ELFMAG, SELFMAG) || elf[EI_CLASS] != ELFCLASS64)
		return err_set(err, EINVAL, "'%s': what is packed in it is no 64-bit kernel", in->kernel);
	if (boot_elf_segments(b, in, elf, len, &end, err) < 0)
		return -err->code;
	return boot_linux_setup(b, in, file, get_le64(elf + offsetof(Elf64_Ehdr, e_entry)), get_le32(file + HDR_INITRD_ADDR_MAX),
				err);
}

int boot_bzimage(struct boot_image *b, const struct boot_params_in *in, const u8 *file, u64 len, struct err *err)
{
	u64 setup = ((u64)(file[HDR_SETUP_SECTS] ? file[HDR_SETUP_SECTS] : 4) + 1) * 512;
	u64 size = (u64)get_le32(file + HDR_SYSSIZE) * 16, need;
	int ret;

	if (get_le16(file + HDR_VERSION) < 0x020c || !(get_le16(file + HDR_XLOADFLAGS) & XLF_KERNEL_64))
		return err_set(err, ENOTSUP, "'%s': the kernel has no 64-bit entry (boot protocol 2.12 is needed)", in->kernel);
	if (setup + size > len && setup + size - len < 16)	/* the header counts in units of 16 bytes */
		size = len - setup;
	if (setup + size > len || size < ENTRY64 + 64)
		return err_set(err, EINVAL, "'%s' is cut short: %llu bytes, its header says %llu", in->kernel, len, setup + size);
	need = get_le64(file + HDR_PREF_ADDRESS) + get_le32(file + HDR_INIT_SIZE);
	if (need > in->below_4g || LOAD_ADDR + size > in->below_4g)
		return err_set(err, ENOMEM, "'%s' needs %llu MiB of memory, the guest has %llu", in->kernel, (need >> 20) + 1,
			       in->below_4g >> 20);
	if (in->unpack)
		return load_unpacked(b, in, file, file + setup, size, err);
	ret = boot_image_add(b, LOAD_ADDR, file + setup, size, false, err);
	if (ret < 0)
		return ret;
	return boot_linux_setup(b, in, file, LOAD_ADDR + ENTRY64, get_le32(file + HDR_INITRD_ADDR_MAX), err);
}
