// SPDX-License-Identifier: GPL-2.0-or-later
/* The option parser and its generators on one table that has every kind of entry. */
#include <errno.h>
#include <stdio.h>
#include "fault.h"
#include "option.h"
#include "str.h"
#include "test.h"

struct args {
	bool quiet, cache, direct;
	unsigned verbose;
	const char *fmt, *log, *file;
	s64 delta;
	u64 count, size, bs;
	int level;
	struct opt_list devices, rest;
	const char *called;
};
#define A struct args

static const char *const levels[] = { "low", "medium", "high", NULL };

static int note(void *args, const struct opt *o, const char *arg, struct err *err)
{
	A *a = args;

	if (arg && str_eq(arg, "bad"))
		return err_set(err, EINVAL, "it is bad");
	a->called = arg ? arg : "(none)";
	return o->metavar ? 0 : -1;
}

static void defaults(void *args)
{
	((A *)args)->cache = true;
	((A *)args)->level = -1;
}

static const struct opt opts[] = {
	OPT_GROUP("General options"),
	OPT_FLAG('q', "quiet", A, quiet, "print nothing"),
	OPT_COUNT('v', "verbose", A, verbose, "say more; may be repeated"),
	OPT_UNFLAG(0, "no-cache", A, cache, "do not cache"),
	OPT_BOOL('D', "direct", "BOOL", A, direct, "bypass the page cache", .flags = OPT_OPTARG),
	OPT_STR('f', "format", "FMT", A, fmt, "the format", .flags = OPT_ONCE),
	OPT_STR(0, "log", "FILE", A, log, "log to FILE", .flags = OPT_OPTARG),
	OPT_INT(0, "delta", "N", A, delta, "a signed number", .i = { -5, 5 }),
	OPT_UINT('c', "count", "N", A, count, "a number"),
	OPT_SIZE('s', "size", "SIZE", A, size, "a size", .u = { 512, 1 << 20 }),
	OPT_CHOICE('l', "level", "LEVEL", A, level, levels, "how much"),
	OPT_LIST('d', "device", "DEV", A, devices, "a device; may be repeated"),
	OPT_LIST(0, "drive", "DRIVE", A, devices, "a drive; may be repeated"),
	OPT_CALL('x', "call", "ARG", note, "call a function"),
	OPT_FLAG(0, "formatted", A, quiet, "hidden from everyone", .flags = OPT_HIDDEN),
	OPERAND("FILE", A, file, "the file"),
	OPERAND_REST("MORE", A, rest, "more files"),
	OPT_END
};

static const struct opt_cmd cmd = {
	.name = "tool", .summary = "test the parser", .opts = opts, .args_size = sizeof(A), .defaults = defaults,
};

#define PARSE(...) parse(&cmd, (char *[]){ (char *)"tool", ##__VA_ARGS__, NULL })

static A a;
static struct err err;
static int rest;

static int parse(const struct opt_cmd *c, char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	opt_free(&cmd, &a);
	err_clear(&err);
	return opt_parse(c, argc, argv, &a, &rest, &err);
}

TEST(option_short_forms)
{
	CHECK_EQ(PARSE("-qvv", "-fraw", "-c", "7", "file", "-vx", "-q"), OPT_RUN);
	CHECK(a.quiet);
	CHECK_EQ(a.verbose, 3);
	CHECK_STR_EQ(a.fmt, "raw");
	CHECK_EQ(a.count, 7);
	CHECK_STR_EQ(a.file, "file");
	CHECK_STR_EQ(a.called, "-q");
	CHECK(a.cache && a.level == -1);
}

TEST(option_long_forms)
{
	CHECK_EQ(PARSE("--format=raw", "--size", "64k", "f", "--no-cache", "--lev", "high", "--delta=-3"), OPT_RUN);
	CHECK_STR_EQ(a.fmt, "raw");
	CHECK_EQ(a.size, 65536);
	CHECK(!a.cache);
	CHECK_EQ(a.level, 2);
	CHECK_EQ(a.delta, -3);
	CHECK_EQ(PARSE("--format=", "f"), OPT_RUN);
	CHECK_STR_EQ(a.fmt, "");
}

