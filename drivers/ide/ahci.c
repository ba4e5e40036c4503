// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ich9-ahci: the SATA controller of the board (AHCI 1.3.1). Six ports with
 * 32 command slots each; queued commands run side by side, others one after another.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "ide.h"
#include "mem.h"

#define PORTS		6
#define SLOTS		32
#define BAR_SIZE	0x1000
#define IDP_SIZE	32
#define IDP_INDEX	0x10
#define IDP_DATA	0x14

/* Generic host control (section 3.1). */
#define HOST_CAP	0x00
#define HOST_GHC	0x04
#define  GHC_RESET	0x00000001U
#define  GHC_IE		0x00000002U
#define  GHC_AE		0x80000000U
#define HOST_IS		0x08
#define HOST_PI		0x0c
#define HOST_VS		0x10
#define CAP_VALUE	(0x80000000U | 0x40000000U | 0x40000U | 3U << 20 | (SLOTS - 1) << 8 | (PORTS - 1))
#define VERSION		0x00010301U

/* Ports (3.3). */
#define P_CLB		0x00
#define P_CLBU		0x04
#define P_FB		0x08
#define P_FBU		0x0c
#define P_IS		0x10
#define  IS_DHR		0x00000001U
#define  IS_PS		0x00000002U
#define  IS_SDB		0x00000008U
#define  IS_HBF		0x20000000U	/* host bus fatal */
#define  IS_TFE		0x40000000U
#define P_IE		0x14
#define P_CMD		0x18
#define  CMD_ST		0x00000001U
#define  CMD_CLO	0x00000008U
#define  CMD_FRE	0x00000010U
#define  CMD_FR		0x00004000U
#define  CMD_CR		0x00008000U
#define  CMD_ATAPI	0x01000000U
#define  CMD_WRITABLE	(CMD_ST | 6U | CMD_FRE | CMD_ATAPI | 0x0e000000U)
#define P_TFD		0x20
#define P_SIG		0x24
#define P_SSTS		0x28
#define P_SCTL		0x2c
#define P_SERR		0x30
#define P_SACT		0x34
#define P_CI		0x38

#define FIS_H2D		0x27
#define FIS_D2H		0x34
#define FIS_PIO		0x5f
#define FIS_SDB		0xa1

struct ahci;

struct port {
	struct ahci *h;
	struct device_bus bus;		/* type "IDE", "ide.N" */
	struct ide_dev *d;
	u32 nr;
	u32 clb, clbu, fb, fbu, is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
	bool srst;			/* software reset bit of the last control FIS */
	bool sig_pending;		/* the first FIS waits for FRE */
	/* Not saved: nothing is in flight then. */
	u32 started;			/* slots handed to the device */
	unsigned queued, plain;		/* commands in flight by kind */
	u32 generation;			/* changes when the port forgets its commands */
};

struct ahci {
	struct pci_dev pci;
	u32 ghc, is, idp;
	struct port ports[PORTS];
	struct mem_region mmio, io;
	u8  sata_cap;
};

static void run_slots(struct port *p);

/* ---- interrupts ---- */

static void update_irq(struct ahci *h, bool news)
{
	bool level = (h->ghc & GHC_IE) && h->is;

	if (pci_msi_enabled(&h->pci)) {
		if (level && news)
			pci_msi_notify(&h->pci, 0);
	} else {
		pci_set_irq(&h->pci, level);
	}
}

static void raise(struct port *p, u32 bits)
{
	p->is |= bits;
	if (!(p->is & p->ie))
		return;
	p->h->is |= 1U << p->nr;
	update_irq(p->h, true);
}

/* ---- frames to the guest ---- */

static void post(struct port *p, u32 off, const u8 *fis, size_t len)
{
	if (p->cmd & CMD_FRE)
		pci_dma_write(&p->h->pci, (p->fb | (u64)p->fbu << 32) + off, fis, len);
}

static void fill_regs(u8 *fis, const struct ata_regs *r)
{
	fis[2] = r->status;
	fis[3] = r->error;
	fis[4] = (u8)r->lba;
	fis[5] = (u8)(r->lba >> 8);
	fis[6] = (u8)(r->lba >> 16);
	fis[7] = r->device;
	fis[8] = (u8)(r->lba >> 24);
	fis[9] = (u8)(r->lba >> 32);
	fis[10] = (u8)(r->lba >> 40);
	put_le16(fis + 12, r->count);
}

