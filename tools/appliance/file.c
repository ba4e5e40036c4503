// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading of host files. A compressed kernel module (.ko.xz, .ko.zst, .ko.gz)
 * is unpacked by the program of that name, so that the image holds plain ones.
 */
#include "appliance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "str.h"

#define FILE_MAX (1 * GiB)

static int read_fd(int fd, const char *path, struct bytes *out, struct err *err)
{
	size_t cap = 0;

	*out = (struct bytes){ 0 };
	for (;;) {
		ssize_t n;

		if (out->len == cap) {
			u8 *p = cap < FILE_MAX ? realloc(out->data, cap ? cap * 2 : 1 << 16) : NULL;

			if (!p) {
				free(out->data);
				return err_set(err, cap < FILE_MAX ? ENOMEM : EFBIG,
					       "%s: too large", path);
			}
			cap = cap ? cap * 2 : 1 << 16;
			out->data = p;
		}
		n = read(fd, out->data + out->len, cap - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(out->data);
			return err_errno(err, errno, "%s", path);
		}
		if (!n)
			return 0;
		out->len += n;
	}
}

static int read_through(const char *program, int fd, const char *path, struct bytes *out,
			struct err *err)
{
	int fds[2], status = 1, rc;
	pid_t pid;

	if (pipe(fds))
		return err_errno(err, errno, "pipe");
	pid = fork();
	if (!pid) {
		dup2(fd, STDIN_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execlp(program, program, "-dc", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	rc = pid < 0 ? err_errno(err, errno, "fork") : read_fd(fds[0], path, out, err);
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (!rc && status) {
		free(out->data);
		rc = err_set(err, EIO, "%s: cannot unpack it with %s", path, program);
	}
	return rc;
}

int file_read(const char *path, struct bytes *out, struct err *err)
{
	const char *program = str_ends(path, ".ko.xz") ? "xz" : str_ends(path, ".ko.zst") ? "zstd" :
			      str_ends(path, ".ko.gz") ? "gzip" : NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	rc = program ? read_through(program, fd, path, out, err) : read_fd(fd, path, out, err);
	close(fd);
	return rc;
}
