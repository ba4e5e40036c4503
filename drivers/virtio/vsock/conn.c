// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections: credit (virtio 1.2 section 5.10.6.3), data both ways, the end.
 * What the host does not read yet is kept, at most BUF_ALLOC bytes, which is
 * the credit that the guest has; who sends more is reset.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bytes.h"
#include "log.h"
#include "mem.h"
#include "vsock.h"

#define PACKETS_AT_ONCE	16
/* Asks for no event: hang-ups are reported all the same. */
#define WATCH_HANGUP	EPOLLMSG

/* ---- the set of them ---- */

static struct conn **bucket(struct vsock *s, u32 guest_port, u32 host_port)
{
	return &s->hash[(guest_port * 0x9e3779b1U ^ host_port * 0x85ebca6bU) >> 16 & (HASH_SIZE - 1)];
}

struct conn *conn_find(struct vsock *s, u32 guest_port, u32 host_port)
{
	struct conn *c = *bucket(s, guest_port, host_port);

	while (c && (c->guest_port != guest_port || c->host_port != host_port))
		c = c->hash_next;
	return c;
}

static bool has_name(const struct conn *c)
{
	return c->state == CONN_REQUESTED || c->state == CONN_OPEN;
}

void conn_name(struct conn *c, u32 guest_port, u32 host_port)
{
	struct conn **b = bucket(c->s, guest_port, host_port);

	c->guest_port = guest_port;
	c->host_port = host_port;
	c->hash_next = *b;
	*b = c;
}

static void unname(struct conn *c)
{
	struct conn **p = bucket(c->s, c->guest_port, c->host_port);

	while (*p && *p != c)
		p = &(*p)->hash_next;
	if (*p)
		*p = c->hash_next;
}

static void ready_del(struct conn *c)
{
	struct vsock *s = c->s;

	if (!c->ready)
		return;
	*(c->ready_prev ? &c->ready_prev->ready_next : &s->ready_first) = c->ready_next;
	*(c->ready_next ? &c->ready_next->ready_prev : &s->ready_last) = c->ready_prev;
	c->ready = false;
}

static void ready_add(struct conn *c)
{
	struct vsock *s = c->s;

	if (c->ready)
		return;
	c->ready_prev = s->ready_last;
	c->ready_next = NULL;
	*(s->ready_last ? &s->ready_last->ready_next : &s->ready_first) = c;
	s->ready_last = c;
	c->ready = true;
}

struct conn *conn_new(struct vsock *s, int fd, u16 type, enum conn_state state)
{
	struct conn *c = mem_zalloc(sizeof(*c));

	if (!c || loop_fd_add(s->loop, &c->fd, fd, WATCH_HANGUP, conn_fd_event, c, "connection", s->v.dev.path) < 0) {
		close(fd);
		mem_free(c);
		return NULL;
	}
	c->s = s;
	c->type = type;
	c->state = (u8)state;
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->count++;
	return c;
}

static void close_fd(struct conn *c)
{
	if (c->fd.fd < 0)
		return;
	loop_fd_del(&c->fd);
	close(c->fd.fd);
	c->fd.fd = -1;
}

void conn_free(struct conn *c)
{
	struct vsock *s = c->s;

	if (has_name(c))
		unname(c);
	ready_del(c);
	*(c->prev ? &c->prev->next : &s->conns) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->count--;
	close_fd(c);
	mem_free(c->msg);
	mem_free(c->buf);
	mem_free(c);
}

/* As a packet of the guest would look. */
static struct packet from_guest(const struct conn *c)
{
	return (struct packet){ .src_cid = c->s->guest_cid, .dst_cid = VSOCK_HOST_CID, .src_port = c->guest_port,
				.dst_port = c->host_port, .type = c->type };
}

void conn_reset(struct conn *c)
{
	struct packet p = from_guest(c);

	vsock_reply_reset(c->s, &p);
	loop_bh_schedule(&c->s->kick);
	conn_free(c);
}

void conn_watch(struct conn *c)
{
	bool reads = c->state == CONN_GREETING ||
		     (c->state == CONN_OPEN && !c->host_eof && !c->need_credit && !c->ready && !c->msg);
	u32 want = (reads ? EPOLLIN : 0) | (c->len > c->open_len ? EPOLLOUT : 0);

	if (c->fd.fd >= 0)
		loop_fd_mod(&c->fd, want ? want : c->hup ? 0 : WATCH_HANGUP);
}

/* ---- to the guest ---- */

static u32 credit(const struct conn *c)
{
	u32 on_the_way = c->tx_cnt - c->peer_fwd_cnt;

	return on_the_way < c->peer_buf_alloc ? c->peer_buf_alloc - on_the_way : 0;
}

