/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img info: what an image is, for people and as JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/driver.h"
#include "img.h"
#include "json.h"
#include "str.h"

struct info_args {
	struct img_args a;
	bool chain;
	const char *file;
};
#define A struct info_args

/* ---- for people ---- */

static void print_value(int indent, const struct json *v);

static void print_object(int indent, const struct json *o)
{
	for (size_t i = 0; i < o->obj.n; i++) {
		const struct json *v = o->obj.v[i].val;
		bool deep = v->type == JSON_OBJECT || v->type == JSON_ARRAY;

		printf("%*s", indent * 4, "");
		for (const char *k = o->obj.v[i].key; *k; k++)
			putchar(*k == '-' ? ' ' : *k);
		printf(":%c", deep ? '\n' : ' ');
		print_value(indent + 1, v);
		if (!deep)
			putchar('\n');
	}
}

static void print_array(int indent, const struct json *a)
{
	for (size_t i = 0; i < a->arr.n; i++) {
		bool deep = a->arr.v[i]->type == JSON_OBJECT || a->arr.v[i]->type == JSON_ARRAY;

		printf("%*s[%zu]:%c", indent * 4, "", i, deep ? '\n' : ' ');
		print_value(indent + 1, a->arr.v[i]);
		if (!deep)
			putchar('\n');
	}
}

static void print_value(int indent, const struct json *v)
{
	switch (v->type) {
	case JSON_OBJECT:
		print_object(indent, v);
		break;
	case JSON_ARRAY:
		print_array(indent, v);
		break;
	case JSON_BOOL:
		printf("%s", v->b ? "true" : "false");
		break;
	case JSON_INT:
		printf("%lld", v->i);
		break;
	case JSON_UINT:
		printf("%llu", v->u);
		break;
	case JSON_STRING:
		printf("%s", v->str.s);
		break;
	default:
		break;
	}
}

static const char *text(const struct json *j, const char *key)
{
	return json_to_str(json_get(j, key));
}

static u64 number(const struct json *j, const char *key)
{
	u64 v = 0;

	json_to_u64(json_get(j, key), &v);
	return v;
}

static void print_backing(const struct json *j)
{
	const char *b = text(j, "backing-filename"), *full = text(j, "full-backing-filename");
	const char *fmt = text(j, "backing-filename-format");

	if (!b)
		return;
	printf("backing file: %s", b);
	if (full && strcmp(full, b))
		printf(" (actual path: %s)", full);
	else if (!full && strncmp(b, "json:", 5))
		printf(" (cannot determine actual path)");
	putchar('\n');
	if (fmt)
		printf("backing file format: %s\n", fmt);
}

static void print_snapshots(const struct json *arr)
{
	printf("Snapshot list:\n%-7s %-16s %8s %19s %15s %10s\n", "ID", "TAG", "VM_SIZE", "DATE",
	       "VM_CLOCK", "ICOUNT");
	for (size_t i = 0; arr && i < arr->arr.n; i++) {
		const struct json *s = arr->arr.v[i];
		time_t t = (time_t)number(s, "date-sec");
		u64 sec = number(s, "vm-clock-sec"), ns = number(s, "vm-clock-nsec");
		char sz[STR_SIZE_MAX], date[32], clock[48], icount[24] = "--";
		struct tm tm;

		localtime_r(&t, &tm);
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
		snprintf(clock, sizeof(clock), "%04llu:%02llu:%02llu.%03llu", sec / 3600, sec / 60 % 60,
			 sec % 60, ns / 1000000);
		if (json_get(s, "icount"))
			snprintf(icount, sizeof(icount), "%llu", number(s, "icount"));
		printf("%-7s %-16s %8s %19s %15s %10s\n", text(s, "id"), text(s, "name"),
		       str_size(sz, number(s, "vm-state-size")), date, clock, icount);
	}
}

