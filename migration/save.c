// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A whole machine to a stream and back: the order of records and the
 * comparison of configurations.
 */
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "json.h"
#include "mem.h"
#include "priv.h"
#include "str.h"

/* ---- configuration ---- */

static bool is_extra(const char *key)
{
	return key[0] == '_';
}

/* The caller's config, sizes of memories and the names of all units. */
static struct json *describe(struct machine *m, const struct json *config, const struct mig_units *u)
{
	struct json *all = json_clone(config), *rams, *units;
	struct machine_ram *r;
	size_t i;
	int ret = 0;

	/* What is set belongs to all at once, so one json_free() is enough. */
	if (!all || json_set(all, "memories", json_new(JSON_OBJECT)) < 0 || json_set(all, "units", json_new(JSON_ARRAY)) < 0)
		goto fail;
	rams = json_get(all, "memories");
	units = json_get(all, "units");
	for (r = m->rams; r; r = r->next)
		ret |= json_set(rams, r->name, json_new_uint(r->region->size));
	for (i = 0; i < u->n; i++)
		ret |= json_append(units, json_new_str(u->v[i].name));
	if (ret == 0)
		return all;
fail:
	json_free(all);
	return NULL;
}

static void show(const struct json *v, char *buf, size_t len)
{
	struct strbuf b = STRBUF_INIT;

	if (v)
		json_print(v, JSON_COMPACT, &b);
	snprintf(buf, len, "%s", v ? b.s : "nothing");
	strbuf_free(&b);
}

static int differs(const char *key, const struct json *theirs, const struct json *ours, struct err *err)
{
	char a[120], b[120];

	show(theirs, a, sizeof(a));
	show(ours, b, sizeof(b));
	return err_set(err, EINVAL, "the state was saved by a machine with %s %s; this one has %s", key, a, b);
}

/* Every member of a is in b and the same; swapped: a is ours. */
static int compare_members(const struct json *a, const struct json *b, bool swapped, struct err *err)
{
	size_t i;

	for (i = 0; i < a->obj.n; i++) {
		const char *key = a->obj.v[i].key;
		const struct json *x = a->obj.v[i].val, *y = json_get(b, key);

		if (!is_extra(key) && !str_eq(key, "units") && (!y || !json_equal(x, y)))
			return swapped ? differs(key, y, x, err) : differs(key, x, y, err);
	}
	return 0;
}

static bool has_unit(const struct json *list, const char *name)
{
	size_t i;

	for (i = 0; list && list->type == JSON_ARRAY && i < list->arr.n; i++) {
		const char *s = json_to_str(list->arr.v[i]);

		if (s && str_eq(s, name))
			return true;
	}
	return false;
}

/* Devices that only one side has. */
static int compare_units(const struct json *theirs, const struct json *ours, struct err *err)
{
	const struct json *a = json_get(theirs, "units"), *b = json_get(ours, "units");
	size_t i;

	if (!a || a->type != JSON_ARRAY)
		return err_set(err, EINVAL, "the saved state does not say what devices it has");
	for (i = 0; i < a->arr.n; i++) {
		const char *name = json_to_str(a->arr.v[i]);

		if (!name || !has_unit(b, name))
			return err_set(err, EINVAL, "the saved state has '%s', which is not here", name ? name : "?");
	}
	for (i = 0; i < b->arr.n; i++)
		if (!has_unit(a, json_to_str(b->arr.v[i])))
			return err_set(err, EINVAL, "this machine has '%s', which the saved state lacks", json_to_str(b->arr.v[i]));
	return 0;
}

/* ---- saving ---- */

static int save_config(struct mig_stream *s, struct machine *m, const struct json *config, const struct mig_units *u,
		       struct err *err)
{
	struct json *all = describe(m, config, u);
	struct strbuf text = STRBUF_INIT;
	int ret;

	if (!all || json_print(all, JSON_DENSE, &text) < 0)
		ret = err_set(err, ENOMEM, "out of memory");
	else
		ret = mig_write_record(s, MIG_CONFIG, 1, "", text.s, text.len, err);
	strbuf_free(&text);
	json_free(all);
	return ret;
}

static int save_end(struct mig_stream *s, struct err *err)
{
	u8 n[8];

	put_le64(n, s->records);
	return mig_write_record(s, MIG_END, 1, "", n, sizeof(n), err) < 0 ? -err->code : mig_flush(s, err);
}

