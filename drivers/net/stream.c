// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -netdev stream and -netdev socket,listen=|connect=|fd=: packets over a
 * stream socket, each behind its length as be32. One peer at a time; a server
 * waits for the next one, a client tries again when reconnect says so.
 *
 * Locks: `lock` around what the card's thread shares with the loop: the
 * connected fd and the output that the socket did not take. Innermost.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include "addr.h"
#include "bytes.h"
#include "dev/net.h"
#include "loop.h"
#include "mem.h"
#include "qopts.h"
#include "stream.h"
#include "thread.h"

#define LEN_BYTES	4
#define OUT_MAX		(256 * KiB)	/* of output; the card waits then */
#define IOV_MAX_OURS	1000

struct stream {
	struct netdev *nd;
	struct net_end *end;
	struct net_addr addr;
	bool server;
	u64 reconnect_ns;		/* 0: never */
	int listen_fd;
	struct loop_fd hlisten, h;
	struct loop_timer again;
	struct loop_bh resume;
	pthread_mutex_t lock;
	int fd;				/* -1: no peer */
	bool connecting, card_waits;
	u8 *out;			/* OUT_MAX + a packet */
	size_t out_len;
	u8 *in;				/* a packet and its length */
	size_t in_len;
	bool held;			/* a whole packet that the card refused */
};

static void on_events(struct loop_fd *h, u32 events);

/* ---- card to peer ---- */

/* Under the lock. What does not go out at once is kept. */
static void send_some(struct stream *s, const struct iovec *iov, unsigned n, size_t len)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t sent = s->out_len || s->connecting ? 0 : sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	size_t skip = sent < 0 ? 0 : (size_t)sent;
	unsigned i;

	if (skip == len)
		return;
	for (i = 0; i < n; i++) {
		size_t part = iov[i].iov_len;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		memcpy(s->out + s->out_len, (u8 *)iov[i].iov_base + skip, part - skip);
		s->out_len += part - skip;
		skip = 0;
	}
	loop_bh_schedule(&s->resume);
}

static int stream_receive(struct net_end *e, const struct net_packet *p)
{
	struct stream *s = e->opaque;
	struct iovec iov[IOV_MAX_OURS + 1];
	u8 head[LEN_BYTES];

	if (p->n > IOV_MAX_OURS)
		return 1;
	put_be32(head, (u32)p->len);
	iov[0] = (struct iovec){ head, LEN_BYTES };
	memcpy(iov + 1, p->iov, p->n * sizeof(*iov));
	pthread_mutex_lock(&s->lock);
	if (s->fd < 0) {
		pthread_mutex_unlock(&s->lock);
		return 1;
	}
	if (s->out_len >= OUT_MAX) {
		s->card_waits = true;
		pthread_mutex_unlock(&s->lock);
		return 0;
	}
	send_some(s, iov, p->n + 1, p->len + LEN_BYTES);
	pthread_mutex_unlock(&s->lock);
	return 1;
}

static void stream_resume(struct net_end *e)
{
	loop_bh_schedule(&((struct stream *)e->opaque)->resume);
}

static const struct net_end_ops stream_end_ops = { .receive = stream_receive, .resume = stream_resume };

/* ---- the loop's side ---- */

static void set_info(struct stream *s, const char *state)
{
	snprintf(s->nd->info, sizeof(s->nd->info), "%s%s", state, s->addr.text);
}

static void hang_up(struct stream *s)
{
	int fd = s->fd;
	bool waits;

	if (fd < 0)
		return;
	loop_fd_del(&s->h);
	pthread_mutex_lock(&s->lock);
	s->fd = -1;
	s->out_len = 0;
	s->connecting = false;
	waits = s->card_waits;
	s->card_waits = false;
	pthread_mutex_unlock(&s->lock);
	close(fd);
	s->in_len = 0;
	s->held = false;
	set_info(s, s->server ? "listening on " : "disconnected from ");
	if (waits)
		net_resume(s->end);
	if (s->hlisten.loop)
		loop_fd_mod(&s->hlisten, EPOLLIN);
	if (s->reconnect_ns)
		loop_timer_arm_in(&s->again, s->reconnect_ns);
}

