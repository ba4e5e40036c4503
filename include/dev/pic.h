/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt controllers as the board wires them. Any thread; each function
 * takes the controller's own lock. ack and eoi are called by vCPUs.
 */
#ifndef VMBOX_DEV_PIC_H
#define VMBOX_DEV_PIC_H

#include "dev/device.h"

/* The pair of 8259s ("isa-i8259"). out: INTR, set once by the board. */
void i8259_connect(struct device *pic, const struct irq *out);
/* Interrupt acknowledge cycle: the vector, or -1 when INTR is not asserted. */
int  i8259_ack(struct device *pic);
/* What an edge on pin n would do. */
enum irq_line_state i8259_line(struct device *pic, unsigned n);
/* `info pic` */
void i8259_info(struct device *pic, void (*print)(void *ctx, const char *fmt, ...) __printf(2, 3), void *ctx);

/* The 82093AA ("ioapic"): 24 pins, device_irqs_in() group without a name. */
void ioapic_eoi(struct device *ioapic, u8 vector);
/* What an edge on pin n would do: asks the machine's msi_waits(). */
enum irq_line_state ioapic_line(struct device *ioapic, unsigned n);
void ioapic_info(struct device *ioapic, void (*print)(void *ctx, const char *fmt, ...) __printf(2, 3), void *ctx);

#endif
