// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The event loop (loop.h): waiting, file descriptors, rounds. Timers are in
 * loop_timer.c, bottom halves in loop_bh.c, the statistics page in
 * loop_stats.c.
 *
 * Sleeping without losing a post: before it waits the loop stores awake = 0
 * and then looks at the inbox once more; whoever posts first pushes and then
 * exchanges awake to 1, and writes the eventfd if it was 0. One of the two
 * always sees the other, and any number of posts costs one write.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "loop_priv.h"
#include "mem.h"
#include "str.h"
#include "sys.h"

/* The address of this is the identity of a thread. */
static __thread char thread_mark;

u64 loop_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

u64 loop_round_ns(const struct loop *loop)
{
	return loop->round_ns;
}

bool loop_is_current(const struct loop *loop)
{
	return atomic_get(&loop->thread) == &thread_mark;
}

static struct timespec to_timespec(u64 ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
}

/* ---- making ---- */

/* Kernels before 5.11 have no nanosecond timeout: a timerfd takes its place. */
static int open_timerfd(struct loop *loop)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &loop->timerfd };
	struct timespec zero = { 0, 0 };
	struct epoll_event probe;

	if (sys_epoll_pwait2(loop->epfd, &probe, 1, &zero, NULL) >= 0)
		return 0;
	loop->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timerfd < 0 || epoll_ctl(loop->epfd, EPOLL_CTL_ADD, loop->timerfd, &ev))
		return -errno;
	return 0;
}

static int open_fds(struct loop *loop, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &loop->wakefd };
	int ret;

	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0)
		return err_errno(err, errno, "event loop");
	ret = open_timerfd(loop);
	if (ret)
		return err_errno(err, -ret, "event loop's timer");
	loop->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wakefd < 0 || epoll_ctl(loop->epfd, EPOLL_CTL_ADD, loop->wakefd, &ev))
		return err_errno(err, errno, "event loop's eventfd");
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

struct loop *loop_create(const struct loop_params *params, struct err *err)
{
	static const struct loop_params defaults;
	struct loop *loop = mem_zalloc(sizeof(*loop));

	if (!loop) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	loop->epfd = loop->wakefd = loop->timerfd = -1;
	loop->awake = 1;
	loop->round_ns = loop_now_ns();
	if (open_fds(loop, err) || loop_stats_create(loop, params ? params : &defaults, err)) {
		loop_destroy(loop);
		return NULL;
	}
	return loop;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	loop_bh_drop(loop);
	loop_stats_destroy(loop);
	close_fd(loop->wakefd);
	close_fd(loop->timerfd);
	close_fd(loop->epfd);
	mem_free(loop);
}

/* ---- file descriptors ---- */

int loop_fd_add(struct loop *loop, struct loop_fd *h, int fd, u32 events,
		void (*fn)(struct loop_fd *h, u32 events), void *opaque, const char *name, const char *owner)
{
	int ret;

	*h = (struct loop_fd){ .loop = loop, .fd = fd, .fn = fn, .opaque = opaque };
	h->stats = loop_stats_open_slot(loop, LOOP_STATS_FD, name, owner);
	ret = loop_fd_mod(h, events);
	if (ret) {
		loop_stats_close_slot(loop, h->stats);
		h->loop = NULL;
	}
	return ret;
}

/* With events 0 the fd leaves the kernel's set, which would go on to report hang-ups. */
int loop_fd_mod(struct loop_fd *h, u32 events)
{
	struct epoll_event ev = { .events = events, .data.ptr = h };
	int op = !h->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	if (events == h->events)
		return 0;
	if (epoll_ctl(h->loop->epfd, op, h->fd, &ev))
		return -errno;
	h->events = events;
	return 0;
}

void loop_fd_del(struct loop_fd *h)
{
	struct loop *loop = h->loop;

	if (!loop)
		return;
	if (h->events)
		epoll_ctl(loop->epfd, EPOLL_CTL_DEL, h->fd, NULL);	/* EBADF: closed already, which removed it */
	for (struct loop_batch *b = loop->batch; b; b = b->outer)
		for (int i = b->at; i < b->n; i++)
			if (b->ev[i].data.ptr == h)
				b->ev[i].data.ptr = NULL;
	loop_stats_close_slot(loop, h->stats);
	h->loop = NULL;
}

static void drain(int fd)
{
	u64 count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;		/* EAGAIN: it was a spurious report */
}

