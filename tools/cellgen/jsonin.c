/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configurations from JSON: what jsonout.c writes, and numbers as numbers or as text. Unknown keys are errors. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "json.h"
#include "layout.h"
#include "str.h"

#define ELEMENTS_MAX 65536

struct jr {
	struct jh_ctx ctx;
	struct err *err;
};

static int bad(struct jr *r, const char *path, const char *what)
{
	return err_set(r->err, EINVAL, "%s: %s", path, what);
}

/* The value at a path below obj, NULL when there is none; marks all on the way as known. */
static struct json *find(struct json *obj, const char *path)
{
	while (obj) {
		size_t n = strcspn(path, ".");

		obj = json_get_n(obj, path, n);
		if (obj)
			obj->used = true;
		if (!path[n])
			break;
		path += n + 1;
	}
	return obj;
}

static u64 widest(const struct jh_field *f)
{
	return f->width == 8 ? ~0ULL : (1ULL << 8 * f->width) - 1;
}

static int get_number(struct jr *r, const struct jh_field *f, const struct json *j, u64 *val)
{
	const char *s = json_to_str(j);

	for (const struct jh_name *n = s && f->names ? f->names->v : NULL; n && n->name; n++)
		if (!strcasecmp(n->name, s)) {
			*val = n->value;
			return 0;
		}
	/* a name may be all digits ("8250") */
	if (json_to_u64(j, val) || (s && !str_to_u64(s, 0, val)))
		return *val <= widest(f) ? 0 : bad(r, f->name, "number does not fit");
	return bad(r, f->name, f->names ? "expected a number or one of the known names" : "expected a number");
}

static int get_flags(struct jr *r, const struct jh_field *f, const struct json *j, u64 *val)
{
	u64 one = 0;

	if (j->type != JSON_ARRAY)
		return get_number(r, f, j, val);
	*val = 0;
	for (size_t i = 0; i < j->arr.n; i++) {
		int ret = get_number(r, f, j->arr.v[i], &one);

		if (ret)
			return ret;
		*val |= one;
	}
	return 0;
}

static int get_text(struct jr *r, const struct jh_field *f, const struct json *j, void *rec)
{
	u8 *to = (u8 *)rec + f->off;
	size_t n = 0;

	if (j->type != JSON_STRING)
		return bad(r, f->name, "expected text");
	for (size_t i = 0; i < j->str.len; i++) {
		u8 c = j->str.s[i];

		if (c >= 0x80 && i + 1 < j->str.len && c < 0xc4)
			c = c << 6 | ((u8)j->str.s[++i] & 0x3f);
		else if (c >= 0x80)
			return bad(r, f->name, "only characters up to U+00FF can be said");
		if (n == f->n)
			return bad(r, f->name, "too long");
		to[n++] = c;
	}
	return 0;
}

static int get_record(struct jr *r, const struct jh_field *fields, struct json *j, void *rec);

static int get_array(struct jr *r, const struct jh_field *f, struct json *j, void *rec)
{
	int ret = 0;
	u64 val = 0;

	if (j->type != JSON_ARRAY || j->arr.n > f->n)
		return bad(r, f->name, "expected a list that is not longer");
	for (size_t i = 0; i < j->arr.n && !ret; i++) {
		if (f->kind == JH_K_SUB) {
			ret = get_record(r, f->sub, j->arr.v[i], (u8 *)rec + f->off + i * f->step);
		} else {
			ret = get_number(r, f, j->arr.v[i], &val);
			if (!ret)
				jh_field_set(f, rec, i, val);
		}
	}
	return ret;
}

static int get_msi(struct jr *r, struct json *obj, struct jh_pci *d)
{
	const struct jh_field one = { .name = "msi_64bits", .width = 1 };
	struct json *a = find(obj, "msi_64bits"), *b = find(obj, "msi_maskable");
	u64 v64 = 0, vmask = 0;
	int ret = a ? get_number(r, &one, a, &v64) : 0;

	if (!ret && b)
		ret = get_number(r, &one, b, &vmask);
	if (!ret && (v64 > 1 || vmask > 1))
		ret = bad(r, "msi_64bits, msi_maskable", "are 0 or 1");
	d->msi_64bits = v64;
	d->msi_maskable = vmask;
	return ret;
}

