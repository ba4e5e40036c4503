/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The range lock of a node and its drain gate. Few requests are in flight
 * (tens), so active ranges stand in a plain list; waiters queue behind an
 * overlapping active range and are all woken when one goes away.
 */
#include "block/int.h"

struct blk_ranges {
	pthread_mutex_t lock;
	pthread_cond_t freed, idle;
	struct blk_range *active;
	unsigned int waiting;
	/* drain gate */
	unsigned int in_flight, drained;
};

struct blk_ranges *blk_ranges_new(void)
{
	struct blk_ranges *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->freed, NULL);
	pthread_cond_init(&r->idle, NULL);
	return r;
}

void blk_ranges_free(struct blk_ranges *r)
{
	if (!r)
		return;
	pthread_cond_destroy(&r->idle);
	pthread_cond_destroy(&r->freed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static bool collides(const struct blk_ranges *rs, u64 off, u64 end, bool excl)
{
	for (const struct blk_range *a = rs->active; a; a = a->next)
		if (a->off < end && off < a->end && (excl || a->excl))
			return true;
	return false;
}

void blk_range_lock(struct blk_node *n, struct blk_range *r, u64 off, u64 len, bool excl)
{
	struct blk_ranges *rs = n->ranges;

	r->off = off;
	r->end = off + len;
	r->excl = excl;
	pthread_mutex_lock(&rs->lock);
	while (collides(rs, r->off, r->end, excl)) {
		rs->waiting++;
		pthread_cond_wait(&rs->freed, &rs->lock);
		rs->waiting--;
	}
	r->next = rs->active;
	r->prev = &rs->active;
	if (r->next)
		r->next->prev = &r->next;
	rs->active = r;
	pthread_mutex_unlock(&rs->lock);
}

void blk_range_unlock(struct blk_node *n, struct blk_range *r)
{
	struct blk_ranges *rs = n->ranges;
	bool wake;

	pthread_mutex_lock(&rs->lock);
	*r->prev = r->next;
	if (r->next)
		r->next->prev = r->prev;
	wake = rs->waiting;
	pthread_mutex_unlock(&rs->lock);
	if (wake)
		pthread_cond_broadcast(&rs->freed);
}

void blk_enter(struct blk_node *n)
{
	struct blk_ranges *rs = n->ranges;

	pthread_mutex_lock(&rs->lock);
	while (rs->drained)
		pthread_cond_wait(&rs->freed, &rs->lock);
	rs->in_flight++;
	pthread_mutex_unlock(&rs->lock);
}

void blk_leave(struct blk_node *n)
{
	struct blk_ranges *rs = n->ranges;

	pthread_mutex_lock(&rs->lock);
	if (!--rs->in_flight && rs->drained)
		pthread_cond_broadcast(&rs->idle);
	pthread_mutex_unlock(&rs->lock);
}

void blk_let_go(struct blk_node *n, bool go)
{
	if (n->drv->let_go)
		n->drv->let_go(n, go);
	for (int i = 0; i < n->n_children; i++)
		blk_let_go(n->child[i].node, go);
}

void blk_drain_begin(struct blk_node *n)
{
	struct blk_ranges *rs = n->ranges;

	blk_let_go(n, true);
	pthread_mutex_lock(&rs->lock);
	rs->drained++;
	while (rs->in_flight)
		pthread_cond_wait(&rs->idle, &rs->lock);
	pthread_mutex_unlock(&rs->lock);
	blk_let_go(n, false);
}

void blk_drain_end(struct blk_node *n)
{
	struct blk_ranges *rs = n->ranges;

	pthread_mutex_lock(&rs->lock);
	rs->drained--;
	pthread_mutex_unlock(&rs->lock);
	pthread_cond_broadcast(&rs->freed);
}
