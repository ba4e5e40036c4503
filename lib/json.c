// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The JSON tree (json.h). Objects keep their members in source order; from
 * nine members on a hash index finds them, made when first needed and dropped
 * when the array moves. Its size is twice the array's capacity, entries are
 * positions plus one.
 */
#include <errno.h>
#include <string.h>
#include "json_priv.h"
#include "mem.h"
#include "str.h"

#define INDEX_FROM 9

struct json *json_new(enum json_type type)
{
	struct json *j = mem_zalloc(sizeof(*j));

	if (!j)
		return NULL;
	j->type = (u8)type;
	if (type == JSON_STRING) {
		j->str.s = mem_zalloc(1);
		if (!j->str.s) {
			mem_free(j);
			return NULL;
		}
	}
	return j;
}

struct json *json_new_bool(bool b)
{
	struct json *j = json_new(JSON_BOOL);

	if (j)
		j->b = b;
	return j;
}

struct json *json_new_int(s64 i)
{
	struct json *j = json_new(JSON_INT);

	if (j)
		j->i = i;
	return j;
}

struct json *json_new_uint(u64 u)
{
	struct json *j = json_new(u <= INT64_MAX ? JSON_INT : JSON_UINT);

	if (j)
		j->u = u;	/* the same bits when it is a JSON_INT */
	return j;
}

struct json *json_new_double(double d)
{
	struct json *j = json_new(JSON_DOUBLE);

	if (j)
		j->d = d;
	return j;
}

/* A copy that is NUL-terminated; s may hold NULs itself. */
static char *copy_text(const char *s, size_t len)
{
	char *copy = mem_alloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

struct json *json_new_strn(const char *s, size_t len)
{
	struct json *j = mem_zalloc(sizeof(*j));
	char *copy = j ? copy_text(s, len) : NULL;

	if (!copy) {
		mem_free(j);
		return NULL;
	}
	j->type = JSON_STRING;
	j->str.s = copy;
	j->str.len = len;
	return j;
}

struct json *json_new_str(const char *s)
{
	return json_new_strn(s, strlen(s));
}

void json_free(struct json *j)
{
	if (!j)
		return;
	switch (j->type) {
	case JSON_STRING:
		mem_free(j->str.s);
		break;
	case JSON_ARRAY:
		for (size_t i = 0; i < j->arr.n; i++)
			json_free(j->arr.v[i]);
		mem_free(j->arr.v);
		break;
	case JSON_OBJECT:
		for (size_t i = 0; i < j->obj.n; i++) {
			mem_free(j->obj.v[i].key);
			json_free(j->obj.v[i].val);
		}
		mem_free(j->obj.v);
		mem_free(j->obj.index);
		break;
	}
	mem_free(j);
}

/* ---- members ---- */

/* The seed is the object's address: nobody outside can aim collisions at it. */
static u64 hash_key(const struct json *obj, const char *key, size_t len)
{
	u64 h = (u64)(uintptr_t)obj * 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (u8)key[i]) * 0xff51afd7ed558ccdULL;
	return h ^ h >> 32;
}

static void index_add(struct json *obj, size_t pos)
{
	const struct json_member *m = &obj->obj.v[pos];
	size_t mask = obj->obj.cap * 2 - 1, i = hash_key(obj, m->key, m->key_len) & mask;

	while (obj->obj.index[i])
		i = (i + 1) & mask;
	obj->obj.index[i] = (u32)pos + 1;
}

/* Without memory there is no index and finding is merely slow. */
static bool have_index(struct json *obj)
{
	if (obj->obj.index || obj->obj.n < INDEX_FROM)
		return obj->obj.index;
	obj->obj.index = mem_zarray(obj->obj.cap * 2, sizeof(*obj->obj.index));
	for (size_t i = 0; obj->obj.index && i < obj->obj.n; i++)
		index_add(obj, i);
	return obj->obj.index;
}

static void drop_index(struct json *obj)
{
	mem_free(obj->obj.index);
	obj->obj.index = NULL;
}

static bool is_key(const struct json_member *m, const char *key, size_t len)
{
	return m->key_len == len && !memcmp(m->key, key, len);
}

static struct json_member *find_indexed(const struct json *obj, const char *key, size_t len)
{
	size_t mask = obj->obj.cap * 2 - 1;

	for (size_t i = hash_key(obj, key, len) & mask; obj->obj.index[i]; i = (i + 1) & mask) {
		struct json_member *m = &obj->obj.v[obj->obj.index[i] - 1];

		if (is_key(m, key, len))
			return m;
	}
	return NULL;
}

static struct json_member *find(const struct json *obj, const char *key, size_t len)
{
	if (!obj || obj->type != JSON_OBJECT)
		return NULL;
	/* The index is a cache: an object that is only read may grow it. */
	if (have_index((struct json *)(uintptr_t)obj))
		return find_indexed(obj, key, len);
	for (size_t i = 0; i < obj->obj.n; i++)
		if (is_key(&obj->obj.v[i], key, len))
			return &obj->obj.v[i];
	return NULL;
}

struct json *json_get_n(const struct json *obj, const char *key, size_t key_len)
{
	struct json_member *m = find(obj, key, key_len);

	return m ? m->val : NULL;
}

struct json *json_get(const struct json *obj, const char *key)
{
	return json_get_n(obj, key, strlen(key));
}

