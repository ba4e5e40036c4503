// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's clock: timers, time that waits for a loop without a turn, and the lag that is made up for.
 * requires: CONFIG_DEVICES
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "dev/clock.h"
#include "loop.h"
#include "test.h"
#include "thread.h"

#define MS 1000000ULL
#define SLACK MS	/* how late a timer may be before time waits */

struct ticker {
	struct clock_timer t;
	struct clock *c;
	u64 period, ran_at;
	unsigned count;
};

static void on_tick(void *opaque)
{
	struct ticker *k = opaque;

	k->count++;
	k->ran_at = clock_ns(k->c);
	if (k->period)
		clock_timer_arm(&k->t, k->t.deadline + k->period);
}

static struct clock *start(struct loop **loop)
{
	struct err err = ERR_INIT;
	struct clock *c;

	*loop = loop_create(&(struct loop_params){ .name = "test" }, &err);
	CHECK(*loop);
	c = clock_new(*loop, false, &err);
	CHECK(c);
	clock_start(c);
	return c;
}

static void end(struct clock *c, struct loop *loop)
{
	clock_free(c);
	loop_destroy(loop);
}

static void host_sleep(u64 ns)
{
	u64 until = loop_now_ns() + ns;

	while (loop_now_ns() < until)
		nanosleep(&(struct timespec){ .tv_nsec = (long)MS }, NULL);
}

static void ticker_init(struct ticker *k, struct clock *c, u64 period)
{
	*k = (struct ticker){ .c = c, .period = period };
	clock_timer_init(&k->t, c, NULL, "test", on_tick, k);
}

TEST(clock_waits_for_a_late_loop)
{
	struct loop *loop;
	struct clock *c = start(&loop);
	struct ticker k;
	u64 due;

	ticker_init(&k, c, 0);
	due = clock_ns(c) + 5 * MS;
	clock_timer_arm(&k.t, due);
	host_sleep(40 * MS);
	CHECK_EQ(clock_ns(c), due + SLACK);
	host_sleep(5 * MS);
	CHECK_EQ(clock_ns(c), due + SLACK);
	/* another timer, before or behind it, changes nothing of that */
	struct ticker early, late;

	ticker_init(&early, c, 0);
	ticker_init(&late, c, 0);
	clock_timer_arm(&late.t, due + 1000 * MS);
	clock_timer_arm(&early.t, 1);
	CHECK_EQ(clock_ns(c), due + SLACK);
	while (!k.count)
		loop_run_once(loop, 100 * MS);
	CHECK_EQ(early.count, 1);
	CHECK_LE(due, k.ran_at);
	CHECK_LE(k.ran_at, due + SLACK);
	/* it goes on from there, not from where the host is */
	CHECK_LE(due + SLACK, clock_ns(c));
	clock_timer_del(&late.t);
	CHECK_EQ(clock_next_deadline(c), ~0ULL);
	end(c, loop);
}

/* Every tick of a periodic timer runs at its time or at most the slack later, however late the loop is. */
TEST(clock_loses_no_tick)
{
	struct loop *loop;
	struct clock *c = start(&loop);
	struct ticker k;
	u64 first;

	ticker_init(&k, c, 2 * MS);
	first = clock_ns(c) + 2 * MS;
	clock_timer_arm(&k.t, first);
	for (unsigned i = 0; i < 20; i++) {
		unsigned before = k.count;

		host_sleep(6 * MS);
		CHECK_LE(clock_ns(c), first + before * 2 * MS + SLACK);
		while (k.count == before)
			loop_run_once(loop, 100 * MS);
		CHECK_LE(k.ran_at, first + (k.count - 1) * 2 * MS + SLACK);
	}
	clock_timer_del(&k.t);
	end(c, loop);
}

TEST(clock_makes_up_for_the_lag)
{
	struct loop *loop;
	struct clock *c = start(&loop);
	u64 guest, host, lag, now;
	struct ticker k;

	ticker_init(&k, c, 0);
	guest = clock_ns(c);
	host = loop_now_ns();
	clock_timer_arm(&k.t, guest + MS);
	host_sleep(20 * MS);
	now = loop_now_ns();
	lag = (now - host) - (clock_ns(c) - guest);
	CHECK_LE(18 * MS, lag);
	while (!k.count)
		loop_run_once(loop, 100 * MS);
	/* nothing holds it now: it is a while behind, and then with the host again */
	do {
		CHECK_LE(clock_ns(c) - guest, loop_now_ns() - host + MS / 100);
		now = loop_now_ns();
		lag = (now - host) - (clock_ns(c) - guest);
	} while ((s64)lag > (s64)(MS / 10));
	end(c, loop);
}

