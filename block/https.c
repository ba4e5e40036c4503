// SPDX-License-Identifier: GPL-2.0-or-later
/* TLS for block/http.c: NBD's sessions, with the system's authorities. */
#include <stdlib.h>
#include <unistd.h>
#include "block/https.h"
#include "block/int.h"
#include "block/nbd/tls.h"
#include "loop.h"

/* Debian and what stems from it, Red Hat and SUSE, the BSDs and Alpine. */
static const char *const stores[] = {
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

static const char *store(void)
{
	static const char *const names[] = { "CURL_CA_BUNDLE", "SSL_CERT_FILE" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *v = getenv(names[i]);

		if (v && *v)
			return v;
	}
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++)
		if (!access(stores[i], R_OK))
			return stores[i];
	return NULL;
}

int https_trust_new(bool verify, struct nbd_tls_creds **out, struct err *e)
{
	const char *file = verify ? store() : NULL;

	*out = NULL;
	if (verify && !file)
		return err_set(e, ENOENT, "https: this system has no list of certificate authorities "
			       "(Debian's package ca-certificates); $SSL_CERT_FILE names one");
	return nbd_tls_creds_client(file, out, e);
}

void https_trust_free(struct nbd_tls_creds *k)
{
	nbd_tls_creds_free(k);
}

static void set_deadline(struct nbd_conn *c, u64 timeout_s)
{
	c->deadline_ns = loop_now_ns() + timeout_s * 1000000000;
}

int https_start(int fd, struct nbd_tls_creds *k, const char *host, u64 timeout_s, struct nbd_conn **out, struct err *e)
{
	const struct nbd_tls_conf conf = { .creds = k, .hostname = host };
	struct nbd_conn *c = malloc(sizeof(*c));
	int ret;

	*out = NULL;
	if (!c) {
		close(fd);
		return err_set(e, ENOMEM, "Out of memory");
	}
	ret = nbd_conn_init(c, fd);
	if (ret) {
		free(c);
		return err_set(e, ENOMEM, "Out of memory");
	}
	set_deadline(c, timeout_s);
	ret = nbd_tls_start(c, &conf, e);
	if (ret)
		https_end(c);
	else
		*out = c;
	return ret;
}

void https_end(struct nbd_conn *c)
{
	if (c)
		nbd_conn_close(c);
	free(c);
}

int https_send(struct nbd_conn *c, const void *p, size_t len, u64 timeout_s)
{
	int ret;

	set_deadline(c, timeout_s);
	ret = nbd_send(c, p, len);
	return !ret || ret == -ETIMEDOUT ? ret : -EPIPE;
}

int https_recv(struct nbd_conn *c, void *p, size_t len, u64 timeout_s, size_t *got)
{
	ssize_t r;

	set_deadline(c, timeout_s);
	r = nbd_tls_recv(c, p, len);
	if (r <= 0)
		return r == -ETIMEDOUT ? -ETIMEDOUT : -EPIPE;
	*got = (size_t)r;
	return 0;
}
