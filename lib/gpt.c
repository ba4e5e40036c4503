// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writer of GUID partition tables: protective MBR, header and entries at the
 * start of the disk, entries and header again at its end (UEFI 2.10, 5.2-5.3).
 * Also GUIDs: their text form, their mixed byte order on disk, and GUIDs that
 * are made from names so that the same image is the same bytes.
 */
#include "gpt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "checksum.h"

#define GPT_ENTRY_SIZE	128
#define GPT_TABLE_SIZE	(GPT_ENTRIES * GPT_ENTRY_SIZE)
#define GPT_HEADER_SIZE	92
#define GPT_REVISION	0x00010000

const struct guid gpt_type_esp = { {
	0xc1, 0x2a, 0x73, 0x28, 0xf8, 0x1f, 0x11, 0xd2,
	0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b } };
const struct guid gpt_type_linux = { {
	0x0f, 0xc6, 0x3d, 0xaf, 0x84, 0x83, 0x47, 0x72,
	0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 } };
const struct guid gpt_type_bios_boot = { {
	0x21, 0x68, 0x61, 0x48, 0x64, 0x49, 0x6e, 0x6f,
	0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49 } };

/* FNV-1a, then the finishing steps of MurmurHash3 so that all bits depend on all words. */
static u64 name_hash(u64 seed, const char *space, const char *name)
{
	u64 h = 0xcbf29ce484222325 ^ seed;

	for (const char *p = space; *p; p++)
		h = (h ^ (u8)*p) * 0x100000001b3;
	h = (h ^ 0) * 0x100000001b3;
	for (const char *p = name; *p; p++)
		h = (h ^ (u8)*p) * 0x100000001b3;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

struct guid guid_from_name(const char *space, const char *name)
{
	struct guid g;

	put_be64(g.b, name_hash(0, space, name));
	put_be64(g.b + 8, name_hash(0x9e3779b97f4a7c15, space, name));
	g.b[6] = 0x80 | (g.b[6] & 0x0f);
	g.b[8] = 0x80 | (g.b[8] & 0x3f);
	return g;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int guid_parse(const char *text, struct guid *out)
{
	struct guid g;

	for (int i = 0; i < 16; i++) {
		int hi, lo;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -EINVAL;
		hi = hex_digit(text[0]);
		lo = hi < 0 ? -1 : hex_digit(text[1]);
		if (lo < 0)
			return -EINVAL;
		g.b[i] = hi << 4 | lo;
		text += 2;
	}
	if (*text)
		return -EINVAL;
	*out = g;
	return 0;
}

void guid_format(const struct guid *g, char out[37])
{
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		out += sprintf(out, "%02X", g->b[i]);
	}
}

/* On disk the first three fields are little-endian. */
static void put_guid(u8 *p, const struct guid *g)
{
	put_le32(p, get_be32(g->b));
	put_le16(p + 4, get_be16(g->b + 4));
	put_le16(p + 6, get_be16(g->b + 6));
	memcpy(p + 8, g->b + 8, 8);
}

int gpt_check(const struct gpt *g, struct err *err)
{
	u64 next = GPT_FIRST_LBA;

	if (g->n_parts > GPT_ENTRIES)
		return err_set(err, EINVAL, "more than %d partitions", GPT_ENTRIES);
	if (g->sectors < GPT_FIRST_LBA + 1 + GPT_TAIL)
		return err_set(err, EINVAL, "a disk of %llu sectors is too small", g->sectors);
	for (size_t i = 0; i < g->n_parts; i++) {
		const struct gpt_part *p = &g->parts[i];

		if (p->first < next || p->last < p->first ||
		    p->last >= g->sectors - GPT_TAIL)
			return err_set(err, EINVAL, "partition %zu does not fit", i + 1);
		if (strlen(p->name ? p->name : "") > 36)
			return err_set(err, EINVAL, "partition %zu: name too long", i + 1);
		next = p->last + 1;
	}
	return 0;
}

static void fill_table(const struct gpt *g, u8 *table)
{
	memset(table, 0, GPT_TABLE_SIZE);
	for (size_t i = 0; i < g->n_parts; i++) {
		const struct gpt_part *p = &g->parts[i];
		const char *name = p->name ? p->name : "";
		u8 *e = table + i * GPT_ENTRY_SIZE;

		put_guid(e, &p->type);
		put_guid(e + 16, &p->id);
		put_le64(e + 32, p->first);
		put_le64(e + 40, p->last);
		put_le64(e + 48, p->attributes);
		for (size_t k = 0; name[k] && k < 36; k++)
			put_le16(e + 56 + 2 * k, (u8)name[k]);
	}
}

/* The header at lba; its copy is at other, its table begins at entries. */
static void fill_header(const struct gpt *g, const u8 *table, u64 lba, u64 other,
			u64 entries, u8 *h)
{
	memset(h, 0, GPT_SECTOR);
	memcpy(h, "EFI PART", 8);
	put_le32(h + 8, GPT_REVISION);
	put_le32(h + 12, GPT_HEADER_SIZE);
	put_le64(h + 24, lba);
	put_le64(h + 32, other);
	put_le64(h + 40, GPT_FIRST_LBA);
	put_le64(h + 48, g->sectors - GPT_TAIL - 1);
	put_guid(h + 56, &g->id);
	put_le64(h + 72, entries);
	put_le32(h + 80, GPT_ENTRIES);
	put_le32(h + 84, GPT_ENTRY_SIZE);
	put_le32(h + 88, crc32_update(0, table, GPT_TABLE_SIZE));
	put_le32(h + 16, crc32_update(0, h, GPT_HEADER_SIZE));
}

/* One partition of type 0xee over the whole disk, so that old tools keep off. */
static void fill_mbr(const struct gpt *g, u8 *s)
{
	u8 *p = s + 446;

	memset(s, 0, GPT_SECTOR);
	if (g->boot_code)
		memcpy(s, g->boot_code, 440);
	p[2] = 2;			/* first sector: 0/0/2 */
	p[4] = 0xee;
	memset(p + 5, 0xff, 3);
	put_le32(p + 8, 1);
	put_le32(p + 12, MIN(g->sectors - 1, 0xffffffffULL));
	put_le16(s + 510, 0xaa55);
}

int gpt_write_head(const struct gpt *g, struct sink *out, struct err *err)
{
	u8 table[GPT_TABLE_SIZE], sector[GPT_SECTOR];
	int rc = gpt_check(g, err);

	if (rc)
		return rc;
	fill_mbr(g, sector);
	rc = sink_write(out, sector, sizeof(sector), err);
	if (rc)
		return rc;
	fill_table(g, table);
	fill_header(g, table, 1, g->sectors - 1, 2, sector);
	rc = sink_write(out, sector, sizeof(sector), err);
	return rc ? rc : sink_write(out, table, sizeof(table), err);
}

int gpt_write_tail(const struct gpt *g, struct sink *out, struct err *err)
{
	u8 table[GPT_TABLE_SIZE], sector[GPT_SECTOR];
	int rc = sink_zero_until(out, (g->sectors - GPT_TAIL) * GPT_SECTOR, err);

	if (rc)
		return rc;
	fill_table(g, table);
	rc = sink_write(out, table, sizeof(table), err);
	fill_header(g, table, g->sectors - 1, 1, g->sectors - GPT_TAIL, sector);
	return rc ? rc : sink_write(out, sector, sizeof(sector), err);
}
