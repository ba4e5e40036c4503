// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TLS sessions by mbed TLS. The library knows no threads: a session's lock is
 * held while it works, never while it waits; the socket is asked without
 * blocking and awaited outside.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/oid.h>
#include "block/int.h"
#include "block/nbd/authz.h"
#include "block/nbd/tls.h"
#include "block/nbd/tls_priv.h"
#include "str.h"

#define RAW_SIZE	(64U << 10)	/* read from the socket at a time */
#define RECORD		16384U		/* plain bytes of the longest record */
#define MAX_HANDSHAKE	(256U << 10)	/* bytes that a peer may send before it is authenticated */

struct nbd_tls {
	int fd, io_err;			/* errno of the socket, for who asks the library */
	bool open;			/* the handshake is over */
	u32 budget;			/* bytes left for the handshake */
	pthread_mutex_t lock;
	mbedtls_ssl_context ssl;
	u32 pos, len;			/* in raw */
	char identity[TLS_MAX_IDENTITY];
	u8 raw[RAW_SIZE], out[RECORD];
};

/* ---- the socket, as the library sees it ---- */

static int raw_send(void *arg, const unsigned char *buf, size_t len)
{
	struct nbd_tls *t = arg;
	ssize_t r;

	do
		r = send(t->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r >= 0)
		return (int)r;
	if (errno == EAGAIN)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	t->io_err = errno;
	return MBEDTLS_ERR_NET_SEND_FAILED;
}

static int raw_fill(struct nbd_tls *t)
{
	ssize_t r;

	do
		r = recv(t->fd, t->raw, RAW_SIZE, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EAGAIN)
		return MBEDTLS_ERR_SSL_WANT_READ;
	t->io_err = r < 0 ? errno : 0;
	if (r <= 0)
		return r ? MBEDTLS_ERR_NET_RECV_FAILED : MBEDTLS_ERR_SSL_CONN_EOF;
	if (!t->open) {
		if (r > t->budget) {
			t->io_err = EPROTO;
			return MBEDTLS_ERR_NET_RECV_FAILED;
		}
		t->budget -= (u32)r;
	}
	t->pos = 0;
	t->len = (u32)r;
	return 0;
}

static int raw_recv(void *arg, unsigned char *buf, size_t len)
{
	struct nbd_tls *t = arg;
	int ret = t->pos == t->len ? raw_fill(t) : 0;

	if (ret)
		return ret;
	len = MIN(len, (size_t)(t->len - t->pos));
	memcpy(buf, t->raw + t->pos, len);
	t->pos += (u32)len;
	return (int)len;
}

/* 1: ask again, the socket is ready; 0 or -errno: over. */
static int retry(struct nbd_conn *c, int r)
{
	int ret;

	if (r == MBEDTLS_ERR_SSL_WANT_READ || r == MBEDTLS_ERR_SSL_WANT_WRITE) {
		ret = nbd_conn_await(c, r == MBEDTLS_ERR_SSL_WANT_READ ? POLLIN : POLLOUT);
		return ret ? ret : 1;
	}
	switch (r) {
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
	case MBEDTLS_ERR_SSL_CONN_EOF:
		return 0;
	case MBEDTLS_ERR_NET_RECV_FAILED:
	case MBEDTLS_ERR_NET_SEND_FAILED:
		return -(c->tls->io_err ? c->tls->io_err : EIO);
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
		return -ENOMEM;
	}
	return -EPROTO;
}

/* ---- data ---- */

ssize_t nbd_tls_recv(struct nbd_conn *c, void *buf, size_t len)
{
	struct nbd_tls *t = c->tls;

	for (;;) {
		int r;

		pthread_mutex_lock(&t->lock);
		r = mbedtls_ssl_read(&t->ssl, buf, MIN(len, (size_t)INT32_MAX));
		pthread_mutex_unlock(&t->lock);
		if (r >= 0)
			return r;
		r = retry(c, r);
		if (r <= 0)
			return r;
	}
}

static int send_all(struct nbd_conn *c, const u8 *p, size_t len)
{
	struct nbd_tls *t = c->tls;

	while (len) {
		int r;

		pthread_mutex_lock(&t->lock);
		r = mbedtls_ssl_write(&t->ssl, p, MIN(len, (size_t)RECORD));
		pthread_mutex_unlock(&t->lock);
		if (r > 0) {
			p += r;
			len -= (size_t)r;
			continue;
		}
		r = retry(c, r);
		if (r <= 0)
			return r ? r : -ECONNRESET;
	}
	return 0;
}

