// SPDX-License-Identifier: GPL-2.0-or-later
/* The event loop: order, removal during dispatch, posts from threads, and the statistics page. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "config.h"
#include "fault.h"
#include "loop.h"
#include "loop_stats.h"
#include "mem.h"
#include "test.h"
#include "thread.h"

static struct loop *new_loop(void)
{
	struct err err = ERR_INIT;
	struct loop *loop = loop_create(NULL, &err);

	if (!loop)
		test_fail(__FILE__, __LINE__, "%s", err.msg);
	return loop;
}

/* ---- file descriptors ---- */

struct pipes {
	struct loop_fd h[8];
	int rd[8], wr[8];
	int calls[8];
	int delete_on_call;		/* which handlers the first one to run deletes; bit mask */
	bool close_too;
};

static void open_pipes(struct pipes *p, struct loop *loop, int n, void (*fn)(struct loop_fd *h, u32 events))
{
	for (int i = 0; i < n; i++) {
		int fds[2];

		CHECK_EQ(pipe(fds), 0);
		p->rd[i] = fds[0];
		p->wr[i] = fds[1];
		CHECK_EQ(loop_fd_add(loop, &p->h[i], fds[0], EPOLLIN, fn, p, "read", "test"), 0);
	}
}

static void close_pipes(struct pipes *p, int n)
{
	for (int i = 0; i < n; i++) {
		loop_fd_del(&p->h[i]);
		close(p->rd[i]);
		close(p->wr[i]);
	}
}

static void read_one(struct loop_fd *h, u32 events)
{
	struct pipes *p = h->opaque;
	int i = (int)(h - p->h);
	char c;

	CHECK(events & EPOLLIN);
	CHECK_EQ(read(h->fd, &c, 1), 1);
	p->calls[i]++;
	for (int k = 0; k < 8; k++) {
		if (!(p->delete_on_call & 1 << k))
			continue;
		loop_fd_del(&p->h[k]);
		if (p->close_too)
			close(p->rd[k]);
	}
	p->delete_on_call = 0;
}

TEST(fd_is_level_triggered)
{
	struct loop *loop = new_loop();
	struct pipes p = { 0 };

	open_pipes(&p, loop, 2, read_one);
	CHECK_EQ(write(p.wr[1], "abc", 3), 3);
	CHECK(loop_run_once(loop, 0));
	CHECK(loop_run_once(loop, 0));
	CHECK(loop_run_once(loop, 0));
	CHECK(!loop_run_once(loop, 0));
	CHECK_EQ(p.calls[1], 3);
	CHECK_EQ(p.calls[0], 0);
	close_pipes(&p, 2);
	loop_destroy(loop);
}

TEST(fd_paused_reports_nothing)
{
	struct loop *loop = new_loop();
	struct pipes p = { 0 };

	open_pipes(&p, loop, 1, read_one);
	CHECK_EQ(loop_fd_mod(&p.h[0], 0), 0);
	CHECK_EQ(write(p.wr[0], "a", 1), 1);
	CHECK(!loop_run_once(loop, 0));
	CHECK_EQ(loop_fd_mod(&p.h[0], EPOLLIN), 0);
	CHECK(loop_run_once(loop, 0));
	CHECK_EQ(loop_fd_mod(&p.h[0], 0), 0);
	close(p.wr[0]);
	CHECK(!loop_run_once(loop, 0));		/* no hang-up either */
	p.wr[0] = dup(0);
	close_pipes(&p, 1);
	loop_destroy(loop);
}

/* All are ready at once; the first deletes all others and itself, then closes them. */
TEST(fd_deleted_and_closed_in_callback)
{
	for (int round = 0; round < 2; round++) {
		struct loop *loop = new_loop();
		struct pipes p = { .delete_on_call = 0xff, .close_too = round };
		int calls = 0;

		open_pipes(&p, loop, 8, read_one);
		for (int i = 0; i < 8; i++)
			CHECK_EQ(write(p.wr[i], "x", 1), 1);
		CHECK(loop_run_once(loop, 0));
		CHECK(!loop_run_once(loop, 0));
		for (int i = 0; i < 8; i++) {
			calls += p.calls[i];
			close(p.wr[i]);
			if (!round)
				close(p.rd[i]);
		}
		CHECK_EQ(calls, 1);
		loop_destroy(loop);
	}
}

