// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Firmware boot: the BIOS image below 4 GiB and below 1 MiB, and what it
 * learns by fw_cfg: memory map, ACPI tables with their loader script, counts,
 * and the kernel that it is to start.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "acpi.h"
#include "bytes.h"
#include "dev/datafile.h"
#include "dev/fw_cfg.h"
#include "dev/pflash.h"
#include "dev/q35.h"
#include "mem.h"
#include "pc.h"
#include "smbios.h"
#include "x86/boot.h"

#define FOUR_GIB	0x100000000ULL
#define BIOS_MAX	(16 * MiB)
#define FLASH_LOWEST	(FOUR_GIB - 8 * MiB)	/* below are the local APIC and other windows */

static int read_all(int fd, u8 *p, u64 len)
{
	while (len) {
		ssize_t n = read(fd, p, len);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (u64)n;
	}
	return 0;
}

/* The last 128 KiB below 1 MiB too, where a processor in real mode reaches them. */
static void show_low(struct pc *pc, struct mem_region *rom)
{
	u64 low = MIN(rom->size, 128 * KiB);

	mch_set_rom(pc->mch, rom, MiB - low, rom->size - low);
	pc->has_firmware = true;
}

static int load_bios(struct pc *pc, const char *name, struct err *err)
{
	struct stat st;
	int fd = data_file_open(name), ret;

	if (fd < 0)
		return err_errno(err, errno, "cannot find the firmware '%s'", name);
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size % 65536 || st.st_size > (off_t)BIOS_MAX) {
		close(fd);
		return err_set(err, EINVAL, "firmware '%s': the size must be a multiple of 64 KiB up to 16 MiB", name);
	}
	ret = mem_region_init_rom(&pc->bios, "pc.bios", (u64)st.st_size, err);
	if (ret == 0 && read_all(fd, pc->bios.host, pc->bios.size) < 0)
		ret = err_set(err, EIO, "cannot read the firmware '%s'", name);
	close(fd);
	if (ret < 0)
		return ret;
	mem_map_add(&pc->m.mem, &pc->bios_high, &pc->bios, FOUR_GIB - pc->bios.size, 5);
	show_low(pc, &pc->bios);
	return 0;
}

/* Chip 0 ends at 4 GiB and holds the reset vector, chip 1 (variables) lies below it. */
static int load_flash(struct pc *pc, struct err *err)
{
	u64 end = FOUR_GIB;
	unsigned i;

	if (!pc->cfg.pflash[0])
		return err_set(err, EINVAL, "pflash: there is a second chip but no first one");
	for (i = 0; i < ARRAY_SIZE(pc->cfg.pflash) && pc->cfg.pflash[i]; i++) {
		struct device *chip = device_create(&pc->m, NULL, "cfi.pflash01", err, "drive", pc->cfg.pflash[i], NULL);

		if (!chip)
			return -err->code;
		end = pflash_place(chip, end);
		if (end < FLASH_LOWEST)
			return err_set(err, EINVAL, "pflash: the chips take more than 8 MiB");
		if (i == 0)
			show_low(pc, pflash_rom(chip));
	}
	return 0;
}

int pc_firmware_load(struct pc *pc, struct err *err)
{
	if (pc->microvm && (pc->cfg.bios || pc->cfg.pflash[0] || pc->cfg.pflash[1]))
		return err_set(err, ENOTSUP, "machine type 'microvm' has no place for firmware, it starts a kernel itself");
	if (pc->microvm && !pc->cfg.kernel && !pc->cfg.no_cpus)
		return err_set(err, EINVAL, "machine type 'microvm' needs a kernel: say -kernel FILE");
	if (pc->cfg.bios && pc->cfg.pflash[0])
		return err_set(err, EINVAL, "-bios and a first flash chip exclude each other");
	if (pc->cfg.bios)
		return load_bios(pc, pc->cfg.bios, err);
	if (pc->cfg.pflash[0] || pc->cfg.pflash[1])
		return load_flash(pc, err);
	if (pc->cfg.kernel || pc->cfg.no_cpus)
		return 0;
	return load_bios(pc, "bios-256k.bin", err);
}

/* ---- the table loader's script (QEMU's docs/specs: fw_cfg "etc/table-loader") ---- */

#define LOADER_ALLOCATE		1
#define LOADER_ADD_POINTER	2
#define LOADER_ADD_CHECKSUM	3
#define ZONE_HIGH		1
#define ZONE_FSEG		2
#define ENTRY			128
#define NAME			56
#define TABLES_FILE		"etc/acpi/tables"
#define RSDP_FILE		"etc/acpi/rsdp"

struct script {
	u8 e[ENTRY * (2 * ACPI_FIXUPS + 8)];
	u32 n;
};

