/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C source of a configuration, as people write it by hand: designated
 * initializers with the constants of Jailhouse's cell-config.h. Fields that
 * are 0 are left out. Compiled against the header of the same revision
 * (gcc -c, objcopy -O binary) it gives the same bytes.
 */
#include <stdio.h>
#include <string.h>
#include "layout.h"
#include "mem.h"
#include "nest.h"
#include "str.h"

struct cw {
	struct strbuf *out;
	unsigned depth;
	struct jh_ctx ctx;
};

static void indent(struct cw *w)
{
	strbuf_fill(w->out, '\t', w->depth);
}

static void open_brace(void *ctx, const char *name, size_t len)
{
	struct cw *w = ctx;

	indent(w);
	strbuf_printf(w->out, ".%.*s = {\n", (int)len, name);
	w->depth++;
}

static void close_brace(void *ctx)
{
	struct cw *w = ctx;

	w->depth--;
	indent(w);
	strbuf_puts(w->out, "},\n");
}

void jh_flags_text(struct strbuf *b, const struct jh_names *names, u64 val, const char *prefix, const char *sep)
{
	const char *between = "";

	for (const struct jh_name *n = names ? names->v : NULL; n && n->name; n++)
		if (n->value && (val & n->value) == n->value) {
			strbuf_printf(b, "%s%s%s", between, prefix, n->name);
			val &= ~n->value;
			between = sep;
		}
	if (val || !*between)
		strbuf_printf(b, val ? "%s0x%llx" : "%s%llu", between, val);
}

