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

/* What an edge on a line would do now. */
enum irq_line_state {
	IRQ_LINE_OFF,		/* nothing: masked everywhere, or not wired */
	IRQ_LINE_FREE,		/* interrupt */
	IRQ_LINE_WAITS,		/* be lost: the last one was not taken by a processor yet */
};

/*
 * Somebody who owes a line edges: machine_irq_state() arms it, and when a
 * processor has taken interrupts of that line, or may have, fn is called once, on the
 * processor's thread and without any lock. It looks at the line anew.
 */
struct irq_watch {
	void (*fn)(void *opaque);
	void *opaque;
	u32 armed;		/* atomic */
	struct irq_watch *next;
};

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
