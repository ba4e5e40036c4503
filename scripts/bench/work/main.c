// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Usage: work list | work run GROUP... | work time NAME COMMAND... | work text SIZE
 *        work idle
 * run: every workload of the groups; time: a command as a workload, its
 * standard output is its result; text: SIZE bytes of made-up text. Results
 * are lines "= GROUP NAME CHECKSUM SECONDS".
 */
#include "work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct work *const groups[] = {
	integer_works, float_works, simd_works, x87_works, memory_works, os_works, code_works, thread_works,
};

void fail(const char *what)
{
	fprintf(stderr, "work: %s: %s\n", what, strerror(errno));
	_exit(1);
}

u64 checksum_of(const void *p, size_t size)
{
	const u8 *b = p;
	u64 h = size, v;

	for (; size >= 8; size -= 8, b += 8) {
		memcpy(&v, b, 8);
		h = mix(h, v);
	}
	for (; size; size--)
		h = mix(h, *b++);
	return h;
}

void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void say(const char *group, const char *name, u64 sum, double seconds)
{
	printf("= %s %s %016llx %.6f\n", group, name, (unsigned long long)sum, seconds);
	fflush(stdout);
}

static int have(const char *flag)
{
	static char flags[8192];
	char word[64];

	if (!flag)
		return 1;
	if (!flags[0]) {
		char line[8192];
		FILE *f = fopen("/proc/cpuinfo", "r");

		while (f && fgets(line, sizeof(line), f))
			if (!strncmp(line, "flags", 5)) {
				snprintf(flags, sizeof(flags), "%.*s ", (int)strcspn(line, "\n"), line);
				break;
			}
		if (f)
			fclose(f);
	}
	snprintf(word, sizeof(word), " %s ", flag);
	return strstr(flags, word) != NULL;
}

static void each(const char *want)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (const struct work *w = groups[i]; w->name; w++) {
			double t;
			u64 sum;

			if (!want) {
				printf("%s %s\n", w->group, w->name);
				continue;
			}
			if (strcmp(want, w->group) && strcmp(want, w->name))
				continue;
			if (!have(w->needs)) {
				printf("# %s: no %s\n", w->name, w->needs);
				continue;
			}
			w->run(w->n / 64 + 1);	/* warm: code is there, pages are touched */
			t = now();
			sum = w->run(w->n);
			say(w->group, w->name, sum, now() - t);
		}
}

static int time_command(const char *name, char **argv)
{
	static char buf[65536];
	u64 h = 1, carry = 0;
	int p[2], status;
	double t = now();
	ssize_t n;
	pid_t pid;

	if (pipe(p))
		fail("pipe");
	pid = fork();
	if (!pid) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execvp(argv[0], argv);
		fail(argv[0]);
	}
	close(p[1]);
	/* Bytewise: independent of how the pipe cuts it. */
	while ((n = read(p[0], buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			h = (h ^ (u8)buf[i]) * 0x100000001b3ULL;
			carry++;
		}
	waitpid(pid, &status, 0);
	t = now() - t;
	if (status) {
		fprintf(stderr, "work: %s: status %#x\n", name, (unsigned)status);
		return 1;
	}
	say("tools", name, mix(h, carry), t);
	return 0;
}

static void text(u64 size)
{
	static const char *const syllables[] = {
		"ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va",
	};
	u64 seed = 88172645463325252ULL, at = 0;

	while (at < size) {
		u64 r = next_random(&seed);
		int words = 3 + (int)(r & 7);

		at += (u64)printf("%llu", (unsigned long long)(r >> 40));
		while (words--) {
			u64 w = next_random(&seed);

			at += (u64)printf(" %s%s%s", syllables[w & 15], syllables[w >> 4 & 7], w & 256 ? syllables[w >> 9 & 3] : "");
		}
		at += (u64)printf("\n");
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "list"))
		each(NULL);
	else if (argc > 2 && !strcmp(argv[1], "run"))
		for (int i = 2; i < argc; i++)
			each(argv[i]);
	else if (argc > 3 && !strcmp(argv[1], "time"))
		return time_command(argv[2], argv + 3);
	else if (argc == 3 && !strcmp(argv[1], "text"))
		text(strtoull(argv[2], NULL, 0));
	else if (argc != 2 || strcmp(argv[1], "idle"))
		return 2;
	return 0;
}
