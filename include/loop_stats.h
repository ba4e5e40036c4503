/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The statistics page of an event loop, version 1: a file that the loop maps
 * shared and writes, and that qemu-top (or any program) maps read-only.
 *
 * There is one writer and no lock: every field is a naturally aligned
 * integer stored with one relaxed store, so a reader sees each value whole;
 * fields may be one dispatch apart from one another. The loop's state
 * stands in cur_slot/cur_since: a reader that sees the same cur_slot with an
 * old cur_since knows which handler hangs and for how long.
 *
 * Times are ticks of the CPU's counter (TSC on x86-64, CNTVCT on arm64), not
 * calibrated by the writer: the page holds two (ticks, ns) pairs, taken at
 * creation and again every second or so, whose difference is the rate.
 * Little-endian machines only (all hosts that we build for).
 */
#ifndef VMBOX_LOOP_STATS_H
#define VMBOX_LOOP_STATS_H

#include "err.h"

#define LOOP_STATS_MAGIC	0x53504f4f4c584256ULL	/* "VBXLOOPS" in memory */
#define LOOP_STATS_VERSION	1
#define LOOP_STATS_NONE		0xffffffffU

enum loop_stats_kind {
	LOOP_STATS_FREE,
	LOOP_STATS_FD,
	LOOP_STATS_TIMER,
	LOOP_STATS_BH,
	LOOP_STATS_OTHERS,	/* slot 0: whoever came when the table was full, and loop_post() */
};

/* One handler: 128 bytes, two cache lines; the first one is written at each dispatch. */
struct loop_stats_slot {
	u64 count;		/* dispatches */
	u64 busy;		/* ticks spent in the handler */
	u64 max;		/* longest dispatch */
	u64 last;		/* latest dispatch */
	u64 wait;		/* sum of latencies: from being ready (fd reported, deadline, scheduled) to running */
	u64 wait_max;
	u64 last_at;		/* ticks when the latest dispatch began */
	u32 kind;		/* enum loop_stats_kind; the store that opens a slot comes last */
	u32 generation;		/* rises when a slot is given to another handler */
	char name[24];		/* NUL-terminated */
	char owner[40];
};
_Static_assert(sizeof(struct loop_stats_slot) == 128, "layout of version 1");

struct loop_stats_page {
	u64 magic;
	u32 version;
	u32 size;		/* of the whole mapping */
	u32 slot_offset;	/* of slots[0] */
	u32 slot_size;		/* 128; step by it */
	u32 slot_count;
	s32 pid;
	s32 tid;		/* the thread that runs the loop, 0: none yet */
	u32 cur_slot;		/* the handler that runs now; LOOP_STATS_NONE: none */
	u64 cur_since;		/* ticks: since when it runs, or since when the loop waits or works itself */
	u64 rounds;		/* times round the loop */
	u64 idle;		/* ticks spent waiting */
	u64 posts;		/* wake-ups from other threads */
	u64 ticks0, ns0;	/* the same moment on both clocks (ns: CLOCK_MONOTONIC), at creation */
	u64 ticks1, ns1;	/* and later; equal to the first pair until a first second has passed */
	u64 pair_seq;		/* odd while ticks1/ns1 are written */
	char loop[32];		/* the loop's name */
	char program[32];
	char post[24];		/* name given to the latest loop_post() that ran, counted in slot 0 */
	u64 reserved[7];
	/* slot_count slots follow at slot_offset */
};
_Static_assert(sizeof(struct loop_stats_page) == 256, "layout of version 1");

/*
 * The usual path of a page: $XDG_RUNTIME_DIR, or /dev/shm, then
 * "vmbox-PID-NAME.loop"; readers list such files. 0 or -ENAMETOOLONG.
 */
int loop_stats_path(char *buf, size_t size, const char *name);

/*
 * The reader's side: maps a page read-only and checks its header against the
 * file's size, so that slot access by the rules above stays inside.
 * NULL with err set. Unmap with loop_stats_close().
 */
const struct loop_stats_page *loop_stats_open(const char *path, struct err *err);
void loop_stats_close(const struct loop_stats_page *page);
/* Slot i (i < slot_count). */
const struct loop_stats_slot *loop_stats_slot(const struct loop_stats_page *page, u32 i);
/* Ticks of the CPU now, the counter that the page uses. */
u64 loop_stats_ticks(void);
/* A difference of ticks in ns, by the page's pairs (by the reader's clock when the page is young). */
u64 loop_stats_to_ns(const struct loop_stats_page *page, u64 ticks);

#endif
