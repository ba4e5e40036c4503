// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The human monitor: a line editor of the simplest kind, a command table and
 * QEMU's usual commands. `human-monitor-command` runs the same table.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "hmp.h"
#include "mem.h"
#include "readline.h"
#include "str.h"

#define LINE READLINE_MAX

struct hmp {
	struct vm *vm;
	struct char_fe fe;
	struct hmp *next;
	struct readline rl;
	int cpu;			/* chosen by `cpu N` */
	bool shown;
};

/* ---- commands ---- */

static void cmd_quit(struct hmp_call *c)
{
	vm_event(c->vm, "SHUTDOWN", "{\"guest\": false, \"reason\": \"host-qmp-quit\"}");
	vm_quit(c->vm, 0);
}

static void cmd_stop(struct hmp_call *c) { vm_stop(c->vm); }
static void cmd_cont(struct hmp_call *c)
{
	struct err err = ERR_INIT;

	if (vm_may_cont(c->vm, &err) < 0)
		strbuf_printf(c->out, "Error: %s\n", err.msg);
	else
		vm_cont(c->vm);
}

/* migrate [-d] URI */
static void cmd_migrate(struct hmp_call *c)
{
	bool detach = c->argc > 1 && str_eq(c->argv[1], "-d");
	struct err err = ERR_INIT;

	if (c->argc != 2u + detach)
		strbuf_puts(c->out, "usage: migrate [-d] URI\n");
	else if (vm_migrate(c->vm, c->argv[1 + detach], &err) < 0 || (!detach && vm_migrate_wait(c->vm, &err) < 0))
		strbuf_printf(c->out, "Error: %s\n", err.msg);
}

static void cmd_migrate_incoming(struct hmp_call *c)
{
	struct err err = ERR_INIT;

	if (c->argc != 2)
		strbuf_puts(c->out, "usage: migrate_incoming URI\n");
	else if (vm_incoming(c->vm, c->argv[1], &err) < 0)
		strbuf_printf(c->out, "Error: %s\n", err.msg);
}
static void cmd_reset(struct hmp_call *c) { vm_system_reset(c->vm); }
static void cmd_powerdown(struct hmp_call *c) { pc_power_button(c->vm->pc); }

static void cmd_nmi(struct hmp_call *c)
{
	unsigned i;

	for (i = 0; i < pc_cpus(c->vm->pc); i++)
		pc_nmi(c->vm->pc, i);
}

static void cmd_cpu(struct hmp_call *c)
{
	u64 n;

	if (c->argc != 2 || str_to_u64(c->argv[1], 0, &n) < 0 || n >= pc_cpus(c->vm->pc))
		strbuf_puts(c->out, "Error: Invalid CPU index\n");
	else
		c->cpu = (int)n;
}

/* i /fmt PORT */
static void cmd_in(struct hmp_call *c)
{
	unsigned size = 4, arg = 1;
	u64 port;

	if (c->argc > 1 && c->argv[1][0] == '/') {
		char last = c->argv[1][strlen(c->argv[1]) - 1];

		size = last == 'b' ? 1 : last == 'h' ? 2 : 4;
		arg = 2;
	}
	if (c->argc <= arg || str_to_u64(c->argv[arg], 0, &port) < 0 || port > 0xffff) {
		strbuf_puts(c->out, "usage: i [/SIZE] PORT\n");
		return;
	}
	strbuf_printf(c->out, "port%c[0x%04llx] = 0x%0*llx\n", size == 1 ? 'b' : size == 2 ? 'w' : 'l', port, (int)size * 2,
		      mem_read(&c->vm->m->io, port, size));
}

