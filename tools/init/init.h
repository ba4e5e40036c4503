/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of applet init: the parts of PID 1. init.c is the order of things,
 * setup.c what the system needs before a shell, hotplug.c modules and keys,
 * spawn.c the shells, down.c the end.
 */
#ifndef VMBOX_TOOLS_INIT_H
#define VMBOX_TOOLS_INIT_H

#include <sys/types.h>
#include "err.h"
#include "../sysutils/kmod.h"

#define INIT_CONSOLES 8

struct init_console {
	char tty[64];		/* "/dev/ttyS0" */
	pid_t pid;		/* of its shell, 0: none */
	s64 started_ms;
	s64 again_ms;		/* when to start it again; 0: at once */
};

enum init_action { INIT_STAY, INIT_POWEROFF, INIT_REBOOT, INIT_HALT };

struct init {
	/* From the kernel's command line, see init_options(). */
	char run[1024], shell[256], hostname[65], modules[512];
	bool debug;

	struct kmod *kmod;	/* NULL: no modules in the image */
	struct init_console consoles[INIT_CONSOLES];
	int n_consoles;
	int signals, uevents;	/* signalfd and netlink socket; -1: none */
	int keys[4];		/* event devices with a power key; -1: none */
	enum init_action action;
	pid_t running;		/* of a command that init waits for; 0: it has ended */
	int status;		/* its exit status, 128 + signal */
};

/* One line on the console, "init: ..."; debug lines only with vmbox.debug. */
void init_say(const char *fmt, ...) __printf(1, 2);
void init_debug(const struct init *in, const char *fmt, ...) __printf(2, 3);
s64 init_now_ms(void);
/* Reads a small file into buf, without the newline at its end. Returns its length or -errno. */
int init_read(const char *path, char *buf, size_t size);

void init_mounts(void);
/* Parses the words of a kernel command line. Pure but for in. */
void init_options(struct init *in, const char *cmdline);
/* Host name, loopback, session directories. */
void init_system(const struct init *in);

/* Loads the modules of the image's list and those that the hardware asks for. */
void init_modules(struct init *in);
/* Opens the source of hot-plug events and the power keys. */
void init_hotplug_open(struct init *in);
void init_uevent(struct init *in);
void init_key(struct init *in, int index);

void init_consoles_find(struct init *in);
/* Starts the shells that are due. Returns ms until the next is, -1: none. */
int init_consoles_start(struct init *in);
/* A child ended. */
void init_consoles_reap(struct init *in, pid_t pid);
/* Starts the shell with -c command on the last console. Returns its pid, -1: could not. */
pid_t init_spawn(struct init *in, const char *command);

/* Ends all processes, unmounts, and does in->action. */
void init_down(struct init *in) __noreturn;

#endif