TEST(clock_stands_while_stopped)
{
	struct loop *loop;
	struct clock *c = start(&loop);
	struct ticker k;
	u64 due, now;

	ticker_init(&k, c, 0);
	due = clock_ns(c) + MS;
	clock_timer_arm(&k.t, due);
	host_sleep(10 * MS);
	clock_stop(c);
	CHECK_EQ(clock_ns(c), due + SLACK);
	loop_run_once(loop, MS);
	CHECK_EQ(k.count, 0);
	clock_load(c, 7 * NSEC_PER_SEC);
	CHECK_EQ(clock_ns(c), 7 * NSEC_PER_SEC);
	clock_timer_arm(&k.t, ~0ULL - 5);	/* never, and that holds nothing */
	clock_start(c);
	host_sleep(3 * MS);
	now = clock_ns(c);
	CHECK_LE(7 * NSEC_PER_SEC + 3 * MS, now);
	loop_run_once(loop, MS);
	CHECK_EQ(k.count, 0);
	clock_timer_arm(&k.t, clock_ns(c));
	while (!k.count)
		loop_run_once(loop, 100 * MS);
	end(c, loop);
}

TEST(clock_by_hand)
{
	struct err err = ERR_INIT;
	struct loop *loop = loop_create(&(struct loop_params){ .name = "test" }, &err);
	struct clock *c = clock_new(loop, true, &err);
	struct ticker k;

	clock_start(c);
	ticker_init(&k, c, 10);
	clock_timer_arm(&k.t, 10);
	host_sleep(MS);
	CHECK_EQ(clock_ns(c), 0);
	clock_set_manual(c, 95);
	CHECK_EQ(k.count, 9);
	CHECK_EQ(k.ran_at, 90);
	CHECK_EQ(clock_ns(c), 95);
	clock_set_manual(c, 50);
	CHECK_EQ(clock_ns(c), 95);
	clock_timer_del(&k.t);
	end(c, loop);
}

/* ---- time never runs backwards, whoever looks ---- */

struct watch {
	struct clock *c;
	u64 seen;	/* atomic: the latest that anybody saw */
	bool stop;	/* atomic */
	u64 backwards;	/* atomic */
	u64 looks;	/* atomic */
};

static void *watcher(void *arg)
{
	struct watch *w = arg;

	while (!atomic_get(&w->stop)) {
		u64 before = __atomic_load_n(&w->seen, __ATOMIC_SEQ_CST), now = clock_ns(w->c), old = before;

		if (now < before)
			atomic_add(&w->backwards, 1);
		while (old < now && !__atomic_compare_exchange_n(&w->seen, &old, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		atomic_add(&w->looks, 1);
	}
	return NULL;
}

TEST(clock_never_runs_backwards)
{
	struct loop *loop;
	struct clock *c = start(&loop);
	struct watch w = { .c = c };
	struct ticker k[4];
	pthread_t th[3];
	unsigned seed = 1;

	for (unsigned i = 0; i < ARRAY_SIZE(k); i++)
		ticker_init(&k[i], c, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(th); i++)
		CHECK_EQ(pthread_create(&th[i], NULL, watcher, &w), 0);
	while (atomic_get(&w.looks) < 3000)
		;
	for (unsigned i = 0; i < 4000; i++) {
		unsigned r = (unsigned)rand_r(&seed);
		struct ticker *t = &k[r % ARRAY_SIZE(k)];

		if (r & 64)
			clock_timer_del(&t->t);
		else
			clock_timer_arm(&t->t, clock_ns(c) + (r & 128 ? 5 * MS : 0) - (r & 256 ? MS : 0) + (r >> 9) % MS);
		if (!(i % 16))
			loop_run_once(loop, 0);
		if (!(i % 200))
			host_sleep(2 * MS);
	}
	atomic_set(&w.stop, true);
	for (unsigned i = 0; i < ARRAY_SIZE(th); i++)
		pthread_join(th[i], NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(k); i++)
		clock_timer_del(&k[i].t);
	CHECK_EQ(w.backwards, 0);
	end(c, loop);
}
