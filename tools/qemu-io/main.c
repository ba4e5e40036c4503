/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applet qemu-io: reads commands from -c options, or lines of standard input, and runs them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "applet.h"
#include "block/driver.h"
#include "block/object.h"
#include "log.h"
#include "qio.h"

struct args {
	const char *fmt, *cache, *discard, *aio, *trace, *follow, *file;
	struct opt_list cmds, objects;
	bool image_opts, read_only, snapshot, nocache, cow, misalign, native, share;
};
#define A struct args

/* -s: writes go to an overlay in memory and are forgotten. */
static int overlay(struct qio *s, u32 flags, struct err *e)
{
	struct blk_node *base = s->n;
	struct blk_opts o = { 0 };
	int ret = blk_opts_set_u64(&o, "size", blk_length(base));

	ret = ret ?: blk_create(s->g, "qcow2", "mem:overlay", &o, e);
	ret = ret ?: blk_opts_set(&o, "driver", "qcow2");
	ret = ret ?: blk_opts_set(&o, "backing", blk_node_name(base));
	ret = ret ?: blk_open(s->g, "mem:overlay", &o, flags, &s->n, e);
	blk_opts_free(&o);
	blk_unref(base);
	if (ret)
		s->n = NULL;
	return ret;
}

int qio_open(struct qio *s, const char *name, struct blk_opts *o, u32 flags)
{
	struct err e = ERR_INIT;
	int ret;

	if (!name && !o->n) {
		fprintf(stderr, "qemu-io: can't open: no file name and no options\n");
		blk_opts_free(o);
		return -EINVAL;
	}
	ret = blk_open(s->g, name, o, s->snapshot ? flags & ~(u32)BLK_O_RDWR : flags, &s->n, &e);
	if (!ret && s->snapshot)
		ret = overlay(s, flags, &e);
	if (ret)
		fprintf(stderr, "%s: can't open%s%s: %s\n", log_program(), name ? " device " : "",
			name ? name : "", e.msg);
	return ret;
}

int qio_close(struct qio *s)
{
	int ret;

	if (s->q) {
		if (s->breaks)
			blk_break(s->n, BLK_BREAK_RESUME_ALL, NULL, NULL);
		blk_queue_free(s->q);
		s->q = NULL;
	}
	ret = blk_unref(s->n);
	s->n = NULL;
	return ret;
}

static const struct qio_cmd *find(const char *name)
{
	const struct qio_cmd *tabs[] = { qio_io_cmds, qio_file_cmds };

	for (int t = 0; t < 2; t++)
		for (const struct qio_cmd *c = tabs[t]; c->name; c++)
			if (!strcmp(c->name, name) || (c->alt && !strcmp(c->alt, name)))
				return c;
	return NULL;
}

#define MAX_WORDS 1200	/* a vectored command has 1024 lengths */

static int split(char *line, char **argv, int max)
{
	int n = 0;
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\n", &save); w && n < max - 1; w = strtok_r(NULL, " \t\n", &save))
		argv[n++] = w;
	argv[n] = NULL;
	return n;
}

static int run_args(struct qio *s, int argc, char **argv)
{
	const struct qio_cmd *c = find(argv[0]);

	if (!c) {
		fprintf(stderr, "command \"%s\" not found\n", argv[0]);
		return -EINVAL;
	}
	if (!c->no_file && !s->n) {
		fprintf(stderr, "no file open, try 'help open'\n");
		return -EINVAL;
	}
	if (argc - 1 < c->argmin || (c->argmax >= 0 && argc - 1 > c->argmax)) {
		if (c->argmax == -1)
			fprintf(stderr, "bad argument count %d to %s, expected at least %d arguments\n", argc - 1,
				argv[0], c->argmin);
		else if (c->argmin == c->argmax)
			fprintf(stderr, "bad argument count %d to %s, expected %d arguments\n", argc - 1, argv[0],
				c->argmin);
		else
			fprintf(stderr, "bad argument count %d to %s, expected between %d and %d arguments\n",
				argc - 1, argv[0], c->argmin, c->argmax);
		return -EINVAL;
	}
	if (c->writes && blk_read_only(s->n)) {
		fprintf(stderr, "qemu-io: Block node is read-only\n");
		return -EACCES;
	}
	s->wrote |= c->writes;
	return c->run(s, argc, argv);
}

int qio_run_line(struct qio *s, const char *line)
{
	char *copy = strdup(line), *argv[MAX_WORDS];
	int argc, ret = 0;

	if (!copy)
		return -ENOMEM;
	argc = split(copy, argv, MAX_WORDS);
	if (argc)
		ret = run_args(s, argc, argv);
	free(copy);
	return ret;
}

static int interactive(struct qio *s)
{
	char *line = NULL;
	size_t cap = 0;
	int bad = 0;

	while (!s->quit) {
		printf("qemu-io> ");
		fflush(stdout);
		if (getline(&line, &cap, stdin) < 0)
			break;
		if (qio_run_line(s, line))
			bad = 1;
		if (s->q)
			blk_queue_reap(s->q);
		fflush(stdout);
	}
	free(line);
	return bad;
}

