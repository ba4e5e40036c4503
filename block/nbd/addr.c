// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses of NBD servers: from options, to sockets. */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/vm_sockets.h>
#include "block/int.h"
#include "block/nbd/conn.h"
#include "resolve.h"
#include "str.h"

void nbd_addr_free(struct nbd_addr *a)
{
	free(a->path);
	free(a->host);
	free(a->port);
	*a = (struct nbd_addr){ 0 };
}

const char *nbd_addr_name(const struct nbd_addr *a, char *buf, size_t size)
{
	switch (a->family) {
	case NBD_UNIX:
		snprintf(buf, size, "%s", a->path);
		break;
	case NBD_FD:
		snprintf(buf, size, "fd:%d", a->fd);
		break;
	default:
		snprintf(buf, size, "%s:%s", a->host, a->port);
	}
	return buf;
}

static int missing(const char *what, struct err *e)
{
	return err_set(e, EINVAL, "Parameter '%s' is missing", what);
}

static int take_server(struct nbd_addr *a, struct blk_opts *o, struct err *e)
{
	static const char *const types[] = { "unix", "inet", "vsock", "fd", NULL };
	int type = -1, ret = blk_opts_take_enum(o, "type", types, &type, e);
	char *str = NULL;
	u64 v;

	if (ret)
		return ret;
	if (type < 0)
		return missing("server.type", e);
	a->family = (enum nbd_family)type;
	switch (a->family) {
	case NBD_UNIX:
		a->path = blk_opts_take(o, "path");
		return a->path ? 0 : missing("server.path", e);
	case NBD_INET:
		a->host = blk_opts_take(o, "host");
		a->port = blk_opts_take(o, "port");
		return a->host ? a->port ? 0 : missing("server.port", e) : missing("server.host", e);
	case NBD_VSOCK:
		a->host = blk_opts_take(o, "cid");
		a->port = blk_opts_take(o, "port");
		return a->host && a->port ? 0 : missing("server.cid", e);
	case NBD_FD:
		break;
	}
	str = blk_opts_take(o, "str");
	ret = !str || str_to_u64(str, 10, &v) || v > INT32_MAX ?
	      err_set(e, EINVAL, "Parameter 'server.str' expects the number of a socket") : 0;
	a->fd = ret ? -1 : (int)v;
	free(str);
	return ret;
}

int nbd_addr_take(struct nbd_addr *a, struct blk_opts *o, struct err *e)
{
	struct blk_opts sub = { 0 };
	char *path, *host, *port;
	int ret;

	if (blk_opts_has_sub(o, "server")) {
		ret = blk_opts_take_sub(o, "server", &sub);
		ret = ret ?: take_server(a, &sub, e);
		if (!ret && sub.n)
			ret = err_set(e, EINVAL, "Parameter 'server.%s' is unexpected", sub.v[0].key);
		blk_opts_free(&sub);
		return ret;
	}
	path = blk_opts_take(o, "path");
	host = blk_opts_take(o, "host");
	port = blk_opts_take(o, "port");
	if (path && host)
		ret = err_set(e, EINVAL, "path and host may not be used at the same time");
	else if (!path && !host)
		ret = err_set(e, EINVAL, port ? "port may not be used without host" :
			      "NBD server address missing");
	else
		ret = 0;
	a->family = path ? NBD_UNIX : NBD_INET;
	a->path = path;
	a->host = host;
	a->port = port ? port : host ? strdup(NBD_DEFAULT_PORT) : NULL;
	return ret ?: !path && !a->port ? -ENOMEM : 0;
}

