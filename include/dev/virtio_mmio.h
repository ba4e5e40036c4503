/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places for virtio devices that need no PCI: registers in memory and an
 * interrupt line (virtio 1.2 section 4.2), for boards. Main thread.
 */
#ifndef VMBOX_DEV_VIRTIO_MMIO_H
#define VMBOX_DEV_VIRTIO_MMIO_H

#include "config.h"
#include "dev/device.h"

#define VIRTIO_MMIO_SIZE 0x200

#if IS_ENABLED(CONFIG_VIRTIO_MMIO)
/* Number n, bus "virtio-mmio-bus.N": registers at base, level triggered line. NULL with err set. */
struct device *virtio_mmio_create(struct machine *m, unsigned n, u64 base, const struct irq *irq, struct err *err);
/* Whether a device is plugged in. */
bool virtio_mmio_used(const struct device *slot);
#else
static inline struct device *virtio_mmio_create(struct machine *m, unsigned n, u64 base, const struct irq *irq, struct err *err)
{
	(void)m;
	(void)n;
	(void)base;
	(void)irq;
	err_set(err, ENOENT, "virtio-mmio is not built in");
	return NULL;
}

static inline bool virtio_mmio_used(const struct device *slot)
{
	return slot != NULL;
}
#endif

#endif
