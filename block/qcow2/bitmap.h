/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directory of persistent bitmaps, for those who keep it and those who record in it. */
#ifndef BLOCK_QCOW2_BITMAP_H
#define BLOCK_QCOW2_BITMAP_H

#include "qcow2.h"

#define F_IN_USE 1U
#define F_AUTO	 2U
#define F_KNOWN  (F_IN_USE | F_AUTO)

#define BM_FLAGS 12		/* where they stand in an entry */

struct bm {
	u64 table_off;
	u32 table_size, flags;
	u8 gran_bits;
	u32 extra_len;
	u8 *extra;
	char name[1024];
};

/* All bitmaps; *out for qcow2_bms_free() with q->nb_bitmaps. */
int qcow2_bms_read(struct qcow2 *q, struct bm **out, struct err *e);
void qcow2_bms_free(struct bm *v, u32 n);
u64 qcow2_bm_entry_len(const struct bm *b);	/* of its entry in the directory */
/* A new directory, stable and named by the header when it returns. */
int qcow2_bms_write(struct qcow2 *q, const struct bm *v, u32 n, struct err *e);
/* Bits of a bitmap, one a granule; *out for free(). */
int qcow2_bm_read_bits(struct qcow2 *q, const struct bm *b, u8 **out, u64 *nbits);
/* Writes @bits (NULL: none set) as a new table of @b; the old one is the caller's. */
int qcow2_bm_new_table(struct qcow2 *q, struct bm *b, const u8 *bits, u64 nbits);
/* Sets in @to (2^@to_bits bytes a bit) what is set in @from (@gran bytes a bit). */
void qcow2_bm_merge_bits(u8 *to, u64 nto, u32 to_bits, const u8 *from, u64 nfrom, u64 gran);
int qcow2_bm_free_table(struct qcow2 *q, const struct bm *b);

#endif
