/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the SATA room: the disks and CD drives (ide.c, identify.c), their
 * commands (ata.c) and the controller that carries them (ahci.c). Everything
 * under the controller's lock.
 */
#ifndef VMBOX_DRIVERS_IDE_H
#define VMBOX_DRIVERS_IDE_H

#include "dev/geometry.h"
#include "dev/pci.h"
#include "dev/scsi.h"
#include "dev/sglist.h"

/* Status and error registers (ATA8-ACS section 6). */
#define ATA_ERR		0x01
#define ATA_DRQ		0x08
#define ATA_SEEK	0x10	/* obsolete, drivers like to see it */
#define ATA_FAULT	0x20
#define ATA_READY	0x40
#define ATA_BUSY	0x80
#define ATA_ABORT	0x04
#define ATA_IDNF	0x10
#define ATA_UNC		0x40

#define ATA_SECTOR	512u
#define ATA_IDENTIFY_LEN 512u

struct ide_dev {
	struct device dev;
	/* Properties. */
	char *drive_id, *serial, *model, *version;
	u64 wwn;
	s32 unit, bootindex;
	u32 logical, physical;
	struct disk_geometry geometry;
	struct scsi_lun lun;		/* a disk uses its blk only */
	bool cd;
	u8 ncq_error[ATA_SECTOR];	/* log page 10h */
};

/* Registers as a command brings and leaves them. */
struct ata_regs {
	u8  command, device, control;
	u16 feature, count;
	u64 lba;			/* 48 bits */
	u8  status, error;
};

enum ata_protocol { ATA_NON_DATA, ATA_PIO_IN, ATA_PIO_OUT, ATA_DMA, ATA_NCQ, ATA_PACKET };

/* A command in a slot of the controller. */
struct ata_cmd {
	struct scsi_cmd scsi;		/* PACKET; its io serves all others */
	struct ide_dev *d;
	struct ata_regs r;
	u8  packet[16];
	struct sglist sg;		/* made by ata_want() */
	enum ata_protocol protocol;
	u8  tag;
	u64 done_bytes;
	u8  *buf;			/* data of PIO commands and of trims */
	u32 buf_len;
	/* The controller's: */
	int  (*map)(struct ata_cmd *c, u64 bytes, bool to_guest);	/* fills sg; -errno */
	void (*complete)(struct ata_cmd *c);
	void *port;
	unsigned slot;
	u32 generation;
};

/* r, packet and the controller's part are set; ends in complete(). */
void ata_start(struct ata_cmd *c);
void ata_identify(const struct ide_dev *d, u8 out[ATA_IDENTIFY_LEN]);
void ata_identify_packet(const struct ide_dev *d, u8 out[ATA_IDENTIFY_LEN]);
/* Signature after reset: what the registers say. */
void ata_signature(const struct ide_dev *d, struct ata_regs *r);

extern const struct state_field ide_dev_fields[];

/* ahci.c: the device in a port of the bus came or goes. Main thread. */
struct device *ahci_of(struct device_bus *bus);
/* Counts the ports of all controllers: those of the board are 0 to 5. */
unsigned ahci_port_number(struct device_bus *bus);
void ahci_attach(struct device_bus *bus, struct ide_dev *d);

#endif
