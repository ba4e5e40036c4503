// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP commands about the machine as a whole. Names and shapes of replies are
 * QEMU 10's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dev/char.h"
#include "dev/object.h"
#include "qmp-util.h"
#include "str.h"

static int new_object(struct qmp_call *c)
{
	c->ret = json_new(JSON_OBJECT);
	return c->ret ? 0 : err_set(&c->err, ENOMEM, "out of memory");
}

static int new_array(struct qmp_call *c)
{
	c->ret = json_new(JSON_ARRAY);
	return c->ret ? 0 : err_set(&c->err, ENOMEM, "out of memory");
}

static void set_str(struct json *o, const char *key, const char *val)
{
	json_set(o, key, json_new_str(val));
}

/* An array element { "name": name } */
static struct json *named(const char *name)
{
	struct json *o = json_new(JSON_OBJECT);

	if (o)
		set_str(o, "name", name);
	return o;
}

static int qmp_capabilities(struct qmp_call *c)
{
	const struct json *list = qopts_json(c->args, "enable");

	if (list && (list->type != JSON_ARRAY || list->arr.n))
		return err_set(&c->err, EINVAL, "Capability not available");
	return 0;
}
QMP("qmp_capabilities", qmp_capabilities);

static int query_status(struct qmp_call *c)
{
	if (new_object(c) < 0)
		return -c->err.code;
	json_set(c->ret, "running", json_new_bool(c->m->state == RUN_RUNNING));
	set_str(c->ret, "status", vm_state_name(c->vm));
	return 0;
}
QMP("query-status", query_status);

static int query_version(struct qmp_call *c)
{
	struct json *v;

	if (new_object(c) < 0 || !(v = json_new(JSON_OBJECT)))
		return err_set(&c->err, ENOMEM, "out of memory");
	json_set(v, "micro", json_new_int(0));
	json_set(v, "minor", json_new_int(0));
	json_set(v, "major", json_new_int(10));
	json_set(c->ret, "qemu", v);
	set_str(c->ret, "package", "vmbox");
	return 0;
}
QMP("query-version", query_version);

static int query_commands(struct qmp_call *c)
{
	const struct qmp_command *cmd;

	if (new_array(c) < 0)
		return -c->err.code;
	REGISTRY_FOREACH(qmp_command, cmd)
		json_append(c->ret, named(cmd->name));
	return 0;
}
QMP("query-commands", query_commands);

static int query_name(struct qmp_call *c)
{
	if (new_object(c) < 0)
		return -c->err.code;
	if (c->vm->cfg.name)
		set_str(c->ret, "name", c->vm->cfg.name);
	return 0;
}
QMP("query-name", query_name);

