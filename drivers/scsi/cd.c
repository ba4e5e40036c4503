// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands of CD and DVD drives (MMC-5): tables of contents, configuration,
 * events. Reading is the disk's.
 */
#include <string.h>
#include "bytes.h"
#include "dev/scsi.h"

#define READ_TOC		0x43
#define GET_CONFIGURATION	0x46
#define GET_EVENT_STATUS	0x4a
#define READ_DISC_INFO		0x51
#define SET_CD_SPEED		0xbb
#define MECHANISM_STATUS	0xbd
#define READ_CD			0xbe

#define CD_BLOCKS_MAX		(80 * 60 * 75ULL)	/* what is larger is a DVD */
#define PROFILE_CD		0x0008
#define PROFILE_DVD		0x0010

static u64 blocks_of(const struct scsi_lun *l)
{
	return blkdev_bytes(&l->blk) / l->block;
}

static bool has_medium(const struct scsi_lun *l)
{
	return !l->tray_open && l->blk.node && blocks_of(l);
}

/* An address of the table of contents: a block, or minute, second, frame. */
static void put_addr(u8 *p, u64 lba, bool msf)
{
	if (!msf) {
		put_be32(p, (u32)lba);
		return;
	}
	lba += 150;
	p[0] = 0;
	p[1] = (u8)(lba / 75 / 60);
	p[2] = (u8)(lba / 75 % 60);
	p[3] = (u8)(lba % 75);
}

static void put_track(u8 *p, u8 nr, u64 lba, bool msf)
{
	p[1] = 0x14;			/* data */
	p[2] = nr;
	put_addr(p + 4, lba, msf);
}

static void read_toc(struct scsi_lun *l, struct scsi_cmd *c)
{
	bool msf = c->cdb[1] & 2;
	u8 buf[24] = { 0 }, format = c->cdb[2] & 15, start = c->cdb[6];
	size_t n = 4;

	if (!format)
		format = c->cdb[9] >> 6;
	buf[2] = buf[3] = 1;
	if (format == 0 && (start <= 1 || start == 0xaa)) {
		if (start <= 1) {
			put_track(buf + n, 1, 0, msf);
			n += 8;
		}
		put_track(buf + n, 0xaa, blocks_of(l), msf);
		n += 8;
	} else if (format == 1) {
		put_track(buf + n, 1, 0, msf);
		n += 8;
	} else {
		scsi_fail(c, SENSE_INVALID_FIELD);
		return;
	}
	put_be16(buf, (u16)(n - 2));
	scsi_reply(c, buf, n, get_be16(c->cdb + 7));
}

static u16 profile(const struct scsi_lun *l)
{
	if (!has_medium(l))
		return 0;
	return blocks_of(l) > CD_BLOCKS_MAX ? PROFILE_DVD : PROFILE_CD;
}

/* Features: profile list, core, removable medium. */
static void get_configuration(struct scsi_lun *l, struct scsi_cmd *c)
{
	u16 now = profile(l), first = get_be16(c->cdb + 2);
	u8 buf[40] = { 0 };
	size_t n = 8;

	put_be16(buf + 6, now);
	if (first == 0) {
		buf[n + 2] = 3;
		buf[n + 3] = 8;
		put_be16(buf + n + 4, PROFILE_DVD);
		buf[n + 6] = now == PROFILE_DVD;
		put_be16(buf + n + 8, PROFILE_CD);
		buf[n + 10] = now == PROFILE_CD;
		n += 12;
	}
	if (first <= 1) {
		buf[n + 1] = 1;
		buf[n + 2] = 0x0b;
		buf[n + 3] = 8;
		put_be32(buf + n + 4, 2);	/* ATAPI-like */
		buf[n + 8] = 1;
		n += 12;
	}
	if (first <= 3) {
		buf[n + 1] = 3;
		buf[n + 2] = 3;
		buf[n + 3] = 4;
		buf[n + 4] = 0x29;		/* tray, ejects, locks */
		n += 8;
	}
	put_be32(buf, (u32)(n - 4));
	scsi_reply(c, buf, n, get_be16(c->cdb + 7));
}