/* True when a handler ran. */
static bool dispatch_fd(struct loop *loop, const struct epoll_event *ev, u64 ready)
{
	struct loop_fd *h = ev->data.ptr;
	u32 events;
	struct loop_span span;

	if (ev->data.ptr == &loop->wakefd || ev->data.ptr == &loop->timerfd) {
		drain(*(int *)ev->data.ptr);
		return false;
	}
	if (!h)
		return false;	/* deleted meanwhile */
	events = ev->events & (h->events | EPOLLERR | EPOLLHUP);
	if (!events || !h->events)
		return false;	/* paused meanwhile */
	span = loop_stats_begin(loop, h->stats, ready);
	h->fn(h, events);
	loop_stats_end(loop, span);
	return true;
}

static bool dispatch_fds(struct loop *loop, struct loop_batch *b)
{
	u64 ready = loop->ticks;
	bool ran = false;

	while (b->at < b->n && !loop_stopping(loop))
		ran |= dispatch_fd(loop, &b->ev[b->at++], ready);
	return ran;
}

/* ---- rounds ---- */

/* timeout_ns ~0: for ever. */
static int wait_timerfd(struct loop *loop, struct loop_batch *b, u64 timeout_ns)
{
	struct itimerspec its = { .it_value = to_timespec(timeout_ns == ~0ULL ? 0 : timeout_ns) };

	if (timeout_ns)
		timerfd_settime(loop->timerfd, 0, &its, NULL);	/* 0 disarms, and then we wait for ever */
	return epoll_wait(loop->epfd, b->ev, LOOP_BATCH, timeout_ns ? -1 : 0);
}

static int wait_events(struct loop *loop, struct loop_batch *b, u64 timeout_ns)
{
	struct timespec ts = to_timespec(timeout_ns);

	if (loop->timerfd >= 0)
		return wait_timerfd(loop, b, timeout_ns);
	return sys_epoll_pwait2(loop->epfd, b->ev, LOOP_BATCH, timeout_ns == ~0ULL ? NULL : &ts, NULL);
}

/* How long the wait may last, given that the caller allows timeout_ns. */
static u64 allowed_wait(const struct loop *loop, u64 timeout_ns)
{
	u64 now;

	if (loop->due || loop->now.first || loop->ready.first)
		return 0;
	if (!loop->timers || !timeout_ns)
		return timeout_ns;
	now = loop_now_ns();
	if (loop->timers->deadline_ns <= now)
		return 0;
	return MIN(timeout_ns, loop->timers->deadline_ns - now);
}

static void wait(struct loop *loop, struct loop_batch *b, u64 timeout_ns)
{
	timeout_ns = allowed_wait(loop, timeout_ns);
	__atomic_store_n(&loop->awake, 0, __ATOMIC_SEQ_CST);
	if (loop_bh_waiting(loop) || loop_stopping(loop))
		timeout_ns = 0;
	b->n = wait_events(loop, b, timeout_ns);
	atomic_set(&loop->awake, 1);
	if (b->n < 0)
		b->n = 0;	/* a signal: an empty round */
	loop->round_ns = loop_now_ns();
}

bool loop_run_once(struct loop *loop, u64 timeout_ns)
{
	struct loop_batch batch = { .outer = loop->batch };
	const void *outer_thread = loop->thread;
	struct loop_state outer;
	bool ran;

	atomic_set(&loop->thread, &thread_mark);
	loop->depth++;
	outer = loop_stats_wait_begin(loop);
	wait(loop, &batch, timeout_ns);
	loop_stats_wait_end(loop);
	loop->batch = &batch;
	loop_timers_collect(loop);
	ran = dispatch_fds(loop, &batch);
	ran |= loop_timers_run(loop);
	ran |= loop_bh_run(loop);
	loop->batch = batch.outer;
	loop->depth--;
	loop_stats_round_end(loop, outer);
	atomic_set(&loop->thread, outer_thread);
	return ran;
}

int loop_run(struct loop *loop)
{
	loop_stats_thread(loop, thread_id());
	loop->running++;
	while (!atomic_get(&loop->quit))
		loop_run_once(loop, ~0ULL);
	loop->running--;
	atomic_xchg(&loop->quit, 0);
	return loop->quit_code;
}

/* Tells a loop that may sleep. The caller has made visible what the loop shall find. */
void loop_wake(struct loop *loop)
{
	u64 one = 1;

	/* The load spares the loop's own posts a locked instruction; it is ordered behind the push as the exchange is. */
	if (__atomic_load_n(&loop->awake, __ATOMIC_SEQ_CST) || atomic_xchg(&loop->awake, 1))
		return;
	loop_stats_posted(loop);
	if (write(loop->wakefd, &one, sizeof(one)) < 0)
		return;		/* EAGAIN: the counter is full, so the loop is awake */
}

void loop_quit(struct loop *loop, int code)
{
	loop->quit_code = code;
	atomic_xchg(&loop->quit, 1);
	loop_wake(loop);
}
