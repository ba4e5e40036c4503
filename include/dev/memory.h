/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces: memory (guest-physical) and I/O ports. A space is a set
 * of mappings {region, base, offset, length, priority}; the highest priority
 * wins where they overlap, the younger one among equals. Every change builds
 * a new flat view (a sorted array of ranges) and publishes it; readers look
 * up in it without a lock. Old views are freed once no reader can see them.
 *
 * Threads: look-ups and accesses from any thread. mem_map_*() from any
 * thread too (a guest remaps BARs from its vCPU thread); they take the lock
 * of the space, which is an innermost lock: nothing is taken under it. The region's and mapping's memory belongs to the
 * caller and must outlive mem_map_del() + mem_sync().
 */
#ifndef VMBOX_DEV_MEMORY_H
#define VMBOX_DEV_MEMORY_H

#include <pthread.h>
#include "compiler.h"
#include "err.h"

struct device;
struct mem_view;

enum mem_kind { MEM_RAM, MEM_ROM, MEM_IO };

/*
 * Callbacks of a MEM_IO region (write also of a MEM_ROM one: flash).
 * off counts from the region's start. They are called under the lock of
 * region->dev when that device declares LOCK_DEVICE.
 */
struct mem_ops {
	u64  (*read)(void *opaque, u64 off, unsigned size);
	void (*write)(void *opaque, u64 off, u64 val, unsigned size);
	u8 min, max;		/* sizes the callbacks take, 0: 1 and 8; others are split or widened */
	u8 valid_min, valid_max;/* sizes the hardware answers, 0: any; others read ones and write nothing */
	bool unaligned;		/* callbacks take any alignment; else the core splits */
};

struct mem_region {
	const char *name;
	enum mem_kind kind;
	u64 size;
	u8 *host;			/* RAM and ROM: host address of byte 0 */
	int fd;				/* RAM: the memfd it lives on, or -1 */
	const struct mem_ops *ops;
	void *opaque;
	struct device *dev;		/* owner; its lock is taken around ops; NULL: none */
};

struct mem_map {
	struct mem_region *region;
	u64 base;			/* first address in the space */
	u64 off;			/* where in the region that is */
	u64 len;			/* bytes, not 0 */
	int prio;
	bool rdonly;			/* writes vanish although the region is RAM */
	struct mem_space *space;	/* where it is mapped, NULL: nowhere */
	struct mem_map *next;
	u64 age;
};

/* One stretch of a flat view. first..last are both included. */
struct mem_range {
	u64 first, last;
	struct mem_region *region;
	u64 off;
	bool rdonly;
};

struct mem_space {
	const char *name;
	u64 last;			/* highest address */
	struct mem_view *view;		/* atomic */
	struct mem_map *maps;
	pthread_mutex_t lock;
	unsigned batch;			/* depth of mem_begin() */
	bool changed;
	u64 age;
	u32 phase;			/* atomic; 0 or 1 */
	struct { u32 n; } __aligned(64) readers[2];	/* atomic */
	struct mem_view *retired_old, *retired_new;
	/* RAM was written by a device: drop what was derived from it. Any thread, any device's lock. */
	void (*on_dma)(void *ctx, u64 addr, u64 len);
	void *on_dma_ctx;
	void (*on_change)(void *ctx);	/* after a view was published; must not block */
	void *on_change_ctx;
};

int  mem_space_init(struct mem_space *s, const char *name, u64 last);
void mem_space_free(struct mem_space *s);

/* RAM on a memfd of its own (size rounded up to 4 KiB), zero filled and lazily backed. */
int  mem_region_init_ram(struct mem_region *r, const char *name, u64 size, struct err *err);
/* As RAM, but guest writes go to ops->write or nowhere. */
/*
 * RAM that lies in a file, made longer if need be; a folder: in a file without a name there. share false: writes
 * stay with this process, and the region has no fd.
 */
int  mem_region_init_file(struct mem_region *r, const char *name, const char *path, u64 size, bool share, struct err *err);
/* All of it from the host now, so that it cannot run out later. */
int  mem_region_prealloc(struct mem_region *r, struct err *err);
int  mem_region_init_rom(struct mem_region *r, const char *name, u64 size, struct err *err);
void mem_region_init_io(struct mem_region *r, struct device *dev, const char *name, u64 size,
			const struct mem_ops *ops, void *opaque);
void mem_region_free(struct mem_region *r);

/* Changes between begin and commit become visible together. They nest; every thread may batch. */
void mem_begin(struct mem_space *s);
void mem_commit(struct mem_space *s);
/* m->region is set by the call. A mapping that is already in a space is moved. */
void mem_map_add(struct mem_space *s, struct mem_map *m, struct mem_region *r, u64 base, int prio);
/* The len bytes of r from off on; clipped to the end of the space. */
void mem_map_add_part(struct mem_space *s, struct mem_map *m, struct mem_region *r,
		      u64 base, u64 off, u64 len, int prio);
void mem_map_del(struct mem_map *m);
/* RAM was replaced as a whole: drop what was derived from it. The machine stands. */
void mem_contents_changed(struct mem_space *s);
/* Waits until no thread uses a view that is no longer current. Not from a callback. */
void mem_sync(struct mem_space *s);

/* Copies the range that holds addr into *out; false: a hole, whose bounds are in out->first and last. */
bool mem_find(struct mem_space *s, u64 addr, struct mem_range *out);
/* Calls fn for every range in order until it returns non-zero (which is returned). */
int  mem_walk(struct mem_space *s, int (*fn)(const struct mem_range *, void *), void *opaque);

/* CPU accesses; size 1, 2, 4 or 8, any alignment. A hole reads ones. */
u64  mem_read(struct mem_space *s, u64 addr, unsigned size);
void mem_write(struct mem_space *s, u64 addr, u64 val, unsigned size);
/* One access to a region itself, split and checked as its ops say. */
u64  mem_region_read(const struct mem_region *r, u64 off, unsigned size);
void mem_region_write(const struct mem_region *r, u64 off, u64 val, unsigned size);
/* Any length, as the monitor and qtest do it: RAM by memcpy, I/O by the widest natural accesses. */
void mem_read_buf(struct mem_space *s, u64 addr, void *buf, u64 len);
void mem_write_buf(struct mem_space *s, u64 addr, const void *buf, u64 len);

/*
 * What devices do: RAM and ROM only, never another device, so that no lock
 * of a device is ever taken under one. -EFAULT when any part is not RAM (a
 * write to ROM is dropped); the part before it has been done.
 */
int  dma_read(struct mem_space *s, u64 addr, void *buf, u64 len);
int  dma_write(struct mem_space *s, u64 addr, const void *buf, u64 len);
/*
 * Host address of [addr, addr + *len); *len is shortened to what is linear.
 * NULL: not RAM. Valid while the guest has its RAM, i.e. as long as the
 * machine: RAM is never unmapped while it runs.
 */
void *dma_map(struct mem_space *s, u64 addr, u64 *len, bool is_write);
/* After writing through dma_map(): tells those who cache what is in RAM (decoded code). */
void dma_written(struct mem_space *s, u64 addr, u64 len);

#endif
