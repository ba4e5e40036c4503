// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP about QEMU's object tree, as far as there is one here: /machine with
 * its devices and processors, /objects, /chardevs. A device also goes by its
 * id alone. Properties of a device are its own, and what its class gives besides.
 */
#include <stdio.h>
#include <string.h>
#include "dev/hostmem.h"
#include "dev/object.h"
#include "qmp-util.h"
#include "str.h"

/* What a path leads to: type is always there, at most one of the others. */
struct node {
	char type[96];
	bool machine;
	struct device *dev;
	struct object *obj;
	int cpu;			/* -1: none */
};

#define CPU_PATH "/machine/unattached/device["

static bool named(struct node *n, const char *type)
{
	snprintf(n->type, sizeof(n->type), "%s", type);
	return true;
}

static bool is_container(const char *path)
{
	static const char *const names[] = {
		"", "/machine/peripheral", "/machine/peripheral-anon", "/machine/unattached", "/objects", "/chardevs", NULL,
	};

	return str_to_index(path, names) >= 0;
}

void qmp_cpu_type(const struct vm *vm, char *buf, size_t len)
{
	const char *model = vm->cfg.cpu && vm->cfg.cpu[0] ? vm->cfg.cpu : "vmbox";

	snprintf(buf, len, "%.*s-x86_64-cpu", (int)MIN(strcspn(model, ","), (size_t)64), model);
}

static bool find_cpu(const struct qmp_call *c, const char *rest, struct node *n)
{
	const char *end;
	u64 i;

	if (str_scan_u64(rest, 10, &end, &i) < 0 || !str_eq(end, "]") || i >= pc_cpus(c->vm->pc))
		return false;
	n->cpu = (int)i;
	qmp_cpu_type(c->vm, n->type, sizeof(n->type));
	return true;
}

static bool find_chardev(const struct qmp_call *c, const char *id, struct node *n)
{
	const struct chardev *chr = chardev_find(c->vm->chardevs, id);

	if (chr)
		snprintf(n->type, sizeof(n->type), "chardev-%s", chardev_kind_name(chr));
	return chr;
}

static bool find_in(const struct qmp_call *c, const char *path, struct node *n)
{
	const char *rest;

	if (is_container(path))
		return named(n, "container");
	if (str_eq(path, "/machine")) {
		n->machine = true;
		return named(n, c->vm->microvm ? "microvm-machine" : "pc-q35-10.0-machine");
	}
	if (str_starts(path, CPU_PATH, &rest))
		return find_cpu(c, rest, n);
	if (str_starts(path, "/chardevs/", &rest))
		return find_chardev(c, rest, n);
	if (str_starts(path, "/objects/", &rest)) {
		n->obj = object_find(c->m, rest, NULL, NULL);
		return n->obj && named(n, n->obj->cls->name);
	}
	n->dev = device_find(c->m, path);
	return n->dev && named(n, n->dev->cls->name);
}

/* 0 or -ENODEV, with QEMU's words. */
static int find(struct qmp_call *c, const char *path, struct node *n)
{
	char copy[256];
	size_t len = (size_t)snprintf(copy, sizeof(copy), "%s", path);

	*n = (struct node){ .cpu = -1 };
	if (len < sizeof(copy) && len && copy[len - 1] == '/')
		copy[len - 1] = '\0';
	if (len && len < sizeof(copy) && find_in(c, copy, n))
		return 0;
	c->err_class = "DeviceNotFound";
	return err_set(&c->err, ENODEV, "Device '%s' not found", path);
}

/* ---- values ---- */

/* A property's text as the JSON value of its type. */
static struct json *prop_value(struct device *dev, const struct prop *p)
{
	const char *type = device_prop_type_name(p);
	struct err err = ERR_INIT;
	char buf[256];

	device_prop_get(dev, p, buf, sizeof(buf));
	if (p->type == PROP_T_DEVFN)
		return json_new_int(*(const s32 *)((const u8 *)dev + p->offset));
	/* Numbers, booleans and quoted texts are JSON already. */
	return str_eq(type, "OnOffAuto") || buf[0] == '"' ? json_new_strn(buf + 1, strlen(buf) - 2)
							 : json_parse(buf, strlen(buf), NULL, &err);
}

static struct json *device_value(struct device *dev, const char *name)
{
	const struct prop *p = device_prop_find(dev->cls, name);

	if (p)
		return prop_value(dev, p);
	if (str_eq(name, "realized"))
		return json_new_bool(dev->realized);
	return dev->cls->get ? dev->cls->get(dev, name) : NULL;
}

