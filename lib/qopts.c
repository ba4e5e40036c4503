// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Typed, checked reads of option trees (qopts.h). A node's `used` mark says
 * that somebody asked for it; what has none at the end is an unknown key.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "keyval.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"

/* ---- making views ---- */

static struct qopts *view(const char *what, const char *path, struct json *obj)
{
	struct qopts *q = mem_zalloc(sizeof(*q));

	if (!q)
		return NULL;
	q->obj = obj;
	strbuf_init(&q->asked);
	snprintf(q->what, sizeof(q->what), "%s", what);
	snprintf(q->path, sizeof(q->path), "%s", path);
	return q;
}

static bool has_dotted_key(const struct json *obj)
{
	for (size_t i = 0; i < obj->obj.n; i++)
		if (strchr(obj->obj.v[i].key, '.'))
			return true;
	return false;
}

/* "file.driver" as a key of a JSON object means the same as in key=value text. */
static int undot(struct json *obj, struct err *err)
{
	for (size_t i = 0; i < obj->obj.n; i++)
		if (obj->obj.v[i].val->type == JSON_OBJECT && undot(obj->obj.v[i].val, err))
			return -err->code;
	while (has_dotted_key(obj)) {
		size_t i = 0;
		struct json *val;
		char *key;

		while (!strchr(obj->obj.v[i].key, '.'))
			i++;
		key = str_dup(obj->obj.v[i].key);
		if (!key)
			return err_set(err, ENOMEM, "out of memory");
		val = json_take(obj, key);
		keyval_insert(obj, key, val, err);
		mem_free(key);
		if (err_is_set(err))
			return -err->code;
	}
	return 0;
}

struct qopts *qopts_from_json(const char *what, struct json *obj, struct err *err)
{
	struct err local = ERR_INIT;
	struct qopts *q = NULL;

	if (!obj || obj->type != JSON_OBJECT)
		err_set(&local, EINVAL, "expected a JSON object");
	else if (!undot(obj, &local))
		q = view(what, "", obj);
	if (q) {
		q->root = true;
		return q;
	}
	json_free(obj);
	err_set(&local, ENOMEM, "out of memory");
	err_set(err, local.code, "%s: %s", what, local.msg);
	return NULL;
}

struct qopts *qopts_parse(const char *what, const char *text, const char *implied_key, struct err *err)
{
	struct json_limits lim = { .flags = JSON_SINGLE_QUOTES };
	struct err local = ERR_INIT;
	struct json *obj;

	if (text[0] == '{' || str_starts(text, "json:", &text))
		obj = json_parse(text, strlen(text), &lim, &local);
	else
		obj = keyval_parse(text, implied_key, &local);
	if (obj)
		return qopts_from_json(what, obj, err);
	err_set(err, local.code, "%s: %s", what, local.msg);
	return NULL;
}

void qopts_free(struct qopts *q)
{
	if (!q)
		return;
	while (q->subs) {
		struct qopts *sub = q->subs;

		q->subs = sub->next;
		qopts_free(sub);
	}
	if (q->root)
		json_free(q->obj);
	strbuf_free(&q->asked);
	mem_free(q);
}

/* ---- finding ---- */

static struct json *step(struct json *j, const char *key, size_t n)
{
	u64 i = 0;

	if (j->type == JSON_OBJECT)
		return json_get_n(j, key, n);
	if (j->type != JSON_ARRAY || !n || n > 6)
		return NULL;
	for (size_t k = 0; k < n; k++) {
		if (key[k] < '0' || key[k] > '9')
			return NULL;
		i = i * 10 + (u64)(key[k] - '0');
	}
	return i < j->arr.n ? j->arr.v[i] : NULL;
}

/* The node at a dotted key; marks all on the way when mark is set. */
static struct json *find(struct qopts *q, const char *key, bool mark)
{
	struct json *j = q->obj;

	while (j) {
		size_t n = strcspn(key, ".");

		j = step(j, key, n);
		if (j && mark)
			j->used = true;
		if (!key[n])
			break;
		key += n + 1;
	}
	return j;
}

/* As find(), noting the name for suggestions. */
static struct json *ask(struct qopts *q, const char *key)
{
	strbuf_add(&q->asked, key, strlen(key) + 1);
	return find(q, key, true);
}

bool qopts_has(struct qopts *q, const char *key)
{
	return find(q, key, false) != NULL;
}

/* ---- reading ---- */