static void push(struct conn *c, struct virtq_elem *e, u16 op, u32 flags, const void *data, u32 len)
{
	struct packet p = {
		.src_cid = VSOCK_HOST_CID, .dst_cid = c->s->guest_cid, .src_port = c->host_port, .dst_port = c->guest_port,
		.type = c->type, .op = op, .flags = flags, .len = len, .buf_alloc = BUF_ALLOC, .fwd_cnt = c->fwd_cnt,
	};

	c->told_fwd_cnt = c->fwd_cnt;
	c->pending &= ~(1U << VSC_VIRTIO_CREDIT_UPDATE);	/* every packet carries it */
	c->tx_cnt += len;
	vsock_rx_push(c->s, e, &p, data);
}

void conn_tell(struct conn *c, u16 op)
{
	c->pending |= 1U << op;
	ready_add(c);
	loop_bh_schedule(&c->s->kick);
}

/* False: no buffers now. */
static bool send_control(struct conn *c)
{
	u16 op;

	for (op = VSC_VIRTIO_REQUEST; op <= VSC_VIRTIO_CREDIT_REQUEST; op++) {
		struct virtq_elem *e;

		if (!(c->pending >> op & 1))
			continue;
		e = vsock_rx_buffer(c->s);
		if (!e)
			return false;
		c->pending &= ~(1U << op);
		push(c, e, op, op == VSC_VIRTIO_SHUTDOWN ? c->host_shut : 0, NULL, 0);
	}
	return true;
}

/* The host will not send any more; nor read, when it has closed. */
static void host_ended(struct conn *c)
{
	struct pollfd p = { .fd = c->fd.fd };
	u8 shut = c->host_shut | VSC_VIRTIO_SHUT_SEND;

	c->host_eof = true;
	poll(&p, 1, 0);
	if (p.revents & (POLLHUP | POLLERR)) {
		shut = SHUT_BOTH;
		close_fd(c);
		c->fwd_cnt = c->rx_cnt;
		c->len = c->open_len = 0;
	}
	if (shut != c->host_shut) {
		c->host_shut = shut;
		conn_tell(c, VSC_VIRTIO_SHUTDOWN);
	}
}

/* Reads a whole message of the host's. 1: there is one; 0: nothing now; -1: c is gone. */
static int fetch_message(struct conn *c)
{
	ssize_t n = recv(c->fd.fd, c->s->bounce, 1, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	struct pollfd p = { .fd = c->fd.fd, .events = POLLRDHUP };

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		poll(&p, 1, 0);
		if (n < 0 || p.revents) {
			host_ended(c);
			return 0;
		}
	}
	c->msg = n <= c->peer_buf_alloc ? mem_alloc((size_t)n) : NULL;
	if (!c->msg || recv(c->fd.fd, c->msg, (size_t)n, MSG_DONTWAIT) != n) {
		log_warn("vsock: a message of %zd bytes for port %u does not fit into the guest's buffer", n, c->guest_port);
		conn_reset(c);
		return -1;
	}
	c->msg_len = (u32)n;
	c->msg_off = 0;
	return 1;
}

/* One packet. 1: sent, 0: nothing to send now, -1: c is gone. */
static int pull_message(struct conn *c)
{
	int got = c->msg ? 1 : fetch_message(c);
	struct virtq_elem *e;
	u32 n, room;

	if (got <= 0)
		return got;
	room = credit(c);
	if (!room && c->msg_len) {
		c->need_credit = true;
		return 0;
	}
	e = vsock_rx_buffer(c->s);
	if (!e) {
		ready_add(c);
		return 0;
	}
	n = (u32)MIN(MIN((u64)room, (u64)(c->msg_len - c->msg_off)), MIN(e->in_len - VSOCK_HDR_LEN, (u64)PACKET_MAX));
	c->msg_off += n;
	push(c, e, VSC_VIRTIO_RW, c->msg_off == c->msg_len ? VSC_VIRTIO_EOM : 0, c->msg + c->msg_off - n, n);
	if (c->msg_off == c->msg_len) {
		mem_free(c->msg);
		c->msg = NULL;
	} else if (!n) {
		virtio_error(&c->s->v, "receive buffer without room for data");
		return 0;
	}
	return 1;
}

