// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What firmware is told of the disks' geometry: that of the first two SATA
 * disks in CMOS as the AT's BIOS wrote it (types in 0x12, 0x19 and 0x1a,
 * parameters from 0x1b and 0x24, translations in 0x39), and what the user
 * wants shown by fw_cfg "bios-geometry", lines of "PATH CYLS HEADS SECS".
 */
#include <errno.h>
#include <string.h>
#include "dev/fw_cfg.h"
#include "dev/rtc.h"
#include "pc.h"
#include "str.h"

#define CMOS_TYPES	0x12
#define CMOS_TRANS	0x39
#define TYPE_USER	47

/* Properties of dev/geometry.h; 0 where the device has none. */
static u32 number(const struct device *dev, const char *name)
{
	const struct prop *p = device_prop_find(dev->cls, name);
	u32 v = 0;

	if (p && p->type == PROP_T_ENUM)
		v = *((const u8 *)dev + p->offset);
	else if (p)
		memcpy(&v, (const u8 *)dev + p->offset, sizeof(v));
	return v;
}

/* ---- CMOS ---- */

static void cmos_disk(struct device *rtc, u8 type_at, u8 at, const struct device *disk)
{
	u32 cyls = number(disk, "cyls"), heads = number(disk, "heads");
	const u8 table[] = {
		(u8)cyls, (u8)(cyls >> 8), (u8)heads, 0xff, 0xff, (u8)(0xc0 | (heads > 8 ? 8 : 0)),
		(u8)cyls, (u8)(cyls >> 8), (u8)number(disk, "secs"),
	};
	unsigned i;

	rtc_set_cmos(rtc, type_at, TYPE_USER);
	for (i = 0; i < sizeof(table); i++)
		rtc_set_cmos(rtc, (u8)(at + i), table[i]);
}

static const struct device *sata_disk(struct pc *pc, const char *port)
{
	const struct device_bus *bus = device_bus_find(&pc->m, port, "IDE");
	const struct device *d = bus ? bus->first : NULL;

	return d && number(d, "cyls") ? d : NULL;
}

static void fill_cmos(struct pc *pc)
{
	const struct device *first = sata_disk(pc, "ide.0"), *second = sata_disk(pc, "ide.1");
	u8 trans = 0;

	if (!pc->rtc)
		return;
	/* The BIOS counts masters and slaves of two channels: our ports are the masters. */
	if (first) {
		cmos_disk(pc->rtc, 0x19, 0x1b, first);
		rtc_set_cmos(pc->rtc, CMOS_TYPES, 0xf0);
		trans |= (u8)((number(first, "bios-chs-trans") - 1) & 3);
	}
	if (second)
		trans |= (u8)(((number(second, "bios-chs-trans") - 1) & 3) << 4);
	rtc_set_cmos(pc->rtc, CMOS_TRANS, trans);
}

/* ---- fw_cfg ---- */

/* In the order in which the devices came, those with a wish. */
static s64 wish_rank(const struct device *dev)
{
	return number(dev, "lcyls") || number(dev, "lheads") || number(dev, "lsecs") ? (s64)dev->order : -1;
}

static void add_wish(struct strbuf *out, const struct device *dev)
{
	strbuf_printf(out, " %u %u %u", number(dev, "lcyls"), number(dev, "lheads"), number(dev, "lsecs"));
}

int pc_geometry(struct pc *pc)
{
	if (pc->microvm)
		return 0;
	fill_cmos(pc);
	return pc_firmware_list(pc, "bios-geometry", wish_rank, add_wish, NULL);
}
