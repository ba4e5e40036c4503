// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line's texts to a machine configuration, and the various help
 * lists. No machine exists yet.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include "dev/hostmem.h"
#include "log.h"
#include "qopts.h"
#include "str.h"
#include "vm.h"
#include "x86/jit.h"

#define DEFAULT_RAM	(128 * MiB)
#define RAM_MAX		(4 * TiB)

/* ---- help ---- */

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
}

static const char *category_of(const struct device_class *c)
{
	return c->category ? c->category : "Misc";
}

static void list_devices(void)
{
	static const char *const cats[] = { "Bridge", "Storage", "Network", "Input", "Display", "Misc" };
	const struct device_class *c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cats); i++) {
		bool head = false;

		REGISTRY_FOREACH(device, c) {
			if (c->internal || !str_eq(category_of(c), cats[i]))
				continue;
			if (!head)
				printf("%s%s devices:\n", i ? "\n" : "", cats[i]);
			head = true;
			printf("name \"%s\"", c->name);
			if (c->bus)
				printf(", bus %s", c->bus);
			if (c->alias)
				printf(", alias \"%s\"", c->alias);
			printf(", desc \"%s\"\n", c->desc);
		}
	}
}

static void list_props(const struct prop *p)
{
	for (; p && p->name; p++)
		printf("  %s=<%s>%*s - %s\n", p->name, device_prop_type_name(p),
		       (int)(24 - MIN(strlen(p->name) + strlen(device_prop_type_name(p)), (size_t)24)), "", p->help);
}

int vm_device_help(const char *name, struct err *err)
{
	const struct device_class *c = device_class_find(name);

	if (!c || c->internal)
		return err_set(err, ENOENT, "-device: '%s' is not a valid device model name", name);
	printf("%s options:\n", c->name);
	list_props(c->props);
	list_props(c->bus_props);
	return 0;
}

static bool wants_help(const char *s)
{
	return s && (str_eq(s, "help") || str_eq(s, "?"));
}

static bool device_help(const struct opt_list *list)
{
	struct err err = ERR_INIT;
	size_t i;

	for (i = 0; i < list->n; i++) {
		const char *s = list->v[i].val, *comma = strchr(s, ',');
		char name[64];

		if (wants_help(s)) {
			list_devices();
			return true;
		}
		if (comma && wants_help(comma + 1)) {
			snprintf(name, sizeof(name), "%.*s", (int)(comma - s), s);
			if (vm_device_help(name, &err) < 0)
				err_report(&err);
			return true;
		}
	}
	return false;
}

bool vm_help(struct vm *vm)
{
	struct vm_args *a = vm->args;

	if (wants_help(a->machine)) {
		puts("Supported machines are:");
		if (pc_has_microvm())
			puts("microvm              microvm (i386)");
		puts("q35                  Standard PC (Q35 + ICH9) (default)");
		return true;
	}
	if (wants_help(a->cpu)) {
		puts("Available CPUs:");
		x86_cpu_model_list(print_line, NULL);
		return true;
	}
	if (a->accel.n && wants_help(a->accel.v[0].val)) {
		printf("Accelerators supported in this binary:\n%sinterp\nqtest\n", x86_jit_built() ? "jit\ntcg\n" : "");
		return true;
	}
	if (wants_help(a->debug_items)) {
		const struct log_item_name *n;

		for (n = log_items; n->name; n++)
			printf("%-15s %s\n", n->name, n->help);
		return true;
	}
	return device_help(&a->device) || vm_netdev_help(&a->netdev);
}

/* ---- values ---- */

static int parse_accel(struct vm *vm, const char *name, struct err *err)
{
	if (str_eq(name, "interp")) {
		vm->accel = VM_ACCEL_INTERP;
		return 0;
	}
	if (str_eq(name, "qtest")) {
		vm->accel = VM_ACCEL_QTEST;
		return 0;
	}
	if (str_eq(name, "jit") || str_eq(name, "tcg")) {
		vm->accel = VM_ACCEL_JIT;
		return 0;
	}
	return err_set(err, EINVAL, "-accel: invalid accelerator '%s' (jit, interp, tcg, qtest)", name);
}

