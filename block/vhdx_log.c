/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX: the log ([MS-VHDX] 2.3). Pages of the block allocation table go into
 * it before they are overwritten. Each of our entries is its own tail: when
 * it is written, all that went before was flushed in its place. It is written
 * behind the one before it and is at most half of the log, so that a torn
 * entry leaves that one whole.
 */
#include <string.h>
#include "err_hint.h"
#include "checksum.h"
#include "vhdx.h"

struct entry {
	u32 pos;
	struct vhdx_log_head h;
	u8 *data;		/* whole entry, when read */
};

/* ---- reading ---- */

static int ring_read(struct blk_node *n, const struct vhdx *v, u32 pos, void *buf, u32 len)
{
	u32 first = MIN(len, v->log_len - pos);
	int ret = blk_node_pread(n->file, v->log_off + pos, buf, first);

	if (!ret && first < len)
		ret = blk_node_pread(n->file, v->log_off, (u8 *)buf + first, len - first);
	return ret;
}

static u32 desc_bytes(u32 count)
{
	return (u32)ALIGN_UP(sizeof(struct vhdx_log_head) + (u64)count * 32, VHDX_PAGE);
}

static bool head_plausible(const struct vhdx *v, const struct vhdx_log_head *h)
{
	u32 len = le32_to_cpu(h->length), tail = le32_to_cpu(h->tail);

	return !memcmp(h->signature, "loge", 4) && len && !(len % VHDX_PAGE) && len <= v->log_len &&
	       !(tail % VHDX_PAGE) && tail < v->log_len && h->sequence &&
	       !memcmp(h->guid, v->log_guid, 16) && le32_to_cpu(h->count) <= v->log_len / 32 &&
	       desc_bytes(le32_to_cpu(h->count)) <= len;
}

/* Descriptors and data sectors must carry the entry's sequence number and fill it exactly. */
static bool parts_ok(const struct vhdx_log_head *h, const u8 *p)
{
	u32 count = le32_to_cpu(h->count), at = desc_bytes(count), len = le32_to_cpu(h->length);
	u64 seq = le64_to_cpu(h->sequence);
	const struct vhdx_log_desc *d = (const void *)(p + sizeof(*h));

	for (u32 i = 0; i < count; i++) {
		const struct vhdx_log_data *s = (const void *)(p + at);
		bool zero = !memcmp(d[i].signature, "zero", 4);

		if ((!zero && memcmp(d[i].signature, "desc", 4)) || le64_to_cpu(d[i].sequence) != seq ||
		    le64_to_cpu(d[i].offset) % VHDX_PAGE || (zero && le64_to_cpu(d[i].zero_length) % VHDX_PAGE))
			return false;
		if (zero)
			continue;
		if (at + VHDX_PAGE > len || memcmp(s->signature, "data", 4) ||
		    le32_to_cpu(s->seq_high) != (u32)(seq >> 32) || le32_to_cpu(s->seq_low) != (u32)seq)
			return false;
		at += VHDX_PAGE;
	}
	return at == len;
}

/* 1: a valid entry at @pos, e->data is the caller's; 0: none; -errno. @budget bounds the work. */
static int read_entry(struct blk_node *n, const struct vhdx *v, u32 pos, struct entry *e, u64 *budget)
{
	u32 len;
	int ret = ring_read(n, v, pos, &e->h, sizeof(e->h));

	e->pos = pos;
	e->data = NULL;
	if (ret || !head_plausible(v, &e->h))
		return ret;
	len = le32_to_cpu(e->h.length);
	if (*budget < len)
		return -EINVAL;
	*budget -= len;
	e->data = blk_buf_alloc(len);
	if (!e->data)
		return -ENOMEM;
	ret = ring_read(n, v, pos, e->data, len);
	if (!ret && vhdx_checksum(e->data, len) == le32_to_cpu(e->h.checksum) && parts_ok(&e->h, e->data))
		return 1;
	free(e->data);
	e->data = NULL;
	return ret;
}

struct sequence {
	u32 tail, head;		/* positions of the first entry to replay and of the last */
	u64 seq;		/* of the last; 0: no sequence */
};

