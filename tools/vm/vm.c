// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The applet vm, also called as qemu-system-x86_64: option table and the way
 * from the command line to a running machine and back. Names and meanings of
 * options are QEMU's; what we lack is no entry here, hence an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "applet.h"
#include "curses.h"
#include "job.h"
#include "log.h"
#include "mem.h"
#include "qopts.h"
#include "gdb.h"
#include "snapshot.h"

#define A struct vm_args
static const struct opt vm_opts[] = {
	OPT_GROUP("Machine"),
	OPT_STR(0, "machine", "TYPE[,PROP=VALUE...]", A, machine, "machine type (help lists them); accel=, hpet=on|off, pflash0=NODE, memory-backend=ID, unpack-kernel=on|off; microvm: pit=, pic=, rtc=, isa-serial=, auto-kernel-cmdline=on|off"),
	OPT_STR('M', NULL, "TYPE", A, machine, "same as -machine"),
	OPT_STR(0, "cpu", "MODEL[,+F,-F]", A, cpu, "processor model (help lists them)"),
	OPT_LIST(0, "accel", "NAME", A, accel, "jit (or tcg): translator, the default, tb-size=MIB, verify=on|off; interp: interpreter; both: thread=single|multi; qtest: no processor, clock by hand"),
	OPT_STR(0, "smp", "N[,sockets=S][,dies=D][,cores=C][,threads=T]", A, smp, "number of processors, and how they are grouped"),
	OPT_STR('m', NULL, "SIZE", A, mem, "memory, in MiB unless it has a suffix [128M]"),
	OPT_LIST(0, "numa", "node|dist|cpu,...", A, numa, "node[,nodeid=N][,cpus=A[-B]]...,memdev=ID|mem=SIZE; dist,src=N,dst=N,val=D; cpu,node-id=N[,socket-id=S][,core-id=C][,thread-id=T]"),
	OPT_STR(0, "name", "NAME[,process=NAME][,debug-threads=on|off]", A, name, "name of the machine, and of the process; threads always have names"),
	OPT_STR(0, "mem-path", "FILE", A, mem_path, "the memory lies in that file, or in a file in that folder"),
	OPT_FLAG(0, "mem-prealloc", A, mem_prealloc, "the host gives all of the memory at the start"),
	OPT_LIST(0, "overcommit", "mem-lock=on|off", A, overcommit, "mem-lock=on: the memory of the program is never swapped out"),
	OPT_STR(0, "uuid", "UUID", A, uuid, "UUID of the machine"),
	OPT_STR(0, "rtc", "base=utc|localtime|DATE", A, rtc, "time of the real-time clock; clock=host|rt|vm: what it goes by [host; vm with -accel qtest]; driftfix=none: its ticks may be lost (default: slew)"),
	OPT_FLAG(0, "no-hpet", A, no_hpet, "leave out the HPET"),
	OPT_FLAG(0, "no-acpi", A, no_acpi, "leave out the ACPI tables"),
	OPT_LIST(0, "smbios", "file=F|type=N,FIELD=TEXT...", A, smbios, "structures of a file, or fields of types 0, 1, 2, 3, 4, 11, 17 and 41 in the SMBIOS tables"),
	OPT_GROUP("Boot"),
	OPT_STR(0, "kernel", "FILE", A, kernel, "Linux bzImage, PVH or multiboot ELF kernel"),
	OPT_STR(0, "initrd", "FILE", A, initrd, "initial RAM disk"),
	OPT_STR(0, "append", "TEXT", A, append, "kernel command line"),
	OPT_STR(0, "bios", "FILE", A, bios, "firmware image [bios-256k.bin]"),
	OPT_STR(0, "boot", "ORDER,menu=on|off,...", A, boot, "boot order of letters a c d n; once=ORDER: until the first reset; menu=, strict=, splash-time=MS, reboot-timeout=MS|-1"),
	OPT_LIST(0, "fw_cfg", "name=opt/NAME,file=F|string=TEXT", A, fw_cfg, "item of the firmware configuration device for the guest"),
	OPT_GROUP("Devices"),
	OPT_LIST(0, "device", "NAME[,PROP=VALUE...]", A, device, "add a device (help lists them; NAME,help its properties)"),
	OPT_STR(0, "hda", "FILE", A, hd[0], "disk image in the first SATA port"),
	OPT_STR(0, "hdb", "FILE", A, hd[1], "in the second"),
	OPT_STR(0, "hdc", "FILE", A, hd[2], "in the third"),
	OPT_STR(0, "hdd", "FILE", A, hd[3], "in the fourth"),
	OPT_STR(0, "cdrom", "FILE", A, cdrom, "CD image in the third SATA port"),
	OPT_LIST(0, "object", "TYPE,id=ID[,PROP=VALUE...]", A, object, "object for devices: iothread, rng-random, rng-builtin, secret, throttle-group, memory-backend-ram|file|memfd"),
	OPT_LIST(0, "drive", "file=F[,if=virtio|ide|pflash|none][,format=FMT][,...]", A, drive, "disk image; if=virtio and ide make the device too, if=pflash a flash chip; throttling.iops-total=N and its like limit it"),
	OPT_LIST(0, "blockdev", "DRIVER,node-name=N,...", A, blockdev, "block node for -device ...,drive=N"),
	OPT_LIST(0, "netdev", "TYPE,id=ID[,...]", A, netdev, "network backend for -device ...,netdev=ID (help lists them)"),
	OPT_LIST(0, "nic", "TYPE[,model=M][,mac=A][,...]", A, nic, "network backend and its card; none: neither"),
	OPT_LIST(0, "net", "nic|user|tap|socket|none[,...]", A, net, "the older form: cards and backends in pairs"),
	OPT_LIST(0, "global", "NAME.PROP=VALUE", A, global, "default of a device's property, of the board's devices too; or driver=N,property=P,value=V"),
	OPT_FLAG(0, "nodefaults", A, nodefaults, "no default devices"),
	OPT_FLAG(0, "no-user-config", A, no_user_config, "no user configuration is ever read; accepted for scripts"),
	OPT_STR(0, "vga", "std|none", A, vga, "display adapter [std]"),
	OPT_STR(0, "display", "curses|none", A, display, "curses: the text screen on this terminal (Alt-2: monitor)"),
	OPT_FLAG(0, "nographic", A, nographic, "serial port and monitor on the terminal (the default)"),
	OPT_GROUP("Character devices"),
	OPT_LIST(0, "chardev", "BACKEND,id=ID[,...]", A, chardev, "stdio, file, pipe, pty, socket, ringbuf, null, mux, fd"),
	OPT_LIST(0, "serial", "DEV", A, serial, "serial port: stdio, mon:stdio, file:F, pipe:F, pty, unix:F, tcp:H:P, null, none, chardev:ID"),
	OPT_LIST(0, "monitor", "DEV", A, monitor, "human monitor"),
	OPT_LIST(0, "qmp", "DEV", A, qmp, "QMP server"),
	OPT_LIST(0, "mon", "[chardev=]ID[,mode=readline|control]", A, mon, "human monitor (readline) or QMP server (control) on a -chardev"),
	OPT_LIST(0, "parallel", "none", A, parallel, "there is no parallel port: none is all that it takes"),
	OPT_LIST(0, "debugcon", "DEV", A, debugcon, "debug console at port 0xe9"),
	OPT_GROUP("Running"),
	OPT_FLAG('S', NULL, A, stopped, "do not start; wait for cont"),
	OPT_FLAG(0, "no-reboot", A, no_reboot, "a reset of the guest ends the program"),
	OPT_FLAG(0, "no-shutdown", A, no_shutdown, "a power-off of the guest stops the machine only"),
	OPT_LIST(0, "action", "EVENT=ACTION,...", A, action, "reboot=reset|shutdown, shutdown=poweroff|pause, panic=shutdown|pause|exit-failure|none"),
	OPT_FLAG(0, "daemonize", A, daemonize, "go into the background when the machine is built"),
	OPT_STR(0, "incoming", "URI", A, incoming, "go on from a saved machine: file:PATH, exec:COMMAND, fd:N, unix:PATH, tcp:HOST:PORT; defer: wait for migrate-incoming"),
	OPT_STR(0, "loadvm", "TAG", A, loadvm, "begin with a snapshot of the machine (savevm) in its disks"),
	OPT_STR(0, "pidfile", "FILE", A, pidfile, "write the process id there"),
	OPT_GROUP("Debugging"),
	OPT_STR('d', NULL, "ITEM,...", A, debug_items, "log items: int, mmu, pio, mmio, pci, ..."),
	OPT_STR('D', NULL, "FILE", A, debug_file, "log into a file"),
	OPT_STR(0, "gdb", "DEV", A, gdb, "gdb server: tcp::PORT, unix:PATH, stdio, ..."),
	OPT_FLAG('s', NULL, A, gdb_default, "short for -gdb tcp::1234"),
	OPT_STR(0, "qtest", "DEV", A, qtest, "qtest server"),
	OPT_STR(0, "qtest-log", "none", A, qtest_log, "log of the qtest protocol (accepted: none, /dev/null)"),
	OPT_END
};

