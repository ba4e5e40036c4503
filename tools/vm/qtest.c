// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qtest server (-qtest): tests drive the devices by text lines, without or
 * beside processors. Commands and replies are QEMU's; a malformed line is
 * answered FAIL and nothing else happens. Replies of one batch of input go
 * out together, so a client may send many lines before it reads.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dev/device.h"
#include "loop.h"
#include "mem.h"
#include "str.h"
#include "vm.h"

#define WORDS_MAX	8
#define LINE_MAX_LEN	(32 * MiB)	/* a write of 16 MiB in hexadecimal */
#define DATA_MAX	(16 * MiB)

struct intercept {
	struct qtest *qt;
	struct irq saved;
	struct irq *pin;		/* in: the pin itself */
	const struct irq **out;		/* out: the pointer that was replaced */
	const struct irq *saved_out;
	struct irq hook;
	int level;
};

struct qtest {
	struct vm *vm;
	struct char_fe fe;
	pthread_mutex_t lock;		/* out: interrupts come from any thread */
	struct strbuf in, out;
	struct intercept *icepts;
	unsigned n_icepts;
	struct device *icept_dev;
	bool overlong;
};

struct cmd {
	struct qtest *qt;
	unsigned argc;
	char *argv[WORDS_MAX];
};

static void reply(struct qtest *qt, const char *text)
{
	pthread_mutex_lock(&qt->lock);
	strbuf_puts(&qt->out, text);
	strbuf_putc(&qt->out, '\n');
	pthread_mutex_unlock(&qt->lock);
}

static void put_hex(char *p, u64 v, unsigned digits)
{
	static const char hex[] = "0123456789abcdef";

	while (digits--) {
		p[digits] = hex[v & 15];
		v >>= 4;
	}
}

/* "OK 0x" and the digits, without printf: this is the hot path. */
static void reply_hex(struct qtest *qt, u64 v, unsigned digits)
{
	char buf[24] = "OK 0x";

	put_hex(buf + 5, v, digits);
	buf[5 + digits] = '\0';
	reply(qt, buf);
}

static bool number(const char *s, u64 *v)
{
	char *end;

	if (*s == '-' || *s == '+' || !*s)
		return false;
	errno = 0;
	*v = strtoull(s, &end, 0);
	return !*end && !errno;
}

/* All arguments from `first` on as numbers. */
static bool numbers(const struct cmd *c, unsigned n, u64 *v)
{
	unsigned i;

	if (c->argc != n + 1)
		return false;
	for (i = 0; i < n; i++)
		if (!number(c->argv[1 + i], &v[i]))
			return false;
	return true;
}

static int usage(struct qtest *qt, const char *text)
{
	char buf[128];

	snprintf(buf, sizeof(buf), "FAIL expected: %s", text);
	reply(qt, buf);
	return 0;
}

/* Size by the command's last letter. */
static unsigned width(const char *name)
{
	switch (name[strlen(name) - 1]) {
	case 'b': return 1;
	case 'w': return 2;
	case 'l': return 4;
	default:  return 8;
	}
}

/* ---- accesses ---- */

static void cmd_in(struct cmd *c)
{
	unsigned size = width(c->argv[0]);
	u64 port;

	if (!numbers(c, 1, &port) || port > 0xffff)
		usage(c->qt, "in{b,w,l} PORT");
	else
		reply_hex(c->qt, mem_read(&c->qt->vm->m->io, port, size), 4 > 2 * size ? 4 : 2 * size);
}

static void cmd_out(struct cmd *c)
{
	u64 v[2];

	if (!numbers(c, 2, v) || v[0] > 0xffff) {
		usage(c->qt, "out{b,w,l} PORT VALUE");
		return;
	}
	mem_write(&c->qt->vm->m->io, v[0], v[1], width(c->argv[0]));
	reply(c->qt, "OK");
}

static void cmd_readx(struct cmd *c)
{
	u64 addr;

	if (!numbers(c, 1, &addr))
		usage(c->qt, "read{b,w,l,q} ADDRESS");
	else
		reply_hex(c->qt, mem_read(&c->qt->vm->m->mem, addr, width(c->argv[0])), 16);
}

