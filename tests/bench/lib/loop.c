// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the event loop costs: a bottom half's way through it, a timer's, a
 * ready file descriptor's, and the part of it that keeps statistics. Each
 * figure is the best of 15 runs, for the machine is never quiet.
 */
#include <stdio.h>
#include <sys/eventfd.h>
#include "lib/loop_priv.h"

#define RUNS	15
#define ROUNDS	2000
#define EACH	64

static u64 count;

static void bh_again(struct loop_bh *bh)
{
	count++;
	loop_bh_schedule(bh);
}

static void timer_again(struct loop_timer *t)
{
	count++;
	loop_timer_arm(t, 1);
}

static void fd_ready(struct loop_fd *h, u32 events)
{
	(void)h;
	(void)events;
	count++;
}

static void report(const char *what, double best)
{
	printf("%-42s %7.1f ns\n", what, best);
}

/* ns per handler call over ROUNDS rounds. */
static void rounds(const char *what, struct loop *loop)
{
	double best = 1e9;

	for (int run = 0; run < RUNS; run++) {
		u64 start = loop_now_ns(), calls = count;

		for (int i = 0; i < ROUNDS; i++)
			loop_run_once(loop, 0);
		best = MIN(best, (double)(loop_now_ns() - start) / (double)(count - calls));
	}
	report(what, best);
}

static void bench_bhs(struct loop *loop)
{
	struct loop_bh bh[EACH];

	for (int i = 0; i < EACH; i++) {
		loop_bh_init(loop, &bh[i], bh_again, NULL, "bh", "bench");
		loop_bh_schedule(&bh[i]);
	}
	rounds("bottom half, scheduling itself", loop);
	for (int i = 0; i < EACH; i++)
		loop_bh_del(&bh[i]);
}

static void bench_timers(struct loop *loop)
{
	struct loop_timer t[EACH];

	for (int i = 0; i < EACH; i++) {
		loop_timer_init(loop, &t[i], timer_again, NULL, "timer", "bench");
		loop_timer_arm(&t[i], 1);
	}
	rounds("timer, arming itself", loop);
	for (int i = 0; i < EACH; i++)
		loop_timer_del(&t[i]);
}

static void bench_fds(struct loop *loop)
{
	struct loop_fd h[EACH];

	for (int i = 0; i < EACH; i++)
		loop_fd_add(loop, &h[i], eventfd(1, EFD_CLOEXEC), EPOLLIN, fd_ready, NULL, "fd", "bench");
	rounds("ready fd (with its share of epoll_wait)", loop);
	for (int i = 0; i < EACH; i++)
		loop_fd_del(&h[i]);
}

static void bench_stats(struct loop *loop)
{
	struct loop_bh bh;
	double best = 1e9, ticks = 1e9;

	loop_bh_init(loop, &bh, bh_again, NULL, "bh", "bench");
	for (int run = 0; run < RUNS; run++) {
		u64 start = loop_now_ns();

		for (int i = 0; i < 200000; i++)
			loop_stats_end(loop, loop_stats_begin(loop, bh.stats, loop->ticks));
		best = MIN(best, (double)(loop_now_ns() - start) / 200000);
		start = loop_now_ns();
		for (int i = 0; i < 200000; i++)
			loop->ticks = loop_ticks();
		ticks = MIN(ticks, (double)(loop_now_ns() - start) / 200000);
	}
	report("of which statistics of one dispatch", best);
	report("of which reading the CPU's counter", ticks);
	loop_bh_del(&bh);
}

int main(void)
{
	struct loop *loop = loop_create(NULL, NULL);

	if (!loop)
		return 1;
	bench_bhs(loop);
	bench_timers(loop);
	bench_fds(loop);
	bench_stats(loop);
	loop_destroy(loop);
	return 0;
}
