// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP's queries of what this machine has and can: processors one by one and
 * the features of a model, pointing devices, the display, kinds of
 * character backends. Shapes are QEMU 10's.
 */
#include <stdio.h>
#include <string.h>
#include "dev/input.h"
#include "qmp-util.h"
#include "str.h"

static struct json *object(struct json *array)
{
	struct json *o = json_new(JSON_OBJECT);

	json_append(array, o);
	return o;
}

/* ---- processors ---- */

/* All are there from the beginning; the last comes first, as QEMU has it. */
static int query_hotpluggable_cpus(struct qmp_call *c)
{
	unsigned i = pc_cpus(c->vm->pc);
	char type[96], path[64];

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	qmp_cpu_type(c->vm, type, sizeof(type));
	while (i--) {
		struct json *o = object(c->ret);

		snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
		json_set(o, "props", qmp_cpu_props(c->vm, i));
		qmp_int(o, "vcpus-count", 1);
		qmp_str(o, "qom-path", path);
		qmp_str(o, "type", type);
	}
	return 0;
}
QMP("query-hotpluggable-cpus", query_hotpluggable_cpus);

static void put_feature(void *ctx, const char *name, bool on) { qmp_bool(ctx, name, on); }

/* "MODEL,feature=on,...": what -cpu reads; -EINVAL for what is no switch. */
static int model_text(struct qmp_call *c, const char *name, const struct json *props, struct strbuf *text)
{
	size_t i;

	strbuf_puts(text, name);
	for (i = 0; props && i < props->obj.n; i++) {
		bool on;

		if (!json_to_bool(props->obj.v[i].val, &on) || strchr(props->obj.v[i].key, ','))
			return err_set(&c->err, EINVAL, "Invalid parameter type for 'model.props.%.40s', expected: boolean", props->obj.v[i].key);
		strbuf_printf(text, ",%s=%s", props->obj.v[i].key, on ? "on" : "off");
	}
	return strbuf_failed(text) < 0 ? err_set(&c->err, ENOMEM, "out of memory") : 0;
}

/* What a model with these features on and off comes to; our models are all static. */
static int query_cpu_model_expansion(struct qmp_call *c)
{
	static const char *const types[] = { "static", "full", NULL };
	const struct json *arg = qopts_json(c->args, "model"), *props = json_get(arg, "props");
	const char *type = qmp_need_str(c, "type"), *name = json_to_str(json_get(arg, "name"));
	struct strbuf text = STRBUF_INIT;
	struct x86_cpu_model model;
	struct json *o;

	if (!type)
		return -c->err.code;
	if (str_to_index(type, types) < 0)
		return err_set(&c->err, EINVAL, "Parameter 'type' does not accept value '%.60s'", type);
	if (!name)
		return err_set(&c->err, EINVAL, "Parameter 'model.name' is missing");
	if (!name[0] || strchr(name, ',') || x86_cpu_model_parse(&model, name, NULL) < 0)
		return err_set(&c->err, ENOENT, "CPU model '%.80s' not found", name);
	if (props && props->type != JSON_OBJECT)
		return err_set(&c->err, EINVAL, "Invalid parameter type for 'model.props', expected: object");
	if (model_text(c, name, props, &text) == 0 && x86_cpu_model_parse(&model, text.s, &c->err) == 0 && qmp_new(c, JSON_OBJECT) == 0) {
		o = json_new(JSON_OBJECT);
		json_set(c->ret, "model", o);
		qmp_str(o, "name", name);
		json_set(o, "props", json_new(JSON_OBJECT));
		x86_cpu_model_features(&model, put_feature, json_get(o, "props"));
	}
	strbuf_free(&text);
	return -c->err.code;
}
QMP("query-cpu-model-expansion", query_cpu_model_expansion);

/* ---- the rest of the machine ---- */

/* DIMMs and their like: the board has no slots for them. */
static int query_memory_devices(struct qmp_call *c)
{
	return qmp_new(c, JSON_ARRAY);
}
QMP("query-memory-devices", query_memory_devices);

static int query_mice(struct qmp_call *c)
{
	struct json *o;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	if (!machine_service(c->m, INPUT_MOUSE))
		return 0;
	o = object(c->ret);
	qmp_str(o, "name", "QEMU PS/2 Mouse");
	qmp_int(o, "index", 2);
	qmp_bool(o, "current", true);
	qmp_bool(o, "absolute", false);
	return 0;
}
QMP("query-mice", query_mice);

/* The firmware is told of no sleep state but off. */
static int query_current_machine(struct qmp_call *c)
{
	if (qmp_new(c, JSON_OBJECT) < 0)
		return -c->err.code;
	qmp_bool(c->ret, "wakeup-suspend-support", false);
	return 0;
}
QMP("query-current-machine", query_current_machine);

static int query_display_options(struct qmp_call *c)
{
	if (qmp_new(c, JSON_OBJECT) < 0)
		return -c->err.code;
	qmp_str(c->ret, "type", c->vm->display == VM_DISPLAY_CURSES ? "curses" : "none");
	return 0;
}
QMP("query-display-options", query_display_options);

static int query_chardev_backends(struct qmp_call *c)
{
	size_t i;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (i = 0; chardev_backend(i); i++)
		qmp_str(object(c->ret), "name", chardev_backend(i));
	return 0;
}
QMP("query-chardev-backends", query_chardev_backends);
