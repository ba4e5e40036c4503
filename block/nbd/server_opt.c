// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server's side of NBD negotiation, fixed newstyle. An option's data is
 * read into at most 64 KiB; longer options are skipped and refused.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "block/nbd/server.h"
#include "block/nbd/tls.h"
#include "str.h"

#define MAX_OPTION	(64U << 10)
#define SKIP_OPTION	(32U << 20)	/* longer than that: the client is closed */

/* One option while it is answered; a cursor over its data. */
struct option {
	struct nbd_client *c;
	u32 opt;
	u8 *data;
	u32 len, pos;
};

static int reply(struct option *o, u32 type, const void *a, u32 alen, const void *b, u32 blen)
{
	u8 h[20];
	struct iovec v[3] = { { h, 20 }, { (void *)a, alen }, { (void *)b, blen } };

	put_be64(h, NBD_REP_MAGIC);
	put_be32(h + 8, o->opt);
	put_be32(h + 12, type);
	put_be32(h + 16, alen + blen);
	return nbd_sendv(&o->c->conn, v, 3);
}

static int ack(struct option *o)
{
	return reply(o, NBD_REP_ACK, NULL, 0, NULL, 0);
}

static int refuse(struct option *o, u32 type, const char *fmt, ...) __printf(3, 4);
static int refuse(struct option *o, u32 type, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return reply(o, type, text, (u32)strlen(text), NULL, 0);
}

/* ---- the option's data ---- */

static bool take_u32(struct option *o, u32 *v)
{
	if (o->len - o->pos < 4)
		return false;
	*v = get_be32(o->data + o->pos);
	o->pos += 4;
	return true;
}

static bool take_u16(struct option *o, u16 *v)
{
	if (o->len - o->pos < 2)
		return false;
	*v = get_be16(o->data + o->pos);
	o->pos += 2;
	return true;
}

/* A counted string into @buf, which has NBD_MAX_STRING + 1 bytes. */
static bool take_string(struct option *o, char *buf)
{
	u32 n;

	if (!take_u32(o, &n) || n > NBD_MAX_STRING || n > o->len - o->pos)
		return false;
	memcpy(buf, o->data + o->pos, n);
	buf[n] = 0;
	o->pos += n;
	return strlen(buf) == n;
}

/* ---- options ---- */

static u32 export_flags(const struct nbd_client *c, const struct nbd_exp *x)
{
	return x->flags | (c->structured ? NBD_FLAG_DF : 0);
}

static bool adopt(struct nbd_client *c, struct nbd_exp *x)
{
	if (!nbd_export_adopt(c, x)) {
		nbd_export_put(c->server, x);
		return false;
	}
	if (c->context_export && strcmp(c->context_export, x->name))
		c->contexts = 0;
	return true;
}

static int export_name(struct option *o)
{
	struct nbd_client *c = o->c;
	u8 b[10 + 124] = { 0 };
	struct nbd_exp *x;

	if (o->len > NBD_MAX_STRING || strlen((char *)o->data) != o->len)
		return -EINVAL;
	x = nbd_export_get(c->server, (char *)o->data);
	if (!x)
		return -ENOENT;
	if (!adopt(c, x))
		return -ESHUTDOWN;
	put_be64(b, blk_length(x->node));
	put_be16(b + 8, (u16)export_flags(c, x));
	return nbd_send(&c->conn, b, c->no_zeroes ? 10 : sizeof(b)) ?: 1;
}

static int list(struct option *o)
{
	struct nbd_server *s = o->c->server;
	int ret = 0;

	if (o->len)
		return refuse(o, NBD_REP_ERR_INVALID, "option 'list' has no data");
	pthread_mutex_lock(&s->lock);
	for (struct nbd_exp *x = s->exports; x && !ret; x = x->next) {
		const char *d = x->description ? x->description : "";
		u32 n = (u32)strlen(x->name);
		u8 b[4 + NBD_MAX_STRING];

		put_be32(b, n);
		memcpy(b + 4, x->name, n);
		ret = reply(o, NBD_REP_SERVER, b, 4 + n, d, (u32)strlen(d));
	}
	pthread_mutex_unlock(&s->lock);
	return ret ?: ack(o);
}

static int send_info(struct option *o, u16 what, const void *data, u32 len)
{
	u8 b[2];

	put_be16(b, what);
	return reply(o, NBD_REP_INFO, b, 2, data, len);
}

static int send_infos(struct option *o, const struct nbd_exp *x, bool want_name, bool want_desc)
{
	struct nbd_client *c = o->c;
	u32 align = MAX(blk_request_align(x->node), 1U);
	u8 b[12];
	int ret = 0;

	if (want_name)
		ret = send_info(o, NBD_INFO_NAME, x->name, (u32)strlen(x->name));
	if (!ret && want_desc && x->description)
		ret = send_info(o, NBD_INFO_DESCRIPTION, x->description, (u32)strlen(x->description));
	put_be32(b, o->opt == NBD_OPT_INFO || c->block_sizes ? align : 1);
	put_be32(b + 4, MAX(align, 4096U));
	put_be32(b + 8, NBD_MAX_DATA);
	ret = ret ?: send_info(o, NBD_INFO_BLOCK_SIZE, b, 12);
	put_be64(b, blk_length(x->node));
	put_be16(b + 8, (u16)export_flags(c, x));
	return ret ?: send_info(o, NBD_INFO_EXPORT, b, 10);
}