static int query_uuid(struct qmp_call *c)
{
	const u8 *u = c->vm->cfg.uuid;
	char text[40];

	if (new_object(c) < 0)
		return -c->err.code;
	snprintf(text, sizeof(text), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
		 u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	set_str(c->ret, "UUID", text);
	return 0;
}
QMP("query-uuid", query_uuid);

static int query_kvm(struct qmp_call *c)
{
	if (new_object(c) < 0)
		return -c->err.code;
	json_set(c->ret, "enabled", json_new_bool(false));
	json_set(c->ret, "present", json_new_bool(false));
	return 0;
}
QMP("query-kvm", query_kvm);

struct json *qmp_cpu_props(const struct vm *vm, unsigned cpu)
{
	const struct x86_topology *t = &vm->cfg.topology;
	struct json *props = json_new(JSON_OBJECT);

	json_set(props, "socket-id", json_new_int(cpu / t->threads / t->cores / t->dies));
	if (t->dies > 1)
		json_set(props, "die-id", json_new_int(cpu / t->threads / t->cores % t->dies));
	json_set(props, "core-id", json_new_int(cpu / t->threads % t->cores));
	json_set(props, "thread-id", json_new_int(cpu % t->threads));
	return props;
}

static int query_cpus_fast(struct qmp_call *c)
{
	unsigned i;

	if (new_array(c) < 0)
		return -c->err.code;
	for (i = 0; i < pc_cpus(c->vm->pc); i++) {
		struct json *o = json_new(JSON_OBJECT);
		char path[64];

		snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
		json_set(o, "cpu-index", json_new_int(i));
		set_str(o, "qom-path", path);
		json_set(o, "thread-id", json_new_int(pc_cpu_tid(c->vm->pc, i)));
		set_str(o, "target", "x86_64");
		json_set(o, "props", qmp_cpu_props(c->vm, i));
		json_append(c->ret, o);
	}
	return 0;
}
QMP("query-cpus-fast", query_cpus_fast);

static int add_machine(struct qmp_call *c, const char *name, bool is_default)
{
	struct json *o = named(name);

	if (is_default)
		json_set(o, "is-default", json_new_bool(true));
	json_set(o, "cpu-max", json_new_int(X86_CPUS_MAX));
	json_set(o, "hotpluggable-cpus", json_new_bool(false));
	json_set(o, "deprecated", json_new_bool(false));
	return json_append(c->ret, o);
}

static int query_machines(struct qmp_call *c)
{
	if (new_array(c) < 0)
		return -c->err.code;
	if (add_machine(c, "q35", true) < 0)
		return err_set(&c->err, ENOMEM, "out of memory");
	return pc_has_microvm() ? add_machine(c, "microvm", false) : 0;
}
QMP("query-machines", query_machines);

static void add_chardev(void *ctx, const char *id, const char *file, bool open)
{
	struct json *o = json_new(JSON_OBJECT);

	json_set(o, "frontend-open", json_new_bool(open));
	set_str(o, "filename", file);
	set_str(o, "label", id);
	json_append(ctx, o);
}

static int query_chardev(struct qmp_call *c)
{
	if (new_array(c) < 0)
		return -c->err.code;
	chardev_walk(c->vm->chardevs, add_chardev, c->ret);
	return 0;
}
QMP("query-chardev", query_chardev);

static int qmp_stop(struct qmp_call *c) { vm_stop(c->vm); return 0; }
QMP("stop", qmp_stop);

static int qmp_cont(struct qmp_call *c)
{
	if (vm_may_cont(c->vm, &c->err) < 0)
		return -c->err.code;
	vm_cont(c->vm);
	return 0;
}
QMP("cont", qmp_cont);

static int system_reset(struct qmp_call *c) { vm_system_reset(c->vm); return 0; }
QMP("system_reset", system_reset);

static int system_powerdown(struct qmp_call *c)
{
	pc_power_button(c->vm->pc);
	vm_event(c->vm, "POWERDOWN", NULL);
	return 0;
}
QMP("system_powerdown", system_powerdown);

static int qmp_quit(struct qmp_call *c)
{
	vm_event(c->vm, "SHUTDOWN", "{\"guest\": false, \"reason\": \"host-qmp-quit\"}");
	vm_quit(c->vm, 0);
	return 0;
}
QMP("quit", qmp_quit);

static int inject_nmi(struct qmp_call *c)
{
	unsigned i;

	for (i = 0; i < pc_cpus(c->vm->pc); i++)
		pc_nmi(c->vm->pc, i);
	return 0;
}
QMP("inject-nmi", inject_nmi);

static void add_type(struct qmp_call *c, const char *name, const char *parent)
{
	struct json *o = named(name);

	set_str(o, "parent", parent);
	json_append(c->ret, o);
}

static int qom_list_types(struct qmp_call *c)
{
	const struct device_class *cls;
	const struct object_class *obj;
	const char *implements = NULL;
	bool abstract = false, all, objects;

	qopts_str(c->args, "implements", &implements, &c->err);
	qopts_bool(c->args, "abstract", &abstract, &c->err);
	if (err_is_set(&c->err) || new_array(c) < 0)
		return -c->err.code;
	all = !implements || str_eq(implements, "object");
	objects = implements && str_eq(implements, "user-creatable");
	if (!objects)
		REGISTRY_FOREACH(device, cls)
			add_type(c, cls->name, "device");
	if (all || objects)
		REGISTRY_FOREACH(object, obj)
			add_type(c, obj->name, "object");
	return 0;
}
QMP("qom-list-types", qom_list_types);

static void add_props(struct json *list, const struct prop *p)
{
	for (; p && p->name; p++) {
		struct json *o = named(p->name);

		set_str(o, "type", device_prop_type_name(p));
		set_str(o, "description", p->help);
		json_append(list, o);
	}
}

static int device_list_properties(struct qmp_call *c)
{
	const struct device_class *cls;
	const char *name = "";

	qopts_str(c->args, "typename", &name, &c->err);
	qopts_require(c->args, "typename", &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	cls = device_class_find(name);
	if (!cls) {
		c->err_class = "DeviceNotFound";
		return err_set(&c->err, ENODEV, "Device '%s' not found", name);
	}
	if (new_array(c) < 0)
		return -c->err.code;
	add_props(c->ret, cls->props);
	add_props(c->ret, cls->bus_props);
	return 0;
}
QMP("device-list-properties", device_list_properties);

static int human_monitor_command(struct qmp_call *c)
{
	struct strbuf out = STRBUF_INIT;
	const char *line = "";
	s64 cpu = 0;

	qopts_str(c->args, "command-line", &line, &c->err);
	qopts_require(c->args, "command-line", &c->err);
	qopts_s64(c->args, "cpu-index", 0, X86_CPUS_MAX, &cpu, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	hmp_run(c->vm, line, (int)cpu, &out);
	c->ret = json_new_strn(out.s, out.len);
	strbuf_free(&out);
	return c->ret ? 0 : err_set(&c->err, ENOMEM, "out of memory");
}
QMP("human-monitor-command", human_monitor_command);

/* Guest-physical memory to a file. */
static int pmemsave(struct qmp_call *c)
{
	u64 addr = 0, size = 0, at;
	const char *path = NULL;
	u8 buf[4096];
	FILE *f;

	qopts_u64(c->args, "val", 0, ~0ULL, &addr, &c->err);
	qopts_u64(c->args, "size", 0, 1ULL << 40, &size, &c->err);
	qopts_str(c->args, "filename", &path, &c->err);
	qopts_require(c->args, "filename", &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	f = fopen(path, "we");
	if (!f)
		return err_errno(&c->err, errno, "Could not open '%s'", path);
	for (at = 0; at < size; at += sizeof(buf)) {
		u64 n = MIN(size - at, (u64)sizeof(buf));

		mem_read_buf(&c->m->mem, addr + at, buf, n);
		if (fwrite(buf, 1, n, f) != n)
			break;
	}
	if (fclose(f) || at < size)
		return err_errno(&c->err, errno, "Could not write '%s'", path);
	return 0;
}
QMP("pmemsave", pmemsave);
