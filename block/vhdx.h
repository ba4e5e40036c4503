/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the VHDX driver share. On-disk structures are those of
 * Microsoft's [MS-VHDX]; section numbers refer to it.
 */
#ifndef BLOCK_VHDX_H
#define BLOCK_VHDX_H

#include "block/int.h"

#define VHDX_HEADER_1		(64 * KiB)
#define VHDX_HEADER_2		(128 * KiB)
#define VHDX_REGIONS_1		(192 * KiB)
#define VHDX_REGIONS_2		(256 * KiB)
#define VHDX_TABLE		(64 * KiB)	/* bytes of a region or metadata table */
#define VHDX_PAGE		4096U		/* what a data descriptor of the log describes */
#define VHDX_MAX_SIZE		(64 * TiB)
#define VHDX_MAX_FILE		(256 * TiB)	/* more no log may make the file */
#define VHDX_LOG_PAGES		64U		/* at most in one entry: two fit into the smallest log */

/* 2.5.1.1: states of a BAT entry. */
enum {
	VHDX_NOT_PRESENT = 0, VHDX_UNDEFINED = 1, VHDX_ZERO = 2, VHDX_UNMAPPED = 3,
	VHDX_UNMAPPED_OLD = 5, VHDX_FULL = 6, VHDX_PARTIAL = 7, VHDX_STATE_MASK = 7,
};
#define VHDX_BITMAP_PRESENT	6
#define VHDX_OFFSET_MASK	0xfffffffffff00000ULL

struct vhdx_header {			/* 2.2.2 */
	char signature[4];		/* "head" */
	__le32 checksum;
	__le64 sequence;
	u8 file_guid[16], data_guid[16], log_guid[16];
	__le16 log_version, version;
	__le32 log_length;
	__le64 log_offset;
	u8 reserved[4016];
} __packed;
_Static_assert(sizeof(struct vhdx_header) == 4096, "VHDX header");

struct vhdx_table_head {		/* 2.2.3, region table */
	char signature[4];		/* "regi" */
	__le32 checksum, count, reserved;
} __packed;
_Static_assert(sizeof(struct vhdx_table_head) == 16, "VHDX region table");

struct vhdx_region_entry {
	u8 guid[16];
	__le64 offset;
	__le32 length, required;
} __packed;
_Static_assert(sizeof(struct vhdx_region_entry) == 32, "VHDX region table entry");

struct vhdx_meta_head {			/* 2.6.1.1 */
	char signature[8];		/* "metadata" */
	__le16 reserved, count;
	u8 reserved2[20];
} __packed;
_Static_assert(sizeof(struct vhdx_meta_head) == 32, "VHDX metadata table");

struct vhdx_meta_entry {
	u8 guid[16];
	__le32 offset, length, flags, reserved;
} __packed;
_Static_assert(sizeof(struct vhdx_meta_entry) == 32, "VHDX metadata table entry");

struct vhdx_log_head {			/* 2.3.1.1 */
	char signature[4];		/* "loge" */
	__le32 checksum, length, tail;
	__le64 sequence;
	__le32 count, reserved;
	u8 guid[16];
	__le64 flushed_size, last_size;
} __packed;
_Static_assert(sizeof(struct vhdx_log_head) == 64, "VHDX log entry header");

struct vhdx_log_desc {			/* 2.3.1.2 and 2.3.1.3 */
	char signature[4];		/* "zero" or "desc" */
	u8 trailing[4];			/* data only */
	union {
		__le64 zero_length;
		u8 leading[8];
	};
	__le64 offset, sequence;
} __packed;
_Static_assert(sizeof(struct vhdx_log_desc) == 32, "VHDX log descriptor");

struct vhdx_log_data {			/* 2.3.1.4 */
	char signature[4];		/* "data" */
	__le32 seq_high;
	u8 data[4084];
	__le32 seq_low;
} __packed;
_Static_assert(sizeof(struct vhdx_log_data) == 4096, "VHDX log data sector");

struct vhdx {
	pthread_mutex_t lock;
	struct blk_mcache *bat;
	struct blk_mcache *bitmaps;	/* of images with a parent */
	u64 seq;			/* of the current header */
	int slot;			/* which of the two is current */
	u8 file_guid[16], data_guid[16], log_guid[16];
	u64 log_off;
	u32 log_len, log_head;		/* log_head: where the next entry goes */
	u64 log_seq;
	u8 log_next_guid[16];		/* of the entries that we write */
	bool log_open;			/* the header names our log */
	bool replayed;
	u64 bat_off, meta_off;
	u32 bat_len, meta_len;
	u64 block;			/* bytes */
	u32 sector;
	u32 ratio;			/* payload blocks to one sector bitmap block */
	u64 blocks;
	bool has_parent, fixed;
	u8 parent[2][16];		/* data GUIDs that the parent may have */
	u64 end;			/* where the next block goes */
};

extern const u8 vhdx_guid_bat[16], vhdx_guid_meta[16];
extern const u8 vhdx_item_params[16], vhdx_item_size[16], vhdx_item_page83[16],
	vhdx_item_lsector[16], vhdx_item_psector[16], vhdx_item_parent[16];

void vhdx_new_guid(u8 guid[16]);
bool vhdx_no_guid(const u8 guid[16]);
/* CRC-32C of @n bytes at @p with the 4 bytes at offset 4 as zeros. */
u32 vhdx_checksum(const void *p, size_t n);

/* ---- vhdx_header.c ---- */
int vhdx_read_headers(struct blk_node *n, struct vhdx *v, struct err *e);
/* After the log was replayed: regions, then metadata. */
int vhdx_read_regions(struct blk_node *n, struct vhdx *v, struct err *e);
int vhdx_read_metadata(struct blk_node *n, struct vhdx *v, struct err *e);
/* Writes both headers, one after the other, with the GUIDs in @v. */
int vhdx_write_headers(struct blk_node *file, struct vhdx *v);

/* ---- vhdx_log.c ---- */
/* Applies what the log holds. Read-only nodes: -EPERM when there is something. */
int vhdx_replay(struct blk_node *n, struct vhdx *v, struct err *e);
/* For blk_mcache_set_log(); @opaque is the node. */
int vhdx_log_append(void *opaque, const u64 *off, void *const *data, u32 count);
/* All entries were applied and flushed: the header says so. */
int vhdx_log_close(struct blk_node *n, struct vhdx *v);

/* ---- vhdx_create.c ---- */
int vhdx_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o,
		struct err *e);
extern const struct blk_optdesc vhdx_opts[];

#endif
