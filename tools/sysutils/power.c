// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applets poweroff, reboot and halt: ask PID 1 to end the system cleanly, or
 * do it at once with -f.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>
#include "util.h"

struct power_args {
	bool force, no_sync;
	u64 delay_s;
};

static int power_run(void *p, const struct opt_call *call)
{
	static const struct { const char *name; int sig, cmd; } how[] = {
		{ "poweroff", SIGUSR2, RB_POWER_OFF }, { "reboot", SIGTERM, RB_AUTOBOOT },
		{ "halt", SIGUSR1, RB_HALT_SYSTEM },
	};
	struct power_args *args = p;
	size_t i = 0;

	while (strcmp(how[i].name, call->cmd->name))
		i++;
	if (args->delay_s)
		sleep(args->delay_s);
	if (!args->no_sync)
		sync();
	if (args->force)
		return reboot(how[i].cmd) ? util_fail(how[i].name) : 0;
	return kill(1, how[i].sig) ? util_fail(how[i].name) : 0;
}

#define A struct power_args
static const struct opt power_opts[] = {
	OPT_FLAG('f', "force", A, force, "at once, without asking PID 1: processes are not ended, file systems not unmounted"),
	OPT_FLAG('n', "no-sync", A, no_sync, "do not write out what is cached"),
	OPT_UINT('d', "delay", "SECONDS", A, delay_s, "wait before"),
	OPT_END
};

#define POWER(id, what, text) \
	static const struct opt_cmd id##_cmd = { \
		.name = what, .summary = text, .opts = power_opts, \
		.args_size = sizeof(A), .run = power_run, \
	}; \
	static const struct applet id = { .cmd = &id##_cmd, .flags = APPLET_SBIN }; \
	APPLET(id)

POWER(power_off, "poweroff", "end all processes, unmount, switch the machine off");
POWER(power_reboot, "reboot", "end all processes, unmount, restart the machine");
POWER(power_halt, "halt", "end all processes, unmount, halt the machine");
