/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The LUKS1 header: parsing and checking, unlocking, what info shows. The
 * header is parsed once into struct luks; slots.c changes it.
 */
#include <stdio.h>
#include <string.h>
#include "block/crypto/luks.h"
#include "json.h"

static const u8 magic[6] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };

/* ---- checking ---- */

static int check_strings(const struct luks_header *h, struct err *e)
{
	if (!memchr(h->cipher_name, 0, sizeof(h->cipher_name)))
		return err_set(e, EINVAL, "LUKS header cipher name is not NUL terminated");
	if (!memchr(h->cipher_mode, 0, sizeof(h->cipher_mode)))
		return err_set(e, EINVAL, "LUKS header cipher mode is not NUL terminated");
	if (!memchr(h->hash, 0, sizeof(h->hash)))
		return err_set(e, EINVAL, "LUKS header hash spec is not NUL terminated");
	return 0;
}

static int check_slots(const struct luks *l, struct err *e)
{
	u64 stride = DIV_ROUND_UP((u64)l->key_len * LUKS_STRIPES, CRYPT_SECTOR);
	u64 first = LUKS_SLOT_AREA / CRYPT_SECTOR;

	for (int i = 0; i < LUKS_SLOTS; i++) {
		const struct luks_slot *s = &l->slot[i];

		if (s->stripes != LUKS_STRIPES)
			return err_set(e, EINVAL, "Keyslot %d is corrupted (stripes %d != %d)", i, (int)s->stripes, LUKS_STRIPES);
		if (s->state != LUKS_ENABLED && s->state != LUKS_DISABLED)
			return err_set(e, EINVAL, "Keyslot %d state (active/disable) is corrupted", i);
		if (s->state == LUKS_ENABLED && !s->iter)
			return err_set(e, EINVAL, "Keyslot %d iteration count is zero", i);
		if (s->sector < first)
			return err_set(e, EINVAL, "Keyslot %d is overlapping with the LUKS header", i);
		if (l->payload_sector && s->sector + stride > l->payload_sector)
			return err_set(e, EINVAL, "Keyslot %d is overlapping with the encrypted payload", i);
		for (int k = 0; k < i; k++)
			if (l->slot[k].sector < s->sector + stride && s->sector < l->slot[k].sector + stride)
				return err_set(e, EINVAL, "Keyslots %d and %d are overlapping in the header", k, i);
	}
	return 0;
}

static int find_name(const char *const *names, const char *s, const char *what, struct err *e)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], s))
			return i;
	return err_set(e, EINVAL, "%s '%s' is not supported", what, s);
}

/* "cbc-essiv:sha256", "xts-plain64" */
static int parse_mode(struct luks *l, const char *text, struct err *e)
{
	char buf[33], *iv, *hash;
	int ret;

	snprintf(buf, sizeof(buf), "%s", text);
	iv = strchr(buf, '-');
	if (!iv)
		return err_set(e, EINVAL, "Unexpected cipher mode string format '%s'", text);
	*iv++ = 0;
	hash = strchr(iv, ':');
	if (hash) {
		*hash++ = 0;
		l->spec.iv_hash = crypt_hash_find(hash);
		if (!l->spec.iv_hash)
			return err_set(e, EINVAL, "Hash algorithm '%s' is not supported", hash);
	}
	ret = find_name(crypt_mode_names, buf, "Cipher mode", e);
	if (ret < 0)
		return ret;
	l->spec.mode = (enum crypt_mode)ret;
	ret = find_name(crypt_iv_names + 1, iv, "IV generator", e);
	if (ret < 0)
		return ret;
	l->spec.iv = (enum crypt_iv)(ret + 1);
	if (l->spec.iv == CRYPT_IV_ESSIV && !l->spec.iv_hash)
		return err_set(e, EINVAL, "Missing IV generator hash specification");
	return 0;
}

