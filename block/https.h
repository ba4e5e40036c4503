/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS under a connection to a web server, for block/http.c. */
#ifndef BLOCK_HTTPS_H
#define BLOCK_HTTPS_H

#include <errno.h>
#include "block/nbd/conn.h"
#include "config.h"

#if IS_ENABLED(CONFIG_BLOCK_HTTPS)
/*
 * What servers are judged by: the authorities in the file that $SSL_CERT_FILE or $CURL_CA_BUNDLE names,
 * else the system's; with @verify false nobody is judged. 0 or -errno with text.
 */
int https_trust_new(bool verify, struct nbd_tls_creds **out, struct err *e);
void https_trust_free(struct nbd_tls_creds *k);	/* NULL is fine */
/* Takes over the socket @fd, on which TLS begins with @host until @timeout_s are over; *out for https_end(). */
int https_start(int fd, struct nbd_tls_creds *k, const char *host, u64 timeout_s, struct nbd_conn **out, struct err *e);
void https_end(struct nbd_conn *c);		/* closes the socket too */
/* As send(2) of all, and recv(2): 0, -ETIMEDOUT, -EPIPE for any other end. */
int https_send(struct nbd_conn *c, const void *p, size_t len, u64 timeout_s);
int https_recv(struct nbd_conn *c, void *p, size_t len, u64 timeout_s, size_t *got);
#else
static inline int https_trust_new(bool verify, struct nbd_tls_creds **out, struct err *e)
{
	*out = NULL;
	return err_set(e, ENOTSUP, "https is not part of this program; nbdkit's curl plugin reads it");
}

static inline void https_trust_free(struct nbd_tls_creds *k)
{
}

static inline int https_start(int fd, struct nbd_tls_creds *k, const char *host, u64 timeout_s, struct nbd_conn **out,
			      struct err *e)
{
	*out = NULL;
	return -ENOTSUP;
}

static inline void https_end(struct nbd_conn *c)
{
}

static inline int https_send(struct nbd_conn *c, const void *p, size_t len, u64 timeout_s)
{
	return -ENOTSUP;
}

static inline int https_recv(struct nbd_conn *c, void *p, size_t len, u64 timeout_s, size_t *got)
{
	*got = 0;
	return -ENOTSUP;
}
#endif

#endif
