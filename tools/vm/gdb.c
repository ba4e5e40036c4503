// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gdb server (gdb's manual, "Remote Serial Protocol"): each vCPU is a
 * thread, all of them stop together. Breakpoints of both kinds are addresses
 * that the processor compares; the guest's memory is never patched. A packet
 * that comes while the machine runs stops it first.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "gdb-server.h"
#include "mem.h"
#include "str.h"

#define SIG_INT		2
#define SIG_QUIT	3
#define SIG_TRAP	5

/* ---- packets out ---- */

void gdb_send(struct gdb *g, const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	u8 sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		sum += (u8)s[i];
	strbuf_reset(&g->sent);
	strbuf_putc(&g->sent, '$');
	strbuf_add(&g->sent, s, len);
	strbuf_putc(&g->sent, '#');
	strbuf_putc(&g->sent, hex[sum >> 4]);
	strbuf_putc(&g->sent, hex[sum & 15]);
	if (strbuf_failed(&g->sent) == 0)
		chardev_write_all(&g->fe, g->sent.s, g->sent.len);
}

void gdb_send_str(struct gdb *g, const char *s) { gdb_send(g, s, strlen(s)); }
void gdb_send_ok(struct gdb *g) { gdb_send_str(g, "OK"); }
void gdb_send_error(struct gdb *g, unsigned code) { char t[8]; snprintf(t, sizeof(t), "E%02x", code); gdb_send_str(g, t); }

void gdb_put_hex(struct strbuf *b, const u8 *p, size_t n)
{
	while (n--)
		strbuf_printf(b, "%02x", *p++);
}

/* ---- text in ---- */

