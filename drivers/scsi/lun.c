// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands of SCSI disks, and what disks and CDs have in common (SPC-4,
 * SBC-3). A command is checked and either answered at once or made a request
 * of the block layer, straight between the initiator's memory and the image.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "dev/scsi.h"
#include "dev/sglist.h"
#include "mem.h"

#define TEST_UNIT_READY		0x00
#define REQUEST_SENSE		0x03
#define READ_6			0x08
#define WRITE_6			0x0a
#define INQUIRY			0x12
#define MODE_SELECT_6		0x15
#define RESERVE_6		0x16
#define RELEASE_6		0x17
#define MODE_SENSE_6		0x1a
#define START_STOP		0x1b
#define SEND_DIAGNOSTIC		0x1d
#define PREVENT_ALLOW		0x1e
#define READ_CAPACITY_10	0x25
#define READ_10			0x28
#define WRITE_10		0x2a
#define SEEK_10			0x2b
#define WRITE_VERIFY_10		0x2e
#define VERIFY_10		0x2f
#define SYNC_CACHE_10		0x35
#define WRITE_SAME_10		0x41
#define UNMAP			0x42
#define MODE_SELECT_10		0x55
#define MODE_SENSE_10		0x5a
#define READ_16			0x88
#define WRITE_16		0x8a
#define WRITE_VERIFY_16		0x8e
#define VERIFY_16		0x8f
#define SYNC_CACHE_16		0x91
#define WRITE_SAME_16		0x93
#define SERVICE_ACTION_IN_16	0x9e
#define READ_12			0xa8
#define WRITE_12		0xaa
#define VERIFY_12		0xaf

#define UNMAP_DESCS_MAX		255
#define UNMAP_LBAS_MAX		0x400000u
#define WRITE_SAME_MAX		0x800000u	/* blocks */
#define PATTERN_CHUNK		(1 * MiB)

