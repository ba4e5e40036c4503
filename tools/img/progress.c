/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Progress of long jobs: -p draws a percentage, SIGUSR1 prints one at any
 * time, --progress=json writes a line of JSON to standard error.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "img.h"

/* One job a process: the signal handler needs a place to leave its mark. */
static struct {
	bool draw, json, human;
	volatile sig_atomic_t asked;
	volatile int cancel;
	double from, to, last;
	struct timespec start;
} state;

static void on_usr1(int sig)
{
	state.asked = 1;
}

/* The first one ends the job in order; the next one ends the program. */
static void on_int(int sig)
{
	state.cancel = 1;
}

bool img_interrupted(void)
{
	return state.cancel;
}

static double elapsed(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)(t.tv_sec - state.start.tv_sec) + (double)(t.tv_nsec - state.start.tv_nsec) / 1e9;
}

static void show(u64 done, u64 total, double pct)
{
	double s = elapsed(), rate = s > 0 ? (double)done / s : 0;
	double eta = rate > 0 && total > done ? (double)(total - done) / rate : 0;

	if (state.json)
		fprintf(stderr, "{\"done\": %llu, \"total\": %llu, \"percent\": %.2f, \"seconds\": %.3f, "
			"\"rate\": %.0f, \"eta\": %.1f}\n", done, total, pct, s, rate, eta);
	else if (state.human)
		fprintf(stderr, "\r%6.2f %%  %.1f MiB/s  ETA %.0f s   ", pct, rate / 1048576, eta);
	if (state.draw) {
		printf("    (%3.2f/100%%)\r", pct);
		fflush(stdout);
	}
}

static void update(void *opaque, u64 done, u64 total)
{
	double part = total ? (double)done / (double)total : 1;
	double pct = state.from + (state.to - state.from) * part;

	if (state.asked) {
		double s = elapsed(), rate = s > 0 ? (double)done / s : 0;

		state.asked = 0;
		fprintf(stderr, "    (%3.2f/100%%)  %.1f MiB/s  ETA %.0f s\n", pct, rate / 1048576,
			rate > 0 ? (double)(total - done) / rate : 0);
	}
	if ((state.draw || state.json || state.human) && (pct - state.last >= 0.01 || pct >= 100)) {
		state.last = pct;
		show(done, total, pct);
	}
}

void img_progress_start(const struct img_args *a, struct blk_progress *p)
{
	struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };

	state.draw = a->progress && !a->quiet;
	state.json = a->progress_form && !strcmp(a->progress_form, "json");
	state.human = a->progress_form && !state.json;
	state.from = 0;
	state.to = 100;
	state.last = -1;
	clock_gettime(CLOCK_MONOTONIC, &state.start);
	sigaction(SIGUSR1, &sa, NULL);
	sa = (struct sigaction){ .sa_handler = on_int, .sa_flags = SA_RESTART | (int)SA_RESETHAND };
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (state.draw) {
		printf("    (0.00/100%%)\r");
		fflush(stdout);
	}
	p->update = update;
	p->opaque = NULL;
	p->cancel = &state.cancel;
}

void img_progress_window(double from, double to)
{
	state.from = from;
	state.to = to;
}

void img_progress_end(void)
{
	if (state.draw)
		printf("    (100.00/100%%)\n");
	if (state.human)
		fputc('\n', stderr);
	state.draw = false;
}
