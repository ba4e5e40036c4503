// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Signals of the shell: ^C at the prompt and in loops, traps, and what
 * children start with. The handler only sets flags; commands look at them
 * between steps.
 */
#include "sh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t pending[NSIG], any_pending, interrupted;

static const struct { const char *name; int sig; } names[] = {
	{ "EXIT", 0 }, { "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT },
	{ "ILL", SIGILL }, { "TRAP", SIGTRAP }, { "ABRT", SIGABRT }, { "BUS", SIGBUS },
	{ "FPE", SIGFPE }, { "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 }, { "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM },
	{ "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD }, { "CONT", SIGCONT }, { "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU }, { "URG", SIGURG },
	{ "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ }, { "VTALRM", SIGVTALRM }, { "PROF", SIGPROF },
	{ "WINCH", SIGWINCH }, { "IO", SIGIO }, { "PWR", SIGPWR }, { "SYS", SIGSYS },
};

/* What an interactive shell does not die or stop of. */
static const int ignored[] = { SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU };

int sh_signal_number(const char *name)
{
	u64 n;

	if (!str_to_u64_range(name, 0, NSIG - 1, &n))
		return n;
	if (!strncmp(name, "SIG", 3))
		name += 3;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i].name))
			return names[i].sig;
	return -1;
}

const char *sh_signal_name(int sig)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].sig == sig)
			return names[i].name;
	return NULL;
}

static void on_signal(int sig)
{
	pending[sig] = 1;
	any_pending = 1;
	if (sig == SIGINT)
		interrupted = 1;
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	/* No SA_RESTART: reading a line and waiting come back at once. */
	sigaction(sig, &sa, NULL);
}

void sh_signals_init(struct sh *sh)
{
	if (!sh->interactive)
		return;
	handle(SIGINT, on_signal);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		handle(ignored[i], SIG_IGN);
}

void sh_signals_child(struct sh *sh)
{
	for (int sig = 1; sig < NSIG; sig++) {
		bool mine = sh->interactive && !sh->child && sig == SIGINT;

		for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
			mine |= sh->interactive && !sh->child && ignored[i] == sig;
		pending[sig] = 0;
		if (sh->traps[sig] && *sh->traps[sig])
			mine = true;
		else if (sh->traps[sig])
			continue;	/* ignored stays ignored */
		if (mine)
			handle(sig, SIG_DFL);
	}
	/* A subshell has no traps but the ignored ones. */
	for (int sig = 0; sig < NSIG; sig++)
		if (sh->traps[sig] && *sh->traps[sig]) {
			free(sh->traps[sig]);
			sh->traps[sig] = NULL;
		}
	any_pending = interrupted = 0;
}

bool sh_interrupt_pending(void)
{
	return interrupted;
}

bool sh_interrupted(void)
{
	bool was = interrupted;

	interrupted = 0;
	return was;
}

static void run_trap(struct sh *sh, int sig)
{
	char *text = sh_strdup(sh->traps[sig]);
	int status = sh->status;

	sh->in_trap = true;
	sh_run_string(sh, text);
	sh->in_trap = false;
	if (sh->flow != FLOW_EXIT)
		sh->status = status;
	free(text);
}

void sh_run_traps(struct sh *sh)
{
	if (!any_pending || sh->in_trap)
		return;
	any_pending = 0;
	for (int sig = 1; sig < NSIG && !sh->flow; sig++) {
		if (!pending[sig])
			continue;
		pending[sig] = 0;
		if (sh->traps[sig] && *sh->traps[sig]) {
			if (sig == SIGINT)
				interrupted = 0;
			run_trap(sh, sig);
		}
	}
	if (sh_interrupted() && sh->interactive && !sh->child && !sh->flow) {
		sh->status = 130;
		sh->flow = FLOW_ABORT;
	}
}

