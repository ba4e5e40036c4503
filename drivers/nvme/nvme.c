// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NVMe controller (NVM Express 1.4): registers, doorbells, submission and
 * completion queues, interrupts. A command is fetched only when its completion has a
 * place, so that none ever waits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "mem.h"
#include "nvme.h"

#define BAR_SIZE	0x4000
#define DOORBELLS	0x1000

#define R_CAP		0x00
#define R_VS		0x08
#define R_INTMS		0x0c
#define R_INTMC		0x10
#define R_CC		0x14
#define R_CSTS		0x1c
#define R_AQA		0x24
#define R_ASQ		0x28
#define R_ACQ		0x30
#define CAP_LO		((NVME_ENTRIES_MAX - 1) | 1U << 16 | 0xfU << 24)	/* contiguous queues, 7.5 s */
#define CAP_HI		(1U << (37 - 32) | 4U << (52 - 32))	/* NVM commands; pages of 4 to 64 KiB */
#define CC_EN		1U
#define CC_WRITABLE	0x00fffff1U
#define CSTS_RDY	1U
#define CSTS_FAILED	2U
#define CSTS_SHUT	8U

/* ---- interrupts ---- */

void nvme_update_intx(struct nvme *n)
{
	bool level = false;
	unsigned i;

	if (pci_msix_enabled(&n->pci))
		return;
	for (i = 0; i < NVME_QUEUES_MAX; i++) {
		const struct nvme_cq *c = &n->cq[i];

		if (c->size && c->ien && c->head != c->tail && !(n->intms >> (c->vector & 31) & 1))
			level = true;
	}
	pci_set_irq(&n->pci, level);
}

static void interrupt(struct nvme *n, const struct nvme_cq *c)
{
	if (!c->ien)
		return;
	if (pci_msix_enabled(&n->pci))
		pci_msix_notify(&n->pci, c->vector);
	else
		nvme_update_intx(n);
}

/* ---- completions ---- */

static void post(struct nvme *n, struct nvme_cq *c, u16 sqid, u16 cid, u32 result, u16 status)
{
	u64 at = c->base + 16ULL * c->tail;
	u8 raw[16] = { 0 };

	put_le32(raw, result);
	put_le16(raw + 8, n->sq[sqid].head);
	put_le16(raw + 10, sqid);
	put_le16(raw + 12, cid);
	put_le16(raw + 14, (u16)(status << 1 | c->phase));
	pci_dma_write(&n->pci, at, raw, 12);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pci_dma_write(&n->pci, at + 12, raw + 12, 4);
	if (++c->tail == c->size) {
		c->tail = 0;
		c->phase = !c->phase;
	}
	interrupt(n, c);
}

static void release(struct nvme_req *q)
{
	sg_free(&q->sg);
	mem_free(q->buf);
	mem_free(q);
}

/* Posts and frees; what the controller forgot is only freed. */
static void complete(struct nvme_req *q, u16 status)
{
	struct nvme *n = q->n;
	struct nvme_cq *c = &n->cq[n->sq[q->sqid].cqid];

	if (q->generation == n->generation) {
		c->reserved--;
		post(n, c, q->sqid, q->cid, q->result, status);
	}
	release(q);
}

void nvme_end(struct nvme_req *q, u16 status)
{
	struct nvme *n = q->n;
	u16 sqid = q->sqid;

	complete(q, status);
	nvme_run_sq(n, sqid);
}

/* ---- submissions ---- */

static bool has_room(const struct nvme_cq *c)
{
	u32 used = c->tail + (c->tail < c->head ? c->size : 0U) - c->head;

	return c->size && used + c->reserved + 1U < c->size;
}

static void fail_controller(struct nvme *n)
{
	n->csts |= CSTS_FAILED;
}

/* The next command of the queue, or NULL: none, or no memory for it. */
static struct nvme_req *fetch(struct nvme *n, unsigned id)
{
	struct nvme_sq *s = &n->sq[id];
	struct nvme_req *q = mem_zalloc(sizeof(*q));

