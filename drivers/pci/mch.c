// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory controller hub of the q35 (82G33/Q35 data sheet 316966, device 0):
 * PAM registers that open RAM below the BIOS, and PCIEXBAR with the window to
 * extended configuration space. System management RAM is not offered (SMRAM
 * reads as locked).
 */
#include "bytes.h"
#include "dev/q35.h"

#define MCH_PCIEXBAR		0x60
#define  PCIEXBAR_ENABLE	1
#define  PCIEXBAR_LENGTH	6
#define MCH_PAM0		0x90
#define MCH_PAM_REGS		7
#define MCH_SMRAM		0x9d
#define  SMRAM_DEFAULT		0x1a	/* D_LCK, compatible segment: closed for good */
#define MCH_ESMRAMC		0x9e

#define PAM_READ		1
#define PAM_WRITE		2
#define PAM_SEGMENTS		13
#define PAM_PRIO		2
#define ECAM_PRIO		3

struct mch {
	struct pci_dev pci;
	struct mem_map seg[PAM_SEGMENTS];
	struct mem_region closed;		/* nothing behind: reads ones */
	struct mem_region *rom;
	u64 rom_from, rom_off;
	struct mem_region ecam;
	struct mem_map ecam_map;
};

static u64 seg_base(int i)
{
	/* 0: f0000-fffff; then c0000, c4000 ... ec000 */
	return i == 0 ? 0xf0000 : 0xc0000 + (u64)(i - 1) * 0x4000;
}

static u64 seg_len(int i)
{
	return i == 0 ? 0x10000 : 0x4000;
}

/* PAM0's high nibble is segment 0; PAMn's low and high are 2n-1 and 2n. */
static unsigned seg_mode(const struct mch *s, int i)
{
	u8 reg = s->pci.config[MCH_PAM0 + (i + 1) / 2];

	return (i == 0 || i % 2 == 0 ? reg >> 4 : reg) & 3;
}

static void map_segment(struct mch *s, int i)
{
	struct machine *m = s->pci.dev.machine;
	u64 base = seg_base(i), len = seg_len(i);
	unsigned mode = seg_mode(s, i);

	s->seg[i].rdonly = mode == PAM_READ;
	if (mode & PAM_READ)
		mem_map_add_part(&m->mem, &s->seg[i], m->ram, base, base, len, PAM_PRIO);
	else if (s->rom && base >= s->rom_from)
		mem_map_add_part(&m->mem, &s->seg[i], s->rom, base, s->rom_off + (base - s->rom_from), len, PAM_PRIO);
	else
		mem_map_add_part(&m->mem, &s->seg[i], &s->closed, base, 0, len, PAM_PRIO);
}

static void update_pam(struct mch *s)
{
	int i;

	mem_begin(&s->pci.dev.machine->mem);
	for (i = 0; i < PAM_SEGMENTS; i++)
		map_segment(s, i);
	mem_commit(&s->pci.dev.machine->mem);
}

void mch_set_rom(struct device *mch, struct mem_region *rom, u64 from, u64 rom_off)
{
	struct mch *s = (struct mch *)mch;

	s->rom = rom;
	s->rom_from = from;
	s->rom_off = rom_off;
	update_pam(s);
}

static void update_ecam(struct mch *s)
{
	static const u64 length[] = { 256 * MiB, 128 * MiB, 64 * MiB, 0 };
	u64 reg = get_le64(s->pci.config + MCH_PCIEXBAR), len = length[(reg & PCIEXBAR_LENGTH) >> 1];
	u64 base = reg & 0xff0000000ULL;

	if (len < 256 * MiB)
		base |= reg & 0x8000000;
	if (len < 128 * MiB)
		base |= reg & 0x4000000;
	if (!(reg & PCIEXBAR_ENABLE) || !len)
		mem_map_del(&s->ecam_map);
	else
		mem_map_add_part(&s->pci.dev.machine->mem, &s->ecam_map, &s->ecam, base, 0, len, ECAM_PRIO);
}

