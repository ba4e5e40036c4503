// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands of the monitor that look at memory or change how the emulator
 * itself works: print, sum, memsave, log, gdbserver; and info of parts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dev/object.h"
#include "gdb.h"
#include "hmp.h"
#include "json.h"
#include "log.h"
#include "qmp.h"
#include "x86/saved.h"

static void report(struct hmp_call *c, const struct err *err)
{
	if (err->code)
		strbuf_printf(c->out, "Error: %s\n", err->msg);
}

/* print /FMT EXPRESSION */
void hmp_print(struct hmp_call *c)
{
	char fmt = 'd';
	unsigned first = 1;
	u64 v;

	if (c->argc > 1 && c->argv[1][0] == '/') {
		fmt = c->argv[1][strlen(c->argv[1]) - 1];
		first = 2;
	}
	if (c->argc <= first || !strchr("xduoci", fmt)) {
		strbuf_puts(c->out, "usage: print [/x|d|u|o|c] EXPRESSION\n");
		return;
	}
	if (hmp_expr(c, first, &v) < 0)
		return;
	switch (fmt) {
	case 'x': strbuf_printf(c->out, "%#llx\n", v); break;
	case 'u': strbuf_printf(c->out, "%llu\n", v); break;
	case 'o': strbuf_printf(c->out, "%#llo\n", v); break;
	case 'c': strbuf_printf(c->out, v >= 32 && v < 127 ? "'%c'\n" : "'\\x%02x'\n", (int)(v & 0xff)); break;
	default:  strbuf_printf(c->out, "%lld\n", (s64)v);
	}
}

/* sum ADDR SIZE: BSD's 16-bit checksum. */
void hmp_sum(struct hmp_call *c)
{
	u64 addr, size;
	u32 sum = 0;
	u8 b;

	if (c->argc != 3 || str_to_u64(c->argv[1], 0, &addr) < 0 || str_to_u64(c->argv[2], 0, &size) < 0 || size > GiB) {
		strbuf_puts(c->out, "usage: sum ADDR SIZE\n");
		return;
	}
	for (; size; size--, addr++) {
		mem_read_buf(&c->vm->m->mem, addr, &b, 1);
		sum = ((sum >> 1) | (sum << 15)) & 0xffff;
		sum = (sum + b) & 0xffff;
	}
	strbuf_printf(c->out, "%05d\n", (int)sum);
}

void hmp_run_qmp(struct hmp_call *c, const char *name, struct json *args, const char *missing)
{
	struct qmp_call call = { .m = c->vm->m, .vm = c->vm };
	const struct qmp_command *cmd, *found = NULL;

	call.args = qopts_from_json(name, args, &call.err);
	REGISTRY_FOREACH(qmp_command, cmd)
		if (str_eq(cmd->name, name))
			found = cmd;
	if (!found)
		err_set(&call.err, ENOENT, "%s", missing);
	else if (call.args)
		found->fn(&call);
	report(c, &call.err);
	qopts_free(call.args);
	json_free(call.ret);
}

/* pmemsave ADDR SIZE FILE and memsave ADDR SIZE FILE */
void hmp_memsave(struct hmp_call *c)
{
	bool phys = str_eq(c->argv[0], "pmemsave");
	struct json *args;
	u64 addr, size;

	if (c->argc != 4 || str_to_u64(c->argv[1], 0, &addr) < 0 || str_to_u64(c->argv[2], 0, &size) < 0 ||
	    !(args = json_new(JSON_OBJECT))) {
		strbuf_printf(c->out, "usage: %s ADDR SIZE FILE\n", c->argv[0]);
		return;
	}
	json_set(args, "val", json_new_uint(addr));
	json_set(args, "size", json_new_uint(size));
	json_set(args, "filename", json_new_str(c->argv[3]));
	if (!phys)
		json_set(args, "cpu-index", json_new_int(c->cpu));
	hmp_run_qmp(c, c->argv[0], args, "");
}

void hmp_log(struct hmp_call *c)
{
	const struct log_item_name *n;
	struct err err = ERR_INIT;

	if (c->argc != 2) {
		strbuf_puts(c->out, "usage: log ITEM,...|none\n");
		for (n = log_items; n->name; n++)
			strbuf_printf(c->out, "%-15s %s\n", n->name, n->help);
		return;
	}
	log_set_items(str_eq(c->argv[1], "none") ? "-all" : c->argv[1], &err);
	report(c, &err);
}

void hmp_logfile(struct hmp_call *c)
{
	struct err err = ERR_INIT;

	if (c->argc != 2)
		strbuf_puts(c->out, "usage: logfile FILE\n");
	else
		log_set_file(c->argv[1], &err);
	report(c, &err);
}

void hmp_gdbserver(struct hmp_call *c)
{
	const char *spec = c->argc > 1 ? c->argv[1] : "tcp::1234";
	struct err err = ERR_INIT;

	if (gdb_start(c->vm, spec, &err) < 0)
		report(c, &err);
	else if (str_eq(spec, "none"))
		strbuf_puts(c->out, "Disabled gdbserver\n");
	else
		strbuf_printf(c->out, "Waiting for gdb connection on device '%s'\n", spec);
}

/* ---- info ---- */

static u64 member(const struct json *o, const char *name)
{
	u64 v = 0;

	json_to_u64(json_get(o, name), &v);
	return v;
}