static void free_itself(struct loop_fd *h, u32 events)
{
	int *count = h->opaque;

	(void)events;
	++*count;
	loop_fd_del(h);
	mem_free(h);
}

TEST(fd_handler_frees_itself)
{
	struct loop *loop = new_loop();
	struct loop_fd *h = mem_alloc(sizeof(*h));
	int fds[2], count = 0;

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(loop_fd_add(loop, h, fds[0], EPOLLIN, free_itself, &count, "once", "test"), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK(loop_run_once(loop, 0));
	CHECK(!loop_run_once(loop, 0));
	CHECK_EQ(count, 1);
	close(fds[0]);
	close(fds[1]);
	loop_destroy(loop);
}

TEST(fd_regular_file_is_refused)
{
	struct loop *loop = new_loop();
	struct loop_fd h;
	FILE *f = tmpfile();

	CHECK(f != NULL);
	CHECK_EQ(loop_fd_add(loop, &h, fileno(f), EPOLLIN, free_itself, NULL, "file", "test"), -EPERM);
	loop_fd_del(&h);
	fclose(f);
	loop_destroy(loop);
}

/* ---- timers ---- */

struct order {
	int ids[4000];
	int n;
};

struct timed {
	struct loop_timer t;
	struct order *order;
	int id;
	struct timed *cancel;		/* cancelled when this one runs */
	u64 rearm;			/* != 0: armed for this time when it runs, once */
};

static void timed_run(struct loop_timer *t)
{
	struct timed *td = t->opaque;

	CHECK(!loop_timer_armed(t));
	td->order->ids[td->order->n++] = td->id;
	if (td->cancel)
		loop_timer_cancel(&td->cancel->t);
	if (td->rearm)
		loop_timer_arm(t, td->rearm);
	td->rearm = 0;
}

static void timed_init(struct timed *td, struct loop *loop, struct order *order, int id)
{
	*td = (struct timed){ .order = order, .id = id };
	loop_timer_init(loop, &td->t, timed_run, td, "timer", "test");
}

/* Thousands in random order, some moved, some cancelled: they run by deadline, equal ones by arming. */
TEST(timers_by_thousands)
{
	struct loop *loop = new_loop();
	struct order order = { .n = 0 };
	struct timed *td = mem_zarray(4000, sizeof(*td));
	u64 base = 1000000, last = 0;
	int armed = 0;

	srand(1);
	for (int i = 0; i < 4000; i++) {
		timed_init(&td[i], loop, &order, i);
		loop_timer_arm(&td[i].t, base + (u64)rand() % 500);
	}
	for (int i = 0; i < 4000; i += 3)
		loop_timer_arm(&td[i].t, base + (u64)rand() % 500);
	for (int i = 0; i < 4000; i += 7)
		loop_timer_cancel(&td[i].t);
	for (int i = 0; i < 4000; i++)
		armed += loop_timer_armed(&td[i].t);
	CHECK_EQ(armed, 4000 - 572);
	loop_run_once(loop, 0);
	CHECK_EQ(order.n, armed);
	for (int i = 0; i < order.n; i++) {
		const struct loop_timer *t = &td[order.ids[i]].t;

		CHECK_LE(last, t->deadline_ns);
		if (i && t->deadline_ns == last)
			CHECK_LT(td[order.ids[i - 1]].t.seq, t->seq);
		last = t->deadline_ns;
		CHECK(order.ids[i] % 7 != 0);
	}
	for (int i = 0; i < 4000; i++)
		loop_timer_del(&td[i].t);
	mem_free(td);
	loop_destroy(loop);
}

TEST(timer_rearm_and_cancel_in_callback)
{
	struct loop *loop = new_loop();
	struct order order = { .n = 0 };
	struct timed td[4];
	static const int want[] = { 0, 1, 3, 0 };

	for (int i = 0; i < 4; i++) {
		timed_init(&td[i], loop, &order, i);
		loop_timer_arm(&td[i].t, 100 + (u64)i);
	}
	td[0].rearm = 1;		/* long past, and earlier than all: it must wait for the next round all the same */
	td[1].cancel = &td[2];		/* due in this very round */
	loop_run_once(loop, 0);
	CHECK_EQ(order.n, 3);
	loop_run_once(loop, ~0ULL);
	CHECK_EQ(order.n, 4);
	CHECK_MEM_EQ(order.ids, want, sizeof(want));
	for (int i = 0; i < 4; i++)
		loop_timer_del(&td[i].t);
	loop_destroy(loop);
}

TEST(timer_waits_until_its_time)
{
	struct loop *loop = new_loop();
	struct order order = { .n = 0 };
	struct timed td;
	u64 end;

	timed_init(&td, loop, &order, 0);
	end = loop_now_ns() + 3000000;
	loop_timer_arm(&td.t, end);
	while (!order.n)
		loop_run_once(loop, ~0ULL);
	CHECK_LE(end, loop_now_ns());
	loop_timer_arm_in(&td.t, ~0ULL);
	CHECK(!loop_run_once(loop, 1000));
	loop_timer_del(&td.t);
	loop_destroy(loop);
}

/* ---- bottom halves ---- */

struct counted {
	struct loop_bh bh;
	int runs, again;
	struct counted *kill;
};

static void counted_run(struct loop_bh *bh)
{
	struct counted *c = bh->opaque;

	c->runs++;
	if (c->again-- > 0)
		loop_bh_schedule(bh);
	if (c->kill)
		loop_bh_del(&c->kill->bh);
}

TEST(bh_runs_once_for_many_calls)
{
	struct loop *loop = new_loop();
	struct counted c = { .runs = 0 };

	loop_bh_init(loop, &c.bh, counted_run, &c, "bh", "test");
	for (int i = 0; i < 5; i++)
		loop_bh_schedule(&c.bh);
	CHECK(loop_run_once(loop, ~0ULL));
	CHECK_EQ(c.runs, 1);
	CHECK(!loop_run_once(loop, 0));
	loop_bh_schedule(&c.bh);
	loop_bh_cancel(&c.bh);
	CHECK(!loop_run_once(loop, 0));
	loop_bh_schedule(&c.bh);
	loop_bh_cancel(&c.bh);
	loop_bh_schedule(&c.bh);
	CHECK(loop_run_once(loop, 0));
	CHECK_EQ(c.runs, 2);
	loop_bh_del(&c.bh);
	loop_destroy(loop);
}

TEST(bh_that_schedules_itself_waits_a_round)
{
	struct loop *loop = new_loop();
	struct counted c = { .again = 2 };

	loop_bh_init(loop, &c.bh, counted_run, &c, "bh", "test");
	loop_bh_schedule(&c.bh);
	loop_run_once(loop, ~0ULL);
	CHECK_EQ(c.runs, 1);
	loop_run_once(loop, ~0ULL);
	loop_run_once(loop, ~0ULL);
	CHECK_EQ(c.runs, 3);
	CHECK(!loop_run_once(loop, 0));
	loop_bh_del(&c.bh);
	loop_destroy(loop);
}

TEST(bh_deleted_while_it_waits)
{
	struct loop *loop = new_loop();
	struct counted *c = mem_zarray(3, sizeof(*c));

	for (int i = 0; i < 3; i++)
		loop_bh_init(loop, &c[i].bh, counted_run, &c[i], "bh", "test");
	c[0].kill = &c[2];
	for (int i = 0; i < 3; i++)
		loop_bh_schedule(&c[i].bh);
	loop_run_once(loop, 0);
	CHECK_EQ(c[0].runs, 1);
	CHECK_EQ(c[1].runs, 1);
	CHECK_EQ(c[2].runs, 0);
	c[0].kill = NULL;
	loop_bh_schedule(&c[0].bh);
	loop_bh_del(&c[0].bh);
	loop_bh_del(&c[1].bh);
	CHECK(!loop_run_once(loop, 0));
	mem_free(c);
	loop_destroy(loop);
}

/* ---- threads ---- */

#define POSTERS 4
#define POSTS	20000

struct shared {
	struct loop *loop;
	struct loop_bh bh;
	u64 scheduled, seen;		/* seen: what the bottom half found */
	unsigned next[POSTERS];		/* the number each poster's next post must carry */
	unsigned done;
};

struct posted {
	struct shared *s;
	unsigned poster, nr;
};

static void got_post(void *arg)
{
	struct posted *p = arg;

	CHECK_EQ(p->s->next[p->poster], p->nr);
	p->s->next[p->poster]++;
	if (p->nr == POSTS - 1 && ++p->s->done == POSTERS)
		loop_quit(p->s->loop, 42);
	mem_free(p);
}

static void saw_bh(struct loop_bh *bh)
{
	struct shared *s = bh->opaque;

	s->seen = atomic_get_acquire(&s->scheduled);
}

struct poster {
	struct shared *s;
	unsigned nr;
	struct thread t;
};

static void *poster_run(void *arg)
{
	struct poster *me = arg;

	for (unsigned i = 0; i < POSTS; i++) {
		struct posted *p = mem_alloc(sizeof(*p));

		*p = (struct posted){ me->s, me->nr, i };
		if (loop_post(me->s->loop, got_post, p, "post", "test"))
			return "no memory";
		atomic_add(&me->s->scheduled, 1);
		loop_bh_schedule(&me->s->bh);
	}
	return NULL;
}

TEST(posts_from_four_threads_in_order)
{
	struct shared s = { .loop = new_loop() };
	struct poster posters[POSTERS];

	loop_bh_init(s.loop, &s.bh, saw_bh, &s, "counter", "test");
	for (unsigned i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ .s = &s, .nr = i };
		CHECK_EQ(thread_create(&posters[i].t, "poster", 0, poster_run, &posters[i], NULL), 0);
	}
	CHECK_EQ(loop_run(s.loop), 42);
	for (unsigned i = 0; i < POSTERS; i++)
		CHECK(thread_join(&posters[i].t) == NULL);
	while (loop_run_once(s.loop, 0))
		;
	for (unsigned i = 0; i < POSTERS; i++)
		CHECK_EQ(s.next[i], POSTS);
	CHECK_EQ(s.seen, POSTERS * POSTS);	/* the last schedule was not lost */
	loop_bh_del(&s.bh);
	loop_destroy(s.loop);
}

