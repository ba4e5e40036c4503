/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the applet vm: one struct holds the program. Main thread, except
 * vm_event().
 */
#ifndef VMBOX_TOOLS_VM_H
#define VMBOX_TOOLS_VM_H

#include <errno.h>
#include "config.h"
#include "dev/char.h"
#include "dev/drive.h"
#include "dev/net.h"
#include "loop.h"
#include "option.h"
#include "machine/pc.h"

struct json;
struct qmp;
struct qopts;
struct smbios_conf;
struct strbuf;

enum vm_display { VM_DISPLAY_NONE, VM_DISPLAY_CURSES };
/* DEFAULT: the translator where the build and the host have it. */
enum vm_accel { VM_ACCEL_DEFAULT, VM_ACCEL_INTERP, VM_ACCEL_JIT, VM_ACCEL_QTEST };

enum vm_panic { VM_PANIC_SHUTDOWN, VM_PANIC_PAUSE, VM_PANIC_EXIT_FAILURE, VM_PANIC_NONE };

struct vm_args {
	const char *machine, *cpu, *smp, *mem, *kernel, *initrd, *append, *bios, *name, *uuid, *rtc, *gdb, *boot, *incoming, *loadvm;
	const char *display, *vga, *debug_items, *debug_file, *pidfile, *qtest, *qtest_log;
	const char *hd[4], *cdrom, *mem_path;
	struct opt_list accel, device, chardev, serial, monitor, mon, qmp, global, smbios, debugcon, drive, blockdev, object, action, netdev, nic, net, fw_cfg, numa, overcommit, parallel;
	bool mem_prealloc, nographic, stopped, no_reboot, no_shutdown, daemonize, nodefaults, no_hpet, no_acpi, no_user_config, gdb_default;
};

struct vm {
	struct vm_args *args;
	const char *program;
	struct loop *loop;
	struct chardevs *chardevs;
	struct drives drives;
	struct netdevs netdevs;
	struct pc *pc;
	struct machine *m;
	struct pc_config cfg;
	enum vm_accel accel;
	enum vm_display display;
	struct pc_numa *numa;		/* owned; NULL: no -numa */
	struct smbios_conf *smbios;	/* owned; NULL: no -smbios */
	bool vga;			/* the board has its adapter */
	bool microvm, no_isa_serial, rtc_clock_given;
	char *boot_order, *boot_once, *name;	/* owned */
	char *ram_backend, *ram_path;	/* -machine memory-backend=, its file; owned */
	char *machine_flash[2];		/* -machine pflash0=, pflash1=; owned */
	unsigned flash_units;		/* chips given by -drive so far */
	struct vm_curses *curses;	/* NULL: not on the terminal */
	unsigned mouse_buttons;		/* that the monitor holds down */
	struct loop_fd signals;
	struct qmp *qmps;
	struct hmp *hmps;
	struct qtest *qtest;
	struct gdb *gdb;
	struct vm_migration *migration;	/* migrate.c */
	u64 max_bandwidth;		/* of saving, bytes a second, 0: no limit; atomic */
	struct vm_job *jobs;		/* job.c */
	struct vm_nbd *nbd;		/* qmp-nbd.c; NULL: not running */
	bool started;			/* pc_start() was called: what comes now is hot plug */
	bool no_reboot, no_shutdown;	/* also by -action */
	int panic;			/* enum vm_panic */
	bool autostart;			/* go on once the incoming state is there */
};

/* cmdline.c: everything that needs no machine. */
int  vm_parse(struct vm *vm, struct err *err);
/* True when the text was a request for help, which has been printed. */
bool vm_help(struct vm *vm);
/* 32 hexadecimal digits with or without dashes: 0 or -EINVAL. */
int  vm_uuid_parse(const char *s, u8 uuid[16]);
int  vm_device_help(const char *name, struct err *err);

/* devices.c: backends and devices of the command line, in QEMU's order. */
int  vm_create_chardevs(struct vm *vm, struct err *err);
int  vm_create_devices(struct vm *vm, struct err *err);
/* "-device" text; used by device_add too. */
int  vm_device_add(struct vm *vm, struct qopts *q, struct err *err);
/* qmp-hotplug.c: asks the guest to let go of the device; DEVICE_DELETED tells when it is gone. */
int  vm_device_del(struct vm *vm, const char *id, struct err *err);

