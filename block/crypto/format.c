/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The format "luks": a LUKS1 volume in a file, or the payload alone with its
 * header in another one (header.filename, header.driver; node-name in header).
 */
#include <string.h>
#include "block/crypto/crypto.h"
#include "json.h"
#include "utf8.h"

struct luks_node {
	struct luks *l;
	u64 payload;			/* offset of the data in the file */
	bool detached;
};

/* ---- open ---- */

/* Passphrases are text: other programs must be able to ask for them. */
static int passphrase(struct blk_graph *g, const char *id, const u8 **pw, size_t *len, struct err *e)
{
	int ret = blk_graph_secret(g, id, pw, len, e);
	u32 code;

	for (size_t i = 0, k; !ret && i < *len; i += k) {
		k = utf8_decode(*pw + i, *len - i, &code);
		if (!k)
			ret = err_set(e, EINVAL, "Data from secret %s is not valid UTF-8", id);
	}
	return ret;
}

static int open_header_child(struct blk_node *n, struct blk_opts *o, struct blk_node **hdr, struct err *e)
{
	char *ref = blk_opts_take(o, "header");
	struct blk_opts sub = { 0 };
	int ret = blk_opts_take_sub(o, "header", &sub);

	*hdr = n->file;
	if (!ret && ref) {
		struct blk_node *h = blk_graph_find(n->graph, ref);

		ret = h ? blk_attach(n, "header", blk_ref(h)) :
			  err_set(e, ENODEV, "Cannot find device='' nor node-name='%s'", ref);
		*hdr = h;
	} else if (!ret && sub.n) {
		ret = blk_open_child(n, "header", NULL, &sub, n->flags | BLK_O_PROTOCOL, e);
		*hdr = blk_child_find(n, "header");
	}
	free(ref);
	blk_opts_free(&sub);
	return ret;
}

static int unlock(struct blk_node *n, struct blk_node *hdr, char *secret, struct err *e)
{
	struct luks_node *p = n->priv;
	const u8 *pw = NULL;
	size_t len = 0;
	int ret = 0;

	if (!(n->flags & BLK_O_NO_IO)) {
		if (!secret)
			return err_set(e, EINVAL, "Parameter 'key-secret' is required for cipher");
		ret = passphrase(n->graph, secret, &pw, &len, e);
	}
	return ret ?: luks_open(&p->l, hdr, 0, pw, len, e);
}

static int format_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct luks_node *p = n->priv;
	char *secret = blk_opts_take(o, "key-secret");
	struct blk_node *hdr;
	int ret = open_header_child(n, o, &hdr, e);
	u64 size;

	ret = ret ?: unlock(n, hdr, secret, e);
	free(secret);
	if (ret)
		return ret;
	p->detached = hdr != n->file;
	p->payload = p->detached ? 0 : luks_payload(p->l);
	size = blk_length(n->file);
	if (p->payload > size) {
		luks_close(p->l);
		return err_set(e, EINVAL, "LUKS payload starts beyond the end of the file");
	}
	n->size = size - p->payload;
	n->lim.cluster = 1;
	n->encrypted = true;
	return 0;
}

static void format_close(struct blk_node *n)
{
	struct luks_node *p = n->priv;

	luks_close(p->l);
}

static int format_reopen(struct blk_node *n, struct blk_opts *o, u32 flags, struct err *e)
{
	blk_opts_del(o, "key-secret");
	n->flags = flags;
	return 0;
}

static int format_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= 8 && !memcmp(buf, "LUKS\xba\xbe\0\1", 8) ? 100 : 0;
}

/* ---- data ---- */

static int format_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct luks_node *p = n->priv;

	if (!luks_crypt(p->l) && !(n->flags & BLK_O_NO_IO))
		return -EACCES;
	x->kind = BLK_DATA;
	x->flags = BLK_X_ENCRYPTED | BLK_X_IN_PLACE;
	x->off = ALIGN_DOWN(off, CRYPT_SECTOR);
	x->len = off + len - x->off;
	x->node = n->file;
	x->host = p->payload + x->off;
	return 0;
}

/* Only beyond the end of the file is there something to allocate, and nothing to note. */
static int format_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	return -EIO;
}

static int format_crypt(struct blk_node *n, bool encrypt, u64 guest, u64 host, void *buf, size_t len)
{
	struct luks_node *p = n->priv;

	if (!luks_crypt(p->l))
		return -EACCES;
	crypt_sectors(luks_crypt(p->l), encrypt, guest / CRYPT_SECTOR, buf, len);
	return 0;
}