/* The run of valid entries that starts at @pos; *next: where it ends. */
static int walk_run(struct blk_node *n, const struct vhdx *v, u32 pos, struct sequence *best, u64 *next,
		    u64 *budget)
{
	u64 total = 0, last_seq = 0;
	struct entry e;
	u32 cur = pos, tail = 0, head = 0;
	int ret;

	while (total < v->log_len) {
		ret = read_entry(n, v, cur, &e, budget);
		if (ret < 0)
			return ret;
		free(e.data);
		if (!ret || (total && le64_to_cpu(e.h.sequence) != last_seq + 1))
			break;
		last_seq = le64_to_cpu(e.h.sequence);
		head = cur;
		tail = le32_to_cpu(e.h.tail);
		total += le32_to_cpu(e.h.length);
		cur = (u32)(((u64)cur + le32_to_cpu(e.h.length)) % v->log_len);
	}
	*next = total ? pos + total : (u64)pos + VHDX_PAGE;
	/* The last entry must say that it begins inside of this run. */
	if (total && last_seq > best->seq && ((u64)tail + v->log_len - pos) % v->log_len < total)
		*best = (struct sequence){ tail, head, last_seq };
	return 0;
}

static int find_active(struct blk_node *n, const struct vhdx *v, struct sequence *best, u64 *budget)
{
	u64 pos = 0;

	*best = (struct sequence){ 0 };
	while (pos < v->log_len) {
		int ret = walk_run(n, v, (u32)pos, best, &pos, budget);

		if (ret)
			return ret;
	}
	return 0;
}

/* ---- replaying ---- */

/* Never the headers nor the log itself. */
static bool target_ok(const struct vhdx *v, u64 off, u64 len)
{
	return off >= VHDX_REGIONS_1 && off <= VHDX_MAX_FILE && len <= VHDX_MAX_FILE &&
	       (off + len <= v->log_off || off >= v->log_off + v->log_len);
}

static int apply_data(struct blk_node *n, const struct vhdx_log_desc *d, const struct vhdx_log_data *s)
{
	u8 page[VHDX_PAGE];

	memcpy(page, d->leading, 8);
	memcpy(page + 8, s->data, sizeof(s->data));
	memcpy(page + VHDX_PAGE - 4, d->trailing, 4);
	return blk_node_pwrite(n->file, le64_to_cpu(d->offset), page, VHDX_PAGE);
}

/* Behind the end of the file there are zeros already. */
static int apply_zero(struct blk_node *n, u64 off, u64 len)
{
	u64 size = blk_length(n->file);

	return off >= size ? 0 : blk_node_zero(n->file, off, MIN(len, size - off), 0);
}

static int apply_entry(struct blk_node *n, const struct vhdx *v, const struct entry *e, struct err *err)
{
	u64 last = le64_to_cpu(e->h.last_size);
	u32 count = le32_to_cpu(e->h.count), at = desc_bytes(count);
	const struct vhdx_log_desc *d = (const void *)(e->data + sizeof(e->h));
	int ret = 0;

	if (le64_to_cpu(e->h.flushed_size) > blk_length(n->file))
		return err_set(err, EINVAL, "The VHDX file is shorter than its log says; it was truncated");
	if (last > VHDX_MAX_FILE)
		return err_set(err, EINVAL, "The VHDX log names an impossible file size");
	for (u32 i = 0; !ret && i < count; i++) {
		bool zero = d[i].signature[0] == 'z';
		u64 off = le64_to_cpu(d[i].offset), len = zero ? le64_to_cpu(d[i].zero_length) : VHDX_PAGE;

		if (!target_ok(v, off, len))
			return err_set(err, EINVAL, "The VHDX log would write over the headers or itself");
		if (zero) {
			ret = apply_zero(n, off, len);
		} else {
			ret = apply_data(n, &d[i], (const void *)(e->data + at));
			at += VHDX_PAGE;
		}
	}
	if (!ret && last > blk_length(n->file))
		ret = blk_node_truncate(n->file, last, false, 0, err);
	return ret ? err_errno(err, -ret, "Could not replay the VHDX log") : 0;
}

static int apply_all(struct blk_node *n, const struct vhdx *v, const struct sequence *s, u64 *budget,
		     struct err *err)
{
	u32 pos = s->tail;

	for (;;) {
		struct entry e;
		u64 seq;
		int ret = read_entry(n, v, pos, &e, budget);

		if (ret <= 0)
			return err_set(err, ret ? -ret : EINVAL, "The VHDX log has a gap");
		ret = apply_entry(n, v, &e, err);
		seq = le64_to_cpu(e.h.sequence);
		free(e.data);
		pos = (u32)(((u64)pos + le32_to_cpu(e.h.length)) % v->log_len);
		if (ret || seq == s->seq)
			return ret;
	}
}

