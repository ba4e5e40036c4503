/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder of the host as a FAT disk: what its two halves share. vvfat_scan.c
 * reads the folder once, when the disk is opened, and files' contents later;
 * vvfat.c lays the tree out and answers reads.
 */
#ifndef BLOCK_VVFAT_H
#define BLOCK_VVFAT_H

#include "block/int.h"
#include "fat_dir.h"

/* A file or folder. What it was when the disk was opened is what reads must find. */
struct vvfat_node {
	struct fat_node fat;	/* first: the tree is walked by fat_node_next() */
	u64 dev, ino, mtime_ns;
	bool told;		/* that it changed; atomic */
	char host[];		/* name in its folder */
};

struct vvfat_node *vvfat_of(struct fat_node *n);
/*
 * Opens @dir, *fd is the caller's, and makes the tree of what lies in it, at most @budget bytes of
 * memory. Regular files and folders only; links that lead to a regular file inside of @dir are
 * files. *root is for vvfat_tree_free(). 0 or -errno with text.
 */
int vvfat_scan(const char *dir, u64 budget, int *fd, struct vvfat_node **root, struct err *e);
void vvfat_tree_free(struct vvfat_node *root);
/* @len bytes of a file from @off. -EIO, told once in the log, when it is not what it was. */
int vvfat_read_file(int fd, struct vvfat_node *f, u64 off, u8 *buf, size_t len);

#endif
