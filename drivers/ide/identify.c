// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What disks and CD drives say of themselves: IDENTIFY DEVICE and IDENTIFY
 * PACKET DEVICE (ATA8-ACS sections 7.16 and 7.17), signatures.
 */
#include <string.h>
#include "bytes.h"
#include "ide.h"

#define LBA28_MAX	0x0fffffffULL

static void word(u8 *id, unsigned n, u16 val)
{
	put_le16(id + 2 * n, val);
}

/* Texts are padded with blanks, each word with its first character in the high byte. */
static void text(u8 *id, unsigned first, unsigned words, const char *s)
{
	size_t len = strlen(s), i;

	for (i = 0; i < words * 2; i++)
		id[2 * first + (i ^ 1)] = i < len ? (u8)s[i] : ' ';
}

static void checksum(u8 *id)
{
	u8 sum = 0;
	unsigned i;

	id[510] = 0xa5;
	for (i = 0; i < 511; i++)
		sum = (u8)(sum + id[i]);
	id[511] = (u8)-sum;
}

static void names(const struct ide_dev *d, u8 *id)
{
	text(id, 10, 10, d->lun.serial);
	text(id, 23, 4, d->version ? d->version : "2.5+");
	text(id, 27, 20, d->model ? d->model : d->cd ? "QEMU DVD-ROM" : "QEMU HARDDISK");
}

/* SATA words that both have: queue depth, speeds, versions. */
static void sata(u8 *id, bool ncq)
{
	word(id, 76, (u16)(6 | (ncq ? 1 << 8 : 0)));
	word(id, 80, 0x01f0);
	word(id, 81, 0x0016);
	word(id, 93, 0);
	word(id, 222, 0x1020);
}

static void capacity(const struct ide_dev *d, u8 *id)
{
	u64 sectors = blkdev_bytes(&d->lun.blk) / d->logical;
	const struct disk_geometry *g = &d->geometry;
	u32 ratio = d->physical / d->logical;

	word(id, 1, (u16)g->cyls);
	word(id, 3, (u16)g->heads);
	word(id, 6, (u16)g->secs);
	word(id, 54, (u16)g->cyls);
	word(id, 55, (u16)g->heads);
	word(id, 56, (u16)g->secs);
	put_le32(id + 2 * 57, g->cyls * g->heads * g->secs);
	put_le32(id + 2 * 60, (u32)MIN(sectors, LBA28_MAX));
	put_le64(id + 2 * 100, sectors);
	word(id, 106, (u16)(0x4000 | (ratio > 1 ? 0x2000 | __builtin_ctz(ratio) : 0) | (d->logical > ATA_SECTOR ? 0x1000 : 0)));
	if (d->logical > ATA_SECTOR)
		put_le32(id + 2 * 117, d->logical / 2);
}

void ata_identify(const struct ide_dev *d, u8 out[ATA_IDENTIFY_LEN])
{
	u16 wc = d->lun.write_cache ? 1 << 5 : 0, wwn = d->wwn ? 1 << 8 : 0;

	memset(out, 0, ATA_IDENTIFY_LEN);
	word(out, 0, 0x0040);
	names(d, out);
	word(out, 47, 0x8010);
	word(out, 49, 0x0f00);			/* LBA, DMA, IORDY */
	word(out, 50, 0x4000);
	word(out, 53, 7);
	word(out, 59, 0x0110);
	word(out, 63, 0x0007);
	word(out, 64, 3);
	word(out, 65, 120);
	word(out, 66, 120);
	word(out, 67, 120);
	word(out, 68, 120);
	capacity(d, out);
	word(out, 75, 31);
	sata(out, true);
	word(out, 82, 0x4021);			/* NOP, write cache, SMART */
	word(out, 83, 0x7400);			/* FLUSH CACHE, EXT, 48 bits */
	word(out, 84, (u16)(0x4020 | wwn));	/* general purpose logging */
	word(out, 85, (u16)(0x4001 | wc));
	word(out, 86, 0x3400);
	word(out, 87, (u16)(0x4020 | wwn));
	word(out, 88, 0x203f);			/* UDMA 5 */
	if (wwn) {
		word(out, 108, (u16)(d->wwn >> 48));
		word(out, 109, (u16)(d->wwn >> 32));
		word(out, 110, (u16)(d->wwn >> 16));
		word(out, 111, (u16)d->wwn);
	}
	word(out, 105, 8);			/* blocks of a TRIM's list */
	word(out, 169, 1);			/* TRIM */
	word(out, 217, 1);			/* does not rotate */
	checksum(out);
}

void ata_identify_packet(const struct ide_dev *d, u8 out[ATA_IDENTIFY_LEN])
{
	memset(out, 0, ATA_IDENTIFY_LEN);
	word(out, 0, 0x85c0);			/* packet device, CD, removable, 12-byte packets */
	names(d, out);
	word(out, 49, 0x0f00);
	word(out, 53, 7);
	word(out, 63, 0x0007);
	word(out, 64, 3);
	word(out, 65, 120);
	word(out, 66, 120);
	word(out, 67, 120);
	word(out, 68, 120);
	sata(out, false);
	word(out, 82, 0x4210);			/* NOP, DEVICE RESET, PACKET */
	word(out, 83, 0x4000);
	word(out, 84, 0x4000);
	word(out, 85, 0x4210);
	word(out, 87, 0x4000);
	word(out, 88, 0x203f);
	checksum(out);
}

void ata_signature(const struct ide_dev *d, struct ata_regs *r)
{
	*r = (struct ata_regs){ .count = 1, .lba = d->cd ? 0xeb1401 : 0x000001, .error = 1,
				.status = d->cd ? 0 : ATA_READY | ATA_SEEK };
}
