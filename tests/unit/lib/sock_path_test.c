// SPDX-License-Identifier: GPL-2.0-or-later
/* The path of a socket goes with its server, and with no other's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "sock_path.h"
#include "test.h"

static int listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -1 : fd;
}

TEST(own_and_others)
{
	char dir[] = "/tmp/sock_path.XXXXXX", path[64];
	struct sock_path one, two, none;
	int a, b;

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	CHECK_EQ(sock_path_keep(&none, path), -2);
	sock_path_unlink(&none);
	sock_path_free(&none);
	a = listen_at(path);
	CHECK(a >= 0);
	CHECK_EQ(sock_path_keep(&one, path), 0);
	unlink(path);
	b = listen_at(path);
	CHECK(b >= 0);
	CHECK_EQ(sock_path_keep(&two, path), 0);
	sock_path_unlink(&one);
	CHECK_EQ(access(path, F_OK), 0);
	sock_path_unlink(&two);
	CHECK_EQ(access(path, F_OK), -1);
	sock_path_unlink(&two);
	sock_path_free(&one);
	sock_path_free(&two);
	close(a);
	close(b);
	CHECK_EQ(rmdir(dir), 0);
}
