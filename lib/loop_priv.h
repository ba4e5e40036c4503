/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the event loop: its state, and the statistics that are taken
 * around each handler. One counter reading serves as the end of one handler
 * and the begin of the next.
 */
#ifndef VMBOX_LIB_LOOP_PRIV_H
#define VMBOX_LIB_LOOP_PRIV_H

#include <sys/epoll.h>
#include "config.h"
#include "loop.h"
#include "loop_stats.h"
#include "thread.h"

#define LOOP_BATCH 64

/* Events that the kernel reported and that are being handed out. A nested loop_run_once() has its own. */
struct loop_batch {
	struct epoll_event ev[LOOP_BATCH];
	int n, at;
	struct loop_batch *outer;
};

struct loop_bh_list {
	struct loop_bh *first, *last;
};

struct loop {
	int epfd, wakefd;
	int timerfd;			/* where epoll_pwait2 is missing, else -1 */
	u32 awake;			/* 0: may be going to sleep, whoever posts must write wakefd */
	u32 quit;
	int quit_code;
	unsigned running;		/* loop_run() calls */
	unsigned depth;			/* rounds within rounds */
	const void *thread;		/* identity of the thread inside, or NULL */
	u64 round_ns;

	struct loop_batch *batch;
	struct loop_timer *timers;	/* heap */
	struct loop_timer *due, *due_last;
	u64 timer_seq;
	struct loop_bh *inbox;		/* pushed by any thread, newest first */
	struct loop_bh_list ready;	/* taken from the inbox, in order */
	struct loop_bh_list now;	/* to run in this round */

	struct loop_stats_page *page;	/* NULL without CONFIG_LOOP_STATS */
	u64 ticks;			/* the latest reading */
	u32 slot_hint;			/* where the search for a free slot begins */
	u64 pair_due_ns;		/* when the page's second pair of clocks is taken next */
	u64 ticks_per_ns;		/* times 2^32 */
	char *stats_path;		/* to unlink */
};

/* loop_timer.c */
void loop_timers_collect(struct loop *loop);	/* moves what is due at round_ns to the due list */
bool loop_timers_run(struct loop *loop);

/* loop_bh.c */
bool loop_bh_waiting(struct loop *loop);
bool loop_bh_run(struct loop *loop);
void loop_bh_drop(struct loop *loop);		/* frees posts that never ran */

/* loop.c */
void loop_wake(struct loop *loop);

/*
 * Shall this round end early? Not a nested one: whoever waits in it needs
 * what it brings. The load is ordered behind the store of awake.
 */
static inline bool loop_stopping(const struct loop *loop)
{
	return loop->running && loop->depth <= 1 && __atomic_load_n(&loop->quit, __ATOMIC_SEQ_CST);
}

static inline u64 loop_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	u64 v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	return loop_now_ns();
#endif
}

#if IS_ENABLED(CONFIG_LOOP_STATS)

/* loop_stats.c. Makes loop->page. */
int loop_stats_create(struct loop *loop, const struct loop_params *params, struct err *err);
void loop_stats_destroy(struct loop *loop);
struct loop_stats_slot *loop_stats_open_slot(struct loop *loop, enum loop_stats_kind kind, const char *name,
					     const char *owner);
void loop_stats_close_slot(struct loop *loop, struct loop_stats_slot *slot);
struct loop_stats_slot *loop_stats_others(struct loop *loop);
void loop_stats_pair(struct loop *loop);
void loop_stats_post_name(struct loop *loop, const char *name);

/* 1:1 in the first millisecond. */
static inline u64 loop_ns_to_ticks(const struct loop *loop, u64 ns)
{
	return (u64)((u128)ns * loop->ticks_per_ns >> 32);
}

struct loop_span {
	struct loop_stats_slot *slot;
	u64 start;
	u32 generation;
};

static inline struct loop_span loop_stats_begin(struct loop *loop, struct loop_stats_slot *slot, u64 ready)
{
	u64 now = loop->ticks, wait = now > ready ? now - ready : 0;
	u32 nr = (u32)(slot - (struct loop_stats_slot *)(void *)((char *)loop->page + loop->page->slot_offset));

	atomic_set(&loop->page->cur_since, now);
	atomic_set(&loop->page->cur_slot, nr);
	atomic_set(&slot->last_at, now);
	atomic_set(&slot->wait, slot->wait + wait);
	if (wait > slot->wait_max)
		atomic_set(&slot->wait_max, wait);
	return (struct loop_span){ slot, now, slot->generation };
}

