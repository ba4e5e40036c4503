// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What monitors, signals and the machine's events do to the program.
 */
#include <errno.h>
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
	/* What a reset was required for is over; the machine stands until cont. */
	if (vm->m->state == RUN_SHUTDOWN || vm->m->state == RUN_GUEST_PANICKED)
		vm->m->state = RUN_PAUSED;
}

int vm_may_cont(struct vm *vm, struct err *err)
{
	switch (vm->m->state) {
	case RUN_FINISH_MIGRATE:
	case RUN_SAVE_VM:
	case RUN_RESTORE_VM:
		return err_set(err, EBUSY, "Migration is not finalized yet");
	case RUN_SHUTDOWN:
	case RUN_GUEST_PANICKED:
		return err_set(err, EINVAL, "Resetting the Virtual Machine is required");
	default:
		return 0;
	}
}

void vm_cont(struct vm *vm)
{
	if (vm->m->state == RUN_RUNNING || vm_may_cont(vm, NULL) < 0)
		return;
	/* Nothing to run yet. */
	if (vm->m->state == RUN_INMIGRATE) {
		vm->autostart = true;
		return;
	}
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
		[RUN_INMIGRATE] = "inmigrate", [RUN_FINISH_MIGRATE] = "finish-migrate", [RUN_POSTMIGRATE] = "postmigrate",
		[RUN_SAVE_VM] = "save-vm", [RUN_RESTORE_VM] = "restore-vm",
	};

	return names[vm->m->state];
}
