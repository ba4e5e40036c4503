// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What monitors, signals and the machine's events do to the program.
 */
#include "gdb.h"

void vm_quit(struct vm *vm, int code)
{
	gdb_exit(vm, code);
	loop_quit(vm->loop, code);
}

void vm_system_reset(struct vm *vm)
{
	vm_event(vm, "RESET", "{\"guest\": false, \"reason\": \"host-qmp-system-reset\"}");
	pc_reset(vm->pc, false);
}

void vm_cont(struct vm *vm)
{
	if (vm->m->state == RUN_RUNNING)
		return;
	pc_cont(vm->pc);
	vm_event(vm, "RESUME", NULL);
}

void vm_stop(struct vm *vm)
{
	if (vm->m->state != RUN_RUNNING)
		return;
	pc_stop(vm->pc, RUN_PAUSED);
	vm_stopped(vm, NULL);
}

void vm_stopped(struct vm *vm, struct x86_cpu *cpu)
{
	vm_event(vm, "STOP", NULL);
	gdb_stopped(vm, cpu);
}

const char *vm_state_name(const struct vm *vm)
{
	static const char *const names[] = {
		[RUN_PRELAUNCH] = "prelaunch", [RUN_RUNNING] = "running", [RUN_PAUSED] = "paused",
		[RUN_SHUTDOWN] = "shutdown", [RUN_GUEST_PANICKED] = "guest-panicked", [RUN_DEBUG] = "debug",
	};

	return names[vm->m->state];
}
