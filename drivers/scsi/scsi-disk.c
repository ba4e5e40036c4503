// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -device scsi-hd, scsi-cd: logical units on the bus of a controller such as
 * virtio-scsi; the bus itself.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "dev/scsi.h"

#define TARGETS		256
#define LUNS		16384
#define REPORT_LUNS	0xa0
#define INQUIRY		0x12
#define REQUEST_SENSE	0x03
#define REPORT_MAX	256	/* units that are listed */

/* ---- the bus ---- */

static struct scsi_disk *to_disk(struct device *d)
{
	return (struct scsi_disk *)d;
}

struct scsi_disk *scsi_bus_find(struct scsi_bus *bus, int target, int lun)
{
	struct device *d;

	for (d = bus->bus.first; d; d = d->next)
		if (d->realized && to_disk(d)->target == target && to_disk(d)->lun_nr == lun)
			return to_disk(d);
	return NULL;
}

bool scsi_bus_has_target(struct scsi_bus *bus, int target)
{
	struct device *d;

	for (d = bus->bus.first; d; d = d->next)
		if (d->realized && to_disk(d)->target == target)
			return true;
	return false;
}

static bool taken(struct device_bus *bus, int target, int lun)
{
	struct device *d;

	for (d = bus->first; d; d = d->next)
		if (to_disk(d)->target == target && (lun < 0 || to_disk(d)->lun_nr == lun))
			return true;
	return false;
}

static int scsi_plug(struct device_bus *bus, struct device *dev, struct err *err)
{
	struct scsi_disk *d = (struct scsi_disk *)dev;

	if (d->channel)
		return err_set(err, EINVAL, "channel must be 0");
	if (d->lun_nr < 0)
		d->lun_nr = 0;
	if (d->target < 0)
		for (d->target = 0; d->target < TARGETS && taken(bus, d->target, -1); d->target++)
			;
	if (d->target >= TARGETS || d->lun_nr >= LUNS)
		return err_set(err, EINVAL, "bad scsi device id: %d, lun %d", d->target, d->lun_nr);
	if (taken(bus, d->target, d->lun_nr))
		return err_set(err, EBUSY, "target %d, lun %d is in use already", d->target, d->lun_nr);
	return 0;
}

void scsi_bus_init(struct scsi_bus *bus, struct device *hba, const char *name)
{
	device_bus_init(&bus->bus, "SCSI", name, hba);
	bus->bus.plug = scsi_plug;
	bus->hba = hba;
}

static void put_lun(u8 *p, int lun)
{
	put_be16(p, (u16)(lun < 256 ? lun : 0x4000 | lun));
}

static void report_luns(struct scsi_bus *bus, int target, struct scsi_cmd *c)
{
	u8 buf[8 + 8 * REPORT_MAX] = { 0 };
	struct device *d;
	unsigned n = 0;

	if (get_be32(c->cdb + 6) < 16 || c->cdb[2] > 2) {
		scsi_fail(c, SENSE_INVALID_FIELD);
		return;
	}
	/* Unit 0 always comes first. */
	if (c->cdb[2] != 1)
		n++;
	for (d = bus->bus.first; d && n < REPORT_MAX && c->cdb[2] != 1; d = d->next)
		if (d->realized && to_disk(d)->target == target && to_disk(d)->lun_nr)
			put_lun(buf + 8 + 8 * n++, to_disk(d)->lun_nr);
	put_be32(buf, 8 * n);
	scsi_reply(c, buf, 8 + 8 * n, get_be32(c->cdb + 6));
}

void scsi_start_target(struct scsi_bus *bus, int target, struct scsi_cmd *c)
{
	u8 buf[36] = { 0x7f, 0, 5, 2, 31 };

	c->lun = NULL;
	c->xfer = 0;
	c->overrun = false;
	c->slice = NULL;
	c->param = NULL;
	if (c->cdb[0] == REPORT_LUNS) {
		report_luns(bus, target, c);
	} else if (c->cdb[0] == INQUIRY && !(c->cdb[1] & 3) && !c->cdb[2]) {
		scsi_reply(c, buf, sizeof(buf), get_be16(c->cdb + 3));
	} else if (c->cdb[0] == REQUEST_SENSE) {
		scsi_sense_fill(SENSE_LUN_UNKNOWN, buf);
		scsi_reply(c, buf, SCSI_SENSE_LEN, c->cdb[4]);
	} else {
		scsi_fail(c, SENSE_LUN_UNKNOWN);
	}
}

/* ---- the devices ---- */

static struct scsi_bus *bus_of(struct device *dev)
{
	return container_of(dev->bus, struct scsi_bus, bus);
}

/* SBC-4 4.7.3: the initiators hear of another capacity. */
static void on_resized(struct blkdev *b)
{
	struct scsi_lun *l = container_of(b, struct scsi_lun, blk);
	struct scsi_disk *d = container_of(l, struct scsi_disk, lun);
	struct scsi_bus *bus = bus_of(&d->dev);

	if (!l->attention)
		l->attention = SENSE_CAPACITY_CHANGED;
	if (bus->attention)
		bus->attention(bus, d, SENSE_CAPACITY_CHANGED);
}

