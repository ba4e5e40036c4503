// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TLS credentials: the objects tls-creds-x509 and tls-creds-psk with QEMU's
 * keys and names of files (docs/system/tls.rst). Versions before TLS 1.2 and
 * exchanges without forward secrecy are not offered but for a plain PSK.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "block/int.h"
#include "block/nbd.h"
#include "block/nbd/authz.h"
#include "block/nbd/tls.h"
#include "block/nbd/tls_priv.h"
#include "block/object.h"
#include "mem.h"
#include "str.h"
#include <sys/random.h>

static const int x509_suites[] = {
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_DHE_RSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_DHE_RSA_WITH_AES_128_GCM_SHA256, 0
};

static const int psk_suites[] = {
	MBEDTLS_TLS_DHE_PSK_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_DHE_PSK_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_PSK_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256, 0
};

static int random_bytes(void *arg, unsigned char *buf, size_t len)
{
	while (len) {
		ssize_t r = getrandom(buf, len, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return MBEDTLS_ERR_SSL_NO_RNG;
		buf += r;
		len -= (size_t)r;
	}
	return 0;
}

static void keys_free(struct tls_psk *k)
{
	while (k) {
		struct tls_psk *next = k->next;

		mbedtls_platform_zeroize(k->key, sizeof(k->key));
		free(k->user);
		free(k);
		k = next;
	}
}

static void destroy(void *priv)
{
	struct nbd_tls_creds *k = priv;

	mbedtls_ssl_config_free(&k->conf);
	mbedtls_x509_crt_free(&k->ca);
	mbedtls_x509_crt_free(&k->cert);
	mbedtls_x509_crl_free(&k->crl);
	mbedtls_pk_free(&k->key);
	mbedtls_dhm_free(&k->dh);
	keys_free(k->keys);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* What both kinds have: endpoint, and the library's defaults. */
static int new_creds(struct nbd_tls_creds **out, struct blk_opts *o, struct err *e)
{
	static const char *const ends[] = { "client", "server", NULL };
	struct nbd_tls_creds *k = calloc(1, sizeof(*k));
	int end = 0, ret;

	if (!k)
		return err_set(e, ENOMEM, "Out of memory");
	pthread_mutex_init(&k->lock, NULL);
	mbedtls_ssl_config_init(&k->conf);
	mbedtls_x509_crt_init(&k->ca);
	mbedtls_x509_crt_init(&k->cert);
	mbedtls_x509_crl_init(&k->crl);
	mbedtls_pk_init(&k->key);
	mbedtls_dhm_init(&k->dh);
	*out = k;
	ret = blk_opts_take_enum(o, "endpoint", ends, &end, e);
	if (ret)
		return ret;
	k->server = end;
	if (mbedtls_ssl_config_defaults(&k->conf, end ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
					MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT))
		return err_set(e, ENOMEM, "Out of memory");
	mbedtls_ssl_conf_min_version(&k->conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_rng(&k->conf, random_bytes, NULL);
	return 0;
}

/* *out: @dir/@name for free(), or NULL when it is not there and need not be. */
static int file_name(const char *dir, const char *name, bool needed, char **out, struct err *e)
{
	struct strbuf b = STRBUF_INIT;
	int ret;

	*out = NULL;
	strbuf_printf(&b, "%s/%s", dir, name);
	ret = strbuf_failed(&b);
	if (!ret && access(b.s, R_OK) < 0)
		ret = errno == ENOENT && !needed ? 1 :
		      err_errno(e, errno, "Unable to access credentials %s", b.s);
	if (!ret) {
		*out = strdup(b.s);
		ret = *out ? 0 : -ENOMEM;
	}
	strbuf_free(&b);
	return MIN(ret, 0);
}

static int bad_file(const char *file, int r, struct err *e)
{
	return err_set(e, EINVAL, "Unable to use the credentials in %s (error -0x%04x)", file, (unsigned int)-r);
}

/* ---- x509 ---- */

static int load_ca(struct nbd_tls_creds *k, const char *dir, struct err *e)
{
	char *file = NULL;
	int ret = file_name(dir, "ca-cert.pem", k->verify, &file, e), r;

	if (ret || !file)
		return ret;
	r = mbedtls_x509_crt_parse_file(&k->ca, file);
	ret = r ? bad_file(file, r, e) : 0;
	free(file);
	ret = ret ?: file_name(dir, "ca-crl.pem", false, &file, e);
	if (!ret && file) {
		r = mbedtls_x509_crl_parse_file(&k->crl, file);
		ret = r ? bad_file(file, r, e) : 0;
		free(file);
	}
	if (!ret)
		mbedtls_ssl_conf_ca_chain(&k->conf, &k->ca, k->crl.version ? &k->crl : NULL);
	return ret;
}

static int load_key(struct nbd_tls_creds *k, const char *file, const char *password, struct err *e)
{
	int r = mbedtls_pk_parse_keyfile(&k->key, file, password);

	if (r)
		return bad_file(file, r, e);
	if (mbedtls_pk_check_pair(&k->cert.pk, &k->key) || mbedtls_ssl_conf_own_cert(&k->conf, &k->cert, &k->key))
		return err_set(e, EINVAL, "The key in %s is not that of the certificate", file);
	return 0;
}

/* Our own certificate and key; a client may have none. */
static int load_own(struct nbd_tls_creds *k, const char *dir, const char *password, struct err *e)
{
	char *cert = NULL, *key = NULL;
	int ret = file_name(dir, k->server ? "server-cert.pem" : "client-cert.pem", k->server, &cert, e), r;

	ret = ret ?: file_name(dir, k->server ? "server-key.pem" : "client-key.pem", cert != NULL, &key, e);
	if (!ret && cert) {
		r = mbedtls_x509_crt_parse_file(&k->cert, cert);
		ret = r ? bad_file(cert, r, e) : load_key(k, key, password, e);
	}
	free(cert);
	free(key);
	return ret;
}

static int load_dh(struct nbd_tls_creds *k, const char *dir, struct err *e)
{
	char *file = NULL;
	int ret = file_name(dir, "dh-params.pem", false, &file, e), r;

	if (ret || !file)
		return ret;
	r = mbedtls_dhm_parse_dhmfile(&k->dh, file);
	r = r ? r : mbedtls_ssl_conf_dh_param_ctx(&k->conf, &k->dh);
	ret = r ? bad_file(file, r, e) : 0;
	free(file);
	return ret;
}

/* The secret that the private key is locked with, NUL-terminated; free(). */
static int take_password(struct blk_graph *g, struct blk_opts *o, char **out, struct err *e)
{
	char *id = blk_opts_take(o, "passwordid");
	const u8 *data;
	size_t len;
	int ret = id ? blk_graph_secret(g, id, &data, &len, e) : 0;

	*out = id && !ret ? str_ndup((const char *)data, len) : NULL;
	if (id && !ret && !*out)
		ret = err_set(e, ENOMEM, "Out of memory");
	free(id);
	return ret;
}

static void forget(char *s)
{
	if (s)
		mbedtls_platform_zeroize(s, strlen(s));
	mem_free(s);
}

static int x509_create(struct blk_graph *g, struct blk_opts *o, void **priv, struct err *e)
{
	struct nbd_tls_creds *k = NULL;
	char *dir = blk_opts_take(o, "dir"), *password = NULL;
	bool sanity = true;
	int ret = dir ? 0 : err_set(e, EINVAL, "Parameter 'dir' is missing");

	ret = ret ?: new_creds(&k, o, e);
	if (!ret) {
		k->verify = true;
		ret = blk_opts_take_bool(o, "verify-peer", &k->verify, e);
		ret = ret ?: blk_opts_take_bool(o, "sanity-check", &sanity, e);	/* always done */
	}
	ret = ret ?: take_password(g, o, &password, e);
	ret = ret ?: load_ca(k, dir, e);
	ret = ret ?: load_own(k, dir, password, e);
	ret = ret ?: load_dh(k, dir, e);
	forget(password);
	free(dir);
	if (ret) {
		if (k)
			destroy(k);
		return ret;
	}
	mbedtls_ssl_conf_authmode(&k->conf, k->verify ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_ciphersuites(&k->conf, x509_suites);
	*priv = k;
	return 0;
}

/* A store may hold some that the library does not know; they are passed over. */
int nbd_tls_creds_client(const char *cafile, struct nbd_tls_creds **out, struct err *e)
{
	struct blk_opts none = { 0 };
	struct nbd_tls_creds *k = NULL;
	int ret = new_creds(&k, &none, e), r;

	if (!ret && cafile) {
		k->verify = true;
		r = mbedtls_x509_crt_parse_file(&k->ca, cafile);
		ret = r < 0 || !k->ca.version ? bad_file(cafile, r, e) : 0;
		mbedtls_ssl_conf_ca_chain(&k->conf, &k->ca, NULL);
	}
	if (ret) {
		nbd_tls_creds_free(k);
		return ret;
	}
	mbedtls_ssl_conf_authmode(&k->conf, cafile ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_ciphersuites(&k->conf, x509_suites);
	*out = k;
	return 0;
}

void nbd_tls_creds_free(struct nbd_tls_creds *k)
{
	if (k)
		destroy(k);
}

/* ---- shared keys ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* "user:hexadecimal key" */
static int parse_line(char *line, struct tls_psk **list, const char *file, int nr, struct err *e)
{
	char *colon = strchr(line, ':'), *p = colon ? colon + 1 : NULL;
	struct tls_psk *k;

	line[strcspn(line, "\r\n")] = 0;
	if (!line[0] || line[0] == '#')
		return 0;
	if (!colon || colon == line || (size_t)(colon - line) >= TLS_MAX_IDENTITY || strlen(p) % 2 || !p[0] ||
	    strlen(p) / 2 > MBEDTLS_PSK_MAX_LEN)
		return err_set(e, EINVAL, "%s, line %d: no user and key of at most %d bytes", file, nr,
			       MBEDTLS_PSK_MAX_LEN);
	k = calloc(1, sizeof(*k));
	if (!k)
		return err_set(e, ENOMEM, "Out of memory");
	k->next = *list;
	*list = k;
	k->user = strndup(line, (size_t)(colon - line));
	if (!k->user)
		return err_set(e, ENOMEM, "Out of memory");
	for (; p[0]; p += 2) {
		int hi = hex(p[0]), lo = hex(p[1]);

		if (hi < 0 || lo < 0)
			return err_set(e, EINVAL, "%s, line %d: the key is not hexadecimal", file, nr);
		k->key[k->len++] = (u8)(hi << 4 | lo);
	}
	return 0;
}

static int load_keys(struct nbd_tls_creds *k, const char *file, struct err *e)
{
	char line[TLS_MAX_IDENTITY + 2 * MBEDTLS_PSK_MAX_LEN + 4];
	FILE *f = fopen(file, "re");
	int ret = f ? 0 : err_errno(e, errno, "Unable to access credentials %s", file);

	for (int nr = 1; !ret && fgets(line, sizeof(line), f); nr++)
		ret = parse_line(line, &k->keys, file, nr, e);
	if (!ret && ferror(f))
		ret = err_errno(e, EIO, "Unable to read %s", file);
	mbedtls_platform_zeroize(line, sizeof(line));
	if (f)
		fclose(f);
	return ret;
}

static const struct tls_psk *find_key(const struct nbd_tls_creds *k, const char *user, size_t len)
{
	for (const struct tls_psk *p = k->keys; p; p = p->next)
		if (strlen(p->user) == len && !memcmp(p->user, user, len))
			return p;
	return NULL;
}

/* The server's question whose key it is; the credentials' lock is held. */
static int choose_key(void *arg, mbedtls_ssl_context *ssl, const unsigned char *user, size_t len)
{
	struct nbd_tls_creds *k = arg;
	const struct tls_psk *p = find_key(k, (const char *)user, len);

	if (!p)
		return -1;
	if (k->identity)
		memcpy(k->identity, p->user, len + 1);
	return mbedtls_ssl_set_hs_psk(ssl, p->key, p->len);
}

static int set_key(struct nbd_tls_creds *k, const char *user, const char *file, struct err *e)
{
	const struct tls_psk *p = NULL;

	if (k->server) {
		mbedtls_ssl_conf_psk_cb(&k->conf, choose_key, k);
		return 0;
	}
	p = find_key(k, user, strlen(user));
	if (!p)
		return err_set(e, ENOENT, "Username %s not found in %s", user, file);
	return mbedtls_ssl_conf_psk(&k->conf, p->key, p->len, (const u8 *)p->user, strlen(p->user)) ?
	       err_set(e, ENOMEM, "Out of memory") : 0;
}

static int psk_create(struct blk_graph *g, struct blk_opts *o, void **priv, struct err *e)
{
	struct nbd_tls_creds *k = NULL;
	char *dir = blk_opts_take(o, "dir"), *user = blk_opts_take(o, "username"), *file = NULL;
	bool verify = true;
	int ret = dir ? 0 : err_set(e, EINVAL, "Parameter 'dir' is missing");

	ret = ret ?: new_creds(&k, o, e);
	if (!ret && k->server && user)
		ret = err_set(e, EINVAL, "username should not be set when endpoint=server");
	ret = ret ?: blk_opts_take_bool(o, "verify-peer", &verify, e);	/* whoever has the key is verified */
	ret = ret ?: file_name(dir, "keys.psk", true, &file, e);
	ret = ret ?: load_keys(k, file, e);
	ret = ret ?: set_key(k, user ? user : "qemu", file, e);
	free(dir);
	free(user);
	free(file);
	if (ret) {
		if (k)
			destroy(k);
		return ret;
	}
	k->psk = true;
	mbedtls_ssl_conf_ciphersuites(&k->conf, psk_suites);
	*priv = k;
	return 0;
}

static const struct blk_object_type tls_creds_x509 = {
	.name = "tls-creds-x509", .create = x509_create, .destroy = destroy,
};
BLOCK_OBJECT(tls_creds_x509);

static const struct blk_object_type tls_creds_psk = {
	.name = "tls-creds-psk", .create = psk_create, .destroy = destroy,
};
BLOCK_OBJECT(tls_creds_psk);

int nbd_tls_find(struct blk_graph *g, const char *creds, const char *authz, bool server,
		 struct nbd_tls_conf *out, struct err *e)
{
	struct nbd_tls_creds *k = blk_graph_object(g, &tls_creds_x509, creds);

	*out = (struct nbd_tls_conf){ 0 };
	k = k ? k : blk_graph_object(g, &tls_creds_psk, creds);
	if (!k)
		return err_set(e, ENOENT, "No TLS credentials with id '%s'", creds);
	if (k->server != server)
		return err_set(e, EINVAL, "Expected TLS credentials for a %s endpoint", server ? "server" : "client");
	out->creds = k;
	if (authz) {
		out->authz = nbd_authz_find(g, authz);
		if (!out->authz)
			return err_set(e, ENOENT, "No authorization object with id '%s'", authz);
	}
	return 0;
}
