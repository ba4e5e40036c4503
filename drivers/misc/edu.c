// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Educational PCI device (QEMU's docs/specs/edu): identification, an
 * inverter, a factorial, interrupts and a DMA engine with 4 KiB of its own.
 */
#include <string.h>
#include "dev/pci.h"

#define REG_ID		0x00
#define  ID_VALUE	0x010000edU
#define REG_LIVE	0x04
#define REG_FACT	0x08
#define REG_STATUS	0x20
#define  STATUS_IRQ	0x80
#define REG_IRQ_STATUS	0x24
#define REG_IRQ_RAISE	0x60
#define REG_IRQ_ACK	0x64
#define REG_DMA_SRC	0x80
#define REG_DMA_DST	0x88
#define REG_DMA_COUNT	0x90
#define REG_DMA_CMD	0x98
#define  DMA_RUN	1
#define  DMA_TO_RAM	2
#define  DMA_IRQ	4
#define IRQ_FACT	0x00000001
#define IRQ_DMA		0x00000100

#define BAR_SIZE	0x100000
#define BUF_ADDR	0x40000ULL
#define BUF_SIZE	4096ULL
#define DMA_DELAY_NS	100000000ULL
#define FACT_ZERO	34	/* n! is 0 modulo 2^32 from here on */

struct edu {
	struct pci_dev pci;
	u64 dma_mask;		/* property */
	u32 live, fact, status, irq_status;
	u64 src, dst, count, cmd;
	u8  buf[BUF_SIZE];
	struct clock_timer dma;
	struct mem_region mmio;
};

static void raise(struct edu *e, u32 bits)
{
	e->irq_status |= bits;
	if (e->irq_status)
		pci_irq_or_msi(&e->pci, 0, 1);
}

static void lower(struct edu *e, u32 bits)
{
	e->irq_status &= ~bits;
	if (!e->irq_status && !pci_msi_enabled(&e->pci))
		pci_set_irq(&e->pci, 0);
}

static void compute(struct edu *e, u32 n)
{
	u32 f = n >= FACT_ZERO ? 0 : 1;

	for (; f && n; n--)
		f *= n;
	e->fact = f;
	if (e->status & STATUS_IRQ)
		raise(e, IRQ_FACT);
}

/* Where [addr, addr + count) lies in the buffer, or NULL. */
static u8 *in_buffer(struct edu *e, u64 addr)
{
	u64 off = addr - BUF_ADDR;

	return addr >= BUF_ADDR && e->count <= BUF_SIZE && off <= BUF_SIZE - e->count ? e->buf + off : NULL;
}

static void on_dma(void *opaque)
{
	struct edu *e = opaque;
	bool to_ram = e->cmd & DMA_TO_RAM;
	u8 *buf = in_buffer(e, to_ram ? e->src : e->dst);

	if (buf && to_ram)
		pci_dma_write(&e->pci, e->dst & e->dma_mask, buf, e->count);
	else if (buf)
		pci_dma_read(&e->pci, e->src & e->dma_mask, buf, e->count);
	e->cmd &= ~(u64)DMA_RUN;
	if (e->cmd & DMA_IRQ)
		raise(e, IRQ_DMA);
}

static u64 edu_read(void *opaque, u64 off, unsigned size)
{
	struct edu *e = opaque;

	(void)size;
	switch (off) {
	case REG_ID:		return ID_VALUE;
	case REG_LIVE:		return e->live;
	case REG_FACT:		return e->fact;
	case REG_STATUS:	return e->status;
	case REG_IRQ_STATUS:	return e->irq_status;
	case REG_DMA_SRC:	return e->src;
	case REG_DMA_DST:	return e->dst;
	case REG_DMA_COUNT:	return e->count;
	case REG_DMA_CMD:	return e->cmd;
	default:		return ~0ULL;
	}
}

/* The engine's registers stand while it runs. */
static void dma_write_reg(struct edu *e, u64 *reg, u64 val)
{
	if (!(e->cmd & DMA_RUN))
		*reg = val;
}

