// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes of the shell, and jobs (XCU 2.11): with a terminal each pipeline
 * has a process group of its own, which holds the terminal while it is in the
 * foreground. Without one the same calls just fork and wait.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 256	/* that have ended and nobody asked for */

struct sh_job *sh_job_new(struct sh *sh, const char *text)
{
	struct sh_job *job = sh_realloc(NULL, sizeof(*job)), **last = &sh->jobs;
	int id = 1, n = 0;

	while (*last) {
		struct sh_job *old = *last;

		if (!old->n_left && ++n > JOBS_MAX) {
			sh_job_free(sh, old);
			continue;
		}
		id = MAX(id, old->id + 1);
		last = &old->next;
	}
	*job = (struct sh_job){ .id = id, .text = sh_strdup(text ? text : "") };
	*last = job;
	return job;
}

void sh_job_free(struct sh *sh, struct sh_job *job)
{
	struct sh_job **p = &sh->jobs;

	while (*p && *p != job)
		p = &(*p)->next;
	if (*p)
		*p = job->next;
	free(job->pids);
	free(job->text);
	free(job);
}

void sh_jobs_forget(struct sh *sh)
{
	while (sh->jobs)
		sh_job_free(sh, sh->jobs);
}

void sh_job_add(struct sh_job *job, pid_t pid)
{
	job->pids = sh_realloc(job->pids, (job->n_pids + 1) * sizeof(*job->pids));
	job->pids[job->n_pids++] = pid;
	job->n_left++;
	if (!job->pgrp)
		job->pgrp = pid;
}

/* In the child: its group, its terminal, its signals. */
static void become_child(struct sh *sh, struct sh_job *job, bool background)
{
	bool grouped = sh->opt_m && job;

	if (grouped) {
		setpgid(0, job->pgrp);
		if (!background && sh->tty >= 0)
			tcsetpgrp(sh->tty, job->pgrp ? job->pgrp : getpid());
	}
	sh_signals_child(sh);
	if (background && !grouped) {
		int null = open("/dev/null", O_RDONLY);

		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
		if (null > 0) {
			dup2(null, STDIN_FILENO);
			close(null);
		}
	}
	sh->opt_m = false;
	sh->child = true;
	sh->loops = 0;
	sh_jobs_forget(sh);
}

pid_t sh_fork(struct sh *sh, struct sh_job *job, bool background)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (job)
			job->background = background;
		become_child(sh, job, background);
		return 0;
	}
	if (pid < 0) {
		sh_error(sh, 2, "fork: %s", strerror(errno));
		return -1;
	}
	if (!job)
		return pid;
	job->background = background;
	sh_job_add(job, pid);
	if (sh->opt_m) {
		/* Both sides do it: whoever comes first. */
		setpgid(pid, job->pgrp);
		if (!background && sh->tty >= 0)
			tcsetpgrp(sh->tty, job->pgrp);
	}
	return pid;
}

/* Books what waitpid() said. Returns the job it belongs to, NULL: none of ours. */
static struct sh_job *book(struct sh *sh, pid_t pid, int status)
{
	for (struct sh_job *job = sh->jobs; job; job = job->next)
		for (int i = 0; i < job->n_pids; i++) {
			if (job->pids[i] != pid)
				continue;
			if (WIFSTOPPED(status)) {
				job->stopped = true;
				job->status = 128 + WSTOPSIG(status);
				return job;
			}
			job->n_left--;
			if (i == job->n_pids - 1)
				job->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
					      WEXITSTATUS(status);
			/* The last one's pid stays: "wait PID" may ask for it. */
			if (i < job->n_pids - 1)
				job->pids[i] = 0;
			return job;
		}
	return NULL;
}

static void say_signal(const struct sh *sh, int status)
{
	int sig = status - 128;

	if (status <= 128 || status >= 128 + NSIG || sig == SIGPIPE)
		return;
	if (sig == SIGINT)
		fputc('\n', stderr);
	else if (sh->interactive)
		fprintf(stderr, "%s\n", strsignal(sig));
}

int sh_job_wait(struct sh *sh, struct sh_job *job)
{
	int status;

	while (job->n_left && !job->stopped) {
		pid_t pid = waitpid(-1, &status, sh->opt_m ? WUNTRACED : 0);

		if (pid > 0)
			book(sh, pid, status);
		else if (errno != EINTR)
			break;
	}
	if (sh->opt_m && sh->tty >= 0)
		tcsetpgrp(sh->tty, sh->pgrp);
	status = job->status;
	if (job->stopped) {
		job->background = true;
		fprintf(stderr, "\n[%d] Stopped  %s\n", job->id, job->text);
		return status;
	}
	if (sh->interactive && !sh->child)
		say_signal(sh, status);
	sh_job_free(sh, job);
	return status;
}

