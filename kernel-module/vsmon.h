/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of the module. A monitor is a network device of kind
 * "vsmon"; packets.c and sockets.c are the sources, each one kernel probe
 * that is armed while a monitor which wants it is up.
 */
#ifndef VSMON_H
#define VSMON_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <uapi/vsock_capture.h>

enum vsmon_source {
	VSMON_PACKETS	= 1 << 0,	/* what the virtio transports send and receive */
	VSMON_SOCKETS	= 1 << 1,	/* what processes do with sockets, over any transport */
};

/* What is captured; ~0 in a number: any. Read without a lock, a word at a time. */
struct vsmon_filter {
	u64 cid;			/* of either side */
	u32 port;			/* of either side */
	u32 ops;			/* bits of enum vsc_op */
	u32 types;			/* bits of enum vsc_virtio_type */
	u32 directions;			/* bit 0: received, bit 1: sent */
	u32 snaplen;			/* bytes of payload */
	u32 sources;			/* enum vsmon_source */
};

enum vsmon_counter {
	VSMON_SEEN,
	VSMON_DELIVERED,
	VSMON_FILTERED,
	VSMON_UNHEARD,			/* nobody listened */
	VSMON_FOREIGN,			/* of another network namespace */
	VSMON_LOST_MEMORY,
	VSMON_LOST_QUEUE,
	VSMON_TRUNCATED,		/* of those delivered */
	VSMON_BYTES,			/* of those delivered */
	VSMON_OPS,			/* seen, by enum vsc_op */
	VSMON_COUNTERS = VSMON_OPS + VSC_OP_PAYLOAD + 1,
};

/* One event, as a source tells it. All in host order; the strings of bytes are as captured. */
struct vsmon_event {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port;
	u16 op, type, transport, header_len;
	bool sent;
	const void *header;		/* header_len bytes */
	const struct sk_buff *payload;	/* NULL: none */
	u32 len;			/* of the payload */
	const struct net *net;		/* of the socket; NULL: ask concerns */
	/* Whether a socket of either side is in net; NULL: nobody knows. */
	bool (*concerns)(const struct vsmon_event *ev, const struct net *net);
};

/* Tells every monitor that wants source of ev. From any context but NMI. */
void vsmon_tell(enum vsmon_source source, const struct vsmon_event *ev);

/* Arm or disarm a source; may sleep. 0 or -errno. */
int vsmon_packets_arm(void);
void vsmon_packets_disarm(void);
int vsmon_sockets_arm(void);
void vsmon_sockets_disarm(void);

/* Calls not told since the source was armed: the processor was in another probe. */
unsigned long vsmon_packets_missed(void);
unsigned long vsmon_sockets_missed(void);

int vsmon_table_init(void);
void vsmon_table_exit(void);

#endif
