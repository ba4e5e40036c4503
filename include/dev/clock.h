/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's clock: nanoseconds since the machine started, standing still
 * while it is stopped; and timers on it. One timerfd on the main loop serves
 * all of them. In manual mode (qtest) the clock moves only by clock_step().
 *
 * No tick is lost: time waits for timers. While the loop's thread has no turn the
 * clock stands a millisecond behind the earliest deadline, and afterwards it runs
 * at 9/8 until it is where the host's is again (up to ten seconds; more is lost
 * for good). A callback gets no "now"; a periodic device adds its period to
 * timer->deadline and arms again, so that missed deadlines run one after another
 * (clock_catch_up()).
 *
 * Threads: all functions from any thread. Callbacks run on the loop's
 * thread, under the lock of timer->dev when that declares LOCK_DEVICE. The
 * lock of the clock is an inner one: never held during a callback. Order:
 * device -> clock.
 */
#ifndef VMBOX_DEV_CLOCK_H
#define VMBOX_DEV_CLOCK_H

#include <pthread.h>
#include "compiler.h"
#include "err.h"

#define NSEC_PER_SEC 1000000000ULL

struct device;
struct loop;
struct clock;

struct clock_timer {
	const char *name;
	struct clock *clock;
	struct device *dev;	/* lock to take; NULL: none */
	void (*fn)(void *opaque);
	void *opaque;
	u64 deadline;		/* ns; what it was last armed for */
	u32 heap_pos;		/* 1-based place in the heap, 0: not armed */
	u32 seq;		/* changes with each arm and disarm */
};

struct clock *clock_new(struct loop *loop, bool manual, struct err *err);
void clock_free(struct clock *c);

/* Never less than what a call that had ended before this one began has given. */
u64  clock_ns(struct clock *c);
bool clock_is_running(struct clock *c);
bool clock_is_manual(const struct clock *c);
void clock_start(struct clock *c);
void clock_stop(struct clock *c);
/* A clock that stands (or is moved by hand) shows another time; timers keep their deadlines. */
void clock_load(struct clock *c, u64 now_ns);

/* The timer's memory must outlive clock_timer_del(). */
void clock_timer_init(struct clock_timer *t, struct clock *c, struct device *dev, const char *name,
		      void (*fn)(void *opaque), void *opaque);
/* deadline_ns in the past: fires at the next turn of the loop. Arms again when armed. 0 allocations. */
void clock_timer_arm(struct clock_timer *t, u64 deadline_ns);
void clock_timer_del(struct clock_timer *t);
bool clock_timer_armed(const struct clock_timer *t);

/* Manual mode. Moves to t running the timers due on the way, in order; backwards: ignored. */
void clock_set_manual(struct clock *c, u64 t_ns);
/* The earliest deadline, ~0ULL: none. */
u64  clock_next_deadline(struct clock *c);

/*
 * When a periodic device is to run next: at `due`, its logical deadline, but
 * not before the guest had an eighth of a period to see the last edge. A late
 * thread thus makes up for every missed tick at eight times the rate.
 */
static inline u64 clock_catch_up(struct clock *c, u64 due, u64 period_ns)
{
	u64 soon = clock_ns(c) + period_ns / 8;

	return due > soon ? due : soon;
}

/* t * mul / div without overflow, rounded down. */
static inline u64 muldiv64(u64 t, u64 mul, u64 div)
{
	return (u64)((u128)t * mul / div);
}

#endif