static void cmd_out(struct hmp_call *c)
{
	unsigned size = 4, arg = 1;
	u64 port, val;

	if (c->argc > 1 && c->argv[1][0] == '/') {
		char last = c->argv[1][strlen(c->argv[1]) - 1];

		size = last == 'b' ? 1 : last == 'h' ? 2 : 4;
		arg = 2;
	}
	if (c->argc != arg + 2 || str_to_u64(c->argv[arg], 0, &port) < 0 || port > 0xffff ||
	    str_to_u64(c->argv[arg + 1], 0, &val) < 0) {
		strbuf_puts(c->out, "usage: o [/SIZE] PORT VALUE\n");
		return;
	}
	mem_write(&c->vm->m->io, port, val, size);
}

static void cmd_help(struct hmp_call *c);

static const struct hmp_cmd commands[] = {
	{ "help", "", "show the commands", cmd_help },
	{ "?", "", NULL, cmd_help },
	{ "info", "TOPIC", "show something; `info` alone lists the topics", hmp_info },
	{ "quit", "", "leave", cmd_quit },
	{ "q", "", NULL, cmd_quit },
	{ "stop", "", "stop the processors", cmd_stop },
	{ "s", "", NULL, cmd_stop },
	{ "cont", "", "go on", cmd_cont },
	{ "c", "", NULL, cmd_cont },
	{ "system_reset", "", "reset the machine", cmd_reset },
	{ "system_powerdown", "", "press the power button", cmd_powerdown },
	{ "migrate", "[-d] URI", "save the machine: file:PATH, exec:COMMAND, fd:N, unix:PATH, tcp:HOST:PORT", cmd_migrate },
	{ "migrate_incoming", "URI", "go on from a saved machine (with -incoming defer)", cmd_migrate_incoming },
	{ "savevm", "[TAG]", "snapshot of machine and disks into the qcow2 disks", hmp_savevm },
	{ "loadvm", "TAG", "back to a snapshot", hmp_loadvm },
	{ "delvm", "TAG", "delete a snapshot", hmp_delvm },
	{ "device_add", "DRIVER[,PROP=VALUE...]", "add a device, as -device does", hmp_device_add },
	{ "device_del", "ID", "ask the guest to let go of a device", hmp_device_del },
	{ "drive_add", "[ADDR] OPTIONS", "add a drive, as -drive does", hmp_drive_add },
	{ "drive_del", "ID", "forget a drive that no device has", hmp_drive_del },
	{ "object_add", "TYPE,id=ID[,PROP=VALUE...]", "add an object, as -object does", hmp_object_add },
	{ "object_del", "ID", "delete an object that nobody uses", hmp_object_del },
	{ "chardev-add", "BACKEND,id=ID[,...]", "add a character backend", hmp_chardev_add },
	{ "chardev-remove", "ID", "remove a character backend", hmp_chardev_remove },
	{ "nmi", "", "non-maskable interrupt to all processors", cmd_nmi },
	{ "cpu", "N", "processor for the commands below", cmd_cpu },
	{ "screendump", "FILE [-f ppm|png]", "picture of the screen", hmp_screendump },
	{ "sendkey", "KEY[-KEY...]", "press keys together: ctrl-alt-delete, a, 0x1c", hmp_sendkey },
	{ "mouse_move", "DX DY [DZ]", "move the mouse, turn its wheel", hmp_mouse_move },
	{ "mouse_button", "BITS", "hold buttons: 1 left, 2 middle, 4 right", hmp_mouse_button },
	{ "eject", "[-f] DEVICE", "take the medium out", hmp_eject },
	{ "change", "DEVICE FILE [FORMAT]", "put another one in", hmp_change },
	{ "block_set_io_throttle", "DEVICE BPS BPS_RD BPS_WR IOPS IOPS_RD IOPS_WR", "limits of a drive a second, 0: none", hmp_limit },
	{ "netdev_add", "TYPE,id=ID[,...]", "add a network backend", hmp_netdev_add },
	{ "netdev_del", "ID", "remove it", hmp_netdev_del },
	{ "set_link", "NAME on|off", "plug or pull the cable", hmp_set_link },
	{ "hostfwd_add", "[NETDEV] tcp|udp:[HOSTADDR]:PORT-[GUESTADDR]:PORT", "forward a port of the host", hmp_hostfwd },
	{ "hostfwd_remove", "[NETDEV] tcp|udp:[HOSTADDR]:PORT", "no longer", hmp_hostfwd },
	{ "print", "[/FMT] EXPRESSION", "a number: 1+2*$rip", hmp_print },
	{ "p", "", NULL, hmp_print },
	{ "sum", "ADDR SIZE", "checksum of physical memory", hmp_sum },
	{ "memsave", "ADDR SIZE FILE", "virtual memory to a file", hmp_memsave },
	{ "pmemsave", "ADDR SIZE FILE", "physical memory to a file", hmp_memsave },
	{ "dump-guest-memory", "[-p] FILE", "memory and processors as an ELF core; -p: by virtual addresses", hmp_dump_guest_memory },
	{ "log", "ITEM,...|none", "log more, or nothing", hmp_log },
	{ "logfile", "FILE", "log there", hmp_logfile },
	{ "gdbserver", "[DEV|none]", "start or end the gdb server", hmp_gdbserver },
	{ "x", "/FMT ADDR", "memory at a virtual address", hmp_examine },
	{ "xp", "/FMT ADDR", "memory at a physical address", hmp_examine },
	{ "i", "[/SIZE] PORT", "read an I/O port", cmd_in },
	{ "o", "[/SIZE] PORT VALUE", "write an I/O port", cmd_out },
	{ NULL, NULL, NULL, NULL },
};

