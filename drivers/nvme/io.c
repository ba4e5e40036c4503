// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NVM commands (NVM Express 1.4 section 6): they become requests of the block
 * layer, straight between the guest's memory and the image.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "mem.h"
#include "nvme.h"

#define FLUSH		0x00
#define WRITE		0x01
#define READ		0x02
#define COMPARE		0x05
#define WRITE_ZEROES	0x08
#define DSM		0x09
#define VERIFY		0x0c

#define FUA		BIT(30)
#define DEALLOCATE	BIT(25)

static void on_io(struct blkdev_req *r, int ret)
{
	struct nvme_req *q = container_of(r, struct nvme_req, io);
	bool read = r->r.op == BLK_OP_READ;

	if (ret == 0 && read && q->generation == q->n->generation)
		sg_written(&q->sg, &q->n->pci, q->sg.len);
	nvme_end(q, ret == 0 ? NVME_OK : ret == -EILSEQ ? NVME_COMPARE_FAILED : ret == -ENOSPC ? NVME_CAPACITY :
		 read ? NVME_READ_FAULT : NVME_WRITE_FAULT);
}

static u16 submit(struct nvme_req *q, enum blk_op op, u64 off, u64 len, u32 flags)
{
	struct blk_req *r = &q->io.r;

	q->io.done = on_io;
	r->op = op;
	r->off = off;
	r->len = len;
	r->flags = flags;
	r->iov = q->sg.iov;
	r->niov = (int)q->sg.n;
	r->opaque = q;
	blkdev_submit(&q->ns->blk, &q->io);
	return NVME_NO_STATUS;
}

static bool in_range(const struct nvme_ns *ns, u64 lba, u64 n)
{
	u64 have = blkdev_bytes(&ns->blk) >> ns->shift;

	return lba <= have && n <= have - lba;
}

/* Worker. */
static int compare(struct blk_req *r)
{
	struct nvme_req *q = r->opaque;
	u8 *disk = mem_alloc(r->len), *mine = mem_alloc(r->len);
	int ret = disk && mine ? blk_pread(q->ns->blk.node, r->off, disk, r->len) : -ENOMEM;

	if (ret == 0) {
		iov_read(q->sg.iov, q->sg.n, 0, mine, r->len);
		ret = memcmp(disk, mine, r->len) ? -EILSEQ : 0;
	}
	mem_free(disk);
	mem_free(mine);
	return ret;
}

static u16 transfer(struct nvme_req *q)
{
	struct nvme_ns *ns = q->ns;
	u64 lba = get_le64(q->cmd + 40), n = get_le16(q->cmd + 48) + 1ULL, bytes = n << ns->shift;
	bool read = q->cmd[0] == READ;
	u16 status;

	if (bytes > NVME_DATA_MAX)
		return NVME_INVALID_FIELD;
	if (!in_range(ns, lba, n))
		return NVME_LBA_RANGE;
	if (q->cmd[0] == WRITE && ns->blk.read_only)
		return NVME_READ_ONLY;
	status = nvme_map(q, bytes, read);
	if (status)
		return status;
	if (q->cmd[0] == COMPARE) {
		q->io.r.call = compare;
		return submit(q, BLK_OP_CALL, lba << ns->shift, bytes, 0);
	}
	*(read ? &q->n->reads : &q->n->writes) += 1;
	*(read ? &q->n->read_blocks : &q->n->written_blocks) += bytes / 512;
	return submit(q, read ? BLK_OP_READ : BLK_OP_WRITE, lba << ns->shift, bytes,
		      !read && ((get_le32(q->cmd + 48) & FUA) || !q->n->features[6]) ? BLK_FUA : 0);
}

static u16 write_zeroes(struct nvme_req *q)
{
	struct nvme_ns *ns = q->ns;
	u64 lba = get_le64(q->cmd + 40), n = get_le16(q->cmd + 48) + 1ULL;

	if (!in_range(ns, lba, n))
		return NVME_LBA_RANGE;
	if (ns->blk.read_only)
		return NVME_READ_ONLY;
	return submit(q, BLK_OP_ZERO, lba << ns->shift, n << ns->shift, get_le32(q->cmd + 48) & DEALLOCATE ? BLK_MAY_UNMAP : 0);
}

/* Worker: ranges of attributes le32, blocks le32, address le64. */
static int discard_all(struct blk_req *r)
{
	struct nvme_req *q = r->opaque;
	unsigned shift = q->ns->shift;
	u32 at;
	int ret = 0;

	for (at = 0; ret == 0 && at < q->buf_len; at += 16)
		ret = blk_discard(q->ns->blk.node, get_le64(q->buf + at + 8) << shift, (u64)get_le32(q->buf + at + 4) << shift);
	return ret;
}

static u16 dataset_management(struct nvme_req *q)
{
	u32 n = (get_le32(q->cmd + 40) & 255) + 1, at;
	u16 status;

	if (!(get_le32(q->cmd + 44) & 4))	/* other hints than deallocation */
		return NVME_OK;
	if (q->ns->blk.read_only)
		return NVME_READ_ONLY;
	status = nvme_map(q, n * 16, false);
	if (status)
		return status;
	q->buf_len = n * 16;
	q->buf = mem_alloc(q->buf_len);
	if (!q->buf)
		return NVME_INTERNAL;
	iov_read(q->sg.iov, q->sg.n, 0, q->buf, q->buf_len);
	for (at = 0; at < q->buf_len; at += 16)
		if (!in_range(q->ns, get_le64(q->buf + at + 8), get_le32(q->buf + at + 4)))
			return NVME_LBA_RANGE;
	q->io.r.call = discard_all;
	return submit(q, BLK_OP_CALL, 0, 0, 0);
}

u16 nvme_io(struct nvme_req *q)
{
	u32 nsid = get_le32(q->cmd + 4), i;

	if (q->cmd[1] & 3)		/* fused */
		return NVME_INVALID_FIELD;
	if (q->cmd[0] == FLUSH && nsid == 0xffffffff) {
		/* All of them; the guest's next flush of each waits for its own. */
		for (i = 1; i <= NVME_NS_MAX && !q->ns; i++)
			q->ns = q->n->ns[i];
		return q->ns ? submit(q, BLK_OP_FLUSH, 0, 0, 0) : NVME_OK;
	}
	if (!nsid || nsid > NVME_NS_MAX)
		return NVME_INVALID_NS;
	q->ns = q->n->ns[nsid];
	if (!q->ns)
		return NVME_INVALID_FIELD;
	switch (q->cmd[0]) {
	case FLUSH:		return submit(q, BLK_OP_FLUSH, 0, 0, 0);
	case WRITE: case READ: case COMPARE:
		return transfer(q);
	case WRITE_ZEROES:	return write_zeroes(q);
	case DSM:		return dataset_management(q);
	case VERIFY:
		return in_range(q->ns, get_le64(q->cmd + 40), get_le16(q->cmd + 48) + 1ULL) ? NVME_OK : NVME_LBA_RANGE;
	default:		return NVME_INVALID_OPCODE;
	}
}
