/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img snapshot: list, create, apply and delete internal snapshots. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include "img.h"
#include "str.h"

struct snapshot_args {
	struct img_args a;
	bool list;
	const char *apply, *create, *remove, *file;
};
#define A struct snapshot_args

static void print_one(const struct blk_snapshot *s)
{
	char sz[STR_SIZE_MAX], date[32], clock[48], icount[24] = "--";
	time_t t = (time_t)s->date_sec;
	u64 sec = s->vm_clock_nsec / 1000000000;
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(clock, sizeof(clock), "%04llu:%02llu:%02llu.%03llu", sec / 3600, sec / 60 % 60, sec % 60,
		 s->vm_clock_nsec / 1000000 % 1000);
	if (s->icount != ~0ULL)
		snprintf(icount, sizeof(icount), "%llu", s->icount);
	printf("%-7s %-16s %8s %19s %15s %10s\n", s->id, s->name, str_size(sz, s->vm_state_size), date,
	       clock, icount);
}

static int list(struct blk_node *n, const struct blk_snapshot_ops *ops)
{
	struct blk_snapshot *v = NULL;
	int cnt = ops->list(n, &v);

	if (cnt > 0) {
		printf("Snapshot list:\n%-7s %-16s %8s %19s %15s %10s\n", "ID", "TAG", "VM_SIZE", "DATE",
		       "VM_CLOCK", "ICOUNT");
		for (int i = 0; i < cnt; i++)
			print_one(&v[i]);
	}
	free(v);
	if (cnt < 0)
		img_error("Could not read the snapshot table: %s", strerror(-cnt));
	return cnt < 0 ? 1 : 0;
}

static int change(struct snapshot_args *s, struct blk_node *n, const struct blk_snapshot_ops *ops)
{
	struct blk_snapshot sn = { .icount = 0 };	/* as QEMU stores it where no machine ran */
	struct err e = ERR_INIT;
	struct timeval tv;
	int ret;

	if (s->create) {
		gettimeofday(&tv, NULL);
		snprintf(sn.name, sizeof(sn.name), "%s", s->create);
		sn.date_sec = (u32)tv.tv_sec;
		sn.date_nsec = (u32)tv.tv_usec * 1000;
		ret = ops ? ops->create(n, &sn, &e) : -ENOTSUP;
		if (ret)
			img_error("Could not create snapshot '%s': %s", s->create,
				  e.msg[0] ? e.msg : strerror(-ret));
	} else if (s->apply) {
		ret = ops ? ops->apply(n, s->apply, &e) : -ENOTSUP;
		if (ret)
			img_error("Could not apply snapshot '%s': %s", s->apply,
				  e.msg[0] ? e.msg : strerror(-ret));
	} else {
		ret = ops ? ops->remove(n, s->remove, s->remove, &e) : -ENOTSUP;
		if (ret == -ENOENT)
			img_error("Could not delete snapshot '%s': snapshot not found", s->remove);
		else if (ret)
			img_error("Could not delete snapshot '%s': %s", s->remove,
				  e.msg[0] ? e.msg : strerror(-ret));
	}
	return ret ? 1 : 0;
}

static int run(void *args, const struct opt_call *call)
{
	struct snapshot_args *s = args;
	int jobs = !!s->apply + !!s->create + !!s->remove + s->list, ret = 1;
	struct blk_node *n, *owner = NULL;
	const struct blk_snapshot_ops *ops;
	struct blk_graph *g;
	u32 flags;

	if (jobs > 1) {
		img_error("Cannot mix '-l', '-a', '-c', '-d'");
		return 1;
	}
	s->list |= !jobs;
	flags = BLK_O_UNMAP | (s->list ? 0 : BLK_O_RDWR);
	g = img_graph(&s->a, call);
	if (!g)
		return 1;
	n = img_sandbox_places(g, &s->a, &(struct img_place){ s->file, -1, !s->list }, 1) ? NULL :
	    img_open(g, &s->a, s->file, s->a.fmt, flags);
	if (n) {
		ops = blk_snapshots(n, &owner);
		if (s->list)
			ret = ops ? list(owner, ops) : 0;
		else
			ret = change(s, owner, ops);
		blk_unref(n);
	}
	return img_done(g, ret);
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_QUIET(A),
	OPT_FLAG('l', "list", A, list, "list the snapshots (the default)"),
	OPT_STR('a', "apply", "SNAPSHOT", A, apply, "go back to SNAPSHOT"),
	OPT_STR('c', "create", "SNAPSHOT", A, create, "create SNAPSHOT"),
	OPT_STR('d', "delete", "SNAPSHOT", A, remove, "delete SNAPSHOT"),
	OPERAND("FILE", A, file, "the image"),
	OPT_END
};

const struct opt_cmd img_cmd_snapshot = {
	.name = "snapshot", .summary = "list, create, apply and delete snapshots inside an image",
	.opts = opts, .args_size = sizeof(A), .run = run, .usage_status = 1,
};
