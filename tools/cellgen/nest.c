/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Braces around the parts of a path. */
#include <string.h>
#include "nest.h"

/* Bytes that both paths have in common, up to and with a dot. */
static size_t common(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t same = 0;

	for (size_t i = 0; i < a_len && i < b_len && a[i] == b[i]; i++)
		if (a[i] == '.')
			same = i + 1;
	return same;
}

static void close_to(struct nest *n, size_t len)
{
	while (n->len > len) {
		n->close(n->ctx);
		do
			n->len--;
		while (n->len && n->path[n->len - 1] != '.');
	}
}

const char *nest_to(struct nest *n, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) + 1 : 0;

	close_to(n, common(n->path ? n->path : "", n->len, name, len));
	while (n->len < len) {
		size_t part = strcspn(name + n->len, ".");

		n->open(n->ctx, name + n->len, part);
		n->len += part + 1;
	}
	n->path = name;
	return name + len;
}

void nest_end(struct nest *n)
{
	close_to(n, 0);
}