static u8 *entry(struct script *s, u32 command, const char *file)
{
	u8 *e = s->e + ENTRY * s->n++;

	put_le32(e, command);
	strcpy((char *)e + 4, file);
	return e;
}

static void allocate(struct script *s, const char *file, u32 align, u8 zone)
{
	u8 *e = entry(s, LOADER_ALLOCATE, file);

	put_le32(e + 4 + NAME, align);
	e[8 + NAME] = zone;
}

static void add_pointer(struct script *s, const char *file, u32 offset, u8 size)
{
	u8 *e = entry(s, LOADER_ADD_POINTER, file);

	strcpy((char *)e + 4 + NAME, TABLES_FILE);
	put_le32(e + 4 + 2 * NAME, offset);
	e[8 + 2 * NAME] = size;
}

static void add_checksum(struct script *s, const char *file, u32 offset, u32 start, u32 len)
{
	u8 *e = entry(s, LOADER_ADD_CHECKSUM, file);

	put_le32(e + 4 + NAME, offset);
	put_le32(e + 8 + NAME, start);
	put_le32(e + 12 + NAME, len);
}

static int add_acpi(struct pc *pc, struct err *err)
{
	struct acpi_config cfg;
	struct acpi_tables t;
	struct script *s;
	unsigned i;
	int ret = 0;

	pc_acpi_config(pc, &cfg);
	if (acpi_build(&t, &cfg, err) < 0)
		return -err->code;
	s = mem_zalloc(sizeof(*s));
	if (!s) {
		acpi_free(&t);
		return err_set(err, ENOMEM, "out of memory");
	}
	allocate(s, RSDP_FILE, 16, ZONE_FSEG);
	allocate(s, TABLES_FILE, 64, ZONE_HIGH);
	for (i = 0; i < t.pointers; i++)
		add_pointer(s, t.pointer[i].in_rsdp ? RSDP_FILE : TABLES_FILE, t.pointer[i].offset, t.pointer[i].size);
	for (i = 0; i < t.sums; i++)
		add_checksum(s, TABLES_FILE, t.sum[i].offset, t.sum[i].start, t.sum[i].len);
	add_checksum(s, RSDP_FILE, 8, 0, 20);
	add_checksum(s, RSDP_FILE, 32, 0, 36);
	if (fw_cfg_add_file(pc->fw_cfg, TABLES_FILE, t.blob, (u32)t.len) < 0 ||
	    fw_cfg_add_file(pc->fw_cfg, RSDP_FILE, t.rsdp, sizeof(t.rsdp)) < 0 ||
	    fw_cfg_add_file(pc->fw_cfg, "etc/table-loader", s->e, ENTRY * s->n) < 0)
		ret = err_set(err, ENOMEM, "out of memory");
	mem_free(s);
	acpi_free(&t);
	return ret;
}

static int add_e820(struct pc *pc)
{
	u8 e[3 * 20];
	u32 n = 0;

	put_le64(e, 0);
	put_le64(e + 8, pc->m.below_4g);
	put_le32(e + 16, 1);
	n++;
	if (pc->m.above_4g) {
		put_le64(e + 20, FOUR_GIB);
		put_le64(e + 28, pc->m.above_4g);
		put_le32(e + 36, 1);
		n++;
	}
	return fw_cfg_add_file(pc->fw_cfg, "etc/e820", e, 20 * n);
}

/* SeaBIOS shows its text on this port as well. */
static int serial_console(struct pc *pc)
{
	static const u8 port[2] = { 0xf8, 0x03 };

	return fw_cfg_add_file(pc->fw_cfg, "etc/sercon-port", port, sizeof(port));
}

static int add_smbios(struct pc *pc, struct err *err)
{
	struct smbios s;
	int ret = smbios_build(&s, pc, err);

	if (ret == 0 && (fw_cfg_add_file(pc->fw_cfg, "etc/smbios/smbios-tables", s.data, (u32)s.len) < 0 ||
			 fw_cfg_add_file(pc->fw_cfg, "etc/smbios/smbios-anchor", s.anchor, SMBIOS_ANCHOR) < 0))
		ret = err_set(err, ENOMEM, "out of memory");
	mem_free(s.data);
	return ret;
}

/* ---- -kernel through the firmware ---- */

#define SETUP_SECTS	0x1f1
#define BOOT_MAGIC	0x202

