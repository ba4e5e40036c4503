/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace points: binary records in a ring, one load and one branch when off.
 *
 *	TRACE_EVENT(block_read, "node=%llx off=%llu len=%llu");	// file scope
 *	...
 *	trace(block_read, (u64)(uintptr_t)node, off, len);
 *
 * Up to five arguments, each converted to u64; the format may use %llu %llx
 * and %lld only, because it is the reader that prints (there are no
 * pointers to follow in another process). Names are ROOM_NOUN_VERB.
 * Events are switched by pattern ("block_*", "-block_io"); records go to a
 * ring of 64-byte slots, or as text to the log at once.
 */
#ifndef VMBOX_TRACE_H
#define VMBOX_TRACE_H

#include "compiler.h"
#include "config.h"
#include "registry.h"

struct err;
struct strbuf;

#define TRACE_ARGS 5

struct trace_event {
	const char *name;
	const char *fmt;
	u8 on;			/* read with a relaxed load */
	u16 id;			/* index in the sorted list, given when the ring starts */
};

/* One slot of the ring. Valid when seq == the number asked for; a writer clears it first. */
struct trace_record {
	u64 seq;		/* 1, 2, 3 ...; 0: being written */
	u64 time_ns;		/* CLOCK_MONOTONIC */
	u32 tid;
	u16 event;
	u16 nargs;
	u64 args[TRACE_ARGS];
};
_Static_assert(sizeof(struct trace_record) == 64, "one cache line");

#if IS_ENABLED(CONFIG_TRACE)

#define TRACE_EVENT(ident, format) \
	static struct trace_event trace_ev_##ident = { .name = #ident, .fmt = format }; \
	REGISTER(trace, trace_ev_##ident)

#define trace(ident, ...) do { \
	if (unlikely(__atomic_load_n(&trace_ev_##ident.on, __ATOMIC_RELAXED))) \
		trace_emit(&trace_ev_##ident, (const u64[]){ 0, ##__VA_ARGS__ } + 1, \
			   sizeof((const u64[]){ 0, ##__VA_ARGS__ }) / 8 - 1); \
} while (0)

/* Any thread; keeps the first TRACE_ARGS of n. */
void trace_emit(const struct trace_event *ev, const u64 *args, size_t n) __cold;

/*
 * Switches events on ("-" in front: off) by comma-separated patterns; the
 * ring is allocated at first use. -ENOENT: a pattern matches nothing (err
 * names the nearest), -ENOMEM.
 */
int trace_enable(const char *patterns, struct err *err);
/* true: records are printed to the log as they come, the ring stays unused. */
void trace_to_log(bool on);
/* Prints the records that are in the ring, oldest first. Other threads may go on tracing. */
void trace_dump(struct strbuf *out);
/* Calls fn for each event, sorted by name. */
void trace_foreach(void (*fn)(void *ctx, const struct trace_event *ev), void *ctx);

#else

#define TRACE_EVENT(ident, format) _Static_assert(1, "")
#define trace(ident, ...) do { } while (0)
static inline int trace_enable(const char *patterns, struct err *err)
{
	(void)patterns;
	(void)err;
	return -95;	/* EOPNOTSUPP: built without CONFIG_TRACE */
}
static inline void trace_to_log(bool on) { (void)on; }
static inline void trace_dump(struct strbuf *out) { (void)out; }
static inline void trace_foreach(void (*fn)(void *ctx, const struct trace_event *ev), void *ctx)
{
	(void)fn;
	(void)ctx;
}

#endif
#endif
