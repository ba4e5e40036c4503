/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What several of the small applets need: messages with errno, copying of
 * descriptors, walking of folders.
 */
#ifndef VMBOX_TOOLS_SYSUTILS_UTIL_H
#define VMBOX_TOOLS_SYSUTILS_UTIL_H

#include <sys/stat.h>
#include "applet.h"

/* Says "PROGRAM: what: text of errno". Returns 1, for exit codes to be or-ed. */
int util_fail(const char *what);
/* Copies from in to out until the end. 0 or 1 (said, with name). */
int util_copy_fd(int in, int out, const char *name);
/* Opens path for reading, "-" is standard input. -1 (said). */
int util_open(const char *path);
/* "DIR/NAME" into out (4096 bytes), NAME without what is before it. 0 or 1 (said). */
int util_join(char *out, const char *dir, const char *path);
/*
 * Calls fn for each entry of folder path but . and .., with the full path.
 * Returns the or of the results, 1 (said) when it cannot be read.
 */
int util_each(const char *path, int (*fn)(void *ctx, const char *path), void *ctx);
/*
 * The operands of cp and mv, FILE... TARGET: calls fn for each FILE with
 * where it goes, TARGET or TARGET/FILE when that is a folder. Returns the or
 * of the results, 1 (said) when they are too few or TARGET should be a folder.
 */
int util_to_target(const struct opt_list *files, int (*fn)(void *ctx, const char *from, const char *to), void *ctx);
/* Octal digits, or u+x,go-w,a=r applied to old. -1: neither. */
int util_mode(const char *text, mode_t old);

#endif
