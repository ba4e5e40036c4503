/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What -netdev socket shares with stream and dgram. They fill nd->ends[0] and nd->priv.
 */
#ifndef VMBOX_DRIVERS_NET_STREAM_H
#define VMBOX_DRIVERS_NET_STREAM_H

#include "addr.h"
#include "dev/net.h"

/* reconnect_ns: between attempts, 0: one only. */
int  net_stream_open(struct netdev *nd, const struct net_addr *addr, bool server, u64 reconnect_ns, struct err *err);
void net_stream_close(struct netdev *nd);
/* local: where to receive; remote: where to send, may be a multicast group. Either may be absent (len 0, fd -1). */
int  net_dgram_open(struct netdev *nd, const struct net_addr *local, const struct net_addr *remote, struct err *err);
void net_dgram_close(struct netdev *nd);
extern const struct net_end_ops net_dgram_end_ops;

#endif