static const struct { const char *name, *type; } machine_props[] = {
	{ "kernel", "string" }, { "initrd", "string" }, { "append", "string" }, { "firmware", "string" }, { "hpet", "bool" },
	{ "acpi", "OnOffAuto" },
};

static struct json *machine_value(const struct pc_config *cfg, const char *name)
{
	const char *const texts[] = { cfg->kernel, cfg->initrd, cfg->append, cfg->bios };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (str_eq(name, machine_props[i].name))
			return json_new_str(texts[i] ? texts[i] : "");
	if (str_eq(name, "hpet"))
		return json_new_bool(!cfg->no_hpet);
	return str_eq(name, "acpi") ? json_new_str(cfg->no_acpi ? "off" : "auto") : NULL;
}

static const struct { const char *name, *type; } cpu_props[] = {
	{ "socket-id", "int32" }, { "core-id", "int32" }, { "thread-id", "int32" }, { "apic-id", "uint32" }, { "realized", "bool" },
};

static struct json *cpu_value(const struct vm *vm, unsigned cpu, const char *name)
{
	struct json *props = qmp_cpu_props(vm, cpu), *val = json_take(props, name);

	json_free(props);
	if (val)
		return val;
	if (str_eq(name, "apic-id"))
		return json_new_uint(x86_system_cpu(pc_system(vm->pc), cpu)->apic_id);
	return str_eq(name, "realized") ? json_new_bool(true) : NULL;
}

static struct json *object_value(const struct object *o, const char *name)
{
	const struct hostmem_conf *mem = hostmem_conf_of(o);
	struct json *val = o->cls->get ? o->cls->get(o, name) : NULL;

	if (val)
		return val;
	if (!mem)
		return NULL;
	if (str_eq(name, "size"))
		return json_new_uint(mem->size);
	if (str_eq(name, "share"))
		return json_new_bool(mem->share);
	return str_eq(name, "prealloc") ? json_new_bool(mem->prealloc) : NULL;
}

static struct json *value_of(const struct qmp_call *c, const struct node *n, const char *name)
{
	if (str_eq(name, "type"))
		return json_new_str(n->type);
	if (n->machine)
		return machine_value(&c->vm->cfg, name);
	if (n->cpu >= 0)
		return cpu_value(c->vm, (unsigned)n->cpu, name);
	return n->dev ? device_value(n->dev, name) : n->obj ? object_value(n->obj, name) : NULL;
}

static int no_property(struct qmp_call *c, const struct node *n, const char *name)
{
	return err_set(&c->err, ENOENT, "Property '%s.%s' not found", n->type, name);
}

static int qom_get(struct qmp_call *c)
{
	const char *path = qmp_need_str(c, "path"), *name = path ? qmp_need_str(c, "property") : NULL;
	struct node n;

	if (!name || find(c, path, &n) < 0)
		return -c->err.code;
	c->ret = value_of(c, &n, name);
	return c->ret ? 0 : no_property(c, &n, name);
}
QMP("qom-get", qom_get);

/* Some properties of devices may change; what was given when they were made may not. */
static int qom_set(struct qmp_call *c)
{
	const char *path = qmp_need_str(c, "path"), *name = path ? qmp_need_str(c, "property") : NULL;
	const struct json *val = qopts_json(c->args, "value");
	struct json *now;
	struct node n;
	int ret;

	if (!name)
		return -c->err.code;
	if (!val)
		return err_set(&c->err, EINVAL, "Parameter 'value' is missing");
	if (find(c, path, &n) < 0)
		return -c->err.code;
	if (n.dev && n.dev->cls->set) {
		ret = n.dev->cls->set(n.dev, name, val, &c->err);
		if (ret != -ENOENT)
			return ret;
	}
	if (n.obj && n.obj->cls->set) {
		ret = n.obj->cls->set(n.obj, name, val, &c->err);
		if (ret != -ENOENT)
			return ret;
	}
	now = value_of(c, &n, name);
	if (!now)
		return no_property(c, &n, name);
	json_free(now);
	if (!n.dev || !device_prop_find(n.dev->cls, name))
		return err_set(&c->err, EPERM, "Property '%s.%s' is not writable", n.type, name);
	if (n.dev->id)
		return err_set(&c->err, EPERM, "Attempt to set property '%s' on device '%s' (type '%s') after it was realized", name,
			       n.dev->id, n.type);
	return err_set(&c->err, EPERM, "Attempt to set property '%s' on anonymous device (type '%s') after it was realized", name, n.type);
}
QMP("qom-set", qom_set);

/* ---- lists ---- */

static void add_member(struct json *list, const char *name, const char *type)
{
	struct json *o = json_new(JSON_OBJECT);

	json_append(list, o);
	qmp_str(o, "name", name);
	qmp_str(o, "type", type);
}

