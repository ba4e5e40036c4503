// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * I/O limits of drives (QEMU's docs/throttle.txt): -drive throttling.*=, and
 * the clock of block/throttle.h, which is the host's, or qtest's where time
 * is moved by hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include "block/opts.h"
#include "dev/blkdev.h"
#include "dev/machine.h"
#include "loop.h"
#include "mem.h"
#include "thread.h"
#include "str.h"

#define NEVER (~0ULL)

/* ---- the clock ---- */

struct drive_clock {
	struct machine *m;
	struct blk_graph *graph;
	u64 at_ns;			/* atomic */
	struct loop_bh bh;		/* who asks is on any thread, the timer is the loop's */
	struct loop_timer timer;
	struct clock_timer manual;
};

static void on_bh(struct loop_bh *bh)
{
	struct drive_clock *k = bh->opaque;
	u64 at = atomic_get(&k->at_ns);

	if (at == NEVER)
		loop_timer_cancel(&k->timer);
	else
		loop_timer_arm(&k->timer, at);
}

static void on_timer(struct loop_timer *t)
{
	blk_throttle_tick(((struct drive_clock *)t->opaque)->graph);
}

static void on_manual(void *opaque)
{
	blk_throttle_tick(((struct drive_clock *)opaque)->graph);
}

static void wake_at(void *opaque, u64 ns)
{
	struct drive_clock *k = opaque;

	atomic_set(&k->at_ns, ns);
	loop_bh_schedule(&k->bh);
}

static void manual_wake_at(void *opaque, u64 ns)
{
	struct drive_clock *k = opaque;

	if (ns == NEVER)
		clock_timer_del(&k->manual);
	else
		clock_timer_arm(&k->manual, ns);
}

static u64 manual_now_ns(void *opaque)
{
	return clock_ns(((struct drive_clock *)opaque)->m->clock);
}

/* The loop's thread runs the timers that others wait for. */
static bool may_sleep(void *opaque)
{
	return !loop_is_current(((struct drive_clock *)opaque)->m->loop);
}

int drives_clock_start(struct drives *ds, struct machine *m)
{
	struct drive_clock *k = mem_zalloc(sizeof(*k));
	struct blk_throttle_clock c = { .wake_at = wake_at, .may_sleep = may_sleep, .opaque = k };

	if (!k)
		return -ENOMEM;
	*k = (struct drive_clock){ .m = m, .graph = ds->graph, .at_ns = NEVER };
	loop_bh_init(m->loop, &k->bh, on_bh, k, "limits", "drives");
	loop_timer_init(m->loop, &k->timer, on_timer, k, "limits", "drives");
	clock_timer_init(&k->manual, m->clock, NULL, "limits", on_manual, k);
	if (clock_is_manual(m->clock)) {
		c.now_ns = manual_now_ns;
		c.wake_at = manual_wake_at;
	}
	ds->clock = k;
	blk_throttle_set_clock(ds->graph, &c);
	return 0;
}

void drives_clock_stop(struct drives *ds)
{
	struct drive_clock *k = ds->clock;

	if (!k)
		return;
	blk_throttle_set_clock(ds->graph, NULL);
	loop_bh_del(&k->bh);
	loop_timer_del(&k->timer);
	clock_timer_del(&k->manual);
	mem_free(k);
	ds->clock = NULL;
}

/* ---- drives ---- */

static int drive_join(struct drives *ds, struct drive *d, const char *group, struct err *err)
{
	struct blk_throttle_group *g = blk_throttle_get(ds->graph, group);
	struct blk_throttle_member *m = g ? blk_throttle_join(g) : NULL;

	blk_throttle_put(g);
	if (!m)
		return err_set(err, ENOMEM, "out of memory");
	drive_leave_limits(d);
	if (d->user)
		blkdev_limit(d->user, m);
	else
		d->limits = m;
	return 0;
}

void drive_leave_limits(struct drive *d)
{
	struct blk_throttle_member *m = d->limits;

	if (d->user)
		blkdev_limit(d->user, NULL);
	else
		d->limits = NULL;
	blk_throttle_leave(m);
}

int drive_limit(struct drives *ds, struct drive *d, const struct blk_throttle_config *c, const char *group, struct err *err)
{
	if (blk_throttle_check(c, err) < 0)
		return -err->code;
	if (!blk_throttle_any(c)) {
		drive_leave_limits(d);
		return 0;
	}
	if (!d->limits || (group && !str_eq(group, blk_throttle_group_name(blk_throttle_group_of(d->limits)))))
		if (drive_join(ds, d, group ? group : d->id, err) < 0)
			return -err->code;
	blk_throttle_set(blk_throttle_group_of(d->limits), c);
	return 0;
}

/* ---- options ---- */

static int rename_opt(struct blk_opts *o, const char *old, const char *new, struct err *err)
{
	char *val;
	int ret;

	if (!blk_opts_get(o, old))
		return 0;
	if (blk_opts_get(o, new))
		return err_set(err, EINVAL, "'%s' and its alias '%s' can't be used at the same time", new, old);
	val = blk_opts_take(o, old);
	ret = val ? blk_opts_set(o, new, val) : -ENOMEM;
	free(val);
	return ret < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* iops_rd=, bps_max=, ...: bursts had no length when these were the names. */
static int rename_old(struct blk_opts *o, struct err *err)
{
	char old[BLK_THROTTLE_NAME], new[BLK_THROTTLE_NAME], key[64];
	int k, d, f, ret = rename_opt(o, "iops_size", "throttling.iops-size", err);

	for (k = 0; k < BLK_THROTTLE_KINDS; k++)
		for (d = 0; d < BLK_THROTTLE_DIRS; d++)
			for (f = BLK_THROTTLE_AVG; !ret && f <= BLK_THROTTLE_MAX; f++) {
				blk_throttle_name(old, k, d, f, true);
				blk_throttle_name(new, k, d, f, false);
				snprintf(key, sizeof(key), "throttling.%s", new);
				ret = rename_opt(o, old, key, err);
			}
	return ret ? ret : rename_opt(o, "group", "throttling.group", err);
}

int drive_take_limits(struct blk_opts *o, struct blk_throttle_config *c, char **group, struct err *err)
{
	bool seen = false;

	blk_throttle_init(c);
	if (rename_old(o, err) < 0 || blk_throttle_take(o, "throttling.", c, &seen, err) < 0 || blk_throttle_check(c, err) < 0)
		return -err->code;
	*group = blk_opts_take(o, "throttling.group");
	return 0;
}