static void mch_config_write(struct pci_dev *pci, u32 addr, u32 val, unsigned len)
{
	struct mch *s = (struct mch *)pci;

	(void)val;
	if (addr < MCH_PAM0 + MCH_PAM_REGS && addr + len > MCH_PAM0)
		update_pam(s);
	if (addr < MCH_PCIEXBAR + 8 && addr + len > MCH_PCIEXBAR)
		update_ecam(s);
}

/* No lock here: pci_host_read() takes the lock of the device addressed, maybe mch's own. */
static u64 ecam_read(void *opaque, u64 off, unsigned size)
{
	struct mch *s = opaque;

	return pci_host_read(s->pci.bus, (u8)(off >> 20), (u8)(off >> 12), off & 0xfff, size);
}

static void ecam_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct mch *s = opaque;

	pci_host_write(s->pci.bus, (u8)(off >> 20), (u8)(off >> 12), off & 0xfff, (u32)val, size);
}

static const struct mem_ops ecam_ops = { .read = ecam_read, .write = ecam_write, .max = 4 };

static void mch_reset(struct device *dev)
{
	struct mch *s = (struct mch *)dev;
	u8 *c = s->pci.config;

	pci_reset(&s->pci);
	put_le64(c + MCH_PCIEXBAR, Q35_ECAM_BASE);
	memset(c + MCH_PAM0, 0, MCH_PAM_REGS);
	c[MCH_SMRAM] = SMRAM_DEFAULT;
	c[MCH_ESMRAMC] = 0x38;
	update_pam(s);
	update_ecam(s);
}

void mch_firmware_done(struct device *mch)
{
	struct mch *s = (struct mch *)mch;
	u8 *c = s->pci.config;

	device_lock(mch);
	put_le64(c + MCH_PCIEXBAR, Q35_ECAM_BASE | PCIEXBAR_ENABLE);
	memset(c + MCH_PAM0, 0x33, MCH_PAM_REGS);
	c[MCH_PAM0] = 0x30;
	update_pam(s);
	update_ecam(s);
	device_unlock(mch);
}

static int mch_realize(struct device *dev, struct err *err)
{
	struct mch *s = (struct mch *)dev;
	int ret = pci_init(&s->pci, err);

	if (ret < 0)
		return ret;
	put_le64(s->pci.wmask + MCH_PCIEXBAR, 0xffc000000ULL | PCIEXBAR_ENABLE | PCIEXBAR_LENGTH);
	memset(s->pci.wmask + MCH_PAM0, 0x33, MCH_PAM_REGS);
	s->pci.wmask[MCH_PAM0] = 0x30;
	mem_region_init_io(&s->closed, NULL, "pam-closed", 0x10000, NULL, NULL);
	mem_region_init_io(&s->ecam, NULL, "pcie-mmcfg", Q35_ECAM_SIZE, &ecam_ops, s);
	update_pam(s);
	return 0;
}

static void mch_unrealize(struct device *dev)
{
	struct mch *s = (struct mch *)dev;
	int i;

	for (i = 0; i < PAM_SEGMENTS; i++)
		mem_map_del(&s->seg[i]);
	mem_map_del(&s->ecam_map);
	pci_exit(&s->pci);
}

static const struct state_field mch_fields[] = {
	STATE_PCI(struct mch, pci),
	STATE_END
};

static int mch_post_load(void *dev, u8 version, struct err *err)
{
	struct mch *s = dev;

	(void)version;
	if (pci_post_load(&s->pci, err) < 0)
		return -err->code;
	update_pam(s);
	update_ecam(s);
	return 0;
}

static const struct state_table mch_state = { .version = 1, .fields = mch_fields, .post_load = mch_post_load };

static const struct pci_ops mch_ops = {
	.vendor = 0x8086, .device = 0x29c0, .class_code = 0x060000, .config_write = mch_config_write,
};

static const struct device_class mch_class = {
	.name = "mch", .desc = "Q35 memory controller", .bus = "PCI", .category = "Bridge",
	.size = sizeof(struct mch), .locking = LOCK_DEVICE, .internal = true,
	.bus_props = pci_props, .type_ops = &mch_ops,
	.realize = mch_realize, .unrealize = mch_unrealize, .reset = mch_reset, .state = &mch_state,
};
REGISTER(device, mch_class);
