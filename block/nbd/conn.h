/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One NBD connection as a byte stream, and the addresses of servers. */
#ifndef BLOCK_NBD_CONN_H
#define BLOCK_NBD_CONN_H

#include <sys/uio.h>
#include "block/nbd.h"
#include "block/opts.h"

/* Receiving is for one thread at a time, and so is sending. */
struct nbd_conn {
	int fd;			/* -1: none */
	u64 deadline_ns;	/* CLOCK_MONOTONIC; nothing is awaited longer. 0: no limit */
	u8 *rx;			/* received and not yet asked for */
	u32 rx_pos, rx_len;
	struct nbd_tls *tls;	/* all goes through it; NULL: in the clear */
};

/* Takes over @fd. 0 or -ENOMEM (@fd is closed then). */
int nbd_conn_init(struct nbd_conn *c, int fd);
void nbd_conn_close(struct nbd_conn *c);
/* Waits for poll(2) @events until the deadline. 0, -ETIMEDOUT, -errno. */
int nbd_conn_await(struct nbd_conn *c, short events);
/* Exactly @len bytes: 0, -ENOTCONN when the peer closed before the first, -ECONNRESET in between, -errno. */
int nbd_recv(struct nbd_conn *c, void *buf, size_t len);
int nbd_recv_skip(struct nbd_conn *c, u64 len);
/* All of it; @iov is changed. 0 or -errno. */
int nbd_sendv(struct nbd_conn *c, struct iovec *iov, int niov);
int nbd_send(struct nbd_conn *c, const void *buf, size_t len);

/* ---- client.c's handshake ---- */

/* What a server says about an export. nbd_info_clear() frees the strings. */
struct nbd_info {
	u64 size;
	u32 flags;			/* NBD_FLAG_* */
	u32 min_block, pref_block, max_block;	/* 0: not said */
	bool structured, extended, old_style;
	bool has_context;
	u32 context_id;
	char *name, *description;
	char **contexts;		/* listing only */
	int n_contexts;
};
void nbd_info_clear(struct nbd_info *i);

/*
 * From the first byte to the transmission phase of @export. @context (may be NULL) is asked for
 * as the one meta context. With credentials in @tls nothing but TLS is asked for in the clear. 0 or
 * -errno with text.
 */
int nbd_negotiate(struct nbd_conn *c, const struct nbd_tls_conf *tls, const char *export,
		  const char *context, struct nbd_info *info, struct err *e);

#endif
