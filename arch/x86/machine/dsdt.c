// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DSDT of the boards: the PCI root bridge with its windows and interrupt
 * routing, the ISA devices behind the LPC bridge, processors, S5. ACPI 6.4
 * chapters 5 to 7, PCI firmware specification 3.2 for _OSC.
 */
#include <stdio.h>
#include "dsdt.h"

#define GSI_PIRQ_A 16

/* PIRQ (0-7) of a slot's pin, as ich9_lpc_map_irq() has it after reset. */
static unsigned pirq_of(unsigned slot, unsigned pin)
{
	return slot < 25 || slot == 30 ? 4 + ((slot + pin) & 3) : pin;
}

/* The 8259 line that ich9_lpc_firmware_done() gives the PIRQ. */
static unsigned pic_line(unsigned pirq)
{
	return (pirq & 3) < 2 ? 10 : 11;
}

static void routing(struct aml *a, const char *name, bool apic)
{
	unsigned slot, pin;

	aml_name(a, name);
	aml_package_begin(a, 128);
	for (slot = 0; slot < 32; slot++)
		for (pin = 0; pin < 4; pin++) {
			unsigned pirq = pirq_of(slot, pin);

			aml_package_begin(a, 4);
			aml_int(a, (u64)slot << 16 | 0xffff);
			aml_int(a, pin);
			aml_int(a, 0);
			aml_int(a, apic ? GSI_PIRQ_A + pirq : pic_line(pirq));
			aml_end(a);
		}
	aml_end(a);
}

static void prt_method(struct aml *a)
{
	aml_method_begin(a, "_PRT", 0, false);
	aml_if_begin(a);
	aml_namestring(a, "PICF");
	aml_return(a);
	aml_namestring(a, "PRTA");
	aml_end(a);
	aml_return(a);
	aml_namestring(a, "PRTP");
	aml_end(a);
}

static void windows(struct aml *a, const struct acpi_config *cfg)
{
	aml_name(a, "_CRS");
	aml_resources_begin(a);
	aml_word_bus(a, 0, 0xff);
	aml_io(a, 0xcf8, 0xcf8, 1, 8);
	aml_word_io(a, 0x0000, 0x0cf7);
	aml_word_io(a, 0x0d00, 0xffff);
	aml_dword_memory(a, 0xa0000, 0xbffff, true);
	aml_dword_memory(a, (u32)cfg->pci32_first, (u32)cfg->pci32_last, false);
	if (cfg->pci64_last)
		aml_qword_memory(a, cfg->pci64_first, cfg->pci64_last);
	aml_resources_end(a);
}

/* Native control is granted for what we have: hot plug, PME, AER and capability structure; not SHPC. */
static void osc_method(struct aml *a)
{
	static const u8 uuid[16] = {	/* 33DB4D5B-1FF7-401C-9657-7441C03DD766 */
		0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40, 0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66,
	};

	aml_method_begin(a, "_OSC", 4, false);
	aml_create_dword_field(a);
	aml_arg(a, 3);
	aml_int(a, 0);
	aml_namestring(a, "CDW1");
	aml_if_begin(a);
	aml_lequal(a);
	aml_arg(a, 0);
	aml_byte(a, 0x11);		/* Buffer (16) { uuid } */
	aml_byte(a, 3 + 16);
	aml_byte(a, 0x0a);
	aml_byte(a, 16);
	aml_raw(a, uuid, sizeof(uuid));
	aml_create_dword_field(a);
	aml_arg(a, 3);
	aml_int(a, 4);
	aml_namestring(a, "CDW2");
	aml_create_dword_field(a);
	aml_arg(a, 3);
	aml_int(a, 8);
	aml_namestring(a, "CDW3");
	aml_store(a);
	aml_namestring(a, "CDW3");
	aml_local(a, 0);
	aml_and(a);			/* And (Local0, 0x1d, Local0) */
	aml_local(a, 0);
	aml_int(a, 0x1d);
	aml_local(a, 0);
	aml_if_begin(a);		/* unknown revision */
	aml_byte(a, 0x92);		/* LNot (LEqual (Arg1, 1)) */
	aml_lequal(a);
	aml_arg(a, 1);
	aml_int(a, 1);
	aml_or(a);
	aml_namestring(a, "CDW1");
	aml_int(a, 0x08);
	aml_namestring(a, "CDW1");
	aml_end(a);
	aml_if_begin(a);		/* something was refused */
	aml_byte(a, 0x92);
	aml_lequal(a);
	aml_namestring(a, "CDW3");
	aml_local(a, 0);
	aml_or(a);
	aml_namestring(a, "CDW1");
	aml_int(a, 0x10);
	aml_namestring(a, "CDW1");
	aml_end(a);
	aml_store(a);
	aml_local(a, 0);
	aml_namestring(a, "CDW3");
	aml_end(a);
	aml_else_begin(a);		/* unknown UUID */
	aml_or(a);
	aml_namestring(a, "CDW1");
	aml_int(a, 0x04);
	aml_namestring(a, "CDW1");
	aml_end(a);
	aml_return(a);
	aml_arg(a, 3);
	aml_end(a);
}

static void simple_device(struct aml *a, const char *name, const char *hid)
{
	aml_device_begin(a, name);
	aml_name(a, "_HID");
	aml_eisaid(a, hid);
	aml_name(a, "_STA");
	aml_int(a, 0x0f);
}

