/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The making of a cell: what was asked for, and what is taken from the system. */
#ifndef CELLGEN_CELL_H
#define CELLGEN_CELL_H

#include "model.h"
#include "option.h"

struct machine;

struct cell_args {
	const char *sys, *out, *cpus, *mem, *name, *amend, *root;
	struct opt_list pci, mmio, pio, irq, shmem, with, streams;
	bool uart, for_linux, bare, force;
	int arch;
};

#define CELL_OTHERS 62

struct maker {
	const struct cell_args *a;
	struct jh_config sys;			/* amended where links need it */
	struct jh_config cell;
	struct jh_config other[CELL_OTHERS];	/* --with */
	unsigned n_other;
	struct machine *m;			/* NULL: none */
	bool amended;
	u64 shared_low;				/* shared memory is taken from the pool's top down to here */
	struct strbuf *notes;
	struct err *err;
};

/* Each 0 or -errno with err set. */
int cell_cpus(struct maker *k);
int cell_memory(struct maker *k);
int cell_pci(struct maker *k, const char *spec);
int cell_shmem(struct maker *k, const char *spec);
int cell_uart(struct maker *k);
int cell_irq(struct maker *k, u64 chip, u32 pin);

/* Takes size bytes aligned to align from the pool, from its top or its bottom; -ENOSPC with err set. */
int cell_take(struct maker *k, u64 size, u64 align, bool top, u64 *at);
/* Adds a region to the cell; -ENOMEM with err set. */
int cell_region(struct maker *k, u64 phys, u64 virt, u64 size, u64 flags);
int cell_ports(struct maker *k, u64 base, u64 length);

#endif
