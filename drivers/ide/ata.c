// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ATA commands (ATA8-ACS; SATA 3.0 for the queued ones). A command is checked
 * and becomes a request of the block layer, or ends at once. How its
 * end is told to the guest is the controller's.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "ide.h"
#include "mem.h"

#define TRIM_BLOCKS_MAX	8u

enum addressing { CHS_OR_28, LBA48 };

static void finish(struct ata_cmd *c, u8 status, u8 error)
{
	c->r.status = ATA_READY | ATA_SEEK | status;
	c->r.error = error;
	mem_free(c->buf);
	c->buf = NULL;
	c->complete(c);
}

static void good(struct ata_cmd *c)
{
	finish(c, 0, 0);
}

static void fail(struct ata_cmd *c, u8 error)
{
	finish(c, ATA_ERR, error);
}

static void abort_cmd(struct ata_cmd *c)
{
	fail(c, ATA_ABORT);
}

/* ---- requests ---- */

static void on_io(struct blkdev_req *q, int ret)
{
	struct ata_cmd *c = container_of(q, struct ata_cmd, scsi.io);

	if (ret < 0) {
		fail(c, q->r.op == BLK_OP_READ ? ATA_UNC : ATA_ABORT);
		return;
	}
	c->done_bytes = q->r.op == BLK_OP_READ || q->r.op == BLK_OP_WRITE ? q->r.len : c->done_bytes;
	good(c);
}

static void submit(struct ata_cmd *c, enum blk_op op, u64 off, u64 len, u32 flags)
{
	struct blk_req *r = &c->scsi.io.r;

	c->scsi.io.done = on_io;
	r->op = op;
	r->off = off;
	r->len = len;
	r->flags = flags;
	r->iov = c->sg.iov;
	r->niov = (int)c->sg.n;
	blkdev_submit(&c->d->lun.blk, &c->scsi.io);
}

/* Address of a command with 28 bits, which may be cylinder, head and sector. */
static u64 short_lba(const struct ide_dev *d, const struct ata_regs *r)
{
	u64 cyl = r->lba >> 8 & 0xffff, sector = r->lba & 0xff;

	if (r->device & 0x40)
		return (r->lba & 0xffffff) | (u64)(r->device & 15) << 24;
	return sector ? (cyl * d->geometry.heads + (r->device & 15)) * d->geometry.secs + sector - 1 : ~0ULL;
}

static u32 sectors_of(u16 count, enum addressing a)
{
	if (a == LBA48)
		return count ? count : 65536;
	return count & 0xff ? count & 0xff : 256;
}

static bool in_range(const struct ide_dev *d, u64 lba, u64 n)
{
	u64 have = blkdev_bytes(&d->lun.blk) / d->logical;

	return lba <= have && n <= have - lba;
}

static void transfer(struct ata_cmd *c, bool write, u64 lba, u32 n, bool fua)
{
	struct ide_dev *d = c->d;
	u64 bytes = (u64)n * d->logical;

	if (!in_range(d, lba, n)) {
		fail(c, ATA_IDNF | ATA_ABORT);
	} else if (write && d->lun.blk.read_only) {
		abort_cmd(c);
	} else if (c->map(c, bytes, !write) < 0 || c->sg.len < bytes) {
		abort_cmd(c);		/* no memory, or the table is too short */
	} else {
		sg_truncate(&c->sg, bytes);
		submit(c, write ? BLK_OP_WRITE : BLK_OP_READ, lba * d->logical, bytes,
		       write && (fua || !d->lun.write_cache) ? BLK_FUA : 0);
	}
}

static void read_write(struct ata_cmd *c, bool write, enum addressing a, enum ata_protocol protocol, bool fua)
{
	c->protocol = protocol;
	transfer(c, write, a == LBA48 ? c->r.lba : short_lba(c->d, &c->r), sectors_of(c->r.count, a), fua);
}

static void queued(struct ata_cmd *c, bool write)
{
	c->protocol = ATA_NCQ;
	c->tag = (u8)(c->r.count >> 3) & 31;
	transfer(c, write, c->r.lba, sectors_of(c->r.feature, LBA48), c->r.device & 0x80);
}

static void verify(struct ata_cmd *c, enum addressing a)
{
	u64 lba = a == LBA48 ? c->r.lba : short_lba(c->d, &c->r);

	if (in_range(c->d, lba, sectors_of(c->r.count, a)))
		good(c);
	else
		fail(c, ATA_IDNF | ATA_ABORT);
}

/* ---- data that we make ---- */

