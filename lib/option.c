// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The option parser: one level of a command line by its table (option.h).
 * It stores values and explains errors; it prints nothing. Operands are
 * stored where they are met, so argv is never reordered.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "mem.h"
#include "option.h"
#include "option_priv.h"
#include "str.h"

#define SEEN_WORDS 8		/* entries that OPT_ONCE and OPT_REQUIRED can watch: 512 */

struct parse {
	const struct opt_cmd *cmd;
	void *args;
	char **argv;
	int argc;
	int i;				/* the word being looked at */
	const struct opt *operand;	/* the next positional entry */
	bool only_operands;		/* "--" was there */
	u64 seen[SEEN_WORDS];
	struct err *err;
};

#define EACH_OPT(cmd, o) \
	for (const struct opt *o = opt_first(cmd); o->type != OPT_T_END; o++)

const struct opt opt_none[] = { OPT_END };

const char *opt_dashes(const struct opt_cmd *cmd)
{
	return cmd->flags & OPT_CMD_QEMU ? "-" : "--";
}

/* How messages name the entry: "--format", "-f", "bs=", "FILE". */
static const char *label(const struct parse *p, const struct opt *o, char *buf, size_t size)
{
	if (o->flags & OPT_OPERAND)
		return o->metavar;
	if (o->flags & OPT_KEYVAL)
		snprintf(buf, size, "%s=", o->long_name);
	else if (o->long_name)
		snprintf(buf, size, "%s%s", opt_dashes(p->cmd), o->long_name);
	else
		snprintf(buf, size, "-%c", o->short_name);
	return buf;
}

/* ---- values ---- */

static int choice_value(const struct opt *o, const char *arg, int *val, struct err *err)
{
	struct str_nearest near = STR_NEAREST_INIT(arg);
	char all[256];
	size_t n = 0;
	int i = str_to_index(arg, o->choices);

	if (i >= 0) {
		*val = i;
		return 0;
	}
	all[0] = '\0';
	for (i = 0; o->choices[i] && n < sizeof(all); i++) {
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", o->choices[i]);
		str_nearest_offer(&near, o->choices[i]);
	}
	if (str_nearest(&near))
		return err_set(err, EINVAL, "'%s': did you mean '%s'? (one of %s)", arg, str_nearest(&near), all);
	return err_set(err, EINVAL, "'%s': expected one of %s", arg, all);
}

static int uint_value(const struct opt *o, const char *arg, u64 *val, struct err *err)
{
	bool size = o->type == OPT_T_SIZE;
	u64 v = 0;
	int ret = size ? str_to_size(arg, 'b', &v) : str_to_u64(arg, 0, &v);

	if (ret == -EINVAL)
		return err_set(err, EINVAL, "'%s': expected %s", arg,
			       size ? "a size such as 512, 64k or 1.5G" : "a number");
	if (ret == -ERANGE)
		return err_set(err, ERANGE, "'%s' is too large", arg);
	if ((o->u.min || o->u.max) && (v < o->u.min || v > o->u.max))
		return err_set(err, ERANGE, "'%s' is not in %llu..%llu", arg, o->u.min, o->u.max);
	*val = v;
	return 0;
}

static int int_value(const struct opt *o, const char *arg, s64 *val, struct err *err)
{
	s64 v = 0;
	int ret = str_to_s64(arg, 0, &v);

	if (ret == -EINVAL)
		return err_set(err, EINVAL, "'%s': expected a number", arg);
	if (ret == -ERANGE)
		return err_set(err, ERANGE, "'%s' is out of range", arg);
	if ((o->i.min || o->i.max) && (v < o->i.min || v > o->i.max))
		return err_set(err, ERANGE, "'%s' is not in %lld..%lld", arg, o->i.min, o->i.max);
	*val = v;
	return 0;
}

/* Capacity is not stored: it is the power of two that holds n. */
static int list_add(struct opt_list *l, const struct opt *o, const char *arg, struct err *err)
{
	if (!(l->n & (l->n - 1))) {
		void *v = mem_resize_array(l->v, l->n ? l->n * 2 : 1, sizeof(*l->v));

		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		l->v = v;
	}
	l->v[l->n++] = (struct opt_item){ o, arg };
	return 0;
}

