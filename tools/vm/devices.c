// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Backends and devices of the command line: -chardev, -serial, -monitor,
 * -qmp, -qtest, -debugcon, -device; and the default ones.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dev/object.h"
#include "qopts.h"
#include "str.h"
#include "vm.h"

#define SERIALS 4

/* ---- -device ---- */

/* A JSON value or key=value text as device_set_prop() reads it. */
static const char *value_text(const struct json *v, char *buf, size_t len)
{
	switch (v->type) {
	case JSON_STRING:
		return v->str.s;
	case JSON_BOOL:
		return v->b ? "on" : "off";
	case JSON_INT:
		snprintf(buf, len, "%lld", v->i);
		return buf;
	case JSON_UINT:
		snprintf(buf, len, "%llu", v->u);
		return buf;
	default:
		return NULL;
	}
}

static int set_props(struct device *dev, struct qopts *q, struct err *err)
{
	size_t i;

	for (i = 0; i < q->obj->obj.n; i++) {
		const struct json_member *mb = &q->obj->obj.v[i];
		char buf[32];
		const char *text;

		if (str_eq(mb->key, "driver") || str_eq(mb->key, "id") || str_eq(mb->key, "bus"))
			continue;
		mb->val->used = true;
		text = value_text(mb->val, buf, sizeof(buf));
		if (!text)
			return err_set(err, EINVAL, "-device %s: '%s' must be a plain value", dev->cls->name, mb->key);
		if (device_set_prop(dev, mb->key, text, err) < 0)
			return -err->code;
	}
	return 0;
}

/* A running machine's bus must know how to show a device to the guest. */
static int need_hot_bus(struct vm *vm, const struct device *dev, struct device_bus **bus, struct err *err)
{
	if (!*bus && dev->cls->bus)
		*bus = device_bus_find(vm->m, NULL, dev->cls->bus);
	if (!*bus)
		return err_set(err, EINVAL, "Device '%s' can not be hotplugged on this machine", dev->cls->name);
	return (*bus)->hotplug ? 0 : err_set(err, EINVAL, "Bus '%s' does not support hotplugging", (*bus)->name);
}

static int hot_plug(struct vm *vm, struct device *dev, struct device_bus *bus, struct err *err)
{
	int ret;

	pc_pause(vm->pc);
	ret = device_realize(dev, bus, err);
	if (ret == 0) {
		device_reset_tree(dev);
		bus->hotplug(bus, dev);
	}
	pc_resume(vm->pc);
	return ret;
}

int vm_device_add(struct vm *vm, struct qopts *q, struct err *err)
{
	const char *driver = NULL, *id = NULL, *bus_name = NULL;
	struct device_bus *bus = NULL;
	struct device *dev;

	qopts_str(q, "driver", &driver, err);
	qopts_id(q, "id", &id, err);
	qopts_str(q, "bus", &bus_name, err);
	if (err_is_set(err))
		return -err->code;
	if (!driver)
		return err_set(err, EINVAL, "-device: parameter 'driver' is missing");
	dev = device_new(vm->m, driver, err);
	if (!dev)
		return -err->code;
	dev->by_user = true;
	if (dev->cls->internal)
		err_set(err, EINVAL, "'%s' is not a valid device model name: it is a part of the board", driver);
	else if (id && !(dev->id = str_dup(id)))
		err_set(err, ENOMEM, "out of memory");
	else if (bus_name && !(bus = device_bus_find(vm->m, bus_name, NULL)))
		err_set(err, ENOENT, "Bus '%s' not found", bus_name);
	else if (vm->started && need_hot_bus(vm, dev, &bus, err) < 0)
		;	/* said */
	else if (id && device_find(vm->m, id))
		err_set(err, EEXIST, "Duplicate device ID '%s'", id);
	else
		set_props(dev, q, err);
	if (err_is_set(err)) {
		device_discard(dev);
		return -err->code;
	}
	return vm->started ? hot_plug(vm, dev, bus, err) : device_realize(dev, bus, err);
}

static int add_device(struct vm *vm, const char *text, struct err *err)
{
	struct qopts *q = qopts_parse("-device", text, "driver", err);
	int ret;

	if (!q)
		return -err->code;
	ret = vm_device_add(vm, q, err);
	qopts_free(q);
	return ret;
}

/* ---- legacy character options ---- */

static int add_legacy(struct vm *vm, const char *prefix, unsigned n, const char *spec, struct chardev **chr, struct err *err)
{
	char id[32];

	snprintf(id, sizeof(id), "%s%u", prefix, n);
	if (chardev_add_legacy(vm->chardevs, id, spec, chr, err) < 0)
		return err_prefix(err, "-%s %s", str_starts(prefix, "compat_monitor", NULL) ? "monitor" : prefix, spec);
	return 0;
}

