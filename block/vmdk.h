/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the VMDK driver share: VMware's Virtual Disk Format 5.0
 * and what ESX adds to it (COWD, SESPARSE).
 */
#ifndef BLOCK_VMDK_H
#define BLOCK_VMDK_H

#include "block/int.h"

#define VMDK_MAGIC	0x564d444bU	/* "KDMV", little endian */
#define COWD_MAGIC	0x44574f43U	/* "COWD" */
#define F_NEWLINE	1U
#define F_RGD		2U
#define F_ZERO_GRAIN	4U
#define F_COMPRESSED	0x10000U
#define F_MARKERS	0x20000U
#define GD_AT_END	~0ULL
#define NO_PARENT	0xffffffffU
#define GTE_ZERO	1U
#define GT_ENTRIES	512U		/* of the tables that we make */
#define GT_BYTES	(GT_ENTRIES * 4U)
#define GRAIN_BYTES	65536U		/* of the images that we make */
#define MAX_DESC	(1U << 20)
#define EMBEDDED_DESC	(20U * 512)	/* bytes kept for it in the images that we make */
#define FOOTER_SEARCH	(64 * MiB)	/* bytes from the end where a footer may be, after a crash */
#define FOOTER_PIECE	(64U << 10)
#define SPLIT_BYTES	(2 * GiB)	/* of one extent of the twoGb formats */

enum { MARK_EOS = 0, MARK_GT = 1, MARK_GD = 2, MARK_FOOTER = 3 };

struct vmdk_header {
	__le32 magic, version, flags;
	__le64 capacity, grain, desc_off, desc_size;
	__le32 gtes_per_gt;
	__le64 rgd_off, gd_off, overhead;
	u8 unclean, nl[4];
	__le16 compress;
	u8 pad[433];
} __packed;
_Static_assert(sizeof(struct vmdk_header) == 512, "VMDK header");

struct vmdk_cowd {
	__le32 magic, version, flags, sectors, grain, gd_off, gd_entries, next_free;
} __packed;

struct vmdk_sesparse {
	__le64 magic, version, capacity, grain, gt_size, flags, reserved[4];
	__le64 volatile_off, volatile_size, journal_head_off, journal_head_size, journal_off,
	       journal_size, gd_off, gd_size, gt_off, gts_size, bitmap_off, bitmap_size,
	       backmap_off, backmap_size, grains_off, grains_size;
	u8 pad[304];
} __packed;
_Static_assert(sizeof(struct vmdk_sesparse) == 512, "seSparse header");

struct vmdk_marker {
	__le64 val;			/* grains: sector; others: sectors that follow */
	__le32 size;			/* bytes of the packed grain; 0: of @type */
	__le32 type;			/* a grain's data begins here */
	u8 pad[496];
} __packed;
_Static_assert(sizeof(struct vmdk_marker) == 512, "VMDK marker");

enum vmdk_kind { VX_FLAT, VX_ZERO, VX_SPARSE, VX_SESPARSE };

struct vmdk_stream;

struct vmdk_ext {
	enum vmdk_kind kind;
	char type[12];			/* as the descriptor says; empty without one */
	struct blk_node *file;
	u64 start, size;		/* guest bytes */
	u64 flat_off;
	struct blk_mcache *tables;
	u64 gd_off, rgd_off;		/* bytes; rgd_off 0: none */
	u64 gts;			/* grain tables */
	u32 gtes, grain;		/* entries of a table, bytes of a grain */
	u32 version;
	bool compressed, markers, zero_grain, read_only;
	u64 se_tables, se_grains;	/* SESPARSE: bytes */
	u64 end;			/* where the next grain goes */
	struct vmdk_stream *stream;	/* the grain directory is at the end */
};

struct vmdk {
	pthread_mutex_t lock;
	struct vmdk_ext *ext;
	u32 n_ext;
	u64 desc_off;
	u32 desc_room;			/* bytes; 0: a file of its own */
	char type[32];
	u32 cid, parent_cid;
	bool parent_ok;
};

/* ---- vmdk_open.c ---- */
int vmdk_open(struct blk_node *n, struct blk_opts *o, struct err *e);
void vmdk_free(struct vmdk *v);
/* Value of @key in the descriptor text (behind "=" and a quote), or NULL. */
const char *vmdk_desc_value(const char *desc, const char *key);
int vmdk_get32(struct vmdk_ext *x, u64 at, u32 *out);
int vmdk_set32(struct vmdk_ext *x, u64 at, u32 val);

/* ---- vmdk_stream.c: the writer and reader of images with the directory at the end ---- */
int vmdk_stream_open(struct vmdk_ext *x, u64 overhead, struct err *e);
void vmdk_stream_free(struct vmdk_ext *x);
int vmdk_stream_entry(struct vmdk_ext *x, u64 i, u32 *gte);
/* Has table @t been written, or is it being filled? */
bool vmdk_stream_has_table(const struct vmdk_ext *x, u64 t);
int vmdk_stream_put(struct vmdk_ext *x, u64 i, const void *buf, u32 len);
int vmdk_stream_flush(struct vmdk_ext *x);
/* Writes one packed grain with its marker at x->end and moves that on. */
int vmdk_put_grain(struct vmdk_ext *x, u64 i, const void *buf, u32 len);

/* ---- vmdk_create.c ---- */
int vmdk_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o,
		struct err *e);
extern const struct blk_optdesc vmdk_opts[];

#endif
