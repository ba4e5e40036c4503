// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The nearest name, for "did you mean": optimal string alignment distance
 * (Damerau-Levenshtein without editing a swapped pair twice), case folded.
 * Words are looked at up to 63 characters, so the work is bounded.
 */
#include <string.h>
#include "str.h"

#define WORD_MAX 63

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + 32);
	return c == '_' ? '-' : c;
}

unsigned str_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];
	size_t na = strnlen(a, WORD_MAX), nb = strnlen(b, WORD_MAX);

	for (size_t j = 0; j <= nb; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *recycled = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			char ca = fold(a[i - 1]), cb = fold(b[j - 1]);
			unsigned best = above[j - 1] + (ca != cb);

			best = MIN(best, MIN(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && ca == fold(b[j - 2]) && fold(a[i - 2]) == cb)
				best = MIN(best, before[j - 2] + 1);
			row[j] = best;
		}
		before = above;
		above = row;
		row = recycled;
	}
	return above[nb];
}

/* An abbreviation is meant, however much is missing. */
static bool abbreviates(const char *word, const char *name)
{
	size_t i = 0;

	while (word[i] && fold(word[i]) == fold(name[i]))
		i++;
	return !word[i] && i >= 3;
}

void str_nearest_offer(struct str_nearest *n, const char *name)
{
	unsigned d = str_distance(n->word, name);

	if (d > 1 && abbreviates(n->word, name))
		d = 1;
	if (d < n->best_distance) {
		n->best = name;
		n->best_distance = d;
	}
}

const char *str_nearest(const struct str_nearest *n)
{
	size_t len = strnlen(n->word, WORD_MAX);

	return n->best && n->best_distance <= MAX(len / 3, (size_t)1) && n->best_distance < len ? n->best : NULL;
}
