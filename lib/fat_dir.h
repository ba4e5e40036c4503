/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the FAT32 writer: nodes of the tree, their names, and directory
 * entries. Used by fat.c and fat_dir.c only.
 */
#ifndef VMBOX_LIB_FAT_DIR_H
#define VMBOX_LIB_FAT_DIR_H

#include "sink.h"

#define FAT_NAME_MAX 255	/* UTF-16 units of a long name */

struct fat_node {
	struct fat_node *parent, *child, *next;	/* children in the order they came */
	bool is_file;		/* else a directory */
	u8 alias[11];		/* short name as on disk, padded with spaces */
	u16 name[FAT_NAME_MAX];	/* long name, UTF-16 */
	u8 name_len;		/* 0: the short name says it all */
	u32 first, clusters;	/* place in the volume, set by the layout */
	const void *data;
	u64 len;
};

struct fat_stamp {
	u16 date, time;		/* as in a directory entry */
};

void fat_stamp_set(struct fat_stamp *stamp, u32 seconds);
/* Writes 11 characters. */
void fat_label_set(u8 *out, const char *label);
/* Sets the long name and a short one that is unique in node->parent. -EINVAL: no name. */
int fat_name_set(struct fat_node *node, const char *name, size_t len, struct err *err);
/* The child of dir with that name, case aside; NULL: none. */
struct fat_node *fat_name_find(struct fat_node *dir, const char *name, size_t len);
/* Bytes of dir's entries. label: the root carries a volume label. */
u64 fat_dir_size(const struct fat_node *dir, bool label);
int fat_dir_write(const struct fat_node *dir, const char *label,
		  const struct fat_stamp *stamp, struct sink *out, struct err *err);

#endif
