// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a stream goes: a file, a command's standard input or output, an open
 * file descriptor, a socket. All are file descriptors in the end.
 */
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "priv.h"
#include "str.h"

static int open_file(struct mig_channel *c, const char *spec, bool write, struct err *err)
{
	const char *opt = strstr(spec, ",offset=");
	char path[4096];
	u64 offset = 0;

	if (opt && str_to_size(opt + 8, 'b', &offset) < 0)
		return err_set(err, EINVAL, "%s: bad offset", c->uri);
	if (snprintf(path, sizeof(path), "%.*s", opt ? (int)(opt - spec) : (int)strlen(spec), spec) >= (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "%s: the name is too long", c->uri);
	c->fd = open(path, (write ? O_WRONLY | O_CREAT : O_RDONLY) | O_CLOEXEC, 0600);
	if (c->fd < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	if (offset ? lseek(c->fd, (off_t)offset, SEEK_SET) < 0 : write && ftruncate(c->fd, 0) < 0 && errno != EINVAL)
		return err_errno(err, errno, "cannot position '%s'", path);
	return 0;
}

/* The shell gets only its end of the pipe. */
static int open_exec(struct mig_channel *c, const char *command, bool write, struct err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(err, errno, "cannot make a pipe");
	c->child = fork();
	if (c->child == 0) {
		if (dup2(p[write ? 0 : 1], write ? 0 : 1) >= 0)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(p[write ? 0 : 1]);
	c->fd = p[write ? 1 : 0];
	return c->child < 0 ? err_errno(err, errno, "cannot start '%s'", command) : 0;
}

static int unix_address(const char *path, struct sockaddr_un *sun, struct err *err)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sun->sun_path))
		return err_set(err, ENAMETOOLONG, "'%s': the name is too long for a socket", path);
	memcpy(sun->sun_path, path, strlen(path));
	return 0;
}

static int unix_socket(const char *path, bool server, struct err *err)
{
	struct sockaddr_un sun;
	int fd, ret;

	if (unix_address(path, &sun, err) < 0)
		return -err->code;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server)
		unlink(path);
	ret = fd < 0 ? -1 : server ? bind(fd, (struct sockaddr *)&sun, sizeof(sun)) : connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	if (ret == 0 && server)
		ret = listen(fd, 1);
	if (ret == 0)
		return fd;
	err_errno(err, errno, "cannot %s '%s'", server ? "listen on" : "connect to", path);
	if (fd >= 0)
		close(fd);
	return -err->code;
}

static int tcp_socket(const char *spec, bool server, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = server ? AI_PASSIVE : 0 }, *list, *ai;
	const char *colon = strrchr(spec, ':');
	int fd = -1, one = 1, code;
	char host[256];

	if (!colon || snprintf(host, sizeof(host), "%.*s", (int)(colon - spec), spec) >= (int)sizeof(host))
		return err_set(err, EINVAL, "'%s': expected HOST:PORT", spec);
	code = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &list);
	if (code)
		return err_set(err, EINVAL, "'%s': %s", spec, gai_strerror(code));
	for (ai = list; ai && fd < 0; ai = ai->ai_next) {
		fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
		if (fd >= 0 && server)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (fd >= 0 && (server ? bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, 1) < 0
				       : connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)) {
			code = errno;
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd < 0 ? err_errno(err, code ? code : EINVAL, "cannot %s '%s'", server ? "listen on" : "connect to", spec) : fd;
}

static int open_fd(struct mig_channel *c, const char *text, struct err *err)
{
	u64 n;

	if (str_to_u64_range(text, 0, 1 << 20, &n) < 0 || fcntl((int)n, F_GETFD) < 0)
		return err_set(err, EBADF, "%s: no open file descriptor", c->uri);
	c->fd = (int)n;
	return 0;
}

int mig_channel_open(struct mig_channel *c, const char *uri, bool write, struct err *err)
{
	const char *rest;
	int ret;

	*c = (struct mig_channel){ .fd = -1 };
	snprintf(c->uri, sizeof(c->uri), "%s", uri);
	if (str_starts(uri, "file:", &rest))
		ret = open_file(c, rest, write, err);
	else if (str_starts(uri, "exec:", &rest))
		ret = open_exec(c, rest, write, err);
	else if (str_starts(uri, "fd:", &rest))
		ret = open_fd(c, rest, err);
	else if (str_starts(uri, "unix:", &rest))
		ret = c->fd = unix_socket(rest, false, err);
	else if (str_starts(uri, "tcp:", &rest))
		ret = c->fd = tcp_socket(rest, false, err);
	else
		ret = err_set(err, EINVAL, "unknown migration protocol: %s (file:, exec:, fd:, unix:, tcp:)", uri);
	if (ret < 0 && c->fd >= 0) {
		close(c->fd);
		c->fd = -1;
	}
	return ret < 0 ? ret : 0;
}

int mig_channel_listen(const char *uri, int *fd, struct err *err)
{
	const char *rest;

	if (str_starts(uri, "unix:", &rest))
		*fd = unix_socket(rest, true, err);
	else if (str_starts(uri, "tcp:", &rest))
		*fd = tcp_socket(rest, true, err);
	else
		return err_set(err, EINVAL, "'%s' is no socket", uri);
	return *fd < 0 ? *fd : 0;
}

int mig_channel_close(struct mig_channel *c, struct err *err)
{
	int status = 0, ret = 0;

	if (c->fd >= 0 && close(c->fd) < 0)
		ret = err_errno(err, errno, "%s: cannot write", c->uri);
	c->fd = -1;
	if (c->child > 0) {
		while (waitpid(c->child, &status, 0) < 0 && errno == EINTR)
			;
		if (status && ret == 0)
			ret = err_set(err, EIO, "%s: the command failed with status %d", c->uri,
				      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	c->child = 0;
	return ret;
}

static int fd_write(void *ctx, const void *p, size_t n, struct err *err)
{
	struct mig_channel *c = ctx;

	while (n) {
		ssize_t got = write(c->fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, "%s: cannot write", c->uri);
		p = (const u8 *)p + got;
		n -= (size_t)got;
	}
	return 0;
}

static ssize_t fd_read(void *ctx, void *p, size_t n, struct err *err)
{
	struct mig_channel *c = ctx;
	ssize_t got;

	do
		got = read(c->fd, p, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? err_errno(err, errno, "%s: cannot read", c->uri) : got;
}

void mig_channel_io(struct mig_channel *c, struct mig_io *io)
{
	*io = (struct mig_io){ .write = fd_write, .read = fd_read, .ctx = c };
}