static void set_tfd(struct port *p, const struct ata_regs *r)
{
	p->tfd = r->status | (u32)r->error << 8;
}

static void post_d2h(struct port *p, const struct ata_regs *r, bool irq)
{
	u8 fis[20] = { FIS_D2H, irq ? 0x40 : 0 };

	fill_regs(fis, r);
	post(p, 0x40, fis, sizeof(fis));
	set_tfd(p, r);
	if (irq)
		raise(p, IS_DHR | (r->status & ATA_ERR ? IS_TFE : 0));
}

static void post_pio(struct port *p, const struct ata_regs *r, u64 bytes, bool irq)
{
	u8 fis[20] = { FIS_PIO, (u8)(0x20 | (irq ? 0x40 : 0)) };

	fill_regs(fis, r);
	fis[15] = r->status;
	put_le16(fis + 16, (u16)MIN(bytes, 0xfffeULL));
	post(p, 0x20, fis, sizeof(fis));
	set_tfd(p, r);
	if (irq)
		raise(p, IS_PS);
}

static void post_sdb(struct port *p, const struct ata_regs *r, u32 tags)
{
	u8 fis[8] = { FIS_SDB, 0x40, r->status & 0x77, r->error };

	put_le32(fis + 4, tags);
	post(p, 0x58, fis, sizeof(fis));
	set_tfd(p, r);
	p->sact &= ~tags;
	raise(p, IS_SDB | (r->status & ATA_ERR ? IS_TFE : 0));
}

/* ---- commands ---- */

static u64 slot_header(const struct port *p, unsigned slot)
{
	return (p->clb | (u64)p->clbu << 32) + 32ULL * slot;
}