static int parse_accel_opt(struct vm *vm, const char *text, struct err *err)
{
	struct qopts *q = qopts_parse("-accel", text, "accel", err);
	const char *name = NULL, *thread = NULL;
	bool verify = false;
	u64 size = 0;

	if (!q)
		return -err->code;
	qopts_str(q, "accel", &name, err);
	qopts_str(q, "thread", &thread, err);
	qopts_u64(q, "tb-size", 0, X86_JIT_CACHE_MAX / MiB, &size, err);
	qopts_bool(q, "verify", &verify, err);
	if (qopts_done(q, err) == 0) {
		if (!name)
			err_set(err, EINVAL, "-accel: no accelerator named");
		else
			parse_accel(vm, name, err);
		if (thread && !str_eq(thread, "multi") && !str_eq(thread, "single") && !err_is_set(err))
			err_set(err, EINVAL, "-accel: thread=%s: 'single' or 'multi' is possible", thread);
		if (verify && vm->accel != VM_ACCEL_JIT && !err_is_set(err))
			err_set(err, EINVAL, "-accel: verify=on compares generated code: only with jit");
		vm->cfg.jit_verify = verify;
		vm->cfg.jit_cache_bytes = size * MiB;
		/* what is compared must not change under it */
		vm->cfg.one_at_a_time = verify || (thread && str_eq(thread, "single"));
	}
	qopts_free(q);
	return -err->code;
}

