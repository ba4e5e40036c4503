/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS: making a header, and giving, changing and taking away passwords. */
#include <stdio.h>
#include <string.h>
#include "block/crypto/luks.h"

/* ---- options ---- */

static int take_alg(struct blk_opts *o, struct luks_create *c, struct err *e)
{
	char *alg = blk_opts_take(o, "cipher-alg"), *hash = blk_opts_take(o, "hash-alg");
	char *ivh = blk_opts_take(o, "ivgen-hash-alg");
	int ret = 0;

	c->spec.alg = crypt_alg_find(alg ? alg : "aes-256");
	c->hash = crypt_hash_find(hash ? hash : "sha256");
	c->spec.iv_hash = ivh ? crypt_hash_find(ivh) : NULL;
	if (!c->spec.alg)
		ret = err_set(e, EINVAL, "Invalid parameter '%s'", alg);
	else if (!c->hash || (ivh && !c->spec.iv_hash))
		ret = err_set(e, EINVAL, "Invalid parameter '%s'", c->hash ? ivh : hash);
	free(alg);
	free(hash);
	free(ivh);
	return ret;
}

int luks_take_options(struct blk_opts *o, struct luks_create *c, struct err *e)
{
	int mode = CRYPT_XTS, iv = CRYPT_IV_PLAIN64 - 1, ret;

	c->iter_ms = LUKS_ITER_MS;
	ret = take_alg(o, c, e);
	ret = ret ?: blk_opts_take_enum(o, "cipher-mode", crypt_mode_names, &mode, e);
	ret = ret ?: blk_opts_take_enum(o, "ivgen-alg", crypt_iv_names + 1, &iv, e);
	ret = ret ?: blk_opts_take_u64(o, "iter-time", &c->iter_ms, e);
	if (ret)
		return ret;
	if (!c->iter_ms)
		return err_set(e, EINVAL, "Parameter 'iter-time' must be greater than zero");
	c->spec.mode = (enum crypt_mode)mode;
	c->spec.iv = (enum crypt_iv)(iv + 1);
	if (c->spec.iv == CRYPT_IV_ESSIV && !c->spec.iv_hash)
		c->spec.iv_hash = crypt_hash_find("sha256");
	return 0;
}

/* ---- creating ---- */

static u32 slot_sectors(const struct luks_create *c)
{
	return (u32)(ALIGN_UP((u64)crypt_key_len(&c->spec) * LUKS_STRIPES, LUKS_SLOT_AREA) / CRYPT_SECTOR);
}

u64 luks_header_bytes(const struct luks_create *c)
{
	return LUKS_SLOT_AREA + (u64)LUKS_SLOTS * slot_sectors(c) * CRYPT_SECTOR;
}

static int make_uuid(char *out, size_t size)
{
	u8 b[16];
	int ret = crypt_random(b, sizeof(b));

	b[6] = (u8)((b[6] & 0x0f) | 0x40);	/* RFC 4122, random */
	b[8] = (u8)((b[8] & 0x3f) | 0x80);
	snprintf(out, size, "%08x-%04x-%04x-%04x-%012llx", get_be32(b), get_be16(b + 4), get_be16(b + 6),
		 get_be16(b + 8), get_be64(b + 8) & 0xffffffffffffULL);
	return ret;
}

static int fill(struct luks *l, const struct luks_create *c, const u8 *mk, struct err *e)
{
	u64 rate = crypt_pbkdf2_rate(c->hash, LUKS_DIGEST), iter;

	if (rate > ~0ULL / c->iter_ms || rate * c->iter_ms / 8000 > ~0U)
		return err_set(e, ERANGE, "PBKDF iterations %llu too large to scale: Numerical result out of range", rate);
	iter = MAX(rate * c->iter_ms / 8000, LUKS_MIN_ITER);
	l->mk_iter = (u32)iter;
	l->spec = c->spec;
	l->hash = c->hash;
	l->key_len = crypt_key_len(&c->spec);
	l->payload_sector = (u32)(luks_header_bytes(c) / CRYPT_SECTOR);
	for (u32 i = 0; i < LUKS_SLOTS; i++)
		l->slot[i] = (struct luks_slot){ LUKS_DISABLED, 0, { 0 },
						 LUKS_SLOT_AREA / CRYPT_SECTOR + i * slot_sectors(c), LUKS_STRIPES };
	return make_uuid(l->uuid, sizeof(l->uuid)) ?: crypt_random(l->mk_salt, LUKS_SALT) ?:
	       crypt_pbkdf2(l->hash, mk, l->key_len, l->mk_salt, LUKS_SALT, l->mk_iter, l->mk_digest, LUKS_DIGEST);
}

