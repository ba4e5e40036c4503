// SPDX-License-Identifier: GPL-2.0-or-later
/* The protocol "nbd": the block driver on top of session.c. */
#include <stdio.h>
#include <string.h>
#include "block/nbd/client.h"
#include "loop.h"
#include "str.h"

#define STATUS_SPAN	(2ULL << 30)	/* asked for at a time */
#define ZERO_SPAN	(1ULL << 30)

/* ---- opening ---- */

static int take_seconds(struct blk_opts *o, const char *key, u64 *ns, struct err *e)
{
	u64 s = 0;
	int ret = blk_opts_take_u64(o, key, &s, e);

	*ns = MIN(s, (u64)UINT32_MAX) * 1000000000ULL;
	return ret;
}

static bool plain_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_./~:+", c);
}

static void put_escaped(struct strbuf *b, const char *s)
{
	for (; *s; s++)
		if (plain_char(*s))
			strbuf_putc(b, *s);
		else
			strbuf_printf(b, "%%%02X", (u8)*s);
}

/* The URI that says all there is to the node's name. */
static int set_name(struct blk_node *n, struct nbd_priv *p)
{
	struct strbuf b = STRBUF_INIT;
	char *s;

	if (p->addr.family == NBD_UNIX) {
		strbuf_puts(&b, "nbd+unix://");
		if (p->export[0]) {
			strbuf_putc(&b, '/');
			put_escaped(&b, p->export);
		}
		strbuf_puts(&b, "?socket=");
		put_escaped(&b, p->addr.path);
	} else {
		bool v6 = p->addr.host && strchr(p->addr.host, ':');

		strbuf_puts(&b, p->addr.family == NBD_VSOCK ? "nbd+vsock://" : "nbd://");
		strbuf_printf(&b, "%s%s%s:%s", v6 ? "[" : "", p->addr.host ? p->addr.host : "fd", v6 ? "]" : "",
			      p->addr.port ? p->addr.port : "0");
		if (p->export[0]) {
			strbuf_putc(&b, '/');
			put_escaped(&b, p->export);
		}
	}
	s = strbuf_failed(&b) ? NULL : strdup(b.s);
	strbuf_free(&b);
	if (!s)
		return -ENOMEM;
	free(n->filename);
	n->filename = s;
	return 0;
}

/* Behind the address, whose host is the name that a certificate must bear unless another is given. */
static int take_tls(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct nbd_priv *p = n->priv;
	char *creds = blk_opts_take(o, "tls-creds");
	int ret;

	p->tls_hostname = blk_opts_take(o, "tls-hostname");
	if (creds)
		ret = nbd_tls_find(n->graph, creds, NULL, false, &p->tls, e);
	else if (p->tls_hostname)
		ret = err_set(e, EINVAL, "tls-hostname needs tls-creds");
	else
		ret = strcmp(n->drv->name, "nbds") ? 0 : err_set(e, EINVAL, "'nbds' needs tls-creds=ID");
	p->tls.hostname = p->tls_hostname ? p->tls_hostname : p->addr.family == NBD_INET ? p->addr.host : NULL;
	free(creds);
	return ret;
}

static int take_options(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct nbd_priv *p = n->priv;
	int ret = nbd_addr_take(&p->addr, o, e);

	ret = ret ?: take_tls(n, o, e);
	ret = ret ?: take_seconds(o, "reconnect-delay", &p->reconnect_ns, e);
	ret = ret ?: take_seconds(o, "open-timeout", &p->open_ns, e);
	p->context = blk_opts_take(o, "x-dirty-bitmap");
	p->export = blk_opts_take(o, "export");
	if (!p->export)
		p->export = strdup("");
	return ret ?: p->export ? 0 : -ENOMEM;
}

static void set_limits(struct blk_node *n, struct nbd_priv *p)
{
	struct nbd_info *i = &p->info;

	n->lim.request_align = i->min_block;
	n->size = i->size;
}

static int check_info(struct blk_node *n, struct nbd_priv *p, struct err *e)
{
	const struct nbd_info *i = &p->info;

	if (p->context && !i->has_context)
		return err_set(e, EINVAL, "requested x-dirty-bitmap %s not found", p->context);
	if (i->flags & NBD_FLAG_READ_ONLY && n->flags & BLK_O_RDWR)
		return err_set(e, EACCES, "request on write denied without write permission: export is read-only");
	if (i->size % (i->min_block ? i->min_block : 1))
		return err_set(e, EPROTO, "export length %llu is no multiple of its minimum block size %u",
			       i->size, i->min_block);
	return 0;
}

