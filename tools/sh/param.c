// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parameter expansion (XCU 2.5, 2.6.2): variables, positional and special
 * parameters, and the forms in braces.
 */
#include "sh.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

void sh_option_letters(const struct sh *sh, char *out)
{
	const struct { bool on; char c; } all[] = {
		{ sh->opt_a, 'a' }, { sh->opt_e, 'e' }, { sh->opt_f, 'f' },
		{ sh->interactive, 'i' }, { sh->opt_m, 'm' }, { sh->opt_n, 'n' },
		{ sh->opt_u, 'u' }, { sh->opt_v, 'v' }, { sh->opt_x, 'x' }, { sh->opt_C, 'C' },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].on)
			*out++ = all[i].c;
	*out = '\0';
}

static const char *positional(const struct sh *sh, const char *name)
{
	u64 n;

	if (str_to_u64(name, 10, &n))
		return NULL;
	if (!n)
		return sh->name;
	return n <= (u64)sh->n_args ? sh->args[n - 1] : NULL;
}

/* The value of all but $@ and $*; NULL: unset. */
static const char *value_of(struct sh *sh, const char *name)
{
	char *number = sh_alloc(&sh->work, 32);

	switch (*name) {
	case '#':
		snprintf(number, 32, "%d", sh->n_args);
		return number;
	case '?':
		snprintf(number, 32, "%d", sh->status);
		return number;
	case '$':
		snprintf(number, 32, "%d", sh->pid);
		return number;
	case '!':
		snprintf(number, 32, "%d", sh->last_background);
		return sh->last_background ? number : NULL;
	case '-':
		sh_option_letters(sh, number);
		return number;
	}
	if (*name >= '0' && *name <= '9')
		return positional(sh, name);
	return sh_var_get(sh, name);
}

/* $@ and $*: the arguments, apart or joined. */
static void add_args(struct sh *sh, const struct sh_part *p, struct sh_build *b)
{
	const char *ifs = sh_var_get(sh, "IFS");
	bool at = *p->text == '@';
	char mask = p->quoted ? MASK_QUOTED : MASK_SPLIT;

	for (int i = 0; i < sh->n_args; i++) {
		if (i && (at || !p->quoted) && b->split)
			sh_build_add(b, " ", 1, MASK_BREAK);
		else if (i && (at || !ifs || *ifs))
			sh_build_add(b, at || !ifs ? " " : ifs, 1, mask);
		sh_build_add(b, sh->args[i], strlen(sh->args[i]), mask);
	}
	/* "$@" without arguments is no field at all, "$*" an empty one. */
	b->quoted |= p->quoted && (!at || sh->n_args);
}

/* Cuts what pattern matches off an end of s. */
static char *trim(struct sh *sh, const char *s, const char *pattern, bool front, bool longest)
{
	size_t len = strlen(s);
	char *copy = sh_strndup(&sh->work, s, len);

	for (size_t k = 0; k <= len; k++) {
		size_t n = longest ? len - k : k;	/* bytes to cut */
		char saved = copy[n];
		bool match;

		if (front) {
			copy[n] = '\0';
			match = !fnmatch(pattern, copy, 0);
			copy[n] = saved;
			if (match)
				return copy + n;
		} else if (!fnmatch(pattern, copy + len - n, 0)) {
			copy[len - n] = '\0';
			return copy;
		}
	}
	return copy;
}

/* ${x?word} without x. */
static int complain(struct sh *sh, const struct sh_part *p)
{
	const char *text = p->arg && p->arg->parts ? sh_expand_string(sh, p->arg) : NULL;

	sh_error(sh, 2, "%s: %s", p->text,
		 text ? text : p->colon ? "parameter not set or null" : "parameter not set");
	sh->flow = sh->flow ? sh->flow : FLOW_ABORT;
	return -1;
}

static int add_word(struct sh *sh, const struct sh_part *p, struct sh_build *b)
{
	size_t from = b->mask.len;
	int rc = p->arg ? sh_expand_parts(sh, p->arg->parts, b, p->quoted) : 0;

	/* Plain text of the word is split like the result of an expansion. */
	for (size_t i = from; i < b->mask.len; i++)
		if (b->mask.s[i] == MASK_PLAIN)
			b->mask.s[i] = MASK_SPLIT;
	b->quoted |= p->quoted;
	return rc;
}

static int assign(struct sh *sh, const struct sh_part *p, struct sh_build *b)
{
	char *s = p->arg ? sh_expand_string(sh, p->arg) : sh_strndup(&sh->work, "", 0);

	if (!sh_is_name(p->text, strlen(p->text))) {
		sh_error(sh, 2, "%s: bad variable name", p->text);
		return -1;
	}
	if (sh_var_set(sh, p->text, s, 0))
		return -1;
	sh_build_add(b, s, strlen(s), p->quoted ? MASK_QUOTED : MASK_SPLIT);
	b->quoted |= p->quoted;
	return 0;
}

static void add_length(struct sh *sh, const char *name, const char *value, struct sh_build *b)
{
	char number[32];
	size_t n = 0;

	/* Characters of UTF-8, not bytes. */
	for (const char *s = value; s && *s; s++)
		n += ((u8)*s & 0xc0) != 0x80;
	if (*name == '@' || *name == '*')
		n = sh->n_args;
	snprintf(number, sizeof(number), "%zu", n);
	sh_build_add(b, number, strlen(number), MASK_SPLIT);
}

static int add_value(struct sh *sh, const struct sh_part *p, const char *value,
		     struct sh_build *b)
{
	if (!value && sh->opt_u) {
		sh_error(sh, 2, "%s: parameter not set", p->text);
		return -1;
	}
	b->quoted |= p->quoted;
	if (!value)
		return 0;
	if (p->op == '#' || p->op == '%')
		value = trim(sh, value, sh_expand_pattern(sh, p->arg), p->op == '#', p->twice);
	sh_build_add(b, value, strlen(value), p->quoted ? MASK_QUOTED : MASK_SPLIT);
	return 0;
}

int sh_expand_param(struct sh *sh, const struct sh_part *p, struct sh_build *b)
{
	bool all = *p->text == '@' || *p->text == '*';
	const char *value = all ? sh->n_args ? sh->args[0] : NULL : value_of(sh, p->text);
	bool set = value && !(p->colon && !*value && (!all || sh->n_args == 1));

	switch (p->op) {
	case 'L':
		if (!value && !all && sh->opt_u)
			return add_value(sh, p, value, b);
		add_length(sh, p->text, value, b);
		return 0;
	case '+':
		if (set)
			return add_word(sh, p, b);
		b->quoted |= p->quoted;
		return 0;
	case '-':
		if (!set)
			return add_word(sh, p, b);
		break;
	case '=':
		if (!set)
			return assign(sh, p, b);
		break;
	case '?':
		if (!set)
			return complain(sh, p);
		break;
	}
	if (!all)
		return add_value(sh, p, value, b);
	add_args(sh, p, b);
	return 0;
}
