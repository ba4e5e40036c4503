// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Litmus tests of x86's memory order (TSO; Owens, Sarkar, Sewell: "A better
 * x86 memory model: x86-TSO"). litmus ITERATIONS: runs each test plainly, with
 * MFENCE, with a LOCKed operation as the fence, and with XCHG for all stores.
 * Prints a line for each: how often the outcome was seen that TSO forbids, or
 * that only TSO's store buffers allow. Status 1: a forbidden one was.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH	1000
#define THREADS	4
#define PATIENCE 300	/* looks at the others before an iteration starts without them */

enum how { PLAIN, MFENCE, LOCKED, XCHG, HOWS };

/* One iteration's variables, each in a line of its own, and what was read. */
struct cell {
	int x __attribute__((aligned(64)));
	int y __attribute__((aligned(64)));
	int r[4] __attribute__((aligned(64)));
};

struct litmus {
	const char *name;
	int threads;
	unsigned allowed;	/* 1 << how: this outcome is no error */
	void (*run)(struct cell *c, int thread, enum how how);
	int (*odd)(const struct cell *c);
};

static struct cell cells[BATCH];
static pthread_barrier_t start, end;
static int at[THREADS][16] __attribute__((aligned(64)));	/* iteration that a thread is in */
static long iterations;
static int ncpus;

/* ---- accesses ---- */

static inline __attribute__((always_inline)) void st(int *p, int v, enum how how)
{
	if (how == XCHG)
		__asm__ volatile("xchgl %0, %1" : "+r"(v), "+m"(*p) : : "memory");
	else
		__asm__ volatile("movl %1, %0" : "=m"(*p) : "r"(v) : "memory");
}

static inline __attribute__((always_inline)) int ld(int *p)
{
	int v;

	__asm__ volatile("movl %1, %0" : "=r"(v) : "m"(*p) : "memory");
	return v;
}

static inline __attribute__((always_inline)) void fence(enum how how)
{
	static __thread int own;

	if (how == MFENCE)
		__asm__ volatile("mfence" : : : "memory");
	else if (how == LOCKED)
		__asm__ volatile("lock; addl $0, %0" : "+m"(own) : : "memory", "cc");
}

/* ---- the tests: what each thread does, and the outcome that is looked for ---- */

#define ST(v, n)	st(&c->v, n, how)
#define F		fence(how)

/* Registers are written to memory when the test is over, that they are no part of it. */
#define CODE(name, p0, p1, p2, p3)						\
static inline __attribute__((always_inline)) void name##_how(struct cell *c, int thread, enum how how) \
{										\
	int r0 = 0, r1 = 0;							\
	switch (thread) {							\
	case 0: p0; break;							\
	case 1: p1; break;							\
	case 2: p2; break;							\
	default: p3; break;							\
	}									\
	(void)r0, (void)r1;							\
}										\
static void name##_run(struct cell *c, int thread, enum how how)		\
{										\
	switch (how) {								\
	case MFENCE: name##_how(c, thread, MFENCE); break;			\
	case LOCKED: name##_how(c, thread, LOCKED); break;			\
	case XCHG: name##_how(c, thread, XCHG); break;				\
	default: name##_how(c, thread, PLAIN); break;				\
	}									\
}
#define ODD(name, condition) static int name##_odd(const struct cell *c) { return condition; }
#define KEEP1(a)	(c->r[a] = r0)
#define KEEP2(a, b)	(c->r[a] = r0, c->r[b] = r1)
#define NONE		(void)0

CODE(sb, (ST(x, 1), F, r0 = ld(&c->y), KEEP1(0)), (ST(y, 1), F, r0 = ld(&c->x), KEEP1(1)), NONE, NONE)
ODD(sb, !c->r[0] && !c->r[1])
CODE(mp, (ST(x, 1), F, ST(y, 1)), (r0 = ld(&c->y), F, r1 = ld(&c->x), KEEP2(0, 1)), NONE, NONE)
ODD(mp, c->r[0] == 1 && !c->r[1])
CODE(lb, (r0 = ld(&c->x), F, ST(y, 1), KEEP1(0)), (r0 = ld(&c->y), F, ST(x, 1), KEEP1(1)), NONE, NONE)
ODD(lb, c->r[0] == 1 && c->r[1] == 1)
CODE(iriw, ST(x, 1), ST(y, 1), (r0 = ld(&c->x), F, r1 = ld(&c->y), KEEP2(0, 1)), (r0 = ld(&c->y), F, r1 = ld(&c->x), KEEP2(2, 3)))
ODD(iriw, c->r[0] == 1 && !c->r[1] && c->r[2] == 1 && !c->r[3])
CODE(r, (ST(x, 1), F, ST(y, 1)), (ST(y, 2), F, r0 = ld(&c->x), KEEP1(0)), NONE, NONE)
ODD(r, c->y == 2 && !c->r[0])
CODE(s, (ST(x, 2), F, ST(y, 1)), (r0 = ld(&c->y), F, ST(x, 1), KEEP1(0)), NONE, NONE)
ODD(s, c->r[0] == 1 && c->x == 2)
CODE(w22, (ST(x, 1), F, ST(y, 2)), (ST(y, 1), F, ST(x, 2)), NONE, NONE)
ODD(w22, c->x == 1 && c->y == 1)
CODE(corr, ST(x, 1), (r0 = ld(&c->x), F, r1 = ld(&c->x), KEEP2(0, 1)), NONE, NONE)
ODD(corr, c->r[0] == 1 && !c->r[1])
CODE(n5, (ST(x, 1), F, r0 = ld(&c->x), KEEP1(0)), (ST(x, 2), F, r0 = ld(&c->x), KEEP1(1)), NONE, NONE)
ODD(n5, c->r[0] == 2 && c->r[1] == 1)
CODE(n6, (ST(x, 1), F, r0 = ld(&c->x), F, r1 = ld(&c->y), KEEP2(0, 1)), (ST(y, 1), F, ST(x, 2)), NONE, NONE)
ODD(n6, c->r[0] == 1 && !c->r[1] && c->x == 1)