static void release(struct nbd_priv *p)
{
	nbd_session_close(p);
	nbd_addr_free(&p->addr);
	free(p->export);
	free(p->context);
	free(p->tls_hostname);
	free(p->known);
	for (int i = 0; i < NBD_SLOTS; i++)
		pthread_cond_destroy(&p->slot[i].wake);
	pthread_cond_destroy(&p->change);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->send);
}

static int nbd_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct nbd_priv *p = n->priv;
	int ret;

	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->send, NULL);
	pthread_cond_init(&p->change, NULL);
	for (int i = 0; i < NBD_SLOTS; i++)
		pthread_cond_init(&p->slot[i].wake, NULL);
	p->conn.fd = -1;
	ret = take_options(n, o, e);
	ret = ret ?: set_name(n, p);
	ret = ret ?: nbd_session_open(p, p->open_ns ? loop_now_ns() + p->open_ns : 0, e);
	ret = ret ?: check_info(n, p, e);
	if (ret) {
		release(p);
		return ret;
	}
	set_limits(n, p);
	return 0;
}

static void nbd_close(struct blk_node *n)
{
	release(n->priv);
}

static int nbd_reopen(struct blk_node *n, struct blk_opts *o, u32 flags, struct err *e)
{
	struct nbd_priv *p = n->priv;

	if (flags & BLK_O_RDWR && p->info.flags & NBD_FLAG_READ_ONLY)
		return err_set(e, EACCES, "NBD export is read-only");
	return 0;
}

/* ---- data ---- */

static void changed(struct nbd_priv *p)
{
	__atomic_add_fetch(&p->gen, 1, __ATOMIC_RELEASE);
}

/* Reads and writes in pieces of the server's largest block. */
static int transfer(struct nbd_priv *p, u32 cmd, u32 flags, u64 off, const struct iovec *iov,
		    int niov, u64 len)
{
	struct iov_cur c = { iov, niov, 0 };
	struct iovec part[64];
	int ret = 0;

	if (len <= p->info.max_block)
		return nbd_request(p, cmd, flags, off, len, iov, niov, NULL);
	while (!ret && len) {
		u64 got, m = MIN(len, (u64)p->info.max_block);
		int k = iov_cur_take(&c, m, part, 64, &got);

		ret = nbd_request(p, cmd, flags, off, got, part, k, NULL);
		off += got;
		len -= got;
	}
	return ret;
}

static int nbd_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	return len ? transfer(n->priv, NBD_CMD_READ, 0, off, iov, niov, len) : 0;
}

static int nbd_flush(struct blk_node *n)
{
	struct nbd_priv *p = n->priv;

	if (!(p->info.flags & NBD_FLAG_FLUSH) || n->flags & BLK_O_NO_FLUSH)
		return 0;
	return nbd_request(p, NBD_CMD_FLUSH, 0, 0, 0, NULL, 0, NULL);
}

/* Where the server has no FUA, a flush behind the write does it. */
static u32 fua_flag(const struct nbd_priv *p, u32 flags)
{
	return flags & BLK_FUA && p->info.flags & NBD_FLAG_FUA ? NBD_CMD_FLAG_FUA : 0;
}

static int after_write(struct blk_node *n, u32 flags, int ret)
{
	struct nbd_priv *p = n->priv;

	changed(p);
	if (!ret && flags & BLK_FUA && !(p->info.flags & NBD_FLAG_FUA))
		ret = nbd_flush(n);
	return ret;
}

static int nbd_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		       u32 flags)
{
	struct nbd_priv *p = n->priv;

	if (off + len > blk_length(n))
		return -ENOSPC;
	changed(p);
	return after_write(n, flags, len ? transfer(p, NBD_CMD_WRITE, fua_flag(p, flags), off, iov, niov, len) : 0);
}

static int nbd_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct nbd_priv *p = n->priv;
	u32 f = fua_flag(p, flags) | (flags & BLK_MAY_UNMAP ? 0 : NBD_CMD_FLAG_NO_HOLE);
	int ret = 0;

	if (!(p->info.flags & NBD_FLAG_WRITE_ZEROES))
		return -ENOTSUP;
	if (flags & BLK_NO_FALLBACK) {
		if (!(p->info.flags & NBD_FLAG_FAST_ZERO))
			return -ENOTSUP;
		f |= NBD_CMD_FLAG_FAST_ZERO;
	}
	changed(p);
	while (!ret && len) {
		u64 m = MIN(len, ZERO_SPAN);

		ret = nbd_request(p, NBD_CMD_WRITE_ZEROES, f, off, m, NULL, 0, NULL);
		off += m;
		len -= m;
	}
	return after_write(n, flags, ret);
}

static int nbd_discard(struct blk_node *n, u64 off, u64 len)
{
	struct nbd_priv *p = n->priv;
	int ret = 0;

	if (!(p->info.flags & NBD_FLAG_TRIM))
		return -ENOTSUP;
	changed(p);
	while (!ret && len) {
		u64 m = MIN(len, ZERO_SPAN);

		ret = nbd_request(p, NBD_CMD_TRIM, 0, off, m, NULL, 0, NULL);
		off += m;
		len -= m;
	}
	changed(p);
	return ret;
}

