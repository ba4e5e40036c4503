/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a machine: a folder that holds a copy of its /proc and /sys, the
 * running system ("/"), or a tar archive of such a copy.
 */
#ifndef CELLGEN_TREE_H
#define CELLGEN_TREE_H

#include "err.h"

#define TREE_FILE_MAX (4U << 20)

struct mtree;

/* path: a folder or a tar archive. NULL with err set. */
struct mtree *mtree_open(const char *path, struct err *err);
void mtree_close(struct mtree *t);
/*
 * Reads a file; path without leading slash ("proc/iomem"). 0 with *data (a NUL
 * behind it; mem_free()) and *len, -ENOENT, or another -errno. No text: few files must exist.
 */
int mtree_read(struct mtree *t, const char *path, u8 **data, size_t *len);
/* The first line of a file without its end, "" when there is none. Returns buf. */
const char *mtree_line(struct mtree *t, const char *path, char *buf, size_t size);
bool mtree_has(struct mtree *t, const char *path);
/* Names in a folder, sorted, each once; *n of them. NULL: none. Free with mtree_names_free(). */
char **mtree_names(struct mtree *t, const char *dir, size_t *n);
void mtree_names_free(char **names, size_t n);

#endif