static int set_cache(const char *c, u32 *f)
{
	if (!c || !strcmp(c, "writeback"))
		return 0;
	if (!strcmp(c, "none") || !strcmp(c, "off"))
		*f |= BLK_O_DIRECT;
	else if (!strcmp(c, "writethrough"))
		*f |= BLK_O_WRITETHROUGH;
	else if (!strcmp(c, "directsync"))
		*f |= BLK_O_DIRECT | BLK_O_WRITETHROUGH;
	else if (!strcmp(c, "unsafe"))
		*f |= BLK_O_NO_FLUSH;
	else
		return -EINVAL;
	return 0;
}

static int add_objects(struct qio *s, const struct args *a)
{
	for (size_t i = 0; i < a->objects.n; i++) {
		struct err e = ERR_INIT;
		int ret = blk_graph_add_object(s->g, a->objects.v[i].val, &e);

		if (ret) {
			fprintf(stderr, "qemu-io: %s\n", e.msg);
			return ret;
		}
	}
	return 0;
}

static int open_first(struct qio *s, const struct args *a, u32 flags)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;

	if (!a->file)
		return 0;
	if (a->image_opts) {
		if (blk_opts_parse(&o, a->file, NULL, &e)) {
			fprintf(stderr, "qemu-io: %s\n", e.msg);
			return -EINVAL;
		}
		return qio_open(s, NULL, &o, flags);
	}
	if (a->fmt && blk_opts_set(&o, "driver", a->fmt))
		return -ENOMEM;
	return qio_open(s, a->file, &o, flags);
}

/* Was something of an image that was closed, now or by a command, not stored? Nothing is lost where nothing was written. */
static bool lost(const struct qio *s)
{
	bool told = false;
	int ret = s->g ? blk_graph_lost(s->g, &told) : 0;

	if (!told && !s->wrote)
		return false;
	if (ret && !told)
		fprintf(stderr, "qemu-io: Error while closing the image: %s\n", strerror(-ret));
	return ret;
}

static int run(void *args, const struct opt_call *call)
{
	struct args *a = args;
	struct qio s = { .misalign = a->misalign, .snapshot = a->snapshot,
			 .image_opts = a->image_opts };
	struct blk_policy p = { .follow = BLK_FOLLOW_ALL };
	struct err e = ERR_INIT;
	u32 flags = BLK_O_UNMAP | (a->read_only ? 0 : BLK_O_RDWR) | (a->nocache ? BLK_O_DIRECT : 0) |
		    (a->share ? BLK_O_FORCE_SHARE : 0) | (a->cow ? BLK_O_COPY_ON_READ : 0);
	bool failed = false;
	int bad = 0;

	if (set_cache(a->cache, &flags)) {
		fprintf(stderr, "qemu-io: Invalid cache option: %s\n", a->cache);
		return 1;
	}
	if (a->discard && (!strcmp(a->discard, "ignore") || !strcmp(a->discard, "off")))
		flags &= ~(u32)BLK_O_UNMAP;
	if (blk_follow_parse(a->follow, &p.follow, &e)) {
		fprintf(stderr, "qemu-io: %s\n", e.msg);
		return 1;
	}
	s.g = blk_graph_new(&p);
	if (!s.g || add_objects(&s, a) || open_first(&s, a, flags))
		bad = 1;
	for (size_t i = 0; !bad && i < a->cmds.n && !s.quit; i++)
		failed |= qio_run_line(&s, a->cmds.v[i].val) != 0;
	if (!bad && !a->cmds.n)
		bad = interactive(&s);
	qio_drain(&s);
	fflush(stdout);
	if (s.n)
		qio_close(&s);
	bad |= lost(&s) || failed || s.errors;
	blk_opts_free(&s.opts);
	blk_graph_free(s.g);
	return bad ? 1 : 0;
}

static const struct opt opts[] = {
	OPT_STR('f', "format", "FMT", A, fmt, "format of the image"),
	OPT_LIST('c', "cmd", "COMMAND", A, cmds, "run COMMAND instead of reading them from standard input"),
	OPT_LIST(0, "object", "OBJECT", A, objects, "define an object: secret,id=ID,data=..."),
	OPT_FLAG(0, "image-opts", A, image_opts, "the image is given by options"),
	OPT_FLAG('r', "read-only", A, read_only, "open read-only"),
	OPT_FLAG('s', "snapshot", A, snapshot, "write to an overlay in memory that is forgotten at the end"),
	OPT_FLAG('n', "nocache", A, nocache, "bypass the page cache"),
	OPT_FLAG('C', "copy-on-read", A, cow, "copy what is read from backing files"),
	OPT_FLAG('m', "misalign", A, misalign, "misalign allocations for O_DIRECT"),
	OPT_FLAG('k', "native-aio", A, native, "accepted for compatibility"),
	OPT_STR('i', "aio", "MODE", A, aio, "accepted for compatibility"),
	OPT_STR('t', "cache", "MODE", A, cache, "cache mode"),
	OPT_STR('d', "discard", "MODE", A, discard, "ignore or unmap (default)"),
	OPT_STR('T', "trace", "FILE", A, trace, "accepted for compatibility"),
	OPT_STR(0, "follow", "WHICH", A, follow, "open files that images name: all (default), dir (the image's own directory) or none"),
	OPT_FLAG('U', "force-share", A, share, "open although another program writes to the image"),
	OPERAND_OPT("FILE", A, file, "the image"),
	OPT_END
};

static const struct opt_cmd qemu_io_cmd = {
	.name = "qemu-io", .summary = "run read and write commands on a disk image", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
static const struct applet qemu_io = { .cmd = &qemu_io_cmd };
APPLET(qemu_io);