/* ---- status ---- */

static int fill(struct blk_node *n, const struct nbd_runs *r, u64 off, u64 len, struct blk_extent *x)
{
	struct nbd_priv *p = n->priv;

	for (int i = 0; i < r->n; i++) {
		if (off >= r->v[i].end)
			continue;
		x->kind = BLK_DATA;
		x->flags = BLK_X_IN_PLACE;
		if (!p->context && r->v[i].flags & NBD_STATE_ZERO) {
			x->kind = BLK_ZERO;
			x->flags = BLK_X_OFFSET | (r->v[i].flags & NBD_STATE_HOLE ? 0 : BLK_X_STORED);
		} else if (p->context && r->v[i].flags & 1) {
			x->flags |= BLK_X_NO_DATA;
		}
		x->off = x->host = off;
		x->len = MIN(len, r->v[i].end - off);
		x->node = n;
		return 0;
	}
	return -ENOENT;
}

static int ask_status(struct nbd_priv *p, u64 off, u64 len, struct nbd_runs *r)
{
	u64 m = MIN(MAX(len, MiB), STATUS_SPAN);
	int ret;

	r->start = off;
	r->gen = __atomic_load_n(&p->gen, __ATOMIC_ACQUIRE);
	m = MIN(m, p->info.size - off);
	ret = nbd_request(p, NBD_CMD_BLOCK_STATUS, 0, off, m, NULL, 0, r);
	return ret ?: r->n ? 0 : -EPROTO;
}

/*
 * An answer describes many extents, and is kept for the questions that follow.
 * x-dirty-bitmap shows what is dirty as "no data", as QEMU does.
 */
static int nbd_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct nbd_priv *p = n->priv;
	struct nbd_runs *r;
	int ret = -ENOENT;

	x->kind = BLK_DATA;
	x->flags = BLK_X_IN_PLACE;
	x->off = x->host = off;
	x->len = len;
	x->node = n;
	if (!p->info.has_context || off >= p->info.size)
		return 0;
	len = MIN(len, p->info.size - off);
	pthread_mutex_lock(&p->lock);
	if (p->known && p->known->start <= off && p->known->gen == __atomic_load_n(&p->gen, __ATOMIC_ACQUIRE))
		ret = fill(n, p->known, off, len, x);
	pthread_mutex_unlock(&p->lock);
	if (!ret)
		return 0;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	ret = ask_status(p, ALIGN_DOWN(off, p->info.min_block), ALIGN_UP(len, p->info.min_block), r);
	ret = ret ?: fill(n, r, off, len, x);
	if (ret) {
		free(r);
		return ret == -ENOENT ? -EPROTO : ret;
	}
	pthread_mutex_lock(&p->lock);
	free(p->known);
	p->known = r;
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int nbd_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	if (exact && size != blk_length(n))
		return err_set(e, ENOTSUP, "Cannot resize NBD nodes");
	if (size > blk_length(n))
		return err_set(e, EINVAL, "Cannot grow NBD nodes");
	return 0;
}

/* "Creating" clears the first sector, that no old format is found there. */
static int nbd_create_file(struct blk_graph *g, const char *filename, struct blk_opts *o, struct err *e)
{
	struct blk_node *n;
	int ret = blk_open(g, filename, NULL, BLK_O_RDWR | BLK_O_PROTOCOL, &n, e);
	u64 m;

	if (ret)
		return ret;
	m = MIN(blk_length(n), 512ULL);
	ret = m ? blk_zero(n, 0, m, 0) : 0;
	if (ret)
		err_errno(e, -ret, "Failed to clear the new image's first sector");
	blk_unref(n);
	return ret;
}

#define NBD_DRIVER(var, scheme) \
static const struct blk_driver var = { \
	.name = scheme, .prefix = scheme, .flags = BLK_DRV_PROTOCOL | BLK_DRV_NAMED, \
	.priv_size = sizeof(struct nbd_priv), \
	.parse_filename = nbd_parse_name, .open = nbd_open, .close = nbd_close, \
	.reopen = nbd_reopen, .create_file = nbd_create_file, \
	.preadv = nbd_preadv, .pwritev = nbd_pwritev, .flush = nbd_flush, \
	.status = nbd_status, .zero = nbd_zero, .discard = nbd_discard, \
	.truncate = nbd_truncate, \
}; \
BLOCK_FORMAT(var)

NBD_DRIVER(nbd_driver, "nbd");
NBD_DRIVER(nbds_driver, "nbds");	/* TLS is a must */