unsigned scsi_cdb_len(u8 opcode)
{
	static const u8 by_group[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

	return by_group[opcode >> 5];
}

/* ---- ends ---- */

static void finish(struct scsi_cmd *c, u8 status, u32 sense)
{
	mem_free(c->slice);
	mem_free(c->param);
	c->slice = NULL;
	c->param = NULL;
	c->status = status;
	c->sense = sense;
	if (c->lun)
		c->lun->sense = sense;
	c->complete(c);
}

void scsi_good(struct scsi_cmd *c)
{
	finish(c, SCSI_GOOD, SENSE_NONE);
}

void scsi_fail(struct scsi_cmd *c, u32 sense)
{
	c->xfer = 0;
	finish(c, SCSI_CHECK_CONDITION, sense);
}

void scsi_sense_fill(u32 sense, u8 buf[SCSI_SENSE_LEN])
{
	memset(buf, 0, SCSI_SENSE_LEN);
	buf[0] = 0x70;
	buf[2] = (u8)(sense >> 16) & 15;
	buf[7] = SCSI_SENSE_LEN - 8;
	buf[12] = (u8)(sense >> 8);
	buf[13] = (u8)sense;
}

void scsi_reply(struct scsi_cmd *c, const void *buf, u64 len, u64 alloc)
{
	u64 n = MIN(len, alloc), room = c->to_dev ? 0 : c->room;

	c->overrun = n > room;
	c->xfer = iov_write(c->iov, c->niov, 0, buf, (size_t)MIN(n, room));
	scsi_good(c);
}

static u32 io_sense(const struct scsi_cmd *c, int ret)
{
	if (ret == -ENOSPC)
		return SENSE_SPACE_ALLOC;
	return c->io.r.op == BLK_OP_READ ? SENSE_READ_ERROR : SENSE_WRITE_ERROR;
}

static void on_io(struct blkdev_req *q, int ret)
{
	struct scsi_cmd *c = container_of(q, struct scsi_cmd, io);

	if (ret == -ECANCELED)
		finish(c, SCSI_TASK_ABORTED, SENSE_NONE);
	else if (ret < 0)
		scsi_fail(c, io_sense(c, ret));
	else
		scsi_good(c);
}

static void submit(struct scsi_cmd *c, enum blk_op op, u64 off, u64 len, u32 flags)
{
	c->io.done = on_io;
	c->io.r.op = op;
	c->io.r.off = off;
	c->io.r.len = len;
	c->io.r.flags = flags;
	blkdev_submit(&c->lun->blk, &c->io);
}

/* ---- reading and writing ---- */

static u64 blocks_of(const struct scsi_lun *l)
{
	return blkdev_bytes(&l->blk) / l->block;
}

static bool in_range(const struct scsi_lun *l, u64 lba, u64 n)
{
	u64 have = blocks_of(l);

	return lba <= have && n <= have - lba;
}

void scsi_read_write(struct scsi_cmd *c, bool write, u64 lba, u64 n, bool fua)
{
	struct scsi_lun *l = c->lun;
	u64 bytes = n * l->block;

	if (!in_range(l, lba, n)) {
		scsi_fail(c, SENSE_LBA_RANGE);
	} else if (write && l->blk.read_only) {
		scsi_fail(c, SENSE_WRITE_PROTECTED);
	} else if (!n) {
		scsi_good(c);
	} else if (bytes > c->room || write != c->to_dev) {
		c->overrun = true;
		scsi_good(c);
	} else if (!(c->slice = mem_array(c->niov, sizeof(*c->slice)))) {
		finish(c, SCSI_BUSY, SENSE_NONE);
	} else {
		c->io.r.niov = (int)iov_slice(c->iov, c->niov, 0, bytes, c->slice);
		c->io.r.iov = c->slice;
		c->xfer = bytes;
		submit(c, write ? BLK_OP_WRITE : BLK_OP_READ, lba * l->block, bytes,
		       write && (fua || !l->write_cache) ? BLK_FUA : 0);
	}
}

/* Address and length of the forms with 6, 10, 12 and 16 bytes. */
static void get_range(const u8 *cdb, u64 *lba, u64 *n)
{
	switch (scsi_cdb_len(cdb[0])) {
	case 6:
		*lba = (get_be32(cdb) & 0x1fffff);
		*n = cdb[4] ? cdb[4] : 256;
		break;
	case 10:
		*lba = get_be32(cdb + 2);
		*n = get_be16(cdb + 7);
		break;
	case 12:
		*lba = get_be32(cdb + 2);
		*n = get_be32(cdb + 6);
		break;
	default:
		*lba = get_be64(cdb + 2);
		*n = get_be32(cdb + 10);
	}
}

static void do_read_write(struct scsi_cmd *c, bool write)
{
	bool short_form = scsi_cdb_len(c->cdb[0]) == 6;
	u64 lba, n;

	get_range(c->cdb, &lba, &n);
	if (!short_form && (c->cdb[1] & 0xe0))	/* protection information */
		scsi_fail(c, SENSE_INVALID_FIELD);
	else
		scsi_read_write(c, write, lba, n, !short_form && (c->cdb[1] & 8));
}

static void do_verify(struct scsi_cmd *c)
{
	u64 lba, n;

	get_range(c->cdb, &lba, &n);
	if (c->cdb[1] & 0xe6)		/* comparing with data is not offered */
		scsi_fail(c, SENSE_INVALID_FIELD);
	else if (!in_range(c->lun, lba, n))
		scsi_fail(c, SENSE_LBA_RANGE);
	else
		scsi_good(c);
}

/* Worker: the block, over and over. */
static int write_pattern(struct blk_req *r)
{
	struct scsi_cmd *c = r->opaque;
	u32 block = c->param_len, chunk = PATTERN_CHUNK / block * block, at;
	u8 *buf = mem_alloc(chunk);
	u64 done = 0;
	int ret = buf ? 0 : -ENOMEM;

	for (at = 0; buf && at < chunk; at += block)
		memcpy(buf + at, c->param, block);
	while (ret == 0 && done < r->len) {
		u64 n = MIN(r->len - done, (u64)chunk);

		ret = blk_pwrite(c->lun->blk.node, r->off + done, buf, (size_t)n, 0);
		done += n;
	}
	mem_free(buf);
	return ret;
}

static void do_write_same(struct scsi_cmd *c)
{
	struct scsi_lun *l = c->lun;
	bool unmap = c->cdb[1] & 8, no_data = c->cdb[0] == WRITE_SAME_16 && (c->cdb[1] & 1);
	u64 lba, n;

	get_range(c->cdb, &lba, &n);
	if (!n)
		n = blocks_of(l) - MIN(lba, blocks_of(l));
	if ((c->cdb[1] & 0xf6) || n > WRITE_SAME_MAX) {
		scsi_fail(c, SENSE_INVALID_FIELD);
		return;
	}
	if (!in_range(l, lba, n) || l->blk.read_only) {
		scsi_fail(c, l->blk.read_only ? SENSE_WRITE_PROTECTED : SENSE_LBA_RANGE);
		return;
	}
	c->param = mem_zalloc(l->block);
	if (!c->param) {
		finish(c, SCSI_BUSY, SENSE_NONE);
		return;
	}
	c->param_len = l->block;
	if (!no_data) {
		if (c->room < l->block) {
			scsi_fail(c, SENSE_PARAM_LENGTH);
			return;
		}
		c->xfer = iov_read(c->iov, c->niov, 0, c->param, l->block);
	}
	if (buf_is_zero(c->param, l->block)) {
		submit(c, BLK_OP_ZERO, lba * l->block, n * l->block, unmap ? BLK_MAY_UNMAP : 0);
	} else {
		c->io.r.call = write_pattern;
		c->io.r.opaque = c;
		submit(c, BLK_OP_CALL, lba * l->block, n * l->block, 0);
	}
}

/* Worker: all ranges of the list. */
static int unmap_all(struct blk_req *r)
{
	struct scsi_cmd *c = r->opaque;
	u32 at, block = c->lun->block;
	int ret = 0;

	for (at = 8; ret == 0 && at + 16 <= c->param_len; at += 16)
		ret = blk_discard(c->lun->blk.node, get_be64(c->param + at) * block, (u64)get_be32(c->param + at + 8) * block);
	return ret;
}

static u32 check_unmap(struct scsi_cmd *c)
{
	u32 at, have = c->param_len, bytes;

	if (have < 8)
		return have ? SENSE_PARAM_LENGTH : SENSE_NONE;
	bytes = get_be16(c->param + 2);
	if (bytes % 16 || bytes > have - 8 || bytes / 16 > UNMAP_DESCS_MAX)
		return SENSE_INVALID_PARAM;
	c->param_len = 8 + bytes;
	for (at = 8; at < c->param_len; at += 16) {
		u32 n = get_be32(c->param + at + 8);

		if (n > UNMAP_LBAS_MAX)
			return SENSE_INVALID_PARAM;
		if (!in_range(c->lun, get_be64(c->param + at), n))
			return SENSE_LBA_RANGE;
	}
	return SENSE_NONE;
}

static void do_unmap(struct scsi_cmd *c)
{
	u32 len = get_be16(c->cdb + 7), sense;

	if (c->lun->blk.read_only || (c->cdb[1] & 1)) {
		scsi_fail(c, c->lun->blk.read_only ? SENSE_WRITE_PROTECTED : SENSE_INVALID_FIELD);
		return;
	}
	c->param = mem_alloc(len);
	if (!c->param) {
		finish(c, SCSI_BUSY, SENSE_NONE);
		return;
	}
	c->xfer = iov_read(c->iov, c->niov, 0, c->param, len);
	c->param_len = (u32)c->xfer;
	sense = check_unmap(c);
	if (sense) {
		scsi_fail(c, sense);
	} else if (c->param_len <= 8) {
		scsi_good(c);
	} else {
		c->io.r.call = unmap_all;
		c->io.r.opaque = c;
		submit(c, BLK_OP_CALL, 0, 0, 0);
	}
}

/* ---- inquiry ---- */

static void put_text(u8 *at, const char *s, size_t len)
{
	size_t n = strlen(s);

	memset(at, ' ', len);
	memcpy(at, s, MIN(n, len));
}

static size_t vpd_ids(const struct scsi_lun *l, u8 *p)
{
	size_t n = 4, text = strlen(l->serial[0] ? l->serial : l->product);

	/* T10 vendor identification. */
	p[n] = 2;
	p[n + 1] = 1;
	p[n + 3] = (u8)(8 + text);
	put_text(p + n + 4, l->vendor, 8);
	memcpy(p + n + 12, l->serial[0] ? l->serial : l->product, text);
	n += 12 + text;
	if (l->wwn) {
		p[n] = 1;
		p[n + 1] = 3;
		p[n + 2] = 0;
		p[n + 3] = 8;
		put_be64(p + n + 4, l->wwn);
		n += 12;
	}
	return n;
}

static size_t vpd_limits(const struct scsi_lun *l, u8 *p)
{
	put_be32(p + 8, (u32)(32 * MiB / l->block));	/* optimal and maximum transfer */
	put_be32(p + 12, (u32)(1 * MiB / l->block));
	put_be32(p + 20, UNMAP_LBAS_MAX);
	put_be32(p + 24, UNMAP_DESCS_MAX);
	put_be32(p + 28, MAX(l->physical / l->block, 1U));
	put_be64(p + 36, WRITE_SAME_MAX);
	return 64;
}

static size_t vpd_page(const struct scsi_lun *l, u8 page, u8 *p)
{
	static const u8 disk_pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 };
	size_t n;

	switch (page) {
	case 0x00:
		n = l->cdrom ? 3 : sizeof(disk_pages);
		memcpy(p + 4, disk_pages, n);
		return 4 + n;
	case 0x80:
		n = strlen(l->serial);
		memcpy(p + 4, l->serial, n);
		return 4 + n;
	case 0x83:
		return vpd_ids(l, p);
	case 0xb0:
		return l->cdrom ? 0 : vpd_limits(l, p);
	case 0xb1:
		put_be16(p + 4, 1);		/* does not rotate */
		return l->cdrom ? 0 : 64;
	case 0xb2:
		p[5] = 0xe0;			/* UNMAP, WRITE SAME with it, both sizes */
		p[6] = 2;			/* thin */
		return l->cdrom ? 0 : 8;
	default:
		return 0;
	}
}

