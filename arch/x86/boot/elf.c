// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF kernels: PVH (the Xen note XEN_ELFNOTE_PHYS32_ENTRY and struct
 * hvm_start_info, entered in 32-bit protected mode without paging) and
 * multiboot 1 (specification 0.6.96) with ELF segments.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "x86/boot.h"
#include "mem.h"

#define XEN_PHYS32_ENTRY	18
#define START_INFO		0x6000
#define START_MAGIC		0x336ec578
#define CMDLINE_ADDR		0x20000
#define GDT_ADDR		0x1000
#define MB_HEADER_MAGIC		0x1badb002
#define MB_BOOT_MAGIC		0x2badb002
#define MB_SEARCH		8192

struct segment {
	u64 offset, paddr, filesz, memsz, note_off, note_len;
};

/* Program header i of either class; false when it lies outside the file. */
static bool read_phdr(const u8 *f, u64 len, unsigned i, u32 *type, struct segment *s)
{
	bool is64 = f[EI_CLASS] == ELFCLASS64;
	u64 phoff = is64 ? get_le64(f + 32) : get_le32(f + 28), size = is64 ? 56 : 32, at;
	const u8 *p;

	if (phoff > len || add_overflows(phoff, (u64)i * size, &at) || at + size > len)
		return false;
	p = f + at;
	*type = get_le32(p);
	if (is64) {
		s->offset = get_le64(p + 8);
		s->paddr = get_le64(p + 24);
		s->filesz = get_le64(p + 32);
		s->memsz = get_le64(p + 40);
	} else {
		s->offset = get_le32(p + 4);
		s->paddr = get_le32(p + 12);
		s->filesz = get_le32(p + 16);
		s->memsz = get_le32(p + 20);
	}
	return s->offset <= len && s->filesz <= len - s->offset;
}

static unsigned phdr_count(const u8 *f)
{
	return get_le16(f + (f[EI_CLASS] == ELFCLASS64 ? 56 : 44));
}

/* The entry that a Xen note names; 0: none. */
static u64 pvh_entry(const u8 *f, u64 len)
{
	struct segment s;
	unsigned i;
	u32 type;

	for (i = 0; i < phdr_count(f); i++) {
		u64 at, end;

		if (!read_phdr(f, len, i, &type, &s) || type != PT_NOTE)
			continue;
		for (at = s.offset, end = s.offset + s.filesz; at + 12 <= end;) {
			u64 namesz = get_le32(f + at), descsz = get_le32(f + at + 4), name = at + 12;
			u64 desc = name + ALIGN_UP(namesz, 4);

			if (desc + descsz > end)
				break;
			if (get_le32(f + at + 8) == XEN_PHYS32_ENTRY && namesz == 4 && !memcmp(f + name, "Xen", 4) && descsz >= 4)
				return descsz >= 8 ? get_le64(f + desc) : get_le32(f + desc);
			at = desc + ALIGN_UP(descsz, 4);
		}
	}
	return 0;
}

int boot_elf_segments(struct boot_image *b, const struct boot_params_in *in, const u8 *f, u64 len, u64 *end, struct err *err)
{
	struct segment s;
	unsigned i;
	u32 type;
	int ret = 0;

	*end = 0;
	for (i = 0; i < phdr_count(f) && ret == 0; i++) {
		u64 last;

		if (!read_phdr(f, len, i, &type, &s))
			return err_set(err, EINVAL, "'%s' is cut short: segment %u is not in the file", in->kernel, i);
		if (type != PT_LOAD || !s.memsz)
			continue;
		if (add_overflows(s.paddr, s.memsz, &last) || last > in->below_4g)
			return err_set(err, ENOMEM, "'%s': segment %u does not fit into the guest's memory", in->kernel, i);
		*end = MAX(*end, last);
		if (s.filesz)
			ret = boot_image_add(b, s.paddr, f + s.offset, s.filesz, false, err);
	}
	if (ret == 0 && !*end)
		ret = err_set(err, EINVAL, "'%s' has nothing to load", in->kernel);
	return ret;
}

static int add_gdt32(struct boot_image *b, struct err *err)
{
	static const u64 gdt[] = { 0, 0, 0x00cf9b000000ffffULL, 0x00cf93000000ffffULL };
	u8 *t = mem_zalloc(sizeof(gdt));
	unsigned i;

	if (!t)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < ARRAY_SIZE(gdt); i++)
		put_le64(t + 8 * i, gdt[i]);
	b->gdt = GDT_ADDR;
	b->gdt_limit = sizeof(gdt) - 1;
	return boot_image_add(b, GDT_ADDR, t, sizeof(gdt), true, err);
}

static int add_text(struct boot_image *b, u64 addr, const char *text, struct err *err)
{
	size_t len;
	void *copy;

	text = text ? text : "";
	len = strlen(text) + 1;
	if (len > 0x10000)
		return err_set(err, E2BIG, "-append is longer than 65536 bytes");
	copy = mem_dup(text, len);
	return copy ? boot_image_add(b, addr, copy, len, true, err) : err_set(err, ENOMEM, "out of memory");
}

