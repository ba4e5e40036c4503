// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ICH9 LPC bridge, device 31 function 0 (Intel ICH9 data sheet 316972,
 * chapters 5.13 and 13): PIRQ routing, ACPI power management block, APM ports
 * 0xb2/0xb3, reset control 0xcf9, and the bus of the ISA devices. ACPI
 * registers: ACPI specification 6.4, section 4.8. System management mode is
 * not offered: SMI_EN shows APMC as already enabled, so that firmware leaves
 * it alone, and port 0xb2 switches ACPI mode directly.
 */
#include <errno.h>
#include "bytes.h"
#include "dev/isa.h"
#include "dev/q35.h"
#include "pm.h"

#define LPC_PMBASE		0x40
#define LPC_ACPI_CTRL		0x44
#define  ACPI_CTRL_ENABLE	0x80
#define  ACPI_CTRL_SCI		0x07
#define LPC_PIRQA		0x60
#define LPC_PIRQE		0x68
#define  PIRQ_DISABLED		0x80
#define LPC_LPC_IF		0x80
#define LPC_RCBA		0xf0
#define  RCBA_ENABLE		1

#define PM_IO_SIZE		128
#define SMI_EN			0x30
#define  SMI_EN_APMC		0x20
#define SMI_STS			0x34
#define TCO			0x60

#define RST_SYSTEM		0x02
#define RST_CPU			0x04

#define RCBA_SIZE		0x4000
#define RCBA_GCS		0x3410

struct ich9_lpc {
	struct pci_dev pci;
	u8  disable_s3, disable_s4;	/* there is neither */
	struct device_bus isa;
	/* ACPI */
	struct acpi_pm pm;
	u32 smi_en, smi_sts;
	u8  tco[32];
	u8  apm_cnt, apm_sts;
	u8  reset_control;
	bool sci_level;
	u8  pirq_level;			/* bit per PIRQ A-H */
	u16 rcba_route[32];		/* DnIR by slot */
	struct mem_region pm_region, rcba_region;
	struct mem_map pm_map, rcba_map;
	struct isa_io apm, rst;
	const struct irq *gsi[24];
	u32 pic_driven;			/* ISA lines we hold high */
};

/* ---- interrupt routing ---- */

static u8 pirq_reg(const struct ich9_lpc *s, int pirq)
{
	return s->pci.config[pirq < 4 ? LPC_PIRQA + pirq : LPC_PIRQE + pirq - 4];
}

static unsigned sci_line(const struct ich9_lpc *s)
{
	static const u8 line[] = { 9, 10, 11, 9, 20, 21, 9, 9 };

	return line[s->pci.config[LPC_ACPI_CTRL] & ACPI_CTRL_SCI];
}

/* PIC lines are shared: a line is high while any PIRQ routed to it, or the SCI, is. */
static void update_lines(struct ich9_lpc *s)
{
	u32 want = 0, changed;
	int i;

	for (i = 0; i < 8; i++) {
		u8 reg = pirq_reg(s, i);

		if ((s->pirq_level >> i & 1) && !(reg & PIRQ_DISABLED))
			want |= 1U << (reg & 15);
		if (s->pirq_level >> i & 1)
			want |= 1U << (16 + i);
	}
	if (s->sci_level)
		want |= 1U << sci_line(s);
	changed = want ^ s->pic_driven;
	s->pic_driven = want;
	for (i = 0; i < 24; i++)
		if (changed >> i & 1)
			irq_set(s->gsi[i], want >> i & 1);
}

/*
 * Devices 25-31 have routing registers; of the others, pin n of slot d is
 * PIRQ E + (d + n) mod 4, as the board wires it.
 */
int ich9_lpc_map_irq(void *opaque, int devfn, int pin)
{
	struct ich9_lpc *s = opaque;
	int slot = PCI_SLOT(devfn);

	if (slot < 25 || slot == 30)
		return 4 + ((slot + pin) & 3);
	return s->rcba_route[slot] >> (4 * pin) & 7;
}

/* Under the root bus's irq_lock; our own lock comes after it. */
void ich9_lpc_set_irq(void *opaque, int pirq, int level)
{
	struct ich9_lpc *s = opaque;

	device_lock(&s->pci.dev);
	s->pirq_level = (u8)((s->pirq_level & ~(1 << pirq)) | (level ? 1 << pirq : 0));
	update_lines(s);
	device_unlock(&s->pci.dev);
}