static void print_human(const struct json *j, int indent, const char *path, bool protocol)
{
	char s1[STR_SIZE_MAX], s2[STR_SIZE_MAX] = "unavailable";
	const struct json *spec = json_get(j, "format-specific"), *data = json_get(spec, "data");
	const struct json *kids = json_get(j, "children");

	if (json_get(j, "actual-size"))
		str_size(s2, number(j, "actual-size"));
	printf("%*s%s: %s\n", indent, "", protocol ? "filename" : "image", text(j, "filename"));
	printf("%*s%s: %s\n", indent, "", protocol ? "protocol type" : "file format", text(j, "format"));
	printf("%*s%s: %s (%llu bytes)\n", indent, "", protocol ? "file length" : "virtual size",
	       str_size(s1, number(j, "virtual-size")), number(j, "virtual-size"));
	printf("%*sdisk size: %s\n", indent, "", s2);
	if (json_get(j, "encrypted"))
		printf("%*sencrypted: yes\n", indent, "");
	if (json_get(j, "cluster-size"))
		printf("%*scluster_size: %llu\n", indent, "", number(j, "cluster-size"));
	print_backing(j);
	if (json_get(j, "snapshots"))
		print_snapshots(json_get(j, "snapshots"));
	if (data && data->obj.n) {
		printf("%*sFormat specific information:\n", indent, "");
		print_object(indent / 4 + 1, data);
	}
	for (size_t i = 0; kids && i < kids->arr.n; i++) {
		const struct json *c = kids->arr.v[i], *info = json_get(c, "info");
		const struct blk_driver *d = blk_driver_find(text(info, "format"));
		char sub[256];

		snprintf(sub, sizeof(sub), "%s/%s", path, text(c, "name"));
		printf("Child node '%s':\n", sub);
		print_human(info, 4, sub, d && d->flags & BLK_DRV_PROTOCOL);
	}
}

/* ---- running ---- */

static bool seen(const struct json *list, const char *name)
{
	for (size_t i = 0; i < list->arr.n; i++) {
		const char *f = text(list->arr.v[i], "filename");

		if (f && !strcmp(f, name))
			return true;
	}
	return false;
}

/* The chain is walked by names, image after image, so that a missing one is told in its place. */
static int collect(struct blk_graph *g, const struct info_args *ia, struct json *list)
{
	const char *fmt = ia->a.fmt;
	char *name = strdup(ia->file), *f = NULL;
	bool first = true;
	int ret = 0;

	while (name && !ret) {
		struct img_args a = ia->a;
		struct blk_node *node;
		struct json *j;

		a.image_opts = first && a.image_opts;
		if (seen(list, name)) {
			img_error("Backing file '%s' creates an infinite loop.", name);
			ret = -ELOOP;
			break;
		}
		node = img_open(g, &a, name, fmt, BLK_O_NO_BACKING | BLK_O_NO_IO);
		free(name);
		name = NULL;
		if (!node)
			return -EIO;
		j = blk_describe(node, true);
		ret = j ? json_append(list, j) : -ENOMEM;
		free(f);
		f = NULL;
		fmt = NULL;
		if (!ret && ia->chain && node->backing_name) {
			struct err e = ERR_INIT;

			if (!strncmp(node->backing_name, "json:", 5))
				name = strdup(node->backing_name);
			else
				ret = blk_combine_path(node->file->filename, node->backing_name, &name);
			fmt = f = node->backing_fmt ? strdup(node->backing_fmt) : NULL;
			if (!ret && blk_graph_policy(g)->follow != BLK_FOLLOW_ALL)
				ret = blk_open_reference(node, "backing", name, NULL,
							 BLK_O_NO_BACKING | BLK_O_NO_IO, &e);
			if (ret && e.code)
				img_error_err(&e);

		}
		first = false;
		blk_unref(node);
	}
	free(f);
	free(name);
	return ret;
}

int img_info_run(void *args, const struct opt_call *call)
{
	struct info_args *ia = args;
	int as_json = img_output_json(&ia->a), ret;
	struct json *list = json_new(JSON_ARRAY);
	struct blk_graph *g;

	if (as_json < 0 || !list)
		return 1;
	if (!ia->file) {
		img_error("Expecting one image file name");
		return 1;
	}
	g = img_graph(&ia->a, call);
	if (!g)
		return 1;
	if (img_sandbox(g, &ia->a, (const char *const []){ ia->file, NULL })) {
		blk_graph_free(g);
		return 1;
	}
	ret = collect(g, ia, list);
	blk_graph_free(g);
	if (ret) {
		json_free(list);
		return 1;
	}
	if (as_json && !ia->chain) {
		struct json *one = json_clone(list->arr.v[0]);

		json_free(list);
		return img_print_json(one);
	}
	if (as_json)
		return img_print_json(list);
	for (size_t i = 0; i < list->arr.n; i++) {
		if (i)
			putchar('\n');
		print_human(list->arr.v[i], 0, "", false);
	}
	json_free(list);
	return 0;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_OUTPUT(A),
	OPT_FLAG(0, "backing-chain", A, chain, "also all images below, down to the last backing file"),
	OPERAND_OPT("FILE", A, file, "the image"),
	OPT_END
};

const struct opt_cmd img_cmd_info = {
	.name = "info", .summary = "tell what an image is", .opts = opts, .args_size = sizeof(A),
	.run = img_info_run, .usage_status = 1,
};
