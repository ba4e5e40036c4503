/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cellgen validate, also check: findings for people and programs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cellgen.h"
#include "json.h"
#include "machine.h"
#include "mem.h"
#include "validate.h"

struct check_args {
	const char *sys, *root;
	struct opt_list cells;
	bool json, strict, quiet, list;
	int arch;
};
#define A struct check_args

static const char *const severities[] = { "note", "warning", "error" };

struct set {
	struct jh_config *v;
	const struct jh_config **p;
	unsigned n;
	struct vctx ctx;
	struct machine *m;
	struct strbuf out;
	struct json_writer w;
	unsigned count[JH_ERROR + 1];
	bool unreadable;
};

/* The hexadecimal numbers of a finding's text, for programs. */
static void put_values(struct json_writer *w, const char *text)
{
	char value[24];

	json_w_array(w, "values");
	while ((text = strstr(text, "0x"))) {
		size_t n = 2 + strspn(text + 2, "0123456789abcdef");

		snprintf(value, sizeof(value), "%.*s", (int)n, text);
		json_w_str(w, NULL, value);
		text += n;
	}
	json_w_end(w);
}

static void put_json(struct set *s, const struct jh_rule *r, const char *file, const char *cell,
		     const char *section, u32 index, const char *text)
{
	struct json_writer *w = &s->w;

	json_w_object(w, NULL);
	json_w_str(w, "code", r->code);
	json_w_str(w, "severity", severities[r->severity]);
	json_w_str(w, "file", file);
	json_w_str(w, "cell", cell);
	json_w_str(w, "section", section);
	if (section)
		json_w_u64(w, "index", index);
	json_w_str(w, "title", r->title);
	json_w_str(w, "text", text);
	put_values(w, text);
	json_w_str(w, "hint", r->hint);
	json_w_str(w, "errno", r->refusal);
	json_w_end(w);
}

static void put(struct set *s, const A *a, const struct jh_rule *r, const char *file, const char *cell,
		const char *section, u32 index, const char *text)
{
	struct strbuf *b = &s->out;

	s->count[r->severity]++;
	if (a->json) {
		put_json(s, r, file, cell, section, index, text);
		return;
	}
	strbuf_printf(b, "%s: %s %s: ", file, severities[r->severity], r->code);
	if (section)
		strbuf_printf(b, "%s[%u]: ", section, index);
	strbuf_printf(b, "%s: %s", r->title, text);
	if (r->refusal)
		strbuf_printf(b, " (refused with %s)", r->refusal);
	strbuf_putc(b, '\n');
	if (r->hint && !a->quiet)
		strbuf_printf(b, "\t%s\n", r->hint);
}

static int load_one(struct set *s, const A *a, const char *path, bool system)
{
	struct jh_config *c = &s->v[s->n];
	struct err err = ERR_INIT;
	unsigned fault;
	int arch = a->arch;

	if (arch < 0 && s->n && s->v[0].revision < 14)
		arch = s->v[0].arch;
	if (jh_load(c, path, arch, &fault, &err)) {
		s->unreadable = true;
		if (fault)
			put(s, a, jh_fault_rule(fault), path, NULL, NULL, 0, err.msg + strlen(path) + 2);
		else
			err_report(&err);
		return 0;
	}
	if (c->is_system != system) {
		err_set(&err, EINVAL, "%s: is the configuration of a %s; the system comes first, then its cells", path,
			system ? "cell" : "system");
		err_report(&err);
		jh_config_free(c);
		s->unreadable = true;
		return 0;
	}
	s->p[s->n++] = c;
	return 0;
}

static int load(struct set *s, const A *a)
{
	struct err err = ERR_INIT;

	if (a->cells.n >= JH_CELLS_MAX) {
		err_set(&err, E2BIG, "more than %u cells", JH_CELLS_MAX - 1);
		return cg_fail(&err);
	}
	s->v = mem_zarray(a->cells.n + 1, sizeof(*s->v));
	s->p = mem_zarray(a->cells.n + 1, sizeof(*s->p));
	if (!s->v || !s->p) {
		err_set(&err, ENOMEM, "out of memory");
		return cg_fail(&err);
	}
	load_one(s, a, a->sys, true);
	for (size_t i = 0; i < a->cells.n && s->n; i++)
		load_one(s, a, a->cells.v[i].val, false);
	return 0;
}

static int status(const struct set *s, const A *a)
{
	if (s->unreadable)
		return CG_USAGE;
	if (s->count[JH_ERROR])
		return CG_FINDINGS;
	return a->strict && s->count[JH_WARNING] ? CG_WARNINGS : CG_OK;
}

static void summary(struct set *s, const A *a)
{
	if (a->json) {
		json_w_end(&s->w);
		json_w_u64(&s->w, "errors", s->count[JH_ERROR]);
		json_w_u64(&s->w, "warnings", s->count[JH_WARNING]);
		json_w_u64(&s->w, "notes", s->count[JH_NOTE]);
		json_w_u64(&s->w, "not_shown", s->ctx.lost);
		json_w_u64(&s->w, "status", status(s, a));
		json_w_end(&s->w);
		strbuf_putc(&s->out, '\n');
		if (json_writer_end(&s->w))
			s->out.failed = true;
		return;
	}
	if (s->ctx.lost)
		strbuf_printf(&s->out, "%zu more findings are not shown\n", s->ctx.lost);
	if (!s->unreadable && !a->quiet)
		strbuf_printf(&s->out, "%u configuration%s: %u errors, %u warnings, %u notes\n", s->n, s->n > 1 ? "s" : "",
			      s->count[JH_ERROR], s->count[JH_WARNING], s->count[JH_NOTE]);
}

