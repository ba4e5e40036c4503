// SPDX-License-Identifier: GPL-2.0-or-later
/* dd's statistics in GNU dd's words, SIGUSR1 and status=progress. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "dd.h"

volatile sig_atomic_t dd_stopped;
static volatile sig_atomic_t asked;

static void on_signal(int sig)
{
	if (sig == SIGINT)
		dd_stopped = 1;
	else
		asked = 1;
}

void dd_watch(struct dd *d)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	clock_gettime(CLOCK_MONOTONIC, &d->started);
}

/* Like "1.0 kB": one decimal below ten, rounded to the nearest. Plain numbers below the first step. */
static void human(char *buf, size_t size, double v, unsigned step)
{
	static const char si[] = " kMGTPE", bin[] = " KMGTPE";
	int i = 0;

	for (; i < 6 && v >= step; i++)
		v /= step;
	if (i && v < 9.95)
		snprintf(buf, size, "%.1f %c%sB", v, (step == 1000 ? si : bin)[i], step == 1000 ? "" : "i");
	else if (v + .5 >= step && i < 6)
		snprintf(buf, size, "1.0 %c%sB", (step == 1000 ? si : bin)[i + 1], step == 1000 ? "" : "i");
	else if (i)
		snprintf(buf, size, "%.0f %c%sB", v, (step == 1000 ? si : bin)[i], step == 1000 ? "" : "i");
	else
		snprintf(buf, size, "%.0f B", v);
}

static void rate(char *buf, size_t size, double bytes, double s)
{
	if (s <= 0)
		snprintf(buf, size, "Infinity B/s");
	else if (bytes / s < 1000)		/* GNU starts at kilobytes here */
		snprintf(buf, size, "%.1f kB/s", bytes / s / 1000);
	else {
		human(buf, size - 2, bytes / s, 1000);
		strcat(buf, "/s");
	}
}

static void transfer(struct dd *d, bool brief)
{
	char si[32], bin[32], r[32];
	struct timespec t;
	double s;

	clock_gettime(CLOCK_MONOTONIC, &t);
	s = (double)(t.tv_sec - d->started.tv_sec) + (double)(t.tv_nsec - d->started.tv_nsec) / 1e9;
	human(si, sizeof(si), (double)d->bytes, 1000);
	human(bin, sizeof(bin), (double)d->bytes, 1024);
	rate(r, sizeof(r), (double)d->bytes, s);
	if (d->bytes < 1000)
		fprintf(stderr, "%llu byte%s copied", d->bytes, d->bytes == 1 ? "" : "s");
	else if (d->bytes < 1024)
		fprintf(stderr, "%llu bytes (%s) copied", d->bytes, si);
	else
		fprintf(stderr, "%llu bytes (%s, %s) copied", d->bytes, si, bin);
	fprintf(stderr, brief ? ", %.0f s, %s" : ", %g s, %s\n", s, r);
}

void dd_statistics(struct dd *d)
{
	if (d->drawn) {
		fputc('\n', stderr);
		d->drawn = false;
	}
	fprintf(stderr, "%llu+%llu records in\n%llu+%llu records out\n", d->in_full, d->in_part,
		d->out_full, d->out_part);
	if (d->status != STATUS_NOXFER)
		transfer(d, false);
}

void dd_tick(struct dd *d)
{
	struct timespec t;

	if (asked) {
		asked = 0;
		dd_statistics(d);
	}
	if (d->status != STATUS_PROGRESS)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	if (t.tv_sec != d->last_tick) {
		d->last_tick = t.tv_sec;
		fputc('\r', stderr);
		transfer(d, true);
		fputs("   ", stderr);
		d->drawn = true;
	}
}
