// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two processors: work on both, and talk between them. cpu-one and cpu-two
 * do the same work on one thread and on two; their times give the scaling.
 */
#define _GNU_SOURCE
#include "work.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

struct side {
	void (*fn)(struct side *s);
	int cpu;
	u64 n, result;
	int in, out;
	struct shared *shared;
};

struct shared {
	_Atomic u64 turn;
	char pad[56];
	_Atomic u64 counter;
	pthread_mutex_t lock;
	u64 guarded;
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *start(void *p)
{
	struct side *s = p;

	pin(s->cpu);
	s->fn(s);
	return NULL;
}

static void both(struct side v[2])
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++) {
		v[i].cpu = i;
		if (pthread_create(&t[i], NULL, start, &v[i]))
			fail("pthread_create");
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static void compute(struct side *s)
{
	u64 a = 1, b = 2;

	for (u64 i = 0; i < s->n; i++) {
		a += b ^ (a >> 3);
		b = (b << 13 | b >> 51) - a * 5;
	}
	s->result = mix(a, b);
}

static u64 cpu_one(u64 n)
{
	struct side s = { .n = n };

	compute(&s);
	return s.result;
}

static u64 cpu_two(u64 n)
{
	struct side v[2] = { { .fn = compute, .n = n / 2 }, { .fn = compute, .n = n / 2 } };

	both(v);
	return mix(v[0].result, v[1].result);
}

static void pong(struct side *s)
{
	char c = 0;

	for (u64 i = 0; i < s->n; i++) {
		if (s->cpu == 0 && write(s->out, &c, 1) != 1)
			fail("write");
		if (read(s->in, &c, 1) != 1)
			fail("read");
		s->result += (u64)c;
		c++;
		if (s->cpu == 1 && write(s->out, &c, 1) != 1)
			fail("write");
	}
}

static u64 pipe_pingpong(u64 n)
{
	int a[2], b[2];

	if (pipe(a) || pipe(b))
		fail("pipe");
	struct side v[2] = { { .fn = pong, .n = n, .in = b[0], .out = a[1] }, { .fn = pong, .n = n, .in = a[0], .out = b[1] } };

	both(v);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	return mix(v[0].result, v[1].result);
}

static void turns(struct side *s)
{
	for (u64 i = 0; i < s->n; i++) {
		while (atomic_load_explicit(&s->shared->turn, memory_order_acquire) % 2 != (u64)s->cpu)
			__builtin_ia32_pause();
		atomic_fetch_add(&s->shared->turn, 1);
	}
}

static u64 spin_pingpong(u64 n)
{
	struct shared *sh = pages(4096);
	struct side v[2] = { { .fn = turns, .n = n, .shared = sh }, { .fn = turns, .n = n, .shared = sh } };

	both(v);
	return sh->turn;
}

static void adds(struct side *s)
{
	for (u64 i = 0; i < s->n; i++)
		atomic_fetch_add(&s->shared->counter, i);
}

static u64 atomics(u64 n)
{
	struct shared *sh = pages(4096);
	struct side v[2] = { { .fn = adds, .n = n, .shared = sh }, { .fn = adds, .n = n, .shared = sh } };

	both(v);
	return sh->counter;
}

static void locks(struct side *s)
{
	for (u64 i = 0; i < s->n; i++) {
		pthread_mutex_lock(&s->shared->lock);
		s->shared->guarded += i;
		pthread_mutex_unlock(&s->shared->lock);
	}
}

static u64 mutexes(u64 n)
{
	struct shared *sh = pages(4096);
	struct side v[2] = { { .fn = locks, .n = n, .shared = sh }, { .fn = locks, .n = n, .shared = sh } };

	pthread_mutex_init(&sh->lock, NULL);
	both(v);
	return sh->guarded;
}

const struct work thread_works[] = {
	{ "threads", "cpu-one", cpu_one, 400000000, 0 },
	{ "threads", "cpu-two", cpu_two, 400000000, 0 },
	{ "threads", "pipe-pingpong", pipe_pingpong, 3000, 0 },
	{ "threads", "spin-pingpong", spin_pingpong, 300000, 0 },
	{ "threads", "atomics", atomics, 3000000, 0 },
	{ "threads", "mutexes", mutexes, 500000, 0 },
	{ 0 }
};