static void do_inquiry(struct scsi_cmd *c)
{
	struct scsi_lun *l = c->lun;
	u8 buf[256] = { 0 }, type = l->cdrom ? 5 : 0;
	u64 alloc = get_be16(c->cdb + 3);
	size_t n;

	if (c->cdb[1] & 1) {
		n = vpd_page(l, c->cdb[2], buf);
		if (!n) {
			scsi_fail(c, SENSE_INVALID_FIELD);
			return;
		}
		buf[0] = type;
		buf[1] = c->cdb[2];
		put_be16(buf + 2, (u16)(n - 4));
		scsi_reply(c, buf, n, alloc);
		return;
	}
	if ((c->cdb[1] & 2) || c->cdb[2]) {
		scsi_fail(c, SENSE_INVALID_FIELD);
		return;
	}
	buf[0] = type;
	buf[1] = l->removable ? 0x80 : 0;
	buf[2] = 5;				/* SPC-3 */
	buf[3] = 2;
	buf[4] = 36 - 5;
	buf[7] = l->cdrom ? 0 : 2;		/* command queueing */
	put_text(buf + 8, l->vendor, 8);
	put_text(buf + 16, l->product, 16);
	put_text(buf + 32, l->version, 4);
	scsi_reply(c, buf, 36, alloc);
}