TEST(option_optional_arguments)
{
	CHECK_EQ(PARSE("-D", "f"), OPT_RUN);
	CHECK(a.direct);
	CHECK_EQ(PARSE("-Doff", "f"), OPT_RUN);
	CHECK(!a.direct);
	CHECK_EQ(PARSE("--direct=off", "--log", "f"), OPT_RUN);
	CHECK(!a.direct);
	CHECK_STR_EQ(a.log, "");
	CHECK_STR_EQ(a.file, "f");
}

TEST(option_operands)
{
	CHECK_EQ(PARSE("f", "--", "-q", "--", "-"), OPT_RUN);
	CHECK(!a.quiet);
	CHECK_EQ(a.rest.n, 3);
	CHECK_STR_EQ(a.rest.v[0].val, "-q");
	CHECK_STR_EQ(a.rest.v[1].val, "--");
	CHECK_STR_EQ(a.rest.v[2].val, "-");
	CHECK_EQ(PARSE("f", "-1G"), OPT_RUN);		/* no option is called 1 */
	CHECK_STR_EQ(a.rest.v[0].val, "-1G");
}

TEST(option_lists_keep_order)
{
	CHECK_EQ(PARSE("--device=a", "--drive", "b", "-dc", "--drive=d", "-d", "e", "f"), OPT_RUN);
	CHECK_EQ(a.devices.n, 5);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(a.devices.v[i].val[0], 'a' + i);
		CHECK_STR_EQ(a.devices.v[i].opt->long_name, i % 2 ? "drive" : "device");
	}
}

static void refused(int ret, const char *want)
{
	CHECK_LT(ret, 0);
	CHECK_STR_EQ(err.msg, want);
}

TEST(option_errors)
{
	refused(PARSE("--fomat=x"), "unknown option '--fomat', did you mean '--format'?");
	refused(PARSE("--hepl"), "unknown option '--hepl', did you mean '--help'?");
	refused(PARSE("--zzz"), "unknown option '--zzz'");
	refused(PARSE("-z"), "unknown option '-z'");
	refused(PARSE("-qz"), "unknown option '-z'");
	refused(PARSE("--d"), "option '--d' is ambiguous");
	refused(PARSE("--quiet=1"), "option '--quiet' takes no argument");
	refused(PARSE("--format"), "option '--format' needs an argument (FMT)");
	refused(PARSE("-c"), "option '--count' needs an argument (N)");
	refused(PARSE("-fa", "-fb"), "option '--format' is given twice");
	refused(PARSE("-cx"), "option '--count': 'x': expected a number");
	refused(PARSE("-c99999999999999999999"), "option '--count': '99999999999999999999' is too large");
	refused(PARSE("-s1q"), "option '--size': '1q': expected a size such as 512, 64k or 1.5G");
	refused(PARSE("-s100"), "option '--size': '100' is not in 512..1048576");
	refused(PARSE("--delta=6"), "option '--delta': '6' is not in -5..5");
	refused(PARSE("-lhihg"), "option '--level': 'hihg': did you mean 'high'? (one of low, medium, high)");
	refused(PARSE("-lxxxx"), "option '--level': 'xxxx': expected one of low, medium, high");
	refused(PARSE("-Dmaybe"), "option '--direct': 'maybe': expected on or off");
	refused(PARSE("-xbad"), "option '--call': it is bad");
	refused(PARSE("-q"), "missing operand FILE");
	CHECK_EQ(PARSE("--formatted", "f"), OPT_RUN);
}

TEST(option_help_and_version)
{
	CHECK_EQ(PARSE("-q", "--help", "--nonsense"), OPT_HELP);
	CHECK_EQ(PARSE("-qh"), OPT_HELP);
	CHECK_EQ(PARSE("-V"), OPT_VERSION);
	CHECK_EQ(PARSE("--version"), OPT_VERSION);
}

