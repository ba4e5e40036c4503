// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet init: PID 1 of an appliance. Mounts what Linux needs, loads modules,
 * keeps a shell on each console, takes in orphans, loads modules for what is
 * plugged in, and ends cleanly on a signal, on ctrl-alt-del and on the power
 * button. See Documentation/DESIGN/appliance.md.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "applet.h"

static void say(const char *fmt, va_list ap)
{
	char line[1024] = "init: ";
	int n = vsnprintf(line + 6, sizeof(line) - 7, fmt, ap);

	n = MIN(6 + MAX(n, 0), (int)sizeof(line) - 2);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;		/* there is nobody to tell */
}

void init_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void init_debug(const struct init *in, const char *fmt, ...)
{
	va_list ap;

	if (!in->debug)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

s64 init_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int init_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

/* The kernel opens /dev/console for us when the image has it; else we do. */
static void open_console(void)
{
	int fd;

	if (fcntl(STDERR_FILENO, F_GETFD) >= 0)
		return;
	fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3 && fd >= 0; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* The signals that PID 1 acts on; as Busybox's init, and systemd's for the last three. */
static void open_signals(struct init *in)
{
	static const int list[] = {
		SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPWR, SIGHUP,
	};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		sigaddset(&set, list[i]);
	for (int i = 3; i <= 5; i++)
		sigaddset(&set, SIGRTMIN + i);
	sigprocmask(SIG_SETMASK, &set, NULL);
	in->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (in->signals < 0)
		init_say("signalfd: %s", strerror(errno));
	/* ctrl-alt-del then is SIGINT to us, not a reset. */
	reboot(RB_DISABLE_CAD);
}

static enum init_action signal_action(int sig)
{
	if (sig == SIGUSR2 || sig == SIGPWR || sig == SIGRTMIN + 4)
		return INIT_POWEROFF;
	if (sig == SIGTERM || sig == SIGINT || sig == SIGRTMIN + 5)
		return INIT_REBOOT;
	return sig == SIGUSR1 || sig == SIGRTMIN + 3 ? INIT_HALT : INIT_STAY;
}

static void reap(struct init *in)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		init_consoles_reap(in, pid);
		if (pid != in->running)
			continue;
		in->running = 0;
		in->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

static void read_signals(struct init *in)
{
	struct signalfd_siginfo si;

	while (read(in->signals, &si, sizeof(si)) == sizeof(si)) {
		enum init_action action = signal_action(si.ssi_signo);

		if (action != INIT_STAY)
			in->action = action;
	}
	reap(in);
}

static void wait_once(struct init *in, int timeout_ms)
{
	struct pollfd p[2 + ARRAY_SIZE(in->keys)];

	p[0] = (struct pollfd){ .fd = in->signals, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = in->uevents, .events = POLLIN };
	for (size_t i = 0; i < ARRAY_SIZE(in->keys); i++)
		p[2 + i] = (struct pollfd){ .fd = in->keys[i], .events = POLLIN };
	if (poll(p, ARRAY_SIZE(p), timeout_ms) <= 0)
		return;
	if (p[0].revents)
		read_signals(in);
	if (p[1].revents)
		init_uevent(in);
	for (size_t i = 0; i < ARRAY_SIZE(in->keys); i++)
		if (p[2 + i].revents)
			init_key(in, i);
}

/* Runs a command of the shell while all else goes on. Returns its status. */
static int run(struct init *in, const char *command)
{
	pid_t pid = init_spawn(in, command);

	if (pid < 0)
		return 126;
	in->running = pid;
	while (in->running && in->action == INIT_STAY)
		wait_once(in, -1);
	return in->running ? 128 + SIGTERM : in->status;
}

static void start(struct init *in)
{
	char cmdline[4096] = "";

	open_signals(in);
	init_mounts();
	init_read("/proc/cmdline", cmdline, sizeof(cmdline));
	init_options(in, cmdline);
	init_system(in);
	init_hotplug_open(in);
	init_modules(in);
	init_consoles_find(in);
	if (!access("/etc/rc", R_OK))
		run(in, ". /etc/rc");
	if (*in->run && in->action == INIT_STAY) {
		init_say("'%s' ended with status %d", in->run, run(in, in->run));
		in->action = INIT_POWEROFF;
	}
}

static int init_main(int argc, char **argv)
{
	static struct init in = { .signals = -1, .uevents = -1 };

	(void)argc;
	if (getpid() != 1) {
		fprintf(stderr, "%s: this is the first process of an appliance, not a command (PID 1)\n",
			argv[0]);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(in.keys); i++)
		in.keys[i] = -1;
	open_console();
	umask(022);
	if (chdir("/"))
		init_say("/: %s", strerror(errno));
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	start(&in);
	while (in.action == INIT_STAY)
		wait_once(&in, init_consoles_start(&in));
	init_down(&in);
}

static const struct opt_section init_sections[] = {
	{ "KERNEL COMMAND LINE",
	  "vmbox.run=\"COMMAND\"\t-- run COMMAND in the shell instead of a shell for people, say its exit status on the console, and power off\n\n"
	  "vmbox.shell=PATH\t-- the program for people; default /bin/sh\n\n"
	  "vmbox.hostname=NAME\t-- the name of the machine; default what /etc/hostname says, else vmbox\n\n"
	  "vmbox.modules=A,B\t-- modules to load besides those of /etc/modules\n\n"
	  "vmbox.debug\t-- tell what is done" },
	{ "SIGNALS",
	  "USR2, PWR\t-- power off\n\n"
	  "TERM, INT (ctrl-alt-del)\t-- reboot\n\n"
	  "USR1\t-- halt" },
	{ "FILES",
	  "/etc/modules\t-- modules to load at start, one a line\n\n"
	  "/etc/rc\t-- script for the shell, run before the consoles open\n\n"
	  "/etc/hostname\t-- name of the machine" },
	{ "SEE ALSO", "sh, poweroff, modprobe, appliance" },
	{ NULL, NULL }
};

static const struct opt_cmd init_cmd = {
	.name = "init",
	.summary = "first process of an appliance: mounts, modules, shells, power-off",
	.sections = init_sections,
	.flags = OPT_CMD_RAW,
};

static const struct applet init = {
	.cmd = &init_cmd, .flags = APPLET_SBIN, .main = init_main,
};
APPLET(init);