/* The PRD table, as far as `bytes` of data need it. */
static int map_prdt(struct ata_cmd *c, u64 bytes, bool to_guest)
{
	struct port *p = c->port;
	struct pci_dev *pci = &p->h->pci;
	u8 head[32], prd[16];
	u64 table;
	u32 i, n;
	int ret;

	sg_free(&c->sg);
	sg_init(&c->sg, to_guest);
	if (pci_dma_read(pci, slot_header(p, c->slot), head, sizeof(head)) < 0)
		return -EFAULT;
	table = get_le64(head + 8) & ~0x7fULL;
	n = get_le16(head + 2);
	for (i = 0; i < n && c->sg.len < bytes; i++) {
		if (pci_dma_read(pci, table + 0x80 + 16ULL * i, prd, sizeof(prd)) < 0)
			return -EFAULT;
		ret = sg_add(&c->sg, pci, get_le64(prd), (get_le32(prd + 12) & 0x3fffff) + 1);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void tell_end(struct ata_cmd *c)
{
	struct port *p = c->port;
	u8 raw[4];

	put_le32(raw, (u32)c->done_bytes);
	pci_dma_write(&p->h->pci, slot_header(p, c->slot) + 4, raw, 4);
	sg_written(&c->sg, &p->h->pci, c->done_bytes);
	if (c->protocol == ATA_NCQ) {
		if (c->r.status & ATA_ERR) {
			u8 *log = c->d->ncq_error;

			memset(log, 0, sizeof(c->d->ncq_error));
			log[0] = c->tag;
			fill_regs(log, &c->r);
		}
		post_sdb(p, &c->r, 1U << c->tag);
		return;
	}
	p->ci &= ~(1U << c->slot);
	if (c->protocol == ATA_PIO_IN && !(c->r.status & ATA_ERR)) {
		post_pio(p, &c->r, c->done_bytes, true);
	} else {
		if (c->protocol == ATA_PACKET && c->done_bytes && !(c->r.feature & 1))
			post_pio(p, &c->r, c->done_bytes, false);
		post_d2h(p, &c->r, true);
	}
}

static void on_complete(struct ata_cmd *c)
{
	struct port *p = c->port;
	bool current = c->generation == p->generation;

	if (current) {
		if (c->protocol == ATA_NCQ)
			p->queued--;
		else
			p->plain--;
		p->started &= ~(1U << c->slot);
		tell_end(c);
	}
	sg_free(&c->sg);
	mem_free(c);
	if (current)
		run_slots(p);
}

/* Bytes of a register FIS to registers (SATA 3.0 section 10.5.5). */
static void read_fis(const u8 *f, struct ata_regs *r)
{
	*r = (struct ata_regs){ .command = f[2], .device = f[7], .control = f[15],
				.feature = (u16)(f[3] | f[11] << 8), .count = get_le16(f + 12) };
	r->lba = f[4] | (u64)f[5] << 8 | (u64)f[6] << 16 | (u64)f[8] << 24 | (u64)f[9] << 32 | (u64)f[10] << 40;
}

static void send_signature(struct port *p, bool irq)
{
	struct ata_regs r;

	ata_signature(p->d, &r);
	p->sig = (u32)r.count | (u32)r.lba << 8;
	post_d2h(p, &r, irq);
}

/* A FIS that sets the control register: only the reset bit means something. */
static void control(struct port *p, unsigned slot, const u8 *fis)
{
	bool srst = fis[15] & 4;

	if (p->srst && !srst)
		send_signature(p, false);
	p->srst = srst;
	p->ci &= ~(1U << slot);
}

/* The command of a slot could not even be read. */
static void bus_error(struct port *p, unsigned slot)
{
	p->ci &= ~(1U << slot);
	p->started &= ~(1U << slot);
	p->tfd = ATA_READY | ATA_ERR | ATA_ABORT << 8;
	raise(p, IS_HBF);
}

/* Takes the command into c; false: there is none to start (control, error). */
static bool fetch(struct port *p, unsigned slot, struct ata_cmd *c)
{
	struct pci_dev *pci = &p->h->pci;
	u8 head[32], fis[80];
	u64 table;

	if (pci_dma_read(pci, slot_header(p, slot), head, sizeof(head)) < 0)
		goto bad;
	table = get_le64(head + 8) & ~0x7fULL;
	if (pci_dma_read(pci, table, fis, sizeof(fis)) < 0 || fis[0] != FIS_H2D)
		goto bad;
	if (!(fis[1] & 0x80)) {
		p->started &= ~(1U << slot);
		control(p, slot, fis);
		return false;
	}
	read_fis(fis, &c->r);
	memcpy(c->packet, fis + 0x40, 16);
	return true;
bad:
	bus_error(p, slot);
	return false;
}

static bool is_queued(u8 command)
{
	return command == 0x60 || command == 0x61;
}

/* False: must wait for those in flight; the slot is not touched then. */
static bool start_slot(struct port *p, unsigned slot)
{
	struct ata_cmd *c = mem_zalloc(sizeof(*c));
	bool queued;

	p->started |= 1U << slot;
	if (!c) {
		bus_error(p, slot);
		return true;
	}
	if (!fetch(p, slot, c)) {
		mem_free(c);
		return true;
	}
	queued = !p->d->cd && is_queued(c->r.command);
	if (p->plain || (!queued && p->queued)) {
		p->started &= ~(1U << slot);
		mem_free(c);
		return false;
	}
	c->d = p->d;
	c->map = map_prdt;
	c->complete = on_complete;
	c->port = p;
	c->slot = slot;
	c->tag = (u8)slot;
	c->generation = p->generation;
	if (queued) {
		p->queued++;
		p->ci &= ~(1U << slot);	/* the device has taken it */
		c->protocol = ATA_NCQ;
	} else {
		p->plain++;
		p->tfd |= ATA_BUSY;
	}
	ata_start(c);
	return true;
}

static void run_slots(struct port *p)
{
	unsigned slot;
	u32 ready;

	for (slot = 0; slot < SLOTS; slot++) {
		ready = p->ci & ~p->started;
		if (!ready || !(p->cmd & CMD_ST) || !p->d || p->plain || (p->is & (IS_TFE | IS_HBF)))
			return;
		if ((ready >> slot & 1) && !start_slot(p, slot))
			return;
	}
}

/* ---- resets ---- */

/* Forgets the commands; waits until none touches guest memory any more. */
static void forget(struct port *p)
{
	p->generation++;
	p->started = 0;
	p->queued = p->plain = 0;
	p->ci = p->sact = 0;
	if (p->d)
		blkdev_drain(&p->d->lun.blk);
}

static void link_up(struct port *p)
{
	struct ata_regs r;

	p->tfd = 0x7f;
	p->sig = 0xffffffff;
	p->ssts = 0;
	if (!p->d)
		return;
	p->ssts = 0x123;		/* device, 3 Gbit/s, active */
	ata_signature(p->d, &r);
	set_tfd(p, &r);
	p->sig = (u32)r.count | (u32)r.lba << 8;
	p->sig_pending = true;
	if (p->cmd & CMD_FRE) {
		p->sig_pending = false;
		send_signature(p, true);
	}
}

static void port_reset(struct port *p)
{
	forget(p);
	p->serr = 0;
	p->srst = false;
	if (p->d)
		memset(p->d->ncq_error, 0, sizeof(p->d->ncq_error));
	link_up(p);
}

static void hba_reset(struct ahci *h)
{
	unsigned i;

	h->ghc = GHC_AE;
	h->is = 0;
	for (i = 0; i < PORTS; i++) {
		struct port *p = &h->ports[i];

		p->is = p->ie = p->sctl = 0;
		p->cmd = 6 | (p->d && p->d->cd ? CMD_ATAPI : 0);
		port_reset(p);
	}
	update_irq(h, false);
}

/* ---- registers ---- */

static u32 *port_reg(struct port *p, u32 off)
{
	u32 *const regs[] = { &p->clb, &p->clbu, &p->fb, &p->fbu, &p->is, &p->ie, &p->cmd, NULL, &p->tfd, &p->sig, &p->ssts,
			      &p->sctl, &p->serr, &p->sact, &p->ci };

	return off / 4 < ARRAY_SIZE(regs) ? regs[off / 4] : NULL;
}

static u32 host_read(struct ahci *h, u32 off)
{
	switch (off) {
	case HOST_CAP:	return CAP_VALUE;
	case HOST_GHC:	return h->ghc;
	case HOST_IS:	return h->is;
	case HOST_PI:	return (1U << PORTS) - 1;
	case HOST_VS:	return VERSION;
	default:	return 0;
	}
}

static u64 ahci_read(void *opaque, u64 off, unsigned size)
{
	struct ahci *h = opaque;
	u32 *reg;

	(void)size;
	if (off < 0x100)
		return host_read(h, (u32)off);
	if (off >= 0x100 + 0x80 * PORTS)
		return 0;
	reg = port_reg(&h->ports[(off - 0x100) / 0x80], (u32)off & 0x7f);
	return reg ? *reg : 0;
}

static void write_cmd(struct port *p, u32 val)
{
	u32 was = p->cmd;

	if ((val & CMD_CLO) && !(was & CMD_ST))
		p->tfd &= ~(u32)(ATA_BUSY | ATA_DRQ);
	p->cmd = (val & CMD_WRITABLE) | (was & CMD_CR) | (val & CMD_FRE ? CMD_FR : 0);
	if ((was & CMD_ST) && !(val & CMD_ST)) {
		forget(p);
		p->cmd &= ~CMD_CR;
		p->tfd &= ~(u32)ATA_BUSY;
	} else if (val & CMD_ST) {
		p->cmd |= CMD_CR;
	}
	if ((p->cmd & CMD_FRE) && p->sig_pending) {
		p->sig_pending = false;
		send_signature(p, false);
	}
	run_slots(p);
}

static void port_write(struct port *p, u32 off, u32 val)
{
	switch (off) {
	case P_CLB:	p->clb = val & ~0x3ffU; break;
	case P_CLBU:	p->clbu = val; break;
	case P_FB:	p->fb = val & ~0xffU; break;
	case P_FBU:	p->fbu = val; break;
	case P_IS:
		p->is &= ~val;
		break;
	case P_IE:
		p->ie = val & 0xfdc000ff;
		raise(p, 0);
		break;
	case P_CMD:
		write_cmd(p, val);
		break;
	case P_SCTL:
		if ((p->sctl & 15) == 1 && (val & 15) == 0)
			port_reset(p);
		else if ((val & 15) == 1)
			p->ssts = 0;
		p->sctl = val & 0xfff;
		break;
	case P_SERR:
		p->serr &= ~val;
		break;
	case P_SACT:
		if (p->cmd & CMD_ST)
			p->sact |= val;
		break;
	case P_CI:
		if (p->cmd & CMD_ST) {
			p->ci |= val;
			run_slots(p);
		}
		break;
	}
}

static void host_write(struct ahci *h, u32 off, u32 val)
{
	unsigned i;

	switch (off) {
	case HOST_GHC:
		if (val & GHC_RESET) {
			hba_reset(h);
			break;
		}
		h->ghc = (val & GHC_IE) | GHC_AE;
		update_irq(h, true);
		break;
	case HOST_IS:
		h->is &= ~val;
		for (i = 0; i < PORTS; i++)
			if (h->ports[i].is & h->ports[i].ie)
				h->is |= 1U << i;
		update_irq(h, true);
		break;
	}
}

static void ahci_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct ahci *h = opaque;

	(void)size;
	if (off < 0x100)
		host_write(h, (u32)off, (u32)val);
	else if (off < 0x100 + 0x80 * PORTS)
		port_write(&h->ports[(off - 0x100) / 0x80], (u32)off & 0x7f, (u32)val);
}

static const struct mem_ops mmio_ops = { .read = ahci_read, .write = ahci_write, .min = 4, .max = 4 };

/* Index and data pair in I/O space (AHCI 1.3.1 section 2.4). */
static u64 idp_read(void *opaque, u64 off, unsigned size)
{
	struct ahci *h = opaque;

	if (off == IDP_INDEX)
		return h->idp;
	return off == IDP_DATA ? ahci_read(h, h->idp, size) : 0;
}

static void idp_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct ahci *h = opaque;

	if (off == IDP_INDEX)
		h->idp = (u32)val & (BAR_SIZE - 4);
	else if (off == IDP_DATA)
		ahci_write(h, h->idp, val, size);
}

