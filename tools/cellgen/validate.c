/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine that walks the rules over a set of configurations. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "layout.h"
#include "mem.h"
#include "validate.h"

#define PAIRS_MAX 100000

const struct jh_rule *const jh_rule_tables[] = {
	jh_rules_file, jh_rules_format, jh_rules_system, jh_rules_mem, jh_rules_irq, jh_rules_pci,
	jh_rules_shmem, jh_rules_machine, NULL
};

static void vreport(struct vctx *v, const struct jh_config *c, const char *section, u32 index,
		    const char *fmt, va_list ap)
{
	struct jh_finding *f;

	if (v->n >= JH_FINDINGS_MAX || ++v->of_rule > JH_FINDINGS_OF_RULE) {
		v->lost++;
		return;
	}
	if (mem_grow(&v->found, &v->cap, v->n + 1, sizeof(*v->found))) {
		v->error = -ENOMEM;
		return;
	}
	f = &v->found[v->n++];
	f->rule = v->rule;
	f->c = c;
	f->section = section;
	f->index = index;
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
}

void jh_report(struct vctx *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vreport(v, v->c, v->rule->scope < JH_SECTIONS ? jh_sections[v->rule->scope].name : NULL, v->i, fmt, ap);
	va_end(ap);
}

void jh_report_at(struct vctx *v, const struct jh_config *c, const char *section, u32 index, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vreport(v, c, section, index, fmt, ap);
	va_end(ap);
}

static void run_cell(struct vctx *v, unsigned who)
{
	u8 scope = v->rule->scope;
	u32 n = scope < JH_SECTIONS ? v->cells[who]->cell.n[scope] : 1;

	v->who = who;
	v->c = v->cells[who];
	for (v->i = 0; v->i < n; v->i++)
		v->rule->check(v);
	v->i = 0;
}

static void run_rule(struct vctx *v, const struct jh_rule *r)
{
	v->rule = r;
	v->of_rule = 0;
	v->i = 0;
	v->who = 0;
	v->c = v->cells[0];
	if (!r->check || (r->arch && !(r->arch >> v->c->arch & 1)) || (r->scope == SC_MACHINE && !v->machine))
		return;
	if (r->scope == SC_SET || r->scope == SC_SYSTEM || r->scope == SC_MACHINE) {
		r->check(v);
		return;
	}
	for (unsigned who = r->scope == SC_INMATE; who < v->n_cells; who++)
		run_cell(v, who);
}

static unsigned cell_index(const struct vctx *v, const struct jh_config *c)
{
	unsigned i = 0;

	while (i < v->n_cells && v->cells[i] != c)
		i++;
	return i;
}

/* By cell, then the gravest first, else in the order of the rules. */
static void sort_findings(struct vctx *v)
{
	struct jh_finding *to = v->n ? mem_array(v->n, sizeof(*to)) : NULL;
	size_t n = 0;

	if (!to)
		return;
	for (unsigned who = 0; who < v->n_cells; who++)
		for (int sev = JH_ERROR; sev >= JH_NOTE; sev--)
			for (size_t i = 0; i < v->n; i++)
				if (v->found[i].rule->severity == sev && cell_index(v, v->found[i].c) == who)
					to[n++] = v->found[i];
	memcpy(v->found, to, n * sizeof(*to));
	mem_free(to);
}

static void map_root(struct vctx *v);

int jh_validate(struct vctx *v)
{
	map_root(v);
	for (const struct jh_rule *const *t = jh_rule_tables; *t; t++)
		for (const struct jh_rule *r = *t; r->code; r++)
			run_rule(v, r);
	sort_findings(v);
	mem_free(v->owned.v);
	return v->error;
}

const struct jh_rule *jh_fault_rule(unsigned fault)
{
	return &jh_rules_file[fault - 1];
}

void jh_span_add(struct vctx *v, struct jh_spans *s, u64 start, u64 size, u32 who, u32 rec, u64 flags)
{
	u64 end;

	if (!size)
		return;
	if (add_overflows(start, size, &end))
		end = ~0ULL;
	if (mem_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v))) {
		v->error = -ENOMEM;
		return;
	}
	s->v[s->n++] = (struct jh_span){ start, end, who, rec, flags };
}

static int by_start(const void *a, const void *b)
{
	const struct jh_span *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->who != y->who)
		return x->who < y->who ? -1 : 1;
	return x->rec < y->rec ? -1 : x->rec > y->rec;
}

void jh_span_sweep(struct vctx *v, struct jh_spans *s,
		   void (*hit)(struct vctx *v, const struct jh_span *a, const struct jh_span *b))
{
	unsigned pairs = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_start);
	for (size_t i = 0; i < s->n && pairs < PAIRS_MAX; i++)
		for (size_t j = i + 1; j < s->n && s->v[j].start < s->v[i].end && pairs < PAIRS_MAX; j++, pairs++)
			hit(v, &s->v[i], &s->v[j]);
	mem_free(s->v);
	memset(s, 0, sizeof(*s));
}

/* Joins what overlaps or touches, so that a search finds whether all of a range is there. */
static void merge(struct jh_spans *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_start);
	for (size_t i = 0; i < s->n; i++) {
		if (n && s->v[i].start <= s->v[n - 1].end)
			s->v[n - 1].end = MAX(s->v[n - 1].end, s->v[i].end);
		else
			s->v[n++] = s->v[i];
	}
	s->n = n;
}

static void map_root(struct vctx *v)
{
	const struct jh_cell *root = &v->cells[0]->cell;

	for (u32 i = 0; i < root->n[JH_MEM]; i++)
		jh_span_add(v, &v->owned, jh_mems(root)[i].phys, jh_mems(root)[i].size, 0, i, 0);
	merge(&v->owned);
}

/* The first span that ends behind addr, or NULL. */
static const struct jh_span *owned_from(const struct vctx *v, u64 addr)
{
	size_t lo = 0, hi = v->owned.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->owned.v[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo < v->owned.n ? &v->owned.v[lo] : NULL;
}

bool jh_root_touches(const struct vctx *v, u64 start, u64 size)
{
	const struct jh_span *s = owned_from(v, start);

	return size && s && (s->start <= start || s->start - start < size);
}

bool jh_root_covers(const struct vctx *v, u64 start, u64 size)
{
	const struct jh_span *s = owned_from(v, start);

	return size && s && s->start <= start && s->end - start >= size;
}
