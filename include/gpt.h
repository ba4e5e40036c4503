/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writer of GUID partition tables with a protective MBR (UEFI 2.10, chapter
 * 5), for disks of 512-byte sectors. The caller places the partitions, then
 * streams: gpt_write_head(), the partitions' contents each at its place,
 * gpt_write_tail().
 */
#ifndef VMBOX_GPT_H
#define VMBOX_GPT_H

#include "sink.h"

#define GPT_SECTOR	512
#define GPT_ENTRIES	128
#define GPT_FIRST_LBA	34		/* the first sector that a partition may have */
#define GPT_TAIL	33		/* sectors of the copy at the end */
#define GPT_ALIGN	(1 * MiB)	/* where partitions begin, as all tools do it */

struct guid {
	u8 b[16];	/* in the order of the text form */
};

/* EFI system partition, Linux file system data, BIOS boot partition. */
extern const struct guid gpt_type_esp, gpt_type_linux, gpt_type_bios_boot;

struct gpt_part {
	struct guid type, id;
	u64 first, last;	/* sectors, both included */
	u64 attributes;		/* UEFI 2.10, table 5-8 */
	const char *name;	/* ASCII, up to 36 characters */
};

struct gpt {
	struct guid id;
	u64 sectors;		/* of the whole disk */
	const struct gpt_part *parts;
	size_t n_parts;		/* up to GPT_ENTRIES */
	const u8 *boot_code;	/* NULL, or 440 bytes for the MBR */
};

/*
 * A GUID that stands for a name: version 8 of RFC 9562, the same for the same
 * words. Not for secrets.
 */
struct guid guid_from_name(const char *space, const char *name);
/* Parses "C12A7328-F81F-...". -EINVAL: it is not one. */
int guid_parse(const char *text, struct guid *out);
/* Writes the text form with its NUL, in upper case. */
void guid_format(const struct guid *g, char out[37]);

/* Checks the placing: in bounds, in order, no overlap. -EINVAL with text. */
int gpt_check(const struct gpt *g, struct err *err);
/* MBR, header and entries: GPT_FIRST_LBA sectors. */
int gpt_write_head(const struct gpt *g, struct sink *out, struct err *err);
/* Zeroes up to the copy at the end of the disk, then writes it. */
int gpt_write_tail(const struct gpt *g, struct sink *out, struct err *err);

#endif
