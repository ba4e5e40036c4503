// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Administrative commands (NVM Express 1.4 section 5): queues, identification,
 * logs, features.
 */
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "mem.h"
#include "nvme.h"

#define PAGE	4096u
#define F_WRITE_CACHE	6
#define F_QUEUES	7

static u32 dw(const struct nvme_req *q, unsigned n)
{
	return get_le32(q->cmd + 4 * n);
}

/* ---- queues ---- */

static u16 create_cq(struct nvme_req *q)
{
	struct nvme *n = q->n;
	u16 id = (u16)dw(q, 10), size = (u16)(dw(q, 10) >> 16), vector = (u16)(dw(q, 11) >> 16);
	u64 base = get_le64(q->cmd + 24);

	if (!id || id > n->max_queues || n->cq[id].size)
		return NVME_INVALID_QID;
	if (!size || size >= NVME_ENTRIES_MAX)
		return NVME_QUEUE_SIZE;
	if (vector >= MAX(n->pci.msix.n, (u16)1))
		return NVME_INVALID_VECTOR;
	if (!(dw(q, 11) & 1) || base & (nvme_page(n) - 1))
		return NVME_INVALID_FIELD;
	n->cq[id] = (struct nvme_cq){ .size = size + 1, .vector = vector, .phase = true, .ien = dw(q, 11) & 2, .base = base };
	n->features[F_QUEUES] = 1;	/* their number stands */
	return NVME_OK;
}

static u16 create_sq(struct nvme_req *q)
{
	struct nvme *n = q->n;
	u16 id = (u16)dw(q, 10), size = (u16)(dw(q, 10) >> 16), cqid = (u16)(dw(q, 11) >> 16);
	u64 base = get_le64(q->cmd + 24);

	if (!cqid || cqid > n->max_queues || !n->cq[cqid].size)
		return NVME_INVALID_CQ;
	if (!id || id > n->max_queues || n->sq[id].size)
		return NVME_INVALID_QID;
	if (!size || size >= NVME_ENTRIES_MAX)
		return NVME_QUEUE_SIZE;
	if (!(dw(q, 11) & 1) || base & (nvme_page(n) - 1))
		return NVME_INVALID_FIELD;
	n->sq[id] = (struct nvme_sq){ .size = size + 1, .cqid = cqid, .base = base };
	return NVME_OK;
}

/* Commands of the queue end first; their completions are posted. */
static u16 delete_sq(struct nvme_req *q)
{
	u16 id = (u16)dw(q, 10);

	if (!id || id > q->n->max_queues || !q->n->sq[id].size)
		return NVME_INVALID_QID;
	nvme_drain(q->n);
	q->n->sq[id].size = 0;
	return NVME_OK;
}

static u16 delete_cq(struct nvme_req *q)
{
	struct nvme *n = q->n;
	u16 id = (u16)dw(q, 10);
	unsigned i;

	if (!id || id > n->max_queues || !n->cq[id].size)
		return NVME_INVALID_QID;
	for (i = 1; i < NVME_QUEUES_MAX; i++)
		if (n->sq[i].size && n->sq[i].cqid == id)
			return NVME_DELETE_ORDER;
	n->cq[id].size = 0;
	nvme_update_intx(n);
	return NVME_OK;
}

/* ---- identify ---- */

static void put_text(u8 *at, size_t len, const char *s)
{
	size_t have = strlen(s);

	memset(at, ' ', len);
	memcpy(at, s, MIN(have, len));
}

