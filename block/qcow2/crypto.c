/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encrypted qcow2: LUKS (the header stands in clusters of its own, sectors
 * are numbered by host offset) and the old AES (the password is the key,
 * sectors are numbered by guest offset).
 */
#include <string.h>
#include "block/crypto/crypto.h"
#include "json.h"
#include "qcow2.h"

#define METHOD_AES	1
#define METHOD_LUKS	2

struct qcow2_crypto {
	struct luks *luks;
	struct crypt *aes;
};

static struct crypt *cipher_of(const struct qcow2_crypto *c)
{
	return c->luks ? luks_crypt(c->luks) : c->aes;
}

/* ---- open ---- */

static int check_format(struct qcow2 *q, const char *fmt, struct err *e)
{
	static const char *const names[] = { NULL, "aes", "luks" };

	if (!q->crypt_method && fmt)
		return err_set(e, EINVAL, "No encryption in image header, but options specified format '%s'", fmt);
	if (q->crypt_method > METHOD_LUKS)
		return err_set(e, EINVAL, "Unsupported encryption method %u", q->crypt_method);
	if (fmt && strcmp(fmt, names[q->crypt_method]))
		return err_set(e, EINVAL, "Header reported '%s' encryption format but options specify '%s'",
			       names[q->crypt_method], fmt);
	if (q->crypt_method == METHOD_LUKS && !q->crypto_len)
		return err_set(e, EINVAL, "Missing CRYPTO header for crypt method %u", q->crypt_method);
	return 0;
}

static int open_cipher(struct qcow2 *q, struct qcow2_crypto *c, const char *secret, struct err *e)
{
	const u8 *pw = NULL;
	size_t len = 0;
	int ret = 0;

	if (secret && !(q->n->flags & BLK_O_NO_IO))
		ret = blk_graph_secret(q->n->graph, secret, &pw, &len, e);
	else if (!(q->n->flags & (BLK_O_NO_IO | BLK_O_CHECK)))
		ret = err_set(e, EINVAL, "Parameter 'encrypt.key-secret' is required for cipher");
	if (ret)
		return ret;
	if (q->crypt_method == METHOD_LUKS)
		return luks_open(&c->luks, q->n->file, q->crypto_off, pw, len, e);
	return pw ? crypt_new_old_aes(&c->aes, pw, len, e) : 0;
}

int qcow2_crypto_open(struct qcow2 *q, struct blk_opts *o, struct err *e)
{
	char *fmt = blk_opts_take(o, "encrypt.format"), *secret = blk_opts_take(o, "encrypt.key-secret");
	struct qcow2_crypto *c = NULL;
	int ret = check_format(q, fmt, e);

	if (ret || !q->crypt_method)
		goto out;
	c = calloc(1, sizeof(*c));
	ret = c ? open_cipher(q, c, secret, e) : -ENOMEM;
	if (ret)
		free(c);
	else
		q->crypto = c;
out:
	free(fmt);
	free(secret);
	return ret;
}

void qcow2_crypto_close(struct qcow2 *q)
{
	struct qcow2_crypto *c = q->crypto;

	if (!c)
		return;
	luks_close(c->luks);
	crypt_free(c->aes);
	free(c);
	q->crypto = NULL;
}

int qcow2_crypto_info(struct qcow2 *q, struct json *j)
{
	struct qcow2_crypto *x = q->crypto;
	struct json *c = json_new(JSON_OBJECT);
	int ret = c ? 0 : -ENOMEM;

	if (!ret && x && x->luks)
		ret = luks_info(x->luks, "luks", c);
	else if (!ret)
		ret = json_set(c, "format", json_new_str(q->crypt_method == METHOD_AES ? "aes" : "luks"));
	if (ret) {
		json_free(c);
		return ret;
	}
	return json_set(j, "encrypt", c);
}

int qcow2_crypt(struct blk_node *n, bool encrypt, u64 guest, u64 host, void *buf, size_t len)
{
	struct qcow2 *q = n->priv;
	struct crypt *c = q->crypto ? cipher_of(q->crypto) : NULL;

	if (!c)
		return -EACCES;
	crypt_sectors(c, encrypt, (q->crypt_method == METHOD_LUKS ? host : guest) / CRYPT_SECTOR, buf, len);
	return 0;
}

