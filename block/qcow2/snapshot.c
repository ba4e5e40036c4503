/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal snapshots: a saved L1 table each. Every change writes new tables
 * beside the old ones and switches the header last.
 */
#include <stdio.h>
#include <string.h>
#include "qcow2.h"

#define MAX_EXTRA 1024
#define KNOWN_EXTRA 24

/* ---- the table ---- */

void qcow2_snaps_free(struct qcow2_snap *s, u32 n)
{
	for (u32 i = 0; s && i < n; i++)
		free(s[i].extra);
	free(s);
}

static int parse_one(struct qcow2 *q, u64 *at, struct qcow2_snap *s, struct err *e)
{
	struct blk_node *f = q->n->file;
	u8 h[40], ex[KNOWN_EXTRA] = { 0 };
	u32 idl, nml, exl, k;
	int ret = blk_node_pread(f, *at, h, 40);

	if (ret)
		return ret;
	s->l1_off = get_be64(h);
	s->l1_size = get_be32(h + 8);
	idl = get_be16(h + 12);
	nml = get_be16(h + 14);
	s->s.date_sec = get_be32(h + 16);
	s->s.date_nsec = get_be32(h + 20);
	s->s.vm_clock_nsec = get_be64(h + 24);
	s->s.vm_state_size = get_be32(h + 32);
	exl = get_be32(h + 36);
	*at += 40;
	if (exl > MAX_EXTRA || idl >= sizeof(s->s.id))
		return err_set(e, EINVAL, exl > MAX_EXTRA ? "Too much extra metadata in snapshot table entry %s" :
			       "Snapshot id in snapshot table entry %s is too long", "");
	k = MIN(exl, (u32)KNOWN_EXTRA);
	ret = blk_node_pread(f, *at, ex, k);
	if (!ret && exl > KNOWN_EXTRA) {
		s->extra_len = exl - KNOWN_EXTRA;
		s->extra = malloc(s->extra_len);
		ret = s->extra ? blk_node_pread(f, *at + KNOWN_EXTRA, s->extra, s->extra_len) : -ENOMEM;
	}
	s->incomplete = exl < 16;
	if (exl >= 8)
		s->s.vm_state_size = get_be64(ex);
	s->s.disk_size = exl >= 16 ? get_be64(ex + 8) : q->size;
	s->s.icount = exl >= 24 ? get_be64(ex + 16) : ~0ULL;
	*at += exl;
	ret = ret ?: blk_node_pread(f, *at, s->s.id, idl);
	*at += idl;
	ret = ret ?: blk_node_pread(f, *at, s->s.name, MIN(nml, (u32)sizeof(s->s.name) - 1));
	*at = ALIGN_UP(*at + nml, 8);
	s->disk_len = ALIGN_UP(40ULL + exl + idl + nml, 8);
	return ret;
}

int qcow2_snaps_read(struct qcow2 *q, struct qcow2_snap **out, struct err *e)
{
	u64 at = q->snapshots_off, file = blk_length(q->n->file);
	struct qcow2_snap *v;
	u32 n = 0;
	int ret;

	/* What a file cannot hold is not made up of zeros, tens of thousands of times. */
	if (q->nb_snapshots && (at > file || q->nb_snapshots > (file - at) / 40))
		return err_set(e, EINVAL, "Snapshot table ends behind the end of the file");
	v = calloc(q->nb_snapshots ? q->nb_snapshots : 1, sizeof(*v));
	ret = v ? 0 : -ENOMEM;
	for (; !ret && n < q->nb_snapshots; n++) {
		ret = parse_one(q, &at, &v[n], e);
		if (!ret && at - q->snapshots_off > MAX_SNAP_TABLE)
			ret = err_set(e, EFBIG, "Snapshot table is too large");
	}
	if (ret) {
		qcow2_snaps_free(v, n);
		return ret;
	}
	*out = v;
	return 0;
}

static u64 entry_len(const struct qcow2_snap *s)
{
	return ALIGN_UP(40 + KNOWN_EXTRA + s->extra_len + strlen(s->s.id) + strlen(s->s.name), 8);
}

