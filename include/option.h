/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The option table: one static table per applet (or sub-command, or
 * interactive command) is the single source of the parser, of --help, of
 * the manual page and of the shell completion. Example:
 *
 *	struct cat_args {
 *		const char *fmt;
 *		u64 size;
 *		bool quiet;
 *		const char *file;
 *	};
 *	#define A struct cat_args
 *	static const struct opt cat_opts[] = {
 *		OPT_STR('f', "format", "FMT", A, fmt, "read FILE as FMT"),
 *		OPT_SIZE('s', "size", "SIZE", A, size, "stop after SIZE"),
 *		OPT_FLAG('q', "quiet", A, quiet, "print nothing"),
 *		OPERAND("FILE", A, file, "the image to read"),
 *		OPT_END
 *	};
 *	static int cat_run(void *args, const struct opt_call *call);
 *	static const struct opt_cmd cat_cmd = {
 *		.name = "cat", .summary = "print the contents of an image",
 *		.opts = cat_opts, .args_size = sizeof(A), .run = cat_run,
 *	};
 *
 * Every value lands in the args struct, which starts zeroed (or as
 * .defaults() left it). A field that can legally be 0 gets its "not given"
 * value in .defaults(). Strings point into argv; nothing is copied.
 * The macros check the field's type at compile time.
 *
 * Accepted spellings: -abc clusters, -oVALUE, -o VALUE, --name=VALUE,
 * --name VALUE, unambiguous prefixes of long names (--na), "--" ends the
 * options, "-" is an operand, options may stand after operands (unless
 * OPT_CMD_NO_PERMUTE). With OPT_CMD_QEMU long names take one dash or two
 * (-smp 4, --smp 4) and there are no clusters and no prefixes. -h, --help
 * (and -help with OPT_CMD_QEMU), -V and --version always exist; a table may
 * claim the letters for itself. A word like -1G is an operand where no
 * option is called by that digit. A table has 512 entries at most.
 */
#ifndef VMBOX_OPTION_H
#define VMBOX_OPTION_H

#include "err.h"

struct opt;
struct strbuf;

/* What a table entry's argument is and where it goes; the field's C type is on the right. */
enum opt_type {
	OPT_T_END,
	OPT_T_GROUP,		/* a heading in --help and in the manual page */
	OPT_T_FLAG,		/* no argument; sets true		bool */
	OPT_T_UNFLAG,		/* no argument; sets false		bool */
	OPT_T_COUNT,		/* no argument; adds one		unsigned */
	OPT_T_BOOL,		/* on/off/yes/no/true/false/y/n		bool */
	OPT_T_STR,		/*					const char * */
	OPT_T_INT,		/* decimal or 0x, signed, min..max	s64 */
	OPT_T_UINT,		/* decimal or 0x, min..max		u64 */
	OPT_T_SIZE,		/* 4096, 64k, 1.5G, 0x1000; min..max	u64 */
	OPT_T_CHOICE,		/* index into .choices			int */
	OPT_T_LIST,		/* appended, in order			struct opt_list */
	OPT_T_CALL,		/* .fn decides				the whole args struct */
};

/* One occurrence of an OPT_T_LIST entry. Several entries may share a list: their order is kept. */
struct opt_item {
	const struct opt *opt;
	const char *val;	/* NULL when the argument was optional and absent */
};

struct opt_list {
	struct opt_item *v;
	size_t n;
};

enum {
	OPT_HIDDEN	= 1 << 0,	/* parsed, but in no help, man page or completion */
	OPT_OPTARG	= 1 << 1,	/* the argument may be missing: --name[=VALUE], -oVALUE or -o alone */
	OPT_REQUIRED	= 1 << 2,	/* an error when it is absent */
	OPT_OPERAND	= 1 << 3,	/* positional; filled in table order */
	OPT_KEYVAL	= 1 << 4,	/* an operand long_name=VALUE, as dd has */
	OPT_ONCE	= 1 << 5,	/* a second occurrence is an error (else the last one wins) */
};

/* What the shell completion offers for an argument. */
enum opt_complete {
	OPT_COMP_DEFAULT,	/* choices if there are any, on/off for booleans, else files */
	OPT_COMP_NONE,
	OPT_COMP_FILE,
	OPT_COMP_DIR,
};

struct opt {
	char short_name;		/* 0: none */
	u8 type;			/* enum opt_type */
	u8 flags;			/* OPT_HIDDEN ... */
	u8 complete;			/* enum opt_complete */
	const char *long_name;		/* without dashes; NULL: none. OPERAND: NULL. KEYVAL: the key */
	const char *metavar;		/* "FMT"; NULL for types without argument */
	size_t offset;			/* of the field in the args struct */
	union {
		struct { s64 min, max; } i;	/* OPT_T_INT; both 0: no bounds */
		struct { u64 min, max; } u;	/* OPT_T_UINT, OPT_T_SIZE; both 0: no bounds */
		const char *const *choices;	/* OPT_T_CHOICE; NULL-terminated. Also for completion of STR and LIST */
	};
	/*
	 * OPT_T_CALL: stores the value itself. args: the args struct; arg: the
	 * text, NULL when metavar is NULL or an optional argument is absent.
	 * Returns 0 or -errno with err set (opt_parse() prefixes the option's
	 * name).
	 */
	int (*fn)(void *args, const struct opt *o, const char *arg, struct err *err);
	const char *help;		/* lower case, no full stop; "\n" starts a new paragraph */
};

