/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of qemu-io about the image as a whole. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/driver.h"
#include "qio.h"
#include "str.h"

static void size_word(u64 v, char *buf, size_t n)
{
	static const char *const u[] = { "EiB", "PiB", "TiB", "GiB", "MiB", "KiB" };
	u64 f = 1ULL << 60;

	for (int i = 0; i < 6; i++, f >>= 10) {
		if (v < f)
			continue;
		snprintf(buf, n, "%.3f", (double)v / (double)f);
		if (str_ends(buf, ".000"))
			buf[strlen(buf) - 4] = '\0';
		strncat(buf, " ", n - strlen(buf) - 1);
		strncat(buf, u[i], n - strlen(buf) - 1);
		return;
	}
	snprintf(buf, n, "%llu bytes", v);
}

static int map_cmd(struct qio *s, int argc, char **argv)
{
	u64 off = 0, size = blk_length(s->n);

	while (off < size) {
		u64 start = off, run;
		int a = blk_allocated(s->n, off, size - off, &run), b;
		char t1[64];

		if (a < 0 || !run) {
			printf("Failed to query allocation status: %s\n", strerror(-a));
			return a;
		}
		off += run;
		while (off < size && (b = blk_allocated(s->n, off, size - off, &run)) == a && run)
			off += run;
		size_word(off - start, t1, sizeof(t1));
		{
			char t2[64];

			size_word(start, t2, sizeof(t2));
			printf("%s (0x%llx) bytes %s allocated at offset %s (0x%llx)\n", t1, off - start,
			       a ? "   " : "not", t2, start);
		}
	}
	return 0;
}

static int alloc_cmd(struct qio *s, int argc, char **argv)
{
	u64 off, len = 512, start, sum = 0, done = 0, size = blk_length(s->n);
	char t[64];

	if (qio_num(argv[1], &off) || (argc == 3 && qio_num(argv[2], &len)))
		return -EINVAL;
	if (off > size || len > size - off) {
		len = off < size ? size - off : 0;
		if (!len) {
			printf("offset beyond the end of the image\n");
			return -EINVAL;
		}
	}
	start = off;
	while (done < len) {
		u64 run;
		int a = blk_allocated(s->n, off, len - done, &run);

		if (a < 0) {
			printf("is_allocated failed: %s\n", strerror(-a));
			return a;
		}
		if (!run)
			break;
		sum += a ? run : 0;
		off += run;
		done += run;
	}
	size_word(start, t, sizeof(t));
	printf("%llu/%llu bytes allocated at offset %s\n", sum, len, t);
	return 0;
}

static int length_cmd(struct qio *s, int argc, char **argv)
{
	char t[64];

	size_word(blk_length(s->n), t, sizeof(t));
	printf("%s\n", t);
	return 0;
}

static int truncate_cmd(struct qio *s, int argc, char **argv)
{
	int c, pre = 0, ret;
	struct err e = ERR_INIT;
	bool exact = true;
	u64 size;

	optind = 0;
	opterr = 0;
	while ((c = getopt(argc, argv, "m:")) != -1) {
		if (c != 'm')
			return -EINVAL;
		pre = str_to_index(optarg, blk_prealloc_names);
		if (pre < 0) {
			printf("qemu-io: invalid parameter value: %s\n", optarg);
			return -EINVAL;
		}
	}
	if (optind != argc - 1 || qio_num(argv[optind], &size))
		return -EINVAL;
	ret = blk_truncate(s->n, size, exact, pre, &e);
	if (ret) {
		fprintf(stderr, "qemu-io: %s\n", e.msg);
		s->errors++;
	}
	return ret;
}

static int info_cmd(struct qio *s, int argc, char **argv)
{
	const struct blk_node *n = s->n;
	char t[64];

	while (n->drv->flags & BLK_DRV_FILTER && n->file)
		n = n->file;
	printf("format name: %s\n", blk_driver_name(s->n));
	if (s->n->drv->flags & BLK_DRV_PROTOCOL)
		printf("format name: %s\n", blk_driver_name(s->n));
	if (!n->drv->map && !n->drv->create_file)		/* no file, nothing to tell */
		return 0;
	size_word(s->n->lim.cluster > 1 ? s->n->lim.cluster : 0, t, sizeof(t));
	printf("cluster size: %s\n", t);
	size_word(blk_vmstate_base(s->n), t, sizeof(t));
	printf("vm state offset: %s\n", t);
	return 0;
}

