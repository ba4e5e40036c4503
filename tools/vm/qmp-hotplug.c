// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP commands that add to a machine and take away from it: devices,
 * block nodes, character backends, objects; and how the monitor does it.
 */
#include <stdio.h>
#include <string.h>
#include "dev/object.h"
#include "hmp.h"
#include "qmp-util.h"
#include "str.h"

/* ---- devices ---- */

static int device_add(struct qmp_call *c)
{
	if (!qopts_has(c->args, "driver"))
		return err_set(&c->err, EINVAL, "Parameter 'driver' is missing");
	return vm_device_add(c->vm, c->args, &c->err);
}
QMP("device_add", device_add);

int vm_device_del(struct vm *vm, const char *id, struct err *err)
{
	struct device *dev = device_find(vm->m, id);
	int ret;

	if (!dev || !dev->by_user)
		return err_set(err, ENODEV, "Device '%s' not found", id);
	if (!dev->bus->unplug_request)
		return err_set(err, ENOTSUP, "Bus '%s' does not support hotplugging", dev->bus->name);
	pc_pause(vm->pc);
	ret = dev->bus->unplug_request(dev->bus, dev, err);
	pc_resume(vm->pc);
	return ret;
}

static int device_del(struct qmp_call *c)
{
	const char *id = qmp_need_str(c, "id");
	int ret = id ? vm_device_del(c->vm, id, &c->err) : -c->err.code;

	if (ret == -ENODEV)
		c->err_class = "DeviceNotFound";
	return ret;
}
QMP("device_del", device_del);

/* ---- block nodes ---- */

static void mark_all(struct json *o)
{
	size_t i;

	o->used = true;
	for (i = 0; o->type == JSON_OBJECT && i < o->obj.n; i++)
		mark_all(o->obj.v[i].val);
	for (i = 0; o->type == JSON_ARRAY && i < o->arr.n; i++)
		mark_all(o->arr.v[i]);
}

/* The block layer reads the object as -blockdev's text, and refuses what it does not know itself. */
static int blockdev_add(struct qmp_call *c)
{
	struct strbuf text = STRBUF_INIT;

	if (!qopts_has(c->args, "driver"))
		return err_set(&c->err, EINVAL, "Parameter 'driver' is missing");
	if (!qopts_has(c->args, "node-name"))
		return err_set(&c->err, EINVAL, "'node-name' must be specified for the root node");
	if (json_print(c->args->obj, JSON_COMPACT, &text) < 0)
		err_set(&c->err, ENOMEM, "out of memory");
	else
		drive_add_blockdev(&c->vm->drives, text.s, &c->err);
	strbuf_free(&text);
	mark_all(c->args->obj);
	return -c->err.code;
}
QMP("blockdev-add", blockdev_add);

static int blockdev_del(struct qmp_call *c)
{
	const char *name = qmp_need_str(c, "node-name");

	return name ? drive_del(&c->vm->drives, name, &c->err) : -c->err.code;
}
QMP("blockdev-del", blockdev_del);

/* ---- character backends ---- */

/* Adds "key=value" with commas doubled. */
static void put_option(struct strbuf *b, const char *key, const char *val)
{
	strbuf_printf(b, ",%s=", key);
	for (; *val; val++) {
		if (*val == ',')
			strbuf_putc(b, ',');
		strbuf_putc(b, *val);
	}
}

static void put_address(struct qmp_call *c, struct strbuf *b)
{
	const char *type = "", *s = NULL;

	qopts_str(c->args, "backend.data.addr.type", &type, &c->err);
	if (str_eq(type, "unix")) {
		qopts_str(c->args, "backend.data.addr.data.path", &s, &c->err);
		put_option(b, "path", s ? s : "");
	} else if (str_eq(type, "inet")) {
		qopts_str(c->args, "backend.data.addr.data.host", &s, &c->err);
		put_option(b, "host", s ? s : "");
		qopts_str(c->args, "backend.data.addr.data.port", &s, &c->err);
		put_option(b, "port", s ? s : "");
	} else {
		err_set(&c->err, EINVAL, "Parameter 'addr.type' does not accept value '%s'", type);
	}
}

/* What -chardev calls things, by what QMP calls them. */
static const struct { const char *type, *key, *option; bool is_bool; } chardev_keys[] = {
	{ "file", "out", "path", false }, { "file", "append", "append", true },
	{ "pipe", "device", "path", false }, { "serial", "device", "path", false },
	{ "ringbuf", "size", "size", false },
	{ "socket", "server", "server", true }, { "socket", "wait", "wait", true }, { "socket", "nodelay", "nodelay", true },
};

static void put_data(struct qmp_call *c, const char *type, struct strbuf *b)
{
	size_t i;

	if (str_eq(type, "socket"))
		put_address(c, b);
	for (i = 0; i < ARRAY_SIZE(chardev_keys); i++) {
		const char *s = NULL;
		bool on = false;
		char key[64];
		u64 n = 0;

		if (!str_eq(chardev_keys[i].type, type))
			continue;
		snprintf(key, sizeof(key), "backend.data.%s", chardev_keys[i].key);
		if (chardev_keys[i].is_bool) {
			if (qopts_bool(c->args, key, &on, &c->err) > 0)
				put_option(b, chardev_keys[i].option, on ? "on" : "off");
		} else if (str_eq(chardev_keys[i].key, "size")) {
			if (qopts_u64(c->args, key, 1, GiB, &n, &c->err) > 0)
				strbuf_printf(b, ",size=%llu", n);
		} else if (qopts_str(c->args, key, &s, &c->err) > 0) {
			put_option(b, chardev_keys[i].option, s);
		}
	}
}