/* ---- mode pages ---- */

static size_t disk_mode_page(const struct scsi_lun *l, u8 page, bool changeable, u8 *p)
{
	p[0] = page;
	switch (page) {
	case 0x01:			/* errors */
		p[1] = 10;
		if (!changeable)
			p[2] = 0x80;
		return 12;
	case 0x04:			/* geometry */
		p[1] = 22;
		if (!changeable) {
			put_be16(p + 3, (u16)l->cyls);
			p[5] = (u8)l->heads;
			put_be16(p + 20, 1);
		}
		return 24;
	case 0x08:			/* caching: WCE */
		p[1] = 18;
		p[2] = changeable || l->write_cache ? 4 : 0;
		return 20;
	default:
		return 0;
	}
}

static size_t mode_page(const struct scsi_lun *l, u8 page, bool changeable, u8 *p)
{
	return l->cdrom ? (changeable ? 0 : scsi_cd_mode_page(l, page, p)) : disk_mode_page(l, page, changeable, p);
}

static void do_mode_sense(struct scsi_cmd *c)
{
	struct scsi_lun *l = c->lun;
	bool ten = c->cdb[0] == MODE_SENSE_10, changeable = c->cdb[2] >> 6 == 1, block_desc = !(c->cdb[1] & 8) && !l->cdrom;
	u8 buf[512] = { 0 }, page = c->cdb[2] & 63, specific = l->cdrom ? 0 : (u8)(l->blk.read_only ? 0x90 : 0x10);
	size_t n = ten ? 8 : 4, before;
	u64 blocks = blocks_of(l);
	unsigned i;

	if (c->cdb[2] >> 6 == 3) {
		scsi_fail(c, 0x053900);		/* saved values are not kept */
		return;
	}
	if (block_desc) {
		put_be32(buf + n, blocks > 0xffffffff ? 0xffffffff : (u32)blocks);
		put_be32(buf + n + 4, l->block);
		n += 8;
	}
	before = n;
	for (i = page == 0x3f ? 0 : page; i <= (page == 0x3f ? 0x3eU : page); i++)
		n += mode_page(l, (u8)i, changeable, buf + n);
	if (n == before && page != 0x3f) {
		scsi_fail(c, SENSE_INVALID_FIELD);
		return;
	}
	if (ten) {
		put_be16(buf, (u16)(n - 2));
		buf[3] = specific;
		buf[7] = block_desc ? 8 : 0;
	} else {
		buf[0] = (u8)MIN(n - 1, (size_t)255);
		buf[2] = specific;
		buf[3] = block_desc ? 8 : 0;
	}
	scsi_reply(c, buf, n, ten ? get_be16(c->cdb + 7) : c->cdb[4]);
}