static void put_one(u8 *p, const struct qcow2_snap *s)
{
	size_t idl = strlen(s->s.id), nml = strlen(s->s.name);
	u32 exl = KNOWN_EXTRA + s->extra_len;

	put_be64(p, s->l1_off);
	put_be32(p + 8, s->l1_size);
	put_be16(p + 12, (u16)idl);
	put_be16(p + 14, (u16)nml);
	put_be32(p + 16, s->s.date_sec);
	put_be32(p + 20, s->s.date_nsec);
	put_be64(p + 24, s->s.vm_clock_nsec);
	put_be32(p + 32, s->s.vm_state_size > 0xffffffff ? 0 : (u32)s->s.vm_state_size);
	put_be32(p + 36, exl);
	put_be64(p + 40, s->s.vm_state_size);
	put_be64(p + 48, s->s.disk_size);
	put_be64(p + 56, s->s.icount);
	if (s->extra_len)
		memcpy(p + 40 + KNOWN_EXTRA, s->extra, s->extra_len);
	memcpy(p + 40 + exl, s->s.id, idl);
	memcpy(p + 40 + exl + idl, s->s.name, nml);
}

/* A new table beside the old one; the header is switched, then the old one freed. */
static int write_table(struct qcow2 *q, const struct qcow2_snap *v, u32 n, struct err *e)
{
	u64 bytes = 0, off = 0, old = q->snapshots_off, at = 0;
	u64 old_bytes = 0;
	u8 *t, h[12];
	struct qcow2_snap *ov = NULL;
	int ret;

	for (u32 i = 0; i < n; i++)
		bytes += entry_len(&v[i]);
	if (bytes > MAX_SNAP_TABLE)
		return err_set(e, EFBIG, "Snapshot table is too large");
	if (q->nb_snapshots) {
		ret = qcow2_snaps_read(q, &ov, e);
		if (ret)
			return ret;
		for (u32 i = 0; i < q->nb_snapshots; i++)
			old_bytes += ov[i].disk_len;
		qcow2_snaps_free(ov, q->nb_snapshots);
	}
	t = calloc(1, bytes ? bytes : 1);
	if (!t)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		put_one(t + at, &v[i]);
		at += entry_len(&v[i]);
	}
	ret = n ? qcow2_alloc_exact(q, DIV_ROUND_UP(bytes, q->cluster_size), &off) : 0;
	ret = ret ?: qcow2_sync(q);
	if (n)
		ret = ret ?: blk_node_pwrite(q->n->file, off, t, bytes);
	ret = ret ?: blk_node_flush(q->n->file);
	put_be32(h, n);
	put_be64(h + 4, off);
	ret = ret ?: blk_node_pwrite(q->n->file, offsetof(struct qcow2_header, nb_snapshots), h, 12);
	ret = ret ?: blk_node_flush(q->n->file);
	free(t);
	if (ret) {
		if (off)
			qcow2_free_now(q, off, bytes);
		return err_errno(e, -ret, "Could not write the snapshot table");
	}
	q->snapshots_off = off;
	q->nb_snapshots = n;
	return old_bytes ? qcow2_free_now(q, old, old_bytes) : 0;
}

u64 qcow2_snaps_check(struct qcow2 *q, struct blk_check *c)
{
	struct qcow2_snap *v = NULL;
	char line[80];
	u64 found = 0;

	if (q->version < 3 || qcow2_snaps_read(q, &v, NULL))
		return 0;
	for (u32 i = 0; i < q->nb_snapshots; i++) {
		if (!v[i].incomplete)
			continue;
		snprintf(line, sizeof(line), "%s snapshot table entry %u is incomplete",
			 c->fix & BLK_FIX_ERRORS ? "Repairing" : "ERROR", i);
		if (c->log)
			c->log(c->opaque, line);
		found++;
	}
	qcow2_snaps_free(v, q->nb_snapshots);
	return found;
}

int qcow2_snaps_complete(struct qcow2 *q, struct err *e)
{
	struct qcow2_snap *v = NULL;
	bool bad = false;
	int ret = qcow2_snaps_read(q, &v, e);

	if (ret)
		return ret;
	for (u32 i = 0; i < q->nb_snapshots; i++)
		bad |= v[i].incomplete;
	ret = bad ? write_table(q, v, q->nb_snapshots, e) : 0;
	ret = ret ?: qcow2_sync(q);
	qcow2_snaps_free(v, q->nb_snapshots);
	return ret;
}

/* ---- refcounts of everything an L1 table names ---- */

static int l1_load(struct qcow2 *q, u64 off, u32 size, u64 **out)
{
	int ret;
	u64 *t = blk_table_alloc(size, 8, MAX_L1_BYTES, &ret);

	if (!t)
		return ret;
	ret = blk_node_pread(q->n->file, off, t, size * 8ULL);
	for (u32 i = 0; i < size; i++)
		t[i] = get_be64(&t[i]);
	if (ret) {
		free(t);
		return ret;
	}
	*out = t;
	return 0;
}

