// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device tree: making, plugging, finding, walking, resetting (see
 * dev/device.h). The tree changes on the main thread only, with the vCPUs
 * parked when the machine runs.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "dev/device.h"
#include "dev/machine.h"
#include "mem.h"
#include "str.h"

const struct device_class *device_class_find(const char *name)
{
	const struct device_class *c;

	REGISTRY_FOREACH(device, c)
		if (str_eq(c->name, name) || (c->alias && str_eq(c->alias, name)))
			return c;
	return NULL;
}

void device_bus_init(struct device_bus *bus, const char *type, const char *name, struct device *parent)
{
	struct device_bus **p;

	bus->type = type;
	bus->parent = parent;
	bus->first = NULL;
	bus->next = NULL;
	snprintf(bus->name, sizeof(bus->name), "%s", name);
	if (!parent)
		return;
	for (p = &parent->child_bus; *p; p = &(*p)->next)
		;
	*p = bus;
}

static int unknown_class(const char *name, struct err *err)
{
	struct str_nearest near = STR_NEAREST_INIT(name);
	const struct device_class *c;

	REGISTRY_FOREACH(device, c)
		str_nearest_offer(&near, c->name);
	if (str_nearest(&near))
		return err_set(err, ENOENT, "'%s' is not a valid device model name, did you mean '%s'?", name,
			       str_nearest(&near));
	return err_set(err, ENOENT, "'%s' is not a valid device model name", name);
}

static int apply_globals(struct device *dev, struct err *err)
{
	struct device_global *g;

	for (g = dev->machine->globals; g; g = g->next) {
		if (!str_eq(g->driver, dev->cls->name) && !(dev->cls->alias && str_eq(g->driver, dev->cls->alias)))
			continue;
		g->used = true;
		if (device_set_prop(dev, g->prop, g->value, err) < 0)
			return err_prefix(err, "can't apply global %s.%s=%s", g->driver, g->prop, g->value);
	}
	return 0;
}

static void destroy(struct device *dev)
{
	device_props_free(dev);
	mem_free(dev->id);
	pthread_mutex_destroy(&dev->lock);
	mem_free(dev);
}

struct device *device_new(struct machine *m, const char *class_name, struct err *err)
{
	const struct device_class *cls = device_class_find(class_name);
	struct device *dev;

	if (!cls) {
		unknown_class(class_name, err);
		return NULL;
	}
	dev = mem_zalloc(cls->size);
	if (!dev) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	dev->cls = cls;
	dev->machine = m;
	pthread_mutex_init(&dev->lock, NULL);
	device_props_default(dev);
	if (apply_globals(dev, err) < 0) {
		destroy(dev);
		return NULL;
	}
	return dev;
}

/* ---- walking ---- */

static int walk_bus(struct device_bus *bus, int depth, int (*fn)(struct device *, int, void *), void *opaque);

static int walk_dev(struct device *dev, int depth, int (*fn)(struct device *, int, void *), void *opaque)
{
	struct device_bus *bus;
	int ret = fn(dev, depth, opaque);

	for (bus = dev->child_bus; bus && !ret; bus = bus->next)
		ret = walk_bus(bus, depth + 1, fn, opaque);
	return ret;
}

static int walk_bus(struct device_bus *bus, int depth, int (*fn)(struct device *, int, void *), void *opaque)
{
	struct device *dev, *next;
	int ret = 0;

	for (dev = bus->first; dev && !ret; dev = next) {
		next = dev->next;
		ret = walk_dev(dev, depth, fn, opaque);
	}
	return ret;
}

int device_walk(struct machine *m, int (*fn)(struct device *dev, int depth, void *opaque), void *opaque)
{
	return walk_bus(&m->root, 0, fn, opaque);
}

struct find {
	const char *name, *type;
	size_t len;
	struct device *dev;
	struct device_bus *bus;
	int count;
};

/* QEMU has a device of its own for what is behind a virtio transport; here it is one with that. */
#define VIRTIO_BACKEND "/virtio-backend"

static int match_device(struct device *dev, int depth, void *opaque)
{
	struct find *f = opaque;

	(void)depth;
	if ((dev->id && str_eq(dev->id, f->name)) || str_eq(dev->path, f->name)) {
		f->dev = dev;
		return 1;
	}
	return 0;
}

struct device *device_find(struct machine *m, const char *name)
{
	char text[128];
	size_t n = str_ends(name, VIRTIO_BACKEND) ? strlen(name) - strlen(VIRTIO_BACKEND) : strlen(name);
	struct find f = { .name = text };
	const char *last;

	if (n >= sizeof(text))
		return NULL;
	memcpy(text, name, n);
	text[n] = '\0';
	last = strrchr(text, '/');
	f.name = last ? last + 1 : text;
	device_walk(m, match_device, &f);
	return f.dev;
}

/* A bus that fits: by name, or the first of the type with room. */
static int match_bus(struct device *dev, int depth, void *opaque)
{
	struct find *f = opaque;
	struct device_bus *bus;

	(void)depth;
	for (bus = dev->child_bus; bus; bus = bus->next) {
		struct device *d;
		int n = 0;

		if (f->type && !str_eq(bus->type, f->type))
			continue;
		if (f->name ? !str_eq(bus->name, f->name) && !(dev->id && str_eq(dev->id, f->name)) : false)
			continue;
		for (d = bus->first; d; d = d->next)
			n++;
		if (!f->name && bus->max && n >= bus->max)
			continue;
		f->bus = bus;
		return 1;
	}
	return 0;
}