static int mismatch(struct qopts *q, const char *key, const struct json *j, const char *want, struct err *err)
{
	if (j->type == JSON_STRING)
		return err_set(err, EINVAL, "%s: '%s%s=%s': expected %s", q->what, q->path, key, j->str.s, want);
	return err_set(err, EINVAL, "%s: '%s%s': expected %s, not %s %s", q->what, q->path, key, want,
		       strchr("aio", json_type_name(j->type)[0]) ? "an" : "a", json_type_name(j->type));
}

int qopts_str(struct qopts *q, const char *key, const char **val, struct err *err)
{
	const struct json *j = ask(q, key);
	const char *s = json_to_str(j);

	if (err_is_set(err))
		return -err->code;
	if (!j)
		return 0;
	if (!s)
		return mismatch(q, key, j, "text", err);
	*val = s;
	return 1;
}

/* "nodiscard" for key "discard": the bare word with "no" in front of the last part. */
static struct json *find_negated(struct qopts *q, const char *key)
{
	const char *last = strrchr(key, '.');
	char name[128];
	struct json *j;

	last = last ? last + 1 : key;
	if (snprintf(name, sizeof(name), "%.*sno%s", (int)(last - key), key, last) >= (int)sizeof(name))
		return NULL;
	j = find(q, name, false);
	return j && j->shorthand ? find(q, name, true) : NULL;
}

int qopts_bool(struct qopts *q, const char *key, bool *val, struct err *err)
{
	const struct json *j = ask(q, key), *no = j ? NULL : find_negated(q, key);
	const char *s = json_to_str(j);

	if (err_is_set(err))
		return -err->code;
	if (!j && !no)
		return 0;
	if (no)
		*val = false;
	else if (!json_to_bool(j, val) && (!s || str_to_bool(s, val)))
		return mismatch(q, key, j, "on or off", err);
	return 1;
}

int qopts_u64(struct qopts *q, const char *key, u64 min, u64 max, u64 *val, struct err *err)
{
	const struct json *j = ask(q, key);
	const char *s = json_to_str(j);
	u64 v = 0;
	int ret;

	if (err_is_set(err))
		return -err->code;
	if (!j)
		return 0;
	ret = s ? str_to_u64(s, 0, &v) : json_to_u64(j, &v) ? 0 : -EINVAL;
	if (ret == -EINVAL)
		return mismatch(q, key, j, "a number", err);
	if (ret || v < min || v > max)
		return err_set(err, ERANGE, "%s: '%s%s' must be in %llu..%llu", q->what, q->path, key, min, max);
	*val = v;
	return 1;
}

int qopts_s64(struct qopts *q, const char *key, s64 min, s64 max, s64 *val, struct err *err)
{
	const struct json *j = ask(q, key);
	const char *s = json_to_str(j);
	s64 v = 0;
	int ret;

	if (err_is_set(err))
		return -err->code;
	if (!j)
		return 0;
	ret = s ? str_to_s64(s, 0, &v) : json_to_s64(j, &v) ? 0 : -EINVAL;
	if (ret == -EINVAL)
		return mismatch(q, key, j, "a number", err);
	if (ret || v < min || v > max)
		return err_set(err, ERANGE, "%s: '%s%s' must be in %lld..%lld", q->what, q->path, key, min, max);
	*val = v;
	return 1;
}

int qopts_u32(struct qopts *q, const char *key, u32 min, u32 max, u32 *val, struct err *err)
{
	u64 v;
	int ret = qopts_u64(q, key, min, max, &v, err);

	if (ret > 0)
		*val = (u32)v;
	return ret;
}

int qopts_size_in(struct qopts *q, const char *key, char default_suffix, u64 *val, struct err *err)
{
	const struct json *j = ask(q, key);
	const char *s = json_to_str(j);
	u64 v = 0;
	int ret;

	if (err_is_set(err))
		return -err->code;
	if (!j)
		return 0;
	ret = s ? str_to_size(s, default_suffix, &v) : json_to_u64(j, &v) ? 0 : -EINVAL;
	if (ret == -ERANGE)
		return err_set(err, ERANGE, "%s: '%s%s=%s' is too large", q->what, q->path, key, s);
	if (ret)
		return mismatch(q, key, j, "a size such as 512, 64k or 1.5G", err);
	*val = v;
	return 1;
}

int qopts_size(struct qopts *q, const char *key, u64 *val, struct err *err)
{
	return qopts_size_in(q, key, 'b', val, err);
}

