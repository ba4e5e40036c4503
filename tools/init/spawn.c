// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shells on the consoles: one for each console of the kernel that is a
 * terminal, each in a session of its own with the terminal as its controlling
 * one, started again when it ends.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "applet.h"

#define AGAIN_MIN_MS 1000	/* a shell that ends sooner is not started again before that */

static void add_console(struct init *in, const char *name)
{
	struct init_console *c = &in->consoles[in->n_consoles];
	int fd;

	if (in->n_consoles == INIT_CONSOLES)
		return;
	/* tty0 is the foreground one of the virtual terminals: a shell wants the first. */
	snprintf(c->tty, sizeof(c->tty), "/dev/%s", strcmp(name, "tty0") ? name : "tty1");
	fd = open(c->tty, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (isatty(fd)) {
		init_debug(in, "console %s", c->tty);
		in->n_consoles++;
	}
	close(fd);
}

void init_consoles_find(struct init *in)
{
	char names[256], *p = names;

	if (init_read("/sys/class/tty/console/active", names, sizeof(names)) > 0)
		for (char *name; (name = strsep(&p, " "));)
			if (*name)
				add_console(in, name);
	if (!in->n_consoles)
		add_console(in, "console");
}

/* In the child: a session of its own on tty; stays on init's console when it cannot be opened. */
static void take_terminal(const char *tty)
{
	int fd;

	setsid();
	fd = tty ? open(tty, O_RDWR) : -1;
	if (fd < 0)
		return;
	ioctl(fd, TIOCSCTTY, 1);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void child_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A path that is there is started; else the shell that this binary carries. */
static void __noreturn exec_shell(const struct init *in, const char *command)
{
	const char *path = *in->shell ? in->shell : "/bin/sh";
	char *argv[] = { "sh", "-l", NULL, NULL };

	if (command) {
		argv[1] = "-c";
		argv[2] = (char *)command;
	}
	if (!getenv("TERM"))
		setenv("TERM", "linux", 1);
	if (!command && chdir("/root") && chdir("/"))
		init_say("/: %s", strerror(errno));
	if (!command || !*in->shell)
		execv(path, argv);
	if (*in->shell && !command)
		init_say("%s: %s", path, strerror(errno));
	exit(applet_run(command ? 3 : 2, argv));
}

static void start_shell(struct init *in, struct init_console *c)
{
	pid_t pid = fork();

	if (!pid) {
		child_signals();
		take_terminal(c->tty);
		exec_shell(in, NULL);
	}
	c->started_ms = init_now_ms();
	if (pid < 0) {
		init_say("fork: %s", strerror(errno));
		c->again_ms = c->started_ms + AGAIN_MIN_MS;
		return;
	}
	c->pid = pid;
	c->again_ms = 0;
}

int init_consoles_start(struct init *in)
{
	s64 next = -1, now = init_now_ms();

	for (int i = 0; i < in->n_consoles; i++) {
		struct init_console *c = &in->consoles[i];

		if (!c->pid && c->again_ms <= now)
			start_shell(in, c);
		if (!c->pid && (next < 0 || c->again_ms - now < next))
			next = MAX(c->again_ms - now, 1LL);
	}
	return next;
}

void init_consoles_reap(struct init *in, pid_t pid)
{
	for (int i = 0; i < in->n_consoles; i++) {
		struct init_console *c = &in->consoles[i];

		if (c->pid != pid)
			continue;
		c->pid = 0;
		c->again_ms = c->started_ms + AGAIN_MIN_MS;
	}
}

pid_t init_spawn(struct init *in, const char *command)
{
	int last = in->n_consoles - 1;
	pid_t pid = fork();

	if (!pid) {
		child_signals();
		/* The last console of the kernel's command line is /dev/console. */
		take_terminal(last < 0 ? NULL : in->consoles[last].tty);
		exec_shell(in, command);
	}
	if (pid < 0)
		init_say("fork: %s", strerror(errno));
	return pid;
}