static void never(void *arg)
{
	(void)arg;
	test_fail(__FILE__, __LINE__, "a dropped post ran");
}

TEST(destroy_drops_posts)
{
	struct loop *loop = new_loop();

	for (int i = 0; i < 10; i++)
		CHECK_EQ(loop_post(loop, never, NULL, "post", "test"), 0);
	loop_destroy(loop);
}

static void *quit_later(void *arg)
{
	usleep(2000);
	loop_quit(arg, 7);
	return NULL;
}

TEST(quit_from_another_thread_wakes_it)
{
	struct loop *loop = new_loop();
	struct thread t;

	CHECK(!loop_is_current(loop));
	CHECK_EQ(thread_create(&t, "quitter", 0, quit_later, loop, NULL), 0);
	CHECK_EQ(loop_run(loop), 7);
	thread_join(&t);
	loop_destroy(loop);
}

/* A handler that waits for another one in a nested round. */
static void nest(struct loop_bh *bh)
{
	struct counted *c = bh->opaque;

	c->runs++;
	CHECK(loop_is_current(bh->loop));
	if (c->kill) {
		loop_bh_schedule(&c->kill->bh);
		while (!c->kill->runs)
			loop_run_once(bh->loop, ~0ULL);
	}
	CHECK(loop_is_current(bh->loop));
}