/* connect() that gives up at a time. */
static int connect_within(int fd, const struct sockaddr *sa, socklen_t len, u64 timeout_ns)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	int fl = fcntl(fd, F_GETFL), err = 0, r;
	socklen_t el = sizeof(err);

	fcntl(fd, F_SETFL, fl | O_NONBLOCK);
	if (connect(fd, sa, len) < 0) {
		if (errno != EINPROGRESS)
			return -errno;
		do
			r = poll(&p, 1, timeout_ns ? (int)MIN(timeout_ns / 1000000 + 1, (u64)INT32_MAX) : -1);
		while (r < 0 && errno == EINTR);
		if (r <= 0)
			return r ? -errno : -ETIMEDOUT;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &el) < 0)
			return -errno;
		if (err)
			return -err;
	}
	fcntl(fd, F_SETFL, fl);
	return 0;
}

static int unix_address(const struct nbd_addr *a, struct sockaddr_un *sa, struct err *e)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(a->path) >= sizeof(sa->sun_path))
		return err_set(e, EINVAL, "UNIX socket path '%s' is too long", a->path);
	strcpy(sa->sun_path, a->path);
	return 0;
}

static int vsock_address(const struct nbd_addr *a, struct sockaddr_vm *sa, struct err *e)
{
	u64 cid, port;

	if (str_to_u64(a->host, 10, &cid) || str_to_u64(a->port, 10, &port) || cid > ~0U || port > ~0U)
		return err_set(e, EINVAL, "invalid vsock address '%s:%s'", a->host, a->port);
	*sa = (struct sockaddr_vm){ .svm_family = AF_VSOCK, .svm_cid = (u32)cid, .svm_port = (u32)port };
	return 0;
}

static int one_address(const struct sockaddr *sa, socklen_t len, int backlog, u64 timeout_ns)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), ret, on = 1;

	if (fd < 0)
		return -errno;
	if (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!backlog) {
		ret = connect_within(fd, sa, len, timeout_ns);
	} else {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		ret = bind(fd, sa, len) < 0 || listen(fd, backlog) < 0 ? -errno : 0;
	}
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int inet_socket(const struct nbd_addr *a, int backlog, u64 timeout_ns, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = backlog ? AI_PASSIVE : 0 };
	struct addrinfo *list, *ai;
	const char *host = a->host && a->host[0] ? a->host : NULL;
	int ret = resolve_host(host, a->port, &hints, &list);

	if (ret)
		return err_set(e, EINVAL, "address resolution failed for %s:%s: %s", a->host ? a->host : "",
			       a->port, gai_strerror(ret));
	for (ai = list, ret = -EINVAL; ai && ret < 0; ai = ai->ai_next)
		ret = one_address(ai->ai_addr, ai->ai_addrlen, backlog, timeout_ns);
	freeaddrinfo(list);
	return ret;
}

static int make_socket(const struct nbd_addr *a, int backlog, u64 timeout_ns, struct err *e)
{
	char name[256];
	struct sockaddr_un un;
	struct sockaddr_vm vm;
	int ret;

	switch (a->family) {
	case NBD_UNIX:
		ret = unix_address(a, &un, e);
		if (!ret && backlog)
			unlink(a->path);
		ret = ret ?: one_address((struct sockaddr *)&un, sizeof(un), backlog, timeout_ns);
		break;
	case NBD_VSOCK:
		ret = vsock_address(a, &vm, e);
		ret = ret ?: one_address((struct sockaddr *)&vm, sizeof(vm), backlog, timeout_ns);
		break;
	case NBD_FD:
		ret = fcntl(a->fd, F_DUPFD_CLOEXEC, 3);
		ret = ret < 0 ? -errno : ret;
		break;
	default:
		ret = inet_socket(a, backlog, timeout_ns, e);
	}
	if (ret < 0)
		err_errno(e, -ret, backlog ? "Failed to bind socket to %s" : "Failed to connect to '%s'",
			  nbd_addr_name(a, name, sizeof(name)));
	return ret;
}

int nbd_addr_connect(const struct nbd_addr *a, u64 timeout_ns, struct err *e)
{
	return make_socket(a, 0, timeout_ns, e);
}

int nbd_addr_listen(const struct nbd_addr *a, int backlog, struct err *e)
{
	return make_socket(a, MAX(backlog, 1), 0, e);
}