/* Only the write cache may be changed; the pages must be ones that we have. */
static void do_mode_select(struct scsi_cmd *c)
{
	bool ten = c->cdb[0] == MODE_SELECT_10, cache = c->lun->write_cache;
	u8 buf[512], ref[64];
	size_t len = MIN((size_t)(ten ? get_be16(c->cdb + 7) : c->cdb[4]), sizeof(buf)), head = ten ? 8 : 4, at, n;

	c->xfer = len = iov_read(c->iov, c->niov, 0, buf, len);
	if (!len || (c->cdb[1] & 0x11) != 0x10) {
		if (len)
			scsi_fail(c, SENSE_INVALID_FIELD);
		else
			scsi_good(c);
		return;
	}
	at = len < head ? len + 1 : head + (ten ? get_be16(buf + 6) : buf[3]);
	for (; at < len; at += n) {
		memset(ref, 0, sizeof(ref));
		n = mode_page(c->lun, buf[at] & 0x3f, false, ref);
		if (!n || n > len - at || buf[at + 1] != ref[1]) {
			scsi_fail(c, SENSE_INVALID_PARAM);
			return;
		}
		if ((buf[at] & 0x3f) == 8)
			cache = buf[at + 2] & 4;
	}
	if (at > len) {
		scsi_fail(c, SENSE_PARAM_LENGTH);
		return;
	}
	c->lun->write_cache = cache;
	scsi_good(c);
}

