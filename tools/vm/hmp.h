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

struct hmp_call {
	struct vm *vm;
	struct strbuf *out;
	int cpu;
	unsigned argc;
	char *argv[HMP_WORDS];
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

void hmp_info(struct hmp_call *c);
/* hmp-input.c */
/* screen.c */
void hmp_screendump(struct hmp_call *c);
void hmp_sendkey(struct hmp_call *c);
void hmp_mouse_move(struct hmp_call *c);
void hmp_mouse_button(struct hmp_call *c);
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