static int realize(struct scsi_disk *d, bool cd, struct err *err)
{
	struct scsi_bus *bus = bus_of(&d->dev);
	struct scsi_lun *l = &d->lun;

	if (d->logical < 512 || d->logical > 4096 || (d->logical & (d->logical - 1)) || d->physical < d->logical ||
	    d->physical > 32768 || (d->physical & (d->physical - 1)))
		return err_set(err, EINVAL, "logical_block_size must be a power of two from 512 to 4096 and physical_block_size not less");
	if (d->serial && strlen(d->serial) > 36)
		return err_set(err, EINVAL, "serial: at most 36 characters");
	scsi_lun_init(l, cd, d->vendor, d->product, d->version, d->serial ? d->serial : d->device_id);
	if (blkdev_open(&l->blk, bus->hba, d->drive_id, cd || d->removable, err) < 0)
		return -err->code;
	if (!cd && !d->removable && !l->blk.node) {
		blkdev_close(&l->blk);
		return err_set(err, EINVAL, "drive '%s' is empty: a disk needs a medium", d->drive_id);
	}
	if (cd) {
		l->blk.read_only = true;
	} else {
		l->removable = d->removable;
		l->blk.resized = on_resized;
		l->block = d->logical;
		l->physical = d->physical;
		if (disk_geometry_init(&d->geometry, &l->blk, 255, 255, err) < 0) {
			blkdev_close(&l->blk);
			return -err->code;
		}
		l->cyls = d->geometry.cyls;
		l->heads = d->geometry.heads;
	}
	l->wwn = d->wwn;
	scsi_lun_reset(l, true);
	if (l->removable)
		scsi_media_add(l, &d->dev);
	if (bus->changed)
		bus->changed(bus, d, true);
	return 0;
}

static int hd_realize(struct device *dev, struct err *err) { return realize((struct scsi_disk *)dev, false, err); }
static int cd_realize(struct device *dev, struct err *err) { return realize((struct scsi_disk *)dev, true, err); }

static void unrealize(struct device *dev)
{
	struct scsi_disk *d = (struct scsi_disk *)dev;
	struct scsi_bus *bus = bus_of(dev);

	device_lock(bus->hba);
	dev->realized = false;		/* no command finds it any more */
	blkdev_drain(&d->lun.blk);
	device_unlock(bus->hba);
	if (bus->changed)
		bus->changed(bus, d, false);
	scsi_media_del(&d->lun);
	blkdev_close(&d->lun.blk);
}

static const struct state_field fields[] = { STATE_SUB(struct scsi_disk, lun, scsi_lun_fields), STATE_END };
static const struct state_table state = { .version = 1, .fields = fields };

#define COMMON_PROPS \
	PROP(struct scsi_disk, drive_id, "drive", DRIVE, 0, "drive or block node"), \
	PROP(struct scsi_disk, target, "scsi-id", S32, (u64)-1, "target; -1: the next"), \
	PROP(struct scsi_disk, lun_nr, "lun", S32, (u64)-1, "logical unit; -1: 0"), \
	PROP(struct scsi_disk, channel, "channel", U32, 0, "0"), \
	PROP(struct scsi_disk, serial, "serial", STR, 0, "serial number"), \
	PROP(struct scsi_disk, device_id, "device_id", STR, 0, "identification when there is no serial number"), \
	PROP(struct scsi_disk, vendor, "vendor", STR, 0, "vendor"), \
	PROP(struct scsi_disk, product, "product", STR, 0, "product"), \
	PROP(struct scsi_disk, version, "ver", STR, 0, "version"), \
	PROP(struct scsi_disk, wwn, "wwn", U64, 0, "world wide name"), \
	PROP(struct scsi_disk, logical, "logical_block_size", U32, 512, "logical block size in bytes"), \
	PROP(struct scsi_disk, physical, "physical_block_size", U32, 512, "physical block size in bytes"), \
	PROP(struct scsi_disk, bootindex, "bootindex", S32, (u64)-1, "place in the firmware's boot order, -1: none")

static const struct prop hd_props[] = {
	COMMON_PROPS, PROPS_GEOMETRY(struct scsi_disk, geometry),
	PROP(struct scsi_disk, removable, "removable", BOOL, 0, "the medium can be changed"), PROP_END
};
static const struct prop cd_props[] = { COMMON_PROPS, PROP_END };

static const struct device_class scsi_hd_class = {
	.name = "scsi-hd", .desc = "SCSI disk", .bus = "SCSI", .category = "Storage", .size = sizeof(struct scsi_disk),
	.locking = LOCK_NONE, .hotplug = true, .props = hd_props, .realize = hd_realize, .unrealize = unrealize, .state = &state,
};
REGISTER(device, scsi_hd_class);

static const struct device_class scsi_cd_class = {
	.name = "scsi-cd", .desc = "SCSI CD-ROM drive", .bus = "SCSI", .category = "Storage", .size = sizeof(struct scsi_disk),
	.locking = LOCK_NONE, .hotplug = true, .props = cd_props, .realize = cd_realize, .unrealize = unrealize, .state = &state,
};
REGISTER(device, scsi_cd_class);