/* ---- the other kinds of command ---- */

TEST(option_qemu_style)
{
	struct opt_cmd qemu = cmd;

	qemu.flags = OPT_CMD_QEMU;
#define QEMU(...) parse(&qemu, (char *[]){ (char *)"vm", ##__VA_ARGS__, NULL })
	CHECK_EQ(QEMU("-format", "raw", "--count", "3", "-d", "x", "f", "-quiet"), OPT_RUN);
	CHECK_STR_EQ(a.fmt, "raw");
	CHECK_EQ(a.count, 3);
	CHECK_STR_EQ(a.devices.v[0].val, "x");
	CHECK(a.quiet);
	refused(QEMU("-form", "raw"), "unknown option '-form', did you mean '-format'?");
	refused(QEMU("-count=3"), "unknown option '-count=3', did you mean '-count'?");
	CHECK_EQ(QEMU("-help"), OPT_HELP);
	CHECK_EQ(QEMU("--version"), OPT_VERSION);
	CHECK_EQ(QEMU("-h"), OPT_HELP);
}

static const struct opt dd_opts[] = {
	KEYVAL_STR("if", "FILE", A, file, "read FILE"),
	KEYVAL_SIZE("bs", "BYTES", A, bs, "block size"),
	KEYVAL_UINT("count", "N", A, count, "blocks"),
	KEYVAL_LIST("conv", "CONV", A, devices, "conversions"),
	OPT_FLAG('q', NULL, A, quiet, "quiet"),
	OPT_END
};
static const struct opt_cmd dd_cmd = { .name = "dd", .summary = "copy", .opts = dd_opts, .args_size = sizeof(A) };

TEST(option_dd_style)
{
#define DD(...) parse(&dd_cmd, (char *[]){ (char *)"dd", ##__VA_ARGS__, NULL })
	CHECK_EQ(DD("if=a=b", "bs=1.5k", "-q", "conv=x", "conv=y"), OPT_RUN);
	CHECK_STR_EQ(a.file, "a=b");
	CHECK_EQ(a.bs, 1536);
	CHECK(a.quiet);
	CHECK_EQ(a.devices.n, 2);
	refused(DD("fi=x"), "unknown operand 'fi=', did you mean 'if='?");
	refused(DD("counts=x"), "unknown operand 'counts=', did you mean 'count='?");
	refused(DD("bs=x"), "option 'bs=': 'x': expected a size such as 512, 64k or 1.5G");
	refused(DD("plain"), "unexpected operand 'plain'");
}

static const struct opt_cmd secret = { .name = "secret", .summary = "hidden", .flags = OPT_CMD_HIDDEN };
static const struct opt_cmd *const subs[] = { &dd_cmd, &secret, NULL };
static const struct opt top_opts[] = {
	OPT_FLAG('q', "quiet", A, quiet, "print nothing"),
	OPT_END
};
static const struct opt_cmd top = { .name = "img", .summary = "make images", .opts = top_opts, .subs = subs, .args_size = sizeof(A) };

TEST(option_sub_commands)
{
#define TOP(...) parse(&top, (char *[]){ (char *)"img", ##__VA_ARGS__, NULL })
	CHECK_EQ(TOP("-q", "dd", "-z"), OPT_SUB);
	CHECK_EQ(rest, 2);
	CHECK(a.quiet);
	CHECK(opt_find_sub(&top, "dd") == &dd_cmd);
	CHECK(opt_find_sub(&top, "secret") == &secret);
	refused(TOP("ddd"), "unknown command 'ddd', did you mean 'dd'?");
	refused(TOP("convert"), "unknown command 'convert'");
	refused(TOP("secert"), "unknown command 'secert'");
	refused(TOP("-q"), "a command is needed; --help lists them");
}