int json_add_owned(struct json *obj, char *key, size_t key_len, struct json *val)
{
	size_t cap = obj->obj.cap;

	if (obj->obj.n >= UINT32_MAX / 4 || mem_grow(&obj->obj.v, &obj->obj.cap, obj->obj.n + 1, sizeof(*obj->obj.v))) {
		mem_free(key);
		json_free(val);
		return -ENOMEM;
	}
	if (cap != obj->obj.cap)
		drop_index(obj);
	obj->obj.v[obj->obj.n] = (struct json_member){ key, key_len, val };
	if (obj->obj.index)
		index_add(obj, obj->obj.n);
	obj->obj.n++;
	return 0;
}

int json_set_n(struct json *obj, const char *key, size_t key_len, struct json *val)
{
	struct json_member *m;
	char *copy;

	if (!val)
		return -ENOMEM;
	m = find(obj, key, key_len);
	if (m) {
		json_free(m->val);
		m->val = val;
		return 0;
	}
	if (!obj || obj->type != JSON_OBJECT) {
		json_free(val);
		return -EINVAL;
	}
	copy = copy_text(key, key_len);
	if (copy)
		return json_add_owned(obj, copy, key_len, val);
	json_free(val);
	return -ENOMEM;
}

int json_set(struct json *obj, const char *key, struct json *val)
{
	return json_set_n(obj, key, strlen(key), val);
}

struct json *json_take(struct json *obj, const char *key)
{
	struct json_member *m = find(obj, key, strlen(key));
	struct json *val;

	if (!m)
		return NULL;
	val = m->val;
	mem_free(m->key);
	memmove(m, m + 1, (size_t)(obj->obj.v + obj->obj.n - (m + 1)) * sizeof(*m));
	obj->obj.n--;
	drop_index(obj);
	return val;
}

int json_append(struct json *arr, struct json *val)
{
	int ret = val ? 0 : -ENOMEM;

	if (!ret)
		ret = arr && arr->type == JSON_ARRAY ? mem_grow(&arr->arr.v, &arr->arr.cap, arr->arr.n + 1, sizeof(*arr->arr.v)) : -EINVAL;
	if (ret)
		json_free(val);
	else
		arr->arr.v[arr->arr.n++] = val;
	return ret;
}

/* ---- whole trees ---- */

static int clone_children(struct json *to, const struct json *from)
{
	int ret = 0;

	if (from->type == JSON_ARRAY)
		for (size_t i = 0; i < from->arr.n && !ret; i++)
			ret = json_append(to, json_clone(from->arr.v[i]));
	if (from->type == JSON_OBJECT)
		for (size_t i = 0; i < from->obj.n && !ret; i++)
			ret = json_set_n(to, from->obj.v[i].key, from->obj.v[i].key_len, json_clone(from->obj.v[i].val));
	return ret;
}

struct json *json_clone(const struct json *j)
{
	struct json *copy;

	if (j->type == JSON_STRING) {
		copy = json_new_strn(j->str.s, j->str.len);
	} else if (j->type == JSON_ARRAY || j->type == JSON_OBJECT) {
		copy = json_new(j->type);
	} else {
		copy = mem_dup(j, sizeof(*j));
	}
	if (!copy)
		return NULL;
	copy->used = j->used;
	copy->shorthand = j->shorthand;
	if (clone_children(copy, j)) {
		json_free(copy);
		return NULL;
	}
	return copy;
}

static bool equal_members(const struct json *a, const struct json *b)
{
	if (a->obj.n != b->obj.n)
		return false;
	for (size_t i = 0; i < a->obj.n; i++) {
		const struct json_member *m = find(b, a->obj.v[i].key, a->obj.v[i].key_len);

		if (!m || !json_equal(a->obj.v[i].val, m->val))
			return false;
	}
	return true;
}

static bool equal_elements(const struct json *a, const struct json *b)
{
	if (a->arr.n != b->arr.n)
		return false;
	for (size_t i = 0; i < a->arr.n; i++)
		if (!json_equal(a->arr.v[i], b->arr.v[i]))
			return false;
	return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->b == b->b;
	case JSON_DOUBLE:
		return a->d == b->d;
	case JSON_STRING:
		return a->str.len == b->str.len && !memcmp(a->str.s, b->str.s, a->str.len);
	case JSON_ARRAY:
		return equal_elements(a, b);
	case JSON_OBJECT:
		return equal_members(a, b);
	default:
		return a->u == b->u;
	}
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null", [JSON_BOOL] = "boolean", [JSON_INT] = "integer", [JSON_UINT] = "integer",
		[JSON_DOUBLE] = "number", [JSON_STRING] = "string", [JSON_ARRAY] = "array", [JSON_OBJECT] = "object",
	};

	return type < ARRAY_SIZE(names) ? names[type] : "?";
}

bool json_to_bool(const struct json *j, bool *out)
{
	if (!j || j->type != JSON_BOOL)
		return false;
	*out = j->b;
	return true;
}

bool json_to_s64(const struct json *j, s64 *out)
{
	if (!j || j->type != JSON_INT)
		return false;
	*out = j->i;
	return true;
}

bool json_to_u64(const struct json *j, u64 *out)
{
	if (!j || !(j->type == JSON_UINT || (j->type == JSON_INT && j->i >= 0)))
		return false;
	*out = j->u;
	return true;
}

bool json_to_double(const struct json *j, double *out)
{
	if (!j || (j->type != JSON_DOUBLE && j->type != JSON_INT && j->type != JSON_UINT))
		return false;
	*out = j->type == JSON_DOUBLE ? j->d : j->type == JSON_INT ? (double)j->i : (double)j->u;
	return true;
}

const char *json_to_str(const struct json *j)
{
	if (!j || j->type != JSON_STRING || memchr(j->str.s, 0, j->str.len))
		return NULL;
	return j->str.s;
}