/* The initrd, page aligned at the top of low memory; *addr 0: none. */
static int add_module(struct boot_image *b, const struct boot_params_in *in, u64 end, u64 *addr, u64 *len, struct err *err)
{
	const u8 *data;

	*addr = *len = 0;
	if (!in->initrd)
		return 0;
	data = boot_image_map(b, in->initrd, 1, len, err);
	if (!data)
		return -err->code;
	if (*len > in->below_4g || (*addr = (in->below_4g - *len) & ~4095ULL) < end)
		return err_set(err, E2BIG, "'%s' (%llu bytes) does not fit into the guest's memory", in->initrd, *len);
	return boot_image_add(b, *addr, data, *len, false, err);
}

int boot_pvh(struct boot_image *b, const struct boot_params_in *in, const u8 *f, u64 len, struct err *err)
{
	u64 entry = pvh_entry(f, len), end, initrd, initrd_len;
	unsigned i;
	u8 *s;
	int ret;

	if (!entry)
		return boot_is_multiboot(f, len) ? boot_multiboot(b, in, f, len, err)
		       : err_set(err, ENOTSUP, "'%s': the ELF file has neither a PVH note nor a multiboot header", in->kernel);
	ret = boot_elf_segments(b, in, f, len, &end, err);
	if (ret == 0)
		ret = add_module(b, in, end, &initrd, &initrd_len, err);
	if (ret == 0)
		ret = add_text(b, CMDLINE_ADDR, in->append, err);
	if (ret == 0)
		ret = add_gdt32(b, err);
	if (ret < 0)
		return ret;
	s = mem_zalloc(4096);		/* start info, module list at 64, memory map at 128 */
	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	put_le32(s, START_MAGIC);
	put_le32(s + 4, 1);
	put_le32(s + 12, initrd ? 1 : 0);
	put_le64(s + 16, START_INFO + 64);
	put_le64(s + 24, CMDLINE_ADDR);
	put_le64(s + 32, in->rsdp);
	put_le64(s + 40, START_INFO + 128);
	put_le32(s + 48, in->e820_n);
	put_le64(s + 64, initrd);
	put_le64(s + 72, initrd_len);
	for (i = 0; i < in->e820_n; i++) {
		put_le64(s + 128 + 24 * i, in->e820[i].addr);
		put_le64(s + 136 + 24 * i, in->e820[i].size);
		put_le32(s + 144 + 24 * i, in->e820[i].type);
	}
	b->entry = BOOT_ENTRY_PROT32;
	b->rip = entry;
	b->rbx = START_INFO;
	return boot_image_add(b, START_INFO, s, 4096, true, err);
}

/* ---- multiboot ---- */

static const u8 *mb_header(const u8 *f, u64 len)
{
	u64 at;

	for (at = 0; at + 12 <= MIN(len, (u64)MB_SEARCH); at += 4)
		if (get_le32(f + at) == MB_HEADER_MAGIC && !(u32)(get_le32(f + at) + get_le32(f + at + 4) + get_le32(f + at + 8)))
			return f + at;
	return NULL;
}

bool boot_is_multiboot(const u8 *f, u64 len)
{
	return mb_header(f, len) != NULL;
}

int boot_multiboot(struct boot_image *b, const struct boot_params_in *in, const u8 *f, u64 len, struct err *err)
{
	u64 end, mod, mod_len;
	unsigned i;
	u8 *s;
	int ret = boot_elf_segments(b, in, f, len, &end, err);

	if (ret == 0)
		ret = add_module(b, in, end, &mod, &mod_len, err);
	if (ret == 0)
		ret = add_text(b, CMDLINE_ADDR, in->append, err);
	if (ret == 0)
		ret = add_gdt32(b, err);
	if (ret < 0)
		return ret;
	s = mem_zalloc(4096);		/* information, module at 128, memory map at 256 */
	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	put_le32(s, 0x01 | 0x04 | (mod ? 0x08 : 0) | 0x40 | 0x200);
	put_le32(s + 4, 639);
	put_le32(s + 8, (u32)((in->below_4g - MiB) / 1024));
	put_le32(s + 16, CMDLINE_ADDR);
	put_le32(s + 20, mod ? 1 : 0);
	put_le32(s + 24, START_INFO + 128);
	put_le32(s + 44, 24 * in->e820_n);
	put_le32(s + 48, START_INFO + 256);
	put_le32(s + 64, START_INFO + 120);
	memcpy(s + 120, "vmbox", 6);
	put_le32(s + 128, (u32)mod);
	put_le32(s + 132, (u32)(mod + mod_len));
	for (i = 0; i < in->e820_n; i++) {
		put_le32(s + 256 + 24 * i, 20);
		put_le64(s + 260 + 24 * i, in->e820[i].addr);
		put_le64(s + 268 + 24 * i, in->e820[i].size);
		put_le32(s + 276 + 24 * i, in->e820[i].type);
	}
	b->entry = BOOT_ENTRY_PROT32;
	b->rip = f[EI_CLASS] == ELFCLASS64 ? get_le64(f + 24) : get_le32(f + 24);
	b->rax = MB_BOOT_MAGIC;
	b->rbx = START_INFO;
	return boot_image_add(b, START_INFO, s, 4096, true, err);
}
