// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * img inspect: a verdict on a file that somebody else made, as JSON. Formats
 * are told by structure, never by name; nothing that the image names is
 * opened.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "bytes.h"
#include "img.h"
#include "json.h"

struct inspect_args {
	struct img_args a;
	struct opt_list files;
};
#define A struct inspect_args

#define HEAD	2048
#define CERTAIN	50	/* score from which two formats make a polyglot */

/* What one file is found to be, while it is looked at. */
struct report {
	struct json *j, *formats, *references, *anomalies;
	int certain;		/* formats that the structure names */
	int n_anomalies;
	bool invalid, budget;
};

static int note(struct report *r, const char *text)
{
	r->n_anomalies++;
	return json_append(r->anomalies, json_new_str(text));
}

static int add_format(struct report *r, const char *name, const char *where)
{
	struct json *f = json_new(JSON_OBJECT);
	int ret = f ? json_set(f, "format", json_new_str(name)) : -ENOMEM;

	ret = ret ?: json_set(f, "found", json_new_str(where));
	r->certain++;
	return ret ?: json_append(r->formats, f);
}

/* Other things than disk images that a file can be at the same time. */
static int other_formats(struct report *r, const u8 *b, size_t len, struct blk_node *file)
{
	static const struct { u32 off; const char *magic; u8 len; const char *name; } magics[] = {
		{ 0, "\177ELF", 4, "elf" }, { 0, "PK\3\4", 4, "zip" }, { 0, "\x1f\x8b", 2, "gzip" },
		{ 0, "\xfd" "7zXZ", 5, "xz" }, { 0, "BZh", 3, "bzip2" }, { 0, "MZ", 2, "pe" }, { 0, "%PDF", 4, "pdf" },
		{ 0, "#!", 2, "script" }, { 257, "ustar", 5, "tar" }, { 0, "\x28\xb5\x2f\xfd", 4, "zstd" },
	};
	u8 t[8];
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(magics); i++)
		if (len >= magics[i].off + magics[i].len && !memcmp(b + magics[i].off, magics[i].magic, magics[i].len))
			ret = add_format(r, magics[i].name, "at the beginning");
	if (!ret && blk_length(file) > 32774 && !blk_pread(file, 32769, t, 5) && !memcmp(t, "CD001", 5))
		ret = add_format(r, "iso9660", "at byte 32769");
	if (!ret && blk_length(file) >= 1024 && !blk_pread(file, blk_length(file) - 512, t, 8)) {
		if (!memcmp(t, "koly", 4))
			ret = add_format(r, "dmg", "at the end");
		else if (!memcmp(t, "conectix", 8) && memcmp(b, "conectix", 8))
			ret = add_format(r, "vpc", "at the end");
	}
	return ret;
}

static int probe_all(struct report *r, const u8 *b, size_t len, const char **best)
{
	const struct blk_driver *d;
	int ret = 0, top = 1;

	*best = "raw";
	REGISTRY_FOREACH(block, d) {
		int s = d->probe ? d->probe(b, len, "") : 0;

		if (s >= CERTAIN && !ret)
			ret = add_format(r, d->name, "at the beginning");
		if (s > top) {
			top = s;
			*best = d->name;
		}
	}
	return ret;
}

static int add_reference(struct report *r, const char *role, const char *name)
{
	struct json *o = json_new(JSON_OBJECT);
	int ret = o ? json_set(o, "role", json_new_str(role)) : -ENOMEM;

	ret = ret ?: json_set(o, "name", json_new_str(name));
	if (!ret && (blk_is_protocol_name(name) || name[0] == '/' || strstr(name, "..")))
		ret = note(r, "names a file by protocol, absolute path or parent directory");
	return ret ?: json_append(r->references, o);
}

static int look_inside(struct report *r, struct blk_node *n, struct blk_node *file)
{
	s64 stored = blk_disk_size(file);
	u64 size = blk_length(n);
	int ret = json_set(r->j, "virtual-size", json_new_uint(size));

	if (stored >= 0)
		ret = ret ?: json_set(r->j, "actual-size", json_new_uint((u64)stored));
	if (!ret && n->backing_name)
		ret = add_reference(r, "backing", n->backing_name);
	if (!ret && n->encrypted)
		ret = json_set(r->j, "encrypted", json_new_bool(true));
	if (!ret && stored >= 0 && size / 1000 > (u64)stored + 65536 && size > GiB)
		ret = note(r, "more than 1000 times larger than it is on the disk");
	if (!ret && size > 64 * TiB)
		ret = note(r, "virtual size of more than 64 TiB");
	return ret;
}

/* The image is opened with its own driver, and no file besides. */
static int open_it(struct report *r, struct blk_graph *g, const char *name, const char *fmt,
		   struct blk_node *file)
{
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;
	struct err e = ERR_INIT;
	int ret = blk_opts_set(&o, "driver", fmt);