static int chardev_add_qmp(struct qmp_call *c)
{
	const char *id = qmp_need_str(c, "id"), *type = NULL;
	struct strbuf text = STRBUF_INIT;
	struct qopts *backend = NULL;

	qopts_sub(c->args, "backend", &backend, &c->err);
	qopts_str(c->args, "backend.type", &type, &c->err);
	if (!type)
		err_set(&c->err, EINVAL, "Parameter 'backend.type' is missing");
	if (err_is_set(&c->err))
		return -c->err.code;
	strbuf_puts(&text, type);
	put_option(&text, "id", id);
	put_data(c, type, &text);
	if (qopts_has(c->args, "backend.data"))
		qopts_sub(c->args, "backend.data", &backend, &c->err);
	if (!err_is_set(&c->err) && strbuf_failed(&text) == 0)
		chardev_add(c->vm->chardevs, text.s, &c->err);
	strbuf_free(&text);
	return err_is_set(&c->err) ? -c->err.code : qmp_new(c, JSON_OBJECT);
}
QMP("chardev-add", chardev_add_qmp);

static int chardev_remove(struct qmp_call *c)
{
	const char *id = qmp_need_str(c, "id");

	return id ? chardev_del(c->vm->chardevs, id, &c->err) : -c->err.code;
}
QMP("chardev-remove", chardev_remove);

/* ---- objects ---- */

static int object_add_qmp(struct qmp_call *c)
{
	return object_add(c->m, c->args, &c->err);
}
QMP("object-add", object_add_qmp);

static int object_del_qmp(struct qmp_call *c)
{
	const char *id = qmp_need_str(c, "id");

	return id ? object_del(c->m, id, &c->err) : -c->err.code;
}
QMP("object-del", object_del_qmp);

static int query_iothreads(struct qmp_call *c)
{
	struct object *o;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (o = c->m->objects; o; o = o->next) {
		struct json *j;

		if (!str_eq(o->cls->name, "iothread") || !(j = json_new(JSON_OBJECT)))
			continue;
		qmp_str(j, "id", o->id);
		qmp_int(j, "thread-id", (u64)iothread_tid(o));
		qmp_int(j, "poll-max-ns", 0);
		qmp_int(j, "poll-grow", 0);
		qmp_int(j, "poll-shrink", 0);
		qmp_int(j, "aio-max-batch", 0);
		json_append(c->ret, j);
	}
	return 0;
}
QMP("query-iothreads", query_iothreads);

/* ---- the same in the monitor: QEMU's option text instead of JSON ---- */

static void report(struct hmp_call *c, const struct err *err)
{
	if (err->code)
		strbuf_printf(c->out, "Error: %s\n", err->msg);
}

static void with_text(struct hmp_call *c, const char *implied, int (*fn)(struct vm *vm, struct qopts *q, struct err *err))
{
	struct err err = ERR_INIT;
	struct qopts *q = c->argc == 2 ? qopts_parse(c->argv[0], c->argv[1], implied, &err) : NULL;

	if (c->argc != 2)
		strbuf_printf(c->out, "usage: %s TYPE,PROP=VALUE...\n", c->argv[0]);
	else if (q)
		fn(c->vm, q, &err);
	qopts_free(q);
	report(c, &err);
}

static int add_object(struct vm *vm, struct qopts *q, struct err *err) { return object_add(vm->m, q, err); }

static int del_chardev(struct vm *vm, const char *id, struct err *err) { return chardev_del(vm->chardevs, id, err); }
static int del_object(struct vm *vm, const char *id, struct err *err) { return object_del(vm->m, id, err); }
static int del_drive(struct vm *vm, const char *id, struct err *err) { return drive_del(&vm->drives, id, err); }

static void with_id(struct hmp_call *c, int (*fn)(struct vm *vm, const char *id, struct err *err))
{
	struct err err = ERR_INIT;

	if (c->argc != 2)
		strbuf_printf(c->out, "usage: %s ID\n", c->argv[0]);
	else
		fn(c->vm, c->argv[1], &err);
	report(c, &err);
}

void hmp_device_add(struct hmp_call *c) { with_text(c, "driver", vm_device_add); }
void hmp_object_add(struct hmp_call *c) { with_text(c, "qom-type", add_object); }
void hmp_device_del(struct hmp_call *c) { with_id(c, vm_device_del); }
void hmp_object_del(struct hmp_call *c) { with_id(c, del_object); }
void hmp_chardev_remove(struct hmp_call *c) { with_id(c, del_chardev); }
void hmp_drive_del(struct hmp_call *c) { with_id(c, del_drive); }

void hmp_chardev_add(struct hmp_call *c)
{
	struct err err = ERR_INIT;

	if (c->argc != 2)
		strbuf_puts(c->out, "usage: chardev-add BACKEND,id=ID,...\n");
	else
		chardev_add(c->vm->chardevs, c->argv[1], &err);
	report(c, &err);
}

void hmp_drive_add(struct hmp_call *c)
{
	struct err err = ERR_INIT;

	if (c->argc < 2)
		strbuf_puts(c->out, "usage: drive_add [ADDR] OPTIONS\n");
	else if (drive_add(&c->vm->drives, c->argv[c->argc - 1], &err))
		strbuf_puts(c->out, "OK\n");
	report(c, &err);
}