static int parse_algorithms(struct luks *l, const struct luks_header *h, struct err *e)
{
	int ret = parse_mode(l, h->cipher_mode, e);
	u32 len = l->key_len;

	if (ret)
		return ret;
	if (len > CRYPT_MAX_KEY)
		return err_set(e, EINVAL, "LUKS key of %u bytes is too long", len);
	l->spec.alg = crypt_alg_by_size(h->cipher_name, l->spec.mode == CRYPT_XTS ? len / 2 : len);
	if (!l->spec.alg || crypt_key_len(&l->spec) != len)
		return err_set(e, EINVAL, "Algorithm '%s' with key size %u bytes not supported", h->cipher_name, len);
	l->hash = crypt_hash_find(h->hash);
	if (!l->hash)
		return err_set(e, EINVAL, "Hash algorithm '%s' is not supported", h->hash);
	return 0;
}

static int parse(struct luks *l, const struct luks_header *h, struct err *e)
{
	int ret;

	if (memcmp(h->magic, magic, sizeof(magic)))
		return err_set(e, EINVAL, "Volume is not in LUKS format");
	if (be16_to_cpu(h->version) != 1)
		return err_set(e, ENOTSUP, "LUKS version %u is not supported", be16_to_cpu(h->version));
	ret = check_strings(h, e);
	if (ret)
		return ret;
	l->payload_sector = be32_to_cpu(h->payload);
	l->key_len = be32_to_cpu(h->key_len);
	l->mk_iter = be32_to_cpu(h->mk_iter);
	memcpy(l->mk_digest, h->mk_digest, sizeof(l->mk_digest));
	memcpy(l->mk_salt, h->mk_salt, sizeof(l->mk_salt));
	snprintf(l->uuid, sizeof(l->uuid), "%.40s", h->uuid);
	for (int i = 0; i < LUKS_SLOTS; i++) {
		const struct luks_disk_slot *s = &h->slot[i];

		l->slot[i] = (struct luks_slot){ be32_to_cpu(s->state), be32_to_cpu(s->iter), { 0 },
						 be32_to_cpu(s->sector), be32_to_cpu(s->stripes) };
		memcpy(l->slot[i].salt, s->salt, LUKS_SALT);
	}
	if (l->payload_sector && l->payload_sector < DIV_ROUND_UP(LUKS_SLOT_AREA, CRYPT_SECTOR))
		return err_set(e, EINVAL, "LUKS payload is overlapping with the header");
	if (!l->mk_iter)
		return err_set(e, EINVAL, "LUKS key iteration count is zero");
	ret = parse_algorithms(l, h, e);
	return ret ?: check_slots(l, e);
}

/* ---- writing it back ---- */

void luks_mode_text(const struct crypt_spec *s, char *buf, size_t size)
{
	snprintf(buf, size, "%s-%s%s%s", crypt_mode_names[s->mode], crypt_iv_names[s->iv],
		 s->iv_hash ? ":" : "", s->iv_hash ? crypt_hash_name(s->iv_hash) : "");
}

int luks_write_header(struct luks *l, struct err *e)
{
	struct luks_header h = { .version = cpu_to_be16(1), .payload = cpu_to_be32(l->payload_sector),
				 .key_len = cpu_to_be32(l->key_len), .mk_iter = cpu_to_be32(l->mk_iter) };
	int ret;

	memcpy(h.magic, magic, sizeof(magic));
	snprintf(h.cipher_name, sizeof(h.cipher_name), "%s", l->spec.alg->luks_name);
	luks_mode_text(&l->spec, h.cipher_mode, sizeof(h.cipher_mode));
	snprintf(h.hash, sizeof(h.hash), "%s", crypt_hash_name(l->hash));
	memcpy(h.mk_digest, l->mk_digest, sizeof(h.mk_digest));
	memcpy(h.mk_salt, l->mk_salt, sizeof(h.mk_salt));
	memcpy(h.uuid, l->uuid, strlen(l->uuid));
	for (int i = 0; i < LUKS_SLOTS; i++) {
		const struct luks_slot *s = &l->slot[i];

		h.slot[i] = (struct luks_disk_slot){ cpu_to_be32(s->state), cpu_to_be32(s->iter), { 0 },
						     cpu_to_be32(s->sector), cpu_to_be32(s->stripes) };
		memcpy(h.slot[i].salt, s->salt, LUKS_SALT);
	}
	ret = blk_node_pwrite(l->node, l->base, &h, sizeof(h));
	return ret ? err_errno(e, -ret, "Could not write encryption header") : 0;
}