/* Small pieces are put together, that a header and its data are one record. */
int nbd_tls_sendv(struct nbd_conn *c, const struct iovec *iov, int niov)
{
	struct nbd_tls *t = c->tls;
	size_t have = 0;
	int ret = 0;

	for (; niov && !ret; iov++, niov--) {
		const u8 *p = iov->iov_base;
		size_t left = iov->iov_len;

		while (left && !ret) {
			size_t m = MIN(left, RECORD - have);

			if (!have && left >= RECORD) {
				m = left / RECORD * RECORD;
				ret = send_all(c, p, m);
			} else {
				memcpy(t->out + have, p, m);
				have += m;
			}
			p += m;
			left -= m;
			if (have == RECORD) {
				ret = ret ?: send_all(c, t->out, have);
				have = 0;
			}
		}
	}
	return ret ?: send_all(c, t->out, have);
}

/* ---- who the peer is ---- */

/* "CN=a,O=b" in the order of the certificate, special characters escaped (RFC 4514). */
static int subject(const mbedtls_x509_crt *crt, char *buf, size_t size)
{
	struct strbuf b = STRBUF_INIT;
	const char *name;
	int ret;

	for (const mbedtls_x509_name *n = &crt->subject; n && n->oid.p; n = n->next) {
		if (mbedtls_oid_get_attr_short_name(&n->oid, &name))
			name = "?";
		strbuf_printf(&b, "%s%s=", b.len ? "," : "", name);
		for (size_t i = 0; i < n->val.len; i++) {
			if (n->val.p[i] && strchr(",+\"\\<>;", n->val.p[i]))
				strbuf_putc(&b, '\\');
			strbuf_putc(&b, n->val.p[i] ? (char)n->val.p[i] : '?');
		}
	}
	ret = strbuf_failed(&b);
	/* A name that was cut off must not pass for another one. */
	ret = ret ?: b.len < size ? 0 : -ENAMETOOLONG;
	if (!ret)
		memcpy(buf, b.len ? b.s : "", b.len + 1);
	strbuf_free(&b);
	return ret;
}

/* The binary form of an address into @bin; its length, 0 for a name. */
static size_t address(const char *host, u8 bin[16])
{
	return inet_pton(AF_INET, host, bin) == 1 ? 4 : inet_pton(AF_INET6, host, bin) == 1 ? 16 : 0;
}

/* The library compares names but no addresses. */
static bool has_address(const mbedtls_x509_crt *crt, const u8 *bin, size_t len)
{
	for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s; s = s->next)
		if (s->buf.p && s->buf.tag == (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_IP_ADDRESS) &&
		    s->buf.len == len && !memcmp(s->buf.p, bin, len))
			return true;
	return false;
}

static int verify_peer(struct nbd_tls *t, const struct nbd_tls_conf *conf, struct err *e)
{
	const struct nbd_tls_creds *k = conf->creds;
	const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&t->ssl);
	u8 bin[16];
	size_t len = conf->hostname ? address(conf->hostname, bin) : 0;

	if (!k->psk && k->verify && !crt)
		return err_set(e, EACCES, "No certificate was sent");
	if (!k->server && !k->psk && k->verify && len && !has_address(crt, bin, len))
		return err_set(e, EACCES, "Certificate does not match the hostname %s", conf->hostname);
	if (!k->server || !conf->authz)
		return 0;
	if (crt && subject(crt, t->identity, sizeof(t->identity)))
		return err_set(e, EACCES, "The peer's name is too long");
	if (!t->identity[0] || !nbd_authz_allows(conf->authz, t->identity))
		return err_set(e, EACCES, "'%s' is not allowed", t->identity);
	return 0;
}

/* ---- the handshake ---- */

