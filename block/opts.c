/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flat option dictionary (block/opts.h). Dictionaries are small (tens of
 * keys), so look-ups are linear.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/opts.h"
#include "err_hint.h"
#include "json.h"
#include "str.h"

static int find(const struct blk_opts *o, const char *key)
{
	for (int i = 0; i < o->n; i++)
		if (!strcmp(o->v[i].key, key))
			return i;
	return -1;
}

static void drop(struct blk_opts *o, int i)
{
	free(o->v[i].key);
	memmove(&o->v[i], &o->v[i + 1], (size_t)(o->n - i - 1) * sizeof(*o->v));
	o->n--;
}

void blk_opts_free(struct blk_opts *o)
{
	for (int i = 0; i < o->n; i++) {
		free(o->v[i].key);
		free(o->v[i].val);
	}
	free(o->v);
	*o = (struct blk_opts){ 0 };
}

int blk_opts_set(struct blk_opts *o, const char *key, const char *val)
{
	int i = find(o, key);
	char *k, *v = strdup(val);

	if (!v)
		return -ENOMEM;
	if (i >= 0) {
		free(o->v[i].val);
		o->v[i].val = v;
		return 0;
	}
	k = strdup(key);
	if (!k)
		goto fail;
	if (o->n == o->cap) {
		int cap = o->cap ? o->cap * 2 : 8;
		struct blk_opt *nv = realloc(o->v, (size_t)cap * sizeof(*nv));

		if (!nv)
			goto fail;
		o->v = nv;
		o->cap = cap;
	}
	o->v[o->n++] = (struct blk_opt){ k, v };
	return 0;
fail:
	free(k);
	free(v);
	return -ENOMEM;
}

int blk_opts_set_u64(struct blk_opts *o, const char *key, u64 val)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%llu", val);
	return blk_opts_set(o, key, buf);
}

const char *blk_opts_get(const struct blk_opts *o, const char *key)
{
	int i = o ? find(o, key) : -1;

	return i < 0 ? NULL : o->v[i].val;
}

char *blk_opts_take(struct blk_opts *o, const char *key)
{
	int i = find(o, key);
	char *v;

	if (i < 0)
		return NULL;
	v = o->v[i].val;
	drop(o, i);
	return v;
}

void blk_opts_del(struct blk_opts *o, const char *key)
{
	free(blk_opts_take(o, key));
}

static const char *behind_prefix(const char *key, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(key, prefix, n) && key[n] == '.' ? key + n + 1 : NULL;
}

bool blk_opts_has_sub(const struct blk_opts *o, const char *prefix)
{
	for (int i = 0; i < o->n; i++)
		if (behind_prefix(o->v[i].key, prefix))
			return true;
	return false;
}

int blk_opts_take_sub(struct blk_opts *o, const char *prefix, struct blk_opts *sub)
{
	int i = 0;

	while (i < o->n) {
		const char *rest = behind_prefix(o->v[i].key, prefix);
		int ret;

		if (!rest) {
			i++;
			continue;
		}
		ret = blk_opts_set(sub, rest, o->v[i].val);
		if (ret)
			return ret;
		free(o->v[i].val);
		drop(o, i);
	}
	return 0;
}

int blk_opts_merge(struct blk_opts *to, const struct blk_opts *from)
{
	for (int i = 0; from && i < from->n; i++) {
		int ret;

		if (find(to, from->v[i].key) >= 0)
			continue;
		ret = blk_opts_set(to, from->v[i].key, from->v[i].val);
		if (ret)
			return ret;
	}
	return 0;
}

int blk_opts_take_bool(struct blk_opts *o, const char *key, bool *out, struct err *e)
{
	char *v = blk_opts_take(o, key);
	int ret = 0;

	if (!v)
		return 0;
	if (!strcmp(v, "on") || !strcmp(v, "yes") || !strcmp(v, "true") || !strcmp(v, "y"))
		*out = true;
	else if (!strcmp(v, "off") || !strcmp(v, "no") || !strcmp(v, "false") || !strcmp(v, "n"))
		*out = false;
	else
		ret = err_set(e, EINVAL, "Parameter '%s' expects 'on' or 'off'", key);
	free(v);
	return ret;
}

int blk_opts_take_u64(struct blk_opts *o, const char *key, u64 *out, struct err *e)
{
	char *v = blk_opts_take(o, key);
	int ret;

	if (!v)
		return 0;
	ret = str_to_u64(v, 0, out);
	if (ret && v[0] == '-' && !str_to_u64(v + 1, 0, out)) {
		*out = 0 - *out;	/* as strtoull has it: a huge number, which the range check refuses */
		ret = 0;
	}
	if (ret == -ERANGE)
		err_set(e, EINVAL, "Value '%s' is too large for parameter '%s'", v, key);
	else if (ret)
		err_set(e, EINVAL, "Parameter '%s' expects a number", key);
	free(v);
	return ret ? -EINVAL : 0;
}

static void size_error(struct err *e, const char *key)
{
	err_set(e, EINVAL, "Parameter '%s' expects a non-negative number below 2^64", key);
	err_hint(e, "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-");
	err_hint(e, "and exabytes, respectively.");
}

