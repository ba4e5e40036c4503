// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's clock and its timers (see dev/clock.h): a binary heap under one
 * mutex and a timerfd on the loop. The timerfd is set only when a timer
 * becomes the earliest, so arming a later one costs no system call; a wake-up
 * that finds nothing due sets it anew.
 *
 * The guest's time is host time + offset, but never later than `hold`: the
 * earliest deadline (of the heap or of the callback that runs) plus HOLD_SLACK_NS.
 * When the deadline is gone and time has stood at hold, the offset is set back by
 * what the host went on meanwhile, and that lag is made up for at an eighth of real
 * time. Readers take no lock: a sequence number tells them that the words changed
 * under their feet. A reader that meets a change waits for the lock, and so a
 * writer that lost the processor costs nobody a spin.
 *
 * Time never runs backwards, because a writer reads the host's clock while the
 * number is odd: whoever has read the old words did so before, and holds at most
 * what they said then; the new words say no less at that moment.
 */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "dev/clock.h"
#include "dev/device.h"
#include "loop.h"
#include "mem.h"
#include "thread.h"

#define NEVER		(~0ULL)
#define FAR		(NEVER / 4)	/* in 146 years */
#define RUN_AT_ONCE	256	/* callbacks in one turn of the loop */
#define HOLD_SLACK_NS	1000000ULL	/* a timer may be that late before time waits for it */
#define SLEW_SHIFT	3		/* a lag is made up for at 1/8 of real time */
#define LAG_MAX_NS	(10 * NSEC_PER_SEC)	/* what is beyond that is lost, as over a host's sleep */

struct clock {
	pthread_mutex_t lock;
	struct clock_timer **heap;	/* heap[1..n] */
	size_t cap;
	u32 n;
	bool manual;
	bool running;			/* atomic */
	u64 stopped_ns;			/* atomic; not running, or manual: the guest's time */
	/* Running, not manual: what makes the guest's time of the host's. Atomic; changed under the lock with seq odd. */
	u32 seq;
	u64 offset;			/* guest time less host time at slew_from */
	u64 lag;			/* what is still to be made up for */
	u64 slew_from;			/* host time */
	u64 hold;			/* NEVER: no timer is armed */
	u64 hold_for;			/* the deadline that hold was made of */
	u64 in_flight;			/* deadline of the callback that runs, NEVER: none */
	u64 wake_at;			/* guest time that the timerfd is set to, NEVER: off */
	int fd;
	struct loop_fd h;
};

/* ---- the heap; all under the lock ---- */

static void heap_set(struct clock *c, u32 i, struct clock_timer *t)
{
	c->heap[i] = t;
	t->heap_pos = i;
}

static void heap_up(struct clock *c, u32 i)
{
	struct clock_timer *t = c->heap[i];

	for (; i > 1 && c->heap[i / 2]->deadline > t->deadline; i /= 2)
		heap_set(c, i, c->heap[i / 2]);
	heap_set(c, i, t);
}

static void heap_down(struct clock *c, u32 i)
{
	struct clock_timer *t = c->heap[i];
	u32 kid;

	while ((kid = 2 * i) <= c->n) {
		if (kid < c->n && c->heap[kid + 1]->deadline < c->heap[kid]->deadline)
			kid++;
		if (c->heap[kid]->deadline >= t->deadline)
			break;
		heap_set(c, i, c->heap[kid]);
		i = kid;
	}
	heap_set(c, i, t);
}

static void heap_remove(struct clock *c, struct clock_timer *t)
{
	u32 i = t->heap_pos;
	struct clock_timer *last = c->heap[c->n--];

	t->heap_pos = 0;
	if (last == t)
		return;
	heap_set(c, i, last);
	heap_up(c, i);
	heap_down(c, last->heap_pos);
}

/* ---- time ---- */

/* The guest's time at a time of the host if nothing held it. */
static u64 unheld(const struct clock *c, u64 host)
{
	u64 from = atomic_get(&c->slew_from), made_up = host > from ? (host - from) >> SLEW_SHIFT : 0;

	return host + atomic_get(&c->offset) + MIN(made_up, atomic_get(&c->lag));
}

static u64 time_at(const struct clock *c, u64 host)
{
	return MIN(unheld(c, host), atomic_get(&c->hold));
}

/* Under the lock. */
static u64 now_locked(const struct clock *c)
{
	return c->running && !c->manual ? time_at(c, loop_now_ns()) : c->stopped_ns;
}

