// SPDX-License-Identifier: GPL-2.0-or-later
/* Capture files, read. See pcap.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "mem.h"
#include "pcap.h"

#define MAGIC_US	0xa1b2c3d4U
#define MAGIC_NS	0xa1b23c4dU
#define MAGIC_NG	0x0a0d0d0aU
#define BYTE_ORDER_NG	0x1a2b3c4dU

#define BLOCK_IFACE	1
#define BLOCK_OLD_PACKET 2
#define BLOCK_SIMPLE	3
#define BLOCK_STATS	5
#define BLOCK_PACKET	6

void pcap_reader_init(struct pcap_reader *r, ssize_t (*read)(void *ctx, void *buf, size_t n), void *ctx)
{
	*r = (struct pcap_reader){ .read = read, .ctx = ctx };
}

void pcap_reader_free(struct pcap_reader *r)
{
	mem_free(r->ifaces);
	mem_free(r->block);
	*r = (struct pcap_reader){ .read = NULL };
}

static u16 num16(const struct pcap_reader *r, const u8 *p) { return r->swapped ? get_be16(p) : get_le16(p); }
static u32 num32(const struct pcap_reader *r, const u8 *p) { return r->swapped ? get_be32(p) : get_le32(p); }
static u64 num64(const struct pcap_reader *r, const u8 *p) { return r->swapped ? get_be64(p) : get_le64(p); }

/* All of n bytes: 1. 0: the stream ends before the first. */
static int fill(struct pcap_reader *r, void *buf, size_t n, struct err *err)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = r->read(r->ctx, (u8 *)buf + at, n - at);

		if (got < 0)
			return got == -EINTR ? -EINTR : err_errno(err, (int)-got, "reading");
		if (got == 0)
			return at ? err_set(err, EINVAL, "byte %llu: the file ends in the middle of a record", r->pos + at) : 0;
		at += (size_t)got;
	}
	r->pos += n;
	return 1;
}

static int fill_more(struct pcap_reader *r, void *buf, size_t n, struct err *err)
{
	int got = n ? fill(r, buf, n, err) : 1;

	return got == 0 ? err_set(err, EINVAL, "byte %llu: the file ends in the middle of a record", r->pos) : got;
}

