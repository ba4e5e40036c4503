// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory backends (see dev/hostmem.h): the options and the objects that remember them. */
#include <errno.h>
#include "dev/hostmem.h"
#include "dev/machine.h"
#include "dev/object.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"

#define PREFIX "memory-backend-"

struct hostmem {
	struct object o;
	struct hostmem_conf conf;	/* without the path */
};

bool hostmem_is_type(const char *type)
{
	const char *rest;

	return str_starts(type, PREFIX, &rest) && (str_eq(rest, "ram") || str_eq(rest, "file") || str_eq(rest, "memfd"));
}

int hostmem_conf_read(const char *type, struct qopts *q, struct hostmem_conf *c, struct err *err)
{
	bool file = str_eq(type, PREFIX "file"), merge = true, dump = true, hugetlb = false, discard = false, reserve = true;

	*c = (struct hostmem_conf){ .share = str_eq(type, PREFIX "memfd") };
	qopts_size(q, "size", &c->size, err);
	qopts_bool(q, "share", &c->share, err);
	qopts_bool(q, "prealloc", &c->prealloc, err);
	/* Advice to the host's kernel that changes nothing a guest could see. */
	qopts_bool(q, "merge", &merge, err);
	qopts_bool(q, "dump", &dump, err);
	qopts_bool(q, "reserve", &reserve, err);
	if (file) {
		qopts_str(q, "mem-path", &c->path, err);
		qopts_bool(q, "discard-data", &discard, err);
		qopts_require(q, "mem-path", err);
	} else if (str_eq(type, PREFIX "memfd")) {
		qopts_bool(q, "hugetlb", &hugetlb, err);
	}
	if (!err_is_set(err) && !c->size)
		err_set(err, EINVAL, "property 'size' of %s doesn't take value '0'", type);
	if (!err_is_set(err) && (hugetlb || discard))
		err_set(err, ENOTSUP, "hugetlb=on and discard-data=on are not supported");
	return -err->code;
}

static int create(struct object *o, struct qopts *q, struct err *err)
{
	struct hostmem *h = (struct hostmem *)o;

	if (hostmem_conf_read(o->cls->name, q, &h->conf, err) < 0)
		return -err->code;
	h->conf.path = NULL;
	/* The board has made its memory of it already. */
	if (o->machine->ram_backend && str_eq(o->id, o->machine->ram_backend))
		o->users++;
	return 0;
}

const struct hostmem_conf *hostmem_conf_of(const struct object *o)
{
	return hostmem_is_type(o->cls->name) ? &((const struct hostmem *)o)->conf : NULL;
}

static const char *const ram_props[] = { "size", "share", "prealloc", "merge", "dump", "reserve", NULL };
static const struct object_class ram_class = {
	.name = PREFIX "ram", .desc = "memory for the machine", .size = sizeof(struct hostmem), .props = ram_props, .create = create,
};
REGISTER(object, ram_class);

static const char *const memfd_props[] = { "size", "share", "prealloc", "merge", "dump", "reserve", "hugetlb", NULL };
static const struct object_class memfd_class = {
	.name = PREFIX "memfd", .desc = "memory for the machine", .size = sizeof(struct hostmem), .props = memfd_props, .create = create,
};
REGISTER(object, memfd_class);

static const char *const file_props[] = { "size", "share", "prealloc", "merge", "dump", "reserve", "mem-path", "discard-data", NULL };
static const struct object_class file_class = {
	.name = PREFIX "file", .desc = "memory for the machine, in a file", .size = sizeof(struct hostmem), .props = file_props, .create = create,
};
REGISTER(object, file_class);
