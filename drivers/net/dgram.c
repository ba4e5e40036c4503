// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -netdev dgram and -netdev socket,udp=|mcast=: a packet is a datagram, to
 * one peer or to a multicast group that all members hear.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include "dev/net.h"
#include "loop.h"
#include "mem.h"
#include "qopts.h"
#include "stream.h"

#define BATCH		64
#define IOV_MAX_OURS	1000

struct dgram {
	struct netdev *nd;
	struct net_end *end;
	struct net_addr local, remote;	/* remote.len 0: the socket is connected */
	int fd;
	struct loop_fd h;
	struct loop_bh resume;
	u8 *buf;
	size_t held;
};

static int dgram_receive(struct net_end *e, const struct net_packet *p)
{
	struct dgram *d = e->opaque;
	struct msghdr msg = {
		.msg_name = d->remote.len ? &d->remote.sa : NULL, .msg_namelen = d->remote.len,
		.msg_iov = (struct iovec *)p->iov, .msg_iovlen = p->n,
	};

	/* Datagrams may be lost; who is not there today may be tomorrow. */
	if (p->n <= IOV_MAX_OURS && sendmsg(d->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return 1;
	return 1;
}

static void dgram_resume(struct net_end *e)
{
	loop_bh_schedule(&((struct dgram *)e->opaque)->resume);
}

const struct net_end_ops net_dgram_end_ops = { .receive = dgram_receive, .resume = dgram_resume };

static void on_packets(struct loop_fd *h, u32 events)
{
	struct dgram *d = h->opaque;
	int i;

	(void)events;
	for (i = 0; i < BATCH; i++) {
		ssize_t n = recv(d->fd, d->buf, NET_PACKET_MAX, MSG_DONTWAIT);

		if (n <= 0)
			return;
		if (!net_send_buf(d->end, d->buf, (size_t)n)) {
			d->held = (size_t)n;
			loop_fd_mod(h, 0);
			return;
		}
	}
}

static void on_resume(struct loop_bh *bh)
{
	struct dgram *d = bh->opaque;

	if (d->held && !net_send_buf(d->end, d->buf, d->held))
		return;
	d->held = 0;
	loop_fd_mod(&d->h, EPOLLIN);
}

static bool is_multicast(const struct net_addr *a)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->sa;

	return a->len && in->sin_family == AF_INET && IN_MULTICAST(ntohl(in->sin_addr.s_addr));
}

static int join_group(int fd, const struct net_addr *group, const struct net_addr *local, struct err *err)
{
	struct ip_mreqn req = { .imr_multiaddr = ((const struct sockaddr_in *)&group->sa)->sin_addr };
	int on = 1;

	if (local->len && local->sa.ss_family == AF_INET)
		req.imr_address = ((const struct sockaddr_in *)&local->sa)->sin_addr;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&group->sa, group->len) < 0)
		return err_errno(err, errno, "can't bind to %s", group->text);
	if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &req, sizeof(req)) < 0)
		return err_errno(err, errno, "can't join the multicast group %s", group->text);
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof(on));
	if (local->len && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &req, sizeof(req)) < 0)
		return err_errno(err, errno, "can't send multicasts by %s", local->text);
	return 0;
}

static int open_socket(struct dgram *d, struct err *err)
{
	const struct net_addr *first = d->local.len ? &d->local : &d->remote;

	if (d->local.fd >= 0) {
		d->fd = d->local.fd;
		return 0;
	}
	d->fd = net_addr_socket(is_multicast(&d->remote) ? &d->remote : first, SOCK_DGRAM, err);
	if (d->fd < 0)
		return -err->code;
	if (is_multicast(&d->remote))
		return join_group(d->fd, &d->remote, &d->local, err);
	if (d->local.sa.ss_family == AF_UNIX)
		unlink(((struct sockaddr_un *)&d->local.sa)->sun_path);
	if (d->local.len && bind(d->fd, (struct sockaddr *)&d->local.sa, d->local.len) < 0)
		return err_errno(err, errno, "can't bind to %s", d->local.text);
	return 0;
}

int net_dgram_open(struct netdev *nd, const struct net_addr *local, const struct net_addr *remote, struct err *err)
{
	struct dgram *d = mem_zalloc(sizeof(*d));
	int ret;

	if (!d)
		return err_set(err, ENOMEM, "out of memory");
	d->nd = nd;
	d->end = &nd->ends[0];
	d->end->ops = &net_dgram_end_ops;
	d->end->opaque = d;
	d->local = *local;
	d->remote = *remote;
	d->fd = -1;
	nd->priv = d;
	loop_bh_init(nd->all->loop, &d->resume, on_resume, d, "resume", nd->id);
	d->buf = mem_alloc(NET_PACKET_MAX);
	if (!d->buf)
		return err_set(err, ENOMEM, "out of memory");
	if (open_socket(d, err) < 0)
		return -err->code;
	ret = loop_fd_add(nd->all->loop, &d->h, d->fd, EPOLLIN, on_packets, d, "packets", nd->id);
	snprintf(nd->info, sizeof(nd->info), "%s=%s", is_multicast(remote) ? "mcast" : "udp", remote->len ? remote->text : local->text);
	return ret < 0 ? err_errno(err, -ret, "-netdev %s", nd->kind->name) : 0;
}

void net_dgram_close(struct netdev *nd)
{
	struct dgram *d = nd->priv;

	if (!d)
		return;
	if (d->h.loop)
		loop_fd_del(&d->h);
	loop_bh_del(&d->resume);
	if (d->fd >= 0)
		close(d->fd);
	if (d->local.sa.ss_family == AF_UNIX)
		unlink(((struct sockaddr_un *)&d->local.sa)->sun_path);
	mem_free(d->buf);
	mem_free(d);
}

static int dgram_open(struct netdev *nd, struct qopts *q, struct err *err)
{
	struct net_addr local, remote;
	int l = net_addr_read(q, "local", &local, err), r = net_addr_read(q, "remote", &remote, err);

	if (err_is_set(err))
		return -err->code;
	if (!l && !is_multicast(&remote))
		return err_set(err, EINVAL, "-netdev dgram: 'local' is missing, or 'remote' is no multicast address");
	if (l && local.fd < 0 && !r)
		return err_set(err, EINVAL, "-netdev dgram: don't know where to send: 'remote' is missing");
	return net_dgram_open(nd, &local, &remote, err);
}

static const struct netdev_kind netdev_dgram = {
	.name = "dgram", .help = "a packet is a datagram (UDP, unix, multicast)", .open = dgram_open, .close = net_dgram_close,
};
REGISTER(netdev_kind, netdev_dgram);