static void reply(struct ata_cmd *c, const u8 *data, u32 len, enum ata_protocol protocol)
{
	c->protocol = protocol;
	if (c->map(c, len, true) < 0) {
		abort_cmd(c);
		return;
	}
	c->done_bytes = iov_write(c->sg.iov, c->sg.n, 0, data, (size_t)MIN((u64)len, c->sg.len));
	good(c);
}

static void identify(struct ata_cmd *c, bool packet)
{
	u8 id[ATA_IDENTIFY_LEN];

	if (packet != c->d->cd) {
		/* A CD drive answers IDENTIFY DEVICE by its signature. */
		if (c->d->cd) {
			struct ata_regs sig;

			ata_signature(c->d, &sig);
			c->r.lba = sig.lba;
			c->r.count = sig.count;
		}
		abort_cmd(c);
		return;
	}
	if (packet)
		ata_identify_packet(c->d, id);
	else
		ata_identify(c->d, id);
	reply(c, id, sizeof(id), ATA_PIO_IN);
}

/* Logs: 00h the directory, 10h the queued command that failed. */
static void read_log(struct ata_cmd *c, enum ata_protocol protocol)
{
	u8 page = (u8)c->r.lba, out[ATA_SECTOR] = { 0 };

	if (c->r.count != 1 || (page && page != 0x10)) {
		abort_cmd(c);
		return;
	}
	if (page == 0x10) {
		memcpy(out, c->d->ncq_error, sizeof(out));
		memset(c->d->ncq_error, 0, sizeof(out));
		c->d->ncq_error[0] = 0x80;
	} else {
		put_le16(out, 1);
		put_le16(out + 2 * 0x10, 1);
	}
	reply(c, out, sizeof(out), protocol);
}

static void smart(struct ata_cmd *c)
{
	u8 out[ATA_SECTOR] = { 0x10 }, sum = 0;
	unsigned i;

	if ((c->r.lba >> 8 & 0xffff) != 0xc24f) {
		abort_cmd(c);
		return;
	}
	switch (c->r.feature & 0xff) {
	case 0xd0: case 0xd1:		/* data, thresholds: no attributes */
		for (i = 0; i < 511; i++)
			sum = (u8)(sum + out[i]);
		out[511] = (u8)-sum;
		reply(c, out, sizeof(out), ATA_PIO_IN);
		break;
	case 0xd2: case 0xd8: case 0xd9: case 0xda:
		good(c);		/* the address that was sent says: all is well */
		break;
	default:
		abort_cmd(c);
	}
}

/* Worker: entries of le48 address, le16 length. */
static int trim_all(struct blk_req *r)
{
	struct ata_cmd *c = r->opaque;
	u32 at, block = c->d->logical;
	int ret = 0;

	for (at = 0; ret == 0 && at + 8 <= c->buf_len; at += 8) {
		u64 e = get_le64(c->buf + at);

		if (e >> 48)
			ret = blk_discard(c->d->lun.blk.node, (e & 0xffffffffffffULL) * block, (e >> 48) * block);
	}
	return ret;
}

static void trim(struct ata_cmd *c)
{
	u32 len = c->r.count * ATA_SECTOR, at;

	c->protocol = ATA_DMA;
	if (!(c->r.feature & 1) || !c->r.count || c->r.count > TRIM_BLOCKS_MAX || c->d->lun.blk.read_only ||
	    c->map(c, len, false) < 0 || c->sg.len < len || !(c->buf = mem_alloc(len))) {
		abort_cmd(c);
		return;
	}
	c->buf_len = len;
	c->done_bytes = iov_read(c->sg.iov, c->sg.n, 0, c->buf, len);
	for (at = 0; at < len; at += 8) {
		u64 e = get_le64(c->buf + at);

		if ((e >> 48) && !in_range(c->d, e & 0xffffffffffffULL, e >> 48)) {
			fail(c, ATA_IDNF | ATA_ABORT);
			return;
		}
	}
	c->scsi.io.r.call = trim_all;
	c->scsi.io.r.opaque = c;
	submit(c, BLK_OP_CALL, 0, 0, 0);
}

/* ---- commands without data ---- */

static void set_features(struct ata_cmd *c)
{
	switch (c->r.feature & 0xff) {
	case 0x02:	c->d->lun.write_cache = true; break;
	case 0x82:	c->d->lun.write_cache = false; break;
	case 0x03: case 0x05: case 0x85: case 0xaa: case 0x55: case 0x66: case 0xcc: case 0x10: case 0x90:
		break;
	default:
		abort_cmd(c);
		return;
	}
	good(c);
}

static void max_address(struct ata_cmd *c, enum addressing a)
{
	u64 last = blkdev_bytes(&c->d->lun.blk) / c->d->logical - 1;

	if (a == CHS_OR_28) {
		last = MIN(last, 0x0fffffffULL - 1);
		c->r.device = (u8)((c->r.device & 0xf0) | (last >> 24 & 15));
		last &= 0xffffff;
	}
	c->r.lba = last;
	good(c);
}

