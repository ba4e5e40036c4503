// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Groups of block/throttle.h: buckets, turns, clocks. One lock for all groups
 * of a graph: who is held up by a limit has the time for it. A request is
 * counted when it goes.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/int.h"
#include "block/throttle.h"

#define NS 1000000000.0
#define NEVER (~0ULL)
#define DIRS BLK_THROTTLE_DIRS
#define KINDS BLK_THROTTLE_KINDS

struct blk_throttle_hub {
	pthread_mutex_t lock;
	pthread_cond_t moved;		/* a sleeper may go, or the clock is another */
	struct blk_throttle_clock clock;
	u64 wake_ns;			/* what the clock was asked for */
	struct blk_throttle_group *groups;
};

struct bucket {
	double level, burst_level;
};

struct blk_throttle_group {
	struct blk_throttle_hub *hub;
	char *name;
	unsigned refs;
	struct blk_throttle_config c;
	struct bucket b[KINDS][DIRS];
	u64 last_ns, wake_ns;		/* of the leak; when who waits is looked at again */
	struct blk_throttle_member *members, *last[DIRS];	/* last: who had its turn */
	struct blk_throttle_group *next;
};

struct blk_throttle_member {
	struct blk_throttle_group *g;
	struct blk_throttle_wait *head[DIRS], **tail[DIRS];
	unsigned open;
	struct blk_throttle_member *next;
};