static int vm_run(void *args, const struct opt_call *call);

static const struct opt_section vm_sections[] = {
	{ "EXIT STATUS",
	  "0\t-- the guest powered off, or the monitor's quit\n"
	  "1\t-- an error: one line says which\n"
	  "N\t-- the guest wrote to isa-debug-exit: (V << 1) | 1" },
	{ "EXAMPLES",
	  "\tvm -kernel vmlinuz -initrd initrd.img -append console=ttyS0 -m 512M -smp 2\n"
	  "C-a x leaves, C-a c switches to the monitor." },
	{ NULL, NULL },
};

static const struct opt_cmd vm_cmd = {
	.name = "vm", .summary = "run a PC", .opts = vm_opts, .sections = vm_sections, .flags = OPT_CMD_QEMU,
	.usage_status = 1, .args_size = sizeof(A), .run = vm_run,
};

static const char *const vm_aliases[] = { "qemu-system-x86_64", NULL };
static const struct applet vm_applet = { .cmd = &vm_cmd, .aliases = vm_aliases };
APPLET(vm_applet);

/* ---- signals ---- */

static void on_fatal(int sig)
{
	chardev_terminal_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_signal(struct loop_fd *h, u32 events)
{
	struct signalfd_siginfo si;

	(void)events;
	if (read(h->fd, &si, sizeof(si)) != sizeof(si))
		return;
	vm_event(h->opaque, "SHUTDOWN", "{\"guest\": false, \"reason\": \"host-signal\"}");
	fprintf(stderr, "vmbox: terminating on signal %u from pid %u\n", si.ssi_signo, si.ssi_pid);
	vm_quit(h->opaque, 0);
}

/* Signals that end the program come through the loop; crashes restore the terminal first. */
static int catch_signals(struct vm *vm, struct err *err)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
	sigset_t set;
	size_t i;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ARRAY_SIZE(fatal); i++)
		signal(fatal[i], on_fatal);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0 || loop_fd_add(vm->loop, &vm->signals, fd, EPOLLIN, on_signal, vm, "signal", "vm") < 0)
		return err_errno(err, errno, "cannot watch signals");
	return 0;
}