void sh_at_exit(struct sh *sh)
{
	char *text = sh->traps[0];
	int status = sh->status;

	if (!text)
		return;
	sh->traps[0] = NULL;
	sh->flow = FLOW_NONE;
	sh_run_string(sh, text);
	if (sh->flow != FLOW_EXIT)
		sh->status = status;
	free(text);
}

static void set_trap(struct sh *sh, int sig, const char *action)
{
	bool reset = !action, own = sh->interactive && !sh->child;

	free(sh->traps[sig]);
	sh->traps[sig] = reset ? NULL : sh_strdup(action);
	if (!sig)
		return;
	pending[sig] = 0;
	if (!reset)
		handle(sig, *action ? on_signal : SIG_IGN);
	else if (own && sig == SIGINT)
		handle(sig, on_signal);
	else if (own && (sig == SIGQUIT || sig == SIGTERM || sig == SIGTSTP))
		handle(sig, SIG_IGN);
	else
		handle(sig, SIG_DFL);
}

static void print_traps(const struct sh *sh)
{
	for (int sig = 0; sig < NSIG; sig++) {
		const char *s = sh->traps[sig];

		if (!s || !sh_signal_name(sig))
			continue;
		fputs("trap -- '", stdout);
		for (; *s; s++)
			if (*s == '\'')
				fputs("'\\''", stdout);
			else
				putchar(*s);
		printf("' %s\n", sh_signal_name(sig));
	}
}

int sh_cmd_trap(struct sh *sh, int argc, char **argv)
{
	int i = argc > 1 && !strcmp(argv[1], "--") ? 2 : 1, rc = 0;
	const char *action = NULL;
	u64 number;

	if (i >= argc) {
		print_traps(sh);
		return 0;
	}
	/* A number or one word alone resets. */
	if (str_to_u64(argv[i], 10, &number) && i + 1 < argc) {
		action = strcmp(argv[i], "-") ? argv[i] : NULL;
		i++;
	}
	for (; i < argc; i++) {
		int sig = sh_signal_number(argv[i]);

		if (sig < 0 || sig == SIGKILL || sig == SIGSTOP) {
			sh_warn(sh, "trap: %s: bad trap", argv[i]);
			rc = 1;
			continue;
		}
		set_trap(sh, sig, action);
	}
	return rc;
}

static int list_signals(void)
{
	for (size_t i = 1; i < ARRAY_SIZE(names); i++)
		printf("%2d) %s\n", names[i].sig, names[i].name);
	return 0;
}

static int kill_one(struct sh *sh, const char *target, int sig)
{
	struct sh_job *job = *target == '%' ? sh_job_find(sh, target) : NULL;
	s64 pid;

	if (job) {
		pid = sh->opt_m ? -job->pgrp : job->pgrp;
		if (job->stopped && sig != SIGCONT)
			kill(pid, SIGCONT);
	} else if (str_to_s64(target, 10, &pid)) {
		sh_warn(sh, "kill: %s: no such process", target);
		return 1;
	}
	if (!kill(pid, sig))
		return 0;
	sh_warn(sh, "kill: %s: %s", target, strerror(errno));
	return 1;
}

int sh_cmd_kill(struct sh *sh, int argc, char **argv)
{
	int sig = SIGTERM, i = 1, rc = 0;

	if (argc > 1 && !strcmp(argv[1], "-l"))
		return list_signals();
	if (argc > 2 && !strcmp(argv[1], "-s")) {
		sig = sh_signal_number(argv[2]);
		i = 3;
	} else if (argc > 1 && argv[1][0] == '-' && strcmp(argv[1], "--")) {
		sig = sh_signal_number(argv[1] + 1);
		i = 2;
	}
	if (i < argc && !strcmp(argv[i], "--"))
		i++;
	if (sig < 0 || i >= argc) {
		sh_warn(sh, sig < 0 ? "kill: unknown signal" : "usage: kill [-SIGNAL] PID|%%JOB...");
		return 2;
	}
	for (; i < argc; i++)
		rc |= kill_one(sh, argv[i], sig);
	return rc;
}
