// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -netdev socket: the older name for what stream and dgram do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "qopts.h"
#include "stream.h"

static bool is_dgram_fd(int fd)
{
	socklen_t len = sizeof(int);
	int type = 0;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
}

static int open_fd(struct netdev *nd, u32 fd, struct err *err)
{
	struct net_addr a = { .fd = (int)fd }, none = { .fd = -1 };

	snprintf(a.text, sizeof(a.text), "fd:%u", fd);
	if (fcntl(a.fd, F_SETFL, fcntl(a.fd, F_GETFL) | O_NONBLOCK) < 0)
		return err_errno(err, errno, "-netdev socket: fd=%u", fd);
	return is_dgram_fd(a.fd) ? net_dgram_open(nd, &a, &none, err) : net_stream_open(nd, &a, false, 0, err);
}

static int open_dgram(struct netdev *nd, const char *remote, const char *local, struct err *err)
{
	struct net_addr r, l = { .fd = -1 };
	char any[136];

	snprintf(any, sizeof(any), "%s:0", local ? local : "");
	if (net_addr_parse(remote, &r, err) < 0)
		return -err->code;
	/* Of a group the local address is an interface, without a port. */
	if (local && net_addr_parse(strchr(local, ':') ? local : any, &l, err) < 0)
		return -err->code;
	return net_dgram_open(nd, &l, &r, err);
}

static int socket_open(struct netdev *nd, struct qopts *q, struct err *err)
{
	const char *list = NULL, *dial = NULL, *mcast = NULL, *udp = NULL, *local = NULL;
	struct net_addr a;
	bool has_fd = false;
	u32 fd = 0;

	qopts_str(q, "listen", &list, err);
	qopts_str(q, "connect", &dial, err);
	qopts_str(q, "mcast", &mcast, err);
	qopts_str(q, "udp", &udp, err);
	qopts_str(q, "localaddr", &local, err);
	has_fd = qopts_u32(q, "fd", 0, 1 << 20, &fd, err) == 1;
	if (err_is_set(err))
		return -err->code;
	if (!!list + !!dial + !!mcast + !!udp + has_fd != 1)
		return err_set(err, EINVAL, "-netdev socket: exactly one of listen=, connect=, mcast=, udp= or fd= is required");
	if (local && !mcast && !udp)
		return err_set(err, EINVAL, "-netdev socket: localaddr= is only valid with mcast= or udp=");
	if (udp && !local)
		return err_set(err, EINVAL, "-netdev socket: localaddr= is mandatory with udp=");
	if (has_fd)
		return open_fd(nd, fd, err);
	if (mcast || udp)
		return open_dgram(nd, mcast ? mcast : udp, local, err);
	if (net_addr_parse(list ? list : dial, &a, err) < 0)
		return -err->code;
	return net_stream_open(nd, &a, list != NULL, 0, err);
}

static void socket_close(struct netdev *nd)
{
	if (nd->ends[0].ops == &net_dgram_end_ops)
		net_dgram_close(nd);
	else
		net_stream_close(nd);
}

static const struct netdev_kind netdev_socket = {
	.name = "socket", .help = "packets over TCP (listen=, connect=), UDP or multicast", .open = socket_open, .close = socket_close,
};
REGISTER(netdev_kind, netdev_socket);