int luks_create(struct blk_node *node, u64 base, const struct luks_create *c, struct err *e)
{
	struct luks l = { .node = node, .base = base };
	u8 mk[CRYPT_MAX_KEY];
	struct crypt *probe = NULL;
	int ret = crypt_random(mk, sizeof(mk));

	ret = ret ?: crypt_new(&probe, &c->spec, mk, e);	/* is the combination possible? */
	ret = ret ?: fill(&l, c, mk, e);
	ret = ret ?: luks_store_slot(&l, 0, c->pw, c->pw_len, mk, c->iter_ms, e);
	crypt_free(probe);
	explicit_bzero(mk, sizeof(mk));
	return ret;
}

/* ---- amend ---- */

struct amend {
	struct luks *l;
	struct blk_graph *g;
	char *new_secret, *old_secret;
	bool has_slot, has_iter, force;
	u64 slot, iter_ms;
};

static int count_active(const struct luks *l)
{
	int n = 0;

	for (int i = 0; i < LUKS_SLOTS; i++)
		n += l->slot[i].state == LUKS_ENABLED;
	return n;
}

static int check_slot_number(const struct amend *a, struct err *e)
{
	return !a->has_slot || a->slot < LUKS_SLOTS ? 0 :
	       err_set(e, EINVAL, "Invalid keyslot %lld specified, must be between 0 and %d", (long long)a->slot,
		       LUKS_SLOTS - 1);
}

static int activate(struct amend *a, struct err *e)
{
	struct luks *l = a->l;
	const u8 *pw;
	size_t len;
	int i, ret;

	if (!a->new_secret)
		return err_set(e, EINVAL, "'new-secret' is required to activate a keyslot");
	if (a->old_secret)
		return err_set(e, EINVAL, "'old-secret' must not be given when activating keyslots");
	ret = check_slot_number(a, e);
	if (ret)
		return ret;
	i = (int)a->slot;
	for (int k = 0; !a->has_slot && k < LUKS_SLOTS; k++)
		if (l->slot[k].state != LUKS_ENABLED) {
			a->has_slot = true;
			i = k;
		}
	if (!a->has_slot)
		return err_set(e, EINVAL, "Can't add a keyslot - all keyslots are in use");
	if (!a->force && l->slot[i].state == LUKS_ENABLED)
		return err_set(e, EINVAL, "Refusing to overwrite active keyslot %d - please erase it first", i);
	if (!l->crypt)
		return err_set(e, EPERM, "The volume is not unlocked");
	ret = blk_graph_secret(a->g, a->new_secret, &pw, &len, e);
	return ret ?: luks_store_slot(l, i, pw, len, l->mk, a->has_iter ? a->iter_ms : LUKS_ITER_MS, e);
}

/* The slot is dead before its key material goes: a crash leaves it whole or off. */
static int erase_slot(struct luks *l, int i, struct err *e)
{
	struct luks_slot *s = &l->slot[i];
	size_t len = ALIGN_UP((size_t)l->key_len * s->stripes, CRYPT_SECTOR);
	u64 at = l->base + (u64)s->sector * CRYPT_SECTOR;
	u8 *noise = malloc(len);
	int ret;

	if (!noise)
		return -ENOMEM;
	s->state = LUKS_DISABLED;
	s->iter = 0;
	memset(s->salt, 0, sizeof(s->salt));
	ret = luks_write_header(l, e);
	ret = ret ?: blk_node_flush(l->node);
	ret = ret ?: crypt_random(noise, len);
	ret = ret ?: blk_node_pwrite(l->node, at, noise, len);
	ret = ret ?: blk_node_flush(l->node);
	free(noise);
	return ret;
}

