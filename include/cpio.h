/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writer of cpio archives in the "new ASCII" format (magic 070701), the one
 * that Linux unpacks as its initramfs. Streams to a sink in the order of the
 * calls; nothing is kept in memory. The same calls give the same bytes: inode
 * numbers count from 1, all times are w->mtime, all owners 0:0. Device nodes
 * are entries like others and need no privilege.
 *
 * Format: cpio(5), and Documentation/driver-api/early-userspace/
 * buffer-format.rst of Linux.
 *
 *	struct cpio w;
 *	cpio_start(&w, sink, mtime);
 *	cpio_dir(&w, "dev", 0755, &err);
 *	cpio_node(&w, "dev/console", S_IFCHR | 0600, 5, 1, &err);
 *	cpio_file(&w, "init", 0755, data, len, &err);
 *	cpio_end(&w, &err);
 *
 * Names have no leading slash, are not empty, and parents come first; a name
 * with a ".." component is refused (-EINVAL).
 */
#ifndef VMBOX_CPIO_H
#define VMBOX_CPIO_H

#include "sink.h"

struct cpio {
	struct sink *out;
	u32 mtime;	/* seconds since 1970 */
	u32 ino;	/* of the last entry */
	u64 start;	/* where the archive begins in out; it is padded to 512 from there */
};

/* Sets up w. Several archives may follow each other in one sink. */
void cpio_start(struct cpio *w, struct sink *out, u32 mtime);
/* mode: permission bits only. */
int cpio_dir(struct cpio *w, const char *name, u32 mode, struct err *err);
int cpio_file(struct cpio *w, const char *name, u32 mode, const void *data, u64 len,
	      struct err *err);
int cpio_slink(struct cpio *w, const char *name, const char *target, struct err *err);
/* type_mode: S_IFCHR, S_IFBLK, S_IFIFO or S_IFSOCK with permission bits. */
int cpio_node(struct cpio *w, const char *name, u32 type_mode, u32 major, u32 minor,
	      struct err *err);
/* Writes the trailer and pads the archive to a multiple of 512 bytes. */
int cpio_end(struct cpio *w, struct err *err);

#endif
