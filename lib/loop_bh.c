// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bottom halves and posts: any thread pushes onto a lock-free stack (the
 * inbox); the loop takes all of it at once and turns it round, which gives
 * the order of scheduling. A bottom half is in at most one place: `state`
 * leaves IDLE before the push and comes back just before its function runs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "loop_priv.h"
#include "mem.h"

enum { BH_IDLE, BH_QUEUED, BH_CANCELLED };

struct post {
	struct loop_bh bh;
	void (*fn)(void *arg);
	void *arg;
	char name[24];
};

void loop_bh_init(struct loop *loop, struct loop_bh *bh, void (*fn)(struct loop_bh *bh), void *opaque,
		  const char *name, const char *owner)
{
	*bh = (struct loop_bh){ .loop = loop, .fn = fn, .opaque = opaque };
	bh->stats = loop_stats_open_slot(loop, LOOP_STATS_BH, name, owner);
}

void loop_bh_schedule(struct loop_bh *bh)
{
	struct loop *loop = bh->loop;
	struct loop_bh *head;

	if (atomic_xchg(&bh->state, BH_QUEUED) != BH_IDLE)
		return;		/* it is in a list already, perhaps as cancelled */
	if (loop->page)
		bh->since = loop_ticks();
	head = atomic_get(&loop->inbox);
	do {
		bh->next = head;
	} while (!__atomic_compare_exchange_n(&loop->inbox, &head, bh, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	loop_wake(loop);
}

void loop_bh_cancel(struct loop_bh *bh)
{
	atomic_cas(&bh->state, BH_QUEUED, BH_CANCELLED);
}

static void append(struct loop_bh_list *l, struct loop_bh *bh)
{
	bh->next = NULL;
	if (l->last)
		l->last->next = bh;
	else
		l->first = bh;
	l->last = bh;
}

/* Moves the inbox behind the ready list, oldest first. */
static void take_inbox(struct loop *loop)
{
	struct loop_bh *bh = atomic_xchg(&loop->inbox, NULL), *reversed = NULL;

	while (bh) {
		struct loop_bh *next = bh->next;

		bh->next = reversed;
		reversed = bh;
		bh = next;
	}
	while (reversed) {
		struct loop_bh *next = reversed->next;

		append(&loop->ready, reversed);
		reversed = next;
	}
}

bool loop_bh_waiting(struct loop *loop)
{
	return __atomic_load_n(&loop->inbox, __ATOMIC_SEQ_CST) || loop->ready.first || loop->now.first;
}

static void unlink_from(struct loop_bh_list *l, const struct loop_bh *bh)
{
	struct loop_bh *before = NULL;

	for (struct loop_bh *b = l->first; b; before = b, b = b->next) {
		if (b != bh)
			continue;
		if (before)
			before->next = b->next;
		else
			l->first = b->next;
		if (l->last == b)
			l->last = before;
		return;
	}
}

void loop_bh_del(struct loop_bh *bh)
{
	struct loop *loop = bh->loop;

	if (!loop)
		return;
	if (atomic_get(&bh->state) != BH_IDLE) {
		take_inbox(loop);
		unlink_from(&loop->ready, bh);
		unlink_from(&loop->now, bh);
	}
	loop_stats_close_slot(loop, bh->stats);
	bh->loop = NULL;
}

static struct loop_bh *pop(struct loop_bh_list *l)
{
	struct loop_bh *bh = l->first;

	l->first = bh->next;
	if (!l->first)
		l->last = NULL;
	return bh;
}

/* What is scheduled from here on waits for the next round. */
static void start_round(struct loop *loop)
{
	take_inbox(loop);
	if (loop->now.last)
		loop->now.last->next = loop->ready.first;
	else
		loop->now.first = loop->ready.first;
	if (loop->ready.last)
		loop->now.last = loop->ready.last;
	loop->ready = (struct loop_bh_list){ NULL, NULL };
}

bool loop_bh_run(struct loop *loop)
{
	bool ran = false;

	start_round(loop);
	while (loop->now.first && !loop_stopping(loop)) {
		struct loop_bh *bh = pop(&loop->now);
		u64 since = bh->since;
		struct loop_span span;

		/* From here on another thread may push it again. */
		if (atomic_xchg(&bh->state, BH_IDLE) != BH_QUEUED)
			continue;
		span = loop_stats_begin(loop, bh->stats, since);
		bh->fn(bh);
		loop_stats_end(loop, span);
		ran = true;
	}
	return ran;
}

static void run_post(struct loop_bh *bh)
{
	struct post p = *container_of(bh, struct post, bh);

	loop_stats_post_name(bh->loop, p.name);
	mem_free(bh->opaque);
	p.fn(p.arg);
}

int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg, const char *name, const char *owner)
{
	struct post *p = mem_zalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->fn = fn;
	p->arg = arg;
	snprintf(p->name, sizeof(p->name), "%s", name ? name : owner);
	p->bh = (struct loop_bh){ .loop = loop, .fn = run_post, .opaque = p, .stats = loop_stats_others(loop) };
	loop_bh_schedule(&p->bh);
	return 0;
}

void loop_bh_drop(struct loop *loop)
{
	start_round(loop);
	while (loop->now.first) {
		struct loop_bh *bh = pop(&loop->now);

		if (bh->fn == run_post)
			mem_free(bh->opaque);
	}
}
