// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main() of a fuzz target in builds without libFuzzer: feeds it its corpus,
 * tests/fuzz/corpus/NAME/, or the files named as arguments, and prints TAP.
 * A fault ends the program, which prove reports.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "types.h"
#include <string.h>

#define INPUT_MAX (16 * MiB)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static int replay(const char *path, int nr)
{
	FILE *f = fopen(path, "rb");
	u8 *data = malloc(INPUT_MAX);
	size_t len;

	if (!f || !data) {
		printf("not ok %d - %s\n", nr, path);
		return 1;
	}
	len = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	/* An exact copy, so that a read beyond its end is seen. */
	data = realloc(data, len ? len : 1);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	printf("ok %d - %s\n", nr, path);
	fflush(stdout);
	return 0;
}

/* The corpus of the program called argv0, sorted so that runs are alike. */
static int replay_corpus(const char *argv0, int *nr)
{
	const char *top = getenv("srctree"), *base = strrchr(argv0, '/');
	char dir[4096], path[8192];
	struct dirent **list;
	int failed = 0;
	int n;

	base = base ? base + 1 : argv0;
	snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%.*s", top ? top : ".",
		 (int)strcspn(base, "."), base);
	n = scandir(dir, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
			failed += replay(path, ++*nr);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return failed;
}

int main(int argc, char **argv)
{
	int nr = 0, failed = 0;

	if (argc < 2)
		failed = replay_corpus(argv[0], &nr);
	for (int i = 1; i < argc; i++)
		failed += replay(argv[i], ++nr);
	if (!nr) {
		printf("not ok 1 - a corpus\n");
		failed = nr = 1;
	}
	printf("1..%d\n", nr);
	return failed != 0;
}
