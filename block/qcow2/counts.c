// SPDX-License-Identifier: GPL-2.0-or-later
/* References of clusters, see counts.h: chunks of counts in a hash table, by their first cluster. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "compiler.h"
#include "counts.h"

#define HASH_BITS 14
#define CHUNK_BITS 12
#define CHUNK (1U << CHUNK_BITS)

struct qcow2_chunk {
	u64 index;
	struct qcow2_chunk *next;
	u32 n[CHUNK];
};

int qcow2_counts_init(struct qcow2_counts *t, u64 max_bytes)
{
	*t = (struct qcow2_counts){ .max_chunks = MAX(64ULL, max_bytes / sizeof(struct qcow2_chunk)) };
	t->hash = calloc(1U << HASH_BITS, sizeof(*t->hash));
	return t->hash ? 0 : -ENOMEM;
}

void qcow2_counts_free(struct qcow2_counts *t)
{
	for (u32 i = 0; t->hash && i < 1U << HASH_BITS; i++) {
		while (t->hash[i]) {
			struct qcow2_chunk *c = t->hash[i];

			t->hash[i] = c->next;
			free(c);
		}
	}
	free(t->hash);
	free(t->order);
}

void qcow2_counts_clear(struct qcow2_counts *t)
{
	for (u32 i = 0; i < 1U << HASH_BITS; i++)
		for (struct qcow2_chunk *c = t->hash[i]; c; c = c->next)
			memset(c->n, 0, sizeof(c->n));
}

static struct qcow2_chunk **bucket(struct qcow2_counts *t, u64 index)
{
	return &t->hash[(index * 0x9e3779b97f4a7c15ULL) >> (64 - HASH_BITS)];
}

u32 *qcow2_count_at(struct qcow2_counts *t, u64 cluster, bool make)
{
	u64 index = cluster >> CHUNK_BITS;
	struct qcow2_chunk **b = bucket(t, index), *c;

	for (c = *b; c; c = c->next)
		if (c->index == index)
			return &c->n[cluster & (CHUNK - 1)];
	if (!make || t->chunks >= t->max_chunks)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->index = index;
	c->next = *b;
	*b = c;
	t->chunks++;
	return &c->n[cluster & (CHUNK - 1)];
}

u32 qcow2_count(struct qcow2_counts *t, u64 cluster)
{
	u32 *p = qcow2_count_at(t, cluster, false);

	return p ? *p : 0;
}

u64 qcow2_counts_max(const struct qcow2_counts *t)
{
	u64 max = 0;

	for (u32 i = 0; i < 1U << HASH_BITS; i++)
		for (const struct qcow2_chunk *c = t->hash[i]; c; c = c->next)
			for (u32 n = 0; n < CHUNK; n++)
				max = MAX(max, (u64)c->n[n]);
	return max;
}

static int by_index(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

int qcow2_counts_sort(struct qcow2_counts *t)
{
	u64 *v = realloc(t->order, (t->chunks + 1) * sizeof(*v)), k = 0;

	if (!v)
		return -ENOMEM;
	t->order = v;
	for (u32 i = 0; i < 1U << HASH_BITS; i++)
		for (const struct qcow2_chunk *c = t->hash[i]; c; c = c->next)
			v[k++] = c->index;
	t->n_order = k;
	qsort(v, k, sizeof(*v), by_index);
	return 0;
}

u64 qcow2_counts_next(const struct qcow2_counts *t, u64 c, u64 end)
{
	u64 lo = 0, hi = t->n_order, index = c >> CHUNK_BITS;

	while (lo < hi) {
		u64 mid = (lo + hi) / 2;

		if (t->order[mid] < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == t->n_order)
		return end;
	return MIN(MAX(c, t->order[lo] << CHUNK_BITS), end);
}