static u64 hub_now(const struct blk_throttle_hub *h)
{
	struct timespec t;

	if (h->clock.now_ns)
		return h->clock.now_ns(h->clock.opaque);
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* ---- the buckets ---- */

static void leak(struct blk_throttle_group *g)
{
	u64 now = hub_now(g->hub);
	double s = now > g->last_ns ? (double)(now - g->last_ns) / NS : 0;

	g->last_ns = now;
	for (int k = 0; k < KINDS; k++) {
		for (int d = 0; d < DIRS; d++) {
			const u64 *v = g->c.v[k][d];
			struct bucket *b = &g->b[k][d];

			b->level = MAX(b->level - (double)v[BLK_THROTTLE_AVG] * s, 0.0);
			b->burst_level = MAX(b->burst_level - (double)v[BLK_THROTTLE_MAX] * s, 0.0);
		}
	}
}

/* Seconds until the bucket takes another request. Without a max, a tenth of a second's worth may gather. */
static double wait_of(const u64 *v, const struct bucket *b)
{
	double avg = (double)v[BLK_THROTTLE_AVG], max = (double)v[BLK_THROTTLE_MAX];
	double size = v[BLK_THROTTLE_MAX] ? max * (double)v[BLK_THROTTLE_BURST] : avg / 10;

	if (!v[BLK_THROTTLE_AVG])
		return 0;
	if (b->level > size)
		return (b->level - size) / avg;
	if (v[BLK_THROTTLE_MAX] && v[BLK_THROTTLE_BURST] > 1 && b->burst_level > max / 10)
		return (b->burst_level - max / 10) / max;
	return 0;
}

static u64 wait_ns(const struct blk_throttle_group *g, int dir)
{
	double s = 0;

	for (int k = 0; k < KINDS; k++) {
		s = MAX(s, wait_of(g->c.v[k][BLK_THROTTLE_TOTAL], &g->b[k][BLK_THROTTLE_TOTAL]));
		s = MAX(s, wait_of(g->c.v[k][dir], &g->b[k][dir]));
	}
	return s > 0 ? MAX((u64)(MIN(s, 1e9) * NS), 1ULL) : 0;
}

static void count(struct blk_throttle_group *g, int dir, u64 bytes)
{
	double ops = g->c.op_size && bytes > g->c.op_size ? (double)bytes / (double)g->c.op_size : 1;

	for (int k = 0; k < KINDS; k++) {
		double units = k == BLK_THROTTLE_BPS ? (double)bytes : ops;

		g->b[k][BLK_THROTTLE_TOTAL].level += units;
		g->b[k][BLK_THROTTLE_TOTAL].burst_level += units;
		g->b[k][dir].level += units;
		g->b[k][dir].burst_level += units;
	}
}

/* ---- turns; the lock is held ---- */

static void let_go(struct blk_throttle_member *m, int dir)
{
	struct blk_throttle_wait *w = m->head[dir];

	m->head[dir] = w->next;
	if (!w->next)
		m->tail[dir] = &m->head[dir];
	count(m->g, dir, w->bytes);
	m->g->last[dir] = m;
	w->go(w);
}

/* The member whose turn it is to send in that direction; NULL: nobody waits. */
static struct blk_throttle_member *next_member(struct blk_throttle_group *g, int dir)
{
	struct blk_throttle_member *from = g->last[dir] && g->last[dir]->next ? g->last[dir]->next : g->members, *m = from;

	if (!m)
		return NULL;
	do {
		if (m->head[dir])
			return m;
		m = m->next ? m->next : g->members;
	} while (m != from);
	return NULL;
}

static bool try_one(struct blk_throttle_group *g, int dir)
{
	struct blk_throttle_member *m = next_member(g, dir);
	u64 ns = m ? wait_ns(g, dir) : 0;

	if (m && !ns)
		let_go(m, dir);
	else if (m)
		g->wake_ns = MIN(g->wake_ns, g->last_ns + ns);
	return m && !ns;
}

static void ask_for_tick(struct blk_throttle_hub *h)
{
	u64 at = NEVER;

	for (const struct blk_throttle_group *g = h->groups; g; g = g->next)
		at = MIN(at, g->wake_ns);
	if (at == h->wake_ns)
		return;
	h->wake_ns = at;
	if (h->clock.wake_at)
		h->clock.wake_at(h->clock.opaque, at);
}

/* All that may go now goes. */
static void run(struct blk_throttle_group *g)
{
	bool more;

	leak(g);
	do {
		g->wake_ns = NEVER;
		more = try_one(g, BLK_THROTTLE_READ);
		more |= try_one(g, BLK_THROTTLE_WRITE);
	} while (more);
	ask_for_tick(g->hub);
}

static void let_all_go(struct blk_throttle_member *m)
{
	while (m->head[BLK_THROTTLE_READ])
		let_go(m, BLK_THROTTLE_READ);
	while (m->head[BLK_THROTTLE_WRITE])
		let_go(m, BLK_THROTTLE_WRITE);
}

static void submit(struct blk_throttle_member *m, int dir, struct blk_throttle_wait *w)
{
	w->next = NULL;
	*m->tail[dir] = w;
	m->tail[dir] = &w->next;
	if (m->open)
		let_all_go(m);
	else
		run(m->g);
}

/* ---- members ---- */

void blk_throttle_submit(struct blk_throttle_member *m, enum blk_throttle_dir dir, struct blk_throttle_wait *w)
{
	struct blk_throttle_hub *h = m->g->hub;

	pthread_mutex_lock(&h->lock);
	submit(m, dir, w);
	pthread_mutex_unlock(&h->lock);
}

struct sleeper {
	struct blk_throttle_wait w;
	struct blk_throttle_hub *h;
	bool done;
};

static void wake_up(struct blk_throttle_wait *w)
{
	struct sleeper *s = container_of(w, struct sleeper, w);

	s->done = true;
	pthread_cond_broadcast(&s->h->moved);
}

void blk_throttle_sleep(struct blk_throttle_member *m, enum blk_throttle_dir dir, u64 bytes)
{
	struct blk_throttle_hub *h = m->g->hub;
	struct sleeper s = { .w = { .go = wake_up, .bytes = bytes }, .h = h };
	bool slept = false;

	pthread_mutex_lock(&h->lock);
	if (h->clock.may_sleep && !h->clock.may_sleep(h->clock.opaque)) {
		leak(m->g);
		count(m->g, dir, bytes);
		s.done = true;
	} else {
		submit(m, dir, &s.w);
	}
	while (!s.done) {
		struct timespec t = { (time_t)(m->g->wake_ns / 1000000000), (long)(m->g->wake_ns % 1000000000) };

		if (!slept)
			blk_queue_worker_sleeps(true);
		slept = true;
		if (h->clock.now_ns) {
			pthread_cond_wait(&h->moved, &h->lock);
		} else {
			pthread_cond_timedwait(&h->moved, &h->lock, &t);
			run(m->g);
		}
	}
	pthread_mutex_unlock(&h->lock);
	if (slept)
		blk_queue_worker_sleeps(false);
}

void blk_throttle_open(struct blk_throttle_member *m, bool open)
{
	struct blk_throttle_hub *h = m->g->hub;

	pthread_mutex_lock(&h->lock);
	if (!open)
		m->open--;
	else if (!m->open++)
		let_all_go(m);
	run(m->g);
	pthread_mutex_unlock(&h->lock);
}

struct blk_throttle_member *blk_throttle_join(struct blk_throttle_group *g)
{
	struct blk_throttle_member *m = calloc(1, sizeof(*m)), **p;

	if (!m)
		return NULL;
	m->g = g;
	for (int d = 0; d < DIRS; d++)
		m->tail[d] = &m->head[d];
	pthread_mutex_lock(&g->hub->lock);
	g->refs++;
	for (p = &g->members; *p; p = &(*p)->next)
		;
	*p = m;
	pthread_mutex_unlock(&g->hub->lock);
	return m;
}

void blk_throttle_leave(struct blk_throttle_member *m)
{
	struct blk_throttle_group *g = m ? m->g : NULL;
	struct blk_throttle_member **p;

	if (!m)
		return;
	pthread_mutex_lock(&g->hub->lock);
	let_all_go(m);
	for (p = &g->members; *p != m; p = &(*p)->next)
		;
	*p = m->next;
	for (int d = 0; d < DIRS; d++)
		if (g->last[d] == m)
			g->last[d] = NULL;
	run(g);
	pthread_mutex_unlock(&g->hub->lock);
	free(m);
	blk_throttle_put(g);
}

struct blk_throttle_group *blk_throttle_group_of(struct blk_throttle_member *m)
{
	return m->g;
}

/* ---- groups ---- */

static struct blk_throttle_hub *hub_of(struct blk_graph *g)
{
	struct blk_throttle_hub *h = g->throttle;
	pthread_condattr_t attr;

	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->wake_ns = NEVER;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->moved, &attr);
	pthread_condattr_destroy(&attr);
	g->throttle = h;
	return h;
}

