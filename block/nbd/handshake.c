// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client's side of NBD negotiation: fixed newstyle with GO and meta
 * contexts, the older EXPORT_NAME, and oldstyle servers. Whatever a server
 * says is checked against a limit before memory is taken for it.
 */
#include <stdio.h>
#include <string.h>
#include "block/int.h"
#include "block/nbd/conn.h"
#include "block/nbd/proto.h"
#include "block/nbd/handshake.h"
#include "block/nbd/tls.h"
#include "str.h"

#define MAX_REPLY	(64U << 10)	/* of one option reply */
#define MAX_REPLIES	10000		/* to one option */

void nbd_info_clear(struct nbd_info *i)
{
	free(i->name);
	free(i->description);
	for (int k = 0; k < i->n_contexts; k++)
		free(i->contexts[k]);
	free(i->contexts);
	*i = (struct nbd_info){ 0 };
}

static int lost(int ret, struct err *e)
{
	if (ret == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "Server did not answer in time");
	return err_errno(e, ret == -ENOTCONN ? ECONNRESET : -ret, "Connection failed in NBD negotiation");
}

int nbd_opt_send(struct nbd_conn *c, u32 opt, const void *data, u32 len, struct err *e)
{
	u8 h[16];
	struct iovec v[2] = { { h, 16 }, { (void *)data, len } };
	int ret;

	put_be64(h, NBD_OPTS_MAGIC);
	put_be32(h + 8, opt);
	put_be32(h + 12, len);
	ret = nbd_sendv(c, v, len ? 2 : 1);
	return ret ? lost(ret, e) : 0;
}

/* The next reply to @opt; its data, NUL-terminated, into *data for free(). */
int nbd_opt_reply(struct nbd_conn *c, u32 opt, struct nbd_opt_reply *r, struct err *e)
{
	u8 h[20];
	int ret = nbd_recv(c, h, sizeof(h));

	r->data = NULL;
	if (ret)
		return lost(ret, e);
	r->type = get_be32(h + 12);
	r->len = get_be32(h + 16);
	if (get_be64(h) != NBD_REP_MAGIC)
		return err_set(e, EPROTO, "Unexpected option reply magic");
	if (get_be32(h + 8) != opt)
		return err_set(e, EPROTO, "Unexpected option type %u, expected %u", get_be32(h + 8), opt);
	if (r->len > MAX_REPLY)
		return err_set(e, EPROTO, "Option reply of %u bytes is too long", r->len);
	r->data = malloc(r->len + 1);
	if (!r->data)
		return err_set(e, ENOMEM, "Out of memory");
	ret = nbd_recv(c, r->data, r->len);
	r->data[r->len] = 0;
	if (!ret)
		return 0;
	free(r->data);
	r->data = NULL;
	return lost(ret, e);
}

/* Text for an error reply; the server's own words are shown with their control bytes masked. */
int nbd_opt_error(const struct nbd_opt_reply *r, const char *what, struct err *e)
{
	static const struct { u32 type; int err; const char *text; } known[] = {
		{ NBD_REP_ERR_UNSUP, ENOTSUP, "Unsupported option type" },
		{ NBD_REP_ERR_POLICY, EACCES, "Denied by server" },
		{ NBD_REP_ERR_INVALID, EINVAL, "Invalid parameters" },
		{ NBD_REP_ERR_PLATFORM, ENOTSUP, "Server lacks support" },
		{ NBD_REP_ERR_TLS_REQD, EACCES, "Server requires TLS" },
		{ NBD_REP_ERR_UNKNOWN, ENOENT, "Requested export not available" },
		{ NBD_REP_ERR_SHUTDOWN, ESHUTDOWN, "Server shutting down" },
		{ NBD_REP_ERR_BLOCK_SIZE, EINVAL, "Server requires INFO_BLOCK_SIZE" },
	};
	char text[160];
	size_t n = MIN((size_t)r->len, sizeof(text) - 1);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)(r->data[i] < 32 || r->data[i] == 127 ? '?' : r->data[i]);
	text[n] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].type == r->type)
			return err_set(e, known[i].err, n ? "%s for option %s (server says: %s)" :
				       "%s for option %s", known[i].text, what, text);
	return err_set(e, EINVAL, "Unknown error code 0x%x for option %s", r->type, what);
}