static int add_serial(struct vm *vm, unsigned n, struct chardev *chr, struct err *err)
{
	char index[8];

	if (vm->no_isa_serial)
		return 0;
	if (!device_class_find("isa-serial"))
		return err_set(err, ENOENT, "serial ports are not built in");
	snprintf(index, sizeof(index), "%u", n);
	return device_create(vm->m, NULL, "isa-serial", err, "index", index, "chardev", chardev_id(chr), NULL) ? 0 : -err->code;
}

/* A monitor goes to a "mon:" backend by itself. */
static int maybe_monitor(struct vm *vm, const char *spec, struct chardev *chr, struct err *err)
{
	return chr && str_starts(spec, "mon:", NULL) ? hmp_start(vm, chr, err) : 0;
}

static int add_serials(struct vm *vm, struct err *err)
{
	const struct opt_list *list = &vm->args->serial;
	struct chardev *chr;
	unsigned i;

	if (list->n > SERIALS)
		return err_set(err, EINVAL, "-serial: at most %u serial ports", SERIALS);
	for (i = 0; i < list->n; i++) {
		if (add_legacy(vm, "serial", i, list->v[i].val, &chr, err) < 0)
			return -err->code;
		if (chr && (add_serial(vm, i, chr, err) < 0 || maybe_monitor(vm, list->v[i].val, chr, err) < 0))
			return -err->code;
	}
	return 0;
}

/* Nobody said what the terminal is for: serial port and monitor, as -nographic has it. */
static int add_default_console(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;
	bool serial = !a->serial.n && !a->nodefaults, monitor = !a->monitor.n && !a->mon.n && !a->nodefaults;
	const char *spec = vm->display ? "null" : monitor ? "mon:stdio" : "stdio";
	struct chardev *chr;

	if (!serial || (!a->nographic && (a->daemonize || a->qtest || (a->display && !vm->display))))
		return 0;
	if (add_legacy(vm, "serial", 0, spec, &chr, err) < 0 || add_serial(vm, 0, chr, err) < 0)
		return -err->code;
	return maybe_monitor(vm, spec, chr, err);
}

int vm_create_chardevs(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;
	size_t i;

	for (i = 0; i < a->chardev.n; i++)
		if (chardev_add(vm->chardevs, a->chardev.v[i].val, err) < 0)
			return -err->code;
	return 0;
}

/* -mon: a monitor of either kind on a backend that has a name. */
static int add_mon(struct vm *vm, const char *text, struct err *err)
{
	static const char *const modes[] = { "readline", "control", NULL };
	struct qopts *q = qopts_parse("-mon", text, "chardev", err);
	const char *id = NULL;
	struct chardev *chr;
	bool pretty = false;
	int mode = 0;

	if (!q)
		return -err->code;
	qopts_str(q, "chardev", &id, err);
	qopts_enum(q, "mode", modes, &mode, err);
	qopts_bool(q, "pretty", &pretty, err);
	if (!err_is_set(err) && !id)
		err_set(err, EINVAL, "-mon: Parameter 'chardev' is missing");
	if (!err_is_set(err) && pretty)
		err_set(err, ENOTSUP, "-mon: pretty=on is not supported");
	chr = id ? chardev_find(vm->chardevs, id) : NULL;
	if (!err_is_set(err) && !chr)
		err_set(err, ENOENT, "-mon: chardev \"%s\" not found", id);
	if (!err_is_set(err) && qopts_done(q, err) == 0)
		mode ? qmp_start(vm, chr, err) : hmp_start(vm, chr, err);
	qopts_free(q);
	return -err->code;
}

static int add_servers(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;
	struct chardev *chr;
	unsigned i;

	for (i = 0; i < a->monitor.n; i++)
		if (add_legacy(vm, "compat_monitor", i, a->monitor.v[i].val, &chr, err) < 0 || (chr && hmp_start(vm, chr, err) < 0))
			return -err->code;
	for (i = 0; i < a->mon.n; i++)
		if (add_mon(vm, a->mon.v[i].val, err) < 0)
			return -err->code;
	for (i = 0; i < a->qmp.n; i++)
		if (add_legacy(vm, "qmp", i, a->qmp.v[i].val, &chr, err) < 0 || (chr && qmp_start(vm, chr, err) < 0))
			return -err->code;
	if (a->qtest && (add_legacy(vm, "qtest", 0, a->qtest, &chr, err) < 0 || (chr && qtest_start(vm, chr, err) < 0)))
		return -err->code;
	return 0;
}

/* A chip of the board: unit=, else the next one. */
static int add_flash(struct vm *vm, struct drive *d, struct err *err)
{
	if (!device_class_find("cfi.pflash01"))
		return err_set(err, ENOENT, "flash chips are not built in");
	if (d->unit < 0)
		d->unit = (int)vm->flash_units;
	vm->flash_units = (unsigned)d->unit + 1;
	return pc_set_pflash(vm->pc, (unsigned)d->unit, d->id, err);
}

static int add_drive(struct vm *vm, const char *text, struct err *err);