TEST(rounds_nest)
{
	struct loop *loop = new_loop();
	struct counted inner = { .runs = 0 }, outer = { .kill = &inner };

	loop_bh_init(loop, &outer.bh, nest, &outer, "outer", "test");
	loop_bh_init(loop, &inner.bh, counted_run, &inner, "inner", "test");
	loop_bh_schedule(&outer.bh);
	loop_run_once(loop, 0);
	CHECK_EQ(outer.runs, 1);
	CHECK_EQ(inner.runs, 1);
	CHECK(!loop_is_current(loop));
	loop_bh_del(&outer.bh);
	loop_bh_del(&inner.bh);
	loop_destroy(loop);
}

static void quit_and_nest(struct loop_bh *bh)
{
	loop_quit(bh->loop, 5);
	nest(bh);
}

/* A loop that is asked to stop still serves a handler that waits in a nested round. */
TEST(quit_does_not_starve_nested_rounds)
{
	struct loop *loop = new_loop();
	struct counted inner = { .runs = 0 }, outer = { .kill = &inner };

	loop_bh_init(loop, &outer.bh, quit_and_nest, &outer, "outer", "test");
	loop_bh_init(loop, &inner.bh, counted_run, &inner, "inner", "test");
	loop_bh_schedule(&outer.bh);
	CHECK_EQ(loop_run(loop), 5);
	CHECK_EQ(inner.runs, 1);
	loop_bh_del(&outer.bh);
	loop_bh_del(&inner.bh);
	loop_destroy(loop);
}

