/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCSI logical units: disks (SBC-3) and CD/DVD drives (MMC-5) over block
 * nodes. The transports are virtio-scsi and, for CDs, AHCI's packet command.
 *
 * Threads: everything under the lock of the controller (blk.dev); complete()
 * comes under it too, possibly before scsi_start() returns.
 */
#ifndef VMBOX_DEV_SCSI_H
#define VMBOX_DEV_SCSI_H

#include <sys/uio.h>
#include "dev/geometry.h"

#define SCSI_GOOD		0x00
#define SCSI_CHECK_CONDITION	0x02
#define SCSI_BUSY		0x08
#define SCSI_TASK_ABORTED	0x40

#define SCSI_SENSE_LEN		18
#define SCSI_CDB_MAX		32

/* key << 16 | code << 8 | qualifier (SPC-4 annex D). */
#define SENSE_NONE		0x000000
#define SENSE_NOT_READY_NO_MEDIUM	0x023a00
#define SENSE_NO_MEDIUM_CLOSED	0x023a01
#define SENSE_NO_MEDIUM_OPEN	0x023a02
#define SENSE_READ_ERROR	0x031100
#define SENSE_WRITE_ERROR	0x030c00
#define SENSE_INVALID_OPCODE	0x052000
#define SENSE_LBA_RANGE		0x052100
#define SENSE_INVALID_FIELD	0x052400
#define SENSE_INVALID_PARAM	0x052600
#define SENSE_PARAM_LENGTH	0x051a00
#define SENSE_LUN_UNKNOWN	0x052500
#define SENSE_REMOVAL_PREVENTED	0x055302
#define SENSE_MEDIUM_CHANGED	0x062800
#define SENSE_POWER_ON		0x062900
#define SENSE_CAPACITY_CHANGED	0x062a09
#define SENSE_WRITE_PROTECTED	0x072700
#define SENSE_SPACE_ALLOC	0x072707
#define SENSE_IO_ERROR		0x0b0006	/* I/O process terminated */

struct scsi_lun {
	struct blkdev blk;
	bool cdrom, removable;
	u32 block, physical;		/* bytes */
	u32 cyls, heads;		/* of a disk */
	char vendor[9], product[17], version[5], serial[37];
	u64 wwn;			/* 0: none */
	/* Saved: */
	bool tray_open, locked, write_cache;
	u32 attention;			/* unit attention to report, 0: none */
	u32 sense;			/* of the last command, for REQUEST SENSE */
	u8  event;			/* for GET EVENT STATUS NOTIFICATION */
	/* The device that the monitor knows, and the list of all removable ones. */
	struct device *front;
	struct scsi_lun *next;
};

struct scsi_cmd {
	struct blkdev_req io;
	struct scsi_lun *lun;
	u8  cdb[SCSI_CDB_MAX];
	const struct iovec *iov;	/* the initiator's buffer, either direction; lives until complete() */
	unsigned niov;
	u64 room;			/* bytes in it */
	bool to_dev;			/* it holds data for the device */
	/* Results: */
	u64 xfer;			/* bytes moved */
	bool overrun;			/* the command wanted more than room; what fits was moved */
	u8  status;
	u32 sense;
	void (*complete)(struct scsi_cmd *c);
	/* The engine's: */
	struct iovec *slice;
	u8 *param;			/* WRITE SAME: a block; UNMAP: the list */
	u32 param_len;
};

/* Texts from the user may be NULL. */
void scsi_lun_init(struct scsi_lun *l, bool cdrom, const char *vendor, const char *product, const char *version,
		   const char *serial);
void scsi_lun_reset(struct scsi_lun *l, bool power_on);
/* cdb, iov, niov, room, complete are set; the rest is cleared by this. */
void scsi_start(struct scsi_lun *l, struct scsi_cmd *c);
/* Fixed format sense data (SPC-4 4.5.3). */
void scsi_sense_fill(u32 sense, u8 buf[SCSI_SENSE_LEN]);
/* Length of a CDB by its group code; 0: unknown. */
unsigned scsi_cdb_len(u8 opcode);

/* media.c: the monitor finds it. Main thread. */
void scsi_media_add(struct scsi_lun *l, struct device *front);
void scsi_media_del(struct scsi_lun *l);
/* Trays, for the monitor; the lock is held and nothing is in flight. */
void scsi_tray_moved(struct scsi_lun *l, bool open);
void scsi_medium_changed(struct scsi_lun *l);

/* For the engine's files. */
void scsi_reply(struct scsi_cmd *c, const void *buf, u64 len, u64 alloc);
void scsi_good(struct scsi_cmd *c);
void scsi_fail(struct scsi_cmd *c, u32 sense);
void scsi_read_write(struct scsi_cmd *c, bool write, u64 lba, u64 blocks, bool fua);
/* cd.c: true when it was one of the CD's own commands. */
bool scsi_cd_start(struct scsi_lun *l, struct scsi_cmd *c);
size_t scsi_cd_mode_page(const struct scsi_lun *l, u8 page, u8 *p);

extern const struct state_field scsi_lun_fields[];

/* ---- devices on a SCSI bus: scsi-hd, scsi-cd ---- */

struct scsi_disk {
	struct device dev;
	/* Properties. */
	char *drive_id, *serial, *vendor, *product, *version, *device_id;
	u64 wwn;
	s32 target, lun_nr, bootindex;
	u32 channel, logical, physical;
	struct disk_geometry geometry;
	bool removable;
	struct scsi_lun lun;
};

struct scsi_bus {
	struct device_bus bus;		/* type "SCSI" */
	struct device *hba;
	/* A disk came (on) or goes; main thread, no lock held. */
	void (*changed)(struct scsi_bus *bus, struct scsi_disk *d, bool on);
	/* A disk reports a unit attention by itself; under the controller's lock; may be NULL. */
	void (*attention)(struct scsi_bus *bus, struct scsi_disk *d, u32 sense);
};

void scsi_bus_init(struct scsi_bus *bus, struct device *hba, const char *name);
/* NULL: nobody there. Under the controller's lock. */
struct scsi_disk *scsi_bus_find(struct scsi_bus *bus, int target, int lun);
/* True when the target has any unit. */
bool scsi_bus_has_target(struct scsi_bus *bus, int target);
/* REPORT LUNS and what a missing unit answers; c->lun is not used. */
void scsi_start_target(struct scsi_bus *bus, int target, struct scsi_cmd *c);

#endif