/* ---- create, amend ---- */

/* The options of one image: the format, or NULL; *sub the rest without "encrypt.". */
static int take_options(struct blk_opts *o, char **fmt, struct blk_opts *sub, struct err *e)
{
	bool old = false;
	int ret = blk_opts_take_bool(o, "encryption", &old, e);

	ret = ret ?: blk_opts_take_sub(o, "encrypt", sub);
	*fmt = blk_opts_take(sub, "format");
	if (!ret && old && *fmt)
		return err_set(e, EINVAL, "Options 'encryption' and 'encrypt.format' are mutually exclusive");
	if (!ret && old && !(*fmt = strdup("aes")))
		ret = -ENOMEM;
	if (!ret && *fmt && strcmp(*fmt, "aes") && strcmp(*fmt, "luks"))
		ret = err_set(e, EINVAL, "Unknown encryption format %s", *fmt);
	return ret;
}

/* Clusters for the header, zeros first: not all of them are written. */
static int create_luks(struct qcow2 *q, const struct luks_create *c, struct err *e)
{
	u64 len = luks_header_bytes(c), n = DIV_ROUND_UP(len, q->cluster_size);
	int ret = qcow2_alloc_exact(q, n, &q->crypto_off);

	if (ret)
		return err_errno(e, -ret, "Cannot allocate cluster for LUKS header size %llu", len);
	q->crypto_len = len;
	ret = blk_node_zero(q->n->file, q->crypto_off, n << q->cluster_bits, 0);
	if (ret)
		return err_errno(e, -ret, "Could not zero fill encryption header");
	return luks_create(q->n->file, q->crypto_off, c, e);
}

int qcow2_crypto_create(struct qcow2 *q, struct blk_opts *o, struct err *e)
{
	struct luks_create c = { 0 };
	struct blk_opts sub = { 0 };
	char *fmt = NULL, *secret = NULL;
	int ret = take_options(o, &fmt, &sub, e);

	if (ret || !fmt)
		goto out;
	secret = blk_opts_take(&sub, "key-secret");
	if (!strcmp(fmt, "luks"))
		ret = luks_take_options(&sub, &c, e);
	if (!ret && !secret)
		ret = err_set(e, EINVAL, "Parameter 'encrypt.key-secret' is required for cipher");
	ret = ret ?: blk_graph_secret(q->n->graph, secret, &c.pw, &c.pw_len, e);
	if (!ret && sub.n)
		ret = err_set(e, EINVAL, "Invalid parameter 'encrypt.%s'", sub.v[0].key);
	if (!ret && !strcmp(fmt, "luks"))
		ret = create_luks(q, &c, e);
	if (!ret)
		q->crypt_method = strcmp(fmt, "luks") ? METHOD_AES : METHOD_LUKS;
out:
	free(secret);
	free(fmt);
	blk_opts_free(&sub);
	return ret;
}

int qcow2_crypto_measure(struct blk_opts *o, u64 *header, struct err *e)
{
	struct luks_create c = { 0 };
	struct blk_opts sub = { 0 };
	char *fmt = NULL;
	int ret = take_options(o, &fmt, &sub, e);

	*header = 0;
	blk_opts_del(&sub, "key-secret");
	if (!ret && fmt && !strcmp(fmt, "luks")) {
		ret = luks_take_options(&sub, &c, e);
		if (!ret)
			*header = luks_header_bytes(&c);
	}
	free(fmt);
	blk_opts_free(&sub);
	return ret;
}

int qcow2_crypto_amend(struct qcow2 *q, struct blk_opts *o, bool force, struct err *e)
{
	struct qcow2_crypto *c = q->crypto;
	struct blk_opts sub = { 0 };
	int ret = blk_opts_take_sub(o, "encrypt", &sub);

	if (!ret && sub.n) {
		char *fmt = blk_opts_take(&sub, "format");

		if (!c)
			ret = err_set(e, EINVAL, "Can't amend encryption options - encryption not present");
		else if (q->crypt_method != METHOD_LUKS || !c->luks)
			ret = err_set(e, ENOTSUP, "Only LUKS encryption options can be amended for qcow2 with amend");
		else
			ret = luks_amend(c->luks, q->n->graph, &sub, force, e);
		free(fmt);
	}
	blk_opts_free(&sub);
	return ret;
}
