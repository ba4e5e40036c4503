// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SATA disks and CD drives: -device ide-hd, ide-cd (-drive if=ide, -cdrom).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ide.h"

static int check_blocks(const struct ide_dev *d, struct err *err)
{
	if (d->logical < 512 || d->logical > 4096 || (d->logical & (d->logical - 1)) || d->physical < d->logical ||
	    d->physical > 32768 || (d->physical & (d->physical - 1)))
		return err_set(err, EINVAL, "logical_block_size must be a power of two from 512 to 4096 and physical_block_size not less");
	if (d->unit > 0)
		return err_set(err, EINVAL, "a SATA port has unit 0 only");
	if (d->serial && strlen(d->serial) > 20)
		return err_set(err, EINVAL, "serial: at most 20 characters");
	return 0;
}

static int realize(struct device *dev, bool cd, struct err *err)
{
	struct ide_dev *d = (struct ide_dev *)dev;
	char serial[24];

	if (check_blocks(d, err) < 0)
		return -err->code;
	d->cd = cd;
	snprintf(serial, sizeof(serial), "QM%05u", ahci_port_number(dev->bus) + 1);
	scsi_lun_init(&d->lun, cd, "QEMU", cd ? "QEMU DVD-ROM" : "QEMU HARDDISK", d->version, d->serial ? d->serial : serial);
	if (blkdev_open(&d->lun.blk, ahci_of(dev->bus), d->drive_id, cd, err) < 0)
		return -err->code;
	if (!cd && !d->lun.blk.node) {
		blkdev_close(&d->lun.blk);
		return err_set(err, EINVAL, "drive '%s' is empty: a disk needs a medium", d->drive_id);
	}
	if (!cd && disk_geometry_init(&d->geometry, &d->lun.blk, 16, 255, err) < 0) {
		blkdev_close(&d->lun.blk);
		return -err->code;
	}
	if (cd)
		d->lun.blk.read_only = true;
	if (cd)
		scsi_media_add(&d->lun, dev);
	ahci_attach(dev->bus, d);
	return 0;
}

static int hd_realize(struct device *dev, struct err *err) { return realize(dev, false, err); }
static int cd_realize(struct device *dev, struct err *err) { return realize(dev, true, err); }

static void ide_unrealize(struct device *dev)
{
	ahci_attach(dev->bus, NULL);
	scsi_media_del(&((struct ide_dev *)dev)->lun);
	blkdev_close(&((struct ide_dev *)dev)->lun.blk);
}

static const struct state_field fields[] = {
	STATE_SUB(struct ide_dev, lun, scsi_lun_fields), STATE_ARRAY(struct ide_dev, ncq_error, U8), STATE_END
};
static const struct state_table state = { .version = 1, .fields = fields };

#define COMMON_PROPS \
	PROP(struct ide_dev, drive_id, "drive", DRIVE, 0, "drive or block node"), \
	PROP(struct ide_dev, unit, "unit", S32, (u64)-1, "0"), \
	PROP(struct ide_dev, serial, "serial", STR, 0, "serial number, 20 characters at most"), \
	PROP(struct ide_dev, model, "model", STR, 0, "model"), \
	PROP(struct ide_dev, version, "ver", STR, 0, "firmware's version"), \
	PROP(struct ide_dev, wwn, "wwn", U64, 0, "world wide name"), \
	PROP(struct ide_dev, logical, "logical_block_size", U32, 512, "logical block size in bytes"), \
	PROP(struct ide_dev, physical, "physical_block_size", U32, 512, "physical block size in bytes"), \
	PROP(struct ide_dev, bootindex, "bootindex", S32, (u64)-1, "place in the firmware's boot order, -1: none")

static const struct prop hd_props[] = {
	COMMON_PROPS, PROPS_GEOMETRY(struct ide_dev, geometry), PROP_CHS_TRANS(struct ide_dev, geometry), PROP_END
};
static const struct prop cd_props[] = { COMMON_PROPS, PROP_END };

static const struct device_class ide_hd_class = {
	.name = "ide-hd", .desc = "SATA disk", .bus = "IDE", .category = "Storage", .size = sizeof(struct ide_dev),
	.locking = LOCK_NONE, .props = hd_props, .realize = hd_realize, .unrealize = ide_unrealize, .state = &state,
};
REGISTER(device, ide_hd_class);

static const struct device_class ide_cd_class = {
	.name = "ide-cd", .desc = "SATA CD-ROM drive", .bus = "IDE", .category = "Storage", .size = sizeof(struct ide_dev),
	.locking = LOCK_NONE, .props = cd_props, .realize = cd_realize, .unrealize = ide_unrealize, .state = &state,
};
REGISTER(device, ide_cd_class);
