// SPDX-License-Identifier: GPL-2.0-or-later
/* Paths of sockets that listen (see sock_path.h). */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sock_path.h"

int sock_path_keep(struct sock_path *s, const char *path)
{
	struct stat st;

	*s = (struct sock_path){ .path = NULL };
	if (lstat(path, &st))
		return -errno;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->path = realpath(path, NULL);
	return s->path ? 0 : -errno;
}

void sock_path_unlink(const struct sock_path *s)
{
	struct stat st;

	if (s->path && !lstat(s->path, &st) && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->path);
}

void sock_path_free(struct sock_path *s)
{
	free(s->path);
	s->path = NULL;
}
