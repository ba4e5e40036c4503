// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Disk image: a GPT with one EFI system partition (FAT32) that holds the
 * unified kernel image where EFI firmware looks for it by itself; a BIOS finds
 * a loader in the MBR and in the volume's reserved sectors (bios.S), which
 * takes kernel, initramfs and command line out of the same file. All ids come
 * from the image's label.
 */
#include "appliance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bytes.h"
#include "fat.h"
#include "gpt.h"

#define DISK_BOOT_PATH "EFI/BOOT/BOOTX64.EFI"	/* UEFI 2.10, 3.5.1.1 */

/* Where things are; in sectors. */
static int place(struct fat *fat, struct fat_opts *opts, u64 size, struct gpt_part *part,
		 struct gpt *gpt, struct err *err)
{
	u64 first = GPT_ALIGN / GPT_SECTOR, bytes;
	int rc;

	if (size % GPT_SECTOR || (size && size < 2 * GPT_ALIGN))
		return err_set(err, EINVAL, "%llu bytes: not a size for a disk", size);
	if (size)
		opts->size = ALIGN_DOWN(size - GPT_ALIGN - GPT_TAIL * GPT_SECTOR, GPT_ALIGN);
	rc = fat_measure(fat, opts, &bytes, err);
	if (rc)
		return rc;
	/* Whole MiB, with room for the copy of the table behind. */
	opts->size = ALIGN_UP(bytes, GPT_ALIGN);
	part->first = first;
	part->last = first + opts->size / GPT_SECTOR - 1;
	gpt->sectors = (size ? size : 2 * GPT_ALIGN + opts->size) / GPT_SECTOR;
	return gpt_check(gpt, err);
}

/* ---- BIOS ---- */

/* Fields of boot_loader in bios.S. */
#define BOOT_KERNEL_LBA		16
#define BOOT_INITRD_LBA		24
#define BOOT_CMDLINE_LBA	32
#define BOOT_KERNEL_LEN		40
#define BOOT_INITRD_LEN		44
#define BOOT_CMDLINE_LEN	48
#define BOOT_INITRD_ADDR	52
#define MBR_CODE		440
#define MBR_LBA			432

#define LINUX_PREF_ADDRESS	0x258	/* in its setup header */
#define LINUX_INIT_SIZE		0x260
#define LINUX_HEADER_END	0x264

struct bios_boot {
	u8 mbr[MBR_CODE];
	u8 loader[FAT_BOOT_MAX];
};

/* A section's place and length into the loader's table. uki_lba: where the file begins. */
static int put_place(struct bios_boot *b, const struct bytes *uki, const char *name, u64 uki_lba,
		     unsigned lba_field, unsigned len_field, u32 *offset)
{
	u32 len;
	int rc = uki_find(uki, name, offset, &len);

	if (rc || *offset % GPT_SECTOR)
		return rc ? rc : -EINVAL;
	put_le64(b->loader + lba_field, uki_lba + *offset / GPT_SECTOR);
	put_le32(b->loader + len_field, len);
	return 0;
}

/*
 * The loader reads the parts of the unified kernel image at their places on
 * the disk. The initramfs goes behind all that the kernel needs while it
 * unpacks itself.
 */
static int fill_boot(struct bios_boot *b, const struct bytes *uki, u64 volume, u64 uki_lba, struct err *err)
{
	u32 at, initrd, cmdline;
	u64 end;

	memset(b, 0, sizeof(*b));
	memcpy(b->mbr, boot_mbr, (size_t)(boot_mbr_end - boot_mbr));
	put_le64(b->mbr + MBR_LBA, volume + FAT_BOOT_CODE);
	memcpy(b->loader, boot_loader, (size_t)(boot_loader_end - boot_loader));
	if (put_place(b, uki, ".linux", uki_lba, BOOT_KERNEL_LBA, BOOT_KERNEL_LEN, &at) ||
	    put_place(b, uki, ".initrd", uki_lba, BOOT_INITRD_LBA, BOOT_INITRD_LEN, &initrd) ||
	    put_place(b, uki, ".cmdline", uki_lba, BOOT_CMDLINE_LBA, BOOT_CMDLINE_LEN, &cmdline) ||
	    get_le32(b->loader + BOOT_KERNEL_LEN) < LINUX_HEADER_END)
		return err_set(err, EINVAL, "the unified kernel image lacks a section");
	end = get_le64(uki->data + at + LINUX_PREF_ADDRESS) + get_le32(uki->data + at + LINUX_INIT_SIZE);
	if (end > UINT32_MAX / 2)
		return err_set(err, EINVAL, "the kernel's header is not sane");
	put_le32(b->loader + BOOT_INITRD_ADDR, (u32)ALIGN_UP(end, 4096ULL));
	return 0;
}

/* ---- the disk ---- */

static int write_parts(const struct gpt *gpt, struct fat *fat, const struct fat_opts *opts, struct sink *out, struct err *err)
{
	int rc = gpt_write_head(gpt, out, err);

	if (!rc)
		rc = sink_zero_until(out, GPT_ALIGN, err);
	if (!rc)
		rc = fat_write(fat, opts, out, err);
	return rc ? rc : gpt_write_tail(gpt, out, err);
}

int disk_write(const struct bytes *uki, const char *label, u64 size, u32 mtime,
	       struct sink *out, struct err *err)
{
	struct gpt_part part = {
		.type = gpt_type_esp, .id = guid_from_name(label, "esp"), .name = "EFI system",
	};
	struct gpt gpt = { .id = guid_from_name(label, "disk"), .parts = &part, .n_parts = 1 };
	struct guid id = guid_from_name(label, "volume");
	struct fat_opts opts = {
		.volume_id = get_be32(id.b), .mtime = mtime, .label = "VMBOX",
		.hidden_sectors = GPT_ALIGN / GPT_SECTOR,
	};
	struct fat *fat = fat_new();
	struct bios_boot *boot = malloc(sizeof(*boot));
	u64 at = 0;
	int rc;

	if (!fat || !boot) {
		rc = err_set(err, ENOMEM, "out of memory");
		goto out;
	}
	opts.boot_code = boot->loader;
	opts.boot_len = sizeof(boot->loader);
	gpt.boot_code = boot->mbr;
	rc = fat_add_file(fat, DISK_BOOT_PATH, uki->data, uki->len, err);
	if (!rc)
		rc = place(fat, &opts, size, &part, &gpt, err);
	if (!rc)
		rc = fat_locate(fat, &opts, DISK_BOOT_PATH, &at, err);
	if (!rc)
		rc = fill_boot(boot, uki, part.first, part.first + at / GPT_SECTOR, err);
	if (!rc)
		rc = write_parts(&gpt, fat, &opts, out, err);
out:
	free(boot);
	fat_free(fat);
	return rc;
}
