// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of the shell. Trees live in an arena of their own, which functions
 * defined in them keep; fields and scratch live in one that works as a stack,
 * so that a loop of a million turns needs no more than one turn.
 */
#include "sh.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SIZE 4000

struct sh_block {
	struct sh_block *below;
	size_t used, size;
	max_align_t data[];
};

static void __noreturn no_memory(void)
{
	static const char text[] = "sh: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(2);
}

void *sh_realloc(void *p, size_t n)
{
	p = realloc(p, n);
	if (!p)
		no_memory();
	return p;
}

char *sh_strdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(sh_realloc(NULL, n), s, n);
}

void *sh_alloc(struct sh_arena *a, size_t n)
{
	struct sh_block *b = a->top;
	void *p;

	n = ALIGN_UP(n, sizeof(max_align_t));
	if (!b || b->size - b->used < n) {
		size_t size = MAX(n, (size_t)BLOCK_SIZE);

		b = sh_realloc(NULL, sizeof(*b) + size);
		b->below = a->top;
		b->used = 0;
		b->size = size;
		a->top = b;
	}
	p = (char *)b->data + b->used;
	b->used += n;
	return memset(p, 0, n);
}

char *sh_strndup(struct sh_arena *a, const char *s, size_t n)
{
	return memcpy(sh_alloc(a, n + 1), s, n);
}

struct sh_mark sh_arena_mark(const struct sh_arena *a)
{
	return (struct sh_mark){ a->top, a->top ? a->top->used : 0 };
}

void sh_arena_release(struct sh_arena *a, struct sh_mark m)
{
	while (a->top != m.top) {
		struct sh_block *b = a->top;

		a->top = b->below;
		free(b);
	}
	if (a->top)
		a->top->used = m.used;
}

struct sh_arena *sh_arena_new(void)
{
	struct sh_arena *a = sh_realloc(NULL, sizeof(*a));

	*a = (struct sh_arena){ .refs = 1 };
	return a;
}

void sh_arena_put(struct sh_arena *a)
{
	if (!a || --a->refs)
		return;
	sh_arena_release(a, (struct sh_mark){ NULL, 0 });
	free(a);
}
