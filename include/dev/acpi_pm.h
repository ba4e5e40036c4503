/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "acpi-pm": power management registers of a board without a chipset. The
 * interrupt is ISA line 9; reset is port 0xcf9, as on a q35. Main thread.
 */
#ifndef VMBOX_DEV_ACPI_PM_H
#define VMBOX_DEV_ACPI_PM_H

#include "dev/device.h"

#define ACPI_PM_PORT 0x600

void acpi_pm_press_power_button(struct device *dev);

#endif
