/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cellgen diff: what two configurations say differently, field by field.
 * Both are written as lines "path = value" in the order of the file; records of
 * a section are told by what they are (address, device), not by their place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cellgen.h"
#include "mem.h"

struct diff_args {
	const char *a, *b;
	bool quiet;
	int arch;
};
#define A struct diff_args

struct lines {
	char **v;
	size_t n, cap;
	bool failed;
};

static void add_line(struct lines *l, char *s)
{
	if (!s || mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v))) {
		mem_free(s);
		l->failed = true;
		return;
	}
	l->v[l->n++] = s;
}

static void put_value(struct strbuf *b, const struct jh_field *f, const void *rec)
{
	const char *name;

	for (unsigned i = 0; i < (f->n ? f->n : 1U); i++) {
		u64 val = jh_field_get(f, rec, i);

		if (i)
			strbuf_putc(b, ' ');
		name = f->kind == JH_K_ENUM ? jh_enum_name(f->names, val) : NULL;
		if (f->kind == JH_K_FLAGS)
			jh_flags_text(b, f->names, val, "", "|");
		else if (name)
			strbuf_puts(b, name);
		else
			strbuf_printf(b, f->kind == JH_K_DEC ? "%llu" : "0x%llx", val);
	}
}

static void record_lines(struct lines *l, const struct jh_ctx *ctx, const struct jh_field *fields, const void *rec, const char *path)
{
	for (const struct jh_field *f = fields; (f = jh_field_next(f, ctx, rec)); f++) {
		struct strbuf b = STRBUF_INIT;
		size_t bytes = (f->kind == JH_K_SUB ? f->step : f->width) * (f->n ? f->n : 1);

		if (f->kind == JH_K_PAD || f->kind == JH_K_COUNT || buf_is_zero((const u8 *)rec + f->off, bytes))
			continue;
		strbuf_printf(&b, "%s%s", path, f->name);
		if (f->kind == JH_K_SUB) {
			for (unsigned i = 0; i < (f->n ? f->n : 1U); i++) {
				char *sub = str_printf(f->n > 1 ? "%s[%u]." : "%s.", b.s, i);

				record_lines(l, ctx, f->sub, (const u8 *)rec + f->off + (size_t)i * f->step, sub ? sub : "");
				mem_free(sub);
			}
			strbuf_free(&b);
			continue;
		}
		strbuf_puts(&b, " = ");
		if (f->kind == JH_K_TEXT || f->kind == JH_K_SIGNATURE)
			strbuf_printf(&b, "\"%.*s\"", f->n, (const char *)rec + f->off);
		else if (f->kind == JH_K_MSI)
			strbuf_printf(&b, "64bits %u, maskable %u", ((const struct jh_pci *)rec)->msi_64bits, ((const struct jh_pci *)rec)->msi_maskable);
		else
			put_value(&b, f, rec);
		add_line(l, strbuf_steal(&b));
	}
}

/* What a record is about, as the key of its lines. */
static char *record_key(const struct jh_config *c, enum jh_section s, u32 i)
{
	const struct jh_mem *m = &jh_mems(&c->cell)[i];
	const struct jh_pci *d = &jh_pcis(&c->cell)[i];

	switch (s) {
	case JH_MEM:
		return m->flags & JH_MEM_COMM ? str_dup("mem_regions[communication].") :
			m->size ? str_printf("mem_regions[0x%llx].", m->phys) : str_printf("mem_regions[#%u].", i);
	case JH_CHIP:
		return str_printf("irqchips[0x%llx+%u].", jh_chips(&c->cell)[i].address, jh_chips(&c->cell)[i].pin_base);
	case JH_PIO:
		return str_printf("pio_regions[0x%x].", jh_pios(&c->cell)[i].base);
	case JH_PCI:
		return str_printf("pci_devices[%04x:%02x:%02x.%x].", d->domain, d->bdf >> 8, d->bdf >> 3 & 31, d->bdf & 7);
	case JH_STREAM:
		return str_printf("stream_ids[0x%x].", jh_streams(&c->cell)[i].id);
	default:
		return str_printf("%s[%u].", jh_sections[s].name, i);
	}
}