int qopts_enum(struct qopts *q, const char *key, const char *const *names, int *val, struct err *err)
{
	const struct json *j = ask(q, key);
	const char *s = json_to_str(j);
	char want[256] = "one of ";
	size_t n = strlen(want);
	int i;

	if (err_is_set(err))
		return -err->code;
	if (!j)
		return 0;
	i = s ? str_to_index(s, names) : -ENOENT;
	if (i >= 0) {
		*val = i;
		return 1;
	}
	for (i = 0; names[i] && n < sizeof(want); i++)
		n += (size_t)snprintf(want + n, sizeof(want) - n, "%s%s", i ? ", " : "", names[i]);
	return mismatch(q, key, j, want, err);
}

int qopts_sub(struct qopts *q, const char *key, struct qopts **sub, struct err *err)
{
	struct json *j = ask(q, key);
	char path[sizeof(q->path)];
	struct qopts *v;

	if (err_is_set(err))
		return -err->code;
	if (!j)
		return 0;
	if (j->type != JSON_OBJECT)
		return mismatch(q, key, j, "an object (keys below it)", err);
	if (snprintf(path, sizeof(path), "%s%s.", q->path, key) >= (int)sizeof(path))
		return err_set(err, EINVAL, "%s: '%s' is nested too deeply", q->what, key);
	v = view(q->what, path, j);
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	v->next = q->subs;
	q->subs = v;
	*sub = v;
	return 1;
}

size_t qopts_count(struct qopts *q, const char *key)
{
	const struct json *j = ask(q, key);

	return j && j->type == JSON_ARRAY ? j->arr.n : 0;
}

static void mark_all(struct json *j)
{
	j->used = true;
	if (j->type == JSON_ARRAY)
		for (size_t i = 0; i < j->arr.n; i++)
			mark_all(j->arr.v[i]);
	if (j->type == JSON_OBJECT)
		for (size_t i = 0; i < j->obj.n; i++)
			mark_all(j->obj.v[i].val);
}

const struct json *qopts_json(struct qopts *q, const char *key)
{
	struct json *j = ask(q, key);

	if (j)
		mark_all(j);
	return j;
}

int qopts_id(struct qopts *q, const char *key, const char **val, struct err *err)
{
	const char *s = NULL;
	int ret = qopts_str(q, key, &s, err);

	if (ret <= 0)
		return ret;
	if (!str_is_id(s))
		return err_set(err, EINVAL, "Parameter '%s' expects an identifier", key);
	*val = s;
	return ret;
}

int qopts_require(struct qopts *q, const char *key, struct err *err)
{
	if (err_is_set(err))
		return -err->code;
	if (ask(q, key))
		return 0;
	return err_set(err, EINVAL, "%s: '%s%s' is required", q->what, q->path, key);
}

/* ---- the unused ---- */

static int unknown(struct qopts *q, const char *key, struct err *err)
{
	struct str_nearest near = STR_NEAREST_INIT(key);

	for (size_t at = 0; at < q->asked.len; at += strlen(q->asked.s + at) + 1)
		str_nearest_offer(&near, q->asked.s + at);
	if (str_nearest(&near))
		return err_set(err, EINVAL, "%s: unknown key '%s%s', did you mean '%s%s'?", q->what, q->path, key,
			       q->path, str_nearest(&near));
	return err_set(err, EINVAL, "%s: unknown key '%s%s'", q->what, q->path, key);
}

static struct qopts *view_of(struct qopts *q, const struct json *obj)
{
	struct qopts *sub = q->subs;

	while (sub && sub->obj != obj)
		sub = sub->next;
	return sub;
}

static int check(struct qopts *q, const struct json *j, const char *path, struct err *err);

/* One value below path; an object that has a view of its own is checked through that. */
static int check_child(struct qopts *q, const struct json *val, const char *path, struct err *err)
{
	struct qopts *sub;

	if (!val->used)
		return unknown(q, path, err);
	sub = view_of(q, val);
	return sub ? qopts_done(sub, err) : check(q, val, path, err);
}

static int check(struct qopts *q, const struct json *j, const char *path, struct err *err)
{
	const char *dot = path[0] ? "." : "";
	char below[160];
	int ret = 0;

	if (j->type == JSON_OBJECT) {
		for (size_t i = 0; i < j->obj.n && !ret; i++) {
			snprintf(below, sizeof(below), "%.80s%s%.70s", path, dot, j->obj.v[i].key);
			ret = check_child(q, j->obj.v[i].val, below, err);
		}
	} else if (j->type == JSON_ARRAY) {
		for (size_t i = 0; i < j->arr.n && !ret; i++) {
			snprintf(below, sizeof(below), "%.80s%s%zu", path, dot, i);
			ret = check_child(q, j->arr.v[i], below, err);
		}
	}
	return ret;
}

int qopts_done(struct qopts *q, struct err *err)
{
	if (err_is_set(err))
		return -err->code;
	return check(q, q->obj, "", err);
}