/* ---- the rest ---- */

static void do_read_capacity(struct scsi_cmd *c)
{
	struct scsi_lun *l = c->lun;
	u64 last = blocks_of(l) - 1;
	u8 buf[32] = { 0 };

	if (c->cdb[0] == READ_CAPACITY_10) {
		put_be32(buf, last > 0xffffffff ? 0xffffffff : (u32)last);
		put_be32(buf + 4, l->block);
		scsi_reply(c, buf, 8, 8);
		return;
	}
	if ((c->cdb[1] & 31) != 0x10) {
		scsi_fail(c, SENSE_INVALID_OPCODE);
		return;
	}
	put_be64(buf, last);
	put_be32(buf + 8, l->block);
	buf[13] = (u8)__builtin_ctz(MAX(l->physical / l->block, 1U));
	buf[14] = 0x80;				/* blocks can be unmapped */
	scsi_reply(c, buf, 32, get_be32(c->cdb + 10));
}

static void do_request_sense(struct scsi_cmd *c, u32 sense)
{
	u8 buf[SCSI_SENSE_LEN];

	scsi_sense_fill(sense, buf);
	scsi_reply(c, buf, sizeof(buf), c->cdb[4]);
}

void scsi_tray_moved(struct scsi_lun *l, bool open)
{
	char text[160];
	struct device *dev = l->front ? l->front : l->blk.dev;

	if (l->tray_open == open)
		return;
	l->tray_open = open;
	snprintf(text, sizeof(text), "{\"device\": \"%s\", \"id\": \"%s\", \"tray-open\": %s}",
		 l->blk.drive ? l->blk.drive->id : "", dev->id ? dev->id : dev->path, open ? "true" : "false");
	machine_event(dev->machine, "DEVICE_TRAY_MOVED", text);
}

/* LoEj and Start: the tray; otherwise the motor. */
static void do_start_stop(struct scsi_cmd *c)
{
	struct scsi_lun *l = c->lun;
	bool load = c->cdb[4] & 1;

	if (!(c->cdb[4] & 2) || !l->removable || c->cdb[4] >> 4) {
		scsi_good(c);
	} else if (!load && l->locked && !l->tray_open) {
		scsi_fail(c, l->blk.node ? SENSE_REMOVAL_PREVENTED : SENSE_NO_MEDIUM_CLOSED);
	} else {
		scsi_tray_moved(l, !load);
		scsi_good(c);
	}
}

void scsi_medium_changed(struct scsi_lun *l)
{
	l->attention = l->blk.node ? SENSE_MEDIUM_CHANGED : SENSE_NONE;
	l->event = l->blk.node ? 2 : 3;
}

static u32 not_ready(const struct scsi_lun *l)
{
	if (l->tray_open)
		return SENSE_NO_MEDIUM_OPEN;
	if (!l->blk.node || blocks_of(l) == 0)
		return l->cdrom ? SENSE_NO_MEDIUM_CLOSED : SENSE_NOT_READY_NO_MEDIUM;
	return SENSE_NONE;
}

