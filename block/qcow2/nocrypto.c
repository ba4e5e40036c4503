/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encrypted qcow2 in a build without ciphers: their metadata is known (info,
 * check, resize), their data is refused.
 */
#include <string.h>
#include "json.h"
#include "qcow2.h"

int qcow2_crypto_open(struct qcow2 *q, struct blk_opts *o, struct err *e)
{
	blk_opts_del(o, "encrypt.format");
	blk_opts_del(o, "encrypt.key-secret");
	if (!q->crypt_method || q->n->flags & (BLK_O_NO_IO | BLK_O_CHECK))
		return 0;
	return err_set(e, ENOTSUP, "The image is encrypted, which this build cannot read");
}

void qcow2_crypto_close(struct qcow2 *q)
{
	q->crypto = NULL;
}

int qcow2_crypto_info(struct qcow2 *q, struct json *j)
{
	struct json *c = json_new(JSON_OBJECT);
	int ret = c ? json_set(c, "format", json_new_str(q->crypt_method == 1 ? "aes" : "luks")) : -ENOMEM;

	if (ret) {
		json_free(c);
		return ret;
	}
	return json_set(j, "encrypt", c);
}

int qcow2_crypt(struct blk_node *n, bool encrypt, u64 guest, u64 host, void *buf, size_t len)
{
	return -ENOTSUP;
}

static int refuse(struct blk_opts *o, struct err *e)
{
	bool asked = false;
	int ret = blk_opts_take_bool(o, "encryption", &asked, e);

	asked |= blk_opts_has_sub(o, "encrypt");
	return ret ? ret : asked ? err_set(e, ENOTSUP, "This build has no encryption") : 0;
}

int qcow2_crypto_create(struct qcow2 *q, struct blk_opts *o, struct err *e)
{
	return refuse(o, e);
}

int qcow2_crypto_measure(struct blk_opts *o, u64 *header, struct err *e)
{
	*header = 0;
	return refuse(o, e);
}

int qcow2_crypto_amend(struct qcow2 *q, struct blk_opts *o, bool force, struct err *e)
{
	return refuse(o, e);
}