/* A section of the manual page beyond the generated ones. */
struct opt_section {
	const char *title;		/* "EXIT STATUS", "EXAMPLES", "SEE ALSO", "FILES", ... NULL ends the array */
	/*
	 * Plain text. An empty line starts a paragraph; a line that begins with
	 * a tab is literal (a command, sample output); "term\t-- text" makes a
	 * tagged item ("0\t-- success").
	 */
	const char *text;
};

enum {
	OPT_CMD_QEMU		= 1 << 0,	/* single-dash long options */
	OPT_CMD_NO_PERMUTE	= 1 << 1,	/* the first operand ends the options */
	OPT_CMD_HIDDEN		= 1 << 2,	/* sub-command not listed */
	OPT_CMD_RAW		= 1 << 3,	/* no parsing: run() sees call->argc/argv (help still works) */
};

struct opt_call;

struct opt_cmd {
	const char *name;		/* of the applet or sub-command */
	const char *summary;		/* one line, lower case, no full stop */
	const char *description;	/* man page; text rules as opt_section. NULL: the summary */
	const struct opt *opts;		/* ends with OPT_END; NULL: none */
	const struct opt_cmd *const *subs; /* NULL-terminated; NULL: none. With subs, .run (if any) runs when no sub is named */
	const struct opt_section *sections; /* NULL: none */
	unsigned flags;			/* OPT_CMD_* */
	u8 usage_status;		/* exit code of usage errors; 0 means 2 */
	size_t args_size;		/* of the args struct; at most 16 KiB. A sub's is its own; it sees its parents' through call->parent */
	void (*defaults)(void *args);	/* NULL: all zero */
	/* Returns the exit code of the process. Called with every value stored and checked. */
	int (*run)(void *args, const struct opt_call *call);
};

/* What run() learns besides its values. Valid until it returns. */
struct opt_call {
	const struct opt_cmd *cmd;
	const char *program;		/* as invoked: "qemu-img"; for messages */
	const struct opt_call *parent;	/* the level above, NULL at the top */
	void *args;
	int argc;			/* of this level, argv[0] its name; */
	char **argv;			/* operands of OPT_T_LIST etc. are already stored */
};

/* ---- table macros ---- */

/* Offset of T.f, with a compile-time check that its type is C. */
#define OPT_FIELD(T, f, C) (offsetof(T, f) + 0 * sizeof(char[ \
	__builtin_types_compatible_p(__typeof__(((T *)0)->f), C) ? 1 : -1]))

#define OPT_ENTRY(s, l, m, ty, T, f, C, h, ...) { .short_name = (s), \
	.long_name = (l), .metavar = (m), .type = (ty), \
	.offset = OPT_FIELD(T, f, C), .help = (h), ##__VA_ARGS__ }

