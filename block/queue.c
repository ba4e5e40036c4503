/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asynchronous requests (block/request.h): a list of work and threads that take from it. */
#include <string.h>
#include "block/request.h"
#include "block/int.h"
#include "thread.h"

enum { REQ_QUEUED = 1, REQ_RUNNING, REQ_DONE };

#define MAX_WORKERS 64

struct blk_queue {
	struct blk_node *node;
	struct blk_queue_conf conf;
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	struct blk_req *head, **tail;
	struct blk_req *fin, **fin_tail;
	unsigned int in_flight;		/* queued, running or not yet reaped */
	unsigned int busy;		/* queued or running */
	unsigned int sleeping;
	int held_up;			/* workers whose request waits for something else than the disk */
	bool stop;
	int n_workers;
	struct thread workers[MAX_WORKERS];
};

static _Thread_local struct blk_queue *mine;	/* of a worker's thread */

static int run_request(struct blk_queue *q, struct blk_req *r)
{
	switch (r->op) {
	case BLK_OP_READ:
		return blk_preadv(q->node, r->off, r->iov, r->niov);
	case BLK_OP_WRITE:
		return blk_pwritev(q->node, r->off, r->iov, r->niov, r->flags);
	case BLK_OP_ZERO:
		return blk_zero(q->node, r->off, r->len, r->flags);
	case BLK_OP_DISCARD:
		return blk_discard(q->node, r->off, r->len);
	case BLK_OP_FLUSH:
		return blk_flush(q->node);
	case BLK_OP_CALL:
		return r->call(r);
	}
	return -EINVAL;
}

/* Called with the lock; drops it around callbacks. */
static void finish(struct blk_queue *q, struct blk_req *r, bool was_busy)
{
	bool first = false;

	if (q->conf.notify) {
		first = !q->fin;
		r->state = REQ_DONE;
		r->next = NULL;
		*q->fin_tail = r;
		q->fin_tail = &r->next;
	} else {
		pthread_mutex_unlock(&q->lock);
		r->done(r);
		pthread_mutex_lock(&q->lock);
		q->in_flight--;
	}
	if (was_busy && !--q->busy)
		pthread_cond_broadcast(&q->idle);
	if (first) {
		pthread_mutex_unlock(&q->lock);
		q->conf.notify(q->conf.opaque);
		pthread_mutex_lock(&q->lock);
	}
}

static void *worker(void *opaque)
{
	struct blk_queue *q = opaque;

	mine = q;
	pthread_mutex_lock(&q->lock);
	for (;;) {
		struct blk_req *r = q->head;

		if (!r) {
			if (q->stop)
				break;
			q->sleeping++;
			pthread_cond_wait(&q->work, &q->lock);
			q->sleeping--;
			continue;
		}
		q->head = r->next;
		if (!q->head)
			q->tail = &q->head;
		r->state = REQ_RUNNING;
		pthread_mutex_unlock(&q->lock);
		r->ret = run_request(q, r);
		pthread_mutex_lock(&q->lock);
		finish(q, r, true);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

static int add_worker(struct blk_queue *q)
{
	int ret = thread_create(&q->workers[q->n_workers], q->conf.name ? q->conf.name : "blk", THREAD_STACK_BIG, worker, q, NULL);

	if (!ret)
		q->n_workers++;
	return ret;
}

void blk_queue_worker_sleeps(bool begins)
{
	struct blk_queue *q = mine;

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->held_up += begins ? 1 : -1;
	if (begins && q->n_workers < MAX_WORKERS && q->n_workers - q->held_up < q->conf.workers)
		add_worker(q);		/* without it, requests wait for this one */
	pthread_mutex_unlock(&q->lock);
}

struct blk_queue *blk_queue_new(struct blk_node *n, const struct blk_queue_conf *conf)
{
	struct blk_queue *q = calloc(1, sizeof(*q));
	int want;

	if (!q)
		return NULL;
	if (conf)
		q->conf = *conf;
	q->node = blk_ref(n);
	q->tail = &q->head;
	q->fin_tail = &q->fin;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->work, NULL);
	pthread_cond_init(&q->idle, NULL);
	want = q->conf.workers > 0 ? MIN(q->conf.workers, MAX_WORKERS) : 4;
	q->conf.workers = want;
	while (q->n_workers < want && !add_worker(q))
		;
	if (!q->n_workers) {
		blk_queue_free(q);
		return NULL;
	}
	return q;
}

void blk_queue_free(struct blk_queue *q)
{
	if (!q)
		return;
	blk_queue_drain(q);
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_mutex_unlock(&q->lock);
	pthread_cond_broadcast(&q->work);
	for (int i = 0; i < q->n_workers; i++)
		thread_join(&q->workers[i]);
	pthread_cond_destroy(&q->idle);
	pthread_cond_destroy(&q->work);
	pthread_mutex_destroy(&q->lock);
	blk_unref(q->node);
	free(q);
}

struct blk_node *blk_queue_node(struct blk_queue *q)
{
	return q->node;
}

void blk_queue_submit(struct blk_queue *q, struct blk_req *r)
{
	unsigned int n = 0, wake;

	pthread_mutex_lock(&q->lock);
	*q->tail = r;
	for (; r; r = r->next) {
		r->q = q;
		r->state = REQ_QUEUED;
		q->tail = &r->next;
		n++;
	}
	q->in_flight += n;
	q->busy += n;
	wake = MIN(n, q->sleeping);
	pthread_mutex_unlock(&q->lock);
	while (wake--)
		pthread_cond_signal(&q->work);
}

int blk_queue_reap(struct blk_queue *q)
{
	struct blk_req *r, *next;
	int n = 0;

	pthread_mutex_lock(&q->lock);
	r = q->fin;
	q->fin = NULL;
	q->fin_tail = &q->fin;
	for (next = r; next; next = next->next)
		n++;
	q->in_flight -= (unsigned int)n;
	pthread_mutex_unlock(&q->lock);
	for (; r; r = next) {
		next = r->next;
		r->next = NULL;
		r->done(r);
	}
	return n;
}

bool blk_queue_cancel(struct blk_queue *q, struct blk_req *r)
{
	struct blk_req **p;
	bool found = false;

	pthread_mutex_lock(&q->lock);
	for (p = &q->head; *p; p = &(*p)->next) {
		if (*p != r)
			continue;
		*p = r->next;
		if (!*p)
			q->tail = p;
		found = true;
		break;
	}
	if (found) {
		r->ret = -ECANCELED;
		finish(q, r, true);
	}
	pthread_mutex_unlock(&q->lock);
	return found;
}

void blk_queue_drain(struct blk_queue *q)
{
	bool more;

	do {
		pthread_mutex_lock(&q->lock);
		while (q->busy)
			pthread_cond_wait(&q->idle, &q->lock);
		pthread_mutex_unlock(&q->lock);
		if (q->conf.notify)
			blk_queue_reap(q);
		pthread_mutex_lock(&q->lock);
		more = q->busy || q->fin;	/* done() may have submitted again */
		pthread_mutex_unlock(&q->lock);
	} while (more);
}

unsigned int blk_queue_in_flight(struct blk_queue *q)
{
	unsigned int n;

	pthread_mutex_lock(&q->lock);
	n = q->in_flight;
	pthread_mutex_unlock(&q->lock);
	return n;
}