static void config_lines(struct lines *l, const struct jh_config *c)
{
	struct jh_ctx ctx = { c->revision, c->arch };
	u32 iter = 0;
	u64 cpu;

	add_line(l, str_printf("architecture = %s", jh_arch_names[c->arch]));
	if (c->is_system)
		record_lines(l, &ctx, jh_layout_system, &c->sys, "");
	record_lines(l, &ctx, jh_layout_cell, &c->cell, c->is_system ? "root_cell." : "");
	while ((cpu = jh_cpu_next(c, &iter)) != ~0ULL)
		add_line(l, str_printf("cpu 0x%llx", cpu));
	for (int s = JH_MEM; s < JH_TAIL; s++)
		for (u32 i = 0; jh_sections[s].fields && i < c->cell.n[s]; i++) {
			char *key = record_key(c, s, i);
			size_t before = l->n;

			record_lines(l, &ctx, jh_sections[s].fields, (const u8 *)c->cell.v[s] + (size_t)i * jh_sections[s].host_size, key ? key : "");
			if (l->n == before)
				add_line(l, str_printf("%s: empty", key ? key : ""));
			mem_free(key);
		}
	if (c->cell.n[JH_TAIL])
		add_line(l, str_printf("uncounted bytes: %u", c->cell.n[JH_TAIL]));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines of one and not of the other, in the order of the first. Returns how many. */
static size_t put_missing(struct strbuf *b, const struct lines *x, const struct lines *y, char mark)
{
	char **sorted = y->n ? mem_dup(y->v, y->n * sizeof(*y->v)) : NULL;
	size_t n = 0;

	if (y->n && !sorted)
		return 1;
	if (sorted)
		qsort(sorted, y->n, sizeof(*sorted), by_text);
	for (size_t i = 0; i < x->n; i++)
		if (!sorted || !bsearch(&x->v[i], sorted, y->n, sizeof(*sorted), by_text)) {
			strbuf_printf(b, "%c %s\n", mark, x->v[i]);
			n++;
		}
	mem_free(sorted);
	return n;
}

static void free_lines(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_free(l->v[i]);
	mem_free(l->v);
}

static int diff(void *args, const struct opt_call *call)
{
	struct lines x = { NULL, 0, 0, false }, y = x;
	struct strbuf b = STRBUF_INIT;
	struct jh_config p, q;
	size_t n;
	A *a = args;

	(void)call;
	if (cg_load(&p, a->a, a->arch))
		return CG_USAGE;
	if (cg_load(&q, a->b, a->arch)) {
		jh_config_free(&p);
		return CG_USAGE;
	}
	config_lines(&x, &p);
	config_lines(&y, &q);
	n = put_missing(&b, &x, &y, '-') + put_missing(&b, &y, &x, '+');
	b.failed |= x.failed || y.failed;
	free_lines(&x);
	free_lines(&y);
	jh_config_free(&p);
	jh_config_free(&q);
	if (a->quiet)
		strbuf_reset(&b);
	return cg_print(&b) ? CG_USAGE : n ? CG_FINDINGS : CG_OK;
}

static void defaults(void *args)
{
	((A *)args)->arch = -1;
}

static const struct opt opts[] = {
	OPT_FLAG('q', "quiet", A, quiet, "print nothing; the exit status says it"),
	OPT_ARCH(A, arch),
	OPERAND("A", A, a, "a configuration, binary or JSON"),
	OPERAND("B", A, b, "another"),
	OPT_END
};

const struct opt_cmd cellgen_cmd_diff = {
	.name = "diff", .summary = "print what two configurations say differently",
	.description = "Lines with - stand in A alone, with + in B alone. Records are told by what they are about; their order does not matter. "
	"Exits with 1 when the configurations differ.",
	.opts = opts, .args_size = sizeof(A), .defaults = defaults, .run = diff,
};