static void identify_ctrl(const struct nvme *n, u8 *p)
{
	put_le16(p, 0x1b36);
	put_le16(p + 2, 0x1af4);
	put_text(p + 4, 20, n->serial);
	put_text(p + 24, 40, "QEMU NVMe Ctrl");
	put_text(p + 64, 8, "1.0");
	p[72] = 6;			/* arbitration burst */
	memcpy(p + 73, "\x00\x54\x52", 3);
	p[77] = NVME_MDTS;
	put_le32(p + 80, 0x00010400);
	p[111] = 1;			/* an I/O controller */
	p[258] = 3;			/* aborts at once */
	p[259] = NVME_AERS_MAX - 1;
	p[260] = 3;			/* one firmware slot, read-only */
	p[261] = 6;			/* effects log, offsets into logs */
	put_le16(p + 266, 343);		/* warning and critical temperature, kelvin */
	put_le16(p + 268, 373);
	p[512] = 0x66;
	p[513] = 0x44;
	put_le32(p + 516, NVME_NS_MAX);
	put_le16(p + 520, 1 | 4 | 8 | 0x80);	/* compare, DSM, write zeroes, verify */
	p[525] = 7;			/* volatile write cache; flush of all namespaces */
	put_le32(p + 536, 1);		/* SGLs */
	snprintf((char *)p + 768, 256, "nqn.2019-08.org.qemu:%.200s", n->serial);
	put_le16(p + 2048, 2500);	/* power, in 10 mW */
	put_le32(p + 2052, 16);
	put_le32(p + 2056, 4);
}

static void identify_ns(const struct nvme_ns *ns, u8 *p)
{
	u64 blocks = blkdev_bytes(&ns->blk) >> ns->shift;

	put_le64(p, blocks);
	put_le64(p + 8, blocks);
	put_le64(p + 16, blocks);
	p[33] = 8;			/* write zeroes may deallocate */
	p[99] = ns->blk.read_only;	/* write protected */
	put_be64(p + 120, ns->eui64);
	p[128 + 2] = (u8)ns->shift;
}

static void identify_list(const struct nvme *n, u32 after, u8 *p)
{
	unsigned i, count = 0;

	for (i = after + 1; i <= NVME_NS_MAX && count < PAGE / 4; i++)
		if (n->ns[i])
			put_le32(p + 4 * count++, i);
}

/* Descriptors: type, length, 2 reserved bytes, the identifier. */
static void identify_descs(const struct nvme_ns *ns, u8 *p)
{
	static const u8 none[16];

	if (memcmp(ns->uuid, none, 16)) {
		p[0] = 3;
		p[1] = 16;
		memcpy(p + 4, ns->uuid, 16);
		p += 20;
	}
	if (ns->eui64) {
		p[0] = 1;
		p[1] = 8;
		put_be64(p + 4, ns->eui64);
		p += 12;
	}
	p[0] = 4;			/* command set: NVM */
	p[1] = 1;
}

static u16 fill_identify(struct nvme_req *q, u8 *p)
{
	struct nvme *n = q->n;
	u32 nsid = dw(q, 1);
	struct nvme_ns *ns = nsid && nsid <= NVME_NS_MAX ? n->ns[nsid] : NULL;

	switch (dw(q, 10) & 0xff) {
	case 0x00:
		if (!nsid || nsid > NVME_NS_MAX)
			return NVME_INVALID_NS;
		if (ns)
			identify_ns(ns, p);
		return NVME_OK;
	case 0x01:
		identify_ctrl(n, p);
		return NVME_OK;
	case 0x02:
		if (nsid >= 0xfffffffe)
			return NVME_INVALID_NS;
		identify_list(n, nsid, p);
		return NVME_OK;
	case 0x03:
		if (!ns)
			return NVME_INVALID_NS;
		identify_descs(ns, p);
		return NVME_OK;
	default:
		return NVME_INVALID_FIELD;
	}
}

static u16 identify(struct nvme_req *q)
{
	u8 page[PAGE] = { 0 };
	u16 status = fill_identify(q, page);

	return status ? status : nvme_reply(q, page, sizeof(page));
}

/* ---- logs ---- */

static void smart_log(const struct nvme *n, u8 *p)
{
	put_le16(p + 1, 323);		/* kelvin */
	p[3] = 100;			/* spare */
	p[4] = 10;
	put_le64(p + 32, DIV_ROUND_UP(n->read_blocks, 1000));
	put_le64(p + 48, DIV_ROUND_UP(n->written_blocks, 1000));
	put_le64(p + 64, n->reads);
	put_le64(p + 80, n->writes);
}

