// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP about trace points, what migration can be told, memory backends, and
 * block jobs, of which there are none. Shapes are QEMU 10's.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include "dev/hostmem.h"
#include "dev/object.h"
#include "qmp-util.h"
#include "str.h"
#include "thread.h"
#include "trace.h"

/* ---- trace points ---- */

struct trace_query {
	struct json *list;
	const char *pattern;
	unsigned found;
};

static void add_event(void *ctx, const struct trace_event *ev)
{
	struct trace_query *q = ctx;
	struct json *o;

	if (fnmatch(q->pattern, ev->name, 0) != 0)
		return;
	q->found++;
	if (!q->list)
		return;
	o = json_new(JSON_OBJECT);
	json_append(q->list, o);
	qmp_str(o, "name", ev->name);
	qmp_str(o, "state", atomic_get(&ev->on) ? "enabled" : "disabled");
}

/* A pattern that names nothing is fine, a name is not. */
static int no_event(struct qmp_call *c, const struct trace_query *q)
{
	if (q->found || q->pattern[strcspn(q->pattern, "*?[")])
		return 0;
	return err_set(&c->err, ENOENT, "unknown event \"%s\"", q->pattern);
}

static int trace_event_get_state(struct qmp_call *c)
{
	struct trace_query q = { .pattern = qmp_need_str(c, "name") };

	if (!q.pattern || qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	q.list = c->ret;
	trace_foreach(add_event, &q);
	return no_event(c, &q);
}
QMP("trace-event-get-state", trace_event_get_state);

static int trace_event_set_state(struct qmp_call *c)
{
	struct trace_query q = { .pattern = qmp_need_str(c, "name") };
	bool enable = false, ignore = false;
	char text[128];

	qopts_bool(c->args, "enable", &enable, &c->err);
	qopts_bool(c->args, "ignore-unavailable", &ignore, &c->err);	/* ours are all there */
	if (err_is_set(&c->err))
		return -c->err.code;
	trace_foreach(add_event, &q);
	if (!q.found)
		return no_event(c, &q);
	if (snprintf(text, sizeof(text), "%s%s", enable ? "" : "-", q.pattern) >= (int)sizeof(text) || q.pattern[strcspn(q.pattern, ",")])
		return err_set(&c->err, EINVAL, "unknown event \"%.80s\"", q.pattern);
	return trace_enable(text, &c->err);
}
QMP("trace-event-set-state", trace_event_set_state);

/* ---- migration ---- */

/* What QEMU can be asked for; a machine that is stopped and written in one go needs none of it. */
static const char *const capabilities[] = {
	"xbzrle", "rdma-pin-all", "auto-converge", "zero-blocks", "events", "postcopy-ram", "x-colo", "release-ram", "return-path",
	"pause-before-switchover", "multifd", "dirty-bitmaps", "postcopy-blocktime", "late-block-activate", "x-ignore-shared",
	"validate-uuid", "background-snapshot", "zero-copy-send", "postcopy-preempt", "switchover-ack", "dirty-limit", "mapped-ram", NULL,
};

static int query_migrate_capabilities(struct qmp_call *c)
{
	size_t i;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (i = 0; capabilities[i]; i++) {
		struct json *o = json_new(JSON_OBJECT);

		json_append(c->ret, o);
		qmp_str(o, "capability", capabilities[i]);
		qmp_bool(o, "state", false);
	}
	return 0;
}
QMP("query-migrate-capabilities", query_migrate_capabilities);

/* Off is what they all are. */
static int migrate_set_capabilities(struct qmp_call *c)
{
	const struct json *list = qopts_json(c->args, "capabilities");
	size_t i;

	for (i = 0; list && i < list->arr.n; i++) {
		const char *name = json_to_str(json_get(list->arr.v[i], "capability"));
		bool on = false;

		if (!name || str_to_index(name, capabilities) < 0)
			return err_set(&c->err, EINVAL, "Parameter 'capability' does not accept value '%.60s'", name ? name : "");
		if (!json_to_bool(json_get(list->arr.v[i], "state"), &on))
			return err_set(&c->err, EINVAL, "Parameter 'state' is missing");
		if (on)
			return err_set(&c->err, ENOTSUP, "migration capability '%s' is not supported", name);
	}
	return 0;
}
QMP("migrate-set-capabilities", migrate_set_capabilities);

/* ---- memory backends ---- */

static int query_memdev(struct qmp_call *c)
{
	struct object *m;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (m = c->m->objects; m; m = m->next) {
		const struct hostmem_conf *conf = hostmem_conf_of(m);
		struct json *o;

		if (!conf)
			continue;
		o = json_new(JSON_OBJECT);
		json_append(c->ret, o);
		qmp_str(o, "id", m->id);
		qmp_int(o, "size", conf->size);
		qmp_bool(o, "merge", true);
		qmp_bool(o, "dump", true);
		qmp_bool(o, "prealloc", conf->prealloc);
		qmp_bool(o, "share", conf->share);
		qmp_bool(o, "reserve", true);
		json_set(o, "host-nodes", json_new(JSON_ARRAY));
		qmp_str(o, "policy", "default");
	}
	return 0;
}
QMP("query-memdev", query_memdev);
