/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System configurations from machines. */
#ifndef CELLGEN_CREATE_H
#define CELLGEN_CREATE_H

#include "machine.h"

struct create_opts {
	u64 hv_size, hv_at;		/* at ~0: to be chosen */
	u64 inmates;			/* bytes for other cells, behind the hypervisor */
	const char *console;		/* "ttyS0", "none"; NULL: what the kernel has */
	const char *name;		/* of the root cell */
	u16 revision;
};

/*
 * Makes c the configuration of the machine; what could not be had stands in
 * m->notes. 0 or -errno with err set; c is empty then.
 */
int create_system(struct jh_config *c, struct machine *m, const struct create_opts *o, struct err *err);
/* The two halves, by architecture; called with the memory of the hypervisor chosen. */
int create_x86(struct jh_config *c, struct machine *m, const struct create_opts *o, struct err *err);
int create_arm(struct jh_config *c, struct machine *m, const struct create_opts *o, struct err *err);

/*
 * Adds memory of the root cell in whole pages, without what is there already; RAM
 * is joined to the RAM before it. cut() takes a range out of all that is there. 0 or -ENOMEM.
 */
int create_mem(struct jh_config *c, u64 start, u64 end, u64 flags);
int create_cut(struct jh_config *c, u64 start, u64 size);
/* PCI devices with their capabilities, lists that are the same only once. */
int create_pci(struct jh_config *c, struct machine *m);

struct strbuf;
/* What the kernel must be told, so that hypervisor and cells have their memory. */
void kernel_args(struct strbuf *b, const struct jh_config *c, const struct machine *m, bool dt);

#endif