/* globals.c: -global into vm->cfg; once all devices are there, warns of those that name no class or no device of it. */
int  vm_parse_globals(struct vm *vm, struct err *err);
void vm_check_globals(const struct vm *vm);
void vm_free_globals(struct vm *vm);

/* numa.c: -numa into vm->cfg, once processors and memory are known. */
int  vm_parse_numa(struct vm *vm, struct err *err);

/* fwcfg.c: the whole of a file of at most 256 MiB; *len: what was read. mem_free() it; NULL with err set. */
u8  *vm_read_file(const char *path, u32 *len, struct err *err);

/* smbios.c: -smbios into vm->cfg and back to nothing. */
int  vm_parse_smbios(struct vm *vm, struct err *err);
void vm_free_smbios(struct vm *vm);

/* fwcfg.c: -fw_cfg, once the board has its own items. */
int  vm_add_fw_cfg(struct vm *vm, struct err *err);

/* net.c: -netdev; then, when devices are made, -nic and -net with their cards. */
int  vm_create_netdevs(struct vm *vm, struct err *err);
int  vm_create_nics(struct vm *vm, struct err *err);
bool vm_netdev_help(const struct opt_list *list);

/* run.c: what monitors do to the machine. */
void vm_quit(struct vm *vm, int code);
void vm_system_reset(struct vm *vm);
void vm_cont(struct vm *vm);
/* 0, or why the machine cannot go on now; err says what is to be done first. */
int  vm_may_cont(struct vm *vm, struct err *err);
void vm_stop(struct vm *vm);
/* The machine stands now: tells QMP clients and gdb. cpu: at whose breakpoint, or NULL. */
void vm_stopped(struct vm *vm, struct x86_cpu *cpu);
/* Event to all QMP clients. Any thread. */
void vm_event(struct vm *vm, const char *name, const char *data_json);
const char *vm_state_name(const struct vm *vm);

/* qmp-nbd.c: ends the NBD server if there is one. */
#if IS_ENABLED(CONFIG_BLOCK_NBD)
void vm_nbd_stop(struct vm *vm);
#else
static inline void vm_nbd_stop(struct vm *vm) { (void)vm; }
#endif

#if IS_ENABLED(CONFIG_MIGRATION)
/*
 * migrate.c. Starts saving to uri beside the main thread, with the machine
 * stopped; vm_migrate_wait() runs the loop until it is over.
 */
int  vm_migrate(struct vm *vm, const char *uri, struct err *err);
int  vm_migrate_wait(struct vm *vm, struct err *err);
/* -incoming URI (or "defer"), migrate-incoming. Files and commands are read at once, sockets when somebody connects. */
int  vm_incoming(struct vm *vm, const char *uri, struct err *err);
/* What must be the same where a state is loaded; "_running" is only told. For mig_save(); NULL: out of memory. */
struct json *vm_migrate_config(struct vm *vm, bool running);
/* `info migrate` */
void vm_migrate_info(struct vm *vm, struct strbuf *out);
void vm_migrate_stop(struct vm *vm);
#else
static inline int vm_migrate(struct vm *vm, const char *uri, struct err *err)
{
	(void)vm, (void)uri;
	return err_set(err, ENOTSUP, "saving and loading of machines is not built in");
}
static inline int vm_incoming(struct vm *vm, const char *uri, struct err *err) { return vm_migrate(vm, uri, err); }
static inline int vm_migrate_wait(struct vm *vm, struct err *err) { return vm_migrate(vm, "", err); }
static inline void vm_migrate_info(struct vm *vm, struct strbuf *out) { (void)vm, (void)out; }
static inline void vm_migrate_stop(struct vm *vm) { (void)vm; }
#endif

/* qmp.c, hmp.c, qtest.c, gdb.c: each serves one character backend. */
int  qmp_start(struct vm *vm, struct chardev *chr, struct err *err);
void qmp_stop_all(struct vm *vm);
int  hmp_start(struct vm *vm, struct chardev *chr, struct err *err);
void hmp_stop_all(struct vm *vm);
/* Runs one line as the monitor does; its output is appended to out. */
void hmp_run(struct vm *vm, const char *line, int cpu, struct strbuf *out);
int  qtest_start(struct vm *vm, struct chardev *chr, struct err *err);
void qtest_stop(struct vm *vm);

#endif
