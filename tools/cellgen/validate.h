/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checker: rules in tables, walked over a system and its cells. A rule
 * has a stable code, so that scripts may know it; codes are never reused.
 */
#ifndef CELLGEN_VALIDATE_H
#define CELLGEN_VALIDATE_H

#include "model.h"

struct machine;
struct strbuf;

enum jh_severity { JH_NOTE, JH_WARNING, JH_ERROR };

/* What a rule is called for: every record of a section, or ... */
enum {
	SC_SET = JH_SECTIONS,	/* the whole set, once; the check walks by itself */
	SC_SYSTEM,		/* the system, once; v->c is it */
	SC_CELL,		/* each cell, the root cell too */
	SC_INMATE,		/* each cell but the root cell */
	SC_MACHINE,		/* once, when there is a machine to compare with (--root) */
};

struct vctx;

struct jh_rule {
	const char *code;	/* "JH-MEM-012" */
	u8 severity;
	u8 scope;		/* enum jh_section or SC_* */
	u8 arch;		/* mask of 1 << enum jh_arch; 0: all */
	const char *refusal;	/* "EINVAL": what driver or hypervisor answer; NULL: they do not notice */
	const char *title;	/* what is wrong, for the list of rules */
	const char *hint;	/* what to do about it */
	void (*check)(struct vctx *v);
};

struct jh_finding {
	const struct jh_rule *rule;
	const struct jh_config *c;	/* whose it is */
	const char *section;		/* NULL: none */
	u32 index;
	char text[232];
};

#define JH_FINDINGS_MAX 4000
#define JH_FINDINGS_OF_RULE 100
#define JH_CELLS_MAX 64			/* in one set, the root cell with them */

/*
 * Spans of a number space that cells claim: addresses, ports, pins. sweep()
 * calls hit() for every pair that overlaps, as long as there are not absurdly many, and frees them.
 */
struct jh_span {
	u64 start, end;			/* end: first behind */
	u32 who, rec;
	u64 flags;
};

struct jh_spans {
	struct jh_span *v;
	size_t n, cap;
};

struct vctx {
	const struct jh_config *const *cells;	/* [0] is the system */
	unsigned n_cells;
	const struct machine *machine;		/* NULL: none */
	const struct jh_rule *rule;
	const struct jh_config *c;		/* of the record at hand */
	unsigned who;				/* its index in cells */
	u32 i;					/* the record */
	struct jh_finding *found;
	size_t n, cap;
	size_t of_rule;				/* findings of v->rule */
	size_t lost;				/* findings beyond JH_FINDINGS_MAX and JH_FINDINGS_OF_RULE */
	struct jh_spans owned;			/* memory of the root cell, merged; inside jh_validate() */
	int error;				/* -ENOMEM */
};

/* Tables end with code NULL. */
extern const struct jh_rule jh_rules_file[], jh_rules_format[], jh_rules_system[], jh_rules_mem[], jh_rules_irq[],
	jh_rules_pci[], jh_rules_shmem[], jh_rules_machine[];
extern const struct jh_rule *const jh_rule_tables[];	/* all of them; NULL-terminated */

/* A finding of v->rule at the record at hand. */
void jh_report(struct vctx *v, const char *fmt, ...) __printf(2, 3);
/* ... at record index of a section (name) of cell c. */
void jh_report_at(struct vctx *v, const struct jh_config *c, const char *section, u32 index,
		  const char *fmt, ...) __printf(5, 6);

/* Runs all rules. 0 or -ENOMEM. Findings stand in v->found, by cell and severity; mem_free() it. */
int jh_validate(struct vctx *v);
/* The rule of a fault that jh_read() gave. */
const struct jh_rule *jh_fault_rule(unsigned fault);

void jh_span_add(struct vctx *v, struct jh_spans *s, u64 start, u64 size, u32 who, u32 rec, u64 flags);
void jh_span_sweep(struct vctx *v, struct jh_spans *s,
		   void (*hit)(struct vctx *v, const struct jh_span *a, const struct jh_span *b));

/* Is [start, start + size) wholly, or in part, memory of the root cell? */
bool jh_root_covers(const struct vctx *v, u64 start, u64 size);
bool jh_root_touches(const struct vctx *v, u64 start, u64 size);

#endif
