/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys from passwords: hashes by name, PBKDF2 (RFC 8018), LUKS's anti-forensic splitter. */
#include <string.h>
#include <time.h>
#include <sys/random.h>
#include <nettle/hmac.h>
#include <nettle/memxor.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include "block/crypto/crypto.h"

static const struct nettle_hash *const hashes[] = {
	&nettle_md5, &nettle_sha1, &nettle_sha224, &nettle_sha256, &nettle_sha384, &nettle_sha512,
	&nettle_ripemd160,
};

const struct nettle_hash *crypt_hash_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(hashes); i++)
		if (!strcmp(hashes[i]->name, name))
			return hashes[i];
	return NULL;
}

const char *crypt_hash_name(const struct nettle_hash *h)
{
	return h->name;
}

int crypt_random(void *p, size_t len)
{
	u8 *b = p;

	while (len) {
		ssize_t r = getrandom(b, MIN(len, (size_t)256), 0);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0) {
			b += r;
			len -= (size_t)r;
		}
	}
	return 0;
}

/* ---- PBKDF2 with HMAC of any hash: one block of memory holds the three states ---- */

struct mac {
	const struct nettle_hash *h;
	u8 *outer, *inner, *state;
};

static void mac_update(void *ctx, size_t len, const u8 *p)
{
	struct mac *m = ctx;

	hmac_update(m->state, m->h, len, p);
}

static void mac_digest(void *ctx, size_t len, u8 *out)
{
	struct mac *m = ctx;

	hmac_digest(m->outer, m->inner, m->state, m->h, len, out);
}

int crypt_pbkdf2(const struct nettle_hash *h, const u8 *pw, size_t pw_len, const u8 *salt, u32 salt_len,
		 u32 iter, u8 *out, u32 len)
{
	size_t one = ALIGN_UP(h->context_size, 16);
	u8 *mem = malloc(3 * one);
	struct mac m = { h, mem, mem + one, mem + 2 * one };

	if (!mem)
		return -ENOMEM;
	hmac_set_key(m.outer, m.inner, m.state, h, pw_len, pw);
	pbkdf2(&m, mac_update, mac_digest, h->digest_size, iter, salt_len, salt, len, out);
	explicit_bzero(mem, 3 * one);
	free(mem);
	return 0;
}

static u64 cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

u64 crypt_pbkdf2_rate(const struct nettle_hash *h, u32 len)
{
	u8 out[CRYPT_MAX_KEY], salt[32] = { 1 };

	for (u32 iter = 2048;; iter *= 2) {
		u64 t = cpu_us();

		if (crypt_pbkdf2(h, (const u8 *)"password", 8, salt, sizeof(salt), iter, out, len))
			return 1000;
		t = cpu_us() - t;
		if (t >= 10000 || iter >= 1U << 28)
			return (u64)iter * 1000000 / MAX(t, 1ULL);
	}
}

/* ---- the splitter ---- */

/* Each digest-sized part of @p becomes the hash of its number and itself. */
static int diffuse(const struct nettle_hash *h, u8 *p, u32 len)
{
	void *ctx = malloc(h->context_size);

	if (!ctx)
		return -ENOMEM;
	for (u32 i = 0, off = 0; off < len; i++, off += h->digest_size) {
		u32 m = MIN(len - off, h->digest_size);
		u8 no[4];

		put_be32(no, i);
		h->init(ctx);
		h->update(ctx, 4, no);
		h->update(ctx, m, p + off);
		h->digest(ctx, m, p + off);
	}
	explicit_bzero(ctx, h->context_size);
	free(ctx);
	return 0;
}

int crypt_af_split(const struct nettle_hash *h, const u8 *in, u32 len, u32 stripes, u8 *out)
{
	u8 acc[CRYPT_MAX_KEY] = { 0 };
	int ret = crypt_random(out, (size_t)len * (stripes - 1));

	for (u32 i = 0; !ret && i < stripes - 1; i++) {
		memxor(acc, out + (size_t)i * len, len);
		ret = diffuse(h, acc, len);
	}
	memxor3(out + (size_t)(stripes - 1) * len, acc, in, len);
	explicit_bzero(acc, sizeof(acc));
	return ret;
}

int crypt_af_merge(const struct nettle_hash *h, const u8 *in, u32 len, u32 stripes, u8 *out)
{
	int ret = 0;

	memset(out, 0, len);
	for (u32 i = 0; !ret && i < stripes - 1; i++) {
		memxor(out, in + (size_t)i * len, len);
		ret = diffuse(h, out, len);
	}
	memxor(out, in + (size_t)(stripes - 1) * len, len);
	return ret;
}
