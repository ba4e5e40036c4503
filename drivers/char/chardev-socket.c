// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket backend: unix path or TCP, server or client. A server serves one
 * peer at a time and goes on listening when that leaves; output without a
 * peer is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "chardev.h"
#include "mem.h"
#include "resolve.h"
#include "sock_path.h"
#include "str.h"

struct sock {
	struct chardev *c;
	int listen_fd;
	struct loop_fd hlisten;
	struct sock_path path;	/* of a server */
};

static void set_tcp_options(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void on_peer(struct loop_fd *h, u32 events)
{
	struct sock *s = h->opaque;
	struct err err = ERR_INIT;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	set_tcp_options(fd);
	loop_fd_mod(&s->hlisten, 0);	/* one peer at a time */
	if (chardev_connected(s->c, fd, fd, &err) < 0) {
		chardev_disconnected(s->c);
		loop_fd_mod(&s->hlisten, EPOLLIN);
		return;
	}
	chardev_send_event(s->c, CHAR_OPENED);
}

static void socket_hangup(struct chardev *c)
{
	struct sock *s = c->priv;

	chardev_disconnected(c);
	chardev_send_event(c, CHAR_CLOSED);
	if (s->hlisten.loop)
		loop_fd_mod(&s->hlisten, EPOLLIN);
}

static int unix_socket(struct sock *s, const char *path, bool server, struct err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(err, ENAMETOOLONG, "UNIX socket path '%s' is too long", path);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "cannot make a socket");
	if (server) {
		unlink(path);
		ret = bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : listen(fd, 1) < 0 ? -errno : 0;
		if (ret == 0)
			sock_path_keep(&s->path, path);
	} else {
		ret = connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	}
	if (ret < 0) {
		close(fd);
		return err_errno(err, -ret, "cannot %s the socket '%s'", server ? "bind" : "connect to", path);
	}
	return fd;
}

static int tcp_socket(const char *host, const char *port, bool server, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = server ? AI_PASSIVE : 0 }, *list, *ai;
	int fd = -1, ret, on = 1, e = EADDRNOTAVAIL;

	ret = resolve_host(host[0] ? host : NULL, port, &hints, &list);
	if (ret)
		return err_set(err, EINVAL, "address resolution failed for %s:%s: %s", host, port, gai_strerror(ret));
	for (ai = list; ai; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (server ? bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, 1) == 0
			   : connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
			break;
		e = errno;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd >= 0 ? fd : err_errno(err, e, "cannot %s %s:%s", server ? "listen on" : "connect to", host, port);
}

static int start_server(struct sock *s, bool wait, struct err *err)
{
	struct chardev *c = s->c;
	int ret, fd;

	if (wait) {
		fprintf(stderr, "vmbox: -chardev %s: info: waiting for connection on: %s\n", c->id, c->file);
		fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return err_errno(err, errno, "chardev '%s': accept", c->id);
		set_tcp_options(fd);
		ret = chardev_connected(c, fd, fd, err);
		if (ret < 0)
			return ret;
	}
	ret = loop_fd_add(c->cs->loop, &s->hlisten, s->listen_fd, wait ? 0 : EPOLLIN, on_peer, s, "listen", c->id);
	return ret < 0 ? err_errno(err, -ret, "chardev '%s'", c->id) : 0;
}

static int socket_open(struct chardev *c, struct qopts *q, struct err *err)
{
	const char *path = NULL, *host = "", *port = NULL;
	bool server = false, wait, ipv = true, nodelay = true, telnet = false;
	struct sock *s;
	int fd;

	qopts_str(q, "path", &path, err);
	qopts_str(q, "host", &host, err);
	qopts_str(q, "port", &port, err);
	qopts_bool(q, "server", &server, err);
	wait = server;
	qopts_bool(q, "wait", &wait, err);
	qopts_bool(q, "ipv4", &ipv, err);
	qopts_bool(q, "ipv6", &ipv, err);
	qopts_bool(q, "nodelay", &nodelay, err);
	qopts_bool(q, "telnet", &telnet, err);
	if (err_is_set(err))
		return -err->code;
	if (telnet)
		return err_set(err, ENOTSUP, "chardev '%s': the telnet protocol is not supported, use tcp", c->id);
	if (!path && !port)
		return err_set(err, EINVAL, "chardev '%s': socket needs path=, or host= and port=", c->id);
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->c = c;
	s->listen_fd = -1;
	c->priv = s;
	fd = path ? unix_socket(s, path, server, err) : tcp_socket(host, port, server, err);
	if (fd < 0)
		return fd;
	if (path)
		chardev_set_file(c, "unix:%s%s", path, server ? ",server=on" : "");
	else
		chardev_set_file(c, "tcp:%s:%s%s", host, port, server ? ",server=on" : "");
	if (server) {
		s->listen_fd = fd;
		return start_server(s, wait, err);
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return chardev_connected(c, fd, fd, err);
}

static void socket_close(struct chardev *c)
{
	struct sock *s = c->priv;

	if (!s)
		return;
	loop_fd_del(&s->hlisten);
	sock_path_unlink(&s->path);
	sock_path_free(&s->path);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	mem_free(s);
}

const struct chardev_kind chardev_socket = {
	.name = "socket", .open = socket_open, .close = socket_close, .hangup = socket_hangup,
};