static int add_l2_refs(struct qcow2 *q, u64 l2, int delta)
{
	int ret = 0;

	for (u32 i = 0; !ret && i < 1U << q->l2_bits; i++) {
		u64 e, off, len;

		ret = qcow2_entry(q, l2, i, &e, NULL);
		if (ret)
			break;
		if (q->has_data_file)
			continue;
		qcow2_entry_space(q, e, &off, &len);
		if (len && !(e & OFLAG_COMPRESSED) && q_in_cluster(q, off))
			return qcow2_corrupt(q, true, off, "Cluster allocation offset %#llx unaligned", off);
		if (len)
			ret = qcow2_add_refcount(q, off, len, delta);
	}
	return ret;
}

/* Rewrites the COPIED flags of an L2 table (all refcounts must be final). */
static int mark_l2(struct qcow2 *q, u64 l2)
{
	for (u32 i = 0; i < 1U << q->l2_bits; i++) {
		u64 e, bm, ref, want;
		int ret = qcow2_entry(q, l2, i, &e, &bm);

		if (ret)
			return ret;
		if (e & OFLAG_COMPRESSED || !(e & L2_OFFSET_MASK) || q->has_data_file)
			continue;
		ret = qcow2_get_refcount(q, (e & L2_OFFSET_MASK) >> q->cluster_bits, &ref);
		if (ret)
			return ret;
		want = ref == 1 ? e | OFLAG_COPIED : e & ~OFLAG_COPIED;
		if (want != e)
			ret = qcow2_set_entry(q, l2, i, want, bm);
		if (ret)
			return ret;
	}
	return 0;
}

static int add_l1_refs(struct qcow2 *q, const u64 *t, u32 n, int delta)
{
	int ret = 0;

	for (u32 i = 0; !ret && i < n; i++) {
		u64 l2 = t[i] & L1_OFFSET_MASK;

		if (!l2)
			continue;
		if (q_in_cluster(q, l2))
			return qcow2_corrupt(q, true, l2, "L2 table offset %#llx unaligned (L1 index: %#x)", l2, i);
		ret = add_l2_refs(q, l2, delta);
		ret = ret ?: qcow2_add_refcount(q, l2, q->cluster_size, delta);
	}
	return ret;
}

/* COPIED flags of the active table and of what it names. */
static int mark_active(struct qcow2 *q)
{
	int ret = 0;

	for (u32 i = 0; !ret && i < q->l1_size; i++) {
		u64 e, ref, want;

		ret = qcow2_get_u64(q, q->l1, q->l1_off + i * 8ULL, &e);
		if (ret || !(e & L1_OFFSET_MASK))
			continue;
		ret = qcow2_get_refcount(q, (e & L1_OFFSET_MASK) >> q->cluster_bits, &ref);
		ret = ret ?: mark_l2(q, e & L1_OFFSET_MASK);
		want = ref == 1 ? e | OFLAG_COPIED : e & ~OFLAG_COPIED;
		if (!ret && want != e)
			ret = qcow2_put_u64(q, q->l1, q->l1_off + i * 8ULL, want);
	}
	return ret;
}

/* ---- operations ---- */

static int find_snap(const struct qcow2_snap *v, u32 n, const char *id, const char *name)
{
	for (u32 i = 0; i < n; i++) {
		if (id && name) {
			if (!strcmp(v[i].s.id, id) && !strcmp(v[i].s.name, name))
				return (int)i;
		} else if ((id && !strcmp(v[i].s.id, id)) || (name && !strcmp(v[i].s.name, name))) {
			return (int)i;
		}
	}
	return -1;
}

static int find_either(const struct qcow2_snap *v, u32 n, const char *what)
{
	int i = find_snap(v, n, what, NULL);

	return i >= 0 ? i : find_snap(v, n, NULL, what);
}

static void new_id(const struct qcow2_snap *v, u32 n, char *id, size_t len)
{
	unsigned long max = 0;

	for (u32 i = 0; i < n; i++)
		max = MAX(max, strtoul(v[i].s.id, NULL, 10));
	snprintf(id, len, "%lu", max + 1);
}