	if (!q)
		return NULL;
	if (pci_dma_read(&n->pci, s->base + 64ULL * s->head, q->cmd, sizeof(q->cmd)) < 0) {
		mem_free(q);
		fail_controller(n);
		return NULL;
	}
	s->head = s->head + 1 == s->size ? 0 : s->head + 1;
	q->n = n;
	q->sqid = (u16)id;
	q->cid = get_le16(q->cmd + 2);
	q->generation = n->generation;
	n->cq[s->cqid].reserved++;
	return q;
}

void nvme_run_sq(struct nvme *n, unsigned id)
{
	struct nvme_sq *s = &n->sq[id];

	while (s->size && s->head != s->tail && !n->stopping && (n->csts & (CSTS_RDY | CSTS_FAILED)) == CSTS_RDY &&
	       has_room(&n->cq[s->cqid])) {
		struct nvme_req *q = fetch(n, id);
		u16 status;

		if (!q)
			return;
		status = id ? nvme_io(q) : nvme_admin(q);
		if (status != NVME_NO_STATUS)
			complete(q, status);
	}
}

/* Waits until no command is in flight; the lock is given up meanwhile. */
void nvme_drain(struct nvme *n)
{
	bool was = n->stopping;
	unsigned i;

	n->stopping = true;
	for (i = 1; i <= NVME_NS_MAX; i++)
		if (n->ns[i])
			blkdev_drain(&n->ns[i]->blk);
	n->stopping = was;
	for (i = 1; i < NVME_QUEUES_MAX && !was; i++)	/* doorbells that rang meanwhile */
		nvme_run_sq(n, i);
}

/* ---- enabling ---- */

static void stop(struct nvme *n)
{
	n->generation++;
	n->csts = 0;
	nvme_drain(n);
	memset(n->sq, 0, sizeof(n->sq));
	memset(n->cq, 0, sizeof(n->cq));
	n->aers = 0;
	n->intms = 0;
	pci_set_irq(&n->pci, 0);
}

static void start(struct nvme *n)
{
	u32 page = nvme_page(n);
	u16 sq_size = (n->aqa & 0xfff) + 1, cq_size = (n->aqa >> 16 & 0xfff) + 1;

	memset(n->features, 0, sizeof(n->features));
	n->features[4] = 343;
	n->features[6] = 1;
	if ((n->cc >> 4 & 7) != 0 || (n->cc >> 7 & 15) > 4 || (n->asq | n->acq) & (page - 1) || sq_size < 2 || cq_size < 2) {
		fail_controller(n);
		return;
	}
	n->sq[0] = (struct nvme_sq){ .size = sq_size, .base = n->asq };
	n->cq[0] = (struct nvme_cq){ .size = cq_size, .base = n->acq, .phase = true, .ien = true };
	n->csts = CSTS_RDY;
}

static void write_cc(struct nvme *n, u32 val)
{
	u32 was = n->cc;
	unsigned i;

	n->cc = val & CC_WRITABLE;
	if ((was & CC_EN) && !(val & CC_EN)) {
		stop(n);
		n->cc = val & CC_WRITABLE;
	} else if (!(was & CC_EN) && (val & CC_EN)) {
		start(n);
	}
	if ((val >> 14 & 3) && !(was >> 14 & 3)) {
		nvme_drain(n);
		for (i = 1; i <= NVME_NS_MAX; i++)
			if (n->ns[i])
				blk_flush(n->ns[i]->blk.node);
		n->csts |= CSTS_SHUT;
	} else if (!(val >> 14 & 3)) {
		n->csts &= ~CSTS_SHUT;
	}
}

/* ---- registers ---- */

static u64 nvme_read(void *opaque, u64 off, unsigned size)
{
	struct nvme *n = opaque;

	(void)size;
	switch (off) {
	case R_CAP:	return CAP_LO;
	case R_CAP + 4:	return CAP_HI;
	case R_VS:	return 0x00010400;
	case R_INTMS:
	case R_INTMC:	return n->intms;
	case R_CC:	return n->cc;
	case R_CSTS:	return n->csts;
	case R_AQA:	return n->aqa;
	case R_ASQ:	return (u32)n->asq;
	case R_ASQ + 4:	return n->asq >> 32;
	case R_ACQ:	return (u32)n->acq;
	case R_ACQ + 4:	return n->acq >> 32;
	default:	return 0;
	}
}