TEST(option_no_permute)
{
	static const struct opt words[] = { OPT_FLAG('q', "quiet", A, quiet, "q"), OPERAND_REST("WORD", A, rest, "words"), OPT_END };
	static const struct opt_cmd c = { .name = "run", .summary = "run", .opts = words, .args_size = sizeof(A),
					  .flags = OPT_CMD_NO_PERMUTE };

	CHECK_EQ(parse(&c, (char *[]){ (char *)"run", (char *)"-q", (char *)"cmd", (char *)"-x", (char *)"--help", NULL }), OPT_RUN);
	CHECK(a.quiet);
	CHECK_EQ(a.rest.n, 3);
	opt_free(&c, &a);
}

#if IS_ENABLED(CONFIG_FAULT_INJECTION)
TEST(option_survives_failed_allocations)
{
	unsigned failures = 0;

	FAULT_FOREACH(FAULT_ALLOC, n) {
		int ret = PARSE("-da", "-db", "-dc", "f", "g", "h");

		if (ret != OPT_RUN) {
			CHECK_EQ(ret, -ENOMEM);
			failures++;
		}
	}
	CHECK_LE(4, failures);
	opt_free(&cmd, &a);
}
#endif

TEST(option_help_text)
{
	struct strbuf out = STRBUF_INIT;

	opt_help(&dd_cmd, "img dd", &out);
	CHECK_STR_EQ(out.s,
		     "Usage: img dd [OPTION]... [KEY=VALUE]...\n"
		     "\n"
		     "Copy.\n"
		     "\n"
		     "Operands:\n"
		     "  if=FILE                 read FILE\n"
		     "  bs=BYTES                block size\n"
		     "  count=N                 blocks\n"
		     "  conv=CONV               conversions\n"
		     "\n"
		     "Options:\n"
		     "  -q                      quiet\n"
		     "  -h, --help              print this text and exit\n"
		     "  -V, --version           print the version and exit\n");
	strbuf_reset(&out);
	opt_help(&cmd, "tool", &out);
	CHECK(str_starts(out.s, "Usage: tool [OPTION]... FILE [MORE]...\n", NULL));
	CHECK(strstr(out.s, "\nGeneral options:\n") != NULL);
	CHECK(strstr(out.s, "  -l, --level=LEVEL       how much: low, medium, high\n") != NULL);
	CHECK(strstr(out.s, "  -D, --direct[=BOOL]     bypass the page cache\n") != NULL);
	CHECK(strstr(out.s, "hidden") == NULL);
	for (const char *s = out.s; *s; s = strchr(s, '\n') + 1)
		CHECK_LE(strcspn(s, "\n"), 79);
	strbuf_reset(&out);
	opt_help(&top, "img", &out);
	CHECK(strstr(out.s, "\nCommands:\n  dd                      copy\n\n") != NULL);
	strbuf_free(&out);
}

/* The table in every place that --help, the manual page and the completion show. */
TEST(option_every_entry_is_documented)
{
	struct strbuf help = STRBUF_INIT, man = STRBUF_INIT, comp = STRBUF_INIT;

	opt_help(&cmd, "tool", &help);
	opt_man(&cmd, "tool", NULL, 1, &man);
	opt_completion(&cmd, "tool", &comp);
	for (const struct opt *o = opts; o->type != OPT_T_END; o++) {
		char dashed[40];

		if (!o->long_name || o->type == OPT_T_GROUP)
			continue;
		snprintf(dashed, sizeof(dashed), "--%s", o->long_name);
		CHECK_EQ(strstr(help.s, dashed) != NULL, !(o->flags & OPT_HIDDEN));
		CHECK_EQ(strstr(comp.s, dashed) != NULL, !(o->flags & OPT_HIDDEN));
	}
	CHECK(strstr(man.s, ".Fl \"\\-level\"") || strstr(man.s, "Fl \"\\-level\""));
	CHECK(!strstr(man.s, "hidden from everyone"));
	strbuf_free(&help);
	strbuf_free(&man);
	strbuf_free(&comp);
}