static void cmd_writex(struct cmd *c)
{
	u64 v[2];

	if (!numbers(c, 2, v)) {
		usage(c->qt, "write{b,w,l,q} ADDRESS VALUE");
		return;
	}
	mem_write(&c->qt->vm->m->mem, v[0], v[1], width(c->argv[0]));
	reply(c->qt, "OK");
}

/* Reads guest memory into a new buffer; NULL after a FAIL. */
static u8 *fetch(struct cmd *c, const char *form, u64 *len)
{
	u64 v[2];
	u8 *buf;

	if (!numbers(c, 2, v) || !v[1] || v[1] > DATA_MAX) {
		usage(c->qt, form);
		return NULL;
	}
	buf = mem_alloc(v[1]);
	if (!buf) {
		reply(c->qt, "FAIL out of memory");
		return NULL;
	}
	mem_read_buf(&c->qt->vm->m->mem, v[0], buf, v[1]);
	*len = v[1];
	return buf;
}

static void cmd_read(struct cmd *c)
{
	u64 len, i, n;
	u8 *buf = fetch(c, "read ADDRESS SIZE (1 to 16 MiB)", &len);
	char hex[512];

	if (!buf)
		return;
	pthread_mutex_lock(&c->qt->lock);
	strbuf_puts(&c->qt->out, "OK 0x");
	strbuf_reserve(&c->qt->out, 2 * len + 1);
	for (i = 0; i < len; i += n) {
		for (n = 0; n < MIN(len - i, sizeof(hex) / 2); n++)
			put_hex(hex + 2 * n, buf[i + n], 2);
		strbuf_add(&c->qt->out, hex, 2 * n);
	}
	strbuf_putc(&c->qt->out, '\n');
	pthread_mutex_unlock(&c->qt->lock);
	mem_free(buf);
}

