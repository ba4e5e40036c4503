// SPDX-License-Identifier: GPL-2.0-or-later
/* -object: the list, and the sources of random bytes. See dev/object.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>
#include "dev/machine.h"
#include "dev/object.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"

static const struct object_class *find_class(const char *name, struct err *err)
{
	struct str_nearest near = STR_NEAREST_INIT(name);
	const struct object_class *c;

	REGISTRY_FOREACH(object, c) {
		if (str_eq(c->name, name))
			return c;
		str_nearest_offer(&near, c->name);
	}
	if (str_nearest(&near))
		err_set(err, EINVAL, "invalid object type: %s, did you mean '%s'?", name, str_nearest(&near));
	else
		err_set(err, EINVAL, "invalid object type: %s", name);
	return NULL;
}

bool object_is_late(const char *class_name)
{
	const struct object_class *c;

	REGISTRY_FOREACH(object, c)
		if (str_eq(c->name, class_name))
			return c->late;
	return false;
}

static struct object *find(struct machine *m, const char *id)
{
	struct object *o;

	for (o = m->objects; o && !str_eq(o->id, id); o = o->next)
		;
	return o;
}

struct object *object_find(struct machine *m, const char *id, const char *class_prefix, struct err *err)
{
	struct object *o = find(m, id);

	if (!o)
		err_set(err, ENOENT, "object '%s' not found", id);
	else if (class_prefix && !str_starts(o->cls->name, class_prefix, NULL))
		err_set(err, EINVAL, "object '%s' is a %s, not a %s", id, o->cls->name, class_prefix);
	return err_is_set(err) ? NULL : o;
}

static void destroy(struct object *o)
{
	mem_free(o->id);
	mem_free(o);
}

static int create(struct machine *m, const struct object_class *cls, const char *id, struct qopts *q, struct err *err)
{
	struct object *o = mem_zalloc(cls->size), **p;

	if (!o || !(o->id = str_dup(id))) {
		mem_free(o);
		return err_set(err, ENOMEM, "out of memory");
	}
	o->cls = cls;
	o->machine = m;
	if (cls->create(o, q, err) < 0 || err_is_set(err) || qopts_done(q, err) < 0) {
		if (cls->destroy)
			cls->destroy(o);
		destroy(o);
		return -err->code;
	}
	for (p = &m->objects; *p; p = &(*p)->next)
		;
	*p = o;
	return 0;
}

int object_add(struct machine *m, struct qopts *q, struct err *err)
{
	const struct object_class *cls;
	const char *type = NULL, *id = NULL;

	qopts_str(q, "qom-type", &type, err);
	qopts_id(q, "id", &id, err);
	if (err_is_set(err))
		return -err->code;
	if (!type || !id)
		return err_set(err, EINVAL, "Parameter '%s' is missing", type ? "id" : "qom-type");
	if (find(m, id))
		return err_set(err, EEXIST, "attempt to add duplicate property '%s' to object (type 'container')", id);
	cls = find_class(type, err);
	return cls ? create(m, cls, id, q, err) : -err->code;
}

static void free_object(struct object *o)
{
	if (o->cls->destroy)
		o->cls->destroy(o);
	destroy(o);
}

int object_del(struct machine *m, const char *id, struct err *err)
{
	struct object *o = find(m, id), **p;

	if (!o)
		return err_set(err, ENOENT, "object '%s' not found", id);
	if (o->users || (o->cls->in_use && o->cls->in_use(o)))
		return err_set(err, EBUSY, "object '%s' is in use, can not be deleted", id);
	for (p = &m->objects; *p != o; p = &(*p)->next)
		;
	*p = o->next;
	free_object(o);
	return 0;
}

void objects_free(struct machine *m)
{
	while (m->objects) {
		struct object *o = m->objects;

		m->objects = o->next;
		free_object(o);
	}
}

/* ---- random bytes ---- */

struct rng {
	struct object o;
	int fd;			/* -1: getrandom() */
};

static int rng_random_create(struct object *o, struct qopts *q, struct err *err)
{
	const char *name = "/dev/urandom";
	struct rng *r = (struct rng *)o;

	r->fd = -1;
	if (qopts_str(q, "filename", &name, err) < 0)
		return -err->code;
	r->fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return r->fd < 0 ? err_errno(err, errno, "Could not open '%s'", name) : 0;
}

static int rng_builtin_create(struct object *o, struct qopts *q, struct err *err)
{
	(void)q, (void)err;
	((struct rng *)o)->fd = -1;
	return 0;
}

static void rng_destroy(struct object *o)
{
	if (((struct rng *)o)->fd >= 0)
		close(((struct rng *)o)->fd);
}

size_t rng_read(struct object *o, void *buf, size_t n)
{
	int fd = o ? ((struct rng *)o)->fd : -1;
	size_t at = 0;

	while (at < n) {
		ssize_t got = fd >= 0 ? read(fd, (u8 *)buf + at, n - at) : getrandom((u8 *)buf + at, MIN(n - at, (size_t)256), 0);

		if (got <= 0)
			break;
		at += (size_t)got;
	}
	return at;
}

static const char *const rng_random_props[] = { "filename", NULL };
static const struct object_class rng_random_class = {
	.name = "rng-random", .desc = "random bytes of a file", .size = sizeof(struct rng), .props = rng_random_props,
	.create = rng_random_create, .destroy = rng_destroy,
};
REGISTER(object, rng_random_class);
static const struct object_class rng_builtin_class = {
	.name = "rng-builtin", .desc = "random bytes of the host's kernel", .size = sizeof(struct rng),
	.create = rng_builtin_create, .destroy = rng_destroy,
};
REGISTER(object, rng_builtin_class);
