/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that other systems write into images: UTF-16, backslashes, drives. */
#ifndef BLOCK_FOREIGN_H
#define BLOCK_FOREIGN_H

#include "block/int.h"

/* @bytes of UTF-16 as a UTF-8 string of at most @room bytes with its end; cut when longer. */
void blk_utf16_to_utf8(const u8 *p, u32 bytes, bool big_endian, char *out, size_t room);
/*
 * The backing file of @n is what @path (changed) says: a name relative to the image, or, when
 * !@relative, a name on another system's drives, of which the last part is looked for beside
 * the image. 0 or -ENOMEM.
 */
int blk_set_foreign_backing(struct blk_node *n, char *path, bool relative, const char *fmt);

#endif