static int parse_info(struct option *o, char *name, bool *want_name, bool *want_desc)
{
	u16 n, what;

	if (!take_string(o, name) || !take_u16(o, &n))
		return -EINVAL;
	while (n--) {
		if (!take_u16(o, &what))
			return -EINVAL;
		*want_name |= what == NBD_INFO_NAME;
		*want_desc |= what == NBD_INFO_DESCRIPTION;
		o->c->block_sizes |= what == NBD_INFO_BLOCK_SIZE;
	}
	return o->pos == o->len ? 0 : -EINVAL;
}

static int info_or_go(struct option *o)
{
	struct nbd_client *c = o->c;
	char name[NBD_MAX_STRING + 1];
	bool want_name = false, want_desc = false;
	struct nbd_exp *x;
	int ret;

	if (parse_info(o, name, &want_name, &want_desc))
		return refuse(o, NBD_REP_ERR_INVALID, "bad data of option 'info' or 'go'");
	x = nbd_export_get(c->server, name);
	if (!x)
		return refuse(o, NBD_REP_ERR_UNKNOWN, "export '%.80s' not present", name);
	if (o->opt == NBD_OPT_GO && !adopt(c, x))
		return refuse(o, NBD_REP_ERR_SHUTDOWN, "export '%.80s' is going away", name);
	ret = send_infos(o, x, want_name, want_desc);
	ret = ret ?: ack(o);
	if (o->opt == NBD_OPT_INFO)
		nbd_export_put(c->server, x);
	return ret ?: o->opt == NBD_OPT_GO;
}

static int structured(struct option *o)
{
	struct nbd_client *c = o->c;

	if (o->len)
		return refuse(o, NBD_REP_ERR_INVALID, "this option has no data");
	if (o->opt == NBD_OPT_EXTENDED_HEADERS) {
		if (c->extended)
			return refuse(o, NBD_REP_ERR_INVALID, "extended headers are agreed on already");
		c->extended = c->structured = true;
	} else {
		if (c->extended)
			return refuse(o, NBD_REP_ERR_EXT_HEADER, "extended headers are agreed on already");
		if (c->structured)
			return refuse(o, NBD_REP_ERR_INVALID, "structured replies are agreed on already");
		c->structured = true;
	}
	return ack(o);
}

/* ---- meta contexts ---- */

static void context_name(const struct nbd_exp *x, u32 id, char *buf, size_t size)
{
	if (id == NBD_CTX_ALLOCATION)
		snprintf(buf, size, "base:allocation");
	else if (id == NBD_CTX_DEPTH)
		snprintf(buf, size, "qemu:allocation-depth");
	else
		snprintf(buf, size, "qemu:dirty-bitmap:%s", x->bitmaps[id - NBD_CTX_BITMAP].name);
}

/* Contexts that @query names. With @list, a name that ends behind a colon stands for all below it. */
static u64 matches(const struct nbd_exp *x, const char *query, bool list)
{
	size_t n = strlen(query);
	u64 got = 0;

	for (u32 id = 0; id < (u32)(NBD_CTX_BITMAP + x->n_bitmaps); id++) {
		char name[NBD_MAX_STRING + 32];

		if (id == NBD_CTX_DEPTH && !x->depth)
			continue;
		context_name(x, id, name, sizeof(name));
		if (!strcmp(query, name) || (list && n && query[n - 1] == ':' && !strncmp(query, name, n)))
			got |= 1ULL << id;
	}
	return got;
}

static int send_contexts(struct option *o, const struct nbd_exp *x, u64 got)
{
	int ret = 0;

	for (u32 id = 0; !ret && got; id++, got >>= 1) {
		char name[NBD_MAX_STRING + 32];
		u8 b[4];

		if (!(got & 1))
			continue;
		context_name(x, id, name, sizeof(name));
		put_be32(b, o->opt == NBD_OPT_LIST_META_CONTEXT ? 0 : id);
		ret = reply(o, NBD_REP_META_CONTEXT, b, 4, name, (u32)strlen(name));
	}
	return ret ?: ack(o);
}