int blk_opts_take_size(struct blk_opts *o, const char *key, u64 *out, struct err *e)
{
	char *v = blk_opts_take(o, key);
	int ret;

	if (!v)
		return 0;
	ret = blk_parse_size(v, out);
	if (ret == -ERANGE)
		err_set(e, EINVAL, "Value '%s' is out of range for parameter '%s'", v, key);
	else if (ret)
		size_error(e, key);
	free(v);
	return ret ? -EINVAL : 0;
}

int blk_opts_take_enum(struct blk_opts *o, const char *key, const char *const *names,
		       int *out, struct err *e)
{
	char *v = blk_opts_take(o, key);
	int i;

	if (!v)
		return 0;
	for (i = 0; names[i] && strcmp(names[i], v); i++)
		;
	if (!names[i]) {
		err_set(e, EINVAL, "Parameter '%s' does not accept value '%s'", key, v);
		free(v);
		return -EINVAL;
	}
	*out = i;
	free(v);
	return 0;
}

/* Copies up to an unescaped comma; *p ends behind it. */
static char *take_part(const char **p)
{
	char *s = malloc(strlen(*p) + 1);
	size_t n = 0;
	const char *q = *p;

	if (!s)
		return NULL;
	while (*q) {
		if (*q == ',') {
			if (q[1] != ',')
				break;
			q++;
		}
		s[n++] = *q++;
	}
	s[n] = '\0';
	*p = *q == ',' ? q + 1 : q;
	return s;
}

static int set_part(struct blk_opts *o, char *part, const char *implied, struct err *e)
{
	char *eq = strchr(part, '=');

	if (eq && eq != part) {
		*eq = '\0';
		return blk_opts_set(o, part, eq + 1);
	}
	if (implied && !eq)
		return blk_opts_set(o, implied, part);
	if (eq)
		return err_set(e, EINVAL, "Expected parameter before '%s'", part);
	if (!strncmp(part, "no", 2) && part[2])
		return blk_opts_set(o, part + 2, "off");
	return blk_opts_set(o, part, "on");
}

int blk_opts_parse(struct blk_opts *o, const char *text, const char *implied, struct err *e)
{
	const char *p = text;

	while (*p) {
		char *part = take_part(&p);
		int ret;

		if (!part)
			return -ENOMEM;
		ret = set_part(o, part, implied, e);
		free(part);
		if (ret)
			return ret;
		implied = NULL;
	}
	return 0;
}

static int flatten(struct blk_opts *o, const char *key, const struct json *j, struct err *e);

static int flatten_child(struct blk_opts *o, const char *key, const char *name,
			 const struct json *j, struct err *e)
{
	size_t n = strlen(key) + strlen(name) + 2;
	char *k = malloc(n);
	int ret;

	if (!k)
		return -ENOMEM;
	snprintf(k, n, "%s%s%s", key, *key ? "." : "", name);
	ret = flatten(o, k, j, e);
	free(k);
	return ret;
}

static int flatten(struct blk_opts *o, const char *key, const struct json *j, struct err *e)
{
	char num[40];
	int ret = 0;

	switch (j->type) {
	case JSON_OBJECT:
		for (size_t i = 0; !ret && i < j->obj.n; i++)
			ret = flatten_child(o, key, j->obj.v[i].key, j->obj.v[i].val, e);
		return ret;
	case JSON_ARRAY:
		for (size_t i = 0; !ret && i < j->arr.n; i++) {
			snprintf(num, sizeof(num), "%zu", i);
			ret = flatten_child(o, key, num, j->arr.v[i], e);
		}
		return ret;
	case JSON_STRING:
		return blk_opts_set(o, key, j->str.s);
	case JSON_BOOL:
		return blk_opts_set(o, key, j->b ? "on" : "off");
	case JSON_INT:
		snprintf(num, sizeof(num), "%lld", j->i);
		return blk_opts_set(o, key, num);
	case JSON_UINT:
		return blk_opts_set_u64(o, key, j->u);
	case JSON_NULL:
		return blk_opts_set(o, key, "");
	default:
		return err_set(e, EINVAL, "Option '%s' cannot be a fraction", key);
	}
}

int blk_opts_parse_json(struct blk_opts *o, const char *text, struct err *e)
{
	struct json_limits lim = { .max_depth = 32, .max_bytes = MiB,
				   .flags = JSON_SINGLE_QUOTES };
	struct json *j = json_parse(text, strlen(text), &lim, e);
	int ret;

	if (!j) {
		err_prefix(e, "Could not parse the JSON options");
		return -EINVAL;
	}
	if (j->type != JSON_OBJECT)
		ret = err_set(e, EINVAL, "Invalid JSON object given");
	else
		ret = flatten(o, "", j, e);
	json_free(j);
	return ret;
}

int blk_parse_size(const char *s, u64 *out)
{
	int ret = str_to_size(s, 'b', out);

	/* A negative number is one that is out of range; with a suffix it is none. */
	if (ret && s[0] == '-' && !str_to_u64(s + 1, 10, out))
		ret = -ERANGE;
	return ret;
}