u64 clock_ns(struct clock *c)
{
	u32 seq = atomic_get_acquire(&c->seq);
	u64 now;

	if (!atomic_get_acquire(&c->running) || c->manual)
		return atomic_get(&c->stopped_ns);
	if (likely(!(seq & 1))) {
		now = time_at(c, loop_now_ns());
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (likely(atomic_get(&c->seq) == seq))
			return now;
	}
	pthread_mutex_lock(&c->lock);
	now = now_locked(c);
	pthread_mutex_unlock(&c->lock);
	return now;
}

bool clock_is_running(struct clock *c)
{
	return atomic_get_acquire(&c->running);
}

/* Under the lock. */
static void change_begin(struct clock *c)
{
	atomic_set(&c->seq, c->seq + 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void change_end(struct clock *c)
{
	atomic_set_release(&c->seq, c->seq + 1);
}

static u64 earliest(const struct clock *c)
{
	return MIN(c->n ? c->heap[1]->deadline : NEVER, c->in_flight);
}

/* seq is odd. The guest's time stays what it is at `host`, which is late by what hold cut off. */
static void settle(struct clock *c, u64 host)
{
	u64 raw = unheld(c, host), cut = raw > c->hold ? raw - c->hold : 0;
	u64 lag = c->lag - (raw - host - c->offset) + cut;

	atomic_set(&c->offset, raw - cut - host);
	atomic_set(&c->lag, MIN(lag, LAG_MAX_NS));
	atomic_set(&c->slew_from, host);
}

static u64 hold_of(u64 deadline, u64 now)
{
	return deadline > FAR ? NEVER : MAX(deadline + HOLD_SLACK_NS, now);
}

/* Under the lock, when the earliest deadline may be another: how far time may run. */
static void set_hold(struct clock *c)
{
	u64 want = earliest(c), hold;

	if (want == c->hold_for || !c->running || c->manual)
		return;
	change_begin(c);
	settle(c, loop_now_ns());
	hold = hold_of(want, c->slew_from + c->offset);
	/* an earlier timer came: what time waits for already is still there */
	atomic_set(&c->hold, want > c->hold_for ? hold : MIN(hold, c->hold));
	c->hold_for = want;
	change_end(c);
}

/* When the host's clock will show what makes this time of the guest, or a little before. */
static u64 host_time(const struct clock *c, u64 guest)
{
	u64 left = guest - c->offset - c->slew_from, fast;

	if ((s64)left <= 0)
		return c->slew_from;
	fast = left - left / ((1 << SLEW_SHIFT) + 1);	/* x with x + x / 8 == left */
	return c->slew_from + ((fast >> SLEW_SHIFT) <= c->lag ? fast : left - c->lag);
}

/* Under the lock: sets the timerfd for the earliest deadline if it is not. */
static void set_wakeup(struct clock *c)
{
	u64 want = c->n && c->running && !c->manual ? c->heap[1]->deadline : NEVER;
	struct itimerspec its = { 0 };
	u64 host;

	if (want > FAR || want >= c->wake_at)
		return;
	host = MAX(host_time(c, want), 1ULL);
	its.it_value.tv_sec = (time_t)(host / NSEC_PER_SEC);
	its.it_value.tv_nsec = (long)(host % NSEC_PER_SEC);
	timerfd_settime(c->fd, TFD_TIMER_ABSTIME, &its, NULL);
	c->wake_at = want;
}

/* Under the lock: the heap has changed. */
static void heap_changed(struct clock *c)
{
	set_hold(c);
	set_wakeup(c);
}

bool clock_is_manual(const struct clock *c)
{
	return c->manual;
}

void clock_start(struct clock *c)
{
	pthread_mutex_lock(&c->lock);
	if (!c->running) {
		change_begin(c);
		atomic_set(&c->slew_from, loop_now_ns());
		atomic_set(&c->offset, c->stopped_ns - c->slew_from);
		atomic_set(&c->lag, 0);
		c->hold_for = earliest(c);
		atomic_set(&c->hold, hold_of(c->hold_for, c->stopped_ns));
		atomic_set_release(&c->running, true);
		change_end(c);
		c->wake_at = NEVER;
		set_wakeup(c);
	}
	pthread_mutex_unlock(&c->lock);
}

void clock_stop(struct clock *c)
{
	pthread_mutex_lock(&c->lock);
	if (c->running) {
		change_begin(c);
		atomic_set(&c->stopped_ns, now_locked(c));
		atomic_set_release(&c->running, false);
		change_end(c);
	}
	pthread_mutex_unlock(&c->lock);
}

void clock_load(struct clock *c, u64 now_ns)
{
	pthread_mutex_lock(&c->lock);
	if (!c->running || c->manual)
		atomic_set(&c->stopped_ns, now_ns);
	pthread_mutex_unlock(&c->lock);
}

/* ---- timers ---- */

void clock_timer_init(struct clock_timer *t, struct clock *c, struct device *dev, const char *name,
		      void (*fn)(void *opaque), void *opaque)
{
	*t = (struct clock_timer){ .name = name, .clock = c, .dev = dev, .fn = fn, .opaque = opaque };
}

void clock_timer_arm(struct clock_timer *t, u64 deadline_ns)
{
	struct clock *c = t->clock;

	pthread_mutex_lock(&c->lock);
	t->seq++;
	t->deadline = deadline_ns;
	if (t->heap_pos) {
		heap_up(c, t->heap_pos);
		heap_down(c, t->heap_pos);
	} else if (mem_grow(&c->heap, &c->cap, c->n + 2, sizeof(*c->heap)) == 0) {
		heap_set(c, ++c->n, t);
		heap_up(c, c->n);
	}
	heap_changed(c);
	pthread_mutex_unlock(&c->lock);
}

void clock_timer_del(struct clock_timer *t)
{
	struct clock *c = t->clock;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	t->seq++;
	if (t->heap_pos)
		heap_remove(c, t);
	set_hold(c);
	pthread_mutex_unlock(&c->lock);
}

bool clock_timer_armed(const struct clock_timer *t)
{
	return atomic_get(&t->heap_pos) != 0;
}

u64 clock_next_deadline(struct clock *c)
{
	u64 d;

	pthread_mutex_lock(&c->lock);
	d = c->n ? c->heap[1]->deadline : NEVER;
	pthread_mutex_unlock(&c->lock);
	return d;
}

/*
 * Takes the earliest timer if it is due at `now` and calls it. Between the
 * heap and the device's lock the timer may be moved or stopped by a vCPU:
 * seq tells. The memory stays: devices are freed on this thread only.
 */
static bool run_one(struct clock *c, u64 now)
{
	struct clock_timer *t;
	struct device *dev;
	u32 seq;
	bool same;

	pthread_mutex_lock(&c->lock);
	c->in_flight = NEVER;
	if (!c->n || c->heap[1]->deadline > now) {
		set_hold(c);
		pthread_mutex_unlock(&c->lock);
		return false;
	}
	t = c->heap[1];
	if (c->manual && t->deadline > c->stopped_ns)
		atomic_set(&c->stopped_ns, t->deadline);
	heap_remove(c, t);
	c->in_flight = t->deadline;
	set_hold(c);
	seq = t->seq;
	dev = t->dev;
	pthread_mutex_unlock(&c->lock);

	device_lock(dev);
	pthread_mutex_lock(&c->lock);
	same = t->seq == seq;
	pthread_mutex_unlock(&c->lock);
	if (same)
		t->fn(t->opaque);
	device_unlock(dev);
	return true;
}

static void on_timerfd(struct loop_fd *h, u32 events)
{
	struct clock *c = h->opaque;
	u64 count, now;
	int i;

	(void)events;
	if (read(c->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	pthread_mutex_lock(&c->lock);
	c->wake_at = NEVER;
	pthread_mutex_unlock(&c->lock);
	now = clock_ns(c);
	if (clock_is_running(c))
		for (i = 0; i < RUN_AT_ONCE && run_one(c, now); i++)
			;
	pthread_mutex_lock(&c->lock);
	c->in_flight = NEVER;
	heap_changed(c);
	pthread_mutex_unlock(&c->lock);
}

void clock_set_manual(struct clock *c, u64 t_ns)
{
	if (t_ns < c->stopped_ns)
		return;
	while (run_one(c, t_ns))
		;
	atomic_set(&c->stopped_ns, t_ns);
}

struct clock *clock_new(struct loop *loop, bool manual, struct err *err)
{
	struct clock *c = mem_zalloc(sizeof(*c));
	int ret;

	if (!c) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->manual = manual;
	c->wake_at = c->in_flight = c->hold = c->hold_for = NEVER;
	c->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->fd < 0) {
		err_errno(err, errno, "cannot create the clock's timer");
		goto free_clock;
	}
	ret = loop_fd_add(loop, &c->h, c->fd, EPOLLIN, on_timerfd, c, "timers", "clock");
	if (ret < 0) {
		err_errno(err, -ret, "cannot watch the clock's timer");
		goto close_fd;
	}
	return c;

close_fd:
	close(c->fd);
free_clock:
	mem_free(c);
	return NULL;
}

void clock_free(struct clock *c)
{
	if (!c)
		return;
	loop_fd_del(&c->h);
	close(c->fd);
	pthread_mutex_destroy(&c->lock);
	mem_free(c->heap);
	mem_free(c);
}
