// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What firmware is told about booting: -boot, and the order of the devices
 * with a bootindex as the list of Open Firmware paths that SeaBIOS and OVMF
 * read (fw_cfg "bootorder").
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "dev/fw_cfg.h"
#include "dev/pci.h"
#include "dev/rtc.h"
#include "dev/scsi.h"
#include "pc.h"
#include "str.h"

#define CMOS_BOOT3	0x38	/* third device in bits 7-4; bit 0: floppies need no signature, which we never say */
#define CMOS_BOOT12	0x3d

static unsigned cmos_code(char c)
{
	static const char letters[] = "?acdn";
	const char *p = c ? strchr(letters, c) : NULL;

	return p && p > letters ? (unsigned)(p - letters) : 0;
}

int pc_boot_order_check(const char *order, struct err *err)
{
	size_t i, n = strlen(order);

	for (i = 0; i < n; i++) {
		if (order[i] < 'a' || order[i] > 'p')
			return err_set(err, EINVAL, "Invalid boot device '%c'", order[i]);
		if (memchr(order, order[i], i))
			return err_set(err, EINVAL, "Boot device '%c' was given twice", order[i]);
	}
	if (n > 3)
		return err_set(err, EINVAL, "Too many boot devices for PC");
	i = strspn(order, "acdn");
	return i < n ? err_set(err, EINVAL, "Invalid boot device for PC: '%c'", order[i]) : 0;
}

/* "scsi@4" by the function's class; whole: and what hangs on it when it is a disk or card by itself. */
static void add_node(struct strbuf *out, const struct pci_dev *pci, bool whole)
{
	static const struct { u16 class; const char *name, *child; } kinds[] = {
		{ 0x0100, "scsi", "/disk@0,0" }, { 0x0108, NULL, "/namespace@1,0" }, { 0x0200, "ethernet", "/ethernet-phy@0" },
		{ 0x0300, "display", "" }, { 0x0604, "pci-bridge", "" },
	};
	u16 class = pci_get16(pci->config + PCI_CLASS_DEVICE);
	const char *name = NULL, *child = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].class == class) {
			name = kinds[i].name;
			child = kinds[i].child;
		}
	if (name)
		strbuf_printf(out, "/%s@", name);
	else
		strbuf_printf(out, "/pci%x,%x@", pci_get16(pci->config), pci_get16(pci->config + 2));
	strbuf_printf(out, "%x", PCI_SLOT((unsigned)pci->devfn));
	if (PCI_FUNC(pci->devfn))
		strbuf_printf(out, ",%x", PCI_FUNC((unsigned)pci->devfn));
	if (whole)
		strbuf_puts(out, child);
}

/* From the host bridge down. */
static void add_pci_path(struct strbuf *out, const struct pci_dev *pci, bool whole)
{
	if (pci->bus->bridge)
		add_pci_path(out, pci->bus->bridge, whole);
	else
		strbuf_puts(out, "/pci@i0cf8");
	add_node(out, pci, whole);
}

static bool on_bus(const struct device *dev, const char *type)
{
	return dev->bus && str_eq(dev->bus->type, type);
}

/* A disk behind a controller: on a SATA port, whose bus is named "....PORT", or a SCSI target. */
void pc_firmware_path(struct strbuf *out, const struct device *dev)
{
	const struct scsi_disk *disk = (const struct scsi_disk *)dev;
	const char *dot;

	if (on_bus(dev, "PCI")) {
		add_pci_path(out, (const struct pci_dev *)dev, true);
		return;
	}
	add_pci_path(out, (const struct pci_dev *)dev->bus->parent, false);
	dot = strrchr(dev->bus->name, '.');
	if (on_bus(dev, "IDE"))
		strbuf_printf(out, "/drive@%s/disk@0", dot ? dot + 1 : "0");
	else
		strbuf_printf(out, "/channel@0/disk@%x,%x", (unsigned)disk->target, (unsigned)disk->lun_nr);
}

