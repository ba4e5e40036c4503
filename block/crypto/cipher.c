/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sectors of 512 bytes by block ciphers (crypto.h). XTS (IEEE 1619) computes
 * the tweaks of eight sectors first and hands the cipher 4 KiB at a time:
 * nettle's AES-NI code is as fast as that only on long runs.
 */
#include <string.h>
#include <nettle/nettle-meta.h>
#include <nettle/cbc.h>
#include <nettle/ctr.h>
#include <nettle/memxor.h>
#include <nettle/serpent.h>
#include <nettle/twofish.h>
#include <nettle/cast128.h>
#include "block/crypto/crypto.h"

#define BATCH	8U			/* sectors */
#define BLK_MAX	16U

const char *const crypt_mode_names[] = { "ecb", "cbc", "xts", "ctr", NULL };
const char *const crypt_iv_names[] = { "none", "plain", "plain64", "essiv", NULL };

static const struct crypt_alg algs[] = {
	{ "aes-128", "aes", &nettle_aes128 }, { "aes-192", "aes", &nettle_aes192 },
	{ "aes-256", "aes", &nettle_aes256 }, { "cast5-128", "cast5", &nettle_cast128 },
	{ "serpent-128", "serpent", &nettle_serpent128 }, { "serpent-192", "serpent", &nettle_serpent192 },
	{ "serpent-256", "serpent", &nettle_serpent256 }, { "twofish-128", "twofish", &nettle_twofish128 },
	{ "twofish-192", "twofish", &nettle_twofish192 }, { "twofish-256", "twofish", &nettle_twofish256 },
};

struct crypt {
	struct crypt_spec s;
	const struct nettle_cipher *c, *essiv;
	void *enc, *dec, *tweak, *iv;	/* contexts; tweak: XTS, iv: ESSIV */
};

const struct crypt_alg *crypt_alg_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(algs); i++)
		if (!strcmp(algs[i].name, name))
			return &algs[i];
	return NULL;
}

const struct crypt_alg *crypt_alg_by_size(const char *luks_name, u32 key_len)
{
	for (u32 i = 0; i < ARRAY_SIZE(algs); i++)
		if (!strcmp(algs[i].luks_name, luks_name) && algs[i].cipher->key_size == key_len)
			return &algs[i];
	return NULL;
}

u32 crypt_key_len(const struct crypt_spec *s)
{
	return s->alg->cipher->key_size * (s->mode == CRYPT_XTS ? 2 : 1);
}

static void *context(const struct nettle_cipher *c, const u8 *key, bool dec)
{
	void *ctx = malloc(ALIGN_UP(c->context_size, 16));

	if (ctx && dec)
		c->set_decrypt_key(ctx, key);
	else if (ctx)
		c->set_encrypt_key(ctx, key);
	return ctx;
}

/* ESSIV: the cipher of the same family whose key is as long as the hash of our key. */
static int set_essiv(struct crypt *c, const u8 *key, struct err *e)
{
	const struct nettle_hash *h = c->s.iv_hash;
	const struct crypt_alg *a = crypt_alg_by_size(c->s.alg->luks_name, h->digest_size);
	u8 salt[64];
	void *ctx = malloc(h->context_size);

	if (!ctx)
		return -ENOMEM;
	if (!a) {
		free(ctx);
		return err_set(e, EINVAL, "No %s cipher with key size %u available",
			       c->s.alg->luks_name[0] == 'a' ? "AES" : c->s.alg->luks_name[0] == 's' ? "Serpent" :
			       c->s.alg->luks_name[0] == 't' ? "Twofish" : "CAST5", h->digest_size);
	}
	h->init(ctx);
	h->update(ctx, crypt_key_len(&c->s), key);
	h->digest(ctx, h->digest_size, salt);
	c->essiv = a->cipher;
	c->iv = context(a->cipher, salt, false);
	explicit_bzero(salt, sizeof(salt));
	explicit_bzero(ctx, h->context_size);
	free(ctx);
	return c->iv ? 0 : -ENOMEM;
}

int crypt_new(struct crypt **out, const struct crypt_spec *s, const u8 *key, struct err *e)
{
	struct crypt *c = calloc(1, sizeof(*c));
	int ret = 0;

	if (!c)
		return -ENOMEM;
	c->s = *s;
	c->c = s->alg->cipher;
	if (s->mode == CRYPT_XTS && c->c->block_size != 16)
		ret = err_set(e, EINVAL, "XTS mode requires a cipher with 128-bit block size, not %s", s->alg->name);
	if (!ret && s->iv == CRYPT_IV_ESSIV)
		ret = set_essiv(c, key, e);
	if (!ret) {
		c->enc = context(c->c, key, false);
		c->dec = context(c->c, key, true);
		if (s->mode == CRYPT_XTS)
			c->tweak = context(c->c, key + c->c->key_size, false);
		if (!c->enc || !c->dec || (s->mode == CRYPT_XTS && !c->tweak))
			ret = -ENOMEM;
	}
	if (ret)
		crypt_free(c);
	else
		*out = c;
	return ret;
}

