// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trace points (trace.h). Any thread takes a number and with it a slot of
 * the ring; the slot's seq is 0 while it is written and the number behind
 * that, so a reader can tell whole records from those being overwritten.
 * Like the log, the ring is one for the process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "err.h"
#include "log.h"
#include "mem.h"
#include "str.h"
#include "thread.h"
#include "trace.h"

#define RECORDS 16384		/* 1 MiB */

REGISTRY_DECLARE(trace);

static struct {
	struct trace_record *ring;
	struct trace_event **events;	/* sorted; the index is the id */
	size_t n_events;
	u64 next;			/* number of the next record, from 1; atomic */
	bool to_log;
} tracer = { .next = 1 };

/* Events live in the registry as constants, but are ours to switch. */
#define FOREACH_EVENT(ev) \
	for (const void *const *_p = registry_address(__start_reg_trace); \
	     _p < registry_address(__stop_reg_trace) && ((ev) = (struct trace_event *)(uintptr_t)*_p, 1); _p++)

static int by_name(const void *pa, const void *pb)
{
	struct trace_event *const *a = pa, *const *b = pb;

	return strcmp((*a)->name, (*b)->name);
}

static struct trace_event **sorted_events(size_t *n)
{
	struct trace_event *ev, **list;

	*n = 0;
	FOREACH_EVENT(ev)
		++*n;
	list = mem_array(*n, sizeof(*list));
	if (!list)
		return NULL;
	*n = 0;
	FOREACH_EVENT(ev)
		list[(*n)++] = ev;
	qsort(list, *n, sizeof(*list), by_name);
	return list;
}

void trace_foreach(void (*fn)(void *ctx, const struct trace_event *ev), void *ctx)
{
	size_t n;
	struct trace_event **list = sorted_events(&n);

	for (size_t i = 0; list && i < n; i++)
		fn(ctx, list[i]);
	mem_free(list);
}

/* At the first switching on; events get their ids before any of them is on. */
static int start(void)
{
	if (tracer.ring)
		return 0;
	tracer.events = sorted_events(&tracer.n_events);
	tracer.ring = tracer.events ? mem_pages(RECORDS * sizeof(*tracer.ring)) : NULL;
	if (!tracer.ring) {
		mem_free(tracer.events);
		tracer.events = NULL;
		return -ENOMEM;
	}
	for (size_t i = 0; i < tracer.n_events; i++)
		tracer.events[i]->id = (u16)i;
	return 0;
}

static int no_match(const char *word, struct err *err)
{
	struct str_nearest near = STR_NEAREST_INIT(word);

	for (size_t i = 0; i < tracer.n_events; i++)
		str_nearest_offer(&near, tracer.events[i]->name);
	if (str_nearest(&near))
		return err_set(err, ENOENT, "no trace point matches '%s', did you mean '%s'?", word, str_nearest(&near));
	return err_set(err, ENOENT, "no trace point matches '%s'", word);
}

static size_t switch_matching(const char *pattern, u8 on)
{
	size_t matches = 0;

	for (size_t i = 0; i < tracer.n_events; i++) {
		if (!str_glob(pattern, tracer.events[i]->name))
			continue;
		__atomic_store_n(&tracer.events[i]->on, on, __ATOMIC_RELAXED);
		matches++;
	}
	return matches;
}

int trace_enable(const char *patterns, struct err *err)
{
	char word[128];

	if (start())
		return err_set(err, ENOMEM, "out of memory");
	while (*patterns) {
		bool off = *patterns == '-';
		size_t n;

		patterns += off;
		n = strcspn(patterns, ",");
		snprintf(word, sizeof(word), "%.*s", (int)MIN(n, sizeof(word) - 1), patterns);
		if (!switch_matching(word, !off))
			return no_match(word, err);
		patterns += n + (patterns[n] == ',');
	}
	return 0;
}

void trace_to_log(bool on)
{
	__atomic_store_n(&tracer.to_log, on, __ATOMIC_RELAXED);
}

static void format(char *buf, size_t size, const struct trace_event *ev, const struct trace_record *r)
{
	const u64 *a = r->args;
	int n = snprintf(buf, size, "%llu.%06llu %u %s ", r->time_ns / 1000000000, r->time_ns / 1000 % 1000000, r->tid,
			 ev->name);

	if (n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, ev->fmt, a[0], a[1], a[2], a[3], a[4]);
}

static void fill(struct trace_record *r, const struct trace_event *ev, const u64 *args, size_t n)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	r->time_ns = (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
	r->tid = (u32)thread_id();
	r->event = ev->id;
	r->nargs = (u16)n;
	for (size_t i = 0; i < TRACE_ARGS; i++)
		r->args[i] = i < n ? args[i] : 0;
}

void trace_emit(const struct trace_event *ev, const u64 *args, size_t n)
{
	struct trace_record now, *r;
	char line[512];
	u64 nr;

	fill(&now, ev, args, MIN(n, (size_t)TRACE_ARGS));
	if (__atomic_load_n(&tracer.to_log, __ATOMIC_RELAXED)) {
		format(line, sizeof(line), ev, &now);
		log_text("%s\n", line);
		return;
	}
	nr = __atomic_fetch_add(&tracer.next, 1, __ATOMIC_RELAXED);
	r = &tracer.ring[nr % RECORDS];
	__atomic_store_n(&r->seq, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy((char *)r + sizeof(r->seq), (char *)&now + sizeof(now.seq), sizeof(now) - sizeof(now.seq));
	__atomic_store_n(&r->seq, nr, __ATOMIC_RELEASE);
}

void trace_dump(struct strbuf *out)
{
	u64 end = __atomic_load_n(&tracer.next, __ATOMIC_ACQUIRE);
	char line[512];

	for (u64 nr = end > RECORDS ? end - RECORDS : 1; tracer.ring && nr < end; nr++) {
		const struct trace_record *r = &tracer.ring[nr % RECORDS];
		struct trace_record copy;

		if (__atomic_load_n(&r->seq, __ATOMIC_ACQUIRE) != nr)
			continue;
		memcpy(&copy, r, sizeof(copy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&r->seq, __ATOMIC_RELAXED) != nr)
			continue;	/* overtaken while it was copied */
		format(line, sizeof(line), tracer.events[copy.event], &copy);
		strbuf_printf(out, "%s\n", line);
	}
}