static int make_room(struct pcap_reader *r, size_t n, struct err *err)
{
	return mem_grow(&r->block, &r->block_cap, n, 1) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* ---- pcap ---- */

static int start_classic(struct pcap_reader *r, const u8 *magic, struct err *err)
{
	struct pcap_iface *f;
	u8 head[20];
	int ret = fill_more(r, head, sizeof(head), err);

	if (ret < 0)
		return ret;
	r->nanoseconds = num32(r, magic) == MAGIC_NS;
	if (mem_grow(&r->ifaces, &r->ifaces_cap, 1, sizeof(*f)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	r->ifaces[0] = (struct pcap_iface){ .link = num32(r, head + 16) & 0x0fffffff, .snaplen = num32(r, head + 12) };
	r->n_ifaces = 1;
	return 1;
}

static int read_classic(struct pcap_reader *r, struct pcap_packet *p, struct err *err)
{
	u8 head[16];
	u32 len, fraction;
	int ret = fill(r, head, sizeof(head), err);

	if (ret <= 0)
		return ret;
	len = num32(r, head + 8);
	if (len > PCAP_BLOCK_MAX)
		return err_set(err, EINVAL, "byte %llu: a packet of %u bytes", r->pos - 16, len);
	if (make_room(r, len ? len : 1, err) < 0)	/* an empty packet has an address too */
		return -ENOMEM;
	ret = fill_more(r, r->block, len, err);
	if (ret < 0)
		return ret;
	fraction = num32(r, head + 4);
	*p = (struct pcap_packet){
		.time_ns = (u64)num32(r, head) * 1000000000 + (u64)fraction * (r->nanoseconds ? 1 : 1000),
		.link = r->ifaces[0].link, .len = len, .orig_len = MAX(num32(r, head + 12), len), .data = r->block,
	};
	return 1;
}

/* ---- pcapng ---- */

/* The next option of a list; false: no more (or it is cut). */
static bool next_option(const struct pcap_reader *r, const u8 **at, const u8 *end, u16 *code, u16 *len, const u8 **val)
{
	const u8 *p = *at;

	if (end - p < 4)
		return false;
	*code = num16(r, p);
	*len = num16(r, p + 2);
	*val = p + 4;
	if (*code == 0 || end - p - 4 < ((*len + 3) & ~3))
		return false;
	*at = p + 4 + ((*len + 3) & ~3);
	return true;
}

static int take_iface(struct pcap_reader *r, const u8 *b, u32 len, struct err *err)
{
	const u8 *at = b + 8, *val;
	struct pcap_iface *f;
	u16 code, n;

	if (len < 8 || r->n_ifaces == PCAP_IFACES_MAX)
		return err_set(err, EINVAL, "byte %llu: bad interface block", r->pos);
	if (mem_grow(&r->ifaces, &r->ifaces_cap, r->n_ifaces + 1, sizeof(*f)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	f = &r->ifaces[r->n_ifaces++];
	*f = (struct pcap_iface){ .link = num16(r, b), .snaplen = num32(r, b + 4), .tsresol = 6 };
	while (next_option(r, &at, b + len, &code, &n, &val)) {
		if (code == 9 && n == 1)
			f->tsresol = *val;
		else if (code == 14 && n == 8)
			f->tsoffset = (s64)num64(r, val);
		else if (code == 2)
			snprintf(f->name, sizeof(f->name), "%.*s", (int)n, (const char *)val);
	}
	return 0;
}

static u64 to_ns(const struct pcap_iface *f, u64 t)
{
	unsigned n = f->tsresol & 0x7f;
	u64 ns = t;

	if (f->tsresol & 0x80)
		ns = n < 64 ? (u64)((u128)t * 1000000000 >> n) : 0;
	else if (n > 28)
		ns = 0;
	else
		for (; n != 9; n += n < 9 ? 1 : -1U)
			ns = n < 9 ? ns * 10 : ns / 10;
	return ns + (u64)f->tsoffset * 1000000000;
}

static void take_stats(struct pcap_reader *r, const u8 *b, u32 len)
{
	const u8 *at = b + 12, *val;
	u16 code, n;

	if (len < 12)
		return;
	r->has_stats = true;
	while (next_option(r, &at, b + len, &code, &n, &val)) {
		if (code == 4 && n == 8)
			r->received = num64(r, val);
		else if (code == 5 && n == 8)
			r->dropped = num64(r, val);
	}
}

/* 1: it is in *p. */
static int take_packet(struct pcap_reader *r, u32 type, const u8 *b, u32 len, struct pcap_packet *p, struct err *err)
{
	u32 head = type == BLOCK_SIMPLE ? 4 : 20;
	const struct pcap_iface *f;
	const u8 *at, *val;
	u16 code, n;

	if (len < head)
		return err_set(err, EINVAL, "byte %llu: a packet's block is too short", r->pos);
	*p = (struct pcap_packet){ .iface = type == BLOCK_PACKET ? num32(r, b) : type == BLOCK_OLD_PACKET ? num16(r, b) : 0 };
	if (p->iface >= r->n_ifaces)
		return err_set(err, EINVAL, "byte %llu: a packet of interface %u, which was not described", r->pos, p->iface);
	f = &r->ifaces[p->iface];
	p->link = f->link;
	p->data = b + head;
	p->orig_len = num32(r, b + head - 4);
	if (type == BLOCK_SIMPLE) {
		p->len = MIN(p->orig_len, len - head);
		if (f->snaplen)
			p->len = MIN(p->len, f->snaplen);
		return 1;
	}
	p->len = num32(r, b + 12);
	if (p->len > len - head)
		return err_set(err, EINVAL, "byte %llu: a packet is longer than its block", r->pos);
	p->orig_len = MAX(p->orig_len, p->len);
	p->time_ns = to_ns(f, (u64)num32(r, b + 4) << 32 | num32(r, b + 8));
	at = b + MIN(head + ((p->len + 3) & ~3U), len);
	while (next_option(r, &at, b + len, &code, &n, &val))
		if (code == 2 && n == 4)
			p->direction = num32(r, val) & 3;
	if (p->direction == 3)
		p->direction = PCAP_UNKNOWN;
	return 1;
}

/* A section begins: byte order, no interfaces yet. head: its type and length as they stand. */
static int start_section(struct pcap_reader *r, const u8 *head, struct err *err)
{
	u8 order[4];
	u32 len;
	int ret = fill_more(r, order, 4, err);

	if (ret < 0)
		return ret;
	r->swapped = get_be32(order) == BYTE_ORDER_NG;
	if (!r->swapped && get_le32(order) != BYTE_ORDER_NG)
		return err_set(err, EINVAL, "byte %llu: a section without a byte order", r->pos - 4);
	len = num32(r, head + 4);
	if (len < 28 || len % 4 || len > PCAP_BLOCK_MAX)
		return err_set(err, EINVAL, "byte %llu: a section header of %u bytes", r->pos, len);
	r->n_ifaces = 0;
	if (make_room(r, len, err) < 0)
		return -ENOMEM;
	ret = fill_more(r, r->block, len - 12, err);
	if (ret > 0 && num16(r, r->block) != 1)
		return err_set(err, ENOTSUP, "pcapng version %u is not supported", num16(r, r->block));
	return ret;
}

/* One block's body into r->block. 1, 0: the end. */
static int read_block(struct pcap_reader *r, u32 *type, u32 *len, struct err *err)
{
	u8 head[8];
	int ret = fill(r, head, 8, err);

	if (ret <= 0)
		return ret;
	if (get_le32(head) == MAGIC_NG) {
		*type = MAGIC_NG;
		*len = 0;
		return start_section(r, head, err);
	}
	*type = num32(r, head);
	*len = num32(r, head + 4);
	if (*len < 12 || *len % 4 || *len > PCAP_BLOCK_MAX)
		return err_set(err, EINVAL, "byte %llu: a block of %u bytes", r->pos - 8, *len);
	*len -= 12;
	if (make_room(r, *len + 4, err) < 0)
		return -ENOMEM;
	ret = fill_more(r, r->block, *len + 4, err);
	if (ret > 0 && num32(r, r->block + *len) != *len + 12)
		return err_set(err, EINVAL, "byte %llu: a block's two lengths differ", r->pos - 4);
	return ret;
}

static int read_ng(struct pcap_reader *r, struct pcap_packet *p, struct err *err)
{
	u32 type, len;
	int ret;

	while ((ret = read_block(r, &type, &len, err)) > 0) {
		if (type == BLOCK_PACKET || type == BLOCK_SIMPLE || type == BLOCK_OLD_PACKET)
			return take_packet(r, type, r->block, len, p, err);
		if (type == BLOCK_STATS)
			take_stats(r, r->block, len);
		else if (type == BLOCK_IFACE && take_iface(r, r->block, len, err) < 0)
			return -EINVAL;
	}
	return ret;
}

static int start(struct pcap_reader *r, struct err *err)
{
	u8 head[8];
	int ret = fill(r, head, 4, err);

	if (ret <= 0)
		return ret < 0 ? ret : err_set(err, EINVAL, "the file is empty");
	r->started = true;
	if (get_le32(head) == MAGIC_NG) {
		r->ng = true;
		ret = fill_more(r, head + 4, 4, err);
		return ret < 0 ? ret : start_section(r, head, err);
	}
	r->swapped = get_be32(head) == MAGIC_US || get_be32(head) == MAGIC_NS;
	if (!r->swapped && get_le32(head) != MAGIC_US && get_le32(head) != MAGIC_NS)
		return err_set(err, EINVAL, "this is neither a pcap nor a pcapng file");
	return start_classic(r, head, err);
}

int pcap_read(struct pcap_reader *r, struct pcap_packet *p, struct err *err)
{
	int ret = r->started ? 1 : start(r, err);

	if (ret <= 0)
		return ret;
	return r->ng ? read_ng(r, p, err) : read_classic(r, p, err);
}
