/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices. A device is a struct that begins with struct device, described
 * by one struct device_class that is registered:
 *
 *	static const struct device_class edu_class = { .name = "edu", ... };
 *	REGISTER(device, edu_class);
 *
 * Life: device_new() (zeroed, properties at their defaults) ->
 * device_set_prop() ... -> device_realize() -> reset -> use ->
 * device_free(). Properties are the one source of -device options,
 * `-device x,help` and QMP device-list-properties.
 *
 * Threads: with LOCK_DEVICE the core holds dev->lock around every callback
 * (memory regions, timers, character and network input, reset, state);
 * LOCK_NONE classes care for themselves. realize and unrealize run on the
 * main thread. Order of locks: device -> PCI router -> PIC/IOAPIC -> CPU;
 * device -> backend; device -> clock; device -> address space. Two device
 * locks are never held at once except along that order.
 */
#ifndef VMBOX_DEV_DEVICE_H
#define VMBOX_DEV_DEVICE_H

#include <pthread.h>
#include "compiler.h"
#include "err.h"
#include "registry.h"
#include "dev/irq.h"
#include "dev/state.h"

struct json;
struct machine;
struct device;
struct device_bus;

enum device_locking { LOCK_DEVICE, LOCK_NONE };

enum prop_type {
	PROP_T_BOOL, PROP_T_U8, PROP_T_U16, PROP_T_U32, PROP_T_U64, PROP_T_S32, PROP_T_SIZE,
	PROP_T_STR,		/* char *, owned by the device */
	PROP_T_ENUM,		/* u8 index into .choices */
	PROP_T_ONOFFAUTO,	/* u8: 0 auto, 1 on, 2 off */
	PROP_T_DEVFN,		/* s32: slot[.fn], -1: any */
	PROP_T_MAC,		/* u8[6] */
	PROP_T_CHARDEV,		/* struct chardev * by id */
	PROP_T_DRIVE,		/* char *: id or node name, resolved by the device */
	PROP_T_NETDEV,		/* char *: as above */
	PROP_T_LINK,		/* char *: id of an object (iothread, rng, ...) */
	PROP_T_UUID,		/* u8[16] */
};

struct prop {
	const char *name;
	u8  type;
	u8  bit;			/* U32 and U64 only: 1 + bit number makes it a boolean flag */
	u32 offset;
	u64 def;			/* default of numbers */
	const char *help;
	const char *const *choices;	/* ENUM, NULL terminated */
};

#define PROP(s, m, n, t, d, h)	{ .name = n, .type = PROP_T_##t, .offset = offsetof(s, m), .def = d, .help = h }
#define PROP_BIT(s, m, n, b, d, h) \
	{ .name = n, .type = PROP_T_U64, .bit = 1 + (b), .offset = offsetof(s, m), .def = d, .help = h }
#define PROP_ENUM(s, m, n, c, d, h) \
	{ .name = n, .type = PROP_T_ENUM, .offset = offsetof(s, m), .def = d, .help = h, .choices = c }
#define PROP_END		{ .name = NULL }

/* -global: a default that the user gives for a class; before what -device or the board sets. */
struct device_global {
	char driver[64], prop[64];
	const char *value;		/* the list's owner keeps it */
	bool used;			/* a device took it */
	struct device_global *next;
};

struct device_class {
	const char *name;		/* -device NAME */
	const char *alias;		/* second name or NULL */
	const char *desc;		/* one line for -device help */
	const char *bus;		/* bus type it plugs into ("PCI", "ISA", "virtio-bus"), NULL: the board */
	const char *category;		/* "Storage", "Network", "Input", "Display", "Misc", "Bridge" */
	size_t size;			/* of the struct that begins with struct device */
	enum device_locking locking;
	bool internal;			/* made by boards and other devices only; -device refuses it */
	bool hotplug;
	const struct prop *props;
	const struct prop *bus_props;	/* shared by all devices of its kind, e.g. pci_props */
	const void *type_ops;		/* ops of the bus type, e.g. struct pci_ops */
	int  (*realize)(struct device *dev, struct err *err);
	void (*unrealize)(struct device *dev);
	void (*reset)(struct device *dev);
	/*
	 * The machine stops (vCPUs and clock stand) or goes on; main thread, no
	 * lock held, may be NULL. After false the device must neither touch
	 * guest memory nor change its saved state by itself: what is under way
	 * is waited for, what comes from a backend waits until true. A stopped
	 * machine is saved as it stands. A new device is told nothing: it begins
	 * as machine.running says.
	 */
	void (*set_running)(struct device *dev, bool running);
	const struct state_table *state;
	/* What QMP's qom-get gives besides properties: a new tree, NULL: no such thing. Main thread; may be NULL. */
	struct json *(*get)(struct device *dev, const char *name);
	/* qom-set of a property that may change while the machine runs; -ENOENT without err: not this one. Main thread; may be NULL. */
	int  (*set)(struct device *dev, const char *name, const struct json *val, struct err *err);
};