static const struct mem_ops idp_ops = { .read = idp_read, .write = idp_write, .min = 4, .max = 4 };

/* ---- life ---- */

struct device *ahci_of(struct device_bus *bus)
{
	return &container_of(bus, struct port, bus)->h->pci.dev;
}

unsigned ahci_port_number(struct device_bus *bus)
{
	struct port *p = container_of(bus, struct port, bus);

	return p->nr + (p->h->pci.dev.by_user ? 8 * (unsigned)p->h->pci.devfn : 0);
}

void ahci_attach(struct device_bus *bus, struct ide_dev *d)
{
	struct port *p = container_of(bus, struct port, bus);

	device_lock(&p->h->pci.dev);
	if (!d)
		forget(p);
	p->d = d;
	p->cmd = (p->cmd & ~CMD_ATAPI) | (d && d->cd ? CMD_ATAPI : 0);
	link_up(p);
	device_unlock(&p->h->pci.dev);
}

static void ahci_reset(struct device *dev)
{
	struct ahci *h = (struct ahci *)dev;
	unsigned i;

	hba_reset(h);
	h->idp = 0;
	for (i = 0; i < PORTS; i++) {
		struct port *p = &h->ports[i];

		p->clb = p->clbu = p->fb = p->fbu = 0;
		if (p->d)
			scsi_lun_reset(&p->d->lun, false);
	}
	pci_reset(&h->pci);
}

