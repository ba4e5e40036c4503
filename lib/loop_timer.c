// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop's timers: a pairing heap threaded through the timers themselves,
 * so that arming never allocates. Insert O(1), remove O(log n) amortized.
 *
 * In the heap: child is the first child, next the right sibling, prev the
 * left sibling or, for a first child, the parent. Timers that are due leave
 * the heap together, before the first of them runs, for the list `due`
 * (next, prev): one that arms itself for the past again cannot run twice in
 * a round, nor keep others waiting.
 */
#include "loop_priv.h"

enum { TIMER_IDLE, TIMER_HEAP, TIMER_DUE };

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->seq < b->seq;
}

/* Joins two heaps (either may be NULL); their roots have no siblings. */
static struct loop_timer *merge(struct loop_timer *a, struct loop_timer *b)
{
	struct loop_timer *swap = a;

	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		a = b;
		b = swap;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* One heap of a list of siblings: pairs from left to right, then all of them from right to left. */
static struct loop_timer *merge_siblings(struct loop_timer *t)
{
	struct loop_timer *pairs = NULL, *root = NULL;

	while (t) {
		struct loop_timer *a = t, *b = t->next;

		t = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = merge(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct loop_timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		root = merge(root, a);
	}
	return root;
}

static void heap_remove(struct loop *loop, struct loop_timer *t)
{
	struct loop_timer *below = merge_siblings(t->child);

	t->child = NULL;
	if (t == loop->timers) {
		loop->timers = below;
		return;
	}
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
	loop->timers = merge(loop->timers, below);
}

static void due_remove(struct loop *loop, struct loop_timer *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		loop->due = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		loop->due_last = t->prev;
}

void loop_timer_cancel(struct loop_timer *t)
{
	if (t->state == TIMER_HEAP)
		heap_remove(t->loop, t);
	else if (t->state == TIMER_DUE)
		due_remove(t->loop, t);
	t->state = TIMER_IDLE;
	t->next = t->prev = NULL;
}

void loop_timer_init(struct loop *loop, struct loop_timer *t, void (*fn)(struct loop_timer *t), void *opaque,
		     const char *name, const char *owner)
{
	*t = (struct loop_timer){ .loop = loop, .fn = fn, .opaque = opaque };
	t->stats = loop_stats_open_slot(loop, LOOP_STATS_TIMER, name, owner);
}

void loop_timer_arm(struct loop_timer *t, u64 deadline_ns)
{
	loop_timer_cancel(t);
	t->deadline_ns = deadline_ns;
	t->seq = ++t->loop->timer_seq;
	t->state = TIMER_HEAP;
	t->loop->timers = merge(t->loop->timers, t);
}

void loop_timer_arm_in(struct loop_timer *t, u64 delay_ns)
{
	u64 deadline;

	loop_timer_arm(t, add_overflows(loop_now_ns(), delay_ns, &deadline) ? ~0ULL : deadline);
}

bool loop_timer_armed(const struct loop_timer *t)
{
	return t->state != TIMER_IDLE;
}

void loop_timer_del(struct loop_timer *t)
{
	if (!t->loop)
		return;
	loop_timer_cancel(t);
	loop_stats_close_slot(t->loop, t->stats);
	t->loop = NULL;
}

void loop_timers_collect(struct loop *loop)
{
	while (loop->timers && loop->timers->deadline_ns <= loop->round_ns) {
		struct loop_timer *t = loop->timers;

		heap_remove(loop, t);
		t->state = TIMER_DUE;
		t->next = NULL;
		t->prev = loop->due_last;
		if (t->prev)
			t->prev->next = t;
		else
			loop->due = t;
		loop->due_last = t;
	}
}

/* The ticks at which the timer was due; deadlines long past ("now") count from the round's begin. */
static u64 due_ticks(const struct loop *loop, const struct loop_timer *t)
{
	u64 late = loop->round_ns - t->deadline_ns;

	return loop->ticks - (late < 1000000000ULL ? loop_ns_to_ticks(loop, late) : 0);
}

bool loop_timers_run(struct loop *loop)
{
	bool ran = false;

	while (loop->due && !loop_stopping(loop)) {
		struct loop_timer *t = loop->due;
		struct loop_span span;

		due_remove(loop, t);
		t->state = TIMER_IDLE;
		t->next = t->prev = NULL;
		span = loop_stats_begin(loop, t->stats, due_ticks(loop, t));
		t->fn(t);
		loop_stats_end(loop, span);
		ran = true;
	}
	return ran;
}