static void cmd_help(struct hmp_call *c)
{
	const struct hmp_cmd *k;

	for (k = commands; k->name; k++)
		if (k->help)
			strbuf_printf(c->out, "%s %s -- %s\n", k->name, k->args, k->help);
}

static void run(struct hmp_call *c, char *line)
{
	struct str_nearest near;
	const struct hmp_cmd *k;
	char *save, *word;

	for (word = strtok_r(line, " \t", &save); word && c->argc < HMP_WORDS; word = strtok_r(NULL, " \t", &save))
		c->argv[c->argc++] = word;
	if (!c->argc)
		return;
	/* "x/4xw 0" and "xp/..." are one word with the command. */
	if ((word = strchr(c->argv[0], '/')) && c->argc < HMP_WORDS) {
		snprintf(c->name, sizeof(c->name), "%.*s", (int)(word - c->argv[0]), c->argv[0]);
		memmove(&c->argv[2], &c->argv[1], (c->argc - 1) * sizeof(c->argv[0]));
		c->argv[1] = word;
		c->argv[0] = c->name;
		c->argc++;
	}
	near = (struct str_nearest)STR_NEAREST_INIT(c->argv[0]);
	for (k = commands; k->name; k++) {
		if (str_eq(k->name, c->argv[0])) {
			k->fn(c);
			return;
		}
		str_nearest_offer(&near, k->name);
	}
	strbuf_printf(c->out, "unknown command: '%s'", c->argv[0]);
	if (str_nearest(&near))
		strbuf_printf(c->out, ", did you mean '%s'?", str_nearest(&near));
	strbuf_putc(c->out, '\n');
}

void hmp_run(struct vm *vm, const char *line, int cpu, struct strbuf *out)
{
	struct hmp_call c = { .vm = vm, .out = out, .cpu = cpu };
	char copy[LINE];

	snprintf(copy, sizeof(copy), "%s", line);
	run(&c, copy);
}

/* ---- the terminal ---- */

/* Newlines as a raw terminal wants them. */
static void print(struct hmp *h, const char *s, size_t len)
{
	struct strbuf out = STRBUF_INIT;
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] == '\n')
			strbuf_putc(&out, '\r');
		strbuf_putc(&out, s[i]);
	}
	chardev_write_all(&h->fe, out.s, out.len);
	strbuf_free(&out);
}