static int use_fd(struct stream *s, int fd, bool connecting, struct err *err)
{
	int on = 1, ret;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ret = loop_fd_add(s->nd->all->loop, &s->h, fd, connecting ? EPOLLOUT : EPOLLIN, on_events, s, "packets", s->nd->id);
	if (ret < 0) {
		close(fd);
		return err_errno(err, -ret, "-netdev %s", s->nd->kind->name);
	}
	pthread_mutex_lock(&s->lock);
	s->fd = fd;
	s->connecting = connecting;
	pthread_mutex_unlock(&s->lock);
	set_info(s, connecting ? "connecting to " : "connected to ");
	return 0;
}

/* What there is of whole packets, in order. False: the peer sent nonsense. */
static bool give_packets(struct stream *s)
{
	size_t at = 0;

	s->held = false;
	while (s->in_len - at >= LEN_BYTES) {
		size_t len = get_be32(s->in + at);

		if (len > NET_PACKET_MAX)
			return false;
		if (s->in_len - at - LEN_BYTES < len)
			break;
		if (!net_send_buf(s->end, s->in + at + LEN_BYTES, len)) {
			s->held = true;
			break;
		}
		at += LEN_BYTES + len;
	}
	s->in_len -= at;
	memmove(s->in, s->in + at, s->in_len);
	return true;
}

static bool flush_output(struct stream *s)
{
	ssize_t n = 0;
	bool waits;

	pthread_mutex_lock(&s->lock);
	if (s->out_len && !s->connecting) {
		n = send(s->fd, s->out, s->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			s->out_len -= (size_t)n;
			memmove(s->out, s->out + n, s->out_len);
		}
	}
	waits = s->card_waits && s->out_len < OUT_MAX / 2;
	if (waits)
		s->card_waits = false;
	pthread_mutex_unlock(&s->lock);
	if (waits)
		net_resume(s->end);
	return n >= 0 || errno == EAGAIN;
}

static void watch(struct stream *s)
{
	u32 events = s->held ? 0 : EPOLLIN;

	pthread_mutex_lock(&s->lock);
	if (s->connecting)
		events = EPOLLOUT;
	else if (s->out_len)
		events |= EPOLLOUT;
	pthread_mutex_unlock(&s->lock);
	loop_fd_mod(&s->h, events);
}

static bool finish_connect(struct stream *s)
{
	socklen_t len = sizeof(int);
	int e = 0;

	if (!s->connecting)
		return true;
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &len);
	if (e)
		return false;
	pthread_mutex_lock(&s->lock);
	s->connecting = false;
	pthread_mutex_unlock(&s->lock);
	set_info(s, "connected to ");
	return true;
}

static bool read_some(struct stream *s)
{
	ssize_t n = recv(s->fd, s->in + s->in_len, LEN_BYTES + NET_PACKET_MAX - s->in_len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	s->in_len += (size_t)n;
	return n && give_packets(s);
}

static void on_events(struct loop_fd *h, u32 events)
{
	struct stream *s = h->opaque;
	bool good = finish_connect(s);

	if (good && (events & EPOLLOUT))
		good = flush_output(s);
	if (good && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !s->held)
		good = read_some(s);
	if (good)
		watch(s);
	else
		hang_up(s);
}

static void on_resume(struct loop_bh *bh)
{
	struct stream *s = bh->opaque;

	if (s->fd < 0)
		return;
	if ((s->held && !give_packets(s)) || !flush_output(s))
		hang_up(s);
	else
		watch(s);
}

static void on_peer(struct loop_fd *h, u32 events)
{
	struct stream *s = h->opaque;
	struct err err = ERR_INIT;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (use_fd(s, fd, false, &err) == 0)
		loop_fd_mod(h, 0);
}

/* ---- opening ---- */

static int dial(struct stream *s, struct err *err)
{
	int fd = net_addr_socket(&s->addr, SOCK_STREAM, err), e;

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&s->addr.sa, s->addr.len) == 0)
		return use_fd(s, fd, false, err);
	e = errno;
	if (e == EINPROGRESS)
		return use_fd(s, fd, true, err);
	close(fd);
	return err_errno(err, e, "can't connect to %s", s->addr.text);
}