#define DEVICE_MAX_IRQS 8		/* named groups a device */

struct device_irqs {
	const char *name;		/* NULL: "unnamed-gpio-in" / "unnamed-gpio-out" */
	struct irq *in;			/* n input pins, or */
	const struct irq **out;		/* n outgoing lines */
	int n;
};

struct device {
	const struct device_class *cls;
	struct machine *machine;
	pthread_mutex_t lock;
	char *id;			/* -device id=, or NULL */
	char path[64];			/* unique within the machine: "edu", "virtio-blk-pci.1" */
	struct device_bus *bus;		/* where it is plugged */
	struct device *next;		/* on the bus */
	struct device_bus *child_bus;	/* first of its own busses */
	struct device_irqs irqs[DEVICE_MAX_IRQS];
	bool realized, by_user;
	u32 order;			/* counts the devices of the machine as they came */
	bool leaving;			/* atomic: machine_unplug() was called */
};

/* A bus: what a device offers for others to plug into. Lives inside its parent. */
struct device_bus {
	const char *type;		/* "PCI" ... */
	char name[48];			/* "pcie.0", unique */
	struct device *parent;		/* NULL: the root */
	struct device *first;
	struct device_bus *next;	/* of the same parent */
	int max;			/* devices it takes, 0: any number */
	/* Checks the address and finds a free one before realize; may be NULL. */
	int  (*plug)(struct device_bus *bus, struct device *dev, struct err *err);
	void (*unplug)(struct device_bus *bus, struct device *dev);
	/*
	 * Hot plug; NULL: the bus has none. A realized and reset device is shown
	 * to the guest; the guest is asked to let go of one (-EBUSY: asked
	 * already), which ends in machine_unplug(). Main thread, vCPUs parked.
	 */
	void (*hotplug)(struct device_bus *bus, struct device *dev);
	int  (*unplug_request)(struct device_bus *bus, struct device *dev, struct err *err);
	/* Where on the bus dev sits ("03.0"), whatever came before it; may be NULL. Names saved state. */
	void (*address)(const struct device *dev, char *buf, size_t len);
};

const struct device_class *device_class_find(const char *name);
void device_bus_init(struct device_bus *bus, const char *type, const char *name, struct device *parent);

/* NULL with err set: unknown class, no memory, or one of machine.globals does not fit the class. Main thread. */
struct device *device_new(struct machine *m, const char *class_name, struct err *err);
/* Parses text for the property; unknown names and bad values are errors that name both. */
int  device_set_prop(struct device *dev, const char *name, const char *value, struct err *err);
/* bus NULL: the first bus of the right type that has room. On failure the device is freed. */
int  device_realize(struct device *dev, struct device_bus *bus, struct err *err);
/* Frees a device that was never realized. */
void device_discard(struct device *dev);
/* Unplugs and frees a device and all below it. */
void device_free(struct device *dev);
/* Short form for boards: new + props ("a", "1", "b", "x", NULL) + realize. */
struct device *device_create(struct machine *m, struct device_bus *bus, const char *class_name,
			     struct err *err, ...);

/* By id, path, or a QOM-like path whose last part is one of them. */
struct device *device_find(struct machine *m, const char *name);
struct device_bus *device_bus_find(struct machine *m, const char *name, const char *type);
/* Depth first over everything, parents first, until fn returns non-zero. */
int  device_walk(struct machine *m, int (*fn)(struct device *dev, int depth, void *opaque), void *opaque);

/* Name pins so that qtest can intercept them. */
void device_irqs_in(struct device *dev, const char *name, struct irq *in, int n);
void device_irqs_out(struct device *dev, const char *name, const struct irq **out, int n);

/* Tells all devices (set_running); for boards. */
void device_set_running(struct machine *m, bool running);
/* Resets the devices below bus (of dev), children before parents. */
void device_reset_tree(struct device *dev);
void device_reset_bus(struct device_bus *bus);

/* Text of a property's value for `info qtree`; buf is returned. */
char *device_prop_get(struct device *dev, const struct prop *p, char *buf, size_t len);
const struct prop *device_prop_find(const struct device_class *cls, const char *name);
/* "uint32", "bool", ... as device-list-properties names them. */
const char *device_prop_type_name(const struct prop *p);
/* For device.c: fills in the defaults; frees the texts. */
void device_props_default(struct device *dev);
void device_props_free(struct device *dev);

static inline void device_lock(struct device *dev)
{
	if (dev && dev->cls->locking == LOCK_DEVICE)
		pthread_mutex_lock(&dev->lock);
}

static inline void device_unlock(struct device *dev)
{
	if (dev && dev->cls->locking == LOCK_DEVICE)
		pthread_mutex_unlock(&dev->lock);
}

REGISTRY_DECLARE(device);

#endif
