/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of a PC: shared by pc.c (board), vcpu.c (threads), platform.c (what
 * a vCPU sees), firmware.c (fw_cfg, BIOS) and the loaders in arch/x86/boot.
 */
#ifndef VMBOX_X86_MACHINE_PC_H
#define VMBOX_X86_MACHINE_PC_H

#include <errno.h>
#include <pthread.h>
#include "config.h"
#include "cpu_state.h"
#include "loop.h"
#include "thread.h"
#include "machine/pc.h"

#define PC_GSIS		24
#define MICROVM_SLOTS	8	/* places for virtio devices */

struct pc;

struct vcpu {
	struct pc *pc;
	struct x86_cpu *cpu;
	struct thread thread;
	struct clock_timer lapic_timer;
	unsigned index;
	struct cpu_state state;
	struct machine_state saved;
	char saved_name[16];
	int tid;				/* atomic */
	bool held, debug;			/* stands for the debugger; has a stop to tell */
};

struct pc {
	struct machine m;
	struct pc_config cfg;
	const struct pc_events *ev;
	void *ctx;

	/* Board. */
	struct mem_region ram;
	struct machine_ram saved_ram;
	struct mem_map ram_low, ram_high;
	struct mem_map a20_map;			/* while the A20 gate is closed */
	struct irq gsi_pin[PC_GSIS];		/* board's distributor */
	const struct irq *gsi[PC_GSIS];
	const struct irq *pic_in[16], *ioapic_in[PC_GSIS];
	struct irq intr;			/* 8259 -> LINT0 */
	u32 pic_watch;				/* atomic: somebody waits for an acknowledge of the 8259 */
	bool microvm;				/* then these are NULL: host, mch, lpc, and what is left out */
	struct device *host, *mch, *lpc, *pic, *ioapic, *rtc, *fw_cfg, *fpu_irq;
	struct mem_region bios;
	struct mem_map bios_high;
	bool has_firmware, started;		/* its first reset was */
	struct device *pm, *slot[MICROVM_SLOTS];	/* microvm */
	char *append;				/* the kernel's command line, when it is not the user's */

	/* Processors. */
	struct x86_platform platform;
	struct x86_system *sys;
	struct vcpu *vcpus;
	pthread_mutex_t lock;			/* of the fields below */
	pthread_cond_t wake, parked;
	unsigned nparked, pauses;		/* threads that stand; depth of pc_pause() */
	bool running, quit, threads_up;
	u64 first_run_ns;			/* atomic */
	struct loop_bh request_bh;

	/* Direct boot: what reset puts back into RAM and registers. */
	struct boot_image *boot;
};

/* platform.c */
extern const struct x86_platform_ops pc_platform_ops;
/* vcpu.c */
int  pc_vcpus_create(struct pc *pc, struct err *err);
int  pc_vcpus_start(struct pc *pc, struct err *err);
void pc_vcpus_free(struct pc *pc);
struct x86_cpu *pc_debug_stopped(struct pc *pc);
/* boot.c: builds pc->boot from cfg; puts it into RAM and the boot processor. */
int  pc_boot_load(struct pc *pc, struct err *err);
void pc_boot_apply(struct pc *pc);
void pc_boot_free(struct pc *pc);
/* firmware.c */
int  pc_firmware_load(struct pc *pc, struct err *err);
int  pc_firmware_tables(struct pc *pc, struct err *err);
/* -kernel with flash chips: the firmware in them starts it, not boot.c. */
bool pc_firmware_boots_kernel(const struct pc *pc);
/* bootorder.c: -boot and bootindex as firmware reads them. 0 or -errno. */
int  pc_boot_order(struct pc *pc);
/* At a reset: what -boot once= said is over. */
void pc_boot_order_after_once(struct pc *pc);
/* The device's Open Firmware path; only where there is one. */
struct strbuf;
bool pc_has_firmware_path(const struct device *dev);
void pc_firmware_path(struct strbuf *out, const struct device *dev);
/*
 * A file of fw_cfg with the paths of devices, a line each, by their ranks (-1: not this one; no two alike); more() writes
 * behind a path, end stands behind a list that is not empty; both may be NULL. 0 or -errno.
 */
int  pc_firmware_list(struct pc *pc, const char *name, s64 (*rank)(const struct device *dev),
		      void (*more)(struct strbuf *out, const struct device *dev), const char *end);
/* geometry.c: of the disks, in CMOS and fw_cfg. 0 or -errno. */
int  pc_geometry(struct pc *pc);
/* What the ACPI tables must say. */
struct acpi_config;
void pc_acpi_config(struct pc *pc, struct acpi_config *cfg);

/* microvm.c: the other board. */
#if IS_ENABLED(CONFIG_MACHINE_MICROVM)
int  microvm_create(struct pc *pc, struct err *err);
void microvm_acpi_config(struct pc *pc, struct acpi_config *cfg);
void microvm_power_button(struct pc *pc);
/* Without ACPI the kernel learns of the devices by its command line. */
int  microvm_command_line(struct pc *pc, struct err *err);
#else
static inline int microvm_create(struct pc *pc, struct err *err)
{
	(void)pc;
	return err_set(err, ENOENT, "machine type 'microvm' is not built in");
}
static inline void microvm_acpi_config(struct pc *pc, struct acpi_config *cfg) { (void)pc, (void)cfg; }
static inline void microvm_power_button(struct pc *pc) { (void)pc; }
static inline int microvm_command_line(struct pc *pc, struct err *err) { (void)pc, (void)err; return 0; }
#endif

#endif
