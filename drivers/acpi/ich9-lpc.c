// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ICH9 LPC bridge, device 31 function 0 (Intel ICH9 data sheet 316972,
 * chapters 5.13 and 13): PIRQ routing, ACPI power management block, APM ports
 * 0xb2/0xb3, reset control 0xcf9, and the bus of the ISA devices. ACPI
 * registers: ACPI specification 6.4, section 4.8. System management mode is
 * not offered: SMI_EN shows APMC as already enabled, so that firmware leaves
 * it alone, and port 0xb2 switches ACPI mode directly.
 */
#include "bytes.h"
#include "dev/isa.h"
#include "dev/q35.h"

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
#define PM1_STS			0x00
#define PM1_EN			0x02
#define PM1_CNT			0x04
#define PM_TMR			0x08
#define GPE0_STS		0x20
#define GPE0_EN			0x28
#define SMI_EN			0x30
#define  SMI_EN_APMC		0x20
#define SMI_STS			0x34
#define TCO			0x60

#define STS_TMR			0x0001
#define STS_GBL			0x0020
#define STS_PWRBTN		0x0100
#define STS_RTC			0x0400
#define STS_WAK			0x8000
#define EN_WRITABLE		0x0721
#define CNT_SCI_EN		0x0001
#define CNT_SLP_EN		0x2000
#define CNT_SLP_TYP(v)		((v) >> 10 & 7)
#define SLP_S5			0

#define PM_TIMER_HZ		3579545ULL
#define PM_TIMER_MASK		0xffffffULL
#define PM_TIMER_TOP		0x800000ULL

#define RST_SYSTEM		0x02
#define RST_CPU			0x04

#define RCBA_SIZE		0x4000
#define RCBA_GCS		0x3410

struct ich9_lpc {
	struct pci_dev pci;
	struct device_bus isa;
	/* ACPI */
	u16 pm1_sts, pm1_en;
	u32 pm1_cnt;
	u8  gpe_sts[8], gpe_en[8];
	u32 smi_en, smi_sts;
	u8  tco[32];
	u8  apm_cnt, apm_sts;
	u8  reset_control;
	u64 tmr_seen;			/* overflows (of bit 23) that TMR_STS has shown */
	struct clock_timer tmr;
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

static u64 pm_ticks(const struct ich9_lpc *s)
{
	return muldiv64(clock_ns(s->pci.dev.machine->clock), PM_TIMER_HZ, NSEC_PER_SEC);
}

/* How often bit 23 has changed so far. */
static u64 tmr_overflows(const struct ich9_lpc *s)
{
	return pm_ticks(s) / PM_TIMER_TOP;
}

static u16 pm1_sts(struct ich9_lpc *s)
{
	if (tmr_overflows(s) != s->tmr_seen)
		s->pm1_sts |= STS_TMR;
	return s->pm1_sts;
}

static void update_sci(struct ich9_lpc *s)
{
	bool level = false;
	int i;

	if (pm1_sts(s) & s->pm1_en & (STS_TMR | STS_GBL | STS_PWRBTN | STS_RTC))
		level = true;
	for (i = 0; i < 8; i++)
		if (s->gpe_sts[i] & s->gpe_en[i])
			level = true;
	s->sci_level = level && (s->pm1_cnt & CNT_SCI_EN);
	update_lines(s);
	/* The timer runs only while its overflow would interrupt. */
	if ((s->pm1_en & STS_TMR) && !(s->pm1_sts & STS_TMR))
		clock_timer_arm(&s->tmr, (u64)(((u128)(tmr_overflows(s) + 1) * PM_TIMER_TOP * NSEC_PER_SEC + PM_TIMER_HZ - 1) /
					       PM_TIMER_HZ));
	else
		clock_timer_del(&s->tmr);
}

static void on_tmr(void *opaque)
{
	update_sci(opaque);
}

static void write_pm1_cnt(struct ich9_lpc *s, u32 val)
{
	struct machine *m = s->pci.dev.machine;

	s->pm1_cnt = val & ~(u32)CNT_SLP_EN & 0x1c07;
	update_sci(s);
	if (!(val & CNT_SLP_EN))
		return;
	/* S5 is the only sleep state that our tables name; others do nothing. */
	if (CNT_SLP_TYP(val) == SLP_S5) {
		m->shutdown_by_guest = true;
		machine_request(m, REQ_SHUTDOWN);
	}
}

static void clear_pm1_sts(struct ich9_lpc *s, u16 val)
{
	pm1_sts(s);
	s->pm1_sts &= ~val;
	if (val & STS_TMR)
		s->tmr_seen = tmr_overflows(s);
	update_sci(s);
}

static u8 pm_read_byte(struct ich9_lpc *s, u64 off)
{
	if (off < PM1_EN)
		return (u8)(pm1_sts(s) >> (8 * off));
	if (off < PM1_CNT)
		return (u8)(s->pm1_en >> (8 * (off - PM1_EN)));
	if (off < PM_TMR)
		return (u8)(s->pm1_cnt >> (8 * (off - PM1_CNT)));
	if (off >= GPE0_STS && off < GPE0_EN)
		return s->gpe_sts[off - GPE0_STS];
	if (off >= GPE0_EN && off < SMI_EN)
		return s->gpe_en[off - GPE0_EN];
	if (off >= SMI_EN && off < SMI_STS)
		return (u8)(s->smi_en >> (8 * (off - SMI_EN)));
	if (off >= SMI_STS && off < SMI_STS + 4)
		return (u8)(s->smi_sts >> (8 * (off - SMI_STS)));
	if (off >= TCO)
		return s->tco[off - TCO];
	return 0;
}

static u64 pm_read(void *opaque, u64 off, unsigned size)
{
	struct ich9_lpc *s = opaque;
	u64 v = 0;
	unsigned i;

	if (off >= PM_TMR && off < PM_TMR + 4)
		return (pm_ticks(s) & PM_TIMER_MASK) >> (8 * (off - PM_TMR));
	for (i = 0; i < size; i++)
		v |= (u64)pm_read_byte(s, off + i) << (8 * i);
	return v;
}

static void pm_write_byte(struct ich9_lpc *s, u64 off, u8 val)
{
	unsigned sh = 8 * (off & 1);

	if (off < PM1_EN) {
		clear_pm1_sts(s, (u16)(val << sh));
	} else if (off < PM1_CNT) {
		s->pm1_en = (u16)((s->pm1_en & ~(0xff << sh)) | val << sh) & EN_WRITABLE;
		update_sci(s);
	} else if (off < PM_TMR) {
		sh = 8 * (unsigned)(off - PM1_CNT);
		write_pm1_cnt(s, (s->pm1_cnt & ~(0xffU << sh)) | (u32)val << sh);
	} else if (off >= GPE0_STS && off < GPE0_EN) {
		s->gpe_sts[off - GPE0_STS] &= ~val;
		update_sci(s);
	} else if (off >= GPE0_EN && off < SMI_EN) {
		s->gpe_en[off - GPE0_EN] = val;
		update_sci(s);
	} else if (off >= SMI_EN && off < SMI_STS) {
		sh = 8 * (unsigned)(off - SMI_EN);
		s->smi_en = ((s->smi_en & ~(0xffU << sh)) | (u32)val << sh) | SMI_EN_APMC;
	} else if (off >= TCO) {
		s->tco[off - TCO] = val;
	}
}

static void pm_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct ich9_lpc *s = opaque;
	unsigned i;