/* An option that is agreed on (1) or refused (0). */
static int agree(struct nbd_conn *c, u32 opt, const char *what, struct err *e)
{
	struct nbd_opt_reply r;
	int ret = nbd_opt_send(c, opt, NULL, 0, e);

	ret = ret ?: nbd_opt_reply(c, opt, &r, e);
	if (ret)
		return ret;
	if (r.type == NBD_REP_ACK && !r.len)
		ret = 1;
	else if (r.type == NBD_REP_ERR_TLS_REQD)
		ret = nbd_opt_error(&r, what, e);
	else if (!(r.type & NBD_REP_ERROR))
		ret = err_set(e, EPROTO, "Unexpected reply 0x%x to option %s", r.type, what);
	free(r.data);
	return ret;
}

/* ---- meta contexts ---- */

static int one_context(const struct nbd_opt_reply *r, u32 opt, const char *context,
		       struct nbd_info *info, struct err *e)
{
	const char *name = (const char *)r->data + 4;

	if (r->len < 5 || strlen(name) != r->len - 4)
		return err_set(e, EPROTO, "Bad meta context in option reply");
	if (opt == NBD_OPT_LIST_META_CONTEXT) {
		char **v = realloc(info->contexts, (size_t)(info->n_contexts + 1) * sizeof(*v));

		if (!v)
			return -ENOMEM;
		info->contexts = v;
		v[info->n_contexts] = strdup(name);
		return v[info->n_contexts] ? (info->n_contexts++, 0) : -ENOMEM;
	}
	if (strcmp(name, context))
		return err_set(e, EPROTO, "Server chose meta context '%s' where '%s' was asked for", name, context);
	if (info->has_context)
		return err_set(e, EPROTO, "Server named meta context '%s' twice", name);
	info->has_context = true;
	info->context_id = get_be32(r->data);
	return 0;
}

/* SET (one query) or LIST (@context NULL: all). A server that knows no contexts is fine. */
int nbd_meta_context(struct nbd_conn *c, u32 opt, const char *export, const char *context,
		     struct nbd_info *info, struct err *e)
{
	u32 el = (u32)strlen(export), cl = context ? (u32)strlen(context) : 0, len = 8 + el;
	u8 *q = malloc(len + 4 + cl);
	struct nbd_opt_reply r;
	int ret, n = 0;

	if (!q)
		return -ENOMEM;
	put_be32(q, el);
	memcpy(q + 4, export, el);
	put_be32(q + 4 + el, context ? 1 : 0);
	if (context) {
		put_be32(q + len, cl);
		memcpy(q + len + 4, context, cl);
		len += 4 + cl;
	}
	ret = nbd_opt_send(c, opt, q, len, e);
	free(q);
	while (!ret) {
		ret = nbd_opt_reply(c, opt, &r, e);
		if (ret)
			break;
		if (r.type & NBD_REP_ERROR || r.type == NBD_REP_ACK) {
			free(r.data);
			break;
		}
		if (r.type != NBD_REP_META_CONTEXT || ++n > MAX_REPLIES)
			ret = err_set(e, EPROTO, "Unexpected reply 0x%x to option META_CONTEXT", r.type);
		else
			ret = one_context(&r, opt, context, info, e);
		free(r.data);
	}
	return ret;
}

/* ---- GO and INFO ---- */

static bool is_power(u32 v)
{
	return v && !(v & (v - 1));
}

static int take_block_size(struct nbd_info *i, const u8 *p, struct err *e)
{
	i->min_block = get_be32(p);
	i->pref_block = get_be32(p + 4);
	i->max_block = get_be32(p + 8);
	if (!is_power(i->min_block) || i->min_block > 65536)
		return err_set(e, EPROTO, "server minimum block size %u is not a power of two of at most 64 KiB",
			       i->min_block);
	if (i->pref_block < i->min_block || !is_power(i->pref_block))
		return err_set(e, EPROTO, "server preferred block size %u is not valid", i->pref_block);
	if (i->max_block < i->min_block)
		return err_set(e, EPROTO, "server maximum block size %u is not valid", i->max_block);
	return 0;
}