static int hex_digit(int c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Hexadecimal bytes; the number read, at most max. */
size_t gdb_get_hex(const char *s, u8 *buf, size_t max)
{
	size_t n = 0;

	for (; n < max && hex_digit(s[0]) >= 0 && hex_digit(s[1]) >= 0; s += 2)
		buf[n++] = (u8)(hex_digit(s[0]) << 4 | hex_digit(s[1]));
	return n;
}

/* "ADDR,LEN" and what stands behind it. */
bool gdb_get_range(const char *s, u64 *addr, u64 *len, const char **end)
{
	return str_scan_u64(s, 16, end, addr) == 0 && **end == ',' && str_scan_u64(*end + 1, 16, end, len) == 0;
}

struct x86_cpu *gdb_cpu(struct gdb *g, unsigned i)
{
	return x86_system_cpu(pc_system(g->vm->pc), i);
}

/* A thread id (1..n, 0: any, -1: all) to a vCPU, `any` for the latter two; false: no such thread. */
bool gdb_get_thread(struct gdb *g, const char *s, unsigned any, unsigned *cpu, const char **end)
{
	u64 id;

	if (str_starts(s, "-1", end)) {
		*cpu = any;
		return true;
	}
	if (str_scan_u64(s, 16, end, &id) < 0 || id > pc_cpus(g->vm->pc))
		return false;
	*cpu = id ? (unsigned)id - 1 : any;
	return true;
}

/* ---- registers and memory ---- */

static void read_all_registers(struct gdb *g)
{
	u8 buf[GDB_REG_MAX];
	unsigned n, len;

	strbuf_reset(&g->out);
	for (n = 0; (len = gdb_reg_read(gdb_cpu(g, g->g_cpu), g->wide, n, buf)); n++)
		gdb_put_hex(&g->out, buf, len);
	gdb_send(g, g->out.s, g->out.len);
}

static void write_all_registers(struct gdb *g, const char *s)
{
	u8 buf[GDB_REG_MAX], old[GDB_REG_MAX];
	unsigned n, len;

	for (n = 0; (len = gdb_reg_read(gdb_cpu(g, g->g_cpu), g->wide, n, old)); n++, s += 2 * len) {
		if (gdb_get_hex(s, buf, len) != len)
			break;
		if (memcmp(buf, old, len))
			gdb_reg_write(gdb_cpu(g, g->g_cpu), g->wide, n, buf);
	}
	gdb_send_ok(g);
}

static void read_register(struct gdb *g, const char *s)
{
	u8 buf[GDB_REG_MAX];
	unsigned len = 0;
	u64 n;

	if (str_to_u64(s, 16, &n) == 0 && n < 1024)
		len = gdb_reg_read(gdb_cpu(g, g->g_cpu), g->wide, (unsigned)n, buf);
	if (!len) {
		gdb_send_error(g, 0x14);
		return;
	}
	strbuf_reset(&g->out);
	gdb_put_hex(&g->out, buf, len);
	gdb_send(g, g->out.s, g->out.len);
}

static void write_register(struct gdb *g, const char *s)
{
	u8 buf[GDB_REG_MAX] = { 0 };
	u64 n;

	if (str_scan_u64(s, 16, &s, &n) < 0 || *s != '=' || n >= 1024 || !gdb_get_hex(s + 1, buf, sizeof(buf)) ||
	    !gdb_reg_write(gdb_cpu(g, g->g_cpu), g->wide, (unsigned)n, buf))
		gdb_send_error(g, 0x14);
	else
		gdb_send_ok(g);
}

/* Virtual memory page by page; what is no RAM goes through the machine's map. The bytes done. */
static size_t access_memory(struct gdb *g, u64 addr, u8 *buf, size_t len, bool write)
{
	struct mem_space *mem = &g->vm->m->mem;
	struct x86_cpu *cpu = gdb_cpu(g, g->g_cpu);
	size_t done = 0, n;
	u64 gpa;

	if (g->phys)
		write ? mem_write_buf(mem, addr, buf, len) : mem_read_buf(mem, addr, buf, len);
	for (; !g->phys && done < len; done += n, addr += n) {
		n = MIN(len - done, (size_t)(4096 - (addr & 4095)));
		if ((write ? x86_debug_write(cpu, addr, buf + done, n) : x86_debug_read(cpu, addr, buf + done, n)) == n)
			continue;
		if (x86_debug_translate(cpu, addr, &gpa))
			break;
		write ? mem_write_buf(mem, gpa, buf + done, n) : mem_read_buf(mem, gpa, buf + done, n);
	}
	return g->phys ? len : done;
}

static void read_memory(struct gdb *g, const char *s)
{
	u64 addr, len;
	size_t n;
	u8 *buf;

	if (!gdb_get_range(s, &addr, &len, &s) || *s || len > GDB_MEMORY_MAX || !(buf = mem_alloc(len))) {
		gdb_send_error(g, 0x22);
		return;
	}
	n = access_memory(g, addr, buf, len, false);
	strbuf_reset(&g->out);
	gdb_put_hex(&g->out, buf, n);
	mem_free(buf);
	if (!n && len)
		gdb_send_error(g, 0x14);
	else
		gdb_send(g, g->out.s, g->out.len);
}

/* M: hexadecimal; X: bytes, with } before what must be escaped. */
static void write_memory(struct gdb *g, const char *s, const char *end, bool binary)
{
	u64 addr, len;
	size_t n = 0;
	u8 *buf;

	if (!gdb_get_range(s, &addr, &len, &s) || *s != ':' || len > GDB_PACKET_MAX || !(buf = mem_alloc(len))) {
		gdb_send_error(g, 0x22);
		return;
	}
	s++;
	if (!binary)
		n = gdb_get_hex(s, buf, len);
	for (; binary && n < len && s < end; s++)
		buf[n++] = *s == '}' && s + 1 < end ? (u8)(*++s ^ 0x20) : (u8)*s;
	if (n != len)
		gdb_send_error(g, 0x22);
	else if (access_memory(g, addr, buf, len, true) != len)
		gdb_send_error(g, 0x14);
	else
		gdb_send_ok(g);
	mem_free(buf);
}

/* ---- breakpoints and watchpoints ---- */

static const u8 watch_kind[] = { [2] = X86_DEBUG_WATCH_WRITE, [3] = X86_DEBUG_WATCH_READ, [4] = X86_DEBUG_WATCH_ACCESS };

static int point_set(struct gdb *g, const struct gdb_point *p, bool on)
{
	unsigned i;
	int ret = 0;

	for (i = 0; i < pc_cpus(g->vm->pc) && ret == 0; i++) {
		struct x86_cpu *cpu = gdb_cpu(g, i);

		if (p->type < 2)
			ret = on ? x86_debug_break_add(cpu, p->addr) : x86_debug_break_del(cpu, p->addr);
		else if (on)
			ret = x86_debug_watch_add(cpu, p->addr, p->len, watch_kind[p->type]);
		else
			ret = x86_debug_watch_del(cpu, p->addr, p->len, watch_kind[p->type]);
	}
	return ret;
}

static void points_clear(struct gdb *g)
{
	pc_pause(g->vm->pc);
	while (g->npoints)
		point_set(g, &g->points[--g->npoints], false);
	pc_resume(g->vm->pc);
}

static struct gdb_point *point_find(struct gdb *g, const struct gdb_point *p)
{
	unsigned i;

	for (i = 0; i < g->npoints; i++)
		if (g->points[i].type == p->type && g->points[i].addr == p->addr && g->points[i].len == p->len)
			return &g->points[i];
	return NULL;
}

static void point_packet(struct gdb *g, const char *s, bool on)
{
	struct gdb_point p = { .type = (u8)(s[0] - '0') }, *old;

	if (p.type > 4) {
		gdb_send_str(g, "");
		return;
	}
	if (s[1] != ',' || !gdb_get_range(s + 2, &p.addr, &p.len, &s) || (p.type >= 2 && (!p.len || p.len > GDB_PACKET_MAX))) {
		gdb_send_error(g, 0x22);
		return;
	}
	old = point_find(g, &p);
	if (on && !old) {
		if (g->npoints == ARRAY_SIZE(g->points) || point_set(g, &p, true) < 0) {
			point_set(g, &p, false);
			gdb_send_error(g, 0x1c);
			return;
		}
		g->points[g->npoints++] = p;
	} else if (!on && old) {
		point_set(g, &p, false);
		*old = g->points[--g->npoints];
	}
	gdb_send_ok(g);
}

/* ---- stopping and going on ---- */

static void put_reason(struct gdb *g, const struct x86_cpu *cpu)
{
	static const char *const names[] = { [2] = "watch", [3] = "rwatch", [4] = "awatch" };
	unsigned i;

	for (i = 0; i < g->npoints; i++) {
		const struct gdb_point *p = &g->points[i];
		bool at = cpu->dbg.hit - p->addr < (p->type < 2 ? 1 : p->len);

		if (!at || (cpu->dbg.why == X86_DEBUG_STOP_BREAK) != (p->type < 2))
			continue;
		if (p->type >= 2)
			strbuf_printf(&g->out, "%s:%llx;", names[p->type], cpu->dbg.hit);
		else if (p->type ? g->hwbreak : g->swbreak)
			strbuf_puts(&g->out, p->type ? "hwbreak:;" : "swbreak:;");
		return;
	}
}

static void stop_reply(struct gdb *g, unsigned sig, const struct x86_cpu *cpu)
{
	strbuf_reset(&g->out);
	strbuf_printf(&g->out, "T%02xthread:%02x;", sig, g->c_cpu + 1);
	if (cpu && cpu->dbg.why != X86_DEBUG_STOP_STEP)
		put_reason(g, cpu);
	gdb_send(g, g->out.s, g->out.len);
}

void gdb_stopped(struct vm *vm, struct x86_cpu *cpu)
{
	struct gdb *g = vm->gdb;

	if (!g || !g->connected || !g->waiting)
		return;
	g->waiting = false;
	if (cpu)
		g->c_cpu = g->g_cpu = cpu->index;
	stop_reply(g, cpu ? SIG_TRAP : vm->m->state == RUN_PAUSED ? SIG_INT : SIG_QUIT, cpu);
}

static void resume(struct gdb *g, const u8 *how)
{
	bool timers = !(g->sstep & GDB_SSTEP_NOTIMER), any = false;
	unsigned i;

	for (i = 0; i < pc_cpus(g->vm->pc); i++) {
		any |= how[i] != PC_HOLD;
		timers |= how[i] == PC_RUN;
	}
	if (!any) {
		gdb_send_error(g, 0x16);
		return;
	}
	g->waiting = true;
	vm_event(g->vm, "RESUME", NULL);
	pc_debug_resume(g->vm->pc, how, timers);
}

static u8 step_how(const struct gdb *g)
{
	return g->sstep & GDB_SSTEP_NOIRQ ? PC_STEP_NOIRQ : PC_STEP;
}

/* c, s, C, S: [SIG;][ADDR] for the vCPU of Hc; the others run. */
static void go_on(struct gdb *g, const char *s, bool step)
{
	u8 how[X86_CPUS_MAX];
	u64 addr;

	memset(how, step ? PC_HOLD : PC_RUN, sizeof(how));
	if (step)
		how[g->c_cpu] = step_how(g);
	if (*s && str_to_u64(s, 16, &addr) == 0) {
		gdb_cpu(g, g->c_cpu)->rip = addr;
		x86_cpu_changed(gdb_cpu(g, g->c_cpu));
	}
	resume(g, how);
}

/* vCont;ACTION[:THREAD]...: the first that names a thread counts for it. */
static void v_cont(struct gdb *g, const char *s)
{
	u8 how[X86_CPUS_MAX], act;
	bool set[X86_CPUS_MAX] = { false };
	unsigned i, cpu;

	memset(how, PC_HOLD, sizeof(how));
	while (*s == ';') {
		char c = (char)tolower((unsigned char)*++s);

		if (c != 'c' && c != 's') {
			gdb_send_error(g, 0x22);
			return;
		}
		act = c == 's' ? step_how(g) : PC_RUN;
		for (s++; isxdigit((unsigned char)*s); s++)
			;	/* a signal, which no guest can take */
		cpu = X86_CPUS_MAX;
		if (*s == ':' && !gdb_get_thread(g, s + 1, X86_CPUS_MAX, &cpu, &s)) {
			gdb_send_error(g, 0x22);
			return;
		}
		for (i = 0; i < X86_CPUS_MAX; i++)
			if (!set[i] && (cpu == X86_CPUS_MAX || cpu == i)) {
				set[i] = true;
				how[i] = act;
			}
	}
	resume(g, how);
}

/* ---- packets in ---- */

static void set_thread(struct gdb *g, const char *s)
{
	unsigned *slot = s[0] == 'g' ? &g->g_cpu : &g->c_cpu, cpu;
	const char *end;

	if ((s[0] != 'g' && s[0] != 'c') || !gdb_get_thread(g, s + 1, *slot, &cpu, &end) || *end) {
		gdb_send_error(g, 0x22);
		return;
	}
	*slot = cpu;
	gdb_send_ok(g);
}

static void detach(struct gdb *g)
{
	points_clear(g);
	g->waiting = false;
	gdb_send_ok(g);
	vm_cont(g->vm);
}

static void v_packet(struct gdb *g, const char *s)
{
	const char *rest;

	if (str_eq(s, "vCont?")) {
		gdb_send_str(g, "vCont;c;C;s;S");
	} else if (str_starts(s, "vCont", &rest) && *rest == ';') {
		v_cont(g, rest);
	} else if (str_starts(s, "vKill", NULL)) {
		gdb_send_ok(g);
		vm_quit(g->vm, 0);
	} else {
		gdb_send_str(g, "");
	}
}

/* C and S carry a signal before the address. */
static const char *skip_signal(const char *s)
{
	const char *semi = strchr(s, ';');

	return semi ? semi + 1 : "";
}

static void packet(struct gdb *g, const char *s, const char *end)
{
	unsigned cpu;

	switch (s[0]) {
	case '?':
		points_clear(g);
		stop_reply(g, SIG_TRAP, NULL);
		break;
	case 'g': read_all_registers(g); break;
	case 'G': write_all_registers(g, s + 1); break;
	case 'p': read_register(g, s + 1); break;
	case 'P': write_register(g, s + 1); break;
	case 'm': read_memory(g, s + 1); break;
	case 'M': write_memory(g, s + 1, end, false); break;
	case 'X': write_memory(g, s + 1, end, true); break;
	case 'c': go_on(g, s + 1, false); break;
	case 's': go_on(g, s + 1, true); break;
	case 'C': go_on(g, skip_signal(s), false); break;
	case 'S': go_on(g, skip_signal(s), true); break;
	case 'Z': point_packet(g, s + 1, true); break;
	case 'z': point_packet(g, s + 1, false); break;
	case 'H': set_thread(g, s + 1); break;
	case 'T': gdb_get_thread(g, s + 1, 0, &cpu, &s) ? gdb_send_ok(g) : gdb_send_error(g, 0x22); break;
	case 'D': detach(g); break;
	case 'k': vm_quit(g->vm, 0); break;
	case 'v': v_packet(g, s); break;
	case 'q':
	case 'Q': gdb_query(g, s); break;
	default:  gdb_send_str(g, "");
	}
}

/* A whole packet stands in g->in. */
static void packet_done(struct gdb *g)
{
	bool good = g->sum == g->want_sum && !g->too_long && strbuf_failed(&g->in) == 0;

	if (!g->noack)
		chardev_write_all(&g->fe, good ? "+" : "-", 1);
	if (good || g->noack)
		good ? packet(g, g->in.s, g->in.s + g->in.len) : gdb_send_error(g, 0x22);
}

static void stop_for_gdb(struct gdb *g)
{
	if (g->vm->m->state == RUN_RUNNING)
		vm_stop(g->vm);
}

static void byte(struct gdb *g, u8 c)
{
	switch (g->rx) {
	case GDB_RX_IDLE:
		if (c == 3) {
			stop_for_gdb(g);
		} else if (c == '-' && g->sent.len && !g->noack) {
			chardev_write_all(&g->fe, g->sent.s, g->sent.len);
		} else if (c == '$') {
			stop_for_gdb(g);
			strbuf_reset(&g->in);
			g->sum = 0;
			g->too_long = false;
			g->rx = GDB_RX_DATA;
		}
		break;
	case GDB_RX_DATA:
		if (c == '#') {
			g->rx = GDB_RX_SUM1;
			break;
		}
		g->sum += c;
		if (g->in.len < GDB_PACKET_MAX)
			strbuf_putc(&g->in, (char)c);
		else
			g->too_long = true;
		break;
	case GDB_RX_SUM1:
		g->want_sum = (u8)(hex_digit(c) << 4);
		g->rx = GDB_RX_SUM2;
		break;
	case GDB_RX_SUM2:
		g->want_sum |= (u8)hex_digit(c);
		g->rx = GDB_RX_IDLE;
		packet_done(g);
		break;
	}
}

/* ---- the connection ---- */

static unsigned can_read(void *opaque)
{
	(void)opaque;
	return 4096;
}

static void on_read(void *opaque, const u8 *buf, unsigned len)
{
	struct gdb *g = opaque;

	if (!g->connected)
		return;
	while (len-- && g->vm->gdb == g)
		byte(g, *buf++);
}

static void connect_reset(struct gdb *g)
{
	g->rx = GDB_RX_IDLE;
	g->noack = g->waiting = g->phys = g->swbreak = g->hwbreak = false;
	g->g_cpu = g->c_cpu = 0;
	g->sstep = GDB_SSTEP_NOIRQ | GDB_SSTEP_NOTIMER;
	strbuf_reset(&g->sent);
}

static void on_event(void *opaque, enum char_event ev)
{
	struct gdb *g = opaque;

	if (ev == CHAR_OPENED) {
		connect_reset(g);
		g->connected = true;
		stop_for_gdb(g);
	} else if (ev == CHAR_CLOSED && g->connected) {
		/* Gone without a word: nothing of it stays; the machine stands or runs as it did. */
		points_clear(g);
		g->connected = false;
	}
}

void gdb_exit(struct vm *vm, int code)
{
	char text[16];

	if (!vm->gdb || !vm->gdb->connected || !vm->gdb->waiting)
		return;
	vm->gdb->waiting = false;
	snprintf(text, sizeof(text), "W%02x", (unsigned)code & 0xff);
	gdb_send_str(vm->gdb, text);
}

void gdb_stop(struct vm *vm)
{
	struct gdb *g = vm->gdb;

	if (!g)
		return;
	vm->gdb = NULL;
	if (vm->pc)
		points_clear(g);
	chardev_detach(&g->fe);
	chardev_del(vm->chardevs, "gdb", NULL);
	strbuf_free(&g->in);
	strbuf_free(&g->out);
	strbuf_free(&g->sent);
	mem_free(g);
}

/* A server that does not wait, unless the text says otherwise. */
static char *listen_spec(const char *spec)
{
	bool sock = str_starts(spec, "tcp:", NULL) || str_starts(spec, "unix:", NULL);

	return str_printf("%s%s%s", spec, sock && !strstr(spec, ",server") ? ",server=on" : "",
			  sock && !strstr(spec, "wait") ? ",wait=off" : "");
}

int gdb_start(struct vm *vm, const char *spec, struct err *err)
{
	struct gdb *g;
	char *text;

	gdb_stop(vm);
	if (str_eq(spec, "none"))
		return 0;
	if (!pc_cpus(vm->pc))
		return err_set(err, ENOTSUP, "-gdb: there is no processor to debug");
	g = mem_zalloc(sizeof(*g));
	text = listen_spec(spec);
	if (!g || !text) {
		mem_free(g);
		mem_free(text);
		return err_set(err, ENOMEM, "out of memory");
	}
	g->vm = vm;
	g->wide = true;
	strbuf_init(&g->in);
	strbuf_init(&g->out);
	strbuf_init(&g->sent);
	connect_reset(g);
	g->fe = (struct char_fe){ .label = "gdb", .can_read = can_read, .read = on_read, .event = on_event, .opaque = g };
	vm->gdb = g;
	if (chardev_add_legacy(vm->chardevs, "gdb", text, &g->chr, err) < 0 || chardev_attach(g->chr, &g->fe, err) < 0) {
		err_prefix(err, "-gdb %s", spec);
		gdb_stop(vm);
	} else if (!str_starts(spec, "tcp:", NULL) && !str_starts(spec, "unix:", NULL)) {
		g->connected = true;	/* stdio, pipe, pty: the peer is there */
	}
	mem_free(text);
	return -err->code;
}
