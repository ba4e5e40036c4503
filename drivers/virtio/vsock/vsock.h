/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vsock device from inside. A worker thread runs a loop of its own: it
 * alone touches connections, sockets and rings, under the device's lock.
 * vCPUs only wake it. Connections are named by (guest port, host port); each
 * is a socket of the host's on one side and credit on both.
 */
#ifndef DRIVERS_VIRTIO_VSOCK_H
#define DRIVERS_VIRTIO_VSOCK_H

#include "dev/virtio.h"
#include "dev/vsock.h"
#include "loop.h"
#include "thread.h"
#include "uapi/vsock_capture.h"

#define Q_RX		0	/* to the guest */
#define Q_TX		1
#define Q_EVENT		2
#define QUEUE_SIZE	256
#define F_STREAM	BIT(0)
#define F_SEQPACKET	BIT(1)
#define PACKET_MAX	65536			/* payload of one packet */
#define BUF_ALLOC	(256 * 1024)		/* what we hold for a connection's reader on the host */
#define BUF_MAX		(8 * BUF_ALLOC)		/* the same with the lengths of messages */
#define CONNS_MAX	4096
#define REPLIES_MAX	128			/* resets that wait for buffers before we stop reading */
#define HASH_SIZE	1024
#define SHUT_BOTH	(VSC_VIRTIO_SHUT_RCV | VSC_VIRTIO_SHUT_SEND)
#define HOST_PORT_FIRST	(1U << 30)		/* of connections that the host makes */

/* A packet's header in host byte order. */
struct packet {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port, len;
	u16 type, op;
	u32 flags, buf_alloc, fwd_cnt;
};

enum conn_state {
	CONN_GREETING,		/* the client has not said CONNECT yet */
	CONN_REQUESTED,		/* the guest has not answered yet */
	CONN_OPEN,
	CONN_LINGER,		/* the guest has forgotten it, the host's reader has not read all */
};

struct conn {
	struct vsock *s;
	struct conn *hash_next;
	struct conn *prev, *next;		/* all of them */
	struct conn *ready_prev, *ready_next;
	bool ready;				/* on the list of those with something for the guest */
	u8 state;
	u16 type;
	u32 guest_port, host_port;
	struct loop_fd fd;			/* fd.fd -1: closed by the host */
	u32 pending;				/* control packets to send, BIT(op) */
	/* To the guest. */
	u32 peer_buf_alloc, peer_fwd_cnt, tx_cnt;
	u8 *msg;				/* seqpacket: a message half sent */
	u32 msg_len, msg_off;
	bool need_credit, host_eof, hup;
	u8 host_shut;				/* flags told to the guest */
	/* From the guest. */
	u32 rx_cnt, fwd_cnt, told_fwd_cnt;
	u8 *buf;				/* stream: bytes; seqpacket: u32 length and bytes of each message */
	size_t head, len, cap;
	size_t open_len;			/* seqpacket: bytes at the end that are no whole message yet, length included */
	u8 guest_shut;
	bool wr_shut;
	u8 greeting_len;
	char greeting[32];
};

struct vsock {
	struct virtio_dev v;
	u64 guest_cid;				/* properties */
	char *uds;
	bool seqpacket;
	struct loop *loop;
	struct thread thread;
	struct loop_bh kick;
	struct loop_fd listen[2];		/* stream, seqpacket */
	pthread_cond_t resume;
	bool paused, quit, started;
	bool rx_pushed;				/* an interrupt is due */
	bool drop_all;				/* the driver was reset: connections are none of its */
	bool reset_event;			/* to be told after loading (5.10.6.7) */
	struct conn *hash[HASH_SIZE];
	struct conn *conns, *ready_first, *ready_last;
	unsigned count;
	u32 next_port;
	struct packet *replies;			/* resets of no connection */
	size_t replies_n, replies_cap;
	struct vsock_tap *taps;
	u8 *bounce;				/* PACKET_MAX */
};

/* ---- virtio-vsock-pci.c ---- */

/* True with the device's lock held; false: the connection it was about may be gone. Waits while the machine stands. */
bool vsock_enter(struct vsock *s);
void vsock_leave(struct vsock *s);
/* The next buffer for the guest; NULL: none now. */
struct virtq_elem *vsock_rx_buffer(struct vsock *s);
/* Fills e with a packet and gives it to the guest. */
void vsock_rx_push(struct vsock *s, struct virtq_elem *e, const struct packet *p, const void *data);

/* ---- conn.c ---- */

struct conn *conn_new(struct vsock *s, int fd, u16 type, enum conn_state state);
struct conn *conn_find(struct vsock *s, u32 guest_port, u32 host_port);
/* Gives it its name and makes it findable. */
void conn_name(struct conn *c, u32 guest_port, u32 host_port);
void conn_free(struct conn *c);
/* Tells the guest that it is over, and frees it. */
void conn_reset(struct conn *c);
/* Sends op when there are buffers; 0: what else there is for the guest. */
void conn_tell(struct conn *c, u16 op);
/* What c has for the guest, as far as buffers and credit go. */
void conn_service(struct conn *c);
/* A packet of the guest for c. */
void conn_packet(struct conn *c, const struct packet *p, const u8 *data);
/* Bytes of the host's socket or room in it. */
void conn_fd_event(struct loop_fd *h, u32 events);
/* Watches what it needs. */
void conn_watch(struct conn *c);
/* Queues a reset for the sender of p. */
void vsock_reply_reset(struct vsock *s, const struct packet *p);

/* ---- host.c ---- */

/* The sockets at PATH and PATH_seqpacket. Before the loop runs. */
int  vsock_listen(struct vsock *s, struct err *err);
void vsock_unlisten(struct vsock *s);
/* A client's greeting. */
void vsock_greet(struct conn *c);
/* The guest wants host port p->dst_port: the socket PATH_PORT, or -1. */
int  vsock_connect(struct vsock *s, u32 port, u16 type);

#endif
