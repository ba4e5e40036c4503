/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaders: a kernel file becomes a list of pieces of guest memory and the
 * registers of the boot processor. No guest memory is touched here, so that
 * a reset can do it again and tests need no machine. Main thread.
 */
#ifndef VMBOX_X86_BOOT_H
#define VMBOX_X86_BOOT_H

#include "compiler.h"
#include "err.h"

#define BOOT_PIECES	24
#define BOOT_E820	16

#define E820_RAM	1
#define E820_RESERVED	2
#define E820_ACPI	3

struct boot_e820 {
	u64 addr, size;
	u32 type;
};

enum boot_entry { BOOT_ENTRY_LONG, BOOT_ENTRY_PROT32 };

/* A piece of guest memory. data belongs to the image (owned) or to a mapped file. */
struct boot_piece {
	u64 addr;
	const u8 *data;
	u64 len;
	bool owned;
};

struct boot_image {
	struct boot_piece piece[BOOT_PIECES];
	unsigned pieces;
	struct { void *p; size_t len; } map[4];	/* mapped files */
	unsigned maps;
	enum boot_entry entry;
	u64 rip, rsi, rbx, rax, cr3;
	void *unpacked;			/* a kernel that was unpacked here; pieces point into it */
	u64 gdt;
	u16 gdt_limit;
};

struct boot_params_in {
	const char *kernel, *initrd, *append;
	u64 below_4g, above_4g;
	u64 rsdp;			/* 0: none */
	bool unpack;			/* the kernel's own loader need not run */
	struct boot_e820 e820[BOOT_E820];
	unsigned e820_n;
};

/* Recognizes the file by its contents: bzImage, or ELF with a PVH note. */
int  boot_image_load(struct boot_image *b, const struct boot_params_in *in, struct err *err);
/* The pieces are in the guest's memory: the files' pages need not stay in ours until the next reset reads them again. */
void boot_image_rest(struct boot_image *b);
void boot_image_free(struct boot_image *b);
/* Appends a piece; owned data is freed with the image (also when this fails). */
int  boot_image_add(struct boot_image *b, u64 addr, const void *data, u64 len, bool owned, struct err *err);
/* For the loaders: the file as read-only memory, at least min bytes. */
const u8 *boot_image_map(struct boot_image *b, const char *path, u64 min, u64 *len, struct err *err);

/* bzimage.c, elf.c */
/* The segments of an ELF file at their physical addresses; *end: the first address behind them. */
int  boot_elf_segments(struct boot_image *b, const struct boot_params_in *in, const u8 *file, u64 len, u64 *end, struct err *err);
int  boot_bzimage(struct boot_image *b, const struct boot_params_in *in, const u8 *file, u64 len, struct err *err);
int  boot_pvh(struct boot_image *b, const struct boot_params_in *in, const u8 *file, u64 len, struct err *err);
int  boot_multiboot(struct boot_image *b, const struct boot_params_in *in, const u8 *file, u64 len, struct err *err);
bool boot_is_multiboot(const u8 *file, u64 len);
/* GDT, page tables, zero page and command line around a 64-bit kernel entry. */
int  boot_linux_setup(struct boot_image *b, const struct boot_params_in *in, const u8 *setup_header, u64 entry,
		      u64 initrd_max, struct err *err);

#endif