/* ---- background ---- */

/*
 * Forks before anything has threads: the parent waits for one byte, which
 * says that the machine is built, and leaves with its status.
 */
static int go_background(int *ready, struct err *err)
{
	int p[2];
	char c = 1;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return err_errno(err, errno, "cannot go into the background");
	if (pid > 0) {
		close(p[1]);
		_exit(read(p[0], &c, 1) == 1 ? c : 1);
	}
	close(p[0]);
	setsid();
	*ready = p[1];
	return 0;
}

static void tell_parent(int ready)
{
	char ok = 0;
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		if (null > 2)
			close(null);
	}
	if (write(ready, &ok, 1) != 1)
		_exit(1);
	close(ready);
}

static int write_pidfile(const char *path, struct err *err)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return err_errno(err, errno, "cannot create the pid file '%s'", path);
	fprintf(f, "%d\n", (int)getpid());
	return fclose(f) ? err_errno(err, errno, "cannot write the pid file '%s'", path) : 0;
}

/* ---- the machine's events ---- */

static void on_shutdown(void *ctx, bool by_guest, int code)
{
	struct vm *vm = ctx;

	vm_event(vm, "SHUTDOWN", by_guest ? "{\"guest\": true, \"reason\": \"guest-shutdown\"}"
					  : "{\"guest\": false, \"reason\": \"host-qmp-quit\"}");
	if (vm->no_shutdown && !code) {
		pc_stop(vm->pc, RUN_SHUTDOWN);
		vm_stopped(vm, NULL);
	} else {
		vm_quit(vm, code);
	}
}