static int store(const struct opt *o, void *args, const char *arg, struct err *err)
{
	void *field = (char *)args + o->offset;

	/* An optional argument that is absent means "on" or "no text". */
	if (!arg && o->metavar && o->type != OPT_T_LIST && o->type != OPT_T_CALL && o->type != OPT_T_STR)
		arg = o->type == OPT_T_BOOL ? "on" : "";
	switch (o->type) {
	case OPT_T_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_T_UNFLAG:
		*(bool *)field = false;
		return 0;
	case OPT_T_COUNT:
		++*(unsigned *)field;
		return 0;
	case OPT_T_BOOL:
		if (str_to_bool(arg, field))
			return err_set(err, EINVAL, "'%s': expected on or off", arg);
		return 0;
	case OPT_T_STR:
		*(const char **)field = arg ? arg : "";
		return 0;
	case OPT_T_INT:
		return int_value(o, arg, field, err);
	case OPT_T_UINT:
	case OPT_T_SIZE:
		return uint_value(o, arg, field, err);
	case OPT_T_CHOICE:
		return choice_value(o, arg, field, err);
	case OPT_T_LIST:
		return list_add(field, o, arg, err);
	case OPT_T_CALL:
		return o->fn(args, o, arg, err);
	default:
		return err_set(err, EINVAL, "entry of type %d cannot hold a value", o->type);
	}
}

static bool was_seen(const struct parse *p, const struct opt *o)
{
	size_t i = (size_t)(o - p->cmd->opts);

	return i / 64 < SEEN_WORDS && p->seen[i / 64] & BIT(i % 64);
}

static void mark_seen(struct parse *p, const struct opt *o)
{
	size_t i = (size_t)(o - p->cmd->opts);

	if (i / 64 < SEEN_WORDS)
		p->seen[i / 64] |= BIT(i % 64);
}

static int take(struct parse *p, const struct opt *o, const char *arg)
{
	char buf[80];
	int ret;

	if (was_seen(p, o) && o->flags & OPT_ONCE)
		return err_set(p->err, EINVAL, "option '%s' is given twice", label(p, o, buf, sizeof(buf)));
	mark_seen(p, o);
	ret = store(o, p->args, arg, p->err);
	if (ret)
		err_prefix(p->err, o->flags & OPT_OPERAND ? "%s" : "option '%s'", label(p, o, buf, sizeof(buf)));
	return ret;
}

/* ---- options ---- */

static bool has_short(const struct opt_cmd *cmd, char c)
{
	EACH_OPT(cmd, o)
		if (o->short_name == c)
			return true;
	return false;
}

static bool is_option(const struct opt *o)
{
	return !(o->flags & (OPT_OPERAND | OPT_KEYVAL)) && o->type != OPT_T_GROUP;
}

static const struct opt *find_short(const struct opt_cmd *cmd, char c)
{
	EACH_OPT(cmd, o)
		if (is_option(o) && c && o->short_name == c)
			return o;
	return NULL;
}

/* name[0..n): exactly, or by an unambiguous prefix. *ambiguous is set when it fits several. */
static const struct opt *find_long(const struct opt_cmd *cmd, const char *name, size_t n, bool *ambiguous)
{
	const struct opt *near = NULL;

	*ambiguous = false;
	EACH_OPT(cmd, o) {
		if (!is_option(o) || !o->long_name || strncmp(o->long_name, name, n))
			continue;
		if (!o->long_name[n])
			return o;
		if (cmd->flags & OPT_CMD_QEMU || o->flags & OPT_HIDDEN)
			continue;
		*ambiguous = near != NULL;
		near = near ? near : o;
	}
	return *ambiguous ? NULL : near;
}

static int unknown_option(struct parse *p, const char *word, const char *name, size_t n)
{
	char typed[64];
	struct str_nearest near = STR_NEAREST_INIT(typed);
	size_t len = (size_t)(name - word) + n;

	snprintf(typed, sizeof(typed), "%.*s", (int)MIN(n, sizeof(typed) - 1), name);
	EACH_OPT(p->cmd, o)
		if (is_option(o) && o->long_name && !(o->flags & OPT_HIDDEN))
			str_nearest_offer(&near, o->long_name);
	str_nearest_offer(&near, "help");
	str_nearest_offer(&near, "version");
	if (n > 1 && str_nearest(&near))
		return err_set(p->err, EINVAL, "unknown option '%.*s', did you mean '%s%s'?", (int)len, word,
			       opt_dashes(p->cmd), str_nearest(&near));
	return err_set(p->err, EINVAL, "unknown option '%.*s'", (int)len, word);
}

