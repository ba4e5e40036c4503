/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The coprocessor's error line of the PC/AT: FERR# of the processor to IRQ 13
 * ("fpu-irq"). Any thread.
 */
#ifndef VMBOX_DEV_FPU_IRQ_H
#define VMBOX_DEV_FPU_IRQ_H

#include "dev/device.h"

void fpu_irq_raise(struct device *dev);

#endif
