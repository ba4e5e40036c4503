/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File names: protocol prefixes, names relative to an image, the exact name of a node. */
#include <stdio.h>
#include <string.h>
#include "block/int.h"
#include "json.h"
#include "str.h"

size_t blk_protocol_prefix(const char *name)
{
	const char *colon = strpbrk(name, ":/");

	if (!colon || *colon != ':' || colon == name)
		return 0;
	return (size_t)(colon - name) + 1;
}

bool blk_is_protocol_name(const char *name)
{
	return blk_protocol_prefix(name) > 0;
}

size_t blk_folder_prefix(const char *name)
{
	static const char *const words[] = { "12:", "16:", "32:", "floppy:", "rw:" };
	const char *p = name + 4;
	size_t i;

	if (strncmp(name, "fat:", 4))
		return 0;
	do {
		for (i = 0; i < ARRAY_SIZE(words) && strncmp(p, words[i], strlen(words[i])); i++)
			;
		if (i < ARRAY_SIZE(words))
			p += strlen(words[i]);
	} while (i < ARRAY_SIZE(words));
	return (size_t)(p - name);
}

int blk_combine_path(const char *image, const char *backing, char **out)
{
	const char *slash, *base = image;
	size_t dir;

	if (backing[0] == '/' || blk_protocol_prefix(backing)) {
		*out = strdup(backing);
		return *out ? 0 : -ENOMEM;
	}
	base += blk_protocol_prefix(image);
	slash = strrchr(base, '/');
	dir = slash ? (size_t)(slash + 1 - image) : (size_t)(base - image);
	*out = malloc(dir + strlen(backing) + 1);
	if (!*out)
		return -ENOMEM;
	memcpy(*out, image, dir);
	strcpy(*out + dir, backing);
	return 0;
}

bool blk_has_no_directory(const struct blk_node *file)
{
	while (file && !(file->drv->flags & BLK_DRV_PROTOCOL))
		file = file->file;
	return !file;
}

/* ---- exact names ---- */

static bool needs_json(const struct blk_node *n)
{
	return n->opts.n > 0;
}

static int json_of_node(struct blk_node *n, struct json *j)
{
	int ret = json_set(j, "driver", json_new_str(n->drv->name));

	for (int i = 0; !ret && i < n->opts.n; i++) {
		const char *v = n->opts.v[i].val;
		u64 num;
		struct json *val;

		if (!strcmp(v, "on") || !strcmp(v, "off"))
			val = json_new_bool(v[1] == 'n');
		else if (!str_to_u64(v, 10, &num))
			val = json_new_uint(num);
		else
			val = json_new_str(v);
		ret = json_set(j, n->opts.v[i].key, val);
	}
	if (!ret && n->drv->flags & BLK_DRV_PROTOCOL && !blk_opts_get(&n->opts, "filename") &&
	    !n->drv->exact_filename)
		ret = json_set(j, "filename", json_new_str(n->filename));
	for (int i = 0; !ret && i < n->n_children; i++) {
		struct json *sub;

		if (n->child[i].node == n->backing)
			continue;
		sub = json_new(JSON_OBJECT);
		if (!sub)
			return -ENOMEM;
		ret = json_of_node(n->child[i].node, sub);
		if (ret) {
			json_free(sub);
			return ret;
		}
		ret = json_set(j, n->child[i].role, sub);
	}
	return ret;
}

static int json_name(struct blk_node *n, char **out)
{
	struct strbuf b = STRBUF_INIT;
	struct json *j = json_new(JSON_OBJECT);
	int ret = j ? json_of_node(n, j) : -ENOMEM;

	if (!ret) {
		strbuf_puts(&b, "json:");
		ret = json_print(j, JSON_COMPACT, &b);
	}
	if (!ret && !(*out = strdup(b.s)))
		ret = -ENOMEM;
	strbuf_free(&b);
	json_free(j);
	return ret;
}

int blk_exact_filename(struct blk_node *n, char **out)
{
	bool plain = !needs_json(n);

	if (n->drv->flags & BLK_DRV_FILTER && n->drv->name[0] == 'b')	/* blkdebug and friends */
		plain = false;
	if (n->file && needs_json(n->file))
		plain = false;
	if (!plain)
		return json_name(n, out);
	*out = strdup(n->filename);
	return *out ? 0 : -ENOMEM;
}