/* What a quit leaves undone is done by the next run. */
TEST(quit_leaves_the_rest_for_later)
{
	struct loop *loop = new_loop();
	struct counted c[3] = { { .runs = 0 } };

	for (int i = 0; i < 3; i++) {
		loop_bh_init(loop, &c[i].bh, i ? counted_run : quit_and_nest, &c[i], "bh", "test");
		loop_bh_schedule(&c[i].bh);
	}
	CHECK_EQ(loop_run(loop), 5);
	CHECK_EQ(c[0].runs + c[1].runs + c[2].runs, 1);
	CHECK(loop_run_once(loop, ~0ULL));
	CHECK_EQ(c[1].runs + c[2].runs, 2);
	for (int i = 0; i < 3; i++)
		loop_bh_del(&c[i].bh);
	loop_destroy(loop);
}

/* ---- statistics ---- */

#if IS_ENABLED(CONFIG_LOOP_STATS)

struct watched {
	struct loop_bh bh;
	const struct loop_stats_page *page;
	u32 seen_slot;
};

static void look_at_page(struct loop_bh *bh)
{
	struct watched *w = bh->opaque;

	w->seen_slot = w->page->cur_slot;	/* what a reader sees while this handler hangs */
	usleep(1000);
}

static u32 slot_named(const struct loop_stats_page *page, const char *name)
{
	for (u32 i = 0; i < page->slot_count; i++)
		if (loop_stats_slot(page, i)->kind != LOOP_STATS_FREE && !strcmp(loop_stats_slot(page, i)->name, name))
			return i;
	return LOOP_STATS_NONE;
}