int vhdx_replay(struct blk_node *n, struct vhdx *v, struct err *e)
{
	u64 budget = 4ULL * v->log_len;
	struct sequence s;
	int ret;

	if (vhdx_no_guid(v->log_guid) || !v->log_len)
		return 0;
	ret = find_active(n, v, &s, &budget);
	if (ret)
		return err_errno(e, -ret, "The VHDX log is damaged");
	if (!s.seq)
		return 0;
	if (!(n->flags & BLK_O_RDWR)) {
		err_set(e, EPERM, "VHDX image file '%s' opened read-only, but contains a log that needs to be replayed",
			n->file->filename);
		err_hint(e, "To replay the log, run:");
		err_hint(e, "qemu-img check -r all '%s'", n->file->filename);
		return -EPERM;
	}
	ret = apply_all(n, v, &s, &budget, e);
	ret = ret ?: blk_node_flush(n->file);
	if (!ret) {
		memset(v->log_guid, 0, 16);
		ret = vhdx_write_headers(n->file, v);
		v->replayed = !ret;
	}
	return ret ? err_errno(e, -ret, "Could not replay the VHDX log") : 0;
}

/* ---- writing ---- */

static int ring_write(struct blk_node *n, const struct vhdx *v, u32 pos, const void *buf, u32 len)
{
	u32 first = MIN(len, v->log_len - pos);
	int ret = blk_node_pwrite(n->file, v->log_off + pos, buf, first);

	if (!ret && first < len)
		ret = blk_node_pwrite(n->file, v->log_off, (const u8 *)buf + first, len - first);
	return ret;
}

static void put_page(struct vhdx_log_desc *d, struct vhdx_log_data *s, u64 seq, u64 off, const u8 *page)
{
	memcpy(d->signature, "desc", 4);
	memcpy(d->trailing, page + VHDX_PAGE - 4, 4);
	memcpy(d->leading, page, 8);
	d->offset = cpu_to_le64(off);
	d->sequence = cpu_to_le64(seq);
	memcpy(s->signature, "data", 4);
	s->seq_high = cpu_to_le32((u32)(seq >> 32));
	memcpy(s->data, page + 8, sizeof(s->data));
	s->seq_low = cpu_to_le32((u32)seq);
}

static void build_entry(const struct vhdx *v, u64 size, u8 *buf, u32 len, const u64 *off, void *const *data,
			u32 count)
{
	struct vhdx_log_head *h = (void *)buf;
	struct vhdx_log_desc *d = (void *)(buf + sizeof(*h));

	memset(buf, 0, len);
	memcpy(h->signature, "loge", 4);
	h->length = cpu_to_le32(len);
	h->tail = cpu_to_le32(v->log_head);
	h->sequence = cpu_to_le64(v->log_seq);
	h->count = cpu_to_le32(count);
	memcpy(h->guid, v->log_next_guid, 16);
	h->flushed_size = h->last_size = cpu_to_le64(size);
	for (u32 i = 0; i < count; i++)
		put_page(&d[i], (void *)(buf + desc_bytes(count) + i * VHDX_PAGE), v->log_seq, off[i], data[i]);
	h->checksum = cpu_to_le32(vhdx_checksum(buf, len));
}

int vhdx_log_append(void *opaque, const u64 *off, void *const *data, u32 count)
{
	struct blk_node *n = opaque;
	struct vhdx *v = n->priv;
	u32 len = desc_bytes(count) + count * VHDX_PAGE;
	u8 *buf = blk_buf_alloc(len);
	int ret;

	if (!buf)
		return -ENOMEM;
	if (!v->log_open) {
		vhdx_new_guid(v->log_next_guid);
		v->log_head = 0;
		v->log_seq = 1;
	}
	/* What the pages point at, and the pages of the entry before. */
	ret = blk_node_flush(n->file);
	if (!ret) {
		build_entry(v, blk_length(n->file), buf, len, off, data, count);
		ret = ring_write(n, v, v->log_head, buf, len);
	}
	ret = ret ?: blk_node_flush(n->file);
	free(buf);
	if (ret)
		return ret;
	v->log_head = (u32)(((u64)v->log_head + len) % v->log_len);
	v->log_seq++;
	if (v->log_open)
		return 0;
	memcpy(v->log_guid, v->log_next_guid, 16);
	ret = vhdx_write_headers(n->file, v);
	v->log_open = !ret;
	return ret;
}

int vhdx_log_close(struct blk_node *n, struct vhdx *v)
{
	int ret;

	if (!v->log_open)
		return 0;
	ret = blk_node_flush(n->file);
	if (ret)
		return ret;
	memset(v->log_guid, 0, 16);
	ret = vhdx_write_headers(n->file, v);
	v->log_open = ret;
	return ret;
}
