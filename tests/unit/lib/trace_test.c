// SPDX-License-Identifier: GPL-2.0-or-later
/* Trace points: switching, recording from several threads, overwriting. requires: CONFIG_TRACE */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "err.h"
#include "str.h"
#include "test.h"
#include "thread.h"
#include "trace.h"

TRACE_EVENT(test_zero_args, "nothing");
TRACE_EVENT(test_two_args, "off=%llu mask=0x%llx");
TRACE_EVENT(test_thread_count, "thread=%llu nr=%llu");

static const char *dumped(void)
{
	static struct strbuf out = STRBUF_INIT;

	strbuf_reset(&out);
	trace_dump(&out);
	return out.s;
}

static void note_names(void *ctx, const struct trace_event *ev)
{
	const char **last = ctx;

	CHECK(!*last || strcmp(*last, ev->name) < 0);
	*last = ev->name;
}

static u64 evaluated;

static u64 count_evaluation(void)
{
	return ++evaluated;
}

TEST(trace_off_evaluates_nothing)
{
	CHECK_EQ(trace_enable("-test_*", NULL), 0);
	trace(test_two_args, count_evaluation(), 2);
	CHECK_EQ(evaluated, 0);
}

TEST(trace_records_what_is_on)
{
	struct err err = ERR_INIT;
	const char *last = NULL;

	trace_foreach(note_names, &last);
	CHECK(last != NULL);
	CHECK_EQ(trace_enable("test_*,-test_zero*", &err), 0);
	trace(test_zero_args);
	trace(test_two_args, 4096, 0xabc);
	CHECK(!strstr(dumped(), "test_zero_args"));
	CHECK(strstr(dumped(), " test_two_args off=4096 mask=0xabc\n"));
	CHECK_EQ(trace_enable("test_tow_args", &err), -ENOENT);
	CHECK_STR_EQ(err.msg, "no trace point matches 'test_tow_args', did you mean 'test_two_args'?");
}

static void *tracer_thread(void *arg)
{
	u64 me = (u64)(uintptr_t)arg;

	for (u64 i = 0; i < 20000; i++)
		trace(test_thread_count, me, i);
	return NULL;
}

/* The ring holds the newest; each thread's records are whole and in its order. */
TEST(trace_from_threads_overwrites_oldest)
{
	struct thread t[3];
	long long last[3] = { -1, -1, -1 };
	unsigned lines = 0;

	CHECK_EQ(trace_enable("test_thread_count", NULL), 0);
	for (uintptr_t i = 0; i < 3; i++)
		CHECK_EQ(thread_create(&t[i], "tracer", 0, tracer_thread, (void *)i, NULL), 0);
	for (int i = 0; i < 20; i++)
		dumped();			/* a reader beside the writers */
	for (int i = 0; i < 3; i++)
		thread_join(&t[i]);
	for (const char *s = strstr(dumped(), "thread="); s; s = strstr(s + 1, "thread="), lines++) {
		unsigned who = (unsigned)strtoul(s + 7, NULL, 10);
		long long nr = strtoll(strstr(s, "nr=") + 3, NULL, 10);

		CHECK_LT(who, 3);
		CHECK_LT(last[who], nr);
		last[who] = nr;
	}
	CHECK_LT(16000, lines);
	CHECK_LE(lines, 16384);
	CHECK(last[0] == 19999 || last[1] == 19999 || last[2] == 19999);
}