/* The kernel's real mode part and the rest are two items. Its bytes are not touched: they may be signed. */
static int add_kernel(struct pc *pc, struct boot_image *files, struct err *err)
{
	struct device *fw = pc->fw_cfg;
	u64 len, setup;
	const u8 *k = boot_image_map(files, pc->cfg.kernel, 1024, &len, err);

	if (!k)
		return -err->code;
	setup = ((k[SETUP_SECTS] ? k[SETUP_SECTS] : 4) + 1) * 512ULL;
	if (memcmp(k + BOOT_MAGIC, "HdrS", 4) != 0 || setup > len)
		return err_set(err, EINVAL, "kernel '%s': firmware starts a bzImage only", pc->cfg.kernel);
	if (len > INT32_MAX)
		return err_set(err, EFBIG, "kernel '%s' is too big", pc->cfg.kernel);
	if (fw_cfg_add_u32(fw, FW_CFG_SETUP_SIZE, (u32)setup) < 0 || fw_cfg_add_bytes(fw, FW_CFG_SETUP_DATA, k, (u32)setup) < 0 ||
	    fw_cfg_add_u32(fw, FW_CFG_KERNEL_SIZE, (u32)(len - setup)) < 0 ||
	    fw_cfg_add_bytes(fw, FW_CFG_KERNEL_DATA, k + setup, (u32)(len - setup)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

static int add_initrd(struct pc *pc, struct boot_image *files, struct err *err)
{
	const u8 *p;
	u64 len;

	if (!pc->cfg.initrd)
		return 0;
	p = boot_image_map(files, pc->cfg.initrd, 0, &len, err);
	if (!p)
		return -err->code;
	if (len > INT32_MAX)
		return err_set(err, EFBIG, "initrd '%s' is too big", pc->cfg.initrd);
	if (fw_cfg_add_u32(pc->fw_cfg, FW_CFG_INITRD_SIZE, (u32)len) < 0 ||
	    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_INITRD_DATA, p, (u32)len) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

/* OVMF takes kernel, initrd and command line from these items and starts them before anything else. */
static int add_linux(struct pc *pc, struct err *err)
{
	struct boot_image files = { .pieces = 0 };
	const char *line = pc->cfg.append ? pc->cfg.append : "";
	u32 len = (u32)strlen(line) + 1;

	if (add_kernel(pc, &files, err) == 0 && add_initrd(pc, &files, err) == 0 &&
	    (fw_cfg_add_u32(pc->fw_cfg, FW_CFG_CMDLINE_SIZE, len) < 0 ||
	     fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_CMDLINE_DATA, line, len) < 0))
		err_set(err, ENOMEM, "out of memory");
	boot_image_free(&files);
	return -err->code;
}

bool pc_firmware_boots_kernel(const struct pc *pc)
{
	return pc->cfg.kernel && pc->cfg.pflash[0];
}

/* Behind the highest APIC id. */
static unsigned apic_id_limit(const struct pc *pc)
{
	return x86_topology_apic_id(&pc->cfg.topology, pc->cfg.cpus - 1) + 1;
}

/* Number of nodes, node of each APIC id, memory of each node: 64 bits each. */
static void add_numa(struct pc *pc)
{
	const struct pc_numa *numa = pc->cfg.numa;
	u8 buf[8 * (1 + X86_APIC_IDS + PC_NODES)] = { 0 }, *p = buf + 8;
	unsigned i;

	if (numa) {
		put_le64(buf, numa->nodes);
		for (i = 0; i < pc->cfg.cpus; i++)
			put_le64(p + 8 * x86_topology_apic_id(&pc->cfg.topology, i), numa->cpu_node[i]);
		p += 8 * apic_id_limit(pc);
		for (i = 0; i < numa->nodes; i++, p += 8)
			put_le64(p, numa->mem[i]);
	}
	fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_NUMA, buf, (u32)(p - buf));
}

int pc_firmware_tables(struct pc *pc, struct err *err)
{
	struct device *fw = pc->fw_cfg;

	fw_cfg_add_u64(fw, FW_CFG_RAM_SIZE, pc->m.ram_size);
	fw_cfg_add_u16(fw, FW_CFG_NB_CPUS, (u16)pc->cfg.cpus);
	fw_cfg_add_u16(fw, FW_CFG_MAX_CPUS, (u16)apic_id_limit(pc));
	fw_cfg_add_u16(fw, FW_CFG_NOGRAPHIC, pc->cfg.nographic);
	fw_cfg_add_bytes(fw, FW_CFG_UUID, pc->cfg.uuid, 16);
	fw_cfg_add_u32(fw, FW_CFG_IRQ0_OVERRIDE, 1);
	add_numa(pc);
	if (pc->cfg.nographic && serial_console(pc) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (add_e820(pc) < 0 || pc_boot_order(pc) < 0 || pc_geometry(pc) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (add_smbios(pc, err) < 0 || (pc_firmware_boots_kernel(pc) && add_linux(pc, err) < 0))
		return -err->code;
	if (pc->cfg.no_acpi)
		return 0;
	return add_acpi(pc, err);
}
