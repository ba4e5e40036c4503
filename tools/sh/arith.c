// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arithmetic of the shell (XCU 2.6.4): C's integer expressions on 64 bits,
 * with assignment to variables, by precedence climbing. Overflow wraps.
 */
#include "sh.h"

#include <errno.h>
#include <string.h>

struct sh_calc {
	struct sh *sh;
	const char *p;
	const char *error;	/* NULL: none */
	int skip;		/* > 0: a side that is not taken; nothing is assigned */
	unsigned depth;
};

static const struct sh_calc_op {
	char text[3];
	u8 level;
} ops[] = {
	/* Longer ones first. */
	{ "||", 1 }, { "&&", 2 }, { "==", 6 }, { "!=", 6 }, { "<=", 7 }, { ">=", 7 },
	{ "<<", 8 }, { ">>", 8 }, { "|", 3 }, { "^", 4 }, { "&", 5 }, { "<", 7 }, { ">", 7 },
	{ "+", 9 }, { "-", 9 }, { "*", 10 }, { "/", 10 }, { "%", 10 },
};

static long long calc_assign(struct sh_calc *c);

static void blanks(struct sh_calc *c)
{
	c->p += strspn(c->p, " \t\n");
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	while (s[n] && sh_is_name(s, n + 1))
		n++;
	return n;
}

static long long fail(struct sh_calc *c, const char *text)
{
	if (!c->error)
		c->error = text;
	c->p += strlen(c->p);
	return 0;
}

static long long calc_number(struct sh_calc *c)
{
	u64 v = 0;
	int base = 10;

	if (*c->p == '0')
		base = c->p[1] == 'x' || c->p[1] == 'X' ? 16 : 8;
	c->p += base == 16 ? 2 : 0;
	for (;; c->p++) {
		char ch = *c->p | 0x20;
		int digit = *c->p >= '0' && *c->p <= '9' ? *c->p - '0' :
			    ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : 99;

		if (digit >= base)
			break;
		v = v * base + digit;
	}
	return name_length(c->p) ? fail(c, "not a number") : (long long)v;
}

/* The value of a variable is an expression again. */
static long long calc_variable(struct sh_calc *c, size_t n)
{
	char name[256];
	struct sh_calc sub = { .sh = c->sh, .skip = c->skip, .depth = c->depth + 1 };
	long long v;

	if (n >= sizeof(name) || c->depth > 100)
		return fail(c, "expression nested too deep");
	memcpy(name, c->p, n);
	name[n] = '\0';
	c->p += n;
	sub.p = sh_var_get(c->sh, name);
	if (!sub.p && c->sh->opt_u && !c->skip)
		return fail(c, "parameter not set");
	if (!sub.p || !sub.p[strspn(sub.p, " \t\n")])
		return 0;
	v = calc_assign(&sub);
	blanks(&sub);
	if (sub.error || *sub.p)
		return fail(c, sub.error ? sub.error : "not a number");
	return v;
}

static long long calc_unary(struct sh_calc *c)
{
	long long v;
	size_t n;

	if (++c->depth > 200)
		return fail(c, "expression nested too deep");
	blanks(c);
	n = name_length(c->p);
	if (*c->p == '(') {
		c->p++;
		v = calc_assign(c);
		blanks(c);
		if (*c->p != ')')
			v = fail(c, "expecting ')'");
		else
			c->p++;
	} else if (*c->p && strchr("+-!~", *c->p)) {
		char op = *c->p++;

		v = calc_unary(c);
		v = op == '-' ? (long long)(0 - (u64)v) : op == '!' ? !v : op == '~' ? ~v : v;
	} else if (*c->p >= '0' && *c->p <= '9') {
		v = calc_number(c);
	} else {
		v = n ? calc_variable(c, n) : fail(c, "expecting a number");
	}
	c->depth--;
	return v;
}

static const struct sh_calc_op *next_op(struct sh_calc *c)
{
	blanks(c);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		size_t n = strlen(ops[i].text);

		/* "x+=1" and such are not for here. */
		if (!strncmp(c->p, ops[i].text, n) &&
		    (c->p[n] != '=' || ops[i].level == 6 || ops[i].level == 7))
			return &ops[i];
	}
	return NULL;
}