/* ---- unlocking ---- */

static int area_crypt(const struct luks *l, const struct luks_slot *s, const u8 *pw, size_t pw_len,
		      struct crypt **c, struct err *e)
{
	u8 key[CRYPT_MAX_KEY];
	int ret = crypt_pbkdf2(l->hash, pw, pw_len, s->salt, LUKS_SALT, s->iter, key, l->key_len);

	ret = ret ?: crypt_new(c, &l->spec, key, e);
	explicit_bzero(key, sizeof(key));
	return ret;
}

/* 1: this password opens slot @i, *mk is the key. */
int luks_try_slot(struct luks *l, int i, const u8 *pw, size_t pw_len, u8 *mk, struct err *e)
{
	const struct luks_slot *s = &l->slot[i];
	size_t len = ALIGN_UP((size_t)l->key_len * s->stripes, CRYPT_SECTOR);
	u8 digest[LUKS_DIGEST], *area;
	struct crypt *c = NULL;
	int ret;

	if (s->state != LUKS_ENABLED)
		return 0;
	area = blk_buf_alloc(len);
	ret = area ? area_crypt(l, s, pw, pw_len, &c, e) : -ENOMEM;
	if (!ret) {
		ret = blk_node_pread(l->node, l->base + (u64)s->sector * CRYPT_SECTOR, area, len);
		if (ret)
			err_errno(e, -ret, "Failed to read key material");
	}
	if (!ret) {
		crypt_sectors(c, false, 0, area, len);
		ret = crypt_af_merge(l->hash, area, l->key_len, s->stripes, mk);
	}
	ret = ret ?: crypt_pbkdf2(l->hash, mk, l->key_len, l->mk_salt, LUKS_SALT, l->mk_iter, digest,
				  LUKS_DIGEST);
	if (area)
		explicit_bzero(area, len);
	free(area);
	crypt_free(c);
	return ret ? ret : !memcmp(digest, l->mk_digest, LUKS_DIGEST);
}

int luks_find_slot(struct luks *l, const u8 *pw, size_t pw_len, u8 *mk, struct err *e)
{
	for (int i = 0; i < LUKS_SLOTS; i++) {
		int ret = luks_try_slot(l, i, pw, pw_len, mk, e);

		if (ret)
			return ret < 0 ? ret : i;
	}
	return err_set(e, EPERM, "Invalid password, cannot unlock any keyslot");
}

int luks_store_slot(struct luks *l, int i, const u8 *pw, size_t pw_len, const u8 *mk, u64 iter_ms,
		    struct err *e)
{
	struct luks_slot *s = &l->slot[i];
	size_t raw = (size_t)l->key_len * s->stripes, len = ALIGN_UP(raw, CRYPT_SECTOR);
	u64 iter = crypt_pbkdf2_rate(l->hash, l->key_len);
	u8 *area = NULL;
	struct crypt *c = NULL;
	int ret;

	if (iter > ~0ULL / iter_ms || iter * iter_ms / 1000 > ~0U)
		return err_set(e, ERANGE, "PBKDF iterations %llu too large to scale: Numerical result out of range", iter);
	s->iter = (u32)MAX(iter * iter_ms / 1000, LUKS_MIN_ITER);
	ret = crypt_random(s->salt, LUKS_SALT);
	area = calloc(1, len);
	if (!area)
		ret = -ENOMEM;
	ret = ret ?: area_crypt(l, s, pw, pw_len, &c, e);
	ret = ret ?: crypt_af_split(l->hash, mk, l->key_len, s->stripes, area);
	if (!ret) {
		crypt_sectors(c, true, 0, area, len);
		ret = blk_node_pwrite(l->node, l->base + (u64)s->sector * CRYPT_SECTOR, area, len);
		if (ret)
			err_errno(e, -ret, "Failed to store key material");
	}
	/* The key material is on the disk before the slot that says so. */
	ret = ret ?: blk_node_flush(l->node);
	s->state = LUKS_ENABLED;
	ret = ret ?: luks_write_header(l, e);
	free(area);
	crypt_free(c);
	return ret;
}

