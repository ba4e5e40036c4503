/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The LUKS1 header on disk and in memory (LUKS On-Disk Format Specification 1.2.3). */
#ifndef BLOCK_LUKS_H
#define BLOCK_LUKS_H

#include "block/crypto/crypto.h"

#define LUKS_SLOTS	8
#define LUKS_STRIPES	4000
#define LUKS_SALT	32
#define LUKS_DIGEST	20
#define LUKS_SLOT_AREA	4096U		/* first key material; the rest is aligned to it */
#define LUKS_ENABLED	0x00ac71f3U
#define LUKS_DISABLED	0x0000deadU
#define LUKS_MIN_ITER	1000ULL
#define LUKS_ITER_MS	2000

struct luks_disk_slot {
	__be32 state, iter;
	u8 salt[LUKS_SALT];
	__be32 sector, stripes;
} __packed;

struct luks_header {
	u8 magic[6];
	__be16 version;
	char cipher_name[32], cipher_mode[32], hash[32];
	__be32 payload, key_len;
	u8 mk_digest[LUKS_DIGEST], mk_salt[LUKS_SALT];
	__be32 mk_iter;
	char uuid[40];
	struct luks_disk_slot slot[LUKS_SLOTS];
} __packed;
_Static_assert(sizeof(struct luks_header) == 592, "LUKS header");

struct luks_slot {
	u32 state, iter;
	u8 salt[LUKS_SALT];
	u32 sector, stripes;
};

struct luks {
	struct blk_node *node;
	u64 base;			/* of the header in @node */
	struct crypt_spec spec;
	const struct nettle_hash *hash;
	u32 payload_sector, key_len, mk_iter;
	u8 mk_digest[LUKS_DIGEST], mk_salt[LUKS_SALT];
	char uuid[41];
	struct luks_slot slot[LUKS_SLOTS];
	struct crypt *crypt;		/* and its key, once unlocked */
	u8 mk[CRYPT_MAX_KEY];
};

void luks_mode_text(const struct crypt_spec *s, char *buf, size_t size);
int luks_write_header(struct luks *l, struct err *e);
/* 1: @pw opens slot @i, and @mk is the master key. 0: it does not. */
int luks_try_slot(struct luks *l, int i, const u8 *pw, size_t pw_len, u8 *mk, struct err *e);
/* The slot that @pw opens, or -EPERM with text. */
int luks_find_slot(struct luks *l, const u8 *pw, size_t pw_len, u8 *mk, struct err *e);
int luks_store_slot(struct luks *l, int i, const u8 *pw, size_t pw_len, const u8 *mk, u64 iter_ms,
		    struct err *e);

#endif