static int pull_bytes(struct conn *c)
{
	struct virtq_elem *e;
	u32 room = credit(c);
	ssize_t n;

	if (!room) {
		c->need_credit = true;
		return 0;
	}
	e = vsock_rx_buffer(c->s);
	if (!e) {
		ready_add(c);
		return 0;
	}
	if (e->in_len == VSOCK_HDR_LEN) {
		virtio_error(&c->s->v, "receive buffer without room for data");
		virtq_drop(e);
		return 0;
	}
	n = recv(c->fd.fd, c->s->bounce, (size_t)MIN(MIN(e->in_len - VSOCK_HDR_LEN, (u64)PACKET_MAX), (u64)room), MSG_DONTWAIT);
	if (n > 0) {
		push(c, e, VSC_VIRTIO_RW, 0, c->s->bounce, (u32)n);
		return 1;
	}
	virtq_unpop(&c->s->v, Q_RX, e);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		host_ended(c);
	return 0;
}

void conn_service(struct conn *c)
{
	unsigned n;
	int got = 1;

	ready_del(c);
	if (!send_control(c)) {
		ready_add(c);
	} else if (c->state == CONN_OPEN && c->fd.fd >= 0) {
		for (n = 0; n < PACKETS_AT_ONCE && got > 0 && !c->host_eof; n++)
			got = c->type == VSC_VIRTIO_STREAM ? pull_bytes(c) : pull_message(c);
		if (got < 0)
			return;
		if (got && c->msg)	/* the rest of a message shows in no event */
			conn_tell(c, 0);
	}
	conn_watch(c);
}

/* ---- to the host ---- */

/* Tells the guest of room: at the latest when a quarter of its credit has come back. */
static void forwarded(struct conn *c, size_t n)
{
	c->fwd_cnt += (u32)n;
	if (c->state == CONN_OPEN && c->fwd_cnt - c->told_fwd_cnt >= BUF_ALLOC / 4)
		conn_tell(c, VSC_VIRTIO_CREDIT_UPDATE);
}

/* The host's reader is gone: what comes is dropped. */
static void host_deaf(struct conn *c)
{
	c->fwd_cnt = c->rx_cnt;
	c->len = c->open_len = 0;
	if (!(c->host_shut & VSC_VIRTIO_SHUT_RCV) && c->state == CONN_OPEN) {
		c->host_shut |= VSC_VIRTIO_SHUT_RCV;
		conn_tell(c, VSC_VIRTIO_SHUTDOWN);
	}
}

