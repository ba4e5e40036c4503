// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads and the futex event (thread.h). Signals are blocked around
 * pthread_create() so that the new thread never sees one before it has its
 * own mask.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "fault.h"
#include "mem.h"
#include "sys.h"
#include "thread.h"

struct start {
	void *(*fn)(void *arg);
	void *arg;
	char name[16];
};

static void *run(void *p)
{
	struct start s = *(struct start *)p;

	mem_free(p);
	pthread_setname_np(pthread_self(), s.name);
	return s.fn(s.arg);
}

/* All but those that the thread's own instructions raise. */
static void thread_signals(sigset_t *set)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };

	sigfillset(set);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(set, own[i]);
}

static int create(struct thread *t, size_t stack_size, struct start *start)
{
	sigset_t mask, old;
	pthread_attr_t attr;
	int ret = pthread_attr_init(&attr);

	if (ret)
		return ret;
	ret = pthread_attr_setstacksize(&attr, stack_size ? stack_size : THREAD_STACK_DEFAULT);
	if (!ret) {
		thread_signals(&mask);
		pthread_sigmask(SIG_SETMASK, &mask, &old);
		ret = pthread_create(&t->handle, &attr, run, start);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	pthread_attr_destroy(&attr);
	return ret;
}

int thread_create(struct thread *t, const char *name, size_t stack_size, void *(*fn)(void *arg), void *arg,
		  struct err *err)
{
	struct start *start = mem_zalloc(sizeof(*start));
	int ret = ENOMEM;

	t->joinable = false;
	if (!start)
		goto fail;
	start->fn = fn;
	start->arg = arg;
	strncpy(start->name, name, sizeof(start->name) - 1);
	ret = create(t, stack_size, start);
	if (ret)
		goto fail;
	t->joinable = true;
	return 0;
fail:
	mem_free(start);
	return err_errno(err, ret, "cannot start thread '%s'", name);
}

void *thread_join(struct thread *t)
{
	void *result = NULL;

	if (t->joinable)
		pthread_join(t->handle, &result);
	t->joinable = false;
	return result;
}

void thread_detach(struct thread *t)
{
	if (t->joinable)
		pthread_detach(t->handle);
	t->joinable = false;
}

int thread_id(void)
{
	static __thread int id;

	if (!id)
		id = (int)syscall(SYS_gettid);
	return id;
}

unsigned thread_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return MAX((unsigned)CPU_COUNT(&set), 1U);
}

/* ---- the event ---- */

enum { EVENT_CLEAR, EVENT_SET, EVENT_WAITERS };

void thread_event_set(struct thread_event *e)
{
	if (__atomic_load_n(&e->state, __ATOMIC_RELAXED) == EVENT_SET) {
		/* Pairs with the waiter that reset it a moment ago and looks at our data next. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(&e->state, __ATOMIC_RELAXED) == EVENT_SET)
			return;
	}
	if (atomic_xchg(&e->state, EVENT_SET) == EVENT_WAITERS)
		sys_futex(&e->state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, NULL);
}

void thread_event_reset(struct thread_event *e)
{
	/* A full barrier: what the caller checks next is not older than the reset. */
	atomic_cas(&e->state, EVENT_SET, EVENT_CLEAR);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool thread_event_is_set(const struct thread_event *e)
{
	return atomic_get_acquire(&e->state) == EVENT_SET;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* One sleep, at most left_ns (~0: for ever). False when the time is over. */
static bool event_sleep(struct thread_event *e, u64 left_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(left_ns / 1000000000), .tv_nsec = (long)(left_ns % 1000000000) };

	atomic_cas(&e->state, EVENT_CLEAR, EVENT_WAITERS);
	if (atomic_get(&e->state) != EVENT_WAITERS)
		return true;
	return sys_futex(&e->state, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, EVENT_WAITERS,
			 left_ns == ~0ULL ? NULL : &ts) != -ETIMEDOUT;
}

void thread_event_wait(struct thread_event *e)
{
	while (!thread_event_is_set(e))
		event_sleep(e, ~0ULL);
}

int thread_event_wait_ns(struct thread_event *e, u64 timeout_ns)
{
	u64 end;

	if (thread_event_is_set(e))
		return 0;
	if (add_overflows(now_ns(), timeout_ns, &end))
		end = ~0ULL;
	while (!thread_event_is_set(e)) {
		u64 now = now_ns();

		if (now >= end || !event_sleep(e, end == ~0ULL ? ~0ULL : end - now))
			return thread_event_is_set(e) ? 0 : -ETIMEDOUT;
	}
	return 0;
}
