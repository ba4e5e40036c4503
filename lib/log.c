// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The log (log.h). A line is formatted on the stack (longer ones on the
 * heap) and leaves by one write(2), which is what keeps lines of several
 * threads apart; no lock is held.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "err.h"
#include "log.h"
#include "mem.h"
#include "str.h"

u64 log_mask;
int log_max_level = LOG_NOTICE;

static const char *program = "vmbox";
static int log_file = STDERR_FILENO;

const struct log_item_name log_items[] = {
	{ LOG_IN_ASM,	   "in_asm",	  "guest code, as it is decoded" },
	{ LOG_OUT_ASM,	   "out_asm",	  "host code that was generated" },
	{ LOG_OP,	   "op",	  "the translator's intermediate code" },
	{ LOG_OP_OPT,	   "op_opt",	  "intermediate code after the optimizer" },
	{ LOG_INT,	   "int",	  "interrupts and exceptions, short form" },
	{ LOG_EXEC,	   "exec",	  "each translated block that is run" },
	{ LOG_CPU,	   "cpu",	  "registers before each block" },
	{ LOG_MMU,	   "mmu",	  "page walks and faults" },
	{ LOG_PCALL,	   "pcall",	  "far calls, task switches and mode changes" },
	{ LOG_CPU_RESET,   "cpu_reset",	  "registers at each reset" },
	{ LOG_UNIMP,	   "unimp",	  "what the guest used and is not there" },
	{ LOG_GUEST_ERROR, "guest_errors", "what the guest did wrong" },
	{ LOG_PIO,	   "pio",	  "accesses to I/O ports" },
	{ LOG_MMIO,	   "mmio",	  "accesses to memory-mapped devices" },
	{ LOG_PCI,	   "pci",	  "accesses to PCI configuration space" },
	{ LOG_BLOCK,	   "block",	  "requests of the block layer" },
	{ LOG_NET,	   "net",	  "network packets" },
	{ LOG_USB,	   "usb",	  "USB transfers" },
	{ LOG_VIRTIO,	   "virtio",	  "virtqueue activity" },
	{ LOG_MIGRATION,   "migration",	  "sections and pages of a migration" },
	{ LOG_QMP,	   "qmp",	  "commands and replies of the monitor" },
	{ 0, NULL, NULL },
};

void log_set_program(const char *name)
{
	program = name;
}

const char *log_program(void)
{
	return program;
}

void log_set_level(enum log_level max)
{
	log_max_level = (int)max;
}

int log_fd(void)
{
	return __atomic_load_n(&log_file, __ATOMIC_RELAXED);
}

/* The bits whose names match pattern; 0: none. */
static u64 items_matching(const char *pattern)
{
	u64 bits = 0;

	if (str_eq(pattern, "all"))
		return ~0ULL;
	for (const struct log_item_name *i = log_items; i->name; i++)
		if (str_glob(pattern, i->name))
			bits |= i->bit;
	return bits;
}

static int unknown_item(const char *word, struct err *err)
{
	struct str_nearest near = STR_NEAREST_INIT(word);

	for (const struct log_item_name *i = log_items; i->name; i++)
		str_nearest_offer(&near, i->name);
	if (str_nearest(&near))
		return err_set(err, EINVAL, "unknown log item '%s', did you mean '%s'?", word, str_nearest(&near));
	return err_set(err, EINVAL, "unknown log item '%s'", word);
}

int log_set_items(const char *list, struct err *err)
{
	u64 mask = log_mask;
	char word[32];

	while (*list) {
		bool remove = *list == '-';
		size_t n;
		u64 bits;

		list += remove;
		n = strcspn(list, ",");
		snprintf(word, sizeof(word), "%.*s", (int)MIN(n, sizeof(word) - 1), list);
		bits = items_matching(word);
		if (!bits)
			return unknown_item(word, err);
		mask = remove ? mask & ~bits : mask | bits;
		list += n + (list[n] == ',');
	}
	__atomic_store_n(&log_mask, mask, __ATOMIC_RELAXED);
	return 0;
}

int log_set_file(const char *path, struct err *err)
{
	int fd = STDERR_FILENO, old = log_fd();
	const char *pid;
	char name[4096];

	if (path) {
		pid = strstr(path, "%d");
		if (pid)
			snprintf(name, sizeof(name), "%.*s%d%s", (int)(pid - path), path, (int)getpid(), pid + 2);
		else
			snprintf(name, sizeof(name), "%s", path);
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
		if (fd < 0)
			return err_errno(err, errno, "%s", name);
	}
	__atomic_store_n(&log_file, fd, __ATOMIC_RELAXED);
	if (old != STDERR_FILENO)
		close(old);
	return 0;
}

static void write_all(const char *s, size_t n)
{
	int fd = log_fd();

	while (n) {
		ssize_t done = write(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;		/* nobody to tell */
		s += done;
		n -= (size_t)done;
	}
}

/* prefix NULL: the text as it is; else "prefix: text\n". */
static void emit(const char *prefix, const char *fmt, va_list ap)
{
	char buf[1024], *line = buf;
	int saved = errno, head = 0, body;
	size_t len;
	va_list again;

	va_copy(again, ap);
	if (prefix)
		head = snprintf(buf, sizeof(buf), "%.64s: ", prefix);
	body = vsnprintf(buf + head, sizeof(buf) - (size_t)head, fmt, ap);
	len = (size_t)head + (size_t)MAX(body, 0);
	if (len + 2 > sizeof(buf)) {
		line = mem_alloc(len + 2);
		if (line) {
			memcpy(line, buf, (size_t)head);
			vsnprintf(line + head, (size_t)body + 1, fmt, again);
		} else {
			line = buf;
			len = sizeof(buf) - 2;
		}
	}
	va_end(again);
	if (prefix)
		line[len++] = '\n';
	write_all(line, len);
	if (line != buf)
		mem_free(line);
	errno = saved;
}

void log_vline(enum log_level level, const char *fmt, va_list ap)
{
	if ((int)level <= log_max_level)
		emit(program, fmt, ap);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vline(level, fmt, ap);
	va_end(ap);
}

void log_text(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(NULL, fmt, ap);
	va_end(ap);
}

bool log_limited(struct log_limit *l, unsigned burst, unsigned interval_ms)
{
	struct timespec ts;
	u64 now, start = __atomic_load_n(&l->start_ms, __ATOMIC_RELAXED);

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000 + 1;
	if (!start || now - start >= interval_ms) {
		__atomic_store_n(&l->start_ms, now, __ATOMIC_RELAXED);
		__atomic_store_n(&l->count, 0, __ATOMIC_RELAXED);
	}
	return __atomic_fetch_add(&l->count, 1, __ATOMIC_RELAXED) < burst;
}
