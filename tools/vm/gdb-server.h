/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the gdb server: gdb.c (packets, registers, memory, stops),
 * gdb-query.c (q and Q). Main thread.
 */
#ifndef VMBOX_TOOLS_VM_GDB_SERVER_H
#define VMBOX_TOOLS_VM_GDB_SERVER_H

#include "gdb.h"
#include "str.h"

#define GDB_PACKET_MAX	0x8000
#define GDB_MEMORY_MAX	((GDB_PACKET_MAX - 64) / 2)
#define GDB_SSTEP_NOIRQ	2
#define GDB_SSTEP_NOTIMER	4

enum gdb_rx { GDB_RX_IDLE, GDB_RX_DATA, GDB_RX_SUM1, GDB_RX_SUM2 };

struct gdb_point {
	u64 addr, len;
	u8 type;		/* of Z packets: 0 software, 1 hardware, 2 write, 3 read, 4 access */
};

struct gdb {
	struct vm *vm;
	struct char_fe fe;
	struct chardev *chr;
	enum gdb_rx rx;
	u8 sum, want_sum;
	bool too_long;
	struct strbuf in, out, sent;	/* packet being read, reply being built, last one sent */
	bool noack, connected, wide, phys;
	bool waiting;			/* gdb wants to be told when the machine stops */
	bool swbreak, hwbreak;		/* it understands these reasons */
	unsigned sstep;			/* GDB_SSTEP_* */
	unsigned g_cpu, c_cpu;		/* of register and memory packets; of c and s */
	unsigned listed;		/* threads told so far */
	struct gdb_point points[X86_DEBUG_BREAKS + X86_DEBUG_WATCHES];
	unsigned npoints;
};

/* Sends one packet; the answers that are always the same. */
void gdb_send(struct gdb *g, const char *s, size_t len);
void gdb_send_str(struct gdb *g, const char *s);
void gdb_send_ok(struct gdb *g);
void gdb_send_error(struct gdb *g, unsigned code);
void gdb_put_hex(struct strbuf *b, const u8 *p, size_t n);
/* Hexadecimal bytes; the number read, at most max. */
size_t gdb_get_hex(const char *s, u8 *buf, size_t max);
/* "ADDR,LEN" and what stands behind it. */
bool gdb_get_range(const char *s, u64 *addr, u64 *len, const char **end);
/* A thread id (1..n, 0: any, -1: all) to a vCPU, `any` for the latter two; false: no such thread. */
bool gdb_get_thread(struct gdb *g, const char *s, unsigned any, unsigned *cpu, const char **end);
struct x86_cpu *gdb_cpu(struct gdb *g, unsigned i);
void gdb_query(struct gdb *g, const char *s);

#endif
