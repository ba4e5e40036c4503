/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the human monitor: hmp.c (lines, table), hmp-info.c (info and
 * memory dumps).
 */
#ifndef VMBOX_TOOLS_VM_HMP_H
#define VMBOX_TOOLS_VM_HMP_H

#include "str.h"
#include "vm.h"

#define HMP_WORDS 12

struct json;

struct hmp_call {
	struct vm *vm;
	struct strbuf *out;
	int cpu;
	unsigned argc;
	char *argv[HMP_WORDS];
	char name[32];			/* of "x/4xw": the part before the slash */
};

struct hmp_cmd {
	const char *name, *args, *help;
	void (*fn)(struct hmp_call *c);
};

/* qmp-hotplug.c */
void hmp_device_add(struct hmp_call *c);
void hmp_device_del(struct hmp_call *c);
void hmp_object_add(struct hmp_call *c);
void hmp_object_del(struct hmp_call *c);
void hmp_chardev_add(struct hmp_call *c);
void hmp_chardev_remove(struct hmp_call *c);
void hmp_drive_add(struct hmp_call *c);
void hmp_drive_del(struct hmp_call *c);

/* hmp-expr.c: the words from first on as one number; -1: the error was printed. */
int  hmp_expr(struct hmp_call *c, unsigned first, u64 *val);
/* hmp-cmds.c */
/* Runs a QMP command with these members; its error is printed, or `missing` if it is not built in. */
void hmp_run_qmp(struct hmp_call *c, const char *name, struct json *args, const char *missing);
void hmp_print(struct hmp_call *c);
void hmp_sum(struct hmp_call *c);
void hmp_memsave(struct hmp_call *c);
void hmp_log(struct hmp_call *c);
void hmp_logfile(struct hmp_call *c);
void hmp_gdbserver(struct hmp_call *c);
void hmp_info_block(struct hmp_call *c);
void hmp_info_lapic(struct hmp_call *c);
void hmp_info_iothreads(struct hmp_call *c);
void hmp_info_uuid(struct hmp_call *c);
void hmp_info_roms(struct hmp_call *c);

void hmp_info(struct hmp_call *c);
void hmp_limit(struct hmp_call *c);
/* For completion: the nth topic of info, NULL behind the last. */
const char *hmp_info_topic(size_t n);
/* hmp-input.c */
/* screen.c */
void hmp_screendump(struct hmp_call *c);
void hmp_sendkey(struct hmp_call *c);
void hmp_mouse_move(struct hmp_call *c);
void hmp_mouse_button(struct hmp_call *c);
/* qmp-snapshot.c */
void hmp_savevm(struct hmp_call *c);
void hmp_loadvm(struct hmp_call *c);
void hmp_delvm(struct hmp_call *c);
void hmp_info_snapshots(struct hmp_call *c);
/* dump.c */
void hmp_dump_guest_memory(struct hmp_call *c);
/* hmp-media.c */
void hmp_eject(struct hmp_call *c);
void hmp_change(struct hmp_call *c);
/* net.c */
void hmp_netdev_add(struct hmp_call *c);
void hmp_netdev_del(struct hmp_call *c);
void hmp_set_link(struct hmp_call *c);
void hmp_hostfwd(struct hmp_call *c);
void hmp_info_network(struct hmp_call *c);
void hmp_info_usernet(struct hmp_call *c);
/* x/FMT and xp/FMT: FMT is [COUNT][x|d|u|o|c|i][b|h|w|g]. */
void hmp_examine(struct hmp_call *c);

#endif
