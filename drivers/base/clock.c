// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's clock and its timers (see dev/clock.h): a binary heap under one
 * mutex and a timerfd on the loop. The timerfd is set only when a timer
 * becomes the earliest, so arming a later one costs no system call; a wake-up
 * that finds nothing due sets it anew.
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
#define RUN_AT_ONCE	256	/* callbacks in one turn of the loop */

struct clock {
	pthread_mutex_t lock;
	struct clock_timer **heap;	/* heap[1..n] */
	size_t cap;
	u32 n;
	bool manual;
	bool running;			/* atomic */
	u64 offset;			/* atomic; running: host time + offset is the guest's */
	u64 stopped_ns;			/* atomic; not running, or manual: the guest's time */
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

u64 clock_ns(struct clock *c)
{
	if (atomic_get_acquire(&c->running) && !c->manual)
		return loop_now_ns() + atomic_get(&c->offset);
	return atomic_get(&c->stopped_ns);
}

bool clock_is_running(struct clock *c)
{
	return atomic_get_acquire(&c->running);
}

/* Under the lock: sets the timerfd for the earliest deadline if it is not. */
static void set_wakeup(struct clock *c)
{
	u64 want = c->n && c->running && !c->manual ? c->heap[1]->deadline : NEVER;
	struct itimerspec its = { 0 };
	u64 host;

	if (want == NEVER || want >= c->wake_at)
		return;
	host = want - c->offset;
	if ((s64)host <= 0)
		host = 1;
	its.it_value.tv_sec = (time_t)(host / NSEC_PER_SEC);
	its.it_value.tv_nsec = (long)(host % NSEC_PER_SEC);
	timerfd_settime(c->fd, TFD_TIMER_ABSTIME, &its, NULL);
	c->wake_at = want;
}

void clock_start(struct clock *c)
{
	pthread_mutex_lock(&c->lock);
	if (!c->running) {
		atomic_set(&c->offset, c->stopped_ns - loop_now_ns());
		atomic_set_release(&c->running, true);
		c->wake_at = NEVER;
		set_wakeup(c);
	}
	pthread_mutex_unlock(&c->lock);
}

void clock_stop(struct clock *c)
{
	pthread_mutex_lock(&c->lock);
	if (c->running) {
		if (!c->manual)
			atomic_set(&c->stopped_ns, loop_now_ns() + c->offset);
		atomic_set_release(&c->running, false);
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
	set_wakeup(c);
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
	if (!c->n || c->heap[1]->deadline > now) {
		pthread_mutex_unlock(&c->lock);
		return false;
	}
	t = c->heap[1];
	if (c->manual && t->deadline > c->stopped_ns)
		atomic_set(&c->stopped_ns, t->deadline);
	heap_remove(c, t);
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
	set_wakeup(c);
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
	c->wake_at = NEVER;
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
