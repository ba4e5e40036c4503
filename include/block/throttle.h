/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits on bytes and requests a second (QEMU's docs/throttle.txt). A group
 * has limits, each a leaky bucket: requests fill it, it leaks at the rate
 * "avg", and who finds it too full waits; "max" lets it fill faster for
 * "burst" seconds. Members of a group take turns, reads and writes wait apart.
 * Who waits is told when it may go on (devices), or sleeps (the filter).
 *
 * Threads: any, unless said. Groups belong to a graph; who joins, leaves or
 * looks groups up is its main thread. go() runs with the groups' lock held,
 * below a device's lock and above a queue's.
 */
#ifndef VMBOX_BLOCK_THROTTLE_H
#define VMBOX_BLOCK_THROTTLE_H

#include <errno.h>
#include "block/block.h"
#include "config.h"

enum { BLK_THROTTLE_BPS, BLK_THROTTLE_IOPS, BLK_THROTTLE_KINDS };
enum blk_throttle_dir { BLK_THROTTLE_TOTAL, BLK_THROTTLE_READ, BLK_THROTTLE_WRITE, BLK_THROTTLE_DIRS };
enum { BLK_THROTTLE_AVG, BLK_THROTTLE_MAX, BLK_THROTTLE_BURST, BLK_THROTTLE_FIELDS };

struct blk_throttle_config {
	u64 v[BLK_THROTTLE_KINDS][BLK_THROTTLE_DIRS][BLK_THROTTLE_FIELDS];	/* a second; burst: seconds */
	u64 op_size;			/* a larger request counts as several; 0: as one */
};

struct blk_throttle_group;
struct blk_throttle_member;

/* A request that waits; its owner's memory until go(). */
struct blk_throttle_wait {
	void (*go)(struct blk_throttle_wait *w);
	u64 bytes;
	struct blk_throttle_wait *next;
};

/* Whose time it is. Each may be NULL; the groups' lock is held. */
struct blk_throttle_clock {
	u64 (*now_ns)(void *opaque);			/* NULL: CLOCK_MONOTONIC */
	void (*wake_at)(void *opaque, u64 ns);		/* asks for blk_throttle_tick() at that time, ~0: for none */
	bool (*may_sleep)(void *opaque);		/* false: requests of this thread do not wait */
	void *opaque;
};

#if IS_ENABLED(CONFIG_BLOCK_THROTTLE)
/* No limits, bursts of a second. */
void blk_throttle_init(struct blk_throttle_config *c);
bool blk_throttle_any(const struct blk_throttle_config *c);
/* -EINVAL with QEMU's text for limits that contradict each other. */
int  blk_throttle_check(const struct blk_throttle_config *c, struct err *e);
#define BLK_THROTTLE_NAME 32
/* "iops-read-max-length"; old: "iops_rd_max_length". */
void blk_throttle_name(char buf[BLK_THROTTLE_NAME], int kind, int dir, int field, bool old);
/* Takes PREFIXiops-total=... and the like, unchecked but for their syntax. *seen: there was one. 0 or -errno with text. */
int  blk_throttle_take(struct blk_opts *o, const char *prefix, struct blk_throttle_config *c, bool *seen, struct err *e);

/* The group of that name, NULL: there is none. No reference. */
struct blk_throttle_group *blk_throttle_find(struct blk_graph *g, const char *name);
/* It, or a new one without limits: a reference; NULL: out of memory. */
struct blk_throttle_group *blk_throttle_get(struct blk_graph *g, const char *name);
void blk_throttle_put(struct blk_throttle_group *g);	/* NULL is fine */
bool blk_throttle_in_use(struct blk_throttle_group *g);	/* by others than the caller, who has a reference */
const char *blk_throttle_group_name(const struct blk_throttle_group *g);
/* Checked limits; the buckets are empty again. */
void blk_throttle_set(struct blk_throttle_group *g, const struct blk_throttle_config *c);
void blk_throttle_config(struct blk_throttle_group *g, struct blk_throttle_config *c);

/* A member holds the group. NULL: out of memory. */
struct blk_throttle_member *blk_throttle_join(struct blk_throttle_group *g);
/* Lets all that waits go. NULL is fine. */
void blk_throttle_leave(struct blk_throttle_member *m);
struct blk_throttle_group *blk_throttle_group_of(struct blk_throttle_member *m);
/* go() is called, now or later. */
void blk_throttle_submit(struct blk_throttle_member *m, enum blk_throttle_dir dir, struct blk_throttle_wait *w);
/* Sleeps until the request may go on. */
void blk_throttle_sleep(struct blk_throttle_member *m, enum blk_throttle_dir dir, u64 bytes);
/* While open (it nests) nothing waits, requests are counted all the same. */
void blk_throttle_open(struct blk_throttle_member *m, bool open);

/* NULL: the host's; without wake_at only sleepers go on by themselves. */
void blk_throttle_set_clock(struct blk_graph *g, const struct blk_throttle_clock *clock);
void blk_throttle_tick(struct blk_graph *g);
void blk_throttle_free(struct blk_graph *g);	/* with the graph */
#else
static inline bool blk_throttle_any(const struct blk_throttle_config *c) { (void)c; return false; }
static inline void blk_throttle_init(struct blk_throttle_config *c) { *c = (struct blk_throttle_config){ .op_size = 0 }; }
static inline int blk_throttle_check(const struct blk_throttle_config *c, struct err *e) { (void)c, (void)e; return 0; }
#define BLK_THROTTLE_NAME 32
static inline void blk_throttle_name(char *buf, int kind, int dir, int field, bool old)
{
	(void)kind, (void)dir, (void)field, (void)old;
	buf[0] = 0;
}
static inline int blk_throttle_take(struct blk_opts *o, const char *prefix, struct blk_throttle_config *c, bool *seen,
				    struct err *e)
{
	(void)o, (void)prefix, (void)e;
	blk_throttle_init(c);
	*seen = false;
	return 0;
}
static inline struct blk_throttle_group *blk_throttle_find(struct blk_graph *g, const char *name) { (void)g, (void)name; return NULL; }
static inline struct blk_throttle_group *blk_throttle_get(struct blk_graph *g, const char *name) { (void)g, (void)name; return NULL; }
static inline void blk_throttle_put(struct blk_throttle_group *g) { (void)g; }
static inline bool blk_throttle_in_use(struct blk_throttle_group *g) { (void)g; return false; }
static inline const char *blk_throttle_group_name(const struct blk_throttle_group *g) { (void)g; return ""; }
static inline void blk_throttle_set(struct blk_throttle_group *g, const struct blk_throttle_config *c) { (void)g, (void)c; }
static inline void blk_throttle_config(struct blk_throttle_group *g, struct blk_throttle_config *c) { (void)g; blk_throttle_init(c); }
static inline struct blk_throttle_member *blk_throttle_join(struct blk_throttle_group *g) { (void)g; return NULL; }
static inline void blk_throttle_leave(struct blk_throttle_member *m) { (void)m; }
static inline struct blk_throttle_group *blk_throttle_group_of(struct blk_throttle_member *m) { (void)m; return NULL; }
static inline void blk_throttle_submit(struct blk_throttle_member *m, enum blk_throttle_dir dir, struct blk_throttle_wait *w)
{
	(void)m, (void)dir;
	w->go(w);
}
static inline void blk_throttle_open(struct blk_throttle_member *m, bool open) { (void)m, (void)open; }
static inline void blk_throttle_set_clock(struct blk_graph *g, const struct blk_throttle_clock *clock) { (void)g, (void)clock; }
static inline void blk_throttle_tick(struct blk_graph *g) { (void)g; }
static inline void blk_throttle_free(struct blk_graph *g) { (void)g; }
#endif

#endif