struct device_bus *device_bus_find(struct machine *m, const char *name, const char *type)
{
	struct find f = { .name = name, .type = type };

	device_walk(m, match_bus, &f);
	return f.bus;
}

static int match_path(struct device *dev, int depth, void *opaque)
{
	struct find *f = opaque;

	(void)depth;
	return str_eq(dev->path, f->name);
}

/* "edu", then "edu.1", "edu.2" ... */
static void make_path(struct device *dev)
{
	struct find f = { .name = dev->path };
	unsigned n = 0;

	snprintf(dev->path, sizeof(dev->path), "%s", dev->cls->name);
	while (device_walk(dev->machine, match_path, &f))
		snprintf(dev->path, sizeof(dev->path), "%s.%u", dev->cls->name, ++n);
}

/* ---- plugging ---- */

static void bus_append(struct device_bus *bus, struct device *dev)
{
	struct device **p = &bus->first;

	while (*p)
		p = &(*p)->next;
	*p = dev;
	dev->bus = bus;
}

static void bus_remove(struct device *dev)
{
	struct device **p = &dev->bus->first;

	while (*p && *p != dev)
		p = &(*p)->next;
	if (*p)
		*p = dev->next;
	dev->next = NULL;
}

static int choose_bus(struct device *dev, struct device_bus **bus, struct err *err)
{
	const char *type = dev->cls->bus;

	if (!type) {
		*bus = &dev->machine->root;
		return 0;
	}
	if (!*bus)
		*bus = device_bus_find(dev->machine, NULL, type);
	if (!*bus)
		return err_set(err, ENODEV, "no '%s' bus found for device '%s'", type, dev->cls->name);
	if (!str_eq((*bus)->type, type))
		return err_set(err, EINVAL, "bus '%s' is a %s bus; device '%s' needs %s", (*bus)->name, (*bus)->type,
			       dev->cls->name, type);
	return 0;
}

int device_realize(struct device *dev, struct device_bus *bus, struct err *err)
{
	int ret = choose_bus(dev, &bus, err);

	if (ret < 0)
		goto fail;
	make_path(dev);
	if (bus->plug) {
		ret = bus->plug(bus, dev, err);
		if (ret < 0)
			goto fail;
	}
	bus_append(bus, dev);
	ret = dev->cls->realize ? dev->cls->realize(dev, err) : 0;
	if (ret < 0) {
		err_prefix(err, "device '%s'", dev->id ? dev->id : dev->cls->name);
		bus_remove(dev);
		if (bus->unplug)
			bus->unplug(bus, dev);
		goto fail;
	}
	dev->realized = true;
	dev->order = ++dev->machine->devices;
	return 0;

fail:
	destroy(dev);
	return ret;
}

/* The last made goes first: it may use those that were there before (lines that it drives). */
static struct device *last_of(struct device_bus *bus)
{
	struct device *d = bus->first;

	while (d->next)
		d = d->next;
	return d;
}

void device_free(struct device *dev)
{
	struct device_bus *bus;

	for (bus = dev->child_bus; bus; bus = bus->next)
		while (bus->first)
			device_free(last_of(bus));
	if (dev->cls->unrealize)
		dev->cls->unrealize(dev);
	bus_remove(dev);
	if (dev->bus->unplug)
		dev->bus->unplug(dev->bus, dev);
	destroy(dev);
}

struct device *device_create(struct machine *m, struct device_bus *bus, const char *class_name, struct err *err, ...)
{
	struct device *dev = device_new(m, class_name, err);
	const char *name;
	va_list ap;
	int ret = 0;

	if (!dev)
		return NULL;
	va_start(ap, err);
	while (ret == 0 && (name = va_arg(ap, const char *)))
		ret = device_set_prop(dev, name, va_arg(ap, const char *), err);
	va_end(ap);
	if (ret < 0) {
		destroy(dev);
		return NULL;
	}
	return device_realize(dev, bus, err) < 0 ? NULL : dev;
}

void device_discard(struct device *dev)
{
	destroy(dev);
}

/* ---- pins ---- */

static struct device_irqs *free_group(struct device *dev)
{
	int i;

	for (i = 0; i < DEVICE_MAX_IRQS; i++)
		if (!dev->irqs[i].n)
			return &dev->irqs[i];
	return NULL;
}

void device_irqs_in(struct device *dev, const char *name, struct irq *in, int n)
{
	struct device_irqs *g = free_group(dev);

	BUG_ON(!g);
	*g = (struct device_irqs){ .name = name, .in = in, .n = n };
}

void device_irqs_out(struct device *dev, const char *name, const struct irq **out, int n)
{
	struct device_irqs *g = free_group(dev);

	BUG_ON(!g);
	*g = (struct device_irqs){ .name = name, .out = out, .n = n };
}

/* ---- running and reset ---- */

static int tell_running(struct device *dev, int depth, void *opaque)
{
	(void)depth;
	if (dev->cls->set_running)
		dev->cls->set_running(dev, *(const bool *)opaque);
	return 0;
}

void device_set_running(struct machine *m, bool running)
{
	if (m->running == running)
		return;
	m->running = running;
	device_walk(m, tell_running, &running);
}

void device_reset_bus(struct device_bus *bus)
{
	struct device *dev;

	for (dev = bus->first; dev; dev = dev->next)
		device_reset_tree(dev);
}

void device_reset_tree(struct device *dev)
{
	struct device_bus *bus;

	for (bus = dev->child_bus; bus; bus = bus->next)
		device_reset_bus(bus);
	if (!dev->cls->reset)
		return;
	device_lock(dev);
	dev->cls->reset(dev);
	device_unlock(dev);
}
