// SPDX-License-Identifier: GPL-2.0-or-later
/* Access lists for TLS peers, with the keys of QEMU's authz-simple and authz-list. */
#include <stdio.h>
#include <string.h>
#include "block/int.h"
#include "block/nbd/authz.h"
#include "block/object.h"
#include "str.h"

#define MAX_RULES 1000

struct rule {
	char *match;
	int allow, glob;
};

struct nbd_authz {
	struct rule *rules;
	int n, allow;		/* @allow: when no rule matches */
};

static const char *const policies[] = { "deny", "allow", NULL };
static const char *const formats[] = { "exact", "glob", NULL };

static void destroy(void *priv)
{
	struct nbd_authz *a = priv;

	for (int i = 0; i < a->n; i++)
		free(a->rules[i].match);
	free(a->rules);
	free(a);
}

static struct rule *add_rule(struct nbd_authz *a)
{
	struct rule *v = realloc(a->rules, (size_t)(a->n + 1) * sizeof(*v));

	if (!v)
		return NULL;
	a->rules = v;
	v[a->n] = (struct rule){ 0 };
	return &v[a->n++];
}

static int create_simple(struct blk_graph *g, struct blk_opts *o, void **priv, struct err *e)
{
	struct nbd_authz *a = calloc(1, sizeof(*a));
	struct rule *r = a ? add_rule(a) : NULL;

	if (!r) {
		free(a);
		return err_set(e, ENOMEM, "Out of memory");
	}
	r->match = blk_opts_take(o, "identity");
	r->allow = 1;
	if (!r->match) {
		destroy(a);
		return err_set(e, EINVAL, "The 'identity' property must be set");
	}
	*priv = a;
	return 0;
}

static int take_rule(struct nbd_authz *a, struct blk_opts *o, struct err *e)
{
	struct rule *r = add_rule(a);
	int ret;

	if (!r)
		return err_set(e, ENOMEM, "Out of memory");
	r->match = blk_opts_take(o, "match");
	ret = blk_opts_take_enum(o, "policy", policies, &r->allow, e);
	ret = ret ?: blk_opts_take_enum(o, "format", formats, &r->glob, e);
	if (!ret && !r->match)
		ret = err_set(e, EINVAL, "Parameter 'match' of a rule is missing");
	if (!ret && o->n)
		ret = err_set(e, EINVAL, "Parameter '%s' of a rule is unexpected", o->v[0].key);
	return ret;
}

static int create_list(struct blk_graph *g, struct blk_opts *o, void **priv, struct err *e)
{
	struct nbd_authz *a = calloc(1, sizeof(*a));
	int ret = a ? 0 : err_set(e, ENOMEM, "Out of memory");

	ret = ret ?: blk_opts_take_enum(o, "policy", policies, &a->allow, e);
	for (int i = 0; !ret && i < MAX_RULES; i++) {
		struct blk_opts sub = { 0 };
		char key[24];

		snprintf(key, sizeof(key), "rules.%d", i);
		if (!blk_opts_has_sub(o, key))
			break;
		ret = blk_opts_take_sub(o, key, &sub);
		ret = ret ?: take_rule(a, &sub, e);
		blk_opts_free(&sub);
	}
	if (!ret)
		*priv = a;
	else if (a)
		destroy(a);
	return ret;
}

static const struct blk_object_type authz_simple = {
	.name = "authz-simple", .create = create_simple, .destroy = destroy,
};
BLOCK_OBJECT(authz_simple);

static const struct blk_object_type authz_list = {
	.name = "authz-list", .create = create_list, .destroy = destroy,
};
BLOCK_OBJECT(authz_list);

const struct nbd_authz *nbd_authz_find(struct blk_graph *g, const char *id)
{
	const struct nbd_authz *a = blk_graph_object(g, &authz_simple, id);

	return a ? a : blk_graph_object(g, &authz_list, id);
}

bool nbd_authz_allows(const struct nbd_authz *a, const char *identity)
{
	for (int i = 0; i < a->n; i++) {
		const struct rule *r = &a->rules[i];

		if (r->glob ? str_glob(r->match, identity) : !strcmp(r->match, identity))
			return r->allow;
	}
	return a->allow;
}