/* ---- ACPI ---- */

static void on_sci(struct device *dev, bool level)
{
	struct ich9_lpc *s = (struct ich9_lpc *)dev;

	s->sci_level = level;
	update_lines(s);
}

static u8 smi_read_byte(const struct ich9_lpc *s, u64 off)
{
	if (off < SMI_STS)
		return (u8)(s->smi_en >> (8 * (off - SMI_EN)));
	if (off < SMI_STS + 4)
		return (u8)(s->smi_sts >> (8 * (off - SMI_STS)));
	return off >= TCO ? s->tco[off - TCO] : 0;
}

static u64 pm_read(void *opaque, u64 off, unsigned size)
{
	struct ich9_lpc *s = opaque;
	u64 v = 0;
	unsigned i;

	if (off < ACPI_PM_END)
		return acpi_pm_read(&s->pm, off, size);
	for (i = 0; i < size && off + i < PM_IO_SIZE; i++)
		v |= (u64)smi_read_byte(s, off + i) << (8 * i);
	return v;
}

static void smi_write_byte(struct ich9_lpc *s, u64 off, u8 val)
{
	unsigned sh = 8 * (unsigned)(off - SMI_EN);

	if (off < SMI_STS)
		s->smi_en = ((s->smi_en & ~(0xffU << sh)) | (u32)val << sh) | SMI_EN_APMC;
	else if (off >= TCO)
		s->tco[off - TCO] = val;
}

static void pm_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct ich9_lpc *s = opaque;
	unsigned i;

	if (off < ACPI_PM_END) {
		acpi_pm_write(&s->pm, off, val, size);
		return;
	}
	for (i = 0; i < size && off + i < PM_IO_SIZE; i++)
		smi_write_byte(s, off + i, (u8)(val >> (8 * i)));
}

static const struct mem_ops pm_ops = { .read = pm_read, .write = pm_write, .max = 4, .unaligned = true };

static u64 apm_read(void *opaque, u64 off, unsigned size)
{
	struct ich9_lpc *s = opaque;

	(void)size;
	return off ? s->apm_sts : s->apm_cnt;
}

static void apm_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct ich9_lpc *s = opaque;

	(void)size;
	if (off) {
		s->apm_sts = (u8)val;
		return;
	}
	s->apm_cnt = (u8)val;
	if (val == Q35_ACPI_ENABLE)
		s->pm.pm1_cnt |= ACPI_SCI_EN;
	else if (val == Q35_ACPI_DISABLE)
		s->pm.pm1_cnt &= ~(u32)ACPI_SCI_EN;
	acpi_pm_update(&s->pm);
}

static const struct mem_ops apm_ops = { .read = apm_read, .write = apm_write, .max = 1 };

static u64 rst_read(void *opaque, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct ich9_lpc *)opaque)->reset_control;
}

static void rst_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct ich9_lpc *s = opaque;

	(void)off;
	(void)size;
	if ((val & RST_CPU) && !(s->reset_control & RST_CPU))
		machine_request(s->pci.dev.machine, REQ_RESET);
	s->reset_control = val & (RST_SYSTEM | 0x08);
}

static const struct mem_ops rst_ops = { .read = rst_read, .write = rst_write, .max = 1 };

/* ---- root complex registers: only interrupt routing has an effect ---- */

static const u16 rcba_offset[32] = {
	[31] = 0x3140, [30] = 0x3142, [29] = 0x3144, [28] = 0x3146, [27] = 0x3148, [26] = 0x314c, [25] = 0x3150,
};

static u16 *rcba_reg(struct ich9_lpc *s, u64 off)
{
	int i;

	for (i = 25; i < 32; i++)
		if (rcba_offset[i] == off)
			return &s->rcba_route[i];
	return NULL;
}

static u64 rcba_read(void *opaque, u64 off, unsigned size)
{
	u16 *reg = rcba_reg(opaque, off);

	(void)size;
	if (off == RCBA_GCS)
		return 0x20;
	return reg ? *reg : 0;
}

static void rcba_write(void *opaque, u64 off, u64 val, unsigned size)
{
	u16 *reg = rcba_reg(opaque, off);

	(void)size;
	if (reg)
		*reg = val & 0x7777;
}

