/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The path of a UNIX socket that this process listens at, to be removed when
 * it ends: unless another server has put its own there in the meantime.
 */
#ifndef VMBOX_SOCK_PATH_H
#define VMBOX_SOCK_PATH_H

#include "types.h"

struct sock_path {
	char *path;		/* absolute; NULL: nothing is kept */
	u64 dev, ino;		/* what stood there when it was bound */
};

/* After bind(). 0 or -errno: nothing is kept then. */
int sock_path_keep(struct sock_path *s, const char *path);
/* While the socket is open: its inode cannot be another's until then. Any thread. */
void sock_path_unlink(const struct sock_path *s);
void sock_path_free(struct sock_path *s);

#endif
