/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fixed hardware of ACPI (ACPI 6.4 section 4.8): PM1 event and control
 * registers, the 24-bit timer and a block of general purpose events, for the
 * chipset or device that has it. Under the device's lock.
 */
#ifndef VMBOX_ACPI_PM_H
#define VMBOX_ACPI_PM_H

#include "dev/device.h"
#include "dev/machine.h"

#define ACPI_PM1_CNT		0x04
#define ACPI_PM_TMR		0x08
#define ACPI_PM_GPE0		0x20	/* 8 bytes of status, 8 of enable */
#define ACPI_PM_END		0x30
#define ACPI_SCI_EN		0x0001	/* in pm1_cnt */

struct acpi_pm {
	struct device *dev;
	void (*sci)(struct device *dev, bool level);	/* after each change; often with the level that it had */
	u16 pm1_sts, pm1_en;
	u32 pm1_cnt;
	u8  gpe_sts[8], gpe_en[8];
	bool always_on;		/* no legacy mode: SCI_EN cannot be cleared */
	u64 tmr_seen;		/* overflows (of bit 23) that TMR_STS has shown */
	struct clock_timer tmr;
};

void acpi_pm_init(struct acpi_pm *pm, struct device *dev, void (*sci)(struct device *dev, bool level));
void acpi_pm_exit(struct acpi_pm *pm);
/* Registers only; the caller updates. */
void acpi_pm_reset(struct acpi_pm *pm);
/* Works out the SCI again. */
void acpi_pm_update(struct acpi_pm *pm);
/* Offsets below ACPI_PM_END from the begin of the block; any size. */
u64  acpi_pm_read(struct acpi_pm *pm, u64 off, unsigned size);
void acpi_pm_write(struct acpi_pm *pm, u64 off, u64 val, unsigned size);
void acpi_pm_power_button(struct acpi_pm *pm);
void acpi_pm_gpe(struct acpi_pm *pm, unsigned n);

/* Saved state: all but the timer's overflows, which are STATE(s, pm.tmr_seen, U64). */
extern const struct state_field acpi_pm_fields[];

#endif
