/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands. One stands in the room that does its work and registers
 * itself; the server is tools/vm/qmp.c.
 *
 *	static int query_name(struct qmp_call *c) { ... }
 *	static const struct qmp_command query_name_cmd = { "query-name", query_name };
 *	REGISTER(qmp_command, query_name_cmd);
 *
 * Threads: main thread. Arguments that nobody asked for are refused by the
 * server afterwards, so a command reads all of its own first.
 */
#ifndef VMBOX_QMP_H
#define VMBOX_QMP_H

#include "json.h"
#include "qopts.h"
#include "registry.h"

struct machine;
struct vm;

struct qmp_call {
	struct machine *m;
	struct vm *vm;			/* the applet's own; only its commands look inside */
	struct qopts *args;		/* never NULL */
	struct json *ret;		/* what to return; NULL: {} */
	const char *err_class;		/* NULL: "GenericError" */
	struct err err;
};

struct qmp_command {
	const char *name;
	/* 0, or -errno with c->err set. */
	int (*fn)(struct qmp_call *c);
	bool in_preconfig;		/* allowed before qmp_capabilities */
};

REGISTRY_DECLARE(qmp_command);

#endif
