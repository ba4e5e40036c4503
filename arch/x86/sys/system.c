// SPDX-License-Identifier: GPL-2.0-or-later
/* A machine's processors: creation, destruction, the table of handlers, the log. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "mem.h"
#include "../priv.h"

static void collect_handlers(struct x86_system *sys)
{
	const struct x86_exec_set *set;

	REGISTRY_FOREACH(x86_exec, set)
		for (unsigned i = 0; i < set->count; i++) {
			const struct x86_exec_entry *e = &set->entries[i];

			if (e->fn)
				sys->exec[e->op] = e->fn;
			sys->exec_vex[e->op] = e->vex ? e->vex : e->fn;
		}
}

struct x86_system *x86_system_create(const struct x86_platform *platform, const struct x86_cpu_model *model,
				     unsigned cpus_max, struct err *e)
{
	struct x86_system *sys;

	if (!cpus_max || cpus_max > X86_CPUS_MAX) {
		err_set(e, EINVAL, "between 1 and %u CPUs are possible", X86_CPUS_MAX);
		return NULL;
	}
	sys = mem_zalloc(sizeof(*sys));
	if (!sys) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	sys->platform = platform;
	sys->model = *model;
	sys->cpus_max = cpus_max;
	sys->topology = (struct x86_topology){ .dies = 1, .cores = cpus_max, .threads = 1 };
	sys->log_fd = -1;
	pthread_mutex_init(&sys->excl_lock, NULL);
	pthread_mutex_init(&sys->wait_lock, NULL);
	pthread_cond_init(&sys->wait_cond, NULL);
	collect_handlers(sys);
	return sys;
}

void x86_system_set_topology(struct x86_system *sys, const struct x86_topology *topology)
{
	sys->topology = *topology;
}

static void cpu_destroy(struct x86_cpu *cpu)
{
	interp_free(cpu);
	mmu_free(cpu);
	apic_free(cpu);
	if (cpu->translator)
		jit_cpu_free(cpu);
	else
		mem_free(cpu);
}

void x86_system_destroy(struct x86_system *sys)
{
	if (!sys)
		return;
	for (unsigned i = 0; i < sys->ncpus; i++)
		cpu_destroy(sys->cpu[i]);
	jit_free(sys);
	for (unsigned i = 0; i < CODE_CHUNKS; i++)
		if (sys->code[i])
			munmap(sys->code[i], sizeof(struct x86_code_page) << CODE_CHUNK_BITS);
	pthread_cond_destroy(&sys->wait_cond);
	pthread_mutex_destroy(&sys->wait_lock);
	pthread_mutex_destroy(&sys->excl_lock);
	mem_free(sys);
}

struct x86_cpu *x86_cpu_create(struct x86_system *sys, u32 apic_id, void *owner, struct err *e)
{
	struct x86_cpu *cpu;

	if (sys->ncpus == sys->cpus_max) {
		err_set(e, ENOSPC, "no room for another CPU");
		return NULL;
	}
	cpu = sys->jit ? jit_cpu_alloc(sys) : mem_aligned(64, ALIGN_UP(sizeof(*cpu), (size_t)64));
	if (!cpu)
		goto no_memory;
	if (!sys->jit)
		__builtin_memset(cpu, 0, sizeof(*cpu));
	cpu->sys = sys;
	cpu->platform = sys->platform;
	cpu->index = sys->ncpus;
	cpu->apic_id = apic_id;
	cpu->owner = owner;
	if (apic_init(cpu) || mmu_init(cpu) || interp_init(cpu)) {
		cpu_destroy(cpu);
		goto no_memory;
	}
	x86_cpu_reset(cpu);
	sys->cpu[sys->ncpus++] = cpu;
	return cpu;
no_memory:
	err_set(e, ENOMEM, "no memory for a CPU");
	return NULL;
}

struct x86_cpu *x86_system_cpu(struct x86_system *sys, unsigned index)
{
	return index < sys->ncpus ? sys->cpu[index] : NULL;
}

/* ---- log ---- */

void x86_system_set_log(struct x86_system *sys, u32 mask, int fd)
{
	sys->log_fd = fd;
	sys->log_mask = fd < 0 ? 0 : mask;
}

void sys_log(const struct x86_cpu *cpu, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0 && write(cpu->sys->log_fd, line, MIN((size_t)n, sizeof(line) - 1)) < 0)
		return;
}

void sys_log_regs(struct x86_cpu *cpu)
{
	static const char *const names[16] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
		"R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15",
	};
	static const u8 order[16] = { 0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15 };

	for (unsigned i = 0; i < 16; i += 4)
		sys_log(cpu, "%s=%016llx %s=%016llx %s=%016llx %s=%016llx\n", names[order[i]], cpu->gpr[order[i]],
			names[order[i + 1]], cpu->gpr[order[i + 1]], names[order[i + 2]], cpu->gpr[order[i + 2]],
			names[order[i + 3]], cpu->gpr[order[i + 3]]);
	sys_log(cpu, "RIP=%016llx RFL=%08llx CPL=%u CS=%04x SS=%04x CR0=%08llx CR2=%016llx CR3=%016llx CR4=%08llx EFER=%llx\n",
		x86_cur_rip(cpu), x86_eflags(cpu), cpu->cpl, cpu->seg[X86_CS].sel, cpu->seg[X86_SS].sel, cpu->cr0,
		cpu->cr2, cpu->cr3, cpu->cr4, cpu->efer);
}
