/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writer of FAT32 file systems. The tree of files is collected first, then
 * the whole volume is streamed forwards into a sink; nothing is ever moved or
 * rewritten, files and directories are contiguous. The same calls give the
 * same bytes: the volume id and the times are the caller's.
 *
 * Follows Microsoft's "FAT: General Overview of On-Disk Format" 1.03, long
 * names included. Sectors are 512 bytes.
 */
#ifndef VMBOX_FAT_H
#define VMBOX_FAT_H

#include "sink.h"

struct fat;

#define FAT_BOOT_CODE	8	/* sector of the volume */
#define FAT_BOOT_MAX	(24 * 512)

struct fat_opts {
	u64 size;		/* bytes, a multiple of 512; 0: the least that holds the files */
	u32 volume_id;
	u32 mtime;		/* seconds since 1970, UTC; before 1980 counts as 1980 */
	u32 hidden_sectors;	/* first sector of the partition on its disk */
	const u8 *boot_code;	/* for the reserved sectors from FAT_BOOT_CODE on; NULL: none */
	u32 boot_len;		/* bytes of it, up to FAT_BOOT_MAX */
	const char *label;	/* up to 11 of A-Z 0-9 _ - and space; NULL: "NO NAME" */
};

/* NULL: out of memory. Free with fat_free(). */
struct fat *fat_new(void);
void fat_free(struct fat *fat);

/*
 * Adds a file, and its directories as needed; path is UTF-8 with '/' between
 * the parts. data stays the caller's and must live until fat_write() is done.
 * -EEXIST: the name is taken (names differ in more than case); -EINVAL: a part
 * cannot be a FAT name; -EFBIG: 4 GiB or more.
 */
int fat_add_file(struct fat *fat, const char *path, const void *data, u64 len,
		 struct err *err);
/* Adds a directory. One that is there already is fine. */
int fat_add_dir(struct fat *fat, const char *path, struct err *err);

/* Bytes that fat_write() will produce, or -ENOSPC when opts->size is too small. */
int fat_measure(struct fat *fat, const struct fat_opts *opts, u64 *size, struct err *err);
/* Where the contents of a file with data will be, in bytes from the start of the volume. -ENOENT: no such file. */
int fat_locate(struct fat *fat, const struct fat_opts *opts, const char *path, u64 *offset, struct err *err);
/* Streams the volume into out. */
int fat_write(struct fat *fat, const struct fat_opts *opts, struct sink *out,
	      struct err *err);

#endif