/* ---- open, close ---- */

int luks_open(struct luks **out, struct blk_node *node, u64 base, const u8 *pw, size_t pw_len, struct err *e)
{
	struct luks *l = calloc(1, sizeof(*l));
	struct luks_header h;
	int ret = -ENOMEM;

	if (!l)
		return ret;
	l->node = node;
	l->base = base;
	ret = blk_node_pread(node, base, &h, sizeof(h));
	if (ret)
		ret = err_errno(e, -ret, "Could not read encryption header");
	ret = ret ?: parse(l, &h, e);
	if (!ret && pw) {
		int slot = luks_find_slot(l, pw, pw_len, l->mk, e);

		ret = slot < 0 ? slot : crypt_new(&l->crypt, &l->spec, l->mk, e);
	}
	if (ret)
		luks_close(l);
	else
		*out = l;
	return ret;
}

void luks_close(struct luks *l)
{
	if (!l)
		return;
	crypt_free(l->crypt);
	explicit_bzero(l->mk, sizeof(l->mk));
	free(l);
}

struct crypt *luks_crypt(struct luks *l)
{
	return l->crypt;
}

u64 luks_payload(const struct luks *l)
{
	return (u64)l->payload_sector * CRYPT_SECTOR;
}

/* ---- info ---- */

static int slot_info(const struct luks_slot *s, struct json *arr)
{
	struct json *j = json_new(JSON_OBJECT);
	int ret = j ? json_set(j, "active", json_new_bool(s->state == LUKS_ENABLED)) : -ENOMEM;

	if (s->state == LUKS_ENABLED)
		ret = ret ?: json_set(j, "iters", json_new_uint(s->iter));
	ret = ret ?: json_set(j, "key-offset", json_new_uint((u64)s->sector * CRYPT_SECTOR));
	if (s->state == LUKS_ENABLED)
		ret = ret ?: json_set(j, "stripes", json_new_uint(s->stripes));
	if (ret) {
		json_free(j);
		return ret;
	}
	return json_append(arr, j);
}

int luks_info(const struct luks *l, const char *format, struct json *j)
{
	struct json *slots = json_new(JSON_ARRAY);
	int ret = json_set(j, "ivgen-alg", json_new_str(crypt_iv_names[l->spec.iv]));

	ret = ret ?: json_set(j, "detached-header", json_new_bool(!l->payload_sector));
	ret = ret ?: json_set(j, "hash-alg", json_new_str(crypt_hash_name(l->hash)));
	ret = ret ?: json_set(j, "cipher-alg", json_new_str(l->spec.alg->name));
	ret = ret ?: json_set(j, "uuid", json_new_str(l->uuid));
	if (format)
		ret = ret ?: json_set(j, "format", json_new_str(format));
	if (l->spec.iv == CRYPT_IV_ESSIV)
		ret = ret ?: json_set(j, "ivgen-hash-alg", json_new_str(crypt_hash_name(l->spec.iv_hash)));
	ret = ret ?: json_set(j, "cipher-mode", json_new_str(crypt_mode_names[l->spec.mode]));
	for (int i = 0; slots && !ret && i < LUKS_SLOTS; i++)
		ret = slot_info(&l->slot[i], slots);
	if (!slots || ret) {
		json_free(slots);
		return ret ? ret : -ENOMEM;
	}
	ret = json_set(j, "slots", slots);
	ret = ret ?: json_set(j, "payload-offset", json_new_uint(luks_payload(l)));
	return ret ?: json_set(j, "master-key-iters", json_new_uint(l->mk_iter));
}
