/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The body of the DSDT, behind its header.
 */
#ifndef VMBOX_X86_MACHINE_DSDT_H
#define VMBOX_X86_MACHINE_DSDT_H

#include "acpi.h"
#include "aml.h"

void dsdt_write(struct aml *a, const struct acpi_config *cfg);

#endif
