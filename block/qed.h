/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the QED driver share (docs/interop/qed_spec.txt of QEMU). */
#ifndef BLOCK_QED_H
#define BLOCK_QED_H

#include "block/int.h"

#define QED_MAGIC		0x00444551U	/* "QED\0", little endian */
#define QED_F_BACKING		1ULL
#define QED_F_NEED_CHECK	2ULL
#define QED_F_RAW_BACKING	4ULL
#define QED_FEATURES		7ULL
#define QED_CLUSTER		65536U
#define QED_TABLE		4U
#define QED_ZERO		1ULL		/* L2 entry: zeros, no cluster */

struct qed_header {
	__le32 magic, cluster_size, table_size, header_size;
	__le64 features, compat_features, autoclear_features, l1_off, image_size;
	__le32 backing_off, backing_size;
} __packed;
_Static_assert(sizeof(struct qed_header) == 64, "QED header");

struct qed {
	pthread_mutex_t lock;
	struct blk_mcache *l1, *l2;
	struct qed_header h;		/* as on the disk */
	u64 features, l1_off;
	u32 cluster, table;		/* bytes; table: of an L1 or L2 table */
	u64 entries;			/* of a table */
	u64 end;			/* where the next cluster goes */
};

int qed_write_header(struct blk_node *n);
/* One entry of the table at @table, through cache @c. */
int qed_get(struct blk_mcache *c, u64 table, u64 i, u64 *val);
int qed_set(struct blk_mcache *c, u64 table, u64 i, u64 val);
bool qed_table_ok(struct blk_node *n, const struct qed *q, u64 off);
bool qed_cluster_ok(struct blk_node *n, const struct qed *q, u64 off);

/* ---- qed_check.c ---- */
int qed_check(struct blk_node *n, struct blk_check *c, struct err *e);

#endif