static const struct mem_ops rcba_ops = { .read = rcba_read, .write = rcba_write, .min = 2, .max = 2 };

/* ---- the PCI function ---- */

static void update_windows(struct ich9_lpc *s)
{
	const u8 *c = s->pci.config;
	struct machine *m = s->pci.dev.machine;
	u32 rcba = get_le32(c + LPC_RCBA);
	u16 pmbase = get_le32(c + LPC_PMBASE) & 0xff80;

	if ((c[LPC_ACPI_CTRL] & ACPI_CTRL_ENABLE) && pmbase)
		mem_map_add(&m->io, &s->pm_map, &s->pm_region, pmbase, 0);
	else
		mem_map_del(&s->pm_map);
	if (rcba & RCBA_ENABLE)
		mem_map_add(&m->mem, &s->rcba_map, &s->rcba_region, rcba & 0xffffc000, 1);
	else
		mem_map_del(&s->rcba_map);
}

static void lpc_config_write(struct pci_dev *pci, u32 addr, u32 val, unsigned len)
{
	struct ich9_lpc *s = (struct ich9_lpc *)pci;

	(void)val;
	if (addr < LPC_ACPI_CTRL + 1 && addr + len > LPC_PMBASE)
		update_windows(s);
	if (addr < LPC_RCBA + 4 && addr + len > LPC_RCBA)
		update_windows(s);
	if (addr < LPC_PIRQE + 4 && addr + len > LPC_ACPI_CTRL)
		update_lines(s);
}

struct device_bus *ich9_lpc_isa_bus(struct device *lpc)
{
	return &((struct ich9_lpc *)lpc)->isa;
}

void ich9_lpc_power_button(struct device *lpc)
{
	struct ich9_lpc *s = (struct ich9_lpc *)lpc;

	device_lock(lpc);
	acpi_pm_power_button(&s->pm);
	device_unlock(lpc);
}

void ich9_lpc_gpe(struct device *lpc, unsigned n)
{
	struct ich9_lpc *s = (struct ich9_lpc *)lpc;

	device_lock(lpc);
	acpi_pm_gpe(&s->pm, n);
	device_unlock(lpc);
}

void ich9_lpc_firmware_done(struct device *lpc)
{
	struct ich9_lpc *s = (struct ich9_lpc *)lpc;
	u8 *c = s->pci.config;
	int i;

	device_lock(lpc);
	put_le32(c + LPC_PMBASE, Q35_PMBASE | 1);
	c[LPC_ACPI_CTRL] = ACPI_CTRL_ENABLE;
	/* As the usual BIOS routes them: A E 10, B F 10, C G 11, D H 11. */
	for (i = 0; i < 4; i++)
		c[LPC_PIRQA + i] = c[LPC_PIRQE + i] = i < 2 ? 10 : 11;
	update_windows(s);
	update_lines(s);
	device_unlock(lpc);
}