static const struct litmus tests[] = {
	{ "SB", 2, 1 << PLAIN, sb_run, sb_odd },
	{ "MP", 2, 0, mp_run, mp_odd },
	{ "LB", 2, 0, lb_run, lb_odd },
	{ "IRIW", 4, 0, iriw_run, iriw_odd },
	{ "R", 2, 1 << PLAIN, r_run, r_odd },
	{ "S", 2, 0, s_run, s_odd },
	{ "2+2W", 2, 0, w22_run, w22_odd },
	{ "CoRR", 2, 0, corr_run, corr_odd },
	{ "n5", 2, 0, n5_run, n5_odd },
	{ "n6", 2, 1 << PLAIN, n6_run, n6_odd },
};
static const char *const hows[HOWS] = { "plain", "mfence", "lock", "xchg" };
#define NTESTS (int)(sizeof(tests) / sizeof(tests[0]))

/* ---- running them ---- */

/* The others are in iteration i too, or patience ends: they may share a processor with us. */
static void meet(const struct litmus *t, int thread, int i)
{
	__atomic_store_n(&at[thread][0], i, __ATOMIC_RELAXED);
	for (int n = 0; n < t->threads; n++)
		for (int look = 0; look < PATIENCE && __atomic_load_n(&at[n][0], __ATOMIC_RELAXED) < i; look++)
			;
}

static void run_batch(const struct litmus *t, int thread, enum how how)
{
	for (int i = 0; i < BATCH; i++) {
		if (t->threads <= ncpus)
			meet(t, thread, i + 1);
		t->run(&cells[i], thread, how);
	}
}


static void pin(int thread)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(thread % ncpus, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *worker(void *arg)
{
	int thread = (int)(long)arg;

	pin(thread);
	for (int n = 0; n < NTESTS * HOWS; n++) {
		const struct litmus *t = &tests[n / HOWS];

		for (long done = 0; done < iterations; done += BATCH) {
			pthread_barrier_wait(&start);
			if (thread < t->threads)
				run_batch(t, thread, (enum how)(n % HOWS));
			pthread_barrier_wait(&end);
		}
	}
	return NULL;
}

static int report(const struct litmus *t, enum how how, long odd)
{
	int bad = odd && !(t->allowed & 1u << how);

	printf("litmus: %s %s %s %ld of %ld%s\n", t->name, hows[how], t->allowed & 1u << how ? "allowed" : "forbidden", odd,
	       iterations, bad ? " BAD" : "");
	return bad;
}

static int control(void)
{
	int bad = 0;

	for (int n = 0; n < NTESTS * HOWS; n++) {
		const struct litmus *t = &tests[n / HOWS];
		long odd = 0;

		for (long done = 0; done < iterations; done += BATCH) {
			memset(cells, 0, sizeof(cells));
			memset(at, 0, sizeof(at));
			pthread_barrier_wait(&start);
			pthread_barrier_wait(&end);
			for (int i = 0; i < BATCH; i++)
				odd += t->odd(&cells[i]);
		}
		bad |= report(t, (enum how)(n % HOWS), odd);
	}
	return bad;
}

/* One thread after the other is never odd; each outcome that is looked for is told from it. */
static int check_conditions(void)
{
	static const struct cell odd[] = {
		{ .x = 1, .y = 1 }, { .x = 1, .y = 1, .r = { 1, 0 } }, { .x = 1, .y = 1, .r = { 1, 1 } },
		{ .x = 1, .y = 1, .r = { 1, 0, 1, 0 } }, { .x = 1, .y = 2 }, { .x = 2, .y = 1, .r = { 1 } },
		{ .x = 1, .y = 1 }, { .x = 1, .r = { 1, 0 } }, { .x = 1, .r = { 2, 1 } }, { .x = 1, .y = 1, .r = { 1, 0 } },
	};
	int bad = 0;

	for (int n = 0; n < NTESTS; n++) {
		bad |= !tests[n].odd(&odd[n]);
		for (int first = 0; first < tests[n].threads; first++) {
			struct cell c = { 0 };

			for (int i = 0; i < tests[n].threads; i++)
				tests[n].run(&c, (first + i) % tests[n].threads, PLAIN);
			bad |= tests[n].odd(&c);
		}
	}
	return bad;
}

int main(int argc, char **argv)
{
	pthread_t id[THREADS];
	int bad;

	iterations = argc > 1 ? atol(argv[1]) / BATCH * BATCH : BATCH;
	ncpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (check_conditions())
		return puts("litmus: the conditions are wrong"), 2;
	pthread_barrier_init(&start, NULL, THREADS + 1);
	pthread_barrier_init(&end, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&id[i], NULL, worker, (void *)i))
			return puts("litmus: no threads"), 2;
	bad = control();
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	printf("litmus: done on %d processors, %s\n", ncpus, bad ? "forbidden outcomes" : "nothing forbidden");
	return bad;
}
