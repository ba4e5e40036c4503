/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: lines on stderr or in a file, each written by one write(2), from
 * any thread. Two independent switches: a level for people, and items (as
 * QEMU's -d in_asm,int) for developers; a line of an item costs one load and
 * a branch when the item is off.
 *
 *	log_warn("%s: %s", path, msg);
 *	log_item(LOG_INT, "vector %02x at %04x:%08llx", vec, cs, rip);
 */
#ifndef VMBOX_LOG_H
#define VMBOX_LOG_H

#include <stdarg.h>
#include "compiler.h"
#include "registry.h"

struct err;

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/*
 * Items: a bit each, names in the table of log.c so that the list is one.
 * Names that QEMU has keep QEMU's meaning.
 */
#define LOG_IN_ASM	BIT(0)	/* guest code, as it is decoded */
#define LOG_OUT_ASM	BIT(1)	/* host code generated */
#define LOG_OP		BIT(2)	/* translator's intermediate code */
#define LOG_OP_OPT	BIT(3)	/* the same after the optimizer */
#define LOG_INT		BIT(4)	/* interrupts and exceptions, short form */
#define LOG_EXEC	BIT(5)	/* each translated block executed */
#define LOG_CPU		BIT(6)	/* registers before each block */
#define LOG_MMU		BIT(7)	/* page walks and faults */
#define LOG_PCALL	BIT(8)	/* far calls, task switches, mode changes */
#define LOG_CPU_RESET	BIT(9)	/* registers at each reset */
#define LOG_UNIMP	BIT(10)	/* what the guest used and we do not have */
#define LOG_GUEST_ERROR	BIT(11)	/* what the guest did wrong */
#define LOG_PIO		BIT(12)	/* port accesses */
#define LOG_MMIO	BIT(13)	/* memory-mapped device accesses */
#define LOG_PCI		BIT(14)	/* configuration space accesses */
#define LOG_BLOCK	BIT(15)	/* block layer requests */
#define LOG_NET		BIT(16)	/* packets */
#define LOG_USB		BIT(17)
#define LOG_VIRTIO	BIT(18)
#define LOG_MIGRATION	BIT(19)
#define LOG_QMP		BIT(20)	/* commands and replies */

struct log_item_name {
	u64 bit;
	const char *name;
	const char *help;
};
extern const struct log_item_name log_items[];	/* name NULL ends */

/* Read only outside log.c. */
extern u64 log_mask;
extern int log_max_level;	/* default LOG_NOTICE */

/* "PROGRAM" in front of lines and in err_report(); the text is not copied. Default "vmbox". */
void log_set_program(const char *name);
const char *log_program(void);
void log_set_level(enum log_level max);
/*
 * Adds the items of a comma-separated list ("int,mmu", "all", "-exec"
 * removes; globs allowed: "op*"). -EINVAL with err: unknown item, with the nearest.
 */
int log_set_items(const char *list, struct err *err);
/* From now on lines go to this file, "%d" in the name is the pid. NULL: stderr. */
int log_set_file(const char *path, struct err *err);
/* Where lines go now. */
int log_fd(void);

/* A line with "PROGRAM: " in front, if level is on. No newline needed. errno is preserved. */
void log_line(enum log_level level, const char *fmt, ...) __printf(2, 3);
void log_vline(enum log_level level, const char *fmt, va_list ap) __printf(2, 0);
/* Text as it is (may be several lines), one write; for items. */
void log_text(const char *fmt, ...) __printf(1, 2);
/* True at most `burst` times in each interval_ms for this place: bounds what a guest can make us print. */
struct log_limit { u64 start_ms; unsigned count; };
bool log_limited(struct log_limit *l, unsigned burst, unsigned interval_ms);

#define log_error(...)	log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)	log_line(LOG_WARN, __VA_ARGS__)
#define log_notice(...)	log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	do { if (unlikely(log_max_level >= LOG_INFO)) log_line(LOG_INFO, __VA_ARGS__); } while (0)
#define log_debug(...)	do { if (unlikely(log_max_level >= LOG_DEBUG)) log_line(LOG_DEBUG, __VA_ARGS__); } while (0)

static inline bool log_on(u64 items)
{
	return unlikely(__atomic_load_n(&log_mask, __ATOMIC_RELAXED) & items);
}
/* One line (a newline is added) when the item is on. */
#define log_item(item, fmt, ...) do { if (log_on(item)) log_text(fmt "\n", ##__VA_ARGS__); } while (0)

#endif
