/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects of -object and object-add: named things that devices use by id
 * (PROP_T_LINK). A class is a struct object_class that is registered:
 *	REGISTER(object, rng_builtin_class);
 * Main thread; what a device does with an object is the class's own contract.
 */
#ifndef VMBOX_DEV_OBJECT_H
#define VMBOX_DEV_OBJECT_H

#include "err.h"
#include "registry.h"

struct machine;
struct object;
struct json;
struct loop;
struct qopts;

struct object_class {
	const char *name;		/* "iothread", "rng-random", ... */
	const char *desc;
	size_t size;			/* of the struct that begins with struct object */
	const char *const *props;	/* names, NULL terminated; for qom-list and help */
	bool late;			/* it refers to devices or backends: the command line makes it behind them */
	/* Reads its keys of q; the caller refuses what was not asked for. */
	int  (*create)(struct object *o, struct qopts *q, struct err *err);
	void (*destroy)(struct object *o);
	/* Beside users: something else holds it. NULL: nothing does. */
	bool (*in_use)(const struct object *o);
	/* qom-get and qom-set of the class's own properties; NULL, -ENOENT: not this one. */
	struct json *(*get)(const struct object *o, const char *name);
	int  (*set)(struct object *o, const char *name, const struct json *val, struct err *err);
};

struct object {
	const struct object_class *cls;
	struct machine *machine;
	char *id;
	struct object *next;
	unsigned users;			/* devices that hold it: it cannot be deleted */
};

REGISTRY_DECLARE(object);

/* q: qom-type (implied first key) and id, then what the class takes. */
/* True: -object makes it when the devices are there. */
bool object_is_late(const char *class_name);
int  object_add(struct machine *m, struct qopts *q, struct err *err);
int  object_del(struct machine *m, const char *id, struct err *err);
/* class_prefix: what its class's name must begin with, NULL: anything. Err names what is missing. */
struct object *object_find(struct machine *m, const char *id, const char *class_prefix, struct err *err);
void objects_free(struct machine *m);

/* ---- iothread: a loop on a thread of its own ---- */

/* For loop_bh and loop_post(). The thread runs until the object is deleted. */
struct loop *iothread_loop(struct object *o);
int  iothread_tid(struct object *o);
/* Runs fn(arg) on it and waits. Main thread. */
void iothread_call(struct object *o, void (*fn)(void *arg), void *arg);

/* ---- rng-random, rng-builtin ---- */

/* At most n random bytes; fewer: the source has no more now. Any thread. */
size_t rng_read(struct object *o, void *buf, size_t n);

#endif
