// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * key=value text as a tree (qopts.h), by the rules of QEMU's keyval: dots
 * nest, ",," is a comma, a bare first word can be the value of an implied
 * key, objects whose keys count 0, 1, 2 ... are arrays.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "keyval.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"

#define TEXT_MAX	(64 * KiB)
#define DEPTH_MAX	16
#define ELEMENTS_MAX	4096

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* The object under key, made when it is missing. */
static struct json *descend(struct json *obj, const char *key, size_t n, const char *whole, struct err *err)
{
	struct json *child = json_get_n(obj, key, n);

	if (!child) {
		child = json_new(JSON_OBJECT);
		if (json_set_n(obj, key, n, child)) {
			no_memory(err);
			return NULL;
		}
	}
	if (child->type != JSON_OBJECT) {
		err_set(err, EINVAL, "'%s': '%.*s' has a plain value already", whole, (int)(key + n - whole), whole);
		return NULL;
	}
	return child;
}

int keyval_insert(struct json *obj, const char *key, struct json *val, struct err *err)
{
	const char *from = key, *dot;
	unsigned depth = 0;
	struct json *old;

	if (!val)
		return no_memory(err);
	for (; (dot = strchr(from, '.')) && dot != from; from = dot + 1) {
		obj = ++depth > DEPTH_MAX ? NULL : descend(obj, from, (size_t)(dot - from), key, err);
		if (!obj)
			goto fail;
	}
	if (dot || !*from)
		goto fail;
	old = json_get(obj, from);
	if (old && old->type == JSON_OBJECT) {
		err_set(err, EINVAL, "'%s' has keys below it already", key);
		goto fail;
	}
	return json_set(obj, from, val) ? no_memory(err) : 0;
fail:
	json_free(val);
	return err_set(err, EINVAL, "'%s': bad key", key);
}

/* Copies up to a single comma, ",," as one; returns what follows the comma. */
static const char *scan_value(const char *s, struct strbuf *out)
{
	while (*s) {
		size_t n = strcspn(s, ",");

		strbuf_add(out, s, n);
		s += n;
		if (s[0] != ',')
			break;
		if (s[1] != ',')
			return s + 1;
		strbuf_putc(out, ',');
		s += 2;
	}
	return s;
}

/* Splits one item into key and value; returns what follows it. */
static const char *split(const char *s, const char *implied_key, struct strbuf *key, struct strbuf *val,
			 bool *shorthand)
{
	size_t n = strcspn(s, "=,");

	*shorthand = false;
	if (s[n] == '=') {
		strbuf_add(key, s, n);
		return scan_value(s + n + 1, val);
	}
	if (implied_key) {
		strbuf_puts(key, implied_key);
		return scan_value(s, val);
	}
	*shorthand = true;
	strbuf_add(key, s, n);
	strbuf_puts(val, "on");
	return s + n + (s[n] == ',');
}

/* One item; returns what follows, NULL on errors. */
static const char *item(struct json *root, const char *s, const char *implied_key, struct err *err)
{
	struct strbuf key = STRBUF_INIT, val = STRBUF_INIT;
	bool shorthand;
	struct json *j = NULL;

	s = split(s, implied_key, &key, &val, &shorthand);
	if (!strbuf_failed(&key) && !strbuf_failed(&val))
		j = json_new_strn(val.s, val.len);
	if (j)
		j->shorthand = shorthand;
	if (!key.len && j) {
		json_free(j);
		err_set(err, EINVAL, "there is no key before '=' or ','");
	} else {
		keyval_insert(root, key.s, j, err);
	}
	strbuf_free(&key);
	strbuf_free(&val);
	return err_is_set(err) ? NULL : s;
}

/* ---- arrays ---- */

/* The number that a key is, or -1: 0, 1, 10, but not 01. */
static int element_number(const struct json_member *m)
{
	u64 v;

	if (str_to_u64(m->key, 10, &v) || v >= ELEMENTS_MAX || (m->key[0] == '0' && m->key[1]))
		return -1;
	return (int)v;
}