static int erase_numbered(struct amend *a, const u8 *pw, size_t len, struct err *e)
{
	struct luks *l = a->l;
	int ret = check_slot_number(a, e), i = (int)a->slot;
	u8 mk[CRYPT_MAX_KEY];

	if (ret)
		return ret;
	if (pw) {
		ret = luks_try_slot(l, i, pw, len, mk, e);
		explicit_bzero(mk, sizeof(mk));
		if (ret < 0)
			return ret;
		if (!ret)
			return err_set(e, EINVAL, "Given keyslot %d doesn't contain the given old password for erase operation", i);
	}
	if (!a->force && l->slot[i].state != LUKS_ENABLED)
		return err_set(e, EINVAL, "Given keyslot %d is already erased (inactive) ", i);
	if (!a->force && count_active(l) == 1)
		return err_set(e, EINVAL, "Attempt to erase the only active keyslot %d which will erase all the data in the image irreversibly - refusing operation", i);
	return erase_slot(l, i, e);
}

static int erase_matching(struct amend *a, const u8 *pw, size_t len, struct err *e)
{
	struct luks *l = a->l;
	u32 match = 0;
	u8 mk[CRYPT_MAX_KEY];
	int n = 0, ret = 0;

	for (int i = 0; i < LUKS_SLOTS && ret >= 0; i++) {
		ret = luks_try_slot(l, i, pw, len, mk, e);
		if (ret == 1) {
			match |= BIT(i);
			n++;
		}
	}
	explicit_bzero(mk, sizeof(mk));
	if (ret < 0)
		return ret;
	if (!n)
		return err_set(e, EINVAL, "No keyslots match given (old) password for erase operation");
	if (!a->force && n == count_active(l))
		return err_set(e, EINVAL, "All the active keyslots match the (old) password that was given and erasing them will erase all the data in the image irreversibly - refusing operation");
	ret = 0;
	for (int i = 0; !ret && i < LUKS_SLOTS; i++)
		if (match & BIT(i))
			ret = erase_slot(l, i, e);
	return ret;
}

static int deactivate(struct amend *a, struct err *e)
{
	const u8 *pw = NULL;
	size_t len = 0;
	int ret = 0;

	if (a->new_secret)
		return err_set(e, EINVAL, "'new-secret' must not be given when erasing keyslots");
	if (a->has_iter)
		return err_set(e, EINVAL, "'iter-time' must not be given when erasing keyslots");
	if (a->old_secret)
		ret = blk_graph_secret(a->g, a->old_secret, &pw, &len, e);
	if (ret)
		return ret;
	if (a->has_slot)
		return erase_numbered(a, pw, len, e);
	if (pw)
		return erase_matching(a, pw, len, e);
	return err_set(e, EINVAL, "To erase keyslot(s), either explicit keyslot index or the password currently contained in them must be given");
}

int luks_amend(struct luks *l, struct blk_graph *g, struct blk_opts *o, bool force, struct err *e)
{
	static const char *const states[] = { "active", "inactive", NULL };
	struct amend a = { .l = l, .g = g, .force = force };
	int state = -1, ret;

	a.has_slot = blk_opts_get(o, "keyslot");
	a.has_iter = blk_opts_get(o, "iter-time");
	a.new_secret = blk_opts_take(o, "new-secret");
	a.old_secret = blk_opts_take(o, "old-secret");
	ret = blk_opts_take_enum(o, "state", states, &state, e);
	ret = ret ?: blk_opts_take_u64(o, "keyslot", &a.slot, e);
	ret = ret ?: blk_opts_take_u64(o, "iter-time", &a.iter_ms, e);
	if (!ret && state < 0)
		ret = err_set(e, EINVAL, "Parameter 'state' is missing");
	if (!ret && a.has_iter && !a.iter_ms)
		ret = err_set(e, EINVAL, "Parameter 'iter-time' must be greater than zero");
	if (!ret)
		ret = state ? deactivate(&a, e) : activate(&a, e);
	free(a.new_secret);
	free(a.old_secret);
	return ret;
}
