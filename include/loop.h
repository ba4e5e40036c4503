/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: file descriptors, timers and bottom halves, run by one
 * thread. Each handler is a struct inside its owner's struct (no allocation,
 * arming cannot fail) and carries a name ("read", "flush") and an owner
 * ("virtio0", "nbd: 10.0.0.1"); both are kept in the statistics page
 * (loop_stats.h), which another process can read even when this loop hangs.
 *
 * Threads: all functions belong to the loop's thread (the one in
 * loop_run()), or to any one thread before it runs, except those marked
 * [any thread]. Handlers run without locks held.
 *
 * Removal: inside any callback every handler may be deleted and its memory
 * freed, the running one too; a deleted handler is never called again, not
 * even for events that the kernel had reported already.
 *
 * One round: wait (at most until the next timer), fds, timers that are due,
 * bottom halves. What a bottom half or timer schedules for "now" runs in the
 * next round, so that nothing starves the fds. A handler may call
 * loop_run_once() to wait for others; its own event does not come again
 * before it returned only if it takes it (fds are level-triggered).
 */
#ifndef VMBOX_LOOP_H
#define VMBOX_LOOP_H

#include <sys/epoll.h>
#include "err.h"

struct loop;
struct loop_stats_slot;

struct loop_fd {
	struct loop *loop;	/* NULL: not added */
	int fd;
	u32 events;		/* EPOLLIN | EPOLLOUT | ... */
	void (*fn)(struct loop_fd *h, u32 events);
	void *opaque;
	struct loop_stats_slot *stats;
};

struct loop_timer {
	struct loop *loop;	/* NULL: not initialised */
	void (*fn)(struct loop_timer *t);
	void *opaque;
	u64 deadline_ns;	/* CLOCK_MONOTONIC */
	u64 seq;		/* order among equal deadlines: first armed, first run */
	u32 state;		/* idle, in the heap, due */
	struct loop_timer *child, *next, *prev; /* pairing heap, or the list of those due */
	struct loop_stats_slot *stats;
};

struct loop_bh {
	struct loop *loop;
	void (*fn)(struct loop_bh *bh);
	void *opaque;
	u32 state;		/* idle, queued, cancelled; atomic */
	struct loop_bh *next;
	u64 since;		/* stats ticks when it was scheduled */
	struct loop_stats_slot *stats;
};

struct loop_params {
	const char *name;	/* "main", "io0"; copied */
	/*
	 * The file of the statistics page: a path (created 0600, unlinked by
	 * loop_destroy()); NULL: anonymous memory, nobody outside can look.
	 * loop_stats_path() in loop_stats.h makes the usual name.
	 */
	const char *stats_path;
	unsigned stats_slots;	/* handlers counted apart, 0: 256; more share a slot "(others)" */
};

/* params NULL: name "loop", anonymous. NULL on failure with err set. */
struct loop *loop_create(const struct loop_params *params, struct err *err);
/* All handlers must be deleted before. NULL is fine. */
void loop_destroy(struct loop *loop);
/* Runs rounds until loop_quit(). Returns the quit code. */
int loop_run(struct loop *loop);
/* One round; waits at most timeout_ns (0: not at all, ~0: for ever). True when a handler ran. */
bool loop_run_once(struct loop *loop, u64 timeout_ns);
/* [any thread] Makes loop_run() return code after the current handler. */
void loop_quit(struct loop *loop, int code);
/* CLOCK_MONOTONIC now. [any thread] */
u64 loop_now_ns(void);
/* The clock at the start of this round: cheap, good enough for time-outs. */
u64 loop_round_ns(const struct loop *loop);
/* True in the loop's thread (while it is in loop_run() or loop_run_once()). [any thread] */
bool loop_is_current(const struct loop *loop);

/*
 * Watches fd (level-triggered) for events. h is filled in by these; name and
 * owner are copied (23 and 39 bytes are kept). 0 or -errno of epoll_ctl:
 * -EPERM for a regular file.
 */
int loop_fd_add(struct loop *loop, struct loop_fd *h, int fd, u32 events,
		void (*fn)(struct loop_fd *h, u32 events), void *opaque,
		const char *name, const char *owner);
/* Changes what is watched; events 0 pauses (errors and hang-ups are not reported then either). */
int loop_fd_mod(struct loop_fd *h, u32 events);
/* Stops watching; does not close. Call it BEFORE close(fd). Twice is fine. */
void loop_fd_del(struct loop_fd *h);

/* Cannot fail; not armed yet. */
void loop_timer_init(struct loop *loop, struct loop_timer *t, void (*fn)(struct loop_timer *t),
		     void *opaque, const char *name, const char *owner);
/* Calls fn once at deadline_ns (at the next round when it is past). Re-arming moves it. */
void loop_timer_arm(struct loop_timer *t, u64 deadline_ns);
void loop_timer_arm_in(struct loop_timer *t, u64 delay_ns);
void loop_timer_cancel(struct loop_timer *t);	/* not armed: nothing */
bool loop_timer_armed(const struct loop_timer *t);
/* Cancels and gives the statistics slot back; t may be freed then. */
void loop_timer_del(struct loop_timer *t);

void loop_bh_init(struct loop *loop, struct loop_bh *bh, void (*fn)(struct loop_bh *bh),
		  void *opaque, const char *name, const char *owner);
/*
 * [any thread] Runs fn in the loop's thread soon, once for any number of
 * calls before it starts. Lock-free; a release that fn's start acquires.
 * From a signal handler too.
 */
void loop_bh_schedule(struct loop_bh *bh);
/* Forgets a call that has not started. */
void loop_bh_cancel(struct loop_bh *bh);
/* Cancels for good; no thread may be scheduling it any more. bh may be freed then. */
void loop_bh_del(struct loop_bh *bh);

/*
 * [any thread] Runs fn(arg) once in the loop's thread. Calls from one thread
 * run in order. 0 or -ENOMEM. Those still waiting in loop_destroy() are
 * dropped unrun.
 */
int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg, const char *name,
	      const char *owner);

#endif
