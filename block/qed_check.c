/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QED: consistency. Every cluster has one user. Entries that lead out of the
 * file are cleared by a repair; clusters with two users stay as they are.
 */
#include <stdio.h>
#include <string.h>
#include "qed.h"

struct walk {
	struct blk_node *n;
	struct qed *q;
	struct blk_check *c;
	u8 *used;		/* a bit a cluster */
	u64 clusters, last;
};

static void say(struct walk *w, const char *what, u64 cluster)
{
	char line[96];

	snprintf(line, sizeof(line), "ERROR cluster %llu: %s", cluster, what);
	if (w->c->log)
		w->c->log(w->c->opaque, line);
}

static bool take(struct walk *w, u64 off, u64 count)
{
	u64 k = off / w->q->cluster;
	bool clash = false;

	for (u64 i = k; i < k + count && i < w->clusters; i++) {
		if (w->used[i / 8] >> (i % 8) & 1) {
			w->c->corruptions++;
			clash = true;
			say(w, "is used twice", i);
		}
		w->used[i / 8] |= (u8)(1 << (i % 8));
	}
	return !clash;
}

/* An entry that leads nowhere: cleared or counted. */
static int bad_entry(struct walk *w, struct blk_mcache *cache, u64 table, u64 i, u64 val)
{
	if (!(w->c->fix & BLK_FIX_ERRORS)) {
		say(w, "an entry points outside of the file", val / w->q->cluster);
		w->c->corruptions++;
		return 0;
	}
	w->c->corruptions_fixed++;
	return qed_set(cache, table, i, 0);
}

static int walk_l2(struct walk *w, u64 l2)
{
	struct qed *q = w->q;

	for (u64 i = 0; i < q->entries; i++) {
		u64 val;
		int ret = qed_get(q->l2, l2, i, &val);

		if (ret)
			return ret;
		if (!val || val == QED_ZERO)
			continue;
		w->c->allocated_clusters++;
		w->c->fragmented_clusters += i && w->last && val != w->last + q->cluster;
		w->last = val;
		if (qed_cluster_ok(w->n, q, val))
			take(w, val, 1);
		else
			ret = bad_entry(w, q->l2, l2, i, val);
		if (ret)
			return ret;
	}
	return 0;
}

static int walk_l1(struct walk *w)
{
	struct qed *q = w->q;

	take(w, q->l1_off, q->table / q->cluster);
	for (u64 i = 0; i < q->entries; i++) {
		u64 val;
		int ret = qed_get(q->l1, q->l1_off, i, &val);

		if (ret)
			return ret;
		if (!val)
			continue;
		w->last = 0;
		if (!qed_table_ok(w->n, q, val))
			ret = bad_entry(w, q->l1, q->l1_off, i, val);
		else if (take(w, val, q->table / q->cluster))
			ret = walk_l2(w, val);
		if (ret)
			return ret;
	}
	return 0;
}

static void count_leaks(struct walk *w)
{
	for (u64 i = le32_to_cpu(w->q->h.header_size); i < w->clusters; i++)
		w->c->leaks += !(w->used[i / 8] >> (i % 8) & 1);
}

static int repaired(struct walk *w)
{
	struct qed *q = w->q;
	int ret = blk_mcache_write(q->l2);

	ret = ret ?: blk_mcache_write(q->l1);
	if (ret || w->c->corruptions || w->c->check_errors || !(q->features & QED_F_NEED_CHECK))
		return ret;
	ret = blk_node_flush(w->n->file);
	q->features &= ~QED_F_NEED_CHECK;
	return ret ?: qed_write_header(w->n);
}

int qed_check(struct blk_node *n, struct blk_check *c, struct err *e)
{
	struct qed *q = n->priv;
	struct walk w = { .n = n, .q = q, .c = c, .clusters = blk_length(n->file) / q->cluster };
	int ret = 0;

	w.used = blk_table_alloc(w.clusters / 8 + 1, 1, blk_max_meta(n), &ret);
	if (!w.used)
		return err_errno(e, -ret, "Cannot check an image of this size");
	c->total_clusters = DIV_ROUND_UP(blk_length(n), q->cluster);
	c->bfi_valid = true;
	ret = walk_l1(&w);
	if (ret)
		c->check_errors++;
	else
		count_leaks(&w);
	if (!ret && c->fix)
		ret = repaired(&w);
	free(w.used);
	return ret;
}
