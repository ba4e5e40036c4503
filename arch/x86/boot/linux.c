// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The boot image: files mapped, pieces listed; and what every 64-bit Linux
 * entry needs (Documentation/arch/x86/boot.rst of Linux, "64-bit boot
 * protocol"): boot_params, GDT, identity page tables, command line, initrd.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bytes.h"
#include "x86/boot.h"
#include "mem.h"

/* Where things stand in low memory. */
#define GDT_ADDR	0x1000
#define PARAMS_ADDR	0x7000
#define PAGE_TABLES	0x9000
#define CMDLINE_ADDR	0x20000
#define CMDLINE_MAX	0x10000

/* Offsets in boot_params ("zero page"). */
#define BP_ACPI_RSDP	0x070
#define BP_E820_N	0x1e8
#define BP_HDR		0x1f1
#define BP_CMDLINE	0x228
#define BP_LOADER	0x210
#define BP_LOADFLAGS	0x211
#define BP_RAMDISK	0x218
#define BP_RAMDISK_SIZE	0x21c
#define BP_HDR_MAGIC	0x202
#define BP_E820		0x2d0
#define BP_HDR_END	0x268
#define PAGE_SIZE	4096ULL

const u8 *boot_image_map(struct boot_image *b, const char *path, u64 min, u64 *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0) {
		err_errno(err, errno, "cannot open '%s'", path);
		return NULL;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err_set(err, EINVAL, "'%s' is not a file", path);
		goto fail;
	}
	if ((u64)st.st_size < min || !st.st_size) {
		err_set(err, EINVAL, "'%s' is too short (%llu bytes) to be what it should be", path, (u64)st.st_size);
		goto fail;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		err_errno(err, errno, "cannot map '%s'", path);
		goto fail;
	}
	close(fd);
	b->map[b->maps].p = p;
	b->map[b->maps++].len = (size_t)st.st_size;
	*len = (u64)st.st_size;
	return p;

fail:
	close(fd);
	return NULL;
}

int boot_image_add(struct boot_image *b, u64 addr, const void *data, u64 len, bool owned, struct err *err)
{
	if (b->pieces == BOOT_PIECES) {
		if (owned)
			mem_free((void *)data);
		return err_set(err, E2BIG, "the kernel has too many segments");
	}
	b->piece[b->pieces++] = (struct boot_piece){ addr, data, len, owned };
	return 0;
}

void boot_image_free(struct boot_image *b)
{
	unsigned i;

	for (i = 0; i < b->pieces; i++)
		if (b->piece[i].owned)
			mem_free((void *)b->piece[i].data);
	mem_free(b->unpacked);
	b->unpacked = NULL;
	for (i = 0; i < b->maps; i++)
		munmap(b->map[i].p, b->map[i].len);
	b->pieces = b->maps = 0;
}

void boot_image_rest(struct boot_image *b)
{
	for (unsigned i = 0; i < b->maps; i++)
		madvise(b->map[i].p, b->map[i].len, MADV_DONTNEED);
}

/* The first 4 GiB one to one by 2 MiB pages: PML4, PDPT, four directories. */
static int add_page_tables(struct boot_image *b, struct err *err)
{
	u8 *t = mem_zalloc(6 * PAGE_SIZE);
	unsigned i;

	if (!t)
		return err_set(err, ENOMEM, "out of memory");
	put_le64(t, (PAGE_TABLES + PAGE_SIZE) | 3);
	for (i = 0; i < 4; i++)
		put_le64(t + PAGE_SIZE + 8 * i, (PAGE_TABLES + (2 + i) * PAGE_SIZE) | 3);
	for (i = 0; i < 2048; i++)
		put_le64(t + 2 * PAGE_SIZE + 8 * i, (u64)i << 21 | 0x83);
	b->cr3 = PAGE_TABLES;
	return boot_image_add(b, PAGE_TABLES, t, 6 * PAGE_SIZE, true, err);
}

