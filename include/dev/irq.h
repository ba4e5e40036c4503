/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines. A struct irq is the input pin of somebody; whoever
 * drives it holds a pointer to it. Levels: 0 or 1, as the pin sees them.
 *
 * Threads: irq_set() from any thread, normally under the lock of the device
 * that drives the line. The handler takes the lock of its own device, hence
 * the order of locks: device -> PCI interrupt router -> PIC or IOAPIC -> CPU.
 */
#ifndef VMBOX_DEV_IRQ_H
#define VMBOX_DEV_IRQ_H

#include "compiler.h"

struct irq {
	void (*fn)(void *opaque, int n, int level);
	void *opaque;
	int n;
};

/* irq == NULL: not connected. */
static inline void irq_set(const struct irq *irq, int level)
{
	if (irq)
		irq->fn(irq->opaque, irq->n, level);
}

static inline void irq_raise(const struct irq *irq)
{
	irq_set(irq, 1);
}

static inline void irq_lower(const struct irq *irq)
{
	irq_set(irq, 0);
}

static inline void irq_pulse(const struct irq *irq)
{
	irq_set(irq, 1);
	irq_set(irq, 0);
}

#endif