static void effects_log(u8 *p)
{
	static const u8 admin[] = { 0, 1, 2, 4, 5, 6, 8, 9, 0x0a, 0x0c }, io[] = { 0, 1, 2, 5, 8, 9, 0x0c };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(admin); i++)
		put_le32(p + 4 * admin[i], 1);
	for (i = 0; i < ARRAY_SIZE(io); i++)
		put_le32(p + 1024 + 4 * io[i], io[i] == 1 || io[i] == 8 || io[i] == 9 ? 3 : 1);
}

static u16 get_log(struct nvme_req *q)
{
	u64 len = (((dw(q, 10) >> 16) | (u64)(dw(q, 11) & 0xffff) << 16) + 1) * 4, off = dw(q, 12) | (u64)dw(q, 13) << 32;
	u8 page[PAGE] = { 0 };
	u64 size;

	switch (dw(q, 10) & 0xff) {
	case 0x01:	size = 64; break;
	case 0x02:	size = 512; smart_log(q->n, page); break;
	case 0x03:
		size = 512;
		page[0] = 1;
		put_text(page + 8, 8, "1.0");
		break;
	case 0x05:	size = PAGE; effects_log(page); break;
	default:	return NVME_INVALID_LOG;
	}
	if (off & 3 || off > size)
		return NVME_INVALID_FIELD;
	return nvme_reply(q, page + off, (size_t)MIN(len, size - off));
}

/* ---- features ---- */

static u32 feature_default(const struct nvme *n, u8 id)
{
	switch (id) {
	case 0x04:		return 343;
	case F_WRITE_CACHE:	return 1;
	case F_QUEUES:		return (n->max_queues - 1) | (n->max_queues - 1) << 16;
	default:		return 0;
	}
}

static bool feature_known(u8 id)
{
	return id >= 1 && id <= 0x0b && id != 3;
}

static u16 get_feature(struct nvme_req *q)
{
	u8 id = (u8)dw(q, 10), select = dw(q, 10) >> 8 & 7;

	if (!feature_known(id))
		return NVME_INVALID_FIELD;
	if (select == 3)
		q->result = 4;		/* can be changed, is not saved */
	else if (select || id == F_QUEUES)
		q->result = feature_default(q->n, id);
	else if (id == 9)
		q->result = dw(q, 11) & 0xffff;
	else
		q->result = q->n->features[id];
	return NVME_OK;
}

static u16 set_feature(struct nvme_req *q)
{
	u8 id = (u8)dw(q, 10);

	if (!feature_known(id))
		return NVME_INVALID_FIELD;
	if (dw(q, 10) >> 31)
		return NVME_NOT_SAVEABLE;
	if (id == F_QUEUES) {
		if ((dw(q, 11) & 0xffff) == 0xffff || dw(q, 11) >> 16 == 0xffff)
			return NVME_INVALID_FIELD;
		if (q->n->features[F_QUEUES])
			return NVME_SEQUENCE;	/* 5.27.1.5: too late, there are or were queues */
		q->result = feature_default(q->n, id);
		return NVME_OK;
	}
	q->n->features[id] = id == F_WRITE_CACHE ? dw(q, 11) & 1 : dw(q, 11);
	return NVME_OK;
}

/* Kept until there is an event: none of ours ever comes, but the controller goes. */
static u16 async_event(struct nvme_req *q)
{
	struct nvme *n = q->n;

	if (n->aers >= NVME_AERS_MAX)
		return NVME_AER_LIMIT;
	n->aer_cid[n->aers++] = q->cid;
	n->cq[0].reserved--;
	sg_free(&q->sg);
	mem_free(q);
	return NVME_NO_STATUS;
}

u16 nvme_admin(struct nvme_req *q)
{
	switch (q->cmd[0]) {
	case 0x00:	return delete_sq(q);
	case 0x01:	return create_sq(q);
	case 0x02:	return get_log(q);
	case 0x04:	return delete_cq(q);
	case 0x05:	return create_cq(q);
	case 0x06:	return identify(q);
	case 0x08:	q->result = 1; return NVME_OK;	/* too late to abort it */
	case 0x09:	return set_feature(q);
	case 0x0a:	return get_feature(q);
	case 0x0c:	return async_event(q);
	default:	return NVME_INVALID_OPCODE;
	}
}