static void signature(struct ata_cmd *c)
{
	struct ata_regs sig;

	ata_signature(c->d, &sig);
	c->r.lba = sig.lba;
	c->r.count = sig.count;
	c->r.device &= 0x10;
	c->r.status = sig.status;
	c->r.error = 1;			/* passed */
	c->complete(c);
}

/* ---- packets ---- */

static void on_packet(struct scsi_cmd *s)
{
	struct ata_cmd *c = container_of(s, struct ata_cmd, scsi);

	c->done_bytes = s->xfer;
	c->r.count = 3;			/* interrupt reason: command, to host */
	if (s->status == SCSI_GOOD)
		good(c);
	else
		fail(c, (u8)(s->sense >> 16 << 4) | (s->sense >> 16 == 5 ? ATA_ABORT : 0));
}

static void packet(struct ata_cmd *c)
{
	struct scsi_cmd *s = &c->scsi;

	c->protocol = ATA_PACKET;
	/* All commands of a CD drive with data read, but for MODE SELECT. */
	if (c->map(c, ~0ULL, c->packet[0] != 0x15 && c->packet[0] != 0x55) < 0) {
		abort_cmd(c);
		return;
	}
	memset(s->cdb, 0, sizeof(s->cdb));
	memcpy(s->cdb, c->packet, 12);
	s->iov = c->sg.iov;
	s->niov = c->sg.n;
	s->room = c->sg.len;
	s->to_dev = !c->sg.to_guest;
	s->complete = on_packet;
	scsi_start(&c->d->lun, s);
}

static void start_cd(struct ata_cmd *c)
{
	switch (c->r.command) {
	case 0x08: case 0x90:	signature(c); break;
	case 0xa0:		packet(c); break;
	case 0xa1:		identify(c, true); break;
	case 0xec:		identify(c, false); break;
	case 0xef:		set_features(c); break;
	case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe6:
		good(c);
		break;
	case 0xe5:		c->r.count = 0xff; good(c); break;
	default:		abort_cmd(c);
	}
}

static void start_disk(struct ata_cmd *c)
{
	switch (c->r.command) {
	case 0x06:		trim(c); break;
	case 0x20: case 0xc4:	read_write(c, false, CHS_OR_28, ATA_PIO_IN, false); break;
	case 0x24: case 0x29:	read_write(c, false, LBA48, ATA_PIO_IN, false); break;
	case 0x25:		read_write(c, false, LBA48, ATA_DMA, false); break;
	case 0x27:		max_address(c, LBA48); break;
	case 0x2f:		read_log(c, ATA_PIO_IN); break;
	case 0x30: case 0xc5:	read_write(c, true, CHS_OR_28, ATA_PIO_OUT, false); break;
	case 0x34: case 0x39:	read_write(c, true, LBA48, ATA_PIO_OUT, false); break;
	case 0x35:		read_write(c, true, LBA48, ATA_DMA, false); break;
	case 0x3d:		read_write(c, true, LBA48, ATA_DMA, true); break;
	case 0xce:		read_write(c, true, LBA48, ATA_PIO_OUT, true); break;
	case 0x40: case 0x41:	verify(c, CHS_OR_28); break;
	case 0x42:		verify(c, LBA48); break;
	case 0x47:		read_log(c, ATA_DMA); break;
	case 0x60:		queued(c, false); break;
	case 0x61:		queued(c, true); break;
	case 0x90:		signature(c); break;
	case 0xb0:		smart(c); break;
	case 0xc8: case 0xc9:	read_write(c, false, CHS_OR_28, ATA_DMA, false); break;
	case 0xca: case 0xcb:	read_write(c, true, CHS_OR_28, ATA_DMA, false); break;
	case 0xe7: case 0xea:	submit(c, BLK_OP_FLUSH, 0, 0, 0); break;
	case 0xec:		identify(c, false); break;
	case 0xa1:		identify(c, true); break;
	case 0xef:		set_features(c); break;
	case 0xf8:		max_address(c, CHS_OR_28); break;
	case 0x10: case 0x70: case 0x91: case 0xc6: case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe6:
		good(c);
		break;
	case 0xe5:		c->r.count = 0xff; good(c); break;
	default:		abort_cmd(c);
	}
}

void ata_start(struct ata_cmd *c)
{
	c->protocol = ATA_NON_DATA;
	c->done_bytes = 0;
	c->buf = NULL;
	if (c->d->cd)
		start_cd(c);
	else
		start_disk(c);
}