static s64 bootindex_of(const struct device *dev)
{
	const struct prop *p = device_prop_find(dev->cls, "bootindex");
	s32 v = -1;

	if (p)
		memcpy(&v, (const u8 *)dev + p->offset, sizeof(v));
	return v;
}

bool pc_has_firmware_path(const struct device *dev)
{
	return on_bus(dev, "PCI") || ((on_bus(dev, "IDE") || on_bus(dev, "SCSI")) && on_bus(dev->bus->parent, "PCI"));
}

struct search {
	s64 (*rank)(const struct device *dev);
	s64 above, best;
	const struct device *found;
};

/* The device with the lowest rank above the last one. */
static int look(struct device *dev, int depth, void *opaque)
{
	struct search *s = opaque;
	s64 rank = pc_has_firmware_path(dev) ? s->rank(dev) : -1;

	(void)depth;
	if (rank > s->above && (!s->found || rank < s->best)) {
		s->best = rank;
		s->found = dev;
	}
	return 0;
}

int pc_firmware_list(struct pc *pc, const char *name, s64 (*rank)(const struct device *dev),
		     void (*more)(struct strbuf *out, const struct device *dev), const char *end)
{
	struct search s = { .rank = rank, .above = -1 };
	struct strbuf list = STRBUF_INIT;
	int ret = 0;

	for (;;) {
		s.found = NULL;
		device_walk(&pc->m, look, &s);
		if (!s.found)
			break;
		if (list.len)
			strbuf_putc(&list, '\n');
		pc_firmware_path(&list, s.found);
		if (more)
			more(&list, s.found);
		s.above = s.best;
	}
	if (list.len && end)
		strbuf_puts(&list, end);
	if (strbuf_failed(&list))
		ret = -ENOMEM;
	else	/* with the NUL at its end */
		ret = fw_cfg_add_file(pc->fw_cfg, name, list.s, list.len ? (u32)list.len + 1 : 0);
	strbuf_free(&list);
	return ret;
}

/* The letters into the clock's memory, where SeaBIOS looks when there is no bootindex. */
static void set_cmos_order(struct pc *pc, const char *order)
{
	size_t n = strlen(order);

	rtc_set_cmos(pc->rtc, CMOS_BOOT12, (u8)(cmos_code(order[0]) | (n > 1 ? cmos_code(order[1]) << 4 : 0)));
	rtc_set_cmos(pc->rtc, CMOS_BOOT3, (u8)(n > 2 ? cmos_code(order[2]) << 4 : 0));
}

static const char *lasting_order(const struct pc *pc)
{
	return pc->cfg.boot_order ? pc->cfg.boot_order : "cad";
}

void pc_boot_order_after_once(struct pc *pc)
{
	if (pc->cfg.boot_once && !pc->microvm)
		set_cmos_order(pc, lasting_order(pc));
	pc->cfg.boot_once = NULL;
}

int pc_boot_order(struct pc *pc)
{
	u8 raw[4];
	int ret = 0;

	if (pc->microvm)
		return 0;
	set_cmos_order(pc, pc->cfg.boot_once ? pc->cfg.boot_once : lasting_order(pc));
	fw_cfg_add_u16(pc->fw_cfg, FW_CFG_BOOT_MENU, pc->cfg.boot_menu);
	if (pc->cfg.has_boot_splash_ms) {
		put_le16(raw, (u16)pc->cfg.boot_splash_ms);
		ret = fw_cfg_add_file(pc->fw_cfg, "etc/boot-menu-wait", raw, 2);
	}
	if (ret == 0) {
		put_le32(raw, (u32)pc->cfg.reboot_timeout_ms);
		ret = fw_cfg_add_file(pc->fw_cfg, "etc/boot-fail-wait", raw, 4);
	}
	return ret ? ret : pc_firmware_list(pc, "bootorder", bootindex_of, NULL, pc->cfg.boot_strict ? "\nHALT" : NULL);
}