/* An object with n numbered members becomes an array in place. */
static int make_array(struct json *obj, const char *path, struct err *err)
{
	size_t n = obj->obj.n;
	struct json **v = mem_zarray(n, sizeof(*v));

	if (!v)
		return no_memory(err);
	for (size_t i = 0; i < n; i++) {
		size_t pos = (size_t)element_number(&obj->obj.v[i]);

		if (pos >= n) {
			mem_free(v);
			return err_set(err, EINVAL, "'%s%zu': elements before it are missing", path, pos);
		}
		v[pos] = obj->obj.v[i].val;
	}
	for (size_t i = 0; i < n; i++)
		mem_free(obj->obj.v[i].key);
	mem_free(obj->obj.v);
	mem_free(obj->obj.index);
	obj->type = JSON_ARRAY;
	obj->arr.v = v;
	obj->arr.n = obj->arr.cap = n;
	return 0;
}

int keyval_listify(struct json *obj, const char *path, struct err *err)
{
	size_t numbered = 0;

	for (size_t i = 0; i < obj->obj.n; i++) {
		const struct json_member *m = &obj->obj.v[i];
		char below[128];

		numbered += element_number(m) >= 0;
		if (m->val->type != JSON_OBJECT)
			continue;
		snprintf(below, sizeof(below), "%.60s%.60s.", path, m->key);
		if (keyval_listify(m->val, below, err))
			return -err->code;
	}
	if (!numbered || !path[0])	/* the root is never an array */
		return 0;
	if (numbered < obj->obj.n)
		return err_set(err, EINVAL, "'%s' has both numbered elements and named keys", path);
	return make_array(obj, path, err);
}

struct json *keyval_parse(const char *text, const char *implied_key, struct err *err)
{
	struct err local = ERR_INIT;
	struct json *root = json_new(JSON_OBJECT);

	if (!root)
		no_memory(&local);
	if (strlen(text) > TEXT_MAX)
		err_set(&local, E2BIG, "the text is too long");
	while (!err_is_set(&local) && text && *text) {
		text = item(root, text, implied_key, &local);
		implied_key = NULL;
	}
	if (err_is_set(&local) || keyval_listify(root, "", &local)) {
		json_free(root);
		err_set(err, local.code, "%s", local.msg);
		return NULL;
	}
	return root;
}

/* ---- printing ---- */

static void print_value(const struct json *j, struct strbuf *out)
{
	if (j->type != JSON_STRING) {
		json_print(j, JSON_DENSE, out);
		return;
	}
	for (size_t i = 0; i < j->str.len; i++) {
		if (j->str.s[i] == ',')
			strbuf_putc(out, ',');
		strbuf_putc(out, j->str.s[i]);
	}
}

static void print_below(const struct json *j, struct strbuf *path, struct strbuf *out);

static void print_member(const char *key, const struct json *val, struct strbuf *path, struct strbuf *out)
{
	size_t len = path->len;

	if (len)
		strbuf_putc(path, '.');
	strbuf_puts(path, key);
	print_below(val, path, out);
	strbuf_truncate(path, len);
}

static void print_below(const struct json *j, struct strbuf *path, struct strbuf *out)
{
	char number[24];

	if (j->type == JSON_OBJECT) {
		for (size_t i = 0; i < j->obj.n; i++)
			print_member(j->obj.v[i].key, j->obj.v[i].val, path, out);
	} else if (j->type == JSON_ARRAY) {
		for (size_t i = 0; i < j->arr.n; i++) {
			snprintf(number, sizeof(number), "%zu", i);
			print_member(number, j->arr.v[i], path, out);
		}
	} else {
		strbuf_printf(out, "%s%s=", out->len ? "," : "", path->s);
		print_value(j, out);
	}
}

void keyval_print(const struct json *obj, struct strbuf *out)
{
	struct strbuf path = STRBUF_INIT, text = STRBUF_INIT;

	print_below(obj, &path, &text);
	strbuf_puts(out, text.s);
	out->failed = out->failed || strbuf_failed(&text) || strbuf_failed(&path);
	strbuf_free(&path);
	strbuf_free(&text);
}
