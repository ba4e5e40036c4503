/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img map: where the bytes of an image are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "img.h"
#include "json.h"
#include "str.h"

struct map_args {
	struct img_args a;
	const char *start_text, *max_text;
	const char *file;
};
#define A struct map_args

struct entry {
	u64 start, len, offset;
	u32 flags;
	int depth;
	struct blk_node *file;
};

/* As qemu-img: a layer answers when it knows data or zeros. */
static int status(struct blk_node *n, u64 off, u64 len, struct entry *e)
{
	struct blk_status st;
	struct blk_node *p = n;
	int depth = 0;

	for (;;) {
		int ret = blk_status(p, off, len, &st);

		if (ret)
			return ret;
		if (!st.len) {
			/* Beyond a short backing file: zeros that count as its own. */
			st.len = len;
			st.flags = BLK_ST_ZERO | BLK_ST_ALLOCATED;
			break;
		}
		if (st.flags & (BLK_ST_ZERO | BLK_ST_DATA))
			break;
		len = st.len;
		p = blk_backing(p);
		if (!p) {
			st.flags = 0;
			break;
		}
		depth++;
	}
	*e = (struct entry){ off, st.len, st.offset, st.flags & ~(u32)BLK_ST_EOF, depth,
			     st.flags & BLK_ST_OFFSET ? st.file : NULL };
	return 0;
}

static bool mergeable(const struct entry *a, const struct entry *b)
{
	if (!a->len || a->flags != b->flags || a->depth != b->depth || a->file != b->file)
		return false;
	return !(a->flags & BLK_ST_OFFSET) || a->offset + a->len == b->offset;
}

static const char *yes(bool b)
{
	return b ? "true" : "false";
}

static int show_human(const struct entry *e)
{
	bool data = e->flags & BLK_ST_DATA && !(e->flags & BLK_ST_ZERO);

	if (data && !(e->flags & BLK_ST_OFFSET)) {
		img_error("File contains external, encrypted or compressed clusters.");
		return -ENOTSUP;
	}
	if (data)
		printf("%#-16llx%#-16llx%#-16llx%s\n", e->start, e->len, e->offset, blk_filename(e->file));
	return 0;
}

static void show_json(const struct entry *e, bool last)
{
	printf("{ \"start\": %llu, \"length\": %llu, \"depth\": %d, \"present\": %s, \"zero\": %s, "
	       "\"data\": %s, \"compressed\": %s", e->start, e->len, e->depth,
	       yes(e->flags & BLK_ST_ALLOCATED), yes(e->flags & BLK_ST_ZERO),
	       yes(e->flags & BLK_ST_DATA), yes(e->flags & BLK_ST_COMPRESSED));
	if (e->flags & BLK_ST_OFFSET)
		printf(", \"offset\": %llu", e->offset);
	printf("}%s", last ? "" : ",\n");
}

static int show(bool json, const struct entry *e, bool last)
{
	if (!json)
		return e->len ? show_human(e) : 0;
	if (e->len)
		show_json(e, last);
	return 0;
}

static int walk(struct blk_node *n, u64 start, u64 end, bool json)
{
	struct entry cur = { .start = start }, next;
	int ret = 0;

	while (!ret && cur.start + cur.len < end) {
		u64 off = cur.start + cur.len;

		ret = status(n, off, end - off, &next);
		if (ret) {
			img_error("Could not read file metadata: %s", strerror(-ret));
			break;
		}
		if (mergeable(&cur, &next)) {
			cur.len += next.len;
			continue;
		}
		if (cur.len)
			ret = show(json, &cur, false);
		cur = next;
	}
	if (!ret)
		ret = show(json, &cur, true);
	return ret;
}

static int run(void *args, const struct opt_call *call)
{
	struct map_args *m = args;
	int json = img_output_json(&m->a), ret;
	u64 start = 0, max = ~0ULL, end;
	struct blk_graph *g;
	struct blk_node *n;

	if (json < 0)
		return 1;
	if ((m->start_text && img_size(m->start_text, "start offset", &start)) ||
	    (m->max_text && img_size(m->max_text, "max length", &max)))
		return 1;
	g = img_graph(&m->a, call);
	if (!g)
		return 1;
	if (img_sandbox(g, &m->a, (const char *const []){ m->file, NULL })) {
		blk_graph_free(g);
		return 1;
	}
	n = img_open(g, &m->a, m->file, m->a.fmt, 0);
	if (!n) {
		blk_graph_free(g);
		return 1;
	}
	if (json)
		putchar('[');
	else
		printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
	end = blk_length(n);
	if (max != ~0ULL && start + max < end)
		end = start + max;
	ret = walk(n, start, end, json);
	if (json && !ret)
		puts("]");
	blk_unref(n);
	blk_graph_free(g);
	return ret ? 1 : 0;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_OUTPUT(A),
	OPT_STR('s', "start-offset", "OFFSET", A, start_text, "start there"),
	OPT_STR('l', "max-length", "LEN", A, max_text, "no further than LEN bytes"),
	OPERAND("FILE", A, file, "the image"),
	OPT_END
};

const struct opt_cmd img_cmd_map = {
	.name = "map", .summary = "show where the bytes of an image are", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