static bool on_reset(void *ctx, bool by_guest)
{
	struct vm *vm = ctx;

	if (vm->no_reboot) {
		vm_event(vm, "SHUTDOWN", "{\"guest\": true, \"reason\": \"guest-reset\"}");
		vm_quit(vm, 0);
		return false;
	}
	vm_event(vm, "RESET", by_guest ? "{\"guest\": true, \"reason\": \"guest-reset\"}"
				       : "{\"guest\": false, \"reason\": \"host-qmp-system-reset\"}");
	return true;
}

static void on_stopped(void *ctx, enum run_state why)
{
	(void)why;
	vm_stopped(ctx, NULL);
}

static void on_debug(void *ctx, struct x86_cpu *cpu)
{
	vm_stopped(ctx, cpu);
}

/* The machine has been stopped. */
static void on_panicked(void *ctx)
{
	struct vm *vm = ctx;
	bool pause = vm->panic == VM_PANIC_PAUSE || (vm->panic == VM_PANIC_SHUTDOWN && vm->no_shutdown);

	if (vm->panic == VM_PANIC_NONE) {
		vm_event(vm, "GUEST_PANICKED", "{\"action\": \"run\"}");
		pc_cont(vm->pc);
		return;
	}
	vm_event(vm, "GUEST_PANICKED", pause ? "{\"action\": \"pause\"}" : "{\"action\": \"poweroff\"}");
	vm_stopped(vm, NULL);
	if (pause)
		return;
	vm_event(vm, "SHUTDOWN", "{\"guest\": true, \"reason\": \"guest-panic\"}");
	vm_quit(vm, vm->panic == VM_PANIC_EXIT_FAILURE);
}

static void on_event(void *ctx, const char *name, const char *data_json)
{
	vm_event(ctx, name, data_json);
}

static const struct pc_events events = {
	.shutdown = on_shutdown, .reset = on_reset, .stopped = on_stopped, .panicked = on_panicked, .event = on_event,
	.debug = on_debug,
};

static void on_mux_quit(void *opaque)
{
	vm_quit(opaque, 0);
}

/* ---- run ---- */