int crypt_new_old_aes(struct crypt **out, const u8 *pw, size_t len, struct err *e)
{
	struct crypt_spec s = { .alg = crypt_alg_find("aes-128"), .mode = CRYPT_CBC, .iv = CRYPT_IV_PLAIN64 };
	u8 key[16] = { 0 };
	int ret;

	memcpy(key, pw, MIN(len, sizeof(key)));
	ret = crypt_new(out, &s, key, e);
	explicit_bzero(key, sizeof(key));
	return ret;
}

static void wipe(void *ctx, const struct nettle_cipher *c)
{
	if (ctx)
		explicit_bzero(ctx, c->context_size);
	free(ctx);
}

void crypt_free(struct crypt *c)
{
	if (!c)
		return;
	wipe(c->enc, c->c);
	wipe(c->dec, c->c);
	wipe(c->tweak, c->c);
	wipe(c->iv, c->essiv);
	free(c);
}

static void make_iv(const struct crypt *c, u64 sector, u8 *iv)
{
	memset(iv, 0, BLK_MAX);
	if (c->s.iv == CRYPT_IV_PLAIN)
		put_le32(iv, (u32)sector);
	else if (c->s.iv != CRYPT_IV_NONE)
		put_le64(iv, sector);
	if (c->s.iv == CRYPT_IV_ESSIV)
		c->essiv->encrypt(c->iv, c->essiv->block_size, iv, iv);
}

/* The tweaks of a sector's blocks: multiplied by x in GF(2^128) from one to the next. */
static void fill_tweaks(u8 *t)
{
	u64 lo = get_le64(t), hi = get_le64(t + 8);

	for (u32 i = 16; i < CRYPT_SECTOR; i += 16) {
		u64 carry = 0x87 & (0 - (hi >> 63));

		hi = hi << 1 | lo >> 63;
		lo = lo << 1 ^ carry;
		put_le64(t + i, lo);
		put_le64(t + i + 8, hi);
	}
}

static void xts(const struct crypt *c, bool encrypt, u64 sector, u8 *buf, size_t len)
{
	u8 t[BATCH * CRYPT_SECTOR] __aligned(16), ivs[BATCH * BLK_MAX] __aligned(16);

	while (len) {
		u32 n = (u32)MIN(len / CRYPT_SECTOR, (size_t)BATCH), bytes = n * CRYPT_SECTOR;

		for (u32 i = 0; i < n; i++)
			make_iv(c, sector + i, ivs + i * BLK_MAX);
		c->c->encrypt(c->tweak, n * BLK_MAX, ivs, ivs);
		for (u32 i = 0; i < n; i++) {
			memcpy(t + i * CRYPT_SECTOR, ivs + i * BLK_MAX, BLK_MAX);
			fill_tweaks(t + i * CRYPT_SECTOR);
		}
		memxor(buf, t, bytes);
		if (encrypt)
			c->c->encrypt(c->enc, bytes, buf, buf);
		else
			c->c->decrypt(c->dec, bytes, buf, buf);
		memxor(buf, t, bytes);
		sector += n;
		buf += bytes;
		len -= bytes;
	}
}

void crypt_sectors(const struct crypt *c, bool encrypt, u64 sector, u8 *buf, size_t len)
{
	u8 iv[BLK_MAX];

	if (c->s.mode == CRYPT_XTS) {
		xts(c, encrypt, sector, buf, len);
		return;
	}
	for (; len; len -= CRYPT_SECTOR, buf += CRYPT_SECTOR, sector++) {
		make_iv(c, sector, iv);
		if (c->s.mode == CRYPT_CTR)
			ctr_crypt(c->enc, c->c->encrypt, c->c->block_size, iv, CRYPT_SECTOR, buf, buf);
		else if (c->s.mode == CRYPT_ECB && encrypt)
			c->c->encrypt(c->enc, CRYPT_SECTOR, buf, buf);
		else if (c->s.mode == CRYPT_ECB)
			c->c->decrypt(c->dec, CRYPT_SECTOR, buf, buf);
		else if (encrypt)
			cbc_encrypt(c->enc, c->c->encrypt, c->c->block_size, iv, CRYPT_SECTOR, buf, buf);
		else
			cbc_decrypt(c->dec, c->c->decrypt, c->c->block_size, iv, CRYPT_SECTOR, buf, buf);
	}
}
