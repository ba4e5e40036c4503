// SPDX-License-Identifier: GPL-2.0-or-later
/* Finding and running applets by name, alias and prefix link. */
#include <stdio.h>
#include "applet.h"
#include "str.h"
#include "test.h"

static char said[128];

static int say(const char *what, const struct opt_call *call)
{
	snprintf(said, sizeof(said), "%s as %s with %d", what, call->program, call->argc);
	return 42;
}

static int run_top(void *args, const struct opt_call *call)
{
	(void)args;
	return say("top", call);
}

static int run_sub(void *args, const struct opt_call *call)
{
	(void)args;
	return say("sub", call);
}

struct rest {
	struct opt_list words;
};

static const struct opt rest_opts[] = { OPERAND_REST("WORD", struct rest, words, "words"), OPT_END };
static const struct opt_cmd sub_cmd = { .name = "two-words", .summary = "a sub-command", .opts = rest_opts,
					.args_size = sizeof(struct rest), .run = run_sub };
static const struct opt_cmd hidden_cmd = { .name = "hid", .summary = "hidden", .flags = OPT_CMD_HIDDEN, .run = run_sub };
static const struct opt_cmd *const subs[] = { &sub_cmd, &hidden_cmd, NULL };
static const struct opt_cmd top_cmd = { .name = "zz-test", .summary = "an applet of the test", .subs = subs, .run = run_top };
static const char *const aliases[] = { "zz-alias", NULL };
static const struct applet zz_test = { .cmd = &top_cmd, .aliases = aliases, .flags = APPLET_PREFIX };
APPLET(zz_test);

static const struct opt_cmd secret_cmd = { .name = "zz-secret", .summary = "hidden", .run = run_top };
static const struct applet zz_secret = { .cmd = &secret_cmd, .flags = APPLET_HIDDEN };
APPLET(zz_secret);

#define RUN(...) run((char *[]){ __VA_ARGS__, NULL })

static int run(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	said[0] = '\0';
	return applet_run(argc, argv);
}

TEST(applet_by_its_names)
{
	CHECK(applet_find("zz-test") == &zz_test);
	CHECK(applet_find("zz-alias") == &zz_test);
	CHECK(applet_find("zz-tes") == NULL);
	CHECK(applet_find("") == NULL);
	CHECK_EQ(RUN((char *)"/usr/bin/zz-test"), 42);
	CHECK_STR_EQ(said, "top as zz-test with 1");
	CHECK_EQ(RUN((char *)"zz-alias", (char *)"two-words", (char *)"x"), 42);
	CHECK_STR_EQ(said, "sub as zz-alias with 2");
	CHECK_EQ(RUN((char *)"zz-secret"), 42);
	CHECK_EQ(RUN((char *)"zz-nobody"), 127);
}

TEST(applet_by_prefix_link)
{
	CHECK_EQ(RUN((char *)"./zz-test-two-words", (char *)"x", (char *)"y"), 42);
	CHECK_STR_EQ(said, "sub as zz-test with 3");
	CHECK_EQ(RUN((char *)"zz-alias-two-words"), 42);
	CHECK_STR_EQ(said, "sub as zz-alias with 1");
	CHECK_EQ(RUN((char *)"zz-test-two"), 127);
	CHECK_EQ(RUN((char *)"zz-test-"), 127);
}

static void collect(void *ctx, const struct applet *a, const char *name)
{
	if (str_starts(name, "zz-", NULL))
		strbuf_printf(ctx, "%s(%s) ", name, a->cmd->name);
}

TEST(applets_listed_in_order_without_the_hidden)
{
	struct strbuf out = STRBUF_INIT;

	applet_foreach(false, collect, &out);
	CHECK_STR_EQ(out.s, "zz-test(zz-test) ");
	strbuf_reset(&out);
	applet_foreach(true, collect, &out);
	CHECK_STR_EQ(out.s, "zz-test(zz-test) zz-alias(zz-test) zz-test-two-words(zz-test) ");
	strbuf_free(&out);
}
