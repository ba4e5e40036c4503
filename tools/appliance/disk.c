// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Disk image: a GPT with one EFI system partition (FAT32) that holds the
 * unified kernel image where firmware looks for it by itself. All ids come
 * from the image's label.
 */
#include "appliance.h"

#include <errno.h>
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
	int rc;

	if (!fat)
		return err_set(err, ENOMEM, "out of memory");
	rc = fat_add_file(fat, DISK_BOOT_PATH, uki->data, uki->len, err);
	if (!rc)
		rc = place(fat, &opts, size, &part, &gpt, err);
	if (!rc)
		rc = gpt_write_head(&gpt, out, err);
	if (!rc)
		rc = sink_zero_until(out, GPT_ALIGN, err);
	if (!rc)
		rc = fat_write(fat, &opts, out, err);
	if (!rc)
		rc = gpt_write_tail(&gpt, out, err);
	fat_free(fat);
	return rc;
}
