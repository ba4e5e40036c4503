/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encrypted qcow images: the old AES, sectors numbered by guest offset. */
#include <string.h>
#include "block/crypto/crypto.h"
#include "block/qcow.h"

static int check_options(struct blk_node *n, const char *fmt, const char *secret, struct err *e)
{
	if (!n->encrypted && (fmt || secret))
		return err_set(e, EINVAL, "No encryption in image header, but options specified format '%s'",
			       fmt ? fmt : "");
	if (fmt && strcmp(fmt, "aes"))
		return err_set(e, EINVAL, "Header reported 'aes' encryption format but options specify '%s'", fmt);
	if (n->encrypted && !secret && !(n->flags & (BLK_O_NO_IO | BLK_O_CHECK)))
		return err_set(e, EINVAL, "Parameter 'encrypt.key-secret' is required for cipher");
	return 0;
}

int qcow_crypt_open(struct blk_node *n, struct qcow *q, struct blk_opts *o, struct err *e)
{
	char *fmt = blk_opts_take(o, "encrypt.format"), *secret = blk_opts_take(o, "encrypt.key-secret");
	int ret = check_options(n, fmt, secret, e);
	const u8 *pw;
	size_t len;

	if (!ret && secret && !(n->flags & BLK_O_NO_IO)) {
		ret = blk_graph_secret(n->graph, secret, &pw, &len, e);
		ret = ret ?: crypt_new_old_aes(&q->crypt, pw, len, e);
	}
	free(fmt);
	free(secret);
	return ret;
}

void qcow_crypt_close(struct qcow *q)
{
	crypt_free(q->crypt);
	q->crypt = NULL;
}

int qcow_crypt(struct blk_node *n, bool encrypt, u64 guest, u64 host, void *buf, size_t len)
{
	struct qcow *q = n->priv;

	if (!q->crypt)
		return -EACCES;
	crypt_sectors(q->crypt, encrypt, guest / CRYPT_SECTOR, buf, len);
	return 0;
}

int qcow_crypt_create(struct blk_graph *g, struct blk_opts *o, bool *aes, struct err *e)
{
	char *fmt = blk_opts_take(o, "encrypt.format"), *secret = blk_opts_take(o, "encrypt.key-secret");
	bool old = false;
	int ret = blk_opts_take_bool(o, "encryption", &old, e);
	const u8 *pw;
	size_t len;

	*aes = old || fmt;
	if (!ret && old && fmt)
		ret = err_set(e, EINVAL, "Options 'encryption' and 'encrypt.format' are mutually exclusive");
	if (!ret && fmt && strcmp(fmt, "aes"))
		ret = err_set(e, EINVAL, "Unknown encryption format %s", fmt);
	if (!ret && *aes && !secret)
		ret = err_set(e, EINVAL, "Parameter 'encrypt.key-secret' is required for cipher");
	if (!ret && *aes)
		ret = blk_graph_secret(g, secret, &pw, &len, e);
	free(fmt);
	free(secret);
	return ret;
}