/* A copy that outlives its option. */
static int set_text(char **to, const char *text)
{
	*to = text ? str_dup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

/* Those of microvm, where "auto" is the same as on, and those that we know but lack. */
static void microvm_options(struct vm *vm, struct qopts *q, struct err *err)
{
	static const char *const states[] = { "off", "on", "auto", NULL };
	int pit = 2, pic = 2, rtc = 2, pcie = 0, ioapic2 = 0;
	bool serial = true, line = true, roms = true;

	qopts_enum(q, "pit", states, &pit, err);
	qopts_enum(q, "pic", states, &pic, err);
	qopts_enum(q, "rtc", states, &rtc, err);
	qopts_enum(q, "pcie", states, &pcie, err);
	qopts_enum(q, "ioapic2", states, &ioapic2, err);
	qopts_bool(q, "isa-serial", &serial, err);
	qopts_bool(q, "auto-kernel-cmdline", &line, err);
	qopts_bool(q, "x-option-roms", &roms, err);	/* of a firmware that is not there */
	if (pcie == 1 || ioapic2 == 1)
		err_set(err, ENOTSUP, "-machine microvm: pcie=on and ioapic2=on are not supported");
	vm->cfg.no_pit = !pit;
	vm->cfg.no_pic = !pic;
	vm->cfg.no_rtc = !rtc;
	vm->no_isa_serial = !serial;
	vm->cfg.no_auto_cmdline = !line;
}

static void machine_type(struct vm *vm, const char *type, struct err *err)
{
	vm->microvm = str_eq(type, "microvm");
	if (!vm->microvm && !str_eq(type, "q35") && !str_eq(type, "pc-q35"))
		err_set(err, EINVAL, "-machine: unsupported machine type '%s'; use -machine help to list them", type);
	vm->cfg.board = vm->microvm ? "microvm" : "q35";
}

static int parse_machine(struct vm *vm, struct err *err)
{
	struct qopts *q;
	const char *type = "q35", *accel = NULL, *smm = NULL, *vmport = NULL, *backend = NULL, *flash[2] = { NULL };
	bool hpet = true, acpi = true, usb = false, graphics = true, i8042 = true, dump = true;

	if (!vm->args->machine) {
		vm->cfg.board = "q35";
		return 0;
	}
	q = qopts_parse("-machine", vm->args->machine, "type", err);
	if (!q)
		return -err->code;
	qopts_str(q, "type", &type, err);
	machine_type(vm, type, err);
	if (vm->microvm)
		microvm_options(vm, q, err);
	qopts_str(q, "accel", &accel, err);
	qopts_bool(q, "hpet", &hpet, err);
	qopts_bool(q, "acpi", &acpi, err);
	qopts_bool(q, "usb", &usb, err);
	qopts_bool(q, "graphics", &graphics, err);
	qopts_bool(q, "i8042", &i8042, err);
	qopts_bool(q, "unpack-kernel", &vm->cfg.unpack_kernel, err);
	qopts_bool(q, "dump-guest-core", &dump, err);
	qopts_str(q, "smm", &smm, err);
	qopts_str(q, "vmport", &vmport, err);
	qopts_str(q, "memory-backend", &backend, err);
	qopts_str(q, "pflash0", &flash[0], err);
	qopts_str(q, "pflash1", &flash[1], err);
	if (qopts_done(q, err) == 0) {
		if (usb || (smm && str_eq(smm, "on")) || (vmport && str_eq(vmport, "on")) || !i8042)
			err_set(err, ENOTSUP, "-machine: usb=on, smm=on, vmport=on and i8042=off are not supported");
		vm->cfg.no_hpet = !hpet;
		vm->cfg.no_acpi = !acpi;
		if (set_text(&vm->machine_flash[0], flash[0]) < 0 || set_text(&vm->machine_flash[1], flash[1]) < 0 ||
		    set_text(&vm->ram_backend, backend) < 0)
			err_set(err, ENOMEM, "out of memory");
		if (accel && !err_is_set(err))
			parse_accel(vm, accel, err);
	}
	qopts_free(q);
	return -err->code;
}

static int take_order(char **to, const char *order, struct err *err)
{
	if (order && pc_boot_order_check(order, err) < 0)
		return -err->code;
	return set_text(to, order) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int parse_boot(struct vm *vm, struct err *err)
{
	struct qopts *q;
	const char *order = NULL, *once = NULL;
	struct pc_config *c = &vm->cfg;
	s64 timeout = -1;
	u64 splash = 0;

	c->reboot_timeout_ms = -1;
	if (!vm->args->boot)
		return 0;
	q = qopts_parse("-boot", vm->args->boot, "order", err);
	if (!q)
		return -err->code;
	qopts_str(q, "order", &order, err);
	qopts_str(q, "once", &once, err);
	qopts_bool(q, "menu", &c->boot_menu, err);
	qopts_bool(q, "strict", &c->boot_strict, err);
	c->has_boot_splash_ms = qopts_u64(q, "splash-time", 0, 65535, &splash, err) > 0;
	qopts_s64(q, "reboot-timeout", -1, 65535, &timeout, err);
	if (qopts_done(q, err) == 0 && take_order(&vm->boot_order, order, err) == 0)
		take_order(&vm->boot_once, once, err);
	c->boot_order = vm->boot_order;
	c->boot_once = vm->boot_once;
	c->boot_splash_ms = (unsigned)splash;
	c->reboot_timeout_ms = (int)timeout;
	qopts_free(q);
	return -err->code;
}

/* What is not said follows from the rest; cores before sockets (QEMU since 6.2). 0: not said. */
static int complete_smp(struct vm *vm, u64 cpus, u64 max, u64 sockets, u64 dies, u64 cores, u64 threads, struct err *err)
{
	u64 total;

	max = max ? max : cpus;
	if (max && !cores)
		cores = max / ((sockets ? sockets : 1) * dies * (threads ? threads : 1));
	else if (max && !sockets)
		sockets = max / (dies * cores * (threads ? threads : 1));
	sockets = sockets ? sockets : 1;
	cores = cores ? cores : 1;
	if (!threads)
		threads = max ? MAX(max / (sockets * dies * cores), 1ULL) : 1;
	total = sockets * dies * cores * threads;
	max = max ? max : total;
	cpus = cpus ? cpus : max;
	vm->cfg.topology = (struct x86_topology){ (unsigned)dies, (unsigned)cores, (unsigned)threads };
	vm->cfg.cpus = vm->cfg.max_cpus = (unsigned)cpus;
	if (total != max)
		return err_set(err, EINVAL, "-smp: Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (%llu) * "
			       "dies (%llu) * cores (%llu) * threads (%llu) != maxcpus (%llu)", sockets, dies, cores, threads, max);
	if (max < cpus)
		return err_set(err, EINVAL, "-smp: Invalid CPU topology: maxcpus must be equal to or greater than smp: "
			       "maxcpus (%llu) < smp_cpus (%llu)", max, cpus);
	if (max != cpus)
		return err_set(err, ENOTSUP, "-smp: processors cannot be added later: maxcpus must be %llu", cpus);
	if (cpus > X86_CPUS_MAX)
		return err_set(err, EINVAL, "-smp: at most %u processors", X86_CPUS_MAX);
	if (x86_topology_apic_id(&vm->cfg.topology, (unsigned)cpus - 1) >= X86_APIC_IDS)
		return err_set(err, ENOTSUP, "-smp: grouped like this the last processor would have APIC id %u; ids end at %u",
			       x86_topology_apic_id(&vm->cfg.topology, (unsigned)cpus - 1), X86_APIC_IDS - 1);
	return 0;
}

static int parse_smp(struct vm *vm, struct err *err)
{
	u64 cpus = 0, max = 0, sockets = 0, cores = 0, threads = 0, dies = 1;
	struct qopts *q;

	vm->cfg.cpus = vm->cfg.max_cpus = 1;
	vm->cfg.topology = (struct x86_topology){ 1, 1, 1 };
	if (!vm->args->smp)
		return 0;
	q = qopts_parse("-smp", vm->args->smp, "cpus", err);
	if (!q)
		return -err->code;
	qopts_u64(q, "cpus", 1, X86_CPUS_MAX, &cpus, err);
	qopts_u64(q, "maxcpus", 1, X86_CPUS_MAX, &max, err);
	qopts_u64(q, "sockets", 1, X86_CPUS_MAX, &sockets, err);
	qopts_u64(q, "dies", 1, X86_CPUS_MAX, &dies, err);
	qopts_u64(q, "cores", 1, X86_CPUS_MAX, &cores, err);
	qopts_u64(q, "threads", 1, X86_CPUS_MAX, &threads, err);
	if (qopts_done(q, err) == 0)
		complete_smp(vm, cpus, max, sockets, dies, cores, threads, err);
	qopts_free(q);
	return -err->code;
}

static int parse_mem(struct vm *vm, struct err *err)
{
	struct qopts *q;

	vm->cfg.ram_size = DEFAULT_RAM;
	if (!vm->args->mem)
		return 0;
	q = qopts_parse("-m", vm->args->mem, "size", err);
	if (!q)
		return -err->code;
	qopts_size_in(q, "size", 'm', &vm->cfg.ram_size, err);
	if (qopts_done(q, err) == 0 && (vm->cfg.ram_size < MiB || vm->cfg.ram_size > RAM_MAX))
		err_set(err, EINVAL, "-m: the size must lie between 1M and 4T");
	vm->cfg.ram_size = ALIGN_UP(vm->cfg.ram_size, 8192);
	qopts_free(q);
	return -err->code;
}

/* The object that is to be the memory: 1 when text describes it. */
static int take_backend(struct vm *vm, const char *text, struct err *err)
{
	struct qopts *q = qopts_parse("-object", text, "qom-type", err);
	const char *type = NULL, *id = NULL;
	struct hostmem_conf c;
	int ret = 0;

	if (!q)
		return -err->code;
	qopts_str(q, "qom-type", &type, err);
	qopts_str(q, "id", &id, err);
	if (err_is_set(err) || !type || !id || !str_eq(id, vm->ram_backend))
		goto out;
	if (!hostmem_is_type(type)) {
		err_set(err, EINVAL, "-machine: object '%s' is no memory backend", id);
	} else if (hostmem_conf_read(type, q, &c, err) == 0) {
		if (vm->args->mem && c.size != vm->cfg.ram_size)
			err_set(err, EINVAL, "Machine memory size does not match the size of the memory backend");
		else if (c.size < MiB || c.size > RAM_MAX || c.size % 4096)
			err_set(err, EINVAL, "the size of memory backend '%s' must be whole pages between 1M and 4T", id);
		else if (set_text(&vm->ram_path, c.path) < 0)
			err_set(err, ENOMEM, "out of memory");
		vm->cfg.ram_size = c.size;
		vm->cfg.ram_share = c.share;
		vm->cfg.ram_prealloc = c.prealloc;
		ret = 1;
	}
out:
	qopts_free(q);
	return err_is_set(err) ? -err->code : ret;
}

static int find_backend(struct vm *vm, struct err *err)
{
	const struct opt_list *list = &vm->args->object;
	size_t i;
	int ret = 0;

	for (i = 0; vm->ram_backend && i < list->n && !ret; i++)
		ret = take_backend(vm, list->v[i].val, err);
	if (ret < 0)
		return ret;
	if (vm->ram_backend && !ret)
		return err_set(err, ENOENT, "memory backend '%s' not found", vm->ram_backend);
	vm->cfg.ram_backend = vm->ram_backend;
	vm->cfg.ram_path = vm->ram_path;
	return 0;
}

static int rtc_clock(const char *name, enum rtc_clock *clk)
{
	static const char *const names[] = { [RTC_CLOCK_HOST] = "host", [RTC_CLOCK_RT] = "rt", [RTC_CLOCK_VM] = "vm", NULL };
	int i = str_to_index(name, names);

	if (i >= 0)
		*clk = (enum rtc_clock)i;
	return i;
}

/* base=utc|localtime|2026-01-02T03:04:05 */
static int parse_rtc(struct vm *vm, struct err *err)
{
	const char *base = "utc", *clk = NULL, *drift = NULL;
	struct qopts *q;
	struct tm tm = { 0 };
	time_t now = time(NULL);

	if (!vm->args->rtc)
		return 0;
	q = qopts_parse("-rtc", vm->args->rtc, "base", err);
	if (!q)
		return -err->code;
	qopts_str(q, "base", &base, err);
	qopts_str(q, "clock", &clk, err);
	qopts_str(q, "driftfix", &drift, err);
	if (qopts_done(q, err) == 0) {
		if (str_eq(base, "localtime")) {
			localtime_r(&now, &tm);
			vm->cfg.rtc_offset_s = timegm(&tm) - now;
		} else if (!str_eq(base, "utc")) {
			const char *end = strptime(base, "%Y-%m-%dT%H:%M:%S", &tm);

			if (!end)
				end = strptime(base, "%Y-%m-%d", &tm);
			if (!end || *end)
				err_set(err, EINVAL, "-rtc: base=%s: expected utc, localtime or a date such as 2026-06-17T16:01:21", base);
			else
				vm->cfg.rtc_offset_s = timegm(&tm) - now;
		}
		if (drift && !str_eq(drift, "slew") && !str_eq(drift, "none"))
			err_set(err, EINVAL, "-rtc: driftfix=%s: expected slew or none", drift);
		vm->cfg.rtc_discard = drift && str_eq(drift, "none");
		vm->rtc_clock_given = clk != NULL;
		if (clk && rtc_clock(clk, &vm->cfg.rtc_clock) < 0)
			err_set(err, EINVAL, "-rtc: clock=%s: expected host, rt or vm", clk);
	}
	qopts_free(q);
	return -err->code;
}

int vm_uuid_parse(const char *s, u8 uuid[16])
{
	unsigned i, v;

	for (i = 0; i < 16; i++) {
		if (i && *s == '-')
			s++;
		if (sscanf(s, "%2x", &v) != 1 || !s[1])
			return -EINVAL;
		uuid[i] = (u8)v;
		s += 2;
	}
	return *s ? -EINVAL : 0;
}

static int parse_uuid(struct vm *vm, struct err *err)
{
	const char *s = vm->args->uuid;

	if (!s)
		return 0;
	vm->cfg.has_uuid = true;
	return vm_uuid_parse(s, vm->cfg.uuid) < 0 ? err_set(err, EINVAL, "-uuid: '%s' is no UUID", s) : 0;
}

static int parse_log(struct vm *vm, struct err *err)
{
	if (vm->args->debug_file && log_set_file(vm->args->debug_file, err) < 0)
		return -err->code;
	return vm->args->debug_items ? log_set_items(vm->args->debug_items, err) : 0;
}

static int parse_display(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;

	if (a->display && str_eq(a->display, "curses"))
		vm->display = VM_DISPLAY_CURSES;
	else if (a->display && !str_eq(a->display, "none"))
		return err_set(err, ENOTSUP, "-display %s: only none and curses are supported", a->display);
	if (a->nographic && vm->display)
		return err_set(err, EINVAL, "-nographic and -display %s exclude each other", a->display);
	if (a->nographic && a->daemonize)
		return err_set(err, EINVAL, "-nographic cannot be used with -daemonize");
	if (a->vga && !str_eq(a->vga, "none") && !str_eq(a->vga, "std"))
		return err_set(err, ENOTSUP, "-vga %s: only std and none are supported", a->vga);
	if (vm->microvm && a->vga && str_eq(a->vga, "std"))
		return err_set(err, EINVAL, "-vga std: machine type 'microvm' has no PCI bus for the adapter");
	vm->vga = a->vga ? str_eq(a->vga, "std") : !a->nodefaults && !vm->microvm && device_class_find("VGA");
	if (a->qtest_log && !str_eq(a->qtest_log, "none") && !str_eq(a->qtest_log, "/dev/null"))
		return err_set(err, ENOTSUP, "-qtest-log %s: only none and /dev/null are supported", a->qtest_log);
	if (a->initrd && !a->kernel)
		return err_set(err, EINVAL, "-initrd only allowed with -kernel option");
	if (a->append && !a->kernel)
		return err_set(err, EINVAL, "-append only allowed with -kernel option");
	return 0;
}

/* -no-reboot and -no-shutdown are short for two of these. */
static int parse_action(struct vm *vm, const char *text, struct err *err)
{
	static const char *const reboot[] = { "reset", "shutdown", NULL }, *const shutdown[] = { "poweroff", "pause", NULL };
	static const char *const panic[] = { "shutdown", "pause", "exit-failure", "none", NULL };
	struct qopts *q = qopts_parse("-action", text, NULL, err);
	int no_reboot = vm->no_reboot, no_shutdown = vm->no_shutdown;

	if (!q)
		return -err->code;
	qopts_enum(q, "reboot", reboot, &no_reboot, err);
	qopts_enum(q, "shutdown", shutdown, &no_shutdown, err);
	qopts_enum(q, "panic", panic, &vm->panic, err);
	qopts_done(q, err);
	vm->no_reboot = no_reboot;
	vm->no_shutdown = no_shutdown;
	qopts_free(q);
	return -err->code;
}

/* -name: the first may be without its key. */
static int parse_name(struct vm *vm, struct err *err)
{
	const char *guest = NULL, *process = NULL;
	bool debug = true;
	struct qopts *q;

	if (!vm->args->name)
		return 0;
	q = qopts_parse("-name", vm->args->name, "guest", err);
	if (!q)
		return -err->code;
	qopts_str(q, "guest", &guest, err);
	qopts_str(q, "process", &process, err);
	qopts_bool(q, "debug-threads", &debug, err);	/* ours always have names */
	if (qopts_done(q, err) == 0 && set_text(&vm->name, guest) < 0)
		err_set(err, ENOMEM, "out of memory");
	if (process && !err_is_set(err))
		prctl(PR_SET_NAME, process);
	qopts_free(q);
	return -err->code;
}

static int parse_overcommit(const char *text, struct err *err)
{
	struct qopts *q = qopts_parse("-overcommit", text, NULL, err);
	bool lock = false, pm = false;

	if (!q)
		return -err->code;
	qopts_bool(q, "mem-lock", &lock, err);
	qopts_bool(q, "cpu-pm", &pm, err);
	if (qopts_done(q, err) == 0 && pm)
		err_set(err, ENOTSUP, "-overcommit cpu-pm=on: the host's power management is not the guest's to use");
	if (lock && !err_is_set(err) && mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		err_errno(err, errno, "-overcommit mem-lock=on: cannot lock the memory");
	qopts_free(q);
	return -err->code;
}

static int parse_memory_place(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;
	size_t i;

	if (a->mem_path && vm->ram_backend)
		return err_set(err, EINVAL, "'-mem-path' can't be used together with '-machine memory-backend'");
	if (a->mem_path)
		vm->cfg.ram_path = a->mem_path;
	vm->cfg.ram_prealloc |= a->mem_prealloc;
	for (i = 0; i < a->overcommit.n; i++)
		if (parse_overcommit(a->overcommit.v[i].val, err) < 0)
			return -err->code;
	for (i = 0; i < a->parallel.n; i++)
		if (!str_eq(a->parallel.v[i].val, "none"))
			return err_set(err, ENOTSUP, "-parallel %s: there is no parallel port, only 'none' is supported", a->parallel.v[i].val);
	return 0;
}

int vm_parse(struct vm *vm, struct err *err)
{
	struct vm_args *a = vm->args;
	size_t i;

	if (parse_log(vm, err) < 0 || parse_machine(vm, err) < 0 || parse_smp(vm, err) < 0 || parse_mem(vm, err) < 0 || find_backend(vm, err) < 0 ||
	    vm_parse_numa(vm, err) < 0 || parse_rtc(vm, err) < 0 || parse_uuid(vm, err) < 0 || vm_parse_smbios(vm, err) < 0 || parse_boot(vm, err) < 0 || parse_display(vm, err) < 0 || vm_parse_globals(vm, err) < 0)
		return -err->code;
	if (parse_name(vm, err) < 0 || parse_memory_place(vm, err) < 0)
		return -err->code;
	for (i = 0; i < a->accel.n; i++)
		if (parse_accel_opt(vm, a->accel.v[i].val, err) < 0)
			return -err->code;
	vm->no_reboot = a->no_reboot;
	vm->no_shutdown = a->no_shutdown;
	for (i = 0; i < a->action.n; i++)
		if (parse_action(vm, a->action.v[i].val, err) < 0)
			return -err->code;
	vm->cfg.cpu = a->cpu;
	vm->cfg.kernel = a->kernel;
	vm->cfg.initrd = a->initrd;
	vm->cfg.append = a->append;
	vm->cfg.bios = a->bios;
	vm->cfg.name = vm->name;
	vm->cfg.no_hpet |= a->no_hpet;
	vm->cfg.no_acpi |= a->no_acpi;
	vm->cfg.nographic = a->nographic || !a->display;
	vm->cfg.jit_optional = vm->accel == VM_ACCEL_DEFAULT && x86_jit_built();
	vm->cfg.jit = vm->accel == VM_ACCEL_JIT || vm->cfg.jit_optional;
	vm->cfg.no_cpus = vm->accel == VM_ACCEL_QTEST;
	/* Who moves the clock by hand wants the RTC to follow. */
	if (vm->cfg.no_cpus && !vm->rtc_clock_given)
		vm->cfg.rtc_clock = RTC_CLOCK_VM;
	return 0;
}
