/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS tables of a PC, for firmware (fw_cfg) and for direct boot.
 */
#ifndef VMBOX_X86_MACHINE_SMBIOS_H
#define VMBOX_X86_MACHINE_SMBIOS_H

#include <errno.h>
#include "compiler.h"
#include "err.h"

#define SMBIOS_ANCHOR	31
#define SMBIOS_MAX	0xffff

struct pc;

struct smbios {
	u8 anchor[SMBIOS_ANCHOR];
	u8 *data;		/* the structures; mem_free() */
	size_t len;
	u16 count, largest;
};

int  smbios_build(struct smbios *s, struct pc *pc, struct err *err);
/* The structures' address into the anchor, with its sums. */
void smbios_place(struct smbios *s, u32 table_at);

#endif
