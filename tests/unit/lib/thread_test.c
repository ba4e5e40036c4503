// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads and events; the system call wrappers that need no privilege. */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "sys.h"
#include "test.h"
#include "thread.h"

struct probe {
	size_t stack;
	char name[16];
	bool usr1_blocked, segv_blocked;
};

static void *look_around(void *arg)
{
	struct probe *p = arg;
	pthread_attr_t attr;
	void *base;
	sigset_t set;

	if (!pthread_getattr_np(pthread_self(), &attr)) {
		pthread_attr_getstack(&attr, &base, &p->stack);
		pthread_attr_destroy(&attr);
	}
	pthread_getname_np(pthread_self(), p->name, sizeof(p->name));
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	p->usr1_blocked = sigismember(&set, SIGUSR1) == 1;
	p->segv_blocked = sigismember(&set, SIGSEGV) == 1;
	return arg;
}

TEST(thread_has_stack_name_and_mask)
{
	struct probe p = { 0 };
	struct thread t;
	struct err err = ERR_INIT;

	CHECK_EQ(thread_create(&t, "a name that is too long", 300 * 1024, look_around, &p, &err), 0);
	CHECK(thread_join(&t) == &p);
	CHECK_LE(300 * 1024, p.stack);
	CHECK_LE(p.stack, 340 * 1024);
	CHECK_STR_EQ(p.name, "a name that is ");
	CHECK(p.usr1_blocked);
	CHECK(!p.segv_blocked);
	CHECK(thread_join(&t) == NULL);
}

TEST(thread_stack_that_cannot_be)
{
	struct thread t;
	struct err err = ERR_INIT;

	CHECK_LT(thread_create(&t, "x", 1, look_around, NULL, &err), 0);
	CHECK(strstr(err.msg, "cannot start thread 'x'") != NULL);
}

struct pair {
	struct thread_event ping, pong;
	unsigned rounds, seen;
};

static void *answer(void *arg)
{
	struct pair *p = arg;

	for (unsigned i = 0; i < p->rounds; i++) {
		thread_event_wait(&p->ping);
		thread_event_reset(&p->ping);
		p->seen++;
		thread_event_set(&p->pong);
	}
	return NULL;
}

TEST(event_ping_pong_loses_nothing)
{
	struct pair p = { .rounds = 20000 };
	struct thread t;

	CHECK_EQ(thread_create(&t, "pong", 0, answer, &p, NULL), 0);
	for (unsigned i = 0; i < p.rounds; i++) {
		thread_event_set(&p.ping);
		CHECK_EQ(thread_event_wait_ns(&p.pong, 20000000000ULL), 0);
		thread_event_reset(&p.pong);
		CHECK_EQ(p.seen, i + 1);
	}
	thread_join(&t);
}

TEST(event_times_out)
{
	struct thread_event e = THREAD_EVENT_INIT;

	CHECK_EQ(thread_event_wait_ns(&e, 1000000), -ETIMEDOUT);
	CHECK_EQ(thread_event_wait_ns(&e, 0), -ETIMEDOUT);
	thread_event_set(&e);
	CHECK(thread_event_is_set(&e));
	CHECK_EQ(thread_event_wait_ns(&e, 0), 0);
	CHECK_EQ(thread_event_wait_ns(&e, ~0ULL), 0);
	thread_event_reset(&e);
	CHECK(!thread_event_is_set(&e));
}

static void *wait_for(void *arg)
{
	thread_event_wait(arg);
	return NULL;
}

TEST(event_wakes_all)
{
	struct thread_event e = THREAD_EVENT_INIT;
	struct thread t[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(thread_create(&t[i], "waiter", 0, wait_for, &e, NULL), 0);
	thread_event_set(&e);
	for (int i = 0; i < 4; i++)
		thread_join(&t[i]);
}

TEST(cpus_and_ids)
{
	CHECK_LE(1, thread_cpus());
	CHECK_EQ(thread_id(), getpid());
}

TEST(sys_calls_return_errors_and_keep_errno)
{
	char buf[4] = "";
	struct iovec iov = { buf, 4 };
	unsigned cpu;
	int fd = sys_memfd_create("test", 1 /* MFD_CLOEXEC */);

	CHECK_LE(0, fd);
	errno = 77;
	CHECK_EQ(sys_preadv2(-1, &iov, 1, 0, 0), -EBADF);
	CHECK_EQ(errno, 77);
	CHECK_EQ(pwrite(fd, "abcdefgh", 8, 0), 8);
	CHECK_EQ(sys_preadv2(fd, &iov, 1, 4, 0), 4);
	CHECK_MEM_EQ(buf, "efgh", 4);
	CHECK_EQ(sys_pwritev2(fd, &iov, 1, 0, 0), 4);
	CHECK_EQ(pread(fd, buf, 4, 0), 4);
	CHECK_MEM_EQ(buf, "efgh", 4);
	CHECK_EQ(sys_getcpu(&cpu, NULL), 0);
	CHECK_LE(0, sys_membarrier(MEMBARRIER_CMD_QUERY, 0));
	CHECK_EQ(sys_close_range((unsigned)fd, (unsigned)fd, 0), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), -1);
}