/* The next word as o's argument. */
static int take_next(struct parse *p, const struct opt *o)
{
	char buf[80];

	if (p->i + 1 >= p->argc)
		return err_set(p->err, EINVAL, "option '%s' needs an argument (%s)",
			       label(p, o, buf, sizeof(buf)), o->metavar);
	return take(p, o, p->argv[++p->i]);
}

/* value: text behind '=', or NULL. */
static int take_long(struct parse *p, const struct opt *o, const char *value)
{
	char buf[80];

	if (!o->metavar) {
		if (value)
			return err_set(p->err, EINVAL, "option '%s' takes no argument", label(p, o, buf, sizeof(buf)));
		return take(p, o, NULL);
	}
	if (value || o->flags & OPT_OPTARG)
		return take(p, o, value);
	return take_next(p, o);
}

/* Is the word (without dashes) one of the options that every command has? */
static int standard_long(const char *name, size_t n)
{
	if (n == 4 && !strncmp(name, "help", 4))
		return OPT_HELP;
	if (n == 7 && !strncmp(name, "version", 7))
		return OPT_VERSION;
	return OPT_RUN;
}

/* The parse_ functions return OPT_RUN to go on, another verdict, or -errno. */
static int parse_long(struct parse *p, const char *word, const char *name)
{
	const char *eq = p->cmd->flags & OPT_CMD_QEMU ? NULL : strchr(name, '=');
	size_t n = eq ? (size_t)(eq - name) : strlen(name);
	bool ambiguous;
	const struct opt *o = find_long(p->cmd, name, n, &ambiguous);

	if (o)
		return take_long(p, o, eq ? eq + 1 : NULL);
	if (ambiguous)
		return err_set(p->err, EINVAL, "option '%.*s' is ambiguous", (int)(name - word + (ptrdiff_t)n), word);
	if (standard_long(name, n) != OPT_RUN && !eq)
		return standard_long(name, n);
	return unknown_option(p, word, name, n);
}

static int parse_cluster(struct parse *p, const char *word)
{
	for (const char *s = word + 1; *s; s++) {
		char bad[3] = { '-', *s, '\0' };
		const struct opt *o = find_short(p->cmd, *s);
		int ret;

		if (!o && *s == 'h')
			return OPT_HELP;
		if (!o && *s == 'V')
			return OPT_VERSION;
		if (!o)
			return s == word + 1 ? unknown_option(p, word, word + 1, strlen(word) - 1) :
					       unknown_option(p, bad, bad + 1, 1);
		if (o->metavar && s[1])
			return take(p, o, s + 1);
		if (o->metavar && !(o->flags & OPT_OPTARG))
			return take_next(p, o);
		ret = take(p, o, NULL);
		if (ret)
			return ret;
	}
	return OPT_RUN;
}

/* -name or --name; a single letter is looked up as a short name. */
static int parse_qemu(struct parse *p, const char *word)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);
	const struct opt *o;

	if (name[0] && !name[1]) {
		o = find_short(p->cmd, name[0]);
		if (o)
			return take_long(p, o, NULL);
		if (name[0] == 'h')
			return OPT_HELP;
		if (name[0] == 'V')
			return OPT_VERSION;
	}
	return parse_long(p, word, name);
}

/* ---- operands ---- */

static bool is_operand(const struct opt *o)
{
	return o->flags & OPT_OPERAND;
}

static void next_operand(struct parse *p)
{
	while (p->operand->type != OPT_T_END && !is_operand(p->operand))
		p->operand++;
}

static int unknown_key(struct parse *p, const char *word, size_t n)
{
	char typed[64];
	struct str_nearest near = STR_NEAREST_INIT(typed);

	snprintf(typed, sizeof(typed), "%.*s", (int)MIN(n, sizeof(typed) - 1), word);
	EACH_OPT(p->cmd, o)
		if (o->flags & OPT_KEYVAL)
			str_nearest_offer(&near, o->long_name);
	if (str_nearest(&near))
		return err_set(p->err, EINVAL, "unknown operand '%s=', did you mean '%s='?", typed, str_nearest(&near));
	return err_set(p->err, EINVAL, "unknown operand '%s='", typed);
}

/* 1: taken as key=value; 0: it is none; -errno. */
static int parse_keyval(struct parse *p, const char *word)
{
	const char *eq = strchr(word, '=');
	bool any = false;

	if (!eq)
		return 0;
	EACH_OPT(p->cmd, o) {
		if (!(o->flags & OPT_KEYVAL))
			continue;
		any = true;
		if (strlen(o->long_name) == (size_t)(eq - word) && !strncmp(o->long_name, word, (size_t)(eq - word))) {
			int ret = take(p, o, eq + 1);

			return ret ? ret : 1;
		}
	}
	if (!any || p->operand->type != OPT_T_END)
		return 0;
	return unknown_key(p, word, (size_t)(eq - word));
}

