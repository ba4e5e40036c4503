/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the qcow driver share. */
#ifndef BLOCK_QCOW_H
#define BLOCK_QCOW_H

#include "block/int.h"
#include "config.h"

struct crypt;

struct qcow {
	pthread_mutex_t lock;
	struct blk_mcache *l1, *l2;
	u64 l1_off, l1_entries;
	u32 cluster, cluster_bits, l2_bits;
	u64 end;			/* of the file: where the next cluster goes */
	struct crypt *crypt;		/* unlocked AES; NULL: none */
};

#if IS_ENABLED(CONFIG_BLOCK_CRYPTO)
/* ---- qcow_crypt.c: the old AES; n->encrypted says that the header wants it ---- */
int qcow_crypt_open(struct blk_node *n, struct qcow *q, struct blk_opts *o, struct err *e);
void qcow_crypt_close(struct qcow *q);
int qcow_crypt(struct blk_node *n, bool encrypt, u64 guest, u64 host, void *buf, size_t len);
/* Takes the options; *aes: wanted. */
int qcow_crypt_create(struct blk_graph *g, struct blk_opts *o, bool *aes, struct err *e);
#else
static inline int qcow_crypt_open(struct blk_node *n, struct qcow *q, struct blk_opts *o, struct err *e)
{
	(void)q;
	blk_opts_del(o, "encrypt.format");
	blk_opts_del(o, "encrypt.key-secret");
	if (!n->encrypted || n->flags & (BLK_O_NO_IO | BLK_O_CHECK))
		return 0;
	return err_set(e, ENOTSUP, "The image is encrypted, which this build cannot read");
}
static inline void qcow_crypt_close(struct qcow *q)
{
	q->crypt = NULL;
}
static inline int qcow_crypt(struct blk_node *n, bool encrypt, u64 guest, u64 host, void *buf, size_t len)
{
	(void)n; (void)encrypt; (void)guest; (void)host; (void)buf; (void)len;
	return -ENOTSUP;
}
static inline int qcow_crypt_create(struct blk_graph *g, struct blk_opts *o, bool *aes, struct err *e)
{
	bool asked = false;
	int ret = blk_opts_take_bool(o, "encryption", &asked, e);

	(void)g;
	*aes = false;
	asked |= blk_opts_has_sub(o, "encrypt");
	return ret ? ret : asked ? err_set(e, ENOTSUP, "This build has no encryption") : 0;
}
#endif

#endif