static int run_set(struct set *s, A *a)
{
	struct err err = ERR_INIT;
	int ret = load(s, a);

	if (ret)
		return ret;
	if (a->root && !(s->m = machine_open(a->root, &err)))
		return cg_fail(&err);
	s->ctx.machine = s->m;
	s->ctx.cells = s->p;
	s->ctx.n_cells = s->n;
	if (s->n && jh_validate(&s->ctx)) {
		err_set(&err, ENOMEM, "out of memory");
		return cg_fail(&err);
	}
	for (size_t i = 0; i < s->ctx.n; i++) {
		const struct jh_finding *f = &s->ctx.found[i];

		put(s, a, f->rule, f->c->path, f->c->cell.name, f->section, f->index, f->text);
	}
	summary(s, a);
	ret = status(s, a);
	return cg_print(&s->out) ? CG_USAGE : ret;
}

static int list_rules(void)
{
	struct strbuf b = STRBUF_INIT;

	for (const struct jh_rule *const *t = jh_rule_tables; *t; t++)
		for (const struct jh_rule *r = *t; r->code; r++)
			strbuf_printf(&b, "%s  %-7s  %-6s  %s\n", r->code, severities[r->severity], r->refusal ? r->refusal : "-", r->title);
	return cg_print(&b);
}

static int check(void *args, const struct opt_call *call)
{
	struct set s = { .out = STRBUF_INIT };
	struct err err = ERR_INIT;
	A *a = args;
	int ret;

	(void)call;
	if (a->list)
		return list_rules();
	if (!a->sys) {
		err_set(&err, EINVAL, "which system? SYSCONFIG is missing");
		return cg_fail(&err);
	}
	if (a->json) {
		json_writer_init(&s.w, &s.out, JSON_PRETTY);
		json_w_object(&s.w, NULL);
		json_w_array(&s.w, "findings");
	}
	ret = run_set(&s, a);
	for (unsigned i = 0; i < s.n; i++)
		jh_config_free(&s.v[i]);
	mem_free(s.v);
	mem_free(s.p);
	mem_free(s.ctx.found);
	machine_close(s.m);
	strbuf_free(&s.out);
	return ret;
}

static void defaults(void *args)
{
	((A *)args)->arch = -1;
}

static const struct opt opts[] = {
	OPT_STR('r', "root", "ROOT", A, root, "compare with this machine as well: a folder or tar archive made by collect, or /",
		.complete = OPT_COMP_FILE),
	OPT_FLAG('j', "json", A, json, "print the findings as JSON"),
	OPT_FLAG('s', "strict", A, strict, "exit with 3 when there are warnings"),
	OPT_FLAG('q', "quiet", A, quiet, "print findings only, without hints and summary"),
	OPT_FLAG('l', "list", A, list, "list all rules, and check nothing"),
	OPT_ARCH(A, arch),
	OPERAND_OPT("SYSCONFIG", A, sys, "configuration of the system"),
	OPERAND_REST("CELLCONFIG", A, cells, "configurations of cells that are to run together"),
	OPT_END
};

static const struct opt_section sections[] = {
	{ "FINDINGS",
	  "A line says the file, how grave it is, the code of the rule, the record, what is wrong, the values, and the errno with "
	  "which the driver or the hypervisor refuses it, if they notice at all. Codes never change their meaning:\n\n"
	  "JH-FMT\t-- the file: signature, revision, counts, length\n"
	  "JH-NAM\t-- names\nJH-CPU\t-- CPUs\nJH-CEL\t-- flags of cells\nJH-COM\t-- the communication region\n"
	  "JH-SYS\t-- the platform\nJH-HV\t-- the hypervisor's memory\nJH-IOM\t-- IOMMUs\nJH-CON\t-- consoles\n"
	  "JH-MEM\t-- memory\nJH-IRQ\t-- interrupt chips and pins\nJH-PIO\t-- ports\nJH-CAC\t-- cache partitions\n"
	  "JH-STR\t-- stream ids\nJH-PCI\t-- PCI devices and capabilities\nJH-SHM\t-- shared memory devices\n"
	  "JH-EXS\t-- what the machine has, with --root" },
	{ NULL, NULL }
};

const struct opt_cmd cellgen_cmd_validate = {
	.name = "validate", .summary = "check a system and its cells",
	.description = "Checks each configuration by itself, the cells against each other and against the system, and with "
	"--root all of them against a machine. All cells that are named are taken to run at the same time.",
	.opts = opts, .sections = sections, .args_size = sizeof(A), .defaults = defaults, .run = check,
};

const struct opt_cmd cellgen_cmd_check = {
	.name = "check", .summary = "the same as validate",
	.opts = opts, .args_size = sizeof(A), .defaults = defaults, .run = check,
};