static int meta_context(struct option *o)
{
	struct nbd_client *c = o->c;
	bool listing = o->opt == NBD_OPT_LIST_META_CONTEXT;
	char str[NBD_MAX_STRING + 1];
	struct nbd_exp *x;
	u64 got = 0;
	u32 n;
	int ret;

	if (!listing)
		c->contexts = 0;
	if (!c->structured)
		return refuse(o, NBD_REP_ERR_INVALID, "meta contexts need structured replies");
	if (!take_string(o, str))
		return refuse(o, NBD_REP_ERR_INVALID, "bad export name");
	x = nbd_export_get(c->server, str);
	if (!x)
		return refuse(o, NBD_REP_ERR_UNKNOWN, "export '%.80s' not present", str);
	if (!listing) {
		free(c->context_export);
		c->context_export = strdup(str);
	}
	ret = take_u32(o, &n) ? 0 : -EINVAL;
	if (!ret && listing && !n)
		got = matches(x, "base:", true) | matches(x, "qemu:", true);
	while (!ret && n--) {
		if (!take_string(o, str))
			ret = -EINVAL;
		else
			got |= matches(x, str, listing);
	}
	if (ret || o->pos != o->len)
		ret = refuse(o, NBD_REP_ERR_INVALID, "bad meta context query");
	else
		ret = send_contexts(o, x, got);
	if (!listing && !ret && c->context_export)
		c->contexts = got;
	nbd_export_put(c->server, x);
	return ret;
}

/* ---- TLS ---- */

static bool tls_missing(const struct nbd_client *c)
{
	return c->server->conf.tls.creds && !c->conn.tls;
}

/* What was agreed on in the clear, perhaps with somebody in between, is forgotten. */
static int start_tls(struct option *o)
{
	struct nbd_client *c = o->c;
	int ret;

	if (o->len)
		return refuse(o, NBD_REP_ERR_INVALID, "option 'starttls' has no data");
	if (!c->server->conf.tls.creds)
		return refuse(o, NBD_REP_ERR_POLICY, "TLS not configured");
	if (c->conn.tls)
		return refuse(o, NBD_REP_ERR_INVALID, "TLS already enabled");
	c->structured = c->extended = c->block_sizes = false;
	c->contexts = 0;
	ret = ack(o);
	return ret ?: nbd_tls_start(&c->conn, &c->server->conf.tls, NULL);
}

static int before_tls(struct option *o)
{
	switch (o->opt) {
	case NBD_OPT_STARTTLS:
		return start_tls(o);
	case NBD_OPT_ABORT:
		ack(o);
		return -ENOTCONN;
	case NBD_OPT_EXPORT_NAME:	/* has no way to say no */
		return -EACCES;
	}
	return refuse(o, NBD_REP_ERR_TLS_REQD, "Option 0x%x not permitted before TLS", o->opt);
}

/* 1: transmission begins, 0: next option, -errno: close. */
static int one_option(struct option *o)
{
	if (tls_missing(o->c))
		return before_tls(o);
	switch (o->opt) {
	case NBD_OPT_EXPORT_NAME:
		return export_name(o);
	case NBD_OPT_ABORT:
		ack(o);
		return -ENOTCONN;
	case NBD_OPT_LIST:
		return list(o);
	case NBD_OPT_INFO:
	case NBD_OPT_GO:
		return info_or_go(o);
	case NBD_OPT_STRUCTURED_REPLY:
	case NBD_OPT_EXTENDED_HEADERS:
		return structured(o);
	case NBD_OPT_LIST_META_CONTEXT:
	case NBD_OPT_SET_META_CONTEXT:
		return meta_context(o);
	case NBD_OPT_STARTTLS:
		return start_tls(o);
	}
	return refuse(o, NBD_REP_ERR_UNSUP, "unsupported option %u", o->opt);
}

static int next_option(struct nbd_client *c, u8 *buf)
{
	u8 h[16];
	struct option o = { .c = c, .data = buf };
	int ret = nbd_recv(&c->conn, h, 16);

	if (ret)
		return ret;
	o.opt = get_be32(h + 8);
	o.len = get_be32(h + 12);
	if (get_be64(h) != NBD_OPTS_MAGIC || o.len > SKIP_OPTION)
		return -EPROTO;
	if (o.len > MAX_OPTION) {
		ret = nbd_recv_skip(&c->conn, o.len);
		return ret ?: refuse(&o, NBD_REP_ERR_TOO_BIG, "option of %u bytes", o.len);
	}
	ret = nbd_recv(&c->conn, buf, o.len);
	buf[o.len] = 0;
	return ret ?: one_option(&o);
}

int nbd_serve_options(struct nbd_client *c)
{
	u8 b[18], *buf;
	u32 flags;
	int ret;

	put_be64(b, NBD_MAGIC);
	put_be64(b + 8, NBD_OPTS_MAGIC);
	put_be16(b + 16, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	ret = nbd_send(&c->conn, b, 18);
	ret = ret ?: nbd_recv(&c->conn, b, 4);
	if (ret)
		return ret;
	flags = get_be32(b);
	if (flags & ~(u32)(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES))
		return -EPROTO;
	c->no_zeroes = flags & NBD_NO_ZEROES;
	buf = malloc(MAX_OPTION + 1);
	if (!buf)
		return -ENOMEM;
	while (!(ret = next_option(c, buf)))
		;
	free(buf);
	return MIN(ret, 0);
}