static void get_events(struct scsi_lun *l, struct scsi_cmd *c)
{
	bool media = c->cdb[4] & 0x10;
	u8 buf[8] = { 0 };

	if (!(c->cdb[1] & 1)) {		/* asynchronous operation */
		scsi_fail(c, SENSE_INVALID_FIELD);
		return;
	}
	buf[3] = 0x10;
	if (!media) {
		buf[2] = 0x80;
		put_be16(buf, 2);
		scsi_reply(c, buf, 4, get_be16(c->cdb + 7));
		return;
	}
	put_be16(buf, 6);
	buf[2] = 4;
	buf[4] = l->event;
	buf[5] = (u8)((l->tray_open ? 1 : 0) | (has_medium(l) ? 2 : 0));
	l->event = 0;
	scsi_reply(c, buf, 8, get_be16(c->cdb + 7));
}

static void read_disc_info(struct scsi_cmd *c)
{
	u8 buf[34] = { 0 };

	put_be16(buf, 32);
	buf[2] = 0x0e;			/* last session complete, disc finalized */
	buf[3] = buf[4] = buf[5] = buf[6] = 1;
	buf[7] = 0x20;			/* unrestricted use */
	scsi_reply(c, buf, sizeof(buf), get_be16(c->cdb + 7));
}

/* User data of data blocks only: what images hold. */
static void read_cd(struct scsi_cmd *c)
{
	u64 n = (u64)c->cdb[6] << 16 | get_be16(c->cdb + 7);
	u8 want = c->cdb[9] & 0xf8;

	if (!n || !want)
		scsi_good(c);
	else if (want != 0x10)
		scsi_fail(c, SENSE_INVALID_FIELD);
	else
		scsi_read_write(c, false, get_be32(c->cdb + 2), n, false);
}

bool scsi_cd_start(struct scsi_lun *l, struct scsi_cmd *c)
{
	u8 buf[8] = { 0 };

	switch (c->cdb[0]) {
	case GET_CONFIGURATION:	get_configuration(l, c); return true;
	case GET_EVENT_STATUS:	get_events(l, c); return true;
	case SET_CD_SPEED:	scsi_good(c); return true;
	case MECHANISM_STATUS:
		buf[5] = 1;
		scsi_reply(c, buf, 8, get_be16(c->cdb + 8));
		return true;
	}
	if (!has_medium(l))
		return false;
	switch (c->cdb[0]) {
	case READ_TOC:		read_toc(l, c); return true;
	case READ_DISC_INFO:	read_disc_info(c); return true;
	case READ_CD:		read_cd(c); return true;
	/* What only disks have. */
	case 0x0a: case 0x2a: case 0x2e: case 0x41: case 0x42: case 0x8a: case 0x8e: case 0x93: case 0xaa:
		scsi_fail(c, SENSE_INVALID_OPCODE);
		return true;
	default:
		return false;
	}
}

size_t scsi_cd_mode_page(const struct scsi_lun *l, u8 page, u8 *p)
{
	p[0] = page;
	switch (page) {
	case 0x01:
		p[1] = 6;
		return 8;
	case 0x0e:			/* audio */
		p[1] = 14;
		return 16;
	case 0x2a:			/* capabilities */
		p[1] = 18;
		p[2] = 0x3b;		/* reads CD-R, CD-RW, DVD */
		p[4] = 0x70;
		p[6] = (u8)(0x29 | (l->locked ? 2 : 0));
		put_be16(p + 8, 50 * 176);
		put_be16(p + 10, 2);
		put_be16(p + 12, 512);
		put_be16(p + 14, 50 * 176);
		return 20;
	default:
		p[0] = 0;
		return 0;
	}
}
