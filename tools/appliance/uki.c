// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unified kernel images: appends sections to an EFI program in the PE32+
 * format ("PE Format", Microsoft; the sections are systemd-stub(7)'s). Headers
 * move the old contents down when the longer section table needs the room.
 */
#include "appliance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bytes.h"

#define SECTION_HEADER	40
#define OPT_MAGIC_64	0x20b
#define SECTIONS_MAX	96
#define FLAGS_DATA	0x40000040	/* initialized data, readable */

/* Places in the headers, from the start of the file. */
struct pe {
	u8 *head;		/* copy of all headers, with room for more sections */
	size_t opt;		/* optional header */
	size_t table;		/* section table */
	u32 n;			/* sections */
	u32 file_align, section_align, headers;
	u64 end_va;		/* where the next section may begin */
	u64 raw_start, raw_end;	/* contents of the old sections in the file */
	u64 shift;		/* by which they move */
};

/* Reads and checks the headers; after this all that pe names is inside of the file. */
static int parse(const struct bytes *f, struct pe *pe)
{
	size_t at, opt_size;
	u32 lfanew;

	if (f->len < 0x40 || memcmp(f->data, "MZ", 2))
		return -EINVAL;
	lfanew = get_le32(f->data + 0x3c);
	if (lfanew > f->len || f->len - lfanew < 24 + 240 || memcmp(f->data + lfanew, "PE\0", 4))
		return -EINVAL;
	opt_size = get_le16(f->data + lfanew + 20);
	pe->n = get_le16(f->data + lfanew + 6);
	pe->opt = lfanew + 24;
	pe->table = pe->opt + opt_size;
	at = pe->table + pe->n * SECTION_HEADER;
	if (opt_size < 112 + 40 || get_le16(f->data + pe->opt) != OPT_MAGIC_64 || !pe->n ||
	    pe->n > SECTIONS_MAX || at > f->len)
		return -EINVAL;
	pe->section_align = get_le32(f->data + pe->opt + 32);
	pe->file_align = get_le32(f->data + pe->opt + 36);
	pe->headers = get_le32(f->data + pe->opt + 60);
	if (pe->file_align < 512 || pe->file_align & (pe->file_align - 1) ||
	    pe->file_align > 65536 || pe->section_align & (pe->section_align - 1) ||
	    pe->section_align > 1 << 24 || pe->headers > f->len || at > pe->headers)
		return -EINVAL;
	return 0;
}

static int parse_sections(const struct bytes *f, struct pe *pe)
{
	u64 first_va = UINT64_MAX;

	pe->raw_start = pe->raw_end = pe->headers;
	for (u32 i = 0; i < pe->n; i++) {
		const u8 *s = f->data + pe->table + i * SECTION_HEADER;
		u64 va = get_le32(s + 12), raw = get_le32(s + 20), size = get_le32(s + 16);

		if (raw && (raw < pe->headers || raw + size > f->len))
			return -EINVAL;
		pe->end_va = MAX(pe->end_va, va + MAX((u64)get_le32(s + 8), size));
		pe->raw_end = MAX(pe->raw_end, raw ? raw + size : 0);
		first_va = MIN(first_va, va);
	}
	/* Headers are in memory too, below the first section. */
	return first_va < pe->headers ? -EINVAL : 0;
}

static void put_section(u8 *s, const struct uki_section *sec, u32 va, u32 raw, u32 raw_size)
{
	memset(s, 0, SECTION_HEADER);
	memcpy(s, sec->name, MIN(strlen(sec->name), (size_t)8));
	put_le32(s + 8, sec->len);
	put_le32(s + 12, va);
	put_le32(s + 16, raw_size);
	put_le32(s + 20, raw);
	put_le32(s + 36, FLAGS_DATA);
}

/* Moves the old sections, adds the new ones, and sets the sizes. */
static int fill_headers(struct pe *pe, const struct uki_section *sections, size_t n,
			struct err *err)
{
	u64 raw = ALIGN_UP(pe->raw_end + pe->shift, (u64)pe->file_align);
	u64 align = MAX(pe->section_align, 4096u);
	u64 va = ALIGN_UP(pe->end_va, align);
	u8 *coff = pe->head + pe->opt - 20, *opt = pe->head + pe->opt;

	for (u32 i = 0; i < pe->n; i++) {
		u8 *s = pe->head + pe->table + i * SECTION_HEADER;

		if (get_le32(s + 20))
			put_le32(s + 20, get_le32(s + 20) + pe->shift);
		memset(s + 24, 0, 12);		/* relocations and line numbers: of objects only */
	}
	for (size_t i = 0; i < n; i++) {
		u64 raw_size = ALIGN_UP((u64)sections[i].len, (u64)pe->file_align);

		if (va + sections[i].len > UINT32_MAX || raw + raw_size > UINT32_MAX)
			return err_set(err, EFBIG, "section %s does not fit in 4 GiB",
				       sections[i].name);
		put_section(pe->head + pe->table + (pe->n + i) * SECTION_HEADER, &sections[i], va,
			    raw, raw_size);
		va = ALIGN_UP(va + sections[i].len, align);
		raw += raw_size;
	}
	put_le16(coff + 2, pe->n + n);
	put_le32(coff + 4, 0);			/* time */
	put_le32(coff + 8, 0);			/* symbol table */
	put_le32(coff + 12, 0);
	put_le32(opt + 56, va);			/* size in memory */
	put_le32(opt + 60, pe->headers + pe->shift);
	put_le32(opt + 64, 0);			/* checksum: EFI does not look */
	if (pe->shift)
		memset(opt + 112 + 6 * 8, 0, 8);	/* debug data: has places in the file */
	return 0;
}

static int write_all(const struct bytes *f, const struct pe *pe,
		     const struct uki_section *sections, size_t n, struct sink *out, struct err *err)
{
	u64 base = out->pos;
	int rc = sink_write(out, pe->head, pe->headers + pe->shift, err);

	if (!rc)
		rc = sink_write(out, f->data + pe->raw_start, pe->raw_end - pe->raw_start, err);
	for (size_t i = 0; i < n && !rc; i++) {
		rc = sink_zero_until(out, base + ALIGN_UP(out->pos - base, (u64)pe->file_align), err);
		if (!rc)
			rc = sink_write(out, sections[i].data, sections[i].len, err);
	}
	return rc ? rc : sink_zero_until(out, base + ALIGN_UP(out->pos - base, (u64)pe->file_align), err);
}

int uki_write(const struct bytes *stub, const struct uki_section *sections, size_t n,
	      struct sink *out, struct err *err)
{
	struct pe pe = { .head = NULL };
	u64 table_end;
	int rc;

	if (parse(stub, &pe) || parse_sections(stub, &pe))
		return err_set(err, EINVAL, "not an EFI program (PE32+)");
	/* Certificate table: its signature would no longer be right. */
	if (get_le32(stub->data + pe.opt + 112 + 4 * 8))
		return err_set(err, EINVAL, "a signed EFI program cannot be extended");
	if (pe.n + n > SECTIONS_MAX)
		return err_set(err, EINVAL, "too many sections");
	table_end = pe.table + (pe.n + n) * SECTION_HEADER;
	if (table_end > pe.headers)
		pe.shift = ALIGN_UP(table_end, (u64)pe.file_align) - pe.headers;
	pe.head = calloc(1, pe.headers + pe.shift);
	if (!pe.head)
		return err_set(err, ENOMEM, "out of memory");
	memcpy(pe.head, stub->data, pe.headers);
	rc = fill_headers(&pe, sections, n, err);
	if (!rc)
		rc = write_all(stub, &pe, sections, n, out, err);
	free(pe.head);
	return rc;
}

int uki_find(const struct bytes *uki, const char *name, u32 *offset, u32 *len)
{
	struct pe pe = { .head = NULL };

	if (parse(uki, &pe) || parse_sections(uki, &pe))
		return -EINVAL;
	for (u32 i = 0; i < pe.n; i++) {
		const u8 *s = uki->data + pe.table + i * SECTION_HEADER;

		if (strncmp((const char *)s, name, 8))
			continue;
		*offset = get_le32(s + 20);
		*len = MIN(get_le32(s + 8), get_le32(s + 16));
		return 0;
	}
	return -ENOENT;
}
