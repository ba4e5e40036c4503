/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The NBD client's state: one connection, up to 16 requests in flight. */
#ifndef BLOCK_NBD_CLIENT_H
#define BLOCK_NBD_CLIENT_H

#include "block/int.h"
#include "block/nbd/conn.h"
#include "block/nbd/proto.h"

#define NBD_SLOTS	16
#define NBD_EXTENTS	1024	/* of a block status answer that are kept */

struct nbd_run {
	u64 end;		/* of the disk; starts where the one before ends */
	u32 flags;
};

/* Block status as last answered; good while no request that writes was made since. */
struct nbd_runs {
	u64 start;
	unsigned int gen;
	int n;
	struct nbd_run v[NBD_EXTENTS];
};

/* A request in flight. */
struct nbd_slot {
	bool used, done, waiting;
	u64 cookie, off, len;
	u32 cmd;
	u32 flags;
	const struct iovec *iov;	/* of reads and writes */
	int niov;
	u64 received;
	int ret;
	struct nbd_runs *runs;
	pthread_cond_t wake;
};

struct nbd_priv {
	/* set at open */
	struct nbd_addr addr;
	char *export, *context;
	struct nbd_tls_conf tls;
	char *tls_hostname;		/* what tls.hostname points to, unless that is the address */
	u64 reconnect_ns, open_ns;
	struct nbd_info info;
	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t change;		/* a slot became free, the connection came back */
	struct nbd_conn conn;
	struct nbd_slot slot[NBD_SLOTS];
	int in_use;
	bool up, reading, reconnecting, opened;
	u64 down_ns, tried_ns;		/* when the connection broke; the last attempt since */
	u64 serial;
	struct nbd_runs *known;
	unsigned int gen;		/* atomic */
	pthread_mutex_t send;
};

/* session.c: one request, with reconnecting. 0 or -errno. */
int nbd_request(struct nbd_priv *p, u32 cmd, u32 flags, u64 off, u64 len, const struct iovec *iov,
		int niov, struct nbd_runs *runs);
/* Connects and negotiates until @deadline_ns (0: one attempt). */
int nbd_session_open(struct nbd_priv *p, u64 deadline_ns, struct err *e);
void nbd_session_close(struct nbd_priv *p);

#endif