static int get_field(struct jr *r, const struct jh_field *f, struct json *j, void *rec)
{
	u64 val = 0;
	int ret;

	if (f->kind == JH_K_TEXT || f->kind == JH_K_SIGNATURE)
		return get_text(r, f, j, rec);
	if (f->n > 1)
		return get_array(r, f, j, rec);
	if (f->kind == JH_K_SUB)
		return get_record(r, f->sub, j, (u8 *)rec + f->off);
	ret = f->kind == JH_K_FLAGS ? get_flags(r, f, j, &val) : get_number(r, f, j, &val);
	if (!ret)
		jh_field_set(f, rec, 0, val);
	return ret;
}

static int get_record(struct jr *r, const struct jh_field *fields, struct json *j, void *rec)
{
	if (j->type != JSON_OBJECT)
		return bad(r, fields->name ? fields->name : "record", "expected an object");
	/* the variant of a record depends on its first field, so look again at each step */
	for (const struct jh_field *f = fields; (f = jh_field_next(f, &r->ctx, rec)); f++) {
		struct json *val;
		int ret = 0;

		if (f->kind == JH_K_PAD || (f->kind == JH_K_COUNT && jh_sections[f->section].host_size > 1))
			continue;
		if (f->kind == JH_K_MSI)
			ret = get_msi(r, j, rec);
		else if ((val = find(j, f->name)))
			ret = get_field(r, f, val, rec);
		if (ret)
			return ret;
	}
	return 0;
}

static int get_cpus(struct jr *r, struct json *j, struct jh_config *c, u32 bytes)
{
	const struct jh_field f = { .name = "cpus", .width = 2 };
	u64 cpu = 0;

	for (size_t i = 0; i < j->arr.n; i++) {
		int ret = get_number(r, &f, j->arr.v[i], &cpu);

		if (!ret && jh_cpu_add(c, cpu))
			ret = bad(r, "cpus", "number too large");
		if (ret)
			return ret;
	}
	if (bytes && bytes < c->cell.n[JH_CPUSET]) {
		u64 top = 0;
		u32 iter = 0;

		while ((cpu = jh_cpu_next(c, &iter)) != ~0ULL)
			top = cpu;
		if (jh_cpu_count(c) && top / 8 >= bytes)
			return bad(r, "cpu_set_size", "too small for the CPUs");
		c->cell.n[JH_CPUSET] = bytes;
	}
	while (c->cell.n[JH_CPUSET] < bytes)
		if (!jh_add(&c->cell, JH_CPUSET))
			return err_set(r->err, ENOMEM, "out of memory");
	return 0;
}

static int get_section(struct jr *r, struct json *cell, struct jh_config *c, enum jh_section s)
{
	const struct jh_section_info *info = &jh_sections[s];
	struct json *j = find(cell, info->name);

	if (!j)
		return 0;
	if (j->type != JSON_ARRAY || j->arr.n > ELEMENTS_MAX)
		return bad(r, info->name, "expected a list of at most 65536 elements");
	for (size_t i = 0; i < j->arr.n; i++) {
		void *rec = jh_add(&c->cell, s);
		int ret = rec ? get_record(r, info->fields, j->arr.v[i], rec) : err_set(r->err, ENOMEM, "out of memory");

		if (ret) {
			err_prefix(r->err, "%s[%zu]", info->name, i);
			return ret;
		}
	}
	return 0;
}

static int get_tail(struct jr *r, struct json *j, struct jh_cell *c)
{
	const char *s = json_to_str(j);
	u64 byte;

	if (!s || strlen(s) % 2 || strlen(s) > 2 * JH_SYSTEM_MAX)
		return bad(r, jh_sections[JH_TAIL].name, "expected bytes in hexadecimal");
	for (; *s; s += 2) {
		const char two[3] = { s[0], s[1], 0 };
		u8 *p = str_to_u64(two, 16, &byte) ? NULL : jh_add(c, JH_TAIL);

		if (!p)
			return bad(r, jh_sections[JH_TAIL].name, "expected bytes in hexadecimal");
		*p = byte;
	}
	return 0;
}