static inline void loop_stats_end(struct loop *loop, struct loop_span s)
{
	u64 now = loop_ticks(), spent = now - s.start;

	loop->ticks = now;
	if (unlikely(s.slot->generation != s.generation))
		return;		/* the handler deleted itself, its slot has a new owner */
	atomic_set(&s.slot->count, s.slot->count + 1);
	atomic_set(&s.slot->busy, s.slot->busy + spent);
	atomic_set(&s.slot->last, spent);
	if (spent > s.slot->max)
		atomic_set(&s.slot->max, spent);
}

/* What runs now, for a nested round to put back. */
struct loop_state { u32 slot; u64 since; };

static inline struct loop_state loop_stats_wait_begin(struct loop *loop)
{
	struct loop_state outer = { loop->page->cur_slot, loop->page->cur_since };

	loop->ticks = loop_ticks();
	atomic_set(&loop->page->cur_slot, LOOP_STATS_NONE);
	atomic_set(&loop->page->cur_since, loop->ticks);
	return outer;
}

static inline void loop_stats_wait_end(struct loop *loop)
{
	u64 now = loop_ticks();

	atomic_set(&loop->page->idle, loop->page->idle + (now - loop->ticks));
	atomic_set(&loop->page->rounds, loop->page->rounds + 1);
	atomic_set(&loop->page->cur_since, now);
	loop->ticks = now;
	if (unlikely(loop->round_ns >= loop->pair_due_ns))
		loop_stats_pair(loop);
}

static inline void loop_stats_round_end(struct loop *loop, struct loop_state outer)
{
	atomic_set(&loop->page->cur_slot, outer.slot);
	atomic_set(&loop->page->cur_since, outer.slot == LOOP_STATS_NONE ? loop->ticks : outer.since);
}

static inline void loop_stats_posted(struct loop *loop)
{
	__atomic_fetch_add(&loop->page->posts, 1, __ATOMIC_RELAXED);
}

static inline void loop_stats_thread(struct loop *loop, int tid)
{
	atomic_set(&loop->page->tid, tid);
}

#else

struct loop_span { char none; };
struct loop_state { char none; };

static inline int loop_stats_create(struct loop *loop, const struct loop_params *params, struct err *err)
{
	(void)loop;
	(void)params;
	(void)err;
	return 0;
}
static inline void loop_stats_destroy(struct loop *loop) { (void)loop; }
static inline struct loop_stats_slot *loop_stats_open_slot(struct loop *loop, enum loop_stats_kind kind,
							   const char *name, const char *owner)
{
	(void)loop;
	(void)kind;
	(void)name;
	(void)owner;
	return NULL;
}
static inline void loop_stats_close_slot(struct loop *loop, struct loop_stats_slot *slot)
{
	(void)loop;
	(void)slot;
}
static inline struct loop_stats_slot *loop_stats_others(struct loop *loop)
{
	(void)loop;
	return NULL;
}
static inline void loop_stats_post_name(struct loop *loop, const char *name)
{
	(void)loop;
	(void)name;
}
static inline u64 loop_ns_to_ticks(const struct loop *loop, u64 ns)
{
	(void)loop;
	return ns;
}
static inline struct loop_span loop_stats_begin(struct loop *loop, struct loop_stats_slot *slot, u64 ready)
{
	(void)loop;
	(void)slot;
	(void)ready;
	return (struct loop_span){ 0 };
}
static inline void loop_stats_end(struct loop *loop, struct loop_span s)
{
	(void)loop;
	(void)s;
}
static inline struct loop_state loop_stats_wait_begin(struct loop *loop)
{
	(void)loop;
	return (struct loop_state){ 0 };
}
static inline void loop_stats_wait_end(struct loop *loop) { (void)loop; }
static inline void loop_stats_round_end(struct loop *loop, struct loop_state outer)
{
	(void)loop;
	(void)outer;
}
static inline void loop_stats_posted(struct loop *loop) { (void)loop; }
static inline void loop_stats_thread(struct loop *loop, int tid)
{
	(void)loop;
	(void)tid;
}

#endif
#endif