static void ring(struct nvme *n, u64 off, u32 val)
{
	unsigned id = (unsigned)(off / 8), i;

	if (id >= NVME_QUEUES_MAX || !(n->csts & CSTS_RDY) || (off & 3))
		return;
	if (!(off & 4)) {
		if (val < n->sq[id].size) {
			n->sq[id].tail = (u16)val;
			nvme_run_sq(n, id);
		}
		return;
	}
	if (val >= n->cq[id].size)
		return;
	n->cq[id].head = (u16)val;
	nvme_update_intx(n);
	for (i = 0; i < NVME_QUEUES_MAX; i++)	/* places are free again */
		if (n->sq[i].size && n->sq[i].cqid == id)
			nvme_run_sq(n, i);
}

static void nvme_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct nvme *n = opaque;
	bool enabled = n->cc & CC_EN;

	(void)size;
	if (off >= DOORBELLS) {
		ring(n, off - DOORBELLS, (u32)val);
		return;
	}
	switch (off) {
	case R_INTMS:	n->intms |= (u32)val; nvme_update_intx(n); break;
	case R_INTMC:	n->intms &= ~(u32)val; nvme_update_intx(n); break;
	case R_CC:	write_cc(n, (u32)val); break;
	case R_AQA:	n->aqa = enabled ? n->aqa : (u32)val & 0x0fff0fff; break;
	case R_ASQ:	n->asq = enabled ? n->asq : (n->asq & ~0xffffffffULL) | ((u32)val & ~0xfffU); break;
	case R_ASQ + 4:	n->asq = enabled ? n->asq : (u32)n->asq | val << 32; break;
	case R_ACQ:	n->acq = enabled ? n->acq : (n->acq & ~0xffffffffULL) | ((u32)val & ~0xfffU); break;
	case R_ACQ + 4:	n->acq = enabled ? n->acq : (u32)n->acq | val << 32; break;
	}
}

static const struct mem_ops nvme_ops = { .read = nvme_read, .write = nvme_write, .min = 4, .max = 4 };

/* ---- life ---- */

static void nvme_reset(struct device *dev)
{
	struct nvme *n = (struct nvme *)dev;

	stop(n);
	n->cc = n->aqa = 0;
	n->asq = n->acq = 0;
	pci_reset(&n->pci);
}

static int open_own(struct nvme *n, struct err *err)
{
	if (!n->drive_id)
		return 0;
	n->own.drive_id = n->drive_id;
	n->own.nsid = 1;
	n->own.logical = n->logical;
	return nvme_ns_open(&n->own, n, err);
}

static int nvme_realize(struct device *dev, struct err *err)
{
	struct nvme *n = (struct nvme *)dev;

	if (!n->serial)
		return err_set(err, EINVAL, "serial property not set");
	if (!n->max_queues || n->max_queues >= NVME_QUEUES_MAX)
		return err_set(err, EINVAL, "max_ioqpairs must be between 1 and %u", NVME_QUEUES_MAX - 1);
	if (pci_init(&n->pci, err) < 0)
		return -err->code;
	n->pci.config[PCI_INTERRUPT_PIN] = 1;
	if (n->pci.bus->bridge && n->pci.bus->express)
		pci_add_pcie(&n->pci, 0);
	if (pci_add_msix_bar(&n->pci, n->max_queues + 1, 4, err) < 0 || open_own(n, err) < 0) {
		pci_exit(&n->pci);
		return -err->code;
	}
	mem_region_init_io(&n->mmio, dev, "nvme", BAR_SIZE, &nvme_ops, n);
	pci_add_bar(&n->pci, 0, PCI_BAR_MEM64, &n->mmio);
	device_bus_init(&n->bus, "nvme-bus", dev->id ? dev->id : dev->path, dev);
	return 0;
}

static void nvme_unrealize(struct device *dev)
{
	struct nvme *n = (struct nvme *)dev;

	nvme_ns_close(&n->own);
	n->own.drive_id = NULL;
	pci_exit(&n->pci);
}