static long long divide(struct sh_calc *c, char op, long long a, long long b)
{
	if (!b)
		return c->skip ? 0 : fail(c, "division by zero");
	if (b == -1)
		return op == '/' ? (long long)(0 - (u64)a) : 0;
	return op == '/' ? a / b : a % b;
}

static long long apply(struct sh_calc *c, const char *op, long long a, long long b)
{
	switch (op[0]) {
	case '|':
		return op[1] == '|' ? a || b : a | b;
	case '&':
		return op[1] == '&' ? a && b : a & b;
	case '^':
		return a ^ b;
	case '=':
		return a == b;
	case '!':
		return a != b;
	case '<':
		return op[1] == '<' ? (long long)((u64)a << (b & 63)) : op[1] ? a <= b : a < b;
	case '>':
		return op[1] == '>' ? a >> (b & 63) : op[1] ? a >= b : a > b;
	case '+':
		return (u64)a + (u64)b;
	case '-':
		return (u64)a - (u64)b;
	case '*':
		return (u64)a * (u64)b;
	}
	return divide(c, op[0], a, b);
}

static long long calc_binary(struct sh_calc *c, int level)
{
	long long a = calc_unary(c);
	const struct sh_calc_op *op;

	while (!c->error && (op = next_op(c)) && op->level >= level) {
		/* && and || leave their right side when the left one decides. */
		bool skip = (op->level == 1 && a) || (op->level == 2 && !a);
		long long b;

		c->p += strlen(op->text);
		c->skip += skip;
		b = calc_binary(c, op->level + 1);
		c->skip -= skip;
		a = apply(c, op->text, a, b);
	}
	return a;
}

static long long calc_choice(struct sh_calc *c)
{
	long long cond = calc_binary(c, 1), yes, no;

	blanks(c);
	if (*c->p != '?')
		return cond;
	c->p++;
	c->skip += !cond;
	yes = calc_assign(c);
	c->skip -= !cond;
	blanks(c);
	if (*c->p != ':')
		return fail(c, "expecting ':'");
	c->p++;
	c->skip += !!cond;
	no = calc_assign(c);
	c->skip -= !!cond;
	return cond ? yes : no;
}

/* "name = expr", "name += expr"; else a plain expression. */
static long long calc_assign(struct sh_calc *c)
{
	char name[256], op[3] = "", number[32];
	long long v, old = 0;
	const char *p;
	size_t n;

	if (c->depth > 200)
		return fail(c, "expression nested too deep");
	blanks(c);
	n = name_length(c->p);
	p = c->p + n + strspn(c->p + n, " \t\n");
	if (*p && strchr("+-*/%&|^", *p))
		op[0] = *p++;
	else if (!strncmp(p, "<<", 2) || !strncmp(p, ">>", 2))
		op[0] = *p, op[1] = *p, p += 2;
	if (!n || n >= sizeof(name) || *p != '=' || (!*op && p[1] == '='))
		return calc_choice(c);
	memcpy(name, c->p, n);
	name[n] = '\0';
	if (*op)
		old = calc_variable(c, n);
	c->p = c->error ? c->p : p + 1;
	c->depth++;
	v = calc_assign(c);
	c->depth--;
	if (*op)
		v = apply(c, op, old, v);
	snprintf(number, sizeof(number), "%lld", v);
	if (!c->error && !c->skip && sh_var_set(c->sh, name, number, 0))
		fail(c, "read only");
	return v;
}

int sh_arith(struct sh *sh, const char *expr, long long *out)
{
	struct sh_calc c = { .sh = sh, .p = expr };

	blanks(&c);
	*out = *c.p ? calc_assign(&c) : 0;
	blanks(&c);
	if (!c.error && *c.p)
		c.error = "syntax error";
	if (!c.error)
		return 0;
	sh_error(sh, 2, "arithmetic expression: %s: \"%.60s\"", c.error, expr);
	return -EINVAL;
}
