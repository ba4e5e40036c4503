// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACPI Machine Language writer (see aml.h). Opcodes are those of ACPI 6.4
 * section 20.3.
 */
#include <string.h>
#include "aml.h"
#include "bytes.h"
#include "mem.h"

void aml_free(struct aml *a)
{
	mem_free(a->buf);
	*a = (struct aml){ 0 };
}

bool aml_failed(const struct aml *a)
{
	return a->failed || a->depth;
}

void aml_raw(struct aml *a, const void *p, size_t len)
{
	if (!len)
		return;
	if (a->failed || mem_grow(&a->buf, &a->cap, a->len + len, 1) < 0) {
		a->failed = true;
		return;
	}
	memcpy(a->buf + a->len, p, len);
	a->len += len;
}

void aml_byte(struct aml *a, u8 v)
{
	aml_raw(a, &v, 1);
}

static void word(struct aml *a, u16 v)
{
	u8 raw[2];

	put_le16(raw, v);
	aml_raw(a, raw, 2);
}

static void dword(struct aml *a, u32 v)
{
	u8 raw[4];

	put_le32(raw, v);
	aml_raw(a, raw, 4);
}

static void qword(struct aml *a, u64 v)
{
	u8 raw[8];

	put_le64(raw, v);
	aml_raw(a, raw, 8);
}

/* ---- packages with a length ---- */

static void open_pkg(struct aml *a, bool buffer)
{
	BUG_ON(a->depth == AML_DEPTH);
	a->buffer[a->depth] = buffer;
	a->open[a->depth++] = a->len;
}

static void insert(struct aml *a, size_t at, const u8 *p, size_t len)
{
	size_t tail = a->len - at;

	aml_raw(a, p, len);	/* makes room */
	if (a->failed)
		return;
	memmove(a->buf + at + len, a->buf + at, tail);
	memcpy(a->buf + at, p, len);
}

/* PkgLength counts itself: one byte up to 63, else a lead byte with 4 bits and 1 to 3 more. */
static size_t pkg_length(u8 out[4], size_t body)
{
	size_t n, total, i;

	if (body + 1 <= 63) {
		out[0] = (u8)(body + 1);
		return 1;
	}
	for (n = 2; n < 4 && body + n >= (size_t)1 << (4 + 8 * (n - 1)); n++)
		;
	total = body + n;
	out[0] = (u8)((n - 1) << 6 | (total & 15));
	for (i = 1; i < n; i++)
		out[i] = (u8)(total >> (4 + 8 * (i - 1)));
	return n;
}

void aml_end(struct aml *a)
{
	size_t at = a->open[--a->depth], n;
	u8 raw[8];

	if (a->failed)
		return;
	if (a->buffer[a->depth]) {	/* BufferSize, a word constant is always enough here */
		raw[0] = 0x0b;
		put_le16(raw + 1, (u16)(a->len - at));
		insert(a, at, raw, 3);
	}
	n = pkg_length(raw, a->len - at);
	insert(a, at, raw, n);
}

/* ---- names ---- */

static unsigned count_segs(const char *s)
{
	unsigned n = *s ? 1 : 0;

	for (; *s; s++)
		n += *s == '.';
	return n;
}

void aml_namestring(struct aml *a, const char *name)
{
	unsigned segs, i;

	while (*name == '\\' || *name == '^')
		aml_byte(a, (u8)*name++);
	segs = count_segs(name);
	if (segs == 0)
		aml_byte(a, 0);
	else if (segs == 2)
		aml_byte(a, 0x2e);
	else if (segs > 2) {
		aml_byte(a, 0x2f);
		aml_byte(a, (u8)segs);
	}
	while (*name) {
		for (i = 0; i < 4; i++)
			aml_byte(a, *name && *name != '.' ? (u8)*name++ : '_');
		if (*name == '.')
			name++;
	}
}

/* ---- terms ---- */

static void ext(struct aml *a, u8 op)
{
	aml_byte(a, 0x5b);
	aml_byte(a, op);
}

void aml_scope_begin(struct aml *a, const char *name)
{
	aml_byte(a, 0x10);
	open_pkg(a, false);
	aml_namestring(a, name);
}

void aml_device_begin(struct aml *a, const char *name)
{
	ext(a, 0x82);
	open_pkg(a, false);
	aml_namestring(a, name);
}

void aml_method_begin(struct aml *a, const char *name, unsigned args, bool serialized)
{
	aml_byte(a, 0x14);
	open_pkg(a, false);
	aml_namestring(a, name);
	aml_byte(a, (u8)(args | (serialized ? 8 : 0)));
}

void aml_if_begin(struct aml *a)
{
	aml_byte(a, 0xa0);
	open_pkg(a, false);
}

void aml_else_begin(struct aml *a)
{
	aml_byte(a, 0xa1);
	open_pkg(a, false);
}

void aml_package_begin(struct aml *a, u8 elements)
{
	aml_byte(a, 0x12);
	open_pkg(a, false);
	aml_byte(a, elements);
}

