// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Enabled bitmaps record what changes. With the first change of an image that
 * was opened their bits are loaded and the directory says "in use", so that
 * a crash leaves bitmaps that nobody trusts. Closing the image stores them.
 */
#include <string.h>
#include "bitmap.h"

struct qcow2_record {
	struct qcow2_record *next;
	char *name;
	u8 gran_bits;
	u64 nbits;
	u8 *bits;
};

void qcow2_record_drop(struct qcow2 *q)
{
	while (q->records) {
		struct qcow2_record *r = q->records;

		q->records = r->next;
		free(r->name);
		free(r->bits);
		free(r);
	}
}

static int add_record(struct qcow2 *q, const struct bm *b, u64 *left)
{
	u64 bytes = DIV_ROUND_UP(q->size >> b->gran_bits, 8) + 1;
	struct qcow2_record *r;
	int ret;

	if (bytes > *left)	/* it stays in use: better none than one that lacks changes */
		return 0;
	*left -= bytes;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->next = q->records;
	q->records = r;
	r->gran_bits = b->gran_bits;
	r->name = strdup(b->name);
	ret = r->name ? 0 : -ENOMEM;
	return ret ?: qcow2_bm_read_bits(q, b, &r->bits, &r->nbits);
}

static int start(struct qcow2 *q)
{
	u64 left = blk_max_meta(q->n), at = q->bitmaps_off;
	bool any = false;
	struct bm *v;
	u8 flags[4];
	int ret = qcow2_bms_read(q, &v, NULL);

	if (ret)
		return ret;
	for (u32 i = 0; !ret && i < q->nb_bitmaps; at += qcow2_bm_entry_len(&v[i]), i++) {
		if ((v[i].flags & F_KNOWN) != F_AUTO)
			continue;
		ret = add_record(q, &v[i], &left);
		put_be32(flags, v[i].flags | F_IN_USE);
		ret = ret ?: blk_node_pwrite(q->n->file, at + BM_FLAGS, flags, 4);
		any = true;
	}
	if (!ret && any)
		ret = blk_node_flush(q->n->file);
	qcow2_bms_free(v, q->nb_bitmaps);
	if (ret)
		qcow2_record_drop(q);
	return ret;
}

int qcow2_record_start(struct blk_node *n)
{
	struct qcow2 *q = n->priv;
	int ret = 0;

	if (!q->nb_bitmaps)
		return 0;
	pthread_mutex_lock(&q->lock);
	if (!q->records)
		ret = start(q);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

static void set_bits(u8 *bits, u64 first, u64 last)
{
	while (first <= last) {
		u64 end = MIN(last, first | 7);
		u8 mask = (u8)((0xffU << (first & 7)) & (0xffU >> (7 - (end & 7))));

		__atomic_fetch_or(&bits[first / 8], mask, __ATOMIC_RELAXED);
		first = end + 1;
	}
}

void qcow2_record(struct blk_node *n, u64 off, u64 len)
{
	struct qcow2 *q = n->priv;

	for (struct qcow2_record *r = q->records; r; r = r->next) {
		u64 first = off >> r->gran_bits, last = (off + len - 1) >> r->gran_bits;

		if (len && first < r->nbits)
			set_bits(r->bits, first, MIN(last, r->nbits - 1));
	}
}

static const struct qcow2_record *record_of(const struct qcow2 *q, const char *name)
{
	const struct qcow2_record *r = q->records;

	while (r && strcmp(r->name, name))
		r = r->next;
	return r;
}

bool qcow2_recording(const struct qcow2 *q, const char *name)
{
	return record_of(q, name);
}

bool qcow2_record_merge(struct qcow2 *q, const char *name, const u8 *bits, u64 nbits, u64 gran)
{
	struct qcow2_record *r = q->records;

	while (r && strcmp(r->name, name))
		r = r->next;
	if (r)
		qcow2_bm_merge_bits(r->bits, r->nbits, r->gran_bits, bits, nbits, gran);
	return r;
}

static int new_tables(struct qcow2 *q, struct bm *v, struct err *e)
{
	for (u32 i = 0; i < q->nb_bitmaps; i++) {
		const struct qcow2_record *r = record_of(q, v[i].name);
		int ret = r ? qcow2_bm_new_table(q, &v[i], r->bits, r->nbits) : 0;

		if (ret)
			return err_errno(e, -ret, "Failed to write bitmap '%s' to file", v[i].name);
		if (r)
			v[i].flags &= ~F_IN_USE;
	}
	return 0;
}

/* New tables and a directory that names them, then the old tables go. */
static int store(struct qcow2 *q, struct bm *v, const struct bm *old, struct err *e)
{
	u64 dir = q->bitmaps_off;
	int ret = new_tables(q, v, e);

	ret = ret ?: qcow2_bms_write(q, v, q->nb_bitmaps, e);
	/* Of two tables the one goes that no directory names. */
	for (u32 i = 0; i < q->nb_bitmaps && (!ret || dir == q->bitmaps_off); i++) {
		int r = old[i].table_off == v[i].table_off ? 0 : qcow2_bm_free_table(q, ret ? &v[i] : &old[i]);

		ret = ret ?: r;
	}
	return ret ?: qcow2_sync(q);
}

int qcow2_record_stop(struct qcow2 *q, struct err *e)
{
	struct bm *v = NULL, *old;
	int ret;

	if (!q->records)
		return 0;
	ret = qcow2_bms_read(q, &v, e);
	old = ret ? NULL : calloc(q->nb_bitmaps, sizeof(*old));
	if (!ret)
		ret = old ? 0 : -ENOMEM;
	if (!ret) {
		memcpy(old, v, q->nb_bitmaps * sizeof(*old));
		ret = store(q, v, old, e);
	}
	free(old);
	if (v)
		qcow2_bms_free(v, q->nb_bitmaps);
	if (ret)		/* closing tries again */
		return ret;
	qcow2_record_drop(q);
	__atomic_store_n(&q->n->written, false, __ATOMIC_RELEASE);
	return 0;
}