static int open_cmd(struct qio *s, int argc, char **argv)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;
	u32 flags = BLK_O_UNMAP | BLK_O_RDWR;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt(argc, argv, "snCrko:U")) != -1) {
		switch (c) {
		case 'n':
			flags |= BLK_O_DIRECT;
			break;
		case 'C':
			flags |= BLK_O_COPY_ON_READ;
			break;
		case 'r':
			flags &= ~(u32)BLK_O_RDWR;
			break;
		case 'U':
			flags |= BLK_O_FORCE_SHARE;
			break;
		case 'o':
			if (blk_opts_parse(&o, optarg, NULL, &e)) {
				fprintf(stderr, "qemu-io: %s\n", e.msg);
				blk_opts_free(&o);
				return -EINVAL;
			}
			break;
		case 's':
			s->snapshot = true;
			break;
		case 'k':
			break;
		default:
			blk_opts_free(&o);
			return -EINVAL;
		}
	}
	if (s->n) {
		fprintf(stderr, "file open already, try 'help close'\n");
		blk_opts_free(&o);
		return -EBUSY;
	}
	if (s->image_opts && optind == argc - 1) {
		if (blk_opts_parse(&o, argv[optind], NULL, &e)) {
			fprintf(stderr, "qemu-io: %s\n", e.msg);
			blk_opts_free(&o);
			return -EINVAL;
		}
		return qio_open(s, NULL, &o, flags);
	}
	return qio_open(s, optind == argc - 1 ? argv[optind] : NULL, &o, flags);
}

static int close_cmd(struct qio *s, int argc, char **argv)
{
	return qio_close(s);
}