static int get_cell(struct jr *r, struct json *j, struct jh_config *c)
{
	int ret = get_record(r, jh_layout_cell, j, &c->cell);
	u32 cpu_bytes = c->cell.n[JH_CPUSET], map_bytes = c->cell.n[JH_PIOMAP];
	struct json *cpus = find(j, "cpus");

	c->cell.n[JH_CPUSET] = c->cell.n[JH_PIOMAP] = 0;
	if (!ret && (cpu_bytes > JH_PAGE || map_bytes > 0x2000))
		ret = bad(r, "cpu_set_size, pio_bitmap_size", "more than 4096 and 8192");
	if (!ret && c->revision < 15 && (!cpus || cpus->type == JSON_ARRAY))
		ret = cpus ? get_cpus(r, cpus, c, cpu_bytes) : 0;
	if (!ret && find(j, jh_sections[JH_TAIL].name))
		ret = get_tail(r, find(j, jh_sections[JH_TAIL].name), &c->cell);
	for (int s = 0; s < JH_SECTIONS && !ret; s++)
		if (jh_sections[s].fields && (jh_section_in(s, c->revision) || (s == JH_PIO && c->revision < 12)))
			ret = get_section(r, j, c, s);
	if (!ret && c->revision < 12 && (map_bytes || c->cell.n[JH_PIO]))
		ret = jh_pio_to_map(&c->cell, map_bytes ? map_bytes : 0x2000) ? err_set(r->err, ENOMEM, "out of memory") : 0;
	return ret;
}

/* A member that nobody asked for is a mistake of spelling. */
static int unknown(struct jr *r, const struct json *j, bool top)
{
	for (size_t i = 0; j->type == JSON_OBJECT && i < j->obj.n; i++) {
		const struct json *v = j->obj.v[i].val;
		int ret = v->used || top ? unknown(r, v, false) : bad(r, j->obj.v[i].key, "unknown key");

		if (ret)
			return ret;
	}
	for (size_t i = 0; j->type == JSON_ARRAY && i < j->arr.n; i++) {
		int ret = unknown(r, j->arr.v[i], false);

		if (ret)
			return ret;
	}
	return 0;
}

static int read_tree(struct jh_config *c, struct json *j, struct err *err)
{
	struct jr r = { .err = err };
	const char *type = json_to_str(find(j, "type")), *arch = json_to_str(find(j, "architecture"));
	struct json *root;
	u64 rev = JH_REV_DEFAULT;
	int ret;

	if (!type || (!str_eq(type, "system") && !str_eq(type, "cell")))
		return bad(&r, "type", "expected \"system\" or \"cell\"");
	if (!arch || str_to_index(arch, jh_arch_names) < 0)
		return bad(&r, "architecture", "expected \"x86\", \"arm\" or \"arm64\"");
	if (find(j, "revision") && (!json_to_u64(find(j, "revision"), &rev) || !jh_revision_known(rev)))
		return bad(&r, "revision", "expected 10, 12, 13, 14 or 15");
	c->is_system = str_eq(type, "system");
	c->arch = str_to_index(arch, jh_arch_names);
	c->revision = rev;
	r.ctx = (struct jh_ctx){ c->revision, c->arch };
	if (!c->is_system) {
		ret = get_cell(&r, j, c);
	} else {
		ret = get_record(&r, jh_layout_system, j, &c->sys);
		root = find(j, "root_cell");
		if (!ret)
			ret = root ? get_cell(&r, root, c) : bad(&r, "root_cell", "missing");
	}
	return ret ? ret : unknown(&r, j, false);
}

int jh_read_json(struct jh_config *c, const char *text, size_t len, struct err *err)
{
	struct json *j = json_parse(text, len, NULL, err);
	int ret;

	jh_config_init(c);
	if (!j)
		return err ? -err->code : -EINVAL;
	ret = j->type == JSON_OBJECT ? read_tree(c, j, err) : err_set(err, EINVAL, "no JSON object");
	json_free(j);
	if (ret)
		jh_config_free(c);
	else
		jh_set_head(c);
	return ret;
}
