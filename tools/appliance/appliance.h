/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of applet appliance: tree.c gathers what goes into the root file
 * system, modules.c picks kernel modules, contents.c adds all else, uki.c and
 * disk.c wrap kernel and initramfs for EFI, main.c is the command line.
 * Everything is made in the order of its names and with one time, so that the
 * same input gives the same bytes.
 */
#ifndef VMBOX_TOOLS_APPLIANCE_H
#define VMBOX_TOOLS_APPLIANCE_H

#include "sink.h"

/* ---- files of the host (file.c) ---- */

struct bytes {
	u8 *data;
	size_t len;
};

/* Reads all of path; free(out->data). */
int file_read(const char *path, struct bytes *out, struct err *err);

/* ---- the tree (tree.c) ---- */

struct tree_entry {
	char *name;		/* "bin/sh" */
	u32 mode;		/* S_IF... with permissions */
	u8 *data;		/* contents, or the target of a link */
	size_t len;
	u32 major, minor;
};

struct tree {
	struct tree_entry *v;
	size_t n, cap;
};

void tree_free(struct tree *t);
/* data is copied. Parents are made as needed; what is there already is replaced. */
int tree_file(struct tree *t, const char *name, u32 mode, const void *data, size_t len,
	      struct err *err);
int tree_text(struct tree *t, const char *name, const char *text, struct err *err);
int tree_dir(struct tree *t, const char *name, u32 mode, struct err *err);
int tree_slink(struct tree *t, const char *name, const char *target, struct err *err);
int tree_node(struct tree *t, const char *name, u32 mode, u32 major, u32 minor,
	      struct err *err);
/* A file, link or folder of the host with all below it, as name. */
int tree_host(struct tree *t, const char *path, const char *name, struct err *err);
bool tree_has(const struct tree *t, const char *name);
/* Writes the tree as a cpio archive, sorted by name. */
int tree_cpio(struct tree *t, u32 mtime, struct sink *out, struct err *err);

/* ---- contents ---- */

struct appliance {
	const char *kernel, *modules, *binary, *busybox, *stub, *cmdline, *hostname;
	const char *module_list, *more_modules, *load_list;	/* words */
	const char *release;			/* of the kernel; from its file */
	u32 mtime;
};

/* The release in a bzImage's header, "6.1.0-9-amd64"; out holds 128 bytes. */
int kernel_release(const struct bytes *kernel, char *out, struct err *err);
/* The root file system: binary, links, configuration, device nodes. */
int contents_add(struct tree *t, const struct appliance *a, struct err *err);
/*
 * The modules of a->module_list (a name with "?" behind it may be missing),
 * what they depend on, and the index files.
 */
int modules_add(struct tree *t, const struct appliance *a, struct err *err);

/* ---- what is around it ---- */

struct uki_section {
	const char *name;	/* up to 8 characters */
	const void *data;
	size_t len;
};

/*
 * Appends sections to an EFI program (a PE32+ file, such as systemd-boot's
 * stub) and writes the result. The symbol table, time stamp and checksum of
 * the program are left out; a signed one is refused.
 */
int uki_write(const struct bytes *stub, const struct uki_section *sections, size_t n,
	      struct sink *out, struct err *err);

/* Where a section's contents are in a program that uki_write() made. -ENOENT: it has no such section. */
int uki_find(const struct bytes *uki, const char *name, u32 *offset, u32 *len);

/* bios.S: 440 bytes of code for the MBR, and what it loads; both are completed by disk.c. */
extern const u8 boot_mbr[], boot_mbr_end[], boot_loader[], boot_loader_end[];

/* A disk with one EFI system partition; firmware of both kinds starts uki. size 0: as small as can be. */
int disk_write(const struct bytes *uki, const char *label, u64 size, u32 mtime,
	       struct sink *out, struct err *err);

/* A gzip stream in front of a sink. gzip_end() writes its end and frees. */
struct sink *gzip_begin(struct sink *out, struct err *err);
int gzip_end(struct sink *s, struct err *err);

#endif
