// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Direct boot (-kernel): what firmware would have done. Tables and kernel are
 * put into RAM and the boot processor is set to the kernel's entry, at the
 * start and again after each reset.
 */
#include <errno.h>
#include <string.h>
#include "x86/boot.h"
#include "acpi.h"
#include "dev/q35.h"
#include "mem.h"
#include "pc.h"
#include "smbios.h"

#define EBDA		0x9fc00ULL
#define TABLES_ADDR	0xe0000ULL
#define TABLES_MAX	0xf000ULL
#define RSDP_ADDR	0xf0000ULL
#define SMBIOS_ADDR	0xf0100ULL
#define SMBIOS_TABLES	0xf1000ULL
#define FOUR_GIB	0x100000000ULL

static void add_e820(struct boot_params_in *in, u64 addr, u64 end, u32 type)
{
	if (end > addr)
		in->e820[in->e820_n++] = (struct boot_e820){ addr, end - addr, type };
}

static void fill_e820(struct pc *pc, struct boot_params_in *in)
{
	add_e820(in, 0, EBDA, E820_RAM);
	add_e820(in, EBDA, 0xa0000, E820_RESERVED);
	add_e820(in, TABLES_ADDR, 0x100000, E820_RESERVED);
	add_e820(in, 0x100000, pc->m.below_4g, E820_RAM);
	if (!pc->microvm) {
		add_e820(in, Q35_ECAM_BASE, Q35_ECAM_BASE + Q35_ECAM_SIZE, E820_RESERVED);
		add_e820(in, 0xfed1c000, 0xfed20000, E820_RESERVED);
	}
	add_e820(in, FOUR_GIB, FOUR_GIB + pc->m.above_4g, E820_RAM);
}

static int add_tables(struct pc *pc, struct err *err)
{
	struct acpi_config cfg;
	struct acpi_tables t;
	u8 *rsdp;
	int ret;

	pc_acpi_config(pc, &cfg);
	if (acpi_build(&t, &cfg, err) < 0)
		return -err->code;
	if (t.len > TABLES_MAX) {
		acpi_free(&t);
		return err_set(err, E2BIG, "the ACPI tables take %zu bytes", t.len);
	}
	acpi_place(&t, TABLES_ADDR);
	rsdp = mem_dup(t.rsdp, sizeof(t.rsdp));
	ret = boot_image_add(pc->boot, TABLES_ADDR, t.blob, t.len, true, err);
	if (ret == 0)
		ret = rsdp ? boot_image_add(pc->boot, RSDP_ADDR, rsdp, sizeof(t.rsdp), true, err)
			   : err_set(err, ENOMEM, "out of memory");
	return ret;
}

/* Linux looks for the anchor at each 16th byte above 0xf0000. */
static int add_smbios(struct pc *pc, struct err *err)
{
	struct smbios s;
	u8 *anchor;

	if (smbios_build(&s, pc, err) < 0)
		return -err->code;
	if (s.len > MiB - SMBIOS_TABLES) {
		mem_free(s.data);
		return err_set(err, E2BIG, "the SMBIOS tables are too large to boot a kernel directly");
	}
	smbios_place(&s, SMBIOS_TABLES);
	anchor = mem_dup(s.anchor, SMBIOS_ANCHOR);
	if (boot_image_add(pc->boot, SMBIOS_TABLES, s.data, s.len, true, err) < 0 || !anchor) {
		mem_free(anchor);
		return err_is_set(err) ? -err->code : err_set(err, ENOMEM, "out of memory");
	}
	return boot_image_add(pc->boot, SMBIOS_ADDR, anchor, SMBIOS_ANCHOR, true, err);
}

int pc_boot_load(struct pc *pc, struct err *err)
{
	struct boot_params_in in = {
		.kernel = pc->cfg.kernel, .initrd = pc->cfg.initrd, .append = pc->cfg.append,
		.below_4g = pc->m.below_4g, .above_4g = pc->m.above_4g,
		.unpack = pc->cfg.unpack_kernel,
		.rsdp = pc->cfg.no_acpi ? 0 : RSDP_ADDR,
	};

	if (!pc->cfg.kernel || pc->cfg.no_cpus || pc_firmware_boots_kernel(pc))
		return 0;
	pc->boot = mem_zalloc(sizeof(*pc->boot));
	if (!pc->boot)
		return err_set(err, ENOMEM, "out of memory");
	fill_e820(pc, &in);
	if (boot_image_load(pc->boot, &in, err) < 0)
		return -err->code;
	if (add_smbios(pc, err) < 0)
		return -err->code;
	return pc->cfg.no_acpi ? 0 : add_tables(pc, err);
}

void pc_boot_free(struct pc *pc)
{
	if (pc->boot)
		boot_image_free(pc->boot);
	mem_free(pc->boot);
	pc->boot = NULL;
}

static void set_flat_segments(struct x86_cpu *cpu, bool long_mode)
{
	const struct x86_segment code = {
		.sel = 0x10, .limit = 0xffffffff,
		.attr = X86_ATTR_P | X86_ATTR_S | X86_ATTR_CODE | X86_ATTR_RW | X86_ATTR_A | X86_ATTR_G |
			(long_mode ? X86_ATTR_L : X86_ATTR_DB),
	};
	const struct x86_segment data = {
		.sel = 0x18, .limit = 0xffffffff,
		.attr = X86_ATTR_P | X86_ATTR_S | X86_ATTR_RW | X86_ATTR_A | X86_ATTR_G | X86_ATTR_DB,
	};
	static const enum x86_seg seg[] = { X86_ES, X86_SS, X86_DS, X86_FS, X86_GS };
	size_t i;

	x86_set_segment(cpu, X86_CS, &code);
	for (i = 0; i < ARRAY_SIZE(seg); i++)
		x86_set_segment(cpu, seg[i], &data);
}

static void set_registers(struct pc *pc, const struct boot_image *b)
{
	struct x86_cpu *cpu = pc->vcpus[0].cpu;
	bool lm = b->entry == BOOT_ENTRY_LONG;

	cpu->gdt.base = b->gdt;
	cpu->gdt.limit = b->gdt_limit;
	/* PE ET NE, paging with PAE in long mode. */
	if (lm)
		x86_set_control(cpu, 0x80000031, b->cr3, 0x20, 0x500);
	else
		x86_set_control(cpu, 0x00000031, 0, 0, 0);
	set_flat_segments(cpu, lm);
	x86_set_eflags(cpu, 2);
	cpu->gpr[0] = b->rax;
	cpu->gpr[3] = b->rbx;
	cpu->gpr[6] = b->rsi;
	cpu->gpr[4] = 0x8000;
	cpu->rip = b->rip;
	x86_cpu_changed(cpu);
}

void pc_boot_apply(struct pc *pc)
{
	struct boot_image *b = pc->boot;
	unsigned i;

	if (!pc->microvm) {
		mch_firmware_done(pc->mch);
		ich9_lpc_firmware_done(pc->lpc);
	}
	for (i = 0; i < b->pieces; i++)
		dma_write(&pc->m.mem, b->piece[i].addr, b->piece[i].data, b->piece[i].len);
	boot_image_rest(b);
	if (pc->vcpus)
		set_registers(pc, b);
}
