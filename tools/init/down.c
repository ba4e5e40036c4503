// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of an appliance: processes are asked to go, then made to; what was
 * written reaches the disks; file systems are unmounted, the last mounted
 * first; then the machine is switched off, restarted or halted.
 */
#include "init.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TERM_MS 3000	/* for processes that were asked to go */
#define KILL_MS 1000

/* Takes in children until none is left (orphans are ours, so none is none) or time is up. */
static bool wait_all(int timeout_ms)
{
	s64 end = init_now_ms() + timeout_ms;
	struct timespec pause = { .tv_nsec = 20000000 };

	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 && errno == ECHILD)
			return true;
		if (pid > 0)
			continue;
		if (init_now_ms() > end)
			return false;
		nanosleep(&pause, NULL);
	}
}

static void end_processes(void)
{
	/* A stopped process takes TERM only when it goes on; shells at a prompt mind HUP. */
	kill(-1, SIGTERM);
	kill(-1, SIGHUP);
	kill(-1, SIGCONT);
	if (wait_all(TERM_MS))
		return;
	kill(-1, SIGKILL);
	wait_all(KILL_MS);
}

/* Undoes the \ooo of /proc/mounts in place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*out++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* Unmounts the last line's directory that has not been tried. Returns false when none is left. */
static bool unmount_last(unsigned keep_first)
{
	char line[4096], dir[4096] = "";
	unsigned n = 0;
	FILE *f = fopen("/proc/mounts", "re");

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "%*s %4095s", dir) == 1)
		n++;
	if (f)
		fclose(f);
	if (n <= keep_first)
		return false;
	unescape(dir);
	/* Lazy when busy: its writes are on their way, and the next one can be reached. */
	if (umount(dir) && mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		init_say("%s: %s", dir, strerror(errno));
	return umount2(dir, MNT_DETACH) == 0 || errno == EINVAL;
}

/*
 * /proc goes with the kernel: it is needed to see the rest, and the mounts
 * before it are the root, /dev and itself.
 */
static void unmount_all(void)
{
	char line[4096];
	unsigned keep = 0;
	FILE *f = fopen("/proc/mounts", "re");

	while (f && fgets(line, sizeof(line), f)) {
		keep++;
		if (strstr(line, " /proc proc "))
			break;
	}
	if (f)
		fclose(f);
	for (int i = 0; i < 1000 && unmount_last(keep); i++)
		;
}

void init_down(struct init *in)
{
	static const struct { const char *text; int cmd; } how[] = {
		[INIT_POWEROFF] = { "powering off", RB_POWER_OFF },
		[INIT_REBOOT] = { "rebooting", RB_AUTOBOOT },
		[INIT_HALT] = { "halted", RB_HALT_SYSTEM },
	};

	end_processes();
	sync();
	unmount_all();
	sync();
	init_say("%s", how[in->action].text);
	/* The kernel ends the task that asks; PID 1 must not end, so a child asks. */
	if (!fork()) {
		reboot(how[in->action].cmd);
		init_say("reboot: %s", strerror(errno));
		_exit(1);
	}
	for (;;)
		pause();
}
