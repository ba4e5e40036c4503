// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exclusive sections: one vCPU goes on, all others stand between blocks or
 * sleep. Needed for LOCKed accesses that no host instruction can do and for
 * the first decoded code of a page; rare enough that a mutex is fine.
 *
 * Entering guest code: running = 1, then look at excl_active. Requesting:
 * excl_active = 1, then look at running. One of the two sees the other.
 */
#include <time.h>
#include "../priv.h"

/* ---- vCPUs in turns ---- */

#define TURN_NS (2 * 1000 * 1000)

void x86_system_take_turns(struct x86_system *sys)
{
	sys->take_turns = true;
}

/* Waits in the order of arrival; whoever has the turn is asked for it after a while. */
static void turn_take(struct x86_cpu *cpu)
{
	struct x86_system *sys = cpu->sys;
	struct timespec until;
	unsigned number;

	pthread_mutex_lock(&sys->wait_lock);
	number = sys->turn_last++;
	while (sys->turn || number != sys->turn_next) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TURN_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&sys->wait_cond, &sys->wait_lock, &until) && sys->turn)
			x86_cpu_request(sys->turn, X86_REQ_SYNC);
	}
	sys->turn_next++;
	sys->turn = cpu;
	pthread_mutex_unlock(&sys->wait_lock);
}

static void turn_give(struct x86_cpu *cpu)
{
	struct x86_system *sys = cpu->sys;

	pthread_mutex_lock(&sys->wait_lock);
	if (sys->turn == cpu)
		sys->turn = NULL;
	pthread_cond_broadcast(&sys->wait_cond);
	pthread_mutex_unlock(&sys->wait_lock);
}

/* ---- exclusive sections ---- */

void sys_leave_guest(struct x86_cpu *cpu)
{
	struct x86_system *sys = cpu->sys;

	atomic_store(&cpu->running, 0);
	if (unlikely(sys->take_turns))
		turn_give(cpu);
	if (atomic_load(&sys->excl_active)) {
		pthread_mutex_lock(&sys->wait_lock);
		pthread_cond_broadcast(&sys->wait_cond);
		pthread_mutex_unlock(&sys->wait_lock);
	}
}

void sys_enter_guest(struct x86_cpu *cpu)
{
	struct x86_system *sys = cpu->sys;

	for (;;) {
		if (unlikely(sys->take_turns))
			turn_take(cpu);
		atomic_store(&cpu->running, 1);
		if (likely(!atomic_load(&sys->excl_active)))
			return;
		sys_leave_guest(cpu);
		pthread_mutex_lock(&sys->wait_lock);
		while (atomic_load(&sys->excl_active))
			pthread_cond_wait(&sys->wait_cond, &sys->wait_lock);
		pthread_mutex_unlock(&sys->wait_lock);
	}
}

void x86_exclusive_begin(struct x86_cpu *cpu)
{
	struct x86_system *sys = cpu->sys;

	if (sys->ncpus == 1)
		return;
	sys_leave_guest(cpu);	/* others may be exclusive before us */
	pthread_mutex_lock(&sys->excl_lock);
	atomic_store(&sys->excl_active, 1);
	for (unsigned i = 0; i < sys->ncpus; i++) {
		struct x86_cpu *other = sys->cpu[i];

		if (other == cpu)
			continue;
		if (atomic_load(&other->running))
			x86_cpu_request(other, X86_REQ_SYNC);
		pthread_mutex_lock(&sys->wait_lock);
		while (atomic_load(&other->running))
			pthread_cond_wait(&sys->wait_cond, &sys->wait_lock);
		pthread_mutex_unlock(&sys->wait_lock);
	}
	if (unlikely(sys->take_turns))
		turn_take(cpu);	/* whoever gets one before us gives it back at once */
	atomic_store(&cpu->running, 1);
}

void x86_exclusive_end(struct x86_cpu *cpu)
{
	struct x86_system *sys = cpu->sys;

	if (sys->ncpus == 1)
		return;
	pthread_mutex_lock(&sys->wait_lock);
	atomic_store(&sys->excl_active, 0);
	pthread_cond_broadcast(&sys->wait_cond);
	pthread_mutex_unlock(&sys->wait_lock);
	pthread_mutex_unlock(&sys->excl_lock);
}