static int verify_failed(struct nbd_tls *t, const char *hostname, struct err *e)
{
	u32 f = mbedtls_ssl_get_verify_result(&t->ssl);

	if (f & MBEDTLS_X509_BADCERT_REVOKED)
		return err_set(e, EACCES, "The certificate has been revoked");
	if (f & MBEDTLS_X509_BADCERT_EXPIRED)
		return err_set(e, EACCES, "The certificate has expired");
	if (f & MBEDTLS_X509_BADCERT_FUTURE)
		return err_set(e, EACCES, "The certificate is not yet activated");
	if (f & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return err_set(e, EACCES, "The certificate hasn't got a known issuer");
	if (f & MBEDTLS_X509_BADCERT_CN_MISMATCH)
		return err_set(e, EACCES, "Certificate does not match the hostname %s", hostname ? hostname : "");
	return err_set(e, EACCES, "The certificate is not trusted");
}

static int handshake_failed(struct nbd_conn *c, int r, const char *hostname, struct err *e)
{
	static const struct { int code; const char *text; } known[] = {
		{ MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE, "refused by the other side" },
		{ MBEDTLS_ERR_SSL_NO_CIPHER_CHOSEN, "no cipher in common" },
		{ MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION, "the other side knows no TLS 1.2" },
		{ MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE, "no certificate was sent" },
		{ MBEDTLS_ERR_SSL_UNKNOWN_IDENTITY, "unknown user" },
		{ MBEDTLS_ERR_SSL_INVALID_MAC, "the keys differ" },
	};
	int ret;

	if (r == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
		return verify_failed(c->tls, hostname, e);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].code == r)
			return err_set(e, EACCES, "TLS handshake failed: %s", known[i].text);
	ret = retry(c, r);
	if (ret == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "TLS handshake failed: no answer in time");
	if (!ret || ret == -EPIPE || ret == -ECONNRESET)
		return err_set(e, ECONNRESET, "TLS handshake failed: the connection was closed");
	return err_errno(e, -ret, "TLS handshake failed (error -0x%04x)", (unsigned int)-r);
}

static int one_step(struct nbd_tls *t, struct nbd_tls_creds *k)
{
	int r;

	pthread_mutex_lock(&k->lock);
	k->identity = t->identity;
	r = mbedtls_ssl_handshake(&t->ssl);
	k->identity = NULL;
	pthread_mutex_unlock(&k->lock);
	return r;
}

static int handshake(struct nbd_conn *c, const struct nbd_tls_conf *conf, struct err *e)
{
	struct nbd_tls *t = c->tls;
	u8 bin[16];
	int r;

	if (!conf->creds->server && conf->hostname && !address(conf->hostname, bin) &&
	    mbedtls_ssl_set_hostname(&t->ssl, conf->hostname))
		return err_set(e, EINVAL, "'%.80s' is no host name", conf->hostname);
	for (;;) {
		r = one_step(t, conf->creds);
		if (!r)
			break;
		if (r != MBEDTLS_ERR_SSL_WANT_READ && r != MBEDTLS_ERR_SSL_WANT_WRITE)
			return handshake_failed(c, r, conf->hostname, e);
		r = retry(c, r);
		if (r <= 0)
			return err_errno(e, -r, "TLS handshake failed");
	}
	t->open = true;
	return verify_peer(t, conf, e);
}

static void session_free(struct nbd_tls *t)
{
	mbedtls_ssl_free(&t->ssl);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

int nbd_tls_start(struct nbd_conn *c, const struct nbd_tls_conf *conf, struct err *e)
{
	const struct nbd_tls_creds *k = conf->creds;
	struct nbd_tls *t;
	int ret;

	/* What came before the keys were agreed on may be anybody's. */
	if (c->rx_pos != c->rx_len)
		return err_set(e, EPROTO, "Data in the clear behind the start of TLS");
	if (!k->server && !k->psk && k->verify && !conf->hostname)
		return err_set(e, EINVAL, "No hostname for certificate validation");
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ENOMEM, "Out of memory");
	t->fd = c->fd;
	t->budget = MAX_HANDSHAKE;
	pthread_mutex_init(&t->lock, NULL);
	mbedtls_ssl_init(&t->ssl);
	if (mbedtls_ssl_setup(&t->ssl, &k->conf)) {
		session_free(t);
		return err_set(e, ENOMEM, "Out of memory");
	}
	mbedtls_ssl_set_bio(&t->ssl, t, raw_send, raw_recv, NULL);
	c->tls = t;
	ret = handshake(c, conf, e);
	if (ret) {
		c->tls = NULL;
		nbd_tls_end(t);
	}
	return ret;
}

void nbd_tls_end(struct nbd_tls *t)
{
	if (!t)
		return;
	if (t->open)
		mbedtls_ssl_close_notify(&t->ssl);
	session_free(t);
}