static int take_info(struct nbd_info *i, const struct nbd_opt_reply *r, bool *have, struct err *e)
{
	const u8 *p = r->data;
	char **s = NULL;

	if (r->len < 2)
		return err_set(e, EPROTO, "Info reply is too short");
	switch (get_be16(p)) {
	case NBD_INFO_EXPORT:
		if (r->len != 12)
			return err_set(e, EPROTO, "Unexpected length %u of export info", r->len);
		i->size = get_be64(p + 2);
		i->flags = get_be16(p + 10);
		*have = true;
		return 0;
	case NBD_INFO_BLOCK_SIZE:
		return r->len == 14 ? take_block_size(i, p + 2, e) :
		       err_set(e, EPROTO, "Unexpected length %u of block size info", r->len);
	case NBD_INFO_NAME:
		s = &i->name;
		break;
	case NBD_INFO_DESCRIPTION:
		s = &i->description;
		break;
	}
	if (s) {
		free(*s);
		*s = strdup((const char *)p + 2);
		return *s ? 0 : -ENOMEM;
	}
	return 0;
}

/* GO or INFO. 1: done, 0: the server does not know the option, -errno. */
int nbd_opt_go(struct nbd_conn *c, u32 opt, const char *export, struct nbd_info *info, struct err *e)
{
	static const u8 wanted[] = { NBD_INFO_BLOCK_SIZE, NBD_INFO_DESCRIPTION };
	u32 el = (u32)strlen(export);
	u16 n = opt == NBD_OPT_INFO ? 2 : 1;
	u8 *q = malloc(el + 10);
	struct nbd_opt_reply r;
	bool have = false;
	int ret;

	if (!q)
		return -ENOMEM;
	put_be32(q, el);
	memcpy(q + 4, export, el);
	put_be16(q + 4 + el, n);
	for (u16 i = 0; i < n; i++)
		put_be16(q + 6 + el + 2 * i, wanted[i]);
	ret = nbd_opt_send(c, opt, q, el + 6 + 2U * n, e);
	free(q);
	for (int k = 0; !ret && k < MAX_REPLIES; k++) {
		ret = nbd_opt_reply(c, opt, &r, e);
		if (ret)
			return ret;
		if (r.type == NBD_REP_INFO)
			ret = take_info(info, &r, &have, e);
		else if (r.type == NBD_REP_ACK)
			ret = have ? 1 : err_set(e, EPROTO, "Server did not describe the export");
		else if (r.type == NBD_REP_ERR_UNSUP)
			k = MAX_REPLIES;
		else
			ret = nbd_opt_error(&r, opt == NBD_OPT_GO ? "7 (go)" : "6 (info)", e);
		free(r.data);
	}
	return ret;
}

static int take_export(struct nbd_conn *c, struct nbd_info *i, u32 pad, struct err *e)
{
	u8 b[10];
	int ret = nbd_recv(c, b, 10);

	ret = ret ?: nbd_recv_skip(c, pad);
	if (ret)
		return err_errno(e, ret == -ENOTCONN || ret == -ECONNRESET ? ENOENT : -ret,
				 "Requested export not available");
	i->size = get_be64(b);
	i->flags = get_be16(b + 8);
	return 0;
}

static int old_style(struct nbd_conn *c, const char *export, struct nbd_info *i, struct err *e)
{
	u8 b[12];
	int ret;

	i->old_style = true;
	if (*export)
		return err_set(e, EINVAL, "Server does not support non-empty export names");
	ret = nbd_recv(c, b, 12);
	ret = ret ?: nbd_recv_skip(c, 124);
	i->size = get_be64(b);
	i->flags = get_be32(b + 8) & 0xffff;
	return ret ? lost(ret, e) : 0;
}

