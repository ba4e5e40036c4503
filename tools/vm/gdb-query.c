// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The q and Q packets of the gdb server: what it can do, threads, target
 * description, monitor commands, QEMU's own settings.
 */
#include <stdio.h>
#include <string.h>
#include "gdb-server.h"

static void query_features(struct gdb *g, const char *s)
{
	struct strbuf xml = STRBUF_INIT;
	u64 off, len;
	size_t i;

	if (!str_starts(s, "target.xml:", &s) || !gdb_get_range(s, &off, &len, &s)) {
		gdb_send_error(g, 0);
		return;
	}
	gdb_target_xml(g->wide, &xml);
	strbuf_reset(&g->out);
	len = MIN(len, (u64)GDB_PACKET_MAX / 2);
	strbuf_putc(&g->out, off + len < xml.len ? 'm' : 'l');
	for (i = 0; i < len && off + i < xml.len; i++) {
		char c = xml.s[off + i];

		if (strchr("#$}*", c))
			strbuf_putc(&g->out, '}');
		strbuf_putc(&g->out, strchr("#$}*", c) ? (char)(c ^ 0x20) : c);
	}
	gdb_send(g, g->out.s, g->out.len);
	strbuf_free(&xml);
}

static void query_threads(struct gdb *g, bool first)
{
	unsigned n = pc_cpus(g->vm->pc), i;

	if (first)
		g->listed = 0;
	strbuf_reset(&g->out);
	strbuf_putc(&g->out, g->listed < n ? 'm' : 'l');
	for (i = 0; i < 64 && g->listed < n; i++)
		strbuf_printf(&g->out, "%s%x", i ? "," : "", ++g->listed);
	gdb_send(g, g->out.s, g->out.len);
}

static void query_thread_info(struct gdb *g, const char *s)
{
	static const char *const acts[] = {
		[X86_ACT_RUN] = "running", [X86_ACT_HLT] = "halted", [X86_ACT_WAIT_SIPI] = "waits for SIPI", [X86_ACT_SHUTDOWN] = "shutdown",
	};
	char text[64];
	unsigned cpu;

	if (!gdb_get_thread(g, s, 0, &cpu, &s)) {
		gdb_send_error(g, 0x22);
		return;
	}
	snprintf(text, sizeof(text), "CPU#%u [%s]", cpu, acts[gdb_cpu(g, cpu)->activity]);
	strbuf_reset(&g->out);
	gdb_put_hex(&g->out, (u8 *)text, strlen(text));
	gdb_send(g, g->out.s, g->out.len);
}

/* monitor COMMAND: output as O packets, then OK. */
static void query_monitor(struct gdb *g, const char *s)
{
	struct strbuf out = STRBUF_INIT;
	size_t at, n = strlen(s) / 2;
	char line[1024];

	n = gdb_get_hex(s, (u8 *)line, MIN(n, sizeof(line) - 1));
	line[n] = '\0';
	hmp_run(g->vm, line, (int)g->g_cpu, &out);
	for (at = 0; at < out.len; at += n) {
		n = MIN(out.len - at, (size_t)GDB_MEMORY_MAX);
		strbuf_reset(&g->out);
		strbuf_putc(&g->out, 'O');
		gdb_put_hex(&g->out, (u8 *)out.s + at, n);
		gdb_send(g, g->out.s, g->out.len);
	}
	strbuf_free(&out);
	gdb_send_ok(g);
}

static void query_supported(struct gdb *g, const char *s)
{
	g->swbreak = strstr(s, "swbreak+") != NULL;
	g->hwbreak = strstr(s, "hwbreak+") != NULL;
	strbuf_reset(&g->out);
	strbuf_printf(&g->out, "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+", GDB_PACKET_MAX);
	gdb_send(g, g->out.s, g->out.len);
}

/* What QEMU's server adds: how steps are done, and physical memory. */
static bool query_qemu(struct gdb *g, const char *s)
{
	char text[16];
	u64 v;

	if (str_eq(s, "qqemu.sstepbits")) {
		gdb_send_str(g, "ENABLE=1,NOIRQ=2,NOTIMER=4");
	} else if (str_eq(s, "qqemu.sstep")) {
		snprintf(text, sizeof(text), "0x%x", g->sstep | 1);
		gdb_send_str(g, text);
	} else if (str_starts(s, "Qqemu.sstep=", &s) || str_starts(s, "Qqemu.sstep:", &s)) {
		if (str_to_u64(s, str_starts(s, "0x", NULL) ? 0 : 16, &v) < 0 || v > 7) {
			gdb_send_error(g, 0x22);
		} else {
			g->sstep = (unsigned)v & (GDB_SSTEP_NOIRQ | GDB_SSTEP_NOTIMER);
			gdb_send_ok(g);
		}
	} else if (str_eq(s, "qqemu.PhyMemMode")) {
		gdb_send_str(g, g->phys ? "1" : "0");
	} else if (str_starts(s, "Qqemu.PhyMemMode:", &s)) {
		g->phys = *s == '1';
		gdb_send_ok(g);
	} else {
		return false;
	}
	return true;
}

void gdb_query(struct gdb *g, const char *s)
{
	const char *rest;

	if (str_starts(s, "qSupported", &rest)) {
		query_supported(g, rest);
	} else if (str_starts(s, "qXfer:features:read:", &rest)) {
		query_features(g, rest);
	} else if (str_starts(s, "qRcmd,", &rest)) {
		query_monitor(g, rest);
	} else if (str_eq(s, "qfThreadInfo") || str_eq(s, "qsThreadInfo")) {
		query_threads(g, s[1] == 'f');
	} else if (str_starts(s, "qThreadExtraInfo,", &rest)) {
		query_thread_info(g, rest);
	} else if (str_starts(s, "qAttached", NULL)) {
		gdb_send_str(g, "1");
	} else if (str_eq(s, "QStartNoAckMode")) {
		gdb_send_ok(g);
		g->noack = true;
	} else if (str_eq(s, "qC")) {
		strbuf_reset(&g->out);
		strbuf_printf(&g->out, "QC%02x", g->g_cpu + 1);
		gdb_send(g, g->out.s, g->out.len);
	} else if (!query_qemu(g, s)) {
		gdb_send_str(g, "");
	}
}
