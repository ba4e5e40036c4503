// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitor's eject, change and block_set_io_throttle, by the QMP commands
 * that do them, which are there when their devices are.
 */
#include <stdio.h>
#include "hmp.h"
#include "qmp.h"
#include "qopts.h"
#include "str.h"

#define NO_MEDIA "there are no devices with removable media"

void hmp_eject(struct hmp_call *c)
{
	bool force = c->argc == 3 && str_eq(c->argv[1], "-f");
	struct json *args;

	if (c->argc != 2U + force) {
		strbuf_puts(c->out, "usage: eject [-f] DEVICE\n");
		return;
	}
	args = json_new(JSON_OBJECT);
	json_set(args, "device", json_new_str(c->argv[c->argc - 1]));
	json_set(args, "force", json_new_bool(force));
	hmp_run_qmp(c, "eject", args, NO_MEDIA);
}

void hmp_change(struct hmp_call *c)
{
	struct json *args;

	if (c->argc != 3 && c->argc != 4) {
		strbuf_puts(c->out, "usage: change DEVICE FILE [FORMAT]\n");
		return;
	}
	args = json_new(JSON_OBJECT);
	json_set(args, "device", json_new_str(c->argv[1]));
	json_set(args, "filename", json_new_str(c->argv[2]));
	if (c->argc == 4)
		json_set(args, "format", json_new_str(c->argv[3]));
	hmp_run_qmp(c, "blockdev-change-medium", args, NO_MEDIA);
}

/* DEVICE bps bps_rd bps_wr iops iops_rd iops_wr */
void hmp_limit(struct hmp_call *c)
{
	static const char *const names[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };
	struct json *args = json_new(JSON_OBJECT);
	size_t i;
	u64 v;

	for (i = 0; c->argc == 2 + ARRAY_SIZE(names) && i < ARRAY_SIZE(names) && str_to_u64(c->argv[i + 2], 0, &v) == 0; i++)
		json_set(args, names[i], json_new_uint(v));
	if (i < ARRAY_SIZE(names)) {
		strbuf_puts(c->out, "usage: block_set_io_throttle DEVICE BPS BPS_RD BPS_WR IOPS IOPS_RD IOPS_WR\n");
		json_free(args);
		return;
	}
	json_set(args, "device", json_new_str(c->argv[1]));
	hmp_run_qmp(c, "block_set_io_throttle", args, "drives have no limits in this build");
}
