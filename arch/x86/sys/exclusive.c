// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exclusive sections: one vCPU goes on, all others stand between blocks or
 * sleep. Needed for LOCKed accesses that no host instruction can do and for
 * the first decoded code of a page; rare enough that a mutex is fine.
 *
 * Entering guest code: running = 1, then look at excl_active. Requesting:
 * excl_active = 1, then look at running. One of the two sees the other.
 */
#include "../priv.h"

void sys_leave_guest(struct x86_cpu *cpu)
{
	struct x86_system *sys = cpu->sys;

	atomic_store(&cpu->running, 0);
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
