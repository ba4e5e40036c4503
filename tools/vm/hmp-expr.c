// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Numbers in the monitor: C's operators on 64 bits, hexadecimal and decimal
 * numbers, $REGISTER of the chosen processor. `print` and `x` take them.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "hmp.h"

#define DEPTH_MAX 32

struct expr {
	struct x86_cpu *cpu;	/* NULL: there is none */
	const char *s;
	unsigned depth;
	const char *error;
};

static u64 sum(struct expr *e);

static bool named_register(const struct x86_cpu *cpu, const char *n, u64 *val)
{
	static const char *const gpr[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
	};
	static const char *const seg[] = { "es", "cs", "ss", "ds", "fs", "gs" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gpr); i++)
		if (str_eq(n, gpr[i])) {
			*val = i < 16 ? cpu->gpr[i] : (u32)cpu->gpr[i - 16];
			return true;
		}
	for (i = 0; i < ARRAY_SIZE(seg); i++) {
		if (str_eq(n, seg[i])) {
			*val = cpu->seg[i].sel;
			return true;
		}
		if (!strncmp(n, seg[i], 2) && str_eq(n + 2, ".base")) {
			*val = cpu->seg[i].base;
			return true;
		}
	}
	*val = str_eq(n, "rip") ? cpu->rip : str_eq(n, "pc") ? cpu->rip + cpu->seg_base[X86_CS]
	       : str_eq(n, "eflags") || str_eq(n, "rflags") ? x86_eflags(cpu) : str_eq(n, "cr0") ? cpu->cr0
	       : str_eq(n, "cr2") ? cpu->cr2 : str_eq(n, "cr3") ? cpu->cr3 : str_eq(n, "cr4") ? cpu->cr4
	       : str_eq(n, "efer") ? cpu->efer : 0;
	return str_eq(n, "rip") || str_eq(n, "pc") || str_eq(n, "eflags") || str_eq(n, "rflags") || str_eq(n, "cr0") ||
	       str_eq(n, "cr2") || str_eq(n, "cr3") || str_eq(n, "cr4") || str_eq(n, "efer");
}

static u64 get_register(struct expr *e)
{
	char name[16];
	size_t n = 0;
	u64 v = 0;

	while ((isalnum((unsigned char)*e->s) || *e->s == '.') && n + 1 < sizeof(name))
		name[n++] = *e->s++;
	name[n] = '\0';
	if (!e->cpu)
		e->error = "No CPU available";
	else if (!named_register(e->cpu, name, &v))
		e->error = "unknown register";
	return v;
}

static void blanks(struct expr *e)
{
	while (*e->s == ' ')
		e->s++;
}

static u64 unary(struct expr *e)
{
	u64 v = 0;

	blanks(e);
	if (++e->depth > DEPTH_MAX) {
		e->error = "too many brackets";
		return 0;
	}
	if (*e->s == '-') {
		e->s++;
		v = 0 - unary(e);
	} else if (*e->s == '+') {
		e->s++;
		v = unary(e);
	} else if (*e->s == '~') {
		e->s++;
		v = ~unary(e);
	} else if (*e->s == '(') {
		e->s++;
		v = sum(e);
		blanks(e);
		if (*e->s == ')')
			e->s++;
		else
			e->error = "')' expected";
	} else if (*e->s == '$') {
		e->s++;
		v = get_register(e);
	} else if (*e->s == '\'' && e->s[1] && e->s[2] == '\'') {
		v = (u8)e->s[1];
		e->s += 3;
	} else if (str_scan_u64(e->s, 0, &e->s, &v) < 0) {
		e->error = "number expected";
	}
	e->depth--;
	return v;
}

static u64 product(struct expr *e)
{
	u64 v = unary(e), w;
	char op;

	for (blanks(e); !e->error && (*e->s == '*' || *e->s == '/' || *e->s == '%'); blanks(e)) {
		op = *e->s++;
		w = unary(e);
		if (op != '*' && !w)
			e->error = "division by zero";
		else
			v = op == '*' ? v * w : op == '/' ? v / w : v % w;
	}
	return v;
}

static u64 logic(struct expr *e)
{
	u64 v = product(e), w;
	char op;

	for (blanks(e); !e->error && *e->s && strchr("&|^", *e->s); blanks(e)) {
		op = *e->s++;
		w = product(e);
		v = op == '&' ? v & w : op == '|' ? v | w : v ^ w;
	}
	return v;
}

/* + and - bind weakest, as in QEMU's monitor. */
static u64 sum(struct expr *e)
{
	u64 v = logic(e);
	char op;

	for (blanks(e); !e->error && (*e->s == '+' || *e->s == '-'); blanks(e)) {
		op = *e->s++;
		v = op == '+' ? v + logic(e) : v - logic(e);
	}
	return v;
}

int hmp_expr(struct hmp_call *c, unsigned first, u64 *val)
{
	struct strbuf text = STRBUF_INIT;
	struct expr e = { .error = NULL };
	unsigned i;

	for (i = first; i < c->argc; i++)
		strbuf_printf(&text, "%s ", c->argv[i]);
	e.s = text.s;
	if ((unsigned)c->cpu < pc_cpus(c->vm->pc))
		e.cpu = x86_system_cpu(pc_system(c->vm->pc), (unsigned)c->cpu);
	pc_pause(c->vm->pc);
	*val = sum(&e);
	pc_resume(c->vm->pc);
	blanks(&e);
	if (!e.error && *e.s)
		e.error = "unexpected text behind the expression";
	if (e.error)
		strbuf_printf(c->out, "%s\n", e.error);
	strbuf_free(&text);
	return e.error ? -1 : 0;
}
