/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the NVMe room: the controller with its registers and queues
 * (nvme.c), administrative commands (admin.c), reads and writes (io.c),
 * pointers to memory (dptr.c), namespaces (nvme-ns.c). NVM Express 1.4.
 * Everything under the controller's lock.
 */
#ifndef VMBOX_DRIVERS_NVME_H
#define VMBOX_DRIVERS_NVME_H

#include "dev/blkdev.h"
#include "dev/pci.h"
#include "dev/sglist.h"

#define NVME_QUEUES_MAX	65	/* with the administrative one */
#define NVME_NS_MAX	256
#define NVME_ENTRIES_MAX 2048
#define NVME_AERS_MAX	4
#define NVME_MDTS	7	/* 128 pages of 4 KiB in a command */
#define NVME_DATA_MAX	(512 * KiB)

/* Status: type << 8 | code (figures 126 to 129). 0x4000: do not retry. */
#define NVME_OK			0x0000
#define NVME_INVALID_OPCODE	0x4001
#define NVME_INVALID_FIELD	0x4002
#define NVME_DATA_ERROR		0x0004
#define NVME_INTERNAL		0x0006
#define NVME_ABORTED		0x0007
#define NVME_SEQUENCE		0x400c
#define NVME_INVALID_NS		0x400b
#define NVME_BAD_SGL_COUNT	0x400f
#define NVME_BAD_SGL_TYPE	0x4011
#define NVME_BAD_PRP_OFFSET	0x4013
#define NVME_LBA_RANGE		0x4080
#define NVME_CAPACITY		0x4081
#define NVME_INVALID_CQ		0x4100
#define NVME_INVALID_QID	0x4101
#define NVME_QUEUE_SIZE		0x4102
#define NVME_AER_LIMIT		0x4105
#define NVME_INVALID_VECTOR	0x4108
#define NVME_INVALID_LOG	0x4109
#define NVME_DELETE_ORDER	0x410c
#define NVME_NOT_SAVEABLE	0x410d
#define NVME_READ_ONLY		0x4182
#define NVME_WRITE_FAULT	0x0280
#define NVME_READ_FAULT		0x0281
#define NVME_COMPARE_FAILED	0x4285
#define NVME_NO_STATUS		0xffff	/* the end comes later */

struct nvme;

struct nvme_ns {
	struct device dev;		/* nvme-ns; unused in the controller's own */
	char *drive_id;
	u32 nsid, logical;
	u64 eui64;
	u8  uuid[16];
	struct nvme *ctrl;
	struct blkdev blk;
	unsigned shift;			/* of the block size */
};

struct nvme_sq {
	u16 size, head, tail, cqid;	/* size 0: there is none */
	u64 base;
};

struct nvme_cq {
	u16 size, head, tail, vector;
	bool phase, ien;
	u64 base;
	u16 reserved;			/* not saved: entries promised to commands in flight */
};

struct nvme_req {
	struct blkdev_req io;
	struct nvme *n;
	struct nvme_ns *ns;
	u8  cmd[64];
	u16 sqid, cid;
	u32 generation;
	u32 result;			/* dword 0 of the completion */
	struct sglist sg;
	u8 *buf;
	u32 buf_len;
};

struct nvme {
	struct pci_dev pci;
	/* Properties. */
	char *drive_id, *serial;
	u32 max_queues, logical;
	struct nvme_ns own;		/* drive= of the controller itself */
	struct nvme_ns *ns[NVME_NS_MAX + 1];
	struct device_bus bus;
	struct mem_region mmio;
	/* Registers. */
	u32 intms, cc, csts, aqa;
	u64 asq, acq;
	struct nvme_sq sq[NVME_QUEUES_MAX];
	struct nvme_cq cq[NVME_QUEUES_MAX];
	u32 features[32];
	u16 aer_cid[NVME_AERS_MAX];
	u32 aers;
	u64 reads, writes, read_blocks, written_blocks;	/* for the SMART log */
	/* Not saved. */
	u32 generation;
	bool stopping;			/* nothing new is fetched */
};

static inline u32 nvme_page(const struct nvme *n)
{
	return 4096U << (n->cc >> 7 & 15);
}

/* nvme.c */
void nvme_run_sq(struct nvme *n, unsigned id);
void nvme_drain(struct nvme *n);
/* Ends a command that returned NVME_NO_STATUS. */
void nvme_end(struct nvme_req *q, u16 status);
void nvme_update_intx(struct nvme *n);

/* dptr.c: memory of a command into q->sg; a status. */
u16  nvme_map(struct nvme_req *q, u64 bytes, bool to_guest);
u16  nvme_reply(struct nvme_req *q, const void *data, size_t len);

/* admin.c, io.c: a status, or NVME_NO_STATUS. */
u16  nvme_admin(struct nvme_req *q);
u16  nvme_io(struct nvme_req *q);

/* nvme-ns.c */
int  nvme_ns_open(struct nvme_ns *ns, struct nvme *n, struct err *err);
void nvme_ns_close(struct nvme_ns *ns);

#endif