static void run_line(struct hmp *h)
{
	struct strbuf out = STRBUF_INIT;
	struct hmp_call c = { .vm = h->vm, .out = &out, .cpu = h->cpu };
	char copy[LINE];

	memcpy(copy, h->rl.line, sizeof(copy));
	run(&c, copy);
	h->cpu = c.cpu;
	print(h, out.s, out.len);
	strbuf_free(&out);
}

/* Words that may stand where the cursor is: commands, then what the command takes. */
struct offering {
	void (*offer)(void *to, const char *word);
	void *to;
};

static int offer_device(struct device *dev, int depth, void *opaque)
{
	struct offering *o = opaque;

	(void)depth;
	if (dev->id)
		o->offer(o->to, dev->id);
	return 0;
}

static void complete(void *ctx, const char *line, void (*offer)(void *to, const char *word), void *to)
{
	struct offering o = { offer, to };
	const struct device_class *cls;
	const struct hmp_cmd *k;
	struct hmp *h = ctx;
	size_t i;

	if (!strchr(line, ' ')) {
		for (k = commands; k->name; k++)
			if (k->help)
				offer(to, k->name);
	} else if (str_starts(line, "info ", NULL)) {
		for (i = 0; hmp_info_topic(i); i++)
			offer(to, hmp_info_topic(i));
	} else if (str_starts(line, "device_del ", NULL)) {
		device_walk(h->vm->m, offer_device, &o);
	} else if (str_starts(line, "device_add ", NULL)) {
		REGISTRY_FOREACH(device, cls)
			if (!cls->internal)
				offer(to, cls->name);
	}
}

static unsigned hmp_can_read(void *opaque)
{
	(void)opaque;
	return 256;
}

static void hmp_read(void *opaque, const u8 *buf, unsigned len)
{
	struct strbuf out = STRBUF_INIT;
	struct hmp *h = opaque;

	while (len--) {
		if (!readline_key(&h->rl, *buf++, &out))
			continue;
		chardev_write_all(&h->fe, out.s, out.len);
		strbuf_reset(&out);
		run_line(h);
		readline_begin(&h->rl, &out);
	}
	chardev_write_all(&h->fe, out.s, out.len);
	strbuf_free(&out);
}

static void hmp_event(void *opaque, enum char_event ev)
{
	struct strbuf out = STRBUF_INIT;
	struct hmp *h = opaque;

	if (ev != CHAR_OPENED)
		return;
	chardev_write_all(&h->fe, "\r\n", 2);
	if (!h->shown)
		print(h, "vmbox monitor - type 'help' for more information\n", 49);
	h->shown = true;
	readline_begin(&h->rl, &out);
	chardev_write_all(&h->fe, out.s, out.len);
	strbuf_free(&out);
}

int hmp_start(struct vm *vm, struct chardev *chr, struct err *err)
{
	struct hmp *h = mem_zalloc(sizeof(*h));

	if (!h)
		return err_set(err, ENOMEM, "out of memory");
	h->vm = vm;
	h->rl.prompt = "(qemu) ";
	h->rl.complete = complete;
	h->rl.ctx = h;
	h->fe = (struct char_fe){ .label = "monitor", .can_read = hmp_can_read, .read = hmp_read, .event = hmp_event, .opaque = h };
	if (chardev_attach(chr, &h->fe, err) < 0) {
		mem_free(h);
		return -err->code;
	}
	h->next = vm->hmps;
	vm->hmps = h;
	/* On a multiplexer the console has the focus first. */
	if (!chardev_is_mux(chr))
		hmp_event(h, CHAR_OPENED);
	return 0;
}

void hmp_stop_all(struct vm *vm)
{
	while (vm->hmps) {
		struct hmp *h = vm->hmps;

		vm->hmps = h->next;
		chardev_detach(&h->fe);
		readline_free(&h->rl);
		mem_free(h);
	}
}
