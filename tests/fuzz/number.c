// SPDX-License-Identifier: GPL-2.0-or-later
/* The number, size and time readers: any text ends in a value or an error, and what is read prints back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "str.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char text[256], again[64];
	u64 v = 0, w = 0;
	s64 s = 0;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!str_to_u64(text, 0, &v)) {
		snprintf(again, sizeof(again), "%llu", v);
		if (str_to_u64(again, 10, &w) || w != v)
			abort();
	}
	if (!str_to_s64(text, 0, &s)) {
		s64 t;

		snprintf(again, sizeof(again), "%lld", s);
		if (str_to_s64(again, 10, &t) || t != s)
			abort();
	}
	if (!str_to_size(text, 'b', &v)) {
		snprintf(again, sizeof(again), "%llub", v);
		if (str_to_size(again, 'm', &w) || w != v)
			abort();
	}
	str_to_ns(text, &v);
	return 0;
}