/* The bytes that send() took; 0: it is full; -1: nobody reads there any more. */
static ssize_t to_host(struct conn *c, const void *data, size_t len)
{
	ssize_t n = c->fd.fd < 0 ? -1 : send(c->fd.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		return n;
	if (c->fd.fd >= 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	host_deaf(c);
	return -1;
}

static void flush_bytes(struct conn *c)
{
	while (c->len) {
		ssize_t n = to_host(c, c->buf + c->head, c->len);

		if (n <= 0)
			return;
		c->head += (size_t)n;
		c->len -= (size_t)n;
		forwarded(c, (size_t)n);
	}
}

static void flush_messages(struct conn *c)
{
	while (c->len > c->open_len) {
		u32 n = get_le32(c->buf + c->head);
		ssize_t sent = to_host(c, c->buf + c->head + 4, n);

		if (sent < 0 || (sent == 0 && n))
			return;
		c->head += 4 + n;
		c->len -= 4 + n;
		forwarded(c, n);
	}
}

/* Writes what is kept; does what the guest wanted done behind it. False: c is gone. */
static bool flush(struct conn *c)
{
	if (c->type == VSC_VIRTIO_STREAM)
		flush_bytes(c);
	else
		flush_messages(c);
	if (!c->len)
		c->head = 0;
	if (c->len > c->open_len)
		return true;
	if ((c->guest_shut & VSC_VIRTIO_SHUT_SEND) && !c->wr_shut && c->fd.fd >= 0) {
		shutdown(c->fd.fd, SHUT_WR);
		c->wr_shut = true;
	}
	if (c->state == CONN_LINGER)
		conn_free(c);
	else if (c->guest_shut == SHUT_BOTH)
		conn_reset(c);
	else
		return true;
	return false;
}

/* False: too much or no memory. */
static bool keep(struct conn *c, const void *data, size_t len)
{
	if (c->len + len > BUF_MAX)
		return false;
	if (c->head && c->head + c->len + len > c->cap) {
		memmove(c->buf, c->buf + c->head, c->len);
		c->head = 0;
	}
	if (mem_grow(&c->buf, &c->cap, c->head + c->len + len, 1) < 0)
		return false;
	memcpy(c->buf + c->head + c->len, data, len);
	c->len += len;
	return true;
}

static bool keep_message(struct conn *c, const struct packet *p, const u8 *data)
{
	static const u8 none[4];

	if (!c->open_len) {
		if (!keep(c, none, 4))
			return false;
		c->open_len = 4;
	}
	if (!keep(c, data, p->len))
		return false;
	c->open_len += p->len;
	if (p->flags & VSC_VIRTIO_EOM) {
		put_le32(c->buf + c->head + c->len - c->open_len, (u32)(c->open_len - 4));
		c->open_len = 0;
	}
	return true;
}

static bool keep_bytes(struct conn *c, const struct packet *p, const u8 *data)
{
	size_t done = 0;

	if (!c->len) {		/* straight through */
		ssize_t n = p->len ? to_host(c, data, p->len) : 0;

		if (n < 0)
			return true;
		done = (size_t)n;
		forwarded(c, done);
	}
	return done == p->len || keep(c, data + done, p->len - done);
}

/* ---- packets of the guest ---- */

static void guest_data(struct conn *c, const struct packet *p, const u8 *data)
{
	bool good = c->state == CONN_OPEN && c->fd.fd >= 0 && !(c->guest_shut & VSC_VIRTIO_SHUT_SEND) &&
		    (u64)(c->rx_cnt - c->fwd_cnt) + p->len <= BUF_ALLOC;

	if (good) {
		c->rx_cnt += p->len;
		if (c->host_shut & VSC_VIRTIO_SHUT_RCV)
			forwarded(c, p->len);
		else
			good = c->type == VSC_VIRTIO_STREAM ? keep_bytes(c, p, data) : keep_message(c, p, data);
	}
	if (!good)
		conn_reset(c);
	else if (c->type != VSC_VIRTIO_STREAM && !flush(c))
		return;
	else
		conn_watch(c);
}

static void guest_shuts(struct conn *c, u32 flags)
{
	if (c->state != CONN_OPEN) {
		conn_reset(c);
		return;
	}
	c->guest_shut |= flags & SHUT_BOTH;
	if ((c->guest_shut & VSC_VIRTIO_SHUT_RCV) && !c->host_eof) {
		if (c->fd.fd >= 0)
			shutdown(c->fd.fd, SHUT_RD);
		c->host_eof = true;
	}
	if (flush(c))
		conn_watch(c);
}

/* What the host has not read yet it can read still. */
static void guest_resets(struct conn *c)
{
	if (c->state == CONN_OPEN && c->fd.fd >= 0 && c->len > c->open_len) {
		unname(c);
		ready_del(c);
		c->len -= c->open_len;
		c->open_len = 0;
		c->state = CONN_LINGER;
		c->pending = 0;
		shutdown(c->fd.fd, SHUT_RD);
		conn_watch(c);
		return;
	}
	conn_free(c);
}

static void guest_answers(struct conn *c)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "OK %u\n", c->host_port);

	if (c->state != CONN_REQUESTED || send(c->fd.fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n) {
		conn_reset(c);
		return;
	}
	c->state = CONN_OPEN;
	conn_watch(c);
}

void conn_packet(struct conn *c, const struct packet *p, const u8 *data)
{
	c->peer_buf_alloc = p->buf_alloc;
	c->peer_fwd_cnt = p->fwd_cnt;
	if (c->need_credit && credit(c)) {
		c->need_credit = false;
		conn_tell(c, 0);
	}
	if (p->type != c->type) {
		conn_reset(c);
		return;
	}
	switch (p->op) {
	case VSC_VIRTIO_RW:
		guest_data(c, p, data);
		break;
	case VSC_VIRTIO_CREDIT_UPDATE:
		break;
	case VSC_VIRTIO_CREDIT_REQUEST:
		conn_tell(c, VSC_VIRTIO_CREDIT_UPDATE);
		break;
	case VSC_VIRTIO_SHUTDOWN:
		guest_shuts(c, p->flags);
		break;
	case VSC_VIRTIO_RST:
		guest_resets(c);
		break;
	case VSC_VIRTIO_RESPONSE:
		guest_answers(c);
		break;
	default:
		conn_reset(c);
	}
}

/* ---- the host's socket ---- */

void conn_fd_event(struct loop_fd *h, u32 events)
{
	struct conn *c = h->opaque;
	struct vsock *s = c->s;

	if (!vsock_enter(s))
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		c->hup = true;
	if (c->state == CONN_GREETING) {
		vsock_greet(c);
	} else if (c->state == CONN_REQUESTED) {
		if (c->hup)		/* the client does not wait any longer */
			conn_reset(c);
	} else if (!(c->len > c->open_len) || flush(c)) {
		if (c->state == CONN_LINGER && c->hup) {
			conn_free(c);
		} else if (c->host_eof && c->hup && c->fd.fd >= 0) {
			host_ended(c);
			conn_watch(c);
		} else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
			conn_service(c);
		} else {
			conn_watch(c);
		}
	}
	vsock_leave(s);
}