/* "ide.0" to "ide.5" for the board's own; others carry their device's name. */
static void init_ports(struct ahci *h)
{
	struct device *dev = &h->pci.dev;
	char name[48];
	unsigned i;

	for (i = 0; i < PORTS; i++) {
		struct port *p = &h->ports[i];

		p->h = h;
		p->nr = i;
		if (dev->by_user)
			snprintf(name, sizeof(name), "%.40s.%u", dev->id ? dev->id : dev->path, i);
		else
			snprintf(name, sizeof(name), "ide.%u", i);
		device_bus_init(&p->bus, "IDE", name, dev);
		p->bus.max = 1;
	}
}

/* Serial ATA capability: where the index and data pair is. */
static int add_sata_cap(struct ahci *h, struct err *err)
{
	u8 *c;

	h->sata_cap = pci_add_cap(&h->pci, PCI_CAP_ID_SATA, 8);
	if (!h->sata_cap)
		return err_set(err, ENOSPC, "no room for the SATA capability");
	c = h->pci.config + h->sata_cap;
	put_le16(c + 2, 0x0010);
	put_le32(c + 4, IDP_INDEX / 4 << 4 | 8);	/* BAR 4 */
	return 0;
}

static int ahci_realize(struct device *dev, struct err *err)
{
	struct ahci *h = (struct ahci *)dev;

	if (pci_init(&h->pci, err) < 0)
		return -err->code;
	h->pci.config[PCI_INTERRUPT_PIN] = 1;
	h->pci.config[0x90] = 0x40;		/* address map: AHCI mode */
	if (add_sata_cap(h, err) < 0 || pci_add_msi(&h->pci, 1, false, err) < 0) {
		pci_exit(&h->pci);
		return -err->code;
	}
	mem_region_init_io(&h->io, dev, "ahci-idp", IDP_SIZE, &idp_ops, h);
	mem_region_init_io(&h->mmio, dev, "ahci", BAR_SIZE, &mmio_ops, h);
	pci_add_bar(&h->pci, 4, PCI_BAR_IO, &h->io);
	pci_add_bar(&h->pci, 5, 0, &h->mmio);
	init_ports(h);
	hba_reset(h);
	return 0;
}

