/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user wants to read in the machine's SMBIOS tables (-smbios); the
 * board (arch/x86/machine/smbios.c) builds them. All zero: nothing is asked.
 */
#ifndef VMBOX_MACHINE_SMBIOS_H
#define VMBOX_MACHINE_SMBIOS_H

#include "str.h"

#define SMBIOS_TYPES 128
#define SMBIOS_OEM_MAX 255	/* a byte counts them */
#define SMBIOS_ONBOARD_MAX 64

/* Strings by the structure that they belong to, DSP0134 7.1 to 7.18. */
enum smbios_text {
	SMBIOS_BIOS_VENDOR, SMBIOS_BIOS_VERSION, SMBIOS_BIOS_DATE,
	SMBIOS_SYSTEM_MANUFACTURER, SMBIOS_SYSTEM_PRODUCT, SMBIOS_SYSTEM_VERSION, SMBIOS_SYSTEM_SERIAL, SMBIOS_SYSTEM_SKU,
	SMBIOS_SYSTEM_FAMILY,
	SMBIOS_BOARD_MANUFACTURER, SMBIOS_BOARD_PRODUCT, SMBIOS_BOARD_VERSION, SMBIOS_BOARD_SERIAL, SMBIOS_BOARD_ASSET,
	SMBIOS_BOARD_LOCATION,
	SMBIOS_CHASSIS_MANUFACTURER, SMBIOS_CHASSIS_VERSION, SMBIOS_CHASSIS_SERIAL, SMBIOS_CHASSIS_ASSET, SMBIOS_CHASSIS_SKU,
	SMBIOS_CPU_SOCKET, SMBIOS_CPU_MANUFACTURER, SMBIOS_CPU_VERSION, SMBIOS_CPU_SERIAL, SMBIOS_CPU_ASSET, SMBIOS_CPU_PART,
	SMBIOS_MEMORY_LOCATOR, SMBIOS_MEMORY_BANK, SMBIOS_MEMORY_MANUFACTURER, SMBIOS_MEMORY_SERIAL, SMBIOS_MEMORY_ASSET,
	SMBIOS_MEMORY_PART,
	SMBIOS_TEXTS
};

/* An onboard device, 7.42. */
struct smbios_onboard {
	char *designation, *pcidev;	/* NULL: none; pcidev: the id of a PCI device */
	u8  kind;			/* 1 to 10 */
	u16 instance;
};

/* Owned, with the texts, by whoever fills it. */
struct smbios_conf {
	char *text[SMBIOS_TEXTS];	/* NULL: the default */
	bool loaded[SMBIOS_TYPES];	/* there is one of a file, ours is left out */
	bool asked[SMBIOS_TYPES];	/* fields were given */
	struct strbuf files;		/* structures as they were loaded, each whole */
	u16 file_count, file_largest;
	bool uefi;
	u8  release_major, release_minor;
	u16 max_mhz, current_mhz;	/* 0: not said */
	u64 processor_id;		/* 0: what CPUID says */
	u16 memory_mts;
	char *oem[SMBIOS_OEM_MAX];	/* type 11 */
	unsigned noem;
	struct smbios_onboard onboard[SMBIOS_ONBOARD_MAX];	/* type 41 */
	unsigned nonboard;
};

#endif
