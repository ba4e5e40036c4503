/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration as JSON: the field names of cell-config.h, nested as there.
 * Addresses and masks are strings in hexadecimal ("0x3a000000"), flags lists
 * of names, CPUs of revisions until 14 a list of numbers. Fields that are 0
 * are left out; counts follow from the lists.
 */
#include <stdio.h>
#include <string.h>
#include "json.h"
#include "layout.h"
#include "mem.h"
#include "nest.h"
#include "str.h"

struct jw {
	struct json_writer j;
	struct jh_ctx ctx;
};

static void open_object(void *ctx, const char *name, size_t len)
{
	struct jw *w = ctx;
	char key[64];

	snprintf(key, sizeof(key), "%.*s", (int)len, name);
	json_w_object(&w->j, key);
}

static void close_object(void *ctx)
{
	json_w_end(&((struct jw *)ctx)->j);
}

static void put_hex(struct jw *w, const char *key, u64 val)
{
	char text[20];

	snprintf(text, sizeof(text), "0x%llx", val);
	json_w_str(&w->j, key, text);
}

static void put_flags(struct jw *w, const char *key, const struct jh_names *names, u64 val)
{
	json_w_array(&w->j, key);
	for (const struct jh_name *n = names->v; n->name; n++)
		if (n->value && (val & n->value) == n->value) {
			json_w_str(&w->j, NULL, n->name);
			val &= ~n->value;
		}
	if (val)
		put_hex(w, NULL, val);
	json_w_end(&w->j);
}

static void put_number(struct jw *w, const char *key, const struct jh_field *f, u64 val)
{
	const char *name = f->kind == JH_K_ENUM ? jh_enum_name(f->names, val) : NULL;

	if (f->kind == JH_K_FLAGS)
		put_flags(w, key, f->names, val);
	else if (name)
		json_w_str(&w->j, key, name);
	else if (f->kind == JH_K_HEX)
		put_hex(w, key, val);
	else
		json_w_u64(&w->j, key, val);
}

/* Text is Latin-1 where it is no ASCII: every byte has its character. */
static void put_text(struct jw *w, const char *key, const u8 *s, size_t n)
{
	struct strbuf b = STRBUF_INIT;

	while (n && !s[n - 1])
		n--;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < 0x80) {
			strbuf_putc(&b, s[i]);
		} else {
			strbuf_putc(&b, 0xc0 | s[i] >> 6);
			strbuf_putc(&b, 0x80 | (s[i] & 0x3f));
		}
	}
	json_w_strn(&w->j, key, b.s, b.len);
	strbuf_free(&b);
}

static void put_record(struct jw *w, const struct jh_field *fields, const void *rec, bool head);

static void put_array(struct jw *w, const char *key, const struct jh_field *f, const void *rec)
{
	size_t each = f->kind == JH_K_SUB ? f->step : f->width;
	unsigned n = f->n;

	while (n && buf_is_zero((const u8 *)rec + f->off + (n - 1) * each, each))
		n--;
	json_w_array(&w->j, key);
	for (unsigned i = 0; i < n; i++) {
		if (f->kind == JH_K_SUB) {
			json_w_object(&w->j, NULL);
			put_record(w, f->sub, (const u8 *)rec + f->off + i * each, true);
			json_w_end(&w->j);
		} else {
			put_hex(w, NULL, jh_field_get(f, rec, i));
		}
	}
	json_w_end(&w->j);
}

static void put_field(struct jw *w, const struct jh_field *f, const char *key, const void *rec)
{
	if (f->kind == JH_K_TEXT || f->kind == JH_K_SIGNATURE) {
		put_text(w, key, (const u8 *)rec + f->off, f->n);
	} else if (f->n > 1) {
		put_array(w, key, f, rec);
	} else if (f->kind == JH_K_SUB) {
		json_w_object(&w->j, key);
		put_record(w, f->sub, (const u8 *)rec + f->off, true);
		json_w_end(&w->j);
	} else {
		put_number(w, key, f, jh_field_get(f, rec, 0));
	}
}