/* __BOOT_CS 0x10 (64-bit code), __BOOT_DS 0x18, a task state segment at 0x20. */
static int add_gdt(struct boot_image *b, struct err *err)
{
	static const u64 gdt[] = { 0, 0, 0x00af9b000000ffffULL, 0x00cf93000000ffffULL, 0x00008b0000000067ULL, 0 };
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

static int add_cmdline(struct boot_image *b, const struct boot_params_in *in, struct err *err)
{
	const char *text = in->append ? in->append : "";
	size_t len = strlen(text) + 1;
	u8 *copy;

	if (len > CMDLINE_MAX)
		return err_set(err, E2BIG, "-append is longer than %u bytes", CMDLINE_MAX);
	copy = mem_dup(text, len);
	return copy ? boot_image_add(b, CMDLINE_ADDR, copy, len, true, err) : err_set(err, ENOMEM, "out of memory");
}

/* As high as the kernel reaches, page aligned. */
static int add_initrd(struct boot_image *b, const struct boot_params_in *in, u8 *params, u64 initrd_max, struct err *err)
{
	u64 len, top = MIN(initrd_max + 1, in->below_4g), addr;
	const u8 *data;

	if (!in->initrd)
		return 0;
	data = boot_image_map(b, in->initrd, 1, &len, err);
	if (!data)
		return -err->code;
	if (len > top || (addr = (top - len) & ~(PAGE_SIZE - 1)) < 16 * MiB)
		return err_set(err, E2BIG, "'%s' (%llu bytes) does not fit into the guest's memory", in->initrd, len);
	put_le32(params + BP_RAMDISK, (u32)addr);
	put_le32(params + BP_RAMDISK_SIZE, (u32)len);
	return boot_image_add(b, addr, data, len, false, err);
}

static void fill_e820(u8 *params, const struct boot_params_in *in)
{
	unsigned i;

	params[BP_E820_N] = (u8)in->e820_n;
	for (i = 0; i < in->e820_n; i++) {
		u8 *e = params + BP_E820 + 20 * i;

		put_le64(e, in->e820[i].addr);
		put_le64(e + 8, in->e820[i].size);
		put_le32(e + 16, in->e820[i].type);
	}
}

int boot_linux_setup(struct boot_image *b, const struct boot_params_in *in, const u8 *setup_header, u64 entry,
		     u64 initrd_max, struct err *err)
{
	u8 *params = mem_zalloc(PAGE_SIZE);
	int ret;

	if (!params)
		return err_set(err, ENOMEM, "out of memory");
	memcpy(params + BP_HDR, setup_header + BP_HDR, MIN(BP_HDR_END, BP_HDR_MAGIC + setup_header[0x201]) - BP_HDR);
	params[BP_LOADER] = 0xff;		/* no assigned id */
	params[BP_LOADFLAGS] |= 0x01;
	put_le32(params + BP_CMDLINE, CMDLINE_ADDR);
	put_le64(params + BP_ACPI_RSDP, in->rsdp);
	fill_e820(params, in);
	ret = add_initrd(b, in, params, initrd_max, err);
	if (ret < 0) {
		mem_free(params);
		return ret;
	}
	ret = boot_image_add(b, PARAMS_ADDR, params, PAGE_SIZE, true, err);
	if (ret == 0)
		ret = add_cmdline(b, in, err);
	if (ret == 0)
		ret = add_page_tables(b, err);
	if (ret == 0)
		ret = add_gdt(b, err);
	b->entry = BOOT_ENTRY_LONG;
	b->rip = entry;
	b->rsi = PARAMS_ADDR;
	return ret;
}

int boot_image_load(struct boot_image *b, const struct boot_params_in *in, struct err *err)
{
	const u8 *file;
	u64 len;

	memset(b, 0, sizeof(*b));
	file = boot_image_map(b, in->kernel, 1024, &len, err);
	if (!file)
		return -err->code;
	if (get_le32(file + BP_HDR_MAGIC) == 0x53726448)	/* "HdrS" */
		return boot_bzimage(b, in, file, len, err);
	if (!memcmp(file, "\177ELF", 4))
		return boot_pvh(b, in, file, len, err);
	return err_set(err, EINVAL, "'%s' is neither a Linux bzImage nor an ELF kernel", in->kernel);
}
