/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The q35 chipset's parts as its board knows them. Numbers are the chipset's
 * and QEMU's machine of that name.
 */
#ifndef VMBOX_DEV_Q35_H
#define VMBOX_DEV_Q35_H

#include "dev/pci.h"

#define Q35_ECAM_BASE		0xb0000000ULL
#define Q35_ECAM_SIZE		0x10000000ULL
#define Q35_PMBASE		0x600
#define Q35_SCI			9
#define Q35_ACPI_ENABLE		2	/* values for port 0xb2 */
#define Q35_ACPI_DISABLE	3

/* The root bus of "q35-pcihost". */
struct pci_bus *q35_host_bus(struct device *host);
/* What lies in 0xc0000-0xfffff while PAM is closed; from is the address of rom's first byte. */
void mch_set_rom(struct device *mch, struct mem_region *rom, u64 from, u64 rom_off);
/* State that firmware leaves: PAM open, ECAM on. For boards that boot without firmware. */
void mch_firmware_done(struct device *mch);

/* LPC bridge: INTx of the root bus, as set_irq/map_irq of it. */
int  ich9_lpc_map_irq(void *opaque, int devfn, int pin);
void ich9_lpc_set_irq(void *opaque, int pirq, int level);
/* PMBASE, PIRQs and ACPI as firmware leaves them. */
void ich9_lpc_firmware_done(struct device *lpc);
void ich9_lpc_power_button(struct device *lpc);
/* Raises GPE bit n (hot plug). Any thread. */
void ich9_lpc_gpe(struct device *lpc, unsigned n);
struct device_bus *ich9_lpc_isa_bus(struct device *lpc);

#endif
