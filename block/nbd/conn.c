// SPDX-License-Identifier: GPL-2.0-or-later
/* A connection: exact reads through a small buffer, whole writes, deadlines. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "block/int.h"
#include "block/nbd/conn.h"
#include "block/nbd/tls.h"
#include "loop.h"

#define RX_SIZE (16U << 10)

int nbd_conn_init(struct nbd_conn *c, int fd)
{
	*c = (struct nbd_conn){ .fd = fd, .rx = malloc(RX_SIZE) };
	if (c->rx)
		return 0;
	close(fd);
	c->fd = -1;
	return -ENOMEM;
}

void nbd_conn_close(struct nbd_conn *c)
{
	nbd_tls_end(c->tls);
	c->tls = NULL;
	if (c->fd >= 0)
		close(c->fd);
	free(c->rx);
	c->fd = -1;
	c->rx = NULL;
}

int nbd_conn_await(struct nbd_conn *c, short events)
{
	struct pollfd p = { c->fd, events, 0 };
	u64 now = c->deadline_ns ? loop_now_ns() : 0;
	int r;

	if (c->deadline_ns && now >= c->deadline_ns)
		return -ETIMEDOUT;
	r = poll(&p, 1, c->deadline_ns ? (int)((c->deadline_ns - now) / 1000000 + 1) : -1);
	return r < 0 && errno != EINTR ? -errno : r ? 0 : -ETIMEDOUT;
}

static ssize_t recv_some(struct nbd_conn *c, void *buf, size_t len)
{
	if (c->tls)
		return nbd_tls_recv(c, buf, len);
	for (;;) {
		ssize_t r;
		int ret = c->deadline_ns ? nbd_conn_await(c, POLLIN) : 0;

		if (ret)
			return ret;
		r = recv(c->fd, buf, len, c->deadline_ns ? MSG_DONTWAIT : 0);
		if (r >= 0)
			return r;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

int nbd_recv(struct nbd_conn *c, void *buf, size_t len)
{
	u8 *p = buf;
	bool any = false;

	while (len) {
		u32 have = c->rx_len - c->rx_pos;
		ssize_t r;

		if (have) {
			size_t m = MIN((size_t)have, len);

			memcpy(p, c->rx + c->rx_pos, m);
			c->rx_pos += (u32)m;
			p += m;
			len -= m;
			any = true;
			continue;
		}
		c->rx_pos = c->rx_len = 0;
		r = len >= RX_SIZE ? recv_some(c, p, len) : recv_some(c, c->rx, RX_SIZE);
		if (r < 0)
			return (int)r;
		if (!r)
			return any ? -ECONNRESET : -ENOTCONN;
		any = true;
		if (len >= RX_SIZE) {
			p += r;
			len -= (size_t)r;
		} else {
			c->rx_len = (u32)r;
		}
	}
	return 0;
}

int nbd_recv_skip(struct nbd_conn *c, u64 len)
{
	u8 buf[4096];
	int ret = 0;

	while (!ret && len) {
		size_t m = (size_t)MIN(len, (u64)sizeof(buf));

		ret = nbd_recv(c, buf, m);
		len -= m;
	}
	return ret;
}

int nbd_sendv(struct nbd_conn *c, struct iovec *iov, int niov)
{
	if (c->tls)
		return nbd_tls_sendv(c, iov, niov);
	while (niov) {
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = MIN(niov, 64) };
		int ret = c->deadline_ns ? nbd_conn_await(c, POLLOUT) : 0;
		ssize_t r;

		if (ret)
			return ret;
		r = sendmsg(c->fd, &m, MSG_NOSIGNAL | (c->deadline_ns ? MSG_DONTWAIT : 0));
		if (r < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return -errno;
		}
		while (niov && (size_t)r >= iov->iov_len) {
			r -= (ssize_t)iov->iov_len;
			iov++;
			niov--;
		}
		if (niov) {
			iov->iov_base = (u8 *)iov->iov_base + r;
			iov->iov_len -= (size_t)r;
		}
	}
	return 0;
}

int nbd_send(struct nbd_conn *c, const void *buf, size_t len)
{
	struct iovec v = { (void *)buf, len };

	return nbd_sendv(c, &v, 1);
}