/* The board's SATA ports are "ide.0" to "ide.5": the one that index= says, or the first that is free. */
static int add_ide(struct vm *vm, const struct drive *d, struct err *err)
{
	const char *model = d->cdrom ? "ide-cd" : "ide-hd";
	struct device_bus *bus;
	char name[24];

	if (!device_class_find(model))
		return err_set(err, ENOENT, "SATA disks are not built in, say if=virtio or if=none");
	snprintf(name, sizeof(name), "ide.%d", d->unit);
	bus = device_bus_find(vm->m, d->unit < 0 ? NULL : name, "IDE");
	if (!bus || bus->first)
		return err_set(err, bus ? EBUSY : ENODEV, d->unit < 0 ? "all SATA ports are in use" : "-drive: there is no free SATA port %d", d->unit);
	return device_create(vm->m, bus, model, err, "drive", d->id, NULL) ? 0 : -err->code;
}

/* -hda FILE to -hdd FILE, -cdrom FILE. */
static int add_short_drives(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;
	const struct { const char *file, *how; } shorts[] = {
		{ a->hd[0], "index=0,media=disk" }, { a->hd[1], "index=1,media=disk" }, { a->hd[2], "index=2,media=disk" },
		{ a->hd[3], "index=3,media=disk" }, { a->cdrom, "index=2,media=cdrom" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shorts); i++) {
		struct strbuf text = STRBUF_INIT;
		const char *s;
		int ret;

		if (!shorts[i].file)
			continue;
		strbuf_printf(&text, "if=%s,%s,file=", vm->microvm ? "virtio" : "ide", shorts[i].how);
		for (s = shorts[i].file; *s; s++)	/* a comma in a name is doubled */
			strbuf_puts(&text, (char[]){ *s, *s == ',' ? ',' : 0, 0 });
		ret = strbuf_failed(&text) ? err_set(err, ENOMEM, "out of memory") : add_drive(vm, text.s, err);
		strbuf_free(&text);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* if=virtio brings its device; if=none waits for a -device. */
static int add_drive(struct vm *vm, const char *text, struct err *err)
{
	struct drive *d = drive_add(&vm->drives, text, err);

	if (!d)
		return -err->code;
	if (d->type == DRIVE_IF_NONE)
		return 0;
	if (d->type == DRIVE_IF_PFLASH)
		return add_flash(vm, d, err);
	if (d->type == DRIVE_IF_IDE)
		return add_ide(vm, d, err);
	return device_create(vm->m, NULL, vm->microvm ? "virtio-blk-device" : "virtio-blk-pci", err, "drive", d->id, NULL) ? 0 : -err->code;
}

static int add_objects(struct vm *vm, bool late, struct err *err)
{
	const struct opt_list *list = &vm->args->object;
	size_t i;

	for (i = 0; i < list->n; i++) {
		struct qopts *q = qopts_parse("-object", list->v[i].val, "qom-type", err);
		const char *type = "";

		if (q && qopts_str(q, "qom-type", &type, err) >= 0 && object_is_late(type) == late && object_add(vm->m, q, err) < 0)
			err_prefix(err, "-object %s", list->v[i].val);
		qopts_free(q);
		if (err_is_set(err))
			return -err->code;
	}
	return 0;
}

static int add_drives(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;
	size_t i;

	for (i = 0; i < a->blockdev.n; i++)
		if (!drive_add_blockdev(&vm->drives, a->blockdev.v[i].val, err))
			return -err->code;
	for (i = 0; i < ARRAY_SIZE(vm->machine_flash); i++)
		if (vm->machine_flash[i] && pc_set_pflash(vm->pc, (unsigned)i, vm->machine_flash[i], err) < 0)
			return -err->code;
	for (i = 0; i < a->drive.n; i++)
		if (add_drive(vm, a->drive.v[i].val, err) < 0)
			return -err->code;
	return add_short_drives(vm, err);
}

int vm_create_devices(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;
	struct chardev *chr;
	size_t i;

	if (vm->vga && !device_create(vm->m, NULL, "VGA", err, NULL))
		return -err->code;
	if (add_objects(vm, false, err) < 0 || add_drives(vm, err) < 0)
		return -err->code;
	if (add_serials(vm, err) < 0 || add_default_console(vm, err) < 0)
		return -err->code;
	for (i = 0; i < a->debugcon.n; i++) {
		if (add_legacy(vm, "debugcon", (unsigned)i, a->debugcon.v[i].val, &chr, err) < 0)
			return -err->code;
		if (chr && !device_create(vm->m, NULL, "isa-debugcon", err, "chardev", chardev_id(chr), NULL))
			return -err->code;
	}
	if (vm_create_nics(vm, err) < 0)
		return -err->code;
	for (i = 0; i < a->device.n; i++)
		if (add_device(vm, a->device.v[i].val, err) < 0)
			return err_prefix(err, "-device %s", a->device.v[i].val);
	if (add_objects(vm, true, err) < 0)
		return -err->code;
	return add_servers(vm, err);
}
