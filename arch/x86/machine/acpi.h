/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's ACPI tables (ACPI 6.4): one blob with all tables but the
 * RSDP, pointers as offsets into the blob, and a list of what is to be
 * relocated and summed. Firmware does that by fw_cfg's table loader; for
 * -kernel boots acpi_place() does.
 */
#ifndef VMBOX_X86_MACHINE_ACPI_H
#define VMBOX_X86_MACHINE_ACPI_H

#include "compiler.h"
#include "err.h"

#define ACPI_FIXUPS 64

struct pc_numa;
struct x86_topology;

struct acpi_config {
	unsigned cpus;
	const struct x86_topology *topology;	/* for APIC ids */
	const struct pc_numa *numa;	/* NULL: neither SRAT nor SLIT */
	u64 below_4g;			/* RAM up to there, the rest from 4 GiB */
	bool pci;			/* a PCI host bridge, whose windows follow */
	u64 pci32_first, pci32_last;	/* window for 32-bit BARs */
	u64 pci64_first, pci64_last;	/* 0: none */
	u64 ecam;			/* 0: none */
	bool hpet, rtc, pit, i8042, com[2], vga, fw_cfg;
	u16 pmbase;
	u8  sci;
	bool always_on;			/* there is no other mode than ACPI's */
	struct { unsigned nr; u32 base; unsigned gsi; } virtio[8];
	unsigned virtio_n;
};

struct acpi_tables {
	u8 *blob;
	size_t len;
	u8 rsdp[36];
	struct { bool in_rsdp; u32 offset; u8 size; } pointer[ACPI_FIXUPS];
	struct { u32 offset, start, len; } sum[ACPI_FIXUPS];
	unsigned pointers, sums;
};

int  acpi_build(struct acpi_tables *t, const struct acpi_config *cfg, struct err *err);
void acpi_free(struct acpi_tables *t);
/* Relocates blob and RSDP for the guest address of the blob and sums up. Once. */
void acpi_place(struct acpi_tables *t, u64 blob_at);

#endif
