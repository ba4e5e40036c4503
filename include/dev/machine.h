/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine as its devices see it: address spaces, clock, loop, ISA lines,
 * and the requests a device may make of it (reset, power off, stop). The
 * board fills it; nothing here knows what kind of computer it is.
 *
 * Threads: the pointers are fixed once the board is up. Requests may be made
 * from any thread, under any device's lock; they are carried out later on
 * the main thread with all vCPUs parked.
 */
#ifndef VMBOX_DEV_MACHINE_H
#define VMBOX_DEV_MACHINE_H

#include "compiler.h"
#include "err.h"
#include "dev/clock.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/memory.h"

struct loop;
struct json;

enum run_state { RUN_PRELAUNCH, RUN_RUNNING, RUN_PAUSED, RUN_SHUTDOWN, RUN_GUEST_PANICKED, RUN_DEBUG,
	RUN_INMIGRATE, RUN_FINISH_MIGRATE, RUN_POSTMIGRATE, RUN_SAVE_VM, RUN_RESTORE_VM };

enum machine_request {
	REQ_RESET	= 1,	/* guest or host asks for a reset */
	REQ_SHUTDOWN	= 2,	/* power off, or exit when nobody minds */
	REQ_STOP	= 4,	/* vm_stop */
	REQ_PANIC	= 8,	/* pvpanic */
	REQ_POWERDOWN	= 16,	/* press the power button */
	REQ_UNPLUG	= 32,	/* devices are leaving */
};

/* The RTC goes by the host's time of day, its clock since boot, or the guest's clock, which stands when the machine does. */
enum rtc_clock { RTC_CLOCK_HOST, RTC_CLOCK_RT, RTC_CLOCK_VM };

struct msi_msg {
	u64 addr;
	u32 data;
};

/* Handed over by the board and by the applet above it. */
struct machine_ops {
	/* A write to the interrupt window 0xfeexxxxx. Any thread, any lock below CPU. */
	void (*msi)(void *ctx, struct msi_msg msg);
	/*
	 * Whether an edge on this global interrupt (0-15: ISA lines) or that message would be lost. Any thread, any lock
	 * below the controllers'. WAITS, true: machine_irq_taken() follows when that may have changed. NULL: never.
	 */
	enum irq_line_state (*irq_state)(void *ctx, unsigned gsi);
	bool (*msi_waits)(void *ctx, struct msi_msg msg);
	/* Something waits in m->requests; wakes the main thread. */
	void (*request)(void *ctx);
	/* Event for QMP: data is a JSON object text or NULL. */
	void (*event)(void *ctx, const char *name, const char *data_json);
	/* A20 gate, 1: open. */
	void (*a20)(void *ctx, int level);
	/* NMI and SMI to the processors. */
	void (*nmi)(void *ctx);
	void (*smi)(void *ctx);
};

/* State that is saved besides that of devices (vCPUs, the clock); memory belongs to the caller. */
struct machine_state {
	const char *name;		/* "cpu.0"; unique */
	const struct state_table *table;
	void *opaque;			/* what the table's offsets count from */
	struct machine_state *next;
};

struct machine {
	struct mem_space mem, io;
	struct clock *clock;
	struct loop *loop;
	const struct machine_ops *ops;
	void *ctx;
	struct device_bus root;		/* "main-system-bus" */
	u32 devices;			/* that ever came */
	const struct irq *isa_irq[16];	/* as an ISA device sees them */
	struct mem_region *ram;		/* the main RAM's region */
	u64 ram_size, below_4g, above_4g;
	unsigned cpus, max_cpus;
	const char *name;		/* -name */
	u8 uuid[16];
	bool has_uuid;
	struct device_global *globals;	/* in the order given; NULL: none; the owner of the machine keeps them */
	s64 rtc_offset_s;		/* RTC = host UTC + this */
	u8  rtc_clock;			/* enum rtc_clock: what it goes by */
	u32 requests;			/* atomic, enum machine_request */
	int exit_code;			/* of a shutdown that a device asks for (isa-debug-exit) */
	bool shutdown_by_guest;
	const char *ram_backend;	/* id of the memory backend that the RAM is made of; NULL: none */
	enum run_state state;
	bool running;			/* what devices were told last by set_running() */
	/* Things others hang on the machine by name: "fw_cfg", "pic", "ioapic", "acpi-pm". */
	struct { const char *name; void *ptr; } services[24];
	struct machine_hook *reset_hooks, *done_hooks;
	struct irq_watch *irq_watches;
	bool hpet_legacy;		/* atomic: the HPET has taken lines 0 and 8 from PIT and RTC */
	struct machine_state *states;	/* in order of registration */
	struct machine_ram *rams;
	struct object *objects;		/* dev/object.h */
	struct machine_state saved_clock;
	u64 clock_ns;			/* of the clock, while it is saved */
};

/* RAM or ROM whose contents are saved: main memory, video memory, flash. */
struct machine_ram {
	char name[72];			/* unique: "pc.ram", or the device's path and "/vram" */
	struct mem_region *region;
	struct machine_ram *next;
};

/* Called in order of registration; memory belongs to the caller. */
struct machine_hook {
	void (*fn)(void *opaque);
	void *opaque;
	struct machine_hook *next;
};

int  machine_init(struct machine *m, struct loop *loop, bool manual_clock, struct err *err);
void machine_free(struct machine *m);

void machine_request(struct machine *m, enum machine_request what);
/* The guest has let go of dev (or never knew it): it is unplugged and freed soon, by the main thread. Any thread. */
void machine_unplug(struct machine *m, struct device *dev);
/* Shutdown with an exit status of our own. */
void machine_exit(struct machine *m, int code);
/* After all devices were reset. / When the board is complete, before the first reset. */
void machine_on_reset(struct machine *m, struct machine_hook *h, void (*fn)(void *), void *opaque);
void machine_on_done(struct machine *m, struct machine_hook *h, void (*fn)(void *), void *opaque);
/* Main thread, at realize (or when the board is made); del at unrealize. */
void machine_state_add(struct machine *m, struct machine_state *s, const char *name, const struct state_table *t, void *opaque);
void machine_ram_add(struct machine *m, struct machine_ram *r, struct mem_region *region, const char *owner, const char *name);
void machine_ram_del(struct machine *m, struct machine_ram *r);
/* Runs the hooks; main thread, vCPUs parked. */
void machine_reset_devices(struct machine *m);
void machine_done(struct machine *m);

int  machine_service_add(struct machine *m, const char *name, void *ptr);
void *machine_service(struct machine *m, const char *name);

/* Main thread, no processor running; there is no way back. */
void machine_irq_watch_add(struct machine *m, struct irq_watch *w, void (*fn)(void *opaque), void *opaque);
/* Arms w, then looks. Any thread, under the lock of the device that drives the line. */
enum irq_line_state machine_irq_state(struct machine *m, unsigned gsi, struct irq_watch *w);
bool machine_msi_waits(struct machine *m, struct msi_msg msg, struct irq_watch *w);
/* The board: processors took interrupts. Calls the armed watches; no locks held. */
void machine_irq_taken(struct machine *m);

/* QMP event by name; data_json may be NULL. */
void machine_event(struct machine *m, const char *name, const char *data_json);

/* Port ranges the simple way: maps the region at port in the I/O space. */
void machine_map_io(struct machine *m, struct mem_map *map, struct mem_region *r, u16 port);

#endif