static int check_snap_l1(struct qcow2 *q, const struct qcow2_snap *s, struct err *e)
{
	u64 bits = q->l2_bits + q->cluster_bits;

	if (s->l1_size > MAX_L1_BYTES / 8)
		return err_set(e, EFBIG, "Snapshot L1 table too large");
	if (q_in_cluster(q, s->l1_off) || s->l1_off > (u64)INT64_MAX - MAX_L1_BYTES)
		return err_set(e, EINVAL, "Snapshot L1 table offset invalid");
	if (s->s.disk_size > (u64)INT64_MAX || DIV_ROUND_UP(s->s.disk_size, 1ULL << bits) > s->l1_size)
		return err_set(e, EINVAL, "Snapshot L1 table is too small for its disk size");
	return 0;
}

static int copy_active_l1(struct qcow2 *q, u64 *off, u32 *size, u64 **table)
{
	u64 bytes = ALIGN_UP(MAX(q->l1_size, 1U) * 8ULL, q->cluster_size);
	u8 *raw;
	int ret = qcow2_sync(q);

	*size = q->l1_size;
	ret = ret ?: l1_load(q, q->l1_off, q->l1_size, table);
	ret = ret ?: qcow2_alloc_exact(q, bytes >> q->cluster_bits, off);
	if (ret)
		return ret;
	raw = calloc(1, bytes);
	if (!raw)
		return -ENOMEM;
	for (u32 i = 0; i < q->l1_size; i++)
		put_be64(raw + i * 8ULL, (*table)[i] & L1_OFFSET_MASK);
	ret = blk_node_pwrite(q->n->file, *off, raw, bytes);
	free(raw);
	return ret;
}