int sh_job_continue(struct sh *sh, struct sh_job *job, bool background)
{
	job->stopped = false;
	job->background = background;
	fprintf(stderr, "%s%s\n", job->text, background ? " &" : "");
	if (!background && sh->opt_m && sh->tty >= 0)
		tcsetpgrp(sh->tty, job->pgrp);
	kill(sh->opt_m ? -job->pgrp : job->pgrp, SIGCONT);
	return background ? 0 : sh_job_wait(sh, job);
}

struct sh_job *sh_job_find(struct sh *sh, const char *spec)
{
	struct sh_job *best = NULL;
	u64 n = 0;

	if (spec && *spec != '%') {
		if (str_to_u64(spec, 10, &n) || !n)
			return NULL;
		for (struct sh_job *job = sh->jobs; job; job = job->next)
			if (job->n_pids && (u64)job->pids[job->n_pids - 1] == n)
				return job;
		return NULL;
	}
	if (spec && spec[1] && strcmp(spec, "%%") && strcmp(spec, "%+") &&
	    str_to_u64(spec + 1, 10, &n))
		return NULL;
	/* Without a number: the last that stopped, else the last in the background. */
	for (struct sh_job *job = sh->jobs; job; job = job->next) {
		if (n ? (u64)job->id == n : job->background && (!best || job->stopped >= best->stopped))
			best = job;
	}
	return best;
}

static void print_job(const struct sh_job *job, bool pids, FILE *f)
{
	char state[32] = "Running";

	if (job->stopped)
		strcpy(state, "Stopped");
	else if (!job->n_left && job->status)
		snprintf(state, sizeof(state), "Done(%d)", job->status);
	else if (!job->n_left)
		strcpy(state, "Done");
	fprintf(f, "[%d] ", job->id);
	if (pids)
		fprintf(f, "%d ", job->pgrp);
	fprintf(f, "%-10s %s\n", state, job->text);
}

void sh_jobs_poll(struct sh *sh, bool tell)
{
	struct sh_job *job, *next;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | (sh->opt_m ? WUNTRACED : 0))) > 0)
		book(sh, pid, status);
	for (job = sh->jobs; tell && job; job = next) {
		next = job->next;
		if (job->n_left)
			continue;
		print_job(job, false, stderr);
		sh_job_free(sh, job);
	}
}

void sh_jobs_print(struct sh *sh, bool pids)
{
	struct sh_job *job, *next;

	sh_jobs_poll(sh, false);
	for (job = sh->jobs; job; job = next) {
		next = job->next;
		print_job(job, pids, stdout);
		if (!job->n_left)
			sh_job_free(sh, job);
	}
}

void sh_jobs_init(struct sh *sh)
{
	pid_t front;

	sh->tty = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	if (sh->tty < 0)
		return;
	/* In the background: wait until somebody brings us to the front. */
	while ((front = tcgetpgrp(sh->tty)) >= 0 && front != getpgrp())
		if (kill(0, SIGTTIN))
			break;
	sh->pgrp = getpid();
	if (front < 0 || (getpgrp() != sh->pgrp && setpgid(0, sh->pgrp)) ||
	    tcsetpgrp(sh->tty, sh->pgrp)) {
		close(sh->tty);
		sh->tty = -1;
		return;
	}
	sh->opt_m = true;
}

int sh_cmd_jobs(struct sh *sh, int argc, char **argv)
{
	sh_jobs_print(sh, argc > 1 && !strcmp(argv[1], "-l"));
	return 0;
}

/* Also bg. */
int sh_cmd_fg(struct sh *sh, int argc, char **argv)
{
	struct sh_job *job = sh_job_find(sh, argc > 1 ? argv[1] : NULL);

	if (!job || !job->n_left) {
		sh_warn(sh, "%s: no such job", argc > 1 ? argv[1] : argv[0]);
		return 1;
	}
	return sh_job_continue(sh, job, !strcmp(argv[0], "bg"));
}

/* Waits until job has ended. Returns false when a signal with a trap came first. */
static bool wait_one(struct sh *sh, struct sh_job *job)
{
	int status;

	while (job->n_left && !job->stopped) {
		pid_t pid = waitpid(-1, &status, sh->opt_m ? WUNTRACED : 0);

		if (pid > 0)
			book(sh, pid, status);
		else
			return errno == ECHILD;
	}
	return true;
}

static int wait_all(struct sh *sh)
{
	struct sh_job *job = sh->jobs;

	while (job) {
		struct sh_job *next = job->next;

		if (job->stopped) {
			job = next;
			continue;
		}
		if (!wait_one(sh, job))
			return 128 + SIGINT;
		sh_job_free(sh, job);
		job = next;
	}
	return 0;
}

int sh_cmd_wait(struct sh *sh, int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		return wait_all(sh);
	for (int i = 1; i < argc; i++) {
		struct sh_job *job = sh_job_find(sh, argv[i]);

		status = 127;
		if (!job)
			continue;
		if (!wait_one(sh, job))
			return 128 + SIGINT;
		status = job->status;
		if (!job->n_left)
			sh_job_free(sh, job);
	}
	return status;
}