/* The trailing ... takes further designated fields: `.flags = OPT_HIDDEN`. */
#define OPT_FLAG(s, l, T, f, h, ...)	   OPT_ENTRY(s, l, NULL, OPT_T_FLAG, T, f, bool, h, ##__VA_ARGS__)
#define OPT_UNFLAG(s, l, T, f, h, ...)	   OPT_ENTRY(s, l, NULL, OPT_T_UNFLAG, T, f, bool, h, ##__VA_ARGS__)
#define OPT_COUNT(s, l, T, f, h, ...)	   OPT_ENTRY(s, l, NULL, OPT_T_COUNT, T, f, unsigned, h, ##__VA_ARGS__)
#define OPT_BOOL(s, l, m, T, f, h, ...)	   OPT_ENTRY(s, l, m, OPT_T_BOOL, T, f, bool, h, ##__VA_ARGS__)
#define OPT_STR(s, l, m, T, f, h, ...)	   OPT_ENTRY(s, l, m, OPT_T_STR, T, f, const char *, h, ##__VA_ARGS__)
#define OPT_INT(s, l, m, T, f, h, ...)	   OPT_ENTRY(s, l, m, OPT_T_INT, T, f, s64, h, ##__VA_ARGS__)
#define OPT_UINT(s, l, m, T, f, h, ...)	   OPT_ENTRY(s, l, m, OPT_T_UINT, T, f, u64, h, ##__VA_ARGS__)
#define OPT_SIZE(s, l, m, T, f, h, ...)	   OPT_ENTRY(s, l, m, OPT_T_SIZE, T, f, u64, h, ##__VA_ARGS__)
#define OPT_CHOICE(s, l, m, T, f, ch, h, ...) \
	OPT_ENTRY(s, l, m, OPT_T_CHOICE, T, f, int, h, .choices = (ch), ##__VA_ARGS__)
#define OPT_LIST(s, l, m, T, f, h, ...)	   OPT_ENTRY(s, l, m, OPT_T_LIST, T, f, struct opt_list, h, ##__VA_ARGS__)
#define OPT_CALL(s, l, m, function, h, ...) { .short_name = (s), .long_name = (l), \
	.metavar = (m), .type = OPT_T_CALL, .fn = (function), .help = (h), ##__VA_ARGS__ }
#define OPT_GROUP(h)			   { .type = OPT_T_GROUP, .help = (h) }
#define OPT_END				   { .type = OPT_T_END }

/* Positional operands: exactly one; at most one; any number; at least one. */
#define OPERAND(m, T, f, h, ...) \
	OPT_ENTRY(0, NULL, m, OPT_T_STR, T, f, const char *, h, .flags = OPT_OPERAND | OPT_REQUIRED, ##__VA_ARGS__)
#define OPERAND_OPT(m, T, f, h, ...) \
	OPT_ENTRY(0, NULL, m, OPT_T_STR, T, f, const char *, h, .flags = OPT_OPERAND, ##__VA_ARGS__)
#define OPERAND_SIZE_OPT(m, T, f, h, ...) \
	OPT_ENTRY(0, NULL, m, OPT_T_SIZE, T, f, u64, h, .flags = OPT_OPERAND, ##__VA_ARGS__)
#define OPERAND_REST(m, T, f, h, ...) \
	OPT_ENTRY(0, NULL, m, OPT_T_LIST, T, f, struct opt_list, h, .flags = OPT_OPERAND, ##__VA_ARGS__)
#define OPERAND_REST1(m, T, f, h, ...) \
	OPT_ENTRY(0, NULL, m, OPT_T_LIST, T, f, struct opt_list, h, .flags = OPT_OPERAND | OPT_REQUIRED, ##__VA_ARGS__)

/*
 * dd-style operands: KEYVAL_SIZE("bs", "BYTES", A, bs, "...") is bs=BYTES.
 * Once a table has one, an operand that looks like key=value with an unknown
 * key is an error (with the nearest key) unless a positional entry follows.
 */
#define KEYVAL_STR(k, m, T, f, h, ...)	OPT_ENTRY(0, k, m, OPT_T_STR, T, f, const char *, h, .flags = OPT_KEYVAL, ##__VA_ARGS__)
#define KEYVAL_SIZE(k, m, T, f, h, ...)	OPT_ENTRY(0, k, m, OPT_T_SIZE, T, f, u64, h, .flags = OPT_KEYVAL, ##__VA_ARGS__)
#define KEYVAL_UINT(k, m, T, f, h, ...)	OPT_ENTRY(0, k, m, OPT_T_UINT, T, f, u64, h, .flags = OPT_KEYVAL, ##__VA_ARGS__)
#define KEYVAL_LIST(k, m, T, f, h, ...)	OPT_ENTRY(0, k, m, OPT_T_LIST, T, f, struct opt_list, h, .flags = OPT_KEYVAL, ##__VA_ARGS__)
#define KEYVAL_CALL(k, m, function, h, ...) { .long_name = (k), .metavar = (m), .type = OPT_T_CALL, \
	.fn = (function), .flags = OPT_KEYVAL, .help = (h), ##__VA_ARGS__ }

/* ---- running ---- */

/*
 * What an applet's main is: parses argv (argv[0] is the program's name as
 * the user typed it), walks into the named sub-command, prints help, version
 * or the usage error ("PROGRAM: unknown option '--fomat', did you mean
 * '--format'?"), or calls run(). Returns the exit code.
 */
int opt_main(const struct opt_cmd *cmd, int argc, char **argv);

enum opt_verdict {
	OPT_RUN,		/* parsed; run it */
	OPT_HELP,		/* --help was given */
	OPT_VERSION,
	OPT_SUB,		/* a sub-command was named; *rest is its index in argv */
};

/*
 * Parses one level into args (args_size bytes, zeroed and defaulted here).
 * argv[0] is skipped. No output, no exit: interactive command lines and
 * tests use it as it stands. Returns an enum opt_verdict or -errno with err
 * set (one line, with the nearest name when something is unknown).
 * Free the lists with opt_free() in either case.
 */
int opt_parse(const struct opt_cmd *cmd, int argc, char **argv, void *args,
	      int *rest, struct err *err);
void opt_free(const struct opt_cmd *cmd, void *args);

/* The sub-command called name, or NULL. */
const struct opt_cmd *opt_find_sub(const struct opt_cmd *cmd, const char *name);

/*
 * Generators; program is the full name ("img dd"). They append to out; an
 * allocation failure is kept in the strbuf (strbuf_failed()).
 */
void opt_usage(const struct opt_cmd *cmd, const char *program, struct strbuf *out);
void opt_help(const struct opt_cmd *cmd, const char *program, struct strbuf *out);
/* mdoc(7) page with every sub-command; aliases NULL-terminated or NULL; volume: 1 or 8. */
void opt_man(const struct opt_cmd *cmd, const char *name, const char *const *aliases,
	     int volume, struct strbuf *out);
/* The branches of a bash `case` that know cmd's words; see tools/vmbox/docs.c. */
void opt_completion(const struct opt_cmd *cmd, const char *name, struct strbuf *out);

#endif
