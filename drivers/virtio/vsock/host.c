// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's side: unix sockets. Programs connect to PATH (PATH_seqpacket for
 * messages) and say "CONNECT port\n", to be answered "OK hostport\n"; the
 * guest's connections to port P of the host go to PATH_P, of either kind.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "str.h"
#include "vsock.h"

static int unix_address(const struct vsock *s, const char *suffix, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return snprintf(a->sun_path, sizeof(a->sun_path), "%s%s", s->uds, suffix) < (int)sizeof(a->sun_path) ? 0 : -ENAMETOOLONG;
}

static int unix_socket(u16 type)
{
	int big = BUF_ALLOC, fd = socket(AF_UNIX, (type == VSC_VIRTIO_STREAM ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	return fd;
}

int vsock_connect(struct vsock *s, u32 port, u16 type)
{
	struct sockaddr_un a;
	char suffix[16];
	int fd;

	snprintf(suffix, sizeof(suffix), "_%u", port);
	if (unix_address(s, suffix, &a) < 0)
		return -1;
	fd = unix_socket(type);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* ---- clients ---- */

/* A port of ours that the guest's port has no connection with. */
static u32 free_port(struct vsock *s, u32 guest_port)
{
	u32 port;

	do {
		port = s->next_port;
		s->next_port = port == 0xfffffffe ? HOST_PORT_FIRST : port + 1;
	} while (conn_find(s, guest_port, port));
	return port;
}

/* The line is complete: the guest is asked. */
static void request(struct conn *c)
{
	struct vsock *s = c->s;
	const char *digits;
	u64 port;

	c->greeting[c->greeting_len] = '\0';
	if (c->greeting_len && c->greeting[c->greeting_len - 1] == '\r')
		c->greeting[c->greeting_len - 1] = '\0';
	if (!str_starts(c->greeting, "CONNECT ", &digits) || str_to_u64_range(digits, 0, 0xffffffff, &port) < 0 ||
	    !(s->v.status & VIRTIO_STATUS_DRIVER_OK) || (c->type == VSC_VIRTIO_SEQPACKET && !virtio_has(&s->v, F_SEQPACKET))) {
		conn_free(c);
		return;
	}
	c->state = CONN_REQUESTED;
	conn_name(c, (u32)port, free_port(s, (u32)port));
	conn_watch(c);
	conn_tell(c, VSC_VIRTIO_REQUEST);
}

/* Takes no byte behind the line: they are the guest's. */
void vsock_greet(struct conn *c)
{
	bool messages = c->type == VSC_VIRTIO_SEQPACKET;

	for (;;) {
		ssize_t n = recv(c->fd.fd, c->greeting + c->greeting_len, messages ? sizeof(c->greeting) - 1 : 1, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			break;
		c->greeting_len += (u8)n;
		if (c->greeting[c->greeting_len - 1] == '\n') {
			c->greeting_len--;
			request(c);
			return;
		}
		if (messages || c->greeting_len == sizeof(c->greeting) - 1)
			break;
	}
	conn_free(c);
}

static void on_client(struct loop_fd *h, u32 events)
{
	struct vsock *s = h->opaque;
	struct conn *c;
	int fd;

	(void)events;
	if (!vsock_enter(s))
		return;
	fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0 && s->count >= CONNS_MAX) {
		close(fd);
	} else if (fd >= 0) {
		c = conn_new(s, fd, h == &s->listen[0] ? VSC_VIRTIO_STREAM : VSC_VIRTIO_SEQPACKET, CONN_GREETING);
		if (c)
			conn_watch(c);
	}
	vsock_leave(s);
}

/* ---- listening ---- */

/* A socket file that nobody listens at is left over from a run before. */
static int bind_path(int fd, const struct sockaddr_un *a, u16 type)
{
	int probe, ret = bind(fd, (const struct sockaddr *)a, sizeof(*a));

	if (ret == 0 || errno != EADDRINUSE)
		return ret == 0 ? 0 : -errno;
	probe = unix_socket(type);
	if (probe < 0)
		return -errno;
	ret = connect(probe, (const struct sockaddr *)a, sizeof(*a)) < 0 && errno == ECONNREFUSED ? 0 : -EADDRINUSE;
	close(probe);
	if (ret == 0)
		ret = unlink(a->sun_path) < 0 || bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ? -errno : 0;
	return ret;
}

static int listen_one(struct vsock *s, struct loop_fd *h, const char *suffix, u16 type, struct err *err)
{
	struct sockaddr_un a;
	int fd, ret;

	if (unix_address(s, "_4294967295", &a) < 0 || unix_address(s, suffix, &a) < 0)
		return err_set(err, ENAMETOOLONG, "uds: the path '%s' is too long for a socket", s->uds);
	fd = unix_socket(type);
	if (fd < 0)
		return err_errno(err, errno, "uds");
	ret = bind_path(fd, &a, type);
	if (ret < 0) {
		close(fd);
		return err_errno(err, -ret, "uds: can't listen at '%s'", a.sun_path);
	}
	if (listen(fd, 128) < 0 || loop_fd_add(s->loop, h, fd, EPOLLIN, on_client, s, "listen", s->v.dev.path) < 0) {
		ret = errno;
		unlink(a.sun_path);
		close(fd);
		return err_errno(err, ret, "uds: can't listen at '%s'", a.sun_path);
	}
	return 0;
}

static void unlisten(struct vsock *s, struct loop_fd *h, const char *suffix)
{
	struct sockaddr_un a;

	if (!h->loop)
		return;
	loop_fd_del(h);
	close(h->fd);
	if (unix_address(s, suffix, &a) == 0)
		unlink(a.sun_path);
}

int vsock_listen(struct vsock *s, struct err *err)
{
	if (listen_one(s, &s->listen[0], "", VSC_VIRTIO_STREAM, err) < 0)
		return -err->code;
	return s->seqpacket ? listen_one(s, &s->listen[1], "_seqpacket", VSC_VIRTIO_SEQPACKET, err) : 0;
}

void vsock_unlisten(struct vsock *s)
{
	unlisten(s, &s->listen[0], "");
	unlisten(s, &s->listen[1], "_seqpacket");
}