static int snap_create(struct blk_node *n, struct blk_snapshot *s, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct qcow2_snap *v = NULL, *nv;
	u64 *table = NULL;
	u32 cnt = q->nb_snapshots;
	int ret;

	if (cnt >= MAX_SNAPSHOTS)
		return -EFBIG;
	if (q->has_data_file)
		return err_set(e, ENOTSUP, "Snapshots are not possible with an external data file");
	pthread_mutex_lock(&q->lock);
	ret = qcow2_snaps_read(q, &v, e);
	if (ret)
		goto out;
	if (!s->id[0])
		new_id(v, cnt, s->id, sizeof(s->id));
	if (find_snap(v, cnt, s->id, NULL) >= 0) {
		ret = -EEXIST;
		goto out;
	}
	nv = realloc(v, (cnt + 1) * sizeof(*v));
	if (!nv) {
		ret = -ENOMEM;
		goto out;
	}
	v = nv;
	v[cnt] = (struct qcow2_snap){ .s = *s };
	v[cnt].s.disk_size = q->size;
	ret = copy_active_l1(q, &v[cnt].l1_off, &v[cnt].l1_size, &table);
	/* Refcounts first, and no cluster may look unshared from here on. */
	ret = ret ?: add_l1_refs(q, table, q->l1_size, 1);
	ret = ret ?: mark_active(q);
	ret = ret ?: qcow2_sync(q);
	ret = ret ?: write_table(q, v, cnt + 1, e);
	ret = ret ?: qcow2_sync(q);
	q->comp_next = 0;
out:
	qcow2_snaps_free(v, v ? cnt : 0);
	free(table);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

static int apply_table(struct qcow2 *q, const struct qcow2_snap *s, struct err *e)
{
	u64 *now = NULL, *then = NULL;
	u32 n = q->l1_size;
	u64 bytes;
	u8 *raw;
	int ret = qcow2_sync(q);

	ret = ret ?: qcow2_grow_l1(q, s->l1_size, e);
	n = q->l1_size;
	ret = ret ?: l1_load(q, q->l1_off, n, &now);
	ret = ret ?: l1_load(q, s->l1_off, s->l1_size, &then);
	ret = ret ?: add_l1_refs(q, then, s->l1_size, 1);
	ret = ret ?: qcow2_sync(q);
	if (ret)
		goto out;
	bytes = n * 8ULL;
	raw = calloc(1, bytes ? bytes : 1);
	if (!raw) {
		ret = -ENOMEM;
		goto out;
	}
	for (u32 i = 0; i < s->l1_size; i++)
		put_be64(raw + i * 8ULL, then[i] & L1_OFFSET_MASK);
	ret = blk_mcache_empty(q->l1);
	ret = ret ?: blk_node_flush(q->n->file);
	ret = ret ?: blk_node_pwrite(q->n->file, q->l1_off, raw, bytes);
	ret = ret ?: blk_node_flush(q->n->file);
	free(raw);
	ret = ret ?: blk_mcache_empty(q->l1);
	ret = ret ?: add_l1_refs(q, now, n, -1);
	ret = ret ?: mark_active(q);
	ret = ret ?: qcow2_sync(q);
out:
	free(now);
	free(then);
	return ret;
}

static int snap_apply(struct blk_node *n, const char *what, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct qcow2_snap *v = NULL;
	u32 cnt = q->nb_snapshots;
	int i, ret;
	u64 size = 0;

	ret = blk_will_write(n, 0, q->size);
	if (ret)
		return ret;
	pthread_mutex_lock(&q->lock);
	ret = qcow2_snaps_read(q, &v, e);
	if (ret)
		goto out;
	i = find_either(v, cnt, what);
	if (i < 0) {
		ret = -ENOENT;
		goto out;
	}
	if (q->has_data_file) {
		ret = -ENOTSUP;
		goto out;
	}
	ret = check_snap_l1(q, &v[i], e);
	ret = ret ?: apply_table(q, &v[i], e);
	size = v[i].s.disk_size;
	if (!ret && size != q->size) {
		u8 b[8];

		put_be64(b, size);
		ret = blk_node_pwrite(n->file, offsetof(struct qcow2_header, size), b, 8);
		q->size = size;
	}
out:
	qcow2_snaps_free(v, cnt);
	pthread_mutex_unlock(&q->lock);
	blk_units_forget(n, 0, q->size);
	if (!ret)
		blk_set_length(n, q->size);
	return ret;
}

static int snap_remove(struct blk_node *n, const char *id, const char *name, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct qcow2_snap *v = NULL, gone;
	u32 cnt = q->nb_snapshots;
	u64 *table = NULL;
	int i, ret;

	pthread_mutex_lock(&q->lock);
	ret = qcow2_snaps_read(q, &v, e);
	if (ret)
		goto out;
	i = id && name && !strcmp(id, name) ? find_either(v, cnt, id) : find_snap(v, cnt, id, name);
	if (i < 0) {
		ret = err_set(e, ENOENT, "Can't find the snapshot");
		goto out;
	}
	gone = v[i];
	ret = check_snap_l1(q, &gone, e);
	ret = ret ?: l1_load(q, gone.l1_off, gone.l1_size, &table);
	if (ret)
		goto out;
	memmove(&v[i], &v[i + 1], (cnt - (u32)i - 1) * sizeof(*v));
	cnt--;
	ret = write_table(q, v, cnt, e);
	ret = ret ?: add_l1_refs(q, table, gone.l1_size, -1);
	ret = ret ?: qcow2_free_now(q, gone.l1_off, ALIGN_UP(MAX(gone.l1_size, 1U) * 8ULL, q->cluster_size));
	ret = ret ?: mark_active(q);
	ret = ret ?: qcow2_sync(q);
	free(gone.extra);
out:
	qcow2_snaps_free(v, cnt);
	free(table);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

static int snap_list(struct blk_node *n, struct blk_snapshot **out)
{
	struct qcow2 *q = n->priv;
	struct qcow2_snap *v = NULL;
	struct blk_snapshot *s;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = qcow2_snaps_read(q, &v, NULL);
	s = ret ? NULL : calloc(q->nb_snapshots ? q->nb_snapshots : 1, sizeof(*s));
	if (!ret && !s)
		ret = -ENOMEM;
	for (u32 i = 0; !ret && i < q->nb_snapshots; i++)
		s[i] = v[i].s;
	if (!ret) {
		*out = s;
		ret = (int)q->nb_snapshots;
	}
	qcow2_snaps_free(v, q->nb_snapshots);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

static int snap_load(struct blk_node *n, const char *id, const char *name, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct qcow2_snap *v = NULL;
	int ret, i;

	if (n->flags & BLK_O_RDWR)
		return err_set(e, EINVAL, "Device is not readonly");
	ret = qcow2_snaps_read(q, &v, e);
	if (ret)
		return ret;
	i = id && name && !strcmp(id, name) ? find_either(v, q->nb_snapshots, id) :
		find_snap(v, q->nb_snapshots, id, name);
	if (i < 0) {
		ret = err_set(e, ENOENT, "Can't find snapshot");
	} else {
		ret = check_snap_l1(q, &v[i], e);
		ret = ret ?: blk_mcache_empty(q->l1);
		if (!ret) {
			q->l1_off = v[i].l1_off;
			q->l1_size = v[i].l1_size;
			q->size = v[i].s.disk_size;
			blk_set_length(n, q->size);
		}
	}
	qcow2_snaps_free(v, q->nb_snapshots);
	return ret;
}

const struct blk_snapshot_ops qcow2_snapshot_ops = {
	.create = snap_create, .apply = snap_apply, .remove = snap_remove, .list = snap_list,
	.load = snap_load,
};