	ret = ret ?: blk_open(g, name, &o, BLK_O_NO_BACKING | BLK_O_NO_IO | BLK_O_FORCE_SHARE, &n, &e);
	blk_opts_free(&o);
	if (!ret) {
		ret = look_inside(r, n, file);
		blk_unref(n);
		return ret;
	}
	if (ret == -ENOMEM && !e.code)
		return ret;
	r->budget = ret == -EFBIG && blk_graph_policy(g)->max_virtual;
	r->invalid = ret != -EPERM;
	ret = json_set(r->j, "error", json_new_str(e.msg));
	if (!r->invalid)
		ret = ret ?: note(r, "needs a file besides itself");
	return ret;
}

static int fill(struct report *r, struct blk_graph *g, const char *name, struct blk_node *file)
{
	u8 *b = calloc(1, HEAD);
	size_t len = (size_t)MIN(blk_length(file), (u64)HEAD);
	const char *best = "raw";
	int ret = b ? blk_pread(file, 0, b, len) : -ENOMEM;

	ret = ret ?: json_set(r->j, "filename", json_new_str(name));
	ret = ret ?: json_set(r->j, "file-size", json_new_uint(blk_length(file)));
	ret = ret ?: probe_all(r, b, HEAD, &best);
	ret = ret ?: other_formats(r, b, len, file);
	ret = ret ?: json_set(r->j, "format", json_new_str(best));
	if (!ret && r->certain > 1)
		ret = note(r, "more than one format at the same time (polyglot)");
	ret = ret ?: open_it(r, g, name, best, file);
	free(b);
	return ret;
}

static const char *verdict(const struct report *r)
{
	return r->invalid ? "invalid" : r->n_anomalies ? "suspicious" : "clean";
}

static int finish(struct report *r)
{
	int ret = json_set(r->j, "polyglot", json_new_bool(r->certain > 1));
	const char *v = verdict(r);

	ret = ret ?: json_set(r->j, "formats", r->formats);
	ret = ret ?: json_set(r->j, "references", r->references);
	ret = ret ?: json_set(r->j, "anomalies", r->anomalies);
	return ret ?: json_set(r->j, "verdict", json_new_str(v));
}

/* Exit codes: 0 clean, 2 suspicious, 3 invalid. */
static int inspect(struct blk_graph *g, const char *name)
{
	struct report r = { .j = json_new(JSON_OBJECT), .formats = json_new(JSON_ARRAY),
			    .references = json_new(JSON_ARRAY), .anomalies = json_new(JSON_ARRAY) };
	struct blk_node *file = NULL;
	struct err e = ERR_INIT;
	int code, ret = r.j && r.formats && r.references && r.anomalies ? 0 : -ENOMEM;

	ret = ret ?: blk_open(g, name, NULL, BLK_O_PROTOCOL | BLK_O_NO_IO | BLK_O_FORCE_SHARE, &file, &e);
	ret = ret ?: fill(&r, g, name, file);
	blk_unref(file);
	code = r.invalid ? 3 : ret ? 1 : r.n_anomalies ? 2 : 0;
	ret = ret ?: finish(&r);
	if (ret) {
		img_error("Could not inspect '%s': %s", name, e.code ? e.msg : strerror(-ret));
		json_free(r.j);
		return 1;
	}
	img_print_json(r.j);
	if (r.budget)
		img_over_budget("%s: virtual size is over --max-size", name);
	return code;
}

static int run(void *args, const struct opt_call *call)
{
	struct inspect_args *a = args;
	struct blk_graph *g;
	int worst = 0;

	if (!a->a.follow)
		a->a.follow = "none";
	g = img_graph(&a->a, call);
	if (!g)
		return 1;
	if (a->files.n == 1 && img_sandbox(g, &a->a, (const char *const []){ a->files.v[0].val, NULL })) {
		blk_graph_free(g);
		return 1;
	}
	for (size_t i = 0; i < a->files.n; i++) {
		int code = inspect(g, a->files.v[i].val);

		worst = MAX(worst, code);
	}
	blk_graph_free(g);
	return worst;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A),
	OPERAND_REST1("FILE", A, files, "what to look at"),
	OPT_END
};

static const struct opt_section sections[] = {
	{ "EXIT STATUS", "0\t-- clean\n1\t-- the file could not be read\n2\t-- suspicious: see \"anomalies\"\n"
	  "3\t-- invalid: it is not what it begins like\n66\t-- a budget was reached" },
	{ NULL, NULL }
};

const struct opt_cmd img_cmd_inspect = {
	.name = "inspect", .summary = "judge a file from elsewhere: format, polyglots, references, anomalies",
	.opts = opts, .sections = sections, .args_size = sizeof(A), .run = run, .usage_status = 1,
};
