// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The processors' threads: each runs its vCPU while the machine runs, and
 * stands ("parked") otherwise. Only the main thread starts and stops them.
 */
#include <errno.h>
#include <stdio.h>
#include "log.h"
#include "mem.h"
#include "pc.h"
#include "x86/jit.h"

#define VCPU_STACK (512 * 1024)

/* Under the lock: stands until it may run. False: the thread is to end. */
static bool park(struct vcpu *v)
{
	struct pc *pc = v->pc;

	pc->nparked++;
	pthread_cond_broadcast(&pc->parked);
	while (!pc->quit && (!pc->running || pc->pauses || v->held))
		pthread_cond_wait(&pc->wake, &pc->lock);
	pc->nparked--;
	return !pc->quit;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct pc *pc = v->pc;

	atomic_set(&v->tid, thread_id());
	for (;;) {
		bool go;

		pthread_mutex_lock(&pc->lock);
		go = park(v);
		pthread_mutex_unlock(&pc->lock);
		if (!go)
			return NULL;
		if (!atomic_get(&pc->first_run_ns))
			atomic_set(&pc->first_run_ns, loop_now_ns());
		switch (x86_cpu_run(v->cpu)) {
		case X86_EXIT_DEBUG:
			/* Stands from here on, whatever the others do, until the debugger was told. */
			pthread_mutex_lock(&pc->lock);
			v->held = v->debug = true;
			pthread_mutex_unlock(&pc->lock);
			machine_request(&pc->m, REQ_STOP);
			break;
		default:	/* a request, or a shutdown that the machine was told of */
			break;
		}
		/* Parks in the next round if somebody wants that; after a shutdown until the reset. */
		pthread_mutex_lock(&pc->lock);
		while (v->cpu->activity == X86_ACT_SHUTDOWN && pc->running && !pc->pauses && !pc->quit) {
			pc->nparked++;
			pthread_cond_broadcast(&pc->parked);
			pthread_cond_wait(&pc->wake, &pc->lock);
			pc->nparked--;
		}
		pthread_mutex_unlock(&pc->lock);
	}
}

static void on_lapic_timer(void *opaque)
{
	x86_lapic_timer_fire(((struct vcpu *)opaque)->cpu);
}

/* -d items to the processor's own log. */
static void set_log(struct pc *pc)
{
	static const struct { u64 item; u32 x86; } map[] = {
		{ LOG_IN_ASM, X86_LOG_IN_ASM }, { LOG_CPU, X86_LOG_CPU }, { LOG_INT, X86_LOG_INT },
		{ LOG_EXEC, X86_LOG_EXEC }, { LOG_UNIMP, X86_LOG_UNIMP },
	};
	u32 mask = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (log_on(map[i].item))
			mask |= map[i].x86;
	if (mask)
		x86_system_set_log(pc->sys, mask, log_fd());
}

int pc_vcpus_create(struct pc *pc, struct err *err)
{
	struct x86_cpu_model model;
	unsigned i;

	if (x86_cpu_model_parse(&model, pc->cfg.cpu ? pc->cfg.cpu : "vmbox", err) < 0)
		return -err->code;
	pc->sys = x86_system_create(&pc->platform, &model, pc->cfg.cpus, err);
	if (!pc->sys)
		return -err->code;
	x86_system_set_topology(pc->sys, &pc->cfg.topology);
	if (pc->cfg.jit) {
		struct x86_jit_config jit = { .verify = pc->cfg.jit_verify, .cache_bytes = pc->cfg.jit_cache_bytes };

		if (x86_jit_enable(pc->sys, &jit, err) < 0) {
			if (!pc->cfg.jit_optional)
				return -err->code;
			log_notice("%s; the interpreter runs the guest", err->msg);
			err_clear(err);
		}
	}
	if (pc->cfg.one_at_a_time)
		x86_system_take_turns(pc->sys);
	set_log(pc);
	pc->vcpus = mem_zarray(pc->cfg.cpus, sizeof(*pc->vcpus));
	if (!pc->vcpus)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < pc->cfg.cpus; i++) {
		struct vcpu *v = &pc->vcpus[i];

		v->pc = pc;
		v->index = i;
		clock_timer_init(&v->lapic_timer, pc->m.clock, NULL, "lapic", on_lapic_timer, v);
		v->cpu = x86_cpu_create(pc->sys, x86_topology_apic_id(&pc->cfg.topology, i), v, err);
		if (!v->cpu)
			return -err->code;
		v->state.cpu = v->cpu;
		snprintf(v->saved_name, sizeof(v->saved_name), "cpu.%u", i);
		machine_state_add(&pc->m, &v->saved, v->saved_name, &cpu_state_table, &v->state);
	}
	return 0;
}

int pc_vcpus_start(struct pc *pc, struct err *err)
{
	char name[16];
	unsigned i;

	for (i = 0; i < pc->cfg.cpus; i++) {
		snprintf(name, sizeof(name), "CPU %u", i);
		if (thread_create(&pc->vcpus[i].thread, name, VCPU_STACK, vcpu_thread, &pc->vcpus[i], err) < 0)
			return -err->code;
	}
	pc->threads_up = true;
	return 0;
}