static int nibble(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	ch |= 0x20;
	return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* SIZE bytes from the digits; missing ones are zeros, as in QEMU. */
static bool unhex(const char *s, u8 *buf, u64 len)
{
	u64 i;

	if (s[0] != '0' || (s[1] | 0x20) != 'x')
		return false;
	for (i = 0, s += 2; i < len && s[0]; i++, s += 2) {
		int hi = nibble(s[0]), lo = s[1] ? nibble(s[1]) : -1;

		if (hi < 0 || lo < 0)
			return false;
		buf[i] = (u8)(hi << 4 | lo);
	}
	return true;
}

static void store(struct cmd *c, u64 addr, u8 *buf, u64 len)
{
	mem_write_buf(&c->qt->vm->m->mem, addr, buf, len);
	mem_free(buf);
	reply(c->qt, "OK");
}

static void cmd_write(struct cmd *c)
{
	u64 addr, len;
	u8 *buf;

	if (c->argc != 4 || !number(c->argv[1], &addr) || !number(c->argv[2], &len) || len > DATA_MAX) {
		usage(c->qt, "write ADDRESS SIZE 0xDATA (at most 16 MiB)");
		return;
	}
	buf = mem_zalloc(len);
	if (!buf || !unhex(c->argv[3], buf, len)) {
		mem_free(buf);
		usage(c->qt, "write ADDRESS SIZE 0xDATA");
		return;
	}
	store(c, addr, buf, len);
}

static void cmd_memset(struct cmd *c)
{
	u64 v[3];
	u8 *buf;

	if (!numbers(c, 3, v) || v[1] > DATA_MAX || v[2] > 0xff) {
		usage(c->qt, "memset ADDRESS SIZE BYTE (at most 16 MiB)");
		return;
	}
	buf = mem_alloc(v[1]);
	if (!buf) {
		reply(c->qt, "FAIL out of memory");
		return;
	}
	memset(buf, (int)v[2], v[1]);
	store(c, v[0], buf, v[1]);
}

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void cmd_b64read(struct cmd *c)
{
	u64 len, i;
	u8 *buf = fetch(c, "b64read ADDRESS SIZE (1 to 16 MiB)", &len);

	if (!buf)
		return;
	pthread_mutex_lock(&c->qt->lock);
	strbuf_puts(&c->qt->out, "OK ");
	strbuf_reserve(&c->qt->out, 4 * (len / 3 + 1) + 1);
	for (i = 0; i < len; i += 3) {
		u32 v = (u32)buf[i] << 16 | (i + 1 < len ? (u32)buf[i + 1] << 8 : 0) | (i + 2 < len ? buf[i + 2] : 0);
		char q[4] = { b64[v >> 18], b64[v >> 12 & 63], i + 1 < len ? b64[v >> 6 & 63] : '=', i + 2 < len ? b64[v & 63] : '=' };

		strbuf_add(&c->qt->out, q, 4);
	}
	strbuf_putc(&c->qt->out, '\n');
	pthread_mutex_unlock(&c->qt->lock);
	mem_free(buf);
}

static void cmd_b64write(struct cmd *c)
{
	u64 addr, len, at = 0;
	u32 acc = 0, bits = 0;
	const char *s, *p;
	u8 *buf;

	if (c->argc != 4 || !number(c->argv[1], &addr) || !number(c->argv[2], &len) || len > DATA_MAX) {
		usage(c->qt, "b64write ADDRESS SIZE DATA (at most 16 MiB)");
		return;
	}
	buf = mem_zalloc(len);
	for (s = c->argv[3]; buf && *s && *s != '=' && (p = strchr(b64, *s)); s++) {
		acc = acc << 6 | (u32)(p - b64);
		bits += 6;
		if (bits >= 8 && at < len)
			buf[at++] = (u8)(acc >> (bits -= 8));
		else if (bits >= 8)
			break;
	}
	if (!buf || (*s && *s != '=')) {
		mem_free(buf);
		usage(c->qt, "b64write ADDRESS SIZE DATA, with DATA of at most SIZE bytes");
		return;
	}
	store(c, addr, buf, len);
}

static void cmd_endianness(struct cmd *c)
{
	reply(c->qt, "OK little");
}

/* ---- time ---- */

static void reply_clock(struct qtest *qt)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "OK %llu", clock_ns(qt->vm->m->clock));
	reply(qt, buf);
}

static void cmd_clock_step(struct cmd *c)
{
	struct clock *clk = c->qt->vm->m->clock;
	u64 now = clock_ns(clk), step, next = clock_next_deadline(clk);

	if (c->argc == 1) {
		/* To the next timer; none: time stands. */
		step = next == ~0ULL || next < now ? 0 : next - now;
	} else if (!numbers(c, 1, &step) || step > INT64_MAX - now) {
		usage(c->qt, "clock_step [NS]");
		return;
	}
	clock_set_manual(clk, now + step);
	reply_clock(c->qt);
}

static void cmd_clock_set(struct cmd *c)
{
	u64 t;

	if (!numbers(c, 1, &t) || t > INT64_MAX) {
		usage(c->qt, "clock_set NS");
		return;
	}
	clock_set_manual(c->qt->vm->m->clock, t);
	reply_clock(c->qt);
}

/* ---- interrupts ---- */

static void on_irq(void *opaque, int n, int level)
{
	struct intercept *ic = opaque;
	struct qtest *qt = ic->qt;
	const struct irq *next = ic->out ? ic->saved_out : &ic->saved;

	irq_set(next, level);
	pthread_mutex_lock(&qt->lock);
	if (ic->level != level) {
		ic->level = level;
		strbuf_printf(&qt->out, "IRQ %s %d\n", level ? "raise" : "lower", n);
	}
	pthread_mutex_unlock(&qt->lock);
}

static struct device_irqs *find_group(struct device *dev, const char *name, bool in)
{
	int i;

	for (i = 0; i < DEVICE_MAX_IRQS; i++) {
		struct device_irqs *g = &dev->irqs[i];

		if (!g->n || (in ? !g->in : !g->out))
			continue;
		if (!name || !g->name ? !name && !g->name : str_eq(name, g->name))
			return g;
	}
	return NULL;
}