static void com_port(struct aml *a, unsigned n)
{
	static const u16 port[] = { 0x3f8, 0x2f8 };
	char name[8];

	snprintf(name, sizeof(name), "COM%u", n + 1);
	simple_device(a, name, "PNP0501");
	aml_name(a, "_UID");
	aml_int(a, n + 1);
	aml_name(a, "_CRS");
	aml_resources_begin(a);
	aml_io(a, port[n], port[n], 0, 8);
	aml_irq_noflags(a, n ? 3 : 4);
	aml_resources_end(a);
	aml_end(a);
}

static void keyboard(struct aml *a)
{
	simple_device(a, "KBD", "PNP0303");
	aml_name(a, "_CRS");
	aml_resources_begin(a);
	aml_io(a, 0x60, 0x60, 1, 1);
	aml_io(a, 0x64, 0x64, 1, 1);
	aml_irq_noflags(a, 1);
	aml_resources_end(a);
	aml_end(a);
	simple_device(a, "MOU", "PNP0F13");
	aml_name(a, "_CRS");
	aml_resources_begin(a);
	aml_irq_noflags(a, 12);
	aml_resources_end(a);
	aml_end(a);
}

static void isa_devices(struct aml *a, const struct acpi_config *cfg)
{
	unsigned i;

	if (cfg->rtc) {
		simple_device(a, "RTC", "PNP0B00");
		aml_name(a, "_CRS");
		aml_resources_begin(a);
		aml_io(a, 0x70, 0x70, 1, 8);
		aml_irq_noflags(a, 8);
		aml_resources_end(a);
		aml_end(a);
	}
	if (cfg->i8042)
		keyboard(a);
	for (i = 0; i < 2; i++)
		if (cfg->com[i])
			com_port(a, i);
}

/* Virtio on memory mapped registers, by the name that Linux knows it by. */
static void virtio_devices(struct aml *a, const struct acpi_config *cfg)
{
	char name[8];
	unsigned i;

	for (i = 0; i < cfg->virtio_n; i++) {
		snprintf(name, sizeof(name), "VR%02u", cfg->virtio[i].nr);
		aml_device_begin(a, name);
		aml_name(a, "_HID");
		aml_string(a, "LNRO0005");
		aml_name(a, "_UID");
		aml_int(a, cfg->virtio[i].nr);
		aml_name(a, "_CCA");
		aml_int(a, 1);
		aml_name(a, "_CRS");
		aml_resources_begin(a);
		aml_memory32_fixed(a, cfg->virtio[i].base, 0x200, true);
		aml_interrupt(a, cfg->virtio[i].gsi);
		aml_resources_end(a);
		aml_end(a);
	}
}

static void board_devices(struct aml *a, const struct acpi_config *cfg)
{
	if (cfg->hpet) {
		simple_device(a, "HPET", "PNP0103");
		aml_name(a, "_UID");
		aml_int(a, 0);
		aml_name(a, "_CRS");
		aml_resources_begin(a);
		aml_memory32_fixed(a, 0xfed00000, 0x400, false);
		aml_resources_end(a);
		aml_end(a);
	}
	if (cfg->ecam) {	/* the window must be somebody's, or Linux does not use it */
		simple_device(a, "DRAC", "PNP0C01");
		aml_name(a, "_CRS");
		aml_resources_begin(a);
		aml_memory32_fixed(a, (u32)cfg->ecam, 0x10000000, true);
		aml_resources_end(a);
		aml_end(a);
	}
	if (cfg->fw_cfg) {
		aml_device_begin(a, "FWCF");
		aml_name(a, "_HID");
		aml_string(a, "QEMU0002");
		aml_name(a, "_STA");
		aml_int(a, 0x0b);
		aml_name(a, "_CRS");
		aml_resources_begin(a);
		aml_io(a, 0x510, 0x510, 1, 12);
		aml_resources_end(a);
		aml_end(a);
	}
}

static void processors(struct aml *a, const struct acpi_config *cfg)
{
	char name[8];
	unsigned i;

	for (i = 0; i < cfg->cpus; i++) {
		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		aml_device_begin(a, name);
		aml_name(a, "_HID");
		aml_string(a, "ACPI0007");
		aml_name(a, "_UID");
		aml_int(a, i);
		aml_end(a);
	}
}

static void pci_devices(struct aml *a, const struct acpi_config *cfg)
{
	aml_device_begin(a, "PCI0");
	aml_name(a, "_HID");
	aml_eisaid(a, "PNP0A08");
	aml_name(a, "_CID");
	aml_eisaid(a, "PNP0A03");
	aml_name(a, "_UID");
	aml_int(a, 0);
	aml_name(a, "_BBN");
	aml_int(a, 0);
	windows(a, cfg);
	routing(a, "PRTA", true);
	routing(a, "PRTP", false);
	prt_method(a);
	osc_method(a);
	aml_device_begin(a, "ISA");
	aml_name(a, "_ADR");
	aml_int(a, 0x001f0000);
	isa_devices(a, cfg);
	aml_end(a);
	aml_end(a);
}

void dsdt_write(struct aml *a, const struct acpi_config *cfg)
{
	int i;

	aml_name(a, "PICF");
	aml_int(a, 0);
	aml_method_begin(a, "_PIC", 1, false);
	aml_store(a);
	aml_arg(a, 0);
	aml_namestring(a, "PICF");
	aml_end(a);

	aml_scope_begin(a, "\\_SB");
	if (cfg->pci)
		pci_devices(a, cfg);
	else
		isa_devices(a, cfg);
	virtio_devices(a, cfg);
	board_devices(a, cfg);
	processors(a, cfg);
	aml_end(a);

	aml_name(a, "\\_S5");
	aml_package_begin(a, 4);
	for (i = 0; i < 4; i++)
		aml_int(a, 0);
	aml_end(a);
}