TEST(stats_page_tells_what_runs)
{
	char path[256];
	struct loop_params params = { .name = "main", .stats_path = path };
	struct err err = ERR_INIT;
	const struct loop_stats_slot *slot;
	struct watched w = { 0 };
	struct loop *loop;
	u64 busy_ns;

	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	CHECK_EQ(loop_stats_path(path, sizeof(path), "main"), 0);
	loop = loop_create(&params, &err);
	CHECK_STR_EQ(err.msg, "");
	w.page = loop_stats_open(path, &err);
	CHECK_STR_EQ(err.msg, "");
	CHECK_STR_EQ(w.page->loop, "main");
	CHECK_EQ(w.page->pid, getpid());
	loop_bh_init(loop, &w.bh, look_at_page, &w, "watched", "a test with an owner's name that is too long to keep");
	for (int i = 0; i < 3; i++) {
		loop_bh_schedule(&w.bh);
		loop_run_once(loop, 0);
	}
	CHECK_EQ(w.seen_slot, slot_named(w.page, "watched"));
	CHECK_EQ(w.page->cur_slot, LOOP_STATS_NONE);
	slot = loop_stats_slot(w.page, w.seen_slot);
	CHECK_EQ(slot->count, 3);
	CHECK_EQ(slot->kind, LOOP_STATS_BH);
	CHECK_STR_EQ(slot->owner, "a test with an owner's name that is too");
	busy_ns = loop_stats_to_ns(w.page, slot->busy);
	CHECK_LE(2900000, busy_ns);		/* it slept 3 ms; clocks are compared, not speeds */
	CHECK_LE(slot->last, slot->max);
	CHECK_EQ(w.page->rounds, 3);
	loop_bh_del(&w.bh);
	CHECK_EQ(slot->kind, LOOP_STATS_FREE);
	loop_stats_close(w.page);
	loop_destroy(loop);
	CHECK_EQ(access(path, F_OK), -1);
}

TEST(stats_slots_overflow_into_others)
{
	struct loop_params params = { .name = "small", .stats_slots = 2 };
	struct loop *loop = loop_create(&params, NULL);
	struct counted c[4] = { { .runs = 0 } };

	for (int i = 0; i < 4; i++) {
		loop_bh_init(loop, &c[i].bh, counted_run, &c[i], "bh", "test");
		loop_bh_schedule(&c[i].bh);
	}
	loop_run_once(loop, 0);
	CHECK(c[2].bh.stats == c[3].bh.stats);
	CHECK(c[0].bh.stats != c[1].bh.stats);
	CHECK_EQ(c[2].bh.stats->kind, LOOP_STATS_OTHERS);
	CHECK_EQ(c[2].bh.stats->count, 2);
	for (int i = 0; i < 4; i++)
		loop_bh_del(&c[i].bh);
	loop_destroy(loop);
}

TEST(stats_reader_refuses_other_files)
{
	char path[] = "/tmp/vmbox-test-XXXXXX";
	struct loop_stats_page page = { .magic = LOOP_STATS_MAGIC, .version = LOOP_STATS_VERSION, .size = sizeof(page),
					.slot_offset = sizeof(page), .slot_size = 128, .slot_count = 0 };
	struct err err = ERR_INIT;
	const struct loop_stats_page *p;
	int fd = mkstemp(path);

	CHECK_LE(0, fd);
	CHECK(!loop_stats_open(path, &err));
	CHECK(strstr(err.msg, "not a statistics page") != NULL);
	CHECK_EQ(pwrite(fd, &page, sizeof(page), 0), (ssize_t)sizeof(page));
	p = loop_stats_open(path, NULL);
	CHECK(p != NULL);
	loop_stats_close(p);
	page.slot_count = 1;			/* beyond the end of the file */
	CHECK_EQ(pwrite(fd, &page, sizeof(page), 0), (ssize_t)sizeof(page));
	CHECK(!loop_stats_open(path, NULL));
	page.slot_count = 0x10000000;
	page.size = 0xffffffff;
	CHECK_EQ(pwrite(fd, &page, sizeof(page), 0), (ssize_t)sizeof(page));
	CHECK(!loop_stats_open(path, NULL));
	CHECK(!loop_stats_open("/nonexistent/x", NULL));
	close(fd);
	unlink(path);
}

#endif

#if IS_ENABLED(CONFIG_FAULT_INJECTION)
TEST(loop_survives_failed_allocations)
{
	unsigned failures = 0;

	FAULT_FOREACH(FAULT_ALLOC, n) {
		struct loop_params params = { .name = "x", .stats_path = "/tmp/vmbox-test-fault.loop" };
		struct err err = ERR_INIT;
		struct loop *loop = loop_create(&params, &err);

		if (!loop || loop_post(loop, got_post, NULL, "x", "y"))
			failures++;
		CHECK(loop || err.code == ENOMEM);
		loop_destroy(loop);
	}
	CHECK_LE(2, failures);
}
#endif
