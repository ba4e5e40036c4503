// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SMBIOS tables (DMTF DSP0134 2.8): what systemd, dmidecode and installers
 * learn about the machine: system, chassis, processors, memory.
 */
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "mem.h"
#include "pc.h"
#include "smbios.h"
#include "str.h"

#define DIMM_MAX	(16 * GiB)	/* a memory device */
#define FOUR_GIB	0x100000000ULL

struct table {
	struct smbios *s;
	struct strbuf out;
	size_t start;		/* of the structure under way */
	unsigned strings;
};

static void put(struct table *t, const void *p, size_t len)
{
	if (len)
		strbuf_add(&t->out, p, len);
}

/* Begins a structure with len bytes in its formatted part, head included. */
static void begin(struct table *t, u8 type, u16 handle, const u8 *body, u8 len)
{
	u8 head[4] = { type, len };

	put_le16(head + 2, handle);
	t->start = t->out.len;
	t->strings = 0;
	put(t, head, 4);
	put(t, body, len - 4U);
}

static void add_string(struct table *t, const char *text)
{
	put(t, text, strlen(text) + 1);
	t->strings++;
}

static void end(struct table *t)
{
	put(t, "\0\0", t->strings ? 1 : 2);
	t->s->largest = MAX(t->s->largest, (u16)(t->out.len - t->start));
	t->s->count++;
}

static void system_info(struct table *t, const struct pc *pc)
{
	u8 b[23] = { 1, 2, 3, 0 };

	/* The first three fields are little endian from 2.6 on. */
	if (pc->cfg.has_uuid) {
		put_le32(b + 4, get_be32(pc->cfg.uuid));
		put_le16(b + 8, get_be16(pc->cfg.uuid + 4));
		put_le16(b + 10, get_be16(pc->cfg.uuid + 6));
		memcpy(b + 12, pc->cfg.uuid + 8, 8);
	}
	b[20] = 6;		/* woken by the power switch */
	begin(t, 1, 0x100, b, 27);
	add_string(t, "QEMU");	/* what guests know virtual machines by */
	add_string(t, "Standard PC (Q35 + ICH9, 2009)");
	add_string(t, "vmbox");
	end(t);
}

static void chassis(struct table *t, const struct pc *pc)
{
	u8 b[18] = { 1, 1, 2, 0, 0, 3, 3, 3, 2 };

	begin(t, 3, 0x300, b, 22);
	add_string(t, "QEMU");
	add_string(t, pc->microvm ? "microvm" : "pc-q35");
	end(t);
}

static void processor(struct table *t, unsigned n)
{
	u8 b[38] = { 1, 3, 0xfe, 2 };		/* socket, central processor, family see below, manufacturer */
	char socket[16];

	b[12] = 3;				/* version */
	put_le16(b + 16, 2000);
	put_le16(b + 18, 2000);
	b[20] = 0x41;				/* populated, enabled */
	b[21] = 1;				/* upgrade: other */
	put_le16(b + 22, 0xffff);		/* caches: not told */
	put_le16(b + 24, 0xffff);
	put_le16(b + 26, 0xffff);
	b[31] = b[32] = b[33] = 1;		/* cores, enabled ones, threads */
	put_le16(b + 34, 2);			/* characteristics unknown */
	put_le16(b + 36, 1);			/* family 2: other */
	snprintf(socket, sizeof(socket), "CPU %u", n);
	begin(t, 4, (u16)(0x400 + n), b, 42);
	add_string(t, socket);
	add_string(t, "QEMU");
	add_string(t, "vmbox");
	end(t);
}

static unsigned dimms(const struct pc *pc)
{
	return (unsigned)((pc->m.ram_size + DIMM_MAX - 1) / DIMM_MAX);
}