static void on_again(struct loop_timer *t)
{
	struct stream *s = t->opaque;
	struct err err = ERR_INIT;

	if (s->fd < 0 && dial(s, &err) < 0)
		loop_timer_arm_in(t, s->reconnect_ns);
}

static int serve(struct stream *s, struct err *err)
{
	int on = 1, ret;

	s->listen_fd = net_addr_socket(&s->addr, SOCK_STREAM, err);
	if (s->listen_fd < 0)
		return -err->code;
	if (s->addr.sa.ss_family == AF_UNIX)
		unlink(((struct sockaddr_un *)&s->addr.sa)->sun_path);
	setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->listen_fd, (struct sockaddr *)&s->addr.sa, s->addr.len) < 0 || listen(s->listen_fd, 1) < 0)
		return err_errno(err, errno, "can't listen on %s", s->addr.text);
	ret = loop_fd_add(s->nd->all->loop, &s->hlisten, s->listen_fd, EPOLLIN, on_peer, s, "listen", s->nd->id);
	set_info(s, "listening on ");
	return ret < 0 ? err_errno(err, -ret, "-netdev %s", s->nd->kind->name) : 0;
}

int net_stream_open(struct netdev *nd, const struct net_addr *addr, bool server, u64 reconnect_ns, struct err *err)
{
	struct stream *s = mem_zalloc(sizeof(*s));

	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->nd = nd;
	s->end = &nd->ends[0];
	s->end->ops = &stream_end_ops;
	s->end->opaque = s;
	s->addr = *addr;
	s->server = server;
	s->reconnect_ns = server ? 0 : reconnect_ns;
	s->fd = s->listen_fd = -1;
	nd->priv = s;
	pthread_mutex_init(&s->lock, NULL);
	loop_bh_init(nd->all->loop, &s->resume, on_resume, s, "resume", nd->id);
	loop_timer_init(nd->all->loop, &s->again, on_again, s, "reconnect", nd->id);
	s->out = mem_alloc(OUT_MAX + LEN_BYTES + NET_PACKET_MAX);
	s->in = mem_alloc(LEN_BYTES + NET_PACKET_MAX);
	if (!s->out || !s->in)
		return err_set(err, ENOMEM, "out of memory");
	if (addr->fd >= 0)
		return use_fd(s, addr->fd, false, err);
	if (server)
		return serve(s, err);
	if (dial(s, err) == 0)
		return 0;
	if (!s->reconnect_ns)
		return -err->code;
	err_clear(err);
	loop_timer_arm_in(&s->again, s->reconnect_ns);
	return 0;
}

void net_stream_close(struct netdev *nd)
{
	struct stream *s = nd->priv;

	if (!s)
		return;
	s->reconnect_ns = 0;
	hang_up(s);
	if (s->hlisten.loop)
		loop_fd_del(&s->hlisten);
	if (s->listen_fd >= 0) {
		close(s->listen_fd);
		if (s->addr.sa.ss_family == AF_UNIX)
			unlink(((struct sockaddr_un *)&s->addr.sa)->sun_path);
	}
	loop_bh_del(&s->resume);
	loop_timer_del(&s->again);
	pthread_mutex_destroy(&s->lock);
	mem_free(s->out);
	mem_free(s->in);
	mem_free(s);
}

static int stream_open(struct netdev *nd, struct qopts *q, struct err *err)
{
	struct net_addr addr;
	bool server = false;
	u64 seconds = 0, ms = 0;

	qopts_bool(q, "server", &server, err);
	qopts_u64(q, "reconnect", 0, 86400, &seconds, err);
	qopts_u64(q, "reconnect-ms", 0, 86400000, &ms, err);
	if (net_addr_read(q, "addr", &addr, err) == 0 && !err_is_set(err))
		err_set(err, EINVAL, "-netdev stream: parameter 'addr' is missing");
	if (err_is_set(err))
		return -err->code;
	return net_stream_open(nd, &addr, server, (seconds * 1000 + ms) * 1000000, err);
}

static const struct netdev_kind netdev_stream = {
	.name = "stream", .help = "packets over a stream socket", .open = stream_open, .close = net_stream_close,
};
REGISTER(netdev_kind, netdev_stream);
