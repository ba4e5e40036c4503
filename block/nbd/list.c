// SPDX-License-Identifier: GPL-2.0-or-later
/* Asking a server what it exports (qemu-nbd --list), and the handshake for the kernel's client. */
#include <stdio.h>
#include <string.h>
#include "block/int.h"
#include "block/nbd/conn.h"
#include "block/nbd/handshake.h"
#include "block/nbd/proto.h"
#include "json.h"
#include "loop.h"
#include "str.h"

#define MAX_EXPORTS	10000
#define PATIENCE_NS	(30ULL * 1000000000)

struct exports {
	struct nbd_info *v;
	int n;
	bool structured, extended;
};

static int add_export(struct exports *x, const char *name, const char *desc)
{
	struct nbd_info *v = realloc(x->v, (size_t)(x->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	x->v = v;
	v += x->n;
	*v = (struct nbd_info){ .name = strdup(name), .description = *desc ? strdup(desc) : NULL };
	x->n++;
	return v->name ? 0 : -ENOMEM;
}

static int take_server(struct exports *x, const struct nbd_opt_reply *r, struct err *e)
{
	u32 n = r->len >= 4 ? get_be32(r->data) : ~0U;
	char *name;
	int ret;

	if (n > NBD_MAX_STRING || n > r->len - 4 || x->n >= MAX_EXPORTS)
		return err_set(e, EPROTO, "bad answer to option 'list'");
	name = str_ndup((char *)r->data + 4, n);
	ret = name ? add_export(x, name, (char *)r->data + 4 + n) : -ENOMEM;
	free(name);
	return ret;
}

static int ask_list(struct nbd_conn *c, struct exports *x, struct err *e)
{
	struct nbd_opt_reply r;
	int ret = nbd_opt_send(c, NBD_OPT_LIST, NULL, 0, e);

	while (!ret) {
		ret = nbd_opt_reply(c, NBD_OPT_LIST, &r, e);
		if (ret)
			break;
		if (r.type == NBD_REP_ACK) {
			free(r.data);
			break;
		}
		ret = r.type == NBD_REP_SERVER ? take_server(x, &r, e) : nbd_opt_error(&r, "3 (list)", e);
		free(r.data);
	}
	return ret;
}

static int ask_all(struct nbd_conn *c, const struct nbd_tls_conf *tls, struct exports *x, struct err *e)
{
	struct nbd_info agreed = { 0 };
	u32 flags = 0;
	int ret = nbd_greet(c, &flags, e);

	if (ret >= 0)
		ret = ret && flags & NBD_FIXED_NEWSTYLE ? nbd_start_tls(c, tls, flags, e) :
		      err_set(e, ENOTSUP, "Server cannot list its exports");
	ret = ret ?: nbd_agree_headers(c, &agreed, e);
	ret = ret ?: ask_list(c, x, e);
	for (int i = 0; !ret && i < x->n; i++) {
		struct nbd_info *v = &x->v[i];
		char *name = strdup(v->name);

		if (!name)
			return -ENOMEM;
		v->extended = agreed.extended;
		v->structured = agreed.structured;
		ret = MIN(nbd_opt_go(c, NBD_OPT_INFO, name, v, e), 0);
		if (!ret && v->structured)
			ret = nbd_meta_context(c, NBD_OPT_LIST_META_CONTEXT, name, NULL, v, e);
		free(name);
	}
	if (!ret)
		nbd_opt_send(c, NBD_OPT_ABORT, NULL, 0, NULL);
	return ret;
}

/* ---- printing ---- */

static const struct { u32 bit; const char *name; } flag_names[] = {
	{ NBD_FLAG_READ_ONLY, "readonly" }, { NBD_FLAG_FLUSH, "flush" }, { NBD_FLAG_FUA, "fua" },
	{ NBD_FLAG_ROTATIONAL, "rotational" }, { NBD_FLAG_TRIM, "trim" }, { NBD_FLAG_WRITE_ZEROES, "zeroes" },
	{ NBD_FLAG_DF, "df" }, { NBD_FLAG_MULTI_CONN, "multi" }, { NBD_FLAG_RESIZE, "resize" },
	{ NBD_FLAG_CACHE, "cache" }, { NBD_FLAG_FAST_ZERO, "fast-zero" },
	{ NBD_FLAG_BLOCK_STATUS_PAYLOAD, "block-status-payload" },
};

static void print_text(const struct nbd_info *v)
{
	printf(" export: '%s'\n", v->name);
	if (v->description && *v->description)
		printf("  description: %s\n", v->description);
	if (v->flags & NBD_FLAG_HAS_FLAGS) {
		printf("  size:  %llu\n  flags: 0x%x (", v->size, v->flags);
		for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
			if (v->flags & flag_names[i].bit)
				printf(" %s", flag_names[i].name);
		printf(" )\n");
	}
	if (v->min_block)
		printf("  min block: %u\n  opt block: %u\n  max block: %u\n", v->min_block, v->pref_block,
		       v->max_block);
	printf("  transaction size: %s\n", v->extended ? "64-bit" : "32-bit");
	if (v->n_contexts)
		printf("  available meta contexts: %d\n", v->n_contexts);
	for (int i = 0; i < v->n_contexts; i++)
		printf("   %s\n", v->contexts[i]);
}

static struct json *to_json(const struct nbd_info *v)
{
	struct json *j = json_new(JSON_OBJECT), *f = json_new(JSON_ARRAY), *c = json_new(JSON_ARRAY);
	int ret = j && f && c ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(flag_names); i++)
		if (v->flags & flag_names[i].bit)
			ret = json_append(f, json_new_str(flag_names[i].name));
	for (int i = 0; !ret && i < v->n_contexts; i++)
		ret = json_append(c, json_new_str(v->contexts[i]));
	ret = ret ?: json_set(j, "export", json_new_str(v->name));
	if (v->description)
		ret = ret ?: json_set(j, "description", json_new_str(v->description));
	ret = ret ?: json_set(j, "size", json_new_uint(v->size));
	if (v->min_block) {
		ret = ret ?: json_set(j, "min-block", json_new_uint(v->min_block));
		ret = ret ?: json_set(j, "opt-block", json_new_uint(v->pref_block));
		ret = ret ?: json_set(j, "max-block", json_new_uint(v->max_block));
	}
	ret = ret ?: json_set(j, "transaction-size", json_new_uint(v->extended ? 64 : 32));
	if (ret)
		goto fail;
	ret = json_set(j, "flags", f);
	f = NULL;
	ret = ret ?: json_set(j, "contexts", c);
	c = NULL;
	if (!ret)
		return j;
fail:
	json_free(f);
	json_free(c);
	json_free(j);
	return NULL;
}

static int print_json(const struct exports *x, struct err *e)
{
	struct json *j = json_new(JSON_ARRAY);
	struct strbuf b = STRBUF_INIT;
	int ret = j ? 0 : -ENOMEM;

	for (int i = 0; !ret && i < x->n; i++) {
		struct json *v = to_json(&x->v[i]);

		ret = v ? json_append(j, v) : -ENOMEM;
	}
	ret = ret ?: json_print(j, JSON_PRETTY, &b) ?: strbuf_failed(&b);
	if (!ret)
		printf("%s\n", b.s);
	strbuf_free(&b);
	json_free(j);
	return ret ? err_set(e, ENOMEM, "Out of memory") : 0;
}

int nbd_list_exports(const struct nbd_addr *a, const struct nbd_tls_conf *tls, bool as_json, struct err *e)
{
	struct exports x = { 0 };
	struct nbd_conn c;
	int fd = nbd_addr_connect(a, PATIENCE_NS, e), ret;

	if (fd < 0)
		return fd;
	ret = nbd_conn_init(&c, fd);
	if (ret)
		return err_set(e, ENOMEM, "Out of memory");
	c.deadline_ns = loop_now_ns() + PATIENCE_NS;
	ret = ask_all(&c, tls, &x, e);
	if (!ret && as_json) {
		ret = print_json(&x, e);
	} else if (!ret) {
		printf("exports available: %d\n", x.n);
		for (int i = 0; i < x.n; i++)
			print_text(&x.v[i]);
	}
	for (int i = 0; i < x.n; i++)
		nbd_info_clear(&x.v[i]);
	free(x.v);
	nbd_conn_close(&c);
	return ret;
}

int nbd_client_handshake(int fd, const char *export, struct nbd_kernel_info *k, struct err *e)
{
	struct nbd_info info = { 0 };
	struct nbd_conn c;
	u32 flags = 0;
	int ret = nbd_conn_init(&c, fd);

	if (ret)
		return err_set(e, ENOMEM, "Out of memory");
	c.deadline_ns = loop_now_ns() + PATIENCE_NS;
	ret = nbd_greet(&c, &flags, e);
	if (ret < 0)
		goto out;
	/* The kernel knows simple replies only. */
	ret = ret && flags & NBD_FIXED_NEWSTYLE ? nbd_opt_go(&c, NBD_OPT_GO, export, &info, e) :
	      err_set(e, ENOTSUP, "Server is too old for the kernel's client");
	if (!ret)
		ret = err_set(e, ENOTSUP, "Server is too old for the kernel's client");
	k->size = info.size;
	k->flags = info.flags;
	k->block_size = MAX(info.min_block, 512U);
	nbd_info_clear(&info);
out:
	free(c.rx);		/* the socket stays open; nothing unasked for was read from it */
	return MIN(ret, 0);
}