static void nvme_set_running(struct device *dev, bool running)
{
	struct nvme *n = (struct nvme *)dev;
	unsigned i;

	device_lock(dev);
	if (!running)
		nvme_drain(n);
	n->stopping = !running;
	for (i = 0; i < NVME_QUEUES_MAX && running; i++)
		nvme_run_sq(n, i);
	device_unlock(dev);
}

static const struct state_field sq_fields[] = {
	STATE(struct nvme_sq, size, U16), STATE(struct nvme_sq, head, U16), STATE(struct nvme_sq, tail, U16),
	STATE(struct nvme_sq, cqid, U16), STATE(struct nvme_sq, base, U64), STATE_END
};

static const struct state_field cq_fields[] = {
	STATE(struct nvme_cq, size, U16), STATE(struct nvme_cq, head, U16), STATE(struct nvme_cq, tail, U16),
	STATE(struct nvme_cq, vector, U16), STATE(struct nvme_cq, phase, BOOL), STATE(struct nvme_cq, ien, BOOL),
	STATE(struct nvme_cq, base, U64), STATE_END
};

static const struct state_field nvme_fields[] = {
	STATE_PCI(struct nvme, pci), STATE(struct nvme, intms, U32), STATE(struct nvme, cc, U32), STATE(struct nvme, csts, U32),
	STATE(struct nvme, aqa, U32), STATE(struct nvme, asq, U64), STATE(struct nvme, acq, U64),
	STATE_SUB_ARRAY(struct nvme, sq, sq_fields), STATE_SUB_ARRAY(struct nvme, cq, cq_fields),
	STATE_ARRAY(struct nvme, features, U32), STATE_ARRAY(struct nvme, aer_cid, U16), STATE(struct nvme, aers, U32),
	STATE(struct nvme, reads, U64), STATE(struct nvme, writes, U64), STATE(struct nvme, read_blocks, U64),
	STATE(struct nvme, written_blocks, U64),
	STATE_END
};

static int nvme_post_load(void *dev, u8 version, struct err *err)
{
	struct nvme *n = dev;
	unsigned i;

	(void)version;
	for (i = 0; i < NVME_QUEUES_MAX; i++) {
		const struct nvme_sq *s = &n->sq[i];
		const struct nvme_cq *c = &n->cq[i];

		if ((s->size && (s->head >= s->size || s->tail >= s->size || s->cqid >= NVME_QUEUES_MAX || !n->cq[s->cqid].size)) ||
		    (c->size && (c->head >= c->size || c->tail >= c->size)) || (i > n->max_queues && (s->size || c->size)))
			return err_set(err, EINVAL, "queue %u: out of range", i);
		n->cq[i].reserved = 0;
	}
	if (n->aers > NVME_AERS_MAX || (n->cc >> 7 & 15) > 4)
		return err_set(err, EINVAL, "configuration out of range");
	return pci_post_load(&n->pci, err);
}

static const struct state_table nvme_state = { .version = 1, .fields = nvme_fields, .post_load = nvme_post_load };

static const struct prop nvme_props[] = {
	PROP(struct nvme, drive_id, "drive", DRIVE, 0, "drive or block node: namespace 1; more by nvme-ns"),
	PROP(struct nvme, serial, "serial", STR, 0, "serial number"),
	PROP(struct nvme, max_queues, "max_ioqpairs", U32, 64, "I/O queue pairs"),
	PROP(struct nvme, logical, "logical_block_size", U32, 512, "of drive="),
	PROP_END
};

static const struct pci_ops nvme_pci_ops = {
	.vendor = 0x1b36, .device = 0x0010, .revision = 2, .class_code = 0x010802, .express = true,
};

static const struct device_class nvme_class = {
	.name = "nvme", .desc = "NVMe controller", .bus = "PCI", .category = "Storage", .size = sizeof(struct nvme),
	.locking = LOCK_DEVICE, .props = nvme_props, .bus_props = pci_props, .type_ops = &nvme_pci_ops,
	.realize = nvme_realize, .unrealize = nvme_unrealize, .reset = nvme_reset, .set_running = nvme_set_running,
	.state = &nvme_state,
};
REGISTER(device, nvme_class);
