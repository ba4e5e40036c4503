/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small things that the files with QMP commands share. */
#ifndef VMBOX_TOOLS_VM_QMP_UTIL_H
#define VMBOX_TOOLS_VM_QMP_UTIL_H

#include <errno.h>
#include "qmp.h"
#include "vm.h"

#define QMP(n, f) \
	static const struct qmp_command f##_cmd = { .name = n, .fn = f }; \
	REGISTER(qmp_command, f##_cmd)

/* The reply becomes an empty object or array. */
static inline int qmp_new(struct qmp_call *c, enum json_type type)
{
	c->ret = json_new(type);
	return c->ret ? 0 : err_set(&c->err, ENOMEM, "out of memory");
}

static inline void qmp_str(struct json *o, const char *key, const char *val) { json_set(o, key, json_new_str(val)); }
static inline void qmp_int(struct json *o, const char *key, u64 val) { json_set(o, key, json_new_uint(val)); }
static inline void qmp_bool(struct json *o, const char *key, bool val) { json_set(o, key, json_new_bool(val)); }

/* qmp-cmds.c: socket-id, core-id and thread-id of a processor: a new object. */
struct json *qmp_cpu_props(const struct vm *vm, unsigned cpu);
/* qmp-qom.c: the type of the machine's processors: "qemu64-x86_64-cpu". */
void qmp_cpu_type(const struct vm *vm, char *buf, size_t len);

/*
 * Are the arguments those that the command's schema names? -EINVAL with QEMU's
 * own text. Commands that take a backend's or device's own keys are not checked for others.
 */
int qmp_check_args(const char *command, const struct json *args, struct err *err);

/* A member that must be a text; NULL with c->err set. */
static inline const char *qmp_need_str(struct qmp_call *c, const char *key)
{
	const char *s = NULL;

	if (!qopts_has(c->args, key))
		err_set(&c->err, EINVAL, "Parameter '%s' is missing", key);
	qopts_str(c->args, key, &s, &c->err);
	return err_is_set(&c->err) ? NULL : s;
}

#endif