static int build(struct vm *vm, struct err *err)
{
	struct loop_params lp = { .name = "main" };

	vm->loop = loop_create(&lp, err);
	if (!vm->loop || catch_signals(vm, err) < 0)
		return -err->code;
	vm->chardevs = chardevs_new(vm->loop);
	if (!vm->chardevs)
		return err_set(err, ENOMEM, "out of memory");
	chardevs_on_quit(vm->chardevs, on_mux_quit, vm);
	vm->pc = pc_create(&vm->cfg, vm->loop, &events, vm, err);
	if (!vm->pc)
		return -err->code;
	vm->m = pc_machine(vm->pc);
	machine_service_add(vm->m, "chardevs", vm->chardevs);
	machine_service_add(vm->m, "drives", &vm->drives);
	vm->netdevs.loop = vm->loop;
	vm->netdevs.m = vm->m;
	machine_service_add(vm->m, "netdevs", &vm->netdevs);
	vm->drives.default_if = vm->microvm ? DRIVE_IF_VIRTIO : DRIVE_IF_IDE;
	if (drives_init(&vm->drives) < 0 || drives_clock_start(&vm->drives, vm->m) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (vm_create_chardevs(vm, err) < 0 || vm_create_netdevs(vm, err) < 0 || vm_create_devices(vm, err) < 0)
		return -err->code;
	vm_check_globals(vm);
	if (pc_start(vm->pc, err) < 0 || vm_add_fw_cfg(vm, err) < 0)
		return -err->code;
	vm->started = true;
	if (vm->args->gdb_default && gdb_start(vm, "tcp::1234", err) < 0)
		return -err->code;
	if (vm->args->gdb && gdb_start(vm, vm->args->gdb, err) < 0)
		return -err->code;
	return vm->display == VM_DISPLAY_CURSES ? vm_curses_start(vm, err) : 0;
}

static void destroy(struct vm *vm)
{
	vm_migrate_stop(vm);
	vm_jobs_free(vm);
	vm_nbd_stop(vm);
	gdb_stop(vm);
	vm_curses_stop(vm);
	qtest_stop(vm);
	qmp_stop_all(vm);
	hmp_stop_all(vm);
	drives_clock_stop(&vm->drives);
	pc_free(vm->pc);
	netdevs_free(&vm->netdevs);
	drives_free(&vm->drives);
	mem_free(vm->boot_order);
	mem_free(vm->boot_once);
	mem_free(vm->name);
	mem_free(vm->ram_backend);
	mem_free(vm->ram_path);
	mem_free(vm->machine_flash[0]);
	mem_free(vm->machine_flash[1]);
	chardevs_free(vm->chardevs);
	if (vm->signals.loop) {
		int fd = vm->signals.fd;

		loop_fd_del(&vm->signals);
		close(fd);
	}
	loop_destroy(vm->loop);
}

static int vm_run(void *args, const struct opt_call *call)
{
	struct vm vm = { .args = args, .program = call->program };
	static const struct vm_snapshot_disks all_disks = { .names = NULL };
	struct err err = ERR_INIT;
	int code = 1, ready = -1;

	if (vm_help(&vm))
		return 0;
	if (vm_parse(&vm, &err) < 0)
		goto out;
	if (vm.args->daemonize && go_background(&ready, &err) < 0)
		goto out;
	if (build(&vm, &err) < 0)
		goto out_destroy;
	if (vm.args->pidfile && write_pidfile(vm.args->pidfile, &err) < 0)
		goto out_destroy;
	if (ready >= 0)
		tell_parent(ready);
	vm.autostart = !vm.args->stopped;
	if (vm.args->loadvm && vm_snapshot_load(&vm, vm.args->loadvm, &all_disks, &err) < 0)
		goto out_destroy;
	if (vm.args->incoming) {
		if (vm_incoming(&vm, vm.args->incoming, &err) < 0)
			goto out_destroy;
	} else if (vm.autostart) {
		vm_cont(&vm);
	}
	code = loop_run(vm.loop);
out_destroy:
	destroy(&vm);
	if (vm.args->pidfile)
		unlink(vm.args->pidfile);
out:
	vm_free_globals(&vm);
	vm_free_smbios(&vm);
	mem_free(vm.numa);
	if (err_is_set(&err))
		err_report(&err);
	return code;
}
