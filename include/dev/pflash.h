/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flash chips of the board ("cfi.pflash01"), whose contents are a drive's.
 * Main thread, while the board is built.
 */
#ifndef VMBOX_DEV_PFLASH_H
#define VMBOX_DEV_PFLASH_H

#include "config.h"
#include "dev/device.h"
#include "dev/memory.h"

/* Its contents as the processor fetches them. */
#if IS_ENABLED(CONFIG_PFLASH)
struct mem_region *pflash_rom(struct device *dev);
/* Puts the chip's last byte just below end; returns its first address. */
u64  pflash_place(struct device *dev, u64 end);
#else
static inline struct mem_region *pflash_rom(struct device *dev)
{
	return NULL;
}

static inline u64 pflash_place(struct device *dev, u64 end)
{
	return end;
}
#endif

#endif
