/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads with an explicit stack size, and a futex event. Mutexes and
 * condition variables are pthread's own (fast enough on musl when cold);
 * hot paths use the event and atomics.
 *
 * Stack: musl gives 128 KiB by default, glibc 8 MiB; here it is always said:
 * 0 means THREAD_STACK_DEFAULT. Large buffers belong on the heap.
 */
#ifndef VMBOX_THREAD_H
#define VMBOX_THREAD_H

#include <pthread.h>
#include "err.h"

#define THREAD_STACK_DEFAULT	(128 * 1024)
#define THREAD_STACK_BIG	(1024 * 1024)	/* for code that recurses or calls foreign libraries */

struct thread {
	pthread_t handle;
	bool joinable;
};

/*
 * Starts fn(arg) in a new thread. name is shown by ps and top (15 bytes are
 * kept). All signals are blocked in it except the synchronous ones (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS), so the process's signals reach
 * the main thread. stack_size 0: the default. 0 or -errno with err set.
 */
int thread_create(struct thread *t, const char *name, size_t stack_size,
		  void *(*fn)(void *arg), void *arg, struct err *err);
/* Waits for its end; the result of fn. A thread that was never started: NULL at once. */
void *thread_join(struct thread *t);
/* It frees itself at its end; no join. */
void thread_detach(struct thread *t);
/* Kernel id of the calling thread, cached. */
int thread_id(void);
/* CPUs that this process may run on, at least 1. */
unsigned thread_cpus(void);

/*
 * A futex event. set() lets waiters through until reset(); waiting on a set
 * event is one load. Memory before set() is seen after wait(). set() with no
 * waiter makes no system call. All functions: any thread.
 */
struct thread_event {
	u32 state;	/* 0 clear, 1 set, 2 clear with waiters */
};
#define THREAD_EVENT_INIT { 0 }

void thread_event_set(struct thread_event *e);
void thread_event_reset(struct thread_event *e);
bool thread_event_is_set(const struct thread_event *e);
void thread_event_wait(struct thread_event *e);
/* 0, or -ETIMEDOUT after timeout_ns. */
int thread_event_wait_ns(struct thread_event *e, u64 timeout_ns);

/* Spin-wait hint. */
static inline void thread_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

/* The atomics that read better with a name. p: pointer to an integer or pointer. */
#define atomic_get(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_set(p, v)	__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define atomic_get_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_set_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define atomic_xchg(p, v)	__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define atomic_add(p, v)	__atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)	/* the old value */
#define atomic_or(p, v)		__atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define atomic_and(p, v)	__atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
/* True when *p was old and is new now. */
#define atomic_cas(p, old, new) ({ __typeof__(*(p)) _old = (old); \
	__atomic_compare_exchange_n(p, &_old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED); })

#endif
