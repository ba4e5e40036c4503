// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fixed hardware of ACPI: see pm.h. The timer's interrupt is derived from
 * the clock; no tick runs for it while nobody waits.
 */
#include <string.h>
#include "pm.h"

#define PM1_EN			0x02
#define GPE0_EN			(ACPI_PM_GPE0 + 8)

#define STS_TMR			0x0001
#define STS_GBL			0x0020
#define STS_PWRBTN		0x0100
#define STS_RTC			0x0400
#define EN_WRITABLE		0x0721
#define CNT_WRITABLE		0x1c07
#define CNT_SLP_EN		0x2000
#define CNT_SLP_TYP(v)		((v) >> 10 & 7)
#define SLP_S5			0

#define PM_TIMER_HZ		3579545ULL
#define PM_TIMER_MASK		0xffffffULL
#define PM_TIMER_TOP		0x800000ULL

static u64 pm_ticks(const struct acpi_pm *pm)
{
	return muldiv64(clock_ns(pm->dev->machine->clock), PM_TIMER_HZ, NSEC_PER_SEC);
}

/* How often bit 23 has changed so far. */
static u64 tmr_overflows(const struct acpi_pm *pm)
{
	return pm_ticks(pm) / PM_TIMER_TOP;
}

static u16 pm1_sts(struct acpi_pm *pm)
{
	if (tmr_overflows(pm) != pm->tmr_seen)
		pm->pm1_sts |= STS_TMR;
	return pm->pm1_sts;
}

void acpi_pm_update(struct acpi_pm *pm)
{
	bool level = false;
	int i;

	if (pm1_sts(pm) & pm->pm1_en & (STS_TMR | STS_GBL | STS_PWRBTN | STS_RTC))
		level = true;
	for (i = 0; i < 8; i++)
		if (pm->gpe_sts[i] & pm->gpe_en[i])
			level = true;
	pm->sci(pm->dev, level && (pm->pm1_cnt & ACPI_SCI_EN));
	/* The timer runs only while its overflow would interrupt. */
	if ((pm->pm1_en & STS_TMR) && !(pm->pm1_sts & STS_TMR))
		clock_timer_arm(&pm->tmr, (u64)(((u128)(tmr_overflows(pm) + 1) * PM_TIMER_TOP * NSEC_PER_SEC + PM_TIMER_HZ - 1) /
						PM_TIMER_HZ));
	else
		clock_timer_del(&pm->tmr);
}

static void on_tmr(void *opaque)
{
	acpi_pm_update(opaque);
}

static void write_pm1_cnt(struct acpi_pm *pm, u32 val)
{
	struct machine *m = pm->dev->machine;

	pm->pm1_cnt = (val & CNT_WRITABLE) | (pm->always_on ? ACPI_SCI_EN : 0);
	acpi_pm_update(pm);
	if (!(val & CNT_SLP_EN))
		return;
	/* S5 is the only sleep state that our tables name; others do nothing. */
	if (CNT_SLP_TYP(val) == SLP_S5) {
		m->shutdown_by_guest = true;
		machine_request(m, REQ_SHUTDOWN);
	}
}

static void clear_pm1_sts(struct acpi_pm *pm, u16 val)
{
	pm1_sts(pm);
	pm->pm1_sts &= ~val;
	if (val & STS_TMR)
		pm->tmr_seen = tmr_overflows(pm);
	acpi_pm_update(pm);
}

static u8 read_byte(struct acpi_pm *pm, u64 off)
{
	if (off < PM1_EN)
		return (u8)(pm1_sts(pm) >> (8 * off));
	if (off < ACPI_PM1_CNT)
		return (u8)(pm->pm1_en >> (8 * (off - PM1_EN)));
	if (off < ACPI_PM_TMR)
		return (u8)(pm->pm1_cnt >> (8 * (off - ACPI_PM1_CNT)));
	if (off >= ACPI_PM_GPE0 && off < GPE0_EN)
		return pm->gpe_sts[off - ACPI_PM_GPE0];
	if (off >= GPE0_EN && off < ACPI_PM_END)
		return pm->gpe_en[off - GPE0_EN];
	return 0;
}

u64 acpi_pm_read(struct acpi_pm *pm, u64 off, unsigned size)
{
	u64 v = 0;
	unsigned i;

	if (off >= ACPI_PM_TMR && off < ACPI_PM_TMR + 4)
		return (pm_ticks(pm) & PM_TIMER_MASK) >> (8 * (off - ACPI_PM_TMR));
	for (i = 0; i < size; i++)
		v |= (u64)read_byte(pm, off + i) << (8 * i);
	return v;
}

static void write_byte(struct acpi_pm *pm, u64 off, u8 val)
{
	unsigned sh = 8 * (off & 1);

	if (off < PM1_EN) {
		clear_pm1_sts(pm, (u16)(val << sh));
	} else if (off < ACPI_PM1_CNT) {
		pm->pm1_en = (u16)((pm->pm1_en & ~(0xff << sh)) | val << sh) & EN_WRITABLE;
		acpi_pm_update(pm);
	} else if (off < ACPI_PM_TMR) {
		sh = 8 * (unsigned)(off - ACPI_PM1_CNT);
		write_pm1_cnt(pm, (pm->pm1_cnt & ~(0xffU << sh)) | (u32)val << sh);
	} else if (off >= ACPI_PM_GPE0 && off < GPE0_EN) {
		pm->gpe_sts[off - ACPI_PM_GPE0] &= ~val;
		acpi_pm_update(pm);
	} else if (off >= GPE0_EN && off < ACPI_PM_END) {
		pm->gpe_en[off - GPE0_EN] = val;
		acpi_pm_update(pm);
	}
}

void acpi_pm_write(struct acpi_pm *pm, u64 off, u64 val, unsigned size)
{
	unsigned i;

	/* The sleep command wants its type at the same time. */
	if (off == ACPI_PM1_CNT && size >= 2) {
		write_pm1_cnt(pm, (u32)val);
		return;
	}
	for (i = 0; i < size; i++)
		write_byte(pm, off + i, (u8)(val >> (8 * i)));
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
	pm->pm1_sts |= STS_PWRBTN;
	acpi_pm_update(pm);
}

void acpi_pm_gpe(struct acpi_pm *pm, unsigned n)
{
	pm->gpe_sts[n / 8 & 7] |= 1 << (n % 8);
	acpi_pm_update(pm);
}

void acpi_pm_reset(struct acpi_pm *pm)
{
	pm->pm1_sts = pm->pm1_en = 0;
	pm->pm1_cnt = pm->always_on ? ACPI_SCI_EN : 0;
	memset(pm->gpe_sts, 0, sizeof(pm->gpe_sts));
	memset(pm->gpe_en, 0, sizeof(pm->gpe_en));
	pm->tmr_seen = tmr_overflows(pm);
}

void acpi_pm_init(struct acpi_pm *pm, struct device *dev, void (*sci)(struct device *dev, bool level))
{
	pm->dev = dev;
	pm->sci = sci;
	clock_timer_init(&pm->tmr, dev->machine->clock, dev, "acpi-tmr", on_tmr, pm);
}

void acpi_pm_exit(struct acpi_pm *pm)
{
	clock_timer_del(&pm->tmr);
}

const struct state_field acpi_pm_fields[] = {
	STATE(struct acpi_pm, pm1_sts, U16), STATE(struct acpi_pm, pm1_en, U16), STATE(struct acpi_pm, pm1_cnt, U32),
	STATE_ARRAY(struct acpi_pm, gpe_sts, U8), STATE_ARRAY(struct acpi_pm, gpe_en, U8),
	STATE_END
};