static void edu_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct edu *e = opaque;

	(void)size;
	switch (off) {
	case REG_LIVE:		e->live = ~(u32)val; break;
	case REG_FACT:		compute(e, (u32)val); break;
	case REG_STATUS:	e->status = val & STATUS_IRQ; break;
	case REG_IRQ_RAISE:	raise(e, (u32)val); break;
	case REG_IRQ_ACK:	lower(e, (u32)val); break;
	case REG_DMA_SRC:	dma_write_reg(e, &e->src, val); break;
	case REG_DMA_DST:	dma_write_reg(e, &e->dst, val); break;
	case REG_DMA_COUNT:	dma_write_reg(e, &e->count, val); break;
	case REG_DMA_CMD:
		if (!(val & DMA_RUN) || (e->cmd & DMA_RUN))
			break;
		e->cmd = val & (DMA_RUN | DMA_TO_RAM | DMA_IRQ);
		clock_timer_arm(&e->dma, clock_ns(e->pci.dev.machine->clock) + DMA_DELAY_NS);
		break;
	}
}

/* Below 0x80 dwords only, above also quadwords. */
static const struct mem_ops edu_ops = { .read = edu_read, .write = edu_write, .min = 4, .max = 8, .valid_min = 4 };

static void edu_reset(struct device *dev)
{
	struct edu *e = (struct edu *)dev;

	clock_timer_del(&e->dma);
	e->live = e->fact = e->status = e->irq_status = 0;
	e->src = e->dst = e->count = e->cmd = 0;
	memset(e->buf, 0, sizeof(e->buf));
	pci_reset(&e->pci);
}

static int edu_realize(struct device *dev, struct err *err)
{
	struct edu *e = (struct edu *)dev;
	int ret = pci_init(&e->pci, err);

	if (ret < 0)
		return ret;
	e->pci.config[PCI_INTERRUPT_PIN] = 1;
	ret = pci_add_msi(&e->pci, 1, false, err);
	if (ret < 0) {
		pci_exit(&e->pci);
		return ret;
	}
	clock_timer_init(&e->dma, dev->machine->clock, dev, "edu-dma", on_dma, e);
	mem_region_init_io(&e->mmio, dev, "edu-mmio", BAR_SIZE, &edu_ops, e);
	pci_add_bar(&e->pci, 0, 0, &e->mmio);
	return 0;
}

static void edu_unrealize(struct device *dev)
{
	clock_timer_del(&((struct edu *)dev)->dma);
	pci_exit(to_pci_dev(dev));
}

static const struct state_field edu_fields[] = {
	STATE_PCI(struct edu, pci),
	STATE(struct edu, live, U32), STATE(struct edu, fact, U32), STATE(struct edu, status, U32),
	STATE(struct edu, irq_status, U32), STATE(struct edu, src, U64), STATE(struct edu, dst, U64),
	STATE(struct edu, count, U64), STATE(struct edu, cmd, U64), STATE_ARRAY(struct edu, buf, U8),
	STATE(struct edu, dma, TIMER),
	STATE_END
};

static int edu_post_load(void *dev, u8 version, struct err *err)
{
	(void)version;
	return pci_post_load(dev, err);
}

static const struct state_table edu_state = { .version = 1, .fields = edu_fields, .post_load = edu_post_load };

static const struct prop edu_props[] = {
	PROP(struct edu, dma_mask, "dma_mask", U64, (1ULL << 28) - 1, "addresses that its DMA reaches"),
	PROP_END
};

static const struct pci_ops edu_pci_ops = { .vendor = 0x1234, .device = 0x11e8, .revision = 0x10, .class_code = 0x00ff00 };

static const struct device_class edu_class = {
	.name = "edu", .desc = "educational PCI device", .bus = "PCI", .category = "Misc",
	.size = sizeof(struct edu), .locking = LOCK_DEVICE, .props = edu_props, .bus_props = pci_props, .type_ops = &edu_pci_ops,
	.realize = edu_realize, .unrealize = edu_unrealize, .reset = edu_reset, .state = &edu_state,
};
REGISTER(device, edu_class);