static void put_text(struct cw *w, const u8 *s, size_t n)
{
	while (n && !s[n - 1])
		n--;
	strbuf_putc(w->out, '"');
	for (size_t i = 0; i < n; i++) {
		if (s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' || s[i] == '?')
			strbuf_printf(w->out, "\\%03o", s[i]);
		else
			strbuf_putc(w->out, s[i]);
	}
	strbuf_putc(w->out, '"');
}

static void put_number(struct cw *w, const struct jh_field *f, u64 val)
{
	const char *name;

	switch (f->kind) {
	case JH_K_FLAGS:
		jh_flags_text(w->out, f->names, val, f->names->prefix, " | ");
		break;
	case JH_K_ENUM:
		name = jh_enum_name(f->names, val);
		if (name)
			strbuf_printf(w->out, "%s%s", f->names->prefix, name);
		else
			strbuf_printf(w->out, "%llu", val);
		break;
	case JH_K_DEC:
		strbuf_printf(w->out, val > 0xffffffff ? "%lluULL" : val > 0x7fffffff ? "%lluU" : "%llu", val);
		break;
	default:
		strbuf_printf(w->out, "0x%llx", val);
	}
}

static void put_record(struct cw *w, const struct jh_field *fields, const void *rec);

static bool is_zero(const struct jh_field *f, const void *rec)
{
	size_t each = f->kind == JH_K_SUB ? f->step : f->width;

	return buf_is_zero((const u8 *)rec + f->off, each * (f->n ? f->n : 1));
}

/* A field that is an array of numbers or of records: in braces, up to the last that is not 0. */
static void put_array(struct cw *w, const struct jh_field *f, const void *rec)
{
	size_t each = f->kind == JH_K_SUB ? f->step : f->width;
	unsigned n = f->n;

	while (n && buf_is_zero((const u8 *)rec + f->off + (n - 1) * each, each))
		n--;
	strbuf_puts(w->out, f->kind == JH_K_SUB ? "{\n" : "{ ");
	w->depth++;
	for (unsigned i = 0; i < n; i++) {
		if (f->kind == JH_K_SUB) {
			indent(w);
			strbuf_puts(w->out, "{\n");
			w->depth++;
			put_record(w, f->sub, (const u8 *)rec + f->off + i * each);
			w->depth--;
			indent(w);
			strbuf_puts(w->out, "},\n");
		} else {
			strbuf_printf(w->out, "0x%08llx%s", jh_field_get(f, rec, i), i + 1 < n ? ", " : " ");
		}
	}
	w->depth--;
	if (f->kind == JH_K_SUB)
		indent(w);
	strbuf_puts(w->out, "}");
}

static void put_msi(struct cw *w, const struct jh_pci *d)
{
	if (d->msi_64bits) {
		indent(w);
		strbuf_puts(w->out, ".msi_64bits = 1,\n");
	}
	if (d->msi_maskable) {
		indent(w);
		strbuf_puts(w->out, ".msi_maskable = 1,\n");
	}
}

static void put_field(struct cw *w, const struct jh_field *f, const char *name, const void *rec)
{
	indent(w);
	strbuf_printf(w->out, ".%s = ", name);
	if (f->kind == JH_K_SIGNATURE || f->kind == JH_K_TEXT) {
		put_text(w, (const u8 *)rec + f->off, f->n);
	} else if (f->n > 1) {
		put_array(w, f, rec);
	} else if (f->kind == JH_K_SUB) {
		strbuf_puts(w->out, "{\n");
		w->depth++;
		put_record(w, f->sub, (const u8 *)rec + f->off);
		w->depth--;
		indent(w);
		strbuf_putc(w->out, '}');
	} else {
		put_number(w, f, jh_field_get(f, rec, 0));
	}
	strbuf_puts(w->out, ",\n");
}

static void put_count(struct cw *w, const struct jh_field *f)
{
	indent(w);
	strbuf_printf(w->out, f->section == JH_CPUSET || f->section == JH_PIOMAP ? ".%s = sizeof(config.%s),\n" :
		      ".%s = ARRAY_SIZE(config.%s),\n", f->name, jh_sections[f->section].name);
}

static void put_record(struct cw *w, const struct jh_field *fields, const void *rec)
{
	struct nest n = { .open = open_brace, .close = close_brace, .ctx = w };

	for (const struct jh_field *f = fields; (f = jh_field_next(f, &w->ctx, rec)); f++) {
		if (f->kind == JH_K_PAD)
			continue;
		if (f->kind == JH_K_MSI)
			put_msi(w, rec);
		else if (!is_zero(f, rec)) {
			const char *name = nest_to(&n, f->name);

			if (f->kind == JH_K_COUNT)
				put_count(w, f);
			else
				put_field(w, f, name, rec);
		}
	}
	nest_end(&n);
}

static void put_bytes(struct cw *w, const struct jh_cell *c, enum jh_section s)
{
	const u8 *p = c->v[s];
	u32 n = c->n[s], run;

	if (s == JH_CPUSET && n % 8 == 0) {
		for (u32 i = 0; i < n; i += 8) {
			u64 v = 0;

			for (int b = 0; b < 8; b++)
				v |= (u64)p[i + b] << 8 * b;
			strbuf_printf(w->out, "\t\t0x%llx,\n", v);
		}
		return;
	}
	for (u32 i = 0; i < n; i = run) {
		for (run = i + 1; run < n && p[run] == p[i]; run++)
			;
		if (run - i > 1)
			strbuf_printf(w->out, "\t\t[0x%x ... 0x%x] = 0x%02x,\n", i, run - 1, p[i]);
		else
			strbuf_printf(w->out, "\t\t[0x%x] = 0x%02x,\n", i, p[i]);
	}
}

static void put_element(struct cw *w, enum jh_section s, const void *rec)
{
	const struct jh_pio *pio = rec;
	const struct jh_pci *d = rec;
	const struct jh_stream *st = rec;

	if (s == JH_PIO) {
		strbuf_printf(w->out, "\t\tPIO_RANGE(0x%x, 0x%x),\n", pio->base, pio->length);
		return;
	}
	if (s == JH_STREAM) {
		strbuf_printf(w->out, w->ctx.revision < 13 ? "\t\t0x%x,\n" : "\t\t{ .id = 0x%x },\n", st->id);
		return;
	}
	if (buf_is_zero(rec, jh_element_size(s))) {
		strbuf_puts(w->out, "\t\t{ 0 },\n");
		return;
	}
	if (s == JH_PCI)
		strbuf_printf(w->out, "\t\t/* %04x:%02x:%02x.%x */\n", d->domain, d->bdf >> 8, d->bdf >> 3 & 31, d->bdf & 7);
	strbuf_puts(w->out, "\t\t{\n");
	w->depth = 3;
	put_record(w, jh_sections[s].fields, rec);
	strbuf_puts(w->out, "\t\t},\n");
}

static void put_section(struct cw *w, const struct jh_cell *c, enum jh_section s)
{
	const struct jh_section_info *info = &jh_sections[s];

	strbuf_printf(w->out, "\n\t.%s = {\n", info->name);
	if (!info->fields)
		put_bytes(w, c, s);
	for (u32 i = 0; info->fields && i < c->n[s]; i++)
		put_element(w, s, (const u8 *)c->v[s] + (size_t)i * info->host_size);
	strbuf_puts(w->out, "\t},\n");
}

static void declare(struct cw *w, const struct jh_cell *c, enum jh_section s)
{
	const struct jh_section_info *info = &jh_sections[s];
	u32 n = c->n[s];

	if (s == JH_CPUSET && n % 8 == 0)
		strbuf_printf(w->out, "\t__u64 %s[%u];\n", info->name, n / 8);
	else if (!info->fields)
		strbuf_printf(w->out, "\t__u8 %s[%u];\n", info->name, n);
	else
		strbuf_printf(w->out, "\t%s %s[%u];\n", s == JH_STREAM && w->ctx.revision < 13 ? "__u32" :
			      info->c_type, info->name, n);
}

static bool is_there(const struct jh_config *c, enum jh_section s)
{
	return jh_section_in(s, c->revision) && c->cell.n[s];
}

int jh_write_c(const struct jh_config *c, const char *comment, struct strbuf *out)
{
	struct cw w = { out, 2, { c->revision, c->arch } };

	strbuf_printf(out, "/*\n * %s, configuration revision %u.\n", jh_arch_names[c->arch], c->revision);
	if (comment)
		strbuf_printf(out, " * %s\n", comment);
	strbuf_puts(out, " */\n\n#include <jailhouse/types.h>\n#include <jailhouse/cell-config.h>\n\n");
	if (c->revision < 12)
		strbuf_puts(out, "#ifndef ARRAY_SIZE\n#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))\n#endif\n\n");
	strbuf_puts(out, "struct {\n");
	strbuf_printf(out, "\tstruct jailhouse_%s;\n", c->is_system ? "system header" : "cell_desc cell");
	for (int s = 0; s < JH_SECTIONS; s++)
		if (is_there(c, s))
			declare(&w, &c->cell, s);
	strbuf_printf(out, "} __attribute__((packed)) config = {\n\t.%s = {\n", c->is_system ? "header" : "cell");
	if (c->is_system) {
		put_record(&w, jh_layout_system, &c->sys);
		strbuf_puts(out, "\t\t.root_cell = {\n");
		w.depth++;
	}
	put_record(&w, jh_layout_cell, &c->cell);
	if (c->is_system)
		strbuf_puts(out, "\t\t},\n");
	strbuf_puts(out, "\t},\n");
	for (int s = 0; s < JH_SECTIONS; s++)
		if (is_there(c, s))
			put_section(&w, &c->cell, s);
	strbuf_puts(out, "};\n");
	return strbuf_failed(out);
}
