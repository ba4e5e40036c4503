/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects that users define for a graph (--object): secrets, throttle groups,
 * TLS credentials. A type registers itself; nodes look their objects up.
 */
#ifndef VMBOX_BLOCK_OBJECT_H
#define VMBOX_BLOCK_OBJECT_H

#include "block/block.h"
#include "registry.h"

struct blk_object_type {
	const char *name;	/* "throttle-group" */
	/* Takes its keys out of @o (not "id"); *priv is freed by destroy(). 0 or -errno with text. */
	int (*create)(struct blk_graph *g, struct blk_opts *o, void **priv, struct err *e);
	void (*destroy)(void *priv);
};

#define BLOCK_OBJECT(t) REGISTER(block_object, t)
REGISTRY_DECLARE(block_object);

/* "TYPE,id=ID,..." or "json:"-less JSON "{...}" as --object takes it. 0 or -errno with text. */
int blk_graph_add_object(struct blk_graph *g, const char *text, struct err *e);
/* What create() made for object @id of type @t; NULL: there is none. */
void *blk_graph_object(struct blk_graph *g, const struct blk_object_type *t, const char *id);

#endif
