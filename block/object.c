// SPDX-License-Identifier: GPL-2.0-or-later
/* User-defined objects of a graph (block/object.h). */
#include <string.h>
#include "block/int.h"
#include "block/object.h"

struct blk_object {
	const struct blk_object_type *type;
	char *id;
	void *priv;
	struct blk_object *next;
};

void blk_objects_free(struct blk_graph *g)
{
	while (g->objects) {
		struct blk_object *o = g->objects;

		g->objects = o->next;
		o->type->destroy(o->priv);
		free(o->id);
		free(o);
	}
}

void *blk_graph_object(struct blk_graph *g, const struct blk_object_type *t, const char *id)
{
	for (struct blk_object *o = g->objects; o; o = o->next)
		if (o->type == t && !strcmp(o->id, id))
			return o->priv;
	return NULL;
}

static bool id_taken(const struct blk_graph *g, const char *id)
{
	for (const struct blk_object *o = g->objects; o; o = o->next)
		if (!strcmp(o->id, id))
			return true;
	return false;
}

static int add(struct blk_graph *g, const struct blk_object_type *t, struct blk_opts *o, struct err *e)
{
	struct blk_object *x = calloc(1, sizeof(*x));
	int ret;

	if (!x)
		return -ENOMEM;
	x->type = t;
	x->id = blk_opts_get(o, "id") ? strdup(blk_opts_get(o, "id")) : NULL;
	if (!blk_opts_get(o, "id"))
		ret = err_set(e, EINVAL, "Parameter 'id' is missing");
	else if (!x->id)
		ret = err_set(e, ENOMEM, "out of memory");
	else if (id_taken(g, x->id))
		ret = err_set(e, EEXIST, "attempt to add duplicate property '%s' to object (type 'container')", x->id);
	else
		ret = t->create(g, o, &x->priv, e);
	blk_opts_del(o, "id");
	if (!ret && o->n) {
		ret = err_set(e, EINVAL, "Property '%s.%s' not found", t->name, o->v[0].key);
		t->destroy(x->priv);
	}
	if (ret) {
		free(x->id);
		free(x);
		return ret;
	}
	x->next = g->objects;
	g->objects = x;
	return 0;
}

static int by_type(struct blk_graph *g, const char *type, struct blk_opts *o, struct err *e)
{
	const struct blk_object_type *t;

	if (!type)
		return err_set(e, EINVAL, "Parameter 'qom-type' is missing");
	if (!strcmp(type, "secret"))
		return blk_graph_add_secret(g, o, e);
	if (!strcmp(type, "iothread"))	/* the queues have threads of their own */
		return 0;
	REGISTRY_FOREACH(block_object, t)
		if (!strcmp(t->name, type))
			return add(g, t, o, e);
	return err_set(e, EINVAL, "Parameter 'qom-type' does not accept value '%s'", type);
}

int blk_graph_add_object(struct blk_graph *g, const char *text, struct err *e)
{
	struct blk_opts o = { 0 };
	int ret = *text == '{' ? blk_opts_parse_json(&o, text, e) : blk_opts_parse(&o, text, "qom-type", e);
	char *type = blk_opts_take(&o, "qom-type");

	ret = ret ?: by_type(g, type, &o, e);
	free(type);
	blk_opts_free(&o);
	return ret;
}