static void ahci_unrealize(struct device *dev)
{
	pci_exit(to_pci_dev(dev));
}

static void ahci_set_running(struct device *dev, bool running)
{
	struct ahci *h = (struct ahci *)dev;
	unsigned i;

	device_lock(dev);
	for (i = 0; i < PORTS && !running; i++)
		if (h->ports[i].d)
			blkdev_drain(&h->ports[i].d->lun.blk);
	device_unlock(dev);
}

static const struct state_field port_fields[] = {
	STATE(struct port, clb, U32), STATE(struct port, clbu, U32), STATE(struct port, fb, U32), STATE(struct port, fbu, U32),
	STATE(struct port, is, U32), STATE(struct port, ie, U32), STATE(struct port, cmd, U32), STATE(struct port, tfd, U32),
	STATE(struct port, sig, U32), STATE(struct port, ssts, U32), STATE(struct port, sctl, U32), STATE(struct port, serr, U32),
	STATE(struct port, sact, U32), STATE(struct port, ci, U32), STATE(struct port, srst, BOOL),
	STATE(struct port, sig_pending, BOOL),
	STATE_END
};

static const struct state_field ahci_fields[] = {
	STATE_PCI(struct ahci, pci), STATE(struct ahci, ghc, U32), STATE(struct ahci, is, U32), STATE(struct ahci, idp, U32),
	STATE_SUB_ARRAY(struct ahci, ports, port_fields),
	STATE_END
};

static int ahci_post_load(void *dev, u8 version, struct err *err)
{
	struct ahci *h = dev;
	unsigned i;

	(void)version;
	if (pci_post_load(&h->pci, err) < 0)
		return -err->code;
	h->idp &= BAR_SIZE - 4;
	for (i = 0; i < PORTS; i++)
		run_slots(&h->ports[i]);
	return 0;
}

static const struct state_table ahci_state = { .version = 1, .fields = ahci_fields, .post_load = ahci_post_load };

static const struct pci_ops ahci_pci_ops = {
	.vendor = 0x8086, .device = 0x2922, .revision = 2, .class_code = 0x010601,
};

static const struct device_class ahci_class = {
	.name = "ich9-ahci", .alias = "ahci", .desc = "SATA controller", .bus = "PCI", .category = "Storage",
	.size = sizeof(struct ahci), .locking = LOCK_DEVICE, .bus_props = pci_props, .type_ops = &ahci_pci_ops,
	.realize = ahci_realize, .unrealize = ahci_unrealize, .reset = ahci_reset, .set_running = ahci_set_running,
	.state = &ahci_state,
};
REGISTER(device, ahci_class);