static void put_msi(struct jw *w, const struct jh_pci *d)
{
	if (d->msi_64bits)
		json_w_u64(&w->j, "msi_64bits", d->msi_64bits);
	if (d->msi_maskable)
		json_w_u64(&w->j, "msi_maskable", d->msi_maskable);
}

static bool is_head(const struct jh_field *f)
{
	return f->kind == JH_K_SIGNATURE || str_eq(f->name, "architecture") || str_eq(f->name, "revision");
}

/* head: with signature, architecture and revision (which stand at the top otherwise). */
static void put_record(struct jw *w, const struct jh_field *fields, const void *rec, bool head)
{
	struct nest n = { .open = open_object, .close = close_object, .ctx = w };

	for (const struct jh_field *f = fields; (f = jh_field_next(f, &w->ctx, rec)); f++) {
		size_t bytes = (f->kind == JH_K_SUB ? f->step : f->width) * (f->n ? f->n : 1);

		if (f->kind == JH_K_MSI)
			put_msi(w, rec);
		else if (f->kind != JH_K_PAD && (f->kind != JH_K_COUNT || jh_sections[f->section].host_size == 1) &&
			 (head || !is_head(f)) && !buf_is_zero((const u8 *)rec + f->off, bytes))
			put_field(w, f, nest_to(&n, f->name), rec);
	}
	nest_end(&n);
}

static void put_cpus(struct jw *w, const struct jh_config *c)
{
	u32 iter = 0;
	u64 cpu;

	json_w_array(&w->j, "cpus");
	while ((cpu = jh_cpu_next(c, &iter)) != ~0ULL)
		json_w_u64(&w->j, NULL, cpu);
	json_w_end(&w->j);
}

static void put_tail(struct jw *w, const struct jh_cell *c)
{
	struct strbuf b = STRBUF_INIT;

	for (u32 i = 0; i < c->n[JH_TAIL]; i++)
		strbuf_printf(&b, "%02x", ((const u8 *)c->v[JH_TAIL])[i]);
	json_w_strn(&w->j, jh_sections[JH_TAIL].name, b.s, b.len);
	strbuf_free(&b);
}

static void put_section(struct jw *w, const struct jh_cell *c, enum jh_section s)
{
	const struct jh_section_info *info = &jh_sections[s];

	json_w_array(&w->j, info->name);
	for (u32 i = 0; i < c->n[s]; i++) {
		json_w_object(&w->j, NULL);
		put_record(w, info->fields, (const u8 *)c->v[s] + (size_t)i * info->host_size, true);
		json_w_end(&w->j);
	}
	json_w_end(&w->j);
}

static void put_cell(struct jw *w, const struct jh_config *c)
{
	put_record(w, jh_layout_cell, &c->cell, c->is_system);
	for (int s = 0; s < JH_SECTIONS; s++) {
		/* ports of revision 10 are said as ranges too */
		bool in = jh_section_in(s, c->revision) || (s == JH_PIO && c->revision < 12);

		if (!in || !c->cell.n[s] || s == JH_PIOMAP)
			continue;
		if (s == JH_CPUSET)
			put_cpus(w, c);
		else if (s == JH_TAIL)
			put_tail(w, &c->cell);
		else
			put_section(w, &c->cell, s);
	}
}

int jh_write_json(const struct jh_config *c, struct strbuf *out)
{
	struct jw w = { .ctx = { c->revision, c->arch } };

	json_writer_init(&w.j, out, JSON_PRETTY);
	json_w_object(&w.j, NULL);
	json_w_str(&w.j, "type", c->is_system ? "system" : "cell");
	json_w_u64(&w.j, "revision", c->revision);
	json_w_str(&w.j, "architecture", jh_arch_names[c->arch]);
	if (c->is_system) {
		put_record(&w, jh_layout_system, &c->sys, false);
		json_w_object(&w.j, "root_cell");
	}
	put_cell(&w, c);
	if (c->is_system)
		json_w_end(&w.j);
	json_w_end(&w.j);
	strbuf_putc(out, '\n');
	return json_writer_end(&w.j);
}