void aml_resources_begin(struct aml *a)
{
	aml_byte(a, 0x11);
	open_pkg(a, true);
}

void aml_resources_end(struct aml *a)
{
	word(a, 0x0079);	/* end tag; a zero checksum means none */
	aml_end(a);
}

void aml_name(struct aml *a, const char *name)
{
	aml_byte(a, 0x08);
	aml_namestring(a, name);
}

void aml_int(struct aml *a, u64 v)
{
	if (v <= 1) {
		aml_byte(a, (u8)v);
	} else if (v <= 0xff) {
		aml_byte(a, 0x0a);
		aml_byte(a, (u8)v);
	} else if (v <= 0xffff) {
		aml_byte(a, 0x0b);
		word(a, (u16)v);
	} else if (v <= 0xffffffff) {
		aml_byte(a, 0x0c);
		dword(a, (u32)v);
	} else {
		aml_byte(a, 0x0e);
		qword(a, v);
	}
}

void aml_string(struct aml *a, const char *s)
{
	aml_byte(a, 0x0d);
	aml_raw(a, s, strlen(s) + 1);
}

static unsigned hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

void aml_eisaid(struct aml *a, const char *id)
{
	u32 v = (u32)(id[0] - 0x40) << 26 | (u32)(id[1] - 0x40) << 21 | (u32)(id[2] - 0x40) << 16 |
		hex(id[3]) << 12 | hex(id[4]) << 8 | hex(id[5]) << 4 | hex(id[6]);

	aml_byte(a, 0x0c);
	dword(a, __builtin_bswap32(v));
}

void aml_return(struct aml *a) { aml_byte(a, 0xa4); }
void aml_arg(struct aml *a, unsigned n) { aml_byte(a, (u8)(0x68 + n)); }
void aml_local(struct aml *a, unsigned n) { aml_byte(a, (u8)(0x60 + n)); }
void aml_store(struct aml *a) { aml_byte(a, 0x70); }
void aml_lequal(struct aml *a) { aml_byte(a, 0x93); }
void aml_and(struct aml *a) { aml_byte(a, 0x7b); }
void aml_or(struct aml *a) { aml_byte(a, 0x7d); }
void aml_create_dword_field(struct aml *a) { aml_byte(a, 0x8a); }

/* ---- resource descriptors ---- */

void aml_io(struct aml *a, u16 min, u16 max, u8 align, u8 len)
{
	aml_byte(a, 0x47);
	aml_byte(a, 1);		/* 16-bit decode */
	word(a, min);
	word(a, max);
	aml_byte(a, align);
	aml_byte(a, len);
}

void aml_irq_noflags(struct aml *a, u8 irq)
{
	aml_byte(a, 0x22);
	word(a, (u16)(1 << irq));
}

void aml_interrupt(struct aml *a, u32 gsi)
{
	aml_byte(a, 0x89);
	word(a, 6);
	aml_byte(a, 1);		/* consumer */
	aml_byte(a, 1);
	dword(a, gsi);
}

void aml_memory32_fixed(struct aml *a, u32 base, u32 len, bool writable)
{
	aml_byte(a, 0x86);
	word(a, 9);
	aml_byte(a, writable);
	dword(a, base);
	dword(a, len);
}

/* General flags: producer, positive decode, both ends fixed. */
#define FIXED 0x0c

void aml_word_bus(struct aml *a, u16 min, u16 max)
{
	aml_byte(a, 0x88);
	word(a, 13);
	aml_byte(a, 2);
	aml_byte(a, FIXED);
	aml_byte(a, 0);
	word(a, 0);
	word(a, min);
	word(a, max);
	word(a, 0);
	word(a, (u16)(max - min + 1));
}

void aml_word_io(struct aml *a, u16 min, u16 max)
{
	aml_byte(a, 0x88);
	word(a, 13);
	aml_byte(a, 1);
	aml_byte(a, FIXED);
	aml_byte(a, 3);		/* the whole range */
	word(a, 0);
	word(a, min);
	word(a, max);
	word(a, 0);
	word(a, (u16)(max - min + 1));
}

void aml_dword_memory(struct aml *a, u32 min, u32 max, bool cacheable)
{
	aml_byte(a, 0x87);
	word(a, 23);
	aml_byte(a, 0);
	aml_byte(a, FIXED);
	aml_byte(a, cacheable ? 3 : 1);
	dword(a, 0);
	dword(a, min);
	dword(a, max);
	dword(a, 0);
	dword(a, max - min + 1);
}

void aml_qword_memory(struct aml *a, u64 min, u64 max)
{
	aml_byte(a, 0x8a);
	word(a, 43);
	aml_byte(a, 0);
	aml_byte(a, FIXED);
	aml_byte(a, 3);
	qword(a, 0);
	qword(a, min);
	qword(a, max);
	qword(a, 0);
	qword(a, max - min + 1);
}
