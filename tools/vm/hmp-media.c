// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitor's eject and change, by the QMP commands that do them, which are
 * there when their devices are.
 */
#include <stdio.h>
#include "hmp.h"
#include "qmp.h"
#include "qopts.h"
#include "str.h"

static void run_qmp(struct hmp_call *c, const char *name, struct json *args)
{
	struct qmp_call q = { .m = c->vm->m, .vm = c->vm, .err = ERR_INIT };
	const struct qmp_command *k;

	q.args = qopts_from_json(name, args, &q.err);
	REGISTRY_FOREACH(qmp_command, k)
		if (q.args && str_eq(k->name, name)) {
			k->fn(&q);
			goto out;
		}
	err_set(&q.err, 2, "there are no devices with removable media");
out:
	if (err_is_set(&q.err))
		strbuf_printf(c->out, "Error: %s\n", q.err.msg);
	json_free(q.ret);
	qopts_free(q.args);
}

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
	run_qmp(c, "eject", args);
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
	run_qmp(c, "blockdev-change-medium", args);
}
