// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data pointers of NVMe commands: PRPs (NVM Express 1.4 section 4.3) and SGLs
 * (4.4) to a scatter list.
 */
#include <errno.h>
#include "bytes.h"
#include "nvme.h"

#define SGL_DATA	0x0
#define SGL_SEGMENT	0x2
#define SGL_LAST	0x3
#define SGL_DESCS_MAX	4096	/* of one command, over all segments */

static u16 add(struct nvme_req *q, u64 addr, u64 len)
{
	int ret = sg_add(&q->sg, &q->n->pci, addr, len);

	return ret == 0 ? NVME_OK : ret == -EFAULT ? NVME_DATA_ERROR : NVME_INTERNAL;
}

/* The list goes on in another page when its last entry is not the last one needed. */
static u16 map_prp_list(struct nvme_req *q, u64 list, u64 left)
{
	u32 page = nvme_page(q->n);
	u16 status = NVME_OK;
	u8 raw[8];

	while (left && !status) {
		u64 addr;

		if (pci_dma_read(&q->n->pci, list, raw, 8) < 0)
			return NVME_DATA_ERROR;
		addr = get_le64(raw);
		if ((list & (page - 1)) == page - 8 && left > page) {
			if (addr & (page - 1))
				return NVME_BAD_PRP_OFFSET;
			list = addr;
			/* One entry of data comes at least from each page: this ends. */
			if (pci_dma_read(&q->n->pci, list, raw, 8) < 0)
				return NVME_DATA_ERROR;
			addr = get_le64(raw);
		}
		if (addr & (page - 1))
			return NVME_BAD_PRP_OFFSET;
		status = add(q, addr, MIN(left, (u64)page));
		left -= MIN(left, (u64)page);
		list += 8;
	}
	return status;
}

static u16 map_prp(struct nvme_req *q, u64 bytes)
{
	u32 page = nvme_page(q->n);
	u64 prp1 = get_le64(q->cmd + 24), prp2 = get_le64(q->cmd + 32), n = MIN(bytes, (u64)page - (prp1 & (page - 1)));
	u16 status = prp1 & 3 ? NVME_BAD_PRP_OFFSET : add(q, prp1, n);

	bytes -= n;
	if (status || !bytes)
		return status;
	if (bytes <= page)
		return prp2 & (page - 1) ? NVME_BAD_PRP_OFFSET : add(q, prp2, bytes);
	return prp2 & 7 ? NVME_BAD_PRP_OFFSET : map_prp_list(q, prp2, bytes);
}

static u16 map_sgl(struct nvme_req *q, u64 bytes)
{
	const u8 *d = q->cmd + 24;
	u64 seg = 0, left_in_seg = 0;
	unsigned seen;
	u16 status;
	u8 raw[16];

	for (seen = 0; seen < SGL_DESCS_MAX; seen++) {
		u64 addr = get_le64(d);
		u32 len = get_le32(d + 8);
		u8 type = d[15] >> 4;

		if (d[15] & 15)
			return NVME_BAD_SGL_TYPE;
		if (type == SGL_DATA) {
			status = add(q, addr, MIN((u64)len, bytes - q->sg.len));
			if (status)
				return status;
			if (!left_in_seg)
				return q->sg.len == bytes ? NVME_OK : NVME_BAD_SGL_COUNT;
		} else if ((type == SGL_SEGMENT || type == SGL_LAST) && left_in_seg == 0) {
			if (!len || len % 16)
				return NVME_BAD_SGL_COUNT;
			seg = addr;
			left_in_seg = len / 16;
		} else {
			return NVME_BAD_SGL_TYPE;
		}
		if (pci_dma_read(&q->n->pci, seg, raw, 16) < 0)
			return NVME_DATA_ERROR;
		seg += 16;
		left_in_seg--;
		d = raw;
	}
	return NVME_BAD_SGL_COUNT;
}

u16 nvme_map(struct nvme_req *q, u64 bytes, bool to_guest)
{
	sg_init(&q->sg, to_guest);
	if (!bytes)
		return NVME_OK;
	switch (q->cmd[1] >> 6) {
	case 0:		return map_prp(q, bytes);
	case 1:
	case 2:		return q->sqid ? map_sgl(q, bytes) : NVME_INVALID_FIELD;
	default:	return NVME_INVALID_FIELD;
	}
}

u16 nvme_reply(struct nvme_req *q, const void *data, size_t len)
{
	u16 status = nvme_map(q, len, true);

	if (status)
		return status;
	iov_write(q->sg.iov, q->sg.n, 0, data, len);
	sg_written(&q->sg, &q->n->pci, len);
	return NVME_OK;
}