/* Answered whether or not there is a medium. True: it was one of them. */
static bool start_always(struct scsi_lun *l, struct scsi_cmd *c)
{
	switch (c->cdb[0]) {
	case INQUIRY:		do_inquiry(c); return true;
	case MODE_SENSE_6:
	case MODE_SENSE_10:	do_mode_sense(c); return true;
	case MODE_SELECT_6:
	case MODE_SELECT_10:	do_mode_select(c); return true;
	case START_STOP:	do_start_stop(c); return true;
	case RESERVE_6:
	case RELEASE_6:		scsi_good(c); return true;
	case SEND_DIAGNOSTIC:
		if (c->cdb[1] & 4)
			scsi_good(c);
		else
			scsi_fail(c, SENSE_INVALID_FIELD);
		return true;
	case PREVENT_ALLOW:
		l->locked = c->cdb[4] & 1;
		scsi_good(c);
		return true;
	default:
		return false;
	}
}

static void start_medium(struct scsi_cmd *c)
{
	switch (c->cdb[0]) {
	case TEST_UNIT_READY:
	case SEEK_10:		scsi_good(c); break;
	case READ_6: case READ_10: case READ_12: case READ_16:
		do_read_write(c, false);
		break;
	case WRITE_6: case WRITE_10: case WRITE_12: case WRITE_16: case WRITE_VERIFY_10: case WRITE_VERIFY_16:
		do_read_write(c, true);
		break;
	case VERIFY_10: case VERIFY_12: case VERIFY_16:
		do_verify(c);
		break;
	case SYNC_CACHE_10: case SYNC_CACHE_16:
		submit(c, BLK_OP_FLUSH, 0, 0, 0);
		break;
	case READ_CAPACITY_10:
	case SERVICE_ACTION_IN_16: do_read_capacity(c); break;
	case WRITE_SAME_10:
	case WRITE_SAME_16:	do_write_same(c); break;
	case UNMAP:		do_unmap(c); break;
	default:		scsi_fail(c, SENSE_INVALID_OPCODE);
	}
}

void scsi_start(struct scsi_lun *l, struct scsi_cmd *c)
{
	u32 sense;

	c->lun = l;
	c->xfer = 0;
	c->overrun = false;
	c->slice = NULL;
	c->param = NULL;
	if (c->cdb[0] == REQUEST_SENSE) {
		sense = l->attention ? l->attention : l->sense;
		l->attention = 0;
		do_request_sense(c, sense);
		return;
	}
	if (l->attention && c->cdb[0] != INQUIRY && c->cdb[0] != 0x4a) {
		sense = l->attention;
		l->attention = 0;
		scsi_fail(c, sense);
		return;
	}
	if (start_always(l, c) || (l->cdrom && scsi_cd_start(l, c)))
		return;
	sense = not_ready(l);
	if (sense)
		scsi_fail(c, sense);
	else
		start_medium(c);
}

static void set_text(char *to, size_t len, const char *user, const char *def)
{
	snprintf(to, len, "%s", user ? user : def);
}

void scsi_lun_init(struct scsi_lun *l, bool cdrom, const char *vendor, const char *product, const char *version,
		   const char *serial)
{
	l->cdrom = l->removable = cdrom;
	l->block = l->physical = cdrom ? 2048 : 512;
	set_text(l->vendor, sizeof(l->vendor), vendor, "QEMU");
	set_text(l->product, sizeof(l->product), product, cdrom ? "QEMU CD-ROM" : "QEMU HARDDISK");
	set_text(l->version, sizeof(l->version), version, "2.5+");
	set_text(l->serial, sizeof(l->serial), serial, "");
	l->write_cache = true;
}

void scsi_lun_reset(struct scsi_lun *l, bool power_on)
{
	l->locked = false;
	l->sense = SENSE_NONE;
	l->attention = power_on ? SENSE_POWER_ON : SENSE_NONE;
	l->event = 0;
	l->write_cache = true;
}

const struct state_field scsi_lun_fields[] = {
	STATE(struct scsi_lun, tray_open, BOOL), STATE(struct scsi_lun, locked, BOOL), STATE(struct scsi_lun, write_cache, BOOL),
	STATE(struct scsi_lun, attention, U32), STATE(struct scsi_lun, sense, U32), STATE(struct scsi_lun, event, U8),
	STATE_END
};
