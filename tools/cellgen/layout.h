/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How each revision writes each record: one table per record, walked by the
 * binary reader and writer, the C writer and JSON. A field that moved or
 * changed its width stands in the table once for each of its places.
 *
 * Facts: include/jailhouse/cell-config.h and console.h of Jailhouse 0.10
 * (revision 10), 0.12 (12), master (13 before, 14 since January 2023) and its
 * branch wip/new-cpu-config (15). All integers are little endian, packed.
 */
#ifndef CELLGEN_LAYOUT_H
#define CELLGEN_LAYOUT_H

#include "model.h"

struct jh_name {		/* ends with name NULL */
	u64 value;
	const char *name;	/* without the prefix that C puts in front */
};

struct jh_names {
	const char *prefix;	/* of the C constants: "JAILHOUSE_MEM_" */
	const struct jh_name *v;
};

enum jh_kind {
	JH_K_END,
	JH_K_HEX,		/* an address, a mask */
	JH_K_DEC,
	JH_K_FLAGS,
	JH_K_ENUM,
	JH_K_TEXT,		/* n bytes, NUL-padded */
	JH_K_SIGNATURE,		/* n bytes */
	JH_K_COUNT,		/* number of elements of a section */
	JH_K_MSI,		/* the bits msi_64bits and msi_maskable of one byte */
	JH_K_PAD,		/* n bytes that mean nothing */
	JH_K_SUB,		/* n records of another layout */
};

struct jh_field {
	const char *name;	/* designator in C and path in JSON: "platform_info.x86.tsc_khz" */
	u8 kind;		/* enum jh_kind */
	u8 width;		/* bytes in the file and in the model */
	u8 n;			/* elements; 0 and 1 are a scalar */
	u8 since, until;	/* revisions; 0: no bound */
	u8 arch;		/* mask of 1 << enum jh_arch; 0: all */
	u8 variant;		/* mask of VARIANT_*; 0: all */
	u8 section;		/* JH_K_COUNT */
	u16 off;		/* in the host structure */
	u16 step;		/* JH_K_SUB: size of a host record */
	const struct jh_names *names;
	const struct jh_field *sub;
};

/* Variants of a struct jh_iommu, by its type. */
enum { VARIANT_AMD = 1 << 0, VARIANT_PVU = 1 << 1, VARIANT_OTHER = 1 << 2 };

struct jh_ctx {			/* for whom a table is read */
	u16 revision;
	u8 arch;
};

struct jh_section_info {
	const char *name;	/* member in C, key in JSON */
	const char *c_type;
	const struct jh_field *fields;	/* NULL: plain bytes */
	u16 host_size;
	u8 since, until;
};

extern const struct jh_field jh_layout_system[];	/* up to the root cell; host: struct jh_system */
extern const struct jh_field jh_layout_cell[];		/* host: struct jh_cell */
extern const struct jh_section_info jh_sections[JH_SECTIONS];

/* The names of a field ("flags") in this revision; NULL: none. */
const struct jh_names *jh_field_names(const struct jh_field *fields, const char *name, u16 revision);
extern const struct jh_field jh_layout_console[];

/* Is the revision one that the tables know? */
bool jh_revision_known(u64 revision);
bool jh_section_in(enum jh_section s, u16 revision);
/* The next field of the table that this record has, from f on; NULL at the end. */
const struct jh_field *jh_field_next(const struct jh_field *f, const struct jh_ctx *ctx, const void *rec);
/* Bytes of one field and of a whole record in the file. */
size_t jh_field_bytes(const struct jh_field *f, const struct jh_ctx *ctx);
size_t jh_record_bytes(const struct jh_field *fields, const struct jh_ctx *ctx);
size_t jh_section_element(enum jh_section s, const struct jh_ctx *ctx);
/* Bytes of the whole configuration, without what nothing counts. */
u64 jh_config_bytes(const struct jh_config *c);

/* Element i of a scalar or array field, at most 8 bytes wide. */
u64 jh_field_get(const struct jh_field *f, const void *rec, unsigned i);
void jh_field_set(const struct jh_field *f, void *rec, unsigned i, u64 val);

/* ---- the formats ---- */

enum {	/* faults of the file itself, in the order of codes JH-FMT-001... */
	JH_FMT_SHORT = 1, JH_FMT_SIGNATURE, JH_FMT_REVISION, JH_FMT_ARCH, JH_FMT_COUNTS, JH_FMT_SIZE, JH_FMT_FAULTS
};

/*
 * Reads a binary configuration of either kind. arch: what to take it for when
 * it does not say (revisions before 14); -1: guess. 0, or -EINVAL, -ENOMEM
 * with err set and *fault the reason (JH_FMT_*, 0 for others); *c is empty then.
 */
int jh_read(struct jh_config *c, const u8 *data, size_t len, int arch, unsigned *fault, struct err *err);
/* Writes c in its revision. *out is mem_free()d by the caller. */
int jh_write(const struct jh_config *c, u8 **out, size_t *len, struct err *err);

struct strbuf;
/* C source for Jailhouse's cell-config.h of that revision; comment: text of the head, or NULL. */
int jh_write_c(const struct jh_config *c, const char *comment, struct strbuf *out);
int jh_write_json(const struct jh_config *c, struct strbuf *out);
int jh_read_json(struct jh_config *c, const char *text, size_t len, struct err *err);

/*
 * A file in binary or JSON, by its content ("-": standard input).
 * fault as jh_read(). The path is kept in c->path.
 */
int jh_load(struct jh_config *c, const char *path, int arch, unsigned *fault, struct err *err);
/* By the name's ending: .c, .json, else binary; "-" is standard output in C. */
int jh_save(const struct jh_config *c, const char *path, const char *comment, struct err *err);

/*
 * Makes c a configuration of another revision. What the other one cannot say is
 * refused (-EINVAL with err set). cpu_ids: phys_id of CPU n, n_ids of them, or NULL:
 * the numbers are taken as they are.
 */
int jh_convert(struct jh_config *c, u16 revision, const u64 *cpu_ids, u32 n_ids, struct err *err);

/* Writes signature, revision and architecture as c->revision and c->arch have them. */
void jh_set_head(struct jh_config *c);

/* A whole file ("-": standard input) of at most max bytes, with a NUL behind it. mem_free(*data). */
int jh_slurp(const char *path, size_t max, u8 **data, size_t *len, struct err *err);

/* Appends "READ | WRITE | 0x200" of a value; sep between names. */
void jh_flags_text(struct strbuf *b, const struct jh_names *names, u64 val, const char *prefix, const char *sep);
const char *jh_enum_name(const struct jh_names *names, u64 val);	/* NULL: none */

#endif
