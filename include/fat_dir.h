/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes of a tree of files as FAT has it: long names with short ones beside
 * them, and the entries of directories. Used by the FAT32 writer (fat.h) and
 * by the block driver that shows a host's folder as a disk (block/vvfat*.c).
 */
#ifndef VMBOX_FAT_DIR_H
#define VMBOX_FAT_DIR_H

#include "sink.h"

#define FAT_NAME_MAX	255	/* UTF-16 units of a long name */
#define FAT_DIR_MAX	(2 * MiB)	/* bytes of a directory: 65536 entries */

struct fat_stamp {
	u16 date, time;		/* as in a directory entry; 0: none */
};

struct fat_node {
	struct fat_node *parent, *child, *next;	/* children in the order they came */
	struct fat_node *last;	/* child */
	struct fat_node *name_next, *alias_next, **index;	/* a directory's children by name */
	u32 n_children, index_size;
	u32 tail;		/* ~1's holder: the next number to try for this name */
	bool is_file;		/* else a directory */
	u8 alias[11];		/* short name as on disk, padded with spaces */
	u8 name_len;		/* 0: the short name says it all */
	u16 *name;		/* long name, UTF-16 */
	struct fat_stamp stamp;	/* none: the volume's */
	u32 first, clusters;	/* place in the volume, set by the layout */
	const void *data;
	u64 len;
};

void fat_stamp_set(struct fat_stamp *stamp, u32 seconds);
/* Writes 11 characters. */
void fat_label_set(u8 *out, const char *label);
/*
 * Makes @node (zeroed, the caller's) the last child of @dir under that UTF-8 name and a short one
 * that is unique there. -EINVAL: no name for FAT, or one that is there already, case aside;
 * -ENOSPC: no short name is left; -ENOMEM.
 */
int fat_node_add(struct fat_node *dir, struct fat_node *node, const char *name, size_t len, struct err *err);
/* Frees what fat_node_add() took for the node, not the node itself nor its children. */
void fat_node_clear(struct fat_node *node);
/* The child of dir with that name, case aside; NULL: none. */
struct fat_node *fat_name_find(struct fat_node *dir, const char *name, size_t len);
/* The node after @node in a walk in depth; NULL at the end. */
struct fat_node *fat_node_next(struct fat_node *node);
/* Bytes of dir's entries. label: the root carries a volume label. */
u64 fat_dir_size(const struct fat_node *dir, bool label);
int fat_dir_write(const struct fat_node *dir, const char *label,
		  const struct fat_stamp *stamp, struct sink *out, struct err *err);

#endif