static void add_child(struct json *list, const char *name, const char *type)
{
	char text[128];

	snprintf(text, sizeof(text), "child<%s>", type);
	add_member(list, name, text);
}

struct listing {
	struct json *list;
	struct chardevs *chardevs;
	bool with_id;
};

static int list_device(struct device *dev, int depth, void *opaque)
{
	struct listing *l = opaque;

	(void)depth;
	if (dev->by_user && !!dev->id == l->with_id)
		add_child(l->list, dev->id ? dev->id : dev->path, dev->cls->name);
	return 0;
}

static void list_chardev(void *ctx, const char *id, const char *file, bool open)
{
	struct listing *l = ctx;
	char type[64];

	(void)file, (void)open;
	snprintf(type, sizeof(type), "chardev-%s", chardev_kind_name(chardev_find(l->chardevs, id)));
	add_child(l->list, id, type);
}

static void list_props(struct json *list, const struct prop *p)
{
	for (; p && p->name; p++)
		add_member(list, p->name, device_prop_type_name(p));
}

static void list_device_props(struct json *list, const struct device_class *cls)
{
	add_member(list, "realized", "bool");
	list_props(list, cls->props);
	list_props(list, cls->bus_props);
}

static void list_object_props(struct json *list, const struct object_class *cls)
{
	size_t i;

	for (i = 0; cls->props && cls->props[i]; i++)
		add_member(list, cls->props[i], "str");
}

static void list_cpus(struct qmp_call *c)
{
	char name[32], type[96];
	unsigned i;

	qmp_cpu_type(c->vm, type, sizeof(type));
	for (i = 0; i < pc_cpus(c->vm->pc); i++) {
		snprintf(name, sizeof(name), "device[%u]", i);
		add_child(c->ret, name, type);
	}
}

static void list_machine(struct json *list)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(machine_props); i++)
		add_member(list, machine_props[i].name, machine_props[i].type);
	add_child(list, "peripheral", "container");
	add_child(list, "peripheral-anon", "container");
	add_child(list, "unattached", "container");
}

static void list_container(struct qmp_call *c, const char *path)
{
	struct listing l = { .list = c->ret, .chardevs = c->vm->chardevs, .with_id = true };
	struct object *o;

	if (str_starts(path, "/machine/peripheral", &path)) {
		l.with_id = !str_starts(path, "-anon", NULL);
		device_walk(c->m, list_device, &l);
	} else if (str_starts(path, "/machine/unattached", NULL)) {
		list_cpus(c);
	} else if (str_starts(path, "/objects", NULL)) {
		for (o = c->m->objects; o; o = o->next)
			add_child(c->ret, o->id, o->cls->name);
	} else if (str_starts(path, "/chardevs", NULL)) {
		chardev_walk(c->vm->chardevs, list_chardev, &l);
	} else {
		add_child(c->ret, "machine", c->vm->microvm ? "microvm-machine" : "pc-q35-10.0-machine");
		add_child(c->ret, "objects", "container");
		add_child(c->ret, "chardevs", "container");
	}
}

static int qom_list(struct qmp_call *c)
{
	const char *path = qmp_need_str(c, "path");
	struct node n;
	size_t i;

	if (!path || find(c, path, &n) < 0 || qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	add_member(c->ret, "type", "string");
	if (n.machine)
		list_machine(c->ret);
	else if (n.dev)
		list_device_props(c->ret, n.dev->cls);
	else if (n.obj)
		list_object_props(c->ret, n.obj->cls);
	else if (n.cpu >= 0)
		for (i = 0; i < ARRAY_SIZE(cpu_props); i++)
			add_member(c->ret, cpu_props[i].name, cpu_props[i].type);
	else if (str_eq(n.type, "container"))
		list_container(c, path);
	return 0;
}
QMP("qom-list", qom_list);

static int qom_list_properties(struct qmp_call *c)
{
	const char *name = qmp_need_str(c, "typename");
	const struct device_class *dev = name ? device_class_find(name) : NULL;
	const struct object_class *cls, *obj = NULL;

	REGISTRY_FOREACH(object, cls)
		if (name && str_eq(cls->name, name))
			obj = cls;
	if (!name)
		return -c->err.code;
	if (!dev && !obj) {
		c->err_class = "DeviceNotFound";
		return err_set(&c->err, ENODEV, "Class '%s' not found", name);
	}
	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	add_member(c->ret, "type", "string");
	if (dev)
		list_device_props(c->ret, dev);
	else
		list_object_props(c->ret, obj);
	return 0;
}
QMP("qom-list-properties", qom_list_properties);