static void intercept(struct qtest *qt, struct device_irqs *g)
{
	int i;

	for (i = 0; i < g->n; i++) {
		struct intercept *ic = &qt->icepts[qt->n_icepts++];

		*ic = (struct intercept){ .qt = qt };
		if (g->in) {
			ic->pin = &g->in[i];
			ic->saved = g->in[i];
			g->in[i].fn = on_irq;
			g->in[i].opaque = ic;
			g->in[i].n = i;
		} else {
			ic->out = &g->out[i];
			ic->saved_out = g->out[i];
			ic->hook = (struct irq){ on_irq, ic, i };
			g->out[i] = &ic->hook;
		}
	}
}

static void cmd_intercept(struct cmd *c)
{
	struct qtest *qt = c->qt;
	bool in = str_eq(c->argv[0], "irq_intercept_in");
	struct device *dev;
	struct device_irqs *g;

	if (c->argc != 2 && c->argc != 3) {
		usage(qt, "irq_intercept_{in,out} DEVICE [NAME]");
		return;
	}
	dev = device_find(qt->vm->m, c->argv[1]);
	if (!dev) {
		reply(qt, "FAIL Unknown device");
		return;
	}
	if (qt->icept_dev) {
		reply(qt, qt->icept_dev == dev ? "OK" : "FAIL IRQ intercept already enabled");
		return;
	}
	g = find_group(dev, c->argc == 3 ? c->argv[2] : NULL, in);
	qt->icepts = g ? mem_zarray((size_t)g->n, sizeof(*qt->icepts)) : NULL;
	if (!qt->icepts) {
		reply(qt, "FAIL No such lines");
		return;
	}
	pc_pause(qt->vm->pc);
	intercept(qt, g);
	pc_resume(qt->vm->pc);
	qt->icept_dev = dev;
	reply(qt, "OK");
}

static void cmd_set_irq_in(struct cmd *c)
{
	struct device *dev;
	struct device_irqs *g;
	u64 n, level;

	if (c->argc != 5 || !number(c->argv[3], &n) || !number(c->argv[4], &level)) {
		usage(c->qt, "set_irq_in DEVICE NAME|unnamed-gpio-in NUMBER LEVEL");
		return;
	}
	dev = device_find(c->qt->vm->m, c->argv[1]);
	if (!dev) {
		reply(c->qt, "FAIL Unknown device");
		return;
	}
	g = find_group(dev, str_eq(c->argv[2], "unnamed-gpio-in") ? NULL : c->argv[2], true);
	if (!g || n >= (u64)g->n) {
		reply(c->qt, "FAIL No such line");
		return;
	}
	irq_set(&g->in[n], level != 0);
	reply(c->qt, "OK");
}

/* ---- dispatch ---- */

static const struct {
	const char *name;
	void (*fn)(struct cmd *c);
	bool manual_clock;
} commands[] = {
	{ "readl", cmd_readx, false }, { "readb", cmd_readx, false }, { "readw", cmd_readx, false },
	{ "readq", cmd_readx, false }, { "writel", cmd_writex, false }, { "writeb", cmd_writex, false },
	{ "writew", cmd_writex, false }, { "writeq", cmd_writex, false }, { "inb", cmd_in, false },
	{ "inw", cmd_in, false }, { "inl", cmd_in, false }, { "outb", cmd_out, false }, { "outw", cmd_out, false },
	{ "outl", cmd_out, false }, { "read", cmd_read, false }, { "write", cmd_write, false },
	{ "memset", cmd_memset, false }, { "b64read", cmd_b64read, false }, { "b64write", cmd_b64write, false },
	{ "endianness", cmd_endianness, false }, { "clock_step", cmd_clock_step, true },
	{ "clock_set", cmd_clock_set, true }, { "irq_intercept_in", cmd_intercept, false },
	{ "irq_intercept_out", cmd_intercept, false }, { "set_irq_in", cmd_set_irq_in, false },
};