/* What -r, -w and -c say cannot be said by -o too, and switches are on or off. */
static int reopen_conflicts(const struct blk_opts *o, bool rw, bool cache)
{
	static const char *const bools[] = { "read-only", "cache.no-flush", "cache.direct", "auto-read-only" };

	if (rw && blk_opts_get(o, "read-only")) {
		fprintf(stderr, "qemu-io: Cannot set both -r/-w and 'read-only'\n");
		return -EINVAL;
	}
	if (cache && (blk_opts_get(o, "cache.direct") || blk_opts_get(o, "cache.no-flush"))) {
		fprintf(stderr, "qemu-io: Cannot set both -c and the cache options\n");
		return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(bools); i++) {
		const char *v = blk_opts_get(o, bools[i]);

		if (v && strcmp(v, "on") && strcmp(v, "off")) {
			fprintf(stderr, "qemu-io: Parameter '%s' expects 'on' or 'off'\n", bools[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static int reopen_cmd(struct qio *s, int argc, char **argv)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;
	u32 flags = blk_flags(s->n);
	bool rw = false, cache = false;
	int c, ret;

	optind = 0;
	opterr = 0;
	while ((c = getopt(argc, argv, "c:o:rw")) != -1) {
		if ((c == 'r' || c == 'w') && rw) {
			fprintf(stderr, "qemu-io: Only one -r/-w option may be given\n");
			blk_opts_free(&o);
			return -EINVAL;
		}
		rw |= c == 'r' || c == 'w';
		cache |= c == 'c';
		if (c == 'r')
			flags &= ~(u32)BLK_O_RDWR;
		else if (c == 'w')
			flags |= BLK_O_RDWR;
		else if (c == 'c' && !strcmp(optarg, "none"))
			flags |= BLK_O_DIRECT;
		else if (c == 'c')
			flags &= ~(u32)BLK_O_DIRECT;
		else if (c == 'o' && blk_opts_parse(&o, optarg, NULL, &e)) {
			fprintf(stderr, "qemu-io: %s\n", e.msg);
			blk_opts_free(&o);
			return -EINVAL;
		}
	}
	ret = reopen_conflicts(&o, rw, cache);
	if (ret) {
		blk_opts_free(&o);
		return ret;
	}
	if (blk_opts_get(&o, "read-only")) {
		bool ro = !strcmp(blk_opts_get(&o, "read-only"), "on");

		blk_opts_del(&o, "read-only");
		flags = ro ? flags & ~(u32)BLK_O_RDWR : flags | BLK_O_RDWR;
	}
	ret = blk_reopen(s->n, &o, flags, &e);
	if (ret) {
		fprintf(stderr, "qemu-io: %s\n", e.msg);
		s->errors++;
	}
	return ret;
}

static int quit_cmd(struct qio *s, int argc, char **argv)
{
	s->quit = true;
	return 0;
}

static int sleep_cmd(struct qio *s, int argc, char **argv)
{
	long ms = strtol(argv[1], NULL, 0);
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
	return 0;
}

static int break_result(int ret, const char *what)
{
	if (ret)
		printf("%s: %s\n", what, strerror(-ret));
	return ret;
}

static int break_cmd(struct qio *s, int argc, char **argv)
{
	s->breaks = true;
	return break_result(blk_break(s->n, BLK_BREAK_SET, argv[1], argv[2]), "Could not set a breakpoint");
}

static int remove_break_cmd(struct qio *s, int argc, char **argv)
{
	return break_result(blk_break(s->n, BLK_BREAK_REMOVE, NULL, argv[1]), "Could not remove a breakpoint");
}

static int resume_cmd(struct qio *s, int argc, char **argv)
{
	int ret = break_result(blk_break(s->n, BLK_BREAK_RESUME, NULL, argv[1]), "Could not resume request");

	qio_settle(s);
	return ret;
}

static int wait_break_cmd(struct qio *s, int argc, char **argv)
{
	return break_result(blk_break(s->n, BLK_BREAK_WAIT, NULL, argv[1]), "Could not wait for the request");
}

static int sigraise_cmd(struct qio *s, int argc, char **argv)
{
	fflush(NULL);
	raise(atoi(argv[1]));
	return 0;
}

static int abort_cmd(struct qio *s, int argc, char **argv)
{
	abort();
}

static int help_cmd(struct qio *s, int argc, char **argv)
{
	const struct qio_cmd *tabs[] = { qio_io_cmds, qio_file_cmds };

	for (int t = 0; t < 2; t++) {
		for (const struct qio_cmd *c = tabs[t]; c->name; c++) {
			if (argc > 1 && strcmp(argv[1], c->name))
				continue;
			printf("%s ", c->name);
			if (c->alt)
				printf("(or %s) ", c->alt);
			printf("%s -- %s\n", c->args, c->help);
		}
	}
	return 0;
}

const struct qio_cmd qio_file_cmds[] = {
	{ "abort", NULL, 0, 0, true, false, "", "simulate a program crash", abort_cmd },
	{ "alloc", "a", 1, 2, false, false, "offset [count]", "checks if offset is allocated in the file", alloc_cmd },
	{ "break", NULL, 2, 2, false, false, "event tag", "sets a breakpoint on event and tags the stopped request as tag",
	  break_cmd },
	{ "close", "c", 0, 0, false, false, "", "close the current open file", close_cmd },
	{ "help", "?", 0, 1, true, false, "[command]", "help for one or all commands", help_cmd },
	{ "info", "i", 0, 0, false, false, "", "prints information about the current file", info_cmd },
	{ "length", "l", 0, 0, false, false, "", "gets the length of the current file", length_cmd },
	{ "map", NULL, 0, 1, false, false, "", "prints the allocated areas of a file", map_cmd },
	{ "open", "o", 0, -1, true, false, "[-rsnCU] [-o options] [path]", "open the file specified by path", open_cmd },
	{ "quit", "q", 0, 0, true, false, "", "exit the program", quit_cmd },
	{ "remove_break", NULL, 1, 1, false, false, "tag", "remove a breakpoint by tag", remove_break_cmd },
	{ "resume", NULL, 1, 1, false, false, "tag", "resumes the request tagged as tag", resume_cmd },
	{ "wait_break", NULL, 1, 1, false, false, "tag", "waits for the suspension of a request", wait_break_cmd },
	{ "reopen", NULL, 0, -1, false, false, "[(-r|-w)] [-c cache] [-o options]",
	  "reopens an image with new options", reopen_cmd },
	{ "sigraise", NULL, 1, 1, true, false, "signal", "raises a signal", sigraise_cmd },
	{ "sleep", NULL, 1, 1, true, false, "ms", "waits for the given value in milliseconds", sleep_cmd },
	{ "truncate", "t", 1, -1, false, true, "[-m prealloc_mode] off",
	  "truncates the current file at the given offset", truncate_cmd },
	{ NULL, NULL, 0, 0, false, false, NULL, NULL, NULL }
};