static void memory_array(struct table *t, const struct pc *pc)
{
	u8 b[19] = { 1, 3, 6 };			/* other place, system memory, multi-bit ECC */
	u64 kib = pc->m.ram_size / 1024;

	put_le32(b + 3, kib < 0x80000000 ? (u32)kib : 0x80000000);
	put_le16(b + 7, 0xfffe);
	put_le16(b + 9, (u16)dimms(pc));
	if (kib >= 0x80000000)
		put_le64(b + 11, pc->m.ram_size);
	begin(t, 16, 0x1000, b, 23);
	end(t);
}

static void memory_device(struct table *t, const struct pc *pc, unsigned n)
{
	u64 mib = MIN(pc->m.ram_size - n * DIMM_MAX, DIMM_MAX) / MiB;
	u8 b[36] = { 0 };
	char name[16];

	put_le16(b, 0x1000);
	put_le16(b + 2, 0xfffe);
	put_le16(b + 4, 0xffff);
	put_le16(b + 6, 0xffff);
	put_le16(b + 8, (u16)MIN(mib, 0x7fffULL));
	b[10] = 9;				/* DIMM */
	b[12] = 1;
	b[14] = 7;				/* RAM */
	put_le16(b + 15, 2);
	b[19] = 2;
	snprintf(name, sizeof(name), "DIMM %u", n);
	begin(t, 17, (u16)(0x1100 + n), b, 40);
	add_string(t, name);
	add_string(t, "QEMU");
	end(t);
}

static void mapped(struct table *t, u16 handle, u64 first, u64 last)
{
	u8 b[27] = { 0 };

	put_le32(b, 0xffffffff);		/* in bytes, below */
	put_le32(b + 4, 0xffffffff);
	put_le16(b + 8, 0x1000);
	b[10] = 1;
	put_le64(b + 11, first);
	put_le64(b + 19, last);
	begin(t, 19, handle, b, 31);
	end(t);
}

static u8 sum_of(const u8 *p, size_t len)
{
	u8 s = 0;

	while (len--)
		s += *p++;
	return s;
}

/* The entry point structure, 5.2.1. */
static void fill_anchor(struct smbios *s)
{
	u8 *a = s->anchor;

	memcpy(a, "_SM_", 4);
	a[5] = SMBIOS_ANCHOR;
	a[6] = 2;
	a[7] = 8;
	put_le16(a + 8, s->largest);
	memcpy(a + 16, "_DMI_", 5);
	put_le16(a + 22, (u16)s->len);
	put_le16(a + 28, s->count);
	a[30] = 0x28;
	smbios_place(s, 0);
}

void smbios_place(struct smbios *s, u32 table_at)
{
	u8 *a = s->anchor;

	put_le32(a + 24, table_at);
	a[21] = a[4] = 0;
	a[21] = (u8)-sum_of(a + 16, 15);
	a[4] = (u8)-sum_of(a, SMBIOS_ANCHOR);
}

int smbios_build(struct smbios *s, const struct pc *pc, struct err *err)
{
	static const u8 boot_status[7];
	struct table t = { .s = s, .out = STRBUF_INIT };
	unsigned i;

	memset(s, 0, sizeof(*s));
	system_info(&t, pc);
	chassis(&t, pc);
	for (i = 0; i < pc->cfg.cpus; i++)
		processor(&t, i);
	memory_array(&t, pc);
	for (i = 0; i < dimms(pc); i++)
		memory_device(&t, pc, i);
	mapped(&t, 0x1300, 0, pc->m.below_4g - 1);
	if (pc->m.above_4g)
		mapped(&t, 0x1301, FOUR_GIB, FOUR_GIB + pc->m.above_4g - 1);
	begin(&t, 32, 0x2000, boot_status, 11);
	end(&t);
	begin(&t, 127, 0x7f00, NULL, 4);
	end(&t);
	if (strbuf_failed(&t.out) || t.out.len > SMBIOS_MAX) {
		strbuf_free(&t.out);
		return err_set(err, ENOMEM, "out of memory");
	}
	s->len = t.out.len;
	s->data = mem_dup(t.out.s, t.out.len);
	strbuf_free(&t.out);
	if (!s->data)
		return err_set(err, ENOMEM, "out of memory");
	fill_anchor(s);
	return 0;
}
