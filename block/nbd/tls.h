/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS 1.2 under an NBD connection (doc/proto.md of the NBD project, "TLS
 * support"). Reading is for one thread at a time, and so is writing; both may
 * happen at once, as nbd_conn wants it.
 */
#ifndef BLOCK_NBD_TLS_H
#define BLOCK_NBD_TLS_H

#include "block/nbd/conn.h"
#include "config.h"

#if IS_ENABLED(CONFIG_BLOCK_NBD_TLS)
/*
 * Shakes hands as @conf says until the connection's deadline, as client or server by its
 * credentials. From then on nbd_recv() and nbd_send() go through it. 0 or -errno with text.
 */
int nbd_tls_start(struct nbd_conn *c, const struct nbd_tls_conf *conf, struct err *e);
/*
 * Credentials of a client without a key of its own, which believes the authorities in @cafile (PEM), or, NULL,
 * anybody. *out for nbd_tls_creds_free(). 0 or -errno with text.
 */
int nbd_tls_creds_client(const char *cafile, struct nbd_tls_creds **out, struct err *e);
void nbd_tls_creds_free(struct nbd_tls_creds *k);	/* NULL is fine */
/* Says goodbye as far as that needs no waiting, and frees. NULL is fine. */
void nbd_tls_end(struct nbd_tls *t);
/* At least one byte; 0 at the end, -errno. */
ssize_t nbd_tls_recv(struct nbd_conn *c, void *buf, size_t len);
/* All of it. 0 or -errno. */
int nbd_tls_sendv(struct nbd_conn *c, const struct iovec *iov, int niov);
#else
static inline int nbd_tls_start(struct nbd_conn *c, const struct nbd_tls_conf *conf, struct err *e)
{
	return err_set(e, ENOTSUP, "TLS is not part of this program");
}

static inline void nbd_tls_end(struct nbd_tls *t)
{
}

static inline ssize_t nbd_tls_recv(struct nbd_conn *c, void *buf, size_t len)
{
	return -ENOTSUP;
}

static inline int nbd_tls_sendv(struct nbd_conn *c, const struct iovec *iov, int niov)
{
	return -ENOTSUP;
}
#endif

#endif
