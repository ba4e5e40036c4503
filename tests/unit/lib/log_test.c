// SPDX-License-Identifier: GPL-2.0-or-later
/* The log: levels, items, files, long lines, lines of several threads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "err.h"
#include "log.h"
#include "mem.h"
#include "str.h"
#include "test.h"
#include "thread.h"

static char path[] = "/tmp/vmbox-log-XXXXXX";

static void start(void)
{
	strcpy(path, "/tmp/vmbox-log-XXXXXX");
	close(mkstemp(path));
	CHECK_EQ(log_set_file(path, NULL), 0);
	log_set_program("prog");
	log_set_level(LOG_NOTICE);
	log_mask = 0;
}

/* What was logged; the log goes back to stderr. */
static char *finish(void)
{
	char *text = mem_zalloc(4 * MiB);
	int fd = open(path, O_RDONLY);

	log_set_file(NULL, NULL);
	CHECK_LE(0, read(fd, text, 4 * MiB - 1));
	close(fd);
	unlink(path);
	return text;
}

TEST(log_levels_and_items)
{
	char *text;

	start();
	errno = 55;
	log_warn("a %d", 1);
	log_info("not shown");
	log_item(LOG_INT, "not shown");
	log_set_level(LOG_DEBUG);
	log_debug("b");
	CHECK_EQ(log_set_items("int,op*,-op_opt", NULL), 0);
	CHECK_EQ(log_mask, LOG_INT | LOG_OP);
	log_item(LOG_INT, "vector %02x", 14);
	log_item(LOG_OP_OPT, "not shown");
	CHECK_EQ(errno, 55);
	text = finish();
	CHECK_STR_EQ(text, "prog: a 1\nprog: b\nvector 0e\n");
	mem_free(text);
}

TEST(log_items_unknown)
{
	struct err err = ERR_INIT;

	log_mask = 0;
	CHECK_EQ(log_set_items("int,in_ams", &err), -EINVAL);
	CHECK_STR_EQ(err.msg, "unknown log item 'in_ams', did you mean 'in_asm'?");
	CHECK_EQ(log_mask, 0);
	CHECK_EQ(log_set_items("all,-exec", NULL), 0);
	CHECK_EQ(log_mask, ~LOG_EXEC);
	log_mask = 0;
}

TEST(log_long_line_is_whole)
{
	char *text, *x = mem_alloc(100001);

	memset(x, 'x', 100000);
	x[100000] = '\0';
	start();
	log_error("%s", x);
	text = finish();
	CHECK_EQ(strlen(text), 100000 + strlen("prog: \n"));
	CHECK(str_ends(text, "x\n"));
	mem_free(text);
	mem_free(x);
}

static void *many_lines(void *arg)
{
	for (int i = 0; i < 2000; i++)
		log_error("%s line", (char *)arg);
	return NULL;
}

TEST(log_lines_of_threads_do_not_mix)
{
	static char names[3][40] = { "aaaaaaaaaaaaaaaaaaaaaaaa", "bbb", "ccccccccccccc" };
	unsigned counts[3] = { 0 };
	struct thread t[3];
	char *text;

	start();
	for (int i = 0; i < 3; i++)
		CHECK_EQ(thread_create(&t[i], "logger", 0, many_lines, names[i], NULL), 0);
	for (int i = 0; i < 3; i++)
		thread_join(&t[i]);
	text = finish();
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		int i = line[6] - 'a';
		char want[64];

		CHECK(i >= 0 && i < 3);
		snprintf(want, sizeof(want), "prog: %s line", names[i]);
		CHECK_STR_EQ(line, want);
		counts[i]++;
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(counts[i], 2000);
	mem_free(text);
}

TEST(log_limit_bounds_a_flood)
{
	struct log_limit limit = { 0 };
	unsigned passed = 0;

	for (int i = 0; i < 1000; i++)
		passed += log_limited(&limit, 5, 3600000);
	CHECK_EQ(passed, 5);
}

TEST(log_file_that_cannot_be)
{
	struct err err = ERR_INIT;

	CHECK_EQ(log_set_file("/nonexistent/log", &err), -ENOENT);
	CHECK_STR_EQ(err.msg, "/nonexistent/log: No such file or directory");
	CHECK_EQ(log_fd(), STDERR_FILENO);
}