static void print_limits(struct hmp_call *c, const struct json *ins)
{
	static const char *const names[] = {
		"bps", "bps_rd", "bps_wr", "bps_max", "bps_rd_max", "bps_wr_max",
		"iops", "iops_rd", "iops_wr", "iops_max", "iops_rd_max", "iops_wr_max", "iops_size",
	};
	size_t i;

	if (!json_get(ins, "group"))
		return;
	strbuf_puts(c->out, "    I/O throttling:  ");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		strbuf_printf(c->out, " %s=%llu", names[i], member(ins, names[i]));
	strbuf_printf(c->out, " group=%s\n", json_to_str(json_get(ins, "group")));
}

void hmp_info_block(struct hmp_call *c)
{
	const struct qmp_command *cmd;
	struct qmp_call call = { .m = c->vm->m, .vm = c->vm };
	size_t i;

	call.args = qopts_from_json("query-block", json_new(JSON_OBJECT), &call.err);
	REGISTRY_FOREACH(qmp_command, cmd)
		if (call.args && str_eq(cmd->name, "query-block"))
			cmd->fn(&call);
	for (i = 0; call.ret && i < call.ret->arr.n; i++) {
		const struct json *o = call.ret->arr.v[i], *ins = json_get(o, "inserted");
		const char *qdev = json_to_str(json_get(o, "qdev"));
		bool ro = false;

		const char *device = json_to_str(json_get(o, "device")), *node = json_to_str(json_get(ins, "node-name"));

		strbuf_printf(c->out, "%s%s", i ? "\n" : "", *device ? device : node ? node : qdev ? qdev : "<anonymous>");
		if (*device && node)
			strbuf_printf(c->out, " (%s)", node);
		json_to_bool(json_get(ins, "ro"), &ro);
		if (ins)
			strbuf_printf(c->out, ": %s (%s%s)\n", json_to_str(json_get(ins, "file")), json_to_str(json_get(ins, "drv")),
				      ro ? ", read-only" : "");
		else
			strbuf_puts(c->out, ": [not inserted]\n");
		if (qdev)
			strbuf_printf(c->out, "    Attached to:      %s\n", qdev);
		if (!ins)
			continue;
		if (json_get(ins, "backing_file"))
			strbuf_printf(c->out, "    Backing file:     %s\n", json_to_str(json_get(ins, "backing_file")));
		print_limits(c, ins);
	}
	qopts_free(call.args);
	json_free(call.ret);
}

void hmp_info_lapic(struct hmp_call *c)
{
	static const char *const lvt[] = { "LVTTIMER", "LVTTHERM", "LVTPERF", "LVT0", "LVT1", "LVTERR", "LVTCMCI" };
	struct x86_saved s;
	unsigned i, v;

	if ((unsigned)c->cpu >= pc_cpus(c->vm->pc)) {
		strbuf_puts(c->out, "No CPU available\n");
		return;
	}
	pc_pause(c->vm->pc);
	x86_cpu_get_saved(x86_system_cpu(pc_system(c->vm->pc), (unsigned)c->cpu), &s);
	pc_resume(c->vm->pc);
	strbuf_printf(c->out, "dumping local APIC state for CPU %d\n\n", c->cpu);
	for (i = 0; i < ARRAY_SIZE(lvt) && i < ARRAY_SIZE(s.lvt); i++)
		strbuf_printf(c->out, "%-9s 0x%08x %s %s vec %u\n", lvt[i], s.lvt[i], s.lvt[i] & 0x8000 ? "level" : "edge",
			      s.lvt[i] & 0x10000 ? "masked" : "", s.lvt[i] & 0xff);
	strbuf_printf(c->out, "SPIV\t 0x%08x APIC %s\nICR\t 0x%08x%08x\nESR\t 0x%08x\nTPR\t 0x%02x  LDR 0x%08x  DFR 0x%08x\n", s.svr,
		      s.svr & 0x100 ? "enabled" : "disabled", s.icr_high, s.icr_low, s.esr, s.tpr, s.ldr, s.dfr);
	strbuf_printf(c->out, "Timer\t initial %u, divide 0x%x\nISR\t", s.initial_count, s.divide);
	for (v = 0; v < 256; v++)
		if (s.isr[v / 64] >> (v % 64) & 1)
			strbuf_printf(c->out, " %u", v);
	strbuf_puts(c->out, "\nIRR\t");
	for (v = 0; v < 256; v++)
		if (s.irr[v / 64] >> (v % 64) & 1)
			strbuf_printf(c->out, " %u%s", v, s.tmr[v / 64] >> (v % 64) & 1 ? "(level)" : "");
	strbuf_putc(c->out, '\n');
}

void hmp_info_iothreads(struct hmp_call *c)
{
	struct object *o;

	for (o = c->vm->m->objects; o; o = o->next)
		if (str_eq(o->cls->name, "iothread"))
			strbuf_printf(c->out, "%s:\n  thread_id=%d\n", o->id, iothread_tid(o));
}

void hmp_info_uuid(struct hmp_call *c)
{
	const u8 *u = c->vm->cfg.uuid;
	unsigned i;

	for (i = 0; i < 16; i++)
		strbuf_printf(c->out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
	strbuf_putc(c->out, '\n');
}

static int rom_line(const struct mem_range *r, void *ctx)
{
	if (r->region->kind == MEM_ROM)
		strbuf_printf(ctx, "addr=%016llx size=0x%06llx mem=rom name=\"%s\"\n", r->first, r->last - r->first + 1, r->region->name);
	return 0;
}

void hmp_info_roms(struct hmp_call *c)
{
	mem_walk(&c->vm->m->mem, rom_line, c->out);
}
