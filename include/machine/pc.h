/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PC as a whole: what tools/vm asks for and what it can do with it. The
 * board (arch/x86/machine) builds devices, processors and tables; the caller
 * owns loop, backends and command line.
 *
 * Threads: everything here belongs to the main (loop's) thread, except
 * where said.
 */
#ifndef VMBOX_MACHINE_PC_H
#define VMBOX_MACHINE_PC_H

#include "config.h"
#include "dev/machine.h"
#include "x86/cpu.h"

struct loop;
struct pc;
struct smbios_conf;

/* Whether there is a board "microvm" besides "q35". */
static inline bool pc_has_microvm(void)
{
	return IS_ENABLED(CONFIG_MACHINE_MICROVM);
}

#define PC_NODES 64

/* Which memory and processors are near each other: nodes 0 to nodes - 1, whose memory follows in that order. */
struct pc_numa {
	unsigned nodes;
	u64 mem[PC_NODES];		/* sum: all RAM */
	u8  cpu_node[X86_CPUS_MAX + 1];
	u8  distance[PC_NODES][PC_NODES];
	bool has_distance;		/* the user said something about it */
};

struct pc_config {
	const char *board;		/* "q35" or "microvm" */
	const char *cpu;		/* -cpu text, NULL: default */
	unsigned cpus, max_cpus;
	struct x86_topology topology;	/* all 0: the cores of one socket */
	u64 ram_size;
	const char *ram_backend;	/* id of the object that says so; NULL: none */
	const char *ram_path;		/* the RAM lies in that file or folder; NULL: in none */
	bool ram_share, ram_prealloc;
	const char *kernel, *initrd, *append;
	const char *bios;		/* NULL: none asked for */
	const char *pflash[2];		/* drives: code, variables; NULL: none */
	bool unpack_kernel;		/* on the host */
	bool no_hpet;
	bool no_pit, no_pic, no_rtc;	/* microvm only */
	bool no_auto_cmdline;		/* microvm with acpi=off: the kernel is not told of the devices */
	bool jit;			/* -accel jit: the translator runs 64-bit code */
	bool jit_optional;		/* the interpreter will do where this host has no translator; a line says so */
	bool jit_verify;		/* struct x86_jit_config */
	size_t jit_cache_bytes;		/* the same */
	bool one_at_a_time;		/* thread=single: vCPUs take turns */
	bool no_cpus;			/* -accel qtest: clock by hand, nothing runs */
	bool no_acpi;
	bool default_devices;		/* e.g. tell the guest about a VGA */
	const char *boot_order;		/* up to three of a floppy, c disk, d CD, n network; NULL: "cad" */
	const char *boot_once;		/* instead of it until the first reset; NULL: none */
	bool boot_strict;		/* nothing else is tried than what has a bootindex */
	bool boot_menu, nographic;	/* the BIOS writes its text to the serial port as well */
	bool has_boot_splash_ms;
	unsigned boot_splash_ms;	/* how long the menu's prompt is shown */
	int reboot_timeout_ms;		/* after nothing was bootable; -1: never */
	const char *name;
	struct device_global *globals;	/* must stay; NULL: none */
	const struct pc_numa *numa;	/* must stay; NULL: nothing is said about it */
	s64 rtc_offset_s;
	enum rtc_clock rtc_clock;
	bool rtc_discard;		/* periodic interrupts of the RTC that come too fast are lost, not owed */
	u8  uuid[16];
	bool has_uuid;
	const struct smbios_conf *smbios;	/* must stay; NULL: the tables are all ours */
};

/* What the machine tells its owner; main thread, vCPUs parked when it matters. */
struct pc_events {
	/* Reset done / shutdown asked for (code: exit status, 0 normally). */
	void (*shutdown)(void *ctx, bool by_guest, int code);
	/* false: the owner turned the reset into a shutdown. */
	bool (*reset)(void *ctx, bool by_guest);
	void (*stopped)(void *ctx, enum run_state why);
	void (*panicked)(void *ctx);
	/* Events of devices, for QMP; from any thread. */
	void (*event)(void *ctx, const char *name, const char *data_json);
	/* A vCPU stopped at a debugger's breakpoint. */
	void (*debug)(void *ctx, struct x86_cpu *cpu);
};

/* Whether that is a boot order: up to three letters a, c, d, n, each once. 0 or -EINVAL. */
int  pc_boot_order_check(const char *order, struct err *err);
/*
 * Builds board and processors; devices may be added (device_new() ...)
 * until pc_start(). NULL with err set.
 */
struct pc *pc_create(const struct pc_config *cfg, struct loop *loop, const struct pc_events *ev, void *ctx,
		     struct err *err);
void pc_free(struct pc *pc);
struct machine *pc_machine(struct pc *pc);
struct x86_system *pc_system(struct pc *pc);
unsigned pc_cpus(const struct pc *pc);
/* Kernel id of the thread of a processor, 0: it has none yet. */
int  pc_cpu_tid(const struct pc *pc, unsigned cpu);

/* A flash chip (0: code, 1: variables) with that drive's contents; the text must stay. Before pc_start(). */
int  pc_set_pflash(struct pc *pc, unsigned unit, const char *drive, struct err *err);
/* Once, when all devices are there: kernel, tables, first reset, threads. Stays stopped. */
int  pc_start(struct pc *pc, struct err *err);
/* Lets the processors run / parks them. Idempotent. pc_stop() returns when all stand. */
void pc_cont(struct pc *pc);
void pc_stop(struct pc *pc, enum run_state why);
/*
 * A debugger lets the standing machine go on: how[i] says what vCPU i does.
 * One that steps stops the machine again (pc_events.debug). timers false: the
 * guest's clock stands meanwhile. pc_cont() does not stop at a breakpoint on
 * which a vCPU stands already; this does.
 */
enum pc_resume { PC_HOLD, PC_RUN, PC_STEP, PC_STEP_NOIRQ };
void pc_debug_resume(struct pc *pc, const u8 *how, bool timers);
/* As a reset button; goes on running when it was. */
void pc_reset(struct pc *pc, bool by_guest);
void pc_power_button(struct pc *pc);
void pc_nmi(struct pc *pc, unsigned cpu);

/* Parks all vCPUs around a change (hot plug, register reads); nests; does not touch the clock. */
void pc_pause(struct pc *pc);
void pc_resume(struct pc *pc);

/* `info pic` and the like need the board's parts by name: "ioapic", "pic", "rtc", "lpc", "fw_cfg". */
struct device *pc_part(struct pc *pc, const char *name);
/* When the first vCPU entered guest code (CLOCK_MONOTONIC ns), 0: not yet. */
u64  pc_first_run_ns(const struct pc *pc);

#endif