void blk_throttle_free(struct blk_graph *g)
{
	struct blk_throttle_hub *h = g->throttle;

	if (!h)
		return;
	pthread_cond_destroy(&h->moved);
	pthread_mutex_destroy(&h->lock);
	free(h);
	g->throttle = NULL;
}

struct blk_throttle_group *blk_throttle_find(struct blk_graph *graph, const char *name)
{
	struct blk_throttle_group *g = graph->throttle ? graph->throttle->groups : NULL;

	while (g && strcmp(g->name, name))
		g = g->next;
	return g;
}

static struct blk_throttle_group *group_new(struct blk_throttle_hub *h, const char *name)
{
	struct blk_throttle_group *g = calloc(1, sizeof(*g));

	if (!g || !(g->name = strdup(name))) {
		free(g);
		return NULL;
	}
	g->hub = h;
	g->wake_ns = NEVER;
	blk_throttle_init(&g->c);
	pthread_mutex_lock(&h->lock);
	g->last_ns = hub_now(h);
	g->next = h->groups;
	h->groups = g;
	pthread_mutex_unlock(&h->lock);
	return g;
}

struct blk_throttle_group *blk_throttle_get(struct blk_graph *graph, const char *name)
{
	struct blk_throttle_hub *h = hub_of(graph);
	struct blk_throttle_group *g = h ? blk_throttle_find(graph, name) : NULL;

	if (h && !g)
		g = group_new(h, name);
	if (!g)
		return NULL;
	pthread_mutex_lock(&h->lock);
	g->refs++;
	pthread_mutex_unlock(&h->lock);
	return g;
}

void blk_throttle_put(struct blk_throttle_group *g)
{
	struct blk_throttle_group **p;
	bool last;

	if (!g)
		return;
	pthread_mutex_lock(&g->hub->lock);
	last = !--g->refs;
	for (p = &g->hub->groups; last && *p != g; p = &(*p)->next)
		;
	if (last)
		*p = g->next;
	pthread_mutex_unlock(&g->hub->lock);
	if (!last)
		return;
	free(g->name);
	free(g);
}

bool blk_throttle_in_use(struct blk_throttle_group *g)
{
	bool ret;

	pthread_mutex_lock(&g->hub->lock);
	ret = g->refs > 1;
	pthread_mutex_unlock(&g->hub->lock);
	return ret;
}

const char *blk_throttle_group_name(const struct blk_throttle_group *g)
{
	return g->name;
}

void blk_throttle_set(struct blk_throttle_group *g, const struct blk_throttle_config *c)
{
	pthread_mutex_lock(&g->hub->lock);
	g->c = *c;
	memset(g->b, 0, sizeof(g->b));
	run(g);
	pthread_mutex_unlock(&g->hub->lock);
}

void blk_throttle_config(struct blk_throttle_group *g, struct blk_throttle_config *c)
{
	pthread_mutex_lock(&g->hub->lock);
	*c = g->c;
	pthread_mutex_unlock(&g->hub->lock);
}

/* ---- the clock ---- */

void blk_throttle_set_clock(struct blk_graph *graph, const struct blk_throttle_clock *clock)
{
	static const struct blk_throttle_clock host;
	struct blk_throttle_hub *h = hub_of(graph);

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->clock = clock ? *clock : host;
	h->wake_ns = NEVER;
	for (struct blk_throttle_group *g = h->groups; g; g = g->next) {
		g->last_ns = hub_now(h);
		run(g);
	}
	pthread_cond_broadcast(&h->moved);
	pthread_mutex_unlock(&h->lock);
}

void blk_throttle_tick(struct blk_graph *graph)
{
	struct blk_throttle_hub *h = graph->throttle;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->wake_ns = NEVER;
	for (struct blk_throttle_group *g = h->groups; g; g = g->next) {
		g->wake_ns = NEVER;
		run(g);
	}
	pthread_mutex_unlock(&h->lock);
}