/* The greeting. 1: options may be sent (*flags are agreed), 0: oldstyle. */
int nbd_greet(struct nbd_conn *c, u32 *flags, struct err *e)
{
	u8 b[18], out[4];
	int ret = nbd_recv(c, b, 16);

	if (ret)
		return ret == -ENOTCONN ? err_set(e, EINVAL, "Server connection closed unexpectedly") : lost(ret, e);
	if (get_be64(b) != NBD_MAGIC)
		return err_set(e, EPROTO, "Bad initial magic received: 0x%016llx", get_be64(b));
	if (get_be64(b + 8) == NBD_OLD_MAGIC)
		return 0;
	if (get_be64(b + 8) != NBD_OPTS_MAGIC)
		return err_set(e, EPROTO, "Bad server magic received: 0x%016llx", get_be64(b + 8));
	ret = nbd_recv(c, b, 2);
	*flags = get_be16(b) & (u32)(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	put_be32(out, *flags);
	ret = ret ?: nbd_send(c, out, 4);
	return ret ? lost(ret, e) : 1;
}

int nbd_start_tls(struct nbd_conn *c, const struct nbd_tls_conf *tls, u32 flags, struct err *e)
{
	struct nbd_opt_reply r;
	int ret;

	if (!tls || !tls->creds)
		return 0;
	if (!(flags & NBD_FIXED_NEWSTYLE))
		return err_set(e, EINVAL, "Server does not support STARTTLS");
	ret = nbd_opt_send(c, NBD_OPT_STARTTLS, NULL, 0, e);
	ret = ret ?: nbd_opt_reply(c, NBD_OPT_STARTTLS, &r, e);
	if (ret)
		return ret;
	if (r.type & NBD_REP_ERROR)
		ret = nbd_opt_error(&r, "5 (starttls)", e);
	else if (r.type != NBD_REP_ACK || r.len)
		ret = err_set(e, EPROTO, "Unexpected reply 0x%x to option 5 (starttls)", r.type);
	free(r.data);
	return ret ?: nbd_tls_start(c, tls, e);
}

int nbd_agree_headers(struct nbd_conn *c, struct nbd_info *info, struct err *e)
{
	int ret = agree(c, NBD_OPT_EXTENDED_HEADERS, "11 (extended headers)", e);

	if (ret > 0) {
		info->extended = info->structured = true;
		return 0;
	}
	ret = ret ?: agree(c, NBD_OPT_STRUCTURED_REPLY, "8 (structured reply)", e);
	info->structured = ret > 0;
	return MIN(ret, 0);
}

static int new_style(struct nbd_conn *c, const struct nbd_tls_conf *tls, u32 flags, const char *export,
		     const char *context, struct nbd_info *info, struct err *e)
{
	int ret = nbd_start_tls(c, tls, flags, e);

	if (!ret && flags & NBD_FIXED_NEWSTYLE) {
		ret = nbd_agree_headers(c, info, e);
		if (!ret && info->structured && context)
			ret = nbd_meta_context(c, NBD_OPT_SET_META_CONTEXT, export, context, info, e);
		ret = ret ?: nbd_opt_go(c, NBD_OPT_GO, export, info, e);
	}
	if (ret)
		return MIN(ret, 0);
	ret = nbd_opt_send(c, NBD_OPT_EXPORT_NAME, export, (u32)strlen(export), e);
	return ret ?: take_export(c, info, flags & NBD_NO_ZEROES ? 0 : 124, e);
}

int nbd_negotiate(struct nbd_conn *c, const struct nbd_tls_conf *tls, const char *export,
		  const char *context, struct nbd_info *info, struct err *e)
{
	u32 flags = 0;
	int ret;

	*info = (struct nbd_info){ 0 };
	if (strlen(export) > NBD_MAX_STRING || (context && strlen(context) > NBD_MAX_STRING))
		return err_set(e, EINVAL, "export name too long to send to server");
	ret = nbd_greet(c, &flags, e);
	if (!ret && tls && tls->creds)
		ret = err_set(e, EINVAL, "Server does not support STARTTLS");
	else if (ret >= 0)
		ret = ret ? new_style(c, tls, flags, export, context, info, e) : old_style(c, export, info, e);
	if (!ret && info->size > (u64)INT64_MAX)
		ret = err_set(e, EFBIG, "Server offers %llu bytes, more than can be", info->size);
	if (ret) {
		err_set(e, -ret, "%s", strerror(-ret));
		nbd_info_clear(info);
	}
	return ret;
}