/* Waits until every thread stands. The caller holds the lock. */
static void wait_parked(struct pc *pc)
{
	unsigned i;

	if (!pc->threads_up)
		return;
	for (i = 0; i < pc->cfg.cpus; i++)
		x86_cpu_request_exit(pc->vcpus[i].cpu);
	while (pc->nparked < pc->cfg.cpus)
		pthread_cond_wait(&pc->parked, &pc->lock);
	/* Those that stood already would leave at once when they run again. */
	for (i = 0; i < pc->cfg.cpus; i++)
		x86_cpu_withdraw(pc->vcpus[i].cpu, X86_REQ_EXIT);
}

void pc_pause(struct pc *pc)
{
	pthread_mutex_lock(&pc->lock);
	if (pc->pauses++ == 0 && pc->running)
		wait_parked(pc);
	pthread_mutex_unlock(&pc->lock);
}

void pc_resume(struct pc *pc)
{
	pthread_mutex_lock(&pc->lock);
	if (--pc->pauses == 0)
		pthread_cond_broadcast(&pc->wake);
	pthread_mutex_unlock(&pc->lock);
}

int pc_cpu_tid(const struct pc *pc, unsigned cpu)
{
	return cpu < pc_cpus(pc) ? atomic_get(&pc->vcpus[cpu].tid) : 0;
}

/* The vCPU that has run into a breakpoint, once; NULL: none. */
struct x86_cpu *pc_debug_stopped(struct pc *pc)
{
	struct x86_cpu *cpu = NULL;
	unsigned i;

	for (i = 0; pc->vcpus && i < pc->cfg.cpus && !cpu; i++)
		if (pc->vcpus[i].debug) {
			pc->vcpus[i].debug = false;
			cpu = pc->vcpus[i].cpu;
		}
	return cpu;
}

static void set_resume(struct vcpu *v, enum pc_resume how, bool pass)
{
	v->held = how == PC_HOLD;
	/* Somebody whose stop was not told yet runs into it once more. */
	x86_debug_pass(v->cpu, pass && !v->debug);
	v->debug = false;
	v->cpu->dbg.step = how == PC_STEP ? X86_DEBUG_STEP : how == PC_STEP_NOIRQ ? X86_DEBUG_STEP | X86_DEBUG_NOIRQ : 0;
	if (v->cpu->dbg.step)
		x86_cpu_kick(v->cpu);
}

void pc_debug_resume(struct pc *pc, const u8 *how, bool timers)
{
	unsigned i;

	if (pc->running)
		return;
	for (i = 0; i < pc_cpus(pc); i++)
		set_resume(&pc->vcpus[i], how[i], false);
	device_set_running(&pc->m, true);
	if (timers)
		clock_start(pc->m.clock);
	pthread_mutex_lock(&pc->lock);
	pc->running = true;
	pc->m.state = RUN_RUNNING;
	pthread_cond_broadcast(&pc->wake);
	pthread_mutex_unlock(&pc->lock);
}

void pc_cont(struct pc *pc)
{
	unsigned i;

	if (pc->running)
		return;
	for (i = 0; i < pc_cpus(pc); i++)
		set_resume(&pc->vcpus[i], PC_RUN, true);
	device_set_running(&pc->m, true);
	clock_start(pc->m.clock);
	pthread_mutex_lock(&pc->lock);
	pc->running = true;
	pc->m.state = RUN_RUNNING;
	pthread_cond_broadcast(&pc->wake);
	pthread_mutex_unlock(&pc->lock);
}

void pc_stop(struct pc *pc, enum run_state why)
{
	if (pc->running) {
		pthread_mutex_lock(&pc->lock);
		pc->running = false;
		if (!pc->pauses)
			wait_parked(pc);
		pthread_mutex_unlock(&pc->lock);
		clock_stop(pc->m.clock);
		device_set_running(&pc->m, false);
	}
	pc->m.state = why;
}

void pc_vcpus_free(struct pc *pc)
{
	unsigned i;

	if (pc->threads_up) {
		pc_stop(pc, RUN_SHUTDOWN);
		pthread_mutex_lock(&pc->lock);
		pc->quit = true;
		pthread_cond_broadcast(&pc->wake);
		pthread_mutex_unlock(&pc->lock);
		for (i = 0; i < pc->cfg.cpus; i++)
			thread_join(&pc->vcpus[i].thread);
	}
	for (i = 0; pc->vcpus && i < pc->cfg.cpus; i++)
		clock_timer_del(&pc->vcpus[i].lapic_timer);
	if (pc->sys && pc->cfg.jit_verify) {
		struct x86_jit_stats st;

		x86_jit_stats(pc->sys, &st);
		log_notice("verify: %llu blocks compared, %llu differences", st.verified, st.differences);
	}
	if (pc->sys)
		x86_system_destroy(pc->sys);
	mem_free(pc->vcpus);
}