/* Cuts the line at blanks; false: too many words. */
static bool split(struct cmd *c, char *line)
{
	while (*line) {
		while (*line == ' ' || *line == '\t' || *line == '\r')
			*line++ = '\0';
		if (!*line)
			break;
		if (c->argc == WORDS_MAX)
			return false;
		c->argv[c->argc++] = line;
		while (*line && *line != ' ' && *line != '\t' && *line != '\r')
			line++;
	}
	return true;
}

static void run_line(struct qtest *qt, char *line)
{
	struct cmd c = { .qt = qt };
	char buf[96];
	size_t i;

	if (!split(&c, line)) {
		reply(qt, "FAIL too many words");
		return;
	}
	if (!c.argc)
		return;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!str_eq(commands[i].name, c.argv[0]))
			continue;
		if (commands[i].manual_clock && qt->vm->accel != VM_ACCEL_QTEST)
			break;
		commands[i].fn(&c);
		return;
	}
	snprintf(buf, sizeof(buf), "FAIL Unknown command '%.60s'", c.argv[0]);
	reply(qt, buf);
}

/* ---- connection ---- */

static void flush(struct qtest *qt)
{
	pthread_mutex_lock(&qt->lock);
	if (qt->out.len)
		chardev_write_all(&qt->fe, qt->out.s, qt->out.len);
	strbuf_reset(&qt->out);
	pthread_mutex_unlock(&qt->lock);
}

static unsigned qtest_can_read(void *opaque)
{
	(void)opaque;
	return 65536;
}

static void qtest_read(void *opaque, const u8 *buf, unsigned len)
{
	struct qtest *qt = opaque;
	char *nl, *start;

	strbuf_add(&qt->in, buf, len);
	if (qt->in.len > LINE_MAX_LEN && !memchr(qt->in.s, '\n', qt->in.len)) {
		strbuf_reset(&qt->in);
		qt->overlong = true;
	}
	for (start = qt->in.s; (nl = memchr(start, '\n', qt->in.len - (size_t)(start - qt->in.s))); start = nl + 1) {
		*nl = '\0';
		if (qt->overlong)
			reply(qt, "FAIL line too long");
		else
			run_line(qt, start);
		qt->overlong = false;
	}
	qt->in.len -= (size_t)(start - qt->in.s);
	memmove(qt->in.s, start, qt->in.len);
	qt->in.s[qt->in.len] = '\0';
	flush(qt);
}

static void release(struct qtest *qt)
{
	unsigned i;

	for (i = 0; i < qt->n_icepts; i++) {
		struct intercept *ic = &qt->icepts[i];

		if (ic->out)
			*ic->out = ic->saved_out;
		else
			*ic->pin = ic->saved;
	}
	mem_free(qt->icepts);
	qt->icepts = NULL;
	qt->n_icepts = 0;
	qt->icept_dev = NULL;
}

/* A new client finds a fresh server: no half line, no interception. */
static void qtest_event(void *opaque, enum char_event ev)
{
	struct qtest *qt = opaque;

	if (ev != CHAR_CLOSED)
		return;
	strbuf_reset(&qt->in);
	release(qt);
}

int qtest_start(struct vm *vm, struct chardev *chr, struct err *err)
{
	struct qtest *qt = mem_zalloc(sizeof(*qt));

	if (!qt)
		return err_set(err, ENOMEM, "out of memory");
	qt->vm = vm;
	pthread_mutex_init(&qt->lock, NULL);
	strbuf_init(&qt->in);
	strbuf_init(&qt->out);
	qt->fe = (struct char_fe){ .label = "qtest", .can_read = qtest_can_read, .read = qtest_read,
				   .event = qtest_event, .opaque = qt };
	vm->qtest = qt;
	return chardev_attach(chr, &qt->fe, err);
}

void qtest_stop(struct vm *vm)
{
	struct qtest *qt = vm->qtest;

	if (!qt)
		return;
	if (vm->pc)
		release(qt);
	chardev_detach(&qt->fe);
	strbuf_free(&qt->in);
	strbuf_free(&qt->out);
	mem_free(qt);
	vm->qtest = NULL;
}