	/* The sleep command wants its type at the same time. */
	if (off == PM1_CNT && size >= 2) {
		write_pm1_cnt(s, (u32)val);
		return;
	}
	for (i = 0; i < size; i++)
		pm_write_byte(s, off + i, (u8)(val >> (8 * i)));
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
		s->pm1_cnt |= CNT_SCI_EN;
	else if (val == Q35_ACPI_DISABLE)
		s->pm1_cnt &= ~(u32)CNT_SCI_EN;
	update_sci(s);
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
	s->pm1_sts |= STS_PWRBTN;
	update_sci(s);
	device_unlock(lpc);
}

void ich9_lpc_gpe(struct device *lpc, unsigned n)
{
	struct ich9_lpc *s = (struct ich9_lpc *)lpc;

	device_lock(lpc);
	s->gpe_sts[n / 8 & 7] |= 1 << (n % 8);
	update_sci(s);
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
	s->pm1_sts = s->pm1_en = 0;
	s->pm1_cnt = 0;
	memset(s->gpe_sts, 0, sizeof(s->gpe_sts));
	memset(s->gpe_en, 0, sizeof(s->gpe_en));
	memset(s->tco, 0, sizeof(s->tco));
	s->smi_en = SMI_EN_APMC;
	s->smi_sts = 0;
	s->apm_cnt = s->apm_sts = s->reset_control = 0;
	s->tmr_seen = tmr_overflows(s);
	for (i = 0; i < 32; i++)
		s->rcba_route[i] = 0x3210;
	update_windows(s);
	update_sci(s);
}

static int lpc_realize(struct device *dev, struct err *err)
{
	struct ich9_lpc *s = (struct ich9_lpc *)dev;
	const struct irq *const *gsi = machine_service(dev->machine, "gsi");
	u8 *w;
	int i, ret = pci_init(&s->pci, err);

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
	clock_timer_init(&s->tmr, dev->machine->clock, dev, "acpi-tmr", on_tmr, s);
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

	clock_timer_del(&s->tmr);
	mem_map_del(&s->pm_map);
	mem_map_del(&s->rcba_map);
	isa_io_del(&s->apm);
	isa_io_del(&s->rst);
	pci_exit(&s->pci);
}

static const struct state_field lpc_fields[] = {
	STATE_PCI(struct ich9_lpc, pci),
	STATE(struct ich9_lpc, pm1_sts, U16), STATE(struct ich9_lpc, pm1_en, U16), STATE(struct ich9_lpc, pm1_cnt, U32),
	STATE_ARRAY(struct ich9_lpc, gpe_sts, U8), STATE_ARRAY(struct ich9_lpc, gpe_en, U8),
	STATE(struct ich9_lpc, smi_en, U32), STATE(struct ich9_lpc, smi_sts, U32),
	STATE_ARRAY(struct ich9_lpc, tco, U8),
	STATE(struct ich9_lpc, apm_cnt, U8), STATE(struct ich9_lpc, apm_sts, U8), STATE(struct ich9_lpc, reset_control, U8),
	STATE(struct ich9_lpc, tmr_seen, U64), STATE(struct ich9_lpc, pirq_level, U8),
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
	update_sci(s);
	return 0;
}

static const struct state_table lpc_state = { .version = 1, .fields = lpc_fields, .post_load = lpc_post_load };

static const struct pci_ops lpc_ops = {
	.vendor = 0x8086, .device = 0x2918, .revision = 2, .class_code = 0x060100, .config_write = lpc_config_write,
};

static const struct device_class ich9_lpc_class = {
	.name = "ICH9-LPC", .desc = "ICH9 LPC bridge with ACPI power management", .bus = "PCI", .category = "Bridge",
	.size = sizeof(struct ich9_lpc), .locking = LOCK_DEVICE, .internal = true,
	.bus_props = pci_props, .type_ops = &lpc_ops,
	.realize = lpc_realize, .unrealize = lpc_unrealize, .reset = lpc_reset, .state = &lpc_state,
};
REGISTER(device, ich9_lpc_class);
