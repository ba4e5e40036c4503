/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four table caches of a qcow2 node and the order in which they are written. */
#include "qcow2.h"

int qcow2_caches_new(struct qcow2 *q, u64 l2_bytes, u64 ref_bytes)
{
	struct blk_node *f = q->n->file;

	q->slice = MIN(q->cluster_size, 4096U);
	q->ref = blk_mcache_new(f, q->slice, (u32)(ref_bytes / q->slice));
	q->rt = blk_mcache_new(f, q->slice, 8);
	q->l2 = blk_mcache_new(f, q->slice, (u32)(l2_bytes / q->slice));
	q->l1 = blk_mcache_new(f, q->slice, 8);
	if (!q->ref || !q->rt || !q->l2 || !q->l1)
		return -ENOMEM;
	blk_mcache_set_events(q->ref, "refblock_load", "refblock_update_part");
	blk_mcache_set_events(q->rt, "reftable_load", "reftable_update");
	blk_mcache_set_events(q->l2, "l2_load", "l2_update");
	blk_mcache_set_events(q->l1, "l1_load", "l1_update");
	qcow2_caches_order(q);
	return 0;
}

void qcow2_caches_order(struct qcow2 *q)
{
	blk_mcache_order(q->rt, q->lazy ? NULL : q->ref);
	blk_mcache_order(q->l2, q->lazy ? NULL : q->rt);
	blk_mcache_order(q->l1, q->l2);
}

void qcow2_caches_free(struct qcow2 *q)
{
	blk_mcache_free(q->l1);
	blk_mcache_free(q->l2);
	blk_mcache_free(q->rt);
	blk_mcache_free(q->ref);
	q->l1 = q->l2 = q->rt = q->ref = NULL;
}

static int write_all(struct qcow2 *q)
{
	int ret = 0;

	/* Lazily: refcounts wait for the clean close, the dirty bit is set until then. */
	if (q->lazy && q->dirty_set && !q->closing)
		return blk_mcache_write(q->l1) ?: blk_mcache_write(q->l2);
	if (q->lazy) {
		ret = blk_mcache_write(q->ref);
		ret = ret ?: blk_mcache_write(q->rt);
	}
	ret = ret ?: blk_mcache_write(q->l1);
	ret = ret ?: blk_mcache_write(q->l2);
	ret = ret ?: blk_mcache_write(q->rt);
	return ret ?: blk_mcache_write(q->ref);
}

int qcow2_sync(struct qcow2 *q)
{
	int ret = write_all(q);

	while (!ret && q->n_pending) {
		ret = blk_node_flush(q->n->file);
		if (ret)
			break;
		blk_mcache_flushed(q->l1);
		ret = qcow2_apply_pending(q);
		ret = ret ?: write_all(q);
	}
	return ret;
}

int qcow2_get_u64(struct qcow2 *q, struct blk_mcache *c, u64 off, u64 *val)
{
	u64 start = ALIGN_DOWN(off, q->slice);
	void *p;
	int ret = blk_mcache_get(c, start, true, &p);

	if (ret)
		return ret;
	*val = get_be64((u8 *)p + (off - start));
	blk_mcache_put(c, p);
	return 0;
}

int qcow2_put_u64(struct qcow2 *q, struct blk_mcache *c, u64 off, u64 val)
{
	u64 start = ALIGN_DOWN(off, q->slice);
	void *p;
	int ret = blk_mcache_get(c, start, true, &p);

	if (ret)
		return ret;
	put_be64((u8 *)p + (off - start), val);
	blk_mcache_dirty(c, p);
	blk_mcache_put(c, p);
	return 0;
}
