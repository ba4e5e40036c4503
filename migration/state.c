// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Units with a state table: devices, named by where they are plugged, and
 * what else the machine lists. A unit's record holds its class and the bytes
 * that the table walker writes.
 */
#include <stdio.h>
#include <string.h>
#include "mem.h"
#include "priv.h"
#include "str.h"

static struct mig_unit *add(struct mig_units *u)
{
	if (mem_grow(&u->v, &u->cap, u->n + 1, sizeof(*u->v)) < 0)
		return NULL;
	memset(&u->v[u->n], 0, sizeof(*u->v));
	return &u->v[u->n++];
}

static int add_device(struct device *dev, int depth, void *opaque)
{
	struct mig_unit *unit;
	char where[64] = "";

	(void)depth;
	if (!dev->cls->state)
		return 0;
	unit = add(opaque);
	if (!unit)
		return -ENOMEM;
	if (dev->bus && dev->bus->address)
		dev->bus->address(dev, where, sizeof(where));
	if (where[0])
		snprintf(unit->name, sizeof(unit->name), "%s/%s/%s", dev->bus->name, where, dev->cls->name);
	else
		snprintf(unit->name, sizeof(unit->name), "%s", dev->id ? dev->id : dev->path);
	unit->table = dev->cls->state;
	unit->object = dev;
	unit->dev = dev;
	return 0;
}

static int add_others(struct machine *m, struct mig_units *u, bool cpus)
{
	struct machine_state *s;

	for (s = m->states; s; s = s->next) {
		struct mig_unit *unit;

		if (str_starts(s->name, "cpu.", NULL) != cpus)
			continue;
		unit = add(u);
		if (!unit)
			return -ENOMEM;
		snprintf(unit->name, sizeof(unit->name), "%s", s->name);
		unit->table = s->table;
		unit->object = s->opaque;
	}
	return 0;
}

/* The clock before the devices, whose timers count on it; vCPUs behind the controllers that interrupt them. */
int mig_units_list(struct machine *m, struct mig_units *u, struct err *err)
{
	*u = (struct mig_units){ 0 };
	if (add_others(m, u, false) == 0 && device_walk(m, add_device, u) == 0 && add_others(m, u, true) == 0)
		return 0;
	mig_units_free(u);
	return err_set(err, ENOMEM, "out of memory");
}

void mig_units_free(struct mig_units *u)
{
	mem_free(u->v);
	*u = (struct mig_units){ 0 };
}

int mig_save_unit(struct mig_stream *s, struct mig_unit *u, struct err *err)
{
	struct state_buf b = { 0 };
	int ret;

	state_put_str(&b, u->dev ? u->dev->cls->name : u->name);
	device_lock(u->dev);
	ret = state_save(u->table, u->object, &b);
	device_unlock(u->dev);
	if (ret < 0)
		err_set(err, -ret, "%s: the state does not fit into memory", u->name);
	else
		ret = mig_write_record(s, MIG_STATE, u->table->version ? u->table->version : 1, u->name, b.data, b.len, err);
	state_buf_free(&b);
	return ret;
}

static bool same_class(struct state_buf *b, const char *want)
{
	u32 len = state_get_u32(b);
	bool same = len == strlen(want) && len <= b->len - b->pos && !memcmp(b->data + b->pos, want, len);

	b->pos += same ? len : 0;
	return same;
}

int mig_load_unit(struct mig_units *units, struct mig_record *r, struct err *err)
{
	struct mig_unit *u = NULL;
	size_t i;
	int ret;

	for (i = 0; i < units->n && !u; i++)
		if (str_eq(units->v[i].name, r->name))
			u = &units->v[i];
	if (!u)
		return err_set(err, EINVAL, "the saved state has '%s', which is not here", r->name);
	if (u->loaded)
		return err_set(err, EINVAL, "the saved state has '%s' twice", r->name);
	if (!same_class(&r->payload, u->dev ? u->dev->cls->name : u->name))
		return err_set(err, EINVAL, "the saved state's '%s' is another device than here", r->name);
	device_lock(u->dev);
	ret = state_load(u->table, u->object, &r->payload, r->version, err);
	device_unlock(u->dev);
	if (ret == 0 && r->payload.pos != r->payload.len)
		ret = err_set(err, EINVAL, "%zu bytes too many", r->payload.len - r->payload.pos);
	u->loaded = true;
	return ret < 0 ? err_prefix(err, "%s", r->name) : 0;
}