int mig_save(struct mig_stream *s, struct machine *m, const struct json *config, struct err *err)
{
	struct mig_units u;
	struct machine_ram *r;
	size_t i;
	int ret = mig_units_list(m, &u, err);

	if (ret < 0)
		return ret;
	ret = mig_write_header(s, err);
	if (ret == 0)
		ret = save_config(s, m, config, &u, err);
	for (r = m->rams; r && ret == 0; r = r->next)
		ret = mig_save_ram(s, r, err);
	for (i = 0; i < u.n && ret == 0; i++)
		ret = mig_save_unit(s, &u.v[i], err);
	if (ret == 0)
		ret = save_end(s, err);
	mig_units_free(&u);
	return ret;
}

/* ---- loading ---- */

static int take_extra(struct json *theirs, struct json **extra, struct err *err)
{
	struct json *out = json_new(JSON_OBJECT);
	size_t i;

	for (i = 0; out && i < theirs->obj.n; i++)
		if (is_extra(theirs->obj.v[i].key) && json_set(out, theirs->obj.v[i].key, json_clone(theirs->obj.v[i].val)) < 0) {
			json_free(out);
			out = NULL;
		}
	*extra = out;
	return out ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int load_config(struct mig_stream *s, struct machine *m, const struct json *config, const struct mig_units *u,
		       struct mig_record *r, struct json **extra, struct err *err)
{
	struct json *theirs = NULL, *ours = NULL;
	struct json_limits lim = { .max_depth = 8, .max_bytes = MiB };
	int ret = mig_read_record(s, r, err);

	if (ret < 0)
		return ret;
	if (r->kind != MIG_CONFIG)
		return err_set(err, EINVAL, "the saved state does not begin with a configuration");
	theirs = json_parse((char *)r->payload.data, r->payload.len, &lim, err);
	ours = describe(m, config, u);
	if (!theirs)
		ret = err_prefix(err, "the saved configuration");
	else if (!ours)
		ret = err_set(err, ENOMEM, "out of memory");
	else if (theirs->type != JSON_OBJECT)
		ret = err_set(err, EINVAL, "the saved configuration is no object");
	else if ((ret = compare_members(theirs, ours, false, err)) == 0 && (ret = compare_members(ours, theirs, true, err)) == 0)
		ret = compare_units(theirs, ours, err);
	if (ret == 0 && extra)
		ret = take_extra(theirs, extra, err);
	json_free(theirs);
	json_free(ours);
	return ret;
}

static int load_end(const struct mig_stream *s, const struct mig_record *r, const struct mig_units *u, struct err *err)
{
	size_t i;

	if (r->payload.len != 8 || get_le64(r->payload.data) != s->records - 1)
		return err_set(err, EINVAL, "the saved state lacks records");
	for (i = 0; i < u->n; i++)
		if (!u->v[i].loaded)
			return err_set(err, EINVAL, "the saved state lacks '%s'", u->v[i].name);
	return 0;
}

static int load_records(struct mig_stream *s, struct machine *m, struct mig_units *u, struct mig_record *r, struct err *err)
{
	int ret;

	for (;;) {
		ret = mig_read_record(s, r, err);
		if (ret < 0)
			return ret;
		switch (r->kind) {
		case MIG_CONFIG:
			return err_set(err, EINVAL, "the saved state has a second configuration");
		case MIG_PAGES:
		case MIG_ZEROES:
			ret = mig_load_pages(m, r, err);
			break;
		case MIG_STATE:
			ret = mig_load_unit(u, r, err);
			break;
		case MIG_END:
			return load_end(s, r, u, err);
		}
		if (ret < 0)
			return ret;
	}
}

int mig_load(struct mig_stream *s, struct machine *m, const struct json *config, struct json **extra,
	     void (*reset)(void *ctx), void *ctx, struct err *err)
{
	struct mig_record *r = mem_zalloc(sizeof(*r));
	struct machine_ram *ram;
	struct mig_units u;
	int ret = r ? mig_units_list(m, &u, err) : err_set(err, ENOMEM, "out of memory");

	if (ret < 0)
		goto out;
	ret = mig_read_header(s, err);
	if (ret == 0)
		ret = load_config(s, m, config, &u, r, extra, err);
	if (ret == 0) {
		reset(ctx);
		for (ram = m->rams; ram; ram = ram->next)
			mig_clear_ram(ram);
		ret = load_records(s, m, &u, r, err);
		mem_contents_changed(&m->mem);
	}
	mig_units_free(&u);
	state_buf_free(&r->payload);
out:
	mem_free(r);
	return ret;
}
