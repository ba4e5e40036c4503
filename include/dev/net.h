/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network: network cards and backends (-netdev), joined in pairs by a
 * wire; there is no hub. Each queue of a card has a wire of its own.
 *
 *	card -> net_send(&card->end[i], packet) -> backend's ops->receive()
 *	backend -> net_send(&netdev->end[i], packet) -> card's ops->receive()
 *
 * Threads: net_send() and net_resume() from any thread, with no lock held
 * that the other side's receive() takes. A card's receive() takes the lock of
 * its device, so backends call with no lock held; a card sends without its
 * device's lock, or a backend could never wait for the card. Wires are joined
 * and cut on the main thread; net_disconnect() waits for calls under way.
 */
#ifndef VMBOX_DEV_NET_H
#define VMBOX_DEV_NET_H

#include <pthread.h>
#include <sys/uio.h>
#include "compiler.h"
#include "err.h"
#include "registry.h"

struct device;
struct json;
struct loop;
struct machine;
struct net_end;
struct netdev;
struct qopts;
struct strbuf;

/* What hardware would do to a packet (virtio 1.2 section 5.1.6), host byte order. */
struct net_hdr {
	u8  flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset;
};
#define NET_HDR_NEEDS_CSUM	1
#define NET_HDR_DATA_VALID	2
#define NET_GSO_NONE		0
#define NET_GSO_TCPV4		1
#define NET_GSO_UDP		3
#define NET_GSO_TCPV6		4
#define NET_GSO_UDP_L4		5
#define NET_GSO_ECN		0x80

struct net_packet {
	struct net_hdr hdr;
	const struct iovec *iov;	/* an Ethernet frame without FCS */
	unsigned n;
	size_t len;
};

#define NET_PACKET_MAX	(65536 + 64)	/* the longest, segmentation included */
#define NET_FRAME_MIN	14
#define NET_QUEUES_MAX	16

/* What an end understands in packets that it receives. */
#define NET_CAN_CSUM	BIT(0)
#define NET_CAN_TSO4	BIT(1)
#define NET_CAN_TSO6	BIT(2)
#define NET_CAN_ECN	BIT(3)
#define NET_CAN_UFO	BIT(4)
#define NET_CAN_USO	BIT(5)

struct net_end_ops {
	/* 1: taken, or dropped for good. 0: no room, say it again after resume(). */
	int  (*receive)(struct net_end *e, const struct net_packet *p);
	/* The peer has room again. Any thread; may be NULL. */
	void (*resume)(struct net_end *e);
	/* net_link_is_up() may have changed. Main thread; may be NULL. */
	void (*link_changed)(struct net_end *e);
	/* The peer's `can` has changed (a tap tells the kernel). May be NULL. */
	void (*peer_can)(struct net_end *e, u32 can);
};

struct net_end {
	const struct net_end_ops *ops;
	void *opaque;
	struct net_end *peer;		/* atomic; NULL: the wire is cut */
	u32 users;			/* atomic: calls into the peer under way */
	u32 can;			/* NET_CAN_* of receive() */
	u32 makes;			/* NET_CAN_* that it may send */
	bool link_down;			/* set_link off at this side */
	struct netdev *netdev;		/* of a backend's end */
};

/* Somebody who sees all packets of a backend (filter-dump). */
struct net_filter {
	void (*packet)(struct net_filter *f, bool from_guest, const struct net_packet *p);
	struct net_filter *next;
};

/* A kind of backend: REGISTER(netdev_kind, ...). */
struct netdev_kind {
	const char *name;		/* -netdev NAME */
	const char *help;
	/* Fills nd->ends (queues of them); priv is the kind's. All keys but id and type are its own. */
	int  (*open)(struct netdev *nd, struct qopts *q, struct err *err);
	void (*close)(struct netdev *nd);
	/* Monitor: "hostfwd_add", "hostfwd_remove" with an argument, "usernet". NULL: none of them. */
	int  (*command)(struct netdev *nd, const char *verb, const char *arg, struct strbuf *out, struct err *err);
};

struct netdev {
	char *id;
	const struct netdev_kind *kind;
	struct netdevs *all;
	struct netdev *next;
	unsigned queues;
	struct net_end ends[NET_QUEUES_MAX];
	struct device *card;		/* who is at the other end, NULL: nobody */
	char info[160];			/* for "info network" */
	pthread_mutex_t filter_lock;	/* innermost */
	struct net_filter *filters;
	void *priv;
};

struct netdevs {
	struct machine *m;
	struct loop *loop;
	struct netdev *first;
	unsigned cards;			/* counts up the default MAC addresses */
};

/* Joins and cuts one wire; main thread. Cutting waits until nobody is inside of either end. */
void net_connect(struct net_end *a, struct net_end *b);
void net_disconnect(struct net_end *a);
/* 1: taken or dropped (no peer, link down), 0: the peer is full and will call resume(). */
int  net_send(struct net_end *from, const struct net_packet *p);
/* For one plain buffer. */
int  net_send_buf(struct net_end *from, const void *buf, size_t len);
/* Tells the peer that receive() has room. */
void net_resume(struct net_end *e);
bool net_link_is_up(const struct net_end *e);
void net_set_can(struct net_end *e, u32 can);

/* -netdev text or the arguments of QMP netdev_add. */
int  netdev_add(struct netdevs *all, const char *text, struct err *err);
int  netdev_add_opts(struct netdevs *all, struct qopts *q, struct err *err);
int  netdev_del(struct netdevs *all, const char *id, struct err *err);
struct netdev *netdev_find(struct netdevs *all, const char *id);
void netdevs_free(struct netdevs *all);
/* From a card's realize: -ENOENT, -EBUSY. Connects nothing yet. */
struct netdev *netdev_take(struct machine *m, const char *id, struct device *card, struct err *err);
void netdev_give_back(struct netdev *nd);
/* By id of a backend, or of the card at its other end. -ENOENT. */
int  netdev_set_link(struct netdevs *all, const char *id, bool up);
/* Repeated keys of the command line as the arrays they are: hostfwd=a,hostfwd=b. NULL: no memory. */
char *netdev_fold_lists(const char *text);
/* 52:54:00:12:34:56 and on, unless mac is set already. */
void netdev_default_mac(struct machine *m, u8 mac[6]);
void netdev_info(struct netdevs *all, struct strbuf *out);

void net_filter_add(struct netdev *nd, struct net_filter *f);
void net_filter_del(struct netdev *nd, struct net_filter *f);

/* Finishes a checksum that was left to the hardware; frame is linear. False: the fields lie outside. */
bool net_finish_csum(const struct net_hdr *h, u8 *frame, size_t len);
/* Copies a packet into buf; the bytes, at most cap. */
size_t net_linear(const struct net_packet *p, void *buf, size_t cap);

REGISTRY_DECLARE(netdev_kind);

#endif