static void lpc_reset(struct device *dev)
{
	struct ich9_lpc *s = (struct ich9_lpc *)dev;
	u8 *c = s->pci.config;
	int i;

	pci_reset(&s->pci);
	put_le16(c + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	put_le32(c + LPC_PMBASE, 1);
	c[LPC_ACPI_CTRL] = 0;
	for (i = 0; i < 4; i++)
		c[LPC_PIRQA + i] = c[LPC_PIRQE + i] = PIRQ_DISABLED;
	put_le32(c + LPC_RCBA, 0);
	acpi_pm_reset(&s->pm);
	memset(s->tco, 0, sizeof(s->tco));
	s->smi_en = SMI_EN_APMC;
	s->smi_sts = 0;
	s->apm_cnt = s->apm_sts = s->reset_control = 0;
	for (i = 0; i < 32; i++)
		s->rcba_route[i] = 0x3210;
	update_windows(s);
	acpi_pm_update(&s->pm);
}

static int lpc_realize(struct device *dev, struct err *err)
{
	struct ich9_lpc *s = (struct ich9_lpc *)dev;
	const struct irq *const *gsi = machine_service(dev->machine, "gsi");
	u8 *w;
	int i, ret = s->disable_s3 && s->disable_s4 ? pci_init(&s->pci, err)
		     : err_set(err, ENOTSUP, "sleep states S3 and S4 are not supported: disable_s3=0 and disable_s4=0 cannot be");

	if (ret < 0)
		return ret;
	w = s->pci.wmask;
	put_le32(w + LPC_PMBASE, 0xff80);
	w[LPC_ACPI_CTRL] = ACPI_CTRL_ENABLE | ACPI_CTRL_SCI;
	for (i = 0; i < 4; i++)
		w[LPC_PIRQA + i] = w[LPC_PIRQE + i] = 0x8f;
	put_le32(w + LPC_LPC_IF, 0xffffffff);
	put_le32(w + LPC_RCBA, 0xffffc001);
	for (i = 0; i < 24; i++)
		s->gsi[i] = gsi ? gsi[i] : NULL;
	acpi_pm_init(&s->pm, dev, on_sci);
	mem_region_init_io(&s->pm_region, dev, "acpi-pm", PM_IO_SIZE, &pm_ops, s);
	mem_region_init_io(&s->rcba_region, dev, "lpc-rcba", RCBA_SIZE, &rcba_ops, s);
	mem_region_init_io(&s->apm.region, dev, "apm", 2, &apm_ops, s);
	mem_map_add(&dev->machine->io, &s->apm.map, &s->apm.region, 0xb2, 0);
	mem_region_init_io(&s->rst.region, dev, "lpc-reset-control", 1, &rst_ops, s);
	mem_map_add(&dev->machine->io, &s->rst.map, &s->rst.region, 0xcf9, 1);
	device_bus_init(&s->isa, "ISA", "isa.0", dev);
	return 0;
}

static void lpc_unrealize(struct device *dev)
{
	struct ich9_lpc *s = (struct ich9_lpc *)dev;

	acpi_pm_exit(&s->pm);
	mem_map_del(&s->pm_map);
	mem_map_del(&s->rcba_map);
	isa_io_del(&s->apm);
	isa_io_del(&s->rst);
	pci_exit(&s->pci);
}

static const struct state_field lpc_fields[] = {
	STATE_PCI(struct ich9_lpc, pci),
	STATE_SUB(struct ich9_lpc, pm, acpi_pm_fields),
	STATE(struct ich9_lpc, smi_en, U32), STATE(struct ich9_lpc, smi_sts, U32),
	STATE_ARRAY(struct ich9_lpc, tco, U8),
	STATE(struct ich9_lpc, apm_cnt, U8), STATE(struct ich9_lpc, apm_sts, U8), STATE(struct ich9_lpc, reset_control, U8),
	STATE(struct ich9_lpc, pm.tmr_seen, U64), STATE(struct ich9_lpc, pirq_level, U8),
	STATE_ARRAY(struct ich9_lpc, rcba_route, U16),
	STATE_END
};

static int lpc_post_load(void *dev, u8 version, struct err *err)
{
	struct ich9_lpc *s = dev;

	(void)version;
	if (pci_post_load(&s->pci, err) < 0)
		return -err->code;
	update_windows(s);
	acpi_pm_update(&s->pm);
	return 0;
}

static const struct state_table lpc_state = { .version = 1, .fields = lpc_fields, .post_load = lpc_post_load };

static const struct pci_ops lpc_ops = {
	.vendor = 0x8086, .device = 0x2918, .revision = 2, .class_code = 0x060100, .config_write = lpc_config_write,
};

static const struct prop lpc_props[] = {
	PROP(struct ich9_lpc, disable_s3, "disable_s3", U8, 1, "no suspend to memory; only 1 is possible"),
	PROP(struct ich9_lpc, disable_s4, "disable_s4", U8, 1, "no suspend to disk; only 1 is possible"),
	PROP_END
};

static const struct device_class ich9_lpc_class = {
	.name = "ICH9-LPC", .desc = "ICH9 LPC bridge with ACPI power management", .bus = "PCI", .category = "Bridge",
	.size = sizeof(struct ich9_lpc), .locking = LOCK_DEVICE, .internal = true,
	.props = lpc_props, .bus_props = pci_props, .type_ops = &lpc_ops,
	.realize = lpc_realize, .unrealize = lpc_unrealize, .reset = lpc_reset, .state = &lpc_state,
};
REGISTER(device, ich9_lpc_class);
