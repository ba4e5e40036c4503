// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * query-migrate-parameters, migrate-set-parameters: QEMU's parameters. The
 * machine is stopped and written in one go, so all but max-bandwidth speak of
 * what is not done here: they stay at the value that is shown, and asking for
 * another one is an error.
 */
#include "json.h"
#include "qmp-util.h"
#include "str.h"
#include "thread.h"

enum kind { NUMBER, SWITCH, TEXT };

static const struct parameter {
	const char *name;
	enum kind kind;
	u64 value;
	const char *text;
} parameters[] = {
	{ "announce-initial", NUMBER, 50, NULL }, { "announce-max", NUMBER, 550, NULL },
	{ "announce-rounds", NUMBER, 5, NULL }, { "announce-step", NUMBER, 100, NULL },
	{ "throttle-trigger-threshold", NUMBER, 50, NULL }, { "cpu-throttle-initial", NUMBER, 20, NULL },
	{ "cpu-throttle-increment", NUMBER, 10, NULL }, { "cpu-throttle-tailslow", SWITCH, 0, NULL },
	{ "tls-creds", TEXT, 0, "" }, { "tls-hostname", TEXT, 0, "" }, { "tls-authz", TEXT, 0, "" },
	{ "avail-switchover-bandwidth", NUMBER, 0, NULL }, { "downtime-limit", NUMBER, 300, NULL },
	{ "multifd-channels", NUMBER, 2, NULL }, { "multifd-compression", TEXT, 0, "none" },
	{ "xbzrle-cache-size", NUMBER, 64 * MiB, NULL }, { "max-postcopy-bandwidth", NUMBER, 0, NULL },
	{ "max-cpu-throttle", NUMBER, 99, NULL }, { "mode", TEXT, 0, "normal" },
};

static int query_migrate_parameters(struct qmp_call *c)
{
	const struct parameter *p;

	if (qmp_new(c, JSON_OBJECT) < 0)
		return -c->err.code;
	qmp_int(c->ret, "max-bandwidth", atomic_get(&c->vm->max_bandwidth));
	for (p = parameters; p < parameters + ARRAY_SIZE(parameters); p++) {
		if (p->kind == NUMBER)
			qmp_int(c->ret, p->name, p->value);
		else if (p->kind == SWITCH)
			qmp_bool(c->ret, p->name, p->value);
		else
			qmp_str(c->ret, p->name, p->text);
	}
	return 0;
}
QMP("query-migrate-parameters", query_migrate_parameters);

/* True: the argument asks for what is so anyway, or is absent. */
static bool unchanged(struct qmp_call *c, const struct parameter *p)
{
	const char *text = p->text;
	bool on = p->value;
	u64 n = p->value;

	if (p->kind == NUMBER)
		qopts_u64(c->args, p->name, 0, (u64)INT64_MAX, &n, &c->err);
	else if (p->kind == SWITCH)
		qopts_bool(c->args, p->name, &on, &c->err);
	else
		qopts_str(c->args, p->name, &text, &c->err);
	return n == p->value && on == (bool)p->value && (!p->text || (text && str_eq(text, p->text)));
}

static int migrate_set_parameters(struct qmp_call *c)
{
	u64 rate = atomic_get(&c->vm->max_bandwidth);
	const struct parameter *p;

	qopts_u64(c->args, "max-bandwidth", 0, (u64)INT64_MAX, &rate, &c->err);
	for (p = parameters; p < parameters + ARRAY_SIZE(parameters) && !err_is_set(&c->err); p++)
		if (!unchanged(c, p) && !err_is_set(&c->err))
			err_set(&c->err, ENOTSUP, "migration parameter '%s' cannot be changed", p->name);
	if (err_is_set(&c->err))
		return -c->err.code;
	atomic_set(&c->vm->max_bandwidth, rate);
	return 0;
}
QMP("migrate-set-parameters", migrate_set_parameters);
