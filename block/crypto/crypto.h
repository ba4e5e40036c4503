/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encrypted sectors and the LUKS header, for the format "luks" and for qcow2.
 * Ciphers and hashes are nettle's; the sector modes (XTS, CBC with plain or
 * ESSIV vectors) and the key slots are here.
 */
#ifndef BLOCK_CRYPTO_H
#define BLOCK_CRYPTO_H

#include "block/int.h"
#include "config.h"

struct json;

#define CRYPT_SECTOR	512U
#define CRYPT_MAX_KEY	64U

enum crypt_mode { CRYPT_ECB, CRYPT_CBC, CRYPT_XTS, CRYPT_CTR };
enum crypt_iv { CRYPT_IV_NONE, CRYPT_IV_PLAIN, CRYPT_IV_PLAIN64, CRYPT_IV_ESSIV };

struct nettle_cipher;
struct nettle_hash;

/* One kind of encryption; the names are those of QEMU's options ("aes-256"). */
struct crypt_spec {
	const struct crypt_alg *alg;
	enum crypt_mode mode;
	enum crypt_iv iv;
	const struct nettle_hash *iv_hash;	/* ESSIV only */
};

struct crypt_alg {
	const char *name, *luks_name;
	const struct nettle_cipher *cipher;
};

extern const char *const crypt_mode_names[], *const crypt_iv_names[];
const struct crypt_alg *crypt_alg_find(const char *name);			/* "aes-256"; NULL */
const struct crypt_alg *crypt_alg_by_size(const char *luks_name, u32 key_len);	/* "aes", 32; NULL */
const struct nettle_hash *crypt_hash_find(const char *name);			/* "sha256"; NULL */
const char *crypt_hash_name(const struct nettle_hash *h);
u32 crypt_key_len(const struct crypt_spec *s);	/* bytes, both halves for XTS */

/* ---- sectors; a set-up cipher serves any number of threads ---- */
struct crypt;
int crypt_new(struct crypt **out, const struct crypt_spec *s, const u8 *key, struct err *e);
/* That of qcow and old qcow2: AES-128-CBC, 16 bytes of password are the key, zeros behind a shorter one. */
int crypt_new_old_aes(struct crypt **out, const u8 *pw, size_t len, struct err *e);
void crypt_free(struct crypt *c);
/* @len is a multiple of CRYPT_SECTOR; the first sector's vector is that of number @sector. */
void crypt_sectors(const struct crypt *c, bool encrypt, u64 sector, u8 *buf, size_t len);

/* ---- passwords ---- */
int crypt_pbkdf2(const struct nettle_hash *h, const u8 *pw, size_t pw_len, const u8 *salt, u32 salt_len,
		 u32 iter, u8 *out, u32 len);
/* Iterations a second of this processor for @len bytes. */
u64 crypt_pbkdf2_rate(const struct nettle_hash *h, u32 len);
/* Anti-forensic splitting (LUKS1, section 2.4): @len bytes to @stripes times as many, and back. */
int crypt_af_split(const struct nettle_hash *h, const u8 *in, u32 len, u32 stripes, u8 *out);
int crypt_af_merge(const struct nettle_hash *h, const u8 *in, u32 len, u32 stripes, u8 *out);
int crypt_random(void *p, size_t len);

/* ---- LUKS1 ---- */
struct luks;

struct luks_create {
	struct crypt_spec spec;
	const struct nettle_hash *hash;
	u64 iter_ms;
	const u8 *pw;
	size_t pw_len;
};
/* Takes cipher-alg, cipher-mode, ivgen-alg, ivgen-hash-alg, hash-alg, iter-time. */
int luks_take_options(struct blk_opts *o, struct luks_create *c, struct err *e);
u64 luks_header_bytes(const struct luks_create *c);	/* payload starts there */
/* Writes header and one key slot at @base of @node. */
int luks_create(struct blk_node *node, u64 base, const struct luks_create *c, struct err *e);
/* Reads the header; with @pw set, unlocks. */
int luks_open(struct luks **out, struct blk_node *node, u64 base, const u8 *pw, size_t pw_len, struct err *e);
void luks_close(struct luks *l);
struct crypt *luks_crypt(struct luks *l);	/* NULL when it was not unlocked */
u64 luks_payload(const struct luks *l);		/* bytes from the header's start */
/* @format: told between the others, where QEMU has it; NULL: not. */
int luks_info(const struct luks *l, const char *format, struct json *j);
/* Takes state, new-secret, old-secret, keyslot, iter-time. */
int luks_amend(struct luks *l, struct blk_graph *g, struct blk_opts *o, bool force, struct err *e);

#endif