static int unknown_sub(struct parse *p, const char *word)
{
	struct str_nearest near = STR_NEAREST_INIT(word);

	for (const struct opt_cmd *const *s = p->cmd->subs; *s; s++)
		if (!((*s)->flags & OPT_CMD_HIDDEN))
			str_nearest_offer(&near, (*s)->name);
	if (str_nearest(&near))
		return err_set(p->err, EINVAL, "unknown command '%s', did you mean '%s'?", word, str_nearest(&near));
	return err_set(p->err, EINVAL, "unknown command '%s'", word);
}

static int parse_operand(struct parse *p, const char *word)
{
	const struct opt *o;
	int ret = parse_keyval(p, word);

	if (ret)
		return ret < 0 ? ret : OPT_RUN;
	if (p->cmd->subs && opt_find_sub(p->cmd, word))
		return OPT_SUB;
	o = p->operand;
	if (o->type == OPT_T_END && p->cmd->subs)
		return unknown_sub(p, word);
	if (o->type == OPT_T_END)
		return err_set(p->err, EINVAL, "unexpected operand '%s'", word);
	if (o->type != OPT_T_LIST) {
		p->operand++;
		next_operand(p);
	}
	return take(p, o, word);
}

static int check_required(struct parse *p)
{
	char buf[80];

	EACH_OPT(p->cmd, o) {
		if (!(o->flags & OPT_REQUIRED) || was_seen(p, o))
			continue;
		return err_set(p->err, EINVAL, is_operand(o) ? "missing operand %s" : "option '%s' is required",
			       label(p, o, buf, sizeof(buf)));
	}
	return 0;
}

/* Is "-1G" a number here? Only when no option is called by that digit. */
static bool negative_number(const struct parse *p, const char *word)
{
	return word[1] >= '0' && word[1] <= '9' && !has_short(p->cmd, word[1]);
}

static int parse_word(struct parse *p, const char *word)
{
	if (p->only_operands || word[0] != '-' || !word[1] || negative_number(p, word)) {
		if (p->cmd->flags & OPT_CMD_NO_PERMUTE)
			p->only_operands = true;
		return parse_operand(p, word);
	}
	if (str_eq(word, "--")) {
		p->only_operands = true;
		return OPT_RUN;
	}
	if (p->cmd->flags & OPT_CMD_QEMU)
		return parse_qemu(p, word);
	return word[1] == '-' ? parse_long(p, word, word + 2) : parse_cluster(p, word);
}

/* OPT_CMD_RAW: only a help or version word in the first place is ours. */
static int parse_raw(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (str_eq(word, "-h"))
		return OPT_HELP;
	return str_starts(word, "--", &word) ? standard_long(word, strlen(word)) : OPT_RUN;
}

int opt_parse(const struct opt_cmd *cmd, int argc, char **argv, void *args, int *rest, struct err *err)
{
	struct parse p = { .cmd = cmd, .args = args, .argc = argc, .argv = argv, .err = err,
			   .operand = opt_first(cmd) };

	if (cmd->args_size)
		memset(args, 0, cmd->args_size);
	if (cmd->defaults)
		cmd->defaults(args);
	if (cmd->flags & OPT_CMD_RAW)
		return parse_raw(argc, argv);
	next_operand(&p);
	for (p.i = 1; p.i < argc; p.i++) {
		int word = p.i, ret = parse_word(&p, argv[p.i]);

		if (ret != OPT_RUN) {
			if (rest)
				*rest = word;
			return ret;
		}
	}
	if (cmd->subs && !cmd->run)
		return err_set(err, EINVAL, "a command is needed; --help lists them");
	return check_required(&p);
}

void opt_free(const struct opt_cmd *cmd, void *args)
{
	EACH_OPT(cmd, o) {
		struct opt_list *l = (struct opt_list *)((char *)args + o->offset);

		if (o->type != OPT_T_LIST)
			continue;
		mem_free(l->v);
		*l = (struct opt_list){ NULL, 0 };
	}
}

const struct opt_cmd *opt_find_sub(const struct opt_cmd *cmd, const char *name)
{
	for (const struct opt_cmd *const *s = cmd->subs; s && *s; s++)
		if (str_eq((*s)->name, name))
			return *s;
	return NULL;
}