static int format_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	struct luks_node *p = n->priv;
	int ret;

	if (size > (u64)INT64_MAX - p->payload)
		return err_set(e, EFBIG, "The requested file size is too large");
	ret = blk_node_truncate(n->file, size + p->payload, exact, prealloc, e);
	if (!ret)
		blk_set_length(n, size);
	return ret;
}

/* ---- create, info, amend, measure ---- */

static int take_create(struct blk_graph *g, struct blk_opts *o, struct luks_create *c, struct err *e)
{
	char *secret = blk_opts_take(o, "key-secret");
	int ret = luks_take_options(o, c, e);

	if (!ret && g && !secret)
		ret = err_set(e, EINVAL, "Parameter 'key-secret' is required for cipher");
	if (!ret && g)
		ret = passphrase(g, secret, &c->pw, &c->pw_len, e);
	free(secret);
	return ret;
}

static int format_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	struct luks_create c = { 0 };
	bool detached = false;
	int prealloc = 0, ret = blk_opts_take_enum(o, "preallocation", blk_prealloc_names, &prealloc, e);

	ret = ret ?: blk_opts_take_bool(o, "detached-header", &detached, e);
	ret = ret ?: take_create(g, o, &c, e);
	if (ret)
		return ret;
	if (size > (u64)INT64_MAX - luks_header_bytes(&c))
		return err_set(e, EFBIG, "The requested file size is too large");
	ret = luks_create(file, 0, &c, e);
	return ret ?: blk_node_truncate(file, luks_header_bytes(&c) + (detached ? 0 : size), false,
					detached ? 0 : prealloc, e);
}

static int format_info(struct blk_node *n, struct json *j)
{
	struct luks_node *p = n->priv;

	return luks_info(p->l, NULL, j);
}

static int format_amend(struct blk_node *n, struct blk_opts *o, bool force,
			void (*progress)(void *opaque, u64 done, u64 total), void *opaque, struct err *e)
{
	struct luks_node *p = n->priv;

	return luks_amend(p->l, n->graph, o, force, e);
}

static int format_measure(struct blk_opts *o, struct blk_node *src, struct blk_measure *m, struct err *e)
{
	struct luks_create c = { 0 };
	u64 size = src ? blk_length(src) : 0;
	int ret = src ? 0 : blk_opts_take_size(o, "size", &size, e);
	char *pre = blk_opts_take(o, "preallocation");

	free(pre);
	ret = ret ?: take_create(NULL, o, &c, e);
	if (!ret)
		m->required = m->fully_allocated = luks_header_bytes(&c) + ALIGN_UP(size, CRYPT_SECTOR);
	return ret;
}

static const struct blk_optdesc create_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "key-secret", BLK_OPT_STRING, "ID of the secret that provides the keyslot key", NULL },
	{ "cipher-alg", BLK_OPT_STRING, "Name of encryption cipher algorithm", NULL },
	{ "cipher-mode", BLK_OPT_STRING, "Name of encryption cipher mode", NULL },
	{ "ivgen-alg", BLK_OPT_STRING, "Name of IV generator algorithm", NULL },
	{ "ivgen-hash-alg", BLK_OPT_STRING, "Name of IV generator hash algorithm", NULL },
	{ "hash-alg", BLK_OPT_STRING, "Name of encryption hash algorithm", NULL },
	{ "iter-time", BLK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", NULL },
	{ "detached-header", BLK_OPT_BOOL, "Create a detached LUKS header", NULL },
	{ "preallocation", BLK_OPT_STRING, "Preallocation mode (allowed values: off, falloc, full)", NULL },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_optdesc amend_opts[] = {
	{ "state", BLK_OPT_STRING, "Select new state of affected keyslots (active/inactive)", NULL },
	{ "keyslot", BLK_OPT_NUMBER, "Select a single keyslot to modify explicitly", NULL },
	{ "old-secret", BLK_OPT_STRING, "Select all keyslots that match this password", NULL },
	{ "new-secret", BLK_OPT_STRING, "New secret to set in the matching keyslots. Empty string to erase", NULL },
	{ "iter-time", BLK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", NULL },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver luks_driver = {
	.name = "luks", .flags = BLK_DRV_GROWS, .priv_size = sizeof(struct luks_node),
	.create_opts = create_opts, .amend_opts = amend_opts, .probe = format_probe,
	.open = format_open, .close = format_close, .reopen = format_reopen, .create = format_create,
	.map = format_map, .alloc = format_alloc, .crypt = format_crypt, .truncate = format_truncate,
	.info = format_info, .amend = format_amend, .measure = format_measure,
};
BLOCK_FORMAT(luks_driver);
