// SPDX-License-Identifier: GPL-2.0-or-later
/* -object iothread: an event loop on its own thread (see dev/object.h). */
#include <errno.h>
#include "dev/object.h"
#include "loop.h"
#include "qopts.h"
#include "thread.h"

struct iothread {
	struct object o;
	struct loop *loop;
	struct thread thread;
	struct thread_event started;
	int tid;
};

static void *run(void *arg)
{
	struct iothread *t = arg;

	t->tid = thread_id();
	thread_event_set(&t->started);
	loop_run(t->loop);
	return NULL;
}

static int iothread_create(struct object *o, struct qopts *q, struct err *err)
{
	struct loop_params p = { .name = o->id };
	struct iothread *t = (struct iothread *)o;
	u64 ignored = 0;

	/* Polling instead of sleeping is a matter of speed alone; our loop sleeps. */
	qopts_u64(q, "poll-max-ns", 0, ~0ULL >> 1, &ignored, err);
	qopts_u64(q, "poll-grow", 0, ~0ULL >> 1, &ignored, err);
	qopts_u64(q, "poll-shrink", 0, ~0ULL >> 1, &ignored, err);
	if (err_is_set(err))
		return -err->code;
	t->loop = loop_create(&p, err);
	if (!t->loop || thread_create(&t->thread, o->id, THREAD_STACK_BIG, run, t, err) < 0)
		return -err->code;
	thread_event_wait(&t->started);
	return 0;
}

static void iothread_destroy(struct object *o)
{
	struct iothread *t = (struct iothread *)o;

	if (t->tid) {
		loop_quit(t->loop, 0);
		thread_join(&t->thread);
	}
	loop_destroy(t->loop);
}

struct loop *iothread_loop(struct object *o) { return ((struct iothread *)o)->loop; }
int iothread_tid(struct object *o) { return ((struct iothread *)o)->tid; }

struct call {
	void (*fn)(void *arg);
	void *arg;
	struct thread_event done;
};

static void on_call(void *opaque)
{
	struct call *c = opaque;

	c->fn(c->arg);
	thread_event_set(&c->done);
}

void iothread_call(struct object *o, void (*fn)(void *arg), void *arg)
{
	struct call c = { .fn = fn, .arg = arg };

	if (loop_post(iothread_loop(o), on_call, &c, "call", o->id) == 0)
		thread_event_wait(&c.done);
}

static const char *const props[] = { "poll-max-ns", "poll-grow", "poll-shrink", NULL };
static const struct object_class iothread_class = {
	.name = "iothread", .desc = "a thread for backends of devices", .size = sizeof(struct iothread), .props = props,
	.create = iothread_create, .destroy = iothread_destroy,
};
REGISTER(object, iothread_class);
